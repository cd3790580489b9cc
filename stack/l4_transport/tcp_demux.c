/*
 * tcp_demux.c - from a four-tuple to a connection, and the numbers that a stranger must not guess.
 *
 * One hash table holds the records of all four kinds; listeners have one of their own, by local
 * port. The chains are keyed with a secret, so that nobody can choose ports that meet in one chain.
 *
 * Segments come in trains, and few connections are busy at a time: those that spoke last stand in a
 * small table of their own, found without the keyed hash. Each has one place there, given by what a
 * stranger may choose; who takes another's place gains nothing, that one takes the long way once.
 * What leaves the hash table leaves this one with it, so a new connection of the same four numbers is
 * never taken for the old.
 *
 * Initial sequence numbers (RFC 6528 section 3): ISN = M + F(four-tuple, secret), M a clock of 4 us.
 * Timestamp offsets (RFC 7323 section 7.1): a keyed hash of the four-tuple, so that they are
 * steady for one pair of ends, and tell nothing about the uptime.
 * Ephemeral ports (RFC 6056 section 3.3.4, "double-hash"): an offset that depends on the other end
 * plus a counter shared by a sixteenth of all ends: unpredictable, yet no early reuse.
 */
#include <errno.h>

#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_priv.h"

static uint64_t tcp_id_hash(const struct siphash_key *key, const struct tcp_id *id, bool with_lport)
{
    uint64_t ports = (uint64_t)(with_lport ? id->lport : 0) << 16 | id->rport;

    if ((id->local.hi | id->remote.hi) == 0) { /* IPv4: the upper halves say nothing */
        uint64_t words[3] = {id->local.lo, id->remote.lo, ports};

        return siphash_words(key, words, 3);
    }
    uint64_t words[5] = {id->local.hi, id->local.lo, id->remote.hi, id->remote.lo, ports};

    return siphash_words(key, words, 5);
}

/* Where the hash of @id stands if it was computed ahead. */
static uint32_t tcp_memo_place(const struct tcp_id *id)
{
    return (id->rport ^ (uint32_t)id->remote.lo) % TCP_MEMOS;
}

uint32_t tcp_hash(const struct tcp *tcp, const struct tcp_id *id)
{
    uint64_t ports = (uint64_t)id->lport << 16 | id->rport;

    if ((id->local.hi | id->remote.hi) == 0) { /* IPv4: two words say all */
        uint64_t words[2] = {id->local.lo << 32 | (uint32_t)id->remote.lo, ports};
        const struct tcp_memo *m = &tcp->memo[tcp_memo_place(id)];

        if (m->words[0] == words[0] && m->words[1] == words[1])
            return m->hash;
        return siphash_table(&tcp->c->key, words, ARRAY_LEN(words));
    }
    uint64_t words[5] = {id->local.hi, id->local.lo, id->remote.hi, id->remote.lo, ports};

    return siphash_table(&tcp->c->key, words, ARRAY_LEN(words));
}

static bool tcp_id_eq(const struct tcp_id *a, const struct tcp_id *b)
{
    return a->rport == b->rport && a->lport == b->lport && ip_addr_eq(a->remote, b->remote) &&
           ip_addr_eq(a->local, b->local);
}

static bool tcp_node_is(struct hash_node *n, const struct tcp_id *id)
{
    if (n->kind != TCP_CONN_IDLE)
        return tcp_id_eq(&tcp_conn_of(n)->id, id);
    struct tcp_id own = tcp_idle_id(container_of(n, struct tcp_idle, link));

    return tcp_id_eq(&own, id);
}

/* The record of @id, of any kind; NULL: there is none. */
struct hash_node *tcp_find_any(const struct tcp *tcp, const struct tcp_id *id)
{
    uint32_t hash = tcp_hash(tcp, id);

    for (struct hash_node *n = hash_first(&tcp->table, hash); n != NULL; n = n->next) {
        if (n->hash == hash && tcp_node_is(n, id))
            return n;
    }
    return NULL;
}

/* The same where it does not rest. */
struct tcp_conn *tcp_find(const struct tcp *tcp, const struct tcp_id *id)
{
    struct hash_node *n = tcp_find_any(tcp, id);

    return n != NULL && n->kind != TCP_CONN_IDLE ? tcp_conn_of(n) : NULL;
}

static struct tcp_flow *tcp_flow_place(struct tcp *tcp, const struct tcp_id *id)
{
    return &tcp->flows[(id->rport ^ (uint32_t)id->remote.lo) % TCP_FLOWS];
}

/* The connection of a segment, if it spoke lately. */
struct tcb *tcp_flow_find(struct tcp *tcp, const struct tcp_id *id)
{
    const struct tcp_flow *f = tcp_flow_place(tcp, id);

    if (f->t == NULL || f->ports != ((uint32_t)id->lport << 16 | id->rport) ||
        f->remote != (uint32_t)id->remote.lo || !tcp_id_eq(&f->t->conn.id, id))
        return NULL;
    return f->t;
}

/* @t speaks. */
void tcp_flow_note(struct tcb *t)
{
    const struct tcp_id *id = &t->conn.id;

    tcp_rest_note(t->tcp);
    *tcp_flow_place(t->tcp, id) =
        (struct tcp_flow){t, (uint32_t)id->lport << 16 | id->rport, (uint32_t)id->remote.lo};
}

static void tcp_flow_forget(struct tcp *tcp, const struct tcp_conn *c)
{
    struct tcp_flow *f = tcp_flow_place(tcp, &c->id);

    if (f->t != NULL && &f->t->conn == c)
        f->t = NULL;
}

/* ---- fetching ahead ---- */

bool tcp_ahead(struct tcp *tcp, const struct tcp_id *id, struct tcp_ahead *a)
{
    if (tcp_flow_find(tcp, id) != NULL)
        return false;
    a->hash = tcp_hash(tcp, id);
    hash_ahead(&tcp->table, a->hash);
    if ((id->local.hi | id->remote.hi) == 0)
        tcp->memo[tcp_memo_place(id)] = (struct tcp_memo){
            {id->local.lo << 32 | (uint32_t)id->remote.lo, (uint64_t)id->lport << 16 | id->rport},
            a->hash
        };
    return true;
}

void tcp_ahead_block(const struct tcp *tcp, struct tcp_ahead *a)
{
    a->at = hash_first(&tcp->table, a->hash);
    if (a->at != NULL) /* of which kind it is would have to be waited for */
        tcp_fetch(a->at, 0, sizeof(struct tcp_idle));
}

void tcp_ahead_next(struct tcp_ahead *a)
{
    if (a->at == NULL)
        return;
    if (a->at->hash != a->hash) { /* another one of the chain; one step is enough for most */
        a->at = a->at->next;
        if (a->at != NULL)
            tcp_fetch(a->at, 0, sizeof(struct tcp_idle));
    } else if (a->at->kind == TCP_CONN_FULL) {
        tcp_fetch(a->at, sizeof(struct tcp_idle), sizeof(struct tcb));
    }
}

void tcp_ahead_user(const struct tcp *tcp, const struct tcp_ahead *a)
{
    /* A full block is given to the user as it is; one that rests will be moved. */
    if (a->at != NULL && a->at->hash == a->hash && a->at->kind == TCP_CONN_IDLE)
        tcp->ahead(tcp->moved_ctx, tcp_idle_owner(container_of(a->at, struct tcp_idle, link)));
}

void tcp_conn_add(struct tcp *tcp, struct tcp_conn *c)
{
    hash_add(&tcp->table, &c->link, tcp_hash(tcp, &c->id));
}

void tcp_conn_del(struct tcp *tcp, struct tcp_conn *c)
{
    tcp_flow_forget(tcp, c);
    hash_del(&tcp->table, &c->link);
}

/* The record @n takes the place of @c. */
void tcp_conn_replace(struct tcp *tcp, struct tcp_conn *c, struct hash_node *n)
{
    tcp_flow_forget(tcp, c);
    hash_replace(&tcp->table, &c->link, n);
}

/* A listener bound to this very address goes before one bound to all. */
struct tcp_listener *tcp_find_listener(const struct tcp *tcp, struct ip_addr local, uint16_t port)
{
    struct tcp_listener *any = NULL;

    for (struct hash_node *n = hash_first(&tcp->listeners, port); n != NULL; n = n->next) {
        struct tcp_listener *l = container_of(n, struct tcp_listener, conn.link);

        if (l->conn.id.lport != port)
            continue;
        if (ip_addr_eq(l->conn.id.local, local))
            return l;
        if (ip_addr_is_any(l->conn.id.local))
            any = l;
    }
    return any;
}

bool tcp_port_in_use(const struct tcp *tcp, struct ip_addr local, uint16_t lport, bool reuse)
{
    for (struct hash_node *n = hash_first(&tcp->listeners, lport); n != NULL; n = n->next) {
        const struct tcp_listener *l = container_of(n, struct tcp_listener, conn.link);

        if (l->conn.id.lport == lport &&
            (ip_addr_is_any(local) || ip_addr_is_any(l->conn.id.local) ||
             ip_addr_eq(l->conn.id.local, local)))
            return true;
    }
    return !reuse && tcp->port_users[lport] > 0;
}

/* May @id be used for a new connection? An entry in TIME-WAIT may go if the peer will know the new
 * SYN from an old one (RFC 6191). */
static bool tcp_id_free(struct tcp *tcp, const struct tcp_id *id)
{
    struct hash_node *n = tcp_find_any(tcp, id);

    if (n == NULL)
        return true;
    if (n->kind != TCP_CONN_TW)
        return false;
    struct tcp_conn *c = tcp_conn_of(n);
    struct tcp_tw *w = container_of(c, struct tcp_tw, conn);

    if (!tcp_tw_reusable(tcp, w))
        return false;
    tcp_event(tcp, c, TCP_EV_REUSED);
    tcp_tw_free(tcp, w);
    return true;
}

/* Fill in id->lport, or check the one that is there. Return: 0 or -EADDRINUSE. */
int tcp_port_choose(struct tcp *tcp, struct tcp_id *id)
{
    uint32_t range = (uint32_t)tcp->cfg.port_max - tcp->cfg.port_min + 1;

    if (id->lport != 0)
        return tcp_id_free(tcp, id) ? 0 : -EADDRINUSE;
    uint64_t offset = tcp_id_hash(&tcp->port_key, id, false);
    uint16_t *next = &tcp->port_next[(offset >> 32) % ARRAY_LEN(tcp->port_next)];

    for (uint32_t i = 0; i < range; i++) {
        uint32_t port = tcp->cfg.port_min + ((uint32_t)offset + (*next)++) % range;

        id->lport = (uint16_t)port;
        if (tcp_find_listener(tcp, id->local, id->lport) == NULL && tcp_id_free(tcp, id))
            return 0;
    }
    id->lport = 0;
    return -EADDRINUSE;
}

tcp_seq tcp_iss(const struct tcp *tcp, const struct tcp_id *id)
{
    uint32_t m = (uint32_t)(tcp->c->now / NET_US(4));

    return seq_of(m + (uint32_t)tcp_id_hash(&tcp->isn_key, id, true));
}

uint32_t tcp_ts_offset(const struct tcp *tcp, const struct tcp_id *id)
{
    return (uint32_t)tcp_id_hash(&tcp->ts_key, id, true);
}
