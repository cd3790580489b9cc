/*
 * UDP by hand-made datagrams. The internet layer below is played by the functions of udp_ip.h, which
 * remember what they were asked to send; so nothing but udp.c is tested here.
 */
#include <stdlib.h>

#include "t.h"
#include "udp_ip.h"

/* ---- one host ---- */

enum { PKTS = 64, BIGS = 4, CAP = PKT_HEADROOM + 1504, SOCKETS = 100 };

static struct core core;
static struct udp udp;
static uint8_t *memory;

static void setup_with(const struct udp_config *cfg, uint64_t seed)
{
    struct region r = {0};

    for (int pass = 0; pass < 2; pass++) {
        memset(&core, 0, sizeof(core));
        memset(&udp, 0, sizeof(udp));
        pkt_pool_cut(&core.pkts, &r, PKTS, CAP);
        pkt_pool_cut(&core.bigs, &r, BIGS, PKT_HEADROOM + 65536);
        udp_cut(&udp, cfg, &r);
        if (pass == 0) {
            memory = calloc(1, r.used + 64);
            T_NEED(memory != NULL);
            r = (struct region){.p = memory + (64 - (uintptr_t)memory % 64), .len = r.used};
        }
    }
    T_NEED(!r.overflow);
    ready_list_init(&core.ready);
    prng_seed(&core.prng, seed, 0);
    memset(&ip, 0, sizeof(ip));
    udp_init(&udp, &core, &ip);
}

static void setup(void)
{
    struct udp_config cfg;

    udp_config_default(&cfg);
    cfg.sockets = SOCKETS;
    setup_with(&cfg, 1);
}

/* Every packet is back in its pool, every socket closed. */
static void teardown(void)
{
    T_EQ(udp.socks.used, 0);
    T_EQ(udp.members.used, 0);
    T_EQ(ip.joined, 0);
    T_EQ(core.pkts.slab.used, 0);
    T_EQ(core.bigs.slab.used, 0);
    T_EQ(udp.held_pkts, 0);
    T_EQ(udp.held_bigs, 0);
    T_TRUE(ready_pop(&core.ready) == NULL);
    for (uint32_t i = 0; i <= udp.ports.mask; i++)
        T_TRUE(udp.ports.slots[i] == NULL && udp.tuples.slots[i] == NULL);
    free(memory);
}

static struct udp_sock *bound(struct ip_addr local, uint16_t port)
{
    struct udp_sock *u = udp_open(&udp, 1);

    T_NEED(u != NULL);
    T_EQ(udp_bind(u, local, port), 0);
    return u;
}

/* A datagram as IP hands it over: header pulled, checksum right. */
static struct pkt *datagram(struct ip_addr src, uint16_t sport, struct ip_addr dst, uint16_t dport,
                            const char *text)
{
    struct pkt *p = pkt_alloc(&core.pkts, PKT_HEADROOM);
    uint32_t len = (uint32_t)strlen(text) + UDP_HDR_LEN;

    T_NEED(p != NULL);
    uint8_t *b = pkt_append(p, len);

    udp_emit(&(struct udp_hdr){sport, dport, (uint16_t)len, 0}, b);
    memcpy(b + UDP_HDR_LEN, text, strlen(text));
    put16(b + UDP_SUM, csum_finish(csum_add(csum_pseudo(src, dst, IP_PROTO_UDP, len), b, len)));
    p->l3 = p->l4 = (uint16_t)p->off;
    p->src = src;
    p->dst = dst;
    p->proto = IP_PROTO_UDP;
    p->l3_cast = (uint8_t)ip_cast(&ip, dst);
    return p;
}

static enum verdict give(struct pkt *p)
{
    enum verdict v = udp_input(&udp, p);

    pkt_release(p);
    return v;
}

static enum verdict in(struct ip_addr src, uint16_t sport, struct ip_addr dst, uint16_t dport,
                       const char *text)
{
    return give(datagram(src, sport, dst, dport, text));
}

/* The oldest datagram of @u is @text; take it. */
static void expect(struct udp_sock *u, const char *text)
{
    struct udp_dgram d;

    T_NEED(udp_peek(u, &d));
    T_EQ(d.len, strlen(text));
    T_MEM(d.data[0].p, text, strlen(text));
    udp_consume(u);
}

static void expect_nothing(const struct udp_sock *u)
{
    struct udp_dgram d;

    T_FALSE(udp_peek(u, &d));
}

static uint16_t out_field(unsigned at)
{
    return get16(ip.bytes + at);
}

/* ---- receiving ---- */

/* REQ: UDP-768-1 UDP-1122-4.1.3.5-1 */
static void test_udp_input_goes_to_its_port(void)
{
    setup();
    struct udp_sock *a = bound(IP_ADDR_ANY, 7), *b = bound(IP_ADDR_ANY, 9);
    struct udp_dgram d;

    T_EQ(in(PEER, 1111, US, 7, "to a"), V_DONE);
    T_EQ(in(OTHER, 2222, US2, 9, "to b"), V_DONE);
    T_NEED(udp_peek(a, &d));
    T_TRUE(ip_addr_eq(d.src, PEER) && ip_addr_eq(d.dst, US));
    T_EQ(d.sport, 1111);
    T_EQ(d.dport, 7);
    T_NEED(udp_peek(b, &d));
    T_TRUE(ip_addr_eq(d.src, OTHER) && ip_addr_eq(d.dst, US2));
    T_EQ(d.sport, 2222);
    expect(a, "to a");
    expect(b, "to b");
    expect_nothing(a);
    expect_nothing(b);
    udp_close(a);
    udp_close(b);
    teardown();
}

/* REQ: UDP-768-2 */
static void test_udp_input_wrong_length_is_dropped(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    for (uint16_t len = 0; len < 20; len++) {
        struct pkt *p = datagram(PEER, 1, US, 7, "1234");

        put16(pkt_data(p) + UDP_LEN, len);
        put16(pkt_data(p) + UDP_SUM, 0);
        T_EQ(give(p), len < 8 || len > 12 ? V_DROP_UDP_LENGTH : V_DONE);
        if (len < 8 || len > 12)
            expect_nothing(u);
        else /* shorter than what IP carried: only so many bytes */
            expect(u, (const char *[]){"", "1", "12", "123", "1234"}[len - 8]);
    }
    udp_close(u);
    teardown();
}

/* REQ: UDP-768-2 UDP-768-3 */
static void test_udp_input_padding_is_not_summed(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);
    struct pkt *p = datagram(PEER, 1, US, 7, "1234");

    memset(pkt_append(p, 3), 0xaa, 3);
    T_EQ(give(p), V_DONE);
    expect(u, "1234");
    udp_close(u);
    teardown();
}

static void test_udp_input_short_header_is_dropped(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    for (uint32_t len = 0; len < UDP_HDR_LEN; len++) {
        struct pkt *p = datagram(PEER, 1, US, 7, "");

        pkt_trim(p, len);
        T_EQ(give(p), V_DROP_UDP_SHORT);
    }
    udp_close(u);
    teardown();
}

/* REQ: UDP-768-3 UDP-1122-4.1.3.4-1 UDP-1122-4.1.3.4-2 */
static void test_udp_input_bad_checksum_is_silently_dropped(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    for (uint16_t port = 7; port <= 8; port++) { /* open, closed */
        struct pkt *p = datagram(PEER, 1, US, port, "text");

        pkt_data(p)[UDP_HDR_LEN] ^= 1;
        T_EQ(give(p), V_DROP_UDP_CHECKSUM);
        p = datagram(PEER, 1, US, port, "text");
        put16(pkt_data(p) + UDP_SUM, 0);
        put16(pkt_data(p) + UDP_SUM, csum_finish(csum_add(0, pkt_data(p), p->len)));
        T_EQ(give(p), V_DROP_UDP_CHECKSUM); /* without the pseudo-header */
    }
    expect_nothing(u);
    T_EQ(ip.errors, 0);
    T_EQ(in(PEER, 1, US, 7, "odd"), V_DONE);
    T_EQ(in(PEER, 1, US, 7, "even"), V_DONE);
    udp_close(u);
    teardown();
}

/* REQ: UDP-768-3 UDP-1122-4.1.3.4-3 */
static void test_udp_input_no_checksum_is_accepted_unless_required(void)
{
    struct udp_config cfg;

    udp_config_default(&cfg);
    for (int required = 0; required < 2; required++) {
        cfg.checksum_required = required != 0;
        setup_with(&cfg, 1);
        struct udp_sock *u = bound(IP_ADDR_ANY, 7);
        struct pkt *p = datagram(PEER, 1, US, 7, "text");

        put16(pkt_data(p) + UDP_SUM, 0);
        T_EQ(give(p), required ? V_DROP_UDP_CHECKSUM : V_DONE);
        udp_close(u);
        teardown();
    }
}

static void test_udp_input_checksum_is_left_to_a_wire_that_looked(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    for (int state = CSUM_NONE; state <= CSUM_PARTIAL; state++) {
        struct pkt *p = datagram(PEER, 1, US, 7, "text");

        put16(pkt_data(p) + UDP_SUM, 0x1234);
        p->csum = (uint8_t)state;
        T_EQ(give(p), state == CSUM_NONE ? V_DROP_UDP_CHECKSUM : V_DONE);
    }
    udp_close(u);
    teardown();
}

/* REQ: UDP-768-4 */
static void test_udp_input_source_port_zero_is_delivered(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    T_EQ(in(PEER, 0, US, 7, "no answer please"), V_DONE);
    expect(u, "no answer please");
    udp_close(u);
    teardown();
}

/* REQ: UDP-1122-4.1.3.1-1 */
static void test_udp_input_closed_port_is_reported(void)
{
    setup();
    struct udp_sock *u = bound(US2, 7), *c = udp_open(&udp, 2);

    T_EQ(udp_connect(c, PEER, 53), 0);
    T_EQ(in(PEER, 1, US, 8, ""), V_DROP_UDP_NO_PORT);
    T_EQ(ip.errors, 1);
    T_EQ(ip.error, IP_ERR_PORT_UNREACH);
    T_EQ(in(PEER, 1, US, 7, ""), V_DROP_UDP_NO_PORT);          /* bound to the other address */
    T_EQ(in(OTHER, 53, US, c->lport, ""), V_DROP_UDP_NO_PORT); /* connected to another peer */
    T_EQ(in(PEER, 54, US, c->lport, ""), V_DROP_UDP_NO_PORT);
    T_EQ(ip.errors, 4);
    T_EQ(in(PEER, 1, BCAST, 8, ""), V_DROP_UDP_NO_PORT);
    T_EQ(ip.errors, 4); /* never about a broadcast */
    udp_close(u);
    udp_close(c);
    teardown();
}

static void test_udp_input_most_specific_socket_wins(void)
{
    setup();
    struct udp_sock *any = udp_open(&udp, 1), *exact = udp_open(&udp, 2), *conn = udp_open(&udp, 3);

    any->reuse = exact->reuse = conn->reuse = true;
    T_EQ(udp_bind(conn, US, 7), 0);
    T_EQ(udp_connect(conn, PEER, 1000), 0);
    T_EQ(udp_bind(exact, US, 7), 0);
    T_EQ(udp_bind(any, IP_ADDR_ANY, 7), 0);
    T_EQ(in(PEER, 1000, US, 7, "conn"), V_DONE);
    T_EQ(in(PEER, 1001, US, 7, "exact"), V_DONE);
    T_EQ(in(PEER, 1000, US2, 7, "any"), V_DONE);
    expect(conn, "conn");
    expect(exact, "exact");
    expect(any, "any");
    expect_nothing(conn);
    expect_nothing(exact);
    expect_nothing(any);
    udp_close(conn);
    udp_close(exact);
    T_EQ(in(PEER, 1000, US, 7, "left"), V_DONE);
    expect(any, "left");
    udp_close(any);
    teardown();
}

static void test_udp_input_broadcast_reaches_all(void)
{
    setup();
    struct udp_sock *u[5];

    for (int i = 0; i < 5; i++) {
        u[i] = udp_open(&udp, (uint32_t)i);
        u[i]->reuse = true;
    }
    T_EQ(udp_bind(u[0], IP_ADDR_ANY, 7), 0);
    T_EQ(udp_bind(u[1], IP_ADDR_ANY, 7), 0);
    T_EQ(udp_bind(u[2], BCAST, 7), 0);
    T_EQ(udp_bind(u[3], US, 7), 0);          /* wants its own address only */
    T_EQ(udp_bind(u[4], IP_ADDR_ANY, 8), 0); /* another port */
    T_EQ(in(PEER, 1, BCAST, 7, "all"), V_DONE);
    T_EQ(in(PEER, 1, US2, 7, "one"), V_DONE); /* in between, to the youngest */
    T_EQ(in(PEER, 1, BCAST, 7, "again"), V_DONE);
    for (int i = 0; i < 3; i++) {
        struct udp_dgram d;

        T_NEED(udp_peek(u[i], &d));
        T_EQ(d.cast, CAST_BROADCAST);
        T_TRUE(ip_addr_eq(d.dst, BCAST) && ip_addr_eq(d.src, PEER));
        T_EQ(d.sport, 1);
        expect(u[i], "all");
        if (i == 1)
            expect(u[i], "one");
        expect(u[i], "again");
        expect_nothing(u[i]);
    }
    expect_nothing(u[3]);
    expect_nothing(u[4]);
    T_EQ(in(PEER, 1, ALL, 7, "group"), V_DONE); /* which nobody needs to join */
    expect(u[0], "group");
    expect(u[1], "group");
    expect_nothing(u[2]);
    T_EQ(ip.errors, 0);
    for (int i = 0; i < 5; i++)
        udp_close(u[i]);
    teardown();
}

static void test_udp_input_reassembled_datagram_in_two_pieces(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);
    struct pkt *p = datagram(PEER, 1, US, 7, "first second"), *tail = pkt_alloc(&core.pkts, 0);
    struct udp_dgram d;

    memcpy(pkt_append(tail, 6), "second", 6);
    pkt_trim(p, UDP_HDR_LEN + 6);
    p->ext = pkt_data(tail);
    p->ext_len = 6;
    p->owner = tail;
    T_EQ(give(p), V_DONE);
    T_EQ(udp.held_pkts, 2); /* what is referred to is held as well */
    T_NEED(udp_peek(u, &d));
    T_EQ(d.len, 12);
    T_EQ(d.data[0].len, 6);
    T_MEM(d.data[0].p, "first ", 6);
    T_EQ(d.data[1].len, 6);
    T_MEM(d.data[1].p, "second", 6);
    udp_close(u);
    teardown();
}

static void test_udp_input_queue_is_bounded_by_rcvbuf(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);
    uint32_t each = (uint32_t)sizeof(struct pkt) + CAP;

    u->rcvbuf = 3 * each;
    for (int i = 0; i < 5; i++)
        T_EQ(in(PEER, 1, US, 7, "x"), i < 3 ? V_DONE : V_DROP_UDP_QUEUE_FULL);
    T_EQ(u->rcv_used, 3 * each);
    T_EQ(u->dropped, 2);
    udp_consume(u);
    T_EQ(in(PEER, 1, US, 7, "x"), V_DONE);
    u->rcvbuf = 1; /* an empty queue takes one, or nothing could ever be received */
    while (u->queue.head != NULL)
        udp_consume(u);
    T_EQ(in(PEER, 1, US, 7, "x"), V_DONE);
    T_EQ(in(PEER, 1, US, 7, "x"), V_DROP_UDP_QUEUE_FULL);
    T_EQ(ip.errors, 0);
    udp_close(u);
    teardown();
}

static void test_udp_input_queues_hold_half_of_the_pool_at_most(void)
{
    setup();
    struct udp_sock *a = bound(IP_ADDR_ANY, 7), *b = bound(IP_ADDR_ANY, 8);

    a->rcvbuf = b->rcvbuf = UINT32_MAX;
    for (int i = 0; i < PKTS; i++)
        (void)in(PEER, 1, US, i % 2 ? 7 : 8, "flood");
    T_EQ(core.pkts.slab.used, PKTS / 2);
    T_EQ(in(PEER, 1, US, 7, "x"), V_DROP_UDP_QUEUE_FULL);
    udp_consume(a);
    T_EQ(in(PEER, 1, US, 8, "x"), V_DONE);
    udp_close(a);
    udp_close(b);
    teardown();
}

static void test_udp_input_tells_the_owner_once(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    in(PEER, 1, US, 7, "1");
    in(PEER, 1, US, 7, "2");
    T_TRUE(ready_pop(&core.ready) == &u->ready);
    T_TRUE(ready_pop(&core.ready) == NULL);
    in(PEER, 1, US, 7, "3");
    T_TRUE(ready_pop(&core.ready) == &u->ready);
    in(PEER, 1, US, 7, "4");
    udp_close(u); /* while listed */
    teardown();
}

/* ---- errors ---- */

static enum verdict error_in(struct ip_addr local, uint16_t lport, struct ip_addr remote,
                             uint16_t rport, enum ip_error_kind kind)
{
    uint8_t quoted[8];

    udp_emit(&(struct udp_hdr){lport, rport, 8, 0}, quoted);
    return udp_input_error(&udp, &(struct ip_error){
                                     .kind = kind,
                                     .from = remote,
                                     .local = local,
                                     .remote = remote,
                                     .proto = IP_PROTO_UDP,
                                     .quoted = {quoted, 8}
    });
}

/* REQ: UDP-1122-4.1.3.3-1 */
static void test_udp_error_reaches_the_connected_socket_only(void)
{
    setup();
    struct udp_sock *conn = bound(US, 5000), *plain = bound(US, 5001), *more = bound(US, 5002);

    T_EQ(udp_connect(conn, PEER, 53), 0);
    T_EQ(udp_connect(more, PEER, 53), 0);
    T_EQ(error_in(US, 5000, PEER, 53, IP_ERR_PORT_UNREACH), V_DONE);
    T_TRUE(udp_readable(conn));
    T_TRUE(ready_pop(&core.ready) == &conn->ready);
    T_EQ(udp_take_error(more), 0);
    T_EQ(udp_take_error(conn), ECONNREFUSED);
    T_EQ(udp_take_error(conn), 0);
    T_EQ(error_in(US, 5000, PEER, 54, IP_ERR_PORT_UNREACH), V_DROP_ICMP4_NO_OWNER);
    T_EQ(error_in(US, 5001, PEER, 53, IP_ERR_PORT_UNREACH), V_DONE); /* heard, not told */
    T_EQ(udp_take_error(plain), 0);
    T_EQ(error_in(US, 6000, PEER, 53, IP_ERR_PORT_UNREACH), V_DROP_ICMP4_NO_OWNER);
    T_EQ(error_in(US, 5000, PEER, 53, IP_ERR_HOST_UNREACH), V_DONE);
    T_EQ(udp_take_error(conn), EHOSTUNREACH);
    ready_del(&conn->ready);
    udp_close(conn);
    udp_close(plain);
    udp_close(more);
    teardown();
}

/* ---- sending ---- */

/* REQ: UDP-1122-4.1.3.4-1 UDP-1122-4.1.3.5-2 */
static void test_udp_send_writes_header_and_checksum(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    u->tos = 0x10;
    u->ttl = 3;
    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 1234, (const uint8_t *)"hello", 5), 5);
    T_EQ(ip.sent, 1);
    T_EQ(ip.len, UDP_HDR_LEN + 5);
    T_EQ(out_field(UDP_SRC), 7);
    T_EQ(out_field(UDP_DST), 1234);
    T_EQ(out_field(UDP_LEN), UDP_HDR_LEN + 5);
    T_MEM(ip.bytes + UDP_HDR_LEN, "hello", 5);
    T_TRUE(ip.was_partial); /* a wire may do it for us */
    T_EQ(csum_fold(csum_add(csum_pseudo(US, PEER, IP_PROTO_UDP, 13), ip.bytes, 13)), 0xffff);
    T_TRUE(ip_addr_eq(ip.send.src, US) && ip_addr_eq(ip.send.dst, PEER));
    T_EQ(ip.send.tos, 0x10);
    T_EQ(ip.send.ttl, 3);
    T_EQ(ip.send.proto, 17);
    T_EQ(udp_send(u, US2, PEER, 1234, NULL, 0), 0); /* empty, from another of our addresses */
    T_TRUE(ip_addr_eq(ip.send.src, US2));
    T_EQ(ip.len, UDP_HDR_LEN);
    T_EQ(udp_send(u, OTHER, PEER, 1234, NULL, 0), -EADDRNOTAVAIL);
    udp_close(u);
    teardown();
}

/* REQ: UDP-1122-4.1.3.4-4 */
static void test_udp_send_computed_zero_becomes_ffff(void)
{
    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);
    uint8_t payload[2] = {0, 0};

    udp_send(u, IP_ADDR_ANY, PEER, 1234, payload, 2);
    put16(payload, out_field(UDP_SUM)); /* what was missing to a sum of 0 */
    udp_send(u, IP_ADDR_ANY, PEER, 1234, payload, 2);
    T_EQ(out_field(UDP_SUM), 0xffff);
    udp_close(u);
    teardown();
}

/* REQ: UDP-1122-4.1.3.4-3 */
static void test_udp_send_without_checksum_if_told_so(void)
{
    struct udp_config cfg;

    udp_config_default(&cfg);
    cfg.checksum = false;
    setup_with(&cfg, 1);
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 1234, (const uint8_t *)"x", 1), 1);
    T_EQ(out_field(UDP_SUM), 0);
    udp_close(u);
    teardown();
}

static void test_udp_send_largest_datagram(void)
{
    static uint8_t big[65508];

    setup();
    struct udp_sock *u = bound(IP_ADDR_ANY, 7);

    memset(big, 0x5a, sizeof(big));
    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 1, big, 65507), 65507);
    T_EQ(ip.len, 65515);
    T_EQ(csum_fold(csum_add(csum_pseudo(US, PEER, IP_PROTO_UDP, 65515), ip.bytes, 65515)), 0xffff);
    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 1, big, 65508), -EMSGSIZE);
    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 1, big, CAP - PKT_HEADROOM - UDP_HDR_LEN),
         CAP - PKT_HEADROOM - UDP_HDR_LEN);
    T_EQ(core.bigs.slab.peak, 1);
    udp_close(u);
    teardown();
}

static void test_udp_send_refusals(void)
{
    setup();
    struct udp_sock *u = udp_open(&udp, 1);
    struct pkt *all[PKTS];

    T_EQ(udp_send(u, IP_ADDR_ANY, IP_ADDR_ANY, 0, NULL, 0), -EDESTADDRREQ);
    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 0, NULL, 0), -EINVAL);
    T_EQ(udp_send(u, IP_ADDR_ANY, AWAY, 1, NULL, 0), -ENETUNREACH);
    T_EQ(udp_send(u, IP_ADDR_ANY, BCAST, 1, NULL, 0), -EACCES);
    T_EQ(udp_connect(u, BCAST, 1), -EACCES);
    u->broadcast = true;
    T_EQ(udp_send(u, IP_ADDR_ANY, BCAST, 1, NULL, 0), 0);
    for (int i = 0; i < PKTS; i++)
        all[i] = pkt_alloc(&core.pkts, 0);
    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 1, NULL, 0), -ENOBUFS);
    for (int i = 0; i < PKTS; i++)
        pkt_release(all[i]);
    T_EQ(udp_send(u, IP_ADDR_ANY, PEER, 1, NULL, 0), 0);
    T_EQ(ip.sent, 2);
    udp_close(u);
    teardown();
}

/* ---- ports and addresses ---- */

/* REQ: UDP-1122-4.1.3.5-2 */
static void test_udp_bind_and_connect_choose_and_report(void)
{
    setup();
    struct udp_sock *u = udp_open(&udp, 1);

    T_EQ(udp_bind(u, OTHER, 0), -EADDRNOTAVAIL);
    T_EQ(udp_connect(u, PEER, 0), -EINVAL);
    T_EQ(udp_connect(u, IP_ADDR_ANY, 5), -EINVAL);
    T_EQ(udp_connect(u, AWAY, 5), -ENETUNREACH);
    T_EQ(u->lport, 0);
    T_EQ(udp_connect(u, PEER, 5), 0);
    T_TRUE(u->lport >= 32768 && u->lport <= 60999);
    T_TRUE(ip_addr_eq(u->local, US));
    T_EQ(udp_bind(u, US, 5), -EINVAL);
    T_EQ(udp_send(u, IP_ADDR_ANY, IP_ADDR_ANY, 0, NULL, 0), 0);
    T_EQ(out_field(UDP_DST), 5);
    uint16_t port = u->lport;

    T_EQ(udp_connect(u, OTHER, 6), 0); /* again, to somebody else */
    T_EQ(u->lport, port);
    T_EQ(in(PEER, 5, US, port, "old"), V_DROP_UDP_NO_PORT);
    T_EQ(in(OTHER, 6, US, port, "new"), V_DONE);
    udp_close(u);
    teardown();
}

static void test_udp_bind_conflicts(void)
{
    setup();
    struct udp_sock *a = bound(US, 7), *b = udp_open(&udp, 2);

    T_EQ(udp_bind(b, US, 7), -EADDRINUSE);
    T_EQ(udp_bind(b, IP_ADDR_ANY, 7), -EADDRINUSE);
    b->reuse = true; /* both must say so */
    T_EQ(udp_bind(b, US, 7), -EADDRINUSE);
    T_EQ(udp_bind(b, US2, 7), 0);
    udp_close(b);
    b = udp_open(&udp, 2);
    a->reuse = b->reuse = true;
    T_EQ(udp_bind(b, US, 7), 0);
    T_EQ(in(PEER, 1, US, 7, "x"), V_DONE);
    expect(b, "x"); /* the youngest */
    udp_close(a);
    udp_close(b);
    teardown();
}

/* A server with a socket for each peer: they are no way to walk for the next stranger. */
static void test_udp_connected_sockets_stand_apart(void)
{
    enum { PEERS = 4 };
    struct udp_sock *peer[PEERS];
    unsigned walked = 0;

    setup();
    struct udp_sock *server = bound(IP_ADDR_ANY, 7), *late;

    server->reuse = true;
    for (uint16_t i = 0; i < PEERS; i++) {
        peer[i] = udp_open(&udp, 2);
        T_NEED(peer[i] != NULL);
        peer[i]->reuse = true;
        T_EQ(udp_bind(peer[i], IP_ADDR_ANY, 7), 0);
        T_EQ(udp_connect(peer[i], PEER, (uint16_t)(1000 + i)), 0);
        T_EQ(udp_connect(peer[i], PEER, (uint16_t)(2000 + i)),
             0); /* once more: it stands there once */
    }
    for (struct hash_node *n = hash_first(&udp.ports, 7); n != NULL; n = n->next)
        walked++;
    T_EQ(walked, 1);
    T_EQ(in(PEER, 2002, US, 7, "third"), V_DONE);
    expect(peer[2], "third");
    T_EQ(in(PEER, 9999, US, 7, "stranger"), V_DONE);
    expect(server, "stranger");
    T_EQ(in(PEER, 2001, BCAST, 7, "to all"), V_DONE); /* all whose peer that may be */
    expect(server, "to all");
    udp_close(server);
    late = udp_open(&udp, 3);
    T_EQ(udp_bind(late, IP_ADDR_ANY, 7), -EADDRINUSE); /* they have the port all the same */
    udp_close(late);
    for (unsigned i = 0; i < PEERS; i++)
        udp_close(peer[i]);
    T_EQ(udp.connected, 0);
    teardown();
}

static void test_udp_ephemeral_ports_are_random_and_run_out(void)
{
    struct udp_config cfg;
    uint16_t first[8];

    udp_config_default(&cfg);
    for (uint64_t seed = 0; seed < 8; seed++) {
        setup_with(&cfg, seed);
        struct udp_sock *a = bound(IP_ADDR_ANY, 0), *b = bound(IP_ADDR_ANY, 0);

        first[seed] = a->lport;
        T_TRUE(a->lport >= 32768 && a->lport <= 60999);
        T_TRUE(a->lport != b->lport && a->lport + 1 != b->lport);
        for (uint64_t i = 0; i < seed; i++)
            T_TRUE(first[i] != first[seed]);
        udp_close(a);
        udp_close(b);
        teardown();
    }
    cfg.port_min = 40000;
    cfg.port_max = 40009;
    setup_with(&cfg, 1);
    struct udp_sock *u[10], *extra = udp_open(&udp, 1);

    for (int i = 0; i < 10; i++)
        u[i] = bound(IP_ADDR_ANY, 0);
    T_EQ(udp_bind(extra, IP_ADDR_ANY, 0), -EADDRINUSE);
    T_EQ(udp_send(extra, IP_ADDR_ANY, PEER, 1, NULL, 0), -EADDRINUSE);
    udp_close(u[4]);
    T_EQ(udp_bind(extra, IP_ADDR_ANY, 0), 0);
    for (int i = 0; i < 10; i++)
        if (i != 4)
            udp_close(u[i]);
    udp_close(extra);
    teardown();
}

static void test_udp_open_runs_out_of_sockets(void)
{
    setup();
    struct udp_sock *u[SOCKETS];

    for (int i = 0; i < SOCKETS; i++)
        u[i] = bound(IP_ADDR_ANY, 0);
    T_TRUE(udp_open(&udp, 1) == NULL);
    for (int i = 0; i < SOCKETS; i++)
        udp_close(u[i]);
    teardown();
}

T_MAIN("udp", T(test_udp_input_goes_to_its_port), T(test_udp_input_wrong_length_is_dropped),
       T(test_udp_input_padding_is_not_summed), T(test_udp_input_short_header_is_dropped),
       T(test_udp_input_bad_checksum_is_silently_dropped),
       T(test_udp_input_no_checksum_is_accepted_unless_required),
       T(test_udp_input_checksum_is_left_to_a_wire_that_looked),
       T(test_udp_input_source_port_zero_is_delivered), T(test_udp_input_closed_port_is_reported),
       T(test_udp_input_most_specific_socket_wins), T(test_udp_input_broadcast_reaches_all),
       T(test_udp_input_reassembled_datagram_in_two_pieces),
       T(test_udp_input_queue_is_bounded_by_rcvbuf),
       T(test_udp_input_queues_hold_half_of_the_pool_at_most),
       T(test_udp_input_tells_the_owner_once), T(test_udp_error_reaches_the_connected_socket_only),
       T(test_udp_send_writes_header_and_checksum), T(test_udp_send_computed_zero_becomes_ffff),
       T(test_udp_send_without_checksum_if_told_so), T(test_udp_send_largest_datagram),
       T(test_udp_send_refusals), T(test_udp_bind_and_connect_choose_and_report),
       T(test_udp_bind_conflicts), T(test_udp_connected_sockets_stand_apart),
       T(test_udp_ephemeral_ports_are_random_and_run_out), T(test_udp_open_runs_out_of_sockets))
