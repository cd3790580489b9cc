/*
 * stackscope flows, summary and states: the numbers of a connection, which rows are kept, the page.
 */
#include "said.h"

extern const struct scope_command scope_flows, scope_states, scope_summary;

/* A whole connection: @bytes by the client, an answer of twice as many. */
static void connection(uint32_t bytes)
{
    handshake();
    c(ACK | PSH, 1, 1, bytes);
    s(ACK | PSH, 1, 1 + bytes, 2 * bytes);
    c(FIN | ACK, 1 + bytes, 1 + 2 * bytes, 0);
    s(FIN | ACK, 1 + 2 * bytes, 2 + bytes, 0);
    c(ACK, 2 + bytes, 2 + 2 * bytes, 0);
}

/* How often does @what stand in @text? */
static int times(const char *text, const char *what)
{
    int n = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

static void test_flows_numbers_of_a_connection(void)
{
    said_start(&scope_flows, true, 0, NULL);
    connection(100);
    char *text = said_end();

    T_EQ(times(text, "\n"), 1);
    T_EQ(times(text, "\"conn\":\"10.0.0.1:40000-10.0.0.2:80\""), 1);
    T_EQ(times(text, "\"duration\":0.007000000"), 1);
    T_EQ(times(text, "\"completeness\":31"), 1);
    T_EQ(times(text, "\"state\":\"TIME_WAIT\",\"segments\":5,\"bytes\":100,"), 1);
    T_EQ(times(text, "\"state\":\"CLOSED\",\"segments\":3,\"bytes\":200,"), 1);
    T_EQ(times(text, "\"rtt_median\":0.001000000"), 2);
    free(text);
}

static void test_flows_keeps_the_greatest_rows_in_order(void)
{
    said_start(&scope_flows, true, 1, (char *[]){(char *)(size_t) "--rows=3"});
    for (uint32_t i = 0; i < 20; i++, w.port++)
        connection(10 + (i * 7 + 19) % 20); /* every number from 10 to 29 once, the greatest first */
    char *text = said_end();
    char *a = strstr(text, "\"bytes\":29,"), *b = strstr(text, "\"bytes\":28,"),
         *d = strstr(text, "\"bytes\":27,");

    T_EQ(times(text, "\"kind\":\"flow\""), 3);
    T_TRUE(a != NULL && b != NULL && d != NULL && a < b && b < d);
    free(text);
}

static void test_flows_sorted_by_start(void)
{
    said_start(&scope_flows, true, 1, (char *[]){(char *)(size_t) "--sort=start"});
    for (uint32_t i = 0; i < 5; i++, w.port++)
        connection(50 - i);
    char *text = said_end();
    char *a = strstr(text, "\"stream\":0,"), *b = strstr(text, "\"stream\":4,");

    T_TRUE(a != NULL && b != NULL && a < b);
    free(text);
}

static void test_flows_refuses_what_it_does_not_know(void)
{
    static const char *const wrong[] = {"--rows=0", "--rows=x", "--rows=-1", "--sort=colour"};
    struct scope_options o = {.json = true};
    char err[200];

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        err[0] = '\0';
        T_TRUE(scope_flows.begin(&o, 1, (char *[]){(char *)(size_t)wrong[i]}, err, sizeof(err)) ==
               NULL);
        T_TRUE(err[0] != '\0');
    }
}

static void test_flows_text_says_what_is_left_out(void)
{
    said_start(&scope_flows, false, 1, (char *[]){(char *)(size_t) "--rows=2"});
    for (uint32_t i = 0; i < 5; i++, w.port++)
        connection(50);
    char *text = said_end();

    T_EQ(times(text, "Complete, WITH_DATA (31)"), 2);
    T_EQ(times(text, "... and 3 more"), 1);
    free(text);
}

static void test_summary_counts(void)
{
    said_start(&scope_summary, true, 0, NULL);
    connection(100);
    w.port++;
    c(SYN, 0, 0, 0);
    s(RST | ACK, 0, 1, 0);
    w.port++;
    c(SYN, 0, 0, 0);
    w.port++;
    handshake();
    c(RST | ACK, 1, 1, 0);
    w.port++;
    handshake();
    c(ACK, 1, 1, 10);
    c(ACK, 1, 1, 10);
    char *text = said_end();

    T_EQ(times(text, "\"kind\":\"summary\",\"frames\":20,"), 1);
    T_EQ(
        times(
            text,
            "\"connections\":5,\"with_data\":2,\"joined\":0,\"closed\":1,\"reset\":1,\"refused\":1,"
            "\"unanswered\":1,\"open\":1,\"segments\":20,\"payload\":310,\"rtx_segments\":1,\"rtx_"
            "bytes\":10"),
        1);
    T_EQ(times(text, "\"connections_with\":{\"rtx\":1,"), 1);
    T_EQ(times(text, "{\"addr\":\"10.0.0.1\",\"bytes\":"), 1);
    T_EQ(times(text, "\"exact\":true"), 2);
    free(text);
}

static void test_summary_finds_the_talker_among_many(void)
{
    said_start(&scope_summary, true, 0, NULL);
    for (uint32_t i = 0; i < 2000; i++) { /* more addresses than there are counters */
        w.addr[0] = 0x0a010000 + i;
        c(SYN, 0, 0, 0);
        w.addr[0] = 0x0a0000aa;
        w.port = (uint16_t)(1 + i);
        c(SYN, 0, 0, 0);
    }
    char *text = said_end();
    char *first = strstr(text, "\"talkers\":[");

    T_TRUE(first != NULL && strstr(first, "[{\"addr\":\"10.0.0.170\"") != NULL);
    T_EQ(times(text, "\"frames\":2000,\"exact\":true"), 1);
    T_EQ(times(text, "\"exact\":false"), 4); /* who took a counter over says so */
    free(text);
}

static void test_summary_of_nothing(void)
{
    said_start(&scope_summary, false, 0, NULL);
    char *text = said_end();

    T_STR(text, "no frames\n");
    free(text);
}

static void test_states_as_json_and_text(void)
{
    said_start(&scope_states, true, 0, NULL);
    connection(10);
    char *text = said_end();

    T_EQ(times(text, "\"kind\":\"tcp_state\""), 10);
    T_EQ(times(text, "{\"t\":1000.001000000,\"host\":\"10.0.0.1\",\"kind\":\"tcp_state\",\"conn\":"
                     "\"10.0.0.1:40000-10.0.0.2:80\","
                     "\"frame\":1,\"from\":\"CLOSED\",\"to\":\"SYN_SENT\",\"cause\":\"snd SYN\","),
         1);
    T_EQ(times(text, "\"proof\":null,\"presumed\":true"), 1); /* the ACK of the last FIN */
    free(text);

    said_start(&scope_states, false, 1, (char *[]){(char *)(size_t) "--no-time"});
    handshake();
    text = said_end();
    T_EQ(strncmp(text, "10.0.0.1:40000-10.0.0.2:80 #1 CLOSED -> SYN_SENT (snd SYN)\n", 59), 0);
    T_EQ(times(text, "10.0.0.2:80-10.0.0.1:40000 #1 LISTEN -> SYN_RCVD (rcv SYN), shown by #2\n"),
         1);
    free(text);
}

T_MAIN("scope_flows", T(test_flows_numbers_of_a_connection),
       T(test_flows_keeps_the_greatest_rows_in_order), T(test_flows_sorted_by_start),
       T(test_flows_refuses_what_it_does_not_know), T(test_flows_text_says_what_is_left_out),
       T(test_summary_counts), T(test_summary_finds_the_talker_among_many),
       T(test_summary_of_nothing), T(test_states_as_json_and_text))
