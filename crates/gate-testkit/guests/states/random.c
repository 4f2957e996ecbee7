/* Random bytes that were drawn stay what they are, and those drawn later are others. */
//! input = ...
//! every = 3 5
#include "state.h"

int main(void) {
    unsigned char bytes[6][32];
    for (int i = 0; i < 6; i++) {
        CHECK(getentropy(bytes[i], 32) == 0);
        if (i % 2 == 0)
            wait_here();
        for (int j = 0; j < i; j++)
            CHECK(memcmp(bytes[i], bytes[j], 32) != 0);
    }
    puts("all different");
    return 0;
}
