/*
 * What a review of the core found: each of these once went wrong. Some need a state that would take
 * gigabytes to reach; they look into the block, and put it there.
 */
#include "l4_transport/tcp_priv.h"
#include "peer.h"

/* The block of the connection that is meant. */
static struct tcb *block(struct peer *k)
{
    struct tcp_id id = {ip_addr_v4(H_IP), ip_addr_v4(k->peer_ip), k->h_port, k->peer_port};
    struct tcp_conn *c = tcp_find(&k->net.tcp, &id);

    T_NEED(c != NULL && c->link.kind == TCP_CONN_FULL);
    return tcb_of(c);
}

/* After 4 GiB SND.UNA passes the ISS again; that is not an unacknowledged SYN. */
static void test_tcp_regress_una_comes_round_to_iss(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);
    struct tcb *t = block(&k);

    t->iss = t->snd_una;
    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5, .data = "hello");
    say(&k, .flags = ".", .seq = 1, .ack = 6, .win = 65535);
    T_EQ(sendq_len(&t->snd), 0);
    T_EQ(t->bytes_acked, 5);
    t->iss = t->snd_una; /* and idle, when the timer of nothing must not send a SYN */
    say(&k, .flags = "P.", .seq = 1, .ack = 6, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 6, .ack = 4);
    peer_end(&k);
}

/* `recover` stays close behind SND.UNA, else it counts as ahead of it after 2 GiB without a loss and
 * nothing is retransmitted fast for the next 2 GiB. */
static void test_tcp_regress_recover_does_not_grow_old(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);
    struct tcb *t = block(&k);

    for (uint32_t i = 0; i < 3; i++) {
        peer_write(&k, sd, "hello", 5);
        peer_forget(&k);
        say(&k, .flags = ".", .seq = 1, .ack = 6 + 5 * i, .win = 65535);
        T_EQ(seq_dist(t->recover, t->snd_una), 1);
    }
    peer_end(&k);
}

/* The SYN's timer runs out in the same call in which the SYN,ACK arrives. */
static void test_tcp_regress_syn_ack_meets_timeout(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);

    k.now += NET_SEC(1); /* H is called again only with the segment */
    say(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5);
    peer_end(&k);
}

/* A window that is rounded up to what its scaled field can say must not follow RCV.NXT for ever. */
static void test_tcp_regress_window_closes_in_small_steps(void)
{
    struct tcp_status s;
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    sock_setopt(net_socks(&k.net), listener, SOCK_OPT_RCVBUF, 8192);
    say(&k, .flags = "S", .win = 65535, .opts = "mss 1460,nop,wscale 7");
    expect_tcp(&k, .flags = "S.", .ack = 1);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    for (uint32_t i = 0; i < 200; i++) {
        T_NEED(peer_status(&k, &s));
        say(&k, .flags = ".", .seq = 1 + s.rcv_queue, .ack = 1, .win = 65535, .len = 200);
        peer_run_to_frame(&k, NET_SEC(1));
        peer_forget(&k);
    }
    T_NEED(peer_status(&k, &s));
    T_TRUE(s.rcv_queue >= 8192 - 255 && s.rcv_queue <= 8192 + 255);
    say(&k, .flags = ".", .seq = 1 + s.rcv_queue, .ack = 1, .win = 65535, .len = 200);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1 + s.rcv_queue, .win = PEER_WIN_0);
    peer_end(&k);
}

/* Timestamps were agreed on: a third segment without one is dropped before a connection is born. */
static void test_tcp_regress_third_segment_without_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    say(&k, .flags = "S", .win = 1000, .opts = "mss 1460,nop,nop,TS");
    expect_tcp(&k, .flags = "S.", .ack = 1);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
    expect_state(&k, "SYN_RCVD");
    T_EQ(peer_drops(&k, V_DROP_TCP_PAWS), 1);
    k.ts = true;
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
    int sd = peer_accept(&k, listener);

    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5);
    peer_end(&k);
}

static int established_ts(struct peer *k)
{
    int listener = peer_listen(k, 0);

    k->tsval = 5000;
    say(k, .flags = "S", .win = 1000, .opts = "mss 1460,nop,nop,TS");
    expect_tcp(k, .flags = "S.", .ack = 1);
    k->ts = true;
    say(k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
    return peer_accept(k, listener);
}

/* Two ends that refuse each other's old ACKs must not answer each other for ever. */
static void test_tcp_regress_paws_is_no_ack_storm(void)
{
    struct peer k;

    peer_begin(&k);
    established_ts(&k);
    k.tsval = 10;
    for (int i = 0; i < 50; i++)
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
    T_EQ(peer_drops(&k, V_DROP_TCP_PAWS), 50);
    T_EQ(peer_forget(&k), 10);
    peer_end(&k);
}

/* A segment whose ACK is refused has no say about TS.Recent. */
static void test_tcp_regress_bad_ack_does_not_touch_ts_recent(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established_ts(&k);

    k.tsval = 1000000;
    say(&k, .flags = ".", .seq = 1, .ack = 5000, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    k.tsval = 5001;
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_read(&k, sd, "abc");
    peer_end(&k);
}

/* More than 65,535 connections of one port. */
static void test_tcp_regress_many_users_of_a_port(void)
{
    struct peer k;

    peer_begin(&k);
    k.net.tcp.port_users[H_PORT] = UINT16_MAX;
    int sd = established(&k);

    T_EQ(k.net.tcp.port_users[H_PORT], UINT16_MAX + 1);
    sock_abort(net_socks(&k.net), sd);
    k.net.tcp.port_users[H_PORT] = 0;
    peer_settle(&k);
    peer_forget(&k);
    peer_end(&k);
}

/* Only the peer's own FIN starts 2 MSL again, and a SYN that cannot be served is answered. */
static void test_tcp_regress_time_wait_strange_fin(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait(&k);
    expect_nothing(&k, NET_SEC(50));
    say(&k, .flags = "F.", .seq = 30000, .ack = 2, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    say(&k, .flags = "F.", .seq = 30000, .ack = 2, .win = 1000);
    expect_nothing(&k, 0); /* throttled */
    expect_nothing(&k, NET_MS(200));
    say(&k, .flags = "S", .seq = 50000, .win = 1000); /* nobody listens */
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_nothing(&k, NET_SEC(10));
    expect_state(&k, "CLOSED");
    peer_end(&k);
}

/* Duplicate ACKs say that a segment has left the network: never of more than were in it. */
static void test_tcp_regress_duplicates_inflate_within_bounds(void)
{
    static char text[20 * 1460];
    struct tcp_status s;
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, text, sizeof(text));
    peer_forget(&k);
    for (int i = 0; i < 1000; i++) {
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
        peer_forget(&k);
    }
    T_NEED(peer_status(&k, &s));
    T_TRUE(s.cwnd <= s.ssthresh + sizeof(text));
    peer_end(&k);
}

/* The window was taken back while a segment was in flight: as long as the peer answers, the
 * connection lives. REQ: TCP-MUST-37 */
static void test_tcp_regress_shut_window_in_flight(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5);
    for (int i = 0; i < 30; i++) {
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 0);
        peer_run_to_frame(&k, NET_SEC(200));
        expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5);
    }
    T_TRUE(k.now > NET_SEC(1200));
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}

/* Our FIN lies behind the peer's window; ACKs of the peer's data must not, or it drops them. */
static void test_tcp_regress_ack_lies_in_the_window(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 5);
    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5);
    say(&k, .flags = ".", .seq = 1, .ack = 6, .win = 0);
    sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR);
    peer_settle(&k);
    peer_forget(&k); /* the FIN, which a peer may refuse */
    say(&k, .flags = "P.", .seq = 1, .ack = 6, .win = 0, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 6, .ack = 4);
    peer_forget(&k);
    peer_end(&k);
}

/* A reset for @seg waits for a neighbour that does not answer, until it is dropped. */
static void let_it_fail(struct peer *k, const struct tcp_seg *seg)
{
    tcp_reply_rst(&k->net.tcp, seg);
    for (int i = 0; i < 3; i++) {
        struct pkt *p;

        T_EQ(net_output(&k->net, &p, 1, k->now), 1);
        pkt_release(p);
        k->now += NET_SEC(1);
        net_input(&k->net, NULL, 0, k->now);
    }
}

/* net_output() gave nothing, so nothing is due, also when all that was due was refused below. */
static void test_tcp_regress_nothing_means_nothing(void)
{
    struct tcp_seg seg = {.src = ip_addr_v4(0x0a000063),
                          .dst = ip_addr_v4(H_IP),
                          .src_port = 9,
                          .dst_port = 9,
                          .flags = TCP_SYN};
    struct pkt *out[4];
    struct peer k;

    peer_begin(&k);
    let_it_fail(&k, &seg);
    T_EQ(peer_drops(&k, V_DROP_ARP_UNRESOLVED), 1);
    for (int i = 0; i < 20; i++)
        tcp_reply_rst(&k.net.tcp, &seg);
    T_EQ(net_output(&k.net, out, ARRAY_LEN(out), k.now), 0);
    T_TRUE(net_deadline(&k.net) > k.now);
    T_EQ(peer_drops(&k, V_DROP_ARP_RATE), 20);
    peer_end(&k);
}

/* One byte far ahead of a hole takes a buffer up to there: that must not take it from all others. */
static void test_tcp_regress_holes_do_not_eat_the_arena(void)
{
    struct net_config cfg;
    struct peer k;
    int sd = -1;

    peer_config(&cfg);
    cfg.buffer_bytes = (size_t)4 << 20;
    cfg.tcp.connections = 128;
    peer_begin_with(&k, &cfg);
    int listener = peer_listen(&k, 200);

    for (uint16_t i = 0; i < 50; i++) {
        peer_tuple(&k, (uint16_t)(2000 + i), H_PORT);
        say(&k, .flags = "S", .win = 1000);
        expect_tcp(&k, .flags = "S.", .ack = 1);
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
        sd = peer_accept(&k, listener);
        say(&k, .flags = ".", .seq = 60000, .ack = 1, .win = 1000, .len = 1);
        peer_forget(&k);
    }
    T_TRUE(k.net.core.bufs.used <= (2u << 20));
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_read(&k, sd, "abc");
    peer_end(&k);
}

/* No buffer for the user's bytes: he is neither left waiting for ever nor told to try at once. */
static void test_tcp_regress_no_buffer_to_send(void)
{
    struct net_config cfg;
    struct peer k;
    uint32_t cap;

    peer_config(&cfg);
    cfg.buffer_bytes = (size_t)4 << 20;
    peer_begin_with(&k, &cfg);
    int sd = established(&k);
    uint8_t *all = buddy_alloc(&k.net.core.bufs, (size_t)4 << 20, &cap);

    T_NEED(all != NULL);
    T_TRUE(poll_events(net_socks(&k.net), sd) & SOCK_OUT);
    T_EQ(sock_send(net_socks(&k.net), sd, "hello", 5, 0), -EAGAIN);
    T_FALSE(poll_events(net_socks(&k.net), sd) & SOCK_OUT);
    buddy_free(&k.net.core.bufs, all);
    expect_nothing(&k, NET_MS(20));
    T_TRUE(poll_events(net_socks(&k.net), sd) & SOCK_OUT);
    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5);
    peer_end(&k);
}

/* The SYN came twice, so the SYN,ACK left twice: which was answered is not known (Karn).
 * REQ: TCP-MUST-18 */
static void test_tcp_regress_two_syn_acks_give_no_sample(void)
{
    struct tcp_status s;
    struct peer k;

    peer_begin(&k);
    syn_rcvd(&k);
    peer_advance(&k, NET_MS(300));
    say(&k, .flags = "S", .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = "S.", .ack = 1);
    peer_advance(&k, NET_MS(300));
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    T_NEED(peer_status(&k, &s));
    T_EQ(s.srtt, 0);
    peer_end(&k);
}

static struct trace_conn drop_conn;
static void note_drop(void *ctx, const struct trace_ev *ev)
{
    (void)ctx;
    if (ev->kind == TRACE_drop)
        drop_conn = ev->conn;
}

/* A drop on the way out is told with our end as the local one, as everywhere. */
static void test_tcp_regress_drop_on_the_way_out(void)
{
    struct tcp_seg seg = {.src = ip_addr_v4(0x0a000063),
                          .dst = ip_addr_v4(H_IP),
                          .src_port = 9,
                          .dst_port = 80,
                          .flags = TCP_SYN};
    struct peer k;

    peer_begin(&k);
    k.net.core.trace.sink = note_drop;
    k.net.core.trace.mask = 1u << TRACE_drop;
    let_it_fail(&k, &seg);
    T_EQ(drop_conn.lport, 80);
    T_EQ(drop_conn.rport, 9);
    T_TRUE(ip_addr_eq(drop_conn.local, ip_addr_v4(H_IP)));
    k.net.core.trace.mask = 0;
    peer_end(&k);
}

T_MAIN("tcp_regress", T(test_tcp_regress_una_comes_round_to_iss),
       T(test_tcp_regress_recover_does_not_grow_old), T(test_tcp_regress_syn_ack_meets_timeout),
       T(test_tcp_regress_window_closes_in_small_steps),
       T(test_tcp_regress_third_segment_without_timestamp),
       T(test_tcp_regress_paws_is_no_ack_storm),
       T(test_tcp_regress_bad_ack_does_not_touch_ts_recent),
       T(test_tcp_regress_many_users_of_a_port), T(test_tcp_regress_time_wait_strange_fin),
       T(test_tcp_regress_duplicates_inflate_within_bounds),
       T(test_tcp_regress_shut_window_in_flight), T(test_tcp_regress_ack_lies_in_the_window),
       T(test_tcp_regress_nothing_means_nothing), T(test_tcp_regress_holes_do_not_eat_the_arena),
       T(test_tcp_regress_no_buffer_to_send), T(test_tcp_regress_two_syn_acks_give_no_sample),
       T(test_tcp_regress_drop_on_the_way_out))
