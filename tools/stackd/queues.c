/*
 * queues.c - the threads of --queues, and what is between them. The theory is in queues.h.
 *
 * Order of the locks: a gate, then the turn; the first queue has no gate, takes the others' only outside
 * its turn, and so nobody waits for somebody who waits for him.
 *
 * Invariants: `observed` changes only while all gates are held; net, port, services and bad wire of a queue
 * are touched by its own thread with its gate held, or by the first with all gates held.
 */
#include <errno.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "relay.h"
#include "stackd.h"

struct queue {
    struct queues *all;
    struct stackd *d;
    pthread_t thread;
    bool has_thread;
    int fd; /* eventfd that wakes it */
    pthread_mutex_t gate;
    atomic_bool wanted; /* to stand still */
    atomic_bool asleep;
    atomic_bool done; /* nothing is left to do here */
    bool touched;     /* to be woken when all go on */
    struct relay relay;
};

struct queues {
    unsigned count;
    struct queue *queue[STACKD_QUEUES];
    void *rings;          /* of the relays: one mapping */
    pthread_mutex_t halt; /* held while all stand still */
    atomic_bool leave;

    bool observed; /* somebody looks: there are turns */
    pthread_mutex_t turn_lock;
    pthread_cond_t turn_over;
    uint64_t turn_next, turn_now; /* numbers drawn by those who wait, and who is served */
    uint64_t frames;              /* numbered so far, by all */
};

unsigned queues_count(const struct stackd *d)
{
    return d->queues == NULL ? 1 : d->queues->count;
}

struct stackd *queues_at(struct stackd *d, unsigned i)
{
    return d->queues == NULL ? d : d->queues->queue[i]->d;
}

static struct queue *queue_of(const struct stackd *d)
{
    return d->queues->queue[d->queue];
}

uint64_t queues_handed_over(const struct stackd *d)
{
    return d->queues == NULL ? 0 : queue_of(d)->relay.passed;
}

/* ---- waking ---- */

static void queue_wake(struct queue *q)
{
    uint64_t one = 1;

    (void)!write(q->fd, &one, sizeof(one));
}

/* Something was put into the ring of the next: in one order with his saying that he sleeps. */
static void queue_wake_next(void *ctx)
{
    struct queue *q = ctx;
    struct queue *next = q->all->queue[(q->d->queue + 1) % q->all->count];

    if (atomic_load(&next->asleep))
        queue_wake(next);
}

int queues_fd(const struct stackd *d)
{
    return d->queues == NULL ? -1 : queue_of(d)->fd;
}

bool queues_sleep(struct stackd *d)
{
    if (d->queues == NULL)
        return true;
    struct queue *q = queue_of(d);

    atomic_store(&q->asleep, true);
    bool is_pending = relay_pending(&q->relay);

    if (d->queue > 0)
        pthread_mutex_unlock(&q->gate);
    return !is_pending;
}

bool queues_awake(struct stackd *d)
{
    uint64_t times;

    if (d->queues == NULL)
        return false;
    struct queue *q = queue_of(d);

    if (d->queue > 0)
        pthread_mutex_lock(&q->gate);
    atomic_store(&q->asleep, false);
    return read(q->fd, &times, sizeof(times)) == (ssize_t)sizeof(times) || relay_pending(&q->relay);
}

/* ---- turns ---- */

/* First come, first served: a mutex alone lets a busy thread take it again and again. */
static void queues_turn_take(struct queues *all)
{
    pthread_mutex_lock(&all->turn_lock);
    uint64_t number = all->turn_next++;

    while (all->turn_now != number)
        pthread_cond_wait(&all->turn_over, &all->turn_lock);
    pthread_mutex_unlock(&all->turn_lock);
}

static void queues_turn_give(struct queues *all)
{
    pthread_mutex_lock(&all->turn_lock);
    all->turn_now++;
    pthread_cond_broadcast(&all->turn_over);
    pthread_mutex_unlock(&all->turn_lock);
}

static bool queues_looked_at(const struct stackd *d)
{
    const struct net *n = &d->first->net;

    return n->core.trace.mask != 0 || n->core.tap != NULL;
}

void queues_begin(struct stackd *d)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return;
    struct queue *q = queue_of(d);

    if (atomic_load_explicit(&q->wanted, memory_order_relaxed)) {
        pthread_mutex_unlock(&q->gate);
        pthread_mutex_lock(&all->halt); /* until all go on */
        pthread_mutex_unlock(&all->halt);
        pthread_mutex_lock(&q->gate);
    }
    if (!all->observed)
        return;
    queues_turn_take(all);
    d->net.core.frames = all->frames;
}

void queues_end(struct stackd *d)
{
    struct queues *all = d->queues;

    if (all == NULL || !all->observed)
        return;
    all->frames = d->net.core.frames;
    queues_turn_give(all);
    if (d->queue == 0 && !queues_looked_at(d)) { /* any more */
        queues_halt(d);
        queues_resume(d);
    }
}

bool queues_pending(const struct stackd *d)
{
    return d->queues != NULL && relay_pending(&queue_of(d)->relay);
}

void queues_hear(struct stackd *d, net_time now)
{
    if (!queues_pending(d))
        return;
    net_input(&d->net, NULL, 0, now);
    (void)relay_run(&queue_of(d)->relay, STACKD_BATCH);
}

/* ---- halting ---- */

void queues_halt(struct stackd *d)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return;
    pthread_mutex_lock(&all->halt);
    for (unsigned i = 1; i < all->count; i++)
        atomic_store(&all->queue[i]->wanted, true);
    for (unsigned i = 1; i < all->count; i++)
        pthread_mutex_lock(&all->queue[i]->gate);
}

struct stackd *queues_touch(struct stackd *d, unsigned i)
{
    struct stackd *q = queues_at(d, i);

    if (d->queues == NULL)
        return q;
    net_input(&q->net, NULL, 0, stackd_now());
    d->queues->queue[i]->touched = true;
    return q;
}

/* Somebody looks, or no more: all stand still. */
static void queues_observe(struct stackd *d)
{
    struct queues *all = d->queues;
    bool is_new = !all->observed;

    all->observed = queues_looked_at(d);
    for (unsigned i = 0; all->observed && is_new && i < all->count; i++) {
        uint64_t frames = all->queue[i]->d->net.core.frames;

        all->frames = all->frames > frames ? all->frames : frames;
    }
}

void queues_resume(struct stackd *d)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return;
    queues_observe(d);
    for (unsigned i = all->count; i-- > 1;) {
        atomic_store(&all->queue[i]->wanted, false);
        pthread_mutex_unlock(&all->queue[i]->gate);
    }
    pthread_mutex_unlock(&all->halt);
    for (unsigned i = 1; i < all->count; i++) {
        if (all->queue[i]->touched)
            queue_wake(all->queue[i]);
        all->queue[i]->touched = false;
    }
}

/* ---- the end ---- */

bool queues_may_leave(struct stackd *d, bool now)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return true;
    if (d->queue > 0) {
        if (!atomic_exchange(&queue_of(d)->done, true))
            queue_wake(all->queue[0]);
        return false;
    }
    bool all_done = true;

    for (unsigned i = 1; i < all->count; i++)
        all_done = all_done && atomic_load(&all->queue[i]->done);
    return now || all_done;
}

bool queues_told_to_leave(const struct stackd *d)
{
    return d->queues != NULL && atomic_load_explicit(&d->queues->leave, memory_order_relaxed);
}

void queues_join(struct stackd *d)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return;
    atomic_store(&all->leave, true);
    for (unsigned i = 1; i < all->count; i++) {
        struct queue *q = all->queue[i];

        if (!q->has_thread)
            continue;
        queue_wake(q);
        pthread_join(q->thread, NULL);
        q->has_thread = false;
        if (q->d->status > d->status)
            d->status = q->d->status;
    }
}

void queues_free(struct stackd *d)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return;
    for (unsigned i = 0; i < all->count; i++) {
        struct queue *q = all->queue[i];

        if (q == NULL)
            continue;
        if (i > 0 && q->d != NULL) {
            stackd_free(q->d);
            free(q->d);
        }
        if (q->fd >= 0)
            close(q->fd);
        free(q);
    }
    if (all->rings != NULL)
        munmap(all->rings, all->count * (size_t)RELAY_RING);
    free(all);
    d->queues = NULL;
}

/* ---- the start ---- */

/* Memory for one of ours that has atomics on lines of their own. */
static void *queues_alloc(size_t len)
{
    void *p = NULL;

    len = (len + 63) & ~(size_t)63;
    if (posix_memalign(&p, 64, len) != 0)
        return NULL;
    return memset(p, 0, len);
}

static struct queue *queue_new(struct queues *all, struct stackd *d, unsigned number)
{
    struct queue *q = queues_alloc(sizeof(*q));

    if (q == NULL) {
        all->count = number;
        return NULL;
    }
    q->all = all;
    q->d = number == 0 ? d : queues_alloc(sizeof(*d));
    q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&q->gate, NULL);
    all->queue[number] = q;
    if (q->d == NULL || q->fd < 0)
        return NULL;
    if (number > 0) {
        q->d->opt = d->opt;
        q->d->started = d->started;
        q->d->signal_fd = q->d->child_go = q->d->sink.fd = -1;
        q->d->first = d;
    }
    q->d->queues = all;
    q->d->queue = number;
    return q;
}

/* Do two descriptors mean one queue? Without an answer (an older kernel, a container that forbids the question): no. */
static bool queues_is_one(int a, int b)
{
    return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b) == 0;
}

/* Queue @i of a TAP that somebody else has opened: of the same, and not the same again. */
static struct port *queues_port_fd(const struct stackd *d, unsigned i, char *err, size_t err_len)
{
    const int *fd = d->opt.fd;

    for (unsigned k = 0; k < i; k++) {
        if (queues_is_one(fd[k], fd[i])) {
            snprintf(err, err_len,
                     "--fd %d,%d: the same queue twice: open the TAP once for each, with "
                     "IFF_MULTI_QUEUE",
                     fd[k], fd[i]);
            return NULL;
        }
    }
    struct port *port = port_open_fd(fd[i], d->opt.mtu, d->opt.offload, err, err_len);

    if (port == NULL || strcmp(port->name, d->port->name) == 0)
        return port;
    snprintf(err, err_len, "--fd %d,%d: of %s and %s: name queues of one TAP", fd[0], fd[i],
             d->port->name, port->name);
    port_close(port);
    return NULL;
}

int queues_open(struct stackd *d, char *err, size_t err_len)
{
    const struct stackd_options *o = &d->opt;
    struct queues *all = queues_alloc(sizeof(*all));

    if (all == NULL) {
        snprintf(err, err_len, "out of memory");
        return -1;
    }
    pthread_mutex_init(&all->halt, NULL);
    pthread_mutex_init(&all->turn_lock, NULL);
    pthread_cond_init(&all->turn_over, NULL);
    d->queues = all;
    for (unsigned i = 0; i < o->queues; i++) {
        all->count = i + 1;
        struct queue *q = queue_new(all, d, i);

        if (q == NULL) {
            snprintf(err, err_len, "--queues %u: %s: ask for fewer", o->queues, strerror(errno));
            return -1;
        }
        if (i == 0)
            continue;
        q->d->port = o->wire == STACKD_WIRE_FD ? queues_port_fd(d, i, err, err_len)
                                               : port_open_queue(d->port, o->offload, err, err_len);
        if (q->d->port == NULL)
            return -1;
        if (d->port->ring != NULL && port_use_uring(q->d->port, false, err, err_len) < 0)
            return -1;
        port_leave(q->d->port); /* for its thread */
    }
    return 0;
}

int queues_connect(struct stackd *d, char *err, size_t err_len)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return 0;
    all->rings = mmap(NULL, all->count * (size_t)RELAY_RING, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all->rings == MAP_FAILED) {
        all->rings = NULL;
        snprintf(err, err_len, "--queues %u: %s: ask for fewer", all->count, strerror(errno));
        return -1;
    }
    for (unsigned i = 0; i < all->count; i++) {
        struct queue *q = all->queue[i];

        relay_init(&q->relay, &q->d->net, (uint16_t)i,
                   (uint8_t *)all->rings + i * (size_t)RELAY_RING);
        q->relay.next = &all->queue[(i + 1) % all->count]->relay;
        q->relay.wake = queue_wake_next;
        q->relay.wake_ctx = q;
    }
    return 0;
}

static void *queue_main(void *arg)
{
    struct queue *q = arg;
    struct stackd *d = q->d;
    char name[16], err[256];

    snprintf(name, sizeof(name), "stackd/%u", d->queue);
    (void)pthread_setname_np(pthread_self(), name);
    if (stackd_pin(&d->opt, d->queue, err, sizeof(err)) < 0)
        sink_say("%s", err); /* it was possible a moment ago */
    port_enter(d->port);
    pthread_mutex_lock(&q->gate);
    loop_run(d);
    pthread_mutex_unlock(&q->gate);
    port_leave(d->port);
    return NULL;
}

int queues_start(struct stackd *d, char *err, size_t err_len)
{
    struct queues *all = d->queues;

    if (all == NULL)
        return 0;
    queues_observe(d);
    for (unsigned i = 1; i < all->count; i++) {
        struct queue *q = all->queue[i];
        int why = pthread_create(&q->thread, NULL, queue_main, q);

        if (why != 0) {
            snprintf(err, err_len, "--queues %u: a thread: %s: ask for fewer", all->count,
                     strerror(why));
            return -1;
        }
        q->has_thread = true;
    }
    return 0;
}
