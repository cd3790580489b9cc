#include "base/pkt.h"

void pkt_pool_cut(struct pkt_pool *pool, struct region *r, uint32_t count, uint32_t cap)
{
    pool->cap = cap;
    slab_cut(&pool->slab, r, sizeof(struct pkt) + cap, count);
}

/* In pieces: for one of this length compilers use a string instruction, which takes longer to start
 * than all of these take. */
static void pkt_clear(struct pkt *p)
{
    enum { PIECE = 64 };
    uint8_t *at = (uint8_t *)p;

    static_assert(sizeof(*p) > 2 * PIECE && sizeof(*p) <= 3 * PIECE, "three pieces");
    memset(at, 0, PIECE);
    memset(at + PIECE, 0, PIECE);
    memset(at + 2 * PIECE, 0, sizeof(*p) - 2 * PIECE);
}

struct pkt *pkt_alloc(struct pkt_pool *pool, uint32_t headroom)
{
    struct pkt *p = slab_alloc(&pool->slab);

    if (p == NULL)
        return NULL;
    NET_ASSERT(headroom <= pool->cap);
    pkt_clear(p);
    p->pool = pool;
    p->buf = (uint8_t *)(p + 1);
    p->cap = pool->cap;
    p->off = headroom;
    p->refs = 1;
    return p;
}

void pkt_release(struct pkt *p)
{
    while (p != NULL) {
        NET_ASSERT(p->refs > 0);
        if (--p->refs > 0)
            return;
        struct pkt *owner = p->owner;

        slab_free(&p->pool->slab, p);
        p = owner;
    }
}

void pkt_trim(struct pkt *p, uint32_t total)
{
    NET_ASSERT(total <= pkt_total(p));
    if (total <= p->len) {
        p->len = total;
        p->ext_len = 0;
    } else {
        p->ext_len = total - p->len;
    }
}

bool pkt_linearize(struct pkt *p)
{
    uint32_t n = p->ext_len;

    if (n == 0)
        return true;
    if (pkt_room(p) < n)
        return false;
    memcpy(p->buf + p->off + p->len, p->ext, n);
    p->len += n;
    p->ext = NULL;
    p->ext_len = 0;
    if (p->owner != NULL) {
        pkt_release(p->owner);
        p->owner = NULL;
    }
    return true;
}

void pkt_copy_out(const struct pkt *p, uint8_t *dst)
{
    memcpy(dst, pkt_data(p), p->len);
    if (p->ext_len > 0)
        memcpy(dst + p->len, p->ext, p->ext_len);
}

uint64_t pkt_csum(const struct pkt *p, uint32_t from, uint64_t sum)
{
    NET_ASSERT(from >= p->off && from <= p->off + p->len);
    uint32_t linear = p->off + p->len - from;

    sum = csum_add(sum, p->buf + from, linear);
    if (p->ext_len == 0)
        return sum;
    return linear % 2 == 0 ? csum_add(sum, p->ext, p->ext_len)
                           : csum_add_odd(sum, p->ext, p->ext_len);
}

void pkt_csum_complete(struct pkt *p)
{
    if (p->csum != CSUM_PARTIAL)
        return;
    uint8_t *field = p->buf + p->csum_start + p->csum_off;
    uint16_t sum = csum_finish(pkt_csum(p, p->csum_start, 0));

    /* UDP writes a computed 0 as 0xffff (RFC 768), since 0 means "none". To TCP both are right, but
     * a plain computation gives 0, and that is what others (Wireshark) expect to see. */
    if (sum == 0 && p->csum_off == PKT_CSUM_OFF_UDP)
        sum = 0xffff;
    field[0] = (uint8_t)(sum >> 8);
    field[1] = (uint8_t)sum;
    p->csum = CSUM_NONE;
}
