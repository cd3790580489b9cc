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

static void put(size_t at, const void *p, size_t len) { memcpy(bytes + at, p, len); }

/* What was put so far, @len bytes of it, is the frame. A copy of its own, so that a sanitizer sees its end. */
static void look_as(int linktype, size_t len, size_t wire_len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    T_NEED(copy != NULL);
    memcpy(copy, bytes, len);
    frame = (struct frame){.number = 1, .bytes = {copy, len}, .wire_len = (uint32_t)wire_len, .linktype = linktype};
    dissect(&d, &frame);
}

static void looked(void) { free((void *)(size_t)frame.bytes.p); }

static size_t put_tcp(size_t at)
{
    struct tcp_seg s = {.src_port = 40112, .dst_port = 80, .seq = seq_of(0xfffffff0), .ack = seq_of(7),
                        .flags = TCP_SYN | TCP_ACK, .wnd = 512};

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
    struct ip4_hdr h = {.src = 0x0a000001, .dst = 0x0a000002, .total = (uint16_t)(20 + payload), .id = 77,
                        .ttl = 64, .proto = IP_PROTO_TCP, .df = true};

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

T_MAIN("dissect", T(test_dissect_tcp_over_ethernet))
