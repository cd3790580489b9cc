/*
 * tcp_sent.h - what was sent and is not yet acknowledged: the scoreboard (RFC 6675 section 3).
 *
 * One record stands for consecutive segments that share their fate: sent at one moment, and all of
 * them SACKed, or lost, or neither. A burst is one record, whatever its length; a SACK block or a
 * retransmission splits it, at the border of a segment, and SACKed neighbours become one again. So
 * there are about as many records as there are holes, and since they stand in a tree (tree.h) each
 * operation costs O(log n). The records together cover SND.UNA ... SND.NXT without a gap, but for
 * an unacknowledged SYN, which has none.
 *
 * Those that are on their way stand in a list by the time of their last transmission also, as
 * RFC 8985 wants to walk them.
 */
#ifndef STACKD_TCP_SENT_H
#define STACKD_TCP_SENT_H

#include "base/tree.h"

enum tcp_fate {
    TCP_SACKED = 1,  /* the peer has it, and may still forget it (RFC 2018 section 8) */
    TCP_LOST = 2,    /* believed lost */
    TCP_RTX = 4,     /* its retransmission is on its way */
    TCP_EVER_RTX = 8 /* was ever sent again: its round trip would be ambiguous (Karn) */
};

struct tcp_sent {
    struct tree_node node;          /* must be first; node.key: the first number */
    struct tcp_sent *older, *newer; /* by time, of those on their way: not SACKED, and not LOST
                                      * without RTX */
    uint32_t len;                   /* sequence numbers; a FIN counts */
    uint32_t segs;                  /* segments */
    uint32_t seg_len;               /* of a full one */
    uint8_t fate;                   /* enum tcp_fate */
    bool is_timed;                  /* stands in the list by time */
    bool is_app_limited;
    net_time sent_at; /* the last time */
    /* For the delivery rate: how things stood when it was sent. */
    uint64_t delivered;
    net_time delivered_at, first_sent_at;
};

/* Sequence numbers and segments, of one fate. */
struct tcp_count {
    uint32_t bytes, segs;
};

struct tcp_board {
    struct tcp_count out, sacked, lost, rtx; /* all; SACKED; LOST; RTX */
    struct tree tree;
    struct tcp_sent *oldest, *newest; /* by time */
};

struct tcb;
struct tcp;

/** tcp_sent_add - [@seq, @seq + @len) is about to be sent for the first time, in segments of @seg_len
 * numbers, the last one perhaps shorter.
 * Return: false when no record is left: it must not be sent now. */
bool tcp_sent_add(struct tcb *t, tcp_seq seq, uint32_t len, uint32_t seg_len);
/** tcp_sent_drop - the last @len numbers were not sent after all. */
void tcp_sent_drop(struct tcb *t, uint32_t len);
/** tcp_sent_cut - make the first @len numbers of @r a record of their own.
 * Return: that record, @r itself when it is not longer; NULL when no record is left. */
struct tcp_sent *tcp_sent_cut(struct tcb *t, struct tcp_sent *r, uint32_t len);
/** tcp_sent_first - the first segment of @r as a record of its own; a record may be a whole burst.
 * Return: that record, or @r with all it holds when no record is left. */
struct tcp_sent *tcp_sent_first(struct tcb *t, struct tcp_sent *r);
/** tcp_sent_grow - let lost @r, one segment, take in what follows and is lost, too, up to @len numbers
 * in all, to be sent again as one segment (RFC 9293 section 3.8.1 leaves that open). */
void tcp_sent_grow(struct tcb *t, struct tcp_sent *r, uint32_t len);
/** tcp_sent_fate - @r gets another fate; counters and lists follow. */
void tcp_sent_fate(struct tcb *t, struct tcp_sent *r, uint8_t fate);
/** tcp_sent_again - @r has been sent again, now. */
void tcp_sent_again(struct tcb *t, struct tcp_sent *r);
/** tcp_sent_find - the record that holds @seq; NULL if none does. */
struct tcp_sent *tcp_sent_find(const struct tcb *t, tcp_seq seq);
/** tcp_sent_trim - forget the first @len numbers of the first record @r, which have been
 * acknowledged; all of it: the record goes. */
void tcp_sent_trim(struct tcb *t, struct tcp_sent *r, uint32_t len);
/** tcp_sent_join - make one record of SACKed @r and its SACKed neighbours. Return: it. */
struct tcp_sent *tcp_sent_join(struct tcb *t, struct tcp_sent *r);
/** tcp_sent_free - forget everything. */
void tcp_sent_free(struct tcb *t);
/** tcp_sent_shrink - a rush is over: the end of the pool that is free was never used, unless it is less
 * than half of it. */
void tcp_sent_shrink(struct tcp *tcp);

static inline struct tcp_sent *tcp_sent_of(struct tree_node *n)
{
    return n == NULL ? NULL : container_of(n, struct tcp_sent, node);
}
static inline tcp_seq tcp_sent_seq(const struct tcp_sent *r)
{
    return r->node.key;
}
static inline tcp_seq tcp_sent_end(const struct tcp_sent *r)
{
    return seq_add(r->node.key, r->len);
}
static inline struct tcp_sent *tcp_sent_next(const struct tcp_sent *r)
{
    return tcp_sent_of(tree_next(&r->node));
}
static inline struct tcp_sent *tcp_sent_prev(const struct tcp_sent *r)
{
    return tcp_sent_of(tree_prev(&r->node));
}

#endif
