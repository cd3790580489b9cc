/*
 * ip4_reass.h - fragments become datagrams again (RFC 791 section 3.2, RFC 815, RFC 1122 3.3.2).
 */
#ifndef STACKD_IP4_REASS_H
#define STACKD_IP4_REASS_H

#include "base/core.h"
#include "base/hash.h"
#include "wire/ip4.h"

struct ip_layer;
struct ip4_reass_slot;   /* one unfinished datagram, ip4_reass.c */
struct ip4_reass_source; /* one host that has sent some of them */

struct ip4_reass {
    struct slab slots, sources;
    struct hash by_key, by_source;
    uint64_t *bits; /* per slot, a bit for each 8 bytes of a datagram */
    struct ip4_reass_list {
        struct ip4_reass_slot *oldest, *newest;
    } age;                /* all, in the order of their birth, which is that of their timeouts */
    uint64_t reassembled; /* datagrams completed */
};

/** ip4_reass_cut - cut everything for @slots unfinished datagrams; touches nothing. */
void ip4_reass_cut(struct ip4_reass *ra, struct region *r, uint32_t slots);

/**
 * ip4_reass_input - take the data of a fragment.
 * @p: the fragment, its IP header still in front, trimmed; src, dst, l3 and the casts are set
 * @h: its header, checked
 *
 * Return: V_DONE the data are copied; V_NEXT the datagram is complete: *@p is released and replaced
 * by it, IP header in front, total length right and no longer a fragment; or a reason.
 */
enum verdict ip4_reass_input(struct ip_layer *ip, struct pkt **p, const struct ip4_hdr *h);

/** ip4_reass_tick - give up what has waited too long, and say so by ICMP (RFC 1122 3.3.2). */
void ip4_reass_tick(struct ip_layer *ip, net_time now);
net_time ip4_reass_deadline(const struct ip_layer *ip);

/** ip4_reass_count - unfinished datagrams now. */
static inline uint32_t ip4_reass_count(const struct ip4_reass *ra)
{
    return ra->slots.used;
}

#endif
