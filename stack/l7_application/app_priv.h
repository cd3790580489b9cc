/*
 * app_priv.h - what app.c (ports, events, time) and app_conn.c (one connection) tell each other.
 */
#ifndef STACKD_APP_PRIV_H
#define STACKD_APP_PRIV_H

#include "l7_application/app.h"

/* In the upper half of a cookie, where connections have their generation, from 1 to below this. */
#define APP_IS_PORT 0x80000000u

/* What a connection has while something must be remembered of it. */
struct app_block {
    struct timer timer;
    net_time at;    /* when the service wants to be called; the timer follows after the call */
    uint32_t owner; /* number of its connection */
    uint32_t stash_len, stash_sent;
    bool held;      /* the service has not let go of the state */
    uint8_t *stash; /* output that did not fit, in a buffer of core->bufs */
    _Alignas(8) uint8_t state[APP_STATE];
};

/** app_conn_init - no connections yet; at a->now. */
void app_conn_init(struct app *a);
/** app_conn_open - the record of a new connection; NULL: there is no room, and @sd is reset. */
struct app_conn *app_conn_open(struct app *a, unsigned service, int sd);
/** app_conn_serve - something changed: let the service do what can be done. */
void app_conn_serve(struct app_conn *c);
/** app_conn_stop - finish soon. */
void app_conn_stop(struct app_conn *c);
/** app_evict - make room for a newcomer, a connection or a block. Return: whether somebody went. */
bool app_evict(struct app *a, bool for_block);
/** app_conn_expire - everything whose time has come. */
void app_conn_expire(struct app *a);
/** app_conn_deadline - when the next one's time comes. */
net_time app_conn_deadline(const struct app *a);

#endif
