#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH, syscall */
#endif
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FILES_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

/* One name at a time. Return: a descriptor or a negative errno value. */
static int files_walk(int root, const char *path)
{
    int dir = root;

    for (;;) {
        const char *slash = strchrnul(path, '/');
        size_t len = (size_t)(slash - path);
        bool last = *slash == '\0';
        char name[NAME_MAX + 1];

        if (len == 0 || len > NAME_MAX || (len == 2 && memcmp(path, "..", 2) == 0)) {
            errno = len > NAME_MAX ? ENAMETOOLONG : EXDEV;
        } else {
            memcpy(name, path, len);
            name[len] = '\0';
            int flags = last ? FILES_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC;
            int fd = openat(dir, name, flags | O_NOFOLLOW);

            if (fd >= 0 && dir != root)
                close(dir);
            if (fd >= 0 && last)
                return fd;
            if (fd >= 0) {
                dir = fd;
                path = slash + 1;
                continue;
            }
        }
        int error = errno;

        if (dir != root)
            close(dir);
        return -error;
    }
}

static int files_beneath(int root, const char *path)
{
    struct open_how how = {
        .flags = FILES_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd;

    do /* EAGAIN: a rename on the way made the kernel unsure */
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return fd < 0 ? -errno : fd;
}

/* Return: a descriptor or a negative errno value. */
static int files_open_fd(const struct files *f, const char *path, struct app_stat *out)
{
    int fd = f->has_beneath ? files_beneath(f->root, path) : files_walk(f->root, path);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        close(fd);
        return -EACCES;
    }
    *out = (struct app_stat){
        .size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
        .mtime = st.st_mtim.tv_sec,
        .is_dir = S_ISDIR(st.st_mode),
    };
    return fd;
}

static int files_pread(int fd, uint64_t offset, void *buf, size_t len)
{
    ssize_t n;

    if (len > INT32_MAX)
        len = INT32_MAX;
    do
        n = pread(fd, buf, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

/* ---- what is remembered ---- */

static net_time files_clock(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts); /* some milliseconds old, and cheap */
    return NET_SEC(ts.tv_sec) + ts.tv_nsec;
}

/* Where @path is remembered, if it is (FNV-1a); NULL: nowhere, since it is too long. */
static struct files_kept *files_place(struct files *f, const char *path)
{
    uint32_t hash = 2166136261u;
    size_t len = 0;

    for (; path[len] != '\0'; len++)
        hash = (hash ^ (uint8_t)path[len]) * 16777619u;
    return len < FILES_PATH ? &f->kept[hash % FILES_KEPT] : NULL;
}

static void files_forget(struct files_kept *k)
{
    free(k->content);
    *k = (struct files_kept){.path = ""};
}

/* Remember what @fd is. Return: whether all of its content could be read. */
static bool files_keep(struct files *f, struct files_kept *k, const char *path, int fd,
                       const struct app_stat *stat)
{
    files_forget(k);
    k->content = malloc((size_t)stat->size + 1);
    if (k->content == NULL)
        return false;
    if (!stat->is_dir && files_pread(fd, 0, k->content, (size_t)stat->size) != (int)stat->size) {
        files_forget(k); /* it is just being written */
        return false;
    }
    strcpy(k->path, path);
    k->stat = *stat;
    k->since = f->clock();
    return true;
}

/* ---- struct app_files ----
 *
 * A handle below FILES_KEPT is the number of what is remembered, any other a descriptor behind it. */

static int files_open(void *ctx, const char *path, struct app_stat *out)
{
    struct files *f = ctx;
    struct files_kept *k = files_place(f, path);
    bool is_known = k != NULL && path[0] != '\0' && strcmp(k->path, path) == 0 &&
                    f->clock() - k->since < FILES_TIME;

    if (!is_known) {
        int fd = files_open_fd(f, path, out);

        if (fd < 0)
            return fd;
        if (k == NULL || k->users > 0 || out->size > FILES_SMALL ||
            !files_keep(f, k, path, fd, out))
            return FILES_KEPT + fd;
        close(fd);
    }
    k->users++;
    *out = k->stat;
    return (int)(k - f->kept);
}

static int files_read(void *ctx, int handle, uint64_t offset, void *buf, size_t len)
{
    const struct files *f = ctx;

    if (handle >= FILES_KEPT)
        return files_pread(handle - FILES_KEPT, offset, buf, len);
    const struct files_kept *k = &f->kept[handle];

    if (k->stat.is_dir)
        return -EISDIR;
    if (offset >= k->stat.size)
        return 0;
    if (len > k->stat.size - offset)
        len = (size_t)(k->stat.size - offset);
    memcpy(buf, k->content + offset, len);
    return (int)len;
}

static void files_kept_returned(void *ctx)
{
    struct files_kept *k = ctx;

    k->users--;
}

/* Return: where the copy of descriptor @fd is noted; NULL: no memory. */
static struct filecopy **files_copy(struct files *f, int fd)
{
    if (fd >= f->open_count) {
        int count = fd + 64;
        struct filecopy **open = realloc(f->open, (size_t)count * sizeof(*open));

        if (open == NULL)
            return NULL;
        memset(open + f->open_count, 0, (size_t)(count - f->open_count) * sizeof(*open));
        f->open = open;
        f->open_count = count;
    }
    return &f->open[fd];
}

static int files_lend(void *ctx, int handle, uint64_t offset, size_t len, struct lent *out)
{
    struct files *f = ctx;

    len = len < INT32_MAX ? len : INT32_MAX;
    if (handle < FILES_KEPT) {
        struct files_kept *k = &f->kept[handle];

        if (k->stat.is_dir || offset >= k->stat.size)
            return 0;
        if (len > k->stat.size - offset)
            len = (size_t)(k->stat.size - offset);
        k->users++;
        *out = (struct lent){{k->content + offset, len}, files_kept_returned, k};
        return (int)len;
    }
    int fd = handle - FILES_KEPT;
    struct filecopy **copy = files_copy(f, fd);

    if (copy == NULL)
        return 0;
    if (*copy == NULL)
        *copy = filecopy_open(&f->copies, fd);
    return *copy == NULL ? 0 : (int)filecopy_lend(*copy, fd, offset, len, out);
}

static void files_close(void *ctx, int handle)
{
    struct files *f = ctx;
    int fd = handle - FILES_KEPT;

    if (handle < FILES_KEPT) {
        f->kept[handle].users--;
        return;
    }
    if (fd < f->open_count && f->open[fd] != NULL) {
        filecopy_close(f->open[fd]);
        f->open[fd] = NULL;
    }
    close(fd);
}

int files_open_root(struct files *f, const char *dir, struct app_files *out)
{
    *f = (struct files){.clock = files_clock, .copies.clock = time};
    f->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->root < 0)
        return -errno;
    int probe = files_beneath(f->root, ".");

    f->has_beneath = probe >= 0;
    if (probe >= 0)
        close(probe);
    *out = (struct app_files){f, files_open, files_read, files_close, files_lend};
    return 0;
}

void files_close_root(struct files *f)
{
    for (size_t i = 0; i < FILES_KEPT; i++)
        files_forget(&f->kept[i]);
    filecopies_free(&f->copies);
    free(f->open);
    close(f->root);
    f->root = -1;
}
