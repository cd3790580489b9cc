/*
 * ends.h - the other ends of connections, for benches that count what one host does: no hosts, only the
 * numbers that a segment needs.
 *
 * A second host in the process would take part in what is measured, by pushing the first one's memory out
 * of the caches. An end is twelve bytes. Ends have one address and as many ports as there are; beyond
 * ENDS_PORTS of them the host's port is the next. The host is 10.0.0.2. Names itself as pair.h does.
 */
#ifndef STACKD_BENCH_ENDS_H
#define STACKD_BENCH_ENDS_H

#include "pair.h"

enum { ENDS_PORTS = 60000, ENDS_FIRST_PORT = 2000, ENDS_IP = 0x0a000001, ENDS_HOST = 0x0a000002 };

struct end {
    uint32_t seq, ack; /* of its next segment */
    int sd;            /* of the host, where somebody needs it */
};

struct ends {
    struct net *host;
    struct end *end;
    uint16_t port;
};

/** ends_begin - @count ends that will talk to @port of @host and those after it. */
static inline void ends_begin(struct ends *e, struct net *host, uint32_t count, uint16_t port)
{
    static const struct mac mac = {
        {2, 0, 0, 0, 0, 1}
    };

    *e = (struct ends){host, calloc(count, sizeof(struct end)), port};
    need(e->end != NULL, "no memory");
    need(arp_set(&host->ifs[0].arp, ENDS_IP, mac) == 0, "arp");
}

/** ends_segment - a segment of end @i with @len bytes, which its SEQ counts. */
static inline struct pkt *ends_segment(struct ends *e, uint32_t i, uint8_t flags, uint16_t len)
{
    struct end *end = &e->end[i];
    struct pkt *p = net_pkt(e->host);
    struct tcp_seg seg = {.src_port = (uint16_t)(ENDS_FIRST_PORT + i % ENDS_PORTS),
                          .dst_port = (uint16_t)(e->port + i / ENDS_PORTS),
                          .seq = seq_of(end->seq),
                          .ack = seq_of(end->ack),
                          .flags = flags,
                          .wnd = 60000};
    struct ip4_hdr ip = {
        .src = ENDS_IP, .dst = ENDS_HOST, .ttl = 64, .proto = IP_PROTO_TCP};
    struct eth_hdr eth = {
        e->host->ifs[0].eth.mac, {{2, 0, 0, 0, 0, 1}},
           ETH_TYPE_IP4
    };

    need(p != NULL, "no packet left");
    eth_emit(&eth, pkt_append(p, ETH_HDR_LEN));
    uint8_t *at = pkt_append(p, IP4_HDR_LEN + TCP_HDR_LEN);

    tcp_emit(&seg, at + IP4_HDR_LEN);
    memset(pkt_append(p, len), 'x', len);
    ip.total = (uint16_t)(p->len - ETH_HDR_LEN);
    ip4_emit(&ip, at);
    p->csum = CSUM_VERIFIED;
    end->seq += (uint32_t)len + ((flags & TCP_SYN) != 0);
    return p;
}

/** ends_hear - what the host says: the ends follow. Return: bytes of payload. */
static inline size_t ends_hear(struct ends *e, struct pkt **out, size_t count)
{
    size_t bytes = 0;

    for (size_t k = 0; k < count; k++) {
        uint8_t frame[2048];

        need(pkt_total(out[k]) <= sizeof(frame), "a frame is too long");
        pkt_copy_out(out[k], frame);
        const uint8_t *ip = frame + ETH_HDR_LEN, *h = ip + IP4_HDR_LEN;

        if (out[k]->ethertype == ETH_TYPE_IP4 && ip[IP4_PROTO] == IP_PROTO_TCP) {
            uint32_t i = get16(h + TCP_DST) - ENDS_FIRST_PORT +
                         (uint32_t)(get16(h + TCP_SRC) - e->port) * ENDS_PORTS;
            uint32_t len = get16(ip + IP4_TOTAL) - IP4_HDR_LEN - (h[TCP_OFF] >> 4) * 4u;

            e->end[i].ack = get32(h + TCP_SEQ) + len + ((h[TCP_FLAGS] & TCP_SYN) != 0);
            bytes += len;
        }
        pkt_release(out[k]);
    }
    return bytes;
}

#endif
