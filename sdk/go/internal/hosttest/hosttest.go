// SPDX-License-Identifier: MIT OR Apache-2.0

// Package hosttest is a host for tests: services that are functions, at the other end of a connection that cuts packets anywhere.
package hosttest

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"gate"
)

// Domains of packets.
const (
	Call = iota
	Info
	Flow
	Data
)

// A Packet is one of the program.
type Packet struct {
	Domain  int
	Content []byte
}

// A Service handles packets. It must not wait.
type Service func(s *Sender, p Packet)

// A Sender sends packets of one service.
type Sender struct {
	host *Host
	code int
}

// Host is a host with some services.
type Host struct {
	t        testing.TB
	conn     net.Conn
	services map[string]Service

	mu      sync.Mutex
	names   []string
	missing map[string]bool
	output  []byte
	filled  *sync.Cond
	closed  bool
}

// Start makes a host with these services be that of the program, until the test ends.
func Start(t testing.TB, services map[string]Service) *Host {
	theirs, ours := net.Pipe()
	h := &Host{t: t, conn: ours, services: services, missing: make(map[string]bool)}
	h.filled = sync.NewCond(&h.mu)
	gate.SetHost(gate.NewConn(theirs))
	go h.receive()
	go h.transmit()
	t.Cleanup(h.Close)
	return h
}

// Close ends the connection.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.filled.Signal()
	h.conn.Close()
}

// Continue tells the program that it was continued where there are no services with these names.
func (h *Host) Continue(missing ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.missing)
	for _, name := range missing {
		h.missing[name] = true
	}
	h.states(Info)
}

// Send sends a packet.
func (s *Sender) Send(domain, index int, content []byte) {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	s.host.send(s.code, domain, index, content)
}

// Reply replies to the oldest call.
func (s *Sender) Reply(content ...byte) {
	s.Send(Call, 0, content)
}

// Flow sends credit for a stream.
func (s *Sender) Flow(id, value int32) {
	s.Send(Flow, 0, Pair(id, value))
}

// Data sends bytes of a stream.
func (s *Sender) Data(id, note int32, data string) {
	s.Send(Data, 0, append(Pair(id, note), data...))
}

// Pair encodes two numbers.
func Pair(a, b int32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(a)), uint32(b))
}

// Split decodes the first two numbers, and returns the rest.
func Split(content []byte) (a, b int32, rest []byte) {
	return int32(binary.LittleEndian.Uint32(content)), int32(binary.LittleEndian.Uint32(content[4:])), content[8:]
}

func (h *Host) send(code, domain, index int, content []byte) {
	size := 8 + len(content)
	h.output = binary.LittleEndian.AppendUint32(h.output, uint32(size))
	h.output = binary.LittleEndian.AppendUint16(h.output, uint16(code))
	h.output = append(h.output, byte(domain), byte(index))
	h.output = append(h.output, content...)
	h.output = append(h.output, make([]byte, -size&7)...)
	h.filled.Signal()
}

func (h *Host) states(domain int) {
	content := binary.LittleEndian.AppendUint16(nil, uint16(len(h.names)))
	for _, name := range h.names {
		state := byte(0)
		if h.services[name] != nil && !h.missing[name] {
			state = 1
		}
		content = append(content, state)
	}
	h.send(-1&0xffff, domain, 0, content)
}

// transmit writes what is to be sent, in pieces.
func (h *Host) transmit() {
	for {
		h.mu.Lock()
		for len(h.output) == 0 && !h.closed {
			h.filled.Wait()
		}
		if h.closed {
			h.mu.Unlock()
			return
		}
		n := 1 + rand.IntN(min(len(h.output), 100))
		if len(h.output) > 4096 {
			n = 4096
		}
		piece := h.output[:n]
		h.output = h.output[n:]
		h.mu.Unlock()
		if _, err := h.conn.Write(piece); err != nil {
			return
		}
	}
}

// receive handles the program's packets.
func (h *Host) receive() {
	for {
		header := make([]byte, 8)
		if _, err := io.ReadFull(h.conn, header); err != nil {
			return
		}
		size := int(binary.LittleEndian.Uint32(header))
		code := int(int16(binary.LittleEndian.Uint16(header[4:])))
		if size < 8 || size > 65536 || header[7] != 0 {
			h.t.Errorf("header of a packet: %x", header)
			return
		}
		content := make([]byte, size-8+(-size&7))
		if _, err := io.ReadFull(h.conn, content); err != nil {
			return
		}
		content = content[:size-8]
		if code == -1 {
			h.discover(content)
			continue
		}
		h.mu.Lock()
		var service Service
		if code < len(h.names) {
			service = h.services[h.names[code]]
		}
		h.mu.Unlock()
		if service == nil {
			h.t.Errorf("a packet for service %d", code)
			return
		}
		service(&Sender{h, code}, Packet{int(header[6]), content})
	}
}

func (h *Host) discover(content []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rest := content[2:]
	for range binary.LittleEndian.Uint16(content) {
		end := 1 + int(rest[0])
		name := string(rest[1:end])
		for _, other := range h.names {
			if other == name {
				h.t.Errorf("%s was discovered twice", name)
			}
		}
		h.names = append(h.names, name)
		rest = rest[end:]
	}
	h.states(Call)
}
