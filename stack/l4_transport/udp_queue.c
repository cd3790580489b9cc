/*
 * udp_queue.c - the datagrams that wait in a socket, and what they may occupy.
 *
 * Memory. A datagram waits in the packet it came in: no copy, and a packet occupied that the wire
 * would like back. So a socket is charged with the memory of the packet, not with the bytes in
 * it, and all sockets together hold at most half of each packet pool: nobody can starve TCP by
 * sending to a service that does not read. An empty queue takes one datagram whatever its limit.
 *
 * Trains. A wire that joins datagrams of one flow (a sender on this machine with UDP_SEGMENT: gso_size of
 * the packet) gives many at once, found and checked once. They stay together: the queue keeps the one
 * packet, and the socket how far the oldest has been read (`at`), so that each read gives one datagram
 * of gso_size bytes, the last perhaps shorter; or, to a user who asked for that (UDP_GRO), the whole.
 *
 * A short train in a packet of 64 KiB would be charged for all of it, and three of them fill a socket that
 * holds a hundred datagrams else. So where the datagrams need less than half of that memory in
 * packets of their own they are copied there; not for a user who wants trains, and pays for them.
 */
#include "l4_transport/udp.h"

/* What a packet occupies: its own buffer, and those of the packets it refers to. */
struct udp_charge {
    uint32_t bytes, pkts, bigs;
};

static struct udp_charge udp_charge(const struct udp *udp, const struct pkt *p)
{
    struct udp_charge ch = {0};

    for (; p != NULL; p = p->owner) {
        ch.bytes += (uint32_t)sizeof(*p) + p->cap;
        ch.pkts += p->pool == &udp->c->pkts;
        ch.bigs += p->pool == &udp->c->bigs;
    }
    return ch;
}

static bool udp_has_room(const struct udp_sock *u, const struct udp_charge *ch)
{
    const struct udp *udp = u->udp;

    if (u->queue.head != NULL && (u->rcv_used >= u->rcvbuf || ch->bytes > u->rcvbuf - u->rcv_used))
        return false;
    return (ch->pkts == 0 ||
            udp->held_pkts + ch->pkts <= u32_max(1, udp->c->pkts.slab.count / 2)) &&
           (ch->bigs == 0 || udp->held_bigs + ch->bigs <= u32_max(1, udp->c->bigs.slab.count / 2));
}

/* Bytes of payload behind the header of @p. */
static uint32_t udp_payload_len(const struct pkt *p)
{
    return pkt_total(p) - (p->l4 - p->off) - UDP_HDR_LEN;
}

/* Datagrams in the train @p, of which the header may say that it is none. */
static uint32_t udp_pieces(const struct pkt *p)
{
    return u32_max(1, (udp_payload_len(p) + p->gso_size - 1) / p->gso_size);
}

/* Copy the header of @p and the @len bytes of payload from @from on to a packet that needs nothing else. */
static struct pkt *udp_copy_part(struct udp *udp, const struct pkt *p, uint32_t from, uint32_t len)
{
    uint32_t linear = p->len - (p->l4 - p->off) - UDP_HDR_LEN; /* of the payload */
    struct pkt_pool *pool =
        UDP_HDR_LEN + len <= udp->c->pkts.cap - PKT_HEADROOM ? &udp->c->pkts : &udp->c->bigs;
    struct pkt *q =
        UDP_HDR_LEN + len <= pool->cap - PKT_HEADROOM ? pkt_alloc(pool, PKT_HEADROOM) : NULL;

    if (q == NULL)
        return NULL;
    const uint8_t *hdr = p->buf + p->l4;
    uint8_t *to = pkt_append(q, UDP_HDR_LEN + len);
    uint32_t first = from < linear ? u32_min(len, linear - from) : 0;

    memcpy(to, hdr, UDP_HDR_LEN);
    put16(to + UDP_LEN, (uint16_t)(UDP_HDR_LEN + len));
    to += UDP_HDR_LEN;
    if (first > 0)
        memcpy(to, hdr + UDP_HDR_LEN + from, first);
    if (len > first)
        memcpy(to + first, p->ext + (from + first - linear), len - first);
    q->l4 = (uint16_t)q->off;
    q->src = p->src;
    q->dst = p->dst;
    q->l3_cast = p->l3_cast;
    q->l2_cast = p->l2_cast;
    q->proto = p->proto;
    q->tos = p->tos;
    q->ttl = p->ttl;
    q->ifi = p->ifi;
    q->frame = p->frame;
    return q;
}

struct pkt *udp_copy(struct udp *udp, const struct pkt *p)
{
    struct pkt *q = udp_copy_part(udp, p, 0, udp_payload_len(p));

    if (q != NULL)
        q->gso_size = p->gso_size;
    return q;
}

/* Would the datagrams of the train @p do with less than half of its memory? */
static bool udp_is_sparse(const struct udp *udp, const struct pkt *p, uint32_t pieces)
{
    const struct pkt_pool *pkts = &udp->c->pkts;

    return p->cap > pkts->cap && p->gso_size <= pkts->cap - PKT_HEADROOM - UDP_HDR_LEN &&
           (uint64_t)pieces * (sizeof(*p) + pkts->cap) * 2 < sizeof(*p) + p->cap;
}

/* Each datagram of the train @p in a packet of its own. Return: V_DONE if none was lost. */
static enum verdict udp_deliver_apart(struct udp_sock *u, const struct pkt *p)
{
    uint32_t len = udp_payload_len(p);
    enum verdict v = V_DONE;

    for (uint32_t at = 0; at < len; at += p->gso_size) {
        struct pkt *q = udp_copy_part(u->udp, p, at, u32_min(p->gso_size, len - at));
        enum verdict w = q == NULL ? V_DROP_PKT_POOL : udp_deliver(u, q);

        pkt_release(q);
        v = w == V_DONE ? v : w;
    }
    return v;
}

enum verdict udp_deliver(struct udp_sock *u, struct pkt *p)
{
    struct udp *udp = u->udp;
    uint32_t pieces = 1;

    if (unlikely(p->gso_size > 0)) {
        pieces = udp_pieces(p);
        NET_ASSERT(p->ext_len == 0); /* L3 has made it one piece */
        if (pieces > 1 && !u->gro && udp_is_sparse(udp, p, pieces))
            return udp_deliver_apart(u, p);
    }
    struct udp_charge ch = udp_charge(udp, p);

    if (!udp_has_room(u, &ch)) {
        u->dropped += pieces;
        return V_DROP_UDP_QUEUE_FULL;
    }
    u->rcv_used += ch.bytes;
    udp->held_pkts += ch.pkts;
    udp->held_bigs += ch.bigs;
    pktq_push(&u->queue, pkt_keep(p));
    u->in += pieces;
    udp->stats.in += pieces;
    ready_add(&udp->c->ready, &u->ready);
    return V_DONE;
}

/* How much of the train @p, the oldest packet, one read gives. */
static uint32_t udp_next_len(const struct udp_sock *u, const struct pkt *p)
{
    uint32_t len = udp_payload_len(p), left = len - u->at;

    NET_ASSERT(u->at <= len);
    return u->gro ? left : u32_min(left, p->gso_size);
}

bool udp_peek(const struct udp_sock *u, struct udp_dgram *d)
{
    const struct pkt *p = u->queue.head;

    if (p == NULL)
        return false;
    const uint8_t *hdr = p->buf + p->l4;
    uint32_t skip = p->l4 - p->off + UDP_HDR_LEN;

    *d = (struct udp_dgram){
        .data = {{hdr + UDP_HDR_LEN, p->len - skip}, {p->ext, p->ext_len}},
        .len = pkt_total(p) - skip,
        .segment = 0,
        .src = p->src,
        .dst = p->dst,
        .sport = get16(hdr + UDP_SRC),
        .dport = get16(hdr + UDP_DST),
        .ifi = p->ifi,
        .tos = p->tos,
        .ttl = p->ttl,
        .cast = (enum cast)p->l3_cast,
    };
    if (unlikely(p->gso_size > 0)) {
        d->len = udp_next_len(u, p);
        d->data[0] = (struct span){hdr + UDP_HDR_LEN + u->at, d->len};
        d->segment = d->len > p->gso_size ? p->gso_size : 0;
    }
    return true;
}

/* The oldest packet has been read. */
static void udp_pop(struct udp_sock *u)
{
    struct udp *udp = u->udp;
    struct pkt *p = pktq_pop(&u->queue);
    struct udp_charge ch = udp_charge(udp, p);

    NET_ASSERT(u->rcv_used >= ch.bytes && udp->held_pkts >= ch.pkts && udp->held_bigs >= ch.bigs);
    u->rcv_used -= ch.bytes;
    udp->held_pkts -= ch.pkts;
    udp->held_bigs -= ch.bigs;
    pkt_release(p);
}

void udp_consume(struct udp_sock *u)
{
    const struct pkt *p = u->queue.head;

    NET_ASSERT(p != NULL);
    if (unlikely(p->gso_size > 0)) {
        u->at += udp_next_len(u, p);
        if (u->at < udp_payload_len(p))
            return;
        u->at = 0;
    }
    udp_pop(u);
}
