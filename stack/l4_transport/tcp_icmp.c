/*
 * tcp_icmp.c - an ICMP error about a segment of ours: what it changes (RFC 9293 section 3.9.2.2).
 *
 * Anybody can send one, so it must quote a number that is in flight (RFC 5927 section 4), and even then it
 * ends nothing that was once open (RFC 5461): a path may be gone for a minute. It is remembered as a soft
 * error, the reason given when the timers give up. Before a handshake is complete it may be the answer.
 */
#include <errno.h>

#include "l4_transport/tcp_priv.h"

/* RFC 9293 section 3.9.2.2, RFC 5927 section 4: the quoted number must be in flight. */
enum verdict tcp_input_error(struct tcp *tcp, const struct ip_error *e)
{
    if (e->quoted.len < 8)
        return V_DROP_ICMP4_INNER;
    struct tcp_id id = {e->local, e->remote, get16(e->quoted.p + TCP_SRC),
                        get16(e->quoted.p + TCP_DST)};
    tcp_seq seq = seq_of(get32(e->quoted.p + TCP_SEQ));
    struct tcp_conn *c = tcp_find(tcp, &id); /* of one that rests nothing is in flight */

    if (c == NULL || c->link.kind != TCP_CONN_FULL)
        return V_DROP_ICMP4_NO_OWNER;
    struct tcb *t = tcb_of(c);

    if (seq_lt(seq, t->snd_una) || seq_geq(seq, t->snd_nxt))
        return V_DROP_ICMP4_NO_OWNER;
    switch (e->kind) {
    case IP_ERR_TOO_BIG:
        return tcp_mtu_too_big(t, e->mtu);
    case IP_ERR_PROTO_UNREACH:
    case IP_ERR_PORT_UNREACH:
        if (tcp_state(t) == TCP_SYN_SENT) { /* RFC 5461: hard only before synchronization */
            tcp_fo_refused(t);
            tcp_fail(t, TCP_EV_ICMP, ip_error_errno(e->kind));
            break;
        }
        t->soft_error = (int16_t)ip_error_errno(e->kind);
        break;
    default: /* MUST-56: soft; but a next hop that we know to be silent ends the attempt */
        if (ip_addr_is_any(e->from) && tcp_state(t) == TCP_SYN_SENT) {
            tcp_fail(t, TCP_EV_UNREACHABLE, ip_error_errno(e->kind));
            break;
        }
        t->soft_error = (int16_t)ip_error_errno(e->kind);
    }
    return V_DONE;
}
