/*
 * parse_packet.c - packets: direction, encapsulation, IP, ports, TCP, UDP. See script.h for the form.
 *
 * What was read decides what follows, with one look ahead: `udp`, `icmp` and the names of
 * encapsulations are words, an integer before `>` is a port, anything else must be TCP flags.
 */
#include "parse.h"
#include <string.h>

static void parse_fields(struct parser *p, struct script_encap *e)
{
    const bool in_parens = parse_accept(p, '(');

    while (p->tok.kind == TOKEN_WORD || parse_is(p, '[')) {
        struct script_field *f = arena_add(p->arena, &e->fields, &e->field_count, sizeof(*f));
        const bool in_bracket = parse_accept(p, '['); /* [S] */

        f->name = parse_word(p, "the name of a field");
        if (in_bracket)
            parse_expect(p, ']', "behind the flag");
        f->is_bare = p->tok.kind != TOKEN_INT && p->tok.kind != TOKEN_HEX;
        if (in_bracket)
            f->is_bare = true;
        else if (!f->is_bare)
            f->number = parse_number(p, true, 0, PARSE_U32, "the field");
        if (!parse_accept(p, ','))
            break;
    }
    if (in_parens)
        parse_expect(p, ')', "behind the fields");
}

static void parse_addresses(struct parser *p, struct script_encap *e)
{
    const enum token_kind want = e->kind == SCRIPT_ENCAP_IPV4 ? TOKEN_IPV4 : TOKEN_IPV6;

    for (int i = 0; i < 2; i++) {
        if (p->tok.kind != want) {
            parse_fail(p, &p->tok, "no %s address: write ipv4 A > B: or ipv6 A > B: with addresses",
                       want == TOKEN_IPV4 ? "IPv4" : "IPv6");
            return;
        }
        *(i == 0 ? &e->src : &e->dst) = p->tok.text;
        parse_next(p);
        if (i == 0)
            parse_expect(p, '>', "between the addresses");
    }
}

static uint32_t parse_spi(struct parser *p)
{
    if (!parse_accept_word(p, "spi"))
        parse_fail(p, &p->tok, "psp needs its index: write psp spi NUMBER");
    return (uint32_t)parse_number(p, true, 0, PARSE_U32, "spi");
}

/* One header, its colon included. Return: false if none begins here. */
static bool parse_encap(struct parser *p, struct script_packet *k)
{
    static const char *const names[] = {"ipv4", "ipv6", "gre", "mpls", "encap"};
    size_t kind = 0;

    while (kind < 5 && !parse_is_word(p, names[kind]))
        kind++;
    if (kind == 5)
        return false;
    parse_next(p);
    struct script_encap *e = arena_add(p->arena, &k->encaps, &k->encap_count, sizeof(*e));
    e->kind = (enum script_encap_kind)kind;
    if (kind == SCRIPT_ENCAP_PSP) {
        if (!parse_accept_word(p, "psp"))
            parse_fail(p, &p->tok, "unknown encapsulation: write encap psp spi NUMBER");
        e->spi = parse_spi(p);
        parse_accept(p, ':');
        return true;
    }
    if (kind == SCRIPT_ENCAP_MPLS) {
        parse_fields(p, e);
        while (parse_is(p, '(') || parse_accept(p, ',')) {
            e = arena_add(p->arena, &k->encaps, &k->encap_count, sizeof(*e));
            e->kind = SCRIPT_ENCAP_MPLS;
            parse_fields(p, e);
        }
    } else if (kind == SCRIPT_ENCAP_GRE) {
        parse_fields(p, e);
    } else {
        parse_addresses(p, e);
    }
    parse_expect(p, ':', "behind the encapsulation");
    return true;
}

static void parse_ip_item(struct parser *p, struct script_ip *ip, bool is_inbound)
{
    static const char *const ecn[] = {"", "noecn", "ect0", "ect1", "ect01", "ce"};
    const struct token at = p->tok;

    for (size_t i = 1; i < sizeof(ecn) / sizeof(ecn[0]); i++) {
        if (!parse_accept_word(p, ecn[i]))
            continue;
        if (ip->ecn != SCRIPT_ECN_UNSET || ip->has_tos)
            parse_fail(p, &at,
                       "the ECN bits are given twice: write one of ect0 ect1 ect01 ce noecn tos");
        if (i == SCRIPT_ECN_ECT01 && is_inbound)
            parse_fail(p, &at, "ect01 is for outbound packets: write ect0 or ect1");
        ip->ecn = (enum script_ecn)i;
        return;
    }
    if (parse_accept_word(p, "tos")) {
        if (ip->ecn != SCRIPT_ECN_UNSET || ip->has_tos)
            parse_fail(p, &at, "the ECN bits are given twice: tos is the whole byte");
        ip->has_tos = true;
        ip->tos = (uint8_t)parse_number(p, true, 0, 255, "tos");
    } else if (parse_accept_word(p, "ttl")) {
        if (ip->has_ttl)
            parse_fail(p, &at, "ttl is given twice: remove one");
        ip->has_ttl = true;
        ip->ttl = (uint8_t)parse_number(p, true, 0, 255, "ttl");
    } else if (parse_accept_word(p, "flowlabel")) {
        if (ip->has_flowlabel)
            parse_fail(p, &at, "flowlabel is given twice: remove one");
        ip->has_flowlabel = true;
        ip->flowlabel = (uint32_t)parse_number(p, true, 0, 0xfffff, "flowlabel");
    } else {
        parse_fail(p, &at, "no IP field: write ect0 ect1 ect01 ce noecn tos ttl or flowlabel");
    }
}

static void parse_ip_info(struct parser *p, struct script_packet *k)
{
    char close = '\0';

    if (parse_accept(p, '['))
        close = ']';
    else if (parse_accept(p, '('))
        close = ')';
    else
        return;
    do
        parse_ip_item(p, &k->ip, k->direction == SCRIPT_IN);
    while (parse_accept(p, ','));
    parse_expect(p, close, "behind the IP fields");
}

static void parse_ports(struct parser *p, struct script_packet *k)
{
    const struct token after = parse_peek(p);

    if (p->tok.kind != TOKEN_NAME && !parse_is(p, '=') &&
        !(p->tok.kind == TOKEN_INT && after.kind == TOKEN_CHAR &&
          (after.number == '>' || (after.number == '+' && after.is_glued))))
        return;
    k->has_ports = true;
    k->src_port = parse_value(p, PARSE_U16, "a port");
    parse_expect(p, '>', "between the ports");
    k->dst_port = parse_value(p, PARSE_U16, "a port");
}

static void parse_tcp(struct parser *p, struct script_packet *k)
{
    struct script_tcp *t = &k->tcp;
    const struct token first = p->tok;

    t->flags = parse_flags(p, &t->has_ace);
    parse_seq_range(p, &t->seq, &t->end, &t->len);
    if (parse_accept_word(p, "ack"))
        t->ack = parse_value(p, PARSE_U32, "ack");
    if (parse_accept_word(p, "win"))
        t->win = parse_value(p, PARSE_U16, "win");
    else if (k->direction == SCRIPT_IN)
        parse_fail(p, &first, "an inbound segment needs its window: write win NUMBER");
    if (parse_accept_word(p, "urg"))
        t->urg = parse_value(p, PARSE_U16, "urg");
    if (parse_is(p, '<'))
        parse_tcp_options(p, t);
    if (t->any_options && k->direction == SCRIPT_IN)
        parse_fail(p, &first, "<...> is for outbound segments: write the options or none");
}

static void parse_frag(struct parser *p, struct script_packet *k)
{
    const uint32_t ip_max = 65515;
    const struct token first = p->tok;
    const uint32_t n = (uint32_t)parse_number(p, false, 0, ip_max, "the size of a fragment");

    if (!parse_is(p, ':')) {
        if (n < 8 && !p->failed)
            parse_fail(p, &first, "a fragment is too small: 8 bytes are the least");
        k->frag_size = n;
        return;
    }
    for (uint32_t from = n; !p->failed;) {
        struct script_range *r = arena_add(p->arena, &k->frags, &k->frag_count, sizeof(*r));
        const struct token at = p->tok;

        parse_expect(p, ':', "between the ends of a range");
        r->from = from;
        r->to = UINT32_MAX;
        if (p->tok.kind == TOKEN_ELLIPSIS)
            parse_next(p);
        else
            r->to = (uint32_t)parse_number(p, false, 0, ip_max, "the end of a range");
        if (r->to <= r->from || r->from % 8 != 0)
            parse_fail(p, &at, "no range of a fragment: FROM is a multiple of 8, TO is larger");
        if (p->tok.kind != TOKEN_INT)
            break;
        from = (uint32_t)parse_number(p, false, 0, ip_max, "the begin of a range");
    }
}

const struct script_packet *parse_packet(struct parser *p)
{
    struct script_packet *k = arena_get(p->arena, sizeof(*k));
    const struct token first = p->tok;

    if (parse_accept_word(p, "frag"))
        parse_frag(p, k);
    if (parse_accept(p, '<'))
        k->direction = SCRIPT_IN;
    else if (parse_accept(p, '>'))
        k->direction = SCRIPT_OUT;
    else
        parse_fail(p, &p->tok, "no packet: write < for one into the stack, > for one out of it");
    if (k->frag_count > 0 && k->direction == SCRIPT_OUT)
        parse_fail(p, &first, "ranges are for inbound packets: write frag SIZE >");
    p->is_inbound = k->direction == SCRIPT_IN;
    while (!p->failed && parse_encap(p, k))
        ;
    parse_ip_info(p, k);
    if (parse_is_word(p, "psp") || parse_accept_word(p, "encap")) {
        if (!parse_accept_word(p, "psp"))
            parse_fail(p, &p->tok, "unknown encapsulation: write encap psp spi NUMBER");
        k->has_psp = true;
        k->psp_spi = parse_spi(p);
        parse_accept(p, ':');
    }
    parse_ports(p, k);
    if (parse_accept_word(p, "udp")) {
        k->proto = SCRIPT_UDP;
        k->udp_len = parse_len(p);
    } else if (parse_is_word(p, "icmp") || parse_is_word(p, "icmpv6")) {
        k->proto = SCRIPT_ICMP;
        k->icmp.is_v6 = parse_is_word(p, "icmpv6");
        parse_next(p);
        parse_icmp(p, &k->icmp);
    } else {
        k->proto = SCRIPT_TCP;
        parse_tcp(p, k);
    }
    p->is_inbound = false;
    return k;
}
