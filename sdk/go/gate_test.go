// SPDX-License-Identifier: MIT OR Apache-2.0

package gate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gate"
	"gate/internal/hosttest"
)

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func echo(s *hosttest.Sender, p hosttest.Packet) {
	s.Reply(p.Content...)
}

func TestCallsFromManyGoroutines(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"echo": echo, "other": echo})
	ctx := testContext(t)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			name := []string{"echo", "other"}[i%2]
			for j := range 20 {
				content := strings.Repeat(fmt.Sprint(i, "-", j, " "), i)
				reply, err := gate.Host().Service(name).Call(ctx, []byte(content))
				if err != nil || string(reply) != content {
					t.Errorf("%d: %q, %v", i, reply, err)
				}
			}
		}()
	}
	wg.Wait()
}

func TestLargestCall(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"echo": echo})
	service := gate.Host().Service("echo")
	content := bytes.Repeat([]byte("x"), gate.MaxContent)
	reply, err := service.Call(testContext(t), content)
	if err != nil || !bytes.Equal(reply, content) {
		t.Error(len(reply), err)
	}
	if _, err := service.Call(testContext(t), append(content, 0)); err == nil {
		t.Error("a call that is too large was sent")
	}
}

func TestRepliesOutOfOrder(t *testing.T) {
	var held [][]byte
	hosttest.Start(t, map[string]hosttest.Service{"late": func(s *hosttest.Sender, p hosttest.Packet) {
		held = append(held, p.Content)
		if len(held) == 4 {
			for _, index := range []int{2, 0, 1, 0} {
				s.Send(hosttest.Call, index, held[index])
				held = append(held[:index], held[index+1:]...)
			}
		}
	}})
	ctx := testContext(t)
	service := gate.Host().Service("late")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			reply, err := service.Call(ctx, []byte{byte(i)})
			if err != nil || len(reply) != 1 || reply[0] != byte(i) {
				t.Errorf("%d: %v, %v", i, reply, err)
			}
		}()
	}
	wg.Wait()
}

func TestServiceThatIsNotThere(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"echo": echo})
	ctx := testContext(t)
	if _, err := gate.Host().Service("nothing").Call(ctx, nil); err != gate.ErrUnavailable {
		t.Error(err)
	}
	for name, expected := range map[string]bool{"echo": true, "nothing": false} {
		if available, err := gate.Host().Service(name).Available(ctx); available != expected || err != nil {
			t.Error(name, available, err)
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 128)} {
		if _, err := gate.Host().Service(name).Call(ctx, nil); err == nil {
			t.Errorf("%q was discovered", name)
		}
	}
}

func TestMoreServicesThanTheHostTakes(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"echo": echo})
	ctx := testContext(t)
	for i := range 300 {
		available, err := gate.Host().Service(fmt.Sprint("none", i)).Available(ctx)
		if available || err != nil {
			t.Fatal(i, available, err)
		}
	}
	if available, err := gate.Host().Service("echo").Available(ctx); available || err != nil {
		t.Error(available, err)
	}
}

func TestCallThatNobodyWaitsFor(t *testing.T) {
	// The first call is not replied to before the second one is made.
	var first []byte
	hosttest.Start(t, map[string]hosttest.Service{"slow": func(s *hosttest.Sender, p hosttest.Packet) {
		if first == nil {
			first = p.Content
			return
		}
		s.Reply(first...)
		s.Reply(p.Content...)
	}})
	service := gate.Host().Service("slow")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := service.Call(ctx, []byte("first")); err != context.DeadlineExceeded {
		t.Fatal(err)
	}
	reply, err := service.Call(testContext(t), []byte("second"))
	if err != nil || string(reply) != "second" {
		t.Error(string(reply), err)
	}
}

// open makes stream 7 of a service that gets the stream's packets.
func open(t *testing.T, first func(s *hosttest.Sender), packets hosttest.Service) (*hosttest.Host, *gate.Stream) {
	host := hosttest.Start(t, map[string]hosttest.Service{
		"echo": echo,
		"stream": func(s *hosttest.Sender, p hosttest.Packet) {
			if p.Domain == hosttest.Call {
				s.Reply()
				first(s)
			} else {
				packets(s, p)
			}
		},
	})
	service := gate.Host().Service("stream")
	streams := make(chan *gate.Stream, 1)
	err := service.Start(testContext(t), nil, func([]byte, error) { streams <- service.Stream(7) })
	if err != nil {
		t.Fatal(err)
	}
	return host, <-streams
}

func TestStreamEchoesWithinCredit(t *testing.T) {
	const total = 1 << 20
	var buffered []byte
	credit, ended := 0, false
	var packets atomic.Int32
	_, stream := open(t, func(s *hosttest.Sender) { s.Flow(7, 1000) }, func(s *hosttest.Sender, p hosttest.Packet) {
		packets.Add(1)
		switch p.Domain {
		case hosttest.Flow:
			_, value, _ := hosttest.Split(p.Content)
			credit += int(value)
		case hosttest.Data:
			_, _, data := hosttest.Split(p.Content)
			buffered = append(buffered, data...)
			ended = ended || len(data) == 0
			if len(data) > 0 {
				s.Flow(7, int32(len(data)))
			}
		}
		n := min(len(buffered), credit)
		for n > 0 {
			size := min(n, 60000)
			s.Data(7, 0, string(buffered[:size]))
			buffered = buffered[size:]
			credit -= size
			n -= size
		}
		if ended && len(buffered) == 0 {
			s.Data(7, 42, "")
			ended = false
		}
	})
	sent := make([]byte, total)
	for i := range sent {
		sent[i] = byte(i * i >> 8)
	}
	go func() {
		if n, err := stream.Write(sent); n != total || err != nil {
			t.Error(n, err)
		}
		stream.CloseWrite()
	}()
	received, err := io.ReadAll(stream)
	if err != nil || !bytes.Equal(received, sent) || stream.Note() != 42 {
		t.Error(len(received), err, stream.Note())
	}
	stream.Close()
	// 1000 bytes of credit make that many data packets, and reading must not need one for every one of them.
	if n := packets.Load(); n > 1500 {
		t.Error(n, "packets")
	}
	if _, err := stream.Read(sent); err != os.ErrClosed {
		t.Error(err)
	}
	if _, err := stream.Write(sent); err != os.ErrClosed {
		t.Error(err)
	}
}

func TestDataBehindTheReplyIsNotLost(t *testing.T) {
	_, stream := open(t, func(s *hosttest.Sender) { s.Flow(7, 5); s.Flow(7, -3); s.Data(7, 9, "") }, func(*hosttest.Sender, hosttest.Packet) {})
	if n, err := stream.Write([]byte("12345")); n != 5 || err != nil {
		t.Error(n, err)
	}
	if _, err := stream.Read(make([]byte, 1)); err != io.EOF || stream.Note() != 9 || stream.FlowNote() != -3 {
		t.Error(err, stream.Note(), stream.FlowNote())
	}
}

func TestOtherSideTakesNoMore(t *testing.T) {
	_, stream := open(t, func(s *hosttest.Sender) { s.Flow(7, 2) }, func(s *hosttest.Sender, p hosttest.Packet) {
		if p.Domain == hosttest.Data {
			s.Flow(7, 0)
		}
	})
	if n, err := stream.Write([]byte("12345")); n != 2 || err != io.ErrClosedPipe {
		t.Error(n, err)
	}
}

func TestIDIsUsedAgain(t *testing.T) {
	closed := make(chan struct{})
	count := 0
	_, first := open(t, func(s *hosttest.Sender) { s.Flow(7, 10) }, func(s *hosttest.Sender, p hosttest.Packet) {
		if count++; count == 2 {
			// Late packets of the first stream, which the program has closed, come before the reply.
			s.Flow(7, 10)
			s.Flow(7, 0)
			s.Data(7, 0, "")
			close(closed)
		}
	})
	first.Close()
	<-closed
	service := gate.Host().Service("stream")
	streams := make(chan *gate.Stream, 1)
	if err := service.Start(testContext(t), nil, func([]byte, error) { streams <- service.Stream(7) }); err != nil {
		t.Fatal(err)
	}
	second := <-streams
	if n, err := second.Write([]byte("hello")); n != 5 || err != nil {
		t.Error(n, err)
	}
}

func TestCloseEndsWaits(t *testing.T) {
	_, stream := open(t, func(*hosttest.Sender) {}, func(*hosttest.Sender, hosttest.Packet) {})
	results := make(chan error, 2)
	go func() { _, err := stream.Read(make([]byte, 1)); results <- err }()
	go func() { _, err := stream.Write(make([]byte, 1)); results <- err }()
	stream.Close()
	for range 2 {
		if err := <-results; err != os.ErrClosed {
			t.Error(err)
		}
	}
}

func TestContinuedWithoutAService(t *testing.T) {
	host, stream := open(t, func(*hosttest.Sender) {}, func(*hosttest.Sender, hosttest.Packet) {})
	ctx := testContext(t)
	results := make(chan error, 1)
	go func() { _, err := stream.Read(make([]byte, 1)); results <- err }()
	host.Continue("stream")
	if err := <-results; err != gate.ErrUnavailable {
		t.Error(err)
	}
	if _, err := gate.Host().Service("stream").Call(ctx, nil); err != gate.ErrUnavailable {
		t.Error(err)
	}
	if _, err := gate.Host().Service("echo").Call(ctx, nil); err != nil {
		t.Error(err)
	}
	host.Continue()
	for {
		// The news may not be there yet.
		_, err := gate.Host().Service("stream").Call(ctx, nil)
		if err == nil {
			break
		}
		if err != gate.ErrUnavailable {
			t.Fatal(err)
		}
	}
}

func TestHostBreaksTheProtocol(t *testing.T) {
	for name, packets := range map[string]func(s *hosttest.Sender){
		"reply to no call":   func(s *hosttest.Sender) { s.Reply(); s.Reply() },
		"unknown domain":     func(s *hosttest.Sender) { s.Send(4, 0, nil) },
		"too much credit":    func(s *hosttest.Sender) { s.Reply(); s.Flow(7, 1<<31-1); s.Flow(7, 1) },
		"data beyond credit": func(s *hosttest.Sender) { s.Reply(); s.Data(7, 0, "x") },
		"short data":         func(s *hosttest.Sender) { s.Send(hosttest.Data, 0, []byte("short")) },
	} {
		t.Run(name, func(t *testing.T) {
			hosttest.Start(t, map[string]hosttest.Service{"bad": func(s *hosttest.Sender, _ hosttest.Packet) { packets(s) }})
			service := gate.Host().Service("bad")
			ended := make(chan error, 1)
			err := service.Start(testContext(t), nil, func(_ []byte, err error) {
				if err != nil {
					ended <- err
					return
				}
				stream := service.Stream(7)
				go func() {
					defer stream.Close()
					for {
						if _, err := stream.Write(make([]byte, 1)); err != nil {
							ended <- err
							return
						}
					}
				}()
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err == nil || !strings.HasPrefix(err.Error(), "gate: ") {
				t.Error(err)
			}
			if _, err := service.Call(testContext(t), nil); err == nil {
				t.Error("the connection has not ended")
			}
		})
	}
}

func TestConnectionEnds(t *testing.T) {
	host := hosttest.Start(t, map[string]hosttest.Service{"mute": func(*hosttest.Sender, hosttest.Packet) {}})
	errs := make(chan error, 1)
	service := gate.Host().Service("mute")
	if err := service.Start(testContext(t), nil, func(_ []byte, err error) { errs <- err }); err != nil {
		t.Fatal(err)
	}
	host.Close()
	if err := <-errs; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func TestNoHost(t *testing.T) {
	gate.SetHost(nil)
	if _, err := gate.Host().Service("echo").Call(testContext(t), nil); err != gate.ErrNoHost {
		t.Error(err)
	}
}
