/* Dates, and RFC 867 over two stacks in virtual time. */
#include "app_pair.h"

#include "l7_application/date.h"

static const char *daytime(int64_t seconds)
{
    static char text[64];
    struct fmt f = {.p = text, .cap = sizeof(text) - 1};

    date_daytime(&f, seconds);
    text[f.len] = '\0';
    return text;
}

static const char *http(int64_t seconds)
{
    static char text[64];
    struct fmt f = {.p = text, .cap = sizeof(text) - 1};

    date_http(&f, seconds);
    text[f.len] = '\0';
    return text;
}

static void test_date_of_known_days(void)
{
    T_STR(daytime(0), "Thursday, January 1, 1970 00:00:00-UTC");
    T_STR(daytime(951782400), "Tuesday, February 29, 2000 00:00:00-UTC");
    T_STR(daytime(4107542400), "Monday, March 1, 2100 00:00:00-UTC"); /* 2100 has no 29 February */
    T_STR(daytime(1795256700), "Saturday, November 21, 2026 10:25:00-UTC");
    T_STR(daytime(-1), "Wednesday, December 31, 1969 23:59:59-UTC");
    T_STR(http(784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110 section 5.6.7 */
}

static void test_date_there_and_back(void)
{
    for (int64_t day = -200000; day < 200000; day += 13) {
        struct date d = date_of(day * 86400 + 4711);

        T_EQ(date_seconds(&d), day * 86400 + 4711);
        T_EQ(d.weekday, ((day + 4) % 7 + 7) % 7);
    }
}

static int64_t parsed(const char *text)
{
    int64_t out = -1;

    date_http_parse((struct span){(const uint8_t *)text, strlen(text)}, 1795256700, &out);
    return out;
}

static void test_date_http_parse_three_forms_and_nothing_else(void)
{
    T_EQ(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    T_EQ(parsed("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    T_EQ(parsed("Sun Nov  6 08:49:37 1994"), 784111777);
    T_EQ(parsed("Sun Nov 16 08:49:37 1994"), 784111777 + 864000);
    T_EQ(parsed("Friday, 01-Jan-27 00:00:00 GMT"), 1798761600); /* near: this century */
    static const char *const bad[] = {
        "",
        "yesterday",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        T_EQ(parsed(bad[i]), -1);
}

static void test_daytime_tcp_says_one_line_and_closes(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 13);
    pair_say(p, "ignored");
    pair_run(p, NET_MS(100));
    T_STR(p->got, "Thursday, January 1, 1970 00:00:00-UTC\r\n");
    T_TRUE(p->eof);
    pair_close(p);
    pair_run(p, NET_MS(100));
    T_EQ(p->app.conns.used, 0);
    T_EQ(p->server.tcp.stats.rsts_out, 0); /* a reset could overtake the answer */
    pair_free(p);
}

static void test_daytime_udp_answers(void)
{
    struct pair *p = pair_new(NULL, 0);
    static const char want[] = "Thursday, January 1, 1970 00:01:00-UTC\r\n";

    pair_run(p, NET_SEC(60));
    T_EQ(pair_ask(p, 0, 13, "?", 1), sizeof(want) - 1);
    T_MEM(p->got, want, sizeof(want) - 1);
    pair_free(p);
}

T_MAIN("daytime", T(test_date_of_known_days), T(test_date_there_and_back),
       T(test_date_http_parse_three_forms_and_nothing_else),
       T(test_daytime_tcp_says_one_line_and_closes), T(test_daytime_udp_answers))
