/*
 * user.c - the users of the two hosts: they take the steps of their scripts, read what comes, and know
 * what should have come.
 *
 * Every byte tells whose it is, of which connection, and which one; so a byte that is old, lost,
 * doubled or somebody else's is noticed when it is read.
 */
#include "search.h"

#include <errno.h>

#include "forge.h"

static void user_socket(struct end *e, const struct scenario *sc)
{
    e->sd = sock_open(e->n.socks, SOCK_KIND_TCP);
    sock_setopt(e->n.socks, e->sd, SOCK_OPT_REUSEADDR, 1);
    if (sc->rcvbuf != 0)
        sock_setopt(e->n.socks, e->sd, SOCK_OPT_RCVBUF, sc->rcvbuf);
}

void user_listen(struct model *m, unsigned h)
{
    struct end *e = &m->end[h];

    user_socket(e, m->sc);
    int err = sock_bind(e->n.socks, e->sd, &(struct sock_addr){IP_ADDR_ANY, model_id(h).lport});

    if (err == 0)
        err = sock_listen(e->n.socks, e->sd, 4);
    if (err != 0)
        model_fail(m, "%c cannot listen: error %d", 'A' + (int)h, -err);
    e->lsd = e->sd;
    e->sd = -1;
}

/* Byte @i of talk number @k of end @h: it tells whose it is, of which connection, and which one. */
static uint8_t talk_byte(unsigned h, unsigned k, unsigned i)
{
    return (uint8_t)(h << 7 | (k & 3) << 5 | ((i + i / 32) & 31));
}

static void user_got(struct model *m, unsigned h, struct talk *t, const uint8_t *bytes, int len)
{
    const struct talk *p = observe_partner(m, h, t);

    if (p == NULL) {
        model_fail(m, "%c reads bytes that nobody sent it", 'A' + (int)h);
        return;
    }
    unsigned k = (unsigned)(p - m->end[!h].talk);

    for (int i = 0; i < len; i++, t->got++) {
        if (bytes[i] != talk_byte(!h, k, t->got)) {
            model_fail(m, "%c reads byte %02x of connection %u where %02x was sent", 'A' + (int)h,
                       bytes[i], k, talk_byte(!h, k, t->got));
            return;
        }
        if (t->got >= p->sent) {
            model_fail(m, "%c reads more than was sent", 'A' + (int)h);
            return;
        }
    }
}

/* Read what is there. Return: whether anything was. */
static bool user_read(struct model *m, unsigned h)
{
    struct end *e = &m->end[h];
    struct talk *t = observe_talk(m, h);
    uint8_t bytes[64];
    bool any = false;

    while (t != NULL && !t->eof && !t->failed && m->fault == NULL) {
        int got = sock_recv(e->n.socks, e->sd, bytes, sizeof(bytes), 0);

        if (got == -EAGAIN)
            break;
        any = true;
        if (got < 0) {
            t->failed = true;
        } else if (got > 0) {
            user_got(m, h, t, bytes, got);
        } else {
            const struct talk *p = observe_partner(m, h, t);

            t->eof = true;
            if (p == NULL || !p->fin || p->sent != t->got)
                model_fail(m, "%c reads the end of the stream after %u bytes%s", 'A' + (int)h,
                           t->got, p == NULL || !p->fin ? ", and nobody closed" : "");
        }
    }
    return any;
}

static bool user_wants_talk(const struct end *e)
{
    for (unsigned i = e->step; i < e->step_count; i++) {
        if (e->steps[i].kind >= STEP_SEND && e->steps[i].kind <= STEP_READ)
            return true;
    }
    return false;
}

bool user_attend(struct model *m, unsigned h)
{
    struct end *e = &m->end[h];
    bool any = false;

    observe(m);
    if (e->lsd >= 0 && e->sd < 0) {
        int sd = sock_accept(e->n.socks, e->lsd, NULL);

        if (sd >= 0) {
            any = true;
            e->sd = sd;
            observe_mine(m, h);
            if (!user_wants_talk(e)) { /* one too many: served by closing it */
                struct talk *t = observe_talk(m, h);

                if (t != NULL)
                    t->fin = t->left = true;
                sock_close(e->n.socks, sd);
                e->sd = -1;
            }
        }
    }
    while (ready_pop(&e->n.core.ready) != NULL) /* nobody polls: the users look at everything */
        ;
    return (e->sd >= 0 && !m->sc->no_reading && user_read(m, h)) || any;
}

static void user_open(struct model *m, unsigned h)
{
    struct end *e = &m->end[h];
    struct tcp_id id = model_id(h);

    if (e->sd >= 0) /* the other one was faster */
        return;
    m->now += NET_MS(1);
    for (unsigned i = 0; i < 2; i++)
        net_input(&m->end[i].n, NULL, 0, model_now(m, i));
    user_socket(e, m->sc);
    int err = sock_bind(e->n.socks, e->sd, &(struct sock_addr){id.local, id.lport});

    if (err == 0)
        err = sock_connect(e->n.socks, e->sd, &(struct sock_addr){id.remote, id.rport});
    if (err != -EINPROGRESS)
        model_fail(m, "%c cannot connect: error %d", 'A' + (int)h, -err);
    observe_mine(m, h);
}

static void user_send(struct model *m, unsigned h, unsigned units)
{
    struct end *e = &m->end[h];
    struct talk *t = observe_talk(m, h);
    uint8_t bytes[64];
    unsigned len = m->sc->unit != 0 ? m->sc->unit : 4;

    if (t == NULL)
        return;
    unsigned k = (unsigned)(t - e->talk);

    for (unsigned u = 0; u < units; u++) {
        for (unsigned i = 0; i < len; i++)
            bytes[i] = talk_byte(h, k, t->sent + i);
        int n = sock_send(e->n.socks, e->sd, bytes, len, 0);

        if (n > 0)
            t->sent = (uint16_t)(t->sent + n);
        else if (n != -EAGAIN)
            t->failed = true;
    }
}

void user_leave(struct model *m, unsigned h, bool abort)
{
    struct end *e = &m->end[h];
    struct talk *t = observe_talk(m, h);

    if (t != NULL) {
        t->left = t->left || abort || !t->eof;
        t->fin = t->fin || !abort;
        t->failed = t->failed || abort;
    }
    if (abort)
        sock_abort(e->n.socks, e->sd);
    else
        sock_close(e->n.socks, e->sd);
    e->sd = -1;
}

static void user_flood(struct model *m, unsigned h)
{
    struct forge f = {.src = IP_STRANGER,
                      .dst = (uint32_t)IP_A + h,
                      .src_mac = {{2, 0, 0, 0, 0, 9}},
                      .dst_mac = {{2, 0, 0, 0, 0, (uint8_t)(h + 1)}}};
    struct tcp_seg syn = {
        .src_port = 7, .dst_port = PORT_B, .seq = seq_of(7), .flags = TCP_SYN, .wnd = 1000};
    uint8_t frame[FORGE_MAX];

    model_input(m, h, frame, forge_tcp(&f, &syn, NULL, 0, frame));
}

/* Somebody on the path acknowledges all that end @h has sent, in the other end's name. */
static void user_forge(struct model *m, unsigned h)
{
    struct tcp_id id = model_id(h);
    const struct tcb *t = tcb_of(model_record(m, h));
    struct forge f = {.src = (uint32_t)IP_A + !h,
                      .dst = (uint32_t)IP_A + h,
                      .src_mac = {{2, 0, 0, 0, 0, 9}},
                      .dst_mac = {{2, 0, 0, 0, 0, (uint8_t)(h + 1)}}};
    struct tcp_seg ack = {
        .src_port = id.rport,
        .dst_port = id.lport,
        .seq = t->rcv_nxt,
        .ack = t->snd_nxt,
        .flags = TCP_ACK,
        .wnd = 1000,
        .opt = {.has_ts = t->has_ts, .tsval = t->ts_recent}
    };
    uint8_t frame[FORGE_MAX];

    model_input(m, h, frame, forge_tcp(&f, &ack, NULL, 0, frame));
}

bool user_can(const struct model *m, unsigned h, const struct step *s, bool patient)
{
    const struct end *e = &m->end[h];
    struct tcb *t = model_tcb(m, h);
    const struct tcp_conn *c = model_record(m, h);
    enum tcp_state state = t != NULL ? tcp_state(t) : TCP_CLOSED;
    bool dead = t != NULL && state == TCP_CLOSED;
    struct talk *k = observe_talk((struct model *)m, h);

    if (s->guard == WHEN_UP && !patient && !(dead || state >= TCP_ESTABLISHED))
        return false;
    if (s->guard == WHEN_EOF && !patient && !(dead || (k != NULL && (k->eof || k->failed))))
        return false;
    if (s->guard == WHEN_OVER && c != NULL)
        return false;
    switch ((enum step_kind)s->kind) {
    case STEP_LISTEN:
        return e->lsd < 0;
    case STEP_UNLISTEN:
        return e->lsd >= 0;
    case STEP_OPEN:
        return e->sd >= 0 ||
               (c == NULL || (c->link.kind == TCP_CONN_TW &&
                              tcp_tw_reusable(&e->n.tcp, container_of(c, struct tcp_tw, conn))));
    case STEP_SEND:
        return dead || (t != NULL && (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT));
    case STEP_SHUT:
        return t != NULL && state != TCP_SYN_SENT;
    case STEP_READ:
        return dead || (t != NULL && (recvq_len(&t->rcv) > 0 || t->fin_received));
    case STEP_CLOSE:
    case STEP_ABORT:
        return t != NULL;
    case STEP_FORGE:
        return c != NULL && c->link.kind == TCP_CONN_FULL;
    case STEP_FLOOD:
    case STEP_IDLE:
        return true;
    }
    return false;
}

/* The step that would be next; @early: a later one that may come now. NULL: none. */
const struct step *user_next(const struct model *m, unsigned h, bool early)
{
    const struct end *e = &m->end[h];

    for (unsigned i = e->step; i < e->step_count; i++) {
        const struct step *s = &e->steps[i];

        if (early ? i > e->step && s->early : i == e->step)
            return user_can(m, h, s, false) ? s : NULL;
    }
    return NULL;
}

void user_do(struct model *m, unsigned h, const struct step *s)
{
    struct end *e = &m->end[h];
    struct talk *t = observe_talk(m, h);

    e->step = (uint8_t)(s - e->steps + 1);
    switch ((enum step_kind)s->kind) {
    case STEP_LISTEN:
        user_listen(m, h);
        break;
    case STEP_UNLISTEN:
        sock_close(e->n.socks, e->lsd);
        e->lsd = -1;
        break;
    case STEP_OPEN:
        user_open(m, h);
        break;
    case STEP_SEND:
        user_send(m, h, s->n);
        break;
    case STEP_SHUT:
        if (sock_shutdown(e->n.socks, e->sd, SOCK_SHUT_WR) == 0 && t != NULL)
            t->fin = true;
        break;
    case STEP_READ:
        user_read(m, h);
        break;
    case STEP_CLOSE:
    case STEP_ABORT:
        user_leave(m, h, s->kind == STEP_ABORT);
        break;
    case STEP_FLOOD:
        user_flood(m, h);
        break;
    case STEP_FORGE:
        user_forge(m, h);
        break;
    case STEP_IDLE:
        break;
    }
}
