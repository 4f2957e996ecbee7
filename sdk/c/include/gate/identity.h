/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/identity.h: the service "identity" tells whose program this is.  The answers can be different after the program was
 * continued elsewhere.
 */

#ifndef GATE_IDENTITY_H
#define GATE_IDENTITY_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Both store up to `capacity` bytes of a text, and return the size of the whole, or GATE_UNAVAILABLE.  No NUL is added. */

/* The principal: "local", or "ed25519:" and a public key in Base64 (URL alphabet).  0 if the program is anonymous. */
static inline long gate_identity_principal(struct gate_service *identity, char *text, size_t capacity)
{
	static const uint8_t op = 0;

	return gate_call(identity, &op, sizeof op, text, capacity);
}

/* The instance: a UUID in lower case.  0 if it has none. */
static inline long gate_identity_instance(struct gate_service *identity, char *text, size_t capacity)
{
	static const uint8_t op = 1;

	return gate_call(identity, &op, sizeof op, text, capacity);
}

#ifdef __cplusplus
}
#endif

#endif
