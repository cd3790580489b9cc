/*
 * parse_call.c - system calls: `name(args) = result [ERRNO (text)] [(note)]`.
 *
 * Arguments are read without knowing the call: what a struct or a list means is found when the call
 * is run, as in packetdrill, where unknown calls and symbols are errors of the run.
 */
#include "parse.h"
#include <string.h>

static struct script_arg parse_arg(struct parser *p, unsigned depth);

/* Arguments up to @close. In a struct (@named) an item may be `name=value` or `name(size)=value`. */
static void parse_items(struct parser *p, struct script_arg *a, char close, bool named,
                        unsigned depth)
{
    if (parse_accept(p, close))
        return;
    do {
        struct script_arg item = parse_arg(p, depth + 1);

        if (named && parse_is(p, '=') &&
            (item.kind == SCRIPT_ARG_SYMBOL || (item.kind == SCRIPT_ARG_CALL && item.count == 1))) {
            const char *name = item.text;
            const struct script_arg *size = item.items;

            parse_next(p);
            item = parse_arg(p, depth + 1);
            item.name = name;
            item.size = size;
        }
        struct script_arg *slot = arena_add(p->arena, &a->items, &a->count, sizeof(*slot));
        *slot = item;
    } while (parse_accept(p, ','));
    parse_expect(p, close, "or , in the list");
}

/* Adjacent strings are one. */
static void parse_strings(struct parser *p, struct script_arg *a)
{
    a->kind = SCRIPT_ARG_STRING;
    a->text = p->tok.text;
    a->text_len = p->tok.text_len;
    parse_next(p);
    while (p->tok.kind == TOKEN_STRING) {
        char *both = arena_get(p->arena, a->text_len + p->tok.text_len + 1);

        memcpy(both, a->text, a->text_len);
        memcpy(both + a->text_len, p->tok.text, p->tok.text_len);
        a->text = both;
        a->text_len += p->tok.text_len;
        parse_next(p);
    }
}

/* An argument without `|`. */
static struct script_arg parse_primary(struct parser *p, unsigned depth)
{
    struct script_arg a = {.line = p->tok.line, .column = p->tok.column};

    if (depth > SCRIPT_NEST_MAX) {
        parse_fail(p, &p->tok, "too deeply nested: %d levels are the most", SCRIPT_NEST_MAX);
        return a;
    }
    a.text = p->tok.text;
    a.text_len = p->tok.text_len;
    a.number = p->tok.number;
    switch (p->tok.kind) {
    case TOKEN_ELLIPSIS:
        a.kind = SCRIPT_ARG_ELLIPSIS;
        parse_next(p);
        return a;
    case TOKEN_INT:
    case TOKEN_HEX:
        a.kind = SCRIPT_ARG_INT;
        a.is_hex = p->tok.kind == TOKEN_HEX;
        parse_next(p);
        return a;
    case TOKEN_STRING:
        parse_strings(p, &a);
        return a;
    case TOKEN_IPV4:
    case TOKEN_IPV6:
        a.kind = SCRIPT_ARG_ADDRESS;
        parse_next(p);
        return a;
    case TOKEN_WORD:
        a.kind = SCRIPT_ARG_SYMBOL;
        parse_word(p, "an argument");
        if (parse_accept(p, '(')) {
            a.kind = SCRIPT_ARG_CALL;
            parse_items(p, &a, ')', false, depth);
        }
        return a;
    default:
        break;
    }
    if (parse_accept(p, '[')) {
        a.kind = SCRIPT_ARG_LIST;
        parse_items(p, &a, ']', false, depth);
    } else if (parse_accept(p, '{')) {
        a.kind = SCRIPT_ARG_STRUCT;
        parse_items(p, &a, '}', true, depth);
    } else {
        parse_fail(p, &p->tok,
                   "no argument: write a number, a symbol, \"text\", [list], {struct} or ...");
    }
    return a;
}

static struct script_arg parse_arg(struct parser *p, unsigned depth)
{
    struct script_arg first = parse_primary(p, depth);

    if (!parse_is(p, '|'))
        return first;
    struct script_arg a = {.kind = SCRIPT_ARG_OR, .line = first.line, .column = first.column};
    struct script_arg *slot = arena_add(p->arena, &a.items, &a.count, sizeof(*slot));
    *slot = first;
    while (parse_accept(p, '|')) {
        const struct script_arg next = parse_primary(p, depth);

        slot = arena_add(p->arena, &a.items, &a.count, sizeof(*slot));
        *slot = next;
    }
    return a;
}

/* `(any text)`, if the parenthesis is in hand. */
static const char *parse_note(struct parser *p)
{
    if (!parse_is(p, '('))
        return NULL;
    const struct token t = lexer_note(&p->lex);
    if (t.kind == TOKEN_ERROR) {
        parse_fail(p, &t, "%s", t.text);
        return NULL;
    }
    p->tok = t;
    parse_next(p);
    return t.text;
}

/* ENOENT and the like: capitals and digits behind an E. Anything else begins the next event. */
static bool parse_is_errno(const struct parser *p)
{
    return p->tok.kind == TOKEN_WORD && p->tok.text_len > 1 && p->tok.text[0] == 'E' &&
           strspn(p->tok.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == p->tok.text_len;
}

const struct script_call *parse_call(struct parser *p, bool is_blocking, int64_t end_ns)
{
    struct script_call *c = arena_get(p->arena, sizeof(*c));
    struct script_arg args = {0};

    c->is_blocking = is_blocking;
    c->end_ns = end_ns;
    c->name = parse_word(p, "a packet, a system call, a `command` or %{ code }%");
    parse_expect(p, '(', "behind the name of the call");
    parse_items(p, &args, ')', false, 0);
    c->args = args.items;
    c->arg_count = args.count;
    parse_expect(p, '=', "and the result behind the call");
    const struct token at = p->tok;
    c->result = parse_arg(p, 0);
    if (!p->failed && c->result.kind != SCRIPT_ARG_INT && c->result.kind != SCRIPT_ARG_SYMBOL &&
        c->result.kind != SCRIPT_ARG_OR && c->result.kind != SCRIPT_ARG_ELLIPSIS)
        parse_fail(p, &at, "no result: write a number, symbols or ...");
    if (parse_is_errno(p)) {
        c->errno_name = p->tok.text;
        parse_next(p);
        c->errno_text = parse_note(p);
    }
    c->note = parse_note(p);
    return c;
}
