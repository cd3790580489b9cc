/*
 * tcp_priv.h - what the files of TCP share with one another and with nobody else.
 */
#ifndef STACKD_TCP_PRIV_H
#define STACKD_TCP_PRIV_H

#include "base/list.h"
#include "l4_transport/tcp.h"

/* tcp_fsm.c */
void tcp_event(struct tcp *tcp, struct tcp_conn *c, enum tcp_event_kind ev);
void tcp_note_flush(struct tcp *tcp, struct tcp_conn *c);
void tcp_note_give(struct tcp_conn *c, struct pkt *p);
struct trace_conn tcp_trace_conn(const struct tcp_conn *c);
void tcp_trace_seg(struct tcp *tcp, const struct tcp_seg *seg, const char *dir);

/* tcp_demux.c */
uint32_t tcp_hash(const struct tcp *tcp, const struct tcp_id *id);
struct tcb *tcp_flow_find(struct tcp *tcp, const struct tcp_id *id);
void tcp_flow_note(struct tcb *t);
struct hash_node *tcp_find_any(const struct tcp *tcp, const struct tcp_id *id);
struct tcp_conn *tcp_find(const struct tcp *tcp, const struct tcp_id *id);
void tcp_conn_add(struct tcp *tcp, struct tcp_conn *c);
void tcp_conn_del(struct tcp *tcp, struct tcp_conn *c);
void tcp_conn_replace(struct tcp *tcp, struct tcp_conn *c, struct hash_node *n);
struct tcp_listener *tcp_find_listener(const struct tcp *tcp, struct ip_addr local, uint16_t port);
int tcp_port_choose(struct tcp *tcp, struct tcp_id *id);
tcp_seq tcp_iss(const struct tcp *tcp, const struct tcp_id *id);
uint32_t tcp_ts_offset(const struct tcp *tcp, const struct tcp_id *id);

static inline uint32_t tcp_ts_now(const struct tcp *tcp, const struct tcp_conn *c)
{
    return (uint32_t)(tcp->c->now / NET_MS(1)) + c->ts_offset;
}
static inline struct tcp_conn *tcp_conn_of(struct hash_node *n)
{
    return container_of(n, struct tcp_conn, link);
}
/* Lines @from ... @to of a record, in bytes, will be needed. */
static inline void tcp_fetch(const void *record, size_t from, size_t to)
{
    for (size_t at = from; at < to; at += 64)
        __builtin_prefetch((const uint8_t *)record + at);
}
static inline struct tcb *tcb_of(struct tcp_conn *c) { return container_of(c, struct tcb, conn); }

/* tcp_tcb.c */
struct tcb *tcp_tcb_alloc(struct tcp *tcp);
struct tcp_rare *tcp_rare_get(struct tcb *t);
void tcp_tcb_init(struct tcp *tcp, struct tcb *t, const struct tcp_id *id);
struct tcb *tcp_tcb_new(struct tcp *tcp, const struct tcp_id *id);
bool tcp_tcb_make_room(struct tcp *tcp);
void tcp_tcb_moved(struct tcb *t);
void tcp_orphan_link(struct tcb *t);
void tcp_detach(struct tcb *t);
void tcp_tcb_free(struct tcb *t);
void tcp_fail(struct tcb *t, enum tcp_event_kind ev, int error);
void tcp_over(struct tcb *t);
void tcp_wake(struct tcb *t);
uint8_t tcp_window_shift(const struct tcp *tcp, uint32_t rcvbuf);
void tcp_trace_queue(struct tcp *tcp, const struct tcp_conn *c, const char *name, uint32_t len,
                     uint32_t max);

/* tcp_listen.c */
enum verdict tcp_listen_input(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg,
                              const tcp_seq *iss_floor);
enum verdict tcp_half_input(struct tcp *tcp, struct tcp_half *h, const struct tcp_seg *seg);
void tcp_half_tick(struct tcp *tcp, struct tcp_half *h);
void tcp_half_free(struct tcp *tcp, struct tcp_half *h);
bool tcp_half_output(struct tcp *tcp, struct tcp_half *h);
struct tcb *tcp_child(struct tcp *tcp, struct tcp_listener *l, const struct tcp_half *h,
                      enum tcp_event_kind ev);

/* tcp_fastopen.c */
void tcp_fo_cut(struct tcp_fo *fo, const struct tcp_config *cfg, struct region *r);
void tcp_fo_offer(struct tcp *tcp, const struct tcp_id *id, struct tcp_opts *o, uint8_t *cookie);
bool tcp_fo_syn(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg,
                struct tcp_half *h);
void tcp_fo_done(struct tcb *t);
void tcp_fo_reset(struct tcb *t);
void tcp_fo_listener_gone(struct tcp *tcp, struct tcp_listener *l);
uint32_t tcp_fo_syn_fill(struct tcb *t, struct tcp_opts *o, uint8_t *cookie);
void tcp_fo_silent(struct tcb *t);
void tcp_fo_refused(struct tcb *t);
void tcp_fo_answer(struct tcb *t, const struct tcp_opts *o, uint32_t data, uint32_t acked);

/* tcp_cookie.c */
enum verdict tcp_cookie_send(struct tcp *tcp, struct tcp_listener *l, const struct tcp_half *h);
/** tcp_cookie_is_ours - would tcp_cookie_check() say yes? Counts nothing. */
bool tcp_cookie_is_ours(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg);
bool tcp_cookie_check(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg,
                      struct tcp_half *h);

/* tcp_user.c */
void tcp_recv_take(struct tcb *t, uint32_t len);

/* tcp_input.c */
enum verdict tcp_segment(struct tcb *t, struct tcp_seg *seg);
void tcp_negotiate(struct tcb *t, const struct tcp_opts *o);
void tcp_challenge(struct tcb *t);

/* tcp_output.c */
void tcp_due(struct tcb *t);
void tcp_due_stop(struct tcb *t);
void tcp_reply_rst(struct tcp *tcp, const struct tcp_seg *seg);
void tcp_reply(struct tcp *tcp, struct pkt *p);
struct pkt *tcp_build(struct tcp *tcp, const struct tcp_conn *c, struct tcp_seg *seg, uint8_t tos,
                      uint8_t ttl);
void tcp_send_rst(struct tcb *t);
uint16_t tcp_offered_mss(const struct tcp *tcp, const struct tcp_id *id, uint16_t maxseg);
uint16_t tcp_syn_window(const struct tcp *tcp, uint32_t rcvbuf);

/* The first byte of the send queue has this number: SND.UNA, but for an unacknowledged SYN. */
static inline tcp_seq tcp_data_seq(const struct tcb *t)
{
    return t->syn_acked ? t->snd_una : seq_add(t->iss, 1);
}
/* One past the last byte the user has given us; our FIN has this number. */
static inline tcp_seq tcp_data_end(const struct tcb *t)
{
    return seq_add(tcp_data_seq(t), sendq_len(&t->snd));
}
static inline bool tcp_fin_acked(const struct tcb *t)
{
    return t->fin_sent && seq_gt(t->snd_una, t->snd_fin);
}
static inline uint32_t tcp_in_flight(const struct tcb *t) { return seq_dist(t->snd_una, t->snd_nxt); }
/* What is believed to be in the network: `pipe` (RFC 6675 section 4). */
static inline uint32_t tcp_pipe(const struct tcb *t)
{
    const struct tcp_board *b = &t->board;

    return b->out.bytes - b->sacked.bytes - b->lost.bytes + b->rtx.bytes;
}
/* Receive window as the peer knows it. */
static inline uint32_t tcp_rcv_wnd(const struct tcb *t)
{
    return seq_gt(t->rcv_adv, t->rcv_nxt) ? seq_dist(t->rcv_nxt, t->rcv_adv) : 0;
}

/* tcp_timewait.c */
void tcp_time_wait(struct tcb *t);
enum verdict tcp_tw_input(struct tcp *tcp, struct tcp_tw *w, const struct tcp_seg *seg);
void tcp_tw_tick(struct tcp *tcp, struct tcp_tw *w);
void tcp_tw_free(struct tcp *tcp, struct tcp_tw *w);
bool tcp_tw_output(struct tcp *tcp, struct tcp_tw *w);
bool tcp_tw_reusable(const struct tcp *tcp, const struct tcp_tw *w);

/* tcp_idle.c */
bool tcp_idle_fits(const struct tcb *t);
bool tcp_idle_pack(struct tcb *t);
bool tcp_idle_sweep(struct tcp *tcp, uint32_t steps);
void tcp_idle_trim(struct tcp *tcp);
void tcp_idle_fill(struct tcp *tcp, const struct tcp_idle *i, struct tcb *t, struct tcp_rare *rare);
void tcp_idle_end(struct tcp *tcp, struct tcp_idle *i, enum tcp_event_kind ev);
void tcp_idle_tick(struct tcp *tcp, net_time now);

/* tcp_mtu.c */
#define TCP_MTU_WAIT UINT32_MAX
void tcp_mtu_begin(struct tcb *t);
void tcp_mtu_follow(struct tcb *t);
uint32_t tcp_mtu_probe(const struct tcb *t, uint32_t avail);
void tcp_mtu_probed(struct tcb *t, tcp_seq seq, uint32_t len);
void tcp_mtu_acked(struct tcb *t);
bool tcp_mtu_lost(struct tcb *t);
void tcp_mtu_timeout(struct tcb *t);
enum verdict tcp_mtu_too_big(struct tcb *t, uint32_t mtu);

/* tcp_rcvbuf.c */
uint32_t tcp_rcvbuf_most(const struct tcp *tcp, uint32_t rcvbuf);
uint32_t tcp_rcvbuf_limit(const struct tcb *t);
uint32_t tcp_rcvbuf_share(const struct tcb *t);
uint32_t tcp_rcvbuf_period(net_time at);
bool tcp_rcvbuf_arrived(struct tcb *t, const struct tcp_seg *seg);
void tcp_rcvbuf_read(struct tcb *t);
bool tcp_rcvbuf_rests(const struct tcb *t);
void tcp_sndbuf_grow(struct tcb *t);

/* tcp_reass.c */
enum verdict tcp_reass_input(struct tcb *t, tcp_seq seq, const struct tcp_seg *seg, uint32_t len);
/** tcp_reass_fold - what lies in packets moves to the ring. Return: whether there was memory. */
bool tcp_reass_fold(struct tcb *t);
void tcp_reass_free(struct tcb *t);
uint32_t tcp_reass_count(const struct tcb *t);
uint32_t tcp_reass_bytes(const struct tcb *t);
uint32_t tcp_reass_missing(const struct tcb *t);
void tcp_reass_report(const struct tcb *t, struct tcp_opts *o, uint32_t first);

/* What an ACK told; filled in on its way from tcp_step5_ack() to tcp_recovery_ack(). */
struct tcp_ack {
    const struct tcp_seg *seg;
    uint32_t pipe;       /* in flight before */
    uint32_t delivered;  /* bytes acknowledged or SACKed for the first time */
    bool is_new;         /* SND.UNA moved */
    bool is_dup;         /* RFC 5681 section 2 */
    bool is_dsack;       /* something arrived twice */
    bool has_sacked;     /* something was SACKed for the first time */
    bool has_original;   /* something that was never sent again was delivered, up to `original` */
    bool is_round_start;
    bool has_rate, rate_is_app_limited;
    tcp_seq original;
    net_time rtt;        /* of what was never sent again; 0: none */
    net_time rate_from, rate_sent; /* for the delivery rate, of the segment sent last */
    uint64_t rate_delivered;
    uint64_t rate;       /* bytes a second; 0: this ACK tells nothing */
};

/* tcp_sack.c */
void tcp_sack_dup(struct tcb *t, tcp_seq left, tcp_seq right);
uint32_t tcp_sack_room(const struct tcb *t);
void tcp_sack_report(struct tcb *t, struct tcp_opts *o);
void tcp_sack_input(struct tcb *t, struct tcp_ack *a);
void tcp_sack_forget(struct tcb *t);

/* tcp_rack.c */
void tcp_rack_delivered(struct tcb *t, const struct tcp_sent *r, uint32_t len,
                        const struct tcp_ack *a);
void tcp_rack_recovered(struct tcb *t);
void tcp_rack_timeout(struct tcb *t);
void tcp_detect(struct tcb *t, const struct tcp_ack *a);
net_time tcp_tlp_timeout(const struct tcb *t);
void tcp_tlp_sent(struct tcb *t, bool is_rtx);
bool tcp_tlp_ack(struct tcb *t, const struct tcp_ack *a);

/* tcp_ecn.c */
uint8_t tcp_ecn_syn_flags(const struct tcb *t);
bool tcp_ecn_is_asked(const struct tcp *tcp, const struct tcp_seg *syn);
void tcp_ecn_syn_ack(struct tcb *t, const struct tcp_seg *seg);
void tcp_ecn_data(struct tcb *t, const struct tcp_seg *seg);
void tcp_ecn_ack(struct tcb *t, const struct tcp_seg *seg);
void tcp_ecn_reduced(struct tcb *t);
uint8_t tcp_ecn_out(struct tcb *t, bool is_new, uint8_t *flags);

/* tcp_newreno.c */
void tcp_newreno_ack(struct tcb *t, const struct tcp_ack *a);
void tcp_newreno_window(struct tcb *t, const struct tcp_ack *a);
void tcp_newreno_over(struct tcb *t);

/* tcp_recovery.c */
struct cc tcp_cc(struct tcb *t);
void tcp_cc_done(struct tcb *t, const struct cc *cc, const char *cause);
void tcp_recovery_init(struct tcb *t);
void tcp_ack_delivered(struct tcb *t, struct tcp_sent *r, uint32_t len, struct tcp_ack *a);
void tcp_ack_cumulative(struct tcb *t, struct tcp_ack *a);
void tcp_recovery_ack(struct tcb *t, struct tcp_ack *a);
void tcp_recovery_enter(struct tcb *t);
void tcp_recovery_cwr(struct tcb *t, enum cc_loss_kind kind);
void tcp_recovery_sent_again(struct tcb *t, tcp_seq seq, uint32_t len);
void tcp_recovery_reorder(struct tcb *t);
void tcp_recovery_timeout(struct tcb *t);
void tcp_recovery_resend(struct tcb *t);
void tcp_recovery_reopened(struct tcb *t);
uint32_t tcp_recovery_window(const struct tcb *t);
void tcp_recovery_idle(struct tcb *t, net_time idle);

/* tcp_rtt.c */
void tcp_rtt_init(struct tcb *t);
void tcp_rtt_sample(struct tcb *t, net_time rtt);
void tcp_rtt_min(struct tcb *t, net_time rtt);
void tcp_rtt_sent(struct tcb *t, tcp_seq seq);
net_time tcp_rtt_acked(struct tcb *t, const struct tcp_seg *seg, net_time rtt);
net_time tcp_rtt_rto(const struct tcb *t);
net_time tcp_rto(const struct tcb *t);

/* tcp_timer.c */
void tcp_timer_sent(struct tcb *t);
void tcp_timer_acked(struct tcb *t, bool sampled, bool restart);
void tcp_timer_choose(struct tcb *t);
void tcp_timer_pace(struct tcb *t);
void tcp_timer_first_again(struct tcb *t);
void tcp_timer_answered(struct tcb *t);
void tcp_timer_window_shut(struct tcb *t);
void tcp_timer_window_open(struct tcb *t);
void tcp_timer_delay_ack(struct tcb *t);
void tcp_timer_ack_sent(struct tcb *t);
void tcp_timer_retry(struct tcb *t);
void tcp_timer_orphan(struct tcb *t, net_time limit);
void tcp_timer_stop(struct tcb *t);
void tcp_timer_update(struct tcb *t);
void tcp_timer_rtx_limit(struct tcb *t);
const char *tcp_timer_name(const struct tcb *t, net_time *left, uint8_t *tries);
unsigned tcp_timer_list(const struct tcb *t, struct tcp_timer_info *out);

/* tcp_urgent.c */
uint16_t tcp_urgent_pointer(struct tcb *t, tcp_seq seq);
void tcp_urgent_acked(struct tcb *t);
void tcp_step6_urg(struct tcb *t, const struct tcp_seg *seg);
void tcp_urgent_fin(struct tcb *t);
uint32_t tcp_urgent_readable(const struct tcb *t, uint32_t *skip);
void tcp_urgent_read(struct tcb *t);
uint32_t tcp_urgent_fetched(const struct tcb *t);

/* tcp_timer_rest.c */
void tcp_rest_begin(struct tcp *tcp);
void tcp_rest_tick(struct tcp *tcp);
/* Somebody speaks, or takes a block. */
static inline void tcp_rest_note(struct tcp *tcp)
{
    if (unlikely(tcp->tcbs.used > tcp->cfg.full_idle) && !timer_is_armed(&tcp->rest.timer))
        tcp_rest_begin(tcp);
}

/* tcp_timer_keep.c */
void tcp_timer_established(struct tcb *t);
void tcp_timer_heard(struct tcb *t);
bool tcp_timer_keep(struct tcb *t);
bool tcp_timer_r1(const struct tcb *t);
bool tcp_timer_r2(const struct tcb *t);
net_time tcp_timer_r2_at(const struct tcb *t);
uint8_t tcp_timer_syn_most(const struct tcb *t);
net_time tcp_timer_end(const struct tcb *t, net_time since);

#endif
