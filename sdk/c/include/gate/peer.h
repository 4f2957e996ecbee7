/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/peer.h: the service "peer": streams between programs of one host.
 *
 * Programs are members of groups, which other services manage (gate/peerindex.h).  Two programs connect when each of them asks for
 * the other.  Events come in info packets:
 *
 *     static void on_info(struct gate_service *peer, const void *content, size_t size)
 *     {
 *             struct gate_peer_event event;
 *             if (gate_peer_event_parse(&event, content, size) && event.stream >= 0)
 *                     gate_stream_init(&stream, peer, event.stream, buffer, sizeof buffer);
 *     }
 */

#ifndef GATE_PEER_H
#define GATE_PEER_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Errors of gate_peer_connect. */
enum {
	GATE_PEER_ABI = 1,               /* the call makes no sense */
	GATE_PEER_GROUP_NOT_FOUND = 2,   /* this program is in no such group */
	GATE_PEER_NOT_FOUND = 3,         /* there is no such program in the group */
	GATE_PEER_SELF = 4,              /* that is this program */
	GATE_PEER_ALREADY_CONNECTING = 5,
	GATE_PEER_ALREADY_CONNECTED = 6
};

/* A text without NUL at its end. */
struct gate_peer_name {
	const char *text;
	size_t size;
};

/* Something that was told about a peer. */
struct gate_peer_event {
	int32_t stream; /* the stream to it; or -1: it wants to connect */
	struct gate_peer_name group, peer, type;
};

static inline bool gate_peer_name_parse_(struct gate_peer_name *name, const uint8_t **content, size_t *size)
{
	if (*size < 1 || *size - 1 < **content)
		return false;
	name->text = (const char *) *content + 1;
	name->size = **content;
	*content += 1 + name->size;
	*size -= 1 + name->size;
	return true;
}

/* Reads the content of an info packet.  Returns false if it is something else.  The names are parts of the content. */
static inline bool gate_peer_event_parse(struct gate_peer_event *event, const void *content, size_t size)
{
	const uint8_t *at = (const uint8_t *) content;

	if (size < 8)
		return false;
	memcpy(&event->stream, at, sizeof event->stream);
	at += 8;
	size -= 8;
	return gate_peer_name_parse_(&event->group, &at, &size) && gate_peer_name_parse_(&event->peer, &at, &size) &&
	       gate_peer_name_parse_(&event->type, &at, &size);
}

/* Tells the service that this program takes connections.  To be done before all else, with service->on_info set. */
static inline bool gate_peer_start(struct gate_service *peer)
{
	return gate_send_info(peer, NULL, 0);
}

/*
 * Asks for a stream to a program.  `type` says what for; the other program is told.  Each name has at most 255 bytes.  The stream
 * comes in an event, when the other program asks, too.  Returns 0, an error number, or -1 if there is no such service.
 */
static inline int gate_peer_connect(struct gate_service *peer, struct gate_peer_name group, struct gate_peer_name name,
                                    struct gate_peer_name type)
{
	static const uint8_t head[8] = {0};
	const struct gate_peer_name names[3] = {group, name, type};
	struct gate_call call;
	struct gate_iovec parts[9];
	uint8_t lengths[3];
	int16_t error = -1;
	int i;

	parts[1].iov_base = (void *) (uintptr_t) head;
	parts[1].iov_len = sizeof head;
	for (i = 0; i < 3; i++) {
		if (names[i].size > 255)
			GATE_FAIL("names of peers have at most 255 bytes");
		lengths[i] = (uint8_t) names[i].size;
		parts[2 * i + 2].iov_base = &lengths[i];
		parts[2 * i + 2].iov_len = 1;
		parts[2 * i + 3].iov_base = (void *) (uintptr_t) names[i].text;
		parts[2 * i + 3].iov_len = names[i].size;
	}
	memset(&call, 0, sizeof call);
	call.reply = &error;
	call.capacity = sizeof error;
	gate_call_parts_(peer, &call, parts, 7);
	return gate_call_wait(&call) < (long) sizeof error ? -1 : error;
}

/* A name from a string, for gate_peer_connect. */
static inline struct gate_peer_name gate_peer_name(const char *text)
{
	struct gate_peer_name name;

	name.text = text;
	name.size = strlen(text);
	return name;
}

#ifdef __cplusplus
}
#endif

#endif
