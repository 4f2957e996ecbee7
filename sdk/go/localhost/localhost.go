// SPDX-License-Identifier: MIT OR Apache-2.0

// Package localhost makes HTTP requests to the one server that the operator of the host has chosen.
package localhost

import (
	"context"
	"encoding/binary"
	"fmt"

	"gate"
)

// A Request is what is asked of the server.
type Request struct {
	Method      string // "GET" if empty
	URI         string // such as "/path?query"
	ContentType string // none if empty
	Body        []byte
}

// A Response is what the server says.
type Response struct {
	Status      int
	ContentType string
	Body        []byte
}

// Do makes a request.
func Do(ctx context.Context, request Request) (*Response, error) {
	content := encode(request)
	reply, err := gate.Host().Service("gate.computer/localhost").Call(ctx, content)
	if err != nil {
		return nil, err
	}
	if len(reply) == 0 {
		return nil, gate.ErrUnsupported
	}
	return decode(reply)
}

// The content of packets is FlatBuffers, written and read here by hand: a table is a signed offset back to its vtable, then its fields; a
// vtable has two sizes and the offsets of fields in the table, or 0; strings and vectors are a length and bytes, and fields
// refer to them by unsigned offsets forwards. Everything is aligned to 4 bytes.
//
//	Call { function_type u8 (1: Request), function }
//	Request { method string, uri string, content_type string, body [u8] }
//	Response { status_code u16, content_type string, body [u8] }

const (
	callTable    = 12
	requestTable = 36
	fixedSize    = 56
)

func encode(request Request) []byte {
	b := make([]byte, fixedSize)
	u16 := func(at int, value ...uint16) {
		for i, v := range value {
			binary.LittleEndian.PutUint16(b[at+2*i:], v)
		}
	}
	u32 := func(at int, value ...int) {
		for i, v := range value {
			binary.LittleEndian.PutUint32(b[at+4*i:], uint32(v))
		}
	}
	u32(0, callTable)
	u16(4, 8, 12, 8, 4)
	u32(callTable, callTable-4, requestTable-(callTable+4), 1)
	u16(24, 12, 20)
	u32(requestTable, requestTable-24)

	method := request.Method
	if method == "" {
		method = "GET"
	}
	for i, text := range []string{method, request.URI, request.ContentType, string(request.Body)} {
		if i >= 2 && text == "" {
			continue
		}
		field := requestTable + 4 + 4*i
		u16(28+2*i, uint16(4+4*i))
		u32(field, len(b)-field)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
		// A string has a zero at its end, and the next thing is aligned.
		b = append(b, make([]byte, 4-len(text)%4)...)
	}
	return b
}

// A reader reads a reply, and remembers whether anything was outside of it.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(at, size int) []byte {
	if at < 0 || size < 0 || at > len(r.b)-size {
		r.bad = true
		return make([]byte, min(max(size, 0), 4))
	}
	return r.b[at : at+size]
}

func (r *reader) u16(at int) int {
	return int(binary.LittleEndian.Uint16(r.bytes(at, 2)))
}

func (r *reader) u32(at int) int {
	value := binary.LittleEndian.Uint32(r.bytes(at, 4))
	if value > gate.MaxContent {
		r.bad = true
		return 0
	}
	return int(value)
}

// field returns where a field is, or 0.
func (r *reader) field(table, slot int) int {
	vtable := table - int(int32(binary.LittleEndian.Uint32(r.bytes(table, 4))))
	if r.u16(vtable) < 4+2*(slot+1) {
		return 0
	}
	offset := r.u16(vtable + 4 + 2*slot)
	if offset == 0 {
		return 0
	}
	return table + offset
}

// vector returns the string or vector to which a field refers.
func (r *reader) vector(field int) []byte {
	if field == 0 {
		return nil
	}
	at := field + r.u32(field)
	size := r.u32(at)
	if r.bad {
		return nil
	}
	return r.bytes(at+4, size)
}

func decode(reply []byte) (*Response, error) {
	r := &reader{b: reply}
	table := r.u32(0)
	response := new(Response)
	if field := r.field(table, 0); field != 0 {
		response.Status = r.u16(field)
	}
	response.ContentType = string(r.vector(r.field(table, 1)))
	response.Body = r.vector(r.field(table, 2))
	if r.bad {
		return nil, fmt.Errorf("%w: localhost", gate.ErrReply)
	}
	return response, nil
}
