/* The bad wire: each impairment alone, then together, changed while running, repeatable. */
#include <errno.h>

#include "base/csum.h"
#include "l1_physical/imp.h"
#include "link.h"
#include "wire/ip4.h"

enum { SLOTS = 32 };

static struct link_host H;
static struct imp_chain Ch;
static struct imp_config Cfg;
static struct imp_slot Slots[SLOTS];

static void up(void)
{
    struct arp_config arp;
    struct region r = {.p = (uint8_t *)Slots, .len = sizeof(Slots)};

    memset(Slots, 0, sizeof(Slots));
    arp_config_default(&arp);
    link_up(&H, &arp);
    r.used = 0;
    imp_cut(&Ch, &r, SLOTS);
    /* The array need not start at a multiple of 64, which region_cut() counts from its start. */
    T_NEED(!r.overflow && Ch.slots == Slots);
    imp_init(&Ch, &H.c, "rx", 42, 0);
    imp_config_default(&Cfg);
}

static void down(void)
{
    imp_flush(&Ch);
    T_EQ(imp_deadline(&Ch), NET_NEVER);
    link_down(&H);
}

static void set(void)
{
    T_EQ(imp_set(&Ch, &Cfg), 0);
}

/* A frame of 100 bytes that begins with its number. */
static void push(uint8_t number, net_time now)
{
    imp_push(&Ch, link_pkt(&H.c, 100, number), now);
}

/* The number of the next frame that comes out, or -1. */
static int pop(net_time now)
{
    struct pkt *p = imp_pop(&Ch, now);

    if (p == NULL)
        return -1;
    int number = pkt_data(p)[0];

    pkt_release(p);
    return number;
}

static uint64_t hits(const char *stage)
{
    const char *name;
    uint64_t n;
    uint32_t at = 0;

    while (imp_each(&Ch, &at, &name, &n)) {
        if (strcmp(name, stage) == 0)
            return n;
    }
    return UINT64_MAX;
}

static void test_imp_good_wire_is_no_wire(void)
{
    up();
    T_FALSE(imp_is_on(&Ch));
    for (uint8_t i = 0; i < 10; i++)
        push(i, i);
    T_EQ(imp_deadline(&Ch), 9);
    for (uint8_t i = 0; i < 10; i++)
        T_EQ(pop(9), i);
    T_EQ(pop(9), -1);
    T_EQ(imp_deadline(&Ch), NET_NEVER);
    T_EQ(H.events, 0);
    T_EQ(Ch.frames, 10);
    T_EQ(Ch.bytes, 1000);
    down();
}

static void test_imp_loss_takes_its_share_and_reports_it(void)
{
    unsigned out = 0;

    up();
    Cfg.loss_ppm = 250000;
    set();
    T_TRUE(imp_is_on(&Ch));
    for (unsigned i = 0; i < 4000; i++) {
        push(0, i);
        out += pop(i) == 0;
    }
    T_TRUE(out > 2900 && out < 3100);
    T_EQ(hits("drop"), 4000 - out);
    T_EQ(H.c.drops[V_DROP_WIRE_LOSS], 4000 - out);
    T_EQ(H.event[0].kind, TRACE_fault);
    T_STR(H.event[0].u.fault.what, "drop");
    T_STR(H.event[0].u.fault.dir, "rx");
    T_EQ(H.event[1].kind, TRACE_drop);
    T_EQ(H.event[1].t, H.event[0].t);
    T_EQ(H.c.now, 0); /* the host's clock is its own */
    down();
}

static void test_imp_loss_of_all_and_of_none(void)
{
    up();
    Cfg.loss_ppm = 1000000;
    set();
    for (unsigned i = 0; i < 100; i++)
        push(0, i);
    T_EQ(pop(100), -1);
    T_EQ(imp_deadline(&Ch), NET_NEVER);
    down();
}

static void test_imp_corrupt_flips_one_bit(void)
{
    up();
    Cfg.corrupt_ppm = 1000000;
    set();
    for (unsigned n = 0; n < 200; n++) {
        unsigned flipped = 0;
        struct pkt *p = link_pkt(&H.c, 100, 0);

        p->csum = CSUM_VERIFIED;
        imp_push(&Ch, p, n);
        p = imp_pop(&Ch, n);
        T_NEED(p != NULL);
        for (unsigned i = 0; i < 100; i++)
            flipped += (unsigned)__builtin_popcount(pkt_data(p)[i] ^ (uint8_t)i);
        T_EQ(flipped, 1);
        T_EQ(p->csum, CSUM_NONE); /* nobody has verified this */
        pkt_release(p);
    }
    T_EQ(hits("corrupt"), 200);
    down();
}

/* 20 bytes of IPv4 that say ECT(@ecn), their checksum right, behind an Ethernet header. */
static void mark_packet(struct pkt *p, uint8_t ecn)
{
    uint8_t *ip = pkt_data(p) + 14;

    memset(pkt_data(p) + 12, 0, p->len - 12);
    pkt_data(p)[12] = 8;
    ip[0] = 0x45;
    ip[1] = (uint8_t)(0xb8 | ecn); /* a DSCP, which stays */
    ip[8] = 64;
    put16(ip + 10, csum_finish(csum_add(0, ip, 20)));
}

/* RFC 3168 section 5: CE only where the sender said ECT; everything else passes as it is. */
static void test_imp_mark_marks_what_can_be_marked(void)
{
    up();
    Cfg.mark_ppm = 1000000;
    set();
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        struct pkt *p = link_pkt(&H.c, 60, 0);
        uint8_t *ip = pkt_data(p) + 14;

        mark_packet(p, ecn);
        p->csum = CSUM_VERIFIED;
        imp_push(&Ch, p, ecn);
        p = imp_pop(&Ch, ecn);
        T_NEED(p != NULL);
        T_EQ(ip[1], 0xb8 | (ecn == 0 ? 0 : 3));
        T_EQ(csum_finish(csum_add(0, ip, 20)), 0);
        T_EQ(p->csum, CSUM_VERIFIED); /* TCP's does not cover it */
        pkt_release(p);
    }
    T_EQ(hits("mark"), 3);
    for (unsigned cut = 0; cut < 60; cut++) { /* too short, or not IPv4: never touched */
        struct pkt *p = link_pkt(&H.c, 60, 0);
        uint8_t before[60];

        mark_packet(p, 1);
        if (cut >= 34)
            pkt_data(p)[12 + cut % 2] ^= 1;
        if (cut == 33)
            pkt_data(p)[14] = 0x4f; /* a header that is longer than the frame */
        p->len = cut < 34 ? cut + (cut == 33) : 60;
        memcpy(before, pkt_data(p), 60);
        imp_push(&Ch, p, cut);
        p = imp_pop(&Ch, cut);
        T_NEED(p != NULL);
        T_MEM(pkt_data(p), before, p->len);
        pkt_release(p);
    }
    T_EQ(hits("mark"), 3);
    down();
}

static void test_imp_corrupt_completes_a_partial_checksum_first(void)
{
    static const uint8_t tail[11] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255};

    up();
    Cfg.corrupt_ppm = 1000000;
    set();
    for (unsigned n = 0; n < 50; n++) {
        struct pkt *p = link_pkt(&H.c, 60, 0);

        memset(pkt_data(p) + 36, 0, 2);
        p->ext = tail;
        p->ext_len = sizeof(tail);
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)(p->off + 20);
        p->csum_off = 16;
        imp_push(&Ch, p, n);
        p = imp_pop(&Ch, n);
        T_NEED(p != NULL);
        T_EQ(p->csum, CSUM_NONE);
        T_EQ(p->len, 71);
        bool hit = false; /* was the bit before the checksummed part? */

        for (unsigned i = 0; i < 20; i++)
            hit = hit || pkt_data(p)[i] != i;
        T_EQ(csum_fold(csum_add(0, pkt_data(p) + 20, 51)) == 0xffff, hit);
        pkt_release(p);
    }
    down();
}

static void test_imp_dup_sends_twice_in_order(void)
{
    up();
    Cfg.dup_ppm = 1000000;
    set();
    push(1, 0);
    push(2, 0);
    T_EQ(pop(0), 1);
    T_EQ(pop(0), 1);
    T_EQ(pop(0), 2);
    T_EQ(pop(0), 2);
    T_EQ(pop(0), -1);
    T_EQ(hits("duplicate"), 2);
    /* Without a packet for the copy the frame goes on alone. */
    struct pkt *all[LINK_PKTS];

    for (unsigned i = 0; i < LINK_PKTS; i++)
        all[i] = link_pkt(&H.c, 100, 7);
    imp_push(&Ch, all[0], 0);
    T_EQ(pop(0), 7);
    T_EQ(pop(0), -1);
    for (unsigned i = 1; i < LINK_PKTS; i++)
        pkt_release(all[i]);
    down();
}

static unsigned Seen;
static uint64_t Seen_frame;

static void see(void *ctx, const struct pkt *p, bool out)
{
    T_TRUE(ctx == &H && !out);
    T_EQ(p->faults >> IMP_DROP & 1, 1);
    T_EQ(pkt_data(p)[0], 9);
    T_EQ(H.c.now, NET_MS(5)); /* of the loss */
    Seen++;
    Seen_frame = p->frame;
}

/* What is lost on its way in has a number, and whoever looks on sees it before he hears of it. */
static void test_imp_loss_on_the_way_in_is_seen_and_numbered(void)
{
    up();
    Seen = 0;
    H.c.tap = see;
    H.c.tap_ctx = &H;
    H.c.frames = 6;
    Cfg.loss_ppm = 1000000;
    set();
    push(9, NET_MS(5));
    T_EQ(Seen, 1);
    T_EQ(Seen_frame, 7);
    T_EQ(H.event[0].kind, TRACE_fault);
    T_EQ(H.event[0].frame, 7);
    T_EQ(H.event[1].kind, TRACE_drop);
    T_EQ(H.event[1].frame, 7);
    Cfg.loss_ppm = 0;
    Cfg.rate_bps = 1;
    Cfg.limit = 0;
    set();
    push(1, NET_MS(5)); /* in the transmitter */
    push(9, NET_MS(5)); /* no room */
    T_EQ(Seen, 2);
    T_EQ(Seen_frame, 8);
    T_EQ(H.event[2].frame, 8);
    T_EQ(H.c.frames, 8); /* the first has none before it arrives */
    down();
    /* On the way out frames have their numbers already. */
    up();
    imp_init(&Ch, &H.c, "tx", 42, 0);
    H.c.tap = see;
    Cfg.loss_ppm = 1000000;
    set();
    push(1, 0);
    T_EQ(Seen, 2);
    T_EQ(H.c.frames, 0);
    down();
}

/* What happened to a frame comes along with it. */
static void test_imp_faults_are_noted_in_the_packet(void)
{
    up();
    Cfg.dup_ppm = Cfg.corrupt_ppm = 1000000;
    Cfg.delay = NET_MS(1);
    set();
    push(1, 0);
    struct pkt *p = imp_pop(&Ch, NET_MS(1)), *twin = imp_pop(&Ch, NET_MS(1));
    unsigned both = 1u << IMP_CORRUPT | 1u << IMP_DELAY;

    T_NEED(p != NULL && twin != NULL);
    T_EQ(p->faults, both);
    T_EQ(twin->faults, both | 1u << IMP_DUPLICATE);
    T_EQ(p->frame, 0);
    pkt_release(p);
    pkt_release(twin);
    down();
}

static void test_imp_delay_is_exact_and_late_calls_do_not_add_up(void)
{
    up();
    Cfg.delay = NET_MS(50);
    set();
    push(1, 0);
    push(2, NET_MS(10));
    T_EQ(imp_deadline(&Ch), NET_MS(50));
    T_EQ(pop(NET_MS(50) - 1), -1);
    T_EQ(pop(NET_MS(50)), 1);
    T_EQ(pop(NET_MS(50)), -1);
    T_EQ(imp_deadline(&Ch), NET_MS(60));
    T_EQ(pop(NET_MS(500)), 2);
    T_EQ(hits("delay"), 2);
    down();
}

static void test_imp_jitter_spreads_and_keeps_order(void)
{
    net_time min = NET_NEVER, max = 0;
    int want = 0;

    up();
    Cfg.delay = NET_MS(10);
    Cfg.jitter = NET_MS(5);
    set();
    for (unsigned i = 0; i < 2000; i++) { /* far apart: the spread is that of the draw */
        net_time sent = (net_time)i * NET_MS(100);

        push(0, sent);
        net_time late = imp_deadline(&Ch) - sent;

        T_EQ(pop(sent + late), 0);
        min = late < min ? late : min;
        max = late > max ? late : max;
    }
    T_TRUE(min >= NET_MS(5) && min < NET_US(5200));
    T_TRUE(max <= NET_MS(15) && max > NET_US(14800));
    net_time t = NET_SEC(1000);

    for (uint8_t i = 0; i < 20; i++) /* close together: nobody overtakes */
        push(i, t + i * NET_US(100));
    while (imp_deadline(&Ch) != NET_NEVER) {
        t = imp_deadline(&Ch);
        for (int got; (got = pop(t)) >= 0; want++)
            T_EQ(got, want);
    }
    T_EQ(want, 20);
    down();
}

static void test_imp_jitter_above_delay_is_never_negative(void)
{
    up();
    Cfg.delay = NET_MS(1);
    Cfg.jitter = NET_MS(5);
    set();
    for (unsigned i = 0; i < 200; i++) {
        net_time sent = (net_time)i * NET_MS(100);

        push(0, sent);
        T_TRUE(imp_deadline(&Ch) >= sent && imp_deadline(&Ch) <= sent + NET_MS(6));
        T_EQ(pop(sent + NET_MS(6)), 0);
    }
    down();
}

static void test_imp_delay_line_is_bounded(void)
{
    up();
    Cfg.delay = NET_SEC(1);
    set();
    for (uint8_t i = 0; i < SLOTS + 3; i++)
        push(i, 0);
    T_EQ(H.c.drops[V_DROP_WIRE_QUEUE], 3);
    T_EQ(Ch.full, 3);
    for (uint8_t i = 0; i < SLOTS; i++)
        T_EQ(pop(NET_SEC(1)), i);
    T_EQ(pop(NET_SEC(1)), -1);
    down();
}

static void test_imp_rate_serialises(void)
{
    up();
    Cfg.rate_bps = 800000; /* 100 bytes take 1 ms */
    set();
    for (uint8_t i = 0; i < 3; i++)
        push(i, 0);
    T_EQ(imp_deadline(&Ch), NET_MS(1));
    T_EQ(pop(NET_MS(1)), 0);
    T_EQ(pop(NET_MS(1)), -1);
    T_EQ(imp_deadline(&Ch), NET_MS(2));
    T_EQ(pop(NET_MS(9)), 1);
    T_EQ(pop(NET_MS(9)), 2); /* was out at 3 ms */
    push(7, NET_MS(9));
    T_EQ(imp_deadline(&Ch), NET_MS(10)); /* an idle transmitter saves nothing up */
    down();
}

static void test_imp_rate_keeps_fractions(void)
{
    net_time at = 0;

    up();
    Cfg.rate_bps = 3000000000u; /* 100 bytes take 266.66 ns */
    Cfg.limit = 60;
    set();
    for (uint8_t i = 0; i < 60; i++)
        push(i, 0);
    for (uint8_t i = 0; i < 60; i++) {
        at = imp_deadline(&Ch);
        T_EQ(pop(at), i);
    }
    T_EQ(at, 16000); /* 60 * 800 bits / 3 Gbit/s */
    down();
}

static void test_imp_rate_queue_drops_at_its_tail(void)
{
    up();
    Cfg.rate_bps = 800000;
    Cfg.limit = 2;
    set();
    for (uint8_t i = 0; i < 5; i++)
        push(i, 0); /* one is sent, two wait, two are lost */
    T_EQ(H.c.drops[V_DROP_WIRE_QUEUE], 2);
    T_EQ(hits("rate"), 2);
    for (uint8_t i = 0; i < 3; i++)
        T_EQ(pop(NET_SEC(1)), i);
    T_EQ(pop(NET_SEC(1)), -1);
    down();
}

static void test_imp_reorder_lets_k_frames_pass(void)
{
    up();
    Cfg.reorder_ppm = 1000000;
    Cfg.reorder_gap = 3;
    set();
    push(0, 0);
    T_EQ(pop(0), -1);
    Cfg.reorder_ppm = 0; /* those inside keep the fate they have */
    set();
    T_TRUE(imp_is_on(&Ch));
    for (uint8_t i = 1; i <= 4; i++)
        push(i, i);
    static const int want[] = {1, 2, 3, 0, 4, -1};

    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        T_EQ(pop(4), want[i]);
    T_EQ(hits("reorder"), 1);
    T_FALSE(imp_is_on(&Ch));
    down();
}

static void test_imp_reorder_gives_back_after_a_time(void)
{
    up();
    Cfg.reorder_ppm = 1000000;
    Cfg.reorder_wait = NET_MS(5);
    set();
    push(9, NET_MS(1));
    T_EQ(imp_deadline(&Ch), NET_MS(6));
    T_EQ(pop(NET_MS(6) - 1), -1);
    T_EQ(pop(NET_MS(6)), 9);
    /* A frame that comes after the time is up does not overtake any more. */
    push(1, NET_MS(10));
    Cfg.reorder_ppm = 0;
    set();
    push(2, NET_MS(20));
    T_EQ(pop(NET_MS(20)), 1);
    T_EQ(pop(NET_MS(20)), 2);
    down();
}

static void test_imp_reorder_asked_late_keeps_to_its_time(void)
{
    up();
    Cfg.reorder_ppm = 1000000;
    Cfg.delay = NET_MS(10);
    set();
    push(1, 0);
    T_EQ(pop(NET_MS(10)), -1); /* aside until 20 ms */
    Cfg.reorder_ppm = 0;
    set();
    push(2, NET_MS(15));
    T_EQ(pop(NET_MS(30)), 1); /* the second was there at 25 ms */
    T_EQ(pop(NET_MS(30)), 2);
    down();
}

static void test_imp_reorder_holds_a_bounded_number(void)
{
    unsigned out = 0;

    up();
    Cfg.reorder_ppm = 1000000;
    set();
    for (uint8_t i = 0; i < 40; i++)
        push(i, 0);
    while (pop(0) >= 0)
        out++;
    T_TRUE(out >= 30);
    while (pop(NET_SEC(1)) >= 0)
        out++;
    T_EQ(out, 40);
    down();
}

/* Whose frame was lost on its way out is told from our side, of copies as well. */
static void test_imp_lost_on_the_way_out_names_the_connection(void)
{
    for (unsigned copied = 0; copied < 2; copied++) {
        up();
        imp_init(&Ch, &H.c, "tx", 42, 0);
        Cfg.loss_ppm = 1000000;
        set();
        struct pkt *p = link_pkt(&H.c, 54, 0); /* headers of Ethernet, IPv4 and TCP */

        p->l4 = (uint16_t)(p->off + 34);
        p->proto = IP_PROTO_TCP;
        p->src = ip_addr_v4(0x0a000002);
        p->dst = ip_addr_v4(0x0a000001);
        put16(pkt_data(p) + 34, 80);
        put16(pkt_data(p) + 36, 40000);
        core_framed(&H.c, p, true);
        imp_push(&Ch, copied ? pkt_keep(p) : p, 0);
        if (copied)
            pkt_release(p);
        T_EQ(H.c.drops[V_DROP_WIRE_LOSS], 1);
        T_EQ(H.event[1].kind, TRACE_drop);
        T_EQ(H.event[1].frame, 1);
        T_EQ(H.event[1].conn.proto, IP_PROTO_TCP);
        T_EQ(H.event[1].conn.lport, 80);
        T_EQ(H.event[1].conn.rport, 40000);
        T_TRUE(ip_addr_eq(H.event[1].conn.local, ip_addr_v4(0x0a000002)));
        down();
    }
}

/* What happens behind the queue is known, and told, when a frame comes: its capture has not been written yet. */
static void test_imp_fate_is_told_before_the_wait(void)
{
    up();
    Cfg.rate_bps = 800000;
    Cfg.delay = NET_MS(10);
    Cfg.reorder_ppm = 1000000;
    set();
    struct pkt *p = link_pkt(&H.c, 100, 1);

    p->frame = 7;
    p->faults = 1u << IMP_DROP; /* an earlier wire's */
    imp_push(&Ch, p, NET_MS(1));
    T_EQ(H.events, 1);
    T_EQ(H.event[0].kind, TRACE_fault);
    T_STR(H.event[0].u.fault.what, "reorder");
    T_EQ(H.event[0].t, NET_MS(1));
    T_EQ(H.event[0].frame, 7);
    T_EQ(hits("reorder"), 1);
    Cfg.reorder_ppm = 0; /* it keeps its fate, and who follows has none */
    set();
    for (uint8_t i = 2; i <= 5; i++)
        push(i, NET_MS(1));
    static const int want[] = {2, 3, 4};

    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        T_EQ(pop(NET_MS(100)), want[i]);
    p = imp_pop(&Ch, NET_MS(100));
    T_NEED(p != NULL);
    T_EQ(pkt_data(p)[0], 1);
    T_EQ(p->faults, 1u << IMP_REORDER | 1u << IMP_DELAY);
    pkt_release(p);
    T_EQ(pop(NET_MS(100)), 5);
    T_EQ(hits("reorder"), 1);
    down();
}

/* So is it whether the delay line behind the queue will have room. */
static void test_imp_overflow_behind_a_queue_is_told_before_the_wait(void)
{
    up();
    Cfg.rate_bps = 800000;
    Cfg.delay = NET_SEC(1);
    set();
    for (uint8_t i = 0; i < SLOTS + 2; i++)
        push(i, 0);
    T_EQ(H.c.drops[V_DROP_WIRE_QUEUE], 2);
    T_EQ(Ch.full, 2);
    for (uint8_t i = 0; i < SLOTS; i++)
        T_EQ(pop(NET_SEC(10)), i);
    T_EQ(pop(NET_SEC(10)), -1);
    down();
}

/* One that was chosen and finds no room beside the way passes all that are there. */
static void test_imp_reorder_chosen_and_no_room(void)
{
    up();
    Cfg.delay = NET_MS(1);
    Cfg.reorder_ppm = 1000000;
    set();
    for (uint8_t i = 0; i < 9; i++)
        push(i, 0);
    T_EQ(hits("reorder"), 9);
    static const int want[] = {6, 7, 8, 0, 1, 2, 3, 4, 5, -1};

    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        T_EQ(pop(NET_MS(1)), want[i]);
    down();
}

static void test_imp_stages_add_up(void)
{
    up();
    Cfg.rate_bps = 800000;
    Cfg.delay = NET_MS(10);
    set();
    push(1, 0);
    push(2, 0);
    T_EQ(imp_deadline(&Ch), NET_MS(1));
    T_EQ(pop(NET_MS(1)), -1);
    T_EQ(imp_deadline(&Ch), NET_MS(2));
    T_EQ(pop(NET_MS(30)), 1);
    T_EQ(pop(NET_MS(30)), 2);
    /* Asked only once, late, the second frame still left the bottleneck at 2 ms. */
    push(1, NET_MS(40));
    push(2, NET_MS(40));
    T_EQ(pop(NET_MS(51)), 1);
    T_EQ(pop(NET_MS(51)), -1);
    T_EQ(imp_deadline(&Ch), NET_MS(52));
    down();
}

static void test_imp_held_frame_is_independent_of_its_origin(void)
{
    uint8_t tail[64];

    up();
    Cfg.delay = NET_MS(1);
    set();
    memset(tail, 0x77, sizeof(tail));
    struct pkt *p = link_pkt(&H.c, 20, 0);

    p->ext = tail;
    p->ext_len = sizeof(tail);
    imp_push(&Ch, p, 0);
    struct pkt *kept = link_pkt(&H.c, 20, 5);

    imp_push(&Ch, pkt_keep(kept), 0);
    pkt_data(kept)[0] = 99; /* its other keeper may do what he likes */
    pkt_release(kept);
    memset(tail, 0, sizeof(tail));
    p = imp_pop(&Ch, NET_MS(1));
    T_NEED(p != NULL);
    T_EQ(p->ext_len, 0);
    T_EQ(p->len, 84);
    T_EQ(pkt_data(p)[83], 0x77);
    pkt_release(p);
    T_EQ(pop(NET_MS(1)), 5);
    /* Too long for a packet of one frame: one of the large ones is taken. */
    static const uint8_t large[5000];

    p = link_pkt(&H.c, 20, 3);
    p->ext = large;
    p->ext_len = sizeof(large);
    imp_push(&Ch, p, NET_MS(2));
    T_EQ(H.c.bigs.slab.used, 1);
    T_EQ(pop(NET_MS(3)), 3);
    down();
}

static void test_imp_set_refuses_nonsense(void)
{
    up();
    Cfg.loss_ppm = 1000001;
    T_EQ(imp_set(&Ch, &Cfg), -EINVAL);
    imp_config_default(&Cfg);
    Cfg.delay = -1;
    T_EQ(imp_set(&Ch, &Cfg), -EINVAL);
    imp_config_default(&Cfg);
    Cfg.jitter = NET_NEVER;
    T_EQ(imp_set(&Ch, &Cfg), -EINVAL);
    T_FALSE(imp_is_on(&Ch));
    down();
}

/* Everything at once; returns a hash of what came out, when, and in which order. */
static uint64_t run(uint64_t seed)
{
    struct siphash_key key = {1, 2};
    uint64_t sum = 0;
    net_time t = 0;
    unsigned out = 0;

    up();
    imp_init(&Ch, &H.c, "tx", seed, 0);
    Cfg = (struct imp_config){.loss_ppm = 50000,
                              .corrupt_ppm = 50000,
                              .dup_ppm = 50000,
                              .reorder_ppm = 50000,
                              .delay = NET_MS(2),
                              .jitter = NET_MS(1),
                              .rate_bps = 10000000,
                              .limit = 20,
                              .reorder_gap = 3,
                              .reorder_wait = NET_MS(3)};
    set();
    for (unsigned i = 0; i < 3000; i++) {
        net_time arrival = (net_time)i * NET_US(90);
        struct pkt *p;

        while (imp_deadline(&Ch) <= arrival) {
            T_TRUE(imp_deadline(&Ch) >= t);
            t = imp_deadline(&Ch);
            while ((p = imp_pop(&Ch, t)) != NULL) {
                uint64_t words[3] = {sum, (uint64_t)t, siphash(&key, pkt_data(p), p->len)};

                sum = siphash_words(&key, words, 3);
                out++;
                pkt_release(p);
            }
        }
        push((uint8_t)i, arrival);
    }
    while (pop(NET_SEC(100)) >= 0)
        out++;
    T_EQ(out + H.c.drops[V_DROP_WIRE_LOSS] + H.c.drops[V_DROP_WIRE_QUEUE],
         3000 + hits("duplicate"));
    T_TRUE(hits("drop") > 80 && hits("corrupt") > 80 && hits("duplicate") > 80);
    T_TRUE(hits("reorder") > 80 && hits("delay") > 1000);
    down();
    return sum;
}

static void test_imp_same_seed_same_fate(void)
{
    uint64_t first = run(1);

    T_TRUE(run(1) == first);
    T_TRUE(run(2) != first);
}

T_MAIN("imp", T(test_imp_good_wire_is_no_wire), T(test_imp_loss_takes_its_share_and_reports_it),
       T(test_imp_loss_of_all_and_of_none), T(test_imp_corrupt_flips_one_bit),
       T(test_imp_mark_marks_what_can_be_marked),
       T(test_imp_corrupt_completes_a_partial_checksum_first), T(test_imp_dup_sends_twice_in_order),
       T(test_imp_loss_on_the_way_in_is_seen_and_numbered),
       T(test_imp_faults_are_noted_in_the_packet),
       T(test_imp_delay_is_exact_and_late_calls_do_not_add_up),
       T(test_imp_jitter_spreads_and_keeps_order), T(test_imp_jitter_above_delay_is_never_negative),
       T(test_imp_delay_line_is_bounded), T(test_imp_rate_serialises),
       T(test_imp_rate_keeps_fractions), T(test_imp_rate_queue_drops_at_its_tail),
       T(test_imp_reorder_lets_k_frames_pass), T(test_imp_reorder_gives_back_after_a_time),
       T(test_imp_reorder_asked_late_keeps_to_its_time), T(test_imp_reorder_holds_a_bounded_number),
       T(test_imp_lost_on_the_way_out_names_the_connection),
       T(test_imp_fate_is_told_before_the_wait),
       T(test_imp_overflow_behind_a_queue_is_told_before_the_wait),
       T(test_imp_reorder_chosen_and_no_room), T(test_imp_stages_add_up), T(test_imp_held_frame_is_independent_of_its_origin),
       T(test_imp_set_refuses_nonsense), T(test_imp_same_seed_same_fate))
