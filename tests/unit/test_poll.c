/* Readiness: levels, edges, and that sets, sockets and notes stay in step. */
#include "hosts.h"

static struct hosts h;
static struct socks *a, *b; /* of the two hosts */

static void setup(void)
{
    hosts_begin(&h);
    a = net_socks(&h.a);
    b = net_socks(&h.b);
}

static int udp_at(struct socks *s, uint16_t port)
{
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_NEED(sd >= 0);
    T_EQ(sock_bind(s, sd, &(struct sock_addr){IP_ADDR_ANY, port}), 0);
    return sd;
}

/* b sends one datagram to a. */
static void send_to_a(int sd, uint16_t port)
{
    T_EQ(sock_sendto(b, sd, "x", 1, &(struct sock_addr){HOST_A, port}), 1);
    hosts_run(&h, NET_MS(1));
}

/* poll_wait reports @sd alone, with @events; or nothing if @events is 0. */
static void expect(struct socks *s, int pd, int sd, unsigned events)
{
    struct poll_event ev[4];
    int n = poll_wait(s, pd, ev, 4);

    T_EQ(n, events != 0);
    if (n == 1) {
        T_EQ(ev[0].sd, sd);
        T_EQ(ev[0].events, events);
        T_EQ(ev[0].cookie, 100 + (uint64_t)sd);
    }
}

static int watch(struct socks *s, int pd, int sd, unsigned events, enum poll_mode mode)
{
    return poll_add(s, pd, sd, events, mode, 100 + (uint64_t)sd);
}

static void test_poll_level_is_reported_while_it_holds(void)
{
    char buf[4];

    setup();
    int pd = poll_open(a), in = udp_at(a, 7), out = udp_at(b, 9);

    T_EQ(watch(a, pd, in, SOCK_IN, POLL_LEVEL), 0);
    expect(a, pd, in, 0);
    send_to_a(out, 7);
    send_to_a(out, 7);
    expect(a, pd, in, SOCK_IN);
    expect(a, pd, in, SOCK_IN);
    T_EQ(sock_recv(a, in, buf, 4, 0), 1);
    expect(a, pd, in, SOCK_IN); /* one is left */
    T_EQ(sock_recv(a, in, buf, 4, 0), 1);
    expect(a, pd, in, 0);
    send_to_a(out, 7);
    expect(a, pd, in, SOCK_IN);
    sock_close(a, in);
    sock_close(b, out);
    expect(a, pd, in, 0);
    hosts_end(&h);
}

static void test_poll_edge_is_reported_once(void)
{
    setup();
    int pd = poll_open(a), in = udp_at(a, 7), out = udp_at(b, 9);

    T_EQ(watch(a, pd, in, SOCK_IN, POLL_EDGE), 0);
    expect(a, pd, in, 0);
    send_to_a(out, 7);
    expect(a, pd, in, SOCK_IN);
    expect(a, pd, in, 0); /* unread, and said already */
    send_to_a(out, 7);
    expect(a, pd, in, SOCK_IN); /* something came again */
    expect(a, pd, in, 0);
    sock_close(a, in);
    sock_close(b, out);
    hosts_end(&h);
}

static void test_poll_add_reports_what_holds_already(void)
{
    setup();
    int pd = poll_open(a), in = udp_at(a, 7), out = udp_at(b, 9);

    send_to_a(out, 7);
    T_EQ(watch(a, pd, in, SOCK_IN, POLL_EDGE), 0);
    expect(a, pd, in, SOCK_IN);
    expect(a, pd, in, 0);
    T_EQ(poll_mod(a, pd, in, SOCK_IN | SOCK_OUT), 0);
    expect(a, pd, in, SOCK_IN | SOCK_OUT);
    expect(a, pd, in, 0);
    T_EQ(poll_mod(a, pd, in, 0), 0);
    expect(a, pd, in, 0);
    T_EQ(poll_del(a, pd, in), 0);
    send_to_a(out, 7);
    expect(a, pd, in, 0);
    sock_close(a, in);
    sock_close(b, out);
    hosts_end(&h);
}

static void test_poll_refusals(void)
{
    struct poll_event ev;

    setup();
    int pd = poll_open(a), other = poll_open(a), sd = udp_at(a, 7);

    T_EQ(poll_add(a, pd, 63, 0, POLL_LEVEL, 0), -EBADF);
    T_EQ(poll_add(a, pd, -1, 0, POLL_LEVEL, 0), -EBADF);
    T_EQ(poll_add(a, 3, sd, 0, POLL_LEVEL, 0), -EBADF);
    T_EQ(poll_add(a, 4, sd, 0, POLL_LEVEL, 0), -EBADF);
    T_EQ(poll_add(a, pd, sd, 0, POLL_LEVEL, 0), 0);
    T_EQ(poll_add(a, pd, sd, 0, POLL_LEVEL, 0), -EEXIST);
    T_EQ(poll_add(a, other, sd, 0, POLL_LEVEL, 0), -EEXIST);
    T_EQ(poll_mod(a, other, sd, 0), -ENOENT);
    T_EQ(poll_del(a, other, sd), -ENOENT);
    T_EQ(poll_mod(a, pd, 63, 0), -EBADF);
    T_EQ(poll_wait(a, -1, &ev, 1), -EBADF);
    T_TRUE(poll_open(a) >= 0);
    T_TRUE(poll_open(a) >= 0);
    T_EQ(poll_open(a), -EMFILE);
    poll_close(a, pd);
    T_EQ(poll_wait(a, pd, &ev, 1), -EBADF);
    T_EQ(poll_add(a, other, sd, SOCK_OUT, POLL_LEVEL, 0), 0); /* free again */
    T_EQ(poll_wait(a, other, &ev, 1), 1);
    T_EQ(poll_open(a), pd);
    T_EQ(poll_wait(a, pd, &ev, 1), 0);
    sock_close(a, sd);
    hosts_end(&h);
}

static void test_poll_wait_serves_all_in_turn(void)
{
    int sd[6], seen[6] = {0};

    setup();
    int pd = poll_open(a);

    for (int i = 0; i < 6; i++) {
        sd[i] = udp_at(a, (uint16_t)(100 + i));
        T_EQ(poll_add(a, pd, sd[i], SOCK_OUT, POLL_LEVEL, (uint64_t)i), 0);
    }
    for (int round = 0; round < 3; round++) { /* 4 of 6 a time: 12 reports, 2 each */
        struct poll_event ev[4];

        T_EQ(poll_wait(a, pd, ev, 4), 4);
        for (int i = 0; i < 4; i++)
            seen[ev[i].cookie]++;
    }
    for (int i = 0; i < 6; i++)
        T_EQ(seen[i], 2);
    struct poll_event all[20];

    T_EQ(poll_wait(a, pd, all, 20), 6); /* nobody twice in one call */
    sock_close(a, sd[2]);
    T_EQ(poll_del(a, pd, sd[4]), 0);
    T_EQ(poll_wait(a, pd, all, 20), 4);
    for (int i = 0; i < 6; i++)
        if (i != 2)
            sock_close(a, sd[i]);
    T_EQ(poll_wait(a, pd, all, 20), 0);
    hosts_end(&h);
}

static void test_poll_sock_pending_is_exact(void)
{
    char buf[4];

    setup();
    int pd = poll_open(a), in = udp_at(a, 7), out = udp_at(b, 9), unwatched = udp_at(a, 8);

    T_FALSE(sock_pending(a));
    T_EQ(watch(a, pd, in, SOCK_IN, POLL_LEVEL), 0);
    T_FALSE(sock_pending(a));
    send_to_a(out, 8);
    T_FALSE(sock_pending(a)); /* nobody asked about that one */
    send_to_a(out, 7);
    T_TRUE(sock_pending(a));
    expect(a, pd, in, SOCK_IN);
    T_TRUE(sock_pending(a)); /* a level that holds */
    T_EQ(sock_recv(a, in, buf, 4, 0), 1);
    T_FALSE(sock_pending(a));
    send_to_a(out, 7);
    expect(a, pd, in, SOCK_IN);
    sock_close(a, in);
    sock_close(a, unwatched);
    T_FALSE(sock_pending(a));
    sock_close(b, out);
    hosts_end(&h);
}

static void test_poll_udp_error_and_hangup(void)
{
    int64_t error;

    setup();
    int pd = poll_open(b), sd = udp_at(b, 9);

    T_EQ(watch(b, pd, sd, 0, POLL_LEVEL), 0); /* errors are always reported */
    T_EQ(sock_connect(b, sd, &(struct sock_addr){HOST_A, 7}), 0);
    T_EQ(sock_send(b, sd, "x", 1, 0), 1);
    hosts_run(&h, NET_MS(1));
    expect(b, pd, sd, SOCK_ERR);
    T_EQ(sock_getopt(b, sd, SOCK_OPT_ERROR, &error), 0);
    T_EQ(error, ECONNREFUSED);
    expect(b, pd, sd, 0);
    T_EQ(sock_shutdown(b, sd, SOCK_SHUT_RDWR), 0);
    expect(b, pd, sd, SOCK_HUP);
    sock_close(b, sd);
    hosts_end(&h);
}

static void test_poll_closed_number_does_not_haunt_its_next_owner(void)
{
    setup();
    int pd = poll_open(a), in = udp_at(a, 7), out = udp_at(b, 9);

    T_EQ(watch(a, pd, in, SOCK_IN, POLL_LEVEL), 0);
    send_to_a(out, 7);
    sock_close(a, in); /* with news that nobody has fetched */
    T_EQ(udp_at(a, 8), in);
    expect(a, pd, in, 0);
    T_EQ(watch(a, pd, in, SOCK_IN, POLL_LEVEL), 0);
    expect(a, pd, in, 0);
    sock_close(a, in);
    sock_close(b, out);
    hosts_end(&h);
}

/* ---- TCP ---- */

static void test_poll_tcp_life_of_a_connection(void)
{
    char buf[8];

    setup();
    int pa = poll_open(a), pb = poll_open(b);
    int ls = sock_open(a, SOCK_KIND_TCP), c = sock_open(b, SOCK_KIND_TCP);
    unsigned all = SOCK_IN | SOCK_OUT | SOCK_RDHUP;

    T_EQ(watch(a, pa, ls, SOCK_IN, POLL_LEVEL), 0);
    T_EQ(watch(b, pb, c, all, POLL_LEVEL), 0);
    expect(b, pb, c, 0); /* not put to use yet */
    T_EQ(sock_bind(a, ls, &(struct sock_addr){IP_ADDR_ANY, 80}), 0);
    T_EQ(sock_listen(a, ls, 0), 0);
    T_EQ(sock_connect(b, c, &(struct sock_addr){HOST_A, 80}), -EINPROGRESS);
    expect(a, pa, ls, 0);
    expect(b, pb, c, 0);
    hosts_run(&h, NET_MS(1));
    expect(a, pa, ls, SOCK_IN);
    expect(b, pb, c, SOCK_OUT);
    int s = sock_accept(a, ls, NULL);

    T_NEED(s >= 0);
    expect(a, pa, ls, 0);
    T_EQ(watch(a, pa, s, SOCK_IN | SOCK_RDHUP, POLL_EDGE), 0);
    expect(a, pa, s, 0);
    T_EQ(sock_send(b, c, "hello", 5, 0), 5);
    hosts_run(&h, NET_MS(100));
    expect(a, pa, s, SOCK_IN);
    expect(a, pa, s, 0);
    T_EQ(sock_recv(a, s, buf, 8, 0), 5);
    T_EQ(sock_shutdown(b, c, SOCK_SHUT_WR), 0);
    hosts_run(&h, NET_MS(100));
    expect(a, pa, s, SOCK_IN | SOCK_RDHUP);
    T_EQ(sock_recv(a, s, buf, 8, 0), 0);
    expect(b, pb, c, SOCK_OUT); /* "writable": a write would not wait, it fails */
    T_EQ(sock_close(a, s), 0);
    hosts_run(&h, NET_MS(100));
    expect(b, pb, c, SOCK_IN | SOCK_OUT | SOCK_RDHUP | SOCK_HUP);
    sock_close(b, c);
    sock_close(a, ls);
    hosts_end(&h);
}

static void test_poll_tcp_refused_connect(void)
{
    int64_t error;

    setup();
    int pd = poll_open(b), c = sock_open(b, SOCK_KIND_TCP);

    T_EQ(watch(b, pd, c, SOCK_OUT, POLL_EDGE), 0);
    T_EQ(sock_connect(b, c, &(struct sock_addr){HOST_A, 80}), -EINPROGRESS);
    hosts_run(&h, NET_MS(1));
    expect(b, pd, c, SOCK_OUT | SOCK_ERR | SOCK_HUP);
    T_EQ(sock_getopt(b, c, SOCK_OPT_ERROR, &error), 0);
    T_EQ(error, ECONNREFUSED);
    expect(b, pd, c, 0);
    sock_close(b, c);
    hosts_end(&h);
}

static void test_poll_tcp_writable_again_when_acknowledged(void)
{
    static uint8_t bulk[1 << 20];

    setup();
    int pd = poll_open(b);
    int ls = sock_open(a, SOCK_KIND_TCP), c = sock_open(b, SOCK_KIND_TCP);

    T_EQ(sock_bind(a, ls, &(struct sock_addr){IP_ADDR_ANY, 80}), 0);
    T_EQ(sock_listen(a, ls, 0), 0);
    T_EQ(sock_setopt(b, c, SOCK_OPT_SNDBUF, 16384), 0);
    T_EQ(sock_connect(b, c, &(struct sock_addr){HOST_A, 80}), -EINPROGRESS);
    T_EQ(watch(b, pd, c, SOCK_OUT, POLL_LEVEL), 0);
    hosts_run(&h, NET_MS(1));
    expect(b, pd, c, SOCK_OUT);
    T_EQ(sock_send(b, c, bulk, sizeof(bulk), 0), 16384);
    T_EQ(sock_send(b, c, bulk, sizeof(bulk), 0), -EAGAIN);
    expect(b, pd, c, 0);
    hosts_run(&h, NET_SEC(1));
    expect(b, pd, c, SOCK_OUT);
    sock_close(b, c);
    int s = sock_accept(a, ls, NULL);

    T_NEED(s >= 0);
    hosts_run(&h, NET_MS(10));
    T_EQ(sock_abort(a, s), 0);
    sock_close(a, ls);
    hosts_end(&h);
}

T_MAIN("poll", T(test_poll_level_is_reported_while_it_holds), T(test_poll_edge_is_reported_once),
       T(test_poll_add_reports_what_holds_already), T(test_poll_refusals),
       T(test_poll_wait_serves_all_in_turn), T(test_poll_sock_pending_is_exact),
       T(test_poll_udp_error_and_hangup), T(test_poll_closed_number_does_not_haunt_its_next_owner),
       T(test_poll_tcp_life_of_a_connection), T(test_poll_tcp_refused_connect),
       T(test_poll_tcp_writable_again_when_acknowledged))
