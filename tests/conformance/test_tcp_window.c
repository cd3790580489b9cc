#include "base/prng.h"
#include "flow.h"

enum { MSS = FLOW_MSS };

/* ---- the peer's window ---- */

/* REQ: TCP-MUST-1 */
static void test_window_is_unsigned(void)
{
    struct peer k;
    uint32_t sent, acked = 1;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 257", 0); /* 255 * 257 = 65535 */

    flow_write(&k, sd, 1, 400000);
    sent = flow_take(&k, 1, NULL);
    while (sent - acked < 65535) { /* slow start, until the window is what limits */
        T_NEED(acked + 257 <= sent);
        acked += 257;
        flow_ack(&k, acked, 65535);
        T_NEED(flow_take(&k, sent, NULL) > sent || sent - acked < 65535);
        sent = flow_status(&k).in_flight + acked;
    }
    T_EQ(sent - acked, 65535);
    T_TRUE(flow_status(&k).cwnd >= 65535);
    peer_end(&k);
}
TWICE(test_window_is_unsigned)

/* ---- our window ---- */

/* Whatever comes, is read or is changed: the right edge stays or moves right. */
/* REQ: TCP-SHLD-14 */
static void test_window_right_edge_never_moves_left(void)
{
    struct peer k;
    struct prng random;
    uint32_t seq = 1, edge = 0, read = 1, unread = 0;

    prng_seed(&random, 3, 0);
    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460", 30000);

    edge = 1 + 30000;
    for (int i = 0; i < 3000; i++) {
        uint32_t room = edge - seq, len = 1 + prng_below(&random, 1460);
        const struct seen *s;

        if (len > room)
            len = room;
        if (len > 0)
            flow_say(&k, seq, len);
        seq += len;
        unread += len;
        if (prng_chance(&random, 300000) && unread > 0) {
            uint8_t got[4000];
            int n = sock_recv(net_socks(&k.net), sd, got, 1 + prng_below(&random, 3999), 0);

            T_NEED(n > 0);
            T_MEM(got, flow_bytes(read, (uint32_t)n), (size_t)n);
            read += (uint32_t)n;
            unread -= (uint32_t)n;
            peer_settle(&k);
        }
        if (prng_chance(&random, 20000))
            flow_setopt(&k, sd, SOCK_OPT_RCVBUF, 2000 + prng_below(&random, 50000));
        peer_advance(&k, NET_MS(20));
        while ((s = peer_next(&k)) != NULL) {
            uint32_t now = s->ack - k.peer_iss + s->win;

            T_NEED((int32_t)(now - edge) >= 0);
            edge = now;
        }
    }
    T_TRUE(seq > 100000);
    peer_end(&k);
}
TWICE(test_window_right_edge_never_moves_left)

/* ---- both ---- */

/* REQ: TCP-9293-3.4-2 TCP-REC-1 */
static void test_window_ten_kilobytes_each_way(void)
{
    struct peer k;
    uint32_t sent = 1, acked = 1;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 10240);
    for (uint32_t seq = 1; seq < 1 + 10240; seq += 1024) {
        say(&k, .flags = "P.", .seq = seq, .ack = acked, .win = 4000, .data = flow_bytes(seq, 1024),
            .len = 1024);
        for (const struct seen *s; (s = peer_next(&k)) != NULL;) {
            if (s->len > 0) {
                T_EQ(s->seq - k.h_iss, sent);
                flow_check(s, sent);
                sent += s->len;
            }
        }
        flow_read(&k, sd, seq, 1024);
        acked = sent;
    }
    say(&k, .flags = ".", .seq = 10241, .ack = acked, .win = 4000);
    while (acked < 10241) {
        T_NEED((sent = flow_take(&k, sent, NULL)) > acked);
        acked = sent;
        say(&k, .flags = ".", .seq = 10241, .ack = acked, .win = 4000);
    }
    T_EQ(flow_status(&k).rtx_segs, 0);
    peer_end(&k);
}
TWICE(test_window_ten_kilobytes_each_way)

T_MAIN("tcp_window", T_TWICE(test_window_is_unsigned),
       T_TWICE(test_window_right_edge_never_moves_left),
       T_TWICE(test_window_ten_kilobytes_each_way))
