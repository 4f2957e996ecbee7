/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/random.h: the service "random": random bytes that nobody can foresee.
 *
 * They come slowly (16 in a second, if the host is not configured otherwise): use them as a seed.
 */

#ifndef GATE_RANDOM_H
#define GATE_RANDOM_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills `data`; waits for as long as that takes.  Returns false if the service is not available.  Make one call at a time. */
static inline bool gate_random(struct gate_service *random, void *data, size_t size)
{
	uint8_t *to = (uint8_t *) data;

	while (size > 0) {
		uint8_t count = size < 255 ? (uint8_t) size : 255;
		long n = gate_call(random, &count, sizeof count, to, count);
		if (n < 0)
			return false;
		/* Fewer than asked for, perhaps none, come when the program was continued. */
		if (n > (long) count)
			n = count;
		to += n;
		size -= (size_t) n;
	}
	return true;
}

#ifdef __cplusplus
}
#endif

#endif
