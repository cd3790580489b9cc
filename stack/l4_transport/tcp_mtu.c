/*
 * tcp_mtu.c - how long a segment may be: path MTU discovery (RFC 1191, RFC 5927).
 *
 * A full segment is as long as the peer's MSS, the path and the options leave it. The path is the
 * internet layer's knowledge (pmtu.c), shared by all connections to a destination and forgotten after
 * ten minutes; tcp_mtu_follow() looks at it when output runs and something has changed. So all
 * connections follow a lowered estimate before they send, and try longer segments again when it is
 * forgotten. What was in flight when the path got narrower goes again in shorter segments, and
 * without a word to congestion control: nothing was lost for want of bandwidth (RFC 1191 section 6.5).
 *
 * Believing. ICMP is a stranger's word. The quoted sequence number must be in flight
 * (tcp_input_error), the size leave a payload of mss_min (88 bytes: below that most of each packet is
 * headers, and no link has been that small since the eighties), and be less than what we send. A
 * size between that and ip_config.pmtu_min is believed for this connection alone.
 */
#include "l4_transport/tcp_priv.h"

/* Bytes of a full datagram that are not payload. */
static uint32_t tcp_mtu_overhead(const struct tcb *t, const struct ip_path *path)
{
    return path->hdr_len + TCP_HDR_LEN + (t->has_ts ? 12u : 0);
}

/**
 * tcp_mtu_follow - let the length of a segment follow what is known of the path.
 *
 * Called when the options are negotiated, and before output; costs a comparison when nothing has changed.
 */
void tcp_mtu_follow(struct tcb *t)
{
    uint32_t epoch = ip_path_epoch(t->tcp->ip), room = UINT16_MAX;
    struct ip_path path;

    if (t->path.is_known && t->path.epoch == epoch)
        return;
    uint32_t mss = t->peer_mss - (t->has_ts ? 12u : 0);

    t->path.is_known = true;
    t->path.epoch = epoch;
    if (ip_route(t->tcp->ip, t->conn.id.remote, t->conn.id.local, &path) == 0) {
        room = path.mtu - tcp_mtu_overhead(t, &path);
        if (path.mtu == path.link_mtu)
            t->path.told = 0; /* forgotten by all: look anew */
        t->path.mtu = path.mtu;
    } else {
        room = 536; /* as RFC 1122 section 3.3.3 has it for the unknown */
    }
    if (t->path.told != 0)
        room = u32_min(room, t->path.told);
    t->snd_mss = (uint16_t)u32_min(mss, room);
}

/**
 * tcp_mtu_too_big - a router says that a segment of ours in flight is too long.
 * @mtu: that would fit
 */
enum verdict tcp_mtu_too_big(struct tcb *t, uint32_t mtu)
{
    struct ip_path path;

    tcp_mtu_follow(t);
    if (ip_route(t->tcp->ip, t->conn.id.remote, t->conn.id.local, &path) < 0)
        return V_DROP_ICMP4_NO_OWNER;
    uint32_t overhead = tcp_mtu_overhead(t, &path);

    if (mtu < overhead + t->tcp->cfg.mss_min)
        return V_DROP_ICMP4_MTU;
    if (mtu - overhead >= t->snd_mss) /* known: others of that flight have said so */
        return V_DONE;
    if (!ip_path_too_big(t->tcp->ip, t->conn.id.remote, mtu))
        return V_DROP_ICMP4_MTU; /* discovery is off */
    if (ip_route(t->tcp->ip, t->conn.id.remote, t->conn.id.local, &path) == 0 && mtu < path.mtu)
        t->path.told = (uint16_t)(mtu - overhead);
    t->path.is_known = false;
    tcp_mtu_follow(t);
    tcp_recovery_resend(t);
    return V_DONE;
}
