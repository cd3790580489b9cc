/*
 * ready.h - who has news for the layer above.
 *
 * Layers do not call upward. A TCP connection, a listener or a UDP socket with news puts itself on
 * the host's ready list, once; the session layer takes the list apart when it is called. What the
 * news is, the owner finds out by asking: the list only says whom to ask.
 */
#ifndef STACKD_READY_H
#define STACKD_READY_H

#include "base/base.h"

#define READY_NOBODY UINT32_MAX

struct ready {
    struct ready *next, *prev; /* next == NULL: not listed */
    uint32_t owner;            /* the session layer's number of the socket, or READY_NOBODY */
};

/* Circular, with the list head as its own anchor. */
struct ready_list {
    struct ready anchor;
};

static inline void ready_list_init(struct ready_list *l)
{
    l->anchor.next = l->anchor.prev = &l->anchor;
}
/** ready_add - list @r, at the end, if it has an owner and is not listed yet. */
static inline void ready_add(struct ready_list *l, struct ready *r)
{
    if (r->next != NULL || r->owner == READY_NOBODY)
        return;
    r->next = &l->anchor;
    r->prev = l->anchor.prev;
    r->prev->next = r;
    l->anchor.prev = r;
}
/** ready_del - take @r off the list, if it is on it. */
static inline void ready_del(struct ready *r)
{
    if (r->next == NULL)
        return;
    r->next->prev = r->prev;
    r->prev->next = r->next;
    r->next = r->prev = NULL;
}
/** ready_pop - the one that waits longest, taken off the list; NULL when nobody waits. */
static inline struct ready *ready_pop(struct ready_list *l)
{
    struct ready *r = l->anchor.next;

    if (r == &l->anchor)
        return NULL;
    ready_del(r);
    return r;
}

#endif
