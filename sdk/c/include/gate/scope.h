/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/scope.h: the service "scope": giving up privileges.
 */

#ifndef GATE_SCOPE_H
#define GATE_SCOPE_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The privilege to use programs of the operating system (gate/shell.h). */
#define GATE_SCOPE_SYSTEM "program:system"

/*
 * Restricts the program to those of its privileges that are among `names`, for ever.  There are at most 255 of them, each with 1
 * to 255 bytes.  Returns 0, an error number of the service, or -1 if there is no such service.
 */
static inline int gate_scope_restrict(struct gate_service *scope, const char *const *names, size_t count)
{
	struct gate_call call;
	struct gate_iovec parts[2 * 255 + 3];
	uint8_t lengths[255], head[2];
	int16_t error = -1;
	size_t i;

	if (count > 255)
		GATE_FAIL("more than 255 names of privileges");
	head[0] = 0;
	head[1] = (uint8_t) count;
	parts[1].iov_base = head;
	parts[1].iov_len = sizeof head;
	for (i = 0; i < count; i++) {
		size_t length = strlen(names[i]);
		if (length == 0 || length > 255)
			GATE_FAIL("the name of a privilege has 1 to 255 bytes");
		lengths[i] = (uint8_t) length;
		parts[2 * i + 2].iov_base = &lengths[i];
		parts[2 * i + 2].iov_len = 1;
		parts[2 * i + 3].iov_base = (void *) (uintptr_t) names[i];
		parts[2 * i + 3].iov_len = length;
	}
	memset(&call, 0, sizeof call);
	call.reply = &error;
	call.capacity = sizeof error;
	gate_call_parts_(scope, &call, parts, (int) (2 * count + 1));
	return gate_call_wait(&call) < (long) sizeof error ? -1 : error;
}

#ifdef __cplusplus
}
#endif

#endif
