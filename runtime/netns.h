/* SPDX-License-Identifier: Apache-2.0 */
/* The container's network namespace and the tap that joins it to the VM. */
#ifndef RUNTIME_NETNS_H
#define RUNTIME_NETNS_H

#include "err.h"
#include "records.h"

#define TAP_NAME "kt0"

/* path NULL: a new, empty one. Return: descriptor of the namespace */
int netns_open(const char *path, struct err *err) MUST_CHECK;

struct netns_tap {
	int fd;		/* -1: no tap could be had, see reason */
	uint8_t mac[6]; /* the interface's when there is one, else made up */
	char reason[160];
};

/*
 * Makes the tap inside the namespace. When /dev/net/tun cannot be opened and
 * the namespace has no interface to serve, fd is -1 and the start goes on;
 * with an interface it is an error.
 */
int netns_make_tap(int netns_fd, struct netns_tap *ret,
		   struct err *err) MUST_CHECK;
/*
 * Joins the namespace's one interface to the tap by traffic control, and
 * describes it for the guest. No interface: record->has_network is 0.
 */
int netns_wire(int netns_fd, struct record_start *record,
	       struct err *err) MUST_CHECK;

#endif
