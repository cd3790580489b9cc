/*
 * imp_delay.c - the length of the wire, and its moods.
 *
 * Every frame is late by cfg.delay, give or take up to cfg.jitter, evenly spread. A frame never
 * overtakes the one before it: it is at least as late as that. (The jitter of tc-netem reorders,
 * which surprises people who wanted only jitter; here that is a choice of its own.)
 *
 * Frames under way stand in a ring with the moment at which they come out; the ring is the only
 * memory, and a full one drops. Whether there will be room is decided when a frame enters the chain: where there
 * is a delay, all that is held in it together is no more than the ring takes.
 */
#include "l1_physical/imp.h"

struct imp_delay_state {
    uint32_t head, count; /* of chain->slots */
    net_time last;        /* when the newest comes out */
};

static_assert(sizeof(struct imp_delay_state) <= IMP_STATE_SIZE, "does not fit its stage");

static struct imp_delay_state *imp_delay_of(struct imp_stage *s)
{
    return (void *)s->state;
}

static net_time imp_delay_draw(struct imp_chain *ch)
{
    const struct imp_config *cfg = &ch->cfg;
    net_time delay = cfg->delay;

    if (cfg->jitter > 0)
        delay += (net_time)(prng_u64(&ch->prng) % (uint64_t)(2 * cfg->jitter + 1)) - cfg->jitter;
    return delay > 0 ? delay : 0;
}

static bool imp_delay_choose(struct imp_stage *s, struct pkt *p)
{
    const struct imp_chain *ch = s->chain;

    if ((ch->cfg.delay | ch->cfg.jitter) == 0 || ch->held <= ch->slot_count) /* @p is among them */
        return true;
    imp_overflow(s, p);
    return false;
}

static void imp_delay_push(struct imp_stage *s, struct pkt *p, net_time at)
{
    struct imp_chain *ch = s->chain;
    struct imp_delay_state *st = imp_delay_of(s);

    if ((ch->cfg.delay | ch->cfg.jitter) == 0 && st->count == 0) {
        imp_pass(s, p, at);
        return;
    }
    net_time out = at + imp_delay_draw(ch);

    if (st->count == ch->slot_count) { /* the wire became longer while it waited in the queue */
        imp_overflow(s, p);
        return;
    }
    if (st->count > 0 && out < st->last)
        out = st->last;
    st->last = out;
    if (out > at)
        imp_fault(s, p, IMP_DELAY);
    ch->slots[(st->head + st->count++) % ch->slot_count] = (struct imp_slot){p, out};
}

static void imp_delay_run(struct imp_stage *s, net_time now)
{
    struct imp_chain *ch = s->chain;
    struct imp_delay_state *st = imp_delay_of(s);

    while (st->count > 0 && ch->slots[st->head].at <= now) {
        struct imp_slot slot = ch->slots[st->head];

        st->head = (st->head + 1) % ch->slot_count;
        st->count--;
        imp_pass(s, slot.p, slot.at);
    }
}

static net_time imp_delay_deadline(const struct imp_stage *s)
{
    const struct imp_delay_state *st = (const void *)s->state;

    return st->count > 0 ? s->chain->slots[st->head].at : NET_NEVER;
}

static void imp_delay_flush(struct imp_stage *s)
{
    struct imp_delay_state *st = imp_delay_of(s);

    for (; st->count > 0; st->count--) {
        pkt_release(s->chain->slots[st->head].p);
        st->head = (st->head + 1) % s->chain->slot_count;
    }
}

const struct imp_ops imp_delay = {
    .name = "delay",
    .choose = imp_delay_choose,
    .push = imp_delay_push,
    .run = imp_delay_run,
    .deadline = imp_delay_deadline,
    .flush = imp_delay_flush,
};
