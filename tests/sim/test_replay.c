/*
 * A host is a function: (configuration, seed, frames, times, calls) -> frames.
 *
 * Two hosts talk over a bad cable; everything that goes into the first is written down: each frame
 * and each moment, in order, when it was asked for frames, and each call of its user with its result. Then a host with the same
 * configuration, alone in the world, is fed that record; it must give the same frames, byte for
 * byte at the same moments, and the same results.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { REPLAY_PORT = 5001, REPLAY_BYTES = 300000, REPLAY_CHUNK = 5000 };

enum replay_kind { REPLAY_INPUT, REPLAY_OUTPUT, REPLAY_CALL };
enum replay_call {
    REPLAY_OPEN,
    REPLAY_CONNECT,
    REPLAY_LISTEN,
    REPLAY_ACCEPT,
    REPLAY_SEND,
    REPLAY_RECV,
    REPLAY_SHUTDOWN,
    REPLAY_CLOSE
};

struct replay_item {
    enum replay_kind kind;
    net_time now;   /* the host's */
    uint8_t *bytes; /* of the frame; NULL: only time passes */
    size_t len;
    enum replay_call call;
    int sd, result;
};

struct replay {
    struct world_host *h; /* the host that is recorded */
    struct replay_item *items;
    size_t count, room;
    int sd[2], listener; /* of the two users */
    uint64_t sent[2], received[2];
    bool shut[2], closed[2];
    struct world_host *hosts[2];
};

static struct replay_item *replay_add(struct replay *r, enum replay_kind kind)
{
    if (r->count == r->room) {
        r->room = r->room == 0 ? 1024 : 2 * r->room;
        r->items = realloc(r->items, r->room * sizeof(*r->items));
        if (r->items == NULL)
            abort();
    }
    r->items[r->count] = (struct replay_item){.kind = kind, .now = world_now(r->h)};
    return &r->items[r->count++];
}

/* A frame as a wire would see it. */
static uint8_t *replay_bytes(struct net *n, const struct pkt *p, size_t *len)
{
    struct pkt *copy = imp_copy(&n->core, p);

    T_NEED(copy != NULL);
    pkt_csum_complete(copy);
    *len = pkt_total(copy);
    uint8_t *bytes = malloc(*len);

    T_NEED(bytes != NULL);
    pkt_copy_out(copy, bytes);
    pkt_release(copy);
    return bytes;
}

static void replay_watch(void *ctx, struct world_host *h, const struct pkt *p, bool out)
{
    struct replay *r = ctx;

    if (h != r->h)
        return;
    struct replay_item *i = replay_add(r, out ? REPLAY_OUTPUT : REPLAY_INPUT);

    if (p != NULL)
        i->bytes = replay_bytes(&h->n, p, &i->len);
}

/* One call of a user; what it sends depends on nothing but its place. */
static int replay_do(struct socks *s, enum replay_call call, int sd)
{
    static uint8_t buf[REPLAY_CHUNK];
    struct sock_addr any = {IP_ADDR_ANY, REPLAY_PORT}, to = {ip_addr_v4(0x0a000002), REPLAY_PORT};
    int err;

    switch (call) {
    case REPLAY_OPEN:
        return sock_open(s, SOCK_KIND_TCP);
    case REPLAY_CONNECT:
        return sock_connect(s, sd, &to);
    case REPLAY_LISTEN:
        err = sock_bind(s, sd, &any);
        return err != 0 ? err : sock_listen(s, sd, 0);
    case REPLAY_ACCEPT:
        return sock_accept(s, sd, NULL);
    case REPLAY_SEND:
        memset(buf, 'r', sizeof(buf));
        return sock_send(s, sd, buf, sizeof(buf), 0);
    case REPLAY_RECV:
        return sock_recv(s, sd, buf, sizeof(buf), 0);
    case REPLAY_SHUTDOWN:
        return sock_shutdown(s, sd, SOCK_SHUT_WR);
    default:
        return sock_close(s, sd);
    }
}

static int replay_call(struct replay *r, struct world_host *h, enum replay_call call, int sd)
{
    int result = replay_do(net_socks(&h->n), call, sd);

    if (h == r->h) {
        struct replay_item *i = replay_add(r, REPLAY_CALL);

        i->call = call;
        i->sd = sd;
        i->result = result;
    }
    return result;
}

static void replay_user(struct replay *r, unsigned k)
{
    struct world_host *h = r->hosts[k];
    int n;

    if (k == 1 && r->sd[1] < 0)
        r->sd[1] = replay_call(r, h, REPLAY_ACCEPT, r->listener);
    if (r->sd[k] < 0 || r->closed[k])
        return;
    while (r->sent[k] < REPLAY_BYTES && (n = replay_call(r, h, REPLAY_SEND, r->sd[k])) > 0)
        r->sent[k] += (uint64_t)n;
    while ((n = replay_call(r, h, REPLAY_RECV, r->sd[k])) > 0)
        r->received[k] += (uint64_t)n;
    if (r->sent[k] >= REPLAY_BYTES && !r->shut[k])
        r->shut[k] = replay_call(r, h, REPLAY_SHUTDOWN, r->sd[k]) == 0;
    if (r->shut[k] && n == 0) {
        replay_call(r, h, REPLAY_CLOSE, r->sd[k]);
        r->closed[k] = true;
    }
}

static void replay_user_a(void *ctx)
{
    replay_user(ctx, 0);
}
static void replay_user_b(void *ctx)
{
    replay_user(ctx, 1);
}

static void replay_config(struct net_config *cfg, unsigned i, uint64_t seed)
{
    world_config(cfg, (uint8_t)(i + 1));
    cfg->seed = 2 * seed + i;
    cfg->start = NET_SEC(5) * (i + 1);
}

/* Write down what @which of the two does. */
static void replay_record(struct replay *r, unsigned which, uint64_t seed)
{
    struct world *w = world_new(seed);
    struct imp_config imp;
    struct net_config cfg;

    imp_config_default(&imp);
    imp.delay = NET_MS(3);
    imp.jitter = NET_MS(1);
    imp.loss_ppm = 20000;
    imp.corrupt_ppm = 5000;
    imp.reorder_ppm = 20000;
    imp.dup_ppm = 20000;
    *r = (struct replay){
        .sd = {-1, -1},
          .listener = -1
    };
    for (unsigned i = 0; i < 2; i++) {
        replay_config(&cfg, i, seed);
        r->hosts[i] = world_host_add(w, &cfg);
        r->hosts[i]->ctx = r;
    }
    world_cable_add(w, r->hosts[0], r->hosts[1], &imp, &imp);
    r->hosts[0]->user = replay_user_a;
    r->hosts[1]->user = replay_user_b;
    r->h = r->hosts[which];
    w->watch = replay_watch;
    w->watch_ctx = r;
    r->listener = replay_call(r, r->hosts[1], REPLAY_OPEN, -1);
    T_EQ(replay_call(r, r->hosts[1], REPLAY_LISTEN, r->listener), 0);
    int sd = replay_call(r, r->hosts[0], REPLAY_OPEN, -1);

    T_EQ(replay_call(r, r->hosts[0], REPLAY_CONNECT, sd), -EINPROGRESS);
    r->sd[0] = sd;
    world_run(w, NET_SEC(120));
    T_TRUE(r->closed[0] && r->closed[1]);
    T_EQ(r->received[0], r->sent[1]);
    T_EQ(r->received[1], r->sent[0]);
    T_EQ(replay_call(r, r->hosts[1], REPLAY_CLOSE, r->listener), 0);
    world_end(w);
}

/* What one net_output() of the host gave. */
struct replay_batch {
    struct pkt *out[WORLD_BATCH];
    size_t count, next;
    bool is_open;
};

/* The next frame the host gives must be @i; where the record has none, there must be none. */
static void replay_expect(struct world *w, struct world_host *h, struct replay_batch *b,
                          const struct replay_item *i, size_t at)
{
    size_t len;

    if (!b->is_open)
        *b = (struct replay_batch){.is_open = true};
    if (b->count == 0)
        b->count = net_output(&h->n, b->out, ARRAY_LEN(b->out), i->now);
    if (i->bytes == NULL) {
        if (b->next != b->count)
            world_fail(w, "item %zu: %zu frames too many", at, b->count - b->next);
        b->is_open = false;
        return;
    }
    if (b->next == b->count) {
        world_fail(w, "item %zu: a frame is missing", at);
        return;
    }
    uint8_t *bytes = replay_bytes(&h->n, b->out[b->next], &len);

    pkt_release(b->out[b->next++]);
    if (len != i->len || memcmp(bytes, i->bytes, len) != 0)
        world_fail(w, "item %zu: another frame", at);
    free(bytes);
}

/* Return: frames that were the same. */
static size_t replay_again(const struct replay *r, unsigned which, uint64_t seed)
{
    struct world *w = world_new(seed);
    struct net_config cfg;
    struct replay_batch batch = {0};
    size_t frames = 0;

    replay_config(&cfg, which, seed);
    struct world_host *h = world_host_add(w, &cfg);

    for (size_t at = 0; at < r->count && !w->failed; at++) {
        const struct replay_item *i = &r->items[at];

        w->now = i->now - h->offset;
        if (i->kind == REPLAY_CALL) {
            if (replay_do(net_socks(&h->n), i->call, i->sd) != i->result)
                world_fail(w, "item %zu: another result of a call", at);
        } else if (i->kind == REPLAY_OUTPUT) {
            replay_expect(w, h, &batch, i, at);
            frames += i->bytes != NULL;
        } else if (i->bytes == NULL) {
            net_input(&h->n, NULL, 0, i->now);
        } else {
            T_NEED(world_inject(h, i->bytes, i->len));
        }
    }
    T_FALSE(w->failed);
    world_free(w);
    return frames;
}

static void replay_free(struct replay *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->items[i].bytes);
    free(r->items);
}

static void test_replay_gives_the_same_frames(void)
{
    struct seeds s = seeds_first("test_replay", "test_replay_gives_the_same_frames", 10);
    struct replay r;

    while (seeds_next(&s)) {
        for (unsigned which = 0; which < 2; which++) {
            replay_record(&r, which, s.seed);
            T_TRUE(replay_again(&r, which, s.seed) > 200);
            replay_free(&r);
        }
    }
}

/* And the record is not empty of meaning: another seed of the host gives other frames. */
static void test_replay_depends_on_the_seed(void)
{
    struct replay r;
    struct net_config cfg;
    struct world *w = world_new(1);

    replay_record(&r, 0, 1);
    replay_config(&cfg, 0, 2);
    struct world_host *h = world_host_add(w, &cfg);
    struct socks *s = net_socks(&h->n);
    struct pkt *p = NULL;
    size_t len = 0, at = 0;

    /* Its first frame is an ARP request, the same for all seeds; the first SYN is not. */
    while (at < r.count && (r.items[at].kind != REPLAY_OUTPUT || r.items[at].len < 54 ||
                            r.items[at].bytes[12] != 0x08 || r.items[at].bytes[13] != 0x00))
        at++;
    T_NEED(at < r.count);
    int sd = replay_do(s, REPLAY_OPEN, -1);

    T_EQ(replay_do(s, REPLAY_CONNECT, sd), -EINPROGRESS);
    for (size_t i = 0; i < at && p == NULL; i++) {
        if (r.items[i].kind == REPLAY_INPUT && r.items[i].bytes != NULL) {
            w->now = r.items[i].now - h->offset;
            world_inject(h, r.items[i].bytes, r.items[i].len);
        }
    }
    while (net_output(&h->n, &p, 1, world_now(h)) == 1) {
        uint8_t *bytes = replay_bytes(&h->n, p, &len);

        T_TRUE(len != r.items[at].len || memcmp(bytes, r.items[at].bytes, len) != 0);
        free(bytes);
        pkt_release(p);
    }
    world_free(w);
    replay_free(&r);
}

T_MAIN("replay", T(test_replay_gives_the_same_frames), T(test_replay_depends_on_the_seed))
