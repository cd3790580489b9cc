/*
 * fuzz_net.c - a whole host: frames, segments, fragments, time and calls in any order.
 *
 * The input is a program of small records (see net_step): a raw frame, a TCP segment, a fragment or a train
 * built from a few numbers, time that passes, a call of the user. Checksums are repaired, since a
 * mutation would hardly ever pass them, and segments count from what the host really sent, since
 * nobody guesses an initial sequence number; both only as far as the record asks for it.
 *
 * Claimed after every record: frames that leave are well formed, and the deadline is not in the
 * past. Claimed at the end, when the sockets are closed and the peer is silent: all connections,
 * packets and buffers come back, and then the host has nothing left to wait for but its caches.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include <sys/mman.h>

#include "fuzz.h"
#include "net.h"

enum { PEER = 0x0a000001, HOST = 0x0a000002, CONNS = 4, SOCKS = 24, BATCH = 64 };
enum { TCP_PORT = 80, UDP_PORT = 7, PEER_PORT = 40000 };
#define GROUP 0xef000000u /* 239.0.0.0 and what follows */

/* The peer's view of a connection, learnt from what the host sends to its port. */
struct peer_conn {
    uint16_t port, host_port;
    uint32_t snd_nxt, rcv_nxt; /* the host's RCV.NXT and SND.NXT */
};

struct fuzz_host {
    struct net n;
    net_time now;
    struct peer_conn conn[CONNS];
    int listener, udp, socks[SOCKS], sock_count;
    bool answers_arp, owes_arp, joins; /* the next frame may be several joined */
};

/* The input, read from the front; zeros behind its end. */
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

static uint16_t in16(struct input *in)
{
    uint8_t high = in8(in);

    return (uint16_t)(high << 8 | in8(in));
}

static void in_bytes(struct input *in, uint8_t *p, size_t len)
{
    size_t n = size_min(len, in->len);

    memcpy(p, in->p, n);
    memset(p + n, 0x55, len - n);
    in->p += n;
    in->len -= n;
}

static const struct mac host_mac =
                            {
                                {2, 0, 0, 0, 0, 2}
},
                        peer_mac = {{2, 0, 0, 0, 0, 1}};

/* A frame that leaves: headers and checksums must be right, and the peer learns from it. */
static void host_sent(struct fuzz_host *h, struct pkt *p)
{
    static uint8_t bytes[65536 + 256];
    uint16_t gso = p->gso_size;
    struct eth_hdr eth;
    struct ip4_hdr ip;
    struct arp_pkt arp;

    pkt_csum_complete(p);
    size_t len = pkt_total(p);

    FUZZ_CHECK(len <= sizeof(bytes));
    pkt_copy_out(p, bytes);
    FUZZ_CHECK(len <= ETH_HDR_LEN + 1500 || gso > 0);
    FUZZ_CHECK(eth_parse(&eth, (struct span){bytes, len}) == V_NEXT);
    FUZZ_CHECK(mac_eq(eth.src, host_mac));
    struct span s = {bytes + ETH_HDR_LEN, len - ETH_HDR_LEN};

    if (eth.type == ETH_TYPE_ARP) {
        FUZZ_CHECK(arp_parse(&arp, s) == V_NEXT);
        h->owes_arp |= arp.op == ARP_REQUEST && arp.tpa == PEER;
        return;
    }
    FUZZ_CHECK(eth.type == ETH_TYPE_IP4 && ip4_parse(&ip, s) == V_NEXT);
    FUZZ_CHECK(ip.src == HOST || ip.src == 0);
    if (ip.frag_off != 0 || ip.mf)
        return;
    struct span l4 = {s.p + ip.hdr_len, (size_t)ip.total - ip.hdr_len};
    uint64_t pseudo =
        csum_pseudo(ip_addr_v4(ip.src), ip_addr_v4(ip.dst), ip.proto, (uint32_t)l4.len);
    struct tcp_seg seg = {0};

    if (ip.proto == IP_PROTO_ICMP || ip.proto == IP_PROTO_IGMP)
        FUZZ_CHECK(csum_fold(csum_add(0, l4.p, l4.len)) == 0xffff);
    if (ip.proto != IP_PROTO_TCP)
        return;
    FUZZ_CHECK(tcp_parse(&seg, l4) == V_NEXT && seg.hdr_len <= l4.len);
    FUZZ_CHECK(gso > 0 || csum_fold(csum_add(pseudo, l4.p, l4.len)) == 0xffff);
    seg.data_len = (uint32_t)(l4.len - seg.hdr_len);
    for (unsigned i = 0; i < CONNS; i++) {
        struct peer_conn *c = &h->conn[i];

        if (seg.dst_port != c->port && (seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && i == 0) {
            c->port = seg.dst_port; /* the host opens: the first connection becomes this one */
            c->host_port = seg.src_port;
            c->snd_nxt = 0xfffffff0;
        }
        if (seg.dst_port == c->port && !(seg.flags & TCP_RST)) {
            c->host_port = seg.src_port;
            c->rcv_nxt = seg.seq.v + tcp_seg_len(&seg);
            if (seg.flags & TCP_ACK)
                c->snd_nxt = seg.ack.v;
        }
    }
}

/* @p, if there is one, with these bytes. Without one all wait somewhere: the port would not read. */
static void host_take(struct fuzz_host *h, struct pkt *p, const uint8_t *bytes, size_t len)
{
    if (p == NULL)
        return;
    if (len <= pkt_room(p)) {
        memcpy(pkt_append(p, (uint32_t)len), bytes, len);
        p->ifi = 0;
        net_input(&h->n, &p, 1, h->now);
    } else {
        pkt_release(p);
    }
}

static void host_frame(struct fuzz_host *h, const uint8_t *bytes, size_t len)
{
    bool is_long = h->joins && len > ETH_HDR_LEN + 1500;
    struct pkt *p = is_long ? pkt_alloc(&h->n.core.bigs, PKT_HEADROOM) : net_pkt(&h->n);

    if (p != NULL && is_long)
        p->gso_size = 1460;
    host_take(h, p, bytes, len);
}

/* A train of UDP datagrams: many of @gso bytes each, as a wire on this machine says. */
static void host_train(struct fuzz_host *h, const uint8_t *bytes, size_t len, bool is_big,
                       uint16_t gso)
{
    struct pkt *p = is_big ? pkt_alloc(&h->n.core.bigs, PKT_HEADROOM) : net_pkt(&h->n);

    if (p != NULL) {
        p->gso_size = gso;
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)(p->off + ETH_HDR_LEN + IP4_HDR_LEN);
        p->csum_off = UDP_SUM;
    }
    host_take(h, p, bytes, len);
}

static void host_answer_arp(struct fuzz_host *h)
{
    struct arp_pkt reply = {ARP_REPLY, peer_mac, host_mac, PEER, HOST};
    uint8_t out[ETH_HDR_LEN + ARP_PKT_LEN];

    h->owes_arp = false;
    if (!h->answers_arp)
        return;
    eth_emit(&(struct eth_hdr){host_mac, peer_mac, ETH_TYPE_ARP}, out);
    arp_emit(&reply, out + ETH_HDR_LEN);
    host_frame(h, out, sizeof(out));
}

/* All that is due leaves, in bounded time. */
static void host_drain(struct fuzz_host *h)
{
    struct pkt *out[BATCH];
    size_t count, frames = 0;

    while ((count = net_output(&h->n, out, BATCH, h->now)) > 0) {
        frames += count;
        FUZZ_CHECK(frames < 20000);
        for (size_t i = 0; i < count; i++) {
            host_sent(h, out[i]);
            pkt_release(out[i]);
        }
        if (h->owes_arp) /* not before: what was given out is valid until the next call */
            host_answer_arp(h);
    }
    FUZZ_CHECK(net_deadline(&h->n) >= h->now);
}

/* Checksums that are right for the bytes, whatever those are. */
static void frame_repair(uint8_t *p, size_t len)
{
    static const struct {
        uint8_t proto, at;
    } sums[] = {
        {IP_PROTO_ICMP, ICMP4_SUM},
        {IP_PROTO_IGMP, IGMP_SUM },
        {IP_PROTO_TCP,  TCP_SUM  },
        {IP_PROTO_UDP,  UDP_SUM  }
    };

    if (len < ETH_HDR_LEN + IP4_HDR_LEN || get16(p + ETH_TYPE) != ETH_TYPE_IP4)
        return;
    uint8_t *ip = p + ETH_HDR_LEN;
    size_t hdr_len = (size_t)(ip[IP4_VIHL] & 0xf) * 4, total = get16(ip + IP4_TOTAL);

    if (hdr_len < IP4_HDR_LEN || total < hdr_len || total > len - ETH_HDR_LEN)
        return;
    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, hdr_len)));
    if ((get16(ip + IP4_FRAG) & (IP4_MF | IP4_OFFSET)) != 0)
        return;
    uint8_t *l4 = ip + hdr_len;
    size_t l4_len = total - hdr_len;
    uint64_t pseudo = csum_pseudo(ip_addr_v4(get32(ip + IP4_SRC)), ip_addr_v4(get32(ip + IP4_DST)),
                                  ip[IP4_PROTO], (uint32_t)l4_len);

    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        if (sums[i].proto == ip[IP4_PROTO] && l4_len >= sums[i].at + 2u) {
            put16(l4 + sums[i].at, 0);
            put16(l4 + sums[i].at,
                  csum_finish(csum_add(ip[IP4_PROTO] <= IP_PROTO_IGMP ? 0 : pseudo, l4, l4_len)));
        }
    }
}

/* The headers of an IPv4 datagram of the peer, in front of @len bytes that already stand there. */
static void host_header(uint8_t *frame, struct ip4_hdr *ip, size_t len)
{
    ip->src = PEER;
    ip->dst = HOST;
    ip->total = (uint16_t)(IP4_HDR_LEN + len);
    eth_emit(&(struct eth_hdr){host_mac, peer_mac, ETH_TYPE_IP4}, frame);
    ip4_emit(ip, frame + ETH_HDR_LEN);
    frame_repair(frame, (size_t)ETH_HDR_LEN + ip->total);
}

static void host_datagram(struct fuzz_host *h, uint8_t *frame, struct ip4_hdr ip, size_t len)
{
    host_header(frame, &ip, len);
    host_frame(h, frame, (size_t)ETH_HDR_LEN + ip.total);
}

/* A little before or after @seq. */
static tcp_seq fuzz_near(uint32_t seq, uint8_t by, uint32_t scale)
{
    return by < 128 ? seq_add(seq_of(seq), scale * by) : seq_sub(seq_of(seq), scale * (256u - by));
}

static void step_segment(struct fuzz_host *h, struct input *in)
{
    static uint8_t frame[16384];
    uint8_t *tcp = frame + ETH_HDR_LEN + IP4_HDR_LEN, which = in8(in);
    struct peer_conn *c = &h->conn[which % CONNS];
    uint32_t scale = which & 0x40 ? 1460 : 1; /* whole segments back, or single bytes */
    uint8_t flags = in8(in);
    tcp_seq seq = fuzz_near(c->snd_nxt, in8(in), scale);
    tcp_seq ack = fuzz_near(c->rcv_nxt, in8(in), scale);
    uint16_t wnd = in16(in);
    size_t opt_len = (size_t)(in8(in) % 11) * 4, data_len = in16(in) % 1440;

    memset(frame, 0, sizeof(frame));
    if (which & 0x80) /* several at once, as a wire joins them */
        data_len *= 10;
    put16(tcp + TCP_SRC, c->port);
    put16(tcp + TCP_DST, c->host_port);
    put32(tcp + TCP_SEQ, seq.v);
    put32(tcp + TCP_ACKNO, ack.v);
    tcp[TCP_OFF] = (uint8_t)((TCP_HDR_LEN + opt_len) / 4 << 4);
    tcp[TCP_FLAGS] = flags;
    put16(tcp + TCP_WND, wnd);
    in_bytes(in, tcp + TCP_HDR_LEN, opt_len);
    memset(tcp + TCP_HDR_LEN + opt_len, 'd', data_len);
    h->joins = true;
    host_datagram(h, frame, (struct ip4_hdr){.ttl = 64, .proto = IP_PROTO_TCP, .df = true},
                  TCP_HDR_LEN + opt_len + data_len);
    h->joins = false;
}

static void step_fragment(struct fuzz_host *h, struct input *in)
{
    static const uint8_t protos[] = {IP_PROTO_UDP, IP_PROTO_ICMP, IP_PROTO_TCP, 99};
    uint8_t frame[1600] = {0}, what = in8(in);
    struct ip4_hdr ip = {
        .ttl = 64,
        .proto = protos[what & 3],
        .mf = (what & 4) != 0,
        .id = what >> 3 & 3,
        .frag_off = (uint16_t)((in16(in) & 0x1fff) * 8),
    };
    size_t len = in16(in) % 1481;

    in_bytes(in, frame + ETH_HDR_LEN + IP4_HDR_LEN, size_min(len, in->len));
    if ((what & 0x20) && ip.proto == IP_PROTO_UDP && !ip.mf && ip.frag_off == 0 &&
        len >= UDP_HDR_LEN) {
        host_header(frame, &ip, len);
        host_train(h, frame, (size_t)ETH_HDR_LEN + ip.total, what & 0x40, (uint16_t)(in8(in) + 1));
    } else {
        host_datagram(h, frame, ip, len);
    }
}

static void step_frame(struct fuzz_host *h, struct input *in, uint8_t how)
{
    uint8_t frame[1600];
    size_t len = size_min(in16(in) % sizeof(frame), in->len);

    in_bytes(in, frame, len);
    if ((how & 0x10) && len >= ETH_HDR_LEN) {
        put_mac(frame + ETH_DST, host_mac);
        put_mac(frame + ETH_SRC, peer_mac);
    }
    if ((how & 0x40) && len >= ETH_HDR_LEN + IP4_HDR_LEN)
        put_mac(frame + ETH_DST, ip4_group_mac(get32(frame + ETH_HDR_LEN + IP4_DST)));
    if (how & 0x20)
        frame_repair(frame, len);
    host_frame(h, frame, len);
}

static int host_sock(const struct fuzz_host *h, struct input *in)
{
    uint8_t which = in8(in);

    return h->sock_count == 0 ? h->listener : h->socks[which % h->sock_count];
}

static void host_keep(struct fuzz_host *h, int sd)
{
    FUZZ_CHECK(h->sock_count < SOCKS);
    h->socks[h->sock_count++] = sd;
}

static void host_close(struct fuzz_host *h, int sd)
{
    for (int i = 0; i < h->sock_count; i++) {
        if (h->socks[i] == sd) {
            FUZZ_CHECK(sock_close(net_socks(&h->n), sd) == 0);
            h->socks[i] = h->socks[--h->sock_count];
            return;
        }
    }
}

static void step_open(struct fuzz_host *h, struct input *in)
{
    struct sock_addr to = {ip_addr_v4(PEER), in16(in)};
    int sd = h->sock_count < SOCKS ? sock_open(net_socks(&h->n), SOCK_KIND_TCP) : -1;

    if (sd < 0)
        return;
    host_keep(h, sd);
    if (h->n.tcp.cfg.fastopen != 0)
        (void)sock_connect_send(net_socks(&h->n), sd, &to, "with the SYN", 12, 0);
    else
        (void)sock_connect(net_socks(&h->n), sd, &to);
}

static void step_call(struct fuzz_host *h, struct input *in)
{
    static uint8_t buf[8192];
    struct socks *s = net_socks(&h->n);
    uint8_t call = in8(in);
    struct sock_addr peer;
    struct span out[2];
    struct mspan room;
    int n;

    switch (call % 11) {
    case 0:
        if (h->sock_count < SOCKS && (n = sock_accept(s, h->listener, &peer)) >= 0)
            host_keep(h, n);
        break;
    case 1:
        (void)sock_send(s, host_sock(h, in), buf, in16(in) % sizeof(buf), call >> 6 & 2);
        break;
    case 2:
        n = sock_recv(s, host_sock(h, in), buf, in16(in) % sizeof(buf), call >> 7);
        FUZZ_CHECK(n <= (int)sizeof(buf));
        break;
    case 3:
        (void)sock_shutdown(s, host_sock(h, in), (enum sock_how)(call >> 4 & 1));
        break;
    case 4:
        host_close(h, host_sock(h, in));
        break;
    case 5:
        step_open(h, in);
        break;
    case 6:
        if (call & 0x20)
            (void)sock_setopt(s, h->udp, SOCK_OPT_UDP_SEGMENT, in8(in));
        (void)sock_setopt(s, h->udp, SOCK_OPT_UDP_GRO, call >> 7);
        n = sock_recvfrom(s, h->udp, buf, sizeof(buf), &peer);
        if (n >= 0)
            (void)sock_sendto(s, h->udp, buf, (size_t)n, &peer);
        break;
    case 7:
        n = host_sock(h, in);
        if (sock_peek(s, n, out, &peer) > 0)
            FUZZ_CHECK(sock_consume(s, n, (out[0].len + out[1].len) / 2) <= 0);
        break;
    case 8:
        n = host_sock(h, in);
        if (sock_reserve(s, n, 1000, &room) > 0) {
            memset(room.p, 'r', room.len);
            (void)sock_commit(s, n, room.len, 0);
        }
        break;
    case 9: /* a group, of few; joins and leaves as they come */
        n = in8(in);
        if (n & 0x40)
            (void)sock_sendto(s, h->udp, buf, 100,
                              &(struct sock_addr){ip_addr_v4(GROUP), UDP_PORT});
        if (n & 0x80)
            (void)sock_group_leave(s, h->udp, ip_addr_v4(GROUP | (n & 15)), -1);
        else
            (void)sock_group_join(s, h->udp, ip_addr_v4(GROUP | (n & 15)), -1);
        break;
    default:
        (void)sock_setopt(s, host_sock(h, in), SOCK_OPT_LINGER, (int)(call >> 5) - 1);
        break;
    }
}

static void host_pass(struct fuzz_host *h, net_time by)
{
    h->now += by;
    net_input(&h->n, NULL, 0, h->now);
}

static void net_step(struct fuzz_host *h, struct input *in)
{
    uint8_t op = in8(in);

    switch (op & 7) {
    case 0:
        step_frame(h, in, op);
        break;
    case 1:
        host_pass(h, (net_time)1 << in8(in) % 38);
        break;
    case 2:
    case 3:
        step_segment(h, in);
        break;
    case 4:
        step_fragment(h, in);
        break;
    case 5: { /* as an event loop does */
        net_time at = net_deadline(&h->n);

        if (at < h->now + NET_SEC(1000))
            host_pass(h, at - h->now);
        break;
    }
    case 6:
        h->answers_arp = (op & 8) == 0;
        break;
    default:
        step_call(h, in);
        break;
    }
    if ((op & 0x80) == 0) /* otherwise several records share one batch */
        host_drain(h);
}

/* Every event can be encoded, in each form. */
static void host_trace(void *ctx, const struct trace_ev *ev)
{
    char text[1024];

    (void)ctx;
    FUZZ_CHECK(trace_json(ev, text, sizeof(text)) > 0);
    FUZZ_CHECK(trace_text(ev, text, sizeof(text)) > 0);
    FUZZ_CHECK(trace_comment(ev, text, sizeof(text)) < sizeof(text));
}

/* @how: policy of the half-open pool, its size, and whether everything is traced */
static void host_start(struct fuzz_host *h, uint8_t how)
{
    static uint8_t *mem;
    static size_t mem_len;
    struct net_config cfg;

    net_config_default(&cfg);
    cfg.packets = 256;
    cfg.bigs = 8;
    cfg.tcp.kept_burst = 0;
    cfg.buffer_bytes = (size_t)1 << BUDDY_TOP_MIN;
    cfg.txq = 64;
    cfg.tcp.connections = 32;
    cfg.tcp.idle = how >> 4 & 3;
    cfg.tcp.full_idle = 0;
    cfg.tcp.half_open = 1 + (how >> 2 & 3);
    cfg.tcp.syn_policy = (enum tcp_syn_policy)(how & 3);
    cfg.tcp.mtu_probing = how >> 6 & 3;
    cfg.tcp.time_wait = 4;
    cfg.tcp.backlog = 3;
    if (how & 0x20) /* data of SYNs, without cookies, which nobody can guess */
        cfg.tcp.fastopen = TCP_FO_CLIENT | TCP_FO_CLIENT_NO_COOKIE | TCP_FO_SERVER |
                           TCP_FO_SERVER_NO_COOKIE | TCP_FO_SERVER_ALL;
    else if (how & 0x40)
        cfg.tcp.fastopen = TCP_FO_CLIENT | TCP_FO_SERVER | TCP_FO_SERVER_ALL;
    cfg.tcp.fastopen_cache = cfg.tcp.fastopen_pending = 2;
    cfg.udp.sockets = 8;
    cfg.socks = (struct socks_config){.sockets = 64, .polls = 2};
    cfg.ifs[0].arp.entries = 16;
    cfg.ifs[0].arp.detect = false;
    cfg.ifs[0].gso_max = how & 0x80 ? UINT16_MAX : 0;
    if (mem == NULL) {
        mem_len = net_mem_size(&cfg) + 4096; /* half-open pools differ in size */
        mem = mmap(NULL, mem_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        FUZZ_CHECK(mem != MAP_FAILED);
    } else { /* zero-filled again, without writing it all */
        FUZZ_CHECK(madvise(mem, mem_len, MADV_DONTNEED) == 0);
    }
    memset(h, 0, sizeof(*h));
    FUZZ_CHECK(net_init(&h->n, &cfg, mem, mem_len) == 0);
    if (how & 0x10)
        h->n.core.trace = (struct trace){.mask = UINT32_MAX, .sink = host_trace};
    for (unsigned i = 0; i < CONNS; i++)
        h->conn[i] = (struct peer_conn){(uint16_t)(PEER_PORT + i), TCP_PORT, 0xffffff00, 0};
    h->answers_arp = true;
    struct socks *s = net_socks(&h->n);
    struct sock_addr tcp = {IP_ADDR_ANY, TCP_PORT}, udp = {IP_ADDR_ANY, UDP_PORT};

    h->listener = sock_open(s, SOCK_KIND_TCP);
    h->udp = sock_open(s, SOCK_KIND_UDP);
    FUZZ_CHECK(h->listener >= 0 && sock_bind(s, h->listener, &tcp) == 0);
    FUZZ_CHECK(sock_listen(s, h->listener, 0) == 0);
    FUZZ_CHECK(h->udp >= 0 && sock_bind(s, h->udp, &udp) == 0);
}

/* The user goes, the peer is silent: in the end nothing may be left. */
static void host_end(struct fuzz_host *h)
{
    struct socks *s = net_socks(&h->n);
    unsigned wakes = 0;

    h->answers_arp = false;
    while (h->sock_count > 0)
        host_close(h, h->socks[0]);
    FUZZ_CHECK(sock_close(s, h->listener) == 0);
    FUZZ_CHECK(sock_close(s, h->udp) == 0);
    host_drain(h);
    net_time end = h->now + NET_SEC(7200);

    for (net_time at; (at = net_deadline(&h->n)) < end; wakes++) {
        FUZZ_CHECK(wakes < 20000);
        host_pass(h, at - h->now);
        host_drain(h);
    }
    FUZZ_CHECK(net_connections(&h->n) == 0);
    FUZZ_CHECK(h->n.ip.igmp.groups.used == 0 && h->n.udp.members.used == 0);
    FUZZ_CHECK(h->n.core.pkts.slab.used == 0);
    FUZZ_CHECK(h->n.tcp.kept.packets == 0);
    FUZZ_CHECK(h->n.core.bigs.slab.used == 0);
    FUZZ_CHECK(h->n.core.bufs.used == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct fuzz_host h;
    struct input in = {bytes, len};

    host_start(&h, in8(&in));
    for (unsigned step = 0; in.len > 0 && step < 500; step++)
        net_step(&h, &in);
    host_end(&h);
    return 0;
}
