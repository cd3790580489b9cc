/*
 * connections - how memory and the cost of a packet grow with the number of connections.
 *
 *     connections [--json] [COUNT...]          1 10 100 1000 10000 100000 1000000
 *
 * A client and a server in one process and in virtual time; the server runs the echo service on as many
 * ports as it takes. All connections are opened, and rest. Then messages of 64 bytes go over connections
 * chosen at random, 32 at a time, and are echoed. For each count, in a process of its own:
 *
 *     bytes      a connection at rest: resident memory of the server above what it had before the first,
 *                all of it: record, hash table, socket, service, packets
 *     tcp, sock, app   of these, by what the pools hand out
 *     ns         processor time of the server for a packet that comes in or goes out: its calls of
 *                net_input(), app_run(), net_output() while the messages are echoed
 *     packed     connections that rest in a record of 128 bytes, when all are open
 *     woken      part of the messages that found their connection at rest
 *
 * --json prints one object a line with these names. The machine's caches bend the curve of ns from
 * some thousand connections on: each packet then meets memory that has not been looked at for long.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "l7_application/app.h"
#define BENCH "connections"
#include "pair.h"

enum {
    SERVER = 0x0a000002,
    CLIENT = 0x0a000001,
    AT_ONCE = 32,
    MESSAGE = 64,
    PORT = 7000,
    PER_PORT = 60000,
    FIRST_PORT = 2000,
    PAGE = 4096,
    SPARE = 64
};

static struct net server, client;
static struct app app;
static net_time now;
static struct {
    uint8_t *p;
    size_t len;
} regions[3]; /* of the server, of its services, of the client */
static int *sds;
static uint64_t server_ns;
static uint64_t die = 88172645463325252ull;

static uint32_t any(uint32_t below)
{
    die ^= die << 13;
    die ^= die >> 7;
    die ^= die << 17;
    return (uint32_t)((die >> 32) * below >> 32);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- hosts ---- */

static void *memory(unsigned which, size_t len)
{
    void *p =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    need(p != MAP_FAILED, "no memory");
    regions[which].p = p;
    regions[which].len = len;
    return p;
}

/* Bytes of a region that are in memory: what was ever touched. */
static size_t resident(unsigned which)
{
    size_t pages = (regions[which].len + PAGE - 1) / PAGE, count = 0;
    unsigned char *in = malloc(pages);

    need(in != NULL && mincore(regions[which].p, regions[which].len, in) == 0, "mincore failed");
    for (size_t i = 0; i < pages; i++)
        count += in[i] & 1;
    free(in);
    return count * PAGE;
}

static void bring_up(struct net *n, unsigned which, uint32_t ip, uint32_t count)
{
    struct net_config cfg;

    bench_config(&cfg, (uint8_t)ip);
    cfg.seed = ip;
    cfg.tcp.connections = 16384;
    cfg.tcp.idle = count;
    cfg.tcp.time_wait = 1024;
    cfg.tcp.backlog = 1024;
    cfg.socks.sockets = count + SPARE;
    size_t len = net_mem_size(&cfg);

    need(net_init(n, &cfg, memory(which, len), len) == 0, "net_init refused");
}

static void bring_up_services(uint32_t count)
{
    struct app_config cfg;
    struct region r = {0};

    app_config_default(&cfg);
    cfg.connections = count + 1;
    cfg.ports = 2 * (count / PER_PORT + 1); /* the echo service speaks UDP, too */
    app_cut(&app, &cfg, &r);
    r = (struct region){.p = memory(1, r.used), .len = r.used};
    app_cut(&app, &cfg, &r);
    struct app_env env = {
        .core = &server.core,
        .socks = net_socks(&server),
        .tcp = &server.tcp,
        .arp = &server.ifs[0].arp,
        .ip = &server.ip,
    };

    need(app_init(&app, &env) == 0, "app_init refused");
    for (uint32_t i = 0; i * PER_PORT < count; i++)
        need(app_start(&app, "echo", (uint16_t)(PORT + i)) == 0, "no service");
}

/* Both hosts, until nothing is on its way; the server's part is timed. */
static void settle(void)
{
    struct pkt *in[BENCH_BATCH];
    size_t moved, n;

    do {
        moved = 0;
        while ((n = bench_carry(&client, &server, in, now)) > 0) {
            uint64_t from = cpu_ns();

            net_input(&server, in, n, now);
            app_run(&app, now);
            server_ns += cpu_ns() - from;
            moved += n;
        }
        uint64_t from = cpu_ns();

        while ((n = bench_carry(&server, &client, in, now)) > 0) {
            server_ns += cpu_ns() - from;
            net_input(&client, in, n, now);
            moved += n;
            from = cpu_ns();
        }
    } while (moved > 0);
}

static void pass(net_time span)
{
    now += span;
    net_input(&server, NULL, 0, now);
    app_run(&app, now);
    net_input(&client, NULL, 0, now);
    settle();
}

/* ---- the run ---- */

static void open_all(uint32_t count)
{
    struct socks *s = net_socks(&client);

    for (uint32_t i = 0; i < count; i++) {
        struct sock_addr to = {ip_addr_v4(SERVER), (uint16_t)(PORT + i / PER_PORT)};
        struct sock_addr me = {IP_ADDR_ANY, (uint16_t)(FIRST_PORT + i % PER_PORT)};

        sds[i] = sock_open(s, SOCK_KIND_TCP);
        sock_setopt(s, sds[i], SOCK_OPT_REUSEADDR, 1);
        need(sock_bind(s, sds[i], &me) == 0, "bind refused");
        need(sock_connect(s, sds[i], &to) == -EINPROGRESS, "connect refused");
        if (i == 0 || i % AT_ONCE == 0 || i == count - 1)
            pass(NET_MS(1));
        sock_pending(s);
    }
    pass(NET_SEC(1));
    need(server.tcp.stats.opened_passive == count, "not all are open");
}

/* @messages over connections chosen at random. */
static void talk(uint32_t count, uint32_t messages)
{
    static uint8_t text[MESSAGE], got[MESSAGE];
    struct socks *s = net_socks(&client);
    uint32_t group = count < AT_ONCE ? count : AT_ONCE, start[AT_ONCE];

    for (uint32_t done = 0; done < messages; done += group) {
        for (uint32_t i = 0; i < group; i++) { /* each of them another one */
            start[i] = (uint32_t)((uint64_t)count * i / group);
            uint32_t room = (uint32_t)((uint64_t)count * (i + 1) / group) - start[i];

            start[i] += any(room);
            need(sock_send(s, sds[start[i]], text, MESSAGE, 0) == MESSAGE, "send failed");
        }
        settle();
        for (uint32_t i = 0; i < group; i++)
            need(sock_recv(s, sds[start[i]], got, MESSAGE, 0) == MESSAGE, "no echo");
        sock_pending(s);
        pass(NET_MS(1));
    }
}

static void measure(uint32_t count, bool is_json)
{
    struct tcp *tcp = &server.tcp;

    sds = malloc(count * sizeof(*sds));
    need(sds != NULL, "no memory");
    bring_up(&server, 0, SERVER, count);
    bring_up(&client, 2, CLIENT, count);
    bring_up_services(count);
    size_t before = resident(0) + resident(1);

    open_all(count);
    size_t after = resident(0) + resident(1);
    uint32_t packed = tcp->idles.used + tcp->idle_larges.used;
    size_t tcp_bytes = tcp->idles.used * tcp->idles.size + tcp->tcbs.used * tcp->tcbs.size +
                       tcp->idle_larges.used * tcp->idle_larges.size;

    talk(count, 20000);
    uint64_t woken = tcp->stats.unpacked, packets = tcp->stats.segs_in + tcp->stats.segs_out;
    const uint32_t messages = 200000;

    server_ns = 0;
    talk(count, messages);
    packets = tcp->stats.segs_in + tcp->stats.segs_out - packets;
    woken = tcp->stats.unpacked - woken;
    const char *form =
        is_json
            ? "{\"connections\": %u, \"bytes\": %.1f, \"tcp\": %.1f, \"sock\": %zu, \"app\": %zu, "
              "\"ns\": %.1f, \"packed\": %u, \"woken\": %.3f, \"mb\": %.1f}\n"
            : "%11u %9.1f %7.1f %5zu %5zu %8.1f %9u %6.3f %8.1f\n";

    printf(form, count, (double)(after - before) / count, (double)tcp_bytes / count, (size_t)32,
           app.conns.size, (double)server_ns / (double)packets, packed,
           (double)woken / (double)messages, (double)after / 1048576);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"1", "10", "100", "1000", "10000", "100000", "1000000"};
    bool is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int first = 1 + is_json, given = argc - first, status, worst = 0;

    if (!is_json)
        printf("connections     bytes     tcp  sock   app       ns    packed  woken       MB\n");
    fflush(stdout);
    for (int i = 0; i < (given > 0 ? given : (int)ARRAY_LEN(usual)); i++) {
        long count = strtol(given > 0 ? argv[first + i] : usual[i], NULL, 10);

        need(count > 0 && count <= 31 * PER_PORT, "a count between 1 and 1860000");
        pid_t child = fork();

        need(child >= 0, "fork failed");
        if (child == 0) {
            measure((uint32_t)count, is_json);
            _exit(0);
        }
        waitpid(child, &status, 0);
        worst |= status;
    }
    return worst == 0 ? 0 : 1;
}
