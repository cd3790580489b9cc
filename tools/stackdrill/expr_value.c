/* expr_value.c - see expr_value.h. */
#include "expr_value.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char too_large[] = "the number is too large: 64 bits are the most";

static bool value_is_int(const struct expr_value *v)
{
    return v->kind == EXPR_INT || v->kind == EXPR_BOOL;
}

static bool value_is_number(const struct expr_value *v)
{
    return value_is_int(v) || v->kind == EXPR_FLOAT;
}

static double value_float(const struct expr_value *v)
{
    return v->kind == EXPR_FLOAT ? v->f : (double)v->i;
}

bool expr_is_true(const struct expr_value *v)
{
    switch (v->kind) {
    case EXPR_NONE:
        return false;
    case EXPR_BOOL:
    case EXPR_INT:
        return v->i != 0;
    case EXPR_FLOAT:
        return v->f < 0 || v->f > 0 || isnan(v->f);
    case EXPR_STR:
    case EXPR_LIST:
        return v->len > 0;
    }
    return false;
}

/* Toward minus infinity, as in Python. */
static const char *value_divide(const char *op, int64_t x, int64_t y, int64_t *r)
{
    if (y == 0)
        return "division by zero";
    if (x == INT64_MIN && y == -1) {
        *r = 0;
        return op[0] == '%' ? NULL : too_large;
    }
    const int64_t rest = x % y;
    const bool is_below = rest != 0 && (rest < 0) != (y < 0);
    *r = op[0] == '%' ? rest + (is_below ? y : 0) : x / y - is_below;
    return NULL;
}

static const char *value_power(int64_t x, int64_t y, struct expr_value *r)
{
    int64_t n = 1;

    if (y < 0) {
        if (x == 0)
            return "division by zero";
        *r = (struct expr_value){.kind = EXPR_FLOAT, .f = pow((double)x, (double)y)};
        return NULL;
    }
    if (x == 0 || x == 1)
        n = y == 0 ? 1 : x;
    else if (x == -1)
        n = y % 2 != 0 ? -1 : 1;
    else if (y > 63)
        return too_large;
    else
        for (; y > 0; y--) {
            if (__builtin_mul_overflow(n, x, &n))
                return too_large;
        }
    r->i = n;
    return NULL;
}

static const char *value_shift(const char *op, int64_t x, int64_t y, int64_t *r)
{
    if (y < 0)
        return "negative shift count";
    if (op[0] == '>') { /* arithmetic, whatever the compiler does with negative numbers */
        const int64_t by = y > 63 ? 63 : y;

        *r = x >= 0 ? x >> by : ~(~x >> by);
        return NULL;
    }
    if (x == 0 || y == 0) {
        *r = x;
        return NULL;
    }
    if (y > 62 || __builtin_mul_overflow(x, (int64_t)1 << y, r))
        return too_large;
    return NULL;
}

static const char *value_ints(const char *op, int64_t x, int64_t y, struct expr_value *r)
{
    *r = (struct expr_value){.kind = EXPR_INT};
    switch (op[0]) {
    case '+':
        return __builtin_add_overflow(x, y, &r->i) ? too_large : NULL;
    case '-':
        return __builtin_sub_overflow(x, y, &r->i) ? too_large : NULL;
    case '*':
        if (op[1] == '*')
            return value_power(x, y, r);
        return __builtin_mul_overflow(x, y, &r->i) ? too_large : NULL;
    case '/':
        if (op[1] == '/')
            return value_divide(op, x, y, &r->i);
        if (y == 0)
            return "division by zero";
        *r = (struct expr_value){.kind = EXPR_FLOAT, .f = (double)x / (double)y};
        return NULL;
    case '%':
        return value_divide(op, x, y, &r->i);
    case '&':
        r->i = x & y;
        return NULL;
    case '|':
        r->i = x | y;
        return NULL;
    case '^':
        r->i = x ^ y;
        return NULL;
    default:
        return value_shift(op, x, y, &r->i);
    }
}

static const char *value_floats(const char *op, double x, double y, struct expr_value *r)
{
    *r = (struct expr_value){.kind = EXPR_FLOAT};
    if ((op[0] == '/' || op[0] == '%') && !(y < 0 || y > 0))
        return "division by zero";
    switch (op[0]) {
    case '+':
        r->f = x + y;
        return NULL;
    case '-':
        r->f = x - y;
        return NULL;
    case '*':
        r->f = op[1] == '*' ? pow(x, y) : x * y;
        return NULL;
    case '/':
        r->f = op[1] == '/' ? floor(x / y) : x / y;
        return NULL;
    case '%':
        r->f = x - floor(x / y) * y;
        return NULL;
    default:
        return "this operator is for whole numbers";
    }
}

/* One %d, %s ... of a format. @c: its letter. */
static const char *value_format_one(FILE *out, char c, const struct expr_value *v)
{
    if (c == 's' || c == 'r') {
        expr_text(v, c == 'r', out);
        return NULL;
    }
    if (!value_is_number(v))
        return "a format wants a number: use %s for text";
    if (c == 'f')
        fprintf(out, "%f", value_float(v));
    else if (!value_is_int(v))
        return "a format wants a whole number: use %f or %s";
    else if (c == 'x')
        fprintf(out, "%s%" PRIx64, v->i < 0 ? "-" : "",
                v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i);
    else
        fprintf(out, "%" PRId64, v->i);
    return NULL;
}

/* 'cwnd %d' % tcpi_snd_cwnd, 'a %d b %d' % (a, b) */
static const char *value_format(struct arena *a, const struct expr_value *x,
                                const struct expr_value *y, struct expr_value *r)
{
    const bool many = y->kind == EXPR_LIST && y->is_tuple;
    const struct expr_value *args = many ? y->items : y;
    const size_t count = many ? y->len : 1;
    const char *why = NULL;
    char *text = NULL;
    size_t len = 0, used = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        return "no memory left";
    for (size_t i = 0; i < x->len && why == NULL; i++) {
        const char c = i + 1 < x->len ? x->s[i + 1] : '\0';

        if (x->s[i] != '%') {
            fputc(x->s[i], out);
            continue;
        }
        i++;
        if (c == '%')
            fputc('%', out);
        else if (c == '\0' || strchr("dsrxfiu", c) == NULL)
            why = "a format knows %d %i %u %x %f %s %r and %%";
        else if (used == count)
            why = "too few values for the format";
        else
            why = value_format_one(out, c, &args[used++]);
    }
    fclose(out);
    if (why == NULL && used != count)
        why = "too many values for the format";
    if (why == NULL && len > EXPR_TEXT_MAX)
        why = "the text is too long";
    *r = (struct expr_value){.kind = EXPR_STR, .len = len};
    r->s = arena_text(a, text, why == NULL ? len : 0);
    free(text);
    return why;
}

static const char *value_strings(struct arena *a, const char *op, const struct expr_value *x,
                                 const struct expr_value *y, struct expr_value *r)
{
    if (op[0] == '%' && x->kind == EXPR_STR)
        return value_format(a, x, y, r);
    if (op[0] != '+' || x->kind != y->kind || x->kind == EXPR_NONE)
        return "this operator does not fit these types";

    const size_t len = x->len + y->len;
    if (len > EXPR_TEXT_MAX)
        return "the text or list is too long";
    *r = *x;
    r->len = len;
    if (x->kind == EXPR_STR) {
        char *both = arena_get(a, len + 1);

        memcpy(both, x->s, x->len);
        memcpy(both + x->len, y->s, y->len);
        r->s = both;
        return NULL;
    }
    struct expr_value *items = arena_get(a, (len + 1) * sizeof(*items));
    if (x->len > 0)
        memcpy(items, x->items, x->len * sizeof(*items));
    if (y->len > 0)
        memcpy(items + x->len, y->items, y->len * sizeof(*items));
    r->items = items;
    return NULL;
}

const char *expr_binary(struct arena *a, const char *op, const struct expr_value *x,
                        const struct expr_value *y, struct expr_value *r)
{
    struct expr_value v;
    const char *why;

    if (value_is_int(x) && value_is_int(y))
        why = value_ints(op, x->i, y->i, &v);
    else if (value_is_number(x) && value_is_number(y))
        why = value_floats(op, value_float(x), value_float(y), &v);
    else
        why = value_strings(a, op, x, y, &v);
    if (why == NULL)
        *r = v;
    return why;
}

const char *expr_unary(const char *op, const struct expr_value *x, struct expr_value *r)
{
    if (!value_is_number(x) || (op[0] == '~' && !value_is_int(x)))
        return "this operator is for numbers";
    if (x->kind == EXPR_FLOAT) {
        *r = *x;
        r->f = op[0] == '-' ? -x->f : x->f;
        return NULL;
    }
    if (op[0] == '-' && x->i == INT64_MIN)
        return too_large;
    *r = (struct expr_value){.kind = EXPR_INT, .i = x->i};
    if (op[0] == '-')
        r->i = -x->i;
    else if (op[0] == '~')
        r->i = ~x->i;
    return NULL;
}

/* -1, 0, 1; 2 when two values have no order. */
static int value_order(const struct expr_value *x, const struct expr_value *y)
{
    if (value_is_number(x) && value_is_number(y)) {
        const long double a = x->kind == EXPR_FLOAT ? (long double)x->f : (long double)x->i;
        const long double b = y->kind == EXPR_FLOAT ? (long double)y->f : (long double)y->i;

        if (value_is_int(x) && value_is_int(y))
            return (x->i > y->i) - (x->i < y->i);
        return isnan(a) || isnan(b) ? 2 : (a > b) - (a < b);
    }
    if (x->kind != y->kind)
        return 2;
    if (x->kind == EXPR_NONE)
        return 0;
    if (x->kind == EXPR_STR) {
        const size_t n = x->len < y->len ? x->len : y->len;
        const int c = n > 0 ? memcmp(x->s, y->s, n) : 0;

        return c != 0 ? (c > 0) - (c < 0) : (x->len > y->len) - (x->len < y->len);
    }
    for (size_t i = 0; i < x->len && i < y->len; i++) {
        const int c = value_order(&x->items[i], &y->items[i]);

        if (c != 0)
            return c;
    }
    return (x->len > y->len) - (x->len < y->len);
}

static const char *value_in(const struct expr_value *x, const struct expr_value *y, bool *r)
{
    *r = false;
    if (y->kind == EXPR_STR && x->kind == EXPR_STR) {
        for (size_t i = 0; i + x->len <= y->len && !*r; i++)
            *r = memcmp(y->s + i, x->s, x->len) == 0;
        return NULL;
    }
    if (y->kind != EXPR_LIST)
        return "in wants a list, a tuple or text on its right";
    for (size_t i = 0; i < y->len && !*r; i++)
        *r = value_order(x, &y->items[i]) == 0;
    return NULL;
}

const char *expr_compare(const char *op, const struct expr_value *x, const struct expr_value *y,
                         bool *r)
{
    if (op[0] == 'i')
        return value_in(x, y, r);
    const int order = value_order(x, y);
    if (op[0] == '=' || op[0] == '!') {
        *r = (order == 0) == (op[0] == '=');
        return NULL;
    }
    if (order == 2)
        return value_is_number(x) && value_is_number(y) ? (*r = false, NULL)
                                                        : "these types have no order";
    if (x->kind == EXPR_NONE)
        return "None has no order";
    *r = op[0] == '<' ? order < 0 : order > 0;
    if (op[1] == '=' && order == 0)
        *r = true;
    return NULL;
}

static void value_float_text(double f, FILE *out)
{
    char buf[40];

    for (int digits = 1; digits <= 17; digits++) { /* the shortest that reads as the same number */
        snprintf(buf, sizeof(buf), "%.*g", digits, f);
        const double back = strtod(buf, NULL);
        if (memcmp(&back, &f, sizeof(f)) == 0)
            break;
    }
    fputs(buf, out);
    if (strspn(buf, "-0123456789") == strlen(buf))
        fputs(".0", out);
}

void expr_text(const struct expr_value *v, bool repr, FILE *out)
{
    switch (v->kind) {
    case EXPR_NONE:
        fputs("None", out);
        break;
    case EXPR_BOOL:
        fputs(v->i ? "True" : "False", out);
        break;
    case EXPR_INT:
        fprintf(out, "%" PRId64, v->i);
        break;
    case EXPR_FLOAT:
        value_float_text(v->f, out);
        break;
    case EXPR_STR:
        fprintf(out, repr ? "'%.*s'" : "%.*s", (int)v->len, v->s);
        break;
    case EXPR_LIST:
        fputc(v->is_tuple ? '(' : '[', out);
        for (size_t i = 0; i < v->len; i++) {
            fputs(i > 0 ? ", " : "", out);
            expr_text(&v->items[i], true, out);
        }
        fputs(v->is_tuple ? v->len == 1 ? ",)" : ")" : "]", out);
        break;
    }
}

struct expr_value expr_str(struct arena *a, const struct expr_value *v, bool repr)
{
    char *text = NULL;
    size_t len = 0;
    struct expr_value r = {.kind = EXPR_STR, .s = ""};
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        return r;
    expr_text(v, repr, out);
    fclose(out);
    r.len = len > EXPR_TEXT_MAX ? EXPR_TEXT_MAX : len;
    r.s = arena_text(a, text, r.len);
    free(text);
    return r;
}

static const char *builtin_int(const struct expr_value *x, struct expr_value *r)
{
    *r = (struct expr_value){.kind = EXPR_INT, .i = x->i};
    if (x->kind == EXPR_FLOAT) {
        if (!(x->f > -9.2e18 && x->f < 9.2e18))
            return too_large;
        r->i = (int64_t)x->f;
    } else if (x->kind == EXPR_STR) {
        char *end;

        r->i = strtoll(x->s, &end, 10);
        if (end == x->s || *end != '\0')
            return "int() wants the text of a whole number";
    } else if (!value_is_int(x)) {
        return "int() wants a number or text";
    }
    return NULL;
}

static const char *builtin_extreme(const char *name, const struct expr_value *args, size_t count,
                                   struct expr_value *r)
{
    const struct expr_value list = args[0];

    if (count == 1 && list.kind == EXPR_LIST) {
        args = list.items;
        count = list.len;
    }
    if (count == 0)
        return "min() and max() want at least one value";
    *r = args[0];
    for (size_t i = 1; i < count; i++) {
        const int c = value_order(&args[i], r);

        if (c == 2)
            return "these types have no order";
        if (name[1] == 'i' ? c < 0 : c > 0)
            *r = args[i];
    }
    return NULL;
}

const char *expr_builtin(struct arena *a, const char *name, const struct expr_value *args,
                         size_t count, struct expr_value *r)
{
    if (count == 0)
        return "this function wants a value";
    const struct expr_value x = args[0];
    if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
        return builtin_extreme(name, args, count, r);
    if (count > 1)
        return "this function wants one value";
    if (strcmp(name, "int") == 0)
        return builtin_int(&x, r);
    if (strcmp(name, "str") == 0) {
        *r = expr_str(a, &x, false);
        return NULL;
    }
    if (strcmp(name, "bool") == 0) {
        *r = (struct expr_value){.kind = EXPR_BOOL, .i = expr_is_true(&x)};
        return NULL;
    }
    if (strcmp(name, "len") == 0) {
        *r = (struct expr_value){.kind = EXPR_INT, .i = (int64_t)x.len};
        return x.kind == EXPR_STR || x.kind == EXPR_LIST ? NULL : "len() wants text or a list";
    }
    if (!value_is_number(&x))
        return "this function wants a number";
    if (strcmp(name, "abs") == 0) {
        if (value_float(&x) < 0)
            return expr_unary("-", &x, r);
        return expr_unary("+", &x, r);
    }
    const struct expr_value f = {.kind = EXPR_FLOAT, .f = value_float(&x)};
    if (strcmp(name, "float") == 0) {
        *r = f;
        return NULL;
    }
    if (value_is_int(&x)) /* round */
        return expr_unary("+", &x, r);
    const struct expr_value whole = {.kind = EXPR_FLOAT, .f = nearbyint(x.f)}; /* half to even */
    return builtin_int(&whole, r);
}
