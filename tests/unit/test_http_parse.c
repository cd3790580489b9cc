/* Where a request ends, and what it says: every case at every cut. */
#include "l7_application/http_parse.h"

#include <stdlib.h>

#include "t.h"

static struct span text(const char *s)
{
    return (struct span){(const uint8_t *)s, strlen(s)};
}

/* Scan and parse. Return: the status, 0 if good, -1 if the head is not complete. */
static int parse_bytes(const void *bytes, size_t len, struct http_request *r, int *head_len)
{
    struct http_scan s = {0};
    struct span in[2] = {
        {bytes, len},
        {NULL,  0  }
    };
    int n = http_scan(&s, in);

    if (head_len != NULL)
        *head_len = n;
    if (n == 0)
        return -1;
    if (n < 0)
        return -n;
    return http_parse(r, (struct span){bytes, (size_t)n});
}

static int parse(const char *head, struct http_request *r)
{
    return parse_bytes(head, strlen(head), r, NULL);
}

static int status(const char *head)
{
    struct http_request r;

    return parse(head, &r);
}

/* A request with these fields behind Host; @r is good until the next one. */
static int fields(const char *more, struct http_request *r)
{
    static char head[1024]; /* r points into it */

    snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", more);
    return parse(head, r);
}

static int line(const char *request_line)
{
    char head[1024];

    snprintf(head, sizeof(head), "%s\r\nHost: a\r\n\r\n", request_line);
    return status(head);
}

static void is_text(struct span s, const char *want)
{
    T_EQ(s.len, strlen(want));
    if (s.len == strlen(want))
        T_MEM(s.p, want, s.len);
}

/* Every byte there is, in each place of a head where only some may stand. */
static void test_http_parse_characters(void)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const char reg_name[] = "-._~!$&'()*+,;=%0123456789"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char head[64];
    struct http_request r;

    for (int c = 1; c < 256; c++) {
        bool is_line_end = c == '\r' || c == '\n';
        bool is_token = strchr(token, c) != NULL, is_name = strchr(reg_name, c) != NULL;

        snprintf(head, sizeof(head), "G%cT / HTTP/1.1\r\nHost: a\r\n\r\n", c);
        T_EQ(status(head) == 0, is_token);
        snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\nX%cY: b\r\n\r\n", c);
        T_EQ(status(head) == 0, is_token || c == ':');
        snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a%cb\r\n\r\n", c);
        T_EQ(status(head) == 0, is_name);
        snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\nX: a%cb\r\n\r\n", c);
        T_EQ(status(head) == 0, !is_line_end && (c >= ' ' || c == '\t') && c != 0x7f);
        snprintf(head, sizeof(head), "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n", c);
        T_EQ(parse(head, &r) == 0, c > ' ' && c < 0x7f && c != '#');
    }
}

/* ---- the scanner ---- */

/* A byte at a time, as the rules say: what http_scan() must find, however it goes about it. */
static int scan_plainly(const uint8_t *p, size_t len)
{
    size_t line = 0, lines = 0, empty = 0;
    bool after_cr = false;

    for (size_t at = 0; at < len; at++) {
        if (p[at] != '\n' && after_cr)
            return -400;
        if (p[at] == '\n') {
            size_t n = at - line - (after_cr ? 1 : 0);

            line = at + 1;
            if (n == 0 && lines > 0)
                return (int)line;
            if (n == 0 && ++empty > HTTP_EMPTY_LINES)
                return -400;
            if (n > 0 && ++lines > HTTP_FIELDS_MAX + 1)
                return -431;
        }
        after_cr = p[at] == '\r';
        if (lines == 0 && at + 1 - line > HTTP_LINE_MAX)
            return -414;
        if (at + 1 >= HTTP_HEAD_MAX)
            return -431;
    }
    return 0;
}

static void test_http_scan_agrees_with_the_plain_rules(void)
{
    static const uint8_t some[] = "ab \t\x80\xff\x01\r\n\n\n";
    static uint8_t bytes[HTTP_HEAD_MAX + 64];
    uint32_t seed = 1;

    for (int run = 0; run < 20000; run++) {
        size_t len = run % 100 == 0 ? sizeof(bytes) : (size_t)(run % 97);

        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (seed >> 24) % (len > 100 ? 4096 : 3) == 0
                           ? some[(seed >> 16) % (sizeof(some) - 1)]
                           : (uint8_t)('a' + (seed >> 20) % 26);
            if (len > 100 && (seed >> 8) % 1000 == 0)
                bytes[i] = '\n';
        }
        int want = scan_plainly(bytes, len);

        for (size_t cut = 0; cut <= len; cut += 1 + len / 7) {
            struct http_scan s = {0};
            int got = http_scan(&s, (struct span[2]){
                                        {bytes, cut},
                                        {NULL,  0  }
            });

            if (got == 0)
                got = http_scan(&s, (struct span[2]){
                                        {bytes,           cut / 2      },
                                        {bytes + cut / 2, len - cut / 2}
                });
            T_EQ(got, want);
        }
    }
}

/* REQ: HTTP-9112-11.2-1 */
static void test_http_scan_same_end_at_every_cut_and_in_every_step(void)
{
    static const char one[] = "\r\nGET /x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET /next";
    int want;
    struct http_request r;

    T_EQ(parse_bytes(one, sizeof(one) - 1, &r, &want), 0);
    T_EQ(want, (int)(sizeof(one) - 1 - strlen("GET /next")));
    for (size_t cut = 0; cut < sizeof(one); cut++) {
        struct http_scan s = {0};
        const uint8_t *p = (const uint8_t *)one;

        T_EQ(http_scan(&s,
                       (struct span[2]){
                           {p,       cut                  },
                           {p + cut, sizeof(one) - 1 - cut}
        }),
             want);
        s = (struct http_scan){0};
        for (size_t have = 0; have <= (size_t)want;
             have++) { /* byte by byte, wrapping at the cut */
            size_t first = have < cut ? have : cut;
            uint32_t looked = s.at;
            int n = http_scan(&s, (struct span[2]){
                                      {p,         first       },
                                      {p + first, have - first}
            });

            T_EQ(n, have == (size_t)want ? want : 0);
            T_TRUE(s.at - looked <= 1); /* no byte is looked at twice */
        }
    }
}

/* REQ: HTTP-9112-3-1 HTTP-9110-5.4-1 */
static void test_http_scan_limits(void)
{
    struct http_request r;
    size_t len = HTTP_HEAD_MAX * 2;
    char *big = malloc(len);

    memset(big, 'a', len);
    T_EQ(parse_bytes(big, len, &r, NULL), 414);
    T_EQ(parse_bytes(big, HTTP_LINE_MAX, &r, NULL), -1);
    T_EQ(parse_bytes(big, HTTP_LINE_MAX + 1, &r, NULL), 414);
    memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
    T_EQ(parse_bytes(big, len, &r, NULL), 431);
    T_EQ(parse_bytes(big, HTTP_HEAD_MAX - 1, &r, NULL), -1);
    T_EQ(parse_bytes(big, HTTP_HEAD_MAX, &r, NULL), 431);

    for (int count = HTTP_FIELDS_MAX - 1; count <= HTTP_FIELDS_MAX + 1; count++) {
        size_t at = (size_t)snprintf(big, len, "GET / HTTP/1.1\r\nHost: a\r\n");

        for (int i = 1; i < count; i++)
            at += (size_t)snprintf(big + at, len - at, "X: %d\r\n", i);
        snprintf(big + at, len - at, "\r\n");
        T_EQ(status(big), count > HTTP_FIELDS_MAX ? 431 : 0);
    }
    free(big);
}

/* REQ: HTTP-9112-3-3 */
static void test_http_parse_request_line_of_8000_bytes_is_served(void)
{
    char head[9000];
    struct http_request r;

    memset(head, 'a', sizeof(head));
    memcpy(head, "GET /", 5);
    strcpy(head + 8000 - 11, " HTTP/1.1\r\nHost: a\r\n\r\n");
    T_EQ(parse(head, &r), 0);
    T_EQ(r.path.len, 8000 - 11 - 4);
}

/* REQ: HTTP-9112-2.2-4 */
static void test_http_scan_empty_lines_in_front_are_ignored_up_to_a_limit(void)
{
    T_EQ(status("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    T_EQ(status("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    T_EQ(status("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    T_EQ(status("\r\n"), -1);
}

/* REQ: HTTP-9112-2.2-3 */
static void test_http_scan_bare_cr_is_refused(void)
{
    T_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), 400);
    T_EQ(status("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

/* REQ: HTTP-9112-2.2-2 */
static void test_http_parse_lone_lf_only_without_a_body(void)
{
    struct http_request r;

    T_EQ(status("GET / HTTP/1.0\n\n"), 0);
    T_EQ(status("GET / HTTP/1.1\nHost: a\n\n"), 0);
    T_EQ(parse("GET / HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\n", &r), 400);
    T_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\n\r\n", &r), 400);
}

/* ---- the request line ---- */

/* REQ: HTTP-9112-3-2 HTTP-9112-2.2-6 */
static void test_http_parse_bad_request_lines(void)
{
    static const char *const bad[] = {
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET /",
        "GET",
        "GET / x HTTP/1.1",
        "GET HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "G(T / HTTP/1.1",
        " / HTTP/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.10",
        "GET / HTTP/11",
        "GET / HTTP/a.1",
        "GET / XTTP/1.1",
        "GET x HTTP/1.1",
        "GET /#f HTTP/1.1",
        "GET * HTTP/1.1",
        "GET /\x80 HTTP/1.1",
        "GET /\x01 HTTP/1.1",
        "\x16\x03\x01 / HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://u@a/ HTTP/1.1",
        "CONNECT a/b HTTP/1.1",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (line(bad[i]) != 400)
            printf("  line: %s\n", bad[i]);
        T_EQ(line(bad[i]), 400);
    }
}

/* REQ: HTTP-9112-2.3-1 */
static void test_http_parse_versions(void)
{
    struct http_request r;

    T_EQ(line("GET / http/1.1"), 400);
    T_EQ(line("GET / HTTP/2.0"), 505);
    T_EQ(line("GET / HTTP/0.9"), 505);
    T_EQ(line("PRI * HTTP/2.0"), 505);
    T_EQ(parse("GET / HTTP/1.9\r\nHost: a\r\n\r\n", &r), 0);
    T_EQ(r.minor, 1);
    T_TRUE(r.keep_alive);
    T_EQ(parse("GET / HTTP/1.0\r\n\r\n", &r), 0);
    T_EQ(r.minor, 0);
    T_FALSE(r.keep_alive);
}

/* REQ: HTTP-9110-9.1-1 HTTP-9110-15.5.6-1 */
static void test_http_parse_methods(void)
{
    static const struct {
        const char *line;
        enum http_method method;
    } cases[] = {
        {"GET / HTTP/1.1",       HTTP_GET    },
        {"HEAD / HTTP/1.1",      HTTP_HEAD   },
        {"POST / HTTP/1.1",      HTTP_OTHER  },
        {"DELETE / HTTP/1.1",    HTTP_OTHER  },
        {"OPTIONS * HTTP/1.1",   HTTP_OTHER  },
        {"CONNECT a:1 HTTP/1.1", HTTP_OTHER  },
        {"get / HTTP/1.1",       HTTP_UNKNOWN},
        {"GETS / HTTP/1.1",      HTTP_UNKNOWN},
        {"FOO / HTTP/1.1",       HTTP_UNKNOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char head[128];
        struct http_request r;

        snprintf(head, sizeof(head), "%s\r\nHost: a\r\n\r\n", cases[i].line);
        T_EQ(parse(head, &r), 0);
        T_EQ(r.method, cases[i].method);
    }
}

/* REQ: HTTP-9112-3.2.2-1 */
static void test_http_parse_targets(void)
{
    struct http_request r;

    T_EQ(parse("GET /a/b?c=d?e HTTP/1.1\r\nHost: h\r\n\r\n", &r), 0);
    is_text(r.path, "/a/b");
    is_text(r.query, "c=d?e");
    is_text(r.host, "h");
    T_EQ(parse("GET http://a:80/x?y HTTP/1.1\r\nHost: b\r\n\r\n", &r), 0);
    is_text(r.path, "/x");
    is_text(r.query, "y");
    is_text(r.host, "a:80");
    T_EQ(parse("GET HTTP://a HTTP/1.1\r\nHost: b\r\n\r\n", &r), 0);
    is_text(r.path, "/");
    T_EQ(parse("GET http://a?q HTTP/1.1\r\nHost: b\r\n\r\n", &r), 0);
    is_text(r.path, "/");
    is_text(r.query, "q");
    T_EQ(parse("GET http://a/ HTTP/1.1\r\n\r\n", &r), 400); /* Host is wanted all the same */
}

/* REQ: HTTP-9112-3.2-1 */
static void test_http_parse_host_exactly_one_and_valid(void)
{
    T_EQ(status("GET / HTTP/1.1\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), 400);
    T_EQ(status("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0);
    T_EQ(status("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0);
    T_EQ(status("GET / HTTP/1.1\r\nhOST: a.b-c:8080\r\n\r\n"), 0);
}

/* ---- fields ---- */

/* REQ: HTTP-9112-5.1-1 HTTP-9112-5.2-1 HTTP-9112-2.2-5 HTTP-9110-5.5-1 HTTP-9112-2.2-1 */
static void test_http_parse_bad_fields(void)
{
    struct http_request r;
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";

    T_EQ(fields("Content-Length : 5\r\n", &r), 400);
    T_EQ(fields("X: a\r\n b\r\n", &r), 400);
    T_EQ(fields("Transfer-Encoding:\r\n chunked\r\n", &r), 400);
    T_EQ(fields("X: a\r\n\tb\r\n", &r), 400);
    T_EQ(fields("no colon\r\n", &r), 400);
    T_EQ(fields(": no name\r\n", &r), 400);
    T_EQ(fields("X(: y\r\n", &r), 400);
    T_EQ(fields("X: \x7f\r\n", &r), 400);
    T_EQ(fields("X: \x01\r\n", &r), 400);
    T_EQ(status("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400);
    T_EQ(parse_bytes(nul, sizeof(nul) - 1, &r, NULL), 400);
    T_EQ(fields("X: \x80\xff\tok\r\n", &r), 0);
    T_EQ(fields("X:\r\n", &r), 0);
}

/* REQ: HTTP-9112-6.3-2 HTTP-9110-5.1-1 */
static void test_http_parse_content_length(void)
{
    static const char *const bad[] = {
        "+5",
        "-5",
        "0x5",
        "5 6",
        "5,6",
        "5, 6",
        "",
        " ",
        ",",
        "5,",
        "a",
        "5a",
        "18446744073709551616",
        "18446744073709551621",
        "9223372036854775808",
        "99999999999999999999999999",
        "1e3",
        "5;",
    };
    struct http_request r;
    char field[128];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(field, sizeof(field), "Content-Length: %s\r\n", bad[i]);
        if (fields(field, &r) != 400)
            printf("  Content-Length: %s\n", bad[i]);
        T_EQ(fields(field, &r), 400);
    }
    T_EQ(fields("Content-Length: 5\r\nContent-Length: 6\r\n", &r), 400);
    T_EQ(fields("Content-Length: 5\r\nContent-Length: 5\r\n", &r), 0);
    T_EQ(r.length, 5);
    T_EQ(fields("Content-Length: 5 , 5\r\n", &r), 0);
    T_EQ(r.length, 5);
    T_EQ(fields("cOnTeNt-LeNgTh:\t0042 \r\n", &r), 0);
    T_TRUE(r.has_length && r.length == 42);
    T_EQ(fields("", &r), 0);
    T_FALSE(r.has_length);
}

/* REQ: HTTP-9112-6.1-2 HTTP-9112-6.1-3 HTTP-9112-6.1-4 HTTP-9112-6.3-1 HTTP-9112-11.2-1 */
static void test_http_parse_transfer_encoding(void)
{
    static const char *const bad[] = {
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\ntransfer-encoding: CHUNKED\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: x, chunked\r\n",
        "X: y\r\nTransfer-Encoding: chunk\r\n ed\r\n",
    };
    struct http_request r;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (fields(bad[i], &r) != 400)
            printf("  %s", bad[i]);
        T_EQ(fields(bad[i], &r), 400);
    }
    T_EQ(fields("Transfer-Encoding: gzip, chunked\r\n", &r), 501);
    T_EQ(fields("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", &r), 501);
    T_EQ(fields("Transfer-Encoding: Chunked \r\n", &r), 0);
    T_TRUE(r.chunked && !r.has_length);
    T_EQ(status("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

/* REQ: HTTP-9110-10.1.1-1 */
static void test_http_parse_expect_and_connection(void)
{
    struct http_request r;

    T_EQ(fields("Expect: 100-Continue\r\nContent-Length: 5\r\n", &r), 0);
    T_TRUE(r.expects_100);
    T_EQ(fields("Expect: 100-continue\r\n", &r), 0);
    T_FALSE(r.expects_100); /* there is nothing to wait for */
    T_EQ(fields("Expect: tea\r\n", &r), 417);
    T_EQ(parse("GET / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", &r), 0);
    T_FALSE(r.expects_100);
    T_EQ(fields("Connection: x, Close\r\n", &r), 0);
    T_FALSE(r.keep_alive);
    T_EQ(fields("Connection: keep-alive\r\nConnection: close\r\n", &r), 0);
    T_FALSE(r.keep_alive);
    T_EQ(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &r), 0);
    T_TRUE(r.keep_alive);
}

static void test_http_parse_keeps_the_conditions(void)
{
    struct http_request r;

    T_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\nRange:  bytes=1-2\t\r\nIf-Range: x\r\n"
               "If-Modified-Since: y\r\nIf-None-Match: *\r\n\r\n",
               &r),
         0);
    is_text(r.range, "bytes=1-2");
    is_text(r.if_range, "x");
    is_text(r.if_modified_since, "y");
    is_text(r.if_none_match, "*");
    T_TRUE(r.if_match.p == NULL);
}

/* ---- bodies ---- */

/* Feed @body in pieces of at most @step, the first of @first. Return: bytes used, or the error. */
static int walk(const char *body, size_t len, bool chunked, uint64_t length, size_t first,
                size_t step, char *content)
{
    struct http_request r = {.chunked = chunked, .has_length = !chunked, .length = length};
    struct http_body b;
    size_t at = 0, out = 0;

    http_body_begin(&b, &r);
    while (!http_body_done(&b) && at < len) {
        size_t n = at == 0 ? first : step;
        struct span data;
        int rc = http_body_next(
            &b, (struct span){(const uint8_t *)body + at, n < len - at ? n : len - at}, &data);

        if (rc < 0)
            return rc;
        T_NEED(rc > 0);
        memcpy(content + out, data.p, data.len);
        out += data.len;
        at += (size_t)rc;
    }
    content[out] = '\0';
    return http_body_done(&b) ? (int)at : 0;
}

static int chunked(const char *body, char *content)
{
    return walk(body, strlen(body), true, 0, strlen(body), strlen(body), content);
}

/* REQ: HTTP-9112-6.1-1 HTTP-9112-7.1.1-1 HTTP-9112-7.1.2-1 */
static void test_http_body_chunked_same_content_at_every_cut(void)
{
    static const char body[] = "5\r\nhello\r\n1 ; a=b;c=\"d\"\r\n,\r\n0006\r\n world\r\n000\r\n"
                               "Content-Length: 99\r\nHost: evil\r\n\r\nGET /next";
    int want = (int)(sizeof(body) - 1 - strlen("GET /next"));
    char content[64];

    for (size_t first = 1; first < sizeof(body); first++) {
        for (size_t step = 1; step < sizeof(body); step++) {
            T_EQ(walk(body, sizeof(body) - 1, true, 0, first, step, content), want);
            T_STR(content, "hello, world");
        }
    }
    for (size_t len = 1; len < (size_t)want; len++) /* not done a byte early */
        T_EQ(walk(body, len, true, 0, len, len, content), 0);
}

static void test_http_body_plain_ends_at_its_length(void)
{
    char content[64];

    for (size_t step = 1; step < 12; step++) {
        T_EQ(walk("hello, world", 12, false, 5, step, step, content), 5);
        T_STR(content, "hello");
    }
    T_EQ(walk("hel", 3, false, 5, 3, 3, content), 0);
    struct http_body b;

    http_body_begin(&b, &(struct http_request){.has_length = true});
    T_TRUE(http_body_done(&b));
    http_body_begin(&b, &(struct http_request){.has_length = false});
    T_TRUE(http_body_done(&b));
}

/* REQ: HTTP-9112-7.1-1 */
static void test_http_body_bad_chunks(void)
{
    static const char *const bad[] = {
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "-5\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "\r\n",
        ";a\r\n",
        "g\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\r\rhello\r\n",
        "10000000000000000\r\n",
        "0000000000000005\r\n",
        "ffffffffffffffff\r\n",
        "5;a\nhello\r\n",
        "5;a\x01\r\nhello\r\n",
        "0\r\n\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX\rY\r\n\r\n",
        "5 6\r\nhello\r\n",
        "0\r\nX: \x7f\r\n\r\n",
    };
    char content[64];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (chunked(bad[i], content) != -400)
            printf("  chunk: %s\n", bad[i]);
        T_EQ(chunked(bad[i], content), -400);
    }
}

/* REQ: HTTP-9112-7.1.1-1 */
static void test_http_body_bounded_extensions_and_trailers(void)
{
    static char body[20000];
    char content[8];

    memset(body, 'x', sizeof(body) - 1);
    memcpy(body, "5;", 2);
    T_EQ(chunked(body, content), -400);
    memcpy(body, "0\r\n", 3);
    T_EQ(chunked(body, content), -431);
}

/* ---- paths ---- */

static const char *path_of(const char *target)
{
    static char out[256];
    bool is_dir;

    if (http_path(text(target), out, sizeof(out) - 1, &is_dir) != 0)
        return "400";
    if (is_dir && strcmp(out, ".") != 0)
        strcat(out, "/");
    return out;
}

/* REQ: HTTP-9110-17.3-1 */
static void test_http_path_never_above_the_root(void)
{
    static const char *const escapes[] = {
        "/..",
        "/../",
        "/../etc/passwd",
        "/a/../../b",
        "/%2e%2e/x",
        "/.%2e/x",
        "/%2E%2E",
        "/./../x",
        "//../x",
        "/a/./../../",
        "/%2e%2e%2fetc",
        "/a%2fb",
        "/a%2F..%2f..",
        "/%00",
        "/a%00.html",
        "/%",
        "/%4",
        "/%zz",
        "/%0a",
        "/a%0d%0ab",
        "/%7f",
        "/a/b/../../..",
        "",
        "a",
        "*",
    };

    for (size_t i = 0; i < ARRAY_LEN(escapes); i++)
        T_STR(path_of(escapes[i]), "400");
}

static void test_http_path_normal_forms(void)
{
    static const struct {
        const char *target, *path;
    } cases[] = {
        {"/",             "."       },
        {"/a",            "a"       },
        {"/a/",           "a/"      },
        {"//a///b",       "a/b"     },
        {"/./a/.",        "a/"      },
        {"/a/b/..",       "a/"      },
        {"/a/..",         "."       },
        {"/a/../b",       "b"       },
        {"/a/b/../c/./d", "a/c/d"   },
        {"/%61%2e%62",    "a.b"     },
        {"/a%20b",        "a b"     },
        {"/%252e%252e/x", "%2e%2e/x"}, /* decoded once only */
        {"/...",          "..."     },
        {"/..a/b..",      "..a/b.." },
        {"/.hidden",      ".hidden" },
        {"/a\\..\\b",     "a\\..\\b"},
        {"/%c3%a4",       "\xc3\xa4"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        T_STR(path_of(cases[i].target), cases[i].path);
    char small[8];
    bool is_dir;

    T_EQ(http_path(text("/1234567"), small, sizeof(small), &is_dir), 400);
    T_EQ(http_path(text("/12345"), small, sizeof(small), &is_dir), 0);
    T_STR(small, "12345");
}

/* ---- ranges ---- */

static void test_http_range(void)
{
    static const struct {
        const char *value;
        enum http_range_kind kind;
        uint64_t first, count;
    } cases[] = {
        {"bytes=0-0",                       HTTP_RANGE_ONE,  0,  1  },
        {"bytes=0-99",                      HTTP_RANGE_ONE,  0,  100},
        {"bytes=10-",                       HTTP_RANGE_ONE,  10, 90 },
        {"bytes=99-",                       HTTP_RANGE_ONE,  99, 1  },
        {"bytes=90-1000",                   HTTP_RANGE_ONE,  90, 10 },
        {"bytes=-1",                        HTTP_RANGE_ONE,  99, 1  },
        {"bytes=-100",                      HTTP_RANGE_ONE,  0,  100},
        {"bytes=-1000",                     HTTP_RANGE_ONE,  0,  100},
        {"Bytes= 5-6 ",                     HTTP_RANGE_ONE,  5,  2  },
        {"bytes=0-99999999999999999999999", HTTP_RANGE_ONE,  0,  100},
        {"bytes=100-",                      HTTP_RANGE_BAD,  0,  0  },
        {"bytes=100-200",                   HTTP_RANGE_BAD,  0,  0  },
        {"bytes=99999999999999999999999-",  HTTP_RANGE_BAD,  0,  0  },
        {"bytes=-0",                        HTTP_RANGE_BAD,  0,  0  },
        {"bytes=5-4",                       HTTP_RANGE_NONE, 0,  0  },
        {"bytes=0-1,5-6",                   HTTP_RANGE_NONE, 0,  0  },
        {"bytes=-",                         HTTP_RANGE_NONE, 0,  0  },
        {"bytes=",                          HTTP_RANGE_NONE, 0,  0  },
        {"bytes=a-b",                       HTTP_RANGE_NONE, 0,  0  },
        {"bytes=1-2x",                      HTTP_RANGE_NONE, 0,  0  },
        {"items=0-1",                       HTTP_RANGE_NONE, 0,  0  },
        {"",                                HTTP_RANGE_NONE, 0,  0  },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t first = 0, count = 0;

        T_EQ(http_range(text(cases[i].value), 100, &first, &count), cases[i].kind);
        if (cases[i].kind == HTTP_RANGE_ONE) {
            T_EQ(first, cases[i].first);
            T_EQ(count, cases[i].count);
        }
    }
    uint64_t first, count;

    T_EQ(http_range(text("bytes=0-"), 0, &first, &count), HTTP_RANGE_BAD);
    T_EQ(http_range(text("bytes=-5"), 0, &first, &count), HTTP_RANGE_BAD);
}

T_MAIN("http_parse", T(test_http_parse_characters), T(test_http_scan_agrees_with_the_plain_rules),
       T(test_http_scan_same_end_at_every_cut_and_in_every_step), T(test_http_scan_limits),
       T(test_http_parse_request_line_of_8000_bytes_is_served),
       T(test_http_scan_empty_lines_in_front_are_ignored_up_to_a_limit),
       T(test_http_scan_bare_cr_is_refused), T(test_http_parse_lone_lf_only_without_a_body),
       T(test_http_parse_bad_request_lines), T(test_http_parse_versions),
       T(test_http_parse_methods), T(test_http_parse_targets),
       T(test_http_parse_host_exactly_one_and_valid), T(test_http_parse_bad_fields),
       T(test_http_parse_content_length), T(test_http_parse_transfer_encoding),
       T(test_http_parse_expect_and_connection), T(test_http_parse_keeps_the_conditions),
       T(test_http_body_chunked_same_content_at_every_cut),
       T(test_http_body_plain_ends_at_its_length), T(test_http_body_bad_chunks),
       T(test_http_body_bounded_extensions_and_trailers), T(test_http_path_never_above_the_root),
       T(test_http_path_normal_forms), T(test_http_range))
