/* Files that are open and have no name any more, alone and with another file of that name; a directory likewise. */
//! input = ....
//! every = 7 16
//! file = /d/gone: the old one
//! upstream = it was given directories
//! standalone = the program has opened descriptor 4
//! standalone = the program has changed files or directories
#include "state.h"
#include <fcntl.h>
#include <sys/stat.h>

int main(void) {
    char text[16] = {0};
    int old = open("/d/gone", O_RDWR), copy = open("/d/gone", O_RDONLY);
    CHECK(old >= 0 && copy >= 0 && read(copy, text, 4) == 4 && unlink("/d/gone") == 0);
    CHECK(mkdir("/d/empty", 0700) == 0);
    int empty = open("/d/empty", O_RDONLY | O_DIRECTORY);
    CHECK(empty >= 0 && rmdir("/d/empty") == 0);
    wait_here();

    CHECK(write(old, "THE", 3) == 3 && close(old) == 0);
    int new = open("/d/gone", O_RDWR | O_CREAT, 0600);
    CHECK(new == old && write(new, "the new one", 11) == 11);
    wait_here();

    CHECK(read(copy, text, sizeof text - 1) == 7);
    printf("%s\n", text);
    CHECK(pread(copy, text, 3, 0) == 3 && pread(new, text + 3, 8, 3) == 8);
    printf("%s\n", text);
    struct stat status;
    CHECK(fstat(copy, &status) == 0);
    printf("%lld links\n", (long long)status.st_nlink);
    wait_here();

    CHECK(openat(empty, "file", O_WRONLY | O_CREAT, 0600) == -1);
    CHECK(fstat(empty, &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(close(empty) == 0 && close(copy) == 0);
    wait_here();
    printf("%d\n", access("/d/empty", F_OK));
    return 0;
}
