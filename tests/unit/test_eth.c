/* Framing: the filter on the way in, header and padding on the way out. */
#include <errno.h>

#include "link.h"

static struct link_host H;

static void up(void)
{
    struct arp_config cfg;

    arp_config_default(&cfg);
    link_up(&H, &cfg);
}

/* A frame of @len bytes, header included, goes in. */
static enum verdict in(struct mac dst, struct mac src, uint16_t type, uint32_t len,
                       struct pkt **keep)
{
    struct pkt *p = link_pkt(&H.c, len, 0);

    if (len >= 14) {
        uint8_t *b = pkt_data(p);

        memcpy(b, dst.b, 6);
        memcpy(b + 6, src.b, 6);
        b[12] = (uint8_t)(type >> 8);
        b[13] = (uint8_t)type;
    }
    enum verdict v = eth_input(&H.eth, p);

    if (keep != NULL)
        *keep = p;
    else
        pkt_release(p);
    return v;
}

/* REQ: LINK-1122-2.3.3-1 */
static void test_eth_input_ip4_frame_is_taken(void)
{
    struct pkt *p;

    up();
    T_EQ(in(link_us, link_peer, 0x0800, 60, &p), V_NEXT);
    T_EQ(p->len, 46);
    T_EQ(p->ethertype, 0x0800);
    T_EQ(p->l2, PKT_HEADROOM);
    T_EQ(p->l2_cast, CAST_UNICAST);
    T_MEM(p->l2_src.b, link_peer.b, 6);
    T_EQ(pkt_data(p)[0], 14);
    pkt_release(p);
    T_EQ(in(link_us, link_peer, 0x0806, 60, NULL), V_NEXT);
    T_EQ(H.eth.rx_frames, 2);
    T_EQ(H.eth.rx_bytes, 120);
    link_down(&H);
}

static void test_eth_input_cut_at_every_byte_is_short(void)
{
    up();
    for (uint32_t len = 0; len < 14; len++)
        T_EQ(in(link_us, link_peer, 0x0800, len, NULL), V_DROP_ETH_SHORT);
    T_EQ(in(link_us, link_peer, 0x0800, 14, NULL), V_NEXT);
    link_down(&H);
}

static void test_eth_input_longer_than_mtu_is_refused(void)
{
    struct pkt *p;

    up();
    T_EQ(in(link_us, link_peer, 0x0800, 1514, NULL), V_NEXT);
    T_EQ(in(link_us, link_peer, 0x0800, 1515, &p), V_DROP_ETH_TOO_LONG);
    p->gso_size = 1460; /* many frames that the wire has joined */
    T_EQ(eth_input(&H.eth, p), V_NEXT);
    pkt_release(p);
    link_down(&H);
}

static void test_eth_input_impossible_source_is_refused(void)
{
    up();
    T_EQ(in(MAC_BROADCAST, link_us, 0x0800, 60, NULL), V_DROP_ETH_OWN_SOURCE);
    T_EQ(in(link_other, link_us, 0x0800, 60, NULL), V_DROP_ETH_OWN_SOURCE);
    T_EQ(in(link_us, MAC_BROADCAST, 0x0800, 60, NULL), V_DROP_ETH_GROUP_SOURCE);
    T_EQ(in(link_us,
            (struct mac){
                {1, 0, 0x5e, 0, 0, 1}
    },
            0x0800, 60, NULL),
         V_DROP_ETH_GROUP_SOURCE);
    link_down(&H);
}

static void test_eth_input_other_hosts_frame_is_refused(void)
{
    up();
    T_EQ(in(link_other, link_peer, 0x0800, 60, NULL), V_DROP_ETH_OTHER_HOST);
    link_down(&H);
}

/* REQ: LINK-1122-2.4-1 */
static void test_eth_input_tells_how_it_was_addressed(void)
{
    struct pkt *p;

    up();
    T_EQ(in(MAC_BROADCAST, link_peer, 0x0800, 60, &p), V_NEXT);
    T_EQ(p->l2_cast, CAST_BROADCAST);
    pkt_release(p);
    T_EQ(in(
             (struct mac){
                 {1, 0, 0x5e, 0, 0, 1}
    },
             link_peer, 0x0800, 60, &p),
         V_NEXT);
    T_EQ(p->l2_cast, CAST_MULTICAST);
    pkt_release(p);
    link_down(&H);
}

static void test_eth_input_multicast_only_for_members(void)
{
    struct mac group = {
        {1, 0, 0x5e, 0, 0, 9}
    };

    up();
    T_EQ(in(group, link_peer, 0x0800, 60, NULL), V_DROP_ETH_MULTICAST);
    T_EQ(eth_join(&H.eth, group), 0);
    T_EQ(eth_join(&H.eth, group), 0);
    T_EQ(in(group, link_peer, 0x0800, 60, NULL), V_NEXT);
    eth_leave(&H.eth, group);
    T_EQ(in(group, link_peer, 0x0800, 60, NULL), V_NEXT);
    eth_leave(&H.eth, group);
    T_EQ(in(group, link_peer, 0x0800, 60, NULL), V_DROP_ETH_MULTICAST);
    eth_leave(&H.eth, group); /* harmless */
    for (uint8_t i = 0; i < ETH_GROUPS; i++)
        T_EQ(eth_join(&H.eth,
                      (struct mac){
                          {1, 0, 0x5e, 0, 1, i}
        }),
             0);
    T_EQ(eth_join(&H.eth, group), -ENOBUFS);
    link_down(&H);
}

/* REQ: LINK-1122-2.3.3-2 */
static void test_eth_input_foreign_types_are_refused(void)
{
    up();
    T_EQ(in(link_us, link_peer, 46, 60, NULL), V_DROP_ETH_8023_LENGTH);
    T_EQ(in(link_us, link_peer, 0x05ff, 60, NULL), V_DROP_ETH_8023_LENGTH);
    T_EQ(in(link_us, link_peer, 0x8100, 60, NULL), V_DROP_ETH_VLAN);
    T_EQ(in(link_us, link_peer, 0x88a8, 60, NULL), V_DROP_ETH_VLAN);
    T_EQ(in(link_us, link_peer, 0x86dd, 60, NULL), V_DROP_ETH_TYPE);
    T_EQ(in(link_us, link_peer, 0x0600, 60, NULL), V_DROP_ETH_TYPE);
    T_EQ(in(link_us, link_peer, 0xffff, 60, NULL), V_DROP_ETH_TYPE);
    link_down(&H);
}

/* REQ: LINK-1122-2.3.1-1 LINK-1122-2.3.3-1 LINK-1122-2.3.3-3 LINK-1122-2.3.3-4 */
static void test_eth_output_frames_by_rfc_894(void)
{
    static const uint8_t want[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};

    up();
    eth_output(&H.eth, link_pkt(&H.c, 1500, 7), link_peer, 0x0800);
    T_NEED(H.txq.q.len == 1);
    struct pkt *p = H.txq.q.head;

    T_EQ(pkt_total(p), 1514);
    T_MEM(pkt_data(p), want, 14);
    T_EQ(pkt_data(p)[14], 7);
    T_EQ(p->ifi, 3);
    T_EQ(p->l2, p->off);
    T_EQ(H.eth.tx_frames, 1);
    T_EQ(H.eth.tx_bytes, 1514);
    link_down(&H);
}

static void test_eth_output_pads_with_zeros(void)
{
    up();
    /* Etherleak: the buffer holds a secret from the frame before. */
    struct pkt *old = link_pkt(&H.c, 1000, 1);

    pkt_release(old);
    struct pkt *p = pkt_alloc(&H.c.pkts, PKT_HEADROOM);

    memset(pkt_append(p, 28), 0xaa, 28);
    T_TRUE(p == old);
    eth_output(&H.eth, p, link_peer, 0x0806);
    T_EQ(pkt_total(p), 60);
    for (unsigned i = 42; i < 60; i++)
        T_EQ(pkt_data(p)[i], 0);
    T_EQ(pkt_data(p)[41], 0xaa);
    link_down(&H);
}

static void test_eth_output_short_with_span_is_joined_and_padded(void)
{
    static const uint8_t tail[5] = {1, 2, 3, 4, 5};

    up();
    struct pkt *p = link_pkt(&H.c, 20, 0x40);

    p->ext = tail;
    p->ext_len = 5;
    eth_output(&H.eth, p, link_peer, 0x0800);
    T_EQ(p->ext_len, 0);
    T_EQ(p->len, 60);
    T_MEM(pkt_data(p) + 34, tail, 5);
    T_EQ(pkt_data(p)[39], 0);
    /* One that is long enough keeps its span: no copy. */
    p = link_pkt(&H.c, 41, 0x40);
    p->ext = tail;
    p->ext_len = 5;
    eth_output(&H.eth, p, link_peer, 0x0800);
    T_EQ(p->ext_len, 5);
    T_EQ(pkt_total(p), 60);
    link_down(&H);
}

static void test_eth_output_full_queue_refuses(void)
{
    up();
    H.txq.max = 2;
    for (int i = 0; i < 3; i++)
        eth_output(&H.eth, link_pkt(&H.c, 100, 0), link_peer, 0x0800);
    T_EQ(H.txq.q.len, 2);
    T_EQ(H.c.drops[V_DROP_ETH_TXQ_FULL], 1);
    T_EQ(H.eth.tx_frames, 2);
    T_EQ(H.c.pkts.slab.used, 2);
    link_down(&H);
}

static void framed(void *ctx, struct pkt *p)
{
    *(uint64_t *)ctx += 1000 + p->tos;
    p->frame = *(uint64_t *)ctx;
}

/* REQ: LINK-1122-2.4-2 */
static void test_eth_output_shows_each_frame_with_its_tos(void)
{
    uint64_t seen = 0;

    up();
    H.txq.framed = framed;
    H.txq.ctx = &seen;
    struct pkt *p = link_pkt(&H.c, 100, 0);

    p->tos = 0x10;
    eth_output(&H.eth, p, link_peer, 0x0800);
    T_EQ(seen, 1016);
    T_EQ(H.txq.q.head->frame, 1016);
    link_down(&H);
}

T_MAIN("eth", T(test_eth_input_ip4_frame_is_taken), T(test_eth_input_cut_at_every_byte_is_short),
       T(test_eth_input_longer_than_mtu_is_refused), T(test_eth_input_impossible_source_is_refused),
       T(test_eth_input_other_hosts_frame_is_refused), T(test_eth_input_tells_how_it_was_addressed),
       T(test_eth_input_multicast_only_for_members), T(test_eth_input_foreign_types_are_refused),
       T(test_eth_output_frames_by_rfc_894), T(test_eth_output_pads_with_zeros),
       T(test_eth_output_short_with_span_is_joined_and_padded),
       T(test_eth_output_full_queue_refuses), T(test_eth_output_shows_each_frame_with_its_tos))
