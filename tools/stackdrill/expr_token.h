/*
 * expr_token.h - the code of a %{ }% snippet to tokens, for expr.c alone.
 *
 * struct ex can be copied: a copy that runs ahead is the lookahead. Newlines count only outside
 * parentheses; indentation is measured by expr.c where a line begins.
 */
#ifndef STACKDRILL_EXPR_TOKEN_H
#define STACKDRILL_EXPR_TOKEN_H

#include "expr.h"
#include "expr_value.h"

enum { EXPR_DEPTH_MAX = 64 };

struct expr_var {
    const char *name;
    struct expr_value value;
};

struct expr_env {
    struct arena *arena;
    FILE *out;
    struct expr_var *vars;
    size_t count;
};

enum ex_token { EX_END, EX_NEWLINE, EX_NUMBER, EX_STRING, EX_NAME, EX_OP };

struct ex {
    struct expr_env *env;
    const char *code, *pos; /* pos stands behind the token in hand */
    unsigned line;
    enum ex_token kind;
    const char *tok; /* where it begins */
    unsigned tok_line;
    char text[64];            /* NAME, OP */
    struct expr_value number; /* NUMBER, STRING */
    unsigned parens, depth, skip;
    expr_lookup_fn *lookup;
    void *arg;
    char *error;
    bool failed;
    char seen[160]; /* the two sides of the last comparison that did not hold */
};

/** ex_fail - keep the first error, with its line, and end the snippet. */
void ex_fail(struct ex *x, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ex_next(struct ex *x);
bool ex_is(const struct ex *x, const char *text);
/** ex_accept - step over it if it is there. */
bool ex_accept(struct ex *x, const char *text);
/** ex_accept_any - one of a NULL-ended list. Return: which, or NULL. */
const char *ex_accept_any(struct ex *x, const char *const *list);
/** ex_expect - step over it, or fail. */
void ex_expect(struct ex *x, const char *text);
/** ex_indent - how far the next line with something on it is indented, -1 at the end; a newline is
 * in hand. */
int ex_indent(const struct ex *x);
/** ex_to_line - step over empty lines. */
void ex_to_line(struct ex *x);

#endif
