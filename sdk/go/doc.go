// SPDX-License-Identifier: MIT OR Apache-2.0

// Package gate connects a WebAssembly program to the services of its host, Gate.
//
// Build programs with GOOS=wasip1 GOARCH=wasm. The packages below this one are the services that come with Gate; this one is for
// other services:
//
//	func main() {
//		stream, err := origin.Accept(context.Background())
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer stream.Close()
//		io.Copy(stream, stream)
//	}
//
// A program that imports this package has no arguments, files or standard input; what it prints goes to its debug log. It can
// be suspended at any moment and continued elsewhere, and does not notice, except that services may be gone: then
// what waits for them fails with [ErrUnavailable].
//
// # Goroutines
//
// Everything can be used by many goroutines at once. One goroutine receives all packets; it starts with the first use of a
// service, and waits for input in the poller of the Go runtime like any other. So a program waits in the host only when all of its
// goroutines wait, and timers and other goroutines run meanwhile.
package gate
