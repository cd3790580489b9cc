/*
 * clock.c - virtual time, and threads that sleep until something happens in it.
 *
 * Time stands still but for three things: usleep() lets as much pass as it is asked for,
 * netdev_receive() as much as the host needs to send something, and every gettimeofday() a
 * microsecond, since packetdrill waits for a moment by asking until it has come. On the way to a
 * later moment the host is called at each of its deadlines, so what it sends has the exact time.
 *
 * A call that blocks really sleeps: packetdrill looks at the thread's state in procfs and goes on
 * only when it sleeps. The thread that changes the host ends the call for it and adds it to
 * `woken`; from then on whoever wants to let time pass waits until the woken thread has asked for
 * the time, which packetdrill does first of all when a call returns. Should a program never ask,
 * WAIT_REAL ends the courtesy.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "interface.h"
#include "plugin.h"

enum { WAIT_REAL = 2 }; /* seconds of the wall's clock */

/* The calling thread's place among the woken, or their count. */
static size_t clock_woken(const struct plugin *g)
{
    size_t i = 0;

    while (i < g->woken_count && !pthread_equal(g->woken[i], pthread_self()))
        i++;
    return i;
}

static void clock_wake(struct plugin *g, struct plugin_wait *w, int64_t result)
{
    w->result = result;
    w->is_done = true;
    if (g->woken_count < PLUGIN_WOKEN)
        g->woken[g->woken_count++] = w->thread;
    pthread_cond_broadcast(&g->wake);
}

/* Try every call that blocks once more. Return: whether one ended. */
static bool clock_retry(struct plugin *g)
{
    struct plugin_wait **at = &g->waits;
    bool ended = false;

    while (*at != NULL) {
        struct plugin_wait *w = *at;
        int64_t v = w->try_it(g, w);

        if (v == PLUGIN_BLOCKS) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        clock_wake(g, w, v);
        ended = true;
    }
    return ended;
}

void plugin_serve(struct plugin *g)
{
    if (!g->is_up)
        return;
    do {
        if (net_deadline(&g->net) <= g->now)
            net_input(&g->net, NULL, 0, g->now);
        wire_pump(g);
    } while (clock_retry(g));
}

void plugin_enter(struct plugin *g)
{
    pthread_mutex_lock(&g->lock);
    size_t i = clock_woken(g);

    if (i < g->woken_count) {
        g->woken[i] = g->woken[--g->woken_count];
        pthread_cond_broadcast(&g->handed);
    }
}

int64_t plugin_leave(struct plugin *g, int64_t v)
{
    plugin_serve(g);
    pthread_mutex_unlock(&g->lock);
    if (v >= 0)
        return v;
    errno = (int)-v;
    return -1;
}

int64_t plugin_call(struct plugin *g, struct plugin_wait *w)
{
    int64_t v = w->try_it(g, w);

    if (v != PLUGIN_BLOCKS)
        return v;
    w->is_again = true;
    w->thread = pthread_self();
    w->next = g->waits;
    g->waits = w;
    plugin_serve(g); /* what was written so far leaves, and may make room */
    while (!w->is_done)
        pthread_cond_wait(&g->wake, &g->lock);
    return w->result;
}

void plugin_release(struct plugin *g, int64_t err)
{
    while (g->waits != NULL) {
        struct plugin_wait *w = g->waits;

        g->waits = w->next;
        clock_wake(g, w, err);
    }
}

/* ---- letting time pass ---- */

/* Wait until every woken thread knows what time it is. */
static void clock_hand(struct plugin *g)
{
    struct timespec until;

    if (g->woken_count == 0)
        return;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_REAL;
    while (g->woken_count > 0) {
        if (pthread_cond_timedwait(&g->handed, &g->lock, &until) == ETIMEDOUT)
            g->woken_count = 0;
    }
}

static net_time clock_next(const struct plugin *g)
{
    net_time next = g->is_up ? net_deadline(&g->net) : NET_NEVER;

    for (const struct plugin_wait *w = g->waits; w != NULL; w = w->next)
        next = net_time_min(next, w->deadline);
    return next;
}

/* Let the next thing happen that is due until @until. Return: false when it is @until now. */
static bool clock_step(struct plugin *g, net_time until)
{
    net_time next = clock_next(g);

    clock_hand(g);
    if (g->now >= until)
        return false;
    if (next <= g->now) /* never still, whatever the host says */
        next = g->now + 1000;
    bool reached = next >= until;

    g->now = reached ? until : next;
    plugin_serve(g);
    clock_hand(g);
    return !reached;
}

static int clock_usleep(void *userdata, useconds_t usec)
{
    struct plugin *g = userdata;

    plugin_enter(g);
    clock_hand(g);
    net_time until = g->now + NET_US(usec);

    while (clock_step(g, until))
        ;
    return (int)plugin_leave(g, 0);
}

static int clock_gettime_now(void *userdata, struct timeval *tv, struct timezone *tz)
{
    struct plugin *g = userdata;

    (void)tz;
    plugin_enter(g);
    clock_hand(g);
    net_time until = g->now + NET_US(1);

    while (clock_step(g, until))
        ;
    if (tv != NULL) {
        tv->tv_sec = (time_t)(g->now / NET_SEC(1));
        tv->tv_usec = (suseconds_t)(g->now % NET_SEC(1) / 1000);
    }
    return (int)plugin_leave(g, 0);
}

/* The next packet, with all the time it takes. Nothing until the horizon: 0 bytes. */
static int clock_receive(void *userdata, void *buf, size_t *count, long long *time_usecs)
{
    struct plugin *g = userdata;

    plugin_enter(g);
    clock_hand(g);
    plugin_serve(g);
    net_time until = g->now + PLUGIN_HORIZON;

    while (g->out_first == NULL && clock_next(g) <= until && clock_step(g, until))
        ;
    struct plugin_out *o = g->out_first;

    if (o == NULL) {
        *count = 0;
        *time_usecs = g->now / 1000;
        return (int)plugin_leave(g, 0);
    }
    g->out_first = o->next;
    if (g->out_first == NULL)
        g->out_last = NULL;
    *count = size_min(*count, o->len);
    memcpy(buf, o->bytes, *count);
    *time_usecs = o->t / 1000;
    free(o);
    return (int)plugin_leave(g, 0);
}

void clock_fill(struct packetdrill_interface *ifc)
{
    ifc->usleep = clock_usleep;
    ifc->gettimeofday = clock_gettime_now;
    ifc->netdev_receive = clock_receive;
}
