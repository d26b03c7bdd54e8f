/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a message: time, level, program, message. Only process-level code
 * logs, and each error once. Guest text goes through log_guest(): escaped,
 * bounded and marked.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "err.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_MAX
};

/* program is kept by reference; fd -1 turns logging off. */
void log_init(const char *program, int fd, enum log_level level, bool json);
void log_write(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
/* Control characters and non-ASCII become \xNN; at most 256 bytes are kept. */
void log_guest(const char *what, const void *data, size_t len);
/* Escapes into out (always terminated); returns bytes written. */
size_t log_escape(char *out, size_t out_size, const void *data, size_t len);

#define log_err(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
