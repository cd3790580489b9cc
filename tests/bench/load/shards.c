/*
 * shards.c - several processes, where one has too few descriptors.
 */
#include "load.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SHARD_SPARE = 64 }; /* descriptors for other purposes */

/* Connections that one process can hold. */
static unsigned shards_room(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        load_die("getrlimit");
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0)
        load_die("RLIMIT_NOFILE");
    if (r.rlim_max < 2 * SHARD_SPARE)
        load_fail("RLIMIT_NOFILE is too low");
    return r.rlim_max > 1 << 20 ? 1 << 20 : (unsigned)r.rlim_max - SHARD_SPARE;
}

static void shards_nap(double seconds)
{
    struct timespec ts = {.tv_sec = (time_t)seconds};

    ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
    if (seconds > 0)
        nanosleep(&ts, NULL);
}

/* One that has failed has said why. */
static void shards_alive(const struct shards *all)
{
    int status;

    for (unsigned i = 0; i < all->count; i++)
        if (waitpid(all->shard[i].pid, &status, WNOHANG) != 0)
            _exit(2);
}

struct shards *shards_start(const struct load *l, void (*work)(struct shard *me))
{
    unsigned room = shards_room(), n = (l->connections + room - 1) / room, given = 0;
    size_t len = sizeof(struct shards) + n * sizeof(struct shard);
    struct shards *all = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t parent = getpid();

    if (all == MAP_FAILED)
        load_die("memory");
    all->count = n;
    fflush(stdout); /* what is buffered is not to be written by each */
    for (unsigned i = 0; i < n; i++) {
        struct shard *s = &all->shard[i];

        s->l = *l;
        s->l.connections = (l->connections - given) / (n - i);
        s->l.outstanding = (l->outstanding + n - 1) / n;
        s->l.open_batch = 256 / n + 1;
        s->first = given;
        given += s->l.connections;
        pid_t pid = fork();

        if (pid < 0)
            load_die("fork");
        if (pid == 0) {
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
                _exit(2);
            work(s);
            _exit(0);
        }
        s->pid = pid;
    }
    for (unsigned i = 0; i < n; i++) {
        while (!all->shard[i].opened) {
            shards_alive(all);
            shards_nap(0.0002);
        }
    }
    return all;
}

struct shard *shards_measure(struct shards *all, const struct load *l)
{
    static struct shard sum;
    double at = load_now() + l->warmup;

    for (unsigned i = 0; i < all->count; i++)
        all->shard[i].from = at;
    for (unsigned i = 0; i < all->count; i++) {
        const struct shard *s = &all->shard[i];
        int status;

        if (waitpid(s->pid, &status, 0) != s->pid || status != 0)
            _exit(2);
        if (i == 0)
            sum.meter = s->meter;
        else
            sum.meter.clients += s->meter.clients;
        /* Each has measured for as long as it was asked to, or a little longer. */
        sum.done += (uint64_t)((double)s->done * sum.meter.took / s->meter.took);
        sum.hist.total += s->hist.total;
        if (s->hist.max > sum.hist.max)
            sum.hist.max = s->hist.max;
        for (int k = 0; k < HIST_BUCKETS; k++)
            sum.hist.count[k] += s->hist.count[k];
    }
    return &sum;
}

void shards_stop(struct shards *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        kill(all->shard[i].pid, SIGKILL);
        waitpid(all->shard[i].pid, NULL, 0);
    }
}
