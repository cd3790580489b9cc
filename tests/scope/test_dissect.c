/*
 * Frames layer by layer: each link type, each header, what a short capture leaves open and what a wrong
 * length is told. Every frame is also cut at every byte, once as a fault and once as a short capture.
 */
#include <stdlib.h>

#include <pcap/dlt.h>

#include "base/csum.h"
#include "dissect.h"
#include "t.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/udp.h"

enum { FRAME_MAX = 2048, DATA = 11 };

static uint8_t bytes[FRAME_MAX];
static struct frame frame;
static struct dissect d;

static void put(size_t at, const void *p, size_t len)
{
    memcpy(bytes + at, p, len);
}

/* What was put so far, @len bytes of it, is the frame. A copy of its own, so that a sanitizer sees its end. */
static void look_as(int linktype, size_t len, size_t wire_len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    T_NEED(copy != NULL);
    memcpy(copy, bytes, len);
    frame = (struct frame){
        .number = 1, .bytes = {copy, len},
             .wire_len = (uint32_t)wire_len, .linktype = linktype
    };
    dissect(&d, &frame);
}

static void looked(void)
{
    free((void *)(size_t)frame.bytes.p);
}

static size_t put_tcp(size_t at)
{
    struct tcp_seg s = {.src_port = 40112,
                        .dst_port = 80,
                        .seq = seq_of(0xfffffff0),
                        .ack = seq_of(7),
                        .flags = TCP_SYN | TCP_ACK,
                        .wnd = 512};

    s.opt.has_mss = s.opt.has_wscale = s.opt.has_sack_ok = s.opt.has_ts = true;
    s.opt.mss = 1460;
    s.opt.wscale = 8;
    s.opt.tsval = 99;
    size_t len = tcp_emit(&s, bytes + at);

    put(at + len, "hello, host", DATA);
    return len + DATA;
}

static size_t put_ip4(size_t at, size_t payload)
{
    struct ip4_hdr h = {.src = 0x0a000001,
                        .dst = 0x0a000002,
                        .total = (uint16_t)(20 + payload),
                        .id = 77,
                        .ttl = 64,
                        .proto = IP_PROTO_TCP,
                        .df = true};

    ip4_emit(&h, bytes + at);
    return 20 + payload;
}

static void put_eth(uint16_t type)
{
    struct eth_hdr h = {.dst = {{2, 0, 0, 0, 0, 2}}, .src = {{2, 0, 0, 0, 0, 1}}, .type = type};

    eth_emit(&h, bytes);
}

static size_t put_tcp4(void)
{
    size_t len = put_tcp(34);

    put_eth(ETH_TYPE_IP4);
    put_ip4(14, len);
    return 34 + len;
}

static void expect_tcp(uint32_t net_at, uint32_t net_hdr_len)
{
    char text[46];

    T_EQ(d.fault, V_NEXT);
    T_FALSE(d.cut);
    T_EQ(d.transport, TRANSPORT_TCP);
    T_EQ(d.net_at, net_at);
    T_EQ(d.net_hdr_len, net_hdr_len);
    T_EQ(d.transport_at, net_at + net_hdr_len);
    T_EQ(d.src_port, 40112);
    T_EQ(d.dst_port, 80);
    T_EQ(d.tcp.seq.v, 0xfffffff0);
    T_EQ(d.tcp.opt.mss, 1460);
    T_EQ(d.tcp.opt.wscale, 8);
    T_EQ(d.payload_len, DATA);
    T_EQ(d.tcp.data_len, DATA);
    T_EQ(d.tcp.text[0].len, DATA);
    T_MEM(d.tcp.text[0].p, "hello, host", DATA);
    T_STR(scope_addr_text(&d.src, text), d.net == NET_IP4 ? "10.0.0.1" : "2001:db8::1");
}

static void test_dissect_tcp_over_ethernet(void)
{
    size_t len = put_tcp4();

    look_as(DLT_EN10MB, len, len);
    expect_tcp(14, 20);
    T_EQ(d.ip_id, 77);
    T_TRUE(d.df);
    T_EQ(d.ttl, 64);
    looked();
    memset(bytes + len, 0, 20); /* padding is no payload */
    look_as(DLT_EN10MB, len + 20, len + 20);
    expect_tcp(14, 20);
    looked();
}

/* Tags stand between the addresses and the type; the outermost is told. */
static void test_dissect_vlan_tags(void)
{
    static const uint8_t tags[] = {0x88, 0xa8, 0x20, 0x07, 0x81, 0, 0, 5};

    for (size_t n = 1; n <= 2; n++) {
        const uint8_t *first = tags + (2 - n) * 4;
        size_t len = put_tcp4();

        memmove(bytes + 12 + 4 * n, bytes + 12, len - 12);
        put(12, first, 4 * n);
        look_as(DLT_EN10MB, len + 4 * n, len + 4 * n);
        expect_tcp((uint32_t)(14 + 4 * n), 20);
        T_EQ(d.vlan_tags, n);
        T_EQ(d.vlan, n == 1 ? 5 : 0x2007);
        T_EQ(d.ether_type, ETH_TYPE_IP4);
        looked();
    }
}

static void test_dissect_8023_length_and_snap(void)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 3, 0, 0, 0, 8, 0};
    size_t len = put_tcp4();

    memmove(bytes + 22, bytes + 14, len - 14);
    put(14, snap, 8);
    bytes[12] = 0;
    bytes[13] = 90;
    look_as(DLT_EN10MB, len + 8, len + 8);
    expect_tcp(22, 20);
    looked();
    bytes[14] = 0x42; /* spanning tree */
    look_as(DLT_EN10MB, len + 8, len + 8);
    T_EQ(d.net, NET_OTHER);
    T_EQ(d.transport, TRANSPORT_NONE);
    looked();
}

/* The same datagram behind every link header that is known. */
static void test_dissect_link_types(void)
{
    static const uint8_t sll[16] = {0, 4, 0, 1, 0, 6, [14] = 8, 0}, sll2[20] = {8, 0};
    static const uint8_t families[][4] = {
        {2, 0, 0, 0},
        {0, 0, 0, 2}
    };
    struct {
        int linktype;
        const uint8_t *hdr;
        size_t len;
    } links[] = {
        {DLT_LINUX_SLL,  sll,         16},
        {DLT_LINUX_SLL2, sll2,        20},
        {DLT_NULL,       families[0], 4 },
        {DLT_NULL,       families[1], 4 },
        {DLT_LOOP,       families[1], 4 },
        {DLT_RAW,        NULL,        0 },
        {DLT_IPV4,       NULL,        0 }
    };

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        size_t len = put_tcp4() - 14;

        memmove(bytes + links[i].len, bytes + 14, len);
        if (links[i].len > 0)
            put(0, links[i].hdr, links[i].len);
        look_as(links[i].linktype, len + links[i].len, len + links[i].len);
        expect_tcp((uint32_t)links[i].len, 20);
        looked();
    }
    look_as(147, 60, 60); /* of somebody's own: nothing is said */
    T_EQ(d.net, NET_NOTHING);
    T_EQ(d.fault, V_NEXT);
    looked();
}

static size_t put_ip6(uint8_t next, size_t payload)
{
    uint8_t h[40] = {0x60,
                     0,
                     0,
                     0,
                     (uint8_t)(payload >> 8),
                     (uint8_t)payload,
                     next,
                     63,
                     0x20,
                     1,
                     0xd,
                     0xb8,
                     [23] = 1,
                     0x20,
                     1,
                     0xd,
                     0xb8,
                     [39] = 2};

    put_eth(ETH_TYPE_IP6);
    put(14, h, 40);
    return 54 + payload;
}

static void test_dissect_ip6_extensions(void)
{
    /* hop by hop 8, destination 16, authentication 16, whole fragment 8 */
    static const uint8_t ext[] = {60, 0, 1,  4, 0,        0, 0, 0, 51, 1, 1, 12, [20] = 0, 0,
                                  0,  0, 44, 2, [38] = 0, 0, 6, 0, 0,  0, 0, 0,  0,        9};
    size_t len = put_tcp(54);

    len = put_ip6(6, len);
    look_as(DLT_EN10MB, len, len);
    expect_tcp(14, 40);
    T_EQ(d.ttl, 63);
    T_EQ(d.df, true);
    looked();
    put(54, ext, sizeof(ext));
    len = put_ip6(0, sizeof(ext) + put_tcp(54 + sizeof(ext)));
    look_as(DLT_EN10MB, len, len);
    expect_tcp(14, 40 + sizeof(ext));
    T_EQ(d.ip_id, 9);
    T_FALSE(d.mf);
    looked();
    bytes[54 + sizeof(ext) - 5] = 1; /* more fragments */
    look_as(DLT_EN10MB, len, len);
    T_TRUE(d.mf && d.transport == TRANSPORT_TCP);
    looked();
    bytes[54 + sizeof(ext) - 6] = 1; /* offset 256 */
    look_as(DLT_EN10MB, len, len);
    T_EQ(d.frag_off, 256);
    T_EQ(d.transport, TRANSPORT_NONE);
    T_EQ(d.proto, 6);
    looked();
    bytes[55] = 255; /* the first extension is longer than everything */
    look_as(DLT_EN10MB, len, len);
    T_EQ(d.fault, V_DROP_IP4_OPTION);
    T_EQ(d.fault_at, 54);
    T_STR(dissect_fault_text(&d), "an extension header that is longer than the datagram");
    looked();
}

static void test_dissect_fragments(void)
{
    size_t len = put_tcp4();

    bytes[20] = 0x20; /* more to come */
    look_as(DLT_EN10MB, len, len);
    T_TRUE(d.mf && d.frag_off == 0 && d.transport == TRANSPORT_TCP && d.src_port == 40112);
    looked();
    bytes[20] = 0x1f;
    bytes[21] = 0xff;
    look_as(DLT_EN10MB, len, len);
    T_EQ(d.frag_off, 65528);
    T_FALSE(d.mf);
    T_EQ(d.transport, TRANSPORT_NONE);
    T_EQ(d.src_port, 0);
    T_EQ(d.payload_at, 34);
    looked();
}

static size_t put_udp(uint16_t claimed, size_t payload)
{
    struct udp_hdr h = {.src_port = 53, .dst_port = 1024, .len = claimed};
    struct ip4_hdr ip = {.src = 0x0a000001,
                         .dst = 0x0a000002,
                         .total = (uint16_t)(28 + payload),
                         .ttl = 1,
                         .proto = IP_PROTO_UDP};

    put_eth(ETH_TYPE_IP4);
    ip4_emit(&ip, bytes + 14);
    udp_emit(&h, bytes + 34);
    memset(bytes + 42, 7, payload);
    return 42 + payload;
}

static void test_dissect_udp_lengths(void)
{
    size_t len = put_udp(18, 10);

    look_as(DLT_EN10MB, len, len);
    T_EQ(d.transport, TRANSPORT_UDP);
    T_EQ(d.src_port, 53);
    T_EQ(d.dst_port, 1024);
    T_EQ(d.payload_len, 10);
    T_EQ(d.fault, V_NEXT);
    looked();
    put_udp(12, 10);
    look_as(DLT_EN10MB, len, len);
    T_EQ(d.payload_len, 4);
    T_EQ(d.fault, V_NEXT);
    looked();
    for (uint16_t claimed = 0; claimed < 40;
         claimed = (uint16_t)(claimed == 7 ? 19 : claimed + 1)) {
        put_udp(claimed, 10);
        look_as(DLT_EN10MB, len, len);
        T_EQ(d.fault, V_DROP_UDP_LENGTH);
        T_EQ(d.fault_at, 38);
        looked();
    }
}

static void test_dissect_arp(void)
{
    static const uint8_t arp[28] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                    10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9};
    char text[46];

    put_eth(ETH_TYPE_ARP);
    put(14, arp, 28);
    look_as(DLT_EN10MB, 42, 42);
    T_EQ(d.net, NET_ARP);
    T_EQ(d.fault, V_NEXT);
    T_STR(scope_addr_text(&d.src, text), "10.0.0.1");
    T_STR(scope_addr_text(&d.dst, text), "10.0.0.9");
    looked();
    bytes[18] = 5;
    look_as(DLT_EN10MB, 42, 42);
    T_EQ(d.fault, V_DROP_ARP_TYPE);
    looked();
}

/* ---- lengths that lie ---- */

static void test_dissect_ip4_lengths(void)
{
    size_t len = put_tcp4();
    static const struct {
        uint8_t at, value;
        enum verdict fault;
        uint8_t where;
    } lies[] = {
        {14, 0x65, V_DROP_IP4_VERSION,       14},
        {14, 0x44, V_DROP_IP4_HEADER_LENGTH, 14},
        {17, 19,   V_DROP_IP4_TOTAL_LENGTH,  16},
        {17, 255,  V_DROP_IP4_TOTAL_LENGTH,  16},
        {17, 39,   V_DROP_TCP_SHORT,         34},
        {46, 0x40, V_DROP_TCP_HEADER_LENGTH, 46},
        {46, 0xf0, V_DROP_TCP_HEADER_LENGTH, 46},
        {55, 3,    V_DROP_TCP_OPTION,        54},
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        put_tcp4();
        bytes[lies[i].at] = lies[i].value;
        look_as(DLT_EN10MB, len, len);
        T_EQ(d.fault, lies[i].fault);
        T_EQ(d.fault_at, lies[i].where);
        T_TRUE(dissect_fault_text(&d)[0] != '\0');
        looked();
    }
    put_tcp4();
    bytes[17] = 255; /* the datagram goes on behind the frame: what is there is still read */
    look_as(DLT_EN10MB, len, len);
    T_EQ(d.transport, TRANSPORT_TCP);
    T_EQ(d.payload_len, 255 - 60);
    T_EQ(d.tcp.text[0].len, DATA);
    looked();
}

/* A device that cuts segments itself is handed datagrams without a length. */
static void test_dissect_super_frames(void)
{
    size_t len = put_tcp4();

    bytes[16] = bytes[17] = 0;
    look_as(DLT_EN10MB, len, 100000);
    T_EQ(d.fault, V_NEXT);
    T_TRUE(d.super);
    T_EQ(d.payload_len, 100000 - 34 - 40);
    T_EQ(d.tcp.text[0].len, DATA);
    looked();
    len = put_tcp(54);
    put_ip6(6, 0);
    look_as(DLT_EN10MB, 54 + len, 54 + len);
    T_TRUE(d.super);
    T_EQ(d.payload_len, DATA);
    looked();
}

/* Whatever of a frame is missing: a fault where the frame was as short as that, none where only the
 * capture is; the sanitizers see every byte that is read too far. */
static void test_dissect_cut_anywhere(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        size_t len = v6 ? put_ip6(6, put_tcp(54)) : put_tcp4();
        size_t headers = len - DATA;

        for (size_t i = 0; i <= len; i++) {
            look_as(DLT_EN10MB, i, len);
            T_EQ(d.fault, V_NEXT);
            T_EQ(d.cut, i < headers);
            if (i >= headers)
                T_EQ(d.payload_len, DATA);
            if (i >= headers - 20) { /* what there is of the options does not mislead */
                T_EQ(d.transport, TRANSPORT_TCP);
                T_EQ(d.payload_len, DATA);
                T_EQ(d.tcp.opt.has_ts, i >= headers - 4);
            }
            looked();
            look_as(DLT_EN10MB, i, i);
            T_FALSE(d.cut);
            T_EQ(d.fault != V_NEXT, i < len);
            looked();
        }
    }
}

/* ---- checksums ---- */

static void finish_tcp(size_t len, bool partial)
{
    uint32_t tcp_len = (uint32_t)(len - 34);
    uint64_t pseudo = csum_pseudo(ip_addr_v4(0x0a000001), ip_addr_v4(0x0a000002), 6, tcp_len);

    put16(bytes + 50, 0);
    put16(bytes + 50,
          partial ? csum_fold(pseudo) : csum_finish(csum_add(pseudo, bytes + 34, tcp_len)));
}

static void expect_sums(size_t len, size_t wire_len, enum dissect_sum ip,
                        enum dissect_sum transport)
{
    enum dissect_sum got_ip, got_transport;

    look_as(DLT_EN10MB, len, wire_len);
    dissect_sums(&d, &frame, &got_ip, &got_transport);
    T_EQ(got_ip, ip);
    T_EQ(got_transport, transport);
    looked();
}

static void test_dissect_sums_of_tcp(void)
{
    size_t len = put_tcp4();

    finish_tcp(len, false);
    expect_sums(len, len, SUM_GOOD, SUM_GOOD);
    expect_sums(len - 1, len, SUM_GOOD, SUM_UNKNOWN);
    expect_sums(30, len, SUM_UNKNOWN, SUM_UNKNOWN);
    for (size_t at = 34; at < len; at++) { /* every byte counts */
        bytes[at] ^= 4;
        look_as(DLT_EN10MB, len, len);
        enum dissect_sum ip, transport;

        dissect_sums(&d, &frame, &ip, &transport);
        T_TRUE(transport == SUM_BAD || d.fault != V_NEXT);
        looked();
        bytes[at] ^= 4;
    }
    finish_tcp(len, true);
    expect_sums(len, len, SUM_GOOD, SUM_PARTIAL);
    bytes[24] ^= 1;
    expect_sums(len, len, SUM_BAD, SUM_PARTIAL);
    put16(bytes + 24, 0);
    expect_sums(len, len, SUM_PARTIAL, SUM_PARTIAL);
}

static void test_dissect_sums_of_others(void)
{
    size_t len = put_udp(18, 10);

    expect_sums(len, len, SUM_GOOD, SUM_ABSENT);
    put16(bytes + 40,
          csum_finish(csum_add(csum_pseudo(ip_addr_v4(0x0a000001), ip_addr_v4(0x0a000002), 17, 18),
                               bytes + 34, 18)));
    expect_sums(len, len, SUM_GOOD, SUM_GOOD);
    bytes[45] ^= 1;
    expect_sums(len, len, SUM_GOOD, SUM_BAD);
    memset(bytes + 34, 0, 64); /* ICMPv6 has a pseudo-header */
    bytes[54] = 128;
    len = put_ip6(58, 12);
    memset(bytes + 54, 0, 12);
    bytes[54] = 128;
    look_as(DLT_EN10MB, len, len);
    T_EQ(d.transport, TRANSPORT_ICMP);
    T_EQ(d.payload_len, 4);
    looked();
    struct ip_addr a = {0x20010db800000000, 1}, b = {0x20010db800000000, 2};

    put16(bytes + 56, csum_finish(csum_add(csum_pseudo(a, b, 58, 12), bytes + 54, 12)));
    expect_sums(len, len, SUM_UNKNOWN, SUM_GOOD);
}

T_MAIN("dissect", T(test_dissect_tcp_over_ethernet), T(test_dissect_vlan_tags),
       T(test_dissect_8023_length_and_snap), T(test_dissect_link_types),
       T(test_dissect_ip6_extensions), T(test_dissect_fragments), T(test_dissect_udp_lengths),
       T(test_dissect_arp), T(test_dissect_ip4_lengths), T(test_dissect_super_frames),
       T(test_dissect_cut_anywhere), T(test_dissect_sums_of_tcp), T(test_dissect_sums_of_others))
