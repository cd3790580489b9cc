/*
 * common.c - see common.h.
 *
 * Nothing here is in anybody's way while it is measured: the TAP is opened once, and the scan of a
 * request head costs the same in each responder that is written in C.
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

volatile sig_atomic_t rival_stop;

static void on_signal(int number)
{
    (void)number;
    rival_stop = 1;
}

void rival_die(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(2);
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: %s --tap NAME --ip A.B.C.D/P [options, see its head]\n",
            program_invocation_short_name);
    exit(1);
}

static void parse_ip(struct rival_args *a, const char *text)
{
    char address[INET_ADDRSTRLEN] = {0};
    struct in_addr in;
    char extra;

    int fields = sscanf(text, "%15[0-9.]/%u%c", address, &a->prefix, &extra);

    if (fields < 1 || fields > 2 || a->prefix > 30 || inet_pton(AF_INET, address, &in) != 1)
        usage();
    a->ip = ntohl(in.s_addr);
}

int rival_args(struct rival_args *a, int argc, char **argv)
{
    int left = 1;

    *a = (struct rival_args){.prefix = 24};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tap") == 0 && i + 1 < argc)
            a->tap = argv[++i];
        else if (strcmp(argv[i], "--ip") == 0 && i + 1 < argc)
            parse_ip(a, argv[++i]);
        else
            argv[left++] = argv[i];
    }
    if (a->ip == 0)
        usage();
    argv[left] = NULL;
    return left - 1;
}

int rival_tap(const char *name, bool vnet)
{
    struct ifreq ifr = {0};

    if (name == NULL)
        usage();
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        rival_die("/dev/net/tun");
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0));
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        rival_die(name);
    /* An earlier owner of the TAP may have left them on. */
    if (ioctl(fd, TUNSETOFFLOAD, vnet ? TUN_F_CSUM | TUN_F_TSO4 : 0) < 0)
        rival_die("TUNSETOFFLOAD");
    return fd;
}

void rival_mac(uint8_t mac[6], uint32_t ip)
{
    mac[0] = 0x02;
    mac[1] = 0x5a;
    for (int i = 0; i < 4; i++)
        mac[2 + i] = (uint8_t)(ip >> (24 - 8 * i));
}

void rival_ready(void)
{
    struct sigaction sa = {.sa_handler = on_signal}; /* without SA_RESTART: waiting calls end */

    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    fputs("ready\n", stderr);
}

static bool line_is(const struct http_scan *h, const char *what)
{
    size_t len = strlen(what);

    return h->len >= len && strncasecmp(h->line, what, len) == 0;
}

/* Return: whether the head is over. */
static bool http_line(struct http_scan *h)
{
    if (!h->in_fields) {
        if (h->len == 0)
            return false; /* empty lines before a request are nothing, RFC 9112 2.2 */
        h->close = h->last == '0';
        h->in_fields = true;
    } else if (h->len == 0) {
        h->in_fields = false;
        return true;
    } else if (line_is(h, "connection: close")) {
        h->close = true;
    } else if (line_is(h, "connection: keep-alive")) {
        h->close = false;
    }
    return false;
}

unsigned http_scan(struct http_scan *h, const void *bytes, size_t len)
{
    const char *p = bytes;
    unsigned heads = 0;

    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\n') {
            heads += http_line(h);
            h->len = 0;
        } else if (p[i] != '\r') {
            h->last = p[i];
            if (h->len < sizeof(h->line))
                h->line[h->len++] = p[i];
        }
    }
    return heads;
}

#define HTTP_REPLY(connection)                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n"                        \
    "Connection: " connection "\r\n\r\n"                                                           \
    "Hello, whole world.\n"

const char *http_reply(bool close, size_t *len)
{
    static const char keep[] = HTTP_REPLY("keep-alive"), last[] = HTTP_REPLY("close");

    *len = (close ? sizeof(last) : sizeof(keep)) - 1;
    return close ? last : keep;
}
