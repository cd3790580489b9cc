#include "peer.h"

#include <libnet.h>
#include <stdlib.h>

#include "small.h"

bool peer_near_wrap;

static const uint8_t peer_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t peer_h_mac[6] = {0x02, 0, 0, 0, 0, 0x02};
static const uint8_t peer_group[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* ---- frames of the peer ---- */

/* Options as packetdrill writes them, to bytes. Return: how many, filled up with zeros to a word. */
static uint8_t peer_options(const struct peer *k, const char *text, uint8_t out[40])
{
    unsigned n = 0, value, used;

    memset(out, 0, 40);
    while (*text != '\0') {
        T_NEED(n <= 40 - 10);
        if (sscanf(text, "mss %u%n", &value, (int *)&used) == 1) {
            out[n++] = 2;
            out[n++] = 4;
            out[n++] = (uint8_t)(value >> 8);
            out[n++] = (uint8_t)value;
        } else if (sscanf(text, "wscale %u%n", &value, (int *)&used) == 1) {
            out[n++] = 3;
            out[n++] = 3;
            out[n++] = (uint8_t)value;
        } else if (strncmp(text, "sackOK", used = 6) == 0) {
            out[n++] = 4;
            out[n++] = 2;
        } else if (strncmp(text, "nop", used = 3) == 0) {
            out[n++] = 1;
        } else if (strncmp(text, "eol", used = 3) == 0) {
            out[n++] = 0;
        } else if (strncmp(text, "TS", used = 2) == 0) {
            uint32_t v[2] = {htonl(k->tsval), htonl(k->tsecr)};

            out[n++] = 8;
            out[n++] = 10;
            memcpy(out + n, v, 8);
            n += 8;
        } else {
            T_NEED(strncmp(text, "hex ", 4) == 0);
            for (used = 4; sscanf(text + used, "%2x", &value) == 1; used += 2)
                out[n++] = (uint8_t)value;
        }
        text += used;
        text += *text == ',';
    }
    return (uint8_t)((n + 3) & ~3u);
}

static uint8_t peer_flags(const char *flags)
{
    static const char letters[] = "FSRP.UEW";
    uint8_t bits = 0;

    for (; *flags != '\0'; flags++) {
        const char *at = strchr(letters, *flags);

        T_NEED(at != NULL);
        bits |= (uint8_t)(1u << (at - letters));
    }
    return bits;
}

/* Options of IP, which libnet wants before the header. Return: how many bytes. */
static uint16_t peer_build_ip_options(struct peer *k, const char *hex)
{
    uint8_t opts[40];
    unsigned value, n = 0;

    for (; hex != NULL && sscanf(hex + 2 * n, "%2x", &value) == 1; n++)
        opts[n] = (uint8_t)value;
    if (n > 0)
        T_NEED(libnet_build_ipv4_options(opts, n, k->libnet, 0) != -1);
    return (uint16_t)n;
}

static void peer_build_ip(struct peer *k, uint32_t src, uint32_t dst, uint8_t proto, uint16_t len,
                          uint8_t tos, uint8_t ttl, bool group)
{
    T_NEED(libnet_build_ipv4((uint16_t)(20 + len), tos, 0, IP_DF, ttl, proto, 0, htonl(src),
                             htonl(dst), NULL, 0, k->libnet, 0) != -1);
    T_NEED(libnet_build_ethernet(group ? peer_group : peer_h_mac, peer_mac, ETHERTYPE_IP, NULL, 0,
                                 k->libnet, 0) != -1);
}

/* The frame that was built, into @out. Return: its length. */
static size_t peer_built(struct peer *k, uint8_t out[2048])
{
    uint8_t *frame = NULL;
    uint32_t len = 0;

    T_NEED(libnet_pblock_coalesce(k->libnet, &frame, &len) != -1);
    T_NEED(len <= 2048);
    memcpy(out, frame, len);
    free(frame - (k->libnet->aligner > 0 ? k->libnet->aligner : 0));
    libnet_clear_packet(k->libnet);
    return len;
}

void peer_raw(struct peer *k, const uint8_t *frame, size_t len)
{
    struct pkt *p = net_pkt(&k->net);

    T_NEED(p != NULL);
    p->ifi = k->ifi;
    memcpy(pkt_append(p, (uint32_t)len), frame, len);
    net_input(&k->net, &p, 1, k->now);
}

/* A data offset that libnet would not write, with a checksum that is right all the same. */
static void peer_lie_about_offset(uint8_t *ip, size_t len, uint8_t words, uint32_t src,
                                  uint32_t dst)
{
    uint8_t *tcp = ip + 20;

    tcp[12] = (uint8_t)(words << 4);
    tcp[16] = tcp[17] = 0;
    uint16_t sum = decode_sum(tcp, len - 20, decode_pseudo(src, dst, 6, (uint32_t)len - 20));

    tcp[16] = (uint8_t)(sum >> 8);
    tcp[17] = (uint8_t)sum;
}

void peer_say(struct peer *k, const struct say *s)
{
    static uint8_t text[1600];
    uint8_t opts[40], frame[2048], flags = peer_flags(s->flags), opt_len = 0;
    uint32_t src = s->src != 0 || s->from_any ? s->src : k->peer_ip,
             dst = s->dst != 0 ? s->dst : (uint32_t)H_IP;
    uint32_t seq = s->seq + (s->is_absolute ? 0 : k->peer_iss);
    uint32_t ack = s->ack + (s->is_absolute ? 0 : k->h_iss);
    const char *given = s->opts != NULL ? s->opts : k->ts ? "nop,nop,TS" : "";

    if ((flags & TCP_ACK) == 0)
        ack = 0;
    if (s->opts == NULL || s->opts[0] != '\0')
        opt_len = peer_options(k, given, opts);
    memset(text, 'x', sizeof(text));
    if (s->data != NULL)
        memcpy(text, s->data, s->len);
    uint16_t len = (uint16_t)(20 + opt_len + s->len);

    if (opt_len > 0)
        T_NEED(libnet_build_tcp_options(opts, opt_len, k->libnet, 0) != -1);
    T_NEED(libnet_build_tcp(k->peer_port, k->h_port, seq, ack, flags, s->win,
                            s->bad_sum ? 0x1234 : 0, s->urp, len, s->len > 0 ? text : NULL, s->len,
                            k->libnet, 0) != -1);
    len = (uint16_t)(len + peer_build_ip_options(k, s->ip_opts));
    peer_build_ip(k, src, dst, IPPROTO_TCP, len, s->tos, s->ttl != 0 ? s->ttl : 64, s->to_group);
    size_t n = peer_built(k, frame);

    if (s->data_offset != 0)
        peer_lie_about_offset(frame + 14, n - 14, s->data_offset, src, dst);
    peer_raw(k, frame, n);
    peer_settle(k);
}

void peer_icmp(struct peer *k, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq)
{
    uint8_t quote[2048], frame[2048];

    /* What H is said to have sent. */
    T_NEED(libnet_build_tcp(k->h_port, k->peer_port, seq + k->h_iss, 0, TCP_ACK, 1000, 0, 0, 20,
                            NULL, 0, k->libnet, 0) != -1);
    peer_build_ip(k, H_IP, k->peer_ip, IPPROTO_TCP, 20, 0, 60, false);
    peer_built(k, quote);
    quote[16] = 1500 >> 8; /* a router quotes the length of what it could not forward */
    quote[17] = 1500 & 0xff;
    quote[24] = quote[25] = 0;
    uint16_t sum = decode_sum(quote + 14, 20, 0);

    quote[24] = (uint8_t)(sum >> 8);
    quote[25] = (uint8_t)sum;
    T_NEED(libnet_build_icmpv4_echo(type, code, 0, 0, mtu, quote + 14, 28, k->libnet, 0) != -1);
    peer_build_ip(k, k->peer_ip, H_IP, IPPROTO_ICMP, 8 + 28, 0, 64, false);
    peer_raw(k, frame, peer_built(k, frame));
    peer_settle(k);
}

static void peer_arp(struct peer *k, uint16_t op, uint32_t about, uint32_t target)
{
    uint32_t spa = htonl(about), tpa = htonl(target);
    uint8_t frame[2048];

    T_NEED(libnet_build_arp(ARPHRD_ETHER, ETHERTYPE_IP, 6, 4, op, peer_mac, (uint8_t *)&spa,
                            peer_h_mac, (uint8_t *)&tpa, NULL, 0, k->libnet, 0) != -1);
    T_NEED(libnet_build_ethernet(peer_h_mac, peer_mac, ETHERTYPE_ARP, NULL, 0, k->libnet, 0) != -1);
    peer_raw(k, frame, peer_built(k, frame));
}

/* ---- frames of H ---- */

/* What a port without a checksum unit of its own would do, by our own arithmetic. */
static void peer_complete(const struct pkt *p, uint8_t *frame, size_t len)
{
    if (p->csum != CSUM_PARTIAL)
        return;
    size_t start = p->csum_start - p->off, at = start + p->csum_off;

    T_NEED(at + 2 <= len);
    uint16_t sum = decode_sum(frame + start, len - start, 0);

    if (sum == 0 && p->csum_off == 6) /* UDP: 0 would mean "none" (RFC 768) */
        sum = 0xffff;
    frame[at] = (uint8_t)(sum >> 8);
    frame[at + 1] = (uint8_t)sum;
}

static void peer_take(struct peer *k, const struct pkt *p)
{
    static uint8_t frame[70000];
    struct seen *s = &k->frames[k->count];
    uint32_t len = pkt_total(p);

    T_NEED(k->count < PEER_FRAMES);
    pkt_copy_out(p, frame);
    peer_complete(p, frame, len);
    const char *wrong = decode(s, frame, len);

    T_STR(wrong == NULL ? "" : wrong, ""); /* every frame of every test is well formed */
    T_MEM(s->mac_src, peer_h_mac, 6);
    s->at = k->now;
    if (wrong != NULL)
        return;
    if (s->ethertype == 0x0806 && k->sees_arp) {
        k->count++;
        return;
    }
    if (s->ethertype == 0x0806) {
        if (s->arp_op == 1 && s->arp_spa != s->arp_tpa) {
            k->arp_asked++;
            k->arp_target = s->arp_tpa;
            peer_arp(k, 2, s->arp_tpa, H_IP);
        }
        return;
    }
    if ((s->mac_dst[0] & 1) == 0 && !k->sees_arp) /* a broadcast is for everyone, a group for its test */
        T_MEM(s->mac_dst, peer_mac, 6);
    if (s->has_ts)
        k->tsecr = s->tsval;
    k->count++;
}

void peer_settle(struct peer *k)
{
    struct pkt *out[64];
    size_t n;

    while (!k->is_held && (n = net_output(&k->net, out, ARRAY_LEN(out), k->now)) > 0) {
        for (size_t i = 0; i < n; i++) {
            peer_take(k, out[i]);
            pkt_release(out[i]);
        }
    }
}

/* Time passes up to @end, or to the first frame of H when @stop. */
static void peer_run(struct peer *k, net_time end, bool stop)
{
    peer_settle(k);
    while (!stop || k->first == k->count) {
        net_time next = net_deadline(&k->net);

        if (next > end)
            break;
        T_NEED(next > k->now); /* nothing is due any more: time must pass */
        k->now = next;
        net_input(&k->net, NULL, 0, k->now);
        peer_settle(k);
    }
    if (stop && k->first < k->count)
        return;
    k->now = end;
    net_input(&k->net, NULL, 0, k->now);
}

void peer_advance(struct peer *k, net_time span)
{
    peer_run(k, k->now + span, false);
}

void peer_run_to_frame(struct peer *k, net_time limit)
{
    peer_run(k, k->now + limit, true);
}

struct seen *peer_next(struct peer *k)
{
    peer_settle(k);
    if (k->first == k->count)
        return NULL;
    k->last = k->frames[k->first++];
    if (k->first == k->count)
        k->first = k->count = 0;
    return &k->last;
}

size_t peer_forget(struct peer *k)
{
    size_t n = 0;

    while (peer_next(k) != NULL)
        n++;
    return n;
}

static void peer_describe(const struct peer *k, const struct seen *s, char text[160])
{
    if (s->proto == 6)
        snprintf(text, 160, "%u > %u [%s] seq %u ack %u len %u win %u <%s>", s->sport, s->dport,
                 s->flags, s->seq - k->h_iss, s->ack - k->peer_iss, s->len, s->win, s->opts);
    else
        snprintf(text, 160, "protocol %u, ICMP %u/%u", s->proto, s->icmp_type, s->icmp_code);
}

static bool peer_matches(struct peer *k, const struct seen *s, const struct want *w)
{
    bool learn = !w->is_absolute && !k->knows_h_iss && strchr(w->flags, 'S') != NULL;

    if (s->proto != 6 || s->src != H_IP || s->dst != k->peer_ip || s->sport != k->h_port ||
        s->dport != k->peer_port || strcmp(s->flags, w->flags) != 0)
        return false;
    if (learn) {
        k->h_iss = s->seq;
        k->knows_h_iss = true;
    }
    uint32_t seq = s->seq - (w->is_absolute ? 0 : k->h_iss);
    uint32_t ack = s->ack - (w->is_absolute ? 0 : k->peer_iss);

    if (seq != w->seq || s->len != w->len || (strchr(w->flags, '.') != NULL && ack != w->ack))
        return false;
    if (w->opts != NULL && strcmp(s->opts, w->opts) != 0)
        return false;
    if (w->data != NULL && memcmp(s->data, w->data, w->len) != 0)
        return false;
    return w->win == 0 || s->win == (w->win == PEER_WIN_0 ? 0 : w->win);
}

bool peer_expect(struct peer *k, const struct want *w, const char *file, int line)
{
    net_time at = k->now + w->after;
    char text[160], all[400];

    if (w->after > 0)
        peer_run(k, at + NET_SEC(100), true);
    const struct seen *s = peer_next(k);
    bool ok = s != NULL && peer_matches(k, s, w) && s->at == at;

    if (ok)
        return CU_assertImplementation(CU_TRUE, (unsigned)line, "expect_tcp", file, "", CU_FALSE);
    if (s == NULL)
        strcpy(text, "nothing");
    else
        peer_describe(k, s, text);
    snprintf(all, sizeof(all), "got %s, want [%s] seq %u ack %u len %u win %d <%s> (%lld ns late)",
             text, w->flags, w->seq, w->ack, w->len, w->win, w->opts != NULL ? w->opts : "",
             s != NULL ? (long long)(s->at - at) : 0);
    CU_assertImplementation(CU_FALSE, (unsigned)line, all, file, "", CU_FALSE);
    return false;
}

void peer_expect_nothing(struct peer *k, net_time span, const char *file, int line)
{
    char text[160], all[200];

    peer_run(k, k->now + span, true);
    const struct seen *s = peer_next(k);

    if (s == NULL) {
        CU_assertImplementation(CU_TRUE, (unsigned)line, "nothing", file, "", CU_FALSE);
        return;
    }
    peer_describe(k, s, text);
    snprintf(all, sizeof(all), "got %s, want nothing", text);
    CU_assertImplementation(CU_FALSE, (unsigned)line, all, file, "", CU_FALSE);
    peer_forget(k);
}

/* ---- beginning and end ---- */

void peer_config(struct net_config *cfg)
{
    small_config(cfg, H_IP & 0xff, 256, 4, 8);
    memcpy(cfg->ifs[0].mac.b, peer_h_mac, 6);
    cfg->seed = 1;
}

static void peer_boot(struct peer *k, const struct net_config *cfg)
{
    char err[LIBNET_ERRBUF_SIZE];

    memset(k, 0, sizeof(*k));
    T_NEED(small_bring_up(&k->net, cfg, &k->memory) == 0);
    k->now = cfg->start;
    k->libnet = libnet_init(LIBNET_NONE, NULL, err); /* no device, so no privilege either */
    k->frames = malloc(PEER_FRAMES * sizeof(struct seen));
    T_NEED(k->libnet != NULL && k->frames != NULL);
    k->peer_ip = PEER_IP;
    k->peer_iss = peer_near_wrap ? UINT32_MAX - 2 : 1000000;
    k->tsval = 1000;
    peer_arp(k, 1, PEER_IP, H_IP);
    peer_settle(k);
    peer_tuple(k, PEER_PORT, H_PORT);
}

static void peer_shut(struct peer *k)
{
    libnet_destroy(k->libnet);
    free(k->frames);
    free(k->memory);
}

/* H counts its ISS up with time (RFC 6528): the moment when it will be just below 2^32. */
static net_time peer_wrap_moment(const struct net_config *cfg)
{
    struct peer k;

    peer_boot(&k, cfg);
    peer_listen(&k, 0);
    say(&k, .flags = "S", .win = 1000);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    uint32_t left = UINT32_MAX - 2 - k.h_iss;

    peer_shut(&k);
    return cfg->start + (net_time)left * NET_US(4);
}

void peer_begin_with(struct peer *k, const struct net_config *cfg)
{
    struct net_config moved = *cfg;

    if (peer_near_wrap)
        moved.start = peer_wrap_moment(cfg);
    peer_boot(k, &moved);
}

void peer_begin(struct peer *k)
{
    struct net_config cfg;

    peer_config(&cfg);
    peer_begin_with(k, &cfg);
}

void peer_end(struct peer *k)
{
    struct net *n = &k->net;

    for (size_t i = 0; i < k->sd_count; i++)
        sock_abort(net_socks(n), k->sds[i]); /* -EBADF where the test has closed it */
    peer_settle(k);
    peer_forget(k);
    peer_advance(k, NET_SEC(400));
    peer_forget(k);
    T_EQ(n->core.pkts.slab.used, 0);
    T_EQ(n->core.bigs.slab.used, 0);
    T_EQ(n->core.bufs.used, 0);
    T_EQ(n->tcp.tcbs.used, 0);
    T_EQ(n->tcp.halves.used, 0);
    T_EQ(n->tcp.tws.used, 0);
    T_EQ(n->tcp.listener_pool.used, 0);
    T_EQ(n->tcp.hole_pool.used, 0);
    T_EQ(n->tcp.rares.used, 0);
    for (unsigned port = 0; port < 65536; port++)
        T_NEED(n->tcp.port_users[port] == 0);
    T_TRUE(ready_pop(&n->core.ready) == NULL);
    T_TRUE(net_deadline(n) > k->now);
    peer_shut(k);
}

void peer_tuple(struct peer *k, uint16_t peer_port, uint16_t h_port)
{
    k->peer_port = peer_port;
    k->h_port = h_port;
    k->h_iss = 0;
    k->knows_h_iss = false;
}

/* ---- what H knows ---- */

bool peer_status(struct peer *k, struct tcp_status *status)
{
    uint32_t at = 0;

    while (tcp_each(&k->net.tcp, &at, status)) {
        if (status->id.lport == k->h_port && status->id.rport == k->peer_port &&
            ip_addr_eq(status->id.remote, ip_addr_v4(k->peer_ip)))
            return true;
    }
    return false;
}

const char *peer_state(struct peer *k)
{
    struct tcp_status status;

    return peer_status(k, &status) ? tcp_state_name(status.state) : "CLOSED";
}

uint64_t peer_drops(const struct peer *k, enum verdict why)
{
    return k->net.core.drops[why];
}

/* ---- sockets of H ---- */

static int peer_note(struct peer *k, int sd)
{
    T_NEED(sd >= 0 && k->sd_count < PEER_SOCKS);
    for (size_t i = 0; i < k->sd_count; i++) {
        if (k->sds[i] == sd)
            return sd;
    }
    k->sds[k->sd_count++] = sd;
    return sd;
}

int peer_listen(struct peer *k, int backlog)
{
    struct sock_addr a = {ip_addr_v4(H_IP), k->h_port};
    int sd = peer_note(k, sock_open(net_socks(&k->net), SOCK_KIND_TCP));

    sock_setopt(net_socks(&k->net), sd, SOCK_OPT_REUSEADDR, 1);
    T_EQ(sock_bind(net_socks(&k->net), sd, &a), 0);
    T_EQ(sock_listen(net_socks(&k->net), sd, backlog), 0);
    return sd;
}

int peer_accept(struct peer *k, int listener)
{
    struct sock_addr from;
    int sd = sock_accept(net_socks(&k->net), listener, &from);

    T_NEED(sd >= 0);
    return peer_note(k, sd);
}

int peer_connect(struct peer *k)
{
    struct sock_addr local = {ip_addr_v4(H_IP), k->h_port};
    struct sock_addr to = {ip_addr_v4(k->peer_ip), k->peer_port};
    int sd = peer_note(k, sock_open(net_socks(&k->net), SOCK_KIND_TCP));

    sock_setopt(net_socks(&k->net), sd, SOCK_OPT_REUSEADDR, 1);
    T_EQ(sock_bind(net_socks(&k->net), sd, &local), 0);
    T_EQ(sock_connect(net_socks(&k->net), sd, &to), -EINPROGRESS);
    return sd;
}

void peer_write(struct peer *k, int sd, const void *bytes, size_t len)
{
    T_EQ(sock_send(net_socks(&k->net), sd, bytes, len, 0), len);
    peer_settle(k);
}

void peer_read(struct peer *k, int sd, const char *text)
{
    char got[4096] = "";
    int n = sock_recv(net_socks(&k->net), sd, got, sizeof(got) - 1, 0);

    T_EQ(n, strlen(text));
    T_STR(got, text);
    peer_settle(k);
}

int peer_recv(struct peer *k, int sd)
{
    char byte;

    return sock_recv(net_socks(&k->net), sd, &byte, 1, 0);
}

int peer_error(struct peer *k, int sd)
{
    int64_t error = -1;

    T_EQ(sock_getopt(net_socks(&k->net), sd, SOCK_OPT_ERROR, &error), 0);
    return (int)error;
}

/* ---- states ---- */

int syn_rcvd(struct peer *k)
{
    int listener = peer_listen(k, 0);

    say(k, .flags = "S", .win = 65535, .opts = "mss 1460");
    expect_tcp(k, .flags = "S.", .ack = 1);
    expect_state(k, "SYN_RCVD");
    return listener;
}

void handshake(struct peer *k, const char *opts)
{
    say(k, .flags = "S", .win = 65535, .opts = opts);
    expect_tcp(k, .flags = "S.", .ack = 1);
    k->ts = k->last.has_ts;
    say(k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_nothing(k, 0);
}

int established(struct peer *k)
{
    int listener = syn_rcvd(k);

    say(k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_nothing(k, 0);
    expect_state(k, "ESTABLISHED");
    int sd = peer_accept(k, listener);

    sock_close(net_socks(&k->net), listener);
    return sd;
}

int syn_sent(struct peer *k)
{
    int sd = peer_connect(k);

    expect_tcp(k, .flags = "S");
    expect_state(k, "SYN_SENT");
    return sd;
}

int established_active(struct peer *k)
{
    int sd = syn_sent(k);

    say(k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    expect_tcp(k, .flags = ".", .seq = 1, .ack = 1);
    expect_state(k, "ESTABLISHED");
    return sd;
}

int fin_wait_1(struct peer *k)
{
    int sd = established(k);

    T_EQ(sock_shutdown(net_socks(&k->net), sd, SOCK_SHUT_WR), 0);
    expect_tcp(k, .flags = "F.", .seq = 1, .ack = 1);
    expect_state(k, "FIN_WAIT_1");
    return sd;
}

int fin_wait_2(struct peer *k)
{
    int sd = fin_wait_1(k);

    say(k, .flags = ".", .seq = 1, .ack = 2, .win = 65535);
    expect_nothing(k, 0);
    expect_state(k, "FIN_WAIT_2");
    return sd;
}

int close_wait(struct peer *k)
{
    int sd = established(k);

    say(k, .flags = "F.", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(k, .flags = ".", .seq = 1, .ack = 2);
    expect_state(k, "CLOSE_WAIT");
    return sd;
}

int closing(struct peer *k)
{
    int sd = fin_wait_1(k);

    say(k, .flags = "F.", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(k, "CLOSING");
    return sd;
}

int last_ack(struct peer *k)
{
    int sd = close_wait(k);

    T_EQ(sock_shutdown(net_socks(&k->net), sd, SOCK_SHUT_WR), 0);
    expect_tcp(k, .flags = "F.", .seq = 1, .ack = 2);
    expect_state(k, "LAST_ACK");
    return sd;
}

int time_wait(struct peer *k)
{
    int sd = fin_wait_2(k);

    say(k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
    expect_tcp(k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(k, "TIME_WAIT");
    return sd;
}
