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

T_MAIN("slab", T(test_region_measures_what_a_real_one_uses),
       T(test_region_too_small_is_said_and_not_written),
       T(test_slab_gives_every_object_once_then_counts_exhaustion),
       T(test_slab_leaves_objects_never_used_untouched))
