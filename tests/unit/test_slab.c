/* test_slab.c - regions and pools of equal objects. */
#include <stdalign.h>

#include "base/slab.h"
#include "t.h"

static alignas(64) uint8_t mem[64 * 1024];

static void test_region_measures_what_a_real_one_uses(void)
{
    static const size_t sizes[] = {1, 63, 64, 65, 1000, 4096, 3};
    static const size_t aligns[] = {1, 64, 16, 4, 64, 4096, 1};
    struct region measure = {0}, real = {.p = mem, .len = sizeof(mem)};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        T_TRUE(region_cut(&measure, sizes[i], aligns[i]) == NULL);
        uint8_t *p = region_cut(&real, sizes[i], aligns[i]);

        T_NEED(p != NULL);
        T_EQ((size_t)(p - mem) % aligns[i], 0);
        T_EQ((size_t)(p - mem) + sizes[i], real.used);
    }
    T_EQ(measure.used, real.used);
    T_FALSE(real.overflow);
}

static void test_region_too_small_is_said_and_not_written(void)
{
    struct region r = {.p = mem, .len = 100};

    T_TRUE(region_cut(&r, 100, 1) == mem);
    T_FALSE(r.overflow);
    T_TRUE(region_cut(&r, 1, 1) == NULL);
    T_TRUE(r.overflow);

    struct region padded = {.p = mem, .len = 100, .used = 90};

    T_TRUE(region_cut(&padded, 0, 64) == NULL); /* the padding alone is too much */
    T_TRUE(padded.overflow);
    struct region huge = {.p = mem, .len = 100, .used = 8};

    T_TRUE(region_cut(&huge, SIZE_MAX - 4, 1) == NULL); /* must not wrap around */
    T_TRUE(huge.overflow);
}

static void test_slab_gives_every_object_once_then_counts_exhaustion(void)
{
    enum { COUNT = 100, SIZE = 33 };
    struct region r = {.p = mem, .len = sizeof(mem)};
    struct slab s;
    uint8_t *objs[COUNT];

    memset(mem, 0, sizeof(mem));
    slab_cut(&s, &r, SIZE, COUNT);
    T_FALSE(r.overflow);
    for (uint32_t i = 0; i < COUNT; i++) {
        objs[i] = slab_alloc(&s);
        T_NEED(objs[i] != NULL);
        T_EQ((uintptr_t)objs[i] % 8, 0);
        T_EQ(slab_index(&s, objs[i]), i);
        T_TRUE(slab_at(&s, i) == objs[i]);
        memset(objs[i], (int)i, SIZE);
    }
    for (uint32_t i = 0; i < COUNT; i++) { /* none overlaps another */
        T_EQ(objs[i][0], i);
        T_EQ(objs[i][SIZE - 1], i);
    }
    T_EQ(s.exhausted, 0);
    T_TRUE(slab_alloc(&s) == NULL);
    T_TRUE(slab_alloc(&s) == NULL);
    T_EQ(s.exhausted, 2);
    T_EQ(s.used, COUNT);
    slab_free(&s, objs[7]);
    slab_free(&s, objs[3]);
    T_TRUE(slab_alloc(&s) == objs[3]); /* last in, first out: still in cache */
    T_TRUE(slab_alloc(&s) == objs[7]);
    T_TRUE(slab_alloc(&s) == NULL);
    for (uint32_t i = 0; i < COUNT; i++)
        slab_free(&s, objs[i]);
    T_EQ(s.used, 0);
    T_EQ(s.peak, COUNT);
}

static void test_slab_leaves_objects_never_used_untouched(void)
{
    struct region r = {.p = mem, .len = sizeof(mem)};
    struct slab s;

    memset(mem, 0xa5, sizeof(mem));
    slab_cut(&s, &r, 64, 100);
    for (unsigned i = 0; i < 1000; i++)
        slab_free(&s, slab_alloc(&s)); /* the same one again and again */
    T_EQ(s.frontier, 1);
    T_EQ(s.peak, 1);
    for (size_t i = 64; i < sizeof(mem); i++) {
        if (mem[i] != 0xa5)
            T_EQ(i, 0);
    }
}

/* Free objects at the end become as if never used; those before stay on the list. */
static void test_slab_shrinks_and_tells_what_is_spare(void)
{
    enum { COUNT = 20, SIZE = 24 };
    struct region r = {.p = mem, .len = sizeof(mem)};
    struct slab s;
    void *objs[COUNT];

    slab_cut(&s, &r, SIZE, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        objs[i] = slab_alloc(&s);
    for (unsigned i = 0; i < COUNT; i++) {
        if (i != 3 && i != 7)
            slab_free(&s, objs[i]);
    }
    T_EQ(slab_spare(&s).len, 0);
    slab_shrink(&s, 8);
    T_EQ(s.frontier, 8);
    T_EQ(s.used, 2);
    struct mspan spare = slab_spare(&s);

    T_TRUE(spare.p == slab_at(&s, 8));
    T_EQ(spare.len, (COUNT - 8) * SIZE);
    T_EQ(slab_spare(&s).len, 0);
    memset(spare.p, 0xff, spare.len);
    bool seen[COUNT] = {[3] = true, [7] = true};

    for (unsigned i = 2; i < COUNT; i++) { /* each of them once */
        void *obj = slab_alloc(&s);

        T_NEED(obj != NULL && !seen[slab_index(&s, obj)]);
        seen[slab_index(&s, obj)] = true;
    }
    T_TRUE(slab_alloc(&s) == NULL);
    T_EQ(s.peak, COUNT);
    /* Used again before somebody asked: not spare any more. */
    for (unsigned i = 0; i < COUNT; i++)
        slab_free(&s, slab_at(&s, i));
    slab_shrink(&s, 0);
    (void)slab_alloc(&s);
    T_EQ(slab_spare(&s).len, (COUNT - 1) * SIZE);
}

T_MAIN("slab", T(test_slab_shrinks_and_tells_what_is_spare),
       T(test_region_measures_what_a_real_one_uses),
       T(test_region_too_small_is_said_and_not_written),
       T(test_slab_gives_every_object_once_then_counts_exhaustion),
       T(test_slab_leaves_objects_never_used_untouched))
