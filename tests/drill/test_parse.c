/* test_parse.c - every form of the script language, what it means, and what is refused. */
#include "drill.h"

/* An event behind a first one at 0. Return: the second, in a tree that the caller frees. */
static struct script *one(const char *event)
{
    char text[2048];

    snprintf(text, sizeof(text), "0 x() = 0\n%s\n", event);
    struct script *s = drill_parse(text);
    if (s == NULL)
        fprintf(stderr, "%s\n", drill_error);
    T_NEED(s != NULL);
    T_EQ(s->event_count, 2);
    return s;
}

/* Forms that are read, printed exactly as @canon, and read again as the same. */
static void reads_as(const char *event, const char *canon)
{
    struct script *s = one(event);
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    script_print_event(&s->events[1], true, f);
    fclose(f);
    T_STR(text, canon);
    script_free(s);

    struct script *again = one(canon);
    char *whole = drill_printed(again);
    T_TRUE(strstr(whole, canon) != NULL);
    script_free(again);
    free(whole);
    free(text);
}

static void same(const char *event)
{
    reads_as(event, event);
}

static void test_parse_times(void)
{
    same("1.5 > . 1:1(0)");
    reads_as("+.1 > . 1:1(0)", "+0.1 > . 1:1(0)");
    same("1~2 > . 1:1(0)");
    reads_as("+.1~+.2 > . 1:1(0)", "+0.1~+0.2 > . 1:1(0)");
    same("* > . 1:1(0)");
    reads_as("+0...0.200 read(4, ..., 10) = 10", "+0...0.2 read(4, ..., 10) = 10");
    reads_as(".1...0.2 read(4, ..., 10) = 10", "0.1...0.2 read(4, ..., 10) = 10");
    struct script *s = one("1.000001~2 > . 1:1(0)");
    T_EQ(s->events[1].time_kind, SCRIPT_TIME_ABSOLUTE_RANGE);
    T_EQ(s->events[1].start_ns, 1000001000);
    T_EQ(s->events[1].end_ns, 2000000000);
    T_EQ(s->events[1].line, 2);
    T_EQ(s->events[1].column, 1);
    T_STR(s->events[1].source, "1.000001~2 > . 1:1(0)");
    script_free(s);
}

static void test_parse_tcp(void)
{
    same("+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    same("+0 > S. 0:0(0) ack 1 <...>");
    same("+0 > - 1:1(0)");
    same("+0 < - 1:1(0) win 0");
    same("+0 > SFRPUEWA. 5:15(10) ack 4294967295 win 65535 urg 3");
    reads_as("+0 > SEW 4294967295:4(5)", "+0 > SEW 4294967295:4(5)");
    reads_as("+0 > 5. 1:1(0) ack 1", "+0 > .5 1:1(0) ack 1");
    same("+0 > P.5 1:1(0) ack 1");
    same("+0 > 7 1:1(0)");
    same("+0 < 1234 > 8080 S 0:0(0) win 100");
    struct script *s = one("+0 > 1. 1:1(0) ack 1");
    T_EQ(s->events[1].packet->tcp.flags, SCRIPT_ACK | SCRIPT_ECE);
    T_TRUE(s->events[1].packet->tcp.has_ace);
    T_FALSE(s->events[1].packet->tcp.win.is_set);
    script_free(s);
    s = one("+0 > P. 1:11(10) ack 7 win 9");
    const struct script_tcp *t = &s->events[1].packet->tcp;
    T_EQ(t->flags, SCRIPT_ACK | SCRIPT_PSH);
    T_EQ(t->seq.number, 1);
    T_EQ(t->end.number, 11);
    T_EQ(t->len.number, 10);
    T_EQ(t->ack.number, 7);
    T_EQ(t->win.number, 9);
    T_EQ(t->option_count, 0);
    T_FALSE(t->any_options);
    script_free(s);
}

static void test_parse_options(void)
{
    same("+0 > . 1:1(0) <nop,nop,TS val 100 ecr 200>");
    same("+0 > . 1:1(0) <nop,nop,sack 1:2 3:4 5:6 7:8>");
    same("+0 > . 1:1(0) <nop,nop,md5 000102030405060708090a0b0c0d0e0f>");
    same("+0 > S 0:0(0) <mss 1460,FO,eol,eol>");
    reads_as("+0 > S 0:0(0) <FO 0123456789ABCDEF,nop,nop>",
             "+0 > S 0:0(0) <FO 0123456789abcdef,nop,nop>");
    same("+0 > S 0:0(0) <FO 12345678,nop,nop>");
    same("+0 > S 0:0(0) <FOEXP>");
    same("+0 > S 0:0(0) <FOEXP abcdef01,sackOK,nop,nop>");
    same("+0 > . 1:1(0) <ECN e0b 1 ceb 2 e1b 3,nop>");
    same("+0 > . 1:1(0) <ECN e1b 1 ceb 2 e0b 16777215,nop>");
    same("+0 > . 1:1(0) <ECN e0b 1,nop,nop,nop>");
    same("+0 > . 1:1(0) <ECN e1b 1 ceb 2>");
    struct script *s = one("+0 > . 1:1(0) <nop,ECN e1b 4 ceb 5 e0b 6>");
    const struct script_opt *o = &s->events[1].packet->tcp.options[1];
    T_EQ(o->kind, SCRIPT_OPT_ACCECN1);
    T_EQ(o->count, 3);
    T_EQ(o->counter[2], 6);
    T_EQ(o->len, 11);
    T_EQ(s->events[1].packet->tcp.options_len, 12);
    script_free(s);
}

static void test_parse_ip(void)
{
    same("+0 > [ect0] . 1:1(0)");
    reads_as("+0 > (ce) . 1:1(0)", "+0 > [ce] . 1:1(0)");
    same("+0 > [ect01] . 1:1(0)");
    same("+0 < [noecn] . 1:1(0) win 1");
    same("+0 > [tos 0x2e] . 1:1(0)");
    same("+0 > [ttl 63] . 1:1(0)");
    same("+0 > [ect1, flowlabel 0x1234f] . 1:1(0)");
    same("+0 > ipv4 192.0.2.1 > 192.0.2.2: . 1:1(0)");
    same("+0 > ipv6 fd3d:a0b::1 > ::ffff:192.0.2.7: . 1:1(0)");
    same("+0 > ipv4 192.0.2.1 > 192.0.2.2: gre: [ect0] . 1:1(0)");
    same("+0 > ipv4 1.2.3.4 > 1.2.3.5: gre flags 8192, proto 2048, key 7: . 1:1(0)");
    same("+0 > ipv4 1.2.3.4 > 1.2.3.5: mpls (label 1, tc 2, [S], ttl 3): . 1:1(0)");
    reads_as("+0 < mpls (label 1, tc 2, ttl 3) (label 0, tc 0, [S], ttl 4): udp (8)",
             "+0 < mpls (label 1, tc 2, ttl 3): mpls (label 0, tc 0, [S], ttl 4): udp (8)");
    reads_as("+0 > encap psp spi 0x10: . 1:1(0)", "+0 > encap psp spi 16: . 1:1(0)");
    reads_as("+0 > [ect0] psp spi 9 . 1:1(0)", "+0 > [ect0] psp spi 9 . 1:1(0)");
}

static void test_parse_udp_and_icmp(void)
{
    same("+0 < udp (1000)");
    same("+0 > 5 > 7 udp (0)");
    same("+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]");
    same("+0 < icmp unreachable port_unreachable [udp (64)]");
    same("+0 < icmp time_exceeded ttl_exceeded [raw (64)]");
    same("+0 < icmp echo_request id 7");
    same("+0 < icmp type_3 code_13 [1:1(0)]");
    same("+0 < icmpv6 packet_too_big mtu 1280 [1:1(0)]");
    reads_as("+0 < icmp packet_too_big mtu 1280", "+0 < icmpv6 packet_too_big mtu 1280");
    struct script *s = one("+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]");
    const struct script_icmp *m = &s->events[1].packet->icmp;
    T_EQ(m->type, 3);
    T_EQ(m->code, 4);
    T_EQ(m->mtu, 1200);
    T_EQ(m->inner, SCRIPT_INNER_TCP);
    T_EQ(m->inner_len.number, 1460);
    script_free(s);
}

static void test_parse_calls(void)
{
    same("+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
    same("+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0");
    same("+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0");
    same("+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)");
    same("+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)");
    same("+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0");
    same("+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1");
    same("+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, fd=4}) = 0");
    same("+0 epoll_wait(5, {events=EPOLLIN, u64=7}, 1, 0) = 1");
    same("+0 writev(4, [{..., 1000}, {..., 20}], 2) = 1020");
    same("+0 bind(3, {sa_family=AF_INET, sin_port=htons(13), sin_addr=inet_addr(\"1.2.3.4\")}, "
         "...) = 0");
    same("+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0, "
         "msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_TOS, cmsg_data=184}]}, 0) = 10");
    same("+0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=MSG_ERRQUEUE, "
         "msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=0, "
         "ee_origin=5, "
         "ee_type=0}}, {cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, "
         "cmsg_data={scm_sec=0, scm_nsec=10000}}]}, MSG_ERRQUEUE) = 0");
    same("+0 send(4, NULL, 0, 0) = -1 EPIPE");
    same("+0 read(4, ..., 5) = ...");
    same("+0 close(4) = 0 (nothing (really) to see)");
    reads_as("+0 write(4, \"ab\" \"\\x00c\\n\", 5) = 5", "+0 write(4, \"ab\\x00c\\x0a\", 5) = 5");
    struct script *s =
        one("+0 sendmsg(4, {msg_iov(2)=[{\"a\" \"b\", 2}], msg_flags=MSG_A|0x2}, 0) = 1");
    const struct script_arg *a = &s->events[1].call->args[1];
    T_EQ(a->kind, SCRIPT_ARG_STRUCT);
    T_EQ(a->count, 2);
    T_STR(a->items[0].name, "msg_iov");
    T_EQ(a->items[0].size->number, 2);
    T_EQ(a->items[0].items[0].items[0].text_len, 2);
    T_EQ(a->items[1].kind, SCRIPT_ARG_OR);
    T_EQ(a->items[1].items[1].number, 2);
    script_free(s);
}

static void test_parse_commands_and_code(void)
{
    same("+0 `sysctl -q net.ipv4.tcp_sack=0`");
    reads_as("+0 %{\n  assert a == 1\n}%", "+0 %{ assert a == 1 }%");
    struct script *s =
        drill_parse("// a comment\n--mss=1460\n--dry_run /* x */ --define=N=7\n`init`\n"
                    "0 a(N) = 0 %{ }%");
    T_TRUE(s == NULL); /* code without a time */
    s = drill_parse(
        "// a comment\n--mss=1460\n--dry_run /* x */ --define=N=-7 --define=S=\"a b\"\n`init`\n"
        "0 a(N, S) = 0\n+1 %{\n\n x }%\n`clean` // end");
    T_NEED(s != NULL);
    T_STR(s->init_command, "init");
    T_STR(s->cleanup_command, "clean");
    T_EQ(s->option_count, 4);
    T_STR(script_option_value(s, "mss"), "1460");
    T_STR(script_option_value(s, "dry_run"), "");
    T_TRUE(script_option_value(s, "mtu") == NULL);
    T_EQ(s->events[0].call->args[0].number, -7);
    T_STR(s->events[0].call->args[1].text, "a b");
    T_EQ(s->events[1].code_line, 8);
    T_STR(s->events[1].code, "x");
    script_free(s);
}

static void test_parse_defines_of_the_command_line_win(void)
{
    const struct script_define d[] = {
        {"N",   "5"          },
        {"ack", "6"          },
        {"C",   "`ls`"       },
        {"W",   "SOCK_STREAM"}
    };
    const char text[] = "--define=N=7\n0 a(N, W) = 0\n+0 C\n+0 > . 1:1(0) ack N";
    struct script *s = script_parse("t", text, strlen(text), d, 4, drill_error);

    T_NEED(s != NULL);
    T_EQ(s->events[0].call->args[0].number, 5);
    T_STR(s->events[0].call->args[1].text, "SOCK_STREAM");
    T_EQ(s->events[1].kind, SCRIPT_COMMAND);
    T_EQ(s->events[2].packet->tcp.ack.number, 5);
    script_free(s);
}

static void test_parse_ours(void)
{
    reads_as("+0 > S. 0:0(0) ack 1 win =$w <...>", "+0 > S. 0:0(0) ack 1 win =$w <...>");
    same("+0 < . $s:$s+10(10) ack $w+1 win $w-10");
    reads_as("+0 < $i+1000 > 8080 S 0:0(0) win 5", "+0 < $i+1000 > 8080 S 0:0(0) win 5");
    reads_as("+0 < 1000+$i > 8080 S 0:0(0) win 5", "+0 < $i+1000 > 8080 S 0:0(0) win 5");
    reads_as("+0 < . 1:1(0) ack 5-$i win 5", "+0 < . 1:1(0) ack 0-$i+5 win 5");
    same("+0 > . =$a:=$b(=$c) ack $x+$y-$z");
    same("+0 < . 1:1(0) ack 1 win 5 <nop,nop,TS val $t+1 ecr $e>");
    same("+0 < . 1:1(0) ack 1 win 5 <nop,nop,sack $t:$t+10>");
    same("+0 ? state = TIME_WAIT");
    same("+0 ? fd 4 state != CLOSED");
    same("+0 ? cwnd >= $w+1");
    same("+0 fault drop next 2 out");
    same("+0 fault delay 0.05 every 3 both flags S.");
    same("+0 fault corrupt chance 12.5000 in");
    same("+0 fault duplicate next 1 out");
    same("+0 fault none");
    same("+0 frag 512 < udp (1000)");
    same("+0 frag 0:16 32:... 16:32 < . 1:41(40) ack 1 win 5");
    same("+0 frag 512 > udp (1000)");
    same("repeat 10 as $i {\n+0.1 < . 1:1(0) ack $i win 5\nrepeat 2 {\n+0 > . 1:1(0)\n}\n}");
    struct script *s =
        drill_parse("peer A 192.0.2.7\npeer B 192.0.2.8 port 99\n0 peer A < S 0:0(0) win 5\n"
                    "+0 peer B > S. 0:0(0) ack $w\n+0 peer A ? state = SYN_RCVD\n"
                    "repeat 3 { +0 < . 1:1(0) ack 1 win 5 }\n+0 > . 1:1(0) ack $w\n+0 a() = 0");
    T_NEED(s != NULL);
    T_EQ(s->peer_count, 2);
    T_EQ(s->peers[0].ip, 0xc0000207);
    T_EQ(s->peers[1].port, 99);
    T_TRUE(s->events[0].peer == &s->peers[0]);
    T_TRUE(s->events[1].peer == &s->peers[1]);
    T_EQ(s->events[1].packet->tcp.ack.name_count, 1);
    T_EQ(s->event_count, 6);
    T_EQ(s->events[3].repeat->count, 3);
    T_EQ(s->events[3].time_kind, SCRIPT_TIME_NONE);
    script_free(s);
}

static bool lookup(void *arg, const char *name, int64_t *number)
{
    *number = *(int64_t *)arg;
    return strcmp(name, "w") == 0;
}

static void test_parse_value_of_names(void)
{
    struct script *s = one("+0 < . 1:1(0) ack $w+$w-3 win 5-$u");
    int64_t w = 100, n = 0;
    const char *unknown = NULL;

    T_TRUE(script_value_of(&s->events[1].packet->tcp.ack, lookup, &w, &n, &unknown));
    T_EQ(n, 197);
    T_FALSE(script_value_of(&s->events[1].packet->tcp.win, lookup, &w, &n, &unknown));
    T_STR(unknown, "u");
    script_free(s);
}

static void refused(const char *text, const char *where, const char *what)
{
    struct script *s = drill_parse(text);

    T_TRUE(s == NULL);
    if (s != NULL) {
        fprintf(stderr, "accepted: %s\n", text);
        script_free(s);
        return;
    }
    char want[64];
    snprintf(want, sizeof(want), "t.pkt:%s: ", where);
    drill_error[strlen(drill_error) < strlen(want) ? 0 : SCRIPT_ERROR_MAX - 1] = '\0';
    T_TRUE(strncmp(drill_error, want, strlen(want)) == 0);
    T_TRUE(strstr(drill_error, what) != NULL);
    T_TRUE(strchr(drill_error, '\n') == NULL);
    T_TRUE(strstr(drill_error + strlen(want), ": ") != NULL); /* how to mend it */
    if (strncmp(drill_error, want, strlen(want)) != 0 || strstr(drill_error, what) == NULL)
        fprintf(stderr, "%s\n  for: %s\n", drill_error, text);
}

static void test_parse_refuses_times(void)
{
    refused("", "1:1", "no event");
    refused("1 a() = 0", "1:1", "not at 0");
    refused("* > . 1:1(0)", "1:1", "not at 0");
    refused("0 a() = 0\n2 a() = 0\n1 a() = 0", "3:1", "backwards");
    refused("0 a() = 0\n1~2 a() = 0", "2:1", "outbound");
    refused("0 a() = 0\n* < . 1:1(0) win 1", "2:1", "outbound");
    refused("0 a() = 0\n2~1 > . 1:1(0)", "2:2", "ends before");
    refused("0 a() = 0\n+1~2 > . 1:1(0)", "2:4", "+");
    refused("0 a() = 0\n1~+2 > . 1:1(0)", "2:3", "one base");
    refused("0 a() = 0\n1. a() = 0", "2:2", "no event");
    refused("0 a() = 0\n1...0.5 a() = 0", "2:2", "before it begins");
    refused("0 a() = 0\n99999999999 a() = 0", "2:1", "no time");
    refused("0 a() = 0\n-1 a() = 0", "2:1", "no time");
}

static void test_parse_refuses_packets(void)
{
    refused("0 < S 0:0(0)\n+0 a() = 0", "1:5", "window");
    refused("0 > . 1:5(3)", "1:9", "write 4");
    refused("0 > SS 0:0(0)", "1:5", "flags");
    refused("0 > X 0:0(0)", "1:5", "flags");
    refused("0 > E1 0:0(0)", "1:5", "flags");
    refused("0 > -. 0:0(0)", "1:5", "flags");
    refused("0 > . 0:65536(65536)", "1:15", "out of range");
    refused("0 > . 1:1(0) win 65536", "1:18", "out of range");
    refused("0 > . 1:1(0) <nop>", "1:14", "whole words");
    refused("0 > . 1:1(0) <>", "1:15", "no TCP option");
    refused("0 > . 1:1(0) <foo>", "1:15", "no TCP option");
    refused("0 > . 1:1(0) <sack>", "1:19", "without a block");
    refused("0 > . 1:1(0) <FO 123>", "1:18", "hex");
    refused("0 > . 1:1(0) <ECN ceb 1>", "1:19", "counter");
    refused("0 > . 1:1(0) <TS val 1>", "1:23", "echo");
    refused("0 > . 1:1(0) <TS val 1 ecr 1,TS val 1 ecr 1,TS val 1 ecr 1,TS val 1 ecr 1,mss 1>",
            "1:14", "40");
    refused("0 < . 1:1(0) win 1 <...>", "1:5", "outbound");
    refused("0 < [ect01] . 1:1(0) win 1", "1:6", "outbound");
    refused("0 > [ect0, tos 0x1] . 1:1(0)", "1:12", "twice");
    refused("0 > ipv4 1.2.3.4 > ::1: . 1:1(0)", "1:20", "address");
    refused("0 > ipv4 1.2.3.400 > 1.2.3.4: . 1:1(0)", "1:10", "255");
    refused("0 < icmp nonsense", "1:10", "type");
    refused("0 < icmp unreachable nonsense", "1:22", "code");
    refused("0 < . 1:1(0) ack =$x win 1", "1:18", "nothing to keep");
    refused("0 > . 1:1(0) ack $", "1:18", "name");
}

static void test_parse_refuses_the_rest(void)
{
    refused("0 a(", "1:5", "argument");
    refused("0 a() 0", "1:7", "result");
    refused("0 a() = {1}", "1:9", "no result");
    refused("0 a(\"x) = 0", "1:5", "string");
    refused("0 a(\"\\q\") = 0", "1:6", "escape");
    refused("0 a() = -1 EIO (x\n", "1:17", "note");
    refused("0 `x", "1:3", "backtick");
    refused("0 %{ x", "1:3", "}%");
    refused("/* x", "1:1", "*/");
    refused("--\n0 a() = 0", "1:1", "option");
    refused("--define=x\n0 a() = 0", "1:1", "NAME=VALUE");
    refused("`a`\n`b`", "2:1", "no event");
    refused("0 a() = 0\n`b`\n+0 a() = 0", "2:1", "no time");
    refused("0 a() = 0\n}", "2:1", "closes nothing");
    refused("0 a([[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]) = 0", "1:21", "nested");
    refused("0 a(99999999999999999999) = 0", "1:5", "64 bits");
    refused("0 \x01", "1:3", "byte");
    refused("0 hello", "1:3", "no event");
    refused("peer A\n0 a() = 0", "2:1", "address");
    refused("peer A 1.2.3.4 peer A 1.2.3.4 0 a() = 0", "1:21", "already");
    refused("0 peer A < . 1:1(0) win 1", "1:8", "nobody knows");
    refused("repeat 2 { 0 a() = 0 }", "1:12", "absolute");
    refused("repeat 2 { }", "1:1", "without events");
    refused("repeat 2 { +0 a() = 0", "1:22", "}");
    refused("repeat 2000 { repeat 2000 { +0 a() = 0 } }", "1:15", "too many turns");
    refused("0 ? state < LISTEN", "1:13", "order");
    refused("0 ? state LISTEN", "1:11", "comparison");
    refused("0 fault lose next 1 out", "1:9", "no fault");
    refused("0 fault drop 1 out", "1:14", "which packets");
    refused("0 fault drop next 1", "1:20", "direction");
    refused("0 fault drop chance 101 out", "1:21", "100");
    refused("0 frag 4 < udp (1)", "1:8", "8 bytes");
    refused("0 frag 4:8 < udp (1)", "1:9", "multiple of 8");
    refused("0 frag 0:8 > udp (1)", "1:3", "inbound");
}

T_MAIN("parse", T(test_parse_times), T(test_parse_tcp), T(test_parse_options), T(test_parse_ip),
       T(test_parse_udp_and_icmp), T(test_parse_calls), T(test_parse_commands_and_code),
       T(test_parse_defines_of_the_command_line_win), T(test_parse_ours),
       T(test_parse_value_of_names), T(test_parse_refuses_times), T(test_parse_refuses_packets),
       T(test_parse_refuses_the_rest))
