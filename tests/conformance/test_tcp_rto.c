#include "base/prng.h"
#include "flow.h"

/* RFC 6298 (2.2), (2.3) once more, in floating point. */
struct model {
    double srtt, rttvar, rto;
};

static void model_sample(struct model *m, double rtt)
{
    if (m->srtt == 0) {
        m->srtt = rtt;
        m->rttvar = rtt / 2;
    } else {
        double off = m->srtt > rtt ? m->srtt - rtt : rtt - m->srtt;

        m->rttvar = 0.75 * m->rttvar + 0.25 * off;
        m->srtt = 0.875 * m->srtt + 0.125 * rtt;
    }
    m->rto = m->srtt + (4 * m->rttvar > 1e6 ? 4 * m->rttvar : 1e6); /* G: 1 ms */
    if (m->rto < 200e6)
        m->rto = 200e6;
}

/* One byte there, and its ACK back after @rtt. */
static uint32_t round_trip(struct peer *k, int sd, uint32_t seq, net_time rtt)
{
    flow_write(k, sd, seq, 1);
    expect_data(k, "P.", seq, 1, 0);
    peer_advance(k, rtt);
    flow_ack(k, seq + 1, 65535);
    return seq + 1;
}

/* REQ: TCP-6298-2.2-1 TCP-MUST-18 */
static void test_rto_of_the_first_sample(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(400), "mss 1460");

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    expect_data(&k, "P.", 1, 10, NET_MS(1200)); /* 400 + 4 * 200 */
    peer_end(&k);
}

/* REQ: TCP-6298-2.2-1 */
static void test_rto_of_the_first_sample_of_a_passive_open(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = syn_rcvd(&k);

    peer_advance(&k, NET_MS(300));
    flow_ack(&k, 1, 65535);
    int sd = peer_accept(&k, listener);

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    expect_data(&k, "P.", 1, 10, NET_MS(900));
    peer_end(&k);
}

/* REQ: TCP-6298-2.3-1 */
static void test_rto_of_three_samples(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(400), "mss 1460");
    uint32_t seq = round_trip(&k, sd, 1, NET_MS(800));

    T_EQ(flow_status(&k).rto, NET_MS(1450)); /* 450 + 4 * 250 */
    seq = round_trip(&k, sd, seq, NET_MS(400));
    flow_write(&k, sd, seq, 10);
    expect_data(&k, "P.", seq, 10, 0);
    expect_data(&k, "P.", seq, 10, NET_US(1243750)); /* 443.75 + 4 * 200 */
    peer_end(&k);
}

/* REQ: TCP-6298-1-1 TCP-6298-2.3-1 TCP-6298-3-2 */
static void test_rto_follows_the_model(void)
{
    struct peer k;
    struct prng random;
    struct model m = {0};
    uint32_t seq = 1;

    prng_seed(&random, 1, 0);
    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(50), "mss 1460");

    model_sample(&m, 50e6);
    for (unsigned i = 0; i < 400; i++) {
        net_time base = i < 200 ? NET_MS(20) : NET_MS(700); /* the path changes once */
        net_time rtt = base + (net_time)(prng_u32(&random) % 100000000);

        if ((double)rtt > m.rto - 2000)
            rtt = (net_time)m.rto - 2000;
        seq = round_trip(&k, sd, seq, rtt);
        model_sample(&m, (double)rtt);
        net_time rto = flow_status(&k).rto;

        T_NEED((double)rto > m.rto - 1000 && (double)rto < m.rto + 1000);
    }
    peer_end(&k);
}

/* REQ: TCP-6298-2.4-1 */
static void test_rto_has_a_floor(void)
{
    struct peer k;
    uint32_t seq = 1;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(10), "mss 1460");

    for (int i = 0; i < 30; i++)
        seq = round_trip(&k, sd, seq, NET_MS(10));
    flow_write(&k, sd, seq, 10);
    expect_data(&k, "P.", seq, 10, 0);
    expect_data(&k, "P.", seq, 10, NET_MS(200)); /* a documented deviation from one second */
    peer_end(&k);
}

/* REQ: TCP-6298-4-1 */
static void test_rto_is_above_a_constant_rtt(void)
{
    struct peer k;
    uint32_t seq = 1;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(500), "mss 1460");

    for (int i = 0; i < 100; i++)
        seq = round_trip(&k, sd, seq, NET_MS(500));
    struct tcp_status s = flow_status(&k);

    T_TRUE(s.rttvar < NET_US(1));
    T_EQ(s.rto, s.srtt + NET_MS(1)); /* G */
    peer_end(&k);
}

/* REQ: TCP-6298-2.5-1 */
static void test_rto_has_a_ceiling(void)
{
    struct peer k;
    net_time rto = NET_MS(200);

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_USER_TIMEOUT, 86400 * 1000);
    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    for (int i = 0; i < 20; i++) {
        expect_data(&k, "P.", 1, 10, rto);
        rto = rto * 2 < NET_SEC(120) ? rto * 2 : NET_SEC(120);
    }
    peer_end(&k);
}

/* REQ: TCP-MUST-18 TCP-6298-3-1 */
static void test_rto_takes_no_sample_from_what_was_sent_again(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(100), "mss 1460"); /* RTO 300 ms */
    struct tcp_status before = flow_status(&k), after;

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    expect_data(&k, "P.", 1, 10, NET_MS(300));
    peer_advance(&k, NET_MS(50));
    flow_ack(&k, 11, 65535);
    after = flow_status(&k);
    T_EQ(after.srtt, before.srtt);
    T_EQ(after.rttvar, before.rttvar);
    flow_write(&k, sd, 11, 10); /* still backed off */
    expect_data(&k, "P.", 11, 10, 0);
    expect_data(&k, "P.", 11, 10, NET_MS(600));
    expect_data(&k, "P.", 11, 10, NET_MS(1200));
    flow_ack(&k, 21, 65535);
    round_trip(&k, sd, 21, NET_MS(100));    /* a fresh sample: collapsed */
    T_EQ(flow_status(&k).rto, NET_MS(250)); /* 100 + 4 * 37.5 */
    peer_end(&k);
}

/* REQ: TCP-MUST-18 TCP-6298-3-1 */
static void test_rto_takes_no_sample_from_a_fast_retransmission(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(100), "mss 1460");
    net_time before = flow_status(&k).srtt;

    flow_write(&k, sd, 1, 5 * FLOW_MSS);
    T_EQ(flow_take(&k, 1, NULL), 1 + 5 * FLOW_MSS);
    peer_advance(&k, NET_MS(250));
    for (int i = 0; i < 3; i++)
        flow_ack(&k, 1, 65535);
    expect_data(&k, ".", 1, FLOW_MSS, 0);
    peer_advance(&k, NET_MS(10));
    flow_ack(&k, 1 + 5 * FLOW_MSS, 65535);
    T_EQ(flow_status(&k).srtt, before);
    peer_end(&k);
}

/* REQ: TCP-6298-3-1 TCP-7323-4.1-1 */
static void test_rto_timestamps_tell_which_one_was_answered(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(100), "mss 1460,nop,nop,TS");
    net_time before = flow_status(&k).srtt;

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    expect_data(&k, "P.", 1, 10, NET_MS(300));
    peer_advance(&k, NET_MS(20));
    flow_ack(&k, 11, 65535); /* TSecr is that of the second transmission */
    T_EQ(flow_status(&k).srtt, (before * 7 + NET_MS(20)) / 8);
    peer_end(&k);
}

/* REQ: TCP-6298-5.1-1 */
static void test_rto_a_second_write_does_not_restart_the_timer(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_NODELAY, 1);
    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    peer_advance(&k, NET_MS(100));
    flow_write(&k, sd, 11, 10);
    expect_data(&k, "P.", 11, 10, 0);
    expect_data(&k, "P.", 1, 20, NET_MS(100));
    peer_end(&k);
}

/* REQ: TCP-6298-5.2-1 TCP-6298-5.3-1 TCP-6298-5-1 */
static void test_rto_an_ack_restarts_and_the_last_one_stops_the_timer(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 2 * FLOW_MSS);
    flow_take(&k, 1, NULL);
    peer_advance(&k, NET_MS(150));
    flow_ack(&k, 1 + FLOW_MSS, 65535);
    net_time rto = flow_status(&k).rto;

    expect_data(&k, "P.", 1 + FLOW_MSS, FLOW_MSS, rto); /* from that ACK on */
    flow_ack(&k, 1 + 2 * FLOW_MSS, 65535);
    expect_nothing(&k, NET_SEC(1000));
    peer_end(&k);
}

/* REQ: TCP-6298-5.7-1 TCP-6298-2.1-1 */
static void test_rto_is_three_seconds_when_the_syn_was_lost(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);

    expect_tcp(&k, .flags = "S", .after = NET_SEC(1));
    say(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    expect_data(&k, "P.", 1, 10, NET_SEC(3));
    peer_end(&k);
}

/* REQ: TCP-6298-5.7-1 */
static void test_rto_is_three_seconds_when_the_syn_ack_was_lost(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = syn_rcvd(&k);

    expect_tcp(&k, .flags = "S.", .ack = 1, .after = NET_SEC(1));
    flow_ack(&k, 1, 65535);
    int sd = peer_accept(&k, listener);

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    expect_data(&k, "P.", 1, 10, NET_SEC(3));
    peer_end(&k);
}

T_MAIN("tcp_rto", T(test_rto_of_the_first_sample),
       T(test_rto_of_the_first_sample_of_a_passive_open), T(test_rto_of_three_samples),
       T(test_rto_follows_the_model), T(test_rto_has_a_floor), T(test_rto_is_above_a_constant_rtt),
       T(test_rto_has_a_ceiling), T(test_rto_takes_no_sample_from_what_was_sent_again),
       T(test_rto_takes_no_sample_from_a_fast_retransmission),
       T(test_rto_timestamps_tell_which_one_was_answered),
       T(test_rto_a_second_write_does_not_restart_the_timer),
       T(test_rto_an_ack_restarts_and_the_last_one_stops_the_timer),
       T(test_rto_is_three_seconds_when_the_syn_was_lost),
       T(test_rto_is_three_seconds_when_the_syn_ack_was_lost))
