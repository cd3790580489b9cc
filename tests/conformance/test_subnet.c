#include <stdlib.h>

#include "raw.h"
#include "small.h"

static void begin(struct peer *k, uint32_t ip, uint8_t prefix, uint32_t gateway)
{
    struct net_config cfg;

    peer_config(&cfg);
    cfg.ifs[0].addr[0].ip = ip;
    cfg.ifs[0].addr[0].prefix = prefix;
    cfg.gateway = gateway;
    peer_begin_with(k, &cfg);
}

/* H sends a datagram to @to. Return: 0, or why not. */
static int send_to(struct peer *k, uint32_t to, bool broadcast)
{
    struct sock_addr a = {ip_addr_v4(to), 9};
    int sd = sock_open(net_socks(&k->net), SOCK_KIND_UDP);

    if (broadcast)
        T_EQ(sock_setopt(net_socks(&k->net), sd, SOCK_OPT_BROADCAST, 1), 0);
    int n = sock_sendto(net_socks(&k->net), sd, "x", 1, &a);

    sock_close(net_socks(&k->net), sd);
    peer_settle(k);
    return n == 1 ? 0 : n;
}

/* Whom H asks by ARP on the way to @to; 0: it does not send at all. */
static uint32_t asks(struct peer *k, uint32_t to)
{
    uint32_t before = k->arp_asked;

    if (send_to(k, to, false) != 0)
        return 0;
    const struct seen *s = peer_next(k);

    T_NEED(s != NULL);
    T_EQ(s->dst, to);
    return k->arp_asked > before ? k->arp_target : 1;
}

/* REQ: IP-1122-3.3.1.1-1 IP-1122-3.2.1.3-4 IP-1122-3.3.1.2-3 IP-1122-3.3.1.6-1 */
static void test_subnet_mask_decides_between_link_and_gateway(void)
{
    static const struct {
        uint32_t to;
        bool local;
    } cases[] = {
        {0x0a000041, true }, /* 10.0.0.64/26: .65 */
        {0x0a00007e, true }, /* .126 */
        {0x0a00003f, false}, /* .63, below it */
        {0x0a000080, false}, /* .128, beyond it */
        {0x0a000141, false},
        {0x08080808, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer k;

        begin(&k, 0x0a000042, 26, 0x0a00005a);
        T_EQ(asks(&k, cases[i].to), cases[i].local ? cases[i].to : 0x0a00005a);
        peer_end(&k);
    }
}

/* REQ: IP-1122-3.3.1.1-3 */
static void test_subnet_without_a_gateway(void)
{
    struct peer k;

    begin(&k, 0x0a000042, 26, 0);
    T_EQ(asks(&k, 0x0a000041), 0x0a000041);
    T_EQ(send_to(&k, 0x08080808, false), -ENETUNREACH);
    T_EQ(send_to(&k, 0x0a000080, false), -ENETUNREACH);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: IP-1122-3.3.6-1 IP-1122-3.2.1.3-7 IP-1122-3.3.1.1-2 IP-1122-3.3.6-3 IP-1122-3.3.6-5 */
static void test_subnet_broadcasts(void)
{
    struct peer k;
    static const uint32_t forms[] = {0xffffffff, 0x0a00007f};
    struct sock_addr any = {IP_ADDR_ANY, 9};

    begin(&k, 0x0a000042, 26, 0x0a00005a);
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_UDP);

    T_EQ(sock_bind(net_socks(&k.net), sd, &any), 0);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct sock_msg m;
        char got[8];

        raw_udp_say(&k, (struct raw_ip){.mac = raw_all, .src = 0x0a000041, .dst = forms[i]}, 5, 9,
                    "abc", 3);
        T_EQ(sock_recvmsg(net_socks(&k.net), sd, got, sizeof(got), &m), 3);
        T_EQ(m.cast, CAST_BROADCAST);
        T_EQ(send_to(&k, forms[i], true), 0); /* and ours go out as such, from our own address */
        const struct seen *s = peer_next(&k);

        T_NEED(s != NULL);
        T_MEM(s->mac_dst, raw_all, 6);
        T_EQ(s->dst, forms[i]);
        T_EQ(s->src, 0x0a000042);
        T_TRUE(send_to(&k, forms[i], false) < 0); /* not without being asked to */
    }
    /* The broadcast of somebody else's mask is an address of nobody here. */
    raw_udp_say(&k, (struct raw_ip){.src = 0x0a000041, .dst = 0x0a0000ff}, 5, 9, "abc", 3);
    T_EQ(peer_drops(&k, V_DROP_IP4_NOT_FOR_US), 1);
    T_TRUE(peer_next(&k) == NULL);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* A link of two (RFC 3021): both addresses are hosts, and there is no directed broadcast. */
static void test_subnet_of_two(void)
{
    struct peer k;

    begin(&k, 0x0a000042, 31, 0);
    T_EQ(asks(&k, 0x0a000043), 0x0a000043);
    raw_ping(&k, (struct raw_ip){.src = 0x0a000043, .dst = 0x0a000042});
    T_TRUE(raw_pong(&k));
    T_EQ(send_to(&k, 0x0a000041, false), -ENETUNREACH);
    peer_end(&k);
}

/* REQ: ICMP-1122-3.2.2.9-1 IP-1122-3.2.1.3-5 IP-1122-3.1-5 TCP-MUST-44 IP-1122-3.3.4.2-3 */
static void test_subnet_two_addresses_and_the_source(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.ifs[0].addr[0].ip = H_IP;
    cfg.ifs[0].addr[0].prefix = 24;
    cfg.ifs[0].addr[1].ip = 0x0a010002;
    cfg.ifs[0].addr[1].prefix = 24;
    cfg.ifs[0].addr_count = 2;
    peer_begin_with(&k, &cfg);
    T_EQ(asks(&k, 0x0a010009), 0x0a010009);
    T_EQ(k.last.src, 0x0a010002);
    T_EQ(asks(&k, 0x0a000009), 0x0a000009);
    T_EQ(k.last.src, H_IP);
    struct sock_addr to = {ip_addr_v4(0x0a010009), 80};
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    T_EQ(sock_connect(net_socks(&k.net), sd, &to), -EINPROGRESS);
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL && s->proto == 6);
    T_EQ(s->src, 0x0a010002);
    sock_abort(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: ICMP-1122-3.2.2.9-4 IP-1122-3.2.1.3-2 IP-1122-3.2.1.3-9 */
static void test_subnet_masks_and_addresses_that_make_no_sense(void)
{
    static const struct {
        uint32_t ip;
        uint8_t prefix;
        int result;
    } cases[] = {
        {H_IP,       33, -EINVAL},
        {H_IP,       32, 0      }, /* a host alone */
        {H_IP,       31, 0      },
        {0x0a0000ff, 24, -EINVAL}, /* the broadcast of its own subnet */
        {0x0a000000, 24, -EINVAL}, /* the subnet itself */
        {0xffffffff, 24, -EINVAL},
        {0xe0000001, 24, -EINVAL},
        {0x7f000001, 8,  -EINVAL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct net n;
        struct net_config cfg;

        peer_config(&cfg);
        cfg.ifs[0].addr[0].ip = cases[i].ip;
        cfg.ifs[0].addr[0].prefix = cases[i].prefix;
        cfg.gateway = 0;
        void *memory;

        T_EQ(small_bring_up(&n, &cfg, &memory), cases[i].result);
        free(memory);
    }
}

T_MAIN("subnet", T(test_subnet_masks_and_addresses_that_make_no_sense),
       T(test_subnet_mask_decides_between_link_and_gateway), T(test_subnet_without_a_gateway),
       T(test_subnet_broadcasts), T(test_subnet_of_two),
       T(test_subnet_two_addresses_and_the_source))
