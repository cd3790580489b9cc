/*
 * facts.c - what is known of the connection under test: `? state = X`, `$snd_nxt`, tcpi_ names.
 *
 * The tcpi_ names are those of Linux's struct tcp_info in Linux's units: windows in packets, times
 * in microseconds. Our own facts are in bytes, and times in microseconds, too.
 */
#include <inttypes.h>
#include <string.h>

#include "info.h"
#include "l5_session/sock_priv.h"
#include "run.h"

/* The whole block, when a descriptor leads to it. */
static const struct tcb *fact_tcb(struct run *r, const struct run_flow *f)
{
    for (size_t i = 0; f != NULL && i < r->fd_count; i++) {
        const struct run_fd *d = &r->fds[i];
        const struct sock *k;

        if (d->kind != RUN_FD_SOCK || d->flow != f)
            continue;
        k = sock_awake(r->net.socks, d->sd);
        if (k != NULL && k->state == SOCK_TCP_CONN)
            return k->as.t;
    }
    return NULL;
}

bool fact_read_offset(struct run *r, const struct run_fd *f, uint32_t *offset)
{
    const struct sock *k = sock_awake(r->net.socks, f->sd);

    if (k == NULL || k->state != SOCK_TCP_CONN)
        return false;
    const struct tcb *t = k->as.t;

    *offset = t->rcv_nxt.v - recvq_len(&t->rcv) - t->fin_received - t->irs.v - 1;
    return true;
}

static bool fact_status(struct run *r, const struct run_flow *f, struct tcp_status *s)
{
    const struct tcb *t = fact_tcb(r, f);

    if (t == NULL)
        return flow_status(r, f, s);
    tcp_status(t, s);
    return true;
}

/* Numbers of the block itself, in the script's numbering. */
static bool fact_tcb_value(struct run *r, const struct run_flow *f, const char *name, int64_t *v)
{
    const struct tcb *t = fact_tcb(r, f);

    if (t == NULL)
        return false;
    if (strcmp(name, "snd_una") == 0)
        *v = (uint32_t)(t->snd_una.v - f->local_iss);
    else if (strcmp(name, "snd_nxt") == 0)
        *v = (uint32_t)(t->snd_nxt.v - f->local_iss);
    else if (strcmp(name, "rcv_nxt") == 0)
        *v = (uint32_t)(t->rcv_nxt.v - f->remote_iss);
    else if (strcmp(name, "in_recovery") == 0)
        *v = t->ca_state == TCP_CA_RECOVERY;
    else if (strcmp(name, "dup_acks") == 0)
        *v = t->dup_acks;
    else if (strcmp(name, "timeouts") == 0)
        *v = t->timeouts;
    else if (strcmp(name, "peer_mss") == 0)
        *v = t->peer_mss;
    else if (strcmp(name, "rtx_total") == 0)
        *v = tcp_rare(t)->rtx_total;
    else
        return false;
    return true;
}

/* Numbers of the host. */
static bool fact_host_value(struct run *r, const char *name, int64_t *v)
{
    const struct tcp *tcp = &r->net.tcp;

    if (strcmp(name, "connections") == 0)
        *v = net_connections(&r->net);
    else if (strcmp(name, "half_open") == 0)
        *v = tcp->halves.used;
    else if (strcmp(name, "time_wait") == 0)
        *v = tcp->tws.used;
    else if (strcmp(name, "now_ms") == 0)
        *v = (r->now - r->start) / NET_MS(1);
    else
        return false;
    return true;
}

bool fact_value(struct run *r, const struct run_flow *f, const char *name, int64_t *v)
{
    struct tcp_status s = {0};

    if (fact_host_value(r, name, v) || fact_tcb_value(r, f, name, v))
        return true;
    if (!fact_status(r, f, &s))
        return false;
    const struct {
        const char *name;
        int64_t value;
    } facts[] = {
        {"cwnd",          s.cwnd                },
        {"ssthresh",      s.ssthresh            },
        {"mss",           s.mss                 },
        {"snd_queue",     s.snd_queue           },
        {"rcv_queue",     s.rcv_queue           },
        {"in_flight",     s.in_flight           },
        {"snd_wnd",       s.snd_wnd             },
        {"rcv_wnd",       s.rcv_wnd             },
        {"snd_wnd_shift", s.snd_wnd_shift       },
        {"rcv_wnd_shift", s.rcv_wnd_shift       },
        {"sndbuf",        s.sndbuf              },
        {"rcvbuf",        s.rcvbuf              },
        {"rcv_space",     s.rcv_space           },
        {"rcv_rtt",       s.rcv_rtt / 1000      },
        {"quick_acks",    s.quick_acks          },
        {"srtt",          s.srtt / 1000         },
        {"rttvar",        s.rttvar / 1000       },
        {"rto",           s.rto / 1000          },
        {"min_rtt",       s.min_rtt / 1000      },
        {"backoff",       s.backoff             },
        {"probes",        s.probes              },
        {"urgent_in",     s.urgent_in           },
        {"urgent_out",    s.urgent_out          },
        {"soft_error",    s.soft_error          },
        {"has_ts",        s.has_ts              },
        {"has_sack",      s.has_sack            },
        {"has_wscale",    s.has_wscale          },
        {"timer_left",    s.timer_left / 1000   },
        {"segs_in",       s.segs_in             },
        {"segs_out",      s.segs_out            },
        {"rtx_segs",      s.rtx_segs            },
        {"bytes_in",      (int64_t)s.bytes_in   },
        {"bytes_out",     (int64_t)s.bytes_out  },
        {"bytes_acked",   (int64_t)s.bytes_acked},
    };

    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        if (strcmp(facts[i].name, name) == 0) {
            *v = facts[i].value;
            return true;
        }
    }
    return false;
}

/* ---- checks ---- */

static const char *fact_state(struct run *r, const struct script_check *c, const struct run_flow *f)
{
    struct run_fd *d = c->has_fd ? call_fd(r, c->fd) : r->under_test;
    struct tcp_status s;

    if (c->has_fd && d != NULL && d->is_listening)
        return tcp_state_name(TCP_LISTEN);
    if (fact_status(r, f, &s))
        return tcp_state_name(s.state);
    if (d != NULL && d->is_listening && !c->has_fd && f == NULL)
        return tcp_state_name(TCP_LISTEN);
    return tcp_state_name(TCP_CLOSED);
}

static bool fact_holds(enum script_op op, int64_t a, int64_t b)
{
    switch (op) {
    case SCRIPT_EQ:
        return a == b;
    case SCRIPT_NE:
        return a != b;
    case SCRIPT_LT:
        return a < b;
    case SCRIPT_LE:
        return a <= b;
    case SCRIPT_GT:
        return a > b;
    case SCRIPT_GE:
        return a >= b;
    }
    return false;
}

/* Facts whose value is a word. */
static bool fact_check_word(struct run *r, const struct script_check *c, const struct run_flow *f)
{
    struct tcp_status s = {.cc = "none", .timer = "none"};
    const char *seen;

    if (strcmp(c->fact, "state") == 0) {
        seen = fact_state(r, c, f);
    } else {
        fact_status(r, f, &s);
        if (strcmp(c->fact, "cc") == 0)
            seen = s.cc;
        else if (strcmp(c->fact, "timer") == 0)
            seen = s.timer == NULL || s.timer[0] == '\0' ? "none" : s.timer;
        else
            return run_fail(r, "nothing is known as %s whose value is a word: state, cc or timer",
                            c->fact);
    }
    bool same = strcmp(seen, c->word) == 0;

    if (same == (c->op == SCRIPT_EQ))
        return true;
    return run_fail(r, "check failed: %s is %s", c->fact, seen);
}

bool fact_check(struct run *r, const struct script_event *e)
{
    const struct script_check *c = e->check;
    struct run_fd *d = c->has_fd ? call_fd(r, c->fd) : NULL;
    struct run_flow *f = r->current;
    int64_t seen, expected;

    if (e->peer != NULL) {
        f = flow_of(r, e);
        if (f == NULL)
            return false;
    }
    if (c->has_fd && d != NULL && d->flow != NULL)
        f = d->flow;
    if (c->word != NULL)
        return fact_check_word(r, c, f);
    if (!fact_value(r, f, c->fact, &seen))
        return run_fail(r, "nothing is known as %s of this connection now", c->fact);
    if (c->value.capture != NULL) {
        run_keep(r, c->value.capture, seen);
        return true;
    }
    if (!run_value(r, &c->value, &expected))
        return false;
    if (fact_holds(c->op, seen, expected))
        return true;
    return run_fail(r, "check failed: %s is %" PRId64, c->fact, seen);
}

/* ---- struct tcp_info ---- */

static bool fact_info(struct run *r, const char *name, int64_t *v)
{
    const struct tcb *t = fact_tcb(r, r->current);
    const struct sock *k = t == NULL && r->under_test != NULL && r->current == NULL
                               ? sock_at(r->net.socks, r->under_test->sd)
                               : NULL;
    struct tcp_status s;
    struct info i;

    info_fill(&i, t, k != NULL && k->state == SOCK_TCP_LISTEN ? k->as.l : NULL,
              r->net.ifs[0].eth.mtu);
    if (t == NULL && flow_status(r, r->current, &s)) /* half open, TIME-WAIT, or without a user */
        i.state = info_state(s.state);
    return info_value(&i, name, v);
}

bool fact_tcpi(void *arg, const char *name, int64_t *v)
{
    struct run *r = arg;

    if (strncmp(name, "tcpi_", 5) == 0)
        return fact_info(r, name + 5, v);
    for (size_t i = 0; i < r->name_count; i++) {
        if (strcmp(r->names[i].name, name) == 0) {
            *v = r->names[i].number;
            return true;
        }
    }
    return symbol_value(name, v);
}
