/* Open files: where each of them is, how it was opened, what two descriptors share, and what is in them. */
//! input = .....
//! every = 37 61
//! file = /data/given.txt: 0123456789abcdefghij
//! upstream = it was given directories
//! standalone = the program has opened descriptor 4
//! standalone = the program has changed files or directories
#include "state.h"
#include <fcntl.h>
#include <sys/stat.h>

static void show(int file, const char *what) {
    char text[64] = {0};
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    printf("%s: %zd at %lld: %s\n", what, n, (long long)lseek(file, 0, SEEK_CUR), text);
    fflush(stdout);
}

int main(void) {
    char text[8] = {0};
    int given = open("/data/given.txt", O_RDWR);
    int log = open("/data/log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    int other = open("/data/log", O_RDWR);
    int sparse = open("/data/sparse", O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(given >= 3 && log > given && other > log && sparse > other);
    CHECK(read(given, text, 4) == 4);
    CHECK(write(log, "one ", 4) == 4);
    CHECK(lseek(sparse, 100000, SEEK_SET) == 100000);
    wait_here();

    printf("%s\n", text);
    CHECK(write(other, "ONE", 3) == 3);
    CHECK(write(log, "two ", 4) == 4);
    CHECK(write(sparse, "end", 3) == 3);
    CHECK(read(given, text, 4) == 4);
    wait_here();

    printf("%s\n", text);
    CHECK(write(log, "three", 5) == 5);
    show(other, "log");
    CHECK(write(given, "NEW", 3) == 3);
    CHECK(ftruncate(given, 14) == 0);
    struct stat status;
    CHECK(fstat(sparse, &status) == 0);
    printf("sparse: %lld\n", (long long)status.st_size);
    wait_here();

    show(given, "given");
    CHECK(rename("/data/log", "/data/renamed") == 0);
    CHECK(write(log, "!", 1) == 1);
    CHECK(close(log) == 0);
    CHECK(write(log, "?", 1) == -1);
    wait_here();

    show(other, "renamed");
    int again = open("/data/renamed", O_RDONLY);
    CHECK(again == log);
    CHECK(write(again, "?", 1) == -1);
    CHECK(open("/data/log", O_RDONLY) == -1);
    wait_here();

    show(again, "again");
    CHECK(lseek(sparse, -5, SEEK_END) == 99998);
    CHECK(read(sparse, text, 8) == 5);
    printf("%d %d %s\n", text[0], text[1], text + 2);
    return 0;
}
