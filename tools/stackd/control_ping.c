/*
 * control_ping.c - `ping`: echo requests from the stack, a JSON line for each fate.
 *
 * The stack's ping client (icmp4.h) remembers what was sent and times the answers; here stand only
 * the rhythm and the end. Lines: {"seq":1,"from":"10.0.0.1","len":56,"ttl":64,"rtt_ms":0.1},
 * {"seq":2,"from":...,"error":"...","type":3,"code":1}, {"seq":3,"error":"no route"}, and at last
 * {"done":true,"sent":3}; who counts and averages is the reader.
 */
#include "control_client.h"

#include <string.h>

enum { PING_INTERVAL_MIN_MS = 1, PING_WAIT_MS = 1000 };

json_t *control_ping(struct client *c, const json_t *request)
{
    struct net *n = &c->ctl->d->net;
    const char *host = control_str(request, "host");
    json_int_t len = json_integer_value(json_object_get(request, "size"));
    json_int_t count = json_integer_value(json_object_get(request, "count"));
    double interval = json_number_value(json_object_get(request, "interval_ms"));
    double wait = json_number_value(json_object_get(request, "wait_ms"));
    uint32_t ip;

    if (!options_ip(host, &ip))
        return control_usage("%.40s is no IPv4 address: try one like 10.0.0.1", host);
    if (len < 0 || len > 65507)
        return control_usage("too large: a ping carries 0 to 65507 bytes");
    if (!(interval >= PING_INTERVAL_MIN_MS && interval <= 3600e3))
        return control_usage("no interval for pings: use 1 ms to an hour");
    struct ip_path path;
    int err = ip_route(&n->ip, ip_addr_v4(ip), IP_ADDR_ANY, &path);

    if (err != 0)
        return control_refuse("`stackctl route' shows what can be reached", "cannot ping %s: %s",
                              host, strerror(-err));
    c->ping = (struct client_ping){
        .dst = ip_addr_v4(ip),
        .id = ++c->ctl->ping_id,
        .len = (uint16_t)len,
        .left = count > 0 && count < UINT32_MAX ? (uint32_t)count : UINT32_MAX,
        .interval = (net_time)(interval * 1e6),
        .wait = wait >= 1 && wait < 86400e3 ? (net_time)(wait * 1e6) : NET_MS(PING_WAIT_MS),
        .next = n->core.now};
    c->mode = CLIENT_PING;
    json_t *reply = control_ok();

    json_object_set_new(reply, "from", control_ip(path.src));
    return reply;
}

static const char *ping_error(uint8_t type, uint8_t code)
{
    static const char *const unreach[] = {"network unreachable",  "host unreachable",
                                          "protocol unreachable", "port unreachable",
                                          "fragmentation needed", "source route failed"};

    if (type == ICMP4_UNREACH && code < ARRAY_LEN(unreach))
        return unreach[code];
    if (type == ICMP4_UNREACH)
        return "destination unreachable";
    if (type == ICMP4_TIME_EXCEEDED)
        return code == ICMP4_TTL ? "time to live exceeded" : "fragments missing";
    return type == ICMP4_PARAM_PROBLEM ? "parameter problem" : "ICMP error";
}

static void ping_report(struct client *c, const struct icmp4_ping_result *r)
{
    json_t *o = json_pack("{s:i,s:o}", "seq", r->seq, "from", control_ip(r->from));

    if (r->is_error) {
        json_object_set_new(o, "error", json_string(ping_error(r->type, r->code)));
        json_object_set_new(o, "type", json_integer(r->type));
        json_object_set_new(o, "code", json_integer(r->code));
    } else {
        json_object_set_new(o, "len", json_integer((json_int_t)r->len));
        json_object_set_new(o, "ttl", json_integer(r->ttl));
        json_object_set_new(o, "rtt_ms", json_real((double)r->rtt / 1e6));
    }
    client_put_json(c, o);
}

void client_ping_run(struct client *c, net_time now)
{
    struct ip_layer *ip = &c->ctl->d->net.ip;
    struct client_ping *p = &c->ping;
    struct icmp4_ping_result r;

    while (icmp4_ping_recv(ip, p->id, &r) == 0) {
        ping_report(c, &r);
        if (p->unanswered > 0)
            p->unanswered--;
    }
    if (now >= p->next && p->left > 0) {
        int err = icmp4_ping_send(ip, p->dst, p->id, ++p->seq, p->len, 0);

        if (err != 0)
            client_put_json(c, json_pack("{s:i,s:s}", "seq", p->seq, "error", strerror(-err)));
        else
            p->unanswered++;
        p->left -= p->left != UINT32_MAX;
        p->next = now + (p->left > 0 ? p->interval : p->wait);
    }
    if (p->left == 0 && (p->unanswered == 0 || now >= p->next)) {
        client_put_json(c, json_pack("{s:b,s:i}", "done", 1, "sent", p->seq));
        client_ping_end(c);
    }
}

net_time client_ping_deadline(const struct client *c)
{
    return c->ping.next;
}

void client_ping_end(struct client *c)
{
    if (c->mode != CLIENT_PING)
        return;
    icmp4_ping_close(&c->ctl->d->net.ip, c->ping.id);
    c->mode = CLIENT_LINES;
}
