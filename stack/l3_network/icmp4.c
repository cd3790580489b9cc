/*
 * icmp4.c - ICMP (RFC 792, RFC 1122 section 3.2.2, RFC 1191, RFC 6633, RFC 6918).
 *
 * Four parts. *The server*: echo requests of any size are answered, with the bytes they brought,
 * from the address they asked; in place when nobody else keeps the packet. *Errors we send*: about
 * datagrams that we refused and whose sender should know. *Errors we receive*: checked, translated
 * to struct ip_error and handed on by net.c to the layer whose datagram they quote. *The client*:
 * `stackctl ping`.
 *
 * Input never sends: replies and errors wait, complete, in one bounded queue until net_output()
 * calls ip_output_due(); the packet's own fields say where each goes. When the queue is full the
 * request is refused, and the other side will ask again.
 *
 * When an error may be sent stands in RFC 1122 section 3.2.2 and is checked in icmp4_may_report():
 * never about an error, a broadcast or multicast of either layer, a fragment but the first, a source
 * that is not one host. It quotes as much as fits in 576 bytes (RFC 1812 section 4.3.2.3), has TOS
 * 0 and comes from the address that was asked.
 *
 * The rate is limited by two token buckets: one for each destination (a small hashed table, so that
 * one flooder exhausts his own), one for all. A global bucket is a side channel: who probes through
 * forged sources and then asks with his own learns by the silence how many errors went elsewhere
 * (SAD DNS, CVE-2020-25705). Therefore an error takes 0, 1 or 2 tokens from it, by chance, as in
 * Linux since 5.10: the mean is the configured rate and the count says nothing.
 *
 * Errors we receive are believed as little as possible: the quote must be a datagram that we could
 * have sent to somebody else from the address the error came to, and at least 8 bytes of its
 * payload; whether there is such a connection, and such a sequence number in flight, L4 checks. A
 * path MTU must be at least 68 and less than what was sent.
 *
 * Ignored, each counted as ICMP4_TYPE: source quench (RFC 6633), redirects and router discovery (a
 * host that knows its gateways), timestamp and masks (optional, deprecated by RFC 6918 in part), and
 * all unknown types. IP options of an echo request are not reflected.
 */
#include "l3_network/ip4.h"

#include <errno.h>

#include "wire/udp.h"

enum { PING_FREE, PING_WAITING, PING_REPLY, PING_ERROR };

void icmp4_init(struct ip_layer *ip)
{
    ip->icmp.all = INT64_MIN;
    for (size_t i = 0; i < ARRAY_LEN(ip->icmp.bucket); i++)
        ip->icmp.bucket[i] = INT64_MIN;
}

/* ---- The way out ---- */

/* An empty packet for @len bytes of ICMP. */
static struct pkt *icmp4_pkt(struct ip_layer *ip, uint32_t len)
{
    struct core *c = ip->c;

    if (len + PKT_HEADROOM <= c->pkts.cap)
        return pkt_alloc(&c->pkts, PKT_HEADROOM);
    if (len + PKT_HEADROOM <= c->bigs.cap)
        return pkt_alloc(&c->bigs, PKT_HEADROOM);
    return NULL;
}

static void icmp4_queue(struct ip_layer *ip, struct pkt *p, struct ip_addr src, struct ip_addr dst,
                        uint8_t tos)
{
    p->src = src;
    p->dst = dst;
    p->proto = IP_PROTO_ICMP;
    p->tos = tos;
    p->ttl = 0; /* the default */
    p->csum = CSUM_NONE;
    p->gso_size = 0;
    pktq_push(&ip->icmp.due, p);
    ip->icmp.tx++;
}

/*
 * A token bucket as one number (GCRA): the moment at which it will be full again. @burst tokens fit
 * in, one more comes every second / @rate.
 */
static bool icmp4_bucket_has(net_time full, net_time now, uint32_t rate, uint32_t burst)
{
    return rate > 0 && burst > 0 &&
           (full <= now || full - now <= (net_time)(burst - 1) * NET_SEC(1) / rate);
}
static void icmp4_bucket_take(net_time *full, net_time now, uint32_t rate, uint32_t tokens)
{
    *full = (*full > now ? *full : now) + (net_time)tokens * NET_SEC(1) / rate;
}

static bool icmp4_rate_allow(struct ip_layer *ip, uint32_t dst)
{
    const struct ip_config *cfg = &ip->cfg;
    uint64_t word = dst;
    net_time now = ip->c->now;
    net_time *one = &ip->icmp.bucket[siphash_words(&ip->c->key, &word, 1) % ICMP4_BUCKETS];

    if (!icmp4_bucket_has(*one, now, cfg->icmp_dst_rate, cfg->icmp_dst_burst) ||
        !icmp4_bucket_has(ip->icmp.all, now, cfg->icmp_rate, cfg->icmp_burst))
        return false;
    icmp4_bucket_take(one, now, cfg->icmp_dst_rate, 1);
    icmp4_bucket_take(&ip->icmp.all, now, cfg->icmp_rate, prng_below(&ip->c->prng, 3));
    return true;
}

/* ICMP messages that ask or answer; all others, known or not, count as errors. */
static bool icmp4_is_query(uint8_t type)
{
    return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY || (type >= 13 && type <= 18);
}

/* RFC 1122 section 3.2.2: about what no error is ever sent. @len: bytes from the IP header on. */
static bool icmp4_may_report(const struct ip_layer *ip, const struct pkt *p, uint32_t len)
{
    const uint8_t *hdr = p->buf + p->l3;

    if (p->l2_cast != CAST_UNICAST || p->l3_cast != CAST_UNICAST)
        return false;
    if (!ip4_source_ok(ip, ip_addr_to_v4(p->src)) || ip_is_local(ip, p->src))
        return false;
    if ((get16(hdr + IP4_FRAG) & IP4_OFFSET) != 0)
        return false;
    if (p->proto != IP_PROTO_ICMP)
        return true;
    return len > (uint32_t)p->l4 - p->l3 && icmp4_is_query(p->buf[p->l4]);
}

/* A sender on this machine may have left its checksum to the wire: then the @len bytes at @quote, which
 * begin with the IP header of @p, get the one that the wire would have written. */
static void icmp4_quote_csum(const struct pkt *p, uint8_t *quote, uint32_t len)
{
    if (p->csum != CSUM_PARTIAL)
        return;
    uint32_t field = (uint32_t)p->csum_start + p->csum_off - p->l3;

    if (p->csum_start < p->off || field + 2 > len) /* metadata may name what is no transport's */
        return;
    uint16_t sum = csum_finish(pkt_csum(p, p->csum_start, 0));

    put16(quote + field, sum == 0 && p->csum_off == PKT_CSUM_OFF_UDP ? 0xffff : sum);
}

/* The bytes from the IP header on that a wire would have brought in one frame: of a train of datagrams,
 * its first. */
static uint32_t icmp4_quote_len(const struct pkt *p)
{
    uint32_t len = p->off + p->len - p->l3;

    return pkt_is_train(p) ? u32_min(len, (uint32_t)p->l4 - p->l3 + UDP_HDR_LEN + p->gso_size)
                           : len;
}

/* The same of the train's headers at @quote: the lengths and sums of its first datagram. */
static void icmp4_quote_first(const struct pkt *p, uint8_t *quote)
{
    uint32_t hdr_len = (uint32_t)p->l4 - p->l3, len = icmp4_quote_len(p) - hdr_len;
    uint8_t *udp = quote + hdr_len;

    put16(quote + IP4_TOTAL, (uint16_t)(hdr_len + len));
    put16(quote + IP4_SUM, 0);
    put16(quote + IP4_SUM, csum_finish(csum_add(0, quote, hdr_len)));
    put16(udp + UDP_LEN, (uint16_t)len);
    put16(udp + UDP_SUM, 0);
    uint64_t sum = csum_add(csum_pseudo(p->src, p->dst, IP_PROTO_UDP, len), udp, UDP_HDR_LEN);

    sum = csum_add(sum, p->buf + p->l4 + UDP_HDR_LEN, len - UDP_HDR_LEN);
    put16(udp + UDP_SUM, csum_finish(sum) == 0 ? 0xffff : csum_finish(sum));
}

void icmp4_error(struct ip_layer *ip, const struct pkt *p, uint8_t type, uint8_t code,
                 uint32_t word)
{
    uint32_t quote = icmp4_quote_len(p);

    if (!icmp4_may_report(ip, p, quote))
        return;
    if (ip->icmp.due.len >= ICMP4_QUEUE) {
        net_drop(ip->c, NULL, V_DROP_ICMP4_QUEUE_FULL);
        return;
    }
    if (!icmp4_rate_allow(ip, ip_addr_to_v4(p->src))) {
        net_drop(ip->c, NULL, V_DROP_ICMP4_RATE);
        return;
    }
    quote = u32_min(quote, ICMP4_QUOTE_MAX - IP4_HDR_LEN - ICMP4_HDR_LEN);
    struct pkt *e = icmp4_pkt(ip, ICMP4_HDR_LEN + quote);

    if (e == NULL) {
        net_drop(ip->c, NULL, V_DROP_PKT_POOL);
        return;
    }
    uint8_t *m = pkt_append(e, ICMP4_HDR_LEN + quote);
    struct icmp4_hdr h = {type, code, 0, word};

    memcpy(m + ICMP4_HDR_LEN, p->buf + p->l3, quote);
    if (pkt_is_train(p) && quote >= (uint32_t)p->l4 - p->l3 + UDP_HDR_LEN)
        icmp4_quote_first(p, m + ICMP4_HDR_LEN);
    else
        icmp4_quote_csum(p, m + ICMP4_HDR_LEN, quote);
    icmp4_emit(&h, m);
    put16(m + ICMP4_SUM, csum_finish(pkt_csum(e, e->off, 0)));
    ip->icmp.tx_errors++;
    icmp4_queue(ip, e, p->dst, p->src, 0);
}

void ip_reply_error(struct ip_layer *ip, const struct pkt *p, enum ip_error_kind kind)
{
    static const struct {
        uint8_t type, code;
    } wire[] = {
        [IP_ERR_NET_UNREACH] = {ICMP4_UNREACH,       ICMP4_NET         },
        [IP_ERR_HOST_UNREACH] = {ICMP4_UNREACH,       ICMP4_HOST        },
        [IP_ERR_PROTO_UNREACH] = {ICMP4_UNREACH,       ICMP4_PROTOCOL    },
        [IP_ERR_PORT_UNREACH] = {ICMP4_UNREACH,       ICMP4_PORT        },
        [IP_ERR_TOO_BIG] = {ICMP4_UNREACH,       ICMP4_FRAG_NEEDED },
        [IP_ERR_SOURCE_ROUTE] = {ICMP4_UNREACH,       ICMP4_SOURCE_ROUTE},
        [IP_ERR_PROHIBITED] = {ICMP4_UNREACH,       13                },
        [IP_ERR_TTL] = {ICMP4_TIME_EXCEEDED, ICMP4_TTL         },
        [IP_ERR_REASSEMBLY] = {ICMP4_TIME_EXCEEDED, ICMP4_REASSEMBLY  },
        [IP_ERR_PARAM] = {ICMP4_PARAM_PROBLEM, 0                 },
    };

    icmp4_error(ip, p, wire[kind].type, wire[kind].code, 0);
}

/* ---- Echo ---- */

/* Type 8 becomes 0 and the checksum follows (RFC 1624, equation 3). When the new one comes out as 0
 * it is 0xffff instead if all the message is zero: the difference does not tell which. */
static void icmp4_echo_turn(uint8_t *m, uint32_t len)
{
    uint16_t before = get16(m + ICMP4_TYPE);

    m[ICMP4_TYPE] = ICMP4_ECHO_REPLY;
    uint16_t sum = csum_finish((uint64_t)(uint16_t)~get16(m + ICMP4_SUM) + (uint16_t)~before +
                               get16(m + ICMP4_TYPE));

    put16(m + ICMP4_SUM, sum);
    if (sum == 0 && csum_fold(csum_add(0, m, len)) == 0)
        put16(m + ICMP4_SUM, 0xffff);
}

static enum verdict icmp4_echo(struct ip_layer *ip, struct pkt *p)
{
    struct pkt *reply;

    if (p->l2_cast != CAST_UNICAST || p->l3_cast != CAST_UNICAST)
        return V_DROP_ICMP4_BROADCAST; /* RFC 1122 section 3.2.2.6 allows it; smurf */
    if (ip->icmp.due.len >= ICMP4_QUEUE)
        return V_DROP_ICMP4_QUEUE_FULL;
    struct ip_addr src = p->dst, dst = p->src;

    if (p->refs == 1 && p->off >= ETH_HDR_LEN + IP4_HDR_LEN) {
        reply = pkt_keep(p); /* the caller's reference is gone before the queue is emptied */
    } else {
        reply = icmp4_pkt(ip, p->len);
        if (reply == NULL)
            return V_DROP_PKT_POOL;
        memcpy(pkt_append(reply, p->len), pkt_data(p), p->len);
    }
    icmp4_echo_turn(pkt_data(reply), p->len);
    icmp4_queue(ip, reply, src, dst, p->tos);
    return V_DONE;
}

/* ---- Ping ---- */

static struct icmp4_ping *icmp4_ping_find(struct ip_layer *ip, uint32_t word)
{
    for (size_t i = 0; i < ICMP4_PINGS; i++) {
        struct icmp4_ping *g = &ip->icmp.ping[i];

        if (g->state == PING_WAITING && g->id == word >> 16 && g->seq == (word & 0xffff))
            return g;
    }
    return NULL;
}

static enum verdict icmp4_echo_reply(struct ip_layer *ip, const struct pkt *p, uint32_t word)
{
    struct icmp4_ping *g = icmp4_ping_find(ip, word);
    uint32_t from = ip_addr_to_v4(p->src);

    if (g == NULL || p->l3_cast != CAST_UNICAST)
        return V_DROP_ICMP4_NO_PING;
    if (g->dst != from && ip_cast(ip, ip_addr_v4(g->dst)) == CAST_UNICAST)
        return V_DROP_ICMP4_NO_PING;
    g->state = PING_REPLY;
    g->from = from;
    g->ttl = p->ttl;
    g->len = p->len - ICMP4_HDR_LEN;
    g->rtt = ip->c->now - g->sent;
    return V_DONE;
}

int icmp4_ping_send(struct ip_layer *ip, struct ip_addr dst, uint16_t id, uint16_t seq,
                    uint32_t len, uint8_t ttl)
{
    struct icmp4_ping *g = &ip->icmp.ping[0];

    if (len > UINT16_MAX - IP4_HDR_LEN - ICMP4_HDR_LEN)
        return -EMSGSIZE;
    struct pkt *p = icmp4_pkt(ip, ICMP4_HDR_LEN + len);

    if (p == NULL)
        return -ENOBUFS;
    uint8_t *m = pkt_append(p, ICMP4_HDR_LEN + len);
    struct icmp4_hdr h = {ICMP4_ECHO, 0, 0, (uint32_t)id << 16 | seq};

    for (uint32_t i = 0; i < len; i++)
        m[ICMP4_HDR_LEN + i] = (uint8_t)i;
    icmp4_emit(&h, m);
    put16(m + ICMP4_SUM, csum_finish(pkt_csum(p, p->off, 0)));
    struct ip_send s = {.dst = dst, .proto = IP_PROTO_ICMP, .ttl = ttl};
    int rc = ip_output(ip, p, &s);

    if (rc < 0)
        return rc;
    ip->icmp.tx++;
    for (size_t i = 0; i < ICMP4_PINGS && g->state != PING_FREE; i++) {
        struct icmp4_ping *other = &ip->icmp.ping[i];

        if (other->state == PING_FREE || other->sent < g->sent)
            g = other;
    }
    *g = (struct icmp4_ping){.dst = ip_addr_to_v4(dst),
                             .id = id,
                             .seq = seq,
                             .len = len,
                             .state = PING_WAITING,
                             .sent = ip->c->now};
    return 0;
}

int icmp4_ping_recv(struct ip_layer *ip, uint16_t id, struct icmp4_ping_result *result)
{
    struct icmp4_ping *g = NULL;

    for (size_t i = 0; i < ICMP4_PINGS; i++) {
        struct icmp4_ping *other = &ip->icmp.ping[i];

        if (other->id == id && (other->state == PING_REPLY || other->state == PING_ERROR) &&
            (g == NULL || other->sent < g->sent))
            g = other;
    }
    if (g == NULL)
        return -EAGAIN;
    *result = (struct icmp4_ping_result){
        .from = ip_addr_v4(g->from),
        .seq = g->seq,
        .ttl = g->ttl,
        .len = g->len,
        .rtt = g->rtt,
        .is_error = g->state == PING_ERROR,
        .type = g->type,
        .code = g->code,
    };
    g->state = PING_FREE;
    return 0;
}

void icmp4_ping_close(struct ip_layer *ip, uint16_t id)
{
    for (size_t i = 0; i < ICMP4_PINGS; i++)
        if (ip->icmp.ping[i].id == id)
            ip->icmp.ping[i].state = PING_FREE;
}

/* ---- Errors received ---- */

/* RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1. */
static bool icmp4_error_kind(uint8_t type, uint8_t code, enum ip_error_kind *kind)
{
    static const uint8_t unreach[] = {
        IP_ERR_NET_UNREACH,  IP_ERR_HOST_UNREACH, IP_ERR_PROTO_UNREACH, IP_ERR_PORT_UNREACH,
        IP_ERR_TOO_BIG,      IP_ERR_SOURCE_ROUTE, IP_ERR_NET_UNREACH,   IP_ERR_HOST_UNREACH,
        IP_ERR_HOST_UNREACH, IP_ERR_PROHIBITED,   IP_ERR_PROHIBITED,    IP_ERR_NET_UNREACH,
        IP_ERR_HOST_UNREACH, IP_ERR_PROHIBITED,   IP_ERR_PROHIBITED,    IP_ERR_PROHIBITED,
    };

    if (type == ICMP4_UNREACH) {
        if (code >= ARRAY_LEN(unreach))
            return false;
        *kind = unreach[code];
        return true;
    }
    if (type == ICMP4_TIME_EXCEEDED) {
        *kind = code == ICMP4_TTL ? IP_ERR_TTL : IP_ERR_REASSEMBLY;
        return code <= ICMP4_REASSEMBLY;
    }
    *kind = IP_ERR_PARAM;
    return true;
}

/* The next-hop MTU; a router from before RFC 1191 leaves it 0, then the next smaller size that
 * links have is the guess (RFC 1191 section 7.1). */
static uint32_t icmp4_mtu(uint32_t word, uint16_t total)
{
    static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};
    uint32_t mtu = word & 0xffff;

    for (size_t i = 0; mtu == 0 && i < ARRAY_LEN(plateau); i++)
        if (plateau[i] < total)
            mtu = plateau[i];
    return mtu;
}

/* Read the quoted header: a datagram that we could have sent from where the error came to. */
static enum verdict icmp4_quote(const struct ip_layer *ip, const struct pkt *p, struct span s,
                                struct ip_error *err, uint16_t *total)
{
    if (s.len < IP4_HDR_LEN || s.p[IP4_VIHL] >> 4 != 4)
        return V_DROP_ICMP4_INNER;
    size_t hdr_len = (size_t)(s.p[IP4_VIHL] & 0xf) * 4;

    *total = get16(s.p + IP4_TOTAL);
    if (hdr_len < IP4_HDR_LEN || s.len < hdr_len + 8 || *total < hdr_len + 8)
        return V_DROP_ICMP4_INNER;
    if ((get16(s.p + IP4_FRAG) & IP4_OFFSET) != 0) /* nothing of a transport header in it */
        return V_DROP_ICMP4_INNER;
    err->local = ip_addr_v4(get32(s.p + IP4_SRC));
    err->remote = ip_addr_v4(get32(s.p + IP4_DST));
    err->proto = s.p[IP4_PROTO];
    err->quoted = (struct span){s.p + hdr_len, size_min(s.len, *total) - hdr_len};
    if (!ip_addr_eq(err->local, p->dst) || ip_addr_is_any(err->remote) ||
        ip_is_local(ip, err->remote))
        return V_DROP_ICMP4_INNER;
    return V_NEXT;
}

/* A ping of ours got the error @err instead of an answer; @ttl of its carrier, 0 if it is our own. */
static enum verdict icmp4_ping_failed(struct ip_layer *ip, const struct ip_error *err, uint8_t ttl)
{
    struct icmp4_ping *g = NULL;

    if (err->quoted.p[ICMP4_TYPE] == ICMP4_ECHO)
        g = icmp4_ping_find(ip, get32(err->quoted.p + ICMP4_WORD));
    if (g == NULL || g->dst != ip_addr_to_v4(err->remote))
        return V_DROP_ICMP4_NO_OWNER;
    g->state = PING_ERROR;
    g->from = ip_addr_to_v4(ip_addr_is_any(err->from) ? err->local : err->from);
    g->ttl = ttl;
    g->type = err->type;
    g->code = err->code;
    g->rtt = ip->c->now - g->sent;
    return V_DONE;
}

enum verdict icmp4_unreached(struct ip_layer *ip, const struct ip_error *err)
{
    return icmp4_ping_failed(ip, err, 0);
}

static enum verdict icmp4_error_input(struct ip_layer *ip, const struct pkt *p,
                                      const struct icmp4_hdr *h, struct ip_error *err)
{
    struct span inner = {pkt_data(p) + ICMP4_HDR_LEN, p->len - ICMP4_HDR_LEN};
    uint16_t total;

    if (p->l3_cast != CAST_UNICAST)
        return V_DROP_ICMP4_BROADCAST;
    *err = (struct ip_error){.from = p->src, .type = h->type, .code = h->code};
    if (!icmp4_error_kind(h->type, h->code, &err->kind))
        return V_DROP_ICMP4_TYPE;
    enum verdict v = icmp4_quote(ip, p, inner, err, &total);

    if (v != V_NEXT)
        return v;
    if (err->kind == IP_ERR_TOO_BIG) {
        err->mtu = icmp4_mtu(h->word, total);
        if (err->mtu < IP4_MTU_MIN || err->mtu >= total)
            return V_DROP_ICMP4_MTU;
    }
    ip->icmp.rx_errors++;
    switch (err->proto) {
    case IP_PROTO_TCP:
    case IP_PROTO_UDP:
        return V_NEXT;
    case IP_PROTO_ICMP:
        return icmp4_ping_failed(ip, err, p->ttl);
    default:
        return V_DROP_ICMP4_NO_OWNER;
    }
}

enum verdict icmp4_input(struct ip_layer *ip, struct pkt *p, struct ip_error *err)
{
    struct icmp4_hdr h;
    enum verdict v = icmp4_parse(&h, pkt_span(p));

    if (v != V_NEXT)
        return v;
    if (p->csum != CSUM_VERIFIED && csum_fold(pkt_csum(p, p->off, 0)) != 0xffff)
        return V_DROP_ICMP4_CHECKSUM;
    ip->icmp.rx++;
    switch (h.type) {
    case ICMP4_ECHO:
        return icmp4_echo(ip, p);
    case ICMP4_ECHO_REPLY:
        return icmp4_echo_reply(ip, p, h.word);
    case ICMP4_UNREACH:
    case ICMP4_TIME_EXCEEDED:
    case ICMP4_PARAM_PROBLEM:
        return icmp4_error_input(ip, p, &h, err);
    default:
        return V_DROP_ICMP4_TYPE;
    }
}
