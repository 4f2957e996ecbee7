/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * host.h: a host inside of a test program, which takes the place of what gate.h imports.  It transfers bytes in pieces of any size,
 * knows which services there are, and leaves what they do to a function of the test.
 */

#ifndef HOST_H
#define HOST_H

#include <gate-service.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s (pieces of %zu bytes)\n", __FILE__, __LINE__, #condition, host.piece); \
			exit(1); \
		} \
	} while (0)

/* The names of the services that there are. */
static const char *const available[] = {
	"test", "stream", "catalog", "identity", "origin", "random", "scope", "gate.computer/shell", "gate.computer/localhost",
	"peer", "peerindex/principal", "kv", "http", "log",
};

static struct {
	size_t piece;            /* how many bytes are transferred at once */
	const char *names[256];  /* discovered services */
	size_t name_count;
	const char *lost;        /* a service that is not there any more */
	uint8_t *input;          /* to the program */
	size_t input_begin, input_end;
	uint8_t output[65536];   /* the program's packet */
	size_t output_size;
	uint64_t now;
	/* What the services do. */
	void (*serve)(const char *service, int domain, const uint8_t *content, size_t size);
} host;

#define INPUT_CAPACITY (4u << 20)

static void host_reset(size_t piece, void (*serve)(const char *, int, const uint8_t *, size_t))
{
	free(host.input);
	memset(&host, 0, sizeof host);
	host.input = (uint8_t *) malloc(INPUT_CAPACITY);
	host.piece = piece;
	host.serve = serve;
}

static void host_send(int code, int domain, int index, const void *head, size_t head_size, const void *rest, size_t rest_size)
{
	struct gate_packet header;
	size_t size = sizeof header + head_size + rest_size;

	CHECK(host.input_end + GATE_ALIGN_PACKET(size) <= INPUT_CAPACITY);
	header.size = (uint32_t) size;
	header.code = (int16_t) code;
	header.domain = (uint8_t) domain;
	header.index = (uint8_t) index;
	memcpy(host.input + host.input_end, &header, sizeof header);
	if (head_size > 0)
		memcpy(host.input + host.input_end + sizeof header, head, head_size);
	if (rest_size > 0)
		memcpy(host.input + host.input_end + sizeof header + head_size, rest, rest_size);
	memset(host.input + host.input_end + size, 0xaa, GATE_ALIGN_PACKET(size) - size);
	host.input_end += GATE_ALIGN_PACKET(size);
}

static int host_code(const char *service)
{
	size_t i;

	for (i = 0; i < host.name_count; i++)
		if (strcmp(host.names[i], service) == 0)
			return (int) i;
	CHECK(!"the service was discovered");
	return -1;
}

static void host_reply(const char *service, const void *content, size_t size)
{
	host_send(host_code(service), GATE_PACKET_DOMAIN_CALL, 0, content, size, NULL, 0);
}

static void host_info(const char *service, const void *content, size_t size)
{
	host_send(host_code(service), GATE_PACKET_DOMAIN_INFO, 0, content, size, NULL, 0);
}

static void host_flow(const char *service, int32_t id, int32_t value)
{
	const int32_t content[2] = {id, value};

	host_send(host_code(service), GATE_PACKET_DOMAIN_FLOW, 0, content, sizeof content, NULL, 0);
}

static void host_data(const char *service, int32_t id, int32_t note, const void *data, size_t size)
{
	const int32_t content[2] = {id, note};

	host_send(host_code(service), GATE_PACKET_DOMAIN_DATA, 0, content, sizeof content, data, size);
}

static void host_states(int domain)
{
	uint8_t content[2 + 256];
	size_t i, j;

	content[0] = (uint8_t) host.name_count;
	content[1] = (uint8_t) (host.name_count >> 8);
	for (i = 0; i < host.name_count; i++) {
		content[2 + i] = 0;
		for (j = 0; j < sizeof available / sizeof available[0]; j++)
			if (strcmp(host.names[i], available[j]) == 0 && (host.lost == NULL || strcmp(host.lost, host.names[i]) != 0))
				content[2 + i] = 1;
	}
	host_send(GATE_PACKET_CODE_SERVICES, domain, 0, content, 2 + host.name_count, NULL, 0);
}

static void host_handle(const struct gate_packet *header, const uint8_t *content, size_t size)
{
	size_t i;

	CHECK(header->index == 0 && header->domain <= 3);
	if (header->code != GATE_PACKET_CODE_SERVICES) {
		CHECK(header->code >= 0 && (size_t) header->code < host.name_count);
		host.serve(host.names[header->code], header->domain, content, size);
		return;
	}
	CHECK(header->domain == GATE_PACKET_DOMAIN_CALL && size >= 4 && content[0] == 1 && content[1] == 0);
	CHECK(content[2] == size - 3);
	host.names[host.name_count] = "?";
	for (i = 0; i < sizeof available / sizeof available[0]; i++)
		if (strlen(available[i]) == size - 3 && memcmp(available[i], content + 3, size - 3) == 0)
			host.names[host.name_count] = available[i];
	host.name_count++;
	host_states(GATE_PACKET_DOMAIN_CALL);
}

static void host_take(const uint8_t *bytes, size_t size)
{
	while (size-- > 0) {
		struct gate_packet header;
		CHECK(host.output_size < sizeof host.output);
		host.output[host.output_size++] = *bytes++;
		if (host.output_size < sizeof header)
			continue;
		memcpy(&header, host.output, sizeof header);
		CHECK(header.size >= sizeof header && header.size <= sizeof host.output);
		if (host.output_size == GATE_ALIGN_PACKET(header.size)) {
			host.output_size = 0;
			host_handle(&header, host.output + sizeof header, header.size - sizeof header);
		}
	}
}

#ifdef __cplusplus
extern "C" {
#endif

uint32_t __GATE_FD(void) GATE_NOEXCEPT
{
	return 4;
}

void __GATE_IO(const struct gate_iovec *recv, int recvveclen, size_t *nreceived, const struct gate_iovec *send,
               int sendveclen, size_t *nsent, int64_t timeout, gate_flags_t *flags) GATE_NOEXCEPT
{
	size_t sent = 0, received = 0;
	int i;

	/* Nothing is taken while there is much that the program does not take. */
	for (i = 0; i < sendveclen && sent < host.piece && host.input_end - host.input_begin < 100000; i++) {
		size_t n = send[i].iov_len < host.piece - sent ? send[i].iov_len : host.piece - sent;
		host_take((const uint8_t *) send[i].iov_base, n);
		sent += n;
	}
	for (i = 0; i < recvveclen && received < host.piece; i++) {
		size_t n = recv[i].iov_len < host.piece - received ? recv[i].iov_len : host.piece - received;
		if (n > host.input_end - host.input_begin)
			n = host.input_end - host.input_begin;
		memcpy(recv[i].iov_base, host.input + host.input_begin, n);
		host.input_begin += n;
		received += n;
	}
	if (host.input_begin == host.input_end)
		host.input_begin = host.input_end = 0;
	CHECK(sent > 0 || received > 0 || timeout >= 0); /* or it would wait for ever */
	if (sent == 0 && received == 0)
		host.now += (uint64_t) timeout / 2 + 1;
	if (nreceived != NULL)
		*nreceived = received;
	if (nsent != NULL)
		*nsent = sent;
	if (flags != NULL)
		*flags = 0;
}

int32_t __gate_wasi_fd_write(int32_t fd, const struct gate_iovec *iovs, size_t count, size_t *written) GATE_NOEXCEPT
{
	CHECK(fd == 2 && count == 1);
	*written = fwrite(iovs->iov_base, 1, iovs->iov_len, stderr);
	return 0;
}

int32_t __gate_wasi_clock_time_get(int32_t clock, int64_t precision, uint64_t *time) GATE_NOEXCEPT
{
	CHECK(clock <= 1 && precision == 1);
	*time = host.now;
	return 0;
}

GATE_NORETURN void __gate_wasi_proc_exit(int32_t status) GATE_NOEXCEPT
{
	exit(status == 0 ? 0 : 42);
}

#ifdef __cplusplus
}
#endif

#endif
