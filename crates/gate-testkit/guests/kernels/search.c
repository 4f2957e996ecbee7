/* search N: counts words in a text of N kilobytes: naively, by Horspool's skips, and by Knuth, Morris and Pratt. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t naive(const char *text, size_t size, const char *word, size_t length) {
    size_t found = 0;
    for (size_t i = 0; i + length <= size; i++) {
        size_t j = 0;
        while (j < length && text[i + j] == word[j])
            j++;
        found += j == length;
    }
    return found;
}

static size_t horspool(const char *text, size_t size, const char *word, size_t length) {
    size_t skips[256], found = 0, i = 0;
    for (int byte = 0; byte < 256; byte++)
        skips[byte] = length;
    for (size_t j = 0; j + 1 < length; j++)
        skips[(uint8_t)word[j]] = length - 1 - j;
    while (i + length <= size) {
        size_t j = length;
        while (j > 0 && text[i + j - 1] == word[j - 1])
            j--;
        found += j == 0;
        i += skips[(uint8_t)text[i + length - 1]];
    }
    return found;
}

static size_t knuth_morris_pratt(const char *text, size_t size, const char *word, size_t length) {
    size_t borders[64], found = 0, k = 0;
    borders[0] = 0;
    for (size_t i = 1; i < length; i++) {
        while (k && word[i] != word[k])
            k = borders[k - 1];
        k += word[i] == word[k];
        borders[i] = k;
    }
    k = 0;
    for (size_t i = 0; i < size; i++) {
        while (k && text[i] != word[k])
            k = borders[k - 1];
        k += text[i] == word[k];
        if (k == length) {
            found++;
            k = borders[k - 1];
        }
    }
    return found;
}

int main(int argc, char **argv) {
    static const char *words[] = {"abacab", "needle in a haystack", "cccc", "bab"};
    size_t size = (argc > 1 ? (size_t)atol(argv[1]) : 1000) * 1024, found[3] = {0};
    char *text = malloc(size + 1);
    uint32_t seed = 3;
    if (text == NULL)
        return 1;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = "abcabcde"[seed >> 29];
    }
    text[size] = 0;
    for (int i = 0; i < 4; i++) {
        size_t length = strlen(words[i]);
        found[0] += naive(text, size, words[i], length);
        found[1] += horspool(text, size, words[i], length);
        found[2] += knuth_morris_pratt(text, size, words[i], length);
    }
    printf("%zu %zu %zu\n", found[0], found[1], found[2]);
    return found[0] != found[1] || found[1] != found[2];
}
