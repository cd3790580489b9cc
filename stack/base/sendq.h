/*
 * sendq.h - what a connection has been given to send and may have to send again: a stream of bytes,
 * some of them copied and some of them lent.
 *
 * Copied bytes lie in a ring (ring.h) in the order in which they came, as if nothing were between them.
 * A lent span stays where its owner has it; a record says at which place of the stream it belongs and
 * how many copied bytes come before it, and so where in the ring the bytes in front of it and behind it
 * are:
 *
 *     stream    | copied 0..99 | lent A, 5000 bytes | copied 100..299 | lent B, 800 bytes |
 *     ring      | 0..99 | 100..299 |
 *     records   A {at 100, copied 100}   B {at 5300, copied 300}
 *
 * Small writes stay cheap and dense, large ones cost no copy; a head that is composed and a body that
 * lies in a file follow one another. A lent span is the lender's again when its last byte has been
 * consumed (acknowledged), or when the queue is cleared (the connection is gone): then, and only once,
 * its `release` is called. Until then its bytes must neither move nor change, or a retransmission
 * would differ from what it repeats.
 *
 * Memory follows what is held: no ring while no copied byte is, no records while nothing is lent. The
 * records come from a pool of the host, one more of them is the head of a queue's list. A lookup
 * begins at the record found last, because transmission moves on through the stream: so its cost does
 * not grow with the number of spans.
 *
 * A packet has room for one external span (pkt.h), and that is enough: sendq_fit() says how much of the
 * stream one packet can carry if it copies at most the beginning, which is less than a segment. So
 * segments that leave are full also where spans meet, or where the ring wraps; super-segments end at such
 * a border, and a segment that lies across it follows.
 */
#ifndef STACKD_SENDQ_H
#define STACKD_SENDQ_H

#include "base/ring.h"
#include "base/slab.h"

/* The beginning that a packet copies, at most: so with an MTU of 64 KiB segments end where spans meet. */
enum { SENDQ_COPY_MAX = 16384 };
/* Bytes in one span that is lent. */
enum { SENDQ_LENT_MAX = 1 << 30 };

/* Bytes that their owner lends. @release is called when they are not needed any more, from within a call
 * into the stack: it must not call back into it. NULL: nobody wants to know. */
struct lent {
    struct span bytes;
    void (*release)(void *ctx);
    void *ctx;
};

struct sendq_ref {
    struct sendq_ref *prev, *next;
    struct lent lent; /* what is left of it; never empty */
    uint32_t at;      /* place in the stream, modulo 2^32 */
    uint32_t copied;  /* copied bytes before it, likewise */
};

/* While something is lent. */
struct sendq_refs {
    struct sendq_ref *first, *last;
    struct sendq_ref *cursor; /* the one looked up last, never NULL */
    uint32_t head, eaten;     /* stream and ring: bytes that were consumed, modulo 2^32 */
    uint32_t lent;            /* bytes that are */
};

enum { SENDQ_RECORD = sizeof(struct sendq_ref) }; /* size of the pool's objects */

struct sendq {
    struct ring ring;
    struct sendq_refs *refs; /* NULL: nothing is lent */
};

/** sendq_lent, sendq_len - bytes that are lent; all that are held. */
static inline uint32_t sendq_lent(const struct sendq *q)
{
    return q->refs != NULL ? q->refs->lent : 0;
}
static inline uint32_t sendq_len(const struct sendq *q)
{
    return q->ring.len + sendq_lent(q);
}

/** sendq_room - where the next copied bytes go, in one piece of at most @want bytes; fewer when the arena
 * is exhausted. */
struct mspan sendq_room(struct sendq *q, struct buddy *b, uint32_t want);
/** sendq_commit - the first @len bytes of that room are part of the stream. */
void sendq_commit(struct sendq *q, uint32_t len);
/** sendq_write - append a copy. Return: bytes taken; fewer than @len when the arena is exhausted. */
uint32_t sendq_write(struct sendq *q, struct buddy *b, const uint8_t *src, uint32_t len);
/** sendq_lend - append what somebody lends, 1 ... SENDQ_LENT_MAX bytes. Return: whether a record could be
 * had from @pool; if not, nothing has changed and nothing will be released. */
bool sendq_lend(struct sendq *q, struct slab *pool, const struct lent *what);

/** sendq_span - the bytes from offset @off on, as far as they lie in one piece, at most @max. */
struct span sendq_span(const struct sendq *q, uint32_t off, uint32_t max);
/** sendq_read - copy @len bytes from offset @off on; they must be there. */
void sendq_read(const struct sendq *q, uint32_t off, uint8_t *dst, uint32_t len);
/**
 * sendq_fit - how much of @len bytes from offset @off on one packet can carry.
 * @mss: payload of a full segment
 *
 * Return: @len; or fewer: a multiple of @mss, or, where a segment is longer than what may be copied,
 * what ends at a border. All but the last piece of it are together no longer than a segment.
 */
uint32_t sendq_fit(const struct sendq *q, uint32_t off, uint32_t len, uint32_t mss);

/** sendq_consume - forget @len bytes at the head; what was lent goes back. */
void sendq_consume(struct sendq *q, uint32_t len, struct buddy *b, struct slab *pool);
/** sendq_clear - forget everything. */
void sendq_clear(struct sendq *q, struct buddy *b, struct slab *pool);

#endif
