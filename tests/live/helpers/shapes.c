/*
 * shapes.c - TCP connections of every shape between two kernels' ends, over a wire that this program is.
 *
 *     shapes PREFIX CAPTURE COUNT SEED        PREFIX: 10.1.2, the ends are .1 and .2
 *
 * Makes a second network namespace, a TAP in each, and carries the frames from one to the other itself:
 * so it can hold, lose, double and exchange them, before, behind and beside the CAPTURE (pcap) that it
 * writes. The port of the server tells the shape; each happens COUNT times, in lockstep: all connect,
 * all write, all close... What should be seen of each is the business of test_scope_states.sh.
 * Must be root of its user namespace.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 65536, HELD = 4096, MAX = 400, BASE = 1000, CLIENTS = 20000 };

/* What the wire does to the frames of one port, in a thousand, and whether it is alive. */
struct mode {
    unsigned lost_before, lost_behind, doubled, exchanged, hidden;
    int dead; /* captured, but nothing arrives */
};

struct held {
    int to;
    size_t len;
    unsigned char *b;
};

static struct mode modes[64]; /* by server port - BASE */
static int tap[2], ns[2];
static struct held held[HELD], late = {-1, 0, NULL};
static unsigned helds;
static int holding;
static FILE *capture;
static unsigned long long draws;
static char address[2][32];
static unsigned char last[2][FRAME]; /* the last TCP segment of each side */
static size_t last_len[2];

static void die(const char *what)
{
    fprintf(stderr, "shapes: %s: %s\n", what, strerror(errno));
    exit(1);
}

static unsigned draw(unsigned below)
{
    draws ^= draws << 13;
    draws ^= draws >> 7;
    draws ^= draws << 17;
    return (unsigned)(draws >> 33) % below;
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* --- the wire --- */

static void record(const unsigned char *b, size_t len)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    uint32_t head[4] = {(uint32_t)t.tv_sec, (uint32_t)t.tv_nsec, (uint32_t)len, (uint32_t)len};
    fwrite(head, sizeof head, 1, capture);
    fwrite(b, len, 1, capture);
}

static void deliver(int to, const unsigned char *b, size_t len)
{
    if (write(tap[to], b, len) < 0 && errno != EIO && errno != ENETDOWN)
        die("write to a TAP");
}

/* The server's port of a TCP segment, less BASE; -1: none. */
static int port_of(const unsigned char *b, size_t len)
{
    if (len < 54 || b[12] != 8 || b[13] != 0 || b[23] != 6)
        return -1;
    const unsigned char *p = b + 14 + (b[14] & 15) * 4;
    int src = p[0] << 8 | p[1], dst = p[2] << 8 | p[3];
    int server = src < CLIENTS ? src : dst;

    return server >= BASE && server < BASE + 64 ? server - BASE : -1;
}

static void carry(int from, unsigned char *b, size_t len)
{
    int port = port_of(b, len), to = 1 - from;
    struct mode m = {0};

    if (port >= 0) {
        m = modes[port];
        memcpy(last[from], b, len);
        last_len[from] = len;
    }
    if (draw(1000) < m.lost_before)
        return;
    if (draw(1000) >= m.hidden)
        record(b, len);
    if (m.dead || draw(1000) < m.lost_behind)
        return;
    if (holding && port >= 0) {
        if (helds == HELD)
            return;
        held[helds] = (struct held){to, len, malloc(len)};
        memcpy(held[helds++].b, b, len);
        return;
    }
    if (late.b == NULL && draw(1000) < m.exchanged) { /* waits for the next one */
        late = (struct held){to, len, malloc(len)};
        memcpy(late.b, b, len);
        return;
    }
    deliver(to, b, len);
    if (draw(1000) < m.doubled)
        deliver(to, b, len);
    if (late.b != NULL) {
        deliver(late.to, late.b, late.len);
        free(late.b);
        late.b = NULL;
    }
}

/* Carry frames until there were none for @quiet ms, or @most ms are over. */
static void pump(int quiet, int most)
{
    static unsigned char b[FRAME];
    long long end = now_ms() + most;
    struct pollfd p[2] = {
        {tap[0], POLLIN, 0},
        {tap[1], POLLIN, 0}
    };

    while (now_ms() < end && poll(p, 2, quiet) > 0)
        for (int i = 0; i < 2; i++) {
            ssize_t n = read(tap[i], b, sizeof b);
            if (n > 0)
                carry(i, b, (size_t)n);
        }
    if (late.b != NULL) {
        deliver(late.to, late.b, late.len);
        free(late.b);
        late.b = NULL;
    }
}
static void settle(void)
{
    pump(4, 3000);
}
static void wait_ms(int ms)
{
    pump(ms, ms);
}

static void release(void)
{
    holding = 0;
    for (unsigned i = 0; i < helds; i++) {
        deliver(held[i].to, held[i].b, held[i].len);
        free(held[i].b);
    }
    helds = 0;
    settle();
}

static uint32_t sum16(const unsigned char *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    if (len & 1)
        sum += (uint32_t)(p[len - 1] << 8);
    return sum;
}

/* Somebody's segment in the name of end @from: its last one with other flags, @ahead of it, no payload. */
static void forge(int from, unsigned char flags, uint32_t ahead)
{
    unsigned char b[54];

    memcpy(b, last[from], sizeof b);
    uint32_t seq = (uint32_t)b[38] << 24 | (uint32_t)b[39] << 16 | (uint32_t)b[40] << 8 | b[41];
    seq += ahead;
    for (int i = 0; i < 4; i++)
        b[38 + i] = (unsigned char)(seq >> (24 - 8 * i));
    b[16] = 0;
    b[17] = 40;
    b[46] = 5 << 4;
    b[47] = flags;
    b[24] = b[25] = b[50] = b[51] = 0;
    uint32_t s = sum16(b + 14, 20, 0);
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    b[24] = (unsigned char)(~s >> 8);
    b[25] = (unsigned char)~s;
    s = sum16(b + 34, 20, sum16(b + 26, 8, 6 + 20));
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    b[50] = (unsigned char)(~s >> 8);
    b[51] = (unsigned char)~s;
    record(b, sizeof b);
    deliver(1 - from, b, sizeof b);
    settle();
}

/* --- two ends --- */

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        fprintf(stderr, "shapes: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void enter(int side)
{
    if (setns(ns[side], CLONE_NEWNET) != 0)
        die("setns");
}

static void make_end(int side, const char *prefix)
{
    struct ifreq r;
    struct sockaddr_in *a = (struct sockaddr_in *)(void *)&r.ifr_addr;

    snprintf(address[side], sizeof address[side], "%s.%d", prefix, side + 1);
    put("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    put("/proc/sys/net/ipv4/tcp_synack_retries", "2");
    put("/proc/sys/net/ipv4/tcp_fastopen", "3");
    put("/proc/sys/net/ipv4/tcp_tw_reuse", "1");
    tap[side] = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    memset(&r, 0, sizeof r);
    r.ifr_flags = IFF_TAP | IFF_NO_PI;
    snprintf(r.ifr_name, IFNAMSIZ, "shape%d", side);
    if (tap[side] < 0 || ioctl(tap[side], TUNSETIFF, &r) != 0)
        die("TAP");
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    a->sin_family = AF_INET;
    a->sin_port = 0;
    inet_pton(AF_INET, address[side], &a->sin_addr);
    if (ioctl(s, SIOCSIFADDR, &r) != 0)
        die("address");
    inet_pton(AF_INET, "255.255.255.0", &a->sin_addr);
    if (ioctl(s, SIOCSIFNETMASK, &r) != 0)
        die("netmask");
    r.ifr_qlen = 10000;
    ioctl(s, SIOCSIFTXQLEN, &r);
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &r) != 0)
        die("up");
    close(s);
}

static struct sockaddr_in at(int side, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, address[side], &a.sin_addr);
    return a;
}

static int new_socket(int side, int port)
{
    int one = 1;
    struct sockaddr_in a = at(side, port);

    enter(side);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die("bind");
    return fd;
}

/* The connections of one shape. */
struct group {
    int port, count, listener;
    int c[MAX], s[MAX]; /* -1: none */
};

static void listen_at(struct group *g, int shape, int count)
{
    g->port = BASE + shape;
    g->count = count;
    for (int i = 0; i < MAX; i++)
        g->c[i] = g->s[i] = -1;
    g->listener = new_socket(1, g->port);
    int queue = 100;
    setsockopt(g->listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue);
    if (listen(g->listener, 4096) != 0)
        die("listen");
}

static void accept_all(struct group *g)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd;

    while ((fd = accept4(g->listener, (struct sockaddr *)&a, &len, SOCK_NONBLOCK)) >= 0) {
        int i = ntohs(a.sin_port) - CLIENTS;
        if (i < 0 || i >= MAX) {
            close(fd);
            continue;
        }
        if (g->s[i] >= 0)
            close(g->s[i]);
        g->s[i] = fd;
        len = sizeof a;
    }
}

static void connect_all(struct group *g)
{
    struct sockaddr_in to = at(1, g->port);

    for (int i = 0; i < g->count; i++) {
        g->c[i] = new_socket(0, CLIENTS + i);
        if (connect(g->c[i], (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
            die("connect");
    }
    settle();
    accept_all(g);
}

static void say(int *fds, int count, int bytes)
{
    static char text[20000];

    for (int i = 0; i < count; i++)
        if (fds[i] >= 0 && send(fds[i], text, (size_t)bytes, MSG_NOSIGNAL) < 0 && errno == EBADF)
            die("send");
    settle();
}

static void hear(int *fds, int count)
{
    static char text[FRAME];

    for (int i = 0; i < count; i++)
        while (fds[i] >= 0 && recv(fds[i], text, sizeof text, 0) > 0)
            ;
    settle();
}

static void end_writing(int *fds, int count)
{
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            shutdown(fds[i], SHUT_WR);
    settle();
}

static void close_all(int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
    settle();
}

static void reset_all(int *fds, int count)
{
    struct linger l = {1, 0};

    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &l, sizeof l);
    close_all(fds, count);
}

static void talk(struct group *g) /* both ways, all read */
{
    say(g->c, g->count, 300);
    hear(g->s, g->count);
    say(g->s, g->count, 700);
    hear(g->c, g->count);
}

/* --- shapes that are quick: each leaves nothing open --- */

enum {
    CLIENT_FIRST,
    SERVER_FIRST,
    HALF_CLOSE,
    CROSSED_FINS,
    CROSSED_SYNS,
    REFUSED,
    CLIENT_RESETS,
    SERVER_RESETS,
    UNREAD,
    GONE,
    RESET_AFTER_FIN,
    NO_TEXT,
    FIN_WITH_TEXT,
    COOKIES,
    FASTOPEN,
    REUSED,
    FORGED_RST,
    FORGED_SYN,
    HALF_OPEN, /* from here on they take their time */
    UNANSWERED,
    HALF_SHOOK,
    KEPT_ALIVE,
    USER_TIMEOUT,
    LOST_BEFORE,
    LOST_BEHIND,
    MIXED,
    HIDDEN,
    SHAPES
};

static void shape_closes(int count)
{
    struct group g;

    listen_at(&g, CLIENT_FIRST, count);
    connect_all(&g), talk(&g), close_all(g.c, count), close_all(g.s, count), close(g.listener);
    listen_at(&g, SERVER_FIRST, count);
    connect_all(&g), talk(&g), close_all(g.s, count), close_all(g.c, count), close(g.listener);
    listen_at(&g, NO_TEXT, count);
    connect_all(&g), close_all(g.c, count), close_all(g.s, count), close(g.listener);
    listen_at(&g, HALF_CLOSE, count);
    connect_all(&g), talk(&g), end_writing(g.c, count);
    say(g.s, count, 5000), hear(g.c, count), say(g.s, count, 100), hear(g.c, count);
    close_all(g.s, count), close_all(g.c, count), close(g.listener);

    listen_at(&g, CROSSED_FINS, count);
    connect_all(&g), talk(&g);
    holding = 1;
    close_all(g.c, count), close_all(g.s, count), release();
    close(g.listener);

    listen_at(&g, FIN_WITH_TEXT, count);
    connect_all(&g);
    int one = 1;
    for (int i = 0; i < count; i++)
        setsockopt(g.c[i], IPPROTO_TCP, TCP_CORK, &one, sizeof one);
    say(g.c, count, 100), close_all(g.c, count), hear(g.s, count), close_all(g.s, count),
        close(g.listener);
}

static void shape_crossed_syns(int count)
{
    struct group g = {.port = BASE + CROSSED_SYNS, .count = count};

    holding = 1;
    for (int i = 0; i < count; i++) { /* the one with the lower port counts as the server */
        int port = CLIENTS + 1000 + i;
        struct sockaddr_in s = at(1, BASE + CROSSED_SYNS), c = at(0, port);
        g.c[i] = new_socket(0, port);
        g.s[i] = new_socket(1, BASE + CROSSED_SYNS);
        connect(g.c[i], (struct sockaddr *)&s, sizeof s);
        connect(g.s[i], (struct sockaddr *)&c, sizeof c);
    }
    settle(), release();
    talk(&g), close_all(g.c, count), close_all(g.s, count);
}

static void shape_resets(int count)
{
    struct group g;

    listen_at(&g, CLIENT_RESETS, count);
    connect_all(&g), talk(&g), reset_all(g.c, count), close_all(g.s, count), close(g.listener);
    listen_at(&g, SERVER_RESETS, count);
    connect_all(&g), talk(&g), reset_all(g.s, count), close_all(g.c, count), close(g.listener);
    listen_at(&g, UNREAD, count); /* closed with text unread: a reset, RFC 2525 2.17 */
    connect_all(&g), say(g.c, count, 300), close_all(g.s, count), close_all(g.c, count),
        close(g.listener);
    listen_at(&g, GONE, count); /* nobody is there to read */
    connect_all(&g), talk(&g), close_all(g.c, count), say(g.s, count, 300), close_all(g.s, count),
        close(g.listener);
    listen_at(&g, RESET_AFTER_FIN, count);
    connect_all(&g), talk(&g), end_writing(g.c, count), reset_all(g.c, count),
        close_all(g.s, count), close(g.listener);
    listen_at(&g, REFUSED, count);
    close(g.listener);
    connect_all(&g), close_all(g.c, count);
}

static void shape_openings(int count)
{
    struct group g;
    char text[200] = "";

    enter(1), put("/proc/sys/net/ipv4/tcp_syncookies", "2");
    listen_at(&g, COOKIES, count);
    connect_all(&g), talk(&g), close_all(g.c, count), close_all(g.s, count), close(g.listener);
    enter(1), put("/proc/sys/net/ipv4/tcp_syncookies", "1");

    listen_at(&g, FASTOPEN, count);
    struct sockaddr_in to = at(1, g.port);
    for (int round = 0; round < 2; round++) /* the first one asks for the cookie */
        for (int i = 0; i < (round == 0 ? 1 : count); i++) {
            g.c[i] = new_socket(0, CLIENTS + i + (round == 0 ? MAX - 1 : 0));
            sendto(g.c[i], text, sizeof text, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to,
                   sizeof to);
            if (round == 0) {
                settle(), accept_all(&g), close_all(g.c, 1), close_all(g.s, MAX);
                continue;
            }
            holding = i % 2; /* half of them answer before the handshake is over */
            settle(), accept_all(&g);
            if (g.s[i] >= 0)
                send(g.s[i], text, sizeof text, MSG_NOSIGNAL);
            settle(), release();
            accept_all(&g);
        }
    hear(g.s, count), talk(&g), close_all(g.c, count), close_all(g.s, count), close(g.listener);

    listen_at(&g, REUSED,
              count); /* the server waits in TIME_WAIT, the client comes again from its port */
    for (int round = 0; round < 3; round++)
        connect_all(&g), talk(&g), close_all(g.s, count), close_all(g.c, count);
    close(g.listener);
}

static void shape_attacks(int count)
{
    struct group g;
    int few = count < 20 ? count : 20;

    for (int syn = 0; syn < 2; syn++) {
        listen_at(&g, syn ? FORGED_SYN : FORGED_RST, few);
        for (int i = 0; i < few; i++) {
            struct sockaddr_in to = at(1, g.port);
            g.c[i] = new_socket(0, CLIENTS + i);
            connect(g.c[i], (struct sockaddr *)&to, sizeof to);
            settle(), accept_all(&g);
            send(g.c[i], "x", 1, 0), settle();
            if (g.s[i] >= 0)
                send(g.s[i], "yy", 2, 0);
            settle();
            forge(0, syn ? 2 : 4, syn ? 3000 : 300); /* SYN or RST, in the window */
            forge(1, syn ? 2 : 4, syn ? 3000 : 300);
            send(g.c[i], "z", 1, 0), settle();
        }
        hear(g.s, few), hear(g.c, few), talk(&g);
        close_all(g.c, few), close_all(g.s, few), close(g.listener);
    }
    listen_at(&g, HALF_OPEN, few); /* the client forgets, and comes again from the same port */
    connect_all(&g), talk(&g);
    for (int i = 0; i < few; i++) {
        int one = 1;
        if (setsockopt(g.c[i], IPPROTO_TCP, TCP_REPAIR, &one, sizeof one) != 0)
            die("TCP_REPAIR");
    }
    close_all(g.c, few);
    connect_all(&g); /* SYN, challenge, RST */
    wait_ms(1300);   /* SYN */
    accept_all(&g), talk(&g), close_all(g.c, few), close_all(g.s, few), close(g.listener);
}

/* --- shapes that wait for timers: all at the same time --- */

static void shape_slow(int count)
{
    static struct group silent, half, kept, user, lossy[4];
    int one = 1, two = 2, ms = 1500, few = count < 50 ? count : 50;

    modes[UNANSWERED].dead = 1;
    listen_at(&silent, UNANSWERED, few);
    for (int i = 0; i < few; i++) {
        struct sockaddr_in to = at(1, silent.port);
        silent.c[i] = new_socket(0, CLIENTS + i);
        setsockopt(silent.c[i], IPPROTO_TCP, TCP_SYNCNT, &one, sizeof one);
        connect(silent.c[i], (struct sockaddr *)&to, sizeof to);
    }
    listen_at(&half, HALF_SHOOK, few); /* the SYN arrives, what follows does not */
    for (int i = 0; i < few; i++) {
        struct sockaddr_in to = at(1, half.port);
        half.c[i] = new_socket(0, CLIENTS + i);
        connect(half.c[i], (struct sockaddr *)&to, sizeof to);
    }
    holding = 1; /* the SYN,ACKs never leave the wire */
    settle();
    for (unsigned i = 0; i < helds; i++) {
        if (held[i].to == 1)
            deliver(1, held[i].b, held[i].len);
        free(held[i].b);
    }
    helds = 0;
    modes[HALF_SHOOK].dead = 1;
    holding = 0;
    settle();
    listen_at(&kept, KEPT_ALIVE, few);
    connect_all(&kept), talk(&kept);
    listen_at(&user, USER_TIMEOUT, few);
    connect_all(&user), talk(&user);
    for (int i = 0; i < few; i++) {
        setsockopt(kept.c[i], SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
        setsockopt(kept.c[i], IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one);
        setsockopt(kept.c[i], IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof one);
        setsockopt(kept.c[i], IPPROTO_TCP, TCP_KEEPCNT, &two, sizeof two);
        setsockopt(user.c[i], IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    }
    modes[KEPT_ALIVE].dead = modes[USER_TIMEOUT].dead = 1;
    say(user.c, few, 100);

    modes[LOST_BEFORE].lost_before = modes[LOST_BEHIND].lost_behind = 120;
    modes[MIXED] =
        (struct mode){.lost_before = 40, .lost_behind = 40, .doubled = 60, .exchanged = 60};
    modes[HIDDEN].hidden = 120;
    for (int k = 0; k < 4; k++)
        listen_at(&lossy[k], LOST_BEFORE + k, count);
    for (int k = 0; k < 4; k++)
        connect_all(&lossy[k]);
    wait_ms(3500);
    for (int round = 0; round < 3; round++) {
        for (int k = 0; k < 4; k++)
            accept_all(&lossy[k]), say(round % 2 ? lossy[k].s : lossy[k].c, count, 4000);
        wait_ms(900);
        for (int k = 0; k < 4; k++)
            hear(lossy[k].c, count), hear(lossy[k].s, count);
    }
    for (int k = 0; k < 4; k++)
        close_all(k % 2 ? lossy[k].s : lossy[k].c, count);
    wait_ms(1000);
    for (int k = 0; k < 4; k++)
        close_all(lossy[k].s, count), close_all(lossy[k].c, count);
    for (int k = LOST_BEFORE; k <= HIDDEN; k++) /* what was sent last is sent again, and arrives */
        modes[k] = (struct mode){.hidden = modes[k].hidden};
    wait_ms(7000); /* the silent ones give up, and it stays silent long enough */
}

int main(int argc, char **argv)
{
    static const uint32_t head[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 1};

    if (argc != 5) {
        fprintf(stderr, "shapes: wrong arguments: see the head of shapes.c\n");
        return 1;
    }
    int count = atoi(argv[3]);
    draws = strtoull(argv[4], NULL, 10) * 2654435761u + 88172645463325252u;
    if (count < 1 || count > MAX - 50)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    capture = fopen(argv[2], "w");
    if (capture == NULL)
        die(argv[2]);
    fwrite(head, sizeof head, 1, capture);
    ns[0] = open("/proc/self/ns/net", O_RDONLY);
    make_end(0, argv[1]);
    if (unshare(CLONE_NEWNET) != 0)
        die("unshare");
    ns[1] = open("/proc/thread-self/ns/net", O_RDONLY);
    make_end(1, argv[1]);
    settle();
    shape_closes(count);
    shape_crossed_syns(count);
    shape_resets(count);
    shape_openings(count);
    shape_attacks(count);
    shape_slow(count);
    if (fclose(capture) != 0)
        die("capture");
    return 0;
}
