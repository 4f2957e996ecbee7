/* fannkuch N: the most prefix reversals over all permutations of N numbers; array indexing and branches. */
#include <stdio.h>
#include <stdlib.h>

enum { LARGEST = 12 };

/* Reverses prefixes of `line`, each as long as the first number says, until a 0 is first. */
static int flips(const int *permutation, int n) {
    int line[LARGEST], count = 0;
    for (int i = 0; i < n; i++)
        line[i] = permutation[i];
    for (int first = line[0]; first != 0; first = line[0], count++) {
        for (int low = 0, high = first; low < high; low++, high--) {
            int other = line[low];
            line[low] = line[high];
            line[high] = other;
        }
    }
    return count;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 9;
    int permutation[LARGEST], turns[LARGEST + 1];
    long long checksum = 0;
    int most = 0, sign = 1;
    if (n < 2 || n > LARGEST) {
        fprintf(stderr, "fannkuch: the size must be 2 to %d\n", LARGEST);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        permutation[i] = i;
        turns[i] = 0;
    }
    for (;;) {
        int count = permutation[0] == 0 ? 0 : flips(permutation, n);
        if (count > most)
            most = count;
        checksum += sign * count;
        sign = -sign;
        /* The next permutation: rotate a prefix; when it has come round, rotate the next longer one. */
        int length = 2;
        for (;;) {
            int first = permutation[0];
            for (int i = 0; i + 1 < length; i++)
                permutation[i] = permutation[i + 1];
            permutation[length - 1] = first;
            if (++turns[length - 1] < length)
                break;
            turns[length - 1] = 0;
            if (++length > n) {
                printf("%lld\nPfannkuchen(%d) = %d\n", checksum, n, most);
                return 0;
            }
        }
    }
}
