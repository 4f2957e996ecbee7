/* machine N: a bytecode interpreter whose program counts the steps of the Collatz sequences of the numbers below N. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum code { PUSH, LOAD, STORE, ADD, MULTIPLY, HALVE, IS_ODD, LESS, JUMP, JUMP_IF_ZERO, HALT };

struct instruction {
    enum code code;
    int64_t operand;
};

static int64_t run(const struct instruction *program, int64_t *variables) {
    int64_t stack[16], *top = stack;
    for (const struct instruction *at = program;; at++) {
        switch (at->code) {
        case PUSH:
            *top++ = at->operand;
            break;
        case LOAD:
            *top++ = variables[at->operand];
            break;
        case STORE:
            variables[at->operand] = *--top;
            break;
        case ADD:
            top--;
            top[-1] += top[0];
            break;
        case MULTIPLY:
            top--;
            top[-1] *= top[0];
            break;
        case HALVE:
            top[-1] >>= 1;
            break;
        case IS_ODD:
            top[-1] &= 1;
            break;
        case LESS:
            top--;
            top[-1] = top[-1] < top[0];
            break;
        case JUMP:
            at = program + at->operand - 1;
            break;
        case JUMP_IF_ZERO:
            if (*--top == 0)
                at = program + at->operand - 1;
            break;
        case HALT:
            return *--top;
        }
    }
}

int main(int argc, char **argv) {
    /* Variables: 0 the number, 1 what has become of it, 2 steps, 3 the limit. */
    static const struct instruction program[] = {
        /*  0 */ {LOAD, 0}, {LOAD, 3}, {LESS, 0}, {JUMP_IF_ZERO, 32}, {LOAD, 0}, {STORE, 1},
        /*  6 */ {PUSH, 1}, {LOAD, 1}, {LESS, 0}, {JUMP_IF_ZERO, 27},
        /* 10 */ {LOAD, 2}, {PUSH, 1}, {ADD, 0}, {STORE, 2}, {LOAD, 1}, {IS_ODD, 0}, {JUMP_IF_ZERO, 23},
        /* 17 */ {LOAD, 1}, {PUSH, 3}, {MULTIPLY, 0}, {PUSH, 1}, {ADD, 0}, {JUMP, 25},
        /* 23 */ {LOAD, 1}, {HALVE, 0},
        /* 25 */ {STORE, 1}, {JUMP, 6},
        /* 27 */ {LOAD, 0}, {PUSH, 1}, {ADD, 0}, {STORE, 0}, {JUMP, 0},
        /* 32 */ {LOAD, 2}, {HALT, 0},
    };
    int64_t variables[4] = {1, 0, 0, argc > 1 ? atol(argv[1]) : 30000};
    printf("%lld steps\n", (long long)run(program, variables));
    return 0;
}
