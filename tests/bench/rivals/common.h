/*
 * common.h - what the responders of this directory share: their command line, the TAP, the end by
 * SIGTERM, and the reading of HTTP request heads.
 *
 * Every responder is started in the same way and serves the same things; README.md lists both.
 */
#ifndef STACKD_RIVALS_COMMON_H
#define STACKD_RIVALS_COMMON_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PORT_ECHO = 7,
    PORT_DISCARD = 9,
    PORT_SOURCE = 19,
    PORT_HTTP = 80,
    RIVAL_MTU = 1500,
    RIVAL_FRAME_MAX = 1514, /* without offload: 14 bytes of Ethernet header and the MTU */
};

struct rival_args {
    const char *tap;
    uint32_t ip; /* host order */
    unsigned prefix;
};

/** rival_stop - SIGTERM or SIGINT has come. */
extern volatile sig_atomic_t rival_stop;

/**
 * rival_args - take `--tap NAME` and `--ip A.B.C.D/P` (P: 24 if it is not said) out of a command line.
 *
 * Return: how many arguments are left in @argv behind argv[0]; the caller knows what they mean. Ends
 * the program with status 1 where there is no address.
 */
int rival_args(struct rival_args *a, int argc, char **argv);

/** rival_tap - attach to TAP @name, make it if it is not there. With @vnet a struct virtio_net_hdr
 * precedes each frame, and checksums and TCP segmentation are left to the other side, both ways.
 *
 * Return: a descriptor that does not block. Ends the program with status 2 where there is none.
 */
int rival_tap(const char *name, bool vnet);

/** rival_mac - the address of our end: locally administered, from the IP address. */
void rival_mac(uint8_t mac[6], uint32_t ip);

/** rival_ready - from now on signals set rival_stop; say `ready`. */
void rival_ready(void);

/** rival_die - say what failed and why (errno), end with status 2. */
_Noreturn void rival_die(const char *what);

/** struct http_scan - how far into a request head we are. All zero at its beginning. */
struct http_scan {
    char line[23]; /* what a line begins with: `connection: keep-alive` is 22 */
    uint8_t len;
    char last; /* the last byte before the line's end: the version in the request line */
    bool in_fields, close;
};

/**
 * http_scan - read @len bytes of requests.
 *
 * Return: how many heads ended in them. h->close tells whether the last of them wants the connection
 * closed after the reply: `Connection: close`, or HTTP/1.0 without `Connection: keep-alive`.
 */
unsigned http_scan(struct http_scan *h, const void *bytes, size_t len);

/** http_reply - the one reply there is. @close: with `Connection: close`. Its length is in *@len. */
const char *http_reply(bool close, size_t *len);

#endif
