/*
 * drive.c - see drive.h.
 */
#include "drive.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct packetdrill_interface drive;
static long long drive_zero;

bool drive_begin(void)
{
    int mode = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    union {
        void *object;
        void (*init)(const char *flags, struct packetdrill_interface *ifc);
    } symbol;

#ifndef PLUGIN_SANITIZED
    mode |= RTLD_DEEPBIND; /* AddressSanitizer, which takes malloc's place, does not go with it */
#endif
    void *library = dlopen(PLUGIN_FILE, mode);

    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return false;
    }
    symbol.object = dlsym(library, "packetdrill_interface_init");
    if (symbol.object == NULL)
        return false;
    memset(&drive, 0, sizeof(drive));
    symbol.init(NULL, &drive);
    drive_zero = 0;
    drive_zero = drive_now();
    return true;
}

void drive_end(void)
{
    drive.free(drive.userdata);
}

long long drive_now(void)
{
    struct timeval tv;

    drive.gettimeofday(drive.userdata, &tv, NULL);
    return tv.tv_sec * 1000000ll + tv.tv_usec - drive_zero;
}

void drive_until(long long usec)
{
    long long left = usec - drive_now();

    if (left > 20)
        drive.usleep(drive.userdata, (useconds_t)(left - 20));
    while (drive_now() < usec)
        ;
}

/* ---- packets ---- */

static uint32_t drive_sum(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void drive_put(uint8_t *p, uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint32_t drive_get(const uint8_t *p, size_t bytes)
{
    uint32_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

/* Sum of the pseudo-header and the segment. */
static uint32_t drive_tcp_sum(const uint8_t *ip, size_t len)
{
    uint8_t pseudo[12] = {0};

    memcpy(pseudo, ip + 12, 8);
    pseudo[9] = 6;
    drive_put(pseudo + 10, (uint32_t)len - 20, 2);
    return drive_sum(drive_sum(0, pseudo, 12), ip + 20, len - 20);
}

void drive_in(const struct drive_seg *s)
{
    uint8_t ip[2048] = {0x45}, *tcp = ip + 20;
    size_t header = 20u + s->options_len, len = 20 + header + s->len;

    drive_put(ip + 2, (uint32_t)len, 2);
    ip[8] = 64;
    ip[9] = 6;
    drive_put(ip + 12, s->src != 0 ? s->src : DRIVE_REMOTE, 4);
    drive_put(ip + 16, s->dst != 0 ? s->dst : DRIVE_LOCAL, 4);
    drive_put(ip + 10, ~drive_sum(0, ip, 20) & 0xffff, 2);
    drive_put(tcp, s->sport, 2);
    drive_put(tcp + 2, s->dport, 2);
    drive_put(tcp + 4, s->seq, 4);
    drive_put(tcp + 8, s->ack, 4);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = s->flags;
    drive_put(tcp + 14, s->win, 2);
    memcpy(tcp + 20, s->options, s->options_len);
    drive_put(tcp + 16, ~drive_tcp_sum(ip, len) & 0xffff, 2);
    drive.netdev_send(drive.userdata, ip, len);
}

void drive_out(struct drive_seg *s)
{
    uint8_t ip[65536];
    const uint8_t *tcp = ip + 20;
    size_t len = sizeof(ip);
    long long usec = 0;
    int v;

    *s = (struct drive_seg){0};
    while ((v = drive.netdev_receive(drive.userdata, ip, &len, &usec)) < 0)
        ;
    s->whole = len;
    s->usec = usec - drive_zero;
    if (len < 40)
        return;
    s->sums_ok = drive_sum(0, ip, 20) == 0xffff && drive_tcp_sum(ip, len) == 0xffff;
    s->src = drive_get(ip + 12, 4);
    s->dst = drive_get(ip + 16, 4);
    s->sport = (uint16_t)drive_get(tcp, 2);
    s->dport = (uint16_t)drive_get(tcp + 2, 2);
    s->seq = drive_get(tcp + 4, 4);
    s->ack = drive_get(tcp + 8, 4);
    s->flags = tcp[13];
    s->win = (uint16_t)drive_get(tcp + 14, 2);
    s->options_len = (uint8_t)((tcp[12] >> 4) * 4 - 20);
    memcpy(s->options, tcp + 20, s->options_len);
    s->len = len - 40 - s->options_len;
}

/* ---- calls that block ---- */

static void *drive_thread(void *arg)
{
    struct drive_call *c = arg;

    __atomic_store_n(&c->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    c->result = c->fn(c->arg);
    c->err = errno;
    c->usec = drive_now(); /* first of all, as packetdrill does */
    return NULL;
}

static bool drive_sleeps(int tid)
{
    char path[64], text[256] = "", *end;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    FILE *f = fopen(path, "r");

    if (f == NULL)
        return true; /* it is over already */
    bool ok = fgets(text, sizeof(text), f) != NULL;

    fclose(f);
    end = strrchr(text, ')');
    return ok && end != NULL && end[2] == 'S';
}

void drive_start(struct drive_call *c, int64_t (*fn)(void *arg), void *arg)
{
    int tid;

    *c = (struct drive_call){.fn = fn, .arg = arg};
    pthread_create(&c->thread, NULL, drive_thread, c);
    while ((tid = __atomic_load_n(&c->tid, __ATOMIC_ACQUIRE)) == 0)
        ;
    while (!drive_sleeps(tid))
        sched_yield();
}

void drive_join(struct drive_call *c)
{
    pthread_join(c->thread, NULL);
}

struct sockaddr_in drive_addr(uint32_t ip, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

    a.sin_addr.s_addr = htonl(ip);
    return a;
}
