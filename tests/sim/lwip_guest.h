/*
 * lwip_guest.h - lwIP as a host of the world: guest/lwip_host.c in a process of its own, in our time.
 *
 * Its head tells which commands it takes and what it reports.
 */
#ifndef STACKD_LWIP_GUEST_H
#define STACKD_LWIP_GUEST_H

#include <sys/types.h>

#include "talk.h"

struct lwip_guest {
    struct world_host *h;
    pid_t pid;
    FILE *to, *from;
    net_time deadline;
    uint64_t told;       /* milliseconds: the time it was last told */
    bool due;            /* something was said to it that it has not been run for */
    char reports[16384]; /* lines, in their order */
};

/** lwip_guest_begin - a process with lwIP at 10.0.0.@last_byte; plug h into a cable. */
void lwip_guest_begin(struct lwip_guest *g, struct world *w, uint8_t last_byte, unsigned mtu);
/** lwip_guest_tell - a command; it is carried out at the next turn. */
void lwip_guest_tell(struct lwip_guest *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** lwip_guest_talk - tell it to be the end of a talk that @plan and @peers describe; @from 0: to
 * listen on @port. */
void lwip_guest_talk(struct lwip_guest *g, int id, uint16_t port, uint16_t from,
                     const struct talk_plan *plan, const struct talk_plan *peers);
/** lwip_guest_said - was @line reported? */
bool lwip_guest_said(const struct lwip_guest *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** lwip_guest_end - end the process; call it before world_end(). */
void lwip_guest_end(struct lwip_guest *g);

#endif
