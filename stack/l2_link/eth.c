/*
 * Ethernet II framing.
 *
 * In: a frame must be whole, from a possible sender, for us, and of a type that somebody here
 * speaks. A TAP or a raw socket shows everything that is on the wire, so the filter of a network
 * card - own address, broadcast, joined groups - is here. How the frame was addressed goes along
 * in l2_cast (RFC 1122 section 2.4): to a broadcast no layer above may answer with an error.
 *
 * Not spoken, and dropped with a reason of their own: IEEE 802.3 length frames with LLC or SNAP
 * (RFC 1042, which a host SHOULD be able to receive; nobody has sent IPv4 that way on Ethernet for
 * decades), and VLAN tags, also those of VLAN 0 that carry only a priority: a tag says that the
 * frame belongs to a network which was not configured here.
 *
 * Out: header, padding to the minimum of 60 bytes, queue. The padding is zeros, never what the
 * buffer held before (Etherleak, CVE-2003-0001). Zeros also do not change a checksum that the wire
 * has yet to finish over the frame's tail.
 */
#include "l2_link/eth.h"

#include <errno.h>

/* 224.0.0.1, all hosts: every IPv4 host is a member (RFC 1112 section 7.2). */
static const struct mac eth_all_hosts = {
    {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}
};

void eth_init(struct eth *e, struct core *c, struct eth_txq *txq, uint8_t ifi, struct mac mac,
              uint16_t mtu)
{
    NET_ASSERT(!mac_is_group(mac) && !mac_is_zero(mac));
    *e = (struct eth){.c = c, .txq = txq, .mac = mac, .mtu = mtu, .ifi = ifi};
}

static bool eth_is_joined(const struct eth *e, struct mac group)
{
    if (mac_eq(group, eth_all_hosts))
        return true;
    for (unsigned i = 0; i < e->group_count; i++) {
        if (mac_eq(e->group[i].mac, group))
            return true;
    }
    return false;
}

/* Is the frame for us, and how was it addressed? */
static enum verdict eth_address(const struct eth *e, struct pkt *p, struct mac dst)
{
    if (!mac_is_group(dst)) {
        p->l2_cast = CAST_UNICAST;
        return mac_eq(dst, e->mac) ? V_NEXT : V_DROP_ETH_OTHER_HOST;
    }
    if (mac_eq(dst, MAC_BROADCAST)) {
        p->l2_cast = CAST_BROADCAST;
        return V_NEXT;
    }
    p->l2_cast = CAST_MULTICAST;
    return eth_is_joined(e, dst) ? V_NEXT : V_DROP_ETH_MULTICAST;
}

static enum verdict eth_type_check(uint16_t type)
{
    if (type < ETH_TYPE_MIN)
        return V_DROP_ETH_8023_LENGTH;
    if (type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ)
        return V_DROP_ETH_VLAN;
    if (type != ETH_TYPE_IP4 && type != ETH_TYPE_ARP)
        return V_DROP_ETH_TYPE;
    return V_NEXT;
}

enum verdict eth_input(struct eth *e, struct pkt *p)
{
    struct eth_hdr h;
    enum verdict v;

    e->rx_frames++;
    e->rx_bytes += pkt_total(p);
    v = eth_parse(&h, pkt_span(p));
    if (v != V_NEXT)
        return v;
    /* A super-frame is many frames that the wire has joined. */
    if (p->gso_size == 0 && pkt_total(p) > (uint32_t)e->mtu + ETH_HDR_LEN)
        return V_DROP_ETH_TOO_LONG;
    if (mac_eq(h.src, e->mac))
        return V_DROP_ETH_OWN_SOURCE;
    if (mac_is_group(h.src))
        return V_DROP_ETH_GROUP_SOURCE;
    v = eth_address(e, p, h.dst);
    if (v != V_NEXT)
        return v;
    v = eth_type_check(h.type);
    if (v != V_NEXT)
        return v;
    p->l2 = (uint16_t)p->off;
    p->l2_src = h.src;
    p->ethertype = h.type;
    pkt_pull(p, ETH_HDR_LEN);
    return V_NEXT;
}

/* Bring a short frame to the minimum length. */
static bool eth_pad(struct pkt *p)
{
    uint32_t total = pkt_total(p);

    if (total >= ETH_MIN_LEN || p->gso_size > 0) /* of what is cut below, padding would be data */
        return true;
    if (!pkt_linearize(p) || pkt_room(p) < ETH_MIN_LEN - total)
        return false;
    memset(pkt_append(p, ETH_MIN_LEN - total), 0, ETH_MIN_LEN - total);
    return true;
}

void eth_output(struct eth *e, struct pkt *p, struct mac dst, uint16_t type)
{
    struct eth_txq *txq = e->txq;

    NET_ASSERT(p->refs == 1);
    if (txq->q.len >= txq->max) {
        net_drop(e->c, p, V_DROP_ETH_TXQ_FULL);
        pkt_release(p);
        return;
    }
    eth_emit(&(struct eth_hdr){.dst = dst, .src = e->mac, .type = type}, pkt_push(p, ETH_HDR_LEN));
    if (!eth_pad(p)) { /* a buffer too small for the shortest frame */
        net_drop(e->c, p, V_DROP_PKT_POOL);
        pkt_release(p);
        return;
    }
    p->l2 = (uint16_t)p->off;
    p->ethertype = type;
    p->ifi = e->ifi;
    e->tx_frames++;
    e->tx_bytes += pkt_total(p);
    if (txq->framed != NULL)
        txq->framed(txq->ctx, p);
    pktq_push(&txq->q, p);
}

int eth_join(struct eth *e, struct mac group)
{
    NET_ASSERT(mac_is_group(group));
    for (unsigned i = 0; i < e->group_count; i++) {
        if (mac_eq(e->group[i].mac, group)) {
            e->group[i].users++;
            return 0;
        }
    }
    if (e->group_count == ETH_GROUPS)
        return -ENOBUFS;
    e->group[e->group_count].mac = group;
    e->group[e->group_count].users = 1;
    e->group_count++;
    return 0;
}

void eth_leave(struct eth *e, struct mac group)
{
    for (unsigned i = 0; i < e->group_count; i++) {
        if (!mac_eq(e->group[i].mac, group))
            continue;
        if (--e->group[i].users == 0)
            e->group[i] = e->group[--e->group_count];
        return;
    }
}
