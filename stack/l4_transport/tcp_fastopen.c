/*
 * tcp_fastopen.c - data in the SYN: TCP Fast Open (RFC 7413), off by default.
 *
 * A handshake costs a round trip before the first byte of a request. A client that has been here
 * before can send the request with its SYN, if the server believes that the address is its own: it
 * proves that with a cookie which the server gave it at an earlier connection.
 *
 *     SYN  FO (asks)          ->                      SYN  FO cookie, data   ->   to the program
 *          <-  SYN,ACK  FO cookie                          <-  SYN,ACK of SYN and data
 *     ACK                     ->                           <-  data of the answer
 *     as ever                                         ACK                    ->
 *
 * The server. A cookie is SipHash of both addresses (Linux's, byte for byte) under a key that only this
 * host knows; so nothing is kept per client. A key that the user did not set is renewed every hour,
 * and the one before it is valid as long again, so a cookie lives at most two (section 4.1.2). A SYN
 * with a good one makes a whole block at once, in SYN-RECEIVED, whose data can be read; the
 * half-open pool is not asked. That is what an attacker who knows a cookie could fill, so each
 * listener has a limit for them (section 4.2), and one that ended by a reset counts for a minute
 * more (section 5.1): a stolen cookie and forged addresses would otherwise turn our answers and the
 * victims' resets into a flood without end. Beyond the limit there are plain handshakes.
 *
 * The client. A bounded cache, least recently used first out, keeps for each pair of addresses the
 * cookie and the server's MSS (section 4.1.3), and the bad news: a SYN with the option that went
 * unanswered, or whose data were not taken. Such a server gets plain SYNs for a minute, twice as
 * long each time it happens again. The second SYN is plain, anyway (section 4.2.2). After three
 * silences in a row, whoever the servers were, a middlebox on our side is the likely reason: no
 * Fast Open at all for an hour, then two... (Linux's black-hole protection).
 *
 * What a program must know: data of a SYN that is duplicated in the network may be given to it twice
 * (section 2). So each listener has to ask for it, and requests should be idempotent.
 *
 * Not done: cookies of an experimental option (kind 254), which section 9 has ended.
 */
#include "l4_transport/tcp_priv.h"
#include "wire/bytes.h"

enum {
    FO_COOKIE_LEN = 8,
    FO_OPTIONS = 40,   /* room that the options of a SYN may take of its MSS */
    FO_SILENT_MAX = 3, /* silences in a row: it is not the servers */
    FO_DOUBLINGS = 6,  /* of a pause, at most */
};
#define FO_RST_TIME NET_SEC(60)
#define FO_PAUSE    NET_SEC(60)

/* A connection in SYN-RECEIVED that a cookie opened, or what is left of one that was reset. */
struct tcp_fo_req {
    struct tcp_fo_req *next; /* of those that were reset, by age */
    struct tcp_listener *l;
    struct tcb *t; /* NULL: reset */
    net_time until;
};

/* What a client knows of a server. */
struct tcp_fo_peer {
    struct hash_node link;
    struct tcp_fo_peer *older, *newer;
    struct ip_addr local, remote;
    net_time paused_until;
    uint16_t mss;
    uint8_t failures; /* in a row */
    uint8_t len;      /* of the cookie, 0: none */
    uint8_t cookie[TCP_FO_MAX];
};

static_assert(sizeof(struct tcp_fo_req) <= TCP_FO_REQ_SIZE, "see tcp.h");
static_assert(sizeof(struct tcp_fo_peer) <= TCP_FO_PEER_SIZE, "see tcp.h");

void tcp_fo_cut(struct tcp_fo *fo, const struct tcp_config *cfg, struct region *r)
{
    slab_cut(&fo->reqs, r, TCP_FO_REQ_SIZE, cfg->fastopen_pending);
    slab_cut(&fo->peers, r, TCP_FO_PEER_SIZE, cfg->fastopen_cache);
    hash_cut(&fo->by_addr, r, cfg->fastopen_cache);
}

/* ---- the server: cookies ---- */

static struct siphash_key tcp_fo_key_new(struct tcp *tcp)
{
    return (struct siphash_key){prng_u64(&tcp->c->prng), prng_u64(&tcp->c->prng)};
}

/* The keys as they are now: made at random when first needed, and renewed. */
static const struct siphash_key *tcp_fo_keys(struct tcp *tcp)
{
    struct tcp_fo *fo = &tcp->fo;
    const struct tcp_config *cfg = &tcp->cfg;
    net_time now = tcp->c->now, age = now - fo->key_since;

    if (cfg->fastopen_keys > 0) { /* of the user, who renews them himself */
        fo->key[0] = cfg->fastopen_key[0];
        fo->key[1] = cfg->fastopen_key[cfg->fastopen_keys - 1];
    } else if (!fo->has_key || age >= cfg->fastopen_rotate) {
        bool is_old = !fo->has_key || age >= 2 * cfg->fastopen_rotate;

        fo->key[1] = is_old ? tcp_fo_key_new(tcp) : fo->key[0];
        fo->key[0] = tcp_fo_key_new(tcp);
        fo->key_since = now;
        fo->has_key = true;
    }
    return fo->key;
}

static size_t tcp_fo_put_addr(uint8_t *p, struct ip_addr a)
{
    if (ip_addr_is_v4(a)) {
        put32(p, ip_addr_to_v4(a));
        return 4;
    }
    put32(p, (uint32_t)(a.hi >> 32));
    put32(p + 4, (uint32_t)a.hi);
    put32(p + 8, (uint32_t)(a.lo >> 32));
    put32(p + 12, (uint32_t)a.lo);
    return 16;
}

/* The cookie of the client of @id, under one of our keys. */
static void tcp_fo_cookie_make(const struct siphash_key *key, const struct tcp_id *id,
                               uint8_t cookie[FO_COOKIE_LEN])
{
    uint8_t bytes[32];
    size_t n = tcp_fo_put_addr(bytes, id->remote);

    n += tcp_fo_put_addr(bytes + n, id->local);
    uint64_t hash = siphash(key, bytes, n);

    for (unsigned i = 0; i < FO_COOKIE_LEN; i++)
        cookie[i] = (uint8_t)(hash >> (8 * i));
}

/**
 * tcp_fo_offer - put a cookie for the client of @id into the options of a SYN,ACK.
 * @cookie: room for it, TCP_FO_MAX bytes, as long as @o is in use
 */
void tcp_fo_offer(struct tcp *tcp, const struct tcp_id *id, struct tcp_opts *o, uint8_t *cookie)
{
    tcp_fo_cookie_make(&tcp_fo_keys(tcp)[0], id, cookie);
    o->has_fo = true;
    o->fo = cookie;
    o->fo_len = FO_COOKIE_LEN;
}

/* Under which of our keys is that the cookie of its sender? -1: none. All bytes are always compared:
 * how long it takes says nothing. */
static int tcp_fo_cookie_check(struct tcp *tcp, const struct tcp_id *id, const struct tcp_opts *o)
{
    const struct siphash_key *key = tcp_fo_keys(tcp);

    for (int k = 0; o->has_fo && o->fo_len == FO_COOKIE_LEN && k < 2; k++) {
        uint8_t good[FO_COOKIE_LEN], differ = 0;

        tcp_fo_cookie_make(&key[k], id, good);
        for (unsigned i = 0; i < FO_COOKIE_LEN; i++)
            differ |= good[i] ^ o->fo[i];
        if (differ == 0)
            return k;
    }
    return -1;
}

/* ---- the server: requests ---- */

static void tcp_fo_req_free(struct tcp *tcp, struct tcp_fo_req *q)
{
    q->l->fo_pending--;
    if (q->t != NULL)
        q->t->fo = NULL;
    q->l = NULL;
    slab_free(&tcp->fo.reqs, q);
}

/* Those that were reset are forgotten after a minute. */
static void tcp_fo_expire(struct tcp *tcp)
{
    struct tcp_fo *fo = &tcp->fo;
    struct tcp_fo_req *q;

    while ((q = fo->rst_first) != NULL && q->until <= tcp->c->now) {
        fo->rst_first = q->next;
        if (fo->rst_first == NULL)
            fo->rst_last = NULL;
        if (q->l != NULL)
            q->l->fo_pending--;
        slab_free(&fo->reqs, q);
    }
}

/* @t is not pending any more: its handshake is complete, or it is over. */
void tcp_fo_done(struct tcb *t)
{
    if (t->fo != NULL)
        tcp_fo_req_free(t->tcp, t->fo);
}

/* A reset ended @t before its handshake was complete: it counts for another minute. */
void tcp_fo_reset(struct tcb *t)
{
    struct tcp_fo *fo = &t->tcp->fo;
    struct tcp_fo_req *q = t->fo;

    if (q == NULL)
        return;
    t->fo = NULL;
    q->t = NULL;
    q->next = NULL;
    q->until = t->tcp->c->now + FO_RST_TIME;
    if (fo->rst_last != NULL)
        fo->rst_last->next = q;
    else
        fo->rst_first = q;
    fo->rst_last = q;
}

/* Listener @l goes; connections that a user has accepted stay. */
void tcp_fo_listener_gone(struct tcp *tcp, struct tcp_listener *l)
{
    for (struct tcp_fo_req *q = tcp->fo.rst_first; q != NULL; q = q->next) {
        if (q->l == l)
            q->l = NULL;
    }
    for (uint32_t i = 0; i < tcp->fo.reqs.frontier && l->fo_pending > 0; i++) {
        struct tcp_fo_req *q = slab_at(&tcp->fo.reqs, i);

        if (q->l == l && q->t != NULL)
            tcp_fo_req_free(tcp, q);
    }
}

uint32_t tcp_fo_limit(const struct tcp *tcp, const struct tcp_listener *l)
{
    if (!(tcp->cfg.fastopen & TCP_FO_SERVER))
        return 0;
    return l->fo_qlen == 0 && (tcp->cfg.fastopen & TCP_FO_SERVER_ALL) ? l->backlog : l->fo_qlen;
}

/* A block in SYN-RECEIVED, at once in the accept queue, with what the SYN brought. */
static bool tcp_fo_child(struct tcp *tcp, struct tcp_listener *l, const struct tcp_half *h,
                         const struct tcp_seg *seg, bool offer)
{
    struct tcp_fo_req *q = slab_alloc(&tcp->fo.reqs);
    struct tcb *t = q != NULL ? tcp_child(tcp, l, h, TCP_EV_RCV_SYN) : NULL;

    if (t == NULL) {
        if (q != NULL)
            slab_free(&tcp->fo.reqs, q);
        return false;
    }
    *q = (struct tcp_fo_req){.l = l, .t = t};
    l->fo_pending++;
    t->fo = q;
    t->fo_offer = offer;
    uint32_t len = u32_min(seg->data_len, tcp_rcv_wnd(t));

    if (len > 0 && tcp_reass_input(t, t->rcv_nxt, seg, len) == V_NEXT) {
        t->bytes_in += len;
        t->fo_data_in = true;
    }
    tcp_due(t);
    return true;
}

/**
 * tcp_fo_syn - a SYN for @l, whose accept queue has room: may its data be taken at once?
 * @h: what it says; fo_offer is set where the SYN,ACK is to carry a cookie
 *
 * Return: whether a connection was born.
 * Source: RFC 7413 section 4.2.2; the bits are those of Linux's tcp_fastopen.
 */
bool tcp_fo_syn(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg,
                struct tcp_half *h)
{
    const struct tcp_opts *o = &seg->opt;
    uint32_t limit = tcp_fo_limit(tcp, l);
    bool is_free = (tcp->cfg.fastopen & TCP_FO_SERVER_NO_COOKIE) != 0;

    if (limit == 0 || !(o->has_fo || (is_free && seg->data_len > 0)))
        return false;
    tcp_fo_expire(tcp);
    if (l->fo_pending >= limit || tcp->fo.reqs.used >= tcp->fo.reqs.count) {
        tcp->fo.stats.overflows++;
        return false;
    }
    int key = is_free ? 0 : tcp_fo_cookie_check(tcp, &h->conn.id, o);

    if (key >= 0 && tcp_fo_child(tcp, l, h, seg, key == 1)) {
        tcp->fo.stats.accepted++;
        return true;
    }
    if (key < 0 && o->fo_len > 0)
        tcp->fo.stats.bad_cookies++;
    h->fo_offer = o->has_fo;
    tcp->fo.stats.offers += o->has_fo;
    return false;
}

/* ---- the client: what is known of servers ---- */

static uint32_t tcp_fo_hash(const struct tcp *tcp, const struct tcp_id *id)
{
    uint64_t words[4] = {id->local.hi, id->local.lo, id->remote.hi, id->remote.lo};

    return siphash_table(&tcp->c->key, words, ARRAY_LEN(words));
}

static void tcp_fo_peer_unlink(struct tcp_fo *fo, struct tcp_fo_peer *p)
{
    LIST_REMOVE(fo->oldest, fo->newest, p, older, newer);
}

static void tcp_fo_peer_newest(struct tcp_fo *fo, struct tcp_fo_peer *p)
{
    LIST_APPEND(fo->oldest, fo->newest, p, older, newer);
}

static struct tcp_fo_peer *tcp_fo_find(const struct tcp *tcp, const struct tcp_id *id)
{
    uint32_t hash = tcp_fo_hash(tcp, id);

    for (struct hash_node *n = hash_first(&tcp->fo.by_addr, hash); n != NULL; n = n->next) {
        struct tcp_fo_peer *p = container_of(n, struct tcp_fo_peer, link);

        if (n->hash == hash && ip_addr_eq(p->local, id->local) && ip_addr_eq(p->remote, id->remote))
            return p;
    }
    return NULL;
}

/* The entry for @id, made if need be in place of the one that was used longest ago. */
static struct tcp_fo_peer *tcp_fo_know(struct tcp *tcp, const struct tcp_id *id)
{
    struct tcp_fo *fo = &tcp->fo;
    struct tcp_fo_peer *p = tcp_fo_find(tcp, id);

    if (p != NULL) {
        tcp_fo_peer_unlink(fo, p);
    } else {
        p = slab_alloc(&fo->peers);
        if (p == NULL) {
            p = fo->oldest;
            if (p == NULL)
                return NULL; /* a cache of no entries */
            tcp_fo_peer_unlink(fo, p);
            hash_del(&fo->by_addr, &p->link);
        }
        *p = (struct tcp_fo_peer){.local = id->local, .remote = id->remote};
        hash_add(&fo->by_addr, &p->link, tcp_fo_hash(tcp, id));
    }
    tcp_fo_peer_newest(fo, p);
    return p;
}

/* Is there a reason not to try it with this server, or with any? */
static bool tcp_fo_is_paused(const struct tcp *tcp, const struct tcp_fo_peer *p)
{
    net_time now = tcp->c->now;

    return now < tcp->fo.dark_until || (p != NULL && now < p->paused_until);
}

/* Would a SYN to @id carry data? Then connecting may wait for them. */
bool tcp_fo_ready(const struct tcp *tcp, const struct tcp_id *id)
{
    const struct tcp_fo_peer *p = tcp_fo_find(tcp, id);

    if (!(tcp->cfg.fastopen & TCP_FO_CLIENT) || tcp_fo_is_paused(tcp, p))
        return false;
    return (tcp->cfg.fastopen & TCP_FO_CLIENT_NO_COOKIE) || (p != NULL && p->len > 0);
}

/* Bad news of the server of @t: longer pauses each time. */
static void tcp_fo_failed(struct tcb *t)
{
    struct tcp *tcp = t->tcp;
    struct tcp_fo_peer *p = tcp_fo_know(tcp, &t->conn.id);

    tcp->fo.stats.failed++;
    if (p == NULL)
        return;
    p->paused_until = tcp->c->now + (FO_PAUSE << u32_min(p->failures, FO_DOUBLINGS));
    if (p->failures < UINT8_MAX)
        p->failures++;
}

/* ---- the client: one connection ---- */

/**
 * tcp_fo_syn_fill - what the first SYN of @t carries for Fast Open.
 * @seg:    gets the option
 * @cookie: room for it, TCP_FO_MAX bytes
 *
 * Return: bytes of the send queue that may go with it.
 * Source: RFC 7413 section 4.2.1.
 */
uint32_t tcp_fo_syn_fill(struct tcb *t, struct tcp_opts *o, uint8_t *cookie)
{
    struct tcp *tcp = t->tcp;
    const struct tcp_fo_peer *p = tcp_fo_find(tcp, &t->conn.id);
    uint32_t mss = u32_min(t->rcv_mss, tcp_offered_mss(tcp, &t->conn.id, 0));

    if (!t->fo_wanted || t->fo_tried || tcp_fo_is_paused(tcp, p))
        return 0;
    t->fo_tried = true;
    if (p != NULL && p->len > 0) {
        memcpy(cookie, p->cookie, p->len);
        o->has_fo = true;
        o->fo = cookie;
        o->fo_len = p->len;
        mss = u32_min(mss, p->mss);
    } else if (!(tcp->cfg.fastopen & TCP_FO_CLIENT_NO_COOKIE)) {
        o->has_fo = true; /* asks for one */
        return 0;
    }
    return mss > FO_OPTIONS ? u32_min(sendq_len(&t->snd), mss - FO_OPTIONS) : 0;
}

/* The first SYN of @t went unanswered. The next one is plain. */
void tcp_fo_silent(struct tcb *t)
{
    struct tcp *tcp = t->tcp;
    struct tcp_fo *fo = &tcp->fo;

    if (!t->fo_tried || t->syn_lost)
        return;
    tcp_fo_failed(t);
    if (++fo->silent < FO_SILENT_MAX || tcp->cfg.fastopen_blackhole == 0)
        return;
    fo->silent = 0;
    fo->dark_until = tcp->c->now + (tcp->cfg.fastopen_blackhole << fo->darks);
    if (fo->darks < FO_DOUBLINGS)
        fo->darks++;
    fo->stats.black_holes++;
}

/* The SYN of @t was refused by an error that a router or the peer's host sent. */
void tcp_fo_refused(struct tcb *t)
{
    if (t->fo_tried && !t->syn_lost)
        tcp_fo_failed(t);
}

/**
 * tcp_fo_answer - the SYN,ACK to our SYN: keep its cookie, and learn from what it acknowledges.
 * @data:  bytes that our SYN carried
 * @acked: of them
 */
void tcp_fo_answer(struct tcb *t, const struct tcp_opts *o, uint32_t data, uint32_t acked)
{
    struct tcp *tcp = t->tcp;
    struct tcp_fo *fo = &tcp->fo;

    if (!t->fo_tried) /* a cookie that nobody asked for */
        return;
    bool has_cookie = o->has_fo && o->fo_len > 0;

    if (acked > 0) {
        t->fo_data_out = true;
        fo->stats.sent++;
        fo->silent = fo->darks = 0;
    }
    if (data > 0 && acked == 0 && !has_cookie && !t->syn_lost) {
        tcp_fo_failed(t); /* it does not take them, and offers nothing better */
        return;
    }
    struct tcp_fo_peer *p = has_cookie || acked > 0 ? tcp_fo_know(tcp, &t->conn.id) : NULL;

    if (p == NULL)
        return;
    p->mss = o->has_mss ? o->mss : 536;
    if (!t->syn_lost)
        p->failures = 0;
    if (has_cookie) {
        p->len = o->fo_len;
        memcpy(p->cookie, o->fo, o->fo_len);
    }
}
