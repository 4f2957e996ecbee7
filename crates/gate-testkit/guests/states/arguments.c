/* Arguments and environment are those that the program was started with. */
//! input = ...
//! every = 7 19
//! arguments = first second-argument
//! environment = LANG=C
//! environment = EMPTY=
//! upstream = it was started with arguments
//! upstream = it was started with environment variables
#include "state.h"

extern char **environ;

int main(int argc, char **argv) {
    wait_here();
    for (int i = 1; i < argc; i++)
        printf("%d: %s\n", i, argv[i]);
    wait_here();
    for (char **e = environ; *e != NULL; e++)
        puts(*e);
    setenv("LANG", "changed", 1);
    wait_here();
    printf("%s\n", getenv("LANG"));
    return 0;
}
