/*
 * cc_hystart.c - HyStart++ (RFC 9406): when the first slow start should end, before it loses.
 *
 * Slow start doubles the window in each round trip and knows no other end than a loss; by then the
 * queue of the bottleneck is full and up to a whole window is lost at once. But the queue can be seen
 * growing: the round trips become longer. HyStart++ compares the shortest round trip of this round
 * with that of the round before. When it has grown by an eighth, at least 4 and at most 16 ms, the
 * window goes on growing at a quarter of the speed only (Conservative Slow Start), for five rounds.
 * If the round trips become short again meanwhile, it was jitter, and slow start resumes; else slow
 * start is over, without a loss.
 *
 * Only the first slow start is treated so (section 4.3): later ones end at an ssthresh that was
 * measured. Then the growth is that of RFC 5681, one SMSS for an ACK at most. With HyStart++ it is
 * up to L = 8 segments for an ACK (any number when the core paces, since no burst follows then), so a
 * receiver that acknowledges every second segment, or aggregates, does not slow it down; a peer that
 * divides ACKs gains nothing in either case.
 *
 * A round ends when windowEnd is acknowledged, which was SND.NXT when it began; the facts tell.
 */
#include "l4_transport/cc/cc_hystart.h"

/* Section 4.3. */
#define HYSTART_MIN_RTT_THRESH NET_MS(4)
#define HYSTART_MAX_RTT_THRESH NET_MS(16)

enum {
    HYSTART_MIN_RTT_DIVISOR = 8,
    HYSTART_N_RTT_SAMPLE = 8,
    HYSTART_CSS_GROWTH_DIVISOR = 4,
    HYSTART_CSS_ROUNDS = 5,
    HYSTART_L = 8
};

void hystart_init(struct hystart *h, bool is_on)
{
    *h = (struct hystart){
        .last_min_rtt = NET_NEVER,
        .min_rtt = NET_NEVER,
        .phase = is_on ? HYSTART_SLOW_START : HYSTART_OFF,
    };
}

/* Of Conservative Slow Start: is it over? */
static bool hystart_css_ends(struct hystart *h, bool round_ends)
{
    if (h->samples >= HYSTART_N_RTT_SAMPLE && h->min_rtt < h->css_base_rtt) {
        h->phase = HYSTART_SLOW_START; /* the queue was none */
        return false;
    }
    if (!round_ends)
        return false;
    h->css_rounds++; /* the round in which it began counts, although it was only a part */
    return h->css_rounds == HYSTART_CSS_ROUNDS;
}

/* Has the delay grown? */
static void hystart_check(struct hystart *h)
{
    if (h->samples < HYSTART_N_RTT_SAMPLE || h->last_min_rtt == NET_NEVER)
        return;
    net_time thresh = h->last_min_rtt / HYSTART_MIN_RTT_DIVISOR;

    if (thresh > HYSTART_MAX_RTT_THRESH)
        thresh = HYSTART_MAX_RTT_THRESH;
    if (thresh < HYSTART_MIN_RTT_THRESH)
        thresh = HYSTART_MIN_RTT_THRESH;
    if (h->min_rtt < h->last_min_rtt + thresh)
        return;
    h->css_base_rtt = h->min_rtt;
    h->css_rounds = 0;
    h->rest = 0;
    h->phase = HYSTART_CSS;
}

bool hystart_sees(struct hystart *h, const struct cc_ack *a)
{
    if (h->phase == HYSTART_OFF)
        return true;
    if (a->rtt_ns > 0) {
        h->min_rtt = net_time_min(h->min_rtt, a->rtt_ns);
        if (h->samples < HYSTART_N_RTT_SAMPLE)
            h->samples++;
    }
    if (h->phase == HYSTART_CSS) {
        if (hystart_css_ends(h, a->is_round_start)) {
            hystart_stop(h);
            return false;
        }
    } else {
        hystart_check(h);
    }
    if (a->is_round_start) { /* this was the ACK of windowEnd */
        h->last_min_rtt = h->min_rtt;
        h->min_rtt = NET_NEVER;
        h->samples = 0;
    }
    return true;
}

uint32_t hystart_growth(struct hystart *h, const struct cc *cc, const struct cc_ack *a)
{
    if (h->phase == HYSTART_OFF)
        return u32_min(a->acked_bytes, cc->mss); /* RFC 5681 equation 2 */
    uint32_t bytes =
        cc->is_paced ? a->acked_bytes : u32_min(a->acked_bytes, HYSTART_L * cc->mss);

    if (h->phase == HYSTART_SLOW_START)
        return bytes;
    bytes += h->rest;
    h->rest = (uint8_t)(bytes % HYSTART_CSS_GROWTH_DIVISOR);
    return bytes / HYSTART_CSS_GROWTH_DIVISOR;
}
