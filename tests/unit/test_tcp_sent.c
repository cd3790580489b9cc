/*
 * The scoreboard against a model that knows the fate of every segment.
 */
#include <errno.h>
#include <stdlib.h>

#include "rest.h"

enum { SEGS = 300, RECORDS = 400, MSS = 100 };

/* One segment each: what the scoreboard should think of it. */
struct model_seg {
    tcp_seq seq;
    uint32_t len;
    bool is_sacked, is_lost, is_rtx;
};

struct board_world {
    struct core core;
    struct tcp tcp;
    struct tcb t;
    struct prng prng;
    void *mem;
    struct model_seg seg[SEGS * 40];
    uint32_t first, count; /* first unacknowledged; all */
};

static struct board_world *board_begin(tcp_seq iss, uint32_t records)
{
    struct board_world *w = calloc(1, sizeof(*w));
    size_t len = records * sizeof(struct tcp_sent) + 4096;

    T_NEED(w != NULL);
    w->mem = calloc(1, len);
    T_NEED(w->mem != NULL);
    struct region r = {.p = w->mem, .len = len};

    slab_cut(&w->tcp.sent_pool, &r, sizeof(struct tcp_sent), records);
    tcp_config_default(&w->tcp.cfg);
    prng_seed(&w->core.prng, 1, 0);
    prng_seed(&w->prng, 2, 0);
    w->core.now = NET_SEC(1);
    w->tcp.c = &w->core;
    w->t.tcp = &w->tcp;
    w->t.has_sack = w->t.syn_acked = true;
    w->t.snd_mss = MSS;
    w->t.min_rtt = NET_NEVER;
    w->t.snd_una = w->t.snd_nxt = iss;
    return w;
}

static void board_end(struct board_world *w)
{
    tcp_sent_free(&w->t);
    T_EQ(w->tcp.sent_pool.used, 0);
    T_EQ(w->t.board.out.bytes, 0);
    free(w->mem);
    free(w);
}

static uint32_t pick(struct board_world *w, uint32_t n)
{
    return prng_u32(&w->prng) % n;
}

static void board_compare(const struct board_world *w)
{
    const struct tcp_board *b = &w->t.board;
    uint32_t out = 0, sacked = 0, lost = 0, rtx = 0;
    const struct tcp_sent *marked = tcp_sent_of(tree_first_marked(&b->tree));
    tcp_seq first_lost = w->t.snd_nxt;

    for (uint32_t i = w->count; i-- > w->first;) {
        const struct model_seg *m = &w->seg[i];
        const struct tcp_sent *r = tcp_sent_find(&w->t, m->seq);

        T_NEED(r != NULL);
        T_NEED(seq_geq(tcp_sent_end(r), seq_add(m->seq, m->len)));
        T_EQ((r->fate & TCP_SACKED) != 0, m->is_sacked);
        T_EQ((r->fate & TCP_LOST) != 0, m->is_lost);
        T_EQ((r->fate & TCP_RTX) != 0, m->is_rtx);
        out += m->len;
        sacked += m->is_sacked ? m->len : 0;
        lost += m->is_lost ? m->len : 0;
        rtx += m->is_rtx ? m->len : 0;
        if (m->is_lost && !m->is_rtx)
            first_lost = m->seq;
    }
    T_EQ(b->out.bytes, out);
    /* Exact but where an ACK ends in the middle of SACKed segments of different lengths. */
    T_TRUE(b->out.segs <= w->count - w->first && b->out.segs >= out / MSS);
    T_EQ(b->sacked.bytes, sacked);
    T_EQ(b->lost.bytes, lost);
    T_EQ(b->rtx.bytes, rtx);
    T_EQ(tcp_pipe(&w->t), out - sacked - lost + rtx); /* RFC 6675 section 4, SetPipe() */
    T_TRUE(seq_eq(marked != NULL ? tcp_sent_seq(marked) : w->t.snd_nxt, first_lost));
    net_time before = 0;

    for (const struct tcp_sent *r = b->oldest; r != NULL; r = r->newer) {
        T_TRUE(r->sent_at >= before);
        T_FALSE(r->fate & TCP_SACKED);
        before = r->sent_at;
    }
}

static void board_send(struct board_world *w)
{
    uint32_t len = pick(w, 4) == 0 ? 3 + pick(w, MSS - 3) : MSS;

    if (w->count == ARRAY_LEN(w->seg) || !tcp_sent_add(&w->t, w->t.snd_nxt, len, len))
        return;
    w->seg[w->count++] = (struct model_seg){.seq = w->t.snd_nxt, .len = len};
    w->t.snd_nxt = seq_add(w->t.snd_nxt, len);
}

/* An ACK of all up to segment @to, with one SACK block over whole segments and a bit around it. */
static void board_ack(struct board_world *w, uint32_t to, uint32_t left, uint32_t right)
{
    struct tcp_seg seg = {.ack = to < w->count ? w->seg[to].seq : w->t.snd_nxt};
    struct tcp_ack a = {.seg = &seg};
    uint32_t delivered = 0;

    if (left < right) {
        seg.opt.sack_count = 1;
        seg.opt.sack[0].left =
            left > to + 1 ? seq_sub(w->seg[left].seq, pick(w, 2)) : w->seg[left].seq;
        seg.opt.sack[0].right =
            right < w->count ? seq_add(w->seg[right].seq, pick(w, 2)) : w->t.snd_nxt;
    }
    for (uint32_t i = left; i < right; i++) {
        delivered += w->seg[i].is_sacked ? 0 : w->seg[i].len;
        w->seg[i].is_sacked = true;
        w->seg[i].is_lost = w->seg[i].is_rtx = false;
    }
    for (; w->first < to; w->first++)
        delivered += w->seg[w->first].is_sacked ? 0 : w->seg[w->first].len;
    tcp_sack_input(&w->t, &a);
    tcp_ack_cumulative(&w->t, &a);
    w->t.snd_una = seg.ack;
    T_EQ(a.delivered, delivered); /* RFC 6937: DeliveredData */
}

static void board_lose(struct board_world *w, uint32_t i)
{
    struct tcp_sent *r = tcp_sent_find(&w->t, w->seg[i].seq);

    if (w->seg[i].is_sacked)
        return;
    uint32_t off = seq_dist(tcp_sent_seq(r), w->seg[i].seq);

    if (off > 0)
        T_NEED(tcp_sent_cut(&w->t, r, off) != NULL);
    r = tcp_sent_find(&w->t, w->seg[i].seq);
    r = tcp_sent_cut(&w->t, r, w->seg[i].len);
    T_NEED(r != NULL);
    tcp_sent_fate(&w->t, r, (r->fate & TCP_EVER_RTX) | TCP_LOST);
    w->seg[i].is_lost = true;
    w->seg[i].is_rtx = false;
}

static void board_again(struct board_world *w)
{
    struct tcp_sent *r = tcp_sent_of(tree_first_marked(&w->t.board.tree));

    if (r == NULL)
        return;
    for (uint32_t i = w->first; i < w->count; i++) {
        if (seq_eq(w->seg[i].seq, tcp_sent_seq(r))) {
            r = tcp_sent_cut(&w->t, r, w->seg[i].len);
            T_NEED(r != NULL);
            tcp_sent_again(&w->t, r);
            w->seg[i].is_rtx = true;
            return;
        }
    }
    T_TRUE(false); /* a lost record begins with a segment */
}

/* REQ: TCP-6675-3-1 TCP-6675-4-3 TCP-6937-3-2 */
static void board_random(tcp_seq iss)
{
    struct board_world *w = board_begin(iss, RECORDS);

    for (int i = 0; i < 6000; i++) {
        uint32_t n = w->count - w->first, what = pick(w, 10);

        if (pick(w, 3) == 0)
            w->core.now += NET_MS(1);
        if (what < 5 && n < SEGS) {
            board_send(w);
        } else if (what < 7 && n > 2) {
            uint32_t left = w->first + 1 + pick(w, n - 1),
                     right = left + pick(w, w->count - left) + 1;

            board_ack(w, w->first, left, right);
        } else if (what < 8 && n > 0) {
            board_ack(w, w->first + pick(w, n < 20 ? n + 1 : 20), 0, 0);
        } else if (what < 9 && n > 0) {
            board_lose(w, w->first + pick(w, n));
        } else {
            board_again(w);
        }
        board_compare(w);
    }
    T_TRUE(w->first > 500);
    board_end(w);
}

static void test_tcp_sent_agrees_with_the_model(void)
{
    board_random(seq_of(1000));
}
static void test_tcp_sent_agrees_with_the_model_near_wrap(void)
{
    board_random(seq_of(UINT32_MAX - 20000));
}

/* A burst is one record, whatever its length; and SACKed neighbours are one again. */
static void test_tcp_sent_has_few_records(void)
{
    struct board_world *w = board_begin(seq_of(1), RECORDS);

    for (uint32_t i = 0; i < 200; i++) {
        T_TRUE(tcp_sent_add(&w->t, w->t.snd_nxt, MSS, MSS));
        w->seg[w->count++] = (struct model_seg){.seq = w->t.snd_nxt, .len = MSS};
        w->t.snd_nxt = seq_add(w->t.snd_nxt, MSS);
    }
    T_EQ(w->tcp.sent_pool.used, 1);
    for (uint32_t i = 1; i < 200; i += 2)
        board_ack(w, 0, i, i + 1);
    T_EQ(w->tcp.sent_pool.used, 200);
    for (uint32_t i = 2; i < 200; i += 2)
        board_ack(w, 0, i, i + 1);
    T_EQ(w->tcp.sent_pool.used, 2);
    board_end(w);
}

/* Blocks that cut segments into pieces make no records: only whole segments count. */
static void test_tcp_sent_is_not_split_by_bytes(void)
{
    struct board_world *w = board_begin(seq_of(1), RECORDS);

    for (uint32_t i = 0; i < 10; i++) {
        T_TRUE(tcp_sent_add(&w->t, w->t.snd_nxt, MSS, MSS));
        w->t.snd_nxt = seq_add(w->t.snd_nxt, MSS);
    }
    for (uint32_t i = 1; i < 900; i += 2) {
        struct tcp_seg seg = {.ack = w->t.snd_una, .opt.sack_count = 1};
        struct tcp_ack a = {.seg = &seg};

        seg.opt.sack[0].left = seq_of(1 + i);
        seg.opt.sack[0].right = seq_of(2 + i);
        tcp_sack_input(&w->t, &a);
    }
    T_EQ(w->tcp.sent_pool.used, 1);
    T_EQ(w->t.board.sacked.bytes, 0);
    board_end(w);
}

/* Without records: what is sent joins the last one; without one at all it must wait. */
static void test_tcp_sent_lives_with_few_records(void)
{
    struct board_world *w = board_begin(seq_of(1), 4);

    for (uint32_t i = 0; i < 100; i++) {
        w->core.now += NET_MS(1);
        T_TRUE(tcp_sent_add(&w->t, w->t.snd_nxt, MSS, MSS));
        w->t.snd_nxt = seq_add(w->t.snd_nxt, MSS);
    }
    T_EQ(w->tcp.sent_pool.used, 3); /* the last quarter is for splitting */
    T_TRUE(tcp_sent_cut(&w->t, tcp_sent_of(w->t.board.tree.last), MSS) != NULL);
    T_TRUE(tcp_sent_cut(&w->t, tcp_sent_of(w->t.board.tree.last), MSS) == NULL);
    T_TRUE(tcp_sent_add(&w->t, w->t.snd_nxt, 10, 10)); /* shorter: the last of its record */
    w->t.snd_nxt = seq_add(w->t.snd_nxt, 10);
    T_FALSE(tcp_sent_add(&w->t, w->t.snd_nxt, MSS, MSS));
    tcp_sent_drop(&w->t, 10);
    T_EQ(w->t.board.out.bytes, 100 * MSS);
    board_end(w);
}

/* Others have all records, and an ACK leaves in the turn in which data cannot: the data are tried again. */
static void test_tcp_sent_is_tried_again_although_an_ack_leaves(void)
{
    static struct hosts h;
    struct net_config a, b;
    int sa[3], sb[3];
    uint8_t byte;

    hosts_config(&a, 1);
    hosts_config(&b, 2);
    a.tcp.sent_records = 2;
    hosts_begin_with(&h, &a, &b);
    struct socks *s = net_socks(&h.a), *d = net_socks(&h.b);
    int l = sock_open(d, SOCK_KIND_TCP);

    T_EQ(sock_bind(d, l, &(struct sock_addr){IP_ADDR_ANY, 80}), 0);
    T_EQ(sock_listen(d, l, 3), 0);
    for (unsigned i = 0; i < 3; i++) {
        sa[i] = sock_open(s, SOCK_KIND_TCP);
        T_EQ(sock_connect(s, sa[i], &(struct sock_addr){HOST_B, 80}), -EINPROGRESS);
        hosts_run(&h, NET_MS(1));
        sb[i] = sock_accept(d, l, NULL);
    }
    h.is_cut = true;
    for (unsigned i = 0; i < 2; i++)
        T_EQ(sock_send(s, sa[i], "x", 1, 0), 1);
    hosts_move(&h, &h.a, &h.b);
    T_EQ(h.a.tcp.sent_pool.used, 2);
    h.is_cut = false;
    T_EQ(sock_send(d, sb[2], "y", 1, 0), 1);
    T_EQ(hosts_move(&h, &h.b, &h.a), 1);
    T_EQ(sock_recv(s, sa[2], &byte, 1, 0), 1);
    T_EQ(sock_send(s, sa[2], "z", 1, 0), 1);
    T_EQ(hosts_move(&h, &h.a, &h.b), 1); /* the ACK */
    T_EQ(sock_recv(d, sb[2], &byte, 1, 0), -EAGAIN);
    uint64_t out = h.a.tcp.stats.segs_out;

    hosts_run(&h, NET_MS(35));
    T_EQ(h.a.tcp.stats.segs_out, out); /* nor does an ACK with each try */
    sock_abort(s, sa[0]);
    hosts_run(&h, NET_MS(10)); /* long before the persist timer */
    T_EQ(sock_recv(d, sb[2], &byte, 1, 0), 1);
    T_EQ(byte, 'z');
    sock_abort(d, sb[0]);
    for (unsigned i = 1; i < 3; i++) {
        sock_abort(s, sa[i]);
        sock_abort(d, sb[i]);
    }
    sock_close(d, l);
    hosts_run(&h, NET_SEC(1));
    hosts_end(&h);
}

/* No packet is left for an ACK that is asked for, and no buffer for what the user wants to send: both are tried again. */
static void test_tcp_sent_ack_is_tried_again_although_the_user_waits(void)
{
    static struct pkt *pkts[1024], *out[4];
    static uint8_t *bufs[16384];
    static struct rest r;
    uint32_t n = 0, m = 0, cap;

    rest_begin(&r);
    struct core *c = &r.h.a.core;
    struct tcb *b = rest_tcb(&r.h.b, r.sb);

    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEPALIVE, 1), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_IDLE, 10), 0);
    hosts_run(&r.h, b->keep_at - r.h.now - 1);
    r.h.now++;
    net_input(&r.h.b, NULL, 0, r.h.now);
    T_EQ(hosts_move(&r.h, &r.h.b, &r.h.a), 1); /* a keep-alive, no data */
    T_TRUE(rest_tcb(&r.h.a, r.sa)->ack_now);
    for (size_t size = buddy_largest(&c->bufs); size >= 64; size /= 2)
        while (m < ARRAY_LEN(bufs) && (bufs[m] = buddy_alloc(&c->bufs, size, &cap)) != NULL)
            m++;
    T_EQ(sock_send(r.a, r.sa, "x", 1, 0), -EAGAIN);
    while (n < ARRAY_LEN(pkts) && (pkts[n] = pkt_alloc(&c->pkts, 0)) != NULL)
        n++;
    T_TRUE(n < ARRAY_LEN(pkts) && m < ARRAY_LEN(bufs));
    T_EQ(net_output(&r.h.a, out, ARRAY_LEN(out), r.h.now), 0);
    while (n > 0)
        pkt_release(pkts[--n]);
    T_EQ(b->probes_out, 1);
    hosts_run(&r.h, NET_MS(20));
    T_EQ(b->probes_out, 0);
    while (m > 0)
        buddy_free(&c->bufs, bufs[--m]);
    rest_end(&r);
}

T_MAIN("tcp_sent", T(test_tcp_sent_is_tried_again_although_an_ack_leaves),
       T(test_tcp_sent_ack_is_tried_again_although_the_user_waits),
       T(test_tcp_sent_agrees_with_the_model), T(test_tcp_sent_agrees_with_the_model_near_wrap),
       T(test_tcp_sent_has_few_records), T(test_tcp_sent_is_not_split_by_bytes),
       T(test_tcp_sent_lives_with_few_records))
