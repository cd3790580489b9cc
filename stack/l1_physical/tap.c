/*
 * tap.c - a TAP device of Linux: an Ethernet card whose cable ends in our process.
 *
 * What the kernel sends out of the interface we read, what we write the kernel receives. Opening
 * /dev/net/tun and naming an interface makes it, if it is not there (CAP_NET_ADMIN), or attaches to
 * it (allowed to its owner, see `ip tuntap add ... user`). Without IFF_PERSIST, which we never set,
 * an interface that we made vanishes with the descriptor, whatever way the process ends.
 *
 * IFF_VNET_HDR puts a struct virtio_net_hdr in front of each frame, and TUNSETOFFLOAD tells the
 * kernel what we take: partial checksums (TUN_F_CSUM), TCP over IPv4 in segments of up to 64 KiB
 * (TUN_F_TSO4, also with CWR in them: TUN_F_TSO_ECN), and UDP datagrams of one length that a sender with
 * UDP_SEGMENT has put in one (TUN_F_USO4, Linux 6.2). The kernel then hands over frames with the
 * checksum missing, as long as its sender made them, and takes the like from us. Where it refuses we ask
 * for less, down to nothing. The two directions are one: a device that gives long segments takes them.
 *
 * TUN_F_USO6 comes along, as the kernel refuses one without the other: such a train over IPv6 is then one
 * frame that eth_input() drops, instead of many. Not asked for: TSO6, as there is no IPv6 here.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "l1_physical/offload.h"
#include "l1_physical/port_impl.h"

/* include/uapi/linux/if_tun.h of Linux 6.2; headers may be older than the kernel (those of Debian 12 are). */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static int tap_recv(struct port *port, struct pkt *p)
{
    ssize_t n = read(port->fd, pkt_data(p) - port->vnet_len, port->vnet_len + pkt_room(p));

    return port_read_len(port, p, n < 0 ? -errno : (int)n);
}

static int tap_writev(struct port *port, const struct iovec *iov, int count)
{
    return writev(port->fd, iov, count) < 0 ? -errno : 0;
}

static int tap_send(struct port *port, const struct pkt *p)
{
    struct iovec iov[2];

    if (port_write_iov(port, p, iov) == 2)
        return tap_writev(port, iov, 2);
    return write(port->fd, iov[0].iov_base, iov[0].iov_len) < 0 ? -errno : 0;
}

static int tap_send_bytes(struct port *port, const uint8_t *frame, size_t len)
{
    uint8_t hdr[OFFLOAD_VNET_LEN] = {0};
    struct iovec iov[2] = {
        {hdr,                      sizeof(hdr)},
        {(void *)(uintptr_t)frame, len        }
    };

    return port->vnet ? tap_writev(port, iov, 2) : tap_writev(port, iov + 1, 1);
}

static void tap_close(struct port *port)
{
    if (port->fd >= 0)
        close(port->fd);
}

const struct port_ops tap_ops = {tap_recv, tap_send, tap_send_bytes, NULL, tap_close};

/* Ask for the most, and for less where that is refused. */
static void tap_offload(struct port *port, enum port_offload offload)
{
    static const unsigned wishes[] = {
        TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
        TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN,
        TUN_F_CSUM | TUN_F_TSO4,
        TUN_F_CSUM,
    };
    bool granted = false;

    for (size_t i = 0; port->vnet && offload != PORT_OFFLOAD_OFF && i < ARRAY_LEN(wishes); i++) {
        if (ioctl(port->fd, TUNSETOFFLOAD, wishes[i]) == 0) {
            granted = port->csum = true;
            port->tso = (wishes[i] & TUN_F_TSO4) != 0;
            port->uso = (wishes[i] & TUN_F_USO4) != 0;
            break;
        }
    }
    /* An earlier user of a lasting TAP may have left offloads switched on. */
    if (!granted)
        (void)ioctl(port->fd, TUNSETOFFLOAD, 0);
}

/* Settle on what travels in front of each frame, once the descriptor is attached. */
static int tap_negotiate(struct port *port, bool vnet, enum port_offload offload, char *err,
                         size_t err_len)
{
    int len = OFFLOAD_VNET_LEN;

    port->vnet = vnet && ioctl(port->fd, TUNSETVNETHDRSZ, &len) == 0;
    if (vnet && !port->vnet) {
        snprintf(err, err_len, "%s: setting the offload header: %s: try --offload off", port->name,
                 strerror(errno));
        return -1;
    }
    port->vnet_len = port->vnet ? OFFLOAD_VNET_LEN : 0;
    tap_offload(port, offload);
    if (offload == PORT_OFFLOAD_ON && !port->tso) {
        snprintf(err, err_len, "%s: the device has no %s offload: try --offload auto", port->name,
                 port->csum ? "segmentation" : "checksum");
        return -1;
    }
    int flags = fcntl(port->fd, F_GETFL);

    if (flags < 0 || fcntl(port->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(port->fd, F_SETFD, FD_CLOEXEC) < 0) {
        snprintf(err, err_len, "%s: %s", port->name, strerror(errno));
        return -1;
    }
    return 0;
}

static void tap_explain_open(char *err, size_t err_len, int why)
{
    if (why == ENOENT)
        snprintf(err, err_len,
                 "/dev/net/tun is missing: try `modprobe tun`, or in a container "
                 "--device /dev/net/tun --cap-add NET_ADMIN");
    else if (why == EACCES || why == EPERM)
        snprintf(err, err_len,
                 "/dev/net/tun may not be opened: become root, or have root run "
                 "`chmod 666 /dev/net/tun` (in a container: --device /dev/net/tun)");
    else if (why == ENODEV || why == ENXIO)
        snprintf(err, err_len, "/dev/net/tun has no driver: try `modprobe tun`");
    else
        snprintf(err, err_len, "/dev/net/tun: %s", strerror(why));
}

static void tap_explain_attach(const char *name, bool existed, bool multi, char *err,
                               size_t err_len, int why)
{
    if (why == EBUSY)
        snprintf(err, err_len,
                 "%s is in use by another process: choose another --tap, or end that process",
                 name);
    else if ((why == EPERM || why == EACCES) && existed)
        snprintf(err, err_len,
                 "%s belongs to another user: become root, or make it yours with `ip tuntap add "
                 "dev %s mode tap user NAME`",
                 name, name);
    else if (why == EPERM || why == EACCES)
        snprintf(err, err_len,
                 "making %s needs CAP_NET_ADMIN: become root, or use --netns (in a container: "
                 "--cap-add NET_ADMIN)",
                 name);
    else if (why == EINVAL && existed && multi)
        snprintf(err, err_len,
                 "%s is there and has one queue only: leave --queues out, or make it with `ip "
                 "tuntap add "
                 "dev %s mode tap multi_queue`",
                 name, name);
    else if (why == EINVAL && existed)
        snprintf(err, err_len,
                 "%s is there and not a TAP with one queue: choose another --tap, or --queues 2 or "
                 "more if it was made with multi_queue",
                 name);
    else if (why == E2BIG)
        snprintf(err, err_len, "%s: the kernel gives no TAP so many queues: fewer --queues", name);
    else
        snprintf(err, err_len, "%s: %s: choose another --tap", name, strerror(why));
}

/* Return: 0 or a positive errno value. */
static int tap_attach(struct port *port, bool vnet, bool multi)
{
    struct ifreq ifr = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0) |
                                             (multi ? IFF_MULTI_QUEUE : 0))};

    memcpy(ifr.ifr_name, port->name, sizeof(ifr.ifr_name));
    if (ioctl(port->fd, TUNSETIFF, &ifr) < 0)
        return errno;
    memcpy(port->name, ifr.ifr_name, sizeof(port->name));
    return 0;
}

/* Is somebody attached already? With one queue the kernel refuses the second, with several it does not,
 * and would give each a part of the frames. */
static bool tap_in_use(const char *name)
{
    struct ifreq ifr = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    bool is_running = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 &&
                      (ifr.ifr_flags & IFF_RUNNING) != 0; /* up, and with a carrier */

    if (fd >= 0)
        close(fd);
    return is_running;
}

/* @joins: beside a port of ours. */
static struct port *tap_open(const char *name, uint16_t mtu, enum port_offload offload, bool multi,
                             bool joins, char *err, size_t err_len)
{
    struct port *port = port_new(&tap_ops, PORT_TAP, name, mtu, err, err_len);
    bool vnet = offload != PORT_OFFLOAD_OFF;

    if (port == NULL)
        return NULL;
    bool existed = if_nametoindex(name) != 0;

    if (existed && multi && !joins && tap_in_use(name)) {
        tap_explain_attach(name, existed, multi, err, err_len, EBUSY);
        goto fail;
    }
    port->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port->fd < 0) {
        tap_explain_open(err, err_len, errno);
        goto fail;
    }
    int why = tap_attach(port, vnet, multi);

    if (why == EINVAL && vnet) { /* a kernel or a TAP that does not know the header: do without */
        vnet = false;
        why = tap_attach(port, vnet, multi);
    }
    if (why != 0) {
        tap_explain_attach(name, existed, multi, err, err_len, why);
        goto fail;
    }
    port->made = !existed;
    if (tap_negotiate(port, vnet, offload, err, err_len) == 0)
        return port;
fail:
    port_close(port);
    return NULL;
}

struct port *port_open_tap(const char *name, uint16_t mtu, enum port_offload offload, bool multi,
                           char *err, size_t err_len)
{
    return tap_open(name, mtu, offload, multi, false, err, err_len);
}

struct port *port_open_queue(const struct port *first, enum port_offload offload, char *err,
                             size_t err_len)
{
    return tap_open(first->name, first->mtu, offload, true, true, err, err_len);
}

struct port *port_open_fd(int fd, uint16_t mtu, enum port_offload offload, char *err,
                          size_t err_len)
{
    struct ifreq ifr = {0};

    if (ioctl(fd, TUNGETIFF, &ifr) < 0) {
        snprintf(err, err_len,
                 "--fd %d: %s: it must be a descriptor of /dev/net/tun after TUNSETIFF", fd,
                 errno == EBADF ? "not open" : "not an attached TAP");
        return NULL;
    }
    if (!(ifr.ifr_flags & IFF_TAP) || !(ifr.ifr_flags & IFF_NO_PI)) {
        snprintf(err, err_len, "--fd %d: %s: open it with IFF_TAP | IFF_NO_PI", fd,
                 ifr.ifr_flags & IFF_TAP ? "has packet information in front of its frames"
                                         : "a TUN, not a TAP");
        return NULL;
    }
    struct port *port = port_new(&tap_ops, PORT_TAP, ifr.ifr_name, mtu, err, err_len);

    if (port == NULL)
        return NULL;
    port->fd = fd;
    if (tap_negotiate(port, (ifr.ifr_flags & IFF_VNET_HDR) != 0, offload, err, err_len) == 0)
        return port;
    port_close(port);
    return NULL;
}
