/*
 * app.c - what all services have in common; the page of theory is at the head of app.h.
 *
 * Readiness is edge-triggered: a service is called when something changed and does all it can, so
 * what it left undone is exactly what it could not do, and the next change brings it back. Every
 * such call ends, because nothing comes in from the wire while it runs.
 *
 * The cookie of a poll event names a slot and the generation of the connection in it. A connection
 * that ended while a batch of events was being worked off leaves events behind; they carry a
 * generation that no longer lives.
 */
#include "l7_application/app.h"

#include <errno.h>

#include "l3_network/ip.h"
#include "l5_session/poll.h"

enum {
    APP_EVENTS = 64, /* of one poll_wait */
    APP_ROUNDS = 256 /* of poll_wait in one app_run, so that a frame never waits for long */
};
/* In the upper half of a cookie, where connections have their generation, from 1 to below this. */
#define APP_IS_PORT 0x80000000u

const struct app_service *const app_service_list[] = {
    &app_echo, &app_discard, &app_daytime, &app_chargen, &app_time, &app_http, NULL,
};

/* ---- setting up ---- */

void app_config_default(struct app_config *cfg)
{
    *cfg = (struct app_config){.connections = 8192, .ports = 32};
}

void app_cut(struct app *a, const struct app_config *cfg, struct region *r)
{
    *a = (struct app){.cfg = *cfg};
    slab_cut(&a->conns, r, sizeof(struct app_conn), cfg->connections);
    a->ports = region_cut(r, cfg->ports * sizeof(a->ports[0]), 16);
    a->scratch = region_cut(r, APP_SCRATCH, 64);
}

int app_init(struct app *a, const struct app_env *env)
{
    a->env = *env;
    a->started = a->now = env->core->now;
    timer_wheel_init(&a->wheel, a->now);
    a->pd = poll_open(env->socks);
    return a->pd < 0 ? a->pd : 0;
}

int64_t app_calendar(const struct app *a)
{
    return a->env.calendar != NULL ? a->env.calendar(a->env.calendar_ctx) : a->now / NET_SEC(1);
}

/* ---- ports ---- */

const struct app_service *app_service_find(const char *name)
{
    for (const struct app_service *const *s = app_service_list; *s != NULL; s++) {
        size_t i = 0;

        while (name[i] != '\0' && name[i] == (*s)->name[i])
            i++;
        if (name[i] == (*s)->name[i])
            return *s;
    }
    return NULL;
}

static int app_port_socket(struct app *a, uint16_t port, bool is_udp, uint32_t index)
{
    struct socks *s = a->env.socks;
    struct sock_addr any = {IP_ADDR_ANY, port};
    int sd = sock_open(s, is_udp ? SOCK_KIND_UDP : SOCK_KIND_TCP);

    if (sd < 0)
        return sd;
    int rc = 0;

    if (!is_udp) {
        /* A restart must not wait for TIME-WAIT; and services write in pieces as large as they
         * have them, so that Nagle would only delay the last one. Connections inherit both. */
        sock_setopt(s, sd, SOCK_OPT_REUSEADDR, 1);
        sock_setopt(s, sd, SOCK_OPT_NODELAY, 1);
    }
    rc = sock_bind(s, sd, &any);
    if (rc == 0 && !is_udp)
        rc = sock_listen(s, sd, 0);
    if (rc == 0)
        rc = poll_add(s, a->pd, sd, SOCK_IN, POLL_EDGE, (uint64_t)APP_IS_PORT << 32 | index);
    if (rc < 0) {
        sock_close(s, sd);
        return rc;
    }
    return sd;
}

static int app_port_open(struct app *a, const struct app_service *service, uint16_t port,
                         bool is_udp)
{
    if (a->port_count == a->cfg.ports)
        return -ENOSPC;
    int sd = app_port_socket(a, port, is_udp, a->port_count);

    if (sd < 0)
        return sd;
    a->ports[a->port_count++] =
        (struct app_port){.service = service, .sd = sd, .port = port, .is_udp = is_udp};
    return 0;
}

static void app_port_close(struct app *a)
{
    sock_close(a->env.socks, a->ports[--a->port_count].sd);
}

int app_start(struct app *a, const char *name, uint16_t port)
{
    const struct app_service *service = app_service_find(name);

    if (service == NULL)
        return -ENOENT;
    if (port == 0)
        port = service->port;
    int rc = service->run != NULL ? app_port_open(a, service, port, false) : 0;

    if (rc < 0 || service->datagram == NULL)
        return rc;
    rc = app_port_open(a, service, port, true);
    if (rc < 0 && service->run != NULL)
        app_port_close(a); /* both or none */
    return rc;
}

/* ---- the list by last progress ---- */

static void app_list_del(struct app *a, struct app_conn *c)
{
    if (c->idler != NULL)
        c->idler->busier = c->busier;
    else
        a->idlest = c->busier;
    if (c->busier != NULL)
        c->busier->idler = c->idler;
    else
        a->busiest = c->idler;
}

static void app_list_add(struct app *a, struct app_conn *c)
{
    c->busier = NULL;
    c->idler = a->busiest;
    if (a->busiest != NULL)
        a->busiest->busier = c;
    else
        a->idlest = c;
    a->busiest = c;
}

void app_conn_progress(struct app_conn *c)
{
    if (c->ended || c->busier == NULL)
        return;
    app_list_del(c->app, c);
    app_list_add(c->app, c);
}

/* ---- the end of a connection ---- */

/* Everything but the memory of @c, which whoever called the service frees. */
static void app_conn_end(struct app_conn *c, bool with_reset)
{
    struct app *a = c->app;

    if (c->ended)
        return;
    c->ended = true;
    if (c->service->end != NULL)
        c->service->end(c);
    timer_stop(&a->wheel, &c->timer);
    app_list_del(a, c);
    if (c->stash != NULL)
        buddy_free(&a->env.core->bufs, c->stash);
    c->stash = NULL;
    if (with_reset)
        sock_abort(a->env.socks, c->sd);
    else
        sock_close(a->env.socks, c->sd);
}

void app_conn_close(struct app_conn *c)
{
    app_conn_end(c, false);
}
void app_conn_abort(struct app_conn *c)
{
    app_conn_end(c, true);
}

static void app_conn_free_if_ended(struct app_conn *c)
{
    if (!c->ended)
        return;
    c->generation = 0; /* events under way find nobody */
    slab_free(&c->app->conns, c);
}

/* Make room for a newcomer. Return: whether there was somebody to go. */
static bool app_evict(struct app *a)
{
    struct app_conn *c = a->idlest;

    if (c == NULL)
        return false;
    a->stats.evicted++;
    app_conn_abort(c);
    app_conn_free_if_ended(c);
    return true;
}

/* ---- what a service may call ---- */

void app_conn_timer(struct app_conn *c, net_time at)
{
    if (c->lingering || c->ended)
        return;
    if (at == NET_NEVER)
        timer_stop(&c->app->wheel, &c->timer);
    else
        timer_arm(&c->app->wheel, &c->timer, at);
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
    }
}

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

    if (n == -EAGAIN || (n == 0 && c->stash != NULL))
        return; /* the peer may still talk, or still listen */
    app_conn_close(c);
}

void app_conn_linger(struct app_conn *c)
{
    if (c->ended || c->lingering)
        return;
    app_conn_timer(c, c->app->now + APP_LINGER);
    c->lingering = true;
    app_linger_run(c);
}

bool app_conn_flush(struct app_conn *c)
{
    if (c->ended)
        return false;
    while (c->stash != NULL) {
        int n = sock_send(c->app->env.socks, c->sd, c->stash + c->stash_sent,
                          c->stash_len - c->stash_sent, 0);

        if (n == -EAGAIN || n == 0)
            return false;
        if (n < 0) {
            app_conn_abort(c);
            return false;
        }
        app_conn_progress(c);
        c->stash_sent += (uint32_t)n;
        if (c->stash_sent == c->stash_len) {
            buddy_free(&c->app->env.core->bufs, c->stash);
            c->stash = NULL;
        }
    }
    return true;
}

bool app_conn_write(struct app_conn *c, const void *bytes, size_t len, bool more)
{
    NET_ASSERT(c->stash == NULL);
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
    uint32_t cap;

    if (n == -EAGAIN || n == 0)
        c->stash = buddy_alloc(&c->app->env.core->bufs, len, &cap);
    if (c->stash == NULL) {
        app_conn_abort(c);
        return false;
    }
    memcpy(c->stash, p, len);
    c->stash_len = (uint32_t)len;
    c->stash_sent = 0;
    return true;
}

/* ---- serving ---- */

static void app_conn_serve(struct app_conn *c)
{
    if (c->lingering)
        app_linger_run(c);
    else
        c->service->run(c);
    app_conn_free_if_ended(c);
}

static void app_conn_timeout(struct app_conn *c)
{
    c->app->stats.timeouts++;
    if (c->lingering) {
        app_conn_drain(c); /* with nothing unread, so that what is queued still goes */
        app_conn_close(c);
    } else if (c->service->timeout != NULL) {
        c->service->timeout(c);
    }
    app_conn_free_if_ended(c);
}

static void app_conn_begin(struct app *a, const struct app_service *service, int sd)
{
    if (a->conns.used == a->conns.count)
        app_evict(a);
    struct app_conn *c = slab_alloc(&a->conns);

    if (c == NULL) {
        sock_abort(a->env.socks, sd);
        return;
    }
    a->generation = a->generation % (APP_IS_PORT - 1) + 1; /* never 0 */
    *c = (struct app_conn){.app = a, .service = service, .sd = sd, .generation = a->generation};
    uint64_t cookie = (uint64_t)c->generation << 32 | slab_index(&a->conns, c);

    app_list_add(a, c);
    a->stats.accepted++;
    if (poll_add(a->env.socks, a->pd, sd, SOCK_IN | SOCK_OUT | SOCK_RDHUP, POLL_EDGE, cookie) < 0) {
        app_conn_abort(c);
        app_conn_free_if_ended(c);
        return;
    }
    app_conn_serve(c);
}

static void app_port_accept(struct app *a, const struct app_port *port)
{
    for (;;) {
        int sd = sock_accept(a->env.socks, port->sd, NULL);

        if (sd == -EMFILE && app_evict(a))
            sd = sock_accept(a->env.socks, port->sd, NULL);
        if (sd == -EMFILE)
            a->accept_again = true; /* others hold all sockets: the queue waits */
        if (sd < 0)
            return;
        app_conn_begin(a, port->service, sd);
    }
}

/* Would an answer to @from be answered in turn? Two services that answer everything, a forged
 * source address, and a datagram circles for ever (security.md's echo loops, CVE-1999-0103). So
 * nobody gets an answer who speaks from a port where such a service lives, here or by custom. */
static bool app_would_loop(const struct app *a, const struct sock_addr *from)
{
    static const uint16_t chatty[] = {0,  7,  9, 13,
                                      17, 19, 37}; /* 0: nobody; 17: quote of the day */

    for (size_t i = 0; i < ARRAY_LEN(chatty); i++) {
        if (from->port == chatty[i])
            return true;
    }
    for (uint32_t i = 0; i < a->port_count; i++) {
        if (a->ports[i].is_udp && a->ports[i].port == from->port)
            return true;
    }
    return a->env.ip != NULL && ip_is_local(a->env.ip, from->ip);
}

static void app_port_datagrams(struct app *a, const struct app_port *port)
{
    struct socks *s = a->env.socks;
    struct sock_msg m;
    unsigned errors = 0;
    int n;

    while ((n = sock_recvmsg(s, port->sd, a->scratch, APP_DATAGRAM, &m)) != -EAGAIN) {
        if (n < 0) { /* an ICMP error about an earlier answer: nobody to tell */
            if (++errors == APP_EVENTS)
                return;
            continue;
        }
        a->stats.datagrams++;
        if (app_would_loop(a, &m.peer)) {
            net_drop(a->env.core, NULL, V_DROP_UDP_SOURCE_PORT);
            continue;
        }
        if (m.cast != CAST_UNICAST) { /* one forged question, an answer from every host: fraggle */
            net_drop(a->env.core, NULL, V_DROP_UDP_BROADCAST);
            continue;
        }
        n = port->service->datagram(a, a->scratch, (size_t)n);
        if (n >=
            0) /* from the address that was asked; what does not fit is lost, as datagrams are */
            sock_sendmsg(s, port->sd, a->scratch, (size_t)n, &m);
    }
}

static void app_event(struct app *a, uint64_t cookie)
{
    uint32_t index = (uint32_t)cookie, upper = (uint32_t)(cookie >> 32);

    if (upper == APP_IS_PORT) {
        if (index < a->port_count) {
            if (a->ports[index].is_udp)
                app_port_datagrams(a, &a->ports[index]);
            else
                app_port_accept(a, &a->ports[index]);
        }
        return;
    }
    struct app_conn *c = slab_at(&a->conns, index);

    if (c->generation == upper)
        app_conn_serve(c);
}

void app_run(struct app *a, net_time now)
{
    struct poll_event events[APP_EVENTS];
    unsigned rounds = 0;
    int n;

    a->now = now;
    a->unserved = false;
    if (a->accept_again) {
        a->accept_again = false;
        for (uint32_t i = 0; i < a->port_count; i++) {
            if (!a->ports[i].is_udp)
                app_port_accept(a, &a->ports[i]);
        }
    }
    while ((n = poll_wait(a->env.socks, a->pd, events, APP_EVENTS)) > 0) {
        for (int i = 0; i < n; i++)
            app_event(a, events[i].cookie);
        if (++rounds == APP_ROUNDS) {
            a->unserved = true;
            break;
        }
    }
    for (struct timer *t; (t = timer_expired(&a->wheel, now)) != NULL;)
        app_conn_timeout(container_of(t, struct app_conn, timer));
}

net_time app_deadline(const struct app *a)
{
    return a->unserved ? a->now : timer_deadline(&a->wheel);
}

void app_stop(struct app *a)
{
    a->stopping = true;
    a->accept_again = false;
    while (a->port_count > 0)
        app_port_close(a);
    for (struct app_conn *c = a->idlest, *next; c != NULL; c = next) {
        next = c->busier;
        if (c->service->stop != NULL && !c->lingering)
            c->service->stop(c);
        else
            app_conn_linger(c);
        app_conn_free_if_ended(c);
    }
}

bool app_stopped(const struct app *a)
{
    return a->stopping && a->idlest == NULL;
}
