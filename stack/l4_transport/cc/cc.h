/*
 * cc.h - congestion control as a plug-in.
 *
 * A controller sees facts and answers with numbers. It knows nothing of segments, timers or loss
 * detection: those are tcp_recovery.c's, which tells it what happened. Its own memory is an opaque
 * array inside the connection; its size is asserted where a controller defines its struct. While a
 * connection rests it may be asked to do with four bytes (rest). What it believes it may tell (facts):
 * that is for people, nothing depends on it. Adding one means one file and one line in cc_list (cc.c).
 *
 * Who sets the window when: a controller grows it in ack(), and in loss() says how far it has to
 * fall (ssthresh). The way down belongs to the recovery, which is the same for all: proportional
 * rate reduction or NewReno's inflation, one segment after a timeout. A controller that follows a
 * model of the path instead of losses (BBR) says so with `owns_window`; then nobody else writes
 * its window, but for the one segment of a timeout.
 */
#ifndef STACKD_CC_H
#define STACKD_CC_H

#include "base/base.h"

struct cc_state {
    uint64_t word[18];
};

/* What a user may switch off, for a lesson or a test (struct tcp_config). */
struct cc_options {
    bool hystart;          /* CUBIC: HyStart++ ends the first slow start (RFC 9406) */
    bool fast_convergence; /* CUBIC: gives way faster when there are more flows (RFC 9438 section 4.7) */
    bool reno_friendly;    /* CUBIC: never slower than Reno would be (section 4.3) */
    bool idle_restart;     /* a window is not used again as it was after a long silence */
};

/* What the controller may know, and the three numbers it may change. */
struct cc {
    const struct cc_ops *ops;
    const struct cc_options *options;
    struct cc_state *state;
    uint32_t mss;
    bool is_paced; /* the core spreads a window over the round trip, whatever the controller wishes */
    uint32_t cwnd_bytes, ssthresh_bytes; /* in and out */
    uint64_t pacing_bytes_per_s;         /* in and out; 0: no wish, the core's own or none */
};

/* An ACK that delivered something: new data acknowledged, or SACKed for the first time. */
struct cc_ack {
    net_time now;
    uint32_t acked_bytes;       /* delivered now; each byte counts once */
    uint32_t lost_bytes;        /* believed lost since the ACK before */
    uint32_t in_flight_before, in_flight_after; /* bytes; what this ACK acknowledged is in the first */
    net_time rtt_ns, srtt_ns, min_rtt_ns;       /* rtt 0: no sample */
    bool cwnd_limited;          /* the window was used up: it may grow (RFC 7661) */
    bool in_recovery;           /* fast recovery, or the reduction for an ECN echo */
    bool is_round_start;        /* the first ACK of a round trip: for data sent after the last such ACK */
    bool is_app_limited;        /* rate: the sender had too little to send, it is a lower bound */
    uint64_t delivered_bytes;   /* in the connection's life, this ACK included */
    uint64_t rate_bytes_per_s;  /* of delivery, over the round trip that ends here; 0: no sample */
};

enum cc_loss_kind {
    CC_LOSS_FAST,    /* noticed by the ACKs, once a window */
    CC_LOSS_TIMEOUT,
    CC_LOSS_ECN      /* nothing is lost: a router marks (RFC 3168), once a window */
};

struct cc_loss {
    net_time now;
    uint32_t in_flight_bytes;
    enum cc_loss_kind kind;
    bool is_again; /* a timeout of data sent again already: ssthresh stays (RFC 5681 section 3.1) */
};

/* A connection that had nothing to send for a while is about to send. */
struct cc_idle {
    net_time now, idle_ns, rto_ns;
};

/* Something a controller believes, for `stackctl sock`. */
enum cc_unit { CC_WORD, CC_BYTES, CC_BYTES_PER_S, CC_NS, CC_GAIN /* thousandths */ };
enum { CC_FACTS = 6 };

struct cc_fact {
    const char *name;
    const char *word; /* of CC_WORD */
    uint64_t value;   /* of the others */
    enum cc_unit unit;
};

struct cc_ops {
    const char *name;
    bool owns_window;
    void (*init)(struct cc *cc);
    void (*ack)(struct cc *cc, const struct cc_ack *a);
    void (*loss)(struct cc *cc, const struct cc_loss *l); /* sets ssthresh */
    void (*idle)(struct cc *cc, const struct cc_idle *i);
    void (*undo)(struct cc *cc); /* the last loss() was none; window and ssthresh are restored already */
    /* What is to be remembered while the connection rests: @state in short into @kept, or @back again.
     * Return: false: it cannot be said in 32 bits, all of it is kept. NULL: it never can. */
    bool (*rest)(struct cc_state *state, uint32_t *kept, bool back);
    /* Fill in at most CC_FACTS. Return: how many. NULL: it believes nothing worth telling. */
    unsigned (*facts)(const struct cc_state *state, struct cc_fact *out);
};

/** cc_restart_window - RW of RFC 5681 section 4.1: the initial window of RFC 6928. */
static inline uint32_t cc_restart_window(const struct cc *cc)
{
    return u32_min(10 * cc->mss, u32_max(2 * cc->mss, 14600));
}

/** cc_by_index - the controller with this number, NULL beyond the last. */
const struct cc_ops *cc_by_index(unsigned index);
/** cc_by_name - its number, or -1. */
int cc_by_name(const char *name);

#endif
