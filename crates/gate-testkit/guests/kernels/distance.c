/* distance N: the edit distances of ten pairs of strings of N letters; dynamic programming over two rows. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t distance(const char *a, const char *b, size_t length, uint32_t *row) {
    for (size_t j = 0; j <= length; j++)
        row[j] = (uint32_t)j;
    for (size_t i = 1; i <= length; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= length; j++) {
            uint32_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smaller(replaced, smaller(row[j - 1], diagonal) + 1);
        }
    }
    return row[length];
}

int main(int argc, char **argv) {
    size_t length = argc > 1 ? (size_t)atol(argv[1]) : 1000;
    char *a = malloc(length), *b = malloc(length);
    uint32_t *row = malloc((length + 1) * sizeof *row), seed = 5, sum = 0;
    if (!a || !b || !row)
        return 1;
    for (int pair = 0; pair < 10; pair++) {
        for (size_t i = 0; i < length; i++) {
            seed = seed * 1664525 + 1013904223;
            a[i] = (char)('a' + (seed >> 28));
            b[i] = seed & 4096 ? a[i] : 'b';
        }
        sum += distance(a, b, length, row);
    }
    printf("%u\n", (unsigned)sum);
    return 0;
}
