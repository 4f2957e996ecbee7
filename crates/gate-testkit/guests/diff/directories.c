/* Directories: making, listing, rewinding, positions, many entries. */
#include <fcntl.h>

#include "tree.h"

static int count(DIR *dir, uint64_t *sum) {
    int entries = 0;
    struct dirent *entry;
    *sum = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        entries++;
        *sum += hash_bytes(HASH_START, entry->d_name, strlen(entry->d_name));
    }
    return entries;
}

int main(void) {
    outcome("mkdir", mkdir("a", 0755));
    outcome("mkdir again", mkdir("a", 0755));
    outcome("mkdir below nothing", mkdir("x/y", 0755));
    outcome("mkdir below", mkdir("a/b", 0755));
    outcome("mkdir with a slash", mkdir("a/b/c/", 0755));
    outcome("through dots", mkdir("a/./b/../b/c/d", 0755));
    int fd = open("a/file", O_CREAT | O_WRONLY, 0644);
    close(fd);
    outcome("mkdir over a file", mkdir("a/file", 0755));
    outcome("mkdir below a file", mkdir("a/file/x", 0755));
    outcome("open a file as directory", open("a/file", O_RDONLY | O_DIRECTORY));
    outcome("open a directory for writing", open("a", O_WRONLY));
    fd = open("a", O_RDONLY | O_DIRECTORY);
    printf("opened %d\n", fd >= 0);
    close(fd);
    printf("opendir of nothing: %s\n", opendir("none") == NULL ? error_name(errno) : "opened");
    printf("opendir of a file: %s\n", opendir("a/file") == NULL ? error_name(errno) : "opened");

    mkdir("many", 0755);
    for (int i = 0; i < 300; i++) {
        char path[300];
        snprintf(path, sizeof path, "many/%d-%.*s", i, i % 120,
                 "a-name-that-gets-longer-a-name-that-gets-longer-a-name-that-gets-longer-a-name-that-gets-longer-and-"
                 "longer-to-fill-the-buffer");
        fd = open(path, O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            printf("%s: %s\n", path, error_name(errno));
        close(fd);
    }
    uint64_t sum;
    DIR *dir = opendir("many");
    int entries = count(dir, &sum);
    printf("%d entries, %016llx\n", entries, (unsigned long long)sum);
    rewinddir(dir);
    entries = count(dir, &sum);
    printf("%d again, %016llx\n", entries, (unsigned long long)sum);
    closedir(dir);

    int files = 0, directories = 0;
    dir = opendir("a");
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        files += entry->d_type == DT_REG;
        directories += entry->d_type == DT_DIR;
    }
    closedir(dir);
    printf("%d file, %d directory\n", files, directories);

    dir = opendir("many");
    int removed = 0;
    while ((entry = readdir(dir)) != NULL) {
        char path[600];
        snprintf(path, sizeof path, "many/%s", entry->d_name);
        if (entry->d_name[0] != '.' && atoi(entry->d_name) % 50 != 0 && unlink(path) == 0)
            removed++;
    }
    closedir(dir);
    printf("removed while listing: %s\n", removed > 0 ? "yes" : "no");
    dir = opendir("many");
    entries = count(dir, &sum);
    closedir(dir);
    printf("none lost: %d\n", entries + removed);
    outcome("rmdir of a full one", rmdir("a/b"));
    outcome("rmdir", rmdir("a/b/c/d"));
    outcome("rmdir of the current one's parent", rmdir("a/b/c"));
    print_tree("a");
    return 0;
}
