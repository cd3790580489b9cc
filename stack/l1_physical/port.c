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
    pkt_release(port->spare);
    free(port->scratch);
    free(port);
}

void port_update_stats(struct port *port)
{
    if (port->ops->update_stats != NULL)
        port->ops->update_stats(port);
}

/* Have a big packet at hand, and say where it takes what follows @room bytes of a frame. */
static struct port_rest port_rest(struct port *port, struct pkt_pool *bigs, uint32_t room)
{
    if (port->spare == NULL)
        port->spare = pkt_alloc(bigs, PORT_HEADROOM);
    if (port->spare == NULL || pkt_room(port->spare) <= room)
        return (struct port_rest){port->scratch, PORT_FRAME_MAX};
    return (struct port_rest){pkt_data(port->spare) + room, pkt_room(port->spare) - room};
}

/* The frame of @len bytes is longer than @p, which holds its beginning; the spare holds the rest. */
static struct pkt *port_into_big(struct port *port, const struct pkt *p, uint32_t len)
{
    struct pkt *big = port->spare;

    if (big == NULL) {
        port->stats.rx_no_big++;
        return NULL;
    }
    if (len > pkt_room(big)) {
        port->stats.rx_too_long++;
        return NULL;
    }
    port->spare = NULL;
    memcpy(pkt_append(big, len), pkt_data(p), pkt_room(p));
    return big;
}

/* One frame, or NULL with the reason in @why: 0 passed over, or as port_ops.recv says. */
static struct pkt *port_recv_one(struct port *port, struct pkt *p, struct pkt_pool *bigs, int *why)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];
    int len = port->ops->recv(port, p, port_rest(port, bigs, pkt_room(p)), hdr);

    *why = len == -EBADMSG ? 0 : len;
    if (len < 0)
        return NULL;
    *why = 0;
    port->stats.rx_frames++;
    port->stats.rx_bytes += (uint64_t)len;
    if ((uint32_t)len <= pkt_room(p))
        p->len = (uint32_t)len;
    else if ((p = port_into_big(port, p, (uint32_t)len)) == NULL)
        return NULL;
    if (!port->vnet || offload_from_vnet(p, hdr))
        return p;
    port->stats.rx_bad_vnet++;
    if (p->pool == bigs)
        pkt_release(p);
    else
        p->len = 0;
    return NULL;
}

int port_recv(struct port *port, struct pkt_pool *pkts, struct pkt_pool *bigs, struct pkt **out,
              int max)
{
    uint64_t until = port->stats.rx_bytes + PORT_BATCH_BYTES;
    struct pkt *p = NULL;
    int n = 0, why = 0;

    port->more = true;
    while (n < max && port->stats.rx_bytes < until) {
        if (p == NULL && (p = pkt_alloc(pkts, PORT_HEADROOM)) == NULL) {
            port->stats.rx_no_packet++;
            break;
        }
        struct pkt *got = port_recv_one(port, p, bigs, &why);

        if (got != NULL)
            out[n++] = got;
        if (got == p)
            p = NULL;
        if (why < 0) {
            port->more = false;
            break;
        }
    }
    pkt_release(p);
    return why < 0 && why != -EAGAIN && n == 0 ? why : n;
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
