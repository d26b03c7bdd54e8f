// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - kata-shim: the process that engines watch in a container's stead.
 *
 * Started by kata-runtime as pid 1 of fresh namespaces (role container) or in
 * those of the container's shim (role exec). Stages in order: what must come
 * first, the engine's input (config, terminal), the mirror, confinement, the
 * runtime's look at what came of it, then the agent. Guest bytes are read in the
 * last stage alone. Errors go to the
 * creating runtime as a record and to the log; the exit status is the guest
 * process's, 255 when the VM was lost, 1 when nothing was started.
 *
 * #files:shim/start /dev/null rw - in the place of closed stdio
 * #syscalls:shim/start openat statfs write
 * #syscalls:shim close poll exit_group
 * #syscalls:shim madvise - malloc_trim() once the guest has the request
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "guest-profile.h"
#include "log.h"
#include "shim.h"

#define CONFIG_BYTES_MAX (4u << 20)
#define PROFILE_BYTES_MAX (1u << 20)
#define TMPFS_MAGIC_NUMBER 0x01021994
/* The runtime looks at us, or at the read-back, before it answers; it dies, or
 * it does. */
#define VERDICT_TIMEOUT_MS 120000
#define LAST_WORDS_MAX 4000 /* below what a pipe takes in one piece */
#define LAST_LINE_MAX 300
#define EXECS_MS 300
#define STATUS_FAILED 1
#define STATUS_LOST 255

static int open_null(struct shim *shim, struct err *err)
{
	int fd;

	/* An engine may have left a standard descriptor closed. */
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return err_set(err, errno, "open /dev/null");
	} while (fd < 3 && fd_set_cloexec(fd, false) == 0);
	shim->null_fd = fd;
	return 0;
}

/* --- input from the engine ---------------------------------------------- */

/*
 * /dev/shm becomes a tmpfs of the guest; its size is that of the host's
 * tmpfs, which can be asked only while host paths exist.
 */
static void take_shm_size(struct oci_spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		struct oci_mount *mount = &spec->mounts[i];
		struct statfs st;

		if (strcmp(mount->destination, "/dev/shm") != 0 ||
		    !mount->source || mount->source[0] != '/' ||
		    statfs(mount->source, &st) < 0 ||
		    st.f_type != TMPFS_MAGIC_NUMBER || !st.f_blocks)
			continue;
		strv_addf(&mount->options, "size=%llu",
			  (unsigned long long)st.f_blocks *
				  (unsigned long long)st.f_bsize);
	}
}

/* Ours, where the engine's config.json has none and is to have one. */
static int read_profile(struct shim *shim, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	if (!guest_profile_wanted(shim->spec))
		return 0;
	if (shim->fds.profile < 0)
		return err_msg(err, EINVAL,
			       "--fds: the guest's seccomp profile is missing");
	if (fd_read_text(shim->fds.profile, PROFILE_BYTES_MAX, &text, &len,
			 err) < 0)
		return err_wrap(err, "the guest's seccomp profile");
	return guest_profile_set(shim->spec, text, len, err);
}

static int read_config(struct shim *shim, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	if (fd_read_text(shim->fds.config, CONFIG_BYTES_MAX, &text, &len, err) <
	    0)
		return err_wrap(err, "config.json");
	if (oci_spec_parse(text, len, &shim->spec, err) < 0)
		return err_wrap(err, "config.json");
	if (!shim->spec->has_process)
		return err_msg(err, EINVAL, "config.json: process: is missing");
	/* The runtime counted mounts without these. */
	oci_leave_out_devices(shim->spec);
	shim->process = &shim->spec->process;
	take_shm_size(shim->spec);
	return read_profile(shim, err);
}

static int read_process(struct shim *shim, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	if (fd_read_text(shim->fds.process, CONFIG_BYTES_MAX, &text, &len,
			 err) < 0)
		return err_wrap(err, "process");
	if (oci_process_parse(text, len, &shim->process, err) < 0)
		return err_wrap(err, "process");
	return 0;
}

/* The guest has it all now. */
static void forget_input(struct shim *shim)
{
	if (shim->role == SHIM_CONTAINER)
		oci_spec_free(shim->spec);
	else
		oci_process_free(shim->process);
	shim->spec = NULL;
	shim->process = NULL;
	malloc_trim(0);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Nothing that leads to the host stays open. */
static void close_used(struct shim_fds *fds)
{
	close_fd(&fds->config);
	close_fd(&fds->process);
	close_fd(&fds->seccomp);
	close_fd(&fds->rootfs);
	close_fd(&fds->mntns);
	close_fd(&fds->console);
	close_fd(&fds->profile);
	for (size_t i = 0; i < fds->mount_count; i++)
		close_fd(&fds->mounts[i]);
	free(fds->mounts);
	fds->mounts = NULL;
	fds->mount_count = 0;
}

/* --- stages ------------------------------------------------------------- */

static int stage_input(struct shim *shim, struct err *err)
{
	int r = open_null(shim, err);

	if (r == 0)
		r = shim->role == SHIM_CONTAINER ? read_config(shim, err) :
						   read_process(shim, err);
	if (r == 0)
		r = tty_open(shim, shim->process, err);
	return r;
}

static int stage_root(struct shim *shim, struct err *err)
{
	if (shim->role == SHIM_CONTAINER)
		return mirror_build(&shim->fds, shim->spec, err);
	return privs_join(shim->fds.mntns, err);
}

static int stage_confine(struct shim *shim, struct err *err)
{
	int r = loop_init(shim, err);

	if (r == 0)
		r = setup_prepare(shim, err);
	if (r == 0)
		r = io_init(shim, err);
	if (r == 0)
		r = signals_init(shim, err);
	if (r == 0)
		r = control_init(shim, err);
	if (r == 0)
		r = privs_confine(&shim->confine, shim->fds.seccomp, err);
	close_used(&shim->fds);
	return r;
}

/*
 * The guest has had no chance yet: should one of our own steps not hold, it
 * gets none.
 */
static int stage_looked_at(struct shim *shim, struct err *err)
{
	union record record;

	record_init(&record, RECORD_SHIM_CONFINED);
	record.confined.landlock = shim->confine.landlock;
	if (record_send(shim->fds.control, &record, err) < 0)
		return -err->code;
	return record_expect(shim->fds.control, RECORD_OK, &record,
			     VERDICT_TIMEOUT_MS, err);
}

/*
 * The process is frozen, and the runtime looks at the read-back. Should it end
 * instead, so do we, and the process with us.
 */
static int await_verdict(struct shim *shim, struct err *err)
{
	union record record;

	return record_expect(shim->fds.control, RECORD_OK, &record,
			     VERDICT_TIMEOUT_MS, err);
}

static int stage_container(struct shim *shim, struct err *err)
{
	int r = setup_container(shim, err);

	forget_input(shim);
	if (r == 0)
		r = await_verdict(shim, err);
	if (r == 0)
		r = control_release(shim, err);
	if (r < 0)
		return r;
	shim->state = SHIM_CREATED;
	return 0;
}

/*
 * What waits for the process goes to the guest ahead of the word to run: it
 * would cost another round trip behind it. The answers may come ahead, too; so
 * the state is what they find once the process runs.
 */
static int start_exec(struct shim *shim, struct err *err)
{
	shim->state = SHIM_RUNNING;
	exit_watch(shim);
	io_listen(shim);
	return setup_exec_start(shim, err);
}

static int stage_exec(struct shim *shim, struct err *err)
{
	union record record;
	int r = setup_exec(shim, err);

	forget_input(shim);
	if (r == 0)
		r = await_verdict(shim, err);
	if (r == 0)
		r = start_exec(shim, err);
	if (r < 0)
		return r;
	record_init(&record, RECORD_SHIM_STARTED);
	r = record_send(shim->fds.control, &record, err);
	if (r == 0)
		r = control_release(shim, err);
	if (r < 0)
		return r;
	io_start(shim);
	tty_resize(shim);
	return 0;
}

static int start(struct shim *shim, struct err *err)
{
	int r = privs_start(&shim->confine, err);

	if (r == 0)
		r = setup_announce(shim, err);
	if (r == 0)
		r = stage_input(shim, err);
	if (r == 0)
		r = stage_root(shim, err);
	if (r == 0)
		r = stage_confine(shim, err);
	if (r == 0)
		r = stage_looked_at(shim, err);
	if (r == 0)
		r = shim->role == SHIM_CONTAINER ? stage_container(shim, err) :
						   stage_exec(shim, err);
	return r;
}

/* --- ends --------------------------------------------------------------- */

static int failed(struct shim *shim, const struct err *what)
{
	struct err err = ERR_INIT;

	log_err("%s", what->text);
	if (shim->fds.control < 0 ||
	    record_send_error(shim->fds.control, what, &err) < 0)
		log_warn("the runtime was not told: %s", err.text);
	tty_restore(shim);
	return STATUS_FAILED;
}

/*
 * The engine shows stderr to the user, who must learn why: one line, then what
 * the guest's console said last. A terminal is the container's stderr, too. An
 * engine that does not read must not keep us.
 */
static void tell_user(struct shim *shim, const struct err *what)
{
	const char *eol = shim->terminal ? "\r\n" : "\n";
	const char *line = agent_client_console(&shim->agent);
	char text[LAST_WORDS_MAX];
	size_t len;

	len = (size_t)snprintf(text, sizeof(text), "kata: sandbox ended: %s%s",
			       what->text, eol);
	while (line && *line && len < sizeof(text) - LAST_LINE_MAX) {
		size_t n = strcspn(line, "\n");

		len += (size_t)snprintf(text + len, LAST_LINE_MAX,
					"kata: guest console: %.*s%s",
					(int)min_size(n, LAST_LINE_MAX - 32),
					line, eol);
		line += n + (line[n] == '\n');
	}
	io_last_words(shim, text, len);
}

static int lost(struct shim *shim, const struct err *what)
{
	log_err("sandbox ended: %s", what->text);
	tell_user(shim, what);
	/* Our end is that of our pid namespace: the shims of execs, which have
	 * the same to tell, come first. */
	if (shim->role == SHIM_CONTAINER)
		IGNORE(poll(NULL, 0, EXECS_MS) < 0, "only a pause");
	tty_restore(shim);
	return STATUS_LOST;
}

int main(int argc, char **argv)
{
	struct shim shim = { .null_fd = -1, .epoll_fd = -1 };
	struct err err = ERR_INIT;

	if (options_parse(&shim, argc, argv, &err) < 0) {
		fprintf(stderr, "kata-shim: %s\n", err.text);
		return STATUS_FAILED;
	}
	options_hide(argc, argv);
	log_init("kata-shim", shim.fds.log,
		 shim.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, false);
	if (start(&shim, &err) < 0)
		_exit(failed(&shim, &err));
	if (loop_run(&shim, &err) < 0)
		_exit(lost(&shim, &err));
	exit_clean_up(&shim);
	tty_restore(&shim);
	_exit(shim.status);
}
