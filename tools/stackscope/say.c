#include "say.h"

#include <stdarg.h>

#include "ink.h"
#include "l4_transport/tcp.h"
#include "tell.h"

int scope_say(int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell("stackscope", fmt, ap);
    va_end(ap);
    return status;
}

const char *scope_ink(const struct scope_options *o, const char *name)
{
    return ink(o->color, name);
}

const char *scope_state_ink(int state)
{
    static const char *const inks[TCP_STATES] = {
        [TCP_CLOSED] = "\033[90m",      [TCP_LISTEN] = "\033[37m",
        [TCP_SYN_SENT] = "\033[33m",    [TCP_SYN_RCVD] = "\033[33m",
        [TCP_ESTABLISHED] = "\033[32m", [TCP_FIN_WAIT_1] = "\033[94m",
        [TCP_FIN_WAIT_2] = "\033[34m",  [TCP_CLOSE_WAIT] = "\033[36m",
        [TCP_CLOSING] = "\033[35m",     [TCP_LAST_ACK] = "\033[31m",
        [TCP_TIME_WAIT] = "\033[35m"};

    return state >= 0 && state < TCP_STATES ? inks[state] : "\033[90m";
}

/* Return: bytes of the UTF-8 character at @p, 0: none (RFC 3629: no longer form than needed, no
 * surrogates, nothing beyond U+10FFFF). */
static size_t say_utf8(const uint8_t *p, size_t len)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

    if (p[0] < 0xc2 || p[0] > 0xf4 || len < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

void scope_json_span(FILE *out, struct span text)
{
    fputc('"', out);
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.p[i];
        size_t n = say_utf8(text.p + i, text.len - i);

        if (n == 0)
            fputs("\\ufffd", out);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fwrite(text.p + i, 1, n, out);
        i += n == 0 ? 1 : n;
    }
    fputc('"', out);
}

void scope_json_text(FILE *out, const char *text)
{
    if (text == NULL)
        fputs("null", out);
    else
        scope_json_span(out, (struct span){(const uint8_t *)text, strlen(text)});
}

void scope_plain_span(FILE *out, struct span text)
{
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.p[i];
        size_t n = say_utf8(text.p + i, text.len - i);
        /* U+0080 to U+009F are control characters, too. */
        bool is_control = c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && text.p[i + 1] < 0xa0);

        if (n == 0 || is_control)
            fputc('.', out);
        else
            fwrite(text.p + i, 1, n, out);
        i += n == 0 ? 1 : n;
    }
}
