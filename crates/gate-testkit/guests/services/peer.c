/* Finds the other program of its principal, and moves BYTES bytes: from it if RECEIVE is 1, to it otherwise.  Returns 0 if all
 * arrived, in order, and nothing else did. */

#include <stdint.h>

#include <gate/peer.h>
#include <gate/peerindex.h>

static struct gate_session session;
static struct gate_service peer, peerindex;
static struct gate_stream stream;
static bool connected;
static char received[131072];
static uint64_t text[4096];
static char other[255];
static size_t other_size;

static void on_info(struct gate_service *service, const void *content, size_t size)
{
	struct gate_peer_event event;

	if (!gate_peer_event_parse(&event, content, size) || event.stream < 0 || connected)
		return;
	gate_stream_init(&stream, service, event.stream, received, sizeof received);
	connected = true;
}

static void found(void *unused, struct gate_peer_name name)
{
	(void) unused;
	memcpy(other, name.text, name.size);
	other_size = name.size;
}

/* What the number at this place of the stream is. */
static uint64_t value(uint64_t place)
{
	place *= 0x9e3779b97f4a7c15;
	return place ^ place >> 29;
}

int main(void)
{
	struct gate_peer_name name = {other, 0};
	uint64_t place = 0, end = BYTES / sizeof text[0];

	peer.on_info = on_info;
	if (!gate_discover(&session, &peer, "peer") || !gate_discover(&session, &peerindex, GATE_PEERINDEX_PRINCIPAL))
		return 1;
	if (!gate_peer_start(&peer) || !gate_peerindex_register(&peerindex))
		return 2;
	while (other_size == 0) {
		if (gate_peerindex_list(&peerindex, found, NULL) < 0)
			return 3;
		if (other_size == 0)
			gate_wait(&session, 10000000);
	}
	name.size = other_size;
	if (gate_peer_connect(&peer, gate_peer_name(GATE_PEERINDEX_PRINCIPAL_GROUP), name, gate_peer_name("bytes")) != 0)
		return 4;
	while (!connected)
		gate_wait(&session, -1);
	while (place < end) {
		size_t count = sizeof text / sizeof text[0], i;
		if (count > end - place)
			count = (size_t) (end - place);
#if RECEIVE
		for (i = 0; i < count * sizeof text[0];) {
			size_t some = gate_stream_read(&stream, (char *) text + i, count * sizeof text[0] - i);
			if (some == 0)
				return 5;
			i += some;
		}
		for (i = 0; i < count; i++)
			if (text[i] != value(place + i))
				return 6;
#else
		for (i = 0; i < count; i++)
			text[i] = value(place + i);
		if (gate_stream_write(&stream, text, count * sizeof text[0]) < count * sizeof text[0])
			return 7;
#endif
		place += count;
	}
#if RECEIVE
	/* The other one ends when it is told that all was read. */
	if (gate_stream_read(&stream, text, 1) != 0)
		return 8;
#else
	gate_stream_close_write(&stream, 0);
	if (gate_stream_read(&stream, text, 1) != 0)
		return 9;
#endif
	gate_stream_close(&stream);
	return 0;
}
