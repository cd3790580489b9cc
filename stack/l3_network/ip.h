/*
 * ip.h - what L4 asks of L3, without knowing the version of IP.
 *
 * TCP and UDP include this file and nothing else of this folder. Addresses are struct ip_addr; the
 * pseudo-header is a number (csum_pseudo); errors come as struct ip_error.
 */
#ifndef STACKD_IP_H
#define STACKD_IP_H

#include "base/core.h"
#include "wire/ip_proto.h"
#include "wire/ip_proto.h"

struct ip_layer; /* ip4.h */

/* The way to a destination. */
struct ip_path {
    struct ip_addr src; /* our address on that way */
    uint32_t mtu;       /* of the whole datagram, header included, as far as the path is known */
    uint32_t link_mtu;  /* of the first hop */
    uint32_t gso_max;   /* bytes of a datagram that is cut below us, header included; 0: none is */
    uint8_t hdr_len;    /* of the IP header */
    uint8_t ifi;
    enum cast cast;     /* of the destination */
};

/**
 * ip_route - find the way to @dst.
 * @src: the address the datagram must come from, or IP_ADDR_ANY to have one chosen
 *
 * Return: 0.
 * Errors: -ENETUNREACH no route, -EINVAL a destination no datagram can have, -EADDRNOTAVAIL @src is
 * not ours (or still being probed).
 */
int ip_route(struct ip_layer *ip, struct ip_addr dst, struct ip_addr src, struct ip_path *path);

/** ip_mms_r - MMS_R, the largest message that can be received from @src, IP header not counted: what
 * reassembly takes (RFC 1122 section 3.3.2). MMS_S is mtu - hdr_len of struct ip_path. */
uint32_t ip_mms_r(const struct ip_layer *ip, struct ip_addr src);

/**
 * ip_path_too_big - datagrams to @dst that are longer than @mtu do not arrive (RFC 1191).
 *
 * For a transport that has reason to believe so: it has checked who says it, or found it out.
 * Return: whether path MTU discovery is on, and struct ip_path will tell.
 */
bool ip_path_too_big(struct ip_layer *ip, struct ip_addr dst, uint32_t mtu);
/** ip_path_epoch - a number that changes with every estimate of a path's MTU. */
uint32_t ip_path_epoch(const struct ip_layer *ip);

enum { IP_ANY_IF = -1 };

/** ip_route_on - the way to the group or broadcast @dst through interface @ifi; else as ip_route. */
int ip_route_on(struct ip_layer *ip, struct ip_addr dst, uint8_t ifi, struct ip_path *path);

/**
 * ip_group_join - receive the datagrams to @group; joins are counted.
 * @ifi: on this interface, or IP_ANY_IF: on the one that leads to @group
 *
 * Return: the number of the interface.
 * Errors: -EINVAL no group, -ENODEV no such interface, or none leads there, -ENOBUFS.
 */
int ip_group_join(struct ip_layer *ip, struct ip_addr group, int ifi);
/** ip_group_leave - one join is taken back. Return: 0, -EINVAL, -ENODEV, -ENOENT: not joined. */
int ip_group_leave(struct ip_layer *ip, struct ip_addr group, int ifi);
/** ip_if_count - interfaces of this host; they are numbered from 0. */
int ip_if_count(const struct ip_layer *ip);
/** ip_is_all_hosts - the group of all hosts, which nobody needs to join. */
bool ip_is_all_hosts(struct ip_addr group);

/* How far a datagram would get. */
enum ip_reach {
    IP_REACH_OPEN,     /* the neighbour is known, or has not been asked for yet */
    IP_REACH_ASKING,   /* it is being asked for */
    IP_REACH_SILENT,   /* it does not answer */
    IP_REACH_NO_ROUTE,
    IP_REACH_NO_SOURCE /* the address it is to come from cannot be used */
};
/** ip_reach - would a datagram from @src to @dst leave now?
 * @next_hop: receives the neighbour it would go to; @waiting: how many packets wait for that one */
enum ip_reach ip_reach(const struct ip_layer *ip, struct ip_addr src, struct ip_addr dst,
                       struct ip_addr *next_hop, uint32_t *waiting);

/* The parameters of one datagram. */
struct ip_send {
    struct ip_addr src, dst; /* src IP_ADDR_ANY: chosen */
    uint8_t proto, tos, ttl; /* ttl 0: the host's default */
    bool df;                 /* do not fragment */
};

/**
 * ip_output - send @p, which begins with the L4 header; takes the caller's reference.
 *
 * The checksum must be finished or CSUM_PARTIAL with csum_start at the L4 header. A datagram longer
 * than the MTU is fragmented, or refused when @s->df is set.
 *
 * Return: 0, or -ENETUNREACH, -EMSGSIZE, -ENOBUFS, -EADDRNOTAVAIL, -EINVAL; the packet is gone in
 * either case.
 */
int ip_output(struct ip_layer *ip, struct pkt *p, const struct ip_send *s);

/* ICMP and ICMPv6 errors in one vocabulary. */
enum ip_error_kind {
    IP_ERR_NET_UNREACH,
    IP_ERR_HOST_UNREACH,
    IP_ERR_PROTO_UNREACH,
    IP_ERR_PORT_UNREACH,
    IP_ERR_TOO_BIG,      /* fragmentation needed and DF set */
    IP_ERR_SOURCE_ROUTE,
    IP_ERR_PROHIBITED,
    IP_ERR_TTL,
    IP_ERR_REASSEMBLY,
    IP_ERR_PARAM
};

/* An error that came in about a datagram of ours. */
struct ip_error {
    enum ip_error_kind kind;
    uint32_t mtu; /* IP_ERR_TOO_BIG: next-hop MTU, 0 if the router did not say */
    struct ip_addr from;          /* who reports it; any: this host itself, the next hop is silent */
    struct ip_addr local, remote; /* of the quoted datagram, which we sent from local to remote */
    uint8_t proto;                /* of the quoted datagram */
    uint8_t type, code;           /* as on the wire */
    struct span quoted;           /* first bytes of its L4 header: at least 8 */
};

/** ip_error_errno - the (positive) errno value by which a socket learns of @kind. */
int ip_error_errno(enum ip_error_kind kind);

/**
 * ip_reply_error - report to the sender of @p, which we refused, by ICMP; borrows @p.
 *
 * Does nothing where RFC 1122 section 3.2.2 wants silence (errors, broadcasts, fragments but the
 * first, strange sources) or the rate limit is reached. p->l3 and p->l4 must be set.
 */
void ip_reply_error(struct ip_layer *ip, const struct pkt *p, enum ip_error_kind kind);

/** ip_is_local - is @a an address of this host? */
bool ip_is_local(const struct ip_layer *ip, struct ip_addr a);
/** ip_cast - is @a, as a destination, unicast, a broadcast of an attached subnet, or multicast? */
enum cast ip_cast(const struct ip_layer *ip, struct ip_addr a);
/** ip_confirm, ip_doubt - advice about the next hop from @src towards @dst: it answers, or seems dead. */
void ip_confirm(struct ip_layer *ip, struct ip_addr src, struct ip_addr dst);
void ip_doubt(struct ip_layer *ip, struct ip_addr src, struct ip_addr dst);

#endif
