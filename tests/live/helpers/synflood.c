/*
 * synflood.c - spoofed SYNs onto a TAP, as many as asked.
 *
 *     synflood INTERFACE DST-MAC DST-IP PORT COUNT
 *
 * The sources are random addresses of 198.18.0.0/15 (RFC 2544, in nobody's use) and random ports, so
 * the answers reach nobody and no RST comes back. The segments carry the options of a usual client
 * (MSS, SACK permitted, timestamps, window scale). What does not fit into the TAP's queue is lost:
 * make it long (txqueuelen) where stackd is to see them all. Prints the number sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ETH = 14, IP = 20, TCP = 40, FRAME = ETH + IP + TCP };

static uint64_t state = 88172645463325252u; /* xorshift64: the same flood each time */

static uint32_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static void put16(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 8);
    p[1] = (unsigned char)v;
}

static void put32(unsigned char *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static uint32_t sum(const unsigned char *p, size_t len, uint32_t s)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        s += (uint32_t)(p[i] << 8 | p[i + 1]);
    return s;
}

static uint32_t fold(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return ~s & 0xffff;
}

static void build(unsigned char *f, const unsigned char *mac, uint32_t dst, uint16_t port)
{
    static const unsigned char options[20] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
                                              0, 1, 0, 0,   0, 0, 1, 3,  3, 7};
    unsigned char *ip = f + ETH, *tcp = ip + IP;

    memset(f, 0, FRAME);
    memcpy(f, mac, 6);
    memcpy(f + 6, "\x02\0\0\0\0\x99", 6);
    put16(f + 12, ETH_P_IP);
    ip[0] = 0x45;
    put16(ip + 2, IP + TCP);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = IPPROTO_TCP;
    put32(ip + 12, 0xc6120000u | (draw() & 0x1ffff));
    put32(ip + 16, dst);
    put16(ip + 10, fold(sum(ip, IP, 0)));
    put16(tcp, 1024 + draw() % 60000);
    put16(tcp + 2, port);
    put32(tcp + 4, draw());
    tcp[12] = TCP / 4 << 4;
    tcp[13] = 2; /* SYN */
    put16(tcp + 14, 64240);
    memcpy(tcp + 20, options, sizeof options);
    put16(tcp + 16, fold(sum(tcp, TCP, sum(ip + 12, 8, IPPROTO_TCP + TCP))));
}

int main(int argc, char **argv)
{
    unsigned char mac[6], frame[FRAME];
    struct in_addr dst;

    if (argc != 6 || inet_pton(AF_INET, argv[3], &dst) != 1 ||
        sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5]) != 6) {
        fprintf(stderr, "synflood: wrong arguments: see the head of synflood.c\n");
        return 1;
    }
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6};
    to.sll_ifindex = (int)if_nametoindex(argv[1]);
    memcpy(to.sll_addr, mac, 6);
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0) {
        perror("synflood: AF_PACKET");
        return 2;
    }
    long count = atol(argv[5]), sent = 0;
    while (sent < count) {
        build(frame, mac, ntohl(dst.s_addr), (uint16_t)atoi(argv[4]));
        if (sendto(fd, frame, sizeof frame, 0, (const struct sockaddr *)&to, sizeof to) == FRAME) {
            sent++;
        } else if (errno == ENOBUFS || errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, 1);
        } else {
            perror("synflood: sendto");
            return 2;
        }
    }
    printf("%ld\n", sent);
    close(fd);
    return 0;
}
