/* parse_base.c - the parser's hands: tokens, numbers, values, times, flags. See parse.h. */
#include "parse.h"
#include <stdarg.h>
#include <string.h>

enum { PARSE_SHOWN_MAX = 40 };

void parse_fail(struct parser *p, const struct token *at, const char *format, ...)
{
    if (p->failed)
        return;
    p->failed = true;

    va_list args;
    int n = snprintf(p->error, SCRIPT_ERROR_MAX, "%.400s:%u:%u: ", p->file, at->line, at->column);
    va_start(args, format);
    vsnprintf(p->error + n, (size_t)(SCRIPT_ERROR_MAX - n), format, args);
    va_end(args);
    for (char *c = p->error; *c != '\0'; c++) { /* one line, whatever the script holds */
        if ((unsigned char)*c < 32 || *c == 127)
            *c = '?';
    }
    p->tok = (struct token){.kind = TOKEN_END, .line = at->line, .column = at->column};
}

/* The token in hand, for a message. */
static const char *parse_shown(const struct parser *p, char *buf)
{
    const size_t len = p->tok.end - p->tok.start;

    if (p->tok.kind == TOKEN_END)
        return "the end of the script";
    snprintf(buf, PARSE_SHOWN_MAX + 8, "'%.*s%s'",
             (int)(len > PARSE_SHOWN_MAX ? PARSE_SHOWN_MAX : len), p->lex.text + p->tok.start,
             len > PARSE_SHOWN_MAX ? "..." : "");
    return buf;
}

void parse_next(struct parser *p)
{
    if (p->failed)
        return;
    p->last_end = p->tok.end;
    p->tok = lexer_next(&p->lex);
    if (p->tok.kind == TOKEN_ERROR) {
        const struct token at = p->tok;
        parse_fail(p, &at, "%s", at.text);
    }
}

struct token parse_peek(const struct parser *p)
{
    struct lexer ahead = p->lex;

    return p->failed ? p->tok : lexer_next(&ahead);
}

bool parse_is(const struct parser *p, char c)
{
    return p->tok.kind == TOKEN_CHAR && p->tok.number == c;
}

bool parse_is_word(const struct parser *p, const char *word)
{
    return p->tok.kind == TOKEN_WORD && strcmp(p->tok.text, word) == 0;
}

bool parse_accept(struct parser *p, char c)
{
    if (!parse_is(p, c))
        return false;
    parse_next(p);
    return true;
}

bool parse_accept_word(struct parser *p, const char *word)
{
    if (!parse_is_word(p, word))
        return false;
    parse_next(p);
    return true;
}

static void parse_unexpected(struct parser *p, const char *what)
{
    char buf[PARSE_SHOWN_MAX + 16];

    parse_fail(p, &p->tok, "%s is not expected here: write %s", parse_shown(p, buf), what);
}

void parse_expect(struct parser *p, char c, const char *where)
{
    char what[80];

    if (parse_accept(p, c))
        return;
    snprintf(what, sizeof(what), "%c %s", c, where);
    parse_unexpected(p, what);
}

const char *parse_word(struct parser *p, const char *what)
{
    if (p->tok.kind != TOKEN_WORD || p->tok.text_len == 0) {
        parse_unexpected(p, what);
        return "";
    }
    const char *text = p->tok.text;
    parse_next(p);
    return text;
}

int64_t parse_number(struct parser *p, bool hex, int64_t min, int64_t max, const char *what)
{
    if (p->tok.kind != TOKEN_INT && !(hex && p->tok.kind == TOKEN_HEX)) {
        parse_unexpected(p, what);
        return min;
    }
    const int64_t n = p->tok.number;
    if (n < min || n > max) {
        parse_fail(p, &p->tok, "%lld is out of range: %s goes from %lld to %lld", (long long)n,
                   what, (long long)min, (long long)max);
        return min;
    }
    parse_next(p);
    return n;
}

/* One `$name` of a sum; the token in hand. */
static void parse_value_name(struct parser *p, struct script_value *v, bool minus)
{
    struct script_name *n = arena_add(p->arena, &v->names, &v->name_count, sizeof(*n));

    n->name = p->tok.text;
    n->minus = minus;
    parse_next(p);
}

/* The rest of a sum. It is written without blanks: a `+` behind a blank begins the next event. */
static void parse_value_rest(struct parser *p, struct script_value *v)
{
    while (!p->failed && p->tok.is_glued) {
        if (p->tok.kind == TOKEN_INT && p->tok.number < 0 && v->name_count > 0) {
            if (p->tok.number < -PARSE_U32) {
                parse_fail(p, &p->tok, "the number is too large: 32 bits are the most");
                return;
            }
            v->number += p->tok.number;
            parse_next(p);
        } else if (parse_is(p, '+') || parse_is(p, '-')) {
            const bool minus = parse_is(p, '-');
            const struct token after = parse_peek(p);

            if (!after.is_glued || (after.kind != TOKEN_NAME && v->name_count == 0))
                return;
            parse_next(p);
            if (p->tok.kind == TOKEN_NAME)
                parse_value_name(p, v, minus);
            else
                v->number +=
                    (minus ? -1 : 1) * parse_number(p, false, 0, PARSE_U32, "a term of a sum");
        } else {
            return;
        }
        if (v->number > PARSE_U32 || v->number < -PARSE_U32)
            parse_fail(p, &p->tok, "the sum is too large: 32 bits are the most");
    }
}

struct script_value parse_value(struct parser *p, int64_t max, const char *what)
{
    struct script_value v = {.is_set = true};

    if (parse_is(p, '=')) {
        if (p->is_inbound)
            parse_fail(p, &p->tok,
                       "an inbound packet gives nothing to keep: write a number or $name");
        parse_next(p);
        if (p->tok.kind != TOKEN_NAME)
            parse_unexpected(p, "$name behind =");
        v.capture = p->tok.text;
        parse_next(p);
        return v;
    }
    if (p->tok.kind == TOKEN_NAME)
        parse_value_name(p, &v, false);
    else
        v.number = parse_number(p, false, 0, max, what);
    parse_value_rest(p, &v);
    return v;
}

int64_t parse_seconds(struct parser *p)
{
    const int64_t second = 1000 * 1000 * 1000, most = second;
    int64_t ns = 0, unit = second;
    const char *c = p->tok.text;

    if (p->tok.kind == TOKEN_INT) {
        if (p->tok.number >= 0 && p->tok.number <= most)
            ns = p->tok.number * second;
        else
            parse_fail(p, &p->tok, "no time: it goes from 0 to %lld seconds", (long long)most);
        parse_next(p);
        return ns;
    }
    if (p->tok.kind != TOKEN_FLOAT) {
        parse_unexpected(p, "a time in seconds, such as 0.1, +.1, 1~2 or *");
        return 0;
    }
    for (; *c >= '0' && *c <= '9' && ns <= most; c++)
        ns = ns * 10 + (*c - '0');
    if (*c != '.' || ns > most) {
        parse_fail(p, &p->tok, "no time: it goes from 0 to %lld seconds", (long long)most);
        return 0;
    }
    ns *= second;
    for (c++; *c >= '0' && *c <= '9'; c++) { /* finer than a nanosecond counts for nothing */
        unit /= 10;
        ns += (*c - '0') * unit;
    }
    parse_next(p);
    return ns;
}

/* One character of the flags. Return: false if it is none or cannot stand with the others. */
static bool parse_flag(char c, uint16_t *flags, bool *has_ace)
{
    static const char names[] = "FSRP.UEWA"; /* bit 0 upward */
    const uint16_t ace_bits = SCRIPT_ECE | SCRIPT_CWR | SCRIPT_AE;

    if (c >= '0' && c <= '7') {
        const int ace = c - '0';

        if (*has_ace || (*flags & ace_bits) != 0)
            return false;
        *has_ace = true;
        *flags |= (uint16_t)((ace & 1 ? SCRIPT_ECE : 0) | (ace & 2 ? SCRIPT_CWR : 0) |
                             (ace & 4 ? SCRIPT_AE : 0));
        return true;
    }
    const char *at = c != '\0' ? strchr(names, c) : NULL;
    if (at == NULL)
        return false;
    const uint16_t bit = (uint16_t)(1u << (at - names));
    if ((*flags & bit) != 0 || (*has_ace && (bit & ace_bits) != 0))
        return false;
    *flags |= bit;
    return true;
}

uint16_t parse_flags(struct parser *p, bool *has_ace)
{
    static const char help[] =
        "TCP flags of F S R P . E W A U, each once, or one digit 0-7 in place of "
        "E W A, or - for none";
    const struct token first = p->tok;
    uint16_t flags = 0;
    bool ace = false;
    size_t pieces = 0;

    if (parse_is(p, '-')) {
        parse_next(p);
        if (p->tok.is_glued)
            parse_fail(p, &first, "bad flags: write %s", help);
        pieces = 1;
    }
    /* `S.`, `P.5` and `.` come as several tokens without blanks between them. */
    while (!p->failed && (flags == 0 || p->tok.is_glued) && (pieces == 0 || p->tok.is_glued)) {
        const bool is_point = parse_is(p, '.');

        if (!is_point && p->tok.kind != TOKEN_WORD && p->tok.kind != TOKEN_INT &&
            p->tok.kind != TOKEN_FLOAT)
            break;
        for (size_t i = 0; i < p->tok.text_len; i++) {
            if (!parse_flag(p->tok.text[i], &flags, &ace))
                parse_fail(p, &first, "bad flags: write %s", help);
            if (p->failed)
                return 0;
        }
        pieces += p->tok.text_len > 0;
        parse_next(p);
        if (pieces == 0)
            break;
    }
    if (pieces == 0)
        parse_unexpected(p, help);
    if (has_ace != NULL)
        *has_ace = ace;
    return flags;
}

struct script_value parse_len(struct parser *p)
{
    parse_expect(p, '(', "before the length");
    const struct script_value len = parse_value(p, PARSE_LEN_MAX, "a length");
    parse_expect(p, ')', "behind the length");
    return len;
}

static bool parse_is_plain(const struct script_value *v)
{
    return v->capture == NULL && v->name_count == 0;
}

void parse_seq_range(struct parser *p, struct script_value *seq, struct script_value *end,
                     struct script_value *len)
{
    *seq = parse_value(p, PARSE_U32, "a sequence number");
    parse_expect(p, ':', "between the sequence numbers, as in 1:1001(1000)");
    const struct token at = p->tok;
    *end = parse_value(p, PARSE_U32, "a sequence number");
    *len = parse_len(p);
    if (p->failed || !parse_is_plain(seq) || !parse_is_plain(end) || !parse_is_plain(len))
        return;
    const uint32_t want = (uint32_t)seq->number + (uint32_t)len->number;
    if ((uint32_t)end->number != want)
        parse_fail(p, &at, "the end %lld is not start + length: write %u", (long long)end->number,
                   (unsigned)want);
}
