/* Sleeps for a time: what is left of it when the program is stopped is slept when it goes on. */
//! runs = 150
//! every = 5 9
//! clock
#include "state.h"
#include <time.h>

static double now(void) {
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(void) {
    printf("?a\n");
    fflush(stdout);
    double start = now();
    for (int i = 0; i < 4; i++) {
        struct timespec t = {0, 50000000};
        CHECK(nanosleep(&t, NULL) == 0);
        CHECK(now() >= start + 0.05 * (i + 1));
        printf("slept %d\n", i + 1);
        fflush(stdout);
    }
    /* Neither begun anew again and again, nor counting the time in between. */
    CHECK(now() < start + 2);
    return 0;
}
