/*
 * many - what a packet costs when there are many connections.
 *
 *     many [CONNECTIONS]...      default: 100 10000 100000
 *
 * One host in virtual time with so many established connections; the other ends are no hosts, only the
 * numbers that a segment needs. In bursts of 32, each segment of another connection chosen at random, a
 * byte arrives, is read and is sent back; what is timed is net_input(), sock_recv(), sock_send() and
 * net_output(), by the wall clock, for one such exchange. With few connections all that is touched is in
 * the cache; what is added with many is the way to memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* clock_gettime */
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH "many"
#include "pair.h"

enum { PORT = 7, BURST = 32, EXCHANGES = 400000, PORTS = 30000, FIRST_PORT = 20000 };

struct end {
    uint32_t seq, ack; /* of its next segment */
    int sd;
};

static struct net host;
static struct end *ends;
static net_time now;

static void *bring_up(uint32_t connections)
{
    struct net_config cfg;

    net_config_default(&cfg);
    cfg.ifs[0].arp.detect = false;
    cfg.ifs[0].addr[0].prefix = 8;
    cfg.tcp.connections = connections + 64;
    cfg.tcp.backlog = 64;
    cfg.socks.sockets = connections + 64;
    size_t len = net_mem_size(&cfg);
    uint8_t *memory = calloc(1, len + 64);

    need(memory != NULL, "no memory");
    need(net_init(&host, &cfg, memory + (64 - (uintptr_t)memory % 64), len) == 0,
         "net_init refused");
    return memory;
}

/* A segment of end @i. */
static struct pkt *segment(uint32_t i, uint8_t flags, bool has_byte)
{
    struct pkt *p = net_pkt(&host);
    struct tcp_seg seg = {.src_port = (uint16_t)(FIRST_PORT + i % PORTS),
                          .dst_port = PORT,
                          .seq = seq_of(ends[i].seq),
                          .ack = seq_of(ends[i].ack),
                          .flags = flags,
                          .wnd = 60000};
    struct ip4_hdr ip = {
        .src = 0x0a010001 + i / PORTS, .dst = 0x0a000002, .ttl = 64, .proto = IP_PROTO_TCP};
    struct eth_hdr eth = {host.ifs[0].eth.mac, {{2, 0, 0, 0, 0, 1}}, ETH_TYPE_IP4};

    need(p != NULL, "no packet left");
    eth_emit(&eth, pkt_append(p, ETH_HDR_LEN));
    uint8_t *at = pkt_append(p, IP4_HDR_LEN + TCP_HDR_LEN);

    tcp_emit(&seg, at + IP4_HDR_LEN);
    if (has_byte)
        *pkt_append(p, 1) = 'x';
    ip.total = (uint16_t)(p->len - ETH_HDR_LEN);
    ip4_emit(&ip, at);
    p->csum = CSUM_VERIFIED;
    return p;
}

static uint32_t end_of(const uint8_t *ip)
{
    return (get32(ip + IP4_DST) - 0x0a010001) * PORTS + get16(ip + IP4_HDR_LEN + TCP_DST) -
           FIRST_PORT;
}

/* What the host says: the ends follow. Return: frames of TCP. */
static size_t hear(struct pkt **out, size_t count)
{
    size_t tcp = 0;

    for (size_t k = 0; k < count; k++) {
        const uint8_t *ip = pkt_data(out[k]) + ETH_HDR_LEN;

        if (out[k]->ethertype == ETH_TYPE_IP4 && ip[IP4_PROTO] == IP_PROTO_TCP) {
            const uint8_t *h = ip + IP4_HDR_LEN;
            uint32_t i = end_of(ip),
                     len = get16(ip + IP4_TOTAL) - IP4_HDR_LEN - (h[TCP_OFF] >> 4) * 4u;

            ends[i].ack = get32(h + TCP_SEQ) + len + ((h[TCP_FLAGS] & TCP_SYN) != 0);
            tcp++;
        }
        pkt_release(out[k]);
    }
    return tcp;
}

static size_t pull(void)
{
    struct pkt *out[2 * BURST];
    size_t k, tcp = 0;

    while ((k = net_output(&host, out, 2 * BURST, now)) > 0)
        tcp += hear(out, k);
    return tcp;
}

static void open_all(uint32_t connections)
{
    int listener = sock_open(net_socks(&host), SOCK_KIND_TCP);
    struct pkt *p;

    need(sock_bind(net_socks(&host), listener, &(struct sock_addr){.port = PORT}) == 0, "bind");
    need(sock_listen(net_socks(&host), listener, 64) == 0, "listen");
    for (uint32_t i = 0; i < connections; i++) {
        now += NET_US(10);
        if (i % PORTS == 0) /* an address more: its neighbour entry */
            need(arp_set(&host.ifs[0].arp, 0x0a010001 + i / PORTS,
                         (struct mac){
                             {2, 0, 0, 0, 0, 1}
            }) == 0,
                 "arp");
        p = segment(i, TCP_SYN, false);
        net_input(&host, &p, 1, now);
        pull();
        ends[i].seq = 1;
        p = segment(i, TCP_ACK, false);
        net_input(&host, &p, 1, now);
        pull();
        ends[i].sd = sock_accept(net_socks(&host), listener, NULL);
        need(ends[i].sd >= 0, "accept");
        sock_setopt(net_socks(&host), ends[i].sd, SOCK_OPT_NODELAY, 1);
    }
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double exchanges(uint32_t connections)
{
    struct prng g;
    double spent = 0;

    prng_seed(&g, connections, 0);
    for (uint32_t done = 0; done < EXCHANGES; done += BURST) {
        struct pkt *in[BURST], *out[2 * BURST];
        uint32_t who[BURST];

        now += NET_US(1); /* all are asked again before a timer of theirs runs out */
        for (unsigned k = 0; k < BURST; k++) {
            do
                who[k] = prng_below(&g, connections);
            while (k > 0 && who[k] == who[k - 1]);
            in[k] = segment(who[k], TCP_ACK | TCP_PSH, true);
            ends[who[k]].seq++;
        }
        double from = seconds();

        net_input(&host, in, BURST, now);
        for (unsigned k = 0; k < BURST; k++) {
            uint8_t bytes[BURST];
            int n = sock_recv(net_socks(&host), ends[who[k]].sd, bytes, sizeof(bytes), 0);

            if (n > 0) /* else it was chosen twice */
                need(sock_send(net_socks(&host), ends[who[k]].sd, bytes, (size_t)n, 0) == n,
                     "send");
        }
        size_t count = net_output(&host, out, 2 * BURST, now);

        spent += seconds() - from;
        need(hear(out, count) > 0, "nothing came back");
        pull();
    }
    return spent / EXCHANGES;
}

int main(int argc, char **argv)
{
    static const uint32_t usual[] = {100, 10000, 100000};
    unsigned rows = argc > 1 ? (unsigned)argc - 1 : (unsigned)ARRAY_LEN(usual);

    for (unsigned i = 0; i < rows; i++) {
        uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[i + 1], NULL, 10) : usual[i];
        void *memory = bring_up(n);

        need(n > 1, "at least 2 connections");
        ends = calloc(n, sizeof(*ends));
        need(ends != NULL, "no memory");
        now = 0;
        open_all(n);
        exchanges(n); /* warm */
        printf("%8u connections: %.0f ns for an exchange\n", n, 1e9 * exchanges(n));
        free(ends);
        free(memory);
    }
    return 0;
}
