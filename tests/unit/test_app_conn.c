/* What a connection holds while it is idle and while it is not, how long it may be silent, and who
 * goes when there is no room. */
#include "app_pair.h"

#include "l7_application/app_priv.h"

static struct pair *with_blocks(uint32_t connections, uint32_t blocks)
{
    struct app_config cfg;

    app_config_default(&cfg);
    cfg.connections = connections;
    cfg.blocks = blocks;
    return pair_new_with(NULL, cfg);
}

/* A new connection; the one before stays open. Return: its socket at the client. */
static int another(struct pair *p, uint16_t port)
{
    pair_connect(p, port);
    T_EQ(p->error, 0);
    return p->sd;
}

static void say(struct pair *p, int sd, const char *text)
{
    T_EQ(sock_send(net_socks(&p->client), sd, text, strlen(text), 0), strlen(text));
}

/* What the client sees on @sd: bytes, 0 for the end, or an error. */
static int hear(struct pair *p, int sd)
{
    char buf[8192];

    return sock_recv(net_socks(&p->client), sd, buf, sizeof(buf), 0);
}

static struct app_conn *newest(struct pair *p)
{
    struct app_conn *c = NULL;

    for (uint32_t i = 0; i < p->app.conns.frontier; i++) {
        struct app_conn *k = slab_at(&p->app.conns, i);

        if (k->generation != 0 && (c == NULL || k->generation > c->generation))
            c = k;
    }
    T_NEED(c != NULL);
    return c;
}

static void test_app_conn_idle_holds_nothing(void)
{
    struct pair *p = pair_new(NULL, 0);

    another(p, 7);
    another(p, 19); /* sends until the buffers are full: four bytes are enough to remember where */
    int http = another(p, 80);

    T_EQ(p->app.conns.used, 3);
    T_EQ(p->app.blocks.used, 0);
    say(p, http, "\r\n\r\n"); /* empty lines are no request */
    pair_run(p, NET_MS(10));
    T_EQ(p->app.blocks.used, 0);
    say(p, http, "GET /x HTTP/1.1\r\n");
    pair_run(p, NET_MS(10));
    T_EQ(p->app.blocks.used, 1);
    say(p, http, "Host: a\r\n\r\n");
    pair_run(p, NET_MS(10));
    T_EQ(p->app.stats.requests, 1);
    T_TRUE(strstr(p->got, "404") != NULL);
    T_EQ(p->app.blocks.used, 0);
    T_EQ(p->app.blocks.peak, 1);
    pair_free(p);
}

static void test_app_conn_block_goes_with_the_connection(void)
{
    struct pair *p = pair_new(NULL, 0);
    int sd = another(p, 80);

    say(p, sd, "GET ");
    pair_run(p, NET_MS(10));
    T_EQ(p->app.blocks.used, 1);
    sock_abort(net_socks(&p->client), sd);
    p->sd = -1;
    pair_run(p, NET_MS(10));
    T_EQ(p->app.conns.used, 0);
    T_EQ(p->app.blocks.used, 0);
    T_EQ(app_deadline(&p->app), NET_NEVER);
    pair_free(p);
}

/* Slow strangers hold all blocks: the slowest of them has to go, not one who only waits, and not
 * the newcomer. */
static void test_app_conn_without_a_block_the_slowest_goes(void)
{
    struct pair *p = with_blocks(64, 2);
    int echo = another(p, 7), idle = another(p, 80), slow[3];

    for (int i = 0; i < 3; i++) {
        slow[i] = another(p, 80);
        say(p, slow[i], "GET /x HTTP/1.1\r\n");
        pair_run(p, NET_MS(100));
    }
    T_EQ(p->app.stats.evicted, 1);
    T_EQ(p->app.blocks.used, 2);
    T_EQ(p->app.conns.used, 4);
    p->sd = -1;
    T_EQ(hear(p, slow[0]), -ECONNRESET);
    T_EQ(hear(p, idle), -EAGAIN);
    T_EQ(hear(p, echo), -EAGAIN);
    for (int i = 1; i < 3; i++) {
        say(p, slow[i], "Host: a\r\n\r\n");
        pair_run(p, NET_MS(10));
        T_TRUE(hear(p, slow[i]) > 0);
    }
    T_EQ(p->app.blocks.used, 0);
    pair_free(p);
}

static void test_app_conn_no_blocks_at_all_is_an_end_with_a_reset(void)
{
    struct pair *p = with_blocks(8, 0);
    int sd = another(p, 80);

    say(p, sd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    pair_run(p, NET_MS(10));
    T_EQ(p->error, -ECONNRESET);
    T_EQ(p->app.conns.used, 0);
    another(p, 7); /* who needs none is served */
    pair_say(p, "x");
    pair_run(p, NET_MS(10));
    T_STR(p->got, "x");
    pair_free(p);
}

/* The idlest is looked for in all lists: those of every service, with blocks and without. */
static void test_app_conn_the_idlest_of_all_services_goes(void)
{
    struct pair *p = with_blocks(4, 4);
    int sd[4];

    sd[0] = another(p, 80);
    say(p, sd[0], "GET ");
    pair_run(p, NET_MS(10));
    sd[1] = another(p, 7);
    sd[2] = another(p, 9);
    sd[3] = another(p, 80);
    p->sd = sd[1];
    pair_say(p, "x");
    pair_run(p, NET_MS(10));
    static const int order[] = {0, 2, 3, 1}; /* by their last progress */

    for (int i = 0; i < 4; i++) {
        T_EQ(p->app.stats.evicted, i);
        int fresh = another(p, 7);

        p->sd = -1;
        pair_run(p, NET_MS(10));
        T_EQ(p->app.stats.evicted, i + 1);
        T_EQ(hear(p, sd[order[i]]), -ECONNRESET);
        T_EQ(hear(p, fresh), -EAGAIN);
    }
    pair_free(p);
}

/* The idle time of each runs from its own last request, and its end is a deadline to the
 * nanosecond. */
static void test_app_conn_idle_time_runs_from_the_last_request(void)
{
    struct pair *p = pair_new(NULL, 0);
    int first = another(p, 80);

    pair_run(p, NET_SEC(5));
    int second = another(p, 80);
    net_time asked, begun = newest(p)->since;

    pair_run(p, NET_SEC(5));
    say(p, first, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    asked = p->now + PAIR_DELAY; /* when it is there */
    p->sd = -1;
    pair_run(p, NET_MS(10));
    T_TRUE(hear(p, first) > 0);
    T_EQ(app_deadline(&p->app), begun + NET_SEC(15));
    pair_run(p, begun + NET_SEC(15) - 1 - p->now);
    T_EQ(p->app.stats.timeouts, 0);
    pair_run(p, NET_MS(10));
    T_EQ(p->app.stats.timeouts, 1);
    T_EQ(hear(p, second), 0);
    T_EQ(hear(p, first), -EAGAIN);
    sock_close(net_socks(&p->client), second);
    pair_run(p, NET_MS(10));
    T_EQ(app_deadline(&p->app), asked + NET_SEC(15));
    pair_run(p, NET_SEC(6));
    T_EQ(hear(p, first), 0);
    pair_free(p);
}

/* Being told of room in the send buffer costs a call for every ACK: only while it is full. */
static void test_app_conn_asks_for_room_only_while_stuck(void)
{
    struct pair *p = pair_new(NULL, 0);
    static char much[400000];
    size_t sent = 0;

    memset(much, 'e', sizeof(much));
    pair_connect(p, 7);
    T_FALSE(newest(p)->wants_out);
    p->hold = true;
    for (int i = 0; i < 100; i++) {
        int n = sock_send(net_socks(&p->client), p->sd, much, sizeof(much), 0);

        sent += n > 0 ? (size_t)n : 0;
        pair_run(p, NET_MS(10));
    }
    T_TRUE(newest(p)->wants_out);
    p->hold = false;
    pair_run(p, NET_SEC(5));
    T_EQ(p->len, sent);
    T_FALSE(newest(p)->wants_out);
    pair_free(p);
}

/* A peer that takes what is left is given time for it; one that does not is let go. */
static void test_app_conn_lingers_after_the_last_progress(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 13);
    T_EQ(p->len > 0, true);
    T_TRUE(p->eof);
    T_EQ(p->app.conns.used, 1);
    T_TRUE(newest(p)->lingering);
    T_EQ(app_deadline(&p->app), newest(p)->since + APP_LINGER);
    pair_run(p, APP_LINGER);
    T_EQ(p->app.conns.used, 0);
    T_EQ(p->app.stats.timeouts, 1);
    pair_free(p);
}

T_MAIN("app_conn", T(test_app_conn_idle_holds_nothing),
       T(test_app_conn_block_goes_with_the_connection),
       T(test_app_conn_without_a_block_the_slowest_goes),
       T(test_app_conn_no_blocks_at_all_is_an_end_with_a_reset),
       T(test_app_conn_the_idlest_of_all_services_goes),
       T(test_app_conn_idle_time_runs_from_the_last_request),
       T(test_app_conn_asks_for_room_only_while_stuck),
       T(test_app_conn_lingers_after_the_last_progress))
