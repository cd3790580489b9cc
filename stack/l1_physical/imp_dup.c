/*
 * imp_dup.c - some frames arrive twice, one copy right behind the other.
 *
 * Happens where a switch loop or an impatient link layer sends again what had arrived. Without a
 * free packet for the copy the frame goes on alone.
 */
#include "l1_physical/imp.h"

static void imp_dup_push(struct imp_stage *s, struct pkt *p, net_time at)
{
    struct imp_chain *ch = s->chain;
    struct pkt *twin = NULL;

    if (prng_chance(&ch->prng, ch->cfg.dup_ppm))
        twin = imp_copy(ch->c, p);
    if (twin != NULL) {
        pkt_about(twin, p);
        imp_fault(s, twin, IMP_DUPLICATE);
        ch->held++;
    }
    imp_pass(s, p, at);
    if (twin != NULL)
        imp_pass(s, twin, at);
}

const struct imp_ops imp_dup = {.name = "duplicate", .push = imp_dup_push};
