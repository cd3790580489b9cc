#include "base/recvq.h"

#include "base/list.h"

void recvq_cut(struct recvq_pool *pool, struct region *r, uint32_t queues)
{
    *pool = (struct recvq_pool){0};
    slab_cut(&pool->slab, r, sizeof(struct recvq_refs), queues);
}

bool recvq_keep(struct recvq *q, struct recvq_pool *pool, struct pkt *p, struct span text)
{
    NET_ASSERT(q->ring.p == NULL && text.len > 0);
    NET_ASSERT(p->refs == 1 && p->ext_len == 0 && text.p >= pkt_data(p) &&
               text.p + text.len <= pkt_data(p) + p->len);
    if (q->refs == NULL) {
        q->refs = slab_alloc(&pool->slab);
        if (q->refs == NULL)
            return false;
        *q->refs = (struct recvq_refs){.q = q};
        LIST_APPEND(pool->oldest, pool->newest, q->refs, older, newer);
    }
    pkt_pull(p, (uint32_t)(text.p - pkt_data(p)));
    pkt_trim(p, (uint32_t)text.len);
    pktq_push(&q->refs->pkts, pkt_keep(p));
    q->refs->bytes += p->len;
    q->refs->mem += p->cap;
    pool->packets++;
    pool->kept++;
    return true;
}

struct span recvq_span(const struct recvq *q, uint32_t off, uint32_t max)
{
    const struct pkt *p = q->refs != NULL ? q->refs->pkts.head : NULL;

    while (p != NULL && off >= p->len) {
        off -= p->len;
        p = p->next;
    }
    if (p == NULL)
        return ring_span(&q->ring, off, max);
    return (struct span){pkt_data(p) + off, u32_min(max, p->len - off)};
}

void recvq_read_pieces(const struct recvq *q, uint32_t off, uint8_t *dst, uint32_t len)
{
    NET_ASSERT(off <= recvq_len(q) && len <= recvq_len(q) - off);
    while (len > 0) {
        struct span s = recvq_span(q, off, len);

        memcpy(dst, s.p, s.len);
        dst += s.len;
        off += (uint32_t)s.len;
        len -= (uint32_t)s.len;
    }
}

/* The first packet is not needed any more, and with the last one the record. */
static void recvq_give_back(struct recvq *q, struct recvq_pool *pool)
{
    struct recvq_refs *l = q->refs;
    struct pkt *p = pktq_pop(&l->pkts);

    l->bytes -= p->len;
    l->mem -= p->cap;
    pool->packets--;
    pkt_release(p);
    if (l->pkts.head != NULL)
        return;
    LIST_REMOVE(pool->oldest, pool->newest, l, older, newer);
    slab_free(&pool->slab, l);
    q->refs = NULL;
}

void recvq_consume_kept(struct recvq *q, struct recvq_pool *pool, uint32_t len)
{
    NET_ASSERT(len <= recvq_len(q));
    while (len > 0 && q->refs != NULL) {
        struct pkt *p = q->refs->pkts.head;
        uint32_t n = u32_min(len, p->len);

        q->refs->was_seen = false;
        q->refs->bytes -= n;
        len -= n;
        pkt_pull(p, n);
        if (p->len == 0)
            recvq_give_back(q, pool);
    }
    ring_consume(&q->ring, len);
}

bool recvq_fold(struct recvq *q, struct recvq_pool *pool, struct buddy *b, uint32_t extent)
{
    struct ring *r = &q->ring;
    uint32_t len = recvq_kept(q), at = 0;

    NET_ASSERT(extent >= r->len && extent <= r->cap);
    if (len == 0)
        return true;
    if (!ring_reserve(r, b, len + extent, extent))
        return false;
    r->head = (r->head - len) & (r->cap - 1);
    r->len += len;
    while (q->refs != NULL) {
        const struct pkt *p = q->refs->pkts.head;

        ring_write_at(r, at, pkt_data(p), p->len);
        at += p->len;
        pool->folded++;
        recvq_give_back(q, pool);
    }
    return true;
}

void recvq_clear(struct recvq *q, struct recvq_pool *pool, struct buddy *b)
{
    while (q->refs != NULL)
        recvq_give_back(q, pool);
    ring_release(&q->ring, b);
}
