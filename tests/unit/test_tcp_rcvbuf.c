/* test_tcp_rcvbuf.c - the bounds of right-sizing; over a path it is tests/sim/test_rcvbuf.c's. */
#include "hosts.h"
#include "l4_transport/tcp_priv.h"
#include "l5_session/sock_priv.h"

/* A connection from a to b; its block at b. */
struct pair {
    struct hosts h;
    int listener, sd[2];
    struct tcb *t;
};

static void pair_begin(struct pair *p, const struct net_config *b)
{
    struct sock_addr at = {HOST_B, 80};
    struct net_config a;

    hosts_config(&a, 1);
    hosts_begin_with(&p->h, &a, b);
    p->listener = sock_open(net_socks(&p->h.b), SOCK_KIND_TCP);
    T_EQ(sock_bind(net_socks(&p->h.b), p->listener, &at), 0);
    T_EQ(sock_listen(net_socks(&p->h.b), p->listener, 1), 0);
    p->sd[0] = sock_open(net_socks(&p->h.a), SOCK_KIND_TCP);
    T_EQ(sock_connect(net_socks(&p->h.a), p->sd[0], &at), -EINPROGRESS);
    hosts_run(&p->h, NET_MS(1));
    p->sd[1] = sock_accept(net_socks(&p->h.b), p->listener, NULL);
    T_NEED(p->sd[1] >= 0);
    p->t = sock_at(net_socks(&p->h.b), p->sd[1])->as.t;
}

static void pair_end(struct pair *p)
{
    sock_abort(net_socks(&p->h.a), p->sd[0]);
    sock_abort(net_socks(&p->h.b), p->sd[1]);
    sock_close(net_socks(&p->h.b), p->listener);
    hosts_end(&p->h);
}

/* As if the user had taken @bytes in the round trip that ends now. */
static uint32_t pair_reads(struct pair *p, uint32_t bytes)
{
    struct tcb *t = p->t;

    t->rcvq.rtt = NET_US(500);
    t->rcvq.since = p->h.now - NET_US(500);
    t->rcvq.space = 14600;
    t->rcvq.from = seq_sub(t->rcv_nxt, bytes);
    tcp_rcvbuf_read(t);
    return t->rcvbuf;
}

static void test_tcp_rcvbuf_grows_by_what_is_read(void)
{
    struct net_config b;
    struct pair p;

    hosts_config(&b, 2);
    b.tcp.rcvbuf = 20000;
    pair_begin(&p, &b);
    T_EQ(pair_reads(&p, 14600), 20000); /* not more than before */
    uint32_t least = 2 * 20000 + 16 * 1460;

    T_TRUE(pair_reads(&p, 20000) >= least && p.t->rcvbuf <= 4 * least);
    T_EQ(p.t->rcvq.space, 20000);
    uint32_t now = p.t->rcvbuf;

    T_EQ(pair_reads(&p, 15000), now); /* never smaller again */
    p.t->rcvq.since = p.h.now;        /* in the middle of a round trip: not yet */
    p.t->rcvq.from = seq_sub(p.t->rcv_nxt, 1000000);
    tcp_rcvbuf_read(p.t);
    T_EQ(p.t->rcvbuf, now);
    pair_end(&p);
}

/* A block is not packed while a growth is on its way, nor in the middle of the round trip that is counted;
 * after a timeout of silence the count begins anew anyway. */
static void test_tcp_rcvbuf_rests_between_round_trips(void)
{
    struct net_config b;
    struct pair p;

    hosts_config(&b, 2);
    pair_begin(&p, &b);
    struct tcb *t = p.t;

    T_TRUE(tcp_rcvbuf_rests(t)); /* nothing has come */
    t->rcvq.rtt = NET_MS(10);
    t->rcvq.space = 14600;
    t->rcvq.heard = p.h.b.core.now;
    t->rcvq.from = seq_sub(t->rcv_nxt, 100);
    T_FALSE(tcp_rcvbuf_rests(t));
    t->rcvq.heard = p.h.b.core.now - NET_MS(10);
    T_TRUE(tcp_rcvbuf_rests(t));
    t->rcvq.from = seq_sub(t->rcv_nxt, 14601);
    T_FALSE(tcp_rcvbuf_rests(t));
    t->rcvq.heard = p.h.b.core.now - t->rto - 1;
    T_TRUE(tcp_rcvbuf_rests(t));
    pair_end(&p);
}

/* 16 MiB of arena: no block of it is larger than 4 MiB. */
static void test_tcp_rcvbuf_is_bounded(void)
{
    struct net_config b;
    struct pair p;

    hosts_config(&b, 2);
    pair_begin(&p, &b);
    T_EQ(pair_reads(&p, 100000000), buddy_largest(&p.h.b.core.bufs));
    pair_end(&p);
    b.tcp.rcvbuf_max = 300000;
    pair_begin(&p, &b);
    T_EQ(pair_reads(&p, 100000000), 300000);
    pair_end(&p);
    b.tcp.window_scaling = false; /* then there is no more to offer than this */
    b.tcp.rcvbuf = 30000;
    pair_begin(&p, &b);
    T_EQ(pair_reads(&p, 100000000), 65535);
    pair_end(&p);
}

static void test_tcp_rcvbuf_stays_when_set_off_or_scarce(void)
{
    struct net_config b;
    struct pair p;
    uint8_t *taken[2];
    uint32_t cap;

    hosts_config(&b, 2);
    pair_begin(&p, &b);
    T_EQ(sock_setopt(net_socks(&p.h.b), p.sd[1], SOCK_OPT_RCVBUF, 50000), 0);
    T_EQ(pair_reads(&p, 1000000), 50000);
    pair_end(&p);
    pair_begin(&p, &b);
    p.h.b.tcp.cfg.moderate_rcvbuf = false;
    T_EQ(pair_reads(&p, 1000000), b.tcp.rcvbuf);
    p.h.b.tcp.cfg.moderate_rcvbuf = true;
    for (unsigned i = 0; i < 2; i++)
        taken[i] = buddy_alloc(&p.h.b.core.bufs, 4 << 20, &cap);
    T_EQ(pair_reads(&p, 1000000), b.tcp.rcvbuf);
    T_EQ(tcp_rcvbuf_limit(p.t), RING_SCARCE);
    p.t->cwnd = 10 << 20;
    tcp_sndbuf_grow(p.t);
    T_EQ(p.t->sndbuf, b.tcp.sndbuf);
    for (unsigned i = 0; i < 2; i++)
        buddy_free(&p.h.b.core.bufs, taken[i]);
    T_EQ(tcp_rcvbuf_limit(p.t), b.tcp.rcvbuf);
    T_TRUE(pair_reads(&p, 1000000) > b.tcp.rcvbuf);
    pair_end(&p);
}

static void test_tcp_sndbuf_holds_two_windows(void)
{
    struct net_config b;
    struct pair p;

    hosts_config(&b, 2);
    b.tcp.sndbuf_max = 3000000;
    pair_begin(&p, &b);
    p.t->cwnd = b.tcp.sndbuf / 2;
    tcp_sndbuf_grow(p.t);
    T_EQ(p.t->sndbuf, b.tcp.sndbuf);
    p.t->cwnd = 1000000;
    tcp_sndbuf_grow(p.t);
    T_EQ(p.t->sndbuf, 2000000);
    p.t->cwnd = 1u << 31;
    tcp_sndbuf_grow(p.t);
    T_EQ(p.t->sndbuf, 3000000);
    p.t->cwnd = 14600;
    T_EQ(sock_setopt(net_socks(&p.h.b), p.sd[1], SOCK_OPT_SNDBUF, 10000), 0);
    tcp_sndbuf_grow(p.t);
    T_EQ(p.t->sndbuf, 10000);
    pair_end(&p);
}

/* Where a round trip is short, no wire could fill more than a few megabytes. */
static void test_tcp_bufs_stay_small_on_a_short_path(void)
{
    static const struct {
        net_time rtt;
        uint32_t most;
    } rows[] = {
        {NET_US(30),  4 << 20    },
        {NET_US(400), 9600000    },
        {NET_MS(1),   65535u << 8},
        {NET_MS(100), 65535u << 8},
        {0,           65535u << 8}, /* not known */
    };
    struct net_config b;
    struct pair p;

    hosts_config(&b, 2);
    b.buffer_bytes = (size_t)128 << 20;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pair_begin(&p, &b);
        p.t->min_rtt = rows[i].rtt;
        p.t->cwnd = 1u << 30;
        tcp_sndbuf_grow(p.t);
        T_EQ(p.t->sndbuf, rows[i].most);
        if (rows[i].rtt != 0) {
            p.t->rcvq.rtt = rows[i].rtt;
            p.t->rcvq.since = p.h.now - rows[i].rtt;
            p.t->rcvq.space = 14600;
            p.t->rcvq.from = seq_sub(p.t->rcv_nxt, 100000000);
            tcp_rcvbuf_read(p.t);
            T_EQ(p.t->rcvbuf, rows[i].most);
        }
        pair_end(&p);
    }
}

/* What a queue in front of us holds is shared by those that data come in for, and by nobody else. */
static void test_tcp_windows_share_the_queue_in_front(void)
{
    struct net_config b;
    struct pair p;
    struct tcp *tcp = &p.h.b.tcp;
    uint8_t bytes[4096] = {0};

    hosts_config(&b, 2);
    b.tcp.rcv_room = 40000;
    b.tcp.rcvbuf = 1000000;
    pair_begin(&p, &b);
    T_EQ(tcp_rcvbuf_share(p.t), 40000);
    for (unsigned i = 0; i < 100; i++) {
        sock_send(net_socks(&p.h.a), p.sd[0], bytes, sizeof(bytes), 0);
        hosts_run(&p.h, NET_MS(1));
        while (sock_recv(net_socks(&p.h.b), p.sd[1], bytes, sizeof(bytes), 0) > 0)
            ;
        T_TRUE(i < 20 || tcp_rcv_wnd(p.t) <= 40000 + (1u << p.t->rcv_wnd_shift));
        T_TRUE(i < 20 || tcp_rcv_wnd(p.t) > 20000);
    }
    T_EQ(p.t->bytes_in, 100 * sizeof(bytes));
    T_EQ(u32_max(tcp->rcv_busy.now, tcp->rcv_busy.before), 1); /* one, however often data came */
    p.t->rcvq.came = tcp->rcv_busy.now = tcp->rcv_busy.before = 0;
    hosts_run(&p.h, NET_MS(70));
    sock_send(net_socks(&p.h.a), p.sd[0], bytes, 1,
              0); /* who trickles takes nothing from the others */
    hosts_run(&p.h, NET_MS(1));
    T_EQ(p.t->rcvq.came, 1);
    T_EQ(tcp->rcv_busy.now, 0);
    tcp->rcv_busy.before = 4;
    T_EQ(tcp_rcvbuf_share(p.t), 10000);
    tcp->rcv_busy.before = 1000;
    T_EQ(tcp_rcvbuf_share(p.t), 2 * p.t->rcv_mss);
    hosts_run(&p.h, NET_MS(200)); /* those others are silent: all of it is ours again */
    sock_send(net_socks(&p.h.a), p.sd[0], bytes, 100, 0);
    hosts_run(&p.h, NET_MS(1));
    T_EQ(tcp_rcvbuf_share(p.t), 40000);
    tcp->cfg.rcv_room = 0;
    T_EQ(tcp_rcvbuf_share(p.t), UINT32_MAX);
    while (sock_recv(net_socks(&p.h.b), p.sd[1], bytes, sizeof(bytes), 0) > 0)
        ;
    pair_end(&p);
}

/* The scale of the SYN is for ever: it covers what the buffer may become (RFC 7323 section 2.3). */
static void test_tcp_rcvbuf_scale_covers_the_bound(void)
{
    struct net_config b;
    struct pair p;

    hosts_config(&b, 2);
    pair_begin(&p, &b);
    struct tcp *tcp = &p.h.b.tcp;

    T_EQ(tcp_window_shift(tcp, 0), 8);
    tcp->cfg.rcvbuf_max = (UINT16_MAX << 8) + 256;
    T_EQ(tcp_window_shift(tcp, 0), 9);
    T_EQ(tcp_window_shift(tcp, 100000), 8); /* set by the user: it will not grow */
    tcp->cfg.moderate_rcvbuf = false;
    T_EQ(tcp_window_shift(tcp, 0), 8);
    pair_end(&p);
}

T_MAIN("tcp_rcvbuf", T(test_tcp_rcvbuf_grows_by_what_is_read),
       T(test_tcp_rcvbuf_rests_between_round_trips), T(test_tcp_rcvbuf_is_bounded),
       T(test_tcp_rcvbuf_stays_when_set_off_or_scarce), T(test_tcp_sndbuf_holds_two_windows),
       T(test_tcp_windows_share_the_queue_in_front), T(test_tcp_bufs_stay_small_on_a_short_path),
       T(test_tcp_rcvbuf_scale_covers_the_bound))
