#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "filecopy.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static bool filecopy_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool filecopy_is_of(const struct filecopy *c, const struct stat *st)
{
    return c->bytes != NULL && c->ino == st->st_ino && c->dev == st->st_dev &&
           c->len == (size_t)st->st_size && filecopy_same_time(c->mtime, st->st_mtim) &&
           filecopy_same_time(c->ctime, st->st_ctim);
}

static void filecopy_drop(struct filecopies *all, struct filecopy *c)
{
    munmap(c->bytes, c->len);
    all->bytes -= c->len;
    *c = (struct filecopy){0};
}

/* A place for @len bytes more; NULL: what is there is in use. */
static struct filecopy *filecopy_place(struct filecopies *all, size_t len)
{
    for (;;) {
        struct filecopy *oldest = NULL, *empty = NULL;

        for (unsigned i = 0; i < FILECOPY_COUNT; i++) {
            struct filecopy *c = &all->copy[i];

            if (c->bytes == NULL)
                empty = c;
            else if (c->users == 0 && (oldest == NULL || c->asked < oldest->asked))
                oldest = c;
        }
        if (empty != NULL && all->bytes + len <= FILECOPY_ALL)
            return empty;
        if (oldest == NULL)
            return NULL;
        filecopy_drop(all, oldest);
    }
}

static struct filecopy *filecopy_new(struct filecopies *all, const struct stat *st)
{
    struct filecopy *c = filecopy_place(all, (size_t)st->st_size);

    if (c == NULL)
        return NULL;
    void *p =
        mmap(NULL, (size_t)st->st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    madvise(p, (size_t)st->st_size, MADV_HUGEPAGE); /* where there are such pages: fewer misses */
    *c = (struct filecopy){
        .bytes = p,
        .len = (size_t)st->st_size,
        .dev = st->st_dev,
        .ino = st->st_ino,
        .mtime = st->st_mtim,
        .ctime = st->st_ctim,
    };
    all->bytes += c->len;
    return c;
}

struct filecopy *filecopy_open(struct filecopies *all, int fd)
{
    struct filecopy *c = NULL;
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILECOPY_MAX)
        return NULL;
    for (unsigned i = 0; i < FILECOPY_COUNT && c == NULL; i++) {
        if (filecopy_is_of(&all->copy[i], &st))
            c = &all->copy[i];
    }
    if (c == NULL && st.st_ctim.tv_sec + 1 < all->clock(NULL))
        c = filecopy_new(all, &st);
    if (c == NULL)
        return NULL;
    c->asked = ++all->asked;
    c->users++;
    return c;
}

void filecopy_close(struct filecopy *c)
{
    NET_ASSERT(c->users > 0);
    c->users--;
}

static void filecopy_returned(void *ctx)
{
    filecopy_close(ctx);
}

/* Read up to @end. Return: whether it is there. */
static bool filecopy_fill(struct filecopy *c, int fd, size_t end)
{
    while (c->filled < end) {
        ssize_t n = pread(fd, c->bytes + c->filled, end - c->filled, (off_t)c->filled);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* it has become shorter, and so another file: this copy is not found again */
            return false;
        c->filled += (size_t)n;
    }
    return true;
}

size_t filecopy_lend(struct filecopy *c, int fd, uint64_t offset, size_t len, struct lent *out)
{
    if (offset >= c->len || offset > c->filled + FILECOPY_AHEAD)
        return 0;
    if (len > c->len - offset)
        len = c->len - (size_t)offset;
    if (!filecopy_fill(c, fd, (size_t)offset + len))
        return 0;
    c->users++;
    *out = (struct lent){
        {c->bytes + offset, len},
        filecopy_returned, c
    };
    return len;
}

void filecopies_free(struct filecopies *all)
{
    for (unsigned i = 0; i < FILECOPY_COUNT; i++) {
        if (all->copy[i].bytes != NULL)
            filecopy_drop(all, &all->copy[i]);
    }
}
