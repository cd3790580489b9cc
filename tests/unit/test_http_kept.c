/* What is kept of requests and answers changes nothing but the work: a server that has seen all of
 * them before and one that has seen none say the same. */
#include "app_pair.h"

#include "l7_application/http.h"

static uint64_t file_size = 10;

static int fs_open(void *ctx, const char *path, struct app_stat *out)
{
    (void)ctx;
    bool is_dir = strcmp(path, "dir") == 0 || strcmp(path, "sub") == 0;

    if (!is_dir && strcmp(path, "a.txt") != 0 && strcmp(path, "b.css") != 0)
        return -ENOENT;
    *out = (struct app_stat){.size = file_size, .mtime = 5, .is_dir = is_dir};
    return path[0];
}

static int fs_read(void *ctx, int handle, uint64_t offset, void *buf, size_t len)
{
    (void)ctx;
    len = len < file_size - offset ? len : (size_t)(file_size - offset);
    memset(buf, handle, len);
    return (int)len;
}

static void fs_close(void *ctx, int handle)
{
    (void)ctx;
    (void)handle;
}

static const struct app_files fs = {NULL, fs_open, fs_read, fs_close, NULL};

#define REST "Host: a\r\n\r\n"

static const char *const heads[] = {
    "GET /a.txt HTTP/1.1\r\n" REST,
    "GET /b.css HTTP/1.1\r\n" REST,
    "GET /c.txt HTTP/1.1\r\n" REST,
    "HEAD /a.txt HTTP/1.1\r\n" REST,
    "HEAD /c.txt HTTP/1.1\r\n" REST,
    "GET /dir HTTP/1.1\r\n" REST,
    "GET /sub HTTP/1.1\r\n" REST,
    "GET /dir/ HTTP/1.1\r\n" REST,
    "GET /a.txt HTTP/1.0\r\n\r\n",
    "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /a.txt HTTP/1.1\r\nConnection: close\r\n" REST,
    "GET /c.txt HTTP/1.1\r\nConnection: close\r\n" REST,
    "GET /a.txt HTTP/1.1\r\nRange: bytes=2-5\r\n" REST,
    "GET /a.txt HTTP/1.1\r\nRange: bytes=3-6\r\n" REST,
    "GET /a.txt HTTP/1.1\r\nRange: bytes=20-\r\n" REST,
    "GET /a.txt HTTP/1.1\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:05 GMT\r\n" REST,
    "BREW /a.txt HTTP/1.1\r\n" REST,
    "POST /a.txt HTTP/1.1\r\nContent-Length: 0\r\n" REST,
    "\r\nGET /a.txt HTTP/1.1\r\n" REST,
    "GET /a.txt HTTP/1.1\r\n" REST "GET /b.css HTTP/1.1\r\n" REST,
    "GET /a.txt HTTP/1.1\r\nBad : x\r\n" REST,
    "GET /a.txt HTTP/1.1\r\n\r\n",
    "GET /a.txt HTTP/2.0\r\n" REST,
};

static void ask(struct pair *p, const char *head)
{
    pair_close(p);
    pair_connect(p, 80);
    pair_say(p, head);
    pair_run(p, NET_MS(50));
    T_TRUE(p->len > 0);
}

static int64_t calendar(void *ctx)
{
    return *(int64_t *)ctx;
}

static struct pair *serve(int64_t *clock)
{
    struct pair *p = pair_new(&fs, 0);

    p->app.env.calendar = calendar;
    p->app.env.calendar_ctx = clock;
    return p;
}

static char *fresh[ARRAY_LEN(heads)];

/* What hosts say that have never been asked before. */
static void ask_fresh_ones(int64_t *clock)
{
    for (unsigned i = 0; i < ARRAY_LEN(heads); i++) {
        struct pair *p = serve(clock);

        ask(p, heads[i]);
        free(fresh[i]);
        fresh[i] = strdup(p->got);
        pair_free(p);
    }
}

static void ask_and_compare(struct pair *p, unsigned i)
{
    ask(p, heads[i]);
    if (strcmp(p->got, fresh[i]) != 0)
        printf("  %s\nkept: %s\nfresh: %s\n", heads[i], p->got, fresh[i]);
    T_STR(p->got, fresh[i]);
}

static void test_http_kept_says_the_same(void)
{
    int64_t clock = 1000000000;
    struct pair *p = serve(&clock);

    ask_fresh_ones(&clock);
    for (unsigned i = 0; i < ARRAY_LEN(heads); i++) {
        for (unsigned k = 0; k < ARRAY_LEN(heads); k++) {
            ask_and_compare(p, i);
            ask_and_compare(p, k);
        }
    }
    pair_free(p);
}

/* The second passes, and files become others. */
static void test_http_kept_is_not_what_was_true_before(void)
{
    int64_t clock = 1000000000;
    struct pair *p = serve(&clock);

    for (unsigned i = 0; i < ARRAY_LEN(heads); i++) {
        ask_fresh_ones(&clock);
        ask_and_compare(p, i);
        clock += 1;
        ask_fresh_ones(&clock);
        ask_and_compare(p, i);
        file_size += HTTP_KEPT;
        ask_fresh_ones(&clock);
        ask_and_compare(p, i);
    }
    pair_free(p);
}

/* A head in two pieces, cut anywhere. */
static void test_http_kept_parse_of_two_pieces(void)
{
    static struct http_kept k;
    static uint8_t wrapped[HTTP_HEAD_MAX];
    size_t len = strlen(heads[0]);

    for (size_t cut = 0; cut <= len; cut++) {
        char *one = malloc(cut + 1),
             *two = malloc(len - cut + 1); /* a byte too far is seen by ASan */

        memcpy(one, heads[0], cut);
        memcpy(two, heads[0] + cut, len - cut);
        one[cut] = two[len - cut] = '!';
        int status = -1;
        const struct http_request *r =
            http_kept_parse(&k,
                            (struct span[2]){
                                {(uint8_t *)one, cut      },
                                {(uint8_t *)two, len - cut}
        },
                            len, wrapped, &status);

        T_EQ(status, 0);
        T_EQ(r->path.len, 6);
        T_EQ(r->host.len, 1);
        free(one);
        free(two);
    }
}

static const struct http_kept *kept_of(struct pair *p)
{
    unsigned i = 0;

    while (app_service_list[i] != &app_http)
        i++;
    return p->app.memory[i];
}

/* A request that is kept is found by all of its bytes, and by no fewer. */
static void test_http_kept_needs_all_bytes(void)
{
    int64_t clock = 1000000000;
    struct pair *p = serve(&clock);
    size_t len = strlen(heads[0]);
    char other[256];

    T_TRUE(http_kept_request(kept_of(p), (struct span){(const uint8_t *)heads[0], len}) == NULL);
    ask(p, heads[0]);
    const struct http_kept_request *q =
        http_kept_request(kept_of(p), (struct span){(const uint8_t *)heads[0], len});

    T_NEED(q != NULL);
    T_EQ(q->len, len);
    T_EQ(q->request.path.len, 6);
    for (size_t i = 0; i < len; i++) {
        memcpy(other, heads[0], len);
        other[i] ^= 1;
        T_TRUE(http_kept_request(kept_of(p), (struct span){(uint8_t *)other, len}) == NULL);
        T_TRUE(http_kept_request(kept_of(p), (struct span){(const uint8_t *)heads[0], i}) == NULL);
    }
    /* What was refused once is looked at again. */
    ask(p, heads[20]);
    len = strlen(heads[20]);
    T_TRUE(http_kept_request(kept_of(p), (struct span){(const uint8_t *)heads[20], len}) == NULL);
    pair_free(p);
}

/* A head that is too long to be kept, in one piece and across the end of the receive ring. */
static void test_http_kept_not_the_long_ones(void)
{
    static char head[2 * HTTP_KEPT_REQUEST];
    int64_t clock = 1000000000;
    struct pair *p = serve(&clock);
    size_t at = (size_t)snprintf(head, sizeof(head), "GET /a.txt HTTP/1.1\r\nX: ");

    memset(head + at, 'x', HTTP_KEPT_REQUEST);
    snprintf(head + at + HTTP_KEPT_REQUEST, 100, "\r\n" REST);
    pair_connect(p, 80);
    for (int i = 0; i < 30; i++) {
        p->len = 0;
        pair_say(p, head);
        pair_run(p, NET_MS(50));
        T_MEM(p->got, "HTTP/1.1 200 OK\r\n", 17);
    }
    for (unsigned i = 0; i < HTTP_KEPT; i++)
        T_EQ(kept_of(p)->requests[i].len, 0);
    pair_free(p);
}

T_MAIN("http_kept", T(test_http_kept_says_the_same), T(test_http_kept_is_not_what_was_true_before),
       T(test_http_kept_parse_of_two_pieces), T(test_http_kept_needs_all_bytes),
       T(test_http_kept_not_the_long_ones))
