/* test_settings.c - Linux's names: what each kind of value sets here, and what is refused. */
#include "run.h"
#include "t.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct tcp_config cfg;
static char err[512];

static bool does(const char *command)
{
    tcp_config_default(&cfg);
    err[0] = '\0';
    return settings_command(&cfg, command, err, sizeof(err));
}

static void refuses(const char *command, const char *why)
{
    T_FALSE(does(command));
    if (strstr(err, why) == NULL)
        T_STR(err, why);
}

static void test_settings_every_kind_of_value(void)
{
    T_TRUE(does("sysctl -q net.ipv4.tcp_timestamps=0"));
    T_FALSE(cfg.timestamps);
    T_TRUE(does("sysctl -w net.ipv4.tcp_syn_retries=3"));
    T_EQ(cfg.syn_retries, 3);
    T_TRUE(does("sysctl net.ipv4.tcp_min_snd_mss=300"));
    T_EQ(cfg.mss_min, 300);
    T_TRUE(does("sysctl net.core.somaxconn=7"));
    T_EQ(cfg.backlog, 7);
    T_TRUE(does("sysctl net.ipv4.tcp_fin_timeout=9"));
    T_EQ(cfg.fin_wait_2, NET_SEC(9));
    T_TRUE(does("sysctl net.ipv4.tcp_rto_min_us=5000"));
    T_EQ(cfg.rto_min, NET_MS(5));
    T_TRUE(does("sysctl net.ipv4.tcp_rto_max_ms=2500"));
    T_EQ(cfg.rto_max, NET_MS(2500));
    T_TRUE(does("sysctl -q net.ipv4.tcp_wmem=\"4096 30000 60000\""));
    T_EQ(cfg.sndbuf, 30000);
    T_TRUE(does("sysctl net.ipv4.tcp_congestion_control=reno"));
    T_EQ(cfg.cc, cc_by_name("reno"));
    T_TRUE(does("sysctl net.ipv4.tcp_syncookies=0"));
    T_EQ(cfg.syn_policy, TCP_SYN_DROP);
    T_TRUE(does("sysctl 'net.ipv4.ip_local_port_range=5000 5009'"));
    T_EQ(cfg.port_min, 5000);
    T_EQ(cfg.port_max, 5009);
    T_TRUE(does("sysctl -q net.ipv4.tcp_autocorking=0")); /* no effect, and no error */
}

static void test_settings_forms_of_a_command(void)
{
    T_TRUE(does("./set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 /proc/sys/net/ipv4/tcp_syn_"
                "retries=2"));
    T_FALSE(cfg.timestamps);
    T_EQ(cfg.syn_retries, 2);
    T_TRUE(does("../common/defaults.sh\nsysctl -q tcp_syn_retries=4; true && sysctl "
                "net.ipv4.tcp_timestamps=0 >/dev/null"));
    T_FALSE(cfg.timestamps);
    T_EQ(cfg.syn_retries, 4);
    T_TRUE(does("# only a remark"));
    T_TRUE(does("../common/defaults.sh\n../common/set_sysctls.py "
                "/proc/sys/net/ipv4/tcp_timestamps=0  # on; or off & on\n"));
    T_FALSE(cfg.timestamps);
    T_TRUE(does("/tmp/sysctl_restore_${PPID}.sh"));
    T_TRUE(does(""));
}

static void test_settings_refuses_what_it_does_not_know(void)
{
    refuses("tc qdisc add", "'tc' is no command we know");
    refuses("sysctl -q net.ipv4.tcp_frob=1", "tcp_frob is no setting of ours");
    refuses("sysctl -q net.ipv4.tcp_syn_retries", "NAME=VALUE belongs here");
    refuses("sysctl net.ipv4.tcp_syn_retries=x", "cannot be 'x'");
    refuses("sysctl net.ipv4.tcp_syn_retries=256", "cannot be '256'");
    refuses("sysctl net.ipv4.tcp_min_snd_mss=65536", "cannot be '65536'");
    refuses("sysctl net.ipv4.tcp_rmem=4096", "cannot be '4096'");
    refuses("sysctl 'net.ipv4.ip_local_port_range=9 8'", "cannot be '9 8'");
    refuses("sysctl net.ipv4.tcp_congestion_control=fastest", "cannot be 'fastest'");
    refuses("true; sysctl net.ipv4.tcp_frob=1", "tcp_frob");
}

static unsigned told, told_number;
static void tell(const char *path, unsigned number, const char *line, const char *why)
{
    T_TRUE(strstr(path, "test_settings") != NULL);
    T_STR(line, "frob = 1");
    T_TRUE(strstr(why, "NAME=VALUE") != NULL || strstr(why, "no setting") != NULL);
    told++;
    told_number = number;
}

static void test_settings_file_lines(void)
{
    static const char text[] = "# one\n\n  net.ipv4.tcp_syn_retries=3 # three\n"
                               "net.ipv4.tcp_wmem=4096 30000 60000\r\nfrob = 1\n"
                               "net.ipv4.tcp_synack_retries=2";
    char path[] = "/tmp/test_settings_XXXXXX", want[64];
    int fd = mkstemp(path);

    T_NEED(fd >= 0);
    T_EQ(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    tcp_config_default(&cfg);
    T_FALSE(settings_file(&cfg, path, NULL, err, sizeof(err)));
    snprintf(want, sizeof(want), "%s:5: ", path);
    T_TRUE(strncmp(err, want, strlen(want)) == 0);
    T_EQ(cfg.syn_retries, 3);
    T_EQ(cfg.sndbuf, 30000);
    T_TRUE(cfg.synack_retries != 2); /* behind the error */
    T_TRUE(settings_file(&cfg, path, tell, err, sizeof(err)));
    T_EQ(told, 1);
    T_EQ(told_number, 5);
    T_EQ(cfg.synack_retries, 2); /* without a newline behind it */
    unlink(path);
    T_FALSE(settings_file(&cfg, path, tell, err, sizeof(err)));
    T_TRUE(strstr(err, "No such file") != NULL);
}

static void sockopt(const char *level, const char *name, int opt, bool ignored)
{
    int64_t l = 0, n = 0;
    bool is_ignored = !ignored;
    int seen = 99;

    T_TRUE(symbol_value(level, &l) && symbol_value(name, &n));
    T_TRUE(settings_sockopt(l, n, &seen, &is_ignored));
    T_EQ(seen, opt);
    T_EQ(is_ignored, ignored);
}

static void test_settings_socket_options(void)
{
    bool ignored;
    int opt;

    sockopt("SOL_SOCKET", "SO_LINGER", SOCK_OPT_LINGER, false);
    sockopt("SOL_TCP", "TCP_CORK", SOCK_OPT_CORK, false);
    sockopt("SOL_IP", "IP_RECVTOS", SETTINGS_RECVTOS, false);
    sockopt("SOL_SOCKET", "SO_RCVTIMEO", SETTINGS_RCVTIMEO, false);
    sockopt("SOL_SOCKET", "SO_MARK", SETTINGS_IGNORED, true);
    T_FALSE(settings_sockopt(1, 9999, &opt, &ignored));
    T_FALSE(settings_sockopt(9999, 2, &opt, &ignored));
}

static void test_settings_poll_bits(void)
{
    T_EQ(settings_poll_ours(POLLIN | POLLRDHUP), SOCK_IN | SOCK_RDHUP);
    T_EQ(settings_poll_ours(POLLWRNORM | POLLHUP | POLLERR), SOCK_OUT | SOCK_HUP | SOCK_ERR);
    T_EQ(settings_poll_ours(POLLPRI), SOCK_PRI);
    T_EQ(settings_poll_bits(SOCK_IN, false), POLLIN | POLLRDNORM);
    T_EQ(settings_poll_bits(SOCK_IN | SOCK_OUT, true), EPOLLIN | EPOLLOUT);
    T_EQ(settings_poll_bits(SOCK_RDHUP | SOCK_ERR | SOCK_HUP, true),
         EPOLLRDHUP | EPOLLERR | EPOLLHUP);
}

static void test_settings_symbols(void)
{
    int64_t v = 0;

    T_TRUE(symbol_value("MSG_DONTWAIT", &v));
    T_EQ(v, 0x40);
    T_TRUE(symbol_value("TCP_CA_Loss", &v));
    T_EQ(v, 4);
    T_TRUE(symbol_value("ECONNRESET", &v));
    T_EQ(v, 104);
    T_EQ(symbol_errno("EWOULDBLOCK"), 11);
    T_EQ(symbol_errno("EAGAIN"), 11);
    T_EQ(symbol_errno("EFROB"), 0);
    T_FALSE(symbol_value("SO_FROB", &v));
}

T_MAIN("settings", T(test_settings_every_kind_of_value), T(test_settings_forms_of_a_command),
       T(test_settings_refuses_what_it_does_not_know), T(test_settings_file_lines),
       T(test_settings_socket_options), T(test_settings_poll_bits), T(test_settings_symbols))
