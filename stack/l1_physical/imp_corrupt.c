/*
 * imp_corrupt.c - in some frames one bit is wrong.
 *
 * On a real wire the frame check sequence finds that and the network card drops the frame in
 * silence; what reaches a host is damage done behind the check, in the memory of a switch or a
 * driver. It is what the Internet checksum is for, so that has to be in the bytes before the bit
 * flips: a checksum left to the wire is completed first, and nobody may claim any more to have
 * verified it.
 */
#include "l1_physical/imp.h"

static void imp_corrupt_push(struct imp_stage *s, struct pkt *p, net_time at)
{
    struct imp_chain *ch = s->chain;

    if (p->len > 0 && prng_chance(&ch->prng, ch->cfg.corrupt_ppm)) {
        uint32_t bit = prng_below(&ch->prng, p->len * 8);

        pkt_csum_complete(p);
        p->csum = CSUM_NONE;
        pkt_data(p)[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        imp_fault(s, p, IMP_CORRUPT);
    }
    imp_pass(s, p, at);
}

const struct imp_ops imp_corrupt = {.name = "corrupt", .push = imp_corrupt_push};
