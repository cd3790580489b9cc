#include "peer.h"

/* REQ: TCP-5961-3.2-1 TCP-5961-3.2-2 TCP-5961-3.2-3 TCP-9293-3.10.7.4-1 */
static void test_tcp_rfc5961_rst(void)
{
    static const uint32_t outside[] = {0, 0xfffffff0, 65536, 65537, 0x80000000};
    static const uint32_t inside[] = {2, 3, 30000, 65535};
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    for (size_t i = 0; i < ARRAY_LEN(outside); i++)
        say(&k, .flags = "R", .seq = outside[i], .win = 0);
    expect_nothing(&k, NET_SEC(1));
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        say(&k, .flags = "R", .seq = inside[i], .win = 0);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    }
    expect_state(&k, "ESTABLISHED");
    say(&k, .flags = "R", .seq = 1, .win = 0); /* the honest peer's answer to the challenge */
    expect_nothing(&k, 0);
    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    peer_end(&k);
}
TWICE(test_tcp_rfc5961_rst)

/* REQ: TCP-5961-4.2-1 TCP-9293-3.10.7.4-2 */
static void test_tcp_rfc5961_syn(void)
{
    static const struct {
        int (*state)(struct peer *);
        const char *name;
        uint32_t snd_nxt, rcv_nxt;
    } c[] = {
        {established,        "ESTABLISHED", 1, 1},
        {established_active, "ESTABLISHED", 1, 1},
        {fin_wait_1,         "FIN_WAIT_1",  2, 1},
        {fin_wait_2,         "FIN_WAIT_2",  2, 1},
        {close_wait,         "CLOSE_WAIT",  1, 2},
        {closing,            "CLOSING",     2, 2},
        {last_ack,           "LAST_ACK",    2, 2},
    };
    static const uint32_t at[] = {0, 1, 2, 1000, 70000, 0x80000000, 0xffffff00};

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        struct peer k;

        peer_begin(&k);
        c[i].state(&k);
        for (size_t j = 0; j < ARRAY_LEN(at); j++) {
            say(&k, .flags = j % 2 ? "S." : "S", .seq = at[j], .ack = 1, .win = 65535,
                .opts = "mss 1460");
            expect_tcp(&k, .flags = ".", .seq = c[i].snd_nxt, .ack = c[i].rcv_nxt);
            expect_state(&k, c[i].name);
        }
        peer_end(&k);
    }
}
TWICE(test_tcp_rfc5961_syn)

/* A peer that has restarted finds its way: SYN, challenge, its reset, SYN again. */
static void test_tcp_rfc5961_restarted_peer(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460");
    say(&k, .flags = "S", .seq = 5000, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    say(&k, .flags = "R", .seq = 1, .win = 0); /* SEQ = SEG.ACK of the challenge */
    expect_state(&k, "CLOSED");
    k.knows_h_iss = false;
    say(&k, .flags = "S", .seq = 5000, .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 5001);
    sock_close(net_socks(&k.net), peer_accept(&k, listener));
    peer_end(&k);
}
TWICE(test_tcp_rfc5961_restarted_peer)

/* An ACK of what was never sent, or older than the largest window: nothing of it counts.
 * REQ: TCP-5961-5.2-1 TCP-5961-5-1 TCP-MAY-12 TCP-9293-3.10.7.4-5 */
static void test_tcp_rfc5961_ack_range(void)
{
    struct peer k;
    struct tcp_status s;

    peer_begin(&k);
    int sd = established(&k); /* the largest window was 65535 */

    peer_write(&k, sd, "abcde", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5);
    static const uint32_t bad[] = {7, 8, 70000, 0x7fffffff, 0x80000010, 1 - 65536u, 1 - 100000u};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        say(&k, .flags = "P.", .seq = 1, .ack = bad[i], .win = 65535, .len = 5);
        expect_tcp(&k, .flags = ".", .seq = 6, .ack = 1);
        T_EQ(peer_recv(&k, sd), -EAGAIN);
        T_NEED(peer_status(&k, &s));
        T_EQ(s.in_flight, 5);
    }
    expect_state(&k, "ESTABLISHED");
    say(&k, .flags = "P.", .seq = 1, .ack = 1 - 65535u, .win = 65535, .data = "x", .len = 1);
    expect_tcp(&k, .flags = ".", .seq = 6, .ack = 2); /* the oldest that is taken */
    say(&k, .flags = ".", .seq = 2, .ack = 6, .win = 65535);
    expect_nothing(&k, 0);
    T_NEED(peer_status(&k, &s));
    T_EQ(s.in_flight, 0);
    peer_read(&k, sd, "x");
    peer_end(&k);
}
TWICE(test_tcp_rfc5961_ack_range)

/* A segment with a bad ACK leaves no trace in TS.Recent either (PAWS poisoning). */
static void test_tcp_rfc5961_bad_ack_does_not_touch_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460,nop,nop,TS");
    int sd = peer_accept(&k, listener);

    k.tsval += 0x40000000;
    say(&k, .flags = "P.", .seq = 1, .ack = 5000, .win = 65535, .len = 5);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    say(&k, .flags = "P.", .seq = 100000, .ack = 1, .win = 65535, .len = 5); /* out of the window */
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    k.tsval -= 0x40000000;
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    T_EQ(k.last.tsecr, k.tsval);
    peer_read(&k, sd, "abc");
    peer_end(&k);
}
TWICE(test_tcp_rfc5961_bad_ack_does_not_touch_timestamp)

/* REQ: TCP-5961-7-1 */
static void test_tcp_rfc5961_challenges_are_throttled(void)
{
    struct peer k;

    peer_begin(&k);
    established(&k);
    uint32_t iss = k.h_iss;

    peer_tuple(&k, 50000, H_PORT);
    established(&k);
    uint32_t iss2 = k.h_iss;

    peer_tuple(&k, PEER_PORT, H_PORT);
    k.h_iss = iss;
    for (int i = 0; i < 1000; i++)
        say(&k,
            .flags = i % 3 == 0   ? "R"
                     : i % 3 == 1 ? "S"
                                  : ".",
            .seq = i % 3 == 2 ? 0 : 5, .ack = 1, .win = 0);
    T_EQ(peer_forget(&k), 10);
    expect_state(&k, "ESTABLISHED");
    peer_tuple(&k, 50000, H_PORT); /* per connection: the other one has its own (CVE-2016-5696) */
    k.h_iss = iss2;
    say(&k, .flags = "R", .seq = 5, .win = 0);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    peer_advance(&k, NET_SEC(1));
    peer_tuple(&k, PEER_PORT, H_PORT);
    k.h_iss = iss;
    say(&k, .flags = "R", .seq = 5, .win = 0);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    peer_end(&k);

    struct net_config cfg;

    peer_config(&cfg);
    cfg.tcp.challenge_acks = 2;
    peer_begin_with(&k, &cfg);
    established(&k);
    for (int i = 0; i < 10; i++)
        say(&k, .flags = "R", .seq = 5, .win = 0);
    T_EQ(peer_forget(&k), 2);
    peer_end(&k);
}

/* Two hosts that find each other's ACKs unacceptable do not talk for ever. */
static void test_tcp_rfc5961_no_ack_storm(void)
{
    struct peer k;
    unsigned acks = 0;

    peer_begin(&k);
    established(&k);
    say(&k, .flags = ".", .seq = 0x20000000, .ack = 1, .win = 65535);
    while (peer_next(&k) != NULL && acks < 1000) { /* each is answered by another stale one */
        acks++;
        say(&k, .flags = ".", .seq = 0x20000000, .ack = 1, .win = 65535);
    }
    T_TRUE(acks <= 10);
    peer_end(&k);
}

T_MAIN("tcp_rfc5961", T_TWICE(test_tcp_rfc5961_rst), T_TWICE(test_tcp_rfc5961_syn),
       T_TWICE(test_tcp_rfc5961_restarted_peer), T_TWICE(test_tcp_rfc5961_ack_range),
       T_TWICE(test_tcp_rfc5961_bad_ack_does_not_touch_timestamp),
       T(test_tcp_rfc5961_challenges_are_throttled), T(test_tcp_rfc5961_no_ack_storm))
