/*
 * decode.h - a small, strict reader of the frames that a host emits.
 *
 * It shares no code with stack/: what the stack encodes wrongly it must not decode wrongly in the
 * same way. Everything that has a checksum or a length is verified; the first thing that is wrong
 * is told in a sentence.
 */
#ifndef STACKD_CONFORMANCE_DECODE_H
#define STACKD_CONFORMANCE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One frame as it was seen, numbers in host order. */
struct seen {
    int64_t at; /* virtual time of its leaving, ns */
    uint8_t mac_dst[6], mac_src[6];
    uint16_t ethertype;
    uint32_t frame_len;

    /* ARP */
    uint16_t arp_op;
    uint32_t arp_spa, arp_tpa;
    uint8_t arp_sha[6], arp_tha[6];

    /* IPv4 */
    uint32_t src, dst;
    uint16_t ip_len, ip_id;
    bool df, mf;
    uint16_t frag; /* offset, bytes; of a fragment the payload is everything behind the IP header */
    uint8_t ttl, tos, proto;

    /* TCP, and the ports of UDP */
    uint16_t sport, dport;
    bool has_sum; /* UDP: the field is not zero */
    uint32_t seq, ack;
    char flags[9]; /* as tcpdump writes them, in the order FSRPUEW and then . for ACK */
    uint16_t win, urp;
    char opts[96]; /* as packetdrill writes them: "mss 1460,sackOK,TS,nop,wscale 8" */
    bool has_mss, has_wscale, has_sack_ok, has_ts;
    uint16_t mss;
    uint8_t wscale;
    uint32_t tsval, tsecr;
    uint8_t sack_count;
    uint32_t sack[4][2]; /* left and right edges, as on the wire */

    /* ICMP */
    uint8_t icmp_type, icmp_code;

    /* IGMP, whose datagrams must have the Router Alert option */
    uint8_t igmp_type, igmp_time;
    uint32_t igmp_group;

    /* Payload of TCP, UDP or ICMP. */
    uint32_t len;
    uint8_t data[1600];
};

/** decode_sum - the Internet checksum (RFC 1071) of @len bytes, with @start added in. */
uint16_t decode_sum(const uint8_t *p, size_t len, uint32_t start);
/** decode_pseudo - the sum of TCP's pseudo-header, for decode_sum(). */
uint32_t decode_pseudo(uint32_t src, uint32_t dst, uint8_t proto, uint32_t len);

/** decode - read one Ethernet frame. Return: NULL, or what is wrong with it. */
const char *decode(struct seen *s, const uint8_t *frame, size_t len);

#endif
