/* fib N: doubly recursive Fibonacci numbers; calls and nothing else. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static uint64_t fib(unsigned n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv) {
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 30;
    printf("fib(%u) = %llu\n", n, (unsigned long long)fib(n));
    return 0;
}
