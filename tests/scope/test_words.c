/* test_words.c - the options of a command, among its words. */
#include "t.h"
#include "words.h"

#include <string.h>

static bool all;
static const char *gap;
static const struct word_option known[] = {
    {"all-segments", &all, NULL},
    {"gap",          NULL, &gap},
    {NULL,           NULL, NULL}
};
static char err[200];

static int take(int argc, char **argv)
{
    all = false;
    gap = NULL;
    err[0] = '\0';
    return words_take(known, argc, argv, err, sizeof(err));
}

static void test_words_are_left_in_their_order(void)
{
    char a[] = "one", b[] = "--gap", c[] = "0.5", d[] = "two", e[] = "--all-segments";
    char *argv[] = {a, b, c, d, e};

    T_EQ(take(5, argv), 2);
    T_STR(argv[0], "one");
    T_STR(argv[1], "two");
    T_TRUE(all);
    T_STR(gap, "0.5");
    char f[] = "--gap=", *with[] = {f};

    T_EQ(take(1, with), 0);
    T_STR(gap, "");
    T_FALSE(all);
}

static void test_words_say_what_is_wrong(void)
{
    char a[] = "--all-segmens", b[] = "--gap", c[] = "--all-segments=1", d[] = "--nonsense=1";
    char *typo[] = {a}, *bare[] = {b}, *much[] = {c}, *other[] = {d};

    T_EQ(take(1, typo), -1);
    T_STR(err, "no option --all-segmens: did you mean --all-segments?");
    T_EQ(take(1, bare), -1);
    T_STR(err, "--gap needs a value: --gap=VALUE");
    T_EQ(take(1, much), -1);
    T_STR(err, "--all-segments has no value: leave out =1");
    T_EQ(take(1, other), -1);
    T_STR(err, "no option --nonsense: see --help");
}

static void test_words_number_is_whole_and_in_range(void)
{
    uint64_t n;

    T_TRUE(words_number("rows", "12", 1, 12, &n, err, sizeof(err)));
    T_EQ(n, 12);
    T_FALSE(words_number("rows", "13", 1, 12, &n, err, sizeof(err)));
    T_STR(err, "--rows=13: a whole number from 1 to 12 is needed");
    T_FALSE(words_number("rows", "-1", 0, 12, &n, err, sizeof(err)));
    T_FALSE(words_number("rows", "1x", 0, 12, &n, err, sizeof(err)));
    T_FALSE(words_number("rows", "", 0, 12, &n, err, sizeof(err)));
    T_FALSE(words_number("rows", "99999999999999999999", 0, UINT64_MAX, &n, err, sizeof(err)));
}

static void test_words_seconds_have_fractions(void)
{
    int64_t ns;

    T_TRUE(words_seconds("gap", "0.25", &ns, err, sizeof(err)));
    T_EQ(ns, 250000000);
    T_TRUE(words_seconds("gap", ".5", &ns, err, sizeof(err)));
    T_EQ(ns, 500000000);
    T_FALSE(words_seconds("gap", "-1", &ns, err, sizeof(err)));
    T_FALSE(words_seconds("gap", "nan", &ns, err, sizeof(err)));
    T_FALSE(words_seconds("gap", "1e300", &ns, err, sizeof(err)));
    T_STR(err, "--gap=1e300: seconds are needed, such as 0.1");
}

T_MAIN("words", T(test_words_are_left_in_their_order), T(test_words_say_what_is_wrong),
       T(test_words_number_is_whole_and_in_range), T(test_words_seconds_have_fractions))
