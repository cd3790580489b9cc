#include "l7_application/http_parse.h"

/* ---- small things ---- */

static bool http_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}
static bool http_is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* A set of characters of ASCII, one bit for each. */
struct http_set {
    uint64_t bits[2];
};
/* RFC 9110 section 5.6.2: letters, digits, !#$%&'*+-.^_`|~ */
static const struct http_set http_token = {
    {0x03ff6cfa00000000, 0x57ffffffc7fffffe}
};
/* RFC 3986 section 3.2.2: letters, digits, -._~!$&'()*+,;=% */
static const struct http_set http_reg_name = {
    {0x2bff7ff200000000, 0x47fffffe87fffffe}
};
/* What a target may be made of: printing, and no fragment. */
static const struct http_set http_visible = {
    {0xfffffff600000000, 0x7fffffffffffffff}
};

/* How many bytes of @s, from its beginning on, are in @set. */
static size_t http_span_of(struct span s, const struct http_set *set)
{
    size_t n = 0;

    while (n < s.len && s.p[n] < 128 && (set->bits[s.p[n] / 64] >> s.p[n] % 64 & 1))
        n++;
    return n;
}

static bool http_is_token(struct span s)
{
    return s.len > 0 && http_span_of(s, &http_token) == s.len;
}

bool http_word_eq(struct span s, const char *word)
{
    size_t i = 0;

    for (; i < s.len && word[i] != '\0'; i++) {
        if (http_lower(s.p[i]) != (uint8_t)word[i])
            return false;
    }
    return i == s.len && word[i] == '\0';
}

/* How many bytes of @s, from its beginning on, are neither control characters nor DEL: eight at a
 * time (Hacker's Delight, section 6-1). */
static size_t http_plain(struct span s)
{
    static const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    size_t n = 0;

    for (uint64_t x, d; n + sizeof(x) <= s.len; n += sizeof(x)) {
        memcpy(&x, s.p + n, sizeof(x));
        d = x ^ (ones * 0x7f);
        if ((((x - ones * ' ') & ~x) | ((d - ones) & ~d)) & highs)
            break; /* one of the eight, or one that borrowed: looked at again */
    }
    while (n < s.len && s.p[n] >= ' ' && s.p[n] != 0x7f)
        n++;
    return n;
}

static struct span http_trim(struct span s)
{
    while (s.len > 0 && http_is_space(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && http_is_space(s.p[s.len - 1]))
        s.len--;
    return s;
}

/* Take what stands before @sep, or all. Return: false when nothing was left to take. */
static bool http_cut(struct span *rest, uint8_t sep, struct span *out)
{
    if (rest->p == NULL)
        return false;
    const uint8_t *at = rest->len > 0 ? memchr(rest->p, sep, rest->len) : NULL;

    *out = *rest;
    if (at == NULL) {
        *rest = (struct span){NULL, 0};
    } else {
        out->len = (size_t)(at - rest->p);
        rest->p = at + 1;
        rest->len -= out->len + 1;
    }
    return true;
}

/* ---- the end of the head ---- */

/* A line has ended; @at is behind it. Return: as http_scan(), 0 to go on. */
static int http_scan_line(struct http_scan *s, uint32_t at, uint32_t len)
{
    s->line = at;
    if (len == 0 && s->lines > 0)
        return (int)at;
    if (len == 0)
        return ++s->empty > HTTP_EMPTY_LINES ? -400 : 0;
    s->lines++;
    return s->lines > HTTP_FIELDS_MAX + 1 ? -431 : 0;
}

/* Go on to the next byte that matters. Return: whether it is a whole CR LF, which ends a line. */
static bool http_scan_skip(struct http_scan *s, const struct span in[2])
{
    bool in_first = s->at < in[0].len;
    size_t from = in_first ? 0 : in[0].len,
           end = size_min(from + in[!in_first].len, HTTP_HEAD_MAX - 1);
    const uint8_t *p = in[!in_first].p;

    if (s->lines == 0)
        end = size_min(end, s->line + HTTP_LINE_MAX);
    /* Up to `end` no limit is reached. */
    if (s->after_cr || s->at >= end)
        return false;
    s->at += (uint32_t)http_plain((struct span){p + (s->at - from), end - s->at});
    return s->at + 1 < end && p[s->at - from] == '\r' && p[s->at - from + 1] == '\n';
}

int http_scan(struct http_scan *s, const struct span in[2])
{
    size_t total = in[0].len + in[1].len;
    int rc = 0;

    while (s->at < total) {
        if (http_scan_skip(s, in)) {
            s->at += 2;
            rc = http_scan_line(s, s->at, s->at - 2 - s->line);
            if (rc != 0)
                return rc;
            continue;
        }
        if (s->at == total)
            break;
        uint32_t at = s->at++;
        uint8_t c = at < in[0].len ? in[0].p[at] : in[1].p[at - in[0].len];

        if (c == '\n')
            rc = http_scan_line(s, at + 1, at - s->line - (s->after_cr ? 1u : 0u));
        else if (s->after_cr)
            rc = -400; /* RFC 9112 section 2.2: a bare CR */
        if (rc != 0)
            return rc;
        s->after_cr = c == '\r';
        if (s->lines == 0 && s->at - s->line > HTTP_LINE_MAX)
            return -414;
        if (s->at >= HTTP_HEAD_MAX)
            return -431;
    }
    return 0;
}

/* ---- the request line ---- */

/* host [ ":" port ], RFC 9110 section 7.2 and RFC 3986 section 3.2; empty where there is no authority.
 * User information is refused as RFC 9110 section 4.2.4 advises: it hides the true host. */
static bool http_is_authority(struct span s)
{
    size_t i = 0;

    if (s.len > 0 && s.p[0] == '[') { /* an IPv6 address */
        for (i = 1; i < s.len && s.p[i] != ']'; i++) {
            if (http_hex(s.p[i]) > 15 && s.p[i] != ':' && s.p[i] != '.')
                return false;
        }
        if (i == s.len || i == 1)
            return false;
        i++;
    } else {
        i = http_span_of(s, &http_reg_name);
    }
    if (i == s.len)
        return true;
    if (s.p[i++] != ':')
        return false;
    for (; i < s.len; i++) {
        if (!http_is_digit(s.p[i]))
            return false;
    }
    return true;
}

static enum http_method http_method_of(struct span m)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET",     HTTP_GET  },
        {"HEAD",    HTTP_HEAD },
        {"POST",    HTTP_OTHER},
        {"PUT",     HTTP_OTHER},
        {"DELETE",  HTTP_OTHER},
        {"CONNECT", HTTP_OTHER},
        {"OPTIONS", HTTP_OTHER},
        {"TRACE",   HTTP_OTHER},
        {"PATCH",   HTTP_OTHER},
    };

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        size_t n = 0;

        while (n < m.len && methods[i].name[n] != '\0' && m.p[n] == (uint8_t)methods[i].name[n])
            n++;
        if (n == m.len && methods[i].name[n] == '\0')
            return methods[i].method;
    }
    return HTTP_UNKNOWN;
}

/* RFC 9112 section 3.2: origin-form, absolute-form, and the two forms of single methods. */
static int http_parse_target(struct http_request *r, struct span method, struct span t)
{
    if (t.len == 0)
        return 400;
    if (http_span_of(t, &http_visible) < t.len)
        return 400;
    if (http_word_eq(method, "connect")) { /* authority-form; answered with 405 anyway */
        r->host = r->path = t;
        return http_is_authority(t) ? 0 : 400;
    }
    if (t.len == 1 && t.p[0] == '*') {
        r->path = t;
        return http_word_eq(method, "options") ? 0 : 400;
    }
    if (t.p[0] != '/') {
        static const char scheme[] = "http://";
        enum { SCHEME_LEN = sizeof(scheme) - 1 };
        static const uint8_t slash[] = "/";

        if (t.len <= SCHEME_LEN || !http_word_eq((struct span){t.p, SCHEME_LEN}, scheme))
            return 400;
        t.p += SCHEME_LEN;
        t.len -= SCHEME_LEN;
        size_t n = 0;

        while (n < t.len && t.p[n] != '/' && t.p[n] != '?')
            n++;
        r->host = (struct span){t.p, n};
        if (n == 0 || !http_is_authority(r->host))
            return 400;
        t.p += n;
        t.len -= n;
        if (t.len == 0)
            t = (struct span){slash, 1};
        else if (t.p[0] == '?') {
            r->query = (struct span){t.p + 1, t.len - 1};
            t = (struct span){slash, 1};
        }
    }
    struct span rest = t;

    http_cut(&rest, '?', &r->path);
    if (rest.p != NULL)
        r->query = rest;
    return 0;
}

/* method SP target SP HTTP/x.y, with exactly these spaces. */
static int http_parse_line(struct http_request *r, struct span line)
{
    struct span method, target, version = line;

    if (!http_cut(&version, ' ', &method) || !http_cut(&version, ' ', &target) ||
        version.p == NULL || !http_is_token(method))
        return 400;
    /* RFC 9112 section 2.3: case-sensitive, one digit each. */
    if (version.len != 8 || memcmp(version.p, "HTTP/", 5) != 0 || !http_is_digit(version.p[5]) ||
        version.p[6] != '.' || !http_is_digit(version.p[7]))
        return 400;
    if (version.p[5] != '1')
        return 505;
    r->minor = version.p[7] == '0' ? 0 : 1;
    r->method = http_method_of(method);
    return http_parse_target(r, method, target);
}

/* ---- fields ---- */

/* What the fields seen so far say, before it is put together. */
struct http_fields {
    unsigned hosts, lengths;
    struct span host;
    bool te;         /* Transfer-Encoding was there */
    bool te_unknown; /* a coding that is not chunked */
    bool te_chunked_twice;
    bool te_last_is_chunked;
    bool close, keep_alive, expect, expect_unknown;
};

/* RFC 9112 section 6.2, 6.3 rule 5: digits only; a list of equal values counts as one. */
static int http_field_length(struct http_request *r, struct http_fields *f, struct span value)
{
    struct span rest = value, item;

    while (http_cut(&rest, ',', &item)) {
        uint64_t v = 0;

        item = http_trim(item);
        if (item.len == 0)
            return 400;
        for (size_t i = 0; i < item.len; i++) {
            if (!http_is_digit(item.p[i]) || v > (uint64_t)INT64_MAX / 10 - 1)
                return 400;
            v = v * 10 + (uint64_t)(item.p[i] - '0');
        }
        if (f->lengths++ > 0 && v != r->length)
            return 400;
        r->length = v;
        r->has_length = true;
    }
    return 0;
}

static int http_field_te(struct http_fields *f, struct span value)
{
    struct span rest = value, item;

    f->te = true;
    while (http_cut(&rest, ',', &item)) {
        item = http_trim(item);
        if (item.len == 0)
            return 400;
        if (f->te_last_is_chunked)
            f->te_chunked_twice =
                true; /* or something behind it: either way chunked is not the end */
        f->te_last_is_chunked = http_word_eq(item, "chunked");
        if (!f->te_last_is_chunked)
            f->te_unknown = true;
    }
    return 0;
}

static void http_field_connection(struct http_fields *f, struct span value)
{
    struct span rest = value, item;

    while (http_cut(&rest, ',', &item)) {
        item = http_trim(item);
        if (http_word_eq(item, "close"))
            f->close = true;
        else if (http_word_eq(item, "keep-alive"))
            f->keep_alive = true;
    }
}

/* The fields that mean something here. */
enum http_field_id {
    HTTP_FIELD_HOST,
    HTTP_FIELD_LENGTH,
    HTTP_FIELD_TE,
    HTTP_FIELD_CONNECTION,
    HTTP_FIELD_EXPECT,
    HTTP_FIELD_KEPT, /* only kept for whoever answers: this and those behind it */
    HTTP_FIELD_NONE = -1
};

static const struct http_known {
    uint8_t len;
    const char *name;
    size_t kept; /* where in struct http_request */
} http_known[] = {
#define KNOWN(name, kept)                                                                          \
    {                                                                                              \
        sizeof(name) - 1, name, kept                                                               \
    }
    [HTTP_FIELD_HOST] = KNOWN("host", 0),
    [HTTP_FIELD_LENGTH] = KNOWN("content-length", 0),
    [HTTP_FIELD_TE] = KNOWN("transfer-encoding", 0),
    [HTTP_FIELD_CONNECTION] = KNOWN("connection", 0),
    [HTTP_FIELD_EXPECT] = KNOWN("expect", 0),
    KNOWN("if-modified-since", offsetof(struct http_request, if_modified_since)),
    KNOWN("if-unmodified-since", offsetof(struct http_request, if_unmodified_since)),
    KNOWN("if-match", offsetof(struct http_request, if_match)),
    KNOWN("if-none-match", offsetof(struct http_request, if_none_match)),
    KNOWN("if-range", offsetof(struct http_request, if_range)),
    KNOWN("range", offsetof(struct http_request, range)),
#undef KNOWN
};

static int http_field_id(struct span name)
{
    for (int i = 0; i < (int)ARRAY_LEN(http_known); i++) {
        if (name.len == http_known[i].len && http_word_eq(name, http_known[i].name))
            return i;
    }
    return HTTP_FIELD_NONE;
}

static int http_field(struct http_request *r, struct http_fields *f, struct span name,
                      struct span value)
{
    int id = http_field_id(name);

    switch (id) {
    case HTTP_FIELD_NONE:
        break;
    case HTTP_FIELD_HOST:
        f->hosts++;
        f->host = value;
        break;
    case HTTP_FIELD_LENGTH:
        return http_field_length(r, f, value);
    case HTTP_FIELD_TE:
        return http_field_te(f, value);
    case HTTP_FIELD_CONNECTION:
        http_field_connection(f, value);
        break;
    case HTTP_FIELD_EXPECT:
        f->expect = true;
        f->expect_unknown |= !http_word_eq(value, "100-continue");
        break;
    default:
        memcpy((uint8_t *)r + http_known[id].kept, &value, sizeof(value));
    }
    return 0;
}

static int http_parse_field(struct http_request *r, struct http_fields *f, struct span line)
{
    struct span value = line, name;

    /* RFC 9112 section 5.1: no space before the colon; section 5.2: no folding, which begins with
     * space and so has no token for a name. */
    http_cut(&value, ':', &name);
    if (value.p == NULL || !http_is_token(name))
        return 400;
    value = http_trim(value);
    for (struct span v = value; v.len > 0;) { /* RFC 9110 section 5.5 */
        size_t n = http_plain(v);

        if (n < v.len && v.p[n] != '\t')
            return 400;
        n += n < v.len;
        v = (struct span){v.p + n, v.len - n};
    }
    return http_field(r, f, name, value);
}

/* What all fields together mean. */
static int http_parse_finish(struct http_request *r, const struct http_fields *f, bool lone_lf)
{
    /* RFC 9112 section 3.2. */
    if (f->hosts > 1 || (f->hosts == 0 && r->minor > 0) ||
        (f->hosts == 1 && !http_is_authority(f->host)))
        return 400;
    if (r->host.p == NULL && f->hosts == 1)
        r->host = f->host;
    /* Section 6.1 and 6.3: one unambiguous end, or none of our business. */
    if (f->te) {
        if (r->has_length || r->minor == 0 || !f->te_last_is_chunked || f->te_chunked_twice)
            return 400;
        if (f->te_unknown)
            return 501;
        r->chunked = true;
    }
    if (lone_lf && (f->te || r->has_length))
        return 400;
    /* Section 9.3. */
    r->keep_alive = !f->close && (r->minor > 0 || f->keep_alive);
    /* RFC 9110 section 10.1.1: ignored from HTTP/1.0. */
    if (f->expect && r->minor > 0) {
        if (f->expect_unknown)
            return 417;
        r->expects_100 = r->chunked || (r->has_length && r->length > 0);
    }
    return 0;
}

int http_parse(struct http_request *r, struct span head)
{
    struct http_fields f = {0};
    struct span rest = head, line;
    bool lone_lf = false, first = true;

    *r = (struct http_request){.method = HTTP_UNKNOWN};
    if (memchr(head.p, '\0', head.len) != NULL)
        return 400;
    while (http_cut(&rest, '\n', &line) && rest.p != NULL) {
        if (line.len > 0 && line.p[line.len - 1] == '\r')
            line.len--;
        else
            lone_lf = true;
        int rc = 0;

        if (first && line.len > 0) {
            rc = http_parse_line(r, line);
            first = false;
        } else if (line.len > 0) {
            rc = http_parse_field(r, &f, line);
        }
        if (rc != 0)
            return rc;
    }
    return first ? 400 : http_parse_finish(r, &f, lone_lf);
}

/* ---- what the target and Range mean ---- */

/* One segment is finished: drop it if it is empty or a dot, go up for two dots.
 * Return: the new length of the path, or SIZE_MAX above the root. */
static size_t http_path_segment(const char *out, size_t start, size_t len, bool *is_dir)
{
    size_t n = len - start;

    *is_dir = true;
    if (n == 0)
        return start;
    if (n == 1 && out[start] == '.')
        return start;
    if (n == 2 && out[start] == '.' && out[start + 1] == '.') {
        if (start == 0)
            return SIZE_MAX;
        size_t up = start - 1; /* at the slash in front */

        while (up > 0 && out[up - 1] != '/')
            up--;
        return up;
    }
    *is_dir = false;
    return len;
}

int http_path(struct span path, char *out, size_t cap, bool *is_dir)
{
    size_t len = 0, start = 0; /* bytes written; where the current segment begins */

    if (path.len == 0 || path.p[0] != '/' || path.len + 2 > cap)
        return 400;
    for (size_t i = 1; i <= path.len; i++) {
        if (i == path.len || path.p[i] == '/') {
            bool last = i == path.len;

            len = http_path_segment(out, start, len, is_dir);
            if (len == SIZE_MAX)
                return 400;
            if (!*is_dir && !last) /* a real segment, and more may follow */
                out[len++] = '/';
            start = len;
            continue;
        }
        uint8_t c = path.p[i];

        if (c == '%') { /* decoded once, and only once */
            if (path.len - i < 3 || http_hex(path.p[i + 1]) > 15 || http_hex(path.p[i + 2]) > 15)
                return 400;
            c = (uint8_t)(http_hex(path.p[i + 1]) << 4 | http_hex(path.p[i + 2]));
            i += 2;
            if (c == '/')
                return 400; /* an encoded slash is no separator, and no name can hold one */
        }
        if (c < ' ' || c == 0x7f)
            return 400;
        out[len++] = (char)c;
    }
    if (len > 0 && out[len - 1] == '/')
        len--;
    if (len == 0)
        out[len++] = '.';
    out[len] = '\0';
    return 0;
}

/* Read a number; one too large for any file counts as the largest. Return: whether there was one. */
static bool http_number(struct span *s, uint64_t *v)
{
    size_t n = 0;

    *v = 0;
    for (; n < s->len && http_is_digit(s->p[n]); n++) {
        if (*v > (uint64_t)INT64_MAX / 10 - 1)
            *v = (uint64_t)INT64_MAX / 10; /* stays there, beyond every size */
        else
            *v = *v * 10 + (uint64_t)(s->p[n] - '0');
    }
    s->p += n;
    s->len -= n;
    return n > 0;
}

enum http_range_kind http_range(struct span value, uint64_t size, uint64_t *first, uint64_t *count)
{
    uint64_t from, to;

    if (value.len < 7 || !http_word_eq((struct span){value.p, 6}, "bytes="))
        return HTTP_RANGE_NONE;
    struct span s = http_trim((struct span){value.p + 6, value.len - 6});
    bool has_from = http_number(&s, &from);

    if (s.len == 0 || s.p[0] != '-')
        return HTTP_RANGE_NONE;
    s.p++;
    s.len--;
    bool has_to = http_number(&s, &to);

    if (s.len != 0 || (!has_from && !has_to) || (has_from && has_to && to < from))
        return HTTP_RANGE_NONE; /* several ranges, or none that RFC 9110 section 14.1.2 knows */
    if (!has_from) {            /* the last so many bytes */
        if (to == 0 || size == 0)
            return HTTP_RANGE_BAD;
        *count = to < size ? to : size;
        *first = size - *count;
        return HTTP_RANGE_ONE;
    }
    if (from >= size)
        return HTTP_RANGE_BAD;
    *first = from;
    *count = has_to && to < size ? to - from + 1 : size - from;
    return HTTP_RANGE_ONE;
}
