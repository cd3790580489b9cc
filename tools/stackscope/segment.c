/*
 * segment.c - what a segment is: new, sent again (and why), early, late; a probe, a keep-alive, an
 * update of the window.
 *
 * RFC 9293 gives names to what an end does; the wire shows only numbers and times. So each class has a
 * rule that needs nothing but what both ends have sent so far:
 *
 * - Text above all that its sender sent before leaves a *gap*; the numbers of the gap are kept as a
 *   hole. What fills a hole later came late (*out of order*) if it comes sooner than a round trip: no
 *   news of the hole can have reached the sender. Else it was lost on its way to us and *sent again*.
 * - Text that brings nothing new was sent again: *spurious* if all of it was acknowledged, *fast* if
 *   duplicate ACKs or SACKs asked for it just now (RFC 5681 section 3.2, RFC 8985), else after a timeout.
 * - One old octet, or none, just below SND.NXT is a *keep-alive* (RFC 9293 section 3.8.4), or a *window
 *   probe* when the other end's window is closed (section 3.8.6.1).
 * - A *duplicate ACK* is that of RFC 5681 section 2: no text, same number, same window, something in
 *   flight; or one with SACK blocks that says the same (RFC 6675).
 *
 * A segment that lies wholly beyond the window by another window cannot be the end's own doing (or the
 * capture lost much): it is classified, and moves no number.
 */
#include "conn.h"

enum {
    OUT_OF_ORDER_NS = 3000000, /* when no round trip is known: as Wireshark */
    FAST_NS = 20000000         /* at least so long after a duplicate ACK counts as "just now" */
};

/* --- what is in flight --- */

static struct flight *flight_at(struct track *t, uint32_t i)
{
    return &t->flights[i];
}

static uint32_t flight_take(struct track *t)
{
    uint32_t i = t->flight_free;

    if (i != CONN_NONE)
        t->flight_free = t->flights[i].next;
    else if (t->flight_used < t->flight_count)
        i = t->flight_used++;
    return i;
}

static void flight_push(struct track *t, struct side *s, tcp_seq from, tcp_seq to)
{
    uint32_t i = s->flights < CONN_FLIGHTS ? flight_take(t) : CONN_NONE;

    if (i == CONN_NONE) { /* full: the last one grows */
        if (s->flights != 0) {
            struct flight *last = flight_at(t, s->flight_last);
            last->to = to;
            last->blurred = true;
        }
        return;
    }
    *flight_at(t, i) = (struct flight){t->now, t->frame, from, to, CONN_NONE, false};
    if (s->flights++ == 0)
        s->flight_first = i;
    else
        flight_at(t, s->flight_last)->next = i;
    s->flight_last = i;
}

/* Up to @ack it has arrived. Return: the round trip of the newest segment, -1: none can be told. */
static int64_t flight_pop(struct track *t, struct side *s, tcp_seq ack)
{
    int64_t rtt = -1;

    while (s->flights != 0) {
        uint32_t i = s->flight_first;
        struct flight *f = flight_at(t, i);

        if (seq_gt(f->to, ack))
            break;
        rtt = f->blurred ? -1 : t->now - f->time;
        s->flight_first = f->next;
        s->flights--;
        f->next = t->flight_free;
        t->flight_free = i;
    }
    return rtt;
}

static struct flight *flight_find(struct track *t, const struct side *s, tcp_seq seq)
{
    uint32_t i = s->flight_first;

    for (uint16_t n = s->flights; n > 0; n--) {
        struct flight *f = flight_at(t, i);
        if (seq_leq(f->from, seq) && seq_lt(seq, f->to))
            return f;
        i = f->next;
    }
    return NULL;
}

void segment_forget(struct track *t, struct conn *c)
{
    for (unsigned e = 0; e < 2; e++) {
        struct side *s = &c->side[e];

        if (s->flights != 0) {
            flight_at(t, s->flight_last)->next = t->flight_free;
            t->flight_free = s->flight_first;
            s->flights = 0;
        }
        rtt_free(&s->rtt);
    }
}

/* --- what the capture lacks --- */

static void hole_add(struct track *t, struct side *s, tcp_seq from, tcp_seq to)
{
    if (s->holes == CONN_HOLES) { /* the oldest one is given up */
        memmove(&s->hole[0], &s->hole[1], sizeof(s->hole[0]) * (CONN_HOLES - 1));
        s->holes--;
    }
    s->hole[s->holes++] = (struct hole){from, to, t->now};
}

static void hole_del(struct side *s, unsigned i)
{
    memmove(&s->hole[i], &s->hole[i + 1], sizeof(s->hole[0]) * (s->holes - i - 1u));
    s->holes--;
}

/* [from, to) is here. Return: when the hole that it filled, wholly or partly, was found; -1: none. */
static int64_t hole_fill(struct side *s, tcp_seq from, tcp_seq to)
{
    for (unsigned i = 0; i < s->holes; i++) {
        struct hole *h = &s->hole[i];
        int64_t time = h->time;

        if (!(seq_lt(from, h->to) && seq_gt(to, h->from)))
            continue;
        if (i == s->holes - 1u && seq_geq(to, h->to))
            s->top_hole = false;
        if (seq_leq(from, h->from) && seq_geq(to, h->to))
            hole_del(s, i);
        else if (seq_leq(from, h->from))
            h->from = to;
        else
            h->to = from; /* what lies behind a piece in the middle is forgotten */
        return time;
    }
    return -1;
}

/* --- classes --- */

static void segment_text(struct side *s, struct track_end *e, const struct track_segment *g,
                         uint32_t fresh)
{
    e->bytes += fresh;
    if (g->d->tcp.flags & TCP_FIN) {
        s->fin_seen = true;
        s->fin_seq = seq_add(g->d->tcp.seq, g->len + ((g->d->tcp.flags & TCP_SYN) != 0));
    }
}

/* The numbers up to @to are new; those before @from the capture does not have. */
static void segment_advance(struct track *t, struct conn *c, struct track_segment *g, tcp_seq from,
                            tcp_seq to)
{
    struct side *s = &c->side[g->from];

    if (seq_gt(from, s->nxt)) {
        g->what |= SEG_GAP;
        c->pub.end[g->from].gaps++;
        hole_add(t, s, s->nxt, from);
        s->top_hole = seq_eq(from, to);
        s->top_witnesses = 0;
    } else if (seq_gt(to, from)) {
        s->top_hole = false; /* more follows: so no FIN can have been in the hole below it */
    }
    if (seq_gt(to, from))
        flight_push(t, s, from, to);
    s->nxt = to;
}

/* It ends where older segments ended, or before: sent again, or late. */
static void segment_again(struct track *t, struct conn *c, struct track_segment *g, tcp_seq end)
{
    struct side *s = &c->side[g->from];
    const struct side *o = &c->side[1 - g->from];
    struct track_end *e = &c->pub.end[g->from];
    tcp_seq seq = g->d->tcp.seq;
    struct flight *f = flight_find(t, s, seq);
    int64_t rtt = s->rtt.samples != 0 ? s->rtt_last : OUT_OF_ORDER_NS;
    bool asked = o->dups != 0 && seq_leq(o->ack, seq) &&
                 t->now - o->dup_time <= (2 * rtt > FAST_NS ? 2 * rtt : FAST_NS);

    if (f != NULL) {
        f->blurred = true;
        g->rtx_of = f->frame;
    }
    int64_t hole = hole_fill(s, seq, end);
    if (hole >= 0) {
        segment_text(s, e, g, g->len);
        if (!asked && t->now - hole < (rtt < OUT_OF_ORDER_NS ? rtt : OUT_OF_ORDER_NS)) {
            g->what |= SEG_OUT_OF_ORDER;
            e->out_of_order++;
            return;
        }
    }
    g->what |= SEG_RTX;
    if (seq_leq(end, s->una))
        g->what |= SEG_SPURIOUS;
    else if (asked)
        g->what |= SEG_FAST_RTX;
    e->rtx_segments++;
    e->rtx_bytes += hole >= 0 ? 0 : g->len;
}

/* Just below SND.NXT, one octet or none? */
static bool segment_is_probe(const struct side *s, const struct side *o, struct track_segment *g)
{
    uint8_t flags = g->d->tcp.flags;

    if (g->len > 1 || (flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0 || !s->seen)
        return false;
    if (seq_eq(seq_add(g->d->tcp.seq, 1), s->nxt) && seq_lt(g->d->tcp.seq, s->una)) {
        g->what |= o->seen && o->raw_wnd == 0 ? SEG_WINDOW_PROBE : SEG_KEEPALIVE;
        return true;
    }
    return false;
}

/* Beyond the window? */
static void segment_window(const struct conn *c, struct track_segment *g, tcp_seq text_end)
{
    const struct side *o = &c->side[1 - g->from];

    if (g->len == 0 || !o->has_right || (g->d->tcp.flags & (TCP_SYN | TCP_RST)) != 0)
        return;
    if (seq_gt(text_end, o->right)) {
        bool probes = o->raw_wnd == 0 && g->len == 1 && seq_eq(g->d->tcp.seq, o->right);
        g->what |= probes ? SEG_WINDOW_PROBE : SEG_WINDOW_EXCEEDED;
    } else if (seq_eq(text_end, o->right)) {
        g->what |= SEG_WINDOW_FULL;
    }
}

/* What it sends: SEG.SEQ and SEG.LEN. Return: may its ACK be believed? */
static bool segment_seq(struct track *t, struct conn *c, struct track_segment *g)
{
    struct side *s = &c->side[g->from];
    const struct side *o = &c->side[1 - g->from];
    struct track_end *e = &c->pub.end[g->from];
    const struct tcp_seg *h = &g->d->tcp;
    tcp_seq end = seq_add(h->seq, tcp_seg_len(h));
    bool is_rst = (h->flags & TCP_RST) != 0;

    if (is_rst) { /* takes no number, and may be anybody's */
        if (!s->seen)
            e->iss = seq_sub(h->seq, 1);
        return !s->seen || (seq_leq(h->seq, s->nxt) && seq_geq(h->seq, s->una));
    }
    if (s->seen && (h->flags & TCP_SYN) != 0 && !seq_eq(h->seq, e->iss) &&
        c->machine[g->from].phase <= PHASE_SYN_RCVD) { /* it has begun anew */
        flight_pop(t, s, s->nxt);
        s->seen = s->fin_seen = false;
        s->holes = 0;
    }
    if (!s->seen) {
        s->seen = true;
        e->knows_iss = (h->flags & TCP_SYN) != 0;
        e->iss = e->knows_iss ? h->seq : seq_sub(h->seq, 1);
        s->nxt = s->una = s->nxt_before = h->seq;
        s->rtt_last = -1;
    }
    segment_window(c, g, seq_add(h->seq, g->len));
    if (s->fin_seen && g->len != 0 && seq_gt(seq_add(h->seq, g->len), s->fin_seq))
        g->what |= SEG_AFTER_FIN;
    if (segment_is_probe(s, o, g))
        return true;
    if (o->has_right && c->pub.end[1 - g->from].window_max != 0 &&
        seq_gt(h->seq, seq_add(o->right, c->pub.end[1 - g->from].window_max + 65535)))
        return false; /* a stranger's, or much was lost: no number moves */
    if (seq_gt(end, s->nxt) || seq_geq(h->seq, s->nxt)) {
        tcp_seq from = seq_max(h->seq, s->nxt);
        if (seq_lt(h->seq, s->nxt) && g->len != 0) { /* old text with new behind it */
            g->what |= SEG_RTX;
            e->rtx_segments++;
            e->rtx_bytes += seq_dist(h->seq, s->nxt);
            struct flight *f = flight_find(t, s, h->seq);
            g->rtx_of = f == NULL ? 0 : f->frame;
            for (; f != NULL; f = f->next == CONN_NONE ? NULL : flight_at(t, f->next))
                f->blurred = true;
            hole_fill(s, h->seq, s->nxt);
        }
        uint32_t fresh = seq_dist(from, end), controls = tcp_seg_len(h) - g->len;
        segment_text(s, e, g, fresh > controls ? fresh - controls : 0);
        segment_advance(t, c, g, seq_geq(h->seq, s->nxt) ? h->seq : from, end);
    } else if (tcp_seg_len(h) != 0) {
        segment_again(t, c, g, end);
    }
    return true;
}

/* A repetition of what it said before? */
static void segment_repeats(struct track *t, const struct conn *c, struct track_segment *g)
{
    struct side *s = (struct side *)&c->side[g->from];
    const struct side *o = &c->side[1 - g->from];
    const struct tcp_seg *h = &g->d->tcp;

    if (g->len != 0 || (h->flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0 || !s->has_ack ||
        (g->what & (SEG_KEEPALIVE | SEG_WINDOW_PROBE)) != 0 || !seq_eq(h->ack, s->ack))
        return;
    if (h->opt.sack_count != 0)
        s->dup_time = t->now; /* asks for what is missing, whatever else it says */
    if ((o->last_what & (SEG_KEEPALIVE | SEG_WINDOW_PROBE)) != 0 && h->wnd == s->raw_wnd) {
        g->what |= SEG_KEEPALIVE_ACK;
    } else if (h->wnd != s->raw_wnd && h->opt.sack_count == 0) {
        g->what |= SEG_WINDOW_UPDATE;
    } else if (h->wnd != 0 && (seq_gt(o->nxt, h->ack) || h->opt.sack_count != 0)) {
        g->what |= SEG_DUP_ACK;
        s->dups++;
        s->dup_time = t->now;
    }
}

/* What it has got: SEG.ACK and SEG.WND. */
static void segment_ack(struct track *t, struct conn *c, struct track_segment *g)
{
    struct side *s = &c->side[g->from], *o = &c->side[1 - g->from];
    struct track_end *e = &c->pub.end[g->from], *peer = &c->pub.end[1 - g->from];
    const struct tcp_seg *h = &g->d->tcp;

    if (o->seen && seq_gt(h->ack, o->nxt) && (h->flags & TCP_RST) == 0 &&
        c->machine[1 - g->from].phase !=
            PHASE_SYN_SENT) { /* there it is no answer, but an old segment */
        g->what |= SEG_UNSEEN_ACKED;
        hole_add(t, o, o->nxt, h->ack); /* it was sent, we have not got it */
        o->nxt = h->ack;
        o->top_hole = true;
        o->top_witnesses = 0;
    }
    segment_repeats(t, c, g);
    if (!s->has_ack || seq_gt(h->ack, s->ack)) {
        s->has_ack = true;
        s->ack = h->ack;
        s->dups = 0;
        if (h->opt.sack_count != 0) {
            s->dup_time = t->now;
            s->dups = 1;
        }
    }
    if (o->seen && seq_gt(h->ack, o->una) && seq_leq(h->ack, o->nxt)) {
        g->rtt = flight_pop(t, o, h->ack);
        o->una = h->ack;
        if (g->rtt >= 0) {
            rtt_add(&o->rtt, g->rtt);
            o->rtt_last = g->rtt;
        }
        peer->in_flight = seq_dist(o->una, o->nxt);
    }
    if ((h->flags & (TCP_SYN | TCP_RST)) == TCP_SYN || e->wscale != 255) {
        tcp_seq right = seq_add(h->ack, g->window);
        if (!s->has_right || seq_gt(right, s->right))
            s->right = right;
        s->has_right = true;
    }
}

/* Options that stand in a SYN only, and whether windows are scaled (RFC 7323 section 2.2). */
static void segment_syn(struct conn *c, const struct track_segment *g)
{
    struct track_end *e = &c->pub.end[g->from], *peer = &c->pub.end[1 - g->from];
    const struct tcp_opts *o = &g->d->tcp.opt;

    e->mss = o->has_mss ? o->mss : e->mss;
    e->sack_ok = o->has_sack_ok;
    e->has_ts = o->has_ts;
    e->wscale = o->has_wscale ? o->wscale : 0;
    c->side[g->from].no_scale = !o->has_wscale;
    if (c->side[1 - g->from].no_scale)
        e->wscale = 0;
    else if (!o->has_wscale && peer->wscale != 255)
        peer->wscale = 0;
}

void segment_classify(struct track *t, struct conn *c, struct track_segment *g)
{
    struct side *s = &c->side[g->from];
    struct track_end *e = &c->pub.end[g->from];
    const struct tcp_seg *h = &g->d->tcp;

    s->nxt_before = s->nxt;
    s->ack_before = s->ack;
    s->had_ack = s->has_ack;
    if (unlikely((h->flags & TCP_SYN) != 0))
        segment_syn(c, g);
    g->window = h->wnd;
    if ((h->flags & TCP_SYN) == 0 && e->wscale != 255)
        g->window <<= e->wscale;
    if (h->wnd == 0 && (h->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0) {
        g->what |= SEG_ZERO_WINDOW;
        e->zero_windows++;
    }
    if ((h->flags & TCP_RST) != 0) {
        e->resets++;
        if (!machine_rst_fits(c, g))
            g->what |= SEG_OLD_RST;
    }
    bool believed = segment_seq(t, c, g);
    if ((h->flags & TCP_ACK) != 0 && believed)
        segment_ack(t, c, g);
    if (believed && (h->flags & TCP_RST) == 0) {
        s->raw_wnd = h->wnd;
        e->window = g->window;
        e->window_max = u32_max(e->window_max, g->window);
    }
    if (g->what & SEG_DUP_ACK)
        e->dup_acks++;
    s->last_what = g->what;
    if (g->what & (SEG_RTX | SEG_KEEPALIVE | SEG_WINDOW_PROBE))
        s->unanswered = true;
    c->side[1 - g->from].unanswered = false;
    e->in_flight = seq_dist(s->una, s->nxt);
    e->in_flight_max = u32_max(e->in_flight_max, e->in_flight);
    e->segments++;
    g->rel_seq = h->seq.v - e->iss.v;
    g->rel_ack = (h->flags & TCP_ACK) != 0 && c->side[1 - g->from].seen
                     ? h->ack.v - c->pub.end[1 - g->from].iss.v
                     : 0;
}
