/*
 * probe.h - what would become of this segment?
 */
#ifndef STACKD_PROBE_H
#define STACKD_PROBE_H

#include <sys/types.h>

#include "net.h"

enum { PROBE_DATA_MAX = 1400, PROBE_SECONDS = 5 };

/* A datagram that nobody has sent. */
struct probe {
    uint8_t proto; /* IP_PROTO_TCP, UDP or ICMP: an echo request */
    uint32_t src, dst;
    uint16_t sport, dport;
    struct tcp_seg seg;              /* TCP: flags, window, options; the numbers if they are set */
    bool has_seq, has_ack, has_opts; /* else: what would be in order on this connection */
    bool is_relative;                /* seq and ack are offsets to that */
    uint32_t len;                    /* of data */
    uint8_t ttl;
    bool bad_sum;
};

/**
 * probe_fork - walk @p through @n in a child of this process.
 *
 * The child has a copy of the host, as the kernel makes it (copy on write), so nothing can change here
 * whatever the segment does. It writes JSON lines, one for each thing it finds, and is gone after
 * PROBE_SECONDS at the latest: by the clock, so long that a machine with much else to do is no reason.
 * @pid: receives the child's, to be waited for at the end of what it writes
 *
 * Return: a descriptor to read the lines from, non-blocking; or a negative errno value.
 */
int probe_fork(struct net *n, const struct probe *p, pid_t *pid);

/** probe_ended - why a child that ended with wait @status, not 0, has no answer; in @cap bytes. */
void probe_ended(int status, char *out, size_t cap);

/**
 * probe_run - the same in this process: @n is not to be used any more afterwards.
 * @line: receives each JSON line, without its newline
 */
void probe_run(struct net *n, const struct probe *p,
               void (*line)(void *ctx, const char *text, size_t len), void *ctx);

/** probe_frame - the frame of @p, as it would come from its sender. NULL: no packet is left. */
struct pkt *probe_frame(struct net *n, const struct probe *p);

/** probe_describe - a frame in one line, as tcpdump would. Return: bytes written. */
size_t probe_describe(const struct pkt *p, char *out, size_t cap);

#endif
