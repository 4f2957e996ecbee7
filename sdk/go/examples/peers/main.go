// Peers talks to other programs of the same principal: what comes from whoever runs the program goes to all of them, and what comes from
// them to whoever runs the program. It ends with its input.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"sync"

	"gate"
	"gate/origin"
	"gate/peer"
	"gate/peerindex"
)

// room is where everybody is who takes part.
type room struct {
	mu     sync.Mutex
	others map[*gate.Stream]bool
}

func main() {
	ctx := context.Background()
	peers, err := peer.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := peerindex.Register(ctx); err != nil {
		log.Fatal(err)
	}
	names, err := peerindex.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	user, err := origin.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer user.Close()

	r := &room{others: make(map[*gate.Stream]bool)}
	go r.welcome(ctx, peers, user)
	for _, name := range names {
		connect(ctx, peers, name)
	}
	for lines := bufio.NewScanner(user); lines.Scan(); {
		r.tell(lines.Text())
	}
	r.close()
}

// connect asks for a stream. It does not matter if that program has gone, or if it is connected by now.
func connect(ctx context.Context, peers *peer.Peers, name string) {
	if err := peers.Connect(ctx, peerindex.Group, name, "chat"); err != nil {
		log.Print(err)
	}
}

// welcome connects to those who want that, and passes on what they say.
func (r *room) welcome(ctx context.Context, peers *peer.Peers, user io.Writer) {
	for {
		event, err := peers.Next(ctx)
		if err != nil {
			return
		}
		if event.Stream == nil {
			connect(ctx, peers, event.Peer)
			continue
		}
		r.mu.Lock()
		r.others[event.Stream] = true
		r.mu.Unlock()
		go func() {
			io.Copy(user, event.Stream)
			r.mu.Lock()
			delete(r.others, event.Stream)
			r.mu.Unlock()
			event.Stream.Close()
		}()
	}
}

func (r *room) tell(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other := range r.others {
		fmt.Fprintln(other, line)
	}
}

func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other := range r.others {
		other.Close()
	}
}
