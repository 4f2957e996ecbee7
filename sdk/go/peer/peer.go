// SPDX-License-Identifier: MIT OR Apache-2.0

// Package peer has streams between programs of one host.
//
// Programs are members of groups, which other services manage (package peerindex). Two programs connect when each of them asks for
// the other.
package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"gate"
)

// Errors of [Peers.Connect].
var (
	ErrGroupNotFound     = errors.New("peer: this program is in no such group")
	ErrNotFound          = errors.New("peer: there is no such program in the group")
	ErrSelf              = errors.New("peer: that is this program")
	ErrAlreadyConnecting = errors.New("peer: already connecting to it")
	ErrAlreadyConnected  = errors.New("peer: already connected to it")
)

// An Event is something that was told about another program.
type Event struct {
	Group string // in which both programs are
	Peer  string // its name in the group
	Type  string // what it wants a stream for
	// Stream is the stream to it; nil: it wants to connect, and waits for a Connect of this program.
	Stream *gate.Stream
}

// Peers is the program's view of other programs.
type Peers struct {
	service *gate.Service

	mu      sync.Mutex
	events  []Event
	arrived chan struct{} // has an element if there may be events
}

// Open begins to take connections. To be called once.
func Open(ctx context.Context) (*Peers, error) {
	service := gate.Host().Service("peer")
	p := &Peers{service: service, arrived: make(chan struct{}, 1)}
	service.HandleInfo(p.handle)
	if err := service.SendInfo(ctx, nil); err != nil {
		return nil, err
	}
	return p, nil
}

// Next waits for the next event.
func (p *Peers) Next(ctx context.Context) (Event, error) {
	for {
		p.mu.Lock()
		if len(p.events) > 0 {
			event := p.events[0]
			p.events = p.events[1:]
			if len(p.events) > 0 {
				p.signal()
			}
			p.mu.Unlock()
			return event, nil
		}
		p.mu.Unlock()
		select {
		case <-p.arrived:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Connect asks for a stream to a program, which is told kind. The stream comes in an event, when that program asks, too. Each name
// has at most 255 bytes.
func (p *Peers) Connect(ctx context.Context, group, name, kind string) error {
	content := make([]byte, 8)
	for _, text := range []string{group, name, kind} {
		if len(text) > 255 {
			return fmt.Errorf("peer: a name of %d bytes (limit: 255)", len(text))
		}
		content = append(append(content, byte(len(text))), text...)
	}
	reply, err := p.service.Call(ctx, content)
	if err != nil {
		return err
	}
	if len(reply) < 2 {
		return gate.ErrUnsupported
	}
	switch number := int16(binary.LittleEndian.Uint16(reply)); number {
	case 0:
		return nil
	case 2:
		return ErrGroupNotFound
	case 3:
		return ErrNotFound
	case 4:
		return ErrSelf
	case 5:
		return ErrAlreadyConnecting
	case 6:
		return ErrAlreadyConnected
	default:
		return fmt.Errorf("peer: cannot connect: error %d", number)
	}
}

func (p *Peers) handle(content []byte) {
	if len(content) < 8 {
		return
	}
	id := int32(binary.LittleEndian.Uint32(content))
	rest := content[8:]
	var names [3]string
	for i := range names {
		if len(rest) == 0 || len(rest)-1 < int(rest[0]) {
			return
		}
		end := 1 + int(rest[0])
		names[i] = string(rest[1:end])
		rest = rest[end:]
	}
	event := Event{Group: names[0], Peer: names[1], Type: names[2]}
	if id >= 0 {
		event.Stream = p.service.Stream(id)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, event)
	p.signal()
}

// signal wakes one who waits in Next.
func (p *Peers) signal() {
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}
