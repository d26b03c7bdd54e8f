/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which accelerator a VM gets. A /dev/kvm that opens proves nothing: some
 * hosts emulate KVM a thousand times slower than silicon and stock guests
 * hang there, so a tiny guest of our own is timed.
 */
#ifndef RUNTIME_ACCEL_H
#define RUNTIME_ACCEL_H

#include "err.h"

enum accel { ACCEL_TCG, ACCEL_KVM, ACCEL_MAX };
enum accel_request {
	ACCEL_WANT_AUTO,
	ACCEL_WANT_KVM,
	ACCEL_WANT_TCG,
	ACCEL_WANT_MAX
};

#define ACCEL_REASON_MAX 160

struct accel_choice {
	enum accel accel;
	bool cached;		       /* measured earlier in this boot */
	char reason[ACCEL_REASON_MAX]; /* one line for logs and reports */
};

extern const char *const accel_name[ACCEL_MAX]; /* "tcg", "kvm" as in -accel */

/*
 * Is this the speed of a processor? Both in microseconds of processor time: the
 * loop in a guest, and the same one outside.
 */
bool accel_is_real(uint64_t time_us, uint64_t host_us);
/* "auto", "kvm", "tcg". Return: enum accel_request or -EINVAL */
int accel_request_parse(const char *text);
/*
 * root_fd: the state root, where a measurement is kept for this boot; -1: not
 * kept. Takes at most about 1 s. Asking for KVM where it cannot be used is
 * -ENODEV and says why; ACCEL_WANT_AUTO falls back to TCG with the reason.
 */
int accel_choose(enum accel_request want, int root_fd, struct accel_choice *ret,
		 struct err *err) MUST_CHECK;

#endif
