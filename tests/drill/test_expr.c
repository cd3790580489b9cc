/* test_expr.c - the code between %{ and }%: Python's meaning of the part of Python that it knows. */
#include "expr.h"
#include "t.h"
#include <stdlib.h>
#include <string.h>

static char error[EXPR_ERROR_MAX];

static bool tcpi(void *arg, const char *name, int64_t *value)
{
    *value = 10;
    (void)arg;
    return strcmp(name, "tcpi_snd_cwnd") == 0;
}

static bool runs(const char *code)
{
    struct expr_env *env = expr_env_new(NULL);
    const bool ok = expr_run(env, code, 1, tcpi, NULL, error);

    if (!ok)
        fprintf(stderr, "%s: %s\n", code, error);
    T_TRUE(ok == expr_check(code, 1, error) || !ok);
    expr_env_free(env);
    return ok;
}

static void fails(const char *code, const char *message)
{
    struct expr_env *env = expr_env_new(NULL);

    T_FALSE(expr_run(env, code, 1, tcpi, NULL, error));
    T_STR(error, message);
    expr_env_free(env);
}

static void test_expr_arithmetic_is_pythons(void)
{
    T_TRUE(runs("assert 7 // 2 == 3 and -7 // 2 == -4 and 7 // -2 == -4 and -7 // -2 == 3"));
    T_TRUE(runs("assert 7 % 3 == 1 and -7 % 3 == 2 and 7 % -3 == -2 and -7 % -3 == -1"));
    T_TRUE(
        runs("assert 2 ** 10 == 1024 and -2 ** 2 == -4 and 2 ** 3 ** 2 == 512 and 2 ** -1 == 0.5"));
    T_TRUE(runs("assert 7 / 2 == 3.5 and 4 / 2 == 2.0 and 1 / 2 * 2 == 1"));
    T_TRUE(runs("assert 1 + 2 * 3 == 7 and (1 + 2) * 3 == 9 and 10 - 3 - 2 == 5"));
    T_TRUE(
        runs("assert 6 & 3 == 2 or True; assert (6 & 3) == 2 and (6 | 3) == 7 and (6 ^ 3) == 5"));
    T_TRUE(runs("assert ~0 == -1 and 1 << 4 == 16 and -9 >> 1 == -5 and 1 | 2 ^ 3 & 4 << 1 == 1 | "
                "(2 ^ (3 & (4 << 1))) or 1"));
    T_TRUE(runs("assert 0x10 == 16 and 1_000 == 1000 and 0b11 == 3 and 1e3 == 1000 and .5 == 0.5"));
    T_TRUE(runs("assert -5.5 // 2 == -3.0 and 5.5 % 2 == 1.5 and True + True == 2"));
    T_TRUE(runs("assert -9223372036854775807 - 1 < 0 and 9223372036854775807 > 9e18"));
}

static void test_expr_what_does_not_fit_is_an_error(void)
{
    fails("x = 9223372036854775807 + 1", "1: the number is too large: 64 bits are the most");
    fails("x = 2 ** 63", "1: the number is too large: 64 bits are the most");
    fails("x = 1 << 63", "1: the number is too large: 64 bits are the most");
    fails("x = 9223372036854775808", "1: the number is too large: 64 bits are the most");
    fails("x = 1\ny = x // 0", "2: division by zero");
    fails("x = 1 % 0", "1: division by zero");
    fails("x = 1 << -1", "1: negative shift count");
}

static void test_expr_comparisons_chain(void)
{
    T_TRUE(runs("assert 1 < 2 < 3 and not 1 < 3 < 2 and 1 == 1.0 != 2"));
    T_TRUE(runs("assert not (3 < 2 < nonsense)")); /* the rest is not computed */
    T_TRUE(runs("assert 2 in [1, 2] and 3 not in (1, 2) and 'b' in 'abc' and 1 in (1,)"));
    T_TRUE(runs("assert None is None and 1 is not None and None != 0 and 'a' < 'b'"));
    T_TRUE(runs("assert [1, 2] < [1, 3] and (1, 2) == (1, 2)"));
}

static void test_expr_logic_stops_early(void)
{
    T_TRUE(runs("assert True or nonsense"));
    T_TRUE(runs("assert not (False and nonsense)"));
    T_TRUE(runs("x = 0 or 5\nassert x == 5\ny = 0 and nonsense\nassert y == 0"));
    T_TRUE(runs("assert not 0 and not '' and not None and not [] and not 0.0"));
    T_TRUE(runs("x = 1 if tcpi_snd_cwnd == 10 else nonsense\nassert x == 1"));
    T_TRUE(runs("x = nonsense if tcpi_snd_cwnd != 10 else 2\nassert x == 2"));
    T_TRUE(runs("x = 1 if 0 else 2 if 0 else 3\nassert x == 3"));
}

static void test_expr_names_and_assignments(void)
{
    struct expr_env *env = expr_env_new(NULL);
    int64_t n = 0;

    T_TRUE(expr_run(env, "a = tcpi_snd_cwnd; b = a + 1", 1, tcpi, NULL, error));
    T_TRUE(expr_run(env, "b += 2; b *= 2; b -= 1; b //= 5; b <<= 3; b |= 1", 1, NULL, NULL, error));
    T_TRUE(expr_get(env, "b", &n));
    T_EQ(n, 41);
    expr_set(env, "c", 7);
    T_TRUE(expr_run(env, "assert c == 7\nassert c == a - 3", 1, NULL, NULL, error));
    T_FALSE(expr_get(env, "d", &n));
    T_FALSE(expr_run(env, "d = tcpi_nothing", 9, tcpi, NULL, error));
    T_STR(error, "9: nothing has the name tcpi_nothing");
    expr_env_free(env);
}

static void test_expr_assert_tells_both_sides(void)
{
    fails("assert tcpi_snd_cwnd == 11", "1: assertion failed: tcpi_snd_cwnd == 11 (10 == 11)");
    fails("\nassert tcpi_snd_cwnd > 11, tcpi_snd_cwnd",
          "2: assertion failed: tcpi_snd_cwnd > 11 (10 > 11): 10");
    fails("assert tcpi_snd_cwnd in (1, 2), 'cwnd=%d of %s' % (tcpi_snd_cwnd, 'x')",
          "1: assertion failed: tcpi_snd_cwnd in (1, 2) (10 in (1, 2)): cwnd=10 of x");
    fails("assert False", "1: assertion failed: False");
    T_TRUE(runs("assert True, nonsense")); /* the message is computed only when it is needed */
}

static void test_expr_if_takes_one_branch(void)
{
    T_TRUE(runs("if tcpi_snd_cwnd == 10: x = 1\nelse: x = nonsense\nassert x == 1"));
    T_TRUE(runs("if 0:\n    x = nonsense\nelif 1:\n    x = 2\n    if x: y = 3\nelse:\n    x = 4\n"
                "assert x == 2 and y == 3"));
    /* cut out of an indented script: the first line has lost its blanks */
    T_TRUE(runs("a = 1\n   b = 2\n   assert a + b == 3"));
    T_TRUE(runs("if 0:\n      x = 1\n   else:\n      x = 2\n   assert x == 2"));
    fails("a = 1\nif a:\nb = 2", "2: an indented line is missing behind the colon");
    fails("a = 1\nb = 2\n  c = 3", "3: the line is indented unlike the others");
}

static void test_expr_functions_and_text(void)
{
    T_TRUE(
        runs("assert abs(-3) == 3 and min(3, 1, 2) == 1 and max([1, 5]) == 5 and len('abc') == 3"));
    T_TRUE(runs(
        "assert int('12') == 12 and int(3.9) == 3 and str(5) + 'x' == '5x' and round(2.5) == 2"));
    T_TRUE(runs("assert 'a' 'b' == \"ab\" and float(1) == 1.0 and bool([]) == False"));
    T_TRUE(runs("assert (1 + # a comment\n   2) == 3\nassert 1 + \\\n 1 == 2\npass\n# end"));
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    struct expr_env *env = expr_env_new(f);
    T_TRUE(
        expr_run(env, "print(1, 'a', [2, 'b'], 0.5, 2.0, None, True, (1,))", 1, NULL, NULL, error));
    expr_env_free(env);
    fclose(f);
    T_STR(text, "1 a [2, 'b'] 0.5 2.0 None True (1,)\n");
    free(text);
}

static void test_expr_refuses_the_rest_of_python(void)
{
    fails("import os", "1: import is not expected here");
    fails("x = foo(1)",
          "1: there is no function foo: use abs min max len int str float bool round print");
    fails("x = (1", "1: ) is missing");
    fails("x =", "1: a value is missing");
    fails("x = 'a", "1: a string without its end: close it with '");
    fails("1 2", "1: the statement does not end here: ");
    fails("None = 1", "1: None cannot be assigned");
    fails("x = 1 + 'a'", "1: this operator does not fit these types");
    fails("x += 1; y = 2", "1: nothing has the name x"); /* it hung once */
    fails("x = 1 < 'a'", "1: these types have no order");
}

T_MAIN("expr", T(test_expr_arithmetic_is_pythons), T(test_expr_what_does_not_fit_is_an_error),
       T(test_expr_comparisons_chain), T(test_expr_logic_stops_early),
       T(test_expr_names_and_assignments), T(test_expr_assert_tells_both_sides),
       T(test_expr_if_takes_one_branch), T(test_expr_functions_and_text),
       T(test_expr_refuses_the_rest_of_python))
