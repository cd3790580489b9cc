/*
 * tcp_info.h - what getsockopt(TCP_INFO) gives.
 */
#ifndef PACKETDRILL_TCP_INFO_H
#define PACKETDRILL_TCP_INFO_H

#include <stddef.h>

struct info;

/** plugin_info_emit - write @i as Linux's struct tcp_info, at most @len bytes. Return: how many. */
size_t plugin_info_emit(const struct info *i, void *out, size_t len);

#endif
