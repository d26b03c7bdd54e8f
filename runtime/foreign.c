// SPDX-License-Identifier: Apache-2.0
/*
 * foreign.c - see foreign.h. In kata-runtime; needs no right. The programs are
 * trusted, as whoever may replace them is; what they say is bounded all the
 * same.
 */
#include "foreign.h"

#include <errno.h>

#include "auto.h"
#include "child.h"
#include "path.h"
#include "selinux.h"

#define VERSION_MS 10000 /* a host may be busy */
#define VERSION_BYTES_MAX 4096

int foreign_output(const char *path, const struct strv *argv,
		   int (*prepare)(void *arg, struct err *err), int timeout_ms,
		   size_t max, char **ret_text, struct err *err)
{
	int r = selinux_exec_foreign(err);

	if (r == 0)
		r = child_output_prepared(path, argv, prepare, timeout_ms, max,
					  ret_text, err);
	selinux_exec_done();
	return r;
}

int foreign_version(const char *path, int (*prepare)(void *arg, struct err *err),
		    char **ret_text, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct strv argv = { 0 };
	int r;

	if (path_check_trusted(path, err) < 0)
		return -err->code;
	strv_add(&argv, path);
	strv_add(&argv, "--version");
	r = foreign_output(path, &argv, prepare, VERSION_MS, VERSION_BYTES_MAX,
			   &text, err);
	strv_done(&argv);
	if (r > 0)
		r = err_msg(err, ENOEXEC, "%s --version: wait status %d: %s",
			    path, r, child_line(text, ""));
	if (r == 0)
		*ret_text = take_ptr(text);
	return r;
}
