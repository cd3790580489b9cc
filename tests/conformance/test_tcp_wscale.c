/* What test_tcp_options.c leaves: large windows, and ours. */
#include "base/prng.h"
#include "flow.h"

/* REQ: TCP-REC-1 TCP-7323-2.3-1 TCP-7323-2.3-2 */
static void test_wscale_largest_window(void)
{
    static const char *const opts[] = {"mss 1460,nop,wscale 14", "mss 1460,nop,wscale 15",
                                       "mss 1460,nop,wscale 255"};

    for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = flow_open_with(&k, opts[i], 0);

        T_EQ(flow_status(&k).snd_wnd, 65535u << 14);
        flow_write(&k, sd, 1, 20000);
        T_EQ(flow_take(&k, 1, NULL), 1 + 10 * FLOW_MSS);
        flow_ack(&k, 1 + 10 * FLOW_MSS, 1);
        T_EQ(flow_status(&k).snd_wnd, 1u << 14);
        T_EQ(flow_take(&k, 1 + 10 * FLOW_MSS, NULL), 1 + 13 * FLOW_MSS);
        peer_end(&k);
    }
}
TWICE(test_wscale_largest_window)

/* Ours, with writes and reads of odd sizes: it goes back by less than a unit of the scale at most,
 * where the buffer has no room to round up (RFC 7323 section 2.4), all that was ever promised is
 * taken, and no trickle pushes the edge beyond the buffer. */
/* REQ: TCP-7323-2.3-1 TCP-7323-2.4-2 */
static void test_wscale_our_edge_keeps_its_promises(void)
{
    struct peer k;
    struct prng random;
    uint32_t seq = 1, read = 1, edge = 1 + 65535;

    prng_seed(&random, 4, 0);
    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460,nop,wscale 7", 100000);

    T_EQ(flow_status(&k).rcv_wnd_shift, 8);
    for (int i = 0; i < 4000; i++) {
        uint32_t len = 1 + prng_below(&random, 1460);
        uint8_t got[3000];

        if (len > edge - seq)
            len = edge - seq;
        if (len > 0)
            flow_say(&k, seq, len);
        seq += len;
        if (prng_chance(&random, 400000) && read < seq) {
            int n = sock_recv(net_socks(&k.net), sd, got, 1 + prng_below(&random, 2999), 0);

            T_NEED(n > 0);
            T_MEM(got, flow_bytes(read, (uint32_t)n), (size_t)n);
            read += (uint32_t)n;
            peer_settle(&k);
        }
        peer_advance(&k, NET_MS(20));
        for (const struct seen *s; (s = peer_next(&k)) != NULL;) {
            uint32_t now = s->ack - k.peer_iss + ((uint32_t)s->win << 8);

            T_NEED(s->ack - k.peer_iss == seq);
            T_NEED((int32_t)(now - edge) > -256);
            T_NEED(now < read + 100000 + 256);
            edge = now > edge ? now : edge;
        }
    }
    T_TRUE(seq > 500000);
    peer_end(&k);
}
TWICE(test_wscale_our_edge_keeps_its_promises)

/* The default buffer is 256 KiB, and after the handshake the peer may fill all of it. */
/* REQ: TCP-7323-2.2-3 TCP-7323-2.3-1 */
static void test_wscale_our_window(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    say(&k, .flags = "S", .win = 65535, .opts = "mss 1460,nop,wscale 7");
    expect_tcp(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460,nop,wscale 8");
    flow_ack(&k, 1, 65535);
    peer_accept(&k, listener);
    flow_say(&k, 1, 1000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1001, .win = (262144 - 1000) >> 8);
    peer_end(&k);
}
TWICE(test_wscale_our_window)

T_MAIN("tcp_wscale", T_TWICE(test_wscale_largest_window),
       T_TWICE(test_wscale_our_edge_keeps_its_promises), T_TWICE(test_wscale_our_window))
