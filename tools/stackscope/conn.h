/*
 * conn.h - what track.c, segment.c, rtt.c and machine.c share: a connection as the tracker keeps it.
 *
 * Everything of an end is what IT sent, as the capture shows it. `nxt` is its SND.NXT, `una` its SND.UNA
 * (the highest ACK of the other end), `ack` what it has acknowledged and so has got for certain.
 *
 * Memory of one connection: struct conn, and what comes and goes with it: at most CONN_FLIGHTS
 * records of segments in flight an end, and a histogram of round trips an end once it has more than
 * RTT_EXACT samples. TRACK_CONN_MAX is all of that.
 */
#ifndef STACKSCOPE_CONN_H
#define STACKSCOPE_CONN_H

#include <stdalign.h>

#include "base/siphash.h"
#include "machine.h"
#include "rtt.h"
#include "track.h"

enum { CONN_FLIGHTS = 64, CONN_HOLES = 4, TRACK_TELL = 16, TRACK_NEAR = 4096 };
#define CONN_NONE UINT32_MAX

/* A segment in flight: what is not acknowledged yet. Of a pool of the tracker, in lists by number. */
struct flight {
    int64_t time;
    uint64_t frame;
    tcp_seq from, to;
    uint32_t next; /* in the pool */
    bool blurred;  /* sent again, or several in one: no round trip can be told (Karn) */
};

/* Numbers that the capture does not have; a later segment may fill it. */
struct hole {
    tcp_seq from, to;
    int64_t time; /* of the segment that showed it */
};

/* The first cache line is what every segment needs. */
struct side {
    bool seen, has_ack, had_ack, has_right, fin_seen, top_hole;
    uint8_t holes; /* in hole[] */
    int8_t
        sums; /* are its checksums real? One up for each that is right, one down for each that is not */
    uint16_t raw_wnd;
    uint16_t flights;
    tcp_seq nxt, una, ack;
    tcp_seq right;                  /* the furthest edge of the window that it ever offered */
    tcp_seq nxt_before, ack_before; /* the segment at hand */
    uint32_t dups;                  /* ACKs in a row that say the same */
    uint32_t last_what;             /* enum seg_class of its last segment */
    uint32_t flight_first, flight_last;
    int64_t rtt_last; /* -1: none */
    struct rtt rtt;
    int64_t dup_time; /* of the last duplicate ACK or SACK */
    tcp_seq fin_seq;
    uint8_t top_witnesses; /* segments that stand above a hole at the top and bring nothing */
    bool no_scale;
    bool unanswered; /* it repeated itself, and the other end has said nothing since */
    struct hole hole[CONN_HOLES];
};

struct conn {
    struct track_conn pub; /* first: one is found from the other */
    struct conn *chain;    /* of the hash table */
    struct conn *former;   /* a connection on the same ports that a SYN has not ended yet */
    uint32_t hash;
    bool in_table; /* in a chain, so found by its sockets; else free, or a former one */
    bool young;    /* nothing but SYNs so far */
    bool self;     /* both ends are the same socket: who speaks cannot be told */
    bool quiet[2]; /* an end is ESTABLISHED and nothing is under way: the short cut of machine.c */
    alignas(64) struct side side[2];
    struct machine machine[2];
};

/* By the time of the last segment. */
struct conn_age {
    uint32_t older, newer;
};

/* The most that one connection can take, for --help; asserted in track.c. */
#define TRACK_CONN_MAX                                                                             \
    (sizeof(struct conn) + 2 * (CONN_FLIGHTS * sizeof(struct flight) + RTT_HISTOGRAM_BYTES))

struct track {
    struct track_observer observer;
    struct dissect d;
    int64_t now;
    uint64_t frame; /* number of the frame at hand */
    struct conn
        *near[TRACK_NEAR]; /* lately seen, by a hash that costs nothing and promises nothing */
    struct conn **slots;
    uint32_t slot_mask;
    struct siphash_key key;
    struct conn *conns; /* the pool */
    uint32_t conn_count, conn_used;
    struct conn *conn_free; /* by chain */
    struct conn_age *age;   /* every connection by its last segment, by number in the pool */
    uint32_t oldest, newest;
    uint32_t settle; /* the oldest whose presumed states were not told; CONN_NONE */
    int64_t settle_due;
    uint64_t appeared; /* connections so far */
    uint64_t evicted;
    struct track_state tell[TRACK_TELL]; /* states that the segment at hand shows, told after it */
    unsigned told;
    bool in_segment;
    struct flight *flights;
    uint32_t flight_count, flight_used, flight_free;
};

static inline uint32_t conn_number(const struct track *t, const struct conn *c)
{
    return (uint32_t)(c - t->conns);
}

/* segment.c */
/** segment_classify - what is @s? Numbers, windows and counters of its connection follow. */
void segment_classify(struct track *t, struct conn *c, struct track_segment *s);
/** segment_forget - give back what @c keeps of segments in flight. */
void segment_forget(struct track *t, struct conn *c);

#endif
