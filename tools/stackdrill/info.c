/*
 * info.c - Linux's meaning of each field of struct tcp_info, in terms of ours.
 *
 * Linux counts windows and flights in segments, and what is acknowledged or received in sequence
 * numbers, so a SYN of an active open and both FINs count there as a byte each. A round trip that
 * was never measured is told as the variation of the initial RTO. Where Linux has a number that our
 * core has not (its guess of the peer's segment size, `rcv_mss`), ours is what comes nearest.
 */
#include "info.h"

#include <stddef.h>
#include <string.h>

#include "l4_transport/tcp.h"

enum {
    INFO_REORDERING = 3, /* DupThresh (RFC 6675 section 2); our detection by time never raises it */
    INFO_TS_LEN = 12,
    INFO_MS = 1000000,
    INFO_US = 1000
};

int64_t info_state(unsigned state)
{
    static const uint8_t numbers[TCP_STATES] = {
        [TCP_CLOSED] = 7,      [TCP_LISTEN] = 10,    [TCP_SYN_SENT] = 2,   [TCP_SYN_RCVD] = 3,
        [TCP_ESTABLISHED] = 1, [TCP_FIN_WAIT_1] = 4, [TCP_FIN_WAIT_2] = 5, [TCP_CLOSE_WAIT] = 8,
        [TCP_CLOSING] = 11,    [TCP_LAST_ACK] = 9,   [TCP_TIME_WAIT] = 6,
    };

    return numbers[state];
}

/* Times and windows. */
static void info_path(struct info *i, const struct tcb *t, const struct tcp_status *s)
{
    uint32_t mss = u32_max(s->mss, 1);

    i->rto = s->rto / INFO_US;
    i->rtt = s->srtt / INFO_US;
    i->rttvar = s->srtt == 0 ? t->tcp->cfg.rto_initial / INFO_US / 4 : s->rttvar / INFO_US;
    i->min_rtt = s->min_rtt == 0 ? UINT32_MAX : s->min_rtt / INFO_US;
    i->rcv_rtt = s->rcv_rtt / INFO_US;
    i->snd_cwnd = s->cwnd / mss;
    i->snd_ssthresh = s->ssthresh >= INT32_MAX ? INT32_MAX : s->ssthresh / mss;
    i->snd_mss = s->mss;
    i->rcv_mss = t->rcv_mss;
    i->advmss = t->rcv_mss - (s->has_ts ? INFO_TS_LEN : 0);
    i->snd_wnd = s->snd_wnd;
    i->rcv_wnd = s->rcv_wnd;
    i->rcv_space = s->rcv_space;
    i->pacing_rate = (int64_t)s->pacing_rate;
    i->delivery_rate = (int64_t)s->delivery_rate;
    i->delivery_rate_app_limited = s->rate_is_app_limited;
    i->last_data_sent = (t->tcp->c->now - t->last_sent) / INFO_MS;
    i->last_ack_recv = (t->tcp->c->now - t->heard_at) / INFO_MS;
}

/* What was counted. */
static void info_counts(struct info *i, const struct tcb *t, const struct tcp_status *s)
{
    uint32_t syn = !t->syn_acked && seq_gt(t->snd_nxt, t->iss);
    uint32_t flight = u32_min(s->in_flight - syn, s->snd_queue); /* a FIN is no byte of the queue */
    bool fin_acked = t->fin_sent && seq_gt(t->snd_una, t->snd_fin);

    i->unacked = s->out_segs + syn;
    i->sacked = s->sacked_segs;
    i->lost = s->lost_segs;
    i->retrans = s->rtx_segs_now;
    i->total_retrans = s->rtx_segs;
    i->delivered = (int64_t)s->delivered_segs + t->syn_acked;
    i->bytes_acked = (int64_t)s->bytes_acked + (t->syn_acked && !t->is_passive) + fin_acked;
    i->bytes_received = (int64_t)s->bytes_in + t->fin_received;
    i->bytes_retrans = (int64_t)s->rtx_bytes;
    i->bytes_sent = (int64_t)(s->bytes_acked + flight + s->rtx_bytes);
    i->notsent_bytes = s->snd_queue - flight;
    i->segs_in = s->segs_in;
    i->segs_out = s->segs_out;
    i->dsack_dups = s->dsacks_in;
    i->reord_seen = s->reordering;
}

void info_fill(struct info *i, const struct tcb *t, const struct tcp_listener *l, uint32_t mtu)
{
    struct tcp_status s;

    *i = (struct info){.state = info_state(l != NULL ? TCP_LISTEN : TCP_CLOSED),
                       .pmtu = mtu,
                       .reordering = INFO_REORDERING};
    if (l != NULL) { /* the accept queue, and its limit */
        i->unacked = l->queued;
        i->sacked = l->backlog;
    }
    if (t == NULL)
        return;
    tcp_status(t, &s);
    i->state = info_state(s.state);
    if (s.pmtu > 0) /* else the handshake goes on */
        i->pmtu = s.pmtu;
    i->ca_state = s.ca_state;
    i->retransmits = t->timeouts;
    i->probes = s.probes;
    i->backoff = s.backoff;
    i->options = s.has_ts | s.has_sack << 1 | s.has_wscale << 2 | s.has_ecn << 3 | s.ecn_seen << 4 |
                 s.fo_data << 5;
    i->snd_wscale = s.snd_wnd_shift;
    i->rcv_wscale = s.rcv_wnd_shift;
    info_path(i, t, &s);
    info_counts(i, t, &s);
}

bool info_value(const struct info *i, const char *name, int64_t *v)
{
#define INFO_ROW(name) {#name, offsetof(struct info, name)},
    static const struct {
        const char *name;
        size_t at;
    } rows[] = {INFO_FIELDS(INFO_ROW)};
#undef INFO_ROW

    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        if (strcmp(rows[n].name, name) == 0) {
            memcpy(v, (const uint8_t *)i + rows[n].at, sizeof(*v));
            return true;
        }
    }
    return false;
}
