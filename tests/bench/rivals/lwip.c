/*
 * lwip.c - lwIP as a responder, on its raw (callback) interface, with a loop of our own on the TAP.
 *
 *     lwip --tap NAME --ip A.B.C.D/P [--by-reference]
 *
 * Built twice: against Debian's shared library as it is packaged (`lwip`), and from Debian's source
 * package with the options of lwip_tuned/lwipopts.h (`lwip-tuned`).
 *
 * The loop is the best one that we know for lwIP: frames are read straight into a pbuf until there are
 * none, and only then the program sleeps; a pbuf goes out by one writev(). lwIP's own TAP driver selects
 * before each read and copies each frame once more in each direction.
 *
 * --by-reference: bulk out without the copy into lwIP's buffers (tcp_write() without COPY), which
 * needs two pbufs a segment.
 */
#include "common.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

enum { BURST = 64, CHUNK = 32768, IOV = 16 };

static struct netif card;
static int tap;
static uint8_t source_flags = TCP_WRITE_FLAG_COPY;
static struct rival_args args;

u32_t sys_now(void);
u32_t sys_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &t); /* lwIP's timers have 250 ms: that is fine enough */
    return (u32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* ---- the card ---- */

static err_t card_send(struct netif *netif, struct pbuf *p)
{
    struct iovec iov[IOV];
    int count = 0;

    (void)netif;
    for (; p != NULL && count < IOV; p = p->next)
        iov[count++] = (struct iovec){p->payload, p->len};
    return writev(tap, iov, count) < 0 ? ERR_IF : ERR_OK;
}

static err_t card_init(struct netif *netif)
{
    netif->name[0] = 't';
    netif->name[1] = 'p';
    netif->output = etharp_output;
    netif->linkoutput = card_send;
    netif->mtu = RIVAL_MTU;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    rival_mac(netif->hwaddr, args.ip);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

/* Return: how many frames lwIP was given. A pbuf that nothing was read into waits for the next turn. */
static unsigned card_take(void)
{
    static struct pbuf *spare;
    unsigned count = 0;

    for (; count < BURST; count++) {
        /* Not PBUF_POOL: in Debian's library its buffers are smaller than pbuf_alloc() believes. */
        if (spare == NULL)
            spare = pbuf_alloc(PBUF_RAW, RIVAL_FRAME_MAX, PBUF_RAM);
        if (spare == NULL)
            rival_die("no pbuf");
        ssize_t n = read(tap, spare->payload, RIVAL_FRAME_MAX);

        if (n <= 0)
            break;
        struct pbuf *p = spare;

        spare = NULL;
        pbuf_realloc(p, (u16_t)n);
        if (card.input(p, &card) != ERR_OK)
            pbuf_free(p);
    }
    return count;
}

/* ---- services ---- */

static void stream_end(struct tcp_pcb *pcb, void *arg)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
    free(arg);
}

static void on_error(void *arg, err_t error)
{
    (void)error;
    free(arg);
}

static err_t on_discard(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)error;
    if (p == NULL) {
        stream_end(pcb, arg);
        return ERR_OK;
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_echo(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)error;
    if (p == NULL) {
        stream_end(pcb, arg);
        return ERR_OK;
    }
    tcp_recved(pcb, p->tot_len);
    for (struct pbuf *q = p; q != NULL; q = q->next)
        (void)tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_source(void *arg, struct tcp_pcb *pcb, u16_t acked)
{
    static char bytes[CHUNK];

    (void)arg;
    (void)acked;
    for (;;) {
        size_t room = tcp_sndbuf(pcb);
        u16_t len = (u16_t)(room < CHUNK ? room : CHUNK);

        /* In whole segments, as long as the buffer is not nearly full. */
        if (len > TCP_MSS)
            len = (u16_t)(len - len % TCP_MSS);
        if (len == 0 || tcp_write(pcb, bytes, len, source_flags) != ERR_OK)
            break;
    }
    return tcp_output(pcb);
}

static err_t on_http(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct http_scan *http = arg;

    (void)error;
    if (p == NULL) {
        stream_end(pcb, arg);
        return ERR_OK;
    }
    unsigned heads = 0;

    tcp_recved(pcb, p->tot_len);
    for (struct pbuf *q = p; q != NULL; q = q->next)
        heads += http_scan(http, q->payload, q->len);
    pbuf_free(p);
    while (heads-- > 0) {
        bool close = http->close && heads == 0;
        size_t len;
        const char *reply = http_reply(close, &len);

        (void)tcp_write(pcb, reply, (u16_t)len, TCP_WRITE_FLAG_COPY);
        if (close)
            stream_end(pcb, arg);
    }
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg;
    if (error != ERR_OK || pcb == NULL)
        return ERR_VAL;
    void *state = NULL;

    tcp_nagle_disable(pcb);
    tcp_err(pcb, on_error);
    switch (pcb->local_port) {
    case PORT_HTTP:
        state = calloc(1, sizeof(struct http_scan));
        if (state == NULL)
            rival_die("memory");
        tcp_recv(pcb, on_http);
        break;
    case PORT_ECHO:
        tcp_recv(pcb, on_echo);
        break;
    case PORT_SOURCE:
        tcp_recv(pcb, on_discard);
        tcp_sent(pcb, on_source);
        on_source(NULL, pcb, 0);
        break;
    default:
        tcp_recv(pcb, on_discard);
    }
    tcp_arg(pcb, state);
    return ERR_OK;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

static void serve(u16_t port)
{
    struct tcp_pcb *pcb = tcp_new();

    if (pcb == NULL || tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK)
        rival_die("tcp_bind");
    pcb = tcp_listen_with_backlog(pcb, 255);
    tcp_accept(pcb, on_accept);
}

static void start(void)
{
    ip4_addr_t ip = {lwip_htonl(args.ip)}, none = {0},
               mask = {lwip_htonl(~(UINT32_MAX >> args.prefix))};
    struct udp_pcb *udp;

    lwip_init();
    if (netif_add(&card, &ip, &mask, &none, NULL, card_init, ethernet_input) == NULL)
        rival_die("netif_add");
    netif_set_default(&card);
    netif_set_up(&card);
    serve(PORT_ECHO);
    serve(PORT_DISCARD);
    serve(PORT_SOURCE);
    serve(PORT_HTTP);
    udp = udp_new();
    if (udp == NULL || udp_bind(udp, IP4_ADDR_ANY, PORT_ECHO) != ERR_OK)
        rival_die("udp_bind");
    udp_recv(udp, on_datagram, NULL);
}

int main(int argc, char **argv)
{
    struct pollfd in = {.events = POLLIN};

    for (int left = rival_args(&args, argc, argv); left > 0; left--) {
        errno = EINVAL;
        if (strcmp(argv[left], "--by-reference") != 0)
            rival_die(argv[left]);
        source_flags = 0;
    }
    tap = rival_tap(args.tap, false);
    in.fd = tap;
    start();
    rival_ready();
    while (!rival_stop) {
        unsigned count = card_take();

        sys_check_timeouts();
        if (count == 0) {
            u32_t ms = sys_timeouts_sleeptime();

            poll(&in, 1, ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? -1 : (int)ms + 1);
        }
    }
    return 0;
}
