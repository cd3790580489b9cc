/*
 * parse_icmp.c - ICMP messages: the names of types and codes, and the packet they are about.
 *
 * RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1; for ICMPv6 RFC 4443. Any other number
 * can be written as type_N and code_N.
 */
#include "parse.h"
#include <stdlib.h>
#include <string.h>

struct icmp_name {
    const char *name;
    uint8_t type; /* of a code: the type it belongs to */
    uint8_t number;
    bool is_v6;
};

static const struct icmp_name icmp_types[] = {
    {"echo_reply",           0,   0,   false},
    {"unreachable",          3,   3,   false},
    {"source_quench",        4,   4,   false},
    {"redirect",             5,   5,   false},
    {"echo_request",         8,   8,   false},
    {"time_exceeded",        11,  11,  false},
    {"parameter_problem",    12,  12,  false},
    {"timestamp_request",    13,  13,  false},
    {"timestamp_reply",      14,  14,  false},
    {"information_request",  15,  15,  false},
    {"information_reply",    16,  16,  false},
    {"address_mask_request", 17,  17,  false},
    {"address_mask_reply",   18,  18,  false},
    {"unreachable",          1,   1,   true },
    {"packet_too_big",       2,   2,   true },
    {"time_exceeded",        3,   3,   true },
    {"parameter_problem",    4,   4,   true },
    {"echo_request",         128, 128, true },
    {"echo_reply",           129, 129, true },
};

static const struct icmp_name icmp_codes[] = {
    {"net_unreachable",           3,  0,  false},
    {"host_unreachable",          3,  1,  false},
    {"protocol_unreachable",      3,  2,  false},
    {"port_unreachable",          3,  3,  false},
    {"frag_needed",               3,  4,  false},
    {"source_route_failed",       3,  5,  false},
    {"net_unknown",               3,  6,  false},
    {"host_unknown",              3,  7,  false},
    {"source_host_isolated",      3,  8,  false},
    {"net_prohibited",            3,  9,  false},
    {"host_prohibited",           3,  10, false},
    {"net_unreachable_for_tos",   3,  11, false},
    {"host_unreachable_for_tos",  3,  12, false},
    {"packet_filtered",           3,  13, false},
    {"precedence_violation",      3,  14, false},
    {"precedence_cutoff",         3,  15, false},
    {"redirect_for_net",          5,  0,  false},
    {"redirect_for_host",         5,  1,  false},
    {"redirect_for_tos_and_net",  5,  2,  false},
    {"redirect_for_tos_and_host", 5,  3,  false},
    {"ttl_exceeded",              11, 0,  false},
    {"reassembly_time_exceeded",  11, 1,  false},
    {"no_route",                  1,  0,  true },
    {"admin_prohibited",          1,  1,  true },
    {"not_neighbour",             1,  2,  true },
    {"address_unreachable",       1,  3,  true },
    {"port_unreachable",          1,  4,  true },
    {"hop_limit_exceeded",        3,  0,  true },
    {"reassembly_time_exceeded",  3,  1,  true },
    {"header_field",              4,  0,  true },
    {"unknown_next_header",       4,  1,  true },
    {"unknown_option",            4,  2,  true },
};

/* The number in `type_8` or `code_3`. Return: -1 if @word is not of this form. */
static int icmp_numbered(const char *word, const char *prefix)
{
    const size_t n = strlen(prefix);

    if (strncmp(word, prefix, n) != 0 || word[n] == '\0' || strlen(word + n) > 3 ||
        strspn(word + n, "0123456789") != strlen(word + n))
        return -1;
    const int number = atoi(word + n);
    return number <= 255 ? number : -1;
}

static const struct icmp_name *icmp_find(const struct icmp_name *table, size_t count,
                                         const char *word, bool is_v6, int type)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].is_v6 == is_v6 && (type < 0 || table[i].type == type) &&
            strcmp(table[i].name, word) == 0)
            return &table[i];
    }
    return NULL;
}

#define ICMP_COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void parse_icmp_type(struct parser *p, struct script_icmp *m)
{
    const struct token at = p->tok;

    m->type_name = parse_word(p, "the type of the ICMP message, such as unreachable or type_3");
    /* packetdrill takes the family from --ip_version; a name that only ICMPv6 has says the same. */
    const char *version = script_option_value(p->script, "ip_version");
    if (version != NULL && strcmp(version, "ipv6") == 0)
        m->is_v6 = true;
    const int n = icmp_numbered(m->type_name, "type_");
    if (n >= 0) {
        m->type = (uint8_t)n;
        return;
    }
    const struct icmp_name *t =
        icmp_find(icmp_types, ICMP_COUNT(icmp_types), m->type_name, m->is_v6, -1);
    if (t == NULL)
        t = icmp_find(icmp_types, ICMP_COUNT(icmp_types), m->type_name, true, -1);
    if (t == NULL) {
        parse_fail(
            p, &at,
            "unknown ICMP type: write unreachable, time_exceeded, echo_request ... or type_N");
        return;
    }
    m->is_v6 = t->is_v6;
    m->type = t->number;
}

/* A code may follow. A word that is none of this type belongs to what follows the packet. */
static void parse_icmp_code(struct parser *p, struct script_icmp *m)
{
    if (p->tok.kind != TOKEN_WORD || parse_is_word(p, "mtu") || parse_is_word(p, "id") ||
        parse_is_word(p, "peer") || parse_is_word(p, "repeat"))
        return;
    const struct token at = p->tok;
    const char *name = parse_word(p, "the code of the ICMP message");
    const int n = icmp_numbered(name, "code_");
    const struct icmp_name *c =
        icmp_find(icmp_codes, ICMP_COUNT(icmp_codes), name, m->is_v6, m->type);
    if (n < 0 && c == NULL) {
        parse_fail(
            p, &at,
            "unknown code of this ICMP type: write frag_needed, port_unreachable ... or code_N");
        return;
    }
    m->code_name = name;
    m->code = n >= 0 ? (uint8_t)n : c->number;
}

void parse_icmp(struct parser *p, struct script_icmp *m)
{
    parse_icmp_type(p, m);
    parse_icmp_code(p, m);
    if (parse_accept_word(p, "mtu")) {
        m->has_mtu = true;
        m->mtu = (uint32_t)parse_number(p, false, 0, PARSE_U32, "mtu");
    }
    if (parse_accept_word(p, "id")) {
        m->has_id = true;
        m->id = (uint16_t)parse_number(p, false, 0, PARSE_U16, "id");
    }
    if (!parse_accept(p, '['))
        return;
    if (parse_is_word(p, "udp") || parse_is_word(p, "raw")) {
        m->inner = parse_is_word(p, "udp") ? SCRIPT_INNER_UDP : SCRIPT_INNER_RAW;
        parse_next(p);
        m->inner_len = parse_len(p);
    } else {
        m->inner = SCRIPT_INNER_TCP;
        parse_seq_range(p, &m->inner_seq, &m->inner_end, &m->inner_len);
    }
    parse_expect(p, ']', "behind the packet that the message is about");
}
