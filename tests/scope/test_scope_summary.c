/*
 * stackscope summary: its nouns agree with their numbers, and no share is said of too few.
 */
#include "said.h"

extern const struct scope_command scope_summary;

/* @count connections with a request each, whose ACK takes 1 ms more with each connection. */
static char *summary_of(int count, bool json)
{
    said_start(&scope_summary, json, 0, NULL);
    for (int i = 0; i < count; i++, w.port++) {
        handshake();
        c(ACK | PSH, 1, 1, 1);
        later(NET_MS(i));
        s(ACK, 1, 2, 0);
    }
    return said_end();
}

static void has(const char *text, const char *want, bool is_there)
{
    CU_assertImplementation((strstr(text, want) != NULL) == is_there ? CU_TRUE : CU_FALSE, __LINE__,
                            want, __FILE__, "", CU_FALSE);
}

static void test_summary_one_has_no_plural(void)
{
    char *text = summary_of(1, false);

    has(text, "1 connection,", true);
    has(text, "1 byte of payload", true);
    has(text, " 5 segments,", true);
    free(text);

    text = summary_of(2, false);
    has(text, "2 connections,", true);
    has(text, "2 bytes of payload", true);
    free(text);

    said_start(&scope_summary, false, 0, NULL);
    c(SYN, 0, 0, 0);
    text = said_end();
    has(text, "1 frames", false);
    has(text, "1 connections", false);
    has(text, "1 segments", false);
    has(text, "fullest second: 1 frame,", true);
    has(text, "IPv4 1 frame,", true);
    has(text, "to its ACK", false); /* nobody answered */
    free(text);
}

static void test_summary_says_no_shares_of_few_round_trips(void)
{
    for (int ends = 2; ends <= 20; ends += 2) { /* either end of a connection has been answered */
        char *text = summary_of(ends / 2, false), want[60];

        snprintf(want, sizeof(want), "the medians of %d ends", ends);
        has(text, want, true);
        has(text, "95 %", ends >= 20);
        free(text);
        text = summary_of(ends / 2, true);
        snprintf(want, sizeof(want), "\"rtt_ends\":%d,", ends);
        has(text, want, true);
        has(text, "\"rtt_p95\"", ends >= 20);
        free(text);
    }
}

T_MAIN("scope_summary", T(test_summary_one_has_no_plural),
       T(test_summary_says_no_shares_of_few_round_trips))
