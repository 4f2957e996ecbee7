/* Waiting for input and for time with poll, then reading by descriptor. */
#include <poll.h>

#include "tree.h"

int main(void) {
    char buffer[4096];
    uint64_t hash = HASH_START;
    size_t total = 0;
    for (;;) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = 1, .events = 0}};
        int ready = poll(fds, 1, 30000);
        if (ready != 1 || (fds[0].revents & (POLLIN | POLLHUP)) == 0) {
            printf("poll: %d, events %d\n", ready, fds[0].revents);
            return 1;
        }
        ssize_t n = read(0, buffer, sizeof buffer);
        if (n <= 0) {
            outcome("the last read", n);
            break;
        }
        hash = hash_bytes(hash, buffer, (size_t)n);
        total += (size_t)n;
    }
    printf("%zu bytes, %016llx\n", total, (unsigned long long)hash);
    struct pollfd out = {.fd = 1, .events = POLLOUT};
    outcome("poll for output", poll(&out, 1, 30000));
    printf("writable: %d\n", (out.revents & POLLOUT) != 0);
    outcome("poll for nothing", poll(NULL, 0, 10));
    return 0;
}
