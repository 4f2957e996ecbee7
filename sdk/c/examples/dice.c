/* Throws two dice:
 *
 *     gate run dice.wasm
 */

#include <gate/origin.h>
#include <gate/random.h>
#include <stdint.h>

static struct gate_session session;
static struct gate_service random_bytes, origin;
static struct gate_stream stream;

/* From 1 to 6; 0 if there is no service for that. */
static unsigned throw_die(void)
{
	uint8_t byte;

	do {
		if (!gate_random(&random_bytes, &byte, 1))
			return 0;
	} while (byte >= 252); /* the largest multiple of 6, or some numbers would be more likely than others */
	return byte % 6u + 1;
}

int main(void)
{
	unsigned first, second;
	char text[4];

	if (!gate_discover(&session, &random_bytes, "random") || !gate_discover(&session, &origin, "origin"))
		return 1;
	if (gate_origin_accept(&origin, &stream, NULL, 0) != 0)
		return 1;
	first = throw_die();
	second = throw_die();
	if (first == 0 || second == 0)
		return 1;
	text[0] = (char) ('0' + first);
	text[1] = ' ';
	text[2] = (char) ('0' + second);
	text[3] = '\n';
	gate_stream_write(&stream, text, sizeof text);
	gate_stream_close(&stream);
	return 0;
}
