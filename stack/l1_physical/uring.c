/*
 * uring.c - frames of a TAP by io_uring: many of them in one system call.
 *
 * io_uring takes a list of reads and writes at once. All of them say RWF_NOWAIT, so each is done or
 * refused with EAGAIN on the spot, in the order of the list, before io_uring_enter(2) returns:
 * nothing is in flight between two calls, no buffer is lent out, and a packet whose bytes lie in a
 * send ring may be released as soon as port_send() is over. That is all we want of io_uring; its
 * asynchronous side (poll arming, worker threads, a kernel thread that looks on) would cost the
 * second processor and gain nothing, as the TAP does the work of a write inside the call anyway.
 *
 * Does it pay? It saves the way into the kernel and back for all frames of a batch but one, and costs
 * the kernel's own bookkeeping for each entry of the list. Where the way is short that is a loss: on
 * a Zen 4 with Linux 6.18 a system call takes 127 ns, an entry 136 ns more than the read that it
 * does (a read that finds nothing takes 211 ns, and 347 ns from a list; a write of a frame 675 ns, and
 * 737 ns). Where a processor needs dearer guards against its own speculation it is a gain. So
 * nobody guesses: uring_is_faster() takes the time of both at the start.
 *
 * Reads are guesses: nobody says how many frames there are. We ask for a few more than came the
 * last time. And we ask behind each batch of writes, in the same call: what a peer on this machine
 * has answered by then comes back with it, so that a busy loop makes one system call a round.
 *
 * The buffers of the reads are big packets where long frames are to be expected, else ordinary ones
 * (port.h). They stay in their slots from batch to batch, so that the same few stay in the cache.
 *
 * Limits: a frame that is longer than its buffer is lost (one longer than the MTU where no
 * segmentation offload was agreed on: it would be refused anyway).
 */
#include "l1_physical/uring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "l1_physical/port_impl.h"

#ifdef STACKD_URING

#include <liburing.h>

enum { URING_READS = 32, URING_ENTRIES = 128, URING_ROUNDS = 8 };

static_assert(URING_READS + PORT_SEND_BATCH <= URING_ENTRIES, "a round fits into the ring");

/* A read: done, and not looked at yet if its number is in [taken, posted). */
struct uring_slot {
    struct pkt *p;
    int res; /* bytes with metadata, or a negative errno value */
};

struct uring {
    struct io_uring ring;
    struct uring_slot slot[URING_READS];
    unsigned posted, taken;
    unsigned want;  /* how many to ask for */
    unsigned got;   /* frames of this batch so far */
    uint64_t bytes; /* of those */
    bool dry;       /* one of this batch found nothing */
    int *err;       /* of the writes that are being done */
    struct iovec iov[PORT_SEND_BATCH][2];
    struct pkt_pool *pkts, *bigs; /* of the last port_recv() */
};

/* Put reads on the list, each with a buffer of its own. Return: how many. */
static unsigned uring_post(struct port *port)
{
    struct uring *u = port->ring;
    unsigned n = 0;

    for (; n < u->want; n++) {
        struct uring_slot *s = &u->slot[n];

        if (s->p == NULL &&
            (s->p = pkt_alloc(port->tso ? u->bigs : u->pkts, PORT_HEADROOM)) == NULL)
            break;
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

        s->res = -EAGAIN;
        io_uring_prep_read(sqe, 0, pkt_data(s->p) - port->vnet_len, port->vnet_len + pkt_room(s->p),
                           0);
        sqe->flags |= IOSQE_FIXED_FILE;
        sqe->rw_flags = RWF_NOWAIT;
        io_uring_sqe_set_data64(sqe, n);
    }
    u->posted = n;
    u->taken = u->got = 0;
    u->bytes = 0;
    u->dry = false;
    return n;
}

/* Do all @count that are on the list. Return: false: the kernel refuses the ring, which must go, since
 * what is on its list names packets that do not stay. */
static bool uring_run(struct uring *u, unsigned count)
{
    while (count > 0) {
        struct io_uring_cqe *cqe;
        unsigned head, n = 0;

        int why = io_uring_submit_and_wait(&u->ring, count);

        if (why < 0 && why != -EINTR && why != -EAGAIN && why != -EBUSY)
            return false; /* nothing was begun: results are as they were set */
        io_uring_for_each_cqe(&u->ring, head, cqe)
        {
            uint64_t who = io_uring_cqe_get_data64(cqe);

            if (who < URING_READS)
                u->slot[who].res = cqe->res;
            else
                u->err[who - URING_READS] = cqe->res < 0 ? cqe->res : 0;
            n++;
        }
        io_uring_cq_advance(&u->ring, n);
        count -= n;
    }
    return true;
}

/* A batch of reads is over: how many next time? */
static void uring_learn(struct uring *u)
{
    unsigned want = u->got + u->got / 8 + 1; /* one in vain says that there are no more */
    uint64_t mean = u->got > 0 ? u->bytes / u->got : 0;

    if (mean > 0 && want > PORT_BATCH_BYTES / mean + 1)
        want = (unsigned)(PORT_BATCH_BYTES / mean) + 1;
    u->want = want < URING_READS ? want : URING_READS;
    u->posted = u->taken = 0;
}

int uring_recv(struct port *port, struct pkt_pool *pkts, struct pkt_pool *bigs, struct pkt ***at)
{
    struct uring *u = port->ring;

    u->pkts = pkts;
    u->bigs = bigs;
    for (;;) {
        if (u->posted == 0) {
            if (uring_post(port) == 0)
                return -ENOBUFS;
            if (!uring_run(u, u->posted)) {
                uring_stop(port); /* plain calls go on */
                return -EAGAIN;
            }
        }
        while (u->taken < u->posted) {
            struct uring_slot *s = &u->slot[u->taken++];

            if (s->res == -EAGAIN) {
                u->dry = true;
                continue;
            }
            int len = port_read_len(port, s->p, s->res);

            if (len < 0)
                return len;
            u->got++;
            u->bytes += (uint64_t)s->res;
            *at = &s->p;
            return len;
        }
        bool dry = u->dry;

        uring_learn(u);
        if (dry)
            return -EAGAIN;
    }
}

void uring_send(struct port *port, struct pkt **pkts, int n, int *err)
{
    struct uring *u = port->ring;
    unsigned reads = 0;

    u->err = err;
    for (int i = 0; i < n; i++) {
        struct pkt *p = pkts[i];
        struct iovec *iov = u->iov[i];
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

        err[i] = -EIO;
        if (port_write_iov(port, p, iov) == 2)
            io_uring_prep_writev(sqe, 0, iov, 2, 0);
        else
            io_uring_prep_write(sqe, 0, iov[0].iov_base, (unsigned)iov[0].iov_len, 0);
        sqe->flags |= IOSQE_FIXED_FILE;
        sqe->rw_flags = RWF_NOWAIT;
        io_uring_sqe_set_data64(sqe, URING_READS + (unsigned)i);
    }
    if (u->posted == 0 && u->pkts != NULL)
        reads = uring_post(port);
    if (!uring_run(u, (unsigned)n + reads))
        uring_stop(port);
}

/* The kernel takes a ring apart when it has time for it; until then it would hold what is registered,
 * and a TAP of ours would outlive us. */
static void uring_close(struct uring *u)
{
    (void)io_uring_unregister_files(&u->ring);
    io_uring_queue_exit(&u->ring);
}

void uring_stop(struct port *port)
{
    struct uring *u = port->ring;

    if (u == NULL)
        return;
    uring_close(u);
    for (unsigned i = 0; i < URING_READS; i++)
        pkt_release(u->slot[i].p);
    free(u);
    port->ring = NULL;
}

/* Do @count reads that should find nothing, in one call. Return: 0, or why that is not so. */
static int uring_dry(struct port *port, struct uring *u, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

        io_uring_prep_read(sqe, 0, port->scratch, PORT_FRAME_MAX, 0);
        sqe->flags |= IOSQE_FIXED_FILE;
        sqe->rw_flags = RWF_NOWAIT;
    }
    int why = io_uring_submit(&u->ring);

    for (unsigned i = 0; i < count && why >= 0; i++) {
        struct io_uring_cqe *cqe;

        why = io_uring_peek_cqe(&u->ring, &cqe); /* on the spot, or it is not for us */
        if (why < 0)
            break;
        why = cqe->res == -EAGAIN ? 0 : (cqe->res < 0 ? cqe->res : -EBUSY);
        io_uring_cqe_seen(&u->ring, cqe);
    }
    return why < 0 ? why : 0;
}

static int64_t uring_clock(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Take the time of reads that find nothing, both ways, some 200 microseconds in all. What disturbs
 * only makes longer, so the shortest of several counts. A frame that is there says: not now. */
static bool uring_is_faster(struct port *port, struct uring *u)
{
    int64_t plain = INT64_MAX, ring = INT64_MAX;

    for (int round = 0; round < URING_ROUNDS; round++) {
        int64_t t0 = uring_clock();

        for (int i = 0; i < URING_READS; i++) {
            if (read(port->fd, port->scratch, PORT_FRAME_MAX) >= 0 || errno != EAGAIN)
                return false;
        }
        int64_t t1 = uring_clock();

        if (uring_dry(port, u, URING_READS) < 0)
            return false;
        int64_t t2 = uring_clock();

        plain = t1 - t0 < plain ? t1 - t0 : plain;
        ring = t2 - t1 < ring ? t2 - t1 : ring;
    }
    return ring < plain;
}

int port_use_uring(struct port *port, bool only_if_faster, char *err, size_t err_len)
{
    struct uring *u = calloc(1, sizeof(*u));
    int why = u == NULL ? -ENOMEM : (port->kind != PORT_TAP ? -EOPNOTSUPP : 0);

    if (why == 0) {
        why = io_uring_queue_init(URING_ENTRIES, &u->ring, IORING_SETUP_COOP_TASKRUN);
        if (why == -EINVAL) /* before Linux 5.19 */
            why = io_uring_queue_init(URING_ENTRIES, &u->ring, 0);
    }
    if (why == 0) {
        why = io_uring_register_files(&u->ring, &port->fd, 1);
        (void)io_uring_register_ring_fd(&u->ring); /* a little faster, since Linux 5.18 */
        if (why == 0 && only_if_faster && !uring_is_faster(port, u))
            why = -EAGAIN;
        if (why == 0 && !only_if_faster)
            why = uring_dry(port, u, 1);
        if (why == -EBUSY) /* it works: a frame came before we were there */
            why = 0;
        if (why < 0)
            uring_close(u);
    }
    if (why < 0) {
        snprintf(err, err_len, "%s: io_uring: %s: try --io read", port->name,
                 why == -EAGAIN ? "not faster here" : strerror(-why));
        free(u);
        return -1;
    }
    u->want = 1;
    port->ring = u;
    return 0;
}

void port_enter(struct port *port)
{
    if (port->ring != NULL)
        (void)io_uring_register_ring_fd(&port->ring->ring);
}

void port_leave(struct port *port)
{
    if (port->ring != NULL)
        (void)io_uring_unregister_ring_fd(&port->ring->ring);
}

#else /* built without liburing */

void port_enter(struct port *port)
{
    (void)port;
}

void port_leave(struct port *port)
{
    (void)port;
}

int port_use_uring(struct port *port, bool only_if_faster, char *err, size_t err_len)
{
    (void)only_if_faster;
    snprintf(err, err_len,
             "%s: this build has no io_uring: try --io read, or install liburing-dev "
             "and build again",
             port->name);
    return -1;
}

int uring_recv(struct port *port, struct pkt_pool *pkts, struct pkt_pool *bigs, struct pkt ***at)
{
    (void)port, (void)pkts, (void)bigs, (void)at;
    return -ENOBUFS;
}

void uring_send(struct port *port, struct pkt **pkts, int n, int *err)
{
    (void)port, (void)pkts;
    for (int i = 0; i < n; i++)
        err[i] = -EIO;
}

void uring_stop(struct port *port)
{
    (void)port;
}

#endif
