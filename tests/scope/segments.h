/*
 * segments.h - a capture in the head: segments of two ends, and what the tracker tells of them.
 *
 *     begin(iss);                  10.0.0.1:40000 is the client, 10.0.0.2:80 the server
 *     c(SYN, 0, 0, 0);             flags, seq, ack, payload: relative, a millisecond after the last one
 *     s(SYN | ACK, 0, 1, 0);
 *     T_STR(told(), "c:CLOSED>SYN_SENT#1 ...");
 *
 * told() says each state as END:FROM>TO#CAUSE, then =PROOF where that is another frame, ? if presumed.
 * Each test runs once with small numbers and once with numbers that wrap.
 */
#ifndef TESTS_SCOPE_SEGMENTS_H
#define TESTS_SCOPE_SEGMENTS_H

#include <pcap/dlt.h>
#include <stdio.h>

#include "base/csum.h"
#include "t.h"
#include "track.h"
#include "wire/eth.h"
#include "wire/ip4.h"

enum { SYN = TCP_SYN, ACK = TCP_ACK, FIN = TCP_FIN, RST = TCP_RST, PSH = TCP_PSH };

static struct {
    struct track *track;
    uint32_t iss[2];
    uint64_t number;
    int64_t now;
    uint16_t port;        /* the client's */
    uint16_t wnd;         /* of the next segment */
    struct tcp_opts opts; /* of the next segment */
    bool bad_sum;         /* of the next segment */
    uint8_t ttl;          /* of all from now on */
    uint32_t addr[2];
    uint16_t server_port;
    void (*feed)(const struct frame *f); /* who gets the frames; NULL: the tracker */
    char text[4096];                     /* told() */
    struct track_segment last;
    struct track_conn ended[8];
    unsigned ended_count;
    char why[8][80];
} w;

static void w_segment(void *ctx, const struct track_segment *g)
{
    (void)ctx;
    w.last = *g;
}

static void w_state(void *ctx, const struct track_state *s)
{
    size_t at = strlen(w.text);

    (void)ctx;
    snprintf(w.text + at, sizeof(w.text) - at, "%s%c:%s>%s#%llu", at > 0 ? " " : "",
             s->end == END_CLIENT ? 'c' : 's', track_state_name(s->from), track_state_name(s->to),
             (unsigned long long)s->frame);
    at = strlen(w.text);
    if (s->proof == 0)
        snprintf(w.text + at, sizeof(w.text) - at, "?");
    else if (s->proof != s->frame)
        snprintf(w.text + at, sizeof(w.text) - at, "=%llu", (unsigned long long)s->proof);
    T_TRUE(s->why[0] != '\0');
    T_TRUE(s->rfc[0] != '\0');
}

static void w_ended(void *ctx, struct track_conn *k, const char *why)
{
    (void)ctx;
    if (w.ended_count < 8) {
        w.ended[w.ended_count] = *k;
        snprintf(w.why[w.ended_count++], 80, "%s", why);
    }
}

static void begin_with(uint32_t iss, uint32_t connections)
{
    memset(&w, 0, sizeof(w));
    w.iss[0] = iss;
    w.iss[1] = iss - 30;
    w.now = NET_SEC(1000);
    w.port = 40000;
    w.wnd = 1000;
    w.ttl = 64;
    w.addr[0] = 0x0a000001;
    w.addr[1] = 0x0a000002;
    w.server_port = 80;
    w.track = track_new(&(struct track_options){
        .connections = connections, .observer = {NULL, w_segment, w_state, NULL, w_ended}
    });
    T_NEED(w.track != NULL);
}
static void begin(uint32_t iss)
{
    begin_with(iss, 0);
}

/* The next frame, a millisecond after the last one. */
static void frame(const uint8_t *b, size_t len)
{
    w.now += NET_MS(1);
    struct frame f = {
        .number = ++w.number,
        .time = w.now,
        .bytes = {b, len},
        .wire_len = (uint32_t)len,
        .linktype = DLT_EN10MB
    };

    if (w.feed != NULL)
        w.feed(&f);
    else
        track_frame(w.track, &f);
}

/* A segment of end @from. */
static void put(unsigned from, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    static uint8_t b[70000];
    struct tcp_seg g = {.src_port = from == 0 ? w.port : w.server_port,
                        .dst_port = from == 0 ? w.server_port : w.port,
                        .seq = seq_of(w.iss[from] + seq),
                        .ack = seq_of((flags & ACK) != 0 ? w.iss[1 - from] + ack : 0),
                        .flags = (uint8_t)flags,
                        .wnd = w.wnd,
                        .opt = w.opts};
    struct eth_hdr e = {.type = ETH_TYPE_IP4};

    memset(b, 0, 200);
    eth_emit(&e, b);
    size_t hdr = tcp_emit(&g, b + 34);
    struct ip4_hdr h = {.src = w.addr[from],
                        .dst = w.addr[1 - from],
                        .total = (uint16_t)(20 + hdr + len),
                        .ttl = w.ttl,
                        .proto = IP_PROTO_TCP,
                        .df = true,
                        .id = (uint16_t)w.number};
    ip4_emit(&h, b + 14);
    memset(b + 34 + hdr, 'x', len);
    uint64_t sum =
        csum_pseudo(ip_addr_v4(h.src), ip_addr_v4(h.dst), IP_PROTO_TCP, (uint32_t)(hdr + len));

    put16(b + 34 + TCP_SUM,
          (uint16_t)(csum_finish(csum_add(sum, b + 34, hdr + len)) ^ (w.bad_sum ? 0x4321 : 0)));
    w.bad_sum = false;
    memset(&w.opts, 0, sizeof(w.opts));
    frame(b, 34 + hdr + len);
}
static inline void c(unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    put(0, flags, seq, ack, len);
}
static inline void s(unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    put(1, flags, seq, ack, len);
}

static inline void later(int64_t ns)
{
    w.now += ns;
}

/* The capture ends. */
static void finish(void)
{
    track_end_all(w.track);
    track_free(w.track);
    w.track = NULL;
}

/* What was told since the last question. */
static inline const char *told(void)
{
    static char copy[sizeof(w.text)];

    memcpy(copy, w.text, sizeof(copy));
    w.text[0] = '\0';
    return copy;
}

/* A test that runs with small numbers and with numbers that wrap. */
#define TWICE(name)                                                                                \
    static void name##_from(uint32_t iss);                                                         \
    static void name(void)                                                                         \
    {                                                                                              \
        name##_from(1000);                                                                         \
        name##_from(0xffffffe0u);                                                                  \
    }                                                                                              \
    static void name##_from(uint32_t iss)

static inline void handshake(void) /* frames 1 to 3; both have sent 1 */
{
    c(SYN, 0, 0, 0);
    s(SYN | ACK, 0, 1, 0);
    c(ACK, 1, 1, 0);
}

static inline void open_with_data(void) /* frames 1 to 5: c sent 101, s sent 1 */
{
    handshake();
    c(ACK | PSH, 1, 1, 100);
    s(ACK, 1, 101, 0);
    told();
}

static inline void begin_open(uint32_t iss)
{
    begin(iss);
    open_with_data();
}

static inline void close_in_three(void) /* the client first; its last ACK is the last frame */
{
    c(FIN | ACK, 101, 1, 0);
    s(FIN | ACK, 1, 102, 0);
    c(ACK, 102, 2, 0);
}

#endif
