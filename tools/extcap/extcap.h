/*
 * extcap.h - running stackds as interfaces of Wireshark (extcap(4)).
 *
 * Wireshark runs this program, several times: to hear which interfaces there are, what kind of frames
 * they have, which options, and at last to capture, into a FIFO that it reads. Each answer is a sentence a
 * line, `word {key=value}...`. While it captures, two more FIFOs carry what the user does in the toolbar,
 * and what he sees there.
 *
 *     main.c      the command line, the order of things
 *     list.c      the answers: interfaces, link types, options; which stackd is meant
 *     relay.c     the capture: bytes from a stackd to the FIFO, block by block
 *     toolbar.c   loss, delay and rate of the bad wire while it runs; the log of events
 *
 * It is as much a client of the control socket as stackctl is, and may as much: whoever may not open the
 * socket does not see the interface.
 */
#ifndef STACKD_EXTCAP_H
#define STACKD_EXTCAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "dial.h"

enum { EXTCAP_OK = 0, EXTCAP_USAGE = 1, EXTCAP_FAILED = 2 };
enum { EXTCAP_NAME = 64 };

struct extcap {
    bool interfaces, dlts, config, capture;
    const char *interface, *filter, *fifo, *reload, *control_in, *control_out;
    /* The user's choices. */
    const char *connection; /* as the trace writes it; NULL or "": all */
    bool sent;
    long snaplen; /* 0: whole frames */
};

/* A stackd that answers. */
struct extcap_if {
    char value[EXTCAP_NAME]; /* its name as an interface: stackd-tap0 */
    char path[DIAL_PATH];
    char display[160];
};

/** extcap_say - one line on standard error, which Wireshark shows. Return: @status. */
int extcap_say(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* list.c */

/** list_find - those that answer. @found: DIAL_MOST of them. Return: how many. */
int list_find(struct extcap_if *found);
/** list_dial - connect to the stackd that is interface @value. Return: whether; if not, it has been said. */
bool list_dial(const char *value, struct dial *d);
/** list_interfaces, list_dlts, list_config - answer. Return: exit status. */
int list_interfaces(void);
int list_dlts(const struct extcap *x);
int list_config(const struct extcap *x);
/** list_patience - let a stackd that does not answer delay us for @seconds at most; 0: for ever. */
void list_patience(const struct dial *d, int seconds);

/* relay.c */

/** relay_filter - the filter of a capture: @x's, and that of its connection. @out: receives it.
 * Return: whether the connection is one. */
bool relay_filter(const struct extcap *x, char *out, size_t len);
/** relay_check - is the filter one? Wireshark asks while the user types. Return: exit status. */
int relay_check(const struct extcap *x);
/** relay_run - capture until a signal, the reader or the stackd ends it. Return: exit status. */
int relay_run(const struct extcap *x);

/* toolbar.c */

enum toolbar_control {
    TOOLBAR_LOSS,
    TOOLBAR_DELAY,
    TOOLBAR_RATE,
    TOOLBAR_GOOD,
    TOOLBAR_LOG,
    TOOLBAR_HELP,
    TOOLBAR_CONTROLS
};

struct toolbar {
    int in, out;       /* control pipes, -1: none, as with tshark */
    struct dial ask;   /* for requests */
    struct dial trace; /* events for the log */
    char buf[4096];    /* of what came in, up to a whole message */
    size_t len;
};

/** toolbar_list - the sentences that declare it. */
void toolbar_list(void);
/** toolbar_open - the pipes of @x, and connections to the stackd at @path; nothing without pipes. */
void toolbar_open(struct toolbar *t, const struct extcap *x, const char *path);
/** toolbar_read - the user has done something. Return: false when the pipe is over. */
bool toolbar_read(struct toolbar *t);
/** toolbar_events - the stackd has told something. Return: false when it is over. */
bool toolbar_events(struct toolbar *t);
void toolbar_close(struct toolbar *t);

#endif
