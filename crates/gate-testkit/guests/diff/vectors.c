/* Positioned and vectored reading and writing; descriptor flags. */
#include <fcntl.h>
#include <sys/uio.h>

#include "tree.h"

/* Writes what the pieces hold: one call may write less, and then says how much. */
static long long write_pieces(int fd, struct iovec *pieces, int count) {
    long long total = 0;
    while (count > 0) {
        ssize_t n = writev(fd, pieces, count);
        if (n < 0)
            return -1;
        total += n;
        for (; count > 0 && (size_t)n >= pieces->iov_len; pieces++, count--)
            n -= (ssize_t)pieces->iov_len;
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + n;
            pieces->iov_len -= (size_t)n;
        }
    }
    return total;
}

/* Reads until the pieces are full or the file ends. */
static long long read_pieces(int fd, struct iovec *pieces, int count) {
    long long total = 0;
    while (count > 0) {
        ssize_t n = readv(fd, pieces, count);
        if (n <= 0)
            return n < 0 ? -1 : total;
        total += n;
        for (; count > 0 && (size_t)n >= pieces->iov_len; pieces++, count--)
            n -= (ssize_t)pieces->iov_len;
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + n;
            pieces->iov_len -= (size_t)n;
        }
    }
    return total;
}

int main(void) {
    char a[8] = {0}, b[8] = {0}, c[32] = {0};
    int fd = open("data", O_CREAT | O_RDWR, 0644);
    struct iovec out[4] = {{"first ", 6}, {"", 0}, {"second ", 7}, {"third", 5}};
    outcome("writev", write_pieces(fd, out, 4));
    outcome("where", lseek(fd, 0, SEEK_CUR));
    outcome("pwrite", pwrite(fd, "SECOND", 6, 6));
    outcome("where", lseek(fd, 0, SEEK_CUR));
    outcome("pwrite past the end", pwrite(fd, "end", 3, 40));
    outcome("pread", pread(fd, c, 6, 6));
    printf("[%s]\n", c);
    outcome("pread past the end", pread(fd, c, 6, 100));
    lseek(fd, 0, SEEK_SET);
    struct iovec in[3] = {{a, 5}, {b, 7}, {c, 30}};
    outcome("readv", read_pieces(fd, in, 3));
    printf("[%s] [%s] [%.6s]\n", a, b, c);
    struct iovec rest[2] = {{a, 5}, {b, 7}};
    outcome("readv at the end", read_pieces(fd, rest, 2));
    outcome("write nothing", write(fd, "", 0));

    int flags = fcntl(fd, F_GETFL);
    printf("access %d, append %d\n", (flags & O_ACCMODE) == O_RDWR, (flags & O_APPEND) != 0);
    outcome("set append", fcntl(fd, F_SETFL, O_APPEND));
    printf("append %d\n", (fcntl(fd, F_GETFL) & O_APPEND) != 0);
    lseek(fd, 0, SEEK_SET);
    outcome("write", write(fd, "+", 1));
    outcome("size", lseek(fd, 0, SEEK_END));
    outcome("unset append", fcntl(fd, F_SETFL, 0));
    lseek(fd, 0, SEEK_SET);
    outcome("write", write(fd, "F", 1));
    outcome("size", lseek(fd, 0, SEEK_END));
    outcome("advise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));

    int second = open("data", O_RDONLY);
    outcome("another position", lseek(second, 0, SEEK_CUR));
    outcome("pwrite here", pwrite(fd, "shared", 6, 0));
    memset(a, 0, sizeof a);
    outcome("read there", read(second, a, 6));
    printf("[%s]\n", a);
    close(second);
    int numbers[64], opened = 0;
    for (int i = 0; i < 64; i++)
        opened += (numbers[i] = open("data", O_RDONLY)) >= 0;
    for (int i = 0; i < 64; i++)
        close(numbers[i]);
    printf("%d at once\n", opened);
    close(fd);
    print_tree(".");
    return 0;
}
