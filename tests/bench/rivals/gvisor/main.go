// main.go - gVisor's netstack as a responder.
//
//	gvisor --tap NAME --ip A.B.C.D/P [--gso]
//
// Without --gso the TAP is driven by gVisor's own fdbased link endpoint, with the read-vector
// dispatcher: what a program that uses netstack on a TAP gets. With --gso it is driven by endpoint.go of
// this directory, a link endpoint of ours that does segmentation offload on a TAP: fdbased offers that for
// sockets only, but the interface between stack and link (stack.LinkEndpoint, stack.GSOEndpoint) is
// public.
//
// One goroutine a connection, on transport endpoints directly: it waits for events without holding a
// buffer, and takes one from a pool while it reads or writes. Buffers: 1 MB by default, up to 8 MB;
// receive moderation and SACK on; Go's garbage collector as it comes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	mtu         = 1500
	chunk       = 128 << 10
	portEcho    = 7
	portDiscard = 9
	portSource  = 19
	portHTTP    = 80
)

var buffers = sync.Pool{New: func() any { return make([]byte, chunk) }}

func die(what string, err any) {
	fmt.Fprintf(os.Stderr, "gvisor: %s: %v\n", what, err)
	os.Exit(2)
}

// ---- a connection ----

type conn struct {
	ep     tcpip.Endpoint
	events chan struct{}
}

// read waits until something is there; false is the end.
func (c *conn) read(b []byte) (int, bool) {
	for {
		w := tcpip.SliceWriter(b)
		res, err := c.ep.Read(&w, tcpip.ReadOptions{})
		if err == nil {
			c.ep.ModerateRecvBuf(res.Count)
			return res.Count, true
		}
		if _, ok := err.(*tcpip.ErrWouldBlock); !ok {
			return 0, false
		}
		<-c.events
	}
}

func (c *conn) write(b []byte) bool {
	for len(b) > 0 {
		r := bytes.NewReader(b)
		n, err := c.ep.Write(r, tcpip.WriteOptions{})
		b = b[n:]
		if err == nil {
			continue
		}
		if _, ok := err.(*tcpip.ErrWouldBlock); !ok {
			return false
		}
		<-c.events
	}
	return true
}

// wait returns when there is something to read, or the end: so that no buffer is held before.
func (c *conn) wait() {
	if c.ep.Readiness(waiter.ReadableEvents) == 0 {
		<-c.events
	}
}

func (c *conn) discard() {
	b := buffers.Get().([]byte)
	defer buffers.Put(b)
	for {
		if _, ok := c.read(b); !ok {
			return
		}
	}
}

func (c *conn) source() {
	b := make([]byte, chunk)
	for c.write(b) {
	}
}

func (c *conn) echo() {
	for ok := true; ok; {
		c.wait()
		b := buffers.Get().([]byte)
		var n int
		n, ok = c.read(b)
		ok = ok && c.write(b[:n])
		buffers.Put(b)
	}
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\nConnection: "

var (
	replyKeep  = []byte(head + "keep-alive\r\n\r\nHello, whole world.\n")
	replyClose = []byte(head + "close\r\n\r\nHello, whole world.\n")
)

func wantsClose(request []byte) bool {
	line, fields, _ := bytes.Cut(request, []byte("\r\n"))
	old := bytes.HasSuffix(line, []byte("HTTP/1.0"))
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if len(line) > 12 && (line[0]|0x20) == 'c' && bytes.EqualFold(line[:12], []byte("connection: ")) {
			return bytes.EqualFold(line[12:], []byte("close"))
		}
	}
	return old
}

// http keeps what is not a whole head for the next turn.
func (c *conn) http() {
	var rest []byte
	for {
		c.wait()
		b := buffers.Get().([]byte)
		n, ok := c.read(b)
		rest = append(rest, b[:n]...)
		buffers.Put(b)
		if !ok {
			return
		}
		for {
			end := bytes.Index(rest, []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			if wantsClose(rest[:end+2]) {
				c.write(replyClose)
				return
			}
			if !c.write(replyKeep) {
				return
			}
			rest = rest[:copy(rest, rest[end+4:])]
		}
	}
}

// ---- servers ----

func listen(s *stack.Stack, port uint16, serve func(*conn)) {
	var wq waiter.Queue
	ep, err := s.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &wq)
	if err != nil {
		die("tcp", err)
	}
	entry, events := waiter.NewChannelEntry(waiter.ReadableEvents)
	wq.EventRegister(&entry)
	if err := ep.Bind(tcpip.FullAddress{Port: port}); err != nil {
		die("bind", err)
	}
	if err := ep.Listen(4096); err != nil {
		die("listen", err)
	}
	go func() {
		for {
			child, queue, err := ep.Accept(nil)
			if err != nil {
				<-events
				continue
			}
			go func() {
				// The source keeps Nagle's delay: without it each write that finds a little room
				// becomes a segment of its own, and the frames are half as long.
				child.SocketOptions().SetDelayOption(port == portSource)
				entry, events := waiter.NewChannelEntry(waiter.ReadableEvents | waiter.WritableEvents | waiter.EventHUp | waiter.EventErr)
				queue.EventRegister(&entry)
				serve(&conn{child, events})
				queue.EventUnregister(&entry)
				child.Close()
			}()
		}
	}()
}

func udpEcho(s *stack.Stack) {
	var wq waiter.Queue
	ep, err := s.NewEndpoint(udp.ProtocolNumber, ipv4.ProtocolNumber, &wq)
	if err != nil {
		die("udp", err)
	}
	entry, events := waiter.NewChannelEntry(waiter.ReadableEvents)
	wq.EventRegister(&entry)
	ep.SocketOptions().SetReceiveBufferSize(1<<20, true)
	if err := ep.Bind(tcpip.FullAddress{Port: portEcho}); err != nil {
		die("bind", err)
	}
	go func() {
		b := make([]byte, 65536)
		for {
			w := tcpip.SliceWriter(b)
			res, err := ep.Read(&w, tcpip.ReadOptions{NeedRemoteAddr: true})
			if err != nil {
				<-events
				continue
			}
			_, _ = ep.Write(bytes.NewReader(b[:res.Count]), tcpip.WriteOptions{To: &res.RemoteAddr})
		}
	}()
}

// ---- the TAP and the stack ----

func openTap(name string, vnet bool) int {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		die("/dev/net/tun", err)
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		die(name, err)
	}
	flags, offload := uint16(unix.IFF_TAP|unix.IFF_NO_PI), uintptr(0)
	if vnet {
		flags |= unix.IFF_VNET_HDR
		offload = 1 | 2 // TUN_F_CSUM, TUN_F_TSO4
	}
	ifr.SetUint16(flags)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(ifr))); e != 0 {
		die(name, e)
	}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETOFFLOAD, offload); e != 0 {
		die("TUNSETOFFLOAD", e)
	}
	return fd
}

func link(name string, ip net.IP, gso bool) stack.LinkEndpoint {
	mac := tcpip.LinkAddress([]byte{2, 0x5a, ip[0], ip[1], ip[2], ip[3]})
	fd := openTap(name, gso)
	if gso {
		return &tapEndpoint{fd: fd, mac: mac}
	}
	ep, err := fdbased.New(&fdbased.Options{
		FDs: []int{fd}, MTU: mtu, EthernetHeader: true, Address: mac,
		PacketDispatchMode: fdbased.Readv,
	})
	if err != nil {
		die("fdbased", err)
	}
	return ep
}

func newStack(ep stack.LinkEndpoint, ip net.IP, prefix int) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	sack, moderate := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack)
	s.SetTransportProtocolOption(tcp.ProtocolNumber, &moderate)
	s.SetTransportProtocolOption(tcp.ProtocolNumber, &tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: 1 << 20, Max: 8 << 20})
	s.SetTransportProtocolOption(tcp.ProtocolNumber, &tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: 1 << 20, Max: 8 << 20})
	if err := s.CreateNIC(1, ep); err != nil {
		die("NIC", err)
	}
	at := tcpip.AddressWithPrefix{Address: tcpip.Address(ip), PrefixLen: prefix}
	if err := s.AddProtocolAddress(1, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: at}, stack.AddressProperties{}); err != nil {
		die("address", err)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: at.Subnet(), NIC: 1}})
	return s
}

func main() {
	tap := flag.String("tap", "", "the TAP")
	cidr := flag.String("ip", "", "our address, A.B.C.D/P")
	gso := flag.Bool("gso", false, "segmentation offload through a link endpoint of ours")
	flag.Parse()
	address, network, err := net.ParseCIDR(*cidr)
	if err != nil || *tap == "" {
		fmt.Fprintln(os.Stderr, "usage: gvisor --tap NAME --ip A.B.C.D/P [--gso]")
		os.Exit(1)
	}
	prefix, _ := network.Mask.Size()
	ip := address.To4()
	s := newStack(link(*tap, ip, *gso), ip, prefix)
	listen(s, portEcho, (*conn).echo)
	listen(s, portDiscard, (*conn).discard)
	listen(s, portSource, (*conn).source)
	listen(s, portHTTP, (*conn).http)
	udpEcho(s)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	fmt.Fprintln(os.Stderr, "ready")
	<-stop
}
