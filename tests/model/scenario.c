/*
 * scenario.c - what the users of the two ends want; everything else is the search's.
 *
 * A script is a list of steps, taken in this order, each whenever it can be taken and the search
 * likes to:
 *
 *     listen open send:N shut close abort read unlisten flood forge idle
 *
 * `step@up` waits for the connection, `step@eof` for the end of the peer's stream (or an error),
 * `step@over` until no record of the four-tuple is left. `step!` may also come before its turn;
 * what stands before it is then left out: "open send:1 abort!" aborts at each moment. A is port
 * 1000, B port 80; an `open` of B is one from port 80 to A's port 1000.
 */
#include "search.h"

const struct scenario scenarios[] = {
    {
        .name = "open-close",
        .about = "passive and active open; the client closes, the server follows",
        .user = {"open shut close@eof", "listen close@eof"},
        .loss = 1, .dup = 1, .wire = 3,
        .clean = true,
    },
    {
        .name = "server-closes",
        .about = "the server closes first, the client follows",
        .user = {"open close@eof", "listen shut close@eof"},
        .loss = 2, .early = 1, .wire = 3,
        .clean = true,
    },
    {
        .name = "close-any",
        .about = "both close when they like: simultaneous close among it; a handshake may be given up",
        .user = {"open close", "listen close"},
        .loss = 1, .dup = 1, .wire = 3,
    },
    {
        .name = "simultaneous-open",
        .about = "both open actively; a SYN that comes too early is refused",
        .user = {"open close", "open close"},
        .loss = 1, .wire = 3,
    },
    {
        .name = "change-of-mind",
        .about = "both listen, then both would rather connect",
        .user = {"listen unlisten open close", "listen unlisten open close"},
        .loss = 1, .wire = 2,
    },
    {
        .name = "old-syn-ack",
        .about = "the server answers, stops listening and connects itself: its first SYN,ACK is old",
        .user = {"open close", "listen unlisten open close"},
        .dup = 1, .wire = 2,
    },
    {
        .name = "data",
        .about = "two segments one way, one back, half close, data after the FIN of the other side",
        .user = {"open send:1 send:1 shut close@eof", "listen send:1 close@eof"},
        .loss = 1, .wire = 2,
        .clean = true,
    },
    {
        .name = "half-close",
        .about = "the client has nothing to say and shuts its side; the server then sends two segments",
        .user = {"open shut@up close@eof", "listen idle@eof send:1 send:1 close"},
        .loss = 1, .wire = 3,
        .clean = true,
    },
    {
        .name = "stays",
        .about = "a segment each way, nobody closes: established and idle",
        .user = {"open send:1", "listen send:1"},
        .loss = 1, .dup = 1, .wire = 3,
        .clean = true, .stays = true,
    },
    {
        .name = "abort-client",
        .about = "the client aborts at each moment",
        .user = {"open send:1 shut abort!", "listen send:1 close"},
        .wire = 2,
        .patience = true,
    },
    {
        .name = "abort-heard",
        .about = "as abort-client, and nothing is lost: the server hears of it",
        .user = {"open send:2 abort!", "listen send:1 close@eof"},
        .wire = 3,
    },
    {
        .name = "abort-server",
        .about = "the server aborts at each moment",
        .user = {"open send:2 close", "listen send:1 shut abort!"},
        .wire = 2,
        .patience = true,
    },
    {
        .name = "reuse",
        .about = "the same four-tuple twice: the second SYN meets TIME-WAIT at the server",
        .user = {"open send:1 shut close@eof open send:1 shut close@eof", "listen send:1 shut close@eof send:1 close@eof"},
        .wire = 2,
        .clean = true,
    },
    {
        .name = "reopen-after-abort",
        .about = "the client aborts, forgets, and connects from the same port: half-open discovery",
        .user = {"open send:1 abort! open send:1 shut close@eof", "listen close@eof close@eof"},
        .wire = 2,
        .patience = true,
    },
    {
        .name = "seen-half-open",
        .about = "the client aborts, its reset is lost, and the server waits for ever: must be found",
        .user = {"open abort@up", "listen close@eof"},
        .loss = 1, .wire = 6,
        .expect = "stays in ESTABLISHED for ever",
    },
    {
        .name = "seen-illegal",
        .about = "a forged ACK of a FIN that never arrived: must be found",
        .user = {"open shut@up forge close@eof", "listen close@eof"},
        .wire = 6,
        .expect = "illegal pair",
    },
    {
        .name = "cookies",
        .about = "the half-open pool is full of a stranger's SYN: SYN cookies",
        .user = {"open send:1 shut close@eof", "listen flood close@eof"},
        .loss = 1, .wire = 3,
        .policy = TCP_SYN_COOKIES, .half_open = 1,
        .patience = true, /* a segment that overtakes the third one is refused: the client is reset,
                             then the third one comes and makes a connection of its own */
    },
    {
        .name = "pool-drop",
        .about = "the half-open pool is full: SYNs are dropped until there is room again",
        .user = {"open send:1 shut close@eof", "listen flood close@eof"},
        .loss = 1, .wire = 3,
        .policy = TCP_SYN_DROP, .half_open = 1,
    },
    {
        .name = "pool-reset",
        .about = "the half-open pool is full: SYNs are refused",
        .user = {"open send:1 shut close@eof", "listen flood close@eof"},
        .loss = 1, .wire = 3,
        .policy = TCP_SYN_RESET, .half_open = 1,
        .patience = true,
    },
    {
        .name = "pool-evict",
        .about = "the half-open pool is full: the oldest entry goes",
        .user = {"open send:1 shut close@eof", "listen flood close@eof"},
        .loss = 1, .wire = 3,
        .policy = TCP_SYN_EVICT, .half_open = 1,
        .patience = true,
    },
    {
        .name = "wrap",
        .about = "as data, with initial numbers that pass 2^32 in the SYN, the data and the FIN",
        .user = {"open send:1 send:1 shut close@eof", "listen send:1 close@eof"},
        .wire = 3,
        .iss = {0xffffffff, 0xfffffffc},
        .clean = true,
    },
    {
        .name = "wrap-simultaneous",
        .about = "as simultaneous-open, with initial numbers that pass 2^32",
        .user = {"open send:1 close", "open close"},
        .loss = 1, .wire = 2,
        .iss = {0xfffffffe, 0xffffffff},
    },
    {
        .name = "no-timestamps",
        .about = "as data, without timestamps",
        .user = {"open send:1 send:1 shut close@eof", "listen send:1 close@eof"},
        .dup = 1, .wire = 2,
        .no_timestamps = true,
        .clean = true,
    },
    {
        .name = "no-sack",
        .about = "as data, without selective acknowledgments: NewReno",
        .user = {"open send:1 send:1 shut close@eof", "listen send:1 close@eof"},
        .wire = 3,
        .no_sack = true, .no_rack = true,
        .clean = true,
    },
    {
        .name = "no-rack",
        .about = "as data, without RACK and tail loss probes: RFC 6675",
        .user = {"open send:1 send:1 shut close@eof", "listen send:1 close@eof"},
        .wire = 3,
        .no_rack = true,
        .clean = true,
    },
    {
        .name = "reuse-no-timestamps",
        .about = "as reuse, without timestamps: only the sequence number tells new from old",
        .user = {"open send:1 shut close@eof open@over send:1 shut close@eof", "listen send:1 shut close@eof send:1 close@eof"},
        .wire = 2,
        .no_timestamps = true,
        .clean = true,
    },
    {
        .name = "zero-window",
        .about = "the server reads late, its window shuts; updates and probes may be lost",
        .user = {"open send:5 shut close@eof", "listen read read read read close@eof"},
        .loss = 1, .wire = 2,
        .unit = 64, .rcvbuf = 256,
        .no_reading = true,
        .clean = true,
    },
};
const size_t scenario_count = ARRAY_LEN(scenarios);

const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < scenario_count; i++) {
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    }
    return NULL;
}

static bool word_is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

static bool step_parse(const char *text, size_t len, struct step *s)
{
    static const char *const kinds[] = {"listen", "open", "send",     "shut",  "close",
                                        "abort",  "read", "unlisten", "flood", "forge", "idle"};
    static const char *const guards[] = {"any", "up", "eof", "over"};
    const char *colon = memchr(text, ':', len), *at = memchr(text, '@', len);
    size_t end = len;

    *s = (struct step){.n = 1};
    if (len > 0 && text[len - 1] == '!') {
        s->early = true;
        end--;
    }
    if (at != NULL) {
        size_t g = 0;

        while (g < ARRAY_LEN(guards) &&
               !word_is(at + 1, (size_t)(text + end - at) - 1, guards[g]))
            g++;
        if (g == ARRAY_LEN(guards))
            return false;
        s->guard = (uint8_t)g;
        end = (size_t)(at - text);
    }
    if (colon != NULL) {
        s->n = (uint8_t)(colon[1] - '0');
        end = (size_t)(colon - text);
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        s->kind = (uint8_t)k;
        if (word_is(text, end, kinds[k]))
            return true;
    }
    return false;
}

int scenario_parse(const char *script, struct step steps[STEPS_MAX])
{
    int n = 0;

    for (const char *p = script; *p != '\0';) {
        size_t len = strcspn(p, " ");

        if (len > 0 && (n == STEPS_MAX || !step_parse(p, len, &steps[n++])))
            return -1;
        p += len + (p[len] == ' ');
    }
    return n;
}
