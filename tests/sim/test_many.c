/*
 * Many connections: one after the other, all at once, and more than there is room for.
 *
 * What is looked for is growth: after ten thousand connections the pools must have been no fuller
 * at any time than after the first few, TIME-WAIT aside, which has a pool and a time of its own.
 */
#include <errno.h>
#include <stdlib.h>

#include "services.h"
#include "talk.h"

enum { MANY_SERVER = 0x0a000002, MANY_ECHO = 7, MANY_DAYTIME = 13 };

struct many {
    struct world *w;
    struct services services;
    struct talk *talk; /* of the client */
    uint32_t count, over;
};

static void many_user(void *ctx)
{
    struct many *m = ctx;

    m->over = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        talk_run(&m->talk[i]);
        m->over += m->talk[i].over;
    }
}

static bool many_done(void *ctx)
{
    struct many *m = ctx;

    return m->over == m->count;
}

/* Host 0 calls, host 1 serves; 100 microseconds of cable between them. */
static void many_begin(struct many *m, struct net_config cfg[2], uint32_t services)
{
    struct imp_config imp;

    *m = (struct many){.w = world_new(1)};
    m->w->check_each = 128;
    imp_config_default(&imp);
    imp.delay = NET_US(100);
    for (unsigned i = 0; i < 2; i++)
        world_host_add(m->w, &cfg[i]);
    world_cable_add(m->w, m->w->hosts[0], m->w->hosts[1], &imp, &imp);
    services_start(&m->services, m->w->hosts[1], services);
    m->w->hosts[0]->user = many_user;
    m->w->hosts[0]->ctx = m;
    m->w->done = many_done;
    m->w->done_ctx = m;
}

static void many_end(struct many *m)
{
    m->w->done = NULL;
    services_stop(&m->services);
    world_run(m->w, NET_SEC(70));
    services_free(&m->services);
    free(m->talk);
    m->talk = NULL;
    m->count = 0;
    world_end(m->w);
}

static void many_configs(struct net_config cfg[2])
{
    for (unsigned i = 0; i < 2; i++)
        world_config(&cfg[i], (uint8_t)(i + 1));
}

/* Connection number @i to the echo service: we say @bytes, hear them again, and hang up first. */
static void many_call(struct many *m, uint32_t i, uint64_t bytes)
{
    struct talk_plan plan = {.key = i, .bytes = bytes, .end = TALK_FIRST, .nodelay = true};

    talk_connect(&m->talk[i], m->w->hosts[0], 0, MANY_SERVER, MANY_ECHO, &plan, &plan);
}

static void many_one_by_one(uint32_t count, uint32_t time_wait)
{
    struct net_config cfg[2];
    struct many m;

    many_configs(cfg);
    cfg[0].tcp.time_wait = time_wait;
    many_begin(&m, cfg, 0);
    m.talk = calloc(1, sizeof(*m.talk));
    T_NEED(m.talk != NULL);
    m.count = 1;
    for (uint32_t i = 0; i < count && !m.w->failed; i++) {
        many_call(&m, 0, 100);
        m.over = 0;
        world_run(m.w, NET_SEC(10));
        T_NEED(m.talk[0].received == 100);
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct net *n = &m.w->hosts[i]->n;

        T_TRUE(n->tcp.tcbs.peak <= 3);
        T_TRUE(n->tcp.halves.peak <= 2);
        T_TRUE(n->core.pkts.slab.peak <= 16);
        T_TRUE(n->core.bufs.peak <= 16384);
        T_EQ(n->tcp.stats.rsts_out, 0);
    }
    uint32_t waiting = m.w->hosts[0]->n.tcp.tws.used;

    T_TRUE(waiting <= time_wait && waiting > 0);
    if (time_wait < count)
        T_TRUE(m.w->hosts[0]->n.tcp.stats.time_wait_evicted > 0);
    else
        T_EQ(m.w->hosts[0]->n.tcp.stats.time_wait_evicted, 0);
    many_end(&m);
}

static void test_many_one_after_another(void)
{
    many_one_by_one(10000, 16384);
}

static void test_many_one_after_another_small_time_wait_pool(void)
{
    many_one_by_one(1000, 16);
}

/* The server hangs up first, and so has the TIME-WAIT entries: the client may use its ports again. */
static void test_many_closed_by_the_server(void)
{
    struct net_config cfg[2];
    struct many m;
    char text[100];

    many_configs(cfg);
    cfg[0].tcp.port_min = 40000; /* so few that each is used many times */
    cfg[0].tcp.port_max = 40099;
    cfg[1].tcp.time_wait = 4096;
    many_begin(&m, cfg, 0);
    struct socks *s = net_socks(&m.w->hosts[0]->n);
    struct sock_addr to = {ip_addr_v4(MANY_SERVER), MANY_DAYTIME};

    m.w->done = NULL;
    for (int i = 0; i < 10000 && !m.w->failed; i++) {
        int sd = sock_open(s, SOCK_KIND_TCP);

        T_NEED(sd >= 0);
        T_NEED(sock_connect(s, sd, &to) == -EINPROGRESS);
        world_run(m.w, NET_MS(2));
        T_NEED(sock_recv(s, sd, text, sizeof(text), 0) > 10);
        T_NEED(sock_recv(s, sd, text, sizeof(text), 0) == 0);
        T_EQ(sock_close(s, sd), 0);
        world_run(m.w, NET_MS(9));
    }
    T_TRUE(m.w->hosts[1]->n.tcp.stats.time_wait_reused > 1000);
    T_TRUE(m.w->hosts[1]->n.tcp.tws.used <= 100);
    T_EQ(m.w->hosts[0]->n.tcp.tws.used, 0);
    T_TRUE(m.w->hosts[0]->n.tcp.tcbs.peak <= 2);
    many_end(&m);
}

static uint64_t many_drops; /* for want of room, so far */

/* @gap between two calls: those who are refused come again as they came, so with none all of them
 * would meet again and again. */
static void many_at_once(struct net_config cfg[2], uint32_t count, net_time gap, net_time limit)
{
    struct many m;

    many_begin(&m, cfg, 0);
    m.talk = calloc(count, sizeof(*m.talk));
    T_NEED(m.talk != NULL);
    m.count = count;
    for (uint32_t i = 0; i < count; i++)
        m.talk[i].over = true; /* not begun */
    m.w->done = NULL;
    for (uint32_t i = 0; i < count; i++) {
        many_call(&m, i, 300);
        if (gap > 0)
            world_run(m.w, gap);
    }
    m.w->done = many_done;
    world_run(m.w, limit);
    uint32_t well = 0;

    for (uint32_t i = 0; i < count; i++)
        well += talk_is_well(&m.talk[i]);
    T_EQ(well, count);
    T_EQ(m.services.app.stats.accepted, count);
    T_TRUE(m.w->hosts[1]->n.tcp.tcbs.peak <= cfg[1].tcp.connections);
    many_drops += m.w->hosts[1]->n.core.drops[V_DROP_TCP_ACCEPT_QUEUE] +
                  m.w->hosts[1]->n.core.drops[V_DROP_TCP_SYN_POOL] +
                  m.w->hosts[1]->n.core.drops[V_DROP_TCP_TCB_POOL];
    many_end(&m);
}

static void many_large(struct net_config *cfg, uint32_t count)
{
    cfg->tcp.connections = cfg->tcp.half_open = cfg->tcp.time_wait = count;
    cfg->tcp.backlog = count;
    cfg->socks.sockets = count + 64;
}

static void test_many_at_once(void)
{
    struct net_config cfg[2];

    many_configs(cfg);
    many_large(&cfg[0], 1024);
    many_large(&cfg[1], 1024);
    many_at_once(cfg, 1000, 0, NET_SEC(5));
}

/* An accept queue and a half-open pool that are far too short: SYNs are lost and come again. */
static void test_many_short_accept_queue(void)
{
    struct net_config cfg[2];

    many_configs(cfg);
    many_large(&cfg[0], 256);
    many_large(&cfg[1], 256);
    cfg[1].tcp.backlog = 2;
    cfg[1].tcp.half_open = 4;
    cfg[1].tcp.syn_policy = TCP_SYN_DROP;
    many_drops = 0;
    many_at_once(cfg, 200, NET_US(20), NET_SEC(300));
    T_TRUE(many_drops > 20);
}

/* More callers than the server has blocks: who finds none waits, half open, until others have gone. */
static void test_many_more_than_blocks(void)
{
    struct net_config cfg[2];

    many_configs(cfg);
    many_large(&cfg[0], 256);
    many_large(&cfg[1], 256);
    cfg[1].tcp.connections = 6;
    many_drops = 0;
    many_at_once(cfg, 200, NET_US(20), NET_SEC(300));
    T_TRUE(many_drops > 20);
}

/* The caller's own pools: an error, at once, and all is well again when one is free. */
static void test_many_caller_out_of_blocks(void)
{
    struct net_config cfg[2];
    struct many m;
    int sd[17];

    many_configs(cfg);
    cfg[0].tcp.connections = 16;
    many_begin(&m, cfg, 0);
    m.w->done = NULL;
    struct socks *s = net_socks(&m.w->hosts[0]->n);
    struct sock_addr to = {ip_addr_v4(MANY_SERVER), MANY_ECHO};

    for (int i = 0; i < 17; i++)
        sd[i] = sock_open(s, SOCK_KIND_TCP);
    for (int i = 0; i < 16; i++)
        T_EQ(sock_connect(s, sd[i], &to), -EINPROGRESS);
    T_EQ(sock_connect(s, sd[16], &to), -ENOBUFS);
    world_run(m.w, NET_SEC(1));
    T_EQ(sock_abort(s, sd[0]), 0);
    world_run(m.w, NET_SEC(1));
    T_EQ(sock_connect(s, sd[16], &to), -EINPROGRESS);
    world_run(m.w, NET_SEC(1));
    T_TRUE((poll_events(s, sd[16]) & SOCK_OUT) != 0);
    for (int i = 1; i < 17; i++)
        T_EQ(sock_close(s, sd[i]), 0);
    many_end(&m);
}

/* Nobody has the address: the SYN never becomes a frame, and the trace tells of its arrow all the
 * same. */
static void test_many_nobody_there(void)
{
    struct net_config cfg[2];
    struct many m;
    int64_t error = 0;

    many_configs(cfg);
    many_begin(&m, cfg, 0);
    m.w->done = NULL;
    struct socks *s = net_socks(&m.w->hosts[0]->n);
    struct sock_addr to = {ip_addr_v4(0x0a000009), MANY_ECHO};
    int sd = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_connect(s, sd, &to), -EINPROGRESS);
    world_run(m.w, NET_SEC(400));
    T_TRUE((poll_events(s, sd) & SOCK_ERR) != 0);
    T_EQ(sock_getopt(s, sd, SOCK_OPT_ERROR, &error), 0);
    T_TRUE(error == EHOSTUNREACH || error == ETIMEDOUT);
    T_EQ(sock_close(s, sd), 0);
    T_TRUE(world_saw(m.w->arrows, "CLOSED", "SYN_SENT"));
    many_end(&m);
}

T_MAIN("many", T(test_many_one_after_another), T(test_many_one_after_another_small_time_wait_pool),
       T(test_many_closed_by_the_server), T(test_many_at_once), T(test_many_short_accept_queue),
       T(test_many_more_than_blocks), T(test_many_caller_out_of_blocks), T(test_many_nobody_there))
