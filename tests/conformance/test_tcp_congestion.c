#include "base/prng.h"
#include "flow.h"

enum { MSS = FLOW_MSS };

static uint32_t cwnd(struct peer *k)
{
    return flow_status(k).cwnd;
}

/* The peer acknowledges segment after segment from @ack on, @n of them; what H sends is taken, its
 * end is *@sent. Return: what is acknowledged. */
static uint32_t ack_each(struct peer *k, uint32_t ack, uint32_t n, uint32_t *sent)
{
    for (uint32_t i = 0; i < n; i++) {
        ack += MSS;
        flow_ack(k, ack, 65535);
        *sent = flow_take(k, *sent, NULL);
    }
    return ack;
}

/* A connection with @segs segments in flight, more queued, and cwnd just as large; no window
 * scaling, so at most 44. Return: the socket. */
static int flying(struct peer *k, uint32_t segs, uint32_t *acked, uint32_t *sent)
{
    int sd = flow_open(k);

    flow_write(k, sd, 1, 300 * MSS);
    *sent = flow_take(k, 1, NULL);
    *acked = ack_each(k, 1, segs - 10, sent);
    T_EQ(*sent - *acked, segs * MSS);
    T_EQ(cwnd(k), segs * MSS);
    return sd;
}

/* REQ: TCP-5681-3.1-1 TCP-5681-3.1-2 TCP-5681-3.1-4 */
static void test_congestion_initial_window_is_ten_segments(void)
{
    static const struct {
        const char *opts;
        uint32_t mss, window;
    } cases[] = {
        {"mss 1460", 1460, 14600},
        {"mss 536",  536,  5360 },
        {"mss 88",   88,   880  },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer k;
        uint32_t segs;

        flow_begin_reno(&k);
        int sd = flow_open_with(&k, cases[i].opts, 0);

        T_EQ(cwnd(&k), cases[i].window); /* neither SYN,ACK nor its ACK have made it grow */
        T_TRUE(flow_status(&k).ssthresh >= 1u << 30);
        flow_write(&k, sd, 1, 40 * cases[i].mss);
        T_EQ(flow_take(&k, 1, &segs), 1 + cases[i].window);
        T_EQ(segs, 10);
        peer_end(&k);
    }
}

/* REQ: TCP-5681-3.1-3 */
static void test_congestion_initial_window_is_one_when_the_syn_was_lost(void)
{
    struct peer k;
    uint32_t segs;

    flow_begin_reno(&k);
    int sd = syn_sent(&k);

    expect_tcp(&k, .flags = "S", .after = NET_SEC(1));
    say(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    flow_write(&k, sd, 1, 40 * MSS);
    flow_take(&k, 1, &segs);
    T_EQ(segs, 1);
    peer_end(&k);

    flow_begin_reno(&k);
    int listener = syn_rcvd(&k);

    expect_tcp(&k, .flags = "S.", .ack = 1, .after = NET_SEC(1));
    flow_ack(&k, 1, 65535);
    sd = peer_accept(&k, listener);
    flow_write(&k, sd, 1, 40 * MSS);
    flow_take(&k, 1, &segs);
    T_EQ(segs, 1);
    peer_end(&k);
}

/* REQ: TCP-5681-3.1-5 TCP-MUST-19 */
static void test_congestion_slow_start_grows_by_at_most_a_segment_per_ack(void)
{
    struct peer k;
    uint32_t sent;

    flow_begin_reno(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 300 * MSS);
    sent = flow_take(&k, 1, NULL);
    flow_ack(&k, 1 + 4 * MSS, 65535); /* four at once */
    T_EQ(cwnd(&k), 11 * MSS);
    T_EQ(flow_take(&k, sent, NULL), sent + 5 * MSS);
    for (uint32_t i = 1; i <= 4; i++) /* one in four pieces: what a dividing peer gains */
        flow_ack(&k, 1 + 4 * MSS + i * MSS / 4, 65535);
    T_EQ(cwnd(&k), 12 * MSS);
    peer_end(&k);
}
TWICE(test_congestion_slow_start_grows_by_at_most_a_segment_per_ack)

/* REQ: TCP-MUST-19 */
static void test_congestion_slow_start_doubles_in_a_round_trip(void)
{
    struct peer k;
    uint32_t acked = 1, sent;

    flow_begin_reno(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 300 * MSS);
    sent = flow_take(&k, 1, NULL);
    acked = ack_each(&k, acked, 10, &sent);
    T_EQ(sent - acked, 20 * MSS);
    acked = ack_each(&k, acked, 20, &sent);
    T_EQ(sent - acked, 40 * MSS);
    peer_end(&k);
}

/* REQ: TCP-5681-3.1-6 TCP-MUST-19 */
static void test_congestion_avoidance_adds_a_segment_in_a_round_trip(void)
{
    struct net_config cfg;
    struct peer k;
    uint32_t acked, sent;

    peer_config(&cfg);
    cfg.tcp.frto = false;
    cfg.tcp.cc = (uint8_t)cc_by_name("reno");
    peer_begin_with(&k, &cfg);
    flying(&k, 20, &acked, &sent);
    peer_advance(&k, NET_MS(200)); /* timeout: ssthresh 10 segments */
    peer_forget(&k);
    T_EQ(flow_status(&k).ssthresh, 10 * MSS);
    flow_ack(&k, sent, 65535); /* all had arrived, only the ACKs were late */
    acked = sent;
    sent = flow_take(&k, sent, NULL);
    while (cwnd(&k) < 10 * MSS)
        acked = ack_each(&k, acked, 1, &sent);
    for (uint32_t rtt = 1; rtt <= 10; rtt++) {
        acked = ack_each(&k, acked, (sent - acked) / MSS, &sent);
        T_TRUE(cwnd(&k) <= (10 + rtt) * MSS);
        T_TRUE(cwnd(&k) >= (10 + rtt - 1) * MSS);
    }
    peer_end(&k);
}
TWICE(test_congestion_avoidance_adds_a_segment_in_a_round_trip)

/* REQ: TCP-5681-3.1-7 TCP-5681-3.1-8 TCP-5681-3.1-9 */
static void test_congestion_timeout_halves_once_and_starts_from_one_segment(void)
{
    struct peer k;
    uint32_t acked, sent, segs;

    flow_begin_reno(&k);
    flying(&k, 20, &acked, &sent);
    for (net_time rto = NET_MS(200); rto < NET_SEC(2); rto *= 2) {
        expect_data(&k, ".", acked, MSS, rto);
        expect_nothing(&k, 0);
        T_EQ(cwnd(&k), MSS);
        T_EQ(flow_status(&k).ssthresh, 10 * MSS);
    }
    flow_ack(&k, acked + MSS, 65535);
    T_EQ(cwnd(&k), 2 * MSS);
    T_EQ(flow_take(&k, acked + MSS, &segs), acked + 3 * MSS);
    T_EQ(segs, 2);
    peer_end(&k);
}
TWICE(test_congestion_timeout_halves_once_and_starts_from_one_segment)

/* Half of what is in flight, not of what might be. */
/* REQ: TCP-5681-3.1-7 */
static void test_congestion_ssthresh_is_of_the_flight(void)
{
    struct peer k;
    uint32_t sent;

    flow_begin_reno(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 10 * MSS);
    sent = flow_take(&k, 1, NULL);
    ack_each(&k, 1, 10, &sent);
    T_TRUE(cwnd(&k) > 10 * MSS);
    flow_write(&k, sd, sent, 6 * MSS);
    sent = flow_take(&k, sent, NULL);
    peer_advance(&k, NET_MS(200));
    T_EQ(flow_status(&k).ssthresh, 3 * MSS);
    peer_forget(&k);
    peer_end(&k);

    flow_begin_reno(&k); /* and never below two segments */
    sd = flow_open(&k);
    flow_write(&k, sd, 1, 10);
    flow_take(&k, 1, NULL);
    peer_advance(&k, NET_MS(200));
    T_EQ(flow_status(&k).ssthresh, 2 * MSS);
    peer_forget(&k);
    peer_end(&k);
}

/* An application that sends less than it might proves nothing about the path: cwnd stays. */
static void test_congestion_window_does_not_grow_unused(void)
{
    struct peer k;
    uint32_t seq = 1;

    flow_begin_reno(&k);
    int sd = flow_open(&k);

    for (int i = 0; i < 50; i++, seq += MSS) {
        flow_write(&k, sd, seq, MSS);
        expect_data(&k, "P.", seq, MSS, 0);
        flow_ack(&k, seq + MSS, 65535);
    }
    T_EQ(cwnd(&k), 10 * MSS);
    peer_end(&k);
}

/* Whatever the ACKs do: never more outstanding than min(cwnd, rwnd), but for limited transmit. */
/* REQ: TCP-5681-3.1-10 */
static void test_congestion_flight_stays_within_both_windows(void)
{
    struct net_config cfg;
    struct peer k;
    struct prng random;
    uint32_t acked = 1, sent = 1;
    uint16_t win = 65535;

    prng_seed(&random, 2, 0);
    peer_config(&cfg);
    cfg.tcp.frto = false; /* which lets new data go while it waits for what they tell */
    cfg.tcp.cc = (uint8_t)cc_by_name("reno");
    peer_begin_with(&k, &cfg);
    int sd = flow_open(&k);

    for (int i = 0; i < 2000 && sent < FLOW_MAX; i++) {
        uint32_t limit = cwnd(&k), room = 64 * MSS;
        const struct seen *s;

        if (sent + room < FLOW_MAX)
            sock_send(net_socks(&k.net), sd,
                      flow_bytes(1 + (uint32_t)flow_status(&k).bytes_out, room), room, 0);
        peer_settle(&k);
        limit = cwnd(&k) < win ? cwnd(&k) : win;
        while ((s = peer_next(&k)) != NULL) {
            uint32_t end = s->seq - k.h_iss + s->len;

            flow_check(s, s->seq - k.h_iss);
            if (s->len > 0 && end > sent) { /* new */
                T_NEED(end - acked <= limit);
                sent = end;
            }
        }
        if (prng_chance(&random, 50000)) {
            peer_advance(&k, NET_MS(300)); /* a timeout now and then */
            while ((s = peer_next(&k)) != NULL)
                T_NEED(s->seq - k.h_iss + s->len <= sent);
        }
        uint32_t step = prng_below(&random, 5 * MSS);

        acked += step < sent - acked ? step : sent - acked;
        uint32_t edge = acked + win;

        win = (uint16_t)(20000 + prng_below(&random, 40000));
        if (acked + win < edge && step < edge - acked - win)
            win = (uint16_t)(edge - acked); /* this peer does not shrink it */
        flow_ack(&k, acked, win);
    }
    T_TRUE(sent > 500000);
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_congestion_flight_stays_within_both_windows)

/* REQ: TCP-5681-4.1-1 */
static void test_congestion_restarts_after_idling(void)
{
    struct peer k;
    uint32_t sent, segs;

    flow_begin_reno(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 60 * MSS);
    sent = flow_take(&k, 1, NULL);
    ack_each(&k, 1, 60, &sent);
    T_TRUE(cwnd(&k) >= 25 * MSS);
    peer_advance(&k, NET_SEC(2));
    flow_write(&k, sd, sent, 60 * MSS);
    flow_take(&k, sent, &segs);
    T_EQ(segs, 10);
    peer_end(&k);
}

/* REQ: TCP-5681-3.2-3 TCP-3042-2-1 TCP-3042-2-2 */
static void test_congestion_limited_transmit(void)
{
    struct peer k;
    uint32_t sent;

    flow_begin_reno(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 40 * MSS);
    sent = flow_take(&k, 1, NULL);
    for (int i = 0; i < 2; i++) {
        flow_ack(&k, 1, 65535);
        T_EQ(cwnd(&k), 10 * MSS);
        expect_data(&k, ".", sent, MSS, 0);
        sent += MSS;
        expect_nothing(&k, 0);
    }
    flow_ack(&k, 1, 65535); /* ssthresh: without the two */
    T_EQ(flow_status(&k).ssthresh, 5 * MSS);
    expect_data(&k, ".", 1, MSS, 0);
    expect_nothing(&k, 0);
    peer_end(&k);
}
TWICE(test_congestion_limited_transmit)

/* Not past the peer's window. */
static void test_congestion_limited_transmit_keeps_to_the_window(void)
{
    struct peer k;

    flow_begin_reno(&k);
    int sd = flow_open(&k);

    flow_ack(&k, 1, 10 * MSS);
    flow_write(&k, sd, 1, 40 * MSS);
    flow_take(&k, 1, NULL);
    flow_ack(&k, 1, 10 * MSS);
    flow_ack(&k, 1, 10 * MSS);
    expect_nothing(&k, 0);
    peer_end(&k);
}

/* REQ: TCP-5681-4.3-1 TCP-5681-3.1-9 */
static void test_congestion_a_lost_retransmission_halves_again(void)
{
    struct peer k;
    uint32_t acked, sent;

    flow_begin_reno(&k);
    flying(&k, 20, &acked, &sent);
    for (int i = 0; i < 3; i++)
        flow_ack(&k, acked, 65535);
    T_EQ(flow_status(&k).ssthresh, 10 * MSS);
    peer_advance(&k, NET_MS(300));
    T_EQ(flow_status(&k).ssthresh, 5 * MSS);
    peer_advance(&k, NET_SEC(1)); /* the same once more: not a third time */
    T_EQ(flow_status(&k).ssthresh, 5 * MSS);
    peer_forget(&k);
    peer_end(&k);
}

T_MAIN("tcp_congestion", T(test_congestion_initial_window_is_ten_segments),
       T(test_congestion_initial_window_is_one_when_the_syn_was_lost),
       T_TWICE(test_congestion_slow_start_grows_by_at_most_a_segment_per_ack),
       T(test_congestion_slow_start_doubles_in_a_round_trip),
       T_TWICE(test_congestion_avoidance_adds_a_segment_in_a_round_trip),
       T_TWICE(test_congestion_timeout_halves_once_and_starts_from_one_segment),
       T(test_congestion_ssthresh_is_of_the_flight), T(test_congestion_window_does_not_grow_unused),
       T_TWICE(test_congestion_flight_stays_within_both_windows),
       T(test_congestion_restarts_after_idling), T_TWICE(test_congestion_limited_transmit),
       T(test_congestion_limited_transmit_keeps_to_the_window),
       T(test_congestion_a_lost_retransmission_halves_again))
