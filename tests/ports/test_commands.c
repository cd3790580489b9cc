/* test_commands.c - commands by name, abbreviated or mistyped, and what stands in front of them. */
#include "commands.h"

#include <string.h>

#include "t.h"

static int verbose;

static const struct argp_option options[] = {
    {"verbose", 'v', NULL, 0, "Say more", 0},
    {0    }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key != 'v')
        return ARGP_ERR_UNKNOWN;
    ++*(int *)state->input;
    return 0;
}

static bool at(int i, struct command *row)
{
    static const char *const names[] = {"states", "stat", "ladder", "plot"};

    if (i >= 4)
        return false;
    *row = (struct command){names[i], "", ""};
    return true;
}

static const struct commands commands = {
    .program = "x", .usage = "", .doc = "", .options = options, .parse = parse, .at = at};

static void test_commands_first_that_begins_so(void)
{
    T_EQ(commands_find(&commands, "states", false), 0);
    T_EQ(commands_find(&commands, "stat", false), 0);
    T_EQ(commands_find(&commands, "l", false), 2);
    T_EQ(commands_find(&commands, "ladders", false), -1);
    T_EQ(commands_find(&commands, "", false), -1);
}

static void test_commands_whole(void)
{
    T_EQ(commands_find(&commands, "stat", true), 1);
    T_EQ(commands_find(&commands, "l", true), -1);
}

static void test_commands_nearest(void)
{
    T_STR(commands_nearest(&commands, "lader"), "ladder");
    T_STR(commands_nearest(&commands, "polt"), "plot");
    T_TRUE(commands_nearest(&commands, "something") == NULL);
}

static void test_commands_options_end_at_the_first_word(void)
{
    char path[] = "/usr/bin/x", v[] = "-v", word[] = "plot", wrong[] = "--nosuch";
    char *argv[] = {path, v, word, v, NULL}, *bad[] = {path, wrong, word, NULL}, err[128];
    int first;

    verbose = 0;
    T_TRUE(commands_first(&commands, 4, argv, &verbose, &first, err, sizeof(err)));
    T_EQ(first, 2);
    T_EQ(verbose, 1);
    T_TRUE(argv[0] == path);
    T_TRUE(commands_first(&commands, 2, argv, &verbose, &first, err, sizeof(err)));
    T_EQ(first, 0);
    T_FALSE(commands_first(&commands, 3, bad, &verbose, &first, err, sizeof(err)));
    T_STR(err, "unknown option --nosuch: try x --help");
}

static error_t own_parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &verbose;
        return 0;
    case ARGP_KEY_ARG:
        strcat(state->input, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void test_commands_words_and_options_in_any_order(void)
{
    char plot[] = "plot", a[] = "a", v[] = "-v", b[] = "b", wrong[] = "-x", words[8] = "", err[128];
    char *argv[] = {plot, a, v, b, NULL}, *bad[] = {plot, wrong, NULL};
    const struct argp own = {NULL, own_parse, NULL, NULL, NULL, NULL, NULL};

    verbose = 0;
    T_TRUE(commands_rest(&commands, "plot", &own, 4, argv, words, err, sizeof(err)));
    T_STR(words, "ab");
    T_EQ(verbose, 1);
    T_FALSE(commands_rest(&commands, "plot", &own, 2, bad, words, err, sizeof(err)));
    T_STR(err, "unknown option -x: try x plot --help");
}

T_MAIN("commands", T(test_commands_first_that_begins_so), T(test_commands_whole),
       T(test_commands_nearest), T(test_commands_options_end_at_the_first_word),
       T(test_commands_words_and_options_in_any_order))
