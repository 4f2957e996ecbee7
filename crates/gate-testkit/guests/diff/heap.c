/* The heap: a long random course of allocations whose contents are checked. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 512, STEPS = 200000 };

static struct {
    unsigned char *bytes;
    size_t length;
    unsigned char fill;
} slots[SLOTS];

static uint32_t state = 1;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

static int damaged(size_t slot) {
    for (size_t i = 0; i < slots[slot].length; i++)
        if (slots[slot].bytes[i] != slots[slot].fill)
            return 1;
    return 0;
}

int main(void) {
    size_t live = 0, highest = 0, damage = 0, moved = 0;
    for (int step = 0; step < STEPS; step++) {
        size_t slot = next() % SLOTS;
        size_t length = next() % 8 == 0 ? next() % 40000 : next() % 300;
        damage += (size_t)damaged(slot);
        live -= slots[slot].length;
        switch (next() % 3) {
        case 0:
            free(slots[slot].bytes);
            slots[slot].bytes = NULL;
            length = 0;
            break;
        case 1:
            free(slots[slot].bytes);
            slots[slot].bytes = calloc(length + 1, 1);
            for (size_t i = 0; i < length; i++)
                moved += slots[slot].bytes[i];
            break;
        default:
            slots[slot].bytes = realloc(slots[slot].bytes, length + 1);
        }
        slots[slot].fill = (unsigned char)next();
        slots[slot].length = length;
        if (slots[slot].bytes != NULL)
            memset(slots[slot].bytes, slots[slot].fill, length);
        live += length;
        highest = live > highest ? live : highest;
    }
    printf("live %zu, highest %zu, damaged %zu, not zeroed %zu\n", live, highest, damage, moved);
    for (size_t slot = 0; slot < SLOTS; slot++)
        free(slots[slot].bytes);

    unsigned char *aligned = aligned_alloc(256, 1024);
    printf("aligned: %d\n", aligned != NULL && (uintptr_t)aligned % 256 == 0);
    free(aligned);
    size_t large = (size_t)48 << 20;
    unsigned char *block = malloc(large);
    uint64_t sum = 0;
    if (block != NULL) {
        for (size_t i = 0; i < large; i += 4096)
            block[i] = (unsigned char)(i >> 12);
        for (size_t i = 0; i < large; i += 4096)
            sum += block[i];
    }
    printf("48 MiB: %llu\n", (unsigned long long)sum);
    free(block);
    volatile size_t all = (size_t)-1 - 100000;
    void *volatile nothing = malloc(all);
    printf("too much: %s\n", nothing == NULL ? "refused" : "given");
    return 0;
}
