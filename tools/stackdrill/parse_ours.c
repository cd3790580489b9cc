/* parse_ours.c - what packetdrill has not: peers, checks of facts, faults. See script.h. */
#include "parse.h"
#include <arpa/inet.h>
#include <string.h>

static const struct script_peer *peer_find(const struct script *s, const char *name)
{
    for (size_t i = 0; i < s->peer_count; i++) {
        if (strcmp(s->peers[i].name, name) == 0)
            return &s->peers[i];
    }
    return NULL;
}

void parse_peer(struct parser *p)
{
    const struct token at = p->tok;
    struct script_peer peer = {.line = at.line, .name = parse_word(p, "the name of the peer")};
    struct in_addr ip;

    if (peer_find(p->script, peer.name) != NULL)
        parse_fail(p, &at, "this peer is there already: choose another name");
    if (p->tok.kind != TOKEN_IPV4 || inet_pton(AF_INET, p->tok.text, &ip) != 1) {
        parse_fail(p, &p->tok, "a peer without its address: write peer NAME 192.0.2.7");
        return;
    }
    peer.address = p->tok.text;
    peer.ip = ntohl(ip.s_addr);
    parse_next(p);
    if (parse_accept_word(p, "port"))
        peer.port = (uint16_t)parse_number(p, false, 1, PARSE_U16, "a port");

    if (p->script->peer_count >= PARSE_PEERS_MAX) {
        parse_fail(p, &at, "too many peers: %d are the most", PARSE_PEERS_MAX);
        return;
    }
    if (p->peers == NULL)
        p->peers = arena_get(p->arena, PARSE_PEERS_MAX * sizeof(*p->peers));
    p->script->peers = p->peers;
    p->peers[p->script->peer_count++] = peer;
}

const struct script_peer *parse_peer_name(struct parser *p)
{
    const struct token at = p->tok;
    const char *name = parse_word(p, "the name of a peer");
    const struct script_peer *peer = peer_find(p->script, name);

    if (peer == NULL)
        parse_fail(p, &at, "nobody knows this peer: declare it before with peer %.40s 192.0.2.7",
                   name);
    return peer;
}

static enum script_op parse_op(struct parser *p)
{
    const struct token at = p->tok;

    if (parse_accept(p, '=')) {
        parse_accept(p, '=');
        return SCRIPT_EQ;
    }
    if (parse_accept(p, '<'))
        return parse_accept(p, '=') ? SCRIPT_LE : SCRIPT_LT;
    if (parse_accept(p, '>'))
        return parse_accept(p, '=') ? SCRIPT_GE : SCRIPT_GT;
    if (parse_accept(p, '!') && parse_accept(p, '='))
        return SCRIPT_NE;
    parse_fail(p, &at, "no comparison: write = != < <= > or >=");
    return SCRIPT_EQ;
}

static const struct script_check *parse_check(struct parser *p)
{
    struct script_check *c = arena_get(p->arena, sizeof(*c));

    if (parse_accept_word(p, "fd")) {
        c->has_fd = true;
        c->fd = (int)parse_number(p, false, 0, PARSE_U16, "a descriptor");
    }
    c->fact = parse_word(p, "a fact, such as state or cwnd");
    c->op = parse_op(p);
    const struct token at = p->tok;
    if (p->tok.kind != TOKEN_WORD) {
        c->value = parse_value(p, INT64_MAX, "the value");
        if (c->value.capture != NULL)
            parse_fail(p, &at, "a check keeps nothing: write a number, a word or $name");
        return c;
    }
    c->word = parse_word(p, "a word such as TIME_WAIT");
    if (c->op != SCRIPT_EQ && c->op != SCRIPT_NE)
        parse_fail(p, &at, "words have no order: compare with = or !=");
    return c;
}

/* Percent, as parts of a million. */
static uint32_t parse_chance(struct parser *p)
{
    const struct token at = p->tok;
    const int64_t percent_ns = parse_seconds(p); /* the same digits: 1 is 10^9 here */

    if (percent_ns > 100 * (int64_t)1000000000)
        parse_fail(p, &at, "no chance: it goes from 0 to 100 percent");
    return (uint32_t)(percent_ns / 100000);
}

static const struct script_fault *parse_fault(struct parser *p)
{
    static const char *const what[] = {"none", "drop", "corrupt", "duplicate", "delay"};
    struct script_fault *f = arena_get(p->arena, sizeof(*f));
    size_t i = 0;

    while (i < 5 && !parse_accept_word(p, what[i]))
        i++;
    if (i == 5)
        parse_fail(p, &p->tok, "no fault: write drop, corrupt, duplicate, delay SECONDS or none");
    f->what = (enum script_fault_what)i;
    if (f->what == SCRIPT_FAULT_NONE || p->failed)
        return f;
    if (f->what == SCRIPT_FAULT_DELAY)
        f->delay_ns = parse_seconds(p);
    if (parse_accept_word(p, "chance")) {
        f->when = SCRIPT_FAULT_CHANCE;
        f->chance_ppm = parse_chance(p);
    } else {
        if (parse_accept_word(p, "every"))
            f->when = SCRIPT_FAULT_EVERY;
        else if (!parse_accept_word(p, "next"))
            parse_fail(p, &p->tok,
                       "a fault for which packets: write next N, every N or chance PERCENT");
        f->count = (uint32_t)parse_number(p, false, 1, PARSE_U32, "a number of packets");
    }
    f->inward = parse_is_word(p, "in") || parse_is_word(p, "both");
    f->outward = parse_is_word(p, "out") || parse_is_word(p, "both");
    if (!f->inward && !f->outward)
        parse_fail(p, &p->tok, "a fault without its direction: write in, out or both");
    parse_next(p);
    if (parse_accept_word(p, "flags")) {
        f->has_flags = true;
        f->flags = parse_flags(p, NULL);
    }
    return f;
}

bool parse_ours(struct parser *p, struct script_event *e)
{
    if (parse_accept(p, '?')) {
        e->kind = SCRIPT_CHECK;
        e->check = parse_check(p);
        return true;
    }
    if (e->peer == NULL && parse_accept_word(p, "fault")) {
        e->kind = SCRIPT_FAULT;
        e->fault = parse_fault(p);
        return true;
    }
    return false;
}
