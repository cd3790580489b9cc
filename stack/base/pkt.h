/*
 * pkt.h - one packet on its way through the layers.
 *
 * A packet is linear bytes in a buffer (headers, and usually the payload) plus at most one external
 * span (the tail of the payload, which stays in a send queue or in the packet it is a fragment of).
 * Headers are pushed in front and pulled off; the offsets of the layers stay, counted from the
 * start of the buffer.
 *
 * Ownership: input functions borrow; who needs a packet longer calls pkt_keep(), and every keeper
 * calls pkt_release() once. A packet with more than one keeper must not be written to. An external
 * span is valid until the next call into the stack: a port or link that holds a frame longer
 * copies it (pkt_linearize).
 *
 * Offload: a packet carries what a wire may do for us, or has done: `csum` says whether the
 * transport checksum is unknown (CSUM_NONE), known to be right (CSUM_VERIFIED), or left to the
 * wire (CSUM_PARTIAL: the sum of the pseudo-header stands in the field at csum_start + csum_off,
 * and the sum over everything from csum_start on is still to be added). gso_size > 0 says that the
 * payload of TCP or UDP is to be cut (or was joined) in pieces of that many bytes; of UDP each is a
 * datagram, so that the packet is a train of them. l1_physical completes what a wire cannot do;
 * nobody else looks.
 */
#ifndef STACKD_PKT_H
#define STACKD_PKT_H

#include "base/csum.h"
#include "base/ip_addr.h"
#include "base/slab.h"

/* Room in front of a new packet: Ethernet 14, IPv4 with options 60, TCP with options 60, rounded. */
enum { PKT_HEADROOM = 160 };

enum csum_state { CSUM_NONE, CSUM_VERIFIED, CSUM_PARTIAL };

/* How a frame, and in turn a datagram, was addressed. */
enum cast { CAST_UNICAST, CAST_BROADCAST, CAST_MULTICAST };

struct pkt {
    struct pkt *next; /* in the one queue that holds it */
    struct pkt_pool *pool;
    uint8_t *buf; /* the buffer, cap bytes */
    uint32_t cap;
    uint32_t off, len; /* linear bytes: buf[off] ... buf[off + len - 1] */
    const uint8_t *ext;
    uint32_t ext_len;   /* bytes that follow the linear ones, elsewhere */
    uint16_t refs;
    uint16_t l2, l3, l4; /* offsets of the headers from buf, once known */
    struct pkt *owner;   /* the packet whose bytes ext points to and which we keep, or NULL */

    /* Offload, see above. */
    uint8_t csum; /* enum csum_state */
    uint8_t ifi;  /* number of the interface it came from or goes to */
    uint16_t gso_size;
    uint16_t csum_start; /* offset from buf, like l4 */
    uint16_t csum_off;   /* of the checksum field from csum_start */

    /* Filled in by the layers on the way in. */
    uint8_t l2_cast, l3_cast; /* enum cast */
    uint8_t proto, ttl, tos;
    uint16_t ethertype;
    struct mac l2_src;
    struct ip_addr src, dst;
    uint32_t l4_len; /* L4 header and payload on the way out: what follows is the link's padding */
    uint8_t note_from, note_event; /* an arrow of the TCP machine that this segment shows, see tcp_fsm.c */
    uint8_t faults; /* what the bad wire did to it: bits (1 << enum imp_what), l1_physical/imp.h */
    bool left;      /* this frame left the host; one that came in has not */
    uint64_t frame; /* number of the frame at the host's boundary, from 1; 0: none yet */
};

struct pkt_pool {
    struct slab slab;
    uint32_t cap; /* bytes of a packet's own buffer */
};

/** pkt_pool_cut - a pool of @count packets whose buffers hold @cap bytes, headroom included. */
void pkt_pool_cut(struct pkt_pool *pool, struct region *r, uint32_t count, uint32_t cap);

/** pkt_alloc - an empty packet with @headroom bytes in front, one reference; NULL when exhausted. */
struct pkt *pkt_alloc(struct pkt_pool *pool, uint32_t headroom);

static inline struct pkt *pkt_keep(struct pkt *p)
{
    NET_ASSERT(p->refs > 0 && p->refs < UINT16_MAX);
    p->refs++;
    return p;
}
/** pkt_release - one keeper less; the last gives the packet back to its pool. NULL is harmless. */
void pkt_release(struct pkt *p);

static inline uint8_t *pkt_data(const struct pkt *p) { return p->buf + p->off; }
/** pkt_span - the linear bytes. */
static inline struct span pkt_span(const struct pkt *p)
{
    return (struct span){p->buf + p->off, p->len};
}
/** pkt_total - linear and external bytes together. */
static inline uint32_t pkt_total(const struct pkt *p) { return p->len + p->ext_len; }

/** pkt_about - @n, a copy of @p or a piece of it that begins with the same headers, is the same frame to a trace. */
static inline void pkt_about(struct pkt *n, const struct pkt *p)
{
    n->frame = p->frame;
    n->left = p->left;
    n->proto = p->proto;
    n->src = p->src;
    n->dst = p->dst;
    n->l4 = p->l4 == 0 ? 0 : (uint16_t)(p->l4 - p->off + n->off);
}

/** pkt_push - @n bytes of room in front, which become the first of the packet. */
static inline uint8_t *pkt_push(struct pkt *p, uint32_t n)
{
    NET_ASSERT(p->off >= n);
    p->off -= n;
    p->len += n;
    return p->buf + p->off;
}
/** pkt_pull - take @n linear bytes off the front. */
static inline void pkt_pull(struct pkt *p, uint32_t n)
{
    NET_ASSERT(p->len >= n);
    p->off += n;
    p->len -= n;
}
/** pkt_room - how many bytes can still be appended. */
static inline uint32_t pkt_room(const struct pkt *p) { return p->cap - p->off - p->len; }
/** pkt_append - @n more linear bytes at the end, to be written by the caller. */
static inline uint8_t *pkt_append(struct pkt *p, uint32_t n)
{
    NET_ASSERT(pkt_room(p) >= n && p->ext_len == 0);
    p->len += n;
    return p->buf + p->off + p->len - n;
}
/** pkt_trim - cut the packet to @total bytes, linear and external; it must not be shorter. */
void pkt_trim(struct pkt *p, uint32_t total);

/** pkt_linearize - copy the external span behind the linear bytes. Return: whether there is room. */
bool pkt_linearize(struct pkt *p);

/** pkt_copy_out - copy the whole packet, linear and external, to @dst (pkt_total bytes). */
void pkt_copy_out(const struct pkt *p, uint8_t *dst);

/** pkt_csum - add linear bytes from buffer offset @from on, and the external span, to @sum. */
uint64_t pkt_csum(const struct pkt *p, uint32_t from, uint64_t sum);

enum { PKT_CSUM_OFF_UDP = 6 }; /* csum_off of a UDP datagram: of the usual transports, only UDP's */

/** pkt_is_train - is @p several UDP datagrams in one? */
static inline bool pkt_is_train(const struct pkt *p)
{
    return p->gso_size > 0 && p->csum_off == PKT_CSUM_OFF_UDP;
}

/** pkt_csum_complete - turn CSUM_PARTIAL into a finished checksum in the bytes. */
void pkt_csum_complete(struct pkt *p);

/* A queue of packets, first in first out, linked through next. */
struct pktq {
    struct pkt *head, *tail;
    uint32_t len;
};

static inline void pktq_push(struct pktq *q, struct pkt *p)
{
    p->next = NULL;
    if (q->tail != NULL)
        q->tail->next = p;
    else
        q->head = p;
    q->tail = p;
    q->len++;
}
static inline struct pkt *pktq_pop(struct pktq *q)
{
    struct pkt *p = q->head;

    if (p != NULL) {
        q->head = p->next;
        if (q->head == NULL)
            q->tail = NULL;
        p->next = NULL;
        q->len--;
    }
    return p;
}

#endif
