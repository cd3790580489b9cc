/*
 * recvq.h - what a connection has received and nobody has read yet: a stream of bytes, some of them copied
 * and some of them left in the packets they came in.
 *
 * A long segment is not worth a copy: the queue keeps its packet (pkt_keep), and the reader sees the bytes
 * where the wire has put them. A short one would take a whole packet for a few bytes: it is copied into a
 * ring (ring.h), where many of them lie densely. What is out of order is always copied, written ahead to
 * where it belongs. Packets come first in the stream, and the ring behind them:
 *
 *     stream    | packet A, 0..64999 | packet B, 65000..129999 | ring, 130000..131447 | ahead ...
 *
 * So a packet can be kept only while there is no ring at all. Who reads as it comes empties both each
 * time, and long segments are never copied; who does not, gets a ring, as if there were no packets.
 *
 * A packet that is kept costs all of its buffer, whatever is in it, and there are few of them: the next
 * long frame needs one. So all queues of a host together keep a bounded number (struct recvq_pool), and the
 * queue that has begun to keep first, whose reader is the slowest, can be folded: its bytes move into
 * its ring, in front of what is there, and the packets go back. Who decides that is above (tcp_reass.c).
 *
 * Memory follows what is held: a queue without a packet has no record, one without a copied byte no ring.
 */
#ifndef STACKD_RECVQ_H
#define STACKD_RECVQ_H

#include "base/pkt.h"
#include "base/ring.h"

struct recvq;

/* While packets are kept. */
struct recvq_refs {
    struct recvq *q; /* whose they are */
    struct recvq_refs *older, *newer;
    struct pktq pkts; /* their linear bytes are the text that is left of them */
    uint32_t bytes;   /* of that */
    uint32_t mem;     /* of the packets' buffers */
    bool was_seen;    /* the reader has looked, and has taken nothing */
};

/* What all queues of a host share. */
struct recvq_pool {
    struct slab slab;                   /* struct recvq_refs */
    uint32_t packets;                   /* that are kept now */
    struct recvq_refs *oldest, *newest; /* by when their queue kept its first one */
    uint64_t kept, folded;              /* packets, ever */
};

struct recvq {
    struct ring ring;
    struct recvq_refs *refs; /* NULL: no packet is kept */
};

/** recvq_cut - cut room for @queues that keep packets at the same time; touches nothing. */
void recvq_cut(struct recvq_pool *pool, struct region *r, uint32_t queues);

/** recvq_kept, recvq_len - bytes that lie in packets; all that can be read. */
static inline uint32_t recvq_kept(const struct recvq *q)
{
    return q->refs != NULL ? q->refs->bytes : 0;
}
static inline uint32_t recvq_len(const struct recvq *q)
{
    return q->ring.len + recvq_kept(q);
}
/** recvq_mem - bytes of memory that the queue takes. */
static inline uint32_t recvq_mem(const struct recvq *q)
{
    return q->ring.cap + (q->refs != NULL ? q->refs->mem : 0);
}

/**
 * recvq_keep - append bytes of a packet by keeping it; there must be no ring.
 * @p:    has no external span and no other keeper than the one who calls
 * @text: a part of its linear bytes, not empty; @p is cut to it
 *
 * Return: whether a record could be had; if not, nothing has changed.
 */
bool recvq_keep(struct recvq *q, struct recvq_pool *pool, struct pkt *p, struct span text);

/** recvq_span - the bytes from offset @off on, as far as they lie in one piece, at most @max. */
struct span recvq_span(const struct recvq *q, uint32_t off, uint32_t max);
/** recvq_read - copy @len bytes from offset @off on; they must be there. */
void recvq_read_pieces(const struct recvq *q, uint32_t off, uint8_t *dst, uint32_t len);
static inline void recvq_read(const struct recvq *q, uint32_t off, uint8_t *dst, uint32_t len)
{
    if (likely(q->refs == NULL))
        ring_read_at(&q->ring, off, dst, len);
    else
        recvq_read_pieces(q, off, dst, len);
}

/** recvq_was_seen - has a reader looked before, since when nothing was consumed? Packets only; notes that he
 * has. */
static inline bool recvq_was_seen(struct recvq *q)
{
    bool was_seen = q->refs != NULL && q->refs->was_seen;

    if (q->refs != NULL)
        q->refs->was_seen = true;
    return was_seen;
}

/** recvq_consume - forget @len bytes at the head. The ring's buffer stays attached until ring_release(). */
void recvq_consume_kept(struct recvq *q, struct recvq_pool *pool, uint32_t len);
static inline void recvq_consume(struct recvq *q, struct recvq_pool *pool, uint32_t len)
{
    if (likely(q->refs == NULL))
        ring_consume(&q->ring, len);
    else
        recvq_consume_kept(q, pool, len);
}

/**
 * recvq_fold - copy all that lies in packets to the ring, and let them go.
 * @extent: bytes of the ring, counted from its head, that must survive: all that was written, ahead as well
 *
 * Return: whether the arena had room; if not, nothing has changed.
 */
bool recvq_fold(struct recvq *q, struct recvq_pool *pool, struct buddy *b, uint32_t extent);

/** recvq_clear - forget everything. */
void recvq_clear(struct recvq *q, struct recvq_pool *pool, struct buddy *b);

#endif
