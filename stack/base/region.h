/*
 * region.h - memory is cut once, from one region that the caller gives.
 *
 * The region must be zero-filled; an anonymous mapping is. Cutting touches nothing, so a pool that
 * is never used costs address space but no memory. A region with p == NULL only measures: the
 * pieces it returns must not be touched, and `used` tells at the end how large a real one must be.
 */
#ifndef STACKD_REGION_H
#define STACKD_REGION_H

#include "base/base.h"

struct region {
    uint8_t *p; /* NULL: measuring only */
    size_t len; /* of p; ignored while measuring */
    size_t used;
    bool overflow; /* a piece did not fit: the region is too small */
};

/**
 * region_cut - take a piece off the region.
 * @size:  bytes
 * @align: a power of two
 *
 * Return: the piece, zero-filled; while measuring or on overflow a pointer that must not be used.
 */
static inline void *region_cut(struct region *r, size_t size, size_t align)
{
    size_t at = (r->used + align - 1) & ~(align - 1);

    if (r->p != NULL && (at > r->len || size > r->len - at)) {
        r->overflow = true;
        return NULL;
    }
    r->used = at + size;
    return r->p == NULL ? NULL : r->p + at;
}

#endif
