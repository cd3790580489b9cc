/*
 * services.h - a host of the world that runs the services of stack/l7_application.
 */
#ifndef STACKD_SIM_SERVICES_H
#define STACKD_SIM_SERVICES_H

#include "l7_application/app.h"
#include "world.h"

struct services {
    struct world_host *h;
    struct app app;
    void *mem;
};

/** services_start - all of them, at their ports, on @h. @connections: at most so many; 0: default. */
void services_start(struct services *s, struct world_host *h, uint32_t connections);

/** services_stop - no new connections; world_run() a little, then services_free(). */
void services_stop(struct services *s);
/** services_free - after all connections have ended. */
void services_free(struct services *s);

#endif
