// SPDX-License-Identifier: MIT OR Apache-2.0

// Package scope gives up privileges.
package scope

import (
	"context"
	"encoding/binary"
	"fmt"

	"gate"
)

// System is the privilege to use programs of the operating system (package shell).
const System = "program:system"

// Restrict restricts the program to those of its privileges that are among names, for ever. There can be up to 255 names of 1 to 255 bytes.
func Restrict(ctx context.Context, names ...string) error {
	if len(names) > 255 {
		return fmt.Errorf("scope: %d names of privileges (limit: 255)", len(names))
	}
	content := []byte{0, byte(len(names))}
	for _, name := range names {
		if len(name) == 0 || len(name) > 255 {
			return fmt.Errorf("scope: %q is not the name of a privilege", name)
		}
		content = append(append(content, byte(len(name))), name...)
	}
	reply, err := gate.Host().Service("scope").Call(ctx, content)
	if err != nil {
		return err
	}
	if len(reply) < 2 {
		return gate.ErrUnsupported
	}
	if number := int16(binary.LittleEndian.Uint16(reply)); number != 0 {
		return fmt.Errorf("scope: cannot restrict the program: error %d", number)
	}
	return nil
}
