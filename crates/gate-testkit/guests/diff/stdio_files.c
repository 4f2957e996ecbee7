/* Files by stream: modes, positions, buffering, formatted reading back. */
#include "tree.h"

int main(void) {
    char text[128];
    FILE *file = fopen("table.txt", "w");
    for (int i = 0; i < 200; i++)
        fprintf(file, "%03d\t%08x\t%.3f\tname-%d\n", i, (unsigned)i * 2654435761u, i / 7.0, i * i);
    printf("written to %ld\n", ftell(file));
    printf("close %d\n", fclose(file));

    file = fopen("table.txt", "r");
    int number, square, rows = 0;
    unsigned hash, xor = 0;
    double share, sum = 0;
    while (fscanf(file, "%d %x %lf name-%d", &number, &hash, &share, &square) == 4) {
        rows += number * number == square;
        xor ^= hash;
        sum += share;
    }
    printf("%d rows, %08x, %.3f, eof %d\n", rows, xor, sum, feof(file) != 0);
    rewind(file);
    fseek(file, 100, SEEK_SET);
    printf("at 100: %s", fgets(text, sizeof text, file));
    fseek(file, -10, SEEK_END);
    printf("before the end: %s", fgets(text, sizeof text, file));
    printf("then %s", fgets(text, sizeof text, file) == NULL ? "nothing" : "more");
    printf(", eof %d\n", feof(file) != 0);
    clearerr(file);
    fseek(file, 0, SEEK_SET);
    int c = fgetc(file);
    ungetc('Z', file);
    int pushed_back = fgetc(file);
    printf("%c %c %ld\n", c, pushed_back, ftell(file));
    printf("writing fails: %d\n", fputs("x", file) == EOF && ferror(file));
    fclose(file);

    file = fopen("table.txt", "r+");
    fseek(file, 4, SEEK_SET);
    fputs("CHANGED!", file);
    fflush(file);
    fseek(file, 0, SEEK_SET);
    printf("changed: %s", fgets(text, sizeof text, file));
    fclose(file);

    file = fopen("table.txt", "a+");
    fputs("appended\n", file);
    fseek(file, -9, SEEK_END);
    printf("appended: %s", fgets(text, sizeof text, file));
    fclose(file);

    file = fopen("new.txt", "wx");
    printf("new: %d\n", file != NULL);
    setvbuf(file, NULL, _IONBF, 0);
    fputs("unbuffered", file);
    struct stat status;
    stat("new.txt", &status);
    printf("size before closing: %lld\n", (long long)status.st_size);
    fclose(file);
    file = fopen("new.txt", "wx");
    printf("new again: %s\n", file == NULL ? error_name(errno) : "opened");
    printf("directory for writing: %s\n", fopen(".", "w") == NULL ? error_name(errno) : "opened");
    printf("below a file: %s\n", fopen("new.txt/x", "r") == NULL ? error_name(errno) : "opened");

    file = fopen("binary.bin", "wb+");
    for (int i = 0; i < 1000; i++) {
        uint32_t record[4] = {(uint32_t)i, (uint32_t)i * 3, (uint32_t)~i, 0};
        fwrite(record, sizeof record, 1, file);
    }
    uint32_t record[4];
    fseek(file, 16 * 500, SEEK_SET);
    size_t records = fread(record, sizeof record, 1, file);
    printf("fread %zu, %u %u\n", records, record[0], record[1]);
    fseek(file, 16 * 999 + 8, SEEK_SET);
    printf("a part: %zu whole records\n", fread(record, sizeof record, 1, file));
    fclose(file);
    file = fopen("binary.bin", "r");
    FILE *same = freopen("new.txt", "r", file);
    printf("reopened: %s\n", fgets(text, sizeof text, same));
    fclose(same);
    print_tree(".");
    return 0;
}
