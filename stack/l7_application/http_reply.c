/*
 * http_reply.c - the head of an answer (RFC 9112 section 4, RFC 9110), and the small pages that
 * say in a sentence why there is nothing else.
 */
#include "l7_application/date.h"
#include "l7_application/http.h"

static const struct http_status {
    uint16_t status;
    const char *phrase, *sentence;
} http_statuses[] = {
    {200, "OK",                              ""                                                   },
    {206, "Partial Content",                 ""                                                   },
    {301, "Moved Permanently",               "This is a directory: its name ends in a slash."     },
    {304, "Not Modified",                    ""                                                   },
    {400, "Bad Request",                     "The request is not one that HTTP/1.1 knows."        },
    {403, "Forbidden",                       "This is not for you to see."                        },
    {404, "Not Found",                       "There is nothing of this name."                     },
    {405, "Method Not Allowed",              "Only GET and HEAD are done here."                   },
    {408, "Request Timeout",                 "The request took too long to come."                 },
    {412, "Precondition Failed",             "It is not what you expected it to be."              },
    {413, "Content Too Large",               "The body of the request is too large."              },
    {414, "URI Too Long",                    "The target of the request is too long."             },
    {416, "Range Not Satisfiable",           "The file ends before the range begins."             },
    {417, "Expectation Failed",              "Only 100-continue can be expected."                 },
    {431, "Request Header Fields Too Large", "The head of the request is too large."              },
    {500, "Internal Server Error",           "The file could not be read."                        },
    {501, "Not Implemented",                 "This server does not know the method or the coding."},
    {503, "Service Unavailable",             "Too many files are open: try again."                },
    {505, "HTTP Version Not Supported",      "This server speaks HTTP/1.1 and HTTP/1.0."          },
};

static const struct http_status *http_status_of(uint16_t status)
{
    const struct http_status *s = http_statuses;

    while (s->status != status) {
        s++;
        NET_ASSERT(s < http_statuses + ARRAY_LEN(http_statuses));
    }
    return s;
}

static void http_field_str(struct fmt *f, const char *name, const char *value)
{
    fmt_str(f, name);
    fmt_str(f, value);
    fmt_str(f, "\r\n");
}

static void http_field_u64(struct fmt *f, const char *name, uint64_t value)
{
    fmt_str(f, name);
    fmt_u64(f, value);
    fmt_str(f, "\r\n");
}

/* The normalised path, escaped again: so a redirect can only lead to this server. */
static void http_field_location(struct fmt *f, const char *path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

    fmt_str(f, "Location: /");
    for (; *path != '\0'; path++) {
        if (memchr(plain, *path, sizeof(plain) - 1) != NULL) {
            fmt_char(f, *path);
        } else {
            fmt_char(f, '%');
            fmt_hex(f, (uint8_t)*path, 2);
        }
    }
    fmt_str(f, "/\r\n");
}

static void http_field_range(struct fmt *f, const struct http_answer *w)
{
    fmt_str(f, "Content-Range: bytes ");
    if (w->status == 416) {
        fmt_str(f, "*");
    } else {
        fmt_u64(f, w->at);
        fmt_char(f, '-');
        fmt_u64(f, w->at + w->left - 1);
    }
    fmt_char(f, '/');
    fmt_u64(f, w->size);
    fmt_str(f, "\r\n");
}

static void http_reply_text(struct fmt *f, const struct http_status *s)
{
    fmt_str(f, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>");
    fmt_u64(f, s->status);
    fmt_char(f, ' ');
    fmt_str(f, s->phrase);
    fmt_str(f, "</title>\n<h1>");
    fmt_str(f, s->phrase);
    fmt_str(f, "</h1>\n<p>");
    fmt_str(f, s->sentence);
    fmt_str(f, "</p>\n</html>\n");
}

/* How long the content is: RFC 9112 section 6.3. */
static void http_reply_framing(const struct http_conn *h, const struct fmt *text, struct fmt *f)
{
    const struct http_answer *w = &h->answer;

    if (w->source == HTTP_FROM_TEXT)
        http_field_u64(f, "Content-Length: ", text->len);
    else if (w->source == HTTP_FROM_FILE)
        http_field_u64(f, "Content-Length: ", w->left);
    else if (h->minor >
             0) /* never to HTTP/1.0, section 6.1: there the end of the stream is the end */
        fmt_str(f, "Transfer-Encoding: chunked\r\n");
}

void http_reply_head(struct app *a, const struct http_conn *h, int64_t now, struct fmt *f)
{
    const struct http_answer *w = &h->answer;
    const struct http_status *s = http_status_of(w->status);
    char page[512];
    struct fmt text = {.p = page, .cap = sizeof(page)};

    fmt_str(f, "HTTP/1.1 ");
    fmt_u64(f, w->status);
    fmt_char(f, ' ');
    http_field_str(f, s->phrase, "");
    fmt_str(f, "Date: ");
    date_http(f, now);
    fmt_str(f, "\r\nServer: stackd\r\n");
    if (w->has_mtime) {
        fmt_str(f, "Last-Modified: ");
        date_http(f, w->mtime < now ? w->mtime : now); /* RFC 9110 section 8.8.2.1 */
        fmt_str(f, "\r\n");
    }
    if (w->source == HTTP_FROM_FILE || w->status == 416)
        fmt_str(f, "Accept-Ranges: bytes\r\n");
    if (w->is_range || w->status == 416)
        http_field_range(f, w);
    if (w->status == 405)
        fmt_str(f, "Allow: GET, HEAD\r\n");
    if (w->status == 301)
        http_field_location(f, (const char *)a->scratch + HTTP_SCRATCH_PATH);
    if (w->source == HTTP_FROM_PAGE)
        fmt_str(f, "Cache-Control: no-store\r\n");
    if (w->status != 304) { /* a 304 describes what the client has */
        http_reply_text(&text, s);
        http_field_str(f, "Content-Type: ",
                       w->source == HTTP_FROM_TEXT ? "text/html; charset=utf-8" : w->type);
        http_reply_framing(h, &text, f);
    }
    if (h->close)
        fmt_str(f, "Connection: close\r\n");
    else if (h->minor == 0)
        fmt_str(f, "Connection: keep-alive\r\n");
    fmt_str(f, "\r\n");
    if (w->source == HTTP_FROM_TEXT && w->status != 304 && !h->is_head)
        fmt_bytes(f, text.p, text.len);
    NET_ASSERT(!text.full && !f->full);
}
