/* queens N: the ways to put N queens on a board of N by N; recursion with a loop in each call. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t ways(uint32_t all, uint32_t columns, uint32_t left, uint32_t right) {
    if (columns == all)
        return 1;
    uint64_t found = 0;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        uint32_t place = free & -free;
        found += ways(all, columns | place, (left | place) << 1, (right | place) >> 1);
    }
    return found;
}

int main(int argc, char **argv) {
    unsigned side = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    printf("%llu\n", (unsigned long long)ways((1u << side) - 1, 0, 0, 0));
    return 0;
}
