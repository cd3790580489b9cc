/*
 * calls_data.c - reading and writing: read write readv writev recv send recvfrom sendto recvmsg
 * sendmsg.
 *
 * What `...` writes is the pattern of the stream, from its first byte on; what is written is kept, so
 * that outbound payload can be compared, and what is read is compared with the pattern.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { DATA_SOL_TCP = 6, DATA_CM_INQ = 36 }; /* their header and the stack's do not go together */

static int64_t data_no_fd(const struct run *r)
{
    return r->failed ? RUN_BAD : -EBADF;
}

/* One piece of what is to be written: @count bytes of @a. */
static bool data_piece(struct run *r, const struct run_flow *f, const struct script_arg *a,
                       int64_t count, struct run_bytes *out, uint64_t base)
{
    (void)f;
    if (count < 0 || count > (1 << 28))
        return run_fail(r, "%lld bytes cannot be written", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        uint8_t byte = flow_pattern(base + out->len);

        if (a->kind == SCRIPT_ARG_STRING)
            byte = (size_t)i < a->text_len ? (uint8_t)a->text[i] : 0;
        run_bytes_add(out, &byte, 1);
    }
    return true;
}

/* [{..., 100}, {"abc", 3}] */
static bool data_iovec(struct run *r, const struct run_flow *f, const struct script_arg *list,
                       struct run_bytes *out, uint64_t base, bool is_write)
{
    if (list->kind != SCRIPT_ARG_LIST)
        return run_fail(r, "a list of buffers belongs here: [{..., 100}]");
    for (size_t i = 0; i < list->count; i++) {
        const struct script_arg *v = &list->items[i];
        int64_t count;

        if (v->kind != SCRIPT_ARG_STRUCT || v->count != 2)
            return run_fail(r, "a buffer is {..., LENGTH}");
        if (!call_arg_int(r, &v->items[1], &count) ||
            !data_piece(r, f, &v->items[0], count, out, is_write ? base : 0))
            return false;
    }
    return true;
}

/* A member of {msg_name(...)=..., msg_iov(1)=[...]}. */
static const struct script_arg *data_member(const struct script_arg *a, const char *name)
{
    for (size_t i = 0; a->kind == SCRIPT_ARG_STRUCT && i < a->count; i++) {
        if (a->items[i].name != NULL && strcmp(a->items[i].name, name) == 0)
            return &a->items[i];
    }
    return NULL;
}

/* {cmsg_level=SOL_IP, cmsg_type=IP_TOS, cmsg_data=[0x28]} */
static bool data_cmsg_parts(struct run *r, const struct script_arg *a, int64_t *level,
                            int64_t *type, int64_t *value)
{
    const struct script_arg *l = data_member(a, "cmsg_level"), *t = data_member(a, "cmsg_type"),
                            *d = data_member(a, "cmsg_data");

    if (l == NULL || t == NULL || d == NULL)
        return run_fail(r, "a control message is {cmsg_level=L, cmsg_type=T, cmsg_data=[V]}");
    return call_arg_int(r, l, level) && call_arg_int(r, t, type) && call_arg_int(r, d, value);
}

/* The bytes of a call, whatever its shape. */
static bool data_bytes(struct run *r, struct run_call *c, const struct run_flow *f, uint64_t base,
                       bool is_write, struct run_bytes *out)
{
    const struct script_call *call = c->call;
    const char *name = call->name;
    int64_t count;

    if (call->arg_count < 2)
        return run_fail(r, "%s() wants more arguments", name);
    if (strcmp(name, "writev") == 0 || strcmp(name, "readv") == 0)
        return data_iovec(r, f, &call->args[1], out, base, is_write);
    if (strcmp(name, "sendmsg") == 0 || strcmp(name, "recvmsg") == 0) {
        const struct script_arg *iov = data_member(&call->args[1], "msg_iov");

        return iov == NULL ? run_fail(r, "a message needs msg_iov(1)=[{..., 100}]")
                           : data_iovec(r, f, iov, out, base, is_write);
    }
    return call_int(r, c, 2, &count) && data_piece(r, f, &call->args[1], count, out, base);
}

static bool data_call_flags(struct run *r, struct run_call *c, int64_t *flags)
{
    const char *name = c->call->name;

    *flags = 0;
    if (strstr(name, "msg") != NULL)
        return call_flags(r, c, 2, flags);
    if (strncmp(name, "send", 4) == 0 || strncmp(name, "recv", 4) == 0)
        return call_flags(r, c, 3, flags);
    return true;
}

/* ---- writing ---- */

/* To whom a datagram goes: the address in the call, else the peer we know. */
static bool data_to(struct run *r, struct run_call *c, struct run_fd *f, struct sock_addr *to)
{
    const struct script_arg *a = NULL;

    if (strcmp(c->call->name, "sendto") == 0 && c->call->arg_count >= 5)
        a = &c->call->args[4];
    else if (strcmp(c->call->name, "sendmsg") == 0)
        a = data_member(&c->call->args[1], "msg_name");
    *to = (struct sock_addr){IP_ADDR_ANY, 0};
    if (a == NULL || (a->kind == SCRIPT_ARG_SYMBOL && strcmp(a->text, "NULL") == 0) ||
        (a->kind == SCRIPT_ARG_INT && a->number == 0))
        return true;
    struct run_flow *flow = f->flow != NULL ? f->flow : r->current;

    *to = (struct sock_addr){ip_addr_v4(flow != NULL ? flow->remote_ip : r->opt.remote_ip),
                             flow != NULL && flow->remote_port != 0 ? flow->remote_port
                                                                    : r->opt.connect_port};
    for (size_t i = 0; a->kind == SCRIPT_ARG_STRUCT && i < a->count; i++) {
        int64_t v;

        if (a->items[i].name == NULL || !call_arg_int(r, &a->items[i], &v))
            return !r->failed;
        if (strcmp(a->items[i].name, "sin_port") == 0)
            to->port = (uint16_t)v;
        if (strcmp(a->items[i].name, "sin_addr") == 0)
            to->ip = ip_addr_v4((uint32_t)v);
    }
    return true;
}

/* TOS and TTL of one datagram, from the control messages of sendmsg(). */
static bool data_send_control(struct run *r, struct run_call *c, struct run_fd *f)
{
    const struct script_arg *control = strcmp(c->call->name, "sendmsg") == 0
                                           ? data_member(&c->call->args[1], "msg_control")
                                           : NULL;
    int64_t level, type, value;

    for (size_t i = 0; control != NULL && control->kind == SCRIPT_ARG_LIST && i < control->count;
         i++) {
        if (!data_cmsg_parts(r, &control->items[i], &level, &type, &value))
            return false;
        if (!f->is_udp || level != IPPROTO_IP || (type != IP_TOS && type != IP_TTL))
            return run_fail(r, "sendmsg() takes IP_TOS and IP_TTL, of a datagram, and no other "
                               "control message");
        int err =
            sock_setopt(r->net.socks, f->sd, type == IP_TOS ? SOCK_OPT_TOS : SOCK_OPT_TTL, value);

        if (err < 0)
            return run_fail(r, "a control message cannot have the value %" PRId64, value);
    }
    return true;
}

static int64_t data_send_datagram(struct run *r, struct run_call *c, struct run_fd *f,
                                  const struct run_bytes *b, const struct sock_addr *to)
{
    struct socks *s = r->net.socks;
    int64_t tos = 0, ttl = 0, n = RUN_BAD;

    sock_getopt(s, f->sd, SOCK_OPT_TOS, &tos);
    sock_getopt(s, f->sd, SOCK_OPT_TTL, &ttl);
    if (data_send_control(r, c, f))
        n = to->port == 0 ? sock_send(s, f->sd, b->p, b->len, 0)
                          : sock_sendto(s, f->sd, b->p, b->len, to);
    sock_setopt(s, f->sd, SOCK_OPT_TOS, tos);
    sock_setopt(s, f->sd, SOCK_OPT_TTL, ttl == 0 ? -1 : ttl);
    return n;
}

static int64_t data_write_udp(struct run *r, struct run_call *c, struct run_fd *f,
                              const struct run_bytes *b)
{
    struct sock_addr to, name;

    if (!data_to(r, c, f, &to))
        return RUN_BAD;
    int64_t n = data_send_datagram(r, c, f, b, &to);

    if (n < 0)
        return n;
    if (to.port != 0 && f->flow == NULL) {
        struct run_flow *flow = flow_find(r, ip_addr_to_v4(to.ip), f->port, to.port);

        if (flow == NULL)
            flow =
                r->current != NULL && r->current->remote_port == 0 ? r->current : flow_new(r, NULL);
        if (flow == NULL)
            return RUN_BAD;
        flow->remote_ip = ip_addr_to_v4(to.ip);
        flow->remote_port = to.port;
        flow->is_udp = true;
        if (flow->peer == NULL)
            r->current = flow;
        if (sock_name(r->net.socks, f->sd, &name) == 0)
            flow->local_port = f->port = name.port;
    }
    if (r->current != NULL) {
        r->current->sent.len = 0;
        run_bytes_add(&r->current->sent, b->p, b->len);
    }
    return n;
}

/* sendto(MSG_FASTOPEN) connects and writes in one. */
static int64_t data_write_connect(struct run *r, struct run_call *c, struct run_fd *f,
                                  const struct run_bytes *b, int64_t flags)
{
    struct sock_addr to;

    if (!data_to(r, c, f, &to))
        return RUN_BAD;
    int64_t n = sock_connect_send(r->net.socks, f->sd, &to, b->p, b->len,
                                  (flags & MSG_MORE) != 0 ? SOCK_MSG_MORE : 0);

    if ((n >= 0 || n == -EINPROGRESS) && !call_flow_begin(r, f, &to))
        return RUN_BAD;
    if (n > 0)
        run_bytes_add(&f->flow->sent, b->p, (size_t)n);
    return n == -EINPROGRESS && c->may_block ? call_block(r, c, f->snd_timeout, n) : n;
}

static int64_t data_write_tcp(struct run *r, struct run_call *c, struct run_fd *f,
                              const struct run_bytes *b, int64_t flags)
{
    bool may_block = c->may_block && !(flags & MSG_DONTWAIT);

    if ((flags & MSG_FASTOPEN) && !c->is_retry)
        return data_write_connect(r, c, f, b, flags);
    if ((flags & MSG_FASTOPEN) && c->done == 0 &&
        (poll_events(r->net.socks, f->sd) & SOCK_OUT) == 0)
        return call_block(r, c, f->snd_timeout, -EINPROGRESS);
    for (;;) {
        size_t left = b->len - c->done;
        int64_t n = sock_send(r->net.socks, f->sd, b->p + c->done, left,
                              (flags & MSG_OOB) != 0    ? SOCK_MSG_OOB
                              : (flags & MSG_MORE) != 0 ? SOCK_MSG_MORE
                                                        : 0);

        if ((n == -EAGAIN || n == 0) && left > 0 && may_block)
            return call_block(r, c, f->snd_timeout, c->done > 0 ? (int64_t)c->done : -EAGAIN);
        if (n < 0)
            return c->done > 0 ? (int64_t)c->done : n;
        if (f->flow != NULL)
            run_bytes_add(&f->flow->sent, b->p + c->done, (size_t)n);
        c->done += (size_t)n;
        if (c->done == b->len || !may_block)
            return (int64_t)c->done;
    }
}

static int64_t call_write(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    struct run_bytes b = {0};
    int64_t flags, n = RUN_BAD;

    if (f == NULL)
        return data_no_fd(r);
    /* A call that goes on after it blocked has written some of it already. */
    uint64_t base = f->flow == NULL || f->is_udp ? 0 : f->flow->sent.len - c->done;

    if (data_call_flags(r, c, &flags) && data_bytes(r, c, f->flow, base, true, &b)) {
        if (f->is_udp)
            n = data_write_udp(r, c, f, &b);
        else if (data_send_control(r, c, f))
            n = data_write_tcp(r, c, f, &b, flags);
    }
    free(b.p);
    return n;
}

/* ---- reading ---- */

/* Where in the stream the next byte comes from. An urgent byte that is read out of line leaves a
 * hole. */
static uint64_t data_base(struct run *r, struct run_fd *f, int64_t flags)
{
    int64_t at_mark = 0, is_inline = 1, left = 1;
    uint32_t offset;

    if (f->flow == NULL || f->is_udp || !fact_read_offset(r, f, &offset))
        return 0;
    f->flow->received += (uint64_t)(int64_t)(int32_t)(offset - (uint32_t)f->flow->received);
    sock_getopt(r->net.socks, f->sd, SOCK_OPT_AT_MARK, &at_mark);
    sock_getopt(r->net.socks, f->sd, SOCK_OPT_OOB_INLINE, &is_inline);
    sock_getopt(r->net.socks, f->sd, SOCK_OPT_URGENT_LEFT, &left);
    if (flags & MSG_OOB)
        return f->flow->received + (uint64_t)left - 1;
    return f->flow->received + (at_mark != 0 && is_inline == 0);
}

static void data_check(struct run *r, struct run_call *c, struct run_fd *f, const uint8_t *bytes,
                       int64_t n, uint64_t base)
{
    if ((r->opt.lax & LAX_PAYLOAD) || (f->flow == NULL && !f->is_udp))
        return;
    for (int64_t i = 0; i < n; i++) {
        if (bytes[i] == flow_pattern(base + (uint64_t)i))
            continue;
        snprintf(c->out_error, sizeof(c->out_error),
                 "byte %lld of the stream is 0x%02x, and the peer sent 0x%02x", (long long)base + i,
                 bytes[i], flow_pattern(base + (uint64_t)i));
        return;
    }
}

/* One control message that recvmsg() should have told. */
static bool data_cmsg(struct run *r, struct run_call *c, const struct run_fd *f,
                      const struct script_arg *a, const struct sock_msg *m)
{
    int64_t level, type, expected, seen;
    struct tcp_status s = {0};
    bool is_asked = true;

    if (!data_cmsg_parts(r, a, &level, &type, &expected))
        return false;
    if (f->is_udp && level == IPPROTO_IP && (type == IP_TOS || type == IP_TTL)) {
        is_asked = type == IP_TOS ? f->wants_tos : f->wants_ttl;
        seen = type == IP_TOS ? m->tos : m->ttl;
    } else if (!f->is_udp && level == DATA_SOL_TCP && type == DATA_CM_INQ) {
        flow_status(r, f->flow, &s);
        seen = s.rcv_queue;
    } else {
        return run_fail(r, "control messages of this type do not exist here: IP_TOS and IP_TTL of "
                           "datagrams do, and TCP_CM_INQ of a stream");
    }
    if (!is_asked)
        snprintf(c->out_error, sizeof(c->out_error),
                 "expected a control message that nobody asked for: set IP_RECVTOS or IP_RECVTTL");
    else if (seen != expected)
        snprintf(c->out_error, sizeof(c->out_error),
                 "expected control message %" PRId64 " but got %" PRId64, expected, seen);
    return true;
}

/* The sender's address, where the script names one. */
static bool data_from(struct run *r, struct run_call *c, const struct run_fd *f,
                      const struct sock_addr *from)
{
    const struct script_arg *a = NULL;
    struct sock_addr expected = *from;

    if (strcmp(c->call->name, "recvmsg") == 0)
        a = data_member(&c->call->args[1], "msg_name");
    else if (strcmp(c->call->name, "recvfrom") == 0 && c->call->arg_count >= 5)
        a = &c->call->args[4];
    if (!f->is_udp || a == NULL || a->kind != SCRIPT_ARG_STRUCT)
        return true;
    if (!call_address(r, a, &expected))
        return false;
    if (expected.port != from->port || ip_addr_to_v4(expected.ip) != ip_addr_to_v4(from->ip))
        snprintf(c->out_error, sizeof(c->out_error), "the sender is 0x%08" PRIx32 " port %u",
                 ip_addr_to_v4(from->ip), from->port);
    return true;
}

/* What recvmsg() tells beside the bytes. */
static bool data_message(struct run *r, struct run_call *c, const struct run_fd *f,
                         const struct sock_msg *m, size_t room)
{
    const struct script_arg *msg = &c->call->args[1], *flags = data_member(msg, "msg_flags"),
                            *control = data_member(msg, "msg_control");
    int64_t expected, seen = m->len > room ? MSG_TRUNC : 0;

    if (flags != NULL && flags->kind != SCRIPT_ARG_ELLIPSIS) {
        if (!call_arg_int(r, flags, &expected))
            return false;
        if (seen != expected)
            snprintf(c->out_error, sizeof(c->out_error),
                     "expected msg_flags 0x%" PRIx64 " but got 0x%" PRIx64, expected, seen);
    }
    for (size_t i = 0; control != NULL && control->kind == SCRIPT_ARG_LIST && i < control->count;
         i++) {
        if (!data_cmsg(r, c, f, &control->items[i], m))
            return false;
    }
    return true;
}

/* Receive once. *@whole: what MSG_TRUNC counts, the length of the whole datagram. */
static int64_t data_receive(struct run *r, struct run_call *c, const struct run_fd *f,
                            uint8_t *room, size_t len, int64_t flags, size_t *whole)
{
    struct sock_msg m = {.len = 0};
    struct span piece[2];
    int64_t n;

    if (!f->is_udp) {
        n = sock_recv(r->net.socks, f->sd, room, len,
                      ((flags & MSG_PEEK) ? SOCK_MSG_PEEK : 0u) |
                          ((flags & MSG_OOB) ? SOCK_MSG_OOB : 0u));
    } else if (flags & MSG_PEEK) {
        n = sock_peek(r->net.socks, f->sd, piece, &m.peer);
        m.len = n > 0 ? (size_t)n : 0;
        if (n > 0)
            n = sock_recv(r->net.socks, f->sd, room, len, SOCK_MSG_PEEK);
    } else {
        n = sock_recvmsg(r->net.socks, f->sd, room, len, &m);
    }
    *whole = m.len;
    if (n < 0 || !data_from(r, c, f, &m.peer))
        return n < 0 ? n : RUN_BAD;
    return strcmp(c->call->name, "recvmsg") != 0 || data_message(r, c, f, &m, len) ? n : RUN_BAD;
}

/* One try of a call that reads. Return: as the call, -EAGAIN if it would wait. */
static int64_t data_read(struct run *r, struct run_call *c, struct run_fd *f, uint8_t *room,
                         size_t len, int64_t flags)
{
    bool peek = (flags & MSG_PEEK) != 0, all = (flags & MSG_WAITALL) != 0 && !f->is_udp && !peek;
    size_t whole = 0;
    int64_t n;

    if (flags & MSG_ERRQUEUE)
        return -EAGAIN; /* nothing is ever queued there */
    do {                /* an error that comes behind some bytes is for the next call */
        if (c->done > 0 && (poll_events(r->net.socks, f->sd) & SOCK_ERR))
            break;
        uint64_t base = data_base(r, f, flags);

        n = data_receive(r, c, f, room, len - c->done, flags, &whole);
        if (n > 0 && !((flags & MSG_TRUNC) && !f->is_udp)) /* which throws the bytes away */
            data_check(r, c, f, room, n, base);
        if (n < 0 && (n != -EAGAIN || c->done == 0 || c->may_block))
            return n;
        c->done += n > 0 ? (size_t)n : 0;
    } while (all && n > 0 && c->done < len);
    n = (int64_t)c->done;
    c->done = 0;
    return f->is_udp && (flags & MSG_TRUNC) ? (int64_t)whole : n;
}

static int64_t call_read(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    struct run_bytes b = {0};
    int64_t flags, n;

    if (f == NULL)
        return data_no_fd(r);
    if (!data_call_flags(r, c, &flags) || !data_bytes(r, c, NULL, 0, false, &b)) {
        free(b.p);
        return RUN_BAD;
    }
    uint8_t none;

    c->may_block = c->may_block && (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) == 0;
    n = data_read(r, c, f, b.p != NULL ? b.p : &none, b.len, flags);
    free(b.p);
    if (n == -EAGAIN && c->may_block)
        n = call_block(r, c, f->rcv_timeout, c->done > 0 ? (int64_t)c->done : -EAGAIN);
    return n;
}

run_call_fn *call_data_find(const char *name)
{
    static const char *const writes[] = {"write", "writev", "send", "sendto", "sendmsg"};
    static const char *const reads[] = {"read", "readv", "recv", "recvfrom", "recvmsg"};

    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        if (strcmp(name, writes[i]) == 0)
            return call_write;
        if (strcmp(name, reads[i]) == 0)
            return call_read;
    }
    return NULL;
}
