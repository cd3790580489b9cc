#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "args.h"

enum { COMMANDS_INDENT = 22, COMMANDS_WIDTH = 78, COMMANDS_NAME = 64, COMMANDS_FAR = 3 };

/* What the parser of the words in front hands on, and what it finds. */
struct commands_front {
    const struct commands *p;
    void *input;
    int first;
};

/* A command and what it is for, in lines of 78 letters. */
static void commands_help_line(FILE *f, const struct command *c)
{
    int at = fprintf(f, "  %s %s", c->name, c->words);

    at += fprintf(f, "%*s", at < COMMANDS_INDENT ? COMMANDS_INDENT - at : 1, "");
    for (const char *text = c->help; *text != '\0'; text++, at++) {
        if (*text == ' ' && at + 1 + (int)strcspn(text + 1, " ") > COMMANDS_WIDTH)
            at = fprintf(f, "\n%*s", COMMANDS_INDENT, "") - 2;
        else
            fputc(*text, f);
    }
    fputc('\n', f);
}

/* The last part of --help; argp frees what differs from @text. */
static char *commands_help(int key, const char *text, void *input)
{
    const struct commands *p = ((struct commands_front *)input)->p;
    struct command row;
    char *out = NULL;
    size_t len;

    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(size_t)text;
    FILE *f = open_memstream(&out, &len);

    if (f == NULL)
        return NULL;
    fprintf(f, "%s\n", p->heading);
    for (int i = 0; p->at(i, &row); i++)
        commands_help_line(f, &row);
    if (p->first_is_default && p->at(0, &row))
        fprintf(f, "Without a command: %s. ", row.name);
    fputs(p->closing, f);
    fclose(f);
    return out;
}

static error_t commands_front_parse(int key, char *arg, struct argp_state *state)
{
    struct commands_front *front = state->input;

    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = front->input;
        return 0;
    case ARGP_KEY_ARG:
        front->first = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

bool commands_first(const struct commands *p, int argc, char **argv, void *input, int *first,
                    char *err, size_t err_len)
{
    const struct argp common = {p->options, p->parse, NULL, NULL, NULL, NULL, NULL};
    const struct argp_child children[] = {
        {&common,            0, "Common options:", 9},
        {0}
    };
    const struct argp_option *const tables[] = {p->options, NULL};
    struct commands_front front = {.p = p, .input = input};
    char name[COMMANDS_NAME], doc[256];
    const struct argp argp = {NULL,     commands_front_parse, p->usage, doc,
                              children, commands_help,        NULL};

    if (!args_check(p->program, tables, argc, argv, ARGS_FIRST, err, err_len))
        return false;
    snprintf(name, sizeof(name), "%s", p->program);
    snprintf(doc, sizeof(doc), "%s\v", p->doc);
    char *path = argv[0];

    argv[0] = name; /* messages begin with it, not with a path */
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &front);
    argv[0] = path;
    *first = front.first;
    return true;
}

bool commands_rest(const struct commands *p, const char *name, const struct argp *own, int argc,
                   char **argv, void *input, char *err, size_t err_len)
{
    static const struct argp_option none[] = {{0}};
    const struct argp common = {p->options, p->parse, NULL, NULL, NULL, NULL, NULL};
    const struct argp_child children[] = {
        {&common,            0, "Common options:", 9},
        {0}
    };
    const struct argp_option *const options = own->options != NULL ? own->options : none;
    const struct argp argp = {options, own->parser, own->args_doc, own->doc, children, NULL, NULL};
    const struct argp_option *const tables[] = {options, p->options, NULL};
    char whole[COMMANDS_NAME];

    snprintf(whole, sizeof(whole), "%s %s", p->program, name);
    if (!args_check(whole, tables, argc, argv, ARGS_MIXED, err, err_len))
        return false;
    char *word = argv[0];

    argv[0] = whole;
    argp_parse(&argp, argc, argv, 0, NULL, input);
    argv[0] = word;
    return true;
}

int commands_find(const struct commands *p, const char *word, bool whole)
{
    struct command row;

    for (int i = 0; word[0] != '\0' && p->at(i, &row); i++) {
        if (strncmp(row.name, word, strlen(word)) == 0 && (!whole || strcmp(row.name, word) == 0))
            return i;
    }
    return -1;
}

const char *commands_nearest(const struct commands *p, const char *word)
{
    unsigned least = COMMANDS_FAR;
    const char *name = NULL;
    struct command row;

    for (int i = 0; p->at(i, &row); i++) {
        unsigned distance = args_distance(row.name, word);

        if (distance < least) {
            least = distance;
            name = row.name;
        }
    }
    return name;
}
