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

/* REQ: TCP-MUST-34 TCP-SHLD-15 TCP-SHLD-16 TCP-MAY-7 */
static void test_window_that_shrinks_below_what_was_sent(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1000", 0);

    flow_ack(&k, 1, 10000);
    flow_write(&k, sd, 1, 30000);
    T_EQ(flow_take(&k, 1, NULL), 10001);
    flow_ack(&k, 1, 2000); /* usable: minus 8000 */
    flow_write(&k, sd, 30001, 1000);
    expect_nothing(&k, NET_MS(199));
    expect_data(&k, ".", 1, 1000, NET_MS(1)); /* the old data go again as ever */
    flow_ack(&k, 2001, 2000);                 /* they had arrived as far as the window went */
    expect_data(&k, ".", 2001, 1000, 0);
    expect_data(&k, ".", 3001, 1000, 0);
    expect_nothing(&k, 0);
    flow_ack(&k, 4001, 0); /* and shut */
    expect_nothing(&k, NET_MS(199));
    flow_ack(&k, 10001, 20000); /* open again, all had arrived after all */
    uint32_t seq = 10001, end;

    while ((end = flow_take(&k, seq, NULL)) > seq) {
        seq = end;
        flow_ack(&k, seq, 20000);
    }
    T_EQ(seq, 31001);
    peer_end(&k);
}
TWICE(test_window_that_shrinks_below_what_was_sent)

/* REQ: TCP-SHLD-17 TCP-MUST-35 */
static void test_window_shrunken_to_nothing_does_not_time_out(void)
{
    struct peer k;
    uint32_t n = 0;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1000", 0);

    flow_setopt(&k, sd, SOCK_OPT_USER_TIMEOUT, 200000);
    flow_write(&k, sd, 1, 20000);
    T_EQ(flow_take(&k, 1, NULL), 10001);
    flow_ack(&k, 1, 0);
    for (net_time since = k.now; k.now - since < NET_SEC(3600); n++) {
        peer_advance(&k, NET_SEC(1));
        if (peer_forget(&k) > 0)
            flow_ack(&k, 1, 0); /* every attempt is answered */
    }
    expect_state(&k, "ESTABLISHED");
    flow_ack(&k, 1, 20000);
    uint32_t seq = 1, end;

    while ((end = flow_take(&k, seq, NULL)) > seq) {
        seq = end;
        flow_ack(&k, seq, 20000);
    }
    T_EQ(seq, 20001);
    peer_end(&k);
}
TWICE(test_window_shrunken_to_nothing_does_not_time_out)

/* REQ: TCP-9293-3.8.6-1 */
static void test_window_of_the_newest_segment_counts(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 2 * MSS);
    flow_take(&k, 1, NULL);
    /* Newer by SEG.SEQ, then the older one. */
    say(&k, .flags = "P.", .seq = 11, .ack = 1, .win = 3000, .data = flow_bytes(11, 10), .len = 10);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 5000, .data = flow_bytes(1, 10), .len = 10);
    T_EQ(flow_status(&k).snd_wnd, 3000);
    peer_forget(&k);
    /* Newer by SEG.ACK, then the older one. */
    say(&k, .flags = ".", .seq = 21, .ack = 1 + 2 * MSS, .win = 7000);
    say(&k, .flags = ".", .seq = 21, .ack = 1 + MSS, .win = 9000);
    T_EQ(flow_status(&k).snd_wnd, 7000);
    say(&k, .flags = ".", .seq = 21, .ack = 1 + 2 * MSS, .win = 9000); /* equal: newer */
    T_EQ(flow_status(&k).snd_wnd, 9000);
    peer_end(&k);
}
TWICE(test_window_of_the_newest_segment_counts)

/* ---- our window ---- */

enum { WND = 5000 };

/* A connection with a window of WND bytes, of which @used are taken, and 10 bytes in flight. */
static int small_window(struct peer *k, uint32_t used)
{
    int sd = flow_open_with(k, "mss 1460", WND);
    uint32_t seq = 1;

    while (seq <= used) {
        uint32_t n = used + 1 - seq < MSS ? used + 1 - seq : MSS;

        flow_say(k, seq, n);
        seq += n;
    }
    peer_forget(k);
    flow_write(k, sd, 1, 10);
    expect_tcp(k, .flags = "P.", .seq = 1, .ack = seq, .len = 10);
    return sd;
}

/* REQ: TCP-9293-3.4-1 TCP-9293-3.5.2-3 */
static void test_window_acceptability(void)
{
    static const struct {
        uint32_t used; /* of the window */
        int32_t off;   /* of SEG.SEQ from RCV.NXT */
        uint32_t len;
        bool ok;
    } cases[] = {
        {0,    0,          0,    true },
        {0,    -1,         0,    false},
        {0,    WND - 1,    0,    true },
        {0,    WND,        0,    false},
        {0,    0,          1,    true },
        {0,    -1,         1,    false},
        {0,    -1,         2,    true },
        {0,    -1460,      1460, false},
        {0,    WND - 1,    1,    true },
        {0,    WND,        1,    false},
        {0,    WND - 1,    1460, true },
        {4000, -1,         1400, true }, /* over both edges */
        {0,    1 << 30,    1,    false},
        {0,    -(1 << 30), 1,    false},
        {WND,  0,          0,    true },
        {WND,  -1,         0,    false},
        {WND,  1,          0,    false},
        {WND,  1,          1,    false},
        {WND,  -1,         1,    false},
        {WND,  -1,         2,    false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer k;
        uint32_t next = 1 + cases[i].used, seq = next + (uint32_t)cases[i].off;

        peer_begin(&k);
        small_window(&k, cases[i].used);
        say(&k, .flags = ".", .seq = seq, .ack = 11, .win = 65535,
            .data = flow_bytes(seq, cases[i].len), .len = cases[i].len);
        T_EQ(flow_status(&k).in_flight, cases[i].ok ? 0 : 10);
        if (!cases[i].ok) { /* an ACK, and nothing else has happened */
            expect_tcp(&k, .flags = ".", .seq = 11, .ack = next);
            expect_nothing(&k, 0);
        }
        expect_state(&k, "ESTABLISHED");
        peer_forget(&k);
        peer_end(&k);
    }
}
TWICE(test_window_acceptability)

/* REQ: TCP-9293-3.10.7.4-6 */
static void test_window_trims_both_edges(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = small_window(&k, 4000);
    uint8_t liar[1460];

    /* 100 old bytes that say something else now, the last 1000 of the window, and 300 more. */
    memcpy(liar, flow_bytes(3901, 1400), 1400);
    memset(liar, 0xff, 100);
    say(&k, .flags = ".", .seq = 3901, .ack = 11, .win = 65535, .data = liar, .len = 1400);
    expect_tcp(&k, .flags = ".", .seq = 11, .ack = 5001, .win = PEER_WIN_0);
    flow_read(&k, sd, 1, 5000);
    expect_tcp(&k, .flags = ".", .seq = 11, .ack = 5001, .win = WND);
    flow_say(&k, 5001, 300); /* what was cut off comes again */
    flow_read(&k, sd, 5001, 300);
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_window_trims_both_edges)

/* A FIN that lies beyond the window goes with the bytes that are cut off. */
/* REQ: TCP-9293-3.10.7.4-6 TCP-9293-3.10.7.4-7 */
static void test_window_trims_a_fin(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = small_window(&k, 4000);

    say(&k, .flags = "F.", .seq = 4001, .ack = 11, .win = 65535, .data = flow_bytes(4001, 1200),
        .len = 1200);
    expect_tcp(&k, .flags = ".", .seq = 11, .ack = 5001, .win = PEER_WIN_0);
    expect_state(&k, "ESTABLISHED");
    flow_read(&k, sd, 1, 5000);
    peer_forget(&k);
    say(&k, .flags = "F.", .seq = 4001, .ack = 11, .win = 65535, .data = flow_bytes(4001, 1200),
        .len = 1200);
    expect_tcp(&k, .flags = ".", .seq = 11, .ack = 5202);
    expect_state(&k, "CLOSE_WAIT");
    flow_read(&k, sd, 5001, 200);
    peer_end(&k);
}
TWICE(test_window_trims_a_fin)

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
       T_TWICE(test_window_that_shrinks_below_what_was_sent),
       T_TWICE(test_window_shrunken_to_nothing_does_not_time_out),
       T_TWICE(test_window_of_the_newest_segment_counts), T_TWICE(test_window_acceptability),
       T_TWICE(test_window_trims_both_edges), T_TWICE(test_window_trims_a_fin),
       T_TWICE(test_window_right_edge_never_moves_left),
       T_TWICE(test_window_ten_kilobytes_each_way))
