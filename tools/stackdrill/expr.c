/*
 * expr.c - the code between %{ and }% is run while it is read. See expr.h.
 *
 * There are no loops, so no tree is needed: one pass reads and computes. What must not be computed (the
 * untaken branch, the right side of a settled `and`) is read with `skip` above zero, which gives
 * None everywhere and touches nothing. `a if c else b` is read twice: once over a with skip, to
 * reach c, and once in earnest.
 */
#include "expr_token.h"
#include <ctype.h>
#include <string.h>

static struct expr_value ex_test(struct ex *x);

/* ---- expressions -------------------------------------------------------------------------- */

static const struct expr_var *ex_var(const struct expr_env *env, const char *name)
{
    for (size_t i = 0; i < env->count; i++) {
        if (strcmp(env->vars[i].name, name) == 0)
            return &env->vars[i];
    }
    return NULL;
}

static void ex_assign(struct expr_env *env, const char *name, struct expr_value value)
{
    struct expr_var *v = (struct expr_var *)(uintptr_t)ex_var(env, name);

    if (v == NULL) {
        v = arena_add(env->arena, &env->vars, &env->count, sizeof(*v));
        v->name = arena_text(env->arena, name, strlen(name));
    }
    v->value = value;
}

static struct expr_value ex_why(struct ex *x, unsigned line, const char *why, struct expr_value v)
{
    if (why != NULL)
        ex_fail(x, line, "%s", why);
    return v;
}

/* Values up to @close, with commas. @has_comma: tells a tuple from parentheses. */
static struct expr_value ex_list(struct ex *x, const char *close, bool *has_comma)
{
    struct expr_value list = {.kind = EXPR_LIST};
    struct expr_value *items = NULL;

    *has_comma = false;
    while (!x->failed && !ex_is(x, close)) {
        const struct expr_value v = ex_test(x);
        struct expr_value *slot = arena_add(x->env->arena, &items, &list.len, sizeof(*slot));

        *slot = v;
        if (!ex_accept(x, ","))
            break;
        *has_comma = true;
    }
    list.items = items;
    if (!ex_is(x, close))
        ex_fail(x, x->tok_line, "%s is missing", close);
    x->parens--;
    ex_next(x);
    return list;
}

static struct expr_value ex_call(struct ex *x, const char *name, unsigned line)
{
    static const char *const known = " abs min max len int str float bool round ";
    char word[80];
    bool has_comma;
    struct expr_value r = {.kind = EXPR_NONE};

    x->parens++;
    ex_next(x);
    const struct expr_value args = ex_list(x, ")", &has_comma);
    snprintf(word, sizeof(word), " %s ", name);
    if (strcmp(name, "print") != 0 && strstr(known, word) == NULL)
        ex_fail(x, line,
                "there is no function %s: use abs min max len int str float bool round print",
                name);
    if (x->skip > 0 || x->failed)
        return r;
    if (strcmp(name, "print") != 0)
        return ex_why(x, line, expr_builtin(x->env->arena, name, args.items, args.len, &r), r);
    for (size_t i = 0; x->env->out != NULL && i < args.len; i++) {
        fputs(i > 0 ? " " : "", x->env->out);
        expr_text(&args.items[i], false, x->env->out);
    }
    if (x->env->out != NULL)
        fputc('\n', x->env->out);
    return r;
}

static struct expr_value ex_name(struct ex *x)
{
    static const char *const reserved[] = {"if",   "else",  "elif",   "and",    "or",     "in",
                                           "for",  "while", "def",    "import", "lambda", "from",
                                           "not",  "is",    "assert", "return", "class",  "pass",
                                           "with", "try",   "del",    "raise",  "yield",  NULL};
    struct expr_value r = {.kind = EXPR_NONE};
    const unsigned line = x->tok_line;
    char name[sizeof(x->text)];

    for (size_t i = 0; reserved[i] != NULL; i++) {
        if (ex_is(x, reserved[i]))
            ex_fail(x, line, "%s is not expected here", reserved[i]);
    }
    memcpy(name, x->text, sizeof(name));
    ex_next(x);
    if (ex_is(x, "("))
        return ex_call(x, name, line);
    if (strcmp(name, "None") == 0)
        return r;
    if (strcmp(name, "True") == 0 || strcmp(name, "False") == 0)
        return (struct expr_value){.kind = EXPR_BOOL, .i = name[0] == 'T'};
    if (x->skip > 0 || x->failed)
        return r;
    const struct expr_var *v = ex_var(x->env, name);
    if (v != NULL)
        return v->value;
    if (x->lookup != NULL && x->lookup(x->arg, name, &r.i))
        r.kind = EXPR_INT;
    else
        ex_fail(x, line, "nothing has the name %s", name);
    return r;
}

static struct expr_value ex_atom(struct ex *x)
{
    struct expr_value v = {.kind = EXPR_NONE};
    bool has_comma;

    if (++x->depth > EXPR_DEPTH_MAX)
        ex_fail(x, x->tok_line, "too deeply nested: %d levels are the most", EXPR_DEPTH_MAX);
    if (x->kind == EX_NUMBER) {
        v = x->number;
        ex_next(x);
    } else if (x->kind == EX_STRING) {
        v = x->number;
        ex_next(x);
        while (x->kind == EX_STRING && !x->failed) { /* adjacent strings are one */
            const struct expr_value more = x->number;

            v = ex_why(x, x->tok_line, expr_binary(x->env->arena, "+", &v, &more, &v), v);
            ex_next(x);
        }
    } else if (x->kind == EX_NAME) {
        v = ex_name(x);
    } else if (ex_is(x, "(") || ex_is(x, "[")) {
        const bool is_list = ex_is(x, "[");

        x->parens++;
        ex_next(x);
        v = ex_list(x, is_list ? "]" : ")", &has_comma);
        v.is_tuple = !is_list;
        if (!is_list && !has_comma && v.len == 1)
            v = v.items[0];
    } else {
        ex_fail(x, x->tok_line, "a value is missing%s%s", x->text[0] ? " before " : "", x->text);
    }
    x->depth--;
    return v;
}

static struct expr_value ex_unary(struct ex *x);

static struct expr_value ex_power(struct ex *x)
{
    struct expr_value v = ex_atom(x);
    const unsigned line = x->tok_line;

    if (!ex_accept(x, "**"))
        return v;
    const struct expr_value by = ex_unary(x);
    if (x->skip > 0 || x->failed)
        return v;
    return ex_why(x, line, expr_binary(x->env->arena, "**", &v, &by, &v), v);
}

static struct expr_value ex_unary(struct ex *x)
{
    static const char *const ops[] = {"-", "+", "~", NULL};
    const unsigned line = x->tok_line;
    const char *op = ex_accept_any(x, ops);

    if (op == NULL)
        return ex_power(x);
    if (++x->depth > EXPR_DEPTH_MAX)
        ex_fail(x, line, "too deeply nested: %d levels are the most", EXPR_DEPTH_MAX);
    struct expr_value v = ex_unary(x);
    x->depth--;
    if (x->skip > 0 || x->failed)
        return v;
    return ex_why(x, line, expr_unary(op, &v, &v), v);
}

/* Operators of two sides by rank; the last rank binds closest. */
static struct expr_value ex_binary(struct ex *x, unsigned rank)
{
    static const char *const or [] = {"|", NULL}, *const xor [] = {"^", NULL};
    static const char *const and[] = {"&", NULL}, *const shift[] = {"<<", ">>", NULL};
    static const char *const sum[] = {"+", "-", NULL};
    static const char *const product[] = {"*", "//", "/", "%", NULL};
    static const char *const *const ops[] = { or, xor, and, shift, sum, product};

    if (rank == sizeof(ops) / sizeof(ops[0]))
        return ex_unary(x);
    struct expr_value v = ex_binary(x, rank + 1);
    for (const char *op; !x->failed;) {
        const unsigned line = x->tok_line;

        op = ex_accept_any(x, ops[rank]);
        if (op == NULL)
            break;
        const struct expr_value y = ex_binary(x, rank + 1);
        if (x->skip == 0 && !x->failed)
            v = ex_why(x, line, expr_binary(x->env->arena, op, &v, &y, &v), v);
    }
    return v;
}

static void ex_note_sides(struct ex *x, const struct expr_value *a, const char *op, bool negate,
                          const struct expr_value *b)
{
    const struct expr_value l = expr_str(x->env->arena, a, true);
    const struct expr_value r = expr_str(x->env->arena, b, true);

    snprintf(x->seen, sizeof(x->seen), " (%.60s %s%s %.60s)", l.s, negate ? "not " : "", op, r.s);
}

/* a < b <= c holds when each pair does. */
static struct expr_value ex_comparison(struct ex *x)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">", "in", NULL};
    struct expr_value v = ex_binary(x, 0);
    unsigned skipped = 0;
    bool holds = true, is_chain = false;

    while (!x->failed) {
        const unsigned line = x->tok_line;
        bool negate = false, r = false;
        const char *op;

        if (ex_accept(x, "is")) {
            negate = ex_accept(x, "not");
            op = "==";
        } else if (ex_accept(x, "not")) {
            negate = true;
            op = "in";
            ex_expect(x, "in");
        } else {
            op = ex_accept_any(x, ops);
        }
        if (op == NULL)
            break;
        is_chain = true;
        const struct expr_value next = ex_binary(x, 0);
        if (x->skip == 0 && !x->failed) {
            ex_why(x, line, expr_compare(op, &v, &next, &r), v);
            holds = r != negate;
            if (!holds) {
                ex_note_sides(x, &v, op, negate, &next);
                x->skip++; /* the rest of the chain is not computed */
                skipped = 1;
            }
        }
        v = next;
    }
    x->skip -= skipped;
    return is_chain ? (struct expr_value){.kind = EXPR_BOOL, .i = holds} : v;
}

static struct expr_value ex_not(struct ex *x)
{
    if (!ex_accept(x, "not"))
        return ex_comparison(x);
    if (++x->depth > EXPR_DEPTH_MAX)
        ex_fail(x, x->tok_line, "too deeply nested: %d levels are the most", EXPR_DEPTH_MAX);
    const struct expr_value v = ex_not(x);
    x->depth--;
    x->seen[0] = '\0';
    return (struct expr_value){.kind = EXPR_BOOL, .i = !expr_is_true(&v)};
}

/* `and` and `or` give the side that settled them, and leave the rest uncomputed: a side that is true settles
 * `or`, one that is false `and`. */
static struct expr_value ex_settled(struct ex *x, const char *word, bool by,
                                    struct expr_value (*side)(struct ex *x))
{
    struct expr_value v = side(x);

    while (ex_accept(x, word)) {
        const bool settled = expr_is_true(&v) == by;

        x->skip += settled;
        const struct expr_value y = side(x);
        x->skip -= settled;
        v = settled ? v : y;
    }
    return v;
}

static struct expr_value ex_and(struct ex *x)
{
    return ex_settled(x, "and", false, ex_not);
}

static struct expr_value ex_or(struct ex *x)
{
    return ex_settled(x, "or", true, ex_and);
}

static struct expr_value ex_test(struct ex *x)
{
    const struct ex before = *x;
    const bool in_earnest = x->skip == 0;

    if (x->failed)
        return (struct expr_value){.kind = EXPR_NONE};
    x->skip++;
    struct expr_value v = ex_or(x);
    const bool is_choice = ex_accept(x, "if");
    x->skip--;
    if (x->failed || (!is_choice && !in_earnest))
        return v;
    if (!is_choice) {
        *x = before;
        return ex_or(x);
    }
    const struct expr_value condition = ex_or(x);
    const bool first = in_earnest && expr_is_true(&condition);
    ex_expect(x, "else");
    if (first && !x->failed) {
        struct ex again = before;

        v = ex_or(&again);
        x->failed = again.failed;
        if (again.failed)
            x->kind = EX_END;
    }
    x->skip += first;
    const struct expr_value other = ex_test(x);
    x->skip -= first;
    return first ? v : other;
}

/* ---- statements --------------------------------------------------------------------------- */

static void ex_assert(struct ex *x, unsigned line)
{
    const char *from = x->tok;

    x->seen[0] = '\0';
    const struct expr_value v = ex_test(x);
    int len = (int)(x->tok - from);
    char seen[sizeof(x->seen)];
    memcpy(seen, x->seen, sizeof(seen));
    const bool bad = x->skip == 0 && !x->failed && !expr_is_true(&v);

    while (len > 0 && isspace((unsigned char)from[len - 1]))
        len--;
    x->skip += !bad;
    struct expr_value message = {.kind = EXPR_NONE};
    const bool has_message = ex_accept(x, ",");
    if (has_message)
        message = ex_test(x);
    x->skip -= !bad;
    if (!bad || x->failed)
        return;
    const struct expr_value text = expr_str(x->env->arena, &message, false);
    ex_fail(x, line, "assertion failed: %.*s%s%s%.200s", len > 200 ? 200 : len, from, seen,
            has_message ? ": " : "", has_message ? text.s : "");
}

static bool ex_is_assignment(const struct ex *x)
{
    struct ex ahead = *x;
    char ignored[EXPR_ERROR_MAX];

    ahead.error = ignored;
    if (x->kind != EX_NAME)
        return false;
    ex_next(&ahead);
    const size_t n = strlen(ahead.text);
    return ahead.kind == EX_OP && ahead.text[n - 1] == '=' && !ex_is(&ahead, "==") &&
           !ex_is(&ahead, "!=") && !ex_is(&ahead, "<=") && !ex_is(&ahead, ">=");
}

static void ex_assignment(struct ex *x)
{
    char name[sizeof(x->text)], op[sizeof(x->text)];
    const unsigned line = x->tok_line;

    if (ex_is(x, "None") || ex_is(x, "True") || ex_is(x, "False"))
        ex_fail(x, line, "%s cannot be assigned", x->text);
    struct ex at_name = *x;
    memcpy(name, x->text, sizeof(name));
    ex_next(x);
    memcpy(op, x->text, sizeof(op));
    ex_next(x);
    struct expr_value v = ex_test(x);
    if (x->skip > 0 || x->failed)
        return;
    if (op[1] != '\0') { /* += and the like */
        op[strlen(op) - 1] = '\0';
        const struct expr_value old = ex_name(&at_name);
        if (at_name.failed) {
            x->failed = true;
            x->kind = EX_END;
            return;
        }
        v = ex_why(x, line, expr_binary(x->env->arena, op, &old, &v, &v), v);
    }
    if (!x->failed)
        ex_assign(x->env, name, v);
}

static void ex_simple(struct ex *x)
{
    const unsigned line = x->tok_line;

    if (ex_accept(x, "assert"))
        ex_assert(x, line);
    else if (ex_accept(x, "pass"))
        return;
    else if (ex_is_assignment(x))
        ex_assignment(x);
    else
        ex_test(x);
}

/* Statements up to the end of the line, with ; between them. */
static void ex_line(struct ex *x)
{
    do {
        if (x->kind == EX_NEWLINE || x->kind == EX_END)
            break;
        ex_simple(x);
    } while (ex_accept(x, ";"));
    if (x->kind != EX_NEWLINE && x->kind != EX_END)
        ex_fail(x, x->tok_line, "the statement does not end here: %.20s", x->text);
}

static void ex_statement(struct ex *x, int indent);

/* What stands behind a colon: the rest of the line, or lines indented further than @indent. */
static void ex_suite(struct ex *x, int indent)
{
    ex_expect(x, ":");
    if (x->kind != EX_NEWLINE) {
        ex_line(x);
        return;
    }
    const int inner = ex_indent(x);
    if (inner <= indent)
        ex_fail(x, x->tok_line, "an indented line is missing behind the colon");
    while (!x->failed && ex_indent(x) == inner) {
        ex_to_line(x);
        ex_statement(x, inner);
    }
}

static void ex_if(struct ex *x, int indent)
{
    bool done = false;

    for (bool is_else = false; !x->failed;) {
        bool taken = !done;

        ex_next(x); /* if, elif, else */
        if (!is_else) {
            x->skip += done;
            const struct expr_value v = ex_test(x);
            x->skip -= done;
            taken = !done && x->skip == 0 && expr_is_true(&v);
        }
        x->skip += !taken;
        ex_suite(x, indent);
        x->skip -= !taken;
        done = done || taken;
        /* The first line lost its indentation when the code was cut out: there, any fits. */
        const int next = ex_indent(x);
        if (is_else || x->kind != EX_NEWLINE || next < 0 || (next != indent && indent != 0))
            return;
        struct ex ahead = *x;
        ex_to_line(&ahead);
        if (!ex_is(&ahead, "elif") && !ex_is(&ahead, "else"))
            return;
        is_else = ex_is(&ahead, "else");
        ex_to_line(x);
    }
}

static void ex_statement(struct ex *x, int indent)
{
    if (++x->depth > EXPR_DEPTH_MAX)
        ex_fail(x, x->tok_line, "too deeply nested: %d levels are the most", EXPR_DEPTH_MAX);
    if (ex_is(x, "if"))
        ex_if(x, indent);
    else
        ex_line(x);
    x->depth--;
}

static void ex_snippet(struct ex *x)
{
    int base = -1;

    ex_next(x);
    ex_to_line(x);
    if (x->kind != EX_END)
        ex_statement(x, 0);
    while (!x->failed && x->kind != EX_END) {
        const int indent = ex_indent(x);

        ex_to_line(x);
        if (x->kind == EX_END)
            return;
        if (base >= 0 && indent != base)
            ex_fail(x, x->tok_line, "the line is indented unlike the others");
        base = indent;
        ex_statement(x, base);
    }
}

/* ---- the door ----------------------------------------------------------------------------- */

struct expr_env *expr_env_new(FILE *out)
{
    struct arena *a = arena_new();
    struct expr_env *env = arena_get(a, sizeof(*env));

    env->arena = a;
    env->out = out;
    return env;
}

void expr_env_free(struct expr_env *env)
{
    if (env != NULL)
        arena_free(env->arena);
}

bool expr_run(struct expr_env *env, const char *code, unsigned first_line, expr_lookup_fn *lookup,
              void *arg, char *error)
{
    struct ex x = {.env = env,
                   .code = code,
                   .pos = code,
                   .line = first_line,
                   .lookup = lookup,
                   .arg = arg,
                   .error = error};

    error[0] = '\0';
    ex_snippet(&x);
    return !x.failed;
}

bool expr_check(const char *code, unsigned first_line, char *error)
{
    struct expr_env *env = expr_env_new(NULL);
    struct ex x = {
        .env = env, .code = code, .pos = code, .line = first_line, .skip = 1, .error = error};

    error[0] = '\0';
    ex_snippet(&x);
    expr_env_free(env);
    return !x.failed;
}

bool expr_get(const struct expr_env *env, const char *name, int64_t *value)
{
    const struct expr_var *v = ex_var(env, name);

    if (v == NULL || (v->value.kind != EXPR_INT && v->value.kind != EXPR_BOOL))
        return false;
    *value = v->value.i;
    return true;
}

void expr_set(struct expr_env *env, const char *name, int64_t value)
{
    ex_assign(env, name, (struct expr_value){.kind = EXPR_INT, .i = value});
}
