// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Packets are a header of 8 bytes, content, and padding to a multiple of 8. Numbers are little-endian.
//
//	offset  type
//	0       u32   size of header and content
//	4       i16   code: which service; -1 for discovery
//	6       u8    domain
//	7       u8    index: which outstanding call a reply is for
const (
	// MaxContent is the most bytes of content that a call, a reply or an info packet holds.
	MaxContent = maxPacket - headerSize

	maxPacket   = 65536
	headerSize  = 8
	dataHeader  = 16
	maxData     = maxPacket - dataHeader
	maxServices = 256
	maxName     = 127
	discovery   = -1
)

type domain uint8

const (
	domainCall domain = iota
	domainInfo
	domainFlow
	domainData
)

type packet struct {
	code    int16
	domain  domain
	index   uint8
	content []byte // valid until the next packet is read
}

// appendPacket appends a packet whose content is in parts.
func appendPacket(b []byte, code int16, d domain, parts ...[]byte) []byte {
	start := len(b)
	b = append(b, make([]byte, headerSize)...)
	for _, part := range parts {
		b = append(b, part...)
	}
	size := len(b) - start
	binary.LittleEndian.PutUint32(b[start:], uint32(size))
	binary.LittleEndian.PutUint16(b[start+4:], uint16(code))
	b[start+6] = byte(d)
	return append(b, make([]byte, padding(size))...)
}

func appendFlow(b []byte, code int16, id, value int32) []byte {
	return appendPacket(b, code, domainFlow, pair(id, value))
}

func appendData(b []byte, code int16, id, note int32, data []byte) []byte {
	return appendPacket(b, code, domainData, pair(id, note), data)
}

func pair(id, value int32) []byte {
	var content [8]byte
	binary.LittleEndian.PutUint32(content[:], uint32(id))
	binary.LittleEndian.PutUint32(content[4:], uint32(value))
	return content[:]
}

// readPacket reads one packet, with buf for its content.
func readPacket(r io.Reader, buf *[maxPacket]byte) (packet, error) {
	header := buf[:headerSize]
	if _, err := io.ReadFull(r, header); err != nil {
		return packet{}, err
	}
	size := binary.LittleEndian.Uint32(header)
	if size < headerSize || size > maxPacket {
		return packet{}, fmt.Errorf("gate: the host sent a packet of %d bytes", size)
	}
	p := packet{
		code:   int16(binary.LittleEndian.Uint16(header[4:])),
		domain: domain(header[6] & 15),
		index:  header[7],
	}
	rest := buf[headerSize : int(size)+padding(int(size))]
	if _, err := io.ReadFull(r, rest); err != nil {
		return packet{}, err
	}
	p.content = rest[:size-headerSize]
	return p, nil
}

func padding(size int) int {
	return -size & 7
}
