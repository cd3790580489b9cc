/*
 * cc_hystart.h - HyStart++ (RFC 9406): when the first slow start should end, before it loses.
 */
#ifndef STACKD_CC_HYSTART_H
#define STACKD_CC_HYSTART_H

#include "l4_transport/cc/cc.h"

enum { HYSTART_OFF, HYSTART_SLOW_START, HYSTART_CSS };

struct hystart {
    net_time last_min_rtt, min_rtt; /* lastRoundMinRTT, currentRoundMinRTT */
    net_time css_base_rtt;          /* cssBaselineMinRtt */
    uint8_t samples;                /* rttSampleCount, as far as it matters */
    uint8_t css_rounds;             /* begun */
    uint8_t phase;
    uint8_t rest; /* bytes by CSS_GROWTH_DIVISOR that the window did not grow yet */
};

/** hystart_init - the connection begins, or a loss that ended this was none.
 * @is_on: false: standard slow start. */
void hystart_init(struct hystart *h, bool is_on);

/** hystart_stop - loss or ECN mark: from now on slow start is the standard one. */
static inline void hystart_stop(struct hystart *h)
{
    h->phase = HYSTART_OFF;
}

/** hystart_sees - the round and its RTTs, for an ACK in slow start.
 * Return: false: slow start is over. */
bool hystart_sees(struct hystart *h, const struct cc_ack *a);

/** hystart_growth - how many bytes the window grows in slow start for this ACK. */
uint32_t hystart_growth(struct hystart *h, const struct cc *cc, const struct cc_ack *a);

#endif
