/*
 * world.h - hosts on cables in virtual time, and what must be true of them at every moment.
 *
 * A world has one clock. world_run() goes from event to event: frames that reach a host, timers,
 * the users of the hosts (user(), called whenever something may have changed for a host); nothing
 * is random but what comes from seeds, so a run can be repeated exactly. Each host may have its
 * own epoch (`offset`): its clock reads world time plus that.
 *
 * Checked while it runs (world_check.c):
 *
 *   - time: no deadline in the past after a host has been served, and no endless loop in zero time
 *   - numbers: SND.UNA =< SND.NXT =< SND.MAX; what is in flight is what the ring holds
 *   - buffers: never beyond the limits of the connection; the window never promises more
 *   - pools: what is counted as used is what can be found, in tables, queues and on cables
 *   - timers: what is unacknowledged or held back has a timer, so every connection can end
 *   - arrows: every change of state is an arrow of RFC 9293 Figure 5 or of the written exceptions,
 *     and begins where the one before ended
 *   - at the end (world_end): no connection, no packet, no buffer is left
 *
 * A failure prints the command that replays it:
 *
 *     STACKD_SEED=17 build/tests/sim/test_transfer test_transfer_random
 *
 * STACKD_SEEDS=N says how many seeds a test tries (its own default otherwise), STACKD_SEED=N that
 * it tries only that one, STACKD_TRACE=1 prints the trace of all hosts as text on standard error.
 */
#ifndef STACKD_WORLD_H
#define STACKD_WORLD_H

#include "l1_physical/cable.h"
#include "l1_physical/join.h"
#include "net.h"
#include "t.h"

enum {
    WORLD_HOSTS = 8,
    WORLD_CABLES = 8,
    WORLD_ARROWS = 4096,
    WORLD_HELD = 8192,
    WORLD_BATCH = 32
};

struct world;

/* A host whose insides are somebody else's: what world_guest_add() plugs into a cable. */
struct world_guest {
    void (*input)(void *ctx, const void *frame, size_t len); /* a frame has arrived */
    void (*run)(void *ctx); /* called at each turn; answers with world_guest_send() */
    net_time (*deadline)(void *ctx); /* world time; NET_NEVER: idle */
};

/* The state a connection was last seen in: the next arrow must begin there. */
struct world_arrow {
    struct world_arrow *next;
    struct trace_conn conn;
    const char *state;
};

struct world_host {
    struct world *w;
    struct net n;
    net_time offset; /* of its clock */
    void *mem;
    size_t mem_len;
    struct cable *cable[NET_IFS]; /* per interface; NULL: nothing is plugged in */
    unsigned end[NET_IFS];
    void (*user)(void *ctx);
    net_time (*user_deadline)(void *ctx); /* in world time */
    void *ctx;
    const struct world_guest *guest; /* NULL: n is the host; else n only holds its packets */
    void *guest_ctx;
    bool has_services; /* which hold buffers and packets of their own */
    struct world_arrow *arrows[WORLD_ARROWS];
};

struct world_cable {
    struct cable cb;
    struct world_host *host[2];
    void *mem;
    size_t mem_len;
};

struct world {
    uint64_t seed;
    net_time now;
    struct world_host *hosts[WORLD_HOSTS];
    struct world_cable *cables[WORLD_CABLES];
    unsigned host_count, cable_count;
    bool (*done)(void *ctx); /* ends world_run() early */
    void *done_ctx;
    bool failed;
    bool hash_traces;    /* every event as JSON goes into trace_hash */
    bool allow_loss;     /* packets may have been lost inside a host: arrows may lack their notes */
    bool joins;             /* frames that reach a host at one moment are joined first (join.h) */
    uint64_t joined;        /* frames */
    uint32_t check_each; /* invariants at every so many-th turn: 1 */
    uint64_t turns, trace_hash, trace_events;
    uint32_t idle_turns; /* without time passing */
    uint64_t arrows;     /* bit i: arrow i of the figure was taken, see world_saw() */
    /* Sees what goes in and out of a host, and when: p NULL: only time passed; with out: the end of
     * what one net_output() gave, perhaps nothing. */
    void (*watch)(void *ctx, struct world_host *h, const struct pkt *p, bool out);
    void *watch_ctx;
};

/** world_new - an empty world; all seeds below are derived from @seed. */
struct world *world_new(uint64_t seed);

/** world_config - of host number @last_byte, 10.0.0.@last_byte: small pools, an address at once. */
void world_config(struct net_config *cfg, uint8_t last_byte);

/** world_host_add - a host; cfg->start is the offset of its clock. NULL after a failure. */
struct world_host *world_host_add(struct world *w, const struct net_config *cfg);

/** world_guest_add - a place for a host that is not ours. */
struct world_host *world_guest_add(struct world *w, const struct net_config *cfg,
                                   const struct world_guest *guest, void *ctx);
/** world_guest_send - a frame of the guest goes onto its cable. */
void world_guest_send(struct world_host *h, const void *frame, size_t len);

/** world_cable_add - plug @a's interface 0 into @b's; @ab and @ba are the wire, NULL: a good one. */
struct world_cable *world_cable_add(struct world *w, struct world_host *a, struct world_host *b,
                                    const struct imp_config *ab, const struct imp_config *ba);

/** world_now - what the clock of @h reads. */
static inline net_time world_now(const struct world_host *h)
{
    return h->w->now + h->offset;
}

/** world_inject - let @len bytes arrive at @h at once, from nowhere. Return: false: no packet. */
bool world_inject(struct world_host *h, const void *frame, size_t len);

/** world_run - let @span pass, or less when done() says so or a check fails. */
void world_run(struct world *w, net_time span);

/** world_end - let TIME-WAIT and all that lingers end, check that nothing is left, free. */
void world_end(struct world *w);
/** world_free - without the checks. */
void world_free(struct world *w);

/** world_fail - a check failed: says so, with the command that replays it. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* world_check.c */
void world_check(struct world *w);
void world_check_empty(struct world *w);
void world_trace(void *ctx, const struct trace_ev *ev);

/** world_saw - was the arrow @from -> @to taken, in a run whose w->arrows is @arrows? */
bool world_saw(uint64_t arrows, const char *from, const char *to);

/* The seeds of a test. */
struct seeds {
    const char *program, *test;
    uint64_t seed, last;
    unsigned failures;
};

/** seeds_first - @count seeds from 1 on unless the environment says otherwise. */
struct seeds seeds_first(const char *program, const char *test, uint64_t count);
/** seeds_next - Return: whether there is another; seed is set. Ends early after five failures. */
bool seeds_next(struct seeds *s);

#endif
