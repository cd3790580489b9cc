// endpoint.go - a link endpoint on a TAP with IFF_VNET_HDR: frames of 64 KB both ways, checksums left to
// the kernel.
//
// A frame is read into a small view and a large one. What fits the small one (ACKs, requests) leaves the
// large one for the next read, so a pool's 64 KB are only spent on a super-frame. Whoever sends writes
// at once, from its own goroutine.
package main

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/bufferv2"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/rawfile"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	vnetLen   = 10 // struct virtio_net_hdr
	smallView = 2048
	largeView = 65536
	needsCsum = 1
	gsoTCPv4  = 1
	gsoMax    = 65536 - 1024 // IP's 65,535 bytes and the headers have to hold it
)

type tapEndpoint struct {
	fd         int
	mac        tcpip.LinkAddress
	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
}

var _ stack.GSOEndpoint = (*tapEndpoint)(nil)

func (e *tapEndpoint) MTU() uint32                      { return mtu }
func (e *tapEndpoint) MaxHeaderLength() uint16          { return header.EthernetMinimumSize }
func (e *tapEndpoint) LinkAddress() tcpip.LinkAddress   { return e.mac }
func (e *tapEndpoint) GSOMaxSize() uint32               { return gsoMax }
func (e *tapEndpoint) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }
func (e *tapEndpoint) Wait()                            {}
func (e *tapEndpoint) ARPHardwareType() header.ARPHardwareType {
	return header.ARPHardwareEther
}

// Capabilities: whatever arrives has been made or verified by the kernel of this machine.
func (e *tapEndpoint) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload | stack.CapabilityResolutionRequired
}

func (e *tapEndpoint) IsAttached() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.dispatcher != nil
}

func (e *tapEndpoint) Attach(d stack.NetworkDispatcher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dispatcher == nil && d != nil {
		go e.receive(d)
	}
	e.dispatcher = d
}

func (e *tapEndpoint) AddHeader(pkt stack.PacketBufferPtr) {
	eth := header.Ethernet(pkt.LinkHeader().Push(header.EthernetMinimumSize))
	eth.Encode(&header.EthernetFields{
		SrcAddr: e.mac,
		DstAddr: pkt.EgressRoute.RemoteLinkAddress,
		Type:    pkt.NetworkProtocolNumber,
	})
}

func (e *tapEndpoint) write(pkt stack.PacketBufferPtr) tcpip.Error {
	var vnet [vnetLen]byte
	gso := &pkt.GSOOptions
	if gso.Type == stack.GSOTCPv4 && gso.NeedsCsum {
		vnet[0] = needsCsum
		binary.LittleEndian.PutUint16(vnet[6:], header.EthernetMinimumSize+gso.L3HdrLen)
		binary.LittleEndian.PutUint16(vnet[8:], gso.CsumOffset)
		if pkt.Data().Size() > int(gso.MSS) {
			vnet[1] = gsoTCPv4
			binary.LittleEndian.PutUint16(vnet[2:], uint16(pkt.HeaderSize()))
			binary.LittleEndian.PutUint16(vnet[4:], gso.MSS)
		}
	}
	var room [16]unix.Iovec
	iov := append(room[:0], rawfile.IovecFromBytes(vnet[:]))
	for _, s := range pkt.AsSlices() {
		if len(s) > 0 {
			iov = append(iov, rawfile.IovecFromBytes(s))
		}
	}
	return rawfile.NonBlockingWriteIovec(e.fd, iov)
}

func (e *tapEndpoint) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	sent := 0
	for _, pkt := range pkts.AsSlice() {
		if err := e.write(pkt); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// wait sleeps until there is a frame; gVisor's own call, which knows Go's scheduler.
func (e *tapEndpoint) wait() {
	event := rawfile.PollEvent{FD: int32(e.fd), Events: unix.POLLIN}
	_, _ = rawfile.BlockingPoll(&event, 1, nil)
}

func (e *tapEndpoint) receive(d stack.NetworkDispatcher) {
	var vnet [vnetLen]byte
	small, large := bufferv2.NewViewSize(smallView), bufferv2.NewViewSize(largeView)
	iov := make([][]byte, 3)
	for {
		iov[0], iov[1], iov[2] = vnet[:], small.AsSlice(), large.AsSlice()
		n, err := unix.Readv(e.fd, iov)
		if err != nil {
			if err != unix.EAGAIN && err != unix.EINTR {
				return
			}
			e.wait()
			continue
		}
		n -= vnetLen
		if n < header.EthernetMinimumSize {
			continue
		}
		if n < smallView {
			small.CapLength(n)
		}
		payload := bufferv2.MakeWithView(small)
		small = bufferv2.NewViewSize(smallView)
		if n > smallView {
			large.CapLength(n - smallView)
			_ = payload.Append(large)
			large = bufferv2.NewViewSize(largeView)
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: payload})
		if eth, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize); ok {
			d.DeliverNetworkPacket(header.Ethernet(eth).Type(), pkt)
		}
		pkt.DecRef()
	}
}
