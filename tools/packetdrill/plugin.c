/*
 * plugin.c - libstackd_packetdrill.so: the host, its addresses, and its descriptors.
 *
 * The library holds one host. packetdrill loads it once per script and never unloads it, so
 * packetdrill_interface_init() forgets everything that an earlier script left. The host begins to
 * exist with the first socket() or packet, because until then the settings file may still grow.
 *
 * Nobody tells a plug-in its addresses. It learns them: from bind(), and from the destination of
 * packets that are sent to it; a connect() before either leaves from 192.168.0.1. Behind the
 * interface stands a router which owns every other address.
 *
 * Descriptors are real ones, of the null device, because packetdrill closes what a script left open
 * by the system's own close().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "interface.h"
#include "plugin.h"
#include "settings.h"

static struct plugin plugin = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .handed = PTHREAD_COND_INITIALIZER,
};

/* ---- settings ---- */

static void plugin_ignored(const char *path, unsigned number, const char *line, const char *why)
{
    if (plugin.is_verbose)
        fprintf(stderr, "libstackd_packetdrill: %s:%u: ignored: %s (%s)\n", path, number, line,
                why);
}

static void plugin_settings(struct plugin *g, struct tcp_config *cfg)
{
    const char *path = getenv("PACKETDRILL_SYSCTL_FILE");
    char err[512];

    g->is_verbose = getenv("PACKETDRILL_VERBOSE") != NULL;
    if (path == NULL || path[0] == '\0' ||
        settings_file(cfg, path, plugin_ignored, err, sizeof(err)) || !g->is_verbose)
        return;
    fprintf(stderr, "libstackd_packetdrill: defaults are used: %s\n", err);
}

/* ---- the host ---- */

int plugin_up(struct plugin *g)
{
    struct net_config cfg;

    if (g->is_up)
        return 0;
    net_config_default(&cfg);
    cfg.seed = 1;
    cfg.start = g->now;
    cfg.packets = 8192;
    cfg.bigs = 32;
    cfg.buffer_bytes = (size_t)64 << 20;
    cfg.txq = 4096;
    cfg.ifs[0].addr_count = 0;
    cfg.ifs[0].arp.detect = false;
    cfg.ifs[0].arp.reachable = PLUGIN_FOREVER * 4; /* no script speaks of ARP */
    cfg.tcp.connections = 1024;
    cfg.tcp.idle = 1024;
    cfg.tcp.half_open = 256;
    cfg.tcp.time_wait = 1024;
    cfg.tcp.listeners = 64;
    cfg.tcp.oob_inline = false; /* as Linux begins */
    cfg.udp.sockets = 64;
    cfg.socks = (struct socks_config){.sockets = 1024, .polls = 16};
    plugin_settings(g, &cfg.tcp);
    g->memory_len = net_mem_size(&cfg);
    g->memory = mmap(NULL, g->memory_len, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (g->memory == MAP_FAILED) {
        g->memory = NULL;
        return -ENOMEM;
    }
    int err = net_init(&g->net, &cfg, g->memory, g->memory_len);

    g->is_up = err == 0;
    if (err < 0 && g->is_verbose)
        fprintf(stderr, "libstackd_packetdrill: no host with these settings: %s\n", strerror(-err));
    return err;
}

int plugin_local(struct plugin *g, uint32_t ip)
{
    struct ip_addr a = ip_addr_v4(ip);
    int err = plugin_up(g);

    if (err < 0 || ip_is_local(&g->net.ip, a))
        return err;
    err = ip_addr_add(&g->net.ip, 0, ip, 16);
    if (err < 0 || g->local != 0)
        return err;
    g->local = ip;
    uint32_t router = ip ^ 3;

    if ((router & 0xffff) == 0 || (router & 0xffff) == 0xffff)
        router = ip ^ 1;
    err = arp_set(&g->net.ifs[0].arp, router, wire_mac);
    return err < 0 ? err : ip_route_add(&g->net.ip, 0, 0, router, 0, 0);
}

static void plugin_down(struct plugin *g)
{
    plugin_release(g, -EBADF);
    wire_forget(g);
    if (g->memory != NULL)
        munmap(g->memory, g->memory_len);
    g->memory = NULL;
    g->is_up = false;
    g->local = 0;
    g->now = PLUGIN_START;
    g->woken_count = 0;
    memset(g->fds, 0, sizeof(g->fds));
}

/* ---- descriptors ---- */

struct plugin_fd *plugin_fd(struct plugin *g, int fd)
{
    if (fd < 0 || fd >= PLUGIN_FDS || g->fds[fd].kind == PLUGIN_FREE)
        return NULL;
    return &g->fds[fd];
}

struct plugin_fd *plugin_sock(struct plugin *g, int fd)
{
    struct plugin_fd *f = plugin_fd(g, fd);

    return f != NULL && f->kind == PLUGIN_SOCK ? f : NULL;
}

static int plugin_end(struct plugin *g, struct plugin_fd *f)
{
    int err = 0;

    if (f->kind == PLUGIN_SOCK)
        err = sock_close(g->net.socks, f->sd);
    else if (f->kind == PLUGIN_EPOLL)
        poll_close(g->net.socks, f->sd);
    *f = (struct plugin_fd){0};
    return err;
}

int plugin_open(struct plugin *g, enum plugin_kind kind, int sd, bool is_udp)
{
    struct plugin_fd f = {.kind = kind, .sd = sd, .is_udp = is_udp};
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC), err = fd < 0 ? -errno : 0;

    if (fd >= PLUGIN_FDS) {
        close(fd);
        err = -EMFILE;
    }
    if (err < 0) {
        plugin_end(g, &f);
        return err;
    }
    /* A number of ours that comes again was closed behind our back. */
    plugin_end(g, &g->fds[fd]);
    g->fds[fd] = f;
    return fd;
}

int plugin_shut(struct plugin *g, int fd)
{
    struct plugin_fd *f = plugin_fd(g, fd);

    if (f == NULL)
        return -EBADF;
    int err = plugin_end(g, f);

    close(fd);
    return err;
}

/* ---- loading ---- */

static void plugin_free(void *userdata)
{
    struct plugin *g = userdata;

    pthread_mutex_lock(&g->lock);
    plugin_down(g);
    pthread_mutex_unlock(&g->lock);
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
    (void)flags;
    plugin_free(&plugin);
    ifc->userdata = &plugin;
    ifc->free = plugin_free;
    calls_fill(ifc);
    data_fill(ifc);
    options_fill(ifc);
    poll_fill(ifc);
    wire_fill(ifc);
    clock_fill(ifc);
}
