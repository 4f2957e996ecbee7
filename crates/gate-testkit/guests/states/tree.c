/* A tree of directories, links and files that grows, moves and shrinks, with times. */
//! input = ....
//! every = 37 83
//! file = /from/a.txt: given
//! upstream = it was given directories
//! standalone = the program has changed files or directories
#include "state.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <utime.h>

int main(void) {
    char path[64], text[32] = {0};
    CHECK(mkdir("/from/x", 0755) == 0 && mkdir("/from/x/y", 0755) == 0);
    CHECK(symlink("../a.txt", "/from/x/link") == 0 && link("/from/a.txt", "/from/x/y/hard") == 0);
    wait_here();
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "/from/x/file%d", i);
        int f = open(path, O_WRONLY | O_CREAT, 0644);
        CHECK(f >= 0 && dprintf(f, "number %d", i) > 0 && close(f) == 0);
        if (i == 3)
            wait_here();
    }
    CHECK(rename("/from/x", "/from/z") == 0);
    struct timespec times[2] = {{1000000000, 5}, {1234567890, 123456789}};
    CHECK(utimensat(AT_FDCWD, "/from/z/file5", times, 0) == 0);
    wait_here();
    struct stat status;
    CHECK(stat("/from/z/file5", &status) == 0);
    printf("%lld.%09ld %lld\n", (long long)status.st_mtim.tv_sec, (long)status.st_mtim.tv_nsec, (long long)status.st_size);
    CHECK(stat("/from/z/link", &status) == 0);
    printf("%lld bytes, %lld links\n", (long long)status.st_size, (long long)status.st_nlink);
    CHECK(readlink("/from/z/link", text, sizeof text) == 8);
    wait_here();
    int f = open("/from/z/y/../file7", O_RDONLY);
    CHECK(f >= 0 && read(f, text, sizeof text) == 8);
    printf("%s\n", text);
    return 0;
}
