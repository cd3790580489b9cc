/*
 * relay.c - rings of packets between hosts, and who is asked in which order.
 */
#include "relay.h"

#define RELAY_SKIP UINT32_MAX

static size_t relay_size(uint32_t len)
{
    return (sizeof(struct relay_msg) + len + 7) & ~(size_t)7;
}

/* ---- the ring ---- */

/* Room for a message with @len bytes, contiguous; NULL: full. *@end receives the tail to publish. */
static uint8_t *relay_reserve(struct relay_ring *ring, uint32_t len, size_t *end)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    size_t at = tail % RELAY_RING, need = relay_size(len), skip = 0;

    if (need > RELAY_RING - at)
        skip = RELAY_RING - at;
    if (need + skip > RELAY_RING - (tail - head))
        return NULL;
    if (skip > 0) {
        memcpy(ring->buf + at, &(uint32_t){RELAY_SKIP}, sizeof(uint32_t));
        at = 0;
    }
    *end = tail + skip + need;
    return ring->buf + at;
}

/* The oldest message; NULL: empty. */
static const uint8_t *relay_front(struct relay_ring *ring, struct relay_msg *m)
{
    for (;;) {
        size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
        size_t at = head % RELAY_RING;
        uint32_t len;

        if (atomic_load_explicit(&ring->tail, memory_order_acquire) == head)
            return NULL;
        memcpy(&len, ring->buf + at, sizeof(len));
        if (len != RELAY_SKIP) {
            memcpy(m, ring->buf + at, sizeof(*m));
            return ring->buf + at + sizeof(*m);
        }
        atomic_store_explicit(&ring->head, head + RELAY_RING - at, memory_order_release);
    }
}

static void relay_take(struct relay_ring *ring, const struct relay_msg *m)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    atomic_store_explicit(&ring->head, head + relay_size(m->len), memory_order_release);
}

/* ---- handing on ---- */

/* Copy @p from its network header on. Return: whether there was room. */
static bool relay_pass(struct relay *r, const struct pkt *p, struct relay_msg m)
{
    uint32_t from = p->ethertype == ETH_TYPE_ARP ? p->off : p->l3;
    uint32_t linear = p->off + p->len - from, have = linear + p->ext_len;
    size_t end;

    m.len = have;
    if (m.ethertype == ETH_TYPE_IP4 &&
        have >= IP4_HDR_LEN) /* a layer above may have cut the end off */
        m.len = u32_max(have, get16(p->buf + from + IP4_TOTAL));
    m.csum_start = (uint16_t)(p->csum_start - (p->csum == CSUM_PARTIAL ? from : 0));
    uint8_t *to = relay_reserve(&r->next->in, m.len, &end);

    if (to == NULL) {
        r->lost++;
        return false;
    }
    memcpy(to, &m, sizeof(m));
    to += sizeof(m);
    memcpy(to, p->buf + from, linear);
    if (p->ext_len > 0)
        memcpy(to + linear, p->ext, p->ext_len);
    memset(to + have, 0, m.len - have);
    atomic_store(&r->next->in.tail, end); /* in one order with whether the reader sleeps */
    r->passed++;
    if (r->wake != NULL)
        r->wake(r->wake_ctx);
    return true;
}

/* What to hand on about @p, which arrived here or is being heard. */
static struct relay_msg relay_about(const struct relay *r, const struct pkt *p,
                                    enum relay_kind kind)
{
    return (struct relay_msg){
        .kind = (uint8_t)kind,
        .ifi = p->ifi,
        .l2_cast = p->l2_cast,
        .origin = r->hearing != NULL ? r->hearing->origin : r->self,
        .ethertype = p->ethertype,
        .l2_src = p->l2_src,
        .gso_size = p->gso_size,
        .csum = p->csum,
        .csum_off = p->csum_off,
        .frame = p->frame,
    };
}

static enum verdict relay_stray(void *ctx, const struct pkt *p)
{
    struct relay *r = ctx;

    if (r->hearing != NULL && r->hearing->origin == r->self)
        return V_NEXT; /* it has been everywhere */
    return relay_pass(r, p, relay_about(r, p, RELAY_STRAY)) ? V_DONE : V_DROP_TWIN_FULL;
}

static enum verdict relay_heard(void *ctx, const struct pkt *p, enum verdict v)
{
    struct relay *r = ctx;
    struct relay_msg m = relay_about(r, p, RELAY_HEARD);

    m.taken = v <= V_DONE || (r->hearing != NULL && r->hearing->taken);
    if (r->next->self == m.origin || (r->hearing != NULL && m.origin == r->self)) /* all have */
        return m.taken ? V_DONE : v;
    if (!relay_pass(r, p, m))
        net_drop(&r->net->core, p, V_DROP_TWIN_FULL);
    else if (v > V_DONE)
        return V_DONE; /* whoever is the last says whether nobody could use it */
    return v;
}

/* ---- hearing ---- */

static void relay_hear(struct relay *r, const struct relay_msg *m, const uint8_t *bytes)
{
    struct core *c = &r->net->core;
    struct pkt_pool *pool = PKT_HEADROOM + m->len <= c->pkts.cap ? &c->pkts : &c->bigs;
    struct pkt *p = pkt_alloc(pool, PKT_HEADROOM);

    if (p == NULL || m->len > pkt_room(p)) {
        pkt_release(p);
        net_drop(c, NULL, V_DROP_PKT_POOL);
        return;
    }
    memcpy(pkt_append(p, m->len), bytes, m->len);
    p->ifi = m->ifi;
    p->frame = m->frame;
    p->ethertype = m->ethertype;
    p->l2_cast = m->l2_cast;
    p->l2_src = m->l2_src;
    p->gso_size = m->gso_size;
    p->csum = m->csum;
    p->csum_off = m->csum_off;
    p->csum_start = (uint16_t)(m->csum_start + (m->csum == CSUM_PARTIAL ? p->off : 0));
    r->hearing = m;
    net_hear(r->net, p);
    r->hearing = NULL;
}

int relay_run(struct relay *r, int max)
{
    struct relay_msg m;
    const uint8_t *bytes;
    int n = 0;

    while (n < max && (bytes = relay_front(&r->in, &m)) != NULL) {
        relay_hear(r, &m, bytes);
        relay_take(&r->in, &m);
        n++;
    }
    return n;
}

void relay_init(struct relay *r, struct net *net, uint16_t self, void *buf)
{
    *r = (struct relay){
        .twins = {relay_stray, relay_heard, r},
          .net = net, .self = self
    };
    r->in.buf = buf;
    net_set_twins(net, &r->twins);
}
