// SPDX-License-Identifier: MIT OR Apache-2.0

// Package random has random bytes that nobody can foresee. They come slowly (16 in a second, if the host is not configured
// otherwise): use them as a seed.
package random

import (
	"context"
	"io"
	"sync"

	"gate"
)

const maxCount = 255

// The service takes one call at a time.
var calling sync.Mutex

// Reader is [Read] as an [io.Reader], for crypto packages and the like.
var Reader io.Reader = reader{}

type reader struct{}

func (reader) Read(p []byte) (int, error) {
	if err := Read(context.Background(), p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read fills p, and waits for as long as that takes.
func Read(ctx context.Context, p []byte) error {
	service := gate.Host().Service("random")
	for len(p) > 0 {
		count := min(len(p), maxCount)
		reply, err := call(ctx, service, byte(count))
		if err != nil {
			return err
		}
		// Fewer than asked for, perhaps none, come when the program was continued.
		p = p[copy(p[:count], reply):]
	}
	return nil
}

func call(ctx context.Context, service *gate.Service, count byte) ([]byte, error) {
	calling.Lock()
	results := make(chan func() ([]byte, error), 1)
	err := service.Start(ctx, []byte{count}, func(reply []byte, err error) {
		reply = append([]byte(nil), reply...)
		results <- func() ([]byte, error) { return reply, err }
		// Not earlier, also if nobody waits any more.
		calling.Unlock()
	})
	if err != nil {
		calling.Unlock()
		return nil, err
	}
	select {
	case result := <-results:
		return result()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
