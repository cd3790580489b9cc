/*
 * lwipopts.h - lwIP for `lwip-tuned`: what its documentation offers for speed on a large machine.
 *
 * No operating system beneath (one thread, callbacks, no locks), MSS 1460, windows and send buffers of
 * 256 KB (1 MB was measured slower: the TAP's queue and the cache), SACK sent, the machine's own heap,
 * no statistics, no assertions. lwIP has no segmentation offload and no timer below 250 ms.
 */
#ifndef STACKD_RIVALS_LWIPOPTS_H
#define STACKD_RIVALS_LWIPOPTS_H

#define NO_SYS                    1
#define SYS_LIGHTWEIGHT_PROT      0
#define LWIP_SOCKET               0
#define LWIP_NETCONN              0
#define LWIP_IPV6                 0
#define LWIP_STATS                0
#define LWIP_NOASSERT             1
#define MEM_LIBC_MALLOC           1
#define MEMP_MEM_MALLOC           1
#define MEM_ALIGNMENT             8
#define TCP_MSS                   1460
#define LWIP_WND_SCALE            1
#define TCP_RCV_SCALE             3
#define TCP_WND                   (256 * 1024)
#define TCP_SND_BUF               (256 * 1024)
#define TCP_SND_QUEUELEN          (4 * TCP_SND_BUF / TCP_MSS)
#define TCP_SNDLOWAT              (16 * TCP_MSS)
#define LWIP_TCP_SACK_OUT         1
#define LWIP_TCP_TIMESTAMPS       0
#define LWIP_CHECKSUM_ON_COPY     1
#define LWIP_CHKSUM_ALGORITHM     3
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define ETH_PAD_SIZE              0

#endif
