/* table N: N insertions, lookups and removals of short strings in a hash table with chains; malloc and free. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 14 };

struct entry {
    struct entry *next;
    unsigned count;
    char key[];
};

static struct entry *buckets[BUCKETS];

static uint32_t hash(const char *key) {
    uint32_t value = 2166136261u;
    while (*key)
        value = (value ^ (uint8_t)*key++) * 16777619;
    return value;
}

static struct entry **find(const char *key) {
    struct entry **at = &buckets[hash(key) % BUCKETS];
    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

static void digits(char *key, uint32_t number) {
    do
        *key++ = (char)('a' + number % 10);
    while (number /= 10);
    *key = 0;
}

int main(int argc, char **argv) {
    long operations = argc > 1 ? atol(argv[1]) : 500000;
    uint32_t seed = 13, sum = 0;
    for (long i = 0; i < operations; i++) {
        char key[16];
        seed = seed * 1664525 + 1013904223;
        digits(key, (seed >> 12) % 50000);
        struct entry **at = find(key), *entry = *at;
        if (entry == NULL) {
            entry = malloc(sizeof *entry + strlen(key) + 1);
            if (entry == NULL)
                return 1;
            entry->next = NULL;
            entry->count = 1;
            strcpy(entry->key, key);
            *at = entry;
        } else if (++entry->count == 8) {
            *at = entry->next;
            sum += (uint8_t)entry->key[0];
            free(entry);
        }
    }
    for (int i = 0; i < BUCKETS; i++)
        for (const struct entry *entry = buckets[i]; entry; entry = entry->next)
            sum = sum * 31 + entry->count;
    printf("%08x\n", (unsigned)sum);
    return 0;
}
