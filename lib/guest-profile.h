/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp profile of our own that a container gets in the guest where the
 * engine sends none and does not say unconfined (docs/decisions/0019).
 */
#ifndef LIB_GUEST_PROFILE_H
#define LIB_GUEST_PROFILE_H

#include "oci.h"

/* Its place below the directory of the compiled filters. */
#define GUEST_PROFILE_FILE "guest/default.json"

/*
 * False where the spec has a profile, and where the container is to have
 * none: libpod says so by annotation, or it is privileged.
 */
bool guest_profile_wanted(const struct oci_spec *spec);
/*
 * Gives the spec the profile in text, as far as its rules hold by the
 * capabilities of the bounding set. -EINVAL names the place in the file.
 */
int guest_profile_set(struct oci_spec *spec, const char *text, size_t len,
		      struct err *err) MUST_CHECK;

#endif
