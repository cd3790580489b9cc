#include "lwip_guest.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GUEST_FRAME_MAX = 65536 };

static void guest_put(struct lwip_guest *g, char type, const void *bytes, uint32_t len)
{
    if (fwrite(&type, 1, 1, g->to) != 1 || fwrite(&len, sizeof(len), 1, g->to) != 1 ||
        fwrite(bytes, 1, len, g->to) != len)
        world_fail(g->h->w, "lwIP does not listen any more");
}

static void guest_tell_time(struct lwip_guest *g)
{
    uint64_t ms = (uint64_t)(g->h->w->now / NET_MS(1));

    if (ms != g->told)
        guest_put(g, 'T', &ms, sizeof(ms));
    g->told = ms;
    g->due = true;
}

static void guest_input(void *ctx, const void *frame, size_t len)
{
    struct lwip_guest *g = ctx;

    guest_tell_time(g);
    guest_put(g, 'F', frame, (uint32_t)len);
}

static void guest_heard(struct lwip_guest *g, char type, const uint8_t *bytes, uint32_t len)
{
    if (type == 'F') {
        world_guest_send(g->h, bytes, len);
    } else if (type == 'R') {
        size_t used = strlen(g->reports);

        if (used + len + 2 > sizeof(g->reports))
            world_fail(g->h->w, "lwIP reports too much");
        else
            snprintf(g->reports + used, sizeof(g->reports) - used, "%.*s\n", (int)len,
                     (const char *)bytes);
    } else {
        uint64_t ms;

        memcpy(&ms, bytes, sizeof(ms));
        g->deadline =
            ms >= (uint64_t)NET_NEVER / (uint64_t)NET_MS(1) ? NET_NEVER : (net_time)ms * NET_MS(1);
    }
}

static void guest_run(void *ctx)
{
    static uint8_t buf[GUEST_FRAME_MAX];
    struct lwip_guest *g = ctx;
    char type = 0;

    if (!g->due && g->h->w->now < g->deadline)
        return;
    guest_tell_time(g);
    guest_put(g, 'G', "", 0);
    fflush(g->to);
    g->due = false;
    while (type != 'D') {
        uint32_t len = 0;

        if (fread(&type, 1, 1, g->from) != 1 || fread(&len, sizeof(len), 1, g->from) != 1 ||
            len > sizeof(buf) || fread(buf, 1, len, g->from) != len) {
            world_fail(g->h->w, "lwIP does not answer any more");
            return;
        }
        guest_heard(g, type, buf, len);
    }
}

static net_time guest_deadline(void *ctx)
{
    const struct lwip_guest *g = ctx;

    return g->due ? g->h->w->now : g->deadline;
}

/* LWIP_HOST, the program, is a matter of the build. */
static void guest_start(struct lwip_guest *g)
{
    int in[2], out[2];

    signal(SIGPIPE, SIG_IGN); /* its death is told by world_fail() */
    if (pipe(in) != 0 || pipe(out) != 0)
        abort();
    g->pid = fork();
    if (g->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        execl(LWIP_HOST, LWIP_HOST, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    g->to = fdopen(in[1], "w");
    g->from = fdopen(out[0], "r");
}

void lwip_guest_begin(struct lwip_guest *g, struct world *w, uint8_t last_byte, unsigned mtu)
{
    static const struct world_guest guest = {guest_input, guest_run, guest_deadline};
    struct net_config cfg;

    memset(g, 0, sizeof(*g));
    world_config(&cfg, last_byte);
    snprintf(cfg.name, sizeof(cfg.name), "lwip");
    g->h = world_guest_add(w, &cfg, &guest, g);
    g->deadline = NET_NEVER;
    guest_start(g);
    lwip_guest_tell(g, "host 10.0.0.%u %u", last_byte, mtu);
}

void lwip_guest_tell(struct lwip_guest *g, const char *format, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, format);
    int len = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    guest_tell_time(g);
    guest_put(g, 'C', text, (uint32_t)len);
}

void lwip_guest_talk(struct lwip_guest *g, int id, uint16_t port, uint16_t from,
                     const struct talk_plan *plan, const struct talk_plan *peers)
{
    static const char *const ends[] = {
        [TALK_FIRST] = "first", [TALK_SECOND] = "second", [TALK_CLOSE] = "close"};
    char who[64];

    if (from != 0)
        snprintf(who, sizeof(who), "connect %d 10.0.0.1 %u %u", id, port, from);
    else
        snprintf(who, sizeof(who), "listen %d %u", id, port);
    lwip_guest_tell(g, "%s %llu %llu %llu %llu %s %lld", who, (unsigned long long)plan->key,
                    (unsigned long long)plan->bytes, (unsigned long long)peers->key,
                    (unsigned long long)peers->bytes, ends[plan->end],
                    (long long)(plan->read_from / NET_MS(1)));
}

bool lwip_guest_said(const struct lwip_guest *g, const char *format, ...)
{
    char line[200];
    va_list ap;

    va_start(ap, format);
    vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    size_t len = strlen(line);

    for (const char *p = g->reports; *p != 0; p += strcspn(p, "\n") + 1) {
        if (strncmp(p, line, len) == 0 && p[len] == '\n')
            return true;
    }
    return false;
}

void lwip_guest_end(struct lwip_guest *g)
{
    int status = 0;

    fclose(g->to);
    fclose(g->from);
    waitpid(g->pid, &status, 0);
    T_EQ(status, 0);
}
