/*
 * stackctl.h - what the objects of stackctl share.
 *
 * stackctl knows nothing of the stack: it turns words of the command line into one JSON request,
 * and the reply into a table in the manner of `ip` and `ss`, or with -j hands the reply on as it
 * is. The protocol is described in tools/stackd/control.h.
 *
 * Exit status of every object: 0 done, 1 wrong usage, 2 refused or failed.
 */
#ifndef STACKCTL_H
#define STACKCTL_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dial.h"

enum { CTL_OK = 0, CTL_USAGE = 1, CTL_FAILED = 2, CTL_WORDS = 64 };
/* Options without a letter. */
enum {
    CTL_KEY_SENT = 0x200,
    CTL_KEY_FILTER,
    CTL_KEY_PROGRAM,
    CTL_KEY_USER,
    CTL_KEY_SYSTEM,
    CTL_KEY_DRY_RUN,
    CTL_KEY_REMOVE
};

/* The command line after the object, and the connection to stackd. */
struct ctl {
    const char *control; /* --control, or the one found */
    bool json, verbose, color;
    const char *object;
    char *word[CTL_WORDS]; /* what is not an option */
    int words;

    /* Options of single objects. */
    bool listen, udp, text, watch;
    bool sent;                          /* of pcap and wireshark */
    const char *filter, *program;       /* of wireshark */
    bool user, system, dry_run, remove; /* of wireshark-install */
    struct probe_words { /* of probe */
        const char *flags, *seq, *ack, *opt[8];
        int opts;
        long win, len, ttl;
        bool bad_sum;
    } probe;
    long count, size, wait;
    double interval;
    const char *address; /* of doctor: the --ip to check */

    struct dial to; /* stackd */
};

/* One object of `stackctl OBJECT`. */
struct object {
    const char *name, *args, *help;
    const struct argp_option *options;
    int (*run)(struct ctl *c);
};

/** ctl_say - `stackctl: ...` on standard error. Return: @status, to be returned. */
int ctl_say(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** ctl_connect - to --control, or to the only stackd running. Return: CTL_OK or a status, said. */
int ctl_connect(struct ctl *c);

/**
 * ctl_ask - connect if need be, send @request (its reference is taken), read the reply.
 * @status: receives CTL_OK or what to exit with; errors have been said
 *
 * Return: the reply, to be released with json_decref(), or NULL.
 */
json_t *ctl_ask(struct ctl *c, json_t *request, int *status);

/** ctl_ask_all - as ctl_ask, for long tables: repeats with "from" until there is no "next", and
 * joins the arrays named in @keys (ended by NULL). */
json_t *ctl_ask_all(struct ctl *c, json_t *request, const char *const *keys, int *status);

/** ctl_do - a request whose reply is of interest with -j only. Return: status. */
int ctl_do(struct ctl *c, json_t *request);

/** ctl_print_json - one reply on standard output, without "ok". */
void ctl_print_json(const json_t *reply);

/* Members of a JSON object, with an answer for those that are missing. */
const char *jstr(const json_t *o, const char *key);
long long jnum(const json_t *o, const char *key);
double jreal(const json_t *o, const char *key);
bool jbool(const json_t *o, const char *key);

/** ctl_watch - --watch: call @once every c->interval seconds, on a screen of its own. Return: status. */
int ctl_watch(struct ctl *c, int (*once)(struct ctl *c));
/** ctl_seconds - is @word a number of seconds for --watch? */
bool ctl_seconds(const char *word, double *seconds);
/** ctl_gauge - print how full something is, and how full it ever was. */
void ctl_gauge(const struct ctl *c, double len, double peak, double max);

/** ctl_paint - the escape sequence for @name ("red", "bold"... "" ends), or "" without colour. */
const char *ctl_paint(const struct ctl *c, const char *name);

int ctl_sock(struct ctl *c);
int ctl_listen(struct ctl *c);
int ctl_neigh(struct ctl *c);
int ctl_route(struct ctl *c);
int ctl_link(struct ctl *c);
int ctl_maddr(struct ctl *c);
int ctl_stats(struct ctl *c);
int ctl_trace(struct ctl *c);
int ctl_pcap(struct ctl *c);
int ctl_fault(struct ctl *c);
int ctl_nc(struct ctl *c);
int ctl_ping(struct ctl *c);
int ctl_doctor(struct ctl *c);
int ctl_conformance(struct ctl *c);
int ctl_explain(struct ctl *c);
int ctl_probe(struct ctl *c);
int ctl_top(struct ctl *c);
/** ctl_number - a whole number from @min to @max, or the program ends with a message. @key: the option. */
long ctl_number(const char *option, const char *arg, long min, long max);

/* Keys of options that have no letter. */
enum {
    KEY_FLAGS = 0x300,
    KEY_SEQ,
    KEY_ACK,
    KEY_WIN,
    KEY_LEN,
    KEY_OPT,
    KEY_TTL,
    KEY_BAD_SUM
};
/** probe_option - an option of probe. Return: whether it is one. */
bool probe_option(struct ctl *c, int key, char *arg);

/** ctl_conn - the whole name of the one connection that @name is part of, to be released with free(); @name
 * itself where there is none. Return: NULL: said why, and what to exit with is in *@status. */
char *ctl_conn(struct ctl *c, const char *name, int *status);
int ctl_wireshark(struct ctl *c);
int ctl_wireshark_install(struct ctl *c);

/** ctl_wireshark_option - @key is one of theirs. Return: whether it was. */
bool ctl_wireshark_option(struct ctl *c, int key, char *arg);
extern const struct argp_option wireshark_options[], wireshark_install_options[];

/** ctl_stream - hand on what stackd streams to @fd, until one of them ends. Return: status, said. */
int ctl_stream(struct ctl *c, int fd);

extern const struct argp_option nc_options[], ping_options[], doctor_options[], pcap_options[],
    sock_options[], listen_options[], trace_options[], probe_options[];

#endif
