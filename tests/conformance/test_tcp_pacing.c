/* Pacing: a window leaves spread over the round trip, not as one burst. */
#include "flow.h"

enum { SEGS = 10 };

/* A connection with a round trip of 100 ms, and SEGS segments written: when did each leave? */
static void leave(struct peer *k, bool pacing, net_time at[SEGS])
{
    struct net_config cfg;

    peer_config(&cfg);
    cfg.tcp.pacing = pacing;
    peer_begin_with(k, &cfg);
    int sd = flow_connect(k, NET_MS(100), "mss 1460");

    peer_advance(k, NET_SEC(1));
    flow_write(k, sd, 1, SEGS * FLOW_MSS);
    net_time begun = k->now;

    for (int i = 0; i < SEGS; i++) {
        peer_run_to_frame(k, NET_MS(50));
        const struct seen *s = peer_next(k);

        T_NEED(s != NULL && s->len == FLOW_MSS);
        flow_check(s, 1 + (uint32_t)i * FLOW_MSS);
        at[i] = s->at - begun;
    }
    peer_end(k);
}

/* In slow start at twice the window a round trip: 5 ms apart, but for a millisecond's credit. */
static void test_pacing_spreads_a_window(void)
{
    net_time at[SEGS];
    struct peer k;

    leave(&k, true, at);
    T_EQ(at[0], 0);
    for (int i = 1; i < SEGS; i++) {
        net_time gap = at[i] - at[i - 1];

        T_TRUE(gap >= (i == 1 ? NET_MS(4) : NET_MS(5)) - NET_US(10) && gap <= NET_US(5010));
    }
}

static void test_pacing_off_is_a_burst(void)
{
    net_time at[SEGS];
    struct peer k;

    leave(&k, false, at);
    T_EQ(at[SEGS - 1], 0);
}

T_MAIN("tcp_pacing", T(test_pacing_spreads_a_window), T(test_pacing_off_is_a_burst))
