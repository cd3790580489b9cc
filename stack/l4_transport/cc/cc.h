/*
 * cc.h - congestion control as a plug-in.
 *
 * A controller sees facts and answers with a window. It knows nothing of segments, timers or loss
 * detection: those are tcp_recovery.c's, which tells it what happened. Its own memory is an opaque
 * array inside the connection; its size is asserted where a controller defines its struct. Adding
 * one means one file and one line in cc_list (cc.c).
 */
#ifndef STACKD_CC_H
#define STACKD_CC_H

#include "base/base.h"

struct cc_state {
    uint64_t word[4];
};

/* What the controller may know, and the three numbers it may change. */
struct cc {
    const struct cc_ops *ops;
    struct cc_state *state;
    uint32_t mss;
    uint32_t cwnd_bytes, ssthresh_bytes; /* in and out */
    uint64_t pacing_bytes_per_s;         /* out; 0: no pacing */
};

/* New data were acknowledged. */
struct cc_ack {
    net_time now;
    uint32_t acked_bytes, in_flight_bytes; /* in flight before this ACK */
    net_time rtt_ns, srtt_ns, min_rtt_ns;  /* rtt 0: no sample */
    bool cwnd_limited;                     /* the window was used up: it may grow (RFC 7661) */
    bool in_recovery;
};

/* A loss was noticed: by duplicate ACKs (once per window) or by the timer. */
struct cc_loss {
    net_time now;
    uint32_t in_flight_bytes;
    bool is_timeout;
    bool is_again; /* a timeout of data sent again already: ssthresh stays (RFC 5681 section 3.1) */
};

struct cc_ops {
    const char *name;
    void (*init)(struct cc *cc);
    void (*ack)(struct cc *cc, const struct cc_ack *a);
    void (*loss)(struct cc *cc, const struct cc_loss *l);
    void (*idle)(struct cc *cc, net_time idle_ns, net_time rto_ns); /* restart after idle */
};

/** cc_by_index - the controller with this number, NULL beyond the last. */
const struct cc_ops *cc_by_index(unsigned index);
/** cc_by_name - its number, or -1. */
int cc_by_name(const char *name);

#endif
