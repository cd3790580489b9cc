#include "wire/tcp.h"

static uint8_t *tcp_opt_ts(const struct tcp_opts *o, uint8_t *p)
{
    p[0] = TCP_OPT_TS;
    p[1] = 10;
    put32(p + 2, o->tsval);
    put32(p + 6, o->tsecr);
    return p + 10;
}

static uint8_t *tcp_opt_nops(uint8_t *p, unsigned n)
{
    memset(p, TCP_OPT_NOP, n);
    return p + n;
}

/* SACK-permitted shares a word with the timestamp's kind and length: sackOK,TS fill 12 bytes. */
static uint8_t *tcp_opt_sack_ok_ts(const struct tcp_opts *o, uint8_t *p)
{
    if (o->has_sack_ok) {
        if (!o->has_ts)
            p = tcp_opt_nops(p, 2);
        p[0] = TCP_OPT_SACK_OK;
        p[1] = 2;
        p += 2;
    } else if (o->has_ts) {
        p = tcp_opt_nops(p, 2);
    }
    return o->has_ts ? tcp_opt_ts(o, p) : p;
}

size_t tcp_opts_emit(const struct tcp_opts *o, uint8_t *p)
{
    uint8_t *start = p;

    if (o->has_mss) {
        p[0] = TCP_OPT_MSS;
        p[1] = 4;
        put16(p + 2, o->mss);
        p += 4;
    }
    p = tcp_opt_sack_ok_ts(o, p);
    if (o->has_wscale) {
        p = tcp_opt_nops(p, 1);
        p[0] = TCP_OPT_WSCALE;
        p[1] = 3;
        p[2] = o->wscale;
        p += 3;
    }
    if (o->sack_count > 0) {
        p = tcp_opt_nops(p, 2);
        p[0] = TCP_OPT_SACK;
        p[1] = (uint8_t)(2 + 8 * o->sack_count);
        p += 2;
        for (unsigned k = 0; k < o->sack_count; k++, p += 8) {
            put32(p, o->sack[k].left.v);
            put32(p + 4, o->sack[k].right.v);
        }
    }
    if (o->has_fo) {
        p[0] = TCP_OPT_FO;
        p[1] = (uint8_t)(2 + o->fo_len);
        if (o->fo_len > 0)
            memcpy(p + 2, o->fo, o->fo_len);
        p = tcp_opt_nops(p + 2 + o->fo_len, (2u + o->fo_len) % 4);
    }
    NET_ASSERT((p - start) % 4 == 0 && p - start <= TCP_HDR_MAX - TCP_HDR_LEN);
    return (size_t)(p - start);
}

size_t tcp_emit(const struct tcp_seg *h, uint8_t *p)
{
    size_t len = TCP_HDR_LEN + tcp_opts_emit(&h->opt, p + TCP_HDR_LEN);

    put16(p + TCP_SRC, h->src_port);
    put16(p + TCP_DST, h->dst_port);
    put32(p + TCP_SEQ, h->seq.v);
    put32(p + TCP_ACKNO, h->ack.v);
    p[TCP_OFF] = (uint8_t)(len / 4 << 4);
    p[TCP_FLAGS] = h->flags;
    put16(p + TCP_WND, h->wnd);
    put16(p + TCP_SUM, h->sum);
    put16(p + TCP_URP, h->up);
    return len;
}
