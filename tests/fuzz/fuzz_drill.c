/*
 * fuzz_drill.c - scripts: any bytes give a tree or one line that says where and what is wrong.
 *
 * A tree is printed and read again; what is then printed must be the same, so neither the parser
 * nor the printer loses anything the other has. The code in it is checked and run, too.
 */
#include "expr.h"
#include "fuzz.h"
#include "script.h"
#include <string.h>

static char *fuzz_printed(const struct script *s)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    FUZZ_CHECK(out != NULL);
    script_print(s, out);
    fclose(out);
    return text;
}

static void fuzz_code(struct expr_env *env, const char *code)
{
    char error[EXPR_ERROR_MAX];

    const bool is_right = expr_check(code, 1, error);
    FUZZ_CHECK(is_right == (error[0] == '\0') && strchr(error, '\n') == NULL);
    const bool ran = expr_run(env, code, 1, NULL, NULL, error);
    FUZZ_CHECK(ran == (error[0] == '\0') && strchr(error, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char error[SCRIPT_ERROR_MAX];
    struct script *s = script_parse("f", (const char *)bytes, len, NULL, 0, error);

    FUZZ_CHECK((s == NULL) == (error[0] != '\0') && strchr(error, '\n') == NULL);
    if (s == NULL) {
        unsigned line = 0, column = 0;

        FUZZ_CHECK(sscanf(error, "f:%u:%u: ", &line, &column) == 2 && line > 0 && column > 0);
        return 0;
    }
    char *text = fuzz_printed(s);
    struct script *again = script_parse("f", text, strlen(text), NULL, 0, error);
    if (again == NULL)
        fprintf(stderr, "%s\n%s\n", text, error);
    FUZZ_CHECK(again != NULL);
    char *text2 = fuzz_printed(again);
    if (strcmp(text, text2) != 0)
        fprintf(stderr, "%s\n---\n%s\n", text, text2);
    FUZZ_CHECK(strcmp(text, text2) == 0 && s->event_count == again->event_count);

    struct expr_env *env = expr_env_new(NULL);
    for (size_t i = 0; i < s->event_count; i++) {
        if (s->events[i].kind == SCRIPT_CODE)
            fuzz_code(env, s->events[i].code);
    }
    expr_env_free(env);
    free(text);
    free(text2);
    script_free(s);
    script_free(again);
    return 0;
}
