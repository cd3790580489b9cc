/* test_recvq.c - a stream of bytes in packets and in a ring, against a plain array of the same bytes. */
#include <stdlib.h>

#include "base/prng.h"
#include "base/recvq.h"
#include "t.h"

enum { PACKETS = 16, CAP = 16384, QUEUES = 4, STREAM = 1 << 20 };

static struct buddy B;
static struct pkt_pool Pkts;
static struct recvq_pool Pool;
static struct recvq Q;
static uint8_t *Mem;

/* The stream as it must be: [Head, Tail) of Stream. */
static uint8_t Stream[STREAM];
static uint32_t Head, Tail;

static void cut(struct region *r)
{
    buddy_cut(&B, r, (size_t)1 << BUDDY_TOP_MIN);
    pkt_pool_cut(&Pkts, r, PACKETS, CAP);
    recvq_cut(&Pool, r, QUEUES);
}

static void up(void)
{
    struct region measure = {0};

    cut(&measure);
    Mem = aligned_alloc(4096, (measure.used + 4095) & ~(size_t)4095);
    T_NEED(Mem != NULL);
    memset(Mem, 0, measure.used);
    struct region real = {.p = Mem, .len = measure.used};

    cut(&real);
    Q = (struct recvq){0};
    Head = Tail = 0;
    for (uint32_t i = 0; i < STREAM; i++)
        Stream[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

static void down(void)
{
    recvq_clear(&Q, &Pool, &B);
    T_EQ(recvq_len(&Q), 0);
    T_EQ(recvq_mem(&Q), 0);
    T_EQ(Pool.packets, 0);
    T_EQ(Pool.slab.used, 0);
    T_TRUE(Pool.oldest == NULL && Pool.newest == NULL);
    T_EQ(Pkts.slab.used, 0);
    T_EQ(B.used, 0);
    free(Mem);
}

/* The next @len bytes of the stream arrive in a packet, between a header and what is not text. Return: whether
 * it was kept. */
static bool keep_for(struct recvq *q, uint32_t len)
{
    struct pkt *p = pkt_alloc(&Pkts, 100);

    T_NEED(p != NULL);
    memset(pkt_append(p, 40), 0xee, 40);
    memcpy(pkt_append(p, len), Stream + Tail, len);
    memset(pkt_append(p, 9), 0xdd, 9);
    bool kept = recvq_keep(q, &Pool, p, (struct span){pkt_data(p) + 40, len});

    pkt_release(p); /* of the one who brought it */
    return kept;
}

static bool keep(uint32_t len)
{
    if (!keep_for(&Q, len))
        return false;
    Tail += len;
    return true;
}

static void copy(uint32_t len)
{
    struct ring *r = &Q.ring;

    T_NEED(ring_reserve(r, &B, r->len + len, r->len));
    ring_write_at(r, r->len, Stream + Tail, len);
    r->len += len;
    Tail += len;
}

/* As TCP does: an empty ring is given back. */
static void consume(uint32_t len)
{
    Head += len;
    recvq_consume(&Q, &Pool, len);
    if (Q.ring.len == 0)
        ring_release(&Q.ring, &B);
}

/* Everything that is held, in pieces from @off on. Return: how many there are. */
static unsigned check(uint32_t off)
{
    static uint8_t out[STREAM];
    uint32_t from = off;
    unsigned pieces = 0;

    T_NEED(recvq_len(&Q) == Tail - Head);
    for (; off < recvq_len(&Q); pieces++) {
        struct span s = recvq_span(&Q, off, UINT32_MAX);

        T_NEED(s.len > 0 && s.len <= recvq_len(&Q) - off);
        T_NEED(memcmp(s.p, Stream + Head + off, s.len) == 0);
        T_EQ(recvq_span(&Q, off, 1).len, 1);
        off += (uint32_t)s.len;
    }
    T_EQ(recvq_span(&Q, recvq_len(&Q), 1).len, 0);
    recvq_read(&Q, from, out, recvq_len(&Q) - from);
    T_NEED(memcmp(out, Stream + Head + from, recvq_len(&Q) - from) == 0);
    return pieces;
}

static void test_recvq_keeps_packets_and_then_a_ring(void)
{
    up();
    T_EQ(check(0), 0);
    T_TRUE(keep(9000));
    T_TRUE(keep(5000));
    T_EQ(B.used, 0); /* no byte was copied */
    T_EQ(recvq_mem(&Q), 2 * CAP);
    copy(700);
    copy(300);
    T_EQ(recvq_kept(&Q), 14000);
    T_EQ(check(0), 3);
    T_EQ(check(8999), 3);
    T_EQ(check(9000), 2);
    T_EQ(check(14500), 1);
    T_EQ(recvq_span(&Q, 100, 50).len, 50);
    down();
}

static void test_recvq_gives_a_packet_back_with_its_last_byte(void)
{
    up();
    keep(9000);
    keep(5000);
    copy(1000);
    consume(8999);
    T_EQ(Pkts.slab.used, 2);
    check(0);
    consume(1);
    T_EQ(Pkts.slab.used, 1);
    T_EQ(Pool.packets, 1);
    T_EQ(recvq_mem(&Q), CAP + Q.ring.cap);
    consume(5100); /* the other one, and a part of the ring */
    T_EQ(Pkts.slab.used, 0);
    T_EQ(Pool.slab.used, 0);
    T_TRUE(Q.refs == NULL);
    check(0);
    consume(900);
    T_EQ(B.used, 0);
    T_TRUE(keep(5000)); /* and so on */
    check(0);
    down();
}

/* Where the packets were, the ring begins; what was written ahead stays at its place. */
static void test_recvq_folds_in_front_of_what_is_there(void)
{
    up();
    copy(10); /* a ring whose head is not at its beginning */
    consume(10);
    keep(9000);
    keep(5000);
    consume(4000);
    copy(200);
    T_NEED(ring_reserve(&Q.ring, &B, 400, 200));
    ring_write_at(&Q.ring, 300, Stream + Tail + 100, 100); /* behind a hole of 100 */
    T_TRUE(recvq_fold(&Q, &Pool, &B, Q.ring.cap));
    T_EQ(Pkts.slab.used, 0);
    T_EQ(Pool.packets, 0);
    T_EQ(Pool.folded, 2);
    T_TRUE(Q.refs == NULL);
    T_EQ(Q.ring.len, 10200);
    check(0);
    ring_write_at(&Q.ring, Q.ring.len, Stream + Tail, 100); /* the hole closes */
    Q.ring.len += 200;
    Tail += 200;
    T_TRUE(check(0) <= 2);
    down();
}

/* A ring with room is used as it is, also around its end. */
static void test_recvq_folds_into_the_ring_that_is_there(void)
{
    up();
    keep(5000);
    T_NEED(ring_reserve(&Q.ring, &B, 16384, 0));
    const uint8_t *p = Q.ring.p;

    copy(1000);
    T_TRUE(recvq_fold(&Q, &Pool, &B, Q.ring.len));
    T_TRUE(Q.ring.p == p);
    T_EQ(Q.ring.head, 16384 - 5000);
    T_EQ(check(0), 2);
    T_TRUE(recvq_fold(&Q, &Pool, &B, Q.ring.len)); /* nothing is left to be done */
    T_EQ(Pool.folded, 1);
    down();
}

static void test_recvq_does_not_fold_without_memory(void)
{
    struct ring all = {0};

    up();
    keep(9000);
    keep(9000);
    T_TRUE(ring_reserve(&all, &B, buddy_largest(&B) / 2, 0)); /* scarce from now on */
    T_FALSE(recvq_fold(&Q, &Pool, &B, 0));
    T_EQ(Pkts.slab.used, 2);
    T_EQ(check(0), 2);
    ring_release(&all, &B);
    T_TRUE(recvq_fold(&Q, &Pool, &B, 0));
    T_EQ(check(0), 1);
    down();
}

/* The queue that has begun first is the oldest; as many as there are records for. */
static void test_recvq_pool_knows_who_waits_longest(void)
{
    struct recvq q[QUEUES + 1] = {0};

    up();
    for (unsigned i = 0; i < QUEUES; i++)
        T_TRUE(keep_for(&q[i], 5000));
    T_FALSE(keep_for(&q[QUEUES], 5000));
    T_TRUE(q[QUEUES].refs == NULL);
    T_EQ(Pkts.slab.used, QUEUES); /* the refused one is gone */
    T_TRUE(keep_for(&q[0], 5000));
    T_TRUE(Pool.oldest->q == &q[0]);
    recvq_consume(&q[0], &Pool, 10000);
    T_TRUE(Pool.oldest->q == &q[1]);
    T_TRUE(keep_for(&q[0], 5000));
    T_TRUE(Pool.newest->q == &q[0]);
    T_EQ(Pool.packets, QUEUES);
    for (unsigned i = 0; i < QUEUES; i++)
        recvq_clear(&q[i], &Pool, &B);
    down();
}

/* A second look without a read between them is noted, until something is read. */
static void test_recvq_notes_who_looks_again(void)
{
    up();
    T_FALSE(recvq_was_seen(&Q));
    T_FALSE(recvq_was_seen(&Q)); /* of a ring all can be seen */
    keep(5000);
    T_FALSE(recvq_was_seen(&Q));
    T_TRUE(recvq_was_seen(&Q));
    consume(1);
    T_FALSE(recvq_was_seen(&Q));
    down();
}

/* Random calls; whatever is held must be what was given. */
static void random_calls(uint64_t seed)
{
    struct prng prng;

    up();
    prng_seed(&prng, seed, 0);
    while (Tail < STREAM - CAP) {
        uint32_t len = 1 + prng_u32(&prng) % (prng_u32(&prng) % 4 == 0 ? 12000 : 900);

        switch (prng_u32(&prng) % 8) {
        case 0:
        case 1:
            copy(len);
            break;
        case 2:
        case 3:
        case 4:
            if (Q.ring.p == NULL && Pool.packets < PACKETS - 1)
                T_NEED(keep(len));
            break;
        case 5:
            if (recvq_len(&Q) < 200000 && prng_u32(&prng) % 4 == 0)
                T_NEED(recvq_fold(&Q, &Pool, &B, Q.ring.len));
            break;
        default:
            consume(u32_min(prng_u32(&prng) % 30000, recvq_len(&Q)));
        }
        check(recvq_len(&Q) > 2000 ? prng_u32(&prng) % recvq_len(&Q) : 0);
    }
    down();
}

static void test_recvq_random_calls(void)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        random_calls(seed);
}

T_MAIN("recvq", T(test_recvq_keeps_packets_and_then_a_ring),
       T(test_recvq_gives_a_packet_back_with_its_last_byte),
       T(test_recvq_folds_in_front_of_what_is_there),
       T(test_recvq_folds_into_the_ring_that_is_there), T(test_recvq_does_not_fold_without_memory),
       T(test_recvq_pool_knows_who_waits_longest), T(test_recvq_notes_who_looks_again),
       T(test_recvq_random_calls))
