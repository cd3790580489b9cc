/*
 * settings.c - what scripts say before they begin: commands that set sysctls (whose table is
 * tools/common/sysctl.c), options of sockets by Linux's names, a file of settings. All of it is
 * printed by --list_settings.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "sysctl.h"

static const struct settings_sockopt {
    const char *level, *name;
    int ours; /* enum sock_opt or enum settings_own */
    const char *our_name;
} settings_sockopts[] = {
    {"SOL_SOCKET",  "SO_REUSEADDR",       SOCK_OPT_REUSEADDR,     "SOCK_OPT_REUSEADDR"    },
    {"SOL_SOCKET",  "SO_LINGER",          SOCK_OPT_LINGER,        "SOCK_OPT_LINGER"       },
    {"SOL_SOCKET",  "SO_SNDBUF",          SOCK_OPT_SNDBUF,        "SOCK_OPT_SNDBUF"       },
    {"SOL_SOCKET",  "SO_RCVBUF",          SOCK_OPT_RCVBUF,        "SOCK_OPT_RCVBUF"       },
    {"SOL_SOCKET",  "SO_SNDBUFFORCE",     SOCK_OPT_SNDBUF,        "SOCK_OPT_SNDBUF"       },
    {"SOL_SOCKET",  "SO_RCVBUFFORCE",     SOCK_OPT_RCVBUF,        "SOCK_OPT_RCVBUF"       },
    {"SOL_SOCKET",  "SO_KEEPALIVE",       SOCK_OPT_KEEPALIVE,     "SOCK_OPT_KEEPALIVE"    },
    {"SOL_SOCKET",  "SO_BROADCAST",       SOCK_OPT_BROADCAST,     "SOCK_OPT_BROADCAST"    },
    {"SOL_SOCKET",  "SO_ERROR",           SOCK_OPT_ERROR,         "SOCK_OPT_ERROR"        },
    {"SOL_SOCKET",  "SO_RCVTIMEO",        SETTINGS_RCVTIMEO,      "of calls that wait"    },
    {"SOL_SOCKET",  "SO_SNDTIMEO",        SETTINGS_SNDTIMEO,      "of calls that wait"    },
    {"SOL_SOCKET",  "SO_REUSEPORT",       -1,                     NULL                    },
    {"SOL_SOCKET",  "SO_PRIORITY",        -1,                     NULL                    },
    {"SOL_SOCKET",  "SO_MARK",            -1,                     NULL                    },
    {"SOL_SOCKET",  "SO_MAX_PACING_RATE", -1,                     NULL                    },
    {"SOL_SOCKET",  "SO_OOBINLINE",       SOCK_OPT_OOB_INLINE,    "SOCK_OPT_OOB_INLINE"   },
    {"IPPROTO_TCP", "TCP_NODELAY",        SOCK_OPT_NODELAY,       "SOCK_OPT_NODELAY"      },
    {"IPPROTO_TCP", "TCP_CORK",           SOCK_OPT_CORK,          "SOCK_OPT_CORK"         },
    {"IPPROTO_TCP", "TCP_MAXSEG",         SOCK_OPT_MAXSEG,        "SOCK_OPT_MAXSEG"       },
    {"IPPROTO_TCP", "TCP_USER_TIMEOUT",   SOCK_OPT_USER_TIMEOUT,  "SOCK_OPT_USER_TIMEOUT" },
    {"IPPROTO_TCP", "TCP_KEEPIDLE",       SOCK_OPT_KEEP_IDLE,     "SOCK_OPT_KEEP_IDLE"    },
    {"IPPROTO_TCP", "TCP_KEEPINTVL",      SOCK_OPT_KEEP_INTERVAL, "SOCK_OPT_KEEP_INTERVAL"},
    {"IPPROTO_TCP", "TCP_KEEPCNT",        SOCK_OPT_KEEP_COUNT,    "SOCK_OPT_KEEP_COUNT"   },
    {"IPPROTO_TCP", "TCP_SYNCNT",         SOCK_OPT_SYN_COUNT,     "SOCK_OPT_SYN_COUNT"    },
    {"IPPROTO_TCP", "TCP_CONGESTION",     SOCK_OPT_CONGESTION,    "SOCK_OPT_CONGESTION"   },
    {"IPPROTO_TCP", "TCP_INFO",           -1,                     NULL                    },
    {"IPPROTO_TCP", "TCP_QUICKACK",       SOCK_OPT_QUICKACK,      "SOCK_OPT_QUICKACK"     },
    {"IPPROTO_TCP", "TCP_FASTOPEN",       SOCK_OPT_FASTOPEN,      "SOCK_OPT_FASTOPEN"     },
    {"IPPROTO_TCP", "TCP_FASTOPEN_CONNECT", SOCK_OPT_FASTOPEN_CONNECT, "SOCK_OPT_FASTOPEN_CONNECT"},
    {"IPPROTO_TCP", "TCP_INQ",            -1,                     NULL                    },
    {"IPPROTO_TCP", "TCP_NOTSENT_LOWAT",  -1,                     NULL                    },
    {"IPPROTO_UDP", "UDP_SEGMENT",        SOCK_OPT_UDP_SEGMENT,   "SOCK_OPT_UDP_SEGMENT"  },
    {"IPPROTO_UDP", "UDP_GRO",            SOCK_OPT_UDP_GRO,       "SOCK_OPT_UDP_GRO"      },
    {"IPPROTO_IP",  "IP_TOS",             SOCK_OPT_TOS,           "SOCK_OPT_TOS"          },
    {"IPPROTO_IP",  "IP_TTL",             SOCK_OPT_TTL,           "SOCK_OPT_TTL"          },
    {"IPPROTO_IP",  "IP_MULTICAST_TTL",   SOCK_OPT_MULTICAST_TTL, "SOCK_OPT_MULTICAST_TTL"},
    {"IPPROTO_IP",  "IP_MULTICAST_LOOP",  SOCK_OPT_MULTICAST_LOOP, "SOCK_OPT_MULTICAST_LOOP"},
    {"IPPROTO_IP",  "IP_MTU_DISCOVER",    -1,                     NULL                    },
    {"IPPROTO_IP",  "IP_RECVTOS",         SETTINGS_RECVTOS,       "of recvmsg()"          },
    {"IPPROTO_IP",  "IP_RECVTTL",         SETTINGS_RECVTTL,       "of recvmsg()"          },
    {"IPPROTO_IP",  "IP_RECVERR",         -1,                     NULL                    },
};

void settings_list(FILE *out)
{
    fprintf(out, "sysctls\n");
    sysctl_list(out);
    fprintf(out, "socket options\n");
    for (size_t i = 0; i < ARRAY_LEN(settings_sockopts); i++) {
        const struct settings_sockopt *s = &settings_sockopts[i];

        fprintf(out, "  %-12s %-24s %s\n", s->level, s->name,
                s->our_name != NULL ? s->our_name : "accepted, no effect");
    }
}

bool settings_sockopt(int64_t level, int64_t name, int *opt, bool *is_ignored)
{
    int64_t l, n;

    for (size_t i = 0; i < ARRAY_LEN(settings_sockopts); i++) {
        const struct settings_sockopt *s = &settings_sockopts[i];

        if (symbol_value(s->level, &l) && l == level && symbol_value(s->name, &n) && n == name) {
            *opt = s->ours;
            *is_ignored = s->ours == SETTINGS_IGNORED;
            return true;
        }
    }
    return false;
}

/* ---- sysctls ---- */

/* One NAME=VALUE. */
static bool settings_one(struct tcp_config *cfg, const char *word, char *err, size_t err_len)
{
    char why[128];

    if (sysctl_set(cfg, word, why, sizeof(why)))
        return true;
    snprintf(err, err_len, "%s: --list_settings names what there is, --ignore_commands goes on without",
             why);
    return false;
}

/* The next word of a command; quotes keep blanks together and are taken off. NULL: no more. */
static char *settings_word(char **at)
{
    char *p = *at, *begin, *end, quote = '\0';

    while (isblank((unsigned char)*p))
        p++;
    if (*p == '\0')
        return NULL;
    for (begin = end = p; *p != '\0' && (quote != '\0' || !isblank((unsigned char)*p)); p++) {
        if (quote == '\0' && (*p == '"' || *p == '\''))
            quote = *p;
        else if (*p == quote)
            quote = '\0';
        else
            *end++ = *p;
    }
    *at = *p != '\0' ? p + 1 : p;
    *end = '\0';
    return begin;
}

static bool settings_ends_with(const char *s, const char *end)
{
    size_t a = strlen(s), b = strlen(end);

    return a >= b && strcmp(s + a - b, end) == 0;
}

/* What follows a # at the begin of a word is a remark, up to the end of the line. */
static void settings_remarks(char *command)
{
    bool is_word = false, is_remark = false;

    for (char *p = command; *p != '\0'; p++) {
        if (*p == '\n')
            is_remark = false;
        else if (is_remark || (*p == '#' && !is_word))
            is_remark = true;
        if (is_remark)
            *p = ' ';
        is_word = !isspace((unsigned char)*p) && *p != ';';
    }
}

/* One command of a line: sysctl, set_sysctls.py, or a script that sets what we begin with anyway. */
static bool settings_simple(struct tcp_config *cfg, char *command, char *err, size_t err_len)
{
    char *at = command, *word = settings_word(&at);

    if (word == NULL || strcmp(word, "true") == 0 || strcmp(word, ":") == 0 ||
        settings_ends_with(word, "defaults.sh") || strstr(word, "sysctl_restore") != NULL)
        return true;
    if (!settings_ends_with(word, "sysctl") && !settings_ends_with(word, "set_sysctls.py")) {
        snprintf(err, err_len,
                 "'%s' is no command we know (sysctl, set_sysctls.py, defaults.sh are): "
                 "--ignore_commands goes on without",
                 word);
        return false;
    }
    while ((word = settings_word(&at)) != NULL) {
        bool to_nowhere = strstr(word, "/dev/null") != NULL || strcmp(word, ">") == 0;

        if (word[0] != '-' && !to_nowhere && !settings_one(cfg, word, err, err_len))
            return false;
    }
    return true;
}

bool settings_command(struct tcp_config *cfg, const char *command, char *err, size_t err_len)
{
    char *copy = strdup(command), *next = copy;
    bool ok = copy != NULL;

    if (ok)
        settings_remarks(copy);
    while (ok && next != NULL) {
        char *one = next, *end = one + strcspn(one, ";&|\n");

        next = *end == '\0' ? NULL : end + 1;
        *end = '\0';
        ok = settings_simple(cfg, one, err, err_len);
    }
    free(copy);
    return ok;
}

/* ---- the settings file ---- */

static char *settings_trim(char *s)
{
    size_t len = strlen(s);

    while (len > 0 && isspace((unsigned char)s[len - 1]))
        s[--len] = '\0';
    return s + strspn(s, " \t");
}

bool settings_file(struct tcp_config *cfg, const char *path, settings_tell *tell, char *err,
                   size_t err_len)
{
    FILE *f = fopen(path, "r");
    char line[512], why[256];
    bool ok = true;

    if (f == NULL) {
        snprintf(err, err_len, "%s: %s: name a file that can be read", path, strerror(errno));
        return false;
    }
    for (unsigned number = 1; ok && fgets(line, sizeof(line), f) != NULL; number++) {
        line[strcspn(line, "#")] = '\0';
        char *text = settings_trim(line);

        if (*text == '\0')
            continue;
        if (settings_one(cfg, text, why, sizeof(why)))
            continue;
        if (tell != NULL) {
            tell(path, number, text, why);
            continue;
        }
        snprintf(err, err_len, "%s:%u: %s", path, number, why);
        ok = false;
    }
    fclose(f);
    return ok;
}

/* Poll's bits and ours; epoll's have the same numbers. */
static const struct settings_poll_bit {
    unsigned bit, ours;
} settings_polls[] = {
    {POLLIN,     SOCK_IN   },
    {POLLPRI,    SOCK_PRI  },
    {POLLOUT,    SOCK_OUT  },
    {POLLERR,    SOCK_ERR  },
    {POLLHUP,    SOCK_HUP  },
    {POLLRDHUP,  SOCK_RDHUP},
    {POLLRDNORM, SOCK_IN   },
    {POLLWRNORM, SOCK_OUT  },
};

unsigned settings_poll_ours(unsigned bits)
{
    unsigned v = 0;

    for (size_t i = 0; i < ARRAY_LEN(settings_polls); i++) {
        if (bits & settings_polls[i].bit)
            v |= settings_polls[i].ours;
    }
    return v;
}

unsigned settings_poll_bits(unsigned ours, bool is_epoll)
{
    unsigned v = 0;

    for (size_t i = 0; i < ARRAY_LEN(settings_polls); i++) {
        if (ours & settings_polls[i].ours)
            v |= settings_polls[i].bit;
    }
    return is_epoll ? v & ~(unsigned)(POLLRDNORM | POLLWRNORM) : v;
}
