/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/http.h: the service "http": requests to servers that the operator allows.
 *
 *     static struct gate_http_request request;
 *     static uint8_t buffer[16384];
 *     static char head[8192], body[4096];
 *
 *     error = gate_http_request(&http, &request, "GET", "https://example.com/", NULL, 0, 0, 0, buffer, sizeof buffer);
 *     if (error == 0)
 *             error = gate_http_response(&request, head, sizeof head);
 *     if (error == 0)
 *             while ((n = gate_stream_read(&request.body, body, sizeof body)) > 0)
 *                     ...
 *     gate_http_close(&request);
 *
 * A request's body is written to the same stream (gate_stream_write, gate_stream_close_write) before, while or after the response
 * is waited for.  When the response's body has ended, request.body.read_note is 0 if it is complete.
 */

#ifndef GATE_HTTP_H
#define GATE_HTTP_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the functions return, and the notes of bodies. */
enum {
	GATE_HTTP_UNAVAILABLE = -1, /* there is no such service */
	GATE_HTTP_UNSUPPORTED = -2, /* the service does not know the call */
	GATE_HTTP_OK = 0,
	GATE_HTTP_INVALID = 1,     /* the method, URL or a header is not one, or not allowed */
	GATE_HTTP_FORBIDDEN = 2,   /* the operator does not allow this scheme, host or port */
	GATE_HTTP_PRIVATE = 3,     /* the host is in a private network, which the operator does not allow */
	GATE_HTTP_BUSY = 4,        /* too many requests at once */
	GATE_HTTP_TOO_LARGE = 5,   /* a body or a head is larger than the operator allows */
	GATE_HTTP_NO_NAME = 6,     /* the host's name cannot be resolved */
	GATE_HTTP_NO_CONNECTION = 7,
	GATE_HTTP_NOT_SECURE = 8,  /* the server's certificate is not valid, or it does not speak TLS */
	GATE_HTTP_TIMEOUT = 9,
	GATE_HTTP_BROKEN = 10,     /* the connection broke, the server does not speak HTTP, or the body was not as long as said */
	GATE_HTTP_CANCELLED = 11,  /* the program closed the stream */
	GATE_HTTP_LOST = 12,       /* the program was continued elsewhere */
	GATE_HTTP_NO_STREAM = 13   /* the response was asked for before */
};

/* For gate_http_request: the length of the body is not known yet. */
#define GATE_HTTP_UNKNOWN_SIZE UINT64_MAX

/* The most headers of a request, the longest method and the longest URL in bytes. */
#define GATE_HTTP_MAX_HEADERS 128
#define GATE_HTTP_MAX_METHOD 32
#define GATE_HTTP_MAX_URL 8192

/* A header of a request. */
struct gate_http_header {
	const char *name;
	const char *value;
};

/* A request and its response. */
struct gate_http_request {
	/* May be read after gate_http_response. */
	unsigned status;       /* 200 to 999 */
	unsigned header_count; /* see gate_http_header_at */

	/* May be used after gate_http_request. */
	struct gate_stream body;

	/* Private. */
	const uint8_t *headers;
	size_t headers_size;
};

struct gate_http_call_ {
	struct gate_call call;
	struct gate_http_request *request;
	void *buffer;
	size_t capacity;
	bool has_body;
	int error;
};

static inline void gate_http_requested_(struct gate_service *http, struct gate_call *call, const void *content, size_t size)
{
	struct gate_http_call_ *self = (struct gate_http_call_ *) (void *) call;
	struct {
		int16_t error;
		uint16_t reserved;
		int32_t id;
	} reply;

	self->error = GATE_HTTP_UNSUPPORTED;
	if (size < sizeof reply)
		return;
	memcpy(&reply, content, sizeof reply);
	self->error = reply.error;
	if (reply.error != 0)
		return;
	if (self->has_body)
		gate_stream_init(&self->request->body, http, reply.id, self->buffer, self->capacity);
	else
		gate_stream_init_read_only_(&self->request->body, http, reply.id, self->buffer, self->capacity);
}

static inline void gate_http_part_(struct gate_iovec **part, const void *data, size_t size)
{
	(*part)->iov_base = (void *) (uintptr_t) data;
	(*part)->iov_len = size;
	(*part)++;
}

/*
 * Begins a request with a body of `body_size` bytes (0: there is none) that may take `timeout_ms` milliseconds (0: as long as the
 * host allows).  `buffer` is for the response's body.  Returns 0 or an error.
 */
static inline int gate_http_request(struct gate_service *http, struct gate_http_request *request, const char *method,
                                    const char *url, const struct gate_http_header *headers, size_t count, uint64_t body_size,
                                    uint32_t timeout_ms, void *buffer, size_t capacity)
{
	struct {
		uint8_t op, method_size;
		uint16_t url_size, count, reserved;
		uint64_t body_size;
		uint32_t timeout_ms;
	} GATE_PACKED head;
	uint8_t sizes[GATE_HTTP_MAX_HEADERS][3];
	struct gate_iovec parts[1 + 3 + 3 * GATE_HTTP_MAX_HEADERS + 1], *part = parts + 1;
	size_t method_size = strlen(method), url_size = strlen(url), size = sizeof head + method_size + url_size, i;
	struct gate_http_call_ call;

	memset(request, 0, sizeof *request);
	memset(&call, 0, sizeof call);
	if (method_size > GATE_HTTP_MAX_METHOD || url_size > GATE_HTTP_MAX_URL || count > GATE_HTTP_MAX_HEADERS)
		return GATE_HTTP_INVALID;
	head.op = 0;
	head.method_size = (uint8_t) method_size;
	head.url_size = (uint16_t) url_size;
	head.count = (uint16_t) count;
	head.reserved = 0;
	head.body_size = body_size;
	head.timeout_ms = timeout_ms;
	gate_http_part_(&part, &head, sizeof head);
	gate_http_part_(&part, method, method_size);
	gate_http_part_(&part, url, url_size);
	for (i = 0; i < count; i++) {
		size_t name_size = strlen(headers[i].name), value_size = strlen(headers[i].value);
		if (name_size > 255 || value_size > 65535)
			return GATE_HTTP_INVALID;
		size += 3 + name_size + value_size;
		sizes[i][0] = (uint8_t) name_size;
		sizes[i][1] = (uint8_t) (value_size & 255);
		sizes[i][2] = (uint8_t) (value_size >> 8);
		gate_http_part_(&part, sizes[i], sizeof sizes[i]);
		gate_http_part_(&part, headers[i].name, name_size);
		gate_http_part_(&part, headers[i].value, value_size);
	}
	if (size > GATE_MAX_PACKET_SIZE - sizeof(struct gate_packet))
		return GATE_HTTP_TOO_LARGE;
	call.request = request;
	call.buffer = buffer;
	call.capacity = capacity;
	call.has_body = body_size > 0;
	call.error = GATE_HTTP_UNAVAILABLE;
	call.call.on_reply = gate_http_requested_;
	gate_call_parts_(http, &call.call, parts, (int) (part - parts) - 1);
	(void) gate_call_wait(&call.call);
	return call.error;
}

/*
 * Waits for the response, and stores its headers in `head`, which must stay there while they are looked at.  Returns 0 or an
 * error; GATE_HTTP_TOO_LARGE also if they need more than `capacity` bytes (64 KiB always suffice).
 */
static inline int gate_http_response(struct gate_http_request *request, void *head, size_t capacity)
{
	struct {
		uint8_t op, reserved[3];
		int32_t stream;
	} content = {1, {0, 0, 0}, 0};
	uint16_t words[4];
	long size;

	if (request->body.service == NULL)
		return GATE_HTTP_NO_STREAM;
	if (capacity < sizeof words)
		return GATE_HTTP_TOO_LARGE;
	content.stream = request->body.id;
	size = gate_call(request->body.service, &content, sizeof content, head, capacity);
	if (size < 0)
		return GATE_HTTP_UNAVAILABLE;
	if ((size_t) size < sizeof words)
		return GATE_HTTP_UNSUPPORTED;
	memcpy(words, head, sizeof words);
	if (words[0] != 0)
		return words[0];
	if ((size_t) size > capacity)
		return GATE_HTTP_TOO_LARGE;
	request->status = words[1];
	request->header_count = words[2];
	request->headers = (const uint8_t *) head + sizeof words;
	request->headers_size = (size_t) size - sizeof words;
	return GATE_HTTP_OK;
}

/* A header of the response: parts of what gate_http_response has stored, without NUL at their ends.  Names are in lower case. */
struct gate_http_field {
	const char *name;
	size_t name_size;
	const char *value;
	size_t value_size;
};

/* The header at a position below request->header_count; false if there is none. */
static inline bool gate_http_header_at(const struct gate_http_request *request, unsigned position, struct gate_http_field *field)
{
	const uint8_t *at = request->headers;
	size_t left = request->headers_size;

	if (position >= request->header_count)
		return false;
	for (;; position--) {
		size_t name_size, value_size;
		if (left < 3)
			return false;
		name_size = at[0];
		value_size = (size_t) at[1] | (size_t) at[2] << 8;
		if (left - 3 < name_size + value_size)
			return false;
		if (position == 0) {
			field->name = (const char *) at + 3;
			field->name_size = name_size;
			field->value = field->name + name_size;
			field->value_size = value_size;
			return true;
		}
		at += 3 + name_size + value_size;
		left -= 3 + name_size + value_size;
	}
}

/* The first header of this name, in lower case; false if there is none. */
static inline bool gate_http_find_header(const struct gate_http_request *request, const char *name, struct gate_http_field *field)
{
	unsigned i;

	for (i = 0; gate_http_header_at(request, i, field); i++)
		if (field->name_size == strlen(name) && memcmp(field->name, name, field->name_size) == 0)
			return true;
	return false;
}

/* Ends a request, whether it has come to its end or not. */
static inline void gate_http_close(struct gate_http_request *request)
{
	if (request->body.service != NULL)
		gate_stream_close(&request->body);
	request->body.service = NULL;
}

#ifdef __cplusplus
}
#endif

#endif
