/*
 * Long segments stay in their packets until they are read (base/recvq.h): order, bounds, and all ways to go
 * on or to end. Each test runs twice, the second time with numbers that wrap.
 */
#include "hosts.h"
#include "l4_transport/tcp_priv.h"

enum { PORT = 80, FROM = 40000, PAIRS = 8, BIGS = 32, BUFFER = 1 << 20 };

static struct keep {
    struct hosts h;
    int listener, a[PAIRS], b[PAIRS]; /* a talks, b listens */
    uint32_t sent[PAIRS], got[PAIRS];
} K;

static bool Near_wrap;

static uint8_t byte_at(uint32_t i)
{
    return (uint8_t)(i * 7 + (i >> 8));
}

/* The moment at which the ISS of the first connection lies just below 2^32 (it follows the clock). */
static net_time start_of(const struct net_config *cfg)
{
    struct net n;
    void *memory = hosts_bring_up(&n, cfg);
    struct tcp_id id = {HOST_A, HOST_B, FROM, PORT};
    uint32_t iss = tcp_iss(&n.tcp, &id).v;

    free(memory);
    return (net_time)(0u - 9000u - iss) * NET_US(4);
}

/* The block of connection @i at the reader. */
static struct tcb *reader(unsigned i)
{
    struct tcp_id id = {HOST_B, HOST_A, PORT, (uint16_t)(FROM + i)};
    struct tcp_conn *c = tcp_find(&K.h.b.tcp, &id);

    T_NEED(c != NULL);
    return tcb_of(c);
}

static void connect_pair(unsigned i)
{
    struct socks *s = net_socks(&K.h.a);
    struct sock_addr from = {.port = (uint16_t)(FROM + i)}, to = {HOST_B, PORT};

    K.a[i] = sock_open(s, SOCK_KIND_TCP);
    T_EQ(sock_bind(s, K.a[i], &from), 0);
    T_EQ(sock_setopt(s, K.a[i], SOCK_OPT_NODELAY, 1), 0);
    T_EQ(sock_connect(s, K.a[i], &to), -EINPROGRESS);
    hosts_run(&K.h, NET_MS(1));
    K.b[i] = sock_accept(net_socks(&K.h.b), K.listener, NULL);
    T_NEED(K.b[i] >= 0);
}

static void begin_with(uint32_t bigs, uint32_t kept)
{
    struct net_config a, b;

    K = (struct keep){0};
    for (unsigned i = 0; i < PAIRS; i++)
        K.a[i] = K.b[i] = -1;
    hosts_config(&a, 1);
    hosts_config(&b, 2);
    a.ifs[0].gso_max = UINT16_MAX;
    a.tcp.initial_cwnd = 200;
    b.bigs = bigs;
    b.tcp.kept_packets = kept;
    b.tcp.kept_burst = 0;
    b.tcp.rcvbuf = BUFFER;
    b.tcp.full_idle = 0; /* who rests is packed at once */
    if (Near_wrap)
        a.start = b.start = start_of(&a);
    hosts_begin_with(&K.h, &a, &b);
    K.h.now = a.start;
    struct socks *s = net_socks(&K.h.b);
    struct sock_addr here = {HOST_B, PORT};

    K.listener = sock_open(s, SOCK_KIND_TCP);
    T_EQ(sock_bind(s, K.listener, &here), 0);
    T_EQ(sock_listen(s, K.listener, 0), 0);
    connect_pair(0);
    T_TRUE(!Near_wrap || 0u - reader(0)->irs.v < 10000);
}

static void begin(void)
{
    begin_with(BIGS, 32);
}

static void end(void)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        if (K.a[i] >= 0)
            sock_close(net_socks(&K.h.a), K.a[i]);
        if (K.b[i] >= 0)
            sock_close(net_socks(&K.h.b), K.b[i]);
    }
    sock_close(net_socks(&K.h.b), K.listener);
    hosts_end(&K.h);
}

static const struct recvq_pool *kept(void)
{
    return &K.h.b.tcp.kept;
}

/* Write as one call, and let it arrive. */
static void say_flags(unsigned i, uint32_t len, unsigned flags)
{
    static uint8_t bytes[BUFFER];

    for (uint32_t k = 0; k < len; k++)
        bytes[k] = byte_at(K.sent[i] + k);
    T_EQ(sock_send(net_socks(&K.h.a), K.a[i], bytes, len, flags), len);
    K.sent[i] += len;
    hosts_run(&K.h, NET_MS(1));
}

static void say(unsigned i, uint32_t len)
{
    say_flags(i, len, 0);
}

/* Read at most @max bytes, and compare. */
static uint32_t hear(unsigned i, uint32_t max)
{
    static uint8_t bytes[BUFFER];
    int n = sock_recv(net_socks(&K.h.b), K.b[i], bytes, max, 0);

    for (int k = 0; k < n; k++)
        T_NEED(bytes[k] == byte_at(K.got[i]++));
    hosts_run(&K.h, NET_MS(1));
    return n > 0 ? (uint32_t)n : 0;
}

static void hear_all(unsigned i)
{
    while (hear(i, BUFFER) > 0)
        ;
    T_EQ(K.got[i], K.sent[i]);
}

static void test_keep_takes_a_long_segment_without_a_copy(void)
{
    struct tcp_status s;

    begin();
    say(0, 60000);
    T_EQ(kept()->packets, 1);
    T_EQ(K.h.b.core.bigs.slab.used, 1);
    T_EQ(K.h.b.core.bufs.used, 0);
    tcp_status(reader(0), &s);
    T_EQ(s.rcv_queue, 60000);
    T_EQ(s.rcv_mem, K.h.b.core.bigs.cap);
    T_EQ(hear(0, 59999), 59999);
    T_EQ(kept()->packets, 1);
    T_EQ(hear(0, 9), 1); /* the last byte */
    T_EQ(kept()->packets, 0);
    T_EQ(K.h.b.core.bigs.slab.used, 0);
    end();
}

/* Short segments lie together in the ring; while one is there, all that follows goes there, too. */
static void test_keep_packets_first_and_then_the_ring(void)
{
    begin();
    say(0, 50000);
    say(0, 50000);
    say(0, 100);
    T_EQ(kept()->packets, 2);
    T_EQ(reader(0)->rcv.ring.len, 100);
    say(0, 50000);
    T_EQ(kept()->packets, 2);
    T_EQ(reader(0)->rcv.ring.len, 50100);
    T_EQ(hear(0, 70000), 70000);
    T_EQ(hear(0, 30050), 30050); /* to the middle of the short one */
    T_EQ(kept()->packets, 0);
    hear_all(0);
    T_EQ(K.h.b.core.bufs.used, 0);
    say(0, 50000); /* as at the beginning */
    T_EQ(kept()->packets, 1);
    hear_all(0);
    end();
}

static void test_keep_not_what_is_short(void)
{
    begin();
    say(0, 1900); /* longer than a packet of the MTU, not worth one of 64 KiB */
    T_EQ(kept()->kept, 0);
    T_EQ(reader(0)->rcv.ring.len, 1900);
    T_EQ(K.h.b.core.bigs.slab.used, 0);
    hear_all(0);
    end();
    begin_with(BIGS, 0); /* nor where it is turned off */
    say(0, 60000);
    T_EQ(kept()->kept, 0);
    hear_all(0);
    end();
}

/* Write, and catch the frame. */
static struct pkt *catch (uint32_t len)
{
    uint8_t bytes[20000];
    struct pkt *out[2], *p = NULL;

    T_NEED(len <= sizeof(bytes));
    for (uint32_t k = 0; k < len; k++)
        bytes[k] = byte_at(K.sent[0]++);
    T_EQ(sock_send(net_socks(&K.h.a), K.a[0], bytes, len, 0), len);
    T_NEED(net_output(&K.h.a, out, ARRAY_LEN(out), K.h.now) == 1);
    p = hosts_pkt(&K.h.b, pkt_total(out[0]));
    T_NEED(p != NULL);
    pkt_csum_complete(out[0]);
    pkt_copy_out(out[0], pkt_append(p, pkt_total(out[0])));
    p->gso_size = out[0]->gso_size;
    pkt_release(out[0]);
    return p;
}

/* What is out of order is copied ahead in the ring, and while it is there all else is copied, too: there is a
 * ring, although no byte in it can be read. */
static void test_keep_with_a_hole_behind(void)
{
    begin();
    say(0, 50000);
    T_EQ(kept()->packets, 1);
    struct pkt *late = catch (5000), *early = catch (20000);

    net_input(&K.h.b, &early, 1, K.h.now);
    T_TRUE(reader(0)->ooo != NULL);
    T_EQ(reader(0)->rcv.ring.len, 0);
    net_input(&K.h.b, &late, 1, K.h.now);
    T_TRUE(reader(0)->ooo == NULL);
    T_EQ(kept()->packets, 1);
    T_EQ(reader(0)->rcv.ring.len, 25000);
    hear_all(0);
    end();
}

/* What comes in little by little is copied, as that is cheap: packets are kept when one burst has shown that the next
 * will be long. */
static void test_keep_when_much_comes_at_a_time(void)
{
    begin();
    K.h.b.tcp.cfg.kept_burst = 50000;
    for (unsigned i = 0; i < 3; i++) {
        say(0, 20000);
        hear_all(0);
    }
    T_EQ(kept()->kept, 0);
    struct pkt *burst[] = {catch (20000), catch (20000), catch (20000)};

    net_input(&K.h.b, burst, ARRAY_LEN(burst), K.h.now);
    T_EQ(kept()->kept, 0); /* a ring was there when it had become long */
    hear_all(0);
    say(0, 20000);
    T_EQ(kept()->kept, 1);
    hear_all(0);
    say(0, 20000); /* and it was over */
    T_EQ(kept()->kept, 1);
    hear_all(0);
    end();
}

/* The hole, and what lies behind it, move along when packets are folded. */
static void test_keep_folds_around_a_hole(void)
{
    begin();
    say(0, 50000);
    struct pkt *late = catch (5000), *early = catch (20000);

    net_input(&K.h.b, &early, 1, K.h.now);
    T_TRUE(tcp_reass_fold(reader(0)));
    T_EQ(kept()->packets, 0);
    T_EQ(hear(0, 10000), 10000);
    net_input(&K.h.b, &late, 1, K.h.now);
    T_EQ(recvq_len(&reader(0)->rcv), 65000);
    hear_all(0);
    end();
}

/* Two pieces are shown. Who takes nothing of them needs more at a time, and sees all. */
static void test_keep_shows_all_to_who_looks_again(void)
{
    struct span in[2];

    begin();
    struct socks *s = net_socks(&K.h.b);

    for (unsigned i = 0; i < 3; i++)
        say(0, 20000);
    say(0, 10);
    T_EQ(kept()->packets, 3);
    T_EQ(sock_peek(s, K.b[0], in, NULL), 60010);
    T_EQ(in[0].len + in[1].len, 40000);
    T_EQ(sock_consume(s, K.b[0], 20000), 0);
    K.got[0] = 20000;
    T_EQ(sock_peek(s, K.b[0], in, NULL), 40010);
    T_EQ(in[0].len + in[1].len, 40000);
    T_EQ(sock_peek(s, K.b[0], in, NULL), 40010);
    T_EQ(in[0].len + in[1].len, 40010);
    T_EQ(kept()->packets, 0);
    for (uint32_t k = 0; k < 40010; k++)
        T_NEED((k < in[0].len ? in[0].p[k] : in[1].p[k - in[0].len]) == byte_at(20000 + k));
    hear_all(0);
    say(0, 20000);
    T_EQ(sock_consume(s, K.b[0], 20000), 0); /* all that can be read may be thrown away */
    T_EQ(kept()->packets, 0);
    K.got[0] = K.sent[0];
    end();
}

/* A reader that copies gets as much as it asks for, whatever the pieces are; looking takes nothing. */
static void test_keep_copies_across_pieces(void)
{
    static uint8_t bytes[BUFFER];

    begin();
    for (unsigned i = 0; i < 4; i++)
        say(0, 20000);
    say(0, 500);
    T_EQ(sock_recv(net_socks(&K.h.b), K.b[0], bytes, sizeof(bytes), SOCK_MSG_PEEK), 80500);
    for (uint32_t k = 0; k < 80500; k++)
        T_NEED(bytes[k] == byte_at(k));
    T_EQ(kept()->packets, 4);
    T_EQ(hear(0, BUFFER), 80500);
    end();
}

/* The byte at the mark lies in a packet, and is left out of the stream. */
static void test_keep_urgent(void)
{
    struct span in[2];
    uint8_t byte;

    begin();
    struct socks *s = net_socks(&K.h.b);

    T_EQ(sock_setopt(s, K.b[0], SOCK_OPT_OOB_INLINE, 0), 0);
    say(0, 30000);
    say_flags(0, 1, SOCK_MSG_OOB);
    T_EQ(kept()->packets, 1);
    T_EQ(sock_peek(s, K.b[0], in, NULL), 30000);
    T_EQ(hear(0, 29990), 29990);
    T_EQ(sock_recv(s, K.b[0], &byte, 1, SOCK_MSG_OOB), 1);
    T_EQ(byte, byte_at(30000));
    T_EQ(hear(0, BUFFER), 10); /* up to the mark */
    say(0, 20000);             /* behind it, in the ring */
    K.got[0]++;
    hear_all(0);
    /* The alarm comes before the data do: its pointer is into what will be kept. */
    struct tcb *t = reader(0);

    tcp_rare_get(t)->rcv_up = seq_add(t->rcv_nxt, 5001);
    t->rcv_urgent = true;
    t->oob_fetched = false;
    say(0, 20000);
    T_EQ(kept()->packets, 1);
    T_EQ(sock_peek(s, K.b[0], in, NULL), 5000);
    T_EQ(sock_recv(s, K.b[0], &byte, 1, SOCK_MSG_OOB), 1);
    T_EQ(byte, byte_at(K.got[0] + 5000));
    T_EQ(hear(0, 5000), 5000);
    K.got[0]++;
    T_EQ(hear(0, BUFFER), 14999);
    T_EQ(kept()->packets, 0);
    end();
}

static void test_keep_until_the_end_of_the_stream(void)
{
    struct span in[2];

    begin();
    say(0, 60000);
    sock_close(net_socks(&K.h.a), K.a[0]);
    K.a[0] = -1;
    hosts_run(&K.h, NET_MS(10));
    T_EQ(tcp_state(reader(0)), TCP_CLOSE_WAIT);
    T_EQ(kept()->packets, 1);
    T_EQ(hear(0, BUFFER), 60000);
    T_EQ(sock_peek(net_socks(&K.h.b), K.b[0], in, NULL), 0);
    end();
}

/* Nothing has come for long, but who holds something is not packed. */
static void test_keep_keeps_from_rest(void)
{
    begin();
    say(0, 60000);
    while (ready_pop(&K.h.b.core.ready) != NULL)
        ;
    hosts_run(&K.h, NET_SEC(100));
    T_EQ(tcp_idle_count(&K.h.b.tcp), 0);
    hear_all(0);
    hosts_run(&K.h, NET_SEC(100));
    T_EQ(tcp_idle_count(&K.h.b.tcp), 1);
    say(0, 60000);
    T_TRUE(kept()->packets > 0);
    hear_all(0);
    end();
}

/* A reset takes nothing from who reads; closing with unread bytes gives the packets back, and resets. */
static void test_keep_through_resets(void)
{
    begin();
    connect_pair(1);
    say(0, 60000);
    say(1, 60000);
    sock_abort(net_socks(&K.h.a), K.a[0]);
    K.a[0] = -1;
    hosts_run(&K.h, NET_MS(1));
    T_EQ(kept()->packets, 2);
    T_EQ(sock_close(net_socks(&K.h.b), K.b[0]), 0);
    K.b[0] = -1;
    T_EQ(kept()->packets, 1);
    T_EQ(sock_close(net_socks(&K.h.b), K.b[1]), 0);
    K.b[1] = -1;
    T_EQ(kept()->packets, 0);
    hosts_run(&K.h, NET_MS(1));
    int64_t err = 0;

    T_EQ(sock_getopt(net_socks(&K.h.a), K.a[1], SOCK_OPT_ERROR, &err), 0);
    T_EQ(err, ECONNRESET);
    end();
}

/* A connection that the peer has reset is in no table any more; what it holds gives way as that of others, and its
 * user reads it all the same. */
static void test_keep_folds_who_is_over(void)
{
    begin();
    connect_pair(1);
    connect_pair(2);
    for (unsigned i = 0; i < 3; i++)
        say(0, 20000);
    sock_abort(net_socks(&K.h.a), K.a[0]);
    K.a[0] = -1;
    hosts_run(&K.h, NET_MS(1));
    for (unsigned i = 0; i < BIGS / 4 - 3; i++)
        say(1, 20000);
    T_EQ(kept()->packets, BIGS / 4);
    say(2, 20000);
    T_EQ(kept()->packets, BIGS / 4 - 2);
    T_EQ(kept()->folded, 3);
    T_EQ(hear(0, 50000), 50000);
    T_EQ(hear(0, BUFFER), 10000);
    T_EQ(sock_recv(net_socks(&K.h.b), K.b[0], &(uint8_t){0}, 1, 0), -ECONNRESET);
    hear_all(1);
    hear_all(2);
    end();
}

/* The user has closed, and one byte of a packet was left out of the stream: nobody reads it, and it goes
 * with the connection. */
static void test_keep_until_an_orphan_ends(void)
{
    uint8_t byte;

    begin();
    struct socks *s = net_socks(&K.h.b);
    struct tcb *t = reader(0);

    T_EQ(sock_setopt(s, K.b[0], SOCK_OPT_OOB_INLINE, 0), 0);
    tcp_rare_get(t)->rcv_up = seq_add(t->rcv_nxt, 20000);
    t->rcv_urgent = true;
    say(0, 20000);
    T_EQ(kept()->packets, 1);
    T_EQ(sock_recv(s, K.b[0], &byte, 1, SOCK_MSG_OOB), 1);
    T_EQ(hear(0, BUFFER), 19999);
    T_EQ(kept()->packets, 1);
    T_EQ(sock_close(s, K.b[0]), 0);
    K.b[0] = -1;
    hosts_run(&K.h, NET_MS(1));
    T_EQ(kept()->packets, 1);
    T_EQ(sock_shutdown(net_socks(&K.h.a), K.a[0], SOCK_SHUT_WR), 0);
    hosts_run(&K.h, NET_MS(1));
    T_EQ(kept()->packets, 0);
    end();
}

/* The user does not want to read any more: nothing stays. */
static void test_keep_nothing_for_who_has_shut(void)
{
    begin();
    say(0, 60000);
    T_EQ(sock_shutdown(net_socks(&K.h.b), K.b[0], SOCK_SHUT_RD), 0);
    T_EQ(kept()->packets, 0);
    say(0, 60000);
    T_EQ(kept()->packets, 0);
    T_EQ(K.h.b.core.bigs.slab.used, 0);
    end();
}

/* A connection pins twice its receive buffer at most, however badly packets are filled: 5000 bytes in 64 KiB. */
static void test_keep_bounds_what_a_connection_pins(void)
{
    begin_with(128, 128);
    T_EQ(sock_setopt(net_socks(&K.h.b), K.b[0], SOCK_OPT_RCVBUF, 200000), 0);
    for (unsigned i = 0; i < 20; i++) {
        say(0, 5000);
        T_TRUE(reader(0)->rcv.refs->mem <= 2 * 200000);
    }
    T_EQ(kept()->packets, 2 * 200000 / K.h.b.core.bigs.cap);
    hear_all(0);
    end();
}

/* Many that never read: a quarter of the large packets is what they get together, those that wait longest
 * give way, and who reads goes on as before. */
static void test_keep_bounds_what_all_pin(void)
{
    begin();
    for (unsigned i = 1; i < PAIRS; i++)
        connect_pair(i);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < PAIRS; i++) {
            say(i, 60000);
            T_TRUE(kept()->packets <= BIGS / 4);
            T_EQ(K.h.b.core.bigs.slab.used, kept()->packets);
        }
        T_TRUE(reader(PAIRS - 1)->rcv.refs != NULL); /* who came last has got a place */
        hear_all(PAIRS - 1);
    }
    T_TRUE(kept()->folded > 0);
    T_EQ(K.h.b.core.bigs.slab.exhausted, 0);
    for (unsigned i = 0; i < PAIRS; i++)
        hear_all(i);
    T_EQ(kept()->packets, 0);
    end();
}

/* It is one alone that does not read: its own packets are folded, and what follows goes behind them. */
static void test_keep_folds_its_own(void)
{
    begin();
    for (unsigned i = 0; i < BIGS / 4; i++)
        say(0, 30000);
    T_EQ(kept()->packets, BIGS / 4);
    say(0, 30000);
    T_EQ(kept()->packets, 0);
    T_EQ(reader(0)->rcv.ring.len, (BIGS / 4 + 1) * 30000);
    hear_all(0);
    end();
}

/* Others hold large packets: then none is kept, as the next long frame needs one. */
static void test_keep_leaves_half_of_the_packets(void)
{
    struct pkt *hog[BIGS / 2];

    begin();
    for (unsigned i = 0; i < ARRAY_LEN(hog); i++)
        hog[i] = pkt_alloc(&K.h.b.core.bigs, 0);
    say(0, 60000);
    T_EQ(kept()->packets, 0);
    T_EQ(reader(0)->rcv.ring.len, 60000);
    hear_all(0);
    for (unsigned i = 0; i < ARRAY_LEN(hog); i++)
        pkt_release(hog[i]);
    say(0, 60000);
    T_EQ(kept()->packets, 1);
    hear_all(0);
    end();
}

/* Packets cannot be folded, as the arena is scarce: what comes then is copied as far as there is memory, and
 * nothing is lost. */
static void test_keep_when_memory_is_scarce(void)
{
    struct buddy *bufs = &K.h.b.core.bufs;
    uint8_t *hog[2];
    uint32_t cap;

    begin_with(8, 8); /* two may be kept */
    connect_pair(1);
    say(0, 60000);
    say(0, 60000);
    for (unsigned i = 0; i < ARRAY_LEN(hog); i++)
        hog[i] = buddy_alloc(bufs, buddy_largest(bufs), &cap);
    T_TRUE(ring_is_scarce(bufs));
    T_EQ(tcp_rcvbuf_limit(reader(0)), 120000 + RING_SCARCE); /* what is kept needs no room */
    say(1, 10000);
    T_EQ(kept()->packets, 2);
    T_EQ(kept()->folded, 0);
    T_EQ(reader(1)->rcv.ring.len, 10000);
    hear_all(1);
    hear_all(0);
    for (unsigned i = 0; i < ARRAY_LEN(hog); i++)
        buddy_free(bufs, hog[i]);
    end();
}

/* A window's worth comes, is read in odd pieces, or not at all for a while. */
static void test_keep_a_long_transfer(void)
{
    begin();
    for (uint32_t round = 0; round < 400; round++) {
        say(0, 1 + round * 7919 % 60000);
        if (round % 5 != 0)
            hear(0, 1 + round * 104729 % 150000);
        T_NEED(recvq_len(&reader(0)->rcv) == K.sent[0] - K.got[0]);
        if (K.sent[0] - K.got[0] > BUFFER / 2)
            hear_all(0);
    }
    hear_all(0);
    T_TRUE(kept()->kept > 100);
    end();
}

#define TWICE(fn)                                                                                  \
    static void fn##_near_wrap(void)                                                               \
    {                                                                                              \
        Near_wrap = true;                                                                          \
        fn();                                                                                      \
        Near_wrap = false;                                                                         \
    }
#define T_TWICE(fn) T(fn), T(fn##_near_wrap)

TWICE(test_keep_takes_a_long_segment_without_a_copy)
TWICE(test_keep_packets_first_and_then_the_ring)
TWICE(test_keep_not_what_is_short)
TWICE(test_keep_with_a_hole_behind)
TWICE(test_keep_when_much_comes_at_a_time)
TWICE(test_keep_folds_around_a_hole)
TWICE(test_keep_shows_all_to_who_looks_again)
TWICE(test_keep_copies_across_pieces)
TWICE(test_keep_urgent)
TWICE(test_keep_until_the_end_of_the_stream)
TWICE(test_keep_keeps_from_rest)
TWICE(test_keep_through_resets)
TWICE(test_keep_folds_who_is_over)
TWICE(test_keep_until_an_orphan_ends)
TWICE(test_keep_nothing_for_who_has_shut)
TWICE(test_keep_bounds_what_a_connection_pins)
TWICE(test_keep_bounds_what_all_pin)
TWICE(test_keep_folds_its_own)
TWICE(test_keep_leaves_half_of_the_packets)
TWICE(test_keep_when_memory_is_scarce)
TWICE(test_keep_a_long_transfer)

T_MAIN("tcp_keep", T_TWICE(test_keep_takes_a_long_segment_without_a_copy),
       T_TWICE(test_keep_packets_first_and_then_the_ring), T_TWICE(test_keep_not_what_is_short),
       T_TWICE(test_keep_with_a_hole_behind), T_TWICE(test_keep_when_much_comes_at_a_time),
       T_TWICE(test_keep_folds_around_a_hole), T_TWICE(test_keep_shows_all_to_who_looks_again),
       T_TWICE(test_keep_copies_across_pieces), T_TWICE(test_keep_urgent),
       T_TWICE(test_keep_until_the_end_of_the_stream), T_TWICE(test_keep_keeps_from_rest),
       T_TWICE(test_keep_through_resets), T_TWICE(test_keep_folds_who_is_over),
       T_TWICE(test_keep_until_an_orphan_ends), T_TWICE(test_keep_nothing_for_who_has_shut),
       T_TWICE(test_keep_bounds_what_a_connection_pins), T_TWICE(test_keep_bounds_what_all_pin),
       T_TWICE(test_keep_folds_its_own), T_TWICE(test_keep_leaves_half_of_the_packets),
       T_TWICE(test_keep_when_memory_is_scarce), T_TWICE(test_keep_a_long_transfer))
