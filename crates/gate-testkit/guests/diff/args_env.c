/* Arguments and environment, also changed by the program itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv) {
    printf("%d arguments\n", argc - 1);
    for (int i = 1; i < argc; i++)
        printf("%d: [%s] %zu bytes\n", i, argv[i], strlen(argv[i]));
    printf("argv ends with %s\n", argv[argc] == NULL ? "NULL" : "something");

    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **sorted = malloc(count * sizeof *sorted);
    memcpy(sorted, environ, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 0; i < count; i++)
        printf("%s\n", sorted[i]);
    free(sorted);

    const char *weight = getenv("WEIGHT");
    printf("WEIGHT is %g, EMPTY is %s, ABSENT is %s\n", weight == NULL ? -1 : atof(weight),
           getenv("EMPTY") == NULL ? "absent" : "there", getenv("ABSENT") == NULL ? "absent" : "there");
    setenv("WEIGHT", "7", 0);
    printf("kept: %s\n", getenv("WEIGHT"));
    setenv("WEIGHT", "7", 1);
    setenv("NEW", "value", 0);
    printf("replaced: %s, new: %s\n", getenv("WEIGHT"), getenv("NEW"));
    unsetenv("NEW");
    printf("removed: %s\n", getenv("NEW") == NULL ? "yes" : "no");
    return 0;
}
