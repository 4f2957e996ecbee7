/* Waits for input, which comes in pieces; has read ahead when it is stopped. */
//! input = first line\nsecond line\nthird\nfourth and last
//! every = 17 40
#include "state.h"

int main(void) {
    char line[64];
    for (int i = 0; printf("?%c\n", 'a' + i), fflush(stdout), fgets(line, sizeof line, stdin) != NULL; i++)
        printf("%d: %zu %s\n", i, strlen(line), line);
    return feof(stdin) ? 0 : 1;
}
