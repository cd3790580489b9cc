#include "l1_physical/join.h"

#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip_proto.h"
#include "wire/tcp.h"

enum { JOIN_L3 = ETH_HDR_LEN, JOIN_L4 = ETH_HDR_LEN + IP4_HDR_LEN };
/* Addresses and ports stand side by side, as there are no options between them. */
enum { JOIN_ENDS = JOIN_L3 + IP4_SRC };

/* What is to be known of a frame before any run is looked at. */
struct join_seg {
    const uint8_t *frame;
    uint32_t hdr,
        len;      /* bytes in front of the payload, and of it; len 0: cannot be part of a run */
    bool is_last; /* PSH */
};

enum join_kind {
    JOIN_OTHER,  /* no TCP: concerns no run */
    JOIN_ODD,    /* TCP, but whose? */
    JOIN_SEGMENT /* of the connection whose numbers stand at JOIN_ENDS */
};

static enum join_kind join_look(const struct pkt *p, struct join_seg *s)
{
    const uint8_t *f = pkt_data(p), *ip = f + JOIN_L3, *tcp = f + JOIN_L4;

    if (p->len < JOIN_L4 + TCP_HDR_LEN || get16(f + ETH_TYPE) != ETH_TYPE_IP4 ||
        ip[IP4_PROTO] != IP_PROTO_TCP)
        return JOIN_OTHER;
    if (ip[IP4_VIHL] != 0x45 || (get16(ip + IP4_FRAG) & ~IP4_DF) != 0)
        return JOIN_ODD;
    uint32_t hdr = JOIN_L4 + (uint32_t)(tcp[TCP_OFF] >> 4) * 4;

    *s = (struct join_seg){.frame = f, .hdr = hdr, .is_last = (tcp[TCP_FLAGS] & TCP_PSH) != 0};
    if ((tcp[TCP_FLAGS] & ~TCP_PSH) == TCP_ACK && hdr >= JOIN_L4 + TCP_HDR_LEN && hdr < p->len &&
        get16(ip + IP4_TOTAL) == p->len - JOIN_L3)
        s->len = p->len - hdr;
    return JOIN_SEGMENT;
}

/* Is the transport checksum of @p ours to check, or has it never been on a wire? */
static bool join_is_left(const struct pkt *p)
{
    return p->csum == CSUM_PARTIAL && p->csum_start == p->off + JOIN_L4 && p->csum_off == TCP_SUM;
}

/* Copy the payload of @p to @to and check all of it on the way. Return: whether it is right; *sum is of
 * the payload. */
static bool join_copy(const struct pkt *p, const struct join_seg *s, uint8_t *to, uint64_t *sum)
{
    const uint8_t *ip = s->frame + JOIN_L3, *tcp = s->frame + JOIN_L4;
    struct ip_addr src = ip_addr_v4(get32(ip + IP4_SRC)), dst = ip_addr_v4(get32(ip + IP4_DST));

    if (!ip4_sum_ok(ip, IP4_HDR_LEN))
        return false;
    *sum = csum_copy(0, to, s->frame + s->hdr, s->len);
    if (join_is_left(p))
        return true;
    uint64_t all = csum_pseudo(src, dst, IP_PROTO_TCP, s->hdr - JOIN_L4 + s->len) + *sum;

    return p->csum == CSUM_NONE && csum_fold(csum_add(all, tcp, s->hdr - JOIN_L4)) == 0xffff;
}

/* Does the header of @s say what the first of the run says, but for its number and PSH? */
static bool join_is_alike(const uint8_t *first, const struct join_seg *s)
{
    const uint8_t *one = first + JOIN_L4, *other = s->frame + JOIN_L4;
    uint32_t flags = get32(one + TCP_OFF) ^ get32(other + TCP_OFF); /* and the window */

    return memcmp(first, s->frame, JOIN_L3 + IP4_TOTAL) == 0 && /* link, type of service */
           get32(first + JOIN_L3 + IP4_FRAG) ==
               get32(s->frame + JOIN_L3 + IP4_FRAG) && /* and TTL */
           get32(one + TCP_ACKNO) == get32(other + TCP_ACKNO) &&
           (flags & ~((uint32_t)TCP_PSH << 16)) == 0 &&
           get16(one + TCP_URP) == get16(other + TCP_URP) &&
           memcmp(one + TCP_HDR_LEN, other + TCP_HDR_LEN, s->hdr - JOIN_L4 - TCP_HDR_LEN) == 0;
}

/* A second segment is about to join: move the first to a large packet. Return: whether it is there. */
static bool join_move(struct join_run *r, struct pkt_pool *bigs)
{
    struct pkt *p = *r->at, *big = pkt_alloc(bigs, p->off);
    struct join_seg s = {.frame = pkt_data(p), .hdr = r->hdr, .len = r->size};

    if (big == NULL)
        return false;
    memcpy(pkt_append(big, s.hdr), s.frame, s.hdr);
    if (!join_copy(p, &s, pkt_append(big, s.len), &r->sum)) {
        pkt_release(big);
        return false;
    }
    big->ifi = p->ifi;
    big->csum = CSUM_VERIFIED;
    *r->at = big;
    pkt_release(p);
    r->is_moved = true;
    return true;
}

/* @p is of the connection of @r. Return: whether it has joined the run. */
static bool join_take(struct join_run *r, struct pkt_pool *bigs, const struct pkt *p,
                      const struct join_seg *s)
{
    struct pkt *to = *r->at;
    uint64_t sum;

    if (s->len == 0 || s->len > r->size || get32(s->frame + JOIN_L4 + TCP_SEQ) != r->next ||
        to->len + s->len > JOIN_L3 + JOIN_MAX || !join_is_alike(pkt_data(to), s) ||
        (!r->is_moved && !join_move(r, bigs)))
        return false;
    to = *r->at;
    if (pkt_room(to) < s->len || !join_copy(p, s, pkt_data(to) + to->len, &sum))
        return false;
    if ((to->len - r->hdr) % 2 != 0) { /* what began at an odd byte counts crosswise (RFC 1071) */
        uint16_t folded = csum_fold(sum);

        sum = (uint16_t)(folded << 8 | folded >> 8);
    }
    pkt_append(to, s->len);
    r->sum += sum;
    r->next += s->len;
    r->pieces++;
    if (s->is_last)
        pkt_data(to)[JOIN_L4 + TCP_FLAGS] |= TCP_PSH;
    return true;
}

/* What was joined is complete. */
static void join_finish(const struct join_run *r)
{
    struct pkt *p = *r->at;
    uint8_t *ip = pkt_data(p) + JOIN_L3, *tcp = pkt_data(p) + JOIN_L4;
    struct ip_addr src = ip_addr_v4(get32(ip + IP4_SRC)), dst = ip_addr_v4(get32(ip + IP4_DST));

    if (!r->is_moved)
        return;
    put16(ip + IP4_TOTAL, (uint16_t)(p->len - JOIN_L3));
    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, IP4_HDR_LEN)));
    put16(tcp + TCP_SUM, 0);
    uint64_t sum = csum_pseudo(src, dst, IP_PROTO_TCP, p->len - JOIN_L4) + r->sum;

    put16(tcp + TCP_SUM, csum_finish(csum_add(sum, tcp, r->hdr - JOIN_L4)));
    if (r->pieces > 1)
        p->gso_size = r->size;
}

/* Nothing joins run @i any more. */
static void join_close(struct join *j, unsigned i)
{
    join_finish(&j->run[i]);
    j->run[i] = j->run[--j->count];
}

/* @s begins a run, if it is of the kind. */
static void join_open(struct join *j, struct mac us, const struct join_seg *s, struct pkt **at)
{
    if (s->len < JOIN_MIN || s->is_last || memcmp(s->frame + ETH_DST, us.b, sizeof(us.b)) != 0)
        return;
    if (j->count == JOIN_RUNS) /* one must go, and each in its turn */
        join_close(j, j->turn++ % JOIN_RUNS);
    struct join_run *r = &j->run[j->count++];

    *r = (struct join_run){.size = (uint16_t)s->len,
                           .pieces = 1,
                           .hdr = s->hdr,
                           .next = get32(s->frame + JOIN_L4 + TCP_SEQ) + s->len,
                           .at = at};
    memcpy(r->ends, s->frame + JOIN_ENDS, sizeof(r->ends));
}

bool join_frame(struct join *j, struct mac us, struct pkt_pool *bigs, struct pkt *p,
                struct pkt **at)
{
    struct join_seg s;
    enum join_kind kind = join_look(p, &s);
    unsigned i = j->count;

    if (kind == JOIN_ODD)
        join_end(j);
    if (kind != JOIN_SEGMENT)
        return false;
    while (i > 0 && memcmp(j->run[i - 1].ends, s.frame + JOIN_ENDS, sizeof(j->run[0].ends)) != 0)
        i--;
    if (i > 0) {
        struct join_run *r = &j->run[i - 1];

        if (join_take(r, bigs, p, &s)) {
            if (s.is_last || s.len < r->size)
                join_close(j, i - 1);
            return true;
        }
        join_close(j, i - 1);
    }
    join_open(j, us, &s, at);
    return false;
}

void join_end(struct join *j)
{
    while (j->count > 0)
        join_close(j, j->count - 1);
}
