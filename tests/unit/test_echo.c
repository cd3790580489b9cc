/* RFC 862 over two stacks in virtual time. */
#include "app_pair.h"

static void test_echo_tcp_sends_back_what_came_and_then_fin(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 7);
    pair_say(p, "hello");
    pair_run(p, NET_MS(100));
    T_STR(p->got, "hello");
    pair_say(p, ", world");
    pair_fin(p); /* half-close: the echo of what came before still comes, then their FIN */
    pair_run(p, NET_MS(100));
    T_STR(p->got, "hello, world");
    T_TRUE(p->eof);
    T_EQ(p->app.conns.used, 0);
    pair_close(p);
    pair_free(p);
}

static void test_echo_tcp_waits_for_a_peer_that_does_not_read(void)
{
    struct pair *p = pair_new(NULL, 0);
    size_t total = 8 << 20, said = 0, before;
    uint8_t *bytes = malloc(total);

    for (size_t i = 0; i < total; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    pair_connect(p, 7);
    p->hold = true;
    do { /* until both directions are full */
        before = said;
        int n = sock_send(net_socks(&p->client), p->sd, bytes + said, total - said, 0);

        if (n > 0)
            said += (size_t)n;
        pair_run(p, NET_MS(200));
    } while (said > before);
    T_TRUE(said > (1 << 20) && said < total); /* back-pressure reached the sender */
    T_EQ(p->app.conns.used, 1);
    p->hold = false;
    pair_fin(p);
    pair_run(p, NET_SEC(120)); /* zero-window probes take their time */
    T_TRUE(p->eof || p->len == PAIR_GOT - 1);
    T_TRUE(said >= p->len && p->len > 0);
    T_MEM(p->got, bytes, p->len < said ? p->len : said);
    free(bytes);
    pair_close(p);
    pair_free(p);
}

static void test_echo_tcp_reset_ends_the_connection(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 7);
    T_EQ(p->app.conns.used, 1);
    sock_abort(net_socks(&p->client), p->sd);
    p->sd = -1;
    pair_run(p, NET_MS(100));
    T_EQ(p->app.conns.used, 0);
    pair_free(p);
}

static void test_echo_udp_one_datagram_for_one(void)
{
    struct pair *p = pair_new(NULL, 0);
    static uint8_t big[5000];

    T_EQ(pair_ask(p, 0, 7, "abc", 3), 3);
    T_MEM(p->got, "abc", 3);
    T_EQ(pair_ask(p, 0, 7, "", 0), 0);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i % 253);
    T_EQ(pair_ask(p, 0, 7, big, sizeof(big)), sizeof(big)); /* in fragments, both ways */
    T_MEM(p->got, big, sizeof(big));
    pair_free(p);
}

T_MAIN("echo", T(test_echo_tcp_sends_back_what_came_and_then_fin),
       T(test_echo_tcp_waits_for_a_peer_that_does_not_read),
       T(test_echo_tcp_reset_ends_the_connection), T(test_echo_udp_one_datagram_for_one))
