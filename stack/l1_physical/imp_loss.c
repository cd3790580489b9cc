/*
 * imp_loss.c - some frames never arrive.
 *
 * Each frame is lost with the same chance, whatever happened to the one before (Bernoulli). Real
 * losses come in bursts where queues overflow; those are made by imp_rate.c and its short queue.
 */
#include "l1_physical/imp.h"

static void imp_loss_push(struct imp_stage *s, struct pkt *p, net_time at)
{
    if (!prng_chance(&s->chain->prng, s->chain->cfg.loss_ppm)) {
        imp_pass(s, p, at);
        return;
    }
    imp_fault(s, p, IMP_DROP);
    imp_lose(s, p, V_DROP_WIRE_LOSS);
}

const struct imp_ops imp_loss = {.name = "drop", .push = imp_loss_push};
