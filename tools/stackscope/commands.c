/*
 * commands.c - every command, a line each: those that are asked for most stand first, for abbreviations.
 */
#include "command.h"

extern const struct scope_command scope_flows;
extern const struct scope_command scope_frames;
extern const struct scope_command scope_ladder;
extern const struct scope_command scope_osi;
extern const struct scope_command scope_plot;
extern const struct scope_command scope_check;
extern const struct scope_command scope_states;
extern const struct scope_command scope_summary;

const struct scope_command *const scope_commands[] = {
    &scope_summary,
    &scope_frames,
    &scope_states,
    &scope_ladder,
    &scope_osi,
    &scope_flows,
    &scope_plot,
    &scope_check,
    NULL,
};
