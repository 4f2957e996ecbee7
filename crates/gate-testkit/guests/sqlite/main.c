/* sqlite DATABASE [FILE]: runs the SQL in a file, or on standard input, and prints each row, its columns separated by '|'.
 *
 * There are two more functions: read_line() gives a line of standard input, sleep_millis(N) waits.
 *
 * The first statement that fails ends the program with status 1 and its message on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sqlite3.h"

static char *read_all(FILE *in) {
    size_t length = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text != NULL) {
        size_t n = fread(text + length, 1, capacity - length - 1, in);
        length += n;
        if (n == 0) {
            text[length] = 0;
            return text;
        }
        if (capacity - length - 1 == 0)
            text = realloc(text, capacity *= 2);
    }
    return NULL;
}

static void print_row(sqlite3_stmt *statement) {
    int columns = sqlite3_column_count(statement);
    for (int i = 0; i < columns; i++) {
        const unsigned char *text = sqlite3_column_text(statement, i);
        printf("%s%s", i == 0 ? "" : "|", text == NULL ? "NULL" : (const char *)text);
    }
    putchar('\n');
}

static int fail(sqlite3 *db, const char *what) {
    fflush(stdout);
    fprintf(stderr, "sqlite: %s: %s\n", what, sqlite3_errmsg(db));
    sqlite3_close_v2(db);
    return 1;
}

static void read_line(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count, (void)values;
    char line[256];
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) != NULL)
        sqlite3_result_text(context, line, (int)strcspn(line, "\n"), SQLITE_TRANSIENT);
}

static void sleep_millis(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    int millis = sqlite3_value_int(values[0]);
    struct timespec time = {millis / 1000, millis % 1000 * 1000000};
    fflush(stdout);
    sqlite3_result_int(context, nanosleep(&time, NULL));
}

int main(int argc, char **argv) {
    sqlite3 *db;
    if (argc != 2 && argc != 3) {
        fputs("usage: sqlite DATABASE [FILE]\n", stderr);
        return 2;
    }
    if (sqlite3_open(argv[1], &db) != SQLITE_OK)
        return fail(db, argv[1]);
    sqlite3_create_function(db, "read_line", 0, SQLITE_UTF8, NULL, read_line, NULL, NULL);
    sqlite3_create_function(db, "sleep_millis", 1, SQLITE_UTF8, NULL, sleep_millis, NULL, NULL);
    FILE *file = argc == 3 ? fopen(argv[2], "r") : stdin;
    if (file == NULL)
        return fail(db, argv[2]);
    char *sql = read_all(file);
    if (sql == NULL) {
        fputs("sqlite: out of memory\n", stderr);
        return 1;
    }
    for (const char *rest = sql; *rest != 0;) {
        sqlite3_stmt *statement;
        int status = sqlite3_prepare_v2(db, rest, -1, &statement, &rest);
        if (status != SQLITE_OK)
            return fail(db, "cannot prepare");
        while ((status = sqlite3_step(statement)) == SQLITE_ROW)
            print_row(statement);
        if (statement != NULL && status != SQLITE_DONE)
            return fail(db, "cannot run");
        sqlite3_finalize(statement);
    }
    free(sql);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
