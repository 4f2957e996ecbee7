// Does what its first argument says, and tells what it sees.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *error_name(int error) {
	switch (error) {
	case EPIPE: return "EPIPE";
	case ENOSPC: return "ENOSPC";
	case ENOENT: return "ENOENT";
	case EEXIST: return "EEXIST";
	case EBADF: return "EBADF";
	case ENOTCAPABLE: return "ENOTCAPABLE";
	case EFBIG: return "EFBIG";
	default: return strerror(error);
	}
}

static void print_bytes(const char *text) {
	for (const unsigned char *c = (const unsigned char *) text; *c; c++) {
		if (*c > ' ' && *c < 0x7f)
			putchar(*c);
		else
			printf("\\%02x", *c);
	}
	putchar('\n');
}

static int all(int fd, const char *bytes, size_t length) {
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0)
			return -1;
		bytes += written;
		length -= (size_t) written;
	}
	return 0;
}

// Answers each line as soon as it is there.
static int echo(void) {
	char line[1000];
	while (fgets(line, sizeof line, stdin)) {
		printf("answer to %s", line);
		fflush(stdout);
	}
	return 0;
}

static int cat(void) {
	static char buffer[100000];
	for (;;) {
		ssize_t count = read(0, buffer, sizeof buffer);
		if (count <= 0)
			return count < 0;
		if (all(1, buffer, (size_t) count) != 0)
			return 1;
	}
}

// Writes until it fails, and says on standard error how.
static int flood(void) {
	static char buffer[65536];
	while (all(1, buffer, sizeof buffer) == 0)
		;
	fprintf(stderr, "write: %s\n", error_name(errno));
	return 9;
}

static int input(void) {
	char byte;
	ssize_t count = read(0, &byte, 1);
	printf("read: %d %s\n", (int) count, count < 0 ? error_name(errno) : "");
	return 0;
}

static int sleep_for(long milliseconds) {
	struct timespec before, after;
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	clock_gettime(CLOCK_MONOTONIC, &before);
	nanosleep(&time, NULL);
	clock_gettime(CLOCK_MONOTONIC, &after);
	long elapsed = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	puts(elapsed >= milliseconds ? "slept" : "woke too early");
	return 0;
}

// Fills a file, and says how much of it there was room for.
static int fill(const char *path) {
	static char block[4096];
	long blocks = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		return 1;
	while (write(fd, block, sizeof block) == sizeof block)
		blocks++;
	printf("%ld KiB: %s\n", blocks * 4, error_name(errno));
	return 0;
}

// Makes files until there can be no more.
static int files(void) {
	char path[100];
	for (int count = 0;; count++) {
		snprintf(path, sizeof path, "/%d", count);
		int fd = open(path, O_WRONLY | O_CREAT, 0666);
		if (fd < 0) {
			printf("%d files: %s\n", count, error_name(errno));
			return 0;
		}
		close(fd);
	}
}

static int by_name(const void *a, const void *b) {
	return strcmp(*(char *const *) a, *(char *const *) b);
}

// Lists a directory with all in it.
static void tree(const char *directory) {
	char *names[100];
	int count = 0;
	DIR *stream = opendir(directory);
	if (!stream) {
		printf("%s: %s\n", directory, error_name(errno));
		return;
	}
	for (struct dirent *entry; (entry = readdir(stream)) && count < 100;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names[count++] = strdup(entry->d_name);
	closedir(stream);
	qsort(names, (size_t) count, sizeof *names, by_name);
	for (int i = 0; i < count; i++) {
		char path[1000], text[100] = "";
		struct stat info;
		snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		if (lstat(path, &info) != 0) {
			printf("%s: %s\n", path, error_name(errno));
		} else if (S_ISDIR(info.st_mode)) {
			printf("%s/\n", path);
			tree(path);
		} else if (S_ISLNK(info.st_mode)) {
			readlink(path, text, sizeof text - 1);
			FILE *file = fopen(path, "r");
			printf("%s -> %s: %s\n", path, text, file ? "opens" : error_name(errno));
		} else {
			FILE *file = fopen(path, "r");
			fgets(text, sizeof text, file);
			printf("%s: %s\n", path, text);
		}
	}
}

// Changes everything below /data.
static int change(void) {
	FILE *file = fopen("/data/file", "a");
	fputs(" changed", file);
	fclose(file);
	file = fopen("/data/new", "w");
	fputs("new", file);
	fclose(file);
	unlink("/data/sub/other");
	rename("/data/sub", "/data/moved");
	tree("/data");
	return 0;
}

// Not inlined, and not a tail call: every level takes its part of the stack.
__attribute__((noinline)) static int recurse(int depth) {
	volatile char space[64];
	space[0] = (char) depth;
	return depth == 0 ? 0 : recurse(depth - 1) + space[0] * 0 + 1;
}

static int output(long bytes) {
	for (long i = 0; i < bytes; i += 7)
		if (all(1, "1234567", bytes - i < 7 ? (size_t) (bytes - i) : 7) != 0)
			return 1;
	return 0;
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	const char *with = argc > 2 ? argv[2] : "";
	if (strcmp(what, "echo") == 0)
		return echo();
	if (strcmp(what, "cat") == 0)
		return cat();
	if (strcmp(what, "flood") == 0)
		return flood();
	if (strcmp(what, "input") == 0)
		return input();
	if (strcmp(what, "exit") == 0)
		exit(atoi(with));
	if (strcmp(what, "sleep") == 0)
		return sleep_for(atol(with));
	if (strcmp(what, "fill") == 0)
		return fill(with);
	if (strcmp(what, "files") == 0)
		return files();
	if (strcmp(what, "change") == 0)
		return change();
	if (strcmp(what, "output") == 0)
		return output(atol(with));
	if (strcmp(what, "recurse") == 0) {
		printf("%d\n", recurse(atoi(with)));
		return 0;
	}
	if (strcmp(what, "tree") == 0) {
		tree(with);
		return 0;
	}
	if (strcmp(what, "terminals") == 0) {
		printf("%d %d %d\n", isatty(0), isatty(1), isatty(2));
		return 0;
	}
	if (strcmp(what, "arguments") == 0) {
		for (int i = 2; i < argc; i++)
			print_bytes(argv[i]);
		return 0;
	}
	if (strcmp(what, "environment") == 0) {
		for (char **variable = environ; *variable; variable++)
			print_bytes(*variable);
		return 0;
	}
	fprintf(stderr, "cannot %s\n", what);
	return 100;
}
