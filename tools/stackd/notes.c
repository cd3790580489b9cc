/*
 * notes.c - which frame of a capture an event is a comment of.
 *
 * Most events name the frame that they are about: the one being received, or the one just sent. Three
 * things are left to do.
 *
 * An event is mostly about the connection that its frame belongs to; then the comment need not say so.
 * A SYN can push another half-open connection out of a full pool, an ICMP error is about a connection
 * of which it carries only a piece: then the connection follows in brackets,
 *
 *     SYN_SENT -> CLOSED (rcv ICMP) [10.0.0.2:49152-10.0.0.1:80]
 *
 * A congestion window that shrinks by a timeout has no frame; but the retransmission is about to leave,
 * and is where one looks for the reason. Such an event waits until the end of the round for the next frame
 * of its connection.
 *
 * What the bad wire does to a frame that comes in happens before the frame has a number; the packet
 * carries it along (pkt.faults). To one that goes out it happens later, but it is told in the round in which the
 * frame enters the wire (imp.h), so that the frame is still held. A delay is no comment: it happens to every frame alike, and a mark on
 * all of them hides those that matter.
 */
#include <string.h>

#include "stackd.h"
#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"

/* Kinds that wait for a frame. */
enum { NOTES_WAIT = 1u << TRACE_cwnd };

static bool notes_same(const struct trace_conn *a, const struct trace_conn *b)
{
    return a->proto == b->proto && a->lport == b->lport && a->rport == b->rport &&
           ip_addr_eq(a->local, b->local) && ip_addr_eq(a->remote, b->remote);
}

/* Whose is this frame? proto 0: it does not say, as a fragment but the first. */
static struct trace_conn notes_conn(const struct pkt *p, bool out)
{
    const uint8_t *ip = pkt_data(p) + ETH_HDR_LEN;
    struct trace_conn none = {.proto = 0};

    if (p->len < ETH_HDR_LEN + IP4_HDR_LEN || get16(pkt_data(p) + ETH_TYPE) != ETH_TYPE_IP4)
        return none;
    uint32_t hdr_len = (ip[IP4_VIHL] & 0xfu) * 4;
    const uint8_t *ports = ip + hdr_len;

    if (ip[IP4_VIHL] >> 4 != 4 || (get16(ip + IP4_FRAG) & IP4_OFFSET) != 0 ||
        (ip[IP4_PROTO] != IP_PROTO_TCP && ip[IP4_PROTO] != IP_PROTO_UDP) ||
        p->len < ETH_HDR_LEN + hdr_len + 4)
        return none;
    struct ip_addr src = ip_addr_v4(get32(ip + IP4_SRC)), dst = ip_addr_v4(get32(ip + IP4_DST));
    uint16_t sport = get16(ports), dport = get16(ports + 2);

    return out ? (struct trace_conn){src, dst, sport, dport, ip[IP4_PROTO]}
               : (struct trace_conn){dst, src, dport, sport, ip[IP4_PROTO]};
}

void notes_event(struct stackd *d, const struct trace_ev *ev)
{
    struct stackd_notes *n = &d->notes;
    char text[512];
    size_t len = trace_comment(ev, text, sizeof(text) - 128);

    if (ev->kind == TRACE_fault && ev->u.fault.what == imp_what_name(IMP_DELAY))
        return;
    if (ev->frame == 0) {
        if ((NOTES_WAIT & 1u << ev->kind) == 0 || n->count == STACKD_NOTES)
            return;
        struct stackd_note *w = &n->waiting[n->count];

        if (len > sizeof(w->text))
            return;
        *w = (struct stackd_note){.conn = ev->conn, .len = len};
        memcpy(w->text, text, len);
        n->count++;
        return;
    }
    if (ev->conn.proto != 0 && ev->frame == n->frame && !notes_same(&ev->conn, &n->conn)) {
        memcpy(text + len, " [", 2);
        len += 2;
        len += trace_conn(&ev->conn, text + len, sizeof(text) - len - 1);
        text[len++] = ']';
    }
    sink_note(d, ev->frame, text, len);
}

void notes_frame(struct stackd *d, const struct pkt *p, bool out)
{
    struct stackd_notes *n = &d->notes;
    struct trace_ev ev = {.kind = TRACE_fault, .frame = p->frame};

    n->frame = p->frame;
    n->conn = notes_conn(p, out);
    /* On the way out the event about a fault names the frame, and so it does for one that is lost. */
    for (unsigned what = IMP_DROP + 1; !out && p->faults >> what != 0; what++) {
        if ((p->faults >> what & 1) == 0)
            continue;
        ev.u.fault.what = imp_what_name((enum imp_what)what);
        notes_event(d, &ev);
    }
    for (unsigned i = 0; out && i < n->count;) {
        struct stackd_note *w = &n->waiting[i];

        if (!notes_same(&w->conn, &n->conn)) {
            i++;
            continue;
        }
        sink_note(d, p->frame, w->text, w->len);
        n->count--;
        memmove(w, w + 1, (n->count - i) * sizeof(*w));
    }
}

void notes_round(struct stackd *d)
{
    if (d->notes.count > 0) /* with several queues: not written to where nobody looks on */
        d->notes.count = 0;
}
