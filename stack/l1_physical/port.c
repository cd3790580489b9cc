/*
 * port.c - what all ports have in common: batches, long frames, completing what a device cannot do.
 */
#include "l1_physical/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "l1_physical/offload.h"
#include "l1_physical/port_impl.h"
#include "l1_physical/uring.h"

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
    uring_stop(port);
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

/*
 * The next frame, into the buffer *@at: one of those of io_uring, the spare big packet, or @small.
 * Return: its bytes, more than the buffer's if they did not all fit; or as port_ops.recv says.
 */
static int port_next(struct port *port, struct pkt_pool *bigs, struct pkt **small, struct pkt ***at)
{
    if (port->ring != NULL) {
        int len = uring_recv(port, (*small)->pool, bigs, at);

        if (len != -ENOBUFS)
            return len;
    }
    if (port->tso && port->spare == NULL)
        port->spare = pkt_alloc(bigs, PORT_HEADROOM);
    *at = port->tso && port->spare != NULL ? &port->spare : small;
    return port->ops->recv(port, **at);
}

/* Take the frame of @len bytes out of the buffer *@at. @bigs: NULL, or for what is joined; @out: where
 * the packet will stand. Return: the packet; NULL: refused and counted, or joined to one before, and
 * the buffer serves the next frame. */
static struct pkt *port_take(struct port *port, struct pkt **small, struct pkt **at, uint32_t len,
                             struct pkt_pool *bigs, struct pkt **out)
{
    struct pkt *p = *at;

    port->stats.rx_frames++;
    port->stats.rx_bytes += len;
    if (len > pkt_room(p)) {
        if (at == small && port->tso)
            port->stats.rx_no_big++;
        else
            port->stats.rx_too_long++;
        return NULL;
    }
    if (p->pool != (*small)->pool && len <= pkt_room(*small)) {
        memcpy(pkt_data(*small) - OFFLOAD_VNET_LEN, pkt_data(p) - OFFLOAD_VNET_LEN,
               len + OFFLOAD_VNET_LEN);
        at = small;
        p = *small;
    }
    p->len = len;
    if (port->vnet && !offload_from_vnet(p, pkt_data(p) - OFFLOAD_VNET_LEN)) {
        port->stats.rx_bad_vnet++;
        p->len = 0;
        return NULL;
    }
    /* A frame longer than the MTU is refused above, and must not come in as part of a longer one. */
    if (bigs != NULL && len <= port->mtu + 14u && join_frame(&port->join, port->us, bigs, p, out)) {
        port->stats.rx_joined++;
        p->len = 0;
        return NULL;
    }
    *at = NULL;
    return p;
}

int port_recv(struct port *port, struct pkt_pool *pkts, struct pkt_pool *bigs, struct pkt **out,
              int max)
{
    uint64_t until = port->stats.rx_bytes + (port->tso ? PORT_BATCH_BYTES : PORT_BATCH_SHORT);
    struct pkt_pool *join = port->joins && !port->tso ? bigs : NULL;
    struct pkt *small = NULL, **at;
    int n = 0, len = 0;

    port->more = true;
    while (n < max && port->stats.rx_bytes < until) {
        if (small == NULL && (small = pkt_alloc(pkts, PORT_HEADROOM)) == NULL) {
            port->stats.rx_no_packet++;
            break;
        }
        len = port_next(port, bigs, &small, &at);
        if (len == -EBADMSG)
            continue;
        if (len < 0) {
            port->more = false;
            break;
        }
        out[n] = port_take(port, &small, at, (uint32_t)len, join, &out[n]);
        n += out[n] != NULL;
    }
    pkt_release(small);
    join_end(&port->join);
    return len < 0 && len != -EAGAIN && len != -EBADMSG && n == 0 ? len : n;
}

/* Is @p a segment, or a train of datagrams, that the device cannot cut? A segment that fits may stay one. */
static bool port_must_cut(const struct port *port, const struct pkt *p)
{
    if (likely(!pkt_is_train(p)))
        return p->gso_size > 0 && !port->tso && pkt_total(p) > (uint32_t)port->mtu + 14;
    return !port->uso;
}

/* What the device cannot cut: cut it here. Return: 0, or the last error. */
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

/* The device said @err about a frame of @len bytes. */
static void port_count(struct port *port, int err, uint32_t len)
{
    if (err == 0) {
        port->stats.tx_frames++;
        port->stats.tx_bytes += len;
    } else if (err == -EAGAIN || err == -ENOBUFS) {
        port->stats.tx_full++;
    } else {
        port->stats.tx_error++;
    }
}

/* Hand over all of @pkts at once. Return: whether that was possible. */
static bool port_send_batch(struct port *port, struct pkt **pkts, int n)
{
    int err[PORT_SEND_BATCH];

    if (port->ring == NULL || n > PORT_SEND_BATCH)
        return false;
    for (int i = 0; i < n; i++) {
        if (port_must_cut(port, pkts[i]))
            return false;
    }
    for (int i = 0; i < n && !port->csum; i++)
        pkt_csum_complete(pkts[i]);
    uring_send(port, pkts, n, err);
    for (int i = 0; i < n; i++)
        port_count(port, err[i], pkt_total(pkts[i]));
    return true;
}

int port_write_iov(const struct port *port, const struct pkt *p, struct iovec *iov)
{
    iov[0] = (struct iovec){pkt_data(p) - port->vnet_len, (size_t)port->vnet_len + p->len};
    iov[1] = (struct iovec){(void *)(uintptr_t)p->ext, p->ext_len};
    if (port->vnet)
        offload_to_vnet(p, iov[0].iov_base, pkt_is_train(p) ? port->uso : port->tso);
    return p->ext_len > 0 ? 2 : 1;
}

int port_send(struct port *port, struct pkt **pkts, int n)
{
    uint64_t before = port->stats.tx_frames;

    for (int i = 0; i < n; i++) {
        struct pkt *p = pkts[i];

        if (i % PORT_SEND_BATCH == 0) {
            int some = n - i < PORT_SEND_BATCH ? n - i : PORT_SEND_BATCH;

            if (port_send_batch(port, pkts + i, some)) {
                i += some - 1;
                continue;
            }
        }
        if (port_must_cut(port, p)) {
            port_count(port, port_send_cut(port, p), pkt_total(p));
            continue;
        }
        if (!port->csum)
            pkt_csum_complete(p);
        port_count(port, port->ops->send(port, p), pkt_total(p));
    }
    return (int)(port->stats.tx_frames - before);
}
