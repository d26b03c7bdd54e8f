// SPDX-License-Identifier: Apache-2.0
/*
 * floor.c - seccomp-floor PROFILE.json FILTER.inc: the filter below all others
 * in the guest as the initialiser of an array of struct sock_filter, for the
 * agent, which has no file to read it from. Runs at build time as whoever
 * builds, without any right; its input is part of the source tree.
 *
 * It denies and lets all else pass: the profile above it decides that. A name
 * that libseccomp does not know would be a hole, so it is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "seccomp.h"

#define PROFILE_BYTES_MAX (1u << 20)

static int compile(const char *path, struct sock_filter **ret, size_t *ret_len,
		   struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	struct oci_seccomp *profile = NULL;
	struct strv unknown = { 0 };
	void *bpf = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return err_set(err, errno, "open");
	r = fd_read_text(fd, PROFILE_BYTES_MAX, &text, &len, err);
	if (r == 0)
		r = seccomp_profile_parse(text, len, &profile, err);
	if (r == 0 && strcmp(profile->default_action, "SCMP_ACT_ALLOW") != 0)
		r = err_msg(err, EINVAL, "defaultAction must be SCMP_ACT_ALLOW");
	if (r == 0 && profile->architectures.count != 1)
		r = err_msg(err, EINVAL,
			    "architectures must name one architecture");
	if (r == 0)
		r = seccomp_compile(profile, &bpf, ret_len, &unknown, err);
	if (r == 0 && unknown.count)
		r = err_msg(err, EINVAL, "unknown system call \"%s\"",
			    unknown.item[0]);
	seccomp_profile_free(profile);
	strv_done(&unknown);
	*ret = bpf;
	return r;
}

int main(int argc, char **argv)
{
	AUTO_FREE struct sock_filter *code = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;
	FILE *out;

	if (argc != 3) {
		fputs("usage: seccomp-floor PROFILE.json FILTER.inc\n", stderr);
		return 2;
	}
	if (compile(argv[1], &code, &len, &err) < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], err.text);
		return 1;
	}
	out = fopen(argv[2], "we");
	if (!out)
		return 1;
	for (size_t i = 0; i < len / sizeof(*code); i++)
		fprintf(out, "\t{ 0x%02x, %u, %u, 0x%08x },\n", code[i].code,
			code[i].jt, code[i].jf, code[i].k);
	return fclose(out) == 0 ? 0 : 1;
}
