/*
 * show_sock.c - `sock`: connections in the manner of `ss -tinemo`.
 *
 * A line for the ends, a line for the inner life of a TCP connection, with the words and units of ss
 * where it has any: milliseconds; cwnd and ssthresh in segments (-j has them in bytes); what is zero or
 * was never used is left out.
 */
#include "stackctl.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct argp_option sock_options[] = {
    {"watch", 'W', NULL, 0,
     "Show it again and again, every second or as many as the word behind it says", 0},
    {0  }
};

/* ---- filters ---- */

static const char *const sock_states[] = {
    "LISTEN",  "SYN_SENT", "SYN_RCVD",  "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
    "CLOSING", "LAST_ACK", "TIME_WAIT", "CLOSED",      "BOUND",      "CONNECTED"};

enum { SOCK_STATES = sizeof(sock_states) / sizeof(sock_states[0]) };

/* ss's groups, as bits of the table above. */
static const struct {
    const char *name;
    unsigned bits;
} sock_groups[] = {
    {"ALL",          0x1fff        },
    {"CONNECTED",    0x1000 | 0x3fe},
    {"SYNCHRONIZED", 0x3fc         },
    {"BUCKET",       0x204         },
    {"BIG",          0x1dfb        },
    {"SYN_RECV",     0x004         },
    {"LISTENING",    0x001         },
    {"CLOSE",        0x400         },
};

/* `fin-wait-1`, `time_wait`, `TIME-WAIT` all mean TIME_WAIT. Return: bits; 0: it is no state. */
static unsigned state_bits(const char *word)
{
    char name[32];
    size_t i = 0;

    for (; word[i] != '\0' && i < sizeof(name) - 1; i++)
        name[i] = word[i] == '-' ? '_' : (char)toupper((unsigned char)word[i]);
    name[i] = '\0';
    for (i = 0; i < sizeof(sock_groups) / sizeof(sock_groups[0]); i++) {
        if (strcmp(sock_groups[i].name, name) == 0)
            return sock_groups[i].bits;
    }
    for (i = 0; i < SOCK_STATES; i++) {
        if (strcmp(sock_states[i], name) == 0)
            return 1u << i;
    }
    return 0;
}

static bool parse_port(const char *s, json_t *request, const char *key)
{
    char *end;

    s += *s == ':';
    long v = strtol(s, &end, 10);

    if (end == s || *end != '\0' || v < 1 || v > 65535)
        return false;
    json_object_set_new(request, key, json_integer(v));
    return true;
}

/* `10.0.0.1`, `10.0.0.0/24`, `10.0.0.1:80`, `:80`. */
static bool parse_end(const char *s, json_t *request, const char *ip_key, const char *port_key)
{
    const char *colon = strchr(s, ':');
    size_t len = colon != NULL ? (size_t)(colon - s) : strlen(s);

    if (colon != NULL && !parse_port(colon, request, port_key))
        return false;
    if (len > 0 && !(len == 1 && *s == '*'))
        json_object_set_new(request, ip_key, json_stringn(s, len));
    return true;
}

struct filters {
    json_t *request;
    unsigned with, without; /* states asked for, and excluded */
};

/* One filter at word @i. Return: how many words it takes, 0: it is none, or -1: said why. */
static int filter_word(struct ctl *c, struct filters *f, int i)
{
    const char *w = c->word[i];
    int at = i + 1;

    if (strcmp(w, "tcp") == 0 || strcmp(w, "udp") == 0) {
        json_object_set_new(f->request, "only", json_string(w));
        return 1;
    }
    while (at < c->words && (strcmp(c->word[at], "=") == 0 || strcmp(c->word[at], "eq") == 0))
        at++;
    if (at >= c->words)
        return 0;
    const char *value = c->word[at];

    if (strcmp(w, "state") == 0 || strcmp(w, "exclude") == 0) {
        unsigned bits = state_bits(value);

        if (bits == 0) {
            ctl_say(CTL_USAGE,
                    "%s is no state: try established, time-wait, listen ... connected, "
                    "synchronized, or, of UDP, bound and connected",
                    value);
            return -1;
        }
        *(*w == 's' ? &f->with : &f->without) |= bits;
        return at - i + 1;
    }
    bool ok = (strcmp(w, "sport") == 0 && parse_port(value, f->request, "sport")) ||
              (strcmp(w, "dport") == 0 && parse_port(value, f->request, "dport")) ||
              (strcmp(w, "src") == 0 && parse_end(value, f->request, "src", "sport")) ||
              (strcmp(w, "dst") == 0 && parse_end(value, f->request, "dst", "dport"));

    return ok ? at - i + 1 : 0;
}

static int sock_filters(struct ctl *c, json_t *request)
{
    struct filters f = {.request = request};

    for (int i = 0; i < c->words;) {
        if (strcmp(c->word[i], "and") == 0 || (c->watch && ctl_seconds(c->word[i], &c->interval))) {
            i++;
            continue;
        }
        int took = filter_word(c, &f, i);

        if (took < 0)
            return CTL_USAGE;
        if (took == 0)
            return ctl_say(CTL_USAGE,
                           "%s is no filter: use state STATE, exclude STATE, sport PORT, dport "
                           "PORT, src ADDR[/P][:PORT], dst ADDR[/P][:PORT], tcp or udp",
                           c->word[i]);
        i += took;
    }
    if ((f.with | f.without) == 0)
        return CTL_OK;
    unsigned bits = (f.with != 0 ? f.with : ~0u) & ~f.without;
    json_t *states = json_array();

    for (int i = 0; i < SOCK_STATES; i++) {
        if (bits >> i & 1)
            json_array_append_new(states, json_string(sock_states[i]));
    }
    if (json_array_size(states) == 0)
        json_array_append_new(states, json_string("")); /* none at all */
    json_object_set_new(request, "states", states);
    return CTL_OK;
}

/* ---- a connection ---- */

static const char *state_ink(const char *state)
{
    if (strcmp(state, "ESTABLISHED") == 0)
        return "green";
    if (strcmp(state, "LISTEN") == 0 || strcmp(state, "BOUND") == 0)
        return "cyan";
    return "yellow";
}

/* As ss -o: the timer in use, what is left of it, and timeouts or probes without an answer. */
static void print_timer(const json_t *s)
{
    if (*jstr(s, "timer") != '\0')
        printf(" timer:(%s,%.0fms,%lld)", jstr(s, "timer"), jreal(s, "timer_ms"),
               jnum(s, "timer_tries"));
}

static void print_ends(const struct ctl *c, const char *netid, const json_t *s)
{
    char local[64], remote[64];

    snprintf(local, sizeof(local), "%s:%lld", jstr(s, "local"), jnum(s, "lport"));
    if (jnum(s, "rport") != 0)
        snprintf(remote, sizeof(remote), "%s:%lld", jstr(s, "remote"), jnum(s, "rport"));
    else
        snprintf(remote, sizeof(remote), "*:*");
    printf("%-5s %s%-11s%s %-7lld %-7lld %21s %21s", netid,
           ctl_paint(c, state_ink(jstr(s, "state"))), jstr(s, "state"), ctl_paint(c, ""),
           jnum(s, "recv_q"), jnum(s, "send_q"), local, remote);
    print_timer(s);
    if (*jstr(s, "service") != '\0')
        printf(" app:%s", jstr(s, "service"));
    if (json_object_get(s, "queue") != NULL) /* of several */
        printf(" queue:%lld", jnum(s, "queue"));
    if (jbool(s, "packed"))
        printf(" packed");
    if (jnum(s, "dropped") > 0)
        printf(" dropped:%lld", jnum(s, "dropped"));
    putchar('\n');
}

/* A member that says something only when it is not zero, as ss does it. */
static void print_nonzero(const json_t *s, const char *word, const char *key)
{
    if (jnum(s, key) != 0)
        printf(" %s:%lld", word, jnum(s, key));
}

static void print_words(const json_t *s)
{
    static const char *const words[] = {"ts",      "sack", "ecn",    "ecnseen",   "fastopen",
                                        "nodelay", "cork", "orphan", "unaccepted"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (jbool(s, words[i]))
            printf(" %s", words[i]);
    }
    if (jbool(s, "wscale"))
        printf(" wscale:%lld,%lld", jnum(s, "snd_wscale"), jnum(s, "rcv_wscale"));
}

static void print_times(const json_t *s)
{
    printf(" rto:%.4g", jreal(s, "rto_ms"));
    print_nonzero(s, "backoff", "backoff");
    if (jreal(s, "rtt_ms") > 0)
        printf(" rtt:%.3f/%.3f minrtt:%.3f", jreal(s, "rtt_ms"), jreal(s, "rttvar_ms"),
               jreal(s, "minrtt_ms"));
    printf(" ato:%.0f", jreal(s, "ato_ms"));
}

/* What is in flight and what became of it; retrans as ss has it: in flight again / in all. */
static void print_recovery(const json_t *s)
{
    if (strcmp(jstr(s, "ca_state"), "open") != 0)
        printf(" ca_state:%s", jstr(s, "ca_state"));
    print_nonzero(s, "unacked", "unacked");
    print_nonzero(s, "sacked", "sacked");
    print_nonzero(s, "lost", "lost");
    if (jnum(s, "retrans") != 0)
        printf(" retrans:%lld/%lld", jnum(s, "rtx_out"), jnum(s, "retrans"));
    print_nonzero(s, "bytes_retrans", "bytes_retrans");
    print_nonzero(s, "dsack_dups", "dsack_dups");
    print_nonzero(s, "undos", "undos");
    print_nonzero(s, "dup_in", "dup_in");
    if (jnum(s, "reord_seen") != 0)
        printf(" reord_seen reordering:%lld/4rtt", jnum(s, "reo_window"));
    if (jnum(s, "ooo_ranges") != 0)
        printf(" ooo:%lld/%lld", jnum(s, "ooo_ranges"), jnum(s, "ooo_bytes"));
    print_nonzero(s, "ce_in", "ce_in");
    print_nonzero(s, "ece_in", "ece_in");
}

/* The window, and what the controller thinks of the path, as ss shows BBR. */
static void print_congestion(const json_t *s)
{
    long long mss = jnum(s, "mss") > 0 ? jnum(s, "mss") : 1, ssthresh = jnum(s, "ssthresh");
    json_t *facts = json_object_get(s, "cc_state"), *f;
    const char *key, *comma = "";

    printf(" cwnd:%lld", jnum(s, "cwnd") / mss);
    if (ssthresh < INT32_MAX) /* there was a loss */
        printf(" ssthresh:%lld", ssthresh / mss);
    if (json_object_size(facts) > 0) {
        printf(" %s:(", jstr(s, "cc"));
        json_object_foreach(facts, key, f)
        {
            if (json_is_string(f))
                printf("%s%s:%s", comma, key, json_string_value(f));
            else if (strcmp(key, "bw") == 0)
                printf("%s%s:%lldbps", comma, key, 8 * (long long)json_integer_value(f));
            else
                printf("%s%s:%.6g", comma, key, json_number_value(f));
            comma = ",";
        }
        putchar(')');
    }
    if (jnum(s, "pacing_rate") != 0)
        printf(" pacing_rate:%lldbps", 8 * jnum(s, "pacing_rate"));
    if (jnum(s, "delivery_rate") != 0)
        printf(" delivery_rate:%lldbps", 8 * jnum(s, "delivery_rate"));
    if (jbool(s, "delivery_rate_app_limited"))
        printf(" app_limited");
}

static void print_counters(const json_t *s)
{
    print_nonzero(s, "bytes_sent", "bytes_sent");
    print_nonzero(s, "bytes_acked", "bytes_acked");
    print_nonzero(s, "bytes_received", "bytes_received");
    print_nonzero(s, "segs_out", "segs_out");
    print_nonzero(s, "segs_in", "segs_in");
    print_nonzero(s, "delivered", "delivered_segs");
    if (jnum(s, "segs_out") != 0)
        printf(" lastsnd:%.0f", jreal(s, "lastsnd_ms"));
    if (jnum(s, "segs_in") != 0)
        printf(" lastrcv:%.0f", jreal(s, "lastrcv_ms"));
    print_nonzero(s, "in_flight", "in_flight");
    print_nonzero(s, "notsent", "notsent");
    print_nonzero(s, "probes", "probes");
}

/* As skmem of ss -m: receive queue and its memory of its limit, the same for the send queue with what is
 * copied and what is lent, and the record. */
static void print_memory(const json_t *s)
{
    printf(" mem:(r%lld,rm%lld,rb%lld,t%lld,tl%lld,tm%lld,tb%lld,k%lld)", jnum(s, "recv_q"),
           jnum(s, "rcv_mem"), jnum(s, "rcvbuf"), jnum(s, "snd_copied"), jnum(s, "snd_lent"),
           jnum(s, "snd_mem"), jnum(s, "sndbuf"), jnum(s, "mem"));
}

/* Timers but the one that stands in the first line. */
static void print_timers(const json_t *s)
{
    const json_t *timers = json_object_get(s, "timers"), *t;
    size_t i;

    if (json_array_size(timers) == 0)
        return;
    printf(" timers:(");
    json_array_foreach(timers, i, t)
        printf("%s%s,%.0fms", i > 0 ? ";" : "", jstr(t, "name"), jreal(t, "ms"));
    putchar(')');
}

static void print_tcp_info(const json_t *s)
{
    printf("\t %s", jstr(s, "cc"));
    print_words(s);
    print_times(s);
    printf(" mss:%lld pmtu:%lld rcvmss:%lld advmss:%lld", jnum(s, "mss"), jnum(s, "pmtu"),
           jnum(s, "peermss"), jnum(s, "advmss"));
    if (jnum(s, "mtu_high") > jnum(s, "mtu_low")) /* a search between two sizes of payload */
        printf(" probing:%lld-%lld", jnum(s, "mtu_low"), jnum(s, "mtu_high"));
    print_congestion(s);
    print_counters(s);
    print_recovery(s);
    print_nonzero(s, "urgent_in", "urgent_in");
    print_nonzero(s, "urgent_out", "urgent_out");
    if (jreal(s, "rcv_rtt_ms") > 0)
        printf(" rcv_rtt:%.3f", jreal(s, "rcv_rtt_ms"));
    print_nonzero(s, "rcv_space", "rcv_space");
    printf(" snd_wnd:%lld rcv_wnd:%lld", jnum(s, "snd_wnd"), jnum(s, "rcv_wnd"));
    print_memory(s);
    if (jreal(s, "user_timeout_ms") > 0)
        printf(" user_timeout:%.0fms", jreal(s, "user_timeout_ms"));
    print_timers(s);
    putchar('\n');
}

static void print_socks(const struct ctl *c, const json_t *reply)
{
    const json_t *s;
    size_t i;

    printf("%s%-5s %-11s %-7s %-7s %21s %21s%s\n", ctl_paint(c, "bold"), "Netid", "State", "Recv-Q",
           "Send-Q", "Local Address:Port", "Peer Address:Port", ctl_paint(c, ""));
    json_array_foreach(json_object_get(reply, "tcp"), i, s)
    {
        print_ends(c, "tcp", s);
        if (json_object_get(s, "cc") != NULL)
            print_tcp_info(s);
    }
    json_array_foreach(json_object_get(reply, "udp"), i, s) print_ends(c, "udp", s);
}

static int sock_once(struct ctl *c)
{
    static const char *const keys[] = {"tcp", "udp", NULL};
    json_t *request = json_pack("{s:s}", "cmd", "sock");
    int status = sock_filters(c, request);

    if (status != CTL_OK) {
        json_decref(request);
        return status;
    }
    json_t *reply = ctl_ask_all(c, request, keys, &status);

    if (reply == NULL)
        return status;
    if (c->json)
        ctl_print_json(reply);
    else
        print_socks(c, reply);
    json_decref(reply);
    return CTL_OK;
}

int ctl_sock(struct ctl *c)
{
    return c->watch ? ctl_watch(c, sock_once) : sock_once(c);
}
