/* Waits for input or a time, whichever comes first. */
//! input = ...
//! every = 3 5
#include "state.h"
#include <poll.h>

int main(void) {
    for (int i = 0; i < 3; i++) {
        printf("?%c\n", 'a' + i);
        fflush(stdout);
        struct pollfd fd = {0, POLLIN, 0};
        CHECK(poll(&fd, 1, 60000) == 1);
        CHECK(fd.revents & POLLIN);
        char byte;
        CHECK(read(0, &byte, 1) == 1);
        printf("%c\n", byte);
    }
    return 0;
}
