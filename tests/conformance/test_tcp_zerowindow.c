#include "flow.h"

enum { MSS = FLOW_MSS };

/* @len bytes wait before a shut window; nothing is in flight. */
static int shut(struct peer *k, uint32_t len)
{
    int sd = flow_open(k);

    flow_ack(k, 1, 0);
    flow_write(k, sd, 1, len);
    expect_nothing(k, 0);
    return sd;
}

/* A probe has an old number and no data, so that the peer must answer (design.md section 4). */
#define expect_probe(k, after_) expect_tcp((k), .flags = ".", .seq = 0, .ack = 1, .after = (after_))

/* REQ: TCP-MUST-36 TCP-SHLD-29 TCP-SHLD-30 */
static void test_zerowindow_probes_backed_off_until_it_opens(void)
{
    struct peer k;
    net_time rto = NET_MS(200);

    peer_begin(&k);
    shut(&k, 3000);
    for (int i = 0; i < 14; i++) {
        expect_probe(&k, rto);
        if (i % 2 == 0)
            flow_ack(&k, 1, 0); /* answered or not: the intervals double, up to the cap */
        expect_nothing(&k, 0);
        rto = rto * 2 < NET_SEC(120) ? rto * 2 : NET_SEC(120);
    }
    flow_ack(&k, 1, 5000);
    expect_data(&k, ".", 1, MSS, 0);
    expect_data(&k, ".", 1 + MSS, MSS, 0);
    flow_ack(&k, 1 + 2 * MSS, 5000);
    expect_data(&k, "P.", 1 + 2 * MSS, 80, 0);
    flow_ack(&k, 3001, 5000);
    expect_nothing(&k, NET_SEC(1000));
    peer_end(&k);
}
TWICE(test_zerowindow_probes_backed_off_until_it_opens)

/* REQ: TCP-MUST-37 */
static void test_zerowindow_for_a_day(void)
{
    struct peer k;
    uint32_t probes = 0;

    peer_begin(&k);
    shut(&k, 2 * MSS);
    for (net_time since = k.now; k.now - since < NET_SEC(86400); probes++) {
        peer_advance(&k, NET_SEC(60));
        if (peer_forget(&k) > 0)
            flow_ack(&k, 1, 0);
    }
    expect_state(&k, "ESTABLISHED");
    flow_ack(&k, 1, 65535);
    T_EQ(flow_take(&k, 1, NULL), 1 + 2 * MSS);
    peer_end(&k);
}
TWICE(test_zerowindow_for_a_day)

/* REQ: TCP-MUST-20 */
static void test_zerowindow_of_a_dead_peer_ends(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = shut(&k, 100);

    peer_advance(&k, NET_SEC(1200));
    T_TRUE(peer_forget(&k) > 8);
    expect_state(&k, "CLOSED");
    T_EQ(peer_recv(&k, sd), -ETIMEDOUT);
    peer_end(&k);
}

/* REQ: TCP-MUST-35 */
static void test_zerowindow_with_data_in_flight(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 4 * MSS);
    T_EQ(flow_take(&k, 1, NULL), 1 + 4 * MSS);
    flow_ack(&k, 1 + 2 * MSS, 0); /* the window has shrunk: the rest was thrown away */
    expect_data(&k, ".", 1 + 2 * MSS, MSS, NET_MS(200));
    flow_ack(&k, 1 + 2 * MSS, 0);
    expect_data(&k, ".", 1 + 2 * MSS, MSS, NET_MS(400));
    flow_ack(&k, 1 + 2 * MSS, 0);
    peer_advance(&k, NET_MS(100));
    flow_ack(&k, 1 + 2 * MSS, 65535); /* open: at once */
    expect_data(&k, ".", 1 + 2 * MSS, MSS, 0);
    expect_nothing(&k, 0);
    flow_ack(&k, 1 + 3 * MSS, 65535);
    expect_data(&k, "P.", 1 + 3 * MSS, MSS, 0);
    flow_ack(&k, 1 + 4 * MSS, 65535);
    expect_nothing(&k, NET_SEC(100));
    peer_end(&k);
}
TWICE(test_zerowindow_with_data_in_flight)

/* A FIN takes no room: it does not wait for the window, and goes with the last byte otherwise. */
static void test_zerowindow_fin_waits_for_its_data(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = shut(&k, 100);

    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    expect_nothing(&k, NET_MS(199));
    expect_probe(&k, NET_MS(1));
    flow_ack(&k, 1, 65535);
    expect_data(&k, "FP.", 1, 100, 0);
    peer_end(&k);
}

/* ---- ours is shut ---- */

enum { WND = 5000 };

/* The peer has filled the window. */
static int full(struct peer *k)
{
    int sd = flow_open_with(k, "mss 1460", WND);

    for (uint32_t seq = 1; seq < 1 + WND; seq += 1000)
        flow_say(k, seq, 1000);
    peer_forget(k);
    T_EQ(flow_status(k).rcv_wnd, 0);
    return sd;
}

/* REQ: TCP-9293-3.8.6.1-1 TCP-MAY-8 */
static void test_zerowindow_ours_answers_probes(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = full(&k);

    for (int i = 0; i < 30; i++) { /* with a byte, as 4.4BSD probes */
        flow_say(&k, 1 + WND, 1);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1 + WND, .win = PEER_WIN_0);
        say(&k, .flags = ".", .seq = WND, .ack = 1, .win = 65535); /* without, as Linux does */
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1 + WND, .win = PEER_WIN_0);
        expect_nothing(&k, NET_SEC(120));
    }
    flow_read(&k, sd, 1, WND);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1 + WND, .win = WND);
    flow_say(&k, 1 + WND, 1); /* now there is room */
    flow_read(&k, sd, 1 + WND, 1);
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_zerowindow_ours_answers_probes)

/* REQ: TCP-MUST-66 */
static void test_zerowindow_ours_takes_a_reset(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = full(&k);
    uint8_t got[WND];

    say(&k, .flags = "R.", .seq = 1 + WND, .ack = 1);
    expect_nothing(&k, 0);
    expect_state(&k, "CLOSED");
    T_EQ(sock_recv(net_socks(&k.net), sd, got, WND, 0), WND);
    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    peer_end(&k);
}
TWICE(test_zerowindow_ours_takes_a_reset)

/* The ACK in a segment whose data there is no room for still counts (section 3.10.7.4). */
/* REQ: TCP-9293-3.4-1 */
static void test_zerowindow_ours_takes_an_ack(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = full(&k);

    flow_write(&k, sd, 1, 10);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1 + WND, .len = 10, .win = PEER_WIN_0);
    say(&k, .flags = ".", .seq = 1 + WND, .ack = 11, .win = 65535, .len = 100);
    T_EQ(flow_status(&k).in_flight, 0);
    expect_tcp(&k, .flags = ".", .seq = 11, .ack = 1 + WND, .win = PEER_WIN_0);
    flow_read(&k, sd, 1, WND);
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_zerowindow_ours_takes_an_ack)

T_MAIN("tcp_zerowindow", T_TWICE(test_zerowindow_probes_backed_off_until_it_opens),
       T_TWICE(test_zerowindow_for_a_day), T(test_zerowindow_of_a_dead_peer_ends),
       T_TWICE(test_zerowindow_with_data_in_flight), T(test_zerowindow_fin_waits_for_its_data),
       T_TWICE(test_zerowindow_ours_answers_probes), T_TWICE(test_zerowindow_ours_takes_a_reset),
       T_TWICE(test_zerowindow_ours_takes_an_ack))
