/*
 * poll.c - readiness, as epoll tells it: poll_wait() costs what it reports.
 *
 * The layers below note on core->ready who has news, never what it is. poll_wait() first hands
 * these notes out: a socket with news goes to the end of the ready list of its poll set, once. Then
 * it takes the list from the front and asks each socket what holds now. A socket with nothing
 * wanted leaves the list; news will bring it back. One that is reported leaves it as well if it is
 * watched for edges; watched for levels it goes to the end and is asked again next time, so that a
 * level is reported as long as it holds, and sockets behind @max are not starved.
 *
 * Invariant: a socket for which something wanted holds is on the list, or on core->ready, or
 * was reported as an edge. Whatever makes an event true without a word from below (poll_add,
 * poll_mod, shutdown, an option) therefore calls poll_touch().
 *
 * Sockets are linked by their numbers, which keeps the record in half a cache line. What is idle is
 * never looked at, except by poll_close(), which must find the members of its set.
 */
#include <errno.h>

#include "l5_session/sock_priv.h"

static void poll_push(struct socks *s, struct poll_set *set, struct sock *k)
{
    uint32_t i = slab_index(&s->slab, k);

    k->listed = true;
    k->next = SOCK_NONE;
    k->prev = set->last;
    if (set->last != SOCK_NONE)
        ((struct sock *)slab_at(&s->slab, set->last))->next = i;
    else
        set->first = i;
    set->last = i;
    set->count++;
}

static void poll_unlist(struct socks *s, struct poll_set *set, struct sock *k)
{
    if (!k->listed)
        return;
    NET_ASSERT(set->count > 0);
    if (k->prev != SOCK_NONE)
        ((struct sock *)slab_at(&s->slab, k->prev))->next = k->next;
    else
        set->first = k->next;
    if (k->next != SOCK_NONE)
        ((struct sock *)slab_at(&s->slab, k->next))->prev = k->prev;
    else
        set->last = k->prev;
    k->listed = false;
    set->count--;
}

void poll_touch(struct socks *s, struct sock *k)
{
    if (k->set != 0 && !k->listed)
        poll_push(s, &s->sets[k->set - 1], k);
}

void poll_forget(struct socks *s, struct sock *k)
{
    if (k->set == 0)
        return;
    poll_unlist(s, &s->sets[k->set - 1], k);
    k->set = 0;
}

/* Hand the notes of the layers below out to the sets. */
static void poll_drain(struct socks *s)
{
    struct ready *r;

    while ((r = ready_pop(&s->c->ready)) != NULL) {
        struct sock *k = r->owner <= INT32_MAX ? sock_at(s, (int)r->owner) : NULL;

        NET_ASSERT(k != NULL); /* whoever closes a socket takes it off core->ready */
        poll_touch(s, k);
    }
}

static struct poll_set *poll_at(struct socks *s, int pd)
{
    return pd >= 0 && (uint32_t)pd < s->set_count && s->sets[pd].open ? &s->sets[pd] : NULL;
}

int poll_open(struct socks *s)
{
    for (uint32_t i = 0; i < s->set_count; i++) {
        if (s->sets[i].open)
            continue;
        s->sets[i] = (struct poll_set){.open = true, .first = SOCK_NONE, .last = SOCK_NONE};
        return (int)i;
    }
    return -EMFILE;
}

void poll_close(struct socks *s, int pd)
{
    struct poll_set *set = poll_at(s, pd);

    if (set == NULL)
        return;
    for (uint32_t i = 0; i < s->slab.frontier; i++) {
        struct sock *k = sock_at(s, (int)i);

        if (k != NULL && k->set == pd + 1)
            poll_forget(s, k);
    }
    set->open = false;
}

int poll_add(struct socks *s, int pd, int sd, unsigned events, enum poll_mode mode, uint64_t cookie)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL || poll_at(s, pd) == NULL)
        return -EBADF;
    if (k->set != 0)
        return -EEXIST;
    k->set = (uint8_t)(pd + 1);
    k->want = (uint8_t)events;
    k->edge = mode == POLL_EDGE;
    k->cookie = cookie;
    poll_touch(s, k);
    return 0;
}

int poll_mod(struct socks *s, int pd, int sd, unsigned events)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL || poll_at(s, pd) == NULL)
        return -EBADF;
    if (k->set != pd + 1)
        return -ENOENT;
    k->want = (uint8_t)events;
    poll_touch(s, k);
    return 0;
}

int poll_del(struct socks *s, int pd, int sd)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL || poll_at(s, pd) == NULL)
        return -EBADF;
    if (k->set != pd + 1)
        return -ENOENT;
    poll_forget(s, k);
    return 0;
}

static unsigned poll_events_tcp(const struct tcb *t)
{
    unsigned ev = 0;

    if (tcp_readable(t))
        ev |= SOCK_IN;
    if (tcp_writable(t))
        ev |= SOCK_OUT;
    if (t->error != 0)
        ev |= SOCK_ERR | SOCK_IN | SOCK_OUT; /* a call of either kind tells more */
    if (tcp_is_urgent(t))
        ev |= SOCK_PRI;
    if (t->fin_received || t->rcv_shut)
        ev |= SOCK_RDHUP | SOCK_IN;
    if (tcp_is_over(t))
        ev |= SOCK_HUP | SOCK_IN;
    return ev;
}

static unsigned poll_events_of(const struct sock *k)
{
    switch (k->state) {
    case SOCK_TCP_CONN:
        return poll_events_tcp(k->as.t);
    case SOCK_TCP_IDLE: /* nothing has come but perhaps the end, and nothing waits to be sent */
        return SOCK_OUT | (tcp_idle_is_at_end(k->as.idle) ? SOCK_IN | SOCK_RDHUP : 0u);
    case SOCK_TCP_LISTEN:
        return k->as.l->first != NULL ? SOCK_IN : 0;
    case SOCK_UDP:
        return (udp_readable(k->as.u) ? SOCK_IN : 0u) | SOCK_OUT |
               (k->as.u->error != 0 ? SOCK_ERR : 0u) | (k->rd_shut ? SOCK_IN | SOCK_RDHUP : 0u) |
               (k->rd_shut && k->wr_shut ? SOCK_HUP : 0u);
    default: /* a TCP socket that has not been put to use */
        return 0;
    }
}

unsigned poll_events(struct socks *s, int sd)
{
    const struct sock *k = sock_at(s, sd);

    return k == NULL ? 0 : poll_events_of(k);
}

/* Those events of @k that its watcher is told of. */
static unsigned poll_news(const struct sock *k)
{
    return poll_events_of(k) & (k->want | (unsigned)SOCK_ERR | SOCK_HUP);
}

int poll_wait(struct socks *s, int pd, struct poll_event *out, int max)
{
    struct poll_set *set = poll_at(s, pd);
    int n = 0;

    if (set == NULL)
        return -EBADF;
    poll_drain(s);
    /* Those put back at the end are not met again: only as many as there are now. */
    for (uint32_t left = set->count; left > 0 && n < max; left--) {
        uint32_t i = set->first;
        struct sock *k = slab_at(&s->slab, i);
        unsigned ev = poll_news(k);

        poll_unlist(s, set, k);
        if (ev == 0)
            continue;
        out[n++] = (struct poll_event){.cookie = k->cookie, .sd = (int)i, .events = ev};
        if (!k->edge)
            poll_push(s, set, k);
    }
    return n;
}

bool sock_pending(struct socks *s)
{
    poll_drain(s);
    for (uint32_t i = 0; i < s->set_count; i++) {
        struct poll_set *set = &s->sets[i];

        while (set->open && set->first != SOCK_NONE) {
            struct sock *k = slab_at(&s->slab, set->first);

            if (poll_news(k) != 0)
                return true;
            poll_unlist(s, set, k);
        }
    }
    return false;
}
