/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/origin.h: the service "origin": connections of those who run the program.
 *
 * For `gate run`, the first connection is its standard input and output.
 *
 * As many bytes come at a time as fit the buffer of a stream.  8 KiB are enough for what people type; streams of many megabytes are fastest
 * with 1 MiB.
 */

#ifndef GATE_ORIGIN_H
#define GATE_ORIGIN_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Waiting for a connection. */
struct gate_accept {
	struct gate_call call; /* call.done may be read */
	struct gate_stream *stream;
	void *buffer;
	size_t capacity;
	int error;
};

static inline void gate_accepted_(struct gate_service *origin, struct gate_call *call, const void *content, size_t size)
{
	struct gate_accept *accept = (struct gate_accept *) (void *) call;
	struct {
		int32_t id;
		int16_t error;
		uint16_t reserved;
	} reply;

	if (size < sizeof reply)
		return;
	memcpy(&reply, content, sizeof reply);
	accept->error = reply.error;
	if (reply.error == 0)
		gate_stream_init(accept->stream, origin, reply.id, accept->buffer, accept->capacity);
}

/* Begins to wait for a connection.  There can be several such waits.  See gate_accept_wait for the arguments. */
static inline void gate_accept_start(struct gate_service *origin, struct gate_accept *accept, struct gate_stream *stream,
                                     void *buffer, size_t capacity)
{
	/* What is written is split, however much credit there is. */
	static const uint32_t credit = INT32_MAX;

	memset(accept, 0, sizeof *accept);
	accept->stream = stream;
	accept->buffer = buffer;
	accept->capacity = capacity;
	accept->error = -1;
	accept->call.on_reply = gate_accepted_;
	gate_call_start(origin, &accept->call, &credit, sizeof credit);
}

/* Waits until there is a connection.  Returns 0; or an error number of the service, or -1 if there is no such service. */
static inline int gate_accept_wait(struct gate_accept *accept)
{
	(void) gate_call_wait(&accept->call);
	return accept->error;
}

/* Waits for a connection, and makes it `stream`, which receives into `buffer`.  Returns as gate_accept_wait. */
static inline int gate_origin_accept(struct gate_service *origin, struct gate_stream *stream, void *buffer, size_t capacity)
{
	struct gate_accept accept;

	gate_accept_start(origin, &accept, stream, buffer, capacity);
	return gate_accept_wait(&accept);
}

#ifdef __cplusplus
}
#endif

#endif
