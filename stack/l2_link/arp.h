/*
 * arp.h - the neighbour cache (RFC 826, RFC 1122 section 2.3.2) and address conflicts (RFC 5227).
 */
#ifndef STACKD_ARP_H
#define STACKD_ARP_H

#include "base/hash.h"
#include "base/timer.h"
#include "l2_link/eth.h"
#include "wire/arp.h"

enum { ARP_ADDRS = 8 };    /* own addresses of one interface */
enum { ARP_REPLIES = 64 }; /* replies that may wait for the next arp_output_due() */

/* Names as in `ip neigh`. */
enum arp_state { ARP_NONE, ARP_INCOMPLETE, ARP_REACHABLE, ARP_STALE, ARP_PROBE, ARP_FAILED };

/* What is known about one of our own addresses. */
enum arp_own { ARP_OWN_FREE, ARP_OWN_PROBING, ARP_OWN_OURS, ARP_OWN_TAKEN };

struct arp_config {
    uint32_t entries;              /* of the cache: 512 */
    uint32_t pending;              /* packets that wait for one address: 4 */
    uint32_t pending_total;        /* and for all addresses together: 256 */
    net_time reachable;            /* an entry is believed for: 30 s */
    net_time stale;                /* an unused entry is forgotten after: 600 s */
    net_time failed;               /* a silent address is not asked again for: 1 s */
    uint32_t requests;             /* before an address counts as silent: 3, one second apart */
    bool quiet;                    /* a twin answers for our addresses, announces and defends them */
    bool detect;                   /* RFC 5227 probes before an address is used */
    net_time probe_wait;           /* RFC 5227 section 1.1: PROBE_WAIT 1 s; PROBE_NUM is 3 */
    net_time probe_min, probe_max; /* PROBE_MIN 1 s, PROBE_MAX 2 s */
    net_time announce_wait;        /* ANNOUNCE_WAIT 2 s */
    net_time announce_interval;    /* ANNOUNCE_INTERVAL 2 s; ANNOUNCE_NUM is 2 */
    net_time defend_interval;      /* DEFEND_INTERVAL 10 s */
};

struct arp_entry; /* arp.c */

/* A link of a circular list whose head is its own anchor. */
struct arp_link {
    struct arp_link *prev, *next;
};

/* What an own address has to say. */
enum arp_say { ARP_SAY_NOTHING, ARP_SAY_PROBE, ARP_SAY_ANNOUNCE };

struct arp_own_addr {
    uint32_t ip, mask;    /* mask 0: not known */
    uint8_t state;        /* enum arp_own */
    uint8_t say;          /* enum arp_say, due with the next arp_output_due() */
    uint8_t sent;         /* probes or announcements so far */
    uint8_t announce;     /* announcements to be made */
    struct mac other;     /* who claims it, once ARP_OWN_TAKEN */
    net_time defend_from; /* not defended again before */
    struct timer timer;
};

struct arp {
    struct core *c;
    struct eth *eth;
    struct arp_config cfg;
    struct slab entries;
    struct hash table;
    struct timer_wheel wheel;
    struct arp_own_addr own[ARP_ADDRS];
    bool own_due;         /* an own address has something to say */
    struct arp_link idle; /* entries nobody used yet, or silent ones: first to make room */
    struct arp_link used; /* least recently used first */
    struct arp_link due;  /* entries that want a request or a release in arp_output_due() */
    uint32_t failures;    /* neighbours found silent so far; wraps */
    uint32_t incomplete;  /* entries in that state: at most half of all */
    uint32_t pending;     /* packets that wait, in all entries */
    uint32_t reply_head, reply_count;
    struct {
        struct mac dst;
        struct arp_pkt pkt;
    } reply[ARP_REPLIES];
};

void arp_config_default(struct arp_config *cfg);
/** arp_cut - cut tables and pools; touches nothing. */
void arp_cut(struct arp *a, const struct arp_config *cfg, struct region *r);
void arp_init(struct arp *a, struct core *c, struct eth *eth);

/** arp_input - a packet of type ETH_TYPE_ARP whose Ethernet header is pulled. */
enum verdict arp_input(struct arp *a, struct pkt *p);

/**
 * arp_output_due - let out what input and timers noted: replies, requests, probes, announcements,
 * and packets whose next hop has answered. net_output() calls it first.
 */
void arp_output_due(struct arp *a);
/** arp_output_pending - would arp_output_due() send something? */
static inline bool arp_output_pending(const struct arp *a)
{
    return a->own_due || a->reply_count > 0 || a->due.next != &a->due;
}

/**
 * arp_output - send @p, an IPv4 datagram, to the neighbour @next_hop; takes the reference.
 * @hint: where the entry of this neighbour was the last time, to be kept for the next; *@hint NULL: not
 *        known. It may have gone or be somebody else's by now, that is looked at.
 */
void arp_output(struct arp *a, struct pkt *p, uint32_t next_hop, struct arp_entry **hint);

/** arp_confirm - the layer above heard an answer from @ip: the entry is good (RFC 1122 2.3.2.1). */
void arp_confirm(struct arp *a, uint32_t ip, struct arp_entry **hint);
/** arp_doubt - the layer above hears nothing from @ip: probe it soon. */
void arp_doubt(struct arp *a, uint32_t ip);

/** arp_own_add - @ip becomes ours: probed first if configured. Return: 0, -EEXIST, -ENOBUFS. */
int arp_own_add(struct arp *a, uint32_t ip);
void arp_own_del(struct arp *a, uint32_t ip);
/** arp_own_subnet - tell the subnet of our address @ip: its broadcast addresses are no stations. */
void arp_own_subnet(struct arp *a, uint32_t ip, uint8_t prefix);
/** arp_own_state - what is known about our address @ip; @other receives the MAC of who claims it. */
enum arp_own arp_own_state(const struct arp *a, uint32_t ip, struct mac *other);
/** arp_own_usable - the address may be used as a source: ARP_OWN_OURS. */
bool arp_own_usable(const struct arp *a, uint32_t ip);

void arp_tick(struct arp *a, net_time now);
net_time arp_deadline(const struct arp *a);

/* One line of `stackctl neigh`. */
struct arp_info {
    uint32_t ip;
    struct mac mac;
    enum arp_state state;
    net_time age; /* since it was last confirmed */
    uint32_t pending;
};
/** arp_each - visit the entries; @*at starts at 0. Return: false when there are no more. */
bool arp_each(const struct arp *a, uint32_t *at, struct arp_info *info);
/** arp_state_of - what is known of @ip; ARP_NONE: nothing. */
enum arp_state arp_state_of(const struct arp *a, uint32_t ip);
/** arp_waiting - how many packets wait for the address of @ip. */
uint32_t arp_waiting(const struct arp *a, uint32_t ip);
const char *arp_state_name(enum arp_state s);
/** arp_set - enter or overwrite an entry by hand; it stays REACHABLE for cfg.reachable.
 * Return: 0, -EINVAL for addresses that no neighbour can have, -ENOBUFS. */
int arp_set(struct arp *a, uint32_t ip, struct mac mac);
/** arp_del - forget @ip. Return: 0 or -ENOENT. */
int arp_del(struct arp *a, uint32_t ip);

/* Between arp.c, the cache, and arp_own.c, our own addresses. */

/** arp_own_input - does @pkt claim an address of ours? V_NEXT: no. */
enum verdict arp_own_input(struct arp *a, const struct arp_pkt *pkt);
/** arp_own_timer - if @t belongs to an own address, serve it. */
bool arp_own_timer(struct arp *a, struct timer *t);
/** arp_own_due - send probes and announcements that are due. */
void arp_own_due(struct arp *a);
/** arp_own_source - which usable address of ours to ask for @ip with; 0: none. */
uint32_t arp_own_source(const struct arp *a, uint32_t ip);
/** arp_own_broadcast - is @ip a broadcast or network address of a subnet of ours? */
bool arp_own_broadcast(const struct arp *a, uint32_t ip);
/** arp_send - frame and queue one ARP packet. */
void arp_send(struct arp *a, struct mac dst, const struct arp_pkt *pkt);

#endif
