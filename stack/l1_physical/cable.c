#include "l1_physical/cable.h"

void cable_cut(struct cable *cb, struct region *r, uint32_t held)
{
    imp_cut(&cb->end[0].out, r, held);
    imp_cut(&cb->end[1].out, r, held);
}

void cable_init(struct cable *cb, struct core *a, uint8_t ifi_a, struct core *b, uint8_t ifi_b,
                uint64_t seed)
{
    cb->end[0].c = a;
    cb->end[0].ifi = ifi_a;
    cb->end[1].c = b;
    cb->end[1].ifi = ifi_b;
    cb->offload = false;
    for (unsigned i = 0; i < 2; i++)
        imp_init(&cb->end[i].out, cb->end[i].c, "tx", seed, i);
}

int cable_set(struct cable *cb, unsigned from, const struct imp_config *cfg)
{
    NET_ASSERT(from < 2);
    return imp_set(&cb->end[from].out, cfg);
}

void cable_push(struct cable *cb, unsigned from, struct pkt *p, net_time now)
{
    NET_ASSERT(from < 2);
    NET_ASSERT(cb->offload || p->gso_size == 0); /* configured so: nobody here cuts frames */
    imp_push(&cb->end[from].out, p, now);
}

/* A frame reaches the other host: nothing of the sender's comes along but the bytes. */
static void cable_strip(const struct cable *cb, unsigned to, struct pkt *p)
{
    if (!cb->offload) {
        pkt_csum_complete(p);
        p->csum = CSUM_NONE;
    }
    p->ifi = cb->end[to].ifi;
    p->frame = 0;
    p->ethertype = 0;
    p->tos = 0;
    p->note_event = 0;
    p->faults = 0;
}

static struct pkt *cable_arrive(const struct cable *cb, unsigned to, const struct pkt *p)
{
    struct pkt *n = imp_copy(cb->end[to].c, p);

    if (n != NULL)
        cable_strip(cb, to, n);
    return n;
}

bool cable_lend(struct cable *cb, unsigned from, struct pkt *p)
{
    NET_ASSERT(from < 2);
    NET_ASSERT(cb->offload || p->gso_size == 0);
    struct imp_chain *ch = &cb->end[from].out;

    if (imp_is_on(ch) || p->refs > 1)
        return false;
    ch->frames++;
    ch->bytes += pkt_total(p);
    cable_strip(cb, 1 - from, p);
    return true;
}

struct pkt *cable_pop(struct cable *cb, unsigned to, net_time now)
{
    NET_ASSERT(to < 2);
    struct core *c = cb->end[to].c;
    struct pkt *p;

    while ((p = imp_pop(&cb->end[1 - to].out, now)) != NULL) {
        struct pkt *n = cable_arrive(cb, to, p);

        if (n == NULL)
            imp_drop(c, NULL, V_DROP_PKT_POOL, now);
        pkt_release(p);
        if (n != NULL)
            return n;
    }
    return NULL;
}

net_time cable_deadline(const struct cable *cb)
{
    return net_time_min(imp_deadline(&cb->end[0].out), imp_deadline(&cb->end[1].out));
}

void cable_flush(struct cable *cb)
{
    imp_flush(&cb->end[0].out);
    imp_flush(&cb->end[1].out);
}
