/*
 * app_priv.h - what app.c (ports, events, time) and app_conn.c (one connection) tell each other.
 */
#ifndef STACKD_APP_PRIV_H
#define STACKD_APP_PRIV_H

#include "l7_application/app.h"

/* In the upper half of a cookie, where connections have their generation, from 1 to below this. */
#define APP_IS_PORT 0x80000000u

/** app_conn_init - no connections yet; at a->now. */
void app_conn_init(struct app *a);
/** app_conn_open - the record of a new connection; NULL: there is no room, and @sd is reset. */
struct app_conn *app_conn_open(struct app *a, unsigned service, int sd);
/** app_conn_ahead - connection @i will be served soon: fetch its neighbours in the list by age. */
void app_conn_ahead(const struct app *a, uint32_t i);
/** app_conn_serve - something changed: let the service do what can be done. @ending: perhaps the
 * peer's FIN or an error is among it. */
void app_conn_serve(struct app_conn *c, bool ending);
/** app_conn_stop - finish soon. */
void app_conn_stop(struct app_conn *c);
/** app_evict - make room for a newcomer, a connection or a block. Return: whether somebody went. */
bool app_evict(struct app *a, bool for_block);
/** app_conn_expire - everything whose time has come. */
void app_conn_expire(struct app *a);
/** app_conn_deadline - when the next one's time comes. */
net_time app_conn_deadline(const struct app *a);

#endif
