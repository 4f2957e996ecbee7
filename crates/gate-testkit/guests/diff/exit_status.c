/* The end of a program: functions to run at exit, buffered output, the standard error, a status. */
#include <stdio.h>
#include <stdlib.h>

static void first(void) { printf("registered first, runs last"); }
static void second(void) { puts("registered second"); }

static void leave(int depth) {
    if (depth == 0)
        exit(42);
    if (depth > 0)
        leave(depth - 1);
    puts("not reached");
}

int main(void) {
    atexit(first);
    atexit(second);
    fputs("on the standard error\n", stderr);
    printf("buffered without a newline; ");
    leave(50);
    return 0;
}
