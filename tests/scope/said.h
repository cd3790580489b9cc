/*
 * said.h - a command of stackscope is given segments (segments.h), and what it prints is caught.
 *
 *     said_start(&scope_flows, true, 1, (char *[]){"--rows=2"});     -j
 *     handshake();
 *     char *text = said_end();                                       free() it
 */
#ifndef TESTS_SCOPE_SAID_H
#define TESTS_SCOPE_SAID_H

#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "segments.h"

static struct {
    const struct scope_command *command;
    struct scope_options options;
    void *state;
    FILE *file;
    int old;
} said;

static void said_feed(const struct frame *f)
{
    said.command->frame(said.state, f);
}

static void said_start(const struct scope_command *command, bool json, int argc, char **argv)
{
    char err[200] = "";

    begin(1000);
    w.feed = said_feed;
    fflush(stdout);
    said.command = command;
    said.options = (struct scope_options){.json = json, .format = "text"};
    said.file = tmpfile();
    T_NEED(said.file != NULL);
    said.old = dup(STDOUT_FILENO);
    dup2(fileno(said.file), STDOUT_FILENO);
    said.state = command->begin(&said.options, argc, argv, err, sizeof(err));
    T_NEED(said.state != NULL);
}

static char *said_end(void)
{
    T_EQ(said.command->end(said.state), SCOPE_OK);
    fflush(stdout);
    dup2(said.old, STDOUT_FILENO);
    close(said.old);
    long len = fseek(said.file, 0, SEEK_END) == 0 ? ftell(said.file) : -1;
    T_NEED(len >= 0);
    char *text = calloc((size_t)len + 1, 1);

    rewind(said.file);
    T_NEED(text != NULL && fread(text, 1, (size_t)len, said.file) == (size_t)len);
    fclose(said.file);
    w.feed = NULL;
    finish();
    return text;
}

#endif
