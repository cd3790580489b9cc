/*
 * The services over a bad cable: echo, discard, chargen, daytime, time and http, in virtual time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services.h"
#include "talk.h"

enum { SERVICES_SERVER = 0x0a000002, SERVICES_GOT = 1 << 20 };

/* A client that says a text, and reads what it is told until `enough` bytes or the end. */
struct asker {
    int sd;
    uint16_t port;
    const char *say;
    size_t said, enough, len;
    bool hang_up; /* FIN after the text */
    bool shut, eof, over;
    int error;
    uint8_t *got;
};

struct ask {
    struct world *w;
    struct services services;
    struct asker a;
};

static void ask_user(void *ctx)
{
    struct ask *x = ctx;
    struct asker *a = &x->a;
    struct socks *s = net_socks(&x->w->hosts[0]->n);
    int n = 1;

    if (a->over || (poll_events(s, a->sd) & (SOCK_OUT | SOCK_IN | SOCK_ERR | SOCK_HUP)) == 0)
        return;
    while (a->said < strlen(a->say) && n > 0) {
        n = sock_send(s, a->sd, a->say + a->said, strlen(a->say) - a->said, 0);
        a->said += n > 0 ? (size_t)n : 0;
    }
    if (a->said == strlen(a->say) && a->hang_up && !a->shut)
        a->shut = sock_shutdown(s, a->sd, SOCK_SHUT_WR) == 0;
    do {
        n = sock_recv(s, a->sd, a->got + a->len, SERVICES_GOT - a->len, 0);
        a->len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && a->len < a->enough);
    a->eof = n == 0;
    a->error = n < 0 && n != -EAGAIN ? n : 0;
    if (a->eof || a->error != 0 || a->len >= a->enough) {
        sock_close(s, a->sd);
        a->over = true;
    }
}

static bool ask_done(void *ctx)
{
    const struct ask *x = ctx;

    return x->a.over;
}

static void ask_begin(struct ask *x, uint64_t seed)
{
    struct imp_config imp;
    struct net_config cfg;

    *x = (struct ask){.w = world_new(seed)};
    x->a.got = malloc(SERVICES_GOT);
    T_NEED(x->a.got != NULL);
    imp_config_default(&imp);
    imp.delay = NET_MS(10);
    imp.jitter = NET_MS(3);
    imp.rate_bps = 20000000;
    imp.loss_ppm = 30000;
    imp.corrupt_ppm = 10000;
    imp.dup_ppm = 20000;
    imp.reorder_ppm = 50000;
    for (unsigned i = 0; i < 2; i++) {
        world_config(&cfg, (uint8_t)(i + 1));
        cfg.seed = seed + i;
        world_host_add(x->w, &cfg);
    }
    world_cable_add(x->w, x->w->hosts[0], x->w->hosts[1], &imp, &imp);
    services_start(&x->services, x->w->hosts[1], 0);
    x->w->hosts[0]->user = ask_user;
    x->w->hosts[0]->ctx = x;
    x->w->done = ask_done;
    x->w->done_ctx = x;
}

/* Ask @port; the answer stands in got afterwards. @enough 0: until the end of the stream. */
static void ask(struct ask *x, uint16_t port, const char *say, bool hang_up, size_t enough)
{
    struct socks *s = net_socks(&x->w->hosts[0]->n);
    struct sock_addr to = {ip_addr_v4(SERVICES_SERVER), port};
    uint8_t *got = x->a.got;

    x->a = (struct asker){.sd = sock_open(s, SOCK_KIND_TCP),
                          .port = port,
                          .say = say,
                          .enough = enough != 0 ? enough : SERVICES_GOT,
                          .hang_up = hang_up,
                          .got = got};
    T_EQ(sock_connect(s, x->a.sd, &to), -EINPROGRESS);
    world_run(x->w, NET_SEC(120));
    if (!x->a.over || x->a.error != 0)
        world_fail(x->w, "port %u: %s after %zu bytes", port,
                   x->a.error != 0 ? strerror(-x->a.error) : "no end", x->a.len);
}

static bool ask_got(const struct ask *x, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i + len <= x->a.len; i++) {
        if (memcmp(x->a.got + i, text, len) == 0)
            return true;
    }
    return false;
}

/* RFC 864's pattern: 72 of the 95 characters a line, each line one further. */
static bool ask_is_chargen(const uint8_t *got, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t line = i / 74, at = i % 74;
        uint8_t want = at == 72 ? '\r' : at == 73 ? '\n' : (uint8_t)(' ' + (line + at) % 95);

        if (got[i] != want)
            return false;
    }
    return true;
}

static void services_once(uint64_t seed)
{
    static struct ask x;
    char text[5001];

    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = (char)('a' + talk_byte(seed, i) % 26);
    text[sizeof(text) - 1] = '\0';
    ask_begin(&x, seed);
    ask(&x, 7, text, true, 0); /* echo */
    T_EQ(x.a.len, strlen(text));
    T_TRUE(x.a.len == strlen(text) && memcmp(x.a.got, text, x.a.len) == 0);
    ask(&x, 9, text, true, 0); /* discard */
    T_EQ(x.a.len, 0);
    ask(&x, 19, "", false, 20000); /* chargen */
    T_TRUE(x.a.len >= 20000 && ask_is_chargen(x.a.got, x.a.len));
    ask(&x, 13, "", false, 0); /* daytime */
    T_TRUE(x.a.len > 10 && ask_got(&x, "2023"));
    ask(&x, 37, "", false, 0); /* time: seconds since 1900 */
    uint32_t t = 0;

    for (size_t i = 0; i < 4 && i < x.a.len; i++)
        t = t << 8 | x.a.got[i];
    T_EQ(x.a.len, 4);
    T_TRUE(t - 2208988800u - 1700000000u < 600);
    ask(&x, 80, "GET / HTTP/1.1\r\nHost: 10.0.0.2\r\nConnection: close\r\n\r\n", false, 0);
    T_TRUE(x.a.len > 20 && memcmp(x.a.got, "HTTP/1.1 200 ", 13) == 0);
    T_TRUE(ask_got(&x, "</html>"));
    x.w->done = NULL;
    services_stop(&x.services);
    world_run(x.w, NET_SEC(60));
    if (!x.w->failed)
        services_free(&x.services);
    free(x.a.got);
    world_end(x.w);
}

static void test_services_over_a_bad_cable(void)
{
    struct seeds s = seeds_first("test_services", "test_services_over_a_bad_cable", 50);

    while (seeds_next(&s))
        services_once(s.seed);
}

/* The same by UDP, on a good cable: a datagram that is lost stays lost. */
static void test_services_datagrams(void)
{
    static const uint16_t ports[] = {7, 13, 19, 37};
    struct net_config cfg;
    struct services services;
    struct world *w = world_new(1);
    uint8_t got[2000];

    for (unsigned i = 0; i < 2; i++) {
        world_config(&cfg, (uint8_t)(i + 1));
        world_host_add(w, &cfg);
    }
    world_cable_add(w, w->hosts[0], w->hosts[1], NULL, NULL);
    services_start(&services, w->hosts[1], 0);
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        struct socks *s = net_socks(&w->hosts[0]->n);
        struct sock_addr to = {ip_addr_v4(SERVICES_SERVER), ports[i]}, from;
        int sd = sock_open(s, SOCK_KIND_UDP);

        T_EQ(sock_sendto(s, sd, "hello", 5, &to), 5);
        world_run(w, NET_MS(10));
        int n = sock_recvfrom(s, sd, got, sizeof(got), &from);

        T_TRUE(n > 0);
        T_EQ(from.port, ports[i]);
        if (ports[i] == 7)
            T_TRUE(n == 5 && memcmp(got, "hello", 5) == 0);
        if (ports[i] == 37)
            T_EQ(n, 4);
        T_EQ(sock_close(s, sd), 0);
    }
    services_stop(&services);
    world_run(w, NET_SEC(10));
    services_free(&services);
    world_end(w);
}

T_MAIN("services", T(test_services_over_a_bad_cable), T(test_services_datagrams))
