/*
 * feed.h - segments and states made by hand, for the tests of what draws them: no capture, no tracker.
 *
 *     feed_begin(&f, seg, state, ctx);
 *     feed_seg(&f, 0.001, END_CLIENT, TCP_SYN, 0, 0, 0);
 *     feed_state(&f, END_CLIENT, TCP_CLOSED, TCP_SYN_SENT, "snd SYN");
 */
#ifndef TESTS_SCOPE_FEED_H
#define TESTS_SCOPE_FEED_H

#include <string.h>

#include "track.h"

struct feed {
    struct track_conn conn;
    struct frame frame;
    struct dissect d;
    struct track_segment seg; /* the last one: change it, then feed_again() */
    void *ctx;
    void (*on_segment)(void *ctx, const struct track_segment *s);
    void (*on_state)(void *ctx, const struct track_state *s);
};

static inline void feed_addr(struct scope_addr *a, uint8_t last)
{
    const uint8_t b[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last};

    memcpy(a->b, b, sizeof(b));
}

static inline void feed_begin(struct feed *f,
                              void (*on_segment)(void *, const struct track_segment *),
                              void (*on_state)(void *, const struct track_state *), void *ctx)
{
    *f = (struct feed){.on_segment = on_segment, .on_state = on_state, .ctx = ctx};
    feed_addr(&f->conn.end[END_CLIENT].addr, 1);
    feed_addr(&f->conn.end[END_SERVER].addr, 2);
    f->conn.end[END_CLIENT].port = 40112;
    f->conn.end[END_SERVER].port = 80;
    /* Just below the wrap, as every test of sequence numbers. */
    f->conn.end[END_CLIENT].iss = seq_of(UINT32_MAX - 10);
    f->conn.end[END_SERVER].iss = seq_of(UINT32_MAX - 1000);
    f->frame.time = INT64_C(1700000000) * 1000000000;
}

/* Prepare the next segment @after seconds later; feed_send() hands it over. */
static inline struct track_segment *feed_next(struct feed *f, double after, unsigned from,
                                              unsigned flags, uint32_t seq, uint32_t ack,
                                              uint32_t len)
{
    f->frame.number++;
    f->frame.time += (int64_t)(after * 1e9 + 0.5);
    f->frame.comment = (struct span){NULL, 0};
    f->d = (struct dissect){.net = NET_IP4, .transport = TRANSPORT_TCP};
    f->d.tcp.flags = (uint8_t)flags;
    f->d.tcp.wnd = 65535;
    f->seg = (struct track_segment){
        .frame = &f->frame,
        .d = &f->d,
        .conn = &f->conn,
        .from = from,
        .rel_seq = seq,
        .rel_ack = ack,
        .window = 65535,
        .len = len,
        .rtt = -1,
        .before = {-1, -1},
        .after = {-1, -1}
    };
    return &f->seg;
}

static inline void feed_send(struct feed *f)
{
    if (f->conn.first_frame == 0) {
        f->conn.first_frame = f->frame.number;
        f->conn.first_time = f->frame.time;
    }
    f->conn.last_frame = f->frame.number;
    f->conn.last_time = f->frame.time;
    f->conn.end[f->seg.from].segments++;
    f->conn.end[f->seg.from].bytes += f->seg.len;
    f->on_segment(f->ctx, &f->seg);
}

static inline void feed_seg(struct feed *f, double after, unsigned from, unsigned flags,
                            uint32_t seq, uint32_t ack, uint32_t len)
{
    feed_next(f, after, from, flags, seq, ack, len);
    feed_send(f);
}

static inline void feed_comment(struct feed *f, const char *text)
{
    f->frame.comment = (struct span){(const uint8_t *)text, strlen(text)};
}

/* A SACK block, relative; @end: who sent what it is about. */
static inline void feed_sack(struct feed *f, uint32_t left, uint32_t right)
{
    struct tcp_opts *o = &f->d.tcp.opt;
    tcp_seq iss = f->conn.end[!f->seg.from].iss;

    o->sack[o->sack_count].left = seq_add(iss, left);
    o->sack[o->sack_count++].right = seq_add(iss, right);
}

/* A change caused by the last segment, shown by it. */
static inline void feed_state_at(struct feed *f, uint64_t frame, uint64_t proof, unsigned end,
                                 int from, int to, const char *cause)
{
    struct track_state s = {.conn = &f->conn,
                            .end = end,
                            .from = (int8_t)from,
                            .to = (int8_t)to,
                            .cause = cause,
                            .why = "",
                            .rfc = "RFC 9293",
                            .frame = frame,
                            .proof = proof,
                            .time = f->frame.time};

    f->on_state(f->ctx, &s);
}

static inline void feed_state(struct feed *f, unsigned end, int from, int to, const char *cause)
{
    feed_state_at(f, f->frame.number, f->frame.number, end, from, to, cause);
}

/* Frames 1 to 3: the handshake. */
static inline void feed_handshake(struct feed *f)
{
    feed_next(f, 0, END_CLIENT, TCP_SYN, 0, 0, 0);
    f->d.tcp.opt.has_mss = f->d.tcp.opt.has_wscale = f->d.tcp.opt.has_sack_ok = true;
    f->d.tcp.opt.mss = 1460;
    f->d.tcp.opt.wscale = 8;
    feed_send(f);
    feed_state(f, END_CLIENT, TCP_CLOSED, TCP_SYN_SENT, "snd SYN");
    feed_state(f, END_SERVER, TCP_LISTEN, TCP_SYN_RCVD, "rcv SYN");
    feed_seg(f, 52e-6, END_SERVER, TCP_SYN | TCP_ACK, 0, 1, 0);
    feed_state(f, END_CLIENT, TCP_SYN_SENT, TCP_ESTABLISHED, "rcv SYN,ACK");
    feed_seg(f, 31e-6, END_CLIENT, TCP_ACK, 1, 1, 0);
    feed_state(f, END_SERVER, TCP_SYN_RCVD, TCP_ESTABLISHED, "rcv ACK of SYN");
}

/* Four frames that end it, the client first; @c, @s: next sequence numbers. */
static inline void feed_teardown(struct feed *f, uint32_t c, uint32_t s)
{
    feed_seg(f, 1e-4, END_CLIENT, TCP_FIN | TCP_ACK, c, s, 0);
    feed_state(f, END_CLIENT, TCP_ESTABLISHED, TCP_FIN_WAIT_1, "close");
    feed_state(f, END_SERVER, TCP_ESTABLISHED, TCP_CLOSE_WAIT, "rcv FIN");
    feed_seg(f, 1e-4, END_SERVER, TCP_ACK, s, c + 1, 0);
    feed_state(f, END_CLIENT, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, "rcv ACK of FIN");
    feed_seg(f, 1e-4, END_SERVER, TCP_FIN | TCP_ACK, s, c + 1, 0);
    feed_state(f, END_SERVER, TCP_CLOSE_WAIT, TCP_LAST_ACK, "close");
    feed_state(f, END_CLIENT, TCP_FIN_WAIT_2, TCP_TIME_WAIT, "rcv FIN");
    feed_seg(f, 1e-4, END_CLIENT, TCP_ACK, c + 1, s + 1, 0);
    feed_state_at(f, f->frame.number, 0, END_SERVER, TCP_LAST_ACK, TCP_CLOSED, "rcv ACK of FIN");
}

#endif
