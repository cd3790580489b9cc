/*
 * wire.c - the other end of the host's cable.
 *
 * Behind it is a router that answers every ARP request, so that no script has to speak of ARP, and
 * behind the router are all peers. Frames that the host sends are kept in their order with their
 * moment until the script asks for them. The rules of `fault` apply here: what is dropped on the
 * way out has not been seen by anybody.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "run.h"
#include "wire/arp.h"
#include "wire/eth.h"

static const struct mac wire_mac = {
    {0x02, 0, 0, 0, 0, 0xfe}
};

static void wire_tap(void *ctx, const struct pkt *p, bool out)
{
    struct run *r = ctx;

    if (r->capture != NULL)
        (void)capture_frame(r->capture, CAPTURE_WIRE, p, out, r->now - r->start);
}

bool wire_up(struct run *r, const struct net_config *cfg)
{
    r->memory_len = net_mem_size(cfg);
    r->memory = mmap(NULL, r->memory_len, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r->memory == MAP_FAILED) {
        r->memory = NULL;
        return run_fail(r, "no memory for a host: %s", strerror(errno));
    }
    int err = net_init(&r->net, cfg, r->memory, r->memory_len);

    if (err < 0)
        return run_fail(r,
                        "the host cannot have this configuration: %s: change --local_ip or "
                        "--gateway_ip",
                        strerror(-err));
    net_set_tap(&r->net, wire_tap, r);
    r->net.core.trace =
        (struct trace){((1u << TRACE_KINDS) - 1) & ~(1u << TRACE_step), run_trace_event, r};
    (void)arp_set(&r->net.ifs[0].arp, cfg->gateway, wire_mac);
    return true;
}

void wire_down(struct run *r)
{
    while (r->out_first != NULL) {
        struct run_frame *f = r->out_first;

        r->out_first = f->next;
        free(f);
    }
    while (r->late != NULL) {
        struct run_late *l = r->late;

        r->late = l->next;
        free(l);
    }
    if (r->memory != NULL)
        munmap(r->memory, r->memory_len);
    r->memory = NULL;
}

/* ---- rules ---- */

static bool wire_rule_fits(const struct script_fault *f, const uint8_t *ip, size_t len, bool is_in)
{
    struct seen s;

    if (!(is_in ? f->inward : f->outward))
        return false;
    if (!f->has_flags)
        return true;
    seen_decode(&s, ip, len, 0);
    return s.proto == 6 && s.flags == f->flags;
}

/* Does the wire misbehave now? NULL: no. */
static const struct script_fault *wire_rule(struct run *r, const uint8_t *ip, size_t len,
                                            bool is_in)
{
    for (size_t i = 0; i < r->fault_count; i++) {
        struct run_fault *f = &r->faults[i];

        if (!wire_rule_fits(f->rule, ip, len, is_in))
            continue;
        f->met++;
        if (f->rule->when == SCRIPT_FAULT_NEXT && f->met <= f->rule->count)
            return f->rule;
        if (f->rule->when == SCRIPT_FAULT_EVERY && f->met % f->rule->count == 0)
            return f->rule;
        if (f->rule->when == SCRIPT_FAULT_CHANCE) {
            r->chance = r->chance * 6364136223846793005ull + 1442695040888963407ull;
            if ((r->chance >> 33) % 1000000 < f->rule->chance_ppm)
                return f->rule;
        }
    }
    return NULL;
}

/* ---- out ---- */

static void wire_keep(struct run *r, const uint8_t *ip, size_t len, uint64_t number)
{
    struct run_frame *f = malloc(sizeof(*f) + len);

    if (f == NULL)
        abort(); /* a tool has nothing better to do then */
    *f = (struct run_frame){.t = r->now, .number = number, .len = len};
    memcpy(f->bytes, ip, len);
    if (r->out_last != NULL)
        r->out_last->next = f;
    else
        r->out_first = f;
    r->out_last = f;
}

static void wire_give(struct run *r, const uint8_t *frame, size_t len)
{
    struct pkt *p = len + PKT_HEADROOM <= r->net.core.pkts.cap
                        ? net_pkt(&r->net)
                        : pkt_alloc(&r->net.core.bigs, PKT_HEADROOM);

    if (p == NULL || pkt_room(p) < len) {
        pkt_release(p);
        return;
    }
    memcpy(pkt_append(p, (uint32_t)len), frame, len);
    net_input(&r->net, &p, 1, r->now);
}

/* Who asks for a neighbour's address is told. */
static void wire_arp(struct run *r, const uint8_t *frame, size_t len)
{
    uint8_t reply[60] = {0};
    const uint8_t *arp = frame + 14;

    if (len < 42 || get16(arp + 6) != 1 || memcmp(arp + 14, arp + 24, 4) == 0)
        return;
    memcpy(reply, frame + 6, 6);
    put_mac(reply + 6, wire_mac);
    memcpy(reply + 12, frame + 12, 8); /* type, and the first fields of ARP */
    put16(reply + 20, 2);
    put_mac(reply + 22, wire_mac);
    memcpy(reply + 28, arp + 24, 4);
    memcpy(reply + 32, arp + 8, 10);
    wire_give(r, reply, sizeof(reply));
}

static void wire_frame(struct run *r, struct pkt *p)
{
    static uint8_t bytes[65536 + 64];
    size_t len = pkt_total(p);

    pkt_csum_complete(p);
    if (len > sizeof(bytes) || len < 34) {
        pkt_release(p);
        return;
    }
    pkt_copy_out(p, bytes);
    uint64_t number = p->frame;

    pkt_release(p);
    if (get16(bytes + 12) == ETH_TYPE_ARP) {
        wire_arp(r, bytes, len);
        return;
    }
    len = size_min(len - 14, get16(bytes + 16)); /* without the padding of short frames */
    const struct script_fault *f = wire_rule(r, bytes + 14, len, false);

    if (f != NULL && (f->what == SCRIPT_FAULT_DROP || f->what == SCRIPT_FAULT_CORRUPT))
        return; /* a peer refuses what is corrupt, as if it had never come */
    wire_keep(r, bytes + 14, len, number);
    if (f != NULL && f->what == SCRIPT_FAULT_DELAY)
        r->out_last->t += f->delay_ns;
    if (f != NULL && f->what == SCRIPT_FAULT_DUPLICATE)
        wire_keep(r, bytes + 14, len, number);
}

void wire_pump(struct run *r)
{
    struct pkt *out[32];
    size_t count;

    while ((count = net_output(&r->net, out, ARRAY_LEN(out), r->now)) > 0) {
        for (size_t i = 0; i < count; i++)
            wire_frame(r, out[i]);
    }
    if (r->capture != NULL)
        (void)capture_flush(r->capture);
}

/* Answers to packets with ports given by hand are not looked at, nor are other peers' frames that
 * the script has forgotten: old sockets may still say goodbye. */
static bool wire_is_hidden(struct run *r, const struct run_frame *f)
{
    struct seen s;

    seen_decode(&s, f->bytes, f->len, f->t);
    if (s.is_short || s.frag_off != 0 || s.mf || (s.proto != 6 && s.proto != 17))
        return false;
    if (r->strays[s.dport / 8] & 1u << s.dport % 8)
        return true;
    const struct run_flow *flow = flow_find(r, s.dst, s.sport, s.dport);

    return flow != NULL && flow->peer == NULL && flow != r->current;
}

struct run_frame *wire_next(struct run *r)
{
    for (;;) {
        struct run_frame *f = r->out_first;

        if (f == NULL || f->t > r->now)
            return NULL;
        r->out_first = f->next;
        if (r->out_first == NULL)
            r->out_last = NULL;
        if (!wire_is_hidden(r, f))
            return f;
        free(f);
    }
}

/* ---- in ---- */

static void wire_now(struct run *r, const uint8_t *ip, size_t len)
{
    uint8_t *frame = malloc(len + 14);

    if (frame == NULL)
        abort();
    put_mac(frame, r->net.ifs[0].eth.mac);
    put_mac(frame + 6, wire_mac);
    put16(frame + 12, ETH_TYPE_IP4);
    memcpy(frame + 14, ip, len);
    wire_give(r, frame, len + 14);
    free(frame);
    wire_pump(r);
}

static void wire_later(struct run *r, const uint8_t *ip, size_t len, net_time at)
{
    struct run_late *l = malloc(sizeof(*l) + len), **to = &r->late;

    if (l == NULL)
        abort();
    l->at = at;
    l->len = len;
    memcpy(l->bytes, ip, len);
    while (*to != NULL && (*to)->at <= at)
        to = &(*to)->next;
    l->next = *to;
    *to = l;
}

void wire_in(struct run *r, const uint8_t *ip, size_t len)
{
    const struct script_fault *f = wire_rule(r, ip, len, true);
    uint8_t *copy;

    switch (f == NULL ? SCRIPT_FAULT_NONE : f->what) {
    case SCRIPT_FAULT_DROP:
        return;
    case SCRIPT_FAULT_CORRUPT:
        copy = malloc(len);
        if (copy == NULL)
            abort();
        memcpy(copy, ip, len);
        copy[len - 1] ^= 0x10; /* of the transport's part: its checksum must notice */
        wire_now(r, copy, len);
        free(copy);
        return;
    case SCRIPT_FAULT_DELAY:
        wire_later(r, ip, len, r->now + f->delay_ns);
        return;
    case SCRIPT_FAULT_DUPLICATE:
        wire_now(r, ip, len);
        break;
    case SCRIPT_FAULT_NONE:
        break;
    }
    wire_now(r, ip, len);
}

net_time wire_deadline(const struct run *r)
{
    net_time at = r->late == NULL ? NET_NEVER : r->late->at;

    /* A frame that was delayed on its way out arrives at the peers later than it was sent. */
    if (r->out_first != NULL && r->out_first->t > r->now)
        at = net_time_min(at, r->out_first->t);
    return at;
}

void wire_deliver(struct run *r)
{
    while (r->late != NULL && r->late->at <= r->now) {
        struct run_late *l = r->late;

        r->late = l->next;
        wire_now(r, l->bytes, l->len);
        free(l);
    }
}
