/*
 * service_cost - what the services of a host cost: a client and a server in virtual time.
 *
 *     service_cost WORKLOAD COUNT [CONNECTIONS [TARGET]]
 *
 * WORKLOAD  http     COUNT requests for TARGET (/) over CONNECTIONS kept open, each in turn
 *           connect  COUNT times a connection, a request, the answer, the end
 *           echo     COUNT messages of 64 bytes over CONNECTIONS kept open
 *           udp      COUNT datagrams of 18 bytes to the UDP echo service
 *
 * Nothing is timed here: the same calls happen in every run, so that instruction counts can be
 * compared. The layers above TCP alone:
 *
 *     valgrind --tool=callgrind --toggle-collect=app_run build/tests/bench/service_cost http 10000 64
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "l7_application/app.h"
#define BENCH "service_cost"
#include "pair.h"

enum { BATCH = 64, SERVER = 0x0a000002, CLIENT = 0x0a000001, MOST = 1024, MESSAGE = 64, UDP = 18 };

static struct net server, client;
static struct app app;
static net_time now;
static struct {
    int sd;
    bool asked;
} conns[MOST];
static uint64_t bytes_got;
static const char *target = "/";

static void bring_up(struct net *n, uint32_t ip)
{
    struct net_config cfg;

    bench_config(&cfg, (uint8_t)ip);
    cfg.seed = ip;
    bench_bring_up(n, &cfg);
}

static int files_open(void *ctx, const char *path, struct app_stat *out)
{
    (void)ctx;
    if (strcmp(path, "small") != 0)
        return -ENOENT;
    *out = (struct app_stat){.size = 128, .mtime = 784111777};
    return 1;
}

static int files_read(void *ctx, int handle, uint64_t offset, void *buf, size_t len)
{
    (void)ctx;
    (void)handle;
    if (offset >= 128)
        return 0;
    len = len < 128 - offset ? len : 128 - (size_t)offset;
    memset(buf, 'x', len);
    return (int)len;
}

static void files_close(void *ctx, int handle)
{
    (void)ctx;
    (void)handle;
}

static const struct app_files files = {NULL, files_open, files_read, files_close, NULL};

static void bring_up_services(void)
{
    struct app_config cfg;
    struct region r = {0};

    app_config_default(&cfg);
    app_cut(&app, &cfg, &r);
    r = (struct region){.p = bench_memory(r.used), .len = r.used};
    app_cut(&app, &cfg, &r);
    struct app_env env = {
        .core = &server.core,
        .socks = net_socks(&server),
        .tcp = &server.tcp,
        .arp = &server.ifs[0].arp,
        .ip = &server.ip,
        .files = strcmp(target, "/small") == 0 ? &files : NULL,
    };

    need(app_init(&app, &env) == 0, "app_init refused");
    need(app_start(&app, "echo", 0) == 0 && app_start(&app, "http", 0) == 0, "no services");
}

/* Both hosts, until nothing is on its way. */
static void settle(void)
{
    size_t moved;

    do {
        moved = 0;
        for (size_t n; (n = bench_move(&client, &server, now)) > 0;)
            moved += n;
        app_run(&app, now);
        for (size_t n; (n = bench_move(&server, &client, now)) > 0;)
            moved += n;
    } while (moved > 0);
    now += NET_MS(1) / 20;
    net_input(&server, NULL, 0, now);
    net_input(&client, NULL, 0, now);
}

static void open_all(unsigned count, uint16_t port)
{
    for (unsigned i = 0; i < count; i++) { /* one at a time: few packets may wait for ARP */
        struct sock_addr to = {ip_addr_v4(SERVER), port};

        conns[i].sd = sock_open(net_socks(&client), SOCK_KIND_TCP);
        sock_setopt(net_socks(&client), conns[i].sd, SOCK_OPT_NODELAY, 1);
        need(sock_connect(net_socks(&client), conns[i].sd, &to) == -EINPROGRESS, "connect");
        settle();
    }
}

/* Take what has come. Return: bytes; 0: the peer has closed. */
static size_t take(int sd)
{
    char buf[16384];
    size_t got = 0;
    int n;

    while ((n = sock_recv(net_socks(&client), sd, buf, sizeof(buf), 0)) > 0)
        got += (size_t)n;
    need(n == 0 || n == -EAGAIN, "the connection broke");
    bytes_got += got;
    return got;
}

static void ask(int sd, const void *bytes, size_t len)
{
    need(sock_send(net_socks(&client), sd, bytes, len, 0) == (int)len, "sending failed");
}

static void keep_alive(unsigned long count, unsigned connections, bool is_http)
{
    char request[256];
    size_t len = MESSAGE;

    memset(request, 'x', sizeof(request));
    if (is_http)
        len = (size_t)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n",
                               target);
    open_all(connections, is_http ? 80 : 7);
    for (unsigned long i = 0; i < count; i += connections) {
        for (unsigned k = 0; k < connections; k++)
            ask(conns[k].sd, request, len);
        settle();
        for (unsigned k = 0; k < connections; k++)
            need(take(conns[k].sd) > 0, "no answer");
    }
}

static void connect_each(unsigned long count)
{
    char request[256];
    size_t len = (size_t)snprintf(request, sizeof(request),
                                  "GET %s HTTP/1.1\r\nHost: 10.0.0.2\r\nConnection: close\r\n\r\n",
                                  target);

    for (unsigned long i = 0; i < count; i++) {
        open_all(1, 80);
        ask(conns[0].sd, request, len);
        settle();
        need(take(conns[0].sd) > 0, "no answer");
        sock_close(net_socks(&client), conns[0].sd);
        settle();
        now += NET_MS(100);
    }
}

static void datagrams(unsigned long count)
{
    static const uint8_t data[UDP] = "0123456789abcdefg";
    struct sock_addr to = {ip_addr_v4(SERVER), 7};
    int sd = sock_open(net_socks(&client), SOCK_KIND_UDP);
    char buf[64];

    for (unsigned long i = 0; i < count; i += i == 0 ? 1 : BATCH) {
        for (unsigned k = 0; k < (i == 0 ? 1 : BATCH); k++)
            need(sock_sendto(net_socks(&client), sd, data, sizeof(data), &to) == UDP, "sending");
        settle();
        while (sock_recv(net_socks(&client), sd, buf, sizeof(buf), 0) == UDP)
            bytes_got += UDP;
    }
}

int main(int argc, char **argv)
{
    need(argc >= 3, "usage: service_cost http|connect|echo|udp COUNT [CONNECTIONS [TARGET]]");
    unsigned long count = strtoul(argv[2], NULL, 10);
    unsigned connections = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 64;

    need(connections > 0 && connections <= MOST, "too many connections");
    if (argc > 4)
        target = argv[4];
    bring_up(&server, SERVER);
    bring_up(&client, CLIENT);
    bring_up_services();
    if (strcmp(argv[1], "connect") == 0)
        connect_each(count);
    else if (strcmp(argv[1], "udp") == 0)
        datagrams(count);
    else
        keep_alive(count, connections, strcmp(argv[1], "http") == 0);
    printf("%llu requests, %llu datagrams, %llu bytes came back\n",
           (unsigned long long)app.stats.requests, (unsigned long long)app.stats.datagrams,
           (unsigned long long)bytes_got);
    return 0;
}
