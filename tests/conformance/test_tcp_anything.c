#include "peer.h"

/*
 * A peer that says anything, and a user who calls anything, in any order: no assertion fails, every
 * frame of H is well formed (decode.c), a reset is never answered by a reset, one segment never
 * draws more than a few, and in the end every pool is full again (peer_end).
 */

static uint64_t anything_state;

static uint32_t any(uint32_t below) /* xorshift64* */
{
    anything_state ^= anything_state >> 12;
    anything_state ^= anything_state << 25;
    anything_state ^= anything_state >> 27;
    return (uint32_t)((anything_state * 0x2545f4914f6cdd1du) >> 33) % below;
}

struct talk {
    struct peer k;
    int sds[8];
    size_t sd_count;
    int listener;
    uint32_t snd_nxt, rcv_nxt; /* of H, as its last segment told, absolute */
};

/* Read what H says; numbers near the truth are worth more than noise. */
static size_t listen_to(struct talk *t)
{
    size_t n = 0;

    for (const struct seen *s; (s = peer_next(&t->k)) != NULL; n++) {
        if (s->proto != 6)
            continue;
        t->snd_nxt =
            s->seq + s->len + (strchr(s->flags, 'S') != NULL) + (strchr(s->flags, 'F') != NULL);
        if (strchr(s->flags, '.') != NULL)
            t->rcv_nxt = s->ack;
        if (strchr(s->flags, 'S') != NULL)
            t->k.ts = s->has_ts;
    }
    return n;
}

static uint32_t near(uint32_t truth)
{
    static const uint32_t off[] = {0,     0,          0,          0,          0,   0,
                                   1,     2,          0xffffffff, 0xfffffffe, 100, 65535,
                                   65536, 0xffff0000, 0x7fffffff, 0x80000000};

    if (any(2) == 0)
        return truth;
    return any(50) == 0 ? any(0x7fffffff) * 2 : truth + off[any(ARRAY_LEN(off))];
}

static void speak(struct talk *t)
{
    static const char *const flags[] = {".",  ".",  ".",   ".",    "P.",       "P.", "P.",
                                        "F.", "F.", "FP.", "S",    "S",        "S.", "R",
                                        "R.", "",   "SF",  "FPU.", "SFRPUEW.", "PU."};
    static const char *const opts[] = {NULL,
                                       NULL,
                                       NULL,
                                       NULL,
                                       "",
                                       "mss 1460",
                                       "nop,nop,TS",
                                       "mss 100,nop,wscale 9",
                                       "mss 1460,sackOK,TS,nop,wscale 2",
                                       "hex 02ff0000",
                                       "nop,nop,hex 050a0000000100000005"};
    const char *f = flags[any(ARRAY_LEN(flags))];

    t->k.tsval += any(3) - 1;
    say(&t->k, .flags = f, .seq = near(t->rcv_nxt), .ack = near(t->snd_nxt),
        .win = (uint16_t)(any(4) == 0 ? 0 : any(65536)), .urp = (uint16_t)any(100),
        .len = any(2) * any(300), .opts = opts[any(ARRAY_LEN(opts))], .is_absolute = true);
    size_t answers = listen_to(t);

    T_TRUE(answers < 200);
    if (strchr(f, 'R') != NULL)
        T_TRUE(answers == 0 || strchr(t->k.last.flags, 'R') == NULL);
}

static void call(struct talk *t)
{
    struct socks *s = net_socks(&t->k.net);
    static char bytes[3000];
    size_t i = t->sd_count > 0 ? any((uint32_t)t->sd_count) : 0;
    struct sock_addr to = {ip_addr_v4(PEER_IP), PEER_PORT}, local = {ip_addr_v4(H_IP), H_PORT};
    int sd = t->sd_count > 0 ? t->sds[i] : -1;

    switch (any(10)) {
    case 0:
    case 1:
        if (t->sd_count < ARRAY_LEN(t->sds) && (sd = sock_accept(s, t->listener, NULL)) >= 0)
            t->sds[t->sd_count++] = sd;
        break;
    case 2:
        if (t->sd_count == ARRAY_LEN(t->sds) || any(3) != 0)
            break;
        sd = sock_open(s, SOCK_KIND_TCP);
        T_NEED(sd >= 0);
        t->sds[t->sd_count++] = sd;
        sock_setopt(s, sd, SOCK_OPT_REUSEADDR, 1);
        sock_bind(s, sd, &local);
        if (t->k.net.tcp.cfg.fastopen != 0)
            sock_connect_send(s, sd, &to, bytes, any(sizeof(bytes)), 0);
        else
            sock_connect(s, sd, &to);
        break;
    case 3:
    case 4:
        sock_send(s, sd, bytes, any(sizeof(bytes)), any(2) ? SOCK_MSG_MORE : 0);
        break;
    case 5:
    case 6:
        sock_recv(s, sd, bytes, any(sizeof(bytes)), 0);
        break;
    case 7:
        sock_shutdown(s, sd, (enum sock_how)any(3));
        break;
    default:
        if (t->sd_count == 0 || any(4) != 0)
            break;
        sock_setopt(s, sd, SOCK_OPT_LINGER, (int64_t)any(3) - 1);
        if (any(3) == 0)
            sock_abort(s, sd);
        else
            sock_close(s, sd);
        t->sds[i] = t->sds[--t->sd_count];
    }
}

static void talk(uint64_t seed, enum tcp_syn_policy policy)
{
    static struct talk t;
    struct net_config cfg;

    anything_state = seed * 0x9e3779b97f4a7c15u + 1;
    t = (struct talk){0};
    peer_config(&cfg);
    cfg.seed = seed;
    cfg.tcp.half_open = 1 + any(2);
    cfg.tcp.time_wait = 1 + any(2);
    cfg.tcp.connections = 2 + any(4);
    cfg.tcp.rcvbuf = any(2) ? 2000 : 256 * 1024;
    cfg.tcp.syn_policy = policy;
    if (seed % 3 == 0) { /* data of SYNs are taken, too */
        cfg.tcp.fastopen = TCP_FO_CLIENT | TCP_FO_CLIENT_NO_COOKIE | TCP_FO_SERVER |
                           TCP_FO_SERVER_NO_COOKIE | TCP_FO_SERVER_ALL;
        cfg.tcp.fastopen_cache = cfg.tcp.fastopen_pending = 2;
    }
    peer_begin_with(&t.k, &cfg);
    t.listener = peer_listen(&t.k, 2);
    t.rcv_nxt = t.k.peer_iss;
    for (int step = 0; step < 400; step++) {
        uint32_t what = any(20);

        t.k.peer_port = (uint16_t)(PEER_PORT + any(8) / 7);
        if (what < 12)
            speak(&t);
        else if (what < 17)
            call(&t);
        else if (what < 18)
            peer_icmp(&t.k, any(3) ? 3 : 11, (uint8_t)any(6), (uint16_t)any(2000),
                      near(t.snd_nxt - 1) - t.k.h_iss);
        else
            peer_advance(&t.k, any(5) == 0 ? NET_SEC(any(100)) : NET_MS(any(2000)));
        listen_to(&t);
    }
    for (size_t i = 0; i < t.sd_count; i++)
        sock_close(net_socks(&t.k.net), t.sds[i]);
    peer_advance(&t.k, NET_SEC(1000));
    peer_end(&t.k);
}

static void test_tcp_anything(void)
{
    for (uint64_t seed = 1; seed <= 150; seed++) {
        unsigned before = CU_get_number_of_failures();

        talk(seed, (enum tcp_syn_policy)(seed % 4));
        if (CU_get_number_of_failures() != before) {
            printf("seed %llu\n", (unsigned long long)seed);
            break;
        }
    }
}
TWICE(test_tcp_anything)

T_MAIN("tcp_anything", T_TWICE(test_tcp_anything))
