// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"io"
	"os"
)

// packetDescriptor returns the number of the file descriptor of the packet stream. That this is imported is what makes a module a program
// with services.
//
//go:wasmimport gate fd_65536
func packetDescriptor() uint32

// open opens the packet stream. The descriptor does not block, so the runtime waits for it together with timers and everything else,
// and only when no goroutine can run.
func open() (io.ReadWriter, error) {
	file := os.NewFile(uintptr(packetDescriptor()), "gate")
	if file == nil {
		return nil, ErrNoHost
	}
	return file, nil
}
