// SPDX-License-Identifier: MIT OR Apache-2.0

// Package shell runs commands of the operating system that the host runs on.
package shell

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"gate"
)

// Errors of [Start].
var (
	ErrScope = errors.New("shell: the program does not have the privilege program:system")
	ErrQuota = errors.New("shell: another command is running")
	ErrUser  = errors.New("shell: the user does not exist")
)

// Exit codes of commands that did not exit.
const (
	Lost   = -1 // the program was suspended meanwhile
	Other  = -2 // not known
	Killed = -3 // ended by a signal
)

// An ExitError is that a command ended without success.
type ExitError struct {
	Code int
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("shell: command ended with code %d", e.Code)
}

// A Command is a command that runs.
type Command struct {
	stream *gate.Stream
}

// Start runs "/bin/sh -l -c command" as the operating system's user of the program.
func Start(ctx context.Context, command string) (*Command, error) {
	type result struct {
		command *Command
		err     error
	}
	service := gate.Host().Service("gate.computer/shell")
	results := make(chan result, 1)
	err := service.Start(ctx, []byte(command), func(reply []byte, err error) {
		c, err := started(service, reply, err)
		if err == nil && ctx.Err() != nil {
			go c.Close()
			err = ctx.Err()
		}
		results <- result{c, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case r := <-results:
		return r.command, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func started(service *gate.Service, reply []byte, err error) (*Command, error) {
	if err != nil {
		return nil, err
	}
	if len(reply) < 8 {
		return nil, gate.ErrUnsupported
	}
	switch number := int16(binary.LittleEndian.Uint16(reply)); number {
	case 0:
		return &Command{service.ReadStream(int32(binary.LittleEndian.Uint32(reply[4:])))}, nil
	case 1:
		return nil, ErrScope
	case 2:
		return nil, ErrQuota
	case 3:
		return nil, ErrUser
	default:
		return nil, fmt.Errorf("shell: cannot start the command: error %d", number)
	}
}

// Read reads what the command writes to its standard output. At its end the error is [io.EOF] if the command has succeeded,
// and an [*ExitError] if not.
func (c *Command) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	if code := c.stream.Note(); err == io.EOF && code != 0 {
		err = &ExitError{int(code)}
	}
	return n, err
}

// Close kills the command, if it still runs.
func (c *Command) Close() error {
	return c.stream.Close()
}

// Output runs a command to its end, and returns what it has written to its standard output.
func Output(ctx context.Context, command string) ([]byte, error) {
	c, err := Start(ctx, command)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	output, err := io.ReadAll(c)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return output, err
}
