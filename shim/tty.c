// SPDX-License-Identifier: Apache-2.0
/*
 * tty.c - the terminal of a container or an exec.
 *
 * Runs in kata-shim; tty_open() before the mirror is built, because the pty
 * comes from the engine's devpts. Needs no rights. The line discipline that
 * counts is the guest's: our slave is raw, so bytes pass unchanged and ONLCR,
 * which conmon sets, has no effect.
 *
 * The slave is our controlling terminal: the kernel then tells us by SIGWINCH
 * when the engine resizes the master.
 *
 * #syscalls:shim/start openat close ioctl dup2 newfstatat sendmsg
 * #syscalls:shim ioctl - size of the terminal, and its settings given back
 * #files:shim/start /dev/ptmx rw - the container's terminal
 * #files:shim/start /proc/self/fd/0 rw - the caller's terminal once more
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.pb-c.h"
#include "auto.h"
#include "log.h"
#include "shim.h"

static int make_raw(int fd, struct termios *ret_saved, struct err *err)
{
	struct termios raw;

	if (tcgetattr(fd, ret_saved) < 0)
		return err_set(err, errno, "read terminal settings");
	raw = *ret_saved;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return err_set(err, errno, "make the terminal raw");
	return 0;
}

/* The slave is opened through the master: no path is looked up. */
static int open_pair(int *ret_master, int *ret_slave, struct err *err)
{
	AUTO_FD int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0, slave;

	if (master < 0)
		return err_set(err, errno, "open /dev/ptmx");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_set(err, errno, "unlock the pty");
	slave = ioctl(master, TIOCGPTPEER,
		      O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (slave < 0)
		return err_set(err, errno, "open the pty's slave");
	*ret_master = take_fd(&master);
	*ret_slave = slave;
	return 0;
}

static int set_size(int fd, const struct oci_process *process, struct err *err)
{
	struct winsize size = {
		.ws_row = (unsigned short)process->console_height,
		.ws_col = (unsigned short)process->console_width,
	};

	if (!size.ws_row || !size.ws_col)
		return 0;
	if (ioctl(fd, TIOCSWINSZ, &size) < 0)
		return err_set(err, errno, "set the terminal's size");
	return 0;
}

static int open_own(struct shim *shim, const struct oci_process *process,
		    struct err *err)
{
	/* Engines want a payload that is not empty; runc sends the name. */
	static const char name[] = "/dev/ptmx";
	AUTO_FD int master = -1;
	AUTO_FD int slave = -1;
	struct termios unused;
	int r = open_pair(&master, &slave, err);

	if (r == 0)
		r = make_raw(slave, &unused, err);
	if (r == 0)
		r = set_size(slave, process, err);
	if (r < 0)
		return r;
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return err_set(err, errno, "take the controlling terminal");
	r = fd_send(shim->fds.console, name, sizeof(name), &master, 1);
	if (r < 0)
		return err_set(err, -r, "send the terminal to the engine");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return err_set(err, errno, "put the terminal in place");
	shim->own_stdio = 7;
	return 0;
}

/*
 * The caller's terminal: whoever shares its description would share O_NONBLOCK,
 * so we open it once more. Without, a write of a page may block for as long as
 * the caller does not read, although poll(2) said that there is room. So it
 * stays where the terminal is somebody else's (after su) or behind another name
 * (/dev/tty, which is none in our session).
 */
static void reopen(struct shim *shim)
{
	AUTO_FD int own = open("/proc/self/fd/0",
			       O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat terminal, st;

	if (own < 0 || fstat(own, &terminal) < 0) {
		log_info("the terminal cannot be opened again: %s",
			 strerror(errno));
		return;
	}
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || st.st_rdev != terminal.st_rdev ||
		    st.st_dev != terminal.st_dev ||
		    st.st_ino != terminal.st_ino || dup2(own, fd) < 0)
			continue; /* a file, say, or what it was */
		shim->own_stdio |= 1u << fd;
	}
}

/**
 * tty_open() - Prepare the terminal when the process wants one
 * @shim:	console descriptor, stdio
 * @process:	terminal and consoleSize
 * @err:	Filled on failure
 *
 * With a console socket a pty is made and its master sent over it; without,
 * descriptor 0 must be the engine's terminal already. Host paths still exist.
 *
 * Return: 0 or -errno
 */
int tty_open(struct shim *shim, const struct oci_process *process,
	     struct err *err)
{
	shim->terminal = process->terminal;
	if (!process->terminal)
		return 0;
	if (shim->fds.console >= 0)
		return open_own(shim, process, err);
	if (!isatty(STDIN_FILENO))
		return err_msg(
			err, ENOTTY,
			"process.terminal: no console socket, and stdin is not a terminal");
	if (make_raw(STDIN_FILENO, &shim->tty_saved, err) < 0)
		return -err->code;
	shim->tty_restore = true;
	reopen(shim);
	return 0;
}

void tty_restore(struct shim *shim)
{
	if (!shim->tty_restore)
		return;
	IGNORE(tcsetattr(STDIN_FILENO, TCSADRAIN, &shim->tty_saved) < 0,
	       "the terminal may be gone");
	shim->tty_restore = false;
}

static void resized(void *ctx, const ProtobufCMessage *message,
		    const struct err *err)
{
	struct shim *shim = ctx;

	(void)message;
	shim->resize_in_flight = false;
	if (err)
		log_warn("resize: %s", err->text);
	if (shim->resize_waiting)
		tty_resize(shim);
}

/**
 * tty_resize() - Tell the guest the terminal's size of now
 * @shim:	With a running process; otherwise nothing happens
 *
 * One call at a time; sizes in between are skipped.
 */
void tty_resize(struct shim *shim)
{
	Grpc__TtyWinResizeRequest request = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;
	struct err err = ERR_INIT;
	struct winsize size;

	if (!shim->terminal || shim->state != SHIM_RUNNING)
		return;
	if (shim->resize_in_flight) {
		shim->resize_waiting = true;
		return;
	}
	shim->resize_waiting = false;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row ||
	    !size.ws_col)
		return; /* the engine has set no size */
	request.container_id = (char *)(uintptr_t)shim->id;
	request.exec_id = (char *)(uintptr_t)shim->process_id;
	request.row = size.ws_row;
	request.column = size.ws_col;
	if (agent_call_start(&shim->agent, AGENT_TTY_WIN_RESIZE, &request.base,
			     AGENT_CALL_TIMEOUT_MS, resized, shim, &err) < 0) {
		log_warn("resize: %s", err.text);
		return;
	}
	shim->resize_in_flight = true;
}
