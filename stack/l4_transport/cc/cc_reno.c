/*
 * cc_reno.c - Reno: slow start and congestion avoidance to the letter of RFC 5681.
 *
 * cwnd grows by at most SMSS per ACK below ssthresh (equation 2, which bounds what dividing an ACK
 * can gain), and by SMSS for each cwnd of acknowledged bytes above it (section 3.1, the byte
 * counting it recommends). A loss halves what is in flight (equation 4). How the window gets down
 * there during fast recovery is tcp_recovery.c's.
 */
#include "l4_transport/cc/cc.h"

struct cc_reno_state {
    uint32_t acked; /* bytes towards the next step of congestion avoidance */
};

static_assert(sizeof(struct cc_reno_state) <= sizeof(struct cc_state), "fits its place");

static struct cc_reno_state *cc_reno_of(struct cc *cc)
{
    return (struct cc_reno_state *)(void *)cc->state;
}

/* RFC 6928: IW = min(10 * MSS, max(2 * MSS, 14600)) is set by the caller; ssthresh is high. */
static void cc_reno_init(struct cc *cc)
{
    cc_reno_of(cc)->acked = 0;
    cc->ssthresh_bytes = UINT32_MAX / 2;
}

static void cc_reno_ack(struct cc *cc, const struct cc_ack *a)
{
    struct cc_reno_state *s = cc_reno_of(cc);

    if (a->in_recovery || !a->cwnd_limited)
        return;
    if (cc->cwnd_bytes < cc->ssthresh_bytes) {
        cc->cwnd_bytes += u32_min(a->acked_bytes, cc->mss);
        return;
    }
    s->acked += a->acked_bytes;
    if (s->acked >= cc->cwnd_bytes) {
        s->acked -= cc->cwnd_bytes;
        cc->cwnd_bytes += cc->mss;
    }
}

static void cc_reno_loss(struct cc *cc, const struct cc_loss *l)
{
    if (!l->is_again)
        cc->ssthresh_bytes = u32_max(l->in_flight_bytes / 2, 2 * cc->mss); /* equation 4 */
    cc_reno_of(cc)->acked = 0;
}

/* RFC 5681 section 4.1: after more than one RTO of silence the window is the restart window. */
static void cc_reno_idle(struct cc *cc, const struct cc_idle *i)
{
    if (cc->options->idle_restart && i->idle_ns > i->rto_ns)
        cc->cwnd_bytes = u32_min(cc->cwnd_bytes, cc_restart_window(cc));
}

/* A half window acknowledged twice is no harm: nothing to take back. */
static void cc_reno_undo(struct cc *cc)
{
    cc_reno_of(cc)->acked = 0;
}

static bool cc_reno_rest(struct cc_state *state, uint32_t *kept, bool back)
{
    struct cc_reno_state *s = (struct cc_reno_state *)(void *)state;

    if (back)
        s->acked = *kept;
    *kept = s->acked;
    return true;
}

const struct cc_ops cc_reno = {
    .name = "reno",
    .init = cc_reno_init,
    .ack = cc_reno_ack,
    .loss = cc_reno_loss,
    .idle = cc_reno_idle,
    .undo = cc_reno_undo,
    .rest = cc_reno_rest,
};
