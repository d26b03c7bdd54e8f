// SPDX-License-Identifier: Apache-2.0
/*
 * compile.c - seccomp-compile PROFILE.json FILTER.bpf: an OCI seccomp profile
 * of ours to the BPF bytes that the jailer loads. Runs at build time as
 * whoever builds, without any right; its input is part of the source tree.
 *
 * A profile of ours must kill by default, name the architecture it was written
 * for, and name no call that libseccomp does not know: a typing error would
 * show months later as a killed process.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "seccomp.h"

#define PROFILE_BYTES_MAX (1u << 20)

static int profile_load(const char *path, struct oci_seccomp **ret,
			struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return err_set(err, errno, "open");
	r = fd_read_text(fd, PROFILE_BYTES_MAX, &text, &len, err);
	return r < 0 ? r : seccomp_profile_parse(text, len, ret, err);
}

static int profile_check(const struct oci_seccomp *profile, struct err *err)
{
	unsigned flags;

	if (strcmp(profile->default_action, "SCMP_ACT_KILL_PROCESS") != 0)
		return err_msg(err, EINVAL,
			       "defaultAction must be SCMP_ACT_KILL_PROCESS");
	if (profile->architectures.count != 1)
		return err_msg(err, EINVAL,
			       "architectures must name one architecture");
	return seccomp_flags(profile, &flags, err);
}

static int profile_compile(const struct oci_seccomp *profile, void **ret_bpf,
			   size_t *ret_len, struct err *err)
{
	struct strv unknown = { 0 };
	int r = seccomp_compile(profile, ret_bpf, ret_len, &unknown, err);

	if (r >= 0 && unknown.count > 0)
		r = err_msg(err, EINVAL, "unknown system call \"%s\"%s",
			    unknown.item[0],
			    unknown.count > 1 ? " and others" : "");
	strv_done(&unknown);
	return r;
}

static int output_write(const char *path, const void *data, size_t len,
			struct err *err)
{
	AUTO_FD int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	r = fd_write_all(fd, data, len);
	return r < 0 ? err_set(err, -r, "write %s", path) : 0;
}

static int convert(const char *from, const char *to, struct err *err)
{
	struct oci_seccomp *profile = NULL;
	AUTO_FREE void *bpf = NULL;
	size_t len = 0;
	int r = profile_load(from, &profile, err);

	if (r >= 0)
		r = profile_check(profile, err);
	if (r >= 0)
		r = profile_compile(profile, &bpf, &len, err);
	if (r >= 0)
		r = output_write(to, bpf, len, err);
	seccomp_profile_free(profile);
	return r;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc != 3) {
		fputs("usage: seccomp-compile PROFILE.json FILTER.bpf\n",
		      stderr);
		return 2;
	}
	if (convert(argv[1], argv[2], &err) < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], err.text);
		return 1;
	}
	return 0;
}
