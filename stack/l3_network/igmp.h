/*
 * igmp.h - membership in multicast groups, and telling the routers of it (RFC 1112, RFC 2236).
 */
#ifndef STACKD_IGMP_H
#define STACKD_IGMP_H

#include "base/core.h"
#include "base/hash.h"
#include "base/timer.h"
#include "l3_network/ip.h"
#include "wire/igmp.h"

#define IP4_ALL_HOSTS   0xe0000001u /* 224.0.0.1: every host is a member, and never says so */
#define IP4_ALL_ROUTERS 0xe0000002u /* 224.0.0.2 */

/* RFC 2236 section 6. A record in NON_MEMBER is free, or waits to say that it leaves. */
enum igmp_state { IGMP_NON_MEMBER, IGMP_DELAYING_MEMBER, IGMP_IDLE_MEMBER };

/* The membership of one interface in one group. */
struct igmp_group {
    struct hash_node by_addr; /* while a member */
    struct igmp_group *next_due;
    struct timer timer; /* running: a delaying member */
    uint32_t addr;
    uint16_t users; /* sockets that joined */
    uint8_t ifi;
    uint8_t state;      /* enum igmp_state */
    bool last_reporter; /* the flag of RFC 2236: nobody has reported the group after us */
    bool due;           /* in the list of those that have something to say */
};

struct igmp_stats {
    uint64_t rx, rx_queries, rx_reports, tx_reports, tx_leaves;
};

struct igmp {
    struct slab groups;
    struct hash by_addr;
    struct timer_wheel wheel;
    struct igmp_group *due_first, **due_end;
    struct igmp_stats stats;
};

/** igmp_cut - room for @groups memberships. */
void igmp_cut(struct igmp *ig, struct region *r, uint32_t groups);
void igmp_init(struct ip_layer *ip);

/** igmp_input - a message; @p begins with it. Return: V_DONE or a reason. */
enum verdict igmp_input(struct ip_layer *ip, const struct pkt *p);
/** igmp_output_due - send what is due; ip_output_due() calls it. */
void igmp_output_due(struct ip_layer *ip);
void igmp_tick(struct ip_layer *ip, net_time now);
net_time igmp_deadline(const struct ip_layer *ip);

/** igmp_is_member - is interface @ifi in @group? */
bool igmp_is_member(const struct ip_layer *ip, uint8_t ifi, uint32_t group);

/* One line of `stackctl maddr`. */
struct igmp_info {
    uint32_t group;
    uint8_t ifi;
    uint16_t users;
    const char *state; /* of RFC 2236 section 6, in words */
    bool last_reporter;
    net_time report_in; /* until the report, 0: none is planned */
};
/** igmp_each - visit the memberships; @*at starts at 0. Return: false when there are no more. */
bool igmp_each(const struct ip_layer *ip, uint32_t *at, struct igmp_info *info);
/** igmp_version - that is spoken on @ifi now: 0 none, 1, 2. */
unsigned igmp_version(const struct ip_layer *ip, uint8_t ifi);

#endif
