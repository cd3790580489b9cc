/*
 * http_page.c - the built-in page: what stackd is, and what this one is doing right now.
 *
 * Two forms of the same facts: `/` for people, `/status.json` for programs. The page is made in
 * pieces while it is sent: parts in a fixed order, each a row at a time, with a cursor between two
 * pieces. So ten thousand connections need no buffer of their own, and a reader who takes his time
 * sees rows of different moments, which for this purpose is no harm.
 */
#include "l2_link/arp.h"
#include "l4_transport/tcp.h"
#include "l7_application/http.h"

enum {
    HTTP_ROW_MAX = 1024, /* bytes of one row, generously */
    HTTP_ROWS = 1000     /* of the table of connections; more are only counted */
};

/* ---- text ---- */

static const char http_page_top[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<link rel=\"icon\" href=\"data:,\"><title>stackd</title>\n<style>\n"
    ":root{color-scheme:light dark;--fg:#1c2128;--bg:#fbfbf9;--dim:#667;--line:#dde;--hi:#0b6e99;"
    "--card:#fff}\n"
    "@media(prefers-color-scheme:dark){:root{--fg:#d8dee6;--bg:#14171c;--dim:#8a94a3;--line:#"
    "2b313a;"
    "--hi:#5cc8f2;--card:#1b2027}}\n"
    "body{font:16px/1.55 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:68rem;"
    "margin:0 auto;padding:2.5rem 1.2rem}\n"
    "h1{font-size:2.2rem;margin:0;letter-spacing:-.02em}h1 span{color:var(--hi)}\n"
    "h2{font-size:1.1rem;margin:2.4rem 0 .6rem}p{max-width:44rem}a{color:var(--hi)}\n"
    ".dim{color:var(--dim)}.scroll{overflow-x:auto;background:var(--card);border:1px solid "
    "var(--line);border-radius:8px}\n"
    "table{border-collapse:collapse;width:100%;font-size:.86rem}\n"
    "th,td{text-align:left;padding:.34rem .8rem;border-bottom:1px solid var(--line);"
    "white-space:nowrap}td.w{white-space:normal}\n"
    "tr:last-child td{border-bottom:0}th{color:var(--dim);font-weight:500}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    "code,td.a{font-family:ui-monospace,monospace}\n</style></head><body>\n"
    "<h1>stack<span>d</span></h1>\n"
    "<p>You are talking to a TCP/IP host in user space: Ethernet, ARP, IPv4, ICMP, UDP, TCP and "
    "this "
    "web server are one program, written to be read. Every segment that carried this page was made "
    "by it, and no kernel had a hand in it on this side of the wire.</p>\n";

static void http_html(struct fmt *f, const char *s)
{
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '<':
            fmt_str(f, "&lt;");
            break;
        case '>':
            fmt_str(f, "&gt;");
            break;
        case '&':
            fmt_str(f, "&amp;");
            break;
        case '"':
            fmt_str(f, "&quot;");
            break;
        default:
            fmt_char(f, *s);
        }
    }
}

/* A table begins: its title, and what the columns are called; `*` in front aligns to the right. */
static void http_table(struct fmt *f, const char *title, const char *const *columns)
{
    fmt_str(f, "<h2>");
    fmt_str(f, title);
    fmt_str(f, "</h2>\n<div class=\"scroll\"><table><tr>");
    for (; *columns != NULL; columns++) {
        fmt_str(f, **columns == '*' ? "<th class=\"n\">" : "<th>");
        fmt_str(f, *columns + (**columns == '*' ? 1 : 0));
    }
    fmt_str(f, "\n");
}

static void http_table_end(struct fmt *f, uint32_t rows, const char *if_empty)
{
    if (rows == 0) {
        fmt_str(f, "<tr><td class=\"dim\">");
        fmt_str(f, if_empty);
    }
    fmt_str(f, "</table></div>\n");
}

static void http_td_u64(struct fmt *f, uint64_t v)
{
    fmt_str(f, "<td class=\"n\">");
    fmt_u64(f, v);
}

static void http_td_str(struct fmt *f, const char *class, const char *s)
{
    fmt_str(f, "<td class=\"");
    fmt_str(f, class);
    fmt_str(f, "\">");
    http_html(f, s);
}

/* `"key":` in JSON, with a comma in front unless it is the first of its object. */
static void http_key(struct fmt *f, bool first, const char *key)
{
    if (!first)
        fmt_char(f, ',');
    fmt_json_str(f, key);
    fmt_char(f, ':');
}

static void http_key_u64(struct fmt *f, const char *key, uint64_t v)
{
    http_key(f, false, key);
    fmt_u64(f, v);
}

/* Nanoseconds as milliseconds with one decimal. */
static void http_ms(struct fmt *f, net_time ns)
{
    uint64_t tenths = ns > 0 ? (uint64_t)ns / 100000 : 0;

    fmt_u64(f, tenths / 10);
    fmt_char(f, '.');
    fmt_u64(f, tenths % 10);
}

/* ---- parts: each emits at most a row and returns whether it is finished ---- */

static bool http_part_top(const struct app *a, struct http_page *pg, struct fmt *f)
{
    uint64_t up = (uint64_t)((a->now - a->started) / NET_SEC(1));

    if (pg->is_json) {
        fmt_char(f, '{');
        http_key(f, true, "host");
        fmt_json_str(f, a->env.core->name);
        http_key_u64(f, "uptime_s", up);
        http_key_u64(f, "frames", a->env.core->frames);
        return true;
    }
    fmt_str(f, http_page_top);
    fmt_str(f, "<p class=\"dim\">Host <code>");
    http_html(f, a->env.core->name);
    fmt_str(f, "</code>, up ");
    fmt_u64(f, up / 3600);
    fmt_str(f, " h ");
    fmt_u64(f, up / 60 % 60);
    fmt_str(f, " min ");
    fmt_u64(f, up % 60);
    fmt_str(f, " s. The same as JSON: <a href=\"/status.json\">status.json</a>.</p>\n");
    return true;
}

static void http_conn_json(struct fmt *f, bool first, const struct tcp_status *s)
{
    fmt_str(f, first ? "{" : ",{");
    http_key(f, true, "local");
    fmt_char(f, '"');
    fmt_ip_port(f, s->id.local, s->id.lport);
    fmt_char(f, '"');
    http_key(f, false, "remote");
    fmt_char(f, '"');
    fmt_ip_port(f, s->id.remote, s->id.rport);
    fmt_char(f, '"');
    http_key(f, false, "state");
    fmt_json_str(f, tcp_state_name(s->state));
    http_key_u64(f, "bytes_in", s->bytes_in);
    http_key_u64(f, "bytes_out", s->bytes_out);
    http_key_u64(f, "in_flight", s->in_flight);
    http_key_u64(f, "cwnd", s->cwnd);
    http_key_u64(f, "rtx_segs", s->rtx_segs);
    http_key_u64(f, "srtt_ns", s->srtt > 0 ? (uint64_t)s->srtt : 0);
    fmt_char(f, '}');
}

static void http_conn_html(struct fmt *f, const struct tcp_status *s)
{
    fmt_str(f, "<tr><td class=\"a\">");
    fmt_ip_port(f, s->id.local, s->id.lport);
    fmt_str(f, "<td class=\"a\">");
    fmt_ip_port(f, s->id.remote, s->id.rport);
    http_td_str(f, "a", tcp_state_name(s->state));
    http_td_u64(f, s->bytes_in);
    http_td_u64(f, s->bytes_out);
    http_td_u64(f, s->cwnd);
    fmt_str(f, "<td class=\"n\">");
    http_ms(f, s->srtt);
    http_td_u64(f, s->rtx_segs);
    fmt_str(f, "\n");
}

static bool http_part_conns(const struct app *a, struct http_page *pg, struct fmt *f)
{
    static const char *const columns[] = {"local",     "remote",     "state",
                                          "*bytes in", "*bytes out", "*window",
                                          "*RTT ms",   "*resent",    NULL};
    struct tcp_status s;
    bool begins = pg->rows == 0 && pg->at == 0;

    if (begins && pg->is_json)
        fmt_str(f, ",\"connections\":[");
    else if (begins)
        http_table(f, "Connections", columns);
    if (a->env.tcp != NULL && pg->rows < HTTP_ROWS && tcp_each(a->env.tcp, &pg->at, &s)) {
        if (pg->is_json)
            http_conn_json(f, pg->rows == 0, &s);
        else
            http_conn_html(f, &s);
        pg->rows++;
        return false;
    }
    uint32_t at = pg->at;
    bool is_cut = pg->rows == HTTP_ROWS && tcp_each(a->env.tcp, &at, &s);

    if (pg->is_json) {
        fmt_str(f, is_cut ? "],\"connections_cut\":true" : "],\"connections_cut\":false");
        return true;
    }
    http_table_end(f, pg->rows, "none");
    if (is_cut)
        fmt_str(f, "<p class=\"dim\">There are more: only the first thousand are shown.</p>\n");
    return true;
}

static bool http_part_neighbours(const struct app *a, struct http_page *pg, struct fmt *f)
{
    static const char *const columns[] = {"address", "MAC", "state", "*age s", NULL};
    struct arp_info n;
    bool begins = pg->rows == 0 && pg->at == 0;

    if (begins && pg->is_json)
        fmt_str(f, ",\"neighbours\":[");
    else if (begins)
        http_table(f, "Neighbours (ARP)", columns);
    if (a->env.arp == NULL || pg->rows == HTTP_ROWS || !arp_each(a->env.arp, &pg->at, &n)) {
        if (pg->is_json)
            fmt_char(f, ']');
        else
            http_table_end(f, pg->rows, "none");
        return true;
    }
    uint64_t age = n.age > 0 ? (uint64_t)(n.age / NET_SEC(1)) : 0;

    if (pg->is_json) {
        fmt_str(f, pg->rows == 0 ? "{" : ",{");
        http_key(f, true, "ip");
        fmt_char(f, '"');
        fmt_ip(f, ip_addr_v4(n.ip));
        fmt_str(f, "\",\"mac\":\"");
        fmt_mac(f, n.mac);
        fmt_str(f, "\",\"state\":");
        fmt_json_str(f, arp_state_name(n.state));
        http_key_u64(f, "age_s", age);
        fmt_char(f, '}');
    } else {
        fmt_str(f, "<tr><td class=\"a\">");
        fmt_ip(f, ip_addr_v4(n.ip));
        fmt_str(f, "<td class=\"a\">");
        fmt_mac(f, n.mac);
        http_td_str(f, "a", arp_state_name(n.state));
        http_td_u64(f, age);
        fmt_str(f, "\n");
    }
    pg->rows++;
    return false;
}

static const struct http_counter {
    const char *key, *sentence;
    size_t at;
    bool of_app; /* in struct app_stats, else in struct tcp_stats */
} http_counters[] = {
#define TCP_COUNTER(key, sentence)                                                                 \
    {                                                                                              \
#key, sentence, offsetof(struct tcp_stats, key), false                                     \
    }
#define APP_COUNTER(key, sentence)                                                                 \
    {                                                                                              \
#key, sentence, offsetof(struct app_stats, key), true                                      \
    }
    TCP_COUNTER(segs_in, "TCP segments received"),
    TCP_COUNTER(segs_out, "TCP segments sent"),
    TCP_COUNTER(rtx_segs, "TCP segments sent again"),
    TCP_COUNTER(rsts_out, "resets sent"),
    TCP_COUNTER(opened_passive, "connections that others opened"),
    TCP_COUNTER(opened_active, "connections opened from here"),
    TCP_COUNTER(failed, "connections that ended with a reset or an error"),
    TCP_COUNTER(aborted, "connections that we reset"),
    TCP_COUNTER(timed_out, "connections given up because nothing came back"),
    TCP_COUNTER(cookies_sent, "SYN cookies sent because the half-open pool was full"),
    TCP_COUNTER(cookies_ok, "SYN cookies that came back"),
    TCP_COUNTER(accept_full, "handshakes delayed by a full accept queue"),
    TCP_COUNTER(fast_rtx, "losses noticed by duplicate acknowledgments"),
    TCP_COUNTER(timeouts, "losses noticed by the retransmission timer"),
    TCP_COUNTER(challenges, "challenge ACKs sent"),
    APP_COUNTER(accepted, "connections the services took"),
    APP_COUNTER(evicted, "idle connections that made room for newer ones"),
    APP_COUNTER(requests, "HTTP requests"),
    APP_COUNTER(datagrams, "UDP requests"),
#undef TCP_COUNTER
#undef APP_COUNTER
};

static bool http_part_counters(const struct app *a, struct http_page *pg, struct fmt *f)
{
    static const char *const columns[] = {"*count", "what", NULL};

    if (pg->at == 0 && pg->is_json)
        fmt_str(f, ",\"counters\":{");
    else if (pg->at == 0)
        http_table(f, "Counters", columns);
    if (pg->at == ARRAY_LEN(http_counters)) {
        if (pg->is_json)
            fmt_char(f, '}');
        else
            http_table_end(f, 1, "");
        return true;
    }
    const struct http_counter *k = &http_counters[pg->at++];

    if (!k->of_app && a->env.tcp == NULL)
        return false;
    const uint8_t *from =
        k->of_app ? (const uint8_t *)&a->stats : (const uint8_t *)&a->env.tcp->stats;
    uint64_t v;

    memcpy(&v, from + k->at, sizeof(v));
    if (pg->is_json) {
        http_key(f, pg->rows++ == 0, k->key);
        fmt_u64(f, v);
        return false;
    }
    fmt_str(f, "<tr>");
    http_td_u64(f, v);
    http_td_str(f, "w", k->sentence);
    fmt_str(f, "\n");
    return false;
}

static bool http_part_drops(const struct app *a, struct http_page *pg, struct fmt *f)
{
    static const char *const columns[] = {"*count", "layer", "reason", "why", NULL};

    if (pg->at == 0) {
        pg->at = V_DONE + 1;
        if (pg->is_json)
            fmt_str(f, ",\"drops\":[");
        else
            http_table(f, "Refused packets", columns);
    }
    while (pg->at < V_COUNT && a->env.core->drops[pg->at] == 0)
        pg->at++;
    if (pg->at == V_COUNT) {
        if (pg->is_json)
            fmt_char(f, ']');
        else
            http_table_end(f, pg->rows, "none so far");
        return true;
    }
    const struct verdict_info *why = verdict_info((enum verdict)pg->at);
    uint64_t count = a->env.core->drops[pg->at++];

    if (pg->is_json) {
        fmt_str(f, pg->rows++ == 0 ? "{" : ",{");
        http_key(f, true, "layer");
        fmt_json_str(f, why->layer);
        http_key(f, false, "reason");
        fmt_json_str(f, why->reason);
        http_key_u64(f, "count", count);
        http_key(f, false, "why");
        fmt_json_str(f, why->sentence);
        fmt_char(f, '}');
        return false;
    }
    pg->rows++;
    fmt_str(f, "<tr>");
    http_td_u64(f, count);
    http_td_str(f, "a", why->layer);
    http_td_str(f, "a", why->reason);
    http_td_str(f, "w", why->sentence);
    fmt_str(f, "\n");
    return false;
}

static bool http_part_end(const struct app *a, struct http_page *pg, struct fmt *f)
{
    (void)a;
    fmt_str(f, pg->is_json ? "}\n" : "</body></html>\n");
    return true;
}

/* ---- what http.c calls ---- */

void http_page_find(const struct http_request *r, struct http_answer *out, struct http_page *page)
{
    static const char json[] = "/status.json";

    *page = (struct http_page){0};
    *out = (struct http_answer){.status = 200, .source = HTTP_FROM_PAGE, .handle = -1};
    out->type = "text/html; charset=utf-8";
    if (r->path.len == 1)
        return;
    if (r->path.len == sizeof(json) - 1 && memcmp(r->path.p, json, r->path.len) == 0) {
        page->is_json = true;
        out->type = "application/json";
        return;
    }
    char path[HTTP_PATH_MAX];
    bool is_dir;

    out->source = HTTP_FROM_TEXT;
    out->status = http_path(r->path, path, sizeof(path), &is_dir) == 0 ? 404 : 400;
}

bool http_page_piece(const struct app *a, struct http_page *page, struct fmt *f)
{
    static bool (*const parts[])(const struct app *, struct http_page *, struct fmt *) = {
        http_part_top,      http_part_conns, http_part_neighbours,
        http_part_counters, http_part_drops, http_part_end,
    };

    while (f->cap - f->len >= HTTP_ROW_MAX) {
        if (!parts[page->step](a, page, f))
            continue;
        page->at = page->rows = 0;
        if (++page->step == ARRAY_LEN(parts))
            return false;
    }
    return true;
}
