#include "base/sendq.h"

static_assert(sizeof(struct sendq_refs) <= SENDQ_RECORD, "both come from one pool");

/* ---- giving ---- */

struct mspan sendq_room(struct sendq *q, struct buddy *b, uint32_t want)
{
    /* Most writes are small, and the ring doubles as it fills; the largest block bounds it, and what
     * the arena can spare. */
    while (want > 0 && !ring_reserve(&q->ring, b, q->ring.len + want, q->ring.len))
        want /= 2;
    return ring_space(&q->ring, q->ring.len, want);
}

void sendq_commit(struct sendq *q, uint32_t len)
{
    NET_ASSERT(len <= q->ring.cap - q->ring.len);
    q->ring.len += len;
}

uint32_t sendq_write(struct sendq *q, struct buddy *b, const uint8_t *src, uint32_t len)
{
    uint32_t done = 0;

    while (done < len) { /* twice where the room wraps */
        struct mspan room = sendq_room(q, b, len - done);

        if (room.len == 0)
            break;
        memcpy(room.p, src + done, room.len);
        sendq_commit(q, (uint32_t)room.len);
        done += (uint32_t)room.len;
    }
    return done;
}

bool sendq_lend(struct sendq *q, struct slab *pool, const struct lent *what)
{
    NET_ASSERT(what->bytes.len > 0 && what->bytes.len <= SENDQ_LENT_MAX);
    struct sendq_ref *r = slab_alloc(pool);

    if (r == NULL)
        return false;
    if (q->refs == NULL) {
        q->refs = slab_alloc(pool);
        if (q->refs == NULL) {
            slab_free(pool, r);
            return false;
        }
        *q->refs = (struct sendq_refs){.cursor = r};
    }
    struct sendq_refs *l = q->refs;

    *r = (struct sendq_ref){
        .prev = l->last,
        .lent = *what,
        .at = l->head + sendq_len(q),
        .copied = l->eaten + q->ring.len,
    };
    if (l->last != NULL)
        l->last->next = r;
    else
        l->first = r;
    l->last = r;
    l->lent += (uint32_t)what->bytes.len;
    return true;
}

/* ---- looking ---- */

/* The last span that begins at or before offset @off; the first, if all begin behind it. */
static struct sendq_ref *sendq_find(struct sendq_refs *l, uint32_t off)
{
    struct sendq_ref *r = l->cursor;
    uint32_t at = r->at - l->head;

    if (off < at / 2) { /* a retransmission, at the beginning: the cursor stays with what is new */
        r = l->first;
        while (r->next != NULL && r->next->at - l->head <= off)
            r = r->next;
        return r;
    }
    while (r->prev != NULL && r->at - l->head > off)
        r = r->prev;
    while (r->next != NULL && r->next->at - l->head <= off)
        r = r->next;
    l->cursor = r;
    return r;
}

/* Bytes of @r from its byte @in on, at most @max, with those of the spans that follow it in the stream and
 * in memory: so a file that is lent by pieces leaves in full super-segments. */
static struct span sendq_lent_span(const struct sendq_ref *r, uint32_t in, uint32_t max)
{
    struct span s = {r->lent.bytes.p + in, r->lent.bytes.len - in};

    while (s.len < max && r->next != NULL && r->next->at == r->at + (uint32_t)r->lent.bytes.len &&
           r->next->lent.bytes.p == r->lent.bytes.p + r->lent.bytes.len) {
        r = r->next;
        s.len += r->lent.bytes.len;
    }
    s.len = s.len < max ? s.len : max;
    return s;
}

struct span sendq_span(const struct sendq *q, uint32_t off, uint32_t max)
{
    struct sendq_refs *l = q->refs;

    if (l == NULL)
        return ring_span(&q->ring, off, max);
    if (off >= sendq_len(q))
        return (struct span){NULL, 0};
    const struct sendq_ref *r = sendq_find(l, off);
    uint32_t at = r->at - l->head;

    if (off < at) /* copied, and nothing is lent before it */
        return ring_span(&q->ring, off, u32_min(max, at - off));
    uint32_t in = off - at, len = (uint32_t)r->lent.bytes.len;

    if (in < len)
        return sendq_lent_span(r, in, max);
    if (r->next != NULL)
        max = u32_min(max, r->next->at - r->at - in);
    return ring_span(&q->ring, r->copied - l->eaten + (in - len), max);
}

void sendq_read(const struct sendq *q, uint32_t off, uint8_t *dst, uint32_t len)
{
    NET_ASSERT(off <= sendq_len(q) && len <= sendq_len(q) - off);
    while (len > 0) {
        struct span s = sendq_span(q, off, len);

        memcpy(dst, s.p, s.len);
        dst += s.len;
        off += (uint32_t)s.len;
        len -= (uint32_t)s.len;
    }
}

uint32_t sendq_fit(const struct sendq *q, uint32_t off, uint32_t len, uint32_t mss)
{
    uint32_t copy_max = u32_min(mss, SENDQ_COPY_MAX), sum = 0;

    NET_ASSERT(off <= sendq_len(q) && len <= sendq_len(q) - off);
    do /* what fits into the copied beginning, and the piece behind it */
        sum += (uint32_t)sendq_span(q, off + sum, len - sum).len;
    while (sum < len && sum <= copy_max);
    return sum < len && sum > mss ? sum / mss * mss : sum;
}

/* ---- forgetting ---- */

/* The first span of the list is not needed any more. */
static void sendq_give_back(struct sendq *q, struct slab *pool)
{
    struct sendq_refs *l = q->refs;
    struct sendq_ref *r = l->first;
    struct lent lent = r->lent;

    l->first = r->next;
    if (l->cursor == r)
        l->cursor = r->next;
    if (r->next != NULL) {
        r->next->prev = NULL;
    } else {
        slab_free(pool, l);
        q->refs = NULL;
    }
    slab_free(pool, r);
    if (lent.release != NULL)
        lent.release(lent.ctx);
}

/* Bytes of the ring, with nothing lent before them, leave the queue. */
static void sendq_eat(struct sendq *q, uint32_t len)
{
    ring_consume(&q->ring, len);
    if (q->refs != NULL) {
        q->refs->head += len;
        q->refs->eaten += len;
    }
}

void sendq_consume(struct sendq *q, uint32_t len, struct buddy *b, struct slab *pool)
{
    NET_ASSERT(len <= sendq_len(q));
    while (len > 0 && q->refs != NULL) {
        struct sendq_ref *r = q->refs->first;
        uint32_t before = u32_min(len, r->at - q->refs->head);

        sendq_eat(q, before);
        uint32_t n = u32_min(len - before, (uint32_t)r->lent.bytes.len);

        r->lent.bytes.p += n;
        r->lent.bytes.len -= n;
        r->at += n;
        q->refs->head += n;
        q->refs->lent -= n;
        len -= before + n;
        if (r->lent.bytes.len == 0)
            sendq_give_back(q, pool);
    }
    if (len > 0)
        sendq_eat(q, len);
    if (q->ring.len == 0)
        ring_release(&q->ring, b);
}

void sendq_clear(struct sendq *q, struct buddy *b, struct slab *pool)
{
    while (q->refs != NULL)
        sendq_give_back(q, pool);
    ring_release(&q->ring, b);
}
