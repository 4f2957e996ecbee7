/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate.h: the functions that Gate offers to WebAssembly programs beyond WASI, and the packets that it understands.
 *
 * This is the low level: one function that transfers bytes (gate_io), the layouts of packets, two clocks, an exit and a debug
 * log.  gate-service.h builds discovery, calls, streams and the built-in services upon it.
 *
 * The header is all there is: no library, no libc, no generated code.  It is C99 (or newer), or C++11 (or newer), for clang
 * and gcc.  With --target=wasm32 the functions at the bottom become imports of the module.  For other targets they are ordinary
 * undefined functions, so that tests can define them.
 *
 * A module that imports anything from here gets no arguments, files or standard input; standard output and error are its debug
 * log; and it can be suspended at any moment and continued elsewhere, which it does not notice: every call of a function here
 * then begins anew.
 */

#ifndef GATE_H
#define GATE_H

#include <stddef.h>
#include <stdint.h>

/* What a program may set before it includes this file. */

/* The version of the interface that the program was written for.  There is one. */
#ifdef GATE_ABI_VERSION
#if GATE_ABI_VERSION != 0
#error "this gate.h has GATE_ABI_VERSION 0 only"
#endif
#else
#define GATE_ABI_VERSION 0
#endif

/* The largest packet that the program can receive, in bytes: a decimal number of at least 65536 without a suffix.  It becomes part
   of the names of imported functions.  Packets are never larger than 65536 bytes, whatever is said here. */
#ifndef GATE_MAX_RECV_SIZE
#define GATE_MAX_RECV_SIZE 65536
#endif

#ifndef GATE_NOEXCEPT
#ifdef __cplusplus
#define GATE_NOEXCEPT noexcept
#else
#define GATE_NOEXCEPT
#endif
#endif

#ifndef GATE_NORETURN
#define GATE_NORETURN __attribute__((noreturn))
#endif

#ifndef GATE_PACKED
#define GATE_PACKED __attribute__((packed))
#endif

#ifndef GATE_PURE
#define GATE_PURE __attribute__((pure))
#endif

/* Constants. */

/* The version of the interface of this file. */
#define GATE_API_VERSION 0

/* Packets begin at multiples of this many bytes from the beginning of the stream. */
#define GATE_PACKET_ALIGNMENT 8

/* The size of a packet with the padding that must follow it: at most GATE_PACKET_ALIGNMENT - 1 bytes of any value. */
#define GATE_ALIGN_PACKET(size) \
	(((size) + (size_t)(GATE_PACKET_ALIGNMENT - 1)) & ~(size_t)(GATE_PACKET_ALIGNMENT - 1))

/* The code of packets about services; all other packets have the position of a service in the order of discovery. */
#define GATE_PACKET_CODE_SERVICES -1

/* What a packet is for. */
enum {
	GATE_PACKET_DOMAIN_CALL, /* a request of the program, or a reply of a service */
	GATE_PACKET_DOMAIN_INFO, /* a notice that is not answered */
	GATE_PACKET_DOMAIN_FLOW, /* credit for a stream */
	GATE_PACKET_DOMAIN_DATA  /* bytes of a stream */
};

/* A service can be called. */
#define GATE_SERVICE_STATE_AVAIL 0x1

/* A flag that gate_io stores: the program was started or continued since the last call that stored flags. */
#define GATE_IO_FLAG_STARTED_RESUMED 0x1

#ifdef __cplusplus
extern "C" {
#endif

/* Flags that gate_io stores. */
typedef uint64_t gate_flags_t;

/* A buffer, and how many bytes there are in it. */
struct gate_iovec {
	void *iov_base;
	size_t iov_len;
};

/* Packets.  Numbers are little-endian, as WebAssembly has them.  Members that end in [0] stand for as much as the size says. */

/* How every packet begins. */
struct gate_packet {
	uint32_t size;  /* in bytes, with this header and without padding: 8 to 65536 */
	int16_t code;   /* of a service, or GATE_PACKET_CODE_SERVICES */
	uint8_t domain; /* GATE_PACKET_DOMAIN_ and so on */
	uint8_t index;  /* in replies: which of the calls that the service has not replied to it is for, the oldest being 0;
	                   else 0 */
} GATE_PACKED;

/* A call of GATE_PACKET_CODE_SERVICES: assigns codes to services. */
struct gate_service_name_packet {
	struct gate_packet header;
	uint16_t count;              /* of names */
	__extension__ char names[0]; /* each a byte with its length, 1 to 127, and that many bytes */
} GATE_PACKED;

/* The reply to it, and the notice of GATE_PACKET_CODE_SERVICES after the program was continued. */
struct gate_service_state_packet {
	struct gate_packet header;
	uint16_t count;                 /* of all services that were discovered so far */
	__extension__ uint8_t states[0]; /* GATE_SERVICE_STATE_AVAIL or 0 each, in the order of their codes */
} GATE_PACKED;

/* More credit for one stream, or its end. */
struct gate_flow {
	int32_t id;
	int32_t value; /* how many bytes more its sender may send; 0: the receiver takes no more; below 0: depends on the service */
} GATE_PACKED;

struct gate_flow_packet {
	struct gate_packet header;
	__extension__ struct gate_flow flows[0];
} GATE_PACKED;

/* Bytes of a stream, or its end if there are none. */
struct gate_data_packet {
	struct gate_packet header;
	int32_t id;
	int32_t note; /* depends on the service */
	__extension__ char data[0];
} GATE_PACKED;

/* What the host provides.  The names with two underscores are not for programs. */

#define __GATE_PASTE2(a, b) a##b
#define __GATE_PASTE(a, b) __GATE_PASTE2(a, b)
#define __GATE_TEXT2(a) #a
#define __GATE_TEXT(a) __GATE_TEXT2(a)

#define __GATE_FD __GATE_PASTE(__gate_fd_, GATE_MAX_RECV_SIZE)
#define __GATE_IO __GATE_PASTE(__gate_io_, GATE_MAX_RECV_SIZE)

#ifdef __wasm__
#define __GATE_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#else
#define __GATE_IMPORT(module, name)
#endif

__GATE_IMPORT("gate", "fd_" __GATE_TEXT(GATE_MAX_RECV_SIZE))
GATE_PURE uint32_t __GATE_FD(void) GATE_NOEXCEPT;

__GATE_IMPORT("gate", "io_" __GATE_TEXT(GATE_MAX_RECV_SIZE))
void __GATE_IO(const struct gate_iovec *recv, int recvveclen, size_t *nreceived, const struct gate_iovec *send,
               int sendveclen, size_t *nsent, int64_t timeout, gate_flags_t *flags) GATE_NOEXCEPT;

/* WASI functions have names of their own here, so that they do not collide with those of <wasi/api.h>. */

__GATE_IMPORT("wasi_snapshot_preview1", "fd_write")
int32_t __gate_wasi_fd_write(int32_t fd, const struct gate_iovec *iovs, size_t count, size_t *written) GATE_NOEXCEPT;

__GATE_IMPORT("wasi_snapshot_preview1", "clock_time_get")
int32_t __gate_wasi_clock_time_get(int32_t clock, int64_t precision, uint64_t *time) GATE_NOEXCEPT;

__GATE_IMPORT("wasi_snapshot_preview1", "proc_exit")
GATE_NORETURN void __gate_wasi_proc_exit(int32_t status) GATE_NOEXCEPT;

/*
 * Sends and receives bytes of the packet stream.
 *
 * Waits until some of it is possible, but at most `timeout` nanoseconds, or for ever if it is negative.  Then sends what it
 * can of the buffers `send`, and receives what there is into the buffers `recv`; both may be parts of packets, or nothing.  A
 * call can also return early with nothing done.  Less than 1000 nanoseconds do not wait at all.
 *
 * How many bytes were received and sent is stored in `nreceived` and `nsent`; flags (GATE_IO_FLAG_) in `flags`.  Each of these
 * pointers may be null.
 *
 * Whoever sends must also receive: the host does not take packets while it has some that the program does not take.
 */
static inline void gate_io(const struct gate_iovec *recv, int recvveclen, size_t *nreceived,
                           const struct gate_iovec *send, int sendveclen, size_t *nsent, int64_t timeout,
                           gate_flags_t *flags) GATE_NOEXCEPT
{
	__GATE_IO(recv, recvveclen, nreceived, send, sendveclen, nsent, timeout, flags);
}

/* Receives at most `size` bytes, and returns how many (gate_io). */
static inline size_t gate_recv(void *buf, size_t size, int64_t timeout) GATE_NOEXCEPT
{
	struct gate_iovec iov;
	size_t n = 0;

	iov.iov_base = buf;
	iov.iov_len = size;
	__GATE_IO(&iov, 1, &n, NULL, 0, NULL, timeout, NULL);
	return n;
}

/* Sends at most `size` bytes, and returns how many (gate_io). */
static inline size_t gate_send(const void *data, size_t size, int64_t timeout) GATE_NOEXCEPT
{
	struct gate_iovec iov;
	size_t n = 0;

	iov.iov_base = (void *) (uintptr_t) data;
	iov.iov_len = size;
	__GATE_IO(NULL, 0, NULL, &iov, 1, &n, timeout, NULL);
	return n;
}

/* The time of day, in nanoseconds since 1970.  It jumps when the program is continued. */
static inline uint64_t gate_clock_realtime(void) GATE_NOEXCEPT
{
	uint64_t t = 0;

	(void) __gate_wasi_clock_time_get(0, 1, &t);
	return t;
}

/* Nanoseconds since some moment.  The time for which the program is suspended does not count. */
static inline uint64_t gate_clock_monotonic(void) GATE_NOEXCEPT
{
	uint64_t t = 0;

	(void) __gate_wasi_clock_time_get(1, 1, &t);
	return t;
}

/* Ends the program for good.  0 is success, everything else is failure. */
GATE_NORETURN
static inline void gate_exit(int status) GATE_NOEXCEPT
{
	__gate_wasi_proc_exit(status);
}

/* The debug log: standard error of the program, if the host shows it to somebody. */

static inline void __gate_debug_data(const char *data, size_t size) GATE_NOEXCEPT
{
	struct gate_iovec iov;
	size_t written;

	iov.iov_base = (void *) (uintptr_t) data;
	iov.iov_len = size;
	(void) __gate_wasi_fd_write(2, &iov, 1, &written);
}

static inline void __gate_debug_str(const char *s) GATE_NOEXCEPT
{
	size_t size = 0;

	while (s[size] != '\0') {
		size++;
		/* Or compilers make it a call of strlen, which a program without libc does not have. */
		__asm__("" : "+r"(size));
	}
	__gate_debug_data(s, size);
}

static inline void __gate_debug_number(uint64_t n, unsigned base, int negative) GATE_NOEXCEPT
{
	char buf[21];
	size_t i = sizeof buf;

	do {
		buf[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n != 0);
	if (negative)
		buf[--i] = '-';
	__gate_debug_data(buf + i, sizeof buf - i);
}

static inline void __gate_debug_hex(uint64_t n) GATE_NOEXCEPT
{
	__gate_debug_number(n, 16, 0);
}

static inline void __gate_debug_uint(uint64_t n) GATE_NOEXCEPT
{
	__gate_debug_number(n, 10, 0);
}

static inline void __gate_debug_int(int64_t n) GATE_NOEXCEPT
{
	__gate_debug_number(n < 0 ? 0 - (uint64_t) n : (uint64_t) n, 10, n < 0);
}

/* These write one value to the debug log, without a newline.  With NDEBUG they do nothing. */

static inline void gate_debug_data(const char *data, size_t size) GATE_NOEXCEPT
{
#ifdef NDEBUG
	(void) data;
	(void) size;
#else
	__gate_debug_data(data, size);
#endif
}

static inline void gate_debug_str(const char *s) GATE_NOEXCEPT
{
#ifdef NDEBUG
	(void) s;
#else
	__gate_debug_str(s);
#endif
}

static inline void gate_debug_int(int64_t n) GATE_NOEXCEPT
{
#ifdef NDEBUG
	(void) n;
#else
	__gate_debug_int(n);
#endif
}

static inline void gate_debug_uint(uint64_t n) GATE_NOEXCEPT
{
#ifdef NDEBUG
	(void) n;
#else
	__gate_debug_uint(n);
#endif
}

/* In hexadecimal, without a prefix. */
static inline void gate_debug_hex(uint64_t n) GATE_NOEXCEPT
{
#ifdef NDEBUG
	(void) n;
#else
	__gate_debug_hex(n);
#endif
}

/* In hexadecimal behind 0x. */
static inline void gate_debug_ptr(const void *ptr) GATE_NOEXCEPT
{
#ifdef NDEBUG
	(void) ptr;
#else
	__gate_debug_str("0x");
	__gate_debug_hex((uintptr_t) ptr);
#endif
}

#ifdef __cplusplus
}
#endif

/*
 * gate_debug(x) writes an integer, a bool, a string or a pointer to the debug log; gate_debug2(x, y) to gate_debug6 write
 * several.  In C++ gate_debug takes any number of them.
 */

#ifdef __cplusplus

static inline void __gate_debug_any(bool x) GATE_NOEXCEPT { gate_debug_uint(x); }
static inline void __gate_debug_any(signed char x) GATE_NOEXCEPT { gate_debug_int(x); }
static inline void __gate_debug_any(short x) GATE_NOEXCEPT { gate_debug_int(x); }
static inline void __gate_debug_any(int x) GATE_NOEXCEPT { gate_debug_int(x); }
static inline void __gate_debug_any(long x) GATE_NOEXCEPT { gate_debug_int(x); }
static inline void __gate_debug_any(long long x) GATE_NOEXCEPT { gate_debug_int(x); }
static inline void __gate_debug_any(unsigned char x) GATE_NOEXCEPT { gate_debug_uint(x); }
static inline void __gate_debug_any(unsigned short x) GATE_NOEXCEPT { gate_debug_uint(x); }
static inline void __gate_debug_any(unsigned x) GATE_NOEXCEPT { gate_debug_uint(x); }
static inline void __gate_debug_any(unsigned long x) GATE_NOEXCEPT { gate_debug_uint(x); }
static inline void __gate_debug_any(unsigned long long x) GATE_NOEXCEPT { gate_debug_uint(x); }
static inline void __gate_debug_any(const char *x) GATE_NOEXCEPT { gate_debug_str(x); }
static inline void __gate_debug_any(const void *x) GATE_NOEXCEPT { gate_debug_ptr(x); }

static inline void gate_debug() GATE_NOEXCEPT {}

template <typename First, typename... Others>
static inline void gate_debug(First first, Others... others) GATE_NOEXCEPT
{
	__gate_debug_any(first);
	gate_debug(others...);
}

#define gate_debug1 gate_debug
#define gate_debug2 gate_debug
#define gate_debug3 gate_debug
#define gate_debug4 gate_debug
#define gate_debug5 gate_debug
#define gate_debug6 gate_debug

#else

/* Is not defined anywhere. */
void __gate_debug_type_not_supported(void);

#define __gate_debug_any(x) (__extension__ _Generic((x), \
		_Bool:              gate_debug_uint, \
		signed char:        gate_debug_int,  \
		short:              gate_debug_int,  \
		int:                gate_debug_int,  \
		long:               gate_debug_int,  \
		long long:          gate_debug_int,  \
		unsigned char:      gate_debug_uint, \
		unsigned short:     gate_debug_uint, \
		unsigned:           gate_debug_uint, \
		unsigned long:      gate_debug_uint, \
		unsigned long long: gate_debug_uint, \
		char *:             gate_debug_str,  \
		const char *:       gate_debug_str,  \
		void *:             gate_debug_ptr,  \
		const void *:       gate_debug_ptr,  \
		default:            __gate_debug_type_not_supported)(x))

#define gate_debug1(a) \
	do { \
		__gate_debug_any(a); \
	} while (0)
#define gate_debug2(a, b) \
	do { \
		__gate_debug_any(a); \
		gate_debug1(b); \
	} while (0)
#define gate_debug3(a, b, c) \
	do { \
		__gate_debug_any(a); \
		gate_debug2(b, c); \
	} while (0)
#define gate_debug4(a, b, c, d) \
	do { \
		__gate_debug_any(a); \
		gate_debug3(b, c, d); \
	} while (0)
#define gate_debug5(a, b, c, d, e) \
	do { \
		__gate_debug_any(a); \
		gate_debug4(b, c, d, e); \
	} while (0)
#define gate_debug6(a, b, c, d, e, f) \
	do { \
		__gate_debug_any(a); \
		gate_debug5(b, c, d, e, f); \
	} while (0)

#define gate_debug gate_debug1

#endif

#endif
