/*
 * tcp_sack.c - selective acknowledgments, as receiver and as sender (RFC 2018, RFC 2883).
 *
 * As receiver: each ACK tells which intervals lie behind a hole, the one that changed last first,
 * so that the loss of an ACK loses nothing; and, in front of them, a segment that came twice
 * (D-SACK). What was reported is never thrown away (no reneging, RFC 2018 section 8).
 *
 * As sender: blocks mark records of the scoreboard (tcp_sent.h). A block counts only for whole
 * segments. An honest receiver sends nothing else, and a dishonest one could otherwise have every
 * byte become a record. Blocks that name what was never sent, or that make no sense, are ignored.
 */
#include "l4_transport/tcp_priv.h"

/* ---- receiver ---- */

/* [left, right) came a second time; the next ACK says so. */
void tcp_sack_dup(struct tcb *t, tcp_seq left, tcp_seq right)
{
    if (!t->has_sack || !t->tcp->cfg.dsack || !seq_lt(left, right))
        return;
    t->has_dup = true;
    tcp_rare_get(t)->dup_left = left;
    tcp_rare_get(t)->dup_right = right;
    t->tcp->stats.dsacks_out++;
}

static uint32_t tcp_sack_blocks(const struct tcb *t)
{
    uint32_t most = t->has_ts ? TCP_SACK_MAX - 1 : TCP_SACK_MAX; /* 40 bytes of options */

    return t->has_sack ? u32_min(most, tcp_reass_count(t) + t->has_dup) : 0;
}

/* Bytes that the option takes from a segment that leaves now. */
uint32_t tcp_sack_room(const struct tcb *t)
{
    uint32_t n = tcp_sack_blocks(t);

    return n == 0 ? 0 : 4 + 8 * n;
}

/* The blocks for a segment that leaves now. */
void tcp_sack_report(struct tcb *t, struct tcp_opts *o)
{
    uint32_t n = tcp_sack_blocks(t), first = 0;

    if (n == 0)
        return;
    if (t->has_dup) {
        o->sack[0].left = tcp_rare(t)->dup_left;
        o->sack[0].right = tcp_rare(t)->dup_right;
        first = 1;
    }
    o->sack_count = (uint8_t)n;
    tcp_reass_report(t, o, first);
    t->has_dup = false; /* RFC 2883 section 4: reported once */
}

/* ---- sender ---- */

/* The first block is a D-SACK when it lies below the ACK that came with it, or inside the second
 * block (RFC 2883 section 4). Never judged against SND.UNA: ACKs may be reordered. */
static bool tcp_sack_is_dup(const struct tcp_seg *seg)
{
    const struct tcp_opts *o = &seg->opt;

    if (seq_lt(o->sack[0].left, seg->ack))
        return true;
    return o->sack_count > 1 && seq_geq(o->sack[0].left, o->sack[1].left) &&
           seq_leq(o->sack[0].right, o->sack[1].right);
}

/* The peer got something twice. A retransmission that turns out to have been needless. */
static void tcp_sack_dup_in(struct tcb *t, tcp_seq left, tcp_seq right, struct tcp_ack *a)
{
    if (!t->tcp->cfg.dsack || seq_gt(right, t->snd_nxt) ||
        seq_lt(left, seq_sub(a->seg->ack, t->max_snd_wnd)) || !t->has_rtx)
        return;
    uint32_t segs = (seq_dist(left, right) + t->snd_mss - 1) / t->snd_mss;
    struct tcp_rare *r = tcp_rare_get(t);

    a->is_dsack = true;
    r->dsacks_in++;
    t->tcp->stats.dsacks_in++;
    if (t->undo_valid && seq_gt(right, r->undo_una))
        r->undo_rtx -= u32_min(r->undo_rtx, segs);
}

/* The peer has all of @r. */
static void tcp_sack_one(struct tcb *t, struct tcp_sent *r, struct tcp_ack *a)
{
    tcp_ack_delivered(t, r, r->len, a);
    a->has_sacked = true;
    tcp_sent_fate(t, r, (r->fate & TCP_EVER_RTX) | TCP_SACKED);
}

static void tcp_sack_mark(struct tcb *t, tcp_seq left, tcp_seq right, struct tcp_ack *a)
{
    struct tcp_sent *r = tcp_sent_find(t, left);

    for (; r != NULL && seq_lt(tcp_sent_seq(r), right); r = tcp_sent_next(r)) {
        uint32_t from = 0, to = r->len; /* the whole segments of @r in the block */

        if (seq_gt(left, tcp_sent_seq(r)))
            from = seq_dist(tcp_sent_seq(r), left) + r->seg_len - 1;
        if (seq_lt(right, tcp_sent_end(r)))
            to = seq_dist(tcp_sent_seq(r), right) / r->seg_len * r->seg_len;
        from = from / r->seg_len * r->seg_len;
        if ((r->fate & TCP_SACKED) || from >= to)
            continue;
        if (from > 0 && tcp_sent_cut(t, r, from) == NULL)
            return;
        r = tcp_sent_cut(t, r, to - from);
        if (r == NULL)
            return;
        tcp_sack_one(t, r, a);
        r = tcp_sent_join(t, r);
    }
}

/* The blocks of an acceptable segment, before its ACK is processed. */
void tcp_sack_input(struct tcb *t, struct tcp_ack *a)
{
    const struct tcp_opts *o = &a->seg->opt;

    if (!t->has_sack)
        return;
    for (uint32_t i = 0; i < o->sack_count; i++) {
        tcp_seq left = o->sack[i].left, right = o->sack[i].right;

        if (!seq_lt(left, right))
            continue;
        if (i == 0 && tcp_sack_is_dup(a->seg)) {
            tcp_sack_dup_in(t, left, right, a);
            continue;
        }
        if (seq_lt(left, t->snd_una) || seq_leq(left, a->seg->ack) || seq_gt(right, t->snd_nxt))
            continue; /* old, or never sent */
        tcp_sack_mark(t, left, right, a);
    }
}

/* After a timeout SACKs are no promise any more: the peer may have thrown the data away. */
void tcp_sack_forget(struct tcb *t)
{
    struct tcp_sent *r = tcp_sent_of(t->board.tree.first);

    for (; r != NULL; r = tcp_sent_next(r)) {
        if (r->fate & TCP_SACKED)
            tcp_sent_fate(t, r, r->fate & (uint8_t)~TCP_SACKED);
    }
}
