/*
 * tcp.h - the TCP header and its options (RFC 9293 section 3.1 and 3.2, RFC 7323, RFC 2018).
 *
 * Options are read with exact lengths: a known kind with another length, or any option that does
 * not fit, makes the whole segment unacceptable (security.md section 5). Unknown kinds are skipped
 * by their length octet (MUST-6). A window scale above 14 counts as 14 (RFC 7323 section 2.3). A
 * Fast Open cookie of a length that none has is as if it were not there (RFC 7413 section 4.1.1).
 */
#ifndef STACKD_WIRE_TCP_H
#define STACKD_WIRE_TCP_H

#include "base/seq.h"
#include "wire/bytes.h"

enum {
    TCP_SRC = 0, TCP_DST = 2, TCP_SEQ = 4, TCP_ACKNO = 8, TCP_OFF = 12, TCP_FLAGS = 13,
    TCP_WND = 14, TCP_SUM = 16, TCP_URP = 18, TCP_HDR_LEN = 20, TCP_HDR_MAX = 60
};
enum tcp_flag {
    TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08,
    TCP_ACK = 0x10, TCP_URG = 0x20, TCP_ECE = 0x40, TCP_CWR = 0x80
};
enum tcp_option {
    TCP_OPT_EOL = 0, TCP_OPT_NOP = 1, TCP_OPT_MSS = 2, TCP_OPT_WSCALE = 3, TCP_OPT_SACK_OK = 4,
    TCP_OPT_SACK = 5, TCP_OPT_TS = 8, TCP_OPT_FO = 34
};
/* nop,nop,TS: the options of almost every segment (RFC 7323 appendix A), as one number. */
#define TCP_OPTS_TS 0x0101080au

enum { TCP_WSCALE_MAX = 14, TCP_SACK_MAX = 4, TCP_FO_MIN = 4, TCP_FO_MAX = 16 };

struct tcp_opts {
    bool has_mss, has_wscale, has_sack_ok, has_ts, has_fo;
    uint8_t wscale, sack_count, fo_len;
    uint16_t mss;
    const uint8_t *fo; /* the cookie, fo_len bytes, 0: asked for; valid while the packet is */
    uint32_t tsval, tsecr;
    struct { tcp_seq left, right; } sack[TCP_SACK_MAX];
};

/* A segment as RFC 9293 speaks of it: SEG.SEQ, SEG.ACK, SEG.LEN, SEG.WND, SEG.UP. */
struct pkt; /* base/pkt.h */

struct tcp_seg {
    uint16_t src_port, dst_port;
    tcp_seq seq, ack;
    uint8_t flags, hdr_len;
    uint16_t wnd, up;
    uint16_t sum;
    struct tcp_opts opt;
    /* Filled in by tcp_input(), not by the parser. */
    struct ip_addr src, dst;
    uint8_t tos;           /* type of service of the datagram, ECN bits included */
    tcp_seq first;         /* SEG.SEQ, also when the front has been cut off */
    uint32_t data_len;     /* payload bytes; SEG.LEN is tcp_seg_len() */
    struct span text[2];   /* the payload, perhaps in two pieces, valid while the packet is */
    struct pkt *pkt;       /* that one */
    uint16_t gso_size;     /* several segments in one, of so much payload each; 0: one (base/pkt.h) */
};

/** tcp_fo_len_ok - may a cookie have @len bytes: none (asked for), or an even number from 4 to 16? */
static inline bool tcp_fo_len_ok(unsigned len)
{
    return len == 0 || (len >= TCP_FO_MIN && len <= TCP_FO_MAX && len % 2 == 0);
}

/** tcp_seg_len - SEG.LEN: payload, and one each for SYN and FIN. */
static inline uint32_t tcp_seg_len(const struct tcp_seg *s)
{
    return s->data_len + ((s->flags & TCP_SYN) != 0) + ((s->flags & TCP_FIN) != 0);
}

/** tcp_seg_skip - the first @n bytes of the payload are not looked at; the numbers stay. */
static inline void tcp_seg_skip(struct tcp_seg *s, uint32_t n)
{
    size_t front = s->text[0].len < n ? s->text[0].len : n;

    NET_ASSERT(n <= s->data_len);
    s->text[0].p += front;
    s->text[0].len -= front;
    if (n > front) { /* else there may be no second piece */
        s->text[1].p += n - front;
        s->text[1].len -= n - front;
    }
    s->data_len -= n;
}

/** tcp_seg_pieces - how many segments it stands for. */
static inline uint32_t tcp_seg_pieces(const struct tcp_seg *s)
{
    return s->gso_size == 0 || s->data_len <= s->gso_size
               ? 1
               : (s->data_len + s->gso_size - 1) / s->gso_size;
}

static inline enum verdict tcp_opts_parse(struct tcp_opts *o, struct span s)
{
    size_t i = 0;

    *o = (struct tcp_opts){0};
    if (likely(s.len == 12 && get32(s.p) == TCP_OPTS_TS)) {
        o->has_ts = true;
        o->tsval = get32(s.p + 4);
        o->tsecr = get32(s.p + 8);
        return V_NEXT;
    }
    while (i < s.len) {
        uint8_t kind = s.p[i];

        if (kind == TCP_OPT_EOL)
            break;
        if (kind == TCP_OPT_NOP) {
            i++;
            continue;
        }
        if (s.len - i < 2)
            return V_DROP_TCP_OPTION;
        uint8_t len = s.p[i + 1];

        if (len < 2 || len > s.len - i)
            return V_DROP_TCP_OPTION;
        const uint8_t *v = s.p + i + 2;

        if (kind == TCP_OPT_MSS) {
            if (len != 4)
                return V_DROP_TCP_OPTION;
            o->has_mss = true;
            o->mss = get16(v);
        } else if (kind == TCP_OPT_WSCALE) {
            if (len != 3)
                return V_DROP_TCP_OPTION;
            o->has_wscale = true;
            o->wscale = v[0] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : v[0];
        } else if (kind == TCP_OPT_SACK_OK) {
            if (len != 2)
                return V_DROP_TCP_OPTION;
            o->has_sack_ok = true;
        } else if (kind == TCP_OPT_TS) {
            if (len != 10)
                return V_DROP_TCP_OPTION;
            o->has_ts = true;
            o->tsval = get32(v);
            o->tsecr = get32(v + 4);
        } else if (kind == TCP_OPT_SACK) {
            if (len < 10 || (len - 2) % 8 != 0)
                return V_DROP_TCP_OPTION;
            o->sack_count = (uint8_t)((len - 2) / 8);
            if (o->sack_count > TCP_SACK_MAX)
                return V_DROP_TCP_OPTION;
            for (unsigned k = 0; k < o->sack_count; k++) {
                o->sack[k].left = seq_of(get32(v + 8 * k));
                o->sack[k].right = seq_of(get32(v + 8 * k + 4));
            }
        } else if (kind == TCP_OPT_FO && tcp_fo_len_ok(len - 2u)) {
            o->has_fo = true;
            o->fo_len = (uint8_t)(len - 2);
            o->fo = v;
        }
        i += len;
    }
    return V_NEXT;
}

static inline enum verdict tcp_parse(struct tcp_seg *h, struct span s)
{
    if (s.len < TCP_HDR_LEN)
        return V_DROP_TCP_SHORT;
    h->hdr_len = (uint8_t)((s.p[TCP_OFF] >> 4) * 4);
    if (h->hdr_len < TCP_HDR_LEN || h->hdr_len > s.len)
        return V_DROP_TCP_HEADER_LENGTH;
    h->src_port = get16(s.p + TCP_SRC);
    h->dst_port = get16(s.p + TCP_DST);
    h->seq = seq_of(get32(s.p + TCP_SEQ));
    h->ack = seq_of(get32(s.p + TCP_ACKNO));
    h->flags = s.p[TCP_FLAGS];
    h->wnd = get16(s.p + TCP_WND);
    h->sum = get16(s.p + TCP_SUM);
    h->up = get16(s.p + TCP_URP);
    return tcp_opts_parse(&h->opt,
                          (struct span){s.p + TCP_HDR_LEN, (size_t)h->hdr_len - TCP_HDR_LEN});
}

/**
 * tcp_opts_emit - write options in the order and with the padding that Linux uses:
 * `mss,sackOK,TS,nop,wscale` with timestamps, `mss,nop,nop,sackOK,nop,wscale` without;
 * `nop,nop,TS` and `nop,nop,sack` on other segments; a Fast Open cookie last, filled up with nops.
 * @p: room for 40 bytes
 *
 * Return: bytes written, a multiple of 4.
 */
size_t tcp_opts_emit(const struct tcp_opts *o, uint8_t *p);

/** tcp_emit - write header and options; h->hdr_len is ignored, h->sum written as it is.
 * @p: room for TCP_HDR_MAX bytes. Return: the header length. */
size_t tcp_emit(const struct tcp_seg *h, uint8_t *p);

#endif
