/*
 * tcp_tcb.c - the life of a connection's block.
 *
 * A block lives until both have let go of it: the protocol (the connection is over: out of the
 * table, no timers, tcp_over) and the user (tcp_detach). Whoever comes second frees it.
 *
 * A block whose user has gone first is an orphan: it delivers what is left and closes. It gets
 * 120 s for any progress, ten minutes in all, and 60 s in FIN-WAIT-2; when blocks run out, the
 * oldest orphan is given up first, since slow readers and silent peers could otherwise hold them
 * all; but not in its first second, in which an honest peer finishes.
 */
#include "l4_transport/tcp_priv.h"

/* Is there a block for one more connection? If need be one that rests is packed, or the oldest orphan
 * will have to go. */
bool tcp_tcb_make_room(struct tcp *tcp)
{
    tcp_idle_trim(tcp);
    const struct tcb *oldest = tcp->orphan_oldest;

    return tcp->tcbs.used < tcp->tcbs.count ||
           (oldest != NULL && tcp->c->now - oldest->detached_at >= tcp->cfg.rto_initial);
}

/* A block with undefined content, NULL: none is left. In a full pool the oldest orphan goes, and its
 * peer is told so. */
struct tcb *tcp_tcb_alloc(struct tcp *tcp)
{
    if (tcp_tcb_make_room(tcp) && tcp->tcbs.used == tcp->tcbs.count) {
        tcp->stats.orphans_evicted++;
        tcp_fail(tcp->orphan_oldest, TCP_EV_ABORT, 0);
    }
    return slab_alloc(&tcp->tcbs);
}

/* A block that is CLOSED, with the host's defaults, in no list and no table. */
void tcp_tcb_init(struct tcp *tcp, struct tcb *t, const struct tcp_id *id)
{
    *t = (struct tcb){
        .conn = {.link.kind = TCP_CONN_FULL, .id = *id, .state = TCP_CLOSED},
        .tcp = tcp,
        .sndbuf = tcp->cfg.sndbuf,
        .rcvbuf = tcp->cfg.rcvbuf,
        .nodelay = tcp->cfg.nodelay,
        .tos = tcp->cfg.tos,
        .ttl = tcp->cfg.ttl,
        .cc = tcp->cfg.cc,
        .rtx_at = NET_NEVER,
        .delack_at = NET_NEVER,
        .life_at = NET_NEVER,
        .keep_at = NET_NEVER,
        .rto_at = NET_NEVER,
        .reorder_at = NET_NEVER,
        .snd_mss = 536,
        .peer_mss = 536,
        .quick_acks = tcp->cfg.quick_acks,
        .ready.owner = READY_NOBODY,
        .hashed = true,
        .last_sent = tcp->c->now,
    };
    tcp_rtt_init(t);
}

/* A block for @id in @id's place in the table. NULL: none left. */
struct tcb *tcp_tcb_new(struct tcp *tcp, const struct tcp_id *id)
{
    struct tcb *t = tcp_tcb_alloc(tcp);

    if (t == NULL)
        return NULL;
    tcp_tcb_init(tcp, t, id);
    t->conn.ts_offset = tcp_ts_offset(tcp, id);
    tcp_conn_add(tcp, &t->conn);
    return t;
}

/* As long as nothing is attached. */
const struct tcp_rare tcp_rare_none = {.challenge_since = INT64_MIN / 2};

/* To be written: there is one for each block. */
struct tcp_rare *tcp_rare_get(struct tcb *t)
{
    if (t->rare == NULL) {
        t->rare = slab_alloc(&t->tcp->rares);
        NET_ASSERT(t->rare != NULL);
        *t->rare = tcp_rare_none;
    }
    return t->rare;
}

static void tcp_rare_free(struct tcb *t)
{
    if (t->rare != NULL)
        slab_free(&t->tcp->rares, t->rare);
}

/* The user goes. What the protocol still has to do, it does as an orphan. */
void tcp_detach(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    NET_ASSERT(!t->detached);
    t->detached = true;
    t->detached_at = tcp->c->now;
    t->ready.owner = READY_NOBODY;
    ready_del(&t->ready);
    tcp_orphan_link(t);
}

/* Those that are unpacked are not at their place by age, but the moment says how old they are. */
void tcp_orphan_link(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    LIST_APPEND(tcp->orphan_oldest, tcp->orphan_newest, t, orphan_older, orphan_newer);
}

static void tcp_orphan_unlink(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    LIST_REMOVE(tcp->orphan_oldest, tcp->orphan_newest, t, orphan_older, orphan_newer);
}

void tcp_tcb_free(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    NET_ASSERT(!t->in_accept_queue);
    tcp_note_flush(tcp, &t->conn);
    tcp_over(t);
    if (t->detached)
        tcp_orphan_unlink(t);
    ready_del(&t->ready);
    recvq_clear(&t->rcv, &tcp->kept, &tcp->c->bufs);
    tcp_rare_free(t);
    t->tcp = NULL; /* the hand of tcp_idle.c finds nobody here */
    slab_free(&tcp->tcbs, t);
}

/* A record of tcp_idle.c has taken the place of @t. */
void tcp_tcb_moved(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    timer_stop(&tcp->wheel, &t->conn.timer);
    if (t->detached)
        tcp_orphan_unlink(t);
    tcp_rare_free(t);
    t->tcp = NULL;
    slab_free(&tcp->tcbs, t);
}

/* The protocol lets go of @t: out of the table, no timers, nothing more to send. Received bytes
 * stay for the user. Frees the block if the user has gone. */
void tcp_over(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    tcp_timer_stop(t);
    tcp_due_stop(t);
    tcp_reass_free(t);
    tcp_sent_free(t);
    tcp_fo_done(t);
    sendq_clear(&t->snd, &tcp->c->bufs, &tcp->lent_pool);
    if (t->hashed) {
        tcp_conn_del(tcp, &t->conn);
        t->hashed = false;
    }
    if (t->counted) {
        NET_ASSERT(tcp->port_users[t->conn.id.lport] > 0);
        tcp->port_users[t->conn.id.lport]--;
        t->counted = false;
    }
}

/* The connection ends by @ev, in CLOSED, with @error for the user; an abort tells the peer. Frees
 * the block if the user has gone. */
void tcp_fail(struct tcb *t, enum tcp_event_kind ev, int error)
{
    struct tcp *tcp = t->tcp;
    enum tcp_state s = tcp_state(t);
    /* A reset has something to tell unless the peer does not know of us yet, or has sent its FIN
     * and lacks nothing but ours (RFC 9293 section 3.10.5). */
    bool tell = s != TCP_SYN_SENT && !((s == TCP_CLOSING || s == TCP_LAST_ACK) && sendq_len(&t->snd) == 0);

    tcp_event(tcp, &t->conn, ev);
    if (ev == TCP_EV_ABORT) {
        tcp->stats.aborted++;
        if (tell)
            tcp_send_rst(t);
    } else {
        tcp->stats.failed++;
    }
    t->error = (int16_t)error;
    tcp_over(t); /* what had arrived in order can still be read, then comes the error */
    if (t->detached)
        tcp_tcb_free(t);
    else
        tcp_wake(t);
}

/* Tell the user that there is news. */
void tcp_wake(struct tcb *t)
{
    ready_add(&t->tcp->c->ready, &t->ready);
}

void tcp_trace_queue(struct tcp *tcp, const struct tcp_conn *c, const char *name, uint32_t len,
                     uint32_t max)
{
    if (!trace_on(&tcp->c->trace, TRACE_queue))
        return;
    struct trace_ev ev = core_trace(tcp->c, TRACE_queue);

    ev.conn = tcp_trace_conn(c);
    ev.u.queue = (struct trace_queue){name, len, max};
    core_trace_emit(tcp->c, &ev);
}
