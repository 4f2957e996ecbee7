/* Files by descriptor: open flags, seeking, holes, truncation, appending. */
#include <fcntl.h>

#include "tree.h"

int main(void) {
    char buffer[64] = {0};
    int fd = open("data.bin", O_RDWR | O_CREAT | O_EXCL, 0644);
    printf("opened: %d\n", fd >= 0);
    outcome("create again", open("data.bin", O_RDWR | O_CREAT | O_EXCL, 0644));
    outcome("open absent", open("absent", O_RDONLY));
    outcome("write", write(fd, "0123456789", 10));
    outcome("seek to 4", lseek(fd, 4, SEEK_SET));
    outcome("read", read(fd, buffer, 3));
    printf("read [%s]\n", buffer);
    outcome("where", lseek(fd, 0, SEEK_CUR));
    outcome("write in the middle", write(fd, "xy", 2));
    outcome("seek from the end", lseek(fd, -1, SEEK_END));
    memset(buffer, 0, sizeof buffer);
    outcome("read the last", read(fd, buffer, sizeof buffer));
    printf("read [%s]\n", buffer);
    outcome("read at the end", read(fd, buffer, sizeof buffer));
    outcome("seek before the start", lseek(fd, -1, SEEK_SET));

    outcome("seek past the end", lseek(fd, 100000, SEEK_SET));
    outcome("write after a hole", write(fd, "end", 3));
    struct stat status;
    fstat(fd, &status);
    printf("size %lld\n", (long long)status.st_size);
    outcome("seek into the hole", lseek(fd, 5000, SEEK_SET));
    memset(buffer, 'x', sizeof buffer);
    outcome("read the hole", read(fd, buffer, sizeof buffer));
    int zeros = 0;
    for (size_t i = 0; i < sizeof buffer; i++)
        zeros += buffer[i] == 0;
    printf("%d zeros\n", zeros);

    outcome("shrink", ftruncate(fd, 7));
    outcome("grow", ftruncate(fd, 20));
    outcome("shrink to a negative size", ftruncate(fd, -1));
    lseek(fd, 0, SEEK_SET);
    memset(buffer, 'x', sizeof buffer);
    ssize_t n = read(fd, buffer, sizeof buffer);
    for (ssize_t i = 0; i < n; i++)
        printf("%02x", (unsigned char)buffer[i]);
    putchar('\n');
    outcome("sync", fsync(fd));
    outcome("close", close(fd));
    outcome("write to a closed file", write(fd, "x", 1));

    fd = open("log.txt", O_WRONLY | O_CREAT | O_APPEND, 0644);
    outcome("append", write(fd, "first\n", 6));
    lseek(fd, 0, SEEK_SET);
    outcome("append after seeking", write(fd, "second\n", 7));
    outcome("where", lseek(fd, 0, SEEK_CUR));
    outcome("read a file open for writing", read(fd, buffer, 1));
    close(fd);
    fd = open("log.txt", O_RDONLY);
    outcome("write a file open for reading", write(fd, "x", 1));
    close(fd);

    fd = open("cut.txt", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    outcome("write", write(fd, "long contents", 13));
    close(fd);
    fd = open("cut.txt", O_WRONLY | O_TRUNC);
    outcome("write after cutting", write(fd, "short", 5));
    close(fd);

    fd = open("big.bin", O_RDWR | O_CREAT, 0644);
    static unsigned char block[65536];
    for (int i = 0; i < 32; i++) {
        for (size_t j = 0; j < sizeof block; j++)
            block[j] = (unsigned char)(i * 31 + (int)j * 7 + (int)(j >> 8));
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
            puts("short write");
    }
    uint64_t hash = HASH_START;
    for (int i = 31; i >= 0; i--) {
        lseek(fd, (off_t)i * 65536, SEEK_SET);
        if (read(fd, block, sizeof block) != (ssize_t)sizeof block)
            puts("short read");
        hash = hash_bytes(hash, block, sizeof block);
    }
    printf("backwards %016llx\n", (unsigned long long)hash);
    close(fd);
    print_tree(".");
    return 0;
}
