/* tape N: an interpreter of the language with eight instructions on a tape; its program adds N to itself, N times. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t tape[256];

static unsigned long run(const char *program) {
    unsigned long steps = 0;
    uint32_t *cell = tape;
    for (const char *at = program; *at; at++, steps++) {
        int depth = 1;
        switch (*at) {
        case '>':
            cell++;
            break;
        case '<':
            cell--;
            break;
        case '+':
            ++*cell;
            break;
        case '-':
            --*cell;
            break;
        case '[':
            if (*cell == 0)
                while (depth)
                    at++, depth += (*at == '[') - (*at == ']');
            break;
        case ']':
            if (*cell)
                while (depth)
                    at--, depth += (*at == ']') - (*at == '[');
            break;
        }
    }
    return steps;
}

int main(int argc, char **argv) {
    tape[0] = tape[1] = argc > 1 ? (uint32_t)atol(argv[1]) : 1000;
    unsigned long steps = run("[>[>+>+<<-]>>[<<+>>-]<<<-]");
    printf("%lu steps, %u\n", steps, (unsigned)tape[2]);
    return 0;
}
