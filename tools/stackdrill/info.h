/*
 * info.h - what Linux's struct tcp_info would tell about a connection of ours.
 */
#ifndef STACKDRILL_INFO_H
#define STACKDRILL_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct tcb;
struct tcp_listener;

/* Names as behind tcpi_, in Linux's units: segments, microseconds, bytes. */
#define INFO_FIELDS(X)                                                                             \
    X(state)                                                                                       \
    X(ca_state)                                                                                    \
    X(retransmits)                                                                                 \
    X(probes)                                                                                      \
    X(backoff)                                                                                     \
    X(options)                                                                                     \
    X(snd_wscale)                                                                                  \
    X(rcv_wscale)                                                                                  \
    X(delivery_rate_app_limited)                                                                   \
    X(rto)                                                                                         \
    X(snd_mss)                                                                                     \
    X(rcv_mss)                                                                                     \
    X(unacked)                                                                                     \
    X(sacked)                                                                                      \
    X(lost)                                                                                        \
    X(retrans)                                                                                     \
    X(last_data_sent)                                                                              \
    X(last_ack_recv)                                                                               \
    X(pmtu)                                                                                        \
    X(rtt)                                                                                         \
    X(rttvar)                                                                                      \
    X(snd_ssthresh)                                                                                \
    X(snd_cwnd)                                                                                    \
    X(advmss)                                                                                      \
    X(reordering)                                                                                  \
    X(rcv_rtt)                                                                                     \
    X(rcv_space)                                                                                   \
    X(total_retrans)                                                                               \
    X(pacing_rate)                                                                                 \
    X(bytes_acked)                                                                                 \
    X(bytes_received)                                                                              \
    X(segs_out)                                                                                    \
    X(segs_in)                                                                                     \
    X(notsent_bytes)                                                                               \
    X(min_rtt)                                                                                     \
    X(delivery_rate)                                                                               \
    X(delivered)                                                                                   \
    X(bytes_sent)                                                                                  \
    X(bytes_retrans)                                                                               \
    X(dsack_dups)                                                                                  \
    X(reord_seen)                                                                                  \
    X(snd_wnd)                                                                                     \
    X(rcv_wnd)

#define INFO_MEMBER(name) int64_t name;
struct info {
    INFO_FIELDS(INFO_MEMBER)
};
#undef INFO_MEMBER

/** info_fill - about connection @t or listener @l, both NULL: one that does not exist.
 * @mtu: of the link */
void info_fill(struct info *i, const struct tcb *t, const struct tcp_listener *l, uint32_t mtu);
/** info_state - Linux's number of a state. */
int64_t info_state(unsigned state);
/** info_value - the field of a name. Return: false when there is none. */
bool info_value(const struct info *i, const char *name, int64_t *v);

#endif
