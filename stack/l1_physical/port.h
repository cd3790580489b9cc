/*
 * port.h - where frames enter and leave the machine: a TAP, an open descriptor, an interface.
 *
 * Ports are the only input and output of the project; they are a library of their own
 * (stackd_ports) beside the pure core. A port moves frames between a file descriptor and packets,
 * and translates the packet's offload metadata to what the device understands. What a device cannot
 * do (checksums, segmentation) is completed here, in offload.c, once, at the edge.
 *
 * Long frames. A TAP with segmentation offload hands over frames of up to 64 KiB, between small ones
 * and without a word in advance. So each frame is read into a big packet that the port keeps at
 * hand. A long frame is handed out as it is; of a short one the few bytes are copied into an
 * ordinary packet, and the big one, still in the cache, serves the next frame. With no big packet
 * left a long frame is lost and counted; short ones are not concerned. Without that offload there
 * are no long frames, and each is read into the packet that it leaves in.
 *
 * Where the device has no such offload, the segments of a train come one by one, and those of one
 * port_recv() are joined here (join.h), unless nobody asked for it (port->joins).
 *
 * A frame's metadata (struct virtio_net_hdr) lie in front of it in the same buffer, so that one
 * plain read or write moves both.
 *
 * io_uring (uring.c) moves many frames in one system call, where it works: port_use_uring().
 *
 * One call reads at most PORT_BATCH_BYTES (or PORT_BATCH_SHORT), so that what it read is still in the processor's second
 * cache when the stack looks at it.
 *
 * A port never blocks. What does not fit into the device's queue is lost and counted, as on any
 * network card; what has not been read yet waits in the kernel's queue, which bounds it.
 *
 * Several queues. With IFF_MULTI_QUEUE each descriptor is a queue of its own, a port for each. The kernel
 * remembers which queue wrote to a flow last (4096 flows, for three seconds) and sends what belongs to it
 * there; anything else goes by a hash over addresses and ports that is the same for both directions.
 *
 * TAP (tap.c): IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, so that each frame is preceded by a struct
 * virtio_net_hdr. A TAP that we made vanishes with our descriptor, and with it the address that we
 * gave to the kernel's end; one that was there stays.
 * Raw (rawsock.c): libpcap in promiscuous, immediate, non-blocking mode, incoming frames only.
 */
#ifndef STACKD_PORT_H
#define STACKD_PORT_H

#include "l1_physical/join.h"

struct pcap;
struct port_ops; /* port_impl.h */
struct uring;    /* uring.c */

enum port_kind { PORT_TAP, PORT_RAW };
enum port_offload { PORT_OFFLOAD_AUTO, PORT_OFFLOAD_ON, PORT_OFFLOAD_OFF };

/* A received frame begins 66 bytes into its buffer: so an MTU's frame with a VLAN tag fits into a
 * packet, and the IP header after it is aligned. */
enum { PORT_FRAME_MAX = 65536 + 14 + 4, PORT_HEADROOM = 66 };
/* What one port_recv() reads, about: a quarter of a second-level cache of 1 MiB. Of frames that nobody has
 * joined less, as each fills a buffer of the kernel's as well: bulk into a TAP without offload is a tenth
 * faster with 64 or 96 KiB than with 256, and than with 32, where the ACKs cost more than the cache
 * saves. */
enum { PORT_BATCH_BYTES = 256 << 10, PORT_BATCH_SHORT = 96 << 10 };

struct port {
    const struct port_ops *ops;
    enum port_kind kind;
    char name[16]; /* of the interface */
    int fd;
    struct pcap *pcap;  /* PORT_RAW */
    bool made;          /* the TAP was made by us */
    bool vnet;          /* each frame has a struct virtio_net_hdr in front */
    bool csum;          /* the device takes and gives partial checksums */
    bool tso;           /* the device takes segments longer than its MTU, with gso_size */
    bool uso;           /* and trains of UDP datagrams */
    uint8_t vnet_len;   /* bytes of that header */
    uint16_t mtu;       /* of our end: what software segmentation aims at */
    bool more;          /* port_recv() ended before the device was empty */
    bool joins;         /* what the device does not join is joined here, if it is for */
    struct mac us;      /* this address */
    struct pkt *spare;  /* a big packet for the next long frame, or NULL */
    uint8_t *scratch;   /* for segments cut here */
    struct join join;   /* what is being joined */
    struct uring *ring; /* NULL: plain system calls */
    struct port_stats {
        uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
        uint64_t rx_joined;      /* of rx_frames: were joined to the one before, and left with it */
        uint64_t rx_too_long;    /* longer than any packet */
        uint64_t rx_no_big;      /* long, and no big packet was left: lost */
        uint64_t rx_no_packet;   /* how often the pool was empty: frames waited in the kernel */
        uint64_t rx_bad_vnet;    /* offload metadata that contradict the frame */
        uint64_t tx_full;        /* the device's queue was full: lost */
        uint64_t tx_error;       /* refused by the device (down, too long): lost */
        uint64_t rx_kernel_drop; /* PORT_RAW: lost in the kernel for want of buffer */
    } stats;
};

/**
 * port_open_tap - attach to the TAP @name; it is made if it is not there.
 * @name: at most 15 characters
 * @multi: for several ports, a queue each: the others by port_open_queue()
 * @err:  receives a line "what happened: how to mend it"
 *
 * Return: the port, or NULL.
 */
struct port *port_open_tap(const char *name, uint16_t mtu, enum port_offload offload, bool multi,
                           char *err, size_t err_len);
/** port_open_queue - another queue of the TAP of @first, which port_open_tap() opened as one of several. */
struct port *port_open_queue(const struct port *first, enum port_offload offload, char *err,
                             size_t err_len);
/** port_open_fd - use an open TAP descriptor, which must have IFF_NO_PI set; ours afterwards. */
struct port *port_open_fd(int fd, uint16_t mtu, enum port_offload offload, char *err,
                          size_t err_len);
/** port_open_raw - an interface through libpcap. */
struct port *port_open_raw(const char *name, uint16_t mtu, char *err, size_t err_len);

/**
 * port_close - let go; a TAP that we made vanishes. The pools must still be there. NULL is harmless.
 */
void port_close(struct port *port);

/**
 * port_recv - read frames until there are no more, @max are there, or PORT_BATCH_BYTES are read.
 * @pkts: for frames of the MTU
 * @bigs: for longer ones, and for what is joined
 * @out:  receives the packets, the caller's, with csum and gso metadata filled in
 *
 * Return: how many (port->more: there may be more), or a negative errno value when the device is
 * gone.
 */
int port_recv(struct port *port, struct pkt_pool *pkts, struct pkt_pool *bigs, struct pkt **out,
              int max);

/**
 * port_send - write @n frames; they stay the caller's, and may be changed (a completed checksum).
 *
 * Return: how many the device took; the others are lost and counted.
 */
int port_send(struct port *port, struct pkt **pkts, int n);

/**
 * port_use_uring - move frames in batches by io_uring from now on. TAPs only.
 * @only_if_faster: take the time of both ways first (0.2 ms)
 * @err:            receives a line "what happened: how to mend it"
 *
 * Return: 0, or -1: plain system calls go on as before.
 */
int port_use_uring(struct port *port, bool only_if_faster, char *err, size_t err_len);

/**
 * port_enter - this thread uses the port from now on; port_leave - it does no longer.
 *
 * For a port that is used by another thread than has opened it: io_uring knows its ring by a number that
 * belongs to a thread.
 */
void port_enter(struct port *port);
void port_leave(struct port *port);

/** port_update_stats - ask the kernel for what only it knows (rx_kernel_drop). */
void port_update_stats(struct port *port);

/** port_fd - readable when port_recv() has something. */
static inline int port_fd(const struct port *port)
{
    return port->fd;
}

#endif
