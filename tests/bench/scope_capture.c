/*
 * scope_capture.c - a headers-only capture to measure readers with: the same bytes from the same words.
 *
 *   scope_capture [PACKETS [CONNECTIONS]] >FILE.pcap        1000000 packets, 10000 connections
 *
 * Transfers of many connections, a tenth of them at a time (1000 at most), interleaved at random, as at a busy server: handshake,
 * requests and answers of some segments, an ACK for every second, one segment of a hundred sent again, FINs.
 * Timestamps, window scale; 66 to 74 bytes of each frame are there, of up to 1514. The checksums are those
 * of zeros as payload.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/csum.h"
#include "base/prng.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

enum { AT_ONCE_MAX = 1000, SNAP = 74, MSS = 1448 };

/* The life of a connection, by what comes next. */
struct life {
    uint32_t number, seq[2], ts;
    unsigned step, left; /* segments of the answer still to be sent */
    unsigned unacked;
};

static struct prng prng;
static uint64_t now_ns = 1700000000000000000u;

static void write_le(uint8_t *p, uint32_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void write_frame(const struct life *l, unsigned from, uint8_t flags, uint32_t seq,
                        uint32_t len)
{
    uint8_t b[16 + 14 + 20 + TCP_HDR_MAX] = {0};
    uint32_t client = 0x0a000000 + l->number / 20000 + 2, server = 0x0a000001;
    uint16_t port = (uint16_t)(20000 + l->number % 20000);
    struct tcp_seg g = {.src_port = from == 0 ? port : 80,
                        .dst_port = from == 0 ? 80 : port,
                        .seq = seq_of(seq),
                        .flags = flags,
                        .wnd = 502};

    g.ack = seq_of((flags & TCP_ACK) != 0 ? l->seq[1 - from] : 0);
    g.opt = (struct tcp_opts){
        .has_ts = true, .tsval = l->ts + (uint32_t)(now_ns / 1000000), .tsecr = l->ts};
    if (flags & TCP_SYN) {
        g.opt.has_mss = g.opt.has_sack_ok = g.opt.has_wscale = true;
        g.opt.mss = 1460;
        g.opt.wscale = 7;
    }
    struct eth_hdr e = {
        .dst = {{2, 0, 0, 0, 0, 1}}, .src = {{2, 0, 0, 0, 0, 2}}, .type = ETH_TYPE_IP4};
    eth_emit(&e, b + 16);
    size_t hdr = tcp_emit(&g, b + 16 + 34);
    struct ip4_hdr h = {.src = from == 0 ? client : server,
                        .dst = from == 0 ? server : client,
                        .total = (uint16_t)(20 + hdr + len),
                        .ttl = 64,
                        .proto = IP_PROTO_TCP,
                        .df = true};
    ip4_emit(&h, b + 16 + 14);
    size_t captured = 34 + hdr;
    uint64_t sum =
        csum_pseudo(ip_addr_v4(h.src), ip_addr_v4(h.dst), IP_PROTO_TCP, (uint32_t)(hdr + len));

    put16(b + 16 + 34 + TCP_SUM, csum_finish(csum_add(sum, b + 16 + 34, hdr)));

    now_ns += 500 + prng_below(&prng, 3000);
    write_le(b, (uint32_t)(now_ns / 1000000000u), 4);
    write_le(b + 4, (uint32_t)(now_ns % 1000000000u), 4);
    write_le(b + 8, (uint32_t)captured, 4);
    write_le(b + 12, (uint32_t)(captured + len), 4);
    fwrite(b, 1, 16 + captured, stdout);
}

/* What end @from sends, in its order. */
static void send_new(struct life *l, unsigned from, uint8_t flags, uint32_t len)
{
    write_frame(l, from, flags, l->seq[from], len);
    l->seq[from] += len + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

static void life_begin(struct life *l, uint32_t number, unsigned segments)
{
    *l = (struct life){.number = number, .left = segments};
    l->seq[0] = prng_u32(&prng);
    l->seq[1] = prng_u32(&prng);
    l->ts = prng_u32(&prng);
}

/* One frame more. Return: whether there is another one. */
static bool life_step(struct life *l)
{
    switch (l->step) {
    case 0:
        send_new(l, 0, TCP_SYN, 0);
        break;
    case 1:
        send_new(l, 1, TCP_SYN | TCP_ACK, 0);
        break;
    case 2:
        send_new(l, 0, TCP_ACK, 0);
        break;
    case 3:
        send_new(l, 0, TCP_ACK | TCP_PSH, 100 + prng_below(&prng, 400));
        break;
    case 4:
        if (l->unacked == 2 || (l->unacked == 1 && l->left == 0)) {
            send_new(l, 0, TCP_ACK, 0);
            l->unacked = 0;
        } else if (l->left > 0 && prng_below(&prng, 100) == 0) {
            write_frame(l, 1, TCP_ACK, l->seq[1] - MSS, MSS);
            l->left--;
        } else if (l->left > 0) {
            send_new(l, 1, TCP_ACK, MSS);
            l->left--;
            l->unacked++;
        }
        if (l->left != 0 || l->unacked != 0)
            return true;
        break;
    case 5:
        send_new(l, 0, TCP_FIN | TCP_ACK, 0);
        break;
    case 6:
        send_new(l, 1, TCP_FIN | TCP_ACK, 0);
        break;
    default:
        send_new(l, 0, TCP_ACK, 0);
        return false;
    }
    l->step++;
    return true;
}

int main(int argc, char **argv)
{
    static struct life lives[AT_ONCE_MAX];
    static char buffer[1 << 20];
    uint64_t packets = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint32_t connections = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10000;
    uint8_t head[24] = {0};
    uint32_t begun = 0;

    uint32_t at_once = u32_min(connections / 10, AT_ONCE_MAX);

    if (at_once == 0 || packets / connections < 16)
        return fprintf(stderr, "scope_capture: at least 10 connections, of 16 packets each\n"), 1;
    unsigned each = (unsigned)((packets / connections - 8) * 2 / 3);

    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    prng_seed(&prng, 1, 0);
    write_le(head, 0xa1b23c4du, 4); /* nanoseconds */
    write_le(head + 4, 2, 2);
    write_le(head + 6, 4, 2);
    write_le(head + 16, 65535, 4);
    write_le(head + 20, 1, 4);
    fwrite(head, 1, sizeof(head), stdout);
    for (unsigned i = 0; i < at_once; i++)
        life_begin(&lives[i], begun++, each);
    for (uint64_t n = 0; n < packets; n++) {
        struct life *l = &lives[prng_below(&prng, at_once)];
        if (!life_step(l))
            life_begin(l, begun++, each);
    }
    return fflush(stdout) != 0 || ferror(stdout);
}
