/*
 * options_value.c - the parsers of single values, for the command line and the control socket.
 *
 * Each takes a whole string, and says whether it is one of its kind: no leading blanks, nothing
 * left over, no overflow. strtol() and inet_aton() forgive too much.
 */
#include "options.h"

#include <string.h>

bool options_number(const char *s, uint64_t min, uint64_t max, uint64_t *v)
{
    uint64_t n = 0;

    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9' || n > (UINT64_MAX - (uint64_t)(*s - '0')) / 10)
            return false;
        n = n * 10 + (uint64_t)(*s - '0');
    }
    *v = n;
    return n >= min && n <= max;
}

bool options_decimal(const char *s, size_t len, unsigned decimals, uint64_t max, uint64_t *v)
{
    uint64_t n = 0;
    unsigned after = 0;
    bool point = false, digit = false;

    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (s[i] < '0' || s[i] > '9' || n > UINT64_MAX / 100 || (point && after == decimals))
            return false;
        n = n * 10 + (uint64_t)(s[i] - '0');
        after += point ? 1 : 0;
        digit = true;
    }
    for (; after < decimals; after++) {
        if (n > UINT64_MAX / 10)
            return false;
        n *= 10;
    }
    *v = n;
    return digit && n <= max;
}

bool options_ip(const char *s, uint32_t *ip)
{
    uint32_t a = 0;

    for (unsigned part = 0; part < 4; part++) {
        unsigned n = 0, digits = 0;

        for (; *s >= '0' && *s <= '9' && digits < 3; s++, digits++)
            n = n * 10 + (unsigned)(*s - '0');
        if (digits == 0 || n > 255 || (part < 3 && *s++ != '.'))
            return false;
        a = a << 8 | n;
    }
    *ip = a;
    return *s == '\0';
}

bool options_ip_prefix(const char *s, uint32_t *ip, uint8_t *prefix)
{
    const char *slash = strchr(s, '/');
    char text[16];
    uint64_t n;

    if (slash == NULL || (size_t)(slash - s) >= sizeof(text))
        return false;
    memcpy(text, s, (size_t)(slash - s));
    text[slash - s] = '\0';
    if (!options_ip(text, ip) || !options_number(slash + 1, 1, 32, &n))
        return false;
    *prefix = (uint8_t)n;
    return true;
}

static int options_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool options_mac(const char *s, struct mac *mac)
{
    for (unsigned i = 0; i < 6; i++, s += 3) {
        int hi = options_hex(s[0]), lo = hi < 0 ? -1 : options_hex(s[1]);

        if (lo < 0 || s[2] != (i < 5 ? ':' : '\0'))
            return false;
        mac->b[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

bool options_percent(const char *s, uint32_t *ppm)
{
    size_t len = strlen(s);
    uint64_t v;

    if (len > 0 && s[len - 1] == '%')
        len--;
    if (!options_decimal(s, len, 4, 1000000, &v))
        return false;
    *ppm = (uint32_t)v;
    return true;
}

bool options_ms(const char *s, net_time *t)
{
    size_t len = strlen(s);
    uint64_t v;

    if (len > 2 && strcmp(s + len - 2, "ms") == 0)
        len -= 2;
    if (!options_decimal(s, len, 6, (uint64_t)NET_SEC(3600), &v))
        return false;
    *t = (net_time)v;
    return true;
}

bool options_rate(const char *s, uint64_t *bits)
{
    size_t len = strlen(s);
    char unit = len > 0 ? s[len - 1] : '\0';
    uint64_t scale = unit == 'k' || unit == 'K' ? 1000 : unit == 'M' ? 1000000 : 1000000000, v;

    if (unit == 'k' || unit == 'K' || unit == 'M' || unit == 'G')
        len--;
    else
        scale = 1;
    if (!options_decimal(s, len, 3, UINT64_MAX / 1000000000, &v))
        return false;
    *bits = v * scale / 1000;
    return *bits > 0 || v == 0;
}

/* Digits at *@s, a number below @max, which is far from INT_MAX. Return: whether there is one; *@s stands behind it. */
static bool options_item(const char **s, int max, int *v)
{
    const char *from = *s;

    for (*v = 0; **s >= '0' && **s <= '9' && *v < max; (*s)++)
        *v = *v * 10 + (**s - '0');
    return *s > from && *v < max;
}

unsigned options_list(const char *s, int max, int out[STACKD_QUEUES])
{
    unsigned n = 0;

    for (;; s++) {
        int from, to;

        if (!options_item(&s, max, &from))
            return 0;
        to = from;
        if (*s == '-' && (s++, !options_item(&s, max, &to)))
            return 0;
        for (; from <= to; from++) {
            if (n == STACKD_QUEUES)
                return 0;
            out[n++] = from;
        }
        if (*s == '\0')
            return n;
        if (*s != ',')
            return 0;
    }
}

const char *options_dir_prefix(const char *s, bool *rx, bool *tx)
{
    *rx = *tx = true;
    if (strncmp(s, "rx:", 3) == 0)
        *tx = false;
    else if (strncmp(s, "tx:", 3) == 0)
        *rx = false;
    else
        return s;
    return s + 3;
}
