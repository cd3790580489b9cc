#include "say.h"

#include <stdarg.h>

#include "base/fmt.h"
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

void scope_json_span(FILE *out, struct span text)
{
    fputc('"', out);
    for (size_t i = 0; i < text.len;) {
        char escaped[8];
        struct fmt f = {.p = escaped, .cap = sizeof(escaped)};

        i += fmt_json_char(&f, text.p + i, text.len - i);
        fwrite(escaped, 1, f.len, out);
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
        size_t n = fmt_utf8_len(text.p + i, text.len - i);
        /* U+0080 to U+009F are control characters, too. */
        bool is_control = c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && text.p[i + 1] < 0xa0);

        if (n == 0 || is_control)
            fputc('.', out);
        else
            fwrite(text.p + i, 1, n, out);
        i += n == 0 ? 1 : n;
    }
}
