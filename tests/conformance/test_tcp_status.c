/* test_tcp_status.c - STATUS (RFC 9293 section 3.10.6): what `stackctl sock` shows is what is so. */
#include "flow.h"

/* What is left of the timer @name, -1 where it does not run. */
static net_time left_of(const struct tcp_status *s, const char *name)
{
    for (unsigned i = 0; i < s->timer_count; i++) {
        if (strcmp(s->timers[i].name, name) == 0)
            return s->timers[i].left;
    }
    return -1;
}

static const struct cc_fact *fact_of(const struct tcp_status *s, const char *name)
{
    for (unsigned i = 0; i < s->fact_count; i++) {
        if (strcmp(s->facts[i].name, name) == 0)
            return &s->facts[i];
    }
    return NULL;
}

static void test_tcp_status_timers_and_what_is_left_of_them(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    T_EQ(flow_status(&k).timer_count, 0);
    flow_warm(&k, sd);
    flow_say(&k, 1 + FLOW_QUICK, 1);
    peer_advance(&k, NET_MS(10));
    struct tcp_status s = flow_status(&k);

    T_EQ(s.timer_count, 1);
    T_EQ(left_of(&s, "delack"), NET_MS(30));
    T_EQ(s.ato, NET_MS(40));
    T_EQ(s.last_rcv, NET_MS(10));
    peer_advance(&k, NET_MS(100));
    peer_forget(&k);
    flow_write(&k, sd, 1, 100);
    peer_advance(&k, NET_MS(5));
    s = flow_status(&k);
    T_EQ(s.last_snd, NET_MS(5));
    T_EQ(left_of(&s, "rto"), s.rto - NET_MS(5));
    peer_forget(&k);
    peer_advance(&k, s.rto); /* once more, with twice the time */
    s = flow_status(&k);
    T_EQ(s.backoff, 1);
    T_EQ(s.timer_tries, 1);
    T_EQ(left_of(&s, "rto"), s.rto - NET_MS(5));
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_tcp_status_timers_and_what_is_left_of_them)

static void test_tcp_status_keepalive_and_persist(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    flow_setopt(&k, sd, SOCK_OPT_KEEPALIVE, 1);
    struct tcp_status s = flow_status(&k);

    T_EQ(left_of(&s, "keepalive"), NET_SEC(7200));
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 0);
    flow_write(&k, sd, 1, 100);
    s = flow_status(&k);
    T_EQ(s.not_sent, 100);
    T_EQ(left_of(&s, "persist"), s.rto);
    T_STR(s.timer, "persist");
    peer_end(&k);
}
TWICE(test_tcp_status_keepalive_and_persist)

static void test_tcp_status_memory_and_what_waits(void)
{
    static const uint8_t lent[5000];
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);
    struct tcp_status s = flow_status(&k);

    T_EQ(s.mem, sizeof(struct tcb));
    T_EQ(s.snd_mem + s.rcv_mem, 0); /* an idle one has none */
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 0);
    flow_write(&k, sd, 1, 100);
    T_EQ(sock_send_ref(net_socks(&k.net), sd,
                       &(struct lent){
                           .bytes = {lent, sizeof(lent)}
    },
                       0),
         5000);
    say(&k, .flags = ".", .seq = 1001, .ack = 1, .win = 0, .len = 500); /* out of order */
    say(&k, .flags = ".", .seq = 3001, .ack = 1, .win = 0, .len = 100);
    s = flow_status(&k);
    T_EQ(s.snd_queue, 5100);
    T_EQ(s.snd_lent, 5000);
    T_EQ(s.not_sent, 5100);
    T_TRUE(s.snd_mem >= 100 && s.snd_mem < 5000);
    T_TRUE(s.rcv_mem >= 3000);
    T_EQ(s.ooo_ranges, 2);
    T_EQ(s.ooo_bytes, 600);
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_tcp_status_memory_and_what_waits)

static void test_tcp_status_what_the_controller_believes(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.cc = (uint8_t)cc_by_name("bbr");
    peer_begin_with(&k, &cfg);
    int sd = flow_connect(&k, NET_MS(50), "mss 1460,sackOK");

    flow_write(&k, sd, 1, 100);
    peer_advance(&k, NET_MS(50));
    peer_forget(&k);
    flow_ack(&k, 101, 65535);
    struct tcp_status s = flow_status(&k);

    T_STR(s.cc, "bbr");
    T_NEED(fact_of(&s, "mode") != NULL && fact_of(&s, "mrtt") != NULL);
    T_STR(fact_of(&s, "mode")->word, "STARTUP");
    T_EQ(fact_of(&s, "mrtt")->value, NET_MS(50));
    T_EQ(fact_of(&s, "pacing_gain")->value, 2886); /* 2 / ln 2 */
    T_EQ(fact_of(&s, "bw")->value, 100 * 20);      /* 100 bytes in a round trip of 50 ms */
    peer_end(&k);
}

/* A loss gives CUBIC its curve. */
static void test_tcp_status_cubic_after_a_loss(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    T_EQ(flow_status(&k).fact_count, 0); /* slow start has no curve */
    flow_write(&k, sd, 1, 10 * FLOW_MSS);
    peer_forget(&k);
    peer_advance(&k, NET_MS(10));
    for (unsigned i = 0; i < 6; i++) /* the first segment is missing */
        flow_ack(&k, 1, 65535);
    peer_forget(&k);
    flow_ack(&k, 14601, 65535);
    for (uint32_t seq = 14601, i = 0; i < 8; i++, seq += 2 * FLOW_MSS) { /* the window is used up */
        flow_write(&k, sd, 14601 + i * 10 * FLOW_MSS, 10 * FLOW_MSS);
        peer_forget(&k);
        peer_advance(&k, NET_MS(10));
        flow_ack(&k, seq + 2 * FLOW_MSS, 65535);
        peer_forget(&k);
    }
    struct tcp_status s = flow_status(&k);

    T_NEED(fact_of(&s, "w_max") != NULL);
    T_EQ(fact_of(&s, "w_max")->value, 10 * FLOW_MSS);
    T_TRUE(fact_of(&s, "k")->value > 0);
    peer_forget(&k);
    peer_end(&k);
}

T_MAIN("tcp_status", T_TWICE(test_tcp_status_timers_and_what_is_left_of_them),
       T_TWICE(test_tcp_status_keepalive_and_persist),
       T_TWICE(test_tcp_status_memory_and_what_waits),
       T(test_tcp_status_what_the_controller_believes), T(test_tcp_status_cubic_after_a_loss))
