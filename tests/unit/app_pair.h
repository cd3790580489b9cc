/*
 * app_pair.h - a host that runs services, a host that asks, and a wire of one millisecond between
 * them, all in virtual time.
 *
 * pair_run() lets time pass from event to event. What the peer of the client's socket sends is
 * collected in `got`, unless `hold` says that the client does not read. To be included first.
 */
#ifndef APP_PAIR_H
#define APP_PAIR_H

#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "l7_application/app.h"
#include "net.h"
#include "small.h"
#include "t.h"

enum { PAIR_GOT = 4 << 20, PAIR_WIRE = 4096, PAIR_SERVER = 0x0a000002, PAIR_CLIENT = 0x0a000003 };
#define PAIR_DELAY NET_MS(1)

struct pair_frame {
    net_time at;
    bool to_server;
    uint16_t gso_size; /* of the packet, base/pkt.h */
    size_t len;
    uint8_t *bytes;
};

struct pair {
    struct net server, client;
    struct app app;
    net_time now;
    void *mem[3];
    size_t mem_len[3];
    struct pair_frame wire[PAIR_WIRE];
    size_t first, count;
    int sd;    /* of the client */
    bool hold; /* the client does not read */
    bool eof;
    int error; /* of the client's reading, negative errno */
    char *got;
    size_t len;
};

static inline void *pair_memory(struct pair *p, int i, size_t len)
{
    p->mem_len[i] = len;
    p->mem[i] =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    T_NEED(p->mem[i] != MAP_FAILED);
    return p->mem[i];
}

static inline void pair_host(struct pair *p, int i, struct net *n, uint32_t ip)
{
    static struct net_config cfg;

    small_identity(&cfg, (uint8_t)ip);
    cfg.gateway = 0;
    size_t len = net_mem_size(&cfg);

    T_NEED(net_init(n, &cfg, pair_memory(p, i, len), len) == 0);
}

/* A pair with all services running; @files may be NULL. */
static inline struct pair *pair_new_with(const struct app_files *files, struct app_config cfg)
{
    struct pair *p = calloc(1, sizeof(*p));
    struct region r = {0};

    T_NEED(p != NULL);
    p->got = malloc(PAIR_GOT);
    T_NEED(p->got != NULL);
    pair_host(p, 0, &p->server, PAIR_SERVER);
    pair_host(p, 1, &p->client, PAIR_CLIENT);
    app_cut(&p->app, &cfg, &r);
    r = (struct region){.p = pair_memory(p, 2, r.used), .len = r.used};
    app_cut(&p->app, &cfg, &r);
    T_NEED(!r.overflow);
    struct app_env env = {
        .core = &p->server.core,
        .socks = net_socks(&p->server),
        .tcp = &p->server.tcp,
        .arp = &p->server.ifs[0].arp,
        .ip = &p->server.ip,
        .files = files,
    };

    T_NEED(app_init(&p->app, &env) == 0);
    for (const struct app_service *const *s = app_service_list; *s != NULL; s++)
        T_EQ(app_start(&p->app, (*s)->name, 0), 0);
    p->sd = -1;
    return p;
}

/* The same with this many connections; 0: the default. */
static inline struct pair *pair_new(const struct app_files *files, uint32_t connections)
{
    struct app_config cfg;

    app_config_default(&cfg);
    if (connections != 0)
        cfg.connections = connections;
    return pair_new_with(files, cfg);
}

static inline void pair_free(struct pair *p)
{
    for (; p->count > 0; p->count--)
        free(p->wire[p->first++ % PAIR_WIRE].bytes);
    for (int i = 0; i < 3; i++)
        munmap(p->mem[i], p->mem_len[i]);
    free(p->got);
    free(p);
}

static inline void pair_collect(struct pair *p)
{
    while (p->sd >= 0 && !p->hold && !p->eof && p->error == 0 && p->len < PAIR_GOT - 1) {
        int n = sock_recv(net_socks(&p->client), p->sd, p->got + p->len, PAIR_GOT - 1 - p->len, 0);

        if (n == -EAGAIN)
            break;
        if (n < 0)
            p->error = n;
        if (n == 0)
            p->eof = true;
        if (n > 0)
            p->len += (size_t)n;
    }
    p->got[p->len] = '\0';
}

static inline void pair_send_all(struct pair *p, struct net *n)
{
    struct pkt *out[16];
    size_t count;

    while ((count = net_output(n, out, ARRAY_LEN(out), p->now)) > 0) {
        for (size_t i = 0; i < count; i++) {
            struct pair_frame *f = &p->wire[(p->first + p->count++) % PAIR_WIRE];

            T_NEED(p->count <= PAIR_WIRE);
            pkt_csum_complete(out[i]);
            *f = (struct pair_frame){p->now + PAIR_DELAY, n == &p->client, out[i]->gso_size,
                                     pkt_total(out[i]), NULL};
            f->bytes = malloc(f->len);
            T_NEED(f->bytes != NULL);
            pkt_copy_out(out[i], f->bytes);
            pkt_release(out[i]);
        }
    }
}

static inline void pair_deliver(struct pair *p)
{
    while (p->count > 0 && p->wire[p->first % PAIR_WIRE].at <= p->now) {
        struct pair_frame *f = &p->wire[p->first++ % PAIR_WIRE];
        struct net *n = f->to_server ? &p->server : &p->client;
        struct pkt *in = PKT_HEADROOM + f->len <= n->core.pkts.cap
                             ? net_pkt(n)
                             : pkt_alloc(&n->core.bigs, PKT_HEADROOM);

        p->count--;
        T_NEED(in != NULL);
        memcpy(pkt_append(in, (uint32_t)f->len), f->bytes, f->len);
        in->gso_size = f->gso_size;
        free(f->bytes);
        net_input(n, &in, 1, p->now);
    }
}

/* Everything that is due now. */
static inline void pair_turn(struct pair *p)
{
    pair_deliver(p);
    net_input(&p->server, NULL, 0, p->now);
    net_input(&p->client, NULL, 0, p->now);
    app_run(&p->app, p->now);
    pair_collect(p);
    pair_send_all(p, &p->server);
    pair_send_all(p, &p->client);
}

/* Let @time pass. */
static inline void pair_run(struct pair *p, net_time time)
{
    net_time end = p->now + time;

    for (pair_turn(p); p->now < end; pair_turn(p)) {
        net_time next = net_time_min(net_deadline(&p->server), net_deadline(&p->client));

        next = net_time_min(next, app_deadline(&p->app));
        if (p->count > 0)
            next = net_time_min(next, p->wire[p->first % PAIR_WIRE].at);
        next = net_time_min(next, end);
        p->now = next > p->now ? next : p->now + 1;
    }
}

/* A new connection of the client; the earlier one is closed by whoever wants that. */
static inline void pair_connect(struct pair *p, uint16_t port)
{
    struct sock_addr to = {ip_addr_v4(PAIR_SERVER), port};

    p->sd = sock_open(net_socks(&p->client), SOCK_KIND_TCP);
    T_NEED(p->sd >= 0);
    sock_setopt(net_socks(&p->client), p->sd, SOCK_OPT_NODELAY, 1);
    T_EQ(sock_connect(net_socks(&p->client), p->sd, &to), -EINPROGRESS);
    p->eof = false;
    p->error = 0;
    p->len = 0;
    int sd = p->sd;

    p->sd = -1; /* reading would fail before the handshake is over */
    pair_run(p, NET_MS(20));
    p->sd = sd;
    pair_collect(p);
}

static inline void pair_say_bytes(struct pair *p, const void *bytes, size_t len)
{
    T_EQ(sock_send(net_socks(&p->client), p->sd, bytes, len, 0), len);
}
static inline void pair_say(struct pair *p, const char *text)
{
    pair_say_bytes(p, text, strlen(text));
}

static inline void pair_fin(struct pair *p)
{
    T_EQ(sock_shutdown(net_socks(&p->client), p->sd, SOCK_SHUT_WR), 0);
}

static inline void pair_close(struct pair *p)
{
    if (p->sd >= 0)
        sock_close(net_socks(&p->client), p->sd);
    p->sd = -1;
}

/* One datagram to @port, from @from (0: chosen). Return: length of the answer in got, or -EAGAIN. */
static inline int pair_ask(struct pair *p, uint16_t from, uint16_t port, const void *bytes,
                           size_t len)
{
    struct socks *s = net_socks(&p->client);
    struct sock_addr to = {ip_addr_v4(PAIR_SERVER), port}, any = {IP_ADDR_ANY, from};
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_NEED(sd >= 0);
    T_EQ(sock_bind(s, sd, &any), 0);
    T_EQ(sock_sendto(s, sd, bytes, len, &to), len);
    pair_run(p, NET_MS(20));
    int n = sock_recvfrom(s, sd, p->got, PAIR_GOT, NULL);

    sock_close(s, sd);
    return n;
}

#endif
