/* The web server over two stacks in virtual time: refusals, bodies of requests, the built-in page. */
#include "http_pair.h"

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
    T_EQ(count(p->got, "02:00:00:00:00:03"), 1); /* the neighbour */
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

T_MAIN("http_body", T(test_http_smuggling_serves_nothing_behind),
       T(test_http_bodies_keep_the_connection_in_step), T(test_http_methods),
       T(test_http_heads_that_are_too_large), T(test_http_bodies_that_are_too_large),
       T(test_http_expect_100), T(test_http_body_cut_short_is_not_acted_on),
       T(test_http_page_shows_the_connection_that_carries_it), T(test_http_page_head_keeps_step),
       T(test_http_page_json_with_many_connections_and_drops),
       T(test_http_stop_finishes_the_answer))
