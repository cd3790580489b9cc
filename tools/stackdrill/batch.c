/*
 * batch.c - scripts run in a few processes that take the next one from a shared counter.
 *
 * A script has its own host and touches nothing else, so processes need not speak to each other;
 * each writes what became of its scripts into its pipe. A process that ends in the middle of a
 * script has found a bug: that script fails, and another process takes its place.
 */
#include "batch.h"
#include "whole.h"

#include <errno.h>
#include <fts.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_JOBS = 64 };

/* What a process says: it begins with a script (ok < 0), or it has ended one. */
struct batch_word {
    size_t index, len; /* len: bytes of the message that follow */
    int ok;
    double seconds;
};

struct batch_job {
    pid_t pid;
    int fd;       /* its words, -1: it has gone */
    bool is_busy; /* with script @index */
    size_t index;
};

struct batch {
    const char *const *files;
    size_t count;
    batch_fn *fn;
    void *ctx;
    struct batch_result *results;
    atomic_size_t *next; /* shared by all processes */
    struct batch_job jobs[BATCH_JOBS];
};

static double batch_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void batch_one(const struct batch *b, size_t i, struct batch_result *r)
{
    double begin = batch_clock();

    r->ok = b->fn(b->ctx, b->files[i], &r->message);
    r->seconds = batch_clock() - begin;
    r->done = true;
}

/* ---- in a process ---- */

static void batch_write(int fd, const void *bytes, size_t len)
{
    if (whole_write(fd, bytes, len) < 0)
        _exit(EXIT_FAILURE); /* nobody listens any more */
}

_Noreturn static void batch_child(const struct batch *b, int fd)
{
    size_t i;

    while ((i = atomic_fetch_add(b->next, 1)) < b->count) {
        struct batch_result r = {0};
        struct batch_word w = {.index = i, .ok = -1};

        batch_write(fd, &w, sizeof(w));
        batch_one(b, i, &r);
        w = (struct batch_word){i, r.message != NULL ? strlen(r.message) : 0, r.ok, r.seconds};
        fflush(NULL);
        batch_write(fd, &w, sizeof(w));
        batch_write(fd, r.message != NULL ? r.message : "", w.len);
        free(r.message);
    }
    _exit(EXIT_SUCCESS);
}

/* ---- in ours ---- */

static bool batch_start(struct batch *b, struct batch_job *j)
{
    int ends[2];

    j->fd = -1;
    if (pipe(ends) < 0)
        return false;
    fflush(NULL);
    j->pid = fork();
    if (j->pid == 0) {
        close(ends[0]);
        batch_child(b, ends[1]);
    }
    close(ends[1]);
    if (j->pid < 0) {
        close(ends[0]);
        return false;
    }
    j->fd = ends[0];
    j->is_busy = false;
    return true;
}

/* One word of a process. Return: false when it has gone. */
static bool batch_hear(struct batch *b, struct batch_job *j)
{
    struct batch_word w;
    struct batch_result *r;

    if (whole_read(j->fd, &w, sizeof(w)) < 0)
        return false;
    r = &b->results[w.index];
    j->index = w.index;
    j->is_busy = w.ok < 0;
    if (j->is_busy)
        return true;
    if (w.len > 0) {
        r->message = calloc(1, w.len + 1);
        if (r->message == NULL || whole_read(j->fd, r->message, w.len) < 0)
            return false;
    }
    r->done = true;
    r->ok = w.ok > 0;
    r->seconds = w.seconds;
    return true;
}

/* A process has gone: was it in the middle of a script? */
static void batch_gone(struct batch *b, struct batch_job *j)
{
    int status = 0;

    close(j->fd);
    j->fd = -1;
    waitpid(j->pid, &status, 0);
    if (!j->is_busy)
        return;
    struct batch_result *r = &b->results[j->index];

    r->done = true;
    r->ok = false;
    if (asprintf(&r->message,
                 "%s: the run broke down (status %d): a bug of ours, please report it\n",
                 b->files[j->index], status) < 0)
        r->message = NULL;
    batch_start(b, j);
}

static void batch_processes(struct batch *b, unsigned jobs)
{
    struct pollfd fds[BATCH_JOBS];

    for (unsigned i = 0; i < jobs; i++)
        batch_start(b, &b->jobs[i]);
    for (;;) {
        bool any = false;

        for (unsigned i = 0; i < jobs; i++) {
            fds[i] = (struct pollfd){.fd = b->jobs[i].fd, .events = POLLIN};
            any = any || fds[i].fd >= 0;
        }
        if (!any)
            return;
        if (poll(fds, jobs, -1) < 0 && errno != EINTR)
            return;
        for (unsigned i = 0; i < jobs; i++) {
            if (b->jobs[i].fd >= 0 && fds[i].revents != 0 && !batch_hear(b, &b->jobs[i]))
                batch_gone(b, &b->jobs[i]);
        }
    }
}

bool batch_run(const char *const *files, size_t count, unsigned jobs, batch_fn *fn, void *ctx,
               struct batch_result *results)
{
    struct batch b = {files, count, fn, ctx, results, NULL, {{0}}};
    bool ok = true;

    jobs = jobs > BATCH_JOBS ? BATCH_JOBS : jobs;
    if (jobs > count)
        jobs = (unsigned)count;
    if (jobs > 1) {
        void *shared =
            mmap(NULL, sizeof(*b.next), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (shared != MAP_FAILED) {
            b.next = shared;
            atomic_init(b.next, 0);
            batch_processes(&b, jobs);
            munmap(shared, sizeof(*b.next));
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!results[i].done)
            batch_one(&b, i, &results[i]);
        ok = ok && results[i].ok;
    }
    return ok;
}

/* ---- telling ---- */

static void batch_xml(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            fputs("&lt;", stdout);
        else if (*text == '>')
            fputs("&gt;", stdout);
        else if (*text == '&')
            fputs("&amp;", stdout);
        else if (*text == '"')
            fputs("&quot;", stdout);
        else if ((unsigned char)*text >= ' ' || *text == '\n')
            putchar(*text);
    }
}

static void batch_tell_tap(const char *const *files, const struct batch_result *r, size_t count)
{
    printf("TAP version 13\n1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        printf("%s %zu - %s\n", r[i].ok ? "ok" : "not ok", i + 1, files[i]);
        if (r[i].message == NULL)
            continue;
        for (const char *p = r[i].message; *p != '\0';) {
            size_t len = strcspn(p, "\n");

            printf("# %.*s\n", (int)len, p);
            p += len + (p[len] == '\n');
        }
    }
}

static void batch_tell_junit(const char *const *files, const struct batch_result *r, size_t count)
{
    size_t failures = 0;
    double seconds = 0;

    for (size_t i = 0; i < count; i++) {
        failures += !r[i].ok;
        seconds += r[i].seconds;
    }
    printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
           "<testsuite name=\"stackdrill\" tests=\"%zu\" failures=\"%zu\" time=\"%.3f\">\n",
           count, failures, seconds);
    for (size_t i = 0; i < count; i++) {
        fputs("  <testcase name=\"", stdout);
        batch_xml(files[i]);
        printf("\" time=\"%.6f\"", r[i].seconds);
        if (r[i].ok) {
            puts("/>");
            continue;
        }
        fputs(">\n    <failure>", stdout);
        batch_xml(r[i].message != NULL ? r[i].message : "");
        puts("</failure>\n  </testcase>");
    }
    puts("</testsuite>");
}

void batch_tell(enum batch_format format, const char *const *files, const struct batch_result *r,
                size_t count)
{
    size_t failures = 0;

    if (format == BATCH_TAP) {
        batch_tell_tap(files, r, count);
        return;
    }
    if (format == BATCH_JUNIT) {
        batch_tell_junit(files, r, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        failures += !r[i].ok;
        if (r[i].message != NULL)
            fputs(r[i].message, stderr);
    }
    /* One script says nothing when it holds, as in packetdrill. */
    if (count > 1)
        printf("scripts: %zu passed, %zu failed\n", count - failures, failures);
}

void batch_free(struct batch_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(results[i].message);
    free(results);
}

/* ---- folders ---- */

static int batch_by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool batch_add(const char *path, char ***files, size_t *count)
{
    char **more = realloc(*files, (*count + 1) * sizeof(*more));

    if (more == NULL)
        return false;
    *files = more;
    more[*count] = strdup(path);
    return more[(*count)++] != NULL;
}

bool batch_files(const char *path, char ***files, size_t *count)
{
    char *copy = strdup(path), *const roots[] = {copy, NULL};
    FTS *tree = NULL;
    FTSENT *e;
    bool ok = copy != NULL;

    if (ok && strcmp(path, "-") != 0)
        tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, batch_by_name);
    if (tree == NULL)
        ok = ok && batch_add(path, files, count);
    while (ok && tree != NULL && (e = fts_read(tree)) != NULL) {
        size_t len = strlen(e->fts_name);

        if (e->fts_level == FTS_ROOTLEVEL && e->fts_info != FTS_D && e->fts_info != FTS_DP)
            ok = batch_add(path, files, count); /* what cannot be read is said by the reader */
        else if (e->fts_info == FTS_F && len > 4 && strcmp(e->fts_name + len - 4, ".pkt") == 0)
            ok = batch_add(e->fts_path, files, count);
    }
    if (tree != NULL)
        fts_close(tree);
    free(copy);
    if (!ok)
        fprintf(stderr, "stackdrill: no memory left: free some\n");
    return ok;
}
