/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors are data: they cross processes and the VM boundary. A function that
 * can fail returns >= 0 or -errno and fills the caller's struct err, which is
 * fixed-size so that it works in a forked child and without memory.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#include "base.h"

#define ERR_TEXT_MAX 512

struct err {
	int code;		 /* positive errno, 0 when nothing failed */
	char text[ERR_TEXT_MAX]; /* one line, no trailing newline */
};

#define ERR_INIT                                                               \
	{                                                                      \
		.code = 0, .text = ""                                          \
	}

/* "<message>: <strerror(code)>"; code 0 is taken as EIO. Returns -code. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
/* "<message>" alone: for rules of ours that strerror would only blur. */
int err_msg(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
/* Puts "<message>: " before what is there. Returns -err->code. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);
void err_clear(struct err *err);

#endif
