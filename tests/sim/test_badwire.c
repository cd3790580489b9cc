/*
 * Ten million bytes each way at once over a wire that loses 5 %, damages 1 %, reorders 10 % and
 * doubles 5 % of all frames: they arrive unharmed, and the run is a function of its seed.
 *
 * Damage is one wrong bit in a frame, which the Internet checksum always finds.
 */
#include "talk.h"

enum { BADWIRE_BYTES = 10000000 };

struct badwire {
    struct world *w;
    struct talk talk[2];
};

static bool badwire_done(void *ctx)
{
    struct badwire *x = ctx;

    return x->talk[0].over && x->talk[1].over;
}

/* Return: the hash of all events of both hosts, as JSON Lines. */
static uint64_t badwire(uint64_t seed, uint64_t bytes, bool traced)
{
    static struct badwire x;
    struct imp_config imp;
    struct talk_plan plan[2] = {
        {.key = seed + 1, .bytes = bytes, .end = TALK_FIRST },
        {.key = seed + 2, .bytes = bytes, .end = TALK_SECOND},
    };

    imp_config_default(&imp);
    imp.delay = NET_MS(1);
    imp.rate_bps = 1000000000;
    imp.loss_ppm = 50000;
    imp.corrupt_ppm = 10000;
    imp.reorder_ppm = 100000;
    imp.dup_ppm = 50000;
    x.w = world_new(seed);
    x.w->hash_traces = traced;
    x.w->check_each = 8;
    for (unsigned i = 0; i < 2; i++) {
        struct net_config cfg;

        world_config(&cfg, (uint8_t)(i + 1));
        cfg.seed = 2 * seed + i;
        struct world_host *h = world_host_add(x.w, &cfg);

        h->user = talk_run;
        h->user_deadline = talk_deadline;
        h->ctx = &x.talk[i];
    }
    world_cable_add(x.w, x.w->hosts[0], x.w->hosts[1], &imp, &imp);
    talk_listen(&x.talk[1], x.w->hosts[1], 5001, &plan[1], &plan[0]);
    talk_connect(&x.talk[0], x.w->hosts[0], 0, 0x0a000002, 5001, &plan[0], &plan[1]);
    x.w->done = badwire_done;
    x.w->done_ctx = &x;
    world_run(x.w, NET_SEC(3600));
    T_TRUE(talk_is_well(&x.talk[0]));
    T_TRUE(talk_is_well(&x.talk[1]));
    T_TRUE(x.w->hosts[0]->n.tcp.stats.rtx_segs > 0);
    T_TRUE(x.w->hosts[0]->n.core.drops[V_DROP_TCP_CHECKSUM] > 0);
    uint64_t hash = x.w->trace_hash;

    if (traced)
        T_TRUE(x.w->trace_events > 1000);
    world_end(x.w);
    return hash;
}

static void test_badwire_bytes_arrive(void)
{
    struct seeds s = seeds_first("test_badwire", "test_badwire_bytes_arrive", 10);

    while (seeds_next(&s))
        badwire(s.seed, BADWIRE_BYTES, false);
}

static void test_badwire_same_seed_same_trace(void)
{
    uint64_t one = badwire(7, BADWIRE_BYTES / 20, true),
             again = badwire(7, BADWIRE_BYTES / 20, true),
             other = badwire(8, BADWIRE_BYTES / 20, true);

    T_TRUE(one == again);
    T_TRUE(one != other);
}

T_MAIN("badwire", T(test_badwire_bytes_arrive), T(test_badwire_same_seed_same_trace))
