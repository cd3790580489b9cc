/*
 * rawsock.c - a real or veth interface through libpcap (AF_PACKET).
 *
 * We share the interface with the kernel: it sees every frame too, and both answer for their own
 * addresses. Promiscuous mode lets frames for our MAC address in; only incoming frames are read.
 * Sending goes past the kernel's stack, with complete checksums.
 *
 * Limits: frames from another stack of the same machine over veth may carry a partial checksum,
 * and libpcap has no way to tell (PACKET_AUXDATA stays inside it): such frames are refused as
 * damaged. Mend: `ethtool -K PEER tx off` on the other end. Frames that a network card joined
 * (GRO) are longer than the MTU and refused as well: `ethtool -K IFACE gro off`.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

#include "l1_physical/port_impl.h"

enum { RAWSOCK_BUFFER = 4 << 20 };

static int rawsock_recv(struct port *port, struct pkt *p)
{
    struct pcap_pkthdr *h;
    const u_char *bytes;
    int got = pcap_next_ex(port->pcap, &h, &bytes);

    if (got == 0)
        return -EAGAIN;
    if (got < 0)
        return -ENETDOWN;
    if (h->caplen < h->len)
        return -EBADMSG;
    memcpy(pkt_data(p), bytes, u32_min(h->len, pkt_room(p)));
    return (int)h->len;
}

static int rawsock_send_bytes(struct port *port, const uint8_t *frame, size_t len)
{
    if (pcap_inject(port->pcap, frame, len) < 0)
        return errno == EAGAIN || errno == ENOBUFS ? -ENOBUFS : -EIO;
    return 0;
}

static int rawsock_send(struct port *port, const struct pkt *p)
{
    if (p->ext_len == 0)
        return rawsock_send_bytes(port, pkt_data(p), p->len);
    if (pkt_total(p) > PORT_FRAME_MAX)
        return -EMSGSIZE;
    pkt_copy_out(p, port->scratch);
    return rawsock_send_bytes(port, port->scratch, pkt_total(p));
}

static void rawsock_update_stats(struct port *port)
{
    struct pcap_stat s;

    if (pcap_stats(port->pcap, &s) == 0)
        port->stats.rx_kernel_drop = s.ps_drop;
}

static void rawsock_close(struct port *port)
{
    if (port->pcap != NULL)
        pcap_close(port->pcap);
}

const struct port_ops rawsock_ops = {rawsock_recv, rawsock_send, rawsock_send_bytes,
                                     rawsock_update_stats, rawsock_close};

static void rawsock_explain(const char *name, int status, const char *text, char *err,
                            size_t err_len)
{
    switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        snprintf(err, err_len, "%s: no such interface: `ip link` shows those there are", name);
        break;
    case PCAP_ERROR_PERM_DENIED:
        snprintf(err, err_len, "%s: a raw interface needs CAP_NET_RAW: become root", name);
        break;
    case PCAP_ERROR_IFACE_NOT_UP:
        snprintf(err, err_len, "%s is down: try `ip link set %s up`", name, name);
        break;
    default:
        snprintf(err, err_len, "%s: %s", name, text[0] != '\0' ? text : pcap_statustostr(status));
    }
}

struct port *port_open_raw(const char *name, uint16_t mtu, char *err, size_t err_len)
{
    struct port *port = port_new(&rawsock_ops, PORT_RAW, name, mtu, err, err_len);
    char text[PCAP_ERRBUF_SIZE] = "";

    if (port == NULL)
        return NULL;
    port->pcap = pcap_create(name, text);
    if (port->pcap == NULL) {
        snprintf(err, err_len, "%s: %s", name, text);
        goto fail;
    }
    pcap_set_snaplen(port->pcap, 65535);
    pcap_set_promisc(port->pcap, 1);
    pcap_set_immediate_mode(port->pcap, 1);
    pcap_set_buffer_size(port->pcap, RAWSOCK_BUFFER);
    int status = pcap_activate(port->pcap);

    if (status < 0) {
        rawsock_explain(name, status, pcap_geterr(port->pcap), err, err_len);
        goto fail;
    }
    if (pcap_datalink(port->pcap) != DLT_EN10MB) {
        snprintf(err, err_len, "%s is not an Ethernet interface: choose another --raw", name);
        goto fail;
    }
    if (pcap_setdirection(port->pcap, PCAP_D_IN) < 0 || pcap_setnonblock(port->pcap, 1, text) < 0 ||
        (port->fd = pcap_get_selectable_fd(port->pcap)) < 0) {
        snprintf(err, err_len, "%s: %s", name, pcap_geterr(port->pcap));
        goto fail;
    }
    return port;
fail:
    port_close(port);
    return NULL;
}
