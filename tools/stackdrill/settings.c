/*
 * settings.c - Linux's names of settings, and what they mean here: one table for sysctls, one for
 * options of sockets, both printed by --list_settings.
 *
 * Scripts begin by setting what they depend on. A setting of a mechanism that works the same here,
 * or is not observable, is accepted without effect, and listed so; one that nobody has thought about
 * is an error.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum settings_kind {
    SET_BOOL,
    SET_ODD, /* the lowest bit of a number */
    SET_U8,
    SET_U16,
    SET_U32,
    SET_SECONDS,
    SET_MS,
    SET_US,
    SET_MEM, /* three numbers: the second is the default, the third how far it may grow */
    SET_CC,     /* a name */
    SET_COOKIES,
    SET_RANGE, /* two ports */
    SET_IGNORED
};

#define AT(field) offsetof(struct tcp_config, field)
#define CC(field) offsetof(struct tcp_config, cc_options.field)

static const struct settings_sysctl {
    const char *name; /* behind net.ipv4. unless it has a dot */
    enum settings_kind kind;
    size_t offset;
    const char *ours;
} settings_sysctls[] = {
    {"tcp_timestamps",            SET_BOOL,    AT(timestamps),      "timestamps"         },
    {"tcp_window_scaling",        SET_BOOL,    AT(window_scaling),  "window_scaling"     },
    {"tcp_syn_retries",           SET_U8,      AT(syn_retries),     "syn_retries"        },
    {"tcp_synack_retries",        SET_U8,      AT(synack_retries),  "synack_retries"     },
    {"tcp_retries1",              SET_U8,      AT(retries1),        "retries1"           },
    {"tcp_retries2",              SET_U8,      AT(retries2),        "retries2"           },
    {"tcp_fin_timeout",           SET_SECONDS, AT(fin_wait_2),      "fin_wait_2"         },
    {"tcp_syncookies",            SET_COOKIES, AT(syn_policy),      "syn_policy"         },
    {"tcp_max_syn_backlog",       SET_U32,     AT(half_open),       "half_open, at start"},
    {"net.core.somaxconn",        SET_U32,     AT(backlog),         "backlog"            },
    {"tcp_rmem",                  SET_MEM,     AT(rcvbuf),          "rcvbuf, rcvbuf_max" },
    {"tcp_wmem",                  SET_MEM,     AT(sndbuf),          "sndbuf, sndbuf_max" },
    {"tcp_congestion_control",    SET_CC,      AT(cc),              "cc"                 },
    {"tcp_slow_start_after_idle", SET_BOOL,    CC(idle_restart),    "idle_restart"       },
    {"tcp_cubic.hystart",         SET_BOOL,    CC(hystart),         "hystart"            },
    {"tcp_cubic.fast_convergence", SET_BOOL,   CC(fast_convergence), "fast_convergence"  },
    {"tcp_cubic.tcp_friendliness", SET_BOOL,   CC(reno_friendly),   "reno_friendly"      },
    {"tcp_tw_reuse",              SET_BOOL,    AT(time_wait_reuse), "time_wait_reuse"    },
    {"tcp_max_tw_buckets",        SET_U32,     AT(time_wait),       "time_wait, at start"},
    {"tcp_min_snd_mss",           SET_U16,     AT(mss_min),         "mss_min"            },
    {"tcp_rto_min_us",            SET_US,      AT(rto_min),         "rto_min"            },
    {"tcp_rto_max_ms",            SET_MS,      AT(rto_max),         "rto_max"            },
    {"tcp_keepalive_time",        SET_SECONDS, AT(keep_idle),       "keep_idle"          },
    {"tcp_keepalive_intvl",       SET_SECONDS, AT(keep_interval),   "keep_interval"      },
    {"tcp_keepalive_probes",      SET_U8,      AT(keep_count),      "keep_count"         },
    {"ip_local_port_range",       SET_RANGE,   AT(port_min),        "port_min, port_max" },
    {"ip_default_ttl",            SET_U8,      AT(ttl),             "ttl"                },
    {"tcp_sack",                  SET_BOOL,    AT(sack),            "sack"               },
    {"tcp_dsack",                 SET_BOOL,    AT(dsack),           "dsack"              },
    {"tcp_recovery",              SET_ODD,     AT(rack),            "rack"               },
    {"tcp_early_retrans",         SET_BOOL,    AT(tlp),             "tlp"                },
    {"tcp_frto",                  SET_BOOL,    AT(frto),            "frto"               },
    {"tcp_fack",                  SET_IGNORED, 0,                   NULL                 },
    {"tcp_ecn",                   SET_U8,      AT(ecn),             "ecn"                },
    {"tcp_fastopen",              SET_IGNORED, 0,                   NULL                 },
    {"tcp_no_metrics_save",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_min_tso_segs",          SET_IGNORED, 0,                   NULL                 },
    {"tcp_tso_win_divisor",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_autocorking",           SET_IGNORED, 0,                   NULL                 },
    {"tcp_moderate_rcvbuf",       SET_BOOL,    AT(moderate_rcvbuf), "moderate_rcvbuf"    },
    {"stackd.quick_acks",         SET_U8,      AT(quick_acks),      "quick_acks"         },
    {"tcp_adv_win_scale",         SET_IGNORED, 0,                   NULL                 },
    {"tcp_pacing_ss_ratio",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_pacing_ca_ratio",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_notsent_lowat",         SET_IGNORED, 0,                   NULL                 },
    {"tcp_invalid_ratelimit",     SET_IGNORED, 0,                   NULL                 },
    {"tcp_limit_output_bytes",    SET_IGNORED, 0,                   NULL                 },
    {"tcp_reordering",            SET_IGNORED, 0,                   NULL                 },
    {"tcp_max_reordering",        SET_IGNORED, 0,                   NULL                 },
    {"tcp_retrans_collapse",      SET_IGNORED, 0,                   NULL                 },
    {"tcp_mtu_probing",           SET_IGNORED, 0,                   NULL                 },
    {"tcp_comp_sack_nr",          SET_IGNORED, 0,                   NULL                 },
    {"tcp_comp_sack_delay_ns",    SET_IGNORED, 0,                   NULL                 },
    {"tcp_rfc1337",               SET_IGNORED, 0,                   NULL                 },
    {"tcp_shrink_window",         SET_IGNORED, 0,                   NULL                 },
    {"tcp_challenge_ack_limit",   SET_IGNORED, 0,                   NULL                 },
    {"net.core.optmem_max",       SET_IGNORED, 0,                   NULL                 },
    {"net.core.rmem_max",         SET_IGNORED, 0,                   NULL                 },
    {"net.core.wmem_max",         SET_IGNORED, 0,                   NULL                 },
};

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
    {"SOL_SOCKET",  "SO_OOBINLINE",       -1,                     NULL                    },
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
    {"IPPROTO_TCP", "TCP_INQ",            -1,                     NULL                    },
    {"IPPROTO_TCP", "TCP_NOTSENT_LOWAT",  -1,                     NULL                    },
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
    for (size_t i = 0; i < ARRAY_LEN(settings_sysctls); i++) {
        const struct settings_sysctl *s = &settings_sysctls[i];

        fprintf(out, "  %s%-28s %s\n", strchr(s->name, '.') != NULL ? "" : "net.ipv4.", s->name,
                s->ours != NULL ? s->ours : "accepted, no effect");
    }
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

static bool settings_store(struct tcp_config *cfg, const struct settings_sysctl *s, const char *v)
{
    uint8_t *at = (uint8_t *)cfg + s->offset;
    char *end;
    uint64_t n = strtoull(v, &end, 10);
    net_time t = (net_time)n;
    int cc;

    if (s->kind != SET_CC && s->kind != SET_IGNORED && end == v)
        return false;
    switch (s->kind) {
    case SET_BOOL:
        *(bool *)at = n != 0;
        return true;
    case SET_ODD:
        *(bool *)at = (n & 1) != 0;
        return true;
    case SET_U8:
        *at = (uint8_t)n;
        return n <= UINT8_MAX;
    case SET_U16:
        *(uint16_t *)(void *)at = (uint16_t)n;
        return n <= UINT16_MAX;
    case SET_MEM:
        n = strtoull(end, &end, 10);
        *(uint32_t *)(void *)at = (uint32_t)n;
        *(s->offset == AT(rcvbuf) ? &cfg->rcvbuf_max : &cfg->sndbuf_max) =
            (uint32_t)strtoull(end, &end, 10);
        return n > 0;
    case SET_U32:
        *(uint32_t *)(void *)at = (uint32_t)n;
        return true;
    case SET_SECONDS:
    case SET_MS:
    case SET_US:
        *(net_time *)(void *)at = t * (s->kind == SET_SECONDS ? 1000000000
                                       : s->kind == SET_MS    ? 1000000
                                                              : 1000);
        return true;
    case SET_RANGE:
        cfg->port_min = (uint16_t)n;
        cfg->port_max = (uint16_t)strtoull(end, &end, 10);
        return cfg->port_max >= cfg->port_min;
    case SET_COOKIES:
        cfg->syn_policy = n != 0 ? TCP_SYN_COOKIES : TCP_SYN_DROP;
        return true;
    case SET_CC:
        cc = cc_by_name(v);
        *at = (uint8_t)cc;
        return cc >= 0;
    case SET_IGNORED:
        return true;
    }
    return false;
}

/* One NAME=VALUE, the name with dots or as a path below /proc/sys. */
static bool settings_one(struct tcp_config *cfg, char *word, char *err, size_t err_len)
{
    static const char proc[] = "/proc/sys/", ipv4[] = "net.ipv4.";
    char *value = strchr(word, '='), *name = word;

    if (value == NULL) {
        snprintf(err, err_len, "%s: NAME=VALUE belongs here", word);
        return false;
    }
    *value++ = '\0';
    if (strncmp(name, proc, sizeof(proc) - 1) == 0)
        name += sizeof(proc) - 1;
    for (char *p = name; *p != '\0'; p++)
        *p = *p == '/' ? '.' : *p;
    size_t len = strlen(value);

    if (len >= 2 && (value[0] == '"' || value[0] == '\'')) {
        value[len - 1] = '\0';
        value++;
    }
    if (strncmp(name, ipv4, sizeof(ipv4) - 1) == 0)
        name += sizeof(ipv4) - 1;
    for (size_t i = 0; i < ARRAY_LEN(settings_sysctls); i++) {
        if (strcmp(settings_sysctls[i].name, name) != 0)
            continue;
        if (settings_store(cfg, &settings_sysctls[i], value))
            return true;
        snprintf(err, err_len, "%s cannot be '%s'", name, value);
        return false;
    }
    snprintf(err, err_len,
             "%s is no setting of ours: --list_settings names them, "
             "--ignore_commands goes on without",
             name);
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

/* One command of a line: sysctl, set_sysctls.py, or a script that sets what we begin with anyway. */
static bool settings_simple(struct tcp_config *cfg, char *command, char *err, size_t err_len)
{
    char *at = command, *word = settings_word(&at);

    if (word == NULL || word[0] == '#' || strcmp(word, "true") == 0 || strcmp(word, ":") == 0 ||
        settings_ends_with(word, "defaults.sh"))
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
    char line[512], copy[512], why[256];
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
        memcpy(copy, text, strlen(text) + 1); /* which is cut to pieces */
        if (settings_one(cfg, copy, why, sizeof(why)))
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
