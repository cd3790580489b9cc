/*
 * machine.c - the states of both ends from the wire alone (RFC 9293 sections 3.3.2 and 3.10.7).
 *
 * The facts of an end: has it sent a SYN, is it synchronized; has it sent a FIN, has it got one, which
 * first; was its FIN acknowledged to it. machine_state() makes Figure 5 of them. A fact becomes known
 *
 * - at once, when the end itself sends the SYN, the FIN, the RST: *shown* by the segment that causes it;
 * - later, when something was sent TO the end. Its arrival is shown by the end's own next words:
 *     a SYN by the SYN,ACK; a SYN,ACK by the ACK; a FIN by an ACK above it.
 *     The ACK of a SYN or of a FIN has no answer of its own. But every segment carries an ACK: once the end
 *     acknowledges text that was sent after that ACK (`mark`), the ACK has arrived, too.
 * - never, for the last words: the ACK of the last FIN, a reset. They are *presumed* when the connection
 *     has been silent for a while and nothing has spoken against it (a FIN sent again, more text).
 *
 * What cannot be seen and is not claimed: LISTEN before a SYN; the end of TIME_WAIT; a user who gives up
 * without a word; and one order: a FIN that had to wait in its queue, behind text, while the other's came
 * in, looks as if it had been sent after it (CLOSE_WAIT, LAST_ACK instead of FIN_WAIT_1, CLOSING).
 *
 * A connection that was there before the capture begins as UNKNOWN. It is ESTABLISHED for certain only
 * when text follows a segment without text at the same number (a FIN would have taken one) and the other
 * end's text is acknowledged; what only ever sends text is presumed to be.
 */
#include "conn.h"

enum {
    CROSSING_NS = 5000000
}; /* a segment can be on its way the other way so long, if no round trip is known */

struct machine_word {
    int8_t from, to; /* -2: any */
    const char *cause, *why, *rfc;
};

/* The arrows, in sentences. */
static const struct machine_word machine_words[] = {
    {TCP_CLOSED,      TCP_SYN_SENT,    "snd SYN",        "it asks for a connection",                                            "RFC 9293 3.10.1"         },
    {TCP_LISTEN,      TCP_SYN_RCVD,    "rcv SYN",        "somebody asks; its SYN,ACK shows that it listens",
     "RFC 9293 3.10.7.2"                                                                                                                                  },
    {TCP_SYN_SENT,    TCP_SYN_RCVD,    "rcv SYN",        "both ends asked at once: simultaneous open",
     "RFC 9293 3.5"                                                                                                                                       },
    {TCP_SYN_SENT,    TCP_ESTABLISHED, "rcv SYN,ACK",    "the other end agrees",                                                "RFC 9293 3.10.7.3"       },
    {TCP_SYN_RCVD,    TCP_ESTABLISHED, "rcv ACK of SYN",
     "its SYN is acknowledged: the third segment of the handshake",                                                             "RFC 9293 3.10.7.4 fifth" },
    {TCP_SYN_RCVD,    TCP_LISTEN,      "rcv RST",
     "the other end takes its SYN back; the service goes on waiting",                                                           "RFC 9293 3.10.7.4 second"},
    {TCP_SYN_RCVD,    TCP_FIN_WAIT_1,  "close",          "its user closed before the handshake was over",
     "RFC 9293 3.10.4"                                                                                                                                    },
    {TCP_ESTABLISHED, TCP_FIN_WAIT_1,  "close",          "its user closed first: a FIN",                                        "RFC 9293 3.10.4"         },
    {TCP_ESTABLISHED, TCP_CLOSE_WAIT,  "rcv FIN",        "the other end has nothing more to send",
     "RFC 9293 3.10.7.4 eighth"                                                                                                                           },
    {TCP_CLOSE_WAIT,  TCP_LAST_ACK,    "close",          "its user closes, too: a FIN after the other's",
     "RFC 9293 3.10.4"                                                                                                                                    },
    {TCP_FIN_WAIT_1,  TCP_FIN_WAIT_2,  "rcv ACK of FIN", "the other end knows that it is done",
     "RFC 9293 3.10.7.4 fifth"                                                                                                                            },
    {TCP_FIN_WAIT_1,  TCP_CLOSING,     "rcv FIN",        "the two FINs crossed: simultaneous close",
     "RFC 9293 3.6"                                                                                                                                       },
    {TCP_FIN_WAIT_2,  TCP_TIME_WAIT,   "rcv FIN",
     "both directions are done; it waits until no old segment can be alive",                                                    "RFC 9293 3.10.7.4 eighth"},
    {TCP_CLOSING,     TCP_TIME_WAIT,   "rcv ACK of FIN",
     "both FINs are acknowledged; it waits until no old segment can be alive",                                                  "RFC 9293 3.10.7.4 fifth" },
    {TCP_LAST_ACK,    TCP_CLOSED,      "rcv ACK of FIN",
     "its FIN is acknowledged: the end of who closed second",                                                                   "RFC 9293 3.10.7.4 fifth" },
    {TCP_TIME_WAIT,   TCP_CLOSED,      "reused",         "a new SYN that cannot be an old duplicate",
     "RFC 6191 2"                                                                                                                                         },
    {TCP_TIME_WAIT,   TCP_CLOSED,      "2MSL",           "a new connection on these ports, long after",
     "RFC 9293 3.4.2"                                                                                                                                     },
    {TCP_SYN_SENT,    TCP_CLOSED,      "rcv RST",        "nobody listens there: refused",
     "RFC 9293 3.10.7.3 second"                                                                                                                           },
    {-2,              TCP_CLOSED,      "rcv RST",        "a reset with a number that it can expect",
     "RFC 9293 3.10.7.4 second, RFC 5961 3.2"                                                                                                             },
    {-2,              TCP_CLOSED,      "abort",          "it sends a reset: its user aborted, or the connection is gone there",
     "RFC 9293 3.10.5"                                                                                                                                    },
    {-2,              TCP_CLOSED,      "reused",
     "it asks for a new connection: it knows nothing of this one any more",                                                     "RFC 9293 3.5.1"          },
    {-2,              -1,              "silence",
     "it has sent the same again and again and was not answered: a timeout ends it, unseen",                                    "RFC 9293 3.8.3"          },
    {-2,              -1,              "lost",           "numbers are missing in the capture that could be a FIN",              "RFC 9293 3.4"            },
    {-2,              -2,              "correction",     "what it sends now speaks against what was presumed",
     "RFC 9293 3.10.7.4"                                                                                                                                  },
};

static const struct machine_word *machine_word(int from, int to, const char *cause)
{
    for (size_t i = 0; i < ARRAY_LEN(machine_words); i++) {
        const struct machine_word *w = &machine_words[i];
        if ((w->from == from || w->from == -2 || from == -1) && (w->to == to || w->to == -2) &&
            strcmp(w->cause, cause) == 0)
            return w;
    }
    return NULL;
}

/* Figure 5, from the facts. -1: they do not tell. */
static int machine_state(const struct machine *m)
{
    switch (m->phase) {
    case PHASE_SYN_SENT:
        return TCP_SYN_SENT;
    case PHASE_SYN_RCVD:
        return m->fin_sent == KNOWN_YES ? TCP_FIN_WAIT_1 : TCP_SYN_RCVD;
    case PHASE_CLOSED:
        return TCP_CLOSED;
    case PHASE_SYNCED:
        break;
    default:
        return -1;
    }
    if (m->fin_sent == KNOWN_MAYBE || m->fin_rcvd == KNOWN_MAYBE)
        return -1;
    if (m->fin_sent == KNOWN_NO)
        return m->fin_rcvd ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
    if (!m->fin_rcvd)
        return m->fin_acked ? TCP_FIN_WAIT_2 : TCP_FIN_WAIT_1;
    if (m->fin_rcvd_first == KNOWN_MAYBE)
        return -1;
    if (m->fin_rcvd_first == KNOWN_YES)
        return m->fin_acked ? TCP_CLOSED : TCP_LAST_ACK;
    return m->fin_acked ? TCP_TIME_WAIT : TCP_CLOSING;
}

/* The segment at hand, as something that passed now. */
static struct passed machine_now(const struct track *t)
{
    return (struct passed){t->frame, t->now, {0}};
}

static void machine_tell_as(struct track *t, struct conn *c, unsigned e, int to,
                            struct passed cause, const char *name, const char *why, uint64_t proof)
{
    struct track_end *end = &c->pub.end[e];
    int from = end->state;

    if (from == to)
        return;
    const struct machine_word *w = machine_word(from, to, name);

    end->state = (int8_t)to;
    if (t->observer.state == NULL)
        return;
    struct track_state s = {
        .conn = &c->pub,
        .end = e,
        .from = (int8_t)from,
        .to = (int8_t)to,
        .cause = name,
        .why = why != NULL ? why
               : w != NULL ? w->why
                           : "what the capture has does not tell in which state it is now",
        .rfc = w != NULL ? w->rfc : "RFC 9293 3.3.2",
        .frame = cause.frame,
        .proof = proof,
        .time = cause.time,
    };
    if (t->in_segment && t->told < TRACK_TELL)
        t->tell[t->told++] = s;
    else
        t->observer.state(t->observer.ctx, &s);
}

/* A fact of @e has changed by @cause. */
static void machine_tell(struct track *t, struct conn *c, unsigned e, struct passed cause,
                         const char *name, uint64_t proof)
{
    machine_tell_as(t, c, e, machine_state(&c->machine[e]), cause, name, NULL, proof);
}

/* --- facts --- */

static void machine_takes_ack_of_fin(struct track *t, struct conn *c, unsigned e, uint64_t proof)
{
    struct machine *m = &c->machine[e];

    m->fin_acked = true;
    machine_tell(t, c, e, m->ack_fin, "rcv ACK of FIN", proof);
}

static void machine_takes_fin(struct track *t, struct conn *c, unsigned e, struct passed fin,
                              uint64_t proof)
{
    struct machine *m = &c->machine[e];

    m->fin_rcvd = KNOWN_YES;
    m->rcv_in_doubt = false;
    if (m->fin_sent == KNOWN_YES) /* had it acknowledged that FIN before it sent its own? */
        m->fin_rcvd_first = seq_gt(m->ack_at_fin, c->side[1 - e].fin_seq) ? KNOWN_YES : KNOWN_NO;
    else
        m->fin_rcvd_first = m->fin_sent == KNOWN_NO ? KNOWN_YES : KNOWN_MAYBE;
    machine_tell(t, c, e, fin, "rcv FIN", proof);
}

static void machine_takes_ack_of_syn(struct track *t, struct conn *c, unsigned e, struct passed ack,
                                     uint64_t proof)
{
    struct machine *m = &c->machine[e];

    m->phase = PHASE_SYNCED;
    m->was_open = true;
    machine_tell_as(
        t, c, e, machine_state(m), ack, "rcv ACK of SYN",
        ack.frame == t->frame && proof == t->frame
            ? "it goes on as if its SYN was acknowledged; that segment is not in the capture"
            : NULL,
        proof);
}

/* How long can what was sent to @e and what it sent have been on their ways at the same time? */
static int64_t machine_crossing(const struct conn *c, unsigned e)
{
    const struct side *peer = &c->side[1 - e];

    return peer->rtt.samples != 0 ? 2 * peer->rtt_last : CROSSING_NS;
}

/* Which of two copies of a FIN did the ACK at hand answer? The later one, if there was time for it; a FIN is
 * acknowledged within half a second (RFC 9293 section 3.8.6.3). */
static struct passed machine_which_fin(const struct track *t, const struct conn *c, unsigned e)
{
    const struct machine *m = &c->machine[e];
    const struct side *peer = &c->side[1 - e];

    if (m->fin_again.frame != 0 && (m->fin_stale || peer->rtt.samples == 0 ||
                                    2 * (t->now - m->fin_again.time) >= peer->rtt.min))
        return m->fin_again;
    return m->fin;
}

/* Does @g acknowledge the other end's SYN, and nothing that was not sent? */
static bool machine_acks_syn(const struct conn *c, const struct track_segment *g)
{
    return seq_in(c->pub.end[1 - g->from].iss, g->d->tcp.ack, c->side[1 - g->from].nxt);
}

/* --- what the sender of @g shows: first what it has got --- */

static void machine_joins(struct conn *c, const struct track_segment *g)
{
    struct machine *m = &c->machine[g->from];
    const struct machine *o = &c->machine[1 - g->from];

    m->phase = PHASE_SYNCED;
    m->was_open = true;
    m->fin_sent = m->fin_rcvd = KNOWN_MAYBE;
    if (o->phase == PHASE_SYN_SENT ||
        o->phase == PHASE_SYN_RCVD) /* its SYN is not in the capture, the other's is: it is new */
        m->fin_sent = m->fin_rcvd = KNOWN_NO;
}

/* Its segment is neither SYN nor RST: is it beyond the handshake? */
static void machine_shows_open(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];
    const struct side *s = &c->side[e];

    if (m->phase == PHASE_SYN_SENT) {
        bool seen = m->syn_ack.frame != 0;
        m->phase = PHASE_SYNCED;
        m->was_open = true;
        machine_tell_as(
            t, c, e, machine_state(m), seen ? m->syn_ack : machine_now(t), "rcv SYN,ACK",
            seen ? NULL
                 : "it goes on as if its SYN was answered; that segment is not in the capture",
            g->frame->number);
    } else if (m->phase == PHASE_SYN_RCVD) {
        bool acts =
            (g->len != 0 && (g->what & SEG_KEEPALIVE) == 0) || (g->d->tcp.flags & TCP_FIN) != 0;
        bool passed = m->ack_syn.frame != 0;
        if (passed && (seq_gt(s->ack, m->ack_syn.mark) || (acts && !m->early_data)))
            machine_takes_ack_of_syn(t, c, e, m->ack_syn, g->frame->number);
        else if (!passed && g->len != 0 && acts && !m->early_data)
            machine_takes_ack_of_syn(t, c, e, machine_now(t), g->frame->number);
    } else if (m->phase == PHASE_UNSEEN &&
               (c->machine[1 - e].phase != PHASE_SYN_SENT || machine_acks_syn(c, g))) {
        machine_joins(c, g); /* else it speaks of an older connection */
    }
}

/* Numbers are missing that may be a FIN: of the other end, which it has got; of its own, which it has sent
 * before what it has got now. A second segment that says so counts, or one that decides its state: frames
 * can stand in a capture in another order. */
static void machine_doubts(struct track *t, struct conn *c, const struct track_segment *g,
                           bool got_fin)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];
    const struct side *s = &c->side[e], *peer = &c->side[1 - e];
    bool decides = (g->d->tcp.flags & (TCP_FIN | TCP_RST)) != 0;

    if (m->fin.frame != 0 && !got_fin && m->fin_rcvd == KNOWN_NO &&
        t->now - m->fin.time > machine_crossing(c, e))
        m->fin_stale = true; /* it would have said so */
    if (got_fin && m->fin_sent == KNOWN_NO && s->top_hole) {
        m->fin_sent = KNOWN_MAYBE;
        m->in_doubt = true;
        m->has_idle_seq = false;
    }
    if (m->fin_rcvd == KNOWN_NO && !peer->fin_seen && peer->top_hole &&
        seq_geq(s->ack, peer->nxt) && (decides || ++m->rcv_witnesses >= 2)) {
        m->fin_rcvd = KNOWN_MAYBE;
        m->rcv_in_doubt = true;
        machine_tell(t, c, e, machine_now(t), "lost", t->frame);
    } else if (m->rcv_in_doubt && !peer->top_hole && !peer->fin_seen) {
        m->fin_rcvd = KNOWN_NO;
        m->rcv_in_doubt = false;
        m->rcv_witnesses = 0;
        machine_tell_as(t, c, e, machine_state(m), machine_now(t), "text",
                        "text follows what is missing: so that was no FIN", t->frame);
    }
}

static void machine_shows_got(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];
    const struct side *s = &c->side[e], *peer = &c->side[1 - e];
    uint64_t proof = g->frame->number;

    if (m->phase != PHASE_SYNCED && m->phase != PHASE_SYN_RCVD)
        return;
    bool got_fin = m->fin_rcvd != KNOWN_YES && peer->fin_seen && m->fin.frame != 0 &&
                   seq_gt(s->ack, peer->fin_seq);
    bool got_ack = m->fin_sent == KNOWN_YES && !m->fin_acked && m->ack_fin.frame != 0 &&
                   seq_gt(s->ack, m->ack_fin.mark);
    struct passed fin = got_fin ? machine_which_fin(t, c, e) : (struct passed){0};

    /* A FIN that left after the ACK carries that ACK, too. */
    got_ack = got_ack || (got_fin && m->fin_sent == KNOWN_YES && !m->fin_acked &&
                          m->ack_fin.frame != 0 && fin.frame >= m->ack_fin.frame);
    /* Copies of the FIN before and behind that ACK: which one came decides between CLOSING and FIN_WAIT_2. */
    if (got_fin && got_ack && !m->fin_stale && m->fin.frame < m->ack_fin.frame &&
        m->ack_fin.frame < m->fin_again.frame)
        proof = 0;
    machine_doubts(t, c, g, got_fin);
    if (got_fin && m->phase == PHASE_SYN_RCVD && m->ack_syn.frame != 0)
        machine_takes_ack_of_syn(t, c, e, m->ack_syn, proof);
    if (got_ack && (!got_fin || m->ack_fin.frame <= fin.frame))
        machine_takes_ack_of_fin(t, c, e, proof);
    if (got_fin)
        machine_takes_fin(t, c, e, fin, proof);
    if (got_ack && !m->fin_acked)
        machine_takes_ack_of_fin(t, c, e, proof);
    if (m->fin_rcvd == KNOWN_MAYBE && !peer->fin_seen && s->had_ack &&
        seq_gt(s->ack, s->ack_before) &&
        !peer->top_hole) { /* the last that it got is text that we have: no FIN came before */
        m->fin_rcvd = KNOWN_NO;
        machine_tell_as(t, c, e, machine_state(m), machine_now(t), "text",
                        "text goes on in both directions: neither end has sent a FIN", 0);
    }
}

/* --- then what it does --- */

static void machine_shows_text(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];
    tcp_seq seq = g->d->tcp.seq;
    bool fin = (g->d->tcp.flags & TCP_FIN) != 0;

    if (m->phase != PHASE_SYNCED)
        return;
    if (m->fin_sent == KNOWN_MAYBE && !c->side[e].top_hole && (g->len != 0 || fin) &&
        (g->what & (SEG_KEEPALIVE | SEG_WINDOW_PROBE)) == 0 &&
        !(fin && (g->what & (SEG_RTX | SEG_OUT_OF_ORDER)) !=
                     0)) { /* such a FIN is older than what we know */
        bool certain = m->in_doubt || (m->has_idle_seq && seq_geq(seq, m->idle_seq));
        bool onward =
            !fin && (g->what & (SEG_RTX | SEG_OUT_OF_ORDER)) == 0 && c->pub.end[e].segments > 1;
        if (certain || onward) {
            m->fin_sent = KNOWN_NO;
            m->in_doubt = false;
            if (fin)
                return; /* told with the FIN */
            machine_tell_as(
                t, c, e, machine_state(m), machine_now(t), "text",
                certain ? "text follows where a FIN would have stood: it has sent none"
                        : "it sends new text; a FIN before the capture would have ended that",
                certain ? g->frame->number : 0);
        }
    }
    if (g->len == 0 && !fin && (g->what & (SEG_KEEPALIVE | SEG_WINDOW_PROBE)) == 0) {
        m->idle_seq = seq;
        m->has_idle_seq = true;
    }
}

static void machine_sends_fin(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];

    if (m->fin_sent ==
        KNOWN_YES) { /* again: so no ACK of it has come, unless it is just crossing */
        if (m->fin_acked && m->phase == PHASE_SYNCED && m->fin_rcvd_first) {
            m->fin_acked = false;
            machine_tell(t, c, e, machine_now(t), "correction", g->frame->number);
        }
        if (!m->fin_acked && m->ack_fin.frame != 0 &&
            t->now - m->ack_fin.time > machine_crossing(c, e))
            m->ack_fin.frame = 0;
        return;
    }
    if (m->phase == PHASE_SYN_RCVD && m->ack_syn.frame != 0)
        machine_takes_ack_of_syn(t, c, e, m->ack_syn, 0);
    /* A FIN that fills a hole was sent before what stands above the hole. */
    bool late = m->in_doubt && (g->what & (SEG_RTX | SEG_OUT_OF_ORDER)) != 0;

    m->fin_rcvd_first = late && m->fin_rcvd == KNOWN_YES ? KNOWN_MAYBE : m->fin_rcvd;
    m->ack_at_fin = c->side[e].ack;
    m->fin_sent = KNOWN_YES;
    m->in_doubt = false;
    machine_tell_as(t, c, e, machine_state(m), machine_now(t), "close", NULL, g->frame->number);
}

/* A hole at the top of what it sent, and it has nothing to add: was there a FIN in it? */
static void machine_hole(struct track *t, struct conn *c, unsigned e)
{
    struct side *s = &c->side[e];
    struct machine *m = &c->machine[e];

    if (!s->top_hole || m->phase != PHASE_SYNCED || m->fin_sent != KNOWN_NO ||
        ++s->top_witnesses < 2)
        return;
    m->fin_sent = KNOWN_MAYBE;
    m->has_idle_seq = false;
    m->in_doubt = true;
    machine_tell(t, c, e, machine_now(t), "lost", t->frame);
}

static void machine_sends_rst(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];
    const struct side *s = &c->side[e], *peer = &c->side[1 - e];
    tcp_seq seq = g->d->tcp.seq;

    if (m->phase == PHASE_UNSEEN) { /* nobody is there: the state without a connection */
        if (c->machine[1 - e].phase == PHASE_SYN_SENT) {
            m->phase = PHASE_CLOSED;
            c->pub.end[e].state = TCP_CLOSED;
        }
        return;
    }
    if (m->phase == PHASE_CLOSED)
        return;
    if (m->phase == PHASE_SYNCED && (seq_gt(seq, s->nxt) || seq_lt(seq, seq_sub(s->una, 1))))
        return; /* not its own number: not its own doing */
    if (m->phase != PHASE_SYNCED && peer->has_ack && !seq_eq(seq, s->nxt) && seq_eq(peer->ack, seq))
        return; /* the answer to an unacceptable ACK; the handshake goes on */
    if (m->phase == PHASE_SYN_RCVD && m->ack_syn.frame != 0)
        machine_takes_ack_of_syn(t, c, e, m->ack_syn, 0);
    /* A reset without ACK answers a segment, and has its ACK as number: one from before that of the FIN? */
    bool older = (g->d->tcp.flags & TCP_ACK) == 0 && s->fin_seen && seq_leq(seq, s->fin_seq);

    if (m->fin_sent == KNOWN_YES && !m->fin_acked && m->ack_fin.frame != 0 && !older)
        machine_takes_ack_of_fin(t, c, e, 0);
    m->before_rst = (int8_t)m->phase;
    m->phase = PHASE_CLOSED;
    machine_tell(t, c, e, machine_now(t), "abort", g->frame->number);
}

void machine_confirm(struct track *t, struct conn *c)
{
    for (unsigned e = 0; e < 2; e++) {
        struct machine *m = &c->machine[e];
        struct passed syn = m->own_syn;

        m->own_syn.frame = 0;
        if (syn.frame == 0)
            continue;
        c->pub.end[e].state = TCP_CLOSED;
        machine_tell(t, c, e, syn, "snd SYN", syn.frame);
    }
}

static void machine_sends_syn(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];
    const struct machine *o = &c->machine[1 - e];
    uint64_t proof = g->frame->number;

    if ((g->d->tcp.flags & TCP_ACK) == 0) {
        if (m->phase == PHASE_UNSEEN || m->phase == PHASE_CLOSED) {
            *m =
                (struct machine){.phase = PHASE_SYN_SENT, .syn = m->syn, .own_syn = machine_now(t)};
            if (c->former == NULL)
                machine_confirm(t, c);
        }
        return;
    }
    if (m->phase == PHASE_SYN_RCVD || m->phase == PHASE_SYNCED) { /* again: no ACK of it has come */
        m->ack_syn.frame = 0;
        return;
    }
    bool fresh = m->phase != PHASE_SYN_SENT, seen = m->syn.frame != 0;

    if (fresh) {
        m->passive = true;
        c->pub.end[e].state = TCP_LISTEN;
    }
    m->early_data =
        o->phase == PHASE_SYN_SENT && seq_gt(g->d->tcp.ack, seq_add(c->pub.end[1 - e].iss, 1));
    m->phase = PHASE_SYN_RCVD;
    machine_tell_as(t, c, e, TCP_SYN_RCVD, seen ? m->syn : machine_now(t), "rcv SYN",
                    seen ? NULL : "it answers a SYN that is not in the capture", proof);
}

/* Neither SYN nor RST, from an end whose reset passed: then the reset was not its own, or it was one for another. */
static void machine_goes_on(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = g->from;
    struct machine *m = &c->machine[e];
    const struct side *s = &c->side[e];

    if (m->rst.frame != 0 && m->phase != PHASE_CLOSED &&
        t->now - m->rst.time > machine_crossing(c, e))
        m->rst.frame = 0; /* it has not taken that reset */
    if (m->phase == PHASE_CLOSED && m->before_rst != 0 &&
        (seq_gt(s->nxt, s->nxt_before) || seq_gt(s->ack, s->ack_before))) {
        m->phase = (uint8_t)m->before_rst;
        m->before_rst = 0;
        machine_tell(t, c, e, machine_now(t), "correction", g->frame->number);
    }
}

/* --- what passes on its way to the other end --- */

bool machine_rst_fits(const struct conn *c, const struct track_segment *g)
{
    unsigned e = 1 - g->from;
    const struct machine *m = &c->machine[e];
    const struct side *s = &c->side[e], *peer = &c->side[g->from];
    const struct tcp_seg *h = &g->d->tcp;

    if (m->phase == PHASE_SYN_SENT && m->syn_ack.frame == 0)
        return (h->flags & TCP_ACK) != 0 && seq_gt(h->ack, c->pub.end[e].iss) &&
               seq_leq(h->ack, s->nxt);
    if (!peer->seen)
        return true;                                   /* nothing to compare with */
    tcp_seq expects = s->has_ack ? s->ack : peer->nxt; /* at least */
    return seq_geq(h->seq, expects) && seq_leq(h->seq, peer->nxt);
}

static void machine_passes_fin(struct track *t, struct conn *c, const struct track_segment *g)
{
    struct machine *m = &c->machine[1 - g->from];
    const struct side *s = &c->side[1 - g->from], *peer = &c->side[g->from];
    bool fin = (g->d->tcp.flags & TCP_FIN) != 0;
    /* What it waits for is below the FIN: the FIN takes effect with the segment that fills the hole. */
    bool fills = m->fin.frame != 0 && g->len != 0 && s->has_ack && seq_leq(g->d->tcp.seq, s->ack) &&
                 seq_gt(seq_add(g->d->tcp.seq, g->len), s->ack) && seq_lt(s->ack, peer->fin_seq);

    if (!fin && !fills)
        return;
    if (m->fin.frame == 0)
        m->fin = machine_now(t);
    else
        m->fin_again = machine_now(t);
}

static void machine_passes_ack(struct track *t, struct conn *c, const struct track_segment *g)
{
    unsigned e = 1 - g->from;
    struct machine *m = &c->machine[e];
    const struct side *s = &c->side[e], *peer = &c->side[g->from];
    tcp_seq ack = g->d->tcp.ack;
    struct passed now = {t->frame, t->now, peer->nxt_before};

    if (!s->seen || seq_gt(ack, s->nxt))
        return;
    if ((m->phase == PHASE_SYN_RCVD || m->phase == PHASE_SYN_SENT) && m->ack_syn.frame == 0 &&
        seq_gt(ack, c->pub.end[e].iss))
        m->ack_syn = now;
    if (s->fin_seen && m->fin_sent == KNOWN_YES && !m->fin_acked && m->ack_fin.frame == 0 &&
        seq_gt(ack, s->fin_seq))
        m->ack_fin = now;
}

static void machine_passes(struct track *t, struct conn *c, const struct track_segment *g)
{
    struct machine *m = &c->machine[1 - g->from];
    uint8_t flags = g->d->tcp.flags;

    if (flags & TCP_RST) {
        if ((g->what & SEG_OLD_RST) == 0 && m->phase != PHASE_CLOSED) {
            m->rst = (struct passed){t->frame, t->now, g->d->tcp.seq};
            m->rst_in_doubt = c->side[g->from].unanswered;
        }
        return;
    }
    if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        m->syn = machine_now(t);
    else if ((flags & TCP_SYN) != 0 && m->phase == PHASE_SYN_SENT && machine_acks_syn(c, g))
        m->syn_ack = machine_now(t);
    if (flags & TCP_ACK)
        machine_passes_ack(t, c, g);
    if ((flags & TCP_FIN) != 0 || m->fin.frame != 0)
        machine_passes_fin(t, c, g);
}

/* --- the whole --- */

/* ESTABLISHED, and nothing under way to it or from it. */
static bool machine_is_quiet(const struct conn *c, unsigned e)
{
    const struct machine *m = &c->machine[e];

    return m->phase == PHASE_SYNCED && m->fin_sent == KNOWN_NO && m->fin_rcvd == KNOWN_NO &&
           m->fin.frame == 0 && m->rst.frame == 0;
}

void machine_segment(struct track *t, struct conn *c, const struct track_segment *g)
{
    struct machine *m = &c->machine[g->from];
    uint8_t flags = g->d->tcp.flags;

    if (likely(c->quiet[0] && c->quiet[1] && (flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0 &&
               !c->side[g->from].top_hole))
        return;
    if (g->what & SEG_AFTER_FIN)
        return; /* nonsense: no state follows from it */
    if (flags & TCP_RST) {
        machine_shows_got(t, c, g);
        machine_sends_rst(t, c, g);
    } else if (flags & TCP_SYN) {
        machine_sends_syn(t, c, g);
        if ((flags & TCP_FIN) != 0 && m->phase == PHASE_SYN_RCVD)
            machine_sends_fin(t, c, g);
    } else {
        machine_goes_on(t, c, g);
        machine_shows_open(t, c, g);
        machine_shows_got(t, c, g);
        machine_shows_text(t, c, g);
        if (flags & TCP_FIN)
            machine_sends_fin(t, c, g);
        else if (g->len == 0)
            machine_hole(t, c, g->from);
    }
    machine_passes(t, c, g);
    c->quiet[0] = machine_is_quiet(c, 0);
    c->quiet[1] = machine_is_quiet(c, 1);
}

static const char machine_nobody[] = "the other end has sent the same again and again and got no "
                                     "answer: it is gone, or the way to it";

/* It has got the reset that passed. */
static void machine_takes_rst(struct track *t, struct conn *c, unsigned e)
{
    struct machine *m = &c->machine[e];
    struct passed rst = m->rst;
    int to = m->phase == PHASE_SYN_RCVD && m->passive && m->fin_sent != KNOWN_YES ? TCP_LISTEN
                                                                                  : TCP_CLOSED;

    m->rst.frame = 0;
    if (m->phase == PHASE_UNSEEN || m->phase == PHASE_CLOSED ||
        c->pub.end[e].state == TCP_TIME_WAIT || c->pub.end[e].state == TCP_CLOSED)
        return; /* TIME_WAIT takes none: RFC 1337 */
    if (m->rst_in_doubt &&
        m->phase == PHASE_SYNCED) { /* nothing has reached it lately, nor may this */
        m->phase = PHASE_UNSEEN;
        machine_tell_as(t, c, e, -1, rst, "silence", machine_nobody, 0);
        return;
    }
    m->phase = PHASE_CLOSED;
    machine_tell_as(t, c, e, to, rst, "rcv RST", NULL, 0);
}

void machine_presume(struct track *t, struct conn *c)
{
    for (unsigned e = 0; e < 2; e++) {
        struct machine *m = &c->machine[e];
        bool by_fin = m->fin_sent == KNOWN_YES && !m->fin_acked && m->ack_fin.frame != 0;

        if (m->phase == PHASE_SYN_RCVD && m->ack_syn.frame != 0)
            machine_takes_ack_of_syn(t, c, e, m->ack_syn, 0);
        if (by_fin && (m->rst.frame == 0 || m->ack_fin.frame < m->rst.frame))
            machine_takes_ack_of_fin(t, c, e, 0);
        /* The number behind the FIN is what it expects only if it has got the FIN. */
        if (m->rst.frame != 0 && m->phase == PHASE_SYNCED && m->fin_rcvd == KNOWN_NO &&
            m->fin.frame != 0 && m->fin.frame < m->rst.frame &&
            seq_eq(m->rst.mark, seq_add(c->side[1 - e].fin_seq, 1)))
            machine_takes_fin(t, c, e, m->fin, 0);
        if (m->rst.frame != 0)
            machine_takes_rst(t, c, e);
        c->quiet[e] = machine_is_quiet(c, e);
    }
}

void machine_silence(struct track *t, struct conn *c)
{
    for (unsigned e = 0; e < 2; e++) {
        struct machine *m = &c->machine[e];
        const struct side *s = &c->side[e];
        const struct track_end *end = &c->pub.end[e];
        bool waits = s->seen &&
                     (m->phase == PHASE_SYN_SENT || (seq_lt(s->una, s->nxt) && s->flights != 0)) &&
                     m->phase != PHASE_CLOSED && c->machine[1 - e].phase != PHASE_CLOSED;
        struct passed last = {c->pub.last_frame, c->pub.last_time, {0}};

        if (!waits || (s->last_what & SEG_RTX) == 0 || end->rtx_segments == 0)
            continue;
        /* The pauses double: the next would be about as long as all together. */
        int64_t first = s->flights != 0 ? t->flights[s->flight_first].time : c->pub.first_time;

        if (t->now - last.time < NET_SEC(1) + 2 * (last.time - first))
            continue;
        m->phase = PHASE_UNSEEN;
        machine_tell(t, c, e, last, "silence", 0);
        if (c->machine[1 - e].phase != PHASE_UNSEEN) {
            c->machine[1 - e].phase = PHASE_UNSEEN;
            machine_tell_as(t, c, 1 - e, -1, last, "silence", machine_nobody, 0);
        }
    }
}

void machine_reuse(struct track *t, struct conn *c, unsigned by)
{
    for (unsigned e = 0; e < 2; e++) {
        int state = c->pub.end[e].state;
        bool late = t->now - c->pub.last_time >= NET_SEC(60);

        if (state < 0 || state == TCP_CLOSED || state == TCP_LISTEN)
            continue;
        if (state != TCP_TIME_WAIT && e != by)
            continue; /* it has not said how it ended */
        c->machine[e].phase = PHASE_CLOSED;
        machine_tell(t, c, e, machine_now(t), state == TCP_TIME_WAIT && late ? "2MSL" : "reused",
                     0);
    }
}

bool machine_is_over(const struct conn *c, unsigned e)
{
    const struct machine *m = &c->machine[e];

    if (m->phase != PHASE_SYNCED)
        return true; /* half-open: a new SYN replaces it */
    if (m->rst.frame != 0)
        return true;
    return m->fin_sent == KNOWN_YES && (m->fin_acked || m->ack_fin.frame != 0) &&
           (m->fin_rcvd == KNOWN_YES || m->fin.frame != 0);
}
