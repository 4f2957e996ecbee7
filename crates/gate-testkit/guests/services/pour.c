/* Writes BYTES bytes to whoever runs it: on its own, to standard output; under Gate, through origin. */

#include <stdint.h>
#include <string.h>
#ifdef __wasm__
#include <gate/origin.h>

static struct gate_session session;
static struct gate_service origin;
static struct gate_stream stream;
static char received[64];
#else
#include <unistd.h>
#endif

static char text[65536];

int main(void)
{
	uint64_t left = BYTES;

	memset(text, 'x', sizeof text);
#ifdef __wasm__
	if (!gate_discover(&session, &origin, "origin") || gate_origin_accept(&origin, &stream, received, sizeof received) != 0)
		return 1;
#endif
	while (left > 0) {
		size_t some = left < sizeof text ? (size_t) left : sizeof text;
#ifdef __wasm__
		if (gate_stream_write(&stream, text, some) < some)
			return 1;
#else
		ssize_t written = write(1, text, some);
		if (written <= 0)
			return 1;
		some = (size_t) written;
#endif
		left -= some;
	}
#ifdef __wasm__
	gate_stream_close(&stream);
#endif
	return 0;
}
