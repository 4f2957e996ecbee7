/* Calls a service once a second, until it is ended. */

#include <gate/identity.h>

static struct gate_session session;
static struct gate_service identity;

int main(void)
{
	char text[36];

	if (!gate_discover(&session, &identity, "identity"))
		return 1;
	for (;;) {
		if (gate_identity_instance(&identity, text, sizeof text) != sizeof text)
			return 1;
		gate_wait(&session, 1000000000);
	}
}
