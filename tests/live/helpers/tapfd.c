/*
 * tapfd.c - opens a TAP and runs a command that inherits it.
 *
 *     tapfd NAME NUMBER [vnet] [multi] COMMAND...
 *
 * The command finds the TAP NAME as its file descriptor NUMBER; with `vnet` it has IFF_VNET_HDR, with `multi`
 * IFF_MULTI_QUEUE, and a tapfd that this one runs may open another queue of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct ifreq ifr;
    int first = 3;

    if (argc < 4) {
        fprintf(stderr, "tapfd: wrong arguments: see the head of tapfd.c\n");
        return 1;
    }
    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (first < argc - 1 && strcmp(argv[first], "vnet") == 0) {
        ifr.ifr_flags |= IFF_VNET_HDR;
        first++;
    }
    if (first < argc - 1 && strcmp(argv[first], "multi") == 0) {
        ifr.ifr_flags |= IFF_MULTI_QUEUE;
        first++;
    }
    strncpy(ifr.ifr_name, argv[1], IFNAMSIZ - 1);
    int fd = open("/dev/net/tun", O_RDWR), number = atoi(argv[2]);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) != 0 || dup2(fd, number) != number) {
        fprintf(stderr, "tapfd: %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    if (fd != number)
        close(fd);
    execvp(argv[first], argv + first);
    fprintf(stderr, "tapfd: %s: %s\n", argv[first], strerror(errno));
    return 2;
}
