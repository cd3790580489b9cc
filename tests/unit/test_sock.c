/* The socket calls, between two hosts in virtual time: UDP, numbers, options. */
#include "sock_pair.h"

/* ---- UDP ---- */

/* REQ: UDP-768-1 */
static void test_sock_udp_question_and_answer(void)
{
    char buf[16];
    struct sock_addr from, to = at(HOST_A, 7), name;

    setup();
    int server = udp_at(a, 7), client = sock_open(b, SOCK_KIND_UDP);

    T_EQ(sock_recv(a, server, buf, sizeof(buf), 0), -EAGAIN);
    T_EQ(sock_sendto(b, client, "ping", 4, &to), 4);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_recvfrom(a, server, buf, sizeof(buf), &from), 4);
    T_MEM(buf, "ping", 4);
    T_TRUE(ip_addr_eq(from.ip, HOST_B));
    T_EQ(sock_name(b, client, &name), 0);
    T_EQ(from.port, name.port);
    T_EQ(sock_sendto(a, server, "pong!", 5, &from), 5);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_recvfrom(b, client, buf, 3, &from), 3); /* the rest is lost */
    T_TRUE(ip_addr_eq(from.ip, HOST_A));
    T_EQ(from.port, 7);
    T_EQ(sock_recvfrom(b, client, buf, sizeof(buf), &from), -EAGAIN);
    sock_close(a, server);
    sock_close(b, client);
    teardown();
}

static void test_sock_udp_large_datagram_is_fragmented_and_joined(void)
{
    static uint8_t out[20000], in[20000];
    struct sock_addr to = at(HOST_A, 7);

    setup();
    int server = udp_at(a, 7), client = udp_at(b, 9);

    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + i / 256);
    T_EQ(sock_sendto(b, client, "", 0, &to), 0); /* an empty one is a datagram, too */
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_sendto(b, client, out, sizeof(out), &to), (int)sizeof(out));
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_recv(a, server, in, sizeof(in), 0), 0);
    T_EQ(sock_recv(a, server, in, sizeof(in), SOCK_MSG_PEEK), (int)sizeof(in));
    memset(in, 0, sizeof(in));
    T_EQ(sock_recv(a, server, in, sizeof(in), 0), (int)sizeof(in));
    T_MEM(in, out, sizeof(in));
    T_EQ(sock_recv(a, server, in, sizeof(in), 0), -EAGAIN);
    T_EQ(sock_sendto(b, client, out, 70000, &to), -EMSGSIZE);
    sock_close(a, server);
    sock_close(b, client);
    teardown();
}

/* REQ: UDP-1122-4.1.3.5-1 */
static void test_sock_udp_msg_tells_everything(void)
{
    char buf[8];
    struct sock_msg m;
    struct sock_addr to = at(ip_addr_v4(0x0a0000ff), 7);

    setup();
    int server = udp_at(a, 7), client = udp_at(b, 9);

    T_EQ(sock_sendto(b, client, "x", 1, &to), -EACCES);
    T_EQ(sock_setopt(b, client, SOCK_OPT_BROADCAST, 1), 0);
    T_EQ(sock_setopt(b, client, SOCK_OPT_TOS, 0x20), 0);
    T_EQ(sock_setopt(b, client, SOCK_OPT_TTL, 9), 0);
    T_EQ(sock_sendto(b, client, "to all", 6, &to), 6);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_recvmsg(a, server, buf, 2, &m), 2);
    T_TRUE(ip_addr_eq(m.peer.ip, HOST_B) && ip_addr_eq(m.local.ip, to.ip));
    T_EQ(m.peer.port, 9);
    T_EQ(m.local.port, 7);
    T_EQ(m.cast, CAST_BROADCAST);
    T_EQ(m.len, 6);
    T_EQ(m.tos, 0x20);
    T_EQ(m.ttl, 9);
    T_EQ(m.ifi, 0);
    m.local.ip = HOST_A;
    T_EQ(sock_sendmsg(a, server, "me", 2, &m), 2);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_recvmsg(b, client, buf, sizeof(buf), &m), 2);
    T_TRUE(ip_addr_eq(m.peer.ip, HOST_A));
    T_EQ(m.cast, CAST_UNICAST);
    m.local.ip = ip_addr_v4(0x0a000063); /* not ours */
    T_EQ(sock_sendmsg(b, client, "x", 1, &m), -EADDRNOTAVAIL);
    sock_close(a, server);
    sock_close(b, client);
    teardown();
}

static void test_sock_udp_peek_and_consume(void)
{
    struct span in[2];
    struct sock_addr to = at(HOST_A, 7), from;

    setup();
    int server = udp_at(a, 7), client = udp_at(b, 9);

    T_EQ(sock_peek(a, server, in, &from), -EAGAIN);
    T_EQ(sock_consume(a, server, 1), -EINVAL);
    T_EQ(sock_sendto(b, client, "one", 3, &to), 3);
    T_EQ(sock_sendto(b, client, "two", 3, &to), 3);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_peek(a, server, in, &from), 3);
    T_EQ(in[0].len + in[1].len, 3);
    T_MEM(in[0].p, "one", 3);
    T_EQ(from.port, 9);
    T_EQ(sock_consume(a, server, 1), 0); /* the whole datagram, whatever the length */
    T_EQ(sock_peek(a, server, in, NULL), 3);
    T_MEM(in[0].p, "two", 3);
    sock_close(a, server); /* with one unread */
    sock_close(b, client);
    teardown();
}

/* REQ: UDP-1122-4.1.3.3-1 UDP-1122-4.1.3.1-1 */
static void test_sock_udp_port_unreachable_comes_back(void)
{
    char buf[4];
    struct sock_addr to = at(HOST_A, 7), peer;

    setup();
    int client = sock_open(b, SOCK_KIND_UDP), other = udp_at(b, 9);

    T_EQ(sock_send(b, client, "x", 1, 0), -EDESTADDRREQ);
    T_EQ(sock_peer(b, client, &peer), -ENOTCONN);
    T_EQ(sock_shutdown(b, client, SOCK_SHUT_WR), -ENOTCONN);
    T_EQ(sock_connect(b, client, &to), 0);
    T_EQ(sock_peer(b, client, &peer), 0);
    T_TRUE(ip_addr_eq(peer.ip, HOST_A) && peer.port == 7);
    T_EQ(sock_send(b, client, "x", 1, 0), 1);
    T_EQ(sock_sendto(b, other, "x", 1, &to), 1);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_recv(b, other, buf, 4, 0), -EAGAIN); /* not connected: not told */
    T_EQ(sock_recv(b, client, buf, 4, 0), -ECONNREFUSED);
    T_EQ(sock_recv(b, client, buf, 4, 0), -EAGAIN); /* once */
    T_EQ(sock_send(b, client, "x", 1, 0), 1);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_send(b, client, "x", 1, 0), -ECONNREFUSED);
    T_EQ(sock_send(b, client, "x", 1, 0), 1);
    hosts_run(&h, NET_MS(1));
    T_EQ(option(b, client, SOCK_OPT_ERROR), ECONNREFUSED);
    T_EQ(option(b, client, SOCK_OPT_ERROR), 0);
    sock_close(b, client);
    sock_close(b, other);
    teardown();
}

static void test_sock_udp_shutdown(void)
{
    char buf[4];
    struct sock_addr to = at(HOST_A, 7);

    setup();
    int sd = sock_open(b, SOCK_KIND_UDP);

    T_EQ(sock_connect(b, sd, &to), 0);
    T_EQ(sock_shutdown(b, sd, SOCK_SHUT_RD), 0);
    T_EQ(sock_recv(b, sd, buf, 4, 0), 0);
    T_EQ(sock_shutdown(b, sd, SOCK_SHUT_WR), 0);
    T_EQ(sock_send(b, sd, "x", 1, 0), -EPIPE);
    sock_close(b, sd);
    teardown();
}

static void test_sock_each_shows_udp_sockets(void)
{
    struct sock_info info;
    struct sock_addr to = at(HOST_A, 7);
    uint32_t pos = 0;

    setup();
    int first = udp_at(b, 9), gone = udp_at(b, 10), tcp = sock_open(b, SOCK_KIND_TCP);
    int second = sock_open(b, SOCK_KIND_UDP);

    T_EQ(sock_connect(b, second, &to), 0);
    sock_close(b, gone);
    T_NEED(sock_each(b, &pos, &info));
    T_EQ(info.sd, first);
    T_EQ(info.local.port, 9);
    T_STR(info.state, "UNCONN");
    T_NEED(sock_each(b, &pos, &info));
    T_EQ(info.sd, second);
    T_TRUE(ip_addr_eq(info.remote.ip, HOST_A));
    T_STR(info.state, "ESTAB");
    T_FALSE(sock_each(b, &pos, &info));
    sock_close(b, first);
    sock_close(b, second);
    sock_close(b, tcp);
    teardown();
}

/* ---- numbers and options ---- */

static void test_sock_numbers(void)
{
    int sd[64];
    struct sock_addr name = at(IP_ADDR_ANY, 1);

    setup();
    for (int i = 0; i < 64; i++)
        sd[i] = sock_open(a, SOCK_KIND_TCP);
    T_EQ(sd[63], 63);
    T_EQ(sock_open(a, SOCK_KIND_TCP), -EMFILE);
    T_EQ(sock_open(a, SOCK_KIND_UDP), -EMFILE);
    sock_close(a, 17);
    T_EQ(sock_close(a, 17), -EBADF);
    T_EQ(sock_bind(a, 17, &name), -EBADF);
    T_EQ(sock_open(a, SOCK_KIND_UDP), 17); /* freed last, used first */
    for (int i = 0; i < 64; i++)
        T_EQ(sock_close(a, sd[i]), 0);
    T_EQ(sock_close(a, 64), -EBADF);
    T_EQ(sock_close(a, -1), -EBADF);
    T_EQ(sock_send(a, 0, "x", 1, 0), -EBADF);
    T_EQ(sock_recv(a, 0, NULL, 0, 0), -EBADF);
    T_EQ(sock_name(b, 0, &name), -EBADF); /* of a host that never had one */
    int udp[33];

    for (int i = 0; i < 33; i++) /* 32 UDP sockets, then no more, and no leak */
        udp[i] = sock_open(a, SOCK_KIND_UDP);
    T_EQ(udp[32], -EMFILE);
    for (int i = 0; i < 32; i++)
        T_EQ(sock_close(a, udp[i]), 0);
    T_EQ(a->slab.used, 0);
    teardown();
}

/* The record of what was wished for is there only until it has been handed over. */
static void test_sock_wishes_are_given_back(void)
{
    struct sock_addr any = at(IP_ADDR_ANY, 80), to = at(HOST_A, 80);

    setup();
    int listener = sock_open(a, SOCK_KIND_TCP), client = sock_open(b, SOCK_KIND_TCP);
    int unused = sock_open(b, SOCK_KIND_TCP), udp = sock_open(b, SOCK_KIND_UDP);

    T_EQ(a->wishes.used, 1);
    T_EQ(b->wishes.used, 2);
    T_EQ(sock_setopt(a, listener, SOCK_OPT_TOS, 8), 0);
    T_EQ(sock_bind(a, listener, &any), 0);
    T_EQ(sock_listen(a, listener, 0), 0);
    T_EQ(a->wishes.used, 0);
    T_EQ(option(a, listener, SOCK_OPT_TOS), 8);
    T_EQ(sock_connect(b, client, &to), -EINPROGRESS);
    T_EQ(b->wishes.used, 1);
    hosts_run(&h, NET_MS(1));
    int child = sock_accept(a, listener, NULL);

    T_NEED(child >= 0);
    T_EQ(a->wishes.used, 0);
    sock_close(b, unused);
    T_EQ(b->wishes.used, 0);
    sock_close(b, udp);
    sock_close(b, client);
    sock_close(a, child);
    sock_close(a, listener);
    teardown();
}

static void test_sock_options_are_kept(void)
{
    static const struct {
        enum sock_opt opt;
        int64_t good, bad;
    } opts[] = {
        {SOCK_OPT_NODELAY,       1,     0    },
        {SOCK_OPT_CORK,          1,     0    },
        {SOCK_OPT_LINGER,        5,     -2   },
        {SOCK_OPT_SNDBUF,        65536, -1   },
        {SOCK_OPT_RCVBUF,        32768, -1   },
        {SOCK_OPT_TOS,           0x10,  256  },
        {SOCK_OPT_TTL,           12,    0    },
        {SOCK_OPT_USER_TIMEOUT,  1000,  -1   },
        {SOCK_OPT_MAXSEG,        500,   87   },
        {SOCK_OPT_REUSEADDR,     1,     0    },
        {SOCK_OPT_KEEPALIVE,     1,     0    },
        {SOCK_OPT_KEEP_IDLE,     32767, 32768},
        {SOCK_OPT_KEEP_INTERVAL, 1,     -1   },
        {SOCK_OPT_KEEP_COUNT,    127,   128  },
        {SOCK_OPT_SYN_COUNT,     6,     128  },
    };
    int64_t v;

    setup();
    int sd = sock_open(a, SOCK_KIND_TCP);

    T_EQ(option(a, sd, SOCK_OPT_SNDBUF), h.a.tcp.cfg.sndbuf);
    T_EQ(option(a, sd, SOCK_OPT_TTL), 64);
    T_EQ(option(a, sd, SOCK_OPT_LINGER), -1);
    T_EQ(option(a, sd, SOCK_OPT_KEEPALIVE), 0);
    for (int round = 0; round < 2; round++) { /* before and after listen */
        for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
            if (round == 1 && opts[i].opt == SOCK_OPT_MAXSEG) {
                T_EQ(sock_setopt(a, sd, opts[i].opt, 600), -EINVAL);
                continue;
            }
            T_EQ(sock_setopt(a, sd, opts[i].opt, opts[i].good), 0);
            if (opts[i].bad != 0 || opts[i].opt == SOCK_OPT_TTL)
                T_EQ(sock_setopt(a, sd, opts[i].opt, opts[i].bad), -EINVAL);
            T_EQ(option(a, sd, opts[i].opt), opts[i].good);
        }
        if (round == 0)
            T_EQ(sock_listen(a, sd, 3), 0);
    }
    T_EQ(sock_setopt(a, sd, SOCK_OPT_TTL, -1), 0);
    T_EQ(option(a, sd, SOCK_OPT_TTL), 64);
    T_EQ(sock_setopt(a, sd, SOCK_OPT_ERROR, 1), -ENOPROTOOPT);
    T_EQ(sock_setopt(a, sd, SOCK_OPT_CONGESTION, 200), -ENOENT);
    T_EQ(sock_setopt(a, sd, SOCK_OPT_RCVBUF, 1), 0); /* clamped */
    T_TRUE(option(a, sd, SOCK_OPT_RCVBUF) > 1);
    T_EQ(sock_getopt(a, 63, SOCK_OPT_TOS, &v), -EBADF);
    T_EQ(sock_setopt(a, 63, SOCK_OPT_TOS, 0), -EBADF);
    sock_close(a, sd);
    sd = sock_open(a, SOCK_KIND_UDP);
    T_EQ(sock_setopt(a, sd, SOCK_OPT_NODELAY, 1), -ENOPROTOOPT);
    T_EQ(sock_getopt(a, sd, SOCK_OPT_NODELAY, &v), -ENOPROTOOPT);
    T_EQ(sock_setopt(a, sd, SOCK_OPT_CORK, 1), -ENOPROTOOPT);
    T_EQ(sock_getopt(a, sd, SOCK_OPT_CORK, &v), -ENOPROTOOPT);
    T_EQ(sock_setopt(a, sd, SOCK_OPT_RCVBUF, 4096), 0);
    T_EQ(option(a, sd, SOCK_OPT_RCVBUF), 4096);
    sock_close(a, sd);
    teardown();
}

T_MAIN("sock", T(test_sock_udp_question_and_answer),
       T(test_sock_udp_large_datagram_is_fragmented_and_joined),
       T(test_sock_udp_msg_tells_everything), T(test_sock_udp_peek_and_consume),
       T(test_sock_udp_port_unreachable_comes_back), T(test_sock_udp_shutdown),
       T(test_sock_each_shows_udp_sockets), T(test_sock_numbers),
       T(test_sock_wishes_are_given_back), T(test_sock_options_are_kept))
