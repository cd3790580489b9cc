/*
 * observe.c - what an observer sees who can look into both hosts: which connection of one end belongs
 * to which of the other, and whether that may be.
 *
 * A connection is known by its two initial sequence numbers. Two ends are partners when each has the
 * other's number, as far as it has one (in SYN-SENT it has none). A synchronized end whose partner is
 * gone is half open (RFC 9293 section 3.5.1); then the other end may be anything that does not yet
 * claim to know a partner.
 */
#include "search.h"

/* What the record of a four-tuple tells about itself. Return: false: nothing new (TIME-WAIT). */
static bool record_numbers(const struct tcp_conn *c, struct talk *k)
{
    if (c->link.kind == TCP_CONN_TW)
        return false;
    if (c->link.kind == TCP_CONN_FULL) {
        const struct tcb *t = container_of(c, struct tcb, conn);

        k->iss = t->iss;
        k->irs = t->irs;
        k->has_irs = c->state != TCP_SYN_SENT;
        k->acked = t->syn_acked;
    } else {
        const struct tcp_half *half = container_of(c, struct tcp_half, conn);

        k->iss = half->iss;
        k->irs = half->irs;
        k->has_irs = true;
    }
    return true;
}

static bool is_same(const struct talk *old, const struct talk *now)
{
    return seq_eq(old->iss, now->iss) &&
           (!old->has_irs || (now->has_irs && seq_eq(old->irs, now->irs)));
}

static void observe_over(struct end *e)
{
    if (!e->has_record)
        return;
    e->talk[e->talks - 1].state = (uint8_t)(e->ended_well ? FATE_OVER : FATE_BROKEN);
    e->ended_well = false;
    e->has_record = false;
}

static void observe_end_of(struct model *m, unsigned h)
{
    struct end *e = &m->end[h];
    const struct tcp_conn *c = model_record(m, h);
    struct talk now = {0}, *last = e->talks > 0 ? &e->talk[e->talks - 1] : NULL;

    if (c == NULL) {
        observe_over(e);
        return;
    }
    if (!record_numbers(c, &now)) { /* TIME-WAIT: the last one goes on as that */
        if (e->has_record)
            last->state = c->state;
        else
            model_fail(m, "%c is in TIME_WAIT out of nothing", 'A' + (int)h);
        return;
    }
    if (!e->has_record || !is_same(last, &now)) {
        observe_over(e);
        if (e->talks == TALKS_MAX) {
            model_fail(m, "more connections than the observer can remember");
            return;
        }
        last = &e->talk[e->talks++];
        *last = now;
        e->has_record = true;
        e->ended_well = false;
    }
    last->irs = now.irs;
    last->has_irs = now.has_irs;
    last->acked = now.acked;
    last->state = c->state;
}

void observe(struct model *m)
{
    for (unsigned h = 0; h < 2; h++)
        observe_end_of(m, h);
}

struct talk *observe_talk(struct model *m, unsigned h)
{
    struct end *e = &m->end[h];

    return e->sd >= 0 && e->mine < e->talks ? &e->talk[e->mine] : NULL;
}

void observe_mine(struct model *m, unsigned h)
{
    struct end *e = &m->end[h];
    const struct tcb *t = model_tcb(m, h);

    observe(m);
    e->mine = TALKS_MAX;
    for (uint8_t i = 0; t != NULL && i < e->talks; i++) {
        if (seq_eq(e->talk[i].iss, t->iss))
            e->mine = i;
    }
}

static bool is_partner(const struct talk *a, const struct talk *b)
{
    return (a->has_irs || b->has_irs) && (!a->has_irs || seq_eq(a->irs, b->iss)) &&
           (!b->has_irs || seq_eq(b->irs, a->iss));
}

struct talk *observe_partner(struct model *m, unsigned h, const struct talk *t)
{
    struct end *o = &m->end[!h];

    for (unsigned i = o->talks; i > 0; i--) {
        if (is_partner(t, &o->talk[i - 1]))
            return &o->talk[i - 1];
    }
    return NULL;
}

/* Did end @h ever choose @seq as its initial number? */
static bool is_iss(const struct model *m, unsigned h, tcp_seq seq)
{
    const struct end *e = &m->end[h];

    for (unsigned i = 0; i < e->talks; i++) {
        if (seq_eq(e->talk[i].iss, seq))
            return true;
    }
    return false;
}

/* A SYN,ACK with a cookie comes from an end that keeps nothing of it. */
static bool is_cookie(const struct model *m, unsigned h)
{
    return m->end[h].n.tcp.stats.cookies_sent > 0;
}

/* Somebody brings a cookie back a second time: another connection with the same numbers (tcp_cookie.c). */
static bool is_repeated(const struct model *m, unsigned h)
{
    const struct end *e = &m->end[h];

    for (unsigned i = 1; is_cookie(m, h) && i < e->talks; i++) {
        if (seq_eq(e->talk[i - 1].iss, e->talk[i].iss))
            return true;
    }
    return false;
}

static void observe_legal_end(struct model *m, unsigned h)
{
    const struct end *e = &m->end[h];

    if (!e->has_record)
        return;
    const struct talk *t = &e->talk[e->talks - 1], *p = observe_partner(m, h, t);

    if (p != NULL) {
        if (!legal_pair(t->state, p->state) && !is_repeated(m, 0) && !is_repeated(m, 1))
            model_fail(m, "illegal pair: %c in %s, its partner %c in %s", 'A' + (int)h,
                       fate_name(t->state), 'B' - (int)h, fate_name(p->state));
    } else if (t->has_irs && !is_iss(m, !h, t->irs) && !is_cookie(m, !h)) {
        model_fail(m, "%c in %s knows a number that %c never chose", 'A' + (int)h,
                   fate_name(t->state), 'B' - (int)h);
    }
}

/* It does not claim to have a partner yet: nobody has acknowledged its SYN. In FIN-WAIT-1 that may be
 * so after a CLOSE in SYN-RECEIVED. */
static bool is_asking(const struct talk *t)
{
    return t->state == TCP_SYN_SENT || t->state == TCP_SYN_RCVD ||
           (t->state == TCP_FIN_WAIT_1 && !t->acked);
}

void observe_legal(struct model *m)
{
    const struct end *a = &m->end[0], *b = &m->end[1];

    for (unsigned h = 0; h < 2 && m->fault == NULL; h++)
        observe_legal_end(m, h);
    if (!a->has_record || !b->has_record || is_cookie(m, 0) || is_cookie(m, 1))
        return;
    const struct talk *x = &a->talk[a->talks - 1], *y = &b->talk[b->talks - 1];

    if (!is_partner(x, y) && !is_asking(x) && !is_asking(y))
        model_fail(m, "strangers that believe in a connection: A in %s, B in %s",
                   fate_name(x->state), fate_name(y->state));
}

void observe_trace(void *model, const struct trace_ev *ev)
{
    struct model *m = model;
    unsigned h = ev->host[0] == 'B';
    struct tcp_id id = model_id(h);
    const struct trace_tcp_state *s = &ev->u.tcp_state;
    bool back = strcmp(s->to, "LISTEN") == 0 && strcmp(s->from, "CLOSED") != 0;

    if (ev->conn.rport != id.rport || (strcmp(s->to, "CLOSED") != 0 && !back))
        return;
    m->end[h].ended_well =
        strcmp(s->from, "TIME_WAIT") == 0 ||
        (strcmp(s->from, "LAST_ACK") == 0 && strcmp(s->cause, "rcv ACK of FIN") == 0);
    if (m->sc->clean && strcmp(s->from, "SYN_RCVD") != 0 &&
        (strcmp(s->cause, "rcv RST") == 0 || strcmp(s->cause, "abort") == 0 ||
         strcmp(s->cause, "timeout") == 0))
        model_fail(m, "%c: %s ends by %s, and nobody gave up", 'A' + (int)h, s->from, s->cause);
}

/* All that was sent in good order has arrived, with its end, where the receiver waited for it. */
void observe_end(struct model *m)
{
    for (unsigned h = 0; h < 2; h++) {
        struct end *e = &m->end[h];

        for (unsigned i = 0; i < e->talks; i++) {
            const struct talk *t = &e->talk[i], *p = observe_partner(m, h, t);

            if (!t->fin || t->failed || t->state == FATE_BROKEN || p == NULL || p->failed ||
                p->left || p->state == FATE_BROKEN || m->sc->no_reading)
                continue;
            if (!p->eof || p->got != t->sent)
                model_fail(m, "%c sent %u bytes and closed, %c has %u%s", 'A' + (int)h, t->sent,
                           'B' - (int)h, p->got, p->eof ? "" : " and no end");
        }
    }
}
