/* test_icmp4.c - echo, what is refused, ping. */
#include <errno.h>

#include "unit/icmp4_dgram.h"

/* ---- Echo ---- */

/* REQ: ICMP-792-1 ICMP-792-2 ICMP-1122-3.2.2.6-1 IP-1122-3.1-1 IP-791-3.1-2 */
static void test_icmp4_echo_is_answered_byte_for_byte(void)
{
    static const uint32_t sizes[] = {0, 1, 2, 55, 56, 1471, 1472};
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct l3_dgram d = echo(0x1234, 0xfffe, sizes[i]);

        d.pad = sizes[i] < 18 ? (uint8_t)(18 - sizes[i]) : 0;
        T_EQ(l3_icmp_in(h, &d, NULL), V_DONE);
        T_TRUE(l3_out(h, f));
        T_EQ(f->ip.src, L3_OWN);
        T_EQ(f->ip.dst, L3_PEER);
        T_EQ(f->ip.ttl, 64);
        T_EQ(f->l4_len, 8 + sizes[i]);
        T_EQ(f->l4[0], 0);
        T_EQ(f->l4[1], 0);
        T_EQ(get32(f->l4 + 4), 0x1234fffe);
        T_MEM(f->l4 + 8, msg + 8, sizes[i]);
        T_EQ(l3_sum(f->l4, f->l4_len), 0);
        T_TRUE(l3_silent(h));
    }
    free(f);
    l3_free(h);
}

/* The one sum that an incremental update gets wrong: everything else is zero. */
static void test_icmp4_echo_of_zeros_has_a_good_checksum(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct l3_dgram d = icmp(ICMP4_ECHO, 0, 0, 0);

    T_EQ(l3_icmp_in(h, &d, NULL), V_DONE);
    T_TRUE(l3_out(h, f));
    T_EQ(get16(f->l4 + 2), 0xffff);
    free(f);
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2.6-5 ICMP-1122-3.2.2.6-1 */
static void test_icmp4_echo_of_any_size_in_fragments(void)
{
    static const uint32_t sizes[] = {1473, 4000, 65507};
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct l3_dgram d = echo(7, 8, sizes[i]);
        uint32_t total = d.len, next = 0;
        uint8_t *whole = calloc(1, 65536);

        d.id = (uint16_t)i;
        for (d.off = 0; d.off < total; d.off += 1480) {
            d.data = msg + d.off;
            d.len = u32_min(1480, total - d.off);
            d.mf = d.off + d.len < total;
            T_EQ(l3_icmp_in(h, &d, NULL), V_DONE);
        }
        T_NEED(whole != NULL);
        while (l3_out(h, f)) {
            T_EQ(f->ip.frag_off, next);
            memcpy(whole + next, f->l4, f->l4_len);
            next += (uint32_t)f->l4_len;
        }
        T_EQ(next, total);
        T_EQ(whole[0], ICMP4_ECHO_REPLY);
        T_EQ(l3_sum(whole, total), 0);
        T_MEM(whole + 4, msg + 4, total - 4);
        free(whole);
    }
    free(f);
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2.6-4 IP-1122-3.3.4.2-1 IP-1122-3.1-5 */
static void test_icmp4_echo_reply_comes_from_the_address_asked(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct l3_dgram d = echo(1, 1, 8);

    T_EQ(ip_addr_add(&h->ip, 0, 0x0a000009, 24), 0);
    d.dst = 0x0a000009;
    d.tos = 0x10;
    T_EQ(l3_icmp_in(h, &d, NULL), V_DONE);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.src, 0x0a000009);
    T_EQ(f->ip.tos, 0x10);
    d.dst = L3_OWN_B;
    d.src = L3_PEER_B;
    d.ifi = 1;
    T_EQ(l3_icmp_in(h, &d, NULL), V_DONE);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.src, L3_OWN_B);
    T_MEM(f->b + 6, l3_mac[1].b, 6);
    free(f);
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2.6-3 */
static void test_icmp4_echo_to_broadcast_is_not_answered(void)
{
    static const uint32_t dst[] = {0xffffffff, 0x0a0000ff, 0xe0000001};
    struct l3 *h = l3_new();

    for (size_t i = 0; i < ARRAY_LEN(dst); i++) {
        struct l3_dgram d = echo(1, 1, 8);

        d.dst = dst[i];
        d.l2_cast = i == 2 ? CAST_MULTICAST : CAST_BROADCAST;
        T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_BROADCAST);
    }
    T_TRUE(l3_silent(h));
    l3_free(h);
}

static void test_icmp4_echo_does_not_write_to_a_packet_that_others_keep(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct l3_dgram d = echo(1, 1, 8);

    d.proto = IP_PROTO_ICMP;
    struct pkt *p = l3_build(h, &d), *mine = pkt_keep(p);
    struct ip_error err;

    T_EQ(ip4_input(&h->ip, &p), V_NEXT);
    T_EQ(icmp4_input(&h->ip, p, &err), V_DONE);
    T_MEM(pkt_data(p), msg, 16);
    T_EQ(ip_addr_to_v4(p->src), L3_PEER);
    pkt_release(p);
    T_TRUE(l3_out(h, f));
    T_EQ(f->l4[0], ICMP4_ECHO_REPLY);
    T_MEM(pkt_data(mine), msg, 16);
    pkt_release(mine);
    free(f);
    l3_free(h);
}

static void test_icmp4_queue_is_bounded(void)
{
    struct l3 *h = l3_new();
    unsigned done = 0;

    for (unsigned i = 0; i < 200; i++) { /* fewer than there are packets */
        struct l3_dgram d = echo(1, (uint16_t)i, 8);

        done += l3_icmp_in(h, &d, NULL) == V_DONE;
    }
    T_EQ(done, 200);
    h->ip.icmp.due.len += ICMP4_QUEUE - 200; /* as if it were full */
    struct l3_dgram d = echo(1, 1, 8);

    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_QUEUE_FULL);
    d = (struct l3_dgram){.proto = 99, .data = msg, .len = 8};
    T_EQ(l3_in(h, &d, NULL), V_DROP_IP4_PROTOCOL);
    T_EQ(h->c.drops[V_DROP_ICMP4_QUEUE_FULL], 1);
    h->ip.icmp.due.len -= ICMP4_QUEUE - 200;
    T_EQ(ip_deadline(&h->ip), h->c.now);
    l3_free(h);
}

/* ---- What is refused ---- */

/* REQ: ICMP-792-1 */
static void test_icmp4_bad_checksum_is_refused(void)
{
    struct l3 *h = l3_new();
    struct l3_dgram d = echo(1, 2, 9);

    msg[16] ^= 1;
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_CHECKSUM);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: ICMP-792-3 */
static void test_icmp4_short_is_refused(void)
{
    struct l3 *h = l3_new();

    for (uint32_t len = 0; len < 8; len++) {
        struct l3_dgram d = echo(0, 0, 0);

        d.len = len;
        T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_SHORT);
    }
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2-1 ICMP-6633-3-1 ICMP-6633-8-1 ICMP-6918-3-1 ICMP-6918-3-2
 * REQ: ICMP-1122-3.2.2.7-1 ICMP-1122-3.2.2.9-2 ICMP-1122-3.2.2.9-3 ICMP-1122-3.2.2.3-1 */
static void test_icmp4_types_a_host_ignores(void)
{
    struct l3 *h = l3_new();
    unsigned ignored = 0;

    memset(msg, 0, 64);
    for (unsigned type = 0; type < 256; type++) {
        struct l3_dgram d = icmp((uint8_t)type, 0, 0x0a000063, 40);

        if (type == 0 || type == 3 || type == 8 || type == 11 || type == 12)
            continue;
        T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_TYPE);
        ignored++;
    }
    T_EQ(ignored, 251);
    T_TRUE(l3_silent(h));
    T_EQ(h->ip.routes.count, 3); /* no redirect, no router discovery has changed a thing */
    l3_free(h);
}

/* ---- Ping ---- */

static struct l3_dgram reply_to(const struct l3_frame *f)
{
    memcpy(msg, f->l4, f->l4_len);
    msg[0] = ICMP4_ECHO_REPLY;
    put16(msg + 2, 0);
    put16(msg + 2, l3_sum(msg, f->l4_len));
    return (struct l3_dgram){.data = msg, .len = (uint32_t)f->l4_len, .ttl = 55, .src = f->ip.dst};
}

/* REQ: ICMP-1122-3.2.2.6-2 ICMP-1122-3.2.2.6-6 */
static void test_icmp4_ping_gets_its_reply_and_round_trip(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct icmp4_ping_result r;

    T_EQ(icmp4_ping_send(&h->ip, ip_addr_v4(L3_PEER), 77, 1, 56, 0), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->l4[0], ICMP4_ECHO);
    T_EQ(get32(f->l4 + 4), 77u << 16 | 1);
    T_EQ(l3_sum(f->l4, f->l4_len), 0);
    T_EQ(icmp4_ping_recv(&h->ip, 77, &r), -EAGAIN);
    h->c.now += NET_MS(3);
    struct l3_dgram d = reply_to(f);

    T_EQ(l3_icmp_in(h, &d, NULL), V_DONE);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_NO_PING); /* once is enough */
    T_EQ(icmp4_ping_recv(&h->ip, 78, &r), -EAGAIN);
    T_EQ(icmp4_ping_recv(&h->ip, 77, &r), 0);
    T_FALSE(r.is_error);
    T_EQ(r.seq, 1);
    T_EQ(r.ttl, 55);
    T_EQ(r.len, 56);
    T_EQ(r.rtt, NET_MS(3));
    T_EQ(ip_addr_to_v4(r.from), L3_PEER);
    T_EQ(icmp4_ping_recv(&h->ip, 77, &r), -EAGAIN);
    free(f);
    l3_free(h);
}

static void test_icmp4_reply_nobody_waits_for_is_refused(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct l3_dgram d = icmp(ICMP4_ECHO_REPLY, 0, 5u << 16 | 5, 8);

    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_NO_PING);
    T_EQ(icmp4_ping_send(&h->ip, ip_addr_v4(L3_PEER), 5, 5, 8, 0), 0);
    T_TRUE(l3_out(h, f));
    d = reply_to(f);
    d.src = L3_GATEWAY; /* another host */
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_NO_PING);
    icmp4_ping_close(&h->ip, 5);
    d.src = L3_PEER;
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_NO_PING);
    free(f);
    l3_free(h);
}

static void test_icmp4_ping_error_is_told(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct icmp4_ping_result r;

    T_EQ(icmp4_ping_send(&h->ip, ip_addr_v4(L3_FAR), 9, 2, 56, 1), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.ttl, 1);
    memcpy(msg + 8, f->b + 14, 28);
    struct l3_dgram d = icmp(ICMP4_TIME_EXCEEDED, 0, 0, 28);

    d.src = L3_GATEWAY;
    msg[8 + 19]++; /* about an echo request to another host */
    resum(&d);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_NO_OWNER);
    msg[8 + 19]--;
    resum(&d);
    h->c.now += NET_MS(7);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DONE);
    T_EQ(icmp4_ping_recv(&h->ip, 9, &r), 0);
    T_TRUE(r.is_error);
    T_EQ(r.rtt, NET_MS(7));
    T_EQ(r.type, 11);
    T_EQ(r.code, 0);
    T_EQ(r.seq, 2);
    T_EQ(ip_addr_to_v4(r.from), L3_GATEWAY);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_NO_OWNER);
    free(f);
    l3_free(h);
}

static void test_icmp4_pings_are_bounded_and_the_oldest_goes(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct icmp4_ping_result r;

    for (uint16_t seq = 0; seq <= ICMP4_PINGS; seq++) {
        h->c.now++;
        T_EQ(icmp4_ping_send(&h->ip, ip_addr_v4(L3_PEER), 3, seq, 0, 0), 0);
        T_TRUE(l3_out(h, f));
    }
    for (uint16_t seq = 0; seq <= ICMP4_PINGS; seq++) {
        struct l3_dgram d = icmp(ICMP4_ECHO_REPLY, 0, 3u << 16 | seq, 0);

        T_EQ(l3_icmp_in(h, &d, NULL), seq == 0 ? V_DROP_ICMP4_NO_PING : V_DONE);
    }
    for (uint16_t seq = 1; seq <= ICMP4_PINGS; seq++) {
        T_EQ(icmp4_ping_recv(&h->ip, 3, &r), 0);
        T_EQ(r.seq, seq); /* in the order in which they were sent */
    }
    T_EQ(icmp4_ping_recv(&h->ip, 3, &r), -EAGAIN);
    T_EQ(icmp4_ping_send(&h->ip, ip_addr_v4(L3_PEER), 3, 0, 65508, 0), -EMSGSIZE);
    T_EQ(icmp4_ping_send(&h->ip, ip_addr_v4(L3_OWN), 3, 0, 1, 0), -EINVAL);
    T_EQ(icmp4_ping_send(&h->ip, ip_addr_v4(L3_PEER), 3, 0, 65507, 0), 0);
    l3_free(h);
    free(f);
}

T_MAIN("icmp4", T(test_icmp4_echo_is_answered_byte_for_byte),
       T(test_icmp4_echo_of_zeros_has_a_good_checksum), T(test_icmp4_echo_of_any_size_in_fragments),
       T(test_icmp4_echo_reply_comes_from_the_address_asked),
       T(test_icmp4_echo_to_broadcast_is_not_answered),
       T(test_icmp4_echo_does_not_write_to_a_packet_that_others_keep),
       T(test_icmp4_queue_is_bounded), T(test_icmp4_bad_checksum_is_refused),
       T(test_icmp4_short_is_refused), T(test_icmp4_types_a_host_ignores),
       T(test_icmp4_ping_gets_its_reply_and_round_trip),
       T(test_icmp4_reply_nobody_waits_for_is_refused), T(test_icmp4_ping_error_is_told),
       T(test_icmp4_pings_are_bounded_and_the_oldest_goes))
