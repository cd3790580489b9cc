/*
 * golden.h - is what was drawn what was drawn when somebody looked at it?
 *
 * The pictures that were approved stand in tests/scope/golden. `STACKD_GOLDEN=write` writes them anew:
 * look at each before it is committed. How a class looks (the style sheet, one for all pictures) is not compared.
 */
#ifndef TESTS_SCOPE_GOLDEN_H
#define TESTS_SCOPE_GOLDEN_H

#include "t.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Past a style sheet, if @p is at the beginning of one. */
static inline size_t golden_style(const char *p)
{
    const char *end = strncmp(p, "<style>", 7) == 0 ? strstr(p, "</style>") : NULL;

    return end == NULL ? 0 : (size_t)(end - p);
}

static inline void golden_check(const char *name, const char *got)
{
    char path[512];
    const char *write = getenv("STACKD_GOLDEN");
    size_t room = 1 << 20, len;
    char *want = calloc(1, room);
    FILE *f;

    T_NEED(want != NULL);
    snprintf(path, sizeof(path), "%s/%s", SCOPE_GOLDEN, name);
    if (write != NULL && strcmp(write, "write") == 0) {
        f = fopen(path, "w");
        T_NEED(f != NULL);
        fputs(got, f);
        T_EQ(fclose(f), 0);
    }
    f = fopen(path, "r");
    T_NEED(f != NULL);
    len = fread(want, 1, room - 1, f);
    fclose(f);
    T_TRUE(len > 0);
    size_t line = 1, at = 0, there = 0;

    while (got[at] != '\0' && got[at] == want[there]) {
        line += got[at] == '\n';
        at += golden_style(got + at);
        there += golden_style(want + there);
        at++;
        there++;
    }
    bool same = got[at] == want[there];

    if (!same)
        printf("%s differs in line %zu:\n  got  %.100s\n  want %.100s\n", name, line, got + at,
               want + there);
    T_TRUE(same);
    free(want);
}

#endif
