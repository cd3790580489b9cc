/*
 * say.h - how the program speaks: messages, colours, JSON strings.
 */
#ifndef STACKSCOPE_SAY_H
#define STACKSCOPE_SAY_H

#include <stdio.h>

#include "command.h"

/** scope_say - `stackscope: what happened: how to mend it` on standard error. Return: @status. */
__attribute__((format(printf, 2, 3))) int scope_say(int status, const char *fmt, ...);

/** scope_ink - the escape sequence for bold, dim, red, green, yellow, blue, magenta, cyan or "" (back
 * to normal). Return: constant text, empty without colour. */
const char *scope_ink(const struct scope_options *o, const char *name);

/** scope_state_ink - the colour of a state of TCP in a terminal; negative: an unknown one. */
const char *scope_state_ink(int state);

/** scope_json_text - @text as a JSON string with its quotes; NULL as null. What is no UTF-8 is written
 * as U+FFFD. */
void scope_json_text(FILE *out, const char *text);
void scope_json_span(FILE *out, struct span text);

/** scope_plain_span - @text for a terminal: control characters as `.`, on one line. */
void scope_plain_span(FILE *out, struct span text);

#endif
