/* Lists the services of the host:
 *
 *     gate run catalog.wasm
 */

#include <gate/catalog.h>
#include <gate/origin.h>

static struct gate_session session;
static struct gate_service catalog, origin;
static struct gate_stream stream;
static char json[65536];

int main(void)
{
	long size;

	if (!gate_discover(&session, &catalog, "catalog") || !gate_discover(&session, &origin, "origin"))
		return 1;
	size = gate_catalog_json(&catalog, json, sizeof json);
	if (size <= 0 || gate_origin_accept(&origin, &stream, NULL, 0) != 0)
		return 1;
	gate_stream_write(&stream, json, (size_t) size);
	gate_stream_close(&stream);
	return 0;
}
