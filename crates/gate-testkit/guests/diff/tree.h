/* Prints what a program left in a directory: names in order, kinds, sizes and a hash of the contents. */
#ifndef GATE_TREE_H
#define GATE_TREE_H

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of an error: numbers and texts differ between systems. */
static inline const char *error_name(int error) {
    switch (error) {
    case 0: return "0";
    case EACCES: return "EACCES";
    case EAGAIN: return "EAGAIN";
    case EBADF: return "EBADF";
    case EEXIST: return "EEXIST";
    case EINVAL: return "EINVAL";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case ENOENT: return "ENOENT";
    case ENOMEM: return "ENOMEM";
    case ENOTDIR: return "ENOTDIR";
    case ENOTEMPTY: return "ENOTEMPTY";
    case ERANGE: return "ERANGE";
    case ESPIPE: return "ESPIPE";
    default: return "another error";
    }
}

/* Prints a call's outcome: its value, or the name of its error when it is negative. */
static inline long long outcome(const char *what, long long value) {
    int error = errno;
    if (value < 0)
        printf("%s: %s\n", what, error_name(error));
    else
        printf("%s: %lld\n", what, value);
    errno = error;
    return value;
}

/* FNV-1a. */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

#define HASH_START 0xcbf29ce484222325u

static inline int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void print_file(const char *path, long long size) {
    unsigned char buffer[4096];
    uint64_t hash = HASH_START;
    size_t n;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        printf("%s: %s\n", path, error_name(errno));
        return;
    }
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0)
        hash = hash_bytes(hash, buffer, n);
    fclose(file);
    printf("%s: file, %lld bytes, %016llx\n", path, size, (unsigned long long)hash);
}

static inline void print_tree(const char *directory) {
    char *names[256];
    size_t count = 0;
    struct dirent *entry;
    DIR *dir = opendir(directory);
    if (dir == NULL) {
        printf("%s: %s\n", directory, error_name(errno));
        return;
    }
    while ((entry = readdir(dir)) != NULL && count < 256)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            names[count++] = strdup(entry->d_name);
    closedir(dir);
    qsort(names, count, sizeof names[0], compare_names);
    for (size_t i = 0; i < count; i++) {
        char path[1024], target[1024];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        free(names[i]);
        if (lstat(path, &status) != 0) {
            printf("%s: %s\n", path, error_name(errno));
        } else if (S_ISDIR(status.st_mode)) {
            printf("%s: directory\n", path);
            print_tree(path);
        } else if (S_ISLNK(status.st_mode)) {
            ssize_t n = readlink(path, target, sizeof target);
            printf("%s: link to %.*s\n", path, (int)(n < 0 ? 0 : n), target);
        } else if (S_ISREG(status.st_mode)) {
            print_file(path, (long long)status.st_size);
        } else {
            printf("%s: something else\n", path);
        }
    }
}

#endif
