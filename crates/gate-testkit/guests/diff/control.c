/* Control flow a compiler turns into tables and loops: indirect calls, switches, varargs, deep recursion. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t (*operation)(uint32_t, uint32_t);

static uint32_t add(uint32_t a, uint32_t b) { return a + b; }
static uint32_t subtract(uint32_t a, uint32_t b) { return a - b; }
static uint32_t multiply(uint32_t a, uint32_t b) { return a * b; }
static uint32_t rotate(uint32_t a, uint32_t b) { return a << (b & 31) | a >> (-b & 31); }

/* A machine with eight operations on a stack; the program is its own data. */
static uint32_t interpret(const unsigned char *code, size_t length, int steps) {
    static const operation operations[] = {add, subtract, multiply, rotate};
    uint32_t stack[16] = {1, 2, 3, 4, 5, 6, 7, 8}, top = 8;
    for (size_t at = 0; steps > 0; steps--, at = (at + 1) % length) {
        uint32_t *a = &stack[top % 16], *b = &stack[(top + 15) % 16];
        switch (code[at] % 11) {
        case 0: case 1: case 2: case 3:
            *b = operations[code[at] % 11](*a, *b);
            top--;
            break;
        case 4: top++; *b = *a; break;
        case 5: *a ^= *b; break;
        case 6: if (*a & 1) at = (at + 3) % length; break;
        case 7: stack[*a % 16] += *b; break;
        case 8: { uint32_t t = *a; *a = *b; *b = t; break; }
        case 9: at = *b % length; break;
        default: *a += (uint32_t)at;
        }
    }
    uint32_t sum = top;
    for (int i = 0; i < 16; i++)
        sum = sum * 31 + stack[i];
    return sum;
}

static uint32_t ackermann(uint32_t m, uint32_t n) {
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static int even(unsigned n);
static int odd(unsigned n) { return n == 0 ? 0 : even(n - 1); }
static int even(unsigned n) { return n == 0 ? 1 : odd(n - 1); }

static double sum_all(const char *kinds, ...) {
    va_list arguments, copy;
    double sum = 0;
    va_start(arguments, kinds);
    va_copy(copy, arguments);
    for (const char *kind = kinds; *kind != 0; kind++)
        sum += *kind == 'i' ? va_arg(arguments, int)
               : *kind == 'l' ? (double)va_arg(arguments, long long)
               : *kind == 's' ? (double)strlen(va_arg(arguments, const char *))
                              : va_arg(arguments, double);
    sum += *kinds == 'i' ? va_arg(copy, int) : 0;
    va_end(copy);
    va_end(arguments);
    return sum;
}

struct big {
    int values[20];
    double weight;
};

static struct big doubled(struct big value) {
    for (int i = 0; i < 20; i++)
        value.values[i] *= 2;
    value.weight *= 2;
    return value;
}

static int by_remainder(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return x % 10 != y % 10 ? x % 10 - y % 10 : x - y;
}

int main(void) {
    unsigned char code[97];
    for (size_t i = 0; i < sizeof code; i++)
        code[i] = (unsigned char)(i * i * 7 + i * 13 + 5);
    for (int i = 1; i <= 5; i++)
        printf("interpreted %08x\n", interpret(code, sizeof code - (size_t)i, 200000 * i));
    printf("ackermann %u, even %d, odd %d\n", ackermann(2, 300), even(3000), odd(3000));
    printf("varargs %g %g\n", sum_all("idls", 3, 2.5, 1LL << 40, "four"), sum_all(""));
    struct big big = {.weight = 1.5};
    for (int i = 0; i < 20; i++)
        big.values[i] = i;
    struct big twice = doubled(doubled(big));
    printf("structs %d %d %g %d\n", twice.values[19], twice.values[1], twice.weight, big.values[19]);
    int numbers[500], wanted = 777;
    for (int i = 0; i < 500; i++)
        numbers[i] = i * 7919 % 1000;
    qsort(numbers, 500, sizeof numbers[0], by_remainder);
    int *found = bsearch(&wanted, numbers, 500, sizeof numbers[0], by_remainder);
    printf("sorted %d %d %d, found %d\n", numbers[0], numbers[250], numbers[499], found == NULL ? -1 : *found);
    return 0;
}
