/*
 * Floods, and a hundred honest clients who come meanwhile (security.md sections 1, 2 and 5).
 *
 * For one second of virtual time a hundred forged frames a millisecond reach the server, and every
 * ten milliseconds an honest client connects, sends 1,000 bytes to the echo service, hears them
 * again and hangs up. What a flood may cost is bounded by a pool; what it costs the honest is
 * measured here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "forge.h"
#include "l4_transport/tcp_priv.h"
#include "services.h"
#include "talk.h"

enum {
    FLOOD_CLIENT = 0x0a000001,
    FLOOD_SERVER = 0x0a000002,
    FLOOD_HONEST = 100,
    FLOOD_BYTES = 1000,
    FLOOD_ECHO = 7,
    FLOOD_DISCARD = 9,
    FLOOD_CHARGEN = 19
};

struct flood {
    struct world *w;
    struct world_host *client, *server;
    struct services services;
    struct prng prng;
    struct forge forge;
    /* One forged frame; returns its length. */
    size_t (*frame)(struct flood *f, uint8_t *out);
    uint32_t left, each_ms; /* frames still to come */
    net_time next_frames, next_client;
    struct talk talk[FLOOD_HONEST];
    net_time began[FLOOD_HONEST], slowest; /* from connect() to the end of the handshake */
    uint32_t begun;
};

static bool flood_is_over(void *ctx)
{
    struct flood *f = ctx;

    if (f->left > 0 || f->begun < FLOOD_HONEST)
        return false;
    for (uint32_t i = 0; i < FLOOD_HONEST; i++) {
        if (!f->talk[i].over)
            return false;
    }
    return true;
}

static void flood_client(struct flood *f)
{
    struct talk_plan plan = {
        .key = f->begun, .bytes = FLOOD_BYTES, .end = TALK_FIRST, .nodelay = true};

    talk_connect(&f->talk[f->begun], f->client, 0, FLOOD_SERVER, FLOOD_ECHO, &plan, &plan);
    f->began[f->begun++] = f->w->now;
    f->next_client = f->begun < FLOOD_HONEST ? f->w->now + NET_MS(10) : NET_NEVER;
}

static void flood_user(void *ctx)
{
    struct flood *f = ctx;
    uint8_t frame[FORGE_MAX];

    if (f->left > 0 && f->next_frames <= f->w->now) {
        for (uint32_t i = 0; i < f->each_ms && f->left > 0; i++, f->left--) {
            size_t len = f->frame(f, frame);

            T_NEED(world_inject(f->server, frame, len));
        }
        f->next_frames = f->left > 0 ? f->w->now + NET_MS(1) : NET_NEVER;
    }
    if (f->next_client <= f->w->now)
        flood_client(f);
    for (uint32_t i = 0; i < f->begun; i++) {
        bool connected = f->talk[i].connected;

        talk_run(&f->talk[i]);
        if (!connected && f->talk[i].connected && f->w->now - f->began[i] > f->slowest)
            f->slowest = f->w->now - f->began[i];
    }
}

static net_time flood_deadline(void *ctx)
{
    struct flood *f = ctx;

    return net_time_min(f->next_frames, f->next_client);
}

/* The client's host is also the server's way to everywhere: what forged addresses are sent ends there. */
static void flood_configs(struct net_config cfg[2])
{
    for (unsigned i = 0; i < 2; i++) {
        world_config(&cfg[i], (uint8_t)(i + 1));
        cfg[i].ifs[0].addr[0].prefix = 16;
        cfg[i].tcp.connections = cfg[i].tcp.half_open = cfg[i].tcp.time_wait = 1024;
        cfg[i].socks.sockets = 2048;
        cfg[i].tcp.timestamps = i == 0; /* numbers alone are easier to forge */
    }
    cfg[1].gateway = FLOOD_CLIENT;
}

static struct flood *flood_begin(const struct net_config cfg[2],
                                 size_t (*frame)(struct flood *, uint8_t *), uint32_t count)
{
    struct flood *f = calloc(1, sizeof(*f));
    struct imp_config imp;

    T_NEED(f != NULL);
    f->w = world_new(1);
    f->w->check_each = 200;
    f->w->allow_loss = true; /* queues overflow: arrows of forged connections go unseen */
    f->frame = frame;
    f->left = count;
    f->each_ms = count / 1000;
    imp_config_default(&imp);
    imp.delay = NET_US(100);
    f->client = world_host_add(f->w, &cfg[0]);
    f->server = world_host_add(f->w, &cfg[1]);
    world_cable_add(f->w, f->client, f->server, &imp, &imp);
    f->forge = (struct forge){cfg[0].ifs[0].mac, cfg[1].ifs[0].mac, FLOOD_CLIENT, FLOOD_SERVER};
    prng_seed(&f->prng, 1, 1);
    services_start(&f->services, f->server, 512);
    f->next_frames = count > 0 ? 0 : NET_NEVER;
    f->client->user = flood_user;
    f->client->user_deadline = flood_deadline;
    f->client->ctx = f;
    f->w->done = flood_is_over;
    f->w->done_ctx = f;
    return f;
}

static uint32_t flood_well(const struct flood *f)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->begun; i++)
        n += talk_is_well(&f->talk[i]);
    return n;
}

static void flood_end(struct flood *f)
{
    f->w->done = NULL;
    services_stop(&f->services);
    world_run(f->w, NET_SEC(130));
    services_free(&f->services);
    f->client->user = NULL;
    f->client->user_deadline = NULL;
    world_end(f->w);
    free(f);
}

/* ---- SYN flood ---- */

static size_t flood_syn(struct flood *f, uint8_t *out)
{
    struct tcp_seg seg = {
        .src_port = (uint16_t)(1024 + prng_below(&f->prng, 60000)),
        .dst_port = FLOOD_ECHO,
        .seq = seq_of(prng_u32(&f->prng)),
        .flags = TCP_SYN,
        .wnd = 65535,
        .opt = {.has_mss = true, .mss = 1460}
    };

    f->forge.src = 0xac100000u | prng_below(&f->prng, 1 << 20); /* 172.16/12 */
    return forge_tcp(&f->forge, &seg, NULL, 0, out);
}

static struct flood *flood_syns(enum tcp_syn_policy policy, net_time limit)
{
    struct net_config cfg[2];

    flood_configs(cfg);
    cfg[1].tcp.syn_policy = policy;
    struct flood *f = flood_begin(cfg, flood_syn, 100000);

    world_run(f->w, limit);
    T_TRUE(f->server->n.tcp.halves.peak <= cfg[1].tcp.half_open);
    T_TRUE(f->server->n.tcp.tcbs.peak <= FLOOD_HONEST);
    return f;
}

static void test_flood_syn_cookies(void)
{
    struct flood *f = flood_syns(TCP_SYN_COOKIES, NET_SEC(20));

    T_EQ(flood_well(f), FLOOD_HONEST);
    T_TRUE(f->slowest < NET_SEC(3));
    T_TRUE(f->server->n.tcp.stats.cookies_sent > 90000);
    T_TRUE(f->server->n.tcp.stats.cookies_ok > 50);
    flood_end(f);
}

static void test_flood_syn_evict(void)
{
    struct flood *f = flood_syns(TCP_SYN_EVICT, NET_SEC(20));

    T_EQ(flood_well(f), FLOOD_HONEST);
    T_TRUE(f->slowest < NET_SEC(3));
    T_TRUE(f->server->n.tcp.stats.evicted > 90000);
    flood_end(f);
}

/* Without cookies and eviction the strangers keep the pool until their SYN,ACKs have been sent in
 * vain (63 s): the honest find room after that, by their own repeated SYNs. */
static void test_flood_syn_drop(void)
{
    struct flood *f = flood_syns(TCP_SYN_DROP, NET_SEC(200));

    T_EQ(flood_well(f), FLOOD_HONEST);
    T_TRUE(f->server->n.core.drops[V_DROP_TCP_SYN_POOL] > 90000);
    flood_end(f);
}

/* With resets the honest are told at once; whoever comes later is welcome. */
static void test_flood_syn_reset(void)
{
    struct net_config cfg[2];

    flood_configs(cfg);
    cfg[1].tcp.syn_policy = TCP_SYN_RESET;
    struct flood *f = flood_begin(cfg, flood_syn, 100000);

    f->next_client = NET_SEC(70);
    world_run(f->w, NET_SEC(2));
    T_TRUE(f->server->n.tcp.stats.rsts_out > 90000);
    world_run(f->w, NET_SEC(200));
    T_EQ(flood_well(f), FLOOD_HONEST);
    flood_end(f);
}

/* ---- segments of no connection ---- */

static size_t flood_stray(struct flood *f, uint8_t *out)
{
    static const uint8_t flags[] = {TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_SYN | TCP_ACK,
                                    TCP_FIN | TCP_ACK};
    struct tcp_seg seg = {.src_port = (uint16_t)(1024 + prng_below(&f->prng, 60000)),
                          .dst_port = FLOOD_ECHO,
                          .seq = seq_of(prng_u32(&f->prng)),
                          .ack = seq_of(prng_u32(&f->prng)),
                          .flags = flags[prng_below(&f->prng, ARRAY_LEN(flags))],
                          .wnd = 65535};

    /* Half of them in the name of the honest client's own address. */
    f->forge.src = prng_below(&f->prng, 2) == 0 ? (uint32_t)FLOOD_CLIENT
                                                : 0xac100000u | prng_below(&f->prng, 1 << 20);
    return forge_tcp(&f->forge, &seg, NULL, 0, out);
}

static void flood_harmless(size_t (*frame)(struct flood *, uint8_t *), uint32_t count,
                           net_time slowest)
{
    struct net_config cfg[2];

    flood_configs(cfg);
    struct flood *f = flood_begin(cfg, frame, count);

    world_run(f->w, NET_SEC(60));
    T_EQ(flood_well(f), FLOOD_HONEST);
    T_TRUE(f->slowest <= slowest);
    T_TRUE(f->server->n.tcp.tcbs.peak <= FLOOD_HONEST);
    T_EQ(f->server->n.core.pkts.slab.exhausted, 0);
    flood_end(f);
}

static void test_flood_strays(void)
{
    flood_harmless(flood_stray, 100000, NET_SEC(3));
}

/* ---- fragments ---- */

static size_t flood_fragment(struct flood *f, uint8_t *out)
{
    uint8_t body[64] = {0};

    f->forge.src = 0xac100000u | prng_below(&f->prng, 1 << 20);
    return forge_ip(&f->forge, IP_PROTO_UDP, (uint16_t)prng_u32(&f->prng),
                    (uint16_t)(8 * prng_below(&f->prng, 100)), true, body,
                    8 + 8 * prng_below(&f->prng, 7), out);
}

static void test_flood_fragments(void)
{
    flood_harmless(flood_fragment, 100000, NET_SEC(1));
}

/* ---- ARP ---- */

static size_t flood_arp(struct flood *f, uint8_t *out)
{
    struct forge forge = f->forge;

    forge.src = 0x0a000100u + prng_below(&f->prng, 65000);
    forge.src_mac = (struct mac){
        {2, 1, (uint8_t)prng_u32(&f->prng), (uint8_t)prng_u32(&f->prng),
         (uint8_t)prng_u32(&f->prng), (uint8_t)prng_u32(&f->prng)}
    };
    return forge_arp(&forge, prng_below(&f->prng, 2) == 0 ? ARP_REQUEST : ARP_REPLY, out);
}

static void test_flood_arp(void)
{
    flood_harmless(flood_arp, 100000, NET_SEC(3));
}

/* ---- established connections ---- */

/* 400 strangers ask chargen for data and never read: their windows are shut, and stay so. */
static void test_flood_sockstress(void)
{
    struct net_config cfg[2];
    int sd[800];

    flood_configs(cfg);
    struct flood *f = flood_begin(cfg, NULL, 0);
    struct socks *s = net_socks(&f->client->n);
    struct sock_addr to = {ip_addr_v4(FLOOD_SERVER), FLOOD_CHARGEN};

    f->next_client = NET_SEC(3);
    for (size_t i = 0; i < ARRAY_LEN(sd); i++) {
        sd[i] = sock_open(s, SOCK_KIND_TCP);
        T_NEED(sd[i] >= 0);
        sock_setopt(s, sd[i], SOCK_OPT_RCVBUF, 2048);
        T_EQ(sock_connect(s, sd[i], &to), -EINPROGRESS);
        world_run(f->w, NET_MS(2));
    }
    world_run(f->w, NET_SEC(120));
    T_EQ(flood_well(f), FLOOD_HONEST);
    T_TRUE(f->slowest < NET_SEC(3));
    T_TRUE(f->services.app.stats.evicted > 0); /* the service's cap is 512 */
    T_TRUE(f->server->n.tcp.stats.zero_window_probes > 100);
    for (size_t i = 0; i < ARRAY_LEN(sd); i++)
        sock_close(s, sd[i]);
    flood_end(f);
}

/* The server's block of the client's connection from @port. */
static struct tcb *flood_tcb(struct flood *f, uint16_t port)
{
    struct tcp_id id = {ip_addr_v4(FLOOD_SERVER), ip_addr_v4(FLOOD_CLIENT), FLOOD_DISCARD, port};
    struct tcp_conn *c = tcp_find(&f->server->n.tcp, &id);

    return c != NULL && c->link.kind == TCP_CONN_FULL ? tcb_of(c) : NULL;
}

static size_t flood_smack(struct flood *f, uint8_t *out)
{
    struct tcb *t = flood_tcb(f, 45678);

    T_NEED(t != NULL);
    struct tcp_seg seg = {.src_port = 45678,
                          .dst_port = FLOOD_DISCARD,
                          .seq = seq_add(t->rcv_nxt, 2 + 2 * prng_below(&f->prng, 30000)),
                          .ack = t->snd_una,
                          .flags = TCP_ACK,
                          .wnd = 65535};

    return forge_tcp(&f->forge, &seg, "x", 1, out);
}

/* 50,000 segments of one byte each, out of order (SegmentSmack): what is kept of them is a bounded
 * list, so what each of them costs is bounded too. */
static void test_flood_segment_smack(void)
{
    struct net_config cfg[2];

    flood_configs(cfg);
    struct flood *f = flood_begin(cfg, flood_smack, 50000);
    struct socks *s = net_socks(&f->client->n);
    struct sock_addr from = {IP_ADDR_ANY, 45678}, to = {ip_addr_v4(FLOOD_SERVER), FLOOD_DISCARD};
    int sd = sock_open(s, SOCK_KIND_TCP);

    f->next_frames = f->next_client = NET_SEC(1);
    T_EQ(sock_bind(s, sd, &from), 0);
    T_EQ(sock_connect(s, sd, &to), -EINPROGRESS);
    world_run(f->w, NET_SEC(60));
    T_EQ(flood_well(f), FLOOD_HONEST);
    T_TRUE(f->slowest < NET_SEC(1));
    T_EQ(f->server->n.tcp.hole_pool.peak, 1);
    T_TRUE(f->server->n.tcp.stats.ooo_segs < 1000);
    T_TRUE(f->server->n.core.drops[V_DROP_TCP_REASS_FULL] > 45000);
    T_TRUE(f->server->n.core.bufs.peak <= (1 << 20));
    T_EQ(sock_abort(s, sd), 0);
    flood_end(f);
}

T_MAIN("flood", T(test_flood_syn_cookies), T(test_flood_syn_evict), T(test_flood_syn_drop),
       T(test_flood_syn_reset), T(test_flood_strays), T(test_flood_fragments), T(test_flood_arp),
       T(test_flood_sockstress), T(test_flood_segment_smack))
