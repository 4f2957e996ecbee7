// SPDX-License-Identifier: MIT OR Apache-2.0

// Package gatelog writes lines into the log of whoever operates the host.
//
//	slog.SetDefault(slog.New(gatelog.NewHandler("login", nil)))
//	slog.Warn("wrong password", "user", name)
package gatelog

import (
	"context"
	"encoding/binary"
	"log/slog"
	"unicode/utf8"

	"gate"
)

// The limits of the service.
const (
	maxLine   = 8192
	maxTarget = 64
	maxFields = 32
	maxKey    = 64
)

const (
	headerSize      = 8
	fieldHeaderSize = 4
)

// A Handler is a [slog.Handler] that writes to the host's log. It does not wait for the log, which drops lines if there are too many.
// The time of a record is not written: the host knows it better.
type Handler struct {
	target string
	level  slog.Leveler
	prefix string // of keys: the open groups
	fields []field
}

type field struct {
	key, value string
}

// NewHandler returns a handler. target is the part of the program that says what is logged; it may be empty. Records below level (nil:
// [slog.LevelInfo]) are not written.
func NewHandler(target string, level slog.Leveler) *Handler {
	if level == nil {
		level = slog.LevelInfo
	}
	return &Handler{target: cut(target, maxTarget), level: level}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.fields = h.fields[:len(h.fields):len(h.fields)]
	for _, attr := range attrs {
		with.fields = appendField(with.fields, h.prefix, attr)
	}
	return &with
}

// WithGroup implements [slog.Handler]. Keys in groups are written as in "group.key".
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.prefix += name + "."
	return &with
}

// Handle implements [slog.Handler]. What is too large for a line is cut.
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	fields := h.fields[:len(h.fields):len(h.fields)]
	record.Attrs(func(attr slog.Attr) bool {
		fields = appendField(fields, h.prefix, attr)
		return true
	})
	return gate.Host().Service("log").SendInfo(ctx, encode(record.Level, h.target, record.Message, fields))
}

func encode(level slog.Level, target, message string, fields []field) []byte {
	left := maxLine - headerSize - len(target)
	message = cut(message, left)
	left -= len(message)
	content := make([]byte, headerSize, maxLine)
	content[1] = severity(level)
	content[2] = byte(len(target))
	binary.LittleEndian.PutUint16(content[4:], uint16(len(message)))
	content = append(append(content, target...), message...)
	for i, f := range fields {
		left -= fieldHeaderSize + len(f.key)
		if left < 0 || i == maxFields {
			break
		}
		value := cut(f.value, left)
		left -= len(value)
		content[3]++
		content = append(content, byte(len(f.key)), 0)
		content = binary.LittleEndian.AppendUint16(content, uint16(len(value)))
		content = append(append(content, f.key...), value...)
	}
	return content
}

func severity(level slog.Level) byte {
	switch {
	case level >= slog.LevelError:
		return 0
	case level >= slog.LevelWarn:
		return 1
	case level >= slog.LevelInfo:
		return 2
	case level >= slog.LevelDebug:
		return 3
	default:
		return 4
	}
}

func appendField(fields []field, prefix string, attr slog.Attr) []field {
	value := attr.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if attr.Key != "" {
			prefix += attr.Key + "."
		}
		for _, attr := range value.Group() {
			fields = appendField(fields, prefix, attr)
		}
		return fields
	}
	if attr.Key == "" {
		return fields
	}
	return append(fields, field{cut(prefix+attr.Key, maxKey), value.String()})
}

// cut returns at most size bytes of a text, and no part of a character.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
