/*
 * toolbar.c - loss, delay and rate of the bad wire in Wireshark's toolbar, and a log of events.
 *
 * Two FIFOs, one each way. A message is
 *
 *     'T', length (3 bytes, the high one first; of what follows), control, command, payload
 *
 * What the user chooses becomes a `fault` request of the control socket, for both directions, and what the
 * stackd says to it stands in the status bar, or in a warning. At the start the toolbar shows how the wire is;
 * a value that is in no list is added. Changes that others make meanwhile (stackctl fault) are not seen.
 *
 * The pipes are opened for both directions, so that neither opening nor reading waits for Wireshark to be
 * quick; a message that does not fit into the pipe is left out.
 */
#include "extcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOOLBAR_HEAD = 6, TOOLBAR_PATIENCE = 2 };
enum toolbar_command {
    TOOLBAR_INITIALIZED,
    TOOLBAR_SET,
    TOOLBAR_ADD,
    TOOLBAR_REMOVE,
    TOOLBAR_ENABLE,
    TOOLBAR_DISABLE,
    TOOLBAR_STATUS,
    TOOLBAR_INFO,
    TOOLBAR_WARNING,
    TOOLBAR_ERROR
};

/* Controls with a list of values. */
static const struct toolbar_choice {
    const char *display, *tooltip, *fault, *unit;
    const char *value[9]; /* the first is a good wire */
} toolbar_choices[] = {
    /* clang-format off */
    [TOOLBAR_LOSS] = {
        .display = "Loss", .unit = " %", .fault = "drop",
        .tooltip = "Chance that a frame is lost, both ways",
        .value = {"0", "0.1", "0.5", "1", "2", "5", "10", "20", "50"},
    },
    [TOOLBAR_DELAY] = {
        .display = "Delay", .unit = " ms", .fault = "delay",
        .tooltip = "How much later each frame arrives, both ways",
        .value = {"0", "1", "5", "10", "20", "50", "100", "300", "1000"},
    },
    [TOOLBAR_RATE] = {
        .display = "Rate", .unit = " bit/s", .fault = "rate",
        .tooltip = "Bits a second, each way; 0 is no limit",
        .value = {"0", "64000", "1000000", "10000000", "100000000", "1000000000"},
    },
    /* clang-format on */
};
enum { TOOLBAR_CHOICES = sizeof(toolbar_choices) / sizeof(toolbar_choices[0]), TOOLBAR_VALUES = 9 };

void toolbar_list(void)
{
    for (int c = 0; c < TOOLBAR_CHOICES; c++)
        printf("control {number=%d}{type=selector}{display=%s}{tooltip=%s}\n", c,
               toolbar_choices[c].display, toolbar_choices[c].tooltip);
    printf("control {number=%d}{type=button}{display=Good wire}{tooltip=No faults any more}\n",
           TOOLBAR_GOOD);
    printf("control {number=%d}{type=button}{role=logger}{display=Events}"
           "{tooltip=States, windows, drops and retransmissions as they happen}\n",
           TOOLBAR_LOG);
    printf("control {number=%d}{type=button}{role=help}{display=Help}{tooltip=RFC 9293}\n",
           TOOLBAR_HELP);
    for (int c = 0; c < TOOLBAR_CHOICES; c++) {
        const struct toolbar_choice *choice = &toolbar_choices[c];

        for (int v = 0; v < TOOLBAR_VALUES && choice->value[v] != NULL; v++)
            printf("value {control=%d}{value=%s}{display=%s%s}%s\n", c, choice->value[v],
                   choice->value[v], choice->unit, v == 0 ? "{default=true}" : "");
    }
}

static void toolbar_tell(const struct toolbar *t, int control, enum toolbar_command command,
                         const char *payload, size_t len)
{
    char message[TOOLBAR_HEAD + 1024];

    if (len > sizeof(message) - TOOLBAR_HEAD)
        len = sizeof(message) - TOOLBAR_HEAD;
    size_t n = len + 2;

    message[0] = 'T';
    message[1] = (char)(n >> 16);
    message[2] = (char)(n >> 8);
    message[3] = (char)n;
    message[4] = (char)control;
    message[5] = (char)command;
    memcpy(message + TOOLBAR_HEAD, payload, len);
    (void)!write(t->out, message, TOOLBAR_HEAD + len); /* whole or not at all: less than PIPE_BUF */
}

static void toolbar_text(const struct toolbar *t, int control, enum toolbar_command command,
                         const char *text)
{
    toolbar_tell(t, control, command, text, strlen(text));
}

/* Let control @c show @value. */
static void toolbar_show(const struct toolbar *t, int c, double value)
{
    const struct toolbar_choice *choice = &toolbar_choices[c];
    char text[32], both[96];
    int v = 0;

    snprintf(text, sizeof(text), "%.10g", value);
    while (v < TOOLBAR_VALUES && choice->value[v] != NULL && strcmp(choice->value[v], text) != 0)
        v++;
    if (v == TOOLBAR_VALUES || choice->value[v] == NULL) {
        int len = snprintf(both, sizeof(both), "%s%c%s%s", text, '\0', text, choice->unit);

        toolbar_tell(t, c, TOOLBAR_ADD, both, (size_t)len);
    }
    toolbar_text(t, c, TOOLBAR_SET, text);
}

/* How the wire is now: that towards the host stands for both. */
static void toolbar_show_all(const struct toolbar *t, const json_t *reply)
{
    const json_t *rx = json_object_get(json_object_get(reply, "fault"), "rx");

    for (int c = 0; rx != NULL && c < TOOLBAR_CHOICES; c++)
        toolbar_show(t, c, json_number_value(json_object_get(rx, toolbar_choices[c].fault)));
}

/* Send @request; the status bar says @done, or a warning what was wrong. */
static void toolbar_do(struct toolbar *t, int control, json_t *request, const char *done)
{
    json_t *reply = dial_ask(&t->ask, request);
    const char *error = json_string_value(json_object_get(reply, "error"));

    if (json_is_true(json_object_get(reply, "ok")))
        toolbar_text(t, control, TOOLBAR_STATUS, done);
    else
        toolbar_text(t, control, TOOLBAR_WARNING,
                     error != NULL ? error : "stackd does not answer: has it ended?");
    if (control == TOOLBAR_GOOD)
        toolbar_show_all(t, reply);
    json_decref(request);
    json_decref(reply);
}

static void toolbar_message(struct toolbar *t, int control, int command, const char *payload,
                            size_t len)
{
    char value[64], done[128];

    if (control == TOOLBAR_GOOD && command == TOOLBAR_SET) {
        toolbar_do(t, control, json_pack("{s:s,s:b}", "cmd", "fault", "off", 1), "a good wire");
        return;
    }
    if (command != TOOLBAR_SET || control >= TOOLBAR_CHOICES || len >= sizeof(value))
        return; /* Initialized, Help, the log: nothing to do */
    memcpy(value, payload, len);
    value[len] = '\0';
    const struct toolbar_choice *choice = &toolbar_choices[control];

    snprintf(done, sizeof(done), "%s %s%s", choice->display, value, choice->unit);
    toolbar_do(t, control,
               json_pack("{s:s,s:[{s:s,s:s,s:s}]}", "cmd", "fault", "set", "name", choice->fault,
                         "dir", "both", "value", value),
               done);
}

bool toolbar_read(struct toolbar *t)
{
    ssize_t n = read(t->in, t->buf + t->len, sizeof(t->buf) - t->len);
    size_t at = 0;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0)
        return false;
    t->len += (size_t)n;
    while (t->len - at >= TOOLBAR_HEAD) {
        const unsigned char *m = (const unsigned char *)t->buf + at;
        size_t len = (size_t)m[1] << 16 | (size_t)m[2] << 8 | m[3];

        if (m[0] != 'T' || len < 2 || len + 4 > sizeof(t->buf))
            return false; /* not what was agreed upon */
        if (t->len - at < len + 4)
            break;
        toolbar_message(t, m[4], m[5], (const char *)m + TOOLBAR_HEAD, len - 2);
        at += len + 4;
    }
    memmove(t->buf, t->buf + at, t->len - at);
    t->len -= at;
    return true;
}

bool toolbar_events(struct toolbar *t)
{
    ssize_t n = read(t->trace.fd, t->trace.in + t->trace.in_len, t->trace.in_cap - t->trace.in_len);
    char *line, *nl;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    t->trace.in_len += (size_t)n;
    for (;;) {
        line = t->trace.in + t->trace.in_taken;
        nl = memchr(line, '\n', t->trace.in_len - t->trace.in_taken);
        if (nl == NULL)
            break;
        toolbar_tell(t, TOOLBAR_LOG, TOOLBAR_ADD, line, (size_t)(nl + 1 - line));
        t->trace.in_taken = (size_t)(nl + 1 - t->trace.in);
    }
    dial_rest(&t->trace);
    return true;
}

static void toolbar_follow(struct toolbar *t, const char *path)
{
    if (dial_open(&t->trace, path) != 0)
        return;
    json_t *request = json_pack("{s:s,s:s,s:[s,s,s,s,s]}", "cmd", "trace", "format", "text",
                                "kinds", "tcp_state", "drop", "rtx", "arp", "conflict");
    json_t *reply = dial_ask(&t->trace, request);

    if (!json_is_true(json_object_get(reply, "ok")))
        dial_close(&t->trace);
    else
        dial_rest(&t->trace);
    json_decref(request);
    json_decref(reply);
}

void toolbar_open(struct toolbar *t, const struct extcap *x, const char *path)
{
    *t = (struct toolbar){.in = -1, .out = -1, .ask.fd = -1, .trace.fd = -1};
    if (x->control_in == NULL || x->control_out == NULL)
        return;
    t->in = open(x->control_in, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    t->out = open(x->control_out, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (t->in < 0 || t->out < 0 || dial_open(&t->ask, path) != 0) {
        toolbar_close(t);
        return;
    }
    list_patience(&t->ask, TOOLBAR_PATIENCE);
    json_t *request = json_pack("{s:s}", "cmd", "fault"), *reply = dial_ask(&t->ask, request);

    toolbar_show_all(t, reply);
    json_decref(request);
    json_decref(reply);
    toolbar_follow(t, path);
}

void toolbar_close(struct toolbar *t)
{
    if (t->in >= 0)
        close(t->in);
    if (t->out >= 0)
        close(t->out);
    dial_close(&t->ask);
    dial_close(&t->trace);
    t->in = t->out = -1;
}
