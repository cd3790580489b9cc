/*
 * app.h - the services of a host: echo, discard, daytime, time, chargen, http.
 *
 * Services sit on the session layer as any program would, and are as pure as the layers below:
 * what they need from outside (files to serve, the calendar) they are handed in struct app_env, so
 * a web server also runs in the simulator, in virtual time. They are driven like everything else
 * that has time: app_run() after each net_input() or tick, app_deadline() for when to come back.
 *
 * A service is a const struct of at most six functions (struct app_service). For TCP it sees
 * connections (struct app_conn), one after the other, and never blocks. For UDP it is a function
 * from one datagram to one answer.
 *
 * What app.c and app_conn.c do for all of them: accepting; a cap on connections, at which the one
 * that made no progress for the longest time is reset to let the newcomer in (refusing everyone at
 * the cap would let a few idle strangers close the shop); output that did not fit, which waits in a
 * buffer of the arena; closing in stages (FIN, then read on until the peer's FIN, so that no reset
 * overtakes what we sent: RFC 9112 section 9.6); and the rule that keeps two UDP services from
 * answering each other for ever.
 *
 * Most connections are idle most of the time, and there may be a million of them. So a connection
 * is a record of 32 bytes, a place of 8 in a list, and nothing else, until a service has something to remember: then it
 * attaches a block (state, a timer, output that waits) and lets go of it when the answer is given.
 * A request that comes in one piece and whose answer fits takes the block that was freed last,
 * which is in the cache. With all blocks in use the one whose owner made no progress for the
 * longest time is taken away from it, by a reset: a slow stranger must not keep others waiting.
 */
#ifndef STACKD_APP_H
#define STACKD_APP_H

#include "base/core.h"
#include "base/timer.h"
#include "l5_session/sock.h"

struct app;
struct app_conn;
struct arp;
struct ip_layer;
struct tcp;

/* ---- what services need from outside ---- */

struct app_stat {
    uint64_t size; /* bytes; 0 for a directory */
    int64_t mtime; /* seconds since 1970 */
    bool is_dir;
};

/* Files to serve. All calls return a negative errno value on failure. */
struct app_files {
    void *ctx;
    /* Open a regular file or a directory. @path is relative to the root, decoded and normalised: no
     * leading, trailing or double slash, no dot segments; "." is the root. The implementation must
     * not follow a link out of the root. Return: a handle >= 0. */
    int (*open)(void *ctx, const char *path, struct app_stat *out);
    /* Return: bytes read, at most @len; 0 at the end. */
    int (*read)(void *ctx, int handle, uint64_t offset, void *buf, size_t len);
    void (*close)(void *ctx, int handle);
    /* Lend what read() would read, from memory in which it stays until it is released (sock_send_ref),
     * also when the handle is closed before. Return: bytes; 0: it has to be read. NULL: always. */
    int (*lend)(void *ctx, int handle, uint64_t offset, size_t len, struct lent *out);
};

struct app_env {
    struct core *core;
    struct socks *socks;
    const struct tcp *tcp;          /* for the built-in page; may be NULL */
    const struct arp *arp;          /* the same */
    const struct ip_layer *ip;      /* to know our own addresses; may be NULL */
    const struct app_files *files;  /* NULL: http shows its built-in page */
    int64_t (*calendar)(void *ctx); /* seconds since 1970; NULL: core->now counts from 1970 */
    void *calendar_ctx;
};

/* ---- setting up and driving, by the program ---- */

struct app_config {
    uint32_t connections; /* of all services together: 8192 */
    uint32_t blocks;      /* of them, in the middle of an answer or a request: 8192 */
    uint32_t ports;       /* TCP and UDP sockets that wait for peers: 32 */
};

struct app_stats {
    uint64_t accepted, evicted; /* connections */
    uint64_t timeouts;
    uint64_t datagrams; /* UDP requests */
    uint64_t requests;  /* HTTP */
};

/* A socket that waits for peers. */
struct app_port {
    int sd;
    uint16_t port;
    uint8_t service; /* index in app_service_list */
    bool is_udp;
};

#define APP_NONE UINT32_MAX /* ends a list of connections */

/* Connections by their last progress: numbers in app->conns. */
struct app_list {
    uint32_t idlest, busiest;
    net_time time; /* that any of them may be without progress; 0: for ever */
};
/* The place of a connection in its list. Whoever moves changes its neighbours, which are strangers that spoke at
 * about the same time: eight places stand in a cache line, apart from the records. */
struct app_place {
    uint32_t idler, busier;
};
/* For each service two lists, of connections without and with a block; behind them two for those
 * that are lingering. */
enum { APP_SERVICES = 6, APP_LINGERING = APP_SERVICES, APP_LISTS = 2 * (APP_SERVICES + 1) };

struct app {
    struct app_env env;
    struct app_config cfg;
    struct slab conns, blocks;
    struct app_place *places; /* of conns, by number */
    struct app_port *ports; /* cfg.ports of them */
    void *memory[APP_SERVICES];
    uint32_t port_count;
    int pd;              /* the poll set */
    bool stopping;       /* app_stop() was called */
    bool unserved;       /* a run ended early: come back at once */
    bool accept_again;   /* a port could not accept for want of sockets */
    uint32_t generation; /* of connections, so that no event reaches a successor */
    struct timer_wheel wheel; /* of the blocks */
    struct app_list lists[APP_LISTS];
    uint8_t timed[APP_LISTS], timed_count; /* those lists whose connections' time is limited */
    struct app_conn *served; /* its service is being called: its memory stays until that is over */
    uint8_t *scratch;        /* APP_SCRATCH bytes, free between two calls of a service */
    net_time now;            /* of the app_run() that is being served */
    net_time started;
    struct app_stats stats;
};

void app_config_default(struct app_config *cfg);
/** app_cut - cut pools and buffers; touches nothing but @a. */
void app_cut(struct app *a, const struct app_config *cfg, struct region *r);
/** app_init - after the layers below are initialised; @env is copied. Return: 0 or -EMFILE. */
int app_init(struct app *a, const struct app_env *env);

/**
 * app_start - run a service.
 * @name: of app_service_list
 * @port: 0 for its well-known port
 *
 * Return: 0, or -ENOENT (no such service), -EADDRINUSE, -EMFILE (no socket), -ENOSPC (cfg.ports).
 */
int app_start(struct app *a, const char *name, uint16_t port);
/** app_run - serve everything that is ready, and every timeout that is due. */
void app_run(struct app *a, net_time now);
/** app_deadline - when to call app_run() next although no frame came. */
net_time app_deadline(const struct app *a);
/** app_stop - stop listening; each connection finishes the answer it is in, and is closed. Keep on
 * running the stack until app_stopped(), which a silent peer can delay by APP_LINGER. */
void app_stop(struct app *a);
bool app_stopped(const struct app *a);

/* ---- what a service is ---- */

enum {
    APP_SCRATCH = 65536 + 4096, /* a whole datagram, or an HTTP head, a path and a page */
    APP_STATE = 192             /* bytes */
};
#define APP_LINGER NET_SEC(5) /* how long a closed connection reads on before it is let go */

/* What a connection needs while it is idle. */
struct app_conn {
    struct app *app;
    net_time since; /* of its last progress, or when it came into the list it is in */
    int sd;
    uint32_t generation; /* 0: the record is free */
    union {
        uint32_t block; /* attached: its number in app->blocks */
        uint32_t mark;  /* else: four bytes of the service's own, zero at the start */
    };
    uint8_t service; /* index in app_service_list */
    uint8_t list;    /* index in app->lists */
    bool attached : 1;
    bool lingering : 1;  /* our FIN is due or sent: only reading on */
    bool shut : 1;       /* our FIN is on its way */
    bool ended : 1;      /* closed while it was being served; freed when that is over */
    bool progressed : 1; /* while it was being served */
    bool stuck : 1;      /* the send buffer is full and there is more to send */
    bool ending : 1;     /* the peer has sent its FIN, or there is an error: read on to the end */
    bool wants_out : 1;  /* the poll set has been told so */
};
static_assert(sizeof(struct app_conn) == 32, "with its place in a list all that an idle one costs");

/* What it has beyond that while something must be remembered. */
struct app_block {
    struct timer timer;
    net_time at;    /* when the service wants to be called; the timer follows after the call */
    uint32_t owner; /* number of its connection */
    uint32_t stash_len, stash_sent;
    bool held;      /* the service has not let go of the state */
    uint8_t *stash; /* output that did not fit, in a buffer of core->bufs */
    _Alignas(8) uint8_t state[APP_STATE];
};

struct app_service {
    const char *name;
    uint16_t port;
    const char *about; /* one line, with the RFC */
    net_time idle;     /* timeout() after so long without progress and without a block; 0: never */
    size_t memory;     /* bytes that it has on each host, in app->memory, zero at the start */
    /* TCP; run == NULL: none. Called when the connection begins and whenever something changed:
     * does all that can be done now. It may call app_conn_close() and the like at any time. */
    void (*run)(struct app_conn *c);
    void (*timeout)(struct app_conn *c); /* idle for too long, or it is app_conn_timer()'s time */
    void (*stop)(struct app_conn *c);    /* finish soon; NULL: app_conn_linger() at once */
    void (*end)(struct app_conn *c);     /* not called any more: give back what is held */
    /* UDP; NULL: none. The request stands in @bytes (APP_DATAGRAM); the answer is to stand there
     * too. Return: its length, or -1 for no answer. */
    int (*datagram)(struct app *a, uint8_t *bytes, size_t len);
    bool takes_trains; /* @bytes may be several datagrams of one length, answered by as many */
};
enum { APP_DATAGRAM = 65507 };

extern const struct app_service app_echo, app_discard, app_daytime, app_time, app_chargen, app_http;
/* All services, NULL at the end. */
extern const struct app_service *const app_service_list[];

/** app_service_find - by name; NULL if there is none. */
const struct app_service *app_service_find(const char *name);

/* ---- what a service may call ---- */

/** app_conn_close - the end: what is queued is still sent, then FIN. All input must be consumed, or
 * the peer sees a reset (RFC 2525 section 2.17). */
void app_conn_close(struct app_conn *c);
/** app_conn_abort - the end, with a reset: what was sent is not the whole. */
void app_conn_abort(struct app_conn *c);
/** app_conn_linger - FIN after what is queued; then throw input away until the peer's FIN, for at
 * most APP_LINGER after the last progress. The service's part ends here. */
void app_conn_linger(struct app_conn *c);
/** app_conn_progress - the peer has done something useful: it is not the idlest any more. */
static inline void app_conn_progress(struct app_conn *c)
{
    c->progressed = true;
}
/**
 * app_conn_attach - memory for what must be remembered while the connection is not idle.
 *
 * Return: APP_STATE bytes, zero, until app_conn_detach(); NULL: there were none, and @c is over.
 */
void *app_conn_attach(struct app_conn *c);
static inline struct app_block *app_conn_block(const struct app_conn *c)
{
    return c->attached ? slab_at(&c->app->blocks, c->block) : NULL;
}
/** app_conn_state - what app_conn_attach() returned; NULL: nothing is attached. */
static inline void *app_conn_state(const struct app_conn *c)
{
    struct app_block *b = app_conn_block(c);

    return b != NULL && b->held ? b->state : NULL;
}
/** app_conn_detach - forget the state and the timer. */
void app_conn_detach(struct app_conn *c);
/** app_conn_timer - call service->timeout() at @at; NET_NEVER: do not. Replaces the earlier one; the
 * state must be attached. */
void app_conn_timer(struct app_conn *c, net_time at);
/**
 * app_conn_write - send @len bytes, all of them; what does not fit now waits in the stash.
 *
 * Write no more until app_conn_flush() says so. Return: false when the connection is over: an
 * error, or no memory for the stash.
 */
bool app_conn_write(struct app_conn *c, const void *bytes, size_t len, bool more);
/** app_conn_flush - send what waits. Return: whether nothing waits any more and c goes on. */
bool app_conn_flush(struct app_conn *c);
/** app_conn_waits - has app_conn_write() left something? */
static inline bool app_conn_waits(const struct app_conn *c)
{
    return c->attached && app_conn_block(c)->stash != NULL;
}
/** app_conn_reserve - sock_reserve(); after -EAGAIN or 0 run() is called when there is room. */
int app_conn_reserve(struct app_conn *c, size_t want, struct mspan *out);
/** app_conn_is_dry - with all bytes taken that sock_peek() showed in this call of run(): there is
 * nothing else to find out by another, no end of the stream and no error. */
static inline bool app_conn_is_dry(const struct app_conn *c)
{
    return !c->ending;
}
/** app_conn_lend - sock_send_ref(); after -EAGAIN run() is called when there is room. */
int app_conn_lend(struct app_conn *c, const struct lent *what, bool more);
/** app_conn_drain - throw away what was received. Return: bytes, 0 at the end of the stream, or a
 * negative errno value (-EAGAIN: all that is here is gone, more may come). */
int app_conn_drain(struct app_conn *c);
/** app_conn_memory - what the service has on this host, service->memory bytes. */
static inline void *app_conn_memory(const struct app_conn *c)
{
    return c->app->memory[c->service];
}
/** app_calendar - seconds since 1970. */
int64_t app_calendar(const struct app *a);

#endif
