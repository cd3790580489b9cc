#include "base/timer.h"

/* Time in units of a level-0 slot; moments before the epoch of the caller do not occur. */
static uint64_t timer_tick(net_time at)
{
    return (uint64_t)at >> TIMER_SHIFT;
}

static unsigned timer_shift(unsigned level)
{
    return level * TIMER_SLOT_BITS;
}

void timer_wheel_init(struct timer_wheel *w, net_time now)
{
    NET_ASSERT(now >= 0);
    *w = (struct timer_wheel){.now = now, .next = NET_NEVER, .is_exact = true};
}

/* The level is given by the highest group of bits in which the deadline differs from now: so all
 * timers of a lower level expire before any of a higher one. */
static void timer_insert(struct timer_wheel *w, struct timer *t)
{
    uint64_t now = timer_tick(w->now), due = timer_tick(t->at > w->now ? t->at : w->now);
    uint64_t differ = now ^ due, pos;
    unsigned level = 0;
    net_time start = t->at;

    if (differ >> timer_shift(1) != 0)
        level = (63u - (unsigned)__builtin_clzll(differ)) / TIMER_SLOT_BITS;
    if (level >= TIMER_LEVELS) { /* past the end of the top level's turn, or beyond the wheel */
        level = TIMER_LEVELS - 1;
        uint64_t at = now >> timer_shift(level), ahead = (due >> timer_shift(level)) - at;

        pos = at + (ahead < TIMER_SLOTS ? ahead : TIMER_SLOTS - 1);
    } else {
        pos = due >> timer_shift(level);
    }
    if (level > 0)
        start = (net_time)(pos << timer_shift(level) << TIMER_SHIFT);
    w->next = net_time_min(w->next, start);
    unsigned slot = (unsigned)pos & (TIMER_SLOTS - 1);
    struct timer **head = &w->slot[level][slot];

    if (level == 0 && w->sorted & (uint64_t)1 << slot) { /* behind its equals */
        while (*head != NULL && (*head)->at <= t->at)
            head = &(*head)->next;
    }
    t->next = *head;
    t->pprev = head;
    if (t->next != NULL)
        t->next->pprev = &t->next;
    *head = t;
    w->used[level] |= (uint64_t)1 << slot;
}

void timer_arm(struct timer_wheel *w, struct timer *t, net_time at)
{
    timer_stop(w, t);
    t->at = at;
    timer_insert(w, t);
}

void timer_stop(struct timer_wheel *w, struct timer *t)
{
    if (t->pprev == NULL)
        return;
    *t->pprev = t->next;
    if (t->at == w->next)
        w->is_exact = false;
    if (t->next != NULL) {
        t->next->pprev = t->pprev;
    } else { /* perhaps the last of its slot: pprev then points at the head of a slot */
        struct timer **first = &w->slot[0][0];

        if (t->pprev >= first && t->pprev < first + (size_t)TIMER_LEVELS * TIMER_SLOTS) {
            size_t i = (size_t)(t->pprev - first);

            w->is_exact = false;
            w->used[i / TIMER_SLOTS] &= ~((uint64_t)1 << (i % TIMER_SLOTS));
            if (i < TIMER_SLOTS)
                w->sorted &= ~((uint64_t)1 << i);
        }
    }
    t->next = NULL;
    t->pprev = NULL;
}

/* The first used slot of a level at or after the position of now, in turning order. */
static unsigned timer_first(const struct timer_wheel *w, unsigned level)
{
    unsigned at = (unsigned)(timer_tick(w->now) >> timer_shift(level)) & (TIMER_SLOTS - 1);
    uint64_t turned = w->used[level] >> at;

    if (at != 0)
        turned |= w->used[level] << (TIMER_SLOTS - at);
    return (at + (unsigned)__builtin_ctzll(turned)) & (TIMER_SLOTS - 1);
}

/* When the wheel, turning, reaches a slot of a level: its start. */
static net_time timer_slot_start(const struct timer_wheel *w, unsigned level, unsigned slot)
{
    uint64_t pos = timer_tick(w->now) >> timer_shift(level);
    uint64_t ahead = (slot - (unsigned)pos) & (TIMER_SLOTS - 1);

    return (net_time)(((pos + ahead) << timer_shift(level)) << TIMER_SHIFT);
}

/* The earliest of a list that is newest first; of equals the one armed first. */
static const struct timer *timer_earliest(const struct timer *list)
{
    const struct timer *best = list;

    for (const struct timer *t = list; t != NULL; t = t->next) {
        if (t->at <= best->at)
            best = t;
    }
    return best;
}

/* Merge two ascending lists linked by next; of equals those of @a come first. */
static struct timer *timer_merge(struct timer *a, struct timer *b)
{
    struct timer *list = NULL, **end = &list;

    while (a != NULL && b != NULL) {
        struct timer **from = a->at <= b->at ? &a : &b;

        *end = *from;
        end = &(*end)->next;
        *from = *end;
    }
    *end = a != NULL ? a : b;
    return list;
}

/* Sort a slot of level 0: bottom-up merge sort of what was armed, oldest first. run[i] holds 2^i
 * timers that are older than those of any lower run. */
static void timer_sort(struct timer_wheel *w, unsigned slot)
{
    struct timer *run[32] = {NULL}, *list = NULL;

    for (struct timer *t = w->slot[0][slot], *next; t != NULL; t = next) {
        next = t->next; /* newest first: turn around */
        t->next = list;
        list = t;
    }
    for (struct timer *t = list, *next; t != NULL; t = next) {
        struct timer *merged = t;
        unsigned i;

        next = t->next;
        t->next = NULL;
        for (i = 0; run[i] != NULL; i++) {
            merged = timer_merge(run[i], merged);
            run[i] = NULL;
        }
        run[i] = merged;
    }
    list = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(run); i++)
        list = timer_merge(run[i], list);
    struct timer **at = &w->slot[0][slot];

    for (struct timer *t = list; t != NULL; t = t->next) {
        *at = t;
        t->pprev = at;
        at = &t->next;
    }
    w->sorted |= (uint64_t)1 << slot;
}

struct timer *timer_search(struct timer_wheel *w, net_time now)
{
    net_time then = NET_NEVER;

    for (;;) {
        unsigned level = 0;

        while (level < TIMER_LEVELS && w->used[level] == 0)
            level++;
        if (level == TIMER_LEVELS)
            break;
        unsigned slot = timer_first(w, level);

        if (level == 0) {
            if (!(w->sorted & (uint64_t)1 << slot))
                timer_sort(w, slot);
            struct timer *t = w->slot[0][slot];

            then = t->at;
            if (then > now)
                break;
            timer_stop(w, t); /* w->next stays in the past: there may be more */
            w->is_exact = false;
            return t;
        }
        net_time start = timer_slot_start(w, level, slot);

        if (start > now) {
            then = start;
            break;
        }
        if (start > w->now)
            w->now = start;
        /* Cascade, oldest first, so that equal deadlines keep the order in which they were armed. */
        struct timer *old = NULL;

        for (struct timer *t = w->slot[level][slot], *next; t != NULL; t = next) {
            next = t->next;
            t->next = old;
            old = t;
        }
        w->slot[level][slot] = NULL;
        w->used[level] &= ~((uint64_t)1 << slot);
        for (struct timer *t = old, *next; t != NULL; t = next) {
            next = t->next;
            timer_insert(w, t);
        }
    }
    if (now > w->now)
        w->now = now;
    w->next = then;
    w->is_exact = true;
    return NULL;
}

net_time timer_look(const struct timer_wheel *w)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        if (w->used[level] == 0)
            continue;
        unsigned slot = timer_first(w, level);

        if (level == 0 && w->sorted & (uint64_t)1 << slot)
            return w->slot[0][slot]->at;
        if (level == 0)
            return timer_earliest(w->slot[0][slot])->at;
        return timer_slot_start(w, level, slot);
    }
    return NET_NEVER;
}
