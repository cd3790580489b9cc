/* test_plugin_blocked.c - libstackd_packetdrill.so: calls that block, in a thread of their own. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "plugin_start.h"

/* ---- calls that block ---- */

static int64_t do_read(void *arg)
{
    char buf[4000];

    return drive.read(G, *(int *)arg, buf, sizeof(buf));
}

static int64_t do_accept(void *arg)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);

    return drive.accept(G, *(int *)arg, (struct sockaddr *)&peer, &len);
}

static int64_t do_connect(void *arg)
{
    struct sockaddr_in to = drive_addr(DRIVE_REMOTE, DRIVE_PORT);

    return drive.connect(G, *(int *)arg, (struct sockaddr *)&to, sizeof(to));
}

static int64_t do_poll(void *arg)
{
    struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};

    return drive.poll(G, &p, 1, 300);
}

static int64_t do_write(void *arg)
{
    static char bytes[200000];

    return drive.write(G, *(int *)arg, bytes, sizeof(bytes));
}

/* ---- what happens meanwhile ---- */

static void arrives(uint32_t seq, uint32_t ack, size_t len)
{
    struct drive_seg s = segment(seq, ack, len);

    drive_in(&s);
}

/* The answer to the stack's SYN @s. */
static void answered(const struct drive_seg *s, unsigned flags)
{
    struct drive_seg answer = {.sport = DRIVE_PORT,
                               .dport = s->sport,
                               .seq = 7,
                               .ack = s->seq + 1,
                               .flags = (uint8_t)flags,
                               .win = 5000};

    drive_in(&answer);
}

/* The call is over since @usec, on the dot, with @result. */
static void returned(struct drive_call *c, long long usec, int64_t result)
{
    drive_join(c);
    T_EQ(c->result, result);
    T_TRUE(c->usec >= usec && c->usec < usec + SLACK);
}

/* The same where @usec counts from a moment that was asked for when the call had begun. */
static void timed_out(struct drive_call *c, long long usec, int64_t result)
{
    drive_join(c);
    T_EQ(c->result, result);
    T_TRUE(c->usec > usec - 100 && c->usec < usec + SLACK);
}

static void test_plugin_blocked_read_returns_when_its_packet_comes(void)
{
    for (int i = 0; i < 30; i++) {
        struct drive_call c;
        struct drive_seg s;
        uint32_t iss;
        int listener, fd = accepted(&listener, &iss);

        drive_start(&c, do_read, &fd);
        drive_until(200000);
        arrives(ISS + 1, iss + 1, 1000);
        /* The next event is a packet: the clock would jump to the delayed ACK's time and beyond. */
        drive_out(&s);
        T_EQ(s.flags, DRIVE_ACK);
        drive_until(900000);
        returned(&c, 200000, 1000);
        drive_end();
    }
}

static void test_plugin_blocked_read_returns_at_once_though_time_jumps(void)
{
    for (int i = 0; i < 30; i++) {
        struct drive_call c;
        uint32_t iss;
        int listener, fd = accepted(&listener, &iss);

        drive_start(&c, do_read, &fd);
        drive_until(200000);
        arrives(ISS + 1, iss + 1, 10);
        drive.usleep(G, 50000000);
        drive_join(&c);
        T_EQ(c.result, 10);
        T_TRUE(c.usec < 200000 + SLACK);
        drive_end();
    }
}

static void test_plugin_blocked_accept_and_connect(void)
{
    struct drive_call c;
    struct drive_seg s;
    int listener = listening();

    drive_start(&c, do_accept, &listener);
    drive_until(100000);
    drive_in(&syn);
    drive_out(&s);
    arrives(ISS + 1, s.seq + 1, 0);
    drive_until(200000);
    drive_join(&c);
    T_TRUE(c.result > 2);
    T_TRUE(c.usec < 100000 + 2 * SLACK);
    int fd = drive.socket(G, AF_INET, SOCK_STREAM, 0);

    drive_start(&c, do_connect, &fd);
    drive_out(&s);
    T_EQ(s.flags, DRIVE_SYN);
    drive_until(300000);
    answered(&s, DRIVE_SYN | DRIVE_ACK);
    drive_out(&s);
    T_EQ(s.flags, DRIVE_ACK);
    returned(&c, 300000, 0);
    drive_end();
}

static void test_plugin_blocked_connect_refused(void)
{
    struct drive_call c;
    struct drive_seg s;

    T_NEED(drive_begin());
    int fd = drive.socket(G, AF_INET, SOCK_STREAM, 0);

    drive_start(&c, do_connect, &fd);
    drive_out(&s);
    answered(&s, DRIVE_RST | DRIVE_ACK);
    drive_join(&c);
    T_EQ(c.result, -1);
    T_EQ(c.err, ECONNREFUSED);
    drive_end();
}

static void test_plugin_blocked_poll_times_out_in_virtual_time(void)
{
    struct drive_call c;
    int listener = listening();

    drive_start(&c, do_poll, &listener);
    long long begun = drive_now();

    drive_until(begun + 1000000);
    timed_out(&c, begun + 300000, 0);
    drive_end();
}

static int64_t do_close(void *arg)
{
    return drive.close(G, *(int *)arg);
}

static int64_t do_recv_all(void *arg)
{
    char buf[30];

    return drive.recv(G, *(int *)arg, buf, sizeof(buf), MSG_WAITALL);
}

static void test_plugin_receive_timeout_ends_a_blocked_read(void)
{
    struct timeval tv = {.tv_usec = 250000}, kept = {0};
    socklen_t len = sizeof(kept);
    struct drive_call c;
    uint32_t iss;
    int listener, fd = accepted(&listener, &iss);

    T_EQ(drive.setsockopt(G, fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    T_EQ(drive.getsockopt(G, fd, SOL_SOCKET, SO_RCVTIMEO, &kept, &len), 0);
    T_EQ(kept.tv_usec, 250000);
    drive_start(&c, do_read, &fd);
    long long begun = drive_now();

    drive_until(begun + 1000000);
    timed_out(&c, begun + 250000, -1);
    T_EQ(c.err, EAGAIN);
    drive_end();
}

static void test_plugin_close_lingers_until_the_fin_is_acknowledged(void)
{
    struct linger on = {.l_onoff = 1, .l_linger = 5};
    struct drive_call c;
    struct drive_seg s;
    uint32_t iss;
    int listener, fd = accepted(&listener, &iss);

    T_EQ(drive.setsockopt(G, fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on)), 0);
    drive_start(&c, do_close, &fd);
    drive_out(&s);
    T_EQ(s.flags, DRIVE_FIN | DRIVE_ACK);
    drive_until(200000);
    arrives(ISS + 1, iss + 2, 0);
    drive_until(400000);
    returned(&c, 200000, 0);
    drive_end();
}

static void test_plugin_waitall_waits_for_all(void)
{
    struct drive_call c;
    uint32_t iss;
    int listener, fd = accepted(&listener, &iss);

    drive_start(&c, do_recv_all, &fd);
    drive_until(200000);
    arrives(ISS + 1, iss + 1, 20);
    drive_until(300000);
    arrives(ISS + 21, iss + 1, 20);
    drive_until(400000);
    returned(&c, 300000, 30);
    drive_end();
}

static void test_plugin_blocked_write_goes_on_as_room_comes(void)
{
    struct drive_call c;
    struct drive_seg s;
    int listener, small = 20000;
    uint32_t iss, una;
    int fd = accepted(&listener, &iss);

    T_EQ(drive.setsockopt(G, fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    drive_start(&c, do_write, &fd);
    una = iss + 1;
    for (int i = 0; i < 1000 && una != iss + 1 + 200000; i++) {
        drive_out(&s);
        if (s.whole == 0)
            break;
        if (s.len > 0 && s.seq == una) {
            una = s.seq + (uint32_t)s.len;
            arrives(ISS + 1, una, 0);
        }
    }
    T_EQ(una, iss + 1 + 200000);
    drive_join(&c);
    T_EQ(c.result, 200000);
    drive_end();
}

static void test_plugin_udp_blocked_read_gets_a_datagram(void)
{
    struct sockaddr_in a = drive_addr(DRIVE_LOCAL, DRIVE_PORT), to = drive_addr(DRIVE_REMOTE, 9);
    uint8_t ip[64] = {0}, out[2048];
    size_t len = sizeof(out);
    struct drive_call c;
    long long usec;

    T_NEED(drive_begin());
    int fd = drive.socket(G, AF_INET, SOCK_DGRAM, 0);

    T_EQ(drive.bind(G, fd, (struct sockaddr *)&a, sizeof(a)), 0);
    T_EQ(drive.sendto(G, fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
    T_EQ(drive.netdev_receive(G, out, &len, &usec), 0);
    T_EQ(len, 33);
    /* Back it goes, addresses and ports exchanged: the sums stay right. */
    memcpy(ip, out, len);
    memcpy(ip + 12, out + 16, 4);
    memcpy(ip + 16, out + 12, 4);
    memcpy(ip + 20, out + 22, 2);
    memcpy(ip + 22, out + 20, 2);
    drive_start(&c, do_read, &fd);
    T_EQ(drive.netdev_send(G, ip, len), 0);
    drive.usleep(G, 1000);
    drive_join(&c);
    T_EQ(c.result, 5);
    drive_end();
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T(test_plugin_blocked_read_returns_when_its_packet_comes),
        T(test_plugin_blocked_read_returns_at_once_though_time_jumps),
        T(test_plugin_blocked_accept_and_connect),
        T(test_plugin_blocked_connect_refused),
        T(test_plugin_blocked_poll_times_out_in_virtual_time),
        T(test_plugin_receive_timeout_ends_a_blocked_read),
        T(test_plugin_close_lingers_until_the_fin_is_acknowledged),
        T(test_plugin_waitall_waits_for_all),
        T(test_plugin_blocked_write_goes_on_as_room_comes),
        T(test_plugin_udp_blocked_read_gets_a_datagram),
    };

    return plugin_run("packetdrill_blocked", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
