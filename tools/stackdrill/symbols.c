/*
 * symbols.c - the names of Linux's interface and their numbers.
 *
 * Alone in its file, because the headers of the C library and those of the stack both know a
 * TCP_LISTEN.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "settings.h"

#define SYMBOL(name)                                                                               \
    {                                                                                              \
#name, (int64_t)name                                                                       \
    }

static const struct symbol {
    const char *name;
    int64_t value;
} symbols[] = {
    {"NULL",                   0        },
    {"SIOCINQ",                0x541b   },
    {"SIOCATMARK",             0x8905   },
    {"SIOCOUTQ",               0x5411   },
    {"SIOCOUTQNSD",            0x894b   },
    {"TCP_IS_MPTCP",           43       },
    {"TCP_TX_DELAY",           37       },
    {"TCP_INQ",                36       },
    {"TCP_ZEROCOPY_RECEIVE",   35       },
    {"TCP_ULP",                31       },
    {"TCP_MD5SIG_EXT",         32       },
    {"TCP_FASTOPEN_CONNECT",   30       },
    {"TCP_FASTOPEN_KEY",       33       },
    {"TCP_FASTOPEN_NO_COOKIE", 34       },
    {"TCP_SAVE_SYN",           27       },
    {"TCP_SAVED_SYN",          28       },
    {"SO_ZEROCOPY",            60       },
    {"SO_TXTIME",              61       },
    {"TCP_CM_INQ",             36       },
    {"MSG_ZEROCOPY",           0x4000000},
    {"TCPI_OPT_TIMESTAMPS",    1        },
    {"TCPI_OPT_SACK",          2        },
    {"TCPI_OPT_WSCALE",        4        },
    {"TCPI_OPT_ECN",           8        },
    {"TCPI_OPT_ECN_SEEN",      16       },
    {"TCPI_OPT_SYN_DATA",      32       },
    SYMBOL(AF_INET),
    SYMBOL(AF_INET6),
    SYMBOL(AF_UNSPEC),
    SYMBOL(PF_INET),
    SYMBOL(PF_INET6),
    SYMBOL(SOCK_STREAM),
    SYMBOL(SOCK_DGRAM),
    SYMBOL(SOCK_RAW),
    SYMBOL(SOCK_NONBLOCK),
    SYMBOL(SOCK_CLOEXEC),
    SYMBOL(IPPROTO_IP),
    SYMBOL(IPPROTO_TCP),
    SYMBOL(IPPROTO_UDP),
    SYMBOL(IPPROTO_ICMP),
    SYMBOL(IPPROTO_IPV6),
    SYMBOL(IPPROTO_MPTCP),
    SYMBOL(SHUT_RD),
    SYMBOL(SHUT_WR),
    SYMBOL(SHUT_RDWR),
    SYMBOL(SOL_SOCKET),
    SYMBOL(SOL_TCP),
    SYMBOL(SOL_UDP),
    SYMBOL(SOL_IP),
    SYMBOL(SOL_IPV6),
    SYMBOL(SO_ACCEPTCONN),
    SYMBOL(SO_BINDTODEVICE),
    SYMBOL(SO_BROADCAST),
    SYMBOL(SO_BUSY_POLL),
    SYMBOL(SO_DEBUG),
    SYMBOL(SO_DOMAIN),
    SYMBOL(SO_ERROR),
    SYMBOL(SO_DONTROUTE),
    SYMBOL(SO_INCOMING_CPU),
    SYMBOL(SO_KEEPALIVE),
    SYMBOL(SO_LINGER),
    SYMBOL(SO_MARK),
    SYMBOL(SO_MAX_PACING_RATE),
    SYMBOL(SO_OOBINLINE),
    SYMBOL(SO_PRIORITY),
    SYMBOL(SO_PROTOCOL),
    SYMBOL(SO_RCVBUF),
    SYMBOL(SO_RCVBUFFORCE),
    SYMBOL(SO_RCVLOWAT),
    SYMBOL(SO_RCVTIMEO),
    SYMBOL(SO_REUSEADDR),
    SYMBOL(SO_REUSEPORT),
    SYMBOL(SO_SNDBUF),
    SYMBOL(SO_SNDBUFFORCE),
    SYMBOL(SO_SNDTIMEO),
    SYMBOL(SO_TIMESTAMP),
    SYMBOL(SO_TIMESTAMPNS),
    SYMBOL(SO_TIMESTAMPING),
    SYMBOL(SO_TYPE),
    SYMBOL(TCP_NODELAY),
    SYMBOL(TCP_MAXSEG),
    SYMBOL(TCP_CORK),
    SYMBOL(TCP_KEEPIDLE),
    SYMBOL(TCP_KEEPINTVL),
    SYMBOL(TCP_KEEPCNT),
    SYMBOL(TCP_SYNCNT),
    SYMBOL(TCP_LINGER2),
    SYMBOL(TCP_DEFER_ACCEPT),
    SYMBOL(TCP_WINDOW_CLAMP),
    SYMBOL(TCP_INFO),
    SYMBOL(TCP_QUICKACK),
    SYMBOL(TCP_CONGESTION),
    SYMBOL(TCP_MD5SIG),
    SYMBOL(TCP_USER_TIMEOUT),
    SYMBOL(TCP_FASTOPEN),
    SYMBOL(TCP_TIMESTAMP),
    SYMBOL(TCP_NOTSENT_LOWAT),
    SYMBOL(TCP_CC_INFO),
    SYMBOL(TCP_THIN_LINEAR_TIMEOUTS),
    SYMBOL(TCP_THIN_DUPACK),
    SYMBOL(UDP_SEGMENT),
    SYMBOL(UDP_GRO),
    SYMBOL(IP_TOS),
    SYMBOL(IP_TTL),
    SYMBOL(IP_MULTICAST_TTL),
    SYMBOL(IP_MULTICAST_LOOP),
    SYMBOL(IP_MTU_DISCOVER),
    SYMBOL(IP_RECVERR),
    SYMBOL(IP_MTU),
    SYMBOL(IP_PMTUDISC_DO),
    SYMBOL(IP_PMTUDISC_DONT),
    SYMBOL(IP_PMTUDISC_WANT),
    SYMBOL(IP_PMTUDISC_PROBE),
    SYMBOL(IP_PKTINFO),
    SYMBOL(IP_RECVTOS),
    SYMBOL(IP_RECVTTL),
    SYMBOL(IP_FREEBIND),
    SYMBOL(IP_TRANSPARENT),
    SYMBOL(IP_BIND_ADDRESS_NO_PORT),
    SYMBOL(IPTOS_LOWDELAY),
    SYMBOL(IPTOS_THROUGHPUT),
    SYMBOL(IPTOS_RELIABILITY),
    SYMBOL(F_GETFL),
    SYMBOL(F_SETFL),
    SYMBOL(F_GETFD),
    SYMBOL(F_SETFD),
    SYMBOL(FD_CLOEXEC),
    SYMBOL(O_NONBLOCK),
    SYMBOL(O_RDWR),
    SYMBOL(O_RDONLY),
    SYMBOL(O_WRONLY),
    SYMBOL(FIONREAD),
    SYMBOL(FIONBIO),
    SYMBOL(TIOCOUTQ),
    SYMBOL(MSG_PEEK),
    SYMBOL(MSG_MORE),
    SYMBOL(MSG_DONTWAIT),
    SYMBOL(MSG_NOSIGNAL),
    SYMBOL(MSG_WAITALL),
    SYMBOL(MSG_TRUNC),
    SYMBOL(MSG_CTRUNC),
    SYMBOL(MSG_OOB),
    SYMBOL(MSG_EOR),
    SYMBOL(MSG_ERRQUEUE),
    SYMBOL(MSG_FASTOPEN),
    SYMBOL(MSG_CONFIRM),
    SYMBOL(MSG_DONTROUTE),
    SYMBOL(POLLIN),
    SYMBOL(POLLOUT),
    SYMBOL(POLLERR),
    SYMBOL(POLLHUP),
    SYMBOL(POLLRDHUP),
    SYMBOL(POLLNVAL),
    SYMBOL(POLLPRI),
    SYMBOL(POLLRDNORM),
    SYMBOL(POLLWRNORM),
    SYMBOL(EPOLLIN),
    SYMBOL(EPOLLOUT),
    SYMBOL(EPOLLERR),
    SYMBOL(EPOLLHUP),
    SYMBOL(EPOLLRDHUP),
    SYMBOL(EPOLLPRI),
    SYMBOL(EPOLLET),
    SYMBOL(EPOLLONESHOT),
    SYMBOL(EPOLLEXCLUSIVE),
    SYMBOL(EPOLLRDNORM),
    SYMBOL(EPOLLWRNORM),
    SYMBOL(EPOLL_CTL_ADD),
    SYMBOL(EPOLL_CTL_MOD),
    SYMBOL(EPOLL_CTL_DEL),
    SYMBOL(EPOLL_CLOEXEC),
    SYMBOL(INADDR_ANY),
    SYMBOL(INADDR_LOOPBACK),
    SYMBOL(TCPI_OPT_TIMESTAMPS),
    SYMBOL(TCPI_OPT_SACK),
    SYMBOL(TCPI_OPT_WSCALE),
    SYMBOL(TCPI_OPT_ECN),
    SYMBOL(TCPI_OPT_ECN_SEEN),
    SYMBOL(TCPI_OPT_SYN_DATA),
    {"TCP_CA_Open",            0        },
    {"TCP_CA_Disorder",        1        },
    {"TCP_CA_CWR",             2        },
    {"TCP_CA_Recovery",        3        },
    {"TCP_CA_Loss",            4        },
    SYMBOL(TCP_ESTABLISHED),
    SYMBOL(TCP_SYN_SENT),
    SYMBOL(TCP_SYN_RECV),
    SYMBOL(TCP_FIN_WAIT1),
    SYMBOL(TCP_FIN_WAIT2),
    SYMBOL(TCP_TIME_WAIT),
    SYMBOL(TCP_CLOSE),
    SYMBOL(TCP_CLOSE_WAIT),
    SYMBOL(TCP_LAST_ACK),
    SYMBOL(TCP_LISTEN),
    SYMBOL(TCP_CLOSING),
};

bool symbol_value(const char *name, int64_t *v)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        if (strcmp(symbols[i].name, name) == 0) {
            *v = symbols[i].value;
            return true;
        }
    }
    *v = symbol_errno(name);
    return *v != 0;
}

int symbol_errno(const char *name)
{
    for (int e = 1; e < 140; e++) {
        const char *known = strerrorname_np(e);

        if (known != NULL && strcmp(known, name) == 0)
            return e;
    }
    return strcmp(name, "EWOULDBLOCK") == 0 ? EWOULDBLOCK : 0;
}
