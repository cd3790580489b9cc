/* The web server over two stacks in virtual time; requests as bytes, answers as bytes. */
#include "app_pair.h"

#include "l7_application/date.h"

/* ---- a few files in memory ---- */

enum { BIG = 3000000, MTIME = 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */ };

static const struct file {
    const char *path, *text;
    bool is_dir;
} files[] = {
    {".",                NULL,          true },
    {"index.html",       "<p>root</p>", false},
    {"a.txt",            "0123456789",  false},
    {"empty",            "",            false},
    {"dir",              NULL,          true },
    {"dir/index.html",   "<p>dir</p>",  false},
    {"bare",             NULL,          true },
    {"odd name\xc3\xa4", NULL,          true },
    {"big.bin",          NULL,          false},
    {"short.bin",        NULL,          false},
};
static int open_handles;

static char big_byte(uint64_t at)
{
    return (char)('a' + (at * 7 + at / 1000) % 26);
}

static int fs_open(void *ctx, const char *path, struct app_stat *out)
{
    (void)ctx;
    if (strcmp(path, "secret") == 0)
        return -EACCES;
    if (strcmp(path, "link-out") == 0)
        return -EXDEV;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strcmp(files[i].path, path) != 0)
            continue;
        *out = (struct app_stat){files[i].text != NULL ? strlen(files[i].text) : BIG, MTIME,
                                 files[i].is_dir};
        open_handles++;
        return (int)i;
    }
    return -ENOENT;
}

static int fs_read(void *ctx, int handle, uint64_t offset, void *buf, size_t len)
{
    const struct file *f = &files[handle];
    uint64_t size = f->text != NULL ? strlen(f->text) : BIG;

    (void)ctx;
    if (strcmp(f->path, "short.bin") == 0)
        size = 1000; /* it shrank after it was opened */
    if (offset >= size)
        return 0;
    if (len > size - offset)
        len = (size_t)(size - offset);
    for (size_t i = 0; i < len; i++)
        ((char *)buf)[i] = f->text != NULL ? f->text[offset + i] : big_byte(offset + i);
    return (int)len;
}

static void fs_close(void *ctx, int handle)
{
    (void)ctx;
    (void)handle;
    open_handles--;
}

static const struct app_files fs = {NULL, fs_open, fs_read, fs_close, NULL};

/* The same files, and the large one is lent: memory that is overwritten once it is back. */
static unsigned lent_out, lent_all;
static uint32_t lend_refused; /* each so many-th call; 0: none */

struct loan {
    size_t len;
    uint8_t bytes[];
};

static void fs_returned(void *ctx)
{
    struct loan *l = ctx;

    memset(l->bytes, '!', l->len);
    free(l);
    lent_out--;
}

static int fs_lend(void *ctx, int handle, uint64_t offset, size_t len, struct lent *out)
{
    struct loan *l;

    if (files[handle].text != NULL || strcmp(files[handle].path, "big.bin") != 0)
        return 0;
    lent_all++;
    if (lend_refused != 0 && lent_all % lend_refused == 0)
        return 0;
    l = malloc(sizeof(*l) + len);
    T_NEED(l != NULL);
    l->len = len;
    T_EQ(fs_read(ctx, handle, offset, l->bytes, len), len);
    *out = (struct lent){
        {l->bytes, len},
        fs_returned, l
    };
    lent_out++;
    return (int)len;
}

static const struct app_files lending = {NULL, fs_open, fs_read, fs_close, fs_lend};

/* Today is 21 November 2026. */
static int64_t calendar(void *ctx)
{
    return 1795256700 + ((struct pair *)ctx)->now / NET_SEC(1);
}

static struct pair *serve(const struct app_files *f)
{
    struct pair *p = pair_new(f, 0);

    p->app.env.calendar = calendar;
    p->app.env.calendar_ctx = p;
    return p;
}

static void finish(struct pair *p)
{
    pair_close(p);
    pair_run(p, NET_SEC(30));
    T_EQ(p->app.conns.used, 0);
    T_EQ(open_handles, 0);
    T_EQ(p->server.core.bufs.used, 0);
    pair_free(p);
}

/* Connect, say @request, wait. The answer is in p->got. */
static void ask(struct pair *p, const char *request)
{
    pair_close(p);
    pair_connect(p, 80);
    pair_say(p, request);
    pair_run(p, NET_MS(300));
}

static int count(const char *in, const char *what)
{
    int n = 0;

    for (const char *at = in; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static int status_of(const struct pair *p)
{
    return strncmp(p->got, "HTTP/1.1 ", 9) == 0 ? atoi(p->got + 9) : -1;
}

static const char *body_of(const struct pair *p)
{
    const char *end = strstr(p->got, "\r\n\r\n");

    return end != NULL ? end + 4 : "no head";
}

/* The status of the answer to @request; a second request sent behind it is served @more times. */
static int probe(struct pair *p, const char *request, int more)
{
    static char both[40000];

    snprintf(both, sizeof(both), "%sGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", request);
    ask(p, both);
    int served = count(p->got, "0123456789");

    if (served != more)
        printf("  %.60s: %d more served\n%s", request, served, p->got);
    T_EQ(served, more);
    T_EQ(p->eof, more == 0);
    return status_of(p);
}

#define HOST " HTTP/1.1\r\nHost: a\r\n"

/* ---- plain requests ---- */

/* REQ: HTTP-9110-6.6.1-1 HTTP-9110-8.6-1 HTTP-9110-9.1-1 */
static void test_http_get_a_file(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /a.txt" HOST "\r\n");
    T_STR(p->got, "HTTP/1.1 200 OK\r\n"
                  "Date: Sat, 21 Nov 2026 10:25:00 GMT\r\n"
                  "Server: stackd\r\n"
                  "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                  "Accept-Ranges: bytes\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Length: 10\r\n"
                  "\r\n"
                  "0123456789");
    T_FALSE(p->eof); /* it stays open */
    finish(p);
}

/* REQ: HTTP-9110-9.3.2-1 HTTP-9112-6.3-4 */
static void test_http_head_is_get_without_content(void)
{
    struct pair *p = serve(&fs);
    char get[1024];

    ask(p, "GET /a.txt" HOST "\r\n");
    memcpy(get, p->got, p->len + 1);
    ask(p, "HEAD /a.txt" HOST "\r\n");
    size_t head = (size_t)(strstr(get, "\r\n\r\n") + 4 - get);

    T_EQ(p->len, head);
    T_MEM(p->got + 60, get + 60, head - 60); /* behind Date */
    T_EQ(probe(p, "HEAD /a.txt" HOST "\r\n", 1), 200);
    T_EQ(probe(p, "HEAD /nothing" HOST "\r\n", 1), 404);
    T_EQ(count(p->got, "<h1>"), 0);
    finish(p);
}

static void test_http_big_file_arrives_whole(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /big.bin" HOST "Connection: close\r\n\r\n");
    pair_run(p, NET_SEC(10));
    const char *body = body_of(p);
    size_t len = p->len - (size_t)(body - p->got), i = 0;

    T_TRUE(p->eof);
    T_EQ(len, BIG);
    while (i < len && body[i] == big_byte(i))
        i++;
    T_EQ(i, BIG);
    finish(p);
}

/* What is lent, and what is lent and read by turns, where the records suffice and where they do not. */
static void test_http_big_file_is_lent(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct pair *p = serve(&lending);

        lent_all = 0;
        lend_refused = i == 1 ? 3 : 0;
        if (i == 2)
            p->server.tcp.lent_pool.count = 2;
        ask(p, "GET /big.bin" HOST "Range: bytes=1000-2999998\r\nConnection: close\r\n\r\n");
        pair_run(p, NET_SEC(10));
        const char *body = body_of(p);
        size_t len = p->len - (size_t)(body - p->got), at = 0;

        T_TRUE(p->eof);
        T_EQ(len, BIG - 1001);
        while (at < len && body[at] == big_byte(1000 + at))
            at++;
        T_EQ(at, len);
        T_TRUE(lent_all > 5);
        T_EQ(lent_out, 0);
        finish(p);
    }
}

static void test_http_what_is_lent_comes_back_from_who_goes_away(void)
{
    struct pair *p = serve(&lending);

    lend_refused = 0;
    p->hold = true;
    ask(p, "GET /big.bin" HOST "\r\n");
    pair_run(p, NET_SEC(1));
    T_TRUE(lent_out > 0);
    sock_abort(net_socks(&p->client), p->sd);
    p->sd = -1;
    pair_run(p, NET_SEC(1));
    T_EQ(lent_out, 0);
    T_EQ(open_handles, 0);
    finish(p);
}

static void test_http_file_that_shrank_is_not_passed_off_as_whole(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /short.bin" HOST "\r\n");
    T_EQ(p->error, -ECONNRESET);
    T_TRUE(p->len < BIG);
    finish(p);
}

static void test_http_directories(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /" HOST "\r\n");
    T_STR(body_of(p), "<p>root</p>");
    ask(p, "GET /dir/" HOST "\r\n");
    T_STR(body_of(p), "<p>dir</p>");
    ask(p, "GET /dir?x=y" HOST "\r\n");
    T_EQ(status_of(p), 301);
    T_EQ(count(p->got, "\r\nLocation: /dir/\r\n"), 1);
    ask(p, "GET //dir" HOST "\r\n");
    T_EQ(count(p->got, "\r\nLocation: /dir/\r\n"), 1); /* not //dir/, another host */
    ask(p, "GET /odd%20name%c3%a4" HOST "\r\n");
    T_EQ(count(p->got, "\r\nLocation: /odd%20name%c3%a4/\r\n"), 1);
    ask(p, "GET /bare/" HOST "\r\n");
    T_EQ(status_of(p), 403);
    ask(p, "GET /a.txt/" HOST "\r\n");
    T_EQ(status_of(p), 404);
    finish(p);
}

/* REQ: HTTP-9110-17.3-1 */
static void test_http_statuses_of_targets(void)
{
    static const struct {
        const char *target;
        int status;
    } cases[] = {
        {"/nothing",       404},
        {"/secret",        403},
        {"/link-out",      403},
        {"/empty",         200},
        {"/../a.txt",      400},
        {"/%2e%2e/x",      400},
        {"/a%00.txt",      400},
        {"/a%2ftxt",       400},
        {"/dir/../a.txt",  200},
        {"/dir%2f..",      400},
        {"/x/../../a.txt", 400},
        {"/%zz",           400},
        {"http://b/a.txt", 200},
        {"/a%2etxt?q=/..", 200},
    };
    struct pair *p = serve(&fs);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[256];

        snprintf(request, sizeof(request), "GET %s" HOST "\r\n", cases[i].target);
        T_EQ(probe(p, request,
                   1 + (strstr(cases[i].target, "a.txt") != NULL ? cases[i].status == 200 : 0) +
                       (strstr(cases[i].target, "a%2etxt") != NULL)),
             cases[i].status);
    }
    finish(p);
}

/* ---- conditions and ranges ---- */

static void test_http_if_modified_since(void)
{
    struct pair *p = serve(&fs);

    T_EQ(probe(p, "GET /empty" HOST "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", 1),
         304);
    T_EQ(count(p->got, "Content-Length"), 1); /* of the second answer: a 304 has none */
    T_EQ(probe(p, "GET /empty" HOST "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n\r\n", 1),
         200);
    T_EQ(probe(p, "GET /empty" HOST "If-Modified-Since: yesterday\r\n\r\n", 1), 200);
    T_EQ(probe(p,
               "GET /empty" HOST "If-None-Match: \"x\"\r\n"
               "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
               1),
         200);
    T_EQ(probe(p, "GET /empty" HOST "If-None-Match: *\r\n\r\n", 1), 304);
    T_EQ(probe(p, "GET /empty" HOST "If-Match: \"x\"\r\n\r\n", 1), 412);
    T_EQ(
        probe(p, "GET /empty" HOST "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n\r\n", 1),
        412);
    finish(p);
}

static void test_http_ranges(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /a.txt" HOST "Range: bytes=2-4\r\n\r\n");
    T_EQ(status_of(p), 206);
    T_EQ(count(p->got, "\r\nContent-Range: bytes 2-4/10\r\n"), 1);
    T_EQ(count(p->got, "\r\nContent-Length: 3\r\n"), 1);
    T_STR(body_of(p), "234");
    ask(p, "GET /a.txt" HOST "Range: bytes=-3\r\n\r\n");
    T_STR(body_of(p), "789");
    ask(p, "GET /a.txt" HOST "Range: bytes=10-\r\n\r\n");
    T_EQ(status_of(p), 416);
    T_EQ(count(p->got, "\r\nContent-Range: bytes */10\r\n"), 1);
    ask(p, "GET /a.txt" HOST "Range: bytes=0-0,2-2\r\n\r\n");
    T_EQ(status_of(p), 200);
    T_STR(body_of(p), "0123456789");
    ask(p, "GET /a.txt" HOST "Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    T_STR(body_of(p), "234");
    ask(p, "GET /a.txt" HOST "Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n\r\n");
    T_STR(body_of(p), "0123456789");
    ask(p, "GET /a.txt" HOST "Range: bytes=2-4\r\nIf-Range: \"etag\"\r\n\r\n");
    T_STR(body_of(p), "0123456789");
    ask(p, "HEAD /a.txt" HOST "Range: bytes=2-4\r\n\r\n"); /* Range is for GET only */
    T_EQ(status_of(p), 200);
    finish(p);
}

/* ---- the connection ---- */

/* REQ: HTTP-9112-9.3.2-1 HTTP-9112-9.3-1 */
static void test_http_pipelined_answers_in_order(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /a.txt" HOST "\r\nGET /nothing" HOST "\r\nGET /dir/" HOST "\r\n");
    const char *first = strstr(p->got, "0123456789"), *second = strstr(p->got, " 404 "),
               *third = strstr(p->got, "<p>dir</p>");

    T_NEED(first != NULL && second != NULL && third != NULL);
    T_TRUE(first < second && second < third);
    T_EQ(p->app.stats.requests, 3);
    T_FALSE(p->eof);
    finish(p);
}

/* The next request comes with the rest of a body: no other event will tell of it. */
static void test_http_request_behind_a_late_body_is_served(void)
{
    struct pair *p = serve(&fs);

    pair_connect(p, 80);
    pair_say(p, "GET /a.txt" HOST "Content-Length: 5\r\n\r\n");
    pair_run(p, NET_MS(100));
    T_EQ(p->app.blocks.used, 1);
    pair_say(p, "12345GET /a.txt" HOST "\r\n");
    pair_run(p, NET_MS(100));
    T_EQ(p->app.stats.requests, 2);
    T_EQ(count(p->got, "0123456789"), 2);
    finish(p);
}

static void test_http_byte_by_byte_is_the_same(void)
{
    struct pair *p = serve(&fs);
    static const char request[] =
        "\r\nGET /a.txt" HOST "Content-Length: 3\r\n\r\nabcGET /dir/" HOST "\r\n";

    pair_connect(p, 80);
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        pair_say_bytes(p, request + i, 1);
        pair_run(p, NET_MS(5));
    }
    pair_run(p, NET_MS(100));
    T_EQ(count(p->got, "0123456789"), 1);
    T_EQ(count(p->got, "<p>dir</p>"), 1);
    T_EQ(count(p->got, "HTTP/1.1"), 2);
    finish(p);
}

/* Many requests make the receive buffer wrap at every place of a head. */
static void test_http_heads_that_wrap_in_the_receive_buffer(void)
{
    struct pair *p = serve(&fs);
    char request[600];
    int sent = 0;

    pair_connect(p, 80);
    for (int i = 0; i < 400; i++) {
        int n = snprintf(request, sizeof(request), "HEAD /a.txt" HOST "X: %0*d\r\n\r\n",
                         400 + i % 97, i);

        /* half a head stays behind while the next segment comes */
        pair_say_bytes(p, request, (size_t)n / 2);
        pair_run(p, NET_MS(3));
        pair_say_bytes(p, request + n / 2, (size_t)n - (size_t)n / 2);
        sent++;
    }
    pair_run(p, NET_MS(500));
    T_EQ(count(p->got, "HTTP/1.1 200 OK"), sent);
    T_EQ(count(p->got, "HTTP/1.1"), sent);
    finish(p);
}

/* REQ: HTTP-9112-9.6-1 */
static void test_http_close_is_done_in_stages(void)
{
    struct pair *p = serve(&fs);

    T_EQ(probe(p, "GET /dir/" HOST "Connection: close\r\n\r\n", 0), 200);
    T_EQ(count(p->got, "\r\nConnection: close\r\n"), 1);
    pair_say(p, "more that nobody reads");
    pair_run(p, NET_MS(100));
    T_EQ(p->error, 0); /* no reset: the answer might not have been read yet */
    T_EQ(p->server.tcp.stats.rsts_out, 0);
    T_EQ(p->app.conns.used, 1);
    pair_run(p, APP_LINGER);
    T_EQ(p->app.conns.used, 0);
    finish(p);
}

static void test_http_1_0_closes_unless_asked(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /a.txt HTTP/1.0\r\n\r\n");
    T_STR(body_of(p), "0123456789");
    T_TRUE(p->eof);
    T_EQ(probe(p, "GET /dir/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 1), 200);
    T_EQ(count(p->got, "\r\nConnection: keep-alive\r\n"), 1);
    ask(p, "GET /a.txt HTTP/1.0\n\n"); /* typed by hand */
    T_STR(body_of(p), "0123456789");
    finish(p);
}

static void test_http_half_closed_client_gets_its_answer(void)
{
    struct pair *p = serve(&fs);

    pair_connect(p, 80);
    pair_say(p, "GET /a.txt" HOST "\r\n");
    pair_fin(p);
    pair_run(p, NET_MS(100));
    T_STR(body_of(p), "0123456789");
    T_TRUE(p->eof);
    T_EQ(p->app.conns.used, 0);
    finish(p);
}

/* ---- time ---- */

/* REQ: HTTP-9112-9.4-1? */
static void test_http_slow_head_gets_408(void)
{
    struct pair *p = serve(&fs);

    pair_connect(p, 80);
    pair_say(p, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 9; i++) { /* a byte a second helps nothing: slowloris */
        pair_run(p, NET_SEC(1));
        pair_say(p, "a");
        T_EQ(p->len, 0);
    }
    pair_run(p, NET_SEC(2));
    T_EQ(status_of(p), 408);
    T_TRUE(p->eof);
    finish(p);
}

/* REQ: HTTP-9112-9.5-1 */
static void test_http_idle_connections_are_closed(void)
{
    struct pair *p = serve(&fs);

    pair_connect(p, 80); /* says nothing at all */
    pair_run(p, NET_SEC(16));
    T_TRUE(p->eof);
    T_EQ(p->len, 0);
    ask(p, "GET /a.txt" HOST "\r\n");
    pair_run(p, NET_SEC(14));
    T_FALSE(p->eof);
    pair_say(p, "GET /a.txt" HOST "\r\n");
    pair_run(p, NET_SEC(14)); /* the time starts anew */
    T_FALSE(p->eof);
    pair_run(p, NET_SEC(2));
    T_TRUE(p->eof);
    T_EQ(count(p->got, "HTTP/1.1"), 2);   /* and no 408 for a request that never began */
    ask(p, "GET /a.txt" HOST "\r\n\r\n"); /* an empty line too many is not a beginning either */
    pair_run(p, NET_SEC(16));
    T_TRUE(p->eof);
    T_EQ(count(p->got, "HTTP/1.1"), 1);
    finish(p);
}

static void test_http_slow_body_gets_408(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /a.txt" HOST "Content-Length: 10\r\n\r\nabc");
    T_EQ(p->len, 0);
    pair_run(p, NET_SEC(31));
    T_EQ(status_of(p), 408);
    T_TRUE(p->eof);
    finish(p);
}

static void test_http_client_that_does_not_read_is_reset(void)
{
    struct pair *p = serve(&fs);

    p->hold = true;
    ask(p, "GET /big.bin" HOST "\r\n");
    pair_run(p, NET_SEC(50));
    T_EQ(p->app.conns.used, 1);
    T_EQ(open_handles, 1);
    pair_run(p, NET_SEC(30));
    T_EQ(p->app.conns.used, 0);
    T_EQ(open_handles, 0);
    finish(p);
}

/* ---- refusals and bodies ---- */

/* REQ: HTTP-9112-11.2-1 HTTP-9112-6.1-2 HTTP-9112-6.1-4 HTTP-9112-6.3-1 HTTP-9112-6.3-2 HTTP-9112-7.1-1 */
static void test_http_smuggling_serves_nothing_behind(void)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /dir/" HOST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX", 400},
        {"GET /dir/" HOST "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",  400},
        {"GET /dir/" HOST "Content-Length: 0\r\nContent-Length: 4\r\n\r\n",                    400},
        {"GET /dir/" HOST "Content-Length: +0\r\n\r\n",                                        400},
        {"GET /dir/" HOST "Content-Length : 0\r\n\r\n",                                        400},
        {"GET /dir/" HOST "Transfer-Encoding: xchunked\r\n\r\n",                               400},
        {"GET /dir/" HOST "Transfer-Encoding: chunked, identity\r\n\r\n",                      400},
        {"GET /dir/" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",                          501},
        {"GET /dir/" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",                   400},
        {"GET /dir/" HOST "X: a\rTransfer-Encoding: chunked\r\n\r\n",                          400},
        {"GET /dir/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",                  400},
        {"GET /dir/" HOST "Transfer-Encoding: chunked\r\n\r\n0\n\n",                           400},
        {"GET /dir/" HOST "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",           400},
        {"GET /dir/" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n",                          400},
        {"GET /dir/" HOST "Host: b\r\n\r\n",                                                   400},
        {"GET /dir/ HTTP/1.1\r\n\r\n",                                                         400},
        {"GET /dir/ HTTP/2.0\r\nHost: a\r\n\r\n",                                              505},
        {"GET /dir/" HOST "Expect: tea\r\n\r\n",                                               417},
        {"\x16\x03\x01\x02",                                                                   400},
    };
    struct pair *p = serve(&fs);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        T_EQ(probe(p, cases[i].request, 0), cases[i].status);
    T_EQ(p->server.tcp.stats.rsts_out, 0); /* every refusal could be read */
    finish(p);
}

/* REQ: HTTP-9112-6.1-1 HTTP-9112-9.3-1 */
static void test_http_bodies_keep_the_connection_in_step(void)
{
    struct pair *p = serve(&fs);

    T_EQ(probe(p, "GET /dir/" HOST "Content-Length: 5\r\n\r\nGET /", 1), 200);
    T_EQ(probe(p,
               "GET /dir/" HOST
               "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET /\r\n0\r\nA: b\r\n\r\n",
               1),
         200);
    T_EQ(probe(p, "POST /dir/" HOST "Content-Length: 5\r\n\r\nGET /", 1), 405);
    T_EQ(probe(p, "POST /dir/" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n", 1),
         405);
    T_EQ(probe(p, "GET /dir" HOST "Content-Length: 5\r\n\r\nGET /", 1), 301);
    T_EQ(probe(p, "GET /nothing" HOST "Content-Length: 5\r\n\r\nGET /", 1), 404);
    finish(p);
}

/* REQ: HTTP-9110-15.5.6-1 */
static void test_http_methods(void)
{
    struct pair *p = serve(&fs);

    T_EQ(probe(p, "DELETE /dir/" HOST "\r\n", 1), 405);
    T_EQ(count(p->got, "\r\nAllow: GET, HEAD\r\n"), 1);
    T_EQ(probe(p, "OPTIONS *" HOST "\r\n", 1), 405);
    T_EQ(probe(p, "FOO /dir/" HOST "\r\n", 1), 501);
    finish(p);
}

/* REQ: HTTP-9112-3-1 HTTP-9110-5.4-1 */
static void test_http_heads_that_are_too_large(void)
{
    struct pair *p = serve(&fs);
    static char big[20000];

    memset(big, 'a', sizeof(big) - 1);
    memcpy(big, "GET /", 5);
    T_EQ(probe(p, big, 0), 414);
    memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
    T_EQ(probe(p, big, 0), 431);
    finish(p);
}

static void test_http_bodies_that_are_too_large(void)
{
    struct pair *p = serve(&fs);

    T_EQ(probe(p, "GET /dir/" HOST "Content-Length: 1048577\r\n\r\n", 0), 413);
    T_EQ(probe(p, "POST /dir/" HOST "Content-Length: 9000000000000\r\n\r\n", 0), 405);
    ask(p, "GET /dir/" HOST "Transfer-Encoding: chunked\r\n\r\n");
    static char chunk[7 + 65535 + 2];

    memset(chunk, 'a', sizeof(chunk));
    memcpy(chunk, "0ffff\r\n", 7);
    memcpy(chunk + 7 + 65535, "\r\n", 2);
    for (int i = 0; i < 17 && p->len == 0; i++) {
        pair_say_bytes(p, chunk, sizeof(chunk));
        pair_run(p, NET_MS(50));
    }
    T_EQ(status_of(p), 413);
    finish(p);
}

/* REQ: HTTP-9110-10.1.1-1 */
static void test_http_expect_100(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /a.txt" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    T_STR(p->got, "HTTP/1.1 100 Continue\r\n\r\n");
    pair_say(p, "abc");
    pair_run(p, NET_MS(100));
    T_EQ(count(p->got, "HTTP/1.1 200 OK"), 1);
    ask(p, "GET /a.txt" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    T_EQ(status_of(p), 200); /* the body has begun: nobody waits */
    ask(p, "GET /a.txt HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    T_EQ(p->len, 0);
    ask(p, "POST /a.txt" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    T_EQ(status_of(p), 405); /* a final status, and then nobody knows whether the body follows */
    T_TRUE(p->eof);
    finish(p);
}

/* REQ: HTTP-9112-6.3-3 */
static void test_http_body_cut_short_is_not_acted_on(void)
{
    struct pair *p = serve(&fs);

    ask(p, "GET /a.txt" HOST "Content-Length: 10\r\n\r\nabc");
    pair_fin(p);
    pair_run(p, NET_MS(100));
    T_EQ(p->len, 0);
    T_TRUE(p->eof);
    ask(p, "GET /a.t");
    pair_fin(p);
    pair_run(p, NET_MS(100));
    T_EQ(p->len, 0);
    T_TRUE(p->eof);
    T_EQ(p->app.conns.used, 0);
    finish(p);
}

/* ---- the built-in page ---- */

/* REQ: HTTP-9112-6.2-1 */
static void test_http_page_shows_the_connection_that_carries_it(void)
{
    struct pair *p = serve(NULL);

    ask(p, "GET / HTTP/1.0\r\n\r\n");
    T_EQ(status_of(p), 200);
    T_TRUE(p->eof);
    T_EQ(count(p->got, "10.0.0.2:80<td class=\"a\">10.0.0.3:"), 1);
    T_EQ(count(p->got, "ESTABLISHED"), 1);
    T_EQ(count(p->got, "02:00:00:00:00:02"), 1); /* the neighbour */
    T_EQ(count(p->got, "</body></html>\n"), 1);
    T_EQ(count(p->got, "Transfer-Encoding"), 0); /* REQ: HTTP-9112-6.1-5 */
    ask(p, "GET /" HOST "\r\n");
    T_EQ(count(p->got, "\r\nTransfer-Encoding: chunked\r\n"), 1);
    T_EQ(count(p->got, "Content-Length"), 0);
    T_EQ(count(p->got, "\r\n0\r\n\r\n"), 1);
    T_FALSE(p->eof);
    ask(p, "GET /other" HOST "\r\n");
    T_EQ(status_of(p), 404);
    finish(p);
}

static void test_http_page_head_keeps_step(void)
{
    struct pair *p = serve(NULL);

    ask(p, "HEAD /" HOST "\r\nGET /x" HOST "\r\n");
    T_EQ(count(p->got, "<h1>stack"), 0);
    T_EQ(count(p->got, "HTTP/1.1 200 OK"), 1);
    T_EQ(count(p->got, "HTTP/1.1 404 "), 1);
    finish(p);
}

/* A look at JSON: brackets match outside of strings, and nothing is left open. */
static bool balanced(const char *s)
{
    int depth = 0;
    bool in_string = false;

    for (; *s != '\0'; s++) {
        if (in_string && *s == '\\')
            s++;
        else if (*s == '"')
            in_string = !in_string;
        else if (!in_string)
            depth += (*s == '{' || *s == '[') - (*s == '}' || *s == ']');
        if (depth < 0)
            return false;
    }
    return depth == 0 && !in_string;
}

static void test_http_page_json_with_many_connections_and_drops(void)
{
    struct pair *p = serve(NULL);

    strcpy(p->server.core.name, "a\"<b>\\");
    for (int i = 0; i < 1100; i++)
        pair_connect(p, 7);
    p->sd = -1;
    T_EQ(pair_ask(p, 19, 7, "x", 1), -EAGAIN); /* one drop with a reason */
    ask(p, "GET /status.json HTTP/1.0\r\n\r\n");
    pair_run(p, NET_SEC(1));
    T_TRUE(p->eof);
    T_TRUE(balanced(body_of(p)));
    T_EQ(count(p->got, "\"state\":\"ESTABLISHED\""), 1000);
    T_EQ(count(p->got, "\"connections_cut\":true"), 1);
    T_EQ(count(p->got, "\"host\":\"a\\\"<b>\\\\\""), 1);
    T_EQ(count(p->got, "\"reason\":\"source-port\",\"count\":1"), 1);
    T_EQ(count(p->got, ",,") + count(p->got, "[,") + count(p->got, "{,"), 0);
    ask(p, "GET / HTTP/1.0\r\n\r\n");
    pair_run(p, NET_SEC(1));
    T_EQ(count(p->got, "a&quot;&lt;b&gt;"), 1);
    T_EQ(count(p->got, "only the first thousand"), 1);
    pair_free(p);
}

static void test_http_stop_finishes_the_answer(void)
{
    struct pair *p = serve(&fs);

    p->hold = true;
    ask(p, "GET /big.bin" HOST "\r\n");
    app_stop(&p->app);
    p->hold = false;
    pair_run(p, NET_SEC(10));
    T_EQ(p->len - (size_t)(body_of(p) - p->got), BIG);
    T_TRUE(p->eof);
    finish(p);
}

T_MAIN("http", T(test_http_get_a_file), T(test_http_head_is_get_without_content),
       T(test_http_big_file_arrives_whole), T(test_http_big_file_is_lent),
       T(test_http_what_is_lent_comes_back_from_who_goes_away),
       T(test_http_file_that_shrank_is_not_passed_off_as_whole), T(test_http_directories),
       T(test_http_statuses_of_targets), T(test_http_if_modified_since), T(test_http_ranges),
       T(test_http_pipelined_answers_in_order), T(test_http_request_behind_a_late_body_is_served),
       T(test_http_byte_by_byte_is_the_same), T(test_http_heads_that_wrap_in_the_receive_buffer),
       T(test_http_close_is_done_in_stages), T(test_http_1_0_closes_unless_asked),
       T(test_http_half_closed_client_gets_its_answer), T(test_http_slow_head_gets_408),
       T(test_http_idle_connections_are_closed), T(test_http_slow_body_gets_408),
       T(test_http_client_that_does_not_read_is_reset),
       T(test_http_smuggling_serves_nothing_behind),
       T(test_http_bodies_keep_the_connection_in_step), T(test_http_methods),
       T(test_http_heads_that_are_too_large), T(test_http_bodies_that_are_too_large),
       T(test_http_expect_100), T(test_http_body_cut_short_is_not_acted_on),
       T(test_http_page_shows_the_connection_that_carries_it), T(test_http_page_head_keeps_step),
       T(test_http_page_json_with_many_connections_and_drops),
       T(test_http_stop_finishes_the_answer))
