/* binary_trees N: builds, walks and frees complete binary trees of depth up to N; malloc and pointers. */
#include <stdio.h>
#include <stdlib.h>

struct node {
    struct node *left, *right;
};

static struct node *grow(int depth) {
    struct node *node = malloc(sizeof *node);
    if (node == NULL) {
        fputs("binary_trees: out of memory\n", stderr);
        exit(1);
    }
    node->left = depth > 0 ? grow(depth - 1) : NULL;
    node->right = depth > 0 ? grow(depth - 1) : NULL;
    return node;
}

static long count(const struct node *node) {
    return node->left == NULL ? 1 : 1 + count(node->left) + count(node->right);
}

static void fell(struct node *node) {
    if (node->left != NULL) {
        fell(node->left);
        fell(node->right);
    }
    free(node);
}

static long grow_count_fell(int depth) {
    struct node *tree = grow(depth);
    long nodes = count(tree);
    fell(tree);
    return nodes;
}

int main(int argc, char **argv) {
    int lowest = 4, deepest = argc > 1 ? atoi(argv[1]) : 14;
    if (deepest < lowest + 2)
        deepest = lowest + 2;
    printf("stretch tree of depth %d\t check: %ld\n", deepest + 1, grow_count_fell(deepest + 1));
    struct node *lasting = grow(deepest);
    for (int depth = lowest; depth <= deepest; depth += 2) {
        long trees = 1L << (deepest - depth + lowest), nodes = 0;
        for (long i = 0; i < trees; i++)
            nodes += grow_count_fell(depth);
        printf("%ld\t trees of depth %d\t check: %ld\n", trees, depth, nodes);
    }
    printf("long lived tree of depth %d\t check: %ld\n", deepest, count(lasting));
    fell(lasting);
    return 0;
}
