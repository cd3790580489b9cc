#include "raw.h"

static void refused(struct peer *k, struct raw_ip d, enum verdict why)
{
    uint64_t before = peer_drops(k, why);

    raw_ping(k, d);
    T_EQ(peer_drops(k, why), before + 1);
    T_TRUE(peer_next(k) == NULL);
}

static void answered(struct peer *k, struct raw_ip d)
{
    raw_ping(k, d);
    T_TRUE(raw_pong(k));
}

/* REQ: IP-1122-3.2.1.1-1 IP-1122-3.2.1.2-1 IP-791-3.1-1 IP-791-3.1-2 IP-791-3.1-3 */
static void test_ip4_header(void)
{
    struct peer k;

    peer_begin(&k);
    answered(&k, (struct raw_ip){0});
    refused(&k, (struct raw_ip){.xor_first = 0x20}, V_DROP_IP4_VERSION);       /* 6 */
    refused(&k, (struct raw_ip){.xor_first = 0x40}, V_DROP_IP4_VERSION);       /* 0 */
    refused(&k, (struct raw_ip){.xor_first = 0x01}, V_DROP_IP4_HEADER_LENGTH); /* 4 words */
    refused(&k, (struct raw_ip){.xor_first = 0x0a}, V_DROP_IP4_HEADER_LENGTH); /* 15 words */
    refused(&k, (struct raw_ip){.xor_sum = 0x0100}, V_DROP_IP4_CHECKSUM);
    refused(&k, (struct raw_ip){.total = 1}, V_DROP_IP4_TOTAL_LENGTH);
    refused(&k, (struct raw_ip){.total = -17}, V_DROP_IP4_TOTAL_LENGTH);
    answered(&k, (struct raw_ip){.pad = 20});      /* of the link */
    answered(&k, (struct raw_ip){.frag = 0x8000}); /* the reserved bit is no reason */
    peer_end(&k);
}

/* REQ: IP-1122-3.2.1.7-2 IP-1122-3.2.1.7-1 IP-1122-3.2.1.6-1 */
static void test_ip4_ttl_one_is_enough_for_us(void)
{
    struct peer k;

    peer_begin(&k);
    answered(&k, (struct raw_ip){.ttl = 1});
    T_EQ(k.last.ttl, 64);
    peer_end(&k);
}

/* REQ: IP-1122-3.2.1.3-6 IP-1122-3.2.1.3-7 IP-1122-3.2.1.3-8 IP-1122-3.2.1.3-3 IP-1122-3.1-2
 * IP-1122-3.3.6-4 */
static void test_ip4_addresses(void)
{
    static const uint32_t sources[] = {0xffffffff, 0x0a0000ff, 0x0a000000, 0xe0000001,
                                       0x7f000001, 0xf0000001, 0x00000001};
    struct peer k;

    peer_begin(&k);
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        raw_ping(&k, (struct raw_ip){.src = sources[i]});
        T_TRUE(peer_next(&k) == NULL);
    }
    refused(&k, (struct raw_ip){.src = H_IP}, V_DROP_IP4_LAND);
    refused(&k, (struct raw_ip){.dst = 0x0a000063}, V_DROP_IP4_NOT_FOR_US);
    refused(&k, (struct raw_ip){.dst = 0x08080808}, V_DROP_IP4_NOT_FOR_US); /* and not forwarded */
    refused(&k, (struct raw_ip){.dst = 0x7f000001}, V_DROP_IP4_LOOPBACK);
    refused(&k, (struct raw_ip){.mac = raw_all}, V_DROP_IP4_L2_BROADCAST);
    peer_end(&k);
}

/* REQ: IP-1122-3.2.1.8-3 IP-1122-3.2.1.8-4 IP-1122-3.2.1.8-5 TCP-MUST-50
 * ICMP-1122-3.2.2.5-1 */
static void test_ip4_options(void)
{
    struct peer k;

    peer_begin(&k);
    answered(&k, (struct raw_ip){.opts = "\x01\x01\x01\x00", .opt_len = 4}); /* nop, eol */
    answered(&k, (struct raw_ip){.opts = "\x5e\x08\x01\x02\x03\x04\x05\x06", .opt_len = 8});
    answered(&k, (struct raw_ip){.opts = "\x88\x04\x00\x01", .opt_len = 4}); /* stream id */
    answered(&k, (struct raw_ip){.opts = "\x44\x08\x05\x00\x00\x00\x00\x00", .opt_len = 8});
    static const char *const wrong[] = {"\x5e\x00\x00\x00", "\x5e\x01\x00\x00", "\x5e\x05\x00\x00",
                                        "\x01\x01\x01\x5e"};

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) { /* the sender is told where */
        raw_ping(&k, (struct raw_ip){.opts = wrong[i], .opt_len = 4});
        T_EQ(peer_drops(&k, V_DROP_IP4_OPTION), i + 1);
        const struct seen *s = peer_next(&k);

        T_NEED(s != NULL && s->proto == 1);
        T_EQ(s->icmp_type, 12);
    }
    peer_listen(&k, 0); /* a SYN behind options: a normal answer */
    uint8_t syn[20] = {0x9c, 0x40, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x02, 0x10};

    raw16(syn + 16, decode_sum(syn, 20, decode_pseudo(PEER_IP, H_IP, 6, 20)));
    say_ip(&k, .proto = 6, .opts = "\x5e\x04\x01\x02\x44\x04\x05\x00", .opt_len = 8, .data = syn,
           .len = 20);
    expect_tcp(&k, .flags = "S.", .is_absolute = true, .seq = k.frames[0].seq, .ack = 10);
    peer_end(&k);
}

/* Refused, by policy: nothing is forwarded, nothing is said (RFC 7126). */
/* REQ: IP-1122-3.3.5-1 */
static void test_ip4_source_routes(void)
{
    struct peer k;

    peer_begin(&k);
    refused(&k, (struct raw_ip){.opts = "\x83\x07\x08\x0a\x00\x00\x05\x00", .opt_len = 8},
            V_DROP_IP4_SOURCE_ROUTE); /* LSRR, completed */
    refused(&k, (struct raw_ip){.opts = "\x83\x07\x04\x0a\x00\x00\x05\x00", .opt_len = 8},
            V_DROP_IP4_SOURCE_ROUTE); /* not yet: it is to be forwarded by us */
    refused(&k, (struct raw_ip){.opts = "\x89\x07\x04\x0a\x00\x00\x05\x00", .opt_len = 8},
            V_DROP_IP4_SOURCE_ROUTE); /* SSRR */
    peer_advance(&k, NET_SEC(100));
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: ICMP-1122-3.2.2.1-1 IP-1122-3.1-1 */
static void test_ip4_unknown_protocol(void)
{
    struct peer k;

    peer_begin(&k);
    say_ip(&k, .proto = 132, .data = "0123456789abcdef", .len = 16);
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_EQ(s->icmp_type, 3);
    T_EQ(s->icmp_code, 2);
    T_EQ(s->data[9], 132); /* the quoted header */
    T_MEM(s->data + 20, "01234567", 8);
    T_EQ(peer_drops(&k, V_DROP_IP4_PROTOCOL), 1);
    peer_end(&k);
}

/* Idle: not a frame in a day. */
/* REQ: IP-1122-3.3.1.4-3 TCP-MUST-25 */
static void test_ip4_idle_host_is_silent(void)
{
    struct peer k;

    peer_begin(&k);
    established(&k);
    peer_advance(&k, NET_SEC(2000)); /* ARP forgets what it does not need */
    k.sees_arp = true;
    expect_nothing(&k, NET_SEC(86400));
    k.sees_arp = false;
    peer_end(&k);
}

T_MAIN("ip4", T(test_ip4_header), T(test_ip4_ttl_one_is_enough_for_us), T(test_ip4_addresses),
       T(test_ip4_options), T(test_ip4_source_routes), T(test_ip4_unknown_protocol),
       T(test_ip4_idle_host_is_silent))
