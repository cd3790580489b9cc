/*
 * loop.c - wait, read, process, write.
 *
 *     port -> bad wire (rx) -> net_input -> services -> net_output -> bad wire (tx) -> port
 *
 * There is no tick: the loop sleeps until a frame, a signal or a client of the control socket
 * comes, or the earliest deadline of the stack, the services, the bad wire and the control socket.
 * An idle host uses no processor.
 *
 * Never ask before reading. A read says itself that there is nothing, so poll(2) is called only when
 * a read has just said so, and there is nothing else to do; while frames keep coming, signals and
 * clients are looked at once a millisecond. A round reads at most one batch and writes at most one:
 * a long burst outwards lets the ACKs in that it causes, before they overrun the device's queue.
 *
 * Going to sleep and being woken costs tens of microseconds, most of it in waking a processor that
 * went to sleep as well. With --busy-poll the loop reads on for a while before it sleeps. The while
 * adapts, so that it is spent only where it pays: looking on in vain halves it, down to nothing;
 * a frame that comes so soon after falling asleep that looking on would have met it restores it.
 * With --stay-awake we sleep and the processors do not, until frames have not come for a while.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "l1_physical/offload.h"
#include "pages.h"
#include "stackd.h"

/* How long connections may take to end after the first signal. */
#define LOOP_STOP_TIME NET_SEC(1)
/* While frames keep coming, how often to look at signals and the control socket. */
#define LOOP_LOOK NET_MS(1)
/* To look on for less than this is not worth while. */
#define LOOP_SPIN_MIN NET_US(1)
/* For so long after a frame --stay-awake keeps the processors awake. Asking wakes all of them: not too often. */
#define LOOP_AWAKE NET_MS(100)
/* With no packet free, frames wait in the kernel; look again after this. */
#define LOOP_NO_PACKET NET_MS(1)

static net_time loop_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return NET_SEC(ts.tv_sec) + ts.tv_nsec;
}

net_time stackd_now(void)
{
    static net_time epoch; /* when the monotonic clock showed zero, in time since 1970 */

    if (epoch == 0)
        epoch = loop_clock(CLOCK_REALTIME) - loop_clock(CLOCK_MONOTONIC);
    return loop_clock(CLOCK_MONOTONIC) + epoch;
}

/* ---- frames ---- */

static void loop_send(struct stackd *d, struct pkt **p, int n)
{
    if (n > 0)
        (void)port_send(d->port, p, n);
    for (int i = 0; i < n; i++)
        pkt_release(p[i]);
}

static void loop_enter(struct stackd *d, enum stackd_dir dir, struct pkt *p, net_time now)
{
    if (dir == STACKD_RX)
        sink_sent(d, p);
    d->pushing = d->has_sent;
    imp_push(&d->imp[dir], p, now);
    d->pushing = false;
}

/* A frame onto the bad wire. A super-frame is cut first: what happens to one frame of a real wire
 * happens to 1500 bytes, not to 64 KiB. */
static void loop_push(struct stackd *d, enum stackd_dir dir, struct pkt *p, net_time now)
{
    struct core *core = &d->net.core;
    struct offload_cut c;
    struct pkt *piece;

    if (!offload_cut_begin(&c, p)) {
        loop_enter(d, dir, p, now);
        return;
    }
    while (offload_cut_pkt(&c, &core->pkts, &core->bigs, &piece)) {
        if (piece != NULL)
            loop_enter(d, dir, piece, now);
        else
            imp_drop(core, p, V_DROP_PKT_POOL, now);
    }
    pkt_release(p);
}

/* Frames that have come to the end of the bad wire. */
static int loop_pop(struct stackd *d, enum stackd_dir dir, struct pkt **out, net_time now)
{
    int n = 0;

    while (n < STACKD_BATCH && (out[n] = imp_pop(&d->imp[dir], now)) != NULL)
        n++;
    return n;
}

/* What has come to our end of the bad wire. */
static void loop_arrived(struct stackd *d, net_time now)
{
    struct pkt *in[STACKD_BATCH];
    int n;

    do {
        n = loop_pop(d, STACKD_RX, in, now);
        for (int i = 0; i < n; i++)
            in[i]->ifi = 0;
        net_input(&d->net, in, (size_t)n, now);
    } while (n == STACKD_BATCH);
}

/* Through a bad wire one frame goes after the other, so that one that is lost stands in a capture between
 * those that it came between. */
static void loop_in(struct stackd *d, struct pkt **in, int n, net_time now)
{
    bool is_bad = imp_is_on(&d->imp[STACKD_RX]);

    if (!is_bad && !d->has_sent) {
        net_input(&d->net, in, (size_t)n, now);
        return;
    }
    loop_arrived(d, now); /* and time passes, also where nothing came */
    for (int i = 0; i < n; i++) {
        if (is_bad) {
            loop_push(d, STACKD_RX, in[i], now);
            loop_arrived(d, now);
        } else {
            sink_sent(d, in[i]);
            net_input(&d->net, &in[i], 1, now);
        }
    }
}

static void loop_out(struct stackd *d, net_time now)
{
    struct imp_chain *wire = &d->imp[STACKD_TX];
    struct pkt *out[STACKD_BATCH];
    size_t n = net_output(&d->net, out, STACKD_BATCH, now);

    if (!imp_is_on(wire)) {
        sink_arrived(d, out, (int)n);
        loop_send(d, out, (int)n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        loop_push(d, STACKD_TX, out[i], now);
    while ((n = (size_t)loop_pop(d, STACKD_TX, out, now)) > 0) {
        sink_arrived(d, out, (int)n);
        loop_send(d, out, (int)n);
    }
}

/* ---- signals, the command, being ready ---- */

/* All queues stand still. */
static void loop_stop(struct stackd *d)
{
    if (d->stopping) {
        d->again = true;
        return;
    }
    for (unsigned i = 0; i < queues_count(d); i++) {
        struct stackd *q = queues_touch(d, i);

        q->stopping = true;
        q->stop_by = stackd_now() + LOOP_STOP_TIME;
        app_stop(&q->app);
    }
}

/* The command has ended: its status is ours. */
static void loop_child(struct stackd *d)
{
    int status;

    if (d->child <= 0 || waitpid(d->child, &status, WNOHANG) != d->child)
        return;
    d->child = 0;
    if (d->status == 0)
        d->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (!d->stopping)
        loop_stop(d);
}

static void loop_signals(struct stackd *d)
{
    struct signalfd_siginfo si;

    while (read(d->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
        if (si.ssi_signo == SIGCHLD) {
            loop_child(d);
        } else if (d->child > 0 && si.ssi_signo == SIGINT) {
            /* From the terminal: the command got it as well, and it decides. */
        } else {
            if (d->child > 0)
                (void)kill(d->child, SIGTERM);
            loop_stop(d);
        }
    }
}

/* sd_notify(3), by hand. */
static void loop_notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(a.sun_path))
        return;
    size_t len = strlen(path);

    memcpy(a.sun_path, path, len);
    if (path[0] == '@')
        a.sun_path[0] = '\0'; /* the abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

#define LOOP_IP_FORMAT  "%u.%u.%u.%u"
#define LOOP_IP(a)      (a) >> 24, (a) >> 16 & 0xff, (a) >> 8 & 0xff, (a)&0xff
#define LOOP_MAC_FORMAT "%02x:%02x:%02x:%02x:%02x:%02x"
#define LOOP_MAC(m)     (m).b[0], (m).b[1], (m).b[2], (m).b[3], (m).b[4], (m).b[5]

static void loop_ready(struct stackd *d)
{
    const struct stackd_options *o = &d->opt;
    char how[64];

    d->ready = true;
    netns_how(d, how, sizeof(how));
    sink_say("ready: %s " LOOP_IP_FORMAT "/%u " LOOP_MAC_FORMAT ", try: %sping " LOOP_IP_FORMAT,
             d->port->name, LOOP_IP(o->ip), o->prefix, LOOP_MAC(o->mac), how, LOOP_IP(o->ip));
    loop_notify("READY=1");
    netns_go(d);
}

/* Is our address ours yet, and still? */
static void loop_address(struct stackd *d)
{
    struct mac other;
    enum arp_own state = arp_own_state(&d->net.ifs[0].arp, d->opt.ip, &other);

    if (state == ARP_OWN_OURS && !d->ready)
        loop_ready(d);
    if (state != ARP_OWN_TAKEN || d->is_refused || d->stopping)
        return;
    sink_say(LOOP_IP_FORMAT " is already in use by " LOOP_MAC_FORMAT ": choose another --ip",
             LOOP_IP(d->opt.ip), LOOP_MAC(other));
    d->status = 2;
    d->is_refused = true;
}

static bool loop_is_over(const struct stackd *d, net_time now)
{
    const struct tcp *tcp = &d->net.tcp;
    uint32_t left = tcp->tcbs.used + tcp->halves.used + tcp_idle_count(tcp);

    if (d->again)
        return true;
    if (!d->stopping)
        return false;
    return now >= d->stop_by || (app_stopped(&d->app) && left == 0);
}

/* ---- waiting ---- */

static net_time loop_deadline(const struct stackd *d)
{
    net_time at = net_time_min(net_deadline(&d->net), app_deadline(&d->app));

    at = net_time_min(at, imp_deadline(&d->imp[STACKD_RX]));
    at = net_time_min(at, imp_deadline(&d->imp[STACKD_TX]));
    at = net_time_min(at, sink_deadline(d->first));
    if (d->ctl != NULL)
        at = net_time_min(at, control_deadline(d->ctl));
    return d->stopping ? net_time_min(at, d->stop_by) : at;
}

/* Signals and clients. What they want may concern all queues, which stand still for it. */
static void loop_serve(struct stackd *d, bool signal, bool client)
{
    bool concerns_all = signal || control_concerns_all(d->ctl);

    if (concerns_all)
        queues_halt(d);
    net_time now = stackd_now();

    net_input(&d->net, NULL, 0, now); /* what follows happens now, not before the sleep */
    if (signal)
        loop_signals(d);
    if (client) {
        port_update_stats(d->port); /* somebody may ask */
        control_serve(d->ctl, now);
    }
    if (concerns_all)
        queues_resume(d);
}

/* Sleep until @at or something comes. Return: whether a signal or a client was served. */
static bool loop_wait(struct stackd *d, net_time at, net_time now)
{
    struct pollfd fds[] = {
        {.fd = port_fd(d->port),                         .events = d->loop.is_full ? 0 : POLLIN},
        {.fd = d->signal_fd,                             .events = POLLIN                      },
        {.fd = d->ctl != NULL ? control_fd(d->ctl) : -1, .events = POLLIN                      },
        {.fd = queues_fd(d),                             .events = POLLIN                      },
    };
    bool may_sleep = queues_sleep(d);
    net_time wait = at == NET_NEVER || !may_sleep ? 0 : at - now;
    struct timespec ts = {0};

    if (wait > 0) {
        ts.tv_sec = wait / NET_SEC(1);
        ts.tv_nsec = wait % NET_SEC(1);
    }
    int n = ppoll(fds, ARRAY_LEN(fds), at == NET_NEVER && may_sleep ? NULL : &ts, NULL);
    bool is_woken = queues_awake(d);

    if (n < 0 || (fds[1].revents == 0 && fds[2].revents == 0))
        return is_woken; /* EINTR: look at the clock again */
    loop_serve(d, fds[1].revents != 0, fds[2].revents != 0);
    return true;
}

/* Was it worth while to sleep? Frames came at @now. */
static void loop_spin_learn(struct loop_state *l, net_time max, net_time now)
{
    if (l->slept && now - l->last <= max)
        l->spin = max; /* it would have been seen without sleeping */
    l->slept = false;
    l->last = now;
}

/* Nothing has come. Look on, rather than sleep? */
static bool loop_spin(struct loop_state *l, net_time now)
{
    if (now < l->last + l->spin)
        return true;
    if (!l->slept && l->spin > 0) { /* in vain */
        l->spin /= 2;
        if (l->spin < LOOP_SPIN_MIN)
            l->spin = 0;
    }
    l->slept = true;
    return false;
}

/* Ask the system to keep its processors from sleeping, or not any more. The descriptor begins without a
 * wish; what is written counts until the next, or until it is closed. */
static void loop_awake(struct loop_state *l, bool on)
{
    const int32_t wish = on ? 0 : -1; /* microseconds that waking may take; -1: any */

    if (l->awake_fd >= 0 && l->is_awake != on && write(l->awake_fd, &wish, sizeof(wish)) > 0)
        l->is_awake = on;
}

/* Are segments to be joined before the stack sees them? Not while somebody looks at each frame: a capture
 * shows what was on the wire, and on a bad wire each frame has a fate of its own. */
static bool loop_joins(const struct stackd *d)
{
    return d->opt.gro && d->net.core.tap == NULL && !imp_is_on(&d->imp[STACKD_RX]);
}

/* Read until the device is empty, or a batch is full. */
static int loop_read(struct stackd *d, struct pkt **in)
{
    uint64_t starved = d->port->stats.rx_no_packet;

    d->port->joins = loop_joins(d);
    d->port->us = d->opt.mac;
    int n = port_recv(d->port, &d->net.core.pkts, &d->net.core.bigs, in, STACKD_BATCH);

    d->loop.is_full = starved != d->port->stats.rx_no_packet;
    return n;
}

/* After a rush: pages that the stack does not need any more. */
static void loop_give_back(struct stackd *d)
{
    struct mspan spare;

    while (unlikely((spare = net_spare(&d->net)).len > 0))
        pages_give_back(spare.p, spare.len);
}

/* What the frames, the clients or the time ask for. */
static void loop_round(struct stackd *d, struct pkt **in, int n, net_time now)
{
    queues_hear(d, now);
    loop_in(d, in, n, now);
    app_run(&d->app, now);
    if (d->ctl != NULL)
        control_after(d->ctl, now);
    loop_out(d, now);
    if (d == d->first)
        loop_address(d);
    loop_give_back(d);
    sink_round(d->first);
    sink_write(d->first, now, false);
    d->loop.at = loop_deadline(d);
}

/* Is there nothing left to do, for us and for all others? */
static bool loop_may_leave(struct stackd *d, net_time now)
{
    if (queues_told_to_leave(d))
        return true;
    return loop_is_over(d, now) && queues_may_leave(d, d->again || now >= d->stop_by);
}

/* Look at the device, and do what is due at @now. @is_due: something is; tells whether it was.
 * Return: whether to go on. */
static bool loop_look(struct stackd *d, net_time now, bool *is_due)
{
    struct pkt *in[STACKD_BATCH];
    int n = loop_read(d, in);

    if (n < 0) {
        if (d == d->first)
            sink_say("%s: %s: the interface is gone: start again", d->port->name, strerror(-n));
        d->status = 2;
        (void)queues_may_leave(d, true);
        return false;
    }
    if (n > 0)
        loop_spin_learn(&d->loop, d->opt.busy_poll, now);
    loop_awake(&d->loop, now < d->loop.last + LOOP_AWAKE);
    *is_due = n > 0 || *is_due || now >= d->loop.at || queues_pending(d);
    if (!*is_due)
        return true;
    loop_round(d, in, n, now);
    return !loop_may_leave(d, now);
}

void loop_run(struct stackd *d)
{
    struct loop_state *l = &d->loop;
    bool served = true; /* the first round is due */

    l->spin = d->opt.busy_poll;
    for (;;) {
        bool is_due = served;

        queues_begin(d);
        net_time now = stackd_now();
        bool goes_on = loop_look(d, now, &is_due);

        queues_end(d);
        if (!goes_on)
            break;
        if (is_due)
            served = false;
        if (d->is_refused && !d->stopping) {
            queues_halt(d);
            loop_stop(d);
            queues_resume(d);
            served = true;
        }
        bool is_busy = (is_due || loop_spin(l, now)) && !l->is_full;

        if (is_busy && now < l->looked + LOOP_LOOK)
            continue; /* nobody sleeps before the device was found empty after the last round */
        net_time at = is_busy ? now : l->at;

        if (l->is_full)
            at = net_time_min(at, now + LOOP_NO_PACKET);
        if (l->is_awake)
            at = net_time_min(at, l->last + LOOP_AWAKE);
        l->looked = now;
        served |= loop_wait(d, at, now);
    }
    if (d == d->first)
        loop_notify("STOPPING=1");
}
