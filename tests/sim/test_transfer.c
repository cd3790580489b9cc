/*
 * Two hosts, one cable, everything about them chosen by a seed: bytes arrive, both ways.
 *
 * Each seed draws the wire (rate, delay, jitter, loss, corruption, copies, reordering), MTU,
 * buffers, how both ends write and read, who closes first and how, and where the sequence numbers
 * begin: one seed in four has both of them wrap in the middle of the transfer.
 */
#include <stdlib.h>

#include "l4_transport/tcp_priv.h"
#include "talk.h"

enum {
    TRANSFER_PORT = 7777,
    TRANSFER_FROM = 40000,
    TRANSFER_A = 0x0a000001,
    TRANSFER_B = 0x0a000002
};

struct transfer {
    struct prng prng;
    struct world *w;
    struct net_config cfg[2];
    struct talk_plan plan[2];
    struct talk talk[2];
    struct world_cable *cable;
    struct imp_config wire[2];
    bool watches, never_predicts, packs, pauses;
    bool joins, is_quick; /* trains are joined; a wire without a rate, where they stay together */
    net_time took;
    uint8_t cc;
    uint64_t seen, predicted; /* a hash of all that could be seen; segments that were predicted */
    uint64_t frames, packed;  /* a hash of the frames; how often a block was packed */
};

/* What the seeds have led to, so that the test cannot turn into one that tests nothing. */
struct transfer_sum {
    uint64_t bytes, rtx, fast, timeouts, probes, ooo, delayed, wraps, arrows;
    uint64_t mtu_ok, fast_open, kept, folded;
    uint64_t lent, refused; /* spans sent from where they lay; no record was left for one */
    uint64_t joined;        /* segments that left in the frame of another */
    uint64_t grouped;       /* frames that were joined where they arrived */
};

static uint32_t pick(struct transfer *x, uint32_t low, uint32_t high)
{
    return low + prng_below(&x->prng, high - low + 1);
}

static bool one_in(struct transfer *x, uint32_t n)
{
    return prng_below(&x->prng, n) == 0;
}

static void transfer_wire(struct transfer *x, struct imp_config *imp)
{
    imp_config_default(imp);
    if (!one_in(x, 4))
        imp->rate_bps = (uint64_t)pick(x, 1, 1000) * 1000000;
    imp->delay = NET_US(pick(x, 0, one_in(x, 3) ? 150000 : 5000));
    if (one_in(x, 3))
        imp->jitter = imp->delay / 2;
    if (one_in(x, 2))
        imp->loss_ppm = pick(x, 0, 100000);
    if (one_in(x, 3))
        imp->corrupt_ppm = pick(x, 0, 20000);
    if (one_in(x, 3))
        imp->dup_ppm = pick(x, 0, 50000);
    if (one_in(x, 3))
        imp->reorder_ppm = pick(x, 0, 100000);
    if (one_in(x, 8))
        imp->limit = pick(x, 4, 40);
}

static void transfer_plan(struct transfer *x, struct talk_plan *p)
{
    static const uint32_t sizes[] = {0, 2, 1460, 20000, 50000, 200000, 200000, 200000};

    p->key = prng_u64(&x->prng);
    p->bytes = pick(x, 0, sizes[pick(x, 0, ARRAY_LEN(sizes) - 1)]);
    p->write_max = one_in(x, 3) ? pick(x, 1, 3000) : 0;
    if (p->write_max != 0 && p->bytes / p->write_max > 2000) /* not forever */
        p->write_max = (uint32_t)(p->bytes / 2000);
    p->read_max = one_in(x, 3) ? pick(x, 100, 5000) : 0;
    p->nodelay = one_in(x, 2);
    p->more = one_in(x, 8);
    p->rcvbuf = one_in(x, 3) ? pick(x, 2048, 30000) : 0;
    p->sndbuf = one_in(x, 3) ? pick(x, 2048, 30000) : 0;
    if (one_in(x, 5))
        p->read_from = NET_MS(pick(x, 0, 5000));
    if (one_in(x, 6) && p->read_max > 1000)
        p->read_pause = NET_MS(pick(x, 1, 30));
    if (one_in(x, 6) && p->write_max > 500)
        p->write_pause = NET_MS(pick(x, 1, 30));
    if (one_in(x, 5)) { /* a dribble: many small segments at once, sent again in larger ones */
        p->write_max = pick(x, 1, 300);
        p->write_pause = NET_US(pick(x, 20, 500));
        p->bytes = pick(x, 0, 300 * p->write_max);
        p->nodelay = true;
        p->more = false;
    }
}

/* Let the first sequence number of host @i, at the moment of the connection, lie just below 2^32:
 * the ISS follows the clock (RFC 6528), so the clock is set. */
static void transfer_wrap(struct transfer *x, unsigned i)
{
    struct world *w = world_new(0);
    struct world_host *h = world_host_add(w, &x->cfg[i]);
    struct tcp_id id = {
        ip_addr_v4(i == 0 ? TRANSFER_A : TRANSFER_B), ip_addr_v4(i == 0 ? TRANSFER_B : TRANSFER_A),
        i == 0 ? TRANSFER_FROM : TRANSFER_PORT, i == 0 ? TRANSFER_PORT : TRANSFER_FROM};
    uint32_t iss = tcp_iss(&h->n.tcp, &id).v, want = 0u - pick(x, 1, 100000);

    x->cfg[i].start = (net_time)(want - iss) * NET_US(4);
    world_free(w);
}

static bool transfer_done(void *ctx)
{
    struct transfer *x = ctx;

    return x->talk[0].over && x->talk[1].over;
}

static void transfer_ends(struct transfer *x)
{
    static const enum talk_end ends[][2] = {
        {TALK_FIRST,  TALK_SECOND},
        {TALK_SECOND, TALK_FIRST },
        {TALK_FIRST,  TALK_FIRST },
        {TALK_CLOSE,  TALK_SECOND},
        {TALK_SECOND, TALK_CLOSE },
        {TALK_CLOSE,  TALK_CLOSE },
    };
    uint32_t how = pick(x, 0, ARRAY_LEN(ends) - 1);

    x->plan[0].end = ends[how][0];
    x->plan[1].end = ends[how][1];
}

/* Every mechanism of loss recovery, in every combination. Few records make them stretch. */
static void transfer_recovery(struct transfer *x, struct tcp_config *cfg)
{
    bool *const switches[] = {&cfg->sack, &cfg->dsack, &cfg->rack, &cfg->tlp,
                              &cfg->prr,  &cfg->frto,  &cfg->undo, &cfg->limited_transmit};

    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        *switches[i] = !one_in(x, 4);
    cfg->pacing = one_in(x, 4);
    cfg->ecn = (uint8_t)pick(x, TCP_ECN_OFF, TCP_ECN_ACCEPT);
    cfg->mtu_probing = (uint8_t)pick(x, 0, 2);
    if (one_in(x, 8))
        cfg->sent_records = pick(x, 2, 20);
}

static void transfer_begin(struct transfer *x, uint64_t seed)
{
    uint16_t mtu = (uint16_t)(one_in(x, 3) ? pick(x, 576, 9000) : 1500);

    for (unsigned i = 0; i < 2; i++) {
        world_config(&x->cfg[i], (uint8_t)(i + 1));
        x->cfg[i].seed = seed * 2 + i;
        x->cfg[i].ifs[0].mtu = i == 1 && one_in(x, 4) ? (uint16_t)pick(x, 576, 9000) : mtu;
        x->cfg[i].tcp.timestamps = !one_in(x, 4);
        x->cfg[i].tcp.window_scaling = !one_in(x, 4);
        if (seed % 3 == 0) /* data with the SYN, without a cookie; no draw: the other seeds stay */
            x->cfg[i].tcp.fastopen = TCP_FO_CLIENT | TCP_FO_CLIENT_NO_COOKIE | TCP_FO_SERVER |
                                     TCP_FO_SERVER_NO_COOKIE | TCP_FO_SERVER_ALL;
        if (seed % 4 == 1) /* frames of many segments, as between two virtual machines */
            x->cfg[i].ifs[0].gso_max = (uint16_t)(seed % 8 == 1 ? UINT16_MAX : 3 * mtu);
        x->cfg[i].bigs = 128;
        x->cfg[i].tcp.kept_burst = 0;
        if (seed % 16 < 8) /* and few of their packets may wait for a reader */
            x->cfg[i].tcp.kept_packets = 1;
        if (seed % 9 == 2) /* records are short */
            x->cfg[i].tcp.lent_records = 8;
        transfer_recovery(x, &x->cfg[i].tcp);
        x->cfg[i].tcp.cc = x->cc;
        transfer_wire(x, &x->wire[i]);
        transfer_plan(x, &x->plan[i]);
        x->plan[i].lend = (seed + i) % 3 == 0;
    }
    transfer_ends(x);
    if (one_in(x, 4)) {
        transfer_wrap(x, 0);
        transfer_wrap(x, 1);
    }
    x->w = world_new(seed);
    for (unsigned i = 0; i < 2; i++)
        world_host_add(x->w, &x->cfg[i]);
    x->cable = world_cable_add(x->w, x->w->hosts[0], x->w->hosts[1], NULL, NULL);
    x->cable->cb.offload = x->cfg[0].ifs[0].gso_max != 0;
    for (unsigned i = 0; i < 2; i++) {
        x->w->hosts[i]->user = talk_run;
        x->w->hosts[i]->user_deadline = talk_deadline;
        x->w->hosts[i]->ctx = &x->talk[i];
    }
}

/* A datagram each way while the wire is still good: both know the other's hardware address before
 * they talk, and no seed ends with a host that did not answer ARP. */
static void transfer_meet(struct transfer *x)
{
    for (unsigned i = 0; i < 2; i++) {
        struct socks *s = net_socks(&x->w->hosts[i]->n);
        struct sock_addr to = {ip_addr_v4(i == 0 ? TRANSFER_B : TRANSFER_A), 9};
        int sd = sock_open(s, SOCK_KIND_UDP);

        T_EQ(sock_sendto(s, sd, "hello", 5, &to), 5);
        sock_close(s, sd);
        world_run(x->w, NET_MS(1));
    }
}

/* Some seeds open from both sides at once (RFC 9293 figure 8). */
static void transfer_open(struct transfer *x, bool both)
{
    struct world_host **h = x->w->hosts;

    x->talk[0].over = x->talk[1].over = true; /* not begun yet */
    transfer_meet(x);
    for (unsigned i = 0; i < 2; i++)
        T_EQ(cable_set(&x->cable->cb, i, &x->wire[i]), 0);
    x->w->done = transfer_done;
    x->w->done_ctx = x;
    if (both)
        talk_connect(&x->talk[1], h[1], TRANSFER_PORT, TRANSFER_A, TRANSFER_FROM, &x->plan[1],
                     &x->plan[0]);
    else
        talk_listen(&x->talk[1], h[1], TRANSFER_PORT, &x->plan[1], &x->plan[0]);
    talk_connect(&x->talk[0], h[0], TRANSFER_FROM, TRANSFER_B, TRANSFER_PORT, &x->plan[0],
                 &x->plan[1]);
}

static void transfer_count(const struct transfer *x, struct transfer_sum *sum)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct tcp_stats *st = &x->w->hosts[i]->n.tcp.stats;

        sum->bytes += x->talk[i].received;
        sum->rtx += st->rtx_segs;
        sum->fast += st->fast_rtx;
        sum->timeouts += st->timeouts;
        sum->probes += st->zero_window_probes;
        sum->ooo += st->ooo_segs;
        sum->delayed += st->delayed_acks;
        sum->mtu_ok += st->mtu_probes_ok;
        sum->lent += x->talk[i].lent;
        sum->refused += x->talk[i].refused;
        sum->wraps += x->cfg[i].start != 0;
        if (st->segs_out > x->w->hosts[i]->n.ifs[0].eth.tx_frames)
            sum->joined += st->segs_out - x->w->hosts[i]->n.ifs[0].eth.tx_frames;
        sum->fast_open += x->w->hosts[i]->n.tcp.fo.stats.accepted;
        sum->kept += x->w->hosts[i]->n.tcp.kept.kept;
        sum->folded += x->w->hosts[i]->n.tcp.kept.folded;
    }
    sum->arrows |= x->w->arrows;
    sum->grouped += x->w->joined;
}

/* FNV-1a */
static uint64_t transfer_hash(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ b[i]) * 0x100000001b3u;
    return hash;
}

static void transfer_see(struct transfer *x, const void *bytes, size_t len)
{
    x->seen = transfer_hash(x->seen, bytes, len);
}

/* Each frame at its moment, and what can be said about each connection then. */
static void transfer_watch(void *ctx, struct world_host *h, const struct pkt *p, bool out)
{
    struct transfer *x = ctx;
    struct tcp_status s;
    uint32_t at = 0;
    net_time now = world_now(h);

    transfer_see(x, &now, sizeof(now));
    transfer_see(x, &out, sizeof(out));
    if (p != NULL) {
        transfer_see(x, pkt_data(p), p->len);
        transfer_see(x, p->ext, p->ext_len);
        x->frames = transfer_hash(x->frames, &now, sizeof(now));
        x->frames = transfer_hash(x->frames, pkt_data(p), p->len);
        x->frames = transfer_hash(x->frames, p->ext, p->ext_len);
    }
    while (tcp_each(&h->n.tcp, &at, &s)) {
        uint64_t all[] = {s.state,
                          s.snd_queue,
                          s.rcv_queue,
                          s.in_flight,
                          s.snd_wnd,
                          s.rcv_wnd,
                          s.cwnd,
                          s.ssthresh,
                          s.mss,
                          s.rcvbuf,
                          s.rcv_space,
                          (uint64_t)s.srtt,
                          (uint64_t)s.rttvar,
                          (uint64_t)s.rto,
                          (uint64_t)s.min_rtt,
                          (uint64_t)s.rcv_rtt,
                          s.quick_acks,
                          s.ca_state,
                          s.out_segs,
                          s.sacked_segs,
                          s.lost_segs,
                          s.rtx_segs_now,
                          s.delivered,
                          s.delivery_rate,
                          s.pacing_rate,
                          (uint64_t)s.timer_left,
                          s.timer_tries,
                          s.backoff,
                          (uint64_t)s.soft_error,
                          s.bytes_in,
                          s.bytes_out,
                          s.bytes_acked,
                          s.delivered_segs,
                          s.segs_in,
                          s.segs_out,
                          s.rtx_segs,
                          s.ce_in,
                          s.ece_in};

        transfer_see(x, all, sizeof(all));
    }
}

static void transfer_with(struct transfer *x, uint64_t seed, struct transfer_sum *sum)
{
    prng_seed(&x->prng, seed, 42);
    transfer_begin(x, seed);
    for (unsigned i = 0; i < 2; i++)
        x->w->hosts[i]->n.tcp.never_predicts = x->never_predicts;
    for (unsigned i = 0; x->packs && i < 2; i++)
        x->w->hosts[i]->n.tcp.cfg.full_idle = 0;
    for (unsigned i = 0; x->pauses && i < 2; i++) { /* a word now and then */
        x->plan[i].write_max = 1 + (uint32_t)(x->plan[i].bytes / 30);
        x->plan[i].write_pause = NET_MS(pick(x, 1, 600));
    }
    for (unsigned i = 0; x->is_quick && i < 2; i++) {
        imp_config_default(&x->wire[i]);
        x->wire[i].delay = NET_US(pick(x, 100, 20000));
    }
    x->w->joins = !x->cable->cb.offload && (x->joins || seed % 5 == 3);
    if (x->is_quick)
        x->w->joins = x->joins;
    /* Where a frame is in flight for no time, both SYNs would never meet. */
    bool both = x->wire[0].delay > NET_MS(1) && x->wire[1].delay > NET_MS(1) && one_in(x, 3) &&
                x->wire[0].loss_ppm + x->wire[1].loss_ppm + x->wire[0].corrupt_ppm +
                        x->wire[1].corrupt_ppm ==
                    0;

    if (x->watches) {
        x->w->watch = transfer_watch;
        x->w->watch_ctx = x;
        x->w->hash_traces = true;
        for (unsigned i = 0; i < 2; i++) /* a router that marks, where both do ECN */
            x->wire[i].mark_ppm = seed % 2 == 0 ? 20000 : 0;
    }
    transfer_open(x, both);
    world_run(x->w, NET_SEC(3600)); /* the worst wires leave a few segments a minute */
    if (!x->w->failed && !(talk_is_well(&x->talk[0]) && talk_is_well(&x->talk[1])))
        world_fail(x->w, "not over after an hour: %llu of %llu bytes there, %llu of %llu back",
                   (unsigned long long)x->talk[1].received, (unsigned long long)x->plan[0].bytes,
                   (unsigned long long)x->talk[0].received, (unsigned long long)x->plan[1].bytes);
    x->took = x->w->now;
    transfer_count(x, sum);
    for (unsigned i = 0; i < 2; i++) {
        transfer_see(x, &x->w->hosts[i]->n.tcp.stats, sizeof(struct tcp_stats));
        x->predicted += x->w->hosts[i]->n.tcp.predicted;
        x->packed += x->w->hosts[i]->n.tcp.stats.packed;
    }
    transfer_see(x, &x->w->trace_hash, sizeof(x->w->trace_hash));
    world_end(x->w);
    for (unsigned i = 0; i < 2; i++)
        T_EQ(x->talk[i].unlent, x->talk[i].lent); /* each of them once */
}

static void transfer(uint64_t seed, struct transfer_sum *sum)
{
    static struct transfer x;

    x = (struct transfer){0};
    transfer_with(&x, seed, sum);
}

static void test_transfer_random(void)
{
    struct seeds s = seeds_first("test_transfer", "test_transfer_random", 1000);
    struct transfer_sum sum = {0};
    uint64_t ran = 0;

    for (; seeds_next(&s); ran++)
        transfer(s.seed, &sum);
    T_TRUE(ran > 0);
    if (ran < 1000)
        return;
    T_TRUE(sum.bytes > 50000000);
    T_TRUE(sum.rtx > 1000 && sum.fast > 100 && sum.timeouts > 100 && sum.ooo > 1000);
    T_TRUE(sum.lent > 1000 && sum.refused > 10);
    T_TRUE(sum.mtu_ok > 100 && sum.joined > 1000 && sum.grouped > 1000);
    T_TRUE(sum.probes > 100 && sum.delayed > 100 && sum.wraps > 100 && sum.fast_open > 100);
    T_TRUE(sum.kept > 100 && sum.folded > 10);
    T_TRUE(world_saw(sum.arrows, "SYN_SENT", "SYN_RCVD"));  /* opened from both sides */
    T_TRUE(world_saw(sum.arrows, "FIN_WAIT_1", "CLOSING")); /* closed from both sides */
    T_TRUE(world_saw(sum.arrows, "FIN_WAIT_2", "TIME_WAIT"));
    T_TRUE(world_saw(sum.arrows, "LAST_ACK", "CLOSED"));
}

/* Header prediction (tcp_input.c) is a short cut and nothing else: every frame at its moment, every event,
 * and every number of a connection are the same without it. */
static void test_transfer_prediction_changes_nothing(void)
{
    struct seeds s = seeds_first("test_transfer", "test_transfer_prediction_changes_nothing", 150);
    struct transfer_sum sum = {0};
    uint64_t predicted = 0;

    while (seeds_next(&s)) {
        static struct transfer with, without;

        with = (struct transfer){.watches = true};
        without = (struct transfer){.watches = true, .never_predicts = true};
        transfer_with(&with, s.seed, &sum);
        transfer_with(&without, s.seed, &sum);
        T_TRUE(with.seen == without.seen);
        T_EQ(without.predicted, 0);
        predicted += with.predicted;
    }
    T_TRUE(predicted > 1000);
}

/*
 * Connections that are packed whenever they rest for a moment (tcp_idle.c), on all kinds of wires and with all
 * controllers: every byte arrives, every invariant holds, and mostly nothing at all is different. What is forgotten
 * shows in few transfers, one or two in a hundred, in two ways. The receiver begins anew to measure what comes in a
 * round trip: seed 142, whose window trickles full in 2.4 s, takes that for a round trip where it is not packed, and its
 * buffer grows sevenfold (459 with 8.8 s); packed it does not. And CUBIC begins a new stage on the same curve, with
 * its fractions of a byte lost: the window is smaller by a byte (176) or by the part of a segment (192).
 */
static void test_transfer_packing_changes_little(void)
{
    struct seeds s = seeds_first("test_transfer", "test_transfer_packing_changes_little", 150);
    struct transfer_sum sum = {0};
    uint64_t packed[3] = {0}, ran = 0, same = 0;

    for (; seeds_next(&s); ran++) {
        static struct transfer with, without;

        uint8_t cc = (uint8_t)(s.seed / 50 % ARRAY_LEN(packed));

        with = (struct transfer){.watches = true, .pauses = true, .packs = true, .cc = cc};
        without = (struct transfer){.watches = true, .pauses = true, .cc = cc};
        transfer_with(&with, s.seed, &sum);
        transfer_with(&without, s.seed, &sum);
        T_EQ(without.packed, 0);
        packed[cc] += with.packed;
        same += with.frames == without.frames;
    }
    if (ran < 150)
        return;
    for (unsigned cc = 0; cc < ARRAY_LEN(packed); cc++)
        T_TRUE(packed[cc] > 1000);
    T_TRUE(same * 100 >= ran * 97);
}

/* Trains that are joined where they arrive (join.h) are the same bytes, as soon: nobody waits for an ACK of
 * what was counted as one segment. */
static void test_transfer_joining_delays_nothing(void)
{
    struct seeds s = seeds_first("test_transfer", "test_transfer_joining_delays_nothing", 150);
    struct transfer_sum apart = {0}, joined = {0};
    net_time longer = 0, took = 0;
    uint64_t ran = 0;

    for (; seeds_next(&s); ran++) {
        static struct transfer with, without;

        with = (struct transfer){.joins = true, .is_quick = true};
        without = (struct transfer){.is_quick = true};
        transfer_with(&with, s.seed, &joined);
        transfer_with(&without, s.seed, &apart);
        longer += with.took - without.took;
        took += without.took;
    }
    T_EQ(joined.bytes, apart.bytes);
    T_EQ(apart.grouped, 0);
    if (ran < 150)
        return;
    T_TRUE(joined.grouped > 2000);
    T_TRUE(longer * 100 < took); /* by less than a hundredth, all together */
}

/* A peer that fills our window to the last byte and then hangs up, while we do not read, must not
 * keep us from talking: its ACKs count. And its FIN, which needs no room, is taken at once, so that
 * it does not try for minutes. */
static void test_transfer_fin_at_shut_window(void)
{
    struct transfer x = {0};

    for (unsigned i = 0; i < 2; i++) {
        world_config(&x.cfg[i], (uint8_t)(i + 1));
        imp_config_default(&x.wire[i]);
        x.wire[i].delay = NET_MS(5);
    }
    x.plan[0] = (struct talk_plan){
        .key = 1, .bytes = 200000, .end = TALK_SECOND, .rcvbuf = 8192, .read_from = NET_SEC(300)};
    x.plan[1] = (struct talk_plan){
        .key = 2, .bytes = 8192, .end = TALK_FIRST, .end_from = NET_MS(20), .nodelay = true};
    x.w = world_new(1);
    for (unsigned i = 0; i < 2; i++) {
        struct world_host *h = world_host_add(x.w, &x.cfg[i]);

        h->user = talk_run;
        h->user_deadline = talk_deadline;
        h->ctx = &x.talk[i];
    }
    x.cable = world_cable_add(x.w, x.w->hosts[0], x.w->hosts[1], NULL, NULL);
    transfer_open(&x, false);
    world_run(x.w, NET_SEC(3));
    T_EQ(x.talk[0].received, 0);
    T_EQ(x.talk[1].received, 200000);
    T_EQ(x.w->hosts[1]->n.tcp.stats.rtx_segs, 0);
    world_run(x.w, NET_SEC(400));
    T_TRUE(talk_is_well(&x.talk[0]) && talk_is_well(&x.talk[1]));
    world_end(x.w);
}

T_MAIN("transfer", T(test_transfer_random), T(test_transfer_prediction_changes_nothing),
       T(test_transfer_packing_changes_little), T(test_transfer_joining_delays_nothing),
       T(test_transfer_fin_at_shut_window))
