/*
 * lwip_host.c - a host that is lwIP: frames, commands and the time come in on standard input, frames,
 * reports and the next deadline go out on standard output.
 *
 * It is a process of its own because both stacks have functions called tcp_input() and the like, and
 * because a process that is started anew has forgotten everything. lwIP asks sys_now() for the time;
 * Debian's shared library finds the one below first, so its clock is the number in the last message:
 * lwIP lives in virtual time, and the same messages always give the same answers.
 *
 * A message is a type, a length and that many bytes, in the machine's order:
 *
 *     in   F  a frame that arrived             out  F  a frame to send
 *          C  a command, text                       R  a report, a line of text
 *          T  uint64_t: the time, ms                D  uint64_t: when to be run again, ms: the answer
 *          G  go: run; D ends the answer               to G, nothing else is answered
 *
 * Commands (talks are numbered by ID; the streams of bytes are those of tests/sim/talk.c):
 *
 *     host IP MTU                                       first of all: our address, /24
 *     listen ID PORT KEY BYTES PEERKEY PEERBYTES END READFROM
 *     connect ID IP PORT LPORT KEY BYTES PEERKEY PEERBYTES END READFROM
 *         say BYTES of KEY, hear PEERBYTES of PEERKEY, not reading before READFROM ms; END is first
 *         (FIN when all is said), second (FIN after the other's), close, or reset (RST when all is said)
 *     keepalive ID IDLE INTERVAL COUNT                  ms
 *     udp-echo PORT
 *     udp IP PORT SIZE                                  a datagram, to come back
 *     ping IP SIZE
 * Reports: `open ID`, `eof ID`, `over ID SAID HEARD WRONG ERROR` (WRONG bytes were others than the
 * peer says; ERROR is lwIP's err_t), `udp SIZE WRONG`, `ping SIZE WRONG`.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lwip/etharp.h"
#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/prot/icmp.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

enum { TALKS = 8, FRAME_MAX = 65536, CHUNK = 4096 };

struct talk {
    int id; /* 0: unused */
    struct tcp_pcb *pcb, *listener;
    uint64_t key, bytes, peer_key, peer_bytes, sent, received, wrong;
    u32_t read_from;
    char end[8];
    struct pbuf *unread;
    int opened, shut, eof, over;
};

static struct talk talks[TALKS];
static struct netif card;
static u32_t now_ms;

u32_t sys_now(void);
u32_t sys_now(void)
{
    return now_ms;
}

static void die(const char *what)
{
    fprintf(stderr, "lwip_host: %s\n", what);
    exit(2);
}

/* ---- messages ---- */

static void put(char type, const void *bytes, uint32_t len)
{
    if (fwrite(&type, 1, 1, stdout) != 1 || fwrite(&len, sizeof(len), 1, stdout) != 1 ||
        fwrite(bytes, 1, len, stdout) != len)
        die("nobody reads what I say");
}

static void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void report(const char *format, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, format);
    int len = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    put('R', text, (uint32_t)len);
}

static err_t card_send(struct netif *netif, struct pbuf *p)
{
    static uint8_t frame[FRAME_MAX];

    (void)netif;
    put('F', frame, pbuf_copy_partial(p, frame, sizeof(frame) - 1, 0));
    return ERR_OK;
}

static void card_receive(const uint8_t *frame, uint32_t len)
{
    /* Not from PBUF_POOL: in Debian's library pbuf_alloc() and the pool do not agree on the size of
     * its buffers, and a full frame is written beyond the end of one. */
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);

    if (p == NULL || pbuf_take(p, frame, (u16_t)len) != ERR_OK)
        die("no pbuf");
    if (card.input(p, &card) != ERR_OK)
        pbuf_free(p);
}

static err_t card_init(struct netif *netif)
{
    netif->name[0] = 'v';
    netif->name[1] = 't';
    netif->output = etharp_output;
    netif->linkoutput = card_send;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP | NETIF_FLAG_IGMP;
    return ERR_OK;
}

/* ---- the bytes of a stream, as in tests/sim/talk.c ---- */

static uint8_t byte_of(uint64_t key, uint64_t i)
{
    uint64_t z = key + (i / 8 + 1) * 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return (uint8_t)(z >> (8 * (i % 8)));
}

static uint64_t wrong_bytes(const struct pbuf *p, u16_t from, uint64_t key, uint64_t at)
{
    uint64_t wrong = 0;

    for (u16_t i = from; i < p->tot_len; i++)
        wrong += pbuf_get_at(p, i) != byte_of(key, at + i - from);
    return wrong;
}

/* ---- talks ---- */

static void talk_over(struct talk *t, err_t error)
{
    if (t->over)
        return;
    t->over = 1;
    report("over %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %d", t->id, t->sent, t->received, t->wrong,
           error);
}

/* lwIP has freed the block already. */
static void talk_error(void *arg, err_t error)
{
    struct talk *t = arg;

    t->pcb = NULL;
    talk_over(t, error);
}

static void talk_let_go(struct talk *t)
{
    tcp_arg(t->pcb, NULL);
    tcp_recv(t->pcb, NULL);
    tcp_sent(t->pcb, NULL);
    tcp_err(t->pcb, NULL);
}

static void talk_write(struct talk *t)
{
    static uint8_t buf[CHUNK];

    while (t->sent < t->bytes && !t->shut) {
        uint64_t left = t->bytes - t->sent;
        u16_t room = (u16_t)LWIP_MIN(tcp_sndbuf(t->pcb), CHUNK),
              len = left < room ? (u16_t)left : room;

        for (u16_t i = 0; i < len; i++)
            buf[i] = byte_of(t->key, t->sent + i);
        if (len == 0 || tcp_write(t->pcb, buf, len, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        t->sent += len;
    }
    tcp_output(t->pcb);
}

static void talk_read(struct talk *t)
{
    struct pbuf *p = t->unread;

    if (p == NULL || (int32_t)(now_ms - t->read_from) < 0)
        return;
    t->unread = NULL;
    t->wrong += wrong_bytes(p, 0, t->peer_key, t->received);
    t->received += p->tot_len;
    tcp_recved(t->pcb, p->tot_len);
    pbuf_free(p);
}

/* Return: whether the block is still ours. */
static int talk_hang_up(struct talk *t)
{
    int said = t->sent == t->bytes, heard = t->received == t->peer_bytes && t->unread == NULL;
    int eof = t->eof && t->unread == NULL;

    if (strcmp(t->end, "reset") == 0 && said && heard) {
        talk_let_go(t);
        tcp_abort(t->pcb);
        t->pcb = NULL;
        talk_over(t, ERR_OK);
        return 0;
    }
    if (!t->shut && said &&
        (strcmp(t->end, "first") == 0 || (strcmp(t->end, "second") == 0 && eof))) {
        if (tcp_shutdown(t->pcb, 0, 1) != ERR_OK)
            return 1; /* no memory for the FIN: again at the next turn */
        t->shut = 1;
    }
    if ((t->shut && eof) || (strcmp(t->end, "close") == 0 && said && heard)) {
        talk_let_go(t);
        if (tcp_close(t->pcb) != ERR_OK)
            die("tcp_close failed");
        t->pcb = NULL;
        talk_over(t, ERR_OK);
        return 0;
    }
    return 1;
}

static void talk_run(struct talk *t)
{
    if (t->opened && t->listener != NULL) {
        tcp_close(t->listener);
        t->listener = NULL;
    }
    if (t->pcb == NULL || !t->opened)
        return;
    talk_read(t);
    talk_write(t);
    talk_hang_up(t);
}

static err_t talk_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct talk *t = arg;

    (void)pcb;
    (void)error;
    if (p == NULL) {
        t->eof = 1;
        report("eof %d", t->id);
    } else if (t->unread == NULL) {
        t->unread = p;
    } else {
        pbuf_cat(t->unread, p);
    }
    return ERR_OK; /* the rest is done at the end of the turn */
}

static void talk_opened(struct talk *t, struct tcp_pcb *pcb)
{
    t->pcb = pcb;
    t->opened = 1;
    tcp_arg(pcb, t);
    tcp_recv(pcb, talk_recv);
    tcp_err(pcb, talk_error);
    report("open %d", t->id);
}

static err_t talk_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)error;
    talk_opened(arg, pcb);
    return ERR_OK;
}

static err_t talk_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct talk *t = arg;

    if (error != ERR_OK)
        return error;
    talk_opened(t, pcb);
    return ERR_OK;
}

static struct talk *talk_of(int id)
{
    for (int i = 0; i < TALKS; i++) {
        if (talks[i].id == id)
            return &talks[i];
    }
    die("no such talk");
    return NULL;
}

static void talk_plan(struct talk *t, char **word)
{
    t->key = strtoull(word[0], NULL, 10);
    t->bytes = strtoull(word[1], NULL, 10);
    t->peer_key = strtoull(word[2], NULL, 10);
    t->peer_bytes = strtoull(word[3], NULL, 10);
    snprintf(t->end, sizeof(t->end), "%s", word[4]);
    t->read_from = (u32_t)strtoul(word[5], NULL, 10);
}

static struct talk *talk_new(char **word)
{
    struct talk *t = talk_of(0);

    *t = (struct talk){.id = atoi(word[1])};
    return t;
}

static ip_addr_t address(const char *text)
{
    ip_addr_t ip = IPADDR4_INIT(0);
    unsigned a, b, c, d;

    if (sscanf(text, "%u.%u.%u.%u", &a, &b, &c, &d) != 4)
        die("no address");
    IP_ADDR4(&ip, (u8_t)a, (u8_t)b, (u8_t)c, (u8_t)d);
    return ip;
}

static void do_listen(char **word)
{
    struct talk *t = talk_new(word);
    struct tcp_pcb *pcb = tcp_new();

    talk_plan(t, word + 3);
    if (tcp_bind(pcb, IP4_ADDR_ANY, (u16_t)atoi(word[2])) != ERR_OK)
        die("tcp_bind failed");
    t->listener = tcp_listen(pcb);
    tcp_arg(t->listener, t);
    tcp_accept(t->listener, talk_accepted);
}

static void do_connect(char **word)
{
    struct talk *t = talk_new(word);
    ip_addr_t ip = address(word[2]);
    struct tcp_pcb *pcb = tcp_new();

    talk_plan(t, word + 5);
    ip_set_option(pcb, SOF_REUSEADDR);
    if (tcp_bind(pcb, IP4_ADDR_ANY, (u16_t)atoi(word[4])) != ERR_OK)
        die("tcp_bind failed");
    t->pcb = pcb;
    tcp_arg(pcb, t);
    tcp_err(pcb, talk_error);
    if (tcp_connect(pcb, &ip, (u16_t)atoi(word[3]), talk_connected) != ERR_OK)
        die("tcp_connect failed");
}

static void do_keepalive(char **word)
{
    struct tcp_pcb *pcb = talk_of(atoi(word[1]))->pcb;

    ip_set_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = (u32_t)atoi(word[2]);
    pcb->keep_intvl = (u32_t)atoi(word[3]);
    pcb->keep_cnt = (u32_t)atoi(word[4]);
}

/* ---- UDP and ICMP ---- */

static void udp_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

static void udp_back(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    (void)arg;
    (void)pcb;
    (void)from;
    (void)port;
    report("udp %d %" PRIu64, p->tot_len, wrong_bytes(p, 0, p->tot_len, 0));
    pbuf_free(p);
}

static struct pbuf *filled(u16_t head, u16_t size)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)(head + size), PBUF_RAM);

    for (u16_t i = 0; i < size; i++)
        pbuf_put_at(p, (u16_t)(head + i), byte_of(size, i));
    return p;
}

static void do_udp_echo(char **word)
{
    struct udp_pcb *pcb = udp_new();

    if (udp_bind(pcb, IP4_ADDR_ANY, (u16_t)atoi(word[1])) != ERR_OK)
        die("udp_bind failed");
    udp_recv(pcb, udp_echo, NULL);
}

static void do_udp(char **word)
{
    static struct udp_pcb *pcb;
    ip_addr_t to = address(word[1]);
    struct pbuf *p = filled(0, (u16_t)atoi(word[3]));

    if (pcb == NULL) {
        pcb = udp_new();
        udp_recv(pcb, udp_back, NULL);
    }
    if (udp_sendto(pcb, p, &to, (u16_t)atoi(word[2])) != ERR_OK)
        die("udp_sendto failed");
    pbuf_free(p);
}

static u8_t ping_back(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    u16_t head = (u16_t)(IP_HLEN + sizeof(struct icmp_echo_hdr));

    (void)arg;
    (void)pcb;
    (void)from;
    if (p->tot_len < head || pbuf_get_at(p, IP_HLEN) != ICMP_ER)
        return 0;
    report("ping %d %" PRIu64, p->tot_len - head,
           wrong_bytes(p, head, (uint64_t)(p->tot_len - head), 0));
    pbuf_free(p);
    return 1;
}

static void do_ping(char **word)
{
    static struct raw_pcb *pcb;
    ip_addr_t to = address(word[1]);
    struct pbuf *p = filled(sizeof(struct icmp_echo_hdr), (u16_t)atoi(word[2]));
    struct icmp_echo_hdr h = {.type = ICMP_ECHO, .id = lwip_htons(7), .seqno = lwip_htons(1)};

    if (pcb == NULL) {
        pcb = raw_new(IP_PROTO_ICMP);
        raw_recv(pcb, ping_back, NULL);
        raw_bind(pcb, IP4_ADDR_ANY);
    }
    pbuf_take(p, &h, sizeof(h));
    h.chksum = inet_chksum_pbuf(p);
    pbuf_take(p, &h, sizeof(h));
    if (raw_sendto(pcb, p, &to) != ERR_OK)
        die("raw_sendto failed");
    pbuf_free(p);
}

/* ---- the host ---- */

static void do_host(char **word)
{
    ip_addr_t ip = address(word[1]);
    ip4_addr_t mask = {0}, none = {0};

    IP4_ADDR(&mask, 255, 255, 255, 0);
    lwip_init();
    if (netif_add(&card, ip_2_ip4(&ip), &mask, &none, NULL, card_init, ethernet_input) == NULL)
        die("netif_add failed");
    card.mtu = (u16_t)atoi(word[2]);
    memcpy(card.hwaddr, "\x02\x00\x00\x00\x00", 5);
    card.hwaddr[5] = ip4_addr4(ip_2_ip4(&ip));
    netif_set_default(&card);
    netif_set_up(&card);
}

static void command(char *text)
{
    static const struct {
        const char *name;
        int words;
        void (*run)(char **word);
    } commands[] = {
        {"host",      3,  do_host     },
        {"listen",    9,  do_listen   },
        {"connect",   11, do_connect  },
        {"keepalive", 5,  do_keepalive},
        {"udp-echo",  2,  do_udp_echo },
        {"udp",       4,  do_udp      },
        {"ping",      3,  do_ping     },
    };
    char *word[12] = {0};
    int count = 0;

    for (char *p = strtok(text, " "); p != NULL && count < 12; p = strtok(NULL, " "))
        word[count++] = p;
    for (size_t i = 0; count > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, word[0]) == 0 && commands[i].words == count) {
            commands[i].run(word);
            return;
        }
    }
    die("no such command");
}

static void turn(void)
{
    sys_check_timeouts();
    for (int i = 0; i < TALKS; i++) {
        if (talks[i].id != 0)
            talk_run(&talks[i]);
    }
    u32_t wait = sys_timeouts_sleeptime();
    uint64_t next = wait == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : (uint64_t)now_ms + wait;

    for (int i = 0; i < TALKS; i++) {
        if (talks[i].unread != NULL && talks[i].read_from > now_ms && talks[i].read_from < next)
            next = talks[i].read_from;
    }
    put('D', &next, sizeof(next));
    fflush(stdout);
}

int main(void)
{
    static uint8_t buf[FRAME_MAX];
    char type;
    uint32_t len;
    uint64_t ms;

    while (fread(&type, 1, 1, stdin) == 1) {
        if (fread(&len, sizeof(len), 1, stdin) != 1 || len >= sizeof(buf) ||
            fread(buf, 1, len, stdin) != len)
            die("half a message");
        buf[len] = 0;
        if (type == 'F') {
            card_receive(buf, len);
        } else if (type == 'C') {
            command((char *)buf);
        } else if (type == 'T' && len == sizeof(ms)) {
            memcpy(&ms, buf, sizeof(ms));
            now_ms = (u32_t)ms;
        } else if (type == 'G') {
            turn();
        } else {
            die("no such message");
        }
    }
    return 0;
}
