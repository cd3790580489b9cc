/*
 * sysctl.c - Linux's names of settings, and what they mean here: one table for all programs.
 *
 * A setting of a mechanism that works the same here, or is not observable, is accepted without
 * effect, and listed so; one that nobody has thought about is an error.
 */
#include "sysctl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "l4_transport/tcp.h"

enum sysctl_kind {
    SET_BOOL,
    SET_ODD, /* the lowest bit of a number */
    SET_U8,
    SET_U16,
    SET_U32,
    SET_SECONDS,
    SET_MS,
    SET_US,
    SET_MEM, /* three numbers: the second is the default, the third how far it may grow */
    SET_BITS, /* perhaps hexadecimal */
    SET_KEYS, /* one key of Fast Open, or two with a comma */
    SET_CC,   /* a name */
    SET_COOKIES,
    SET_RANGE, /* two ports */
    SET_IGNORED
};

#define AT(field) offsetof(struct tcp_config, field)
#define CC(field) offsetof(struct tcp_config, cc_options.field)

static const struct sysctl {
    const char *name; /* behind net.ipv4. unless it has a dot */
    enum sysctl_kind kind;
    size_t offset;
    const char *ours;
} sysctls[] = {
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
    {"tcp_fastopen",              SET_BITS,    AT(fastopen),        "fastopen"           },
    {"tcp_fastopen_key",          SET_KEYS,    AT(fastopen_key),    "fastopen_key"       },
    {"tcp_fastopen_blackhole_timeout_sec", SET_SECONDS, AT(fastopen_blackhole), "fastopen_blackhole"},
    {"stackd.fastopen_rotate",    SET_SECONDS, AT(fastopen_rotate), "fastopen_rotate"    },
    {"tcp_no_metrics_save",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_min_tso_segs",          SET_IGNORED, 0,                   NULL                 },
    {"tcp_tso_win_divisor",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_autocorking",           SET_IGNORED, 0,                   NULL                 },
    {"tcp_moderate_rcvbuf",       SET_BOOL,    AT(moderate_rcvbuf), "moderate_rcvbuf"    },
    {"stackd.quick_acks",         SET_U8,      AT(quick_acks),      "quick_acks"         },
    {"stackd.prr",                SET_BOOL,    AT(prr),             "prr"                },
    {"stackd.undo",               SET_BOOL,    AT(undo),            "undo"               },
    {"stackd.limited_transmit",   SET_BOOL,    AT(limited_transmit), "limited_transmit"  },
    {"stackd.pacing",             SET_BOOL,    AT(pacing),          "pacing"             },
    {"stackd.rcv_room",           SET_U32,     AT(rcv_room),        "rcv_room"           },
    {"stackd.challenge_acks",     SET_U8,      AT(challenge_acks),  "challenge_acks"     },
    {"stackd.full_idle",          SET_U32,     AT(full_idle),       "full_idle"          },
    {"tcp_adv_win_scale",         SET_IGNORED, 0,                   NULL                 },
    {"tcp_pacing_ss_ratio",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_pacing_ca_ratio",       SET_IGNORED, 0,                   NULL                 },
    {"tcp_notsent_lowat",         SET_IGNORED, 0,                   NULL                 },
    {"tcp_invalid_ratelimit",     SET_IGNORED, 0,                   NULL                 },
    {"tcp_limit_output_bytes",    SET_IGNORED, 0,                   NULL                 },
    {"tcp_reordering",            SET_IGNORED, 0,                   NULL                 },
    {"tcp_max_reordering",        SET_IGNORED, 0,                   NULL                 },
    {"tcp_retrans_collapse",      SET_IGNORED, 0,                   NULL                 },
    {"tcp_mtu_probing",           SET_U8,      AT(mtu_probing),     "mtu_probing"        },
    {"tcp_base_mss",              SET_U16,     AT(base_mss),        "base_mss"           },
    {"tcp_comp_sack_nr",          SET_IGNORED, 0,                   NULL                 },
    {"tcp_comp_sack_delay_ns",    SET_IGNORED, 0,                   NULL                 },
    {"tcp_rfc1337",               SET_IGNORED, 0,                   NULL                 },
    {"tcp_shrink_window",         SET_IGNORED, 0,                   NULL                 },
    {"tcp_challenge_ack_limit",   SET_IGNORED, 0,                   NULL                 },
    {"net.core.optmem_max",       SET_IGNORED, 0,                   NULL                 },
    {"net.core.rmem_max",         SET_IGNORED, 0,                   NULL                 },
    {"net.core.wmem_max",         SET_IGNORED, 0,                   NULL                 },
};

/* `a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4`, and perhaps the key before it behind a comma: each word is
 * stored with its lowest byte first, as Linux does. */
static bool sysctl_keys(struct tcp_config *cfg, const char *v)
{
    unsigned w[2][4];
    int end[2] = {0, 0};
    uint8_t n = 0;

    while (n < 2 && sscanf(v, "%8x-%8x-%8x-%8x%n", &w[n][0], &w[n][1], &w[n][2], &w[n][3],
                           &end[n]) == 4) {
        cfg->fastopen_key[n] = (struct siphash_key){(uint64_t)w[n][1] << 32 | w[n][0],
                                                    (uint64_t)w[n][3] << 32 | w[n][2]};
        v += end[n++];
        if (*v != ',')
            break;
        v++;
    }
    cfg->fastopen_keys = n;
    return n > 0 && *v == '\0';
}

static bool sysctl_store(struct tcp_config *cfg, const struct sysctl *s, const char *v)
{
    uint8_t *at = (uint8_t *)cfg + s->offset;
    char *end;
    uint64_t n = strtoull(v, &end, 10);
    net_time t = (net_time)n;
    int cc;

    if (s->kind != SET_CC && s->kind != SET_KEYS && s->kind != SET_IGNORED && end == v)
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
    case SET_BITS:
        *(uint32_t *)(void *)at = (uint32_t)strtoull(v, &end, 0);
        return *end == '\0';
    case SET_KEYS:
        return sysctl_keys(cfg, v);
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

/* Take quotes off @value. */
static char *sysctl_unquoted(char *value)
{
    size_t len = strlen(value);

    if (len >= 2 && (value[0] == '"' || value[0] == '\'')) {
        value[len - 1] = '\0';
        value++;
    }
    return value;
}

static bool sysctl_find(struct tcp_config *cfg, const char *name, const char *value, char *err,
                        size_t err_len)
{
    for (size_t i = 0; i < ARRAY_LEN(sysctls); i++) {
        if (strcmp(sysctls[i].name, name) != 0)
            continue;
        if (sysctl_store(cfg, &sysctls[i], value))
            return true;
        snprintf(err, err_len, "%s cannot be '%s'", name, value);
        return false;
    }
    snprintf(err, err_len, "%s is no setting of ours", name);
    return false;
}

bool sysctl_set(struct tcp_config *cfg, const char *assignment, char *err, size_t err_len)
{
    static const char proc[] = "/proc/sys/", ipv4[] = "net.ipv4.";
    char *copy = strdup(assignment), *name = copy;
    char *value = copy == NULL ? NULL : strchr(copy, '=');

    if (value == NULL) {
        snprintf(err, err_len, "%s: NAME=VALUE belongs here", assignment);
        free(copy);
        return false;
    }
    *value++ = '\0';
    if (strncmp(name, proc, sizeof(proc) - 1) == 0)
        name += sizeof(proc) - 1;
    for (char *p = name; *p != '\0'; p++)
        *p = *p == '/' ? '.' : *p;
    if (strncmp(name, ipv4, sizeof(ipv4) - 1) == 0)
        name += sizeof(ipv4) - 1;
    bool ok = sysctl_find(cfg, name, sysctl_unquoted(value), err, err_len);

    free(copy);
    return ok;
}

void sysctl_list(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(sysctls); i++) {
        const struct sysctl *s = &sysctls[i];

        fprintf(out, "  %s%-28s %s\n", strchr(s->name, '.') != NULL ? "" : "net.ipv4.", s->name,
                s->ours != NULL ? s->ours : "accepted, no effect");
    }
}
