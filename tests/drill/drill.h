/* drill.h - what the tests of the script language share: parse a text, print the tree, keep both. */
#ifndef TESTS_DRILL_H
#define TESTS_DRILL_H

#include "script.h"
#include "t.h"
#include <stdlib.h>
#include <string.h>

static char drill_error[SCRIPT_ERROR_MAX];

static inline struct script *drill_parse(const char *text)
{
    return script_parse("t.pkt", text, strlen(text), NULL, 0, drill_error);
}

/* Return: the tree as text, from malloc. */
static inline char *drill_printed(const struct script *s)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    script_print(s, f);
    fclose(f);
    return text;
}

#endif
