/*
 * t.h - one test program per module, on CUnit.
 *
 *     static void test_seq_lt_wraps(void) { T_TRUE(seq_lt(seq_of(UINT32_MAX), seq_of(0))); }
 *     T_MAIN("seq", T(test_seq_lt_wraps))
 *
 * A comment `REQ: TCP-MUST-12 ARP-826-1` above a test names the requirements it proves; docs/rfc-map.md
 * is made from them. The last line a program prints is `suite: N passed, N failed`; N are tests.
 */
#ifndef STACKD_T_H
#define STACKD_T_H

#include <CUnit/CUnit.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct t_case {
    const char *name;
    void (*fn)(void);
};

/** t_run - run all, or those whose name contains argv[1]. Return: exit status. */
int t_run(const char *suite, const struct t_case *cases, size_t count, int argc, char **argv);

/** t_eq - compare two numbers and show both when they differ. */
int t_eq(long long got, long long want, const char *expr, const char *file, int line);
/** t_str_eq - the same for text. */
int t_str_eq(const char *got, const char *want, const char *expr, const char *file, int line);
int t_mem_eq(const void *got, const void *want, size_t len, const char *expr, const char *file, int line);

#define T(fn)      {#fn, fn}
#define T_TRUE(x)  CU_assertImplementation((x) ? CU_TRUE : CU_FALSE, __LINE__, #x, __FILE__, "", CU_FALSE)
#define T_FALSE(x) T_TRUE(!(x))
/* T_EQ(got, want): whole numbers */
#define T_EQ(got, want)     t_eq((long long)(got), (long long)(want), #got " == " #want, __FILE__, __LINE__)
#define T_STR(got, want)    t_str_eq((got), (want), #got, __FILE__, __LINE__)
#define T_MEM(got, want, n) t_mem_eq((got), (want), (n), #got, __FILE__, __LINE__)
/* Ends the test when @x does not hold: for what everything after it needs. */
#define T_NEED(x) CU_assertImplementation((x) ? CU_TRUE : CU_FALSE, __LINE__, #x, __FILE__, "", CU_TRUE)

#define T_MAIN(suite, ...)                                                                         \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct t_case cases[] = {__VA_ARGS__};                                        \
        return t_run(suite, cases, sizeof(cases) / sizeof(cases[0]), argc, argv);                  \
    }

#endif
