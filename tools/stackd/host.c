/*
 * host.c - the kernel's end of the cable: up, with our MTU and an address in our subnet.
 *
 * Only what is missing is changed, so that an ordinary user can attach to a TAP that root has set
 * up for him. What we add to a TAP of our own vanishes with it; from one that stays we take the
 * address away again.
 */
#include <errno.h>
#include <string.h>

#include "l1_physical/netlink.h"
#include "stackd.h"

/* A TAP has room for 1000 frames. Many senders with frames of up to 64 KiB on their way make better use
 * of more: 8 connections, 41 Gbit/s with windows that share 1000, 54 with as many as they like. */
enum { HOST_ADDRS = 256, HOST_QUEUE = 4096 };

static uint32_t host_mask(uint8_t prefix)
{
    return UINT32_MAX << (32 - prefix);
}

#define HOST_IP_ARGS(a) (a) >> 24, (a) >> 16 & 0xff, (a) >> 8 & 0xff, (a)&0xff

static int host_addrs(struct netlink *nl, struct netlink_addr *addr)
{
    int n = netlink_addrs(nl, addr, HOST_ADDRS);

    return n > HOST_ADDRS ? HOST_ADDRS : n;
}

int host_check(struct stackd *d, char *err, size_t err_len)
{
    const struct stackd_options *o = &d->opt;
    struct netlink_addr addr[HOST_ADDRS];
    struct netlink nl;

    if (netlink_open(&nl) < 0)
        return 0; /* no netlink, no opinion */
    int n = host_addrs(&nl, addr), bad = 0;

    for (int i = 0; i < n && bad == 0; i++) {
        uint8_t prefix = addr[i].prefix < o->prefix ? addr[i].prefix : o->prefix;
        bool is_ours = strcmp(addr[i].name, d->port->name) == 0;

        if (addr[i].ip == o->ip) {
            snprintf(err, err_len,
                     "%u.%u.%u.%u is this machine's own address, on %s: choose another --ip",
                     HOST_IP_ARGS(o->ip), addr[i].name);
            bad = -1;
        } else if (!is_ours && o->host_config && prefix > 0 &&
                   ((addr[i].ip ^ o->ip) & host_mask(prefix)) == 0) {
            snprintf(err, err_len,
                     "the subnet of %u.%u.%u.%u/%u is already on %s: choose another --ip, as --ip "
                     "10.77.0.2/24",
                     HOST_IP_ARGS(o->ip), o->prefix, addr[i].name);
            bad = -1;
        }
    }
    netlink_close(&nl);
    return bad;
}

uint32_t host_queue(const struct stackd *d)
{
    struct netlink_link link;
    struct netlink nl;

    if (d->port->kind != PORT_TAP || netlink_open(&nl) < 0)
        return 0;
    int why = netlink_link_get(&nl, d->port->name, &link);

    netlink_close(&nl);
    return why == 0 ? link.queue : 0;
}

static int host_refused(const struct stackd *d, const char *what, int why, char *err,
                        size_t err_len)
{
    const char *name = d->port->name;

    if (why == -EPERM || why == -EACCES)
        snprintf(err, err_len,
                 "%s: %s needs CAP_NET_ADMIN: become root, or set it up yourself and add "
                 "--no-host-config",
                 name, what);
    else if (why == -ENODEV)
        snprintf(err, err_len, "%s is not in this network namespace: add --no-host-config", name);
    else
        snprintf(err, err_len, "%s: %s: %s: try --no-host-config", name, what, strerror(-why));
    return -1;
}

int host_config(struct stackd *d, char *err, size_t err_len)
{
    const struct stackd_options *o = &d->opt;
    struct netlink_addr addr[HOST_ADDRS];
    struct netlink_link link;
    struct netlink nl;
    bool has_addr = false;
    int why = netlink_open(&nl), bad = 0;

    if (why < 0)
        return host_refused(d, "netlink", why, err, err_len);
    int n = host_addrs(&nl, addr);

    for (int i = 0; i < n; i++)
        has_addr |= strcmp(addr[i].name, d->port->name) == 0 && addr[i].ip == o->host_ip;
    why = netlink_link_get(&nl, d->port->name, &link);
    if (why == 0 && (!link.up || link.mtu != o->mtu))
        why = netlink_link_set(&nl, d->port->name, o->mtu, d->port->made ? HOST_QUEUE : 0);
    if (why < 0) {
        bad = host_refused(d, "bringing it up", why, err, err_len);
    } else if (!has_addr) {
        why = netlink_addr_add(&nl, d->port->name, o->host_ip, o->host_prefix);
        if (why < 0 && why != -EEXIST)
            bad = host_refused(d, "giving it an address", why, err, err_len);
        d->host_addr_added = why == 0 && !d->port->made;
    }
    netlink_close(&nl);
    return bad;
}

void host_restore(struct stackd *d)
{
    struct netlink nl;

    if (!d->host_addr_added || privileges_raise() < 0 || netlink_open(&nl) < 0)
        return;
    (void)netlink_addr_del(&nl, d->port->name, d->opt.host_ip, d->opt.host_prefix);
    netlink_close(&nl);
}
