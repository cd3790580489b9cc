/*
 * rfc9293.pml - the TCP state machine of RFC 9293 (Figure 5, section 3.10), two ends, a channel that
 * loses, doubles and reorders: written from the RFC, and not from our code.
 *
 * No data, one connection, and so three sequence numbers: the SYN is 0, the FIN is 1, 2 is behind it.
 * Each end is opened at most once; the users open, close and abort when they like. What is not
 * acknowledged is sent again when nothing of it can be under way any more. TIME-WAIT ends when nothing
 * is under way and the peer lacks nothing: that is what 2 MSL are for.
 *
 * spin.sh runs it; it prints each pair of states (of end 0, of end 1) when it is first reached, to be
 * compared with the pairs that the search of the core reaches. A TCB that was there and is gone is
 * printed as CLOSED, also where a listening socket would be left.
 *
 * -DCAPACITY=n segments in each direction; -DABORTS lets users abort.
 */
#ifndef CAPACITY
#define CAPACITY 2
#endif

#define CLOSED      0
#define LISTEN      1
#define SYN_SENT    2
#define SYN_RCVD    3
#define ESTABLISHED 4
#define FIN_WAIT_1  5
#define FIN_WAIT_2  6
#define CLOSE_WAIT  7
#define CLOSING     8
#define LAST_ACK    9
#define TIME_WAIT   10

#define FIN 1
#define SYN 2
#define RST 4
#define ACK 16

c_decl {
    static char seen[11][11];
    static const char *const names[] = {"CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED",
        "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"};
}

byte state[2];
bool opened[2];   /* a TCB was there */
bool passive[2];
byte una[2];      /* SND.UNA */
byte nxt[2];      /* SND.NXT */
byte rcv[2];      /* RCV.NXT, 0 while unknown */
chan wire[2] = [CAPACITY] of { byte, byte, byte }; /* from end 0, from end 1: flags, seq, ack */

inline look()
{
    c_code {
        int a = now.state[0], b = now.state[1];
        if (a == 1 && now.opened[0]) a = 0;
        if (b == 1 && now.opened[1]) b = 0;
        if (!seen[a][b]) {
            seen[a][b] = 1;
            printf("pair %s %s\n", names[a], names[b]);
        }
    }
}

/* Into the wire; when that is full it is lost. */
inline send(flags, seq, ack)
{
    if
    :: nfull(wire[i]) -> wire[i]!flags, seq, ack
    :: full(wire[i]) -> skip
    fi
}
inline send_ack() { send(ACK, nxt[i], rcv[i]) }

/* The arrows from a FIN that comes, 3.10.7.4 eighth. */
inline fin_came()
{
    rcv[i] = 2;
    if
    :: state[i] == SYN_RCVD || state[i] == ESTABLISHED -> state[i] = CLOSE_WAIT
    :: state[i] == FIN_WAIT_1 -> state[i] = CLOSING
    :: state[i] == FIN_WAIT_2 -> state[i] = TIME_WAIT
    :: else -> skip
    fi;
    send_ack()
}

/* The FIN goes out as soon as our SYN is acknowledged (3.10.4). */
inline send_fin()
{
    if
    :: (state[i] == FIN_WAIT_1 || state[i] == LAST_ACK || state[i] == CLOSING) && una[i] >= 1 &&
       nxt[i] < 2 -> nxt[i] = 2; send(FIN | ACK, 1, rcv[i])
    :: else -> skip
    fi
}

/* 3.10.7.4 fifth: SND.UNA < SEG.ACK =< SND.NXT, and the arrows from the ACK of our FIN. */
inline ack_came(a)
{
    if
    :: a > una[i] ->
        una[i] = a;
        if
        :: a == 2 && state[i] == FIN_WAIT_1 -> state[i] = FIN_WAIT_2
        :: a == 2 && state[i] == CLOSING -> state[i] = TIME_WAIT
        :: a == 2 && state[i] == LAST_ACK -> state[i] = CLOSED
        :: else -> skip
        fi
    :: else -> skip
    fi
}

inline closed_input() /* 3.10.7.1 */
{
    if
    :: f & RST -> skip
    :: (f & RST) == 0 && (f & ACK) -> send(RST, a, 0)
    :: else -> send(RST | ACK, 0, s + ((f & SYN) -> 1 : 0) + ((f & FIN) -> 1 : 0))
    fi
}

inline listen_input() /* 3.10.7.2 */
{
    if
    :: f & RST -> skip
    :: (f & RST) == 0 && (f & ACK) -> send(RST, a, 0)
    :: (f & (RST | ACK)) == 0 && (f & SYN) && !opened[i] ->
        opened[i] = true; state[i] = SYN_RCVD; rcv[i] = 1; una[i] = 0; nxt[i] = 1;
        send(SYN | ACK, 0, 1)
    :: else -> skip
    fi
}

inline syn_sent_input() /* 3.10.7.3 */
{
    if
    :: (f & ACK) && a != 1 ->
        if
        :: f & RST -> skip
        :: else -> send(RST, a, 0)
        fi
    :: (f & RST) && (f & ACK) && a == 1 -> state[i] = CLOSED
    :: (f & RST) == 0 && (f & SYN) && (f & ACK) && a == 1 ->
        rcv[i] = 1; una[i] = 1; state[i] = ESTABLISHED; send_ack()
    :: (f & (RST | ACK)) == 0 && (f & SYN) ->
        rcv[i] = 1; state[i] = SYN_RCVD; send(SYN | ACK, 0, 1)
    :: else -> skip
    fi
}

inline other_input() /* 3.10.7.4 */
{
    if
    /* The SYN,ACK of a simultaneous open lies before the window by its SYN; its ACK counts. */
    :: state[i] == SYN_RCVD && (f & SYN) && (f & ACK) && s == 0 && a == 1 ->
        una[i] = 1; state[i] = ESTABLISHED
    /* First: before the window. */
    :: !(state[i] == SYN_RCVD && (f & SYN) && (f & ACK) && s == 0 && a == 1) && s < rcv[i] ->
        if
        :: f & RST -> skip
        :: else -> send_ack()
        fi
    /* Second: RST, with RFC 5961 and, in TIME-WAIT, RFC 1337. */
    :: s >= rcv[i] && (f & RST) ->
        if
        :: s > rcv[i] -> send_ack()
        :: s == rcv[i] && state[i] == TIME_WAIT -> skip
        :: s == rcv[i] && state[i] == SYN_RCVD && passive[i] -> state[i] = LISTEN
        :: else -> state[i] = CLOSED
        fi
    /* Fifth: the ACK field. */
    :: s >= rcv[i] && (f & RST) == 0 && (f & ACK) ->
        if
        :: state[i] == SYN_RCVD && !(a > una[i] && a <= nxt[i]) -> send(RST, a, 0)
        :: state[i] != SYN_RCVD && a > nxt[i] -> send_ack()
        :: else ->
            if
            :: state[i] == SYN_RCVD -> state[i] = ESTABLISHED
            :: else -> skip
            fi;
            ack_came(a);
            send_fin();
            if
            :: (f & FIN) && s == rcv[i] && s == 1 && state[i] != CLOSED -> fin_came()
            :: else -> skip
            fi
        fi
    :: else -> skip
    fi
}

inline arrives()
{
    if
    :: state[i] == CLOSED -> closed_input()
    :: state[i] == LISTEN -> listen_input()
    :: state[i] == SYN_SENT -> syn_sent_input()
    :: state[i] > SYN_SENT -> other_input()
    fi;
    look()
}

proctype end_of(byte i)
{
    byte f, s, a;

end_here: /* being quiet is no error: nobody is obliged to close, and a reset may have been lost */
    do
    /* The user. */
    :: d_step { !opened[i] && state[i] == CLOSED -> state[i] = LISTEN; passive[i] = true; look() }
    :: atomic { !opened[i] && state[i] == CLOSED ->
        opened[i] = true; state[i] = SYN_SENT; nxt[i] = 1; send(SYN, 0, 0); look() }
    :: atomic { (state[i] == LISTEN && !opened[i]) || state[i] == SYN_SENT ->
        opened[i] = true; state[i] = CLOSED; look() }
    :: atomic { state[i] == SYN_RCVD || state[i] == ESTABLISHED ->
        state[i] = FIN_WAIT_1; send_fin(); look() }
    :: atomic { state[i] == CLOSE_WAIT -> state[i] = LAST_ACK; send_fin(); look() }
#ifdef ABORTS
    :: atomic { state[i] > SYN_SENT && state[i] < TIME_WAIT ->
        state[i] = CLOSED; send(RST | ACK, nxt[i], rcv[i]); look() }
#endif
    /* Segments: the first on the wire arrives, is lost, goes to the end, or arrives and stays. */
    :: atomic { wire[1 - i]?f, s, a -> arrives() }
    :: atomic { nempty(wire[1 - i]) -> wire[1 - i]?f, s, a }
    :: atomic { len(wire[1 - i]) > 1 -> wire[1 - i]?f, s, a; wire[1 - i]!f, s, a }
    :: atomic { nempty(wire[1 - i]) -> wire[1 - i]?f, s, a; wire[1 - i]!f, s, a; arrives() }
    /* Timers. */
    :: atomic { state[i] == SYN_SENT && empty(wire[i]) -> send(SYN, 0, 0) }
    :: atomic { state[i] > SYN_SENT && una[i] == 0 && empty(wire[i]) -> send(SYN | ACK, 0, 1) }
    :: atomic { state[i] > SYN_SENT && nxt[i] == 2 && una[i] == 1 && empty(wire[i]) ->
        send(FIN | ACK, 1, rcv[i]) }
    :: atomic { state[i] == TIME_WAIT && empty(wire[0]) && empty(wire[1]) &&
        state[1 - i] != LAST_ACK && state[1 - i] != CLOSING -> state[i] = CLOSED; look() }
    od
}

init
{
    atomic { look(); run end_of(0); run end_of(1) }
}
