/* test_arp.c - the neighbour cache (RFC 826, RFC 1122 section 2.3.2). */
#include "arp_host.h"

/* REQ: ARP-826-1 LINK-1122-2.3.3-5 LINK-1122-2.4-3 */
static void test_arp_output_unknown_asks_by_broadcast(void)
{
    struct sent s;

    up();
    send_to(IP_PEER, 1);
    T_NEED(next_sent(&s));
    T_MEM(s.eth.dst.b, MAC_BROADCAST.b, 6);
    T_MEM(s.eth.src.b, link_us.b, 6);
    T_EQ(s.eth.type, 0x0806);
    T_EQ(s.arp.op, ARP_REQUEST);
    T_MEM(s.arp.sha.b, link_us.b, 6);
    T_EQ(s.arp.spa, IP_US);
    T_EQ(s.arp.tpa, IP_PEER);
    T_TRUE(mac_is_zero(s.arp.tha));
    T_FALSE(next_sent(&s)); /* the datagram waits */
    T_EQ(info_of(IP_PEER).state, ARP_INCOMPLETE);
    T_EQ(info_of(IP_PEER).pending, 1);
    T_EQ(H.c.drops[V_DROP_ARP_UNRESOLVED], 0);
    T_EQ(arp_del(&H.arp, IP_PEER), 0);
    link_down(&H);
}

/* REQ: ARP-1122-2.3.2.2-1 */
static void test_arp_reply_releases_what_waits_in_order(void)
{
    struct sent s;

    up();
    for (uint8_t i = 1; i <= 6; i++)
        send_to(IP_PEER, i);
    T_EQ(H.c.drops[V_DROP_ARP_QUEUE_FULL], 2); /* the oldest two */
    T_EQ(drain(), 1);
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE);
    for (uint8_t i = 3; i <= 6; i++) {
        T_NEED(next_sent(&s));
        T_EQ(s.eth.type, 0x0800);
        T_MEM(s.eth.dst.b, link_peer.b, 6);
        T_EQ(s.mark, i);
    }
    T_FALSE(next_sent(&s));
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    link_down(&H);
}

static void test_arp_input_sends_nothing_by_itself(void)
{
    up();
    send_to(IP_PEER, 1);
    T_EQ(drain(), 1);
    T_FALSE(arp_output_pending(&H.arp));
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE);
    T_EQ(in(ARP_REQUEST, link_other, IP_OTHER, IP_US), V_DONE);
    T_EQ(H.txq.q.len, 0);
    T_TRUE(arp_output_pending(&H.arp));
    T_EQ(arp_deadline(&H.arp), H.c.now);
    T_EQ(drain(), 2);
    T_FALSE(arp_output_pending(&H.arp));
    link_down(&H);
}

static void test_arp_new_packet_does_not_overtake_those_that_waited(void)
{
    struct sent s;

    up();
    send_to(IP_PEER, 1);
    T_EQ(drain(), 1);
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE);
    send_to(IP_PEER, 2);
    T_NEED(next_sent(&s));
    T_EQ(s.mark, 1);
    T_NEED(next_sent(&s));
    T_EQ(s.mark, 2);
    link_down(&H);
}

/* REQ: ARP-1122-2.3.2.1-3 */
static void test_arp_silent_host_is_asked_once_a_second(void)
{
    unsigned requests = 0;

    up();
    for (net_time t = 0; t < NET_SEC(10); t += NET_MS(10)) {
        requests += advance_to(t);
        send_to(IP_PEER, 0);
        requests += drain();
    }
    T_TRUE(requests <= 10);
    T_TRUE(requests >= 7); /* and it is asked again and again */
    T_TRUE(H.c.drops[V_DROP_ARP_UNRESOLVED] >= 4);
    T_TRUE(H.c.drops[V_DROP_ARP_RATE] >= 90);
    (void)arp_del(&H.arp, IP_PEER);
    link_down(&H);
}

static void test_arp_gives_up_after_the_requests(void)
{
    up();
    send_to(IP_PEER, 1);
    T_EQ(drain(), 1);
    T_EQ(advance_to(NET_MS(2999)), 2);
    T_EQ(info_of(IP_PEER).state, ARP_INCOMPLETE);
    T_EQ(advance_to(NET_SEC(3)), 0);
    T_EQ(info_of(IP_PEER).state, ARP_FAILED);
    T_EQ(H.c.drops[V_DROP_ARP_UNRESOLVED], 1);
    send_to(IP_PEER, 2);
    T_EQ(H.c.drops[V_DROP_ARP_RATE], 1);
    advance_to(NET_SEC(4));
    T_EQ(entry_count(), 0);
    T_EQ(arp_deadline(&H.arp), NET_NEVER);
    send_to(IP_PEER, 3);
    T_EQ(drain(), 1);
    (void)arp_del(&H.arp, IP_PEER);
    link_down(&H);
}

static void test_arp_late_answer_is_taken(void)
{
    up();
    send_to(IP_PEER, 1);
    advance_to(NET_MS(3500));
    T_EQ(info_of(IP_PEER).state, ARP_FAILED);
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE);
    T_EQ(info_of(IP_PEER).state, ARP_STALE);
    link_down(&H);
}

static void test_arp_held_span_is_copied_or_refused(void)
{
    uint8_t tail[2000];
    struct sent s;
    struct pkt *p;

    up();
    memset(tail, 0x55, sizeof(tail));
    p = link_pkt(&H.c, 20, 9);
    p->ext = tail;
    p->ext_len = 1000;
    arp_output(&H.arp, p, IP_PEER, &(struct arp_entry *){NULL});
    T_EQ(p->ext_len, 0);
    T_EQ(p->len, 1020);
    p = link_pkt(&H.c, 20, 9);
    p->ext = tail;
    p->ext_len = 2000; /* more than a packet can hold */
    arp_output(&H.arp, p, IP_PEER, &(struct arp_entry *){NULL});
    T_EQ(H.c.drops[V_DROP_ARP_UNRESOLVED], 1);
    T_EQ(drain(), 1);
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE);
    memset(tail, 0, sizeof(tail)); /* the ring it came from is used again */
    T_NEED(next_sent(&s));
    T_EQ(s.mark, 9);
    T_FALSE(next_sent(&s));
    link_down(&H);
}

static void test_arp_packets_of_all_addresses_are_bounded(void)
{
    arp_config_default(&Cfg);
    Cfg.pending_total = 5;
    up_with();
    for (uint32_t i = 0; i < 10; i++)
        send_to(0x0a000040 + i, 1);
    T_EQ(H.c.drops[V_DROP_ARP_QUEUE_FULL], 5);
    send_to(0x0a000040, 2); /* takes the place of its own older one */
    T_EQ(H.c.drops[V_DROP_ARP_QUEUE_FULL], 6);
    T_EQ(info_of(0x0a000040).pending, 1);
    T_EQ(H.arp.pending, 5);
    advance_to(NET_SEC(60));
    T_EQ(H.arp.pending, 0);
    link_down(&H);
}

static void test_arp_does_not_ask_for_own_or_broadcast(void)
{
    up();
    send_to(IP_US, 1);
    send_to(0x0a0000ff, 1);
    T_EQ(drain(), 0);
    T_EQ(entry_count(), 0);
    T_EQ(H.c.drops[V_DROP_ARP_UNRESOLVED], 2);
    link_down(&H);
}

/* Ageing. */

/* REQ: ARP-1122-2.3.2.1-1 */
static void test_arp_stale_entry_is_polled_while_used(void)
{
    struct sent s;

    up_stale();
    send_to(IP_PEER, 7);
    T_NEED(next_sent(&s)); /* still used */
    T_EQ(s.eth.type, 0x0800);
    T_MEM(s.eth.dst.b, link_peer.b, 6);
    T_NEED(next_sent(&s)); /* and asked, alone */
    T_EQ(s.eth.type, 0x0806);
    T_MEM(s.eth.dst.b, link_peer.b, 6);
    T_EQ(s.arp.op, ARP_REQUEST);
    T_EQ(s.arp.tpa, IP_PEER);
    T_EQ(info_of(IP_PEER).state, ARP_PROBE);
    send_to(IP_PEER, 8);
    T_EQ(drain(), 1); /* not asked again with every packet */
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE);
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    T_EQ(info_of(IP_PEER).age, 0);
    link_down(&H);
}

/* REQ: ARP-826-8 ARP-1122-2.3.2.1-1 */
static void test_arp_silent_neighbour_is_dropped_and_sought_again(void)
{
    struct sent s;
    net_time t;

    up_stale();
    t = H.c.now;
    send_to(IP_PEER, 1);
    T_EQ(drain(), 2);
    H.c.now = t + NET_SEC(1);
    arp_tick(&H.arp, H.c.now);
    T_NEED(next_sent(&s));
    T_MEM(s.eth.dst.b, link_peer.b, 6);
    H.c.now = t + NET_SEC(2);
    arp_tick(&H.arp, H.c.now);
    T_NEED(next_sent(&s)); /* the last try asks everybody */
    T_MEM(s.eth.dst.b, MAC_BROADCAST.b, 6);
    advance_to(t + NET_SEC(3));
    T_EQ(info_of(IP_PEER).state, ARP_FAILED);
    advance_to(t + NET_SEC(5));
    T_EQ(entry_count(), 0);
    send_to(IP_PEER, 2);
    T_NEED(next_sent(&s));
    T_MEM(s.eth.dst.b, MAC_BROADCAST.b, 6);
    (void)arp_del(&H.arp, IP_PEER);
    link_down(&H);
}

/* REQ: ARP-1122-2.3.2.1-2 */
static void test_arp_timeout_is_configurable(void)
{
    arp_config_default(&Cfg);
    Cfg.reachable = NET_SEC(5);
    up_with();
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_US), V_DONE);
    advance_to(NET_MS(4999));
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    advance_to(NET_SEC(6));
    T_EQ(info_of(IP_PEER).state, ARP_STALE);
    link_down(&H);
}

static void test_arp_unused_entry_is_forgotten_and_nothing_ticks(void)
{
    up_reachable();
    unsigned calls = 0;

    while (arp_deadline(&H.arp) != NET_NEVER && calls < 100) {
        H.c.now = arp_deadline(&H.arp);
        arp_tick(&H.arp, H.c.now);
        T_EQ(drain(), 0);
        calls++;
    }
    T_EQ(entry_count(), 0);
    T_TRUE(calls <= 12); /* two timers and the cascades of their wheel */
    T_EQ(H.c.now, NET_SEC(630));
    link_down(&H);
}

static void test_arp_used_entry_is_kept(void)
{
    up_reachable();
    for (net_time t = 0; t < NET_SEC(2000); t += NET_SEC(20)) {
        advance_to(t);
        arp_confirm(&H.arp, IP_PEER, &(struct arp_entry *){NULL});
        send_to(IP_PEER, 1);
        T_EQ(drain(), 1); /* confirmed from above: never a question */
    }
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    link_down(&H);
}

static void test_arp_doubt_makes_the_next_use_ask(void)
{
    up_reachable();
    arp_doubt(&H.arp, IP_PEER);
    T_EQ(info_of(IP_PEER).state, ARP_STALE);
    send_to(IP_PEER, 1);
    T_EQ(drain(), 2);
    arp_confirm(&H.arp, IP_PEER, &(struct arp_entry *){NULL});
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    /* Doubt and confirmation in turn do not make more than a question a second. */
    unsigned asked = 0;

    for (int i = 0; i < 100; i++) {
        advance_to(H.c.now + NET_MS(10));
        arp_doubt(&H.arp, IP_PEER);
        send_to(IP_PEER, 1);
        asked += drain() - 1;
        arp_confirm(&H.arp, IP_PEER, &(struct arp_entry *){NULL});
    }
    T_TRUE(asked <= 1);
    link_down(&H);
}

/* What is believed. */

/* REQ: ARP-826-4 ARP-826-5 ACD-5227-2.6-1 */
static void test_arp_request_for_us_is_answered_and_learned(void)
{
    struct sent s;

    up();
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_US), V_DONE);
    T_NEED(next_sent(&s));
    T_MEM(s.eth.dst.b, link_peer.b, 6);
    T_EQ(s.arp.op, ARP_REPLY);
    T_MEM(s.arp.sha.b, link_us.b, 6);
    T_EQ(s.arp.spa, IP_US);
    T_MEM(s.arp.tha.b, link_peer.b, 6);
    T_EQ(s.arp.tpa, IP_PEER);
    T_FALSE(next_sent(&s));
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    send_to(IP_PEER, 5); /* no question needed */
    T_NEED(next_sent(&s));
    T_EQ(s.mark, 5);
    link_down(&H);
}

/* REQ: ARP-826-4 */
static void test_arp_request_between_others_creates_nothing(void)
{
    up();
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_OTHER), V_DROP_ARP_NOT_FOR_US);
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_PEER), V_DROP_ARP_NOT_FOR_US); /* gratuitous */
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DROP_ARP_UNASKED);
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_PEER), V_DROP_ARP_UNASKED);
    T_EQ(entry_count(), 0);
    T_EQ(drain(), 0);
    link_down(&H);
}

/* REQ: ARP-826-3 */
static void test_arp_known_host_moves_by_any_packet(void)
{
    struct sent s;

    up_reachable();
    T_EQ(in(ARP_REQUEST, link_other, IP_PEER, IP_OTHER), V_DONE);
    T_MEM(info_of(IP_PEER).mac.b, link_other.b, 6);
    T_EQ(info_of(IP_PEER).state, ARP_STALE); /* to be verified */
    send_to(IP_PEER, 1);
    T_NEED(next_sent(&s));
    T_MEM(s.eth.dst.b, link_other.b, 6);
    T_NEED(next_sent(&s));
    T_EQ(s.arp.op, ARP_REQUEST);
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_PEER), V_DONE); /* gratuitous reply */
    T_MEM(info_of(IP_PEER).mac.b, link_peer.b, 6);
    T_EQ(drain(), 0);
    link_down(&H);
}

static void test_arp_same_news_confirms_nothing(void)
{
    up_stale();
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE); /* nobody asked */
    T_EQ(info_of(IP_PEER).state, ARP_STALE);
    link_down(&H);
}

/* REQ: ARP-826-6 */
static void test_arp_other_opcodes_are_silent(void)
{
    uint8_t b[ARP_PKT_LEN];

    up();
    arp_emit(&(struct arp_pkt){.sha = link_peer, .spa = IP_PEER, .tpa = IP_US}, b);
    for (unsigned op = 0; op < 65536; op++) {
        if (op == 1)
            continue;
        b[6] = (uint8_t)(op >> 8);
        b[7] = (uint8_t)op;
        T_EQ(in_raw(b, sizeof(b), link_peer), op == 2 ? V_DROP_ARP_UNASKED : V_DROP_ARP_OP);
    }
    T_EQ(drain(), 0);
    T_EQ(entry_count(), 0);
    link_down(&H);
}

/* REQ: ARP-826-7 */
static void test_arp_broadcast_reply_resolves(void)
{
    uint8_t f[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8, 6};

    up();
    send_to(IP_PEER, 1);
    T_EQ(drain(), 1);
    arp_emit(
        &(struct arp_pkt){
            .op = ARP_REPLY, .sha = link_peer, .spa = IP_PEER, .tha = link_us, .tpa = IP_US},
        f + 14);
    struct pkt *p = pkt_alloc(&H.c.pkts, PKT_HEADROOM);

    memcpy(pkt_append(p, 60), f, 60);
    T_EQ(eth_input(&H.eth, p), V_NEXT);
    T_EQ(arp_input(&H.arp, p), V_DONE);
    pkt_release(p);
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    T_EQ(drain(), 1);
    link_down(&H);
}

/* REQ: ARP-826-2 */
static void test_arp_wrong_fields_are_ignored(void)
{
    static const struct {
        uint8_t at, value;
    } wrong[] = {
        {0, 1   },
        {1, 6   },
        {2, 0x86},
        {3, 0xdd},
        {4, 8   },
        {4, 0   },
        {5, 16  },
        {5, 0   },
    };
    uint8_t b[ARP_PKT_LEN], bad[ARP_PKT_LEN];

    up();
    arp_emit(&(struct arp_pkt){.op = ARP_REQUEST, .sha = link_peer, .spa = IP_PEER, .tpa = IP_US},
             b);
    for (uint32_t len = 0; len < ARP_PKT_LEN; len++)
        T_EQ(in_raw(b, len, link_peer), V_DROP_ARP_SHORT);
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        memcpy(bad, b, sizeof(b));
        bad[wrong[i].at] = wrong[i].value;
        T_EQ(in_raw(bad, sizeof(bad), link_peer), V_DROP_ARP_TYPE);
    }
    T_EQ(entry_count(), 0);
    T_EQ(drain(), 0);
    link_down(&H);
}

/* REQ: ARP-826-9 */
static void test_arp_impossible_senders_are_never_cached(void)
{
    static const uint32_t ips[] = {0xffffffff, 0xe0000001, 0xf0000001, 0x7f000001,
                                   0x00000007, 0x0a0000ff, 0x0a000000};

    up();
    send_to(IP_PEER, 1);
    T_EQ(drain(), 1);
    T_EQ(in(ARP_REPLY, MAC_BROADCAST, IP_PEER, IP_US), V_DROP_ARP_SENDER);
    T_EQ(in(ARP_REPLY,
            (struct mac){
                {1, 0, 0x5e, 0, 0, 1}
    },
            IP_PEER, IP_US),
         V_DROP_ARP_SENDER);
    T_EQ(in(ARP_REPLY, (struct mac){{0}}, IP_PEER, IP_US), V_DROP_ARP_SENDER);
    T_EQ(in(ARP_REPLY, link_peer, 0, IP_US), V_DROP_ARP_SENDER);
    for (unsigned i = 0; i < ARRAY_LEN(ips); i++)
        T_EQ(in(ARP_REQUEST, link_peer, ips[i], IP_US), V_DROP_ARP_SENDER);
    T_EQ(info_of(IP_PEER).state, ARP_INCOMPLETE);
    T_EQ(entry_count(), 1);
    T_EQ(drain(), 0);
    T_EQ(arp_set(&H.arp, IP_PEER, MAC_BROADCAST), -EINVAL);
    T_EQ(arp_set(&H.arp, IP_US, link_peer), -EINVAL);
    (void)arp_del(&H.arp, IP_PEER);
    link_down(&H);
}

static void test_arp_sender_must_be_the_frames_source(void)
{
    uint8_t b[ARP_PKT_LEN];

    up_reachable();
    arp_emit(&(struct arp_pkt){.op = ARP_REQUEST, .sha = link_other, .spa = IP_PEER, .tpa = IP_US},
             b);
    T_EQ(in_raw(b, sizeof(b), link_peer), V_DROP_ARP_MISMATCH);
    T_MEM(info_of(IP_PEER).mac.b, link_peer.b, 6);
    T_EQ(drain(), 0);
    link_down(&H);
}

static void test_arp_flood_of_senders_keeps_neighbours_in_use(void)
{
    arp_config_default(&Cfg);
    Cfg.entries = 64;
    up_with();
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_US), V_DONE);
    send_to(IP_PEER, 1);
    advance_to(NET_SEC(20)); /* quiet for a while, yet not forgotten */
    for (uint32_t i = 0; i < 20000; i++) {
        struct mac m = {
            {2, 1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}
        };

        T_EQ(in(ARP_REQUEST, m, 0x0a010000 + i, IP_US), V_DONE);
        if (i % 32 == 0)
            (void)drain();
    }
    (void)drain();
    T_TRUE(entry_count() <= 64);
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    T_MEM(info_of(IP_PEER).mac.b, link_peer.b, 6);
    link_down(&H);
}

static void test_arp_scan_through_us_leaves_room(void)
{
    arp_config_default(&Cfg);
    Cfg.entries = 32;
    up_with();
    for (uint32_t i = 0; i < 100; i++)
        send_to(0x0a000050 + i, 1);
    T_EQ(entry_count(), 16);
    T_EQ(H.c.drops[V_DROP_ARP_TABLE_FULL], 84);
    (void)drain();
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_US), V_DONE);
    send_to(IP_PEER, 9);
    T_EQ(drain(), 2); /* the reply and the datagram */
    advance_to(NET_SEC(10));
    T_EQ(entry_count(), 1);
    link_down(&H);
}

static void test_arp_least_recently_used_makes_room(void)
{
    arp_config_default(&Cfg);
    Cfg.entries = 4;
    up_with();
    for (uint32_t i = 0; i < 4; i++) {
        T_EQ(arp_set(&H.arp, 0x0a000010 + i, link_peer), 0);
        H.c.now += NET_MS(1);
    }
    T_EQ(arp_set(&H.arp, 0x0a000020, link_peer), -ENOBUFS); /* all used within a second */
    H.c.now += NET_SEC(2);
    send_to(0x0a000010, 1);
    T_EQ(arp_set(&H.arp, 0x0a000020, link_peer), 0);
    T_EQ(info_of(0x0a000010).state, ARP_REACHABLE);
    T_EQ(info_of(0x0a000011).state, ARP_NONE);
    link_down(&H);
}

static void test_arp_reply_queue_is_bounded(void)
{
    up();
    for (unsigned i = 0; i < ARP_REPLIES + 10; i++)
        T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_US), V_DONE);
    T_EQ(H.c.drops[V_DROP_ETH_TXQ_FULL], 10);
    H.txq.max = 4;
    arp_output_due(&H.arp);
    T_EQ(H.txq.q.len, 4);
    link_down(&H);
}

static void test_arp_set_and_del_by_hand(void)
{
    up();
    send_to(IP_PEER, 4);
    T_EQ(drain(), 1);
    T_EQ(arp_set(&H.arp, IP_PEER, link_other), 0);
    T_EQ(drain(), 1); /* what waited goes */
    T_EQ(info_of(IP_PEER).state, ARP_REACHABLE);
    T_EQ(arp_del(&H.arp, IP_PEER), 0);
    T_EQ(arp_del(&H.arp, IP_PEER), -ENOENT);
    T_EQ(entry_count(), 0);
    link_down(&H);
}

static void test_arp_trace_tells_each_change(void)
{
    static const char *const want[] = {"INCOMPLETE", "REACHABLE", "STALE",
                                       "PROBE",      "FAILED",    "NONE"};
    unsigned k = 0;

    up();
    send_to(IP_PEER, 1);
    T_EQ(in(ARP_REPLY, link_peer, IP_PEER, IP_US), V_DONE);
    advance_to(NET_SEC(31));
    send_to(IP_PEER, 1);
    advance_to(NET_SEC(40));
    for (unsigned i = 0; i < H.events; i++) {
        if (H.event[i].kind != TRACE_arp)
            continue;
        T_NEED(k < ARRAY_LEN(want));
        T_STR(H.event[i].u.arp.to, want[k]);
        T_STR(H.event[i].u.arp.from, k == 0 ? "NONE" : want[k - 1]);
        T_EQ(ip_addr_to_v4(H.event[i].u.arp.ip), IP_PEER);
        k++;
    }
    T_EQ(k, ARRAY_LEN(want));
    link_down(&H);
}

T_MAIN("arp", T(test_arp_output_unknown_asks_by_broadcast),
       T(test_arp_reply_releases_what_waits_in_order), T(test_arp_input_sends_nothing_by_itself),
       T(test_arp_new_packet_does_not_overtake_those_that_waited),
       T(test_arp_silent_host_is_asked_once_a_second), T(test_arp_gives_up_after_the_requests),
       T(test_arp_late_answer_is_taken), T(test_arp_held_span_is_copied_or_refused),
       T(test_arp_packets_of_all_addresses_are_bounded),
       T(test_arp_does_not_ask_for_own_or_broadcast), T(test_arp_stale_entry_is_polled_while_used),
       T(test_arp_silent_neighbour_is_dropped_and_sought_again),
       T(test_arp_timeout_is_configurable), T(test_arp_unused_entry_is_forgotten_and_nothing_ticks),
       T(test_arp_used_entry_is_kept), T(test_arp_doubt_makes_the_next_use_ask),
       T(test_arp_request_for_us_is_answered_and_learned),
       T(test_arp_request_between_others_creates_nothing),
       T(test_arp_known_host_moves_by_any_packet), T(test_arp_same_news_confirms_nothing),
       T(test_arp_other_opcodes_are_silent), T(test_arp_broadcast_reply_resolves),
       T(test_arp_wrong_fields_are_ignored), T(test_arp_impossible_senders_are_never_cached),
       T(test_arp_sender_must_be_the_frames_source),
       T(test_arp_flood_of_senders_keeps_neighbours_in_use),
       T(test_arp_scan_through_us_leaves_room), T(test_arp_least_recently_used_makes_room),
       T(test_arp_reply_queue_is_bounded), T(test_arp_set_and_del_by_hand),
       T(test_arp_trace_tells_each_change))
