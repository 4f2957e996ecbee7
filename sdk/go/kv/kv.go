// SPDX-License-Identifier: MIT OR Apache-2.0

// Package kv has keys and values that outlive the program. All programs of a principal share them.
//
// Keys have 1 to 255 bytes, and values up to [MaxValue]. The version of a key changes whenever it is written, and never is what it was
// before; that of a key that does not exist is 0. So [Update] can change values although others do at the same time.
//
// What was written is on the host's disk when these functions return without error.
package kv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"gate"
)

const (
	// MaxKey is the length of the longest key, in bytes.
	MaxKey = 255
	// MaxValue is the length of the longest value, in bytes.
	MaxValue = 65024
)

// Errors of the functions of this package.
var (
	ErrInvalid   = errors.New("kv: the key is empty or too long")
	ErrNotFound  = errors.New("kv: no such key")
	ErrConflict  = errors.New("kv: the version is not the expected one")
	ErrQuota     = errors.New("kv: more keys or bytes than allowed")
	ErrTooLarge  = errors.New("kv: the value is too large")
	ErrStorage   = errors.New("kv: the storage of the host failed; whether the operation took place is not known")
	ErrPrincipal = errors.New("kv: the program has no principal")
)

// The numbers of errors are their positions.
var replies = []error{nil, ErrInvalid, ErrNotFound, ErrConflict, ErrQuota, ErrTooLarge, ErrStorage, ErrPrincipal}

const (
	opGet = iota
	opSet
	opDelete
	opList
	opUsage
)

const (
	flagConditional = 1 << iota
	flagValues
)

const (
	flagMore   = 1
	headerSize = 16
)

// An Entry is a key and what belongs to it.
type Entry struct {
	Key     string
	Value   []byte // nil for a listing without values
	Size    int    // of the value, also if that is nil
	Version uint64
}

// Usage is how much is stored, and how much can be.
type Usage struct {
	Keys, MaxKeys   uint64
	Bytes, MaxBytes uint64
}

type request struct {
	op      byte
	flags   uint16
	limit   uint32
	version uint64
	key     string
	rest    []byte
}

type reply struct {
	flags   uint16
	count   uint32
	version uint64
	rest    []byte
}

func call(ctx context.Context, r request) (reply, error) {
	if len(r.key) > MaxKey {
		return reply{}, ErrInvalid
	}
	if len(r.rest) > MaxValue {
		return reply{}, ErrTooLarge
	}
	content := make([]byte, headerSize, headerSize+len(r.key)+len(r.rest))
	content[0] = r.op
	content[1] = byte(len(r.key))
	binary.LittleEndian.PutUint16(content[2:], r.flags)
	binary.LittleEndian.PutUint32(content[4:], r.limit)
	binary.LittleEndian.PutUint64(content[8:], r.version)
	content = append(append(content, r.key...), r.rest...)
	b, err := gate.Host().Service("kv").Call(ctx, content)
	if err != nil {
		return reply{}, err
	}
	if len(b) < headerSize {
		return reply{}, gate.ErrUnsupported
	}
	number := int(int16(binary.LittleEndian.Uint16(b)))
	if number < 0 || number >= len(replies) {
		return reply{}, fmt.Errorf("kv: error %d", number)
	}
	return reply{
		flags:   binary.LittleEndian.Uint16(b[2:]),
		count:   binary.LittleEndian.Uint32(b[4:]),
		version: binary.LittleEndian.Uint64(b[8:]),
		rest:    b[headerSize:],
	}, replies[number]
}

// Get returns the value of a key, and its version.
func Get(ctx context.Context, key string) (value []byte, version uint64, err error) {
	r, err := call(ctx, request{op: opGet, key: key})
	if err != nil {
		return nil, 0, err
	}
	return r.rest, r.version, nil
}

// Set sets the value of a key, whether it exists or not, and returns the version.
func Set(ctx context.Context, key string, value []byte) (uint64, error) {
	r, err := call(ctx, request{op: opSet, key: key, rest: value})
	return r.version, err
}

// SetIf sets the value of a key if its version is the given one; 0: if it does not exist. It returns the version; with [ErrConflict],
// the version that there is instead.
func SetIf(ctx context.Context, key string, value []byte, version uint64) (uint64, error) {
	r, err := call(ctx, request{op: opSet, flags: flagConditional, version: version, key: key, rest: value})
	return r.version, err
}

// Delete removes a key.
func Delete(ctx context.Context, key string) error {
	_, err := call(ctx, request{op: opDelete, key: key})
	return err
}

// DeleteIf removes a key if its version is the given one.
func DeleteIf(ctx context.Context, key string, version uint64) error {
	_, err := call(ctx, request{op: opDelete, flags: flagConditional, version: version, key: key})
	return err
}

// Update sets the value of a key to what change makes of it, which is nil if there is no such key. If somebody else changes the
// value at the same time, change is called again with the new one. It returns what was set.
func Update(ctx context.Context, key string, change func(value []byte) ([]byte, error)) ([]byte, error) {
	for {
		value, version, err := Get(ctx, key)
		if err != nil && err != ErrNotFound {
			return nil, err
		}
		value, err = change(value)
		if err != nil {
			return nil, err
		}
		if _, err = SetIf(ctx, key, value, version); err != ErrConflict {
			return value, err
		}
	}
}

// Keys goes through the keys that begin with prefix, in the order of their bytes, without their values.
func Keys(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return list(ctx, prefix, 0)
}

// Entries goes through the keys that begin with prefix, in the order of their bytes, with their values.
func Entries(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return list(ctx, prefix, flagValues)
}

func list(ctx context.Context, prefix string, flags uint16) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		after := ""
		for {
			r, err := call(ctx, request{op: opList, flags: flags, key: after, rest: []byte(prefix)})
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for range r.count {
				var entry Entry
				entry, r.rest, err = split(r.rest, flags&flagValues != 0)
				if !yield(entry, err) || err != nil {
					return
				}
				after = entry.Key
			}
			if r.flags&flagMore == 0 || r.count == 0 {
				return
			}
		}
	}
}

// split takes the first entry of a listing.
func split(b []byte, values bool) (Entry, []byte, error) {
	cut := fmt.Errorf("%w: kv: an entry is cut", gate.ErrReply)
	if len(b) < headerSize {
		return Entry{}, nil, cut
	}
	key, size := int(b[0]), int(binary.LittleEndian.Uint32(b[4:]))
	entry := Entry{Size: size, Version: binary.LittleEndian.Uint64(b[8:])}
	if b = b[headerSize:]; len(b) < key {
		return Entry{}, nil, cut
	}
	entry.Key, b = string(b[:key]), b[key:]
	if values {
		if len(b) < size || size < 0 {
			return Entry{}, nil, cut
		}
		entry.Value, b = b[:size:size], b[size:]
	}
	return entry, b, nil
}

// GetUsage tells how much is stored.
func GetUsage(ctx context.Context) (Usage, error) {
	r, err := call(ctx, request{op: opUsage})
	if err != nil {
		return Usage{}, err
	}
	if len(r.rest) < 32 {
		return Usage{}, fmt.Errorf("%w: kv: usage is cut", gate.ErrReply)
	}
	number := func(i int) uint64 { return binary.LittleEndian.Uint64(r.rest[8*i:]) }
	return Usage{Keys: number(0), MaxKeys: number(1), Bytes: number(2), MaxBytes: number(3)}, nil
}
