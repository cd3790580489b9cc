/*
 * seq.h - sequence numbers: arithmetic modulo 2^32 (RFC 9293 section 3.4).
 *
 * A one-member struct, so that `a < b` does not compile: numbers wrap after 4 GiB, and a plain
 * comparison is right until exactly then. `a < b` means here that going up from a one meets b
 * within half the circle; two numbers exactly half a circle apart are "less" in both directions,
 * which no window we offer (at most 2^30) can produce.
 */
#ifndef STACKD_SEQ_H
#define STACKD_SEQ_H

#include "base/base.h"

typedef struct {
    uint32_t v;
} tcp_seq;

static inline tcp_seq seq_of(uint32_t v) { return (tcp_seq){v}; }
static inline tcp_seq seq_add(tcp_seq a, uint32_t n) { return (tcp_seq){a.v + n}; }
static inline tcp_seq seq_sub(tcp_seq a, uint32_t n) { return (tcp_seq){a.v - n}; }

/** seq_diff - how far b lies behind a, signed: positive when a is after b. */
static inline int32_t seq_diff(tcp_seq a, tcp_seq b) { return (int32_t)(a.v - b.v); }
/** seq_dist - bytes from a up to b, for callers that know that b is not before a. */
static inline uint32_t seq_dist(tcp_seq a, tcp_seq b) { return b.v - a.v; }

static inline bool seq_eq(tcp_seq a, tcp_seq b) { return a.v == b.v; }
static inline bool seq_lt(tcp_seq a, tcp_seq b) { return seq_diff(a, b) < 0; }
static inline bool seq_leq(tcp_seq a, tcp_seq b) { return seq_diff(a, b) <= 0; }
static inline bool seq_gt(tcp_seq a, tcp_seq b) { return seq_diff(a, b) > 0; }
static inline bool seq_geq(tcp_seq a, tcp_seq b) { return seq_diff(a, b) >= 0; }

/** seq_in - a < x =< b, the form of the acceptable ACK (RFC 9293 section 3.4). */
static inline bool seq_in(tcp_seq a, tcp_seq x, tcp_seq b) { return seq_lt(a, x) && seq_leq(x, b); }
/** seq_within - x lies in [a, a + len), modulo 2^32. */
static inline bool seq_within(tcp_seq x, tcp_seq a, uint32_t len) { return x.v - a.v < len; }

static inline tcp_seq seq_max(tcp_seq a, tcp_seq b) { return seq_gt(a, b) ? a : b; }
static inline tcp_seq seq_min(tcp_seq a, tcp_seq b) { return seq_lt(a, b) ? a : b; }

#endif
