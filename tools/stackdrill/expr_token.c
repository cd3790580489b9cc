/* expr_token.c - see expr_token.h. */
#include "expr_token.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void ex_fail(struct ex *x, unsigned line, const char *format, ...)
{
    if (x->failed)
        return;
    x->failed = true;

    va_list args;
    const int n = snprintf(x->error, EXPR_ERROR_MAX, "%u: ", line);
    va_start(args, format);
    vsnprintf(x->error + n, (size_t)(EXPR_ERROR_MAX - n), format, args);
    va_end(args);
    for (char *c = x->error; *c != '\0'; c++) {
        if ((unsigned char)*c < 32 || *c == 127)
            *c = ' ';
    }
    x->kind = EX_END;
    x->text[0] = '\0';
}

static void ex_blanks(struct ex *x)
{
    for (;; x->pos++) {
        if (*x->pos == '#') {
            while (*x->pos != '\0' && *x->pos != '\n')
                x->pos++;
        } else if (*x->pos == '\\' && x->pos[1] == '\n') {
            x->pos++;
        }
        if (*x->pos == '\n' && (x->parens > 0 || (x->pos > x->code && x->pos[-1] == '\\')))
            x->line++;
        else if (*x->pos != ' ' && *x->pos != '\t' && *x->pos != '\r')
            return;
    }
}

static void ex_number(struct ex *x)
{
    char digits[64];
    size_t n = 0;
    const char *c = x->pos;
    const int base = c[0] == '0' && (c[1] | 32) == 'x'   ? 16
                     : c[0] == '0' && (c[1] | 32) == 'b' ? 2
                     : c[0] == '0' && (c[1] | 32) == 'o' ? 8
                                                         : 10;
    bool is_float = false;
    char *end;

    c += base != 10 ? 2 : 0;
    while (isalnum((unsigned char)*c) || *c == '.' || *c == '_' ||
           (base == 10 && (*c == '-' || *c == '+') && (c[-1] | 32) == 'e')) {
        is_float = is_float || (base == 10 && (*c == '.' || (*c | 32) == 'e'));
        if (*c != '_' && n < sizeof(digits) - 1)
            digits[n++] = *c;
        c++;
    }
    digits[n] = '\0';
    x->pos = c;
    errno = 0;
    x->kind = EX_NUMBER;
    if (is_float)
        x->number = (struct expr_value){.kind = EXPR_FLOAT, .f = strtod(digits, &end)};
    else
        x->number = (struct expr_value){.kind = EXPR_INT, .i = strtoll(digits, &end, base)};
    if (errno != 0 && !is_float)
        ex_fail(x, x->line, "the number is too large: 64 bits are the most");
    else if (end == digits || *end != '\0' || n == sizeof(digits) - 1)
        ex_fail(x, x->line, "not a number: %.20s", digits);
}

static void ex_string(struct ex *x)
{
    const char quote = *x->pos++;
    char *text = arena_get(x->env->arena, strlen(x->pos) + 1);
    size_t len = 0;

    while (*x->pos != quote && *x->pos != '\0' && *x->pos != '\n') {
        if (*x->pos == '\\' && x->pos[1] != '\0' && x->pos[1] != '\n') {
            x->pos++;
            text[len++] = *x->pos == 'n' ? '\n' : *x->pos == 't' ? '\t' : *x->pos;
            x->pos++;
        } else {
            text[len++] = *x->pos++;
        }
    }
    if (*x->pos != quote) {
        ex_fail(x, x->line, "a string without its end: close it with %c", quote);
        return;
    }
    x->pos++;
    x->kind = EX_STRING;
    x->number = (struct expr_value){.kind = EXPR_STR, .s = text, .len = len};
}

void ex_next(struct ex *x)
{
    static const char *const ops[] = {"**=", "//=", "<<=", ">>=", "**", "//", "<<",
                                      ">>",  "<=",  ">=",  "==",  "!=", "+=", "-=",
                                      "*=",  "/=",  "%=",  "&=",  "|=", "^="};
    if (x->failed)
        return;
    ex_blanks(x);
    x->tok = x->pos;
    x->tok_line = x->line;
    x->text[0] = '\0';
    const char c = *x->pos;
    if (c == '\0') {
        x->kind = EX_END;
    } else if (c == '\n') {
        x->kind = EX_NEWLINE;
        x->pos++;
        x->line++;
    } else if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)x->pos[1]))) {
        ex_number(x);
    } else if (c == '"' || c == '\'') {
        ex_string(x);
    } else if (isalpha((unsigned char)c) || c == '_') {
        size_t n = 0;

        x->kind = EX_NAME;
        while (isalnum((unsigned char)x->pos[n]) || x->pos[n] == '_')
            n++;
        if (n >= sizeof(x->text)) {
            ex_fail(x, x->line, "a name of more than %zu letters", sizeof(x->text) - 1);
            return;
        }
        memcpy(x->text, x->pos, n);
        x->text[n] = '\0';
        x->pos += n;
    } else {
        size_t n = 1;

        x->kind = EX_OP;
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]) && n == 1; i++) {
            if (strncmp(x->pos, ops[i], strlen(ops[i])) == 0)
                n = strlen(ops[i]);
        }
        memcpy(x->text, x->pos, n);
        x->text[n] = '\0';
        x->pos += n;
    }
}

bool ex_is(const struct ex *x, const char *text)
{
    return !x->failed && (x->kind == EX_OP || x->kind == EX_NAME) && strcmp(x->text, text) == 0;
}

bool ex_accept(struct ex *x, const char *text)
{
    if (!ex_is(x, text))
        return false;
    ex_next(x);
    return true;
}

void ex_expect(struct ex *x, const char *text)
{
    if (!ex_accept(x, text))
        ex_fail(x, x->tok_line, "%s is missing", text);
}

/* One of @list, a NULL-ended list; steps over it and returns it. */
const char *ex_accept_any(struct ex *x, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (ex_accept(x, *list))
            return *list;
    }
    return NULL;
}

int ex_indent(const struct ex *x)
{
    const char *c = x->pos;

    if (x->kind == EX_END)
        return -1;
    for (int n = 0;; c++) {
        if (*c == '#') {
            while (*c != '\0' && *c != '\n')
                c++;
        }
        if (*c == '\0')
            return -1;
        if (*c == '\n')
            n = 0;
        else if (*c == ' ' || *c == '\r')
            n++;
        else if (*c == '\t')
            n = (n / 8 + 1) * 8;
        else
            return n;
    }
}

void ex_to_line(struct ex *x)
{
    while (x->kind == EX_NEWLINE)
        ex_next(x);
}
