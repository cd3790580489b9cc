/*
 * app_conn.c - a connection of a service: what is kept of it, for how long, and how it ends.
 *
 * A record of 32 bytes and a place of 8 in a list while it is idle, and a block (struct app_block) while the service needs to
 * remember something or output waits. app_conn_serve() calls the service and puts things in order
 * afterwards: a block that nobody holds goes back, the connection moves in the lists if it made
 * progress, the timer follows the deadline, and the poll set learns whether to tell of room in the
 * send buffer. During the call nothing of this happens; so a request that is answered at once costs
 * one move in one list, and no timer.
 *
 * Time. All connections in one list may be silent for the same time, and the list is ordered by
 * when they were last heard of; the timeout of a hundred thousand idle connections is the head of a
 * list. Only what a service asks for by app_conn_timer(), in the middle of something, has a timer.
 */
#include <errno.h>

#include "l5_session/poll.h"
#include "l7_application/app_priv.h"

enum { APP_WANT = SOCK_IN | SOCK_RDHUP };

static struct app_conn *app_conn_at(const struct app *a, uint32_t i)
{
    return i == APP_NONE ? NULL : slab_at(&a->conns, i);
}

static const struct app_service *app_conn_service(const struct app_conn *c)
{
    return app_service_list[c->service];
}

/* ---- the lists by last progress ---- */

static void app_list_del(struct app *a, const struct app_conn *c)
{
    struct app_list *l = &a->lists[c->list];
    const struct app_place *p = &a->places[slab_index(&a->conns, c)];

    if (p->idler != APP_NONE)
        a->places[p->idler].busier = p->busier;
    else
        l->idlest = p->busier;
    if (p->busier != APP_NONE)
        a->places[p->busier].idler = p->idler;
    else
        l->busiest = p->idler;
}

static void app_list_add(struct app *a, struct app_conn *c, unsigned list)
{
    struct app_list *l = &a->lists[list];
    uint32_t i = slab_index(&a->conns, c);

    c->list = (uint8_t)list;
    c->since = a->now;
    a->places[i] = (struct app_place){.idler = l->busiest, .busier = APP_NONE};
    if (l->busiest != APP_NONE)
        a->places[l->busiest].busier = i;
    else
        l->idlest = i;
    l->busiest = i;
}

void app_conn_ahead(const struct app *a, uint32_t i)
{
    struct app_place *p = &a->places[i];

    if (p->idler < a->conns.frontier)
        __builtin_prefetch(&a->places[p->idler], 1);
    if (p->busier < a->conns.frontier)
        __builtin_prefetch(&a->places[p->busier], 1);
}

/* The list that @c belongs into. */
static unsigned app_list_of(const struct app_conn *c)
{
    return 2u * (c->lingering ? APP_LINGERING : c->service) + (c->attached ? 1 : 0);
}

/* ---- blocks ---- */

static void app_block_free(struct app_conn *c)
{
    struct app_block *b = app_conn_block(c);

    if (b == NULL)
        return;
    timer_stop(&c->app->wheel, &b->timer);
    if (b->stash != NULL)
        buddy_free(&c->app->env.core->bufs, b->stash);
    slab_free(&c->app->blocks, b);
    c->attached = false;
    c->mark = 0;
}

/* Return: the block of @c, a new one if it has none; NULL: there is none, and @c is over. */
static struct app_block *app_block_need(struct app_conn *c)
{
    struct app *a = c->app;

    if (c->attached)
        return app_conn_block(c);
    if (a->blocks.used == a->blocks.count)
        app_evict(a, true);
    struct app_block *b = slab_alloc(&a->blocks);

    if (b == NULL) {
        app_conn_abort(c);
        return NULL;
    }
    b->timer = (struct timer){0};
    b->at = NET_NEVER;
    b->owner = slab_index(&a->conns, c);
    b->held = false;
    b->stash = NULL;
    c->attached = true;
    c->block = slab_index(&a->blocks, b);
    return b;
}

void *app_conn_attach(struct app_conn *c)
{
    struct app_block *b = app_block_need(c);

    if (b == NULL)
        return NULL;
    b->held = true;
    memset(b->state, 0, sizeof(b->state));
    return b->state;
}

void app_conn_detach(struct app_conn *c)
{
    struct app_block *b = app_conn_block(c);

    if (b == NULL)
        return;
    b->held = false;
    b->at = NET_NEVER;
}

void app_conn_timer(struct app_conn *c, net_time at)
{
    if (c->lingering || c->ended)
        return;
    NET_ASSERT(c->attached);
    app_conn_block(c)->at = at;
}

/* ---- the end of a connection ---- */

/* The record is free; events under way find nobody. */
static void app_conn_free(struct app_conn *c)
{
    app_block_free(c);
    c->generation = 0;
    slab_free(&c->app->conns, c);
}

/* Everything but the memory of @c, which is freed when it is not being served any more. */
static void app_conn_end(struct app_conn *c, bool with_reset)
{
    struct app *a = c->app;

    if (c->ended)
        return;
    c->ended = true;
    if (app_conn_service(c)->end != NULL && !c->lingering)
        app_conn_service(c)->end(c);
    app_list_del(a, c);
    if (with_reset)
        sock_abort(a->env.socks, c->sd);
    else
        sock_close(a->env.socks, c->sd);
    if (a->served != c)
        app_conn_free(c);
}

void app_conn_close(struct app_conn *c)
{
    app_conn_end(c, false);
}
void app_conn_abort(struct app_conn *c)
{
    app_conn_end(c, true);
}

bool app_evict(struct app *a, bool for_block)
{
    struct app_conn *out = NULL;

    for (unsigned i = for_block ? 1 : 0; i < APP_LISTS; i += for_block ? 2 : 1) {
        struct app_conn *c = app_conn_at(a, a->lists[i].idlest);

        if (c != NULL && (out == NULL || c->since < out->since))
            out = c;
    }
    if (out == NULL)
        return false;
    NET_ASSERT(out != a->served); /* who asks for a block has none */
    a->stats.evicted++;
    app_conn_abort(out);
    return true;
}

/* ---- output and input ---- */

int app_conn_reserve(struct app_conn *c, size_t want, struct mspan *out)
{
    int n = sock_reserve(c->app->env.socks, c->sd, want, out);

    if (n == 0 || n == -EAGAIN)
        c->stuck = true;
    return n;
}

int app_conn_lend(struct app_conn *c, const struct lent *what, bool more)
{
    int n = sock_send_ref(c->app->env.socks, c->sd, what, more ? SOCK_MSG_MORE : 0);

    if (n == -EAGAIN)
        c->stuck = true;
    return n;
}

bool app_conn_flush(struct app_conn *c)
{
    if (c->ended)
        return false;
    while (app_conn_waits(c)) {
        struct app_block *b = app_conn_block(c);
        int n = sock_send(c->app->env.socks, c->sd, b->stash + b->stash_sent,
                          b->stash_len - b->stash_sent, 0);

        if (n == -EAGAIN || n == 0) {
            c->stuck = true;
            return false;
        }
        if (n < 0) {
            app_conn_abort(c);
            return false;
        }
        app_conn_progress(c);
        b->stash_sent += (uint32_t)n;
        if (b->stash_sent == b->stash_len) {
            buddy_free(&c->app->env.core->bufs, b->stash);
            b->stash = NULL;
        }
    }
    return true;
}

/* Keep what did not fit. Return: whether there was memory for it. */
static bool app_conn_stash(struct app_conn *c, const uint8_t *p, size_t len)
{
    struct app_block *b = app_block_need(c);
    uint32_t cap;

    if (b == NULL)
        return false;
    b->stash = buddy_alloc(&c->app->env.core->bufs, len, &cap);
    if (b->stash == NULL)
        return false;
    memcpy(b->stash, p, len);
    b->stash_len = (uint32_t)len;
    b->stash_sent = 0;
    c->stuck = true;
    return true;
}

bool app_conn_write(struct app_conn *c, const void *bytes, size_t len, bool more)
{
    NET_ASSERT(!app_conn_waits(c));
    if (c->ended)
        return false;
    const uint8_t *p = bytes;
    int n = 1;

    while (len > 0 && n > 0) {
        n = sock_send(c->app->env.socks, c->sd, p, len, more ? SOCK_MSG_MORE : 0);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    if (len == 0)
        return true;
    if ((n == -EAGAIN || n == 0) && app_conn_stash(c, p, len))
        return true;
    app_conn_abort(c);
    return false;
}

int app_conn_drain(struct app_conn *c)
{
    for (;;) {
        struct span in[2];
        int n = sock_peek(c->app->env.socks, c->sd, in, NULL);

        if (n <= 0)
            return n;
        n = sock_consume(c->app->env.socks, c->sd, (size_t)n);
        if (n < 0)
            return n;
        if (app_conn_is_dry(c))
            return -EAGAIN;
    }
}

/* ---- closing in stages ---- */

static void app_linger_run(struct app_conn *c)
{
    if (app_conn_flush(c) && !c->shut) {
        c->shut = true;
        if (sock_shutdown(c->app->env.socks, c->sd, SOCK_SHUT_WR) < 0)
            app_conn_close(c);
    }
    if (c->ended)
        return;
    int n = app_conn_drain(c);

    if (n == -EAGAIN || (n == 0 && app_conn_waits(c)))
        return; /* the peer may still talk, or still listen */
    app_conn_close(c);
}

void app_conn_linger(struct app_conn *c)
{
    if (c->ended || c->lingering)
        return;
    if (app_conn_service(c)->end != NULL)
        app_conn_service(c)->end(c);
    app_conn_detach(c);
    c->lingering = true;
    app_linger_run(c);
}

/* ---- being served ---- */

static void app_conn_begin_call(struct app_conn *c)
{
    NET_ASSERT(c->app->served == NULL);
    c->app->served = c;
    c->progressed = false;
    c->ending = true; /* who knows */
}

/* The call is over: what follows from it. */
static void app_conn_end_call(struct app_conn *c)
{
    struct app *a = c->app;

    a->served = NULL;
    if (c->ended) {
        app_conn_free(c);
        return;
    }
    struct app_block *b = app_conn_block(c);

    if (b != NULL && !b->held && b->stash == NULL) {
        app_block_free(c);
        b = NULL;
    }
    if (c->progressed || c->list != app_list_of(c)) {
        app_list_del(a, c);
        app_list_add(a, c, app_list_of(c));
    }
    if (b != NULL && b->at != (timer_is_armed(&b->timer) ? b->timer.at : NET_NEVER)) {
        if (b->at == NET_NEVER)
            timer_stop(&a->wheel, &b->timer);
        else
            timer_arm(&a->wheel, &b->timer, b->at);
    }
    if (c->stuck != c->wants_out) {
        c->wants_out = c->stuck;
        poll_mod(a->env.socks, a->pd, c->sd, c->stuck ? APP_WANT | SOCK_OUT : APP_WANT);
    }
}

void app_conn_serve(struct app_conn *c, bool ending)
{
    app_conn_begin_call(c);
    c->ending = ending;
    c->stuck = false; /* all that can be sent is sent now */
    if (c->lingering)
        app_linger_run(c);
    else
        app_conn_service(c)->run(c);
    app_conn_end_call(c);
}

void app_conn_stop(struct app_conn *c)
{
    app_conn_begin_call(c);
    if (app_conn_service(c)->stop != NULL && !c->lingering)
        app_conn_service(c)->stop(c);
    else
        app_conn_linger(c);
    app_conn_end_call(c);
}

static void app_conn_timeout(struct app_conn *c)
{
    c->app->stats.timeouts++;
    app_conn_begin_call(c);
    c->progressed = true; /* of time: whoever goes on gets as much of it again */
    if (c->lingering) {
        app_conn_drain(c); /* with nothing unread, so that what is queued still goes */
        app_conn_close(c);
    } else {
        app_conn_service(c)->timeout(c);
    }
    app_conn_end_call(c);
}

struct app_conn *app_conn_open(struct app *a, unsigned service, int sd)
{
    if (a->conns.used == a->conns.count)
        app_evict(a, false);
    struct app_conn *c = slab_alloc(&a->conns);

    if (c == NULL) {
        sock_abort(a->env.socks, sd);
        return NULL;
    }
    a->generation = a->generation % (APP_IS_PORT - 1) + 1; /* never 0 */
    *c = (struct app_conn){
        .app = a, .service = (uint8_t)service, .sd = sd, .generation = a->generation};
    uint64_t cookie = (uint64_t)c->generation << 32 | slab_index(&a->conns, c);

    app_list_add(a, c, app_list_of(c));
    a->stats.accepted++;
    if (poll_add(a->env.socks, a->pd, sd, APP_WANT, POLL_EDGE, cookie) < 0) {
        app_conn_abort(c);
        return NULL;
    }
    return c;
}

/* ---- time ---- */

void app_conn_init(struct app *a)
{
    NET_ASSERT(app_service_list[APP_SERVICES] == NULL);
    timer_wheel_init(&a->wheel, a->now);
    for (unsigned i = 0; i < APP_LISTS; i++)
        a->lists[i] = (struct app_list){.idlest = APP_NONE, .busiest = APP_NONE};
    for (unsigned i = 0; i < APP_SERVICES; i++)
        a->lists[2 * i].time = app_service_list[i]->idle; /* with a block: it has a timer */
    a->lists[2 * APP_LINGERING].time = a->lists[2 * APP_LINGERING + 1].time = APP_LINGER;
    a->timed_count = 0;
    for (unsigned i = 0; i < APP_LISTS; i++) {
        if (a->lists[i].time > 0)
            a->timed[a->timed_count++] = (uint8_t)i;
    }
}

/* When the time of the first one in the list is over. */
static net_time app_list_deadline(const struct app *a, const struct app_list *l)
{
    return l->idlest == APP_NONE ? NET_NEVER : app_conn_at(a, l->idlest)->since + l->time;
}

void app_conn_expire(struct app *a)
{
    for (struct timer *t; (t = timer_expired(&a->wheel, a->now)) != NULL;) {
        struct app_block *b = container_of(t, struct app_block, timer);

        b->at = NET_NEVER;
        app_conn_timeout(app_conn_at(a, b->owner));
    }
    for (unsigned i = 0; i < a->timed_count; i++) {
        const struct app_list *l = &a->lists[a->timed[i]];

        while (app_list_deadline(a, l) <= a->now)
            app_conn_timeout(app_conn_at(a, l->idlest));
    }
}

net_time app_conn_deadline(const struct app *a)
{
    net_time at = timer_deadline(&a->wheel);

    for (unsigned i = 0; i < a->timed_count; i++)
        at = net_time_min(at, app_list_deadline(a, &a->lists[a->timed[i]]));
    return at;
}
