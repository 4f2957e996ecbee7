/* Calls a service that answers at once, CALLS times, one after the other; on its own, it answers: what it reads, it writes. */

#include <stdint.h>
#ifdef __wasm__
#include <gate/identity.h>

static struct gate_session session;
static struct gate_service identity;

int main(void)
{
	char text[36];

	if (!gate_discover(&session, &identity, "identity"))
		return 1;
	for (uint32_t i = 0; i < CALLS; i++)
		if (gate_identity_instance(&identity, text, sizeof text) != sizeof text)
			return 1;
	return 0;
}
#else
#include <unistd.h>

int main(void)
{
	char text[256];
	ssize_t size;

	while ((size = read(0, text, sizeof text)) > 0)
		if (write(1, text, (size_t) size) != size)
			return 1;
	return 0;
}
#endif
