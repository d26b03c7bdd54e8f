// SPDX-License-Identifier: Apache-2.0
/*
 * env-host.c - what kata-runtime env says about the host: kernel, processors,
 * memory, security modules, control groups. Reads /proc, /sys and
 * /etc/os-release with the caller's rights; nothing in them is hostile.
 */
#include "env-host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "auto.h"
#include "num.h"
#include "path.h"
#include "selinux.h"
#include "sizing.h"

#define TEXT_MAX (4u << 20) /* cpuinfo of many processors */
#define CGROUPS "/sys/fs/cgroup"

/* NULL when it cannot be read. */
static char *read_text(const char *path)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	return path_read_file(AT_FDCWD, path, TEXT_MAX, &text, &err) < 0 ? NULL :
									   text;
}

/* What follows "NAME" and blanks, tabs, ':' or '=' at the start of a line. */
static char *line_value(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; at && *at;) {
		const char *end = at + strcspn(at, "\n");
		const char *value = at + len;

		if (strncmp(at, name, len) == 0 && strchr(" \t:=", *value)) {
			value += strspn(value, " \t:=\"");
			while (end > value && strchr(" \t\"", end[-1]))
				end--;
			return xstrndup(value, (size_t)(end - value));
		}
		at = *end ? end + 1 : NULL;
	}
	return NULL;
}

static void report_line(struct report *r, const char *key, const char *text,
			const char *name)
{
	AUTO_FREE char *value = text ? line_value(text, name) : NULL;

	report_string(r, key, value);
}

/* "MemTotal:  123 kB", in KiB as Kata has it. */
static void report_kib(struct report *r, const char *key, const char *text,
		       const char *name)
{
	AUTO_FREE char *value = text ? line_value(text, name) : NULL;
	uint64_t kib = 0;

	if (value)
		value[strcspn(value, " ")] = '\0';
	IGNORE(value && num_parse_u64(value, UINT64_MAX, &kib) < 0,
	       "a kernel that writes it otherwise: 0");
	report_u64(r, key, kib);
}

/* As Go's names, which Kata uses. */
static const char *architecture(const char *machine)
{
	if (strcmp(machine, "x86_64") == 0)
		return "amd64";
	return strcmp(machine, "aarch64") == 0 ? "arm64" : machine;
}

static bool is_type(const char *path, long magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (long)fs.f_type == magic;
}

static const char *cgroup_mode(void)
{
	if (is_type(CGROUPS, CGROUP2_SUPER_MAGIC))
		return "v2";
	if (is_type(CGROUPS "/unified", CGROUP2_SUPER_MAGIC))
		return "hybrid";
	return is_type(CGROUPS, TMPFS_MAGIC) ? "v1" : "none";
}

/* "N:CONTROLLERS:PATH": the caller's own directory in that hierarchy. */
static char *own_cgroup(char *line, const char *mode, const char **ret_name)
{
	char *names = strchr(line, ':'), *path;

	if (!names)
		return NULL;
	*names++ = '\0';
	path = strchr(names, ':');
	if (!path)
		return NULL;
	*path++ = '\0';
	*ret_name = *names ? names : "unified";
	if (*names)
		return xasprintf(CGROUPS "/%s%s",
				 strncmp(names, "name=", 5) == 0 ? names + 5 :
								   names,
				 path);
	return xasprintf(CGROUPS "%s%s",
			 strcmp(mode, "hybrid") == 0 ? "/unified" : "", path);
}

static void report_cgroup(struct report *r)
{
	AUTO_FREE char *text = read_text("/proc/self/cgroup");
	const char *mode = cgroup_mode();
	struct strv writable = { 0 };
	char *save = NULL;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *name = NULL;
		AUTO_FREE char *dir = own_cgroup(line, mode, &name);

		if (dir && access(dir, W_OK) == 0)
			strv_add(&writable, name);
	}
	report_begin(r, "Cgroup");
	report_string(r, "Mode", mode);
	report_list(r, "Writable", &writable);
	report_end(r);
	strv_done(&writable);
}

static void report_cpu(struct report *r)
{
	AUTO_FREE char *text = read_text("/proc/cpuinfo");

	report_begin(r, "CPU");
	report_line(r, "Vendor", text, "vendor_id");
	report_line(r, "Model", text, "model name");
	report_u64(r, "CPUs", sizing_host_vcpus());
	report_end(r);
}

static void report_memory(struct report *r)
{
	AUTO_FREE char *text = read_text("/proc/meminfo");

	report_begin(r, "Memory");
	report_kib(r, "Total", text, "MemTotal");
	report_kib(r, "Free", text, "MemFree");
	report_kib(r, "Available", text, "MemAvailable");
	report_end(r);
}

static void report_distro(struct report *r)
{
	AUTO_FREE char *text = read_text("/etc/os-release");

	report_begin(r, "Distro");
	report_line(r, "Name", text, "NAME");
	report_line(r, "Version", text, "VERSION_ID");
	report_end(r);
}

static void report_modules(struct report *r)
{
	AUTO_FREE char *text = read_text("/sys/kernel/security/lsm");
	struct strv list = { 0 };
	char *save = NULL;

	for (char *at = text ? strtok_r(text, ",\n", &save) : NULL; at;
	     at = strtok_r(NULL, ",\n", &save))
		strv_add(&list, at);
	report_list(r, "SecurityModules", &list);
	strv_done(&list);
	report_bool(r, "SELinux", selinux_is_on());
}

void env_report_host(struct report *r, bool kvm)
{
	struct utsname name;

	if (uname(&name) < 0)
		memset(&name, 0, sizeof(name));
	report_begin(r, "Host");
	report_string(r, "Kernel", name.release);
	report_string(r, "Architecture", architecture(name.machine));
	report_bool(r, "VMContainerCapable", kvm);
	report_bool(r, "SupportVSocks", access("/dev/vhost-vsock", F_OK) == 0);
	report_list(r, "AvailableGuestProtections", &(struct strv){ 0 });
	report_modules(r);
	report_distro(r);
	report_cpu(r);
	report_memory(r);
	report_cgroup(r);
	report_end(r);
}
