/*
 * options_priv.h - what reads the command line and what looks at the whole of it share.
 */
#ifndef STACKD_OPTIONS_PRIV_H
#define STACKD_OPTIONS_PRIV_H

#include <argp.h>

#include "options.h"

struct options_state {
    struct stackd_options *o;
    char *err;
    size_t err_len;
    bool wire_given, gateway_given, host_ip_given, queues_given;
};

/** options_bad - what is wrong, and what would be right, in one line. Return: EINVAL. */
__attribute__((format(printf, 2, 3))) error_t options_bad(struct options_state *st,
                                                          const char *format, ...);

/** options_default - what a host is when nothing is said. */
void options_default(struct stackd_options *o);

/** options_finish - what follows from options that were given, and whether they go together. Return: 0, or EINVAL: said. */
error_t options_finish(struct options_state *st);

#endif
