/* Runs each line of its input as a command of the host, and writes what that writes, and how it has ended, in
 * parentheses. */

#include <gate/origin.h>
#include <gate/shell.h>
#include <stdio.h>

enum { MAX_LINE = 256 };

static struct gate_session session;
static struct gate_service origin, shell;
static struct gate_stream stream, output;
static char received[4096], buffer[4096];

static void run(const char *command)
{
	char text[MAX_LINE];
	size_t size;
	int error = gate_shell_spawn(&shell, command, &output, buffer, sizeof buffer);

	if (error != 0) {
		gate_stream_write(&stream, text, (size_t) snprintf(text, sizeof text, "(error %d)\n", error));
		return;
	}
	while ((size = gate_stream_read(&output, text, sizeof text)) > 0)
		gate_stream_write(&stream, text, size);
	gate_stream_write(&stream, text, (size_t) snprintf(text, sizeof text, "(%d)\n", (int) output.read_note));
	gate_stream_close(&output);
}

int main(void)
{
	char line[MAX_LINE];
	size_t size = 0;

	if (!gate_discover(&session, &origin, "origin") || gate_origin_accept(&origin, &stream, received, sizeof received) != 0)
		return 1;
	if (!gate_discover(&session, &shell, "gate.computer/shell"))
		gate_stream_write(&stream, "there is no shell\n", 18);
	while (size < sizeof line && gate_stream_read(&stream, &line[size], 1) == 1) {
		if (line[size] != '\n') {
			size++;
			continue;
		}
		line[size] = '\0';
		run(line);
		size = 0;
	}
	gate_stream_close(&stream);
	return 0;
}
