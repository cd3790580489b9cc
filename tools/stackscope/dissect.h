/*
 * dissect.h - a frame, layer by layer: where each header is and what it says.
 *
 * Reads any bytes (a capture is a stranger's): every length is checked against what was captured and
 * against what the headers claim. Ethernet with VLAN tags, Linux cooked, raw IP and loopback; ARP, IPv4,
 * IPv6 with its extension headers; TCP, UDP, ICMP. The parsers of stack/wire are used where they say what
 * is needed; a frame that they refuse is still taken as far as it is right, and `fault` says what is
 * wrong with it, as the stack would (verdict.def), at which offset.
 *
 * Pure: no memory, no input or output.
 */
#ifndef STACKSCOPE_DISSECT_H
#define STACKSCOPE_DISSECT_H

#include "frame.h"
#include "wire/tcp.h"

/* An address of either family; IPv4 as RFC 4291 section 2.5.5.2 maps it, so that both compare alike. */
struct scope_addr {
    uint8_t b[16];
};

enum dissect_net { NET_NOTHING, NET_IP4, NET_IP6, NET_ARP, NET_OTHER };
enum dissect_transport { TRANSPORT_NONE, TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORT_ICMP, TRANSPORT_OTHER };
/* UNKNOWN: not captured whole, or a fragment; PARTIAL: left to the device; ABSENT: UDP without one. */
enum dissect_sum { SUM_UNKNOWN, SUM_GOOD, SUM_BAD, SUM_PARTIAL, SUM_ABSENT };

struct dissect {
    enum dissect_net net;
    enum dissect_transport transport; /* of a fragment that is not the first: NONE */
    enum verdict fault;   /* V_NEXT: none found; in words: dissect_fault_text() */
    uint32_t fault_at;    /* offset in the frame */
    bool cut;             /* a header is not whole, because not all of the frame was captured: no fault */
    bool super;           /* longer than its length field can say: not yet cut into segments by the device */
    uint8_t vlan_tags;    /* how many */
    uint16_t vlan;        /* the outermost tag's TCI */
    uint16_t ether_type;
    uint32_t net_at, net_hdr_len; /* offset in the frame, bytes; IPv6: extension headers included */
    uint32_t net_len;     /* of the datagram, header included, as it claims */
    uint8_t proto, ttl, tos;
    bool df, mf;
    uint32_t ip_id;
    uint16_t frag_off;    /* bytes; a fragment has mf or frag_off, and ports only in its first */
    struct scope_addr src, dst; /* of ARP: the sender's and the target's */
    uint32_t transport_at, transport_hdr_len;
    uint16_t src_port, dst_port;
    uint32_t payload_at, payload_len; /* payload_len: as claimed, perhaps more than captured */
    struct tcp_seg tcp;   /* of TCP only: data_len is that of the wire, text[0] what was captured of it */
};

/** dissect - fill @d with what @f is. */
void dissect(struct dissect *d, const struct frame *f);

/** dissect_sums - are the checksums right? Slow; asked for by the commands that tell.
 * @ip, @transport: receive the answer for the two headers */
void dissect_sums(const struct dissect *d, const struct frame *f, enum dissect_sum *ip,
                  enum dissect_sum *transport);

/** dissect_fault_text - what is wrong with it, in words; empty when nothing is. */
const char *dissect_fault_text(const struct dissect *d);

/** scope_addr_text - as inet_ntop() writes it, IPv4 with dots. @out has 46 bytes. Return: @out. */
char *scope_addr_text(const struct scope_addr *a, char *out);

#endif
