/* Counts how often it was run:
 *
 *     gate run counter.wasm
 */

#include <gate/kv.h>
#include <gate/origin.h>
#include <stdio.h>

static struct gate_session session;
static struct gate_service kv, origin;
static struct gate_stream stream;

static const char key[] = "visits";

/* Adds 1 to the counter, and returns an error or 0. */
static int count(uint64_t *visits)
{
	uint64_t version;
	int error;

	do {
		*visits = version = 0;
		error = gate_kv_get(&kv, key, sizeof key - 1, visits, sizeof *visits, NULL, &version);
		if (error != GATE_KV_OK && error != GATE_KV_NOT_FOUND)
			return error;
		++*visits;
		/* Fails if another program has done the same meanwhile. */
		error = gate_kv_set_if(&kv, key, sizeof key - 1, visits, sizeof *visits, &version);
	} while (error == GATE_KV_CONFLICT);
	return error;
}

int main(void)
{
	uint64_t visits;
	char text[64];
	int size, error;

	if (!gate_discover(&session, &kv, "kv") || !gate_discover(&session, &origin, "origin"))
		return 1;
	if (gate_origin_accept(&origin, &stream, NULL, 0) != 0)
		return 1;
	error = count(&visits);
	size = error == 0 ? snprintf(text, sizeof text, "visit %llu\n", (unsigned long long) visits)
	                  : snprintf(text, sizeof text, "cannot count: error %d of kv\n", error);
	gate_stream_write(&stream, text, (size_t) size);
	gate_stream_close(&stream);
	return error != 0;
}
