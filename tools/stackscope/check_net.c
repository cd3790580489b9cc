/*
 * check_net.c - what is wrong below TCP: ARP, addresses, fragments, checksums of UDP and ICMP.
 */
#include "check.h"
#include "wire/eth.h"
#include "wire/ip4.h"

#include <stdio.h>

enum {
    ARP_BODY = 28,
    ARP_OP = 6,
    ARP_SHA = 8,
    ARP_SPA = 14,
    ICMP_REDIRECT = 5,
    DATAGRAM_MAX = 65535
};

/* --- ARP --- */

static void net_arp(struct check *k, const struct frame *f, const struct dissect *d)
{
    const uint8_t *p = f->bytes.p + d->net_at;

    if (f->bytes.len < d->net_at + ARP_BODY || d->fault != V_NEXT || d->net_at < ETH_HDR_LEN)
        return;
    struct mac sender = get_mac(p + ARP_SHA), from = get_mac(f->bytes.p + ETH_SRC);
    uint32_t ip = get32(p + ARP_SPA);
    char where[46];

    scope_addr_text(&d->src, where);
    if (!mac_eq(sender, from))
        check_report(k, CHECK_ARP_SENDER, f->number, f->time, where,
                     "%02x:%02x:%02x:%02x:%02x:%02x in a frame of %02x:%02x:%02x:%02x:%02x:%02x",
                     sender.b[0], sender.b[1], sender.b[2], sender.b[3], sender.b[4], sender.b[5],
                     from.b[0], from.b[1], from.b[2], from.b[3], from.b[4], from.b[5]);
    if (ip == 0) /* a probe claims nothing */
        return;
    struct check_arp *a = &k->arp[siphash_table(&k->key, (uint64_t[]){ip}, 1) % CHECK_ARPS];

    if (!a->used || a->ip != ip) {
        *a = (struct check_arp){.ip = ip, .used = true, .mac = sender, .frame = f->number};
    } else if (!mac_eq(a->mac, sender)) {
        bool back = mac_eq(a->before, sender);
        if (!back || !a->told)
            check_report(k, back ? CHECK_ARP_CONFLICT : CHECK_ARP_CHANGE, f->number, f->time, where,
                         "%02x:%02x:%02x:%02x:%02x:%02x, in #%llu %02x:%02x:%02x:%02x:%02x:%02x",
                         sender.b[0], sender.b[1], sender.b[2], sender.b[3], sender.b[4],
                         sender.b[5], (unsigned long long)a->frame, a->mac.b[0], a->mac.b[1],
                         a->mac.b[2], a->mac.b[3], a->mac.b[4], a->mac.b[5]);
        a->told = a->told || back;
        a->before = a->mac;
        a->mac = sender;
    }
    a->frame = f->number;
}

/* --- fragments --- */

static struct check_frag *net_frag_of(struct check *k, const struct dissect *d)
{
    struct check_frag *oldest = &k->frag[0];

    for (unsigned i = 0; i < CHECK_FRAGS; i++) {
        struct check_frag *g = &k->frag[i];
        if (g->used && g->id == d->ip_id && g->proto == d->proto &&
            memcmp(&g->src, &d->src, sizeof(g->src)) == 0 &&
            memcmp(&g->dst, &d->dst, sizeof(g->dst)) == 0)
            return g;
        if (!g->used || (oldest->used && g->age < oldest->age))
            oldest = g;
    }
    *oldest = (struct check_frag){
        .src = d->src, .dst = d->dst, .id = d->ip_id, .proto = d->proto, .used = true};
    return oldest;
}

static void net_fragment(struct check *k, const struct frame *f, const struct dissect *d,
                         const char *where)
{
    struct check_frag *g = net_frag_of(k, d);
    uint32_t from = d->frag_off, to = from + (d->net_len - d->net_hdr_len);

    g->age = ++k->age;
    if (to + d->net_hdr_len > DATAGRAM_MAX)
        check_report(k, CHECK_FRAG_BEYOND, f->number, f->time, where, "it ends at %u", to);
    if (from == 0 && d->proto == IP_PROTO_TCP && to < TCP_HDR_LEN)
        check_report(k, CHECK_FRAG_TINY, f->number, f->time, where, "%u bytes of TCP", to);
    for (unsigned i = 0; i < g->pieces; i++) {
        bool same = g->piece[i].from == from && g->piece[i].to == to;
        if (same)
            return; /* the same again */
        if (from < g->piece[i].to && to > g->piece[i].from && !g->told) {
            g->told = true;
            check_report(k, CHECK_FRAG_OVERLAP, f->number, f->time, where, "%u to %u over %u to %u",
                         from, to, g->piece[i].from, g->piece[i].to);
        }
    }
    if (g->pieces < CHECK_PIECES) {
        g->piece[g->pieces].from = from;
        g->piece[g->pieces++].to = to;
    }
    if (!d->mf && from == 0)
        g->used = false;
}

/* --- addresses and sums --- */

static bool net_is_martian(const struct frame *f, const struct dissect *d)
{
    const uint8_t *a = d->src.b + 12;

    if (d->net == NET_IP6)
        return d->src.b[0] == 0xff;
    bool wire = d->net_at >= ETH_HDR_LEN &&
                !mac_is_zero(get_mac(f->bytes.p)); /* on loopback 127 is right */

    return a[0] >= 224 || (a[0] == 127 && wire);
}

static void net_sums(struct check *k, const struct frame *f, const struct dissect *d,
                     const char *where)
{
    enum dissect_sum ip, up;

    if (d->transport == TRANSPORT_TCP)
        return; /* check_tcp.c */
    dissect_sums(d, f, &ip, &up);
    if (ip == SUM_BAD)
        check_report(k, CHECK_BAD_SUM, f->number, f->time, where, "of the IP header");
    else if (up == SUM_BAD)
        check_report(k, CHECK_BAD_SUM, f->number, f->time, where,
                     d->transport == TRANSPORT_UDP ? "of UDP" : "of ICMP");
}

void check_net(struct check *k, const struct frame *f, const struct dissect *d)
{
    char a[46], b[46], where[120];

    if (d->net == NET_ARP) {
        net_arp(k, f, d);
        return;
    }
    if ((d->net != NET_IP4 && d->net != NET_IP6) || d->cut || d->net_len < d->net_hdr_len)
        return;
    bool fragment = d->mf || d->frag_off != 0, martian = net_is_martian(f, d);
    bool redirect = d->net == NET_IP4 && d->transport == TRANSPORT_ICMP && !fragment &&
                    f->bytes.len > d->transport_at && f->bytes.p[d->transport_at] == ICMP_REDIRECT;

    if (d->transport == TRANSPORT_TCP && !fragment && !martian)
        return; /* most of them */
    snprintf(where, sizeof(where), "%s-%s", scope_addr_text(&d->src, a),
             scope_addr_text(&d->dst, b));
    if (martian)
        check_report(k, CHECK_MARTIAN, f->number, f->time, where, "%s", "");
    if (fragment)
        net_fragment(k, f, d, where);
    if (redirect)
        check_report(k, CHECK_REDIRECT, f->number, f->time, where, "%s", "");
    net_sums(k, f, d, where);
}
