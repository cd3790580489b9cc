#include "base/buddy.h"

struct buddy_block {
    struct buddy_block *next, *prev;
};

enum { ORDER_MASK = 0x1f, BLOCK_FREE = 0x80, BLOCK_USED = 0x40, BLOCK_HOT = 0x20 };

void buddy_cut(struct buddy *b, struct region *r, size_t bytes)
{
    *b = (struct buddy){.top = BUDDY_TOP_MIN};
    while (b->top < BUDDY_MAX && bytes >> (b->top + 1) >= 8)
        b->top++;
    b->top_count = (bytes + buddy_largest(b) - 1) >> b->top;
    b->base = region_cut(r, buddy_size(b), 4096);
    b->order = region_cut(r, buddy_size(b) >> BUDDY_MIN, 64);
}

static size_t buddy_slot(const struct buddy *b, const void *p)
{
    return (size_t)((const uint8_t *)p - b->base) >> BUDDY_MIN;
}

static void buddy_push(struct buddy *b, uint8_t *p, unsigned order)
{
    struct buddy_block *blk = (struct buddy_block *)(void *)p;

    blk->prev = NULL;
    blk->next = b->free[order];
    if (blk->next != NULL)
        blk->next->prev = blk;
    b->free[order] = blk;
    b->order[buddy_slot(b, p)] = (uint8_t)(BLOCK_FREE | order);
}

static void buddy_unlink(struct buddy *b, struct buddy_block *blk, unsigned order)
{
    if (blk->prev != NULL)
        blk->prev->next = blk->next;
    else
        b->free[order] = blk->next;
    if (blk->next != NULL)
        blk->next->prev = blk->prev;
}

static unsigned buddy_order_for(size_t size)
{
    if (size <= (size_t)1 << BUDDY_MIN)
        return 0;
    return (unsigned)(64 - __builtin_clzll(size - 1)) - BUDDY_MIN;
}

/* The block at @slot is free: it joins its free neighbours. */
static void buddy_join(struct buddy *b, size_t slot, unsigned order)
{
    b->order[slot] = 0;
    while (order < b->top - BUDDY_MIN) {
        size_t mate = slot ^ ((size_t)1 << order);

        if (b->order[mate] != (BLOCK_FREE | order))
            break;
        buddy_unlink(b, (struct buddy_block *)(void *)(b->base + (mate << BUDDY_MIN)), order);
        b->order[mate] = 0;
        slot = slot < mate ? slot : mate;
        order++;
    }
    buddy_push(b, b->base + (slot << BUDDY_MIN), order);
}

/* All hot blocks join. Return: whether there were any. */
static bool buddy_cool(struct buddy *b)
{
    bool any = false;

    for (unsigned order = 0; order < BUDDY_ORDERS; order++) {
        for (struct buddy_block *blk; (blk = b->hot[order]) != NULL; any = true) {
            b->hot[order] = blk->next;
            buddy_join(b, buddy_slot(b, blk), order);
        }
        b->hot_count[order] = 0;
    }
    return any;
}

/* A block of @want or more, off its list. Return: its order, or -1. */
static int buddy_take(struct buddy *b, unsigned want, uint8_t **p)
{
    unsigned have = want, top = b->top - BUDDY_MIN;

    if (b->hot[want] != NULL) {
        *p = (uint8_t *)b->hot[want];
        b->hot[want] = b->hot[want]->next;
        b->hot_count[want]--;
        return (int)want;
    }
    while (have <= top && b->free[have] == NULL)
        have++;
    if (have <= top) {
        *p = (uint8_t *)b->free[have];
        buddy_unlink(b, b->free[have], have);
        return (int)have;
    }
    if (buddy_cool(b))
        return buddy_take(b, want, p);
    if (b->frontier == b->top_count)
        return -1;
    *p = b->base + (b->frontier++ << b->top);
    return (int)top;
}

uint8_t *buddy_alloc(struct buddy *b, size_t size, uint32_t *cap)
{
    NET_ASSERT(size <= buddy_largest(b));
    unsigned want = buddy_order_for(size);
    uint8_t *p = NULL;
    int have = buddy_take(b, want, &p);

    if (have < 0) {
        b->exhausted++;
        return NULL;
    }
    while (have > (int)want) { /* split: keep the lower half, free the upper */
        have--;
        buddy_push(b, p + ((size_t)1 << (BUDDY_MIN + have)), (unsigned)have);
    }
    b->order[buddy_slot(b, p)] = (uint8_t)(BLOCK_USED | want);
    *cap = (uint32_t)1 << (BUDDY_MIN + want);
    b->used += *cap;
    if (b->used > b->peak)
        b->peak = b->used;
    return p;
}

void buddy_free(struct buddy *b, uint8_t *p)
{
    size_t slot = buddy_slot(b, p);

    NET_ASSERT(b->order[slot] & BLOCK_USED);
    unsigned order = b->order[slot] & ORDER_MASK;

    b->used -= (size_t)1 << (BUDDY_MIN + order);
    if (b->hot_count[order] == BUDDY_HOT) {
        buddy_join(b, slot, order);
        return;
    }
    struct buddy_block *blk = (struct buddy_block *)(void *)p;

    blk->next = b->hot[order];
    b->hot[order] = blk;
    b->hot_count[order]++;
    b->order[slot] = (uint8_t)(BLOCK_HOT | order);
}
