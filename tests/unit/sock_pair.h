/* sock_pair.h - two hosts in virtual time, for the tests of the socket calls. */
#ifndef STACKD_TESTS_SOCK_PAIR_H
#define STACKD_TESTS_SOCK_PAIR_H

#include "hosts.h"

#include "l5_session/sock_priv.h"

static struct hosts h;
static struct socks *a, *b; /* of the two hosts */

static inline void setup(void)
{
    hosts_begin(&h);
    a = net_socks(&h.a);
    b = net_socks(&h.b);
}

static inline void teardown(void)
{
    T_EQ(a->wishes.used + b->wishes.used, 0);
    hosts_end(&h); /* the memory is gone afterwards; the hosts' own structs are not */
    T_EQ(h.a.udp.held_pkts + h.b.udp.held_pkts, 0);
}

static inline struct sock_addr at(struct ip_addr ip, uint16_t port)
{
    return (struct sock_addr){ip, port};
}

static inline int udp_at(struct socks *s, uint16_t port)
{
    struct sock_addr me = at(IP_ADDR_ANY, port);
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_NEED(sd >= 0);
    T_EQ(sock_bind(s, sd, &me), 0);
    return sd;
}

static inline int64_t option(struct socks *s, int sd, enum sock_opt opt)
{
    int64_t v = -99;

    T_EQ(sock_getopt(s, sd, opt, &v), 0);
    return v;
}

#endif
