/*
 * wireshark.h - what the two objects for Wireshark share: our files, and copying them.
 */
#ifndef STACKCTL_WIRESHARK_H
#define STACKCTL_WIRESHARK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** wireshark_share - where our file @name is: `stackd-extcap` beside this program, the others (`stackd.lua`,
 * `profile`) in ../share/stackd/wireshark. Return: whether it is there. */
bool wireshark_share(char *out, size_t len, const char *name);

/** wireshark_copy - make @to what @from is, at once or not at all. Return: 0 or a negative errno value. */
int wireshark_copy(const char *from, const char *to, mode_t mode);

#endif
