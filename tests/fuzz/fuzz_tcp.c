/*
 * fuzz_tcp.c - the TCP header and its options.
 *
 * A segment may order and pad its options as it likes and name one twice, so it is not written
 * back byte for byte: what was understood of it is written in our order and read again, where it
 * fits (the usual padding takes more room than a dense list of the same options).
 */
#include "fuzz.h"
#include "wire/tcp.h"

static size_t tcp_opts_room(const struct tcp_opts *o)
{
    return (o->has_mss ? 4u : 0) + (o->has_sack_ok || o->has_ts ? 4u : 0) +
           (o->has_ts ? 10u - 2u : 0) + (o->has_wscale ? 4u : 0) +
           (o->sack_count > 0 ? 4u + 8u * o->sack_count : 0) +
           (o->has_fo ? (2u + o->fo_len + 3u) / 4 * 4 : 0);
}

static void tcp_round_trip(const struct tcp_seg *h)
{
    uint8_t out[TCP_HDR_MAX];
    struct tcp_seg b = {0};
    size_t len = tcp_emit(h, out);

    FUZZ_CHECK(len % 4 == 0 && len <= TCP_HDR_MAX);
    FUZZ_CHECK(tcp_parse(&b, (struct span){out, len}) == V_NEXT);
    FUZZ_CHECK(b.src_port == h->src_port && b.dst_port == h->dst_port && b.flags == h->flags);
    FUZZ_CHECK(seq_eq(b.seq, h->seq) && seq_eq(b.ack, h->ack) && b.hdr_len == len);
    FUZZ_CHECK(b.wnd == h->wnd && b.sum == h->sum && b.up == h->up);
    FUZZ_CHECK(b.opt.has_mss == h->opt.has_mss && b.opt.mss == h->opt.mss);
    FUZZ_CHECK(b.opt.has_wscale == h->opt.has_wscale && b.opt.wscale == h->opt.wscale);
    FUZZ_CHECK(b.opt.has_sack_ok == h->opt.has_sack_ok && b.opt.has_ts == h->opt.has_ts);
    FUZZ_CHECK(b.opt.tsval == h->opt.tsval && b.opt.tsecr == h->opt.tsecr);
    FUZZ_CHECK(b.opt.sack_count == h->opt.sack_count);
    FUZZ_CHECK(b.opt.has_fo == h->opt.has_fo && b.opt.fo_len == h->opt.fo_len);
    FUZZ_CHECK(h->opt.fo_len == 0 || memcmp(b.opt.fo, h->opt.fo, h->opt.fo_len) == 0);
    for (unsigned i = 0; i < b.opt.sack_count; i++) {
        FUZZ_CHECK(seq_eq(b.opt.sack[i].left, h->opt.sack[i].left));
        FUZZ_CHECK(seq_eq(b.opt.sack[i].right, h->opt.sack[i].right));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tcp_seg h = {0};
    enum verdict v = tcp_parse(&h, (struct span){bytes, len});

    FUZZ_CHECK(v == V_NEXT || v == V_DROP_TCP_SHORT || v == V_DROP_TCP_HEADER_LENGTH ||
               v == V_DROP_TCP_OPTION);
    if (v != V_NEXT)
        return 0;
    FUZZ_CHECK(h.hdr_len >= TCP_HDR_LEN && h.hdr_len <= len);
    FUZZ_CHECK(h.opt.sack_count <= TCP_SACK_MAX && h.opt.wscale <= TCP_WSCALE_MAX);
    if (tcp_opts_room(&h.opt) <= TCP_HDR_MAX - TCP_HDR_LEN)
        tcp_round_trip(&h);
    return 0;
}
