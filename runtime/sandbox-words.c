// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox-words.c - why a VM ended or does not answer, for the user of
 * kata-runtime create. Hostile: proxy and shim may have been captured by the
 * bytes they read, and both write what is read here: a checked record, and a
 * log of which only printable text is passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "records.h"
#include "sandbox.h"

#define WORDS_MS 3000
#define ASK_MS 500
#define RECORDS_MAX 8
#define LOG_SHOWN 4096

/* Is it an error of the VM, and not the agent's answer to the request? */
bool sandbox_is_at_fault(const struct err *err)
{
	return err->code == EPIPE || err->code == ETIMEDOUT ||
	       err->code == ECONNRESET || err->code == EPROTO;
}

static bool receive(const struct sandbox *s, struct record_words *ret)
{
	struct err ignored = ERR_INIT;
	union record record;

	/* Before it may come what nobody waited for any more. */
	for (int i = 0; i < RECORDS_MAX && s->control_fd >= 0; i++) {
		int r = record_recv(s->control_fd, &record, WORDS_MS, &ignored);

		if (r == RECORD_PROXY_LAST_WORDS) {
			*ret = record.words;
			return true;
		}
		if (r == -EPIPE || r == -ETIMEDOUT || r == -EPROTO)
			return false;
	}
	return false;
}

static int explain(const struct record_words *words, struct err *err)
{
	size_t len;

	if (words->failed)
		err_msg(err, err->code, "VM: %s", words->reason);
	else if (err->code != ETIMEDOUT)
		return -err->code;
	len = strlen(err->text);
	if (words->headline[0])
		snprintf(err->text + len, sizeof(err->text) - len,
			 "; the guest's console ends with: %s", words->headline);
	else
		snprintf(err->text + len, sizeof(err->text) - len,
			 "; the guest's console is empty");
	return -err->code;
}

int sandbox_explain(const struct sandbox *s, struct err *err)
{
	struct record_words words;

	return receive(s, &words) ? explain(&words, err) : -err->code;
}

int sandbox_ask_why(int dir_fd, struct err *err)
{
	struct err ignored = ERR_INIT;
	union record record;
	AUTO_FD int fd = -1;

	if (!sandbox_is_at_fault(err))
		return -err->code;
	fd = state_connect(dir_fd, "control.sock", SOCK_SEQPACKET, &ignored);
	if (fd < 0)
		return -err->code; /* it is gone */
	record_init(&record, RECORD_PROXY_TELL);
	if (record_send(fd, &record, &ignored) < 0 ||
	    record_expect(fd, RECORD_PROXY_LAST_WORDS, &record, ASK_MS,
			  &ignored) < 0)
		return -err->code;
	return explain(&record.words, err);
}

char *sandbox_log_tail(int dir_fd)
{
	AUTO_FD int fd = openat(dir_fd, "log",
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char *text;
	struct stat st;
	off_t from;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL; /* nothing was started */
	from = st.st_size > LOG_SHOWN ? st.st_size - LOG_SHOWN : 0;
	text = xcalloc(LOG_SHOWN + 1, 1);
	n = pread(fd, text, LOG_SHOWN, from);
	text[n > 0 ? n : 0] = '\0';
	for (char *at = text; at < text + n; at++)
		if (*at != '\n' && (*at < 0x20 || *at > 0x7e))
			*at = '?';
	if (from > 0) { /* whole lines */
		char *eol = strchr(text, '\n');

		if (eol)
			memmove(text, eol + 1, strlen(eol + 1) + 1);
	}
	return text;
}
