/*
 * port_impl.h - what the files of a port share: the kinds behind struct port.
 */
#ifndef STACKD_PORT_IMPL_H
#define STACKD_PORT_IMPL_H

#include "l1_physical/port.h"

/* Where the bytes of a frame go that an ordinary packet has no room for. */
struct port_rest {
    uint8_t *p;
    uint32_t len;
};

/* A kind of device. */
struct port_ops {
    /* One frame into @p, which has room for an ordinary one; the rest of a longer one goes to
     * @rest; @hdr receives OFFLOAD_VNET_LEN bytes of metadata if port->vnet. Return: bytes of the
     * frame, -EAGAIN, -EBADMSG (frame refused), or an error. */
    int (*recv)(struct port *port, struct pkt *p, struct port_rest rest, uint8_t *hdr);
    /* One frame as its metadata say; bytes that are complete. Return: 0 or a negative errno. */
    int (*send)(struct port *port, const struct pkt *p);
    int (*send_bytes)(struct port *port, const uint8_t *frame, size_t len);
    void (*update_stats)(struct port *port); /* NULL: nothing to ask */
    void (*close)(struct port *port);
};

extern const struct port_ops tap_ops, rawsock_ops;

/** port_new - an empty port; NULL with a line in @err. */
struct port *port_new(const struct port_ops *ops, enum port_kind kind, const char *name,
                      uint16_t mtu, char *err, size_t err_len);

#endif
