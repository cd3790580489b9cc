/*
 * legal.c - which pairs of states two partners may be in, from the text of RFC 9293 and not from our
 * machine.
 *
 * A state says what its end knows (sections 3.3.2, 3.6): has its SYN been acknowledged, has the
 * peer's FIN come, has its own FIN been acknowledged. What one end knows must have happened at the
 * other. From that each row follows; the reason stands beside it. Segments in flight, lost or late
 * are why most rows allow more than one partner.
 *
 * A pair is legal if it stands in both rows. LISTEN has no row: it has no partner. FATE_OVER is CLOSED
 * after TIME-WAIT or LAST-ACK. FATE_BROKEN is CLOSED after an abort, a reset, a timeout or a close in
 * SYN-SENT: the other end learns of it by a segment, so it may be anything meanwhile.
 */
#include "search.h"

#define ON(s) (1u << (s))

enum {
    SENT = ON(TCP_SYN_SENT),
    RCVD = ON(TCP_SYN_RCVD),
    ESTAB = ON(TCP_ESTABLISHED),
    FW1 = ON(TCP_FIN_WAIT_1),
    FW2 = ON(TCP_FIN_WAIT_2),
    CLOSE_W = ON(TCP_CLOSE_WAIT),
    CLOSING = ON(TCP_CLOSING),
    LAST = ON(TCP_LAST_ACK),
    TIME_W = ON(TCP_TIME_WAIT),
    OVER = ON(FATE_OVER),
    BROKEN = ON(FATE_BROKEN),
    ANY = SENT | RCVD | ESTAB | FW1 | FW2 | CLOSE_W | CLOSING | LAST | TIME_W | OVER | BROKEN
};

static const struct {
    unsigned partners;
    const char *why;
} legal[FATES] = {
    [TCP_SYN_SENT] = {RCVD | FW1 | BROKEN,
                      "has seen nothing of the partner, so the partner's SYN is not acknowledged: it "
                      "cannot be established; FIN-WAIT-1 by a CLOSE in SYN-RECEIVED (3.10.4)"},
    [TCP_SYN_RCVD] = {SENT | RCVD | ESTAB | FW1 | BROKEN,
                      "has sent its SYN and no FIN; its SYN may be known to the partner, who may have "
                      "closed, but nobody has acknowledged that FIN"},
    [TCP_ESTABLISHED] = {RCVD | ESTAB | FW1 | BROKEN,
                         "its SYN was acknowledged, so the partner has received it; it has sent no FIN "
                         "and acknowledged none"},
    [TCP_FIN_WAIT_1] = {SENT | RCVD | ESTAB | FW1 | CLOSE_W | CLOSING | LAST | BROKEN,
                        "its FIN may have come to the partner or not; it has not received the "
                        "partner's, so that is not acknowledged"},
    [TCP_FIN_WAIT_2] = {CLOSE_W | CLOSING | LAST | BROKEN,
                        "its FIN was acknowledged, so the partner has received it; the partner's FIN "
                        "has not come"},
    [TCP_CLOSE_WAIT] = {FW1 | FW2 | BROKEN,
                        "the partner has sent its FIN, and cannot have got one from here"},
    [TCP_CLOSING] = {FW1 | FW2 | CLOSING | TIME_W | OVER | BROKEN,
                     "both sent their FINs before they had the other's; not LAST-ACK, whose FIN "
                     "acknowledges ours; CLOSED only if the partner's 2 MSL end while all its answers "
                     "were lost"},
    [TCP_LAST_ACK] = {FW1 | FW2 | TIME_W | OVER | BROKEN,
                      "the partner has sent its FIN first; ours, which acknowledges it, has come or "
                      "not; CLOSED only as for CLOSING"},
    [TCP_TIME_WAIT] = {CLOSING | LAST | TIME_W | OVER | BROKEN,
                       "both FINs were sent, and ours was acknowledged: the partner has all, and may "
                       "wait for one acknowledgment more"},
    [FATE_OVER] = {CLOSING | LAST | TIME_W | OVER | BROKEN,
                   "after LAST-ACK: our FIN, which acknowledges the partner's, was acknowledged; "
                   "after TIME-WAIT: see there"},
    [FATE_BROKEN] = {ANY, "the partner learns of it when a segment tells it (3.5.1)"},
};

bool legal_pair(unsigned x, unsigned y)
{
    return x < FATES && y < FATES && (legal[x].partners & ON(y)) != 0 &&
           (legal[y].partners & ON(x)) != 0;
}

const char *legal_why(unsigned x)
{
    return x < FATES && legal[x].why != NULL ? legal[x].why : "no partner";
}

const char *fate_name(unsigned x)
{
    if (x == FATE_OVER)
        return "CLOSED";
    if (x == FATE_BROKEN)
        return "CLOSED (broken off)";
    return tcp_state_name((enum tcp_state)x);
}
