/*
 * parse_options.c - the options of a TCP segment.
 *
 * Kinds, order and padding are the script's word: what it writes is what goes over the wire or must
 * be seen there. Lengths: RFC 9293 section 3.2 (EOL, NOP, MSS), RFC 7323 (wscale, TS), RFC 2018
 * (SACK), RFC 2385 (MD5), RFC 7413 (fast open), RFC 9768 section 3.2.3 (accurate ECN).
 */
#include "parse.h"
#include <string.h>

static const struct {
    const char *name;
    size_t len; /* of the fixed part */
} option_names[] = {
    [SCRIPT_OPT_EOL] = {"eol",    1 },
      [SCRIPT_OPT_NOP] = {"nop",    1 },
    [SCRIPT_OPT_MSS] = {"mss",    4 },
      [SCRIPT_OPT_WSCALE] = {"wscale", 3 },
    [SCRIPT_OPT_SACK_OK] = {"sackOK", 2 },
      [SCRIPT_OPT_SACK] = {"sack",   2 },
    [SCRIPT_OPT_TS] = {"TS",     10},
      [SCRIPT_OPT_MD5] = {"md5",    2 },
    [SCRIPT_OPT_FO] = {"FO",     2 },
      [SCRIPT_OPT_FOEXP] = {"FOEXP",  4 },
    [SCRIPT_OPT_ACCECN0] = {"ECN",    2 },
      [SCRIPT_OPT_ACCECN1] = {"ECN",    2 },
};

enum { OPTION_NAMES = sizeof(option_names) / sizeof(option_names[0]) };

const char *script_opt_name(enum script_opt_kind kind)
{
    return option_names[kind].name;
}

/* Bytes in hex, without 0x: `FO 0123456789abcdef`. May come as a word or as an integer. */
static void parse_hex(struct parser *p, struct script_opt *o)
{
    if (p->tok.kind != TOKEN_WORD && p->tok.kind != TOKEN_INT)
        return;

    const char *digits = p->tok.text;
    const size_t len = p->tok.text_len;
    if (len == 0 || len % 2 != 0 || len > 2 * SCRIPT_COOKIE_MAX ||
        strspn(digits, "0123456789abcdefABCDEF") != len) {
        parse_fail(p, &p->tok,
                   "no bytes in hex: write pairs of hex digits, as in FO 0123456789abcdef");
        return;
    }
    uint8_t *bytes = arena_get(p->arena, len / 2);
    for (size_t i = 0; i < len; i++) {
        const int c = digits[i];
        const int n = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;

        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | n);
    }
    o->bytes = bytes;
    o->count = len / 2;
    o->len += o->count;
    parse_next(p);
}

static void parse_sack(struct parser *p, struct script_opt *o)
{
    while (!parse_is(p, ',') && !parse_is(p, '>') && !p->failed) {
        if (o->count == SCRIPT_SACK_MAX) {
            parse_fail(p, &p->tok, "too many SACK blocks: %d are the most", SCRIPT_SACK_MAX);
            return;
        }
        struct script_sack *s = &o->sack[o->count++];
        s->left = parse_value(p, PARSE_U32, "the left edge of a SACK block");
        parse_expect(p, ':', "between the edges, as in sack 1001:2001");
        s->right = parse_value(p, PARSE_U32, "the right edge of a SACK block");
        o->len += 8;
    }
    if (o->count == 0)
        parse_fail(p, &p->tok, "sack without a block: write sack LEFT:RIGHT");
}

static void parse_accecn(struct parser *p, struct script_opt *o)
{
    static const char *const order0[] = {"e0b", "ceb", "e1b"};
    static const char *const order1[] = {"e1b", "ceb", "e0b"};
    const char *const *order = order0;

    o->kind = SCRIPT_OPT_ACCECN0;
    if (parse_is_word(p, order1[0])) {
        order = order1;
        o->kind = SCRIPT_OPT_ACCECN1;
    }
    while (o->count < 3 && parse_accept_word(p, order[o->count])) {
        o->counter[o->count++] = (uint32_t)parse_number(p, false, 0, 0xffffff, "the counter");
        o->len += 3;
    }
    if (o->count == 0)
        parse_fail(p, &p->tok,
                   "ECN without a counter: write ECN e0b N [ceb N [e1b N]], or e1b first");
}

static void parse_ts(struct parser *p, struct script_opt *o)
{
    if (!parse_accept_word(p, "val"))
        parse_fail(p, &p->tok, "a timestamp without its value: write TS val N ecr N");
    o->a = parse_value(p, PARSE_U32, "TS val");
    if (!parse_accept_word(p, "ecr"))
        parse_fail(p, &p->tok, "a timestamp without its echo: write TS val N ecr N");
    o->b = parse_value(p, PARSE_U32, "TS ecr");
}

static void parse_option(struct parser *p, struct script_opt *o)
{
    size_t kind = 0;

    while (kind < OPTION_NAMES && !parse_is_word(p, option_names[kind].name))
        kind++;
    if (kind == OPTION_NAMES) {
        parse_fail(p, &p->tok,
                   "no TCP option: write mss wscale sackOK sack TS nop eol md5 FO FOEXP or ECN");
        return;
    }
    parse_next(p);
    o->kind = (enum script_opt_kind)kind;
    o->len = option_names[kind].len;
    switch (o->kind) {
    case SCRIPT_OPT_MSS:
        o->a = parse_value(p, PARSE_U16, "mss");
        break;
    case SCRIPT_OPT_WSCALE:
        o->a = parse_value(p, 255, "wscale");
        break;
    case SCRIPT_OPT_SACK:
        parse_sack(p, o);
        break;
    case SCRIPT_OPT_TS:
        parse_ts(p, o);
        break;
    case SCRIPT_OPT_MD5:
    case SCRIPT_OPT_FO:
    case SCRIPT_OPT_FOEXP:
        parse_hex(p, o);
        break;
    case SCRIPT_OPT_ACCECN0:
    case SCRIPT_OPT_ACCECN1:
        parse_accecn(p, o);
        break;
    case SCRIPT_OPT_EOL:
    case SCRIPT_OPT_NOP:
    case SCRIPT_OPT_SACK_OK:
        break;
    }
}

void parse_tcp_options(struct parser *p, struct script_tcp *tcp)
{
    const struct token first = p->tok;

    parse_next(p); /* < */
    if (p->tok.kind == TOKEN_ELLIPSIS) {
        tcp->any_options = true;
        parse_next(p);
        parse_expect(p, '>', "behind <...");
        return;
    }
    do {
        struct script_opt *o = arena_add(p->arena, &tcp->options, &tcp->option_count, sizeof(*o));

        parse_option(p, o);
        tcp->options_len += o->len;
    } while (parse_accept(p, ',') && tcp->options_len <= SCRIPT_TCP_OPTIONS_MAX);
    if (tcp->options_len > SCRIPT_TCP_OPTIONS_MAX)
        parse_fail(p, &first, "the options take more than %d bytes: remove some",
                   SCRIPT_TCP_OPTIONS_MAX);
    parse_expect(p, '>', "or , behind an option");
    if (tcp->options_len % 4 != 0)
        parse_fail(p, &first,
                   "the options take %zu bytes, which are no whole words: pad with nop or eol",
                   tcp->options_len);
}
