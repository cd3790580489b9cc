/*
 * http.c - the web server: HTTP/1.1 (RFC 9112), GET and HEAD.
 *
 * A connection goes round through five phases: HEAD, SKIP, REPLY, SEND, DONE, and HEAD again. A
 * request is looked at where it lies in the receive buffer and is taken off only when its head is
 * whole; content is lent by who has the file, or goes from the file into the send buffer without a stop. So a connection's memory
 * is what TCP holds and, from the first byte of a request to the last of its answer, struct
 * http_conn; a client that sends half a head, or does not read, costs its connection and no more.
 *
 * Pipelining needs nothing: the next head waits in the receive buffer while an answer is sent, and
 * answers leave in the order of the requests.
 *
 * Bodies mean nothing to GET and HEAD. They are read before the answer, so that a request cut short
 * is not acted on (RFC 9112 section 8), or after it when the answer is an error anyway; more than
 * HTTP_BODY_MAX is refused. Where the end of a request is in doubt, the connection ends with the
 * answer, in stages (section 9.6), and nothing behind is looked at.
 *
 * Time: a head must be there 10 s after its first byte (slowloris), a body 30 s after its head, an
 * idle connection is closed after 15 s, and one whose peer has not taken a byte for 60 s is reset.
 */
#include "l7_application/http.h"

#include <errno.h>

#include "l5_session/poll.h"

enum {
    HTTP_BODY_MAX = 1024 * 1024,
    HTTP_PIECE = 256 * 1024, /* of a file, asked for at once */
    HTTP_SMALL = 8192,       /* of a file: the head takes it along */
    HTTP_PAGE_PIECE = 16384, /* of the built-in page */
    HTTP_CHUNK_HEAD = 6,     /* four hexadecimal digits, CR, LF */
    HTTP_CHUNK_TAIL = 2 + 5  /* CR LF, and the last chunk */
};
static_assert(HTTP_CHUNK_HEAD + HTTP_PAGE_PIECE + HTTP_CHUNK_TAIL <= HTTP_OUT_MAX, "a chunk fits");
#define HTTP_HEAD_TIME  NET_SEC(10)
#define HTTP_BODY_TIME  NET_SEC(30)
#define HTTP_IDLE_TIME  NET_SEC(15)
#define HTTP_STALL_TIME NET_SEC(60)

static struct socks *http_socks(const struct app_conn *c)
{
    return c->app->env.socks;
}

static void http_timer(struct app_conn *c, net_time after)
{
    app_conn_timer(c, c->app->now + after);
}

static void http_file_close(struct app_conn *c)
{
    struct http_conn *h = http_of(c);
    const struct app_files *files = c->app->env.files;

    if (h == NULL)
        return;
    if (h->answer.source == HTTP_FROM_FILE && h->answer.handle >= 0)
        files->close(files->ctx, h->answer.handle);
    h->answer = (struct http_answer){.handle = -1};
}

/* A request has begun. Return: its state; NULL: there was no memory for it, and @c is over. */
static struct http_conn *http_begin(struct app_conn *c)
{
    struct http_conn *h = app_conn_attach(c);

    if (h != NULL)
        h->answer.handle = -1;
    return h;
}

/* ---- answers ---- */

/* Refuse, and end the connection: what follows is not understood, or not wanted. */
static void http_refuse(struct http_conn *h, int status)
{
    h->close = true;
    h->answer = (struct http_answer){.status = (uint16_t)status, .handle = -1};
    h->body = (struct http_body){.state = HTTP_BODY_END};
    h->phase = HTTP_PHASE_REPLY;
}

/* A small file goes with its head. Return: whether all of it stands behind the head now. */
static bool http_reply_file(struct app_conn *c, struct fmt *f)
{
    struct http_answer *w = &http_of(c)->answer;
    const struct app_files *files = c->app->env.files;

    if (w->source != HTTP_FROM_FILE || w->left > HTTP_SMALL)
        return false;
    size_t want = (size_t)w->left;

    if (want > 0 && files->read(files->ctx, w->handle, w->at, f->p + f->len, want) != (int)want)
        return false; /* http_send_file() will find out why */
    f->len += want;
    w->left = 0;
    return true;
}

static bool http_reply(struct app_conn *c)
{
    struct http_conn *h = http_of(c);
    struct fmt f = {.p = (char *)c->app->scratch + HTTP_SCRATCH_OUT, .cap = HTTP_OUT_MAX};

    if (h->answer.source == HTTP_FROM_PAGE && h->minor == 0)
        h->close = true;
    http_kept_reply(c, &f);
    bool has_content = h->answer.source != HTTP_FROM_TEXT && !h->is_head && !http_reply_file(c, &f);

    h->phase = has_content ? HTTP_PHASE_SEND : HTTP_PHASE_DONE;
    h->replied = true;
    http_timer(c, HTTP_STALL_TIME);
    return app_conn_write(c, f.p, f.len, has_content);
}

/* Send the next piece of the file from where it lies. Return: bytes; 0: it has to be read; or as
 * app_conn_lend(). */
static int http_lend_piece(struct app_conn *c, size_t want)
{
    const struct http_answer *w = &http_of(c)->answer;
    const struct app_files *files = c->app->env.files;
    struct lent lent;
    int n = files->lend != NULL ? files->lend(files->ctx, w->handle, w->at, want, &lent) : 0;

    if (n <= 0)
        return 0;
    n = app_conn_lend(c, &lent, w->left > lent.bytes.len);
    if (n <= 0 && lent.release != NULL) /* not taken */
        lent.release(lent.ctx);
    return n == -ENOBUFS ? 0 : n;
}

/* Send the next piece, read straight into the send buffer. Return: bytes; 0: no more can be read; or as
 * app_conn_reserve(). */
static int http_read_piece(struct app_conn *c, size_t want)
{
    const struct http_answer *w = &http_of(c)->answer;
    const struct app_files *files = c->app->env.files;
    struct mspan room;
    int n = app_conn_reserve(c, want, &room);

    if (n <= 0)
        return n == 0 ? -EAGAIN : n;
    n = files->read(files->ctx, w->handle, w->at, room.p, (size_t)n);
    if (n <= 0)
        return n == -EAGAIN ? -EIO : n;
    int err =
        sock_commit(http_socks(c), c->sd, (size_t)n, w->left > (uint64_t)n ? SOCK_MSG_MORE : 0);

    return err < 0 ? err : n;
}

static bool http_send_file(struct app_conn *c)
{
    struct http_answer *w = &http_of(c)->answer;

    while (w->left > 0) {
        size_t want = w->left < HTTP_PIECE ? (size_t)w->left : HTTP_PIECE;
        int n = http_lend_piece(c, want);

        if (n == 0)
            n = http_read_piece(c, want);
        if (n == -EAGAIN)
            return false;
        if (n <= 0) { /* less than Content-Length promised: the client must be able to tell */
            app_conn_abort(c);
            return false;
        }
        w->at += (uint64_t)n;
        w->left -= (uint64_t)n;
        app_conn_progress(c);
        http_timer(c, HTTP_STALL_TIME);
    }
    http_of(c)->phase = HTTP_PHASE_DONE;
    return true;
}

/* The built-in page, a chunk at a time (RFC 9112 section 7.1). */
static bool http_send_page(struct app_conn *c)
{
    struct http_conn *h = http_of(c);
    char *out = (char *)c->app->scratch + HTTP_SCRATCH_OUT;
    struct fmt f = {.p = out + HTTP_CHUNK_HEAD, .cap = HTTP_PAGE_PIECE};
    bool goes_on = http_page_piece(c->app, &h->page, &f);

    NET_ASSERT(f.len > 0 && !f.full);
    if (!goes_on)
        h->phase = HTTP_PHASE_DONE;
    http_timer(c, HTTP_STALL_TIME);
    app_conn_progress(c);
    if (h->minor == 0)
        return app_conn_write(c, f.p, f.len, goes_on);
    struct fmt head = {.p = out, .cap = HTTP_CHUNK_HEAD};

    fmt_hex(&head, f.len, 4);
    fmt_str(&head, "\r\n");
    f.cap += HTTP_CHUNK_TAIL;
    fmt_str(&f, goes_on ? "\r\n" : "\r\n0\r\n\r\n");
    return app_conn_write(c, out, HTTP_CHUNK_HEAD + f.len, goes_on);
}

static bool http_done(struct app_conn *c)
{
    struct http_conn *h = http_of(c);

    http_file_close(c);
    if (h->close) {
        app_conn_linger(c);
        return false;
    }
    if (!http_body_done(&h->body)) {
        h->phase = HTTP_PHASE_SKIP;
        http_timer(c, HTTP_BODY_TIME);
        return true;
    }
    bool is_last = h->is_last;

    app_conn_detach(c);
    return !is_last;
}

/* ---- requests ---- */

/* What comes first, the answer or the body? */
static void http_order(struct app_conn *c, const struct http_request *r, bool body_has_begun)
{
    struct http_conn *h = http_of(c);
    bool is_good = h->answer.status < 300 || h->answer.status == 304;

    h->phase = HTTP_PHASE_REPLY;
    if (http_body_done(&h->body)) /* none, or the framing is lost */
        return;
    if (!is_good) {
        /* A client that waits for 100 may send its body after this answer, or not: the next
         * request has no certain beginning (RFC 9110 section 10.1.1). */
        if (r->expects_100 || r->length > HTTP_BODY_MAX)
            h->close = true;
        return;
    }
    if (r->length > HTTP_BODY_MAX) {
        http_file_close(c);
        http_refuse(h, 413);
        return;
    }
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    h->phase = HTTP_PHASE_SKIP;
    http_timer(c, HTTP_BODY_TIME);
    if (r->expects_100 && !body_has_begun)
        app_conn_write(c, go_on, sizeof(go_on) - 1, false);
}

/* What is the answer to @r? @status: of its head. */
static void http_request(struct app_conn *c, const struct http_request *r, int status)
{
    struct http_conn *h = http_of(c);

    h->minor = r->minor;
    h->is_head = r->method == HTTP_HEAD;
    h->close = !r->keep_alive;
    h->replied = false;
    h->body_bytes = 0;
    if (status != 0) {
        http_refuse(h, status);
        return;
    }
    http_body_begin(&h->body, r);
    if (r->method == HTTP_OTHER || r->method == HTTP_UNKNOWN)
        h->answer =
            (struct http_answer){.status = r->method == HTTP_OTHER ? 405 : 501, .handle = -1};
    else if (c->app->env.files != NULL)
        http_file_find(c->app, r, &h->answer);
    else
        http_page_find(r, &h->answer, &h->page);
}

/* A head of @len bytes has come, and perhaps @more behind it. @r may point into the receive buffer:
 * no call to the sockets before it is used up. */
static bool http_take_request(struct app_conn *c, const struct http_request *r, int status,
                              size_t len, bool more)
{
    struct http_conn *h = http_of(c);

    http_request(c, r, status);
    h->is_last = !more && app_conn_is_dry(c);
    c->app->stats.requests++;
    app_conn_progress(c);
    sock_consume(http_socks(c), c->sd, len);
    http_order(c, r, more);
    /* The path of a redirect stands in the scratch buffer only until the next connection is served. */
    return !c->ended && (h->phase != HTTP_PHASE_REPLY || http_reply(c));
}

/* Look for the end of a head in what has come, @all bytes, of which @in may show the beginning. */
static bool http_scan_head(struct app_conn *c, struct span in[2], size_t all)
{
    struct http_conn *h = http_of(c);
    struct http_scan scan = {0};

    if (h != NULL)
        scan = h->scan;
    int len = http_scan(&scan, in);

    /* There is more than was shown. Who looks again sees it, and no event will call for that; if he does
     * not, there is no memory to show it in, now. */
    if (len == 0 && all > in[0].len + in[1].len && sock_peek(http_socks(c), c->sd, in, NULL) > 0)
        len = http_scan(&scan, in);
    /* Empty lines are no beginning: who sends nothing else is idle. */
    bool has_begun = len != 0 || scan.lines > 0 || scan.line != scan.at;

    if (h == NULL && has_begun) {
        h = http_begin(c);
        if (h == NULL)
            return false;
        if (len == 0)
            http_timer(c, HTTP_HEAD_TIME);
    }
    if (len > 0) {
        int status;
        const struct http_request *r = http_kept_parse(
            app_conn_memory(c), in, (size_t)len, c->app->scratch + HTTP_SCRATCH_HEAD, &status);

        return http_take_request(c, r, status, (size_t)len, all > (size_t)len);
    }
    if (len < 0) {
        http_refuse(h, -len);
        h->minor = 1;
        h->is_head = false;
        return true;
    }
    if (h != NULL)
        h->scan = scan;
    if (poll_events(http_socks(c), c->sd) & (SOCK_RDHUP | SOCK_HUP))
        app_conn_linger(c); /* the rest will never come */
    return false;
}

static bool http_wait_head(struct app_conn *c)
{
    struct span in[2];
    int n = sock_peek(http_socks(c), c->sd, in, NULL);

    if (n == -EAGAIN)
        return false;
    if (n <= 0) { /* the peer's FIN between two requests, or the connection is gone */
        app_conn_close(c);
        return false;
    }
    const struct http_kept_request *known =
        http_of(c) == NULL ? http_kept_request(app_conn_memory(c), in[0]) : NULL;

    if (known == NULL)
        return http_scan_head(c, in, (size_t)n);
    return http_begin(c) != NULL &&
           http_take_request(c, &known->request, 0, known->len, (size_t)n > known->len);
}

static bool http_skip(struct app_conn *c)
{
    struct http_conn *h = http_of(c);

    while (!http_body_done(&h->body)) {
        struct span in[2], data;
        int n = sock_peek(http_socks(c), c->sd, in, NULL);

        if (n == -EAGAIN)
            return false;
        if (n <= 0) { /* RFC 9112 section 8: incomplete, so it is not acted on */
            app_conn_close(c);
            return false;
        }
        n = http_body_next(&h->body, in[0], &data);
        h->body_bytes += data.len;
        if (n >= 0 && h->body_bytes > HTTP_BODY_MAX)
            n = -413;
        if (n < 0 && h->replied) {
            app_conn_linger(c);
            return false;
        }
        if (n < 0) {
            http_file_close(c);
            http_refuse(h, -n);
            return true;
        }
        sock_consume(http_socks(c), c->sd, (size_t)n);
    }
    h->phase = h->replied ? HTTP_PHASE_DONE : HTTP_PHASE_REPLY;
    return true;
}

/* ---- the service ---- */

static bool http_step(struct app_conn *c)
{
    struct http_conn *h = http_of(c);

    if (h == NULL)
        return http_wait_head(c);
    switch ((enum http_phase)h->phase) {
    case HTTP_PHASE_HEAD:
        return http_wait_head(c);
    case HTTP_PHASE_SKIP:
        return http_skip(c);
    case HTTP_PHASE_REPLY:
        return http_reply(c);
    case HTTP_PHASE_SEND:
        return h->answer.source == HTTP_FROM_FILE ? http_send_file(c) : http_send_page(c);
    case HTTP_PHASE_DONE:
        return http_done(c);
    }
    return false;
}

static void http_run(struct app_conn *c)
{
    struct http_conn *h = http_of(c);
    bool goes_on = app_conn_flush(c);

    if (h != NULL)
        h->is_last = false; /* perhaps something has come while it was being answered */
    if (!goes_on && c->progressed && !c->ended && h != NULL)
        http_timer(c, HTTP_STALL_TIME); /* slow, but it reads */
    while (goes_on)
        goes_on = http_step(c) && app_conn_flush(c);
}

static void http_timeout(struct app_conn *c)
{
    struct http_conn *h = http_of(c);

    if (h == NULL || (h->phase == HTTP_PHASE_SKIP && h->replied)) {
        app_conn_linger(c);
    } else if (h->phase == HTTP_PHASE_HEAD || h->phase == HTTP_PHASE_SKIP) {
        http_file_close(c);
        h->minor = 1;
        http_refuse(h, 408);
        http_run(c);
    } else {
        app_conn_abort(c); /* the peer does not read */
    }
}

static void http_stop(struct app_conn *c)
{
    struct http_conn *h = http_of(c);

    if (h != NULL)
        h->close = true;
    if (h == NULL || h->phase == HTTP_PHASE_HEAD)
        app_conn_linger(c);
}

const struct app_service app_http = {
    .name = "http",
    .port = 80,
    .about = "serves files, or a page about itself (RFC 9110, 9112)",
    .idle = HTTP_IDLE_TIME,
    .memory = sizeof(struct http_kept),
    .run = http_run,
    .timeout = http_timeout,
    .stop = http_stop,
    .end = http_file_close,
};
