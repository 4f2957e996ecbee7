// Catalog lists the services of the host:
//
//	gate run catalog.wasm
package main

import (
	"context"
	"fmt"
	"log"

	"gate/catalog"
	"gate/origin"
)

func main() {
	ctx := context.Background()
	stream, err := origin.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	services, err := catalog.Services(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, service := range services {
		fmt.Fprintf(stream, "%s %s\n", service.Name, service.Revision)
	}
}
