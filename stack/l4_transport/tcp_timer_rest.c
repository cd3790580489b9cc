/*
 * tcp_timer_rest.c - when blocks are packed without anybody asking for one.
 *
 * Whoever takes a block pays for it by packing another (tcp_idle.c). That keeps step with arrivals, but
 * when they end, the blocks of those who came last stay full, some thousands after a rush. So while more
 * than cfg.full_idle are in use one timer looks after them, for all connections together: a *round* goes
 * over the pool from its end to its beginning, a slice at a time, and packs who has said nothing for a
 * second. It stops as soon as there are no more than full_idle, which then are those with low numbers.
 *
 * A host whose blocks cannot be packed (those whose data nobody reads) must not be woken for
 * ever: a round that met nobody who spoke lately, and packed nobody, is followed by one after twice
 * the time, and at last by none. Who takes a block, or speaks and is not among those who always do
 * (tcp_flow_note()), starts it again. So does a round after which somebody still talks.
 *
 * Memory. The round leaves the end of the pool free, and the pool forgets that it was used
 * (slab_shrink()); whoever owns the region can give those pages back (net_spare()). What half of the
 * pool did not free stays: giving back and taking again costs more than it saves. The records of what those blocks
 * had in flight go the same way.
 */
#include "l4_transport/tcp_priv.h"

enum {
    TCP_REST_SLICE = 1024
}; /* places at a time: some 20 us where nobody fits, 200 where all do */

#define TCP_REST_AGE   NET_SEC(1)  /* who has said nothing for so long rests; between two rounds */
#define TCP_REST_PAUSE NET_MS(5)   /* between two slices */
#define TCP_REST_MOST  NET_SEC(64) /* between two rounds in vain; after that there are no more */

static void tcp_rest_arm(struct tcp *tcp, net_time wait)
{
    timer_arm(&tcp->idle_wheel, &tcp->rest.timer, tcp->c->now + wait);
}

/* There are more blocks than are to stay, and somebody was heard of. */
void tcp_rest_begin(struct tcp *tcp)
{
    if (tcp->cfg.idle == 0 || tcp->moved == NULL || tcp->cfg.full_idle == 0)
        return; /* 0: packed at once (tcp_idle_tick) */
    tcp->rest.wait = TCP_REST_AGE;
    tcp->rest.at = 0;
    tcp->rest.is_lively = false;
    tcp_rest_arm(tcp, TCP_REST_AGE);
}

/* The blocks at the end of the pool are free: were they ever used? */
static void tcp_rest_shrink(struct tcp *tcp)
{
    struct slab *pool = &tcp->tcbs;
    uint32_t bound = pool->frontier;

    while (bound > 0 && ((struct tcb *)slab_at(pool, bound - 1))->tcp == NULL)
        bound--;
    if (bound <= pool->frontier / 2)
        slab_shrink(pool, bound);
    tcp_sent_shrink(tcp);
}

/* Nobody in reach is left to look at: when is the next round? */
static void tcp_rest_round_over(struct tcp *tcp)
{
    tcp->rest.wait = tcp->rest.is_lively ? TCP_REST_AGE : 2 * tcp->rest.wait;
    tcp->rest.is_lively = false;
    if (tcp->rest.wait <= TCP_REST_MOST)
        tcp_rest_arm(tcp, tcp->rest.wait);
}

/* A slice of a round. */
void tcp_rest_tick(struct tcp *tcp)
{
    const struct slab *pool = &tcp->tcbs;
    uint32_t places = TCP_REST_SLICE;

    if (tcp->rest.at == 0 || tcp->rest.at > pool->frontier)
        tcp->rest.at = pool->frontier;
    while (tcp->rest.at > 0 && places-- > 0 && pool->used > tcp->cfg.full_idle) {
        struct tcb *t = slab_at(pool, --tcp->rest.at);

        if (t->tcp == NULL)
            continue;
        bool spoke =
            tcp->c->now - t->heard_at < TCP_REST_AGE || tcp->c->now - t->last_sent < TCP_REST_AGE;

        if (spoke || tcp_idle_pack(t))
            tcp->rest.is_lively = true;
    }
    if (pool->used <= tcp->cfg.full_idle)
        tcp_rest_shrink(tcp); /* and that was all, until there are more again */
    else if (tcp->rest.at > 0)
        tcp_rest_arm(tcp, TCP_REST_PAUSE);
    else
        tcp_rest_round_over(tcp);
}
