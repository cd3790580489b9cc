/* test_lexer.c - bytes to tokens: the longest match, addresses, escapes, symbols, positions. */
#include "lexer.h"
#include "t.h"
#include <string.h>

static struct arena *arena;
static struct lexer lex;

static struct token first(const char *text)
{
    arena_free(arena);
    arena = arena_new();
    lexer_init(&lex, arena, text, strlen(text));
    return lexer_next(&lex);
}

static void is(struct token t, enum token_kind kind, const char *text)
{
    T_EQ(t.kind, kind);
    T_STR(t.text, text);
}

static void test_lexer_numbers_take_the_longest_match(void)
{
    is(first("-12"), TOKEN_INT, "-12");
    is(first("1.5"), TOKEN_FLOAT, "1.5");
    is(first(".1"), TOKEN_FLOAT, ".1");
    is(first("-.1"), TOKEN_FLOAT, "-.1");
    is(first("1."), TOKEN_INT, "1");
    is(first("0x1F"), TOKEN_HEX, "0x1F");
    T_EQ(first("0xffffffff").number, 0xffffffff);
    is(first("12ab"), TOKEN_WORD, "12ab");
    is(first("0xg"), TOKEN_WORD, "0xg");
    is(first("0...0.2"), TOKEN_INT, "0");
    is(lexer_next(&lex), TOKEN_ELLIPSIS, "...");
    is(lexer_next(&lex), TOKEN_FLOAT, "0.2");
    T_EQ(lexer_next(&lex).kind, TOKEN_END);
    T_EQ(lexer_next(&lex).kind, TOKEN_END);
    T_EQ(first("99999999999999999999").kind, TOKEN_ERROR);
}

static void test_lexer_addresses(void)
{
    is(first("192.0.2.1:"), TOKEN_IPV4, "192.0.2.1");
    T_EQ(first("192.0.2.256").kind, TOKEN_ERROR);
    is(first("fd3d::1: ."), TOKEN_IPV6, "fd3d::1");
    is(first("::"), TOKEN_IPV6, "::");
    is(first("::ffff:1.2.3.4"), TOKEN_IPV6, "::ffff:1.2.3.4");
    is(first("1:2:3:4:5:6:7:8"), TOKEN_IPV6, "1:2:3:4:5:6:7:8");
    is(first("1:1001(1000)"), TOKEN_INT, "1");
}

static void test_lexer_strings(void)
{
    is(first("\"a\\n\\t\\f\\r\\v\\\\\\\"\\x41\""), TOKEN_STRING, "a\n\t\f\r\v\\\"A");
    T_EQ(first("\"\\x00b\"").text_len, 2);
    T_EQ(first("\"a").kind, TOKEN_ERROR);
    T_EQ(first("\"a\nb\"").kind, TOKEN_ERROR);
    T_EQ(first("\"\\x4\"").kind, TOKEN_ERROR);
    T_EQ(first("\"a\\").kind, TOKEN_ERROR);
}

static void test_lexer_commands_code_and_notes(void)
{
    is(first("`a \"b\"\nc`"), TOKEN_COMMAND, "a \"b\"\nc");
    is(first("%{\n  a\n }%"), TOKEN_CODE, "a");
    T_EQ(first("%{\n\n a }%").text_line, 3);
    T_EQ(first("%{}%").text_len, 0);
    T_EQ(first("(a (b) c) d").kind, TOKEN_CHAR);
    is(lexer_note(&lex), TOKEN_STRING, "a (b) c");
    is(lexer_next(&lex), TOKEN_WORD, "d");
    is(first("$win-10"), TOKEN_NAME, "win");
    struct token t = lexer_next(&lex);
    T_EQ(t.number, -10);
    T_TRUE(t.is_glued);
}

static void test_lexer_comments_and_positions(void)
{
    struct token t = first("// x\n/* y\n */  a b");

    T_EQ(t.line, 3);
    T_EQ(t.column, 6);
    T_FALSE(t.is_glued);
    T_FALSE(lexer_next(&lex).is_glued);
    T_EQ(first("/* x").kind, TOKEN_ERROR);
    T_EQ(first("// no newline").kind, TOKEN_END);
    T_EQ(first("\xff").kind, TOKEN_ERROR);
}

static void test_lexer_symbols_look_like_their_value(void)
{
    static struct lexer_define e = {"ack", "1", NULL}, d = {"W", "word", &e}, c = {"C", "`c`", &d},
                               b = {"S", "\"s t\"", &c}, a = {"N", "-5", &b};

    first("N S C W ack N2");
    lexer_init(&lex, arena, "N S C W ack N2", 14);
    lex.defines = &a;
    T_EQ(lexer_next(&lex).number, -5);
    is(lexer_next(&lex), TOKEN_STRING, "s t");
    is(lexer_next(&lex), TOKEN_COMMAND, "c");
    is(lexer_next(&lex), TOKEN_WORD, "word");
    is(lexer_next(&lex), TOKEN_WORD, "ack"); /* a word of the language stays */
    is(lexer_next(&lex), TOKEN_WORD, "N2");
    arena_free(arena);
    arena = NULL;
}

static void test_lexer_options(void)
{
    struct token t;

    first("x");
    lexer_init(&lex, arena, " --a=1 /* c */ --b --c=\"x y\" 0", 31);
    T_TRUE(lexer_option(&lex, &t));
    is(t, TOKEN_WORD, "a=1");
    T_TRUE(lexer_option(&lex, &t));
    is(t, TOKEN_WORD, "b");
    T_TRUE(lexer_option(&lex, &t));
    is(t, TOKEN_WORD, "c=\"x y\"");
    T_FALSE(lexer_option(&lex, &t));
    is(lexer_next(&lex), TOKEN_INT, "0");
    arena_free(arena);
    arena = NULL;
}

T_MAIN("lexer", T(test_lexer_numbers_take_the_longest_match), T(test_lexer_addresses),
       T(test_lexer_strings), T(test_lexer_commands_code_and_notes),
       T(test_lexer_comments_and_positions), T(test_lexer_options),
       T(test_lexer_symbols_look_like_their_value))
