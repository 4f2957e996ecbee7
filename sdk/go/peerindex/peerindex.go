// SPDX-License-Identifier: MIT OR Apache-2.0

// Package peerindex tells which other programs of the same principal can be reached through package peer.
package peerindex

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"gate"
)

// Group is the group in which these programs are, for peer.Connect.
const Group = "index/principal"

// ErrNotRegistered is that [Register] was not called, or in another place.
var ErrNotRegistered = errors.New("peerindex: this program is not registered")

func service() *gate.Service {
	return gate.Host().Service("peerindex/principal")
}

// Register puts this program into the index, under the name of its instance.
func Register(ctx context.Context) error {
	return service().SendInfo(ctx, nil)
}

// List returns the names of all other programs in the index, in order.
func List(ctx context.Context) ([]string, error) {
	reply, err := service().Call(ctx, nil)
	if err != nil {
		return nil, err
	}
	if len(reply) < 4 {
		return nil, gate.ErrUnsupported
	}
	switch number := int16(binary.LittleEndian.Uint16(reply)); number {
	case 0:
	case 1:
		return nil, ErrNotRegistered
	default:
		return nil, fmt.Errorf("peerindex: cannot list programs: error %d", number)
	}
	names := make([]string, binary.LittleEndian.Uint16(reply[2:]))
	rest := reply[4:]
	for i := range names {
		if len(rest) == 0 || len(rest)-1 < int(rest[0]) {
			return nil, fmt.Errorf("%w: peerindex: %d of %d names", gate.ErrReply, i, len(names))
		}
		end := 1 + int(rest[0])
		names[i] = string(rest[1:end])
		rest = rest[end:]
	}
	return names, nil
}
