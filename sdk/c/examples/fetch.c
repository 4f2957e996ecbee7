/* Fetches what whoever runs the program asks for, a line each: a URL, or a path of the operator's own server.
 *
 *     echo https://example.com/ | gate run --service http.allow=example.com fetch.wasm
 */

#include <gate/http.h>
#include <gate/localhost.h>
#include <gate/log.h>
#include <gate/origin.h>
#include <stdio.h>

static struct gate_session session;
static struct gate_service http, localhost, logger, origin;
static struct gate_stream stream;
static char received[4096], input[4096], head[65536];
static uint8_t buffer[32768];

/* Counts the bytes of the body, and returns an error or 0. */
static int fetch(const char *url, unsigned *status, size_t *bytes)
{
	static struct gate_http_request request;
	static char part[4096];
	size_t n;
	int error = gate_http_request(&http, &request, "GET", url, NULL, 0, 0, 0, buffer, sizeof buffer);

	if (error == 0)
		error = gate_http_response(&request, head, sizeof head);
	if (error == 0) {
		*status = request.status;
		while ((n = gate_stream_read(&request.body, part, sizeof part)) > 0)
			*bytes += n;
		error = request.body.read_note;
	}
	gate_http_close(&request);
	return error;
}

static int fetch_here(const char *path, unsigned *status, size_t *bytes)
{
	struct gate_localhost_request request = {0};
	int result;

	request.method = "GET";
	request.uri = path;
	request.response_size = bytes;
	result = gate_localhost(&localhost, &request);
	*status = result > 0 ? (unsigned) result : 0;
	return result > 0 ? 0 : -1;
}

static void serve(const char *line)
{
	static char text[4200];
	unsigned status = 0;
	size_t bytes = 0;
	int error = line[0] == '/' ? fetch_here(line, &status, &bytes) : fetch(line, &status, &bytes);
	int size = error == 0 ? snprintf(text, sizeof text, "%s: %u, %zu bytes\n", line, status, bytes)
	                      : snprintf(text, sizeof text, "%s: error %d\n", line, error);
	struct gate_log_field field;

	/* A host need not have a log, so it does not matter if this fails. */
	field.key = "what";
	field.value = line;
	(void) gate_log(&logger, error == 0 ? GATE_LOG_INFO : GATE_LOG_WARNING, "fetch", error == 0 ? "fetched" : "failed", &field, 1);
	gate_stream_write(&stream, text, (size_t) size);
}

int main(void)
{
	size_t size = 0, n;
	char *line, *end;

	if (!gate_discover(&session, &origin, "origin") || gate_origin_accept(&origin, &stream, received, sizeof received) != 0)
		return 1;
	(void) gate_discover(&session, &http, "http");
	(void) gate_discover(&session, &localhost, GATE_LOCALHOST);
	(void) gate_discover(&session, &logger, "log");
	while ((n = gate_stream_read(&stream, input + size, sizeof input - 1 - size)) > 0)
		size += n;
	input[size] = '\0';
	for (line = input; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		serve(line);
	}
	gate_stream_close(&stream);
	return 0;
}
