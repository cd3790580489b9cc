/*
 * udp_ip.h - the internet layer as test_udp.c plays it: it knows a few addresses, and remembers what
 * it was asked to send.
 */
#ifndef STACKD_TESTS_UDP_IP_H
#define STACKD_TESTS_UDP_IP_H

#include <errno.h>

#include "l4_transport/udp.h"

#define US    ip_addr_v4(0x0a000002)
#define US2   ip_addr_v4(0x0a000003)
#define PEER  ip_addr_v4(0x0a000001)
#define OTHER ip_addr_v4(0x0a000009)
#define BCAST ip_addr_v4(0x0a0000ff)
#define GROUP ip_addr_v4(0xe0000005)
#define ALL   ip_addr_v4(0xe0000001)
#define AWAY  ip_addr_v4(0xc0000201)

struct ip_layer {
    unsigned sent, errors;
    int joined; /* memberships the sockets hold */
    enum ip_error_kind error;
    struct ip_send send;
    uint8_t bytes[65535];
    uint32_t len;
    bool was_partial;
};
static struct ip_layer ip;

enum cast ip_cast(const struct ip_layer *l, struct ip_addr a)
{
    (void)l;
    return ip_addr_eq(a, BCAST)   ? CAST_BROADCAST
           : ip_addr_eq(a, GROUP) ? CAST_MULTICAST
           : ip_addr_eq(a, ALL)   ? CAST_MULTICAST
                                  : CAST_UNICAST;
}
bool ip_is_local(const struct ip_layer *l, struct ip_addr a)
{
    (void)l;
    return ip_addr_eq(a, US) || ip_addr_eq(a, US2);
}
int ip_route(struct ip_layer *l, struct ip_addr dst, struct ip_addr src, struct ip_path *path)
{
    if (ip_addr_eq(dst, AWAY))
        return -ENETUNREACH;
    if (!ip_addr_is_any(src) && !ip_is_local(l, src))
        return -EADDRNOTAVAIL;
    *path = (struct ip_path){
        .src = ip_addr_is_any(src) ? US : src, .mtu = 1500, .hdr_len = 20, .cast = ip_cast(l, dst)};
    return 0;
}
int ip_route_on(struct ip_layer *l, struct ip_addr dst, uint8_t ifi, struct ip_path *path)
{
    *path = (struct ip_path){
        .src = US2, .mtu = 1500, .hdr_len = 20, .ifi = ifi, .cast = ip_cast(l, dst)};
    return 0;
}
void net_drop(struct core *c, const struct pkt *p, enum verdict why)
{
    (void)p;
    c->drops[why]++;
}
bool ip_is_all_hosts(struct ip_addr group)
{
    return ip_addr_eq(group, ALL);
}
int ip_group_join(struct ip_layer *l, struct ip_addr group, int ifi)
{
    if (ip_cast(l, group) != CAST_MULTICAST)
        return -EINVAL;
    l->joined++;
    return ifi == IP_ANY_IF ? 0 : ifi;
}
int ip_group_leave(struct ip_layer *l, struct ip_addr group, int ifi)
{
    (void)group, (void)ifi;
    l->joined--;
    return 0;
}
int ip_output(struct ip_layer *l, struct pkt *p, const struct ip_send *s)
{
    l->sent++;
    l->send = *s;
    l->was_partial = p->csum == CSUM_PARTIAL;
    pkt_csum_complete(p);
    l->len = pkt_total(p);
    pkt_copy_out(p, l->bytes);
    pkt_release(p);
    return 0;
}
void ip_reply_error(struct ip_layer *l, const struct pkt *p, enum ip_error_kind kind)
{
    (void)p;
    l->errors++;
    l->error = kind;
}
int ip_error_errno(enum ip_error_kind kind)
{
    return kind == IP_ERR_PORT_UNREACH ? ECONNREFUSED : EHOSTUNREACH;
}

#endif
