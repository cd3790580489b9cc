/*
 * run_option.c - options by name, the same on the command line and at the head of a script.
 */
#include <stdlib.h>
#include <string.h>

#include "run.h"

static bool option_number(const char *v, uint64_t max, uint64_t *n)
{
    char *end;

    if (v == NULL || *v < '0' || *v > '9')
        return false;
    *n = strtoull(v, &end, 0);
    return *end == '\0' && *n <= max;
}

static bool option_ip(const char *v, uint32_t *ip)
{
    unsigned b[4];
    char rest;

    if (v == NULL || sscanf(v, "%3u.%3u.%3u.%3u%c", &b[0], &b[1], &b[2], &b[3], &rest) != 4 ||
        b[0] > 255 || b[1] > 255 || b[2] > 255 || b[3] > 255)
        return false;
    *ip = b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
    return true;
}

static bool option_lax(const char *v, unsigned *lax)
{
    static const char *const names[] = {"checksum", "payload", "ecr", "silence",
                                        "leak",     "arrows",  "push"};
    bool found = v != NULL && *v != '\0';

    while (found && *v != '\0') {
        size_t len = strcspn(v, ",");

        found = false;
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
            if (strlen(names[i]) == len && strncmp(names[i], v, len) == 0) {
                *lax |= 1u << i;
                found = true;
            }
        }
        v += len + (v[len] == ',');
    }
    return found;
}

/* Numbers. Return: whether @name is one; *wrong is set when its value is not. */
static bool option_of_number(struct run_options *o, const char *name, const char *value,
                             const char **wrong)
{
    static const char not_number[] = "a number in its range belongs here";
    const struct {
        const char *name;
        uint64_t max;
    } numbers[] = {
        {"mtu",               65535     },
        {"mss",               65535     },
        {"bind_port",         65535     },
        {"connect_port",      65535     },
        {"tolerance_usecs",   1000000000},
        {"tcp_ts_tick_usecs", 1000000000},
        {"seed",              UINT64_MAX},
    };
    uint64_t n = 0;
    size_t i = 0;

    while (i < ARRAY_LEN(numbers) && strcmp(numbers[i].name, name) != 0)
        i++;
    if (i == ARRAY_LEN(numbers))
        return false;
    if (!option_number(value, numbers[i].max, &n) || (i == 0 && n < 68)) {
        *wrong = not_number;
        return true;
    }
    switch (i) {
    case 0:
        o->mtu = (uint16_t)n;
        break;
    case 1:
        o->mss = (uint16_t)n;
        break;
    case 2:
        o->bind_port = (uint16_t)n;
        break;
    case 3:
        o->connect_port = (uint16_t)n;
        break;
    case 4:
        o->tolerance = NET_US(n);
        break;
    case 5:
        o->ts_tick_us = (uint32_t)n;
        break;
    default:
        o->seed = n;
        break;
    }
    return true;
}

/* Options of packetdrill that mean nothing in virtual time, and those that others read. */
static bool option_is_ignored(const char *name)
{
    static const char *const names[] = {
        "define",       "D",           "gateway_ip",     "netmask_ip",      "init_scripts",
        "so_filename",  "so_flags",    "send_omit_free", "speed",           "udp_encaps",
        "code_command", "code_format", "code_sockopt",   "debug",           "persistent_tun_dev",
        "no_cleanup",   "wire_client", "wire_server",    "live_gateway_ip", "local_netmask"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

const char *run_option(struct run_options *o, const char *name, const char *value)
{
    const char *wrong = NULL;

    if (option_of_number(o, name, value, &wrong))
        return wrong;
    if (strcmp(name, "local_ip") == 0)
        return option_ip(value, &o->local_ip) ? NULL : "an IPv4 address belongs here";
    if (strcmp(name, "remote_ip") == 0)
        return option_ip(value, &o->remote_ip) ? NULL : "an IPv4 address belongs here";
    if (strcmp(name, "tolerance_percent") == 0) {
        double percent = value != NULL ? strtod(value, NULL) : -1;

        if (percent < 0 || percent > 1000)
            return "a percentage belongs here";
        o->tolerance_percent10 = (uint32_t)(percent * 10);
        return NULL;
    }
    if (strcmp(name, "ip_version") == 0) {
        o->is_v6 = value != NULL && strcmp(value, "ipv6") == 0;
        return NULL;
    }
    if (strcmp(name, "tcp_ts_ecr_scaled") == 0)
        o->ts_ecr_scaled = true;
    else if (strcmp(name, "strict_segments") == 0)
        o->strict_segments = true;
    else if (strcmp(name, "near_wrap") == 0)
        o->near_wrap = true;
    else if (strcmp(name, "ignore_commands") == 0)
        o->ignore_commands = true;
    else if (strcmp(name, "dry_run") == 0)
        o->dry_run = true;
    else if (strcmp(name, "verbose") == 0)
        o->verbose++;
    else if (strcmp(name, "non_fatal") == 0) {
        o->soft_packets = value == NULL || strstr(value, "packet") != NULL;
        o->soft_calls = value == NULL || strstr(value, "syscall") != NULL;
    } else if (strcmp(name, "lax") == 0)
        return option_lax(value, &o->lax)
                   ? NULL
                   : "checksum, payload, ecr, silence, leak, arrows and push can be lax";
    else if (!option_is_ignored(name))
        return "no such option";
    return NULL;
}
