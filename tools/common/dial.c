#include "dial.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DIAL_IN = 128 * 1024, DIAL_LINE_MAX = 16 << 20 };

int dial_places(struct dial_place *place)
{
    const char *run = getenv("XDG_RUNTIME_DIR"), *only = getenv("STACKD_CONTROL");
    char mine[512];
    glob_t g = {0};
    int n = 0;

    if (only != NULL && *only != '\0') {
        snprintf(place[0].path, sizeof(place[0].path), "%s", only);
        return strlen(only) < sizeof(place[0].path) ? 1 : 0;
    }
    glob("/run/stackd/*.sock", 0, NULL, &g);
    snprintf(mine, sizeof(mine), "%s/stackd/*.sock", run != NULL ? run : "/run/user/none");
    glob(mine, GLOB_APPEND, NULL, &g);
    snprintf(mine, sizeof(mine), "/tmp/stackd-%u/*.sock", (unsigned)getuid());
    glob(mine, GLOB_APPEND, NULL, &g);
    for (size_t i = 0; i < g.gl_pathc && n < DIAL_MOST; i++) {
        if (strlen(g.gl_pathv[i]) < sizeof(place[n].path))
            strcpy(place[n++].path, g.gl_pathv[i]);
    }
    globfree(&g);
    return n;
}

char *dial_name(const char *path, char *out, size_t len)
{
    const char *slash = strrchr(path, '/');

    snprintf(out, len, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(out, '.');

    if (dot != NULL && strcmp(dot, ".sock") == 0)
        *dot = '\0';
    return out;
}

int dial_open(struct dial *d, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    *d = (struct dial){.fd = -1};
    if (strlen(path) >= sizeof(a.sun_path))
        return -ENAMETOOLONG;
    strcpy(a.sun_path, path);
    strcpy(d->path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        int err = errno;

        close(fd);
        return -err;
    }
    d->in = malloc(DIAL_IN);
    if (d->in == NULL) {
        close(fd);
        return -ENOMEM;
    }
    d->in_cap = DIAL_IN;
    d->fd = fd;
    return 0;
}

void dial_close(struct dial *d)
{
    if (d->fd >= 0)
        close(d->fd);
    free(d->in);
    *d = (struct dial){.fd = -1};
}

char *dial_why(const char *program, const char *path, int err, char *out, size_t len)
{
    switch (err) {
    case EACCES:
    case EPERM:
        snprintf(out, len, "may not open %s: run %s as the user who runs stackd (sudo)", path,
                 program);
        break;
    case ENOENT:
        snprintf(out, len, "there is no %s: start stackd, or give the right --control", path);
        break;
    case ECONNREFUSED:
        snprintf(out, len, "nobody listens on %s any more: start stackd again", path);
        break;
    case EAGAIN:
        snprintf(out, len, "stackd does not take more clients on %s: end another stackctl", path);
        break;
    default:
        snprintf(out, len, "cannot reach %s: %s", path, strerror(err));
    }
    return out;
}

bool dial_send(struct dial *d, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = send(d->fd, p, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

void dial_rest(struct dial *d)
{
    memmove(d->in, d->in + d->in_taken, d->in_len - d->in_taken);
    d->in_len -= d->in_taken;
    d->in_taken = 0;
}

char *dial_line(struct dial *d)
{
    for (;;) {
        char *line = d->in + d->in_taken, *nl = memchr(line, '\n', d->in_len - d->in_taken);

        if (nl != NULL) {
            *nl = '\0';
            d->in_taken = (size_t)(nl + 1 - d->in);
            return line;
        }
        dial_rest(d);
        if (d->in_len == d->in_cap) {
            size_t cap = d->in_cap * 2;
            char *more = cap <= DIAL_LINE_MAX ? realloc(d->in, cap) : NULL;

            if (more == NULL)
                return NULL;
            d->in = more;
            d->in_cap = cap;
        }
        ssize_t n = read(d->fd, d->in + d->in_len, d->in_cap - d->in_len);

        if (n <= 0)
            return NULL; /* the end, or Ctrl-C where it is caught */
        d->in_len += (size_t)n;
    }
}

json_t *dial_ask(struct dial *d, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);

    if (text == NULL) /* json_pack() has refused a text */
        return json_pack("{s:b,s:s,s:s}", "ok", 0, "kind", "usage", "error",
                         "a text of this request is not UTF-8, as JSON must be");
    bool sent = dial_send(d, text, strlen(text)) && dial_send(d, "\n", 1);

    free(text);
    const char *line = sent ? dial_line(d) : NULL;

    return line != NULL ? json_loads(line, 0, NULL) : NULL;
}
