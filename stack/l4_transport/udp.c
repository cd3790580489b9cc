/*
 * udp.c - the User Datagram Protocol (RFC 768, RFC 1122 section 4.1).
 *
 * UDP adds two things to IP: ports, and a checksum over the data and the addresses. It promises
 * nothing, so it has no states and no timers; what is left to do is to check, to find the socket,
 * and to bound what a stranger's datagrams may occupy.
 *
 * Finding the socket. Every socket with a port stands in the table `ports`, by its local port, the
 * connected ones in a chain of their own: a server with a socket for each peer is found as fast as one
 * without. Connected ones also stand in `tuples`, by both addresses and ports, under a keyed hash. A
 * datagram for one of our addresses goes to the connected socket of its four-tuple, else to the
 * one bound to that address, else to the one bound to any address; of several with the same right
 * (SOCK_OPT_REUSEADDR) to the youngest, as in Linux. A broadcast or multicast is for everybody:
 * each socket that the port, its local address and its peer allow gets it, the first the packet
 * itself, the others a copy. A multicast only goes to the sockets that have joined the group on that
 * interface, since what one program asked for is nobody else's (in Linux: IP_MULTICAST_ALL off);
 * 224.0.0.1 needs no joining.
 *
 * To a group. What is sent to a group also goes to its members on this host, unless the sender has
 * SOCK_OPT_MULTICAST_LOOP off (RFC 1112 section 6.1): a copy takes the short way to the queues here,
 * as no wire would bring it back. SOCK_OPT_TTL is not for groups: they have a time to live of their
 * own, 1 unless asked otherwise, so that nothing leaves the link by accident.
 *
 * What was found waits in the socket: udp_queue.c.
 *
 * Sending. The payload is copied, so the caller's buffer is free at once. The checksum is left to
 * the wire (CSUM_PARTIAL); a computed zero becomes 0xffff there, since zero means "none".
 *
 * Trains (UDP_SEGMENT of Linux, udp(7)): one call sends up to 128 datagrams of one length, the last perhaps
 * shorter. Where the wire cuts (ip_path.gso_max) they leave as one packet with gso_size, which is what saves:
 * one way down, one frame, one write. Elsewhere they are made here, one by one. Such a datagram is never
 * fragmented, as in Linux: nobody who cuts his data to length wants it cut again.
 *
 * Errors. ICMP errors reach the connected socket that sent the quoted datagram, as its pending
 * error. An unconnected socket could not tell which of its peers is meant and hears nothing, as in
 * Linux and the BSDs.
 *
 * Not here: IP options, in either direction; source filters of groups (RFC 3678); UDP-Lite.
 */
#include "l4_transport/udp.h"

#include <errno.h>

void udp_config_default(struct udp_config *cfg)
{
    *cfg = (struct udp_config){
        .sockets = 4096,
        .rcvbuf = 425984, /* twice Linux's net.core.rmem_default: for a whole batch of trains */
        .port_min = 32768,
        .port_max = 60999,
        .checksum = true,
        .members = 1024,
        .members_each = 20, /* Linux's net.ipv4.igmp_max_memberships */
    };
}

void udp_cut(struct udp *udp, const struct udp_config *cfg, struct region *r)
{
    udp->cfg = *cfg;
    slab_cut(&udp->socks, r, sizeof(struct udp_sock), cfg->sockets);
    slab_cut(&udp->members, r, sizeof(struct udp_member), cfg->members);
    hash_cut(&udp->ports, r, cfg->sockets);
    hash_cut(&udp->tuples, r, cfg->sockets);
}

void udp_init(struct udp *udp, struct core *c, struct ip_layer *ip)
{
    NET_ASSERT(udp->cfg.port_min > 0 && udp->cfg.port_min <= udp->cfg.port_max);
    udp->c = c;
    udp->ip = ip;
    udp->key = (struct siphash_key){prng_u64(&c->prng), prng_u64(&c->prng)};
}

/* ---- tables ---- */

static uint32_t udp_tuple_hash(const struct udp *udp, struct ip_addr local, uint16_t lport,
                               struct ip_addr remote, uint16_t rport)
{
    uint64_t ports = (uint64_t)lport << 16 | rport;

    if ((local.hi | remote.hi) == 0) { /* IPv4: the upper halves say nothing */
        uint64_t words[2] = {local.lo << 32 | (uint32_t)remote.lo, ports};

        return siphash_table(&udp->key, words, ARRAY_LEN(words));
    }
    uint64_t words[5] = {local.hi, local.lo, remote.hi, remote.lo, ports};

    return siphash_table(&udp->key, words, ARRAY_LEN(words));
}

/* Where the sockets of a port stand, with a peer or without. */
static uint32_t udp_port_hash(uint16_t port, bool is_connected)
{
    return is_connected ? port ^ 0x15555u : port;
}

static struct udp_sock *udp_find_connected(const struct udp *udp, struct ip_addr local,
                                           uint16_t lport, struct ip_addr remote, uint16_t rport)
{
    if (udp->connected == 0)
        return NULL;
    uint32_t hash = udp_tuple_hash(udp, local, lport, remote, rport);

    for (struct hash_node *n = hash_first(&udp->tuples, hash); n != NULL; n = n->next) {
        struct udp_sock *u = container_of(n, struct udp_sock, by_tuple);

        if (n->hash == hash && u->lport == lport && u->rport == rport &&
            ip_addr_eq(u->local, local) && ip_addr_eq(u->remote, remote))
            return u;
    }
    return NULL;
}

/* The unconnected socket for @local and @port: one bound to the address before one bound to any. */
static struct udp_sock *udp_find_bound(const struct udp *udp, struct ip_addr local, uint16_t port)
{
    struct udp_sock *any = NULL;

    for (struct hash_node *n = hash_first(&udp->ports, udp_port_hash(port, false)); n != NULL;
         n = n->next) {
        struct udp_sock *u = container_of(n, struct udp_sock, by_port);

        if (u->lport != port || udp_is_connected(u))
            continue;
        if (ip_addr_eq(u->local, local))
            return u;
        if (any == NULL && ip_addr_is_any(u->local))
            any = u;
    }
    return any;
}

/* One of the two chains, for udp_port_taken(). */
static bool udp_chain_has(const struct udp_sock *self, const struct ip_addr *local, uint16_t port,
                          bool connected)
{
    for (struct hash_node *n = hash_first(&self->udp->ports, udp_port_hash(port, connected));
         n != NULL; n = n->next) {
        const struct udp_sock *u = container_of(n, struct udp_sock, by_port);

        if (u->lport != port || u == self || udp_is_connected(u) != connected)
            continue;
        if (local == NULL)
            return true;
        if (u->reuse && self->reuse)
            continue;
        if (ip_addr_is_any(*local) || ip_addr_is_any(u->local) || ip_addr_eq(*local, u->local))
            return true;
    }
    return false;
}

/* Is @port at @local taken, seen from @self? With @local NULL: by anybody, at whatever address. */
static bool udp_port_taken(const struct udp_sock *self, const struct ip_addr *local, uint16_t port)
{
    return udp_chain_has(self, local, port, false) || udp_chain_has(self, local, port, true);
}

/* RFC 6056, algorithm 1: start anywhere, take the next free one. Return: 0 if all are taken. */
static uint16_t udp_choose_port(struct udp_sock *u)
{
    const struct udp_config *cfg = &u->udp->cfg;
    uint32_t count = (uint32_t)(cfg->port_max - cfg->port_min) + 1;
    uint32_t start = prng_below(&u->udp->c->prng, count);

    for (uint32_t i = 0; i < count; i++) {
        uint16_t port = (uint16_t)(cfg->port_min + (start + i) % count);

        if (!udp_port_taken(u, NULL, port))
            return port;
    }
    return 0;
}

/* ---- receiving ---- */

static bool udp_is_member(const struct udp_sock *u, struct ip_addr group, uint8_t ifi)
{
    for (const struct udp_member *m = u->members; m != NULL; m = m->next)
        if (m->ifi == ifi && ip_addr_eq(m->group, group))
            return true;
    return ip_is_all_hosts(group);
}

/* May @u hear the broadcast or multicast @p? */
static bool udp_hears(const struct udp_sock *u, const struct pkt *p, const struct udp_hdr *h)
{
    if (u->lport != h->dst_port)
        return false;
    if (!ip_addr_is_any(u->local) && !ip_addr_eq(u->local, p->dst))
        return false;
    if (udp_is_connected(u) && (u->rport != h->src_port || !ip_addr_eq(u->remote, p->src)))
        return false;
    return p->l3_cast != CAST_MULTICAST || udp_is_member(u, p->dst, p->ifi);
}

/* A broadcast or multicast: to everybody who may hear it. */
static enum verdict udp_deliver_chain(struct udp *udp, struct pkt *p, const struct udp_hdr *h,
                                      bool connected, bool *given)
{
    struct hash_node *n = hash_first(&udp->ports, udp_port_hash(h->dst_port, connected));
    enum verdict v = V_DROP_UDP_NO_PORT;

    for (; n != NULL; n = n->next) {
        struct udp_sock *u = container_of(n, struct udp_sock, by_port);

        if (udp_is_connected(u) != connected || !udp_hears(u, p, h))
            continue;
        struct pkt *q = *given ? udp_copy(udp, p) : pkt_keep(p);
        enum verdict w = q == NULL ? V_DROP_PKT_POOL : udp_deliver(u, q);

        *given = *given || w == V_DONE;
        pkt_release(q);
        v = v == V_DONE ? v : w; /* one who took it is enough */
    }
    return v;
}

static enum verdict udp_deliver_all(struct udp *udp, struct pkt *p, const struct udp_hdr *h)
{
    bool given = false; /* the packet itself */
    enum verdict v = udp_deliver_chain(udp, p, h, false, &given);
    enum verdict w = udp_deliver_chain(udp, p, h, true, &given);

    if (v == V_DROP_UDP_NO_PORT && w == V_DROP_UDP_NO_PORT) {
        enum verdict other = core_stray(udp->c, p);

        return other == V_NEXT ? v : other;
    }
    return v == V_DONE || w == V_DROP_UDP_NO_PORT ? v : w;
}

static enum verdict udp_check_sum(const struct udp *udp, const struct pkt *p,
                                  const struct udp_hdr *h)
{
    if (h->sum == 0) /* none was sent; IPv6 does not allow that (RFC 8200 section 8.1) */
        return ip_addr_is_v4(p->dst) && !udp->cfg.checksum_required ? V_NEXT : V_DROP_UDP_CHECKSUM;
    if (p->csum != CSUM_NONE)
        return V_NEXT; /* the wire has looked, or there was no wire */
    uint64_t sum = csum_pseudo(p->src, p->dst, IP_PROTO_UDP, h->len);

    return csum_fold(pkt_csum(p, p->l4, sum)) == 0xffff ? V_NEXT : V_DROP_UDP_CHECKSUM;
}

enum verdict udp_input(struct udp *udp, struct pkt *p)
{
    NET_ASSERT(p->l4 >= p->off && p->l4 - p->off <= p->len);
    uint32_t skip = p->l4 - p->off;
    struct udp_hdr h;

    /* The header lies in one piece; the length is about all pieces. */
    if (p->len - skip < UDP_HDR_LEN)
        return V_DROP_UDP_SHORT;
    enum verdict v = udp_parse(&h, (struct span){p->buf + p->l4, pkt_total(p) - skip});

    if (v != V_NEXT)
        return v;
    pkt_trim(p, skip + h.len); /* what IP carried beyond is not ours: not summed, not delivered */
    v = udp_check_sum(udp, p, &h);
    if (v != V_NEXT)
        return v;

    if (p->l3_cast != CAST_UNICAST)
        return udp_deliver_all(udp, p, &h); /* never answered by an error, RFC 1122 section 3.2.2 */
    struct udp_sock *u = udp_find_connected(udp, p->dst, h.dst_port, p->src, h.src_port);

    if (u == NULL)
        u = udp_find_bound(udp, p->dst, h.dst_port);
    if (u == NULL && (v = core_stray(udp->c, p)) != V_NEXT)
        return v;
    if (u == NULL) {
        ip_reply_error(udp->ip, p, IP_ERR_PORT_UNREACH); /* RFC 1122 section 4.1.3.1 */
        return V_DROP_UDP_NO_PORT;
    }
    return udp_deliver(u, p);
}

enum verdict udp_input_error(struct udp *udp, const struct ip_error *e)
{
    if (e->quoted.len < UDP_HDR_LEN)
        return V_DROP_ICMP4_INNER;
    uint16_t lport = get16(e->quoted.p + UDP_SRC), rport = get16(e->quoted.p + UDP_DST);
    struct udp_sock *u = udp_find_connected(udp, e->local, lport, e->remote, rport);

    if (u == NULL) /* an unconnected socket may have sent it, and is not told; see above */
        return udp_find_bound(udp, e->local, lport) != NULL ? V_DONE : V_DROP_ICMP4_NO_OWNER;
    int error = ip_error_errno(e->kind);

    if (error != 0) {
        u->error = error;
        udp->stats.errors_in++;
        ready_add(&udp->c->ready, &u->ready);
    }
    return V_DONE;
}

/* ---- the user's calls ---- */

struct udp_sock *udp_open(struct udp *udp, uint32_t owner)
{
    struct udp_sock *u = slab_alloc(&udp->socks);

    if (u == NULL)
        return NULL;
    *u = (struct udp_sock){.udp = udp,
                           .open = true,
                           .ready = {.owner = owner},
                           .rcvbuf = udp->cfg.rcvbuf,
                           .mcast_loop = true,
                           .mcast_ttl = 1,
                           .mcast_ifi = IP_ANY_IF};
    return u;
}

void udp_close(struct udp_sock *u)
{
    struct udp *udp = u->udp;

    NET_ASSERT(u->open);
    while (u->queue.head != NULL)
        udp_consume(u);
    while (u->members != NULL)
        udp_leave(u, u->members->group, u->members->ifi);
    ready_del(&u->ready);
    if (udp_is_connected(u)) {
        udp->connected--;
        hash_del(&udp->tuples, &u->by_tuple);
    }
    if (u->lport != 0)
        hash_del(&udp->ports, &u->by_port);
    u->open = false;
    slab_free(&udp->socks, u);
}

int udp_bind(struct udp_sock *u, struct ip_addr local, uint16_t port)
{
    struct udp *udp = u->udp;

    if (u->lport != 0)
        return -EINVAL;
    bool group = !ip_addr_is_any(local) && ip_cast(udp->ip, local) != CAST_UNICAST;

    if (!ip_addr_is_any(local) && !group && !ip_is_local(udp->ip, local))
        return -EADDRNOTAVAIL;
    if (port == 0)
        port = udp_choose_port(u);
    else if (udp_port_taken(u, &local, port))
        return -EADDRINUSE;
    if (port == 0)
        return -EADDRINUSE;
    u->local = local;
    u->local_group = group;
    u->lport = port;
    hash_add(&udp->ports, &u->by_port, udp_port_hash(port, false));
    return 0;
}

int udp_connect(struct udp_sock *u, struct ip_addr remote, uint16_t port)
{
    struct udp *udp = u->udp;
    bool is_fixed = !ip_addr_is_any(u->local) && !u->local_chosen;
    struct ip_path path;

    if (port == 0 || ip_addr_is_any(remote))
        return -EINVAL;
    int err =
        ip_route(udp->ip, remote, is_fixed && !u->local_group ? u->local : IP_ADDR_ANY, &path);

    if (err < 0)
        return err;
    if (path.cast == CAST_BROADCAST && !u->broadcast)
        return -EACCES;
    if (u->lport == 0 && (err = udp_bind(u, IP_ADDR_ANY, 0)) < 0)
        return err;
    if (udp_is_connected(u)) {
        hash_del(&udp->tuples, &u->by_tuple);
    } else {
        hash_del(&udp->ports, &u->by_port);
        hash_add(&udp->ports, &u->by_port, udp_port_hash(u->lport, true));
        udp->connected++;
    }
    if (!is_fixed) {
        u->local = path.src;
        u->local_chosen = true;
    }
    u->remote = remote;
    u->rport = port;
    hash_add(&udp->tuples, &u->by_tuple,
             udp_tuple_hash(udp, u->local, u->lport, u->remote, u->rport));
    return 0;
}

int udp_join(struct udp_sock *u, struct ip_addr group, int ifi)
{
    struct udp *udp = u->udp;
    struct udp_member **end = &u->members;
    uint32_t count = 0;

    ifi = ip_group_join(udp->ip, group, ifi);
    if (ifi < 0)
        return ifi;
    for (; *end != NULL; end = &(*end)->next, count++) {
        if ((*end)->ifi == ifi && ip_addr_eq((*end)->group, group)) {
            ip_group_leave(udp->ip, group, ifi);
            return -EADDRINUSE;
        }
    }
    struct udp_member *m = count < udp->cfg.members_each ? slab_alloc(&udp->members) : NULL;

    if (m == NULL) {
        ip_group_leave(udp->ip, group, ifi);
        return -ENOBUFS;
    }
    *m = (struct udp_member){.group = group, .ifi = (uint8_t)ifi};
    *end = m;
    return 0;
}

int udp_leave(struct udp_sock *u, struct ip_addr group, int ifi)
{
    for (struct udp_member **at = &u->members; *at != NULL; at = &(*at)->next) {
        struct udp_member *m = *at;

        if ((ifi != IP_ANY_IF && m->ifi != ifi) || !ip_addr_eq(m->group, group))
            continue;
        *at = m->next;
        ip_group_leave(u->udp->ip, group, m->ifi);
        slab_free(&u->udp->members, m);
        return 0;
    }
    return -EADDRNOTAVAIL;
}

enum { UDP_PAYLOAD_AT = PKT_HEADROOM + UDP_HDR_LEN }; /* in a packet that is to be sent */

/* Where a payload of @len bytes fits. */
static struct pkt_pool *udp_pool(struct udp *udp, uint32_t len)
{
    return len <= udp->c->pkts.cap - UDP_PAYLOAD_AT ? &udp->c->pkts : &udp->c->bigs;
}

/* A packet with @len bytes of payload behind room for the header, or NULL. */
static struct pkt *udp_payload(struct udp *udp, const uint8_t *bytes, uint32_t len)
{
    struct pkt *p = pkt_alloc(udp_pool(udp, len), UDP_PAYLOAD_AT);

    if (p != NULL && len > 0)
        memcpy(pkt_append(p, len), bytes, len);
    return p;
}

/* Put the header in front of the payload @p, and leave the checksum to the wire. */
static void udp_push_header(const struct udp_sock *u, struct pkt *p, struct ip_addr src,
                            struct ip_addr dst, uint16_t dport)
{
    uint32_t len = p->len + UDP_HDR_LEN;
    struct udp_hdr h = {.src_port = u->lport, .dst_port = dport, .len = (uint16_t)len};
    uint8_t *hdr = pkt_push(p, UDP_HDR_LEN);

    p->l4 = (uint16_t)p->off;
    p->proto = IP_PROTO_UDP;
    if (u->udp->cfg.checksum || !ip_addr_is_v4(dst)) {
        h.sum = csum_fold(csum_pseudo(src, dst, IP_PROTO_UDP, len));
        p->csum = CSUM_PARTIAL;
        p->csum_start = p->l4;
        p->csum_off = UDP_SUM;
    }
    udp_emit(&h, hdr);
}

/* The members of a group on this host get their copy of what we send to it. */
static void udp_loop(const struct udp_sock *u, const struct pkt *p, const struct ip_path *path,
                     struct ip_addr dst, uint16_t dport)
{
    struct udp *udp = u->udp;

    if (udp->members.used == 0 && !ip_is_all_hosts(dst))
        return;
    struct udp_hdr h = {.src_port = u->lport, .dst_port = dport};
    struct pkt *q = udp_copy(udp, p);

    if (q == NULL) {
        net_drop(udp->c, NULL, V_DROP_PKT_POOL);
        return;
    }
    q->src = path->src;
    q->dst = dst;
    q->l2_cast = q->l3_cast = CAST_MULTICAST;
    q->ifi = path->ifi;
    q->proto = IP_PROTO_UDP;
    q->tos = u->tos;
    q->ttl = u->mcast_ttl;
    enum verdict v = udp_deliver_all(udp, q, &h);

    if (v > V_DONE && v != V_DROP_UDP_NO_PORT) /* without a member here there was nothing to lose */
        net_drop(udp->c, q, v);
    pkt_release(q);
}

/* Which way, and is it allowed? */
static int udp_route(const struct udp_sock *u, struct ip_addr src, struct ip_addr dst,
                     struct ip_path *path)
{
    struct ip_layer *ip = u->udp->ip;
    bool to_group = ip_cast(ip, dst) == CAST_MULTICAST;

    if (ip_addr_is_any(src) && !u->local_group)
        src = u->local;
    int err = to_group && ip_addr_is_any(src) && u->mcast_ifi != IP_ANY_IF
                  ? ip_route_on(ip, dst, (uint8_t)u->mcast_ifi, path)
                  : ip_route(ip, dst, src, path);

    if (err < 0)
        return err;
    return path->cast == CAST_BROADCAST && !u->broadcast ? -EACCES : 0;
}

/* A packet's worth: a datagram, or a train (@segment > 0). */
static int udp_send_packet(struct udp_sock *u, const struct ip_path *path, struct ip_addr dst,
                           uint16_t dport, const uint8_t *bytes, uint32_t len, uint16_t segment)
{
    struct udp *udp = u->udp;
    struct pkt *p = udp_payload(udp, bytes, len);
    int err = 0;

    if (p == NULL)
        return -ENOBUFS;
    udp_push_header(u, p, path->src, dst, dport);
    p->gso_size = segment;
    struct ip_send out = {
        .src = path->src, .dst = dst, .proto = IP_PROTO_UDP, .tos = u->tos, .ttl = u->ttl};

    if (path->cast == CAST_MULTICAST) {
        out.ttl = u->mcast_ttl;
        if (u->mcast_loop)
            udp_loop(u, p, path, dst, dport);
    }
    if (path->cast == CAST_MULTICAST && u->mcast_ttl == 0) /* not beyond this host */
        pkt_release(p);
    else
        err = ip_output(udp->ip, p, &out);
    if (err < 0)
        return err;
    uint32_t pieces = segment == 0 ? 1 : (len + segment - 1) / segment;

    u->out += pieces;
    udp->stats.out += pieces;
    return 0;
}

/* How many bytes of a train go into one packet: whole segments, as many as the wire below cuts. */
static uint32_t udp_train_most(const struct ip_path *path, uint16_t segment)
{
    uint32_t hdrs = path->hdr_len + UDP_HDR_LEN;
    uint32_t fit = path->gso_max > hdrs ? (path->gso_max - hdrs) / segment : 0;

    return u32_max(1, u32_min(fit, UDP_TRAIN_CUT)) * segment;
}

/* Are there packets for @len bytes, @most in each? A train leaves whole or not at all. */
static bool udp_train_fits(struct udp *udp, uint32_t len, uint32_t most)
{
    const struct slab *pool = &udp_pool(udp, most)->slab;
    uint32_t tail = len % most;
    const struct slab *last = &udp_pool(udp, tail == 0 ? most : tail)->slab;

    return pool->count - pool->used >= (len + most - 1) / most && last->used < last->count;
}

/* Datagrams of @segment bytes each, the last perhaps shorter: may they leave, and how many bytes of them
 * (@most) in a packet? What is refused, Linux refuses. */
static int udp_train_plan(struct udp_sock *u, const struct ip_path *path, struct ip_addr dst,
                          uint32_t len, uint16_t segment, uint32_t *most)
{
    *most = udp_train_most(path, segment);
    if (path->hdr_len + UDP_HDR_LEN + u32_min(len, segment) > path->mtu)
        return -EMSGSIZE;
    if (len > (uint32_t)segment * UDP_TRAIN_MAX)
        return -EINVAL;
    if (len > segment && !u->udp->cfg.checksum &&
        ip_addr_is_v4(dst)) /* whoever cuts must write one */
        return -EINVAL;
    return udp_train_fits(u->udp, len, *most) ? 0 : -ENOBUFS;
}

int udp_send(struct udp_sock *u, struct ip_addr src, struct ip_addr dst, uint16_t dport,
             const uint8_t *bytes, size_t len)
{
    return udp_send_train(u, src, dst, dport, bytes, len, 0);
}

int udp_send_train(struct udp_sock *u, struct ip_addr src, struct ip_addr dst, uint16_t dport,
                   const uint8_t *bytes, size_t len, uint16_t segment)
{
    struct ip_path path;
    int err;

    if (ip_addr_is_any(dst) && dport == 0 && udp_is_connected(u)) {
        dst = u->remote;
        dport = u->rport;
    }
    if (ip_addr_is_any(dst) || dport == 0)
        return ip_addr_is_any(dst) && dport == 0 ? -EDESTADDRREQ : -EINVAL;
    if (u->lport == 0 && (err = udp_bind(u, IP_ADDR_ANY, 0)) < 0)
        return err;
    if ((err = udp_route(u, src, dst, &path)) < 0)
        return err;
    /* The total length of IPv4 counts its header, the payload length of IPv6 does not. */
    if (len > 65535u - UDP_HDR_LEN - (ip_addr_is_v4(dst) ? path.hdr_len : 0u))
        return -EMSGSIZE;
    if (segment == 0)
        segment = u->segment;
    uint32_t most = (uint32_t)len, at = 0;

    if (unlikely(segment > 0) &&
        (err = udp_train_plan(u, &path, dst, (uint32_t)len, segment, &most)) < 0)
        return err;
    do {
        uint32_t n = u32_min(most, (uint32_t)len - at);

        err = udp_send_packet(u, &path, dst, dport, bytes + at, n, n > segment ? segment : 0);
        at += n;
    } while (err == 0 && at < len);
    return err < 0 ? err : (int)len;
}

int udp_take_error(struct udp_sock *u)
{
    int error = u->error;

    u->error = 0;
    return error;
}
