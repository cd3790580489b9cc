/*
 * control_show.c - the tables: neigh, route, link, maddr, stats. (control_sock.c has sock and listen.)
 *
 * All numbers are read from the stack's own structures between two rounds, so a reply is one
 * moment of the host. Tables that may be long come in parts of CONTROL_ROWS rows; a part that is
 * not the last has "next", to be sent back as "from".
 */
#include "control_client.h"

#include <stdio.h>
#include <string.h>

json_t *control_ms(net_time t)
{
    return json_real((double)t / 1e6);
}

/* ---- neigh, route, link: the reading part; control_set.c changes them ---- */

json_t *show_neigh(struct client *c, const json_t *request)
{
    const struct stackd *d = c->ctl->d;
    json_int_t from = json_integer_value(json_object_get(request, "from"));
    uint32_t at = from > 0 && from < UINT32_MAX ? (uint32_t)from : 0;
    json_t *reply = control_ok(), *rows = json_array();
    struct arp_info i;
    size_t room = CONTROL_ROWS;

    while (room > 0 && arp_each(&d->net.ifs[0].arp, &at, &i)) {
        json_t *o =
            json_pack("{s:o,s:s,s:s,s:I}", "ip", control_ip(ip_addr_v4(i.ip)), "dev", d->port->name,
                      "state", arp_state_name(i.state), "pending", (json_int_t)i.pending);

        if (!mac_is_zero(i.mac)) { /* before the first answer there is nothing to grow old */
            json_object_set_new(o, "mac", control_mac(i.mac));
            json_object_set_new(o, "age", json_real((double)i.age / 1e9));
        }
        json_array_append_new(rows, o);
        room--;
    }
    json_object_set_new(reply, "neigh", rows);
    if (room == 0)
        json_object_set_new(reply, "next", json_integer(at));
    return reply;
}

json_t *show_route(struct client *c)
{
    const struct stackd *d = c->ctl->d;
    json_t *reply = control_ok(), *rows = json_array();
    const struct route *r;
    uint32_t at = 0;

    while ((r = route_each(&d->net.ip.routes, &at)) != NULL) {
        char to[64];
        struct fmt f = {to, sizeof(to), 0, false};

        if (r->prefix == 0) {
            fmt_str(&f, "default");
        } else {
            fmt_ip(&f, ip_addr_v4(r->dst));
            fmt_char(&f, '/');
            fmt_u64(&f, r->prefix);
        }
        json_t *o = json_pack("{s:o,s:s,s:I}", "to", json_stringn(to, f.len), "dev", d->port->name,
                              "metric", (json_int_t)r->metric);

        if (r->gateway != 0)
            json_object_set_new(o, "via", control_ip(ip_addr_v4(r->gateway)));
        if (ip4_gateway_is_silent(&d->net.ip, r))
            json_object_set_new(o, "silent", json_true());
        json_array_append_new(rows, o);
    }
    json_object_set_new(reply, "route", rows);
    return reply;
}

/* What is known of paths, as `ip route show cache` has it. */
json_t *show_route_cache(struct client *c)
{
    const struct stackd *d = c->ctl->d;
    json_t *reply = control_ok(), *rows = json_array();
    struct pmtu_info i;
    uint32_t at = 0;

    while (pmtu_each(&d->net.ip, &at, &i)) {
        struct ip_path path;
        uint32_t next_hop = i.dst;
        json_t *o =
            json_pack("{s:o,s:s,s:I,s:f}", "to", control_ip(ip_addr_v4(i.dst)), "dev",
                      d->port->name, "mtu", (json_int_t)i.mtu, "expires", (double)i.left / 1e9);

        if (ip4_route(&d->net.ip, i.dst, 0, &path, &next_hop) == 0 && next_hop != i.dst)
            json_object_set_new(o, "via", control_ip(ip_addr_v4(next_hop)));
        json_array_append_new(rows, o);
    }
    json_object_set_new(reply, "route", rows);
    return reply;
}

static json_t *show_addrs(const struct net *n)
{
    static const char *const states[] = {"free", "probing", "ok", "taken"};
    json_t *rows = json_array();
    struct ip_addr_info a;
    uint32_t at = 0;

    while (ip_addr_each(&n->ip, &at, &a))
        json_array_append_new(rows, json_pack("{s:o,s:i,s:s}", "ip", control_ip(ip_addr_v4(a.addr)),
                                              "prefix", a.prefix, "state", states[a.state]));
    return rows;
}

static const char *show_offload(const struct port *p)
{
    if (p->tso)
        return p->uso ? "csum,tso,uso" : "csum,tso";
    return p->csum ? "csum" : "off";
}

json_t *control_link(struct client *c, const json_t *request)
{
    const struct stackd *d = c->ctl->d;
    const struct port *p = d->port;
    const struct eth *e = &d->net.ifs[0].eth;
    json_t *reply = control_ok();

    (void)request;
    json_t *o =
        json_pack("{s:s,s:s,s:o,s:i,s:s,s:s,s:i,s:o}", "name", p->name, "port",
                  p->kind == PORT_TAP ? (p->made ? "tap (made)" : "tap") : "raw", "mac",
                  control_mac(e->mac), "mtu", e->mtu, "offload",
                  show_offload(p), "io",
                  p->ring != NULL ? "uring" : "read", "queues", (int)queues_count(d), "addr",
                  show_addrs(&d->net));

    if (!p->tso) /* else the wire does it */
        json_object_set_new(o, "gro", json_string(p->joins ? "on" : d->opt.gro ? "paused" : "off"));
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"rx_frames",  p->stats.rx_frames                                                   },
        {"rx_bytes",   p->stats.rx_bytes                                                    },
        {"rx_joined",  p->stats.rx_joined                                                   },
        {"rx_dropped", p->stats.rx_too_long + p->stats.rx_no_big + p->stats.rx_bad_vnet +
                           p->stats.rx_kernel_drop                                          },
        {"tx_frames",  p->stats.tx_frames                                                   },
        {"tx_bytes",   p->stats.tx_bytes                                                    },
        {"tx_dropped", p->stats.tx_full + p->stats.tx_error                                 },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    json_object_set_new(reply, "link", json_pack("[o]", o));
    return reply;
}

/* What the interface listens to: the filter of the link, and the groups of IP with their state. */
json_t *control_maddr(struct client *c, const json_t *request)
{
    const struct stackd *d = c->ctl->d;
    const struct net *n = &d->net;
    const struct eth *e = &n->ifs[0].eth;
    json_t *reply = control_ok(), *link = json_array(), *rows = json_array();
    struct igmp_info i;
    uint32_t at = 0;

    (void)request;
    json_array_append_new(link, control_mac(ip4_group_mac(IP4_ALL_HOSTS)));
    for (unsigned k = 0; k < e->group_count; k++)
        json_array_append_new(link, control_mac(e->group[k].mac));
    json_array_append_new(rows, json_pack("{s:o}", "group", control_ip(ip_addr_v4(IP4_ALL_HOSTS))));
    while (igmp_each(&n->ip, &at, &i)) {
        json_t *o = json_pack("{s:o,s:i,s:s,s:b}", "group", control_ip(ip_addr_v4(i.group)),
                              "users", i.users, "state", i.state, "last_reporter", i.last_reporter);

        if (i.report_in > 0)
            json_object_set_new(o, "report_ms", control_ms(i.report_in));
        json_array_append_new(rows, o);
    }
    json_object_set_new(reply, "maddr",
                        json_pack("[{s:s,s:i,s:o,s:o}]", "dev", d->port->name, "igmp",
                                  (int)igmp_version(&n->ip, 0), "link", link, "inet", rows));
    return reply;
}

/* ---- stats ---- */

struct counter {
    const char *name, *sentence;
    uint64_t value;
};

static void show_counters(json_t *rows, const struct counter *k, size_t count, bool all,
                          const char *prefix)
{
    for (size_t i = 0; i < count; i++) {
        if ((all || k[i].value != 0) && strncmp(k[i].name, prefix, strlen(prefix)) == 0)
            json_array_append_new(rows,
                                  json_pack("{s:s,s:I,s:s}", "name", k[i].name, "value",
                                            (json_int_t)k[i].value, "sentence", k[i].sentence));
    }
}

static void show_lower(json_t *rows, const struct stackd *d, bool all, const char *prefix)
{
    const struct port *p = d->port;
    const struct net *n = &d->net;
    const struct ip_layer *ip = &n->ip;
    const struct counter k[] = {
        {"port.rx_frames",         "frames read from the device",                                  p->stats.rx_frames         },
        {"port.rx_bytes",          "bytes of them",                                                p->stats.rx_bytes          },
        {"port.rx_joined",         "of them: segments joined to the one before (GRO)",             p->stats.rx_joined         },
        {"port.tx_frames",         "frames written to the device",                                 p->stats.tx_frames         },
        {"port.tx_bytes",          "bytes of them",                                                p->stats.tx_bytes          },
        {"port.rx_too_long",       "frames longer than any packet",                                p->stats.rx_too_long       },
        {"port.rx_no_big",         "long frames lost as no packet for them was left",              p->stats.rx_no_big         },
        {"port.rx_no_packet",      "times the packet pool was empty: frames waited in the kernel",
         p->stats.rx_no_packet                                                                                                },
        {"port.rx_bad_vnet",       "frames with offload metadata that contradict them",
         p->stats.rx_bad_vnet                                                                                                 },
        {"port.rx_kernel_drop",    "frames the kernel lost for want of buffer",
         p->stats.rx_kernel_drop                                                                                              },
        {"port.tx_full",           "frames lost because the device's queue was full",              p->stats.tx_full           },
        {"port.tx_error",          "frames the device refused",                                    p->stats.tx_error          },
        {"port.handed_over",       "packets given to the next queue, for it or to be passed on",    queues_handed_over(d)      },
        {"eth.rx_frames",          "frames taken by the link layer",                               n->ifs[0].eth.rx_frames    },
        {"eth.tx_frames",          "frames made by the link layer",                                n->ifs[0].eth.tx_frames    },
        {"ip4.rx_datagrams",       "datagrams received",                                           ip->rx_datagrams           },
        {"ip4.tx_datagrams",       "datagrams sent",                                               ip->tx_datagrams           },
        {"ip4.rx_fragments",       "fragments received",                                           ip->rx_fragments           },
        {"ip4.tx_fragments",       "fragments sent",                                               ip->tx_fragments           },
        {"icmp4.rx",               "ICMP messages received",                                       ip->icmp.rx                },
        {"icmp4.tx",               "ICMP messages sent",                                           ip->icmp.tx                },
        {"icmp4.rx_errors",        "ICMP errors received",                                         ip->icmp.rx_errors         },
        {"icmp4.tx_errors",        "ICMP errors sent",                                             ip->icmp.tx_errors         },
        {"igmp.rx",                "IGMP messages received",                                       ip->igmp.stats.rx          },
        {"igmp.rx_queries",        "queries among them",                                           ip->igmp.stats.rx_queries  },
        {"igmp.rx_reports",        "reports of other members",                                     ip->igmp.stats.rx_reports  },
        {"igmp.tx_reports",        "reports sent",                                                 ip->igmp.stats.tx_reports  },
        {"igmp.tx_leaves",         "leaves sent",                                                  ip->igmp.stats.tx_leaves   },
        {"igmp.groups",            "memberships of interfaces in groups",                          ip->igmp.groups.used       },
        {"udp.in",                 "datagrams given to sockets",                                   n->udp.stats.in            },
        {"udp.out",                "datagrams sent",                                               n->udp.stats.out           },
        {"udp.errors_in",          "ICMP errors that reached a socket",                            n->udp.stats.errors_in     },
        {"udp.socks",              "sockets",                                                      n->udp.socks.used          },
        {"pool.packets",           "packets of one frame in use",                                  n->core.pkts.slab.used     },
        {"pool.packets_peak",      "the most that were ever in use",                               n->core.pkts.slab.peak     },
        {"pool.packets_exhausted", "times there was none left",                                    n->core.pkts.slab.exhausted},
        {"pool.bigs",              "packets of a whole datagram in use",                           n->core.bigs.slab.used     },
        {"pool.bigs_exhausted",    "times there was none left",                                    n->core.bigs.slab.exhausted},
        {"pool.buffer_bytes",      "socket buffers in use",                                        n->core.bufs.used          },
        {"pool.buffer_peak",       "the most that was ever in use",                                n->core.bufs.peak          },
        {"pool.buffer_exhausted",  "times there was no buffer",                                    n->core.bufs.exhausted     },
        {"wire.rx_frames",         "frames through the bad wire, inbound",                         d->imp[STACKD_RX].frames   },
        {"wire.rx_full",           "lost because its queue was full",                              d->imp[STACKD_RX].full     },
        {"wire.tx_frames",         "frames through the bad wire, outbound",                        d->imp[STACKD_TX].frames   },
        {"wire.tx_full",           "lost because its queue was full",                              d->imp[STACKD_TX].full     },
    };

    show_counters(rows, k, ARRAY_LEN(k), all, prefix);
}

static void show_tcp_counters(json_t *rows, const struct tcp *t, bool all, const char *prefix)
{
    const struct tcp_stats *s = &t->stats;
    const struct counter k[] = {
        {"tcp.segs_in",              "segments received",                                  s->segs_in             },
        {"tcp.segs_out",             "segments sent",                                      s->segs_out            },
        {"tcp.rsts_out",             "resets sent",                                        s->rsts_out            },
        {"tcp.rtx_segs",             "segments sent again",                                s->rtx_segs            },
        {"tcp.fast_rtx",             "fast retransmits",                                   s->fast_rtx            },
        {"tcp.timeouts",             "retransmission timeouts",                            s->timeouts            },
        {"tcp.opened_active",        "connections opened by us",                           s->opened_active       },
        {"tcp.opened_passive",       "connections accepted",                               s->opened_passive      },
        {"tcp.aborted",              "connections aborted by us",                          s->aborted             },
        {"tcp.failed",               "connections ended by a reset or an error",           s->failed              },
        {"tcp.timed_out",            "connections given up",                               s->timed_out           },
        {"tcp.connections",          "full connection blocks in use",                      t->tcbs.used           },
        {"tcp.idle",                 "connections that rest, packed",                      tcp_idle_count(t)},
        {"tcp.packed",               "blocks packed because the connection rested",        s->packed              },
        {"tcp.unpacked",             "connections at rest that were woken",                s->unpacked            },
        {"tcp.half_open",            "entries of the half-open pool",                      t->halves.used         },
        {"tcp.time_wait",            "entries in TIME-WAIT",                               t->tws.used            },
        {"tcp.syns",                 "SYNs to a listener",                                 s->syns                },
        {"tcp.syn_acks",             "SYN,ACKs sent",                                      s->syn_acks            },
        {"tcp.cookies_sent",         "SYN cookies sent",                                   s->cookies_sent        },
        {"tcp.cookies_ok",           "SYN cookies that came back",                         s->cookies_ok          },
        {"tcp.cookies_bad",          "acknowledgments that were no cookie of ours",        s->cookies_bad         },
        {"tcp.evicted",              "half-open entries that made room",                   s->evicted             },
        {"tcp.accept_full",          "handshakes held back by a full accept queue",        s->accept_full         },
        {"tcp.challenges",           "challenge ACKs sent (RFC 5961)",                     s->challenges          },
        {"tcp.challenges_held_back", "challenge ACKs over the limit",                      s->challenges_held_back},
        {"tcp.time_wait_reused",     "TIME-WAIT entries replaced by a new SYN (RFC 6191)",
         s->time_wait_reused                                                                                      },
        {"tcp.time_wait_evicted",    "TIME-WAIT entries that made room",                   s->time_wait_evicted   },
        {"tcp.ooo_segs",             "segments out of order",                              s->ooo_segs            },
        {"tcp.kept_packets",         "packets that receive queues keep now",               t->kept.packets        },
        {"tcp.kept",                 "packets that they kept instead of a copy, ever",     t->kept.kept           },
        {"tcp.folded",               "of these, copied after all",                         t->kept.folded         },
        {"tcp.tail_probes",          "tail loss probes (RFC 8985)",                        s->tail_probes         },
        {"tcp.undos",                "reductions taken back: nothing was lost",            s->undos               },
        {"tcp.dsacks_in",            "segments the peer got twice",                        s->dsacks_in           },
        {"tcp.dsacks_out",           "segments that came twice, reported",                 s->dsacks_out          },
        {"tcp.paws_drops",           "segments refused by PAWS",                           s->paws_drops          },
        {"tcp.delayed_acks",         "ACKs sent by the delay timer",                       s->delayed_acks        },
        {"tcp.mtu_probes",           "probes of a path's MTU (RFC 4821)",                  s->mtu_probes          },
        {"tcp.mtu_probes_ok",        "that arrived",                                       s->mtu_probes_ok       },
        {"tcp.mtu_probes_lost",      "that did not",                                       s->mtu_probes_lost     },
        {"tcp.mtu_black_holes",      "times long segments had vanished for too long",      s->mtu_black_holes     },
        {"tcp.zero_window_probes",   "probes of a closed window",                          s->zero_window_probes  },
        {"tcp.keepalives",           "probes of an idle connection",                       s->keepalives          },
        {"tcp.fo_offers",            "Fast Open cookies given to clients",                 t->fo.stats.offers     },
        {"tcp.fo_accepted",          "SYNs that a cookie opened a connection for",         t->fo.stats.accepted   },
        {"tcp.fo_bad_cookies",       "SYNs with a wrong cookie",                           t->fo.stats.bad_cookies},
        {"tcp.fo_overflows",         "SYNs with the option beyond the limit",              t->fo.stats.overflows  },
        {"tcp.fo_sent",              "data of our SYNs that were taken",                   t->fo.stats.sent       },
        {"tcp.fo_failed",            "SYNs of ours with the option that went wrong",       t->fo.stats.failed     },
        {"tcp.fo_black_holes",       "pauses of Fast Open for all servers",                t->fo.stats.black_holes},
    };

    show_counters(rows, k, ARRAY_LEN(k), all, prefix);
}

json_t *control_stats(struct client *c, const json_t *request)
{
    const struct stackd *d = c->ctl->d;
    bool all = json_is_true(json_object_get(request, "all"));
    const char *prefix = control_str(request, "prefix");
    json_t *reply = control_ok(), *counters = json_array(), *drops = json_array();
    bool drop_only = strncmp(prefix, "drop", 4) == 0;
    const char *layer = drop_only && prefix[4] == '.' ? prefix + 5 : (drop_only ? "" : prefix);

    show_lower(counters, d, all, prefix);
    show_tcp_counters(counters, &d->net.tcp, all, prefix);
    for (enum verdict v = V_DONE + 1; v < V_COUNT; v++) {
        const struct verdict_info *i = verdict_info(v);
        char name[64];

        snprintf(name, sizeof(name), "%s.%s", i->layer, i->reason);
        if ((all || d->net.core.drops[v] != 0) && strncmp(name, layer, strlen(layer)) == 0)
            json_array_append_new(drops,
                                  json_pack("{s:s,s:s,s:I,s:s}", "layer", i->layer, "reason",
                                            i->reason, "value", (json_int_t)d->net.core.drops[v],
                                            "sentence", i->sentence));
    }
    json_object_set_new(reply, "counters", counters);
    json_object_set_new(reply, "drops", drops);
    return reply;
}
