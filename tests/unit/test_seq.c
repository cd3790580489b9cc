/* test_seq.c - arithmetic on the circle of 2^32 sequence numbers. */
#include "base/seq.h"
#include "t.h"

/* Places on the circle where a plain comparison goes wrong, and their neighbours. */
static const uint32_t places[] = {0,          1,          2,          1460,       65535,
                                  0x3fffffff, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001,
                                  0xfffffa4c, 0xfffffffe, 0xffffffff};

static void test_seq_order_holds_at_every_place_of_the_circle(void)
{
    static const uint32_t steps[] = {1, 2, 1460, 65535, 0x3fffffff, 0x7fffffff};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        tcp_seq a = seq_of(places[i]);

        T_TRUE(seq_eq(a, a) && seq_leq(a, a) && seq_geq(a, a));
        T_FALSE(seq_lt(a, a) || seq_gt(a, a));
        for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
            tcp_seq b = seq_add(a, steps[k]);

            T_TRUE(seq_lt(a, b) && seq_leq(a, b) && seq_gt(b, a) && seq_geq(b, a));
            T_FALSE(seq_lt(b, a) || seq_leq(b, a) || seq_gt(a, b) || seq_geq(a, b) || seq_eq(a, b));
            T_EQ(seq_diff(b, a), steps[k]);
            T_EQ(seq_diff(a, b), -(long long)steps[k]);
            T_EQ(seq_dist(a, b), steps[k]);
            T_EQ(seq_sub(b, steps[k]).v, a.v);
            T_EQ(seq_max(a, b).v, b.v);
            T_EQ(seq_min(a, b).v, a.v);
            T_EQ(seq_max(b, a).v, b.v);
            T_EQ(seq_min(b, a).v, a.v);
        }
    }
}

static void test_seq_in_is_open_below_and_closed_above(void)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        tcp_seq una = seq_of(places[i]), nxt = seq_add(una, 1000);

        T_FALSE(seq_in(una, una, nxt));
        T_TRUE(seq_in(una, seq_add(una, 1), nxt));
        T_TRUE(seq_in(una, nxt, nxt));
        T_FALSE(seq_in(una, seq_add(nxt, 1), nxt));
        T_FALSE(seq_in(una, seq_sub(una, 1), nxt));
        T_FALSE(seq_in(una, una, una)); /* nothing in flight: no number is acceptable */
    }
}

static void test_seq_within_is_half_open(void)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        tcp_seq nxt = seq_of(places[i]);

        T_TRUE(seq_within(nxt, nxt, 1));
        T_TRUE(seq_within(seq_add(nxt, 65534), nxt, 65535));
        T_FALSE(seq_within(seq_add(nxt, 65535), nxt, 65535));
        T_FALSE(seq_within(seq_sub(nxt, 1), nxt, 65535));
        T_FALSE(seq_within(nxt, nxt, 0)); /* a closed window holds nothing */
        T_TRUE(seq_within(seq_add(nxt, (1u << 30) - 1), nxt, 1u << 30));
    }
}

T_MAIN("seq", T(test_seq_order_holds_at_every_place_of_the_circle),
       T(test_seq_in_is_open_below_and_closed_above), T(test_seq_within_is_half_open))
