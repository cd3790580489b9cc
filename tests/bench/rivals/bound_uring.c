/*
 * bound_uring.c - the fake host's loop on io_uring: 64 reads in flight, and the answers of a burst
 * handed over in one call.
 *
 * Each of 64 buffers is either being read into or being written from; a frame is answered from the
 * buffer it came in, so a buffer goes back and forth between the two. The TAP must block here: for a
 * descriptor that does not, io_uring reports EAGAIN instead of waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "bound.h"
#include "common.h"

enum { SLOTS = 64, ROOM = 2048 };

struct slot {
    uint8_t *vnet;
    bool writes;
};

static struct io_uring_sqe *next_sqe(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (sqe == NULL) {
        io_uring_submit(ring);
        sqe = io_uring_get_sqe(ring);
    }
    if (sqe == NULL)
        rival_die("io_uring is full");
    return sqe;
}

static void start_read(struct io_uring *ring, const struct bound *b, struct slot *s, size_t room)
{
    struct io_uring_sqe *sqe = next_sqe(ring);
    size_t extra = b->offload ? VNET_LEN : 0;

    s->writes = false;
    io_uring_prep_read(sqe, 0, s->vnet + VNET_LEN - extra, (unsigned)(room - VNET_LEN), 0);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data(sqe, s);
}

static void start_write(struct io_uring *ring, struct bound *b, struct slot *s, size_t len)
{
    struct io_uring_sqe *sqe = next_sqe(ring);
    size_t extra = b->offload ? VNET_LEN : 0;

    s->writes = true;
    io_uring_prep_write(sqe, 0, s->vnet + VNET_LEN - extra, (unsigned)(len + extra), 0);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data(sqe, s);
    b->frames_out++;
}

static void on_done(struct io_uring *ring, struct bound *b, struct slot *s, int result, size_t room)
{
    size_t extra = b->offload ? VNET_LEN : 0, reply = 0;

    if (!s->writes && result > (int)extra)
        reply = bound_input(b, s->vnet, s->vnet + VNET_LEN, (size_t)result - extra);
    if (reply > 0)
        start_write(ring, b, s, reply);
    else
        start_read(ring, b, s, room);
}

static unsigned drain(struct io_uring *ring, struct bound *b, size_t room)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;

    io_uring_for_each_cqe (ring, head, cqe) {
        on_done(ring, b, io_uring_cqe_get_data(cqe), cqe->res, room);
        seen++;
    }
    io_uring_cq_advance(ring, seen);
    return seen;
}

/* Call back the reads that wait: the kernel would take them apart some time after we have ended, and
 * until then nobody else could have the TAP. */
static void cancel_all(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = next_sqe(ring);
    unsigned left = SLOTS + 1;

    io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
    io_uring_sqe_set_data(sqe, NULL);
    while (left > 0) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        int r = io_uring_submit_and_wait(ring, 1);

        if (r < 0 && r != -EINTR)
            return;
        io_uring_for_each_cqe (ring, head, cqe)
            seen++;
        io_uring_cq_advance(ring, seen);
        left -= seen < left ? seen : left;
    }
    io_uring_unregister_files(ring);
}

void bound_uring(struct bound *b)
{
    struct io_uring ring;
    struct slot slots[SLOTS];
    size_t room = b->offload ? FRAME_ROOM : ROOM;
    unsigned idle = 0, sent = 0;
    struct io_uring_params params = {0};

    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    errno = -io_uring_queue_init_params(4 * SLOTS, &ring, &params);
    if (errno != 0)
        rival_die("io_uring");
    fcntl(b->fd, F_SETFL, fcntl(b->fd, F_GETFL) & ~O_NONBLOCK);
    errno = -io_uring_register_files(&ring, &b->fd, 1);
    if (errno != 0)
        rival_die("io_uring: registering the TAP");
    for (int i = 0; i < SLOTS; i++) {
        slots[i].vnet = calloc(1, room);
        if (slots[i].vnet == NULL)
            rival_die("memory");
        start_read(&ring, b, &slots[i], room);
    }
    while (!rival_stop) {
        struct __kernel_timespec soon = {.tv_nsec = b->sources > 0 ? STUCK_MS * 1000000 : 0,
                                         .tv_sec = b->sources > 0 ? 0 : 1};
        struct io_uring_cqe *cqe;
        int r = b->spin || sent > 0 ? io_uring_submit_and_get_events(&ring)
                                    : io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &soon, NULL);
        unsigned moved = drain(&ring, b, room);

        bound_flush(b);
        sent = bound_sources(b);
        if (moved + sent > 0)
            idle = 0;
        else if (r == -ETIME || (b->spin && ++idle % STUCK_SPINS == 0))
            bound_stuck(b);
    }
    cancel_all(&ring);
    io_uring_queue_exit(&ring);
    for (int i = 0; i < SLOTS; i++)
        free(slots[i].vnet);
}
