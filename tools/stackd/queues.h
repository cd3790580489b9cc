/*
 * queues.h - `--queues N`: a TAP with several queues, and for each a thread with a host of its own.
 *
 * A queue is a struct stackd: port, host, services, bad wire and loop are its own, and nothing of them is
 * shared (relay.h says what becomes of a frame that came to the wrong one). What there is once - signals,
 * control socket, captures, trace, the command - belongs to the first, whose thread is that of main().
 * With one queue d->queues is NULL, there is no other thread, and all of this is one predictable branch a
 * round.
 *
 * Three things are between the threads, none of them in the way of a packet:
 *
 *   waking     A queue that handed something over, or was changed, is woken by an eventfd, if it sleeps.
 *
 *   halting    The first wants all queues to stand still between two rounds: to answer a client of the control
 *              socket with one moment of the whole host, or to begin the end. Each thread holds its gate (a
 *              mutex) as long as it is awake, over many rounds, and lets go of it to sleep, or when it sees at
 *              the end of a round that it is wanted. Who holds all gates may touch everything.
 *
 *   turns      Somebody looks on: a capture, a trace, -v. Then the queues take turns; a round of one is over
 *              before that of another begins, and the number of the last frame goes from hand to hand. So
 *              a capture is in the order of time, its frames are numbered as Wireshark counts, and a comment
 *              finds its frame. Looking on costs what it costs: all queues together are then as fast as
 *              one. Whether somebody looks changes only while all stand still.
 */
#ifndef STACKD_QUEUES_H
#define STACKD_QUEUES_H

#include "base/base.h"

struct stackd;
struct queues; /* queues.c */

/** queues_open - ports and places for all queues but the first, whose port is open: made here, or of the descriptors of
 * --fd. Return: 0 or -1. */
int queues_open(struct stackd *d, char *err, size_t err_len);
/** queues_connect - the hosts have come to life: let them hand over to one another. */
int queues_connect(struct stackd *d, char *err, size_t err_len);
/** queues_start - a thread for each queue but the first. Return: 0 or -1. */
int queues_start(struct stackd *d, char *err, size_t err_len);
/** queues_join - end them. */
void queues_join(struct stackd *d);
/** queues_free - give back ports, memory and places of all but the first. */
void queues_free(struct stackd *d);

/** queues_count, queues_at - all of them, @d itself with one. */
unsigned queues_count(const struct stackd *d);
struct stackd *queues_at(struct stackd *d, unsigned i);

/** queues_handed_over - packets that queue @d has given to the next. */
uint64_t queues_handed_over(const struct stackd *d);

/* For loop.c; all of them do nothing with one queue. */

/** queues_begin - before a round: stand still if that is wanted, wait for our turn if there are turns. */
void queues_begin(struct stackd *d);
/** queues_pending - has another queue handed something over? */
bool queues_pending(const struct stackd *d);
/** queues_hear - what other queues have handed over: it is older than what we are about to read. */
void queues_hear(struct stackd *d, net_time now);
/** queues_end - the round is over. */
void queues_end(struct stackd *d);
/** queues_fd - becomes readable when we are woken; -1 with one queue. */
int queues_fd(const struct stackd *d);
/** queues_sleep - we are about to. Return: false: there is something to do, do not. */
bool queues_sleep(struct stackd *d);
/** queues_awake - and are back. Return: whether we were woken. */
bool queues_awake(struct stackd *d);
/** queues_may_leave - this queue is done. Return: whether its loop ends: the first waits for the others,
 * unless @now, the others until they are told. */
bool queues_may_leave(struct stackd *d, bool now);
/** queues_told_to_leave - the first has left, or will. */
bool queues_told_to_leave(const struct stackd *d);

/** queues_halt - all others stand still; for the first, outside its round. */
void queues_halt(struct stackd *d);
/** queues_touch - bring queue @i to the moment; it is halted, and will be woken. */
struct stackd *queues_touch(struct stackd *d, unsigned i);
void queues_resume(struct stackd *d);

#endif
