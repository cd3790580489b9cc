/*
 * main.c - the search by hand: deeper, with other budgets, one path again as a ladder.
 */
#include "search.h"

#include <getopt.h>
#include <stdlib.h>

static const char help[] =
    "usage: search [OPTION...]\n"
    "Visit every state that two hosts and a wire between them can reach (tests/model/search.h).\n"
    "\n"
    "  --list              the scenarios\n"
    "  --scenario NAME     only this one; repeatable; default: all\n"
    "  --depth N           actions on a path, at most\n"
    "  --states N          states to expand, at most\n"
    "  --loss N --dup N --early N\n"
    "                      budgets of a path: segments lost, doubled, timers that run out while\n"
    "                      something is in flight; default: as the scenario says\n"
    "  --wire N            segments in flight, 1-6\n"
    "  --off WHAT          without timestamps, sack or rack (and TLP); repeatable\n"
    "  --packed            connections that rest are packed at once (tcp_idle.c)\n"
    "  --replay PATH       draw the ladder of this path of the scenario, then of a perfect run\n"
    "  --pairs             at the end the pairs of states (A's, B's) that were seen\n"
    "  --legal             the table of legal pairs, with its reasons\n"
    "  --legal-pairs       the pairs of it in which both ends are there\n"
    "  --quiet             no progress\n"
    "\n"
    "Exit status: 0 all is as it should be, 1 usage, 2 something is wrong.\n";

enum { CHOSEN_MAX = 64 };

struct call {
    struct search_limits limits;
    bool no_timestamps, no_sack, no_rack, packs;
    const struct scenario *chosen[CHOSEN_MAX];
    size_t count;
    const char *replay;
    bool pairs;
    uint8_t seen[TCP_STATES][TCP_STATES];
};

static int usage(const char *what, const char *arg)
{
    fprintf(stderr, "search: %s%s: try --help\n", what, arg);
    return 1;
}

static void list(void)
{
    for (size_t i = 0; i < scenario_count; i++) {
        const struct scenario *s = &scenarios[i];

        printf("%-20s %s\n%20s A: %s\n%20s B: %s\n%20s loss %u, dup %u, early %u, wire %u%s\n",
               s->name, s->about, "", s->user[0], "", s->user[1], "", s->loss, s->dup, s->early,
               s->wire, s->expect != NULL ? "; must fail" : "");
    }
}

static void print_legal(void)
{
    for (unsigned x = 0; x < FATES; x++) {
        if (x == TCP_CLOSED || x == TCP_LISTEN)
            continue;
        printf("%s:", fate_name(x));
        for (unsigned y = 0; y < FATES; y++) {
            if (legal_pair(x, y))
                printf(" %s%s", fate_name(y), y == FATE_BROKEN ? "" : ",");
        }
        printf("\n    %s\n", legal_why(x));
    }
}

static void print_legal_pairs(void)
{
    for (unsigned x = TCP_SYN_SENT; x < TCP_STATES; x++) {
        for (unsigned y = TCP_SYN_SENT; y < TCP_STATES; y++) {
            if (legal_pair(x, y))
                printf("%s %s\n", fate_name(x), fate_name(y));
        }
    }
}

/* The scenario as it stands in the table, less what is switched off. */
static struct scenario without(const struct call *c, const struct scenario *sc)
{
    struct scenario s = *sc;

    s.no_timestamps = s.no_timestamps || c->no_timestamps;
    s.no_sack = s.no_sack || c->no_sack;
    s.no_rack = s.no_rack || c->no_rack;
    s.packs = s.packs || c->packs;
    return s;
}

static bool run_one(struct call *c, const struct scenario *chosen)
{
    const struct scenario copy = without(c, chosen), *sc = &copy;
    struct search_result r;
    bool well = search(sc, &c->limits, &r);

    printf("%-20s %9llu states, %10llu transitions, depth %3u, %s: %s\n", sc->name,
           (unsigned long long)r.states, (unsigned long long)r.transitions, r.depth,
           r.failed     ? "stopped"
           : r.complete ? "all within the budgets"
                        : "not all",
           well ? (r.failed ? "fails, as it must" : "ok")
                : (r.failed ? "WRONG" : "WRONG: nothing found"));
    if (r.failed)
        printf("    %s\n    replay: search --scenario %s%s%s%s%s --loss %d --dup %d --early %d "
               "--wire %d "
               "--replay '%s'\n",
               r.fault, sc->name, c->no_timestamps ? " --off timestamps" : "",
               c->no_sack ? " --off sack" : "", c->no_rack ? " --off rack" : "",
               c->packs ? " --packed" : "", c->limits.loss >= 0 ? c->limits.loss : sc->loss,
               c->limits.dup >= 0 ? c->limits.dup : sc->dup,
               c->limits.early >= 0 ? c->limits.early : sc->early,
               c->limits.wire > 0 ? c->limits.wire : sc->wire, r.path);
    fflush(stdout);
    for (size_t i = 0; i < sizeof(c->seen); i++)
        (&c->seen[0][0])[i] |= (&r.pairs[0][0])[i];
    return well;
}

static bool switch_off(struct call *c, const char *what)
{
    const struct {
        const char *name;
        bool *flag;
    } things[] = {
        {"timestamps", &c->no_timestamps},
        {"sack",       &c->no_sack      },
        {"rack",       &c->no_rack      }
    };

    for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
        if (strcmp(things[i].name, what) == 0) {
            *things[i].flag = true;
            return true;
        }
    }
    return false;
}

static int run(struct call *c)
{
    bool well = true;

    if (c->count == 0) {
        for (size_t i = 0; i < scenario_count && i < CHOSEN_MAX; i++)
            c->chosen[c->count++] = &scenarios[i];
    }
    if (c->replay != NULL) {
        if (c->count != 1)
            return usage("--replay wants one --scenario", "");
        const struct scenario sc = without(c, c->chosen[0]);

        return search_replay(&sc, &c->limits, c->replay, stdout) ? 0 : 2;
    }
    for (size_t i = 0; i < c->count; i++)
        well = run_one(c, c->chosen[i]) && well;
    for (unsigned x = 0; c->pairs && x < TCP_STATES; x++) {
        for (unsigned y = 0; y < TCP_STATES; y++) {
            if (c->seen[x][y])
                printf("pair %s %s\n", tcp_state_name((enum tcp_state)x),
                       tcp_state_name((enum tcp_state)y));
        }
    }
    return well ? 0 : 2;
}

enum {
    OPT_LIST = 1,
    OPT_SCENARIO,
    OPT_DEPTH,
    OPT_STATES,
    OPT_LOSS,
    OPT_DUP,
    OPT_EARLY,
    OPT_WIRE,
    OPT_OFF,
    OPT_PACKED,
    OPT_REPLAY,
    OPT_PAIRS,
    OPT_LEGAL,
    OPT_LEGAL_PAIRS,
    OPT_QUIET,
    OPT_HELP
};

static const struct option options[] = {
    {"list",        no_argument,       NULL, OPT_LIST       },
    {"scenario",    required_argument, NULL, OPT_SCENARIO   },
    {"depth",       required_argument, NULL, OPT_DEPTH      },
    {"states",      required_argument, NULL, OPT_STATES     },
    {"loss",        required_argument, NULL, OPT_LOSS       },
    {"dup",         required_argument, NULL, OPT_DUP        },
    {"early",       required_argument, NULL, OPT_EARLY      },
    {"wire",        required_argument, NULL, OPT_WIRE       },
    {"off",         required_argument, NULL, OPT_OFF        },
    {"packed",      no_argument,       NULL, OPT_PACKED     },
    {"replay",      required_argument, NULL, OPT_REPLAY     },
    {"pairs",       no_argument,       NULL, OPT_PAIRS      },
    {"legal",       no_argument,       NULL, OPT_LEGAL      },
    {"legal-pairs", no_argument,       NULL, OPT_LEGAL_PAIRS},
    {"quiet",       no_argument,       NULL, OPT_QUIET      },
    {"help",        no_argument,       NULL, OPT_HELP       },
    {NULL,          0,                 NULL, 0              },
};

int main(int argc, char **argv)
{
    static struct call c = {
        .limits = {.loss = -1, .dup = -1, .early = -1, .wire = -1, .progress = true}
    };
    int opt;

    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int n = optarg != NULL ? atoi(optarg) : 0;

        switch (opt) {
        case OPT_LIST:
            list();
            return 0;
        case OPT_LEGAL:
            print_legal();
            return 0;
        case OPT_LEGAL_PAIRS:
            print_legal_pairs();
            return 0;
        case OPT_HELP:
            fputs(help, stdout);
            return 0;
        case OPT_SCENARIO:
            if (scenario_find(optarg) == NULL || c.count == CHOSEN_MAX)
                return usage("no such scenario: ", optarg);
            c.chosen[c.count++] = scenario_find(optarg);
            break;
        case OPT_DEPTH:
            c.limits.depth = (uint32_t)n;
            break;
        case OPT_STATES:
            c.limits.states = strtoull(optarg, NULL, 0);
            break;
        case OPT_LOSS:
            c.limits.loss = n;
            break;
        case OPT_DUP:
            c.limits.dup = n;
            break;
        case OPT_EARLY:
            c.limits.early = n;
            break;
        case OPT_WIRE:
            c.limits.wire = n;
            break;
        case OPT_OFF:
            if (!switch_off(&c, optarg))
                return usage("not a thing to switch off: ", optarg);
            break;
        case OPT_PACKED:
            c.packs = true;
            break;
        case OPT_REPLAY:
            c.replay = optarg;
            break;
        case OPT_PAIRS:
            c.pairs = true;
            break;
        case OPT_QUIET:
            c.limits.progress = false;
            break;
        default:
            return 1;
        }
    }
    return optind < argc ? usage("not an option: ", argv[optind]) : run(&c);
}
