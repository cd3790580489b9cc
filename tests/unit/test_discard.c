/* RFC 863 over two stacks in virtual time. */
#include "app_pair.h"

static void test_discard_tcp_takes_everything_and_says_nothing(void)
{
    struct pair *p = pair_new(NULL, 0);
    static uint8_t bytes[3 << 20];
    size_t said = 0;

    pair_connect(p, 9);
    while (said < sizeof(bytes)) {
        int n = sock_send(net_socks(&p->client), p->sd, bytes + said, sizeof(bytes) - said, 0);

        T_NEED(n > 0 || n == -EAGAIN);
        said += n > 0 ? (size_t)n : 0;
        pair_run(p, NET_MS(50));
    }
    pair_fin(p);
    pair_run(p, NET_SEC(2));
    T_TRUE(p->eof);
    T_EQ(p->len, 0);
    T_EQ(p->app.conns.used, 0);
    T_EQ(p->server.tcp.stats.rsts_out, 0); /* nothing was left unread */
    pair_close(p);
    pair_free(p);
}

/* The last bytes and the FIN in one segment: one event, and nothing comes after it. */
static void test_discard_tcp_sees_a_fin_that_came_with_data(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 9);
    pair_say(p, "the last");
    pair_fin(p);
    pair_run(p, NET_MS(50));
    T_TRUE(p->eof);
    T_EQ(p->app.conns.used, 0);
    pair_free(p);
}

static void test_discard_udp_never_answers(void)
{
    struct pair *p = pair_new(NULL, 0);

    T_EQ(pair_ask(p, 0, 9, "abc", 3), -EAGAIN);
    T_EQ(p->app.stats.datagrams, 1);
    pair_free(p);
}

T_MAIN("discard", T(test_discard_tcp_takes_everything_and_says_nothing),
       T(test_discard_tcp_sees_a_fin_that_came_with_data), T(test_discard_udp_never_answers))
