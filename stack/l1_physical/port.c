/*
 * port.c - what all ports have in common: batches, long frames, completing what a device cannot do.
 */
#include "l1_physical/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "l1_physical/offload.h"
#include "l1_physical/port_impl.h"

struct port *port_new(const struct port_ops *ops, enum port_kind kind, const char *name,
                      uint16_t mtu, char *err, size_t err_len)
{
    struct port *port = calloc(1, sizeof(*port));
    uint8_t *scratch = malloc(PORT_FRAME_MAX); /* touched only as far as frames reach */

    if (port == NULL || scratch == NULL) {
        free(port);
        free(scratch);
        snprintf(err, err_len, "out of memory");
        return NULL;
    }
    port->ops = ops;
    port->kind = kind;
    port->fd = -1;
    port->mtu = mtu;
    port->scratch = scratch;
    snprintf(port->name, sizeof(port->name), "%s", name);
    return port;
}

void port_close(struct port *port)
{
    if (port == NULL)
        return;
    port->ops->close(port);
    free(port->scratch);
    free(port);
}

void port_update_stats(struct port *port)
{
    if (port->ops->update_stats != NULL)
        port->ops->update_stats(port);
}

/* The frame of @len bytes is longer than @p, which holds its beginning; scratch holds the rest. */
static struct pkt *port_into_big(struct port *port, struct pkt_pool *bigs, struct pkt *p,
                                 uint32_t len)
{
    uint32_t room = pkt_room(p);
    struct pkt *big = pkt_alloc(bigs, PORT_HEADROOM);

    if (big != NULL && len <= pkt_room(big)) {
        memcpy(pkt_append(big, room), pkt_data(p), room);
        memcpy(pkt_append(big, len - room), port->scratch, len - room);
    } else {
        port->stats.rx_too_long++;
        pkt_release(big);
        big = NULL;
    }
    pkt_release(p);
    return big;
}

int port_recv(struct port *port, struct pkt_pool *pkts, struct pkt_pool *bigs, struct pkt **out,
              int max)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];
    int n = 0;

    while (n < max) {
        struct pkt *p = pkt_alloc(pkts, PORT_HEADROOM);

        if (p == NULL) {
            port->stats.rx_no_packet++;
            break;
        }
        int len = port->ops->recv(port, p, hdr);

        if (len < 0) {
            pkt_release(p);
            if (len == -EBADMSG)
                continue;
            if (len == -EAGAIN || n > 0)
                break;
            return len;
        }
        port->stats.rx_frames++;
        port->stats.rx_bytes += (uint64_t)len;
        if ((uint32_t)len <= pkt_room(p))
            p->len = (uint32_t)len;
        else if ((p = port_into_big(port, bigs, p, (uint32_t)len)) == NULL)
            continue;
        if (port->vnet && !offload_from_vnet(p, hdr)) {
            port->stats.rx_bad_vnet++;
            pkt_release(p);
            continue;
        }
        out[n++] = p;
    }
    return n;
}

/* A segment that the device cannot cut: cut it here. Return: 0, or the last error. */
static int port_send_cut(struct port *port, const struct pkt *p)
{
    struct offload_cut c;
    size_t len;
    int err = -EMSGSIZE;

    if (!offload_cut_begin(&c, p))
        return err;
    while ((len = offload_cut_next(&c, port->scratch, PORT_FRAME_MAX)) > 0)
        err = port->ops->send_bytes(port, port->scratch, len);
    return err;
}

int port_send(struct port *port, struct pkt **pkts, int n)
{
    int taken = 0;

    for (int i = 0; i < n; i++) {
        struct pkt *p = pkts[i];
        uint32_t len = pkt_total(p);
        int err;

        if (p->gso_size > 0 && len > (uint32_t)port->mtu + 14 && !port->tso) {
            err = port_send_cut(port, p);
        } else {
            if (!port->csum)
                pkt_csum_complete(p);
            err = port->ops->send(port, p);
        }
        if (err == 0) {
            port->stats.tx_frames++;
            port->stats.tx_bytes += len;
            taken++;
        } else if (err == -EAGAIN || err == -ENOBUFS) {
            port->stats.tx_full++;
        } else {
            port->stats.tx_error++;
        }
    }
    return taken;
}
