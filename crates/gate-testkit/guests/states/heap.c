/* A heap full of linked things, which moves and shrinks and grows. */
//! input = ....
//! every = 2500 4001
#include "state.h"

struct node { struct node *left, *right; unsigned value; };

static struct node *tree(unsigned depth, unsigned *seed) {
    struct node *n = malloc(sizeof *n);
    CHECK(n != NULL);
    *seed = *seed * 1664525u + 1013904223u;
    n->value = *seed;
    n->left = depth ? tree(depth - 1, seed) : NULL;
    n->right = depth ? tree(depth - 1, seed) : NULL;
    return n;
}

static unsigned sum(const struct node *n) {
    return n == NULL ? 7 : sum(n->left) * 3 + n->value + sum(n->right) * 5;
}

static void drop(struct node *n) {
    if (n != NULL) {
        drop(n->left);
        drop(n->right);
        free(n);
    }
}

int main(void) {
    unsigned seed = 1;
    struct node *all[4];
    for (int i = 0; i < 4; i++) {
        all[i] = tree(10, &seed);
        wait_here();
        printf("%08x\n", sum(all[i]));
        fflush(stdout);
        if (i == 2)
            drop(all[0]);
    }
    for (int i = 1; i < 4; i++) {
        printf("%08x\n", sum(all[i]));
        drop(all[i]);
    }
    return 0;
}
