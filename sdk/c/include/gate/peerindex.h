/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * gate/peerindex.h: the service "peerindex/principal": which other programs of the same principal can be reached through the
 * service "peer".
 */

#ifndef GATE_PEERINDEX_H
#define GATE_PEERINDEX_H

#include "../gate-service.h"
#include "peer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The name of the service. */
#define GATE_PEERINDEX_PRINCIPAL "peerindex/principal"

/* The group in which these programs are, for gate_peer_connect. */
#define GATE_PEERINDEX_PRINCIPAL_GROUP "index/principal"

/* Puts this program into the index, under the name of its instance. */
static inline bool gate_peerindex_register(struct gate_service *index)
{
	return gate_send_info(index, NULL, 0);
}

struct gate_peerindex_call_ {
	struct gate_call call;
	void (*each)(void *user, struct gate_peer_name name);
	void *user;
	int result;
};

static inline void gate_peerindex_replied_(struct gate_service *index, struct gate_call *call, const void *content, size_t size)
{
	struct gate_peerindex_call_ *list = (struct gate_peerindex_call_ *) (void *) call;
	const uint8_t *at = (const uint8_t *) content;
	struct gate_peer_name name;
	int16_t error;
	uint16_t count, i;

	(void) index;
	if (size < 4)
		return;
	memcpy(&error, at, sizeof error);
	memcpy(&count, at + 2, sizeof count);
	at += 4;
	size -= 4;
	list->result = -1 - error;
	if (error != 0)
		return;
	for (i = 0; i < count && gate_peer_name_parse_(&name, &at, &size); i++)
		list->each(list->user, name);
	list->result = i;
}

/*
 * Calls `each` for every other program in the index, in the order of their names; it must not send or wait.  Returns how many there
 * are; -1 if there is no such service; -2 if this program is not registered itself.
 */
static inline int gate_peerindex_list(struct gate_service *index, void (*each)(void *user, struct gate_peer_name name), void *user)
{
	struct gate_peerindex_call_ list;

	memset(&list, 0, sizeof list);
	list.each = each;
	list.user = user;
	list.result = -1;
	list.call.on_reply = gate_peerindex_replied_;
	gate_call_start(index, &list.call, NULL, 0);
	(void) gate_call_wait(&list.call);
	return list.result;
}

#ifdef __cplusplus
}
#endif

#endif
