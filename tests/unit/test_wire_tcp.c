/* test_wire_tcp.c - the TCP header and its options: exact lengths, bounded work, no byte too far. */
#include <stdlib.h>

#include "base/prng.h"
#include "t.h"
#include "wire/tcp.h"

/* Parse from memory of exactly @len bytes, so that a sanitizer sees every byte too far. */
static enum verdict opts_exact(struct tcp_opts *o, const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    if (copy == NULL)
        abort();
    memcpy(copy, p, len);
    enum verdict v = tcp_opts_parse(o, (struct span){copy, len});

    free(copy);
    return v;
}

static enum verdict parse_exact(struct tcp_seg *h, const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    if (copy == NULL)
        abort();
    memcpy(copy, p, len);
    enum verdict v = tcp_parse(h, (struct span){copy, len});

    free(copy);
    return v;
}

/* The lengths a known kind may have; an unknown kind may have any. */
static bool len_is_legal(unsigned kind, unsigned len)
{
    switch (kind) {
    case TCP_OPT_MSS:
        return len == 4;
    case TCP_OPT_WSCALE:
        return len == 3;
    case TCP_OPT_SACK_OK:
        return len == 2;
    case TCP_OPT_SACK:
        return len == 10 || len == 18 || len == 26 || len == 34;
    case TCP_OPT_TS:
        return len == 10;
    default:
        return len >= 2;
    }
}

/* REQ: TCP-MUST-6 TCP-MUST-7 */
static void test_wire_tcp_options_every_kind_and_length(void)
{
    for (unsigned kind = 2; kind < 256; kind++) {
        for (unsigned len = 0; len <= 41; len++) {
            for (size_t room = 1; room <= 40; room++) {
                uint8_t p[40];
                struct tcp_opts o;

                memset(p, TCP_OPT_NOP, sizeof(p));
                p[0] = (uint8_t)kind;
                p[1] = (uint8_t)len;
                bool ok = room >= 2 && len <= room && len_is_legal(kind, len);

                if (opts_exact(&o, p, room) != (ok ? V_NEXT : V_DROP_TCP_OPTION))
                    T_EQ(kind * 10000 + len * 100 + room, 0);
            }
        }
    }
}

/* REQ: TCP-MUST-64 */
static void test_wire_tcp_options_at_any_offset(void)
{
    for (size_t nops = 0; nops <= 21; nops++) {
        static const uint8_t all[] = {3,  3, 7, 2, 4, 0x05, 0xb4, 4, 2, 8,
                                      10, 1, 2, 3, 4, 5,    6,    7, 8};
        uint8_t p[40];
        struct tcp_opts o;

        memset(p, TCP_OPT_NOP, sizeof(p));
        memcpy(p + nops, all, sizeof(all));
        T_EQ(opts_exact(&o, p, nops + sizeof(all)), V_NEXT);
        T_TRUE(o.has_mss && o.has_wscale && o.has_sack_ok && o.has_ts);
        T_EQ(o.mss, 1460);
        T_EQ(o.wscale, 7);
        T_EQ(o.tsval, 0x01020304);
        T_EQ(o.tsecr, 0x05060708);
    }
}

/* REQ: TCP-MUST-4 TCP-MUST-69 */
static void test_wire_tcp_options_end_means_end(void)
{
    static const uint8_t p[] = {TCP_OPT_NOP, 2, 4, 2, 88, TCP_OPT_EOL, 2, 0};
    struct tcp_opts o;

    T_EQ(opts_exact(&o, p, sizeof(p)), V_NEXT); /* what follows is no option, though it looks bad */
    T_TRUE(o.has_mss);
    T_EQ(o.mss, 600);
    T_EQ(opts_exact(&o, p, 0), V_NEXT);
    T_FALSE(o.has_mss); /* nothing stays from before */
}

static void test_wire_tcp_options_wscale_above_14_counts_as_14(void)
{
    for (unsigned shift = 0; shift < 256; shift++) {
        uint8_t p[] = {3, 3, (uint8_t)shift};
        struct tcp_opts o;

        T_EQ(opts_exact(&o, p, sizeof(p)), V_NEXT);
        T_EQ(o.wscale, shift > 14 ? 14 : shift);
    }
}

static void test_wire_tcp_options_sack_blocks(void)
{
    uint8_t p[34] = {5, 34};
    struct tcp_opts o;

    for (unsigned i = 0; i < 8; i++)
        put32(p + 2 + 4 * i, 0xfffffff0u + 3 * i);
    T_EQ(opts_exact(&o, p, 34), V_NEXT);
    T_EQ(o.sack_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        T_EQ(o.sack[i].left.v, 0xfffffff0u + 6 * i);
        T_EQ(o.sack[i].right.v, 0xfffffff0u + 6 * i + 3);
    }
}

static void test_wire_tcp_options_random_bytes_are_survived(void)
{
    struct prng g;

    prng_seed(&g, 9293, 1);
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t p[40];
        size_t room = prng_below(&g, 41);
        struct tcp_opts o;

        for (size_t k = 0; k < room; k++)
            p[k] = (uint8_t)(prng_below(&g, 2) == 0 ? prng_below(&g, 12) : prng_u32(&g));
        enum verdict v = opts_exact(&o, p, room);

        T_TRUE(v == V_NEXT || v == V_DROP_TCP_OPTION);
        T_TRUE(o.sack_count <= TCP_SACK_MAX || v != V_NEXT);
        T_TRUE(o.wscale <= TCP_WSCALE_MAX);
    }
}

/* The orders that public scripts and the peers expect. REQ: TCP-MUST-68 */
static void test_wire_tcp_options_are_emitted_in_the_usual_order(void)
{
    struct tcp_opts syn = {
        .has_mss = true, .mss = 1460, .has_sack_ok = true, .has_wscale = true, .wscale = 8};
    uint8_t p[40];

    T_EQ(tcp_opts_emit(&syn, p), 12); /* mss,nop,nop,sackOK,nop,wscale 8 */
    T_MEM(p, "\x02\x04\x05\xb4\x01\x01\x04\x02\x01\x03\x03\x08", 12);
    syn.has_ts = true;
    syn.tsval = 100;
    syn.tsecr = 200;
    T_EQ(tcp_opts_emit(&syn, p), 20); /* mss,sackOK,TS,nop,wscale 8 */
    T_MEM(p, "\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\x64\0\0\0\xc8\x01\x03\x03\x08", 20);

    struct tcp_opts ts = {.has_ts = true, .tsval = 1, .tsecr = 2};

    T_EQ(tcp_opts_emit(&ts, p), 12); /* nop,nop,TS */
    T_MEM(p, "\x01\x01\x08\x0a\0\0\0\x01\0\0\0\x02", 12);
    ts.sack_count = 1;
    ts.sack[0].left = seq_of(10);
    ts.sack[0].right = seq_of(20);
    T_EQ(tcp_opts_emit(&ts, p), 24); /* nop,nop,TS,nop,nop,sack */
    T_MEM(p + 12, "\x01\x01\x05\x0a\0\0\0\x0a\0\0\0\x14", 12);
    struct tcp_opts none = {0};

    T_EQ(tcp_opts_emit(&none, p), 0);
    syn.has_fo = true; /* mss,sackOK,TS,nop,wscale 8,FO,nop,nop */
    T_EQ(tcp_opts_emit(&syn, p), 24);
    T_MEM(p + 20, "\x22\x02\x01\x01", 4);
    syn.fo = (const uint8_t *)"abcdefghijklmnop";
    syn.fo_len = 6;
    T_EQ(tcp_opts_emit(&syn, p), 28);
    T_MEM(p + 20,
          "\x22\x08"
          "abcdef",
          8);
    syn.fo_len = 16;
    T_EQ(tcp_opts_emit(&syn, p), 40); /* the longest just fits */
    T_MEM(p + 20,
          "\x22\x12"
          "abcdefghijklmnop\x01\x01",
          20);
}

/* RFC 7413 section 4.1.1: 4 to 16 bytes, even, or none; anything else is as if it were not there. */
/* REQ: TFO-7413-4.1.1-1 */
static void test_wire_tcp_fast_open_cookies_have_these_lengths(void)
{
    for (unsigned len = 0; len <= 38; len++) {
        uint8_t p[40] = {TCP_OPT_FO, (uint8_t)(2 + len)};
        struct tcp_opts o, back;
        bool ok = len == 0 || len == 4 || len == 6 || len == 8 || len == 10 || len == 12 ||
                  len == 14 || len == 16;

        for (unsigned i = 0; i < len; i++)
            p[2 + i] = (uint8_t)(i + 1);
        T_EQ(tcp_opts_parse(&o, (struct span){p, 2 + len}), V_NEXT);
        T_EQ(o.has_fo, ok);
        if (!ok)
            continue;
        uint8_t q[40];
        size_t emitted = tcp_opts_emit(&o, q);

        T_EQ(o.fo_len, len);
        T_MEM(q, p, 2 + len);
        T_EQ(tcp_opts_parse(&back, (struct span){q, emitted}), V_NEXT);
        T_TRUE(back.has_fo && back.fo_len == len);
    }
}

/* Every set of options that fits comes back as it was. */
static void test_wire_tcp_round_trip_of_every_set_of_options(void)
{
    struct prng g;

    prng_seed(&g, 9293, 2);
    for (unsigned set = 0; set < 16 * 5; set++) {
        struct tcp_seg h = {0}, b = {0};
        bool on_syn = set & 8;

        h.opt.has_ts = set & 1;
        h.opt.has_mss = on_syn && (set & 2);
        h.opt.has_wscale = on_syn && (set & 4);
        h.opt.has_sack_ok = on_syn;
        h.opt.sack_count = on_syn ? 0 : (uint8_t)(set / 16);
        if (h.opt.has_ts && h.opt.sack_count > 3)
            h.opt.sack_count = 3; /* four do not fit beside timestamps, RFC 2018 section 3 */
        h.opt.mss = h.opt.has_mss ? (uint16_t)prng_u32(&g) : 0;
        h.opt.wscale = h.opt.has_wscale ? (uint8_t)prng_below(&g, 15) : 0;
        h.opt.tsval = h.opt.has_ts ? prng_u32(&g) : 0;
        h.opt.tsecr = h.opt.has_ts ? prng_u32(&g) : 0;
        for (unsigned i = 0; i < h.opt.sack_count; i++) {
            h.opt.sack[i].left = seq_of(prng_u32(&g));
            h.opt.sack[i].right = seq_of(prng_u32(&g));
        }
        h.src_port = (uint16_t)prng_u32(&g);
        h.dst_port = (uint16_t)prng_u32(&g);
        h.seq = seq_of(prng_u32(&g));
        h.ack = seq_of(prng_u32(&g));
        h.flags = (uint8_t)prng_u32(&g);
        h.wnd = (uint16_t)prng_u32(&g);
        h.up = (uint16_t)prng_u32(&g);
        h.sum = (uint16_t)prng_u32(&g);
        uint8_t p[TCP_HDR_MAX];
        size_t len = tcp_emit(&h, p);

        T_EQ(len % 4, 0);
        T_EQ(parse_exact(&b, p, len), V_NEXT);
        T_EQ(b.hdr_len, len);
        T_TRUE(b.src_port == h.src_port && b.dst_port == h.dst_port && seq_eq(b.seq, h.seq) &&
               seq_eq(b.ack, h.ack) && b.flags == h.flags && b.wnd == h.wnd && b.up == h.up &&
               b.sum == h.sum);
        T_TRUE(b.opt.has_mss == h.opt.has_mss && b.opt.has_wscale == h.opt.has_wscale &&
               b.opt.has_sack_ok == h.opt.has_sack_ok && b.opt.has_ts == h.opt.has_ts);
        T_TRUE(b.opt.mss == h.opt.mss && b.opt.wscale == h.opt.wscale &&
               b.opt.tsval == h.opt.tsval && b.opt.tsecr == h.opt.tsecr);
        T_EQ(b.opt.sack_count, h.opt.sack_count);
        T_MEM(b.opt.sack, h.opt.sack, sizeof(h.opt.sack[0]) * h.opt.sack_count);
    }
}

static void test_wire_tcp_every_cut_and_every_data_offset(void)
{
    for (unsigned off = 0; off < 16; off++) {
        for (size_t len = 0; len <= 64; len++) {
            uint8_t p[64];
            struct tcp_seg h;

            memset(p, TCP_OPT_NOP, sizeof(p));
            p[TCP_OFF] = (uint8_t)(off << 4);
            enum verdict want = len < TCP_HDR_LEN          ? V_DROP_TCP_SHORT
                                : off < 5 || off * 4 > len ? V_DROP_TCP_HEADER_LENGTH
                                                           : V_NEXT;

            T_EQ(parse_exact(&h, p, len), want);
            if (want == V_NEXT)
                T_EQ(h.hdr_len, off * 4);
        }
    }
}

static void test_wire_tcp_seg_len_counts_syn_and_fin(void)
{
    struct tcp_seg s = {.data_len = 100};

    T_EQ(tcp_seg_len(&s), 100);
    s.flags = TCP_SYN;
    T_EQ(tcp_seg_len(&s), 101);
    s.flags = TCP_FIN | TCP_ACK | TCP_PSH | TCP_RST;
    T_EQ(tcp_seg_len(&s), 101);
    s.flags = TCP_SYN | TCP_FIN;
    T_EQ(tcp_seg_len(&s), 102);
}

T_MAIN("wire_tcp", T(test_wire_tcp_options_every_kind_and_length),
       T(test_wire_tcp_options_at_any_offset), T(test_wire_tcp_options_end_means_end),
       T(test_wire_tcp_options_wscale_above_14_counts_as_14), T(test_wire_tcp_options_sack_blocks),
       T(test_wire_tcp_options_random_bytes_are_survived),
       T(test_wire_tcp_options_are_emitted_in_the_usual_order),
       T(test_wire_tcp_fast_open_cookies_have_these_lengths),
       T(test_wire_tcp_round_trip_of_every_set_of_options),
       T(test_wire_tcp_every_cut_and_every_data_offset),
       T(test_wire_tcp_seg_len_counts_syn_and_fin))
