/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the user namespace of a plain user's sandbox, by newuidmap. */
#ifndef RUNTIME_USERNS_MAKE_H
#define RUNTIME_USERNS_MAKE_H

#include "id-map.h"

struct userns_maps {
	struct id_map uids, gids;
};

void userns_maps_done(struct userns_maps *maps);
/* Whether the caller's own id is all there is. */
bool userns_maps_single(const struct userns_maps *maps);
/*
 * A new child of the caller's user namespace with these maps, read back.
 * Nothing of the caller changes. Return: close-on-exec descriptor
 */
int userns_make(const struct userns_maps *maps, struct err *err) MUST_CHECK;
/* Why the kernel said no to a user namespace, and what to do. -code */
int userns_refused(int code, const char *what, struct err *err);

#endif
