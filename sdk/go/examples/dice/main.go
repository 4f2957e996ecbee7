// Dice throws two dice:
//
//	gate run dice.wasm
package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"gate/origin"
	"gate/random"
)

func main() {
	ctx := context.Background()
	stream, err := origin.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	// Random bytes come slowly: they are the seed of a generator.
	var seed [32]byte
	if err := random.Read(ctx, seed[:16]); err != nil {
		log.Fatal(err)
	}
	dice := rand.New(rand.NewChaCha8(seed))
	fmt.Fprintln(stream, 1+dice.IntN(6), 1+dice.IntN(6))
}
