/*
 * ip_proto.h - protocol numbers of IP, both versions (RFC 790's successors, IANA).
 */
#ifndef STACKD_IP_PROTO_H
#define STACKD_IP_PROTO_H

enum ip_proto { IP_PROTO_ICMP = 1, IP_PROTO_IGMP = 2, IP_PROTO_TCP = 6, IP_PROTO_UDP = 17 };

#endif
