/*
 * control_sock.c - `sock` and `listen`: connections with all that is known of them, queues and pools.
 *
 * What ss(8) shows has ss's names. Facts of a connection that are numbers stand in one table below; a
 * fact that is missing there is missing everywhere, as stackctl only arranges them. As in
 * control_show.c a long table comes in parts.
 */
#include "control_client.h"

#include <stdio.h>
#include <string.h>

#include "conn_match.h"

/* ---- a connection ---- */

static void sock_words(json_t *o, const struct tcp_status *s)
{
    const struct {
        const char *name;
        bool is_so;
    } words[] = {
        {"ts",                        s->has_ts             },
        {"sack",                      s->has_sack           },
        {"ecn",                       s->has_ecn            },
        {"ecnseen",                   s->ecn_seen           },
        {"wscale",                    s->has_wscale         },
        {"fastopen",                  s->fo_data            },
        {"nodelay",                   s->nodelay            },
        {"cork",                      s->corked             },
        {"orphan",                    s->is_orphan          },
        {"app_limited",               s->app_limited        },
        {"delivery_rate_app_limited", s->rate_is_app_limited},
        {"packed",                    s->is_packed          },
        {"unaccepted",                s->in_accept_queue    },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        json_object_set_new(o, words[i].name, json_boolean(words[i].is_so));
}

static void sock_times(json_t *o, const struct tcp_status *s)
{
    const struct {
        const char *name;
        net_time value;
    } times[] = {
        {"rto_ms",          s->rto                      },
        {"user_timeout_ms", s->user_timeout             },
        {"rtt_ms",          s->srtt                     },
        {"rttvar_ms",       s->rttvar                   },
        {"rcv_rtt_ms",      s->rcv_rtt                  },
        {"minrtt_ms",       s->srtt > 0 ? s->min_rtt : 0},
        {"ato_ms",          s->ato                      },
        {"lastsnd_ms",      s->last_snd                 },
        {"lastrcv_ms",      s->last_rcv                 },
    };

    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        json_object_set_new(o, times[i].name, control_ms(times[i].value));
}

static void sock_numbers(json_t *o, const struct tcp_status *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"mss",            s->mss                    },
        {"pmtu",           s->pmtu                   },
        {"advmss",         s->adv_mss                },
        {"peermss",        s->peer_mss               },
        {"mtu_low",        s->mtu_low                },
        {"mtu_high",       s->mtu_high               },
        {"cwnd",           s->cwnd                   },
        {"ssthresh",       s->ssthresh               },
        {"in_flight",      s->in_flight              },
        {"notsent",        s->not_sent               },
        {"snd_wnd",        s->snd_wnd                },
        {"rcv_wnd",        s->rcv_wnd                },
        {"sndbuf",         s->sndbuf                 },
        {"rcvbuf",         s->rcvbuf                 },
        {"rcv_space",      s->rcv_space              },
        {"quick_acks",     s->quick_acks             },
        {"snd_wscale",     s->snd_wnd_shift          },
        {"rcv_wscale",     s->rcv_wnd_shift          },
        {"bytes_sent",     s->bytes_out              },
        {"bytes_acked",    s->bytes_acked            },
        {"bytes_retrans",  s->rtx_bytes              },
        {"bytes_received", s->bytes_in               },
        {"segs_out",       s->segs_out               },
        {"segs_in",        s->segs_in                },
        {"retrans",        s->rtx_segs               },
        {"backoff",        s->backoff                },
        {"probes",         s->probes                 },
        {"unacked",        s->out_segs               },
        {"sacked",         s->sacked_segs            },
        {"lost",           s->lost_segs              },
        {"rtx_out",        s->rtx_segs_now           },
        {"dsack_dups",     s->dsacks_in              },
        {"undos",          s->undos                  },
        {"dup_in",         s->dup_in                 },
        {"reord_seen",     s->reordering             },
        {"reo_window",     s->reo_window             },
        {"ooo_ranges",     s->ooo_ranges             },
        {"ooo_bytes",      s->ooo_bytes              },
        {"ce_in",          s->ce_in                  },
        {"ece_in",         s->ece_in                 },
        {"delivered",      s->delivered              },
        {"delivered_segs", s->delivered_segs         },
        {"pacing_rate",    s->pacing_rate            },
        {"delivery_rate",  s->delivery_rate          },
        {"urgent_in",      s->urgent_in              },
        {"urgent_out",     s->urgent_out             },
        {"snd_copied",     s->snd_queue - s->snd_lent},
        {"snd_lent",       s->snd_lent               },
        {"snd_mem",        s->snd_mem                },
        {"rcv_mem",        s->rcv_mem                },
        {"snd_una",        s->snd_una.v              },
        {"snd_nxt",        s->snd_nxt.v              },
        {"rcv_nxt",        s->rcv_nxt.v              },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
}

/* What the congestion controller believes. */
static json_t *sock_facts(const struct tcp_status *s)
{
    json_t *o = json_object();

    for (unsigned i = 0; i < s->fact_count; i++) {
        const struct cc_fact *f = &s->facts[i];
        char name[32];

        snprintf(name, sizeof(name), "%s%s", f->name, f->unit == CC_NS ? "_ms" : "");
        json_object_set_new(o, name,
                            f->unit == CC_WORD   ? json_string(f->word)
                            : f->unit == CC_NS   ? control_ms((net_time)f->value)
                            : f->unit == CC_GAIN ? json_real((double)f->value / 1000)
                                                 : json_integer((json_int_t)f->value));
    }
    return o;
}

/* Who in this process has it: a service, a netcat, or nobody yet or any more. */
static const char *sock_owner(const struct stackd *d, uint32_t owner, uint16_t lport, bool is_udp)
{
    for (int i = 0; i < CONTROL_CLIENTS && d->ctl != NULL; i++) {
        const struct client *c = &d->ctl->client[i];

        if (c->fd >= 0 && c->mode == CLIENT_NC && c->nc.sd >= 0 && (uint32_t)c->nc.sd == owner)
            return "nc";
    }
    for (uint32_t i = 0; i < d->app.port_count && owner != READY_NOBODY; i++) {
        const struct app_port *p = &d->app.ports[i];

        if (p->port == lport && p->is_udp == is_udp)
            return app_service_list[p->service]->name;
    }
    return "";
}

static json_t *sock_tcp(const struct stackd *d, const struct tcp_status *s)
{
    static const char *const moods[] = {"open", "disorder", "cwr", "recovery", "loss"};
    json_t *o = json_pack(
        "{s:s,s:o,s:i,s:o,s:i,s:I,s:I,s:s,s:o,s:i}", "state", tcp_state_name(s->state), "local",
        control_ip(s->id.local), "lport", s->id.lport, "remote", control_ip(s->id.remote), "rport",
        s->id.rport, "recv_q", (json_int_t)s->rcv_queue, "send_q", (json_int_t)s->snd_queue,
        "timer", s->timer, "timer_ms", control_ms(s->timer_left), "timer_tries", s->timer_tries);

    json_object_set_new(o, "mem", json_integer(s->mem));
    json_object_set_new(o, "service", json_string(sock_owner(d, s->owner, s->id.lport, false)));
    if (s->cc == NULL)
        return o; /* half-open or TIME-WAIT: that is all there is */
    json_object_set_new(o, "cc", json_string(s->cc));
    json_object_set_new(o, "cc_state", sock_facts(s));
    sock_numbers(o, s);
    json_object_set_new(o, "ca_state", json_string(moods[s->ca_state]));
    sock_words(o, s);
    sock_times(o, s);
    json_t *timers = json_array();

    for (unsigned i = 0; i < s->timer_count; i++)
        json_array_append_new(timers, json_pack("{s:s,s:o}", "name", s->timers[i].name, "ms",
                                                control_ms(s->timers[i].left)));
    json_object_set_new(o, "timers", timers);
    return o;
}

/* ---- filters ---- */

/* An address with a prefix, a port; what is not asked for is 0. */
struct sock_end {
    uint32_t ip, mask;
    json_int_t port;
};

struct sock_filter {
    const json_t *states; /* names; NULL: all */
    struct sock_end src, dst;
};

static bool end_takes(const struct sock_end *e, struct ip_addr ip, uint16_t port)
{
    return (e->mask == 0 || (ip_addr_to_v4(ip) & e->mask) == e->ip) &&
           (e->port == 0 || e->port == port);
}

static bool filter_takes(const struct sock_filter *f, const char *state, const struct tcp_id *id)
{
    const json_t *one;
    size_t i;
    bool takes = f->states == NULL || json_array_size(f->states) == 0;

    json_array_foreach(f->states, i, one) takes =
        takes || strcmp(json_string_value(one), state) == 0;
    return takes && end_takes(&f->src, id->local, id->lport) &&
           end_takes(&f->dst, id->remote, id->rport);
}

/* Return: whether the request makes sense. */
static bool filter_read_end(struct sock_end *e, const json_t *request, const char *ip_key,
                            const char *port_key)
{
    char text[40];
    const char *ip = control_str(request, ip_key), *slash = strchr(ip, '/');
    uint64_t prefix = 32;

    *e = (struct sock_end){.port = json_integer_value(json_object_get(request, port_key))};
    if (*ip == '\0')
        return true;
    snprintf(text, sizeof(text), "%.*s", slash != NULL ? (int)(slash - ip) : 32, ip);
    if (!options_ip(text, &e->ip) || (slash != NULL && !options_number(slash + 1, 0, 32, &prefix)))
        return false;
    e->mask = prefix == 0 ? 0 : ~(uint32_t)0 << (32 - prefix);
    e->ip &= e->mask;
    return true;
}

static bool filter_read(struct sock_filter *f, const json_t *request)
{
    const json_t *one;
    size_t i;

    *f = (struct sock_filter){.states = json_object_get(request, "states")};
    json_array_foreach(f->states, i, one)
    {
        if (!json_is_string(one))
            return false;
    }
    return filter_read_end(&f->src, request, "src", "sport") &&
           filter_read_end(&f->dst, request, "dst", "dport");
}

/* ---- sock ---- */

/* The listener after @l in the table by port, the first for NULL; NULL at the end. */
static const struct tcp_listener *next_listener(const struct tcp *tcp, const struct tcp_listener *l)
{
    const struct hash_node *n = l != NULL ? l->conn.link.next : NULL;
    uint32_t slot = l != NULL ? (l->conn.link.hash & tcp->listeners.mask) + 1 : 0;

    while (n == NULL && slot <= tcp->listeners.mask)
        n = tcp->listeners.slots[slot++];
    return n != NULL ? container_of((uintptr_t)n, const struct tcp_listener, conn.link) : NULL;
}

static void sock_listeners(json_t *rows, const struct stackd *d, const struct sock_filter *f)
{
    const struct tcp_listener *l = NULL;

    while ((l = next_listener(&d->net.tcp, l)) != NULL) {
        if (filter_takes(f, "LISTEN", &l->conn.id))
            json_array_append_new(
                rows, json_pack("{s:s,s:o,s:i,s:s,s:i,s:I,s:I,s:s}", "state", "LISTEN", "local",
                                control_ip(l->conn.id.local), "lport", l->conn.id.lport, "remote",
                                "*", "rport", 0, "recv_q", (json_int_t)l->queued, "send_q",
                                (json_int_t)l->backlog, "service",
                                sock_owner(d, l->ready.owner, l->conn.id.lport, false)));
    }
}

static void sock_udp(json_t *rows, const struct stackd *d, const struct sock_filter *f)
{
    const struct udp *udp = &d->net.udp;

    for (uint32_t i = 0; i < udp->socks.frontier; i++) {
        const struct udp_sock *u = slab_at(&udp->socks, i);
        const char *state = u->rport != 0 ? "CONNECTED" : "BOUND";
        struct tcp_id id = {u->local, u->remote, u->lport, u->rport};

        if (!u->open || u->lport == 0 || !filter_takes(f, state, &id))
            continue;
        json_array_append_new(
            rows,
            json_pack("{s:s,s:o,s:i,s:o,s:i,s:I,s:I,s:I,s:I,s:I,s:s,s:i}", "state", state, "local",
                      control_ip(u->local), "lport", u->lport, "remote", control_ip(u->remote),
                      "rport", u->rport, "recv_q", (json_int_t)u->rcv_used, "send_q", (json_int_t)0,
                      "in", (json_int_t)u->in, "out", (json_int_t)u->out, "dropped",
                      (json_int_t)u->dropped, "service",
                      sock_owner(d, u->ready.owner, u->lport, true), "mem", (int)sizeof(*u)));
    }
}

/* Return: the cursor to go on from, or UINT32_MAX at the end. */
static uint32_t sock_connections(json_t *rows, const struct stackd *d, uint32_t at,
                                 const struct sock_filter *f)
{
    struct tcp_status s;
    size_t room = CONTROL_ROWS;

    while (room > 0 && tcp_each(&d->net.tcp, &at, &s)) {
        if (s.state == TCP_LISTEN || /* shown from their own table */
            !filter_takes(f, tcp_state_name(s.state), &s.id))
            continue;
        json_array_append_new(rows, sock_tcp(d, &s));
        room--;
    }
    return room == 0 ? at : UINT32_MAX;
}

json_t *control_sock(struct client *c, const json_t *request)
{
    const struct stackd *d = c->ctl->d;
    json_int_t from = json_integer_value(json_object_get(request, "from"));
    const char *only = control_str(request, "only");
    json_t *tcp = json_array(), *udp = json_array();
    bool first = from <= 0 || from >= UINT32_MAX;
    json_t *reply = control_ok();
    struct sock_filter f;

    json_object_set_new(reply, "tcp", tcp);
    json_object_set_new(reply, "udp", udp);
    if (!filter_read(&f, request)) {
        json_decref(reply);
        return control_usage("no such filter: an address is A.B.C.D or A.B.C.D/P");
    }
    if (first && strcmp(only, "tcp") != 0)
        sock_udp(udp, d, &f);
    if (strcmp(only, "udp") == 0)
        return reply;
    if (first)
        sock_listeners(tcp, d, &f);
    uint32_t next = sock_connections(tcp, d, first ? 0 : (uint32_t)from, &f);

    if (next != UINT32_MAX)
        json_object_set_new(reply, "next", json_integer(next));
    return reply;
}

/* ---- listen ---- */

static const char *const syn_policies[] = {"drop", "reset", "evict", "cookies"};

static json_t *listen_row(const struct stackd *d, const struct tcp_listener *l)
{
    return json_pack("{s:o,s:i,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "local",
                     control_ip(l->conn.id.local), "lport", l->conn.id.lport, "service",
                     sock_owner(d, l->ready.owner, l->conn.id.lport, false), "queued",
                     (json_int_t)l->queued, "backlog", (json_int_t)l->backlog, "half_open",
                     (json_int_t)l->half_open, "syns", (json_int_t)l->syns, "accepted",
                     (json_int_t)l->accepted, "queue_full", (json_int_t)l->queue_full,
                     "cookies_sent", (json_int_t)l->cookies_sent, "cookies_ok",
                     (json_int_t)l->cookies_ok, "fo_pending", (json_int_t)l->fo_pending, "fo_limit",
                     (json_int_t)tcp_fo_limit(&d->net.tcp, l));
}

static json_t *listen_pool(const char *name, const char *what, const struct slab *s)
{
    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I}", "name", name, "what", what, "len",
                     (json_int_t)s->used, "max", (json_int_t)s->count, "peak", (json_int_t)s->peak,
                     "full", (json_int_t)s->exhausted);
}

/* Every pool that can run dry: what is in use, the most that ever was, and how often it was not enough. */
static json_t *listen_pools(const struct stackd *d)
{
    const struct net *n = &d->net;
    const struct buddy *b = &n->core.bufs;
    const struct {
        const char *name, *what;
        const struct slab *slab;
    } slabs[] = {
        {"connections", "full connection blocks",                &n->tcp.tcbs          },
        {"idle",        "connections that rest, packed",         &n->tcp.idles         },
        {"idle_large",  "the same with timers or a past",        &n->tcp.idle_larges   },
        {"idle_model",  "the same with a model of the path",     &n->tcp.idle_models   },
        {"rare",        "connections with losses, marks, ...",   &n->tcp.rares         },
        {"half_open",   "half-open pool (SYN cache)",            &n->tcp.halves        },
        {"time_wait",   "entries in TIME-WAIT",                  &n->tcp.tws           },
        {"listeners",   "TCP sockets that listen",               &n->tcp.listener_pool },
        {"reassembly",  "connections with data out of order",    &n->tcp.hole_pool     },
        {"sent",        "records of what is in flight",          &n->tcp.sent_pool     },
        {"lent",        "records of memory lent to send queues", &n->tcp.lent_pool     },
        {"udp",         "UDP sockets",                           &n->udp.socks         },
        {"arp",         "neighbours",                            &n->ifs[0].arp.entries},
        {"packets",     "packets of one frame",                  &n->core.pkts.slab    },
        {"bigs",        "packets of 64 KiB",                     &n->core.bigs.slab    },
    };
    json_t *rows = json_array();

    for (size_t i = 0; i < ARRAY_LEN(slabs); i++)
        json_array_append_new(rows, listen_pool(slabs[i].name, slabs[i].what, slabs[i].slab));
    json_array_append_new(rows, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I}", "name", "buffers", "what",
                                          "bytes of socket buffers", "len", (json_int_t)b->used,
                                          "max", (json_int_t)buddy_size(b), "peak",
                                          (json_int_t)b->peak, "full", (json_int_t)b->exhausted));
    return rows;
}

json_t *control_listen(struct client *c, const json_t *request)
{
    const struct stackd *d = c->ctl->d;
    const struct tcp *tcp = &d->net.tcp;
    json_t *reply = control_ok(), *rows = json_array();
    const struct tcp_listener *l = NULL;

    (void)request;
    while ((l = next_listener(tcp, l)) != NULL)
        json_array_append_new(rows, listen_row(d, l));
    json_object_set_new(reply, "listeners", rows);
    json_object_set_new(
        reply, "syn_pool",
        json_pack("{s:I,s:I,s:I,s:s,s:I,s:I,s:I,s:I}", "len", (json_int_t)tcp->halves.used, "max",
                  (json_int_t)tcp->cfg.half_open, "peak", (json_int_t)tcp->halves.peak, "policy",
                  syn_policies[tcp->cfg.syn_policy], "cookies_sent",
                  (json_int_t)tcp->stats.cookies_sent, "cookies_ok",
                  (json_int_t)tcp->stats.cookies_ok, "cookies_bad",
                  (json_int_t)tcp->stats.cookies_bad, "evicted", (json_int_t)tcp->stats.evicted));
    json_object_set_new(reply, "pools", listen_pools(d));
    return reply;
}
