/*
 * pmtu.c - the path MTU of destinations (RFC 1191, RFC 5927 section 7, RFC 4821 section 5.2).
 *
 * Every link between us and a destination has an MTU of its own, and the smallest of them is the
 * length up to which a datagram arrives whole. Nobody knows it beforehand. The first estimate is the
 * MTU of our own link; a datagram with DF that turns out too long is reported by the router that
 * could not send it on, and with luck the report says what would fit. The estimate belongs to the
 * destination, so all its connections, and UDP, which is cut into fragments here, share it.
 *
 * Who lowers it. Never ICMP itself: a report is a few bytes from a stranger. TCP, once it has seen
 * that the quoted segment is in flight (ip_path_too_big() is called by tcp_mtu.c), or has found the
 * size by probing. UDP sends without DF and has no numbers by which to check, so what claims to
 * be about a UDP datagram of ours changes nothing.
 *
 * Bounds. Never above the MTU of the link. Not below ip_config.pmtu_min, 552 bytes as in Linux:
 * what a single connection may believe of its own path (tcp_mtu.c) is not what all others have to
 * suffer. A report never raises an estimate (RFC 1191 section 3). An estimate is forgotten after
 * ip_config.pmtu_age, ten minutes: then the next long datagram finds out anew (section 6.3).
 *
 * The table is bounded; when it is full the estimate that would be forgotten first goes. Its hash is
 * keyed, as strangers choose the destinations. The epoch counts the changes, so that connections
 * that follow it need to look only then.
 *
 * Limits: the type of service is no part of the key, nor is the interface.
 */
#include "l3_network/ip4.h"

void pmtu_cut(struct pmtu *pm, struct region *r, uint32_t entries)
{
    slab_cut(&pm->entries, r, sizeof(struct pmtu_entry), entries);
    hash_cut(&pm->by_dst, r, entries);
}

void pmtu_init(struct ip_layer *ip)
{
    timer_wheel_init(&ip->pmtu.wheel, ip->c->now);
    ip->pmtu.key = (struct siphash_key){prng_u64(&ip->c->prng), prng_u64(&ip->c->prng)};
}

static struct pmtu_entry *pmtu_find(const struct pmtu *pm, uint32_t dst)
{
    if (pm->entries.used == 0)
        return NULL;
    uint64_t word = dst;
    uint32_t hash = siphash_table(&pm->key, &word, 1);

    for (struct hash_node *n = hash_first(&pm->by_dst, hash); n != NULL; n = n->next) {
        struct pmtu_entry *e = container_of(n, struct pmtu_entry, by_dst);

        if (e->dst == dst)
            return e;
    }
    return NULL;
}

uint32_t pmtu_of(const struct ip_layer *ip, uint32_t dst, uint32_t link)
{
    const struct pmtu_entry *e = pmtu_find(&ip->pmtu, dst);

    return e == NULL ? link : u32_min(e->mtu, link);
}

static void pmtu_forget(struct ip_layer *ip, struct pmtu_entry *e)
{
    struct pmtu *pm = &ip->pmtu;

    timer_stop(&pm->wheel, &e->timer);
    hash_del(&pm->by_dst, &e->by_dst);
    e->mtu = 0;
    slab_free(&pm->entries, e);
    pm->epoch++;
    ip->c->way_epoch++;
}

/* The one that would be forgotten first; the table is full. */
static struct pmtu_entry *pmtu_oldest(const struct pmtu *pm)
{
    struct pmtu_entry *oldest = slab_at(&pm->entries, 0);

    for (uint32_t i = 1; i < pm->entries.count; i++) {
        struct pmtu_entry *e = slab_at(&pm->entries, i);

        if (e->timer.at < oldest->timer.at)
            oldest = e;
    }
    return oldest;
}

static struct pmtu_entry *pmtu_new(struct ip_layer *ip, uint32_t dst)
{
    struct pmtu *pm = &ip->pmtu;
    uint64_t word = dst;

    if (pm->entries.count == 0)
        return NULL;
    if (pm->entries.used == pm->entries.count)
        pmtu_forget(ip, pmtu_oldest(pm));
    struct pmtu_entry *e = slab_alloc(&pm->entries);

    *e = (struct pmtu_entry){.dst = dst, .mtu = UINT32_MAX};
    hash_add(&pm->by_dst, &e->by_dst, siphash_table(&pm->key, &word, 1));
    return e;
}

bool ip_path_too_big(struct ip_layer *ip, struct ip_addr dst, uint32_t mtu)
{
    struct ip_path path;

    if (!ip->cfg.pmtu_discovery || ip_route(ip, dst, IP_ADDR_ANY, &path) < 0)
        return false;
    mtu = u32_max(mtu, ip->cfg.pmtu_min);
    if (mtu >= path.mtu)
        return true;
    struct pmtu_entry *e = pmtu_find(&ip->pmtu, ip_addr_to_v4(dst));

    if (e == NULL)
        e = pmtu_new(ip, ip_addr_to_v4(dst));
    if (e == NULL)
        return true;
    e->mtu = mtu;
    timer_arm(&ip->pmtu.wheel, &e->timer, ip->c->now + ip->cfg.pmtu_age);
    ip->pmtu.epoch++;
    ip->c->way_epoch++;
    return true;
}

uint32_t ip_path_epoch(const struct ip_layer *ip)
{
    return ip->pmtu.epoch;
}

void pmtu_tick(struct ip_layer *ip, net_time now)
{
    struct timer *t;

    while ((t = timer_expired(&ip->pmtu.wheel, now)) != NULL)
        pmtu_forget(ip, container_of(t, struct pmtu_entry, timer));
}

net_time pmtu_deadline(const struct ip_layer *ip)
{
    return timer_deadline(&ip->pmtu.wheel);
}

bool pmtu_each(const struct ip_layer *ip, uint32_t *at, struct pmtu_info *info)
{
    const struct slab *s = &ip->pmtu.entries;

    for (; *at < s->frontier; (*at)++) {
        const struct pmtu_entry *e = slab_at(s, *at);

        if (e->mtu == 0)
            continue;
        *info = (struct pmtu_info){e->dst, e->mtu, e->timer.at - ip->c->now};
        (*at)++;
        return true;
    }
    return false;
}

uint32_t pmtu_flush(struct ip_layer *ip, uint32_t dst)
{
    struct pmtu *pm = &ip->pmtu;
    uint32_t count = 0;

    for (uint32_t i = 0; i < pm->entries.frontier; i++) {
        struct pmtu_entry *e = slab_at(&pm->entries, i);

        if (e->mtu != 0 && (dst == 0 || e->dst == dst)) {
            pmtu_forget(ip, e);
            count++;
        }
    }
    return count;
}
