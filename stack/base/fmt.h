/*
 * fmt.h - text into a buffer, without printf and without surprises.
 *
 * Appends until the buffer is full and remembers that it was; never writes a terminating zero
 * unless asked. The core formats only for its own services' pages and for the trace encoders.
 */
#ifndef STACKD_FMT_H
#define STACKD_FMT_H

#include "base/ip_addr.h"

struct fmt {
    char *p;
    size_t cap, len;
    bool full; /* something did not fit */
};

static inline void fmt_bytes(struct fmt *f, const void *bytes, size_t len)
{
    size_t n = size_min(len, f->cap - f->len);

    if (n > 0)
        memcpy(f->p + f->len, bytes, n);
    f->len += n;
    if (n < len)
        f->full = true;
}

static inline void fmt_char(struct fmt *f, char c)
{
    if (f->len < f->cap)
        f->p[f->len++] = c;
    else
        f->full = true;
}

void fmt_str(struct fmt *f, const char *s);
void fmt_u64(struct fmt *f, uint64_t v);
/** fmt_u64_pad - with leading zeros up to @width digits. */
void fmt_u64_pad(struct fmt *f, uint64_t v, unsigned width);
void fmt_hex(struct fmt *f, uint64_t v, unsigned digits);
/** fmt_ns - nanoseconds as seconds with nine decimals, sign if negative. */
void fmt_ns(struct fmt *f, net_time ns);
/** fmt_ip - dotted quad, or the RFC 5952 form of an IPv6 address; `*` for "any". */
void fmt_ip(struct fmt *f, struct ip_addr a);
/** fmt_ip_port - `10.0.0.2:80`, `[2001:db8::1]:80`. */
void fmt_ip_port(struct fmt *f, struct ip_addr ip, uint16_t port);
void fmt_mac(struct fmt *f, struct mac m);
/** fmt_utf8_len - bytes of the character at @s, of which @len may be read, at least one. Return: 0: it is none
 * (RFC 3629: no longer form than needed, no surrogates, nothing beyond U+10FFFF). */
size_t fmt_utf8_len(const uint8_t *s, size_t len);
/** fmt_json_char - the character at @c as it stands in a JSON string; U+FFFD for what is none, which takes no more
 * than 6 bytes, as every other. Return: how many bytes of the @len it took. */
size_t fmt_json_char(struct fmt *f, const uint8_t *c, size_t len);
/** fmt_json_str - quoted and escaped. */
void fmt_json_str(struct fmt *f, const char *s);

#endif
