#include "l1_physical/imp.h"

#include <errno.h>

/* The stages in the order of the path. Adding one: its file, its line here, IMP_STAGES. */
static const struct imp_ops *const imp_list[IMP_STAGES] = {
    &imp_loss, &imp_mark, &imp_dup, &imp_corrupt, &imp_rate, &imp_delay, &imp_reorder,
};

void imp_config_default(struct imp_config *cfg)
{
    *cfg = (struct imp_config){
        .limit = 1000,
        .reorder_gap = 3,
        .reorder_wait = NET_MS(10),
    };
}

void imp_cut(struct imp_chain *ch, struct region *r, uint32_t held)
{
    ch->slots = region_cut(r, held * sizeof(ch->slots[0]), 64);
    ch->slot_count = held;
}

void imp_init(struct imp_chain *ch, struct core *c, const char *dir, uint64_t seed, uint64_t stream)
{
    struct imp_slot *slots = ch->slots;
    uint32_t slot_count = ch->slot_count;

    *ch = (struct imp_chain){.c = c, .dir = dir, .slots = slots, .slot_count = slot_count};
    ch->is_in = dir[0] == 'r';
    imp_config_default(&ch->cfg);
    prng_seed(&ch->prng, seed, stream);
    for (unsigned i = 0; i < IMP_STAGES; i++) {
        ch->stage[i].ops = imp_list[i];
        ch->stage[i].chain = ch;
    }
}

int imp_set(struct imp_chain *ch, const struct imp_config *cfg)
{
    if (cfg->loss_ppm > 1000000 || cfg->corrupt_ppm > 1000000 || cfg->dup_ppm > 1000000 ||
        cfg->reorder_ppm > 1000000 || cfg->mark_ppm > 1000000)
        return -EINVAL;
    /* A day is longer than any wire, and keeps all sums of times far from overflow. */
    net_time day = NET_SEC(86400);

    if (cfg->delay < 0 || cfg->delay > day || cfg->jitter < 0 || cfg->jitter > day ||
        cfg->reorder_wait < 0 || cfg->reorder_wait > day)
        return -EINVAL;
    ch->cfg = *cfg;
    return 0;
}

bool imp_is_on(const struct imp_chain *ch)
{
    const struct imp_config *cfg = &ch->cfg;

    return (cfg->loss_ppm | cfg->corrupt_ppm | cfg->dup_ppm | cfg->reorder_ppm | cfg->mark_ppm) !=
               0 ||
           (cfg->delay | cfg->jitter) != 0 || cfg->rate_bps != 0 || ch->held > 0;
}

struct pkt *imp_copy(struct core *c, const struct pkt *p)
{
    uint32_t total = pkt_total(p);
    struct pkt_pool *pool = &c->pkts;

    if (PKT_HEADROOM + total > pool->cap)
        pool = &c->bigs;
    if (PKT_HEADROOM + total > pool->cap)
        return NULL;
    struct pkt *n = pkt_alloc(pool, PKT_HEADROOM);

    if (n == NULL)
        return NULL;
    pkt_copy_out(p, pkt_append(n, total));
    n->csum = p->csum;
    n->gso_size = p->gso_size;
    /* Offsets count from the start of the buffer, and the copy begins elsewhere in its own. */
    if (p->csum == CSUM_PARTIAL) {
        n->csum_start = (uint16_t)(p->csum_start - p->off + n->off);
        n->csum_off = p->csum_off;
    }
    n->ifi = p->ifi;
    n->ethertype = p->ethertype;
    n->tos = p->tos;
    n->frame = p->frame;
    n->faults = p->faults;
    return n;
}

const char *imp_what_name(enum imp_what what)
{
    static const char *const names[IMP_WHATS] = {
        [IMP_DROP] = "drop",           [IMP_MARK] = "mark",       [IMP_CORRUPT] = "corrupt",
        [IMP_DUPLICATE] = "duplicate", [IMP_REORDER] = "reorder", [IMP_DELAY] = "delay",
    };

    NET_ASSERT(what < IMP_WHATS);
    return names[what];
}

/* A frame that is lost on its way in has come to the host's boundary as well, for whoever looks on
 * there: it is counted and seen, so that a capture can show what was lost, and when. */
static void imp_seen(struct imp_chain *ch, struct pkt *p)
{
    net_time host_now = ch->c->now;

    p->faults |= (uint8_t)(1u << IMP_DROP);
    if (!ch->is_in || p->frame != 0)
        return;
    ch->c->now = ch->now > host_now ? ch->now : host_now;
    core_framed(ch->c, p, false);
    ch->c->now = host_now;
}

void imp_fault(struct imp_stage *s, struct pkt *p, enum imp_what what)
{
    struct imp_chain *ch = s->chain;

    s->hits++;
    if (what == IMP_DROP)
        imp_seen(ch, p);
    p->faults |= (uint8_t)(1u << what);
    if (!trace_on(&ch->c->trace, TRACE_fault))
        return;
    struct trace_ev ev = core_trace(ch->c, TRACE_fault);

    ev.t = ch->now;
    ev.frame = p->frame;
    ev.u.fault = (struct trace_fault){.what = imp_what_name(what), .dir = ch->dir};
    core_trace_emit(ch->c, &ev);
}

/* The host learns of a loss at the moment of the loss; its own clock is left alone, as by that it
 * knows which of its timers have run. */
void imp_drop(struct core *c, const struct pkt *p, enum verdict why, net_time now)
{
    net_time host_now = c->now;
    uint64_t host_frame = c->frame;

    c->now = now > host_now ? now : host_now;
    c->frame = p != NULL ? p->frame : 0;
    net_drop(c, p, why);
    c->now = host_now;
    c->frame = host_frame;
}

void imp_lose(struct imp_stage *s, struct pkt *p, enum verdict why)
{
    struct imp_chain *ch = s->chain;

    ch->held--;
    imp_seen(ch, p);
    imp_drop(ch->c, p, why, ch->now);
    pkt_release(p);
}

void imp_overflow(struct imp_stage *s, struct pkt *p)
{
    s->chain->full++;
    imp_lose(s, p, V_DROP_WIRE_QUEUE);
}

bool imp_ahead(struct imp_stage *s, struct pkt *p)
{
    for (struct imp_stage *b = s + 1; b < s->chain->stage + IMP_STAGES; b++) {
        if (b->ops->choose != NULL && !b->ops->choose(b, p))
            return false;
    }
    return true;
}

void imp_pass(struct imp_stage *s, struct pkt *p, net_time at)
{
    struct imp_chain *ch = s->chain;

    if (s + 1 < ch->stage + IMP_STAGES)
        (s + 1)->ops->push(s + 1, p, at);
    else
        pktq_push(&ch->out, p);
}

/* Let time pass to @now: what is due comes out of each stage and enters the next, first to last,
 * so that a frame can go all the way in one call. */
static void imp_run(struct imp_chain *ch, net_time now)
{
    if (now > ch->now)
        ch->now = now;
    if (ch->held == ch->out.len)
        return;
    for (struct imp_stage *s = ch->stage; s < ch->stage + IMP_STAGES; s++) {
        if (s->ops->run != NULL)
            s->ops->run(s, ch->now);
    }
}

/* A frame that waits must not depend on memory of others: no external bytes, no other keeper. */
static struct pkt *imp_own(struct imp_chain *ch, struct pkt *p)
{
    if (p->refs == 1 && pkt_linearize(p))
        return p;
    struct pkt *n = imp_copy(ch->c, p);

    if (n == NULL) {
        imp_seen(ch, p);
        imp_drop(ch->c, p, V_DROP_PKT_POOL, ch->now);
    } else {
        pkt_about(n, p);
    }
    pkt_release(p);
    return n;
}

void imp_push(struct imp_chain *ch, struct pkt *p, net_time now)
{
    imp_run(ch, now);
    ch->frames++;
    ch->bytes += pkt_total(p);
    p = imp_own(ch, p);
    if (p == NULL)
        return;
    p->faults = 0; /* what other wires did to it is another story */
    ch->held++;
    ch->stage[0].ops->push(&ch->stage[0], p, ch->now);
}

struct pkt *imp_pop(struct imp_chain *ch, net_time now)
{
    imp_run(ch, now);
    struct pkt *p = pktq_pop(&ch->out);

    if (p != NULL)
        ch->held--;
    return p;
}

net_time imp_deadline(const struct imp_chain *ch)
{
    net_time at = NET_NEVER;

    if (ch->out.head != NULL)
        return ch->now;
    if (ch->held == 0)
        return NET_NEVER;
    for (unsigned i = 0; i < IMP_STAGES; i++) {
        const struct imp_stage *s = &ch->stage[i];

        if (s->ops->deadline != NULL)
            at = net_time_min(at, s->ops->deadline(s));
    }
    return at;
}

void imp_flush(struct imp_chain *ch)
{
    struct pkt *p;

    for (unsigned i = 0; i < IMP_STAGES; i++) {
        if (ch->stage[i].ops->flush != NULL)
            ch->stage[i].ops->flush(&ch->stage[i]);
    }
    while ((p = pktq_pop(&ch->out)) != NULL)
        pkt_release(p);
    ch->held = 0;
}

bool imp_each(const struct imp_chain *ch, uint32_t *at, const char **name, uint64_t *hits)
{
    if (*at >= IMP_STAGES)
        return false;
    *name = ch->stage[*at].ops->name;
    *hits = ch->stage[*at].hits;
    ++*at;
    return true;
}
