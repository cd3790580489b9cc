/* test_seen.c - datagrams that the host could have sent, taken apart by the decoder of the runner. */
#include "run.h"
#include "t.h"
#include <string.h>

static struct seen s;
static uint8_t d[200];

/* RFC 1071, over an even number of bytes, written once more: the decoder is not asked about itself. */
static void sum(uint8_t *at, const uint8_t *p, size_t len, uint32_t begin)
{
    uint32_t v = begin;

    at[0] = at[1] = 0;
    for (size_t i = 0; i < len; i += 2)
        v += (uint32_t)(p[i] << 8 | p[i + 1]);
    while (v >> 16)
        v = (v & 0xffff) + (v >> 16);
    at[0] = (uint8_t)(~v >> 8);
    at[1] = (uint8_t)~v;
}

/* An IP header of 20 bytes around @len bytes at d + 20. */
static void ip(uint8_t proto, size_t len, uint16_t frag)
{
    const uint8_t head[] = {0x45,
                            0x28,
                            0,
                            (uint8_t)(len + 20),
                            0,
                            7,
                            (uint8_t)(frag >> 8),
                            (uint8_t)frag,
                            61,
                            proto,
                            0,
                            0,
                            192,
                            168,
                            0,
                            1,
                            192,
                            0,
                            2,
                            1};

    memcpy(d, head, sizeof(head));
    sum(d + 10, d, 20, 0);
}

/* SYN,ACK with options: mss 1460, sackOK, TS 5 6, nop, wscale 8; 2 bytes of payload. */
static size_t tcp(void)
{
    static const uint8_t seg[] = {0x1f, 0x90, 0x9c, 0x40, 0, 0, 0, 9, 0, 0,    0, 3, 0xa0, 0x12,
                                  0x12, 0x34, 0,    0,    0, 5, 2, 4, 5, 0xb4, 4, 2, 8,    10,
                                  0,    0,    0,    5,    0, 0, 0, 6, 1, 3,    3, 8, 'h',  'i'};

    memset(d, 0, sizeof(d));
    memcpy(d + 20, seg, sizeof(seg));
    ip(6, sizeof(seg), 0x4000);
    sum(d + 36, d + 20, sizeof(seg),
        192 * 256u + 168 + 1 + 192 * 256u + 2 * 256u + 1 + 6 + (uint32_t)sizeof(seg));
    return sizeof(seg) + 20;
}

static void test_seen_tcp(void)
{
    static struct run r;
    size_t len = tcp();
    char text[200];

    seen_decode(&s, d, len, 5);
    T_FALSE(s.is_short);
    T_TRUE(s.ip_sum_ok && s.l4_sum_ok && s.df && !s.mf);
    T_EQ(s.t, 5);
    T_EQ(s.src, 0xc0a80001);
    T_EQ(s.dst, 0xc0000201);
    T_EQ(s.tos, 0x28);
    T_EQ(s.ttl, 61);
    T_EQ(s.sport, 8080);
    T_EQ(s.dport, 40000);
    T_EQ(s.seq, 9);
    T_EQ(s.ack, 3);
    T_EQ(s.win, 0x1234);
    T_EQ(s.urg, 5);
    T_EQ(s.options_len, 20);
    T_EQ(s.payload_len, 2);
    T_MEM(s.payload, "hi", 2);
    seen_options_text(&s, text, sizeof(text));
    T_STR(text, "<mss 1460,sackOK,TS val 5 ecr 6,nop,wscale 8>");
    seen_text(&r, &s, NULL, text, sizeof(text));
    T_STR(text, "S. 0:2(2) ack 3 win 4660 <mss 1460,sackOK,TS val 5 ecr 6,nop,wscale 8>");
}

static void test_seen_every_changed_byte_is_a_wrong_sum(void)
{
    size_t len = tcp();

    for (size_t i = 0; i < len; i++) {
        d[i] ^= 0x5a;
        seen_decode(&s, d, len, 0);
        /* or it is no datagram any more, or no TCP */
        T_TRUE(s.is_short || !s.ip_sum_ok || !s.l4_sum_ok || s.proto != 6);
        d[i] ^= 0x5a;
    }
}

static void test_seen_every_prefix_is_short(void)
{
    size_t len = tcp();

    for (size_t i = 0; i < len; i++) {
        seen_decode(&s, d, i, 0);
        T_TRUE(s.is_short);
    }
    d[32] = 0x40; /* a data offset below the header */
    seen_decode(&s, d, len, 0);
    T_TRUE(s.is_short);
    d[32] = 0xf0; /* and beyond the segment */
    seen_decode(&s, d, len, 0);
    T_TRUE(s.is_short);
}

static void test_seen_options_that_are_none(void)
{
    char text[200];

    s = (struct seen){.options = (const uint8_t *)"\x02\x04\x05\xb4\x08\x0a\x00\x00",
                      .options_len = 8};
    seen_options_text(&s, text, sizeof(text));
    T_STR(text, "<mss 1460,bad bytes>");
    s = (struct seen){.options = (const uint8_t *)"\x1e\x04\x00\x00\x00\x01", .options_len = 6};
    seen_options_text(&s, text, sizeof(text));
    T_STR(text, "<kind 30 len 4,eol,nop>");
    s = (struct seen){.options = (const uint8_t *)"\x05\x0a\0\0\0\1\0\0\0\x09\x03\x00",
                      .options_len = 12};
    seen_options_text(&s, text, sizeof(text));
    T_STR(text, "<sack 1:9,bad bytes>");
}

static void test_seen_udp_icmp_and_fragments(void)
{
    static const uint8_t udp[] = {0, 7, 0, 9, 0, 10, 0, 0, 'h', 'i'};
    static struct run r;
    char text[200];

    memset(d, 0, sizeof(d));
    memcpy(d + 20, udp, sizeof(udp));
    ip(17, sizeof(udp), 0);
    seen_decode(&s, d, 30, 0);
    T_TRUE(!s.is_short && s.l4_sum_ok); /* RFC 768: no checksum was made */
    T_EQ(s.payload_len, 2);
    seen_text(&r, &s, NULL, text, sizeof(text));
    T_STR(text, "udp (2) from port 7 to port 9");
    d[25] = 9; /* a length that is not the datagram's */
    seen_decode(&s, d, 30, 0);
    T_TRUE(s.is_short);
    ip(17, sizeof(udp), 0x2003);
    seen_decode(&s, d, 30, 0);
    T_TRUE(s.mf && s.frag_off == 24 && s.l4_sum_ok);
    seen_text(&r, &s, NULL, text, sizeof(text));
    T_STR(text, "fragment of protocol 17, bytes 24 to 34, more follow");
    memset(d + 20, 0, 8);
    d[20] = 3;
    d[21] = 4;
    d[26] = 5;
    d[27] = 0xdc;
    ip(1, 8, 0);
    sum(d + 22, d + 20, 8, 0);
    seen_decode(&s, d, 28, 0);
    T_TRUE(s.l4_sum_ok && s.type == 3 && s.code == 4 && s.icmp_mtu == 1500);
}

T_MAIN("seen", T(test_seen_tcp), T(test_seen_every_changed_byte_is_a_wrong_sum),
       T(test_seen_every_prefix_is_short), T(test_seen_options_that_are_none),
       T(test_seen_udp_icmp_and_fragments))
