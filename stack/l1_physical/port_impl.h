/*
 * port_impl.h - what the files of a port share: the kinds behind struct port.
 */
#ifndef STACKD_PORT_IMPL_H
#define STACKD_PORT_IMPL_H

#include <errno.h>

#include "l1_physical/port.h"

/* A kind of device. */
struct port_ops {
    /* One frame into the room of the empty packet @p; if port->vnet, its metadata into the
     * OFFLOAD_VNET_LEN bytes in front of it. Return: bytes of the frame, or at least more than
     * there was room for; -EAGAIN, -EBADMSG (frame refused), or an error. */
    int (*recv)(struct port *port, struct pkt *p);
    /* One frame as its metadata say, which may write into its headroom; bytes that are complete.
     * Return: 0 or a negative errno. */
    int (*send)(struct port *port, const struct pkt *p);
    int (*send_bytes)(struct port *port, const uint8_t *frame, size_t len);
    void (*update_stats)(struct port *port); /* NULL: nothing to ask */
    void (*close)(struct port *port);
};

enum { PORT_SEND_BATCH = 64 }; /* frames handed over at once */

extern const struct port_ops tap_ops, rawsock_ops;

/** port_new - an empty port; NULL with a line in @err. */
struct port *port_new(const struct port_ops *ops, enum port_kind kind, const char *name,
                      uint16_t mtu, char *err, size_t err_len);

/** port_read_len - what a read of @got bytes, or a negative errno value, into @p means for a frame: as
 * port_ops.recv says. The kernel cuts a frame that does not fit, and does not say so: a full buffer is
 * too small. */
static inline int port_read_len(const struct port *port, const struct pkt *p, int got)
{
    if (got < 0)
        return got;
    if (got < port->vnet_len)
        return -EBADMSG;
    int len = got - port->vnet_len;

    return len + ((uint32_t)len == pkt_room(p) ? 1 : 0);
}

struct iovec;

/** port_write_iov - @p as a write wants it, its metadata in front. @iov: two elements. Return: how many
 * of them are used. */
int port_write_iov(const struct port *port, const struct pkt *p, struct iovec *iov);

#endif
