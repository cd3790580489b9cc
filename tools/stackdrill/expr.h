/*
 * expr.h - the code between %{ and }%, without Python.
 *
 * Scripts assert on TCP_INFO with a little Python: `assert tcpi_cwnd == 10, tcpi_cwnd`. This is the
 * part of Python that they use, with its meaning: whole numbers (64 bits; what does not fit is an error, never a
 * wrong number), floats from `/`, strings, True, False and None, names and assignments, + - * / // % **
 * & | ^ ~ << >>, comparisons that chain (1 < x < 5), `in` and `not in` on lists, tuples and strings,
 * and, or, not, `a if c else b`, abs min max len int str float round, print(...), assert with a message, pass,
 * if/elif/else with indented or one-line bodies, several statements on a line by `;`, comments by #.
 * What Python has beyond that (loops, def, import, ...) is a clear error.
 *
 * Division and remainder round toward minus infinity, as Python's do. Names live on from one snippet
 * to the next in struct expr_env. A name that no snippet assigned is asked of the callback.
 */
#ifndef STACKDRILL_EXPR_H
#define STACKDRILL_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { EXPR_ERROR_MAX = 512 };

struct expr_env;

/** expr_lookup_fn - gives the number of a name such as tcpi_state; false: there is no such name. */
typedef bool expr_lookup_fn(void *arg, const char *name, int64_t *value);

/** expr_env_new - variables of one script run. @out: where print() writes, NULL for nowhere. */
struct expr_env *expr_env_new(FILE *out);
void expr_env_free(struct expr_env *env);

/**
 * expr_run - run one snippet.
 * @code:  its text; @first_line: the line of the script where that text begins
 * @lookup, @arg: names from outside, may be NULL
 * @error: EXPR_ERROR_MAX bytes
 *
 * Return: true when it ran to its end and every assert held.
 * Errors: false, and in @error `LINE: what`, LINE counted in the script; a failed assertion reads
 * `LINE: assertion failed: tcpi_cwnd == 10: 10` with the message it was given behind it.
 */
bool expr_run(struct expr_env *env, const char *code, unsigned first_line, expr_lookup_fn *lookup,
              void *arg, char *error);

/** expr_check - only the syntax. Return and errors as expr_run(). */
bool expr_check(const char *code, unsigned first_line, char *error);

/** expr_get - the whole number in a variable. Return: false if it is none. */
bool expr_get(const struct expr_env *env, const char *name, int64_t *value);
/** expr_set - set a variable from outside. */
void expr_set(struct expr_env *env, const char *name, int64_t value);

#endif
