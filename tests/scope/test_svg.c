/* test_svg.c - pictures: numbers, escaped text, shapes. */
#include "svg.h"
#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "l4_transport/tcp.h"

static char *drawn;
static size_t drawn_len;

static FILE *start(void)
{
    free(drawn);
    drawn = NULL;
    return open_memstream(&drawn, &drawn_len);
}

static void escaped(const char *text, const char *want)
{
    FILE *f = start();

    svg_escape(f, text);
    fclose(f);
    T_STR(drawn, want);
}

static void test_svg_numbers_have_one_decimal_at_most(void)
{
    char n[32];

    T_STR(svg_number(0, n), "0");
    T_STR(svg_number(-0.04, n), "0");
    T_STR(svg_number(12, n), "12");
    T_STR(svg_number(12.34, n), "12.3");
    T_STR(svg_number(-7.96, n), "-8");
    T_STR(svg_number(100000.25, n), "100000.3");
}

static void test_svg_text_cannot_leave_its_element(void)
{
    escaped("a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;");
    escaped("tab\tbell\a", "tab.bell.");
    escaped("\xc3\xa9\xe2\x86\x92\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x86\x92\xf0\x9f\x98\x80");
    escaped("\xff\xc3", "..");      /* no UTF-8 */
    escaped("\xc0\xaf", "..");      /* too long for what it says */
    escaped("\xed\xa0\x80", "..."); /* half of a pair */
    escaped("\xef\xbf\xbe", "..."); /* U+FFFE: XML has no such character */
    escaped("\xe2\x86", "..");      /* cut off */
}

static void test_svg_width_counts_characters_not_bytes(void)
{
    T_TRUE(svg_text_width("\xe2\x86\x92\xe2\x86\x92", 10) == svg_text_width("ab", 10));
    T_TRUE(svg_text_width("abcd", 10) == 2 * svg_text_width("ab", 10));
}

static void test_svg_every_state_has_a_colour_of_its_own(void)
{
    FILE *f = start();

    svg_style(f);
    fclose(f);
    for (int a = -1; a < TCP_STATES; a++) {
        char rule[64];

        snprintf(rule, sizeof(rule), ".%s{", svg_state_class(a));
        T_TRUE(strstr(drawn, rule) != NULL);
        for (int b = a + 1; b < TCP_STATES; b++)
            T_TRUE(strcmp(svg_state_class(a), svg_state_class(b)) != 0);
    }
    T_TRUE(strstr(drawn, "prefers-color-scheme:dark") != NULL);
}

static void test_svg_a_picture_is_whole(void)
{
    FILE *f = start();
    struct svg s;
    const char *open, *close;

    svg_begin(&s, f, 100, 50, "a & b", ".x{fill:red}");
    svg_open(&s, "group", NULL);
    svg_tip(&s, "<tip>");
    svg_arrow(&s, 0, 0, 100, 0, "arrow");
    svg_arrow(&s, 5, 5, 5, 5, "arrow"); /* goes nowhere: nothing */
    svg_text_turned(&s, 1, 2, 3, SVG_MIDDLE, "mono", "x");
    svg_close(&s);
    svg_end(&s);
    fclose(f);
    T_TRUE(strstr(drawn, "<title>a &amp; b</title>") != NULL);
    T_TRUE(strstr(drawn, "<title>&lt;tip&gt;</title>") != NULL);
    T_TRUE(strstr(drawn, ".x{fill:red}") != NULL);
    open = strstr(drawn, "<line class=\"arrow\" x1=\"0\" y1=\"0\" x2=\"93\" y2=\"0\"/>");
    T_TRUE(open != NULL);
    T_TRUE(open != NULL && strstr(open + 1, "<line") == NULL);
    T_TRUE(strstr(drawn, "text-anchor=\"middle\" transform=\"rotate(3.00 1 2)\">x</text>") != NULL);
    close = strstr(drawn, "</svg>\n");
    T_TRUE(close != NULL && close[7] == '\0');
    free(drawn);
    drawn = NULL;
}

T_MAIN("svg", T(test_svg_numbers_have_one_decimal_at_most),
       T(test_svg_text_cannot_leave_its_element), T(test_svg_width_counts_characters_not_bytes),
       T(test_svg_every_state_has_a_colour_of_its_own), T(test_svg_a_picture_is_whole))
