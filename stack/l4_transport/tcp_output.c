/*
 * tcp_output.c - what is due now, and the segments that say it.
 *
 * Nothing is sent while segments come in or users call: the connection is put on the list of those
 * with output due, and net_output() asks. So a burst of segments is acknowledged once, a write may
 * join the ACK that it causes, and a segment that answers is built from the newest state.
 *
 * The list is served in turn, a few segments each. A connection leaves it when it has nothing more
 * that it may send now; an ACK, a write, a read or a timer brings it back.
 *
 * Payload is not copied: the packet's external span points into the send ring, or to what the user has
 * lent (sendq.h), which do not change before the frame has been handed to the wire (pkt.h). Only a piece
 * in front of a border between two of them, or one so small that a copy costs less than a second element
 * of the write vector, is copied.
 */
#include "l4_transport/tcp_next.h"

enum {
    TCP_BURST = 16, /* segments of one connection before the next has its turn */
    TCP_REPLIES_MAX = 1024,
    TCP_COPY_BELOW = 256, /* bytes; one element of a write vector costs about this copy */
};

void tcp_due(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    if (t->is_due || !t->hashed)
        return;
    t->is_due = true;
    LIST_APPEND(tcp->due_first, tcp->due_last, t, due_prev, due_next);
}

void tcp_due_stop(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    if (!t->is_due)
        return;
    t->is_due = false;
    LIST_REMOVE(tcp->due_first, tcp->due_last, t, due_prev, due_next);
}

/* ---- segments ---- */

uint16_t tcp_offered_mss(const struct tcp *tcp, const struct tcp_id *id, uint16_t maxseg)
{
    struct ip_path path;

    if (ip_route(tcp->ip, id->remote, id->local, &path) < 0)
        return 536;
    /* RFC 9293 section 3.7.1, MUST-67: what fits the link, and what we can put together again. The
     * path to the peer is no path from it (RFC 1191 section 3.1). */
    uint32_t mss =
        u32_min(path.link_mtu - path.hdr_len, ip_mms_r(tcp->ip, id->remote)) - TCP_HDR_LEN;

    if (maxseg != 0)
        mss = u32_min(mss, maxseg);
    return (uint16_t)u32_min(mss, UINT16_MAX);
}

/* The window of a SYN is not scaled (RFC 7323 section 2.2). @rcvbuf 0: the host's default. */
uint16_t tcp_syn_window(const struct tcp *tcp, uint32_t rcvbuf)
{
    return (uint16_t)u32_min(rcvbuf != 0 ? rcvbuf : tcp->cfg.rcvbuf, UINT16_MAX);
}

/* Payload for @p: @len bytes from offset @off of the send queue @q, as far as sendq_fit() says. The last
 * piece of them by reference, unless it is small. */
static void tcp_pkt_text(struct pkt *p, const struct sendq *q, uint32_t off, uint32_t len)
{
    struct span piece = sendq_span(q, off, len);

    while (piece.len < len) {
        memcpy(pkt_append(p, (uint32_t)piece.len), piece.p, piece.len);
        off += (uint32_t)piece.len;
        len -= (uint32_t)piece.len;
        piece = sendq_span(q, off, len);
    }
    if (len < TCP_COPY_BELOW && len <= pkt_room(p)) {
        memcpy(pkt_append(p, len), piece.p, len);
    } else {
        p->ext = piece.p;
        p->ext_len = len;
    }
}

/* A packet for @seg of @c with @seg->data_len bytes from offset @off of the send queue @q. */
static struct pkt *tcp_pkt(struct tcp *tcp, const struct tcp_conn *c, struct tcp_seg *seg,
                           const struct sendq *q, uint32_t off)
{
    struct pkt *p = pkt_alloc(&tcp->c->pkts, PKT_HEADROOM);
    uint8_t hdr[TCP_HDR_MAX];

    if (p == NULL)
        return NULL;
    if (seg->data_len > 0)
        tcp_pkt_text(p, q, off, seg->data_len);
    seg->src_port = c->id.lport;
    seg->dst_port = c->id.rport;
    p->gso_size = seg->gso_size;
    uint32_t hdr_len = (uint32_t)tcp_emit(seg, hdr);

    p->src = c->id.local;
    p->dst = c->id.remote;
    p->proto = IP_PROTO_TCP;
    p->l4_len = hdr_len + seg->data_len;
    uint64_t pseudo = csum_pseudo(p->src, p->dst, IP_PROTO_TCP, p->l4_len);

    put16(hdr + TCP_SUM, csum_fold(pseudo));
    memcpy(pkt_push(p, hdr_len), hdr, hdr_len);
    p->l4 = (uint16_t)p->off;
    p->csum = CSUM_PARTIAL;
    p->csum_start = p->l4;
    p->csum_off = TCP_SUM;
    tcp->stats.segs_out += tcp_seg_pieces(seg);
    return p;
}

struct pkt *tcp_build(struct tcp *tcp, const struct tcp_conn *c, struct tcp_seg *seg, uint8_t tos,
                      uint8_t ttl)
{
    struct pkt *p = tcp_pkt(tcp, c, seg, NULL, 0);

    if (p != NULL) {
        p->tos = tos;
        p->ttl = ttl;
    }
    return p;
}

/* Queue a finished segment that belongs to no connection, or to one that is about to go. */
void tcp_reply(struct tcp *tcp, struct pkt *p)
{
    if (tcp->replies.len >= TCP_REPLIES_MAX) {
        net_drop(tcp->c, p, V_DROP_ETH_TXQ_FULL);
        pkt_release(p);
        return;
    }
    pktq_push(&tcp->replies, p);
}

static void tcp_send_pkt(struct tcp *tcp, struct pkt *p)
{
    struct ip_send s = {p->src, p->dst, IP_PROTO_TCP, p->tos, p->ttl, true};

    ip_output(tcp->ip, p, &s); /* refused or lost is the same to us: the timers mend it */
}

/* A reset for a segment of no connection: RFC 9293 section 3.5.2, group 1, and 3.10.7.1. */
void tcp_reply_rst(struct tcp *tcp, const struct tcp_seg *seg)
{
    struct tcp_conn c = {
        .id = {seg->dst, seg->src, seg->dst_port, seg->src_port}
    };
    struct tcp_seg rst = {.flags = TCP_RST, .seq = seg->ack};

    if (seg->flags & TCP_RST)
        return;
    if (!(seg->flags & TCP_ACK)) {
        rst.flags = TCP_RST | TCP_ACK;
        rst.seq = seq_of(0);
        rst.ack = seq_add(seg->seq, tcp_seg_len(seg));
    }
    struct pkt *p = tcp_build(tcp, &c, &rst, 0, tcp->cfg.ttl);

    if (p == NULL)
        return;
    tcp->stats.rsts_out++;
    tcp_reply(tcp, p);
}

/* The number of a segment that takes no sequence space: SND.NXT, but not beyond the peer's window (a
 * window that shrank, our FIN behind a shut one), where the peer would have to refuse it. */
static tcp_seq tcp_bare_seq(const struct tcb *t)
{
    return t->syn_acked ? seq_min(t->snd_nxt, seq_add(t->snd_una, t->snd_wnd)) : t->snd_nxt;
}

/* A reset for a synchronized connection that is given up (RFC 9293 section 3.10.5). */
void tcp_send_rst(struct tcb *t)
{
    struct tcp_seg rst = {
        .flags = TCP_RST | TCP_ACK,
        .seq = tcp_bare_seq(t),
        .ack = t->rcv_nxt,
        .opt = {.has_ts = t->has_ts, .tsval = tcp_ts_now(t->tcp, &t->conn), .tsecr = t->ts_recent},
    };
    struct pkt *p = tcp_build(t->tcp, &t->conn, &rst, t->tos, t->ttl);

    if (p == NULL)
        return;
    tcp_note_give(&t->conn, p);
    t->tcp->stats.rsts_out++;
    tcp_reply(t->tcp, p);
}

/* The window field for a segment that leaves now; what it promises is noted. */
static uint16_t tcp_window(struct tcb *t)
{
    uint32_t field = tcp_next_window(t);

    t->rcv_adv = seq_max(t->rcv_adv, seq_add(t->rcv_nxt, field << t->rcv_wnd_shift));
    return (uint16_t)field;
}

/* A segment with an ACK has been handed down: what was owed is paid. */
static void tcp_ack_paid(struct tcb *t)
{
    t->last_ack_sent = t->rcv_nxt;
    t->ack_now = false;
    t->delayed = 0;
    if (t->dup_acks_due > 0)
        t->dup_acks_due--;
    if (t->quick_acks > 0)
        t->quick_acks--;
    tcp_timer_ack_sent(t);
}

/* Build and send one segment of @t, or several in one: then each has @seg_len bytes, the last perhaps
 * fewer. Return: whether a packet could be had. */
static bool tcp_send_seg(struct tcb *t, tcp_seq seq, uint32_t len, uint32_t seg_len, uint8_t flags)
{
    bool cwr = t->cwr_due;
    uint8_t tos = tcp_ecn_out(t, len > 0 && seq_eq(seq, t->snd_nxt), &flags);
    uint16_t up = tcp_urgent_pointer(t, seq);
    struct tcp_seg seg = {
        .seq = seq,
        .ack = t->rcv_nxt,
        .flags = up != 0 ? flags | TCP_URG : flags,
        .up = up,
        .wnd = tcp_window(t),
        .data_len = len,
        .gso_size = (uint16_t)(len > seg_len ? seg_len : 0),
        .opt = {.has_ts = t->has_ts, .tsval = tcp_ts_now(t->tcp, &t->conn), .tsecr = t->ts_recent},
    };

    tcp_sack_report(t, &seg.opt);
    struct pkt *p =
        tcp_pkt(t->tcp, &t->conn, &seg, &t->snd, len > 0 ? seq_dist(tcp_data_seq(t), seq) : 0);

    if (p == NULL) {
        t->cwr_due = cwr;
        tcp_timer_retry(t);
        return false;
    }
    p->tos = tos;
    p->ttl = t->ttl;
    if (flags & (TCP_SYN | TCP_FIN))
        tcp_note_give(&t->conn, p);
    t->segs_out += tcp_seg_pieces(&seg);
    tcp_ack_paid(t);
    tcp_send_pkt(t->tcp, p);
    return true;
}

static void tcp_trace_rtx(struct tcb *t, tcp_seq seq, uint32_t len, const char *cause,
                          uint64_t frames)
{
    struct core *c = t->tcp->c;

    if (!trace_on(&c->trace, TRACE_rtx))
        return;
    struct trace_ev ev = core_trace(c, TRACE_rtx);

    ev.frame = c->frames > frames ? c->frames : 0;
    ev.conn = tcp_trace_conn(&t->conn);
    ev.u.rtx = (struct trace_rtx){seq, len, cause};
    core_trace_emit(c, &ev);
}

/* @len numbers have left: when may the next? A millisecond of silence is credit, no more. */
static void tcp_paced(struct tcb *t, uint32_t len)
{
    uint64_t rate = tcp_pacing_rate(t);
    net_time now = t->tcp->c->now;

    if (rate == 0)
        return;
    if (t->pace_at < now - NET_MS(1))
        t->pace_at = now - NET_MS(1);
    t->pace_at += (net_time)((uint64_t)len * (uint64_t)NET_SEC(1) / rate);
}

static bool tcp_pace_waits(struct tcb *t)
{
    if (!tcp_next_is_paced(t))
        return false;
    tcp_timer_pace(t);
    return true;
}

static const char *tcp_rtx_cause(const struct tcb *t)
{
    if (t->tlp_due)
        return "tail probe";
    switch (t->ca_state) {
    case TCP_CA_RECOVERY:
        return t->had_partial ? "partial ack" : "fast retransmit";
    case TCP_CA_LOSS:
        return "timeout";
    default:
        return t->timeouts > 0 ? "timeout" : "too long";
    }
}

/* What takes sequence space has left: numbers, timers, counters. */
static void tcp_left(struct tcb *t, tcp_seq seq, tcp_seq end, uint64_t frames)
{
    uint32_t len = seq_dist(seq, end);

    if (seq_lt(seq, t->snd_nxt)) {
        if (t->timed_valid && seq_gt(t->timed_seq, seq))
            t->timed_valid = false; /* Karn: which transmission will be answered? */
        t->has_rtx = true;
        tcp_rare_get(t)->rtx_total++;
        if (t->syn_acked && seq_lt(seq, tcp_data_end(t)))
            tcp_rare_get(t)->rtx_bytes += u32_min(len, seq_dist(seq, tcp_data_end(t)));
        t->tcp->stats.rtx_segs++;
        tcp_recovery_sent_again(t, seq, len);
        tcp_trace_rtx(t, seq, len, tcp_rtx_cause(t), frames);
    } else {
        tcp_rtt_sent(t, end);
    }
    t->snd_nxt = seq_max(t->snd_nxt, end);
    t->last_sent = t->tcp->c->now;
    if (t->ca_state >= TCP_CA_CWR)
        tcp_rare_get(t)->prr_out += len;
    tcp_paced(t, len);
    tcp_timer_sent(t);
}

/* ---- what is due ---- */

/* The SYN of an active open, or the SYN,ACK of a simultaneous one. */
static bool tcp_output_syn(struct tcb *t)
{
    bool is_ack = tcp_state(t) != TCP_SYN_SENT, tried = t->fo_tried;
    uint64_t frames = t->tcp->c->frames;
    uint8_t cookie[TCP_FO_MAX];
    struct tcp_seg seg = {
        .seq = t->iss,
        .ack = t->rcv_nxt,
        .flags = (is_ack ? TCP_SYN | TCP_ACK : TCP_SYN) | tcp_ecn_syn_flags(t),
        .wnd = (uint16_t)u32_min(t->rcvbuf - u32_min(recvq_len(&t->rcv), t->rcvbuf), UINT16_MAX),
        .opt = {.has_mss = true,
                .mss = t->rcv_mss,
                .has_sack_ok = t->has_sack,
                .has_ts = t->has_ts,
                .tsval = tcp_ts_now(t->tcp, &t->conn),
                .tsecr = t->ts_recent,
                .has_wscale = t->has_wscale,
                .wscale = t->rcv_wnd_shift},
    };

    if (t->fo_offer)
        tcp_fo_offer(t->tcp, &t->conn.id, &seg.opt, cookie);
    else if (!is_ack)
        seg.data_len = tcp_fo_syn_fill(t, &seg.opt, cookie);
    if (seg.data_len > 0 && !tcp_sent_add(t, seq_add(t->iss, 1), seg.data_len, seg.data_len))
        seg.data_len = 0; /* no record left for them: they follow */
    struct pkt *p = tcp_pkt(t->tcp, &t->conn, &seg, &t->snd, 0);

    if (p == NULL) {
        if (seg.data_len > 0)
            tcp_sent_drop(t, seg.data_len);
        t->fo_tried = tried;
        tcp_timer_retry(t);
        return false;
    }
    p->tos = t->tos;
    p->ttl = t->ttl;
    t->rtx_due = false;
    t->rcv_adv = seq_add(t->rcv_nxt, seg.wnd);
    t->segs_out++;
    if (is_ack)
        tcp_ack_paid(t);
    tcp_note_give(&t->conn, p);
    tcp_send_pkt(t->tcp, p);
    tcp_left(t, t->iss, seq_add(t->iss, 1), frames);
    t->snd_nxt = seq_add(t->snd_nxt, seg.data_len);
    return true;
}

/* Send @len bytes from @seq on, in segments of @seg_len, with PSH where it belongs, and our FIN if
 * @fin. */
static bool tcp_output_text(struct tcb *t, tcp_seq seq, uint32_t len, uint32_t seg_len, bool fin)
{
    tcp_seq end = seq_add(seq, len);
    uint64_t frames = t->tcp->c->frames;
    uint8_t flags = TCP_ACK;

    if (seq_eq(end, tcp_data_end(t)) && len > 0 && (fin || !t->more))
        flags |= TCP_PSH; /* the end of what was written: MUST-61 */
    if (fin) {
        flags |= TCP_FIN;
        t->fin_sent = true;
        t->snd_fin = end;
        end = seq_add(end, 1);
    }
    if (!tcp_send_seg(t, seq, len, seg_len, flags))
        return false;
    tcp_left(t, seq, end, frames);
    return true;
}

/* Send the first segment of @r again; small ones that follow it and are lost, too, go with it. */
static bool tcp_output_again(struct tcb *t, struct tcp_sent *r)
{
    uint32_t mss = tcp_output_mss(t);

    mss += seq_dist(tcp_sent_seq(r), tcp_data_end(t)) <= mss; /* a FIN takes no room */
    struct tcp_sent *cut = tcp_sent_cut(t, r, u32_min(u32_min(r->len, r->seg_len), mss));

    /* No record left: what follows in this one counts as sent with it, and goes when the peer
     * acknowledges no more than this segment, or at the next timeout. */
    r = cut != NULL ? cut : r;
    if (cut != NULL && r->node.is_marked)
        tcp_sent_grow(t, r, mss);
    uint32_t len = u32_min(r->len, mss);
    bool fin = seq_gt(seq_add(tcp_sent_seq(r), len), tcp_data_end(t));

    if (!tcp_output_text(t, tcp_sent_seq(r), len - fin, len, fin))
        return false;
    tcp_sent_again(t, r);
    if (t->has_sack && t->ca_state == TCP_CA_RECOVERY && seq_eq(tcp_sent_seq(r), t->snd_una))
        tcp_timer_first_again(t);
    return true;
}

/* RFC 6675 section 4, NextSeg() (3): nothing is lost that would have to go, and no new data may: so
 * the lowest hole that is not yet deemed lost. RACK has its timer for that. */
static bool tcp_output_hole(struct tcb *t)
{
    struct tcp_sent *r = t->board.oldest;

    if (t->tcp->cfg.rack || !t->has_sack || t->ca_state != TCP_CA_RECOVERY)
        return false;
    while (r != NULL && (r->fate & TCP_RTX))
        r = r->newer;
    return r != NULL && seq_lt(tcp_sent_seq(r), t->rack.fack) &&
           tcp_pipe(t) + u32_min(r->len, r->seg_len) <= t->cwnd && tcp_output_again(t, r);
}

/* Send one segment again at once, whatever the windows say. */
static bool tcp_output_rtx(struct tcb *t)
{
    struct tcp_sent *r = tcp_output_lost(t);

    t->rtx_due = false;
    return r != NULL && tcp_output_again(t, r);
}

/* Send a lost segment again, if the windows let it go. */
static bool tcp_output_resend(struct tcb *t)
{
    struct tcp_sent *r;

    return tcp_next_lost(t, &r) == TCP_MAY_SEND && tcp_output_again(t, r);
}

/* Send @len bytes that were never sent, in segments of @seg_len, and the FIN if it follows. */
static bool tcp_output_new(struct tcb *t, uint32_t len, uint32_t seg_len)
{
    tcp_seq seq = t->snd_nxt;
    bool fin = t->fin_queued && seq_eq(seq_add(seq, len), tcp_data_end(t));

    if (!tcp_sent_add(t, seq, len + fin, len > seg_len ? seg_len : len + fin)) {
        t->held_up = true;
        tcp_timer_retry(t);
        return false;
    }
    if (tcp_output_text(t, seq, len, seg_len, fin))
        return true;
    tcp_sent_drop(t, len + fin); /* no packet could be had */
    return false;
}

/* Send a segment that is longer than all others have been, to see whether it arrives. */
static bool tcp_output_mtu_probe(struct tcb *t, uint32_t len)
{
    tcp_seq seq = t->snd_nxt;

    if (!tcp_output_new(t, len, len))
        return false;
    tcp_mtu_probed(t, seq, len);
    return true;
}

/* How much of the @len bytes that were never sent one packet can carry. */
static uint32_t tcp_output_fit(const struct tcb *t, uint32_t len, uint32_t mss)
{
    return sendq_fit(&t->snd, seq_dist(tcp_data_seq(t), t->snd_nxt), len, mss);
}

/* How many bytes may leave as one frame that is cut below us: of @len, more than a segment, that the
 * windows let go. Whole segments, and the rest with them where it would follow at once. A rate to
 * keep is kept by frames of a millisecond's data (as Linux: tcp_tso_autosize). In urgent mode each
 * segment has a pointer of its own, which nobody below us computes. */
static uint32_t tcp_output_many(const struct tcb *t, uint32_t len, uint32_t avail, uint32_t mss)
{
    uint64_t rate = tcp_pacing_rate(t);
    uint32_t most = t->path.gso > tcp_sack_room(t) ? t->path.gso - tcp_sack_room(t) : 0;

    if (most < 2 * mss || t->snd_urgent)
        return mss;
    if (rate != 0 && rate / 1000 < most)
        most = u32_max((uint32_t)(rate / 1000), 2 * mss);
    len = tcp_output_fit(t, len, mss);
    bool takes_rest = len == avail && (t->fin_queued || (t->nodelay && !t->more));

    if (len > most || !takes_rest)
        len = u32_min(len, most) / mss * mss;
    return u32_max(len, mss);
}

/* Send new data, as much as one frame takes, or the FIN, if it may go. */
static bool tcp_output_data(struct tcb *t)
{
    struct tcp_next n;
    enum tcp_hold hold = tcp_next_data(t, &n);

    if (hold != TCP_MAY_SEND) {
        if (hold == TCP_MAY_FIN)
            return tcp_output_new(t, 0, 0);
        return hold == TCP_MAY_PROBE && tcp_output_mtu_probe(t, n.len);
    }
    uint32_t len = n.len;

    if (n.avail > n.mss && n.usable > n.mss)
        len = tcp_output_many(t, u32_min(n.avail, n.usable), n.avail, n.mss);
    if (n.mss > SENDQ_COPY_MAX) /* then a border may end a segment */
        len = tcp_output_fit(t, len, n.mss);
    if (!tcp_output_new(t, len, n.mss))
        return false;
    t->force = false;
    return true;
}

/* Tail loss probe (RFC 8985 section 7.3): new data if the peer's window takes them, or the last
 * segment again; the congestion window does not count. */
static bool tcp_output_tlp(struct tcb *t)
{
    struct tcp_sent *last = tcp_sent_of(t->board.tree.last);
    uint32_t flight = tcp_in_flight(t);
    uint32_t room = t->snd_wnd > flight ? t->snd_wnd - flight : 0;
    uint32_t len = seq_lt(t->snd_nxt, tcp_data_end(t))
                       ? u32_min(seq_dist(t->snd_nxt, tcp_data_end(t)), tcp_output_mss(t))
                       : 0;

    bool is_new = last != NULL && len > 0 && len <= room && tcp_output_new(t, len, len);
    bool is_sent = is_new;

    if (last != NULL && !is_new) { /* its last segment */
        uint32_t rest = last->len % last->seg_len, tail = rest == 0 ? last->seg_len : rest;

        is_sent = (last->len <= tail || tcp_sent_cut(t, last, last->len - tail) != NULL) &&
                  tcp_output_again(t, last);
    }
    t->tlp_due = false;
    tcp_tlp_sent(t, !is_new); /* also where it could not be: the RTO comes next */
    tcp_timer_choose(t);
    return is_sent;
}

/* Nothing in flight, and the windows let nothing go: the persist timer takes over. Notes whether
 * the congestion window was what bounded us. */
static void tcp_output_blocked(struct tcb *t)
{
    uint32_t pipe = tcp_pipe(t);
    bool has_more = seq_lt(t->snd_nxt, tcp_data_end(t));

    t->cwnd_full = pipe + t->snd_mss > t->cwnd || (t->cwnd < t->ssthresh && 2 * pipe >= t->cwnd);
    if (!has_more && pipe < t->cwnd && t->board.lost.segs <= t->board.rtx.segs)
        t->app_limited = t->delivered + u32_max(pipe, 1);
    if (tcp_in_flight(t) == 0 && has_more)
        tcp_timer_window_shut(t);
}

/* A window probe carries no data: a number the peer has acknowledged already provokes the ACK that
 * tells the window (RFC 9293 section 3.8.6.1; Linux and the BSDs do so too). */
static bool tcp_output_probe(struct tcb *t)
{
    t->probe_due = false;
    if (t->probes_out < UINT8_MAX)
        t->probes_out++;
    t->tcp->stats.zero_window_probes++;
    t->urgent_due = t->snd_urgent; /* which needs a number that the peer must look at */
    return tcp_send_seg(t, seq_sub(t->snd_una, 1), 0, 0, TCP_ACK);
}

/* A keep-alive asks in the same way (RFC 9293 section 3.8.4): SEG.SEQ = SND.NXT - 1, no data. */
static bool tcp_output_keepalive(struct tcb *t)
{
    t->keep_due = false;
    t->tcp->stats.keepalives++;
    return tcp_send_seg(t, seq_sub(t->snd_nxt, 1), 0, 0, TCP_ACK);
}

/* All that is due for @t, at most @max segments. Return: how many. */
static uint32_t tcp_output_tcb(struct tcb *t, uint32_t max)
{
    uint32_t n = 0;

    if (!t->syn_acked) {
        if (tcp_next_is_syn(t))
            n += tcp_output_syn(t);
        while (t->is_passive && n < max && seq_gt(t->snd_nxt, t->iss) && tcp_output_data(t))
            n++; /* RFC 7413 section 4.2.2: the answer need not wait for the handshake */
    } else {
        tcp_mtu_follow(t);
        if (t->rtx_due)
            n += tcp_output_rtx(t);
        if (t->tlp_due)
            n += tcp_output_tlp(t);
        while (n < max && !tcp_pace_waits(t) &&
               (tcp_output_resend(t) || tcp_output_data(t) || tcp_output_hole(t)))
            n++;
        tcp_output_blocked(t);
        if (t->probe_due && n < max)
            n += tcp_output_probe(t);
        if (t->keep_due && n < max)
            n += tcp_output_keepalive(t);
        if (t->urgent_due && n < max) /* what is urgent cannot go: say so (MUST-66) */
            t->ack_now = true;
    }
    while (n < max && (t->ack_now || t->dup_acks_due > 0) && tcp_state(t) != TCP_SYN_SENT) {
        if (!tcp_send_seg(t, tcp_bare_seq(t), 0, 0, TCP_ACK)) {
            t->ack_now = false; /* the retry timer asks for it again, as for one that was delayed */
            t->delayed = t->delayed > 0 ? t->delayed : 1;
            t->dup_acks_due = 0;
            break;
        }
        n++;
    }
    return n;
}

bool tcp_output_due(const struct tcp *tcp)
{
    return tcp->due_first != NULL || tcp->half_due != NULL || tcp->tw_due != NULL ||
           tcp->replies.len > 0;
}

static uint32_t tcp_output_replies(struct tcp *tcp, uint32_t max)
{
    struct pkt *p;
    uint32_t n = 0;

    while (n < max && (p = pktq_pop(&tcp->replies)) != NULL) {
        tcp_send_pkt(tcp, p);
        n++;
    }
    return n;
}

uint32_t tcp_output(struct tcp *tcp, uint32_t max)
{
    uint32_t n = tcp_output_replies(tcp, max);

    /* What cannot be had a packet for is not due any more: a timer, or the peer, asks again. */
    while (n < max && tcp->half_due != NULL)
        n += tcp_half_output(tcp, tcp->half_due) ? tcp_output_replies(tcp, 1) : 0;
    while (n < max && tcp->tw_due != NULL)
        n += tcp_tw_output(tcp, tcp->tw_due) ? tcp_output_replies(tcp, 1) : 0;
    while (n < max && tcp->due_first != NULL) {
        struct tcb *t = tcp->due_first;
        uint32_t budget = u32_min(max - n, TCP_BURST), sent;

        tcp_due_stop(t);
        sent = tcp_output_tcb(t, budget);
        if (sent == budget)
            tcp_due(t); /* perhaps more: at the end of the list */
        n += sent;
    }
    return n;
}
