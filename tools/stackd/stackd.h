/*
 * stackd.h - the host program: all of its state, and what its parts may ask of it.
 *
 *     main.c       the order in which things come up and go down
 *     host.c       the kernel's end of the cable
 *     options.c    the command line
 *     loop.c       wait, read, process, write
 *     queues.c     --queues: several of all that, a thread each
 *     relay.c      what the queues hand over to one another
 *     sink.c       where events go: trace file, terminal, captures, control socket
 *     notes.c      which frame of a capture an event is a comment of
 *     netns.c      --netns and the command inside
 *     privileges.c what we may do after the start: nothing special
 *     files.c      --http-root, as the web server sees it
 *     control*.c   the control socket
 *
 * One thread, one loop, no locks; with --queues one for each queue, and a struct stackd for each, of which
 * the first has what there is once. The stack inside (struct net) does not know any of this.
 */
#ifndef STACKD_STACKD_H
#define STACKD_STACKD_H

#include <stdio.h>
#include <sys/types.h>

#include "control.h"
#include "files.h"
#include "l1_physical/capture.h"
#include "l1_physical/imp.h"
#include "l1_physical/port.h"
#include "l7_application/app.h"
#include "net.h"
#include "options.h"
#include "queues.h"

enum { STACKD_CAPTURES = 8, STACKD_BATCH = 128, STACKD_NOTES = 32 };

/* A capture that runs. */
struct stackd_capture {
    struct capture *c; /* NULL: this place is free */
    char path[256];    /* "-" standard output; "" a stream of the control socket */
    char filter[256];  /* as given, "" all */
    net_time since;
    uint64_t rx; /* frames received before */
};

/* What waits for a frame: see notes.c. */
struct stackd_note {
    struct trace_conn conn;
    char text[128];
    size_t len;
};

struct stackd_notes {
    uint64_t frame;         /* the newest that was captured, */
    struct trace_conn conn; /* and whose it is; proto 0: nobody's */
    struct stackd_note waiting[STACKD_NOTES];
    unsigned count;
};

struct stackd {
    struct stackd_options opt;
    struct queues *queues; /* NULL: there is one */
    unsigned queue;        /* our number, from 0 */
    struct stackd *first;  /* the queue that has what there is once: itself, where there is one */
    struct net net;
    struct app app;
    struct port *port;
    struct imp_chain imp[STACKD_FAULT_DIRS]; /* the bad wire: STACKD_RX, STACKD_TX; use imp_set() */
    struct control *ctl;                     /* NULL: none */
    struct stackd_capture capture[STACKD_CAPTURES];
    struct stackd_notes notes;
    bool has_sent; /* a capture wants frames as they were before the bad wire */
    bool pushing;  /* a frame onto the bad wire that was captured just before */
    void *mem; /* of net, app and imp: one untouched mapping */
    size_t mem_len;
    bool host_addr_added; /* we gave the kernel's end its address, on an interface that stays */
    bool is_refused;             /* somebody else has our address */
    bool ready, stopping, again; /* again: a second signal, go at once */
    int status;                  /* exit status so far */
    net_time started;
    net_time stop_by; /* when stopping: the last moment */
    int signal_fd;
    bool user_ns; /* we are in a user namespace of our own */
    pid_t child;  /* the command of --netns, 0: none */
    int child_go; /* pipe: one byte starts it, closing it ends it */

    struct loop_state {  /* loop.c */
        net_time at;     /* when the next round is due without a frame */
        net_time looked; /* when signals and the control socket were looked at */
        net_time last;   /* when frames came */
        net_time spin;   /* how long to look on before sleeping: --busy-poll, or less */
        bool slept;      /* since then */
        int awake_fd;    /* of --stay-awake, -1: without */
        bool is_awake;   /* the processors have been asked to stay awake */
        bool is_full;    /* no packet was free for what waits in the device */
    } loop;

    struct app_files files; /* --http-root */
    struct files root;      /* directory of --http-root */

    struct {
        int fd;    /* trace file, -1: none */
        char *buf; /* not yet written */
        size_t len;
        net_time last; /* when it was last written */
        bool is_color; /* lines on standard error */
    } sink;
};

/* For the control socket. */

/**
 * stackd_capture_start - begin a capture.
 * @o:   see capture.h: a path, or a stream function
 * @err: receives a line "what happened: how to mend it"
 *
 * Return: its number, or a negative errno value.
 */
int stackd_capture_start(struct stackd *d, const struct capture_options *o, char *err,
                         size_t err_len);
/** stackd_capture_stop - finish it: everything written. Return: 0, -ENOENT, or the error of the write. */
int stackd_capture_stop(struct stackd *d, int number, char *err, size_t err_len);

/** stackd_trace_changed - somebody follows other kinds of events than before. */
void stackd_trace_changed(struct stackd *d);

/* main.c */

/** stackd_pin - this thread runs on the processor of queue @i from now on. Return: 0 or -1. */
int stackd_pin(const struct stackd_options *o, unsigned i, char *err, size_t err_len);
/** stackd_free - give back port, files and memory. */
void stackd_free(struct stackd *d);

/* sink.c */

/** sink_open - trace file, colors and the capture of the command line. Return: 0 or -1. */
int sink_open(struct stackd *d, char *err, size_t err_len);
/** sink_close - finish captures and trace. */
void sink_close(struct stackd *d);
/** sink_round - a round of the loop is over: frames get no more comments. */
void sink_round(struct stackd *d);
/** sink_write - write what is buffered, if the last time is long ago or @force. */
void sink_write(struct stackd *d, net_time now, bool force);
/** sink_deadline - when sink_write() has something to do; NET_NEVER: nothing is buffered. */
net_time sink_deadline(const struct stackd *d);
/** sink_say - one line on standard error, `stackd: ...`. */
void sink_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** sink_sent - @p comes in and is before the bad wire; if has_sent. */
void sink_sent(struct stackd *d, const struct pkt *p);
/** sink_arrived - @n frames have left and are behind the bad wire; if has_sent. */
void sink_arrived(struct stackd *d, struct pkt **p, int n);
/** sink_note - a comment for frame @frame of all captures. */
void sink_note(struct stackd *d, uint64_t frame, const char *text, size_t len);

/* notes.c */

/** notes_event - @ev may be a comment of a frame, now or later. */
void notes_event(struct stackd *d, const struct trace_ev *ev);
/** notes_frame - frame @p has just been captured, and what is known of it is told. */
void notes_frame(struct stackd *d, const struct pkt *p, bool out);
/** notes_round - a round of the loop is over: what waits waits in vain. */
void notes_round(struct stackd *d);

/* loop.c */

/** loop_run - until a signal, a failure or the command's end. */
void loop_run(struct stackd *d);
/** stackd_now - nanoseconds since 1970, as of the start of the program; never jumps. */
net_time stackd_now(void);

/* host.c */

/** host_queue - how many frames may wait at the kernel's end of a TAP for us to read them; 0: not known. */
uint32_t host_queue(const struct stackd *d);
/** host_check - is --ip free, as far as this machine knows? */
int host_check(struct stackd *d, char *err, size_t err_len);
/** host_config - link up, MTU, address of the kernel's end. */
int host_config(struct stackd *d, char *err, size_t err_len);
/** host_restore - take back what would stay. */
void host_restore(struct stackd *d);

/* netns.c */

/** netns_enter - a network namespace of our own; a user namespace too, unless root. */
int netns_enter(struct stackd *d, char *err, size_t err_len);
/** netns_command - fork the command; it waits for netns_go(). */
int netns_command(struct stackd *d, char *err, size_t err_len);
void netns_go(struct stackd *d);
/** netns_how - the words in front of a command that is to run inside. */
void netns_how(const struct stackd *d, char *out, size_t len);

/* privileges.c */

/** privileges_drop - keep no capability; CAP_NET_ADMIN in reserve if @keep_net_admin. */
int privileges_drop(bool keep_net_admin, char *err, size_t err_len);
/** privileges_raise - take CAP_NET_ADMIN out of the reserve. */
int privileges_raise(void);

#endif
