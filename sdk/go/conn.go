// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Errors of the functions of this package, and of those below it.
var (
	// ErrUnavailable is that there is no such service here, or no longer, since the program was continued in another place.
	ErrUnavailable = errors.New("gate: service is not available")
	// ErrUnsupported is that a service did not know what to do with a call: its reply was empty.
	ErrUnsupported = errors.New("gate: call is not supported by the service")
	// ErrReply is that a reply of a service cannot be what it should be.
	ErrReply = errors.New("gate: malformed reply of a service")
	// ErrNoHost is that the program does not run in Gate.
	ErrNoHost = errors.New("gate: this is not a program of Gate (build it with GOOS=wasip1 GOARCH=wasm)")
)

// A Conn is one connection to a host, with all services.
type Conn struct {
	rw io.ReadWriter

	// Held while a packet is decided on and sent, so that what is decided and what is sent have the same order. Before mu.
	sending sync.Mutex
	packet  []byte // for building; guarded by sending

	mu       sync.Mutex
	byName   map[string]*Service
	services []*Service // by code
	reading  bool
	err      error // why the connection has ended
}

// NewConn returns a connection to a host at the other end of rw, which must not block writes for as long as nothing is read. Programs use
// [Host] instead; this is for tests, and for other transports.
func NewConn(rw io.ReadWriter) *Conn {
	return &Conn{rw: rw, byName: make(map[string]*Service)}
}

var host = sync.OnceValue(func() *Conn {
	rw, err := open()
	c := NewConn(rw)
	if err != nil {
		c.err = err
	}
	return c
})

var testHost *Conn

// Host returns the connection of this program to its host. If there is none, then everything fails with [ErrNoHost].
func Host() *Conn {
	if testHost != nil {
		return testHost
	}
	return host()
}

// SetHost makes Host return c, for tests of programs. It must not be called while other goroutines use the host.
func SetHost(c *Conn) {
	testHost = c
}

// Service returns the service of this name. It is discovered when it is first used, so that this does not wait; and there is
// only one Service of a name.
func (c *Conn) Service(name string) *Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.byName[name]
	if s == nil {
		s = &Service{conn: c, name: name, code: -1, known: make(chan struct{}), streams: make(map[int32]*Stream)}
		c.byName[name] = s
	}
	return s
}

// transmit sends the packets that build appends to a slice. It is called with mu held; what it changes and what is sent take place in the
// same order for all callers.
func (c *Conn) transmit(build func(packets []byte) ([]byte, error)) error {
	c.sending.Lock()
	defer c.sending.Unlock()

	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	packets, err := build(c.packet[:0])
	if !c.reading && len(packets) > 0 {
		c.reading = true
		go c.read()
	}
	c.mu.Unlock()
	c.packet = packets[:0]
	if err != nil || len(packets) == 0 {
		return err
	}

	if _, err := c.rw.Write(packets); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fail(fmt.Errorf("gate: cannot send to the host: %w", err))
		return c.err
	}
	return nil
}

// read handles packets until the connection ends. It never sends, and so never waits for the host to receive.
func (c *Conn) read() {
	r := bufio.NewReaderSize(c.rw, maxPacket)
	buf := new([maxPacket]byte)
	for {
		p, err := readPacket(r, buf)
		if err == nil {
			err = c.handle(p)
		} else {
			err = fmt.Errorf("gate: cannot receive from the host: %w", err)
		}
		if err != nil {
			c.mu.Lock()
			c.fail(err)
			c.mu.Unlock()
			return
		}
	}
}

// fail ends the connection. mu is held.
func (c *Conn) fail(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	for _, s := range c.services {
		s.end(err)
		s.know()
	}
}

func (c *Conn) handle(p packet) error {
	if p.code == discovery {
		return c.handleStates(p.content)
	}
	c.mu.Lock()
	if p.code < 0 || int(p.code) >= len(c.services) {
		c.mu.Unlock()
		return fmt.Errorf("gate: the host sent a packet of unknown service %d", p.code)
	}
	s := c.services[p.code]
	switch p.domain {
	case domainCall:
		done := s.takeCall(int(p.index))
		c.mu.Unlock()
		if done == nil {
			return fmt.Errorf("gate: service %s replied to no call", s.name)
		}
		done(p.content, nil)
		return nil
	case domainInfo:
		info := s.info
		c.mu.Unlock()
		if info != nil {
			info(p.content)
		}
		return nil
	}
	defer c.mu.Unlock()
	switch p.domain {
	case domainFlow:
		return s.handleFlow(p.content)
	case domainData:
		return s.handleData(p.content)
	}
	return fmt.Errorf("gate: service %s sent a packet of unknown domain %d", s.name, p.domain)
}

// handleStates takes the states of all services that were discovered so far: the reply to a discovery, or news.
func (c *Conn) handleStates(content []byte) error {
	if len(content) < 2 {
		return errors.New("gate: the host sent a discovery packet that is too short")
	}
	count := int(binary.LittleEndian.Uint16(content))
	states := content[2:]
	if len(states) < count {
		return errors.New("gate: the host sent a discovery packet that is too short")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.services {
		if i >= count {
			break
		}
		available := states[i]&1 != 0
		if s.available && !available {
			s.end(ErrUnavailable)
		}
		s.available = available
		s.know()
	}
	return nil
}
