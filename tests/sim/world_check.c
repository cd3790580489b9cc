/*
 * world_check.c - the invariants; what each of them guards against stands beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "l4_transport/tcp_explain.h"
#include "l4_transport/tcp_priv.h"
#include "world.h"

/* ---- arrows: RFC 9293 Figure 5, written down once more, from the figure and not from our table --- */

static const struct {
    const char *from, *cause, *to;
} world_figure[] = {
    {"CLOSED",      "passive open",      "LISTEN"     },
    {"CLOSED",      "snd SYN",           "SYN_SENT"   },
    {"LISTEN",      "rcv SYN",           "SYN_RCVD"   },
    {"LISTEN",      "close",             "CLOSED"     },
    {"SYN_SENT",    "rcv SYN",           "SYN_RCVD"   },
    {"SYN_SENT",    "rcv SYN,ACK",       "ESTABLISHED"},
    {"SYN_SENT",    "close",             "CLOSED"     },
    {"SYN_RCVD",    "rcv ACK of SYN",    "ESTABLISHED"},
    {"SYN_RCVD",    "close",             "FIN_WAIT_1" },
    {"SYN_RCVD",    "rcv RST",           "LISTEN"     },
    {"ESTABLISHED", "close",             "FIN_WAIT_1" },
    {"ESTABLISHED", "rcv FIN",           "CLOSE_WAIT" },
    {"FIN_WAIT_1",  "rcv ACK of FIN",    "FIN_WAIT_2" },
    {"FIN_WAIT_1",  "rcv FIN",           "CLOSING"    },
    {"FIN_WAIT_2",  "rcv FIN",           "TIME_WAIT"  },
    {"CLOSING",     "rcv ACK of FIN",    "TIME_WAIT"  },
    {"CLOSE_WAIT",  "close",             "LAST_ACK"   },
    {"LAST_ACK",    "rcv ACK of FIN",    "CLOSED"     },
    {"TIME_WAIT",   "2MSL",              "CLOSED"     },
 /* Cookies, and what the text says beside the figure. */
    {"LISTEN",      "rcv ACK of cookie", "ESTABLISHED"},
    {"SYN_RCVD",    "rcv SYN",           "LISTEN"     },
    {"SYN_RCVD",    "evicted",           "CLOSED"     },
    {"TIME_WAIT",   "evicted",           "CLOSED"     },
    {"TIME_WAIT",   "reused",            "CLOSED"     },
    {"SYN_SENT",    "rcv ICMP",          "CLOSED"     },
    {"SYN_SENT",    "unreachable",       "CLOSED"     },
};

static_assert(ARRAY_LEN(world_figure) <= 64, "a bit each in world.arrows");

bool world_saw(uint64_t arrows, const char *from, const char *to)
{
    for (size_t i = 0; i < ARRAY_LEN(world_figure); i++) {
        if (strcmp(world_figure[i].from, from) == 0 && strcmp(world_figure[i].to, to) == 0 &&
            (arrows >> i & 1) != 0)
            return true;
    }
    return false;
}

static bool world_arrow_is_legal(struct world *w, const struct trace_tcp_state *s)
{
    static const char *const ends[] = {"rcv RST", "abort", "timeout"};

    for (size_t i = 0; i < ARRAY_LEN(world_figure); i++) {
        if (strcmp(world_figure[i].from, s->from) == 0 &&
            strcmp(world_figure[i].cause, s->cause) == 0 &&
            strcmp(world_figure[i].to, s->to) == 0) {
            w->arrows |= (uint64_t)1 << i;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) { /* any connection may end so, but TIME-WAIT */
        if (strcmp(ends[i], s->cause) == 0)
            return strcmp(s->to, "CLOSED") == 0 && strcmp(s->from, "TIME_WAIT") != 0 &&
                   strcmp(s->from, "LISTEN") != 0 && strcmp(s->from, "CLOSED") != 0;
    }
    return false;
}

static bool world_conn_eq(const struct trace_conn *a, const struct trace_conn *b)
{
    return a->lport == b->lport && a->rport == b->rport && ip_addr_eq(a->local, b->local) &&
           ip_addr_eq(a->remote, b->remote);
}

/* An arrow begins in the state in which the one before ended; a new connection in CLOSED or LISTEN. */
static void world_arrow(struct world_host *h, const struct trace_ev *ev)
{
    const struct trace_tcp_state *s = &ev->u.tcp_state;
    uint32_t slot = (ev->conn.lport * 31u + ev->conn.rport) % WORLD_ARROWS;
    struct world_arrow **at = &h->arrows[slot], *a;

    if (!world_arrow_is_legal(h->w, s))
        world_fail(h->w, "%s: no such arrow: %s -> %s (%s)", h->n.core.name, s->from, s->to,
                   s->cause);
    while (*at != NULL && !world_conn_eq(&(*at)->conn, &ev->conn))
        at = &(*at)->next;
    a = *at;
    bool is_new = strcmp(s->from, "CLOSED") == 0 || strcmp(s->from, "LISTEN") == 0;

    if (!h->w->allow_loss && (a != NULL ? strcmp(a->state, s->from) != 0 : !is_new))
        world_fail(h->w, "%s: %u-%u was in %s, the arrow begins in %s (%s)", h->n.core.name,
                   ev->conn.lport, ev->conn.rport, a != NULL ? a->state : "CLOSED", s->from,
                   s->cause);
    if (strcmp(s->to, "CLOSED") == 0 || strcmp(s->to, "LISTEN") == 0) {
        if (a != NULL) {
            *at = a->next;
            free(a);
        }
        return;
    }
    if (a == NULL) {
        a = calloc(1, sizeof(*a));
        if (a == NULL)
            abort();
        a->conn = ev->conn;
        *at = a;
    }
    a->state = s->to;
}

void world_trace(void *ctx, const struct trace_ev *ev)
{
    struct world_host *h = ctx;
    char line[1024];

    if (ev->kind == TRACE_tcp_state)
        world_arrow(h, ev);
    if (h->w->hash_traces) {
        size_t len = trace_json(ev, line, sizeof(line));

        for (size_t i = 0; i < len; i++)
            h->w->trace_hash = (h->w->trace_hash ^ (uint8_t)line[i]) * 0x100000001b3ull;
        h->w->trace_events++;
    }
    if (getenv("STACKD_TRACE") != NULL)
        fwrite(line, 1, trace_text(ev, line, sizeof(line)), stderr);
}

/* ---- connections ---- */

#define CLAIM(w, h, x)                                                                             \
    do {                                                                                           \
        if (!(x))                                                                                  \
            world_fail((w), "%s: should hold: %s", (h)->n.core.name, #x);                          \
    } while (0)

/* The scoreboard: no gap, no overlap, and the counters are what a walk finds. */
static void world_check_board(struct world *w, const struct world_host *h, const struct tcb *t)
{
    const struct tcp_board *b = &t->board;
    struct tcp_count out = {0}, sacked = {0}, lost = {0}, rtx = {0};
    uint32_t timed = 0, on_way = 0;
    tcp_seq at = tcp_data_seq(t);
    net_time before = INT64_MIN;

    for (const struct tcp_sent *r = tcp_sent_of(b->tree.first); r != NULL; r = tcp_sent_next(r)) {
        CLAIM(w, h, seq_eq(tcp_sent_seq(r), at) && r->len > 0 && r->segs > 0);
        CLAIM(w, h, !(r->fate & TCP_SACKED) || !(r->fate & (TCP_LOST | TCP_RTX)));
        at = tcp_sent_end(r);
        out.bytes += r->len, out.segs += r->segs;
        sacked.bytes += r->fate & TCP_SACKED ? r->len : 0;
        lost.bytes += r->fate & TCP_LOST ? r->len : 0;
        rtx.bytes += r->fate & TCP_RTX ? r->len : 0;
        on_way += !(r->fate & TCP_SACKED) && (r->fate & (TCP_LOST | TCP_RTX)) != TCP_LOST;
    }
    CLAIM(w, h, !t->syn_acked || seq_eq(at, t->snd_nxt));
    CLAIM(w, h, out.bytes == b->out.bytes && out.segs == b->out.segs);
    CLAIM(w, h, sacked.bytes == b->sacked.bytes && lost.bytes == b->lost.bytes);
    CLAIM(w, h, rtx.bytes == b->rtx.bytes && b->rtx.bytes + b->sacked.bytes <= b->out.bytes);
    for (const struct tcp_sent *r = b->oldest; r != NULL; r = r->newer) {
        CLAIM(w, h, r->sent_at >= before);
        before = r->sent_at;
        timed++;
    }
    CLAIM(w, h, timed == on_way);
}

/* The send queue: what is lent, in order and without gaps, is what the ring does not hold. Return: records
 * of the pool. */
static uint32_t world_check_sendq(struct world *w, const struct world_host *h,
                                  const struct sendq *q)
{
    uint32_t records = 0, lent = 0, at = 0;

    CLAIM(w, h, q->ring.len <= q->ring.cap && (q->ring.len > 0 || q->ring.p == NULL));
    if (q->refs != NULL) {
        CLAIM(w, h, q->refs->first != NULL);
        records++;
        for (const struct sendq_ref *r = q->refs->first; r != NULL; r = r->next) {
            CLAIM(w, h, r->at - q->refs->head >= at && r->lent.bytes.len > 0);
            CLAIM(w, h, r->at - q->refs->head == lent + (r->copied - q->refs->eaten));
            at = r->at - q->refs->head + (uint32_t)r->lent.bytes.len;
            lent += (uint32_t)r->lent.bytes.len;
            records++;
        }
    }
    CLAIM(w, h, lent == sendq_lent(q) && at <= sendq_len(q));
    return records;
}

/* A connection that output has left behind is silent for a reason (tcp_explain.c), and never for none: what
 * may leave by the rules has left, unless a pool was empty. */
static void world_check_silence(struct world *w, const struct world_host *h, const struct tcb *t)
{
    const struct tcp *tcp = t->tcp;
    const struct slab *sent =
        &tcp->sent_pool; /* its last quarter is for what is in flight already */
    bool was_scarce =
        sent->peak >= sent->count - sent->count / 4 || h->n.core.pkts.slab.exhausted > 0;
    struct tcp_reason r[TCP_REASONS_MAX];
    unsigned n = tcp_explain(tcp, &t->conn.id, r);

    CLAIM(w, h, n > 0);
    for (unsigned i = 0; i < n; i++) {
        CLAIM(w, h, r[i].kind != TCP_WHY_DUE);
        CLAIM(w, h, r[i].kind != TCP_WHY_RETRY || was_scarce);
    }
}

static void world_check_tcb(struct world *w, const struct world_host *h, const struct tcb *t)
{
    uint32_t grain = (1u << t->rcv_wnd_shift) - 1; /* of the window field */
    bool syn_acked = !seq_eq(t->snd_una, t->iss);

    /* Numbers. */
    CLAIM(w, h, seq_leq(t->snd_una, t->snd_nxt));
    if (syn_acked)
        CLAIM(w, h, seq_leq(t->snd_nxt, seq_add(tcp_data_end(t), t->fin_sent ? 1 : 0)));
    CLAIM(w, h, !t->fin_sent || t->fin_queued);
    world_check_board(w, h, t);
    CLAIM(w, h, t->snd_mss >= h->n.tcp.cfg.mss_min - 12u);

    /* Buffers. A send buffer may be overrun by nothing, a receive buffer by nothing either: what
     * was promised and what is held fit together. */
    CLAIM(w, h, t->snd.ring.len <= t->sndbuf);
    CLAIM(w, h, t->rcv.ring.len <= t->rcv.ring.cap);
    CLAIM(w, h, recvq_len(&t->rcv) + tcp_rcv_wnd(t) <= t->rcvbuf + grain);

    /* Timers: the wheel knows the earliest; what is sent or held back is watched over. */
    net_time at = net_time_min(net_time_min(t->rtx_at, t->delack_at), t->life_at);

    CLAIM(w, h, at == NET_NEVER || (timer_is_armed(&t->conn.timer) && t->conn.timer.at <= at));
    if (t->is_due)
        return;
    CLAIM(w, h, seq_eq(t->snd_una, t->snd_nxt) || t->rtx_at != NET_NEVER);
    CLAIM(w, h, !t->ack_now && t->dup_acks_due == 0);
    world_check_silence(w, h, t);
    if (syn_acked)
        CLAIM(w, h,
              seq_eq(t->snd_nxt, tcp_data_end(t)) || t->fin_sent || t->rtx_at != NET_NEVER ||
                  t->delack_at != NET_NEVER);
}

/* ---- pools ---- */

static uint32_t world_on_cables(const struct world *w, const struct world_host *h)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < w->cable_count; i++) {
        for (unsigned k = 0; k < 2; k++) {
            if (w->cables[i]->host[k] == h)
                n += w->cables[i]->cb.end[k].out.held;
        }
    }
    return n;
}

/* Packets in a receive queue: what they hold, and what they cost, is bounded. Return: how many. */
static uint32_t world_check_recvq(struct world *w, const struct world_host *h, const struct tcb *t)
{
    const struct recvq_refs *l = t->rcv.refs;
    uint32_t bytes = 0, mem = 0, count = 0;

    if (l == NULL)
        return 0;
    for (const struct pkt *p = l->pkts.head; p != NULL; p = p->next) {
        CLAIM(w, h, p->pool == &h->n.core.bigs && p->refs == 1 && p->len > 0 && p->ext_len == 0);
        bytes += p->len;
        mem += p->cap;
        count++;
    }
    CLAIM(w, h, l->q == &t->rcv && count > 0 && count == l->pkts.len);
    CLAIM(w, h,
          bytes == l->bytes && mem == l->mem && (count == 1 || mem <= 2 * (uint64_t)t->rcvbuf));
    return count;
}

static void world_check_host(struct world *w, struct world_host *h)
{
    const struct tcp *tcp = &h->n.tcp;
    uint32_t kinds[4] = {0}, holes = 0, rares = 0, due = 0, lent = 0, kept = 0;
    size_t bytes = 0;

    for (uint32_t i = 0; i <= tcp->table.mask; i++) {
        for (struct hash_node *x = tcp->table.slots[i]; x != NULL; x = x->next) {
            kinds[x->kind]++;
            if (x->kind != TCP_CONN_FULL)
                continue;
            const struct tcb *t = tcb_of(tcp_conn_of(x));

            world_check_tcb(w, h, t);
            lent += world_check_sendq(w, h, &t->snd);
            kept += world_check_recvq(w, h, t);
            bytes += t->snd.ring.cap + (size_t)t->rcv.ring.cap;
            holes += t->ooo != NULL;
            rares += t->rare != NULL;
            due += t->is_due;
        }
    }
    CLAIM(w, h, kinds[TCP_CONN_HALF] == tcp->halves.used);
    CLAIM(w, h, kinds[TCP_CONN_TW] == tcp->tws.used);
    CLAIM(w, h, kinds[TCP_CONN_FULL] <= tcp->tcbs.used);
    CLAIM(w, h, kinds[TCP_CONN_IDLE] == tcp_idle_count(tcp));
    CLAIM(w, h, holes == tcp->hole_pool.used);
    CLAIM(w, h, lent == tcp->lent_pool.used);
    CLAIM(w, h, bytes <= h->n.core.bufs.used);
    if (kinds[TCP_CONN_FULL] == tcp->tcbs.used) {
        CLAIM(w, h, rares == tcp->rares.used);
        CLAIM(w, h, bytes == h->n.core.bufs.used || h->has_services);
        CLAIM(w, h, kept == tcp->kept.packets);
    }

    /* Packets: on the cables, waiting for output, for ARP, to be read, to be whole. */
    uint32_t held = world_on_cables(w, h) + h->n.txq.q.len + tcp->replies.len +
                    h->n.ifs[0].arp.pending + tcp->kept.packets;
    uint32_t used = h->n.core.pkts.slab.used + h->n.core.bigs.slab.used;

    CLAIM(w, h, held <= used);
    if (h->n.udp.socks.used == 0 && ip4_reass_count(&h->n.ip.reass) == 0 && !h->has_services)
        CLAIM(w, h, held == used);

    /* Time. After a host has been served, nothing is due but what a full pool holds up. */
    CLAIM(w, h, due == 0 || tcp->due_first != NULL);
    CLAIM(w, h, h->guest != NULL || net_deadline(&h->n) >= world_now(h));
}

void world_check(struct world *w)
{
    for (unsigned i = 0; i < w->host_count && !w->failed; i++)
        world_check_host(w, w->hosts[i]);
}

void world_check_empty(struct world *w)
{
    for (unsigned i = 0; i < w->host_count; i++) {
        struct world_host *h = w->hosts[i];
        struct net *n = &h->n;

        CLAIM(w, h, net_connections(n) == 0);
        CLAIM(w, h, n->tcp.listener_pool.used == 0);
        CLAIM(w, h, n->udp.socks.used == 0);
        CLAIM(w, h, n->tcp.hole_pool.used == 0);
        CLAIM(w, h, n->tcp.rares.used == 0);
        CLAIM(w, h, n->tcp.lent_pool.used == 0);
        CLAIM(w, h, n->tcp.kept.packets == 0 && n->tcp.kept.slab.used == 0);
        CLAIM(w, h, n->core.pkts.slab.used == 0);
        CLAIM(w, h, n->core.bigs.slab.used == 0);
        CLAIM(w, h, n->core.bufs.used == 0);
        CLAIM(w, h, ready_pop(&n->core.ready) == NULL);
        CLAIM(w, h, !tcp_output_due(&n->tcp));
        for (uint32_t port = 0; port < 65536; port++)
            CLAIM(w, h, n->tcp.port_users[port] == 0);
        for (size_t k = 0; k < WORLD_ARROWS; k++)
            CLAIM(w, h, w->allow_loss || h->arrows[k] == NULL);
    }
}
