/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/localhost.h: the service "gate.computer/localhost": HTTP requests to the one server that the operator has chosen.
 *
 * The content of its packets is FlatBuffers, written and read here by hand: a table is a signed offset back to its vtable, then
 * its fields; a vtable has two sizes and the offsets of fields in the table, or 0; strings and vectors are a length and bytes,
 * and fields refer to them by unsigned offsets forwards.  Everything is aligned to 4 bytes.
 *
 *     Call { function_type u8 (1: Request), function }
 *     Request { method string, uri string, content_type string, body [u8] }
 *     Response { status_code u16, content_type string, body [u8] }
 */

#ifndef GATE_LOCALHOST_H
#define GATE_LOCALHOST_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The name of the service. */
#define GATE_LOCALHOST "gate.computer/localhost"

struct gate_localhost_call_ {
	struct gate_call call;
	char *content_type;
	size_t content_type_capacity;
	void *body;
	size_t capacity, *size;
	int status;
};

static inline uint32_t gate_localhost_u32_(const uint8_t *content, size_t size, size_t at, bool *sound)
{
	uint32_t value = 0;

	if (size < 4 || at > size - 4)
		*sound = false;
	else
		memcpy(&value, content + at, sizeof value);
	return value;
}

static inline uint16_t gate_localhost_u16_(const uint8_t *content, size_t size, size_t at, bool *sound)
{
	uint16_t value = 0;

	if (size < 2 || at > size - 2)
		*sound = false;
	else
		memcpy(&value, content + at, sizeof value);
	return value;
}

/* Where field `slot` of the table is, or 0. */
static inline size_t gate_localhost_field_(const uint8_t *content, size_t size, size_t table, unsigned slot, bool *sound)
{
	/* The offset is signed; modulo 2^32 there is no difference. */
	size_t vtable = (uint32_t) (table - gate_localhost_u32_(content, size, table, sound));
	uint16_t offset;

	if (gate_localhost_u16_(content, size, vtable, sound) < 4 + 2 * (slot + 1))
		return 0;
	offset = gate_localhost_u16_(content, size, vtable + 4 + 2 * slot, sound);
	return offset == 0 ? 0 : table + offset;
}

/* The string or vector to which a field refers; nothing if it is 0. */
static inline size_t gate_localhost_bytes_(const uint8_t *content, size_t size, size_t field, const uint8_t **bytes, bool *sound)
{
	size_t at, length;

	*bytes = content;
	if (field == 0)
		return 0;
	at = field + gate_localhost_u32_(content, size, field, sound);
	length = gate_localhost_u32_(content, size, at, sound);
	if (*sound && length > size - 4 - at)
		*sound = false;
	if (!*sound)
		return 0;
	*bytes = content + at + 4;
	return length;
}

static inline void gate_localhost_replied_(struct gate_service *service, struct gate_call *call, const void *content, size_t size)
{
	struct gate_localhost_call_ *self = (struct gate_localhost_call_ *) (void *) call;
	const uint8_t *reply = (const uint8_t *) content, *type, *body;
	size_t table, field, type_size, body_size;
	uint16_t status = 0;
	bool sound = true;

	(void) service;
	if (size == 0)
		return;
	table = gate_localhost_u32_(reply, size, 0, &sound);
	field = gate_localhost_field_(reply, size, table, 0, &sound);
	if (field != 0)
		status = gate_localhost_u16_(reply, size, field, &sound);
	type_size = gate_localhost_bytes_(reply, size, gate_localhost_field_(reply, size, table, 1, &sound), &type, &sound);
	body_size = gate_localhost_bytes_(reply, size, gate_localhost_field_(reply, size, table, 2, &sound), &body, &sound);
	if (!sound)
		return;
	self->status = status;
	if (self->content_type != NULL && self->content_type_capacity > 0) {
		size_t n = type_size < self->content_type_capacity ? type_size : self->content_type_capacity - 1;
		memcpy(self->content_type, type, n);
		self->content_type[n] = '\0';
	}
	if (self->body != NULL && self->capacity > 0)
		memcpy(self->body, body, body_size < self->capacity ? body_size : self->capacity);
	if (self->size != NULL)
		*self->size = body_size;
}

/* A request, and where its response is stored. */
struct gate_localhost_request {
	const char *method;       /* such as "GET" */
	const char *uri;          /* such as "/path?query" */
	const char *content_type; /* or null */
	const void *body;
	size_t body_size;

	/* Each may be null, or 0. */
	char *response_type;    /* becomes a string, cut if it is too long */
	size_t response_type_capacity;
	void *response;         /* the body, cut if it is too long */
	size_t response_capacity;
	size_t *response_size;  /* how large the body was */
};

/* Makes a request.  Returns the status of the response; 0 if it was not understood; -1 if there is no such service. */
static inline int gate_localhost(struct gate_service *localhost, const struct gate_localhost_request *request)
{
	static const uint8_t zeros[4] = {0};
	const void *texts[4];
	size_t sizes[4], at = 56, i;
	uint32_t lengths[4];
	struct {
		uint32_t root;
		uint16_t call_vtable[4];
		uint32_t call_offset, function, function_type;
		uint16_t request_vtable[6];
		uint32_t request_offset, fields[4];
	} head;
	struct gate_iovec parts[1 + 1 + 3 * 4 + 1], *part = parts + 1;
	struct gate_localhost_call_ call;

	texts[0] = request->method;
	texts[1] = request->uri;
	texts[2] = request->content_type;
	texts[3] = request->body_size > 0 ? request->body : NULL;
	memset(&head, 0, sizeof head);
	head.root = 12; /* where the call is */
	head.call_vtable[0] = 8;
	head.call_vtable[1] = 12;
	head.call_vtable[2] = 8; /* function_type */
	head.call_vtable[3] = 4; /* function */
	head.call_offset = 12 - 4;
	head.function = 36 - 16; /* from here to the request */
	head.function_type = 1;
	head.request_vtable[0] = 12;
	head.request_vtable[1] = 20;
	head.request_offset = 36 - 24;
	part->iov_base = &head;
	part->iov_len = sizeof head;
	part++;
	for (i = 0; i < 4; i++) {
		if (texts[i] == NULL)
			continue;
		sizes[i] = i == 3 ? request->body_size : strlen((const char *) texts[i]);
		if (sizes[i] > GATE_MAX_PACKET_SIZE)
			GATE_FAIL("a request that is too large to send");
		lengths[i] = (uint32_t) sizes[i];
		head.request_vtable[2 + i] = (uint16_t) (4 + 4 * i);
		head.fields[i] = (uint32_t) (at - (40 + 4 * i));
		part->iov_base = &lengths[i];
		part->iov_len = 4;
		part++;
		part->iov_base = (void *) (uintptr_t) texts[i];
		part->iov_len = sizes[i];
		part++;
		part->iov_base = (void *) (uintptr_t) zeros; /* a string has one at its end, and the next thing is aligned */
		part->iov_len = 4 - sizes[i] % 4;
		part++;
		at += 4 + sizes[i] + 4 - sizes[i] % 4;
	}
	memset(&call, 0, sizeof call);
	call.content_type = request->response_type;
	call.content_type_capacity = request->response_type_capacity;
	call.body = request->response;
	call.capacity = request->response_capacity;
	call.size = request->response_size;
	call.call.on_reply = gate_localhost_replied_;
	gate_call_parts_(localhost, &call.call, parts, (int) (part - parts) - 1);
	return gate_call_wait(&call.call) < 0 ? -1 : call.status;
}

#ifdef __cplusplus
}
#endif

#endif
