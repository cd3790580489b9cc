/*
 * http.h - what the files of the web server share: the state of a connection, and the answer that
 * is being given.
 *
 * http.c        the connection: heads, bodies, answers in turn, timeouts
 * http_reply.c  an answer's head, and the small pages of errors
 * http_file.c   from a target to a file under the root; conditions, ranges, types
 * http_page.c   the built-in page
 * http_kept.c   heads of requests and answers that come again and again
 */
#ifndef STACKD_HTTP_H
#define STACKD_HTTP_H

#include "base/fmt.h"
#include "l7_application/app.h"
#include "l7_application/http_parse.h"

/* How the scratch buffer is used. The three do not overlap. */
enum {
    HTTP_SCRATCH_HEAD = 0, /* a head whose bytes wrapped in the receive buffer */
    HTTP_SCRATCH_PATH = HTTP_HEAD_MAX,
    HTTP_PATH_MAX = HTTP_LINE_MAX + 64, /* index.html included */
    HTTP_SCRATCH_OUT = HTTP_SCRATCH_PATH + HTTP_PATH_MAX,
    HTTP_OUT_MAX = APP_SCRATCH - HTTP_SCRATCH_OUT
};
static_assert(HTTP_OUT_MAX > 3 * HTTP_PATH_MAX + 1024, "a redirect fits, each byte escaped");

enum http_source { HTTP_FROM_TEXT /* the few lines of an error */, HTTP_FROM_FILE, HTTP_FROM_PAGE };

/* Where the built-in page is. */
struct http_page {
    bool is_json;
    uint8_t step;  /* which part comes next */
    uint32_t at;   /* cursor of tcp_each, arp_each, or the drop reasons */
    uint32_t rows; /* of the table so far */
};

struct http_answer {
    uint16_t status;
    uint8_t source; /* enum http_source */
    bool has_mtime;
    bool is_range;
    int handle; /* of the open file, -1: none */
    const char *type;
    int64_t mtime;
    uint64_t size;     /* of the whole representation */
    uint64_t at, left; /* what is still to be sent of it */
};

enum http_phase {
    HTTP_PHASE_HEAD,  /* waiting for a request */
    HTTP_PHASE_SKIP,  /* its body is thrown away */
    HTTP_PHASE_REPLY, /* the answer is known, nothing is sent yet */
    HTTP_PHASE_SEND,  /* the head is sent, content follows */
    HTTP_PHASE_DONE
};

struct http_conn {
    struct http_scan scan;
    struct http_body body;
    struct http_page page;
    struct http_answer answer;
    uint64_t body_bytes; /* thrown away so far */
    uint8_t phase;       /* enum http_phase */
    uint8_t minor;       /* version of the peer: HTTP/1.minor */
    bool is_head;        /* HEAD: no content */
    bool is_last;        /* nothing has come behind the request */
    bool close;          /* after this answer */
    bool replied;        /* before the body was read */
};
static_assert(sizeof(struct http_conn) <= APP_STATE, "fits the state");

/* NULL: the connection waits for a request, and nothing of it has come. */
static inline struct http_conn *http_of(const struct app_conn *c)
{
    return app_conn_state(c);
}

/** http_file_find - decide the answer to a GET or HEAD of @r under the root: @out. For 301 the path
 * stands in the scratch buffer. */
void http_file_find(struct app *a, const struct http_request *r, struct http_answer *out);
/** http_file_type - the media type that belongs to a file name. */
const char *http_file_type(const char *path);

/** http_page_find - the same for the built-in page. */
void http_page_find(const struct http_request *r, struct http_answer *out, struct http_page *page);
/** http_page_piece - the next part of the page. Return: whether it is not over yet. */
bool http_page_piece(const struct app *a, struct http_page *page, struct fmt *f);

/** http_reply_head - the head of the answer, and the whole content if it comes from text. */
void http_reply_head(struct app *a, const struct http_conn *h, int64_t now, struct fmt *f);

/* What was asked and answered lately, on one host: http_kept.c. */
enum { HTTP_KEPT = 8, HTTP_KEPT_REQUEST = 768, HTTP_KEPT_REPLY = 720 };

struct http_kept_request {
    uint32_t len; /* of the head, 0: none */
    uint8_t head[HTTP_KEPT_REQUEST];
    struct http_request request; /* points into it */
};
struct http_kept_reply {
    struct http_kept_key {
        int64_t now, mtime;
        uint64_t left;
        const char *type;
        uint16_t status;
        uint8_t source, minor;
        bool has_mtime, close, is_head;
        uint8_t zero; /* no padding: compared byte by byte */
    } key;
    uint32_t len; /* 0: none */
    char bytes[HTTP_KEPT_REPLY];
};
static_assert(sizeof(struct http_kept_key) == 40, "has no padding");

struct http_kept {
    struct http_kept_request requests[HTTP_KEPT];
    struct http_request other; /* the last one that was not kept */
    struct http_kept_reply replies[HTTP_KEPT];
};

/** http_kept_request - has a head like the one that @in begins with been parsed before? Return: it, or
 * NULL. */
const struct http_kept_request *http_kept_request(const struct http_kept *k, struct span in);
/**
 * http_kept_parse - http_parse(), and a good one is kept.
 * @in: what has come, the head in front
 * @len: of the head
 * @wrapped: HTTP_HEAD_MAX bytes for a head that is in two pieces
 * @status: receives what http_parse() says
 *
 * Return: the request; good until the next call, or until @in is taken.
 */
const struct http_request *http_kept_parse(struct http_kept *k, const struct span in[2], size_t len,
                                           uint8_t *wrapped, int *status);
/** http_kept_reply - http_reply_head(), from what is kept where the answer is the same. */
void http_kept_reply(const struct app_conn *c, struct fmt *f);

#endif
