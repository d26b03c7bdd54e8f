// SPDX-License-Identifier: Apache-2.0
/*
 * guest-profile.c - which container gets our own seccomp profile, and what of
 * it. Linked by kata-runtime, which decides and hands the file over, and by
 * kata-shim, which reads it before any guest byte; both read the same
 * config.json and so agree. Needs no right. The file is ours, owner and mode
 * checked; config.json comes from the engine, its annotations partly from
 * users.
 */
#include "guest-profile.h"

#include <errno.h>
#include <string.h>

#include "seccomp.h"

/*
 * Only podman writes down that somebody asked for no profile. An annotation
 * with that name in another engine's config.json came from a user of it.
 */
static bool is_unconfined(const struct oci_spec *spec)
{
	const char *said = oci_annotation(spec, "io.podman.annotations.seccomp");

	return said && strcmp(said, "unconfined") == 0 && oci_is_libpods(spec);
}

bool guest_profile_wanted(const struct oci_spec *spec)
{
	return !spec->linux_.seccomp && !is_unconfined(spec) &&
	       !oci_is_privileged(spec);
}

int guest_profile_set(struct oci_spec *spec, const char *text, size_t len,
		      struct err *err)
{
	struct oci_seccomp *profile = NULL;
	int r = seccomp_profile_parse_for(
		text, len, &spec->process.caps.bounding, &profile, err);

	if (r < 0)
		return err_wrap(err, "the guest's seccomp profile");
	seccomp_profile_free(spec->linux_.seccomp);
	spec->linux_.seccomp = profile;
	return 0;
}
