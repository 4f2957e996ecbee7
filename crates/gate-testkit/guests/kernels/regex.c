/* regex N: searches N lines with backtracking matchers for four patterns of literals, classes, `.`, `*`, `+` and `?`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int matches_here(const char *pattern, const char *text);

/* The end of the first item of a pattern. */
static const char *item_end(const char *pattern) {
    if (*pattern == '[')
        while (*pattern != ']')
            pattern++;
    return pattern + 1;
}

static int matches_one(const char *pattern, char byte) {
    if (byte == 0)
        return 0;
    if (*pattern == '.')
        return 1;
    if (*pattern != '[')
        return *pattern == byte;
    for (pattern++; *pattern != ']'; pattern++) {
        if (pattern[1] == '-' && pattern[2] != ']') {
            if (byte >= pattern[0] && byte <= pattern[2])
                return 1;
            pattern += 2;
        } else if (*pattern == byte) {
            return 1;
        }
    }
    return 0;
}

static int matches_repeated(const char *item, const char *rest, const char *text, long least, long most) {
    long times = 0;
    while (times < most && matches_one(item, text[times]))
        times++;
    for (; times >= least; times--)
        if (matches_here(rest, text + times))
            return 1;
    return 0;
}

static int matches_here(const char *pattern, const char *text) {
    if (*pattern == 0)
        return 1;
    const char *end = item_end(pattern);
    switch (*end) {
    case '*':
        return matches_repeated(pattern, end + 1, text, 0, 1 << 20);
    case '+':
        return matches_repeated(pattern, end + 1, text, 1, 1 << 20);
    case '?':
        return matches_repeated(pattern, end + 1, text, 0, 1);
    }
    return matches_one(pattern, *text) && matches_here(end, text + 1);
}

static int search(const char *pattern, const char *text) {
    do
        if (matches_here(pattern, text))
            return 1;
    while (*text++);
    return 0;
}

int main(int argc, char **argv) {
    static const char *patterns[] = {
        "[a-z]+@[a-z]+[0-9]+.com", "1[0-9]*7[0-9]*x", "a*a*a*b", "[0-9]+-[0-9]+-[0-9]+T",
    };
    int lines = argc > 1 ? atoi(argv[1]) : 10000, found[4] = {0};
    unsigned seed = 1;
    for (int line = 0; line < lines; line++) {
        char text[100];
        seed = seed * 1664525 + 1013904223;
        sprintf(text, "%u user%u aaaaaaaaaaaa %s%u.com, %u-%02u-%02u%c %ux", seed >> 16, seed % 1000, seed & 1024 ? "joe@site" : "nobody",
                seed >> 24, 1970 + seed % 60, seed % 12, seed % 28, seed & 2048 ? 'T' : ' ', seed >> 20);
        for (int i = 0; i < 4; i++)
            found[i] += search(patterns[i], text);
    }
    printf("%d %d %d %d of %d\n", found[0], found[1], found[2], found[3], lines);
    return 0;
}
