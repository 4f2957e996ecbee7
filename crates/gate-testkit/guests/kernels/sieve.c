/* sieve N: counts the primes up to N, ten times over; short inner loops over bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    size_t limit = argc > 1 ? (size_t)atol(argv[1]) : 1000000;
    unsigned char *composite = malloc(limit + 1);
    size_t count = 0;
    if (composite == NULL)
        return 1;
    for (int round = 0; round < 10; round++) {
        count = 0;
        memset(composite, 0, limit + 1);
        for (size_t i = 2; i <= limit; i++) {
            if (composite[i])
                continue;
            count++;
            for (size_t j = i * 2; j <= limit; j += i)
                composite[j] = 1;
        }
    }
    free(composite);
    printf("%zu primes up to %zu\n", count, limit);
    return 0;
}
