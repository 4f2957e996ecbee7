/* The runtime part of clang's -mllvm -wasm-enable-sjlj: a longjmp is a WebAssembly exception.
 *
 * A function that calls setjmp catches the exception, asks __wasm_setjmp_test which of its setjmp calls, if any, filled
 * the buffer in question, and throws again what belongs to a caller. */
#include <setjmp.h>

/* The index by which the compiler knows the tag __c_longjmp. */
enum { LONGJMP_TAG = 1 };

/* What the exception points to; the compiler reads both members. One jump is under way at a time. */
static struct {
    void *env;
    int value;
} jump;

void __wasm_setjmp(jmp_buf env, unsigned label, void *frame) {
    env->frame = frame;
    env->label = label;
}

/* The label of the setjmp call that filled the buffer (labels start at 1), or 0 when it was of another frame. */
unsigned __wasm_setjmp_test(jmp_buf env, void *frame) {
    return env->frame == frame ? env->label : 0;
}

void __wasm_longjmp(jmp_buf env, int value) {
    jump.env = env;
    jump.value = value == 0 ? 1 : value;
    __builtin_wasm_throw(LONGJMP_TAG, &jump);
}

__asm__(".globl __c_longjmp\n"
        ".tagtype __c_longjmp i32\n"
        "__c_longjmp:\n");
