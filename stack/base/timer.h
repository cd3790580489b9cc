/*
 * timer.h - hierarchical timer wheel (Varghese, Lauck 1987) with exact expiry.
 *
 * Six levels of 64 slots; a slot of level 0 is 2^16 ns (65 us) wide, of each next level 64 times
 * wider, 52 days at the top; later deadlines wait in the top level and are looked at again. Arming
 * and stopping are O(1). A timer never fires early, and timer_deadline() is exact once the timer
 * has reached level 0, so in virtual time everything happens at its very nanosecond. Before that
 * it returns the moment of the next cascade, at most five wake-ups over the life of a timer.
 *
 * A slot of level 0 is sorted once, when it becomes the current one, so that many timers for one
 * moment cost O(log n) each and not O(n).
 *
 * A wheel is asked with every packet, and almost always nothing is due: it remembers up to when, so
 * that the answer is one comparison.
 *
 * Each module owns a wheel of its own, and calls timer_expired() in its tick function until
 * nothing is due.
 */
#ifndef STACKD_TIMER_H
#define STACKD_TIMER_H

#include "base/base.h"

enum { TIMER_LEVELS = 6, TIMER_SLOT_BITS = 6, TIMER_SLOTS = 1 << TIMER_SLOT_BITS, TIMER_SHIFT = 16 };

struct timer {
    struct timer *next, **pprev; /* pprev == NULL: not armed */
    net_time at;
};

struct timer_wheel {
    net_time now;  /* everything due before this has been handed out */
    net_time next; /* nothing is due, and no slot to be cascaded, before; perhaps too early */
    bool is_exact; /* it is not too early: what timer_deadline() says */
    uint64_t used[TIMER_LEVELS];
    uint64_t sorted; /* slots of level 0 whose list ascends; the others are newest first */
    struct timer *slot[TIMER_LEVELS][TIMER_SLOTS];
};

/** timer_wheel_init - an empty wheel that starts at @now. */
void timer_wheel_init(struct timer_wheel *w, net_time now);

/** timer_arm - let @t expire at @at (in the past: at once); an armed timer is moved. */
void timer_arm(struct timer_wheel *w, struct timer *t, net_time at);

/** timer_stop - disarm @t; harmless when it is not armed. */
void timer_stop(struct timer_wheel *w, struct timer *t);

static inline bool timer_is_armed(const struct timer *t) { return t->pprev != NULL; }

/** timer_due - let time pass to @now. Return: whether timer_expired() must be asked. */
static inline bool timer_due(struct timer_wheel *w, net_time now)
{
    if (unlikely(now >= w->next))
        return true;
    if (now > w->now)
        w->now = now;
    return false;
}

/** timer_search - timer_expired() when timer_due(). */
struct timer *timer_search(struct timer_wheel *w, net_time now);

/** timer_expired - take out one timer that is due at @now, or NULL. Call until NULL. */
static inline struct timer *timer_expired(struct timer_wheel *w, net_time now)
{
    return timer_due(w, now) ? timer_search(w, now) : NULL;
}

/** timer_look - timer_deadline() of a wheel that does not know it. */
net_time timer_look(const struct timer_wheel *w);

/** timer_deadline - when to call timer_expired() next; NET_NEVER when no timer is armed. */
static inline net_time timer_deadline(const struct timer_wheel *w)
{
    return likely(w->is_exact) ? w->next : timer_look(w);
}

#endif
