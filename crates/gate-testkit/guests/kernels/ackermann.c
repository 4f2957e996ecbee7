/* ackermann N: Ackermann's function of 3 and N, which recurses into itself only. */
#include <stdio.h>
#include <stdlib.h>

static unsigned ackermann(unsigned m, unsigned n) {
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

int main(int argc, char **argv) {
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 7;
    printf("%u\n", ackermann(3, n));
    return 0;
}
