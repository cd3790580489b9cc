/* Two hosts on one cable. */
#include "l1_physical/cable.h"
#include "link.h"

static struct link_host A, B;
static struct cable Cb;
static void *Mem;

static void up(void)
{
    struct arp_config arp;
    struct region measure = {0};

    arp_config_default(&arp);
    link_up(&A, &arp);
    link_up(&B, &arp);
    cable_cut(&Cb, &measure, 16);
    Mem = calloc(1, measure.used);
    T_NEED(Mem != NULL);
    struct region r = {.p = Mem, .len = measure.used};

    cable_cut(&Cb, &r, 16);
    T_NEED(!r.overflow);
    cable_init(&Cb, &A.c, 0, &B.c, 2, 7);
}

static void down(void)
{
    cable_flush(&Cb);
    T_EQ(cable_deadline(&Cb), NET_NEVER);
    link_down(&A);
    link_down(&B);
    free(Mem);
}

static void test_cable_frame_becomes_a_packet_of_the_other_host(void)
{
    struct pkt *p;

    up();
    p = link_pkt(&A.c, 200, 5);
    p->frame = 17;
    cable_push(&Cb, 0, p, 0);
    T_EQ(cable_deadline(&Cb), 0);
    T_TRUE(cable_pop(&Cb, 0, 0) == NULL);
    p = cable_pop(&Cb, 1, 0);
    T_NEED(p != NULL);
    T_TRUE(p->pool == &B.c.pkts);
    T_EQ(A.c.pkts.slab.used, 0);
    T_EQ(p->len, 200);
    T_EQ(pkt_data(p)[199], (uint8_t)204);
    T_EQ(p->ifi, 2);
    T_EQ(p->frame, 0); /* the other host counts for itself */
    pkt_release(p);
    cable_push(&Cb, 1, link_pkt(&B.c, 60, 1), 0);
    p = cable_pop(&Cb, 0, 0);
    T_NEED(p != NULL);
    T_TRUE(p->pool == &A.c.pkts);
    T_EQ(p->ifi, 0);
    pkt_release(p);
    down();
}

static void test_cable_time_is_serialisation_plus_propagation(void)
{
    struct imp_config cfg;
    struct pkt *p;

    up();
    imp_config_default(&cfg);
    cfg.rate_bps = 100000000; /* 1250 bytes take 100 us */
    cfg.delay = NET_US(5);
    T_EQ(cable_set(&Cb, 0, &cfg), 0);
    cable_push(&Cb, 0, link_pkt(&A.c, 1250, 1), 0);
    cable_push(&Cb, 0, link_pkt(&A.c, 1250, 2), 0);
    for (unsigned i = 1; i <= 2; i++) {
        net_time t = NET_US(100) * i + NET_US(5);

        T_TRUE(cable_pop(&Cb, 1, t - 1) == NULL);
        T_EQ(cable_deadline(&Cb), t);
        p = cable_pop(&Cb, 1, t);
        T_NEED(p != NULL);
        T_EQ(pkt_data(p)[0], i);
        pkt_release(p);
    }
    /* The other direction is another wire. */
    cable_push(&Cb, 1, link_pkt(&B.c, 1250, 1), NET_SEC(1));
    p = cable_pop(&Cb, 0, NET_SEC(1));
    T_TRUE(p != NULL);
    pkt_release(p);
    down();
}

static void test_cable_short_queue_drops(void)
{
    struct imp_config cfg;

    up();
    imp_config_default(&cfg);
    cfg.rate_bps = 1000000;
    cfg.limit = 1;
    T_EQ(cable_set(&Cb, 0, &cfg), 0);
    for (unsigned i = 0; i < 4; i++) {
        struct pkt *p = link_pkt(&A.c, 100, 1);

        p->frame = i + 1;
        cable_push(&Cb, 0, p, 0);
    }
    T_EQ(A.c.drops[V_DROP_WIRE_QUEUE], 2); /* the sender is told, */
    T_EQ(B.c.drops[V_DROP_WIRE_QUEUE], 0);
    T_EQ(A.event[0].frame, 3); /* and of which frames */
    T_EQ(A.event[1].frame, 4);
    down();
}

/* TCP-like: a checksum over all from byte 34 on, in the field 16 bytes behind. */
static struct pkt *partial(void)
{
    struct pkt *p = link_pkt(&A.c, 101, 3);

    memset(pkt_data(p) + 50, 0, 2);
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)(p->off + 34);
    p->csum_off = 16;
    return p;
}

static void test_cable_completes_checksums(void)
{
    struct pkt *p;

    up();
    cable_push(&Cb, 0, partial(), 0);
    p = cable_pop(&Cb, 1, 0);
    T_NEED(p != NULL);
    T_EQ(p->csum, CSUM_NONE);
    T_EQ(csum_fold(csum_add(0, pkt_data(p) + 34, 67)), 0xffff);
    pkt_release(p);
    p = link_pkt(&A.c, 60, 3);
    p->csum = CSUM_VERIFIED; /* here; the other host has not looked yet */
    cable_push(&Cb, 0, p, 0);
    p = cable_pop(&Cb, 1, 0);
    T_NEED(p != NULL);
    T_EQ(p->csum, CSUM_NONE);
    pkt_release(p);
    down();
}

static void test_cable_with_offload_passes_them_on(void)
{
    static const uint8_t large[4000];
    struct pkt *p;

    up();
    Cb.offload = true;
    p = partial();
    (void)pkt_pull(p, 10); /* the offsets must survive another place in the buffer */
    cable_push(&Cb, 0, p, 0);
    p = cable_pop(&Cb, 1, 0);
    T_NEED(p != NULL);
    T_EQ(p->csum, CSUM_PARTIAL);
    pkt_csum_complete(p);
    T_EQ(csum_fold(csum_add(0, pkt_data(p) + 24, 67)), 0xffff);
    pkt_release(p);
    p = link_pkt(&A.c, 54, 3);
    p->ext = large;
    p->ext_len = sizeof(large);
    p->gso_size = 1460;
    cable_push(&Cb, 0, p, 0);
    p = cable_pop(&Cb, 1, 0);
    T_NEED(p != NULL);
    T_TRUE(p->pool == &B.c.bigs);
    T_EQ(p->gso_size, 1460);
    T_EQ(p->len, 4054);
    pkt_release(p);
    down();
}

static void test_cable_receiver_without_packets_loses_the_frame(void)
{
    struct pkt *all[LINK_PKTS], *p;

    up();
    for (unsigned i = 0; i < LINK_PKTS; i++)
        all[i] = link_pkt(&B.c, 60, 0);
    cable_push(&Cb, 0, link_pkt(&A.c, 60, 1), 0);
    T_TRUE(cable_pop(&Cb, 1, 0) == NULL);
    T_EQ(B.c.drops[V_DROP_PKT_POOL], 1);
    T_EQ(A.c.drops[V_DROP_PKT_POOL], 0);
    pkt_release(all[0]);
    cable_push(&Cb, 0, link_pkt(&A.c, 60, 2), 0);
    p = cable_pop(&Cb, 1, 0);
    T_TRUE(p != NULL);
    pkt_release(p);
    for (unsigned i = 1; i < LINK_PKTS; i++)
        pkt_release(all[i]);
    down();
}

static void test_cable_flush_loses_what_is_under_way(void)
{
    struct imp_config cfg;

    up();
    imp_config_default(&cfg);
    cfg.delay = NET_SEC(1);
    cfg.rate_bps = 1000000;
    T_EQ(cable_set(&Cb, 0, &cfg), 0);
    for (unsigned i = 0; i < 5; i++)
        cable_push(&Cb, 0, link_pkt(&A.c, 100, 1), i * NET_MS(1));
    T_EQ(A.c.pkts.slab.used, 5);
    cable_flush(&Cb);
    T_EQ(A.c.pkts.slab.used, 0);
    T_TRUE(cable_pop(&Cb, 1, NET_SEC(9)) == NULL);
    down();
}

static void test_cable_lends_a_frame_where_it_lies(void)
{
    static uint8_t tail[3000];
    struct pkt *p;

    up();
    Cb.offload = true;
    p = link_pkt(&A.c, 60, 5);
    p->ext = tail;
    p->ext_len = sizeof(tail);
    p->frame = 17;
    p->note_event = 3;
    p->gso_size = 1460;
    T_TRUE(cable_lend(&Cb, 0, p));
    T_TRUE(p->pool == &A.c.pkts && p->ext == tail);
    T_EQ(p->ext_len, sizeof(tail));
    T_EQ(p->ifi, 2);
    T_EQ(p->frame, 0);
    T_EQ(p->note_event, 0);
    T_EQ(p->gso_size, 1460);
    T_EQ(Cb.end[0].out.frames, 1);
    pkt_release(p);
    T_EQ(B.c.pkts.slab.used, 0);
    down();
}

static void test_cable_lends_with_a_finished_checksum(void)
{
    struct pkt *p;

    up();
    p = link_pkt(&A.c, 100, 5);
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)(p->off + 34);
    p->csum_off = 16;
    memset(pkt_data(p) + 50, 0, 2);
    T_TRUE(cable_lend(&Cb, 0, p));
    T_EQ(p->csum, CSUM_NONE);
    T_EQ(csum_fold(pkt_csum(p, p->off + 34, 0)), 0xffff);
    pkt_release(p);
    down();
}

static void test_cable_does_not_lend_what_the_wire_would_treat(void)
{
    struct imp_config cfg;
    struct pkt *p, *other;

    up();
    imp_config_default(&cfg);
    cfg.delay = NET_US(5);
    T_EQ(cable_set(&Cb, 0, &cfg), 0);
    p = link_pkt(&A.c, 100, 1);
    p->frame = 4;
    T_FALSE(cable_lend(&Cb, 0, p));
    T_EQ(p->frame, 4);
    cable_push(&Cb, 0, p, 0);
    cfg.delay = 0;
    T_EQ(cable_set(&Cb, 0, &cfg), 0);
    other = link_pkt(&A.c, 100, 2);
    T_FALSE(cable_lend(&Cb, 0, other)); /* it would overtake */
    T_NEED(cable_deadline(&Cb) == NET_US(5));
    p = cable_pop(&Cb, 1, NET_US(5));
    T_NEED(p != NULL);
    pkt_release(p);
    pkt_keep(other);
    T_FALSE(cable_lend(&Cb, 0, other)); /* somebody else has it */
    pkt_release(other);
    T_TRUE(cable_lend(&Cb, 0, other));
    pkt_release(other);
    down();
}

T_MAIN("cable", T(test_cable_frame_becomes_a_packet_of_the_other_host),
       T(test_cable_time_is_serialisation_plus_propagation), T(test_cable_short_queue_drops),
       T(test_cable_completes_checksums), T(test_cable_with_offload_passes_them_on),
       T(test_cable_receiver_without_packets_loses_the_frame),
       T(test_cable_flush_loses_what_is_under_way), T(test_cable_lends_a_frame_where_it_lies),
       T(test_cable_lends_with_a_finished_checksum),
       T(test_cable_does_not_lend_what_the_wire_would_treat))
