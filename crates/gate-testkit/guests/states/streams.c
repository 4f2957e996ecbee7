/* Buffered files of the C library: half a buffer read, half a buffer to be written. */
//! input = ...
//! every = 25 61
//! file = /in.txt: one two three four five six seven eight nine ten
//! upstream = it was given directories
//! standalone = the program has opened descriptor 4
//! standalone = the program has changed files or directories
#include "state.h"

int main(void) {
    char word[16];
    FILE *in = fopen("/in.txt", "r"), *out = fopen("/out.txt", "w+");
    CHECK(in != NULL && out != NULL);
    for (int i = 0; fscanf(in, "%15s", word) == 1; i++) {
        fprintf(out, "%d=%s;", i, word);
        if (i % 4 == 1)
            wait_here();
        printf("%s,", word);
    }
    puts("");
    CHECK(feof(in));
    rewind(out);
    for (int c; (c = getc(out)) != EOF;)
        putchar(c);
    puts("");
    return 0;
}
