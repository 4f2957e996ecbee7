// SPDX-License-Identifier: MIT OR Apache-2.0

// Package identity tells whose program this is. The answers can be different after the program was continued elsewhere.
package identity

import (
	"context"

	"gate"
)

const (
	opPrincipal = iota
	opInstance
)

// Principal returns "local", or "ed25519:" and a public key in Base64 (URL alphabet); nothing if the program is anonymous.
func Principal(ctx context.Context) (string, error) {
	return ask(ctx, opPrincipal)
}

// Instance returns the UUID of this program's instance; nothing if it has none.
func Instance(ctx context.Context) (string, error) {
	return ask(ctx, opInstance)
}

func ask(ctx context.Context, op byte) (string, error) {
	reply, err := gate.Host().Service("identity").Call(ctx, []byte{op})
	return string(reply), err
}
