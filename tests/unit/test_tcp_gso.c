/*
 * Super-segments: many segments that leave, and arrive, as one frame with gso_size set.
 */
#include <errno.h>

#include "hosts.h"
#include "l4_transport/tcp_priv.h"

enum { GSO_PORT = 80, GSO_FRAMES = 4096 };

/* What left host a with payload, in order. */
struct gso_frame {
    uint32_t len; /* of the payload */
    uint16_t gso_size;
    uint16_t id; /* of the datagram */
    uint8_t flags;
    tcp_seq seq;
};

struct gso_pair {
    struct hosts h;
    int listener, a, b; /* a talks, b listens */
    struct gso_frame seen[GSO_FRAMES];
    unsigned count;
    uint32_t lose; /* the frame of that number from now on is lost; 0: none */
    uint32_t acks; /* frames that b sent */
};

static struct gso_pair pair;

static void gso_note(struct gso_pair *g, const struct pkt *p)
{
    struct tcp_seg seg = {0};

    T_NEED(tcp_parse(&seg, (struct span){p->buf + p->l4, p->off + p->len - p->l4}) == V_NEXT);
    uint32_t len = p->off + pkt_total(p) - p->l4 - seg.hdr_len;

    if (len > 0 && g->count < GSO_FRAMES)
        g->seen[g->count++] = (struct gso_frame){len, p->gso_size, get16(p->buf + p->l3 + IP4_ID),
                                                 seg.flags, seg.seq};
}

/* As two virtual machines pass frames: partial checksums and gso_size go along. */
static size_t gso_move(struct gso_pair *g, struct net *from, struct net *to)
{
    struct pkt *out[32];
    size_t count = net_output(from, out, ARRAY_LEN(out), g->h.now);

    for (size_t i = 0; i < count; i++) {
        struct pkt *p = out[i], *q = NULL;

        if (from == &g->h.a && p->proto == IP_PROTO_TCP)
            gso_note(g, p);
        g->acks += from == &g->h.b;
        if (from != &g->h.a || g->lose == 0 || --g->lose > 0)
            q = pkt_alloc(&to->core.bigs, PKT_HEADROOM);
        if (q != NULL) {
            pkt_copy_out(p, pkt_append(q, pkt_total(p)));
            q->csum = p->csum == CSUM_PARTIAL ? CSUM_VERIFIED : CSUM_NONE;
            q->gso_size = p->gso_size;
            net_input(to, &q, 1, g->h.now);
        }
        pkt_release(p);
    }
    return count;
}

static void gso_run(struct gso_pair *g, net_time span)
{
    net_time end = g->h.now + span;

    for (;;) {
        while (gso_move(g, &g->h.a, &g->h.b) + gso_move(g, &g->h.b, &g->h.a) > 0)
            ;
        g->h.now = net_time_min(net_time_min(net_deadline(&g->h.a), net_deadline(&g->h.b)), end);
        net_input(&g->h.a, NULL, 0, g->h.now);
        net_input(&g->h.b, NULL, 0, g->h.now);
        if (g->h.now == end)
            return;
    }
}

static void gso_begin_with(uint16_t gso_max, uint16_t mtu)
{
    struct gso_pair *g = &pair;
    struct net_config a, b;
    struct sock_addr to = {HOST_B, GSO_PORT};

    *g = (struct gso_pair){0};
    hosts_config(&a, 1);
    hosts_config(&b, 2);
    a.ifs[0].gso_max = gso_max;
    a.ifs[0].mtu = b.ifs[0].mtu = mtu;
    a.bigs = b.bigs = 64;
    hosts_begin_with(&g->h, &a, &b);
    g->listener = sock_open(net_socks(&g->h.b), SOCK_KIND_TCP);
    T_EQ(sock_bind(net_socks(&g->h.b), g->listener, &to), 0);
    T_EQ(sock_listen(net_socks(&g->h.b), g->listener, 0), 0);
    g->a = sock_open(net_socks(&g->h.a), SOCK_KIND_TCP);
    T_EQ(sock_connect(net_socks(&g->h.a), g->a, &to), -EINPROGRESS);
    gso_run(g, NET_MS(1));
    g->b = sock_accept(net_socks(&g->h.b), g->listener, NULL);
    T_TRUE(g->b >= 0);
}

static void gso_begin(uint16_t gso_max)
{
    gso_begin_with(gso_max, 1500);
}

static void gso_end(void)
{
    struct gso_pair *g = &pair;

    sock_close(net_socks(&g->h.a), g->a);
    sock_close(net_socks(&g->h.b), g->b);
    sock_close(net_socks(&g->h.b), g->listener);
    gso_run(g, NET_SEC(120));
    hosts_check_empty(&g->h.a);
    hosts_check_empty(&g->h.b);
    free(g->h.memory[0]);
    free(g->h.memory[1]);
}

static uint8_t gso_byte(uint32_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

static uint32_t gso_write(uint32_t from, uint32_t len, unsigned flags)
{
    uint8_t bytes[70000];

    T_NEED(len <= sizeof(bytes));
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = gso_byte(from + i);
    int n = sock_send(net_socks(&pair.h.a), pair.a, bytes, len, flags);

    return n > 0 ? (uint32_t)n : 0;
}

/* Read all that is there and compare. Return: bytes so far. */
static uint32_t gso_read(uint32_t from)
{
    uint8_t bytes[65536];
    int n;

    while ((n = sock_recv(net_socks(&pair.h.b), pair.b, bytes, sizeof(bytes), 0)) > 0)
        for (int i = 0; i < n; i++)
            T_NEED(bytes[i] == gso_byte(from++));
    return from;
}

enum { GSO_MSS = 1448 };

/* The first flight is the initial window, as one frame; the ACK of it is one, too. */
static void test_gso_first_flight(void)
{
    struct gso_pair *g = &pair;

    gso_begin(UINT16_MAX);
    T_EQ(gso_write(0, 60000, 0), 60000);
    gso_move(g, &g->h.a, &g->h.b);
    T_EQ(g->count, 1);
    T_EQ(g->seen[0].len, 10 * GSO_MSS);
    T_EQ(g->seen[0].gso_size, GSO_MSS);
    T_FALSE(g->seen[0].flags & TCP_PSH);
    const struct tcp_stats *st = &g->h.a.tcp.stats;
    uint64_t before = st->segs_out;

    g->acks = 0;
    gso_move(g, &g->h.b, &g->h.a);
    T_EQ(g->acks, 1);
    gso_run(g, NET_MS(1));
    T_TRUE(st->segs_out - before >= 30); /* segments are counted, not frames */
    T_EQ(g->h.b.tcp.stats.segs_in, g->h.a.tcp.stats.segs_out);
    T_EQ(gso_read(0), 60000);
    gso_end();
}

/* The end of what was written goes with the rest of it where nothing would hold it back. */
static void test_gso_tail(void)
{
    struct gso_pair *g = &pair;

    gso_begin(UINT16_MAX);
    T_EQ(gso_write(0, 4000, 0), 4000); /* Nagle: the tail waits for the ACK of the others */
    gso_move(g, &g->h.a, &g->h.b);
    T_EQ(g->count, 1);
    T_EQ(g->seen[0].len, 2 * GSO_MSS);
    gso_run(g, NET_MS(1));
    T_EQ(g->count, 2);
    T_TRUE(g->seen[1].flags & TCP_PSH);

    g->count = 0;
    sock_setopt(net_socks(&g->h.a), g->a, SOCK_OPT_NODELAY, 1);
    T_EQ(gso_write(4000, 4000, 0), 4000);
    gso_move(g, &g->h.a, &g->h.b);
    T_EQ(g->count, 1);
    T_EQ(g->seen[0].len, 4000);
    T_TRUE(g->seen[0].flags & TCP_PSH);

    g->count = 0;
    T_EQ(gso_write(8000, 4000, SOCK_MSG_MORE), 4000); /* more will follow: whole segments only */
    gso_run(g, NET_MS(1));
    T_EQ(g->count, 1);
    T_EQ(g->seen[0].len, 2 * GSO_MSS);
    T_EQ(sock_shutdown(net_socks(&g->h.a), g->a, SOCK_SHUT_WR), 0);
    gso_run(g, NET_MS(100));
    T_TRUE(g->seen[g->count - 1].flags & TCP_FIN);
    T_EQ(gso_read(0), 12000);
    gso_end();
}

/* No frame is longer than the wire takes, or holds anything but whole segments; nothing is lost
 * where the ring wraps; and without an offer from the wire no frame is longer than the MTU. */
static void gso_bulk(uint16_t gso_max, uint32_t longest)
{
    struct gso_pair *g = &pair;
    uint32_t sent = 0, got = 0, most = 0;

    gso_begin(gso_max);
    sock_setopt(net_socks(&g->h.a), g->a, SOCK_OPT_SNDBUF, 300000);
    while (sent < 5000000 && g->count < GSO_FRAMES) {
        sent += gso_write(sent, 65000, SOCK_MSG_MORE);
        gso_move(g, &g->h.a, &g->h.b);
        got = gso_read(got);
        gso_move(g, &g->h.b, &g->h.a);
    }
    gso_run(g, NET_SEC(1));
    T_EQ(gso_read(got), sent);
    for (unsigned i = 0; i < g->count; i++) {
        most = u32_max(most, g->seen[i].len);
        T_TRUE(g->seen[i].gso_size == 0
                   ? g->seen[i].len <= GSO_MSS
                   : g->seen[i].len % GSO_MSS == 0 && g->seen[i].gso_size == GSO_MSS);
    }
    T_EQ(most, longest);
    gso_end();
}

static void test_gso_bulk(void)
{
    gso_bulk(UINT16_MAX, (UINT16_MAX - 52) / GSO_MSS * GSO_MSS);
    gso_bulk(16000, (16000 - 52) / GSO_MSS * GSO_MSS);
    gso_bulk(2000, GSO_MSS); /* not worth it: no two segments fit */
    gso_bulk(0, GSO_MSS);
}

/* A lost super-frame is 44 lost segments: they go again, and all arrives. */
static void test_gso_loss(void)
{
    struct gso_pair *g = &pair;
    uint32_t sent = 0, got = 0;

    gso_begin(UINT16_MAX);
    while (sent < 1000000) {
        if (sent > 300000 && g->h.a.tcp.stats.rtx_segs == 0 && g->lose == 0)
            g->lose = 3;
        sent += gso_write(sent, 65000, 0);
        gso_run(g, NET_MS(1));
        got = gso_read(got);
    }
    gso_run(g, NET_SEC(5));
    T_EQ(gso_read(got), sent);
    T_TRUE(g->h.a.tcp.stats.rtx_segs > 10);
    gso_end();
}

static struct tcb *gso_block(struct net *n, struct ip_addr local, int sd)
{
    struct sock_addr from;

    T_EQ(sock_name(net_socks(&pair.h.a), pair.a, &from), 0);
    bool is_a = sd == pair.a && n == &pair.h.a;
    struct tcp_id id = {local, is_a ? HOST_B : HOST_A, is_a ? from.port : GSO_PORT,
                        is_a ? GSO_PORT : from.port};
    struct tcp_conn *c = tcp_find(&n->tcp, &id);

    T_NEED(c != NULL);
    return tcb_of(c);
}

/* What comes behind a hole. A sender that is told by SACK what has come needs one ACK for a frame; one
 * that counts duplicates needs one for each segment in it, as if they had come one by one, or three would
 * never come together.
 * REQ: TCP-5681-3.2-1 */
static void test_gso_duplicate_acks(void)
{
    struct gso_pair *g = &pair;

    for (int sack = 0; sack <= 1; sack++) {
        uint32_t sent = 0, got = 0, pieces = 0;

        gso_begin(UINT16_MAX);
        gso_block(&g->h.a, HOST_A, g->a)->has_sack = sack;
        gso_block(&g->h.b, HOST_B, g->b)->has_sack = sack;
        while (sent < 300000) {
            sent += gso_write(sent, 60000, 0);
            gso_run(g, NET_MS(1));
            got = gso_read(got);
        }
        g->count = 0;
        g->lose = 1;
        sent += gso_write(sent, 65000, SOCK_MSG_MORE);
        sent += gso_write(sent, 65000, 0);
        gso_move(g, &g->h.a, &g->h.b);
        for (unsigned i = 1; i < g->count; i++)
            pieces += (g->seen[i].len + GSO_MSS - 1) / GSO_MSS;
        T_TRUE(g->count >= 2 && pieces >= 10); /* the first was lost, others came */
        g->acks = 0;
        while (gso_move(g, &g->h.b, &g->h.a) > 0)
            ;
        T_EQ(g->acks, sack ? g->count - 1 : pieces);
        gso_run(g, NET_SEC(5));
        T_EQ(gso_read(got), sent);
        gso_end();
    }
}

/* A rate to keep is not kept by 64 KiB at a time: a frame is a millisecond's data, two segments at
 * least. */
static void gso_paced(uint64_t rate, uint16_t mtu, uint32_t longest)
{
    struct gso_pair *g = &pair;
    struct sock_addr from;

    gso_begin_with(UINT16_MAX, mtu);
    T_EQ(sock_name(net_socks(&g->h.a), g->a, &from), 0);
    struct tcp_id id = {HOST_A, HOST_B, from.port, GSO_PORT};
    struct tcp_conn *c = tcp_find(&g->h.a.tcp, &id);

    T_NEED(c != NULL);
    tcb_of(c)->pacing_rate = rate;
    gso_write(0, 66000, 0);
    gso_run(g, NET_SEC(1));
    T_EQ(g->seen[0].len, longest);
    T_EQ(gso_read(0), 66000);
    gso_run(g, NET_MS(100));
    gso_write(66000, 66000, 0); /* with a larger window */
    gso_run(g, NET_SEC(1));
    T_EQ(gso_read(66000), 132000);
    T_EQ(g->h.a.tcp.stats.rtx_segs, 0); /* none was too long to go */
    gso_end();
}

static void test_gso_paced(void)
{
    gso_paced(1000000, 1500, 2 * GSO_MSS);
    gso_paced(9000000, 1500, 6 * GSO_MSS);
    gso_paced(1000000, 33000, 33000 - 52); /* two would be longer than a datagram may be */
}

/* The urgent pointer counts from where its segment begins: so whoever cuts a frame, and repeats its
 * header, would point beyond the mark. While there is one, segments leave one by one. */
static void test_gso_urgent(void)
{
    struct gso_pair *g = &pair;
    unsigned urgent = 0;

    gso_begin(UINT16_MAX);
    T_EQ(gso_write(0, 20000, SOCK_MSG_OOB), 20000);
    gso_run(g, NET_MS(100));
    for (unsigned i = 0; i < g->count; i++) {
        urgent += (g->seen[i].flags & TCP_URG) != 0;
        T_EQ(g->seen[i].gso_size, 0);
    }
    T_TRUE(urgent >= 20000 / GSO_MSS);
    T_EQ(gso_read(0), 20000);
    g->count = 0;
    T_EQ(gso_write(20000, 20000, 0), 20000); /* it is over */
    gso_run(g, NET_MS(100));
    T_EQ(g->seen[0].gso_size, GSO_MSS);
    T_EQ(gso_read(20000), 40000);
    gso_end();
}

/* Where routers may cut, each datagram has a number of its own (RFC 6864 section 4.3): whoever cuts a
 * frame counts on from the one in it, and the next frame begins behind. */
static void test_gso_identification(void)
{
    struct gso_pair *g = &pair;

    gso_begin(UINT16_MAX);
    g->h.a.ip.cfg.pmtu_discovery = false;
    T_EQ(gso_write(0, 60000, 0), 60000);
    gso_run(g, NET_MS(100));
    T_TRUE(g->count > 2);
    for (unsigned i = 1; i < g->count; i++) {
        const struct gso_frame *f = &g->seen[i - 1];
        uint32_t pieces = (f->len + GSO_MSS - 1) / GSO_MSS;

        T_TRUE((uint16_t)(g->seen[i].id - f->id) >= pieces);
        T_TRUE((uint16_t)(g->seen[i].id - f->id) <= pieces + 2); /* and none is wasted */
    }
    T_EQ(gso_read(0), 60000);
    gso_end();
}

T_MAIN("tcp_gso", T(test_gso_first_flight), T(test_gso_tail), T(test_gso_bulk), T(test_gso_loss),
       T(test_gso_duplicate_acks), T(test_gso_paced), T(test_gso_urgent),
       T(test_gso_identification))
