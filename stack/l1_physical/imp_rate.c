/*
 * imp_rate.c - a bottleneck: a transmitter of so many bits a second, and a queue in front of it.
 *
 * A frame leaves when its last bit is out: its length over the rate after the transmitter became
 * free. The time is kept to the nanosecond with the remainder carried on, so that a long train of
 * frames takes what its bytes take. The queue is first in first out and drops at its tail, which
 * is where bursts of loss and bufferbloat come from. Preamble, FCS and gap are not counted: the
 * rate is that of the frames a capture shows.
 */
#include "l1_physical/imp.h"

struct imp_rate_state {
    struct pktq q;  /* the first is being sent */
    net_time done;  /* when the last bit of the first is out */
    uint64_t carry; /* fraction of a nanosecond that is owed, in units of 1 / rate_bps */
    uint64_t rate;  /* that carry belongs to */
};

static_assert(sizeof(struct imp_rate_state) <= IMP_STATE_SIZE, "does not fit its stage");

static struct imp_rate_state *imp_rate_of(struct imp_stage *s)
{
    return (void *)s->state;
}

/* How long the transmitter is busy with @p. The rate may have changed since the frame before; with
 * none any more the queue empties at once. */
static net_time imp_rate_time(const struct imp_stage *s, struct imp_rate_state *st,
                              const struct pkt *p)
{
    uint64_t rate = s->chain->cfg.rate_bps;

    if (rate != st->rate) {
        st->rate = rate;
        st->carry = 0;
    }
    if (rate == 0)
        return 0;
    uint64_t work = (uint64_t)pkt_total(p) * 8 * 1000000000u + st->carry; /* < 2^51 + rate */

    st->carry = work % rate;
    return (net_time)(work / rate);
}

static void imp_rate_push(struct imp_stage *s, struct pkt *p, net_time at)
{
    struct imp_rate_state *st = imp_rate_of(s);
    const struct imp_config *cfg = &s->chain->cfg;

    bool waits = cfg->rate_bps != 0 || st->q.len > 0;

    if (waits && st->q.len > cfg->limit) { /* one in the transmitter, limit behind it */
        s->hits++;
        imp_overflow(s, p);
        return;
    }
    if (!imp_ahead(s, p)) /* here, and in the stages behind, it may wait */
        return;
    if (!waits) {
        imp_pass(s, p, at);
        return;
    }
    if (st->q.len == 0) {
        if (at > st->done) {
            st->done = at;
            st->carry = 0;
        }
        st->done += imp_rate_time(s, st, p);
    }
    pktq_push(&st->q, p);
}

static void imp_rate_run(struct imp_stage *s, net_time now)
{
    struct imp_rate_state *st = imp_rate_of(s);

    while (st->q.head != NULL && st->done <= now) {
        struct pkt *p = pktq_pop(&st->q);
        net_time at = st->done;

        if (st->q.head != NULL)
            st->done += imp_rate_time(s, st, st->q.head);
        imp_pass(s, p, at);
    }
}

static net_time imp_rate_deadline(const struct imp_stage *s)
{
    const struct imp_rate_state *st = (const void *)s->state;

    return st->q.head != NULL ? st->done : NET_NEVER;
}

static void imp_rate_flush(struct imp_stage *s)
{
    struct imp_rate_state *st = imp_rate_of(s);
    struct pkt *p;

    while ((p = pktq_pop(&st->q)) != NULL)
        pkt_release(p);
    st->done = 0;
    st->carry = 0;
}

const struct imp_ops imp_rate = {
    .name = "rate",
    .push = imp_rate_push,
    .run = imp_rate_run,
    .deadline = imp_rate_deadline,
    .flush = imp_rate_flush,
};
