/* Metadata: kinds, sizes, link counts, times set and read. */
#include <fcntl.h>

#include "tree.h"

static void show(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        printf("%s: %s\n", path, error_name(errno));
        return;
    }
    printf("%s: %s", path, S_ISDIR(status.st_mode) ? "directory" : S_ISREG(status.st_mode) ? "file" : "other");
    if (S_ISREG(status.st_mode))
        printf(", %lld bytes, %d links", (long long)status.st_size, (int)status.st_nlink);
    putchar('\n');
}

int main(void) {
    show(".");
    show("absent");
    int fd = open("file", O_CREAT | O_RDWR, 0644);
    show("file");
    if (write(fd, "hello", 5) != 5)
        puts("short write");
    show("file");
    show("file/below");
    show("./file");
    mkdir("dir", 0755);
    show("dir");
    show("dir/");
    show("dir/../file");

    struct stat a, b;
    stat("file", &a);
    fstat(fd, &b);
    printf("same file: %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    stat("dir", &b);
    printf("another file: %d\n", a.st_ino != b.st_ino);

    outcome("link", link("file", "dir/other"));
    outcome("link again", link("file", "dir/other"));
    show("file");
    stat("dir/other", &b);
    printf("same file: %d\n", a.st_ino == b.st_ino);
    unlink("file");
    show("file");
    show("dir/other");
    fstat(fd, &b);
    printf("%d links by descriptor\n", (int)b.st_nlink);

    struct timespec times[2] = {{1000000000, 0}, {1234567890, 500000000}};
    outcome("futimens", futimens(fd, times));
    stat("dir/other", &b);
    printf("times %lld %lld.%09ld\n", (long long)b.st_atim.tv_sec, (long long)b.st_mtim.tv_sec, (long)b.st_mtim.tv_nsec);
    times[0].tv_sec = 86400;
    times[1].tv_nsec = 250000000;
    outcome("utimensat", utimensat(AT_FDCWD, "dir/other", times, 0));
    stat("dir/other", &b);
    printf("times %lld %lld.%09ld\n", (long long)b.st_atim.tv_sec, (long long)b.st_mtim.tv_sec, (long)b.st_mtim.tv_nsec);
    outcome("utimensat of nothing", utimensat(AT_FDCWD, "nothing", times, 0));
    lseek(fd, 0, SEEK_END);
    if (write(fd, "!", 1) != 1)
        puts("short write");
    fstat(fd, &b);
    printf("writing moved the time: %d\n", b.st_mtim.tv_sec > 1234567890);
    close(fd);

    outcome("access", access("dir/other", R_OK | W_OK));
    outcome("access of nothing", access("nothing", F_OK));
    printf("stdin is a directory: %d\n", fstat(0, &b) == 0 && S_ISDIR(b.st_mode));
    printf("isatty: %d\n", isatty(0));
    print_tree(".");
    return 0;
}
