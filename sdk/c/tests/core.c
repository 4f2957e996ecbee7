/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Tests of gate-service.h, with packets cut in many ways. */

#include "host.h"

static struct gate_session session;
static struct gate_service test, stream_service;

static void start(size_t piece, void (*serve)(const char *, int, const uint8_t *, size_t))
{
	host_reset(piece, serve);
	memset(&session, 0, sizeof session);
	memset(&test, 0, sizeof test);
	memset(&stream_service, 0, sizeof stream_service);
	CHECK(gate_discover(&session, &test, "test"));
}

/* Calls. */

static void echo(const char *service, int domain, const uint8_t *content, size_t size)
{
	if (domain == GATE_PACKET_DOMAIN_CALL)
		host_reply(service, content, size);
	else
		host_info(service, content, size);
}

static size_t info_size;

static void on_info(struct gate_service *service, const void *content, size_t size)
{
	CHECK(service == &test);
	CHECK(size == 0 || memcmp(content, "info", size) == 0);
	info_size = size;
}

static void calls(size_t piece)
{
	static uint8_t large[GATE_MAX_PACKET_SIZE - 8], reply[GATE_MAX_PACKET_SIZE];
	struct gate_service none;
	size_t i;

	start(piece, echo);
	for (i = 0; i < 20; i++) {
		memset(large, (int) i, i);
		CHECK(gate_call(&test, large, i, reply, sizeof reply) == (long) i);
		CHECK(memcmp(large, reply, i) == 0);
	}
	for (i = 0; i < sizeof large; i++)
		large[i] = (uint8_t) (i * i >> 7);
	CHECK(gate_call(&test, large, sizeof large, reply, sizeof reply) == (long) sizeof large);
	CHECK(memcmp(large, reply, sizeof large) == 0);

	memset(reply, 0, sizeof reply);
	CHECK(gate_call(&test, large + 100, 100, reply, 10) == 100);
	CHECK(memcmp(large + 100, reply, 10) == 0 && reply[10] == 0);

	memset(&none, 0, sizeof none);
	CHECK(!gate_discover(&session, &none, "none"));
	CHECK(gate_call(&none, NULL, 0, NULL, 0) == GATE_UNAVAILABLE);
	CHECK(!gate_send_info(&none, NULL, 0));

	test.on_info = on_info;
	CHECK(gate_send_info(&test, "info", 4));
	CHECK(gate_wait(&session, -1) == 1 && info_size == 4);
	CHECK(gate_wait(&session, 0) == 0);
	CHECK(gate_wait(&session, 1000000) == 0);
}

static void services(size_t piece)
{
	static struct gate_service many[300];
	static char names[300][16];
	int i;

	start(piece, echo);
	memset(many, 0, sizeof many);
	for (i = 0; i < 300; i++) {
		snprintf(names[i], sizeof names[i], "none%d", i);
		CHECK(!gate_discover(&session, &many[i], names[i]));
	}
	CHECK(host.name_count == 256);
	CHECK(gate_call(&test, "x", 1, NULL, 0) == 1);
}

static uint8_t held[4];
static int held_count;

static void late(const char *service, int domain, const uint8_t *content, size_t size)
{
	static const int order[4] = {2, 0, 1, 0};
	int i;

	CHECK(domain == GATE_PACKET_DOMAIN_CALL && size == 1);
	held[held_count++] = content[0];
	for (i = 0; held_count == 4 - i && i < 4 && (i > 0 || held_count == 4); i++) {
		host_send(host_code(service), GATE_PACKET_DOMAIN_CALL, order[i], &held[order[i]], 1, NULL, 0);
		memmove(held + order[i], held + order[i] + 1, sizeof held - 1 - (size_t) order[i]);
		held_count--;
	}
}

static void replies_out_of_order(size_t piece)
{
	struct gate_call call[4];
	uint8_t reply[4];
	int i;

	start(piece, late);
	held_count = 0;
	memset(call, 0, sizeof call);
	for (i = 0; i < 4; i++) {
		uint8_t content = (uint8_t) ('a' + i);
		call[i].reply = &reply[i];
		call[i].capacity = 1;
		gate_call_start(&test, &call[i], &content, 1);
	}
	for (i = 0; i < 4; i++) {
		CHECK(gate_call_wait(&call[i]) == 1);
		CHECK(reply[i] == 'a' + i);
	}
}

/* Streams. */

static uint8_t buffered[1 << 20];
static size_t buffered_size, buffered_begin;
static int32_t credit;
static bool ended;

static void stream_echo(const char *service, int domain, const uint8_t *content, size_t size)
{
	int32_t words[2];

	if (domain == GATE_PACKET_DOMAIN_CALL) {
		host_reply(service, NULL, 0);
		host_flow(service, 7, 1000);
		return;
	}
	CHECK(size >= sizeof words);
	memcpy(words, content, sizeof words);
	CHECK(words[0] == 7);
	if (domain == GATE_PACKET_DOMAIN_FLOW) {
		credit += words[1];
	} else {
		size -= sizeof words;
		memcpy(buffered + buffered_size, content + sizeof words, size);
		buffered_size += size;
		if (size == 0)
			ended = true;
		else
			host_flow(service, 7, (int32_t) size);
	}
	while (buffered_begin < buffered_size && credit > 0) {
		size_t n = buffered_size - buffered_begin;
		if (n > (size_t) credit)
			n = (size_t) credit;
		if (n > GATE_MAX_DATA_SIZE)
			n = GATE_MAX_DATA_SIZE;
		host_data(service, 7, 0, buffered + buffered_begin, n);
		buffered_begin += n;
		credit -= (int32_t) n;
	}
	if (ended && buffered_begin == buffered_size) {
		host_data(service, 7, 42, NULL, 0);
		ended = false;
	}
}

static uint8_t stream_buffer[1000];

static void open_stream(size_t piece, struct gate_stream *stream, void (*serve)(const char *, int, const uint8_t *, size_t))
{
	start(piece, serve);
	buffered_size = buffered_begin = 0;
	credit = 0;
	ended = false;
	CHECK(gate_discover(&session, &stream_service, "stream"));
	CHECK(gate_call(&stream_service, NULL, 0, NULL, 0) == 0);
	gate_stream_init(stream, &stream_service, 7, stream_buffer, sizeof stream_buffer);
}

static void streams(size_t piece)
{
	static uint8_t sent[100000], received[sizeof sent + 1];
	struct gate_stream stream;
	size_t from = 0, to = 0, i;

	for (i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t) (i * i >> 5);
	open_stream(piece, &stream, stream_echo);
	while (from < sizeof sent) {
		size_t n = gate_stream_write_some(&stream, sent + from, sizeof sent - from);
		from += n;
		if (n == 0 && !gate_stream_readable(&stream)) {
			gate_stream_subscribe(&stream);
			gate_wait(&session, -1);
		}
		while (to < sizeof sent && gate_stream_readable(&stream))
			to += gate_stream_read(&stream, received + to, 1 + to % 700);
	}
	gate_stream_close_write(&stream, 0);
	while ((i = gate_stream_read(&stream, received + to, sizeof received - to)) > 0)
		to += i;
	CHECK(to == sizeof sent && memcmp(sent, received, to) == 0);
	CHECK(stream.read_ended && stream.read_note == 42);
	gate_stream_close(&stream);
	CHECK(gate_stream_write(&stream, "x", 1) == 0);
	CHECK(stream_service.streams == NULL);
}

static void mute(const char *service, int domain, const uint8_t *content, size_t size);

/* Bytes of two streams in packets of many sizes, with other packets between them. */

static int32_t large_credit[2];
static size_t large_sent[2];
static unsigned large_count;

static uint8_t large_byte(int id, size_t at)
{
	return (uint8_t) ((at * at >> 7) + (size_t) id);
}

static void large_serve(const char *service, int domain, const uint8_t *content, size_t size)
{
	static const int32_t sizes[] = {65520, 1, 4100, 16, 30001, 8, 65519, 300};
	static uint8_t data[65520];
	int32_t words[2];
	int id;

	if (domain == GATE_PACKET_DOMAIN_CALL) {
		host_reply(service, NULL, 0);
		return;
	}
	CHECK(domain == GATE_PACKET_DOMAIN_FLOW && size == sizeof words);
	memcpy(words, content, sizeof words);
	large_credit[words[0]] += words[1];
	for (id = 0; id < 2; id++) {
		while (large_credit[id] > 0) {
			int32_t n = sizes[large_count++ % 8], i;
			if (n > large_credit[id])
				n = large_credit[id];
			for (i = 0; i < n; i++)
				data[i] = large_byte(id, large_sent[id]++);
			host_data(service, id, 0, data, (size_t) n);
			host_info("test", "info", 4);
			large_credit[id] -= n;
		}
	}
}

static void large_reads(size_t piece)
{
	static const size_t sizes[] = {200000, 5000, 65520, 4096, 100, 65536, 70000};
	static uint8_t buffer[2][100000], received[200000];
	struct gate_stream stream[2];
	size_t done[2] = {0, 0}, i, n;
	unsigned reads = 0;
	int id;

	start(piece, large_serve);
	test.on_info = on_info;
	CHECK(gate_discover(&session, &stream_service, "stream"));
	memset(large_credit, 0, sizeof large_credit);
	memset(large_sent, 0, sizeof large_sent);
	large_count = 0;
	for (id = 0; id < 2; id++)
		gate_stream_init(&stream[id], &stream_service, id, buffer[id], sizeof buffer[id]);
	/* A call for each few reads: it handles packets, too, and may come to the middle of one. */
	while (done[0] < 1000000 || done[1] < 1000000) {
		id = reads / 3 % 2;
		n = gate_stream_read(&stream[id], received, sizes[reads++ % 7]);
		CHECK(n > 0);
		for (i = 0; i < n; i++)
			CHECK(received[i] == large_byte(id, done[id] + i));
		done[id] += n;
		if (reads % 5 == 0)
			CHECK(gate_call(&stream_service, NULL, 0, NULL, 0) == 0);
	}

	/* One is closed in the middle of a packet, if there is a middle, and another begins in its place. */
	while (session.rest == 0 && reads++ < 1000)
		CHECK(gate_stream_read(&stream[0], received, 5000) > 0);
	CHECK(session.rest > 0 || piece > 5000);
	host.serve = mute;
	gate_stream_close(&stream[0]);
	CHECK(session.rest_of == NULL);
	memset(&stream[0], 0xee, sizeof stream[0]);
	CHECK(gate_call(&stream_service, NULL, 0, NULL, 0) == 0);

	/* The service of the other one is lost. */
	CHECK(gate_call(&test, NULL, 0, NULL, 0) == 1);
	CHECK(stream[1].read_ended && session.rest_of == NULL);
}

static int packets;

static void stream_ends(const char *service, int domain, const uint8_t *content, size_t size)
{
	(void) content;
	(void) size;
	if (domain == GATE_PACKET_DOMAIN_CALL) {
		host_reply(service, NULL, 0);
		host_flow(service, 7, 2);
		host_flow(service, 7, -3);
		packets = 0;
	} else if (domain == GATE_PACKET_DOMAIN_DATA && ++packets == 1) {
		host_flow(service, 7, 0);
	} else if (packets == 2) {
		/* Late packets of a stream that the program has closed. */
		host_flow(service, 7, 9);
		host_data(service, 7, 0, NULL, 0);
		packets = 0;
	}
}

static void streams_end(size_t piece)
{
	struct gate_stream first, second;

	open_stream(piece, &first, stream_ends);
	CHECK(gate_stream_write(&first, "12345", 5) == 2);
	CHECK(first.write_ended && first.flow_note == -3);
	gate_stream_close(&first);

	/* The number is used again. */
	CHECK(gate_call(&stream_service, NULL, 0, NULL, 0) == 0);
	gate_stream_init(&second, &stream_service, 7, stream_buffer, sizeof stream_buffer);
	CHECK(gate_stream_write(&second, "12", 2) == 2);
	CHECK(!second.read_ended);

	/* So is the struct, without being closed. */
	gate_stream_init(&second, &stream_service, 7, stream_buffer, sizeof stream_buffer);
	CHECK(stream_service.streams == &second && second.next == NULL);
}

static void mute(const char *service, int domain, const uint8_t *content, size_t size)
{
	(void) content;
	(void) size;
	if (domain == GATE_PACKET_DOMAIN_CALL && strcmp(service, "stream") == 0) {
		host_reply(service, NULL, 0);
	} else if (domain == GATE_PACKET_DOMAIN_CALL) {
		host.lost = "stream";
		host_states(GATE_PACKET_DOMAIN_INFO);
		host_reply(service, "x", 1);
	}
}

static void service_is_lost(size_t piece)
{
	struct gate_stream stream;
	struct gate_call call;
	char byte;

	open_stream(piece, &stream, mute);
	host.serve = mute;
	memset(&call, 0, sizeof call);
	gate_call_start(&test, &call, NULL, 0);
	CHECK(gate_call_wait(&call) == 1);
	CHECK(!stream_service.available);
	CHECK(gate_stream_read(&stream, &byte, 1) == 0);
	CHECK(gate_stream_write(&stream, &byte, 1) == 0);
	gate_stream_close(&stream);
	CHECK(gate_call(&stream_service, NULL, 0, NULL, 0) == GATE_UNAVAILABLE);
	host.lost = NULL;
	host_states(GATE_PACKET_DOMAIN_INFO);
	CHECK(gate_wait(&session, -1) >= 1);
	CHECK(stream_service.available);
}

/* A large packet is sent while the host wants to get rid of as much. */

static void flood(const char *service, int domain, const uint8_t *content, size_t size)
{
	static const uint8_t zeros[60000] = {0};
	int i;

	(void) content;
	(void) size;
	CHECK(domain == GATE_PACKET_DOMAIN_INFO);
	for (i = 0; i < 4; i++)
		host_info(service, zeros, sizeof zeros);
}

static size_t infos;

static void count_info(struct gate_service *service, const void *content, size_t size)
{
	(void) service;
	(void) content;
	infos += size == 60000;
}

static void sending_receives(size_t piece)
{
	static const uint8_t zeros[60000] = {0};
	int i;

	start(piece, flood);
	infos = 0;
	test.on_info = count_info;
	for (i = 0; i < 6; i++)
		CHECK(gate_send_info(&test, zeros, sizeof zeros));
	while (infos < 24)
		CHECK(gate_wait(&session, -1) > 0);
}

int main(void)
{
	static const size_t pieces[] = {1, 2, 3, 7, 8, 13, 100, 1001, 65536};
	size_t i;

	for (i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		calls(pieces[i]);
		services(pieces[i]);
		replies_out_of_order(pieces[i]);
		streams(pieces[i]);
		large_reads(pieces[i]);
		streams_end(pieces[i]);
		service_is_lost(pieces[i]);
		sending_receives(pieces[i]);
	}
	free(host.input);
	printf("ok\n");
	return 0;
}
