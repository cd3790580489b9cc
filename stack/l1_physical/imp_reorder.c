/*
 * imp_reorder.c - some frames are overtaken.
 *
 * A chosen frame is set aside until cfg.reorder_gap later ones have passed it, or until
 * cfg.reorder_wait went by, whichever comes first: with a gap of 3 TCP's three duplicate
 * acknowledgments are reached, which is where loss and reordering become hard to tell apart
 * (RFC 8985). Frames that are not chosen keep their order, and so do those that come back
 * together. At most IMP_REORDER_HELD are aside at one time; while that many are, nobody is chosen, and one
 * that was chosen on its way here overtakes them all instead: its place is another one, too.
 */
#include "l1_physical/imp.h"

enum { IMP_REORDER_HELD = 6 };

struct imp_reorder_state {
    uint32_t count;
    struct {
        struct pkt *p;
        net_time until;
        uint32_t gap;          /* frames that still have to pass */
    } aside[IMP_REORDER_HELD]; /* oldest first */
};

static_assert(sizeof(struct imp_reorder_state) <= IMP_STATE_SIZE, "does not fit its stage");

static struct imp_reorder_state *imp_reorder_of(struct imp_stage *s)
{
    return (void *)s->state;
}

/* Take number @i back into the stream. */
static void imp_reorder_return(struct imp_stage *s, uint32_t i, net_time at)
{
    struct imp_reorder_state *st = imp_reorder_of(s);
    struct pkt *p = st->aside[i].p;

    st->count--;
    for (uint32_t k = i; k < st->count; k++)
        st->aside[k] = st->aside[k + 1];
    imp_pass(s, p, at);
}

static void imp_reorder_run(struct imp_stage *s, net_time now)
{
    struct imp_reorder_state *st = imp_reorder_of(s);

    for (uint32_t i = 0; i < st->count;) {
        if (st->aside[i].until <= now)
            imp_reorder_return(s, i, st->aside[i].until);
        else
            i++;
    }
}

static bool imp_reorder_choose(struct imp_stage *s, struct pkt *p)
{
    const struct imp_reorder_state *st = imp_reorder_of(s);

    if (st->count < IMP_REORDER_HELD && prng_chance(&s->chain->prng, s->chain->cfg.reorder_ppm))
        imp_fault(s, p, IMP_REORDER);
    return true;
}

static void imp_reorder_push(struct imp_stage *s, struct pkt *p, net_time at)
{
    struct imp_reorder_state *st = imp_reorder_of(s);
    const struct imp_config *cfg = &s->chain->cfg;

    imp_reorder_run(s, at);
    if (st->count < IMP_REORDER_HELD && (p->faults & 1u << IMP_REORDER) != 0) {
        st->aside[st->count].p = p;
        st->aside[st->count].until = at + cfg->reorder_wait;
        st->aside[st->count].gap = u32_max(cfg->reorder_gap, 1);
        st->count++;
        return;
    }
    imp_pass(s, p, at);
    for (uint32_t i = 0; i < st->count;) {
        if (--st->aside[i].gap == 0)
            imp_reorder_return(s, i, at);
        else
            i++;
    }
}

static net_time imp_reorder_deadline(const struct imp_stage *s)
{
    const struct imp_reorder_state *st = (const void *)s->state;
    net_time at = NET_NEVER;

    for (uint32_t i = 0; i < st->count; i++)
        at = net_time_min(at, st->aside[i].until);
    return at;
}

static void imp_reorder_flush(struct imp_stage *s)
{
    struct imp_reorder_state *st = imp_reorder_of(s);

    for (; st->count > 0; st->count--)
        pkt_release(st->aside[st->count - 1].p);
}

const struct imp_ops imp_reorder = {
    .name = "reorder",
    .choose = imp_reorder_choose,
    .push = imp_reorder_push,
    .run = imp_reorder_run,
    .deadline = imp_reorder_deadline,
    .flush = imp_reorder_flush,
};
