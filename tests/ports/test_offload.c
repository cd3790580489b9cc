/*
 * test_offload.c - offload metadata to and from the device, and cutting large segments.
 */
#include <stdlib.h>

#include "l1_physical/offload.h"
#include "t.h"
#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip_proto.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum {
    MEM = 1 << 20,
    HDR = ETH_HDR_LEN + IP4_HDR_LEN + TCP_HDR_LEN,
    UHDR = ETH_HDR_LEN + IP4_HDR_LEN + UDP_HDR_LEN
};

static uint8_t *t_mem;
static struct pkt_pool t_pool;

static void setup(void)
{
    struct region r = {.p = t_mem = calloc(1, MEM), .len = MEM};

    pkt_pool_cut(&t_pool, &r, 4, 16384);
}

static void teardown(struct pkt *p)
{
    pkt_release(p);
    T_EQ(t_pool.slab.used, 0);
    free(t_mem);
}

static const struct ip_addr src = {0, IP_ADDR_MAPPED | 0x0a000002},
                            dst = {0, IP_ADDR_MAPPED | 0x0a000001};

/* A TCP/IPv4 frame with @payload counting bytes, checksum left to the device. */
static struct pkt *frame(uint32_t payload, uint8_t flags)
{
    struct pkt *p = pkt_alloc(&t_pool, 66);
    uint8_t *f = pkt_append(p, HDR + payload), *tcp = f + ETH_HDR_LEN + IP4_HDR_LEN;
    struct ip4_hdr ip = {.src = ip_addr_to_v4(src),
                         .dst = ip_addr_to_v4(dst),
                         .id = 0xfffe,
                         .ttl = 64,
                         .total = (uint16_t)(HDR - ETH_HDR_LEN + payload),
                         .proto = IP_PROTO_TCP,
                         .df = true};

    memset(f, 0, HDR);
    put16(f + ETH_TYPE, ETH_TYPE_IP4);
    ip4_emit(&ip, f + ETH_HDR_LEN);
    put32(tcp + TCP_SEQ, 0xffffff00);
    tcp[TCP_OFF] = 5 << 4;
    tcp[TCP_FLAGS] = flags;
    for (uint32_t i = 0; i < payload; i++)
        f[HDR + i] = (uint8_t)(i * 7);
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)(p->off + ETH_HDR_LEN + IP4_HDR_LEN);
    p->csum_off = TCP_SUM;
    put16(tcp + TCP_SUM, csum_fold(csum_pseudo(src, dst, IP_PROTO_TCP, TCP_HDR_LEN + payload)));
    return p;
}

/* The same of UDP. */
static struct pkt *train(uint32_t payload)
{
    struct pkt *p = pkt_alloc(&t_pool, 66);
    uint8_t *f = pkt_append(p, UHDR + payload), *udp = f + ETH_HDR_LEN + IP4_HDR_LEN;
    uint16_t len = (uint16_t)(UDP_HDR_LEN + payload);
    struct ip4_hdr ip = {.src = ip_addr_to_v4(src),
                         .dst = ip_addr_to_v4(dst),
                         .id = 0xfffe,
                         .ttl = 64,
                         .total = (uint16_t)(IP4_HDR_LEN + len),
                         .proto = IP_PROTO_UDP};

    memset(f, 0, UHDR);
    put16(f + ETH_TYPE, ETH_TYPE_IP4);
    ip4_emit(&ip, f + ETH_HDR_LEN);
    udp_emit(&(struct udp_hdr){1000, 7, len, csum_fold(csum_pseudo(src, dst, IP_PROTO_UDP, len))},
             udp);
    for (uint32_t i = 0; i < payload; i++)
        f[UHDR + i] = (uint8_t)(i * 7);
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)(p->off + ETH_HDR_LEN + IP4_HDR_LEN);
    p->csum_off = UDP_SUM;
    return p;
}

static void vnet(uint8_t *hdr, uint8_t flags, uint8_t gso, uint16_t gso_size, uint16_t start,
                 uint16_t off)
{
    memset(hdr, 0, OFFLOAD_VNET_LEN);
    hdr[0] = flags;
    hdr[1] = gso;
    memcpy(hdr + 4, &gso_size, 2);
    memcpy(hdr + 6, &start, 2);
    memcpy(hdr + 8, &off, 2);
}

static void test_offload_from_vnet_needs_csum_is_partial(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];

    setup();
    struct pkt *p = frame(10, TCP_ACK);

    p->csum = CSUM_NONE;
    vnet(hdr, 1, 0, 0, 34, TCP_SUM);
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->csum, CSUM_PARTIAL);
    T_EQ(p->csum_start, p->off + 34);
    T_EQ(p->csum_off, TCP_SUM);
    T_EQ(p->gso_size, 0);
    teardown(p);
}

static void test_offload_from_vnet_data_valid_is_not_believed(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];

    setup();
    struct pkt *p = frame(10, TCP_ACK);

    vnet(hdr, 2, 0, 0, 0, 0);
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->csum, CSUM_NONE);
    teardown(p);
}

static void test_offload_from_vnet_outside_the_frame_is_refused(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];

    setup();
    struct pkt *p = frame(0, TCP_ACK);

    vnet(hdr, 1, 0, 0, HDR - 1, 0); /* the field's second byte is missing */
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 1, 0, 0, HDR - 2, 0);
    T_TRUE(offload_from_vnet(p, hdr));
    vnet(hdr, 1, 0, 0, 0xffff, 0xffff);
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 1, 0, 0, 13, 2); /* inside the Ethernet header */
    T_FALSE(offload_from_vnet(p, hdr));
    teardown(p);
}

static void test_offload_from_vnet_gso_wants_size_and_partial_checksum(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];

    setup();
    struct pkt *p = frame(3000, TCP_ACK);

    vnet(hdr, 1, 1, 1460, 34, TCP_SUM);
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->gso_size, 1460);
    vnet(hdr, 1, 1 | 0x80, 1460, 34, TCP_SUM); /* with ECN */
    T_TRUE(offload_from_vnet(p, hdr));
    vnet(hdr, 1, 1, 0, 34, TCP_SUM);
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 0, 1, 1460, 0, 0);
    T_FALSE(offload_from_vnet(p, hdr));
    static const uint8_t others[] = {2, 3, 4, 5, 0x7f}; /* of UDP and IPv6: never asked for */

    for (size_t i = 0; i < sizeof(others); i++) {
        vnet(hdr, 1, others[i], 1460, 34, TCP_SUM);
        T_FALSE(offload_from_vnet(p, hdr));
    }
    vnet(hdr, 1, 1, 3000, 34, TCP_SUM); /* one piece: an ordinary segment */
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->gso_size, 0);
    T_EQ(p->csum, CSUM_PARTIAL);
    vnet(hdr, 1, 1, 2999, 34, TCP_SUM);
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->gso_size, 2999);
    teardown(p);
}

/* Behind the last place that can be named in 16 bits from the beginning of the buffer there is none. */
static void test_offload_from_vnet_beyond_what_can_be_named_is_refused(void)
{
    enum { CAP = 66 + 65550, LAST = UINT16_MAX - 66 };
    struct region r = {.p = t_mem = calloc(1, MEM), .len = MEM};
    uint8_t hdr[OFFLOAD_VNET_LEN];

    pkt_pool_cut(&t_pool, &r, 1, CAP);
    struct pkt *p = pkt_alloc(&t_pool, 66);

    pkt_append(p, 65550);
    for (uint32_t start = LAST - 20; start <= UINT16_MAX; start++) {
        vnet(hdr, 1, 0, 0, (uint16_t)start, 6);
        T_NEED(offload_from_vnet(p, hdr) == (start <= LAST));
        T_NEED(start > LAST || (uint32_t)p->csum_start - p->off == start);
    }
    teardown(p);
}

/* A byte of a frame, and what makes metadata lie about it. */
struct lie {
    uint16_t at;
    uint8_t value;
};

/* Metadata of the kind @gso, pieces of 10 bytes and a checksum @sum_off bytes into the header of L4, fit @p, whose
 * headers are @headers long; not with any of the @count @lies, nor elsewhere, nor on less. */
static void refuses(struct pkt *p, uint8_t gso, uint16_t sum_off, uint32_t headers,
                    const struct lie *lies, size_t count)
{
    uint8_t hdr[OFFLOAD_VNET_LEN], *f = pkt_data(p);

    vnet(hdr, 1, gso, 10, 34, sum_off);
    for (size_t i = 0; i < count; i++) {
        uint8_t was = f[lies[i].at];

        f[lies[i].at] = lies[i].value;
        T_FALSE(offload_from_vnet(p, hdr));
        f[lies[i].at] = was;
        T_NEED(offload_from_vnet(p, hdr));
        T_EQ(p->gso_size, 10);
    }
    vnet(hdr, 1, gso, 10, 34, (uint16_t)(sum_off - 2));
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 1, gso, 10, 33, sum_off);
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 1, gso, 10, 34, sum_off);
    for (p->len = ETH_HDR_LEN; p->len < headers; p->len++) /* shorter than its headers */
        T_FALSE(offload_from_vnet(p, hdr));
    p->len = headers;
    T_TRUE(offload_from_vnet(p, hdr)); /* no payload: nothing to cut */
    T_EQ(p->gso_size, 0);
}

/* What says "these are many segments" must be one TCP/IPv4 segment, with its headers whole. */
static void test_offload_from_vnet_gso_of_something_else_is_refused(void)
{
    static const struct lie lies[] = {
        {ETH_TYPE,                            0x86        }, /* not IPv4 */
        {ETH_HDR_LEN + IP4_VIHL,              0x65        }, /* not version 4 */
        {ETH_HDR_LEN + IP4_VIHL,              0x44        }, /* a header of 16 bytes */
        {ETH_HDR_LEN + IP4_VIHL,              0x46        }, /* the TCP header elsewhere than the checksum */
        {ETH_HDR_LEN + IP4_PROTO,             IP_PROTO_UDP},
        {ETH_HDR_LEN + IP4_FRAG,              0x20        }, /* more fragments */
        {ETH_HDR_LEN + IP4_FRAG + 1,          1           }, /* not the first fragment */
        {ETH_HDR_LEN + IP4_HDR_LEN + TCP_OFF, 4 << 4      }, /* a TCP header of 16 bytes */
        {ETH_HDR_LEN + IP4_HDR_LEN + TCP_OFF, 15 << 4     }, /* one beyond the frame */
    };

    setup();
    struct pkt *p = frame(30, TCP_ACK);

    refuses(p, 1, TCP_SUM, HDR, lies, ARRAY_LEN(lies));
    teardown(p);
}

static void test_offload_vnet_round_trip(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];
    uint16_t hdr_len;

    setup();
    struct pkt *p = frame(3000, TCP_ACK);
    uint16_t start = p->csum_start;

    p->gso_size = 1000;
    offload_to_vnet(p, hdr, true);
    memcpy(&hdr_len, hdr + 2, 2);
    T_EQ(hdr_len, HDR);
    p->csum = CSUM_NONE;
    p->csum_start = p->csum_off = p->gso_size = 0;
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->csum, CSUM_PARTIAL);
    T_EQ(p->csum_start, start);
    T_EQ(p->csum_off, TCP_SUM);
    T_EQ(p->gso_size, 1000);
    T_EQ(hdr[1], 1);
    pkt_data(p)[ETH_HDR_LEN + IP4_HDR_LEN + TCP_FLAGS] |= TCP_CWR; /* stays on the first piece */
    offload_to_vnet(p, hdr, true);
    T_EQ(hdr[1], 0x81);
    offload_to_vnet(p, hdr, false); /* a device that does not segment is not asked to */
    T_EQ(hdr[1], 0);
    p->csum = CSUM_NONE;
    offload_to_vnet(p, hdr, true);
    T_EQ(hdr[0], 0);
    teardown(p);
}

/* Each piece must be a frame that a receiver takes: lengths, checksums, sequence numbers. */
static void check_piece(const uint8_t *f, size_t len, uint32_t seq, uint16_t id)
{
    const uint8_t *tcp = f + ETH_HDR_LEN + IP4_HDR_LEN;
    struct ip4_hdr ip = {0};
    size_t l4 = len - ETH_HDR_LEN - IP4_HDR_LEN;

    T_EQ(ip4_parse(&ip, (struct span){f + ETH_HDR_LEN, len - ETH_HDR_LEN}), V_NEXT);
    T_EQ(ip.total, len - ETH_HDR_LEN);
    T_EQ(ip.id, id);
    T_EQ(get32(tcp + TCP_SEQ), seq);
    T_EQ(csum_fold(csum_add(csum_pseudo(src, dst, IP_PROTO_TCP, (uint32_t)l4), tcp, l4)), 0xffff);
}

static void test_offload_cut_gives_frames_a_receiver_takes(void)
{
    static uint8_t ext[1500], out[2000], all[5000];
    struct offload_cut c;
    size_t len, got = 0;
    uint16_t pieces = 0;

    setup();
    struct pkt *p = frame(2500, TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR);
    uint8_t *f = pkt_data(p);

    for (size_t i = 0; i < sizeof(ext); i++)
        ext[i] = (uint8_t)((2500 + i) * 7);
    p->ext = ext;
    p->ext_len = sizeof(ext);
    put16(f + ETH_HDR_LEN + IP4_TOTAL, (uint16_t)(HDR - ETH_HDR_LEN + 4000));
    p->gso_size = 1100; /* pieces of 1100, 1100, 1100, 700; the third lies in both parts */
    T_NEED(offload_cut_begin(&c, p));
    while ((len = offload_cut_next(&c, out, sizeof(out))) > 0) {
        uint8_t flags = out[ETH_HDR_LEN + IP4_HDR_LEN + TCP_FLAGS];

        check_piece(out, len, 0xffffff00u + (uint32_t)got, (uint16_t)(0xfffe + pieces));
        T_EQ(flags, TCP_ACK | (pieces == 0 ? TCP_CWR : 0) | (pieces == 3 ? TCP_PSH | TCP_FIN : 0));
        memcpy(all + got, out + HDR, len - HDR);
        got += len - HDR;
        pieces++;
    }
    T_EQ(pieces, 4);
    T_EQ(got, 4000);
    for (size_t i = 0; i < got; i++)
        T_NEED(all[i] == (uint8_t)(i * 7));
    teardown(p);
}

/* The same as packets: from the pool that fits, and one that is missing leaves a hole, no more. */
static void test_offload_cut_pkt_gives_packets_that_stand_alone(void)
{
    struct offload_cut c;
    struct pkt_pool pkts, bigs;
    struct pkt *out[8];
    size_t n = 0;

    setup();
    struct region r = {.p = t_mem + MEM / 2, .len = MEM / 2};

    pkt_pool_cut(&pkts, &r, 2, 1728);
    pkt_pool_cut(&bigs, &r, 2, 16384);
    struct pkt *p = frame(4000, TCP_ACK | TCP_PSH);

    p->gso_size = 1000;
    p->frame = 17;
    p->left = true;
    p->l4 = (uint16_t)(p->off + 34);
    p->proto = IP_PROTO_TCP;
    p->tos = 2;
    T_NEED(offload_cut_begin(&c, p));
    while (n < ARRAY_LEN(out) && offload_cut_pkt(&c, &pkts, &bigs, &out[n])) {
        if (n++ >= 2) { /* there are two packets */
            T_TRUE(out[n - 1] == NULL);
            continue;
        }
        struct pkt *q = out[n - 1];

        T_NEED(q != NULL);
        T_TRUE(q->pool == &pkts);
        T_EQ(q->csum, CSUM_NONE);
        T_EQ(q->gso_size, 0);
        T_EQ(q->frame, 17); /* whose it is a trace can say of each of them */
        T_TRUE(q->left);
        T_EQ(q->proto, IP_PROTO_TCP);
        T_EQ(q->l4 - q->off, p->l4 - p->off);
        T_EQ(q->tos, 2);
        check_piece(pkt_data(q), q->len, 0xffffff00u + 1000 * ((uint32_t)n - 1),
                    (uint16_t)(0xfffe + n - 1));
        for (uint32_t i = 0; i < 1000; i++)
            T_NEED(pkt_data(q)[HDR + i] == (uint8_t)((1000 * (n - 1) + i) * 7));
    }
    T_EQ(n, 4);
    pkt_release(out[0]);
    pkt_release(out[1]);
    T_EQ(pkts.slab.used, 0);
    p->gso_size = 3000; /* longer than an ordinary packet */
    T_NEED(offload_cut_begin(&c, p));
    T_TRUE(offload_cut_pkt(&c, &pkts, &bigs, &out[0]));
    T_TRUE(out[0]->pool == &bigs);
    check_piece(pkt_data(out[0]), HDR + 3000, 0xffffff00u, 0xfffe);
    T_TRUE(offload_cut_pkt(&c, &pkts, &bigs, &out[1]));
    T_TRUE(out[1]->pool == &pkts);
    T_FALSE(offload_cut_pkt(&c, &pkts, &bigs, &out[2]));
    pkt_release(out[0]);
    pkt_release(out[1]);
    T_EQ(bigs.slab.used, 0);
    teardown(p);
}

static void test_offload_cut_refuses_what_it_cannot_cut(void)
{
    struct offload_cut c;

    setup();
    struct pkt *p = frame(100, TCP_ACK);
    uint8_t *f = pkt_data(p);

    T_FALSE(offload_cut_begin(&c, p)); /* no size */
    p->gso_size = 50;
    T_TRUE(offload_cut_begin(&c, p));
    f[ETH_HDR_LEN + IP4_PROTO] = IP_PROTO_ICMP;
    T_FALSE(offload_cut_begin(&c, p));
    f[ETH_HDR_LEN + IP4_PROTO] = IP_PROTO_TCP;
    f[ETH_HDR_LEN] = 0x44; /* header length below 20 */
    T_FALSE(offload_cut_begin(&c, p));
    f[ETH_HDR_LEN] = 0x45;
    f[ETH_HDR_LEN + IP4_HDR_LEN + TCP_OFF] = 4 << 4;
    T_FALSE(offload_cut_begin(&c, p));
    teardown(p);
}

static void test_offload_from_vnet_train_wants_size_and_partial_checksum(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];

    setup();
    struct pkt *p = train(3000);

    vnet(hdr, 1, 5, 1400, 34, UDP_SUM);
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->gso_size, 1400);
    T_TRUE(pkt_is_train(p));
    vnet(hdr, 1, 5, 0, 34, UDP_SUM);
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 0, 5, 1400, 0, 0);
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 2, 5, 1400, 0, 0); /* "checked" is not enough */
    T_FALSE(offload_from_vnet(p, hdr));
    static const uint8_t others[] = {1, 2, 3, 4, 0x7f}; /* of TCP, of IPv6, of fragments (UFO) */

    for (size_t i = 0; i < sizeof(others); i++) {
        vnet(hdr, 1, others[i], 1400, 34, UDP_SUM);
        T_FALSE(offload_from_vnet(p, hdr));
    }
    vnet(hdr, 1, 5, 3000, 34, UDP_SUM); /* one */
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->gso_size, 0);
    T_EQ(p->csum, CSUM_PARTIAL);
    vnet(hdr, 1, 5, 2999, 34, UDP_SUM);
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->gso_size, 2999);
    teardown(p);
}

/* What says "these are many datagrams" must be one over IPv4, with its headers whole. */
static void test_offload_from_vnet_train_of_something_else_is_refused(void)
{
    static const struct lie lies[] = {
        {ETH_TYPE,                   0x88        }, /* not IP */
        {ETH_HDR_LEN + IP4_VIHL,     0x65        }, /* not version 4 */
        {ETH_HDR_LEN + IP4_VIHL,     0x44        }, /* a header of 16 bytes */
        {ETH_HDR_LEN + IP4_VIHL,     0x46        }, /* the UDP header elsewhere than the checksum */
        {ETH_HDR_LEN + IP4_VIHL,     0x4f        }, /* one beyond the frame */
        {ETH_HDR_LEN + IP4_PROTO,    IP_PROTO_TCP},
        {ETH_HDR_LEN + IP4_PROTO,    136         }, /* UDP-Lite */
        {ETH_HDR_LEN + IP4_FRAG,     0x20        }, /* more fragments */
        {ETH_HDR_LEN + IP4_FRAG + 1, 1           }, /* not the first fragment */
    };

    setup();
    struct pkt *p = train(30);

    refuses(p, 5, UDP_SUM, UHDR, lies, ARRAY_LEN(lies));
    teardown(p);
}

/* USO over IPv6 comes with USO over IPv4: no lie, and a frame that the link layer refuses by its type. */
static void test_offload_from_vnet_train_over_ip6_is_handed_on(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];
    struct offload_cut c;

    setup();
    struct pkt *p = train(3000);

    put16(pkt_data(p) + ETH_TYPE, ETH_TYPE_IP6);
    vnet(hdr, 1, 5, 1400, 54, UDP_SUM);
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->gso_size, 1400);
    T_FALSE(offload_cut_begin(&c, p)); /* on a bad wire it stays what it is */
    vnet(hdr, 1, 5, 1400, 54, TCP_SUM);
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 1, 4, 1400, 54, TCP_SUM); /* TSO6 was not asked for */
    T_FALSE(offload_from_vnet(p, hdr));
    vnet(hdr, 0, 5, 1400, 0, 0);
    T_FALSE(offload_from_vnet(p, hdr));
    teardown(p);
}

static void test_offload_vnet_train_round_trip(void)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];
    uint16_t hdr_len;

    setup();
    struct pkt *p = train(3000);

    p->gso_size = 1000;
    offload_to_vnet(p, hdr, true);
    memcpy(&hdr_len, hdr + 2, 2);
    T_EQ(hdr_len, UHDR);
    T_EQ(hdr[0], 1);
    T_EQ(hdr[1], 5);
    p->csum = CSUM_NONE;
    p->csum_start = p->csum_off = p->gso_size = 0;
    T_TRUE(offload_from_vnet(p, hdr));
    T_EQ(p->csum, CSUM_PARTIAL);
    T_EQ(p->csum_off, UDP_SUM);
    T_EQ(p->gso_size, 1000);
    offload_to_vnet(p, hdr, false);
    T_EQ(hdr[0], 1);
    T_EQ(hdr[1], 0);
    teardown(p);
}

static void test_offload_cut_train_gives_datagrams(void)
{
    static uint8_t out[2000];
    struct offload_cut c;
    size_t len, got = 0;
    uint16_t pieces = 0;

    setup();
    struct pkt *p = train(4000);
    uint8_t *f = pkt_data(p);

    f[UHDR + 1100] = f[UHDR + 1101] = 0; /* the second one's sum shall be 0, written as 0xffff */
    uint32_t l4 = UDP_HDR_LEN + 1100;
    uint64_t sum = csum_add(csum_pseudo(src, dst, IP_PROTO_UDP, l4), f + UHDR + 1100, 1100);

    sum += 1000 + 7 + l4;
    put16(f + UHDR + 1100, csum_finish(sum));
    memset(pkt_append(p, 13), 0xee, 13); /* padding is no datagram */
    p->gso_size = 1100;                  /* pieces of 1100, 1100, 1100, 700 */
    T_NEED(offload_cut_begin(&c, p));
    while ((len = offload_cut_next(&c, out, sizeof(out))) > 0) {
        const uint8_t *udp = out + ETH_HDR_LEN + IP4_HDR_LEN;
        struct ip4_hdr ip = {0};

        l4 = (uint32_t)len - ETH_HDR_LEN - IP4_HDR_LEN;
        T_EQ(len, UHDR + (pieces < 3 ? 1100 : 700));
        T_EQ(ip4_parse(&ip, (struct span){out + ETH_HDR_LEN, len - ETH_HDR_LEN}), V_NEXT);
        T_EQ(ip.total, len - ETH_HDR_LEN);
        T_EQ(ip.id, (uint16_t)(0xfffe + pieces));
        T_EQ(get16(udp + UDP_SRC), 1000);
        T_EQ(get16(udp + UDP_DST), 7);
        T_EQ(get16(udp + UDP_LEN), l4);
        T_EQ(csum_fold(csum_add(csum_pseudo(src, dst, IP_PROTO_UDP, l4), udp, l4)), 0xffff);
        T_TRUE(pieces != 1 || get16(udp + UDP_SUM) == 0xffff);
        T_MEM(udp + UDP_HDR_LEN, f + UHDR + got, l4 - UDP_HDR_LEN);
        got += l4 - UDP_HDR_LEN;
        pieces++;
    }
    T_EQ(pieces, 4);
    T_EQ(got, 4000);
    put16(f + ETH_HDR_LEN + IP4_HDR_LEN + UDP_LEN,
          4000 + 13 + UDP_HDR_LEN + 1); /* beyond the frame */
    T_FALSE(offload_cut_begin(&c, p));
    put16(f + ETH_HDR_LEN + IP4_HDR_LEN + UDP_LEN, UDP_HDR_LEN - 1);
    T_FALSE(offload_cut_begin(&c, p));
    teardown(p);
}

T_MAIN("offload", T(test_offload_from_vnet_needs_csum_is_partial),
       T(test_offload_from_vnet_data_valid_is_not_believed),
       T(test_offload_from_vnet_outside_the_frame_is_refused),
       T(test_offload_from_vnet_gso_wants_size_and_partial_checksum),
       T(test_offload_from_vnet_beyond_what_can_be_named_is_refused),
       T(test_offload_from_vnet_gso_of_something_else_is_refused), T(test_offload_vnet_round_trip),
       T(test_offload_cut_pkt_gives_packets_that_stand_alone),
       T(test_offload_cut_gives_frames_a_receiver_takes),
       T(test_offload_cut_refuses_what_it_cannot_cut),
       T(test_offload_from_vnet_train_wants_size_and_partial_checksum),
       T(test_offload_from_vnet_train_of_something_else_is_refused),
       T(test_offload_from_vnet_train_over_ip6_is_handed_on), T(test_offload_vnet_train_round_trip),
       T(test_offload_cut_train_gives_datagrams))
