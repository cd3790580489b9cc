/*
 * ip4.h - the internet layer of one host: its interfaces, addresses, groups and routes, and the way
 * of an IPv4 datagram in and out (RFC 791, RFC 1122 section 3).
 *
 * For net.c and the programs; TCP and UDP see ip.h only. The theory stands in ip.c (addresses and
 * the choice of a way), ip4_input.c, ip4_output.c, ip4_reass.c, icmp4.c and route.c.
 */
#ifndef STACKD_L3_IP4_H
#define STACKD_L3_IP4_H

#include "l2_link/arp.h"
#include "l2_link/eth.h"
#include "l3_network/icmp4.h"
#include "l3_network/igmp.h"
#include "l3_network/ip.h"
#include "l3_network/ip4_reass.h"
#include "l3_network/pmtu.h"
#include "l3_network/route.h"
#include "wire/ip4.h"

enum {
    IP_IFS = 4,           /* interfaces of a host */
    IP_ADDRS = ARP_ADDRS, /* addresses of one interface */
    IP_IDS = 1024,        /* counters of identifications */
    IP4_MTU_MIN = 68      /* RFC 791: every link carries that much */
};

struct ip_config {
    uint8_t ttl;               /* of datagrams whose sender does not care: 64 */
    bool forward;              /* be a router; false: a host */
    uint32_t routes;           /* size of the table: 64 */
    uint32_t reass_slots;      /* unfinished datagrams at once: 64 */
    uint32_t reass_per_source; /* of one sender: 16 */
    net_time reass_timeout;    /* 60 s, RFC 1122 section 3.3.2: 60 ... 120 s */
    net_time gateway_silent;   /* a silent gateway is passed over for: 60 s; 0 never */
    uint32_t icmp_rate;        /* errors a second, to all destinations: 100 */
    uint32_t icmp_burst;       /* and at once: 50 */
    uint32_t icmp_dst_rate;    /* errors a second to one destination: 10 */
    uint32_t icmp_dst_burst;   /* and at once: 10 */
    uint8_t igmp;              /* version spoken: 2; 1; 0 none, groups are not reported to routers */
    bool pmtu_discovery;       /* DF where TCP asks for it, and reports believed: true (RFC 1191) */
    uint32_t pmtu_entries;     /* estimates of path MTUs: 256 */
    uint16_t pmtu_min;         /* no lower estimate for a destination: 552 */
    net_time pmtu_age;         /* an estimate is forgotten: 10 minutes, never below 5 (section 6.3) */
    uint32_t groups;           /* memberships in multicast groups: 64 */
};

struct ip_if {
    struct eth *eth;
    struct arp *arp;
    uint32_t failures_seen; /* of arp->failures, by ip_gateways() */
    uint8_t addr_count;
    struct ip_if_addr {
        uint32_t addr;
        uint8_t prefix;
    } addr[IP_ADDRS];
    net_time igmp_v1_until; /* an IGMP version 1 router was heard: RFC 2236 section 4 */
};

/* A way that was found, see hop.c. */
struct ip4_hop {
    uint32_t dst, src, epoch;
    uint32_t next_hop;
    struct arp_entry *entry; /* where ARP knows it, perhaps: a hint */
    uint16_t mtu;            /* of the path */
    uint8_t ifi;
    uint8_t cast;   /* enum cast, of dst */
    bool is_chosen; /* src was chosen, and not asked for */
    bool is_host;   /* dst may be the source of a datagram to src */
};

static_assert(sizeof(struct ip4_hop) == 32, "two in a cache line");

struct ip_layer {
    struct core *c;
    struct ip_config cfg;
    uint8_t if_count;
    struct ip_if ifs[IP_IFS];
    struct ip4_hop *hops, hop_once; /* hop.c */
    struct route_table routes;
    struct ip4_reass reass;
    struct icmp4 icmp;
    struct igmp igmp;
    struct pmtu pmtu;
    struct siphash_key id_key;
    uint16_t id[IP_IDS];
    uint64_t rx_datagrams, tx_datagrams, rx_fragments, tx_fragments;
};

void ip_config_default(struct ip_config *cfg);
/** ip_cut - cut tables and pools; touches nothing but @ip. */
void ip_cut(struct ip_layer *ip, const struct ip_config *cfg, struct region *r);
/** ip_init - ready for interfaces; c->key, c->prng and c->now must be set. */
void ip_init(struct ip_layer *ip, struct core *c);
/** ip_id_renew - number datagrams in another order; c->prng says in which. */
void ip_id_renew(struct ip_layer *ip);

/* ---- Interfaces and addresses (ip.c) ---- */

/**
 * ip_if_add - one more interface.
 * @eth: initialised, its ifi is the number of interfaces added so far
 *
 * Return: the number of the interface, or -ENOBUFS.
 */
int ip_if_add(struct ip_layer *ip, struct eth *eth, struct arp *arp);

/**
 * ip_addr_add - give interface @ifi an address, and the on-link route to its subnet.
 *
 * The address is used once ARP has found it free (arp_own_usable).
 * Return: 0.
 * Errors: -EINVAL no address a host can have, or the subnet's broadcast; -EEXIST; -ENOBUFS.
 */
int ip_addr_add(struct ip_layer *ip, uint8_t ifi, uint32_t addr, uint8_t prefix);
/** ip_addr_del - take it away, with the routes that depend on it. Return: 0 or -ENOENT. */
int ip_addr_del(struct ip_layer *ip, uint8_t ifi, uint32_t addr);

/* One line of `ip address`. */
struct ip_addr_info {
    uint32_t addr, broadcast; /* broadcast 0: the subnet has none (/31, /32) */
    uint8_t ifi, prefix;
    enum arp_own state;
};
/** ip_addr_each - visit the addresses; @*at starts at 0. Return: false when there are no more. */
bool ip_addr_each(const struct ip_layer *ip, uint32_t *at, struct ip_addr_info *info);

/** ip_route_add, ip_route_del - route_add() and route_del() with checks against our addresses:
 * -EINVAL also for a gateway that is ourselves or a broadcast. */
int ip_route_add(struct ip_layer *ip, uint32_t dst, uint8_t prefix, uint32_t gateway, uint8_t ifi,
                 uint32_t metric);
int ip_route_del(struct ip_layer *ip, uint32_t dst, uint8_t prefix, uint32_t gateway, int ifi);

/* ---- The way in and out ---- */

/**
 * ip4_input - an IPv4 datagram or fragment whose Ethernet header is pulled; l2_cast and ifi are set.
 *
 * Return: V_NEXT: (*p)->l3, l4, proto, tos, ttl, src, dst and l3_cast are set, the header is
 * pulled, padding is cut off, proto is one of ICMP, IGMP, TCP, UDP. If a fragment completed a datagram,
 * *@p is that datagram; the reference the caller had was given up for the one it has now. V_DONE: a
 * fragment was taken. Else the reason.
 */
enum verdict ip4_input(struct ip_layer *ip, struct pkt **p);

/** ip_output_due - send the ICMP and IGMP messages that are due; net_output() calls it first. */
void ip_output_due(struct ip_layer *ip);
/** ip_output_pending - would ip_output_due() send something? */
bool ip_output_pending(const struct ip_layer *ip);

/** ip_gateways - take note of the routers that ARP has found silent, after arp_tick() (gateway.c). */
void ip_gateways(struct ip_layer *ip);
/** ip_is_unreached - is the neighbour silent that a datagram from @src to @dst would go to now? */
bool ip_is_unreached(const struct ip_layer *ip, struct ip_addr src, struct ip_addr dst);

void ip_tick(struct ip_layer *ip, net_time now);
/** ip_deadline - when ip_tick() is wanted next: c->now at once while messages are due. */
net_time ip_deadline(const struct ip_layer *ip);

/* ---- Between the files of this folder ---- */

/** ip4_is_own - @a is an address of interface @ifi that may be used. */
bool ip4_is_own(const struct ip_layer *ip, uint8_t ifi, uint32_t a);
/** ip4_if_cast - what @a means as a destination on interface @ifi. */
enum cast ip4_if_cast(const struct ip_layer *ip, uint8_t ifi, uint32_t a);
/** ip4_source_ok - could one host have the address @a (RFC 1122 section 3.2.1.3)? */
bool ip4_source_ok(const struct ip_layer *ip, uint32_t a);
/** ip4_route - ip_route() in version 4; @next_hop: the neighbour to give the frame to. */
int ip4_route(const struct ip_layer *ip, uint32_t dst, uint32_t src, struct ip_path *path,
              uint32_t *next_hop);
/** hop_cut - cut the table; touches nothing. */
void hop_cut(struct ip_layer *ip, struct region *r);
/** ip4_hop_find - ip4_route(), remembered. @out: valid until the next call of this function. */
int ip4_hop_find(struct ip_layer *ip, uint32_t dst, uint32_t src, struct ip4_hop **out);
/** ip4_hop_back - a datagram from @src came to @dst through @ifi: are both known to be good? */
bool ip4_hop_back(const struct ip_layer *ip, uint32_t src, uint32_t dst, uint8_t ifi);
/** ip4_gateway_is_silent - has @ro a gateway that did not answer, and was not heard since? */
bool ip4_gateway_is_silent(const struct ip_layer *ip, const struct route *ro);
/** ip4_way - the route for @dst: the preferred one, unless its gateway is silent and another's is not. */
const struct route *ip4_way(const struct ip_layer *ip, uint32_t dst, int ifi);
/** ip4_choose_source - our address for a datagram through @ifi to @next_hop; 0: none is usable. */
uint32_t ip4_choose_source(const struct ip_layer *ip, uint8_t ifi, uint32_t next_hop);
/** ip4_link_for_group - the interface to the group or broadcast @dst, @src_ifi if there is one.
 * Return: its number or -ENETUNREACH. */
int ip4_link_for_group(const struct ip_layer *ip, uint32_t dst, int src_ifi);
/** ip4_group_mac - the Ethernet group of a multicast address (RFC 1112 section 6.4). */
struct mac ip4_group_mac(uint32_t group);

#endif
