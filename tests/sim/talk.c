#include "talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TALK_CHUNK = 65536 };

static uint64_t talk_word(uint64_t key, uint64_t i) /* splitmix64 */
{
    uint64_t z = key + (i + 1) * 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

uint8_t talk_byte(uint64_t key, uint64_t i)
{
    return (uint8_t)(talk_word(key, i / 8) >> (8 * (i % 8)));
}

static void talk_fill(uint64_t key, uint64_t from, uint8_t *out, size_t len)
{
    uint64_t word = 0;

    for (size_t k = 0; k < len; k++) {
        uint64_t i = from + k;

        if (k == 0 || i % 8 == 0)
            word = talk_word(key, i / 8);
        out[k] = (uint8_t)(word >> (8 * (i % 8)));
    }
}

static void talk_begin(struct talk *t, struct world_host *h, const struct talk_plan *mine,
                       const struct talk_plan *peers)
{
    *t = (struct talk){.h = h, .mine = *mine, .peers = *peers, .sd = -1, .listener = -1};
    t->next_read = mine->read_from;
}

static void talk_options(const struct talk *t, int sd)
{
    struct socks *s = net_socks(&t->h->n);

    if (t->mine.sndbuf != 0)
        sock_setopt(s, sd, SOCK_OPT_SNDBUF, t->mine.sndbuf);
    if (t->mine.rcvbuf != 0)
        sock_setopt(s, sd, SOCK_OPT_RCVBUF, t->mine.rcvbuf);
    sock_setopt(s, sd, SOCK_OPT_NODELAY, t->mine.nodelay);
}

static void talk_failed(struct talk *t, const char *what, int error)
{
    t->error = error;
    t->over = true;
    world_fail(t->h->w, "%s: %s failed: %s, %llu of %llu sent, %llu of %llu received",
               t->h->n.core.name, what, strerror(-error), (unsigned long long)t->sent,
               (unsigned long long)t->mine.bytes, (unsigned long long)t->received,
               (unsigned long long)t->peers.bytes);
}

void talk_listen(struct talk *t, struct world_host *h, uint16_t port, const struct talk_plan *mine,
                 const struct talk_plan *peers)
{
    struct socks *s = net_socks(&h->n);
    struct sock_addr a = {IP_ADDR_ANY, port};

    talk_begin(t, h, mine, peers);
    t->port = port;
    t->listener = sock_open(s, SOCK_KIND_TCP);
    talk_options(t, t->listener);
    int err = sock_bind(s, t->listener, &a);

    if (err == 0)
        err = sock_listen(s, t->listener, 1);
    if (err != 0)
        talk_failed(t, "listen", err);
}

/* The first bytes go with the SYN (RFC 7413), if the host may. Return: -EINPROGRESS, or the error. */
static int talk_connect_fast(struct talk *t, const struct sock_addr *to)
{
    uint8_t first[600];
    size_t len = t->mine.bytes < sizeof(first) ? (size_t)t->mine.bytes : sizeof(first);

    talk_fill(t->mine.key, 0, first, len);
    int n = sock_connect_send(net_socks(&t->h->n), t->sd, to, first, len, 0);

    if (n < 0)
        return n;
    t->sent = (uint64_t)n;
    return -EINPROGRESS;
}

void talk_connect(struct talk *t, struct world_host *h, uint16_t from, uint32_t ip, uint16_t port,
                  const struct talk_plan *mine, const struct talk_plan *peers)
{
    struct socks *s = net_socks(&h->n);
    struct sock_addr a = {IP_ADDR_ANY, from}, to = {ip_addr_v4(ip), port};

    talk_begin(t, h, mine, peers);
    t->sd = sock_open(s, SOCK_KIND_TCP);
    talk_options(t, t->sd);
    int err = from != 0 ? sock_bind(s, t->sd, &a) : 0;

    if (err == 0)
        err = (h->n.tcp.cfg.fastopen & TCP_FO_CLIENT) && mine->bytes > 0
                  ? talk_connect_fast(t, &to)
                  : sock_connect(s, t->sd, &to);
    if (err != -EINPROGRESS)
        talk_failed(t, "connect", err);
}

void talk_adopt(struct talk *t, struct world_host *h, int sd, const struct talk_plan *mine,
                const struct talk_plan *peers)
{
    talk_begin(t, h, mine, peers);
    t->sd = sd;
    t->connected = true;
}

/* Return: whether there is a connection now. */
static bool talk_open(struct talk *t)
{
    struct socks *s = net_socks(&t->h->n);

    if (t->listener >= 0) {
        int sd = sock_accept(s, t->listener, NULL);

        if (sd == -EAGAIN)
            return false;
        sock_close(s, t->listener);
        t->listener = -1;
        if (sd < 0) {
            talk_failed(t, "accept", sd);
            return false;
        }
        t->sd = sd;
        t->connected = true;
    }
    if (!t->connected && (poll_events(s, t->sd) & (SOCK_OUT | SOCK_ERR | SOCK_HUP)) != 0) {
        int64_t error = 0;

        sock_getopt(s, t->sd, SOCK_OPT_ERROR, &error);
        if (error != 0)
            talk_failed(t, "connect", -(int)error);
        t->connected = true;
    }
    return t->connected && !t->over;
}

/* What is lent; it begins with whom it belongs to. */
struct talk_lent {
    struct talk *t;
    uint8_t bytes[];
};

static void talk_unlent(void *ctx)
{
    struct talk_lent *l = ctx;

    l->t->unlent++;
    free(l);
}

/* Return: as sock_send_ref(). */
static int talk_lend(struct talk *t, size_t len, unsigned flags)
{
    struct talk_lent *l = malloc(sizeof(*l) + len);

    if (l == NULL)
        abort();
    l->t = t;
    talk_fill(t->mine.key, t->sent, l->bytes, len);
    int n = sock_send_ref(net_socks(&t->h->n), t->sd,
                          &(struct lent){
                              {l->bytes, len},
                              talk_unlent, l
    },
                          flags);

    t->lent += n > 0;
    t->refused += n == -ENOBUFS;
    if (n <= 0)
        free(l);
    return n;
}

/* Say up to @len bytes: through a copy if the plan bounds a write, else in place. */
static int talk_say(struct talk *t, size_t len, unsigned flags)
{
    static uint8_t buf[TALK_CHUNK];
    struct socks *s = net_socks(&t->h->n);
    struct mspan room;
    uint64_t dice = talk_word(~t->mine.key, t->sent);

    if (t->mine.lend && dice % 2 == 0) {
        size_t most = dice % 16 == 0 ? 40000 : 3000, want = 1 + (size_t)(dice >> 8) % most;
        int n = talk_lend(t, want < len ? want : len, flags);

        if (n != -ENOBUFS)
            return n;
    } else if (t->mine.lend && len > 2000) { /* short pieces between them */
        len = 1 + (size_t)(dice >> 8) % 2000;
    }
    if (t->mine.write_max != 0) {
        talk_fill(t->mine.key, t->sent, buf, len);
        if ((t->sent >> 9) % 16 == 5) /* now and then something is urgent: it changes no byte */
            flags |= SOCK_MSG_OOB;
        return sock_send(s, t->sd, buf, len, flags);
    }
    int n = sock_reserve(s, t->sd, len, &room);

    if (n < 0)
        return n;
    talk_fill(t->mine.key, t->sent, room.p, room.len);
    int err = sock_commit(s, t->sd, room.len, flags);

    return err < 0 ? err : (int)room.len;
}

static void talk_write(struct talk *t)
{
    uint32_t max =
        t->mine.write_max != 0 && t->mine.write_max < TALK_CHUNK ? t->mine.write_max : TALK_CHUNK;

    while (t->sent < t->mine.bytes && !t->over && t->next_write <= t->h->w->now) {
        size_t len = t->mine.bytes - t->sent < max ? (size_t)(t->mine.bytes - t->sent) : max;
        int n = talk_say(t, len, t->mine.more && t->sent + len < t->mine.bytes ? SOCK_MSG_MORE : 0);

        if (n == -EAGAIN)
            return;
        if (n < 0) {
            talk_failed(t, "send", n);
            return;
        }
        t->sent += (uint64_t)n;
        if (t->mine.write_pause > 0)
            t->next_write = t->h->w->now + t->mine.write_pause;
    }
}

static void talk_read(struct talk *t)
{
    static uint8_t buf[TALK_CHUNK], want[TALK_CHUNK];
    struct socks *s = net_socks(&t->h->n);
    size_t max =
        t->mine.read_max != 0 && t->mine.read_max < TALK_CHUNK ? t->mine.read_max : TALK_CHUNK;

    while (!t->eof && !t->over && t->next_read <= t->h->w->now) {
        int n = sock_recv(s, t->sd, buf, max, 0);

        if (n == -EAGAIN)
            return;
        if (n < 0) {
            talk_failed(t, "recv", n);
            return;
        }
        if (n == 0) {
            t->eof = true;
            if (t->received != t->peers.bytes)
                world_fail(t->h->w, "%s: the stream ended after %llu of %llu bytes",
                           t->h->n.core.name, (unsigned long long)t->received,
                           (unsigned long long)t->peers.bytes);
            return;
        }
        talk_fill(t->peers.key, t->received, want, (size_t)n);
        if (memcmp(buf, want, (size_t)n) != 0)
            world_fail(t->h->w, "%s: other bytes than were sent, from byte %llu on",
                       t->h->n.core.name, (unsigned long long)t->received);
        t->received += (uint64_t)n;
        if (t->received > t->peers.bytes)
            world_fail(t->h->w, "%s: more bytes than were sent", t->h->n.core.name);
        if (t->mine.read_pause > 0)
            t->next_read = t->h->w->now + t->mine.read_pause;
    }
}

static void talk_hang_up(struct talk *t)
{
    struct socks *s = net_socks(&t->h->n);
    bool said = t->sent == t->mine.bytes, heard = t->received == t->peers.bytes;

    if (!said || t->over || t->mine.end_from > t->h->w->now)
        return;
    if (t->mine.end == TALK_CLOSE && heard) {
        sock_close(s, t->sd);
        t->shut = t->over = true;
        return;
    }
    if (!t->shut && (t->mine.end == TALK_FIRST || (t->mine.end == TALK_SECOND && t->eof))) {
        int err = sock_shutdown(s, t->sd, SOCK_SHUT_WR);

        if (err != 0)
            talk_failed(t, "shutdown", err);
        t->shut = true;
    }
    if (t->shut && t->eof) {
        sock_close(s, t->sd);
        t->over = true;
    }
}

void talk_run(void *talk)
{
    struct talk *t = talk;

    if (t->over || !talk_open(t))
        return;
    talk_write(t);
    talk_read(t);
    talk_write(t); /* reading changes nothing for it, but shows that order does not matter */
    talk_hang_up(t);
    sock_pending(net_socks(&t->h->n)); /* it has been told: nothing waits on the ready list */
}

net_time talk_deadline(void *talk)
{
    const struct talk *t = talk;
    net_time at = NET_NEVER, now;

    if (t->over || !t->connected)
        return NET_NEVER;
    now = t->h->w->now;
    if (!t->eof && t->next_read > now)
        at = t->next_read;
    if (t->sent < t->mine.bytes && t->next_write > now)
        at = net_time_min(at, t->next_write);
    if (t->mine.end_from > now)
        at = net_time_min(at, t->mine.end_from);
    return at;
}

bool talk_is_well(const struct talk *t)
{
    return t->over && t->error == 0 && t->sent == t->mine.bytes && t->received == t->peers.bytes;
}
