#include "l4_transport/tcp_priv.h"
#include "peer.h"

enum { POOL = 4 };

static void begin(struct peer *k, enum tcp_syn_policy policy)
{
    struct net_config cfg;

    peer_config(&cfg);
    cfg.tcp.half_open = POOL;
    cfg.tcp.syn_policy = policy;
    peer_begin_with(k, &cfg);
    peer_listen(k, 0);
}

/* One SYN from each of @count ports from 1 on; all answered. */
static void fill(struct peer *k, int count)
{
    for (int i = 1; i <= count; i++) {
        peer_tuple(k, (uint16_t)i, H_PORT);
        say(k, .flags = "S", .win = 65535, .opts = "mss 1460");
        expect_tcp(k, .flags = "S.", .ack = 1);
    }
}

static void test_tcp_synpool_reset(void)
{
    struct peer k;

    begin(&k, TCP_SYN_RESET);
    fill(&k, POOL);
    peer_tuple(&k, PEER_PORT, H_PORT);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "R.", .seq = 0, .ack = 1, .opts = "");
    T_EQ(peer_drops(&k, V_DROP_TCP_SYN_POOL), 1);
    peer_end(&k);
}

/* The oldest entry goes; who owned it learns so when he speaks. REQ: TCP-4987-3.5-1 */
static void test_tcp_synpool_evict(void)
{
    struct peer k;

    begin(&k, TCP_SYN_EVICT);
    fill(&k, 1);
    uint32_t iss = k.h_iss;

    fill(&k, POOL); /* the first again, and three more */
    peer_tuple(&k, PEER_PORT, H_PORT);
    handshake(&k, "mss 1460");
    expect_state(&k, "ESTABLISHED");
    T_EQ(k.net.tcp.stats.evicted, 1);
    peer_tuple(&k, 1, H_PORT);
    k.h_iss = iss;
    expect_state(&k, "CLOSED");
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = "R", .seq = 1);
    k.peer_port = 2;
    expect_state(&k, "SYN_RCVD");
    peer_end(&k);
}

/* A flood of ten thousand: state stays bounded, an honest client comes through, and a connection
 * that was there before notices nothing. REQ: TCP-4987-3.2-1 TCP-4987-3.5-1 TCP-4987-3.6-1 */
static void flood(enum tcp_syn_policy policy)
{
    struct peer k;

    begin(&k, policy);
    handshake(&k, "mss 1460");
    uint32_t iss = k.h_iss;

    for (uint32_t i = 0; i < 10000; i++) {
        k.peer_port = (uint16_t)(1 + i);
        k.peer_ip = 0x0a000003 + i / 100;
        say(&k, .flags = "S", .win = 65535, .opts = "mss 1460");
        peer_forget(&k);
        T_NEED(net_connections(&k.net) <= POOL + 1);
    }
    k.peer_ip = PEER_IP;
    peer_tuple(&k, 50000, H_PORT);
    handshake(&k, "mss 1460");
    expect_state(&k, "ESTABLISHED");
    peer_tuple(&k, PEER_PORT, H_PORT);
    k.h_iss = iss;
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_end(&k);
}

static void test_tcp_synpool_flood_and_evict(void)
{
    flood(TCP_SYN_EVICT);
}

static void test_tcp_synpool_flood_and_cookies(void)
{
    flood(TCP_SYN_COOKIES);
}

static uint32_t half_open(struct peer *k)
{
    return tcp_find_listener(&k->net.tcp, ip_addr_v4(H_IP), H_PORT)->half_open;
}

/* What `stackctl listen` shows goes up with each SYN, and down whichever way it ends. */
static void test_tcp_synpool_is_counted(void)
{
    struct peer k;

    begin(&k, TCP_SYN_EVICT);
    fill(&k, POOL);
    T_EQ(half_open(&k), POOL);
    say(&k, .flags = "R", .seq = 1, .win = 0);
    T_EQ(half_open(&k), POOL - 1);
    peer_tuple(&k, PEER_PORT, H_PORT);
    handshake(&k, "mss 1460");
    T_EQ(half_open(&k), POOL - 1);
    peer_tuple(&k, 50000, H_PORT);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    peer_tuple(&k, 50001, H_PORT); /* makes the oldest go */
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    T_EQ(half_open(&k), POOL);
    peer_advance(&k, NET_SEC(600));
    peer_forget(&k);
    T_EQ(half_open(&k), 0);
    peer_end(&k);
}

/* SYNs that come again before we could answer cost one answer each, and nothing is mixed up. */
static void test_tcp_synpool_syns_in_one_burst(void)
{
    struct peer k;

    begin(&k, TCP_SYN_DROP);
    k.is_held = true;
    for (int again = 0; again < 2; again++) {
        for (uint16_t port = 1; port <= 3; port++) {
            peer_tuple(&k, port, H_PORT);
            say(&k, .flags = "S", .win = 65535, .opts = "mss 1460");
        }
    }
    k.is_held = false;
    peer_settle(&k);
    T_EQ(peer_drops(&k, V_DROP_TCP_DUPLICATE), 3);
    for (uint16_t port = 1; port <= 3; port++) {
        peer_tuple(&k, port, H_PORT);
        expect_tcp(&k, .flags = "S.", .ack = 1);
    }
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

T_MAIN("tcp_synpool", T(test_tcp_synpool_is_counted), T(test_tcp_synpool_syns_in_one_burst),
       T(test_tcp_synpool_reset), T(test_tcp_synpool_evict), T(test_tcp_synpool_flood_and_evict),
       T(test_tcp_synpool_flood_and_cookies))
