// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
)

// window is how many bytes of a stream can be received and not read.
const window = 64 << 10

// A Stream is a stream of bytes in each direction between the program and a service. Reads wait until there are bytes, and writes until
// the other side takes them.
type Stream struct {
	service *Service
	id      int32

	// Guarded by service.conn.mu.
	changed  sync.Cond
	received bytes.Buffer
	granted  int   // what the other side may still send
	credit   int64 // what may still be written
	note     int32
	flowNote int32
	err      error // why the stream ended before its time

	dataEnded   bool // by the other side: nothing more comes
	flowEnded   bool // by the other side: it takes nothing more
	readClosed  bool // by the program
	writeClosed bool // by the program
}

// Stream returns a new stream with the given id. Services tell ids in replies or info packets, and the functions that are called with
// those ([Service.Start], [Service.HandleInfo]) are the right place to call this.
func (s *Service) Stream(id int32) *Stream {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	stream := &Stream{service: s, id: id}
	stream.changed.L = &s.conn.mu
	if s.conn.err != nil {
		stream.end(s.conn.err)
		return stream
	}
	s.streams[id] = stream
	return stream
}

// ReadStream is like [Service.Stream], for streams that carry bytes only to the program. Nothing can be written, and closing it
// does not tell the service that.
func (s *Service) ReadStream(id int32) *Stream {
	stream := s.Stream(id)
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	stream.writeClosed = true
	stream.flowEnded = true
	return stream
}

// ID returns the number of the stream, which is unique among the open streams of its service.
func (s *Stream) ID() int32 {
	return s.id
}

// Note returns the number that came with the end of what can be read, or 0. Its meaning depends on the service.
func (s *Stream) Note() int32 {
	s.service.conn.mu.Lock()
	defer s.service.conn.mu.Unlock()
	return s.note
}

// FlowNote returns the last negative number that came in place of credit, or 0. Its meaning depends on the service.
func (s *Stream) FlowNote() int32 {
	s.service.conn.mu.Lock()
	defer s.service.conn.mu.Unlock()
	return s.flowNote
}

// Read implements [io.Reader].
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.subscribe(); err != nil {
		return 0, err
	}
	c := s.service.conn
	c.mu.Lock()
	for s.received.Len() == 0 && !s.dataEnded && !s.readClosed && s.err == nil {
		s.changed.Wait()
	}
	n, _ := s.received.Read(p)
	var err error
	switch {
	case n > 0:
	case s.readClosed:
		err = os.ErrClosed
	case s.dataEnded:
		err = io.EOF
	default:
		err = s.err
	}
	c.mu.Unlock()
	if n > 0 {
		// An error is for the next read.
		_ = s.subscribe()
	}
	return n, err
}

// subscribe lets the other side send as much as there is room for, if that is worth a packet.
func (s *Stream) subscribe() error {
	c := s.service.conn
	c.mu.Lock()
	enough := s.room() == 0
	c.mu.Unlock()
	if enough {
		return nil
	}
	return c.transmit(func(packets []byte) ([]byte, error) {
		room := s.room()
		if room == 0 {
			return packets, nil
		}
		s.granted += room
		return appendFlow(packets, s.service.code, s.id, int32(room)), nil
	})
}

// room is how much more credit to give now. service.conn.mu is held.
func (s *Stream) room() int {
	room := window - s.received.Len() - s.granted
	if s.readClosed || s.dataEnded || s.err != nil || (s.granted > 0 && room < window/2) {
		return 0
	}
	return room
}

// Write implements [io.Writer]. It returns [io.ErrClosedPipe] when the other side takes no more.
func (s *Stream) Write(p []byte) (int, error) {
	c := s.service.conn
	written := 0
	for {
		c.mu.Lock()
		for s.credit == 0 && len(p) > 0 && s.writable() == nil {
			s.changed.Wait()
		}
		err := s.writable()
		c.mu.Unlock()
		if err != nil || len(p) == 0 {
			return written, err
		}
		n := 0
		err = c.transmit(func(packets []byte) ([]byte, error) {
			if err := s.writable(); err != nil {
				return packets, err
			}
			n = int(min(int64(len(p)), s.credit, maxData))
			if n == 0 {
				return packets, nil
			}
			s.credit -= int64(n)
			return appendData(packets, s.service.code, s.id, 0, p[:n]), nil
		})
		if err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
}

// writable is why nothing can be written. service.conn.mu is held.
func (s *Stream) writable() error {
	switch {
	case s.err != nil:
		return s.err
	case s.flowEnded:
		return io.ErrClosedPipe
	case s.writeClosed:
		return os.ErrClosed
	}
	return nil
}

// CloseWrite tells the other side that nothing more will be written.
func (s *Stream) CloseWrite() error {
	return s.CloseWriteNote(0)
}

// CloseWriteNote is CloseWrite with a number whose meaning depends on the service.
func (s *Stream) CloseWriteNote(note int32) error {
	return s.service.conn.transmit(func(packets []byte) ([]byte, error) {
		return s.closeWrite(packets, note), nil
	})
}

// CloseRead tells the other side that nothing more will be read. What was received and not read is dropped.
func (s *Stream) CloseRead() error {
	return s.service.conn.transmit(func(packets []byte) ([]byte, error) {
		return s.closeRead(packets), nil
	})
}

// Close implements [io.Closer]: it closes both directions. It does not wait until the other side has done so, too. Closing again has no effect.
func (s *Stream) Close() error {
	return s.service.conn.transmit(func(packets []byte) ([]byte, error) {
		packets = s.closeRead(s.closeWrite(packets, 0))
		s.forget()
		return packets, nil
	})
}

func (s *Stream) closeWrite(packets []byte, note int32) []byte {
	if s.writeClosed || s.err != nil {
		return packets
	}
	s.writeClosed = true
	s.settle()
	return appendData(packets, s.service.code, s.id, note, nil)
}

func (s *Stream) closeRead(packets []byte) []byte {
	if s.readClosed || s.err != nil {
		return packets
	}
	s.readClosed = true
	s.received.Reset()
	s.settle()
	return appendFlow(packets, s.service.code, s.id, 0)
}

// settle wakes those who wait, and forgets the stream when all is over. service.conn.mu is held.
func (s *Stream) settle() {
	s.changed.Broadcast()
	if s.readClosed && s.writeClosed && s.dataEnded && s.flowEnded {
		s.forget()
	}
}

// forget makes packets of this id be packets of no stream, or of the next one with this id. service.conn.mu is held.
func (s *Stream) forget() {
	if s.service.streams[s.id] == s {
		delete(s.service.streams, s.id)
	}
}

// end is called when nothing more can come. service.conn.mu is held.
func (s *Stream) end(err error) {
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
}

func (s *Stream) handleFlow(value int32) error {
	switch {
	case value > 0:
		s.credit += int64(value)
		if s.credit > math.MaxInt32 {
			return fmt.Errorf("gate: service %s gave stream %d too much credit", s.service.name, s.id)
		}
	case value == 0:
		s.flowEnded = true
	default:
		s.flowNote = value
	}
	s.settle()
	return nil
}

func (s *Stream) handleData(note int32, data []byte) error {
	if len(data) > s.granted {
		return fmt.Errorf("gate: service %s sent more data of stream %d than it had credit for", s.service.name, s.id)
	}
	s.granted -= len(data)
	if len(data) == 0 {
		s.dataEnded = true
		s.note = note
	} else if !s.readClosed {
		s.received.Write(data)
	}
	s.settle()
	return nil
}
