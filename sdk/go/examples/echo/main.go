// Echo sends back what comes from whoever runs the program:
//
//	echo hello | gate run echo.wasm
package main

import (
	"context"
	"io"
	"log"

	"gate/origin"
)

func main() {
	stream, err := origin.Accept(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	if _, err := io.Copy(stream, stream); err != nil {
		log.Fatal(err)
	}
}
