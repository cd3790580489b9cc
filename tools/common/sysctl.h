/*
 * sysctl.h - settings of TCP under Linux's names: stackd --set, stackdrill, the packetdrill plug-in.
 */
#ifndef STACKD_SYSCTL_H
#define STACKD_SYSCTL_H

#include <stdbool.h>
#include <stdio.h>

struct tcp_config;

/**
 * sysctl_set - do what NAME=VALUE says.
 * @assignment: NAME with dots, or as a path below /proc/sys; net.ipv4. may be left out
 *
 * Return: whether it is known and makes sense; else a sentence in @err.
 */
bool sysctl_set(struct tcp_config *cfg, const char *assignment, char *err, size_t err_len);
/** sysctl_list - all of them, a line each: name, and what of ours it sets. */
void sysctl_list(FILE *out);

#endif
