/*
 * stackscope check: every finding is made where it belongs, and a usual connection has none.
 */
#include "said.h"
#include "wire/arp.h"
#include "wire/icmp4.h"

extern const struct scope_command scope_check;

static void start(void)
{
    said_start(&scope_check, true, 0, NULL);
}

/* The end: how often was @finding made? @others: may there be others? */
static int count_of(const char *finding, bool others)
{
    char want[100];
    int n = 0, all = 0;

    char *text = said_end();

    snprintf(want, sizeof(want), "\"finding\":\"%s\"", finding);
    for (char *at = strtok(text, "\n"); at != NULL; at = strtok(NULL, "\n"))
        if (strstr(at, "\"kind\":\"finding\"") != NULL) {
            all++;
            n += strstr(at, want) != NULL;
            T_TRUE(strstr(at, "\"rfc\":\"RFC ") != NULL);
        }
    free(text);
    if (!others)
        T_EQ(all, n);
    return n;
}

static void opened(void)
{
    start();
    handshake();
    c(ACK | PSH, 1, 1, 100);
    s(ACK, 1, 101, 0);
}

static void test_check_usual_connection_has_no_findings(void)
{
    opened();
    s(ACK | PSH, 1, 101, 500);
    c(FIN | ACK, 101, 501, 0);
    s(FIN | ACK, 501, 102, 0);
    c(ACK, 102, 502, 0);
    T_EQ(count_of("none", true), 0);
}

static void test_check_bad_checksum(void)
{
    opened();
    w.bad_sum = true;
    c(ACK, 101, 1, 10);
    T_EQ(count_of("bad_checksum", false), 1);
}

static void test_check_checksums_of_a_device_are_a_note(void)
{
    for (int wrong = 0; wrong < 2; wrong++) {
        start();
        for (int i = 0; i < 5; i++) {
            w.bad_sum = true;
            c(SYN, 0, 0, 0);
        }
        T_EQ(count_of(wrong ? "bad_checksum" : "offload", true), !wrong);
    }
}

static void test_check_data_after_fin(void)
{
    opened();
    c(FIN | ACK, 101, 1, 0);
    s(ACK, 1, 102, 0);
    c(ACK, 102, 1, 10);
    T_EQ(count_of("data_after_fin", false), 1);
}

static void test_check_window_exceeded(void)
{
    start();
    w.opts = (struct tcp_opts){.has_wscale = true};
    c(SYN, 0, 0, 0);
    w.opts = (struct tcp_opts){.has_wscale = true};
    s(SYN | ACK, 0, 1, 0);
    c(ACK, 1, 1, 0);
    c(ACK, 1, 1, 1000); /* to the edge */
    c(ACK, 1001, 1, 100);
    T_EQ(count_of("window_exceeded", false), 1);
}

static void test_check_blind_attacks(void)
{
    opened();
    c(RST, 500, 0, 0);
    T_EQ(count_of("blind_reset", false), 1);

    opened();
    uint32_t iss = w.iss[0];
    w.iss[0] += 700000;
    c(SYN, 0, 0, 0);
    w.iss[0] = iss;
    s(ACK, 1, 101, 0);
    c(ACK, 101, 1, 10);
    T_EQ(count_of("blind_syn", false), 1);

    opened();
    s(ACK, 1, 101, 100);
    c(ACK, 101, 101, 0);
    c(ACK, 101, 101 - 70000u, 10);
    T_EQ(count_of("blind_data", false), 1);
}

static void test_check_syn_flood_and_what_is_none(void)
{
    start();
    for (int i = 0; i < 150; i++, w.port++)
        c(SYN, 0, 0, 0);
    T_EQ(count_of("syn_flood", false), 1);

    start();
    for (int i = 0; i < 150; i++, w.port++) /* a busy service */
        c(SYN, 0, 0, 0);
    for (int i = 0; i < 150; i++) {
        w.port--;
        s(SYN | ACK, 0, 1, 0);
        c(ACK, 1, 1, 0);
        c(ACK, 1, 1, 10);
        s(ACK, 1, 11, 0);
    }
    T_EQ(count_of("syn_flood", true), 0);
}

/* Servers that meet in one slot of a table whose hash has no key, asked in turns: none would be counted up. */
static void test_check_floods_cannot_hide_one_another(void)
{
    static const uint16_t ports[] = {1, 3064, 3999, 4534, 4617, 4682, 8196, 8580};

    start();
    for (int i = 0; i < 110; i++, w.port++)
        for (size_t p = 0; p < ARRAY_LEN(ports); p++) {
            w.server_port = ports[p];
            w.now -= NET_US(900); /* all in a second */
            c(SYN, 0, 0, 0);
        }
    T_TRUE(count_of("syn_flood", false) > 0);
}

static void test_check_half_open_pile(void)
{
    for (int many = 15; many < 17; many++) {
        start();
        for (int round = 0; round < 2; round++) {
            for (w.port = 100; w.port < 100 + many; w.port++) {
                if (round == 0)
                    c(SYN, 0, 0, 0);
                s(SYN | ACK, 0, 1, 0);
            }
            later(NET_SEC(1));
        }
        T_EQ(count_of("half_open", false), many > 15);
    }
}

static void test_check_port_scan(void)
{
    for (int many = 19; many < 21; many++) {
        start();
        for (int i = 0; i < many; i++, w.server_port++) {
            c(SYN, 0, 0, 0);
            s(RST | ACK, 0, 1, 0);
        }
        T_EQ(count_of("port_scan", false), many > 19);
    }
}

static void test_check_odd_flags_and_land(void)
{
    start();
    c(0, 1, 0, 0);
    w.port++;
    c(FIN | PSH | TCP_URG, 1, 0, 0);
    w.port++;
    c(FIN, 1, 0, 0);
    w.port++;
    c(SYN | FIN, 1, 0, 0);
    T_EQ(count_of("odd_flags", true), 4);

    start();
    w.addr[0] = w.addr[1];
    w.port = w.server_port;
    c(SYN, 0, 0, 0);
    T_EQ(count_of("land", false), 1);
}

static void test_check_small_mss_and_old_timestamps(void)
{
    start();
    w.opts = (struct tcp_opts){.has_mss = true, .mss = 40};
    c(SYN, 0, 0, 0);
    T_EQ(count_of("small_mss", false), 1);

    opened();
    w.opts = (struct tcp_opts){.has_ts = true, .tsval = 3};
    c(ACK, 101, 1, 10);
    w.opts = (struct tcp_opts){.has_ts = true, .tsval = UINT32_MAX - 5};
    c(ACK, 111, 1, 10);
    T_EQ(count_of("paws", false), 1);
}

static void test_check_rtx_storm_and_spurious(void)
{
    opened();
    for (int i = 0; i < 5; i++) {
        c(ACK, 101, 1, 100);
        later(NET_SEC(1) << i);
    }
    T_EQ(count_of("rtx_storm", false), 1);

    opened();
    c(ACK, 1, 1, 100);
    T_EQ(count_of("spurious_rtx", false), 1);
}

static void test_check_zero_window_stall(void)
{
    for (int ms = 900; ms < 1200; ms += 200) {
        opened();
        w.wnd = 0;
        s(ACK, 1, 101, 0);
        later(NET_MS(ms));
        w.wnd = 1000;
        s(ACK, 1, 101, 0);
        T_EQ(count_of("zero_window_stall", false), ms > 1000);
    }
}

static void test_check_silly_window(void)
{
    start();
    w.opts = (struct tcp_opts){.has_wscale = true, .has_mss = true, .mss = 1000};
    c(SYN, 0, 0, 0);
    w.opts = (struct tcp_opts){.has_wscale = true, .has_mss = true, .mss = 1000};
    s(SYN | ACK, 0, 1, 0);
    c(ACK, 1, 1, 0);
    for (uint16_t i = 1; i < 6; i++) {
        w.wnd = (uint16_t)(i * 10);
        s(ACK, 1, 1, 0);
    }
    T_EQ(count_of("silly_window", false), 1);
}

static void test_check_ttl_and_martians(void)
{
    opened();
    w.ttl = 60;
    c(ACK, 101, 1, 10);
    T_EQ(count_of("ttl_change", false), 1);

    start();
    w.addr[0] = 0xe0000001;
    c(SYN, 0, 0, 0);
    T_EQ(count_of("martian_source", false), 1);
}

static void test_check_broken_options(void)
{
    uint8_t b[58] = {0};
    struct eth_hdr e = {.type = ETH_TYPE_IP4};
    struct ip4_hdr h = {.src = 1, .dst = 2, .total = 44, .ttl = 64, .proto = IP_PROTO_TCP};
    struct tcp_seg g = {
        .flags = SYN, .opt = {.has_mss = true, .mss = 1460}
    };

    start();
    eth_emit(&e, b);
    ip4_emit(&h, b + 14);
    tcp_emit(&g, b + 34);
    b[55] = 3; /* MSS with a length of three */
    frame(b, sizeof(b));
    T_EQ(count_of("tcp_options", false), 1);
}

static void fragment(uint16_t from, uint16_t len, bool more)
{
    uint8_t b[2000] = {0};
    struct eth_hdr e = {.type = ETH_TYPE_IP4};
    struct ip4_hdr h = {.src = w.addr[0],
                        .dst = w.addr[1],
                        .total = (uint16_t)(20 + len),
                        .ttl = 64,
                        .id = 7,
                        .proto = 253,
                        .mf = more,
                        .frag_off = from};

    eth_emit(&e, b);
    ip4_emit(&h, b + 14);
    frame(b, 34u + len);
}

static void test_check_fragments(void)
{
    start();
    fragment(0, 800, true);
    fragment(800, 800, true);
    fragment(800, 800, true); /* the same again */
    fragment(1600, 80, false);
    T_EQ(count_of("none", false), 0);

    start();
    fragment(0, 800, true);
    fragment(792, 80, false);
    T_EQ(count_of("fragments_overlap", false), 1);

    start();
    fragment(65512, 800, false);
    T_EQ(count_of("fragment_beyond", true), 1);
}

static void arp(uint8_t who, uint8_t says)
{
    uint8_t b[60] = {0};
    struct eth_hdr e = {.src = {{2, 0, 0, 0, 0, who}}, .type = ETH_TYPE_ARP};
    struct arp_pkt a = {
        .op = ARP_REPLY, .sha = {{2, 0, 0, 0, 0, says}}, .spa = w.addr[0], .tpa = 0x0a000001};

    eth_emit(&e, b);
    arp_emit(&a, b + 14);
    frame(b, sizeof(b));
}

static void test_check_arp(void)
{
    start();
    arp(1, 1);
    arp(1, 1);
    T_EQ(count_of("none", false), 0);

    start();
    arp(1, 1);
    arp(2, 2);
    T_EQ(count_of("arp_change", false), 1);

    start();
    arp(1, 1);
    arp(2, 2);
    arp(1, 1);
    arp(2, 2);
    T_EQ(count_of("arp_conflict", true), 1);

    start();
    arp(1, 2);
    T_EQ(count_of("arp_sender", false), 1);
}

/* The same of addresses: each is claimed by one machine, then by another. */
static void test_check_arp_changes_cannot_hide_one_another(void)
{
    static const uint32_t ips[] = {0x0a000005, 0x0a0005ae, 0x0a0007e1, 0x0a000d8a,
                                   0x0a001333, 0x0a0018dc, 0x0a001b0f, 0x0a0020b8};

    start();
    for (uint8_t who = 1; who < 3; who++)
        for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
            w.addr[0] = ips[i];
            arp(who, who);
        }
    T_TRUE(count_of("arp_change", false) > 0);
}

T_MAIN("scope_check", T(test_check_usual_connection_has_no_findings), T(test_check_bad_checksum),
       T(test_check_checksums_of_a_device_are_a_note), T(test_check_data_after_fin),
       T(test_check_window_exceeded), T(test_check_blind_attacks),
       T(test_check_syn_flood_and_what_is_none), T(test_check_half_open_pile),
       T(test_check_floods_cannot_hide_one_another),
       T(test_check_arp_changes_cannot_hide_one_another), T(test_check_port_scan),
       T(test_check_odd_flags_and_land), T(test_check_small_mss_and_old_timestamps),
       T(test_check_rtx_storm_and_spurious), T(test_check_zero_window_stall),
       T(test_check_silly_window), T(test_check_ttl_and_martians), T(test_check_broken_options),
       T(test_check_fragments), T(test_check_arp))
