/*
 * poll.h - readiness: which sockets have something to do, as epoll tells it.
 *
 * A poll set belongs to one program part (a service, a shell command). A socket is in at most one
 * set. Level events are reported as long as they hold, edge events once per change. poll_wait()
 * costs as much as it reports: sockets with nothing new are not looked at.
 */
#ifndef STACKD_POLL_H
#define STACKD_POLL_H

#include "l5_session/sock.h"

enum sock_event {
    SOCK_IN = 1,    /* bytes, a datagram, end of stream, or a connection to accept */
    SOCK_OUT = 2,   /* room to send; a connect has ended */
    SOCK_ERR = 4,   /* an error is pending; always reported */
    SOCK_HUP = 8,   /* both directions are over; always reported */
    SOCK_RDHUP = 16, /* the peer has sent its FIN */
    SOCK_PRI = 32    /* the peer has sent something urgent that is not yet read; an edge for each */
};
enum poll_mode { POLL_LEVEL, POLL_EDGE };

struct poll_event {
    uint64_t cookie; /* as given to poll_add */
    int sd;
    unsigned events;
};

/** poll_open - Return: a poll set, or -EMFILE. */
int poll_open(struct socks *s);
void poll_close(struct socks *s, int pd);
/** poll_add - watch @sd. Errors: -EBADF, -EEXIST (in a set already). */
int poll_add(struct socks *s, int pd, int sd, unsigned events, enum poll_mode mode, uint64_t cookie);
/** poll_mod - change what is watched; reports anew what holds. */
int poll_mod(struct socks *s, int pd, int sd, unsigned events);
int poll_del(struct socks *s, int pd, int sd);
/** poll_wait - Return: number of events written to @out, at most @max; never waits. */
int poll_wait(struct socks *s, int pd, struct poll_event *out, int max);
/** poll_events - what holds for @sd right now. */
unsigned poll_events(struct socks *s, int sd);

#endif
