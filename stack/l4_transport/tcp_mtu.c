/*
 * tcp_mtu.c - how long a segment may be: path MTU discovery (RFC 1191, RFC 5927), and what to do when
 * routers are silent (RFC 4821).
 *
 * A full segment is as long as the peer's MSS, the path and the options leave it. The path is the
 * internet layer's knowledge (pmtu.c), shared by all connections to a destination and forgotten after
 * ten minutes; tcp_mtu_follow() looks at it when output runs and something has changed. So all
 * connections follow a lowered estimate before they send, and try longer segments again when it is
 * forgotten. What was in flight when the path got narrower goes again in shorter segments, and
 * without a word to congestion control: nothing was lost for want of bandwidth (RFC 1191 section 6.5).
 *
 * Believing. ICMP is a stranger's word. The quoted sequence number must be in flight
 * (tcp_input_error), the size leave a payload of mss_min (88 bytes: below that most of each packet is
 * headers, and no link has been that small since the eighties), and be less than what we send. A
 * size between that and ip_config.pmtu_min is believed for this connection alone.
 *
 * Black holes. Many routers report nothing, or a filter eats the report: then long segments vanish
 * and short ones pass. tcp_config.mtu_probing has Linux's three values: 0 suffers it; 1 takes R1
 * timeouts of a long segment as the sign of a black hole, falls back to base_mss (1024), each further
 * timeout to half of it, and searches from there; 2 begins every connection at base_mss.
 *
 * The search. What is known: segments of `low` bytes of payload arrive, those above `high` do not. A
 * probe is one segment of new data half way between, sent when there is enough behind it for
 * duplicate ACKs to tell its loss, when the windows take it, and when nothing else is wrong (RFC
 * 4821 section 7.5); one at a time. It arrives: `low` rises, and all segments are that long from now
 * on. It alone is lost: `high` falls, its data go again in two pieces, and congestion control does
 * not hear of it (section 7.6.2); anything else lost, or a timeout: nothing was learnt. The search
 * ends when `low` and `high` are within TCP_MTU_CLOSE; what it found becomes the internet layer's
 * estimate. When that is forgotten, the search goes on.
 */
#include "l4_transport/tcp_priv.h"

enum {
    TCP_MTU_CLOSE = 8,  /* bytes that are not worth a probe: Linux's tcp_probe_threshold */
    TCP_MTU_BEHIND = 4, /* segments that must follow a probe: three duplicate ACKs, and one more */
    TCP_MTU_CWND_SEGS = 11, /* a smaller window has other worries */
};

/* Bytes of a full datagram that are not payload. */
static uint32_t tcp_mtu_overhead(const struct tcb *t, const struct ip_path *path)
{
    return path->hdr_len + TCP_HDR_LEN + (t->has_ts ? 12u : 0);
}

static void tcp_mtu_again(struct tcb *t)
{
    t->path.is_known = false;
    tcp_mtu_follow(t);
}

/* The search's bounds follow the path. */
static void tcp_mtu_bounds(struct tcp_path *p, uint16_t room)
{
    if (room > p->room) /* forgotten: there may be more */
        p->high = room;
    p->room = room;
    p->high = (uint16_t)u32_min(p->high, room);
    p->low = (uint16_t)u32_min(p->low, room);
}

/**
 * tcp_mtu_follow - let the length of a segment follow what is known of the path.
 *
 * Called before output; costs a comparison when nothing has changed.
 */
void tcp_mtu_follow(struct tcb *t)
{
    uint32_t epoch = ip_path_epoch(t->tcp->ip), room;
    struct tcp_path *p = &t->path;
    struct ip_path path;

    if (p->is_known && p->epoch == epoch)
        return;
    p->is_known = true;
    p->epoch = epoch;
    if (ip_route(t->tcp->ip, t->conn.id.remote, t->conn.id.local, &path) == 0) {
        room = path.mtu - tcp_mtu_overhead(t, &path);
        if (path.mtu == path.link_mtu)
            p->told = 0; /* forgotten by all: look anew */
        p->mtu = path.mtu;
        p->gso = (uint16_t)(path.gso_max > path.mtu ? path.gso_max - tcp_mtu_overhead(t, &path) : 0);
    } else {
        p->gso = 0;
        room = 536; /* as RFC 1122 section 3.3.3 has it for the unknown */
    }
    if (p->told != 0)
        room = u32_min(room, p->told);
    room = u32_min(room, t->peer_mss - (t->has_ts ? 12u : 0));
    tcp_mtu_bounds(p, (uint16_t)room);
    t->snd_mss = p->searches ? p->low : p->room;
}

/* The probe is gone; its data go again. */
static void tcp_mtu_resend(struct tcb *t)
{
    struct tcp_sent *r = tcp_sent_find(t, t->path.probe_seq);

    t->path.probing = TCP_MTU_LOST;
    t->tcp->stats.mtu_probes_lost++;
    if (r != NULL && !(r->fate & TCP_SACKED))
        tcp_sent_fate(t, r, r->fate | TCP_LOST);
    t->rtx_due = true;
    tcp_due(t);
}

/** tcp_mtu_begin - the options are negotiated: how long may a segment be? */
void tcp_mtu_begin(struct tcb *t)
{
    const struct tcp_config *cfg = &t->tcp->cfg;

    t->path = (struct tcp_path){.searches = cfg->mtu_probing >= 2,
                                .low = (uint16_t)u32_max(cfg->base_mss, cfg->mss_min)};
    tcp_mtu_follow(t);
}

/**
 * tcp_mtu_too_big - a router says that a segment of ours in flight is too long.
 * @mtu: that would fit
 */
enum verdict tcp_mtu_too_big(struct tcb *t, uint32_t mtu)
{
    struct tcp_path *p = &t->path;
    struct ip_path path;

    tcp_mtu_follow(t);
    if (ip_route(t->tcp->ip, t->conn.id.remote, t->conn.id.local, &path) < 0)
        return V_DROP_ICMP4_NO_OWNER;
    uint32_t overhead = tcp_mtu_overhead(t, &path);

    if (mtu < overhead + t->tcp->cfg.mss_min)
        return V_DROP_ICMP4_MTU;
    uint32_t longest = p->probing == TCP_MTU_OUT ? p->probe : t->snd_mss;

    if (mtu - overhead >= longest)
        return V_DONE;                            /* known: others of that flight have said so */
    bool is_probe = mtu - overhead >= t->snd_mss; /* all the rest may be on its way */

    if (!ip_path_too_big(t->tcp->ip, t->conn.id.remote, mtu))
        return V_DROP_ICMP4_MTU; /* discovery is off */
    if (ip_route(t->tcp->ip, t->conn.id.remote, t->conn.id.local, &path) == 0 && mtu < path.mtu)
        p->told = (uint16_t)(mtu - overhead);
    tcp_mtu_again(t);
    if (is_probe) {
        tcp_mtu_resend(t);
    } else {
        p->probing = TCP_MTU_QUIET;
        tcp_recovery_resend(t);
    }
    return V_DONE;
}

/* ---- searching ---- */

static bool tcp_mtu_is_close(const struct tcp_path *p)
{
    return p->high < p->low + TCP_MTU_CLOSE;
}

/* The bounds have moved. When they have met below what the link takes, all may know. */
static void tcp_mtu_learnt(struct tcb *t)
{
    struct tcp_path *p = &t->path;
    struct ip_path path;

    if (tcp_mtu_is_close(p) && p->low + TCP_MTU_CLOSE <= p->room &&
        ip_route(t->tcp->ip, t->conn.id.remote, t->conn.id.local, &path) == 0)
        ip_path_too_big(t->tcp->ip, t->conn.id.remote, p->low + tcp_mtu_overhead(t, &path));
    tcp_mtu_again(t);
}

/**
 * tcp_mtu_probe - is it time for a probe?
 * @avail: bytes of new data
 *
 * Return: its payload; 0: no; TCP_MTU_WAIT: soon, so send nothing that would take its room.
 */
uint32_t tcp_mtu_probe(const struct tcb *t, uint32_t avail)
{
    const struct tcp_path *p = &t->path;
    uint32_t mss = t->snd_mss, probe = ((uint32_t)p->low + p->high) / 2;
    uint32_t needed = probe + TCP_MTU_BEHIND * mss, room = u32_max(2 * mss, probe);

    if (!p->searches || p->probing != TCP_MTU_QUIET || tcp_mtu_is_close(p))
        return 0;
    if (t->ca_state != TCP_CA_OPEN || t->board.lost.segs > 0 || tcp_sack_room(t) > 0)
        return 0;
    if (t->cwnd < TCP_MTU_CWND_SEGS * mss || avail < needed || t->snd_wnd < needed)
        return 0;
    if (tcp_in_flight(t) + needed > t->snd_wnd)
        return TCP_MTU_WAIT;
    if (tcp_pipe(t) + room > t->cwnd)
        return room > t->cwnd ? 0 : TCP_MTU_WAIT;
    return probe;
}

/** tcp_mtu_probed - a probe of @len bytes has left, from @seq on. */
void tcp_mtu_probed(struct tcb *t, tcp_seq seq, uint32_t len)
{
    t->path.probing = TCP_MTU_OUT;
    t->path.probe = (uint16_t)len;
    t->path.probe_seq = seq;
    t->tcp->stats.mtu_probes++;
}

/** tcp_mtu_acked - SND.UNA has moved: has the probe arrived? */
void tcp_mtu_acked(struct tcb *t)
{
    struct tcp_path *p = &t->path;

    if (p->probing == TCP_MTU_QUIET || seq_lt(t->snd_una, seq_add(p->probe_seq, p->probe)))
        return;
    bool has_arrived = p->probing == TCP_MTU_OUT;

    p->probing = TCP_MTU_QUIET;
    if (!has_arrived)
        return;
    p->low = p->probe;
    t->tcp->stats.mtu_probes_ok++;
    tcp_mtu_learnt(t);
}

/**
 * tcp_mtu_lost - something is lost: was it the probe, and nothing else?
 *
 * Return: true: then it goes again, and that is all.
 */
bool tcp_mtu_lost(struct tcb *t)
{
    struct tcp_path *p = &t->path;
    struct tcp_sent *r = tcp_sent_of(t->board.tree.first);
    bool is_new = p->probing == TCP_MTU_OUT;

    if (p->probing == TCP_MTU_QUIET)
        return false;
    /* Without SACK nobody has marked anything: three duplicates mean the first. */
    if (t->has_sack || !is_new)
        r = tcp_sent_of(tree_first_marked(&t->board.tree));
    if (t->ca_state >= TCP_CA_CWR || r == NULL || seq_lt(tcp_sent_seq(r), p->probe_seq) ||
        seq_geq(tcp_sent_seq(r), seq_add(p->probe_seq, p->probe)) || (r->fate & TCP_EVER_RTX) ||
        t->board.lost.bytes > p->probe) {
        p->probing = TCP_MTU_QUIET; /* that is congestion: it says nothing about the probe */
        return false;
    }
    if (is_new) {
        p->high = (uint16_t)(p->probe - 1);
        tcp_mtu_learnt(t);
        tcp_mtu_resend(t);
    }
    return true;
}

/** tcp_mtu_timeout - the retransmission timer runs out: a black hole (RFC 4821 section 7.7)? */
void tcp_mtu_timeout(struct tcb *t)
{
    const struct tcp_config *cfg = &t->tcp->cfg;
    const struct tcp_sent *first = tcp_sent_of(t->board.tree.first);
    struct tcp_path *p = &t->path;
    uint32_t low = p->searches ? u32_min(p->low / 2, cfg->base_mss) : cfg->base_mss;

    p->probing = TCP_MTU_QUIET;
    low = u32_max(low, cfg->mss_min);
    if (cfg->mtu_probing == 0 || !t->syn_acked || t->timeouts < cfg->retries1 || first == NULL)
        return;
    if (u32_min(first->len, first->seg_len) <= low) /* short: its length was not the reason */
        return;
    p->searches = true;
    p->low = (uint16_t)low;
    t->tcp->stats.mtu_black_holes++;
    tcp_mtu_again(t);
}
