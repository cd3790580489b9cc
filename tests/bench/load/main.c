/*
 * load - the kernel's end of every workload of bench.sh: one line of JSON each.
 *
 *     load bulk-in   connections that send without end to a service that reads: discard
 *     load bulk-out  connections that read without end: chargen, or with --path a file by HTTP
 *     load http      requests by HTTP on connections that stay, one outstanding on each
 *     load echo      the same with messages to a TCP echo service
 *     load conns     connect, request, reply, close; again and again
 *     load udp       datagrams to an echo service, a number of them outstanding
 *     load trains    the same with trains of datagrams of 1400 bytes (UDP_SEGMENT)
 *     load ping      ICMP echo, one at a time
 *     load idle      open connections and hold them until standard input ends
 *
 * All use the kernel's sockets and epoll, one thread, pinned to one processor. Rates are counted from
 * what was acknowledged or answered between the end of the warm-up and the end, never from what was
 * handed to the kernel. With --pid the processor time of that process (the stack's) is read at the
 * same two moments, and its memory at the end.
 *
 * Exit: 0 with a line of JSON; 1 usage; 2 when the other end did not do what it should.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static const struct option options[] = {
    {"to",               required_argument, NULL, 't'},
    {"port",              required_argument, NULL, 'p'},
    {"from",                  required_argument, NULL, 'f'},
    {"sources",required_argument, NULL, 'a'},
    {"connections",               required_argument, NULL, 'n'},
    {"seconds",             required_argument, NULL, 's'},
    {"warmup",              required_argument, NULL, 'w'},
    {"size",                  required_argument, NULL, 'b'},
    {"cpu",              required_argument, NULL, 'c'},
    {"iface",               required_argument, NULL, 'I'},
    {"outstanding",      required_argument, NULL, 'o'},
    {"cc",              required_argument, NULL, 'g'},
    {"pid",                  required_argument, NULL, 'P'},
    {"path",required_argument, NULL, 'u'},
    {"pipeline",               required_argument, NULL, 'd'},
    {"interval",           required_argument, NULL, 'i'},
    {"server-closes",              no_argument, NULL, 'S'},
    {"trunc",                  no_argument, NULL, 'T'},
    {"sendfile",no_argument, NULL, 'F'},
    {"spin",               no_argument, NULL, 'B'},
    {"touch",              no_argument, NULL, 'X'},
    {"help",              no_argument, NULL, 'h'},
    {0                 },
};

static const char help[] =
    "usage: load WORKLOAD --to A.B.C.D [OPTION...]\n"
    "  bulk-in bulk-out http echo conns udp trains ping idle\n"
    "  --port N          (9, 19, 80, 7, 80, 7, 7, -, 7)\n"
    "  --from A.B.C.D    first source address; --sources N of them, one after another (the "
    "kernel's)\n"
    "  --connections N   connections, or datagrams outstanding (1)\n"
    "  --seconds S       measured, after --warmup S (2, 0.5)\n"
    "  --size BYTES      of a write, a read, a message, a datagram (262144; udp 18; trains 61600; ping 56; echo "
    "64)\n"
    "  --cpu N           run there (0)\n"
    "  --cc NAME         our congestion control (cubic)\n"
    "  --pid PID         whose processor time and memory to count\n"
    "  --iface NAME      our end of the wire, whose frames to count\n"
    "  --path /FILE      what to GET (/; of bulk-out: none, the service sends by itself)\n"
    "  --pipeline N      bulk-out with --path: requests ahead (2)\n"
    "  --outstanding N   http, echo: requests on their way at most, on all connections in turn "
    "(all)\n"
    "  --interval US     ping: pause between two (0)\n"
    "  --server-closes   conns: the server says FIN first\n"
    "  --trunc           bulk-out: have the kernel throw the bytes away (MSG_TRUNC)\n"
    "  --sendfile        bulk-in: from a file\n"
    "  --spin            ping: do not sleep while waiting\n"
    "  --touch           idle: a message there and back on each connection\n";

static const struct workload {
    const char *name;
    int (*run)(const struct load *l);
    uint16_t port;
    unsigned size;
} workloads[] = {
    {"bulk-in",  load_bulk_in,  9,  262144},
    {"bulk-out", load_bulk_out, 19, 262144},
    {"http",     load_requests, 80, 0     },
    {"echo",     load_requests, 7,  64    },
    {"conns",    load_conns,    80, 0     },
    {"udp",      load_udp,      7,  18    },
    {"trains",   load_trains,   7,  61600 },
    {"ping",     load_ping,     0,  56    },
    {"idle",     load_idle,     7,  64    },
};

static void usage(const char *what, const char *arg)
{
    fprintf(stderr, "load: %s%s: try --help\n", what, arg);
    exit(1);
}

static double number(const char *s, double min, double max)
{
    char *end;
    double v = strtod(s, &end);

    if (end == s || *end != '\0' || !(v >= min && v <= max))
        usage("not a number that makes sense: ", s);
    return v;
}

static uint32_t address(const char *s)
{
    struct in_addr a;

    if (inet_pton(AF_INET, s, &a) != 1)
        usage("not an address: ", s);
    return ntohl(a.s_addr);
}

static void option(struct load *l, int key, const char *arg)
{
    switch (key) {
    case 't':
        l->to.sin_addr.s_addr = htonl(address(arg));
        break;
    case 'p':
        l->to.sin_port = htons((uint16_t)number(arg, 1, 65535));
        break;
    case 'f':
        l->from = address(arg);
        break;
    case 'a':
        l->sources = (unsigned)number(arg, 1, 65536);
        break;
    case 'n':
        l->connections = (unsigned)number(arg, 1, 2e6);
        break;
    case 's':
        l->seconds = number(arg, 0.01, 86400);
        break;
    case 'w':
        l->warmup = number(arg, 0, 3600);
        break;
    case 'b':
        l->size = (size_t)number(arg, 0, 1 << 26);
        break;
    case 'c':
        l->cpu = (unsigned)number(arg, 0, CPU_SETSIZE - 1);
        break;
    case 'I':
        l->iface = arg;
        break;
    case 'o':
        l->outstanding = (unsigned)number(arg, 1, 2e6);
        break;
    case 'g':
        l->cc = arg;
        break;
    case 'P':
        l->pid = (pid_t)number(arg, 1, 1 << 30);
        break;
    case 'u':
        l->path = arg;
        break;
    case 'd':
        l->pipeline = (unsigned)number(arg, 1, 64);
        break;
    case 'i':
        l->interval_us = (unsigned)number(arg, 0, 1e7);
        break;
    case 'S':
        l->server_closes = true;
        break;
    case 'T':
        l->trunc = true;
        break;
    case 'F':
        l->sendfile = true;
        break;
    case 'B':
        l->spin = true;
        break;
    case 'X':
        l->touch = true;
        break;
    case 'h':
        fputs(help, stdout);
        exit(0);
    default:
        usage("", "no such option");
    }
}

int main(int argc, char **argv)
{
    struct load l = {.sources = 1,
                     .open_batch = 256,
                     .connections = 1,
                     .pipeline = 2,
                     .seconds = 2,
                     .warmup = 0.5};
    const struct workload *w = NULL;
    cpu_set_t set;
    int key;

    l.to.sin_family = AF_INET;
    l.cc = "cubic";
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]) && argc > 1; i++)
        if (strcmp(argv[1], workloads[i].name) == 0)
            w = &workloads[i];
    if (w == NULL && argc > 1 && strcmp(argv[1], "--help") == 0)
        option(&l, 'h', NULL);
    if (w == NULL)
        usage("no such workload: ", argc > 1 ? argv[1] : "none");
    l.to.sin_port = htons(w->port);
    l.size = w->size;
    l.echo = strcmp(w->name, "echo") == 0;
    while ((key = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
        option(&l, key, optarg);
    if (optind != argc - 1 || l.to.sin_addr.s_addr == 0)
        usage("", "--to is missing, or there is a word too many");
    CPU_ZERO(&set);
    CPU_SET(l.cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        load_die("pinning");
    l.salt = (unsigned)getpid() * 7919;
    signal(SIGPIPE, SIG_IGN);
    printf("{\"workload\":\"%s\",\"connections\":%u", w->name, l.connections);
    int status = w->run(&l);

    printf("}\n");
    return status;
}
