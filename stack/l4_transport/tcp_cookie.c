/*
 * tcp_cookie.c - SYN cookies (Bernstein 1996, RFC 4987 section 3.6): answer a SYN and keep nothing.
 *
 * What must be known of the SYN is put into the 32 bits of our initial sequence number, under a
 * keyed hash that nobody else can compute:
 *
 *     31 30 | 29 28 27 | 26 ... 0              with timestamps
 *     time  | MSS      | hash
 *     31 30 | 29 28 27 | 26 ... 23 | 22 ... 0  without
 *     time  | MSS      | wscale    | hash
 *
 * time counts periods of 64 s, of which the present and the last are accepted; MSS is an index into
 * eight common values, rounded down; wscale is the peer's shift, 15 for none. With timestamps the
 * wscale goes into the low four bits of our TSval, which the peer echoes, SACK-permitted and ECN into
 * the next two, and the hash is longer. The hash covers four-tuple, peer's ISN, time, MSS and these bits: a
 * guess succeeds once in 2^26 (2^22) tries, and only while cookies are being sent at all.
 *
 * The price: peer's MSS rounded down, no SYN,ACK retransmission, no SACK and no ECN without timestamps.
 * A segment that overtakes the third one and is not where the peer's text begins is refused with a reset,
 * which ends a good connection; and the third one, doubled and late, makes a connection that nobody
 * wants, while the cookie is good. Who keeps nothing cannot tell (the search in tests/model shows both).
 */
#include "l4_transport/tcp_priv.h"

enum {
    COOKIE_NO_WSCALE = 15,
    COOKIE_WSCALE = 15,
    COOKIE_SACK = 16,
    COOKIE_ECN = 32,
    COOKIE_BITS = 63
};
#define COOKIE_PERIOD NET_SEC(64)

/* Percentiles of MSS values seen on the Internet, as Linux chose them, and jumbo frames. */
static const uint16_t cookie_mss[8] = {88, 536, 1220, 1300, 1380, 1440, 1460, 8960};

static unsigned cookie_mss_index(uint16_t mss)
{
    unsigned i = ARRAY_LEN(cookie_mss) - 1;

    while (i > 0 && cookie_mss[i] > mss)
        i--;
    return i;
}

static uint32_t cookie_make(const struct tcp *tcp, const struct tcp_id *id, tcp_seq irs,
                            uint64_t period, unsigned mss, unsigned bits, bool has_ts)
{
    uint64_t words[6] = {
        id->local.lo,  id->local.hi ^ id->remote.hi,
        id->remote.lo, (uint64_t)id->lport << 48 | (uint64_t)id->rport << 32 | irs.v,
        period,        (uint64_t)mss << 8 | bits << 1 | has_ts,
    };
    uint32_t hash = (uint32_t)siphash_words(&tcp->cookie_key, words, ARRAY_LEN(words));
    uint32_t head = (uint32_t)(period & 3) << 30 | (uint32_t)mss << 27;

    if (has_ts)
        return head | (hash & 0x07ffffff);
    return head | (bits & COOKIE_WSCALE) << 23 | (hash & 0x007fffff);
}

/* Our clock with its low six bits used for @bits, never ahead of the true one. */
static uint32_t cookie_tsval(const struct tcp *tcp, uint32_t offset, unsigned bits)
{
    uint32_t now = (uint32_t)(tcp->c->now / NET_MS(1));
    uint32_t ts = (now & ~(uint32_t)COOKIE_BITS) | bits;

    return (ts > now ? ts - (COOKIE_BITS + 1) : ts) + offset;
}

/* Answer the SYN that @h describes with a cookie. Return: V_DONE. */
enum verdict tcp_cookie_send(struct tcp *tcp, struct tcp_listener *l, const struct tcp_half *h)
{
    unsigned mss = cookie_mss_index(h->mss);
    bool has_sack = h->has_sack && h->has_ts && tcp->cfg.sack;
    bool has_ecn = h->has_ecn && h->has_ts;
    unsigned bits = (h->wscale == 0xff ? COOKIE_NO_WSCALE : h->wscale) |
                    (has_sack ? COOKIE_SACK : 0) | (has_ecn ? COOKIE_ECN : 0);
    uint64_t period = (uint64_t)(tcp->c->now / COOKIE_PERIOD);
    struct tcp_seg seg = {
        .seq = seq_of(cookie_make(tcp, &h->conn.id, h->irs, period, mss, bits, h->has_ts)),
        .ack = seq_add(h->irs, 1),
        .flags = TCP_SYN | TCP_ACK | (has_ecn ? TCP_ECE : 0),
        .wnd = tcp_syn_window(tcp, l->rcvbuf),
        .opt = {.has_mss = true,
                .mss = tcp_offered_mss(tcp, &h->conn.id, l->maxseg),
                .has_sack_ok = has_sack,
                .has_ts = h->has_ts,
                .tsval = cookie_tsval(tcp, h->conn.ts_offset, bits),
                .tsecr = h->ts_recent,
                .has_wscale = h->wscale != 0xff,
                .wscale = tcp_window_shift(tcp, l->rcvbuf)},
    };
    struct pkt *p = tcp_build(tcp, &h->conn, &seg, l->tos, l->ttl);

    if (p == NULL)
        return V_DROP_PKT_POOL;
    tcp->cookie_sent = tcp->c->now;
    tcp->stats.cookies_sent++;
    l->cookies_sent++;
    tcp_reply(tcp, p);
    return V_DONE;
}

/* Without a flood nobody can be holding one, and there is nothing to guess at. */
static bool cookie_may_be(const struct tcp *tcp)
{
    return tcp->cfg.syn_policy == TCP_SYN_COOKIES &&
           tcp->c->now - tcp->cookie_sent <= 2 * COOKIE_PERIOD;
}

static bool cookie_read(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg,
                        struct tcp_half *h)
{
    struct tcp_id id = {seg->dst, seg->src, seg->dst_port, seg->src_port};
    bool has_ts = seg->opt.has_ts && tcp->cfg.timestamps;
    uint32_t cookie = seg->ack.v - 1, offset = tcp_ts_offset(tcp, &id);
    tcp_seq irs = seq_sub(seg->seq, 1);
    uint64_t period = (uint64_t)(tcp->c->now / COOKIE_PERIOD);
    unsigned mss = cookie >> 27 & 7;
    unsigned bits = has_ts ? (seg->opt.tsecr - offset) & COOKIE_BITS : cookie >> 23 & COOKIE_WSCALE;
    unsigned wscale = bits & COOKIE_WSCALE;

    if (((uint32_t)period & 3) != cookie >> 30)
        period--; /* the last period, or a forgery, which the hash will tell */
    if (cookie_make(tcp, &id, irs, period, mss, bits, has_ts) != cookie)
        return false;
    *h = (struct tcp_half){
        .conn = {.link.kind = TCP_CONN_HALF, .id = id, .state = TCP_LISTEN, .ts_offset = offset},
        .listener = l,
        .iss = seq_of(cookie),
        .irs = irs,
        .mss = cookie_mss[mss],
        .peer_wnd = seg->wnd,
        .has_sack = (bits & COOKIE_SACK) != 0,
        .has_ecn = (bits & COOKIE_ECN) != 0,
        .has_ts = has_ts,
        .ts_recent = seg->opt.tsval,
        .wscale = wscale == COOKIE_NO_WSCALE ? 0xff : (uint8_t)wscale,
    };
    return true;
}

bool tcp_cookie_is_ours(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg)
{
    struct tcp_half h;

    return cookie_may_be(tcp) && cookie_read(tcp, l, seg, &h);
}

/**
 * tcp_cookie_check - does the ACK @seg bring back a cookie of ours?
 * @h: receives what the SYN had said
 */
bool tcp_cookie_check(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg,
                      struct tcp_half *h)
{
    if (!cookie_may_be(tcp))
        return false;
    if (!cookie_read(tcp, l, seg, h)) {
        tcp->stats.cookies_bad++;
        return false;
    }
    tcp->stats.cookies_ok++;
    l->cookies_ok++;
    return true;
}
