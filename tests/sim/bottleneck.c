#include "bottleneck.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "small.h"

enum { BATCH = 32, CHUNK = 65536, PORT = 5001, FRAME = 1514, BUFFER = 4 << 20 };

struct bottleneck {
    struct bottleneck_config cfg;
    struct tcp_config tcp;
    struct net host[2];
    void *memory[3];
    size_t memory_len[3];
    struct cable cable;
    net_time now;
    uint64_t data_frames;
    int sd[BOTTLENECK_FLOWS], accepted[BOTTLENECK_FLOWS], listener;
    uint16_t port[BOTTLENECK_FLOWS]; /* of the connection at host a */
    uint64_t bytes[BOTTLENECK_FLOWS];
};

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bottleneck: %s\n", what);
    exit(2);
}

/* Zero-filled, aligned to a page, and no memory as far as it is not touched. */
static void *map(struct bottleneck *b, unsigned i, size_t len)
{
    b->memory[i] =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    need(b->memory[i] != MAP_FAILED, "no memory");
    b->memory_len[i] = len;
    return b->memory[i];
}

static void bring_up(struct bottleneck *b, unsigned i)
{
    struct net_config cfg;

    small_identity(&cfg, (uint8_t)(i + 1));
    snprintf(cfg.name, sizeof(cfg.name), "%c", "ab"[i]);
    cfg.seed = b->cfg.seed * 2 + i;
    cfg.packets = 4096;
    cfg.bigs = 8;
    cfg.buffer_bytes = (size_t)128 << 20;
    if (b->cfg.tcp != NULL)
        cfg.tcp = b->tcp;
    cfg.tcp.connections = cfg.tcp.half_open = cfg.tcp.time_wait = 64;
    cfg.tcp.sndbuf = cfg.tcp.rcvbuf = BUFFER;
    cfg.udp.sockets = 16;
    cfg.socks = (struct socks_config){.sockets = 64, .polls = 4};
    size_t len = net_mem_size(&cfg);

    need(net_init(&b->host[i], &cfg, map(b, i, len), len) == 0, "net_init refused");
}

static void plug_in(struct bottleneck *b)
{
    struct imp_config ab, ba;
    struct region r = {0};

    cable_cut(&b->cable, &r, IMP_HELD_DEFAULT);
    size_t len = r.used;

    r = (struct region){.p = map(b, 2, len), .len = len};
    cable_cut(&b->cable, &r, IMP_HELD_DEFAULT);
    cable_init(&b->cable, &b->host[0].core, 0, &b->host[1].core, 0, b->cfg.seed);
    b->cable.offload = true; /* checksums are not what is measured */
    imp_config_default(&ab);
    imp_config_default(&ba);
    ab.delay = ba.delay = b->cfg.rtt / 2;
    ab.rate_bps = b->cfg.rate_bps;
    ab.loss_ppm = b->cfg.loss_ppm;
    ab.limit = b->cfg.queue;
    if (ab.limit == 0)
        ab.limit =
            (uint32_t)(b->cfg.rate_bps / 8 * (uint64_t)b->cfg.rtt / (uint64_t)NET_SEC(1) / FRAME);
    need(cable_set(&b->cable, 0, &ab) == 0 && cable_set(&b->cable, 1, &ba) == 0, "no such wire");
}

struct bottleneck *bottleneck_new(const struct bottleneck_config *cfg)
{
    struct bottleneck *b = calloc(1, sizeof(*b));

    need(b != NULL, "no memory");
    need(cfg->flows >= 1 && cfg->flows <= BOTTLENECK_FLOWS, "so many flows are not foreseen");
    b->cfg = *cfg;
    if (cfg->tcp != NULL)
        b->tcp = *cfg->tcp;
    bring_up(b, 0);
    bring_up(b, 1);
    if (cfg->trace != NULL)
        b->host[0].core.trace = (struct trace){cfg->trace_kinds, cfg->trace, cfg->ctx};
    plug_in(b);
    b->listener = sock_open(net_socks(&b->host[1]), SOCK_KIND_TCP);
    need(sock_bind(net_socks(&b->host[1]), b->listener, &(struct sock_addr){.port = PORT}) == 0 &&
             sock_listen(net_socks(&b->host[1]), b->listener, BOTTLENECK_FLOWS) == 0,
         "listen failed");
    for (unsigned i = 0; i < cfg->flows; i++) {
        struct sock_addr own = {.port = (uint16_t)(6000 + i)};

        b->port[i] = own.port;
        b->sd[i] = sock_open(net_socks(&b->host[0]), SOCK_KIND_TCP);
        b->accepted[i] = -1;
        need(sock_bind(net_socks(&b->host[0]), b->sd[i], &own) == 0, "bind failed");
        need(sock_connect(net_socks(&b->host[0]), b->sd[i],
                          &(struct sock_addr){ip_addr_v4(0x0a000002), PORT}) == -EINPROGRESS,
             "connect failed");
    }
    return b;
}

/* ---- the users ---- */

static void users_of_a(struct bottleneck *b)
{
    static const uint8_t chunk[CHUNK];

    for (unsigned i = 0; i < b->cfg.flows; i++) {
        int n;

        while ((n = sock_send(net_socks(&b->host[0]), b->sd[i], chunk, CHUNK, 0)) > 0)
            ;
        need(n == -EAGAIN || n == -ENOTCONN || n == 0, "sending failed");
    }
}

static void users_of_b(struct bottleneck *b)
{
    struct socks *s = net_socks(&b->host[1]);
    struct sock_addr from;
    int sd;

    while ((sd = sock_accept(s, b->listener, &from)) >= 0)
        b->accepted[from.port - 6000] = sd;
    for (unsigned i = 0; i < b->cfg.flows; i++) {
        struct span in[2];
        int n;

        while (b->accepted[i] >= 0 && (n = sock_peek(s, b->accepted[i], in, NULL)) > 0) {
            b->bytes[i] += (uint64_t)n;
            need(sock_consume(s, b->accepted[i], (size_t)n) == 0, "reading failed");
        }
    }
}

/* ---- time ---- */

static bool arrives(struct bottleneck *b, unsigned to)
{
    struct pkt *p;
    bool any = false;

    while ((p = cable_pop(&b->cable, to, b->now)) != NULL) {
        net_input(&b->host[to], &p, 1, b->now);
        any = true;
    }
    return any;
}

static bool leaves(struct bottleneck *b, unsigned from)
{
    struct pkt *out[BATCH];
    size_t count, sent = 0;

    while ((count = net_output(&b->host[from], out, BATCH, b->now)) > 0) {
        for (size_t i = 0; i < count; i++) {
            bool has_data = from == 0 && pkt_total(out[i]) > 200;

            if (has_data && b->cfg.loses != NULL &&
                b->cfg.loses(b->cfg.ctx, b->data_frames++, out[i]))
                pkt_release(out[i]);
            else
                cable_push(&b->cable, from, out[i], b->now);
        }
        sent += count;
    }
    return sent > 0;
}

void bottleneck_run(struct bottleneck *b, net_time span)
{
    net_time end = b->now + span;

    for (;;) {
        bool busy = true;

        for (unsigned h = 0; h < 2; h++)
            net_input(&b->host[h], NULL, 0, b->now);
        while (busy) {
            busy = arrives(b, 0);
            busy = arrives(b, 1) || busy;
            users_of_a(b);
            users_of_b(b);
            busy = leaves(b, 0) || busy;
            busy = leaves(b, 1) || busy;
        }
        net_time next =
            net_time_min(cable_deadline(&b->cable),
                         net_time_min(net_deadline(&b->host[0]), net_deadline(&b->host[1])));

        NET_ASSERT(next > b->now); /* nothing was due any more: time must pass */
        if (next > end)
            break;
        b->now = next;
    }
    b->now = end;
}

/* ---- what it came to ---- */

uint64_t bottleneck_bytes(const struct bottleneck *b, unsigned flow)
{
    return b->bytes[flow];
}

bool bottleneck_status(const struct bottleneck *b, unsigned flow, struct tcp_status *s)
{
    uint32_t at = 0;

    while (tcp_each(&b->host[0].tcp, &at, s)) {
        if (s->id.lport == b->port[flow] && s->id.rport == PORT)
            return true;
    }
    return false;
}

const struct tcp_stats *bottleneck_stats(const struct bottleneck *b)
{
    return &b->host[0].tcp.stats;
}

void bottleneck_free(struct bottleneck *b)
{
    cable_flush(&b->cable);
    for (unsigned i = 0; i < 3; i++)
        munmap(b->memory[i], b->memory_len[i]);
    free(b);
}

double bottleneck_goodput(const struct bottleneck_config *cfg, const char *cc, bool sack,
                          unsigned seconds, unsigned seeds)
{
    struct tcp_config tcp;
    double sum = 0;

    tcp_config_default(&tcp);
    tcp.cc = (uint8_t)cc_by_name(cc);
    tcp.sack = sack;
    for (unsigned seed = 1; seed <= seeds; seed++) {
        struct bottleneck_config run = *cfg;

        run.seed = seed;
        run.flows = 1;
        run.tcp = &tcp;
        struct bottleneck *b = bottleneck_new(&run);

        bottleneck_run(b, NET_SEC(seconds));
        sum += (double)bottleneck_bytes(b, 0) * 8 / seconds;
        bottleneck_free(b);
    }
    return sum / seeds;
}
