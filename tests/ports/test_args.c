/*
 * test_args.c - a wrong option gives one line that names it and what was probably meant.
 */
#include <string.h>

#include "args.h"
#include "t.h"

static const struct argp_option table[] = {
    {NULL,          0, NULL, 0, "A heading:", 1},
    {"tap",         0x100, "NAME", 0, "a value", 1},
    {"netns", 0x101, NULL, 0, "no value", 1},
    {"drop-chance",             0x102, "P", 0, "a value", 1},
    {"delay",0x103, "MS", 0, "a value", 1},
    {"delay-more",            0x104, "MS", 0, "a value", 1},
    {"verbose",            'v', NULL, 0, "no value", 2},
    {"count",       'c', "N", 0, "a value", 2},
    {0        }
};
static const struct argp_option *const tables[] = {table, NULL};
static char err[256];

static bool check(enum args_words words, int argc, const char *const *argv)
{
    char text[8][64], *copy[8];

    for (int i = 0; i < argc; i++) {
        snprintf(text[i], sizeof(text[i]), "%s", argv[i]);
        copy[i] = text[i];
    }
    err[0] = '\0';
    return args_check("prog", tables, argc, copy, words, err, sizeof(err));
}
#define CHECK(words, ...)                                                                          \
    check(words, (int)(sizeof((const char *const[]){"prog", __VA_ARGS__}) / sizeof(char *)),       \
          (const char *const[]){"prog", __VA_ARGS__})

static void test_args_right_options_are_right(void)
{
    T_TRUE(CHECK(ARGS_MIXED, "--tap", "tap0", "--netns", "-v"));
    T_TRUE(CHECK(ARGS_MIXED, "--tap=tap0", "word", "-vc5"));
    T_TRUE(CHECK(ARGS_MIXED, "--tap", "--netns")); /* the value of --tap */
    T_TRUE(CHECK(ARGS_MIXED, "-vc", "5"));
    T_TRUE(CHECK(ARGS_MIXED, "--ne"));      /* short for --netns */
    T_TRUE(CHECK(ARGS_MIXED, "--delay=1")); /* exact, though it begins another */
    T_TRUE(CHECK(ARGS_MIXED, "--help"));
    T_TRUE(CHECK(ARGS_MIXED, "-?"));
    T_TRUE(CHECK(ARGS_MIXED, "--version"));
    T_TRUE(CHECK(ARGS_MIXED, "-")); /* a word: standard input or output */
    T_STR(err, "");
}

static void test_args_unknown_option_is_named_with_the_nearest(void)
{
    T_TRUE(!CHECK(ARGS_MIXED, "--drop-chnace", "5"));
    T_STR(err, "unknown option --drop-chnace: try --drop-chance, or prog --help");
    T_TRUE(!CHECK(ARGS_MIXED, "--nets=3"));
    T_STR(err, "unknown option --nets: try --netns, or prog --help");
    T_TRUE(!CHECK(ARGS_MIXED, "-v", "--something-else"));
    T_STR(err, "unknown option --something-else: try prog --help");
    T_TRUE(!CHECK(ARGS_MIXED, "-vx"));
    T_STR(err, "unknown option -x: try prog --help");
}

static void test_args_ambiguous_option_names_all(void)
{
    T_TRUE(!CHECK(ARGS_MIXED, "--d"));
    T_STR(err, "option --d can mean several: try --drop-chance, --delay or --delay-more");
}

static void test_args_value_missing_or_unwanted(void)
{
    T_TRUE(!CHECK(ARGS_MIXED, "--netns", "--tap"));
    T_STR(err, "option --tap needs a value: try --tap NAME");
    T_TRUE(!CHECK(ARGS_MIXED, "-c"));
    T_STR(err, "option -c needs a value: try -c N");
    T_TRUE(!CHECK(ARGS_MIXED, "--netns=yes"));
    T_STR(err, "option --netns takes no value: try --netns alone");
}

static void test_args_stops_where_options_end(void)
{
    T_TRUE(CHECK(ARGS_MIXED, "--netns", "--", "--nonsense"));
    T_TRUE(CHECK(ARGS_FIRST, "--netns", "ping", "--nonsense"));
    T_TRUE(!CHECK(ARGS_MIXED, "--netns", "ping", "--nonsense"));
}

static void test_args_distance(void)
{
    T_EQ(args_distance("tap", "tap"), 0);
    T_EQ(args_distance("tpa", "tap"), 1); /* swapped */
    T_EQ(args_distance("tp", "tap"), 1);
    T_EQ(args_distance("tapp", "tap"), 1);
    T_EQ(args_distance("top", "tap"), 1);
    T_EQ(args_distance("", "tap"), 3);
    T_EQ(args_distance("a-name-that-is-longer-than-any-option", "tap"), 32);
}

T_MAIN("args", T(test_args_right_options_are_right),
       T(test_args_unknown_option_is_named_with_the_nearest),
       T(test_args_ambiguous_option_names_all), T(test_args_value_missing_or_unwanted),
       T(test_args_stops_where_options_end), T(test_args_distance))
