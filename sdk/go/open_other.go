// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !wasip1

package gate

import "io"

func open() (io.ReadWriter, error) {
	return nil, ErrNoHost
}
