/*
 * client.c - the way to stackd: finding its socket, requests and replies.
 */
#include "stackctl.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CTL_IN = 128 * 1024, CTL_LINE_MAX = 16 << 20 };

const char *jstr(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s != NULL ? s : "";
}
long long jnum(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}
double jreal(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}
bool jbool(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

/* Return: a connected socket, or a negative errno value. */
static int ctl_dial(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(a.sun_path))
        return -ENAMETOOLONG;
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        int err = errno;

        close(fd);
        return -err;
    }
    return fd;
}

static int ctl_dial_failed(const char *path, int err)
{
    switch (err) {
    case EACCES:
    case EPERM:
        return ctl_say(CTL_FAILED,
                       "may not open %s: run stackctl as the user who runs stackd (sudo)", path);
    case ENOENT:
        return ctl_say(CTL_FAILED, "there is no %s: start stackd, or give the right --control",
                       path);
    case ECONNREFUSED:
        return ctl_say(CTL_FAILED, "nobody listens on %s any more: start stackd again", path);
    case EAGAIN:
        return ctl_say(CTL_FAILED, "stackd does not take more clients on %s: end another stackctl",
                       path);
    default:
        return ctl_say(CTL_FAILED, "cannot reach %s: %s", path, strerror(err));
    }
}

/* Without --control: whoever answers in the two usual folders, if it is only one. */
static int ctl_find(struct ctl *c)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    char mine[512], all[2048] = "";
    glob_t g = {0};
    int found = 0, forbidden = -1;

    glob("/run/stackd/*.sock", 0, NULL, &g);
    snprintf(mine, sizeof(mine), "%s/stackd/*.sock", run != NULL ? run : "/run/user/none");
    glob(mine, GLOB_APPEND, NULL, &g);
    snprintf(mine, sizeof(mine), "/tmp/stackd-%u/*.sock", (unsigned)getuid());
    glob(mine, GLOB_APPEND, NULL, &g);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        int fd = ctl_dial(g.gl_pathv[i]);

        if (fd == -EACCES || fd == -EPERM)
            forbidden = (int)i;
        if (fd < 0)
            continue;
        if (found++ == 0) {
            c->fd = fd;
            snprintf(c->found, sizeof(c->found), "%s", g.gl_pathv[i]);
            c->control = c->found;
        } else {
            close(fd);
        }
        size_t len = strlen(all);

        snprintf(all + len, sizeof(all) - len, " %s", g.gl_pathv[i]);
    }
    int status = CTL_OK;

    if (found == 0 && forbidden >= 0)
        status = ctl_dial_failed(g.gl_pathv[forbidden], EACCES);
    else if (found == 0)
        status =
            ctl_say(CTL_FAILED, "no stackd is running here: start one (`sudo stackd --tap "
                                "tap0', or `stackd --netns'), or name its socket with --control");
    else if (found > 1)
        status =
            ctl_say(CTL_USAGE, "%d stackds are running: choose one with --control:%s", found, all);
    globfree(&g);
    return status;
}

int ctl_connect(struct ctl *c)
{
    if (c->fd >= 0)
        return CTL_OK;
    c->in_cap = CTL_IN;
    c->in = malloc(c->in_cap);
    if (c->in == NULL)
        return ctl_say(CTL_FAILED, "no memory: close something");
    if (c->control == NULL)
        return ctl_find(c);
    c->fd = ctl_dial(c->control);
    if (c->fd < 0)
        return ctl_dial_failed(c->control, -c->fd);
    return CTL_OK;
}

bool ctl_send(struct ctl *c, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

void ctl_rest(struct ctl *c)
{
    memmove(c->in, c->in + c->in_taken, c->in_len - c->in_taken);
    c->in_len -= c->in_taken;
    c->in_taken = 0;
}

char *ctl_line(struct ctl *c)
{
    for (;;) {
        char *line = c->in + c->in_taken, *nl = memchr(line, '\n', c->in_len - c->in_taken);

        if (nl != NULL) {
            *nl = '\0';
            c->in_taken = (size_t)(nl + 1 - c->in);
            return line;
        }
        ctl_rest(c);
        if (c->in_len == c->in_cap) {
            size_t cap = c->in_cap * 2;
            char *more = cap <= CTL_LINE_MAX ? realloc(c->in, cap) : NULL;

            if (more == NULL)
                return NULL;
            c->in = more;
            c->in_cap = cap;
        }
        ssize_t n = read(c->fd, c->in + c->in_len, c->in_cap - c->in_len);

        if (n <= 0)
            return NULL; /* the end, or Ctrl-C where it is caught */
        c->in_len += (size_t)n;
    }
}

json_t *ctl_ask(struct ctl *c, json_t *request, int *status)
{
    *status = ctl_connect(c);
    char *text = *status == CTL_OK ? json_dumps(request, JSON_COMPACT) : NULL;

    json_decref(request);
    if (text == NULL)
        return NULL;
    bool sent = ctl_send(c, text, strlen(text)) && ctl_send(c, "\n", 1);

    free(text);
    const char *line = sent ? ctl_line(c) : NULL;
    json_t *reply = line != NULL ? json_loads(line, 0, NULL) : NULL;

    if (reply == NULL) {
        *status =
            ctl_say(CTL_FAILED, "stackd closed the connection: has it ended? (%s)", c->control);
        return NULL;
    }
    if (!jbool(reply, "ok")) {
        const char *mend = jstr(reply, "mend");

        *status = ctl_say(strcmp(jstr(reply, "kind"), "usage") == 0 ? CTL_USAGE : CTL_FAILED,
                          "%s%s%s", jstr(reply, "error"), *mend != '\0' ? ": " : "", mend);
        json_decref(reply);
        return NULL;
    }
    return reply;
}

json_t *ctl_ask_all(struct ctl *c, json_t *request, const char *const *keys, int *status)
{
    json_t *all = NULL;

    for (;;) {
        json_t *part = ctl_ask(c, json_copy(request), status);

        if (part == NULL) {
            json_decref(all);
            all = NULL;
            break;
        }
        json_t *next = json_object_get(part, "next");

        if (next != NULL)
            json_object_set(request, "from", next);
        bool more = next != NULL;

        json_object_del(part, "next");
        if (all == NULL) {
            all = part;
        } else {
            for (const char *const *k = keys; *k != NULL; k++)
                json_array_extend(json_object_get(all, *k), json_object_get(part, *k));
            json_decref(part);
        }
        if (!more)
            break;
    }
    json_decref(request);
    return all;
}

void ctl_print_json(const json_t *reply)
{
    json_t *copy = json_copy((json_t *)(size_t)reply);

    json_object_del(copy, "ok");
    json_dumpf(copy, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(copy);
}

int ctl_do(struct ctl *c, json_t *request)
{
    int status;
    json_t *reply = ctl_ask(c, request, &status);

    if (reply != NULL && c->json)
        ctl_print_json(reply);
    json_decref(reply);
    return status;
}
