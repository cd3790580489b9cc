/*
 * show_sock.c - `sock` and `listen`: tables in the manner of `ss -tian`.
 */
#include "stackctl.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_port(const char *s, json_t *request, const char *key)
{
    char *end;
    long v = strtol(s, &end, 10);

    if (*s == ':')
        v = strtol(s + 1, &end, 10);
    if (end == s || *end != '\0' || v < 1 || v > 65535)
        return false;
    json_object_set_new(request, key, json_integer(v));
    return true;
}

/* `fin-wait-1`, `time_wait`, `TIME-WAIT` all mean TIME_WAIT. Return: whether it is a state. */
static bool set_state(json_t *request, const char *word)
{
    static const char *const states[] = {
        "LISTEN",  "SYN_SENT", "SYN_RCVD",  "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
        "CLOSING", "LAST_ACK", "TIME_WAIT", "CLOSED",      "BOUND",      "CONNECTED"};
    char name[32];
    size_t i = 0;

    for (; word[i] != '\0' && i < sizeof(name) - 1; i++)
        name[i] = word[i] == '-' ? '_' : (char)toupper((unsigned char)word[i]);
    name[i] = '\0';
    for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(states[i], name) == 0) {
            json_object_set_new(request, "state", json_string(name));
            return true;
        }
    }
    return false;
}

static int sock_filters(struct ctl *c, json_t *request)
{
    for (int i = 0; i < c->words; i++) {
        const char *w = c->word[i], *next = i + 1 < c->words ? c->word[i + 1] : NULL;

        if (strcmp(w, "tcp") == 0 || strcmp(w, "udp") == 0) {
            json_object_set_new(request, "only", json_string(w));
        } else if (strcmp(w, "state") == 0 && next != NULL) {
            if (!set_state(request, next))
                return ctl_say(CTL_USAGE,
                               "%s is no state: try established, time-wait, listen ... or, of "
                               "UDP, bound and connected",
                               next);
            i++;
        } else if (strcmp(w, "sport") == 0 && next != NULL && parse_port(next, request, "sport")) {
            i++;
        } else if (strcmp(w, "dport") == 0 && next != NULL && parse_port(next, request, "dport")) {
            i++;
        } else {
            return ctl_say(CTL_USAGE,
                           "%s is no filter: use state STATE, sport PORT, dport PORT, "
                           "tcp or udp",
                           w);
        }
    }
    return CTL_OK;
}

static const char *state_ink(const char *state)
{
    if (strcmp(state, "ESTABLISHED") == 0)
        return "green";
    if (strcmp(state, "LISTEN") == 0 || strcmp(state, "BOUND") == 0)
        return "cyan";
    return "yellow";
}

static void print_ends(const struct ctl *c, const char *netid, const json_t *s)
{
    char local[64], remote[64];

    snprintf(local, sizeof(local), "%s:%lld", jstr(s, "local"), jnum(s, "lport"));
    if (jnum(s, "rport") != 0)
        snprintf(remote, sizeof(remote), "%s:%lld", jstr(s, "remote"), jnum(s, "rport"));
    else
        snprintf(remote, sizeof(remote), "*:*");
    printf("%-5s %s%-11s%s %-7lld %-7lld %21s %21s\n", netid,
           ctl_paint(c, state_ink(jstr(s, "state"))), jstr(s, "state"), ctl_paint(c, ""),
           jnum(s, "recv_q"), jnum(s, "send_q"), local, remote);
}

/* A member that says something only when it is not zero, as ss does it. */
static void print_nonzero(const json_t *s, const char *word, const char *key)
{
    if (jnum(s, key) != 0)
        printf(" %s:%lld", word, jnum(s, key));
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
    print_nonzero(s, "dsack_dups", "dsack_dups");
    print_nonzero(s, "undos", "undos");
    if (jnum(s, "reord_seen") != 0)
        printf(" reord_seen");
    print_nonzero(s, "ce_in", "ce_in");
    print_nonzero(s, "ece_in", "ece_in");
    print_nonzero(s, "backoff", "backoff");
    if (jnum(s, "pacing_rate") != 0)
        printf(" pacing_rate:%lldbps", 8 * jnum(s, "pacing_rate"));
}

/* The second line, with the words and units of `ss -i`: milliseconds; cwnd and ssthresh in segments
 * (-j has them in bytes), the latter only once there was a loss. */
static void print_tcp_info(const json_t *s)
{
    const char *timer = jstr(s, "timer");
    long long mss = jnum(s, "mss") > 0 ? jnum(s, "mss") : 1, ssthresh = jnum(s, "ssthresh");

    printf("\t %s%s%s", jstr(s, "cc"), jbool(s, "ts") ? " ts" : "",
           jbool(s, "sack") ? " sack" : "");
    printf("%s%s", jbool(s, "ecn") ? " ecn" : "", jbool(s, "ecnseen") ? " ecnseen" : "");
    if (jbool(s, "fastopen")) /* data of a SYN were taken */
        printf(" fastopen");
    if (jbool(s, "wscale"))
        printf(" wscale:%lld,%lld", jnum(s, "snd_wscale"), jnum(s, "rcv_wscale"));
    printf(" rto:%.3g", jreal(s, "rto_ms"));
    if (jreal(s, "rtt_ms") > 0)
        printf(" rtt:%.3f/%.3f minrtt:%.3f", jreal(s, "rtt_ms"), jreal(s, "rttvar_ms"),
               jreal(s, "minrtt_ms"));
    printf(" mss:%lld pmtu:%lld", jnum(s, "mss"), jnum(s, "pmtu"));
    if (jnum(s, "mtu_high") > jnum(s, "mtu_low")) /* a search between two sizes of payload */
        printf(" probing:%lld-%lld", jnum(s, "mtu_low"), jnum(s, "mtu_high"));
    printf(" cwnd:%lld", jnum(s, "cwnd") / mss);
    if (ssthresh < INT32_MAX)
        printf(" ssthresh:%lld", ssthresh / mss);
    print_nonzero(s, "bytes_sent", "bytes_sent");
    print_nonzero(s, "bytes_acked", "bytes_acked");
    print_nonzero(s, "bytes_received", "bytes_received");
    print_nonzero(s, "segs_out", "segs_out");
    print_nonzero(s, "segs_in", "segs_in");
    print_nonzero(s, "in_flight", "in_flight");
    print_recovery(s);
    print_nonzero(s, "urgent_in", "urgent_in");
    print_nonzero(s, "urgent_out", "urgent_out");
    if (jreal(s, "rcv_rtt_ms") > 0)
        printf(" rcv_rtt:%.3f", jreal(s, "rcv_rtt_ms"));
    print_nonzero(s, "rcv_space", "rcv_space");
    printf(" snd_wnd:%lld rcv_wnd:%lld sndbuf:%lld rcvbuf:%lld", jnum(s, "snd_wnd"),
           jnum(s, "rcv_wnd"), jnum(s, "sndbuf"), jnum(s, "rcvbuf"));
    if (jreal(s, "user_timeout_ms") > 0)
        printf(" user_timeout:%.0fms", jreal(s, "user_timeout_ms"));
    if (*timer != '\0')
        printf(" timer:(%s,%.0fms,%lld)", timer, jreal(s, "timer_ms"), jnum(s, "timer_tries"));
    putchar('\n');
}

int ctl_sock(struct ctl *c)
{
    static const char *const keys[] = {"tcp", "udp", NULL};
    json_t *request = json_pack("{s:s}", "cmd", "sock"), *s;
    int status = sock_filters(c, request);
    size_t i;

    if (status != CTL_OK) {
        json_decref(request);
        return status;
    }
    json_t *reply = ctl_ask_all(c, request, keys, &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        printf("%s%-5s %-11s %-7s %-7s %21s %21s%s\n", ctl_paint(c, "bold"), "Netid", "State",
               "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", ctl_paint(c, ""));
        json_array_foreach(json_object_get(reply, "tcp"), i, s)
        {
            print_ends(c, "tcp", s);
            if (json_object_get(s, "cc") != NULL)
                print_tcp_info(s);
        }
        json_array_foreach(json_object_get(reply, "udp"), i, s) print_ends(c, "udp", s);
    }
    json_decref(reply);
    return CTL_OK;
}

int ctl_listen(struct ctl *c)
{
    int status;
    size_t i;
    json_t *l;

    if (c->words > 0)
        return ctl_say(CTL_USAGE, "%s is too much: listen takes no words", c->word[0]);
    json_t *reply = ctl_ask(c, json_pack("{s:s}", "cmd", "listen"), &status);

    if (reply == NULL)
        return status;
    const json_t *pool = json_object_get(reply, "syn_pool");

    if (c->json) {
        ctl_print_json(reply);
    } else {
        printf("%s%-22s %-13s %-9s %-10s %-10s %s%s\n", ctl_paint(c, "bold"), "Local Address:Port",
               "Accept-Q", "Half-open", "SYNs", "Accepted", "Overflows", ctl_paint(c, ""));
        json_array_foreach(json_object_get(reply, "listeners"), i, l)
        {
            char name[64], queue[32];

            snprintf(name, sizeof(name), "%s:%lld", jstr(l, "local"), jnum(l, "lport"));
            snprintf(queue, sizeof(queue), "%lld/%lld", jnum(l, "queued"), jnum(l, "backlog"));
            printf("%-22s %-13s %-9lld %-10lld %-10lld %lld", name, queue, jnum(l, "half_open"),
                   jnum(l, "syns"), jnum(l, "accepted"), jnum(l, "queue_full"));
            if (jnum(l, "fo_limit") > 0)
                printf(" fastopen:%lld/%lld", jnum(l, "fo_pending"), jnum(l, "fo_limit"));
            putchar('\n');
        }
        printf("half-open pool: %lld/%lld policy %s; cookies sent %lld, good %lld, bad %lld; "
               "evicted %lld\n",
               jnum(pool, "len"), jnum(pool, "max"), jstr(pool, "policy"),
               jnum(pool, "cookies_sent"), jnum(pool, "cookies_ok"), jnum(pool, "cookies_bad"),
               jnum(pool, "evicted"));
    }
    json_decref(reply);
    return CTL_OK;
}
