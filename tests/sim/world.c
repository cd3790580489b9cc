#include "world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "small.h"

enum { WORLD_IDLE_TURNS = 200000 }; /* at one moment; far more than any burst needs */

/* How to replay what is running now; a signal handler prints it, so it is kept ready. */
static char world_replay[256];

static void world_died(int sig)
{
    ssize_t ignored = write(STDERR_FILENO, world_replay, strlen(world_replay));

    (void)ignored;
    signal(sig, SIG_DFL);
    raise(sig);
}

struct seeds seeds_first(const char *program, const char *test, uint64_t count)
{
    const char *one = getenv("STACKD_SEED"), *many = getenv("STACKD_SEEDS");
    struct seeds s = {.program = program, .test = test, .last = count};

    if (many != NULL && count > 1)
        s.last = strtoull(many, NULL, 0);
    if (one != NULL) {
        s.last = strtoull(one, NULL, 0);
        s.seed = s.last - 1;
    }
    s.failures = CU_get_number_of_failures();
    signal(SIGABRT, world_died);
    return s;
}

bool seeds_next(struct seeds *s)
{
    if (s->seed >= s->last || CU_get_number_of_failures() >= s->failures + 5)
        return false;
    s->seed++;
    snprintf(world_replay, sizeof(world_replay),
             "     replay: STACKD_SEED=%llu build/tests/sim/%s %s\n", (unsigned long long)s->seed,
             s->program, s->test);
    return true;
}

void world_fail(struct world *w, const char *format, ...)
{
    char text[256];
    va_list ap;

    if (w->failed)
        return; /* the first one tells; the rest follows from it */
    w->failed = true;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    printf("     seed %llu, %.9f s: %s\n%s", (unsigned long long)w->seed, (double)w->now / 1e9,
           text, world_replay);
    CU_assertImplementation(CU_FALSE, __LINE__, text, __FILE__, "", CU_FALSE);
}

/* ---- setting up ---- */

static void *world_map(size_t len)
{
    void *p =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        abort();
    return p;
}

struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));

    if (w == NULL)
        abort();
    w->seed = seed;
    w->check_each = 1;
    w->trace_hash = 0xcbf29ce484222325ull; /* FNV-1a */
    return w;
}

void world_config(struct net_config *cfg, uint8_t last_byte)
{
    small_config(cfg, last_byte, 8192, 8, 64);
    snprintf(cfg->name, sizeof(cfg->name), "h%u", last_byte);
}

struct world_host *world_host_add(struct world *w, const struct net_config *cfg)
{
    struct world_host *h = calloc(1, sizeof(*h));

    if (h == NULL || w->host_count == WORLD_HOSTS)
        abort();
    h->w = w;
    h->offset = cfg->start;
    h->mem_len = net_mem_size(cfg);
    h->mem = world_map(h->mem_len);
    w->hosts[w->host_count++] = h;
    if (net_init(&h->n, cfg, h->mem, h->mem_len) != 0)
        world_fail(w, "net_init refused its configuration");
    h->n.core.trace = (struct trace){
        .mask = w->hash_traces || getenv("STACKD_TRACE") != NULL ? ~0u : 1u << TRACE_tcp_state,
        .sink = world_trace,
        .ctx = h,
    };
    return h;
}

struct world_host *world_guest_add(struct world *w, const struct net_config *cfg,
                                   const struct world_guest *guest, void *ctx)
{
    struct world_host *h = world_host_add(w, cfg);

    h->guest = guest;
    h->guest_ctx = ctx;
    return h;
}

void world_guest_send(struct world_host *h, const void *frame, size_t len)
{
    struct pkt *p = net_pkt(&h->n);

    if (p == NULL) {
        world_fail(h->w, "no packet is left for a guest's frame");
        return;
    }
    memcpy(pkt_append(p, (uint32_t)len), frame, len);
    cable_push(h->cable[0], h->end[0], p, h->w->now);
}

struct world_cable *world_cable_add(struct world *w, struct world_host *a, struct world_host *b,
                                    const struct imp_config *ab, const struct imp_config *ba)
{
    struct world_cable *c = calloc(1, sizeof(*c));
    struct region r = {0};

    if (c == NULL || w->cable_count == WORLD_CABLES)
        abort();
    cable_cut(&c->cb, &r, WORLD_HELD);
    c->mem_len = r.used;
    c->mem = world_map(c->mem_len);
    r = (struct region){.p = c->mem, .len = c->mem_len};
    cable_cut(&c->cb, &r, WORLD_HELD);
    cable_init(&c->cb, &a->n.core, 0, &b->n.core, 0, w->seed);
    if ((ab != NULL && cable_set(&c->cb, 0, ab) != 0) ||
        (ba != NULL && cable_set(&c->cb, 1, ba) != 0))
        world_fail(w, "cable_set refused its configuration");
    c->host[0] = a;
    c->host[1] = b;
    for (unsigned i = 0; i < 2; i++) {
        c->host[i]->cable[0] = &c->cb;
        c->host[i]->end[0] = i;
    }
    w->cables[w->cable_count++] = c;
    return c;
}

/* ---- running ---- */

static void world_input(struct world_host *h, struct pkt *p)
{
    if (h->w->watch != NULL)
        h->w->watch(h->w->watch_ctx, h, p, false);
    if (h->guest != NULL) {
        h->guest->input(h->guest_ctx, pkt_data(p), p->len);
        pkt_release(p);
        return;
    }
    net_input(&h->n, &p, p != NULL ? 1 : 0, world_now(h));
}

bool world_inject(struct world_host *h, const void *frame, size_t len)
{
    struct pkt *p = net_pkt(&h->n);

    if (p == NULL)
        return false;
    memcpy(pkt_append(p, (uint32_t)len), frame, len);
    world_input(h, p);
    return true;
}

/* Frames that have reached end @to of @c by now, joined as a port would. Return: whether there were any. */
static bool world_join(struct world *w, struct world_cable *c, unsigned to)
{
    struct world_host *h = c->host[to];
    struct pkt *in[WORLD_BATCH], *p;
    struct join j = {0};
    unsigned n = 0;

    while (n < WORLD_BATCH && (p = cable_pop(&c->cb, to, w->now)) != NULL) {
        if (join_frame(&j, h->n.ifs[0].eth.mac, &h->n.core.bigs, p, &in[n])) {
            pkt_release(p);
            w->joined++;
        } else {
            in[n++] = p;
        }
    }
    join_end(&j);
    for (unsigned i = 0; i < n; i++)
        world_input(h, in[i]);
    return n > 0;
}

/* Frames that have reached a host by now. Return: whether there were any. */
static bool world_deliver(struct world *w)
{
    bool any = false;

    for (unsigned i = 0; i < w->cable_count; i++) {
        for (unsigned to = 0; to < 2; to++) {
            struct pkt *p;

            while (w->joins && world_join(w, w->cables[i], to))
                any = true;
            while ((p = cable_pop(&w->cables[i]->cb, to, w->now)) != NULL) {
                world_input(w->cables[i]->host[to], p);
                any = true;
            }
        }
    }
    return any;
}

static bool world_serve(struct world_host *h)
{
    struct pkt *out[WORLD_BATCH];
    size_t count;
    bool any = false;

    if (h->guest != NULL) {
        h->guest->run(h->guest_ctx);
        return false;
    }
    if (net_deadline(&h->n) <= world_now(h) || h->n.core.now < world_now(h))
        world_input(h, NULL);
    if (h->user != NULL)
        h->user(h->ctx);
    do {
        count = net_output(&h->n, out, ARRAY_LEN(out), world_now(h));
        any |= count > 0;
        for (size_t i = 0; i < count; i++) {
            if (h->w->watch != NULL)
                h->w->watch(h->w->watch_ctx, h, out[i], true);
            if (h->cable[out[i]->ifi] != NULL)
                cable_push(h->cable[out[i]->ifi], h->end[out[i]->ifi], out[i], h->w->now);
            else
                pkt_release(out[i]);
        }
        if (h->w->watch != NULL)
            h->w->watch(h->w->watch_ctx, h, NULL, true);
    } while (count > 0);
    return any;
}

static net_time world_deadline(struct world *w)
{
    net_time next = NET_NEVER;

    for (unsigned i = 0; i < w->host_count; i++) {
        struct world_host *h = w->hosts[i];
        net_time at = h->guest != NULL ? NET_NEVER : net_deadline(&h->n);

        if (h->guest != NULL)
            next = net_time_min(next, h->guest->deadline(h->guest_ctx));
        if (at != NET_NEVER)
            next = net_time_min(next, at - h->offset);
        if (h->user_deadline != NULL)
            next = net_time_min(next, h->user_deadline(h->ctx));
    }
    for (unsigned i = 0; i < w->cable_count; i++)
        next = net_time_min(next, cable_deadline(&w->cables[i]->cb));
    return next;
}

/* Everything that is to be done at this moment, once. */
static void world_turn(struct world *w)
{
    bool any = world_deliver(w);

    for (unsigned i = 0; i < w->host_count; i++)
        any |= world_serve(w->hosts[i]);
    w->turns++;
    w->idle_turns++;
    if (w->check_each != 0 && w->turns % w->check_each == 0)
        world_check(w);
    if (w->idle_turns > WORLD_IDLE_TURNS)
        world_fail(w, "time does not move on: %u turns at one moment", w->idle_turns);
    (void)any;
}

void world_run(struct world *w, net_time span)
{
    net_time end = w->now + span;

    while (!w->failed) {
        world_turn(w);
        if (w->done != NULL && w->done(w->done_ctx))
            return;
        net_time next = world_deadline(w);

        if (next > end)
            break;
        if (next > w->now) {
            w->now = next;
            w->idle_turns = 0;
        }
    }
    if (w->failed)
        return;
    w->now = end;
    w->idle_turns = 0;
    world_turn(w);
}

/* ---- the end ---- */

static void world_free_host(struct world_host *h)
{
    for (size_t i = 0; i < ARRAY_LEN(h->arrows); i++) {
        for (struct world_arrow *a = h->arrows[i], *next; a != NULL; a = next) {
            next = a->next;
            free(a);
        }
    }
    munmap(h->mem, h->mem_len);
    free(h);
}

void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->cable_count; i++) {
        munmap(w->cables[i]->mem, w->cables[i]->mem_len);
        free(w->cables[i]);
    }
    for (unsigned i = 0; i < w->host_count; i++)
        world_free_host(w->hosts[i]);
    free(w);
}

void world_end(struct world *w)
{
    w->done = NULL;
    if (!w->failed)
        world_run(w, NET_SEC(400)); /* 2 MSL, orphans, FIN-WAIT-2 */
    if (!w->failed)
        world_check_empty(w);
    world_free(w);
}
