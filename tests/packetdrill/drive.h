/*
 * drive.h - packetdrill's behaviour towards a plug-in, as far as a plug-in can notice it.
 *
 * Loading; waiting for a moment (usleep for all but 20 us, then asking for the time again and
 * again); packets built by hand, with checksums of their own; calls that block, on a thread whose
 * state in procfs says when they sleep.
 */
#ifndef DRIVE_H
#define DRIVE_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "interface.h"

#define DRIVE_LOCAL  0xc0a80001u /* 192.168.0.1 */
#define DRIVE_REMOTE 0xc0000201u /* 192.0.2.1 */
enum {
    DRIVE_PORT = 8080,
    DRIVE_FIN = 1,
    DRIVE_SYN = 2,
    DRIVE_RST = 4,
    DRIVE_PSH = 8,
    DRIVE_ACK = 16
};

struct drive_seg {
    uint16_t sport, dport, win;
    uint32_t seq, ack, src, dst;
    uint8_t flags, options_len;
    uint8_t options[40];
    size_t len;     /* of the payload */
    long long usec; /* received: since drive_begin() */
    size_t whole;   /* received: bytes of the datagram, 0: nothing came */
    bool sums_ok;
};

/* A call on its own thread. */
struct drive_call {
    int64_t (*fn)(void *arg);
    void *arg;
    pthread_t thread;
    volatile int tid;
    int64_t result;
    int err;
    long long usec; /* when it returned */
};

extern struct packetdrill_interface drive;

/** drive_begin - load the plug-in afresh; the script's time is 0 now. Return: false: it is not there. */
bool drive_begin(void);
void drive_end(void);
/** drive_now - microseconds of the script. */
long long drive_now(void);
/** drive_until - let time pass to @usec of the script. */
void drive_until(long long usec);
/** drive_in - a TCP segment from the script. */
void drive_in(const struct drive_seg *s);
/** drive_out - the next segment out of the stack; s->whole 0: there is none. */
void drive_out(struct drive_seg *s);
/** drive_start - begin a call that blocks; returns when its thread sleeps. */
void drive_start(struct drive_call *c, int64_t (*fn)(void *arg), void *arg);
void drive_join(struct drive_call *c);
struct sockaddr_in drive_addr(uint32_t ip, uint16_t port);

#endif
