/*
 * tcp_reass.c - where data that arrive go: into the receive queue, in order or not.
 *
 * What comes in order and is long stays in its packet (base/recvq.h), when much of it comes at a time; else it is copied
 * into the queue's ring. Little at a time means that the sender is the slower one: then a copy costs nothing that
 * anybody waits for, and brings the bytes to the reader's cache. Much, most of what a port reads at a time (port.h),
 * means that they come faster than they are taken, and copies would fill the cache with what nobody has read yet.
 *
 * A packet costs its whole buffer, of which a peer may fill as little as he likes. So a connection keeps packets worth
 * twice its receive buffer at most, all of them a quarter of the host's large packets, and none while half of those
 * are in use: the next frame finds one. Where a quarter is not enough, the connection that has begun to keep first is
 * folded: its bytes are copied after all. Each byte is copied once at most, so this costs no more than having
 * copied it in the beginning, and nobody who does not read can take the place of those who do. The window knows
 * nothing of it: it counts bytes.
 *
 * Data out of order are written to where they belong in the receive ring, ahead of RCV.NXT, so that nothing has
 * to be copied again when the hole closes; a sorted list of intervals says which bytes are there.
 * The list is attached while there is a hole, and bounded: a segment that would need another
 * interval is refused and comes again (SegmentSmack costs the sender its packets, and us at most
 * TCP_REASS_MAX steps).
 *
 * Where two segments give different bytes for one sequence number, those that came first stay:
 * one rule, the same whether or not they were already delivered to the user.
 */
#include "l4_transport/tcp_priv.h"

/* Text that is worth a packet, two segments of the usual MTU: a transfer gains with these already
 * (docs/performance.md, what is copied), and what is shorter fits into an ordinary packet. */
enum { TCP_KEEP_LEAST = 2048 };

struct tcp_hole_list {
    uint32_t count;
    uint32_t changes; /* counts; the one that changed last has the highest `changed` */
    struct {
        tcp_seq left, right;
        uint32_t changed;
    } iv[TCP_REASS_MAX]; /* sorted, disjoint, not adjacent */
};

static_assert(sizeof(struct tcp_hole_list) <= TCP_HOLE_LIST_SIZE, "see tcp.h");

void tcp_reass_free(struct tcb *t)
{
    if (t->ooo != NULL)
        slab_free(&t->tcp->hole_pool, t->ooo);
    t->ooo = NULL;
}

uint32_t tcp_reass_count(const struct tcb *t)
{
    return t->ooo != NULL ? t->ooo->count : 0;
}

uint32_t tcp_reass_bytes(const struct tcb *t)
{
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < tcp_reass_count(t); i++)
        bytes += seq_dist(t->ooo->iv[i].left, t->ooo->iv[i].right);
    return bytes;
}

/* Bytes between RCV.NXT and the first interval. */
uint32_t tcp_reass_missing(const struct tcb *t)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t i = 0; i < tcp_reass_count(t); i++)
        least = u32_min(least, seq_dist(t->rcv_nxt, t->ooo->iv[i].left));
    return least == UINT32_MAX ? 0 : least;
}

/* The interval that holds @at, count when there is none. */
static uint32_t tcp_reass_find(const struct tcp_hole_list *h, tcp_seq at)
{
    uint32_t i = 0;

    while (i < h->count && !(seq_leq(h->iv[i].left, at) && seq_lt(at, h->iv[i].right)))
        i++;
    return i;
}

/**
 * tcp_reass_report - the intervals as SACK blocks, the one that changed last first.
 * @o: blocks @first ... o->sack_count - 1 are filled in; with @first 1, block 0 is a D-SACK
 *
 * A D-SACK above the ACK is told from a SACK by the block behind it, which holds it: that comes
 * before all others, also when a later segment of the same burst has changed another one.
 *
 * Source: RFC 2018 section 4; RFC 2883 section 4.
 */
void tcp_reass_report(const struct tcb *t, struct tcp_opts *o, uint32_t first)
{
    const struct tcp_hole_list *h = t->ooo;
    uint32_t before = UINT32_MAX, k = first, around = UINT32_MAX;

    if (k == 1 && k < o->sack_count && tcp_reass_find(h, o->sack[0].left) < h->count) {
        around = tcp_reass_find(h, o->sack[0].left);
        o->sack[k].left = h->iv[around].left;
        o->sack[k++].right = h->iv[around].right;
    }
    for (; k < o->sack_count; k++) {
        uint32_t best = 0, newest = 0;

        for (uint32_t i = 0; i < h->count; i++) {
            if (i != around && h->iv[i].changed < before && h->iv[i].changed > newest) {
                newest = h->iv[i].changed;
                best = i;
            }
        }
        o->sack[k].left = h->iv[best].left;
        o->sack[k].right = h->iv[best].right;
        before = newest;
    }
}

/* Write @len bytes from offset @skip of @text to where number @at belongs in the receive ring. */
static void tcp_reass_copy(struct tcb *t, tcp_seq at, const struct span text[2], uint32_t skip,
                           uint32_t len)
{
    struct ring *r = &t->rcv.ring;
    uint32_t off = r->len + seq_dist(t->rcv_nxt, at), front = (uint32_t)text[0].len;
    uint32_t first = skip < front ? u32_min(len, front - skip) : 0;

    if (first > 0)
        ring_write_at(r, off, text[0].p + skip, first);
    if (len > first)
        ring_write_at(r, off + first, text[1].p + (skip + first - front), len - first);
}

/* Copy [seq, seq + len) into the ring, but not over what is there; the first piece that was there
 * goes into a D-SACK (RFC 2883 section 4.2). Return: whether anything was new. */
static bool tcp_reass_write(struct tcb *t, tcp_seq seq, const struct span text[2], uint32_t len)
{
    const struct tcp_hole_list *h = t->ooo;
    tcp_seq at = seq, end = seq_add(seq, len);
    bool any = false, dup = false;

    for (uint32_t i = 0; h != NULL && i < h->count && seq_lt(at, end); i++) {
        if (seq_leq(h->iv[i].right, at))
            continue;
        if (seq_geq(h->iv[i].left, end))
            break;
        if (seq_gt(h->iv[i].left, at)) {
            tcp_reass_copy(t, at, text, seq_dist(seq, at), seq_dist(at, h->iv[i].left));
            any = true;
        }
        if (!dup) {
            dup = true;
            tcp_sack_dup(t, seq_max(seq, h->iv[i].left), seq_min(end, h->iv[i].right));
        }
        at = seq_max(at, h->iv[i].right);
    }
    if (seq_lt(at, end)) {
        tcp_reass_copy(t, at, text, seq_dist(seq, at), seq_dist(at, end));
        any = true;
    }
    return any;
}

/* Add [left, right) to the list, joining what it touches. Return: false when the list is full. */
static bool tcp_reass_add(struct tcp_hole_list *h, tcp_seq left, tcp_seq right)
{
    uint32_t i = 0, k;

    while (i < h->count && seq_lt(h->iv[i].right, left))
        i++;
    for (k = i; k < h->count && seq_leq(h->iv[k].left, right); k++) {
        left = seq_min(left, h->iv[k].left);
        right = seq_max(right, h->iv[k].right);
    }
    if (k == i) { /* touches none: a new one */
        if (h->count == TCP_REASS_MAX)
            return false;
        memmove(&h->iv[i + 1], &h->iv[i], (h->count - i) * sizeof(h->iv[0]));
        h->count++;
    } else { /* one in place of k - i */
        memmove(&h->iv[i + 1], &h->iv[k], (h->count - k) * sizeof(h->iv[0]));
        h->count -= k - i - 1;
    }
    h->iv[i].left = left;
    h->iv[i].right = right;
    h->iv[i].changed = ++h->changes;
    return true;
}

/* RCV.NXT has reached the first interval: its bytes are in order now. */
static void tcp_reass_join(struct tcb *t)
{
    struct tcp_hole_list *h = t->ooo;

    while (h != NULL && h->count > 0 && seq_leq(h->iv[0].left, t->rcv_nxt)) {
        if (seq_gt(h->iv[0].right, t->rcv_nxt)) {
            t->rcv.ring.len += seq_dist(t->rcv_nxt, h->iv[0].right);
            t->rcv_nxt = h->iv[0].right;
        }
        h->count--;
        memmove(&h->iv[0], &h->iv[1], h->count * sizeof(h->iv[0]));
    }
    if (h != NULL && h->count == 0)
        tcp_reass_free(t);
}

static bool tcp_reass_would_fit(const struct tcp_hole_list *h, tcp_seq left, tcp_seq right)
{
    if (h == NULL || h->count < TCP_REASS_MAX)
        return true;
    for (uint32_t i = 0; i < h->count; i++) {
        if (seq_leq(h->iv[i].left, right) && seq_geq(h->iv[i].right, left))
            return true;
    }
    return false;
}

/* Bytes of the ring that were written: out of order nobody says how far. */
static uint32_t tcp_reass_extent(const struct tcb *t)
{
    return t->ooo != NULL ? t->rcv.ring.cap : t->rcv.ring.len;
}

bool tcp_reass_fold(struct tcb *t)
{
    return recvq_fold(&t->rcv, &t->tcp->kept, &t->tcp->c->bufs, tcp_reass_extent(t));
}

/* May one more packet be kept? If too many are, those go that have waited for a reader longest. */
static bool tcp_reass_may_keep(struct tcp *tcp)
{
    const struct slab *bigs = &tcp->c->bigs.slab;
    struct recvq_pool *kept = &tcp->kept;
    uint32_t most = u32_min(tcp->cfg.kept_packets, bigs->count / 4);

    if (bigs->used > bigs->count / 2 || most == 0)
        return false;
    return kept->packets < most || tcp_reass_fold(container_of(kept->oldest->q, struct tcb, rcv));
}

/* @len bytes of a long segment have come. Return: whether they come faster than they are taken. */
static bool tcp_reass_is_burst(struct tcp *tcp, uint32_t len)
{
    if (tcp->burst.at != tcp->c->now) {
        tcp->burst.at = tcp->c->now;
        tcp->burst.before = tcp->burst.now;
        tcp->burst.now = 0;
    }
    tcp->burst.now += u32_min(len, UINT32_MAX - tcp->burst.now);
    return u32_max(tcp->burst.now, tcp->burst.before) >= tcp->cfg.kept_burst;
}

/* The next @len bytes of the stream, which are the text of @seg: leave them in their packet, if it is one
 * of ours and they are all of its bytes, and nothing lies in the ring. What memory it costs is bounded for
 * the connection, by twice the receive buffer from the second packet on, and for the host. */
static bool tcp_reass_keep(struct tcb *t, const struct tcp_seg *seg, uint32_t len)
{
    struct tcp *tcp = t->tcp;
    struct pkt *p = seg->pkt;

    if (!tcp_reass_is_burst(tcp, len) || t->rcv.ring.p != NULL || p->pool != &tcp->c->bigs ||
        p->ext_len > 0 || p->refs > 1)
        return false;
    if (t->rcv.refs != NULL && (uint64_t)t->rcv.refs->mem + p->cap > 2 * (uint64_t)t->rcvbuf)
        return false;
    if (!tcp_reass_may_keep(tcp))
        return false;
    return t->rcv.ring.p == NULL && /* or it was the one that was folded */
           recvq_keep(&t->rcv, &tcp->kept, p, (struct span){seg->text[0].p, len});
}

/**
 * tcp_reass_input - take payload that lies in the window.
 * @seq: of the first byte, not before RCV.NXT
 * @seg: its text has @len bytes, or more
 *
 * Return: V_NEXT, RCV.NXT and the ring have moved or the bytes wait; V_DROP_TCP_RCVBUF,
 * V_DROP_TCP_REASS_FULL, V_DROP_TCP_DUPLICATE nothing was taken.
 */
enum verdict tcp_reass_input(struct tcb *t, tcp_seq seq, const struct tcp_seg *seg, uint32_t len)
{
    if (len >= TCP_KEEP_LEAST && seq_eq(seq, t->rcv_nxt) && tcp_reass_keep(t, seg, len)) {
        t->rcv_nxt = seq_add(seq, len);
        return V_NEXT;
    }
    struct ring *r = &t->rcv.ring;
    uint32_t off = r->len + seq_dist(t->rcv_nxt, seq);

    /* One byte far ahead takes a buffer up to there. Such buffers may fill half of the arena; the
     * rest is for data that somebody can read or wants to send. What is refused comes again. */
    if (!seq_eq(seq, t->rcv_nxt) && off + len > r->cap && ring_is_scarce(&t->tcp->c->bufs))
        return V_DROP_TCP_RCVBUF;
    if (!ring_reserve(r, &t->tcp->c->bufs, off + len, tcp_reass_extent(t)))
        return V_DROP_TCP_RCVBUF;
    if (seq_eq(seq, t->rcv_nxt) && t->ooo == NULL) { /* the common case */
        tcp_reass_copy(t, seq, seg->text, 0, len);
        r->len += len;
        t->rcv_nxt = seq_add(seq, len);
        return V_NEXT;
    }
    if (!seq_eq(seq, t->rcv_nxt)) {
        if (!tcp_reass_would_fit(t->ooo, seq, seq_add(seq, len)))
            return V_DROP_TCP_REASS_FULL;
        if (t->ooo == NULL) {
            t->ooo = slab_alloc(&t->tcp->hole_pool);
            if (t->ooo == NULL)
                return V_DROP_TCP_REASS_FULL;
            t->ooo->count = t->ooo->changes = 0;
        }
        t->tcp->stats.ooo_segs++;
    }
    bool any = tcp_reass_write(t, seq, seg->text, len);

    if (seq_eq(seq, t->rcv_nxt)) {
        r->len += len;
        t->rcv_nxt = seq_add(seq, len);
        tcp_reass_join(t);
        return V_NEXT;
    }
    bool added = tcp_reass_add(t->ooo, seq, seq_add(seq, len));

    NET_ASSERT(added);
    return any ? V_NEXT : V_DROP_TCP_DUPLICATE;
}
