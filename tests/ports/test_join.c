/*
 * test_join.c - trains of segments become one, nothing else does, and cutting gives the frames back.
 */
#include <stdlib.h>

#include "base/prng.h"
#include "l1_physical/join.h"
#include "l1_physical/offload.h"
#include "t.h"
#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

enum { MEM = 8 << 20, L3 = ETH_HDR_LEN, L4 = L3 + IP4_HDR_LEN, OPTS = 12, HDR = L4 + 20 + OPTS };
enum { FULL = 1448, MOST = 160, FLOWS = 12 };
#define SEQ 0xfffff000u /* every train crosses zero */

static const struct mac us =
                            {
                                {2, 0, 0, 0, 0, 2}
},
                        them = {{2, 0, 0, 0, 0, 1}};

static uint8_t *t_mem;
static struct pkt_pool pkts, bigs;
static struct join joining;
static struct pkt *out[MOST];
static unsigned count, taken;
/* What was given in, as it was. */
static struct seen {
    uint32_t len;
    uint8_t bytes[HDR + FULL + 64];
} in[MOST];
static unsigned given;

static void setup_with(uint32_t big_packets)
{
    struct region r = {.p = t_mem = calloc(1, MEM), .len = MEM};

    pkt_pool_cut(&pkts, &r, MOST, 2048);
    pkt_pool_cut(&bigs, &r, big_packets, PKT_HEADROOM + 65536 + 64);
    joining = (struct join){0};
    count = taken = given = 0;
}

static void setup(void)
{
    setup_with(16);
}

static void teardown(void)
{
    join_end(&joining);
    for (unsigned i = 0; i < count; i++)
        pkt_release(out[i]);
    T_EQ(pkts.slab.used, 0);
    T_EQ(bigs.slab.used, 0);
    free(t_mem);
}

static void repair(struct pkt *p)
{
    uint8_t *ip = pkt_data(p) + L3, *tcp = pkt_data(p) + L4;
    uint32_t l4 = p->len - L4;
    uint64_t sum = csum_pseudo(ip_addr_v4(get32(ip + IP4_SRC)), ip_addr_v4(get32(ip + IP4_DST)),
                               IP_PROTO_TCP, l4);

    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, IP4_HDR_LEN)));
    put16(tcp + TCP_SUM, 0);
    put16(tcp + TCP_SUM, csum_finish(csum_add(sum, tcp, l4)));
}

/* A segment of connection @flow whose payload begins @at bytes into its stream. */
static struct pkt *segment(unsigned flow, uint32_t at, uint32_t len, uint8_t flags)
{
    static const uint8_t ts[OPTS] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    struct pkt *p = pkt_alloc(&pkts, 66);
    struct eth_hdr eth = {.dst = us, .src = them, .type = ETH_TYPE_IP4};
    struct ip4_hdr ip = {.src = 0x0a000001,
                         .dst = 0x0a000002,
                         .total = (uint16_t)(HDR - L3 + len),
                         .id = (uint16_t)(0xfffe + at / FULL),
                         .df = true,
                         .ttl = 64,
                         .proto = IP_PROTO_TCP};

    T_NEED(p != NULL);
    uint8_t *f = pkt_append(p, HDR + len), *tcp = f + L4;

    eth_emit(&eth, f);
    ip4_emit(&ip, f + L3);
    memset(tcp, 0, 20);
    put16(tcp + TCP_SRC, (uint16_t)(40000 + flow));
    put16(tcp + TCP_DST, 80);
    put32(tcp + TCP_SEQ, SEQ + at);
    put32(tcp + TCP_ACKNO, 7);
    tcp[TCP_OFF] = (20 + OPTS) / 4 << 4;
    tcp[TCP_FLAGS] = flags;
    put16(tcp + TCP_WND, 500);
    memcpy(tcp + 20, ts, OPTS);
    for (uint32_t i = 0; i < len; i++)
        f[HDR + i] = (uint8_t)((at + i) * 7 + ((at + i) >> 8) + flow);
    repair(p);
    return p;
}

/* As a port does. */
static void give(struct pkt *p)
{
    T_NEED(given < MOST && p->len <= sizeof(in[0].bytes));
    in[given].len = p->len;
    memcpy(in[given++].bytes, pkt_data(p), p->len);
    if (join_frame(&joining, us, &bigs, p, &out[count])) {
        pkt_release(p);
        taken++;
    } else {
        out[count++] = p;
    }
}

static void give_train(unsigned flow, uint32_t at, unsigned segments)
{
    for (unsigned i = 0; i < segments; i++)
        give(segment(flow, at + i * FULL, FULL, TCP_ACK));
}

/* The frame @f of @len bytes must be the next that was given in of its connection, from *next on; but for
 * its identification and what follows from it, which nobody reads. */
static void check_frame(const uint8_t *f, uint32_t len, unsigned *next)
{
    static uint8_t want[sizeof(in[0].bytes)];

    while (*next < given && memcmp(in[*next].bytes + L4, f + L4, 4) != 0)
        ++*next;
    T_NEED(*next < given);
    T_EQ(len, in[*next].len);
    memcpy(want, in[*next].bytes, in[*next].len);
    if (memcmp(want + L3 + IP4_ID, f + L3 + IP4_ID, 2) != 0) {
        memcpy(want + L3 + IP4_ID, f + L3 + IP4_ID, 2);
        memcpy(want + L3 + IP4_SUM, f + L3 + IP4_SUM, 2);
    }
    T_MEM(f, want, len);
    ++*next;
}

/* TCP's checksum, summed anew over all that was joined. */
static void sum_is_right(const struct pkt *p)
{
    uint32_t l4 = p->len - L4;

    T_EQ(csum_fold(
             csum_add(csum_pseudo(ip_addr_v4(0x0a000001), ip_addr_v4(0x0a000002), IP_PROTO_TCP, l4),
                      pkt_data(p) + L4, l4)),
         0xffff);
}

/* Cut again, all that came out is what was given in, in the order of each connection. */
static void check_all(void)
{
    static uint8_t piece[4096];
    unsigned next[FLOWS] = {0}, pieces = 0;

    join_end(&joining);
    for (unsigned i = 0; i < count; i++) {
        struct pkt *p = out[i];
        unsigned flow = p->len > L4 ? (get16(pkt_data(p) + L4) - 40000u) % FLOWS : 0;
        struct offload_cut c;
        size_t len;

        if (!offload_cut_begin(&c, p)) {
            check_frame(pkt_data(p), p->len, &next[flow]);
            pieces++;
            continue;
        }
        T_EQ(p->csum, CSUM_VERIFIED);
        while ((len = offload_cut_next(&c, piece, sizeof(piece))) > 0) {
            check_frame(piece, (uint32_t)len, &next[flow]);
            pieces++;
        }
    }
    T_EQ(pieces, given);
    T_EQ(count + taken, given);
}

static void test_join_a_train_becomes_one_segment(void)
{
    setup();
    give_train(0, 0, 9);
    give(segment(0, 9 * FULL, 100, TCP_ACK | TCP_PSH));
    T_EQ(count, 1);
    T_EQ(taken, 9);
    T_EQ(joining.count, 0); /* the last one ended it: nobody needs to ask for that */
    struct pkt *p = out[0];
    uint8_t *f = pkt_data(p);
    struct ip4_hdr ip = {0};
    uint32_t l4 = p->len - L4;

    T_TRUE(p->pool == &bigs);
    T_EQ(p->len, HDR + 9 * FULL + 100);
    T_EQ(p->gso_size, FULL);
    T_EQ(p->csum, CSUM_VERIFIED);
    T_EQ(ip4_parse(&ip, (struct span){f + L3, p->len - L3}), V_NEXT);
    T_EQ(ip.total, p->len - L3);
    T_EQ(csum_fold(csum_add(csum_pseudo(ip_addr_v4(ip.src), ip_addr_v4(ip.dst), IP_PROTO_TCP, l4),
                            f + L4, l4)),
         0xffff);
    T_EQ(get32(f + L4 + TCP_SEQ), SEQ);
    T_EQ(f[L4 + TCP_FLAGS], TCP_ACK | TCP_PSH);
    check_all();
    teardown();
}

/* Even the identifications, where the sender has counted them. */
static void test_join_cutting_gives_the_same_frames(void)
{
    static uint8_t piece[4096];
    struct offload_cut c;
    unsigned i = 0;
    size_t len;

    setup();
    give_train(0, 0, 20);
    join_end(&joining);
    T_NEED(count == 1 && offload_cut_begin(&c, out[0]));
    while ((len = offload_cut_next(&c, piece, sizeof(piece))) > 0) {
        T_NEED(i < given);
        T_EQ(len, in[i].len);
        T_MEM(piece, in[i].bytes, len);
        i++;
    }
    T_EQ(i, 20);
    teardown();
}

static void test_join_a_frame_alone_is_left_where_it_is(void)
{
    setup();
    struct pkt *p = segment(0, 0, FULL, TCP_ACK);

    give(p);
    join_end(&joining);
    T_EQ(count, 1);
    T_TRUE(out[0] == p);
    T_EQ(p->csum, CSUM_NONE);
    T_EQ(p->gso_size, 0);
    T_EQ(bigs.slab.used, 0);
    T_MEM(pkt_data(p), in[0].bytes, in[0].len);
    teardown();
}

/* Each byte of the header that says something, changed in the third of four segments. */
static void test_join_what_says_something_else_stays_apart(void)
{
    static const struct {
        uint16_t at;
        uint8_t flip;
        bool joins;
    } cases[] = {
        {L3 + IP4_ID,        0xff,    true }, /* nothing depends on it */
        {ETH_DST + 5,        4,       false},
        {ETH_SRC + 5,        4,       false},
        {L3 + IP4_TOS,       0x20,    false},
        {L3 + IP4_TOS,       1,       false}, /* ECN */
        {L3 + IP4_TOS,       3,       false},
        {L3 + IP4_FRAG,      0x40,    false}, /* DF */
        {L3 + IP4_TTL,       1,       false},
        {L4 + TCP_ACKNO,     1,       false},
        {L4 + TCP_ACKNO + 3, 1,       false},
        {L4 + TCP_OFF,       1,       false}, /* reserved */
        {L4 + TCP_FLAGS,     TCP_FIN, false},
        {L4 + TCP_FLAGS,     TCP_SYN, false},
        {L4 + TCP_FLAGS,     TCP_RST, false},
        {L4 + TCP_FLAGS,     TCP_ACK, false},
        {L4 + TCP_FLAGS,     TCP_URG, false},
        {L4 + TCP_FLAGS,     TCP_ECE, false},
        {L4 + TCP_FLAGS,     TCP_CWR, false},
        {L4 + TCP_WND,       1,       false},
        {L4 + TCP_WND + 1,   1,       false},
        {L4 + TCP_URP + 1,   1,       false},
        {L4 + 20,            8,       false}, /* options */
        {L4 + 20 + OPTS - 1, 1,       false},
        {L4 + TCP_SEQ + 3,   1,       false},
        {L4 + TCP_SEQ,       0x80,    false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup();
        give_train(0, 0, 2);
        struct pkt *p = segment(0, 2 * FULL, FULL, TCP_ACK);

        pkt_data(p)[cases[i].at] ^= cases[i].flip;
        repair(p);
        give(p);
        give_train(0, 3 * FULL, 1);
        check_all();
        if (!cases[i].joins && count != 3)
            T_EQ(i, -1); /* this case */
        T_EQ(count,
             cases[i].joins ? 1 : 3); /* the first two; the other; what follows is not behind it */
        T_EQ(out[0]->gso_size, FULL);
        teardown();
    }
}

/* The same changes in the first of all: it begins no run. */
static void test_join_these_begin_no_run(void)
{
    static const struct {
        uint16_t at;
        uint8_t flip;
    } cases[] = {
        {ETH_DST + 5,       4      },
        {L3 + IP4_VIHL,     0x10   },
        {L3 + IP4_FRAG,     0x80   },
        {L3 + IP4_FRAG,     0x20   },
        {L3 + IP4_FRAG + 1, 1      },
        {L4 + TCP_FLAGS,    TCP_FIN},
        {L4 + TCP_FLAGS,    TCP_SYN},
        {L4 + TCP_FLAGS,    TCP_RST},
        {L4 + TCP_FLAGS,    TCP_ACK},
        {L4 + TCP_FLAGS,    TCP_URG},
        {L4 + TCP_FLAGS,    TCP_ECE},
        {L4 + TCP_FLAGS,    TCP_CWR},
        {L4 + TCP_FLAGS,    TCP_PSH},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup();
        for (unsigned k = 0; k < 3; k++) {
            struct pkt *p = segment(0, k * FULL, FULL, TCP_ACK);

            pkt_data(p)[cases[i].at] ^= cases[i].flip;
            repair(p);
            give(p);
        }
        T_EQ(taken, 0);
        T_EQ(joining.count, 0);
        check_all();
        teardown();
    }
}

static void test_join_numbers_that_do_not_follow(void)
{
    static const int32_t at[] = {FULL + 1, FULL - 1, 0, -FULL, 2 * FULL, INT32_MIN};

    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        setup();
        give_train(0, 0, 1);
        give(segment(0, (uint32_t)at[i], FULL, TCP_ACK));
        T_EQ(taken, 0);
        check_all();
        teardown();
    }
}

/* Wrong checksums: the frame stays what it is, for the stack to refuse, and those around it join. */
static void test_join_damaged_frames_stay_alone(void)
{
    static const uint16_t where[] = {L3 + IP4_SUM, L3 + IP4_ID, L4 + TCP_SUM + 1,
                                     HDR,          HDR + 777,   HDR + FULL - 1};

    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        for (unsigned bad = 0; bad < 6; bad++) {
            setup();
            for (unsigned k = 0; k < 6; k++) {
                struct pkt *p = segment(0, k * FULL, FULL, TCP_ACK);

                pkt_data(p)[where[i]] ^= k == bad ? 0x10 : 0;
                give(p);
            }
            check_all();
            bool found = false;

            for (unsigned k = 0; k < count; k++)
                found |= out[k]->len == HDR + FULL && out[k]->csum == CSUM_NONE &&
                         memcmp(pkt_data(out[k]), in[bad].bytes, in[bad].len) == 0;
            T_TRUE(found);
            for (unsigned k = 0; k < count; k++)
                T_EQ(out[k]->gso_size, out[k]->len == HDR + FULL ? 0 : FULL);
            /* In front of it, itself, and behind it; the ends have no neighbour on one side. */
            T_EQ(count, bad == 0 || bad == 5 ? 2 : 3);
            teardown();
        }
    }
}

/* What was never on a wire has no checksum to compare. */
static void test_join_partial_checksums_are_as_good(void)
{
    setup();
    for (unsigned k = 0; k < 3; k++) {
        struct pkt *p = segment(0, k * FULL, FULL, TCP_ACK);

        give(p);
        if (k == 1) /* the one that has been taken: another, with what a kernel leaves there */
            T_EQ(taken, 1);
    }
    teardown();
    setup();
    for (unsigned k = 0; k < 3; k++) {
        struct pkt *p = segment(0, k * FULL, FULL, TCP_ACK);

        put16(pkt_data(p) + L4 + TCP_SUM, 0x1234);
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)(p->off + L4);
        p->csum_off = TCP_SUM;
        give(p);
    }
    join_end(&joining);
    T_EQ(count, 1);
    T_EQ(out[0]->csum, CSUM_VERIFIED);
    sum_is_right(out[0]);
    teardown();
    setup(); /* a checksum elsewhere than TCP's says nothing about TCP's */
    for (unsigned k = 0; k < 2; k++) {
        struct pkt *p = segment(0, k * FULL, FULL, TCP_ACK);

        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)(p->off + L4);
        p->csum_off = TCP_SUM - 2;
        give(p);
    }
    T_EQ(taken, 0);
    teardown();
}

static void test_join_lengths(void)
{
    setup(); /* a shorter one is the last */
    give_train(0, 0, 2);
    give(segment(0, 2 * FULL, 1, TCP_ACK));
    give(segment(0, 2 * FULL + 1, FULL, TCP_ACK));
    give(segment(0, 3 * FULL + 1, FULL, TCP_ACK));
    check_all();
    T_EQ(count, 2);
    teardown();
    setup(); /* a longer one is not of the train */
    give(segment(0, 0, 1000, TCP_ACK));
    give(segment(0, 1000, 1001, TCP_ACK));
    give(segment(0, 2001, 1001, TCP_ACK));
    check_all();
    T_EQ(count, 2);
    teardown();
    setup(); /* an ACK without data belongs between what it came between */
    give_train(0, 0, 2);
    give(segment(0, 2 * FULL, 0, TCP_ACK));
    give_train(0, 2 * FULL, 2);
    check_all();
    T_EQ(count, 3);
    teardown();
    setup(); /* small ones are nobody's bulk */
    for (unsigned k = 0; k < 4; k++)
        give(segment(0, k * (JOIN_MIN - 1), JOIN_MIN - 1, TCP_ACK));
    T_EQ(taken, 0);
    for (unsigned k = 0; k < 4; k++)
        give(segment(1, k * JOIN_MIN, JOIN_MIN, TCP_ACK));
    T_EQ(taken, 3);
    check_all();
    teardown();
    setup(); /* odd lengths: every second piece begins at an odd byte */
    for (unsigned k = 0; k < 9; k++)
        give(segment(0, k * 1447, 1447, TCP_ACK));
    T_EQ(taken, 8);
    join_end(&joining);
    sum_is_right(out[0]);
    check_all();
    teardown();
}

/* A datagram has 64 KiB at most. */
static void test_join_no_more_than_a_datagram_holds(void)
{
    setup();
    give_train(0, 0, 100);
    check_all();
    T_EQ(count, 3);
    T_EQ(out[0]->len, HDR + 45 * FULL);
    T_EQ(out[1]->len, HDR + 45 * FULL);
    T_EQ(out[2]->len, HDR + 10 * FULL);
    teardown();
    setup(); /* there would be room for 48 in the packet, but not in a field of 16 bits */
    for (unsigned k = 0; k < 48; k++)
        give(segment(0, k * 1365, 1365, TCP_ACK));
    check_all();
    T_EQ(count, 2);
    T_EQ(out[0]->len, HDR + 47 * 1365);
    teardown();
    setup(); /* packets that are not so large */
    struct region r = {.p = t_mem + MEM / 2, .len = MEM / 2};

    pkt_pool_cut(&bigs, &r, 4, 66 + HDR + 4 * FULL - 1);
    give_train(0, 0, 7);
    check_all();
    T_EQ(count, 3);
    teardown();
}

/* Lengths that lie: the frame longer than its datagram (padding), or shorter. */
static void test_join_frames_with_other_lengths_stay_alone(void)
{
    for (int lie = -1; lie <= 1; lie += 2) {
        setup();
        give_train(0, 0, 2);
        struct pkt *p = segment(0, 2 * FULL, FULL, TCP_ACK);

        put16(pkt_data(p) + L3 + IP4_TOTAL, (uint16_t)(HDR - L3 + FULL + lie));
        repair(p);
        give(p);
        give_train(0, 3 * FULL, 2);
        check_all();
        T_EQ(count, 3);
        teardown();
    }
    setup(); /* a header of TCP that ends behind the frame, or before it has begun */
    for (unsigned words = 0; words < 16; words++) {
        for (unsigned k = 0; k < 3; k++) {
            uint32_t len = words < 5 ? FULL : 8;
            struct pkt *p = segment(0, k * len, len, TCP_ACK);

            pkt_data(p)[L4 + TCP_OFF] = (uint8_t)(words << 4);
            repair(p);
            give(p);
            T_EQ(joining.count, 0);
        }
    }
    T_EQ(taken, 0);
    teardown();
}

static void test_join_connections_in_turn(void)
{
    for (unsigned flows = 2; flows <= FLOWS; flows++) {
        setup();
        for (unsigned k = 0; k < 6; k++) {
            for (unsigned f = 0; f < flows; f++)
                give_train(f, 2 * k * FULL, 2);
        }
        check_all();
        if (flows <= JOIN_RUNS)
            T_EQ(count, flows);
        teardown();
    }
}

/* What is no TCP passes between; what may be of any connection does not. */
static void test_join_other_frames_in_between(void)
{
    static const struct {
        uint16_t at;
        uint8_t value;
        unsigned count;
        unsigned flow; /* as far as its ports say */
    } cases[] = {
        {ETH_TYPE + 1,      0x06,         2, 0}, /* ARP */
        {L3 + IP4_PROTO,    IP_PROTO_UDP, 2, 0},
        {L3 + IP4_FRAG,     0x20,         3, 1}, /* a fragment */
        {L3 + IP4_FRAG + 1, 1,            3, 1},
        {L3 + IP4_VIHL,     0x46,         3, 1}, /* options of IP */
        {L3 + IP4_VIHL,     0x44,         3, 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup();
        give_train(0, 0, 3);
        struct pkt *p = segment(cases[i].flow, 3 * FULL, FULL, TCP_ACK);

        pkt_data(p)[cases[i].at] = cases[i].value;
        give(p);
        give_train(0, 3 * FULL, 3);
        join_end(&joining);
        T_EQ(count, cases[i].count);
        T_EQ(out[0]->len, cases[i].count == 2 ? HDR + 6 * FULL : HDR + 3 * FULL);
        teardown();
    }
}

static void test_join_frames_cut_at_every_byte(void)
{
    setup();
    give_train(0, 0, 2);
    for (uint32_t len = 0; len < HDR; len++) {
        struct pkt *p = segment(0, 2 * FULL, FULL, TCP_ACK);

        p->len = len;
        T_FALSE(join_frame(&joining, us, &bigs, p, &out[count]));
        T_EQ(joining.count, len < L4 + TCP_HDR_LEN); /* before, nobody knows whose it is */
        pkt_release(p);
    }
    join_end(&joining);
    teardown();
}

static void test_join_without_large_packets_frames_go_on(void)
{
    setup_with(1);
    give_train(0, 0, 4);
    give_train(1, 0, 4);
    T_EQ(taken, 3);
    check_all();
    T_EQ(count, 5);
    teardown();
    setup_with(0);
    give_train(0, 0, 4);
    T_EQ(taken, 0);
    check_all();
    teardown();
}

/* Anything, from a few connections: what comes out is what went in. */
static void test_join_of_anything(void)
{
    struct prng g;

    prng_seed(&g, 20, 0);
    for (unsigned round = 0; round < 400; round++) {
        uint32_t at[3] = {0};

        setup_with(prng_below(&g, 8));
        while (given < 120) {
            unsigned flow = prng_below(&g, 3), kind = prng_below(&g, 24);
            uint32_t len = kind < 16 ? FULL : prng_below(&g, FULL + 1);
            struct pkt *p = segment(flow, at[flow], len, kind == 17 ? TCP_ACK | TCP_PSH : TCP_ACK);

            at[flow] += len;
            if (kind == 18)
                at[flow] += prng_below(&g, 3) * FULL - FULL;
            if (kind >= 20) {
                uint32_t byte = L3 + IP4_TOS + prng_below(&g, HDR - L3 - IP4_TOS);

                if (byte < L4 || byte >= L4 + 4) /* the connection stays the same */
                    pkt_data(p)[byte] ^= (uint8_t)(1u << prng_below(&g, 8));
            }
            if (kind >= 22)
                repair(p);
            give(p);
            if (prng_chance(&g, 20000))
                join_end(&joining);
        }
        check_all();
        teardown();
    }
}

T_MAIN("join", T(test_join_a_train_becomes_one_segment), T(test_join_cutting_gives_the_same_frames),
       T(test_join_a_frame_alone_is_left_where_it_is),
       T(test_join_what_says_something_else_stays_apart), T(test_join_these_begin_no_run),
       T(test_join_numbers_that_do_not_follow), T(test_join_damaged_frames_stay_alone),
       T(test_join_partial_checksums_are_as_good), T(test_join_lengths),
       T(test_join_no_more_than_a_datagram_holds),
       T(test_join_frames_with_other_lengths_stay_alone), T(test_join_connections_in_turn),
       T(test_join_other_frames_in_between), T(test_join_frames_cut_at_every_byte),
       T(test_join_without_large_packets_frames_go_on), T(test_join_of_anything))
