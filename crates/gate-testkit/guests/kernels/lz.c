/* lz N: compresses N megabytes of text made of repeated words with a hash table of four-byte strings, and expands them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 20, BITS = 14, MIN_MATCH = 4 };

static uint8_t plain[BLOCK], packed[BLOCK + BLOCK / 8], expanded[BLOCK];
static uint32_t heads[1 << BITS];

static uint32_t four(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static void fill(uint32_t seed) {
    static const char words[] = "the quick brown fox jumps over a lazy dog and runs away from it ";
    size_t at = 0;
    while (at < BLOCK) {
        seed = seed * 1664525 + 1013904223;
        size_t from = (seed >> 8) % (sizeof words - 1), length = (seed >> 20) % 11 + 2;
        for (size_t i = 0; i < length && at < BLOCK; i++)
            plain[at++] = (uint8_t)words[(from + i) % (sizeof words - 1)];
    }
}

/* A token is a byte with two lengths of four bits, of literals and of a match; 15 is followed by the rest, in bytes. */
static uint8_t *put_rest(uint8_t *out, size_t rest) {
    for (; rest >= 255; rest -= 255)
        *out++ = 255;
    *out++ = (uint8_t)rest;
    return out;
}

static size_t compress(void) {
    uint8_t *out = packed;
    size_t at = 0, literals = 0;
    memset(heads, 0, sizeof heads);
    while (at + MIN_MATCH <= BLOCK) {
        uint32_t hash = four(plain + at) * 2654435761u >> (32 - BITS);
        size_t match = heads[hash];
        heads[hash] = (uint32_t)at;
        if (match >= at || at - match > 65535 || four(plain + match) != four(plain + at)) {
            at++;
            continue;
        }
        size_t length = MIN_MATCH;
        while (at + length < BLOCK && plain[match + length] == plain[at + length])
            length++;
        size_t run = at - literals, more = length - MIN_MATCH;
        *out++ = (uint8_t)((run < 15 ? run : 15) << 4 | (more < 15 ? more : 15));
        if (run >= 15)
            out = put_rest(out, run - 15);
        memcpy(out, plain + literals, run);
        out += run;
        *out++ = (uint8_t)(at - match);
        *out++ = (uint8_t)((at - match) >> 8);
        if (more >= 15)
            out = put_rest(out, more - 15);
        at += length;
        literals = at;
    }
    size_t run = BLOCK - literals;
    *out++ = (uint8_t)((run < 15 ? run : 15) << 4);
    if (run >= 15)
        out = put_rest(out, run - 15);
    memcpy(out, plain + literals, run);
    return (size_t)(out + run - packed);
}

static size_t expand(size_t size) {
    const uint8_t *in = packed, *end = packed + size;
    uint8_t *out = expanded;
    while (in < end) {
        uint8_t token = *in++, byte;
        size_t run = token >> 4, length = (token & 15) + MIN_MATCH;
        if (run == 15)
            do
                run += byte = *in++;
            while (byte == 255);
        for (size_t i = 0; i < run; i++)
            *out++ = *in++;
        if (in >= end)
            break;
        size_t distance = in[0] | (size_t)in[1] << 8;
        in += 2;
        if (length == 15 + MIN_MATCH)
            do
                length += byte = *in++;
            while (byte == 255);
        for (size_t i = 0; i < length; i++, out++)
            *out = *(out - distance);
    }
    return (size_t)(out - expanded);
}

int main(int argc, char **argv) {
    uint32_t blocks = argc > 1 ? (uint32_t)atol(argv[1]) : 4;
    size_t total = 0;
    for (uint32_t block = 0; block < blocks; block++) {
        fill(block);
        size_t size = compress();
        total += size;
        if (expand(size) != BLOCK || memcmp(plain, expanded, BLOCK) != 0)
            return 1;
    }
    printf("%u MB compressed to %zu bytes\n", blocks, total);
    return 0;
}
