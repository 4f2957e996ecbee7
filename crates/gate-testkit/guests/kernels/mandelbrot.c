/* mandelbrot N: an N by N bitmap of the Mandelbrot set, given as a hash; a tight floating-point loop. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITERATIONS = 50 };

static int inside(double x, double y) {
    double a = 0, b = 0;
    for (int i = 0; i < ITERATIONS; i++) {
        double next = a * a - b * b + x;
        b = 2 * a * b + y;
        a = next;
        if (a * a + b * b > 4)
            return 0;
    }
    return 1;
}

int main(int argc, char **argv) {
    int size = argc > 1 ? atoi(argv[1]) : 400;
    uint64_t hash = 0xcbf29ce484222325u;
    long set = 0;
    for (int row = 0; row < size; row++) {
        for (int column = 0; column < size; column++) {
            int bit = inside(2.0 * column / size - 1.5, 2.0 * row / size - 1.0);
            set += bit;
            hash = (hash ^ (uint64_t)bit) * 0x100000001b3u;
        }
    }
    printf("%d by %d: %ld inside, %016llx\n", size, size, set, (unsigned long long)hash);
    return 0;
}
