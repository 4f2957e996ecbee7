/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/catalog.h: the service "catalog" lists the services that there are.
 */

#ifndef GATE_CATALOG_H
#define GATE_CATALOG_H

#include "../gate-service.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Stores up to `capacity` bytes of a JSON text such as
 *
 *     {"services": [{"name": "catalog", "revision": "0"}]}
 *
 * and returns the size of the whole, or GATE_UNAVAILABLE.  There is no NUL at the end.
 */
static inline long gate_catalog_json(struct gate_service *catalog, char *text, size_t capacity)
{
	return gate_call(catalog, "json", 4, text, capacity);
}

#ifdef __cplusplus
}
#endif

#endif
