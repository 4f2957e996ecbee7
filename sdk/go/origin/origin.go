// SPDX-License-Identifier: MIT OR Apache-2.0

// Package origin has the connections of those who run the program. For "gate run" the first one is its standard input and output.
package origin

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"gate"
)

type connection struct {
	stream *gate.Stream
	err    error
}

// A listener is what is known of the connections of one host.
type listener struct {
	mu      sync.Mutex
	asked   int               // connections that were asked for and have not come
	waiting []chan connection // those who wait for them
	ready   []connection      // that nobody waited for any more
}

var listeners sync.Map // of *gate.Service to *listener

// credit is what a call says: how many bytes of credit this package can deal with. It splits what is written, however much it is.
var credit = binary.LittleEndian.AppendUint32(nil, math.MaxInt32)

// Accept waits for a connection. Several can be waited for at once. A connection that comes after ctx has ended is for the next Accept.
func Accept(ctx context.Context) (*gate.Stream, error) {
	service := gate.Host().Service("origin")
	value, _ := listeners.LoadOrStore(service, new(listener))
	l := value.(*listener)

	l.mu.Lock()
	if len(l.ready) > 0 {
		first := l.ready[0]
		l.ready = l.ready[1:]
		l.mu.Unlock()
		return first.stream, first.err
	}
	wait := make(chan connection, 1)
	l.waiting = append(l.waiting, wait)
	ask := len(l.waiting) > l.asked
	if ask {
		l.asked++
	}
	l.mu.Unlock()

	if ask {
		err := service.Start(ctx, credit, func(reply []byte, err error) {
			l.deliver(receive(service, reply, err))
		})
		if err != nil {
			l.mu.Lock()
			l.asked--
			l.mu.Unlock()
			l.leave(wait)
			return nil, err
		}
	}
	select {
	case c := <-wait:
		return c.stream, c.err
	case <-ctx.Done():
		l.leave(wait)
		return nil, ctx.Err()
	}
}

func receive(service *gate.Service, reply []byte, err error) connection {
	if err != nil {
		return connection{err: err}
	}
	if len(reply) < 8 {
		return connection{err: gate.ErrUnsupported}
	}
	if number := int16(binary.LittleEndian.Uint16(reply[4:])); number != 0 {
		return connection{err: fmt.Errorf("origin: cannot accept a connection: error %d", number)}
	}
	return connection{stream: service.Stream(int32(binary.LittleEndian.Uint32(reply)))}
}

// deliver gives a connection to whoever has waited longest.
func (l *listener) deliver(c connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked--
	if len(l.waiting) > 0 {
		l.waiting[0] <- c
		l.waiting = l.waiting[1:]
	} else if c.err == nil {
		l.ready = append(l.ready, c)
	}
}

// leave ends a wait.
func (l *listener) leave(wait chan connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.waiting {
		if other == wait {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return
		}
	}
	// It was delivered at the same moment.
	if c := <-wait; c.err == nil {
		l.ready = append(l.ready, c)
	}
}
