#include "peer.h"

static void test_end(struct peer *k)
{
    expect_nothing(k, NET_SEC(1));
    peer_end(k);
}

/* ESTABLISHED -> FIN_WAIT_1 -> FIN_WAIT_2 -> TIME_WAIT -> CLOSED. REQ: TCP-MUST-13 */
static void test_tcp_teardown_active(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = time_wait(&k);

    T_EQ(peer_recv(&k, sd), 0);
    sock_close(net_socks(&k.net), sd);
    expect_nothing(&k, NET_SEC(60) - 1);
    expect_state(&k, "TIME_WAIT");
    expect_nothing(&k, 1);
    expect_state(&k, "CLOSED");
    test_end(&k);
}
TWICE(test_tcp_teardown_active)

/* ESTABLISHED -> CLOSE_WAIT -> LAST_ACK -> CLOSED. REQ: TCP-MUST-12 */
static void test_tcp_teardown_passive(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = last_ack(&k);

    T_EQ(peer_recv(&k, sd), 0); /* the end of the stream, not an error */
    T_EQ(peer_error(&k, sd), 0);
    say(&k, .flags = ".", .seq = 2, .ack = 2, .win = 65535);
    expect_nothing(&k, 0);
    expect_state(&k, "CLOSED");
    test_end(&k);
}
TWICE(test_tcp_teardown_passive)

/* FIN and the ACK of ours in one segment. REQ: TCP-9293-3.6-3 */
static void test_tcp_teardown_fin_with_ack(void)
{
    struct peer k;

    peer_begin(&k);
    fin_wait_1(&k);
    say(&k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(&k, "TIME_WAIT");
    test_end(&k);
}
TWICE(test_tcp_teardown_fin_with_ack)

/* The last segments of both carry text, too. */
static void test_tcp_teardown_fin_with_text(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    T_EQ(sock_send(net_socks(&k.net), sd, "bye", 3, 0), 3);
    sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR);
    expect_tcp(&k, .flags = "FP.", .seq = 1, .ack = 1, .len = 3, .data = "bye");
    say(&k, .flags = "FP.", .seq = 1, .ack = 5, .win = 65535, .data = "ciao", .len = 4);
    expect_tcp(&k, .flags = ".", .seq = 5, .ack = 6);
    expect_state(&k, "TIME_WAIT");
    peer_read(&k, sd, "ciao");
    T_EQ(peer_recv(&k, sd), 0);
    test_end(&k);
}
TWICE(test_tcp_teardown_fin_with_text)

/* Half close: we are done sending, and still receive. REQ: TCP-9293-3.6-1 TCP-MAY-17 */
static void test_tcp_teardown_half_close(void)
{
    char got[3001];
    struct peer k;

    peer_begin(&k);
    int sd = fin_wait_2(&k);

    T_EQ(sock_send(net_socks(&k.net), sd, "x", 1, 0), -EPIPE);
    for (uint32_t at = 1; at < 3000; at += 1000) {
        say(&k, .flags = ".", .seq = at, .ack = 2, .win = 65535, .len = 1000);
        expect_tcp(&k, .flags = ".", .seq = 2, .ack = at + 1000);
    }
    expect_state(&k, "FIN_WAIT_2");
    peer_advance(&k, NET_SEC(600)); /* no limit, as long as the user has not closed */
    expect_state(&k, "FIN_WAIT_2");
    say(&k, .flags = "F.", .seq = 3001, .ack = 2, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 3002);
    T_EQ(sock_recv(net_socks(&k.net), sd, got, sizeof(got), 0), 3000);
    T_EQ(peer_recv(&k, sd), 0);
    expect_state(&k, "TIME_WAIT");
    test_end(&k);
}
TWICE(test_tcp_teardown_half_close)

/* The peer is done sending, and still receives. */
static void test_tcp_teardown_half_close_by_peer(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = close_wait(&k);

    peer_write(&k, sd, "still here", 10);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 2, .len = 10);
    say(&k, .flags = ".", .seq = 2, .ack = 11, .win = 65535);
    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    expect_tcp(&k, .flags = "F.", .seq = 11, .ack = 2);
    say(&k, .flags = ".", .seq = 2, .ack = 12, .win = 65535);
    expect_state(&k, "CLOSED");
    test_end(&k);
}
TWICE(test_tcp_teardown_half_close_by_peer)

/* Queued data leave before the FIN. REQ: TCP-9293-3.9.1-1 */
static void test_tcp_teardown_close_sends_data_first(void)
{
    static char data[5000];
    struct peer k;
    uint32_t seq = 1;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 0);
    T_EQ(sock_send(net_socks(&k.net), sd, data, sizeof(data), 0), sizeof(data));
    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    T_EQ(sock_send(net_socks(&k.net), sd, data, 1, 0), -EPIPE);
    expect_nothing(&k, 0);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    while (peer_next(&k) != NULL) {
        T_EQ(k.last.seq - k.h_iss, seq);
        seq += k.last.len;
        if (seq < 5001)
            T_STR(k.last.flags, ".");
    }
    T_EQ(seq, 5001);
    T_STR(k.last.flags, "FP.");
    say(&k, .flags = ".", .seq = 1, .ack = 5002, .win = 65535);
    expect_state(&k, "FIN_WAIT_2");
    test_end(&k);
}
TWICE(test_tcp_teardown_close_sends_data_first)

/* A FIN ahead of missing data counts when they have come. REQ: TCP-9293-3.10.7.4-7 */
static void test_tcp_teardown_fin_out_of_order(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "FP.", .seq = 4, .ack = 1, .win = 65535, .data = "def", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    expect_state(&k, "ESTABLISHED");
    T_EQ(peer_recv(&k, sd), -EAGAIN);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 8);
    expect_state(&k, "CLOSE_WAIT");
    peer_read(&k, sd, "abcdef");
    T_EQ(peer_recv(&k, sd), 0);
    test_end(&k);
}
TWICE(test_tcp_teardown_fin_out_of_order)

/* A FIN alone, ahead of its time. REQ: TCP-9293-3.10.7.4-7 */
static void test_tcp_teardown_fin_alone_out_of_order(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "F.", .seq = 4, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    say(&k, .flags = "P.", .seq = 10, .ack = 1, .win = 65535, .len = 5); /* beyond the FIN */
    expect_nothing(&k, 0);
    T_EQ(peer_drops(&k, V_DROP_TCP_AFTER_FIN), 1);
    expect_state(&k, "ESTABLISHED");
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 5);
    expect_state(&k, "CLOSE_WAIT");
    peer_read(&k, sd, "abc");
    test_end(&k);
}
TWICE(test_tcp_teardown_fin_alone_out_of_order)

/* A FIN that comes again is acknowledged again. */
static void test_tcp_teardown_fin_again(void)
{
    struct peer k;

    peer_begin(&k);
    close_wait(&k);
    say(&k, .flags = "F.", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 2);
    expect_state(&k, "CLOSE_WAIT");
    say(&k, .flags = "P.", .seq = 2, .ack = 1, .win = 65535, .len = 5); /* beyond its own FIN */
    peer_forget(&k);
    expect_state(&k, "CLOSE_WAIT");
    T_EQ(peer_drops(&k, V_DROP_TCP_AFTER_FIN), 1);
    test_end(&k);
}
TWICE(test_tcp_teardown_fin_again)

/* Our FIN is lost. */
static void test_tcp_teardown_fin_is_repeated(void)
{
    struct peer k;

    peer_begin(&k);
    fin_wait_1(&k);
    struct tcp_status s;

    T_TRUE(peer_status(&k, &s));
    expect_tcp(&k, .flags = "F.", .seq = 1, .ack = 1, .after = s.rto);
    expect_tcp(&k, .flags = "F.", .seq = 1, .ack = 1, .after = 2 * s.rto);
    say(&k, .flags = ".", .seq = 1, .ack = 2, .win = 65535);
    expect_state(&k, "FIN_WAIT_2");
    test_end(&k);
}
TWICE(test_tcp_teardown_fin_is_repeated)

/* After close() nobody will read: new data draw a reset. REQ: TCP-SHLD-3 TCP-MAY-1 */
static void test_tcp_teardown_data_after_close_is_reset(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    sock_close(net_socks(&k.net), sd);
    expect_tcp(&k, .flags = "F.", .seq = 1, .ack = 1);
    say(&k, .flags = "P.", .seq = 1, .ack = 2, .win = 65535, .len = 10);
    expect_tcp(&k, .flags = "R.", .seq = 2, .ack = 1);
    expect_state(&k, "CLOSED");
    test_end(&k);
}
TWICE(test_tcp_teardown_data_after_close_is_reset)

/* Bytes that were received and are thrown away: the peer must know. REQ: TCP-SHLD-3 */
static void test_tcp_teardown_close_with_unread_data_is_reset(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .len = 100);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 101);
    sock_close(net_socks(&k.net), sd);
    expect_tcp(&k, .flags = "R.", .seq = 1, .ack = 101);
    expect_state(&k, "CLOSED");
    test_end(&k);
}
TWICE(test_tcp_teardown_close_with_unread_data_is_reset)

/* An orphan in FIN-WAIT-2 does not wait for ever. */
static void test_tcp_teardown_orphan_in_fin_wait_2(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = fin_wait_2(&k);

    sock_close(net_socks(&k.net), sd);
    expect_nothing(&k, NET_SEC(60) - 1);
    expect_state(&k, "FIN_WAIT_2");
    expect_nothing(&k, 1);
    expect_state(&k, "CLOSED");
    test_end(&k);
}

/* REQ: TCP-9293-3.9.1-2 TCP-MUST-12 */
static void test_tcp_teardown_abort(void)
{
    int (*const states[])(struct peer *) = {established, fin_wait_1, fin_wait_2, close_wait};
    static const uint32_t seq[] = {1, 2, 2, 1}, ack[] = {1, 1, 1, 2};

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = states[i](&k);

        sock_abort(net_socks(&k.net), sd);
        expect_tcp(&k, .flags = "R.", .seq = seq[i], .ack = ack[i]);
        expect_state(&k, "CLOSED");
        test_end(&k);
    }
}
TWICE(test_tcp_teardown_abort)

/* Where both sides know the end, or the peer does not know us, there is nothing to tell.
 * REQ: TCP-9293-3.9.1-2 */
static void test_tcp_teardown_abort_without_reset(void)
{
    int (*const states[])(struct peer *) = {syn_sent, closing, last_ack, time_wait};

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = states[i](&k);

        sock_abort(net_socks(&k.net), sd);
        expect_nothing(&k, NET_SEC(10));
        if (states[i] != time_wait)
            expect_state(&k, "CLOSED");
        test_end(&k);
    }
}
TWICE(test_tcp_teardown_abort_without_reset)

/* Unsent data go with the abort. REQ: TCP-9293-3.9.1-2 */
static void test_tcp_teardown_abort_discards_data(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, "abc", 3);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    T_EQ(sock_send(net_socks(&k.net), sd, "def", 3, 0), 3);
    sock_abort(net_socks(&k.net), sd);
    expect_tcp(&k, .flags = "R.", .seq = 4, .ack = 1);
    test_end(&k);
}
TWICE(test_tcp_teardown_abort_discards_data)

/* SO_LINGER with 0: close is abort. */
static void test_tcp_teardown_linger_zero(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    T_EQ(sock_setopt(net_socks(&k.net), sd, SOCK_OPT_LINGER, 0), 0);
    sock_close(net_socks(&k.net), sd);
    expect_tcp(&k, .flags = "R.", .seq = 1, .ack = 1);
    test_end(&k);
}

/* SO_LINGER with a time: what is not acknowledged by then is given up, and the peer told so. */
static void test_tcp_teardown_linger_runs_out(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, "abc", 3);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    T_EQ(sock_setopt(net_socks(&k.net), sd, SOCK_OPT_LINGER, 5), 0);
    net_time start = k.now;

    sock_close(net_socks(&k.net), sd);
    peer_advance(&k, NET_SEC(5) - 1);
    expect_state(&k, "FIN_WAIT_1");
    peer_forget(&k);
    peer_advance(&k, 1);
    expect_tcp(&k, .flags = "R.", .seq = 5, .ack = 1);
    T_EQ(k.last.at - start, NET_SEC(5));
    expect_state(&k, "CLOSED");
    test_end(&k);
}

/* CLOSE in SYN-SENT deletes the block; what the peer says afterwards concerns nobody. */
static void test_tcp_teardown_close_in_syn_sent(void)
{
    struct peer k;

    peer_begin(&k);
    sock_close(net_socks(&k.net), syn_sent(&k));
    expect_state(&k, "CLOSED");
    say(&k, .flags = "S.", .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = "R", .seq = 1);
    test_end(&k);
}
TWICE(test_tcp_teardown_close_in_syn_sent)

/* The peer falls silent in whatever state: the user hears of it, and nothing more is sent.
 * REQ: TCP-9293-3.10.8-1 */
static void test_tcp_teardown_user_timeout(void)
{
    static const struct {
        int (*state)(struct peer *);
        bool write; /* else our FIN is what is not acknowledged */
    } c[] = {
        {established, true },
        {close_wait,  true },
        {fin_wait_1,  false},
        {closing,     false},
        {last_ack,    false},
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        struct net_config cfg;
        struct peer k;

        peer_config(&cfg);
        cfg.tcp.user_timeout = NET_SEC(10);
        peer_begin_with(&k, &cfg);
        int sd = c[i].state(&k);

        if (c[i].write)
            peer_write(&k, sd, "abc", 3);
        peer_advance(&k, NET_SEC(9));
        T_TRUE(peer_forget(&k) >= 4); /* it was tried again and again */
        T_EQ(poll_events(net_socks(&k.net), sd) & SOCK_ERR, 0);
        peer_advance(&k, NET_SEC(20));
        peer_forget(&k);
        expect_state(&k, "CLOSED");
        expect_nothing(&k, NET_SEC(1000));
        T_EQ(peer_error(&k, sd), ETIMEDOUT);
        test_end(&k);
    }
}
TWICE(test_tcp_teardown_user_timeout)

/* The FIN's own number counts: an ACK of the data alone is not one of the FIN. */
static void test_tcp_teardown_ack_of_data_only(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    T_EQ(sock_send(net_socks(&k.net), sd, "bye", 3, 0), 3);
    sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR);
    expect_tcp(&k, .flags = "FP.", .seq = 1, .ack = 1, .len = 3);
    say(&k, .flags = ".", .seq = 1, .ack = 4, .win = 65535);
    expect_state(&k, "FIN_WAIT_1");
    say(&k, .flags = ".", .seq = 1, .ack = 5, .win = 65535);
    expect_state(&k, "FIN_WAIT_2");
    test_end(&k);
}
TWICE(test_tcp_teardown_ack_of_data_only)

T_MAIN("tcp_teardown", T_TWICE(test_tcp_teardown_active), T_TWICE(test_tcp_teardown_passive),
       T_TWICE(test_tcp_teardown_fin_with_ack), T_TWICE(test_tcp_teardown_fin_with_text),
       T_TWICE(test_tcp_teardown_half_close), T_TWICE(test_tcp_teardown_half_close_by_peer),
       T_TWICE(test_tcp_teardown_close_sends_data_first),
       T_TWICE(test_tcp_teardown_fin_out_of_order),
       T_TWICE(test_tcp_teardown_fin_alone_out_of_order), T_TWICE(test_tcp_teardown_fin_again),
       T_TWICE(test_tcp_teardown_fin_is_repeated),
       T_TWICE(test_tcp_teardown_data_after_close_is_reset),
       T_TWICE(test_tcp_teardown_close_with_unread_data_is_reset),
       T(test_tcp_teardown_orphan_in_fin_wait_2), T_TWICE(test_tcp_teardown_abort),
       T_TWICE(test_tcp_teardown_abort_without_reset),
       T_TWICE(test_tcp_teardown_abort_discards_data), T(test_tcp_teardown_linger_zero),
       T(test_tcp_teardown_linger_runs_out), T_TWICE(test_tcp_teardown_close_in_syn_sent),
       T_TWICE(test_tcp_teardown_user_timeout), T_TWICE(test_tcp_teardown_ack_of_data_only))
