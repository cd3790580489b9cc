#include "t.h"

#include <stdlib.h>
#include <string.h>

#include <CUnit/TestRun.h>

int t_eq(long long got, long long want, const char *expr, const char *file, int line)
{
    char text[256];

    snprintf(text, sizeof(text), "%s: got %lld, want %lld", expr, got, want);
    return CU_assertImplementation(got == want, (unsigned)line, text, file, "", CU_FALSE);
}

int t_str_eq(const char *got, const char *want, const char *expr, const char *file, int line)
{
    char text[4096];

    snprintf(text, sizeof(text), "%s: got \"%s\", want \"%s\"", expr, got, want);
    return CU_assertImplementation(strcmp(got, want) == 0, (unsigned)line, text, file, "",
                                   CU_FALSE);
}

int t_mem_eq(const void *got, const void *want, size_t len, const char *expr, const char *file,
             int line)
{
    char text[256];
    const unsigned char *g = got, *w = want;
    size_t i = 0;

    while (i < len && g[i] == w[i])
        i++;
    if (i == len)
        return CU_assertImplementation(CU_TRUE, (unsigned)line, expr, file, "", CU_FALSE);
    snprintf(text, sizeof(text), "%s: byte %zu of %zu is 0x%02x, want 0x%02x", expr, i, len, g[i],
             w[i]);
    return CU_assertImplementation(CU_FALSE, (unsigned)line, text, file, "", CU_FALSE);
}

static void t_show_failures(const CU_pTest test, const CU_pSuite suite, CU_pFailureRecord failure)
{
    (void)suite;
    if (failure == NULL)
        return;
    printf("FAIL %s\n", test->pName);
    for (; failure != NULL; failure = failure->pNext)
        printf("     %s:%u: %s\n", failure->strFileName, failure->uiLineNumber,
               failure->strCondition);
}

int t_run(const char *name, const struct t_case *cases, size_t count, int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);

    for (size_t i = 0; suite != NULL && i < count; i++) {
        if (argc < 2 || strstr(cases[i].name, argv[1]) != NULL)
            CU_add_test(suite, cases[i].name, cases[i].fn);
    }
    CU_set_test_complete_handler(t_show_failures);
    CU_run_all_tests();
    unsigned ran = CU_get_number_of_tests_run(), failed = CU_get_number_of_tests_failed();

    printf("%s: %u passed, %u failed\n", name, ran - failed, failed);
    CU_cleanup_registry();
    return failed > 0 || ran == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
