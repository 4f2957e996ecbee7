/* Echoes what comes from whoever runs the program:
 *
 *     echo hello | gate run echo.wasm
 */

#include <gate/origin.h>

static struct gate_session session;
static struct gate_service origin;
static struct gate_stream stream;
static char received[65536], text[16384];

int main(void)
{
	size_t n;

	if (!gate_discover(&session, &origin, "origin") || gate_origin_accept(&origin, &stream, received, sizeof received) != 0)
		return 1;
	while ((n = gate_stream_read(&stream, text, sizeof text)) > 0)
		if (gate_stream_write(&stream, text, n) < n)
			break;
	gate_stream_close(&stream);
	return 0;
}
