/*
 * app.c - what all services have in common; the page of theory is at the head of app.h.
 *
 * Readiness is edge-triggered: a service is called when something changed and does all it can, so
 * what it left undone is exactly what it could not do, and the next change brings it back. Every
 * such call ends, because nothing comes in from the wire while it runs. Room in the send buffer is
 * watched only while something waits for it.
 *
 * The cookie of a poll event names a slot and the generation of the connection in it. A connection
 * that ended while a batch of events was being worked off leaves events behind; they carry a
 * generation that no longer lives.
 */
#include "l7_application/app.h"

#include <errno.h>

#include "l3_network/ip.h"
#include "l5_session/poll.h"
#include "l7_application/app_priv.h"

enum {
    APP_EVENTS = 64, /* of one poll_wait */
    APP_WIDE = 1024, /* connections that a cache holds */
    APP_ROUNDS = 256 /* of poll_wait in one app_run, so that a frame never waits for long */
};
const struct app_service *const app_service_list[] = {
    &app_echo, &app_discard, &app_daytime, &app_chargen, &app_time, &app_http, NULL,
};

/* ---- setting up ---- */

void app_config_default(struct app_config *cfg)
{
    *cfg = (struct app_config){.connections = 8192, .blocks = 8192, .ports = 32};
}

void app_cut(struct app *a, const struct app_config *cfg, struct region *r)
{
    *a = (struct app){.cfg = *cfg};
    slab_cut(&a->conns, r, sizeof(struct app_conn), cfg->connections);
    a->places = region_cut(r, cfg->connections * sizeof(a->places[0]), 64);
    slab_cut(&a->blocks, r, sizeof(struct app_block), cfg->blocks);
    a->ports = region_cut(r, cfg->ports * sizeof(a->ports[0]), 16);
    a->scratch = region_cut(r, APP_SCRATCH, 64);
    for (unsigned i = 0; i < APP_SERVICES; i++)
        a->memory[i] = region_cut(r, app_service_list[i]->memory, 64);
}

int app_init(struct app *a, const struct app_env *env)
{
    a->env = *env;
    a->started = a->now = env->core->now;
    app_conn_init(a);
    a->pd = poll_open(env->socks);
    return a->pd < 0 ? a->pd : 0;
}

int64_t app_calendar(const struct app *a)
{
    return a->env.calendar != NULL ? a->env.calendar(a->env.calendar_ctx) : a->now / NET_SEC(1);
}

/* ---- ports ---- */

/* Return: the index of a service in the list; its end if there is none of that name. */
static unsigned app_service_index(const char *name)
{
    unsigned at = 0;

    for (; app_service_list[at] != NULL; at++) {
        const char *known = app_service_list[at]->name;
        size_t i = 0;

        while (name[i] != '\0' && name[i] == known[i])
            i++;
        if (name[i] == known[i])
            break;
    }
    return at;
}

const struct app_service *app_service_find(const char *name)
{
    return app_service_list[app_service_index(name)];
}

static int app_port_socket(struct app *a, unsigned service, uint16_t port, bool is_udp,
                           uint32_t index)
{
    struct socks *s = a->env.socks;
    struct sock_addr any = {IP_ADDR_ANY, port};
    int sd = sock_open(s, is_udp ? SOCK_KIND_UDP : SOCK_KIND_TCP);

    if (sd < 0)
        return sd;
    int rc = 0;

    if (is_udp) {
        sock_setopt(s, sd, SOCK_OPT_UDP_GRO, app_service_list[service]->takes_trains);
    } else {
        /* A restart must not wait for TIME-WAIT; services write in pieces as large as they have
         * them, so that Nagle would only delay the last one; and they read everything, urgent or
         * not. Connections inherit all three. */
        sock_setopt(s, sd, SOCK_OPT_REUSEADDR, 1);
        sock_setopt(s, sd, SOCK_OPT_NODELAY, 1);
        sock_setopt(s, sd, SOCK_OPT_OOB_INLINE, 1);
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

static int app_port_open(struct app *a, unsigned service, uint16_t port, bool is_udp)
{
    if (a->port_count == a->cfg.ports)
        return -ENOSPC;
    int sd = app_port_socket(a, service, port, is_udp, a->port_count);

    if (sd < 0)
        return sd;
    a->ports[a->port_count++] =
        (struct app_port){.sd = sd, .port = port, .service = (uint8_t)service, .is_udp = is_udp};
    return 0;
}

static void app_port_close(struct app *a)
{
    sock_close(a->env.socks, a->ports[--a->port_count].sd);
}

int app_start(struct app *a, const char *name, uint16_t port)
{
    unsigned index = app_service_index(name);
    const struct app_service *service = app_service_list[index];

    if (service == NULL)
        return -ENOENT;
    if (port == 0)
        port = service->port;
    int rc = service->run != NULL ? app_port_open(a, index, port, false) : 0;

    if (rc < 0 || service->datagram == NULL)
        return rc;
    rc = app_port_open(a, index, port, true);
    if (rc < 0 && service->run != NULL)
        app_port_close(a); /* both or none */
    return rc;
}

/* ---- connections ---- */

static void app_port_accept(struct app *a, const struct app_port *port)
{
    for (;;) {
        int sd = sock_accept(a->env.socks, port->sd, NULL);

        if (sd == -EMFILE && app_evict(a, false))
            sd = sock_accept(a->env.socks, port->sd, NULL);
        if (sd == -EMFILE)
            a->accept_again = true; /* others hold all sockets: the queue waits */
        if (sd < 0)
            return;
        struct app_conn *c = app_conn_open(a, port->service, sd);

        if (c != NULL)
            app_conn_serve(c, true);
    }
}

/* ---- datagrams ---- */

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
        a->stats.datagrams += m.segment == 0 ? 1 : (m.len + m.segment - 1) / m.segment;
        if (app_would_loop(a, &m.peer)) {
            net_drop(a->env.core, NULL, V_DROP_UDP_SOURCE_PORT);
            continue;
        }
        if (m.cast != CAST_UNICAST) { /* one forged question, an answer from every host: fraggle */
            net_drop(a->env.core, NULL, V_DROP_UDP_BROADCAST);
            continue;
        }
        n = app_service_list[port->service]->datagram(a, a->scratch, (size_t)n);
        /* From the address that was asked; what does not fit is lost, as datagrams are. */
        if (n >= 0)
            sock_sendmsg(s, port->sd, a->scratch, (size_t)n, &m);
    }
}

/* ---- serving ---- */

static void app_event(struct app *a, uint64_t cookie, unsigned events)
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
        app_conn_serve(c, (events & (SOCK_RDHUP | SOCK_HUP | SOCK_ERR)) != 0);
}

/* With a hundred thousand connections each event is of one whose record is not in the cache, nor are those
 * of its neighbours in the list by age. They are fetched together, as net_ahead() does below. */
static void app_ahead(const struct app *a, const struct poll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        uint32_t index = (uint32_t)events[i].cookie;

        if (index >= a->conns.frontier)
            continue;
        __builtin_prefetch(slab_at(&a->conns, index), 1);
        __builtin_prefetch(&a->places[index], 1);
    }
    for (int i = 0; i < n; i++) {
        if ((uint32_t)events[i].cookie < a->conns.frontier)
            app_conn_ahead(a, (uint32_t)events[i].cookie);
    }
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
        if (n > 1 && a->conns.used > APP_WIDE)
            app_ahead(a, events, n);
        for (int i = 0; i < n; i++)
            app_event(a, events[i].cookie, events[i].events);
        if (++rounds == APP_ROUNDS) {
            a->unserved = true;
            break;
        }
    }
    app_conn_expire(a);
}

net_time app_deadline(const struct app *a)
{
    return a->unserved ? a->now : app_conn_deadline(a);
}

void app_stop(struct app *a)
{
    a->stopping = true;
    a->accept_again = false;
    while (a->port_count > 0)
        app_port_close(a);
    for (uint32_t i = 0; i < a->conns.frontier; i++) {
        struct app_conn *c = slab_at(&a->conns, i);

        if (c->generation != 0)
            app_conn_stop(c);
    }
}

bool app_stopped(const struct app *a)
{
    return a->stopping && a->conns.used == 0;
}
