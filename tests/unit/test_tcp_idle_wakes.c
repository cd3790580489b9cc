/* test_tcp_idle_wakes.c - connections that rest: who wakes them, who is packed when, and what of it there is. */
#include "rest.h"

static void test_tcp_idle_wakes_by_a_segment_and_by_its_user(void)
{
    static struct rest r;
    uint8_t byte;

    rest_begin(&r);
    T_NEED(rest_pack(&r.h.a) && rest_pack(&r.h.b));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), -EAGAIN);
    T_EQ(poll_events(r.b, r.sb), SOCK_OUT);
    struct sock_addr me, peer;

    T_EQ(sock_name(r.b, r.sb, &me), 0);
    T_EQ(sock_peer(r.b, r.sb, &peer), 0);
    T_TRUE(ip_addr_eq(me.ip, HOST_B) && me.port == 80 && ip_addr_eq(peer.ip, HOST_A));
    T_TRUE(is_packed(&r.h.b, r.sb) && is_packed(&r.h.a, r.sa)); /* none of these needs a block */
    T_EQ(sock_connect(r.a, r.sa, &(struct sock_addr){HOST_B, 80}), -EISCONN);

    T_EQ(sock_send(r.a, r.sa, "x", 1, 0), 1);
    T_TRUE(!is_packed(&r.h.a, r.sa));
    hosts_run(&r.h, NET_MS(1));
    T_TRUE(!is_packed(&r.h.b, r.sb));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), 1);
    T_EQ(r.h.b.tcp.stats.unpacked, 1);
    T_EQ(r.h.a.tcp.stats.packed, 1);
    rest_end(&r);
}

/* An ICMP error can only be about something in flight: it wakes nobody. */
static void test_tcp_idle_icmp_wakes_nobody(void)
{
    static struct rest r;
    uint8_t quoted[8] = {0, 80};

    rest_begin(&r);
    struct tcb *t = rest_tcb(&r.h.b, r.sb);
    struct ip_error e = {
        .kind = IP_ERR_PORT_UNREACH,
        .local = HOST_B,
        .remote = HOST_A,
        .proto = IP_PROTO_TCP,
        .quoted = {quoted, sizeof(quoted)}
    };

    quoted[2] = (uint8_t)(t->conn.id.rport >> 8);
    quoted[3] = (uint8_t)t->conn.id.rport;
    T_NEED(rest_pack(&r.h.b));
    T_EQ(tcp_input_error(&r.h.b.tcp, &e), V_DROP_ICMP4_NO_OWNER);
    T_TRUE(is_packed(&r.h.b, r.sb));
    T_TRUE(tcp_port_in_use(&r.h.b.tcp, HOST_B, 80, false)); /* and the port is still taken */
    rest_end(&r);
}

/* After a long rest the window is what RFC 5681 section 4.1 allows. */
static void test_tcp_idle_window_restarts(void)
{
    static struct rest r;

    for (unsigned packs = 0; packs < 2; packs++) {
        rest_begin(&r);
        for (unsigned i = 0; i < 30; i++)
            rest_say(&r, true, 100000);
        hosts_run(&r.h, NET_MS(100));
        uint32_t before = rest_tcb(&r.h.a, r.sa)->cwnd;

        T_TRUE(before > 3 * 14600);
        if (packs)
            T_NEED(rest_pack(&r.h.a));
        hosts_run(&r.h, NET_SEC(10));
        T_EQ(sock_send(r.a, r.sa, "x", 1, 0), 1);
        struct tcb *t = rest_tcb(&r.h.a, r.sa);

        T_EQ(t->cwnd, 10u * t->snd_mss);
        T_TRUE(t->ssthresh >= before / 4 * 3);
        rest_end(&r);
    }
}

/* Keep-alives leave at their moment, and a dead peer is noticed at its moment. */
static void test_tcp_idle_keepalive(void)
{
    static struct rest r;
    uint8_t byte;

    rest_begin(&r);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEPALIVE, 1), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_IDLE, 100), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_INTERVAL, 10), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_COUNT, 3), 0);
    net_time at = rest_tcb(&r.h.b, r.sb)->keep_at;

    T_NEED(rest_pack(&r.h.b) && rest_pack(&r.h.a));
    T_TRUE(net_deadline(&r.h.b) <= at);
    hosts_run(&r.h, at - r.h.now - 1);
    T_EQ(r.h.b.tcp.stats.keepalives, 0);
    T_TRUE(is_packed(&r.h.b, r.sb));
    hosts_run(&r.h, 1);
    hosts_run(&r.h, 1);
    T_EQ(r.h.b.tcp.stats.keepalives, 1); /* and it was answered */
    T_NEED(rest_pack(&r.h.b));
    r.h.is_cut = true;
    hosts_run(&r.h, NET_SEC(100 + 3 * 10) - NET_MS(1));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), -EAGAIN);
    hosts_run(&r.h, NET_SEC(1));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), -ETIMEDOUT);
    T_EQ(r.h.b.tcp.stats.keepalives, 4);
    r.h.is_cut = false;
    rest_end(&r);
}

/* ---- orphans ---- */

/* b closes, a does not: FIN-WAIT-2 without a user, packed. */
static void rest_orphan(struct rest *r)
{
    rest_begin(r);
    T_EQ(sock_close(r->b, r->sb), 0);
    hosts_run(&r->h, NET_MS(1));
    T_EQ(r->h.b.tcp.tcbs.used, 1);
    T_NEED(rest_pack(&r->h.b));
    T_EQ(r->h.b.tcp.tcbs.used, 0);
    T_EQ(r->h.b.tcp.idle_larges.used, 1);
    T_EQ(r->h.b.tcp.idle_orphans, 1);
}

static void rest_orphan_end(struct rest *r)
{
    T_EQ(r->h.b.tcp.idle_orphans, 0);
    sock_close(r->a, r->sa);
    sock_close(r->b, r->la);
    poll_close(r->a, 0);
    poll_close(r->b, 0);
    hosts_end(&r->h);
}

static void test_tcp_idle_orphan_times_out(void)
{
    static struct rest r;

    rest_orphan(&r);
    hosts_run(&r.h, NET_SEC(59));
    T_EQ(net_connections(&r.h.b), 1);
    hosts_run(&r.h, NET_SEC(1));
    T_EQ(net_connections(&r.h.b), 0);
    T_EQ(r.h.b.tcp.tcbs.used, 0);
    T_EQ(r.h.b.tcp.stats.unpacked, 0); /* which needs no block */
    rest_orphan_end(&r);
}

static void test_tcp_idle_orphan_gets_its_fin(void)
{
    static struct rest r;

    rest_orphan(&r);
    T_EQ(sock_shutdown(r.a, r.sa, SOCK_SHUT_WR), 0);
    hosts_run(&r.h, NET_MS(1));
    T_EQ(r.h.b.tcp.tws.used, 1);
    T_EQ(r.h.b.tcp.tcbs.used, 0);
    rest_orphan_end(&r);
}

/* Data for a user who has gone: RFC 1122 section 4.2.2.13. */
static void test_tcp_idle_orphan_resets_data(void)
{
    static struct rest r;
    uint8_t byte;

    rest_orphan(&r);
    T_EQ(sock_send(r.a, r.sa, "x", 1, 0), 1);
    hosts_run(&r.h, NET_MS(1));
    T_EQ(net_connections(&r.h.b), 0);
    T_EQ(sock_recv(r.a, r.sa, &byte, 1, 0), -EPIPE);
    rest_orphan_end(&r);
}

/* ---- pools ---- */

enum { CROWD = 20 };

struct crowd {
    struct rest r;
    int a[CROWD], b[CROWD];
    unsigned count;
};

/* As many connections more as b has room for. */
static void crowd_grow(struct crowd *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        c->a[c->count] = sock_open(c->r.a, SOCK_KIND_TCP);
        T_EQ(sock_connect(c->r.a, c->a[c->count], &(struct sock_addr){HOST_B, 80}), -EINPROGRESS);
        hosts_run(&c->r.h, NET_MS(1));
        c->b[c->count] = sock_accept(c->r.b, c->r.la, NULL);
        rest_tell(&c->r.h.a);
        rest_tell(&c->r.h.b);
        c->count++;
    }
}

static void crowd_begin(struct crowd *c, const struct net_config *a, const struct net_config *b,
                        unsigned count)
{
    c->count = 0;
    rest_begin_with(&c->r, a, b);
    crowd_grow(c, count);
}

static void crowd_end(struct crowd *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        sock_close(c->r.a, c->a[i]);
        sock_close(c->r.b, c->b[i]);
        hosts_run(&c->r.h, NET_MS(1));
    }
    rest_end(&c->r);
}

/* Four blocks, twenty connections: the hand packs who rests before anybody is refused. */
static void test_tcp_idle_makes_room(void)
{
    static struct crowd c;
    struct net_config a, b;

    rest_config(&a, &b);
    b.tcp.connections = 4;
    crowd_begin(&c, &a, &b, CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        T_TRUE(c.b[i] >= 0);
    T_EQ(c.r.h.b.tcp.idles.used, CROWD + 1 - 4);
    T_EQ(c.r.h.b.tcp.stats.orphans_evicted, 0);
    for (unsigned i = 0; i < 3 * CROWD; i++) { /* each of them talks */
        unsigned k = i * 7 % CROWD;
        uint8_t byte = (uint8_t)i, got = 0;

        T_EQ(sock_send(c.r.a, c.a[k], &byte, 1, 0), 1);
        hosts_run(&c.r.h, NET_MS(1));
        T_EQ(sock_recv(c.r.b, c.b[k], &got, 1, 0), 1);
        T_EQ(got, byte);
        rest_tell(&c.r.h.b);
        hosts_run(&c.r.h, NET_MS(50));
    }
    T_TRUE(c.r.h.b.tcp.tcbs.used <= 4);
    crowd_end(&c);
}

/* The limit above which the hand moves, although there are blocks left. */
static void test_tcp_idle_stays_below_full_idle(void)
{
    static struct crowd c;
    struct net_config a, b;

    rest_config(&a, &b);
    b.tcp.full_idle = 5;
    crowd_begin(&c, &a, &b, CROWD);
    T_EQ(c.r.h.b.tcp.tcbs.peak, 6);
    T_EQ(c.r.h.b.tcp.idles.used, CROWD + 1 - 6);
    T_EQ(c.r.h.a.tcp.stats.packed, 0); /* few connections never pay */
    crowd_end(&c);
}

/* Everybody is busy and nobody can be packed: a segment for one that rests waits, a call says so, and
 * close() ends it with a reset. */
static void test_tcp_idle_without_a_block(void)
{
    static struct crowd c;
    struct net_config a, b;
    uint8_t byte;

    rest_config(&a, &b);
    b.tcp.connections = 2;
    crowd_begin(&c, &a, &b, 3);
    T_EQ(c.r.h.b.tcp.idles.used, 2);
    for (unsigned i = 0; i < 3; i++)
        sock_send(c.r.a, c.a[i], "x", 1, 0);
    sock_send(c.r.a, c.r.sa, "x", 1, 0);
    hosts_run(&c.r.h, NET_MS(5)); /* two wake up and hold what nobody reads */
    T_TRUE(c.r.h.b.core.drops[V_DROP_TCP_TCB_POOL] > 0);
    int asleep = -1, other = -1;
    const int all[] = {c.r.sb, c.b[0], c.b[1], c.b[2]};

    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        if (is_packed(&c.r.h.b, all[i]))
            asleep = all[i];
        else
            other = all[i];
    }
    T_NEED(asleep >= 0 && other >= 0);
    T_EQ(sock_send(c.r.b, asleep, "y", 1, 0), -ENOBUFS);
    T_EQ(sock_shutdown(c.r.b, asleep, SOCK_SHUT_WR), -ENOBUFS);
    T_TRUE(is_packed(&c.r.h.b, asleep));
    T_EQ(sock_recv(c.r.b, other, &byte, 1, 0), 1); /* room again: the peer's next try succeeds */
    rest_tell(&c.r.h.b);
    hosts_run(&c.r.h, NET_SEC(2));
    T_EQ(sock_recv(c.r.b, asleep, &byte, 1, 0), 1);
    rest_tell(&c.r.h.b);
    hosts_run(&c.r.h, NET_SEC(2));
    crowd_end(&c);
}

static void test_tcp_idle_close_without_a_block(void)
{
    static struct crowd c;
    struct net_config a, b;
    uint8_t byte;

    rest_config(&a, &b);
    b.tcp.connections = 1;
    crowd_begin(&c, &a, &b, 1);
    T_TRUE(is_packed(&c.r.h.b, c.r.sb));
    sock_send(c.r.a, c.a[0], "x", 1, 0);
    hosts_run(&c.r.h, NET_MS(5));
    T_EQ(sock_close(c.r.b, c.r.sb), 0);
    hosts_run(&c.r.h, NET_MS(5));
    T_EQ(sock_recv(c.r.a, c.r.sa, &byte, 1, 0), -ECONNRESET);
    T_EQ(c.r.h.b.tcp.idles.used, 0);
    T_EQ(sock_recv(c.r.b, c.b[0], &byte, 1, 0), 1);
    crowd_end(&c);
}

/* cfg.idle 0 packs nothing; a full pool of records packs no more, whichever their size. */
static void test_tcp_idle_pool(void)
{
    static struct crowd c;
    struct net_config a, b;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t room = i & 1 ? 3 : 0;
        bool has_model = (i & 2) != 0;

        rest_config(&a, &b);
        b.tcp.idle = room;
        b.tcp.full_idle = 0;
        b.tcp.cc = (uint8_t)cc_by_name(has_model ? "bbr" : "cubic");
        crowd_begin(&c, &a, &b, CROWD);
        hosts_run(&c.r.h, NET_SEC(1));
        T_EQ(c.r.h.b.tcp.idles.used, has_model ? 0 : room);
        T_EQ(c.r.h.b.tcp.idle_models.used, has_model ? room : 0);
        T_EQ(c.r.h.b.tcp.tcbs.used, CROWD + 1 - room);
        crowd_end(&c);
    }
}

/* Orphans take no more than half of the large records. One that ends where it rests gives back all that it had. */
static void test_tcp_idle_orphans_have_a_share(void)
{
    static struct crowd c;
    struct net_config a, b;

    for (unsigned has_model = 0; has_model < 2; has_model++) {
        rest_config(&a, &b);
        b.tcp.idle = 8;
        b.tcp.full_idle = 0;
        b.tcp.cc = (uint8_t)cc_by_name(has_model ? "bbr" : "cubic");
        crowd_begin(&c, &a, &b, 7);
        for (unsigned i = 0; i < 7; i++)
            T_EQ(sock_close(c.r.b, c.b[i]), 0);
        hosts_run(&c.r.h, NET_SEC(1));
        const struct tcp *tcp = &c.r.h.b.tcp;

        T_EQ(tcp->idle_orphans, 4);
        T_EQ(tcp->idle_larges.used, has_model ? 0 : 4);
        T_EQ(tcp->tcbs.used, 3);
        T_EQ(tcp->idles.used, !has_model);
        T_EQ(tcp->idle_models.used, has_model ? 5 : 0);
        hosts_run(&c.r.h, NET_SEC(61)); /* FIN-WAIT-2 is over */
        T_EQ(tcp->idle_orphans, 0);
        T_EQ(tcp->tcbs.used + tcp_idle_count(tcp), 1);
        crowd_end(&c);
    }
}

/* ---- ten thousand ---- */

enum { MANY = 10000 };

/* What a connection at rest costs TCP, exactly, by what the pools hand out. */
static void test_tcp_idle_bytes_per_connection(void)
{
    static struct rest r;
    static int sa[MANY], sb[MANY];
    struct net_config cfg[2];

    rest_config(&cfg[0], &cfg[1]);
    for (unsigned i = 0; i < 2; i++) {
        cfg[i].tcp.connections = 256;
        cfg[i].tcp.idle = MANY;
        cfg[i].tcp.full_idle = 100;
        cfg[i].tcp.time_wait = MANY + 1;
        cfg[i].socks.sockets = MANY + 2;
    }
    rest_begin_with(&r, &cfg[0], &cfg[1]);
    for (unsigned i = 0; i < MANY; i++) {
        sa[i] = sock_open(r.a, SOCK_KIND_TCP);
        T_NEED(sock_connect(r.a, sa[i], &(struct sock_addr){HOST_B, 80}) == -EINPROGRESS);
        hosts_run(&r.h, NET_MS(1));
        sb[i] = sock_accept(r.b, r.la, NULL);
        T_NEED(sb[i] >= 0);
        rest_tell(&r.h.a);
        rest_tell(&r.h.b);
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct tcp *tcp = i == 0 ? &r.h.a.tcp : &r.h.b.tcp;

        T_EQ(tcp->tcbs.peak, 101); /* full_idle, and the one that is being made */
        T_EQ(tcp->idles.used, MANY + 1 - 101);
        T_EQ(tcp->idle_larges.used, 0);
        T_EQ(tcp->idles.size, 128);
    }
    for (unsigned i = 0; i < MANY; i += 97) { /* some of them talk */
        uint8_t byte = (uint8_t)i, got = 0;

        T_NEED(sock_send(r.a, sa[i], &byte, 1, 0) == 1);
        hosts_run(&r.h, NET_MS(1));
        T_NEED(sock_recv(r.b, sb[i], &got, 1, 0) == 1 && got == byte);
    }
    T_TRUE(r.h.b.tcp.tcbs.peak <= 110 && r.h.a.tcp.tcbs.peak <= 110);
    for (unsigned i = 0; i < MANY; i++) {
        sock_close(r.a, sa[i]);
        sock_close(r.b, sb[i]);
        hosts_run(&r.h, NET_MS(1));
    }
    rest_end(&r);
}

T_MAIN("tcp_idle_wakes", T(test_tcp_idle_wakes_by_a_segment_and_by_its_user),
       T(test_tcp_idle_icmp_wakes_nobody), T(test_tcp_idle_window_restarts),
       T(test_tcp_idle_keepalive), T(test_tcp_idle_orphan_times_out),
       T(test_tcp_idle_orphan_gets_its_fin), T(test_tcp_idle_orphan_resets_data),
       T(test_tcp_idle_makes_room), T(test_tcp_idle_stays_below_full_idle),
       T(test_tcp_idle_without_a_block), T(test_tcp_idle_close_without_a_block),
       T(test_tcp_idle_pool), T(test_tcp_idle_orphans_have_a_share),
       T(test_tcp_idle_bytes_per_connection))
