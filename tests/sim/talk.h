/*
 * talk.h - one end of a conversation: what it says, how it reads, and when it hangs up.
 *
 * Byte i of what an end says follows from its key and i, so the other end can tell whether every
 * byte came, once, in order, unharmed. talk_run() does all that can be done now and is called by
 * the user function of a host; a talk that pauses says when it wants to go on.
 */
#ifndef STACKD_TALK_H
#define STACKD_TALK_H

#include "world.h"

/* When an end sends its FIN. */
enum talk_end {
    TALK_FIRST,  /* as soon as it has said everything */
    TALK_SECOND, /* when the peer has, too: its FIN has come */
    TALK_CLOSE   /* as TALK_FIRST, by close() once all that the peer says is here as well */
};

struct talk_plan {
    uint64_t key;                 /* of what is said */
    uint64_t bytes;               /* how much */
    uint32_t write_max, read_max; /* bytes in one call; 0: as many as possible */
    net_time read_from;           /* the reader sleeps until then (world time), */
    net_time read_pause;          /* and after each read for so long */
    net_time write_pause;
    net_time end_from; /* no FIN before that (world time) */
    enum talk_end end;
    uint32_t sndbuf, rcvbuf; /* 0: default */
    bool nodelay, more;
    bool lend; /* some of it is sent from where it lies, memory that is gone once it is given back */
};

struct talk {
    struct world_host *h;
    struct talk_plan mine, peers;
    int sd, listener; /* -1: none */
    uint16_t port;    /* of the listener */
    uint64_t sent, received;
    net_time next_read, next_write;
    bool connected, shut, eof, over;
    int error; /* negative errno of the call that failed; 0: well */
    uint32_t lent, unlent; /* spans lent, and given back */
    uint32_t refused;      /* for want of a record */
};

/** talk_byte - byte @i of what the key says. */
uint8_t talk_byte(uint64_t key, uint64_t i);

/** talk_listen - be the end that waits on @port for one connection. */
void talk_listen(struct talk *t, struct world_host *h, uint16_t port, const struct talk_plan *mine,
                 const struct talk_plan *peers);
/** talk_connect - be the end that calls @ip, from port @from (0: chosen). */
void talk_connect(struct talk *t, struct world_host *h, uint16_t from, uint32_t ip, uint16_t port,
                  const struct talk_plan *mine, const struct talk_plan *peers);
/** talk_adopt - be the end that accepted @sd. */
void talk_adopt(struct talk *t, struct world_host *h, int sd, const struct talk_plan *mine,
                const struct talk_plan *peers);
/** talk_run - everything that can be done now. */
void talk_run(void *talk);
/** talk_deadline - when to come back although nothing happened. */
net_time talk_deadline(void *talk);
/** talk_is_well - said and heard everything, and is over. */
bool talk_is_well(const struct talk *t);

#endif
