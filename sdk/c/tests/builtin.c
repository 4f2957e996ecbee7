/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Tests of the headers of built-in services: what they send, byte for byte, and what they make of replies. */

#include "host.h"

#include <gate/catalog.h>
#include <gate/http.h>
#include <gate/identity.h>
#include <gate/kv.h>
#include <gate/localhost.h>
#include <gate/log.h>
#include <gate/origin.h>
#include <gate/peer.h>
#include <gate/peerindex.h>
#include <gate/random.h>
#include <gate/scope.h>
#include <gate/shell.h>

static struct gate_session session;
static struct gate_service service;
static uint8_t buffer[4096];
static char text[4096];

/* What the program should send next, and what happens then. */
struct exchange {
	int domain;
	const char *content;
	size_t size;
	const char *reply; /* null: none */
	size_t reply_size;
	void (*then)(void);
};

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct exchange *script;
static size_t script_left;

static void follow(const char *name, int domain, const uint8_t *content, size_t size)
{
	const struct exchange *now = script;
	size_t i;

	CHECK(script_left > 0);
	script++;
	script_left--;
	if (domain != now->domain || size != now->size || memcmp(content, now->content, size) != 0) {
		fprintf(stderr, "%s sent in domain %d:", name, domain);
		for (i = 0; i < size; i++)
			fprintf(stderr, " %02x", content[i]);
		fprintf(stderr, "\n");
	}
	CHECK(domain == now->domain && size == now->size && memcmp(content, now->content, size) == 0);
	if (now->reply != NULL)
		host_reply(name, now->reply, now->reply_size);
	if (now->then != NULL)
		now->then();
}

static void begin(const char *name, const struct exchange *exchanges, size_t count)
{
	static const size_t pieces[] = {1, 5, 8, 64, 65536};
	static unsigned turn;

	CHECK(script_left == 0);
	host_reset(pieces[turn++ % 5], follow);
	memset(&session, 0, sizeof session);
	memset(&service, 0, sizeof service);
	script = exchanges;
	script_left = count;
	CHECK(gate_discover(&session, &service, name));
}

#define BEGIN(name, exchanges) begin(name, exchanges, sizeof exchanges / sizeof *exchanges)

static bool is_text(const char *expected, size_t size)
{
	return size == strlen(expected) && memcmp(text, expected, size) == 0;
}

static void catalog(void)
{
	static const struct exchange exchanges[] = {{0, BYTES("json"), BYTES("{\"services\": []}\n"), NULL}};

	BEGIN("catalog", exchanges);
	CHECK(is_text("{\"services\": []}\n", (size_t) gate_catalog_json(&service, text, sizeof text)));
}

static void identity(void)
{
	static const struct exchange exchanges[] = {{0, BYTES("\0"), BYTES("local"), NULL}, {0, BYTES("\1"), BYTES(""), NULL}};

	BEGIN("identity", exchanges);
	CHECK(is_text("local", (size_t) gate_identity_principal(&service, text, sizeof text)));
	CHECK(gate_identity_instance(&service, text, sizeof text) == 0);
}

static void origin_flow(void)
{
	host_flow("origin", 3, 100);
}

static void origin(void)
{
	static const struct exchange exchanges[] = {
		{0, BYTES("\xff\xff\xff\x7f"), BYTES("\3\0\0\0\0\0\0\0"), origin_flow},
		{3, BYTES("\3\0\0\0\0\0\0\0hi"), NULL, 0, NULL},
		{3, BYTES("\3\0\0\0\0\0\0\0"), NULL, 0, NULL},
		{2, BYTES("\3\0\0\0\0\0\0\0"), NULL, 0, NULL},
		{0, BYTES("\xff\xff\xff\x7f"), BYTES("\0\0\0\0\5\0\0\0"), NULL},
		{0, BYTES("\xff\xff\xff\x7f"), BYTES(""), NULL},
	};
	struct gate_stream stream;

	BEGIN("origin", exchanges);
	CHECK(gate_origin_accept(&service, &stream, buffer, sizeof buffer) == 0);
	CHECK(gate_stream_write(&stream, "hi", 2) == 2);
	gate_stream_close(&stream);
	CHECK(gate_origin_accept(&service, &stream, buffer, sizeof buffer) == 5);
	CHECK(gate_origin_accept(&service, &stream, buffer, sizeof buffer) == -1);
}

static void random_bytes(void)
{
	static const struct exchange exchanges[] = {
		{0, BYTES("\5"), BYTES("abc"), NULL},
		{0, BYTES("\2"), BYTES(""), NULL},
		{0, BYTES("\2"), BYTES("de"), NULL},
	};

	BEGIN("random", exchanges);
	CHECK(gate_random(&service, text, 5));
	CHECK(is_text("abcde", 5));
}

static void scope(void)
{
	static const char *const names[] = {GATE_SCOPE_SYSTEM, "x"};
	static const struct exchange exchanges[] = {
		{0, BYTES("\0\0"), BYTES("\0\0"), NULL},
		{0, BYTES("\0\2\16program:system\1x"), BYTES("\3\0"), NULL},
	};

	BEGIN("scope", exchanges);
	CHECK(gate_scope_restrict(&service, NULL, 0) == 0);
	CHECK(gate_scope_restrict(&service, names, 2) == 3);
}

static void shell_output(void)
{
	host_data("gate.computer/shell", 0, 0, "output", 6);
	host_data("gate.computer/shell", 0, 7, NULL, 0);
}

static void shell(void)
{
	static const struct exchange exchanges[] = {
		{0, BYTES("id"), BYTES("\0\0\0\0\0\0\0\0"), NULL},
		{2, BYTES("\0\0\0\0\0\20\0\0"), NULL, 0, shell_output},
		{2, BYTES("\0\0\0\0\0\0\0\0"), NULL, 0, NULL},
		{0, BYTES("id"), BYTES("\1\0\0\0\377\377\377\377"), NULL},
	};
	struct gate_stream stream;

	BEGIN("gate.computer/shell", exchanges);
	CHECK(gate_shell_spawn(&service, "id", &stream, buffer, sizeof buffer) == 0);
	CHECK(is_text("output", gate_stream_read(&stream, text, sizeof text)));
	CHECK(gate_stream_read(&stream, text, sizeof text) == 0 && stream.read_note == 7);
	CHECK(gate_stream_write(&stream, "x", 1) == 0);
	gate_stream_close(&stream);
	CHECK(gate_shell_spawn(&service, "id", &stream, buffer, sizeof buffer) == GATE_SHELL_SCOPE);
}

#define CHAT "\17index/principal\2bb\4chat"

static struct gate_stream peer_stream;
static int wants;

static void on_peer(struct gate_service *peer, const void *content, size_t size)
{
	struct gate_peer_event event;

	if (!gate_peer_event_parse(&event, content, size))
		return;
	CHECK(event.group.size == 15 && event.peer.size == 2 && memcmp(event.peer.text, "bb", 2) == 0 && event.type.size == 4);
	if (event.stream < 0)
		wants++;
	else
		gate_stream_init(&peer_stream, peer, event.stream, buffer, sizeof buffer);
}

static void peer_wants(void)
{
	static const char content[] = "\377\377\377\377\0\0\0\0" CHAT;
	size_t i;

	for (i = 0; i < sizeof content; i++)
		host_info("peer", content, i);
}

static void peer_connected(void)
{
	host_info("peer", BYTES("\2\0\0\0\0\0\0\0" CHAT));
	host_flow("peer", 2, 2);
}

static void peer(void)
{
	static const struct exchange exchanges[] = {
		{1, BYTES(""), NULL, 0, peer_wants},
		{0, BYTES("\0\0\0\0\0\0\0\0" CHAT), BYTES("\0\0\0\0"), peer_connected},
		{3, BYTES("\2\0\0\0\0\0\0\0hi"), NULL, 0, NULL},
		{0, BYTES("\0\0\0\0\0\0\0\0\0\0\0"), BYTES("\2\0\0\0"), NULL},
	};
	const struct gate_peer_name none = {NULL, 0};

	BEGIN("peer", exchanges);
	memset(&peer_stream, 0, sizeof peer_stream);
	wants = 0;
	service.on_info = on_peer;
	CHECK(gate_peer_start(&service));
	while (wants == 0)
		gate_wait(&session, -1);
	CHECK(gate_peer_connect(&service, gate_peer_name(GATE_PEERINDEX_PRINCIPAL_GROUP), gate_peer_name("bb"),
	                        gate_peer_name("chat")) == 0);
	while (peer_stream.service == NULL)
		gate_wait(&session, -1);
	CHECK(wants == 1 && peer_stream.id == 2);
	CHECK(gate_stream_write(&peer_stream, "hi", 2) == 2);
	CHECK(gate_peer_connect(&service, none, none, none) == GATE_PEER_GROUP_NOT_FOUND);
}

static void add_name(void *user, struct gate_peer_name name)
{
	size_t *size = (size_t *) user;

	memcpy(text + *size, name.text, name.size);
	*size += name.size;
}

static void peerindex(void)
{
	static const struct exchange exchanges[] = {
		{1, BYTES(""), NULL, 0, NULL},
		{0, BYTES(""), BYTES("\0\0\2\0\1a\2bb"), NULL},
		{0, BYTES(""), BYTES("\1\0\0\0"), NULL},
	};
	size_t size = 0;

	BEGIN(GATE_PEERINDEX_PRINCIPAL, exchanges);
	CHECK(gate_peerindex_register(&service));
	CHECK(gate_peerindex_list(&service, add_name, &size) == 2);
	CHECK(is_text("abb", size));
	CHECK(gate_peerindex_list(&service, add_name, &size) == -2);
}

static void add_entry(void *user, const struct gate_kv_entry *entry)
{
	size_t *size = (size_t *) user;

	*size += (size_t) snprintf(text + *size, sizeof text - *size, "%.*s=%.*s#%d ", (int) entry->key_size,
	                           (const char *) entry->key, entry->value == NULL ? 0 : (int) entry->value_size,
	                           entry->value == NULL ? "" : (const char *) entry->value, (int) entry->version);
}

#define OK "\0\0\0\0\0\0\0\0"
#define ZERO "\0\0\0\0\0\0\0\0"

static void kv(void)
{
	static const struct exchange exchanges[] = {
		{0, BYTES("\0\1\0\0\0\0\0\0" ZERO "k"), BYTES("\2\0\0\0\0\0\0\0" ZERO), NULL},
		{0, BYTES("\0\1\0\0\0\0\0\0" ZERO "k"), BYTES(OK "\5\0\0\0\0\0\0\0value"), NULL},
		{0, BYTES("\1\1\0\0\0\0\0\0" ZERO "kvalue"), BYTES(OK "\6\0\0\0\0\0\0\0"), NULL},
		{0, BYTES("\1\1\1\0\0\0\0\0\5\0\0\0\0\0\0\0k"), BYTES("\3\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0"), NULL},
		{0, BYTES("\1\1\1\0\0\0\0\0\6\0\0\0\0\0\0\0k"), BYTES(OK "\7\0\0\0\0\0\0\0"), NULL},
		{0, BYTES("\2\1\0\0\0\0\0\0" ZERO "k"), BYTES(OK ZERO), NULL},
		{0, BYTES("\2\1\1\0\0\0\0\0\7\0\0\0\0\0\0\0k"), BYTES("\2\0\0\0\0\0\0\0" ZERO), NULL},
		{0, BYTES("\3\1\2\0\11\0\0\0" ZERO "ap"),
		 BYTES("\0\0\1\0\2\0\0\0" ZERO "\2\0\0\0\1\0\0\0\3\0\0\0\0\0\0\0pqx\2\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0pr"), NULL},
		{0, BYTES("\3\0\0\0\0\0\0\0" ZERO), BYTES("\0\0\0\0\1\0\0\0" ZERO "\1\0\0\0\7\0\0\0\3\0\0\0\0\0\0\0q"), NULL},
		{0, BYTES("\4\0\0\0\0\0\0\0" ZERO),
		 BYTES(OK ZERO "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0"), NULL},
		{0, BYTES("\0\1\0\0\0\0\0\0" ZERO "k"), BYTES(""), NULL},
	};
	static char large[GATE_KV_MAX_VALUE + 1];
	struct gate_kv_usage usage;
	uint64_t version = 0;
	size_t size = 0;
	bool more;

	BEGIN("kv", exchanges);
	CHECK(gate_kv_get(&service, "k", 1, text, sizeof text, &size, &version) == GATE_KV_NOT_FOUND);
	CHECK(gate_kv_get(&service, "k", 1, text, 3, &size, &version) == 0 && size == 5 && version == 5);
	CHECK(memcmp(text, "val", 3) == 0);
	CHECK(gate_kv_set(&service, "k", 1, "value", 5) == 0);
	CHECK(gate_kv_set_if(&service, "k", 1, NULL, 0, &version) == GATE_KV_CONFLICT && version == 6);
	CHECK(gate_kv_set_if(&service, "k", 1, NULL, 0, &version) == 0 && version == 7);
	CHECK(gate_kv_delete(&service, "k", 1) == 0);
	CHECK(gate_kv_delete_if(&service, "k", 1, 7) == GATE_KV_NOT_FOUND);
	size = 0;
	CHECK(gate_kv_list(&service, "p", 1, "a", 1, true, 9, add_entry, &size, &more) == 0 && more);
	CHECK(is_text("pq=x#3 pr=#4 ", size));
	size = 0;
	CHECK(gate_kv_list(&service, NULL, 0, NULL, 0, false, 0, add_entry, &size, &more) == 0 && !more);
	CHECK(is_text("q=#3 ", size));
	CHECK(gate_kv_get_usage(&service, &usage) == 0 && usage.keys == 1 && usage.max_keys == 2 && usage.bytes == 3 &&
	      usage.max_bytes == 4);
	CHECK(gate_kv_get(&service, "k", 1, NULL, 0, NULL, NULL) == GATE_KV_UNSUPPORTED);
	CHECK(gate_kv_set(&service, large, 256, "", 0) == GATE_KV_INVALID);
	CHECK(gate_kv_set(&service, "k", 1, large, sizeof large) == GATE_KV_TOO_LARGE);
}

static void log_line(void)
{
	static const struct exchange exchanges[] = {
		{1, BYTES("\0\1\5\2\4\0\0\0loginline\4\0\1\0userx\1\0\0\0e"), NULL, 0, NULL},
		{1, BYTES("\0\4\0\0\0\0\0\0"), NULL, 0, NULL},
	};
	static const struct gate_log_field fields[] = {{"user", "x"}, {"e", ""}}, nothing = {"", "x"};
	static char large[8200];

	memset(large, 'x', sizeof large - 1);
	BEGIN("log", exchanges);
	CHECK(gate_log(&service, GATE_LOG_WARNING, "login", "line", fields, 2));
	CHECK(gate_log(&service, GATE_LOG_TRACE, "", "", NULL, 0));
	CHECK(!gate_log(&service, GATE_LOG_INFO, "", large, NULL, 0));
	CHECK(!gate_log(&service, GATE_LOG_INFO, "", "", &nothing, 1));
	CHECK(!gate_log(&service, GATE_LOG_INFO, large, "", NULL, 0));
}

static void http_flow(void)
{
	host_flow("http", 5, 100);
}

static void http_body(void)
{
	host_data("http", 5, 0, "body", 4);
	host_data("http", 5, 10, NULL, 0);
	host_flow("http", 5, 0);
}

static void http(void)
{
	static const struct exchange exchanges[] = {
		{0,
		 BYTES("\0\4\23\0\2\0\0\0\5\0\0\0\0\0\0\0\350\3\0\0POSThttp://example.com/\1\1\0A1\2\0\0bb"),
		 BYTES("\0\0\0\0\5\0\0\0"), http_flow},
		{3, BYTES("\5\0\0\0\0\0\0\0hello"), NULL, 0, NULL},
		{3, BYTES("\5\0\0\0\0\0\0\0"), NULL, 0, NULL},
		{0, BYTES("\1\0\0\0\5\0\0\0"), BYTES("\0\0\311\0\2\0\0\0\1\2\0xyz\1\0\0w"), NULL},
		{2, BYTES("\5\0\0\0\0\20\0\0"), NULL, 0, http_body},
		{2, BYTES("\5\0\0\0\0\0\0\0"), NULL, 0, NULL},
		{0, BYTES("\0\3\1\0\0\0\0\0" ZERO "\0\0\0\0GETx"), BYTES("\1\0\0\0\377\377\377\377"), NULL},
		{0, BYTES("\0\3\1\0\0\0\0\0" ZERO "\0\0\0\0GETy"), BYTES("\0\0\0\0\0\0\0\0"), NULL},
		{0, BYTES("\1\0\0\0\0\0\0\0"), BYTES("\7\0\0\0\0\0\0\0"), NULL},
		{2, BYTES("\0\0\0\0\0\0\0\0"), NULL, 0, NULL},
	};
	static const struct gate_http_header headers[] = {{"A", "1"}, {"bb", ""}};
	struct gate_http_request request;
	struct gate_http_field field;
	char head[64];

	BEGIN("http", exchanges);
	CHECK(gate_http_request(&service, &request, "POST", "http://example.com/", headers, 2, 5, 1000, buffer, sizeof buffer) == 0);
	CHECK(gate_stream_write(&request.body, "hello", 5) == 5);
	gate_stream_close_write(&request.body, 0);
	CHECK(gate_http_response(&request, head, sizeof head) == 0);
	CHECK(request.status == 201 && request.header_count == 2);
	CHECK(gate_http_header_at(&request, 0, &field) && field.name_size == 1 && field.name[0] == 'x' && field.value_size == 2 &&
	      memcmp(field.value, "yz", 2) == 0);
	CHECK(gate_http_find_header(&request, "w", &field) && field.value_size == 0);
	CHECK(!gate_http_find_header(&request, "v", &field) && !gate_http_header_at(&request, 2, &field));
	CHECK(is_text("body", gate_stream_read(&request.body, text, sizeof text)));
	CHECK(gate_stream_read(&request.body, text, sizeof text) == 0 && request.body.read_note == GATE_HTTP_BROKEN);
	gate_http_close(&request);

	CHECK(gate_http_request(&service, &request, "GET", "x", NULL, 0, 0, 0, buffer, sizeof buffer) == GATE_HTTP_INVALID);
	gate_http_close(&request);
	CHECK(gate_http_response(&request, head, sizeof head) == GATE_HTTP_NO_STREAM);
	CHECK(gate_http_request(&service, &request, "GET", "y", NULL, 0, 0, 0, buffer, sizeof buffer) == 0);
	CHECK(gate_http_response(&request, head, sizeof head) == GATE_HTTP_NO_CONNECTION);
	gate_http_close(&request);
}

#define RESPONSE "\14\0\0\0\10\0\14\0\6\0\10\0\10\0\0\0\0\0\310\0\4\0\0\0\2\0\0\0hi\0\0"

static void localhost(void)
{
	static const char call[] = "\14\0\0\0\10\0\14\0\10\0\4\0\10\0\0\0\24\0\0\0\1\0\0\0\14\0\24\0\4\0\10\0\0\0\20\0"
	                           "\14\0\0\0\20\0\0\0\24\0\0\0\0\0\0\0\30\0\0\0"
	                           "\3\0\0\0GET\0\4\0\0\0/x?y\0\0\0\0\4\0\0\0body\0\0\0\0";
	static const struct exchange exchanges[] = {{0, call, sizeof call - 1, BYTES(RESPONSE), NULL}};
	static const char values[] = {0, 1, 127, -128, -1};
	struct gate_localhost_request request;
	char response[sizeof RESPONSE - 1];
	size_t size = 1, i, j;

	memset(&request, 0, sizeof request);
	request.method = "GET";
	request.uri = "/x?y";
	request.body = "body";
	request.body_size = 4;
	request.response_type = text;
	request.response_type_capacity = sizeof text;
	request.response = buffer;
	request.response_capacity = sizeof buffer;
	request.response_size = &size;
	BEGIN(GATE_LOCALHOST, exchanges);
	CHECK(gate_localhost(&service, &request) == 200);
	CHECK(strcmp(text, "hi") == 0 && size == 0);

	/* Whatever a service sends: nothing outside of it is looked at. */
	for (i = 0; i < sizeof response; i++) {
		for (j = 0; j <= sizeof values; j++) {
			struct gate_localhost_call_ made;
			uint8_t *exact;
			memcpy(response, RESPONSE, sizeof response);
			if (j < sizeof values)
				response[i] = values[j];
			size = j < sizeof values ? sizeof response : i;
			exact = (uint8_t *) malloc(size + 1) + 1; /* nothing behind it, and not aligned */
			memcpy(exact, response, size);
			memset(&made, 0, sizeof made);
			made.body = buffer;
			made.capacity = sizeof buffer;
			gate_localhost_replied_(&service, &made.call, exact, size);
			CHECK(made.status == 0 || j < sizeof values || i > 20);
			free(exact - 1);
		}
	}
}

int main(void)
{
	int i;

	/* With pieces of different sizes. */
	for (i = 0; i < 6; i++) {
		catalog();
		identity();
		origin();
		random_bytes();
		scope();
		shell();
		peer();
		peerindex();
		kv();
		log_line();
		http();
		localhost();
		CHECK(script_left == 0);
	}
	free(host.input);
	printf("ok\n");
	return 0;
}
