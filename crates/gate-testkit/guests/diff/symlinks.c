/* Symbolic links: followed, not followed, dangling, circular. */
#include <fcntl.h>

#include "tree.h"

static void show(const char *path) {
    char text[64] = {0};
    struct stat self, target;
    if (lstat(path, &self) != 0) {
        printf("%s: %s\n", path, error_name(errno));
        return;
    }
    printf("%s: %s", path, S_ISLNK(self.st_mode) ? "link" : "no link");
    if (stat(path, &target) != 0)
        printf(", target %s", error_name(errno));
    else
        printf(", target %s", S_ISDIR(target.st_mode) ? "directory" : "file");
    ssize_t n = readlink(path, text, sizeof text - 1);
    if (n < 0)
        printf(", readlink %s\n", error_name(errno));
    else
        printf(", readlink %d [%s]\n", (int)n, text);
}

static void read_through(const char *path) {
    char text[64] = {0};
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("open %s: %s\n", path, error_name(errno));
        return;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    printf("open %s: %d [%s]\n", path, (int)n, text);
    close(fd);
}

int main(void) {
    mkdir("dir", 0755);
    mkdir("dir/sub", 0755);
    int fd = open("dir/file", O_CREAT | O_WRONLY, 0644);
    if (write(fd, "through the link", 16) != 16)
        puts("short write");
    close(fd);

    outcome("symlink", symlink("dir/file", "to-file"));
    outcome("symlink to a directory", symlink("dir", "to-dir"));
    outcome("symlink upwards", symlink("../file", "dir/sub/up"));
    outcome("symlink to a link", symlink("to-file", "to-link"));
    outcome("dangling", symlink("nowhere", "dangling"));
    outcome("circle", symlink("circle-b", "circle-a"));
    outcome("circle", symlink("circle-a", "circle-b"));
    outcome("existing", symlink("x", "to-file"));
    const char *paths[] = {"to-file", "to-dir", "dir/sub/up", "to-link", "dangling", "circle-a", "dir/file"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        show(paths[i]);
    read_through("to-file");
    read_through("to-link");
    read_through("to-dir/file");
    read_through("to-dir/sub/up");
    read_through("dangling");
    read_through("circle-a");
    read_through("to-file/below");
    outcome("open without following", open("to-file", O_RDONLY | O_NOFOLLOW));

    fd = open("dangling", O_CREAT | O_WRONLY, 0644);
    printf("created through a link: %d\n", fd >= 0);
    close(fd);
    show("dangling");
    outcome("unlink a link", unlink("to-link"));
    outcome("rename a link", rename("to-file", "dir/renamed"));
    show("dir/renamed");
    outcome("rmdir of a link", rmdir("to-dir"));
    char shorter[4] = {0};
    outcome("readlink cut", readlink("to-dir", shorter, 2));
    printf("[%s]\n", shorter);
    print_tree(".");
    return 0;
}
