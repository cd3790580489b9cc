/* test_ring.c - byte streams in buffers that grow and wrap. */
#include <stdlib.h>

#include "base/prng.h"
#include "base/ring.h"
#include "t.h"

static struct buddy *arena_new(uint8_t **mem)
{
    static struct buddy b;
    struct region measure = {0};

    buddy_cut(&b, &measure, (size_t)1 << BUDDY_TOP_MIN);
    *mem = aligned_alloc(4096, (measure.used + 4095) & ~(size_t)4095);
    if (*mem == NULL)
        abort();
    memset(*mem, 0, measure.used);
    struct region real = {.p = *mem, .len = measure.used};

    buddy_cut(&b, &real, (size_t)1 << BUDDY_TOP_MIN);
    return &b;
}

/* The byte at a place of an endless stream. */
static uint8_t stream_at(uint64_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static void stream_fill(uint8_t *p, uint64_t at, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        p[i] = stream_at(at + i);
}

static void test_ring_holds_nothing_until_it_is_needed(void)
{
    uint8_t *mem;
    struct buddy *b = arena_new(&mem);
    struct ring r = {0};

    T_TRUE(ring_reserve(&r, b, 0, 0));
    T_TRUE(r.p == NULL);
    T_EQ(ring_span(&r, 0, 100).len, 0);
    T_EQ(ring_space(&r, 0, 100).len, 0);
    ring_consume(&r, 0);
    T_TRUE(ring_reserve(&r, b, 1, 0));
    T_EQ(r.cap, 1 << BUDDY_MIN);
    ring_release(&r, b);
    T_TRUE(r.p == NULL && r.cap == 0 && r.len == 0);
    T_EQ(b->used, 0);
    ring_release(&r, b); /* again: harmless */
    free(mem);
}

static void test_ring_refuses_what_the_arena_cannot_give(void)
{
    uint8_t *mem;
    struct buddy *b = arena_new(&mem);
    struct ring r = {0}, all = {0};
    const uint8_t text[4] = "abc";
    uint8_t back[4];

    T_FALSE(ring_reserve(&r, b, (1u << BUDDY_TOP_MIN) + 1, 0));
    T_FALSE(ring_reserve(&r, b, UINT32_MAX, 0));
    T_TRUE(ring_reserve(&r, b, 4, 0));
    ring_write_at(&r, 0, text, 4);
    r.len = 4;
    T_FALSE(ring_reserve(&r, b, 1u << BUDDY_TOP_MIN, 4)); /* r itself is in the way */
    T_EQ(r.cap, 1 << BUDDY_MIN);
    ring_read_at(&r, 0, back, 4);
    T_MEM(back, text, 4);
    ring_release(&r, b);
    T_TRUE(ring_reserve(&all, b, 1u << BUDDY_TOP_MIN, 0));
    T_FALSE(ring_reserve(&r, b, 1, 0));
    ring_release(&all, b);
    T_EQ(b->used, 0);
    free(mem);
}

static void test_ring_growth_keeps_bytes_written_ahead(void)
{
    for (uint32_t head = 0; head < 512; head++) { /* wrapped at every place */
        uint8_t *mem;
        struct buddy *b = arena_new(&mem);
        struct ring r = {0};
        uint8_t out[512], back[512];

        T_NEED(ring_reserve(&r, b, 512, 0));
        r.head = head;
        stream_fill(out, head, 512);
        ring_write_at(&r, 0, out, 100);
        ring_write_at(&r, 400, out + 400, 100); /* out of order: beyond len */
        r.len = 100;
        T_NEED(ring_reserve(&r, b, 5000, 500));
        T_EQ(r.cap, 8192);
        T_EQ(r.len, 100);
        ring_read_at(&r, 0, back, 500);
        T_MEM(back, out, 100);
        T_MEM(back + 400, out + 400, 100);
        ring_release(&r, b);
        T_EQ(b->used, 0);
        free(mem);
    }
}

/* A stream through a ring: bytes come out as they went in, however it is cut and wrapped. */
static void test_ring_random_stream_comes_out_as_it_went_in(void)
{
    uint8_t *mem;
    struct buddy *b = arena_new(&mem);
    struct ring r = {0};
    uint64_t in = 0, out = 0;
    struct prng g;
    static uint8_t buf[8192], want[8192];

    prng_seed(&g, 7, 7);
    for (unsigned step = 0; step < 50000; step++) {
        uint32_t n = prng_below(&g, step % 1000 == 0 ? 8192 : 700);

        if (prng_below(&g, 2) == 0 && r.len + n <= 65536) {
            T_NEED(ring_reserve(&r, b, r.len + n, r.len));
            if (prng_below(&g, 2) == 0) {
                stream_fill(buf, in, n);
                ring_write_at(&r, r.len, buf, n);
            } else { /* in place, in one piece or two */
                for (uint32_t done = 0; done < n;) {
                    struct mspan m = ring_space(&r, r.len + done, n - done);

                    T_NEED(m.len > 0);
                    stream_fill(m.p, in + done, (uint32_t)m.len);
                    done += (uint32_t)m.len;
                }
            }
            r.len += n;
            in += n;
        } else {
            n = u32_min(n, r.len);
            ring_read_at(&r, 0, buf, n);
            stream_fill(want, out, n);
            T_MEM(buf, want, n);
            for (uint32_t done = 0; done < n;) {
                struct span s = ring_span(&r, done, n - done);

                T_NEED(s.len > 0);
                T_MEM(s.p, want + done, s.len);
                done += (uint32_t)s.len;
            }
            ring_consume(&r, n);
            out += n;
            if (r.len == 0)
                ring_release(&r, b);
        }
        T_EQ(r.len, in - out);
    }
    T_EQ(ring_span(&r, r.len, 1).len, 0); /* bytes beyond len are not shown */
    ring_release(&r, b);
    T_EQ(b->used, 0);
    free(mem);
}

T_MAIN("ring", T(test_ring_holds_nothing_until_it_is_needed),
       T(test_ring_refuses_what_the_arena_cannot_give),
       T(test_ring_growth_keeps_bytes_written_ahead),
       T(test_ring_random_stream_comes_out_as_it_went_in))
