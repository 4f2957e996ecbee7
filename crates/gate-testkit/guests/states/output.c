/* Writes more than fits into the pipe of its output, so that it waits for its reader; in one call, and in many. */
//! late
//! every = 9000 13001
#include "state.h"

static char text[200000];

static void put(const char *from, size_t bytes) {
    while (bytes > 0) {
        ssize_t n = write(1, from, bytes);
        CHECK(n > 0);
        from += n;
        bytes -= n;
    }
}

int main(void) {
    put("?a\n", 3);
    for (unsigned i = 0, x = 1; i < sizeof text; i++, x = x * 69069 + 1)
        text[i] = i % 80 == 79 ? '\n' : 'a' + (x >> 16) % 26;
    put(text, sizeof text);
    for (size_t i = 0; i < 20000; i += 5000)
        put(text + i, 5000);
    return 0;
}
