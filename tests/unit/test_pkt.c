/* test_pkt.c - packets: room, keepers, external spans, checksums left to the wire. */
#include <stdalign.h>

#include "base/pkt.h"
#include "t.h"

static alignas(64) uint8_t mem[64 * 1024];
static struct pkt_pool pool;

static void pool_new(uint32_t count, uint32_t cap)
{
    struct region r = {.p = mem, .len = sizeof(mem)};

    memset(mem, 0, sizeof(mem));
    pkt_pool_cut(&pool, &r, count, cap);
    T_FALSE(r.overflow);
}

static struct pkt *pkt_of(const char *text)
{
    struct pkt *p = pkt_alloc(&pool, PKT_HEADROOM);

    T_NEED(p != NULL);
    memcpy(pkt_append(p, (uint32_t)strlen(text)), text, strlen(text));
    return p;
}

static void test_pkt_push_and_pull_move_the_front(void)
{
    pool_new(4, 512);
    struct pkt *p = pkt_of("payload");

    T_EQ(p->off, PKT_HEADROOM);
    T_EQ(pkt_room(p), 512 - PKT_HEADROOM - 7);
    memcpy(pkt_push(p, 4), "head", 4);
    T_EQ(pkt_total(p), 11);
    T_MEM(pkt_data(p), "headpayload", 11);
    T_MEM(pkt_span(p).p, "headpayload", pkt_span(p).len);
    pkt_pull(p, 6);
    T_MEM(pkt_data(p), "yload", 5);
    pkt_trim(p, 2);
    T_EQ(pkt_total(p), 2);
    T_EQ(pkt_room(p), 512 - PKT_HEADROOM - 4);
    pkt_push(p, p->off); /* all the headroom can be used */
    T_EQ(p->off, 0);
    pkt_release(p);
    T_EQ(pool.slab.used, 0);
}

static void test_pkt_comes_back_with_its_last_keeper(void)
{
    pool_new(2, 256);
    struct pkt *p = pkt_of("x");

    T_TRUE(pkt_keep(p) == p);
    pkt_keep(p);
    pkt_release(p);
    pkt_release(p);
    T_EQ(pool.slab.used, 1);
    pkt_release(p);
    T_EQ(pool.slab.used, 0);
    pkt_release(NULL);
    p = pkt_of("a");
    struct pkt *q = pkt_of("b");

    T_TRUE(pkt_alloc(&pool, 0) == NULL);
    T_EQ(pool.slab.exhausted, 1);
    pkt_release(p);
    pkt_release(q);
    p = pkt_alloc(&pool, 0); /* nothing of its former life is left */
    T_EQ(p->len, 0);
    T_TRUE(p->ext == NULL && p->owner == NULL);
    pkt_release(p);
}

static void test_pkt_external_span_is_the_tail(void)
{
    static const uint8_t tail[] = "0123456789";
    uint8_t out[16];

    pool_new(2, 256);
    struct pkt *p = pkt_of("head");

    p->ext = tail;
    p->ext_len = 10;
    T_EQ(pkt_total(p), 14);
    pkt_copy_out(p, out);
    T_MEM(out, "head0123456789", 14);
    pkt_trim(p, 9); /* from the end: first the span */
    T_EQ(p->len, 4);
    T_EQ(p->ext_len, 5);
    T_TRUE(pkt_linearize(p));
    T_EQ(p->ext_len, 0);
    T_MEM(pkt_data(p), "head01234", 9);
    T_TRUE(pkt_linearize(p)); /* nothing to do */
    T_EQ(pkt_total(p), 9);
    pkt_trim(p, 3); /* then the linear bytes */
    T_EQ(pkt_total(p), 3);
    pkt_release(p);
}

static void test_pkt_linearize_refuses_what_does_not_fit(void)
{
    static const uint8_t tail[300];

    pool_new(2, 256);
    struct pkt *p = pkt_of("head");

    p->ext = tail;
    p->ext_len = pkt_room(p) + 1;
    T_FALSE(pkt_linearize(p));
    T_EQ(p->len, 4);
    p->ext_len--;
    T_TRUE(pkt_linearize(p));
    T_EQ(pkt_room(p), 0);
    pkt_release(p);
}

/* A fragment whose bytes are those of the datagram it is cut from keeps that alive. */
static void test_pkt_owner_lives_as_long_as_its_fragments(void)
{
    pool_new(4, 256);
    struct pkt *whole = pkt_of("abcdefgh");
    struct pkt *part[2];

    for (unsigned i = 0; i < 2; i++) {
        part[i] = pkt_alloc(&pool, PKT_HEADROOM);
        T_NEED(part[i] != NULL);
        part[i]->ext = pkt_data(whole) + 4 * i;
        part[i]->ext_len = 4;
        part[i]->owner = pkt_keep(whole);
    }
    pkt_release(whole);
    T_EQ(pool.slab.used, 3);
    T_TRUE(pkt_linearize(part[0])); /* has its own bytes now */
    T_TRUE(part[0]->owner == NULL);
    T_EQ(pool.slab.used, 3);
    pkt_release(part[1]); /* and with it the datagram */
    T_EQ(pool.slab.used, 1);
    T_MEM(pkt_data(part[0]), "abcd", 4);
    pkt_release(part[0]);
    T_EQ(pool.slab.used, 0);
}

static void test_pkt_csum_covers_both_parts_at_any_cut(void)
{
    uint8_t bytes[64];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (uint32_t from = 0; from < 16; from++) {
        for (uint32_t cut = from; cut <= sizeof(bytes); cut++) {
            pool_new(1, 512);
            struct pkt *p = pkt_alloc(&pool, 100);

            memcpy(pkt_append(p, cut), bytes, cut);
            p->ext = bytes + cut;
            p->ext_len = (uint32_t)sizeof(bytes) - cut;
            T_EQ(csum_fold(pkt_csum(p, p->off + from, 5)),
                 csum_fold(csum_add(5, bytes + from, sizeof(bytes) - from)));
            pkt_release(p);
        }
    }
}

/* A checksum left to the wire: the field holds the pseudo-header's sum until it is completed. */
static void test_pkt_csum_complete_makes_a_correct_field(void)
{
    uint64_t pseudo = csum_pseudo(ip_addr_v4(0x0a000001), ip_addr_v4(0x0a000002), 17, 13);

    for (unsigned odd = 0; odd < 2; odd++) {
        pool_new(1, 512);
        struct pkt *p = pkt_of(odd ? "headddSSabcde" : "headddSSabcd");
        uint8_t *field = pkt_data(p) + 6;
        uint16_t part = csum_fold(pseudo);

        field[0] = (uint8_t)(part >> 8);
        field[1] = (uint8_t)part;
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)p->off;
        p->csum_off = 6;
        pkt_csum_complete(p);
        T_EQ(p->csum, CSUM_NONE);
        T_EQ(csum_fold(pkt_csum(p, p->off, pseudo)), 0xffff);
        uint8_t before[2] = {field[0], field[1]};

        pkt_csum_complete(p); /* once */
        T_MEM(field, before, 2);
        pkt_release(p);
    }
}

/* Bytes that sum to ffff, so the checksum is 0, with the field at @off. */
static void check_zero(uint16_t off, const char *want)
{
    pool_new(1, 512);
    struct pkt *p = pkt_alloc(&pool, 100);
    uint8_t *d = pkt_append(p, 18);

    memset(d, 0, 18);
    memset(d, 0xff, 2);
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)p->off;
    p->csum_off = off;
    pkt_csum_complete(p);
    T_MEM(d + off, want, 2);
    pkt_release(p);
}

/* REQ: UDP-1122-4.1.3.4-4 */
static void test_pkt_csum_computed_zero_is_sent_as_all_ones_by_udp_only(void)
{
    check_zero(6, "\xff\xff");
    check_zero(16, "\0\0");
}

static void test_pktq_is_first_in_first_out(void)
{
    struct pktq q = {0};

    pool_new(3, 256);
    struct pkt *a = pkt_of("a"), *b = pkt_of("b"), *c = pkt_of("c");

    T_TRUE(pktq_pop(&q) == NULL);
    pktq_push(&q, a);
    pktq_push(&q, b);
    T_TRUE(pktq_pop(&q) == a);
    pktq_push(&q, c);
    T_EQ(q.len, 2);
    T_TRUE(pktq_pop(&q) == b);
    T_TRUE(pktq_pop(&q) == c);
    T_TRUE(pktq_pop(&q) == NULL);
    T_EQ(q.len, 0);
    pktq_push(&q, a); /* after having been empty */
    T_TRUE(pktq_pop(&q) == a);
    pkt_release(a);
    pkt_release(b);
    pkt_release(c);
}

T_MAIN("pkt", T(test_pkt_push_and_pull_move_the_front), T(test_pkt_comes_back_with_its_last_keeper),
       T(test_pkt_external_span_is_the_tail), T(test_pkt_linearize_refuses_what_does_not_fit),
       T(test_pkt_owner_lives_as_long_as_its_fragments),
       T(test_pkt_csum_covers_both_parts_at_any_cut),
       T(test_pkt_csum_complete_makes_a_correct_field),
       T(test_pkt_csum_computed_zero_is_sent_as_all_ones_by_udp_only),
       T(test_pktq_is_first_in_first_out))
