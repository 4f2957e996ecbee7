// SPDX-License-Identifier: MIT OR Apache-2.0

package gate_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gate"
	"gate/catalog"
	"gate/gatehttp"
	"gate/gatelog"
	"gate/identity"
	"gate/internal/hosttest"
	"gate/kv"
	"gate/localhost"
	"gate/origin"
	"gate/peer"
	"gate/peerindex"
	"gate/random"
	"gate/scope"
	"gate/shell"
)

// replies is a service that replies to contents in hexadecimal; nothing to others.
func replies(table map[string]string) hosttest.Service {
	return func(s *hosttest.Sender, p hosttest.Packet) {
		reply, err := hex.DecodeString(strings.ReplaceAll(table[hex.EncodeToString(p.Content)], " ", ""))
		if err != nil {
			panic(err)
		}
		if p.Domain == hosttest.Call {
			s.Reply(reply...)
		}
	}
}

func text(s string) string {
	return hex.EncodeToString([]byte(s))
}

func TestCatalog(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"catalog": func(s *hosttest.Sender, p hosttest.Packet) {
		if string(p.Content) == "json" {
			s.Reply([]byte(`{"services": [{"name": "a", "revision": "0"}, {"name": "b", "revision": "1.2"}]}`)...)
		}
	}})
	services, err := catalog.Services(testContext(t))
	if err != nil || !slices.Equal(services, []catalog.Service{{Name: "a", Revision: "0"}, {Name: "b", Revision: "1.2"}}) {
		t.Error(services, err)
	}
}

func TestIdentity(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"identity": replies(map[string]string{"00": text("local"), "01": ""})})
	ctx := testContext(t)
	principal, err := identity.Principal(ctx)
	if principal != "local" || err != nil {
		t.Error(principal, err)
	}
	instance, err := identity.Instance(ctx)
	if instance != "" || err != nil {
		t.Error(instance, err)
	}
}

func TestScope(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"scope": replies(map[string]string{
		"0000":                            "0000",
		"00010e" + text("program:system"): "0000",
		"000101" + text("x"):              "0500",
	})})
	ctx := testContext(t)
	if err := scope.Restrict(ctx); err != nil {
		t.Error(err)
	}
	if err := scope.Restrict(ctx, scope.System); err != nil {
		t.Error(err)
	}
	if err := scope.Restrict(ctx, "x"); err == nil {
		t.Error("no error")
	}
	if err := scope.Restrict(ctx, "y"); err != gate.ErrUnsupported {
		t.Error(err)
	}
	if err := scope.Restrict(ctx, ""); err == nil {
		t.Error("no error")
	}
}

func TestRandomRepeatsShortReplies(t *testing.T) {
	next, calls := byte(0), 0
	var outstanding atomic.Int32
	hosttest.Start(t, map[string]hosttest.Service{"random": func(s *hosttest.Sender, p hosttest.Packet) {
		calls++
		if outstanding.Add(1) > 1 {
			t.Error("two calls at once")
		}
		reply := make([]byte, int(p.Content[0])*(calls%3)/2)
		for i := range reply {
			next++
			reply[i] = next
		}
		go func() {
			time.Sleep(time.Millisecond)
			outstanding.Add(-1)
			s.Reply(reply...)
		}()
	}})
	ctx := testContext(t)
	b := make([]byte, 600)
	if err := random.Read(ctx, b); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if b[i] != byte(i+1) {
			t.Fatal(i, b[i])
		}
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Add(1)
		go func() { defer wg.Done(); io.ReadFull(random.Reader, make([]byte, 5)) }()
	}
	wg.Wait()
}

func TestOrigin(t *testing.T) {
	accepts := make(chan *hosttest.Sender, 10)
	hosttest.Start(t, map[string]hosttest.Service{"origin": func(s *hosttest.Sender, p hosttest.Packet) {
		if p.Domain == hosttest.Call {
			accepts <- s
		}
	}})
	connect := func(id int32) {
		s := <-accepts
		s.Send(hosttest.Call, 0, hosttest.Pair(id, 0))
		s.Flow(id, 100)
	}
	ctx := testContext(t)

	// A connection that nobody waits for any more is for the next one, without another call.
	short, cancel := context.WithCancel(ctx)
	results := make(chan error)
	go func() { _, err := origin.Accept(short); results <- err }()
	first := <-accepts
	cancel()
	if err := <-results; err != context.Canceled {
		t.Error(err)
	}
	accepts <- first
	connect(0)
	stream, err := origin.Accept(ctx)
	if err != nil || stream.ID() != 0 {
		t.Fatal(stream, err)
	}
	if _, err := stream.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	if len(accepts) != 0 {
		t.Error("a call too many")
	}

	// Several at once.
	streams := make(chan *gate.Stream, 3)
	for range 3 {
		go func() {
			stream, err := origin.Accept(ctx)
			if err != nil {
				t.Error(err)
			}
			streams <- stream
		}()
	}
	ids := []int32{}
	for id := range int32(3) {
		connect(id + 1)
	}
	for range 3 {
		ids = append(ids, (<-streams).ID())
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []int32{1, 2, 3}) {
		t.Error(ids)
	}
}

func TestShell(t *testing.T) {
	codes := map[string]int32{"true": 0, "false": 1}
	code := int32(0)
	hosttest.Start(t, map[string]hosttest.Service{"gate.computer/shell": func(s *hosttest.Sender, p hosttest.Packet) {
		switch p.Domain {
		case hosttest.Call:
			known := false
			if code, known = codes[string(p.Content)]; known {
				s.Reply(hosttest.Pair(0, 0)...)
			} else {
				s.Reply(hosttest.Pair(1, -1)...)
			}
		case hosttest.Flow:
			if _, value, _ := hosttest.Split(p.Content); value > 10 {
				s.Data(0, 0, "output")
				s.Data(0, code, "")
			}
		default:
			t.Error("data for the shell")
		}
	}})
	ctx := testContext(t)
	output, err := shell.Output(ctx, "true")
	if string(output) != "output" || err != nil {
		t.Error(string(output), err)
	}
	output, err = shell.Output(ctx, "false")
	var exit *shell.ExitError
	if string(output) != "output" || !errors.As(err, &exit) || exit.Code != 1 {
		t.Error(string(output), err)
	}
	if _, err = shell.Output(ctx, "forbidden"); err != shell.ErrScope {
		t.Error(err)
	}
}

func TestPeers(t *testing.T) {
	names := func(id int32, names ...string) []byte {
		content := hosttest.Pair(id, 0)
		for _, name := range names {
			content = append(append(content, byte(len(name))), name...)
		}
		return content
	}
	hosttest.Start(t, map[string]hosttest.Service{
		"peerindex/principal": replies(map[string]string{"": "0000 0200 01 61 02 6262"}),
		"peer": func(s *hosttest.Sender, p hosttest.Packet) {
			switch {
			case p.Domain == hosttest.Info:
				s.Send(hosttest.Info, 0, names(-1, peerindex.Group, "bb", "chat"))
				s.Send(hosttest.Info, 0, []byte("malformed"))
			case p.Domain == hosttest.Call && bytes.Equal(p.Content, names(0, peerindex.Group, "bb", "chat")):
				s.Reply(0, 0, 0, 0)
				s.Send(hosttest.Info, 0, names(3, peerindex.Group, "bb", "chat"))
				s.Flow(3, 100)
			case p.Domain == hosttest.Call:
				s.Reply(3, 0, 0, 0)
			}
		},
	})
	ctx := testContext(t)
	if err := peerindex.Register(ctx); err != nil {
		t.Error(err)
	}
	list, err := peerindex.List(ctx)
	if err != nil || !slices.Equal(list, []string{"a", "bb"}) {
		t.Error(list, err)
	}
	peers, err := peer.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	event, err := peers.Next(ctx)
	if err != nil || event != (peer.Event{Group: peerindex.Group, Peer: "bb", Type: "chat"}) {
		t.Error(event, err)
	}
	if err := peers.Connect(ctx, peerindex.Group, "a", "chat"); err != peer.ErrNotFound {
		t.Error(err)
	}
	if err := peers.Connect(ctx, peerindex.Group, "bb", "chat"); err != nil {
		t.Error(err)
	}
	event, err = peers.Next(ctx)
	if err != nil || event.Stream == nil || event.Stream.ID() != 3 {
		t.Fatal(event, err)
	}
	if _, err := event.Stream.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
}

// A store is the service kv.
type store struct {
	values   map[string][]byte
	versions map[string]uint64
	version  uint64
}

func (k *store) handle(s *hosttest.Sender, p hosttest.Packet) {
	op, flags := p.Content[0], p.Content[2]
	limit, expected := int(binary.LittleEndian.Uint32(p.Content[4:])), binary.LittleEndian.Uint64(p.Content[8:])
	key, rest := string(p.Content[16:16+p.Content[1]]), p.Content[16+p.Content[1]:]
	reply := func(number, more byte, count uint32, version uint64, rest []byte) {
		content := binary.LittleEndian.AppendUint32([]byte{number, 0, more, 0}, count)
		s.Reply(append(binary.LittleEndian.AppendUint64(content, version), rest...)...)
	}
	value, exists := k.values[key]
	if flags&1 != 0 && expected != k.versions[key] {
		reply(3, 0, 0, k.versions[key], nil)
		return
	}
	switch {
	case op == 0 && exists:
		reply(0, 0, 0, k.versions[key], value)
	case op == 1:
		k.version++
		k.values[key], k.versions[key] = rest, k.version
		reply(0, 0, 0, k.version, nil)
	case op == 2 && exists:
		delete(k.values, key)
		delete(k.versions, key)
		reply(0, 0, 0, 0, nil)
	case op == 3:
		keys := []string{}
		for other := range k.values {
			if strings.HasPrefix(other, string(rest)) && other > key {
				keys = append(keys, other)
			}
		}
		slices.Sort(keys)
		more := byte(0)
		if limit = 2; len(keys) > limit {
			keys, more = keys[:limit], 1
		}
		var entries []byte
		for _, key := range keys {
			entries = append(entries, byte(len(key)), 0, 0, 0)
			entries = binary.LittleEndian.AppendUint32(entries, uint32(len(k.values[key])))
			entries = append(binary.LittleEndian.AppendUint64(entries, k.versions[key]), key...)
			if flags&2 != 0 {
				entries = append(entries, k.values[key]...)
			}
		}
		reply(0, more, uint32(len(keys)), 0, entries)
	case op == 4:
		reply(0, 0, 0, 0, []byte("\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00"))
	default:
		reply(2, 0, 0, 0, nil)
	}
}

func TestKV(t *testing.T) {
	k := &store{values: map[string][]byte{}, versions: map[string]uint64{}}
	hosttest.Start(t, map[string]hosttest.Service{"kv": k.handle})
	ctx := testContext(t)
	if _, _, err := kv.Get(ctx, "a"); err != kv.ErrNotFound {
		t.Error(err)
	}
	version, err := kv.Set(ctx, "a", []byte("1"))
	if version != 1 || err != nil {
		t.Error(version, err)
	}
	if version, err := kv.SetIf(ctx, "a", []byte("2"), 5); version != 1 || err != kv.ErrConflict {
		t.Error(version, err)
	}
	if version, err := kv.SetIf(ctx, "a", []byte("2"), 1); version != 2 || err != nil {
		t.Error(version, err)
	}
	value, version, err := kv.Get(ctx, "a")
	if string(value) != "2" || version != 2 || err != nil {
		t.Error(value, version, err)
	}
	if err := kv.DeleteIf(ctx, "a", 1); err != kv.ErrConflict {
		t.Error(err)
	}
	if err := kv.DeleteIf(ctx, "a", 2); err != nil {
		t.Error(err)
	}
	if err := kv.Delete(ctx, "a"); err != kv.ErrNotFound {
		t.Error(err)
	}
	if _, err := kv.Set(ctx, strings.Repeat("k", 256), nil); err != kv.ErrInvalid {
		t.Error(err)
	}
	if _, err := kv.Set(ctx, "k", make([]byte, kv.MaxValue+1)); err != kv.ErrTooLarge {
		t.Error(err)
	}
	usage, err := kv.GetUsage(ctx)
	if usage != (kv.Usage{Keys: 1, MaxKeys: 2, Bytes: 3, MaxBytes: 4}) || err != nil {
		t.Error(usage, err)
	}
}

func TestKVUpdateLosesNothing(t *testing.T) {
	k := &store{values: map[string][]byte{}, versions: map[string]uint64{}}
	hosttest.Start(t, map[string]hosttest.Service{"kv": k.handle})
	ctx := testContext(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 10 {
				_, err := kv.Update(ctx, "counter", func(value []byte) ([]byte, error) {
					return []byte(strings.Repeat("x", len(value)+1)), nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	value, _, err := kv.Get(ctx, "counter")
	if len(value) != 100 || err != nil {
		t.Error(len(value), err)
	}
}

func TestKVListing(t *testing.T) {
	k := &store{values: map[string][]byte{}, versions: map[string]uint64{}}
	hosttest.Start(t, map[string]hosttest.Service{"kv": k.handle})
	ctx := testContext(t)
	for i := range 5 {
		kv.Set(ctx, fmt.Sprint("p", i), []byte{byte(i)})
	}
	kv.Set(ctx, "q", nil)
	var keys, full []string
	for entry, err := range kv.Keys(ctx, "p") {
		if err != nil || entry.Value != nil || entry.Size != 1 {
			t.Error(entry, err)
		}
		keys = append(keys, entry.Key)
	}
	for entry, err := range kv.Entries(ctx, "") {
		if err != nil {
			t.Error(err)
		}
		full = append(full, fmt.Sprint(entry.Key, "=", entry.Value, entry.Version))
		if entry.Key == "p3" {
			break
		}
	}
	if !slices.Equal(keys, []string{"p0", "p1", "p2", "p3", "p4"}) {
		t.Error(keys)
	}
	if !slices.Equal(full, []string{"p0=[0] 1", "p1=[1] 2", "p2=[2] 3", "p3=[3] 4"}) {
		t.Error(full)
	}
}

func TestLog(t *testing.T) {
	lines := make(chan []byte, 10)
	hosttest.Start(t, map[string]hosttest.Service{"log": func(_ *hosttest.Sender, p hosttest.Packet) {
		if p.Domain == hosttest.Info {
			lines <- p.Content
		}
	}})
	logger := slog.New(gatelog.NewHandler("login", nil))
	logger.Debug("not written")
	logger.With("a", 1).WithGroup("g").Warn("wrong password", "user", "x", slog.Group("h", "b", true), "empty", "")
	expected := "\x00\x01\x05\x04\x0e\x00\x00\x00loginwrong password" +
		"\x01\x00\x01\x00a1" + "\x06\x00\x01\x00g.userx" + "\x05\x00\x04\x00g.h.btrue" + "\x07\x00\x00\x00g.empty"
	if line := string(<-lines); line != expected {
		t.Errorf("%q", line)
	}
	logger.Error(strings.Repeat("é", 5000), "field", "value")
	line := <-lines
	if len(line) > 8192 || len(line) < 8190 || line[3] != 0 || !strings.HasSuffix(string(line), "é") {
		t.Error(len(line), line[:10])
	}
}

func TestHTTP(t *testing.T) {
	request := "00 04 1300 0200 0000 0500000000000000 e8030000" + text("POST") + text("http://example.com/") +
		"01 0100" + text("A") + text("1") + "01 0100" + text("A") + text("2")
	response := "0000 c900 0200 0000" + "0e 0100" + text("content-length") + text("7") + "01 0200" + text("x") + text("yz")
	answer := replies(map[string]string{
		strings.ReplaceAll(request, " ", ""): "0000 0000 05000000",
		"0100000005000000":                   response,
	})
	var body []byte
	hosttest.Start(t, map[string]hosttest.Service{"http": func(s *hosttest.Sender, p hosttest.Packet) {
		answer(s, p)
		switch p.Domain {
		case hosttest.Call:
			if p.Content[0] == 0 {
				s.Flow(5, 3)
			}
		case hosttest.Data:
			_, _, data := hosttest.Split(p.Content)
			body = append(body, data...)
			if len(data) > 0 {
				s.Flow(5, int32(len(data)))
			} else {
				s.Flow(5, 0)
			}
		case hosttest.Flow:
			if _, value, _ := hosttest.Split(p.Content); value > 0 {
				s.Data(5, 0, "so be ")
				s.Data(5, 10, "")
			}
		}
	}})
	r, err := http.NewRequestWithContext(testContext(t), "POST", "http://example.com/#fragment", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header["A"] = []string{"1", "2"}
	r.Header.Set("Connection", "close")
	client := http.Client{Transport: gatehttp.Transport{Timeout: 1e9}}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != 201 || reply.Status != "201 Created" || reply.ContentLength != 7 || reply.Header.Get("X") != "yz" {
		t.Error(reply)
	}
	content, err := io.ReadAll(reply.Body)
	if string(content) != "so be " || err != gatehttp.ErrBroken {
		t.Error(string(content), err)
	}
}

func TestHTTPErrors(t *testing.T) {
	hosttest.Start(t, map[string]hosttest.Service{"http": func(s *hosttest.Sender, p hosttest.Packet) {
		switch {
		case p.Domain != hosttest.Call:
		case p.Content[0] == 0 && bytes.Contains(p.Content, []byte("forbidden")):
			s.Reply(hosttest.Pair(2, -1)...)
		case p.Content[0] == 0:
			s.Reply(hosttest.Pair(0, 0)...)
		case p.Content[0] == 1:
			s.Reply(7, 0, 0, 0, 0, 0, 0, 0)
			s.Data(0, 7, "")
		}
	}})
	client := http.Client{Transport: gatehttp.Transport{}}
	if _, err := client.Get("http://forbidden/"); !errors.Is(err, gatehttp.ErrForbidden) {
		t.Error(err)
	}
	if _, err := client.Get("http://example.com/"); !errors.Is(err, gatehttp.ErrNoConnection) {
		t.Error(err)
	}
}

func TestHTTPCancelled(t *testing.T) {
	called, closed := make(chan struct{}), make(chan struct{})
	hosttest.Start(t, map[string]hosttest.Service{"http": func(s *hosttest.Sender, p hosttest.Packet) {
		switch {
		case p.Domain == hosttest.Call && p.Content[0] == 0:
			s.Reply(hosttest.Pair(0, 0)...)
		case p.Domain == hosttest.Call:
			close(called)
		case p.Domain == hosttest.Flow:
			close(closed)
		}
	}})
	ctx, cancel := context.WithCancel(testContext(t))
	go func() { <-called; cancel() }()
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	client := http.Client{Transport: gatehttp.Transport{}}
	if _, err := client.Do(r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-closed
}

func TestLocalhost(t *testing.T) {
	var got []byte
	reply := "0c000000 0800 0c00 0600 0800" + "08000000 0000 c800" + "04000000 02000000 6869 0000"
	hosttest.Start(t, map[string]hosttest.Service{"gate.computer/localhost": func(s *hosttest.Sender, p hosttest.Packet) {
		got = p.Content
		b, _ := hex.DecodeString(strings.ReplaceAll(reply, " ", ""))
		s.Reply(b...)
	}})
	ctx := testContext(t)
	response, err := localhost.Do(ctx, localhost.Request{URI: "/x?y", Body: []byte("body")})
	if err != nil || response.Status != 200 || response.ContentType != "hi" || response.Body != nil {
		t.Error(response, err)
	}
	expected := "0c000000" + "0800 0c00 0800 0400" + "08000000 14000000 01000000" + "0c00 1400 0400 0800 0000 1000" + "0c000000 10000000 14000000 00000000 18000000" +
		"03000000" + text("GET") + "00" + "04000000" + text("/x?y") + "00000000" + "04000000" + text("body") + "00000000"
	if hex.EncodeToString(got) != strings.ReplaceAll(expected, " ", "") {
		t.Error(hex.EncodeToString(got))
	}
	// Nothing that a service could send is more than an error.
	whole := strings.ReplaceAll(reply, " ", "")
	for i := 0; i < len(whole); i += 2 {
		for _, value := range []string{"00", "01", "7f", "ff"} {
			reply = whole[:i] + value + whole[i+2:]
			localhost.Do(ctx, localhost.Request{URI: "/"})
		}
		reply = whole[:i]
		if _, err := localhost.Do(ctx, localhost.Request{URI: "/"}); i < 40 && err == nil {
			t.Error("cut at", i/2)
		}
	}
}
