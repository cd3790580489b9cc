/* test_buddy.c - the buddy arena against a shadow that remembers every byte handed out. */
#include <stdlib.h>

#include "base/buddy.h"
#include "base/prng.h"
#include "t.h"

enum { TOPS = 2, MAX_LIVE = 4096 };
static const size_t arena_bytes = (size_t)TOPS << BUDDY_TOP_MIN;

struct arena {
    struct buddy b;
    uint8_t *mem;
    uint8_t *owner; /* per smallest block: in use */
};

static struct arena *arena_new(void)
{
    static struct arena a;
    struct region measure = {0};

    buddy_cut(&a.b, &measure, arena_bytes);
    a.mem = aligned_alloc(4096, (measure.used + 4095) & ~(size_t)4095);
    a.owner = calloc(arena_bytes >> BUDDY_MIN, 1);
    if (a.mem == NULL || a.owner == NULL)
        abort();
    memset(a.mem, 0, measure.used);
    struct region real = {.p = a.mem, .len = measure.used};

    buddy_cut(&a.b, &real, arena_bytes);
    T_FALSE(real.overflow);
    return &a;
}

static void arena_end(struct arena *a)
{
    free(a->mem);
    free(a->owner);
}

/* Mark the smallest blocks of a buffer; all must have been in the other state before. */
static void arena_mark(struct arena *a, const uint8_t *p, uint32_t cap, uint8_t state)
{
    size_t first = (size_t)(p - a->b.base) >> BUDDY_MIN, bad = 0;

    T_EQ((size_t)(p - a->b.base) % cap, 0); /* aligned to its size */
    T_TRUE((size_t)(p - a->b.base) + cap <= arena_bytes);
    for (size_t i = 0; i < cap >> BUDDY_MIN; i++) {
        bad += a->owner[first + i] == state;
        a->owner[first + i] = state;
    }
    T_EQ(bad, 0);
}

/* Everything is free again: the whole arena can be had in largest blocks. */
static void arena_joins(struct arena *a)
{
    uint8_t *top[TOPS];
    uint32_t cap;

    T_EQ(a->b.used, 0);
    for (unsigned i = 0; i < TOPS; i++) {
        top[i] = buddy_alloc(&a->b, (size_t)1 << BUDDY_TOP_MIN, &cap);
        T_NEED(top[i] != NULL);
        T_EQ(cap, 1u << BUDDY_TOP_MIN);
        arena_mark(a, top[i], cap, 1);
    }
    T_TRUE(buddy_alloc(&a->b, 1, &cap) == NULL);
    for (unsigned i = 0; i < TOPS; i++) {
        arena_mark(a, top[i], 1u << BUDDY_TOP_MIN, 0);
        buddy_free(&a->b, top[i]);
    }
    T_EQ(a->b.used, 0);
}

static void test_buddy_sizes_are_the_next_power_of_two(void)
{
    struct arena *a = arena_new();

    for (unsigned order = 0; order <= BUDDY_TOP_MIN - BUDDY_MIN; order++) {
        size_t size = (size_t)1 << (BUDDY_MIN + order);
        size_t ask[] = {size / 2 + 1, size - 1, size};

        for (size_t i = 0; i < ARRAY_LEN(ask); i++) {
            uint32_t cap;
            uint8_t *p = buddy_alloc(&a->b, ask[i], &cap);

            T_NEED(p != NULL);
            T_EQ(cap, size);
            T_EQ(a->b.used, size);
            buddy_free(&a->b, p);
        }
    }
    arena_joins(a);
    arena_end(a);
}

/* The blocks freed last are the next to be handed out, whatever their neighbours are. */
static void test_buddy_keeps_a_few_hot(void)
{
    struct arena *a = arena_new();
    uint8_t *p[BUDDY_HOT + 1], *big;
    uint32_t cap;

    for (unsigned i = 0; i <= BUDDY_HOT; i++)
        p[i] = buddy_alloc(&a->b, 512, &cap);
    for (unsigned i = 0; i <= BUDDY_HOT; i++)
        buddy_free(&a->b, p[i]); /* the last is one too many and joins */
    big = buddy_alloc(&a->b, 2048, &cap);
    for (unsigned i = BUDDY_HOT; i-- > 0;)
        T_TRUE(buddy_alloc(&a->b, 400, &cap) == p[i]);
    for (unsigned i = 0; i < BUDDY_HOT; i++)
        buddy_free(&a->b, p[i]);
    buddy_free(&a->b, big);
    arena_joins(a);
    arena_end(a);
}

static void test_buddy_exhaustion_is_counted_and_harmless(void)
{
    struct arena *a = arena_new();
    uint32_t cap, n = 0;
    static uint8_t *all[TOPS << (BUDDY_TOP_MIN - BUDDY_MIN)];
    uint8_t *p;

    while ((p = buddy_alloc(&a->b, 512, &cap)) != NULL)
        all[n++] = p;
    T_EQ(n, ARRAY_LEN(all));
    T_EQ(a->b.exhausted, 1);
    T_EQ(a->b.used, arena_bytes);
    T_EQ(a->b.peak, arena_bytes);
    /* Every other block free: half the memory, but nothing of two blocks. */
    for (uint32_t i = 0; i < n; i += 2)
        buddy_free(&a->b, all[i]);
    T_TRUE(buddy_alloc(&a->b, 1024, &cap) == NULL);
    T_EQ(a->b.exhausted, 2);
    for (uint32_t i = 1; i < n; i += 2)
        buddy_free(&a->b, all[i]);
    arena_joins(a);
    arena_end(a);
}

static void test_buddy_random_use_never_overlaps_and_joins_again(void)
{
    struct arena *a = arena_new();
    static struct {
        uint8_t *p;
        uint32_t cap;
        uint8_t tag;
    } live[MAX_LIVE];
    unsigned count = 0;
    size_t held = 0;
    struct prng g;

    prng_seed(&g, 20260101, 1);
    for (unsigned step = 0; step < 60000; step++) {
        bool grow = prng_below(&g, 100) < (step / 10000 % 2 == 0 ? 60u : 40u);

        if (grow && count < MAX_LIVE) {
            size_t size =
                1 + (prng_u64(&g) & ((1u << (1 + prng_below(&g, BUDDY_TOP_MIN - 2))) - 1));
            uint32_t cap = 0;
            uint8_t *p = buddy_alloc(&a->b, size, &cap);

            if (p == NULL)
                continue;
            T_TRUE(cap >= size && (cap & (cap - 1)) == 0);
            arena_mark(a, p, cap, 1);
            live[count].p = p;
            live[count].cap = cap;
            live[count].tag = (uint8_t)step;
            p[0] = p[cap - 1] = (uint8_t)step;
            count++;
            held += cap;
        } else if (count > 0) {
            unsigned i = prng_below(&g, count);

            T_EQ(live[i].p[0], live[i].tag);
            T_EQ(live[i].p[live[i].cap - 1], live[i].tag);
            arena_mark(a, live[i].p, live[i].cap, 0);
            buddy_free(&a->b, live[i].p);
            held -= live[i].cap;
            live[i] = live[--count];
        }
        T_EQ(a->b.used, held);
    }
    while (count > 0) {
        count--;
        arena_mark(a, live[count].p, live[count].cap, 0);
        buddy_free(&a->b, live[count].p);
    }
    arena_joins(a);
    arena_end(a);
}

static void test_buddy_touches_nothing_before_it_is_needed(void)
{
    struct arena *a = arena_new();
    uint32_t cap;
    uint8_t *p = buddy_alloc(&a->b, 4096, &cap);

    buddy_free(&a->b, p);
    for (unsigned i = 0; i < 100; i++) {
        p = buddy_alloc(&a->b, 70000, &cap);
        buddy_free(&a->b, p);
    }
    T_EQ(a->b.frontier, 1);
    size_t touched = 0;

    for (size_t i = (size_t)1 << BUDDY_TOP_MIN; i < arena_bytes; i++)
        touched += a->b.base[i] != 0;
    T_EQ(touched, 0);
    arena_end(a);
}

/* The larger the arena, the larger its largest block: an eighth, within bounds. Measured only. */
static void test_buddy_largest_block_is_an_eighth(void)
{
    static const struct {
        unsigned mib, largest_mib;
    } rows[] = {
        {1,    4 },
        {16,   4 },
        {63,   4 },
        {64,   8 },
        {127,  8 },
        {128,  16},
        {256,  16},
        {2048, 16}
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct region measure = {0};
        struct buddy b;
        size_t bytes = (size_t)rows[i].mib << 20;

        buddy_cut(&b, &measure, bytes);
        T_EQ(buddy_largest(&b), rows[i].largest_mib << 20);
        T_TRUE(buddy_size(&b) >= bytes && buddy_size(&b) < bytes + buddy_largest(&b));
    }
}

T_MAIN("buddy", T(test_buddy_largest_block_is_an_eighth),
       T(test_buddy_sizes_are_the_next_power_of_two), T(test_buddy_keeps_a_few_hot),
       T(test_buddy_exhaustion_is_counted_and_harmless),
       T(test_buddy_random_use_never_overlaps_and_joins_again),
       T(test_buddy_touches_nothing_before_it_is_needed))
