/*
 * tcp_fsm.c - the state machine: RFC 9293, Figure 5.
 *
 *                          +---------+ ---------\      active OPEN
 *                          |  CLOSED |            \    -----------
 *                          +---------+<---------\   \   create TCB
 *                            |     ^              \   \  snd SYN
 *               passive OPEN |     |   CLOSE        \   \
 *               ------------ |     | ----------       \   \
 *                create TCB  |     | delete TCB         \   \
 *                            V     |                      \   \
 *        rcv RST (note 1)  +---------+            CLOSE    |    \
 *     -------------------->|  LISTEN |          ---------- |     |
 *    /                     +---------+          delete TCB |     |
 *   /           rcv SYN      |     |                       |     |
 *  /           -----------   |     |                       |     V
 * +--------+   snd SYN,ACK  /       \                     +--------+
 * |        |<-----------------       --                   |        |
 * |  SYN   |                    rcv SYN                   |  SYN   |
 * |  RCVD  |<---------------------------------------------|  SENT  |
 * |        |                  snd SYN,ACK                 |        |
 * |        |------------------           -----------------|        |
 * +--------+   rcv ACK of SYN  \       /  rcv SYN,ACK     +--------+
 *    |         --------------   |     |   -----------
 *    |                x         |     |     snd ACK
 *    |                          V     V
 *    |  CLOSE                 +---------+
 *    | -------                |  ESTAB  |
 *    | snd FIN                +---------+
 *    |                 CLOSE    |     |    rcv FIN
 *    V                -------   |     |    -------
 * +---------+         snd FIN  /       \   snd ACK         +---------+
 * |  FIN    |<----------------          ------------------>|  CLOSE  |
 * | WAIT-1  |------------------                            |   WAIT  |
 * +---------+          rcv FIN  \                          +---------+
 *   | rcv ACK of FIN   -------   |                          CLOSE  |
 *   | --------------   snd ACK   |                         ------- |
 *   V        x                   V                         snd FIN V
 * +---------+               +---------+                    +---------+
 * |FINWAIT-2|               | CLOSING |                    | LAST-ACK|
 * +---------+               +---------+                    +---------+
 *   |              rcv ACK of FIN |                 rcv ACK of FIN |
 *   |  rcv FIN     -------------- |    Timeout=2MSL -------------- |
 *   |  -------            x       V    ------------        x       V
 *    \ snd ACK              +---------+delete TCB          +---------+
 *      -------------------->|TIME-WAIT|------------------->| CLOSED  |
 *                           +---------+                    +---------+
 *
 * Figure is data: one row per arrow, and tcp_event() is the only function that takes one. A row
 * that does not exist is an assertion, since no input can ask for it. The figure's arrow from
 * LISTEN by SEND is not offered by the socket calls above us (connect() on a listening socket is
 * refused), so it has no row. FIN-WAIT-1 that receives FIN and the ACK of its own FIN in one
 * segment takes two arrows, as section 3.10.7.4 does it: fifth the ACK, eighth the FIN.
 *
 * Arrows that we take by our own doing (snd SYN, close, abort) wait in the connection until the
 * segment that shows them becomes a frame: so the trace can name the frame, and a capture can carry
 * the arrow as its comment.
 */
#include "l4_transport/tcp_priv.h"

static const struct tcp_arrow {
    enum tcp_state from;
    enum tcp_event_kind event;
    enum tcp_state to;
} tcp_arrows[] = {
    {TCP_CLOSED,      TCP_EV_OPEN_PASSIVE,   TCP_LISTEN     },
    {TCP_CLOSED,      TCP_EV_OPEN_ACTIVE,    TCP_SYN_SENT   },
    {TCP_LISTEN,      TCP_EV_RCV_SYN,        TCP_SYN_RCVD   },
    {TCP_LISTEN,      TCP_EV_DELETE,         TCP_CLOSED     },
    {TCP_SYN_SENT,    TCP_EV_RCV_SYN,        TCP_SYN_RCVD   },
    {TCP_SYN_SENT,    TCP_EV_RCV_SYN_ACK,    TCP_ESTABLISHED},
    {TCP_SYN_SENT,    TCP_EV_DELETE,         TCP_CLOSED     },
    {TCP_SYN_RCVD,    TCP_EV_RCV_ACK_OF_SYN, TCP_ESTABLISHED},
    {TCP_SYN_RCVD,    TCP_EV_CLOSE,          TCP_FIN_WAIT_1 },
    {TCP_SYN_RCVD,    TCP_EV_CHILD_RST,      TCP_LISTEN     }, /* note 1: only after a passive OPEN */
    {TCP_ESTABLISHED, TCP_EV_CLOSE,          TCP_FIN_WAIT_1 },
    {TCP_ESTABLISHED, TCP_EV_RCV_FIN,        TCP_CLOSE_WAIT },
    {TCP_FIN_WAIT_1,  TCP_EV_RCV_ACK_OF_FIN, TCP_FIN_WAIT_2 },
    {TCP_FIN_WAIT_1,  TCP_EV_RCV_FIN,        TCP_CLOSING    },
    {TCP_FIN_WAIT_2,  TCP_EV_RCV_FIN,        TCP_TIME_WAIT  },
    {TCP_CLOSING,     TCP_EV_RCV_ACK_OF_FIN, TCP_TIME_WAIT  },
    {TCP_CLOSE_WAIT,  TCP_EV_CLOSE,          TCP_LAST_ACK   },
    {TCP_LAST_ACK,    TCP_EV_RCV_ACK_OF_FIN, TCP_CLOSED     },
    {TCP_TIME_WAIT,   TCP_EV_2MSL,           TCP_CLOSED     },

 /* ---- below: what the figure omits for clarity ---- */

  /* ABORT, section 3.10.5. */
    {TCP_SYN_SENT,    TCP_EV_ABORT,          TCP_CLOSED     },
    {TCP_SYN_RCVD,    TCP_EV_ABORT,          TCP_CLOSED     },
    {TCP_ESTABLISHED, TCP_EV_ABORT,          TCP_CLOSED     },
    {TCP_FIN_WAIT_1,  TCP_EV_ABORT,          TCP_CLOSED     },
    {TCP_FIN_WAIT_2,  TCP_EV_ABORT,          TCP_CLOSED     },
    {TCP_CLOSE_WAIT,  TCP_EV_ABORT,          TCP_CLOSED     },
    {TCP_CLOSING,     TCP_EV_ABORT,          TCP_CLOSED     },
    {TCP_LAST_ACK,    TCP_EV_ABORT,          TCP_CLOSED     },
 /* A reset came, section 3.10.7.4, second. TIME-WAIT ignores it (RFC 1337). */
    {TCP_SYN_SENT,    TCP_EV_RCV_RST,        TCP_CLOSED     },
    {TCP_SYN_RCVD,    TCP_EV_RCV_RST,        TCP_CLOSED     },
    {TCP_ESTABLISHED, TCP_EV_RCV_RST,        TCP_CLOSED     },
    {TCP_FIN_WAIT_1,  TCP_EV_RCV_RST,        TCP_CLOSED     },
    {TCP_FIN_WAIT_2,  TCP_EV_RCV_RST,        TCP_CLOSED     },
    {TCP_CLOSE_WAIT,  TCP_EV_RCV_RST,        TCP_CLOSED     },
    {TCP_CLOSING,     TCP_EV_RCV_RST,        TCP_CLOSED     },
    {TCP_LAST_ACK,    TCP_EV_RCV_RST,        TCP_CLOSED     },
 /* A SYN in the window of a passive half-open connection, section 3.10.7.4, fourth. */
    {TCP_SYN_RCVD,    TCP_EV_CHILD_SYN,      TCP_LISTEN     },
 /* User timeout and R2, section 3.10.8; orphans in FIN-WAIT-2. */
    {TCP_SYN_SENT,    TCP_EV_TIMEOUT,        TCP_CLOSED     },
    {TCP_SYN_RCVD,    TCP_EV_TIMEOUT,        TCP_CLOSED     },
    {TCP_ESTABLISHED, TCP_EV_TIMEOUT,        TCP_CLOSED     },
    {TCP_FIN_WAIT_1,  TCP_EV_TIMEOUT,        TCP_CLOSED     },
    {TCP_FIN_WAIT_2,  TCP_EV_TIMEOUT,        TCP_CLOSED     },
    {TCP_CLOSE_WAIT,  TCP_EV_TIMEOUT,        TCP_CLOSED     },
    {TCP_CLOSING,     TCP_EV_TIMEOUT,        TCP_CLOSED     },
    {TCP_LAST_ACK,    TCP_EV_TIMEOUT,        TCP_CLOSED     },
 /* An ICMP error that cannot be soft: only before the connection is synchronized (RFC 5461). */
    {TCP_SYN_SENT,    TCP_EV_ICMP,           TCP_CLOSED     },
    /* The next hop does not answer ARP. */
    {TCP_SYN_SENT,    TCP_EV_UNREACHABLE,    TCP_CLOSED     },
 /* The third segment brought back everything we had not kept (RFC 4987 section 3.6). */
    {TCP_LISTEN,      TCP_EV_COOKIE,         TCP_ESTABLISHED},
 /* Pools that are full make room (RFC 4987 section 3.2). */
    {TCP_SYN_RCVD,    TCP_EV_EVICTED,        TCP_CLOSED     },
    {TCP_TIME_WAIT,   TCP_EV_EVICTED,        TCP_CLOSED     },
 /* A new SYN that cannot be an old duplicate (RFC 6191), MAY-2. */
    {TCP_TIME_WAIT,   TCP_EV_REUSED,         TCP_CLOSED     },
};

/* The words on the arrows, and who takes them: `ours` waits for the segment that shows it. */
static const struct tcp_event_info {
    const char *cause, *why, *rfc;
    bool ours;
} tcp_event_infos[TCP_EVENTS] = {
    [TCP_EV_OPEN_PASSIVE] = {"passive open",      "a service waits for connections",                          "RFC 9293 3.10.1",
                             false                                                                                                      },
    [TCP_EV_OPEN_ACTIVE] = {"snd SYN",           "the user connects: a SYN asks for the peer's agreement",
                             "RFC 9293 3.10.1",                                                                                    true },
    [TCP_EV_RCV_SYN] = {"rcv SYN",           "somebody asks for a connection: a SYN,ACK agrees",
                             "RFC 9293 3.10.7.2",                                                                                  false},
    [TCP_EV_RCV_SYN_ACK] = {"rcv SYN,ACK",
                             "the peer agrees: both sides know each other's first number",                    "RFC 9293 3.10.7.3", false},
    [TCP_EV_RCV_ACK_OF_SYN] = {"rcv ACK of SYN",
                             "our SYN is acknowledged: both directions are open",                             "RFC 9293 3.10.7.4", false},
    [TCP_EV_CLOSE] = {"close",             "the user has nothing more to send: a FIN says so",
                             "RFC 9293 3.10.4",                                                                                    true },
    [TCP_EV_DELETE] = {"close",             "the user gives up before there is a connection",           "RFC 9293 3.10.4",
                             false                                                                                                      },
    [TCP_EV_RCV_FIN] = {"rcv FIN",           "the peer has nothing more to send",                        "RFC 9293 3.10.7.4", false},
    [TCP_EV_RCV_ACK_OF_FIN] = {"rcv ACK of FIN",    "the peer knows that we are done sending",
                             "RFC 9293 3.10.7.4",                                                                                  false},
    [TCP_EV_2MSL] = {"2MSL",              "no segment of this connection can be alive any more",
                             "RFC 9293 3.10.8",                                                                                    false},
    [TCP_EV_ABORT] = {"abort",             "the user gives the connection up: a RST says so",          "RFC 9293 3.10.5",
                             true                                                                                                       },
    [TCP_EV_RCV_RST] = {"rcv RST",           "the peer gave the connection up, or never had it",
                             "RFC 9293 3.10.7.4",                                                                                  false},
    [TCP_EV_CHILD_RST] = {"rcv RST",
                             "the peer gave up before the handshake was done: back to waiting",               "RFC 9293 3.10.7.4", false},
    [TCP_EV_CHILD_SYN] = {"rcv SYN",           "the peer started anew: this half-open connection is void",
                             "RFC 9293 3.10.7.4",                                                                                  false},
    [TCP_EV_TIMEOUT] = {"timeout",           "the peer did not answer for too long",                     "RFC 9293 3.10.8",
                             false                                                                                                      },
    [TCP_EV_COOKIE] = {"rcv ACK of cookie", "the acknowledgment carries the SYN cookie we sent",
                             "RFC 4987 3.6",                                                                                       false},
    [TCP_EV_EVICTED] = {"evicted",           "the pool was full and this was its oldest entry",
                             "RFC 4987 3.2",                                                                                       false},
    [TCP_EV_REUSED] = {"reused",            "a new SYN that cannot be an old duplicate",                "RFC 6191",          false},
    [TCP_EV_UNREACHABLE] = {"unreachable", "nobody answers ARP for the next hop",
                            "RFC 1122 2.3.2.2", false},
    [TCP_EV_ICMP] = {"rcv ICMP",          "a router or the peer's host says that nobody can answer",
                             "RFC 9293 3.9.2.2",                                                                                   false},
};

const char *tcp_state_name(enum tcp_state s)
{
    static const char *const names[TCP_STATES] = {
        "CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
        "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK", "TIME_WAIT",
    };

    NET_ASSERT(s < TCP_STATES);
    return names[s];
}

bool tcp_arrow_at(unsigned i, enum tcp_state *from, enum tcp_state *to, const char **cause)
{
    if (i >= ARRAY_LEN(tcp_arrows))
        return false;
    *from = tcp_arrows[i].from;
    *to = tcp_arrows[i].to;
    *cause = tcp_event_infos[tcp_arrows[i].event].cause;
    return true;
}

static const struct tcp_arrow *tcp_arrow_find(enum tcp_state from, enum tcp_event_kind ev)
{
    for (size_t i = 0; i < ARRAY_LEN(tcp_arrows); i++) {
        if (tcp_arrows[i].from == from && tcp_arrows[i].event == ev)
            return &tcp_arrows[i];
    }
    return NULL;
}

struct trace_conn tcp_trace_conn(const struct tcp_conn *c)
{
    return (struct trace_conn){c->id.local, c->id.remote, c->id.lport, c->id.rport, IP_PROTO_TCP};
}

static void tcp_trace_state(struct core *c, struct trace_conn conn, enum tcp_state from,
                            enum tcp_event_kind event, uint64_t frame)
{
    if (!trace_on(&c->trace, TRACE_tcp_state))
        return;
    const struct tcp_arrow *a = tcp_arrow_find(from, event);
    const struct tcp_event_info *info = &tcp_event_infos[event];
    struct trace_ev ev = core_trace(c, TRACE_tcp_state);

    NET_ASSERT(a != NULL);
    ev.frame = frame;
    ev.conn = conn;
    ev.why = info->why;
    ev.rfc = info->rfc;
    ev.u.tcp_state =
        (struct trace_tcp_state){tcp_state_name(a->from), tcp_state_name(a->to), info->cause};
    core_trace_emit(c, &ev);
}

/* An arrow that still waits for its segment is told without a frame. */
void tcp_note_flush(struct tcp *tcp, struct tcp_conn *c)
{
    if (c->noted_event == 0)
        return;
    tcp_trace_state(tcp->c, tcp_trace_conn(c), (enum tcp_state)c->noted_from,
                    (enum tcp_event_kind)(c->noted_event - 1), 0);
    c->noted_event = 0;
}

/* The segment @p shows the arrow that waits in @c, if any. */
void tcp_note_give(struct tcp_conn *c, struct pkt *p)
{
    p->note_from = c->noted_from;
    p->note_event = c->noted_event;
    c->noted_event = 0;
}

/**
 * tcp_event - take the arrow @ev from the present state of @c: the only writer of a state.
 *
 * What belongs to the new state (timers, wake-ups, freeing) is the caller's: it knows which of the
 * three kinds of record it holds.
 */
void tcp_event(struct tcp *tcp, struct tcp_conn *c, enum tcp_event_kind ev)
{
    const struct tcp_arrow *a = tcp_arrow_find((enum tcp_state)c->state, ev);

    NET_ASSERT(a != NULL); /* an arrow the figure lacks is a bug of ours, never an input */
    tcp_note_flush(tcp, c);
    if (trace_on(&tcp->c->trace, TRACE_tcp_state)) {
        if (tcp_event_infos[ev].ours) {
            c->noted_from = (uint8_t)a->from;
            c->noted_event = (uint8_t)(ev + 1);
        } else {
            tcp_trace_state(tcp->c, tcp_trace_conn(c), a->from, ev, tcp->c->frame);
        }
    }
    c->state = (uint8_t)a->to;
}

void tcp_trace_seg(struct tcp *tcp, const struct tcp_seg *seg, const char *dir)
{
    if (!trace_on(&tcp->c->trace, TRACE_seg))
        return;
    struct trace_ev ev = core_trace(tcp->c, TRACE_seg);
    bool in = dir[0] == 'i';

    ev.conn = (struct trace_conn){
        in ? seg->dst : seg->src,
        in ? seg->src : seg->dst,
        in ? seg->dst_port : seg->src_port,
        in ? seg->src_port : seg->dst_port,
        IP_PROTO_TCP,
    };
    ev.u.seg = (struct trace_seg){dir, seg->flags, seg->seq, seg->ack, seg->data_len, seg->wnd};
    core_trace_emit(tcp->c, &ev);
}

void tcp_trace_out(struct tcp *tcp, const struct pkt *p)
{
    struct tcp_seg seg = {0};
    uint64_t frame = tcp->c->frame;

    if (p->proto != IP_PROTO_TCP || p->l4 == 0)
        return;
    uint32_t linear = p->off + p->len - p->l4;

    if (tcp_parse(&seg, (struct span){p->buf + p->l4, linear}) != V_NEXT)
        return;
    seg.src = p->src;
    seg.dst = p->dst;
    seg.data_len = p->l4_len - seg.hdr_len;
    tcp->c->frame = p->frame;
    tcp_trace_seg(tcp, &seg, "out");
    if (p->note_event != 0)
        tcp_trace_state(
            tcp->c, (struct trace_conn){p->src, p->dst, seg.src_port, seg.dst_port, IP_PROTO_TCP},
            (enum tcp_state)p->note_from, (enum tcp_event_kind)(p->note_event - 1), p->frame);
    tcp->c->frame = frame;
}

/* Segment @p is dropped before it became a frame: the arrow it would have shown is told all the
 * same, or the trace would have a hole. */
void tcp_trace_unseen(struct core *c, const struct pkt *p)
{
    uint16_t lport = get16(p->buf + p->l4 + TCP_SRC), rport = get16(p->buf + p->l4 + TCP_DST);

    tcp_trace_state(c, (struct trace_conn){p->src, p->dst, lport, rport, IP_PROTO_TCP},
                    (enum tcp_state)p->note_from, (enum tcp_event_kind)(p->note_event - 1), 0);
}
