/* matrix N: product of two N by N matrices of double precision. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)atol(argv[1]) : 200;
    double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b), *c = calloc(n * n, sizeof *c), trace = 0;
    if (!a || !b || !c)
        return 1;
    for (size_t i = 0; i < n * n; i++) {
        a[i] = (double)(i % 17) - 8;
        b[i] = (double)(i % 13) / 4;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double factor = a[i * n + k];
            for (size_t j = 0; j < n; j++)
                c[i * n + j] += factor * b[k * n + j];
        }
    for (size_t i = 0; i < n; i++)
        trace += c[i * n + i];
    printf("%.6f\n", trace);
    return 0;
}
