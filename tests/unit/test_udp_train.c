/*
 * Trains: many UDP datagrams of one length that leave, and arrive, as one packet with gso_size set
 * (udp.c, udp_queue.c).
 */
#include <errno.h>

#include "hosts.h"
#include "l7_application/app.h"

enum { PORT = 7, SEGMENT = 1400, FULL = 44 * SEGMENT, FRAMES = 512 };

/* What left host a, in order. */
struct train_frame {
    uint32_t len, payload; /* of the frame, of UDP */
    uint16_t gso_size, id;
    bool is_right; /* lengths and checksums */
};

static struct {
    struct hosts h;
    int a, b; /* a talks, b listens */
    struct train_frame seen[FRAMES];
    unsigned count;
    uint8_t icmp[600]; /* the last error that b sent, from its ICMP header on */
    unsigned icmps;
} T;

static void note(const struct pkt *p)
{
    struct train_frame *f = &T.seen[T.count++];
    static uint8_t bytes[70000];
    const uint8_t *ip = bytes + ETH_HDR_LEN, *udp = ip + IP4_HDR_LEN;

    T_NEED(T.count < FRAMES);
    pkt_copy_out(p, bytes);
    uint32_t len = get16(udp + UDP_LEN);

    *f = (struct train_frame){pkt_total(p), len - UDP_HDR_LEN, p->gso_size, get16(ip + IP4_ID),
                              true};
    f->is_right =
        get16(ip + IP4_TOTAL) == IP4_HDR_LEN + len && f->len >= ETH_HDR_LEN + IP4_HDR_LEN + len &&
        ip4_sum_ok(ip, IP4_HDR_LEN) &&
        csum_fold(csum_add(csum_pseudo(HOST_A, ip_addr_v4(get32(ip + IP4_DST)), IP_PROTO_UDP, len),
                           udp, len)) == 0xffff;
}

/* As two virtual machines pass frames: partial checksums and gso_size go along. */
static size_t train_move(struct net *from, struct net *to)
{
    struct pkt *out[32];
    size_t count = net_output(from, out, ARRAY_LEN(out), T.h.now);

    for (size_t i = 0; i < count; i++) {
        struct pkt *p = out[i],
                   *q = p->gso_size == 0 ? net_pkt(to) : pkt_alloc(&to->core.bigs, PKT_HEADROOM);

        T_NEED(q != NULL);
        q->gso_size = p->gso_size;
        q->csum_off = p->csum_off;
        q->csum_start = (uint16_t)(p->csum_start - p->off + q->off);
        q->csum = p->csum;
        pkt_copy_out(p, pkt_append(q, pkt_total(p)));
        pkt_csum_complete(p);
        if (from == &T.h.a && p->proto == IP_PROTO_UDP)
            note(p);
        if (from == &T.h.b && p->proto == IP_PROTO_ICMP) {
            T.icmps++;
            memcpy(T.icmp, p->buf + p->l4, u32_min(sizeof(T.icmp), p->off + p->len - p->l4));
        }
        net_input(to, &q, 1, T.h.now);
        pkt_release(p);
    }
    return count;
}

static void run(void)
{
    T.h.now += NET_MS(1);
    net_input(&T.h.a, NULL, 0, T.h.now);
    net_input(&T.h.b, NULL, 0, T.h.now);
    while (train_move(&T.h.a, &T.h.b) + train_move(&T.h.b, &T.h.a) > 0)
        ;
}

static struct socks *sa(void)
{
    return net_socks(&T.h.a);
}
static struct socks *sb(void)
{
    return net_socks(&T.h.b);
}

static uint8_t train_byte(uint32_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

/* Write @len bytes at once, to be cut every @segment. Return: what the call says. */
static int put(uint32_t len, uint16_t segment)
{
    static uint8_t bytes[70000];

    for (uint32_t i = 0; i < len; i++)
        bytes[i] = train_byte(i);
    T_EQ(sock_setopt(sa(), T.a, SOCK_OPT_UDP_SEGMENT, segment), 0);
    return sock_send(sa(), T.a, bytes, len, 0);
}

/* The next read of @sd at @s gives bytes @from on, @len of them, in datagrams of @segment. */
static void get(struct socks *s, int sd, uint32_t from, uint32_t len, uint16_t segment)
{
    static uint8_t bytes[70000];
    struct sock_msg m;

    T_EQ(sock_recvmsg(s, sd, bytes, sizeof(bytes), &m), (int)len);
    T_EQ(m.len, len);
    T_EQ(m.segment, segment);
    for (uint32_t i = 0; i < len; i++)
        T_NEED(bytes[i] == train_byte(from + i));
}

static void get_each(uint32_t len, uint32_t segment)
{
    for (uint32_t at = 0; at < len; at += segment)
        get(sb(), T.b, at, u32_min(segment, len - at), 0);
    T_EQ(sock_recv(sb(), T.b, &(uint8_t){0}, 1, 0), -EAGAIN);
}

static void begin_with(uint16_t gso_max, bool checksum, uint32_t bigs)
{
    struct net_config a, b;
    struct sock_addr to = {HOST_B, PORT};

    memset(&T, 0, sizeof(T));
    hosts_config(&a, 1);
    hosts_config(&b, 2);
    a.ifs[0].gso_max = b.ifs[0].gso_max = gso_max;
    a.udp.checksum = checksum;
    a.bigs = bigs;
    b.bigs = 64;
    hosts_begin_with(&T.h, &a, &b);
    T.b = sock_open(sb(), SOCK_KIND_UDP);
    T_EQ(sock_bind(sb(), T.b, &to), 0);
    T.a = sock_open(sa(), SOCK_KIND_UDP);
    T_EQ(sock_connect(sa(), T.a, &to), 0);
    T_EQ(sock_send(sa(), T.a, "who are you?", 12, 0), 12); /* so that ARP knows */
    run();
    T_EQ(sock_recv(sb(), T.b, &(uint8_t[12]){0}, 12, 0), 12);
    T.count = 0;
}

static void begin(uint16_t gso_max)
{
    begin_with(gso_max, true, 64);
}

static void end(void)
{
    sock_close(sa(), T.a);
    sock_close(sb(), T.b);
    hosts_check_empty(&T.h.a);
    hosts_check_empty(&T.h.b);
    free(T.h.memory[0]);
    free(T.h.memory[1]);
}

static void test_udp_train_is_one_frame_and_many_datagrams(void)
{
    static const uint32_t lens[] = {FULL, FULL - 700, 2 * SEGMENT, SEGMENT + 1};

    begin(UINT16_MAX);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        uint64_t in = T.h.b.udp.stats.in, out = T.h.a.udp.stats.out;
        uint64_t pieces = (lens[i] + SEGMENT - 1) / SEGMENT;

        T.count = 0;
        T_EQ(put(lens[i], SEGMENT), (int)lens[i]);
        run();
        T_EQ(T.count, 1);
        T_EQ(T.seen[0].payload, lens[i]);
        T_EQ(T.seen[0].gso_size, SEGMENT);
        T_TRUE(T.seen[0].is_right);
        T_EQ(T.h.a.udp.stats.out - out, pieces);
        T_EQ(T.h.b.udp.stats.in - in, pieces);
        get_each(lens[i], SEGMENT);
    }
    T_EQ(put(SEGMENT, SEGMENT), SEGMENT); /* one: an ordinary datagram */
    run();
    T_EQ(T.seen[1].gso_size, 0);
    T_EQ(put(0, SEGMENT), 0);
    run();
    get(sb(), T.b, 0, SEGMENT, 0);
    get(sb(), T.b, 0, 0, 0);
    end();
}

static void test_udp_train_is_read_whole_if_asked_and_answered_by_one(void)
{
    static uint8_t bytes[FULL];
    struct sock_msg m;
    int64_t v;

    begin(UINT16_MAX);
    T_EQ(sock_setopt(sb(), T.b, SOCK_OPT_UDP_GRO, 1), 0);
    T_EQ(sock_getopt(sb(), T.b, SOCK_OPT_UDP_GRO, &v), 0);
    T_EQ(v, 1);
    T_EQ(sock_setopt(sa(), T.a, SOCK_OPT_UDP_GRO, 1), 0);
    T_EQ(put(FULL - 9, SEGMENT), FULL - 9);
    T_EQ(put(SEGMENT, SEGMENT), SEGMENT);
    run();
    T_EQ(sock_recvmsg(sb(), T.b, bytes, sizeof(bytes), &m), FULL - 9);
    T_EQ(m.segment, SEGMENT);
    T_EQ(sock_sendmsg(sb(), T.b, bytes, FULL - 9, &m), FULL - 9);
    get(sb(), T.b, 0, SEGMENT, 0); /* what is one is told as one */
    run();
    T_EQ(T.h.b.udp.stats.out, 44);
    get(sa(), T.a, 0, FULL - 9, SEGMENT);
    /* Half read, and then the user changes his mind: what is left, and the other way round. */
    T_EQ(sock_setopt(sb(), T.b, SOCK_OPT_UDP_GRO, 0), 0);
    T_EQ(put(FULL, SEGMENT), FULL);
    run();
    get(sb(), T.b, 0, SEGMENT, 0);
    T_EQ(sock_setopt(sb(), T.b, SOCK_OPT_UDP_GRO, 1), 0);
    get(sb(), T.b, SEGMENT, FULL - SEGMENT, SEGMENT);
    T_EQ(sock_recv(sb(), T.b, bytes, 1, 0), -EAGAIN);
    end();
}

static void test_udp_train_without_a_wire_that_cuts_is_many_frames(void)
{
    begin(0);
    T_EQ(put(20 * SEGMENT - 5, SEGMENT), 20 * SEGMENT - 5);
    run();
    T_EQ(T.count, 20);
    for (unsigned i = 0; i < T.count; i++) {
        T_EQ(T.seen[i].gso_size, 0);
        T_EQ(T.seen[i].payload, i < 19 ? SEGMENT : SEGMENT - 5);
        T_EQ(T.seen[i].id, (uint16_t)(T.seen[0].id + i));
        T_TRUE(T.seen[i].is_right);
    }
    T_EQ(T.h.a.udp.stats.out, 21);
    get_each(20 * SEGMENT - 5, SEGMENT);
    end();
}

/* A frame is as long as the wire takes it, and of no more datagrams than any kernel takes. */
static void test_udp_train_longer_than_a_frame_is_several(void)
{
    begin(IP4_HDR_LEN + UDP_HDR_LEN + 11 * SEGMENT - 1);
    T_EQ(put(FULL, SEGMENT), FULL);
    run();
    T_EQ(T.count, 5); /* 10 each, and 4 */
    T_EQ(T.seen[0].payload, 10 * SEGMENT);
    T_EQ(T.seen[4].payload, 4 * SEGMENT);
    get_each(FULL, SEGMENT);
    end();
    begin(IP4_HDR_LEN + UDP_HDR_LEN + 11 * SEGMENT);
    T_EQ(put(FULL, SEGMENT), FULL);
    run();
    T_EQ(T.count, 4);
    for (unsigned i = 0; i < 4; i++) {
        T_EQ(T.seen[i].payload, 11 * SEGMENT);
        T_EQ(T.seen[i].id, (uint16_t)(T.seen[0].id + 12 * i)); /* 11, and one to spare */
    }
    get_each(FULL, SEGMENT);
    end();
    begin(UINT16_MAX);
    T_EQ(put(128 * 100, 100), 128 * 100);
    run();
    T_EQ(T.count, 2);
    T_EQ(T.seen[0].payload, 64 * 100);
    T_EQ(T.seen[1].payload, 64 * 100);
    T_TRUE((uint16_t)(T.seen[1].id - T.seen[0].id) >= 64);
    get_each(128 * 100, 100);
    end();
}

/* Zeros behind the last datagram would be a datagram to whoever cuts. */
static void test_udp_train_is_not_padded(void)
{
    begin(UINT16_MAX);
    T_EQ(put(3, 1), 3);
    run();
    T_EQ(T.count, 1);
    T_EQ(T.seen[0].gso_size, 1);
    T_EQ(T.seen[0].len, ETH_HDR_LEN + IP4_HDR_LEN + UDP_HDR_LEN + 3);
    get_each(3, 1);
    end();
}

/* As Linux 6.18 was seen to answer. */
static void test_udp_train_refusals(void)
{
    static const struct {
        uint16_t segment;
        uint32_t len;
        int result;
    } cases[] = {
        {1472,  3000,  3000     },
        {1473,  3000,  -EMSGSIZE},
        {1473,  1473,  -EMSGSIZE}, /* never fragmented, not even alone */
        {1473,  1000,  1000     },
        {2000,  1472,  1472     },
        {2000,  1473,  -EMSGSIZE},
        {100,   12800, 12800    },
        {100,   12801, -EINVAL  },
        {1,     128,   128      },
        {1,     129,   -EINVAL  },
        {1472,  65507, 65507    },
        {1472,  65508, -EMSGSIZE},
        {65535, 2000,  -EMSGSIZE},
        {0,     3000,  3000     },
    };
    int64_t v;

    for (int cuts = 0; cuts < 2; cuts++) {
        begin(cuts ? UINT16_MAX : 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            uint64_t out = T.h.a.udp.stats.out;

            T.count = 0;
            T_EQ(put(cases[i].len, cases[i].segment), cases[i].result);
            T_TRUE(cases[i].result > 0 || T.h.a.udp.stats.out == out);
            run();
            T_TRUE(cases[i].result < 0 ? T.count == 0 : T.count > 0);
            while (sock_recv(sb(), T.b, &(uint8_t[100]){0}, 100, 0) > 0)
                ;
        }
        T_EQ(sock_setopt(sa(), T.a, SOCK_OPT_UDP_SEGMENT, -1), -EINVAL);
        T_EQ(sock_setopt(sa(), T.a, SOCK_OPT_UDP_SEGMENT, 65536), -EINVAL);
        T_EQ(sock_setopt(sa(), T.a, SOCK_OPT_UDP_SEGMENT, 65535), 0);
        T_EQ(sock_getopt(sa(), T.a, SOCK_OPT_UDP_SEGMENT, &v), 0);
        T_EQ(v, 65535);
        int tcp = sock_open(sa(), SOCK_KIND_TCP);

        T_EQ(sock_setopt(sa(), tcp, SOCK_OPT_UDP_SEGMENT, 1400), -ENOPROTOOPT);
        T_EQ(sock_setopt(sa(), tcp, SOCK_OPT_UDP_GRO, 1), -ENOPROTOOPT);
        T_EQ(sock_getopt(sa(), tcp, SOCK_OPT_UDP_SEGMENT, &v), -ENOPROTOOPT);
        sock_close(sa(), tcp);
        end();
    }
    begin_with(UINT16_MAX, false, 64); /* whoever cuts could not leave the checksum out */
    T_EQ(put(3000, 1400), -EINVAL);
    T_EQ(put(1400, 1400), 1400);
    run();
    get(sb(), T.b, 0, 1400, 0);
    end();
}

/* Take all small packets of a but @left. Return: how many. */
static unsigned hold(struct pkt **held, unsigned left)
{
    unsigned n = 0;

    while (n < 512 && (held[n] = net_pkt(&T.h.a)) != NULL)
        n++;
    while (left-- > 0)
        pkt_release(held[--n]);
    return n;
}

static void test_udp_train_leaves_whole_or_not_at_all(void)
{
    struct pkt *held[512];
    unsigned n;

    begin_with(UINT16_MAX, true, 1);
    T_EQ(put(128 * 100, 100), -ENOBUFS); /* two frames, and one packet */
    T_EQ(T.h.a.udp.stats.out, 1);
    T_EQ(put(64 * 100, 100), 64 * 100);
    run();
    get_each(64 * 100, 100);
    end();
    begin(UINT16_MAX);
    n = hold(held, 0);
    T_EQ(put(64 * 100 + 1, 100), -ENOBUFS); /* the last would be short, and has no place */
    T_EQ(T.h.a.udp.stats.out, 1);
    while (n > 0)
        pkt_release(held[--n]);
    end();
    begin(0);
    n = hold(held, 4);
    T_EQ(put(5 * 100, 100), -ENOBUFS);
    T_EQ(put(4 * 100, 100), 4 * 100);
    while (n > 0)
        pkt_release(held[--n]);
    run();
    T_EQ(T.count, 4);
    get_each(4 * 100, 100);
    end();
}

/* What waits is charged with the memory it holds; a short train takes the one that needs less. */
static void test_udp_train_is_charged_for_what_it_holds(void)
{
    uint32_t small, big;

    begin(UINT16_MAX);
    struct udp *udp = &T.h.b.udp;
    struct sock_info info = {0};
    uint32_t at = 0;

    small = (uint32_t)sizeof(struct pkt) + T.h.b.core.pkts.cap;
    big = (uint32_t)sizeof(struct pkt) + T.h.b.core.bigs.cap;
    T_EQ(put(3 * SEGMENT - 1, SEGMENT), 3 * SEGMENT - 1);
    run();
    T_EQ(udp->held_pkts, 3);
    T_EQ(udp->held_bigs, 0);
    T_TRUE(sock_each(sb(), &at, &info));
    T_EQ(info.rcv_queue, 3 * small);
    get_each(3 * SEGMENT - 1, SEGMENT);
    T_EQ(put(FULL, SEGMENT), FULL);
    run();
    T_EQ(udp->held_pkts, 0);
    T_EQ(udp->held_bigs, 1);
    at = 0;
    T_TRUE(sock_each(sb(), &at, &info));
    T_EQ(info.rcv_queue, big);
    get_each(FULL, SEGMENT);
    T_EQ(udp->held_bigs, 0);
    uint32_t most = (big - 1) / (2 * small); /* that many take less than half */

    for (uint32_t n = most; n <= most + 1; n++) {
        T_EQ(put(n * SEGMENT, SEGMENT), (int)(n * SEGMENT));
        run();
        T_EQ(udp->held_bigs, n > most);
        T_EQ(udp->held_pkts, n > most ? 0 : n);
        get_each(n * SEGMENT, SEGMENT);
    }
    T_EQ(sock_setopt(sb(), T.b, SOCK_OPT_UDP_GRO, 1), 0); /* who wants trains pays for them */
    T_EQ(put(3 * SEGMENT, SEGMENT), 3 * SEGMENT);
    run();
    T_EQ(udp->held_bigs, 1);
    end(); /* with the train unread */
}

static void test_udp_train_that_finds_no_room_is_counted_by_datagrams(void)
{
    struct sock_info info = {0};
    uint32_t at = 0;

    begin(UINT16_MAX);
    uint32_t small = (uint32_t)sizeof(struct pkt) + T.h.b.core.pkts.cap;

    T_EQ(sock_setopt(sb(), T.b, SOCK_OPT_RCVBUF, 4 * small), 0);
    T_EQ(put(FULL, SEGMENT), FULL); /* an empty queue takes one, whatever its limit */
    T_EQ(put(FULL, SEGMENT), FULL);
    run();
    T_TRUE(sock_each(sb(), &at, &info));
    T_EQ(info.in, 45);
    T_EQ(info.dropped, 44);
    T_EQ(T.h.b.core.drops[V_DROP_UDP_QUEUE_FULL], 1); /* one packet was refused */
    get_each(FULL, SEGMENT);
    T_EQ(put(6 * 100, 100), 6 * 100); /* apart: as many as fit */
    run();
    at = 0;
    T_TRUE(sock_each(sb(), &at, &info));
    T_EQ(info.in, 49);
    T_EQ(info.dropped, 46);
    get_each(4 * 100, 100);
    end();
}

/* One error for all of it, about the first datagram as it would have come by itself. */
static void test_udp_train_to_a_closed_port_is_one_error(void)
{
    static const uint16_t segments[] = {SEGMENT, 10};
    struct sock_addr closed = {HOST_B, PORT + 1};

    begin(UINT16_MAX);
    T_EQ(sock_connect(sa(), T.a, &closed), 0);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *ip = T.icmp + ICMP4_HDR_LEN, *udp = ip + IP4_HDR_LEN;
        uint16_t len = UDP_HDR_LEN + segments[i];

        T_EQ(put(20u * segments[i] + 1, segments[i]), 20 * segments[i] + 1);
        run();
        T_EQ(T.icmps, i + 1);
        T_EQ(T.icmp[ICMP4_TYPE], ICMP4_UNREACH);
        T_EQ(get16(ip + IP4_TOTAL), IP4_HDR_LEN + len);
        T_EQ(get16(ip + IP4_ID), T.seen[i].id);
        T_TRUE(ip4_sum_ok(ip, IP4_HDR_LEN));
        T_EQ(get16(udp + UDP_LEN), len);
        uint64_t sum = csum_add(csum_pseudo(HOST_A, HOST_B, IP_PROTO_UDP, len), udp, UDP_HDR_LEN);

        for (uint32_t at = 0; at < segments[i]; at += 2)
            sum += (uint32_t)(train_byte(at) << 8 | train_byte(at + 1));
        T_EQ(csum_fold(sum), 0xffff);
        T_EQ(sock_send(sa(), T.a, "x", 1, 0), -ECONNREFUSED);
        T.count = i + 1;
    }
    T_EQ(T.h.b.core.drops[V_DROP_UDP_NO_PORT], 2);
    end();
}

/* Everybody gets his own; also the members on the sender's host. */
static void test_udp_train_to_a_group_reaches_all_members(void)
{
    struct sock_addr group = {ip_addr_v4(0xe0000001), PORT}, any = {IP_ADDR_ANY, PORT};
    int extra[2];

    begin(UINT16_MAX);
    T_EQ(sock_close(sb(), T.b), 0);
    T.b = sock_open(sb(), SOCK_KIND_UDP);
    extra[0] = sock_open(sb(), SOCK_KIND_UDP);
    extra[1] = sock_open(sa(), SOCK_KIND_UDP);
    T_EQ(sock_setopt(sb(), T.b, SOCK_OPT_REUSEADDR, 1), 0);
    T_EQ(sock_setopt(sb(), extra[0], SOCK_OPT_REUSEADDR, 1), 0);
    T_EQ(sock_setopt(sb(), extra[0], SOCK_OPT_UDP_GRO, 1), 0);
    T_EQ(sock_bind(sb(), T.b, &any), 0);
    T_EQ(sock_bind(sb(), extra[0], &any), 0);
    T_EQ(sock_bind(sa(), extra[1], &any), 0);
    T_EQ(sock_connect(sa(), T.a, &group), 0);
    T_EQ(put(FULL, SEGMENT), FULL);
    for (uint32_t at = 0; at < FULL; at += SEGMENT)
        get(sa(), extra[1], at, SEGMENT, 0);
    run();
    T_EQ(T.count, 1);
    get_each(FULL, SEGMENT);
    get(sb(), extra[0], 0, FULL, SEGMENT);
    sock_close(sb(), extra[0]);
    sock_close(sa(), extra[1]);
    end();
}

/* The header says how long the data are, and what lies behind them is nobody's. */
static void test_udp_train_ends_where_the_header_says(void)
{
    struct pkt *p;

    begin(UINT16_MAX);
    T_EQ(put(FULL, SEGMENT), FULL);
    T_EQ(net_output(&T.h.a, &p, 1, T.h.now), 1);
    struct pkt *q = pkt_alloc(&T.h.b.core.bigs, PKT_HEADROOM);

    pkt_copy_out(p, pkt_append(q, pkt_total(p)));
    pkt_release(p);
    q->gso_size = SEGMENT;
    q->csum = CSUM_VERIFIED;
    put16(pkt_data(q) + ETH_HDR_LEN + IP4_HDR_LEN + UDP_LEN, UDP_HDR_LEN + SEGMENT + 5);
    net_input(&T.h.b, &q, 1, T.h.now);
    get_each(SEGMENT + 5, SEGMENT);
    end();
}

/* Echo passes on what it got; who answers each question by itself gets each by itself. */
static void test_udp_train_to_a_service(void)
{
    struct sock_addr echo = {HOST_B, 7}, chargen = {HOST_B, 19};
    struct app_config cfg;
    struct region r = {0};
    struct app app;

    begin(UINT16_MAX);
    T_EQ(sock_close(sb(), T.b), 0);
    app_config_default(&cfg);
    cfg.connections = cfg.blocks = 4;
    app_cut(&app, &cfg, &r);
    size_t len = r.used;
    uint8_t *mem = calloc(1, len + 64);

    r = (struct region){.p = mem + (64 - (uintptr_t)mem % 64), .len = len};
    app_cut(&app, &cfg, &r);
    T_EQ(app_init(&app, &(struct app_env){.core = &T.h.b.core,
                                          .socks = sb(),
                                          .tcp = &T.h.b.tcp,
                                          .arp = &T.h.b.ifs[0].arp,
                                          .ip = &T.h.b.ip}),
         0);
    T_EQ(app_start(&app, "echo", 0), 0);
    T_EQ(app_start(&app, "chargen", 0), 0);
    T_EQ(sock_connect(sa(), T.a, &echo), 0);
    T_EQ(sock_setopt(sa(), T.a, SOCK_OPT_UDP_GRO, 1), 0);
    T_EQ(put(FULL, SEGMENT), FULL);
    run();
    app_run(&app, T.h.now);
    T_EQ(app.stats.datagrams, 44);
    run();
    get(sa(), T.a, 0, FULL, SEGMENT);
    T_EQ(sock_connect(sa(), T.a, &chargen), 0);
    T_EQ(put(3 * SEGMENT, SEGMENT), 3 * SEGMENT);
    run();
    app_run(&app, T.h.now);
    T_EQ(app.stats.datagrams, 47);
    T_EQ(T.h.b.udp.stats.out, 44 + 3);
    run();
    app_stop(&app);
    while (sock_recv(sa(), T.a, mem, 1, 0) >= 0)
        ;
    T.b = sock_open(sb(), SOCK_KIND_UDP);
    end();
    free(mem);
}

T_MAIN("udp_train", T(test_udp_train_is_one_frame_and_many_datagrams),
       T(test_udp_train_is_read_whole_if_asked_and_answered_by_one),
       T(test_udp_train_without_a_wire_that_cuts_is_many_frames),
       T(test_udp_train_longer_than_a_frame_is_several), T(test_udp_train_is_not_padded),
       T(test_udp_train_refusals), T(test_udp_train_leaves_whole_or_not_at_all),
       T(test_udp_train_is_charged_for_what_it_holds),
       T(test_udp_train_that_finds_no_room_is_counted_by_datagrams),
       T(test_udp_train_to_a_closed_port_is_one_error),
       T(test_udp_train_to_a_group_reaches_all_members),
       T(test_udp_train_ends_where_the_header_says), T(test_udp_train_to_a_service))
