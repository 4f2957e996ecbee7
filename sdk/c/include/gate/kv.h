/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/kv.h: the service "kv": keys and values that outlive the program.  All programs of a principal share them.
 *
 * Keys have 1 to 255 bytes, values up to 65024 (GATE_KV_MAX_VALUE).  The version of a key changes whenever it is written, and never
 * is what it was before; that of a key that does not exist is 0.  So this adds 1 to a counter, whoever else does at the same time:
 *
 *     do {
 *             counter = version = 0;
 *             error = gate_kv_get(&kv, "visits", 6, &counter, sizeof counter, NULL, &version);
 *             if (error != 0 && error != GATE_KV_NOT_FOUND)
 *                     return error;
 *             counter++;
 *             error = gate_kv_set_if(&kv, "visits", 6, &counter, sizeof counter, &version);
 *     } while (error == GATE_KV_CONFLICT);
 *
 * What was written is on the host's disk when these functions return.
 */

#ifndef GATE_KV_H
#define GATE_KV_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The largest value, in bytes. */
#define GATE_KV_MAX_VALUE 65024

/* What the functions return. */
enum {
	GATE_KV_UNAVAILABLE = -1, /* there is no such service */
	GATE_KV_UNSUPPORTED = -2, /* the service does not know the operation */
	GATE_KV_OK = 0,
	GATE_KV_INVALID = 1,   /* the call makes no sense: a key is empty or too long */
	GATE_KV_NOT_FOUND = 2, /* there is no such key */
	GATE_KV_CONFLICT = 3,  /* the version is not the expected one; nothing was changed */
	GATE_KV_QUOTA = 4,     /* there would be more keys or bytes than allowed; nothing was changed */
	GATE_KV_TOO_LARGE = 5, /* the value is too large; nothing was changed */
	GATE_KV_STORAGE = 6,   /* the host failed; whether anything was changed is not known */
	GATE_KV_PRINCIPAL = 7  /* the program has no principal */
};

/* How much is stored, and how much can be. */
struct gate_kv_usage {
	uint64_t keys, max_keys;
	uint64_t bytes, max_bytes;
};

/* A key of a listing.  The pointers are valid only while the callback runs. */
struct gate_kv_entry {
	const void *key;
	size_t key_size;
	const void *value; /* null if values were not asked for */
	size_t value_size; /* also if there is no value */
	uint64_t version;
};

struct gate_kv_header_ {
	uint8_t op, key_size;
	uint16_t flags;
	uint32_t limit;
	uint64_t version;
};

struct gate_kv_reply_ {
	int16_t error;
	uint16_t flags;
	uint32_t count;
	uint64_t version;
};

struct gate_kv_call_ {
	struct gate_call call;
	struct gate_kv_reply_ reply;
	int error;
	/* Where a value goes, and how large it was. */
	void *value;
	size_t capacity, size;
	/* Where entries go. */
	void (*each)(void *user, const struct gate_kv_entry *entry);
	void *user;
	bool with_values;
};

static inline void gate_kv_entries_(struct gate_kv_call_ *call, const uint8_t *at, size_t size)
{
	uint32_t i;

	for (i = 0; i < call->reply.count; i++) {
		struct gate_kv_entry entry;
		uint32_t value_size;
		size_t rest;
		if (size < 16)
			GATE_FAIL("an entry of kv is too short");
		memcpy(&value_size, at + 4, sizeof value_size);
		memcpy(&entry.version, at + 8, sizeof entry.version);
		entry.key = at + 16;
		entry.key_size = at[0];
		entry.value_size = value_size;
		entry.value = call->with_values ? at + 16 + entry.key_size : NULL;
		rest = call->with_values ? value_size : 0;
		if (size - 16 < entry.key_size || size - 16 - entry.key_size < rest)
			GATE_FAIL("an entry of kv is too short");
		call->each(call->user, &entry);
		at += 16 + entry.key_size + rest;
		size -= 16 + entry.key_size + rest;
	}
}

static inline void gate_kv_replied_(struct gate_service *kv, struct gate_call *call, const void *content, size_t size)
{
	struct gate_kv_call_ *self = (struct gate_kv_call_ *) (void *) call;
	const uint8_t *rest = (const uint8_t *) content + sizeof self->reply;

	(void) kv;
	if (size < sizeof self->reply) {
		self->error = GATE_KV_UNSUPPORTED;
		return;
	}
	memcpy(&self->reply, content, sizeof self->reply);
	self->error = self->reply.error;
	size -= sizeof self->reply;
	if (self->error != 0)
		return;
	self->size = size;
	if (self->value != NULL && self->capacity > 0)
		memcpy(self->value, rest, size < self->capacity ? size : self->capacity);
	if (self->each != NULL)
		gate_kv_entries_(self, rest, size);
}

static inline int gate_kv_call_(struct gate_service *kv, struct gate_kv_call_ *call, struct gate_kv_header_ *header,
                                const void *key, size_t key_size, const void *rest, size_t rest_size)
{
	struct gate_iovec parts[5];

	if (key_size > 255)
		return GATE_KV_INVALID;
	if (rest_size > GATE_KV_MAX_VALUE)
		return GATE_KV_TOO_LARGE;
	header->key_size = (uint8_t) key_size;
	parts[1].iov_base = header;
	parts[1].iov_len = sizeof *header;
	parts[2].iov_base = (void *) (uintptr_t) key;
	parts[2].iov_len = key_size;
	parts[3].iov_base = (void *) (uintptr_t) rest;
	parts[3].iov_len = rest_size;
	call->error = GATE_KV_UNAVAILABLE;
	call->call.on_reply = gate_kv_replied_;
	gate_call_parts_(kv, &call->call, parts, 3);
	(void) gate_call_wait(&call->call);
	return call->error;
}

/* Sets or deletes. */
static inline int gate_kv_write_(struct gate_service *kv, uint8_t op, bool conditional, const void *key, size_t key_size,
                                 const void *value, size_t size, uint64_t *version)
{
	struct gate_kv_header_ header;
	struct gate_kv_call_ call;
	int error;

	memset(&header, 0, sizeof header);
	memset(&call, 0, sizeof call);
	header.op = op;
	header.flags = conditional ? 1 : 0;
	header.version = conditional ? *version : 0;
	error = gate_kv_call_(kv, &call, &header, key, key_size, value, size);
	if (version != NULL && (error == GATE_KV_OK || error == GATE_KV_CONFLICT))
		*version = call.reply.version;
	return error;
}

/*
 * Gets the value of a key, of which up to `capacity` bytes are stored in `value`, the size of the whole in `size`, and the
 * version in `version`; each of them may be null.
 */
static inline int gate_kv_get(struct gate_service *kv, const void *key, size_t key_size, void *value, size_t capacity,
                              size_t *size, uint64_t *version)
{
	struct gate_kv_header_ header;
	struct gate_kv_call_ call;
	int error;

	memset(&header, 0, sizeof header);
	memset(&call, 0, sizeof call);
	call.value = value;
	call.capacity = capacity;
	error = gate_kv_call_(kv, &call, &header, key, key_size, NULL, 0);
	if (error == GATE_KV_OK && size != NULL)
		*size = call.size;
	if (error == GATE_KV_OK && version != NULL)
		*version = call.reply.version;
	return error;
}

/* Sets the value of a key, whether it exists or not. */
static inline int gate_kv_set(struct gate_service *kv, const void *key, size_t key_size, const void *value, size_t size)
{
	return gate_kv_write_(kv, 1, false, key, key_size, value, size, NULL);
}

/* Sets the value of a key, if its version is `*version`; 0: if it does not exist.  `*version` becomes what it is now. */
static inline int gate_kv_set_if(struct gate_service *kv, const void *key, size_t key_size, const void *value, size_t size,
                                 uint64_t *version)
{
	return gate_kv_write_(kv, 1, true, key, key_size, value, size, version);
}

/* Removes a key. */
static inline int gate_kv_delete(struct gate_service *kv, const void *key, size_t key_size)
{
	return gate_kv_write_(kv, 2, false, key, key_size, NULL, 0, NULL);
}

/* Removes a key, if its version is `version`. */
static inline int gate_kv_delete_if(struct gate_service *kv, const void *key, size_t key_size, uint64_t version)
{
	return gate_kv_write_(kv, 2, true, key, key_size, NULL, 0, &version);
}

/*
 * Calls `each` for keys that begin with `prefix` and come after `after`, in the order of their bytes, with their values if
 * `with_values`; at most `limit` of them, if that is not 0.  The callback must not send or wait.  `*more` becomes whether there are
 * more: list again, after the last one.
 */
static inline int gate_kv_list(struct gate_service *kv, const void *prefix, size_t prefix_size, const void *after,
                               size_t after_size, bool with_values, uint32_t limit,
                               void (*each)(void *user, const struct gate_kv_entry *entry), void *user, bool *more)
{
	struct gate_kv_header_ header;
	struct gate_kv_call_ call;
	int error;

	memset(&header, 0, sizeof header);
	memset(&call, 0, sizeof call);
	header.op = 3;
	header.flags = with_values ? 2 : 0;
	header.limit = limit;
	call.each = each;
	call.user = user;
	call.with_values = with_values;
	error = gate_kv_call_(kv, &call, &header, after, after_size, prefix, prefix_size);
	*more = error == GATE_KV_OK && (call.reply.flags & 1);
	return error;
}

/* Tells how much is stored, and how much can be. */
static inline int gate_kv_get_usage(struct gate_service *kv, struct gate_kv_usage *usage)
{
	struct gate_kv_header_ header;
	struct gate_kv_call_ call;
	uint64_t numbers[4] = {0, 0, 0, 0};
	int error;

	memset(&header, 0, sizeof header);
	memset(&call, 0, sizeof call);
	header.op = 4;
	call.value = numbers;
	call.capacity = sizeof numbers;
	error = gate_kv_call_(kv, &call, &header, NULL, 0, NULL, 0);
	usage->keys = numbers[0];
	usage->max_keys = numbers[1];
	usage->bytes = numbers[2];
	usage->max_bytes = numbers[3];
	return error;
}

#ifdef __cplusplus
}
#endif

#endif
