#include "l4_transport/tcp_priv.h"

static uint32_t tcp_sent_segs(uint32_t len, uint32_t seg_len)
{
    return (len + seg_len - 1) / seg_len;
}

/* ---- counters ---- */

static void tcp_count_add(struct tcp_count *c, const struct tcp_sent *r)
{
    c->bytes += r->len;
    c->segs += r->segs;
}

static void tcp_count_sub(struct tcp_count *c, const struct tcp_sent *r)
{
    NET_ASSERT(c->bytes >= r->len && c->segs >= r->segs);
    c->bytes -= r->len;
    c->segs -= r->segs;
}

/* Whoever changes what is counted takes the record out before, and puts it in afterwards. */
static void tcp_sent_uncount(struct tcp_board *b, const struct tcp_sent *r)
{
    tcp_count_sub(&b->out, r);
    if (r->fate & TCP_SACKED)
        tcp_count_sub(&b->sacked, r);
    if (r->fate & TCP_LOST)
        tcp_count_sub(&b->lost, r);
    if (r->fate & TCP_RTX)
        tcp_count_sub(&b->rtx, r);
}

static void tcp_sent_count(struct tcp_board *b, const struct tcp_sent *r)
{
    tcp_count_add(&b->out, r);
    if (r->fate & TCP_SACKED)
        tcp_count_add(&b->sacked, r);
    if (r->fate & TCP_LOST)
        tcp_count_add(&b->lost, r);
    if (r->fate & TCP_RTX)
        tcp_count_add(&b->rtx, r);
}

/* ---- the list by time ---- */

static void tcp_sent_untime(struct tcp_board *b, struct tcp_sent *r)
{
    if (!r->is_timed)
        return;
    r->is_timed = false;
    LIST_REMOVE(b->oldest, b->newest, r, older, newer);
}

/* Behind @after; NULL: as the oldest. */
static void tcp_sent_time(struct tcp_board *b, struct tcp_sent *r, struct tcp_sent *after)
{
    NET_ASSERT(!r->is_timed);
    r->is_timed = true;
    LIST_INSERT(b->oldest, b->newest, r, after, older, newer);
}

/* Where @r belongs in the list: behind what was sent no later. What was sent last is at the end. */
static void tcp_sent_time_again(struct tcp_board *b, struct tcp_sent *r)
{
    struct tcp_sent *after = b->newest;

    while (after != NULL && after->sent_at > r->sent_at)
        after = after->older;
    tcp_sent_time(b, r, after);
}

static bool tcp_sent_is_on_way(uint8_t fate)
{
    return !(fate & TCP_SACKED) && (!(fate & TCP_LOST) || (fate & TCP_RTX));
}

/* ---- records ---- */

static struct tcp_sent *tcp_sent_new(struct tcb *t, tcp_seq seq, struct tcp_sent *after)
{
    struct tcp_sent *r = slab_alloc(&t->tcp->sent_pool);

    if (r == NULL)
        return NULL;
    *r = (struct tcp_sent){.node.key = seq};
    /* One that is alone, as a request or its answer is, draws no number: any is good for it. */
    tree_insert(&t->board.tree, &r->node, after != NULL ? &after->node : NULL,
                t->board.tree.root != NULL ? prng_u32(&t->tcp->c->prng) : 0);
    return r;
}

static void tcp_sent_del(struct tcb *t, struct tcp_sent *r)
{
    tcp_sent_untime(&t->board, r);
    tree_remove(&t->board.tree, &r->node);
    r->len = 0; /* free: tcp_sent_shrink() */
    slab_free(&t->tcp->sent_pool, r);
}

void tcp_sent_shrink(struct tcp *tcp)
{
    struct slab *pool = &tcp->sent_pool;
    uint32_t bound = pool->frontier;

    while (bound > 0 && ((struct tcp_sent *)slab_at(pool, bound - 1))->len == 0)
        bound--;
    if (bound <= pool->frontier / 2)
        slab_shrink(pool, bound);
}

/* May segments of @seg_len bytes, sent now, be added to the last record? When no other is left, a
 * record stretches over what was sent at different times; the later one counts. */
static bool tcp_sent_fits(const struct tcb *t, const struct tcp_sent *r, uint32_t len,
                          uint32_t seg_len, bool strict)
{
    if (r != NULL && t->path.probing == TCP_MTU_OUT && seq_eq(tcp_sent_seq(r), t->path.probe_seq))
        return false; /* a probe of the path stands alone */
    return r != NULL && r->fate == 0 && (len <= r->seg_len || seg_len == r->seg_len) &&
           r->len % r->seg_len == 0 &&
           (!strict || (r->sent_at == t->tcp->c->now && r->delivered == t->delivered));
}

bool tcp_sent_add(struct tcb *t, tcp_seq seq, uint32_t len, uint32_t seg_len)
{
    struct tcp_board *b = &t->board;
    struct tcp_sent *last = tcp_sent_of(b->tree.last), *r = last;

    NET_ASSERT(last == NULL || seq_eq(tcp_sent_end(last), seq));
    if (b->out.segs == 0) /* the pipe was empty: a new flight begins */
        t->first_sent_at = t->delivered_at = t->tcp->c->now;
    if (!tcp_sent_fits(t, last, len, seg_len, true)) {
        const struct slab *pool = &t->tcp->sent_pool;
        bool scarce = last != NULL && pool->used >= pool->count - pool->count / 4;

        /* The last quarter is for splitting what is in flight already. */
        r = scarce ? NULL : tcp_sent_new(t, seq, last);
        if (r != NULL) {
            r->seg_len = u32_min(len, seg_len);
            r->delivered = t->delivered;
            r->delivered_at = t->delivered_at;
            r->first_sent_at = t->first_sent_at;
        } else if (tcp_sent_fits(t, last, len, seg_len, false)) {
            r = last;
        } else {
            return false;
        }
    }
    tcp_sent_untime(b, r);
    tcp_sent_time(b, r, b->newest);
    if (r->len > 0)
        tcp_sent_uncount(b, r);
    r->len += len;
    r->segs += tcp_sent_segs(len, r->seg_len);
    r->sent_at = t->tcp->c->now;
    r->is_app_limited = r->is_app_limited || t->app_limited != 0;
    tcp_sent_count(b, r);
    return true;
}

void tcp_sent_drop(struct tcb *t, uint32_t len)
{
    struct tcp_sent *r = tcp_sent_of(t->board.tree.last);

    tcp_sent_uncount(&t->board, r);
    r->len -= len;
    r->segs -= tcp_sent_segs(len, r->seg_len);
    if (r->len == 0)
        tcp_sent_del(t, r);
    else
        tcp_sent_count(&t->board, r);
}

struct tcp_sent *tcp_sent_cut(struct tcb *t, struct tcp_sent *r, uint32_t len)
{
    struct tcp_board *b = &t->board;

    if (len >= r->len)
        return r;
    NET_ASSERT(len > 0);
    struct tcp_sent *front = tcp_sent_new(t, r->node.key, tcp_sent_prev(r));

    if (front == NULL)
        return NULL;
    struct tree_node node = front->node;

    tcp_sent_uncount(b, r);
    *front = *r;
    front->node = node;
    front->is_timed = false;
    front->len = len;
    r->len -= len;
    r->node.key = seq_add(r->node.key, len);
    if (len < r->seg_len) { /* a shorter MSS than when it was sent first */
        front->seg_len = r->seg_len = len;
    }
    front->segs = tcp_sent_segs(front->len, front->seg_len);
    r->segs = tcp_sent_segs(r->len, r->seg_len);
    if (r->is_timed)
        tcp_sent_time(b, front, r->older);
    tree_mark(&front->node, r->node.is_marked);
    tcp_sent_count(b, front);
    tcp_sent_count(b, r);
    return front;
}

struct tcp_sent *tcp_sent_first(struct tcb *t, struct tcp_sent *r)
{
    struct tcp_sent *cut = tcp_sent_cut(t, r, u32_min(r->len, r->seg_len));

    return cut != NULL ? cut : r;
}

void tcp_sent_fate(struct tcb *t, struct tcp_sent *r, uint8_t fate)
{
    struct tcp_board *b = &t->board;

    tcp_sent_uncount(b, r);
    r->fate = fate;
    tcp_sent_count(b, r);
    if (!tcp_sent_is_on_way(fate))
        tcp_sent_untime(b, r);
    else if (!r->is_timed)
        tcp_sent_time_again(b, r);
    tree_mark(&r->node, (fate & (TCP_LOST | TCP_RTX)) == TCP_LOST);
}

void tcp_sent_again(struct tcb *t, struct tcp_sent *r)
{
    tcp_sent_untime(&t->board, r);
    r->sent_at = t->tcp->c->now;
    r->delivered = t->delivered;
    r->delivered_at = t->delivered_at;
    r->first_sent_at = t->first_sent_at;
    r->is_app_limited = t->app_limited != 0;
    tcp_sent_fate(t, r, r->fate | TCP_RTX | TCP_EVER_RTX);
}

struct tcp_sent *tcp_sent_find(const struct tcb *t, tcp_seq seq)
{
    struct tcp_sent *r = tcp_sent_of(tree_find(&t->board.tree, seq));

    return r != NULL && seq_lt(seq, tcp_sent_end(r)) ? r : NULL;
}

void tcp_sent_trim(struct tcb *t, struct tcp_sent *r, uint32_t len)
{
    struct tcp_board *b = &t->board;

    NET_ASSERT(len <= r->len);
    tcp_sent_uncount(b, r);
    if (len == r->len) {
        tcp_sent_del(t, r);
        return;
    }
    r->node.key = seq_add(r->node.key, len);
    r->len -= len;
    r->segs = u32_min(r->segs, tcp_sent_segs(r->len, r->seg_len));
    tcp_sent_count(b, r);
}

/* @front gives what it has to @r, which follows it. */
static void tcp_sent_merge(struct tcb *t, struct tcp_sent *front, struct tcp_sent *r)
{
    tcp_sent_uncount(&t->board, front);
    tcp_sent_uncount(&t->board, r);
    r->node.key = front->node.key;
    r->len += front->len;
    r->segs += front->segs;
    r->seg_len = u32_max(r->seg_len, front->seg_len);
    r->fate |= front->fate & TCP_EVER_RTX;
    tcp_sent_del(t, front);
    tcp_sent_count(&t->board, r);
}

void tcp_sent_grow(struct tcb *t, struct tcp_sent *r, uint32_t len)
{
    struct tcp_sent *next;

    while (r->len < len && (next = tcp_sent_next(r)) != NULL && next->node.is_marked) {
        uint32_t more = u32_min(len - r->len, next->len);

        tcp_sent_uncount(&t->board, r);
        r->len += more;
        r->segs = 1;
        r->seg_len = r->len;
        tcp_sent_count(&t->board, r);
        tcp_sent_trim(t, next, more);
    }
}

struct tcp_sent *tcp_sent_join(struct tcb *t, struct tcp_sent *r)
{
    struct tcp_sent *other = tcp_sent_prev(r);

    NET_ASSERT(r->fate & TCP_SACKED);
    if (other != NULL && (other->fate & TCP_SACKED))
        tcp_sent_merge(t, other, r);
    other = tcp_sent_next(r);
    if (other != NULL && (other->fate & TCP_SACKED)) {
        tcp_sent_merge(t, r, other);
        r = other;
    }
    return r;
}

void tcp_sent_free(struct tcb *t)
{
    while (t->board.tree.last != NULL) {
        struct tcp_sent *r = tcp_sent_of(t->board.tree.last);

        tcp_sent_uncount(&t->board, r);
        tcp_sent_del(t, r);
    }
}
