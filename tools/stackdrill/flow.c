/*
 * flow.c - connections as the script sees them.
 *
 * Lines without a peer refer to the socket under test: the latest socket(), or the child that the
 * first SYN to it made. A peer of the script has one connection of its own, made by its first
 * packet, so several connections are several peers, at one address or at many.
 */
#include <stdlib.h>
#include <string.h>

#include "run.h"

void run_bytes_add(struct run_bytes *b, const uint8_t *bytes, size_t len)
{
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2;
        b->p = realloc(b->p, b->cap);
        if (b->p == NULL)
            abort();
    }
    if (len > 0)
        memcpy(b->p + b->len, bytes, len);
    b->len += len;
}

uint32_t flow_remote_ip(const struct run *r, const struct script_peer *peer)
{
    return peer != NULL ? peer->ip : r->opt.remote_ip;
}

struct run_flow *flow_new(struct run *r, const struct script_peer *peer)
{
    struct run_flow *f;

    if (r->flow_count == RUN_FLOWS) {
        run_fail(r, "more than %d connections: split the script", RUN_FLOWS);
        return NULL;
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL)
        abort();
    r->flows[r->flow_count++] = f;
    f->peer = peer;
    f->is_used = true;
    f->remote_ip = flow_remote_ip(r, peer);
    f->remote_iss = r->remote_shift;
    return f;
}

struct run_flow *flow_find(struct run *r, uint32_t remote_ip, uint16_t local, uint16_t remote)
{
    for (size_t i = r->flow_count; i-- > 0;) {
        struct run_flow *f = r->flows[i];

        if (f->remote_ip == remote_ip && f->local_port == local && f->remote_port == remote)
            return f;
    }
    return NULL;
}

/* The local port that a packet from outside is for. */
static uint16_t flow_local_port(const struct run *r)
{
    return r->under_test != NULL && r->under_test->port != 0 ? r->under_test->port
                                                             : r->opt.bind_port;
}

struct run_flow *flow_of(struct run *r, const struct script_event *e)
{
    struct run_flow *f = r->current;

    if (e->peer != NULL) {
        f = NULL;
        for (size_t i = 0; i < r->flow_count; i++) {
            if (r->flows[i]->peer == e->peer)
                f = r->flows[i];
        }
    }
    if (f == NULL)
        f = flow_new(r, e->peer);
    if (f == NULL)
        return NULL;
    if (e->peer == NULL)
        r->current = f;
    r->focus = f;
    if (f->local_port == 0 && e->kind == SCRIPT_PACKET && e->packet->direction == SCRIPT_IN)
        f->local_port = flow_local_port(r);
    if (f->remote_port == 0 && e->kind == SCRIPT_PACKET && e->packet->direction == SCRIPT_IN)
        f->remote_port = e->peer != NULL && e->peer->port != 0 ? e->peer->port : r->next_port++;
    return f;
}

bool flow_status(struct run *r, const struct run_flow *f, struct tcp_status *s)
{
    uint32_t at = 0;

    if (f == NULL)
        return false;
    while (tcp_each(&r->net.tcp, &at, s)) {
        if (s->id.lport == f->local_port && s->id.rport == f->remote_port &&
            ip_addr_to_v4(s->id.remote) == f->remote_ip)
            return true;
    }
    return false;
}

void flow_ts_learn(struct run_flow *f, uint32_t script, uint32_t live)
{
    for (uint32_t i = 0; i < f->ts_count; i++) {
        if (f->ts_script[i] == script) {
            f->ts_live[i] = live;
            return;
        }
    }
    if (f->ts_count < RUN_TS_MAP) {
        f->ts_script[f->ts_count] = script;
        f->ts_live[f->ts_count++] = live;
    }
}
