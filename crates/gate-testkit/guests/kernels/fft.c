/* fft N: N Fourier transforms of 16,384 complex numbers, there and back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BITS = 14, SIZE = 1 << BITS };

static double re[SIZE], im[SIZE], cosines[SIZE / 2], sines[SIZE / 2];

static void swap(double *numbers, unsigned i, unsigned j) {
    double swapped = numbers[i];
    numbers[i] = numbers[j];
    numbers[j] = swapped;
}

static void transform(double direction) {
    for (unsigned i = 0, j = 0; i < SIZE; i++) {
        if (i < j) {
            swap(re, i, j);
            swap(im, i, j);
        }
        unsigned bit = SIZE / 2;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j |= bit;
    }
    for (unsigned half = 1; half < SIZE; half *= 2)
        for (unsigned start = 0; start < SIZE; start += 2 * half)
            for (unsigned k = 0; k < half; k++) {
                unsigned a = start + k, b = a + half, angle = k * (SIZE / 2 / half);
                double c = cosines[angle], s = direction * sines[angle];
                double x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 20;
    for (int i = 0; i < SIZE / 2; i++) {
        cosines[i] = cos(i * 3.14159265358979323846 / (SIZE / 2));
        sines[i] = sin(i * 3.14159265358979323846 / (SIZE / 2));
    }
    for (int i = 0; i < SIZE; i++)
        re[i] = i % 100;
    double power = 0;
    for (int round = 0; round < rounds; round++) {
        transform(1);
        power += re[round] * re[round] + im[round] * im[round];
        transform(-1);
        for (int i = 0; i < SIZE; i++) {
            re[i] /= SIZE;
            im[i] /= SIZE;
        }
    }
    printf("%.6e %.6f\n", power, re[77]);
    return 0;
}
