/* lexer.c - see lexer.h. */
#include "lexer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Words of the language: no --define replaces them. */
static const char *const lexer_keywords[] = {
    "ack",  "win",  "urg",   "mss",   "nop",   "eol",    "wscale",    "sackOK", "sack", "TS",
    "val",  "ecr",  "md5",   "FO",    "FOEXP", "ECN",    "e0b",       "ceb",    "e1b",  "ect0",
    "ect1", "ce",   "ect01", "noecn", "tos",   "ttl",    "udp",       "icmp",   "mtu",  "id",
    "raw",  "ipv4", "ipv6",  "gre",   "mpls",  "label",  "tc",        "encap",  "psp",  "spi",
    "peer", "port", "fault", "frag",  "state", "repeat", "flowlabel", "icmpv6", "as"};

static bool lex_is_digit(int c)
{
    return c >= '0' && c <= '9';
}
static bool lex_is_hex(int c)
{
    return lex_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool lex_is_word(int c)
{
    return lex_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool lex_is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static unsigned lex_hex_value(int c)
{
    return (unsigned)(lex_is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
}

void lexer_init(struct lexer *l, struct arena *arena, const char *text, size_t len)
{
    *l = (struct lexer){.text = text, .len = len, .line = 1, .column = 1, .arena = arena};
}

/* The byte @ahead of the position, -1 behind the end. */
static int lex_at(const struct lexer *l, size_t ahead)
{
    return ahead < l->len - l->pos ? (unsigned char)l->text[l->pos + ahead] : -1;
}

static void lex_skip(struct lexer *l, size_t n)
{
    for (; n > 0 && l->pos < l->len; n--) {
        if (l->text[l->pos++] == '\n') {
            l->line++;
            l->column = 1;
        } else {
            l->column++;
        }
    }
}

static struct token lex_begin(const struct lexer *l)
{
    return (struct token){.line = l->line, .column = l->column, .start = l->pos, .end = l->pos};
}

static struct token lex_error(struct token t, const char *message)
{
    t.kind = TOKEN_ERROR;
    t.text = message;
    t.text_len = strlen(message);
    return t;
}

/* Takes @len bytes as the token's text. */
static struct token lex_take(struct lexer *l, struct token t, enum token_kind kind, size_t len)
{
    t.kind = kind;
    t.text = arena_text(l->arena, l->text + l->pos, len);
    t.text_len = len;
    lex_skip(l, len);
    t.end = l->pos;
    return t;
}

/* Blanks and comments. Return: false for a comment without an end, and then its begin in *@t. */
static bool lex_blanks(struct lexer *l, struct token *t)
{
    for (;;) {
        if (lex_is_blank(lex_at(l, 0))) {
            lex_skip(l, 1);
        } else if (lex_at(l, 0) == '/' && lex_at(l, 1) == '/') {
            while (lex_at(l, 0) >= 0 && lex_at(l, 0) != '\n')
                lex_skip(l, 1);
        } else if (lex_at(l, 0) == '/' && lex_at(l, 1) == '*') {
            *t = lex_begin(l);
            lex_skip(l, 2);
            while (lex_at(l, 0) >= 0 && !(lex_at(l, 0) == '*' && lex_at(l, 1) == '/'))
                lex_skip(l, 1);
            if (lex_at(l, 0) < 0)
                return false;
            lex_skip(l, 2);
        } else {
            return true;
        }
    }
}

static struct token lex_number(struct lexer *l, struct token t, enum token_kind kind, size_t len)
{
    t = lex_take(l, t, kind, len);
    errno = 0;
    if (kind == TOKEN_HEX) {
        const unsigned long long n = strtoull(t.text, NULL, 16);

        if (errno != 0)
            return lex_error(t, "the number is too large: 64 bits are the most");
        t.number = (int64_t)n;
    } else if (kind == TOKEN_INT) {
        t.number = strtoll(t.text, NULL, 10);
        if (errno != 0)
            return lex_error(t, "the number is too large: 64 bits are the most");
    }
    return t;
}

/* An address. Return: its length, 0 if none begins here. */
static size_t lex_ipv6(const struct lexer *l)
{
    char run[INET6_ADDRSTRLEN];
    size_t n = 0;
    unsigned colons = 0;
    bool has_pair = false;
    struct in6_addr ignored;

    while (n < sizeof(run) - 1 &&
           (lex_is_hex(lex_at(l, n)) || lex_at(l, n) == ':' || lex_at(l, n) == '.')) {
        run[n] = (char)lex_at(l, n);
        colons += run[n] == ':';
        has_pair = has_pair || (run[n] == ':' && n > 0 && run[n - 1] == ':');
        n++;
    }
    if (!has_pair && colons < 7)
        return 0;
    for (; n >= 2; n--) { /* `fe80::1: . 1:1(0)`: the colon behind an address is not of it */
        run[n] = '\0';
        if (inet_pton(AF_INET6, run, &ignored) == 1)
            return n;
    }
    return 0;
}

static size_t lex_digits(const struct lexer *l, size_t from)
{
    size_t n = from;

    while (lex_is_digit(lex_at(l, n)))
        n++;
    return n - from;
}

static size_t lex_ipv4(const struct lexer *l)
{
    size_t n = 0;

    for (int part = 0; part < 4; part++) {
        const size_t digits = lex_digits(l, n);

        if (digits == 0 || (part < 3 && lex_at(l, n + digits) != '.'))
            return 0;
        n += digits + (part < 3);
    }
    return n;
}

/* Numbers, addresses and words: whichever takes most bytes. Return: false if none of them is here. */
static bool lex_wordlike(struct lexer *l, struct token *t)
{
    const size_t sign = lex_at(l, 0) == '-';
    const size_t digits = lex_digits(l, sign);
    const size_t point = lex_at(l, sign + digits) == '.' ? 1 : 0;
    const size_t fraction = point ? lex_digits(l, sign + digits + 1) : 0;
    size_t word = 0, hex = 0;

    while (lex_is_word(lex_at(l, word)))
        word++;
    if (lex_at(l, 0) == '0' && (lex_at(l, 1) == 'x' || lex_at(l, 1) == 'X')) {
        hex = 2;
        while (lex_is_hex(lex_at(l, hex)))
            hex++;
    }
    const size_t ipv6 = lex_ipv6(l);
    const size_t ipv4 = lex_ipv4(l);
    if (ipv6 > 0) {
        *t = lex_take(l, *t, TOKEN_IPV6, ipv6);
    } else if (ipv4 > 0) {
        struct in_addr ignored;

        *t = lex_take(l, *t, TOKEN_IPV4, ipv4);
        if (inet_pton(AF_INET, t->text, &ignored) != 1)
            *t = lex_error(*t, "not an IPv4 address: its parts go from 0 to 255");
    } else if (hex > 2 && hex >= word) {
        *t = lex_number(l, *t, TOKEN_HEX, hex);
    } else if (fraction > 0 && sign + digits + 1 + fraction >= word) {
        *t = lex_take(l, *t, TOKEN_FLOAT, sign + digits + 1 + fraction);
    } else if (digits > 0 && sign + digits >= word) {
        *t = lex_number(l, *t, TOKEN_INT, sign + digits);
    } else if (word > 0) {
        *t = lex_take(l, *t, TOKEN_WORD, word);
    } else {
        return false;
    }
    return true;
}

/* The value behind one escape. Return: bytes used after the backslash, 0 if it is none. */
static size_t lex_escape(const struct lexer *l, char *out)
{
    static const char names[] = "fnrtv0\\\"";
    static const char values[] = "\f\n\r\t\v\0\\\"";
    const int c = lex_at(l, 1);

    if (c == 'x' && lex_is_hex(lex_at(l, 2)) && lex_is_hex(lex_at(l, 3))) {
        *out = (char)(lex_hex_value(lex_at(l, 2)) << 4 | lex_hex_value(lex_at(l, 3)));
        return 3;
    }
    for (size_t i = 0; i < sizeof(names) - 1; i++) {
        if (c == names[i]) {
            *out = values[i];
            return 1;
        }
    }
    return 0;
}

static struct token lex_string(struct lexer *l, struct token t)
{
    size_t room = 0;

    while (lex_at(l, 1 + room) >= 0 && lex_at(l, 1 + room) != '"' && lex_at(l, 1 + room) != '\n')
        room += lex_at(l, 1 + room) == '\\' && lex_at(l, 2 + room) >= 0 ? 2 : 1;
    if (lex_at(l, 1 + room) != '"')
        return lex_error(t, "the string has no end: close it with \" on the same line");
    char *text = arena_get(l->arena, room + 1);
    size_t len = 0;
    lex_skip(l, 1);
    while (lex_at(l, 0) != '"') {
        size_t used = 0;

        if (lex_at(l, 0) != '\\') {
            text[len++] = (char)lex_at(l, 0);
        } else {
            used = lex_escape(l, &text[len++]);
            if (used == 0) {
                t.line = l->line;
                t.column = l->column;
                return lex_error(t,
                                 "unknown escape: use \\f \\n \\r \\t \\v \\0 \\\\ \\\" or \\xHH");
            }
        }
        lex_skip(l, 1 + used);
    }
    lex_skip(l, 1);
    t.kind = TOKEN_STRING;
    t.text = text;
    t.text_len = len;
    t.end = l->pos;
    return t;
}

static struct token lex_command(struct lexer *l, struct token t)
{
    size_t n = 0;

    while (lex_at(l, 1 + n) >= 0 && lex_at(l, 1 + n) != '`')
        n++;
    if (lex_at(l, 1 + n) < 0)
        return lex_error(t, "the command has no end: close it with a backtick");
    if (memchr(l->text + l->pos, '\0', n + 1) != NULL)
        return lex_error(t, "a zero byte in a command: remove it");
    lex_skip(l, 1);
    t = lex_take(l, t, TOKEN_COMMAND, n);
    lex_skip(l, 1);
    t.end = l->pos;
    return t;
}

static struct token lex_code(struct lexer *l, struct token t)
{
    size_t n = 0;

    while (lex_at(l, 2 + n) >= 0 && !(lex_at(l, 2 + n) == '}' && lex_at(l, 3 + n) == '%'))
        n++;
    if (lex_at(l, 2 + n) < 0)
        return lex_error(t, "the code has no end: close it with }%");
    if (memchr(l->text + l->pos, '\0', n + 2) != NULL)
        return lex_error(t, "a zero byte in code: remove it");
    const size_t close = l->pos + 2 + n;
    lex_skip(l, 2);
    /* Blank lines in front go, indentation of the first line goes, too. */
    while (l->pos < close && lex_is_blank(lex_at(l, 0)))
        lex_skip(l, 1);
    size_t len = close - l->pos;
    while (len > 0 && lex_is_blank((unsigned char)l->text[l->pos + len - 1]))
        len--;
    t.text_line = l->line;
    t = lex_take(l, t, TOKEN_CODE, len);
    lex_skip(l, close - l->pos + 2);
    t.end = l->pos;
    return t;
}

/* A word that --define knows becomes what its value looks like. */
static struct token lex_define(const struct lexer *l, struct token t)
{
    const struct lexer_define *d = l->defines;

    for (size_t i = 0; i < sizeof(lexer_keywords) / sizeof(lexer_keywords[0]); i++) {
        if (strcmp(t.text, lexer_keywords[i]) == 0)
            return t;
    }
    while (d != NULL && strcmp(d->name, t.text) != 0)
        d = d->next;
    if (d == NULL)
        return t;

    const size_t len = strlen(d->value);
    const char quote = d->value[0];

    t.text = d->value;
    t.text_len = len;
    if ((quote == '"' || quote == '`') && len >= 2 && d->value[len - 1] == quote) {
        t.kind = quote == '"' ? TOKEN_STRING : TOKEN_COMMAND;
        t.text = arena_text(l->arena, d->value + 1, len - 2);
        t.text_len = len - 2;
        return t;
    }
    /* Only the look counts; sizes were checked where the symbol was defined. */
    const bool is_hex = quote == '0' && (d->value[1] | 32) == 'x' && len > 2 && len <= 18 &&
                        strspn(d->value + 2, "0123456789abcdefABCDEF") == len - 2;
    const size_t sign = quote == '-';
    if (is_hex) {
        t.kind = TOKEN_HEX;
        t.number = (int64_t)strtoull(d->value, NULL, 16);
    } else if (len > sign && strspn(d->value + sign, "0123456789") == len - sign) {
        t.kind = TOKEN_INT;
        t.number = strtoll(d->value, NULL, 10);
    }
    return t;
}

struct token lexer_next(struct lexer *l)
{
    const size_t before = l->pos;
    struct token t;

    if (!lex_blanks(l, &t))
        return lex_error(t, "the comment has no end: close it with */");
    t = lex_begin(l);
    t.is_glued = l->pos == before && before > 0;
    const int c = lex_at(l, 0);
    if (c < 0)
        return t;
    if (c == '"')
        return lex_string(l, t);
    if (c == '`')
        return lex_command(l, t);
    if (c == '%' && lex_at(l, 1) == '{')
        return lex_code(l, t);
    if (c == '.' && lex_at(l, 1) == '.' && lex_at(l, 2) == '.')
        return lex_take(l, t, TOKEN_ELLIPSIS, 3);
    if (c == '$') {
        size_t n = 0;

        while (lex_is_word(lex_at(l, 1 + n)))
            n++;
        if (n == 0)
            return lex_error(t, "a $ without a name: write $name");
        lex_skip(l, 1);
        return lex_take(l, t, TOKEN_NAME, n);
    }
    if (lex_wordlike(l, &t))
        return t.kind == TOKEN_WORD ? lex_define(l, t) : t;
    if (c < 32 || c > 126)
        return lex_error(t, "a byte that no script has: remove it, or put it as \\xHH in a string");
    t.number = c;
    return lex_take(l, t, TOKEN_CHAR, 1);
}

bool lexer_option(struct lexer *l, struct token *t)
{
    size_t n = 2;
    int quote = 0;

    if (!lex_blanks(l, t)) {
        *t = lex_error(*t, "the comment has no end: close it with */");
        return true;
    }
    *t = lex_begin(l);
    if (lex_at(l, 0) != '-' || lex_at(l, 1) != '-')
        return false;
    while (lex_is_word(lex_at(l, n)))
        n++;
    if (n == 2 || (lex_at(l, n) != '=' && lex_at(l, n) >= 0 && !lex_is_blank(lex_at(l, n)))) {
        *t = lex_error(*t, "not an option: write --name or --name=value");
        return true;
    }
    while (lex_at(l, n) > 0 && (quote != 0 || !lex_is_blank(lex_at(l, n)))) {
        const int c = lex_at(l, n++);

        if (quote == 0 && (c == '"' || c == '`'))
            quote = c;
        else if (c == quote)
            quote = 0;
    }
    if (quote != 0 || lex_at(l, n) == 0) {
        *t = lex_error(*t, "the option's value has no end: close the quote");
        return true;
    }
    lex_skip(l, 2);
    *t = lex_take(l, *t, TOKEN_WORD, n - 2);
    return true;
}

struct token lexer_note(struct lexer *l)
{
    struct token t = lex_begin(l);
    size_t n = 0;
    unsigned depth = 1;

    for (int c; (c = lex_at(l, n)) > 0 && c != '\n'; n++) {
        depth += c == '(';
        depth -= c == ')';
        if (depth == 0)
            break;
    }
    if (lex_at(l, n) != ')')
        return lex_error(t, "the note has no end: close it with ) on the same line");
    t = lex_take(l, t, TOKEN_STRING, n);
    lex_skip(l, 1);
    t.end = l->pos;
    return t;
}
