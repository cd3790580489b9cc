#include "base/buddy.h"

struct buddy_block {
    struct buddy_block *next, *prev;
};

enum { ORDER_MASK = 0x1f, BLOCK_FREE = 0x80, BLOCK_USED = 0x40 };

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
    unsigned order = 0;

    while (((size_t)1 << (BUDDY_MIN + order)) < size)
        order++;
    return order;
}

uint8_t *buddy_alloc(struct buddy *b, size_t size, uint32_t *cap)
{
    NET_ASSERT(size <= buddy_largest(b));
    unsigned want = buddy_order_for(size), have = want, top = b->top - BUDDY_MIN;
    uint8_t *p;

    while (have <= top && b->free[have] == NULL)
        have++;
    if (have <= top) {
        p = (uint8_t *)b->free[have];
        buddy_unlink(b, b->free[have], have);
    } else if (b->frontier < b->top_count) {
        p = b->base + (b->frontier++ << b->top);
        have = top;
    } else {
        b->exhausted++;
        return NULL;
    }
    while (have > want) { /* split: keep the lower half, free the upper */
        have--;
        buddy_push(b, p + ((size_t)1 << (BUDDY_MIN + have)), have);
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

    b->order[slot] = 0;
    b->used -= (size_t)1 << (BUDDY_MIN + order);
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
