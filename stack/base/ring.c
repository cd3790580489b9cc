#include "base/ring.h"

bool ring_reserve(struct ring *r, struct buddy *b, uint32_t bytes, uint32_t keep)
{
    if (bytes <= r->cap)
        return true;
    if (bytes > buddy_largest(b) || (bytes > RING_SCARCE && ring_is_scarce(b)))
        return false;
    uint32_t cap;
    uint8_t *p = buddy_alloc(b, bytes, &cap);

    if (p == NULL)
        return false;
    if (r->p != NULL) {
        if (keep > 0)
            ring_read_at(r, 0, p, u32_min(keep, r->cap));
        buddy_free(b, r->p);
    }
    r->p = p;
    r->cap = cap;
    r->head = 0;
    return true;
}

void ring_write_at(struct ring *r, uint32_t off, const uint8_t *src, uint32_t len)
{
    if (len == 0)
        return;
    NET_ASSERT(off <= r->cap && len <= r->cap - off);
    uint32_t at = (r->head + off) & (r->cap - 1);
    uint32_t first = u32_min(len, r->cap - at);

    memcpy(r->p + at, src, first);
    memcpy(r->p, src + first, len - first);
}

void ring_read_at(const struct ring *r, uint32_t off, uint8_t *dst, uint32_t len)
{
    if (len == 0)
        return;
    NET_ASSERT(off <= r->cap && len <= r->cap - off);
    uint32_t at = (r->head + off) & (r->cap - 1);
    uint32_t first = u32_min(len, r->cap - at);

    memcpy(dst, r->p + at, first);
    memcpy(dst + first, r->p, len - first);
}

struct span ring_span(const struct ring *r, uint32_t off, uint32_t max)
{
    if (off >= r->len)
        return (struct span){NULL, 0};
    uint32_t at = (r->head + off) & (r->cap - 1);

    return (struct span){r->p + at, u32_min(u32_min(max, r->len - off), r->cap - at)};
}

struct mspan ring_space(struct ring *r, uint32_t off, uint32_t max)
{
    if (off >= r->cap)
        return (struct mspan){NULL, 0};
    uint32_t at = (r->head + off) & (r->cap - 1);

    return (struct mspan){r->p + at, u32_min(u32_min(max, r->cap - off), r->cap - at)};
}

void ring_consume(struct ring *r, uint32_t len)
{
    NET_ASSERT(len <= r->len);
    r->len -= len;
    r->head = (r->head + len) & (r->cap - 1);
}

void ring_release(struct ring *r, struct buddy *b)
{
    if (r->p != NULL)
        buddy_free(b, r->p);
    *r = (struct ring){0};
}
