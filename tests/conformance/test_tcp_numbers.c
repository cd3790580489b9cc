#include "peer.h"

/* Numbers that a stranger must not guess: initial sequence numbers (RFC 6528), ports (RFC 6056). */

/* The ISS of the SYN,ACK to a SYN from @port. The half-open entry is removed again. */
static uint32_t iss_for(struct peer *k, uint16_t port)
{
    peer_tuple(k, port, H_PORT);
    say(k, .flags = "S", .win = 1000);
    expect_tcp(k, .flags = "S.", .ack = 1);
    say(k, .flags = "R", .seq = 1, .win = 0);
    return k->h_iss;
}

/* A quarter of a million a second for one four-tuple, however often.
 * REQ: TCP-MUST-8 TCP-6528-3-1 TCP-SHLD-1 */
static void test_tcp_numbers_iss_follows_the_clock(void)
{
    struct peer k;

    peer_begin(&k);
    peer_listen(&k, 0);
    uint32_t first = iss_for(&k, PEER_PORT);

    for (uint32_t i = 1; i <= 100; i++) {
        peer_advance(&k, NET_SEC(1));
        T_EQ(iss_for(&k, PEER_PORT) - first, 250000 * i);
    }
    T_EQ(iss_for(&k, PEER_PORT) - first, 250000 * 100); /* the same at the same moment */
    peer_advance(&k, NET_US(4));
    T_EQ(iss_for(&k, PEER_PORT) - first, 250000 * 100 + 1);
    peer_end(&k);
}
TWICE(test_tcp_numbers_iss_follows_the_clock)

/* REQ: TCP-MUST-9 TCP-6528-3-2 TCP-SHLD-1 */
static void test_tcp_numbers_iss_of_other_ends_is_unrelated(void)
{
    enum { SAMPLES = 1000 };
    static uint32_t iss[SAMPLES];
    unsigned bins[16] = {0}, steps[16] = {0};
    struct peer k;

    peer_begin(&k);
    peer_listen(&k, 0);
    for (uint16_t i = 0; i < SAMPLES; i++)
        iss[i] = iss_for(&k, (uint16_t)(1000 + i));
    for (uint16_t i = 0; i < SAMPLES; i++) {
        bins[iss[i] >> 28]++;
        steps[(iss[i] - iss[(i + 1) % SAMPLES]) >> 28]++;
    }
    for (unsigned i = 0; i < 16; i++) { /* 62.5 expected; chance exceeds these bounds once in 1e5 */
        T_TRUE(bins[i] > 25 && bins[i] < 105);
        T_TRUE(steps[i] > 25 && steps[i] < 105);
    }
    peer_end(&k);
}

/* All of the four-tuple counts, our own port and address as well. REQ: TCP-MUST-9 TCP-6528-3-1 */
static void test_tcp_numbers_iss_of_our_other_ports_is_unrelated(void)
{
    enum { PORTS = 32 };
    uint32_t iss[PORTS];
    struct peer k;

    peer_begin(&k);
    for (uint16_t i = 0; i < PORTS; i++) {
        struct sock_addr a = {IP_ADDR_ANY, (uint16_t)(H_PORT + i)};
        int sd = k.sds[k.sd_count++] = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

        T_EQ(sock_bind(net_socks(&k.net), sd, &a), 0);
        T_EQ(sock_listen(net_socks(&k.net), sd, 1), 0);
        peer_tuple(&k, PEER_PORT, a.port);
        say(&k, .flags = "S", .win = 1000);
        expect_tcp(&k, .flags = "S.", .ack = 1);
        iss[i] = k.h_iss;
        for (uint16_t j = 0; j < i; j++)
            T_TRUE(iss[i] - iss[j] > 1000 && iss[j] - iss[i] > 1000);
    }
    peer_end(&k);
}

/* REQ: TCP-MUST-9 TCP-6528-3-2 TCP-6528-3-3 */
static void test_tcp_numbers_iss_depends_on_the_secret(void)
{
    struct net_config cfg;
    struct peer k;
    uint32_t iss[8][3], same[3] = {0};

    for (uint32_t i = 0; i < 8; i++) {
        peer_config(&cfg);
        cfg.seed = 100 + i / 2; /* each twice */
        peer_begin_with(&k, &cfg);
        peer_listen(&k, 0);
        for (uint16_t j = 0; j < 3; j++)
            iss[i][j] = iss_for(&k, (uint16_t)(1000 + j));
        peer_end(&k);
    }
    for (unsigned j = 0; j < 3; j++) {
        for (unsigned i = 0; i < 8; i++) {
            for (unsigned m = 0; m < i; m++)
                same[j] += iss[i][j] == iss[m][j];
        }
        T_EQ(same[j], 4);
    }
    /* What two tuples have between them is no constant either. */
    T_TRUE(iss[0][0] - iss[0][1] != iss[2][0] - iss[2][1]);
    T_TRUE(iss[2][0] - iss[2][1] != iss[4][0] - iss[4][1]);
}

/* A host that has lost its memory, but neither clock nor secret, is above what it used before.
 * REQ: TCP-9293-3.4.3-1 */
static void test_tcp_numbers_iss_after_restart(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    peer_begin_with(&k, &cfg);
    peer_listen(&k, 0);
    uint32_t before = iss_for(&k, PEER_PORT);

    peer_end(&k);
    cfg.start = NET_SEC(5);
    peer_begin_with(&k, &cfg);
    peer_listen(&k, 0);
    T_EQ(iss_for(&k, PEER_PORT) - before, 5 * 250000);
    peer_end(&k);
}

/* ---- ephemeral ports ---- */

/* Connect without a local port; the one that is chosen, or a negative errno value. */
static int choose(struct peer *k, uint16_t remote_port, int *sd)
{
    struct sock_addr to = {ip_addr_v4(PEER_IP), remote_port}, name;

    *sd = sock_open(net_socks(&k->net), SOCK_KIND_TCP);
    T_NEED(*sd >= 0);
    int err = sock_connect(net_socks(&k->net), *sd, &to);

    if (err != -EINPROGRESS) {
        sock_close(net_socks(&k->net), *sd);
        return err;
    }
    T_EQ(sock_name(net_socks(&k->net), *sd, &name), 0);
    peer_settle(k);
    peer_forget(k);
    return name.port;
}

/* REQ: PORT-6056-3.1-1 PORT-6056-3.3-1 */
static void test_tcp_numbers_ports_are_no_progression(void)
{
    struct net_config cfg;
    struct peer k;
    int port[2][64], sd;
    unsigned near = 0, same = 0;

    for (uint64_t seed = 0; seed < 2; seed++) {
        peer_config(&cfg);
        cfg.seed = 10 + seed;
        peer_begin_with(&k, &cfg);
        for (int i = 0; i < 64; i++) { /* another peer port each time */
            port[seed][i] = choose(&k, (uint16_t)(1000 + i), &sd);
            T_TRUE(port[seed][i] >= cfg.tcp.port_min && port[seed][i] <= cfg.tcp.port_max);
            sock_abort(net_socks(&k.net), sd);
        }
        peer_end(&k);
    }
    for (int i = 0; i < 64; i++) {
        for (int j = 0; j < i; j++) {
            int step = port[0][i] - port[0][j];

            near += step >= -4 && step <= 4;
        }
        same += port[0][i] == port[1][i];
    }
    T_TRUE(near < 8); /* chance makes 0.6 of the 2016 pairs neighbours */
    T_TRUE(same < 3);
}

/* To one destination no port comes again before all others have been used; a listener's never
 * does; and when none is left the user is told at once.
 * REQ: PORT-6056-3.2-1 PORT-6056-3.3-1 PORT-6056-3.3-2 */
static void test_tcp_numbers_ports_run_out(void)
{
    struct net_config cfg;
    struct peer k;
    bool used[16] = {false};
    int sds[16], sd;

    peer_config(&cfg);
    cfg.tcp.port_min = 40000;
    cfg.tcp.port_max = 40015;
    peer_begin_with(&k, &cfg);
    k.h_port = 40007;
    peer_listen(&k, 0);
    for (int i = 0; i < 15; i++) {
        int port = choose(&k, 80, &sds[i]);

        T_NEED(port >= 40000 && port <= 40015);
        T_FALSE(used[port - 40000]);
        T_TRUE(port != 40007);
        used[port - 40000] = true;
    }
    int err = choose(&k, 80, &sd);

    T_TRUE(err == -EADDRNOTAVAIL || err == -EADDRINUSE);
    T_TRUE(choose(&k, 81, &sd) > 0); /* for another destination they are all free */
    sock_abort(net_socks(&k.net), sd);
    for (int i = 0; i < 15; i++)
        sock_abort(net_socks(&k.net), sds[i]);
    int last[15] = {0};

    for (int i = 0; i < 1000; i++) { /* one after another: all the others come first */
        int port = choose(&k, 80, &sd);

        T_NEED(port >= 40000 && port <= 40015 && port != 40007);
        for (int j = 0; j < 14; j++)
            T_TRUE(port != last[(i + 14 - j) % 15]);
        last[i % 15] = port;
        sock_abort(net_socks(&k.net), sd);
    }
    peer_end(&k);
}

T_MAIN("tcp_numbers", T(test_tcp_numbers_iss_of_our_other_ports_is_unrelated),
       T_TWICE(test_tcp_numbers_iss_follows_the_clock),
       T(test_tcp_numbers_iss_of_other_ends_is_unrelated),
       T(test_tcp_numbers_iss_depends_on_the_secret), T(test_tcp_numbers_iss_after_restart),
       T(test_tcp_numbers_ports_are_no_progression), T(test_tcp_numbers_ports_run_out))
