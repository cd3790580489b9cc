/*
 * main.c - stackd, a TCP/IP host in user space: the order in which it comes up and goes down.
 *
 * Up: options, namespace, port, the kernel's end, captures, memory, the stack, services, control
 * socket; then away with all privileges, and into the loop. Down: the same backwards. Whatever
 * fails says one line: what happened, and how to mend it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pages.h"
#include "stackd.h"
#include "sysctl.h"

enum { EXIT_USAGE = 1, EXIT_REFUSED = 2, MAIN_ERR = 512 };

/* Packets for what the bad wire may hold, beside what the stack needs. Untouched ones are free. */
enum { MAIN_PACKETS = 4096 + 4 * IMP_HELD_DEFAULT, MAIN_GSO_FRAME = 16384, MAIN_QUEUE = 1000 };

enum { MAIN_STREAM_FASTOPEN = 0x2000 }; /* of random numbers, from the seed */
enum { MAIN_SPARE = 4096 };             /* connections and sockets that are not the services' */

static int64_t main_calendar(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL);
}

/* What the TAP's queue towards us holds for sure. With offload a frame has up to 64 KiB, but a peer
 * that writes little at a time has small ones. A quarter is left to those who are not counted. */
/* Our share of what a limit allows to all queues together. */
static uint32_t main_share(const struct stackd *d, uint32_t limit)
{
    return (limit + d->opt.queues - 1) / d->opt.queues;
}

static uint32_t main_room(const struct stackd *d)
{
    uint64_t frames = host_queue(d), room;

    if (d->port->tso)
        room = frames * MAIN_GSO_FRAME * 3 / 4;
    else /* a longer queue of short frames only leaves the cache */
        room = (frames < MAIN_QUEUE ? frames : MAIN_QUEUE) * d->opt.mtu * 3 / 4;
    return room > UINT32_MAX ? UINT32_MAX : (uint32_t)room;
}

/* What makes several queues one host: the same secrets, and one of them speaks for their address. */
static void main_config_queue(const struct stackd *d, struct net_config *cfg)
{
    const struct stackd_options *o = &d->opt;
    struct prng secret;

    if (o->queues == 1)
        return;
    cfg->twin = d->queue;
    cfg->ifs[0].arp.quiet = d->queue > 0;
    prng_seed(&secret, o->seed, MAIN_STREAM_FASTOPEN);
    cfg->tcp.fastopen_key[0] = (struct siphash_key){prng_u64(&secret), prng_u64(&secret)};
    cfg->tcp.fastopen_keys = 1; /* else each would make and renew its own */
}

static void main_config(const struct stackd *d, struct net_config *cfg)
{
    const struct stackd_options *o = &d->opt;
    struct net_if_config *ifc = &cfg->ifs[0];
    uint32_t connections = main_share(d, o->connections);

    net_config_default(cfg);
    snprintf(cfg->name, sizeof(cfg->name), "%s", d->port->name);
    cfg->seed = o->seed;
    cfg->start = d->started;
    cfg->packets = MAIN_PACKETS;
    cfg->gateway = o->gateway;
    ifc->mac = o->mac;
    ifc->mtu = o->mtu;
    ifc->gso_max = d->port->tso ? UINT16_MAX : 0;
    ifc->addr[0].ip = o->ip;
    ifc->addr[0].prefix = o->prefix;
    ifc->addr_count = 1;
    ifc->arp.detect = true;
    if (d->port->kind == PORT_TAP) {
        /* The other end of a TAP is this machine, or a bridge in it: it answers within
         * microseconds. RFC 5227's times are meant for a network that is still waking up. */
        ifc->arp.probe_wait = NET_MS(10);
        ifc->arp.probe_min = NET_MS(20);
        ifc->arp.probe_max = NET_MS(40);
        ifc->arp.announce_wait = NET_MS(50);
    }
    cfg->tcp.backlog = o->backlog;
    cfg->tcp.half_open = main_share(d, o->syn_pool);
    /* The services' limit is the one that is reached first, as they let the idlest go. */
    cfg->tcp.connections = connections + MAIN_SPARE; /* all at once may have something to say */
    cfg->tcp.idle = connections;
    cfg->socks.sockets = connections + MAIN_SPARE;
    cfg->tcp.syn_policy = o->syn_policy;
    cfg->tcp.msl = o->msl;
    if (o->fastopen)
        cfg->tcp.fastopen = TCP_FO_CLIENT | TCP_FO_SERVER | TCP_FO_SERVER_ALL;
    if (o->no_autotune) {
        cfg->tcp.moderate_rcvbuf = false;
        cfg->tcp.sndbuf_max = 0;
    }
    cfg->tcp.rcv_room = main_room(d);
    cfg->tcp.user_timeout = o->user_timeout;
    cfg->tcp.keepalive = o->keepalive > 0;
    if (o->keepalive > 0)
        cfg->tcp.keep_idle = o->keepalive;
    cfg->tcp.cc = o->cc;
    cfg->tcp.cc_options.hystart = o->hystart;
    cfg->ip.igmp = o->igmp;
    cfg->ip.pmtu_discovery = o->pmtu != STACKD_PMTU_OFF;
    cfg->tcp.mtu_probing = o->pmtu == STACKD_PMTU_ALWAYS      ? 2
                           : o->pmtu == STACKD_PMTU_BLACKHOLE ? 1
                                                              : 0;
    main_config_queue(d, cfg);
    for (unsigned i = 0; i < o->set_count; i++) { /* checked by options.c */
        char why[256];

        sysctl_set(&cfg->tcp, o->set[i], why, sizeof(why));
    }
}

/* Cut services and the bad wire; the stack's own part comes first. */
static void main_cut(struct stackd *d, const struct app_config *ac, struct region *r)
{
    app_cut(&d->app, ac, r);
    imp_cut(&d->imp[STACKD_RX], r, IMP_HELD_DEFAULT);
    imp_cut(&d->imp[STACKD_TX], r, IMP_HELD_DEFAULT);
}

static int main_services(struct stackd *d, char *err, size_t err_len)
{
    static const char *const defaults[] = {"echo", "discard", "daytime", "chargen", "time", "http"};
    const struct stackd_options *o = &d->opt;
    unsigned count = o->default_services ? (unsigned)ARRAY_LEN(defaults) : o->service_count;

    for (unsigned i = 0; i < count; i++) {
        const char *name = o->default_services ? defaults[i] : o->service[i].name;
        uint16_t port = o->default_services ? 0 : o->service[i].port;
        int why = app_start(&d->app, name, port);

        if (why < 0) {
            const char *what = why == -ENOSPC ? "too many services" : strerror(-why);
            const char *mend = why == -ENOSPC || why == -EMFILE
                                   ? "leave some out"
                                   : "give each service a port of its own";

            snprintf(err, err_len, "--service %s:%u: %s: %s", name,
                     port != 0 ? port : app_service_find(name)->port, what, mend);
            return -1;
        }
    }
    return 0;
}

static int main_stack(struct stackd *d, char *err, size_t err_len)
{
    struct net_config cfg;
    struct app_config ac;
    struct region r = {0};

    main_config(d, &cfg);
    app_config_default(&ac);
    ac.connections = main_share(d, d->opt.connections);
    ac.blocks = u32_max(ac.blocks, ac.connections / 4);
    ac.ports = 2 * STACKD_SERVICES; /* each may have TCP and UDP */
    main_cut(d, &ac, &r);
    size_t net_len = (net_mem_size(&cfg) + 4095) & ~(size_t)4095;

    d->mem_len = net_len + r.used;
    d->mem = pages_map(d->mem_len, d->opt.connections);
    if (d->mem == MAP_FAILED) {
        snprintf(err, err_len, "%zu MiB of address space: %s: raise the limit (ulimit -v)",
                 d->mem_len >> 20, strerror(errno));
        return -1;
    }
    int why = net_init(&d->net, &cfg, d->mem, net_len);

    if (why < 0) {
        snprintf(err, err_len, "starting the stack: %s: check --ip, --gateway and --mtu",
                 strerror(-why));
        return -1;
    }
    r = (struct region){.p = (uint8_t *)d->mem + net_len, .len = d->mem_len - net_len};
    main_cut(d, &ac, &r);
    for (int dir = 0; dir < STACKD_FAULT_DIRS; dir++) {
        imp_init(&d->imp[dir], &d->net.core, dir == STACKD_RX ? "rx" : "tx", d->opt.seed,
                 (uint64_t)d->queue * STACKD_FAULT_DIRS + (uint64_t)dir + 1);
        (void)imp_set(&d->imp[dir], &d->opt.fault[dir]);
    }
    struct app_env env = {
        .core = &d->net.core,
        .socks = net_socks(&d->net),
        .tcp = &d->net.tcp,
        .arp = &d->net.ifs[0].arp,
        .files = d->opt.http_root != NULL ? &d->files : NULL,
        .calendar = main_calendar,
    };

    why = app_init(&d->app, &env);
    if (why < 0) {
        snprintf(err, err_len, "starting the services: %s", strerror(-why));
        return -1;
    }
    return main_services(d, err, err_len);
}

static int main_port(struct stackd *d, char *err, size_t err_len)
{
    struct stackd_options *o = &d->opt;

    if (o->wire == STACKD_WIRE_TAP)
        d->port = port_open_tap(o->ifname, o->mtu, o->offload, o->queues > 1, err, err_len);
    else if (o->wire == STACKD_WIRE_FD)
        d->port = port_open_fd(o->fd[0], o->mtu, o->offload, err, err_len);
    else
        d->port = port_open_raw(o->ifname, o->mtu, err, err_len);
    if (d->port == NULL || host_check(d, err, err_len) < 0)
        return -1;
    if (o->io != STACKD_IO_READ &&
        port_use_uring(d->port, o->io == STACKD_IO_AUTO, err, err_len) < 0 &&
        o->io == STACKD_IO_URING)
        return -1;
    if (o->wire == STACKD_WIRE_FD) {
        memcpy(o->ifname, d->port->name, sizeof(o->ifname));
        options_named(o);
    }
    if (o->queues > 1 && queues_open(d, err, err_len) < 0)
        return -1;
    return o->host_config ? host_config(d, err, err_len) : 0;
}

static int main_signals(struct stackd *d)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone shows as an error of write(2) */
    d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return d->signal_fd < 0 ? -1 : 0;
}

int stackd_pin(const struct stackd_options *o, unsigned i, char *err, size_t err_len)
{
    cpu_set_t set;

    if (o->cpu[i] < 0)
        return 0;
    CPU_ZERO(&set);
    CPU_SET((size_t)o->cpu[i], &set);
    if (sched_setaffinity(0, sizeof(set), &set) == 0)
        return 0;
    snprintf(err, err_len, "--cpu %d: %s: `nproc` and `taskset -p $$` show what there is",
             o->cpu[i], errno == EINVAL ? "no such processor, or none of ours" : strerror(errno));
    return -1;
}

static int main_awake(struct stackd *d, char *err, size_t err_len)
{
    static const char path[] = "/dev/cpu_dma_latency";

    d->loop.awake_fd = -1;
    if (!d->opt.stay_awake)
        return 0;
    d->loop.awake_fd = open(path, O_WRONLY | O_CLOEXEC);
    if (d->loop.awake_fd >= 0)
        return 0;
    snprintf(err, err_len, "--stay-awake: %s: %s: become root, or leave it out", path,
             strerror(errno));
    return -1;
}

/* Each queue's host on its queue's processor, so that the memory it touches is that processor's; the first
 * last, so that we stay there. */
static int main_hosts(struct stackd *d, char *err, size_t err_len)
{
    for (unsigned i = queues_count(d); i-- > 0;) {
        struct stackd *q = queues_at(d, i);

        if (stackd_pin(&d->opt, i, err, err_len) < 0)
            return -1;
        if (d->opt.http_root != NULL) {
            int why = files_open_root(&q->root, d->opt.http_root, &q->files);

            if (why < 0) {
                snprintf(err, err_len, "--http-root %s: %s: name a directory that we may read",
                         d->opt.http_root, strerror(-why));
                return -1;
            }
        }
        if (main_stack(q, err, err_len) < 0 || main_awake(q, err, err_len) < 0)
            return -1;
    }
    return queues_connect(d, err, err_len);
}

static int main_up(struct stackd *d, char *err, size_t err_len)
{
    struct stackd_options *o = &d->opt;

    if (main_signals(d) < 0) {
        snprintf(err, err_len, "signals: %s", strerror(errno));
        return -1;
    }
    if (!o->seed_given && getrandom(&o->seed, sizeof(o->seed), 0) != sizeof(o->seed)) {
        snprintf(err, err_len, "no randomness: %s: give --seed", strerror(errno));
        return -1;
    }
    d->started = stackd_now();
    if (o->netns && netns_enter(d, err, err_len) < 0)
        return -1;
    if (o->command != NULL && netns_command(d, err, err_len) < 0)
        return -1;
    /* After the fork: the command runs where it likes. */
    if (main_port(d, err, err_len) < 0 || main_hosts(d, err, err_len) < 0 ||
        sink_open(d, err, err_len) < 0)
        return -1;
    if (o->control[0] != '\0') {
        d->ctl = control_open(d, o->control, err, err_len);
        if (d->ctl == NULL && o->control_given)
            return -1;
        if (d->ctl == NULL)
            sink_say("%s (going on without a control socket)", err);
    }
    if (privileges_drop(d->host_addr_added, err, err_len) < 0)
        return -1;
    return queues_start(d, err, err_len); /* threads inherit what is left of our rights */
}

void stackd_free(struct stackd *d)
{
    port_close(d->port);
    if (d->files.ctx != NULL)
        files_close_root(&d->root);
    if (d->mem != NULL && d->mem != MAP_FAILED)
        munmap(d->mem, d->mem_len);
}

static void main_down(struct stackd *d)
{
    queues_join(d);
    control_close(d->ctl);
    d->ctl = NULL;
    if (d->port != NULL) {
        sink_round(d);
        sink_close(d);
        host_restore(d);
    }
    queues_free(d);
    stackd_free(d);
    if (d->child_go >= 0)
        close(d->child_go); /* the command never started: now it ends */
    if (d->child > 0) {     /* it had a second since SIGTERM, and its network is gone */
        (void)kill(d->child, SIGKILL);
        (void)waitpid(d->child, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    static struct stackd d; /* large, and its parts point at each other */
    char err[MAIN_ERR];

    d.signal_fd = d.child_go = d.sink.fd = -1;
    d.first = &d;
    if (options_parse(&d.opt, argc, argv, err, sizeof(err)) < 0) {
        sink_say("%s", err);
        return EXIT_USAGE;
    }
    if (main_up(&d, err, sizeof(err)) < 0) {
        sink_say("%s", err);
        d.status = EXIT_REFUSED;
    } else {
        loop_run(&d);
    }
    main_down(&d);
    return d.status;
}
