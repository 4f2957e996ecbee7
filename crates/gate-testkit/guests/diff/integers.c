/* Integers: formats, conversions at the limits, 64-bit arithmetic, bits. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tree.h"

static uint64_t xorshift(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

int main(int argc, char **argv) {
    printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d] [%.3d] [%x] [%#X] [%o] [%#o] [%u] [%hhd] [%hd]\n", 42, 42, 42, 42, 42,
           42, 7, 0xbeef, 0xbeef, 8, 8, UINT_MAX, (signed char)200, (short)70000);
    printf("[%" PRId64 "] [%" PRIu64 "] [%" PRIx64 "] [%zu] [%jd] [%c%c] [%%] [%.3s] [%8s] [%-8s|] [%*d]\n", INT64_MIN,
           UINT64_MAX, INT64_MAX, (size_t)7, (intmax_t)-1, 'a', 'b', "abcdef", "right", "left", 6, 5);
    char buffer[8];
    if (argc < 2)
        return 2;
    int wanted = snprintf(buffer, sizeof buffer, "%s%d", argv[1], 123456);
    printf("snprintf: wanted %d, got [%s]\n", wanted, buffer);

    const char *texts[] = {"0",    "  12abc", "-0x1F", "077", "9223372036854775807", "9223372036854775808",
                           "-9223372036854775809", "zz", "+", "", "18446744073709551616"};
    const int bases[] = {0, 10, 16, 36};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t j = 0; j < sizeof bases / sizeof bases[0]; j++) {
            char *end;
            errno = 0;
            long long value = strtoll(texts[i], &end, bases[j]);
            int overflow = errno == ERANGE;
            unsigned long long natural = strtoull(texts[i], NULL, bases[j]);
            printf("%s/%d: %lld%s %llu rest [%s]\n", texts[i], bases[j], value, overflow ? " overflow" : "", natural,
                   end);
        }
    }
    int a, b, c;
    unsigned hex;
    char word[16], set[16];
    int count = sscanf("12, -7 ff  hello abc123 99", "%d, %d %x %15s %15[a-z]%n", &a, &b, &hex, word, set, &c);
    printf("sscanf: %d: %d %d %x %s %s, %d bytes\n", count, a, b, hex, word, set, c);

    uint64_t state = 88172645463325252u, sum = 0, divided = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t x = xorshift(&state), y = xorshift(&state) | 1;
        unsigned turn = (unsigned)(y >> 58);
        sum += (x * y) ^ (x << turn | x >> (63 - turn));
        divided += x / y + x % (y >> 32 | 1) + (uint64_t)((int64_t)x / ((int64_t)(y >> 40) + 1));
        sum += (uint64_t)__builtin_clzll(y) + (uint64_t)__builtin_ctzll(x | 1u << 31) +
               (uint64_t)__builtin_popcountll(x);
    }
    printf("sums %016llx %016llx\n", (unsigned long long)sum, (unsigned long long)divided);
    unsigned __int128 wide = (unsigned __int128)UINT64_MAX * UINT64_MAX;
    printf("128 bits: %016llx%016llx, quotient %llu\n", (unsigned long long)(wide >> 64), (unsigned long long)wide,
           (unsigned long long)(wide / 1000000007u % UINT64_MAX));
    int overflowed;
    printf("overflow: %d", __builtin_add_overflow(INT_MAX, 1, &overflowed));
    printf(" %d\n", overflowed);
    div_t quotient = div(-17, 5);
    printf("div %d %d, shifts %d %u\n", quotient.quot, quotient.rem, -16 >> 2, 1u << 31);
    return 0;
}
