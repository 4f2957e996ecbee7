/* Paths relative to open directories: the *at functions. */
#include <fcntl.h>

#include "tree.h"

int main(void) {
    char text[64] = {0};
    mkdir("top", 0755);
    int top = open("top", O_RDONLY | O_DIRECTORY);
    outcome("mkdirat", mkdirat(top, "inner", 0755));
    int inner = openat(top, "inner", O_RDONLY | O_DIRECTORY);
    printf("opened %d %d\n", top >= 0, inner >= 0);
    int fd = openat(inner, "file", O_CREAT | O_RDWR, 0644);
    outcome("write", write(fd, "relative", 8));
    close(fd);
    struct stat status;
    outcome("fstatat", fstatat(top, "inner/file", &status, 0));
    printf("size %lld\n", (long long)status.st_size);
    outcome("fstatat of nothing", fstatat(top, "file", &status, 0));
    outcome("relative to a closed one", fstatat(fd, "file", &status, 0));
    outcome("faccessat", faccessat(inner, "file", R_OK, 0));
    outcome("symlinkat", symlinkat("inner/file", top, "link"));
    outcome("readlinkat", readlinkat(top, "link", text, sizeof text));
    printf("[%s]\n", text);
    outcome("fstatat without following", fstatat(top, "link", &status, AT_SYMLINK_NOFOLLOW));
    printf("a link: %d\n", S_ISLNK(status.st_mode));
    outcome("linkat", linkat(inner, "file", top, "second", 0));
    outcome("renameat", renameat(inner, "file", top, "moved"));
    outcome("renameat of nothing", renameat(inner, "file", top, "moved"));
    outcome("unlinkat", unlinkat(top, "second", 0));
    outcome("unlinkat of a directory", unlinkat(top, "inner", AT_REMOVEDIR));
    outcome("in a removed directory", openat(inner, "file", O_CREAT | O_WRONLY, 0644));

    DIR *dir = fdopendir(top);
    int entries = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        entries += entry->d_name[0] != '.';
    printf("%d entries\n", entries);
    closedir(dir);
    close(inner);
    print_tree(".");
    return 0;
}
