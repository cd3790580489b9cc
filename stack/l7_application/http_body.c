/*
 * http_body.c - walking over a request body (RFC 9112 sections 6 and 7).
 *
 * The chunked coding is read by a machine that takes one byte at a time where the coding speaks,
 * and whole pieces where content stands; so the same bytes give the same result however they are
 * cut. Every line end must be CR LF: here a tolerant reader and a strict one would lose step.
 */
#include "l7_application/http_parse.h"

enum { HTTP_CHUNK_DIGITS = 15 }; /* 60 bits of size: cannot overflow, and more than any limit */

void http_body_begin(struct http_body *b, const struct http_request *r)
{
    *b = (struct http_body){.state = HTTP_BODY_END};
    if (r->chunked) {
        b->state = HTTP_BODY_SIZE;
    } else if (r->has_length && r->length > 0) {
        b->state = HTTP_BODY_DATA;
        b->digits = UINT8_MAX; /* not a chunk: its end is the end */
        b->left = r->length;
    }
}

/* A byte of the line that says how large a chunk is: size, extensions, CR. */
static int http_chunk_line(struct http_body *b, uint8_t c)
{
    unsigned digit = http_hex(c);

    if (++b->line > HTTP_CHUNK_LINE_MAX)
        return -400;
    if (b->state == HTTP_BODY_EXT) { /* unknown extensions are ignored: section 7.1.1 */
        if (c == '\r')
            b->state = HTTP_BODY_SIZE_LF;
        else if ((c < ' ' && c != '\t') || c == 0x7f)
            return -400;
        return 0;
    }
    if (digit < 16 && !b->spaced) {
        if (++b->digits > HTTP_CHUNK_DIGITS)
            return -400;
        b->left = b->left << 4 | digit;
        return 0;
    }
    if (b->digits == 0)
        return -400;
    if (c == ';')
        b->state = HTTP_BODY_EXT;
    else if (c == ' ' || c == '\t')
        b->spaced = true;
    else if (c == '\r' && !b->spaced)
        b->state = HTTP_BODY_SIZE_LF;
    else
        return -400;
    return 0;
}

/* A byte of the trailer section: lines, the last one empty. */
static int http_trailer(struct http_body *b, uint8_t c)
{
    if (++b->line > HTTP_TRAILER_MAX)
        return -431;
    if (c == '\r')
        b->state = b->state == HTTP_BODY_TRAILER ? HTTP_BODY_LAST_LF : HTTP_BODY_TRAILER_LF;
    else if ((c < ' ' && c != '\t') || c == 0x7f)
        return -400;
    else
        b->state = HTTP_BODY_TRAILER_LINE;
    return 0;
}

static int http_body_byte(struct http_body *b, uint8_t c)
{
    switch ((enum http_body_state)b->state) {
    case HTTP_BODY_SIZE:
    case HTTP_BODY_EXT:
        return http_chunk_line(b, c);
    case HTTP_BODY_TRAILER:
    case HTTP_BODY_TRAILER_LINE:
        return http_trailer(b, c);
    case HTTP_BODY_SIZE_LF:
        b->state = b->left > 0 ? HTTP_BODY_DATA : HTTP_BODY_TRAILER;
        b->digits = 0;
        b->line = 0;
        b->spaced = false;
        break;
    case HTTP_BODY_DATA_CR:
        b->state = HTTP_BODY_DATA_LF;
        return c == '\r' ? 0 : -400;
    case HTTP_BODY_DATA_LF:
        b->state = HTTP_BODY_SIZE;
        break;
    case HTTP_BODY_TRAILER_LF:
        b->state = HTTP_BODY_TRAILER;
        break;
    case HTTP_BODY_LAST_LF:
        b->state = HTTP_BODY_END;
        break;
    case HTTP_BODY_DATA:
    case HTTP_BODY_END:
        NET_ASSERT(b->state != HTTP_BODY_DATA && b->state != HTTP_BODY_END);
    }
    return c == '\n' ? 0 : -400; /* all that came here wait for the second half of a line end */
}

int http_body_next(struct http_body *b, struct span in, struct span *data)
{
    size_t at = 0;

    *data = (struct span){in.p, 0};
    while (at < in.len && b->state != HTTP_BODY_END) {
        if (b->state == HTTP_BODY_DATA) {
            size_t n = in.len - at;

            if (n > INT32_MAX - at)
                n = INT32_MAX - at;
            if (n > b->left)
                n = (size_t)b->left;
            *data = (struct span){in.p + at, n};
            b->left -= n;
            if (b->left == 0)
                b->state = b->digits == UINT8_MAX ? HTTP_BODY_END : HTTP_BODY_DATA_CR;
            return (int)(at + n);
        }
        int rc = http_body_byte(b, in.p[at++]);

        if (rc < 0)
            return rc;
    }
    return (int)at;
}
