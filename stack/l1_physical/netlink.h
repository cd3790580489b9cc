/*
 * netlink.h - the kernel's end of the cable: link up, MTU, address (libmnl, rtnetlink(7)).
 *
 * A few requests, each answered before the next; no events are followed. All functions return 0 or
 * a negative errno value; addresses are IPv4 in host order.
 */
#ifndef STACKD_NETLINK_H
#define STACKD_NETLINK_H

#include "base/base.h"

struct mnl_socket;

struct netlink {
    struct mnl_socket *sock;
    uint32_t seq;
};

struct netlink_link {
    char name[16];
    unsigned index;
    uint32_t mtu;
    uint32_t queue; /* frames that wait to be sent through it, at most */
    bool up;
};
struct netlink_addr {
    char name[16]; /* of the interface */
    uint32_t ip;
    uint8_t prefix;
};
struct netlink_route {
    char name[16];
    uint32_t dst, gateway; /* gateway 0: on link */
    uint8_t prefix;
};

int netlink_open(struct netlink *nl);
void netlink_close(struct netlink *nl);

/** netlink_link_set - bring @name up; @mtu, @queue 0: as they are. */
int netlink_link_set(struct netlink *nl, const char *name, uint32_t mtu, uint32_t queue);
/** netlink_link_get - Errors: -ENODEV. */
int netlink_link_get(struct netlink *nl, const char *name, struct netlink_link *link);

/** netlink_addr_add - Errors: -EEXIST: it is there already; -EPERM. */
int netlink_addr_add(struct netlink *nl, const char *name, uint32_t ip, uint8_t prefix);
int netlink_addr_del(struct netlink *nl, const char *name, uint32_t ip, uint8_t prefix);

/**
 * netlink_addrs, netlink_routes - list what there is (routes: of the main table).
 * @max: entries of @out
 *
 * Return: how many there are, which may be more than @max; or a negative errno value.
 */
int netlink_addrs(struct netlink *nl, struct netlink_addr *out, int max);
int netlink_routes(struct netlink *nl, struct netlink_route *out, int max);

#endif
