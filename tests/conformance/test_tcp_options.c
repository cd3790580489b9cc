#include "peer.h"

/* The MSS of H's segments after a handshake with @opts. */
static uint32_t payload_after(const char *opts)
{
    static char data[20000];
    uint32_t longest = 0;
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, opts);
    int sd = peer_accept(&k, listener);

    T_EQ(sock_send(net_socks(&k.net), sd, data, sizeof(data), 0), sizeof(data));
    for (const struct seen *s; (s = peer_next(&k)) != NULL;)
        longest = s->len > longest ? s->len : longest;
    peer_end(&k);
    return longest;
}

/* REQ: TCP-MUST-4 TCP-MUST-5 TCP-MUST-6 TCP-MUST-14 TCP-MUST-15 TCP-MUST-16 TCP-MUST-64 TCP-7323-A-1 */
static void test_tcp_options_mss(void)
{
    static const struct {
        const char *opts;
        uint32_t payload;
    } c[] = {
        {"mss 1000",                 1000},
        {"",                         536 }, /* none: the default */
        {"nop,nop,mss 600,eol",      600 },
        {"mss 9000",                 1460}, /* ours is smaller */
        {"mss 9000,nop,nop,TS",      1448}, /* options are taken off */
        {"mss 500,nop,nop,TS",       488 },
        {"hex fd06aabbccdd,mss 600", 600 }, /* unknown, skipped by its length */
        {"hex fd02,mss 700",         700 },
        {"wscale 0,mss 800",         800 }, /* at an odd place */
        {"nop,mss 801",              801 },
        {"mss 600,mss 700",          700 }, /* the last counts */
        {"eol,mss 1400",             536 }, /* behind the end there is nothing */
        {"mss 600,eol,hex fd00ff",   600 },
        {"mss 0",                    88  }, /* a floor, so that segments carry something */
        {"mss 1",                    88  },
        {"mss 47",                   88  },
        {"mss 88",                   88  },
        {"mss 65535",                1460},
        {"mss 0,nop,nop,TS",         76  },
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        T_EQ(payload_after(c[i].opts), c[i].payload);
}

/* The same for the one who connects: no MSS in the SYN,ACK is 536. REQ: TCP-MUST-15 TCP-MUST-16 */
static void test_tcp_options_mss_active(void)
{
    static const struct {
        const char *opts;
        uint32_t mss;
    } c[] = {
        {"",                    536 },
        {"mss 700",             700 },
        {"mss 9000",            1460},
        {"mss 9000,nop,nop,TS", 1448}
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        static char data[4000];
        struct peer k;

        peer_begin(&k);
        int sd = syn_sent(&k);

        say(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = c[i].opts);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
        peer_write(&k, sd, data, sizeof(data));
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .len = c[i].mss);
        peer_end(&k);
    }
}

/* Lengths that cannot be: the segment is refused, and the next good one is not. REQ: TCP-MUST-7 */
static void test_tcp_options_illegal_length(void)
{
    static const char *const bad[] = {
        "hex 02000000", /* MSS of length 0 */
        "hex 02010000", /* 1 */
        "hex 02020000", /* too short for an MSS */
        "hex 02030500",
        "hex 0205aabbcc000000",
        "hex 0228aabb", /* past the header */
        "hex 03020000",
        "hex 03040000",
        "hex 04030000",
        "hex 04010000",
        "hex 0809aabbccddeeff11000000",
        "hex 080affff",
        "hex fd000000",
        "hex fd010000",
        "hex fdff0000",
        "nop,nop,nop,hex 02",
        "nop,nop,nop,hex fd",
        "hex 05020000",
        "hex 0509aabbccddeeff11000000",
    };
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        say(&k, .flags = "S", .win = 1000, .opts = bad[i]);
        expect_nothing(&k, 0);
        T_EQ(peer_drops(&k, V_DROP_TCP_OPTION), i + 1);
    }
    T_EQ(net_connections(&k.net), 0);
    handshake(&k, "mss 1460");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .len = 3, .opts = bad[i]);
        expect_nothing(&k, 0);
    }
    T_EQ(peer_drops(&k, V_DROP_TCP_OPTION), 2 * ARRAY_LEN(bad));
    int sd = peer_accept(&k, listener);

    T_EQ(peer_recv(&k, sd), -EAGAIN);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_read(&k, sd, "abc");
    peer_end(&k);
}

/* Options of all kinds on all kinds of segments make no difference. REQ: TCP-MUST-5 TCP-MUST-6 */
static void test_tcp_options_anywhere(void)
{
    static const char *const opts[] = {
        "hex fd06aabbccdd", "mss 600",          "wscale 3", "sackOK",
        "nop,nop,nop,nop",  "hex fd02,nop,nop", "eol",      "nop,nop,TS",
    };

    for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = established(&k);

        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 60000, .opts = opts[i]);
        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 60000, .data = "abc", .len = 3,
            .opts = opts[i]);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4, .opts = "");
        struct tcp_status s;

        T_NEED(peer_status(&k, &s));
        T_EQ(s.snd_wnd, 60000); /* a scale that comes too late is none */
        T_EQ(s.mss, 1460);
        peer_read(&k, sd, "abc");
        if (i % 2 == 0) {
            say(&k, .flags = "F.", .seq = 4, .ack = 1, .win = 60000, .opts = opts[i]);
            expect_tcp(&k, .flags = ".", .seq = 1, .ack = 5, .opts = "");
            expect_state(&k, "CLOSE_WAIT");
        } else {
            say(&k, .flags = "R", .seq = 4, .win = 0, .opts = opts[i]);
            expect_state(&k, "CLOSED");
        }
        peer_end(&k);
    }
}
TWICE(test_tcp_options_anywhere)

static void test_tcp_options_data_offset(void)
{
    static const uint8_t bad[] = {1, 2, 3, 4, 6, 7, 15};
    struct peer k;

    peer_begin(&k);
    peer_listen(&k, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        say(&k, .flags = "S", .win = 1000, .data_offset = bad[i]); /* the segment has 5 words */
    expect_nothing(&k, NET_SEC(1));
    T_EQ(peer_drops(&k, V_DROP_TCP_HEADER_LENGTH), ARRAY_LEN(bad));
    T_EQ(net_connections(&k.net), 0);
    peer_end(&k);
}

/* REQ: TCP-MUST-67 TCP-MAY-3 */
static void test_tcp_options_mss_follows_mtu(void)
{
    static const uint16_t mtu[] = {576, 1500, 9000};

    for (size_t i = 0; i < ARRAY_LEN(mtu); i++) {
        struct net_config cfg;
        struct peer k;

        peer_config(&cfg);
        cfg.ifs[0].mtu = mtu[i];
        peer_begin_with(&k, &cfg);
        syn_sent(&k);
        T_EQ(k.last.mss, mtu[i] - 40);
        peer_tuple(&k, 50000, H_PORT);
        peer_listen(&k, 0);
        say(&k, .flags = "S", .win = 1000, .opts = "mss 1460");
        expect_tcp(&k, .flags = "S.", .ack = 1);
        T_EQ(k.last.mss, mtu[i] - 40);
        peer_end(&k);
    }
}

/* What the SYN offers, the SYN,ACK may, and nothing else; in the order that packetdrill scripts
 * expect. REQ: TCP-7323-2.2-1 TCP-7323-3.2-1 TCP-7323-3.2-4 */
static void test_tcp_options_syn_ack_mirrors(void)
{
    struct peer k;

    peer_begin(&k);
    peer_listen(&k, 0);
    static const struct {
        const char *offer;
        bool ts, wscale;
    } c[] = {
        {"mss 1460",                         false, false},
        {"mss 1460,nop,nop,TS",              true,  false},
        {"mss 1460,nop,wscale 7",            false, true },
        {"mss 1460,nop,nop,TS,nop,wscale 7", true,  true },
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        peer_tuple(&k, (uint16_t)(1000 + i), H_PORT);
        k.tsval = 777;
        say(&k, .flags = "S", .win = 1000, .opts = c[i].offer);
        expect_tcp(&k, .flags = "S.", .ack = 1);
        T_EQ(k.last.has_ts, c[i].ts);
        T_EQ(k.last.has_wscale, c[i].wscale);
        T_EQ(k.last.tsecr, c[i].ts ? 777 : 0);
        T_EQ(k.last.wscale, c[i].wscale ? 8 : 0);
    }
    peer_tuple(&k, PEER_PORT, 5000);
    peer_connect(&k);
    expect_tcp(&k, .flags = "S");
    T_TRUE(k.last.has_ts && k.last.has_wscale);
    T_EQ(k.last.tsecr, 0);
    peer_end(&k);
}

/* What the host is told not to use it neither offers nor agrees to. REQ: TCP-7323-2.2-2 */
static void test_tcp_options_switched_off(void)
{
    struct net_config cfg;
    struct tcp_status s;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.timestamps = cfg.tcp.window_scaling = cfg.tcp.sack = false;
    peer_begin_with(&k, &cfg);
    peer_connect(&k);
    expect_tcp(&k, .flags = "S", .opts = "mss 1460");
    say(&k, .flags = "S.", .ack = 1, .win = 1000, .opts = "mss 1460,nop,nop,TS,nop,wscale 7");
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .opts = "");
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 500);
    T_NEED(peer_status(&k, &s));
    T_EQ(s.snd_wnd, 500);
    peer_tuple(&k, 50000, H_PORT);
    peer_listen(&k, 0);
    say(&k, .flags = "S", .win = 1000, .opts = "mss 1460,nop,nop,TS,nop,wscale 7");
    expect_tcp(&k, .flags = "S.", .ack = 1, .opts = "mss 1460");
    peer_end(&k);
}

/* REQ: TCP-7323-2.2-2 TCP-7323-2.2-3 TCP-7323-2.3-1 TCP-7323-2.3-2 */
static void test_tcp_options_window_scale(void)
{
    static const struct {
        const char *opts;
        uint32_t syn_wnd, wnd;
    } c[] = {
        {"mss 1460",                1000, 512      },
        {"mss 1460,nop,wscale 0",   1000, 512      },
        {"mss 1460,nop,wscale 7",   1000, 512 << 7 },
        {"mss 1460,nop,wscale 14",  1000, 512 << 14},
        {"mss 1460,nop,wscale 15",  1000, 512 << 14},
        {"mss 1460,nop,wscale 255", 1000, 512 << 14},
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        struct tcp_status s;
        struct peer k;

        peer_begin(&k); /* active: the window of the SYN,ACK is as it stands */
        peer_connect(&k);
        expect_tcp(&k, .flags = "S");
        say(&k, .flags = "S.", .ack = 1, .win = 1000, .opts = c[i].opts);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
        T_NEED(peer_status(&k, &s));
        T_EQ(s.snd_wnd, c[i].syn_wnd);
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 512);
        T_NEED(peer_status(&k, &s));
        T_EQ(s.snd_wnd, c[i].wnd);
        /* Ours is scaled when both have offered it. */
        uint32_t scale = i == 0 ? 0 : 8;

        T_EQ(s.rcv_wnd_shift, scale);
        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 512, .len = 10);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 11);
        T_NEED(peer_status(&k, &s));
        T_TRUE((uint32_t)k.last.win << scale <= s.rcv_wnd);
        T_TRUE(s.rcv_wnd - ((uint32_t)k.last.win << scale) < 1u << scale);
        peer_end(&k);
    }
}
TWICE(test_tcp_options_window_scale)

/* REQ: TCP-7323-3.2-2 TCP-7323-3.2-3 TCP-7323-3.2-4 */
static void test_tcp_options_timestamps(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460,nop,nop,TS");
    int sd = peer_accept(&k, listener);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .len = 3, .opts = ""); /* without */
    expect_nothing(&k, NET_SEC(1));
    expect_state(&k, "ESTABLISHED");
    T_EQ(peer_recv(&k, sd), -EAGAIN);
    k.tsval = 1777;
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4, .opts = "nop,nop,TS");
    T_EQ(k.last.tsecr, 1777);
    peer_read(&k, sd, "abc");
    peer_write(&k, sd, "def", 3);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 4, .len = 3, .opts = "nop,nop,TS");
    peer_run_to_frame(&k, NET_SEC(10)); /* lost, and sent again */
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 4, .len = 3, .opts = "nop,nop,TS");
    say(&k, .flags = ".", .seq = 4, .ack = 4, .win = 1000);
    sock_close(net_socks(&k.net), sd);
    expect_tcp(&k, .flags = "F.", .seq = 4, .ack = 4, .opts = "nop,nop,TS");
    say(&k, .flags = "F.", .seq = 4, .ack = 5, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 5, .ack = 5, .opts = "nop,nop,TS");
    peer_end(&k);
}
TWICE(test_tcp_options_timestamps)

/* Not agreed on, not heeded. REQ: TCP-7323-3.2-6 */
static void test_tcp_options_timestamps_not_agreed(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "a", .len = 1,
        .opts = "nop,nop,TS");
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 2, .opts = "");
    k.tsval -= 100;
    say(&k, .flags = "P.", .seq = 2, .ack = 1, .win = 1000, .data = "b", .len = 1,
        .opts = "nop,nop,TS");
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 3, .opts = "");
    peer_read(&k, sd, "ab");
    peer_end(&k);
}

/* REQ: TCP-7323-5.3-1 TCP-7323-5.3-2 TCP-7323-4.3-1 */
static void test_tcp_options_paws(void)
{
    static const uint32_t start[] = {1000, 0xfffffffe, 0x7fffffff, 0};

    for (size_t i = 0; i < ARRAY_LEN(start); i++) {
        struct peer k;

        peer_begin(&k);
        int listener = peer_listen(&k, 0);

        k.tsval = start[i];
        handshake(&k, "mss 1460,nop,nop,TS");
        int sd = peer_accept(&k, listener);

        k.tsval = start[i] - 1;
        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
        T_EQ(k.last.tsecr, start[i]);
        T_EQ(peer_recv(&k, sd), -EAGAIN);
        k.tsval = start[i] + 5; /* across 2^32 in one case */
        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
        T_EQ(k.last.tsecr, start[i] + 5);
        k.tsval = start[i] + 9; /* out of order: its timestamp is not echoed */
        say(&k, .flags = "P.", .seq = 7, .ack = 1, .win = 1000, .data = "ghi", .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
        T_EQ(k.last.tsecr, start[i] + 5);
        k.tsval = start[i] + 7;
        say(&k, .flags = "P.", .seq = 4, .ack = 1, .win = 1000, .data = "def", .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 10);
        T_EQ(k.last.tsecr, start[i] + 7);
        peer_read(&k, sd, "abcdefghi");
        peer_end(&k);
    }
}
TWICE(test_tcp_options_paws)

/* After 24 days of silence TS.Recent says nothing any more. REQ: TCP-7323-5.5-1 */
static void test_tcp_options_paws_after_long_silence(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460,nop,nop,TS");
    int sd = peer_accept(&k, listener);

    expect_nothing(&k, 25 * NET_SEC(86400));
    k.tsval += 0x80000005;
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    T_EQ(k.last.tsecr, k.tsval);
    peer_read(&k, sd, "abc");
    peer_end(&k);
}

/* One tick a millisecond, each connection from a start of its own.
 * REQ: TCP-7323-5.4-1 TCP-7323-5.4-2 */
static void test_tcp_options_timestamp_clock(void)
{
    uint32_t tsval[4];
    struct peer k;

    peer_begin(&k);
    peer_listen(&k, 0);
    for (uint16_t i = 0; i < 4; i++) {
        peer_tuple(&k, (uint16_t)(1000 + i), H_PORT);
        say(&k, .flags = "S", .win = 1000, .opts = "mss 1460,nop,nop,TS");
        expect_tcp(&k, .flags = "S.", .ack = 1);
        tsval[i] = k.last.tsval;
        for (uint16_t j = 0; j < i; j++)
            T_TRUE((uint32_t)(tsval[i] - tsval[j] + 100000) > 200000);
    }
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000, .opts = "nop,nop,TS");
    peer_forget(&k);
    k.ts = true;
    peer_advance(&k, NET_SEC(10));
    peer_forget(&k);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    T_EQ(k.last.tsval - tsval[3], 10000);
    peer_end(&k);
}

/* What IP may carry besides is none of TCP's business. REQ: TCP-MUST-50 */
static void test_tcp_options_of_ip(void)
{
    static const char *const opts[] = {
        "9e040000",                     /* unknown, copied */
        "44080500aabbccdd",             /* timestamp, full */
        "0707080a0000ff00",             /* record route */
        "01010101",         "94040000", /* nops; router alert */
    };

    for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
        struct peer k;

        peer_begin(&k);
        peer_listen(&k, 0);
        say(&k, .flags = "S", .win = 1000, .opts = "mss 1460", .ip_opts = opts[i]);
        expect_tcp(&k, .flags = "S.", .ack = 1);
        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .len = 5, .ip_opts = opts[i]);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 6);
        peer_end(&k);
    }
}

/* Urgent data are data, read in line; the pointer, wherever it points, moves nothing.
 * REQ: TCP-6093-5-1 TCP-6093-6-1 */
static void test_tcp_options_urgent_in_line(void)
{
    static const uint16_t pointers[] = {0, 1, 2, 3, 4, 60000, 65535};

    for (size_t i = 0; i < ARRAY_LEN(pointers); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = established(&k);

        say(&k, .flags = "PU.", .seq = 4, .ack = 1, .win = 1000, .urp = pointers[i], .data = "def",
            .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
        say(&k, .flags = "PU.", .seq = 1, .ack = 1, .win = 1000, .urp = pointers[i], .data = "abc",
            .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 7);
        say(&k, .flags = "U.", .seq = 7, .ack = 1, .win = 1000, .urp = pointers[i]);
        expect_nothing(&k, NET_SEC(1));
        for (int n = 0; n < 6; n++) {
            char byte = 0;

            T_EQ(sock_recv(net_socks(&k.net), sd, &byte, 1, 0), 1);
            T_EQ(byte, "abcdef"[n]);
        }
        T_EQ(peer_recv(&k, sd), -EAGAIN);
        peer_end(&k);
    }
}
TWICE(test_tcp_options_urgent_in_line)

T_MAIN("tcp_options", T(test_tcp_options_mss), T(test_tcp_options_mss_active),
       T(test_tcp_options_illegal_length), T_TWICE(test_tcp_options_anywhere),
       T(test_tcp_options_data_offset), T(test_tcp_options_mss_follows_mtu),
       T(test_tcp_options_syn_ack_mirrors), T(test_tcp_options_switched_off),
       T_TWICE(test_tcp_options_window_scale), T_TWICE(test_tcp_options_timestamps),
       T(test_tcp_options_timestamps_not_agreed), T_TWICE(test_tcp_options_paws),
       T(test_tcp_options_paws_after_long_silence), T(test_tcp_options_timestamp_clock),
       T(test_tcp_options_of_ip), T_TWICE(test_tcp_options_urgent_in_line))
