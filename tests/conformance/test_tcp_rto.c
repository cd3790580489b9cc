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
    m->rto = m->srtt + (4 * m->rttvar > 200e6 ? 4 * m->rttvar : 200e6);
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

        T_NEED((double)rto > m.rto - 2000 && (double)rto < m.rto + 1000); /* in whole us */
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
    expect_data(&k, "P.", seq, 10, NET_MS(210)); /* a documented deviation from one second */
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

T_MAIN("tcp_rto", T(test_rto_follows_the_model), T(test_rto_has_a_floor),
       T(test_rto_takes_no_sample_from_a_fast_retransmission))
