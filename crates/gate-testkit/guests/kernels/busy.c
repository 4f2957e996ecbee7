/* busy N: fills N MiB of memory, writes a byte, and computes for ever, a few calls deep. Whenever somebody else has made the word
 * at address 16, where nothing else is, another one than 0, it writes a byte. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile uint32_t *const word = (volatile uint32_t *)16;

static void say(void) {
    if (write(1, "!", 1) != 1)
        abort();
}

__attribute__((noinline)) static void compute(uint32_t *memory) {
    uint32_t state = 1;
    for (;;) {
        if (*word != 0) {
            *word = 0;
            say();
        }
        /* Marsaglia's xorshift. */
        for (int round = 0; round < 1000; round++) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            memory[state % 1024] ^= state;
        }
    }
}

__attribute__((noinline)) static int deeper(int calls, uint32_t *memory) {
    if (calls > 0)
        return deeper(calls - 1, memory) + calls;
    compute(memory);
    return 0;
}

int main(int argc, char **argv) {
    size_t bytes = (argc > 1 ? (size_t)atol(argv[1]) : 64) << 20;
    uint32_t *memory = malloc(bytes);
    if (memory == NULL) {
        fputs("no memory\n", stderr);
        return 1;
    }
    memset(memory, 0xa5, bytes);
    say();
    return deeper(8, memory);
}
