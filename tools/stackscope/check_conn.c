/*
 * check_conn.c - who asks whom for connections, and what becomes of them.
 *
 * Two tables of fixed size, found by a keyed hash of the addresses; where two meet in a slot the later one takes
 * it over. A flood or a scan asks so often that it has its slot most of the time; and it cannot choose whom to
 * meet there in order to be forgotten, as the key is drawn at the start.
 */
#include "check.h"
#include <stdio.h>

#include "conn.h"

enum { FLOOD_SYNS = 100, PILE = 16, SCAN_PORTS = 20 };

static uint32_t conn_mix(const struct check *k, const struct scope_addr *a,
                         const struct scope_addr *b, uint64_t more)
{
    uint64_t words[5] = {[4] = more};

    memcpy(words, a->b, sizeof(a->b));
    memcpy(words + 2, b->b, sizeof(b->b));
    return siphash_table(&k->key, words, ARRAY_LEN(words));
}

static struct check_server *check_server_of(struct check *k, const struct track_end *e)
{
    struct check_server *s = &k->server[conn_mix(k, &e->addr, &e->addr, e->port) % CHECK_SERVERS];

    if (!s->used || s->port != e->port || memcmp(&s->addr, &e->addr, sizeof(s->addr)) != 0)
        *s = (struct check_server){.addr = e->addr, .port = e->port, .used = true};
    return s;
}

static const char *server_text(const struct check_server *s, char *out, size_t len)
{
    char a[46];

    snprintf(out, len, "%s:%u", scope_addr_text(&s->addr, a), s->port);
    return out;
}

/* A second is over: were its SYNs a flood? Not before, as the ACKs of a busy service need a round trip. */
static void flood_judge(struct check *k, struct check_server *s)
{
    char where[64];

    if (s->syns >= FLOOD_SYNS && s->opened * 10 < s->syns && !s->flood_told) {
        s->flood_told = true;
        check_report(
            k, CHECK_SYN_FLOOD, s->second_frame, s->second, server_text(s, where, sizeof(where)),
            "%u SYNs in the second that begins here, %u connections opened", s->syns, s->opened);
    }
    s->syns = s->opened = 0;
}

void check_servers_end(struct check *k)
{
    for (unsigned i = 0; i < CHECK_SERVERS; i++)
        if (k->server[i].used)
            flood_judge(k, &k->server[i]);
}

static void opens_flood(struct check *k, const struct track_segment *g)
{
    struct check_server *s = check_server_of(k, &g->conn->end[END_SERVER]);

    if (g->frame->time - s->second >= NET_SEC(1) || g->frame->time < s->second) {
        flood_judge(k, s);
        s->second = g->frame->time;
        s->second_frame = g->frame->number;
    }
    s->syns++;
}

/* A SYN,ACK sent again: this one waits. */
static void opens_pile(struct check *k, const struct track_segment *g)
{
    struct check_conn *cc = check_conn_of(g->conn);
    struct check_server *s = check_server_of(k, &g->conn->end[END_SERVER]);
    char where[64];

    if (cc == NULL || cc->end[END_SERVER].half_open || g->after[END_SERVER] != TCP_SYN_RCVD)
        return;
    cc->end[END_SERVER].half_open = true;
    if (++s->half_open >= PILE && !s->pile_told) {
        s->pile_told = true;
        check_report(k, CHECK_HALF_OPEN, g->frame->number, g->frame->time,
                     server_text(s, where, sizeof(where)),
                     "%u of them with this SYN,ACK, which is sent again", s->half_open);
    }
}

static void opens_scan(struct check *k, const struct track_segment *g)
{
    const struct dissect *d = g->d;
    struct check_pair *p = &k->pair[conn_mix(k, &d->src, &d->dst, 0) % CHECK_PAIRS];
    uint32_t bit = d->dst_port % 1024u;
    char a[46], b[46], where[120];

    if (!p->used || memcmp(&p->src, &d->src, sizeof(p->src)) != 0 ||
        memcmp(&p->dst, &d->dst, sizeof(p->dst)) != 0) {
        *p = (struct check_pair){.src = d->src, .dst = d->dst, .used = true};
    }
    if ((p->seen[bit / 64] >> bit % 64 & 1) != 0)
        return;
    p->seen[bit / 64] |= (uint64_t)1 << bit % 64;
    if (++p->ports < SCAN_PORTS || p->told)
        return;
    p->told = true;
    snprintf(where, sizeof(where), "%s-%s", scope_addr_text(&d->src, a),
             scope_addr_text(&d->dst, b));
    check_report(k, CHECK_PORT_SCAN, g->frame->number, g->frame->time, where,
                 "this is the %uth port, %u", p->ports, d->dst_port);
}

void check_opens(struct check *k, const struct track_segment *g)
{
    if ((g->d->tcp.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
        (g->what & SEG_RTX) != 0 && g->from == END_SERVER)
        opens_pile(k, g);
    if ((g->d->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN ||
        (g->what & (SEG_RTX | SEG_BAD_SUM)) != 0)
        return;
    if (g->from == END_CLIENT)
        opens_flood(k, g);
    opens_scan(k, g);
}

void check_state(struct check *k, const struct track_state *s)
{
    struct check_conn *cc = check_conn_of(s->conn);

    if (cc == NULL || s->end != END_SERVER || s->from != TCP_SYN_RCVD)
        return;
    struct check_server *server = check_server_of(k, &s->conn->end[END_SERVER]);

    server->opened += s->to == TCP_ESTABLISHED;
    if (cc->end[END_SERVER].half_open)
        server->half_open -= server->half_open > 0;
    cc->end[END_SERVER].half_open = false;
}

void check_conn_ended(struct check *k, struct track_conn *c)
{
    struct check_conn *cc = check_conn_of(c);
    char where[120];

    if (cc == NULL)
        return;
    if ((c->what & SEG_PORT_REUSED) != 0 && c->completeness == 1 && c->end[END_CLIENT].state < 0)
        check_report(k, CHECK_BLIND_SYN, c->first_frame, c->first_time,
                     check_where(c, END_CLIENT, where), "nobody answered it with a SYN");
    if (cc->end[END_SERVER].half_open) {
        struct check_server *s = check_server_of(k, &c->end[END_SERVER]);
        s->half_open -= s->half_open > 0;
    }
    for (unsigned e = 0; e < 2; e++) {
        const struct check_end *x = &cc->end[e];
        if (x->zero_since != 0 && c->last_time - x->zero_since >= NET_SEC(1))
            check_report(k, CHECK_ZERO_STALL, x->zero_frame, x->zero_since,
                         check_where(c, e, where), "closed for %.3f s and not opened again",
                         (double)(c->last_time - x->zero_since) / 1e9);
        if (x->sums < 0 && x->sums_wrong != 0)
            check_report(k, CHECK_OFFLOAD, x->first_wrong, c->first_time, check_where(c, e, where),
                         "%u segments", x->sums_wrong);
    }
}
