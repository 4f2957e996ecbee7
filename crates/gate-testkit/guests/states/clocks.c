/* Clocks never go back, and the program's own ones not by much at once. */
//! input = ....
//! every = 4 5
//! clock
#include "state.h"
#include <time.h>

/* WASI has clocks of processor time, but the C library does not offer them. */
static const struct { const char *name; clockid_t id; } CLOCKS[] = {
    {"monotonic", CLOCK_MONOTONIC},
    {"real", CLOCK_REALTIME},
};

int main(void) {
    double last[2] = {0};
    for (int i = 0; i < 12; i++) {
        for (int c = 0; c < 2; c++) {
            struct timespec t;
            CHECK(clock_gettime(CLOCKS[c].id, &t) == 0);
            double now = t.tv_sec + t.tv_nsec / 1e9;
            CHECK(now >= last[c]);
            CHECK(last[c] == 0 || now < last[c] + 60);
            CHECK(c == 0 || now > 1.6e9);
            last[c] = now;
        }
        if (i % 3 == 0)
            wait_here();
    }
    puts("never went back");
    return 0;
}
