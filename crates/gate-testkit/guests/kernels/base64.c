/* base64 N: encodes and decodes 64 KiB, N times. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 3 << 14 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t plain[SIZE], decoded[SIZE], values[256];
static char text[SIZE / 3 * 4];

static size_t encode(const uint8_t *from, size_t size, char *to) {
    char *start = to;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = (uint32_t)from[i] << 16 | (uint32_t)from[i + 1] << 8 | from[i + 2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = digits[bits >> 6 & 63];
        *to++ = digits[bits & 63];
    }
    return (size_t)(to - start);
}

static size_t decode(const char *from, size_t size, uint8_t *to) {
    uint32_t bits = 0;
    int count = 0;
    uint8_t *start = to;
    for (size_t i = 0; i < size; i++) {
        uint8_t value = values[(uint8_t)from[i]];
        if (value == 255)
            continue;
        bits = bits << 6 | value;
        if (++count == 4) {
            *to++ = (uint8_t)(bits >> 16);
            *to++ = (uint8_t)(bits >> 8);
            *to++ = (uint8_t)bits;
            count = 0;
        }
    }
    return (size_t)(to - start);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    uint32_t sum = 0;
    memset(values, 255, sizeof values);
    for (int i = 0; i < 64; i++)
        values[(uint8_t)digits[i]] = (uint8_t)i;
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < SIZE; i++)
            plain[i] = (uint8_t)(i * (round + 3) >> 2);
        size_t length = encode(plain, SIZE, text);
        if (decode(text, length, decoded) != SIZE || memcmp(plain, decoded, SIZE) != 0)
            return 1;
        sum = sum * 31 + (uint8_t)text[(size_t)round * 97 % length];
    }
    printf("%08x\n", (unsigned)sum);
    return 0;
}
