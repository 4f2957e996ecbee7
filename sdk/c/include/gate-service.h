/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate-service.h: services for programs in C and C++, upon gate.h: discovery, calls, streams with flow control, and waiting.
 * gate-builtin.h has the calls of the services that come with Gate.
 *
 *     static struct gate_session session;
 *     static struct gate_service origin;
 *     static struct gate_stream stream;
 *     static uint8_t buffer[8192];
 *
 *     int main(void)
 *     {
 *             if (!gate_discover(&session, &origin, "origin"))
 *                     return 1;
 *             if (gate_origin_accept(&origin, &stream, buffer, sizeof buffer) != 0)
 *                     return 1;
 *             gate_stream_write(&stream, "hello\n", 6);
 *             gate_stream_close(&stream);
 *             return 0;
 *     }
 *
 * How it works:
 *
 * - A program has one packet stream, so it has one gate_session, which holds what was received and not looked at yet.
 * - There is no allocation.  Sessions, services, calls and streams are structs of the program; zeroed memory is their initial
 *   state.  They must stay where they are while they are in use, and only one thread may use them.
 * - Functions that wait handle all packets that arrive meanwhile: they complete other calls, and put bytes into the buffers of
 *   other streams.  So several calls and streams can be under way at once: gate_call_start, gate_stream_readable, gate_wait.
 * - Callbacks (on_info, on_reply) are called while packets are handled.  They may look and remember, and start streams with
 *   gate_stream_init, but not send, wait or end streams.
 * - When a program is continued somewhere without a service that it used, the calls of that service end without a reply, and its
 *   streams end.
 *
 * It needs memcmp, memcpy, memmove, memset, strcmp and strlen of the C library.  Packets that break the protocol end the program
 * (GATE_FAIL); they would be a bug of the host.
 */

#ifndef GATE_SERVICE_H
#define GATE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gate.h"

/* What is done when the host breaks the protocol, or the program misuses these functions. */
#ifndef GATE_FAIL
#define GATE_FAIL(message) \
	do { \
		gate_debug_str("gate: " message "\n"); \
		gate_exit(1); \
	} while (0)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The largest packet in either direction. */
#define GATE_MAX_PACKET_SIZE 65536

/* The most bytes that one data packet holds. */
#define GATE_MAX_DATA_SIZE (GATE_MAX_PACKET_SIZE - sizeof(struct gate_data_packet))

/* From how many bytes on a packet is handled while it is received, and its header received alone: to move it afterwards takes longer. */
#define GATE_DIRECT_SIZE_ 4096

/* What gate_call and similar functions return instead of a size if the service is not available. */
#define GATE_UNAVAILABLE (-1L)

struct gate_service;
struct gate_call;
struct gate_stream;

/* The program's end of the packet stream.  Its members are private. */
struct gate_session {
	struct gate_service *services;
	unsigned discovered;    /* how many names were sent */
	unsigned unanswered;    /* how many discovery packets were not replied to */
	/* Who waits for bytes in gate_stream_read, and where they go. */
	struct gate_stream *reader;
	uint8_t *target;
	size_t target_size;
	/* What is to come of a data packet whose beginning was handled, and whose it is, if anyone still wants it. */
	struct gate_stream *rest_of;
	size_t rest, padding;
	size_t begin, end; /* of what is in the buffer */
	uint64_t buffer[GATE_MAX_PACKET_SIZE / 8];
};

/* A service, once it is discovered. */
struct gate_service {
	/* May be set before discovery: is called for each info packet of the service. */
	void (*on_info)(struct gate_service *service, const void *content, size_t size);
	void *user; /* for the program's own use */

	/* May be read. */
	const char *name;
	bool available;

	/* Private. */
	int16_t code;
	struct gate_session *session;
	struct gate_service *next;
	struct gate_call *calls; /* sent and not replied to, the oldest first */
	struct gate_stream *streams;
};

/* A call that is under way. */
struct gate_call {
	/* Set before gate_call_start. */
	void *reply;     /* where the reply is stored */
	size_t capacity; /* how much of it; the rest is dropped */
	/* If set: is called with the reply, if there is one. */
	void (*on_reply)(struct gate_service *service, struct gate_call *call, const void *content, size_t size);

	/* May be read. */
	bool done;   /* there is a reply, or there will be none */
	long result; /* then: the size of the reply, or GATE_UNAVAILABLE */

	/* Private. */
	struct gate_service *service;
	struct gate_call *next;
};

/* One stream of bytes in each direction. */
struct gate_stream {
	/* May be read. */
	int32_t id;
	bool read_ended;   /* no more bytes will be received; some may be in the buffer */
	bool write_ended;  /* the other side takes no more bytes */
	int32_t read_note; /* what came with the end of what is received; its meaning depends on the service */
	int32_t flow_note; /* the last negative value of a flow packet; its meaning depends on the service */

	/* Private. */
	bool read_closed, write_closed; /* the other side was told */
	struct gate_service *service;
	struct gate_stream *next;
	uint8_t *buffer; /* a ring */
	size_t capacity, begin, size;
	size_t granted; /* how many bytes the other side may still send */
	size_t credit;  /* how many bytes may still be written */
};

/* Handling packets. */

static inline struct gate_stream *gate_find_stream_(struct gate_service *service, int32_t id)
{
	struct gate_stream *stream = service->streams;

	while (stream != NULL && stream->id != id)
		stream = stream->next;
	return stream;
}

static inline void gate_forget_stream_(struct gate_stream *stream)
{
	struct gate_session *session = stream->service->session;
	struct gate_stream **link = &stream->service->streams;

	if (session->rest_of == stream)
		session->rest_of = NULL;
	while (*link != NULL && *link != stream)
		link = &(*link)->next;
	if (*link != NULL)
		*link = stream->next;
}

static inline void gate_finish_call_(struct gate_call *call, long result)
{
	call->next = NULL;
	call->result = result;
	call->done = true;
}

/* A service has gone: nothing that was begun with it will end in another way. */
static inline void gate_lose_service_(struct gate_service *service)
{
	struct gate_stream *stream;

	service->available = false;
	while (service->calls != NULL) {
		struct gate_call *call = service->calls;
		service->calls = call->next;
		gate_finish_call_(call, GATE_UNAVAILABLE);
	}
	for (stream = service->streams; stream != NULL; stream = stream->next) {
		stream->read_ended = stream->read_closed = true;
		stream->write_ended = stream->write_closed = true;
		stream->granted = stream->credit = 0;
		if (stream->service->session->rest_of == stream)
			stream->service->session->rest_of = NULL;
	}
	service->streams = NULL;
}

static inline void gate_handle_states_(struct gate_session *session, const uint8_t *packet, size_t size)
{
	struct gate_service *service;
	uint16_t count;

	if (size < sizeof(struct gate_service_state_packet))
		GATE_FAIL("a packet about services is too short");
	memcpy(&count, packet + sizeof(struct gate_packet), sizeof count);
	if (size - sizeof(struct gate_service_state_packet) < count)
		GATE_FAIL("a packet about services is too short");
	for (service = session->services; service != NULL; service = service->next) {
		bool available = false;
		if (service->code < (int) count)
			available = packet[sizeof(struct gate_service_state_packet) + (size_t) service->code] &
			            GATE_SERVICE_STATE_AVAIL;
		if (service->available && !available)
			gate_lose_service_(service);
		service->available = available;
	}
	if (((const struct gate_packet *) packet)->domain == GATE_PACKET_DOMAIN_CALL && session->unanswered > 0)
		session->unanswered--;
}

static inline void gate_handle_reply_(struct gate_service *service, const uint8_t *packet, size_t size)
{
	const uint8_t *content = packet + sizeof(struct gate_packet);
	struct gate_call **link = &service->calls;
	struct gate_call *call;
	unsigned index = ((const struct gate_packet *) packet)->index;

	while (index > 0 && *link != NULL) {
		link = &(*link)->next;
		index--;
	}
	call = *link;
	if (call == NULL)
		GATE_FAIL("a reply to no call");
	*link = call->next;
	size -= sizeof(struct gate_packet);
	if (call->reply != NULL && call->capacity > 0)
		memcpy(call->reply, content, size < call->capacity ? size : call->capacity);
	gate_finish_call_(call, (long) size);
	if (call->on_reply != NULL)
		call->on_reply(service, call, content, size);
}

static inline void gate_handle_flow_(struct gate_service *service, const uint8_t *packet, size_t size)
{
	size_t at;

	for (at = sizeof(struct gate_packet); size - at >= sizeof(struct gate_flow); at += sizeof(struct gate_flow)) {
		struct gate_flow flow;
		struct gate_stream *stream;
		memcpy(&flow, packet + at, sizeof flow);
		stream = gate_find_stream_(service, flow.id);
		if (stream == NULL)
			continue; /* It was closed here before the other side knew. */
		if (flow.value > 0) {
			if (stream->credit > (size_t) (INT32_MAX - flow.value))
				GATE_FAIL("too much credit for a stream");
			stream->credit += (size_t) flow.value;
		} else if (flow.value == 0) {
			stream->write_ended = true;
		} else {
			stream->flow_note = flow.value;
		}
	}
}

/* Takes bytes of a stream that there was credit for. */
static inline void gate_take_(struct gate_stream *stream, const uint8_t *bytes, size_t size)
{
	struct gate_session *session = stream->service->session;
	size_t end, first;

	stream->granted -= size;
	if (stream->read_closed)
		return;
	if (stream->size == 0) {
		/* A reader that waits gets them at once.  What is left begins at the front, where the memory was used last. */
		if (stream == session->reader) {
			first = session->target_size < size ? session->target_size : size;
			memcpy(session->target, bytes, first);
			session->target += first;
			session->target_size -= first;
			bytes += first;
			size -= first;
		}
		stream->begin = 0;
	}
	end = (stream->begin + stream->size) % stream->capacity;
	first = stream->capacity - end < size ? stream->capacity - end : size;
	memcpy(stream->buffer + end, bytes, first);
	memcpy(stream->buffer, bytes + first, size - first);
	stream->size += size;
}

/* Handles a data packet, or the beginning of a large one that is for a reader who waits.  Of `size` bytes, `available` are there.  Returns
   how many were handled. */
static inline size_t gate_handle_data_(struct gate_service *service, const uint8_t *packet, size_t size, size_t available)
{
	struct gate_session *session = service->session;
	struct gate_data_packet data;
	struct gate_stream *stream;

	if (size < sizeof data)
		GATE_FAIL("a data packet is too short");
	if (available < sizeof data)
		return 0;
	memcpy(&data, packet, sizeof data);
	stream = gate_find_stream_(service, data.id);
	if (available < GATE_ALIGN_PACKET(size) && (size < GATE_DIRECT_SIZE_ || stream == NULL || stream != session->reader))
		return 0;
	if (stream == NULL)
		return GATE_ALIGN_PACKET(size); /* It was closed here before the other side knew. */
	if (size == sizeof data) {
		stream->read_ended = true;
		stream->read_note = data.note;
		return GATE_ALIGN_PACKET(size);
	}
	if (size - sizeof data > stream->granted)
		GATE_FAIL("more data than there was credit for");
	session->rest_of = stream;
	session->rest = size - sizeof data;
	session->padding = GATE_ALIGN_PACKET(size) - size;
	return sizeof data;
}

/* Handles what has come of a packet whose beginning was handled, and returns how many bytes that is. */
static inline size_t gate_handle_rest_(struct gate_session *session, const uint8_t *bytes, size_t available)
{
	size_t size = available < session->rest ? available : session->rest;
	size_t padding = available - size < session->padding ? available - size : session->padding;

	if (session->rest_of != NULL && size > 0)
		gate_take_(session->rest_of, bytes, size);
	session->rest -= size;
	session->padding -= padding;
	return size + padding;
}

/* Handles the first packet of what was received, if it is complete, or what there is of it, if a reader waits for that.  Returns
   whether there was something. */
static inline bool gate_handle_one_(struct gate_session *session)
{
	const uint8_t *packet = (const uint8_t *) session->buffer + session->begin;
	size_t available = session->end - session->begin;
	const struct gate_packet *header = (const struct gate_packet *) packet;
	struct gate_service *service;
	size_t size, handled;

	if (session->rest > 0 || session->padding > 0) {
		handled = gate_handle_rest_(session, packet, available);
		session->begin += handled;
		return handled > 0;
	}
	if (available < sizeof *header)
		return false;
	size = header->size;
	if (size < sizeof *header || size > GATE_MAX_PACKET_SIZE)
		GATE_FAIL("a packet of a wrong size");
	service = session->services;
	while (service != NULL && service->code != header->code)
		service = service->next;
	if (service != NULL && (header->domain & 15) == GATE_PACKET_DOMAIN_DATA) {
		handled = gate_handle_data_(service, packet, size, available);
		session->begin += handled;
		if (handled > 0 && session->rest > 0)
			session->begin += gate_handle_rest_(session, packet + handled, available - handled);
		return handled > 0;
	}
	if (available < GATE_ALIGN_PACKET(size))
		return false;
	session->begin += GATE_ALIGN_PACKET(size);
	if (header->code == GATE_PACKET_CODE_SERVICES) {
		gate_handle_states_(session, packet, size);
		return true;
	}
	if (service == NULL)
		GATE_FAIL("a packet of no service");
	switch (header->domain & 15) {
	case GATE_PACKET_DOMAIN_CALL:
		gate_handle_reply_(service, packet, size);
		break;
	case GATE_PACKET_DOMAIN_INFO:
		if (service->on_info != NULL)
			service->on_info(service, packet + sizeof *header, size - sizeof *header);
		break;
	case GATE_PACKET_DOMAIN_FLOW:
		gate_handle_flow_(service, packet, size);
		break;
	default:
		GATE_FAIL("a packet of an unknown domain");
	}
	return true;
}

/*
 * Prepares `room` for what is to be received, and returns in how many parts.
 *
 * The bytes of a large read go straight to where they are wanted: the header of the packet is received alone before them, and so is
 * that of the next one behind them.
 */
static inline int gate_room_(struct gate_session *session, struct gate_iovec *room)
{
	const struct gate_stream *reader = session->reader;
	size_t left = sizeof session->buffer - session->end;
	bool is_direct = reader != NULL && reader->size == 0 && session->end == 0;
	int count = 0;

	if (is_direct && session->rest > 0 && session->rest_of == reader) {
		room->iov_base = session->target;
		room->iov_len = session->target_size < session->rest ? session->target_size : session->rest;
		if (room->iov_len < session->rest)
			return 1;
		left = session->padding + sizeof(struct gate_data_packet);
		room++;
		count++;
	} else if (is_direct && session->rest == 0 && session->target_size >= GATE_DIRECT_SIZE_) {
		left = session->padding + sizeof(struct gate_data_packet);
	}
	room->iov_base = (uint8_t *) session->buffer + session->end;
	room->iov_len = left;
	return count + 1;
}

/* Sends and receives once.  `parts` are what is to be sent, and become what is left of it.  Returns how much was sent. */
static inline size_t gate_transfer_(struct gate_session *session, struct gate_iovec *parts, int count, int64_t timeout)
{
	struct gate_iovec room[2];
	size_t received = 0, sent = 0, left, direct = 0;
	int rooms;

	if (session->begin == session->end)
		session->begin = session->end = 0;
	if (session->begin > 0 && session->end == sizeof session->buffer) {
		memmove(session->buffer, (const uint8_t *) session->buffer + session->begin, session->end - session->begin);
		session->end -= session->begin;
		session->begin = 0;
	}
	rooms = gate_room_(session, room);
	gate_io(room, rooms, &received, parts, count, count > 0 ? &sent : NULL, timeout, NULL);
	if (room[0].iov_base == session->target && session->reader != NULL) {
		direct = received < room[0].iov_len ? received : room[0].iov_len;
		session->target += direct;
		session->target_size -= direct;
		session->rest -= direct;
		session->reader->granted -= direct;
	}
	session->end += received - direct;
	for (left = sent; left > 0; parts++) {
		size_t n = left < parts->iov_len ? left : parts->iov_len;
		parts->iov_base = (uint8_t *) parts->iov_base + n;
		parts->iov_len -= n;
		left -= n;
	}
	return sent;
}

/* Handles one packet, or receives more. */
static inline void gate_step_(struct gate_session *session)
{
	if (!gate_handle_one_(session))
		gate_transfer_(session, NULL, 0, -1);
}

/* Sends a packet of `count` parts, of which the first one begins with the header.  parts[count] must be there and is overwritten;
   so are the others. */
static inline void gate_send_parts_(struct gate_session *session, struct gate_packet *header, struct gate_iovec *parts, int count)
{
	static const uint64_t padding = 0;
	size_t size = 0, left;
	int i;

	for (i = 0; i < count; i++)
		size += parts[i].iov_len;
	if (size > GATE_MAX_PACKET_SIZE)
		GATE_FAIL("a packet that is too large to send");
	header->size = (uint32_t) size;
	header->index = 0;
	parts[count].iov_base = (void *) (uintptr_t) &padding;
	parts[count].iov_len = GATE_ALIGN_PACKET(size) - size;
	for (left = GATE_ALIGN_PACKET(size); left > 0; left -= gate_transfer_(session, parts, count + 1, -1)) {
		/* The host may be waiting for room, so there must be some.  A full buffer has a whole packet in it. */
		if (session->end == sizeof session->buffer && session->begin == 0)
			gate_handle_one_(session);
	}
}

/* Sends a packet.  `head` is its beginning, `rest` what comes behind. */
static inline void gate_send_packet_(struct gate_session *session, struct gate_packet *head, size_t head_size,
                                     const void *rest, size_t rest_size)
{
	struct gate_iovec parts[3];

	parts[0].iov_base = head;
	parts[0].iov_len = head_size;
	parts[1].iov_base = (void *) (uintptr_t) rest;
	parts[1].iov_len = rest_size;
	gate_send_parts_(session, head, parts, 2);
}

/* Sessions. */

/*
 * Waits until something has happened that concerns the program: at least one packet was handled, or `timeout` nanoseconds have
 * passed (for ever, if it is negative).  Returns how many packets there were.
 */
static inline unsigned gate_wait(struct gate_session *session, int64_t timeout)
{
	uint64_t begun = timeout > 0 ? gate_clock_monotonic() : 0;
	int64_t left = timeout;
	unsigned handled = 0;

	for (;;) {
		while (gate_handle_one_(session))
			handled++;
		if (handled > 0)
			return handled;
		gate_transfer_(session, NULL, 0, left);
		if (timeout >= 0) {
			uint64_t passed = timeout > 0 ? gate_clock_monotonic() - begun : 0;
			left = passed < (uint64_t) timeout ? timeout - (int64_t) passed : 0;
			while (gate_handle_one_(session))
				handled++;
			if (left == 0 || handled > 0)
				return handled;
		}
	}
}

/*
 * Discovers a service, and returns whether it is available here; if not, calls of it fail, but may succeed after the program
 * was continued elsewhere.  `name` has 1 to 127 bytes and must stay valid.  A service must be discovered only once.
 */
static inline bool gate_discover(struct gate_session *session, struct gate_service *service, const char *name)
{
	struct gate_service **link = &session->services;
	size_t length = strlen(name);
	struct {
		struct gate_packet header;
		uint8_t count[2];
		uint8_t length;
	} GATE_PACKED packet;

	if (length == 0 || length > 127)
		GATE_FAIL("a service's name has 1 to 127 bytes");
	while (*link != NULL) {
		if (strcmp((*link)->name, name) == 0)
			GATE_FAIL("a service was discovered twice");
		link = &(*link)->next;
	}
	service->name = name;
	service->session = session;
	service->available = false;
	service->next = NULL;
	service->calls = NULL;
	service->streams = NULL;
	service->code = (int16_t) session->discovered;
	if (session->discovered == 256)
		return false; /* The host has no room for more. */
	session->discovered++;
	*link = service;
	packet.header.code = GATE_PACKET_CODE_SERVICES;
	packet.header.domain = GATE_PACKET_DOMAIN_CALL;
	packet.count[0] = 1;
	packet.count[1] = 0;
	packet.length = (uint8_t) length;
	session->unanswered++;
	gate_send_packet_(session, &packet.header, sizeof packet, name, length);
	while (session->unanswered > 0)
		gate_step_(session);
	return service->available;
}

/* Sends an info packet.  Returns false if the service is not available. */
static inline bool gate_send_info(struct gate_service *service, const void *content, size_t size)
{
	struct gate_packet header;

	if (!service->available)
		return false;
	header.code = service->code;
	header.domain = GATE_PACKET_DOMAIN_INFO;
	gate_send_packet_(service->session, &header, sizeof header, content, size);
	return true;
}

/* Calls. */

/* Begins a call, of which the content is `count` parts.  There are two more elements around them, for the header and the padding:
   parts[0] and parts[count + 1]. */
static inline void gate_call_parts_(struct gate_service *service, struct gate_call *call, struct gate_iovec *parts, int count)
{
	struct gate_call **link = &service->calls;
	struct gate_packet header;

	call->service = service;
	call->next = NULL;
	call->done = false;
	call->result = GATE_UNAVAILABLE;
	if (!service->available) {
		call->done = true;
		return;
	}
	while (*link != NULL)
		link = &(*link)->next;
	*link = call;
	header.code = service->code;
	header.domain = GATE_PACKET_DOMAIN_CALL;
	parts[0].iov_base = &header;
	parts[0].iov_len = sizeof header;
	gate_send_parts_(service->session, &header, parts, count + 1);
}

/* Begins a call with up to GATE_MAX_PACKET_SIZE - 8 bytes of content.  At most 256 calls of a service may be under way. */
static inline void gate_call_start(struct gate_service *service, struct gate_call *call, const void *content, size_t size)
{
	struct gate_iovec parts[3];

	parts[1].iov_base = (void *) (uintptr_t) content;
	parts[1].iov_len = size;
	gate_call_parts_(service, call, parts, 1);
}

/* Waits for the end of a call, and returns the size of the reply, or GATE_UNAVAILABLE. */
static inline long gate_call_wait(struct gate_call *call)
{
	while (!call->done)
		gate_step_(call->service->session);
	return call->result;
}

/*
 * Calls a service, and waits for its reply, of which up to `capacity` bytes are stored in `reply`.  Returns the size of the
 * whole reply, or GATE_UNAVAILABLE.  Services reply with nothing to calls that they do not know.
 */
static inline long gate_call(struct gate_service *service, const void *content, size_t size, void *reply, size_t capacity)
{
	struct gate_call call;

	memset(&call, 0, sizeof call);
	call.reply = reply;
	call.capacity = capacity;
	gate_call_start(service, &call, content, size);
	return gate_call_wait(&call);
}

/* Streams. */

/*
 * Makes `stream` the stream `id` of a service.  To be called where the id becomes known, before any other function that sends or
 * waits; best in on_reply or on_info.  `buffer` is for what is received; it may be null if nothing is.
 */
static inline void gate_stream_init(struct gate_stream *stream, struct gate_service *service, int32_t id, void *buffer,
                                    size_t capacity)
{
	struct gate_stream *old = gate_find_stream_(service, id);

	if (old != NULL)
		gate_forget_stream_(old); /* The other side has ended it, or its number would not be free. */
	memset(stream, 0, sizeof *stream);
	stream->service = service;
	stream->id = id;
	stream->buffer = (uint8_t *) buffer;
	stream->capacity = buffer == NULL ? 0 : capacity < INT32_MAX ? capacity : INT32_MAX;
	stream->next = service->streams;
	service->streams = stream;
}

static inline void gate_send_flow_(struct gate_stream *stream, int32_t value)
{
	struct {
		struct gate_packet header;
		struct gate_flow flow;
	} GATE_PACKED packet;

	packet.header.code = stream->service->code;
	packet.header.domain = GATE_PACKET_DOMAIN_FLOW;
	packet.flow.id = stream->id;
	packet.flow.value = value;
	gate_send_packet_(stream->service->session, &packet.header, sizeof packet, NULL, 0);
}

static inline void gate_send_data_(struct gate_stream *stream, const void *data, size_t size, int32_t note)
{
	struct gate_data_packet packet;

	packet.header.code = stream->service->code;
	packet.header.domain = GATE_PACKET_DOMAIN_DATA;
	packet.id = stream->id;
	packet.note = note;
	gate_send_packet_(stream->service->session, &packet.header, sizeof packet, data, size);
}

/* Lets the other side send as much as there is room for in the buffer.  Reading does so, too. */
static inline void gate_stream_subscribe(struct gate_stream *stream)
{
	size_t room = stream->capacity - stream->size - stream->granted;

	if (stream->read_ended || stream->read_closed || room == 0)
		return;
	/* A packet for every few bytes would be a waste. */
	if (stream->granted > 0 && room < stream->capacity / 2)
		return;
	stream->granted += room;
	gate_send_flow_(stream, (int32_t) room);
}

/* For streams that only carry bytes to the program: nothing can be written, and no end is told. */
static inline void gate_stream_init_read_only_(struct gate_stream *stream, struct gate_service *service, int32_t id,
                                               void *buffer, size_t capacity)
{
	gate_stream_init(stream, service, id, buffer, capacity);
	stream->write_ended = stream->write_closed = true;
}

/* Whether gate_stream_read would return at once. */
static inline bool gate_stream_readable(const struct gate_stream *stream)
{
	return stream->size > 0 || stream->read_ended || stream->read_closed;
}

/* Whether gate_stream_write would send something at once, or fail. */
static inline bool gate_stream_writable(const struct gate_stream *stream)
{
	return stream->credit > 0 || stream->write_ended || stream->write_closed;
}

/* Waits for bytes, stores up to `size` of them, and returns how many; 0 at the end. */
static inline size_t gate_stream_read(struct gate_stream *stream, void *data, size_t size)
{
	struct gate_session *session = stream->service->session;
	uint8_t *to = (uint8_t *) data;
	size_t first;

	if (stream->capacity == 0 || size == 0)
		return 0;
	gate_stream_subscribe(stream);
	if (!gate_stream_readable(stream)) {
		session->reader = stream;
		session->target = to;
		session->target_size = size;
		while (session->target == to && !gate_stream_readable(stream))
			gate_step_(session);
		first = (size_t) (session->target - to);
		session->reader = NULL;
		session->target = NULL;
		session->target_size = 0;
		if (first > 0) {
			gate_stream_subscribe(stream);
			return first;
		}
	}
	if (size > stream->size)
		size = stream->size;
	first = stream->capacity - stream->begin < size ? stream->capacity - stream->begin : size;
	memcpy(to, stream->buffer + stream->begin, first);
	memcpy(to + first, stream->buffer, size - first);
	stream->begin = (stream->begin + size) % stream->capacity;
	stream->size -= size;
	gate_stream_subscribe(stream);
	return size;
}

/* Sends as many bytes as the other side takes at once: up to `size`, perhaps none.  Does not wait for credit. */
static inline size_t gate_stream_write_some(struct gate_stream *stream, const void *data, size_t size)
{
	if (stream->write_ended || stream->write_closed)
		return 0;
	if (size > stream->credit)
		size = stream->credit;
	if (size > GATE_MAX_DATA_SIZE)
		size = GATE_MAX_DATA_SIZE;
	if (size > 0) {
		stream->credit -= size;
		gate_send_data_(stream, data, size, 0);
	}
	return size;
}

/* Sends all bytes, and waits until the other side takes them.  Returns `size`, or less if it takes no more. */
static inline size_t gate_stream_write(struct gate_stream *stream, const void *data, size_t size)
{
	const uint8_t *from = (const uint8_t *) data;
	size_t done = 0;

	while (done < size && !stream->write_ended && !stream->write_closed) {
		size_t n = gate_stream_write_some(stream, from + done, size - done);
		if (n == 0)
			gate_step_(stream->service->session);
		done += n;
	}
	return done;
}

/* Tells the other side that nothing more will be written.  The meaning of `note` depends on the service; usually 0. */
static inline void gate_stream_close_write(struct gate_stream *stream, int32_t note)
{
	if (stream->write_closed)
		return;
	stream->write_closed = true;
	gate_send_data_(stream, NULL, 0, note);
}

/* Tells the other side that nothing more will be read.  What is in the buffer is dropped. */
static inline void gate_stream_close_read(struct gate_stream *stream)
{
	stream->size = 0;
	if (stream->read_closed)
		return;
	stream->read_closed = true;
	gate_send_flow_(stream, 0);
}

/* Closes both directions.  Afterwards the struct and the buffer are free for other uses. */
static inline void gate_stream_close(struct gate_stream *stream)
{
	gate_stream_close_write(stream, 0);
	gate_stream_close_read(stream);
	gate_forget_stream_(stream);
}

#ifdef __cplusplus
}
#endif

#endif
