/*
 * icmp4.h - ICMP (RFC 792, RFC 1122 section 3.2.2): echo, errors sent and received, a ping client.
 */
#ifndef STACKD_ICMP4_H
#define STACKD_ICMP4_H

#include "base/core.h"
#include "l3_network/ip.h"
#include "wire/icmp4.h"

enum {
    ICMP4_QUEUE = 256,    /* messages that wait for ip_output_due() */
    ICMP4_BUCKETS = 256,  /* of the rate limit by destination */
    ICMP4_PINGS = 64,     /* echo requests of ours whose fate is not yet told */
    ICMP4_QUOTE_MAX = 576 /* bytes of a whole error datagram, RFC 1812 section 4.3.2.3 */
};

/* An echo request of ours. */
struct icmp4_ping {
    uint32_t dst;
    uint16_t id, seq;
    uint8_t state; /* icmp4.c */
    uint8_t ttl;   /* of the reply, or of the error */
    uint8_t type, code;
    uint32_t from;
    uint32_t len; /* data bytes */
    net_time sent, rtt;
};

struct icmp4 {
    struct pktq due; /* src, dst, proto, tos and ttl of each packet say how it is to be sent */
    net_time all;    /* the global bucket, see icmp4_rate_allow() */
    net_time bucket[ICMP4_BUCKETS];
    struct icmp4_ping ping[ICMP4_PINGS];
    uint64_t rx, tx, rx_errors, tx_errors;
};

/* What became of an echo request. */
struct icmp4_ping_result {
    struct ip_addr from; /* who answered, or who reported the error */
    uint16_t seq;
    uint8_t ttl;
    uint32_t len; /* data bytes of the reply */
    net_time rtt;
    bool is_error; /* type and code of an ICMP error instead of a reply */
    uint8_t type, code;
};

void icmp4_init(struct ip_layer *ip);

/**
 * icmp4_input - a message to one of our addresses; @p begins with the ICMP header.
 * @err: filled in when V_NEXT is returned; points into @p
 *
 * Return: V_DONE handled; V_NEXT an error about a TCP or UDP datagram of ours (err->proto), for
 * that layer to judge; or a reason.
 */
enum verdict icmp4_input(struct ip_layer *ip, struct pkt *p, struct ip_error *err);

/**
 * icmp4_error - queue an ICMP error about @p, if RFC 1122 section 3.2.2 and the rate limit allow.
 * @p:    the datagram at fault; p->l3 ... end is quoted; borrowed
 * @word: the second word of the header
 */
void icmp4_error(struct ip_layer *ip, const struct pkt *p, uint8_t type, uint8_t code,
                 uint32_t word);

/**
 * icmp4_ping_send - send an echo request with @len bytes of a fixed pattern.
 * @id:  of the caller, to tell several apart
 * @ttl: 0 for the default
 *
 * The request is remembered until icmp4_ping_recv() has told its fate, or newer ones push it out.
 * Return: 0, or the errors of ip_output(), -EMSGSIZE when @len > 65507.
 */
int icmp4_ping_send(struct ip_layer *ip, struct ip_addr dst, uint16_t id, uint16_t seq,
                    uint32_t len, uint8_t ttl);

/** icmp4_ping_recv - the next reply or error for a request with @id. Return: 0 or -EAGAIN. */
int icmp4_ping_recv(struct ip_layer *ip, uint16_t id, struct icmp4_ping_result *result);

/** icmp4_ping_close - forget all requests with @id. */
void icmp4_ping_close(struct ip_layer *ip, uint16_t id);

/**
 * icmp4_unreached - the next hop of a message of ours does not answer ARP.
 * @err: as of an ICMP error from nobody (from is any); quoted is the message
 *
 * Return: V_DONE, or V_DROP_ICMP4_NO_OWNER when it was no ping that somebody waits for.
 */
enum verdict icmp4_unreached(struct ip_layer *ip, const struct ip_error *err);

#endif
