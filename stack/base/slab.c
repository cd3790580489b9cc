#include "base/slab.h"

void slab_cut(struct slab *s, struct region *r, size_t size, uint32_t count)
{
    size = (size + 7) & ~(size_t)7;
    *s = (struct slab){.size = size, .count = count};
    s->base = region_cut(r, size * count, 64);
}

void *slab_alloc(struct slab *s)
{
    void *obj = s->free;

    if (obj != NULL) {
        memcpy(&s->free, obj, sizeof(s->free));
    } else if (s->frontier < s->count) {
        obj = slab_at(s, s->frontier++);
    } else {
        s->exhausted++;
        return NULL;
    }
    if (++s->used > s->peak)
        s->peak = s->used;
    return obj;
}

void slab_free(struct slab *s, void *obj)
{
    NET_ASSERT(s->used > 0);
    NET_ASSERT((uint8_t *)obj >= s->base && (uint8_t *)obj < s->base + s->frontier * s->size);
    memcpy(obj, &s->free, sizeof(s->free));
    s->free = obj;
    s->used--;
}

void slab_shrink(struct slab *s, uint32_t bound)
{
    void *obj = s->free, *kept = NULL;
    uint32_t out = 0;

    while (obj != NULL) {
        void *next;

        memcpy(&next, obj, sizeof(next));
        if (slab_index(s, obj) >= bound) {
            out++;
        } else { /* the order turns around, which is as good as any */
            memcpy(obj, &kept, sizeof(kept));
            kept = obj;
        }
        obj = next;
    }
    NET_ASSERT(bound <= s->frontier && out == s->frontier - bound);
    s->free = kept;
    if (s->frontier > s->touched)
        s->touched = s->frontier;
    s->frontier = bound;
}

struct mspan slab_spare(struct slab *s)
{
    struct mspan spare = {slab_at(s, s->frontier), 0};

    if (s->touched > s->frontier)
        spare.len = (s->touched - s->frontier) * s->size;
    s->touched = 0;
    return spare;
}
