/* The web server over two stacks in virtual time: what it answers, and when. */
#include "http_pair.h"

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

/* Requests in long segments, which are not copied (base/recvq.h): a look shows two of them, and the third holds
 * a request that no other event will tell of. */
static void test_http_pipelined_in_long_segments(void)
{
    enum { FIELD = 4400 };
    struct pair *p = serve(&fs);
    char field[FIELD + 1], part[3][2 * FIELD];

    memset(field, 'x', FIELD);
    field[FIELD] = '\0';
    snprintf(part[0], sizeof(part[0]), "GET /a.txt" HOST "X: %s\r\n\r\nGET /nothing" HOST, field);
    snprintf(part[1], sizeof(part[1]), "X: %s\r\n\r\n", field);
    snprintf(part[2], sizeof(part[2]), "GET /dir/" HOST "X: %s\r\n\r\n", field);
    p->client.ifs[0].eth.gso_max = UINT16_MAX;
    p->server.tcp.cfg.kept_burst = 0;
    pair_connect(p, 80);
    for (unsigned i = 0; i < ARRAY_LEN(part); i++) {
        pair_say(p, part[i]);
        pair_send_all(p, &p->client);
    }
    pair_run(p, NET_MS(100));
    T_EQ(p->server.tcp.kept.kept, 3);
    T_EQ(p->app.stats.requests, 3);
    T_TRUE(strstr(p->got, "<p>dir</p>") != NULL);
    finish(p);
}

/* One head in long segments: a look shows two of them, and the third completes it. No other event will tell. */
static void test_http_head_in_long_segments(void)
{
    enum { FIELD = 2400 };
    struct pair *p = serve(&fs);
    char field[FIELD + 1], part[FIELD + 100];

    memset(field, 'x', FIELD);
    field[FIELD] = '\0';
    p->client.ifs[0].eth.gso_max = UINT16_MAX;
    p->server.tcp.cfg.kept_burst = 0;
    pair_connect(p, 80);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(part, sizeof(part), "%sX: %s\r\n%s", i == 0 ? "GET /dir/" HOST : "", field,
                 i == 4 ? "\r\n" : "");
        pair_say(p, part);
        pair_send_all(p, &p->client);
    }
    pair_run(p, NET_MS(100));
    T_EQ(p->server.tcp.kept.kept, 5);
    T_EQ(p->app.stats.requests, 1);
    T_TRUE(strstr(p->got, "<p>dir</p>") != NULL);
    finish(p);
}

/* The same, each segment seen before the next comes: the third look shows nothing that was not known. */
static void test_http_head_in_long_segments_one_by_one(void)
{
    enum { FIELD = 3000, MOST = 5 };
    struct pair *p = serve(&fs);
    char field[FIELD + 16];

    p->client.ifs[0].eth.gso_max = UINT16_MAX;
    p->server.tcp.cfg.kept_burst = 0;
    for (int fields = 1; fields <= MOST; fields++) {
        uint64_t before = p->server.tcp.kept.kept;

        pair_connect(p, 80);
        pair_say(p, "GET /a.txt" HOST);
        for (int i = 1; i <= fields; i++) {
            snprintf(field, sizeof(field), "X: %0*d\r\n%s", FIELD, i, i == fields ? "\r\n" : "");
            pair_say(p, field);
            pair_run(p, NET_MS(50));
        }
        T_TRUE(p->server.tcp.kept.kept - before >= (fields < 3 ? (unsigned)fields : 3u));
        T_EQ(count(p->got, "0123456789"), 1);
        pair_close(p);
    }
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

T_MAIN("http", T(test_http_get_a_file), T(test_http_head_is_get_without_content),
       T(test_http_big_file_arrives_whole), T(test_http_big_file_is_lent),
       T(test_http_what_is_lent_comes_back_from_who_goes_away),
       T(test_http_file_that_shrank_is_not_passed_off_as_whole), T(test_http_directories),
       T(test_http_statuses_of_targets), T(test_http_if_modified_since), T(test_http_ranges),
       T(test_http_pipelined_answers_in_order), T(test_http_pipelined_in_long_segments),
       T(test_http_head_in_long_segments), T(test_http_head_in_long_segments_one_by_one),
       T(test_http_request_behind_a_late_body_is_served), T(test_http_byte_by_byte_is_the_same),
       T(test_http_heads_that_wrap_in_the_receive_buffer), T(test_http_close_is_done_in_stages),
       T(test_http_1_0_closes_unless_asked), T(test_http_half_closed_client_gets_its_answer),
       T(test_http_slow_head_gets_408), T(test_http_idle_connections_are_closed),
       T(test_http_slow_body_gets_408), T(test_http_client_that_does_not_read_is_reset))
