/* Calls the service `echo` CALLS times, and receives replies only when nothing more can be sent: whatever packets go through is
 * full in both directions then.  Returns 0 if each call was answered in its turn, with the number that it had. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <gate.h>

/* How much is received at once: not a number of packets. */
#define SOME 3001

struct call {
	struct gate_packet header;
	uint64_t number;
};

static const struct {
	struct gate_packet header;
	uint8_t count[2], length;
	char name[5]; /* with padding */
} discovery = {{15, GATE_PACKET_CODE_SERVICES, GATE_PACKET_DOMAIN_CALL, 0}, {1, 0}, 4, "echo"};

static struct call calls[64];
static uint64_t replies;

/* What is received and not yet handled. */
static uint8_t received[65536];
static size_t size;

static uint64_t value(uint64_t number)
{
	number *= 0x9e3779b97f4a7c15;
	return number ^ number >> 29;
}

/* Handles whole packets.  Whether they are what they must be. */
static bool handle(void)
{
	size_t begin = 0;
	bool good = true;

	while (size - begin >= sizeof (struct gate_packet)) {
		struct call packet;
		size_t padded;

		memcpy(&packet.header, received + begin, sizeof packet.header);
		padded = (packet.header.size + 7) & ~(size_t) 7;
		if (size - begin < padded)
			break;
		if (packet.header.code == 0) {
			if (packet.header.size != sizeof packet)
				return false;
			memcpy(&packet, received + begin, sizeof packet);
			good = good && packet.number == value(replies++);
		}
		begin += padded;
	}
	memmove(received, received + begin, size - begin);
	size -= begin;
	return good;
}

int main(void)
{
	const size_t all = CALLS * sizeof calls[0];
	size_t sent = 0, i;

	for (i = 0; i < sizeof discovery;)
		i += gate_send((const uint8_t *) &discovery + i, sizeof discovery - i, -1);
	while (replies < CALLS) {
		size_t first = sent / sizeof calls[0], offset = sent % sizeof calls[0], some = 0;

		if (sent < all) {
			some = sizeof calls - offset < all - sent ? sizeof calls - offset : all - sent;
			for (i = 0; i < sizeof calls / sizeof calls[0]; i++) {
				calls[i].header.size = sizeof calls[i];
				calls[i].header.code = 0;
				calls[i].header.domain = GATE_PACKET_DOMAIN_CALL;
				calls[i].number = value(first + i);
			}
			some = gate_send((const uint8_t *) calls + offset, some, 0);
			sent += some;
		}
		if (some == 0) {
			size += gate_recv(received + size, SOME, -1);
			if (!handle())
				return 1;
		}
	}
	return 0;
}
