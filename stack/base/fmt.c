/*
 * fmt.c - numbers, times and addresses as text, into a buffer of the caller.
 *
 * The core may not call printf: it drags in locales, streams and allocation, and nobody could say
 * any more what the archive depends on. What the stack has to write is little: decimal and
 * hexadecimal numbers, seconds, addresses, quoted strings. Each appends to a struct fmt; once
 * something did not fit, `full` stays set and the text is what fitted. Callers that must not show
 * a cut text look at `full` once, at the end.
 */
#include "base/fmt.h"

void fmt_str(struct fmt *f, const char *s)
{
    /* In one go: a loop that only measured, gcc would turn into a call of strlen(). */
    while (*s != '\0' && f->len < f->cap)
        f->p[f->len++] = *s++;
    if (*s != '\0')
        f->full = true;
}

void fmt_u64_pad(struct fmt *f, uint64_t v, unsigned width)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char digits[20]; /* 2^64 has 20 of them */
    char *d = digits + sizeof(digits);

    for (; v >= 100; v /= 100) /* two at a time: a division costs more than all the rest */
        memcpy(d -= 2, pairs + v % 100 * 2, 2);
    if (v >= 10)
        memcpy(d -= 2, pairs + v * 2, 2);
    else
        *--d = (char)('0' + v);
    unsigned n = (unsigned)(digits + sizeof(digits) - d);

    for (unsigned pad = n; pad < width; pad++)
        fmt_char(f, '0');
    fmt_bytes(f, d, n);
}

void fmt_u64(struct fmt *f, uint64_t v)
{
    fmt_u64_pad(f, v, 1);
}

void fmt_hex(struct fmt *f, uint64_t v, unsigned digits)
{
    NET_ASSERT(digits >= 1 && digits <= 16);
    while (digits-- > 0)
        fmt_char(f, "0123456789abcdef"[(v >> (4 * digits)) & 0xf]);
}

void fmt_ns(struct fmt *f, net_time ns)
{
    uint64_t v = (uint64_t)ns;

    if (ns < 0) {
        fmt_char(f, '-');
        v = 0 - v; /* as unsigned, so that INT64_MIN has its magnitude too */
    }
    fmt_u64(f, v / 1000000000u);
    fmt_char(f, '.');
    fmt_u64_pad(f, v % 1000000000u, 9);
}

static void fmt_ip4(struct fmt *f, uint32_t a)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            fmt_char(f, '.');
        fmt_u64(f, (a >> (24 - 8 * i)) & 0xff);
    }
}

static uint16_t fmt_ip6_group(struct ip_addr a, unsigned i)
{
    return (uint16_t)((i < 4 ? a.hi : a.lo) >> (48 - 16 * (i & 3)));
}

/* One group in hexadecimal without leading zeros (RFC 5952 section 4.1). */
static void fmt_ip6_hex(struct fmt *f, uint16_t v)
{
    unsigned digits = 1;

    while (digits < 4 && v >> (4 * digits) != 0)
        digits++;
    fmt_hex(f, v, digits);
}

/* RFC 5952 section 4.2: `::` stands for the longest run of zero groups, the first of equals, and
 * never for a single one. */
static void fmt_ip6(struct fmt *f, struct ip_addr a)
{
    unsigned best = 0, best_len = 1, run = 0;

    for (unsigned i = 0; i < 8; i++) {
        run = fmt_ip6_group(a, i) == 0 ? run + 1 : 0;
        if (run > best_len) {
            best_len = run;
            best = i + 1 - run;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (best_len > 1 && i == best) {
            fmt_str(f, "::");
            i += best_len - 1;
            continue;
        }
        if (i > 0 && !(best_len > 1 && i == best + best_len))
            fmt_char(f, ':');
        fmt_ip6_hex(f, fmt_ip6_group(a, i));
    }
}

void fmt_ip(struct fmt *f, struct ip_addr a)
{
    if (ip_addr_is_any(a))
        fmt_char(f, '*');
    else if (ip_addr_is_v4(a))
        fmt_ip4(f, ip_addr_to_v4(a));
    else
        fmt_ip6(f, a);
}

/* RFC 5952 section 6: an IPv6 address is bracketed before a port. */
void fmt_ip_port(struct fmt *f, struct ip_addr ip, uint16_t port)
{
    bool brackets = !ip_addr_is_v4(ip) && !ip_addr_is_any(ip);

    if (brackets)
        fmt_char(f, '[');
    fmt_ip(f, ip);
    if (brackets)
        fmt_char(f, ']');
    fmt_char(f, ':');
    fmt_u64(f, port);
}

void fmt_mac(struct fmt *f, struct mac m)
{
    for (unsigned i = 0; i < 6; i++) {
        if (i > 0)
            fmt_char(f, ':');
        fmt_hex(f, m.b[i], 2);
    }
}

size_t fmt_utf8_len(const uint8_t *s, size_t len)
{
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint8_t low = 0x80, high = 0xbf; /* of the second byte: no overlong forms, no surrogates */

    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || len < 2)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (i >= len || s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    }
    return n;
}

size_t fmt_json_char(struct fmt *f, const uint8_t *c, size_t len)
{
    size_t n = fmt_utf8_len(c, len);

    if (n == 0) { /* a name in another character set still makes a valid line */
        fmt_str(f, "\\ufffd");
        return 1;
    }
    if (*c == '"' || *c == '\\') {
        fmt_char(f, '\\');
        fmt_bytes(f, c, 1);
    } else if (*c == '\n') {
        fmt_str(f, "\\n");
    } else if (*c < 0x20 || *c == 0x7f) {
        fmt_str(f, "\\u");
        fmt_hex(f, *c, 4);
    } else {
        fmt_bytes(f, c, n);
    }
    return n;
}

void fmt_json_str(struct fmt *f, const char *s)
{
    const uint8_t *c = (const uint8_t *)s;

    fmt_char(f, '"');
    while (*c != 0)
        c += fmt_json_char(f, c, 4); /* the terminating zero ends a character, too */
    fmt_char(f, '"');
}
