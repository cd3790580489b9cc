/*
 * calls_data.c - reading and writing: read write readv writev recv send recvfrom sendto recvmsg
 * sendmsg.
 *
 * What `...` writes is the pattern of the stream, from its first byte on; what is written is kept, so
 * that outbound payload can be compared, and what is read is compared with the pattern.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { DATA_PEEK = 2, DATA_DONTWAIT = 0x40, DATA_MORE = 0x8000, DATA_WAITALL = 0x100 };

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

static int64_t data_write_udp(struct run *r, struct run_call *c, struct run_fd *f,
                              const struct run_bytes *b)
{
    struct sock_addr to, name;

    if (!data_to(r, c, f, &to))
        return RUN_BAD;
    int64_t n = to.port == 0 ? sock_send(r->net.socks, f->sd, b->p, b->len, 0)
                             : sock_sendto(r->net.socks, f->sd, b->p, b->len, &to);

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

static int64_t data_write_tcp(struct run *r, struct run_call *c, struct run_fd *f,
                              const struct run_bytes *b, int64_t flags)
{
    bool may_block = c->may_block && !(flags & DATA_DONTWAIT);

    for (;;) {
        size_t left = b->len - c->done;
        int64_t n = sock_send(r->net.socks, f->sd, b->p + c->done, left,
                              (flags & DATA_MORE) != 0 ? SOCK_MSG_MORE : 0);

        if (n == -EAGAIN && may_block)
            return RUN_BLOCKS;
        if (n < 0)
            return c->done > 0 ? (int64_t)c->done : n;
        if (f->flow != NULL)
            run_bytes_add(&f->flow->sent, b->p + c->done, (size_t)n);
        c->done += (size_t)n;
        if (c->done == b->len || !may_block)
            return (int64_t)c->done;
        if (n == 0)
            return RUN_BLOCKS;
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
        else
            n = data_write_tcp(r, c, f, &b, flags);
    }
    free(b.p);
    return n;
}

/* ---- reading ---- */

static void data_check(struct run *r, struct run_call *c, struct run_fd *f, const uint8_t *bytes,
                       int64_t n)
{
    uint64_t base = f->flow == NULL || f->is_udp ? 0 : f->flow->received;

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

/* {cmsg_level=SOL_IP, cmsg_type=IP_TOS, cmsg_data=[0x28]} of a datagram. */
static bool data_cmsg(struct run *r, struct run_call *c, const struct script_arg *a,
                      const struct sock_msg *m)
{
    const struct script_arg *type = data_member(a, "cmsg_type"),
                            *data = data_member(a, "cmsg_data");
    int64_t kind, tos, ttl, expected;

    if (type == NULL || data == NULL)
        return run_fail(r, "a control message is {cmsg_level=L, cmsg_type=T, cmsg_data=[V]}");
    if (!call_arg_int(r, type, &kind) || !call_arg_int(r, data, &expected) ||
        !symbol_value("IP_TOS", &tos) || !symbol_value("IP_TTL", &ttl))
        return false;
    if (kind != tos && kind != ttl)
        return run_fail(r, "control messages of this type do not exist here: IP_TOS and IP_TTL do");
    int64_t seen = kind == tos ? m->tos : m->ttl;

    if (seen != expected)
        snprintf(c->out_error, sizeof(c->out_error), "expected control message %lld but got %lld",
                 (long long)expected, (long long)seen);
    return true;
}

/* What recvmsg() tells beside the bytes. */
static bool data_message(struct run *r, struct run_call *c, const struct sock_msg *m, size_t room)
{
    const struct script_arg *msg = &c->call->args[1], *flags = data_member(msg, "msg_flags"),
                            *control = data_member(msg, "msg_control");
    int64_t expected, truncated;

    if (flags != NULL && flags->kind != SCRIPT_ARG_ELLIPSIS) {
        if (!call_arg_int(r, flags, &expected) || !symbol_value("MSG_TRUNC", &truncated))
            return false;
        int64_t seen = m->len > room ? truncated : 0;

        if (seen != expected)
            snprintf(c->out_error, sizeof(c->out_error), "expected msg_flags 0x%llx but got 0x%llx",
                     (long long)expected, (long long)seen);
    }
    for (size_t i = 0; control != NULL && control->kind == SCRIPT_ARG_LIST && i < control->count;
         i++) {
        if (!data_cmsg(r, c, &control->items[i], m))
            return false;
    }
    return true;
}

/* Receive once, as the call's name wants it. */
static int64_t data_receive(struct run *r, struct run_call *c, const struct run_fd *f,
                            uint8_t *room, size_t len, bool peek)
{
    struct sock_addr from;
    struct sock_msg m = {.len = 0};

    if (peek)
        return sock_recv(r->net.socks, f->sd, room, len, SOCK_MSG_PEEK);
    if (!f->is_udp || strcmp(c->call->name, "recvmsg") != 0)
        return sock_recvfrom(r->net.socks, f->sd, room, len, &from);
    int64_t n = sock_recvmsg(r->net.socks, f->sd, room, len, &m);
    return n < 0 || data_message(r, c, &m, len) ? n : RUN_BAD;
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
    uint8_t *room = b.p != NULL ? b.p : &none;

    n = data_receive(r, c, f, room, b.len, (flags & DATA_PEEK) != 0);
    if (n > 0) {
        data_check(r, c, f, room, n);
        if (f->flow != NULL && !(flags & DATA_PEEK))
            f->flow->received += (uint64_t)n;
    }
    free(b.p);
    if (n == -EAGAIN && c->may_block && !(flags & DATA_DONTWAIT))
        return RUN_BLOCKS;
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
