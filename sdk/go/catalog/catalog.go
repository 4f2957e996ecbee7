// SPDX-License-Identifier: MIT OR Apache-2.0

// Package catalog lists the services that the host offers.
package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"gate"
)

// A Service is what the catalog says of one.
type Service struct {
	Name     string `json:"name"`
	Revision string `json:"revision"`
}

// JSON returns the listing as the service sends it.
func JSON(ctx context.Context) ([]byte, error) {
	reply, err := gate.Host().Service("catalog").Call(ctx, []byte("json"))
	if err == nil && len(reply) == 0 {
		err = gate.ErrUnsupported
	}
	return reply, err
}

// Services returns the services, ordered by name.
func Services(ctx context.Context) ([]Service, error) {
	text, err := JSON(ctx)
	if err != nil {
		return nil, err
	}
	var listing struct {
		Services []Service `json:"services"`
	}
	if err := json.Unmarshal(text, &listing); err != nil {
		return nil, fmt.Errorf("%w: catalog: %w", gate.ErrReply, err)
	}
	return listing.Services, nil
}
