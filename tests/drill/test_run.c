/* test_run.c - options by name, flows, kept names, and what a run says when it fails. */
#include "drill.h"
#include "run.h"

static char *message;

static bool holds(const char *text)
{
    struct script *s = drill_parse(text);
    struct run_options o;

    T_NEED(s != NULL);
    run_options_default(&o);
    free(message);
    bool ok = run_script(s, &o, &message);

    script_free(s);
    return ok;
}

static void test_run_option_values(void)
{
    struct run_options o;

    run_options_default(&o);
    T_TRUE(run_option(&o, "mtu", "1400") == NULL);
    T_EQ(o.mtu, 1400);
    T_TRUE(run_option(&o, "local_ip", "10.1.2.3") == NULL);
    T_EQ(o.local_ip, 0x0a010203);
    T_TRUE(run_option(&o, "tolerance_usecs", "4000") == NULL);
    T_EQ(o.tolerance, NET_MS(4));
    T_TRUE(run_option(&o, "tolerance_percent", "12.5") == NULL);
    T_EQ(o.tolerance_percent10, 125);
    T_TRUE(run_option(&o, "lax", "ecr,leak") == NULL);
    T_EQ(o.lax, LAX_ECR | LAX_LEAK);
    T_TRUE(run_option(&o, "non_fatal", "packet") == NULL);
    T_TRUE(o.soft_packets && !o.soft_calls);
    T_TRUE(run_option(&o, "wire_server", NULL) == NULL); /* means nothing here */
    T_TRUE(run_option(&o, "mtu", "67") != NULL);
    T_TRUE(run_option(&o, "mtu", "65536") != NULL);
    T_TRUE(run_option(&o, "mtu", "-1") != NULL);
    T_TRUE(run_option(&o, "mtu", NULL) != NULL);
    T_TRUE(run_option(&o, "remote_ip", "10.1.2.256") != NULL);
    T_TRUE(run_option(&o, "remote_ip", "10.1.2.3.4") != NULL);
    T_TRUE(run_option(&o, "tolerance_percent", "-1") != NULL);
    T_TRUE(run_option(&o, "lax", "ecr,frob") != NULL);
    T_TRUE(run_option(&o, "lax", "") != NULL);
    T_TRUE(run_option(&o, "frob", "1") != NULL);
}

static void test_run_tolerance_is_the_larger_of_two(void)
{
    static struct run r = {.previous = NET_SEC(10)};

    r.opt.tolerance = NET_MS(4);
    r.opt.tolerance_percent10 = 125;
    T_EQ(run_tolerance(&r, NET_SEC(10)), NET_MS(4));
    T_EQ(run_tolerance(&r, NET_SEC(11)), NET_MS(125));
}

static void test_run_flows_are_found_the_latest_first(void)
{
    static struct run r;
    struct run_flow *a = flow_new(&r, NULL), *b = flow_new(&r, NULL);

    a->remote_ip = b->remote_ip = 7;
    a->local_port = b->local_port = 80;
    a->remote_port = b->remote_port = 1000;
    T_TRUE(flow_find(&r, 7, 80, 1000) == b);
    b->remote_port = 1001;
    T_TRUE(flow_find(&r, 7, 80, 1000) == a);
    T_TRUE(flow_find(&r, 8, 80, 1000) == NULL);
    flow_ts_learn(a, 5, 500);
    flow_ts_learn(a, 6, 600);
    flow_ts_learn(a, 5, 501); /* again: the newer value */
    T_EQ(a->ts_count, 2);
    T_EQ(a->ts_live[0], 501);
    free(a);
    free(b);
}

static void test_run_message_has_place_packets_and_trace(void)
{
    T_FALSE(holds("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                  "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
                  "+0 < S 0:0(0) win 1000 <mss 1000>\n"
                  "+0 > S. 0:0(0) ack 2 <...>\n"));
    T_NEED(message != NULL);
    T_TRUE(strncmp(message,
                   "t.pkt:5: error handling packet: live packet field ack: expected: 2 vs "
                   "actual: 1",
                   70) == 0);
    T_TRUE(strstr(message, "+0 > S. 0:0(0) ack 2 <...>") != NULL);
    T_TRUE(strstr(message, "  * ack ") != NULL);
    T_TRUE(strstr(message, "LISTEN -> SYN_RCVD") != NULL);
}

static void test_run_time_costs_nothing(void)
{
    T_TRUE(holds("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+86400 close(3) = 0\n"));
    T_TRUE(message == NULL);
}

static void test_run_names(void)
{
    T_TRUE(holds("0 %{ a = 3 }%\n+0 < R 1:1(0) win $a+1\nrepeat 3 as $i { +0 < R $i:$i(0) win 1 }\n"
                 "+0 %{ assert i == 2 and a == 3 }%\n"));
    T_FALSE(holds("0 < R 1:1(0) win $a\n"));
    T_TRUE(strstr(message, "nothing is known as $a") != NULL);
    free(message);
    message = NULL;
}

T_MAIN("run", T(test_run_option_values), T(test_run_tolerance_is_the_larger_of_two),
       T(test_run_flows_are_found_the_latest_first),
       T(test_run_message_has_place_packets_and_trace), T(test_run_time_costs_nothing),
       T(test_run_names))
