/* csv2json: reads CSV with a header line on the standard input, writes a JSON array of objects.
 *
 *     $ clang-22 --target=wasm32-wasi -Wno-deprecated --sysroot=/usr -O2 -o target/csv2json.wasm examples/c/csv2json.c
 *     $ printf 'name,age\nAda,36\n' | gate run target/csv2json.wasm
 *     [
 *       {"name": "Ada", "age": 36}
 *     ]
 *
 * Fields may be quoted ("" is a quote inside, and commas and newlines are then part of the field). What is a number by
 * the rules of JSON and was not quoted is written as one; an empty field that was not quoted is null. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct field {
    char *text;
    int quoted;
};

struct record {
    struct field *fields;
    size_t count;
};

static void *checked(void *memory) {
    if (memory == NULL) {
        fputs("csv2json: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* Reads one field; returns the byte that ended it: ',' or '\n' or EOF. */
static int read_field(FILE *in, struct field *field) {
    size_t length = 0, capacity = 32;
    char *text = checked(malloc(capacity));
    int inside = 0, byte;
    field->quoted = 0;
    while ((byte = getc(in)) != EOF) {
        if (byte == '"' && (inside || length == 0 || field->quoted)) {
            if (!inside) {
                /* An opening quote, or the second of two inside a quoted field. */
                inside = 1;
                if (field->quoted == 0) {
                    field->quoted = 1;
                    continue;
                }
            } else {
                inside = 0;
                continue;
            }
        } else if (!inside && (byte == ',' || byte == '\n')) {
            break;
        }
        if (length + 1 == capacity)
            text = checked(realloc(text, capacity *= 2));
        text[length++] = (char)byte;
    }
    if (byte != ',' && !field->quoted && length > 0 && text[length - 1] == '\r')
        length--;
    text[length] = 0;
    field->text = text;
    return byte;
}

/* Reads a line of fields; returns 0 at the end of the input. Empty lines are skipped. */
static int read_record(FILE *in, struct record *record) {
    int end;
    do {
        record->fields = NULL;
        record->count = 0;
        do {
            record->fields = checked(realloc(record->fields, (record->count + 1) * sizeof *record->fields));
            end = read_field(in, &record->fields[record->count++]);
        } while (end == ',');
        const struct field *first = record->fields;
        if (record->count > 1 || first->quoted || first->text[0] != 0)
            return 1;
        free(first->text);
        free(record->fields);
    } while (end != EOF);
    return 0;
}

static void free_record(struct record *record) {
    for (size_t i = 0; i < record->count; i++)
        free(record->fields[i].text);
    free(record->fields);
}

static const char *skip_digits(const char *text) {
    while (isdigit((unsigned char)*text))
        text++;
    return text;
}

static int is_json_number(const char *text) {
    text += *text == '-';
    if (!isdigit((unsigned char)*text) || (text[0] == '0' && isdigit((unsigned char)text[1])))
        return 0;
    text = skip_digits(text);
    if (*text == '.') {
        if (!isdigit((unsigned char)text[1]))
            return 0;
        text = skip_digits(text + 1);
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        if (!isdigit((unsigned char)*text))
            return 0;
        text = skip_digits(text);
    }
    return *text == 0;
}

static void print_string(const char *text) {
    putchar('"');
    for (; *text != 0; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte == '\n')
            fputs("\\n", stdout);
        else if (byte == '\t')
            fputs("\\t", stdout);
        else if (byte < 0x20)
            printf("\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static void print_value(const struct field *field) {
    if (field->quoted || (field->text[0] != 0 && !is_json_number(field->text)))
        print_string(field->text);
    else
        fputs(field->text[0] == 0 ? "null" : field->text, stdout);
}

int main(void) {
    struct record header, record;
    size_t count = 0;
    if (!read_record(stdin, &header)) {
        fputs("csv2json: the input is empty\n", stderr);
        return 1;
    }
    for (; read_record(stdin, &record); count++) {
        if (record.count != header.count) {
            fprintf(stderr, "csv2json: record %zu has %zu fields, the header has %zu\n", count + 1, record.count,
                    header.count);
            return 1;
        }
        fputs(count == 0 ? "[\n  {" : ",\n  {", stdout);
        for (size_t i = 0; i < header.count; i++) {
            fputs(i == 0 ? "" : ", ", stdout);
            print_string(header.fields[i].text);
            fputs(": ", stdout);
            print_value(&record.fields[i]);
        }
        putchar('}');
        free_record(&record);
    }
    puts(count == 0 ? "[]" : "\n]");
    free_record(&header);
    return ferror(stdin) || ferror(stdout);
}
