// Counter counts how often it was run:
//
//	gate run counter.wasm
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"

	"gate/kv"
	"gate/origin"
)

func main() {
	ctx := context.Background()
	stream, err := origin.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	// The function is called again if another program does the same at this moment.
	value, err := kv.Update(ctx, "visits", func(value []byte) ([]byte, error) {
		var number [8]byte
		copy(number[:], value)
		visits := binary.LittleEndian.Uint64(number[:]) + 1
		return binary.LittleEndian.AppendUint64(nil, visits), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(stream, "visit %d\n", binary.LittleEndian.Uint64(value))
}
