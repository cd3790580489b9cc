/*
 * core.h - what all layers of one host share: the moment, the packets, the secrets, the counters.
 */
#ifndef STACKD_CORE_H
#define STACKD_CORE_H

#include "base/buddy.h"
#include "base/pkt.h"
#include "base/prng.h"
#include "base/ready.h"
#include "base/trace.h"
#include "base/verdict.h"

/*
 * Twins: several hosts that are one to the outside, with the same addresses and secrets, each of which
 * is given a part of the frames (the queues of one interface, a host for each). What one of them gets
 * may concern another. It is the program that carries packets between them; a host says when.
 */
struct core_twins {
    /* Nobody here knows what @p is about: a segment without a connection, a datagram without a socket, a
     * group without a member. Return: V_NEXT: nor does another, so it is to be answered here; V_DONE:
     * another looks at it now; else why it is lost. */
    enum verdict (*stray)(void *ctx, const struct pkt *p);
    /* @p concerns all, and @v is what became of it here. Return: what is left to be said of it. */
    enum verdict (*heard)(void *ctx, const struct pkt *p, enum verdict v);
    void *ctx;
};

struct core {
    net_time now;       /* of the call into the stack that is being served */
    uint64_t frame;     /* number of the frame being processed or emitted, 0 outside */
    uint64_t frames;    /* frames numbered so far, in and out */
    struct trace trace;
    struct siphash_key key; /* secret of this host */
    struct prng prng;
    struct pkt_pool pkts; /* one frame of the MTU each */
    struct pkt_pool bigs; /* one datagram of 64 KiB each: reassembly, large UDP */
    struct buddy bufs;
    struct ready_list ready; /* sockets with news for the session layer */
    uint32_t way_epoch; /* changes with all that a way out of this host depends on (l3_network/hop.c) */
    const struct core_twins *twins; /* NULL: there are none */
    struct pktq unreached;   /* packets whose next hop is silent, for net.c to tell their senders */
    uint64_t drops[V_COUNT];
    char name[32]; /* of the host, in traces */
    void (*tap)(void *ctx, const struct pkt *p, bool out); /* see net_set_tap() */
    void *tap_ctx;
};

/**
 * net_drop - refuse a packet: the only place where that happens; counts and traces the reason.
 * @p: the packet, for the trace; its keepers are not changed. May be NULL when none is left.
 *
 * Declared here because every layer may refuse, defined in net.c.
 */
void net_drop(struct core *c, const struct pkt *p, enum verdict why);

/** core_framed - @p is a frame at the host's boundary: it gets its number, and a capture sees it. */
static inline void core_framed(struct core *c, struct pkt *p, bool out)
{
    p->frame = ++c->frames;
    p->left = out;
    if (unlikely(c->tap != NULL))
        c->tap(c->tap_ctx, p, out);
}

/** core_stray - see struct core_twins; V_NEXT without any. */
static inline enum verdict core_stray(const struct core *c, const struct pkt *p)
{
    return likely(c->twins == NULL) ? V_NEXT : c->twins->stray(c->twins->ctx, p);
}

/** core_trace - start an event of @kind at this moment, for this frame. */
static inline struct trace_ev core_trace(const struct core *c, enum trace_kind kind)
{
    return (struct trace_ev){.t = c->now, .frame = c->frame, .host = c->name, .kind = kind};
}
/** core_trace_emit - hand a filled event to the sink. */
static inline void core_trace_emit(const struct core *c, const struct trace_ev *ev)
{
    c->trace.sink(c->trace.ctx, ev);
}

#endif
