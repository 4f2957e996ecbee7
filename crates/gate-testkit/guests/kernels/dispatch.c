/* dispatch N: a tree of expressions evaluated N times through pointers to functions, as objects with methods are. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
    uint32_t (*evaluate)(const struct node *, uint32_t);
    const struct node *left, *right;
    uint32_t value;
};

static uint32_t constant(const struct node *node, uint32_t x) {
    (void)x;
    return node->value;
}

static uint32_t variable(const struct node *node, uint32_t x) {
    return x + node->value;
}

static uint32_t sum(const struct node *node, uint32_t x) {
    return node->left->evaluate(node->left, x) + node->right->evaluate(node->right, x);
}

static uint32_t product(const struct node *node, uint32_t x) {
    return node->left->evaluate(node->left, x) * node->right->evaluate(node->right, x);
}

static const struct node *make(int depth, uint32_t *seed) {
    struct node *node = malloc(sizeof *node);
    if (node == NULL)
        exit(1);
    *seed = *seed * 1664525 + 1013904223;
    node->value = *seed >> 20;
    node->left = depth ? make(depth - 1, seed) : NULL;
    node->right = depth ? make(depth - 1, seed) : NULL;
    if (depth)
        node->evaluate = node->value & 1 ? sum : product;
    else
        node->evaluate = node->value & 1 ? constant : variable;
    return node;
}

int main(int argc, char **argv) {
    uint32_t rounds = argc > 1 ? (uint32_t)atol(argv[1]) : 10000, seed = 21, result = 0;
    const struct node *root = make(8, &seed);
    for (uint32_t round = 0; round < rounds; round++)
        result = result * 31 + root->evaluate(root, round);
    printf("%08x\n", (unsigned)result);
    return 0;
}
