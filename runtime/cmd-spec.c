// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-spec.c - kata-runtime spec: a config.json to start from. Everything in
 * it is honoured here, with little rights: no new privileges, a read-only
 * root, three capabilities, a network of its own. Needs no rights.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "opts.h"
#include "path.h"
#include "runtime.h"

#define CAPS "\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\""

static const char text_head[] =
	"{\n"
	"\t\"ociVersion\": \"" KATA_SPEC "\",\n"
	"\t\"process\": {\n"
	"\t\t\"terminal\": true,\n"
	"\t\t\"user\": { \"uid\": 0, \"gid\": 0 },\n"
	"\t\t\"args\": [\"sh\"],\n"
	"\t\t\"env\": [\n"
	"\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
	"\t\t\t\"TERM=xterm\"\n"
	"\t\t],\n"
	"\t\t\"cwd\": \"/\",\n"
	"\t\t\"capabilities\": {\n"
	"\t\t\t\"bounding\": [" CAPS "],\n"
	"\t\t\t\"effective\": [" CAPS "],\n"
	"\t\t\t\"permitted\": [" CAPS "]\n"
	"\t\t},\n"
	"\t\t\"rlimits\": [\n"
	"\t\t\t{ \"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024 }\n"
	"\t\t],\n"
	"\t\t\"noNewPrivileges\": true\n"
	"\t},\n"
	"\t\"root\": { \"path\": \"rootfs\", \"readonly\": true },\n"
	"\t\"hostname\": \"kata\",\n";

static const struct {
	const char *destination, *type, *options;
} mounts[] = {
	{ "/proc", "proc", "\"nosuid\", \"noexec\", \"nodev\"" },
	{ "/dev", "tmpfs",
	  "\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"" },
	{ "/dev/pts", "devpts",
	  "\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\", \"gid=5\"" },
	{ "/dev/shm", "tmpfs",
	  "\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"" },
	{ "/dev/mqueue", "mqueue", "\"nosuid\", \"noexec\", \"nodev\"" },
	{ "/sys", "sysfs", "\"nosuid\", \"noexec\", \"nodev\", \"ro\"" },
	{ "/sys/fs/cgroup", "cgroup",
	  "\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"" },
};

static const char text_linux[] = "\t\"linux\": {\n"
				 "%s"
				 "\t\t\"namespaces\": [\n"
				 "\t\t\t{ \"type\": \"pid\" },\n"
				 "\t\t\t{ \"type\": \"network\" },\n"
				 "\t\t\t{ \"type\": \"ipc\" },\n"
				 "\t\t\t{ \"type\": \"uts\" },\n"
				 "\t\t\t{ \"type\": \"mount\" },\n"
				 "\t\t\t{ \"type\": \"cgroup\" }\n"
				 "\t\t],\n"
				 "\t\t\"maskedPaths\": [\n"
				 "\t\t\t\"/proc/acpi\",\n"
				 "\t\t\t\"/proc/asound\",\n"
				 "\t\t\t\"/proc/kcore\",\n"
				 "\t\t\t\"/proc/keys\",\n"
				 "\t\t\t\"/proc/latency_stats\",\n"
				 "\t\t\t\"/proc/timer_list\",\n"
				 "\t\t\t\"/proc/timer_stats\",\n"
				 "\t\t\t\"/proc/sched_debug\",\n"
				 "\t\t\t\"/sys/firmware\",\n"
				 "\t\t\t\"/proc/scsi\"\n"
				 "\t\t],\n"
				 "\t\t\"readonlyPaths\": [\n"
				 "\t\t\t\"/proc/bus\",\n"
				 "\t\t\t\"/proc/fs\",\n"
				 "\t\t\t\"/proc/irq\",\n"
				 "\t\t\t\"/proc/sys\",\n"
				 "\t\t\t\"/proc/sysrq-trigger\"\n"
				 "\t\t]\n"
				 "\t}\n"
				 "}\n";

static const char text_devices[] =
	"\t\t\"resources\": {\n"
	"\t\t\t\"devices\": [{ \"allow\": false, \"access\": \"rwm\" }]\n"
	"\t\t},\n";

/*
 * A rootless one differs in little: the user namespace is the runtime's
 * business and not the container's, and host cgroups are not asked for.
 */
static char *spec_text(bool rootless)
{
	AUTO_FREE char *linux_ =
		xasprintf(text_linux, rootless ? "" : text_devices);
	char *text = xasprintf("%s\t\"mounts\": [\n", text_head), *whole;

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		char *longer = xasprintf(
			"%s\t\t{\n\t\t\t\"destination\": \"%s\",\n\t\t\t\"type\": \"%s\",\n"
			"\t\t\t\"source\": \"%s\",\n\t\t\t\"options\": [%s]\n\t\t}%s\n",
			text, mounts[i].destination, mounts[i].type,
			mounts[i].type, mounts[i].options,
			i + 1 < ARRAY_SIZE(mounts) ? "," : "");

		free(text);
		text = longer;
	}
	whole = xasprintf("%s\t],\n%s", text, linux_);
	free(text);
	return whole;
}

/* A file that is there stays as it is. */
static int write_new(const char *dir, const char *text, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/config.json", dir);
	AUTO_FD int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		     0666);
	int r;

	if (fd < 0 && errno == EEXIST)
		return err_msg(err, EEXIST, "file %s exists; remove it first",
			       path);
	if (fd < 0)
		return err_set(err, errno, "make %s", path);
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0) {
		IGNORE(unlink(path) < 0, "the first error is the one to report");
		return err_set(err, -r, "write %s", path);
	}
	return 0;
}

int cmd_spec(struct runtime *rt, int argc, char **argv, int first,
	     struct err *err)
{
	const char *bundle = ".";
	AUTO_FREE char *text = NULL;
	bool rootless = false;
	const struct opt table[] = {
		{ "bundle", 'b', "DIR", "where to write it (default: here)",
		  &bundle, NULL },
		{ "rootless", 0, NULL, "leave out what only root can have",
		  NULL, &rootless },
	};
	int r = opts_parse_all(table, ARRAY_SIZE(table), argc, argv, first, err);

	(void)rt;
	if (r < 0)
		return r;
	text = spec_text(rootless);
	return write_new(bundle, text, err);
}
