/*
 * canon.c - a state in canonical form: what tells it from others, and nothing else.
 *
 *   - sequence numbers count from the initial one of the connection they belong to
 *   - deadlines are ranks among all that are armed, on both hosts and the wire
 *   - timestamps are ranks on the clock they come from, newest first
 *   - the wire is a multiset: its segments are sorted
 *   - of the pools only how much of them is in use
 *   - a connection that rests in a packed record is what it will be when it wakes, and that it rests
 *   - pointers, counters, statistics, round trips and plain moments are left out
 *   - so is the congestion window: in no scenario is there more than a segment's worth of data, and
 *     that may always be sent
 *
 * The block of a connection is taken as it is (all bytes of struct tcb) with what has to be changed
 * changed: so a field that is new there is part of the state without anybody thinking of it. That
 * is the safe side: too many states, not too few.
 */
#include "search.h"

#include <stdlib.h>

#include "wire/eth.h"
#include "wire/ip4.h"

enum { CANON_MAX = 16384, RANKS_MAX = 64 };

struct ranks {
    uint64_t v[RANKS_MAX];
    unsigned count;
};

struct canon {
    uint8_t b[CANON_MAX];
    size_t len, bufs;
    struct ranks deadlines, clock[2];
    bool is_packed; /* the record that is looked at */
    struct model *m;
};

static void put(struct canon *c, const void *bytes, size_t len)
{
    if (c->len + len > CANON_MAX)
        abort();
    memcpy(c->b + c->len, bytes, len);
    c->len += len;
}

static void put_u32(struct canon *c, uint32_t v)
{
    put(c, &v, sizeof(v));
}

/* ---- ranks ---- */

static void rank_add(struct ranks *r, uint64_t v)
{
    unsigned i = 0;

    while (i < r->count && r->v[i] < v)
        i++;
    if (i < r->count && r->v[i] == v)
        return;
    if (r->count == RANKS_MAX)
        abort();
    memmove(&r->v[i + 1], &r->v[i], (r->count - i) * sizeof(r->v[0]));
    r->v[i] = v;
    r->count++;
}

static uint32_t rank_of(const struct ranks *r, uint64_t v)
{
    unsigned i = 0;

    while (i < r->count && r->v[i] != v)
        i++;
    return i;
}

/* Deadlines of host @h in the time of the model. */
static uint64_t deadline_key(const struct canon *c, unsigned h, net_time at)
{
    return at == NET_NEVER ? UINT64_MAX : (uint64_t)(at - c->m->end[h].offset);
}

static uint32_t deadline_rank(const struct canon *c, unsigned h, net_time at)
{
    return at == NET_NEVER ? UINT32_MAX : rank_of(&c->deadlines, deadline_key(c, h, at));
}

/* How long before now the clock of @h showed @ts. */
static uint64_t ts_age(const struct canon *c, unsigned h, uint32_t ts)
{
    const struct tcp *tcp = &c->m->end[h].n.tcp;
    struct tcp_id id = model_id(h);
    uint32_t now = (uint32_t)(model_now(c->m, h) / NET_MS(1)) + tcp_ts_offset(tcp, &id);

    return (uint64_t)((int64_t)(int32_t)(now - ts) + ((int64_t)1 << 40));
}

static uint32_t ts_rank(const struct canon *c, unsigned h, uint32_t ts)
{
    return rank_of(&c->clock[h], ts_age(c, h, ts));
}

/* ---- segments ---- */

static bool seg_read(const uint8_t *tcp, size_t len, struct tcp_seg *s)
{
    memset(s, 0, sizeof(*s));
    if (tcp_parse(s, (struct span){tcp, len}) != V_NEXT)
        return false;
    s->text[0] = (struct span){tcp + s->hdr_len, len - s->hdr_len};
    s->data_len = (uint32_t)(len - s->hdr_len);
    return true;
}

static bool wire_read(const struct seg *g, struct tcp_seg *s)
{
    struct ip4_hdr ip;

    return ip4_parse(&ip, (struct span){g->frame + ETH_HDR_LEN, g->len - ETH_HDR_LEN}) == V_NEXT &&
           seg_read(g->frame + ETH_HDR_LEN + ip.hdr_len, (size_t)ip.total - ip.hdr_len, s);
}

/* A number of end @h: which of its connections began next below it, counted from the last, and how
 * far above that. */
static void put_seq(struct canon *c, unsigned h, tcp_seq seq)
{
    const struct end *e = &c->m->end[h];
    uint32_t best = UINT32_MAX, which = UINT32_MAX;

    for (unsigned i = e->talks; i > 0; i--) {
        uint32_t off = seq_dist(e->talk[i - 1].iss, seq);

        if (off < best && off < 1u << 24) {
            best = off;
            which = e->talks - i;
        }
    }
    put_u32(c, which);
    put_u32(c, which == UINT32_MAX ? seq.v : best);
}

static void put_seg(struct canon *c, unsigned from, const struct tcp_seg *s)
{
    uint8_t head[] = {
        (uint8_t)from,     s->flags,           s->opt.has_mss,
        s->opt.has_wscale, s->opt.has_sack_ok, s->opt.has_ts,
        s->opt.wscale,     s->opt.sack_count,  s->src_port == PORT_A || s->src_port == PORT_B};

    put(c, head, sizeof(head));
    put_seq(c, from, s->seq);
    if (s->flags & TCP_ACK)
        put_seq(c, !from, s->ack);
    put_u32(c, (uint32_t)s->wnd << 16 | s->opt.mss);
    for (unsigned i = 0; i < s->opt.sack_count; i++) {
        put_seq(c, !from, s->opt.sack[i].left);
        put_seq(c, !from, s->opt.sack[i].right);
    }
    if (s->opt.has_ts) {
        put_u32(c, ts_rank(c, from, s->opt.tsval));
        put_u32(c, s->opt.tsecr == 0 ? UINT32_MAX : ts_rank(c, !from, s->opt.tsecr));
    }
    put_u32(c, s->data_len);
    put(c, s->text[0].p, s->data_len);
}

static void collect_seg(struct canon *c, unsigned from, const struct tcp_seg *s)
{
    if (!s->opt.has_ts)
        return;
    rank_add(&c->clock[from], ts_age(c, from, s->opt.tsval));
    if (s->opt.tsecr != 0)
        rank_add(&c->clock[!from], ts_age(c, !from, s->opt.tsecr));
}

/* Segments that wait in host @h, because the wire has no room. */
static void each_waiting(struct canon *c, unsigned h,
                         void (*fn)(struct canon *c, unsigned from, const struct tcp_seg *s))
{
    const struct net *n = &c->m->end[h].n;
    const struct pkt *lists[] = {n->txq.q.head, n->tcp.replies.head};

    for (unsigned i = 0; i < ARRAY_LEN(lists); i++) {
        for (const struct pkt *p = lists[i]; p != NULL; p = p->next) {
            struct tcp_seg s;

            if (p->proto == IP_PROTO_TCP && p->l4 != 0 &&
                seg_read(p->buf + p->l4, p->off + p->len - p->l4, &s))
                fn(c, h, &s);
        }
    }
}

static int wire_cmp(const void *a, const void *b)
{
    return memcmp(a, b, FRAME_MAX + 128);
}

static void put_wire(struct canon *c)
{
    uint8_t form[WIRE_MAX][FRAME_MAX + 128];
    struct model *m = c->m;
    size_t at = c->len;

    for (unsigned i = 0; i < m->wire_len; i++) {
        struct tcp_seg s;

        memset(form[i], 0, sizeof(form[i]));
        if (!wire_read(&m->wire[i], &s))
            abort();
        put_seg(c, m->wire[i].from, &s);
        put_u32(c, m->wire[i].frame[ETH_HDR_LEN + IP4_TOS]);
        put_u32(c, rank_of(&c->deadlines, (uint64_t)(m->wire[i].sent_at + m->wire_life)));
        if (c->len - at > sizeof(form[i]))
            abort();
        memcpy(form[i], c->b + at, c->len - at);
        c->len = at;
    }
    qsort(form, m->wire_len, sizeof(form[0]), wire_cmp);
    put(c, form, m->wire_len * sizeof(form[0]));
}

/* ---- connections ---- */

/* Numbers of a block, relative; those that mean nothing yet are left out. */
static void rel(tcp_seq *seq, tcp_seq base, bool means_something)
{
    seq->v = means_something ? seq->v - base.v : 0;
}

static void tcb_numbers(struct tcb *t)
{
    tcp_seq iss = t->iss, irs = t->irs;
    bool synced = tcp_state(t) != TCP_SYN_SENT;
    struct tcp_rack *r = &t->rack;
    tcp_seq *const ours[] = {&t->snd_una, &t->snd_nxt, &t->recover, &t->iss};
    tcp_seq *const theirs[] = {&t->snd_wl1, &t->rcv_nxt, &t->rcv_adv, &t->last_ack_sent, &t->irs};

    rel(&t->snd_fin, iss, t->fin_sent);
    rel(&t->snd_wl2, iss, synced);
    rel(&r->end, iss, r->is_valid);
    rel(&r->fack, iss, r->has_fack);
    rel(&r->dsack_end, iss, r->dsack_round);
    rel(&r->tlp_end, iss, r->tlp_out);
    rel(&t->fin_seq, irs, t->fin_ahead || t->fin_received);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        rel(ours[i], iss, true);
    for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
        rel(theirs[i], irs, synced);
}

static void tcb_forget(struct tcb *t)
{
    /* Moments, round trips, and what is computed from them. */
    t->last_sent = t->rtx_since = t->heard_at = 0;
    t->rcvq = (struct tcp_rcvq){0};
    t->srtt = t->rttvar = t->rto = t->min_rtt = t->min_rtt_at = t->rack.rtt = 0;
    t->timed_valid = false;
    t->timed_seq = seq_of(0);
    t->timed_at = t->sampled_at = t->ts_recent_at = t->detached_at = 0;
    t->delivered = t->app_limited = t->pacing_rate = t->round_end = 0;
    t->delivered_at = t->first_sent_at = 0;
    t->delivery_rate = 0;
    t->rate_is_app_limited = false;
    t->quick_acks = t->quick_acks > 0;
    /* The congestion window. */
    t->cwnd = t->ssthresh = 0;
    t->cwnd_full = false;
    t->cc_state = (struct cc_state){{0}};
    /* Statistics. */
    t->bytes_in = t->bytes_out = t->bytes_acked = 0;
    t->segs_in = t->segs_out = 0;
    t->delivered_segs = 0;
    /* Pointers; what they lead to is written elsewhere, or says nothing new. */
    t->tcp = NULL;
    t->rare = NULL;
    t->snd = (struct sendq){.ring.len = sendq_len(&t->snd)};
    t->rcv = (struct recvq){.ring.len = recvq_len(&t->rcv)};
    t->ooo = NULL;
    t->board.tree = (struct tree){0};
    t->board.oldest = t->board.newest = NULL;
    t->due_next = t->due_prev = t->queue_next = t->orphan_older = t->orphan_newer = NULL;
    t->ready = (struct ready){0};
}

/* Of moments in the past only their order matters: when a record was sent, when what was delivered was. */
static void put_board(struct canon *c, const struct tcb *t)
{
    struct ranks past = {.count = 0};
    uint32_t n = 0;

    rank_add(&past, (uint64_t)t->rack.sent_at);
    for (const struct tree_node *x = t->board.tree.first; x != NULL;
         x = tree_next((struct tree_node *)x))
        rank_add(&past, (uint64_t)((const struct tcp_sent *)(const void *)x)->sent_at);
    put_u32(c, rank_of(&past, (uint64_t)t->rack.sent_at));
    for (const struct tree_node *x = t->board.tree.first; x != NULL;
         x = tree_next((struct tree_node *)x), n++) {
        const struct tcp_sent *r = (const struct tcp_sent *)(const void *)x;

        put_u32(c, seq_dist(t->iss, r->node.key));
        put_u32(c, r->len);
        put_u32(c, r->segs << 16 | (uint32_t)r->fate << 8 | r->is_timed);
        put_u32(c, rank_of(&past, (uint64_t)r->sent_at));
    }
    put_u32(c, n);
    for (const struct tcp_sent *r = t->board.oldest; r != NULL; r = r->newer)
        put_u32(c, seq_dist(t->iss, r->node.key));
}

/* As tcp_reass.c has it, which keeps it to itself. */
struct hole_list {
    uint32_t count, changes;
    struct {
        tcp_seq left, right;
        uint32_t changed;
    } iv[TCP_REASS_MAX];
};
static_assert(sizeof(struct hole_list) <= TCP_HOLE_LIST_SIZE, "as struct tcp_hole_list");

static void put_holes(struct canon *c, const struct tcb *t)
{
    const struct hole_list *l = (const struct hole_list *)(const void *)t->ooo;

    put_u32(c, l != NULL ? l->count : 0);
    for (uint32_t i = 0; l != NULL && i < l->count; i++) {
        put_u32(c, seq_dist(t->irs, l->iv[i].left));
        put_u32(c, seq_dist(t->irs, l->iv[i].right));
        put_u32(c, l->changes - l->iv[i].changed);
    }
}

/* What is attached, or would read as if it were. */
static void put_rare(struct canon *c, unsigned h, const struct tcb *t)
{
    struct tcp_rare r = *tcp_rare(t);

    rel(&r.undo_una, t->iss, t->undo_valid);
    rel(&r.undo_end, t->iss, t->undo_valid && r.undo_sent > 0);
    rel(&r.dup_left, t->irs, t->has_dup);
    rel(&r.dup_right, t->irs, t->has_dup);
    r.undo_ts = t->undo_valid ? ts_rank(c, h, r.undo_ts) : 0;
    r.shut_since = r.challenge_since = 0;
    r.undo_cwnd = r.undo_ssthresh = 0;
    r.challenges = 0;
    r.rtx_bytes = 0;
    r.rtx_total = r.dup_in = r.dsacks_in = r.undos = r.ce_in = r.ece_in = 0;
    put(c, &r, sizeof(r));
}

static void put_tcb(struct canon *c, unsigned h, const struct tcb *real)
{
    struct tcb t = *real;
    bool synced = tcp_state(real) != TCP_SYN_SENT;

    tcb_numbers(&t);
    tcb_forget(&t);
    t.conn = (struct tcp_conn){.link.kind = real->conn.link.kind, .state = real->conn.state};
    t.rtx_at = deadline_rank(c, h, real->rtx_at);
    t.rto_at = deadline_rank(c, h, real->rto_at);
    t.reorder_at = deadline_rank(c, h, real->reorder_at);
    t.pace_at = real->is_paced ? deadline_rank(c, h, real->pace_at) : 0;
    t.delack_at = deadline_rank(c, h, real->delack_at);
    t.life_at = deadline_rank(c, h, real->life_at);
    t.keep_at = deadline_rank(c, h, real->keep_at);
    t.rack.sent_at = 0;
    t.ts_recent = real->has_ts && synced ? ts_rank(c, !h, real->ts_recent) : 0;
    put(c, &t, sizeof(t));
    put_rare(c, h, real);
    put_board(c, real);
    put_holes(c, real);
}

static void put_half(struct canon *c, unsigned h, const struct tcp_half *k)
{
    uint8_t head[] = {k->retries, k->sent,   k->has_ts, k->has_sack,
                      k->has_ecn, k->is_due, k->wscale};

    put(c, head, sizeof(head));
    put_seq(c, h, k->iss);
    put_seq(c, !h, k->irs);
    put_u32(c, (uint32_t)k->mss << 16 | k->peer_wnd);
    put_u32(c, k->has_ts ? ts_rank(c, !h, k->ts_recent) : 0);
    put_u32(c, deadline_rank(c, h, k->conn.timer.at));
}

static void put_tw(struct canon *c, unsigned h, const struct tcp_tw *w)
{
    put_seq(c, h, w->snd_nxt);
    put_seq(c, !h, w->rcv_nxt);
    put_u32(c, w->rcv_wnd);
    put_u32(c, (uint32_t)w->has_ts << 1 | w->is_due);
    if (w->has_ts) {
        put_u32(c, ts_rank(c, !h, w->ts_recent));
        put_u32(c, ts_rank(c, h, w->last_tsval));
    }
    put_u32(c, deadline_rank(c, h, w->conn.timer.at));
}

static void each_conn(struct canon *c, unsigned h,
                      void (*fn)(struct canon *c, unsigned h, const struct tcp_conn *conn))
{
    const struct tcp *tcp = &c->m->end[h].n.tcp;

    for (uint32_t i = 0; i <= tcp->table.mask; i++) {
        for (struct hash_node *x = tcp->table.slots[i]; x != NULL; x = x->next) {
            c->is_packed = x->kind == TCP_CONN_IDLE;
            fn(c, h,
               c->is_packed ? &model_unpacked(c->m, h, container_of(x, struct tcp_idle, link))->conn
                            : tcp_conn_of(x));
        }
    }
    const struct tcb *held = model_tcb(c->m, h);

    c->is_packed = false;
    if (held != NULL && !held->hashed) /* over, but the user still has it */
        fn(c, h, &held->conn);
}

static void collect_conn(struct canon *c, unsigned h, const struct tcp_conn *conn)
{
    if (conn->link.kind == TCP_CONN_FULL) {
        const struct tcb *t = (const struct tcb *)(const void *)conn;
        const net_time at[] = {t->rtx_at,
                               t->rto_at,
                               t->reorder_at,
                               t->life_at,
                               t->delack_at,
                               t->keep_at,
                               t->is_paced ? t->pace_at : NET_NEVER};

        for (size_t i = 0; i < ARRAY_LEN(at); i++) {
            if (at[i] != NET_NEVER)
                rank_add(&c->deadlines, deadline_key(c, h, at[i]));
        }
        if (t->has_ts && conn->state != TCP_SYN_SENT)
            rank_add(&c->clock[!h], ts_age(c, !h, t->ts_recent));
        if (t->undo_valid)
            rank_add(&c->clock[h], ts_age(c, h, tcp_rare(t)->undo_ts));
        return;
    }
    rank_add(&c->deadlines, deadline_key(c, h, conn->timer.at));
    if (conn->link.kind == TCP_CONN_HALF) {
        const struct tcp_half *k = (const struct tcp_half *)(const void *)conn;

        if (k->has_ts)
            rank_add(&c->clock[!h], ts_age(c, !h, k->ts_recent));
    } else {
        const struct tcp_tw *w = (const struct tcp_tw *)(const void *)conn;

        if (w->has_ts) {
            rank_add(&c->clock[!h], ts_age(c, !h, w->ts_recent));
            rank_add(&c->clock[h], ts_age(c, h, w->last_tsval));
        }
    }
}

static void put_conn(struct canon *c, unsigned h, const struct tcp_conn *conn)
{
    uint8_t head[] = {0xc0, conn->link.kind, conn->state, conn->id.rport == model_id(h).rport,
                      c->is_packed};

    put(c, head, sizeof(head));
    if (conn->link.kind == TCP_CONN_FULL)
        put_tcb(c, h, (const struct tcb *)(const void *)conn);
    else if (conn->link.kind == TCP_CONN_HALF)
        put_half(c, h, (const struct tcp_half *)(const void *)conn);
    else
        put_tw(c, h, (const struct tcp_tw *)(const void *)conn);
}

static void count_bufs(struct canon *c, unsigned h, const struct tcp_conn *conn)
{
    const struct tcb *t = (const struct tcb *)(const void *)conn;

    (void)h;
    if (conn->link.kind == TCP_CONN_FULL)
        c->bufs += t->snd.ring.cap + (size_t)t->rcv.ring.cap;
}

/* What is in use of each pool: a state with a leak is another one than the same without. */
static void put_pools(struct canon *c, unsigned h)
{
    const struct net *n = &c->m->end[h].n;
    const struct tcp *tcp = &n->tcp;
    const struct slab *pools[] = {&tcp->tcbs,          &tcp->halves,       &tcp->tws,
                                  &tcp->listener_pool, &tcp->hole_pool,    &tcp->sent_pool,
                                  &n->core.pkts.slab,  &n->core.bigs.slab, &tcp->idles,
                                  &tcp->idle_larges,    &tcp->idle_models};

    for (size_t i = 0; i < ARRAY_LEN(pools); i++)
        put_u32(c, pools[i]->used);
    put_u32(c, tcp->port_users[PORT_A] << 16 | tcp->port_users[PORT_B]);
    c->bufs = 0;
    each_conn(c, h, count_bufs);
    put_u32(c, (uint32_t)(n->core.bufs.used - c->bufs));
}

/* What the observer remembers, for his verdicts depend on it. */
static void put_end(struct canon *c, unsigned h)
{
    struct model *m = c->m;
    const struct end *e = &m->end[h];
    uint8_t head[] = {e->step,
                      e->sd >= 0,
                      e->lsd >= 0,
                      e->talks,
                      e->has_record,
                      e->mine,
                      e->n.tcp.stats.cookies_sent > 0};

    put(c, head, sizeof(head));
    for (unsigned i = 0; i < e->talks; i++) {
        const struct talk *t = &e->talk[i], *p = observe_partner(m, h, t);
        uint8_t k[] = {t->state, t->fin,    t->eof,
                       t->left,  t->failed, p == NULL ? 0xff : (uint8_t)(p - m->end[!h].talk)};

        put(c, k, sizeof(k));
        put_u32(c, (uint32_t)t->sent << 16 | t->got);
        if (i > 0) /* do their numbers lie near each other? */
            put_u32(c, u32_min(seq_dist(e->talk[i - 1].iss, t->iss), 256));
    }
}

static uint64_t hash_bytes(const uint8_t *p, size_t len)
{
    uint64_t x = 0x9e3779b97f4a7c15ull ^ len;

    for (size_t i = 0; i < len; i += 8) {
        uint64_t w = 0;

        memcpy(&w, p + i, size_min(8, len - i));
        x = (x ^ w) * 0xff51afd7ed558ccdull;
        x ^= x >> 32;
    }
    x *= 0xc4ceb9fe1a85ec53ull;
    x ^= x >> 29;
    return x != 0 ? x : 1; /* 0 is an empty place in the table of states */
}

uint64_t canon_hash(struct model *m)
{
    static struct canon c; /* large, and there is one search at a time */

    c.len = 0;
    c.deadlines.count = c.clock[0].count = c.clock[1].count = 0;
    c.m = m;
    for (unsigned i = 0; i < m->wire_len; i++) {
        struct tcp_seg s;

        rank_add(&c.deadlines, (uint64_t)(m->wire[i].sent_at + m->wire_life));
        if (wire_read(&m->wire[i], &s))
            collect_seg(&c, m->wire[i].from, &s);
    }
    for (unsigned h = 0; h < 2; h++) {
        each_conn(&c, h, collect_conn);
        each_waiting(&c, h, collect_seg);
    }
    put(&c, &(uint8_t[4]){m->loss, m->dup, m->early, m->wire_len}, 4);
    put_wire(&c);
    for (unsigned h = 0; h < 2; h++) {
        put_end(&c, h);
        each_conn(&c, h, put_conn);
        put_pools(&c, h);
        put_u32(&c, 0xffffffff);
        each_waiting(&c, h, put_seg);
    }
    return hash_bytes(c.b, c.len);
}
