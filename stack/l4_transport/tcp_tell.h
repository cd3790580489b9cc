/*
 * tcp_tell.h - the steps of RFC 9293 section 3.10.7, told as they are taken.
 *
 * For `stackctl probe`, and for whoever follows the trace kind `step`. Each step says which rule comes
 * next and with which numbers, before it is applied; that it was passed is told by the step that follows, that it
 * was not by the verdict. So nothing here decides anything, and nothing decides twice. The short cuts
 * (tcp_predicted and others) tell nothing: where every step is to be seen they are switched off.
 */
#ifndef STACKD_TCP_TELL_H
#define STACKD_TCP_TELL_H

#include "l4_transport/tcp_priv.h"

/* The numbers of a rule, relative where that means something. */
struct tcp_told {
    uint32_t x, y, z;
};

/* Out of line, and out of the way. */
void tcp_tell_now(struct tcp *tcp, const struct tcp_id *id, const char *phase, const char *rule,
                  const char *pass, struct tcp_told n);
void tcp_tell_seq(struct tcb *t, const struct tcp_seg *seg);
void tcp_tell_paws(struct tcb *t, const struct tcp_seg *seg);
void tcp_tell_ack(struct tcb *t, const struct tcp_seg *seg);
void tcp_tell_text(struct tcb *t, const struct tcp_seg *seg);

static inline bool tcp_tells(const struct tcp *tcp)
{
    return trace_on(&tcp->c->trace, TRACE_step);
}
static inline void tcp_tell(struct tcp *tcp, const struct tcp_id *id, const char *phase,
                            const char *rule, const char *pass)
{
    if (tcp_tells(tcp))
        tcp_tell_now(tcp, id, phase, rule, pass, (struct tcp_told){0, 0, 0});
}

#endif
