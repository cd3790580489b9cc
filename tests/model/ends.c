/*
 * ends.c - the two hosts and their wire: what may happen, and how it happens.
 *
 * Time stands still but for ACT_TIME, for an active open, whose user takes a millisecond, and for a
 * SYN, which takes 100 us to arrive: two connections never choose their initial sequence numbers at
 * the same tick of that clock (RFC 9293 section 3.4.1).
 * After every action both hosts are served: their output goes to the wire as far as that has room
 * (the rest waits in the host, as behind a busy interface), and their users take what there is.
 */
#include "search.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "l5_session/sock_priv.h"
#include "small.h"
#include "wire/eth.h"
#include "wire/ip4.h"

static jmp_buf model_broken; /* where an assertion of the core that fails goes to */
static struct model *model_running;

_Noreturn void net_assert_fail(const char *claim, const char *file, int line)
{
    if (model_running == NULL) {
        fprintf(stderr, "%s:%d: this should hold: %s\n", file, line, claim);
        abort();
    }
    model_fail(model_running, "%s:%d: this should hold: %s", file, line, claim);
    longjmp(model_broken, 1);
}

void model_fail(struct model *m, const char *format, ...)
{
    va_list ap;

    if (m->fault != NULL)
        return;
    va_start(ap, format);
    vsnprintf(m->fault_text, sizeof(m->fault_text), format, ap);
    va_end(ap);
    m->fault = m->fault_text;
}

struct tcp_id model_id(unsigned h)
{
    struct ip_addr a = ip_addr_v4(IP_A), b = ip_addr_v4(IP_A + 1);

    return h == 0 ? (struct tcp_id){a, b, PORT_A, PORT_B} : (struct tcp_id){b, a, PORT_B, PORT_A};
}

struct tcb *model_unpacked(const struct model *m, unsigned h, const struct tcp_idle *i)
{
    static struct tcb full[2]; /* outside of the state: it is not changed by being looked at */
    static struct tcp_rare rare[2];

    tcp_idle_fill((struct tcp *)&m->end[h].n.tcp, i, &full[h], &rare[h]);
    return &full[h];
}

struct tcp_conn *model_record(const struct model *m, unsigned h)
{
    struct tcp_id id = model_id(h);
    struct hash_node *n = tcp_find_any(&m->end[h].n.tcp, &id);

    if (n == NULL || n->kind != TCP_CONN_IDLE)
        return n == NULL ? NULL : tcp_conn_of(n);
    return &model_unpacked(m, h, container_of(n, struct tcp_idle, link))->conn;
}

enum tcp_state model_state(const struct model *m, unsigned h)
{
    const struct tcp_conn *c = model_record(m, h);

    if (c != NULL)
        return (enum tcp_state)c->state;
    return m->end[h].lsd >= 0 ? TCP_LISTEN : TCP_CLOSED;
}

struct tcb *model_tcb(const struct model *m, unsigned h)
{
    const struct end *e = &m->end[h];
    struct sock *k = e->sd >= 0 ? sock_at(e->n.socks, e->sd) : NULL;

    if (k != NULL && k->state == SOCK_TCP_IDLE)
        return model_unpacked(m, h, k->as.idle);
    return k != NULL && k->state == SOCK_TCP_CONN ? k->as.t : NULL;
}

/* ---- beginning ---- */

static void model_config(struct net_config *cfg, const struct scenario *sc, unsigned h)
{
    small_identity(cfg, (uint8_t)(h + 1));
    cfg->name[0] = h == 0 ? 'A' : 'B';
    cfg->name[1] = '\0';
    cfg->ifs[0].mtu = 576;
    cfg->ifs[0].arp.entries = 4;
    cfg->ifs[0].arp.reachable = NET_SEC(864000);
    cfg->packets = 32;
    cfg->bigs = 1;
    cfg->buffer_bytes = 4096;
    cfg->txq = 16;
    cfg->udp.sockets = 1;
    cfg->socks = (struct socks_config){.sockets = 8, .polls = 1};
    cfg->tcp.connections = 4;
    cfg->tcp.idle = sc->packs ? 4 : 0;
    cfg->tcp.full_idle = 0;
    cfg->tcp.half_open = sc->half_open != 0 ? sc->half_open : 4;
    cfg->tcp.time_wait = 4;
    cfg->tcp.listeners = 2;
    cfg->tcp.syn_policy = sc->policy;
    cfg->tcp.syn_retries = 3;
    cfg->tcp.synack_retries = 5;
    cfg->tcp.rto_max = NET_SEC(30);
    cfg->tcp.retries2 = 8; /* 81 s: two lost probes are survived */
    cfg->tcp.moderate_rcvbuf = false;
    cfg->tcp.sent_records = 64;
    cfg->tcp.sack = !sc->no_sack;
    cfg->tcp.rack = cfg->tcp.tlp = !sc->no_rack;
    cfg->tcp.timestamps = !sc->no_timestamps;
    cfg->tcp.time_wait_reuse = !sc->no_reuse;
    cfg->tcp.nodelay = !sc->nagle;
    if (sc->msl != 0)
        cfg->tcp.msl = sc->msl;
}

size_t model_size(const struct scenario *sc)
{
    struct net_config cfg;

    model_config(&cfg, sc, 0);
    return ((sizeof(struct model) + 63) & ~(size_t)63) + 2 * (net_mem_size(&cfg) + 64);
}

/* When the clock of host @h must start so that its first initial sequence number is @iss. */
static net_time model_start(const struct net_config *cfg, unsigned h, uint32_t iss)
{
    struct tcp_id id = model_id(h);
    struct net n;
    void *mem;

    if (small_bring_up(&n, cfg, &mem) != 0)
        abort();
    iss -= tcp_iss(&n.tcp, &id).v;
    free(mem);
    return (net_time)iss * NET_US(4);
}

void model_begin(struct model *m, const struct scenario *sc)
{
    uint8_t *mem = (uint8_t *)m + ((sizeof(*m) + 63) & ~(size_t)63);

    m->sc = sc;
    m->loss = sc->loss;
    m->dup = sc->dup;
    m->early = sc->early;
    m->wire_max = sc->wire;
    m->wire_life = NET_SEC(30);
    for (unsigned h = 0; h < 2; h++) {
        struct end *e = &m->end[h];
        struct net_config cfg;

        model_config(&cfg, sc, h);
        size_t len = net_mem_size(&cfg);
        /* The first active open comes a millisecond after the start: 250 ticks of the ISN clock. */
        uint32_t iss = sc->iss[h] != 0 ? sc->iss[h] - 250 : 0x10000000u << h;

        cfg.start = model_start(&cfg, h, iss);
        if (net_init(&e->n, &cfg, mem, len) != 0)
            abort();
        mem += (len + 63) & ~(size_t)63;
        e->offset = cfg.start;
        e->sd = e->lsd = -1;
        int steps = scenario_parse(sc->user[h], e->steps);

        if (steps < 0)
            abort();
        e->step_count = (uint8_t)steps;
        e->n.core.trace =
            (struct trace){.mask = 1u << TRACE_tcp_state, .sink = observe_trace, .ctx = m};
        for (unsigned i = 0; i < 2; i++) {
            uint32_t ip = i == 0 ? (uint32_t)IP_A + !h : (uint32_t)IP_STRANGER;

            arp_set(&e->n.ifs[0].arp, ip,
                    (struct mac){
                        {2, 0, 0, 0, 0, (uint8_t)ip}
            });
        }
        if (e->step_count > 0 && e->steps[0].kind == STEP_LISTEN) { /* a service that is there */
            user_listen(m, h);
            e->step = 1;
        }
    }
}

/* ---- the wire ---- */

void model_input(struct model *m, unsigned h, const uint8_t *frame, size_t len)
{
    struct pkt *p = net_pkt(&m->end[h].n);

    if (p == NULL) {
        model_fail(m, "%c has no packet left", 'A' + (int)h);
        return;
    }
    memcpy(pkt_append(p, (uint32_t)len), frame, len);
    net_input(&m->end[h].n, &p, 1, model_now(m, h));
}

/* A frame leaves end @h: ARP arrives at once, TCP for the other end goes to the wire, what is for a
 * stranger is gone. */
static void model_emit(struct model *m, unsigned h, struct pkt *p)
{
    uint8_t frame[2048];
    size_t len = pkt_total(p);

    pkt_csum_complete(p);
    if (len > sizeof(frame)) {
        model_fail(m, "a frame of %zu bytes", len);
        pkt_release(p);
        return;
    }
    pkt_copy_out(p, frame);
    pkt_release(p);
    if (get16(frame + ETH_TYPE) != ETH_TYPE_IP4) {
        model_input(m, !h, frame, len);
        return;
    }
    if (get32(frame + ETH_HDR_LEN + IP4_DST) != (uint32_t)IP_A + !h)
        return;
    if (len > FRAME_MAX || m->wire_len >= m->wire_max) {
        model_fail(m, "the wire cannot take a frame of %zu bytes", len);
        return;
    }
    struct seg *s = &m->wire[m->wire_len++];

    memset(s, 0, sizeof(*s));
    s->from = (uint8_t)h;
    s->number = ++m->sent;
    s->len = (uint16_t)len;
    s->sent_at = m->now;
    memcpy(s->frame, frame, len);
    ladder_sent(m, s);
}

static bool model_pull(struct model *m, unsigned h)
{
    struct pkt *p;
    bool any = false;

    while (m->wire_len < m->wire_max && net_output(&m->end[h].n, &p, 1, model_now(m, h)) > 0) {
        model_emit(m, h, p);
        any = true;
    }
    return any;
}

static void wire_take(struct model *m, unsigned i, struct seg *s)
{
    *s = m->wire[i];
    m->wire_len--;
    memmove(&m->wire[i], &m->wire[i + 1], (m->wire_len - i) * sizeof(m->wire[0]));
    memset(&m->wire[m->wire_len], 0, sizeof(m->wire[0]));
}

/* ---- what happens ---- */

/* Both hosts send what they have, their users take what there is, until all is quiet. */
static void model_serve(struct model *m)
{
    bool any = true;

    for (unsigned turn = 0; any && m->fault == NULL; turn++) {
        any = false;
        for (unsigned h = 0; h < 2; h++)
            any = model_pull(m, h) || any;
        for (unsigned h = 0; h < 2; h++)
            any = user_attend(m, h) || any;
        for (unsigned h = 0; h < 2 && m->sc->packs; h++)
            (void)sock_pending(m->end[h].n.socks); /* who has been told may rest */
        if (turn > 200)
            model_fail(m, "the hosts do not come to rest");
    }
}

/* ---- time ---- */

/* When something happens next if nobody does anything. */
static net_time model_deadline(const struct model *m)
{
    net_time at = NET_NEVER;

    for (unsigned h = 0; h < 2; h++) {
        net_time t = tcp_deadline(&m->end[h].n.tcp);

        if (t != NET_NEVER)
            at = net_time_min(at, t - m->end[h].offset);
    }
    for (unsigned i = 0; i < m->wire_len; i++)
        at = net_time_min(at, m->wire[i].sent_at + m->wire_life);
    return at;
}

static bool model_has_output(const struct model *m)
{
    for (unsigned h = 0; h < 2; h++) {
        if (m->end[h].n.txq.q.len > 0 || tcp_output_due(&m->end[h].n.tcp))
            return true;
    }
    return false;
}

/* To the next deadline at which anything happens: a wheel that turns is nothing. */
static void model_time(struct model *m)
{
    uint64_t before = canon_hash(m);

    for (unsigned turn = 0; m->fault == NULL; turn++) {
        net_time at = model_deadline(m);
        unsigned sent = m->sent, len = m->wire_len;

        if (at == NET_NEVER)
            return;
        if (at < m->now || turn > 1000) {
            model_fail(m, "a deadline in the past");
            return;
        }
        m->now = at;
        for (unsigned i = 0; i < m->wire_len;) {
            struct seg gone;

            if (m->wire[i].sent_at + m->wire_life <= m->now)
                wire_take(m, i, &gone);
            else
                i++;
        }
        for (unsigned h = 0; h < 2; h++)
            net_input(&m->end[h].n, NULL, 0, model_now(m, h));
        model_serve(m);
        if (m->sent != sent || m->wire_len != len || canon_hash(m) != before)
            return;
    }
}

/* ---- what may happen ---- */

/* Two segments that nobody can tell apart: all but the IP header (its identification) is equal. */
static bool seg_eq(const struct seg *a, const struct seg *b)
{
    size_t from = ETH_HDR_LEN + IP4_HDR_LEN;

    return a->from == b->from && a->len == b->len &&
           memcmp(a->frame + from, b->frame + from, a->len - from) == 0;
}

static bool wire_is_repeat(const struct model *m, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (seg_eq(&m->wire[k], &m->wire[i]))
            return true;
    }
    return false;
}

static bool model_may_wait(const struct model *m)
{
    return model_deadline(m) != NET_NEVER && !model_has_output(m);
}

size_t model_acts(struct model *m, struct act acts[ACTS_MAX])
{
    size_t n = 0;

    for (uint8_t h = 0; h < 2; h++) {
        if (user_next(m, h, false) != NULL)
            acts[n++] = (struct act){ACT_USER, h};
        if (user_next(m, h, true) != NULL)
            acts[n++] = (struct act){ACT_EARLY, h};
    }
    for (uint8_t i = 0; i < m->wire_len; i++) {
        if (wire_is_repeat(m, i))
            continue;
        acts[n++] = (struct act){ACT_DELIVER, i};
        if (m->loss > 0)
            acts[n++] = (struct act){ACT_DROP, i};
        if (m->dup > 0 && m->wire_len < m->wire_max)
            acts[n++] = (struct act){ACT_DUP, i};
    }
    if (model_may_wait(m) && (m->wire_len == 0 || m->early > 0))
        acts[n++] = (struct act){ACT_TIME, 0};
    return n;
}

bool model_perfect(struct model *m, struct act *act)
{
    if (m->wire_len > 0) {
        *act = (struct act){ACT_DELIVER, 0};
        return true;
    }
    for (uint8_t h = 0; h < 2; h++) {
        *act = (struct act){ACT_USER, h};
        if (user_next(m, h, false) != NULL)
            return true;
    }
    if (model_may_wait(m)) {
        *act = (struct act){ACT_TIME, 0};
        return true;
    }
    for (uint8_t h = 0; h < 2 && m->sc->patience; h++) { /* he waits no longer */
        const struct end *e = &m->end[h];

        *act = (struct act){ACT_USER, h};
        if (e->step < e->step_count && user_can(m, h, &e->steps[e->step], true))
            return true;
    }
    return false;
}

static void model_act(struct model *m, struct act act)
{
    const struct step *s;
    struct seg seg;

    switch ((enum act_kind)act.kind) {
    case ACT_USER:
    case ACT_EARLY:
        s = user_next(m, act.arg, act.kind == ACT_EARLY);
        if (s == NULL) /* only model_perfect() asks for a step whose guard does not hold */
            s = &m->end[act.arg].steps[m->end[act.arg].step];
        user_do(m, act.arg, s);
        break;
    case ACT_DELIVER:
        wire_take(m, act.arg, &seg);
        if (seg.frame[ETH_HDR_LEN + IP4_HDR_LEN + TCP_FLAGS] & TCP_SYN)
            m->now += NET_US(100);
        model_input(m, !seg.from, seg.frame, seg.len);
        break;
    case ACT_DROP:
        wire_take(m, act.arg, &seg);
        m->loss--;
        break;
    case ACT_DUP:
        m->wire[m->wire_len++] = m->wire[act.arg];
        m->dup--;
        break;
    case ACT_TIME:
        if (m->wire_len > 0 && m->early > 0)
            m->early--;
        model_time(m);
        break;
    default:
        abort();
    }
    model_serve(m);
}

bool model_do(struct model *m, struct act act)
{
    ladder_act(m, act);
    model_running = m;
    if (setjmp(model_broken) == 0) {
        model_act(m, act);
        if (m->fault == NULL)
            observe(m);
        if (m->fault == NULL)
            observe_legal(m);
    }
    model_running = NULL;
    ladder_states(m);
    return m->fault == NULL;
}

/* ---- the end ---- */

#define EMPTY(m, h, x)                                                                             \
    do {                                                                                           \
        if (!(x))                                                                                  \
            model_fail((m), "%c: left at the end: not %s", 'A' + (int)(h), #x);                    \
    } while (0)

static void model_check_empty(struct model *m, unsigned h)
{
    struct net *n = &m->end[h].n;

    EMPTY(m, h, n->tcp.tcbs.used == 0);
    EMPTY(m, h, n->tcp.halves.used == 0);
    EMPTY(m, h, n->tcp.tws.used == 0);
    EMPTY(m, h, n->tcp.listener_pool.used == 0);
    EMPTY(m, h, n->tcp.hole_pool.used == 0);
    EMPTY(m, h, n->tcp.rares.used == 0);
    EMPTY(m, h, n->core.pkts.slab.used == 0);
    EMPTY(m, h, n->core.bigs.slab.used == 0);
    EMPTY(m, h, n->core.bufs.used == 0);
    EMPTY(m, h, n->socks->slab.used == 0);
    EMPTY(m, h, n->tcp.port_users[PORT_A] == 0 && n->tcp.port_users[PORT_B] == 0);
    EMPTY(m, h, !tcp_output_due(&n->tcp));
    EMPTY(m, h, n->txq.q.len == 0);
    EMPTY(m, h, tcp_deadline(&n->tcp) == NET_NEVER);
}

/* Nothing is in flight, no timer runs, no user has anything to do: who is still there? */
static void model_check_over(struct model *m)
{
    const struct tcp_conn *c[2] = {model_record(m, 0), model_record(m, 1)};

    if (m->sc->stays && c[0] != NULL && c[1] != NULL && c[0]->state == TCP_ESTABLISHED &&
        c[1]->state == TCP_ESTABLISHED)
        return;
    for (unsigned h = 0; h < 2; h++) {
        if (c[h] != NULL)
            model_fail(m, "%c stays in %s for ever, %c in %s", 'A' + (int)h,
                       tcp_state_name((enum tcp_state)c[h]->state), 'B' - (int)h,
                       tcp_state_name(model_state(m, !h)));
    }
}

void model_finish(struct model *m)
{
    struct act act;

    model_check_over(m);
    if (m->fault == NULL)
        observe_end(m);
    for (unsigned h = 0; h < 2; h++) {
        struct end *e = &m->end[h];

        e->step = e->step_count;
        if (e->sd >= 0)
            user_leave(m, h, false);
        if (e->lsd >= 0)
            sock_close(e->n.socks, e->lsd);
        e->lsd = -1;
    }
    model_serve(m);
    for (unsigned i = 0; m->fault == NULL && model_perfect(m, &act); i++) {
        if (!model_do(m, act))
            break;
        if (i > 1000)
            model_fail(m, "closing does not end");
    }
    for (unsigned h = 0; h < 2 && m->fault == NULL; h++)
        model_check_empty(m, h);
}

/* ---- paths ---- */

static const char act_letters[ACT_KINDS] = {'a', 'A', 'd', 'x', 'u', 't'};

void model_act_text(struct act act, char text[4])
{
    char c = act_letters[act.kind];

    if (act.kind == ACT_USER || act.kind == ACT_EARLY)
        snprintf(text, 4, "%c", c + act.arg);
    else if (act.kind == ACT_TIME)
        snprintf(text, 4, "t");
    else
        snprintf(text, 4, "%c%u", c, act.arg & 7);
}

bool model_act_parse(const char *text, struct act *act)
{
    char is[4];

    for (uint8_t kind = 0; kind < ACT_KINDS; kind++) {
        for (uint8_t arg = 0; arg < WIRE_MAX; arg++) {
            if (arg > 1 && (kind == ACT_USER || kind == ACT_EARLY))
                break;
            *act = (struct act){kind, kind == ACT_TIME ? 0 : arg};
            model_act_text(*act, is);
            if (strcmp(is, text) == 0)
                return true;
        }
    }
    return false;
}
