/* bfs N: breadth-first search from ten nodes of a random graph of N nodes with six links each. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS = 6, SEARCHES = 10 };

static uint64_t search(const uint32_t *links, uint32_t nodes, uint32_t from, int32_t *depths, uint32_t *queue) {
    uint32_t head = 0, tail = 0;
    uint64_t sum = 0;
    memset(depths, 255, nodes * sizeof *depths);
    depths[from] = 0;
    queue[tail++] = from;
    while (head < tail) {
        uint32_t node = queue[head++];
        int32_t depth = depths[node] + 1;
        for (int i = 0; i < LINKS; i++) {
            uint32_t next = links[node * LINKS + (uint32_t)i];
            if (depths[next] < 0) {
                depths[next] = depth;
                sum += (uint64_t)depth;
                queue[tail++] = next;
            }
        }
    }
    return sum + tail;
}

int main(int argc, char **argv) {
    uint32_t nodes = argc > 1 ? (uint32_t)atol(argv[1]) : 100000, seed = 11;
    uint32_t *links = malloc((size_t)nodes * LINKS * sizeof *links), *queue = malloc(nodes * sizeof *queue);
    int32_t *depths = malloc(nodes * sizeof *depths);
    if (!links || !queue || !depths)
        return 1;
    for (uint32_t i = 0; i < nodes * LINKS; i++) {
        seed = seed * 1664525 + 1013904223;
        /* Most links are to nodes near by. */
        links[i] = seed & 256 ? (i / LINKS + (seed >> 12) % 1000) % nodes : (seed >> 9) % nodes;
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SEARCHES; i++)
        sum += search(links, nodes, i * (nodes / SEARCHES), depths, queue);
    printf("%llu\n", (unsigned long long)sum);
    return 0;
}
