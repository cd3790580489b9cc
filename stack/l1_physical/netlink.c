#include "l1_physical/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

enum { NETLINK_BUF = 8192 };

int netlink_open(struct netlink *nl)
{
    *nl = (struct netlink){.sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)};
    if (nl->sock == NULL)
        return -errno;
    if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
        int err = -errno;

        netlink_close(nl);
        return err;
    }
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (nl->sock != NULL)
        mnl_socket_close(nl->sock);
    nl->sock = NULL;
}

/* Send the request @h and hand each message of the answer to @each. Return: 0 or -errno. */
static int netlink_ask(struct netlink *nl, struct nlmsghdr *h, mnl_cb_t each, void *ctx)
{
    _Alignas(8) char buf[NETLINK_BUF * 4];
    unsigned portid = mnl_socket_get_portid(nl->sock);
    int more = MNL_CB_OK;

    h->nlmsg_seq = ++nl->seq;
    if (mnl_socket_sendto(nl->sock, h, h->nlmsg_len) < 0)
        return -errno;
    while (more == MNL_CB_OK) {
        ssize_t n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));

        if (n < 0)
            return -errno;
        more = mnl_cb_run(buf, (size_t)n, nl->seq, portid, each, ctx);
    }
    return more < 0 ? -errno : 0;
}

static struct nlmsghdr *netlink_request(char *buf, unsigned type, unsigned flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

    h->nlmsg_type = (uint16_t)type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return h;
}

int netlink_link_set(struct netlink *nl, const char *name, uint32_t mtu, uint32_t queue)
{
    _Alignas(8) char buf[NETLINK_BUF];
    struct nlmsghdr *h = netlink_request(buf, RTM_NEWLINK, NLM_F_ACK);
    struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

    m->ifi_family = AF_UNSPEC;
    m->ifi_flags = m->ifi_change = IFF_UP;
    mnl_attr_put_strz(h, IFLA_IFNAME, name);
    if (mtu != 0)
        mnl_attr_put_u32(h, IFLA_MTU, mtu);
    if (queue != 0)
        mnl_attr_put_u32(h, IFLA_TXQLEN, queue);
    return netlink_ask(nl, h, NULL, NULL);
}

static int netlink_link_attr(const struct nlattr *a, void *ctx)
{
    struct netlink_link *link = ctx;

    if (mnl_attr_get_type(a) == IFLA_MTU && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
        link->mtu = mnl_attr_get_u32(a);
    else if (mnl_attr_get_type(a) == IFLA_TXQLEN)
        link->queue = mnl_attr_get_u32(a);
    return MNL_CB_OK;
}

static int netlink_on_link(const struct nlmsghdr *h, void *ctx)
{
    const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
    struct netlink_link *link = ctx;

    link->index = (unsigned)m->ifi_index;
    link->up = (m->ifi_flags & IFF_UP) != 0;
    return mnl_attr_parse(h, sizeof(*m), netlink_link_attr, link);
}

int netlink_link_get(struct netlink *nl, const char *name, struct netlink_link *link)
{
    _Alignas(8) char buf[NETLINK_BUF];
    struct nlmsghdr *h = netlink_request(buf, RTM_GETLINK, NLM_F_ACK);
    struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

    m->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(h, IFLA_IFNAME, name);
    *link = (struct netlink_link){0};
    snprintf(link->name, sizeof(link->name), "%s", name);
    return netlink_ask(nl, h, netlink_on_link, link);
}

static int netlink_addr(struct netlink *nl, unsigned type, unsigned flags, const char *name,
                        uint32_t ip, uint8_t prefix)
{
    _Alignas(8) char buf[NETLINK_BUF];
    struct nlmsghdr *h = netlink_request(buf, type, NLM_F_ACK | flags);
    struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
    unsigned index = if_nametoindex(name);

    if (index == 0)
        return -ENODEV;
    m->ifa_family = AF_INET;
    m->ifa_prefixlen = prefix;
    m->ifa_scope = RT_SCOPE_UNIVERSE;
    m->ifa_index = index;
    mnl_attr_put_u32(h, IFA_LOCAL, htonl(ip));
    mnl_attr_put_u32(h, IFA_ADDRESS, htonl(ip));
    if (prefix < 31)
        mnl_attr_put_u32(h, IFA_BROADCAST, htonl(ip | UINT32_MAX >> prefix));
    return netlink_ask(nl, h, NULL, NULL);
}

int netlink_addr_add(struct netlink *nl, const char *name, uint32_t ip, uint8_t prefix)
{
    return netlink_addr(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, name, ip, prefix);
}

int netlink_addr_del(struct netlink *nl, const char *name, uint32_t ip, uint8_t prefix)
{
    return netlink_addr(nl, RTM_DELADDR, 0, name, ip, prefix);
}

/* A list that is being filled; what does not fit is only counted. */
struct netlink_list {
    void *out;
    int max, count;
};

static void netlink_ifname(unsigned index, char name[16])
{
    char text[IF_NAMESIZE] = "";

    if (if_indextoname(index, text) == NULL)
        snprintf(text, sizeof(text), "?");
    memcpy(name, text, sizeof(text));
}

static int netlink_addr_attr(const struct nlattr *a, void *ctx)
{
    struct netlink_addr *addr = ctx;

    if (mnl_attr_get_type(a) == IFA_LOCAL && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
        addr->ip = ntohl(mnl_attr_get_u32(a));
    return MNL_CB_OK;
}

static int netlink_on_addr(const struct nlmsghdr *h, void *ctx)
{
    const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
    struct netlink_list *l = ctx;
    struct netlink_addr addr = {.prefix = m->ifa_prefixlen};

    if (m->ifa_family != AF_INET)
        return MNL_CB_OK;
    if (mnl_attr_parse(h, sizeof(*m), netlink_addr_attr, &addr) < 0)
        return MNL_CB_ERROR;
    netlink_ifname(m->ifa_index, addr.name);
    if (l->count < l->max)
        ((struct netlink_addr *)l->out)[l->count] = addr;
    l->count++;
    return MNL_CB_OK;
}

static int netlink_route_attr(const struct nlattr *a, void *ctx)
{
    struct netlink_route *route = ctx;

    if (mnl_attr_validate(a, MNL_TYPE_U32) < 0)
        return MNL_CB_OK;
    switch (mnl_attr_get_type(a)) {
    case RTA_DST:
        route->dst = ntohl(mnl_attr_get_u32(a));
        break;
    case RTA_GATEWAY:
        route->gateway = ntohl(mnl_attr_get_u32(a));
        break;
    case RTA_OIF:
        netlink_ifname(mnl_attr_get_u32(a), route->name);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static int netlink_on_route(const struct nlmsghdr *h, void *ctx)
{
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    struct netlink_list *l = ctx;
    struct netlink_route route = {.prefix = m->rtm_dst_len};

    if (m->rtm_family != AF_INET || m->rtm_table != RT_TABLE_MAIN || m->rtm_type != RTN_UNICAST)
        return MNL_CB_OK;
    if (mnl_attr_parse(h, sizeof(*m), netlink_route_attr, &route) < 0)
        return MNL_CB_ERROR;
    if (l->count < l->max)
        ((struct netlink_route *)l->out)[l->count] = route;
    l->count++;
    return MNL_CB_OK;
}

static int netlink_list(struct netlink *nl, unsigned type, mnl_cb_t each, void *out, int max)
{
    _Alignas(8) char buf[NETLINK_BUF];
    struct nlmsghdr *h = netlink_request(buf, type, NLM_F_DUMP);
    struct rtgenmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(struct rtmsg));
    struct netlink_list l = {.out = out, .max = max};

    m->rtgen_family = AF_INET;
    int err = netlink_ask(nl, h, each, &l);

    return err < 0 ? err : l.count;
}

int netlink_addrs(struct netlink *nl, struct netlink_addr *out, int max)
{
    return netlink_list(nl, RTM_GETADDR, netlink_on_addr, out, max);
}

int netlink_routes(struct netlink *nl, struct netlink_route *out, int max)
{
    return netlink_list(nl, RTM_GETROUTE, netlink_on_route, out, max);
}
