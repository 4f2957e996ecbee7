/* writer N: N bytes to the standard output, 64 KiB a call; the letters of the alphabet, over and over. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A multiple of 26 would make every block the same; this one keeps the phase from block to block. */
static char block[(64 << 10) + 26];

int main(int argc, char **argv) {
    unsigned long long left = argc > 1 ? strtoull(argv[1], NULL, 10) : 1 << 20;
    size_t phase = 0;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)('a' + i % 26);
    while (left > 0) {
        size_t length = left < 64 << 10 ? (size_t)left : 64 << 10;
        ssize_t written = write(1, block + phase, length);
        if (written < 0) {
            perror("writer");
            return 1;
        }
        left -= (unsigned long long)written;
        phase = (phase + (size_t)written) % 26;
    }
    return 0;
}
