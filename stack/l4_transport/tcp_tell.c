/*
 * tcp_tell.c - the steps of RFC 9293 section 3.10.7, told as they are taken: words and numbers.
 */
#include "l4_transport/tcp_tell.h"

void tcp_tell_now(struct tcp *tcp, const struct tcp_id *id, const char *phase, const char *rule,
                  const char *pass, struct tcp_told n)
{
    struct trace_ev ev = core_trace(tcp->c, TRACE_step);

    ev.conn = (struct trace_conn){id->local, id->remote, id->lport, id->rport, IP_PROTO_TCP};
    ev.u.step = (struct trace_step){phase, rule, n.x, n.y, n.z, pass};
    core_trace_emit(tcp->c, &ev);
}

/* First: the four cases of the table in section 3.10.7.4. */
void tcp_tell_seq(struct tcb *t, const struct tcp_seg *seg)
{
    uint32_t len = tcp_seg_len(seg), wnd = tcp_rcv_wnd(t);
    struct tcp_told n = {seq_dist(t->irs, t->rcv_nxt), seq_dist(t->irs, seg->seq),
                         seq_dist(t->irs, seq_add(t->rcv_nxt, wnd))};
    const char *rule =
        "RCV.NXT {x} =< SEG.SEQ {y} < RCV.NXT+RCV.WND {z}, or SEG.SEQ+SEG.LEN-1 is, or it "
        "spans the window";

    if (wnd == 0 && len == 0)
        rule = "RCV.WND = 0 and SEG.LEN = 0: RCV.NXT {x} = SEG.SEQ {y}";
    else if (wnd == 0)
        rule = "RCV.WND = 0 and SEG.LEN > 0: not acceptable, but at RCV.NXT {x} = SEG.SEQ {y} its "
               "ACK, RST "
               "and FIN are";
    else if (len == 0)
        rule = "RCV.NXT {x} =< SEG.SEQ {y} < RCV.NXT+RCV.WND {z}";
    tcp_tell_now(t->tcp, &t->conn.id, "first, check sequence number", rule, "acceptable", n);
}

void tcp_tell_paws(struct tcb *t, const struct tcp_seg *seg)
{
    if (!t->has_ts)
        return;
    tcp_tell_now(t->tcp, &t->conn.id, "before the first, PAWS (RFC 7323 section 5.3)",
                 seg->opt.has_ts ? "SEG.TSval {y} >= TS.Recent {x}, unless that is 24 days old"
                                 : "timestamps were agreed on: every segment but a RST has one",
                 "not an old duplicate", (struct tcp_told){t->ts_recent, seg->opt.tsval, 0});
}

void tcp_tell_ack(struct tcb *t, const struct tcp_seg *seg)
{
    struct tcp_told n = {seq_dist(t->iss, t->snd_una), seq_dist(t->iss, seg->ack),
                         seq_dist(t->iss, t->snd_nxt)};

    if (!(seg->flags & TCP_ACK))
        tcp_tell_now(t->tcp, &t->conn.id, "fifth, check the ACK field", "the ACK bit is on", "", n);
    else if (!t->syn_acked)
        tcp_tell_now(t->tcp, &t->conn.id, "fifth, check the ACK field",
                     "SND.UNA {x} < SEG.ACK {y} =< SND.NXT {z}, or a reset",
                     "our SYN is acknowledged", n);
    else
        tcp_tell_now(
            t->tcp, &t->conn.id, "fifth, check the ACK field",
            seq_gt(seg->ack, t->snd_una)
                ? "SND.UNA {x} < SEG.ACK {y} =< SND.NXT {z}: acknowledges something new"
                : "SEG.ACK {y} =< SND.UNA {x}: nothing new; not above SND.NXT {z}, nor older "
                  "than the largest window",
            "acceptable ACK", n);
}

void tcp_tell_text(struct tcb *t, const struct tcp_seg *seg)
{
    struct tcp_told n = {seg->data_len, seq_dist(t->irs, seg->seq), seq_dist(t->irs, t->rcv_nxt)};
    const char *rule = "no text";

    if (seg->data_len > 0)
        rule = seq_eq(seg->seq, t->rcv_nxt)
                   ? "{x} bytes at RCV.NXT {z}: in order"
                   : "{x} bytes at {y}, while RCV.NXT is {z}: out of order";
    tcp_tell_now(t->tcp, &t->conn.id, "seventh, process the segment text", rule, "text processed",
                 n);
}
