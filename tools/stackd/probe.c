/*
 * probe.c - what would become of this segment? The machine itself is asked, in a copy of the host.
 *
 * A host is one region of memory and a struct, and reads no clock and no device. So its future can be
 * tried out: the process forks, and the child has the very same host, at the same addresses, without the
 * wire. It puts the frame in where a frame would come in, and watches: which rules it is held against
 * (the trace kind `step`), what happens (all other kinds), what leaves (net_output), and what is different
 * afterwards (tcp_status). Then it is gone, and with it all that happened. So nothing in here knows a
 * rule of TCP, and nothing that is tried out can touch the host that runs.
 *
 * In the child the short cuts of the way in are closed - prediction, the table of flows, the ways that
 * are known - so that every rule is asked. They decide nothing (stack/README.md), tests beside each see to
 * that. What was due before the segment came is let go first and is not shown. The services do not run:
 * it is the answer of the stack that is told, not that of a program.
 *
 * Of the layers below TCP no rule is told one by one: where one refuses, verdict.def has the sentence, and
 * a layer's reasons stand there in the order in which it asks. So it is known how many were passed.
 *
 * Only functions that may be called after fork() in a process with threads are called in the child: the
 * core's, write(2), _exit(2).
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fmt.h"
#include "wire/icmp4.h"
#include "wire/tcp_flags.h"
#include "wire/udp.h"

enum {
    PROBE_LINE = 2048,
    PROBE_FRAMES = 64,
    PROBE_MOST = 32 /* events, and frames, that are told: a full send queue is long */
};

struct probing {
    struct net *n;
    const struct probe *p;
    void (*line)(void *ctx, const char *text, size_t len);
    void *ctx;
    const char *layer, *reason, *sentence; /* the refusal; NULL: none */
    char pass[64];                         /* what is known when the next step follows */
    bool has_step;
    unsigned events, frames; /* seen so far */
};

/* ---- frames ---- */

static struct tcp_id probe_id(const struct probe *p)
{
    return (struct tcp_id){ip_addr_v4(p->dst), ip_addr_v4(p->src), p->dport, p->sport};
}

/* The numbers that would be in order, and the timestamp, where there is such a connection. */
static void probe_fill(struct net *n, const struct probe *p, struct tcp_seg *seg)
{
    struct tcp_id id = probe_id(p);
    struct tcp_status s;

    *seg = p->seg;
    seg->src_port = p->sport;
    seg->dst_port = p->dport;
    seg->data_len = p->len;
    if (!tcp_status_of(&n->tcp, &id, &s) || s.cc == NULL)
        return;
    if (!p->has_seq || p->is_relative)
        seg->seq = seq_add(s.rcv_nxt, p->has_seq ? p->seg.seq.v : 0);
    if ((seg->flags & TCP_ACK) && (!p->has_ack || p->is_relative))
        seg->ack = seq_add(s.snd_nxt, p->has_ack ? p->seg.ack.v : 0);
    if (s.has_ts && !p->has_opts) {
        seg->opt.has_ts = true;
        seg->opt.tsval = s.ts_recent;
    }
}

static uint16_t probe_sum(const struct probe *p, struct pkt *pkt, uint8_t proto, uint32_t l4)
{
    uint32_t len = pkt->off + pkt->len - l4;
    uint64_t pseudo = proto == IP_PROTO_ICMP
                          ? 0
                          : csum_pseudo(ip_addr_v4(p->src), ip_addr_v4(p->dst), proto, len);
    uint16_t sum = (uint16_t)~csum_fold(pkt_csum(pkt, l4, pseudo));

    return (uint16_t)(sum ^ (p->bad_sum ? 0x5a5a : 0));
}

/* The transport header and data. Return: false: it does not fit. */
static bool probe_l4(struct net *n, const struct probe *p, struct pkt *pkt)
{
    uint8_t hdr[TCP_HDR_MAX] = {0};
    uint32_t hdr_len = p->proto == IP_PROTO_UDP ? UDP_HDR_LEN : ICMP4_HDR_LEN, at = TCP_SUM;
    struct tcp_seg seg;

    if (p->proto == IP_PROTO_TCP) {
        probe_fill(n, p, &seg);
        hdr_len = (uint32_t)tcp_emit(&seg, hdr);
    } else if (p->proto == IP_PROTO_UDP) {
        at = UDP_SUM;
        udp_emit(&(struct udp_hdr){p->sport, p->dport, (uint16_t)(UDP_HDR_LEN + p->len), 0}, hdr);
    } else {
        at = ICMP4_SUM;
        icmp4_emit(&(struct icmp4_hdr){.type = ICMP4_ECHO, .word = 1}, hdr);
    }
    if (hdr_len + p->len > pkt_room(pkt))
        return false;
    uint32_t l4 = pkt->off + pkt->len;

    memcpy(pkt_append(pkt, hdr_len), hdr, hdr_len);
    memset(pkt_append(pkt, p->len), 'x', p->len);
    put16(pkt->buf + l4 + at, probe_sum(p, pkt, p->proto, l4));
    return true;
}

static struct mac probe_mac(struct net *n, uint32_t src)
{
    struct arp_info i;
    uint32_t at = 0;

    while (arp_each(&n->ifs[0].arp, &at, &i)) {
        if (i.ip == src && !mac_is_zero(i.mac))
            return i.mac;
    }
    return (struct mac){
        {0x02, 0x00, 0x5e, 0x00, 0x53, 0x01}
    };
}

struct pkt *probe_frame(struct net *n, const struct probe *p)
{
    struct pkt *pkt = net_pkt(n);
    enum { HEAD = ETH_HDR_LEN + IP4_HDR_LEN };
    uint8_t head[HEAD + 4]; /* as ip4_emit() may also write an option */

    if (pkt == NULL)
        return NULL;
    memset(pkt_append(pkt, HEAD), 0, HEAD);
    if (!probe_l4(n, p, pkt)) {
        pkt_release(pkt);
        return NULL;
    }
    struct ip4_hdr ip = {.src = p->src,
                         .dst = p->dst,
                         .total = (uint16_t)(pkt->len - ETH_HDR_LEN),
                         .df = true,
                         .ttl = p->ttl,
                         .proto = p->proto};

    eth_emit(&(struct eth_hdr){.dst = n->ifs[0].eth.mac,
                               .src = probe_mac(n, p->src),
                               .type = ETH_TYPE_IP4},
             head);
    ip4_emit(&ip, head + ETH_HDR_LEN);
    memcpy(pkt_data(pkt), head, HEAD);
    while (pkt->len < ETH_MIN_LEN)
        *pkt_append(pkt, 1) = 0;
    return pkt;
}

/* ---- frames in words ---- */

static void say_tcp(struct fmt *f, const struct tcp_seg *seg, uint32_t len)
{
    const struct tcp_opts *o = &seg->opt;

    fmt_str(f, " [");
    for (unsigned bit = 0; bit < 8; bit++) {
        if (seg->flags >> bit & 1)
            fmt_char(f, "FSRP.UEW"[bit]);
    }
    fmt_str(f, "] seq ");
    fmt_u64(f, seg->seq.v);
    if (seg->flags & TCP_ACK) {
        fmt_str(f, " ack ");
        fmt_u64(f, seg->ack.v);
    }
    fmt_str(f, " win ");
    fmt_u64(f, seg->wnd);
    fmt_str(f, " len ");
    fmt_u64(f, len);
    if (o->has_mss) {
        fmt_str(f, " mss ");
        fmt_u64(f, o->mss);
    }
    if (o->has_wscale) {
        fmt_str(f, " wscale ");
        fmt_u64(f, o->wscale);
    }
    if (o->has_sack_ok)
        fmt_str(f, " sackOK");
    if (o->has_ts) {
        fmt_str(f, " TS ");
        fmt_u64(f, o->tsval);
        fmt_char(f, ':');
        fmt_u64(f, o->tsecr);
    }
    for (unsigned i = 0; i < o->sack_count; i++) {
        fmt_str(f, " sack ");
        fmt_u64(f, o->sack[i].left.v);
        fmt_char(f, ':');
        fmt_u64(f, o->sack[i].right.v);
    }
}

static void say_end(struct fmt *f, uint32_t ip, bool has_port, uint16_t port)
{
    if (has_port)
        fmt_ip_port(f, ip_addr_v4(ip), port);
    else
        fmt_ip(f, ip_addr_v4(ip));
}

static void say_ip4(struct fmt *f, struct span s)
{
    struct ip4_hdr ip;

    if (ip4_parse(&ip, s) != V_NEXT) {
        fmt_str(f, "a datagram that is not sound");
        return;
    }
    struct span l4 = {s.p + ip.hdr_len, ip.total - (uint32_t)ip.hdr_len};
    struct icmp4_hdr icmp;
    struct udp_hdr udp = {0};
    struct tcp_seg tcp = {0};
    bool is_tcp = ip.proto == IP_PROTO_TCP && tcp_parse(&tcp, l4) == V_NEXT;
    bool is_udp = ip.proto == IP_PROTO_UDP && udp_parse(&udp, l4) == V_NEXT;

    say_end(f, ip.src, is_tcp || is_udp, is_tcp ? tcp.src_port : udp.src_port);
    fmt_str(f, " > ");
    say_end(f, ip.dst, is_tcp || is_udp, is_tcp ? tcp.dst_port : udp.dst_port);
    if (is_tcp) {
        say_tcp(f, &tcp, (uint32_t)l4.len - tcp.hdr_len);
    } else if (is_udp) {
        fmt_str(f, " UDP len ");
        fmt_u64(f, udp.len - (uint32_t)UDP_HDR_LEN);
    } else if (ip.proto == IP_PROTO_ICMP && icmp4_parse(&icmp, l4) == V_NEXT) {
        fmt_str(f, " ICMP type ");
        fmt_u64(f, icmp.type);
        fmt_str(f, " code ");
        fmt_u64(f, icmp.code);
    } else {
        fmt_str(f, " protocol ");
        fmt_u64(f, ip.proto);
    }
}

size_t probe_describe(const struct pkt *p, char *out, size_t cap)
{
    static uint8_t frame[PKT_HEADROOM + 65536 + 64];
    struct fmt f = {.p = out, .cap = cap};
    struct span s = {frame, pkt_total(p)};
    struct arp_pkt arp;
    struct eth_hdr eth;

    pkt_copy_out(p, frame);
    if (eth_parse(&eth, s) != V_NEXT)
        return 0;
    s.p += ETH_HDR_LEN;
    s.len -= ETH_HDR_LEN;
    if (eth.type == ETH_TYPE_IP4) {
        say_ip4(&f, s);
    } else if (eth.type == ETH_TYPE_ARP && arp_parse(&arp, s) == V_NEXT) {
        fmt_str(&f, arp.op == 1 ? "ARP who has " : "ARP reply to ");
        fmt_ip(&f, ip_addr_v4(arp.tpa));
        fmt_str(&f, arp.op == 1 ? " tell " : ": I am ");
        fmt_ip(&f, ip_addr_v4(arp.spa));
    }
    return f.len;
}

/* ---- lines ---- */

static struct fmt probe_begin(char *line, const char *what)
{
    struct fmt f = {.p = line, .cap = PROBE_LINE};

    fmt_str(&f, "{\"what\":");
    fmt_json_str(&f, what);
    return f;
}

static void probe_put(struct fmt *f, const char *key, const char *text)
{
    fmt_str(f, ",\"");
    fmt_str(f, key);
    fmt_str(f, "\":");
    fmt_json_str(f, text);
}

static void probe_number(struct fmt *f, const char *key, uint64_t value)
{
    fmt_str(f, ",\"");
    fmt_str(f, key);
    fmt_str(f, "\":");
    fmt_u64(f, value);
}

static void probe_end(const struct probing *g, struct fmt *f)
{
    fmt_char(f, '}');
    if (!f->full)
        g->line(g->ctx, f->p, f->len);
}

static void probe_say(const struct probing *g, const char *what, const char *key, const char *text)
{
    char line[PROBE_LINE];
    struct fmt f = probe_begin(line, what);

    probe_put(&f, key, text);
    probe_end(g, &f);
}

/* ---- watching ---- */

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* A layer of the way in, and how many of its reasons to refuse did not apply. */
static void probe_layer(const struct probing *g, const char *layer)
{
    char line[PROBE_LINE];
    struct fmt f = probe_begin(line, "layer");
    bool refused = g->layer != NULL && same(g->layer, layer);
    uint64_t passed = 0;

    for (enum verdict v = V_DONE + 1; v < V_COUNT; v++) {
        const struct verdict_info *i = verdict_info(v);

        if (!same(i->layer, layer))
            continue;
        if (refused && same(i->reason, g->reason))
            break;
        passed++;
    }
    probe_put(&f, "layer", layer);
    probe_put(&f, "result", refused ? "refused" : "passed");
    probe_number(&f, "checks", passed);
    if (refused)
        probe_put(&f, "why", g->sentence);
    probe_end(g, &f);
}

/* The step before is passed: another follows. */
static void probe_passed(struct probing *g, const char *result)
{
    if (g->has_step && *result != '\0')
        probe_say(g, "result", "result", result);
    g->has_step = false;
}

/* How many were too many to be told. */
static void probe_more(const struct probing *g, const char *what, unsigned count)
{
    char text[64];
    struct fmt f = {.p = text, .cap = sizeof(text) - 1};

    if (count <= PROBE_MOST)
        return;
    fmt_str(&f, "and ");
    fmt_u64(&f, count - PROBE_MOST);
    fmt_str(&f, " more");
    text[f.len] = '\0';
    probe_say(g, what, "text", text);
}

static void probe_event(void *ctx, const struct trace_ev *ev)
{
    struct probing *g = ctx;
    char line[PROBE_LINE], text[PROBE_LINE / 2];
    size_t len;

    if (ev->kind == TRACE_step)
        probe_passed(g, g->pass);
    if (ev->kind == TRACE_drop && g->layer == NULL) {
        g->layer = ev->u.drop.layer;
        g->reason = ev->u.drop.reason;
        g->sentence = ev->why;
        return;
    }
    if (ev->kind != TRACE_step && ++g->events > PROBE_MOST)
        return;
    struct trace_ev shown = *ev;

    if (ev->kind == TRACE_step) {
        g->has_step = true;
        struct fmt pass = {.p = g->pass, .cap = sizeof(g->pass) - 1};

        fmt_str(&pass, ev->u.step.pass);
        g->pass[pass.len] = '\0';
    }
    struct fmt f = probe_begin(line, ev->kind == TRACE_step ? "step" : "event");

    probe_put(&f, "kind", trace_kind_info(ev->kind)->name);
    len = trace_comment(&shown, text, sizeof(text) - 1);
    if (len == 0) { /* no short form: name and fields */
        shown.conn.proto = 0;
        shown.host = "";
        shown.frame = 0;
        len = trace_text(&shown, text, sizeof(text) - 1);
        if (len > 0 && text[len - 1] == '\n')
            len--;
        char *name = memchr(text, ' ', len); /* behind the time */

        if (name != NULL) {
            len -= (size_t)(name - text);
            memmove(text, name, len);
            while (len > 0 && *text == ' ')
                memmove(text, text + 1, --len);
        }
    }
    text[len] = '\0';
    probe_put(&f, "text", text);
    if (ev->kind == TRACE_step) {
        probe_put(&f, "phase", ev->u.step.phase);
        probe_put(&f, "rule", ev->u.step.rule);
        probe_number(&f, "x", ev->u.step.x);
        probe_number(&f, "y", ev->u.step.y);
        probe_number(&f, "z", ev->u.step.z);
    }
    if (ev->why != NULL)
        probe_put(&f, "why", ev->why);
    if (ev->rfc != NULL)
        probe_put(&f, "rfc", ev->rfc);
    probe_end(g, &f);
}

/* ---- what is different afterwards ---- */

/* @before: the state before, NULL: this is it. A connection that has gone is CLOSED; where there was none, and
 * after a passive open that came to nothing (section 3.10.7.4, second), LISTEN meets the next segment. */
static const char *probe_state(const struct probing *g, struct tcp_status *s, const char *before)
{
    struct tcp_id id = probe_id(g->p);

    *s = (struct tcp_status){0};
    bool is_ours = ip_is_local(&g->n->ip, id.local);

    if (g->p->proto != IP_PROTO_TCP || !is_ours)
        return "";
    if (tcp_status_of(&g->n->tcp, &id, s))
        return tcp_state_name(s->state);
    if (before != NULL && !same(before, "LISTEN") && !same(before, "SYN_RCVD"))
        return "CLOSED";
    for (uint32_t i = 0; i < g->n->tcp.listener_pool.frontier; i++) {
        const struct tcp_listener *l = slab_at(&g->n->tcp.listener_pool, i);

        if (l->tcp != NULL && l->conn.state == TCP_LISTEN && l->conn.id.lport == id.lport &&
            (ip_addr_is_any(l->conn.id.local) || ip_addr_eq(l->conn.id.local, id.local)))
            return "LISTEN";
    }
    return "CLOSED";
}

static void probe_changes(const struct probing *g, const struct tcp_status *a,
                          const struct tcp_status *b)
{
    const struct {
        const char *name;
        uint64_t before, after;
    } vars[] = {
        {"RCV.NXT",     seq_dist(a->irs, a->rcv_nxt),                seq_dist(a->irs, b->rcv_nxt)},
        {"SND.UNA",  seq_dist(a->iss,                 a->snd_una),                                   seq_dist(a->iss, b->snd_una)},
        {"SND.NXT",  seq_dist(a->iss,a->snd_nxt),seq_dist(a->iss, b->snd_nxt)},
        {"SND.WND",     a->snd_wnd,    b->snd_wnd                                 },
        {"RCV.WND",  a->rcv_wnd,                 b->rcv_wnd                                  },
        {"receive queue",   a->rcv_queue,               b->rcv_queue},
        {"send queue",   a->snd_queue,  b->snd_queue},
        {"out of order", a->ooo_bytes,  b->ooo_bytes                 },
        {"cwnd", a->cwnd,               b->cwnd                                                },
        {"ssthresh", a->ssthresh,               b->ssthresh                  },
        {"TS.Recent",      a->ts_recent,       b->ts_recent},
        {"sacked",  a->sacked_segs,   b->sacked_segs},
        {"lost", a->lost_segs,          b->lost_segs                                                     },
    };

    if (a->cc == NULL || b->cc == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(vars); i++) {
        char line[PROBE_LINE];
        struct fmt f = probe_begin(line, "change");

        if (vars[i].before == vars[i].after)
            continue;
        probe_put(&f, "name", vars[i].name);
        probe_number(&f, "before", vars[i].before);
        probe_number(&f, "after", vars[i].after);
        probe_end(g, &f);
    }
}

/* ---- the walk ---- */

static void probe_output(struct probing *g, bool is_shown)
{
    struct pkt *out[PROBE_FRAMES];
    size_t count;

    while ((count = net_output(g->n, out, PROBE_FRAMES, g->n->core.now)) > 0) {
        for (size_t i = 0; i < count; i++) {
            char text[PROBE_LINE / 2];
            size_t len = probe_describe(out[i], text, sizeof(text) - 1);

            text[len] = '\0';
            if (is_shown && ++g->frames <= PROBE_MOST)
                probe_say(g, "sent", "text", text);
            pkt_release(out[i]);
        }
    }
}

static void probe_verdict(struct probing *g)
{
    const char *l4 = g->p->proto == IP_PROTO_TCP   ? "tcp"
                     : g->p->proto == IP_PROTO_UDP ? "udp"
                                                   : "icmp4";
    char line[PROBE_LINE];

    probe_passed(g, g->layer == NULL ? "done" : "");
    struct fmt f = probe_begin(line, "verdict");

    probe_put(&f, "layer", g->layer != NULL ? g->layer : l4);
    probe_put(&f, "result", g->layer != NULL ? "refused" : "taken");
    if (g->layer != NULL) {
        probe_put(&f, "reason", g->reason);
        probe_put(&f, "why", g->sentence != NULL ? g->sentence : "");
    }
    probe_end(g, &f);
    if (g->layer != NULL && same(g->layer, "arp"))
        return;
    probe_layer(g, "eth");
    if (g->layer != NULL && same(g->layer, "eth"))
        return;
    probe_layer(g, "ip4");
    if ((g->layer == NULL || !same(g->layer, "ip4")) && !same(l4, "tcp"))
        probe_layer(g, l4);
}

/* The short cuts are closed. */
static void probe_open(struct net *n)
{
    net_set_twins(n, NULL); /* the queue that knows it has been found: no other is asked */
    net_set_tap(n, NULL, NULL);
    n->core.trace = (struct trace){0};
    n->tcp.never_predicts = true;
    memset(n->tcp.flows, 0, sizeof(n->tcp.flows));
    n->core.way_epoch++;
}

void probe_run(struct net *n, const struct probe *p,
               void (*line)(void *ctx, const char *text, size_t len), void *ctx)
{
    struct probing g = {.n = n, .p = p, .line = line, .ctx = ctx};
    struct tcp_status before, after;
    char text[PROBE_LINE / 2];

    probe_open(n);
    probe_output(&g, false);
    struct pkt *pkt = probe_frame(n, p);

    if (pkt == NULL) {
        probe_say(&g, "error", "text", "no packet is free for it");
        return;
    }
    text[probe_describe(pkt, text, sizeof(text) - 1)] = '\0';
    probe_say(&g, "segment", "text", text);
    const char *from = probe_state(&g, &before, NULL);

    n->core.trace = (struct trace){((1u << TRACE_KINDS) - 1) & ~(1u << TRACE_seg), probe_event, &g};
    net_input(n, &pkt, 1, n->core.now);
    probe_verdict(&g);
    probe_output(&g, true);
    n->core.trace = (struct trace){0};
    probe_more(&g, "event", g.events);
    probe_more(&g, "sent", g.frames);
    const char *to = probe_state(&g, &after, from);
    char out[PROBE_LINE];
    struct fmt f = probe_begin(out, "state");

    probe_put(&f, "before", from);
    probe_put(&f, "after", to);
    probe_end(&g, &f);
    probe_changes(&g, &before, &after);
}

/* ---- the child ---- */

static void probe_write(void *ctx, const char *text, size_t len)
{
    char line[PROBE_LINE + 1];
    int fd = *(int *)ctx;

    memcpy(line, text, len);
    line[len++] = '\n';
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, line + at, len - at);

        if (n <= 0 && errno != EINTR)
            _exit(1);
        at += n > 0 ? (size_t)n : 0;
    }
}

void probe_ended(int status, char *out, size_t cap)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(out, cap, "the copy of the host took too long (%d s)", PROBE_SECONDS);
    else
        snprintf(out, cap, "the copy of the host ended early (%s %d): that is a fault of stackd",
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int probe_fork(struct net *n, const struct probe *p, pid_t *pid)
{
    sigset_t alarms;
    int fd[2];

    if (pipe2(fd, O_CLOEXEC) != 0)
        return -errno;
    *pid = fork();
    if (*pid < 0) {
        int err = errno;

        close(fd[0]);
        close(fd[1]);
        return -err;
    }
    if (*pid == 0) {
        signal(SIGALRM, SIG_DFL);
        sigemptyset(&alarms);
        sigaddset(&alarms, SIGALRM);
        pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
        alarm(PROBE_SECONDS); /* whatever it is in */
        probe_run(n, p, probe_write, &fd[1]);
        _exit(0);
    }
    close(fd[1]);
    (void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
    return fd[0];
}
