/*
 * control_explain.c - `find` and `explain`: which connection is meant, and why it is silent; `states`.
 *
 * A connection may be named by any part of it, and there may be a million of them. So `find` looks at a
 * part of the table in one request and says where to go on; the client asks until the end, and then has
 * the one found explained, by its whole name. What an explanation says is tcp_explain.c's.
 */
#include "control_client.h"

#include <ctype.h>
#include <string.h>

#include "l4_transport/tcp_explain.h"

enum { FIND_SLOTS = 16384, FIND_MOST = 32 };

static json_t *explain_name(const struct tcp_id *id)
{
    char text[128];
    struct fmt f = {text, sizeof(text), 0, false};

    fmt_ip_port(&f, id->local, id->lport);
    if (id->rport != 0) {
        fmt_char(&f, '-');
        fmt_ip_port(&f, id->remote, id->rport);
    }
    return json_stringn(text, f.len);
}

static json_t *explain_bad(const json_t *request)
{
    return control_usage("%.60s names no connection: try 10.0.0.2:80-10.0.0.1:40112, an address or "
                         "a port",
                         control_str(request, "conn"));
}

json_t *control_where(struct client *c, const json_t *request)
{
    const struct tcp *tcp = &c->ctl->d->net.tcp;
    json_int_t from = json_integer_value(json_object_get(request, "from"));
    uint32_t at = from > 0 && from < UINT32_MAX ? (uint32_t)from : 0, end;
    struct conn_match m;
    struct tcp_id id;
    enum tcp_state state;

    if (!conn_match_parse(&m, control_str(request, "conn")))
        return explain_bad(request);
    json_t *reply = control_ok(), *rows = json_array();

    end = (at >> 8) + FIND_SLOTS;
    while (at != UINT32_MAX && at >> 8 < end && json_array_size(rows) < FIND_MOST) {
        if (tcp_each_id(tcp, &at, end - (at >> 8), &id, &state) &&
            conn_match(&m, id.local, id.lport, id.remote, id.rport))
            json_array_append_new(rows, json_pack("{s:o,s:s}", "conn", explain_name(&id), "state",
                                                  tcp_state_name(state)));
    }
    json_object_set_new(reply, "found", rows);
    if (at != UINT32_MAX)
        json_object_set_new(reply, "next", json_integer(at));
    return reply;
}

/* How many connections are in which state: of a part of the table, to be added up by the client. */
json_t *control_states(struct client *c, const json_t *request)
{
    const struct tcp *tcp = &c->ctl->d->net.tcp;
    json_int_t from = json_integer_value(json_object_get(request, "from")), count[TCP_STATES] = {0};
    uint32_t at = from > 0 && from < UINT32_MAX ? (uint32_t)from : 0, end = (at >> 8) + FIND_SLOTS;
    json_t *reply = control_ok(), *counts = json_object();
    enum tcp_state state;
    struct tcp_id id;

    while (at != UINT32_MAX && at >> 8 < end) {
        if (tcp_each_id(tcp, &at, end - (at >> 8), &id, &state))
            count[state]++;
    }
    for (enum tcp_state s = 0; s < TCP_STATES; s++)
        json_object_set_new(counts, tcp_state_name(s), json_integer(count[s]));
    json_object_set_new(reply, "states", json_pack("[{s:o}]", "count", counts));
    if (at != UINT32_MAX)
        json_object_set_new(reply, "next", json_integer(at));
    return reply;
}

bool control_conn(struct client *c, const json_t *request, struct tcp_id *id)
{
    const struct tcp *tcp = &c->ctl->d->net.tcp;
    struct tcp_status s;
    struct conn_match m;

    if (!conn_match_parse(&m, control_str(request, "conn")) || !conn_match_is_whole(&m))
        return false;
    for (int first = 0; first < 2; first++) {
        const struct conn_end *local = &m.end[first], *remote = &m.end[!first];

        *id = (struct tcp_id){local->ip, remote->ip, local->port, remote->port};
        if (tcp_status_of(tcp, id, &s))
            return true;
    }
    return false;
}

static json_t *explain_reason(const struct tcp_reason *r)
{
    static const char *const sides[] = {"send", "receive", "life"};
    const struct tcp_reason_info *info = tcp_reason_info(r->kind);
    json_t *o = json_object(), *numbers = json_object();
    char text[512], name[40];
    size_t len = tcp_reason_text(r, text, sizeof(text));

    for (size_t i = 0; i < sizeof(name); i++) { /* as drop reasons are named */
        name[i] = info->name[i] == '_' ? '-' : (char)tolower((unsigned char)info->name[i]);
        if (name[i] == '\0')
            break;
    }
    json_object_set_new(o, "side", json_string(sides[info->side]));
    json_object_set_new(o, "name", json_string(name));
    json_object_set_new(o, "sentence", json_stringn(text, len));
    if (*info->rfc != '\0')
        json_object_set_new(o, "rfc", json_string(info->rfc));
    for (unsigned i = 0; (len = tcp_reason_key(r, i, name, sizeof(name) - 1)) > 0; i++) {
        name[len] = '\0';
        bool is_ip = len > 3 && strcmp(name + len - 3, "_ip") == 0;
        bool is_ms = len > 3 && strcmp(name + len - 3, "_ms") == 0;

        json_object_set_new(numbers, name,
                            is_ip   ? control_ip(r->ip)
                            : is_ms ? control_ms((net_time)r->value[i])
                                    : json_integer((json_int_t)r->value[i]));
    }
    json_object_set_new(o, "numbers", numbers);
    return o;
}

/* "10.0.0.2:80" or ":80", where nobody is connected: the listener. */
static bool explain_listener(struct client *c, const json_t *request, struct tcp_id *id)
{
    const struct tcp *tcp = &c->ctl->d->net.tcp;
    struct tcp_reason none[TCP_REASONS_MAX];
    struct conn_match m;

    if (!conn_match_parse(&m, control_str(request, "conn")) || !m.end[0].has_port ||
        m.end[1].has_ip || m.end[1].has_port)
        return false;
    *id = (struct tcp_id){.local = m.end[0].ip, .lport = m.end[0].port};
    return tcp_explain(tcp, id, none) > 0;
}

json_t *control_explain(struct client *c, const json_t *request)
{
    const struct tcp *tcp = &c->ctl->d->net.tcp;
    struct tcp_reason reasons[TCP_REASONS_MAX];
    struct tcp_status s = {.state = TCP_LISTEN};
    struct conn_match m;
    struct tcp_id id;

    if (!conn_match_parse(&m, control_str(request, "conn")))
        return explain_bad(request);
    if (!control_conn(c, request, &id) && !explain_listener(c, request, &id))
        return control_refuse("`stackctl sock' lists them", "there is no connection %.60s",
                              control_str(request, "conn"));
    if (id.rport != 0)
        (void)tcp_status_of(tcp, &id, &s);
    unsigned count = tcp_explain(tcp, &id, reasons);
    json_t *rows = json_array(), *reply = control_ok();

    for (unsigned i = 0; i < count; i++)
        json_array_append_new(rows, explain_reason(&reasons[i]));
    json_object_set_new(reply, "conn", explain_name(&id));
    json_object_set_new(reply, "state", json_string(tcp_state_name(s.state)));
    json_object_set_new(reply, "reasons", rows);
    return reply;
}
