/* Included in front of a kernel to have its functions lie elsewhere: behind one that nobody calls, and that is the longer the larger LAYOUT is. */
static volatile int layout_sink;

__attribute__((used, noinline)) static void layout(void) {
#pragma clang loop unroll(full)
    for (int i = 0; i < LAYOUT; i++)
        layout_sink = 100000 + i;
}
