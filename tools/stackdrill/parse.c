/* parse.c - the file as a whole: options, commands, events and their times. See script.h, parse.h. */
#include "parse.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ------------------------------------------------------------------------------ */

static bool parse_is_symbol(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return false;
    }
    return len > 0;
}

/* What a symbol may stand for: "text", `command`, an integer or a word. */
static bool parse_is_definition(const char *value)
{
    const size_t len = strlen(value);
    const char quote = value[0];

    if (quote == '"' || quote == '`')
        return len >= 2 && strchr(value + 1, quote) == value + len - 1;
    const size_t digits = strspn(value + (quote == '-'), "0123456789");
    if (quote == '-' || digits == len) /* an integer: 18 digits fit into 64 bits */
        return digits > 0 && digits <= 18 && digits + (quote == '-') == len;
    return parse_is_symbol(value, len);
}

/* Adds a symbol behind all others, so the first definition wins: those of the command line. */
static bool parse_define(struct parser *p, const char *name, size_t name_len, const char *value)
{
    struct lexer_define *d = arena_get(p->arena, sizeof(*d));
    const struct lexer_define **end = &p->lex.defines;

    if (!parse_is_symbol(name, name_len) || !parse_is_definition(value))
        return false;
    d->name = arena_text(p->arena, name, name_len);
    d->value = arena_text(p->arena, value, strlen(value));
    if (*end == NULL) {
        *end = d;
        return true;
    }
    struct lexer_define *last = (struct lexer_define *)(uintptr_t)*end;
    while (last->next != NULL)
        last = last->next;
    last->next = d;
    return true;
}

static void parse_head(struct parser *p)
{
    struct script *s = p->script;

    for (struct token t; !p->failed && lexer_option(&p->lex, &t);) {
        if (t.kind == TOKEN_ERROR) {
            parse_fail(p, &t, "%s", t.text);
            return;
        }
        struct script_option *o = arena_add(p->arena, &s->options, &s->option_count, sizeof(*o));
        const char *equals = strchr(t.text, '=');
        const size_t name_len = equals != NULL ? (size_t)(equals - t.text) : t.text_len;

        o->name = arena_text(p->arena, t.text, name_len);
        o->value = equals != NULL ? equals + 1 : NULL;
        o->line = t.line;
        if (strcmp(o->name, "define") != 0)
            continue;
        const char *second = o->value != NULL ? strchr(o->value, '=') : NULL;
        if (second == NULL || !parse_define(p, o->value, (size_t)(second - o->value), second + 1))
            parse_fail(p, &t,
                       "no definition: write --define=NAME=VALUE with a \"text\", a `command`, an "
                       "integer or a word");
    }
}

/* ---- times -------------------------------------------------------------------------------- */

/* The second half of `a~b`. */
static void parse_time_range(struct parser *p, struct script_event *e)
{
    const bool relative = e->time_kind == SCRIPT_TIME_RELATIVE;
    const struct token at = p->tok;

    if (!parse_accept(p, '~'))
        return;
    if (relative)
        parse_expect(p, '+', "before the second time: both are relative or none");
    else if (parse_is(p, '+'))
        parse_fail(p, &p->tok, "a window has one base: write + before both times or none");
    e->end_ns = parse_seconds(p);
    e->time_kind = relative ? SCRIPT_TIME_RELATIVE_RANGE : SCRIPT_TIME_ABSOLUTE_RANGE;
    if (e->end_ns < e->start_ns)
        parse_fail(p, &at, "the window ends before it begins: write the earlier time first");
}

static void parse_time(struct parser *p, struct script_event *e)
{
    const struct token at = p->tok;

    if (parse_accept(p, '*')) {
        e->time_kind = SCRIPT_TIME_ANY;
    } else {
        e->time_kind = parse_accept(p, '+') ? SCRIPT_TIME_RELATIVE : SCRIPT_TIME_ABSOLUTE;
        e->start_ns = parse_seconds(p);
        parse_time_range(p, e);
    }
    if (!p->has_begun && (e->time_kind == SCRIPT_TIME_ANY || e->start_ns != 0))
        parse_fail(p, &at, "the first event is not at 0: begin the script with an event at 0");
    p->has_begun = true;
    if (e->time_kind != SCRIPT_TIME_ABSOLUTE && e->time_kind != SCRIPT_TIME_ABSOLUTE_RANGE)
        return;
    if (p->depth > 0)
        parse_fail(p, &at, "an absolute time cannot be repeated: write it as +TIME");
    if (e->start_ns < p->last_abs_ns)
        parse_fail(p, &at, "time goes backwards: this event is earlier than one before it");
    p->last_abs_ns = e->start_ns;
}

/* ---- events ------------------------------------------------------------------------------- */

/* The statement as written, for messages: without comments, with one blank where there were any. */
static const char *parse_source(const struct parser *p, size_t from, size_t to)
{
    const char *t = p->lex.text;
    char *text = arena_get(p->arena, 2 * (to - from) + 2);
    size_t len = 0;
    bool was_blank = false, in_string = false;

    for (size_t i = from; i < to; i++) {
        const char second = i + 1 < to ? t[i + 1] : '\0';

        if (!in_string && t[i] == '/' && (second == '/' || second == '*')) {
            while (i < to && (second == '/' ? t[i] != '\n' : t[i] != '*' || t[i + 1] != '/'))
                i++;
            i += second == '*';
            was_blank = true;
            continue;
        }
        if (isspace((unsigned char)t[i]) || t[i] == '\0') {
            was_blank = true;
            continue;
        }
        if (was_blank && len > 0)
            text[len++] = ' ';
        was_blank = false;
        in_string = in_string != (t[i] == '"' && (i == from || t[i - 1] != '\\'));
        text[len++] = t[i];
    }
    return text;
}

/* `TIME [... END]` was read: what happens then? */
static void parse_event_body(struct parser *p, struct script_event *e)
{
    bool is_blocking = false;
    int64_t end_ns = 0;
    const struct token at = p->tok;

    if (p->tok.kind == TOKEN_ELLIPSIS) {
        parse_next(p);
        is_blocking = true;
        end_ns = parse_seconds(p);
        if (end_ns < e->start_ns)
            parse_fail(p, &at, "the call returns before it begins: write START...END");
    }
    const struct token after = parse_peek(p);
    const bool is_call =
        p->tok.kind == TOKEN_WORD && after.kind == TOKEN_CHAR && after.number == '(';
    if (is_blocking || is_call) {
        e->kind = SCRIPT_CALL;
        e->call = parse_call(p, is_blocking, end_ns);
        return;
    }
    if (p->tok.kind == TOKEN_COMMAND) {
        e->kind = SCRIPT_COMMAND;
        e->command = p->tok.text;
        parse_next(p);
        return;
    }
    if (p->tok.kind == TOKEN_CODE) {
        e->kind = SCRIPT_CODE;
        e->code = p->tok.text;
        e->code_line = p->tok.text_line;
        parse_next(p);
        return;
    }
    if (parse_accept_word(p, "peer"))
        e->peer = parse_peer_name(p);
    if (parse_ours(p, e))
        return;
    if (parse_is(p, '<') || parse_is(p, '>') || parse_is_word(p, "frag")) {
        e->kind = SCRIPT_PACKET;
        e->packet = parse_packet(p);
        return;
    }
    parse_fail(p, &p->tok,
               "no event: write a packet (< or >), a system call, a `command` or %%{ code }%%");
}

static bool parse_waits(const struct script_event *e)
{
    return e->kind == SCRIPT_PACKET && e->packet->direction == SCRIPT_OUT;
}

static void parse_event(struct parser *p, struct script_event *e)
{
    const struct token first = p->tok;

    e->line = first.line;
    e->column = first.column;
    parse_time(p, e);
    parse_event_body(p, e);
    if (p->failed)
        return;
    if (e->time_kind != SCRIPT_TIME_ABSOLUTE && e->time_kind != SCRIPT_TIME_RELATIVE &&
        !parse_waits(e))
        parse_fail(p, &first, "a window or * is for outbound packets: give this event one time");
    e->source = parse_source(p, first.start, p->last_end);
}

static void parse_repeat(struct parser *p, struct script_event *e);

/* Events up to `}` or the end. Declarations of peers may stand between them. */
static void parse_events(struct parser *p, const struct script_event **list, size_t *count)
{
    while (!p->failed && p->tok.kind != TOKEN_END && !parse_is(p, '}')) {
        if (p->depth == 0 && p->tok.kind == TOKEN_COMMAND)
            return;
        if (p->depth == 0 && parse_accept_word(p, "peer")) {
            parse_peer(p);
            continue;
        }
        struct script_event e = {0};
        if (parse_is_word(p, "repeat"))
            parse_repeat(p, &e);
        else
            parse_event(p, &e);
        struct script_event *slot = arena_add(p->arena, list, count, sizeof(*slot));
        *slot = e;
    }
}

static void parse_repeat(struct parser *p, struct script_event *e)
{
    struct script_repeat *r = arena_get(p->arena, sizeof(*r));
    const struct token first = p->tok;
    const uint32_t turns = p->turns;

    e->kind = SCRIPT_REPEAT;
    e->line = first.line;
    e->column = first.column;
    e->repeat = r;
    parse_next(p);
    r->count = (uint32_t)parse_number(p, false, 1, SCRIPT_REPEAT_MAX, "the number of turns");
    if ((uint64_t)turns * r->count > SCRIPT_REPEAT_MAX)
        parse_fail(p, &first, "too many turns: %d are the most, all repeats together",
                   SCRIPT_REPEAT_MAX);
    if (parse_accept_word(p, "as")) {
        if (p->tok.kind != TOKEN_NAME)
            parse_fail(p, &p->tok, "a repeat without the name of its counter: write as $name");
        r->counter = p->tok.text;
        parse_next(p);
    }
    e->source = parse_source(p, first.start, p->last_end);
    if (++p->depth > SCRIPT_NEST_MAX)
        parse_fail(p, &first, "too deeply nested: %d levels are the most", SCRIPT_NEST_MAX);
    p->turns = turns * r->count;
    parse_expect(p, '{', "before the events to repeat");
    parse_events(p, &r->events, &r->event_count);
    parse_expect(p, '}', "behind the events to repeat");
    if (r->event_count == 0)
        parse_fail(p, &first, "a repeat without events: write some between { and }");
    p->turns = turns;
    p->depth--;
}

/* ---- the file ----------------------------------------------------------------------------- */

static void parse_file(struct parser *p)
{
    struct script *s = p->script;

    parse_head(p);
    parse_next(p);
    while (parse_accept_word(p, "peer"))
        parse_peer(p);
    if (p->tok.kind == TOKEN_COMMAND) {
        s->init_command = p->tok.text;
        s->init_line = p->tok.line;
        parse_next(p);
    }
    parse_events(p, &s->events, &s->event_count);
    if (s->event_count == 0)
        parse_fail(p, &p->tok, "no event: write at least one, such as 0 socket(...) = 3");
    if (p->tok.kind == TOKEN_COMMAND) {
        s->cleanup_command = p->tok.text;
        s->cleanup_line = p->tok.line;
        const struct token at = p->tok;
        parse_next(p);
        if (p->tok.kind != TOKEN_END)
            parse_fail(p, &at, "a command between events has no time: write one before it");
    }
    if (p->tok.kind != TOKEN_END)
        parse_fail(p, &p->tok, "a } that closes nothing: remove it");
}

struct script *script_parse(const char *file, const char *text, size_t len,
                            const struct script_define *defines, size_t define_count, char *error)
{
    struct arena *arena = arena_new();
    struct script *s = arena_get(arena, sizeof(*s));
    struct parser p = {.arena = arena, .error = error, .script = s, .turns = 1};

    error[0] = '\0';
    s->arena = arena;
    s->file = arena_text(arena, file, strlen(file));
    p.file = s->file;
    lexer_init(&p.lex, arena, text, len);
    for (size_t i = 0; i < define_count; i++) {
        const struct token at = {.line = 1, .column = 1};

        if (!parse_define(&p, defines[i].name, strlen(defines[i].name), defines[i].value))
            parse_fail(&p, &at,
                       "no definition: write -D NAME=VALUE with a \"text\", a `command`, an "
                       "integer or a word");
    }
    parse_file(&p);
    if (!p.failed)
        return s;
    arena_free(arena);
    return NULL;
}

struct script *script_load(const char *file, const struct script_define *defines,
                           size_t define_count, char *error)
{
    const bool is_stdin = strcmp(file, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(file, "rb");
    const size_t most = 16u << 20;
    size_t len = 0, room = 64u << 10;
    struct script *s = NULL;
    char *text = f != NULL ? malloc(room) : NULL;

    snprintf(error, SCRIPT_ERROR_MAX, "%.400s:1:1: cannot be read: %s", file, strerror(errno));
    for (size_t got; text != NULL && (got = fread(text + len, 1, room - len, f)) > 0;) {
        len += got;
        if (len < room)
            continue;
        room *= 2;
        char *more = room <= most ? realloc(text, room) : NULL;
        if (more == NULL) {
            snprintf(error, SCRIPT_ERROR_MAX,
                     "%.400s:1:1: too long for a script: %zu bytes are the most", file, most / 2);
            free(text);
            text = NULL;
        } else {
            text = more;
        }
    }
    if (text != NULL && ferror(f) == 0)
        s = script_parse(is_stdin ? "<stdin>" : file, text, len, defines, define_count, error);
    else if (text != NULL)
        snprintf(error, SCRIPT_ERROR_MAX, "%.400s:1:1: cannot be read: %s", file, strerror(errno));
    free(text);
    if (f != NULL && !is_stdin)
        fclose(f);
    return s;
}

void script_free(struct script *s)
{
    if (s != NULL)
        arena_free(s->arena);
}

const char *script_option_value(const struct script *s, const char *name)
{
    for (size_t i = s->option_count; i-- > 0;) {
        if (strcmp(s->options[i].name, name) == 0)
            return s->options[i].value != NULL ? s->options[i].value : "";
    }
    return NULL;
}

bool script_value_of(const struct script_value *v,
                     bool (*lookup)(void *arg, const char *name, int64_t *number), void *arg,
                     int64_t *number, const char **unknown)
{
    uint64_t sum = (uint64_t)v->number; /* wraps, and never traps, whatever the names stand for */

    for (size_t i = 0; i < v->name_count; i++) {
        int64_t n = 0;

        if (!lookup(arg, v->names[i].name, &n)) {
            *unknown = v->names[i].name;
            return false;
        }
        sum = v->names[i].minus ? sum - (uint64_t)n : sum + (uint64_t)n;
    }
    *number = (int64_t)sum;
    return true;
}
