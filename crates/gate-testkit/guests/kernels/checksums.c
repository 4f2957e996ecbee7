/* checksums N: N times the CRC-32, bit by bit and by a table, the Adler-32 and a multiplying hash of 64 KiB. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 16 };

static uint8_t data[SIZE];
static uint32_t table[256];

static uint32_t crc_of_byte(uint32_t crc) {
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    return crc;
}

static uint32_t crc_bitwise(uint32_t crc) {
    for (int i = 0; i < SIZE / 16; i++)
        crc = crc_of_byte(crc ^ data[i]);
    return crc;
}

static uint32_t crc_by_table(uint32_t crc) {
    for (int i = 0; i < SIZE; i++)
        crc = crc >> 8 ^ table[(crc ^ data[i]) & 255];
    return crc;
}

static uint32_t adler(uint32_t seed) {
    uint32_t a = seed & 0xffff, b = seed >> 16;
    for (int i = 0; i < SIZE; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static uint64_t multiply(uint64_t hash) {
    for (int i = 0; i < SIZE; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash = hash << 31 | hash >> 33;
    }
    return hash;
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    for (int i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * i >> 3);
    for (uint32_t i = 0; i < 256; i++)
        table[i] = crc_of_byte(i);
    uint32_t crc = ~0u, bitwise = ~0u, sum = 1;
    uint64_t hash = 0;
    for (int round = 0; round < rounds; round++) {
        crc = crc_by_table(crc);
        bitwise = crc_bitwise(bitwise);
        sum = adler(sum);
        hash = multiply(hash);
    }
    printf("%08x %08x %08x %016llx\n", (unsigned)crc, (unsigned)bitwise, (unsigned)sum, (unsigned long long)hash);
    return 0;
}
