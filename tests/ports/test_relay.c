/*
 * Hosts that are one to the outside, and what they hand over to one another: three of them, b[0..2], all
 * 10.0.0.2, and a (10.0.0.1) that knows of none of this. Each frame of a goes to the one that the test says,
 * as a kernel would that steers badly. Virtual time, one thread.
 */
#include "relay.h"
#include "unit/hosts.h"
#include "wire/icmp4.h"

enum { TWINS = 3, PORT = 7000 };
enum { RING_ROOM = RELAY_RING + 4096 }; /* a ring, and what must stay zero behind it */

struct twins {
    struct net a, b[TWINS];
    struct relay r[TWINS];
    void *memory[TWINS + 1], *rings;
    net_time now;
    int to;             /* which of b gets the next frames of a */
    bool is_cut;        /* frames of b do not arrive */
    uint8_t last[2048]; /* the last frame of b */
    size_t last_len;
    unsigned out[TWINS]; /* frames of each b */
};

static void twins_begin_with(struct twins *w, struct net_config *b)
{
    struct net_config a;

    memset(w, 0, sizeof(*w));
    hosts_config(&a, 1);
    w->memory[TWINS] = hosts_bring_up(&w->a, &a);
    w->rings = calloc(TWINS, RING_ROOM);
    T_NEED(w->rings != NULL);
    for (uint16_t i = 0; i < TWINS; i++) {
        b->twin = i;
        b->ifs[0].arp.quiet = i > 0;
        w->memory[i] = hosts_bring_up(&w->b[i], b);
        relay_init(&w->r[i], &w->b[i], i, (uint8_t *)w->rings + (size_t)i * RING_ROOM);
        w->r[i].next = &w->r[(i + 1) % TWINS];
    }
}

static void twins_run(struct twins *w, net_time span);

/* Let all know their neighbours, and count from there. */
static void twins_warm(struct twins *w)
{
    struct icmp4_ping_result r;

    T_EQ(icmp4_ping_send(&w->a.ip, HOST_B, 1, 1, 0, 0), 0);
    twins_run(w, NET_MS(10));
    T_EQ(icmp4_ping_recv(&w->a.ip, 1, &r), 0);
    memset(w->out, 0, sizeof(w->out));
    for (int i = 0; i < TWINS; i++) {
        memset(w->b[i].core.drops, 0, sizeof(w->b[i].core.drops));
        w->r[i].passed = 0;
    }
}

static struct twins *twins_begin(void)
{
    static struct twins w;
    struct net_config b;

    hosts_config(&b, 2);
    twins_begin_with(&w, &b);
    twins_warm(&w);
    return &w;
}

/* A frame from a's side of the wire to b[w->to]. */
static void twins_in(struct twins *w, const uint8_t *frame, size_t len)
{
    struct net *n = &w->b[w->to];
    struct pkt *p = net_pkt(n);

    T_NEED(p != NULL);
    memcpy(pkt_append(p, (uint32_t)len), frame, len);
    net_input(n, &p, 1, w->now);
}

static size_t twins_out(struct twins *w, struct net *from)
{
    struct pkt *out[32];
    size_t count = net_output(from, out, ARRAY_LEN(out), w->now);

    for (size_t i = 0; i < count; i++) {
        uint8_t frame[2048];
        size_t len = pkt_total(out[i]);

        T_NEED(len <= sizeof(frame));
        pkt_csum_complete(out[i]);
        pkt_copy_out(out[i], frame);
        pkt_release(out[i]);
        if (from == &w->a) {
            twins_in(w, frame, len);
            continue;
        }
        w->out[from - w->b]++;
        memcpy(w->last, frame, len);
        w->last_len = len;
        struct pkt *q = w->is_cut ? NULL : net_pkt(&w->a);

        if (q != NULL) {
            memcpy(pkt_append(q, (uint32_t)len), frame, len);
            net_input(&w->a, &q, 1, w->now);
        }
    }
    return count;
}

static void twins_tick(struct twins *w, net_time now)
{
    w->now = now;
    net_input(&w->a, NULL, 0, now);
    for (int i = 0; i < TWINS; i++)
        net_input(&w->b[i], NULL, 0, now);
}

/* Let @span pass. */
static void twins_run(struct twins *w, net_time span)
{
    net_time end = w->now + span;

    for (;;) {
        size_t moved;

        do {
            moved = twins_out(w, &w->a);
            for (int i = 0; i < TWINS; i++)
                moved += (size_t)relay_run(&w->r[i], 100) + twins_out(w, &w->b[i]);
        } while (moved > 0);
        net_time next = net_deadline(&w->a);

        for (int i = 0; i < TWINS; i++)
            next = net_time_min(next, net_deadline(&w->b[i]));
        if (next > end)
            break;
        T_NEED(next > w->now);
        twins_tick(w, next);
    }
    twins_tick(w, end);
}

static void twins_end(struct twins *w)
{
    twins_run(w, NET_SEC(400));
    hosts_check_empty(&w->a);
    for (int i = 0; i < TWINS; i++) {
        hosts_check_empty(&w->b[i]);
        T_FALSE(relay_pending(&w->r[i]));
        free(w->memory[i]);
        static const uint8_t zeros[RING_ROOM - RELAY_RING];

        T_MEM(w->r[i].in.buf + RELAY_RING, zeros, sizeof(zeros));
    }
    free(w->memory[TWINS]);
    free(w->rings);
}

static uint64_t drops(const struct twins *w, enum verdict why)
{
    uint64_t sum = 0;

    for (int i = 0; i < TWINS; i++)
        sum += w->b[i].core.drops[why];
    return sum;
}

static uint64_t all_drops(const struct twins *w)
{
    uint64_t sum = 0;

    for (enum verdict v = V_DONE + 1; v < V_COUNT; v++)
        sum += drops(w, v);
    return sum;
}

static uint64_t resets(const struct twins *w)
{
    return w->b[0].tcp.stats.rsts_out + w->b[1].tcp.stats.rsts_out + w->b[2].tcp.stats.rsts_out;
}

static int listener(struct net *n)
{
    struct socks *s = net_socks(n);
    int sd = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_bind(s, sd, &(struct sock_addr){IP_ADDR_ANY, PORT}), 0);
    T_EQ(sock_listen(s, sd, 8), 0);
    return sd;
}

static int connecting(struct twins *w)
{
    int sd = sock_open(net_socks(&w->a), SOCK_KIND_TCP);

    T_EQ(sock_connect(net_socks(&w->a), sd, &(struct sock_addr){HOST_B, PORT}), -EINPROGRESS);
    return sd;
}

static int accepted(struct twins *w, int twin, int listening)
{
    struct sock_addr peer;
    int sd = sock_accept(net_socks(&w->b[twin]), listening, &peer);

    T_NEED(sd >= 0);
    return sd;
}

static void send_text(struct net *n, int sd, const char *text)
{
    T_EQ(sock_send(net_socks(n), sd, text, strlen(text), 0), (int)strlen(text));
}

static const char *received(struct net *n, int sd)
{
    static char text[256];
    int len = sock_recv(net_socks(n), sd, text, sizeof(text) - 1, 0);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void close_both(struct twins *w, int a, int twin, int b)
{
    T_EQ(sock_close(net_socks(&w->a), a), 0);
    T_EQ(sock_close(net_socks(&w->b[twin]), b), 0);
}

static void note_frame(void *ctx, const struct trace_ev *ev)
{
    if (strcmp(ev->u.seg.dir, "in") == 0)
        *(uint64_t *)ctx = ev->frame;
}

static void test_relay_a_segment_that_came_to_another_queue_finds_its_connection(void)
{
    struct twins *w = twins_begin();
    int l = listener(&w->b[0]), a = connecting(w);

    twins_run(w, NET_MS(10));
    int b = accepted(w, 0, l);
    uint64_t frame = 0;

    w->b[0].core.trace = (struct trace){1u << TRACE_seg, note_frame, &frame};
    for (w->to = 2; w->to > 0; w->to--) { /* with one more to pass, and with two */
        w->b[w->to].core.frames = (uint64_t)w->to * 1000;
        send_text(&w->a, a, "to the wrong door");
        twins_run(w, NET_MS(100));
        T_EQ(frame, w->to * 1000 + 1); /* its number is that of where it arrived */
        T_STR(received(&w->b[0], b), "to the wrong door");
        send_text(&w->b[0], b, "it was heard");
        twins_run(w, NET_MS(100));
        T_STR(received(&w->a, a), "it was heard");
    }
    T_EQ(resets(w), 0);
    T_EQ(all_drops(w), 0);
    T_EQ(w->out[1] + w->out[2], 0); /* all answers came from where the connection is */
    T_EQ(w->a.tcp.stats.rtx_segs, 0);
    w->to = 1;
    close_both(w, a, 0, b);
    T_EQ(sock_close(net_socks(&w->b[0]), l), 0);
    twins_end(w);
}

static void test_relay_only_one_listens(void)
{
    struct twins *w = twins_begin();
    int l = listener(&w->b[0]);

    w->to = 1; /* SYN, ACK and data */
    int a = connecting(w);

    twins_run(w, NET_MS(10));
    int b = accepted(w, 0, l);

    send_text(&w->a, a, "hello");
    twins_run(w, NET_MS(10));
    T_STR(received(&w->b[0], b), "hello");
    T_EQ(resets(w), 0);
    close_both(w, a, 0, b);
    T_EQ(sock_close(net_socks(&w->b[0]), l), 0);
    twins_end(w);
}

static void test_relay_where_a_listener_is_a_syn_is_taken(void)
{
    struct twins *w = twins_begin();
    int l0 = listener(&w->b[0]), l1 = listener(&w->b[1]);

    w->to = 1;
    int a = connecting(w);

    twins_run(w, NET_MS(10));
    int b = accepted(w, 1, l1);

    T_EQ(w->r[1].passed, 0);
    T_EQ(sock_accept(net_socks(&w->b[0]), l0, NULL), -EAGAIN);
    close_both(w, a, 1, b);
    T_EQ(sock_close(net_socks(&w->b[0]), l0), 0);
    T_EQ(sock_close(net_socks(&w->b[1]), l1), 0);
    twins_end(w);
}

static void test_relay_nobody_listens_one_reset(void)
{
    struct twins *w = twins_begin();

    w->to = 1;
    int a = connecting(w);

    twins_run(w, NET_MS(10));
    T_EQ(sock_recv(net_socks(&w->a), a, NULL, 0, 0), -ECONNREFUSED);
    T_EQ(resets(w), 1);
    T_EQ(w->b[1].tcp.stats.rsts_out, 1); /* where it had arrived */
    T_EQ(drops(w, V_DROP_TCP_CLOSED), 1);
    T_EQ(all_drops(w), 1);
    T_EQ(sock_close(net_socks(&w->a), a), 0);
    twins_end(w);
}

static void test_relay_a_cookie_comes_back_to_another_queue(void)
{
    static struct twins w;
    struct net_config b;

    hosts_config(&b, 2);
    b.tcp.half_open = 0;
    b.tcp.syn_policy = TCP_SYN_COOKIES;
    twins_begin_with(&w, &b);
    twins_warm(&w);
    int l[TWINS];

    for (int i = 0; i < TWINS; i++)
        l[i] = listener(&w.b[i]);
    int a = connecting(&w);

    while (w.b[0].tcp.stats.cookies_sent == 0) { /* SYN to b[0], which answers and forgets */
        T_NEED(twins_out(&w, &w.a) + (size_t)relay_run(&w.r[1], 9) + (size_t)relay_run(&w.r[2], 9) +
                   (size_t)relay_run(&w.r[0], 9) + twins_out(&w, &w.b[0]) >
               0);
    }
    w.to = 2; /* its ACK to b[2] */
    twins_run(&w, NET_MS(10));
    int s = accepted(&w, 0, l[0]); /* who made it */

    send_text(&w.a, a, "sweet");
    twins_run(&w, NET_MS(10));
    T_STR(received(&w.b[0], s), "sweet");
    T_EQ(resets(&w), 0);
    T_EQ(w.b[0].tcp.stats.cookies_ok, 1);
    close_both(&w, a, 0, s);
    for (int i = 0; i < TWINS; i++)
        T_EQ(sock_close(net_socks(&w.b[i]), l[i]), 0);
    twins_end(&w);
}

static int udp_at(struct net *n, uint16_t port)
{
    int sd = sock_open(net_socks(n), SOCK_KIND_UDP);

    T_EQ(sock_bind(net_socks(n), sd, &(struct sock_addr){IP_ADDR_ANY, port}), 0);
    return sd;
}

static void udp_tell(struct twins *w, int sd, struct ip_addr to, const void *bytes, size_t len)
{
    T_EQ(sock_sendto(net_socks(&w->a), sd, bytes, len, &(struct sock_addr){to, PORT}), (int)len);
    twins_run(w, NET_MS(10));
}

static void test_relay_a_datagram_finds_its_socket(void)
{
    struct twins *w = twins_begin();
    int a = udp_at(&w->a, 1000), b = udp_at(&w->b[0], PORT);
    static uint8_t big[4000], got[5000];

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7 + i / 256);
    w->to = 1;
    udp_tell(w, a, HOST_B, "small", 5);
    T_STR(received(&w->b[0], b), "small");
    udp_tell(w, a, HOST_B, big, sizeof(big)); /* fragments, put together by b[1] */
    T_EQ(w->b[1].ip.reass.reassembled, 1);
    T_EQ(sock_recv(net_socks(&w->b[0]), b, got, sizeof(got), 0), (int)sizeof(big));
    T_MEM(got, big, sizeof(big));
    T_EQ(sock_setopt(net_socks(&w->a), a, SOCK_OPT_BROADCAST, 1), 0);
    udp_tell(w, a, ip_addr_v4(0x0a0000ff), "all of you", 10); /* the subnet's broadcast */
    T_STR(received(&w->b[0], b), "all of you");
    T_EQ(all_drops(w), 0);
    T_EQ(sock_close(net_socks(&w->b[0]), b), 0);
    udp_tell(w, a, HOST_B, "nobody", 6);
    T_EQ(drops(w, V_DROP_UDP_NO_PORT), 1);
    T_EQ(w->b[1].ip.icmp.tx_errors, 1); /* one port unreachable, from where it had arrived */
    T_EQ(w->b[0].ip.icmp.tx_errors + w->b[2].ip.icmp.tx_errors, 0);
    T_EQ(sock_close(net_socks(&w->a), a), 0);
    twins_end(w);
}

static void test_relay_a_group_that_one_has_joined(void)
{
    struct twins *w = twins_begin();
    const struct ip_addr group = ip_addr_v4(0xef010203), other = ip_addr_v4(0xef010204);
    int a = udp_at(&w->a, 1000), b = udp_at(&w->b[0], PORT);

    T_EQ(sock_group_join(net_socks(&w->b[0]), b, group, -1), 0);
    twins_run(w, NET_SEC(60)); /* reports */
    uint64_t before = all_drops(w);

    w->to = 2;
    udp_tell(w, a, group, "members", 7);
    T_STR(received(&w->b[0], b), "members");
    T_EQ(all_drops(w), before);
    udp_tell(w, a, other, "nobody", 6);
    T_EQ(all_drops(w), before + 1); /* it went around, and is refused once */
    T_EQ(w->b[2].core.drops[V_DROP_IP4_NOT_FOR_US], 1);
    T_EQ(sock_close(net_socks(&w->b[0]), b), 0);
    T_EQ(sock_close(net_socks(&w->a), a), 0);
    twins_end(w);
}

/* An ICMP error of @type and @code with @word about the last frame of b, to b[w->to]. */
static void twins_error(struct twins *w, uint8_t type, uint8_t code, uint32_t word)
{
    enum { QUOTE = 28, LEN = ETH_HDR_LEN + IP4_HDR_LEN + ICMP4_HDR_LEN + QUOTE };
    uint8_t f[LEN], *ip = f + ETH_HDR_LEN, *m = ip + IP4_HDR_LEN;

    eth_emit(&(struct eth_hdr){w->b[0].ifs[0].eth.mac, w->a.ifs[0].eth.mac, ETH_TYPE_IP4}, f);
    ip4_emit(&(struct ip4_hdr){.src = 0x0a000001,
                               .dst = 0x0a000002,
                               .total = LEN - ETH_HDR_LEN,
                               .hdr_len = IP4_HDR_LEN,
                               .ttl = 64,
                               .proto = IP_PROTO_ICMP},
             ip);
    icmp4_emit(&(struct icmp4_hdr){type, code, 0, word}, m);
    memcpy(m + ICMP4_HDR_LEN, w->last + ETH_HDR_LEN, QUOTE);
    put16(m + ICMP4_SUM, csum_finish(csum_add(0, m, ICMP4_HDR_LEN + QUOTE)));
    twins_in(w, f, LEN);
}

static void test_relay_an_icmp_error_finds_its_connection(void)
{
    static const uint8_t bytes[4000];
    struct twins *w = twins_begin();
    int l = listener(&w->b[0]), a = connecting(w);
    struct tcp_status s;
    uint32_t at = 0;

    twins_run(w, NET_MS(10));
    int b = accepted(w, 0, l);

    w->is_cut = true; /* a router on the way takes 1000 bytes at most, and says so */
    T_EQ(sock_send(net_socks(&w->b[0]), b, bytes, sizeof(bytes), 0), (int)sizeof(bytes));
    T_EQ(twins_out(w, &w->b[0]), 2);
    w->to = 1;
    twins_error(w, ICMP4_UNREACH, ICMP4_FRAG_NEEDED, 1000);
    T_EQ(relay_run(&w->r[2], 9), 1); /* the one between */
    T_EQ(relay_run(&w->r[0], 9), 1);
    T_EQ(relay_run(&w->r[1], 9), 0); /* it does not come back: all have heard it */
    do
        T_NEED(tcp_each(&w->b[0].tcp, &at, &s));
    while (s.state != TCP_ESTABLISHED);
    T_EQ(s.pmtu, 1000);
    T_EQ(all_drops(w), 0);
    w->last[ETH_HDR_LEN + IP4_HDR_LEN] ^= 1; /* of a port that nobody has */
    twins_error(w, ICMP4_UNREACH, ICMP4_PORT, 0);
    w->is_cut = false;
    twins_run(w, NET_SEC(1));
    T_EQ(drops(w, V_DROP_ICMP4_NO_OWNER), 1);
    close_both(w, a, 0, b);
    T_EQ(sock_close(net_socks(&w->b[0]), l), 0);
    twins_end(w);
}

static void test_relay_a_ping_hears_its_answer(void)
{
    struct twins *w = twins_begin();
    struct icmp4_ping_result r;

    w->to = 2;
    T_EQ(icmp4_ping_send(&w->b[0].ip, HOST_A, 7, 1, 3000, 0), 0); /* fragments, too */
    twins_run(w, NET_MS(10));
    T_EQ(icmp4_ping_recv(&w->b[0].ip, 7, &r), 0);
    T_EQ(r.len, 3000);
    T_FALSE(r.is_error);
    T_EQ(all_drops(w), 0);
    uint64_t passed = w->r[2].passed;

    T_EQ(icmp4_ping_send(&w->a.ip, HOST_B, 8, 1, 10, 0), 0); /* and a question is answered once */
    memset(w->out, 0, sizeof(w->out));
    twins_run(w, NET_MS(10));
    T_EQ(icmp4_ping_recv(&w->a.ip, 8, &r), 0);
    T_EQ(w->out[0] + w->out[1], 0);
    T_EQ(w->out[2], 1);
    T_EQ(w->r[2].passed, passed); /* nobody else is bothered with it */
    twins_end(w);
}

static void twins_arp(struct twins *w, const struct arp_pkt *pkt)
{
    uint8_t f[ETH_HDR_LEN + ARP_PKT_LEN];

    eth_emit(&(struct eth_hdr){MAC_BROADCAST, pkt->sha, ETH_TYPE_ARP}, f);
    arp_emit(pkt, f + ETH_HDR_LEN);
    twins_in(w, f, sizeof(f));
    for (int i = 0; i < 2 * TWINS; i++)
        (void)relay_run(&w->r[i % TWINS], 9);
    for (int i = 0; i < TWINS; i++)
        (void)twins_out(w, &w->b[i]);
}

static bool knows(const struct net *n, uint32_t ip, uint8_t last_byte)
{
    struct arp_info i;
    uint32_t at = 0;

    while (arp_each(&n->ifs[0].arp, &at, &i)) {
        if (i.ip == ip && i.mac.b[5] == last_byte)
            return true;
    }
    return false;
}

static void test_relay_one_announces_the_address(void)
{
    static struct twins w;
    struct net_config b;

    hosts_config(&b, 2);
    b.ifs[0].arp.detect = true;
    twins_begin_with(&w, &b);
    T_EQ(arp_own_state(&w.b[0].ifs[0].arp, 0x0a000002, NULL), ARP_OWN_PROBING);
    T_EQ(arp_own_state(&w.b[1].ifs[0].arp, 0x0a000002, NULL), ARP_OWN_OURS);
    twins_run(&w, NET_SEC(20));
    T_EQ(w.out[0], 5); /* three probes, two announcements */
    T_EQ(w.out[1] + w.out[2], 0);
    twins_end(&w);
}

static void test_relay_arp_is_heard_by_all_and_answered_by_one(void)
{
    struct twins *w = twins_begin();
    struct mac here = w->a.ifs[0].eth.mac, there = here;

    here.b[5] = 9;
    there.b[5] = 8;

    w->is_cut = true;
    w->to = 1;
    twins_arp(
        w, &(struct arp_pkt){.op = ARP_REQUEST, .sha = here, .spa = 0x0a000009, .tpa = 0x0a000002});
    T_EQ(w->out[0], 1);
    T_EQ(w->out[1] + w->out[2], 0);
    for (int i = 0; i < TWINS; i++)
        T_TRUE(knows(&w->b[i], 0x0a000009, 9));
    w->to = 2; /* it has moved */
    twins_arp(w, &(struct arp_pkt){
                     .op = ARP_REQUEST, .sha = there, .spa = 0x0a000009, .tpa = 0x0a000009});
    for (int i = 0; i < TWINS; i++)
        T_TRUE(knows(&w->b[i], 0x0a000009, 8));
    T_EQ(all_drops(w), 0);
    twins_arp(
        w, &(struct arp_pkt){.op = ARP_REPLY, .sha = here, .spa = 0x0a000077, .tpa = 0x0a000002});
    T_EQ(all_drops(w), 1); /* asked for by nobody: said once */
    memset(w->out, 0, sizeof(w->out));
    twins_arp(
        w, &(struct arp_pkt){.op = ARP_REQUEST, .sha = here, .spa = 0x0a000002, .tpa = 0x0a000002});
    T_EQ(w->out[0], 1); /* the address is defended */
    T_EQ(w->out[1] + w->out[2], 0);
    w->is_cut = false;
    twins_end(w);
}

/* Datagrams with numbers to b[2], until one finds no room in the ring to b[0]. */
static void fill(struct twins *w, int sd, uint8_t *bytes, size_t len, uint32_t *number,
                 bool is_lost[4096])
{
    uint64_t lost = w->r[2].lost;

    while (w->r[2].lost == lost) {
        put32(bytes, *number);
        T_EQ(sock_sendto(net_socks(&w->a), sd, bytes, len, &(struct sock_addr){HOST_B, PORT}),
             (int)len);
        (void)twins_out(w, &w->a);
        is_lost[(*number)++ % 4096] = w->r[2].lost != lost;
    }
}

static void test_relay_a_full_ring_loses_and_keeps_the_order(void)
{
    struct twins *w = twins_begin();
    int a = udp_at(&w->a, 1000), b = udp_at(&w->b[0], PORT);
    static uint8_t bytes[1000];
    uint32_t sent = 0, got = 0;
    uint64_t lost = 0;

    memset(bytes, 0xff, sizeof(bytes));
    w->to = 2;                                    /* whose next is b[0] */
    for (size_t len = 4; len < 1000; len += 99) { /* round the ring in steps of many lengths */
        uint64_t passed = w->r[2].passed;

        while (w->r[2].lost == lost) { /* b[0] does not look */
            put32(bytes, sent++);
            T_EQ(sock_sendto(net_socks(&w->a), a, bytes, len, &(struct sock_addr){HOST_B, PORT}),
                 (int)len);
            (void)twins_out(w, &w->a);
        }
        lost = w->r[2].lost;
        T_EQ(drops(w, V_DROP_TWIN_FULL), lost);
        T_TRUE((w->r[2].passed - passed) * len <= RELAY_RING);
        for (passed = w->r[2].passed - passed; passed > 0; passed--) {
            T_EQ(relay_run(&w->r[0], 1), 1);
            T_EQ(sock_recv(net_socks(&w->b[0]), b, bytes, sizeof(bytes), 0), (int)len);
            T_EQ(get32(bytes), got++);
        }
        T_FALSE(relay_pending(&w->r[0]));
        got++; /* the lost one */
        T_EQ(got, sent);
    }
    T_EQ(all_drops(w), lost);
    bool is_lost[4096] = {false};

    for (unsigned i = 0; i < 20000; i++) { /* hardly any room, all the way round */
        if (i % 3 == 0)
            fill(w, a, bytes, 900 + i % 97, &sent, is_lost);
        T_EQ(relay_run(&w->r[0], 1), 1);
        T_TRUE(sock_recv(net_socks(&w->b[0]), b, bytes, sizeof(bytes), 0) >= 900);
        while (is_lost[got % 4096])
            is_lost[got++ % 4096] = false;
        T_EQ(get32(bytes), got++);
    }
    while (relay_run(&w->r[0], 1) > 0)
        (void)sock_recv(net_socks(&w->b[0]), b, bytes, sizeof(bytes), 0);
    T_EQ(sock_close(net_socks(&w->a), a), 0);
    T_EQ(sock_close(net_socks(&w->b[0]), b), 0);
    twins_end(w);
}

static void test_relay_numbers_of_datagrams_differ(void)
{
    struct twins *w = twins_begin();
    uint16_t id[TWINS];

    for (int i = 0; i < TWINS; i++) {
        T_EQ(icmp4_ping_send(&w->b[i].ip, HOST_A, 1, 1, 0, 0), 0);
        twins_run(w, NET_MS(10));
        while (w->out[i] == 0)
            twins_run(w, NET_MS(10));
        id[i] = get16(w->last + ETH_HDR_LEN + IP4_ID);
    }
    T_TRUE(id[0] != id[1] && id[1] != id[2] && id[0] != id[2]);
    T_MEM(&w->b[0].tcp.cookie_key, &w->b[2].tcp.cookie_key, sizeof(w->b[0].tcp.cookie_key));
    T_MEM(&w->b[0].tcp.isn_key, &w->b[2].tcp.isn_key, sizeof(w->b[0].tcp.isn_key));
    T_MEM(&w->b[0].tcp.ts_key, &w->b[2].tcp.ts_key, sizeof(w->b[0].tcp.ts_key));
    T_TRUE(prng_u64(&w->b[1].core.prng) != prng_u64(&w->b[2].core.prng));
    twins_end(w);
}

T_MAIN("relay", T(test_relay_a_segment_that_came_to_another_queue_finds_its_connection),
       T(test_relay_only_one_listens), T(test_relay_where_a_listener_is_a_syn_is_taken),
       T(test_relay_nobody_listens_one_reset), T(test_relay_a_cookie_comes_back_to_another_queue),
       T(test_relay_a_datagram_finds_its_socket), T(test_relay_a_group_that_one_has_joined),
       T(test_relay_an_icmp_error_finds_its_connection), T(test_relay_a_ping_hears_its_answer),
       T(test_relay_one_announces_the_address),
       T(test_relay_arp_is_heard_by_all_and_answered_by_one),
       T(test_relay_a_full_ring_loses_and_keeps_the_order),
       T(test_relay_numbers_of_datagrams_differ))
