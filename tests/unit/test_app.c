/* What all services share: ports, the cap with eviction, loops between services, stopping. */
#include "app_pair.h"

static void test_app_start_refuses_what_cannot_be(void)
{
    struct pair *p = pair_new(NULL, 0);
    uint32_t ports = p->app.port_count;

    T_TRUE(app_service_find("echo") == &app_echo);
    T_TRUE(app_service_find("ech") == NULL);
    T_TRUE(app_service_find("echoo") == NULL);
    T_TRUE(app_service_find("") == NULL);
    T_EQ(app_start(&p->app, "nfs", 0), -ENOENT);
    T_EQ(app_start(&p->app, "echo", 0), -EADDRINUSE);
    T_EQ(app_start(&p->app, "echo", 80), -EADDRINUSE); /* TCP 80 is taken: no UDP 80 either */
    T_EQ(p->app.port_count, ports);
    T_EQ(app_start(&p->app, "echo", 7777), 0);
    T_EQ(pair_ask(p, 0, 7777, "x", 1), 1);
    while (app_start(&p->app, "http", (uint16_t)(8000 + p->app.port_count)) == 0)
        T_NEED(p->app.port_count <= p->app.cfg.ports);
    T_EQ(app_start(&p->app, "http", 9999), -ENOSPC);
    pair_free(p);
}

static void test_app_half_a_service_is_not_started(void)
{
    struct pair *p = pair_new(NULL, 0);
    struct sock_addr udp = {IP_ADDR_ANY, 7000};
    int sd = sock_open(net_socks(&p->server), SOCK_KIND_UDP);
    uint32_t ports = p->app.port_count;

    T_EQ(sock_bind(net_socks(&p->server), sd, &udp), 0);
    T_EQ(app_start(&p->app, "echo", 7000), -EADDRINUSE); /* UDP is taken, so no TCP either */
    T_EQ(p->app.port_count, ports);
    sock_close(net_socks(&p->server), sd);
    T_EQ(app_start(&p->app, "echo", 7000), 0);
    pair_free(p);
}

static void test_app_at_the_cap_the_idlest_goes(void)
{
    struct pair *p = pair_new(NULL, 3);
    int sd[3];

    for (int i = 0; i < 3; i++) {
        pair_connect(p, 7);
        sd[i] = p->sd;
    }
    p->sd = sd[0];
    pair_say(p, "x"); /* the first is busy again: now the second is the idlest */
    pair_run(p, NET_MS(50));
    pair_connect(p, 7);
    T_EQ(p->error, 0);
    T_EQ(p->app.stats.evicted, 1);
    T_EQ(p->app.conns.used, 3);
    char c;

    T_EQ(sock_recv(net_socks(&p->client), sd[1], &c, 1, 0), -ECONNRESET);
    T_EQ(sock_recv(net_socks(&p->client), sd[2], &c, 1, 0), -EAGAIN);
    pair_say(p, "new");
    pair_run(p, NET_MS(50));
    T_STR(p->got, "new");
    pair_free(p);
}

static void test_app_many_idle_strangers_do_not_close_the_shop(void)
{
    struct pair *p = pair_new(NULL, 8);

    for (int i = 0; i < 100; i++)
        pair_connect(p, i % 2 == 0 ? 7 : 80);
    T_EQ(p->app.stats.accepted, 100);
    T_EQ(p->app.stats.evicted, 92);
    pair_say(p, "GET / HTTP/1.0\r\n\r\n");
    pair_run(p, NET_MS(100));
    T_MEM(p->got, "HTTP/1.1 200 OK", 15);
    pair_free(p);
}

static void test_app_udp_never_answers_another_service(void)
{
    struct pair *p = pair_new(NULL, 0);
    static const uint16_t chatty[] = {7, 9, 13, 17, 19, 37};

    for (size_t i = 0; i < ARRAY_LEN(chatty); i++) {
        T_EQ(pair_ask(p, chatty[i], 7, "x", 1), -EAGAIN);
        T_EQ(pair_ask(p, chatty[i], 19, "x", 1), -EAGAIN);
    }
    T_EQ(p->server.core.drops[V_DROP_UDP_SOURCE_PORT], 2 * ARRAY_LEN(chatty));
    T_EQ(app_start(&p->app, "echo", 7777), 0);
    T_EQ(pair_ask(p, 7777, 7, "x", 1), -EAGAIN); /* the same service on a port of its own */
    T_EQ(pair_ask(p, 7778, 7, "x", 1), 1);
    pair_free(p);
}

static void test_app_udp_never_answers_a_broadcast(void)
{
    struct pair *p = pair_new(NULL, 0);
    struct socks *s = net_socks(&p->client);
    struct sock_addr all = {ip_addr_v4(0x0a0000ff), 7};
    int sd = sock_open(s, SOCK_KIND_UDP);
    char c;

    T_EQ(sock_setopt(s, sd, SOCK_OPT_BROADCAST, 1), 0);
    T_EQ(sock_sendto(s, sd, "x", 1, &all), 1);
    pair_run(p, NET_MS(50));
    T_EQ(sock_recv(s, sd, &c, 1, 0), -EAGAIN);
    T_EQ(p->server.core.drops[V_DROP_UDP_BROADCAST], 1);
    pair_free(p);
}

static void test_app_stop_ends_everything_properly(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 7);
    int echo = p->sd;

    pair_connect(p, 80);
    int http = p->sd;

    pair_connect(p, 19);
    T_FALSE(app_stopped(&p->app));
    app_stop(&p->app);
    pair_run(p, NET_MS(500));
    T_TRUE(p->eof); /* a FIN behind whole data, not a reset */
    T_EQ(p->error, 0);
    char c;

    T_EQ(sock_recv(net_socks(&p->client), echo, &c, 1, 0), 0);
    T_EQ(sock_recv(net_socks(&p->client), http, &c, 1, 0), 0);
    T_FALSE(app_stopped(&p->app)); /* the peers have not closed */
    sock_close(net_socks(&p->client), echo);
    sock_close(net_socks(&p->client), http);
    pair_run(p, NET_MS(100));
    T_FALSE(app_stopped(&p->app)); /* one is silent */
    pair_run(p, APP_LINGER);
    T_TRUE(app_stopped(&p->app));
    T_EQ(p->app.conns.used, 0);
    pair_close(p);
    pair_connect(p, 7);
    T_EQ(p->error, -ECONNREFUSED);
    pair_free(p);
}

static void test_app_idle_has_no_deadline(void)
{
    struct pair *p = pair_new(NULL, 0);

    T_EQ(app_deadline(&p->app), NET_NEVER);
    pair_connect(p, 7);
    T_EQ(app_deadline(&p->app), NET_NEVER);
    pair_free(p);
}

/* What the server's TCP segments said, seen at its boundary. */
struct seen_flags {
    uint32_t in_urgent, out_urgent, out;
    uint8_t tos_or, tos_and;
};

static void app_see_flags(void *ctx, const struct pkt *p, bool out)
{
    struct seen_flags *s = ctx;
    const uint8_t *ip = p->buf + p->off + ETH_HDR_LEN;

    if (ip[9] != IP_PROTO_TCP)
        return;
    bool urgent = (ip[20 + TCP_FLAGS] & TCP_URG) != 0;

    s->in_urgent += !out && urgent;
    s->out_urgent += out && urgent;
    s->out += out;
    if (out) {
        s->tos_or |= ip[1];
        s->tos_and &= ip[1];
    }
}

/* No service uses the urgent mechanism, also when it is asked by it: it reads in line, and answers
 * as ever. None changes the type of service on its way.
 * REQ: TCP-SHLD-13 TCP-SHLD-23 TCP-6093-5-1 */
static void test_app_services_are_never_urgent(void)
{
    static const uint16_t ports[] = {7, 9, 13, 19, 37, 80};
    static const char ask[] = "GET / HTTP/1.0\r\n\r\n";

    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        struct pair *p = pair_new(NULL, 0);
        struct seen_flags s = {.tos_and = 0xff};

        net_set_tap(&p->server, app_see_flags, &s);
        pair_connect(p, ports[i]);
        T_EQ(sock_send(net_socks(&p->client), p->sd, ask, strlen(ask), SOCK_MSG_OOB), strlen(ask));
        pair_run(p, NET_MS(100));
        if (ports[i] == 7)
            T_STR(p->got, ask);
        else if (ports[i] == 80)
            T_TRUE(strstr(p->got, "200") != NULL);
        T_EQ(p->error, 0);
        T_TRUE(s.in_urgent > 0 && s.out > 1);
        T_EQ(s.out_urgent, 0);
        T_EQ(s.tos_or, s.tos_and);
        pair_free(p);
    }
}

T_MAIN("app", T(test_app_start_refuses_what_cannot_be), T(test_app_half_a_service_is_not_started),
       T(test_app_at_the_cap_the_idlest_goes),
       T(test_app_many_idle_strangers_do_not_close_the_shop),
       T(test_app_udp_never_answers_another_service), T(test_app_udp_never_answers_a_broadcast),
       T(test_app_stop_ends_everything_properly), T(test_app_services_are_never_urgent),
       T(test_app_idle_has_no_deadline))
