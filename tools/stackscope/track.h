/*
 * track.h - the TCP connections of a capture: who they are, what each segment is, and in which state
 * of RFC 9293 either end is.
 *
 * From the wire alone. A segment shows the state of the end that SENT it (a SYN,ACK is sent in SYN_RCVD);
 * of the end that it goes to it shows nothing until that end answers. So a change of state is told in one
 * of two ways: *shown*, when the end's own segment proves it (the ACK that covers the FIN), and *presumed*,
 * when a segment passed the capture and nothing later speaks against it (the last ACK: nobody answers it).
 * What began before the capture, or has a hole that nobody filled, is `UNKNOWN` until a segment tells.
 *
 * Times and frames of a change are those of the segment that caused it, not of the proof. What is presumed
 * is told when the connection has been silent for ten seconds of the capture, or ends; should its end speak
 * against it later, that is told as a change with the cause "correction".
 *
 * Memory: a bounded number of connections of a bounded size (track_options). When there are too many, the
 * one that was silent longest is ended, and said so.
 */
#ifndef STACKSCOPE_TRACK_H
#define STACKSCOPE_TRACK_H

#include "base/siphash.h"
#include "dissect.h"
#include "l4_transport/tcp.h"

enum { END_CLIENT = 0, END_SERVER = 1 }; /* who sent the SYN; without one: who spoke first */

/* What a segment is, seen from its sender's earlier ones and the other end's ACKs. */
enum seg_class {
    SEG_RTX = 1 << 0, /* sent again: all of it, or its beginning */
    SEG_FAST_RTX =
        1 << 1, /* ... SEG_RTX and this: soon after duplicate ACKs or SACKs, not by a timeout */
    SEG_SPURIOUS = 1 << 2,     /* ... SEG_RTX and this: although it was acknowledged already */
    SEG_OUT_OF_ORDER = 1 << 3, /* fills a hole too soon for a retransmission */
    SEG_GAP = 1 << 4,          /* something before it is missing in the capture */
    SEG_DUP_ACK = 1 << 5,
    SEG_KEEPALIVE = 1 << 6,
    SEG_KEEPALIVE_ACK = 1 << 7,
    SEG_ZERO_WINDOW = 1 << 8,
    SEG_WINDOW_UPDATE = 1 << 9,
    SEG_WINDOW_PROBE = 1 << 10,
    SEG_WINDOW_FULL = 1 << 11,     /* reaches the right edge of the window */
    SEG_WINDOW_EXCEEDED = 1 << 12, /* goes beyond it */
    SEG_AFTER_FIN = 1 << 13,       /* new data after the sender's FIN */
    SEG_UNSEEN_ACKED = 1 << 14,    /* acknowledges what the capture does not have */
    SEG_OLD_RST = 1 << 15,         /* a RST that its receiver must not take: RFC 5961 section 3.2 */
    SEG_PORT_REUSED = 1 << 16,     /* a SYN that begins a new connection on old ports */
    SEG_BAD_SUM =
        1 << 17 /* its checksum is wrong, those of its sender are not always: it says nothing */
};

/* What every segment touches stands first: a cache line an end. */
struct track_end {
    struct scope_addr addr;
    uint16_t port;
    uint16_t mss;   /* that it announced, 0: none */
    int8_t state;   /* enum tcp_state, or -1: unknown */
    uint8_t wscale; /* of the windows it announces; 255: unknown */
    bool knows_iss, sack_ok;
    tcp_seq iss; /* of what it sends; where no SYN was seen, the first sequence number minus 1 */
    uint32_t window, window_max;       /* bytes, announced by it */
    uint32_t in_flight, in_flight_max; /* bytes, sent by it */
    uint64_t segments, bytes;          /* sent; bytes counts payload once */
    uint64_t wire_bytes;               /* its frames, whole */
    uint64_t rtx_segments, rtx_bytes, out_of_order, dup_acks, zero_windows, resets, gaps;
    /* Of segments that it sent, ns, -1: no sample. For ended() only; of one ACK: track_segment.rtt. */
    int64_t rtt_min, rtt_median, rtt_p95;
    uint64_t rtt_samples;
    bool has_ts;
};

struct track_conn {
    struct track_end end[2];
    uint64_t index; /* from 0, in order of appearance: tcp.stream of Wireshark */
    uint64_t first_frame, last_frame;
    int64_t first_time, last_time;
    uint32_t what; /* every enum seg_class that one of its segments was */
    uint8_t
        completeness; /* as tcp.completeness of Wireshark: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST */
    bool joined;   /* it was there before the capture began */
    void *user[4]; /* of the commands, NULL at first; freed by their ended() */
};

struct track_segment {
    const struct frame *frame;
    const struct dissect *d;
    struct track_conn *conn;
    unsigned from;             /* END_CLIENT, END_SERVER */
    uint32_t what;             /* enum seg_class */
    uint32_t rel_seq, rel_ack; /* as Wireshark counts: the SYN has 0 */
    uint32_t window;           /* bytes, scaled if the scale is known */
    uint32_t len;              /* payload */
    int64_t rtt;               /* of what it acknowledges, ns; -1: none */
    uint64_t rtx_of;           /* frame that brought these bytes first, 0: unknown */
    int8_t before[2],
        after[2]; /* states of the ends as far as known with this segment; -1 unknown */
};

struct track_state {
    struct track_conn *conn;
    unsigned end;
    int8_t from, to;   /* enum tcp_state, -1: unknown */
    const char *cause; /* as tcp_state's in docs/tracing.md: "rcv SYN" */
    const char *why;   /* a sentence */
    const char *rfc;
    uint64_t frame, proof; /* that caused it; that shows it, 0: presumed */
    int64_t time;          /* of the cause */
};

/* What a command wants to hear; NULL: not that. In the order of the capture; a state comes with the
 * segment that shows it, after the call for the segment. */
struct track_observer {
    void *ctx;
    void (*segment)(void *ctx, const struct track_segment *s);
    void (*state)(void *ctx, const struct track_state *s);
    void (*other)(void *ctx, const struct frame *f,
                  const struct dissect *d); /* not TCP, or not readable */
    void (*ended)(void *ctx, struct track_conn *c,
                  const char *why); /* no more of it: closed and replaced, evicted, end of file */
};

struct track;

struct track_options {
    uint32_t connections; /* at once at most; 0: the default that --help names */
    struct track_observer observer;
};

/** track_new - Return: the tracker, or NULL without memory. */
struct track *track_new(const struct track_options *o);
/** track_frame - one more frame. */
void track_frame(struct track *t, const struct frame *f);
/** track_end_all - the capture is over: presumed states are told, every connection ends. */
void track_end_all(struct track *t);
void track_free(struct track *t);

/** track_key - a key for a table: who made the capture cannot know which of its slots are the same. */
void track_key(struct siphash_key *key);

/** track_state_name - "ESTABLISHED"; -1: "UNKNOWN". */
const char *track_state_name(int state);
/** track_conn_text - `10.0.0.2:80-10.0.0.1:40112`, @end first. @out has 120 bytes. Return: @out. */
char *track_conn_text(const struct track_conn *c, unsigned end, char *out);

#endif
