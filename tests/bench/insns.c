/*
 * insns - what a packet costs, counted in instructions.
 *
 *     valgrind --tool=callgrind --collect-atstart=no ... insns
 *
 * Two hosts in one process and in virtual time: a is the peer, b is looked at. Each path of the core
 * runs ROUNDS times after a warm-up; only the calls into b are counted (the callgrind requests stand
 * around them), and a dump of the counters named after the path ends it. instructions.sh runs this
 * program and makes the table from the dumps. No system call, no real wire: the same compiler always
 * gives the same numbers. Checksums are left to the wire as on a TAP with offload, unless a path says
 * that b does them.
 *
 *     insns PATH    walks it once, for lines.py: where the connection's block lies, and what counts
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

#define BENCH "insns"
#include "l1_physical/join.h"
#include "pair.h"

enum {
    ROUNDS = 200,
    WARM_UP = 50,
    MSS = 1448,
    BURST = 32,
    MAX_FRAMES = 256,
    PORT = 80,
    CLOSED = 81
};
enum { SUPER = 44 }; /* segments in a frame of 64 KB */

static volatile char counting; /* for lines.py, which sees each access to memory */

#define COUNTED(call)                                                                              \
    do {                                                                                           \
        counting = 1;                                                                              \
        CALLGRIND_TOGGLE_COLLECT;                                                                  \
        call;                                                                                      \
        CALLGRIND_TOGGLE_COLLECT;                                                                  \
        counting = 0;                                                                              \
    } while (0)

struct frames {
    struct pkt *p[MAX_FRAMES];
    size_t count;
};

static struct net a, b;
static net_time now;
static bool b_checks; /* frames come to b without a word about their checksum */
static int client, server, listener;
static uint8_t text[4 * 65536];

/* ---- the hosts ---- */

static void bring_up(struct net *n, uint8_t last_byte)
{
    struct net_config cfg;

    bench_config(&cfg, last_byte);
    cfg.buffer_bytes = (size_t)16 << 20;
    bench_bring_up(n, &cfg);
}

/* What the frames of @from hold, in packets of @to; they are given back. */
static void carry(struct frames *from, struct net *to, struct frames *in)
{
    bool checks = to == &b && b_checks;

    in->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (checks)
            pkt_csum_complete(from->p[i]);
        struct pkt *q = bench_copy(from->p[i], to);

        if (checks)
            q->csum = CSUM_NONE;
        in->p[in->count++] = q;
    }
    from->count = 0;
}

static void pull(struct net *n, struct frames *f)
{
    size_t k;

    f->count = 0;
    while ((k = net_output(n, f->p + f->count, MAX_FRAMES - f->count, now)) > 0)
        f->count += k;
}

/* All that a has for b, as packets of b. */
static void from_a(struct frames *in)
{
    struct frames out;

    pull(&a, &out);
    carry(&out, &b, in);
}

static void to_a(struct frames *out)
{
    struct frames in;

    carry(out, &a, &in);
    net_input(&a, in.p, in.count, now);
}

/* Everything both hosts have to say to each other now; uncounted. */
static void settle(void)
{
    struct frames f;

    do {
        from_a(&f);
        size_t count = f.count;

        net_input(&b, f.p, f.count, now);
        pull(&b, &f);
        count += f.count;
        to_a(&f);
        if (count == 0)
            return;
    } while (true);
}

static void pass(net_time span)
{
    now += span;
    net_input(&a, NULL, 0, now);
    net_input(&b, NULL, 0, now);
    settle();
}

/* b reads all there is. */
static void read_all(void)
{
    struct span in[2];
    int n;

    while ((n = sock_peek(net_socks(&b), server, in, NULL)) > 0)
        need(sock_consume(net_socks(&b), server, (size_t)n) == 0, "reading failed");
}

static void a_sends(size_t len)
{
    need(sock_send(net_socks(&a), client, text, len, 0) == (int)len, "the peer cannot send");
}

static void b_sends(size_t len)
{
    need(sock_send(net_socks(&b), server, text, len, 0) == (int)len, "cannot send");
}

static void open_connection(void)
{
    client = sock_open(net_socks(&a), SOCK_KIND_TCP);
    sock_setopt(net_socks(&a), client, SOCK_OPT_NODELAY, 1);
    need(sock_connect(net_socks(&a), client, &(struct sock_addr){ip_addr_v4(0x0a000002), PORT}) ==
             -EINPROGRESS,
         "connect");
    settle();
    server = sock_accept(net_socks(&b), listener, NULL);
    need(server >= 0, "accept");
    sock_setopt(net_socks(&b), server, SOCK_OPT_NODELAY, 1);
}

/* Both congestion windows grow until a burst is not held back. */
static void grow(void)
{
    for (unsigned i = 0; i < 4; i++) {
        a_sends(4 * BURST * MSS);
        b_sends(4 * BURST * MSS);
        for (unsigned k = 0; k < 8; k++) {
            settle();
            read_all();
            while (sock_recv(net_socks(&a), client, text, sizeof(text), 0) > 0)
                ;
            now += NET_US(100);
        }
        pass(NET_MS(50));
    }
}

/* ---- the paths ---- */

static void data_in(size_t len, size_t segments)
{
    struct frames in;

    a_sends(len * segments);
    from_a(&in);
    need(in.count == segments, "another number of segments than expected");
    COUNTED(net_input(&b, in.p, in.count, now));
    read_all();
    pass(NET_MS(50)); /* what was delayed is acknowledged */
}

static void tcp_data_in(void)
{
    data_in(1, 1);
}
static void tcp_data_in_full(void)
{
    data_in(MSS, 1);
}
static void tcp_data_in_burst(void)
{
    data_in(MSS, BURST);
}

/* What a port does with frames of a wire without offload: it joins them. */
static void join_all(struct frames *in)
{
    struct join j = {0};
    size_t count = in->count;

    in->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct pkt *p = in->p[i];

        if (join_frame(&j, b.ifs[0].eth.mac, &b.core.bigs, p, &in->p[in->count]))
            pkt_release(p);
        else
            in->p[in->count++] = p;
    }
    join_end(&j);
}

static void tcp_data_in_joined(void)
{
    struct frames in;

    a_sends(BURST * MSS);
    b_checks = true;
    from_a(&in);
    b_checks = false;
    COUNTED(join_all(&in));
    need(in.count == 1, "they were not joined");
    COUNTED(net_input(&b, in.p, in.count, now));
    read_all();
    pass(NET_MS(50));
}

static void tcp_data_in_full_checked(void)
{
    b_checks = true;
    data_in(MSS, 1);
    b_checks = false;
}

static void tcp_read(void)
{
    static uint8_t into[MSS];
    int got;

    a_sends(MSS);
    settle();
    COUNTED(got = sock_recv(net_socks(&b), server, into, MSS, 0));
    need(got == MSS, "reading failed");
    pass(NET_MS(50));
}

/* Two full segments came: the ACK for both. */
static void tcp_ack_out(void)
{
    struct frames in, out;

    a_sends(2 * MSS);
    from_a(&in);
    net_input(&b, in.p, in.count, now);
    read_all();
    COUNTED(pull(&b, &out));
    need(out.count == 1, "not one ACK");
    to_a(&out);
    pass(NET_MS(50));
}

static void tcp_ack_in(void)
{
    struct frames in;

    b_sends(2 * MSS);
    pull(&b, &in);
    to_a(&in);
    need(sock_recv(net_socks(&a), client, text, 2 * MSS, 0) == 2 * MSS, "the peer cannot read");
    from_a(&in);
    need(in.count == 1, "not one ACK");
    COUNTED(net_input(&b, in.p, in.count, now));
    pass(NET_MS(50));
}

static void data_out(size_t len, size_t segments)
{
    struct frames out;

    COUNTED(b_sends(len * segments));
    COUNTED(pull(&b, &out));
    need(out.count == segments, "another number of segments than expected");
    to_a(&out);
    while (sock_recv(net_socks(&a), client, text, sizeof(text), 0) > 0)
        ;
    pass(NET_MS(50));
}

static void tcp_data_out(void)
{
    data_out(1, 1);
}
static void tcp_data_out_full(void)
{
    data_out(MSS, 1);
}
static void tcp_data_out_burst(void)
{
    data_out(MSS, BURST);
}

/* A byte in, read, a byte back with the ACK: a request and its reply. */
static void tcp_echo(void)
{
    uint8_t byte;
    int got = 0;
    struct frames in, out;

    a_sends(1);
    from_a(&in);
    COUNTED(net_input(&b, in.p, in.count, now));
    COUNTED(got = sock_recv(net_socks(&b), server, &byte, 1, 0));
    need(got == 1, "no byte");
    COUNTED(b_sends(1));
    COUNTED(pull(&b, &out));
    need(out.count == 1, "not one answer");
    to_a(&out);
    need(sock_recv(net_socks(&a), client, text, 1, 0) == 1, "no echo");
    now += NET_US(100);
}

/* One frame as large as they get, made of what would have been SUPER frames. @kept: as in a burst of them. */
static void super_in(bool kept)
{
    struct frames in;
    struct pkt *big = pkt_alloc(&b.core.bigs, PKT_HEADROOM);

    need(big != NULL, "no large packet left");
    a_sends(SUPER * MSS);
    from_a(&in);
    for (size_t i = 0; i < in.count; i++) {
        uint32_t skip = i == 0 ? 0 : ETH_HDR_LEN + IP4_HDR_LEN + TCP_HDR_LEN + 12;

        memcpy(pkt_append(big, in.p[i]->len - skip), pkt_data(in.p[i]) + skip, in.p[i]->len - skip);
        pkt_release(in.p[i]);
    }
    uint8_t *ip = pkt_data(big) + ETH_HDR_LEN;

    put16(ip + IP4_TOTAL, (uint16_t)(big->len - ETH_HDR_LEN));
    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, IP4_HDR_LEN)));
    big->gso_size = MSS;
    big->csum = CSUM_VERIFIED;
    in.p[0] = big;
    b.tcp.cfg.kept_burst = kept ? 0 : UINT32_MAX;
    COUNTED(net_input(&b, in.p, 1, now));
    read_all();
    pass(NET_MS(50));
}

static void tcp_super_in(void)
{
    super_in(false);
}

static void tcp_super_kept(void)
{
    super_in(true);
}

/* ---- whole lives, at the server ---- */

/* What a says comes to b, is answered, and the answer is heard; b's part counts. */
static size_t exchange(void)
{
    struct frames in, out;
    size_t count;

    from_a(&in);
    count = in.count;
    COUNTED(net_input(&b, in.p, in.count, now));
    COUNTED(pull(&b, &out));
    count += out.count;
    to_a(&out);
    return count;
}

static void a_close(void)
{
    need(sock_close(net_socks(&a), client) == 0, "the peer cannot close");
}
static void b_close(void)
{
    int rc;

    COUNTED(rc = sock_close(net_socks(&b), server));
    need(rc == 0, "cannot close");
}

static void life(bool client_first)
{
    int other_client = client, other_server = server, got = 0;
    uint8_t byte;

    client = sock_open(net_socks(&a), SOCK_KIND_TCP);
    need(sock_connect(net_socks(&a), client, &(struct sock_addr){ip_addr_v4(0x0a000002), PORT}) ==
             -EINPROGRESS,
         "connect");
    exchange(); /* SYN, SYN-ACK */
    exchange(); /* ACK */
    COUNTED(server = sock_accept(net_socks(&b), listener, NULL));
    need(server >= 0, "accept");
    a_sends(1);
    exchange();
    COUNTED(got = sock_recv(net_socks(&b), server, &byte, 1, 0));
    need(got == 1, "no byte");
    COUNTED(b_sends(1));
    exchange();
    need(sock_recv(net_socks(&a), client, text, 1, 0) == 1, "no echo");
    (client_first ? a_close : b_close)();
    exchange();
    (client_first ? b_close : a_close)();
    while (exchange() > 0)
        ;
    now += NET_SEC(61); /* whoever is in TIME-WAIT leaves it */
    COUNTED(net_input(&b, NULL, 0, now));
    net_input(&a, NULL, 0, now);
    settle();
    need(net_connections(&a) == 1 && net_connections(&b) == 1, "the connection is not over");
    client = other_client;
    server = other_server;
}

static void tcp_life_client(void)
{
    life(true);
}
static void tcp_life_server(void)
{
    life(false);
}

/* ---- without a connection ---- */

static int udp_client, udp_server;

static void ask_udp(uint16_t port, struct frames *in)
{
    struct sock_addr to = {ip_addr_v4(0x0a000002), port};

    need(sock_sendto(net_socks(&a), udp_client, text, 18, &to) == 18, "the peer cannot send");
    from_a(in);
    now += NET_US(100);
}

static void udp_in(void)
{
    struct frames in;

    ask_udp(PORT, &in);
    COUNTED(net_input(&b, in.p, in.count, now));
    need(sock_consume(net_socks(&b), udp_server, 1) == 0, "no datagram");
}

static void udp_echo(void)
{
    static uint8_t got[64];
    struct sock_msg m;
    struct frames in, out;
    int n = 0;

    ask_udp(PORT, &in);
    COUNTED(net_input(&b, in.p, in.count, now));
    COUNTED(n = sock_recvmsg(net_socks(&b), udp_server, got, sizeof(got), &m));
    need(n == 18, "no datagram");
    COUNTED(n = sock_sendmsg(net_socks(&b), udp_server, got, 18, &m));
    need(n == 18, "no answer");
    COUNTED(pull(&b, &out));
    to_a(&out);
    while (sock_recvfrom(net_socks(&a), udp_client, got, sizeof(got), NULL) > 0)
        ;
}

/* The reports about it have a limit (RFC 1122 section 3.2.2), which the warm-up has used up. */
static void udp_closed_port(void)
{
    struct frames in, out;

    ask_udp(CLOSED, &in);
    COUNTED(net_input(&b, in.p, in.count, now));
    pull(&b, &out);
    to_a(&out);
}

static void tcp_closed_port(void)
{
    struct frames in, out;
    int sd = sock_open(net_socks(&a), SOCK_KIND_TCP);

    sock_connect(net_socks(&a), sd, &(struct sock_addr){ip_addr_v4(0x0a000002), CLOSED});
    from_a(&in);
    COUNTED(net_input(&b, in.p, in.count, now));
    COUNTED(pull(&b, &out));
    need(out.count == 1, "no reset");
    to_a(&out);
    sock_close(net_socks(&a), sd);
    now += NET_US(100);
}

/* A frame that a sends to b, by hand. */
static struct pkt *frame(uint16_t type, struct mac dst)
{
    struct pkt *p = net_pkt(&b);
    struct eth_hdr h = {.dst = dst, .src = a.ifs[0].eth.mac, .type = type};

    need(p != NULL, "no packet left");
    eth_emit(&h, pkt_append(p, ETH_HDR_LEN));
    now += NET_US(100);
    return p;
}

static void arp_answered(void)
{
    struct pkt *p = frame(ETH_TYPE_ARP, MAC_BROADCAST);
    struct frames out;
    struct arp_pkt ask = {
        .op = ARP_REQUEST, .sha = a.ifs[0].eth.mac, .spa = 0x0a000001, .tpa = 0x0a000002};

    arp_emit(&ask, pkt_append(p, ARP_PKT_LEN));
    COUNTED(net_input(&b, &p, 1, now));
    COUNTED(pull(&b, &out));
    need(out.count == 1, "no ARP answer");
    to_a(&out);
}

static struct pkt *ping(struct mac dst)
{
    enum { ICMP_LEN = 8 + 56 };
    struct pkt *p = frame(ETH_TYPE_IP4, dst);
    struct ip4_hdr h = {.src = 0x0a000001,
                        .dst = 0x0a000002,
                        .total = IP4_HDR_LEN + ICMP_LEN,
                        .ttl = 64,
                        .proto = IP_PROTO_ICMP};

    ip4_emit(&h, pkt_append(p, IP4_HDR_LEN));
    uint8_t *icmp = pkt_append(p, ICMP_LEN);

    memset(icmp, 0, ICMP_LEN);
    icmp[0] = 8; /* echo */
    put16(icmp + 2, csum_finish(csum_add(0, icmp, ICMP_LEN)));
    return p;
}

static void icmp_echo(void)
{
    struct pkt *p = ping(b.ifs[0].eth.mac);
    struct frames out;

    COUNTED(net_input(&b, &p, 1, now));
    COUNTED(pull(&b, &out));
    need(out.count == 1, "no echo reply");
    to_a(&out);
}

static void other_host(void)
{
    struct pkt *p = ping((struct mac){
        {2, 0, 0, 0, 0, 99}
    });

    COUNTED(net_input(&b, &p, 1, now));
}

/* Time passes, and nothing is due. */
static void nothing(void)
{
    struct frames out;

    now += NET_US(100);
    COUNTED(net_input(&b, NULL, 0, now));
    COUNTED(pull(&b, &out));
    COUNTED(net_deadline(&b));
}

/* ---- the list ---- */

static const struct {
    const char *name;
    void (*run)(void);
    uint32_t packets; /* in one round: the costs are for each */
    const char *what;
} paths[] = {
    {"tcp-data-in",               tcp_data_in,              1,     "a segment in order, 1 byte"                            },
    {"tcp-data-in-full",          tcp_data_in_full,         1,     "a full segment in order"                               },
    {"tcp-data-in-full-checksum", tcp_data_in_full_checked, 1,     "the same, its checksum verified"                       },
    {"tcp-data-in-burst",         tcp_data_in_burst,        BURST, "one of 32 full segments that come at once"             },
    {"tcp-data-in-joined",        tcp_data_in_joined,       BURST, "the same, their checksums verified, joined by us"      },
    {"tcp-super-in",              tcp_super_in,             1,     "a frame of 44 segments, joined by the wire"            },
    {"tcp-super-kept",            tcp_super_kept,           1,     "the same, in a burst of them"                          },
    {"tcp-read-full",             tcp_read,                 1,     "sock_recv() of a full segment"                         },
    {"tcp-ack-in",                tcp_ack_in,               1,     "an ACK of two full segments"                           },
    {"tcp-ack-out",               tcp_ack_out,              1,     "an ACK of two full segments leaves"                    },
    {"tcp-data-out",              tcp_data_out,             1,     "sock_send() of 1 byte, and its segment leaves"         },
    {"tcp-data-out-full",         tcp_data_out_full,        1,     "the same with a full segment"                          },
    {"tcp-data-out-burst",        tcp_data_out_burst,       BURST, "one of 32 full segments, written at once"              },
    {"tcp-echo",                  tcp_echo,                 1,     "a byte arrives, is read, and is sent back with the ACK"},
    {"tcp-life-client-closes",    tcp_life_client,          1,
     "SYN to the end, with an echo of 1 byte: the client closes first"                                                     },
    {"tcp-life-server-closes",    tcp_life_server,          1,     "the same, the server closes first: TIME-WAIT"          },
    {"tcp-closed-port",           tcp_closed_port,          1,     "a SYN to a closed port, and its reset"                 },
    {"udp-in",                    udp_in,                   1,     "a datagram of 18 bytes"                                },
    {"udp-echo",                  udp_echo,                 1,     "it arrives, is read, and is sent back"                 },
    {"udp-closed-port",           udp_closed_port,          1,
     "a datagram to a closed port, reports being over their limit"                                                         },
    {"icmp-echo",                 icmp_echo,                1,     "a ping and its answer"                                 },
    {"arp-request",               arp_answered,             1,     "a request for our address, and its answer"             },
    {"other-host",                other_host,               1,     "a frame for another host"                              },
    {"nothing-due",               nothing,                  1,     "time passes: input without frames, output, deadline"   },
};

static void bind_to(struct net *n, int sd, uint16_t port)
{
    need(sd >= 0 && sock_bind(net_socks(n), sd, &(struct sock_addr){.port = port}) == 0, "bind");
}

/* One round of the path called @name, for lines.py. */
static void once(const char *name)
{
    setbuf(stdout, NULL);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (strcmp(paths[i].name, name) != 0)
            continue;
        for (unsigned k = 0; k < 12; k++)
            paths[i].run();
        printf("block %p %zu mark %p\n", slab_at(&b.tcp.tcbs, 0), b.tcp.tcbs.size,
               (const void *)&counting);
        paths[i].run();
        exit(0);
    }
    need(false, "there is no such path");
}

int main(int argc, char **argv)
{
    bring_up(&a, 1);
    bring_up(&b, 2);
    listener = sock_open(net_socks(&b), SOCK_KIND_TCP);
    bind_to(&b, listener, PORT);
    need(sock_listen(net_socks(&b), listener, 64) == 0, "listen");
    udp_server = sock_open(net_socks(&b), SOCK_KIND_UDP);
    bind_to(&b, udp_server, PORT);
    udp_client = sock_open(net_socks(&a), SOCK_KIND_UDP);
    bind_to(&a, udp_client, 5000);
    open_connection();
    if (argc > 1)
        once(argv[1]);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        grow(); /* a window that was not used has become small again */
        for (unsigned k = 0; k < WARM_UP; k++)
            paths[i].run();
        CALLGRIND_ZERO_STATS;
        for (unsigned k = 0; k < ROUNDS; k++)
            paths[i].run();
        CALLGRIND_DUMP_STATS_AT(paths[i].name);
        printf("%s|%u|%s\n", paths[i].name, ROUNDS * paths[i].packets, paths[i].what);
    }
    return 0;
}
