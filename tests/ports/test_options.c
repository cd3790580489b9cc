/*
 * test_options.c - the command line: defaults, values, and one clear line for each wrong one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "t.h"

static struct stackd_options o;
static char err[512];

/* Parse a command line of words, NULL at the end. */
static int parse(const char *const *words)
{
    static char text[32][128];
    static char *argv[34]; /* o.command points into it */

    int argc = 1;

    argv[0] = text[0];

    for (; words[argc - 1] != NULL; argc++) {
        snprintf(text[argc], sizeof(text[argc]), "%s", words[argc - 1]);
        argv[argc] = text[argc];
    }
    argv[argc] = NULL;
    return options_parse(&o, argc, argv, err, sizeof(err));
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void test_options_defaults(void)
{
    T_EQ(parse((const char *const[]){NULL}), 0);
    T_EQ(o.wire, STACKD_WIRE_TAP);
    T_STR(o.ifname, "tap0");
    T_EQ(o.ip, 0x0a000002);
    T_EQ(o.prefix, 24);
    T_EQ(o.host_ip, 0x0a000001);
    T_EQ(o.host_prefix, 24);
    T_EQ(o.gateway, 0x0a000001);
    T_EQ(o.mtu, 1500);
    T_TRUE(o.host_config);
    T_TRUE(o.default_services);
    T_EQ(o.backlog, 128);
    T_EQ(o.syn_pool, 1024);
    T_EQ(o.connections, 131072);
    T_EQ(o.syn_policy, TCP_SYN_COOKIES);
    T_EQ(o.msl, NET_SEC(30));
    T_FALSE(o.no_autotune || o.fastopen);
    T_EQ(o.cc, cc_by_name("cubic"));
    T_TRUE(o.hystart);
    T_EQ(o.offload, PORT_OFFLOAD_AUTO);
    T_EQ(o.io, STACKD_IO_AUTO);
    T_TRUE(o.gro);
    T_EQ(o.busy_poll, 0);
    T_EQ(o.cpu[0], -1);
    T_STR(o.color, "auto");
    T_EQ(o.mac.b[0], 0x02); /* locally administered, unicast */
    T_TRUE(o.pcap == NULL && o.trace == NULL && o.http_root == NULL && o.command == NULL);
}

static void test_options_io(void)
{
    T_EQ(PARSE("--gro", "off"), 0);
    T_FALSE(o.gro);
    T_EQ(PARSE("--gro", "on"), 0);
    T_TRUE(o.gro);
    T_EQ(PARSE("--io", "read"), 0);
    T_EQ(o.io, STACKD_IO_READ);
    T_EQ(PARSE("--io", "uring"), 0);
    T_EQ(o.io, STACKD_IO_URING);
}

static void test_options_busy_poll_and_cpu(void)
{
    T_EQ(PARSE("--busy-poll", "50", "--cpu", "1"), 0);
    T_EQ(o.busy_poll, NET_US(50));
    T_EQ(o.cpu[0], 1);
    T_EQ(PARSE("--busy-poll", "0", "--cpu", "0"), 0);
    T_EQ(o.busy_poll, 0);
    T_EQ(o.cpu[0], 0);
}

/* These words are refused by a line that begins with @why. */
static void refuse(const char *why, const char *const *words)
{
    T_EQ(parse(words), -EINVAL);
    T_TRUE(strncmp(err, why, strlen(why)) == 0);
}
#define REFUSE(why, ...) refuse(why, (const char *const[]){__VA_ARGS__, NULL})

static void test_options_queues_and_their_processors(void)
{
    T_EQ(PARSE("--queues", "3"), 0);
    T_EQ(o.queues, 3);
    T_TRUE(o.cpu[0] == -1 && o.cpu[1] == -1 && o.cpu[2] == -1);
    T_EQ(PARSE("--queues", "3", "--cpu", "4"), 0); /* the first of as many */
    T_TRUE(o.cpu[0] == 4 && o.cpu[1] == 5 && o.cpu[2] == 6);
    T_EQ(PARSE("--cpu", "9,0-1", "--queues", "3"), 0);
    T_TRUE(o.cpu[0] == 9 && o.cpu[1] == 0 && o.cpu[2] == 1);
    REFUSE("--cpu names 2 processors for 3 queues: ", "--queues", "3", "--cpu", "0,1");
    REFUSE("--cpu names 2 processors for 1 queue: ", "--cpu", "0-1");
    REFUSE("--cpu 1020: there are not so many processors", "--queues", "8", "--cpu", "1020");
    static const char *const lists[] = {"",     ",",   "1,",   "1-",  "-1",
                                        "1,,2", "2-1", "1024", "0x1", "1 2"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        REFUSE("--cpu ", "--cpu", lists[i]);
    REFUSE("--queues 0: not from 1 to 64", "--queues", "0");
    REFUSE("--queues 65: not from 1 to 64", "--queues", "65");
    REFUSE("--queues: only a TAP", "--queues", "2", "--raw", "eth0");
    T_EQ(PARSE("--fd", "3"), 0);
    T_TRUE(o.queues == 1 && o.fds == 1 && o.fd[0] == 3);
    T_EQ(PARSE("--fd", "7,5"), 0); /* a queue each */
    T_TRUE(o.queues == 2 && o.fds == 2 && o.fd[0] == 7 && o.fd[1] == 5);
    T_EQ(PARSE("--queues", "3", "--fd", "1048573-1048575"), 0);
    T_TRUE(o.queues == 3 && o.fd[2] == 1048575);
    REFUSE("--fd names 1 descriptor for 2 queues: name one for each", "--queues", "2", "--fd", "3");
    REFUSE("--fd names 2 descriptors for 1 queue: name one for each", "--fd", "3,4", "--queues",
           "1");
    REFUSE("--fd 1048576: not a descriptor's number", "--fd", "1048576");
    REFUSE("--fd 3,: not a descriptor's number", "--fd", "3,");
    REFUSE("--rate is of one wire", "--fd", "3,4", "--rate", "tx:1M");
    REFUSE("--rate is of one wire", "--queues", "2", "--rate", "tx:1M");
    T_EQ(PARSE("--queues", "1", "--rate", "1M"), 0);
}

static void test_options_mac_depends_on_name_and_address(void)
{
    T_EQ(PARSE("--tap", "tap0"), 0);
    struct mac first = o.mac;

    T_EQ(PARSE("--tap", "tap0"), 0);
    T_TRUE(mac_eq(first, o.mac));
    T_EQ(PARSE("--tap", "tap1"), 0);
    T_FALSE(mac_eq(first, o.mac));
    T_EQ(PARSE("--tap", "tap0", "--ip", "10.0.0.3/24"), 0);
    T_FALSE(mac_eq(first, o.mac));
    T_EQ(PARSE("--mac", "0a:Bc:00:00:00:01"), 0);
    T_MEM(o.mac.b, "\x0a\xbc\0\0\0\1", 6);
}

static void test_options_addresses_follow_from_ip(void)
{
    T_EQ(PARSE("--ip", "192.168.7.1/16"), 0); /* the first address of the subnet is 192.168.0.1 */
    T_EQ(o.host_ip, 0xc0a80001);
    T_EQ(PARSE("--ip", "192.168.7.1/24"), 0); /* it is ours: the second */
    T_EQ(o.host_ip, 0xc0a80702);
    T_EQ(PARSE("--ip", "10.1.1.4/31"), 0);
    T_EQ(o.host_ip, 0x0a010105);
    T_EQ(o.gateway, 0x0a010105);
    T_TRUE(PARSE("--ip", "10.1.1.4/32") < 0);
    T_EQ(PARSE("--ip", "10.1.1.4/32", "--no-host-config"), 0);
    T_EQ(o.gateway, 0);
    T_EQ(PARSE("--raw", "eth0"), 0);
    T_EQ(o.gateway, 0);
    T_FALSE(o.host_config);
    T_EQ(PARSE("--raw", "eth0", "--gateway", "10.0.0.254"), 0);
    T_EQ(o.gateway, 0x0a0000fe);
}

static void test_options_faults_by_direction(void)
{
    T_EQ(PARSE("--drop-chance", "5", "--mark-chance", "rx:2", "--corrupt-chance", "rx:0.1",
               "--duplicate-chance", "tx:100%", "--reorder-chance", "0.0001", "--delay", "20",
               "--jitter", "tx:0.5ms", "--rate", "rx:1.5M"),
         0);
    const struct imp_config *rx = &o.fault[STACKD_RX], *tx = &o.fault[STACKD_TX];

    T_EQ(rx->loss_ppm, 50000);
    T_EQ(tx->loss_ppm, 50000);
    T_EQ(rx->mark_ppm, 20000);
    T_EQ(tx->mark_ppm, 0);
    T_EQ(rx->corrupt_ppm, 1000);
    T_EQ(tx->corrupt_ppm, 0);
    T_EQ(rx->dup_ppm, 0);
    T_EQ(tx->dup_ppm, 1000000);
    T_EQ(rx->reorder_ppm, 1);
    T_EQ(rx->delay, NET_MS(20));
    T_EQ(rx->jitter, 0);
    T_EQ(tx->jitter, NET_US(500));
    T_EQ(rx->rate_bps, 1500000);
    T_EQ(tx->rate_bps, 0);
}

static void test_options_services(void)
{
    T_EQ(PARSE("--service", "http:8080", "--service", "echo"), 0);
    T_FALSE(o.default_services);
    T_EQ(o.service_count, 2);
    T_STR(o.service[0].name, "http");
    T_EQ(o.service[0].port, 8080);
    T_EQ(o.service[1].port, 0);
    T_EQ(PARSE("--no-services", "--no-autotune", "--fastopen"), 0);
    T_TRUE(o.fastopen);
    T_TRUE(o.no_autotune);
    T_FALSE(o.default_services);
    T_EQ(o.service_count, 0);
}

static void test_options_congestion_control(void)
{
    T_EQ(PARSE("--cc", "bbr", "--no-hystart"), 0);
    T_EQ(o.cc, cc_by_name("bbr"));
    T_FALSE(o.hystart);
    T_EQ(PARSE("--cc=reno"), 0);
    T_EQ(o.cc, cc_by_name("reno"));
}

static void test_options_command_needs_netns(void)
{
    T_EQ(PARSE("--netns", "--", "ping", "-c", "1", "--tap"), 0);
    T_NEED(o.command != NULL);
    T_STR(o.command[0], "ping");
    T_STR(o.command[3], "--tap");
    T_TRUE(o.command[4] == NULL);
    T_TRUE(PARSE("ping") < 0);
    T_STR(err, "ping: a command needs --netns: try stackd --netns -- ping 10.0.0.2");
    T_TRUE(PARSE("--netns", "--raw", "eth0") < 0);
}

static void test_options_control_path(void)
{
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    T_EQ(PARSE("--tap", "tap9"), 0);
    T_STR(o.control, geteuid() == 0 ? "/run/stackd/tap9.sock" : "/run/user/7/stackd/tap9.sock");
    T_EQ(PARSE("--control", "/tmp/x"), 0);
    T_STR(o.control, "/tmp/x");
    T_TRUE(o.control_given);
}

/* A wrong value: usage error, one line that begins with the option and names a way out. */
static void check_bad(const char *option, const char *value)
{
    int got = PARSE(option, value);

    T_EQ(got, -EINVAL);
    if (got == 0)
        printf("     accepted: %s %s\n", option, value);
    T_TRUE(strncmp(err, "--", 2) == 0 || strncmp(err, value, strlen(value)) == 0);
    T_TRUE(strchr(err, ':') != NULL && strchr(err, '\n') == NULL);
}

static void test_options_wrong_values_are_refused(void)
{
    static const char *const bad[][2] = {
        {"--ip",             "10.0.0.300/24"          },
        {"--ip",             "10.0.0.2"               },
        {"--ip",             "10.0.0.2/33"            },
        {"--ip",             "10.0.0.2/0"             },
        {"--ip",             "10.0.0/24"              },
        {"--ip",             ""                       },
        {"--ip",             "10.0.0.2.1/24"          },
        {"--ip",             "10.0.0.0002/24"         },
        {"--ip",             "10.0.0.0/24"            },
        {"--ip",             "10.0.0.255/24"          },
        {"--ip",             "127.0.0.1/8"            },
        {"--ip",             "224.0.0.1/4"            },
        {"--ip",             "0.0.0.1/8"              },
        {"--host-ip",        "x"                      },
        {"--host-ip",        "10.0.0.2/24"            },
        {"--gateway",        "10.0.0"                 },
        {"--gateway",        "10.0.0.2"               },
        {"--gateway",        "10.1.0.1"               },
        {"--mac",            "02:00:00:00:00"         },
        {"--mac",            "03:00:00:00:00:01"      },
        {"--mac",            "00:00:00:00:00:00"      },
        {"--mac",            "02-00-00-00-00-01"      },
        {"--mac",            "02:00:00:00:00:01:02"   },
        {"--mac",            ""                       },
        {"--mtu",            "67"                     },
        {"--mtu",            "65522"                  },
        {"--mtu",            "1500x"                  },
        {"--mtu",            "-1"                     },
        {"--mtu",            ""                       },
        {"--mtu",            "99999999999999999999999"},
        {"--tap",            "a/b"                    },
        {"--tap",            ""                       },
        {"--tap",            "sixteencharacter"       },
        {"--tap",            "tap%d"                  },
        {"--fd",             "x"                      },
        {"--service",        "gopher"                 },
        {"--service",        "http:0"                 },
        {"--service",        "http:65536"             },
        {"--service",        ""                       },
        {"--service",        "http:"                  },
        {"--http-root",      "/nonexistent"           },
        {"--http-root",      "/dev/null"              },
        {"--backlog",        "0"                      },
        {"--syn-pool",       "0"                      },
        {"--connections",    "0"                      },
        {"--connections",    "4194305"                },
        {"--syn-policy",     "hope"                   },
        {"--msl",            "0"                      },
        {"--msl",            "x"                      },
        {"--msl",            "1e3"                    },
        {"--cc",             "vegas"                  },
        {"--cc",             ""                       },
        {"--keepalive",      "0"                      },
        {"--keepalive",      "2h"                     },
        {"--user-timeout",   "0"                      },
        {"--user-timeout",   "1m"                     },
        {"--drop-chance",    "101"                    },
        {"--drop-chance",    "-1"                     },
        {"--drop-chance",    "rx:"                    },
        {"--drop-chance",    "both:1"                 },
        {"--corrupt-chance", "1,5"                    },
        {"--delay",          "soon"                   },
        {"--delay",          "99999999"               },
        {"--jitter",         ""                       },
        {"--rate",           "fast"                   },
        {"--rate",           "10T"                    },
        {"--rate",           "99999999999999999999G"  },
        {"--seed",           "-1"                     },
        {"--seed",           "18446744073709551616"   },
        {"--offload",        "maybe"                  },
        {"--gro",            "maybe"                  },
        {"--io",             "epoll"                  },
        {"--busy-poll",      "-1"                     },
        {"--busy-poll",      "1000001"                },
        {"--busy-poll",      "5ms"                    },
        {"--cpu",            "-1"                     },
        {"--cpu",            "1024"                   },
        {"--cpu",            "all"                    },
        {"--color",          "pink"                   },
        {"--control",        ""                       },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_bad(bad[i][0], bad[i][1]);
    T_TRUE(PARSE("--tap", "a", "--raw", "b") < 0);
    T_TRUE(PARSE("--pcap-sent") < 0);
    T_TRUE(strstr(err, "--pcap FILE") != NULL);
    T_EQ(PARSE("--pcap-sent", "--pcap", "a.pcapng"), 0);
    T_TRUE(o.pcap_sent);
    T_TRUE(PARSE("--pcap", "-", "--trace", "-") < 0);
}

static void test_options_message_says_how_to_mend(void)
{
    T_TRUE(PARSE("--ip", "10.0.0.300/24") < 0);
    T_STR(err, "--ip 10.0.0.300/24: not an IPv4 address with prefix: try --ip 10.0.0.2/24");
}

static void test_options_rate_units(void)
{
    uint64_t v;

    T_TRUE(options_rate("64k", &v) && v == 64000);
    T_TRUE(options_rate("10G", &v) && v == 10000000000);
    T_TRUE(options_rate("300", &v) && v == 300);
    T_TRUE(options_rate("0", &v) && v == 0);
    T_FALSE(options_rate("0.0001", &v));
    T_FALSE(options_rate("k", &v));
}

static void test_options_set(void)
{
    T_EQ(PARSE("--set", "tcp_sack=0", "--set=net.ipv4.tcp_ecn=1"), 0);
    T_EQ(o.set_count, 2);
    T_STR(o.set[0], "tcp_sack=0");
    T_STR(o.set[1], "net.ipv4.tcp_ecn=1");
    T_EQ(PARSE("--set", "tcp_sakc=0"), -EINVAL);
    T_TRUE(strstr(err, "tcp_sakc is no setting of ours: --list-settings") != NULL);
    T_EQ(PARSE("--set", "tcp_sack"), -EINVAL);
    T_EQ(PARSE("--set", "tcp_syn_retries=300"), -EINVAL);
}

T_MAIN("options", T(test_options_set), T(test_options_defaults), T(test_options_busy_poll_and_cpu),
       T(test_options_queues_and_their_processors), T(test_options_io),
       T(test_options_mac_depends_on_name_and_address), T(test_options_addresses_follow_from_ip),
       T(test_options_faults_by_direction), T(test_options_services),
       T(test_options_congestion_control), T(test_options_command_needs_netns),
       T(test_options_control_path), T(test_options_wrong_values_are_refused),
       T(test_options_message_says_how_to_mend), T(test_options_rate_units))
