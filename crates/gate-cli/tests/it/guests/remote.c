/* Uses services of another program, as the lines say that come from whoever runs it, and writes a line for each:
 *
 *     #      how often that was asked: a call of COUNTER
 *     ?text  a call of LATER, which is not answered yet
 *     !      lets LATER answer, and writes the answers
 *     text   a call of ECHO
 *
 * ECHO, LATER and COUNTER are the names of the services.
 */

#include <gate/origin.h>
#include <stdio.h>

enum { MAX_CALLS = 8, MAX_LINE = 128 };

static struct gate_session session;
static struct gate_service origin, echo, later, counter;
static struct gate_stream stream;
static struct gate_call calls[MAX_CALLS];
static char replies[MAX_CALLS][MAX_LINE], received[4096];
static int asked;

static void put(const char *text, long size)
{
	if (size == GATE_UNAVAILABLE) {
		text = "unavailable";
		size = 11;
	}
	gate_stream_write(&stream, text, (size_t) size);
	gate_stream_write(&stream, "\n", 1);
}

static void handle(const char *line, size_t size)
{
	char text[MAX_LINE];
	uint64_t count = 0;
	int i;

	switch (size > 0 ? line[0] : 0) {
	case '#':
		if (gate_call(&counter, NULL, 0, &count, sizeof count) == sizeof count)
			put(text, snprintf(text, sizeof text, "%llu", (unsigned long long) count));
		else
			put(NULL, GATE_UNAVAILABLE);
		break;
	case '?':
		calls[asked].reply = replies[asked];
		calls[asked].capacity = MAX_LINE;
		gate_call_start(&later, &calls[asked], line + 1, size - 1);
		asked++;
		put("asked", 5);
		break;
	case '!':
		gate_send_info(&later, NULL, 0);
		for (i = 0; i < asked; i++)
			put(replies[i], gate_call_wait(&calls[i]));
		asked = 0;
		break;
	default:
		put(text, gate_call(&echo, line, size, text, sizeof text));
	}
}

int main(void)
{
	char line[MAX_LINE];
	size_t size = 0;

	if (!gate_discover(&session, &origin, "origin") || gate_origin_accept(&origin, &stream, received, sizeof received) != 0)
		return 1;
	gate_discover(&session, &echo, ECHO);
	gate_discover(&session, &later, LATER);
	gate_discover(&session, &counter, COUNTER);
	while (size < sizeof line && gate_stream_read(&stream, &line[size], 1) == 1) {
		if (line[size] != '\n') {
			size++;
			continue;
		}
		handle(line, size);
		size = 0;
	}
	gate_stream_close(&stream);
	return 0;
}
