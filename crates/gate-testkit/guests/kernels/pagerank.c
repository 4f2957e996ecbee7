/* pagerank N: PageRank of a random graph of N nodes with eight links each, 20 rounds; gathers of floating-point numbers. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINKS = 8, ROUNDS = 20 };

int main(int argc, char **argv) {
    uint32_t nodes = argc > 1 ? (uint32_t)atol(argv[1]) : 10000;
    uint32_t edges = nodes * LINKS, seed = 7;
    uint32_t *targets = malloc(edges * sizeof *targets), *sources = malloc(edges * sizeof *sources);
    uint32_t *starts = calloc(nodes + 2, sizeof *starts);
    double *ranks = malloc(nodes * sizeof *ranks), *shares = malloc(nodes * sizeof *shares);
    if (!targets || !sources || !starts || !ranks || !shares)
        return 1;
    for (uint32_t edge = 0; edge < edges; edge++) {
        seed = seed * 1664525 + 1013904223;
        /* Some nodes are linked to much more than others. */
        uint32_t target = (uint32_t)((uint64_t)(seed >> 8) * nodes >> 24);
        targets[edge] = seed & 64 ? target : target / 16;
        starts[targets[edge] + 2]++;
    }
    for (uint32_t node = 0; node < nodes; node++)
        starts[node + 1] += starts[node];
    for (uint32_t edge = 0; edge < edges; edge++)
        sources[starts[targets[edge] + 1]++] = edge / LINKS;
    for (uint32_t node = 0; node < nodes; node++)
        ranks[node] = 1.0 / nodes;
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t node = 0; node < nodes; node++)
            shares[node] = ranks[node] / LINKS;
        for (uint32_t node = 0; node < nodes; node++) {
            double sum = 0;
            for (uint32_t i = starts[node]; i < starts[node + 1]; i++)
                sum += shares[sources[i]];
            ranks[node] = 0.15 / nodes + 0.85 * sum;
        }
    }
    double sum = 0, most = 0;
    for (uint32_t node = 0; node < nodes; node++) {
        sum += ranks[node];
        most = ranks[node] > most ? ranks[node] : most;
    }
    printf("%.9f %.9e\n", sum, most);
    return 0;
}
