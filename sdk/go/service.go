// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"context"
	"encoding/binary"
	"fmt"
)

// A Service is something that the host offers to the program.
type Service struct {
	conn *Conn
	name string

	// Guarded by conn.mu.
	code      int16 // -1 until discovery is under way
	known     chan struct{}
	isKnown   bool
	available bool
	calls     []func(reply []byte, err error) // outstanding, the oldest first
	streams   map[int32]*Stream
	info      func(content []byte)
}

// Name returns the name by which the service is discovered.
func (s *Service) Name() string {
	return s.name
}

// Available tells whether there is the service here.
func (s *Service) Available(ctx context.Context) (bool, error) {
	err := s.discover(ctx)
	if err == ErrUnavailable {
		return false, nil
	}
	return err == nil, err
}

// discover waits until it is known that the service is available.
func (s *Service) discover(ctx context.Context) error {
	c := s.conn
	err := c.transmit(func(packets []byte) ([]byte, error) {
		if s.code >= 0 || s.isKnown {
			return packets, nil
		}
		if len(s.name) == 0 || len(s.name) > maxName {
			return packets, fmt.Errorf("gate: the name of service %q is not one of 1 to %d bytes", s.name, maxName)
		}
		if len(c.services) == maxServices {
			s.know()
			return packets, nil
		}
		s.code = int16(len(c.services))
		c.services = append(c.services, s)
		return appendPacket(packets, discovery, domainCall, []byte{1, 0, byte(len(s.name))}, []byte(s.name)), nil
	})
	if err != nil {
		return err
	}
	select {
	case <-s.known:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.usable()
}

// usable is why nothing can be sent to the service. conn.mu is held.
func (s *Service) usable() error {
	if s.conn.err != nil {
		return s.conn.err
	}
	if !s.available {
		return ErrUnavailable
	}
	return nil
}

// know tells those who wait that it is known whether the service is available. conn.mu is held.
func (s *Service) know() {
	if !s.isKnown {
		s.isKnown = true
		close(s.known)
	}
}

// Call sends content to the service and waits for its reply. Services send empty replies to calls that they do not support.
//
// The call takes place also if ctx ends before there is a reply.
func (s *Service) Call(ctx context.Context, content []byte) ([]byte, error) {
	type result struct {
		reply []byte
		err   error
	}
	results := make(chan result, 1)
	err := s.Start(ctx, content, func(reply []byte, err error) {
		results <- result{append([]byte(nil), reply...), err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case r := <-results:
		return r.reply, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Start sends content to the service. When there is a reply, or will be none, done is called; unless Start returns an error.
//
// It is called before the next packet is looked at, so that it can call [Service.Stream] in time. It must not wait for anything, and the
// reply is only valid during the call. ctx is for the time until the call is sent.
func (s *Service) Start(ctx context.Context, content []byte, done func(reply []byte, err error)) error {
	if err := s.discover(ctx); err != nil {
		return err
	}
	if err := checkContent(content); err != nil {
		return err
	}
	return s.conn.transmit(func(packets []byte) ([]byte, error) {
		if err := s.usable(); err != nil {
			return packets, err
		}
		s.calls = append(s.calls, done)
		return appendPacket(packets, s.code, domainCall, content), nil
	})
}

// SendInfo sends content that is not replied to.
func (s *Service) SendInfo(ctx context.Context, content []byte) error {
	if err := s.discover(ctx); err != nil {
		return err
	}
	if err := checkContent(content); err != nil {
		return err
	}
	return s.conn.transmit(func(packets []byte) ([]byte, error) {
		if err := s.usable(); err != nil {
			return packets, err
		}
		return appendPacket(packets, s.code, domainInfo, content), nil
	})
}

// HandleInfo makes handle be called with the content of each info packet that the service sends. It is called before the next packet is
// looked at, must not wait for anything, and the content is only valid during the call. Services send nothing before the
// program does.
func (s *Service) HandleInfo(handle func(content []byte)) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.info = handle
}

func checkContent(content []byte) error {
	if len(content) > MaxContent {
		return fmt.Errorf("gate: content of %d bytes is too large for a packet (limit: %d)", len(content), MaxContent)
	}
	return nil
}

// takeCall removes the outstanding call at a position, and returns what to do with its reply. conn.mu is held.
func (s *Service) takeCall(index int) func([]byte, error) {
	if index >= len(s.calls) {
		return nil
	}
	done := s.calls[index]
	s.calls = append(s.calls[:index], s.calls[index+1:]...)
	return done
}

// end ends all calls and streams. conn.mu is held.
func (s *Service) end(err error) {
	for _, done := range s.calls {
		// It may want the lock.
		go done(nil, err)
	}
	s.calls = nil
	for _, stream := range s.streams {
		stream.end(err)
	}
	clear(s.streams)
}

func (s *Service) handleFlow(content []byte) error {
	for ; len(content) >= 8; content = content[8:] {
		id := int32(binary.LittleEndian.Uint32(content))
		value := int32(binary.LittleEndian.Uint32(content[4:]))
		// A stream that is not there was closed before the other side knew.
		if stream := s.streams[id]; stream != nil {
			if err := stream.handleFlow(value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) handleData(content []byte) error {
	if len(content) < 8 {
		return fmt.Errorf("gate: service %s sent a data packet that is too short", s.name)
	}
	id := int32(binary.LittleEndian.Uint32(content))
	note := int32(binary.LittleEndian.Uint32(content[4:]))
	if stream := s.streams[id]; stream != nil {
		return stream.handleData(note, content[8:])
	}
	return nil
}
