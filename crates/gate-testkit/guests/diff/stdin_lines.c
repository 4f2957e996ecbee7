/* getline until the end of input; sorting lines and counting words. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char *text;
    int count;
};

static struct word words[1024];
static size_t word_count;

static void count_word(const char *text) {
    for (size_t i = 0; i < word_count; i++) {
        if (strcmp(words[i].text, text) == 0) {
            words[i].count++;
            return;
        }
    }
    if (word_count < sizeof words / sizeof words[0])
        words[word_count++] = (struct word){strdup(text), 1};
}

static int by_count(const void *a, const void *b) {
    const struct word *x = a, *y = b;
    return x->count != y->count ? y->count - x->count : strcmp(x->text, y->text);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void) {
    char *line = NULL, *lines[256];
    size_t capacity = 0, count = 0, bytes = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, stdin)) != -1 && count < 256) {
        int complete = line[length - 1] == '\n';
        bytes += (size_t)length;
        printf("line %zu: %zd bytes%s\n", count + 1, length, complete ? "" : ", no newline");
        if (complete)
            line[length - 1] = 0;
        lines[count++] = strdup(line);
        for (char *word = strtok(line, " \t"); word != NULL; word = strtok(NULL, " \t"))
            count_word(word);
    }
    printf("%zu lines, %zu bytes, eof %d, error %d\n", count, bytes, feof(stdin) != 0, ferror(stdin) != 0);
    free(line);

    qsort(lines, count, sizeof lines[0], by_text);
    for (size_t i = 0; i < count; i++) {
        printf("%.30s\n", lines[i]);
        free(lines[i]);
    }
    qsort(words, word_count, sizeof words[0], by_count);
    for (size_t i = 0; i < word_count && i < 25; i++)
        printf("%4d %s\n", words[i].count, words[i].text);
    printf("getchar after the end: %d\n", getchar());
    return 0;
}
