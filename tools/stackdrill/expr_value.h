/*
 * expr_value.h - values of the code language and what operators do with them. See expr.h.
 *
 * An operator returns NULL or a sentence that says why it could not; the caller adds the line.
 */
#ifndef STACKDRILL_EXPR_VALUE_H
#define STACKDRILL_EXPR_VALUE_H

#include "arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum expr_kind { EXPR_NONE, EXPR_BOOL, EXPR_INT, EXPR_FLOAT, EXPR_STR, EXPR_LIST };

struct expr_value {
    enum expr_kind kind;
    int64_t i; /* BOOL, INT */
    double f;
    const char *s;
    size_t len; /* of s, or of items */
    const struct expr_value *items;
    bool is_tuple;
};

enum { EXPR_TEXT_MAX = 1 << 16 }; /* the longest string that code may make */

bool expr_is_true(const struct expr_value *v);
/** expr_binary - @op: + - * / // % ** & | ^ << >> */
const char *expr_binary(struct arena *a, const char *op, const struct expr_value *x,
                        const struct expr_value *y, struct expr_value *r);
/** expr_unary - @op: + - ~ */
const char *expr_unary(const char *op, const struct expr_value *x, struct expr_value *r);
/** expr_compare - @op: == != < <= > >= in */
const char *expr_compare(const char *op, const struct expr_value *x, const struct expr_value *y,
                         bool *r);
/** expr_text - as Python's str() or, with @repr, as it looks inside a list. */
void expr_text(const struct expr_value *v, bool repr, FILE *out);
/** expr_str - expr_text() as a value. */
struct expr_value expr_str(struct arena *a, const struct expr_value *v, bool repr);
/** expr_builtin - abs min max len int str float bool round. */
const char *expr_builtin(struct arena *a, const char *name, const struct expr_value *args,
                         size_t count, struct expr_value *r);

#endif
