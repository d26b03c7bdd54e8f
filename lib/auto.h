/* SPDX-License-Identifier: Apache-2.0 */
/* Scope cleanup. Hand a resource over only by take_fd() or take_ptr(). */
#ifndef LIB_AUTO_H
#define LIB_AUTO_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void auto_close_(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void auto_free_(void *ptr)
{
	free(*(void **)ptr);
}

static inline void auto_fclose_(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void auto_closedir_(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define AUTO_FD __attribute__((cleanup(auto_close_)))
#define AUTO_FREE __attribute__((cleanup(auto_free_)))
#define AUTO_FCLOSE __attribute__((cleanup(auto_fclose_)))
#define AUTO_CLOSEDIR __attribute__((cleanup(auto_closedir_)))

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(p)                                                            \
	__extension__({                                                        \
		__typeof__(p) taken_ = (p);                                    \
		(p) = NULL;                                                    \
		taken_;                                                        \
	})

#endif
