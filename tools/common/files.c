#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH, syscall */
#endif
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

static int files_open(void *ctx, const char *path, struct app_stat *out)
{
    const struct files *f = ctx;
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

static int files_read(void *ctx, int handle, uint64_t offset, void *buf, size_t len)
{
    ssize_t n;

    (void)ctx;
    if (len > INT32_MAX)
        len = INT32_MAX;
    do
        n = pread(handle, buf, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

static void files_close(void *ctx, int handle)
{
    (void)ctx;
    close(handle);
}

int files_open_root(struct files *f, const char *dir, struct app_files *out)
{
    f->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->root < 0)
        return -errno;
    int probe = files_beneath(f->root, ".");

    f->has_beneath = probe >= 0;
    if (probe >= 0)
        close(probe);
    *out = (struct app_files){f, files_open, files_read, files_close};
    return 0;
}

void files_close_root(struct files *f)
{
    close(f->root);
    f->root = -1;
}
