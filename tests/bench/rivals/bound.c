/*
 * bound.c - the bounds of the bench: see bound.h for what is served and what is left out.
 *
 *     bound --tap NAME --ip A.B.C.D/P [--offload] [--copy] [--ack N] [--window BYTES] [--spin] [--uring]
 *
 *     --offload   IFF_VNET_HDR with partial checksums and TCP segmentation, both ways: 64 KB frames
 *     --copy      payload is copied once: in to a place that stays in the cache, out through a send
 *                 buffer of 256 KB (and summed, where there is no offload)
 *     --ack N     the sink acknowledges every N frames; 0 once per drained burst. Default: 1 with
 *                 --offload, else 0
 *     --window N  what all sinks together advertise, and the most that a source has in flight; default
 *                 unlimited with --offload, else 1 MB, which the TAP's queue of 1000 frames holds
 *     --spin      read without ever sleeping
 *     --uring     io_uring with 64 reads in flight and batched writes (for echo and http; the bulk ports
 *                 write as usual)
 *
 * Counters go to standard error at the end: gaps (frames the TAP's queue lost) have to be 0 for a
 * figure of the sink to mean anything, and so has `resent` for the source.
 */
#include "bound.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common.h"

void bound_write(struct bound *b, const uint8_t *frame, size_t len)
{
    size_t extra = b->offload ? VNET_LEN : 0;

    if (write(b->fd, frame - extra, len + extra) < 0 && errno != EAGAIN && errno != EIO)
        rival_die("write");
    b->frames_out++;
}

/* Return: how many frames were read and dealt with. */
static unsigned take_burst(struct bound *b, uint8_t *vnet)
{
    size_t extra = b->offload ? VNET_LEN : 0;
    uint8_t *frame = vnet + VNET_LEN;
    unsigned count = 0;

    while (count < BURST) {
        ssize_t n = read(b->fd, frame - extra, FRAME_ROOM - VNET_LEN);

        if (n <= (ssize_t)extra)
            break;
        count++;
        size_t reply = bound_input(b, vnet, frame, (size_t)n - extra);

        if (reply > 0)
            bound_write(b, frame, reply);
    }
    return count;
}

static void run(struct bound *b)
{
    uint8_t *vnet = aligned_alloc(4096, FRAME_ROOM);
    struct pollfd in = {.fd = b->fd, .events = POLLIN};
    unsigned idle = 0;

    if (vnet == NULL)
        rival_die("memory");
    memset(vnet, 0, FRAME_ROOM);
    while (!rival_stop) {
        unsigned moved = take_burst(b, vnet);

        bound_flush(b);
        moved += bound_sources(b);
        if (moved > 0) {
            idle = 0;
        } else if (b->spin) {
            if (++idle % STUCK_SPINS == 0)
                bound_stuck(b);
        } else if (poll(&in, 1, b->sources > 0 ? STUCK_MS : STOP_MS) == 0) {
            bound_stuck(b);
        }
    }
    free(vnet);
}

static void options(struct bound *b, int argc, char **argv, bool *uring)
{
    long ack = -1, window = 0;

    for (int i = 1; i <= argc; i++) {
        if (strcmp(argv[i], "--offload") == 0) {
            b->offload = true;
        } else if (strcmp(argv[i], "--copy") == 0) {
            b->copy = true;
        } else if (strcmp(argv[i], "--spin") == 0) {
            b->spin = true;
        } else if (strcmp(argv[i], "--uring") == 0) {
            *uring = true;
        } else if (strcmp(argv[i], "--ack") == 0 && i < argc) {
            ack = strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--window") == 0 && i < argc) {
            window = strtol(argv[++i], NULL, 10);
        } else {
            errno = EINVAL;
            rival_die(argv[i]);
        }
    }
    b->ack_every = ack >= 0 ? (unsigned)ack : b->offload ? 1 : 0;
    b->window = window > 0 ? (uint32_t)window : b->offload ? UINT32_C(1) << 30 : 1U << 20;
}

int main(int argc, char **argv)
{
    static struct bound bound;
    struct bound *b = &bound;
    struct rival_args args;
    bool uring = false;
    int left = rival_args(&args, argc, argv);

    options(b, left, argv, &uring);
    b->ip = args.ip;
    rival_mac(b->mac, args.ip);
    b->flows = calloc(65536, sizeof(*b->flows));
    b->app = aligned_alloc(4096, 64 << 10);
    b->ring = aligned_alloc(4096, RING + (64 << 10));
    if (b->flows == NULL || b->app == NULL || b->ring == NULL)
        rival_die("memory");
    for (size_t i = 0; i < 64 << 10; i++)
        b->app[i] = (uint8_t)(' ' + i % 95);
    b->fd = rival_tap(args.tap, b->offload);
    rival_ready();
    if (!uring) {
        run(b);
    } else {
#ifdef HAVE_LIBURING
        bound_uring(b);
#else
        errno = ENOSYS;
        rival_die("built without liburing");
#endif
    }
    fprintf(stderr, "frames in %" PRIu64 " out %" PRIu64 ", gaps %" PRIu64 ", resent %" PRIu64 "\n",
            b->frames_in, b->frames_out, b->gaps, b->resent);
    return 0;
}
