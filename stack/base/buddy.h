/*
 * buddy.h - byte buffers of power-of-two sizes from one arena (Knuth, TAOCP 1, section 2.5).
 *
 * Socket buffers live here. A connection holds a buffer only while it holds data, small while the
 * data are few and doubled as they grow, so that memory follows use and not configuration. Blocks
 * have 2^BUDDY_MIN bytes up to what buddy_largest() says, aligned to their size. Two free halves of
 * a block join again, so external fragmentation is bounded by the buddy scheme. Alloc and free take
 * at most BUDDY_MAX - BUDDY_MIN steps. Blocks beyond the frontier have never been touched.
 *
 * A connection that answers one request after another frees and wants the same small buffer over
 * and over; joining a block up to the largest and splitting it down again cost 1700 instructions a
 * time. So the few blocks of each size that were freed last are kept as they are, hot, and are the
 * first to be handed out: in a few steps, and still in cache. When nothing else is left they join
 * after all.
 *
 * The largest block is an eighth of the arena, but not below 2^BUDDY_TOP_MIN and not above
 * 2^BUDDY_MAX bytes: a buffer for a long fat path must be possible, and no single one may be most of
 * what all share.
 */
#ifndef STACKD_BUDDY_H
#define STACKD_BUDDY_H

#include "base/region.h"

enum { BUDDY_MIN = 9, BUDDY_TOP_MIN = 22, BUDDY_MAX = 24, BUDDY_ORDERS = BUDDY_MAX - BUDDY_MIN + 1 };

struct buddy_block; /* a free block: its first bytes hold the list links */

enum { BUDDY_HOT = 8 }; /* blocks of each size that are kept apart */

struct buddy {
    uint8_t *base;
    unsigned top;               /* log2 of the largest block */
    size_t top_count, frontier; /* blocks of the largest size: all, and those ever touched */
    uint8_t *order;             /* per smallest block: order and state of the block that starts here */
    struct buddy_block *free[BUDDY_ORDERS];
    struct buddy_block *hot[BUDDY_ORDERS]; /* last in, first out */
    uint8_t hot_count[BUDDY_ORDERS];
    size_t used, peak; /* bytes */
    uint64_t exhausted;
};

static inline uint32_t buddy_largest(const struct buddy *b) { return (uint32_t)1 << b->top; }
static inline size_t buddy_size(const struct buddy *b) { return b->top_count << b->top; }

/** buddy_cut - cut an arena of at least @bytes from @r; touches nothing. */
void buddy_cut(struct buddy *b, struct region *r, size_t bytes);

/**
 * buddy_alloc - a buffer of at least @size bytes, content undefined.
 * @size: bytes, at most buddy_largest()
 * @cap:  receives the real size, a power of two
 *
 * Return: the buffer, or NULL when the arena is exhausted (counted).
 */
uint8_t *buddy_alloc(struct buddy *b, size_t size, uint32_t *cap);

/** buddy_free - give back a buffer of buddy_alloc. */
void buddy_free(struct buddy *b, uint8_t *p);

#endif
