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
