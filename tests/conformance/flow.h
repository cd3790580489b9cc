/*
 * flow.h - bulk data over peer.h.
 *
 * The byte with relative sequence number n is flow_byte(n) in both directions, so every segment can
 * be checked alone: a retransmission that says something else than the first time is noticed.
 */
#ifndef STACKD_CONFORMANCE_FLOW_H
#define STACKD_CONFORMANCE_FLOW_H

#include "peer.h"

enum { FLOW_MSS = 1460, FLOW_MAX = 1 << 20, FLOW_QUICK = 16 };

static inline uint8_t flow_byte(uint32_t seq)
{
    return (uint8_t)(seq * 7 + seq / 251);
}

static inline const uint8_t *flow_bytes(uint32_t seq, uint32_t len)
{
    static uint8_t text[FLOW_MAX];

    T_NEED(len <= FLOW_MAX);
    for (uint32_t i = 0; i < len; i++)
        text[i] = flow_byte(seq + i);
    return text;
}

/* A host whose windows are Reno's: numbers that follow from RFC 5681 alone. */
static inline void flow_begin_reno(struct peer *k)
{
    struct net_config cfg;

    peer_config(&cfg);
    cfg.tcp.cc = (uint8_t)cc_by_name("reno");
    peer_begin_with(k, &cfg);
}

/* A passive connection with @opts in the peer's SYN; @rcvbuf of H, 0: default. */
static inline int flow_open_with(struct peer *k, const char *opts, uint32_t rcvbuf)
{
    int listener = peer_listen(k, 0);

    if (rcvbuf != 0)
        T_EQ(sock_setopt(net_socks(&k->net), listener, SOCK_OPT_RCVBUF, rcvbuf), 0);
    handshake(k, opts);
    int sd = peer_accept(k, listener);

    sock_close(net_socks(&k->net), listener);
    return sd;
}

static inline int flow_open(struct peer *k)
{
    return flow_open_with(k, "mss 1460", 0);
}

/* An active connection whose SYN is answered after @rtt. */
static inline int flow_connect(struct peer *k, net_time rtt, const char *opts)
{
    int sd = syn_sent(k);

    peer_advance(k, rtt);
    k->ts = strstr(opts, "TS") != NULL;
    say(k, .flags = "S.", .ack = 1, .win = 65535, .opts = opts);
    expect_tcp(k, .flags = ".", .seq = 1, .ack = 1);
    return sd;
}

/* The user of H writes @len bytes, the first of which has number @seq. */
static inline void flow_write(struct peer *k, int sd, uint32_t seq, uint32_t len)
{
    peer_write(k, sd, flow_bytes(seq, len), len);
}

/* One segment of H with data: its bytes are right. */
static inline bool flow_check(const struct seen *s, uint32_t seq)
{
    return T_MEM(s->data, flow_bytes(seq, s->len), s->len);
}

/* Takes what H has sent at this moment: data only, in order from @seq on. Return: the end. */
static inline uint32_t flow_take(struct peer *k, uint32_t seq, uint32_t *segs)
{
    const struct seen *s;
    uint32_t n = 0;

    while ((s = peer_next(k)) != NULL) {
        T_NEED(s->proto == 6 && s->len > 0);
        T_EQ(s->seq - k->h_iss, seq);
        flow_check(s, seq);
        seq += s->len;
        n++;
    }
    if (segs != NULL)
        *segs = n;
    return seq;
}

static inline void flow_expect(struct peer *k, const char *flags, uint32_t seq, uint32_t len,
                               net_time after, const char *file, int line)
{
    struct want w = {.flags = flags, .seq = seq, .len = len, .ack = 1, .after = after};

    if (peer_expect(k, &w, file, line))
        flow_check(&k->last, seq);
}
/* A segment with data, whose bytes are right. */
#define expect_data(k, flags, seq, len, after)                                                     \
    flow_expect((k), (flags), (seq), (len), (after), __FILE__, __LINE__)

/* The peer acknowledges; sends @len bytes from @seq on. */
static inline void flow_ack(struct peer *k, uint32_t ack, uint16_t win)
{
    say(k, .flags = ".", .seq = 1, .ack = ack, .win = win);
}

static inline void flow_say(struct peer *k, uint32_t seq, uint32_t len)
{
    say(k, .flags = "P.", .seq = seq, .ack = 1, .win = 65535, .data = flow_bytes(seq, len),
        .len = len);
}

/* The user of H reads exactly @len bytes of the peer, and there are no more. */
static inline void flow_read(struct peer *k, int sd, uint32_t seq, uint32_t len)
{
    static uint8_t got[FLOW_MAX];
    int n = sock_recv(net_socks(&k->net), sd, got, len + 1, 0);

    T_EQ(n, len == 0 ? -EAGAIN : (int)len);
    T_MEM(got, flow_bytes(seq, len), len);
    peer_settle(k);
}

/* The first ACKs of a connection leave at once: use them up. Return: the peer's next number. */
static inline uint32_t flow_warm(struct peer *k, int sd)
{
    for (uint32_t i = 1; i <= FLOW_QUICK; i++) {
        flow_say(k, i, 1);
        expect_tcp(k, .flags = ".", .seq = 1, .ack = i + 1);
    }
    flow_read(k, sd, 1, FLOW_QUICK);
    return 1 + FLOW_QUICK;
}

static inline struct tcp_status flow_status(struct peer *k)
{
    struct tcp_status s = {0};

    T_TRUE(peer_status(k, &s));
    return s;
}

static inline void flow_setopt(struct peer *k, int sd, enum sock_opt opt, int64_t value)
{
    T_EQ(sock_setopt(net_socks(&k->net), sd, opt, value), 0);
    peer_settle(k);
}

#endif
