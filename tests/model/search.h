/*
 * search.h - explicit-state search of the core: two hosts, a wire, and everything that may happen next.
 *
 * A model of TCP can be right where the code is wrong, so the code itself is searched. Two hosts
 * (struct net, pools cut small) share one clock and a wire that holds a few segments. A state is
 * everything: both hosts with all their memory, the wire, the users and the clock. From each state
 * every action that is possible is tried:
 *
 *     a b    the next step of the user of host A, of B (their scripts are the scenario)
 *     A B    a later step of the script that may come early (marked with !)
 *     d0-d5  a segment in flight arrives, any of them: that is reordering
 *     x0-x5  it is lost              } bounded numbers of these on one path:
 *     u0-u5  it is there twice       } the budgets of the scenario,
 *     t      time passes to the next deadline; with something in flight that is a delay
 *            longer than a timer, which has a budget, too
 *
 * Hosts are values: all of a state lies in one mapping (image.c), so saving it is a copy and going
 * back is a copy to the same address. The search is breadth first, so the first counter-example is
 * a shortest one. A state is visited once: canon.c writes it in a canonical form, of which a
 * 64-bit hash is kept (10^7 states: one chance in 10^5 that two of them meet and one is missed).
 *
 * What is shown of every state that is reached:
 *
 *   - no assertion of the core fails, and no deadline lies in the past
 *   - the pair of states is a legal one: legal.c, a table of its own, from the RFC's text
 *   - bytes come once, in order, unharmed, and of the connection they were sent on; the end of
 *     the stream after all of them, once, and only if the peer has closed
 *   - with a perfect wire from here on the run comes to an end: connections are over (or
 *     established and idle where the scenario leaves them so), all that was sent in good order
 *     arrived, nothing leaked. So there is no deadlock, and no end stays half open for ever
 *   - where the scenario is "clean" no connection is broken by a reset or a timeout
 *
 * What the abstraction loses. Frames take no time; only timers do. Of times canon.c keeps which
 * deadlines are armed and in which order they come; of timestamps their order; not how far apart
 * they are. Round trips, the RTO, the exact windows of throttles (challenge ACKs, ACKs from TIME-WAIT)
 * and how many of the first sixteen quick ACKs are left are dropped. Two states that differ in
 * these only count as one, and only the one that was reached first is followed: so a fault that
 * needs a certain RTO or a certain throttle may be missed here. (tests/sim has random ones.)
 * ARP is not part of it: its frames arrive at once. A segment does not outlive the MSL, which TCP
 * is entitled to assume (RFC 9293 section 3.4.1).
 */
#ifndef STACKD_TESTS_SEARCH_H
#define STACKD_TESTS_SEARCH_H

#include <setjmp.h>
#include <stdio.h>

#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_priv.h"
#include "net.h"

enum {
    WIRE_MAX = 6,    /* segments in flight */
    FRAME_MAX = 384, /* bytes of one */
    STEPS_MAX = 12,  /* of a user's script */
    TALKS_MAX = 8,   /* connections of one end, one after the other */
    PORT_A = 1000,
    PORT_B = 80,
    IP_A = 0x0a000001,       /* B has the next one */
    IP_STRANGER = 0x0a000009
};

/* ---- image.c: one mapping, its touched pages, and copies of them ---- */

struct image {
    uint8_t *base;
    size_t len;
    uint32_t *live; /* pages that were ever written, in the order of their first write */
    uint32_t live_count, pages;
};

struct shot { /* a saved state */
    uint8_t *bytes;
    uint32_t pages, cap;
};

/** image_open - a zero-filled mapping of @len bytes; there is one at a time. */
void image_open(struct image *im, size_t len);
void image_close(struct image *im);
void image_save(const struct image *im, struct shot *s);
void image_restore(const struct image *im, const struct shot *s);

/* ---- scenario.c ---- */

enum step_kind {
    STEP_LISTEN,   /* passive open of its port */
    STEP_OPEN,     /* active open of the four-tuple A:1000 - B:80 */
    STEP_SEND,     /* so many units of data */
    STEP_SHUT,     /* nothing more to send, but to receive */
    STEP_CLOSE,
    STEP_ABORT,
    STEP_READ,     /* what has arrived, where it is not read at once */
    STEP_UNLISTEN, /* close the listening socket */
    STEP_FLOOD,    /* a SYN of somebody else comes, who never answers */
    STEP_FORGE,    /* an ACK of all that was sent comes, and the peer did not send it */
    STEP_IDLE      /* nothing: stands for its guard */
};
enum guard { WHEN_ANY, WHEN_UP, WHEN_EOF, WHEN_OVER };

struct step {
    uint8_t kind, guard, n;
    bool early; /* may be taken although steps before it have not been: they are left out */
};

struct scenario {
    const char *name, *about;
    const char *user[2];        /* scripts, see scenario.c */
    uint8_t loss, dup, early;   /* budgets of a path, */
    uint8_t wire;               /* and segments in flight, for the run in tests/run.sh */
    uint32_t iss[2];            /* 0: far from the edge */
    enum tcp_syn_policy policy;
    uint32_t half_open;         /* size of the half-open pool: 4 */
    uint32_t unit;              /* bytes of one send: 4 */
    uint32_t rcvbuf;            /* 0: default */
    net_time msl;               /* of the hosts; the wire's is always 30 s */
    bool no_timestamps, no_sack, no_rack, no_reading, nagle, no_reuse;
    bool packs;                 /* a connection that rests is packed at once (tcp_idle.c) */
    bool clean;                 /* no connection ends by a reset, an abort or a timeout */
    bool stays;                 /* the users leave the connection open: it may stay established */
    bool patience;              /* a user who waits in vain goes on: nobody told him (no keep-alive) */
    const char *expect;         /* a failure with these words must be found: the search can see */
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;
const struct scenario *scenario_find(const char *name);
/** scenario_parse - the steps of a script. Return: how many, -1 for a word that is none. */
int scenario_parse(const char *script, struct step steps[STEPS_MAX]);

/* ---- ends.c: the two hosts, the wire, the users ---- */

/* What became of a connection: the states, with CLOSED told apart. */
enum fate { FATE_OVER = TCP_STATES, FATE_BROKEN, FATES };

/* One connection of an end, as an observer sees it who can read the numbers. */
struct talk {
    tcp_seq iss, irs;
    bool has_irs, acked; /* the peer's SYN has come; our SYN is acknowledged */
    uint8_t state;  /* enum tcp_state, FATE_OVER after a proper end, FATE_BROKEN after another */
    uint16_t sent;  /* bytes given to the core */
    uint16_t got;   /* bytes read */
    bool fin;       /* the user closed or shut the sending side */
    bool eof;       /* the end of the peer's stream was read */
    bool left;      /* closed before the end of the peer's stream, or aborted */
    bool failed;    /* a call reported an error */
};

struct end {
    struct net n;
    net_time offset; /* of its clock */
    struct step steps[STEPS_MAX];
    uint8_t step_count, step;
    int sd, lsd;
    uint8_t talks;
    struct talk talk[TALKS_MAX];
    uint8_t mine;         /* talk of the user's socket, TALKS_MAX: none yet */
    bool has_record;      /* the last talk still stands in the table of connections */
    bool ended_well;      /* the arrow to CLOSED taken last came from LAST_ACK or TIME_WAIT */
};

struct seg {
    uint8_t from;
    uint16_t number; /* in the ladder */
    uint16_t len;
    net_time sent_at;
    uint8_t frame[FRAME_MAX];
};

struct model {
    struct end end[2];
    struct seg wire[WIRE_MAX];
    uint8_t wire_len, wire_max;
    uint8_t loss, dup, early; /* what is left of the budgets */
    uint16_t sent;            /* segments so far */
    net_time now, wire_life;
    const struct scenario *sc;
    const char *fault;        /* the first thing that was wrong */
    char fault_text[160];
    FILE *ladder;             /* where to draw, NULL: nowhere */
};

enum act_kind { ACT_USER, ACT_EARLY, ACT_DELIVER, ACT_DROP, ACT_DUP, ACT_TIME, ACT_KINDS };
struct act {
    uint8_t kind, arg;
};
enum { ACTS_MAX = 4 + 3 * WIRE_MAX + 1 };

/** model_size - bytes of memory for a scenario: struct model and both hosts' regions. */
size_t model_size(const struct scenario *sc);
/** model_begin - @m, at the start of a zero-filled mapping, in its first state. */
void model_begin(struct model *m, const struct scenario *sc);
/** model_acts - what may happen next. Return: how many. */
size_t model_acts(struct model *m, struct act acts[ACTS_MAX]);
/** model_perfect - what happens next on a perfect wire. Return: false at the end. */
bool model_perfect(struct model *m, struct act *act);
/** model_do - let @act happen. Return: false when something is wrong (m->fault). */
bool model_do(struct model *m, struct act act);
/** model_finish - the users go, everything ends; checks that nothing is left. */
void model_finish(struct model *m);
/** model_fail - note what is wrong; the first one tells. */
void model_fail(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** model_record - of the four-tuple, at end @h; NULL: none. */
struct tcp_conn *model_record(const struct model *m, unsigned h);
/** model_unpacked - what @i, which rests at end @h, will be when it wakes; until the next such call. */
struct tcb *model_unpacked(const struct model *m, unsigned h, const struct tcp_idle *i);
/** model_state - of the connection (or listener) of end @h. */
enum tcp_state model_state(const struct model *m, unsigned h);
/** model_act_text - as in a path: "d0". */
void model_act_text(struct act act, char text[4]);
/** model_act_parse - Return: false for no action. */
bool model_act_parse(const char *text, struct act *act);
static inline net_time model_now(const struct model *m, unsigned h)
{
    return m->now + m->end[h].offset;
}
/** model_tcb - the block behind the user's socket of end @h; NULL: none. */
struct tcb *model_tcb(const struct model *m, unsigned h);
/** model_id - the four-tuple as end @h sees it. */
struct tcp_id model_id(unsigned h);

/** model_input - a frame arrives at end @h. */
void model_input(struct model *m, unsigned h, const uint8_t *frame, size_t len);

/* ---- user.c ---- */

/** user_listen - passive open. */
void user_listen(struct model *m, unsigned h);
/** user_can - can step @s be taken now? @anyway: whatever its guard says. */
bool user_can(const struct model *m, unsigned h, const struct step *s, bool anyway);
/** user_next - the step that would be next; @early: a later one that may come now. NULL: none. */
const struct step *user_next(const struct model *m, unsigned h, bool early);
void user_do(struct model *m, unsigned h, const struct step *s);
/** user_attend - accept and read what there is. Return: whether anything was. */
bool user_attend(struct model *m, unsigned h);
/** user_leave - the user closes or aborts. */
void user_leave(struct model *m, unsigned h, bool abort);

/* ---- observe.c: who talks to whom, and is that right? ---- */

/** observe - look at the records of both ends: new talks, the state of the old ones. */
void observe(struct model *m);
/** observe_legal - after an action: is the pair of states a legal one? */
void observe_legal(struct model *m);
/** observe_talk - of the user's socket of end @h; NULL: none. */
struct talk *observe_talk(struct model *m, unsigned h);
/** observe_mine - end @h's user has a new socket: which talk is it? */
void observe_mine(struct model *m, unsigned h);
/** observe_trace - sink of the hosts' traces. */
void observe_trace(void *model, const struct trace_ev *ev);
/** observe_partner - the talk of the other end that @t of end @h belongs to; NULL: none. */
struct talk *observe_partner(struct model *m, unsigned h, const struct talk *t);
/** observe_end - after a run to the end: did all arrive that should have? */
void observe_end(struct model *m);

/** legal_pair - may one end be in @x while its partner is in @y? enum tcp_state or fate. */
bool legal_pair(unsigned x, unsigned y);
/** legal_why - the reason of row @x. */
const char *legal_why(unsigned x);
const char *fate_name(unsigned x);

/* ---- canon.c ---- */

/** canon_hash - of the canonical form of a state. */
uint64_t canon_hash(struct model *m);

/* ---- search.c ---- */

struct search_limits {
    uint64_t states;    /* 0: no limit */
    uint32_t depth;     /* 0: no limit */
    int loss, dup, early, wire; /* -1: as the scenario says */
    bool progress;
};

struct search_result {
    uint64_t states, transitions, settled;
    uint32_t depth;  /* of the deepest state */
    bool complete;   /* all states within the budgets were visited */
    bool failed;
    char fault[160];
    char path[1024]; /* to the state where it failed */
    uint64_t packed; /* states in which a connection rests in a packed record */
    uint8_t pairs[TCP_STATES][TCP_STATES]; /* of states, that the ends' first connections were in */
};

/** search - visit all states of @sc. Return: whether the outcome is as it should be. */
bool search(const struct scenario *sc, const struct search_limits *limits,
            struct search_result *r);
/** search_replay - draw the ladder of @path, then of a perfect run to the end. Return: as search. */
bool search_replay(const struct scenario *sc, const struct search_limits *limits, const char *path,
                   FILE *out);

/* ---- ladder.c ---- */
void ladder_head(const struct model *m, FILE *f);
void ladder_act(struct model *m, struct act act);
void ladder_sent(struct model *m, const struct seg *s);
void ladder_note(struct model *m, const char *text);
void ladder_states(struct model *m);

#endif
