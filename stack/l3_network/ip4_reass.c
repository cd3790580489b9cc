/*
 * ip4_reass.c - put fragments together (RFC 791 section 3.2, RFC 1122 section 3.3.2).
 *
 * RFC 815 keeps a list of holes; its aim is that fragments may come in any order, overlap and be
 * repeated. Here the aim is the same but for overlaps, which no honest sender makes and which were
 * the tool of teardrop and its kin: a datagram with an overlap is given up as a whole, as RFC 5722
 * demands for IPv6. Then a bitmap of 8-byte blocks says all there is to know, and a fragment costs
 * the same whatever came before it (FragmentSmack).
 *
 * The datagram is assembled in place, in a packet of 64 KiB, which at the end *is* the datagram: the
 * data go where they belong, the header of fragment 0 goes in front of them. A slot describes one
 * unfinished datagram: key (source, destination, protocol, identification), how many bytes are here
 * (`got`), how far they reach (`top`), and where the end is once the last fragment has told it. As
 * nothing overlaps, got == end means complete.
 *
 * Invariants: bits are set only below `top`; a slot without a packet (p == NULL) was given up and
 * waits for its timeout only to refuse the rest of its datagram for the same reason; slots stand in
 * the order of their birth, and as all live equally long, the oldest is always the next to time out
 * (RFC 1122: the timer starts with the first fragment and is not prolonged).
 *
 * Limits: ip_config.reass_slots datagrams, reass_per_source of one sender. A new one evicts the
 * sender's oldest when the sender has too many, else the oldest of all: a flood of first fragments
 * then costs the flooder first. When no packet is left the oldest gives up its own.
 *
 * Equal bytes again are a duplicate and harmless. Data beyond the end, or two different ends, make
 * the datagram inconsistent: given up. Fragments that cut or rewrite a transport header are refused
 * one by one (RFC 1858, RFC 3128): a first fragment shorter than that header, a TCP fragment at
 * offset 8. If any fragment was marked CE the datagram is (RFC 3168 section 5.3).
 */
#include "base/list.h"
#include "l3_network/ip4.h"
#include "wire/tcp.h"

enum {
    REASS_BLOCKS = 65536 / 8,
    REASS_WORDS = REASS_BLOCKS / 64,
    REASS_BASE = PKT_HEADROOM /* where the data begin in the packet's buffer */
};

enum ip4_reass_order { REASS_AGE, REASS_SOURCE, REASS_ORDERS };

struct ip4_reass_source {
    struct hash_node node;
    uint32_t addr, count;
    struct ip4_reass_list slots;
};

struct ip4_reass_slot {
    struct hash_node node;
    struct ip4_reass_slot *next[REASS_ORDERS], *prev[REASS_ORDERS]; /* newer, older */
    struct ip4_reass_source *source;
    net_time born;
    struct pkt *p;
    uint32_t src, dst;
    uint16_t id;
    uint8_t proto;
    uint8_t hdr_len;        /* of fragment 0, whose header stands in front of the data */
    uint16_t first_len;     /* data bytes of fragment 0; 0: it is not here */
    uint32_t got, top, end; /* bytes; end 0: not known */
    bool ce, not_ect;       /* a fragment came with this mark (RFC 3168 section 5.3) */
    enum verdict given_up;
};

void ip4_reass_cut(struct ip4_reass *ra, struct region *r, uint32_t slots)
{
    slab_cut(&ra->slots, r, sizeof(struct ip4_reass_slot), slots);
    slab_cut(&ra->sources, r, sizeof(struct ip4_reass_source), slots);
    hash_cut(&ra->by_key, r, slots);
    hash_cut(&ra->by_source, r, slots);
    ra->bits = region_cut(r, (size_t)slots * REASS_WORDS * sizeof(uint64_t), 64);
}

/* ---- Lists: from the oldest to the newest ---- */

static void reass_list_add(struct ip4_reass_list *l, struct ip4_reass_slot *s,
                           enum ip4_reass_order o)
{
    LIST_APPEND(l->oldest, l->newest, s, prev[o], next[o]);
}

static void reass_list_del(struct ip4_reass_list *l, struct ip4_reass_slot *s,
                           enum ip4_reass_order o)
{
    LIST_REMOVE(l->oldest, l->newest, s, prev[o], next[o]);
}

/* ---- The bitmap of a slot ---- */

static uint64_t *reass_bits(const struct ip4_reass *ra, const struct ip4_reass_slot *s)
{
    return ra->bits + (size_t)slab_index(&ra->slots, s) * REASS_WORDS;
}

/* The bits of word @w that belong to blocks @from ... @to - 1. */
static uint64_t reass_mask(uint32_t w, uint32_t from, uint32_t to)
{
    uint64_t mask = UINT64_MAX;

    if (from > w * 64)
        mask <<= from - w * 64;
    if (to < w * 64 + 64)
        mask &= UINT64_MAX >> (w * 64 + 64 - to);
    return mask;
}

enum reass_held { REASS_NONE, REASS_ALL, REASS_SOME };

static enum reass_held reass_held(const uint64_t *bits, uint32_t from, uint32_t to)
{
    bool all = true, none = true;

    for (uint32_t w = from / 64; w * 64 < to; w++) {
        uint64_t mask = reass_mask(w, from, to);

        all = all && (bits[w] & mask) == mask;
        none = none && (bits[w] & mask) == 0;
    }
    return none ? REASS_NONE : all ? REASS_ALL : REASS_SOME;
}

static void reass_hold(uint64_t *bits, uint32_t from, uint32_t to)
{
    for (uint32_t w = from / 64; w * 64 < to; w++)
        bits[w] |= reass_mask(w, from, to);
}

/* ---- Slots ---- */

static uint32_t reass_key_hash(const struct ip_layer *ip, uint32_t src, uint32_t dst, uint8_t proto,
                               uint16_t id)
{
    uint64_t words[2] = {(uint64_t)src << 32 | dst, (uint64_t)proto << 16 | id};

    return siphash_table(&ip->c->key, words, 2);
}

static uint32_t reass_source_hash(const struct ip_layer *ip, uint32_t src)
{
    uint64_t word = src;

    return siphash_table(&ip->c->key, &word, 1);
}

static struct ip4_reass_slot *reass_find(const struct ip4_reass *ra, const struct ip4_hdr *h,
                                         uint32_t hash)
{
    for (struct hash_node *n = hash_first(&ra->by_key, hash); n != NULL; n = n->next) {
        struct ip4_reass_slot *s = container_of(n, struct ip4_reass_slot, node);

        if (s->src == h->src && s->dst == h->dst && s->id == h->id && s->proto == h->proto)
            return s;
    }
    return NULL;
}

static struct ip4_reass_source *reass_source_find(const struct ip4_reass *ra, uint32_t src,
                                                  uint32_t hash)
{
    for (struct hash_node *n = hash_first(&ra->by_source, hash); n != NULL; n = n->next) {
        struct ip4_reass_source *so = container_of(n, struct ip4_reass_source, node);

        if (so->addr == src)
            return so;
    }
    return NULL;
}

/* The packet goes, the slot stays; only what was used of the bitmap is cleared. */
static void reass_drop_data(struct ip4_reass *ra, struct ip4_reass_slot *s)
{
    uint32_t words = (s->top + 511) / 512;

    memset(reass_bits(ra, s), 0, words * sizeof(uint64_t));
    s->top = 0;
    pkt_release(s->p);
    s->p = NULL;
}

static enum verdict reass_give_up(struct ip4_reass *ra, struct ip4_reass_slot *s, enum verdict why)
{
    s->given_up = why;
    reass_drop_data(ra, s);
    return why;
}

static void reass_free(struct ip4_reass *ra, struct ip4_reass_slot *s)
{
    struct ip4_reass_source *so = s->source;

    reass_drop_data(ra, s);
    hash_del(&ra->by_key, &s->node);
    reass_list_del(&ra->age, s, REASS_AGE);
    reass_list_del(&so->slots, s, REASS_SOURCE);
    if (--so->count == 0) {
        hash_del(&ra->by_source, &so->node);
        slab_free(&ra->sources, so);
    }
    slab_free(&ra->slots, s);
}

static void reass_evict(struct ip_layer *ip, struct ip4_reass_slot *s)
{
    if (s->p != NULL) /* else it was refused already */
        net_drop(ip->c, s->p, V_DROP_IP4_FRAG_EVICTED);
    reass_free(&ip->reass, s);
}

/* A packet to assemble in; the oldest unfinished datagram gives up its own when none is left. */
static struct pkt *reass_pkt(struct ip_layer *ip)
{
    struct pkt *p = pkt_alloc(&ip->c->bigs, REASS_BASE);

    if (p != NULL)
        return p;
    struct ip4_reass_slot *s = ip->reass.age.oldest;

    while (s != NULL && s->p == NULL)
        s = s->next[REASS_AGE];
    if (s == NULL)
        return NULL;
    reass_evict(ip, s);
    return pkt_alloc(&ip->c->bigs, REASS_BASE);
}

static struct ip4_reass_slot *reass_new(struct ip_layer *ip, const struct pkt *frag,
                                        const struct ip4_hdr *h, uint32_t hash)
{
    struct ip4_reass *ra = &ip->reass;
    uint32_t src_hash = reass_source_hash(ip, h->src);
    struct ip4_reass_source *so = reass_source_find(ra, h->src, src_hash);

    if (so != NULL && so->count >= ip->cfg.reass_per_source)
        reass_evict(ip, so->slots.oldest);
    else if (ra->slots.used == ra->slots.count && ra->age.oldest != NULL)
        reass_evict(ip, ra->age.oldest);
    struct pkt *p = reass_pkt(ip);

    if (p == NULL)
        return NULL;
    struct ip4_reass_slot *s = slab_alloc(&ra->slots);

    if (s == NULL) { /* only when there are no slots at all */
        pkt_release(p);
        return NULL;
    }
    so = reass_source_find(ra, h->src, src_hash); /* an eviction may have taken it */
    if (so == NULL) {
        so = slab_alloc(&ra->sources);
        NET_ASSERT(so != NULL); /* there are never more sources than slots */
        *so = (struct ip4_reass_source){.addr = h->src};
        hash_add(&ra->by_source, &so->node, src_hash);
    }
    *s = (struct ip4_reass_slot){
        .source = so,
        .born = ip->c->now,
        .p = p,
        .src = h->src,
        .dst = h->dst,
        .id = h->id,
        .proto = h->proto,
        .given_up = V_DONE,
    };
    so->count++;
    hash_add(&ra->by_key, &s->node, hash);
    reass_list_add(&ra->age, s, REASS_AGE);
    reass_list_add(&so->slots, s, REASS_SOURCE);
    p->src = frag->src;
    p->dst = frag->dst;
    p->proto = h->proto;
    return s;
}

/* ---- A fragment ---- */

/* What one fragment alone can show to be wrong. */
static enum verdict reass_check(const struct ip_layer *ip, const struct ip4_hdr *h, uint32_t len)
{
    if (len == 0 || (h->mf && len % 8 != 0))
        return V_DROP_IP4_FRAG_EMPTY;
    if (h->frag_off + len > UINT16_MAX - (uint32_t)h->hdr_len ||
        REASS_BASE + h->frag_off + len > ip->c->bigs.cap)
        return V_DROP_IP4_FRAG_TOO_LONG;
    if (h->proto == IP_PROTO_TCP && (h->frag_off == 8 || (h->frag_off == 0 && len < TCP_HDR_LEN)))
        return V_DROP_IP4_FRAG_TINY; /* RFC 1858 sections 3.2 and 4, RFC 3128 */
    return V_NEXT;
}

/* Do the fragments agree where the datagram ends? */
static bool reass_end_agrees(const struct ip4_reass_slot *s, const struct ip4_hdr *h, uint32_t to)
{
    if (!h->mf)
        return s->end == 0 ? to >= s->top : to == s->end;
    return s->end == 0 || to < s->end; /* more is to follow, so it cannot reach the end */
}

static enum verdict reass_store(struct ip4_reass *ra, struct ip4_reass_slot *s,
                                const struct ip4_hdr *h, struct span data)
{
    uint32_t to = h->frag_off + (uint32_t)data.len;
    uint32_t from_block = h->frag_off / 8, to_block = (to + 7) / 8;
    uint8_t *at = s->p->buf + REASS_BASE + h->frag_off;
    uint64_t *bits = reass_bits(ra, s);

    if (!reass_end_agrees(s, h, to))
        return reass_give_up(ra, s, V_DROP_IP4_FRAG_END);
    switch (reass_held(bits, from_block, to_block)) {
    case REASS_ALL:
        if (memcmp(at, data.p, data.len) == 0)
            return V_DROP_IP4_FRAG_DUPLICATE;
        return reass_give_up(ra, s, V_DROP_IP4_FRAG_OVERLAP);
    case REASS_SOME:
        return reass_give_up(ra, s, V_DROP_IP4_FRAG_OVERLAP);
    case REASS_NONE:
        break;
    }
    reass_hold(bits, from_block, to_block);
    memcpy(at, data.p, data.len);
    s->got += (uint32_t)data.len;
    s->top = u32_max(s->top, to);
    if (!h->mf)
        s->end = to;
    return V_DONE;
}

/* Header and @data_len bytes of data as a packet, with the facts of @frag about where it came from. */
static void reass_dress(struct ip4_reass_slot *s, const struct pkt *frag, uint32_t data_len)
{
    struct pkt *p = s->p;

    p->off = REASS_BASE - (uint32_t)s->hdr_len;
    p->len = s->hdr_len + data_len;
    p->l2 = p->l3 = (uint16_t)p->off;
    p->l4 = REASS_BASE;
    p->tos = p->buf[p->off + IP4_TOS];
    p->ttl = p->buf[p->off + IP4_TTL];
    p->ifi = frag->ifi;
    p->l2_cast = frag->l2_cast;
    p->l3_cast = frag->l3_cast;
    p->l2_src = frag->l2_src;
    p->ethertype = frag->ethertype;
    p->frame = frag->frame;
}

/* The header of fragment 0 becomes that of the whole. */
static void reass_finish(struct ip4_reass_slot *s)
{
    uint8_t *hdr = pkt_data(s->p);

    put16(hdr + IP4_TOTAL, (uint16_t)s->p->len);
    put16(hdr + IP4_FRAG, 0);
    if (s->ce) {
        s->p->tos |= 3;
        hdr[IP4_TOS] = s->p->tos;
    }
    put16(hdr + IP4_SUM, 0);
    put16(hdr + IP4_SUM, csum_finish(csum_add(0, hdr, s->hdr_len)));
}

enum verdict ip4_reass_input(struct ip_layer *ip, struct pkt **pp, const struct ip4_hdr *h)
{
    struct ip4_reass *ra = &ip->reass;
    struct pkt *frag = *pp;
    struct span data = {pkt_data(frag) + h->hdr_len, (size_t)h->total - h->hdr_len};
    enum verdict v = reass_check(ip, h, (uint32_t)data.len);

    if (v != V_NEXT)
        return v;
    uint32_t hash = reass_key_hash(ip, h->src, h->dst, h->proto, h->id);
    struct ip4_reass_slot *s = reass_find(ra, h, hash);

    if (s != NULL && ip->c->now - s->born >= ip->cfg.reass_timeout) {
        ip4_reass_tick(ip, ip->c->now); /* its time is over, though nobody has called yet */
        s = NULL;
    }
    if (s == NULL)
        s = reass_new(ip, frag, h, hash);
    if (s == NULL)
        return V_DROP_PKT_POOL;
    if (s->p == NULL)
        return s->given_up;
    if ((v = reass_store(ra, s, h, data)) != V_DONE)
        return v;
    s->ce = s->ce || (h->tos & 3) == 3;
    s->not_ect = s->not_ect || (h->tos & 3) == 0;
    if (h->frag_off == 0) {
        s->hdr_len = h->hdr_len;
        s->first_len = (uint16_t)data.len;
        memcpy(s->p->buf + REASS_BASE - h->hdr_len, pkt_data(frag), h->hdr_len);
        reass_dress(s, frag, s->first_len);
    }
    if (s->got != s->end)
        return V_DONE;
    if (s->end + s->hdr_len > UINT16_MAX) /* fragment 0 had more options than the others */
        return reass_give_up(ra, s, V_DROP_IP4_FRAG_TOO_LONG);
    if (s->ce && s->not_ect) /* congestion must be heard of, and a mark would not be understood */
        return reass_give_up(ra, s, V_DROP_IP4_FRAG_ECN);
    reass_dress(s, frag, s->end);
    reass_finish(s);
    *pp = pkt_keep(s->p);
    pkt_release(frag);
    reass_free(ra, s);
    ra->reassembled++;
    return V_NEXT;
}

/* ---- Time ---- */

void ip4_reass_tick(struct ip_layer *ip, net_time now)
{
    struct ip4_reass_slot *s;

    while ((s = ip->reass.age.oldest) != NULL && now - s->born >= ip->cfg.reass_timeout) {
        if (s->p != NULL) {
            if (s->first_len > 0) /* as it came: header and data of fragment 0 */
                icmp4_error(ip, s->p, ICMP4_TIME_EXCEEDED, ICMP4_REASSEMBLY, 0);
            net_drop(ip->c, s->p, V_DROP_IP4_FRAG_TIMEOUT);
        }
        reass_free(&ip->reass, s);
    }
}

net_time ip4_reass_deadline(const struct ip_layer *ip)
{
    const struct ip4_reass_slot *s = ip->reass.age.oldest;

    return s == NULL ? NET_NEVER : s->born + ip->cfg.reass_timeout;
}
