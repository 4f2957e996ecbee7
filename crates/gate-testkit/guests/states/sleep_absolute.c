/* Sleeps until a time of its own clock, which stands still while the program is stopped. */
//! runs = 150
//! every = 5 9
//! clock
#include "state.h"
#include <time.h>

static struct timespec now(void) {
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return t;
}

static int before(struct timespec a, struct timespec b) {
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

int main(void) {
    printf("?a\n");
    fflush(stdout);
    struct timespec until = now();
    for (int i = 0; i < 4; i++) {
        until.tv_nsec += 50000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
        CHECK(!before(now(), until));
        printf("woke %d\n", i + 1);
        fflush(stdout);
    }
    until.tv_sec += 2;
    CHECK(before(now(), until));
    return 0;
}
