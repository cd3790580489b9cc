/*
 * Dynamic right-sizing over a long fat path: 1 Gbit/s and 100 ms, so 12.5 MB must be under way.
 *
 * One host sends as much as it may, the other takes all it gets. What is compared is the rate in the
 * fourth second, with the buffers tuned, with one of them, and with none: then the window over the
 * round trip is all there can be.
 */
#include <stdlib.h>

#include "l4_transport/tcp_priv.h"
#include "l5_session/sock_priv.h"
#include "world.h"

enum { FAT_PORT = 7777, FAT_FROM = 40000, FAT_A = 0x0a000001, FAT_B = 0x0a000002, FAT_MSS = 1448 };
#define FAT_RATE UINT64_C(1000000000)
#define FAT_RTT  NET_MS(100)

struct fat {
    struct world *w;
    struct net_config cfg[2];
    int sd[2], listener;
    uint32_t read_max; /* bytes at a time; 0: all */
    bool reads;
    uint64_t received;
};

/* Bytes are not looked at here: test_transfer does. */
static void fat_write(void *ctx)
{
    struct fat *f = ctx;
    struct mspan room;
    int n;

    while ((n = sock_reserve(net_socks(&f->w->hosts[0]->n), f->sd[0], 1 << 16, &room)) > 0)
        sock_commit(net_socks(&f->w->hosts[0]->n), f->sd[0], (size_t)n, 0);
}

static void fat_read(void *ctx)
{
    struct fat *f = ctx;
    struct socks *s = net_socks(&f->w->hosts[1]->n);
    struct span in[2];
    int n;

    if (f->sd[1] < 0)
        f->sd[1] = sock_accept(s, f->listener, NULL);
    while (f->reads && f->sd[1] >= 0 && (n = sock_peek(s, f->sd[1], in, NULL)) > 0) {
        uint32_t len = f->read_max == 0 ? (uint32_t)n : u32_min((uint32_t)n, f->read_max);

        sock_consume(s, f->sd[1], len);
        f->received += len;
    }
}

static void fat_config(struct fat *f)
{
    *f = (struct fat){
        .sd = {-1, -1},
          .reads = true
    };
    for (unsigned i = 0; i < 2; i++) {
        world_config(&f->cfg[i], (uint8_t)(i + 1));
        f->cfg[i].packets = 16384;
        f->cfg[i].buffer_bytes = (size_t)256 << 20;
        f->cfg[i].tcp.cc = (uint8_t)cc_by_name("reno");
    }
}

/* A clock of host @i that makes its ISS lie just below 2^32 (it follows the clock, RFC 6528). */
static void fat_wrap(struct fat *f, unsigned i)
{
    struct world *w = world_new(0);
    struct world_host *h = world_host_add(w, &f->cfg[i]);
    struct tcp_id id = {ip_addr_v4(i == 0 ? FAT_A : FAT_B), ip_addr_v4(i == 0 ? FAT_B : FAT_A),
                        i == 0 ? FAT_FROM : FAT_PORT, i == 0 ? FAT_PORT : FAT_FROM};

    f->cfg[i].start = (net_time)(0u - 100000u - tcp_iss(&h->n.tcp, &id).v) * NET_US(4);
    world_free(w);
}

/* Both ends, the wire, and the connection; @rcvbuf of the reader, 0: the host's. */
static void fat_begin(struct fat *f, uint32_t rcvbuf)
{
    struct imp_config good, wire;

    imp_config_default(&good);
    wire = good;
    wire.rate_bps = FAT_RATE;
    wire.delay = FAT_RTT / 2;
    wire.limit = 4000;
    f->w = world_new(1);
    f->w->check_each = 512;
    for (unsigned i = 0; i < 2; i++)
        world_host_add(f->w, &f->cfg[i]);
    struct world_cable *c = world_cable_add(f->w, f->w->hosts[0], f->w->hosts[1], &wire, &wire);
    struct socks *a = net_socks(&f->w->hosts[0]->n), *b = net_socks(&f->w->hosts[1]->n);
    struct sock_addr at = {IP_ADDR_ANY, FAT_PORT}, from = {IP_ADDR_ANY, FAT_FROM},
                     to = {ip_addr_v4(FAT_B), FAT_PORT};

    T_TRUE(c != NULL);
    f->listener = sock_open(b, SOCK_KIND_TCP);
    if (rcvbuf != 0)
        T_EQ(sock_setopt(b, f->listener, SOCK_OPT_RCVBUF, rcvbuf), 0);
    T_EQ(sock_bind(b, f->listener, &at), 0);
    T_EQ(sock_listen(b, f->listener, 1), 0);
    f->sd[0] = sock_open(a, SOCK_KIND_TCP);
    T_EQ(sock_bind(a, f->sd[0], &from), 0);
    T_EQ(sock_connect(a, f->sd[0], &to), -EINPROGRESS);
    f->w->hosts[0]->user = fat_write;
    f->w->hosts[1]->user = fat_read;
    f->w->hosts[0]->ctx = f->w->hosts[1]->ctx = f;
}

static struct tcb *fat_tcb(const struct fat *f, unsigned i)
{
    const struct sock *k = sock_at(net_socks(&f->w->hosts[i]->n), f->sd[i]);

    T_NEED(k != NULL && k->state == SOCK_TCP_CONN);
    return k->as.t;
}

/* Mbit/s of payload in the fourth second. */
static uint64_t fat_rate(struct fat *f)
{
    world_run(f->w, NET_SEC(3));
    uint64_t before = f->received;

    world_run(f->w, NET_SEC(1));
    return (f->received - before) * 8 / 1000000;
}

static void fat_end(struct fat *f)
{
    f->w->hosts[0]->user = f->w->hosts[1]->user = NULL;
    sock_abort(net_socks(&f->w->hosts[0]->n), f->sd[0]);
    sock_abort(net_socks(&f->w->hosts[1]->n), f->sd[1]);
    sock_close(net_socks(&f->w->hosts[1]->n), f->listener);
    world_end(f->w);
}

/* Payload of full segments with timestamps, of frames with their 14 + 20 + 32 bytes of headers. */
static uint64_t fat_link(void)
{
    return FAT_RATE / 1000000 * FAT_MSS / (FAT_MSS + 66);
}

static uint64_t fat_run(struct fat *f)
{
    fat_begin(f, 0);
    uint64_t rate = fat_rate(f);

    fat_end(f);
    return rate;
}

static void test_rcvbuf_fills_a_long_fat_path(void)
{
    struct fat f;

    fat_config(&f);
    uint64_t rate = fat_run(&f);

    printf("1 Gbit/s, 100 ms: %llu Mbit/s of at most %llu with both buffers tuned\n",
           (unsigned long long)rate, (unsigned long long)fat_link());
    T_TRUE(rate * 100 >= fat_link() * 99);
}

static void test_rcvbuf_fills_it_when_numbers_wrap(void)
{
    struct fat f;

    fat_config(&f);
    fat_wrap(&f, 0);
    fat_wrap(&f, 1);
    T_TRUE(fat_run(&f) * 100 >= fat_link() * 99);
}

/* The window can express what the scale of 8 can: no more fits through, and no less. */
static void test_rcvbuf_fixed_is_what_the_window_allows(void)
{
    struct fat f;

    fat_config(&f);
    f.cfg[1].tcp.moderate_rcvbuf = false;
    uint64_t rate = fat_run(&f), most = f.cfg[1].tcp.rcvbuf * 8ull * 10 / 1000000;

    printf("                  %llu with a receive buffer of %u KiB\n", (unsigned long long)rate,
           f.cfg[1].tcp.rcvbuf / 1024);
    T_TRUE(rate <= most && rate >= most * 9 / 10);
}

static void test_rcvbuf_sender_has_one_too(void)
{
    struct fat f;

    fat_config(&f);
    f.cfg[0].tcp.sndbuf_max = 0;
    uint64_t rate = fat_run(&f), most = f.cfg[0].tcp.sndbuf * 8ull * 10 / 1000000;

    printf("                  %llu with a send buffer of %u KiB\n", (unsigned long long)rate,
           f.cfg[0].tcp.sndbuf / 1024);
    T_TRUE(rate <= most && rate >= most * 9 / 10);
}

/* Without timestamps the edge of the window is the only clock. */
static void test_rcvbuf_needs_no_timestamps(void)
{
    struct fat f;

    fat_config(&f);
    f.cfg[0].tcp.timestamps = false;
    fat_begin(&f, 0);
    uint64_t rate = fat_rate(&f);
    net_time rtt = fat_tcb(&f, 1)->rcvq.rtt;

    T_TRUE(rtt >= FAT_RTT && rtt < FAT_RTT * 3 / 2);
    fat_end(&f);
    T_TRUE(rate * 100 >= fat_link() * 99);
}

static void test_rcvbuf_of_the_user_stays(void)
{
    struct fat f;

    fat_config(&f);
    fat_begin(&f, 100000);
    uint64_t rate = fat_rate(&f);

    T_EQ(fat_tcb(&f, 1)->rcvbuf, 100000);
    fat_end(&f);
    T_TRUE(rate <= 8);
}

/* A user who reads nothing lets nothing grow, whatever comes in; the bound of the host holds. */
static void test_rcvbuf_grows_by_reading_up_to_its_bound(void)
{
    struct fat f;

    fat_config(&f);
    f.cfg[1].tcp.rcvbuf_max = 1000000;
    f.reads = false;
    fat_begin(&f, 0);
    world_run(f.w, NET_SEC(2));
    T_EQ(fat_tcb(&f, 1)->rcvbuf, f.cfg[1].tcp.rcvbuf);
    T_TRUE(recvq_len(&fat_tcb(&f, 1)->rcv) > f.cfg[1].tcp.rcvbuf * 9 / 10);
    f.reads = true;
    world_run(f.w, NET_SEC(2));
    T_EQ(fat_tcb(&f, 1)->rcvbuf, 1000000);
    fat_end(&f);
}

/* More than half of the arena is used by others: no growth, and no promise that cannot be kept. */
static void test_rcvbuf_gives_way_when_memory_is_scarce(void)
{
    struct fat f;
    uint8_t *taken[8];
    uint32_t cap;

    fat_config(&f);
    fat_begin(&f, 0);
    struct core *c = &f.w->hosts[1]->n.core;

    for (unsigned i = 0; i < ARRAY_LEN(taken); i++) {
        taken[i] = buddy_alloc(&c->bufs, buddy_largest(&c->bufs), &cap);
        T_NEED(taken[i] != NULL);
    }
    f.w->check_each = UINT32_MAX; /* the world does not know of them */
    world_run(f.w, NET_SEC(2));
    const struct tcb *t = fat_tcb(&f, 1);

    T_EQ(t->rcvbuf, f.cfg[1].tcp.rcvbuf);
    T_TRUE(tcp_rcv_wnd(t) <= u32_max(t->rcv.ring.cap, UINT16_MAX)); /* the SYN's window was promised */
    T_TRUE(f.received > 200000);
    T_EQ(f.w->hosts[1]->n.core.drops[V_DROP_TCP_RCVBUF], 0);
    for (unsigned i = 0; i < ARRAY_LEN(taken); i++)
        buddy_free(&c->bufs, taken[i]);
    world_run(f.w, NET_SEC(3));
    T_TRUE(t->rcvbuf > 8 * f.cfg[1].tcp.rcvbuf);
    fat_end(&f);
}

T_MAIN("rcvbuf", T(test_rcvbuf_fills_a_long_fat_path), T(test_rcvbuf_fills_it_when_numbers_wrap),
       T(test_rcvbuf_fixed_is_what_the_window_allows), T(test_rcvbuf_sender_has_one_too),
       T(test_rcvbuf_needs_no_timestamps), T(test_rcvbuf_of_the_user_stays),
       T(test_rcvbuf_grows_by_reading_up_to_its_bound),
       T(test_rcvbuf_gives_way_when_memory_is_scarce))
