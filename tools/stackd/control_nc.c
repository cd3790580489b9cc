/*
 * control_nc.c - `nc`: a socket inside the stack, its bytes on the control connection.
 *
 * After the reply both ends speak frames: one octet of type, three of length (network order), that
 * many bytes. From the client: D data (with UDP one datagram), E end of its input (half close).
 * To the client: C the connection stands, with "IP:PORT" of the peer; D data; E the peer's end;
 * Z both directions have ended and everything is in the stack's hands, so the client may go (before
 * that its going is an abort); X an error in words, after which the connection is closed.
 *
 * Back pressure goes all the way: bytes are taken from the stack only when the client's buffer has
 * room for them, and from the client only when the send buffer has, so a slow reader closes the
 * TCP window and a slow peer stops the writer's pipe. Nothing waits anywhere else.
 */
#include "control_client.h"
#include "wire/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NC_HEAD = 4, NC_CHUNK = 65507 };

static void nc_head(uint8_t *p, char type, size_t len)
{
    put32(p, (uint32_t)(uint8_t)type << 24 | (uint32_t)len);
}

static bool nc_put(struct client *c, char type, const void *bytes, size_t len)
{
    uint8_t head[NC_HEAD];

    nc_head(head, type, len);
    if (client_room(c) < NC_HEAD + len)
        return false;
    client_put(c, head, NC_HEAD);
    return client_put(c, bytes, len);
}

/* The end by an error: the client is told and sent away once it has read that. */
static void nc_fail(struct client *c, int err)
{
    const char *words = strerror(-err);

    nc_put(c, 'X', words, strlen(words));
    client_nc_end(c);
    c->eof = true; /* no more reading; client_sweep() lets it go once it has read this */
}

static void nc_tell_peer(struct client *c)
{
    struct sock_addr a;
    char text[64];
    struct fmt f = {text, sizeof(text), 0, false};

    if (sock_peer(net_socks(&c->ctl->d->net), c->nc.sd, &a) != 0)
        return;
    fmt_ip(&f, a.ip);
    fmt_char(&f, ':');
    fmt_u64(&f, a.port);
    nc_put(c, 'C', text, f.len);
    c->nc.state = NC_TALKING;
}

/* Return: 0 or a negative errno value. */
static int nc_open(struct client *c, bool listen, const struct sock_addr *a)
{
    struct socks *s = net_socks(&c->ctl->d->net);
    bool is_group = ip_cast(&c->ctl->d->net.ip, a->ip) == CAST_MULTICAST;
    int sd = sock_open(s, c->nc.udp ? SOCK_KIND_UDP : SOCK_KIND_TCP);

    if (sd < 0)
        return sd;
    c->nc.sd = sd;
    if (!listen) {
        int err = sock_connect(s, sd, a);

        c->nc.state = NC_CONNECTING;
        return err == -EINPROGRESS ? 0 : err;
    }
    c->nc.state = NC_LISTENING;
    int err = sock_setopt(s, sd, SOCK_OPT_REUSEADDR, 1);

    if (err == 0)
        err = sock_bind(s, sd, a);
    if (err == 0 && is_group)
        err = sock_group_join(s, sd, a->ip, -1);
    return err == 0 && !c->nc.udp ? sock_listen(s, sd, 1) : err;
}

json_t *control_nc(struct client *c, const json_t *request)
{
    bool listen = json_is_true(json_object_get(request, "listen"));
    const char *host = control_str(request, "host");
    json_int_t port = json_integer_value(json_object_get(request, "port"));
    uint32_t ip = 0;

    if (port < 1 || port > UINT16_MAX)
        return control_usage("no such port: a port is a number from 1 to 65535");
    if ((!listen || *host != '\0') && !options_ip(host, &ip))
        return control_usage("%.40s is no IPv4 address: try one like 10.0.0.1", host);
    const struct sock_addr a = {ip_addr_v4(ip), (uint16_t)port};

    c->nc = (struct client_nc){.udp = json_is_true(json_object_get(request, "udp")), .sd = -1};
    int err = nc_open(c, listen, &a);

    if (err != 0) {
        if (c->nc.sd >= 0)
            sock_close(net_socks(&c->ctl->d->net), c->nc.sd);
        c->nc.sd = -1;
        return control_refuse(err == -EADDRINUSE ? "choose another port" : "",
                              "cannot %s port %d: %s", listen ? "listen on" : "connect to",
                              (int)port, strerror(-err));
    }
    c->mode = CLIENT_NC;
    return control_ok();
}

/* A listener waits for one caller, as nc does; then it is the connection. */
static void nc_listening(struct client *c)
{
    struct socks *s = net_socks(&c->ctl->d->net);
    struct sock_addr peer;

    if (c->nc.udp) {
        struct span bytes[2];
        int n = sock_peek(s, c->nc.sd, bytes, &peer);

        if (n == -EAGAIN)
            return;
        int err = n < 0 ? n : sock_connect(s, c->nc.sd, &peer); /* the datagram stays queued */

        if (err != 0)
            nc_fail(c, err);
        else
            nc_tell_peer(c);
        return;
    }
    int sd = sock_accept(s, c->nc.sd, &peer);

    if (sd == -EAGAIN)
        return;
    if (sd < 0) {
        nc_fail(c, sd);
        return;
    }
    sock_close(s, c->nc.sd);
    c->nc.sd = sd;
    nc_tell_peer(c);
}

static void nc_connecting(struct client *c)
{
    struct socks *s = net_socks(&c->ctl->d->net);
    unsigned events = poll_events(s, c->nc.sd);
    int64_t err = 0;

    if ((events & (SOCK_OUT | SOCK_ERR | SOCK_HUP)) == 0)
        return;
    (void)sock_getopt(s, c->nc.sd, SOCK_OPT_ERROR, &err);
    if (err != 0)
        nc_fail(c, -(int)err);
    else
        nc_tell_peer(c);
}

/* Peer to client. Return: whether the connection still stands. */
static bool nc_pump_in(struct client *c)
{
    struct socks *s = net_socks(&c->ctl->d->net);

    while (!c->nc.peer_eof && client_room(c) >= 2 * NC_HEAD + NC_CHUNK) {
        struct span piece[2];
        int n = sock_peek(s, c->nc.sd, piece, NULL);

        if (n == -EAGAIN)
            break;
        if (n < 0) {
            nc_fail(c, n);
            return false;
        }
        if (n == 0 && !c->nc.udp) {
            c->nc.peer_eof = true;
            nc_put(c, 'E', "", 0);
            break;
        }
        uint8_t head[NC_HEAD];
        size_t first = size_min(piece[0].len, NC_CHUNK);
        size_t second = size_min(piece[1].len, NC_CHUNK - first), len = first + second;

        nc_head(head, 'D', len);
        client_put(c, head, NC_HEAD);
        client_put(c, piece[0].p, first);
        client_put(c, piece[1].p, second);
        sock_consume(s, c->nc.sd, len);
    }
    return true;
}

/* One frame of the client. Return: bytes of it that are done, 0: not now, -1: over. */
static long nc_frame(struct client *c, char type, char *body, size_t len, size_t have)
{
    struct socks *s = net_socks(&c->ctl->d->net);

    if (type == 'E') {
        c->nc.user_eof = true;
        if (!c->nc.udp)
            sock_shutdown(s, c->nc.sd, SOCK_SHUT_WR);
        return NC_HEAD;
    }
    if (c->nc.udp && have < len)
        return 0;
    int n = len == 0 && !c->nc.udp ? 0 : sock_send(s, c->nc.sd, body, size_min(len, have), 0);

    if (n == -EAGAIN || n == -ENOBUFS)
        return 0;
    if (n < 0) {
        nc_fail(c, n);
        return -1;
    }
    if (c->nc.udp || (size_t)n == len)
        return (long)(NC_HEAD + len);
    if (n == 0)
        return 0;
    /* A part: the rest becomes a frame of its own, its header over the bytes that are gone. */
    nc_head((uint8_t *)body + n - NC_HEAD, 'D', len - (size_t)n);
    return n;
}

/* Client to peer. */
static void nc_pump_out(struct client *c)
{
    size_t at = 0;

    while (c->in_len - at >= NC_HEAD && !c->nc.user_eof) {
        char *frame = c->in + at;
        const uint8_t *h = (const uint8_t *)frame;
        size_t len = get32(h) & 0xffffff;

        if ((*frame != 'D' && *frame != 'E') || len > NC_CHUNK) {
            c->gone = true; /* not our protocol */
            return;
        }
        long done = nc_frame(c, *frame, frame + NC_HEAD, len, c->in_len - at - NC_HEAD);

        if (done < 0)
            return;
        if (done == 0)
            break;
        at += (size_t)done;
    }
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
}

void client_nc_run(struct client *c)
{
    struct client_nc *nc = &c->nc;

    if (nc->sd >= 0 && nc->state == NC_LISTENING)
        nc_listening(c);
    if (nc->sd >= 0 && nc->state == NC_CONNECTING)
        nc_connecting(c);
    if (nc->sd >= 0 && nc->state == NC_TALKING && nc_pump_in(c))
        nc_pump_out(c);
    /* What is still in the send buffer leaves in its own time. */
    if (nc->sd >= 0 && !nc->udp && nc->user_eof && nc->peer_eof && nc_put(c, 'Z', "", 0))
        client_nc_end(c);
    /* The client has gone; or it has been told an error, and has read that. */
    if (c->eof && (c->out_len == 0 || nc->sd >= 0))
        c->gone = true;
}

void client_nc_end(struct client *c)
{
    if (c->mode == CLIENT_NC && c->nc.sd >= 0)
        sock_close(net_socks(&c->ctl->d->net), c->nc.sd);
    c->nc.sd = -1;
}
