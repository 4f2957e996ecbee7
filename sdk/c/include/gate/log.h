/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/log.h: the service "log": lines in the log of whoever operates the host.
 *
 *     struct gate_log_field field = {"user", name};
 *     gate_log(&log, GATE_LOG_WARNING, "login", "wrong password", &field, 1);
 */

#ifndef GATE_LOG_H
#define GATE_LOG_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How severe a line is. */
enum gate_log_severity {
	GATE_LOG_ERROR,
	GATE_LOG_WARNING,
	GATE_LOG_INFO,
	GATE_LOG_DEBUG,
	GATE_LOG_TRACE
};

/* The limits of a line: its size in bytes, headers included; the target's; the number of fields; the size of a key. */
#define GATE_LOG_MAX_LINE 8192
#define GATE_LOG_MAX_TARGET 64
#define GATE_LOG_MAX_FIELDS 32
#define GATE_LOG_MAX_KEY 64

/* Something more that belongs to a line. */
struct gate_log_field {
	const char *key;
	const char *value;
};

/*
 * Writes a line: `target` is the part of the program that says it, and may be empty.  All texts should be UTF-8.  Does not
 * wait for the log, which drops lines if there are too many.  Returns false, and writes nothing, if the line is over one of the
 * limits above, or there is no such service.
 */
static inline bool gate_log(struct gate_service *log, enum gate_log_severity severity, const char *target, const char *message,
                            const struct gate_log_field *fields, size_t count)
{
	struct {
		struct gate_packet header;
		uint8_t op, severity, target_size, fields;
		uint16_t message_size, reserved;
	} head;
	uint8_t field_heads[GATE_LOG_MAX_FIELDS][4];
	struct gate_iovec parts[3 + 3 * GATE_LOG_MAX_FIELDS + 1];
	size_t target_size = strlen(target), message_size = strlen(message), i;
	size_t size = 8 + target_size + message_size;

	if (!log->available || target_size > GATE_LOG_MAX_TARGET || count > GATE_LOG_MAX_FIELDS || size > GATE_LOG_MAX_LINE)
		return false;
	head.header.code = log->code;
	head.header.domain = GATE_PACKET_DOMAIN_INFO;
	head.op = 0;
	head.severity = (uint8_t) severity;
	head.target_size = (uint8_t) target_size;
	head.fields = (uint8_t) count;
	head.message_size = (uint16_t) message_size;
	head.reserved = 0;
	parts[0].iov_base = &head;
	parts[0].iov_len = sizeof head;
	parts[1].iov_base = (void *) (uintptr_t) target;
	parts[1].iov_len = target_size;
	parts[2].iov_base = (void *) (uintptr_t) message;
	parts[2].iov_len = message_size;
	for (i = 0; i < count; i++) {
		size_t key_size = strlen(fields[i].key), value_size = strlen(fields[i].value);
		struct gate_iovec *part = parts + 3 + 3 * i;
		size += 4 + key_size + value_size;
		if (key_size == 0 || key_size > GATE_LOG_MAX_KEY || value_size > GATE_LOG_MAX_LINE || size > GATE_LOG_MAX_LINE)
			return false;
		field_heads[i][0] = (uint8_t) key_size;
		field_heads[i][1] = 0;
		field_heads[i][2] = (uint8_t) (value_size & 255);
		field_heads[i][3] = (uint8_t) (value_size >> 8);
		part[0].iov_base = field_heads[i];
		part[0].iov_len = sizeof field_heads[i];
		part[1].iov_base = (void *) (uintptr_t) fields[i].key;
		part[1].iov_len = key_size;
		part[2].iov_base = (void *) (uintptr_t) fields[i].value;
		part[2].iov_len = value_size;
	}
	gate_send_parts_(log->session, &head.header, parts, (int) (3 + 3 * count));
	return true;
}

#ifdef __cplusplus
}
#endif

#endif
