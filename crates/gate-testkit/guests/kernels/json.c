/* json N: makes a JSON text of N records, and parses it ten times: recursive descent, a byte at a time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *at;
static unsigned long values;
static uint64_t sum;

static void fail(void) {
    printf("malformed at ...%.20s\n", at);
    exit(1);
}

static void space(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')
        at++;
}

static void expect(char byte) {
    if (*at != byte)
        fail();
    at++;
}

static void string(void) {
    expect('"');
    while (*at != '"') {
        if ((unsigned char)*at < ' ')
            fail();
        if (*at == '\\')
            at++;
        sum += (unsigned char)*at++;
    }
    at++;
}

static void number(void) {
    double value = 0, scale = 1, sign = 1;
    if (*at == '-')
        sign = -1, at++;
    if (*at < '0' || *at > '9')
        fail();
    while (*at >= '0' && *at <= '9')
        value = value * 10 + (*at++ - '0');
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++)
            value += (scale /= 10) * (*at - '0');
    sum += (uint64_t)(int64_t)(sign * value * 8);
}

static void word(const char *text) {
    while (*text)
        expect(*text++);
}

static void value(void) {
    space();
    values++;
    switch (*at) {
    case '{':
        at++;
        space();
        if (*at == '}') {
            at++;
            break;
        }
        for (;;) {
            space();
            string();
            space();
            expect(':');
            value();
            if (*at != ',')
                break;
            at++;
        }
        expect('}');
        break;
    case '[':
        at++;
        space();
        if (*at == ']') {
            at++;
            break;
        }
        for (;;) {
            value();
            if (*at != ',')
                break;
            at++;
        }
        expect(']');
        break;
    case '"':
        string();
        break;
    case 't':
        word("true");
        break;
    case 'f':
        word("false");
        break;
    case 'n':
        word("null");
        break;
    default:
        number();
    }
    space();
}

int main(int argc, char **argv) {
    int records = argc > 1 ? atoi(argv[1]) : 10000;
    char *text = malloc((size_t)records * 200 + 16), *end = text;
    if (text == NULL)
        return 1;
    end += sprintf(end, "[");
    for (int i = 0; i < records; i++)
        end += sprintf(end, "%s{\"id\": %d, \"name\": \"record \\\"%d\\\"\", \"position\": [%d.%d, -%d.5, 0], \"tags\": [\"a\", \"bc\", {}],\n"
                            "  \"valid\": %s, \"parent\": null}",
                       i ? ", " : "", i, i * 7, i % 180, i % 10, i % 90, i & 1 ? "true" : "false");
    strcpy(end, "]");
    for (int round = 0; round < 10; round++) {
        at = text;
        value();
        if (*at)
            fail();
    }
    printf("%lu values, sum %llu\n", values, (unsigned long long)sum);
    return 0;
}
