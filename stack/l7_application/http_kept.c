/*
 * http_kept.c - heads of requests and answers that come again and again.
 *
 * A client that keeps its connection sends the same bytes each time, and so do all clients of one
 * kind; within a second the answers to them have the same head, the date included. So the last few
 * heads are kept with what came of them. What is found saves its work, and what is not has cost one
 * comparison.
 *
 * Requests. What a head says depends on its bytes alone (http_parse.h is pure), and where it ends on
 * the bytes up to there. So if a stream begins with the bytes of a head that was good, it begins
 * with that head, and means the same. Nothing is concluded from less than all bytes. Only a request
 * that comes in one piece is looked for; where it is kept follows from how much has come.
 *
 * Answers. The head is a function of struct http_kept_key, but for redirects and ranges, which are
 * made anew. The key has no padding and is compared byte by byte.
 */
#include "l7_application/http.h"

const struct http_kept_request *http_kept_request(const struct http_kept *k, struct span in)
{
    const struct http_kept_request *q = &k->requests[in.len % HTTP_KEPT];

    return q->len > 0 && q->len <= in.len && memcmp(q->head, in.p, q->len) == 0 ? q : NULL;
}

const struct http_request *http_kept_parse(struct http_kept *k, const struct span in[2], size_t len,
                                           uint8_t *wrapped, int *status)
{
    struct http_kept_request *q = &k->requests[in[0].len % HTTP_KEPT];

    if (len <= size_min(in[0].len, sizeof(q->head))) {
        memcpy(q->head, in[0].p, len);
        *status = http_parse(&q->request, (struct span){q->head, len});
        q->len = *status == 0 ? (uint32_t)len : 0;
        return &q->request;
    }
    struct span head = {in[0].p, len};

    if (in[0].len < len) {
        memcpy(wrapped, in[0].p, in[0].len);
        memcpy(wrapped + in[0].len, in[1].p, len - in[0].len);
        head.p = wrapped;
    }
    *status = http_parse(&k->other, head);
    return &k->other;
}

void http_kept_reply(const struct app_conn *c, struct fmt *f)
{
    const struct http_conn *h = http_of(c);
    const struct http_answer *w = &h->answer;
    struct http_kept *kept = app_conn_memory(c);
    struct http_kept_reply *k = &kept->replies[(w->left + w->status) % HTTP_KEPT];
    struct http_kept_key key = {
        .now = app_calendar(c->app),
        .mtime = w->mtime,
        .left = w->left,
        .type = w->type,
        .status = w->status,
        .source = w->source,
        .minor = h->minor,
        .has_mtime = w->has_mtime,
        .close = h->close,
        .is_head = h->is_head,
    };

    if (w->status == 301 || w->status == 416 || w->is_range) {
        http_reply_head(c->app, h, key.now, f);
        return;
    }
    if (k->len > 0 && memcmp(&k->key, &key, sizeof(key)) == 0) {
        fmt_bytes(f, k->bytes, k->len);
        return;
    }
    size_t from = f->len;

    http_reply_head(c->app, h, key.now, f);
    k->len = f->len - from <= sizeof(k->bytes) ? (uint32_t)(f->len - from) : 0;
    k->key = key;
    memcpy(k->bytes, f->p + from, k->len);
}
