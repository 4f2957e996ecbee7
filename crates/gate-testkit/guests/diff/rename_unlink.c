/* Renaming and removing: over existing things, of open files, what must fail. */
#include <fcntl.h>

#include "tree.h"

static void make(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        printf("%s: %s\n", path, error_name(errno));
        return;
    }
    fputs(text, file);
    fclose(file);
}

int main(void) {
    make("a", "contents of a");
    make("b", "b");
    mkdir("dir", 0755);
    mkdir("empty", 0755);
    make("dir/inside", "inside");

    outcome("a over b", rename("a", "b"));
    outcome("absent", rename("a", "c"));
    outcome("onto itself", rename("b", "b"));
    outcome("into a directory", rename("b", "dir/b"));
    outcome("file over a directory", rename("dir/b", "empty"));
    outcome("directory over a file", rename("empty", "dir/b"));
    outcome("directory over a full one", rename("empty", "dir"));
    outcome("directory over an empty one", rename("dir", "empty"));
    outcome("directory into itself", rename("empty", "empty/deeper"));
    outcome("directory", rename("empty", "moved"));
    outcome("to an absent directory", rename("moved/b", "nowhere/b"));
    print_tree(".");

    int fd = open("moved/b", O_RDWR);
    char buffer[32] = {0};
    outcome("remove an open file", unlink("moved/b"));
    outcome("again", unlink("moved/b"));
    outcome("read what was removed", read(fd, buffer, sizeof buffer));
    printf("[%s]\n", buffer);
    outcome("write to it", write(fd, "more", 4));
    make("moved/b", "another file of that name");
    struct stat status;
    fstat(fd, &status);
    printf("size %lld\n", (long long)status.st_size);
    close(fd);

    fd = open("old", O_CREAT | O_WRONLY, 0644);
    write(fd, "one ", 4);
    rename("old", "new");
    outcome("write to a renamed file", write(fd, "two", 3));
    close(fd);

    outcome("rmdir of a file", rmdir("new"));
    outcome("rmdir of a full directory", rmdir("moved"));
    outcome("rmdir of nothing", rmdir("nothing"));
    printf("unlink of a directory fails: %d\n", unlink("moved") != 0);
    outcome("remove", remove("moved/inside"));
    print_tree(".");
    outcome("remove", remove("moved/b"));
    outcome("remove the directory", remove("moved"));
    print_tree(".");
    return 0;
}
