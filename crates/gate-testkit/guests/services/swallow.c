/* Reads BYTES bytes from whoever runs it, and nothing more: on its own, from standard input; under Gate, through origin. */

#include <stdint.h>
#ifdef __wasm__
#include <gate/origin.h>

static struct gate_session session;
static struct gate_service origin;
static struct gate_stream stream;
static char received[1 << 20];
#else
#include <unistd.h>
#endif

static char text[65536];

int main(void)
{
	uint64_t left = BYTES;

#ifdef __wasm__
	if (!gate_discover(&session, &origin, "origin") || gate_origin_accept(&origin, &stream, received, sizeof received) != 0)
		return 1;
#endif
	while (left > 0) {
#ifdef __wasm__
		size_t some = gate_stream_read(&stream, text, sizeof text);
		if (some == 0)
			return 1;
#else
		ssize_t some = read(0, text, sizeof text);
		if (some <= 0)
			return 1;
#endif
		left -= (uint64_t) some;
	}
	return 0;
}
