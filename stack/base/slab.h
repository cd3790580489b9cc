/*
 * slab.h - a pool of objects of one size.
 *
 * Freed objects are reused last-in first-out, so that the working set stays in cache; objects that
 * were never used stay untouched behind a frontier, so that a large pool costs nothing until it is
 * needed. An exhausted pool is counted and returns NULL; the caller turns that into a verdict.
 */
#ifndef STACKD_SLAB_H
#define STACKD_SLAB_H

#include "base/region.h"

struct slab {
    uint8_t *base;
    size_t size; /* of one object, bytes */
    uint32_t count, frontier, used;
    uint32_t peak;      /* the most that were ever in use */
    uint32_t touched;   /* how far the frontier had been when it went back; see slab_spare() */
    uint64_t exhausted; /* how often nothing was left */
    void *free;         /* list through the first word of each freed object */
};

/** slab_cut - cut a pool of @count objects of @size bytes, aligned to 8, from @r; touches nothing. Where
 * @size is a multiple of 64 each begins a cache line. */
void slab_cut(struct slab *s, struct region *r, size_t size, uint32_t count);

/** slab_alloc - an object with undefined content, or NULL when the pool is exhausted. */
void *slab_alloc(struct slab *s);

/** slab_free - give @obj back; it must have come from this slab. */
void slab_free(struct slab *s, void *obj);

/**
 * slab_shrink - forget that the objects from number @bound on were ever used; all of them must be free.
 *
 * Walks the list of free objects once.
 */
void slab_shrink(struct slab *s, uint32_t bound);

/**
 * slab_spare - memory that was used and lies beyond the frontier now: its content does not matter.
 *
 * Return: the bytes, which are told once; len 0: there are none.
 */
struct mspan slab_spare(struct slab *s);

/** slab_index - the number of @obj in its pool, stable over its life: 0 ... count - 1. */
static inline uint32_t slab_index(const struct slab *s, const void *obj)
{
    return (uint32_t)((size_t)((const uint8_t *)obj - s->base) / s->size);
}
/** slab_at - the object with number @i; it must be in use. */
static inline void *slab_at(const struct slab *s, uint32_t i) { return s->base + (size_t)i * s->size; }

#endif
