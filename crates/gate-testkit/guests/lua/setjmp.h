/* Non-local jumps, which Debian's wasi-libc lacks. clang makes calls of sjlj.c and exceptions of them. */
#ifndef GATE_SETJMP_H
#define GATE_SETJMP_H

typedef struct {
    void *frame;
    unsigned label;
} jmp_buf[1];

int setjmp(jmp_buf env) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf env, int value);

#endif
