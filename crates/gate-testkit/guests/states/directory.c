/* Stopped while it lists a directory, which somebody changes meanwhile. */
//! input = ....
//! every = 20 41
//! file = /d/a: 1
//! file = /d/b: 2
//! file = /d/c: 3
//! file = /d/deep/e: 4
//! file = /d/f: 5
//! upstream = it was given directories
//! standalone = the program has opened descriptor 4
#include "state.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

int main(void) {
    /* The order of entries is not defined, but it must be one. */
    char seen[256] = {0};
    DIR *d = opendir("/d");
    CHECK(d != NULL);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(d)) != NULL; n++) {
        CHECK(entry->d_name[0] != 0);
        seen[(unsigned char)entry->d_name[0]]++;
        if (n % 2 == 0)
            wait_here();
    }
    printf("%d %d %d %d %d %d %d\n", n, seen['.'], seen['a'], seen['b'], seen['c'], seen['d'], seen['f']);
    int deep = openat(dirfd(d), "deep", O_RDONLY | O_DIRECTORY);
    CHECK(deep >= 0 && mkdirat(deep, "new", 0700) == 0 && unlinkat(deep, "e", 0) == 0);
    rewinddir(d);
    long at = 0;
    for (n = 0; readdir(d) != NULL; n++)
        if (n == 3)
            at = telldir(d);
    seekdir(d, at);
    int rest = 0;
    while (readdir(d) != NULL)
        rest++;
    struct stat status;
    printf("%d entries, %d after the fourth, new: %d, e: %d\n", n, rest,
        fstatat(deep, "new", &status, 0) == 0 && S_ISDIR(status.st_mode), faccessat(deep, "e", F_OK, 0));
    return 0;
}
