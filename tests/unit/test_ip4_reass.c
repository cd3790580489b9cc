/* test_ip4_reass.c - fragments in any order, and every way in which they lie. */
#include "unit/l3_host.h"

static uint8_t bytes[70000];

/* One fragment of the datagram whose content is bytes[]. */
struct frag {
    uint32_t off, len;
    bool last;
    uint16_t id;
    uint32_t src, dst;
    uint8_t proto, tos;
    const uint8_t *other; /* other content */
};

static enum verdict in(struct l3 *h, struct frag g, struct pkt **out)
{
    l3_fill(bytes, sizeof(bytes));
    return l3_in(h,
                 &(struct l3_dgram){.src = g.src,
                                    .dst = g.dst,
                                    .proto = g.proto,
                                    .tos = g.tos,
                                    .id = g.id,
                                    .off = g.off,
                                    .mf = !g.last,
                                    .data = g.other != NULL ? g.other : bytes + g.off,
                                    .len = g.len},
                 out);
}
#define IN(h, ...) in((h), (struct frag){__VA_ARGS__}, NULL)

/* The fragment completes a datagram of @len bytes with the content of bytes[]. */
static void completes(struct l3 *h, struct frag g, uint32_t len)
{
    struct pkt *p = NULL;

    T_EQ(in(h, g, &p), V_NEXT);
    T_NEED(p != NULL);
    T_EQ(p->len, len);
    T_EQ(p->refs, 1);
    T_EQ(p->off, p->l4);
    T_MEM(pkt_data(p), bytes, size_min(len, p->len));
    struct ip4_hdr hdr = {0};

    T_EQ(ip4_parse(&hdr, (struct span){p->buf + p->l3, (size_t)p->off + p->len - p->l3}), V_NEXT);
    T_EQ(hdr.total, len + hdr.hdr_len);
    T_FALSE(hdr.mf);
    T_EQ(hdr.frag_off, 0);
    T_EQ(ip_addr_to_v4(p->src), g.src ? g.src : L3_PEER);
    T_EQ(ip_addr_to_v4(p->dst), g.dst ? g.dst : L3_OWN);
    pkt_release(p);
}

/* REQ: IP-815-1 IP-1122-3.2.1.4-1 */
static void test_ip4_reass_all_orders_of_five_fragments(void)
{
    /* clang-format off */
    static const struct frag part[5] = {
        {.off = 0, .len = 48}, {.off = 48, .len = 520}, {.off = 568, .len = 8},
        {.off = 576, .len = 128}, {.off = 704, .len = 5, .last = true},
    };
    /* clang-format on */
    struct l3 *h = l3_new();
    unsigned orders = 0;

    for (unsigned code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        unsigned order[5], used = 0, c = code;

        for (unsigned i = 0; i < 5; i++, c /= 5) {
            order[i] = c % 5;
            used |= 1u << order[i];
        }
        if (used != 31)
            continue;
        orders++;
        for (unsigned i = 0; i < 4; i++)
            T_EQ(in(h, part[order[i]], NULL), V_DONE);
        completes(h, part[order[4]], 709);
        T_EQ(ip4_reass_count(&h->ip.reass), 0);
        T_EQ(h->c.bigs.slab.used, 0);
    }
    T_EQ(orders, 120);
    T_EQ(h->ip.reass.reassembled, 120);
    l3_free(h);
}

/* REQ: IP-791-3.2-4 IP-1122-3.3.2-1 */
static void test_ip4_reass_sizes_up_to_the_largest(void)
{
    static const uint32_t sizes[] = {556, 1480, 1481, 40000, 65507, 65515};
    static const uint32_t pieces[] = {48, 1480, 8192};
    struct l3 *h = l3_new();

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            uint32_t off = 0;

            if (pieces[k] >= sizes[i])
                continue;
            for (; off + pieces[k] < sizes[i]; off += pieces[k])
                T_EQ(IN(h, .off = off, .len = pieces[k]), V_DONE);
            completes(h, (struct frag){.off = off, .len = sizes[i] - off, .last = true}, sizes[i]);
        }
    l3_free(h);
}

/* REQ: IP-815-2 IP-5722-like-2 */
static void test_ip4_reass_duplicates_are_harmless(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 0, .len = 48), V_DONE);
    T_EQ(IN(h, .off = 0, .len = 48), V_DROP_IP4_FRAG_DUPLICATE);
    T_EQ(IN(h, .off = 8, .len = 16), V_DROP_IP4_FRAG_DUPLICATE); /* a part of it, the same bytes */
    T_EQ(IN(h, .off = 96, .len = 13, .last = true), V_DONE);
    T_EQ(IN(h, .off = 96, .len = 13, .last = true), V_DROP_IP4_FRAG_DUPLICATE);
    completes(h, (struct frag){.off = 48, .len = 48}, 109);
    l3_free(h);
}

/* Nothing of the datagram 0 is delivered, whatever else of it comes, until its time is over. */
static void poisoned(struct l3 *h, enum verdict why)
{
    T_EQ(h->c.bigs.slab.used, 0);
    T_EQ(IN(h, .off = 0, .len = 2000), why);
    T_EQ(IN(h, .off = 2000, .len = 8, .last = true), why);
    h->c.now += NET_SEC(59);
    ip_tick(&h->ip, h->c.now);
    T_EQ(IN(h, .off = 0, .len = 2000), why);
    T_EQ(h->ip.reass.reassembled, 0);
    h->c.now += NET_SEC(1);
    ip_tick(&h->ip, h->c.now);
    T_TRUE(l3_silent(h)); /* and no ICMP about it */
    T_EQ(h->c.drops[V_DROP_IP4_FRAG_TIMEOUT], 0);
    T_EQ(IN(h, .off = 0, .len = 2000), V_DONE);
    completes(h, (struct frag){.off = 2000, .len = 8, .last = true}, 2008);
    l3_free(h);
}

/* REQ: IP-5722-like-1 IP-1858-4-1 */
static void test_ip4_reass_partial_overlap_gives_the_datagram_up(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 0, .len = 1480), V_DONE);
    T_EQ(IN(h, .off = 1400, .len = 600), V_DROP_IP4_FRAG_OVERLAP); /* though with equal bytes */
    poisoned(h, V_DROP_IP4_FRAG_OVERLAP);
}

/* REQ: IP-1858-4-1 */
static void test_ip4_reass_teardrop_contained_fragment_with_other_bytes(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 0, .len = 40), V_DONE);
    T_EQ(IN(h, .off = 24, .len = 8, .other = (const uint8_t *)"teardrop"), V_DROP_IP4_FRAG_OVERLAP);
    poisoned(h, V_DROP_IP4_FRAG_OVERLAP);
}

/* REQ: IP-3128-3-1 */
static void test_ip4_reass_two_different_firsts_give_the_datagram_up(void)
{
    struct l3 *h = l3_new();
    uint8_t other[64] = {9, 9};

    T_EQ(IN(h, .proto = 6, .off = 0, .len = 24), V_DONE);
    T_EQ(IN(h, .proto = 6, .off = 0, .len = 64, .other = other), V_DROP_IP4_FRAG_OVERLAP);
    T_EQ(IN(h, .proto = 6, .off = 24, .len = 40, .last = true), V_DROP_IP4_FRAG_OVERLAP);
    l3_free(h);
    h = l3_new();
    T_EQ(IN(h, .off = 0, .len = 64), V_DONE);
    T_EQ(IN(h, .off = 0, .len = 64, .other = other), V_DROP_IP4_FRAG_OVERLAP);
    poisoned(h, V_DROP_IP4_FRAG_OVERLAP);
}

/* REQ: IP-815-3 */
static void test_ip4_reass_disagreement_about_the_end(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 992, .len = 8, .last = true), V_DONE);
    T_EQ(IN(h, .off = 1000, .len = 200), V_DROP_IP4_FRAG_END); /* beyond */
    poisoned(h, V_DROP_IP4_FRAG_END);
    h = l3_new();
    T_EQ(IN(h, .off = 992, .len = 8, .last = true), V_DONE);
    T_EQ(IN(h, .off = 984, .len = 16), V_DROP_IP4_FRAG_END); /* up to the end, and more follows? */
    poisoned(h, V_DROP_IP4_FRAG_END);
    h = l3_new();
    T_EQ(IN(h, .off = 992, .len = 8, .last = true), V_DONE);
    T_EQ(IN(h, .off = 1200, .len = 8, .last = true), V_DROP_IP4_FRAG_END); /* two ends */
    poisoned(h, V_DROP_IP4_FRAG_END);
    h = l3_new();
    T_EQ(IN(h, .off = 1000, .len = 200), V_DONE);
    T_EQ(IN(h, .off = 992, .len = 4, .last = true), V_DROP_IP4_FRAG_END); /* before what came */
    poisoned(h, V_DROP_IP4_FRAG_END);
}

/* REQ: IP-791-3.2-5 */
static void test_ip4_reass_empty_and_odd_fragments_are_refused(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 0, .len = 0), V_DROP_IP4_FRAG_EMPTY);
    T_EQ(IN(h, .off = 8, .len = 0, .last = true), V_DROP_IP4_FRAG_EMPTY);
    T_EQ(IN(h, .off = 0, .len = 13), V_DROP_IP4_FRAG_EMPTY);
    T_EQ(ip4_reass_count(&h->ip.reass), 0);
    l3_free(h);
}

/* REQ: IP-791-3.2-6 */
static void test_ip4_reass_ping_of_death_is_refused(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 65528, .len = 100, .last = true), V_DROP_IP4_FRAG_TOO_LONG);
    T_EQ(IN(h, .off = 65528, .len = 8), V_DROP_IP4_FRAG_TOO_LONG);
    T_EQ(IN(h, .off = 65512, .len = 4, .last = true), V_DROP_IP4_FRAG_TOO_LONG);
    T_EQ(ip4_reass_count(&h->ip.reass), 0);
    T_EQ(IN(h, .off = 65512, .len = 3, .last = true), V_DONE);
    l3_free(h);
}

static void test_ip4_reass_too_long_by_the_options_of_the_first(void)
{
    struct l3 *h = l3_new();
    static const uint8_t nops[8] = {1, 1, 1, 1, 1, 1, 1, 1};

    T_EQ(IN(h, .off = 8, .len = 32768), V_DONE);
    T_EQ(IN(h, .off = 32776, .len = 32739, .last = true), V_DONE); /* ends at 65515 */
    T_EQ(l3_in(h,
               &(struct l3_dgram){.opt = nops, .opt_len = 8, .mf = true, .data = bytes, .len = 8},
               NULL),
         V_DROP_IP4_FRAG_TOO_LONG);
    l3_free(h);
}

/* REQ: IP-1858-3-1 IP-1858-3-2 */
static void test_ip4_reass_tiny_fragments_are_refused(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .proto = 6, .off = 0, .len = 8), V_DROP_IP4_FRAG_TINY);
    T_EQ(IN(h, .proto = 6, .off = 0, .len = 16), V_DROP_IP4_FRAG_TINY);
    T_EQ(IN(h, .proto = 6, .off = 8, .len = 32), V_DROP_IP4_FRAG_TINY);
    T_EQ(IN(h, .proto = 6, .off = 8, .len = 3, .last = true), V_DROP_IP4_FRAG_TINY);
    T_EQ(ip4_reass_count(&h->ip.reass), 0);
    T_EQ(IN(h, .proto = 6, .off = 0, .len = 24), V_DONE);
    T_EQ(IN(h, .proto = 17, .off = 0, .len = 8), V_DONE); /* a UDP header is no longer */
    l3_free(h);
}

/* REQ: IP-791-3.2-3 */
static void test_ip4_reass_key_is_source_destination_protocol_and_id(void)
{
    /* clang-format off */
    static const struct frag key[] = {
        {.src = L3_PEER, .dst = L3_OWN, .proto = 17, .id = 1},
        {.src = L3_GATEWAY, .dst = L3_OWN, .proto = 17, .id = 1},
        {.src = L3_PEER, .dst = 0x0a0000ff, .proto = 17, .id = 1},
        {.src = L3_PEER, .dst = L3_OWN, .proto = 1, .id = 1},
        {.src = L3_PEER, .dst = L3_OWN, .proto = 17, .id = 2},
    };
    /* clang-format on */
    struct l3 *h = l3_new();

    for (unsigned part = 0; part < 3; part++)
        for (size_t i = 0; i < ARRAY_LEN(key); i++) {
            struct frag g = key[i];

            g.off = part * 16;
            g.len = 16;
            g.last = part == 2;
            if (part < 2)
                T_EQ(in(h, g, NULL), V_DONE);
            else
                completes(h, g, 48);
        }
    l3_free(h);
}

/* REQ: IP-815-4 */
static void test_ip4_reass_flood_evicts_the_oldest_and_good_traffic_goes_on(void)
{
    struct l3 *h = l3_new();

    for (uint32_t i = 0; i < 10000; i++) {
        T_EQ(IN(h, .src = 0x0b000001 + i, .off = 0, .len = 8, .id = 5), V_DONE);
        T_TRUE(ip4_reass_count(&h->ip.reass) <= L3_BIGS);
    }
    T_EQ(h->c.drops[V_DROP_IP4_FRAG_EVICTED], 10000 - L3_BIGS); /* as many packets as there are */
    T_EQ(IN(h, .off = 0, .len = 1000), V_DONE);
    completes(h, (struct frag){.off = 1000, .len = 8, .last = true}, 1008);
    T_EQ(IN(h, .src = 0x0b000001 + 9999, .off = 0, .len = 8, .id = 5), V_DROP_IP4_FRAG_DUPLICATE);
    l3_free(h);
}

static void test_ip4_reass_one_sender_evicts_only_his_own(void)
{
    struct l3 *h = l3_new();
    uint32_t max = h->ip.cfg.reass_per_source;

    T_EQ(IN(h, .src = L3_GATEWAY, .off = 0, .len = 8), V_DONE); /* the oldest of all */
    for (uint32_t i = 0; i < 1000; i++)
        T_EQ(IN(h, .off = 0, .len = 8, .id = (uint16_t)i), V_DONE);
    T_EQ(ip4_reass_count(&h->ip.reass), max + 1);
    T_EQ(h->c.drops[V_DROP_IP4_FRAG_EVICTED], 1000 - max);
    completes(h, (struct frag){.src = L3_GATEWAY, .off = 8, .len = 8, .last = true}, 16);
    T_EQ(IN(h, .off = 8, .len = 8, .id = 983), V_DONE); /* 983 was evicted: a new one */
    completes(h, (struct frag){.off = 8, .len = 8, .id = 999, .last = true}, 16);
    l3_free(h);
}

static void test_ip4_reass_slots_are_bounded(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    cfg.reass_slots = 4;
    struct l3 *h = l3_make(&cfg, 1500);

    for (uint32_t i = 0; i < 10; i++)
        T_EQ(IN(h, .src = 0x0b000001 + i, .off = 0, .len = 8), V_DONE);
    T_EQ(ip4_reass_count(&h->ip.reass), 4);
    completes(h, (struct frag){.src = 0x0b000001 + 6, .off = 8, .len = 8, .last = true}, 16);
    T_EQ(IN(h, .src = 0x0b000001 + 5, .off = 8, .len = 8, .last = true), V_DONE);
    l3_free(h);
}

static void test_ip4_reass_without_packets_is_a_verdict(void)
{
    struct l3 *h = l3_new();
    struct pkt *hog[L3_BIGS];

    for (unsigned i = 0; i < L3_BIGS; i++)
        hog[i] = pkt_alloc(&h->c.bigs, 0);
    T_EQ(IN(h, .off = 0, .len = 8), V_DROP_PKT_POOL);
    T_EQ(ip4_reass_count(&h->ip.reass), 0);
    for (unsigned i = 0; i < L3_BIGS; i++)
        pkt_release(hog[i]);
    T_EQ(IN(h, .off = 0, .len = 8), V_DONE);
    l3_free(h);
}

/* Whose packet is taken then: the oldest that has one; a datagram that was given up has none. */
static void test_ip4_reass_without_packets_the_oldest_gives_its_own(void)
{
    struct l3 *h = l3_new();
    struct pkt *hog[L3_BIGS];

    T_EQ(IN(h, .off = 0, .len = 8, .id = 1, .tos = 3), V_DONE);
    T_EQ(IN(h, .off = 8, .len = 8, .id = 1, .last = true), V_DROP_IP4_FRAG_ECN);
    T_EQ(IN(h, .off = 0, .len = 8, .id = 2), V_DONE);
    T_EQ(IN(h, .off = 0, .len = 8, .id = 3), V_DONE);
    unsigned n = 0;

    while ((hog[n] = pkt_alloc(&h->c.bigs, 0)) != NULL)
        n++;
    T_EQ(IN(h, .off = 0, .len = 8, .id = 4), V_DONE);
    T_EQ(h->c.drops[V_DROP_IP4_FRAG_EVICTED], 1);
    T_EQ(IN(h, .off = 8, .len = 8, .id = 1, .last = true), V_DROP_IP4_FRAG_ECN); /* still there */
    completes(h, (struct frag){.off = 8, .len = 8, .id = 3, .last = true}, 16);
    completes(h, (struct frag){.off = 8, .len = 8, .id = 4, .last = true}, 16);
    while (n > 0)
        pkt_release(hog[--n]);
    l3_free(h);
}

/* REQ: IP-1122-3.3.2-3 IP-1122-3.3.2-4 ICMP-1122-3.2.2-2 */
static void test_ip4_reass_timeout_reports_when_the_first_fragment_came(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    net_time born = h->c.now;

    T_EQ(ip_deadline(&h->ip), NET_NEVER);
    T_EQ(IN(h, .off = 8, .len = 1000), V_DONE);
    h->c.now += NET_SEC(30); /* later fragments do not prolong it */
    T_EQ(IN(h, .off = 0, .len = 8), V_DONE);
    T_EQ(ip_deadline(&h->ip), born + NET_SEC(60));
    h->c.now = born + NET_SEC(60) - 1;
    ip_tick(&h->ip, h->c.now);
    T_EQ(ip4_reass_count(&h->ip.reass), 1);
    h->c.now++;
    ip_tick(&h->ip, h->c.now);
    T_EQ(ip4_reass_count(&h->ip.reass), 0);
    T_EQ(h->c.bigs.slab.used, 0);
    T_EQ(h->c.drops[V_DROP_IP4_FRAG_TIMEOUT], 1);
    T_EQ(ip_deadline(&h->ip), h->c.now); /* there is something to send */
    T_TRUE(l3_out(h, f));
    T_EQ(f->l4[0], ICMP4_TIME_EXCEEDED);
    T_EQ(f->l4[1], ICMP4_REASSEMBLY);
    T_EQ(f->l4_len, 8 + 20 + 8); /* fragment 0 as it was */
    T_EQ(get16(f->l4 + 8 + IP4_TOTAL), 28);
    T_EQ(get16(f->l4 + 8 + IP4_FRAG), 0x2000);
    T_MEM(f->l4 + 28, bytes, 8);
    T_EQ(f->ip.dst, L3_PEER);
    T_EQ(f->ip.src, L3_OWN);
    T_TRUE(l3_silent(h));
    free(f);
    l3_free(h);
}

/* REQ: IP-1122-3.3.2-4 ICMP-1122-3.2.2-7 */
static void test_ip4_reass_timeout_is_silent_without_the_first_and_for_broadcasts(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 8, .len = 1000), V_DONE);
    T_EQ(IN(h, .off = 0, .len = 8, .dst = 0x0a0000ff), V_DONE);
    h->c.now += NET_SEC(60);
    ip_tick(&h->ip, h->c.now);
    T_EQ(h->c.drops[V_DROP_IP4_FRAG_TIMEOUT], 2);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-1122-3.3.2-5 */
static void test_ip4_reass_time_does_not_depend_on_the_ttl(void)
{
    struct l3 *h = l3_new();

    T_EQ(l3_in(h, &(struct l3_dgram){.ttl = 1, .mf = true, .data = bytes, .len = 8}, NULL), V_DONE);
    h->c.now += NET_SEC(50);
    ip_tick(&h->ip, h->c.now);
    completes(h, (struct frag){.off = 8, .len = 8, .last = true}, 16);
    l3_free(h);
}

static void test_ip4_reass_a_late_tick_does_not_mix_two_datagrams(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 0, .len = 8), V_DONE);
    h->c.now += NET_SEC(61); /* nobody has called ip_tick() */
    T_EQ(IN(h, .off = 8, .len = 8, .last = true), V_DONE);
    T_EQ(ip4_reass_count(&h->ip.reass), 1);
    T_EQ(h->c.drops[V_DROP_IP4_FRAG_TIMEOUT], 1);
    l3_free(h);
}

static void test_ip4_reass_a_used_slot_is_clean(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(h, .off = 0, .len = 60000), V_DONE);
    T_EQ(IN(h, .off = 60000, .len = 1000), V_DONE);
    h->c.now += NET_SEC(60);
    ip_tick(&h->ip, h->c.now);
    T_EQ(IN(h, .off = 0, .len = 30000), V_DONE);
    T_EQ(IN(h, .off = 60800, .len = 16), V_DONE);
    T_EQ(IN(h, .off = 60816, .len = 1, .last = true), V_DONE);
    completes(h, (struct frag){.off = 30000, .len = 30800}, 60817);
    l3_free(h);
}

/* REQ: ECN-3168-5.3-1 */
static void test_ip4_reass_congestion_marks_survive(void)
{
    struct l3 *h = l3_new();
    struct pkt *p = NULL;

    for (uint8_t first = 0; first < 4; first++) {
        for (uint8_t last = 0; last < 4; last++) {
            bool ce = first == 3 || last == 3, lost = ce && (first == 0 || last == 0);

            T_EQ(IN(h, .off = 0, .len = 8, .tos = 0xb8 | first), V_DONE);
            T_EQ(in(h, (struct frag){.off = 8, .len = 8, .last = true, .tos = 0xb8 | last}, &p),
                 lost ? V_DROP_IP4_FRAG_ECN : V_NEXT);
            if (lost) {
                T_EQ(IN(h, .off = 0, .len = 8), V_DROP_IP4_FRAG_ECN); /* and stays so */
                h->c.now += NET_SEC(61);
                ip_tick(&h->ip, h->c.now);
                continue;
            }
            T_NEED(p != NULL);
            T_EQ(p->tos, 0xb8 | (ce ? 3 : first));
            T_EQ(p->buf[p->l3 + IP4_TOS], p->tos);
            pkt_release(p);
        }
    }
    l3_free(h);
}

T_MAIN("ip4_reass", T(test_ip4_reass_all_orders_of_five_fragments),
       T(test_ip4_reass_sizes_up_to_the_largest), T(test_ip4_reass_duplicates_are_harmless),
       T(test_ip4_reass_partial_overlap_gives_the_datagram_up),
       T(test_ip4_reass_teardrop_contained_fragment_with_other_bytes),
       T(test_ip4_reass_two_different_firsts_give_the_datagram_up),
       T(test_ip4_reass_disagreement_about_the_end),
       T(test_ip4_reass_empty_and_odd_fragments_are_refused),
       T(test_ip4_reass_ping_of_death_is_refused),
       T(test_ip4_reass_too_long_by_the_options_of_the_first),
       T(test_ip4_reass_tiny_fragments_are_refused),
       T(test_ip4_reass_key_is_source_destination_protocol_and_id),
       T(test_ip4_reass_flood_evicts_the_oldest_and_good_traffic_goes_on),
       T(test_ip4_reass_one_sender_evicts_only_his_own), T(test_ip4_reass_slots_are_bounded),
       T(test_ip4_reass_without_packets_is_a_verdict),
       T(test_ip4_reass_without_packets_the_oldest_gives_its_own),
       T(test_ip4_reass_timeout_reports_when_the_first_fragment_came),
       T(test_ip4_reass_timeout_is_silent_without_the_first_and_for_broadcasts),
       T(test_ip4_reass_time_does_not_depend_on_the_ttl),
       T(test_ip4_reass_a_late_tick_does_not_mix_two_datagrams),
       T(test_ip4_reass_a_used_slot_is_clean), T(test_ip4_reass_congestion_marks_survive))
