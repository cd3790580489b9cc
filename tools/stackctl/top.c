/*
 * top.c - `top`: a full-screen live view of a running stackd.
 *
 *     tap0 10.0.0.2   12:00:05   in 1.2 Gbit/s 101k/s   out ...      the link, in rates since the last look
 *     States   LISTEN 6  ESTABLISHED 1204  TIME_WAIT 31 ...          how many connections of each
 *     Queues   half-open [###-----] 12/1024 ...                      pools and queues that fill
 *     Drops    tcp bad-checksum 3 (+1/s) ...                         what is refused, newest first
 *     the connections, sorted, as many as fit
 *
 * Everything is read from the replies to `sock', `listen', `stats', `link' and `states', once a second or as
 * asked; a rate is the difference of two replies over the time between them. stackd answers between two
 * rounds and never waits for us. Of a table with more than TOP_ROWS connections only the beginning is
 * fetched - that is said - while the counts of states are those of all.
 *
 * curses draws: so only what changed goes over the line (ssh), and a window that changes its size is
 * redrawn. Without curses at build time this object says so and does nothing.
 */
#include "stackctl.h"

#include <stdio.h>

#ifdef STACKCTL_CURSES

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TOP_ROWS = 1024, TOP_RATES = 4096, TOP_DROPS = 256 };

/* A connection, as the screen shows it. */
struct top_row {
    char local[56], remote[56], state[16], service[16], cc[12];
    long long recv_q, send_q, in, out, retrans, cwnd;
    double rtt, in_rate, out_rate;
};

/* What a connection had sent and received at the last look, by its ends. */
struct top_past {
    char key[112];
    long long in, out;
};

struct top_drop {
    char name[64];
    long long value;
    double rate;
};

static const char *const sort_names[] = {"rate",    "recv-q", "send-q", "rtt",
                                         "retrans", "bytes",  "local",  "state"};
enum {
    SORT_RATE,
    SORT_RECV,
    SORT_SEND,
    SORT_RTT,
    SORT_RETRANS,
    SORT_BYTES,
    SORT_LOCAL,
    SORT_STATE,
    SORTS
};

struct top {
    struct ctl *c;
    struct timespec looked;
    double span; /* seconds since the look before; 0: there was none */
    bool paused, help, wide, over, reversed, cut;
    int sort, first; /* of the rows: the first that is shown */
    struct top_row row[TOP_ROWS];
    int rows;
    struct top_past past[TOP_RATES];
    int pasts;
    struct top_drop drop[TOP_DROPS];
    int drops;
    json_t *listen, *link, *states;
    long long rx_bytes, tx_bytes, rx_frames, tx_frames; /* at the last look */
    double rx_rate, tx_rate, rx_pps, tx_pps;
    int status;
};

static volatile sig_atomic_t top_signalled;

static void top_on_signal(int sig)
{
    (void)sig;
    top_signalled = 1;
}

/* ---- looking ---- */

static double top_rate(const struct top *t, long long now, long long before)
{
    return t->span > 0 && now >= before ? (double)(now - before) / t->span : 0;
}

static const struct top_past *top_find_past(const struct top *t, const char *key)
{
    /* The tables of two looks are much alike: begin where it stood. */
    for (int i = 0; i < t->pasts; i++) {
        const struct top_past *p = &t->past[(t->rows + i) % t->pasts];

        if (strcmp(p->key, key) == 0)
            return p;
    }
    return NULL;
}

static void top_take_row(struct top *t, const json_t *s)
{
    struct top_row *r = &t->row[t->rows];
    char key[112];

    *r = (struct top_row){.recv_q = jnum(s, "recv_q"),
                          .send_q = jnum(s, "send_q"),
                          .in = jnum(s, "bytes_received"),
                          .out = jnum(s, "bytes_sent"),
                          .retrans = jnum(s, "retrans"),
                          .cwnd = jnum(s, "cwnd"),
                          .rtt = jreal(s, "rtt_ms")};
    snprintf(r->local, sizeof(r->local), "%s:%lld", jstr(s, "local"), jnum(s, "lport"));
    snprintf(r->remote, sizeof(r->remote), "%s:%lld", jstr(s, "remote"), jnum(s, "rport"));
    snprintf(r->state, sizeof(r->state), "%s", jstr(s, "state"));
    snprintf(r->service, sizeof(r->service), "%s", jstr(s, "service"));
    snprintf(r->cc, sizeof(r->cc), "%s", jstr(s, "cc"));
    snprintf(key, sizeof(key), "%.54s-%.54s", r->local, r->remote);
    const struct top_past *p = top_find_past(t, key);

    if (p != NULL) {
        r->in_rate = top_rate(t, r->in, p->in);
        r->out_rate = top_rate(t, r->out, p->out);
    }
    t->rows++;
}

/* The table is over: what it says is the past of the next one. */
static void top_keep_past(struct top *t)
{
    t->pasts = 0;
    for (int i = 0; i < t->rows && t->pasts < TOP_RATES; i++) {
        struct top_past *p = &t->past[t->pasts++];

        snprintf(p->key, sizeof(p->key), "%.54s-%.54s", t->row[i].local, t->row[i].remote);
        p->in = t->row[i].in;
        p->out = t->row[i].out;
    }
}

static bool top_look_socks(struct top *t)
{
    json_t *request = json_pack("{s:s,s:s,s:[s,s,s,s,s,s,s,s,s]}", "cmd", "sock", "only", "tcp",
                                "states", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
                                "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT");
    const json_t *s;
    size_t i;

    t->rows = 0;
    t->cut = false;
    for (bool more = true; more;) {
        json_t *reply = ctl_ask(t->c, json_copy(request), &t->status);

        if (reply == NULL)
            break;
        json_array_foreach(json_object_get(reply, "tcp"), i, s)
        {
            if (t->rows < TOP_ROWS)
                top_take_row(t, s);
            else
                t->cut = true;
        }
        json_t *next = json_object_get(reply, "next");

        more = next != NULL && t->rows < TOP_ROWS;
        t->cut = t->cut || (next != NULL && !more);
        if (more)
            json_object_set(request, "from", next);
        json_decref(reply);
    }
    json_decref(request);
    return t->status == CTL_OK;
}

static bool top_look_drops(struct top *t)
{
    json_t *reply = ctl_ask(
        t->c, json_pack("{s:s,s:b,s:s}", "cmd", "stats", "all", 0, "prefix", "drop"), &t->status);
    struct top_drop before[TOP_DROPS];
    int count = t->drops;
    const json_t *d;
    size_t i;

    if (reply == NULL)
        return false;
    memcpy(before, t->drop, sizeof(before));
    t->drops = 0;
    json_array_foreach(json_object_get(reply, "drops"), i, d)
    {
        if (t->drops == TOP_DROPS)
            break;
        struct top_drop *n = &t->drop[t->drops++];
        long long was = t->span > 0 ? 0 : jnum(d, "value");

        snprintf(n->name, sizeof(n->name), "%s %s", jstr(d, "layer"), jstr(d, "reason"));
        n->value = jnum(d, "value");
        for (int k = 0; k < count; k++) {
            if (strcmp(before[k].name, n->name) == 0)
                was = before[k].value;
        }
        n->rate = top_rate(t, n->value, was);
    }
    json_decref(reply);
    return true;
}

static bool top_look_link(struct top *t)
{
    json_t *reply = ctl_ask(t->c, json_pack("{s:s}", "cmd", "link"), &t->status);

    if (reply == NULL)
        return false;
    json_decref(t->link);
    t->link = reply;
    const json_t *l = json_array_get(json_object_get(reply, "link"), 0);

    t->rx_rate = 8 * top_rate(t, jnum(l, "rx_bytes"), t->rx_bytes);
    t->tx_rate = 8 * top_rate(t, jnum(l, "tx_bytes"), t->tx_bytes);
    t->rx_pps = top_rate(t, jnum(l, "rx_frames"), t->rx_frames);
    t->tx_pps = top_rate(t, jnum(l, "tx_frames"), t->tx_frames);
    t->rx_bytes = jnum(l, "rx_bytes");
    t->tx_bytes = jnum(l, "tx_bytes");
    t->rx_frames = jnum(l, "rx_frames");
    t->tx_frames = jnum(l, "tx_frames");
    return true;
}

/* How many connections are in which state, of all: added up over the parts of the table. */
static bool top_look_states(struct top *t)
{
    json_t *request = json_pack("{s:s}", "cmd", "states"), *sum = json_object(), *value;
    const char *name;

    for (bool more = true; more;) {
        json_t *reply = ctl_ask(t->c, json_copy(request), &t->status);

        if (reply == NULL)
            break;
        json_object_foreach(
            json_object_get(json_array_get(json_object_get(reply, "states"), 0), "count"), name,
            value) json_object_set_new(sum, name,
                                       json_integer(json_integer_value(json_object_get(sum, name)) +
                                                    json_integer_value(value)));
        json_t *next = json_object_get(reply, "next");

        more = next != NULL;
        if (more)
            json_object_set(request, "from", next);
        json_decref(reply);
    }
    json_decref(request);
    json_decref(t->states);
    t->states = sum;
    return t->status == CTL_OK;
}

static bool top_look(struct top *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (t->looked.tv_sec != 0)
        t->span = (double)(now.tv_sec - t->looked.tv_sec) +
                  (double)(now.tv_nsec - t->looked.tv_nsec) / 1e9;
    t->looked = now;
    json_decref(t->listen);
    t->listen = ctl_ask(t->c, json_pack("{s:s}", "cmd", "listen"), &t->status);
    if (t->listen == NULL || !top_look_link(t) || !top_look_drops(t) || !top_look_states(t) ||
        !top_look_socks(t))
        return false;
    top_keep_past(t);
    return true;
}

/* ---- sorting ---- */

static int by_number(double a, double b)
{
    return a < b ? 1 : a > b ? -1 : 0; /* the largest first */
}

static const struct top *sorting;

static int top_compare(const void *x, const void *y)
{
    const struct top_row *a = x, *b = y;
    int order = 0;

    switch (sorting->sort) {
    case SORT_RATE:
        order = by_number(a->in_rate + a->out_rate, b->in_rate + b->out_rate);
        break;
    case SORT_RECV:
        order = by_number((double)a->recv_q, (double)b->recv_q);
        break;
    case SORT_SEND:
        order = by_number((double)a->send_q, (double)b->send_q);
        break;
    case SORT_RTT:
        order = by_number(a->rtt, b->rtt);
        break;
    case SORT_RETRANS:
        order = by_number((double)a->retrans, (double)b->retrans);
        break;
    case SORT_BYTES:
        order = by_number((double)(a->in + a->out), (double)(b->in + b->out));
        break;
    case SORT_STATE:
        order = strcmp(a->state, b->state);
        break;
    default:
        break;
    }
    if (order == 0)
        order = strcmp(a->local, b->local);
    if (order == 0)
        order = strcmp(a->remote, b->remote);
    return sorting->reversed ? -order : order;
}

static int drop_compare(const void *x, const void *y)
{
    const struct top_drop *a = x, *b = y;
    int order = by_number(a->rate, b->rate);

    return order != 0 ? order : by_number((double)a->value, (double)b->value);
}

/* ---- drawing ---- */

enum { INK_HEAD = 1, INK_GOOD, INK_WARN, INK_BAD };

/* 1234567 -> 1.23M */
static const char *human(double v, char out[16])
{
    static const char units[] = " kMGT";
    int u = 0;

    while (v >= 999.5 && u < 4) {
        v /= 1000;
        u++;
    }
    snprintf(out, 16,
             u == 0      ? "%.0f"
             : v < 9.995 ? "%.2f%c"
             : v < 99.95 ? "%.1f%c"
                         : "%.0f%c",
             v, units[u]);
    return out;
}

/* On to the next line where @width columns are not left on this one. */
static void draw_fit(int width)
{
    if (getcurx(stdscr) + width > COLS)
        mvaddstr(getcury(stdscr) + 1, 0, "       ");
}

static void draw_link(const struct top *t)
{
    const json_t *l = json_array_get(json_object_get(t->link, "link"), 0);
    const json_t *a = json_array_get(json_object_get(l, "addr"), 0);
    char when[16], n[4][16];
    time_t now = time(NULL);
    struct tm tm;

    strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &tm));
    attron(A_BOLD);
    printw("stackd %s %s", jstr(l, "name"), jstr(a, "ip"));
    attroff(A_BOLD);
    printw("  %s  in %sbit/s %s/s  out %sbit/s %s/s", when, human(t->rx_rate, n[0]),
           human(t->rx_pps, n[1]), human(t->tx_rate, n[2]), human(t->tx_pps, n[3]));
    if (t->paused) {
        attron(A_REVERSE);
        printw(" paused ");
        attroff(A_REVERSE);
    }
}

static void draw_states(const struct top *t)
{
    const char *name;
    json_t *value;

    attron(A_BOLD);
    printw("States ");
    attroff(A_BOLD);
    printw(" LISTEN %zu", json_array_size(json_object_get(t->listen, "listeners")));
    json_object_foreach(t->states, name, value)
    {
        if (json_integer_value(value) == 0)
            continue;
        draw_fit((int)strlen(name) + 12);
        printw("  %s %lld", name, (long long)json_integer_value(value));
    }
}

static void draw_gauge(const char *name, long long len, long long max)
{
    double part = max > 0 ? (double)len / (double)max : 0;
    int filled = len > 0 ? 1 + (int)(part * 7.99) : 0;
    int ink = part >= 0.9 ? INK_BAD : part >= 0.5 ? INK_WARN : INK_GOOD;
    char a[16], b[16];

    filled = filled > 8 ? 8 : filled;
    human((double)len, a);
    human((double)max, b);
    draw_fit(2 + (int)(strlen(name) + strlen(a) + strlen(b)) + 13);
    printw("  %s ", name);
    attron(COLOR_PAIR(ink));
    printw("[%.*s%.*s]", filled, "########", 8 - filled, "--------");
    attroff(COLOR_PAIR(ink));
    printw(" %s/%s", a, b);
}

static void draw_queues(const struct top *t)
{
    static const char *const shown[] = {"half_open", "connections", "idle",
                                        "time_wait", "packets",     "buffers"};
    const json_t *p;
    long long queued = 0, backlog = 0, overflows = 0;
    size_t i;

    attron(A_BOLD);
    printw("Queues ");
    attroff(A_BOLD);
    json_array_foreach(json_object_get(t->listen, "listeners"), i, p)
    {
        queued += jnum(p, "queued");
        backlog += jnum(p, "backlog");
        overflows += jnum(p, "queue_full");
    }
    draw_gauge("accept", queued, backlog);
    if (overflows > 0)
        printw(" (%lld overflows)", overflows);
    json_array_foreach(json_object_get(t->listen, "pools"), i, p)
    {
        for (size_t k = 0; k < sizeof(shown) / sizeof(shown[0]); k++) {
            if (strcmp(shown[k], jstr(p, "name")) == 0)
                draw_gauge(shown[k], jnum(p, "len"), jnum(p, "max"));
        }
    }
}

static void draw_drops(const struct top *t)
{
    char n[16];

    attron(A_BOLD);
    printw("Drops  ");
    attroff(A_BOLD);
    if (t->drops == 0)
        printw(" none");
    for (int i = 0; i < t->drops; i++) {
        int ink = t->drop[i].rate > 0 ? INK_BAD : 0;

        draw_fit((int)strlen(t->drop[i].name) + 20);
        attron(COLOR_PAIR(ink));
        printw("  %s %lld", t->drop[i].name, t->drop[i].value);
        if (t->drop[i].rate > 0)
            printw(" (+%s/s)", human(t->drop[i].rate, n));
        attroff(COLOR_PAIR(ink));
    }
}

static void draw_rows(struct top *t, int y)
{
    int room = LINES - y - 2, last = t->rows - room;
    char n[5][16];

    if (t->first > last)
        t->first = last;
    if (t->first < 0)
        t->first = 0;
    attron(A_REVERSE);
    mvprintw(y, 0, "%-21s %-21s %-11s %7s %7s %9s %9s %8s %7s %7s %-7s", "Local", "Peer", "State",
             "Recv-Q", "Send-Q", "In bit/s", "Out bit/s", "RTT ms", "Retrans", "Cwnd", "App");
    for (int x = getcurx(stdscr); x < COLS && getcury(stdscr) == y; x++)
        addch(' ');
    attroff(A_REVERSE);
    for (int i = 0; i < room && t->first + i < t->rows; i++) {
        const struct top_row *r = &t->row[t->first + i];
        int ink = r->retrans > 0 ? INK_WARN : strcmp(r->state, "ESTABLISHED") == 0 ? INK_GOOD : 0;

        attron(COLOR_PAIR(ink));
        mvprintw(y + 1 + i, 0, "%-21s %-21s %-11s %7s %7s %9s %9s %8.3f %7lld %7s %-7s", r->local,
                 r->remote, r->state, human((double)r->recv_q, n[0]),
                 human((double)r->send_q, n[1]), human(8 * r->in_rate, n[2]),
                 human(8 * r->out_rate, n[3]), r->rtt, r->retrans, human((double)r->cwnd, n[4]),
                 r->service);
        attroff(COLOR_PAIR(ink));
    }
}

static void draw_help(void)
{
    static const char *const lines[] = {
        "r  sort by rate        q, ^C  quit",
        "v  by receive queue    space, p  pause",
        "s  by send queue       R  the other way round",
        "t  by round trip       up, down, pages  scroll",
        "x  by retransmissions  +, -  slower, faster",
        "b  by bytes            h, ?  this",
        "l  by local address    S  by state",
    };

    for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])); i++)
        mvprintw(6 + i, 2, "%s", lines[i]);
}

static void draw(struct top *t)
{
    erase();
    move(0, 0);
    draw_link(t);
    move(1, 0);
    draw_states(t);
    move(getcury(stdscr) + 1, 0);
    draw_queues(t);
    int y = getcury(stdscr) + 1; /* the gauges may need more lines than one */

    move(y, 0);
    draw_drops(t);
    y = getcury(stdscr) + 1;
    sorting = t;
    qsort(t->row, (size_t)t->rows, sizeof(t->row[0]), top_compare);
    if (t->help)
        draw_help();
    else if (LINES - y > 3)
        draw_rows(t, y);
    mvprintw(LINES - 1, 0, "%d connections%s by %s%s, every %.4g s, h: help", t->rows,
             t->cut ? " (the first of them)" : "", sort_names[t->sort],
             t->reversed ? " reversed" : "", t->c->interval);
    refresh();
}

/* ---- keys ---- */

static void top_key(struct top *t, int key)
{
    static const struct {
        int key, sort;
    } sorts[] = {
        {'r', SORT_RATE   },
        {'v', SORT_RECV   },
        {'s', SORT_SEND   },
        {'t', SORT_RTT    },
        {'x', SORT_RETRANS},
        {'b', SORT_BYTES  },
        {'l', SORT_LOCAL  },
        {'S', SORT_STATE  }
    };

    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
        if (sorts[i].key == key)
            t->sort = sorts[i].sort;
    }
    switch (key) {
    case 'q':
    case 3:
        t->over = true;
        break;
    case ' ':
    case 'p':
        t->paused = !t->paused;
        break;
    case 'R':
        t->reversed = !t->reversed;
        break;
    case 'h':
    case '?':
        t->help = !t->help;
        break;
    case '+':
        t->c->interval = t->c->interval < 60 ? t->c->interval * 2 : t->c->interval;
        break;
    case '-':
        t->c->interval = t->c->interval > 0.2 ? t->c->interval / 2 : t->c->interval;
        break;
    case KEY_UP:
        t->first--;
        break;
    case KEY_DOWN:
        t->first++;
        break;
    case KEY_NPAGE:
        t->first += LINES / 2;
        break;
    case KEY_PPAGE:
        t->first -= LINES / 2;
        break;
    default:
        break;
    }
}

/* Until the next look is due: keys, and the window's size. */
static void top_wait(struct top *t)
{
    struct timespec begun, now;
    double passed = 0;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (!t->over && !top_signalled && (passed < t->c->interval || t->paused)) {
        int key;

        timeout(t->paused ? 1000 : (int)((t->c->interval - passed) * 1000) + 1);
        key = getch();
        if (key != ERR) {
            top_key(t, key);
            draw(t);
        } else if (!isatty(STDIN_FILENO)) {
            t->over = true;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        passed = (double)(now.tv_sec - begun.tv_sec) + (double)(now.tv_nsec - begun.tv_nsec) / 1e9;
    }
}

static void top_screen(const struct ctl *c)
{
    setlocale(LC_ALL, "");
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    scrollok(stdscr, FALSE);
    if (!has_colors() || !c->color)
        return;
    start_color();
    use_default_colors();
    init_pair(INK_GOOD, COLOR_GREEN, -1);
    init_pair(INK_WARN, COLOR_YELLOW, -1);
    init_pair(INK_BAD, COLOR_RED, -1);
}

int ctl_top(struct ctl *c)
{
    static struct top t;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction sa = {.sa_handler = top_on_signal};

    if (c->words > 1 || (c->words == 1 && !ctl_seconds(c->word[0], &c->interval)))
        return ctl_say(CTL_USAGE, "%s is no number of seconds: try stackctl top 2", c->word[0]);
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return ctl_say(CTL_USAGE, "top needs a terminal: try stackctl sock --watch in a pipe");
    if (getenv("TERM") == NULL)
        return ctl_say(CTL_USAGE, "TERM is not set: set it to what the terminal is, as xterm");
    t.c = c;
    if (!top_look(&t)) /* what is wrong has been said on a screen that stays */
        return t.status;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &sa, NULL);
    top_screen(c);
    while (!t.over && !top_signalled && t.status == CTL_OK) {
        qsort(t.drop, (size_t)t.drops, sizeof(t.drop[0]), drop_compare);
        draw(&t);
        top_wait(&t);
        if (!t.over && !top_signalled && !top_look(&t))
            break;
    }
    endwin();
    json_decref(t.listen);
    json_decref(t.link);
    json_decref(t.states);
    if (t.status != CTL_OK)
        return ctl_say(t.status, "stackd does not answer any more: has it ended?");
    return CTL_OK;
}

#else

int ctl_top(struct ctl *c)
{
    (void)c;
    return ctl_say(CTL_FAILED,
                   "top was left out when this was built, as curses was missing: install "
                   "libncurses-dev and build again, or use stackctl sock --watch");
}

#endif
