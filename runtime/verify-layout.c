// SPDX-License-Identifier: Apache-2.0
/*
 * verify-layout.c - where the kernel puts memory that has no address: nowhere
 * near the place by which execve was spent (docs/decisions/0018). What
 * kata-jail-exec set is read back from /proc/PID/personality; no thread can have
 * changed it, because no filter has the call. Part of verify.c; runs in
 * kata-runtime.
 *
 * The kernel gives that file to who may attach to the process (fs/proc/base.c,
 * proc_pid_personality()). Yama's ptrace_scope 3 lets nobody, root included:
 * then what kata-jail-exec read back of itself has to do, and the report says so.
 */
#include <errno.h>
#include <string.h>
#include <sys/personality.h>

#include "auto.h"
#include "installed-filters.h"
#include "path.h"
#include "verify-parts.h"

int verify_layout(struct verify *v, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *wanted = xasprintf("%08x", ADDR_COMPAT_LAYOUT);
	bool ok;

	if (path_read_file(v->proc_fd, "personality", VERIFY_FILE_MAX, &text,
			   err) < 0) {
		if ((err->code != EPERM && err->code != EACCES) ||
		    !installed_yama_refuses())
			return -err->code;
		err_clear(err);
		verify_add_unmade(v, "layout", take_ptr(wanted),
				  xstrdup("kernel.yama.ptrace_scope is 3"));
		return 0;
	}
	text[strcspn(text, "\n")] = '\0';
	ok = strcmp(text, wanted) == 0;
	verify_add(v, "layout", ok, take_ptr(wanted), take_ptr(text));
	return 0;
}
