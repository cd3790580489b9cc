/*
 * files.c - --http-root as the web server sees it: open, read, close, and nothing outside.
 *
 * The web server hands over decoded, normalised relative paths. The kernel resolves them beneath
 * the root (openat2(2), RESOLVE_BENEATH), so that no link leads out; where that call is missing or
 * filtered we walk down ourselves and follow no links at all. Special files are refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "stackd.h"

enum { FILES_FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY };

static int files_walk(int root, const char *path)
{
    char name[256];
    int dir = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    while (dir >= 0) {
        const char *slash = strchr(path, '/');
        size_t len = slash != NULL ? (size_t)(slash - path) : strlen(path);

        if (len == 0 || len >= sizeof(name)) {
            close(dir);
            return -ENOENT;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        if (strcmp(name, "..") == 0) {
            close(dir);
            return -EXDEV;
        }
        int flags = slash != NULL ? O_PATH | O_DIRECTORY | O_CLOEXEC : FILES_FLAGS;
        int next = openat(dir, name, flags | O_NOFOLLOW), why = errno;

        close(dir);
        if (next < 0)
            return -why;
        if (slash == NULL)
            return next;
        dir = next;
        path = slash + 1;
    }
    return -errno;
}

static int files_open_path(void *ctx, const char *path, struct app_stat *out)
{
    struct stackd *d = ctx;
    struct open_how how = {.flags = FILES_FLAGS,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    struct stat st;
    int fd = (int)syscall(SYS_openat2, d->files_root, path, &how, sizeof(how));

    if (fd < 0 && errno != ENOSYS && errno != EPERM)
        return -errno;
    if (fd < 0)
        fd = files_walk(d->files_root, path);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        close(fd);
        return -EACCES;
    }
    *out = (struct app_stat){
        .size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
        .mtime = st.st_mtime,
        .is_dir = S_ISDIR(st.st_mode),
    };
    return fd;
}

static int files_read(void *ctx, int handle, uint64_t offset, void *buf, size_t len)
{
    (void)ctx;
    ssize_t n = pread(handle, buf, len, (off_t)offset);

    return n < 0 ? -errno : (int)n;
}

static void files_close(void *ctx, int handle)
{
    (void)ctx;
    close(handle);
}

int files_open(struct stackd *d, const char *root, char *err, size_t err_len)
{
    d->files_root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->files_root < 0) {
        snprintf(err, err_len, "--http-root %s: %s: name a directory that we may read", root,
                 strerror(errno));
        return -1;
    }
    d->files = (struct app_files){d, files_open_path, files_read, files_close};
    return 0;
}
