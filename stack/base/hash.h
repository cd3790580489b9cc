/*
 * hash.h - intrusive hash table with chains; the caller computes a keyed hash (siphash.h).
 *
 * The number of slots is fixed when the table is cut, at five quarters of the objects of the pool behind
 * it or up to twice as many, so that most chains have one member: with as many members as slots each tenth
 * walk to one passes two others. Each slot is touched by the first object that comes to it: with many small
 * objects, still more slots would be memory that all pay for. Keyed hashing keeps a stranger from choosing
 * addresses and ports that meet in one chain.
 */
#ifndef STACKD_HASH_H
#define STACKD_HASH_H

#include "base/region.h"

struct hash_node {
    struct hash_node *next;
    uint32_t hash;
    uint8_t kind; /* of the object, where a table holds several: its owner's own, */
    uint8_t note; /* and so is this */
};

struct hash {
    struct hash_node **slots;
    uint32_t mask;
};

/** hash_cut - cut a table for about @objects objects from @r. */
static inline void hash_cut(struct hash *h, struct region *r, uint32_t objects)
{
    uint32_t slots = 16;

    while (slots < objects + objects / 4)
        slots *= 2;
    h->mask = slots - 1;
    h->slots = region_cut(r, slots * sizeof(h->slots[0]), 64);
}
static inline void hash_add(struct hash *h, struct hash_node *n, uint32_t hash)
{
    struct hash_node **slot = &h->slots[hash & h->mask];

    n->hash = hash;
    n->next = *slot;
    *slot = n;
}
/** hash_del - take @n out; it must be in. */
static inline void hash_del(struct hash *h, struct hash_node *n)
{
    struct hash_node **at = &h->slots[n->hash & h->mask];

    while (*at != n) {
        NET_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = n->next;
    n->next = NULL;
}
/** hash_replace - @n takes the place of @old, which is in. */
static inline void hash_replace(struct hash *h, struct hash_node *old, struct hash_node *n)
{
    struct hash_node **at = &h->slots[old->hash & h->mask];

    while (*at != old) {
        NET_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    n->hash = old->hash;
    n->next = old->next;
    *at = n;
}
/** hash_ahead - hash_first() will be asked soon: its answer is fetched from memory meanwhile. */
static inline void hash_ahead(const struct hash *h, uint32_t hash)
{
    __builtin_prefetch(&h->slots[hash & h->mask]);
}
/** hash_first - head of the chain in which an object with @hash stands; compare hash, then key. */
static inline struct hash_node *hash_first(const struct hash *h, uint32_t hash)
{
    return h->slots[hash & h->mask];
}

#endif
