/*
 * fuzz_join.c - what is joined as it comes in (l1_physical/join.h) is what was on the wire.
 *
 * The input is a program of small records: a segment of one of three connections, almost always the next
 * of its train, sometimes changed in some byte of its header, damaged, cut, out of order; or the end of a
 * batch. Every frame goes two ways: to one host as it is, to a twin of it by way of join_frame().
 *
 * Claimed: cut again (offload_cut_next), what was joined is byte for byte what was given in, in the order of
 * each connection; and after each batch both hosts have the same bytes for their user, from the same
 * connections in the same states.
 *
 * Left out: data beyond a FIN that came early, of which a host keeps more when it comes in pieces.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include <sys/mman.h>

#include "fuzz.h"
#include "l1_physical/join.h"
#include "l1_physical/offload.h"
#include "net.h"

enum { PEER = 0x0a000001, HOST = 0x0a000002, FLOWS = 3, PORT = 80, PEER_PORT = 40000 };
enum { OPTS = 12, L3 = ETH_HDR_LEN, L4 = L3 + IP4_HDR_LEN, HDR = L4 + TCP_HDR_LEN + OPTS };
enum { FULL = 1448, BATCH = 48, SEGMENTS = 60, WINDOW = 60000 };

static const struct mac host_mac =
                            {
                                {2, 0, 0, 0, 0, 2}
},
                        peer_mac = {{2, 0, 0, 0, 0, 1}};

struct flow {
    uint32_t iss, ack; /* the peer's; what it acknowledges */
    uint32_t at;       /* bytes of its train so far */
    unsigned segments;
    int sock[2]; /* at each of the hosts */
};

struct frame {
    uint8_t bytes[HDR + FULL + 8];
    uint32_t len;
};

struct fuzz_join {
    struct net n[2]; /* frame by frame, and joined */
    net_time now;
    struct flow flow[FLOWS];
    struct frame frame[BATCH];
    unsigned count;
};

struct input {
    const uint8_t *p;
    size_t len;
};

static uint8_t in8(struct input *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->p++;
}

static void repair(uint8_t *f, uint32_t len)
{
    uint8_t *ip = f + L3, *tcp = f + L4;
    uint64_t sum = csum_pseudo(ip_addr_v4(get32(ip + IP4_SRC)), ip_addr_v4(get32(ip + IP4_DST)),
                               IP_PROTO_TCP, len - L4);

    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, IP4_HDR_LEN)));
    put16(tcp + TCP_SUM, 0);
    put16(tcp + TCP_SUM, csum_finish(csum_add(sum, tcp, len - L4)));
}

/* A segment of flow @i with @len bytes from @at on. */
static void segment(const struct fuzz_join *x, unsigned i, uint32_t at, uint32_t len, uint8_t flags,
                    struct frame *f)
{
    static const uint8_t ts[OPTS] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
    uint8_t *tcp = f->bytes + L4;
    struct ip4_hdr ip = {.src = PEER,
                         .dst = HOST,
                         .total = (uint16_t)(HDR - L3 + len),
                         .id = (uint16_t)at,
                         .df = true,
                         .ttl = 64,
                         .proto = IP_PROTO_TCP};

    f->len = HDR + len;
    eth_emit(&(struct eth_hdr){host_mac, peer_mac, ETH_TYPE_IP4}, f->bytes);
    ip4_emit(&ip, f->bytes + L3);
    memset(tcp, 0, TCP_HDR_LEN);
    put16(tcp + TCP_SRC, (uint16_t)(PEER_PORT + i));
    put16(tcp + TCP_DST, PORT);
    put32(tcp + TCP_SEQ, x->flow[i].iss + at);
    put32(tcp + TCP_ACKNO, x->flow[i].ack);
    tcp[TCP_OFF] = (TCP_HDR_LEN + OPTS) / 4 << 4;
    tcp[TCP_FLAGS] = flags;
    put16(tcp + TCP_WND, 500);
    memcpy(tcp + TCP_HDR_LEN, ts, OPTS);
    for (uint32_t k = 0; k < len; k++)
        f->bytes[HDR + k] = (uint8_t)((at + k) * 7 + ((at + k) >> 8) + i);
    repair(f->bytes, f->len);
}

static struct pkt *frame_pkt(struct net *n, const struct frame *f)
{
    struct pkt *p = net_pkt(n);

    FUZZ_CHECK(p != NULL);
    memcpy(pkt_append(p, f->len), f->bytes, f->len);
    return p;
}

/* All that a host has to say; of a SYN,ACK its number is learnt. */
static void drain(struct fuzz_join *x, struct net *n)
{
    struct pkt *out[32];
    size_t count;

    while ((count = net_output(n, out, ARRAY_LEN(out), x->now)) > 0) {
        for (size_t i = 0; i < count; i++) {
            const uint8_t *tcp = pkt_data(out[i]) + L4;
            uint32_t flow =
                out[i]->len < L4 + TCP_HDR_LEN ? FLOWS : get16(tcp + TCP_DST) - PEER_PORT;

            if (flow < FLOWS && (tcp[TCP_FLAGS] & TCP_SYN))
                x->flow[flow].ack = get32(tcp + TCP_SEQ) + 1;
            pkt_release(out[i]);
        }
    }
}

static void start(struct fuzz_join *x)
{
    static uint8_t *mem[2];
    struct net_config cfg;
    struct frame f;

    net_config_default(&cfg);
    cfg.packets = 256;
    cfg.bigs = 8;
    cfg.buffer_bytes = (size_t)8 << 20;
    cfg.tcp.connections = cfg.tcp.idle = cfg.tcp.half_open = cfg.tcp.time_wait = 16;
    cfg.udp.sockets = 8;
    cfg.socks = (struct socks_config){.sockets = 16, .polls = 2};
    cfg.ifs[0].arp.entries = 16;
    cfg.ifs[0].arp.detect = false;
    size_t len = net_mem_size(&cfg);

    memset(x, 0, sizeof(*x));
    for (unsigned h = 0; h < 2; h++) {
        struct sock_addr any = {IP_ADDR_ANY, PORT};

        if (mem[h] == NULL)
            mem[h] = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        FUZZ_CHECK(mem[h] != MAP_FAILED && madvise(mem[h], len, MADV_DONTNEED) == 0);
        FUZZ_CHECK(net_init(&x->n[h], &cfg, mem[h], len) == 0);
        FUZZ_CHECK(arp_set(&x->n[h].ifs[0].arp, PEER, peer_mac) == 0);
        struct socks *s = net_socks(&x->n[h]);
        int listener = sock_open(s, SOCK_KIND_TCP);

        FUZZ_CHECK(sock_bind(s, listener, &any) == 0 && sock_listen(s, listener, 0) == 0);
        for (unsigned i = 0; i < FLOWS; i++) {
            x->flow[i].iss = 0xffffc000; /* each train crosses zero */
            x->flow[i].at = 1;
            for (unsigned k = 0; k < 2; k++) {
                segment(x, i, k, 0, k == 0 ? TCP_SYN : TCP_ACK, &f);
                struct pkt *p = frame_pkt(&x->n[h], &f);

                net_input(&x->n[h], &p, 1, x->now);
                drain(x, &x->n[h]);
            }
            x->flow[i].sock[h] = sock_accept(s, listener, NULL);
            FUZZ_CHECK(x->flow[i].sock[h] >= 0);
        }
    }
}

/* Nothing is promised about the order of frames but between those of one connection. */
static bool is_of_one(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a + ETH_TYPE, b + ETH_TYPE, 2) == 0 && a[L3 + IP4_PROTO] == b[L3 + IP4_PROTO] &&
           memcmp(a + L3 + IP4_SRC, b + L3 + IP4_SRC, L4 + 4 - L3 - IP4_SRC) == 0;
}

/* The next frame that was given in of the connection of @bytes is this one, but for its identification. */
static void check_frame(const struct fuzz_join *x, uint8_t *bytes, size_t len, bool *seen)
{
    unsigned i = 0;

    while (i < x->count && (seen[i] || !is_of_one(x->frame[i].bytes, bytes)))
        i++;
    FUZZ_CHECK(i < x->count && len == x->frame[i].len);
    const struct frame *f = &x->frame[i];

    if (memcmp(bytes + L3 + IP4_ID, f->bytes + L3 + IP4_ID, 2) != 0) {
        memcpy(bytes + L3 + IP4_ID, f->bytes + L3 + IP4_ID, 2);
        memcpy(bytes + L3 + IP4_SUM, f->bytes + L3 + IP4_SUM, 2);
    }
    FUZZ_CHECK(memcmp(bytes, f->bytes, len) == 0);
    seen[i] = true;
}

static void check_joined(const struct fuzz_join *x, struct pkt **in, unsigned count)
{
    static uint8_t bytes[65536 + 64];
    bool seen[BATCH] = {false};
    unsigned pieces = 0;

    for (unsigned i = 0; i < count; i++) {
        struct offload_cut c;
        size_t len;

        if (!offload_cut_begin(&c, in[i])) {
            pkt_copy_out(in[i], bytes);
            check_frame(x, bytes, pkt_total(in[i]), seen);
            pieces++;
            continue;
        }
        FUZZ_CHECK(in[i]->csum == CSUM_VERIFIED);
        for (; (len = offload_cut_next(&c, bytes, sizeof(bytes))) > 0; pieces++)
            check_frame(x, bytes, len, seen);
    }
    FUZZ_CHECK(pieces == x->count);
}

/* What the users of both hosts read. */
static void check_read(struct fuzz_join *x)
{
    static uint8_t got[2][WINDOW];
    int len[2];

    for (unsigned i = 0; i < FLOWS; i++) {
        for (unsigned h = 0; h < 2; h++)
            len[h] = sock_recv(net_socks(&x->n[h]), x->flow[i].sock[h], got[h], WINDOW, 0);
        FUZZ_CHECK(len[0] == len[1]);
        FUZZ_CHECK(len[0] <= 0 || memcmp(got[0], got[1], (size_t)len[0]) == 0);
    }
    FUZZ_CHECK(net_connections(&x->n[0]) == net_connections(&x->n[1]));
}

/* The batch is complete: both ways. */
static void batch(struct fuzz_join *x)
{
    struct pkt *in[BATCH];
    struct join j = {0};
    unsigned n = 0;

    x->now += NET_MS(1);
    for (unsigned i = 0; i < x->count; i++)
        in[i] = frame_pkt(&x->n[0], &x->frame[i]);
    net_input(&x->n[0], in, x->count, x->now);
    for (unsigned i = 0; i < x->count; i++) {
        struct pkt *p = frame_pkt(&x->n[1], &x->frame[i]);

        if (join_frame(&j, host_mac, &x->n[1].core.bigs, p, &in[n]))
            pkt_release(p);
        else
            in[n++] = p;
    }
    join_end(&j);
    check_joined(x, in, n);
    net_input(&x->n[1], in, n, x->now);
    check_read(x);
    drain(x, &x->n[0]);
    drain(x, &x->n[1]);
    x->count = 0;
}

/* A segment; @op: bits 0-1 whose, 2 a length of its own, 3 not where it belongs, 4 a byte is changed, 5 the
 * checksums as well, 6 some byte is damaged, 7 PSH. */
static void step(struct fuzz_join *x, struct input *in, uint8_t op)
{
    unsigned i = op & 3;
    struct flow *t = &x->flow[i];
    struct frame *f = &x->frame[x->count];
    uint32_t len = op & 4 ? (uint32_t)(in8(in) << 8 | in8(in)) % (FULL + 1) : FULL;
    uint32_t at = op & 8 ? t->at + (uint32_t)(in8(in) % 5) * 724 - 1448 : t->at;

    if (t->segments++ >= SEGMENTS || at + len > WINDOW || at == 0 || at > WINDOW)
        return;
    segment(x, i, at, len, op & 0x80 ? TCP_ACK | TCP_PSH : TCP_ACK, f);
    t->at = op & 8 ? t->at : at + len;
    if (op & 0x10) {
        uint32_t byte = in8(in) % HDR;

        if (byte < L4 || byte >= L4 + 4) /* it stays with its connection */
            f->bytes[byte] ^= in8(in);
        f->bytes[L4 + TCP_FLAGS] &= (uint8_t)~TCP_FIN;
        if (op & 0x20)
            repair(f->bytes, f->len);
    }
    if (op & 0x40)
        f->bytes[L3 + (uint32_t)(in8(in) << 8 | in8(in)) % (f->len - L3)] ^= 0x40;
    f->bytes[L4 + TCP_FLAGS] &= (uint8_t)~TCP_FIN;
    x->count++;
}

static void end(struct fuzz_join *x)
{
    for (unsigned h = 0; h < 2; h++) {
        struct net *n = &x->n[h];
        net_time until = x->now + NET_SEC(7200), now = x->now;

        for (unsigned i = 0; i < FLOWS; i++)
            FUZZ_CHECK(sock_close(net_socks(n), x->flow[i].sock[h]) == 0);
        drain(x, n);
        for (net_time at; (at = net_deadline(n)) < until;) {
            x->now = at;
            net_input(n, NULL, 0, at);
            drain(x, n);
        }
        x->now = now;
        FUZZ_CHECK(n->core.pkts.slab.used == 0 && n->core.bigs.slab.used == 0);
        FUZZ_CHECK(n->core.bufs.used == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct fuzz_join x;
    struct input in = {bytes, len};

    start(&x);
    while (in.len > 0) {
        uint8_t op = in8(&in);

        if ((op & 3) == 3 || x.count == BATCH)
            batch(&x);
        if ((op & 3) != 3)
            step(&x, &in, op);
    }
    batch(&x);
    end(&x);
    return 0;
}
