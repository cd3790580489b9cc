/*
 * imp_mark.c - some packets say that there is congestion (RFC 3168).
 *
 * A router with active queue management that is filling up sets the two ECN bits of the IP header
 * to CE where the sender has said that it understands (ECT), and drops the packets of others. This
 * stage only marks; what is not ECT passes as it is, and imp_loss.c is for dropping. It knows just
 * enough of a frame to find those bits: Ethernet II without a tag, IPv4. The header's checksum
 * covers them and is made anew; those of TCP and UDP do not, so whoever verified them was right.
 */
#include "base/csum.h"
#include "l1_physical/imp.h"
#include "wire/eth.h"
#include "wire/ip4.h"

enum { IMP_ECN_MASK = 3, IMP_ECN_CE = 3 };

static bool imp_mark_set(uint8_t *frame, uint32_t len)
{
    if (len < ETH_HDR_LEN + IP4_HDR_LEN || get16(frame + ETH_TYPE) != ETH_TYPE_IP4)
        return false;
    uint8_t *ip = frame + ETH_HDR_LEN;
    uint32_t hdr_len = (ip[IP4_VIHL] & 15u) * 4u;

    if (hdr_len < IP4_HDR_LEN || hdr_len > len - ETH_HDR_LEN || (ip[IP4_TOS] & IMP_ECN_MASK) == 0)
        return false;
    ip[IP4_TOS] |= IMP_ECN_CE;
    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, hdr_len)));
    return true;
}

static void imp_mark_push(struct imp_stage *s, struct pkt *p, net_time at)
{
    struct imp_chain *ch = s->chain;

    if (prng_chance(&ch->prng, ch->cfg.mark_ppm) && imp_mark_set(pkt_data(p), p->len))
        imp_fault(s, p, IMP_MARK);
    imp_pass(s, p, at);
}

const struct imp_ops imp_mark = {.name = "mark", .push = imp_mark_push};
