/*
 * net.c - the order of the layers, and the two ends of a packet's journey.
 *
 * Layers do not call upward: an input function parses its header, fills in the packet's fields and
 * returns a verdict. net_input_one() is the only function that knows who comes next. Nothing is
 * sent on the way: what is due is noted by the layer it is due in, and net_output() asks each of
 * them in turn. So there is one place for the coalescing of ACKs, for segmentation, and for batches.
 */
#include "net.h"

#include <errno.h>

void net_config_default(struct net_config *cfg)
{
    *cfg = (struct net_config){
        .name = "host",
        .if_count = 1,
        .packets = 4096,
        .bigs = 128,
        .buffer_bytes = (size_t)256 << 20,
        .txq = 1024,
        .socks = {.sockets = 16384 + 4096, .polls = 32},
    };
    cfg->ifs[0] = (struct net_if_config){
        .mac = {{0x02, 0, 0, 0, 0, 2}},
        .mtu = 1500,
        .addr = {{0x0a000002, 24}},
        .addr_count = 1,
    };
    for (unsigned i = 0; i < NET_IFS; i++)
        arp_config_default(&cfg->ifs[i].arp);
    ip_config_default(&cfg->ip);
    udp_config_default(&cfg->udp);
    tcp_config_default(&cfg->tcp);
}

/* Cut every pool and table; touches nothing, so it also serves to measure. */
static void net_cut(struct net *n, const struct net_config *cfg, struct region *r)
{
    uint32_t mtu = 0;

    for (unsigned i = 0; i < cfg->if_count; i++)
        mtu = u32_max(mtu, cfg->ifs[i].mtu);
    /* Rounded so that packet and buffer fill whole cache lines. */
    uint32_t cap = (PKT_HEADROOM + ETH_HDR_LEN + mtu + 4 + 63) & ~63u;

    pkt_pool_cut(&n->core.pkts, r, cfg->packets, cap);
    pkt_pool_cut(&n->core.bigs, r, cfg->bigs, PKT_HEADROOM + 65536 + 64); /* and a link header */
    buddy_cut(&n->core.bufs, r, cfg->buffer_bytes);
    for (unsigned i = 0; i < cfg->if_count; i++)
        arp_cut(&n->ifs[i].arp, &cfg->ifs[i].arp, r);
    ip_cut(&n->ip, &cfg->ip, r);
    udp_cut(&n->udp, &cfg->udp, r);
    tcp_cut(&n->tcp, &cfg->tcp, r);
    n->socks = region_cut(r, socks_size(), 64);
}

size_t net_mem_size(const struct net_config *cfg)
{
    struct net scratch = {0};
    struct region r = {0};

    net_cut(&scratch, cfg, &r);
    /* The sockets' table is cut by a function that writes to struct socks, so it comes last and is
     * measured by the same function with no region behind it. */
    socks_cut(NULL, &cfg->socks, &r);
    return r.used + 64;
}

/* A frame is complete: it gets its number, and what it shows is traced. */
static void net_framed(void *ctx, struct pkt *p)
{
    struct net *n = ctx;

    core_framed(&n->core, p, true);
    if (p->note_event != 0 || trace_on(&n->core.trace, TRACE_seg))
        tcp_trace_out(&n->tcp, p);
}

static int net_init_if(struct net *n, const struct net_if_config *ic, uint8_t i)
{
    struct net_if *nif = &n->ifs[i];

    if (ic->addr_count > NET_IF_ADDRS || mac_is_group(ic->mac) || ic->mtu < 68)
        return -EINVAL;
    eth_init(&nif->eth, &n->core, &n->txq, i, ic->mac, ic->mtu);
    nif->eth.gso_max = ic->gso_max;
    arp_init(&nif->arp, &n->core, &nif->eth);
    int ifi = ip_if_add(&n->ip, &nif->eth, &nif->arp);

    if (ifi < 0)
        return ifi;
    for (unsigned k = 0; k < ic->addr_count; k++) {
        int err = ip_addr_add(&n->ip, i, ic->addr[k].ip, ic->addr[k].prefix);

        if (err < 0)
            return err;
    }
    return 0;
}

int net_init(struct net *n, const struct net_config *cfg, void *mem, size_t mem_len)
{
    struct region r = {.p = mem, .len = mem_len};

    if (cfg->if_count > NET_IFS)
        return -EINVAL;
    *n = (struct net){.if_count = cfg->if_count};
    net_cut(n, cfg, &r);
    if (r.overflow)
        return -ENOMEM;
    socks_cut(n->socks, &cfg->socks, &r);
    if (r.overflow)
        return -ENOMEM;
    n->mem_used = r.used;
    n->core.now = cfg->start;
    prng_seed(&n->core.prng, cfg->seed, 0);
    n->core.key = (struct siphash_key){prng_u64(&n->core.prng), prng_u64(&n->core.prng)};
    ready_list_init(&n->core.ready);
    memcpy(n->core.name, cfg->name, sizeof(n->core.name));
    n->core.name[sizeof(n->core.name) - 1] = '\0';
    n->txq = (struct eth_txq){.max = u32_max(cfg->txq, 1), .framed = net_framed, .ctx = n};
    ip_init(&n->ip, &n->core);
    udp_init(&n->udp, &n->core, &n->ip);
    tcp_init(&n->tcp, &n->core, &n->ip);
    socks_init(n->socks, &n->core, &n->tcp, &n->udp);
    for (uint8_t i = 0; i < cfg->if_count; i++) {
        int err = net_init_if(n, &cfg->ifs[i], i);

        if (err < 0)
            return err;
    }
    if (cfg->twin > 0) { /* what the outside must not see twice */
        prng_seed(&n->core.prng, cfg->seed, NET_STREAM_TWIN + cfg->twin);
        ip_id_renew(&n->ip);
    }
    return cfg->gateway == 0 ? 0 : ip_route_add(&n->ip, 0, 0, cfg->gateway, 0, 0);
}

void net_set_tap(struct net *n, void (*tap)(void *ctx, const struct pkt *p, bool out), void *ctx)
{
    n->core.tap = tap;
    n->core.tap_ctx = ctx;
}

struct pkt *net_pkt(struct net *n)
{
    return pkt_alloc(&n->core.pkts, PKT_HEADROOM);
}

void net_drop(struct core *c, const struct pkt *p, enum verdict why)
{
    NET_ASSERT(why > V_DONE && why < V_COUNT);
    c->drops[why]++;
    if (p != NULL && p->note_event != 0 && p->frame == 0)
        tcp_trace_unseen(c, p);
    if (!trace_on(&c->trace, TRACE_drop))
        return;
    const struct verdict_info *info = verdict_info(why);
    struct trace_ev ev = core_trace(c, TRACE_drop);

    if (p != NULL) {
        bool out = p->frame == 0 || p->left; /* it was to leave and is no frame yet, or was lost behind us */

        ev.frame = p->frame;
        ev.conn = (struct trace_conn){out ? p->src : p->dst, out ? p->dst : p->src, 0, 0, 0};
        if (p->l4 != 0 && (p->proto == IP_PROTO_TCP || p->proto == IP_PROTO_UDP) &&
            p->off + p->len >= p->l4 + 4u) {
            ev.conn.proto = p->proto;
            ev.conn.rport = get16(p->buf + p->l4 + (out ? 2 : 0));
            ev.conn.lport = get16(p->buf + p->l4 + (out ? 0 : 2));
        }
    }
    ev.why = info->sentence;
    ev.u.drop = (struct trace_drop){info->layer, info->reason};
    core_trace_emit(c, &ev);
}

/* A twin may want to know what @p told us, and @v is what became of it here. */
static enum verdict net_heard(struct net *n, const struct pkt *p, enum verdict v)
{
    const struct core_twins *t = n->core.twins;

    return likely(t == NULL) ? v : t->heard(t->ctx, p, v);
}

/* ICMP. A question is answered where it arrives; an answer or an error may be for a twin. */
static enum verdict net_input_icmp(struct net *n, struct pkt *p)
{
    bool is_echo = p->len > ICMP4_TYPE && pkt_data(p)[ICMP4_TYPE] == ICMP4_ECHO;
    struct ip_error err;
    enum verdict v = icmp4_input(&n->ip, p, &err); /* turns an echo into its reply in place */

    if (v == V_NEXT && err.proto == IP_PROTO_TCP)
        v = tcp_input_error(&n->tcp, &err);
    else if (v == V_NEXT && err.proto == IP_PROTO_UDP)
        v = udp_input_error(&n->udp, &err);
    else if (v == V_NEXT)
        v = V_DROP_ICMP4_NO_OWNER;
    return is_echo ? v : net_heard(n, p, v);
}

/* L4, and what L3 tells it about its own datagrams. */
static enum verdict net_input_l4(struct net *n, struct pkt *p)
{
    switch (p->proto) {
    case IP_PROTO_TCP:
        return tcp_input(&n->tcp, p);
    case IP_PROTO_UDP:
        return udp_input(&n->udp, p);
    case IP_PROTO_ICMP:
        return net_input_icmp(n, p);
    case IP_PROTO_IGMP:
        return net_heard(n, p, igmp_input(&n->ip, p));
    default: /* answered by ip4_input() */
        return V_DROP_IP4_PROTOCOL;
    }
}

/* A group that nobody here has joined: a twin may have. */
static enum verdict net_stray_group(struct net *n, struct pkt *p)
{
    struct eth_hdr h;

    if (likely(n->core.twins == NULL) || eth_parse(&h, pkt_span(p)) != V_NEXT ||
        h.type != ETH_TYPE_IP4)
        return V_DROP_ETH_MULTICAST;
    p->l2_src = h.src;
    p->ethertype = h.type;
    pkt_pull(p, ETH_HDR_LEN);
    p->l3 = (uint16_t)p->off;
    enum verdict v = core_stray(&n->core, p);

    return v == V_NEXT ? V_DROP_ETH_MULTICAST : v;
}

/* What eth_input() said @v of, to its socket. Here and below is the order of the layers, and the only
 * place that knows it. */
static inline void net_input_up(struct net *n, struct net_if *nif, struct pkt *p, enum verdict v)
{
    if (v == V_NEXT && p->ethertype == ETH_TYPE_ARP)
        v = net_heard(n, p, arp_input(&nif->arp, p));
    else if (v == V_NEXT)
        v = ip4_input(&n->ip, &p); /* may be another packet now: a reassembled datagram */
    if (v == V_NEXT)
        v = net_input_l4(n, p);
    if (v > V_DONE)
        net_drop(&n->core, p, v);
    pkt_release(p);
    n->core.frame = 0;
}

/* One frame from the wire. */
static void net_input_one(struct net *n, struct pkt *p)
{
    NET_ASSERT(p->ifi < n->if_count);
    struct net_if *nif = &n->ifs[p->ifi];
    enum verdict v;

    core_framed(&n->core, p, false);
    n->core.frame = p->frame;

    v = eth_input(&nif->eth, p);
    if (unlikely(v == V_DROP_ETH_MULTICAST))
        v = net_stray_group(n, p);
    net_input_up(n, nif, p, v);
}

void net_hear(struct net *n, struct pkt *p)
{
    NET_ASSERT(p->ifi < n->if_count);
    n->core.frame = p->frame; /* it was counted, and seen by a capture, where it arrived */
    net_input_up(n, &n->ifs[p->ifi], p, V_NEXT);
}

/* The next hop does not answer ARP: the sockets whose packets waited for it learn of it as of an
 * ICMP error that nobody sent. */
static void net_unreached(struct net *n)
{
    struct pkt *p;

    while ((p = pktq_pop(&n->core.unreached)) != NULL) {
        struct ip_error err = {
            .kind = IP_ERR_HOST_UNREACH,
            .local = p->src,
            .remote = p->dst,
            .proto = p->proto,
            .type = ICMP4_UNREACH,
            .code = ICMP4_HOST,
        };

        if (p->l4 >= p->off && p->l4 <= p->off + p->len)
            err.quoted = (struct span){p->buf + p->l4, p->off + p->len - p->l4};
        if (err.quoted.len < 8 || !ip_is_unreached(&n->ip, p->src, p->dst))
            ; /* a fragment but the first, which will tell; or the next try goes another way */
        else if (p->proto == IP_PROTO_TCP)
            tcp_input_error(&n->tcp, &err);
        else if (p->proto == IP_PROTO_UDP)
            udp_input_error(&n->udp, &err);
        else
            icmp4_unreached(&n->ip, &err);
        pkt_release(p);
    }
}

static void net_advance(struct net *n, net_time now)
{
    NET_ASSERT(now >= n->core.now);
    n->core.now = now;
    for (unsigned i = 0; i < n->if_count; i++) {
        if (likely(!timer_due(&n->ifs[i].arp.wheel, now)))
            continue;
        arp_tick(&n->ifs[i].arp, now); /* only so a neighbour is found to be silent */
        ip_gateways(&n->ip);
        net_unreached(n);
    }
    ip_tick(&n->ip, now);
    if (tcp_tick_due(&n->tcp, now))
        tcp_tick(&n->tcp, now);
}

enum { NET_AHEAD = 32 }; /* packets: their blocks fit in the first two levels of a cache */

/* Whose segment is it, as it seems? Nothing follows from it but what is fetched. */
static bool net_peek(const struct pkt *p, struct tcp_id *id)
{
    const uint8_t *ip = pkt_data(p) + ETH_HDR_LEN, *tcp = ip + IP4_HDR_LEN;

    if (p->len < ETH_HDR_LEN + IP4_HDR_LEN + TCP_HDR_LEN || ip[IP4_VIHL] != 0x45 ||
        ip[IP4_PROTO] != IP_PROTO_TCP)
        return false;
    *id = (struct tcp_id){ip_addr_v4(get32(ip + IP4_DST)), ip_addr_v4(get32(ip + IP4_SRC)),
                          get16(tcp + TCP_DST), get16(tcp + TCP_SRC)};
    return true;
}

/* With a hundred thousand connections each segment is for one that is not in the cache, and what costs is
 * to wait for memory, twenty times in a row. The segments of a burst can wait together. */
static void net_ahead(struct net *n, struct pkt **in, size_t count)
{
    struct tcp_ahead a[NET_AHEAD];
    struct tcp_id id;
    size_t segs = 0;

    for (size_t i = 0; i < count; i++)
        if (net_peek(in[i], &id) && tcp_ahead(&n->tcp, &id, &a[segs]))
            segs++;
    for (size_t i = 0; i < segs; i++)
        tcp_ahead_block(&n->tcp, &a[i]);
    for (size_t i = 0; i < segs; i++)
        tcp_ahead_next(&a[i]);
    for (size_t i = 0; i < segs; i++)
        tcp_ahead_user(&n->tcp, &a[i]);
}

void net_input(struct net *n, struct pkt **in, size_t count, net_time now)
{
    bool is_wide = count > 1 && tcp_is_wide(&n->tcp);

    net_advance(n, now);
    for (size_t i = 0; i < count; i++) {
        if (unlikely(is_wide) && i % NET_AHEAD == 0)
            net_ahead(n, in + i, size_min(count - i, NET_AHEAD));
        net_input_one(n, in[i]);
    }
}

static void net_pull_arp(struct net *n)
{
    for (unsigned i = 0; i < n->if_count; i++) {
        if (unlikely(arp_output_pending(&n->ifs[i].arp)))
            arp_output_due(&n->ifs[i].arp);
    }
}

/* Ask the layers for frames, at most about @max; what belongs to no connection goes first: it is
 * small, and somebody waits for it. Return: whether there are any. */
static bool net_pull(struct net *n, uint32_t max)
{
    net_pull_arp(n);
    if (ip_output_pending(&n->ip))
        ip_output_due(&n->ip);
    /* Again while all of it was refused below: when nothing comes out, nothing may be due. */
    while (n->txq.q.len == 0 && tcp_output_due(&n->tcp))
        tcp_output(&n->tcp, u32_min(max, n->txq.max));
    net_pull_arp(n); /* requests for next hops that those need */
    return n->txq.q.len > 0;
}

size_t net_output(struct net *n, struct pkt **out, size_t max, net_time now)
{
    size_t count = 0;

    if (now > n->core.now)
        net_advance(n, now);
    while (count < max && (n->txq.q.len > 0 || net_pull(n, (uint32_t)(max - count))))
        out[count++] = pktq_pop(&n->txq.q);
    return count;
}

net_time net_deadline(const struct net *n)
{
    net_time at = NET_NEVER;

    if (n->txq.q.len > 0 || tcp_output_due(&n->tcp))
        return n->core.now;
    for (unsigned i = 0; i < n->if_count; i++) {
        if (arp_output_pending(&n->ifs[i].arp))
            return n->core.now;
        at = net_time_min(at, arp_deadline(&n->ifs[i].arp));
    }
    at = net_time_min(at, ip_deadline(&n->ip));
    at = net_time_min(at, tcp_deadline(&n->tcp));
    return at > n->core.now ? at : n->core.now;
}

struct mspan net_spare(struct net *n)
{
    struct mspan spare = slab_spare(&n->tcp.tcbs);

    return spare.len > 0 ? spare : slab_spare(&n->tcp.sent_pool);
}

uint32_t net_connections(const struct net *n)
{
    const struct tcp *t = &n->tcp;

    return t->tcbs.used + t->halves.used + t->tws.used + tcp_idle_count(t);
}
