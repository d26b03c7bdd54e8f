// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz-oci.c - any bytes as config.json, process, resources and seccomp
 * profile. Seccomp profiles that are taken are compiled too.
 */
#include "caps.h"
#include "oci.h"
#include "seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_seccomp(const struct oci_seccomp *profile)
{
	struct strv unknown = { 0 };
	struct err err = ERR_INIT;
	void *bpf = NULL;
	size_t len = 0;
	unsigned flags;

	/* libseccomp takes seconds for huge ones, which is known */
	if (!profile || profile->syscall_count > 64)
		return;
	if (seccomp_compile(profile, &bpf, &len, &unknown, &err) >= 0)
		BUG_ON(len == 0 || len % 8 != 0);
	IGNORE(seccomp_flags(profile, &flags, &err), "fuzzing");
	free(bpf);
	strv_done(&unknown);
}

static void try_spec(const char *text, size_t size)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	uint64_t bits;

	if (oci_spec_parse(text, size, &spec, &err) < 0) {
		BUG_ON(err.code == 0 || !err.text[0]);
		return;
	}
	IGNORE(oci_unsupported(spec, &err), "fuzzing");
	IGNORE(oci_annotation(spec, "a") != NULL, "fuzzing");
	IGNORE(caps_from_strv(&spec->process.caps.bounding, &bits, &err),
	       "fuzzing");
	try_seccomp(spec->linux_.seccomp);
	oci_spec_free(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct oci_process *process = NULL;
	struct oci_resources *resources = NULL;
	struct oci_seccomp *profile = NULL;
	struct err err = ERR_INIT;

	try_spec(text, size);
	if (oci_process_parse(text, size, &process, &err) >= 0)
		IGNORE(oci_process_unsupported(process, &err), "fuzzing");
	oci_process_free(process);
	IGNORE(oci_resources_parse(text, size, &resources, &err), "fuzzing");
	oci_resources_free(resources);
	if (seccomp_profile_parse(text, size, &profile, &err) >= 0)
		try_seccomp(profile);
	seccomp_profile_free(profile);
	return 0;
}
