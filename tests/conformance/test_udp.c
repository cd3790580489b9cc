#include "raw.h"

enum { PORT = 7777 };

static int bound(struct peer *k)
{
    struct sock_addr a = {IP_ADDR_ANY, PORT};
    int sd = sock_open(net_socks(&k->net), SOCK_KIND_UDP);

    T_EQ(sock_bind(net_socks(&k->net), sd, &a), 0);
    return sd;
}

static int recv_from(struct peer *k, int sd, char got[64], struct sock_addr *from)
{
    memset(got, 0, 64);
    return sock_recvfrom(net_socks(&k->net), sd, got, 63, from);
}

/* REQ: UDP-768-1 UDP-1122-4.1.3.5-1 UDP-1122-3.4-1 */
static void test_udp_there_and_back(void)
{
    struct peer k;
    struct sock_msg m;
    char got[64];

    peer_begin(&k);
    int sd = bound(&k), other = sock_open(net_socks(&k.net), SOCK_KIND_UDP);

    raw_udp_say(&k, (struct raw_ip){.tos = 0x28, .ttl = 9}, 5000, PORT, "question", 8);
    T_EQ(sock_recvmsg(net_socks(&k.net), sd, got, sizeof(got), &m), 8);
    T_MEM(got, "question", 8);
    T_TRUE(ip_addr_eq(m.peer.ip, ip_addr_v4(PEER_IP)));
    T_EQ(m.peer.port, 5000);
    T_TRUE(ip_addr_eq(m.local.ip, ip_addr_v4(H_IP)));
    T_EQ(m.ifi, 0);
    T_EQ(m.tos, 0x28);
    T_EQ(m.ttl, 9);
    T_EQ(sock_sendmsg(net_socks(&k.net), sd, "answer", 6, &m), 6);
    const struct seen *s = (peer_settle(&k), peer_next(&k));

    T_NEED(s != NULL && s->proto == 17);
    T_EQ(s->sport, PORT);
    T_EQ(s->dport, 5000);
    T_EQ(s->len, 6);
    T_MEM(s->data, "answer", 6);
    sock_close(net_socks(&k.net), sd);
    sock_close(net_socks(&k.net), other);
    peer_end(&k);
}

/* REQ: UDP-768-2 UDP-768-3 UDP-1122-4.1.3.4-1 UDP-1122-4.1.3.4-2 */
static void test_udp_header(void)
{
    struct peer k;
    uint8_t u[64];
    char got[64];

    peer_begin(&k);
    int sd = bound(&k);
    uint32_t len = raw_udp(u, PEER_IP, H_IP, 5000, PORT, "abcde", 5);

    u[9] ^= 1; /* a bit of the data */
    say_ip(&k, .proto = 17, .data = u, .len = len);
    T_EQ(peer_drops(&k, V_DROP_UDP_CHECKSUM), 1);
    raw_udp(u, PEER_IP, H_IP + 1, 5000, PORT, "abcde", 5); /* for another address */
    say_ip(&k, .proto = 17, .data = u, .len = len);
    T_EQ(peer_drops(&k, V_DROP_UDP_CHECKSUM), 2);
    raw_udp(u, PEER_IP, H_IP, 5000, PORT, "abcde", 5);
    raw16(u + 4, 7); /* length fields that cannot be */
    say_ip(&k, .proto = 17, .data = u, .len = len);
    raw16(u + 4, len + 1);
    say_ip(&k, .proto = 17, .data = u, .len = len);
    T_EQ(peer_drops(&k, V_DROP_UDP_LENGTH), 2);
    say_ip(&k, .proto = 17, .data = u, .len = 7);
    T_EQ(peer_drops(&k, V_DROP_UDP_SHORT), 1);
    T_EQ(recv_from(&k, sd, got, NULL), -EAGAIN);
    raw16(u + 4, len); /* no checksum at all is legal */
    raw16(u + 6, 0);
    say_ip(&k, .proto = 17, .data = u, .len = len);
    T_EQ(recv_from(&k, sd, got, NULL), 5);
    T_STR(got, "abcde");
    T_TRUE(peer_next(&k) == NULL);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* All sums there are, one of them zero, which the port then writes as all ones. */
/* REQ: UDP-1122-4.1.3.4-1 */
static void test_udp_checksum_is_always_sent(void)
{
    struct peer k;
    struct sock_addr to = {ip_addr_v4(PEER_IP), 9};
    uint8_t data[2];

    peer_begin(&k);
    int sd = bound(&k);

    for (uint32_t v = 0; v < 65536; v++) { /* one of these makes it so */
        raw16(data, v);
        T_NEED(sock_sendto(net_socks(&k.net), sd, data, 2, &to) == 2);
        peer_settle(&k);
        T_NEED(peer_next(&k) != NULL); /* whose checksum the decoder has verified */
        T_NEED(k.last.has_sum);
    }
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* A socket connected to port 9 of the peer, which has sent it a byte. @quote: what an ICMP error about it quotes. */
static int sent_one(struct peer *k, uint8_t quote[28])
{
    static const uint8_t begin[10] = {0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17};
    struct sock_addr to = {ip_addr_v4(PEER_IP), 9}, local = {ip_addr_v4(H_IP), PORT};
    struct socks *s = net_socks(&k->net);
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_EQ(sock_bind(s, sd, &local), 0);
    T_EQ(sock_connect(s, sd, &to), 0);
    T_EQ(sock_send(s, sd, "x", 1, 0), 1);
    peer_settle(k);
    T_TRUE(peer_next(k) != NULL);
    memset(quote, 0, 28);
    memcpy(quote, begin, sizeof(begin));
    raw32(quote + 12, H_IP);
    raw32(quote + 16, PEER_IP);
    raw16(quote + 20, PORT);
    raw16(quote + 22, 9);
    raw16(quote + 24, 9);
    raw16(quote + 10, decode_sum(quote, 20, 0));
    return sd;
}

/* REQ: UDP-1122-4.1.3.3-1 ICMP-1122-3.2.2.1-3 ICMP-1122-3.2.2-4 */
static void test_udp_error_reaches_the_connected_socket(void)
{
    struct peer k;
    uint8_t m[64], quote[28];
    char got[64];

    peer_begin(&k);
    int sd = sent_one(&k, quote);

    uint32_t len = raw_icmp(m, 3, 3, 0, quote, sizeof(quote));

    say_ip(&k, .proto = 1, .data = m, .len = len);
    T_EQ(recv_from(&k, sd, got, NULL), -ECONNREFUSED);
    T_EQ(recv_from(&k, sd, got, NULL), -EAGAIN); /* told once */
    raw16(quote + 22, 10);                       /* about somebody else's datagram */
    raw_icmp(m, 3, 3, 0, quote, sizeof(quote));
    say_ip(&k, .proto = 1, .data = m, .len = len);
    T_EQ(recv_from(&k, sd, got, NULL), -EAGAIN);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: ICMP-6633-5-1 */
static void test_udp_source_quench_is_not_heard(void)
{
    struct peer k;
    uint8_t m[64], quote[28];
    int64_t error = -1;

    peer_begin(&k);
    int sd = sent_one(&k, quote);

    uint32_t len = raw_icmp(m, 4, 0, 0, quote, sizeof(quote));

    say_ip(&k, .proto = 1, .data = m, .len = len);
    T_EQ(sock_getopt(net_socks(&k.net), sd, SOCK_OPT_ERROR, &error), 0);
    T_EQ(error, 0);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_TYPE), 1);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: UDP-1122-4.1.3.6-1 */
static void test_udp_impossible_sources(void)
{
    static const uint32_t sources[] = {0xffffffff, 0x0a0000ff, 0xe0000001, 0x7f000001};
    struct peer k;
    char got[64];

    peer_begin(&k);
    int sd = bound(&k);

    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        raw_udp_say(&k, (struct raw_ip){.src = sources[i]}, 5000, PORT, "x", 1);
    T_EQ(recv_from(&k, sd, got, NULL), -EAGAIN);
    T_TRUE(peer_next(&k) == NULL);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: IP-791-3.2-1 IP-6864-4.3-2 IP-6864-4.2-1 */
static void test_udp_long_datagram_is_fragmented(void)
{
    struct peer k;
    static uint8_t data[5000], got[6000];
    struct sock_addr to = {ip_addr_v4(PEER_IP), 9};
    uint16_t id[2];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 + i / 256);
    peer_begin(&k);
    int sd = bound(&k);

    for (int i = 0; i < 2; i++) { /* the copy gets a number of its own */
        uint32_t n = 0;

        T_EQ(sock_sendto(net_socks(&k.net), sd, data, sizeof(data), &to), sizeof(data));
        peer_settle(&k);
        while (peer_next(&k) != NULL) {
            T_TRUE(n == 0 || k.last.ip_id == id[i]);
            T_EQ(k.last.frag, n);
            memcpy(got + n, k.last.data, k.last.len);
            id[i] = k.last.ip_id;
            n += k.last.len;
            T_EQ(k.last.mf, n < 5008);
        }
        T_EQ(n, 5008);
        T_MEM(got + 8, data, sizeof(data));
        T_EQ(decode_sum(got, n, decode_pseudo(H_IP, PEER_IP, 17, n)), 0);
    }
    T_TRUE(id[0] != id[1]);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* Datagrams that came in fragments take large packets: unread ones may take half of them. */
static void test_udp_large_datagrams_are_bounded(void)
{
    static uint8_t u[3000];
    static char got[3000];
    struct peer k;
    struct sock_addr any = {IP_ADDR_ANY, 9};

    peer_begin(&k); /* with four */
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_UDP);
    uint32_t len = raw_udp(u, PEER_IP, H_IP, 5, 9, got, 2900);

    T_EQ(sock_bind(net_socks(&k.net), sd, &any), 0);
    for (int round = 0; round < 3; round++) {
        for (uint16_t id = 1; id <= 4; id++) {
            say_ip(&k, .proto = 17, .id = id, .frag = 0x2000, .data = u, .len = 1480);
            say_ip(&k, .proto = 17, .id = id, .frag = 185, .data = u + 1480, .len = len - 1480);
        }
        T_EQ(peer_drops(&k, V_DROP_UDP_QUEUE_FULL), 2 * (round + 1));
        for (int i = 0; i < 2; i++)
            T_EQ(sock_recv(net_socks(&k.net), sd, got, sizeof(got), 0), 2900);
        T_EQ(sock_recv(net_socks(&k.net), sd, got, sizeof(got), 0), -EAGAIN);
    }
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

T_MAIN("udp", T(test_udp_large_datagrams_are_bounded), T(test_udp_there_and_back),
       T(test_udp_header), T(test_udp_checksum_is_always_sent),
       T(test_udp_error_reaches_the_connected_socket), T(test_udp_source_quench_is_not_heard),
       T(test_udp_impossible_sources), T(test_udp_long_datagram_is_fragmented))
