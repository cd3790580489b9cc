/* test_sendq.c - a stream of copied and of lent bytes, against a plain array of the same bytes. */
#include <stdlib.h>

#include "base/prng.h"
#include "base/sendq.h"
#include "t.h"

enum { RECORDS = 64, STREAM = 1 << 20, LENDER = 1 << 16, OWED_MAX = 4096 };

static struct buddy B;
static struct slab Pool;
static struct sendq Q;
static uint8_t *Mem, *PoolMem;

/* The stream as it must be: [Head, Tail) of Stream. */
static uint8_t Stream[STREAM], Again[STREAM]; /* what is lent comes from one or the other */
static uint32_t Head, Tail;

/* What was lent, in order: where it ends in the stream, and how often it came back. */
static struct owed {
    uint32_t end;
    unsigned returned;
} Owed[OWED_MAX];
static uint32_t Lent, Returned;
static bool Gone; /* the queue is being cleared */

static void given_back(void *ctx)
{
    struct owed *o = ctx;

    T_EQ(o - Owed, Returned); /* in order */
    T_TRUE(Gone || o->end <= Head);
    o->returned++;
    Returned++;
}

static void arena_new(size_t bytes)
{
    struct region measure = {0};

    buddy_cut(&B, &measure, bytes);
    Mem = aligned_alloc(4096, (measure.used + 4095) & ~(size_t)4095);
    T_NEED(Mem != NULL);
    memset(Mem, 0, measure.used);
    struct region real = {.p = Mem, .len = measure.used};

    buddy_cut(&B, &real, bytes);
}

static void up(void)
{
    struct region measure = {0};

    arena_new((size_t)1 << BUDDY_TOP_MIN);
    slab_cut(&Pool, &measure, SENDQ_RECORD, RECORDS);
    PoolMem = aligned_alloc(64, (measure.used + 63) & ~(size_t)63);
    T_NEED(PoolMem != NULL);
    struct region real = {.p = PoolMem, .len = measure.used};

    slab_cut(&Pool, &real, SENDQ_RECORD, RECORDS);
    Q = (struct sendq){0};
    Head = Tail = Lent = Returned = 0;
    Gone = false;
    memset(Owed, 0, sizeof(Owed));
    for (uint32_t i = 0; i < STREAM; i++)
        Stream[i] = Again[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

static void down(void)
{
    Gone = true;
    sendq_clear(&Q, &B, &Pool);
    T_EQ(sendq_len(&Q), 0);
    T_EQ(Returned, Lent);
    for (uint32_t i = 0; i < Lent; i++)
        T_EQ(Owed[i].returned, 1);
    T_EQ(Pool.used, 0);
    T_EQ(B.used, 0);
    free(Mem);
    free(PoolMem);
}

static uint32_t copy(uint32_t len)
{
    uint32_t n = sendq_write(&Q, &B, Stream + Tail, len);

    Tail += n;
    return n;
}

/* The next bytes of the stream, in one of the two places where they are. */
static bool lend_from(uint32_t len, bool again)
{
    struct owed *o = &Owed[Lent];
    struct lent l = {
        {(again ? Again : Stream) + Tail, len},
        given_back, o
    };

    o->end = Tail + len;
    if (!sendq_lend(&Q, &Pool, &l))
        return false;
    Tail += len;
    Lent++;
    return true;
}

/* By turns from both, so that no two of them lie side by side. */
static bool lend(uint32_t len)
{
    return lend_from(len, Lent % 2 == 1);
}

static void consume(uint32_t len)
{
    Head += len;
    sendq_consume(&Q, len, &B, &Pool);
}

/* Everything that is held, in pieces from @off on. */
static void check(uint32_t off)
{
    T_EQ(sendq_len(&Q), Tail - Head);
    while (off < sendq_len(&Q)) {
        struct span s = sendq_span(&Q, off, UINT32_MAX);

        T_NEED(s.len > 0 && s.len <= sendq_len(&Q) - off);
        T_NEED(memcmp(s.p, Stream + Head + off, s.len) == 0);
        off += (uint32_t)s.len;
    }
    T_EQ(sendq_span(&Q, sendq_len(&Q), 1).len, 0);
}

static void test_sendq_keeps_the_order_of_copied_and_lent(void)
{
    up();
    check(0);
    T_EQ(copy(100), 100);
    T_TRUE(lend(5000));
    T_EQ(copy(200), 200);
    T_TRUE(lend(800));
    T_TRUE(lend(700));
    check(0);
    T_EQ(sendq_span(&Q, 0, 9999).len, 100);
    T_TRUE(sendq_span(&Q, 100, 9999).p == Stream + 100); /* where it lies */
    T_EQ(sendq_span(&Q, 100, 9999).len, 5000);
    T_EQ(sendq_span(&Q, 5099, 9999).len, 1);
    T_EQ(sendq_span(&Q, 5100, 150).len, 150);
    T_EQ(sendq_span(&Q, 5300, 9999).len, 800);
    T_EQ(sendq_span(&Q, 6100, 9999).len, 700);
    down();
}

/* Pieces of one thing, each lent for itself, are one piece again. */
static void test_sendq_joins_what_lies_side_by_side(void)
{
    up();
    copy(100);
    for (unsigned i = 0; i < 3; i++)
        T_TRUE(lend_from(1000, false));
    T_EQ(copy(50), 50);
    T_TRUE(lend_from(1000, false)); /* something is between them */
    T_TRUE(lend_from(1000, true));
    T_EQ(sendq_span(&Q, 100, 9999).len, 3000);
    T_EQ(sendq_span(&Q, 600, 2000).len, 2000);
    T_EQ(sendq_span(&Q, 1100, 9999).len, 2000);
    T_EQ(sendq_span(&Q, 3099, 9999).len, 1);
    T_EQ(sendq_span(&Q, 3150, 9999).len, 1000);
    T_EQ(sendq_fit(&Q, 100, 2900, 1448), 2900);
    check(0);
    consume(1600);
    T_EQ(Returned, 1);
    T_EQ(sendq_span(&Q, 0, 9999).len, 1500);
    down();
}

/* But not across what was copied between them. */
static void test_sendq_joins_in_the_stream_only(void)
{
    up();
    T_TRUE(lend_from(1000, false));
    T_EQ(copy(50), 50);
    T_TRUE(sendq_lend(&Q, &Pool,
                      &(struct lent){
                          {Stream + 1000, 700},
                          NULL, NULL
    }));
    T_EQ(sendq_span(&Q, 0, 9999).len, 1000);
    T_EQ(sendq_span(&Q, 1000, 9999).len, 50);
    T_EQ(sendq_span(&Q, 1050, 9999).len, 700);
    down();
}

static void test_sendq_gives_back_when_the_last_byte_is_consumed(void)
{
    up();
    copy(100);
    lend(1000);
    lend(1000);
    copy(10);
    consume(1099);
    T_EQ(Returned, 0);
    check(0);
    consume(1);
    T_EQ(Returned, 1);
    consume(1005); /* the second and half of what follows */
    T_EQ(Returned, 2);
    T_TRUE(Q.refs == NULL);
    T_EQ(Pool.used, 0);
    check(0);
    consume(5);
    T_EQ(B.used, 0); /* an empty queue holds no buffer */
    down();
}

static void test_sendq_holds_no_ring_for_what_is_lent(void)
{
    up();
    lend(50000);
    T_EQ(B.used, 0);
    copy(10);
    T_TRUE(B.used > 0);
    lend(100);
    consume(50010); /* all that was copied */
    T_EQ(B.used, 0);
    check(0);
    copy(20);
    check(0);
    down();
}

static void test_sendq_refuses_when_no_record_is_left(void)
{
    up();
    for (unsigned i = 0; i < RECORDS - 1; i++)
        T_TRUE(lend(10));
    T_FALSE(lend(10)); /* one is the head of the list */
    T_EQ(sendq_len(&Q), 10 * (RECORDS - 1));
    check(0);
    consume(10);
    T_TRUE(lend(10));
    check(0);
    down();
    /* One record is not enough for the first span. */
    up();
    for (unsigned i = 0; i < RECORDS - 1; i++)
        T_NEED(slab_alloc(&Pool) != NULL);
    T_FALSE(lend(10));
    T_TRUE(Q.refs == NULL);
    T_EQ(Pool.used, RECORDS - 1);
    Pool.used = 0; /* those of this test */
    down();
}

static void test_sendq_takes_what_the_arena_can_give(void)
{
    struct ring all = {0};
    uint32_t n;

    up();
    lend(1000);
    T_EQ(copy(400), 400);
    T_TRUE(ring_reserve(&all, &B, buddy_largest(&B) / 2, 0)); /* scarce from now on */
    n = copy(100000);
    T_TRUE(n > 0 && n < 100000);
    T_EQ(copy(100000), 0);
    T_EQ(sendq_room(&Q, &B, 100000).len, 0);
    check(0);
    T_TRUE(lend(1000)); /* that needs no buffer */
    check(0);
    ring_release(&all, &B);
    T_EQ(copy(1000), 1000);
    check(0);
    down();
}

static void test_sendq_room_is_written_ahead(void)
{
    struct mspan room;

    up();
    lend(10);
    room = sendq_room(&Q, &B, 300);
    T_EQ(room.len, 300);
    memcpy(room.p, Stream + Tail, 300);
    sendq_commit(&Q, 200);
    Tail += 200;
    check(0);
    T_EQ(sendq_room(&Q, &B, 0).len, 0);
    down();
}

/* All that sendq_fit() promises, for what it gave. */
static void check_fit(uint32_t off, uint32_t len, uint32_t mss)
{
    uint32_t n = sendq_fit(&Q, off, len, mss), sum = 0, last = 0;

    T_NEED(n <= len && (n > 0 || len == 0));
    T_NEED(n == len || n % mss == 0 || mss > SENDQ_COPY_MAX);
    if (mss <= SENDQ_COPY_MAX)
        T_NEED(n >= u32_min(len, mss)); /* segments are full */
    while (sum < n) {
        last = (uint32_t)sendq_span(&Q, off + sum, n - sum).len;
        sum += last;
    }
    T_NEED(sum - last <= u32_min(mss, SENDQ_COPY_MAX)); /* what has to be copied */
}

static void test_sendq_fit_ends_where_spans_meet(void)
{
    up();
    lend(10000);
    lend(10000);
    copy(300);
    lend(20000);
    T_EQ(sendq_fit(&Q, 0, 1460, 1460), 1460);
    T_EQ(sendq_fit(&Q, 0, 40000, 1460), 6 * 1460);    /* 8760 of the first */
    T_EQ(sendq_fit(&Q, 8760, 31000, 1460), 7 * 1460); /* 1240 copied, 8980 of the second */
    T_EQ(sendq_fit(&Q, 18980, 21000, 1460), 21000); /* 1020 and 300 copied, the rest of the last */
    T_EQ(sendq_fit(&Q, 9999, 1000, 1460), 1000);
    T_EQ(sendq_fit(&Q, 0, 40000, 65000), 20000); /* the first is copied, no more of that */
    T_EQ(sendq_fit(&Q, 20000, 0, 1460), 0);
    down();
}

/* Random calls; whatever is held must be what was given. */
static void random_calls(uint64_t seed)
{
    struct prng prng;

    up();
    prng_seed(&prng, seed, 0);
    while (Tail < STREAM - 2 * LENDER && Lent < OWED_MAX - 1) {
        uint32_t most = prng_u32(&prng) % 8 == 0 ? 30000 : 700, len = 1 + prng_u32(&prng) % most;

        switch (prng_u32(&prng) % 6) {
        case 0:
            copy(len);
            break;
        case 1:
            lend_from(len, prng_u32(&prng) % 2 == 0);
            break;
        case 2:
        case 3:
            consume(u32_min(len, sendq_len(&Q)));
            break;
        case 4: {
            uint32_t off = sendq_len(&Q) > 0 ? prng_u32(&prng) % sendq_len(&Q) : 0;
            static uint8_t out[30000];

            len = u32_min(len, sendq_len(&Q) - off);
            sendq_read(&Q, off, out, len);
            T_NEED(memcmp(out, Stream + Head + off, len) == 0);
            break;
        }
        default: {
            uint32_t off = sendq_len(&Q) > 0 ? prng_u32(&prng) % sendq_len(&Q) : 0;
            static const uint32_t mss[] = {88, 536, 1448, 8948, 65483};

            check_fit(off, sendq_len(&Q) - off, mss[prng_u32(&prng) % ARRAY_LEN(mss)]);
        }
        }
        check(sendq_len(&Q) > 2000 ? prng_u32(&prng) % sendq_len(&Q) : 0);
    }
    down();
}

static void test_sendq_random_calls(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        random_calls(seed);
}

/* The record looked up last goes back to the pool, and to another queue. */
static void test_sendq_cursor_does_not_outlive_its_span(void)
{
    static uint8_t other[9000];
    struct sendq q = {0};

    up();
    lend(1000);
    lend(9000);
    T_EQ(sendq_span(&Q, 10, 9999).len, 990);
    consume(1000);
    T_EQ(sendq_write(&q, &B, other, 5000), 5000);
    T_TRUE(sendq_lend(&q, &Pool,
                      &(struct lent){
                          {other, sizeof(other)},
                          NULL, NULL
    }));
    check(4100);
    sendq_clear(&q, &B, &Pool);
    down();
}

/* The counters of the records wrap. */
static void test_sendq_goes_around(void)
{
    static uint8_t a[] = "abcdefgh";
    uint64_t total = 0;

    up();
    T_TRUE(sendq_lend(&Q, &Pool,
                      &(struct lent){
                          {a, 5},
                          NULL, NULL
    })); /* so the list always stays */
    while (total < (uint64_t)5 << 30) {
        T_NEED(sendq_lend(&Q, &Pool,
                          &(struct lent){
                              {a, SENDQ_LENT_MAX},
                              NULL, NULL
        }));
        T_NEED(sendq_write(&Q, &B, a, 3) == 3);
        T_NEED(sendq_lend(&Q, &Pool,
                          &(struct lent){
                              {a, 5},
                              NULL, NULL
        }));
        sendq_consume(&Q, 5, &B, &Pool);
        T_NEED(sendq_span(&Q, 1, UINT32_MAX).len == SENDQ_LENT_MAX - 1);
        T_NEED(sendq_span(&Q, SENDQ_LENT_MAX + 1, 9).len == 2);
        T_NEED(sendq_span(&Q, SENDQ_LENT_MAX + 1, 9).p[0] == 'b');
        T_NEED(sendq_span(&Q, SENDQ_LENT_MAX + 4, 9).p == a + 1);
        sendq_consume(&Q, SENDQ_LENT_MAX + 3, &B, &Pool);
        total += SENDQ_LENT_MAX + 8;
    }
    down();
}

T_MAIN("sendq", T(test_sendq_keeps_the_order_of_copied_and_lent),
       T(test_sendq_joins_what_lies_side_by_side), T(test_sendq_joins_in_the_stream_only),
       T(test_sendq_gives_back_when_the_last_byte_is_consumed),
       T(test_sendq_holds_no_ring_for_what_is_lent), T(test_sendq_refuses_when_no_record_is_left),
       T(test_sendq_takes_what_the_arena_can_give), T(test_sendq_room_is_written_ahead),
       T(test_sendq_fit_ends_where_spans_meet), T(test_sendq_random_calls),
       T(test_sendq_cursor_does_not_outlive_its_span), T(test_sendq_goes_around))
