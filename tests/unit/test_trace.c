/* test_trace.c - events as JSON lines, readable lines and capture comments. */
#include "base/trace.h"
#include "t.h"

static char buf[2048];

static const char *ended(size_t len)
{
    T_NEED(len < sizeof(buf));
    buf[len] = '\0';
    return buf;
}
static const char *json(const struct trace_ev *ev)
{
    return ended(trace_json(ev, buf, sizeof(buf)));
}
static const char *line(const struct trace_ev *ev)
{
    return ended(trace_text(ev, buf, sizeof(buf)));
}
static const char *comment(const struct trace_ev *ev)
{
    return ended(trace_comment(ev, buf, sizeof(buf)));
}

static struct trace_ev event(enum trace_kind kind)
{
    return (struct trace_ev){
        .t = NET_SEC(1) + 234567,
        .frame = 7,
        .host = "a",
        .kind = kind,
        .conn = {ip_addr_v4(0x0a000002), ip_addr_v4(0x0a000001), 80, 40112, 6},
    };
}

static void test_trace_tcp_state_in_all_three_forms(void)
{
    struct trace_ev ev = event(TRACE_tcp_state);

    ev.u.tcp_state = (struct trace_tcp_state){"LISTEN", "SYN_RCVD", "rcv SYN"};
    T_STR(json(&ev), "{\"t\":1.000234567,\"host\":\"a\",\"kind\":\"tcp_state\","
                     "\"conn\":\"10.0.0.2:80-10.0.0.1:40112\",\"frame\":7,\"from\":\"LISTEN\","
                     "\"to\":\"SYN_RCVD\",\"cause\":\"rcv SYN\"}\n");
    T_STR(comment(&ev), "LISTEN -> SYN_RCVD (rcv SYN)");
    T_STR(line(&ev), "1.000234567 a 10.0.0.2:80-10.0.0.1:40112 #7 LISTEN -> SYN_RCVD (rcv SYN)\n");
    ev.why = "a peer opens";
    ev.rfc = "RFC 9293 3.10.7.2";
    T_STR(json(&ev), "{\"t\":1.000234567,\"host\":\"a\",\"kind\":\"tcp_state\","
                     "\"conn\":\"10.0.0.2:80-10.0.0.1:40112\",\"frame\":7,\"from\":\"LISTEN\","
                     "\"to\":\"SYN_RCVD\",\"cause\":\"rcv SYN\",\"why\":\"a peer opens\","
                     "\"rfc\":\"RFC 9293 3.10.7.2\"}\n");
    T_STR(line(&ev), "1.000234567 a 10.0.0.2:80-10.0.0.1:40112 #7 LISTEN -> SYN_RCVD (rcv SYN): "
                     "a peer opens [RFC 9293 3.10.7.2]\n");
}

static void test_trace_drop_names_layer_and_reason(void)
{
    struct trace_ev ev = event(TRACE_drop);

    ev.conn.proto = 0;
    ev.u.drop = (struct trace_drop){"tcp", "bad-checksum"};
    ev.why = "the checksum is wrong";
    T_STR(json(&ev), "{\"t\":1.000234567,\"host\":\"a\",\"kind\":\"drop\",\"frame\":7,"
                     "\"layer\":\"tcp\",\"reason\":\"bad-checksum\","
                     "\"why\":\"the checksum is wrong\"}\n");
    T_STR(comment(&ev), "dropped: tcp bad checksum");
    T_STR(line(&ev), "1.000234567 a #7 dropped: tcp bad checksum: the checksum is wrong\n");
}

static void test_trace_every_type_of_field(void)
{
    struct trace_ev ev = event(TRACE_rtt);

    ev.frame = 0;
    ev.u.rtt = (struct trace_rtt){NET_MS(100), NET_US(1), 0, NET_SEC(1)};
    T_STR(json(&ev), "{\"t\":1.000234567,\"host\":\"a\",\"kind\":\"rtt\","
                     "\"conn\":\"10.0.0.2:80-10.0.0.1:40112\",\"frame\":0,\"rtt\":0.100000000,"
                     "\"srtt\":0.000001000,\"rttvar\":0.000000000,\"rto\":1.000000000}\n");
    T_STR(line(&ev), "1.000234567 a 10.0.0.2:80-10.0.0.1:40112 rtt rtt=0.100000000 "
                     "srtt=0.000001000 rttvar=0.000000000 rto=1.000000000\n");

    ev = event(TRACE_arp);
    ev.conn.proto = 0;
    ev.u.arp = (struct trace_arp){
        ip_addr_v4(0x0a000001), {{2, 0, 0, 0, 0xaa, 1}}, "INCOMPLETE", "REACHABLE"};
    T_STR(json(&ev), "{\"t\":1.000234567,\"host\":\"a\",\"kind\":\"arp\",\"frame\":7,"
                     "\"ip\":\"10.0.0.1\",\"mac\":\"02:00:00:00:aa:01\","
                     "\"from\":\"INCOMPLETE\",\"to\":\"REACHABLE\"}\n");
    T_STR(comment(&ev), "arp 10.0.0.1: INCOMPLETE -> REACHABLE");

    ev = event(TRACE_seg);
    ev.u.seg = (struct trace_seg){"in", 0x12, seq_of(UINT32_MAX), seq_of(5), 1460, 65535};
    T_STR(json(&ev), "{\"t\":1.000234567,\"host\":\"a\",\"kind\":\"seg\","
                     "\"conn\":\"10.0.0.2:80-10.0.0.1:40112\",\"frame\":7,\"dir\":\"in\","
                     "\"flags\":\"S.\",\"seq\":4294967295,\"ack\":5,\"len\":1460,"
                     "\"wnd\":65535}\n");
    T_STR(comment(&ev), "");
    T_STR(line(&ev), "1.000234567 a 10.0.0.2:80-10.0.0.1:40112 #7 seg dir=in flags=S. "
                     "seq=4294967295 ack=5 len=1460 wnd=65535\n");
    ev.u.seg.flags = 0;
    T_TRUE(strstr(json(&ev), "\"flags\":\"none\"") != NULL);
    ev.u.seg.flags = 0xff;
    T_TRUE(strstr(json(&ev), "\"flags\":\"FSRP.UEW\"") != NULL);
}

static void test_trace_comments_are_for_what_a_frame_caused(void)
{
    struct trace_ev ev = event(TRACE_rtx);

    ev.u.rtx = (struct trace_rtx){seq_of(1), 100, "fast retransmit"};
    T_STR(comment(&ev), "retransmission (fast retransmit)");
    ev = event(TRACE_conflict);
    ev.u.conflict = (struct trace_conflict){ip_addr_v4(0x0a000002), {{0}}, "probe"};
    T_STR(comment(&ev), "address conflict detection: probe 10.0.0.2");
    ev = event(TRACE_fault);
    ev.u.fault = (struct trace_fault){"corrupt", "rx"};
    T_STR(comment(&ev), "bad wire: corrupt");
    ev = event(TRACE_queue);
    ev.u.queue = (struct trace_queue){"accept", 3, 128};
    T_STR(comment(&ev), "");
    ev = event(TRACE_cwnd);
    ev.u.cwnd = (struct trace_cwnd){14600, 7300, 100, "timeout"};
    T_STR(comment(&ev), "cwnd 14600 ssthresh 7300 in_flight 100 (timeout)");
    ev.u.cwnd = (struct trace_cwnd){14600, UINT32_MAX / 2, 0, "slow start"}; /* as high as it can be */
    T_STR(comment(&ev), "cwnd 14600 in_flight 0 (slow start)");
    ev.u.cwnd.ssthresh = UINT32_MAX / 2 - 1;
    T_STR(comment(&ev), "cwnd 14600 ssthresh 2147483646 in_flight 0 (slow start)");
    ev = event(TRACE_rtt);
    T_STR(comment(&ev), "");
}

static void test_trace_conn_as_in_an_event(void)
{
    struct trace_ev ev = event(TRACE_rtt);

    T_STR(ended(trace_conn(&ev.conn, buf, sizeof(buf))), "10.0.0.2:80-10.0.0.1:40112");
    T_EQ(trace_conn(&ev.conn, buf, 5), 5);
}

static void test_trace_ipv6_ends_are_in_brackets(void)
{
    struct trace_ev ev = event(TRACE_queue);

    ev.conn.local = (struct ip_addr){0x20010db800000000, 1};
    ev.conn.remote = IP_ADDR_ANY;
    ev.u.queue = (struct trace_queue){"syn", 0, 0};
    T_TRUE(strstr(json(&ev), "\"conn\":\"[2001:db8::1]:80-*:40112\"") != NULL);
}

static void test_trace_strange_names_make_a_valid_line(void)
{
    struct trace_ev ev = event(TRACE_queue);

    ev.host = "a\"\\\n\xff";
    T_TRUE(strstr(json(&ev), "\"host\":\"a\\\"\\\\\\n\\ufffd\"") != NULL);
    ev.host = NULL;
    T_TRUE(strstr(json(&ev), "\"host\":\"\"") != NULL);
}

static void test_trace_that_does_not_fit_is_not_half_written(void)
{
    struct trace_ev ev = event(TRACE_queue);

    ev.u.queue = (struct trace_queue){"accept", 3, 128};
    size_t len = trace_json(&ev, buf, sizeof(buf));

    T_EQ(trace_json(&ev, buf, len), len);
    T_EQ(trace_json(&ev, buf, len - 1), 0);
    T_EQ(trace_json(&ev, buf, 0), 0);
    len = trace_text(&ev, buf, sizeof(buf));
    T_EQ(trace_text(&ev, buf, len), len);
    T_EQ(trace_text(&ev, buf, len - 1), 0);
}

/* The longest line there can be: 1024 bytes are promised to hold it. */
static void test_trace_line_fits_in_1024_bytes(void)
{
    static const char words[] = "a cause of some forty characters, like so";
    static const char sentence[] = "a sentence of the length of the longest reason in the list of "
                                   "verdicts, which explains why that was wrong and matters";

    for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
        const struct trace_kind_info *info = trace_kind_info((enum trace_kind)kind);
        struct trace_ev ev = event((enum trace_kind)kind);
        const char *word = words;

        ev.t = INT64_MIN;
        ev.frame = UINT64_MAX;
        ev.host = "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                  "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01";
        ev.conn.local = ev.conn.remote = (struct ip_addr){UINT64_MAX, UINT64_MAX};
        ev.conn.lport = ev.conn.rport = UINT16_MAX;
        memset(&ev.u, 0xff, sizeof(ev.u));
        for (size_t i = 0; i < info->field_count; i++) {
            if (strcmp(info->fields[i].type, "STR") == 0)
                memcpy((uint8_t *)&ev.u + info->fields[i].offset, &word, sizeof(word));
        }
        ev.why = sentence;
        ev.rfc = "RFC 9293 section 3.10.7.4, RFC 5961 section 5.2";
        T_TRUE(trace_json(&ev, buf, 1024) > 0);
        T_TRUE(trace_text(&ev, buf, 1024) > 0);
    }
}

static void test_trace_kinds_describe_themselves(void)
{
    for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
        const struct trace_kind_info *info = trace_kind_info((enum trace_kind)kind);

        T_TRUE(info->name[0] != '\0' && info->sentence[0] != '\0');
        T_TRUE(info->field_count > 0);
        for (size_t i = 0; i < info->field_count; i++) {
            T_TRUE(info->fields[i].sentence[0] != '\0');
            T_TRUE(info->fields[i].offset < sizeof(((struct trace_ev *)0)->u));
            T_TRUE(i == 0 || info->fields[i].offset > info->fields[i - 1].offset);
        }
    }
    T_STR(trace_kind_info(TRACE_tcp_state)->name, "tcp_state");
    T_STR(trace_kind_info(TRACE_cwnd)->fields[2].name, "in_flight");
    T_STR(trace_kind_info(TRACE_cwnd)->fields[2].unit, "bytes");
}

static void test_trace_on_asks_the_mask(void)
{
    struct trace tr = {.mask = 1u << TRACE_drop};

    T_TRUE(trace_on(&tr, TRACE_drop));
    T_FALSE(trace_on(&tr, TRACE_tcp_state));
    T_TRUE(TRACE_KINDS <= 32); /* the mask has a bit for each */
}

T_MAIN("trace", T(test_trace_tcp_state_in_all_three_forms),
       T(test_trace_drop_names_layer_and_reason), T(test_trace_every_type_of_field),
       T(test_trace_comments_are_for_what_a_frame_caused), T(test_trace_conn_as_in_an_event),
       T(test_trace_ipv6_ends_are_in_brackets),
       T(test_trace_strange_names_make_a_valid_line),
       T(test_trace_that_does_not_fit_is_not_half_written), T(test_trace_line_fits_in_1024_bytes),
       T(test_trace_kinds_describe_themselves), T(test_trace_on_asks_the_mask))
