/*
 * uring.h - frames of a TAP by io_uring: many of them in one system call.
 *
 * Behind port.c only; port_use_uring() in port.h starts it. In a build without liburing it says so
 * and nothing else here is ever called.
 */
#ifndef STACKD_URING_H
#define STACKD_URING_H

#include "l1_physical/port.h"

/**
 * uring_recv - the next frame.
 * @pkts: for the buffers where no long frames are to be expected
 * @bigs: for the buffers where they are
 * @at:   receives the place of the packet whose room holds the frame, its metadata in front; who
 *        takes the packet leaves NULL there
 *
 * Return: bytes of the frame, one more than there is room for if it was cut; -EAGAIN: that was the
 * last; -ENOBUFS: no buffers, use another way; or an error of the device.
 */
int uring_recv(struct port *port, struct pkt_pool *pkts, struct pkt_pool *bigs, struct pkt ***at);

/**
 * uring_send - write @n frames, at most PORT_SEND_BATCH; all is done on return.
 * @err: receives 0 or a negative errno value for each
 */
void uring_send(struct port *port, struct pkt **pkts, int n, int *err);

/** uring_stop - let go of everything; harmless where it was never started. */
void uring_stop(struct port *port);

#endif
