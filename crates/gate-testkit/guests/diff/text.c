/* Strings and characters in the C locale. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <regex.h>

int main(void) {
    unsigned classes[12] = {0};
    for (int c = 0; c < 256; c++) {
        classes[0] += isalpha(c) != 0;
        classes[1] += isdigit(c) != 0;
        classes[2] += isspace(c) != 0;
        classes[3] += isupper(c) != 0;
        classes[4] += ispunct(c) != 0;
        classes[5] += isprint(c) != 0;
        classes[6] += iscntrl(c) != 0;
        classes[7] += isxdigit(c) != 0;
        classes[8] += (unsigned)toupper(c);
        classes[9] += (unsigned)tolower(c);
    }
    for (int i = 0; i < 10; i++)
        printf("%u ", classes[i]);
    putchar('\n');

    char buffer[64] = "abc";
    strcat(buffer, "defghi");
    strncat(buffer, "jkl", 8);
    memmove(buffer + 2, buffer, 8);
    printf("%s %zu %zu %zu\n", buffer, strlen(buffer), strspn(buffer, "abc"), strcspn(buffer, "f"));
    printf("%s|%s|%s|%s\n", strchr("path/to/file", '/'), strrchr("path/to/file", '/'), strstr("haystack", "st"),
           strpbrk("key=value;", "=;"));
    printf("%d %d %d %d\n", strcmp("a", "b") < 0, strncmp("abcd", "abxx", 2), strcasecmp("HeLLo", "hEllO"),
           memcmp("\x80", "\x7f", 1) > 0);
    char list[] = "one,,two;three,", *rest = list, *part;
    while ((part = strsep(&rest, ",;")) != NULL)
        printf("[%s]", part);
    char again[] = "a b  c", *save;
    for (part = strtok_r(again, " ", &save); part != NULL; part = strtok_r(NULL, " ", &save))
        printf("(%s)", part);
    putchar('\n');

    regex_t expression;
    regmatch_t matches[3];
    int status = regcomp(&expression, "([a-z]+)@([a-z]+\\.[a-z]{2,3})", REG_EXTENDED);
    printf("regcomp %d\n", status);
    const char *text = "write to somebody@example.org today";
    if (regexec(&expression, text, 3, matches, 0) == 0)
        for (int i = 0; i < 3; i++)
            printf("%d: %.*s\n", i, (int)(matches[i].rm_eo - matches[i].rm_so), text + matches[i].rm_so);
    printf("no match: %d\n", regexec(&expression, "nothing here", 0, NULL, 0) == REG_NOMATCH);
    regfree(&expression);

    char line[64], word[8];
    int n = 0;
    while (fgets(line, sizeof line, stdin) != NULL)
        n++;
    printf("fgets %d times, last [%s]\n", n, line);
    int count = sscanf("  limited-width", "%7s", word);
    printf("%d [%s]\n", count, word);
    return 0;
}
