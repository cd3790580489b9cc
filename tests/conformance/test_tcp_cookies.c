#include "peer.h"

enum { POOL = 4 };

/* A listener whose half-open pool is full of others. */
static int begin_seed(struct peer *k, uint64_t seed)
{
    struct net_config cfg;

    peer_config(&cfg);
    cfg.seed = seed;
    cfg.tcp.half_open = POOL;
    peer_begin_with(k, &cfg);
    int listener = peer_listen(k, 0);

    for (uint16_t port = 1; port <= POOL; port++) {
        peer_tuple(k, port, H_PORT);
        say(k, .flags = "S", .win = 65535, .opts = "mss 1460");
        expect_tcp(k, .flags = "S.", .ack = 1);
        expect_state(k, "SYN_RCVD"); /* an entry, no cookie, while there is room */
    }
    peer_tuple(k, PEER_PORT, H_PORT);
    return listener;
}

static int begin(struct peer *k)
{
    return begin_seed(k, 1);
}

/* A SYN with @opts, answered by a cookie: nothing is kept. */
static void get_cookie(struct peer *k, const char *opts)
{
    say(k, .flags = "S", .win = 65535, .opts = opts);
    expect_tcp(k, .flags = "S.", .ack = 1);
    k->ts = k->last.has_ts;
    expect_state(k, "CLOSED");
    T_EQ(net_connections(&k->net), POOL);
}

/* What the SYN said is known again from the third segment.
 * REQ: TCP-4987-3.6-1 TCP-4987-3.6-3 TCP-4987-3.7-1 */
static void test_tcp_cookies_bring_back_the_options(void)
{
    static const struct {
        const char *opts;
        uint16_t mss; /* as kept, before the timestamp is taken off */
        int wscale;   /* -1: none */
        bool ts;
    } c[] = {
        {"mss 1460",                          1460, -1, false},
        {"mss 1459",                          1440, -1, false}, /* rounded down */
        {"mss 700",                           536,  -1, false},
        {"mss 100",                           88,   -1, false},
        {"",                                  536,  -1, false},
        {"mss 1380,nop,wscale 7",             1380, 7,  false},
        {"mss 1460,nop,wscale 0",             1460, 0,  false},
        {"mss 1460,nop,wscale 14",            1460, 14, false},
        {"mss 1460,nop,nop,TS",               1460, -1, true },
        {"mss 1300,nop,nop,TS,nop,wscale 5",  1300, 5,  true },
        {"mss 1220,nop,nop,TS,nop,wscale 14", 1220, 14, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        struct tcp_status s;
        struct peer k;

        int listener = begin(&k);

        get_cookie(&k, c[i].opts);
        T_EQ(k.last.has_wscale, c[i].wscale >= 0);
        T_EQ(k.last.has_ts, c[i].ts);
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
        expect_nothing(&k, 0);
        expect_state(&k, "ESTABLISHED");
        T_NEED(peer_status(&k, &s));
        T_EQ(s.mss, c[i].mss - (c[i].ts ? 12 : 0));
        T_EQ(s.has_wscale, c[i].wscale >= 0);
        T_EQ(s.snd_wnd_shift, c[i].wscale > 0 ? c[i].wscale : 0);
        T_EQ(s.snd_wnd, 1000u << s.snd_wnd_shift);
        T_EQ(s.has_ts, c[i].ts);
        int sd = peer_accept(&k, listener);

        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
        peer_read(&k, sd, "abc");
        peer_write(&k, sd, "def", 3);
        expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 4, .len = 3,
                   .opts = c[i].ts ? "nop,nop,TS" : "");
        peer_end(&k);
    }
}

/* With timestamps there is room for SACK-permitted and for ECN, too; without there is not. */
static void test_tcp_cookies_remember_sack_and_ecn(void)
{
    for (int i = 0; i < 8; i++) {
        bool ts = i & 1, sack = i & 2, ecn = i & 4;
        struct tcp_status s;
        struct peer k;

        begin(&k);
        say(&k, .flags = ecn ? "SEW" : "S", .win = 65535,
            .opts = sack ? (ts ? "mss 1460,sackOK,TS" : "mss 1460,sackOK,nop,nop")
                         : (ts ? "mss 1460,nop,nop,TS" : "mss 1460"));
        expect_tcp(&k, .flags = ts && ecn ? "SE." : "S.", .ack = 1);
        k.ts = k.last.has_ts;
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
        T_NEED(peer_status(&k, &s));
        T_EQ(s.has_sack, sack && ts);
        T_EQ(s.has_ecn, ecn && ts);
        peer_end(&k);
    }
}

/* The third segment was lost, or carries text itself: any ACK with the cookie will do. */
static void test_tcp_cookies_come_with_text(void)
{
    struct peer k;
    int listener = begin(&k);

    get_cookie(&k, "mss 1460");
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_read(&k, peer_accept(&k, listener), "abc");
    peer_end(&k);
}

/* TSvals do not go back after the one that carried the window scale, nor make a step, at the start and
 * long after it. */
static void test_tcp_cookies_timestamps_go_on(void)
{
    for (int ms = 0; ms < 20; ms++) {
        struct peer k;

        begin(&k);
        peer_advance(&k, NET_MS(ms) + (ms % 2) * NET_SEC(25));
        peer_forget(&k);
        get_cookie(&k, "mss 1460,nop,nop,TS,nop,wscale 14");
        uint32_t first = k.last.tsval;

        say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
        T_TRUE((int32_t)(k.last.tsval - first) >= 0);
        T_TRUE((int32_t)(k.last.tsval - first) < 128);
        peer_end(&k);
    }
}

/* Guesses: every bit of the cookie, the peer's number, the ports, the address. REQ: TCP-4987-3.6-2 */
static void test_tcp_cookies_forged(void)
{
    struct peer k;

    begin(&k);
    for (int ts = 0; ts < 2; ts++) {
        get_cookie(&k, ts ? "mss 1460,nop,nop,TS,nop,wscale 7" : "mss 1460,nop,wscale 7");
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t ack = (k.h_iss ^ 1u << bit) + 1;

            say(&k, .flags = ".", .seq = k.peer_iss + 1, .ack = ack, .win = 65535,
                .is_absolute = true);
            expect_tcp(&k, .flags = "R", .seq = ack, .is_absolute = true);
        }
        say(&k, .flags = ".", .seq = 2, .ack = 1, .win = 65535); /* another SYN */
        expect_tcp(&k, .flags = "R", .seq = 1);
        k.peer_port++;
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
        expect_tcp(&k, .flags = "R", .seq = 1);
        k.peer_port--;
        k.peer_ip += 4;
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
        expect_tcp(&k, .flags = "R", .seq = 1);
        k.peer_ip -= 4;
        say(&k, .flags = "S.", .seq = 1, .ack = 1, .win = 65535); /* no third segment */
        expect_tcp(&k, .flags = "R", .seq = 1);
        T_EQ(net_connections(&k.net), POOL);
        peer_tuple(&k, (uint16_t)(PEER_PORT + 10), H_PORT);
    }
    peer_end(&k);
}

/* The window scale that hides in the timestamp is covered, too. REQ: TCP-4987-3.6-2 */
static void test_tcp_cookies_forged_window_scale(void)
{
    struct peer k;

    begin(&k);
    get_cookie(&k, "mss 1460,nop,nop,TS,nop,wscale 2");
    uint32_t echo = k.tsecr;

    for (unsigned i = 1; i < 16; i++) {
        k.tsecr = echo ^ i;
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
        expect_tcp(&k, .flags = "R", .seq = 1);
    }
    k.tsecr = echo;
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}

/* Good for a minute at least, for two at most, however many go out; nor when the two bits of the
 * time have gone around. REQ: TCP-4987-3.6-2 */
static void test_tcp_cookies_stale(void)
{
    static const int age[] = {60, 128, 192, 256};

    for (size_t late = 0; late < ARRAY_LEN(age); late++) {
        struct peer k;

        begin(&k);
        get_cookie(&k, "mss 1460");
        uint32_t cookie = k.h_iss;

        for (int s = 0; s < age[late]; s += 4) { /* the flood goes on */
            peer_advance(&k, NET_SEC(4));
            for (uint16_t port = 100; port < 100 + 2 * POOL; port++) {
                peer_tuple(&k, port, H_PORT);
                say(&k, .flags = "S", .win = 65535);
            }
            peer_forget(&k);
        }
        peer_tuple(&k, PEER_PORT, H_PORT);
        k.h_iss = cookie;
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
        if (late)
            expect_tcp(&k, .flags = "R", .seq = 1);
        expect_state(&k, late ? "CLOSED" : "ESTABLISHED");
        peer_end(&k);
    }
}

/* Whoever does not send cookies takes none: not with another policy, nor before any flood.
 * REQ: TCP-4987-3.7-1 */
static void test_tcp_cookies_only_in_need(void)
{
    struct net_config cfg;
    struct peer k;

    begin(&k);
    get_cookie(&k, "mss 1460");
    uint32_t cookie = k.h_iss;

    peer_end(&k);
    for (int policy = 0; policy < 2; policy++) { /* a host with the same secrets */
        peer_config(&cfg);
        cfg.tcp.half_open = POOL;
        cfg.tcp.syn_policy = policy == 0 ? TCP_SYN_COOKIES : TCP_SYN_EVICT;
        peer_begin_with(&k, &cfg);
        peer_listen(&k, 0);
        k.h_iss = cookie;
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
        expect_tcp(&k, .flags = "R", .seq = 1);
        T_EQ(net_connections(&k.net), 0);
        peer_end(&k);
    }
}

/* Another host, another secret. REQ: TCP-4987-3.6-3 */
static void test_tcp_cookies_depend_on_the_secret(void)
{
    struct peer k;

    begin_seed(&k, 1);
    get_cookie(&k, "mss 1460");
    uint32_t cookie = k.h_iss;

    peer_end(&k);
    begin_seed(&k, 2);
    get_cookie(&k, "mss 1460");
    T_TRUE((k.h_iss & 0x7fffff) != (cookie & 0x7fffff));
    k.h_iss = cookie;
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = "R", .seq = 1);
    peer_end(&k);
}

/* A cookie does not pass by a full accept queue; it is good once there is room. */
static void test_tcp_cookies_and_a_full_accept_queue(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.half_open = 1;
    peer_begin_with(&k, &cfg);
    int listener = peer_listen(&k, 1);

    peer_tuple(&k, 1, H_PORT);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    uint32_t first = k.h_iss;

    peer_tuple(&k, PEER_PORT, H_PORT);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    uint32_t cookie = k.h_iss;

    k.peer_port = 1;
    k.h_iss = first;
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    k.peer_port = PEER_PORT;
    k.h_iss = cookie;
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_nothing(&k, 0);
    expect_state(&k, "CLOSED");
    T_EQ(peer_drops(&k, V_DROP_TCP_ACCEPT_QUEUE), 1);
    peer_accept(&k, listener);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}

T_MAIN("tcp_cookies", T(test_tcp_cookies_timestamps_go_on),
       T(test_tcp_cookies_bring_back_the_options),
       T(test_tcp_cookies_remember_sack_and_ecn), T(test_tcp_cookies_come_with_text),
       T(test_tcp_cookies_forged), T(test_tcp_cookies_forged_window_scale),
       T(test_tcp_cookies_stale), T(test_tcp_cookies_only_in_need),
       T(test_tcp_cookies_depend_on_the_secret), T(test_tcp_cookies_and_a_full_accept_queue))
