/*
 * machine.h - in which state of RFC 9293 is an end, from the wire alone?
 *
 * An end is known by two kinds of news. What it SENDS shows what it has done (SYN, FIN, RST) and, by its
 * acknowledgment numbers, what it has got. What is sent TO it passes the capture and may or may not
 * arrive: that is kept as `passed` until the end's own segments show that it arrived (`shown`), or until
 * nothing more can be expected (`presumed`: an ACK of a FIN is never answered).
 *
 * From the facts below follows the state; each change of a fact that changes the state is told once.
 */
#ifndef STACKSCOPE_MACHINE_H
#define STACKSCOPE_MACHINE_H

#include "base/seq.h"

struct track;
struct conn;
struct track_segment;

enum machine_phase {
    PHASE_UNSEEN, /* it has not spoken */
    PHASE_SYN_SENT,
    PHASE_SYN_RCVD,
    PHASE_SYNCED, /* its SYN was acknowledged, or it was there before the capture */
    PHASE_CLOSED
};
enum machine_known { KNOWN_NO, KNOWN_YES, KNOWN_MAYBE };

/* A segment that passed on its way to this end. frame 0: none did. */
struct passed {
    uint64_t frame;
    int64_t time;
    tcp_seq
        mark; /* what the sender had sent before: this end acknowledges more only if it got this segment or a later one */
};

struct machine {
    uint8_t phase;              /* enum machine_phase */
    uint8_t fin_sent, fin_rcvd; /* enum machine_known */
    bool fin_acked;             /* it knows that its FIN arrived */
    uint8_t fin_rcvd_first; /* enum machine_known: it had the other's FIN when it sent its own */
    bool passive;           /* it was in LISTEN */
    bool early_data;        /* it may send data before its SYN is acknowledged (RFC 7413) */
    bool was_open;          /* got beyond the handshake */
    int8_t before_rst;      /* the phase that a RST of its own ended */
    tcp_seq idle_seq;       /* of its last segment without text: SND.NXT then */
    bool has_idle_seq;
    bool in_doubt;         /* fin_sent is KNOWN_MAYBE because of a hole, not from the beginning */
    bool rcv_in_doubt;     /* so is fin_rcvd */
    bool fin_stale;        /* long after `fin` it still said that it had not got it */
    bool rst_in_doubt;     /* who sent the reset that passed had not been answered for a while */
    uint8_t rcv_witnesses; /* segments that acknowledge what the capture does not have */
    tcp_seq ack_at_fin;    /* what it had got when it sent its FIN */
    struct passed own_syn; /* not told yet: machine_confirm() */
    struct passed syn, syn_ack, ack_syn, fin, fin_again, ack_fin, rst;
};

/** machine_segment - what @s says about both ends; tells what is shown by it. */
void machine_segment(struct track *t, struct conn *c, const struct track_segment *s);
/** machine_presume - nothing more is expected: tell what passed and was not contradicted. */
void machine_presume(struct track *t, struct conn *c);
/** machine_silence - the end of the story: who waited in vain is in a state that the wire does not tell. */
void machine_silence(struct track *t, struct conn *c);
/** machine_confirm - the SYNs of @c were real: tell of them. While an older connection on the same ports
 * may be alive, a SYN is perhaps not its sender's own. */
void machine_confirm(struct track *t, struct conn *c);
/** machine_reuse - a new connection on the ports of @c, by the frame at hand, a SYN of the end @by. */
void machine_reuse(struct track *t, struct conn *c, unsigned by);
/** machine_is_over - would @end take a new SYN from these ports: it is closed, or in TIME_WAIT, as far as known? */
bool machine_is_over(const struct conn *c, unsigned end);
/** machine_rst_fits - may the receiver take this reset: RFC 9293 section 3.10.7, RFC 5961 section 3.2? */
bool machine_rst_fits(const struct conn *c, const struct track_segment *s);

#endif
