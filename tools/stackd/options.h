/*
 * options.h - what the command line says, checked and with the defaults filled in.
 */
#ifndef STACKD_OPTIONS_H
#define STACKD_OPTIONS_H

#include <stdio.h>

#include "base/ip_addr.h"
#include "l1_physical/imp.h"
#include "l1_physical/port.h"
#include "l4_transport/tcp.h"

enum { STACKD_SERVICES = 64, STACKD_FAULT_DIRS = 2, STACKD_CPUS = 1024, STACKD_QUEUES = 64 };

enum stackd_wire { STACKD_WIRE_TAP, STACKD_WIRE_RAW, STACKD_WIRE_FD };
enum stackd_io { STACKD_IO_AUTO, STACKD_IO_READ, STACKD_IO_URING };
enum stackd_dir { STACKD_RX, STACKD_TX }; /* of the bad wire, as the host sees it */

struct stackd_service {
    char name[16];
    uint16_t port; /* 0: the well-known one */
};

enum { STACKD_SETTINGS = 32 };
enum stackd_pmtu { STACKD_PMTU_OFF, STACKD_PMTU_ICMP, STACKD_PMTU_BLACKHOLE, STACKD_PMTU_ALWAYS };

struct stackd_options {
    enum stackd_wire wire;
    char ifname[16]; /* of the TAP or the raw interface */
    int fd[STACKD_QUEUES]; /* STACKD_WIRE_FD: of each queue */
    unsigned fds;          /* how many were named */
    bool netns;
    char **command; /* NULL-terminated, or NULL */

    uint32_t ip, host_ip, gateway; /* host order; gateway 0: none */
    uint8_t prefix, host_prefix;
    bool host_config; /* give the kernel's end its address */
    struct mac mac;
    bool mac_given;
    uint16_t mtu;
    uint8_t igmp; /* version, 0: off */
    enum stackd_pmtu pmtu;

    struct stackd_service service[STACKD_SERVICES];
    unsigned service_count; /* 0 with default_services: the default set */
    bool default_services;
    const char *http_root; /* NULL: the built-in page */

    const char *pcap, *trace; /* NULL: none; "-": standard output */
    bool pcap_sent;           /* the capture has frames before the bad wire as well */
    char control[108];        /* path of the control socket, "" none */
    bool control_given;       /* by the user: then failing to open it is an error */

    uint32_t backlog, syn_pool, connections;
    enum tcp_syn_policy syn_policy;
    net_time msl;
    net_time keepalive; /* 0: off */
    bool no_autotune, fastopen;
    net_time user_timeout; /* 0: by retries */
    uint8_t cc; /* as cc_by_name() */
    bool hystart;
    const char *set[STACKD_SETTINGS]; /* NAME=VALUE, checked; done after all others (sysctl.h) */
    unsigned set_count;

    net_time busy_poll; /* 0: sleep at once */
    bool stay_awake;
    unsigned queues;    /* of the TAP, a thread each: 1 */
    int cpu[STACKD_QUEUES]; /* to run on, of each queue; -1: any */
    unsigned cpus;      /* how many were named */

    struct imp_config fault[STACKD_FAULT_DIRS];
    uint64_t seed;
    bool seed_given;
    enum port_offload offload;
    bool gro; /* join what comes in trains, where the wire does not */
    enum stackd_io io;
    unsigned verbose;
    const char *color; /* a word that ink_wanted() knows */
};

/**
 * options_parse - read the command line.
 * @err: receives one line, without the program's name: what is wrong and what would be right
 *
 * Prints and ends the program for --help, --version and --usage only.
 *
 * Return: 0; -EINVAL for a usage error (exit status 1).
 */
int options_parse(struct stackd_options *o, int argc, char **argv, char *err, size_t err_len);

/**
 * options_named - set what follows from the name of the interface, unless it was given: MAC
 * address, control socket. To be called again when --fd has told the name.
 */
void options_named(struct stackd_options *o);

/* The parsers of single values; each returns whether @s is one, whole. Used by the control socket too. */
bool options_ip(const char *s, uint32_t *ip);
bool options_ip_prefix(const char *s, uint32_t *ip, uint8_t *prefix);
bool options_mac(const char *s, struct mac *mac);
bool options_number(const char *s, uint64_t min, uint64_t max, uint64_t *v);
/**
 * options_decimal - @len characters, digits with at most @decimals decimals.
 * @v: receives the number in units of the last decimal: `1.5` with 3 decimals is 1500
 */
bool options_decimal(const char *s, size_t len, unsigned decimals, uint64_t max, uint64_t *v);
/** options_percent - `1`, `0.5`, `2.5%`, 0 to 100, as parts per million. */
bool options_percent(const char *s, uint32_t *ppm);
/** options_ms - milliseconds with decimals, as nanoseconds; at most an hour. */
bool options_ms(const char *s, net_time *t);
/** options_list - numbers below @max, as `0,2-4`; @out receives them. Return: how many, 0: that is no list. */
unsigned options_list(const char *s, int max, int out[STACKD_QUEUES]);
/** options_rate - bits per second, with k, M or G. */
bool options_rate(const char *s, uint64_t *bits);
/** options_dir_prefix - take a leading `rx:` or `tx:` off @s; @rx and @tx say whom it concerns. */
const char *options_dir_prefix(const char *s, bool *rx, bool *tx);

#endif
