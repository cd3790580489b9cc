/*
 * tcp_explain.c - why a connection is silent: the reasons that hold now, with their numbers.
 *
 * A connection that hangs has a reason, and the stack knows it: it is what the code that might send has
 * just decided. So that code is asked, not a copy of it. tcp_next.h holds the conditions under which
 * something leaves, tcp_output.c acts on them and we report them; the same is true of the window that
 * would be told, of R2 (tcp_timer_keep.c), of the way to the neighbour (ip_reach). What is left here is
 * the order in which output asks - the first obstacle it meets is the decisive one - and the words, which
 * stand in tcp_reason.def.
 *
 * The order is that of tcp_output_tcb(): the SYN; what is to be sent again after a timeout; pacing; what is
 * lost; new data. In front of all stands what would stop any segment: no route, no neighbour, no packet.
 * Reasons behind the decisive one hold as well: they would be next if it went away.
 *
 * Nothing changes by being explained. A connection that rests is looked at as it would be unpacked.
 */
#include "l4_transport/tcp_explain.h"

#include "base/fmt.h"
#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_next.h"

struct why {
    struct tcp_reason *out;
    unsigned n;
};

static void why(struct why *w, enum tcp_reason_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
    if (w->n < TCP_REASONS_MAX)
        w->out[w->n++] = (struct tcp_reason){
            .kind = kind, .value = {a, b, c}
        };
}

/* The one noted last, to be given more. */
static struct tcp_reason *why_last(struct why *w)
{
    return &w->out[w->n - 1];
}

static uint64_t why_left(const struct tcp *tcp, net_time at)
{
    return at == NET_NEVER || at <= tcp->c->now ? 0 : (uint64_t)(at - tcp->c->now);
}

/* What is left of the timer @name; 0: it does not run. */
static uint64_t why_timer(const struct tcb *t, const char *name)
{
    struct tcp_timer_info timers[TCP_TIMERS];
    unsigned count = tcp_timer_list(t, timers);

    for (unsigned i = 0; i < count; i++) {
        const char *a = timers[i].name, *b = name;

        while (*a == *b && *a != '\0') {
            a++;
            b++;
        }
        if (*a == *b)
            return timers[i].left > 0 ? (uint64_t)timers[i].left : 0;
    }
    return 0;
}

/* ---- what stops any segment ---- */

static void why_way(struct why *w, const struct tcp *tcp, const struct tcp_id *id)
{
    static const enum tcp_reason_kind kinds[] = {
        [IP_REACH_ASKING] = TCP_WHY_ARP_ASKING,
        [IP_REACH_SILENT] = TCP_WHY_ARP_SILENT,
        [IP_REACH_NO_ROUTE] = TCP_WHY_NO_ROUTE,
        [IP_REACH_NO_SOURCE] = TCP_WHY_NO_SOURCE,
    };
    const struct slab *packets = &tcp->c->pkts.slab;
    struct ip_addr next_hop;
    uint32_t waiting;
    enum ip_reach reach = ip_reach(tcp->ip, id->local, id->remote, &next_hop, &waiting);

    if (reach != IP_REACH_OPEN) {
        why(w, kinds[reach], 0, 0, 0);
        why_last(w)->ip = next_hop;
        if (reach == IP_REACH_ASKING)
            why_last(w)->value[1] = waiting; /* behind the address */
    }
    if (packets->used == packets->count)
        why(w, TCP_WHY_NO_PACKET, packets->count, 0, 0);
}

/* ---- sending ---- */

/* The handshake is not over. */
static void why_syn(struct why *w, const struct tcb *t)
{
    uint8_t most = tcp_timer_syn_most(t);
    uint64_t left = most > t->backoff ? (uint64_t)most - t->backoff : 0;
    enum tcp_reason_kind kind =
        tcp_state(t) == TCP_SYN_SENT ? TCP_WHY_SYN_SENT : TCP_WHY_SYN_ACK_SENT;

    if (t->fo_deferred)
        why(w, TCP_WHY_SYN_DEFERRED, 0, 0, 0);
    else
        why(w, kind, tcp_next_is_syn(t) ? t->backoff : t->backoff + 1u, why_left(t->tcp, t->rtx_at),
            left);
}

/* What is lost is to go again: does it? */
static void why_lost(struct why *w, const struct tcb *t)
{
    struct tcp_sent *r;

    switch (tcp_next_lost(t, &r)) {
    case TCP_HOLD_FRTO:
        why(w, TCP_WHY_FRTO, 0, 0, 0);
        break;
    case TCP_HOLD_CWND:
        why(w, TCP_WHY_LOST_CWND, t->board.lost.segs, tcp_recovery_window(t), tcp_pipe(t));
        break;
    case TCP_HOLD_WINDOW:
        why(w, TCP_WHY_LOST_WINDOW, t->snd_wnd, 0, 0);
        break;
    default:
        break;
    }
}

static void why_window(struct why *w, const struct tcb *t, const struct tcp_next *n)
{
    if (t->snd_wnd == 0)
        why(w, TCP_WHY_ZERO_WINDOW, n->avail, t->probes_out, why_timer(t, "persist"));
    else
        why(w, TCP_WHY_WINDOW_FULL, t->snd_wnd, tcp_in_flight(t), n->avail);
}

/* What has never been sent. */
static void why_new(struct why *w, const struct tcb *t)
{
    struct tcp_next n;

    switch (tcp_next_data(t, &n)) {
    case TCP_HOLD_WINDOW:
        why_window(w, t, &n);
        break;
    case TCP_HOLD_CWND:
        why(w, TCP_WHY_CWND_FULL, tcp_recovery_window(t), tcp_pipe(t), n.avail);
        break;
    case TCP_HOLD_MTU:
        why(w, TCP_WHY_MTU_WAIT, n.avail, 0, 0);
        break;
    case TCP_HOLD_NAGLE:
        why(w, TCP_WHY_NAGLE, n.avail, n.mss, tcp_in_flight(t));
        break;
    case TCP_HOLD_MORE:
        why(w, TCP_WHY_MORE, n.avail, n.mss, 0);
        break;
    case TCP_HOLD_SWS:
        why(w, TCP_WHY_SWS, n.usable, n.mss, t->max_snd_wnd);
        break;
    case TCP_MAY_SEND:
    case TCP_MAY_PROBE:
        if (tcp_next_is_paced(t))
            break;
        if (t->is_due)
            why(w, TCP_WHY_DUE, n.avail, 0, 0);
        else /* output has been here, and could not */
            why(w, TCP_WHY_RETRY, n.avail, why_left(t->tcp, net_time_min(t->delack_at, t->rtx_at)),
                0);
        break;
    default:
        break;
    }
    if (why_timer(t, "persist") > 0 && t->snd_wnd > 0)
        why(w, TCP_WHY_OVERRIDE, why_timer(t, "persist"), 0, 0);
}

/* Is there anything that could leave if nothing kept it back? */
static bool why_has_more(const struct tcb *t)
{
    return t->board.lost.segs > t->board.rtx.segs || seq_lt(t->snd_nxt, tcp_data_end(t));
}

/* Everything has been sent: what then? */
static void why_all_sent(struct why *w, const struct tcb *t)
{
    uint64_t left = why_left(t->tcp, t->rtx_at);

    if (tcp_in_flight(t) > 0 && t->timeouts == 0 && sendq_len(&t->snd) > 0)
        why(w, TCP_WHY_WAIT_ACK, sendq_len(&t->snd), left, 0);
    if (t->fin_sent)
        why(w, tcp_fin_acked(t) ? TCP_WHY_CLOSED_SEND : TCP_WHY_FIN_SENT, 0, 0, 0);
    else if (sendq_len(&t->snd) == 0 && t->syn_acked)
        why(w, TCP_WHY_NOTHING, 0, 0, 0);
}

static void why_send(struct why *w, const struct tcb *t)
{
    const struct tcp *tcp = t->tcp;

    if (why_has_more(t) || tcp_in_flight(t) > 0 || !t->syn_acked)
        why_way(w, tcp, &t->conn.id);
    if (!t->syn_acked)
        why_syn(w, t);
    if (t->timeouts > 0 && t->syn_acked) {
        why(w, TCP_WHY_RTO, t->timeouts, (uint64_t)tcp_rto(t), t->backoff);
        why_last(w)->value[3] = why_left(tcp, t->rtx_at);
        why_last(w)->value[4] = why_left(tcp, tcp_timer_r2_at(t));
    }
    if (t->syn_acked && why_has_more(t) && tcp_next_is_paced(t))
        why(w, TCP_WHY_PACED, tcp_pacing_rate(t), why_left(tcp, t->pace_at), 0);
    if (t->syn_acked) {
        why_lost(w, t);
        why_new(w, t);
    }
    if (!why_has_more(t))
        why_all_sent(w, t);
    if (t->starved)
        why(w, TCP_WHY_NO_BUFFER, tcp->c->bufs.used, why_left(tcp, t->delack_at), 0);
    else if (!t->detached && !t->fin_queued && t->syn_acked && !tcp_writable(t))
        why(w, TCP_WHY_SNDBUF_FULL, sendq_len(&t->snd), t->sndbuf, 0);
}

/* ---- receiving ---- */

static void why_own_window(struct why *w, const struct tcb *t)
{
    struct tcp_next_gain g = tcp_next_gain(t);
    uint32_t window = tcp_rcv_wnd(t);

    if (window == 0 && recvq_len(&t->rcv) > 0)
        why(w, TCP_WHY_WINDOW_SHUT, recvq_len(&t->rcv), tcp_rcvbuf_limit(t), 0);
    else if (recvq_len(&t->rcv) > 0)
        why(w, TCP_WHY_UNREAD, recvq_len(&t->rcv), window, 0);
    if (g.gain > 0 && window < g.enough && !tcp_next_is_update(t, &g))
        why(w, TCP_WHY_WINDOW_SMALL, window, (uint64_t)g.gain, g.enough);
    if (ring_is_scarce(&t->tcp->c->bufs) && tcp_rcvbuf_limit(t) < t->rcvbuf)
        why(w, TCP_WHY_SCARCE, t->tcp->c->bufs.used, tcp_rcvbuf_limit(t), 0);
}

/* What has come, and cannot be used. */
static void why_order(struct why *w, const struct tcb *t)
{
    if (t->ooo != NULL)
        why(w, TCP_WHY_HOLE, tcp_reass_missing(t), tcp_reass_bytes(t), tcp_reass_count(t));
    if (t->fin_ahead && !t->fin_received)
        why(w, TCP_WHY_FIN_AHEAD, seq_dist(t->rcv_nxt, t->fin_seq), 0, 0);
}

static void why_recv(struct why *w, const struct tcb *t)
{
    const struct tcp *tcp = t->tcp;

    if (!t->syn_acked) {
        why(w, TCP_WHY_HANDSHAKE, 0, 0, 0);
        return;
    }
    if (t->detached && !t->rcv_shut && !t->fin_received)
        why(w, TCP_WHY_ORPHAN, 0, 0, 0);
    if (t->rcv_shut && !t->fin_received)
        why(w, TCP_WHY_SHUT, 0, 0, 0);
    if (!t->fin_received)
        why_own_window(w, t);
    else if (recvq_len(&t->rcv) > 0)
        why(w, TCP_WHY_UNREAD, recvq_len(&t->rcv), tcp_rcv_wnd(t), 0);
    why_order(w, t);
    if (t->fin_received)
        why(w, TCP_WHY_PEER_CLOSED, 0, 0, 0);
    if (t->delayed > 0 && t->delack_at != NET_NEVER)
        why(w, TCP_WHY_DELAYED_ACK, t->delayed, why_left(tcp, t->delack_at), 0);
    if (!t->fin_received)
        why(w, TCP_WHY_SILENCE, (uint64_t)(tcp->c->now - t->heard_at), 0, 0);
}

/* ---- what becomes of it ---- */

static void why_life(struct why *w, const struct tcb *t)
{
    if (t->in_accept_queue)
        why(w, TCP_WHY_UNACCEPTED, 0, 0, 0);
    if (t->life_at != NET_NEVER)
        why(w, tcp_state(t) == TCP_FIN_WAIT_2 ? TCP_WHY_FIN_WAIT_2 : TCP_WHY_LINGER,
            why_left(t->tcp, t->life_at), 0, 0);
    if (t->keep_at == NET_NEVER)
        return;
    if (t->probes_out > 0 && sendq_len(&t->snd) == 0)
        why(w, TCP_WHY_KEEP_PROBING, t->probes_out, why_left(t->tcp, t->keep_at), 0);
    else
        why(w, TCP_WHY_KEEP_WAIT, why_left(t->tcp, t->keep_at), 0, 0);
}

static void why_full(struct why *w, const struct tcb *t)
{
    why_send(w, t);
    why_recv(w, t);
    why_life(w, t);
}

static void why_half(struct why *w, const struct tcp *tcp, const struct tcp_half *h)
{
    const struct tcp_listener *l = h->listener;
    uint64_t more =
        h->retries < tcp->cfg.synack_retries ? (uint64_t)tcp->cfg.synack_retries - h->retries : 0;

    if (l->queued >= l->backlog)
        why(w, TCP_WHY_ACCEPT_FULL, l->queued, l->backlog, 0);
    why_way(w, tcp, &h->conn.id);
    why(w, TCP_WHY_SYN_ACK_SENT, h->sent, why_left(tcp, h->conn.timer.at), more);
    why(w, TCP_WHY_HANDSHAKE, 0, 0, 0);
}

static void why_listener(struct why *w, const struct tcp *tcp, const struct tcp_listener *l)
{
    if (l->queued >= l->backlog)
        why(w, TCP_WHY_QUEUE_FULL, l->queued, l->backlog, 0);
    if (tcp->halves.used >= tcp->halves.count)
        why(w, TCP_WHY_POOL_FULL, tcp->halves.used, tcp->halves.count, 0);
    why(w, TCP_WHY_LISTENING, l->half_open, l->queued, l->backlog);
}

static void why_idle(struct why *w, const struct tcp *tcp, const struct tcp_idle *i)
{
    struct tcp_rare rare;
    struct tcb t;

    tcp_idle_fill((struct tcp *)(uintptr_t)tcp, i, &t, &rare); /* which it does not change */
    why_full(w, &t);
    why(w, TCP_WHY_RESTS, (uint32_t)tcp_idle_size(i), 0, 0);
}

/* The one that a segment to @id would meet; without an address the first one at the port. */
static const struct tcp_listener *why_find_listener(const struct tcp *tcp, const struct tcp_id *id)
{
    const struct hash_node *n = hash_first(&tcp->listeners, id->lport);

    if (!ip_addr_is_any(id->local))
        return tcp_find_listener(tcp, id->local, id->lport);
    for (; n != NULL; n = n->next) {
        const struct tcp_listener *l =
            container_of((uintptr_t)n, const struct tcp_listener, conn.link);

        if (l->conn.id.lport == id->lport)
            return l;
    }
    return NULL;
}

unsigned tcp_explain(const struct tcp *tcp, const struct tcp_id *id, struct tcp_reason *out)
{
    struct why w = {.out = out};

    if (id->rport == 0) {
        const struct tcp_listener *l = why_find_listener(tcp, id);

        if (l != NULL)
            why_listener(&w, tcp, l);
        return w.n;
    }
    const struct hash_node *n = tcp_find_any(tcp, id);

    if (n == NULL)
        return 0;
    const struct tcp_conn *c = container_of((uintptr_t)n, const struct tcp_conn, link);

    switch ((enum tcp_conn_kind)n->kind) {
    case TCP_CONN_FULL:
        why_full(&w, container_of((uintptr_t)c, const struct tcb, conn));
        break;
    case TCP_CONN_IDLE:
        why_idle(&w, tcp, container_of((uintptr_t)n, const struct tcp_idle, link));
        break;
    case TCP_CONN_HALF:
        why_half(&w, tcp, container_of((uintptr_t)c, const struct tcp_half, conn));
        break;
    case TCP_CONN_TW:
        why(&w, TCP_WHY_TIME_WAIT, why_left(tcp, c->timer.at), (uint64_t)(2 * tcp->cfg.msl), 0);
        break;
    }
    return w.n;
}

/* ---- words ---- */

const struct tcp_reason_info *tcp_reason_info(enum tcp_reason_kind kind)
{
    static const struct tcp_reason_info infos[TCP_REASON_KINDS] = {
#define TCP_REASON(name, side, rfc, sentence)                                                      \
    [TCP_WHY_##name] = {#name, rfc, sentence, TCP_WHY_##side},
#include "l4_transport/tcp_reason.def"
#undef TCP_REASON
    };

    NET_ASSERT(kind < TCP_REASON_KINDS);
    return &infos[kind];
}

static bool why_ends_with(const char *key, size_t len, const char *end, size_t end_len)
{
    return len >= end_len && memcmp(key + len - end_len, end, end_len) == 0;
}

/* A time as people read it: 12.3 s, 40 ms, 0.25 ms. */
static void why_put_time(struct fmt *f, uint64_t ns)
{
    const char *unit = ns >= 1000000000u ? " s" : " ms";
    uint64_t base = ns >= 1000000000u ? 1000000000u : 1000000u, whole = ns / base;
    uint64_t hundredths = ns % base * 100 / base;

    fmt_u64(f, whole);
    if (whole < 10 && hundredths % 10 != 0) {
        fmt_char(f, '.');
        fmt_u64_pad(f, hundredths, 2);
    } else if (whole < 100 && hundredths >= 10) {
        fmt_char(f, '.');
        fmt_u64(f, hundredths / 10);
    }
    fmt_str(f, unit);
}

static void why_put_value(struct fmt *f, const struct tcp_reason *r, const char *key, size_t len,
                          uint64_t value)
{
    if (why_ends_with(key, len, "_ip", 3)) {
        fmt_ip(f, r->ip);
    } else if (why_ends_with(key, len, "_ms", 3)) {
        why_put_time(f, value);
    } else {
        fmt_u64(f, value);
        if (why_ends_with(key, len, "_bytes", 6))
            fmt_str(f, value == 1 ? " byte" : " bytes");
    }
}

/* The next {name} at or behind @s: where it begins, its length in *len; NULL: there is none. */
static const char *why_next_key(const char *s, size_t *len)
{
    while (*s != '\0' && *s != '{')
        s++;
    if (*s == '\0')
        return NULL;
    s++;
    for (*len = 0; s[*len] != '}'; ++*len)
        NET_ASSERT(s[*len] != '\0');
    return s;
}

size_t tcp_reason_text(const struct tcp_reason *r, char *out, size_t cap)
{
    struct fmt f = {.p = out, .cap = cap};
    const char *s = tcp_reason_info(r->kind)->sentence, *key;
    size_t len;

    for (unsigned i = 0; (key = why_next_key(s, &len)) != NULL; i++) {
        NET_ASSERT(i < TCP_REASON_VALUES);
        fmt_bytes(&f, s, (size_t)(key - 1 - s));
        why_put_value(&f, r, key, len, r->value[i]);
        s = key + len + 1;
    }
    fmt_str(&f, s);
    return f.len;
}

size_t tcp_reason_key(const struct tcp_reason *r, unsigned i, char *out, size_t cap)
{
    const char *s = tcp_reason_info(r->kind)->sentence;
    size_t len = 0;

    for (unsigned at = 0; (s = why_next_key(s, &len)) != NULL; at++) {
        if (at == i && len <= cap) {
            memcpy(out, s, len);
            return len;
        }
    }
    return 0;
}
