/*
 * conn_match.c - which connection is meant.
 */
#include "conn_match.h"

#include <string.h>

#include "options.h"

static bool end_port(const char *text, uint16_t *port)
{
    uint64_t v;

    if (!options_number(text, 0, UINT16_MAX, &v))
        return false;
    *port = (uint16_t)v;
    return true;
}

static bool end_parse(struct conn_end *e, char *text)
{
    char *colon = strchr(text, ':');
    uint32_t ip;

    if (colon != NULL)
        *colon = '\0';
    else if (strchr(text, '.') == NULL) /* a port alone */
        return e->has_port = end_port(text, &e->port);
    if (colon != NULL && strcmp(colon + 1, "*") != 0 &&
        !(e->has_port = end_port(colon + 1, &e->port)))
        return false;
    if (*text == '\0' || strcmp(text, "*") == 0)
        return true;
    if (!options_ip(text, &ip))
        return false;
    e->has_ip = true;
    e->ip = ip_addr_v4(ip);
    return true;
}

bool conn_match_parse(struct conn_match *m, const char *text)
{
    char copy[64];
    size_t len = strlen(text);

    *m = (struct conn_match){0};
    if (len == 0 || len >= sizeof(copy))
        return false;
    memcpy(copy, text, len + 1);
    char *dash = strchr(copy, '-');

    if (dash != NULL)
        *dash = '\0';
    return end_parse(&m->end[0], copy) && (dash == NULL || end_parse(&m->end[1], dash + 1));
}

bool conn_match_is_whole(const struct conn_match *m)
{
    return m->end[0].has_ip && m->end[0].has_port && m->end[1].has_ip && m->end[1].has_port;
}

static bool end_is(const struct conn_end *e, struct ip_addr ip, uint16_t port)
{
    return (!e->has_ip || ip_addr_eq(e->ip, ip)) && (!e->has_port || e->port == port);
}

bool conn_match(const struct conn_match *m, struct ip_addr local, uint16_t lport,
                struct ip_addr remote, uint16_t rport)
{
    return (end_is(&m->end[0], local, lport) && end_is(&m->end[1], remote, rport)) ||
           (end_is(&m->end[0], remote, rport) && end_is(&m->end[1], local, lport));
}
