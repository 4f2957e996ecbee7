/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/shell.h: the service "gate.computer/shell": commands of the operating system that the host runs on.
 */

#ifndef GATE_SHELL_H
#define GATE_SHELL_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Errors of gate_shell_spawn. */
enum {
	GATE_SHELL_SCOPE = 1, /* the program does not have the privilege GATE_SCOPE_SYSTEM */
	GATE_SHELL_QUOTA = 2, /* another command is running */
	GATE_SHELL_USER = 3   /* the user does not exist */
};

/* Instead of an exit code. */
enum {
	GATE_SHELL_LOST = -1,  /* the program was suspended meanwhile */
	GATE_SHELL_OTHER = -2, /* not known */
	GATE_SHELL_KILLED = -3 /* ended by a signal */
};

struct gate_shell_call_ {
	struct gate_call call;
	struct gate_stream *stream;
	void *buffer;
	size_t capacity;
	int error;
};

static inline void gate_shell_replied_(struct gate_service *shell, struct gate_call *call, const void *content, size_t size)
{
	struct gate_shell_call_ *spawn = (struct gate_shell_call_ *) (void *) call;
	struct {
		int16_t error;
		uint16_t reserved;
		int32_t id;
	} reply;

	if (size < sizeof reply)
		return;
	memcpy(&reply, content, sizeof reply);
	spawn->error = reply.error;
	if (reply.error == 0)
		gate_stream_init_read_only_(spawn->stream, shell, reply.id, spawn->buffer, spawn->capacity);
}

/*
 * Runs `/bin/sh -l -c command`.  What it writes to its standard output can be read from `stream`, which receives into `buffer`.
 * When that has ended, stream->read_note is the exit code.  Closing the stream kills the command.  Returns 0, an error number, or
 * -1 if there is no such service.
 */
static inline int gate_shell_spawn(struct gate_service *shell, const char *command, struct gate_stream *stream, void *buffer,
                                   size_t capacity)
{
	struct gate_shell_call_ spawn;

	memset(&spawn, 0, sizeof spawn);
	spawn.stream = stream;
	spawn.buffer = buffer;
	spawn.capacity = capacity;
	spawn.error = -1;
	spawn.call.on_reply = gate_shell_replied_;
	gate_call_start(shell, &spawn.call, command, strlen(command));
	(void) gate_call_wait(&spawn.call);
	return spawn.error;
}

#ifdef __cplusplus
}
#endif

#endif
