/* What test_tcp_options.c leaves: our own limit, and peers that offer next to nothing. */
#include "flow.h"

/* REQ: TCP-MAY-3 TCP-SHLD-5 TCP-MUST-67 */
static void test_mss_is_always_offered(void)
{
    static const uint16_t mtus[] = {576, 1280, 1500};

    for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
        struct net_config cfg;
        struct peer k;

        peer_config(&cfg);
        cfg.ifs[0].mtu = mtus[i];
        peer_begin_with(&k, &cfg);
        peer_listen(&k, 0);
        say(&k, .flags = "S", .win = 1000, .opts = "");
        expect_tcp(&k, .flags = "S.", .ack = 1);
        T_TRUE(k.last.has_mss);
        T_EQ(k.last.mss, mtus[i] - 40);
        peer_end(&k);
    }
}

/* The user's limit bounds both what we offer and what we send. */
/* REQ: TCP-MUST-14 */
static void test_mss_set_by_the_user(void)
{
    struct peer k;

    peer_begin(&k);
    struct sock_addr local = {ip_addr_v4(H_IP), H_PORT}, to = {ip_addr_v4(PEER_IP), PEER_PORT};
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    flow_setopt(&k, sd, SOCK_OPT_MAXSEG, 700);
    T_EQ(sock_bind(net_socks(&k.net), sd, &local), 0);
    T_EQ(sock_connect(net_socks(&k.net), sd, &to), -EINPROGRESS);
    expect_tcp(&k, .flags = "S");
    T_EQ(k.last.mss, 700);
    sock_abort(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: TCP-MUST-16 TCP-MUST-65 TCP-7323-A-1 */
static void test_mss_bounds_every_segment(void)
{
    static const struct {
        const char *opts;
        uint32_t mss;
    } cases[] = {
        {"mss 9000",            1460},
        {"mss 9000,nop,nop,TS", 1448},
        {"mss 500,nop,nop,TS",  488 },
        {"",                    536 },
        {"nop,nop,TS",          524 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = flow_open_with(&k, cases[i].opts, 0);

        flow_write(&k, sd, 1, 5000); /* the decoder refuses an MSS option on any of them */
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .len = cases[i].mss);
        while (peer_next(&k) != NULL)
            T_TRUE(k.last.len <= cases[i].mss);
        peer_end(&k);
    }
}
TWICE(test_mss_bounds_every_segment)

/* A router that lets 600 bytes through complains about each longer datagram: one flight, then none. */
/* REQ: PMTU-1191-3-7 PMTU-1191-3-2 */
static void test_mss_converges_on_a_narrow_path(void)
{
    struct peer k;
    uint32_t acked = 1, flights = 0, long_seq[20];

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 30000);
    for (int round = 0; round < 200 && acked < 30001; round++) {
        uint32_t n = 0;

        while (peer_next(&k) != NULL) {
            uint32_t seq = k.last.seq - k.h_iss;

            if (k.last.ip_len > 600 && n < 20)
                long_seq[n++] = seq;
            else if (seq == acked)
                acked += k.last.len;
        }
        flights += n > 0;
        for (uint32_t i = 0; i < n; i++)
            peer_icmp(&k, 3, 4, 600, long_seq[i]);
        if (n == 0)
            flow_ack(&k, acked, 65535);
    }
    T_EQ(acked, 30001);
    T_EQ(flights, 1);
    peer_end(&k);
}

T_MAIN("tcp_mss", T(test_mss_converges_on_a_narrow_path), T(test_mss_is_always_offered),
       T(test_mss_set_by_the_user), T_TWICE(test_mss_bounds_every_segment))
