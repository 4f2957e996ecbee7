// SPDX-License-Identifier: MIT OR Apache-2.0

// Package gatehttp makes HTTP requests to servers that the operator of the host allows.
//
//	client := &http.Client{Transport: gatehttp.Transport{}}
//	response, err := client.Get("https://example.com/")
package gatehttp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"gate"
)

// Errors of requests, and of reading the bodies of responses.
var (
	ErrInvalid      = errors.New("gatehttp: the method, URL or a header is not one, or not allowed")
	ErrForbidden    = errors.New("gatehttp: the operator does not allow this scheme, host or port")
	ErrPrivate      = errors.New("gatehttp: the host is in a private network, which the operator does not allow")
	ErrBusy         = errors.New("gatehttp: too many requests at once")
	ErrTooLarge     = errors.New("gatehttp: a head or body is larger than the operator allows")
	ErrNoName       = errors.New("gatehttp: the host's name cannot be resolved")
	ErrNoConnection = errors.New("gatehttp: no connection to the server")
	ErrNotSecure    = errors.New("gatehttp: the server's certificate is not valid, or it does not speak TLS")
	ErrTimeout      = errors.New("gatehttp: the request took too long")
	ErrBroken       = errors.New("gatehttp: the connection broke, or what came was not HTTP, or the request's body had another length than said")
	ErrCancelled    = errors.New("gatehttp: the request was given up")
	ErrLost         = errors.New("gatehttp: the program was continued in another place than where the request was made")
	ErrNoStream     = errors.New("gatehttp: there is no such request")
)

// The numbers of errors are their positions.
var numbers = []error{
	nil, ErrInvalid, ErrForbidden, ErrPrivate, ErrBusy, ErrTooLarge, ErrNoName, ErrNoConnection, ErrNotSecure, ErrTimeout,
	ErrBroken, ErrCancelled, ErrLost, ErrNoStream,
}

const (
	opRequest = iota
	opResponse
)

const (
	maxMethod     = 32
	maxURL        = 8192
	maxHeaders    = 128
	unknownLength = 1<<64 - 1
)

// Headers that are the service's business, not the program's.
var hopHeaders = []string{
	"Host", "Content-Length", "Connection", "Expect", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// Transport is an [http.RoundTripper]. Requests with a body of unknown length are sent as the service sees fit. Headers of the connection
// (Host, Connection, Upgrade and so on) are not sent.
type Transport struct {
	// Timeout limits how long a request takes, until its response has ended; 0: as long as the host allows.
	Timeout time.Duration
}

type started struct {
	stream *gate.Stream
	err    error
}

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	length := uint64(max(request.ContentLength, 0))
	if request.Body != nil && request.Body != http.NoBody && request.ContentLength <= 0 {
		length = unknownLength
	}
	stream, err := t.start(ctx, request, length)
	if err != nil {
		closeBody(request)
		return nil, err
	}
	if length != 0 {
		go send(stream, request.Body)
	} else {
		closeBody(request)
	}

	// Reading and writing have no contexts, but end when the stream is closed.
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	response, err := receive(ctx, stream, request)
	if err != nil {
		stop()
		stream.Close()
		return nil, err
	}
	response.Body = &body{stream: stream, ctx: ctx, stop: stop}
	return response, nil
}

// start makes the first call.
func (t Transport) start(ctx context.Context, request *http.Request, length uint64) (*gate.Stream, error) {
	content, err := encode(request, length, t.Timeout)
	if err != nil {
		return nil, err
	}
	service := gate.Host().Service("http")
	results := make(chan started, 1)
	err = service.Start(ctx, content, func(reply []byte, err error) {
		s := started{err: err}
		switch {
		case err != nil:
		case len(reply) < 8:
			s.err = gate.ErrUnsupported
		default:
			s.err = number(binary.LittleEndian.Uint16(reply))
		}
		if s.err == nil {
			id := int32(binary.LittleEndian.Uint32(reply[4:]))
			if length == 0 {
				s.stream = service.ReadStream(id)
			} else {
				s.stream = service.Stream(id)
			}
			if ctx.Err() != nil {
				go s.stream.Close()
			}
		}
		results <- s
	})
	if err != nil {
		return nil, err
	}
	select {
	case s := <-results:
		return s.stream, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func encode(request *http.Request, length uint64, timeout time.Duration) ([]byte, error) {
	method := request.Method
	if method == "" {
		method = http.MethodGet
	}
	target := *request.URL
	target.Fragment = ""
	url := target.String()
	if len(method) > maxMethod || len(url) > maxURL {
		return nil, ErrInvalid
	}
	content := []byte{opRequest, byte(len(method))}
	content = binary.LittleEndian.AppendUint16(content, uint16(len(url)))
	content = append(content, 0, 0, 0, 0)
	content = binary.LittleEndian.AppendUint64(content, length)
	content = binary.LittleEndian.AppendUint32(content, uint32(min(timeout.Milliseconds(), 1<<32-1)))
	content = append(append(content, method...), url...)

	header := request.Header.Clone()
	for _, name := range hopHeaders {
		header.Del(name)
	}
	count := 0
	for name, values := range header {
		for _, value := range values {
			if len(name) > 255 || len(value) > 65535 || count == maxHeaders {
				return nil, ErrInvalid
			}
			count++
			content = append(content, byte(len(name)))
			content = binary.LittleEndian.AppendUint16(content, uint16(len(value)))
			content = append(append(content, name...), value...)
		}
	}
	if len(content) > gate.MaxContent {
		return nil, ErrTooLarge
	}
	binary.LittleEndian.PutUint16(content[4:], uint16(count))
	return content, nil
}

// send writes the request's body. Errors show in the response.
func send(stream *gate.Stream, body io.ReadCloser) {
	defer body.Close()
	_, err := io.Copy(stream, body)
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		// The body cannot be read to its end, so the request makes no sense.
		stream.Close()
		return
	}
	_ = stream.CloseWrite()
}

// receive makes the second call.
func receive(ctx context.Context, stream *gate.Stream, request *http.Request) (*http.Response, error) {
	content := binary.LittleEndian.AppendUint32([]byte{opResponse, 0, 0, 0}, uint32(stream.ID()))
	head, err := gate.Host().Service("http").Call(ctx, content)
	if err != nil {
		return nil, err
	}
	if len(head) < 8 {
		return nil, gate.ErrUnsupported
	}
	if err := number(binary.LittleEndian.Uint16(head)); err != nil {
		return nil, err
	}
	status := int(binary.LittleEndian.Uint16(head[2:]))
	header := make(http.Header)
	rest := head[8:]
	for range binary.LittleEndian.Uint16(head[4:]) {
		if len(rest) < 3 {
			return nil, fmt.Errorf("%w: http: a header is cut", gate.ErrReply)
		}
		nameEnd := 3 + int(rest[0])
		valueEnd := nameEnd + int(binary.LittleEndian.Uint16(rest[1:]))
		if len(rest) < valueEnd {
			return nil, fmt.Errorf("%w: http: a header is cut", gate.ErrReply)
		}
		header.Add(string(rest[3:nameEnd]), string(rest[nameEnd:valueEnd]))
		rest = rest[valueEnd:]
	}
	length, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if err != nil || length < 0 {
		length = -1
	}
	return &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		ContentLength: length,
		Request:       request,
	}, nil
}

// A body is that of a response.
type body struct {
	stream *gate.Stream
	ctx    context.Context
	stop   func() bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.stream.Read(p)
	if n > 0 || err == nil {
		return n, err
	}
	if b.ctx.Err() != nil {
		return 0, b.ctx.Err()
	}
	if note := b.stream.Note(); err == io.EOF && note != 0 {
		return 0, number(uint16(note))
	}
	return 0, err
}

func (b *body) Close() error {
	b.stop()
	return b.stream.Close()
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		request.Body.Close()
	}
}

func number(n uint16) error {
	if int(n) >= len(numbers) {
		return fmt.Errorf("gatehttp: error %d", n)
	}
	return numbers[n]
}
