/*
 * ring.h - a byte stream in a buffer of the buddy arena.
 *
 * Holds `len` bytes from `head` on, wrapping at `cap` (a power of two). The buffer is attached with
 * the first byte; an emptied ring gives it back (ring_release), so an idle connection holds none,
 * and the arena hands out the one freed last, still in cache. Bytes beyond `len` may be written
 * ahead (ring_write_at), which is where out-of-order TCP data wait.
 */
#ifndef STACKD_RING_H
#define STACKD_RING_H

#include "base/buddy.h"

/* While more than half of the arena is in use no ring grows beyond this: so a few hundred peers that
 * ask for much and read nothing cannot take the room that thousands of small exchanges need. Large
 * enough for a segment of any MTU in use. */
enum { RING_SCARCE = 16384 };

struct ring {
    uint8_t *p; /* NULL while nothing is held */
    uint32_t cap, head, len;
};

static inline bool ring_is_scarce(const struct buddy *b)
{
    return b->used >= buddy_size(b) / 2;
}

/**
 * ring_reserve - make room for @bytes in all, growing the buffer as needed.
 * @keep: bytes counted from the head that must survive a move (at least r->len)
 *
 * Return: whether the room is there; false when the arena is exhausted, or scarce (nothing changed).
 */
bool ring_reserve(struct ring *r, struct buddy *b, uint32_t bytes, uint32_t keep);

/** ring_write_at - copy @len bytes to offset @off from the head; the room must be reserved. */
void ring_write_at(struct ring *r, uint32_t off, const uint8_t *src, uint32_t len);

/** ring_read_at - copy @len bytes from offset @off from the head. */
void ring_read_at(const struct ring *r, uint32_t off, uint8_t *dst, uint32_t len);

/** ring_span - the bytes from offset @off on, as far as they lie in one piece, at most @max. */
struct span ring_span(const struct ring *r, uint32_t off, uint32_t max);

/** ring_space - where the next bytes at offset @off go, in one piece, at most @max. */
struct mspan ring_space(struct ring *r, uint32_t off, uint32_t max);

/** ring_consume - forget @len bytes at the head. The buffer stays attached until ring_release. */
void ring_consume(struct ring *r, uint32_t len);

/** ring_release - give the buffer back, whatever it holds. */
void ring_release(struct ring *r, struct buddy *b);

#endif
