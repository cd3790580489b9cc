/*
 * http_parse.h - from bytes to one HTTP/1.1 request (RFC 9112), and nothing else.
 *
 * Pure functions over bytes. They exist apart from the server so that the one thing that must never
 * be in doubt, where a request ends, can be read, tested and fuzzed alone. Request smuggling lives
 * on two parsers that disagree; so whatever RFC 9112 allows to be read in two ways is refused, and
 * every refusal ends the connection, because what follows has no certain beginning.
 *
 * Three steps:
 *   http_scan()       finds the end of the head. It remembers how far it looked, so a client that
 *                     sends one byte at a time costs one look at each byte.
 *   http_parse()      takes the whole head, in one piece, apart.
 *   http_body_next()  walks over the body, plain or chunked, in whatever pieces it comes.
 *
 * Choices where the RFC leaves one: up to HTTP_EMPTY_LINES empty lines before a request are
 * ignored. A lone LF ends a line of a head (people type requests into nc), but only if the request
 * has no body: framing and tolerance do not go together. Obsolete line folding, a bare CR, space
 * before the colon, control characters and a NUL anywhere are 400. Transfer-Encoding together with
 * Content-Length, or in HTTP/1.0, is 400. Content-Length may be repeated with the same value only.
 */
#ifndef STACKD_HTTP_PARSE_H
#define STACKD_HTTP_PARSE_H

#include "base/base.h"

enum {
    HTTP_LINE_MAX =
        8192 + 512,        /* request line, line end included (RFC 9112 section 3: 8000 at least) */
    HTTP_HEAD_MAX = 16384, /* the whole head */
    HTTP_FIELDS_MAX = 100,
    HTTP_EMPTY_LINES = 4,
    HTTP_CHUNK_LINE_MAX = 1024, /* size and extensions of one chunk */
    HTTP_TRAILER_MAX = 8192
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_OTHER,  /* one that RFC 9110 or 5789 defines and this server does not do: 405 */
    HTTP_UNKNOWN /* 501 */
};

/* Every span points into the head that was parsed. A field that is absent has p == NULL. */
struct http_request {
    enum http_method method;
    uint8_t minor;   /* of HTTP/1.x: 0 or 1 */
    bool keep_alive; /* the peer wants the connection to go on */
    bool chunked;
    bool has_length;
    bool expects_100;
    uint64_t length;   /* of the body, with has_length */
    struct span path;  /* as in the target, undecoded, begins with '/'; "*" for OPTIONS * */
    struct span query; /* behind the '?', p == NULL if there is none */
    struct span host;  /* the target's authority if it has one, else the Host field */
    struct span if_modified_since, if_unmodified_since, if_match, if_none_match, if_range, range;
};

/* ---- the end of the head ---- */

struct http_scan {
    uint32_t at;    /* bytes looked at */
    uint32_t line;  /* where the current line begins */
    uint16_t lines; /* complete lines after the empty ones in front */
    uint8_t empty;  /* empty lines in front */
    bool after_cr;
};

/**
 * http_scan - look for the end of a head in a growing stream of bytes.
 * @s:  zero for a new request
 * @in: the stream from the beginning of the request on, in two pieces
 *
 * Return: the length of the head, empty lines around it included; 0: it is not complete yet; or the
 * negative of a status: -400 (bare CR, too many empty lines), -414, -431.
 */
int http_scan(struct http_scan *s, const struct span in[2]);

/**
 * http_parse - take a head apart.
 * @head: the bytes that http_scan() found
 *
 * Return: 0, or the status to answer with: 400, 417, 501, 505. After each of them the connection
 * must be closed. (A method that is known or unknown is no error here: see enum http_method.)
 */
int http_parse(struct http_request *r, struct span head);

/* ---- the body ---- */

enum http_body_state {
    HTTP_BODY_DATA, /* plain, or inside a chunk */
    HTTP_BODY_SIZE,
    HTTP_BODY_EXT,
    HTTP_BODY_SIZE_LF,
    HTTP_BODY_DATA_CR,
    HTTP_BODY_DATA_LF,
    HTTP_BODY_TRAILER, /* at the beginning of a trailer line */
    HTTP_BODY_TRAILER_LINE,
    HTTP_BODY_TRAILER_LF,
    HTTP_BODY_LAST_LF,
    HTTP_BODY_END
};

struct http_body {
    uint8_t state; /* enum http_body_state */
    uint8_t digits;
    bool spaced;   /* white space in a chunk line: only an extension may follow */
    uint16_t line; /* bytes of the chunk line, or of the trailer, so far */
    uint64_t left; /* bytes of the plain body or of the chunk */
};

/** http_body_begin - the body that belongs to @r. */
void http_body_begin(struct http_body *b, const struct http_request *r);
static inline bool http_body_done(const struct http_body *b)
{
    return b->state == HTTP_BODY_END;
}
/**
 * http_body_next - take the next bytes of a body.
 * @data: receives a piece of content, perhaps empty
 *
 * Call until all of @in is used or the body is done. Trailer fields are skipped, never merged.
 *
 * Return: bytes of @in that belong to the body, at least 1 (if @in is not empty); or the negative
 * of a status: -400 (framing), -431 (trailer).
 */
int http_body_next(struct http_body *b, struct span in, struct span *data);

/* ---- what the fields mean ---- */

static inline uint8_t http_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}
/** http_hex - the value of a hexadecimal digit, 16 for anything else. */
static inline unsigned http_hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = http_lower(c);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/** http_word_eq - is @s equal to @word, without regard to case? @word in lower case. */
bool http_word_eq(struct span s, const char *word);

/**
 * http_path - decode and normalise a path of a target.
 * @out: @cap bytes: relative to the root, zero-terminated, "." for the root itself
 * @is_dir: receives whether the path ended in a slash (or in a dot segment)
 *
 * Return: 0, or 400: a bad or forbidden escape (%00, %2f, controls), or above the root.
 */
int http_path(struct span path, char *out, size_t cap, bool *is_dir);

enum http_range_kind {
    HTTP_RANGE_NONE /* not usable: the whole */,
    HTTP_RANGE_ONE,
    HTTP_RANGE_BAD /* 416 */
};
/**
 * http_range - understand a Range field for a representation of @size bytes (RFC 9110 section 14).
 *
 * Several ranges are answered with the whole, as section 14.2 allows: assembling many small or
 * overlapping ones is work that the client chooses and the server does (CVE-2011-3192).
 */
enum http_range_kind http_range(struct span value, uint64_t size, uint64_t *first, uint64_t *count);

#endif
