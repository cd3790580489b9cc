/* The socket calls, between two hosts in virtual time: TCP. */
#include "sock_pair.h"

static int listening(uint16_t port)
{
    struct sock_addr me = at(IP_ADDR_ANY, port);
    int ls = sock_open(a, SOCK_KIND_TCP);

    T_EQ(sock_bind(a, ls, &me), 0);
    T_EQ(sock_listen(a, ls, 0), 0);
    return ls;
}

struct tcp_pair {
    int ls, s, c; /* listener and its child on a, client on b */
};

static struct tcp_pair connected(void)
{
    struct tcp_pair p = {.ls = listening(80), .c = sock_open(b, SOCK_KIND_TCP)};
    struct sock_addr to = at(HOST_A, 80);

    T_EQ(sock_connect(b, p.c, &to), -EINPROGRESS);
    hosts_run(&h, NET_MS(1));
    p.s = sock_accept(a, p.ls, NULL);
    T_NEED(p.s >= 0);
    return p;
}

/* All that is left of it, and the test. */
static void finish(const struct tcp_pair *p)
{
    sock_close(b, p->c);
    sock_close(a, p->s);
    sock_close(a, p->ls);
    teardown();
}

static void test_sock_tcp_connect_and_accept(void)
{
    struct sock_addr to = at(HOST_A, 80), peer, name, of_b;
    char buf[4];

    setup();
    int ls = listening(80), c = sock_open(b, SOCK_KIND_TCP);

    T_EQ(sock_accept(a, ls, &peer), -EAGAIN);
    T_EQ(sock_send(b, c, "x", 1, 0), -ENOTCONN);
    T_EQ(sock_recv(b, c, buf, 4, 0), -ENOTCONN);
    T_EQ(sock_accept(b, c, NULL), -EINVAL);
    T_EQ(sock_peer(b, c, &peer), -ENOTCONN);
    T_EQ(sock_connect(b, c, &to), -EINPROGRESS);
    T_EQ(sock_connect(b, c, &to), -EALREADY);
    T_EQ(sock_recv(b, c, buf, 4, 0), -EAGAIN);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_connect(b, c, &to), -EISCONN);
    int s = sock_accept(a, ls, &peer);

    T_NEED(s >= 0);
    T_EQ(sock_name(b, c, &of_b), 0);
    T_TRUE(ip_addr_eq(of_b.ip, HOST_B));
    T_TRUE(ip_addr_eq(peer.ip, HOST_B) && peer.port == of_b.port);
    T_EQ(sock_name(a, s, &name), 0);
    T_TRUE(ip_addr_eq(name.ip, HOST_A) && name.port == 80);
    T_EQ(sock_name(a, ls, &name), 0);
    T_TRUE(ip_addr_is_any(name.ip) && name.port == 80);
    T_EQ(sock_peer(b, c, &name), 0);
    T_TRUE(ip_addr_eq(name.ip, HOST_A) && name.port == 80);
    T_EQ(sock_accept(a, ls, NULL), -EAGAIN);
    sock_close(a, s);
    sock_close(a, ls);
    sock_close(b, c);
    teardown();
}

static void test_sock_tcp_data_both_ways(void)
{
    char buf[32];
    struct span in[2];
    struct mspan room;

    setup();
    struct tcp_pair p = connected();

    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), -EAGAIN);
    T_EQ(sock_send(b, p.c, "hello ", 6, SOCK_MSG_MORE), 6);
    T_EQ(sock_reserve(b, p.c, 5, &room), 5);
    memcpy(room.p, "world", 5);
    T_EQ(sock_commit(b, p.c, 5, 0), 0);
    hosts_run(&h, NET_MS(300));
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), SOCK_MSG_PEEK), 11);
    T_EQ(sock_recv(a, p.s, buf, 6, 0), 6);
    T_MEM(buf, "hello ", 6);
    T_EQ(sock_peek(a, p.s, in, NULL), 5);
    T_MEM(in[0].p, "world", in[0].len);
    T_EQ(sock_consume(a, p.s, 5), 0);
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), -EAGAIN);
    T_EQ(sock_sendto(a, p.s, "back", 4, &(struct sock_addr){IP_ADDR_ANY, 0}), 4);
    hosts_run(&h, NET_MS(300));
    struct sock_addr from;

    T_EQ(sock_recvfrom(b, p.c, buf, sizeof(buf), &from), 4);
    T_MEM(buf, "back", 4);
    T_EQ(from.port, 80);
    finish(&p);
}

static void test_sock_tcp_bulk_through_small_buffers(void)
{
    static uint8_t bulk[300000], got[300000];
    size_t sent = 0, received = 0;
    bool was_full = false;

    setup();
    for (size_t i = 0; i < sizeof(bulk); i++)
        bulk[i] = (uint8_t)(i * 31 + i / 1000);
    struct tcp_pair p = connected();

    T_EQ(sock_setopt(b, p.c, SOCK_OPT_SNDBUF, 20000), 0);
    for (int i = 0; i < 1000 && received < sizeof(got); i++) {
        int n = sent < sizeof(bulk) ? sock_send(b, p.c, bulk + sent, sizeof(bulk) - sent, 0) : 0;

        T_TRUE(n >= 0 || n == -EAGAIN);
        was_full = was_full || n == -EAGAIN || (n > 0 && sent + (size_t)n < sizeof(bulk));
        sent += n > 0 ? (size_t)n : 0;
        hosts_run(&h, NET_MS(50));
        n = sock_recv(a, p.s, got + received, sizeof(got) - received, 0);
        received += n > 0 ? (size_t)n : 0;
    }
    T_TRUE(was_full);
    T_EQ(received, sizeof(got));
    T_MEM(got, bulk, sizeof(got));
    finish(&p);
}

static void test_sock_tcp_half_close(void)
{
    char buf[8];

    setup();
    struct tcp_pair p = connected();

    T_EQ(sock_send(b, p.c, "last", 4, 0), 4);
    T_EQ(sock_shutdown(b, p.c, SOCK_SHUT_WR), 0);
    T_EQ(sock_send(b, p.c, "x", 1, 0), -EPIPE);
    hosts_run(&h, NET_MS(300));
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), 4);
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), 0);
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), 0); /* and again */
    T_EQ(sock_send(a, p.s, "answer", 6, 0), 6);      /* the other half is open */
    hosts_run(&h, NET_MS(300));
    T_EQ(sock_recv(b, p.c, buf, sizeof(buf), 0), 6);
    T_EQ(sock_close(a, p.s), 0);
    hosts_run(&h, NET_MS(300));
    T_EQ(sock_recv(b, p.c, buf, sizeof(buf), 0), 0);
    T_EQ(sock_close(b, p.c), 0);
    sock_close(a, p.ls);
    teardown();
}

static void test_sock_tcp_refused(void)
{
    struct sock_addr to = at(HOST_A, 81), nobody = at(HOST_A, 0);
    struct sock_addr group = at(ip_addr_v4(0xe0000001), 80);
    struct sock_addr far = at(ip_addr_v4(0xc0000201), 80);

    setup();
    int c = sock_open(b, SOCK_KIND_TCP);

    T_EQ(sock_connect(b, c, &nobody), -EINVAL);
    T_EQ(sock_connect(b, c, &group), -EINVAL);
    T_EQ(sock_connect(b, c, &far), -ENETUNREACH);
    T_EQ(sock_connect(b, c, &to), -EINPROGRESS);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_connect(b, c, &to), -ECONNREFUSED); /* tells how the first try went */
    T_EQ(option(b, c, SOCK_OPT_ERROR), 0);
    T_EQ(sock_connect(b, c, &to), -ECONNABORTED);
    T_EQ(sock_send(b, c, "x", 1, 0), -EPIPE);
    sock_close(b, c);
    c = sock_open(b, SOCK_KIND_TCP);
    T_EQ(sock_connect(b, c, &to), -EINPROGRESS);
    hosts_run(&h, NET_MS(1));
    T_EQ(option(b, c, SOCK_OPT_ERROR), ECONNREFUSED);
    T_EQ(option(b, c, SOCK_OPT_ERROR), 0);
    sock_close(b, c);
    teardown();
}

static void test_sock_tcp_reset_is_reported_once(void)
{
    char buf[4];

    setup();
    struct tcp_pair p = connected();

    T_EQ(sock_abort(a, p.s), 0);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_send(b, p.c, "x", 1, 0), -ECONNRESET);
    T_EQ(sock_send(b, p.c, "x", 1, 0), -EPIPE);
    T_EQ(sock_recv(b, p.c, buf, 4, 0), 0);
    sock_close(b, p.c);
    sock_close(a, p.ls);
    teardown();
}

static void test_sock_tcp_linger_zero_resets(void)
{
    char buf[4];

    setup();
    struct tcp_pair p = connected();

    T_EQ(sock_setopt(a, p.s, SOCK_OPT_LINGER, 0), 0);
    T_EQ(sock_close(a, p.s), 0);
    hosts_run(&h, NET_MS(1));
    T_EQ(sock_recv(b, p.c, buf, 4, 0), -ECONNRESET);
    T_EQ(sock_recv(b, p.c, buf, 4, 0), 0);
    T_EQ(net_connections(&h.a), 0); /* no TIME-WAIT */
    sock_close(b, p.c);
    sock_close(a, p.ls);
    teardown();
}

static void test_sock_tcp_close_sends_what_is_queued(void)
{
    static uint8_t bulk[100000], got[100000];
    size_t received = 0;
    int n;

    setup();
    memset(bulk, 0x77, sizeof(bulk));
    struct tcp_pair p = connected();

    T_EQ(sock_send(b, p.c, bulk, sizeof(bulk), 0), (int)sizeof(bulk));
    T_EQ(sock_close(b, p.c), 0);
    T_EQ(sock_open(b, SOCK_KIND_UDP), p.c); /* the number is free at once */
    hosts_run(&h, NET_SEC(1));
    while ((n = sock_recv(a, p.s, got + received, sizeof(got) - received, 0)) > 0) {
        received += (size_t)n;
        hosts_run(&h, NET_MS(50));
    }
    T_EQ(n, 0);
    T_EQ(received, sizeof(got));
    T_MEM(got, bulk, sizeof(got));
    finish(&p);
}

static void test_sock_tcp_listen_refusals(void)
{
    struct sock_addr eighty = at(IP_ADDR_ANY, 80), other = at(ip_addr_v4(0x0a000063), 80);
    struct sock_addr name;

    setup();
    int ls = listening(80), sd = sock_open(a, SOCK_KIND_TCP), udp = sock_open(a, SOCK_KIND_UDP);

    T_EQ(sock_bind(a, sd, &eighty), -EADDRINUSE);
    T_EQ(sock_bind(a, sd, &other), -EADDRNOTAVAIL);
    T_EQ(sock_listen(a, ls, 7), 0); /* a new length */
    T_EQ(sock_listen(a, ls, -1), -EINVAL);
    T_EQ(sock_connect(a, ls, &eighty), -EISCONN);
    T_EQ(sock_listen(a, udp, 0), -EOPNOTSUPP);
    T_EQ(sock_accept(a, udp, NULL), -EOPNOTSUPP);
    T_EQ(sock_listen(a, sd, 0), 0); /* on a port of its own */
    T_EQ(sock_name(a, sd, &name), 0);
    T_TRUE(name.port >= 32768);
    T_EQ(sock_bind(a, sd, &eighty), -EINVAL);
    sock_close(a, ls);
    ls = listening(80); /* free again */
    sock_close(a, ls);
    sock_close(a, sd);
    sock_close(a, udp);
    teardown();
}

static void test_sock_tcp_accept_without_a_number_keeps_the_connection(void)
{
    struct sock_addr to = at(HOST_A, 80);
    int fill[64], n = 0;

    setup();
    int ls = listening(80), c = sock_open(b, SOCK_KIND_TCP);

    T_EQ(sock_connect(b, c, &to), -EINPROGRESS);
    hosts_run(&h, NET_MS(1));
    while ((fill[n] = sock_open(a, SOCK_KIND_TCP)) >= 0)
        n++;
    T_EQ(sock_accept(a, ls, NULL), -EMFILE);
    sock_close(a, fill[--n]);
    int s = sock_accept(a, ls, NULL);

    T_NEED(s >= 0);
    T_EQ(sock_send(b, c, "x", 1, 0), 1);
    hosts_run(&h, NET_MS(300));
    char buf[4];

    T_EQ(sock_recv(a, s, buf, 4, 0), 1);
    while (n > 0)
        sock_close(a, fill[--n]);
    sock_close(a, s);
    sock_close(a, ls);
    sock_close(b, c);
    teardown();
}

static void test_sock_tcp_options_reach_the_connection(void)
{
    struct sock_addr to = at(HOST_A, 80);

    setup();
    int ls = listening(80), c = sock_open(b, SOCK_KIND_TCP);

    T_EQ(sock_setopt(a, ls, SOCK_OPT_USER_TIMEOUT, 5000), 0);
    T_EQ(sock_setopt(a, ls, SOCK_OPT_LINGER, 3), 0);
    T_EQ(sock_setopt(a, ls, SOCK_OPT_TOS, 0x08), 0);
    T_EQ(sock_setopt(b, c, SOCK_OPT_TTL, 33), 0);
    T_EQ(sock_setopt(b, c, SOCK_OPT_RCVBUF, 10000), 0);
    T_EQ(sock_setopt(b, c, SOCK_OPT_NODELAY, 1), 0);
    T_EQ(sock_connect(b, c, &to), -EINPROGRESS);
    hosts_run(&h, NET_MS(1));
    int s = sock_accept(a, ls, NULL);

    T_NEED(s >= 0);
    T_EQ(option(b, c, SOCK_OPT_TTL), 33);
    T_EQ(option(b, c, SOCK_OPT_RCVBUF), 10000);
    T_EQ(option(b, c, SOCK_OPT_NODELAY), 1);
    T_EQ(option(a, s, SOCK_OPT_LINGER), 3); /* inherited */
    T_EQ(option(a, s, SOCK_OPT_TOS), 0x08);
    T_EQ(option(a, s, SOCK_OPT_USER_TIMEOUT), 5000);
    T_EQ(sock_setopt(a, s, SOCK_OPT_MAXSEG, 500), -EINVAL);
    /* The inherited user timeout: b falls silent, and a gives up after 5 s. */
    T_EQ(sock_send(a, s, "x", 1, 0), 1);
    h.is_cut = true;
    hosts_run(&h, NET_SEC(4));
    T_EQ(option(a, s, SOCK_OPT_ERROR), 0);
    hosts_run(&h, NET_SEC(4));
    T_EQ(option(a, s, SOCK_OPT_ERROR), ETIMEDOUT);
    h.is_cut = false;
    sock_close(a, s);
    sock_close(a, ls);
    sock_close(b, c);
    teardown();
}

static void test_sock_tcp_nodelay_lets_go_what_nagle_held(void)
{
    char buf[16];

    setup();
    struct tcp_pair p = connected();

    hosts_run(&h, NET_MS(300));
    T_EQ(sock_send(b, p.c, "a", 1, 0), 1);
    struct pkt *out[4];

    T_EQ(net_output(&h.b, out, 4, h.now), 1); /* the first small segment leaves, and is lost */
    pkt_release(out[0]);
    T_EQ(sock_send(b, p.c, "b", 1, 0), 1);
    T_EQ(net_output(&h.b, out, 4, h.now), 0); /* the second waits for its acknowledgment */
    T_EQ(sock_setopt(b, p.c, SOCK_OPT_NODELAY, 1), 0);
    T_EQ(net_output(&h.b, out, 4, h.now), 1);
    pkt_release(out[0]);
    hosts_run(&h, NET_SEC(5));
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), 2);
    finish(&p);
}

/* Bytes that @k sends now, in at most four segments that get lost. */
static size_t sends(struct net *k)
{
    struct pkt *out[4];
    size_t count = net_output(k, out, 4, h.now);

    for (size_t i = 0; i < count; i++)
        pkt_release(out[i]);
    return count;
}

static void test_sock_tcp_cork_holds_small_segments(void)
{
    char buf[4000] = {0};

    setup();
    struct tcp_pair p = connected();

    hosts_run(&h, NET_MS(300));
    T_EQ(sock_setopt(b, p.c, SOCK_OPT_CORK, 1), 0);
    T_EQ(sock_send(b, p.c, buf, 1000, 0), 1000);
    T_EQ(sends(&h.b), 0);
    T_EQ(sock_send(b, p.c, buf, 1000, 0), 1000); /* a whole segment, and some */
    T_EQ(sends(&h.b), 1);
    T_EQ(sock_setopt(b, p.c, SOCK_OPT_CORK, 0), 0);
    T_EQ(sends(&h.b), 0); /* Nagle's rule holds again: one is in flight */
    hosts_run(&h, NET_SEC(5));
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), 2000);
    T_EQ(sock_setopt(b, p.c, SOCK_OPT_CORK, 1), 0);
    T_EQ(sock_send(b, p.c, buf, 100, 0), 100);
    T_EQ(sends(&h.b), 0);
    T_EQ(sock_setopt(b, p.c, SOCK_OPT_CORK, 0), 0);
    T_EQ(sends(&h.b), 1); /* nothing was in flight */
    hosts_run(&h, NET_SEC(5));
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), 100);
    T_EQ(sock_setopt(b, p.c, SOCK_OPT_CORK, 1), 0);
    T_EQ(sock_send(b, p.c, buf, 100, 0), 100);
    hosts_run(&h, NET_MS(150));
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), -EAGAIN);
    hosts_run(&h, NET_MS(100)); /* the override timer: one RTO, whose floor is 200 ms */
    T_EQ(sock_recv(a, p.s, buf, sizeof(buf), 0), 100);
    finish(&p);
}

T_MAIN("sock_tcp", T(test_sock_tcp_connect_and_accept), T(test_sock_tcp_data_both_ways),
       T(test_sock_tcp_bulk_through_small_buffers), T(test_sock_tcp_half_close),
       T(test_sock_tcp_refused), T(test_sock_tcp_reset_is_reported_once),
       T(test_sock_tcp_linger_zero_resets), T(test_sock_tcp_close_sends_what_is_queued),
       T(test_sock_tcp_listen_refusals),
       T(test_sock_tcp_accept_without_a_number_keeps_the_connection),
       T(test_sock_tcp_options_reach_the_connection),
       T(test_sock_tcp_nodelay_lets_go_what_nagle_held), T(test_sock_tcp_cork_holds_small_segments))
