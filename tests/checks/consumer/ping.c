/*
 * ping.c - the smallest program on libstackd: two hosts in memory, and a ping from one to the other.
 *
 * There is no device and no clock: frames are carried by hand, and time passes when we say so.
 * test_install.sh builds it as somebody would who has only the installed library.
 */
#include <net.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRAMES = 16 };

/* The one function that the library wants from a program. */
_Noreturn void net_assert_fail(const char *claim, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, claim);
    abort();
}

static void host_up(struct net *n, unsigned char last_byte)
{
    struct net_config cfg;

    net_config_default(&cfg);
    cfg.seed = last_byte;
    cfg.ifs[0].mac = (struct mac){
        {2, 0, 0, 0, 0, last_byte}
    };
    cfg.ifs[0].addr[0].ip = 0x0a000000u | last_byte;
    cfg.ifs[0].arp.detect = false;
    size_t len = (net_mem_size(&cfg) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, len);

    if (memory == NULL)
        abort();
    memset(memory, 0, len);
    if (net_init(n, &cfg, memory, len) != 0)
        abort();
}

/* Carry what @from has to send to @to. Return: how many frames. */
static size_t carry(struct net *from, struct net *to, net_time now)
{
    struct pkt *out[FRAMES];
    size_t count = net_output(from, out, FRAMES, now);

    for (size_t i = 0; i < count; i++) {
        struct pkt *p = net_pkt(to);

        pkt_csum_complete(out[i]);
        if (p != NULL) {
            pkt_copy_out(out[i], pkt_append(p, pkt_total(out[i])));
            net_input(to, &p, 1, now);
        }
        pkt_release(out[i]);
    }
    return count;
}

int main(void)
{
    static struct net a, b;
    struct icmp4_ping_result r;

    host_up(&a, 1);
    host_up(&b, 2);
    if (icmp4_ping_send(&a.ip, ip_addr_v4(0x0a000002), 7, 1, 56, 0) != 0)
        return 1;
    while (carry(&a, &b, 0) + carry(&b, &a, 0) > 0)
        ;
    if (icmp4_ping_recv(&a.ip, 7, &r) != 0 || r.is_error)
        return 1;
    printf("%u bytes from 10.0.0.2: icmp_seq=%u ttl=%u\n", r.len + 8u, r.seq, r.ttl);
    return 0;
}
