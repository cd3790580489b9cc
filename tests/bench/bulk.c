/*
 * bulk - one bulk transfer between two hosts in one process, in virtual time.
 *
 *     bulk MEGABYTES
 *
 * The wire takes 50 microseconds and loses nothing; the transport checksum is left to it, as a TAP
 * with offload does. So what is left is the work of the stack, and whatever is added to that work
 * shows more here than on any real wire. Used by tracing_cost.sh.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BENCH "bulk"
#include "pair.h"

#define WIRE_DELAY (NET_MS(1) / 20)

enum { CHUNK = 65536, MEGABYTE = 1000 * 1000 };

struct end {
    struct net net;
    int sd, listener;
};

static void bring_up(struct net *n, uint8_t last_byte)
{
    struct net_config cfg;

    bench_config(&cfg, last_byte);
    cfg.buffer_bytes = (size_t)16 << 20;
    bench_bring_up(n, &cfg);
}

/* Send from @a as much as fits, read at @b all there is. Return: bytes read. */
static uint64_t serve(struct end *a, struct end *b, uint64_t *left)
{
    static uint8_t chunk[CHUNK];
    struct span in[2];
    uint64_t got = 0;

    while (*left > 0) {
        int n = sock_send(net_socks(&a->net), a->sd, chunk, *left < CHUNK ? *left : CHUNK, 0);

        need(n > 0 || n == -EAGAIN || n == -ENOTCONN, "sending failed");
        if (n <= 0)
            break;
        *left -= (uint64_t)n;
    }
    if (b->sd < 0)
        b->sd = sock_accept(net_socks(&b->net), b->listener, NULL);
    if (b->sd < 0)
        return 0;
    int n = sock_peek(net_socks(&b->net), b->sd, in, NULL);

    if (n > 0) {
        got = (uint64_t)n;
        need(sock_consume(net_socks(&b->net), b->sd, (size_t)n) == 0, "reading failed");
    }
    return got;
}

int main(int argc, char **argv)
{
    static struct end a, b;
    uint64_t left = argc == 2 ? strtoull(argv[1], NULL, 10) * MEGABYTE : 0, want = left, got = 0;
    net_time now = 0;

    need(argc == 2, "usage: bulk MEGABYTES");
    bring_up(&a.net, 1);
    bring_up(&b.net, 2);
    b.sd = -1;
    b.listener = sock_open(net_socks(&b.net), SOCK_KIND_TCP);
    need(sock_bind(net_socks(&b.net), b.listener, &(struct sock_addr){.port = 9}) == 0, "bind");
    need(sock_listen(net_socks(&b.net), b.listener, 1) == 0, "listen");
    a.sd = sock_open(net_socks(&a.net), SOCK_KIND_TCP);
    need(sock_connect(net_socks(&a.net), a.sd, &(struct sock_addr){ip_addr_v4(0x0a000002), 9}) ==
             -EINPROGRESS,
         "connect");
    while (got < want) {
        size_t frames = 0;

        got += serve(&a, &b, &left);
        frames += bench_move(&a.net, &b.net, now);
        frames += bench_move(&b.net, &a.net, now);
        if (frames > 0) {
            now += WIRE_DELAY;
            continue;
        }
        net_time next = net_time_min(net_deadline(&a.net), net_deadline(&b.net));

        need(next != NET_NEVER || got >= want, "the transfer stopped");
        now = next > now ? next : now + WIRE_DELAY;
    }
    printf("%llu bytes, %.3f s of virtual time, %llu frames\n", (unsigned long long)got,
           (double)now / 1e9, (unsigned long long)(a.net.core.frames));
    return 0;
}
