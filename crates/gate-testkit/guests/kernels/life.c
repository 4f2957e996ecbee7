/* life N: N generations of Conway's game on a torus of 256 by 256 cells. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 256 };

static uint8_t cells[SIDE][SIDE], next[SIDE][SIDE];

static void generation(void) {
    for (unsigned y = 0; y < SIDE; y++)
        for (unsigned x = 0; x < SIDE; x++) {
            unsigned neighbours = 0;
            for (unsigned dy = SIDE - 1; dy <= SIDE + 1; dy++)
                for (unsigned dx = SIDE - 1; dx <= SIDE + 1; dx++)
                    neighbours += cells[(y + dy) % SIDE][(x + dx) % SIDE];
            next[y][x] = neighbours == 3 || (neighbours == 4 && cells[y][x]);
        }
    memcpy(cells, next, sizeof cells);
}

int main(int argc, char **argv) {
    int generations = argc > 1 ? atoi(argv[1]) : 50;
    uint32_t seed = 9, alive = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        seed = seed * 1664525 + 1013904223;
        cells[i / SIDE][i % SIDE] = seed >> 31;
    }
    for (int i = 0; i < generations; i++)
        generation();
    for (int i = 0; i < SIDE * SIDE; i++)
        alive = alive * 3 + cells[i / SIDE][i % SIDE];
    printf("%08x\n", (unsigned)alive);
    return 0;
}
