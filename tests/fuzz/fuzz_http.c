/*
 * fuzz_http.c - whatever bytes come: the end of a request does not depend on how they are cut, every
 * span lies inside the head, no path leaves the root, and every step makes progress.
 *
 * The first byte chooses where the bytes are cut in two.
 */
#include <stdlib.h>

#include "l7_application/date.h"
#include "l7_application/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void inside(struct span s, struct span head)
{
    if (s.p == NULL)
        return;
    /* The path of "http://host" is a slash that stands in no head. */
    NET_ASSERT((s.p >= head.p && s.p + s.len <= head.p + head.len) ||
               (s.len == 1 && s.p[0] == '/'));
}

static void check_path(struct span path)
{
    char *out = malloc(path.len + 2);
    bool is_dir;

    NET_ASSERT(out != NULL);
    if (http_path(path, out, path.len + 2, &is_dir) == 0) {
        NET_ASSERT(strlen(out) > 0 && out[0] != '/' && out[strlen(out) - 1] != '/');
        NET_ASSERT(strstr(out, "//") == NULL && strstr(out, "/../") == NULL);
        NET_ASSERT(strcmp(out, "..") != 0 && strncmp(out, "../", 3) != 0);
        NET_ASSERT(strlen(out) < 3 || strcmp(out + strlen(out) - 3, "/..") != 0);
    }
    free(out);
}

static void check_body(const struct http_request *r, struct span in, size_t step)
{
    struct http_body b;
    size_t at = 0;

    http_body_begin(&b, r);
    while (at < in.len && !http_body_done(&b)) {
        struct span data, piece = {in.p + at, size_min(step, in.len - at)};
        int n = http_body_next(&b, piece, &data);

        if (n < 0)
            return;
        NET_ASSERT(n > 0 && (size_t)n <= piece.len);
        NET_ASSERT(data.p >= piece.p && data.p + data.len <= piece.p + piece.len);
        at += (size_t)n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct http_scan once = {0}, stepwise = {0};
    struct http_request r;
    uint64_t first, count;
    int64_t when;

    if (len < 1)
        return 0;
    size_t cut = size_min(bytes[0], len - 1);

    bytes++;
    len--;
    int n = http_scan(&once,
                      (struct span[2]){
                          {bytes,       cut      },
                          {bytes + cut, len - cut}
    }),
        m = 0;

    for (size_t have = 0; have <= len && m == 0; have++)
        m = http_scan(&stepwise, (struct span[2]){
                                     {bytes, have},
                                     {NULL,  0   }
        });
    NET_ASSERT(n == m);
    if (n > 0) {
        struct span head = {bytes, (size_t)n};

        if (http_parse(&r, head) == 0) {
            NET_ASSERT(!(r.chunked && r.has_length));
            inside(r.path, head);
            inside(r.query, head);
            inside(r.host, head);
            inside(r.range, head);
            if (r.path.p != NULL)
                check_path(r.path);
            if (r.range.p != NULL && http_range(r.range, 1000, &first, &count) == HTTP_RANGE_ONE)
                NET_ASSERT(count > 0 && first + count <= 1000);
            check_body(&r, (struct span){bytes + n, len - (size_t)n}, len);
            check_body(&r, (struct span){bytes + n, len - (size_t)n}, 1);
        }
    }
    check_path((struct span){bytes, len});
    check_body(&(struct http_request){.chunked = true}, (struct span){bytes, len}, cut + 1);
    if (http_range((struct span){bytes, len}, 1000, &first, &count) == HTTP_RANGE_ONE)
        NET_ASSERT(count > 0 && first + count <= 1000);
    date_http_parse((struct span){bytes, len}, 0, &when);
    return 0;
}
