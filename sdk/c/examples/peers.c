/* Talks to other programs of the same principal: what comes from whoever runs the program goes to all of them, and what comes
 * from them to whoever runs the program.  It ends with its input.
 *
 * It waits for everything at once (gate_wait), and never for one of the streams alone.
 */

#include <gate/origin.h>
#include <gate/peer.h>
#include <gate/peerindex.h>

#define MAX_PEERS 16

static struct gate_session session;
static struct gate_service origin, peer, peerindex;

/* Where one side of the conversation is, and what is to be written to it. */
struct side {
	bool used;
	struct gate_stream stream;
	char received[4096];
	char pending[4096];
	size_t pending_size;
};

static struct side user, others[MAX_PEERS];

/* Programs that want to talk to this one, or that this one wants to talk to: their names. */
static struct {
	char name[255];
	size_t size;
} wanted[MAX_PEERS];
static unsigned wanted_count;

static void want(void *unused, struct gate_peer_name name)
{
	(void) unused;
	if (wanted_count == MAX_PEERS)
		return;
	memcpy(wanted[wanted_count].name, name.text, name.size);
	wanted[wanted_count++].size = name.size;
}

static void on_info(struct gate_service *service, const void *content, size_t size)
{
	struct gate_peer_event event;
	int i;

	if (!gate_peer_event_parse(&event, content, size))
		return;
	if (event.stream < 0) {
		want(NULL, event.peer);
		return;
	}
	for (i = 0; i < MAX_PEERS; i++) {
		if (!others[i].used) {
			others[i].used = true;
			others[i].pending_size = 0;
			gate_stream_init(&others[i].stream, service, event.stream, others[i].received, sizeof others[i].received);
			return;
		}
	}
}

/* Asks for streams to the programs that are wanted. */
static void connect_wanted(void)
{
	while (wanted_count > 0) {
		struct gate_peer_name name;
		char copy[255];
		wanted_count--;
		name.text = copy;
		name.size = wanted[wanted_count].size;
		memcpy(copy, wanted[wanted_count].name, name.size);
		/* It does not matter if that program has gone, or if it is connected by now. */
		(void) gate_peer_connect(&peer, gate_peer_name(GATE_PEERINDEX_PRINCIPAL_GROUP), name, gate_peer_name("chat"));
	}
}

static void add(struct side *side, const char *text, size_t size)
{
	if (!side->used)
		return;
	if (size > sizeof side->pending - side->pending_size)
		size = sizeof side->pending - side->pending_size; /* who does not listen misses something */
	memcpy(side->pending + side->pending_size, text, size);
	side->pending_size += size;
}

/* Moves what can be moved without waiting. */
static bool serve(struct side *side)
{
	char text[1024];
	size_t n;
	int i;

	while (gate_stream_readable(&side->stream)) {
		n = gate_stream_read(&side->stream, text, sizeof text);
		if (n == 0)
			return false;
		if (side != &user)
			add(&user, text, n);
		else
			for (i = 0; i < MAX_PEERS; i++)
				add(&others[i], text, n);
	}
	gate_stream_subscribe(&side->stream);
	n = gate_stream_write_some(&side->stream, side->pending, side->pending_size);
	side->pending_size -= n;
	memmove(side->pending, side->pending + n, side->pending_size);
	return true;
}

int main(void)
{
	bool going = true;
	int i;

	peer.on_info = on_info;
	if (!gate_discover(&session, &origin, "origin") || !gate_discover(&session, &peer, "peer") ||
	    !gate_discover(&session, &peerindex, GATE_PEERINDEX_PRINCIPAL))
		return 1;
	if (!gate_peer_start(&peer) || !gate_peerindex_register(&peerindex) || gate_peerindex_list(&peerindex, want, NULL) < 0)
		return 1;
	user.used = true;
	if (gate_origin_accept(&origin, &user.stream, user.received, sizeof user.received) != 0)
		return 1;
	while (going) {
		connect_wanted();
		going = serve(&user);
		for (i = 0; i < MAX_PEERS; i++) {
			if (others[i].used && (!serve(&others[i]) || !going)) {
				gate_stream_write(&others[i].stream, others[i].pending, others[i].pending_size);
				gate_stream_close(&others[i].stream);
				others[i].used = false;
			}
		}
		if (going)
			gate_wait(&session, -1);
	}
	gate_stream_write(&user.stream, user.pending, user.pending_size);
	gate_stream_close(&user.stream);
	return 0;
}
