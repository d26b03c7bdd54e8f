// SPDX-License-Identifier: Apache-2.0
/*
 * test-oci.c - the OCI reader on what engines sent (tests/fixtures) and on one
 * small spec with one thing changed at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "oci.h"

#define PROCESS "\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"}"
#define ROOT "\"root\":{\"path\":\"rootfs\"}"
#define NAMESPACES                                                             \
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},"           \
	"{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}]"
#define SPEC(top, linux_)                                                      \
	"{\"ociVersion\":\"1.2.0\"," PROCESS "," ROOT top                      \
	",\"linux\":{" NAMESPACES linux_ "}}"
/* a whole spec with another process or root */
#define WITH(process, root)                                                    \
	"{\"ociVersion\":\"1.0.2\",\"process\":" process ",\"root\":" root     \
	",\"linux\":{" NAMESPACES "}}"
#define PLAIN "{\"args\":[\"sh\"],\"cwd\":\"/\""

static struct oci_spec *load(const char *name)
{
	char path[512];
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/fixtures/%s", TEST_DIR, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (fd_read_text(fd, 1 << 20, &text, &len, &err) < 0 ||
	    oci_spec_parse(text, len, &spec, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	close(fd);
	free(text);
	return spec;
}

static struct oci_spec *parse(const char *text)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

static void refuse_parse(const char *text, const char *words)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (oci_spec_parse(text, strlen(text), &spec, &err) >= 0)
		fail_msg("accepted: %s", text);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err.text);
	assert_null(spec);
}

static void refuse(const char *text, const char *words)
{
	struct oci_spec *spec = parse(text);
	struct err err = ERR_INIT;

	if (oci_unsupported(spec, &err) != -EOPNOTSUPP)
		fail_msg("not refused: %s", text);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err.text);
	oci_spec_free(spec);
}

static void accept(const char *text)
{
	struct oci_spec *spec = parse(text);
	struct err err = ERR_INIT;

	if (oci_unsupported(spec, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	oci_spec_free(spec);
}

static void test_podman_rootless(void **state)
{
	struct oci_spec *spec = load("podman-rootless.json");
	const struct oci_process *p = &spec->process;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_unsupported(spec, &err), 0);
	assert_true(spec->has_process);
	assert_false(p->terminal);
	assert_int_equal(p->args.count, 3);
	assert_string_equal(p->args.item[0], "/bin/sh");
	assert_true(p->user.has_umask);
	assert_int_equal(p->user.umask, 022);
	assert_int_equal(p->rlimit_count, 2);
	assert_string_equal(p->rlimits[0].type, "RLIMIT_NOFILE");
	assert_true(p->has_caps);
	assert_int_equal(p->caps.bounding.count, 11);
	assert_true(spec->root_readonly);
	assert_string_equal(oci_annotation(spec, "io.container.manager"),
			    "libpod");
	assert_null(oci_annotation(spec, "none"));
	assert_non_null(oci_namespace(spec, "network"));
	assert_null(oci_namespace(spec, "network")->path);
	assert_null(oci_namespace(spec, "user"));
	assert_non_null(spec->linux_.seccomp);
	assert_true(spec->linux_.seccomp->has_default_errno);
	assert_int_equal(spec->linux_.seccomp->default_errno, ENOSYS);
	assert_true(spec->linux_.resources.present);
	assert_false(spec->linux_.resources.has_memory_limit);
	oci_spec_free(spec);
}

static void test_podman_tty(void **state)
{
	struct oci_spec *spec = load("podman-rootless-tty.json");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_unsupported(spec, &err), 0);
	assert_true(spec->process.terminal);
	assert_int_equal(spec->process.user.uid, 1000);
	assert_int_equal(spec->process.user.additional_gid_count, 1);
	assert_string_equal(spec->hostname, "h");
	oci_spec_free(spec);
}

static void test_podman_device(void **state)
{
	struct oci_spec *spec = load("podman-rootless-device.json");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_unsupported(spec, &err), 0);
	oci_spec_free(spec);
}

static void test_podman_limits(void **state)
{
	struct oci_spec *spec = load("podman-root-limits.json");
	const struct oci_resources *r = &spec->linux_.resources;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_unsupported(spec, &err), 0);
	assert_true(r->has_memory_limit);
	assert_int_equal(r->memory_limit, 64 << 20);
	assert_true(r->has_pids_limit);
	assert_int_equal(r->pids_limit, 99);
	assert_true(r->has_cpu_quota && r->has_cpu_period);
	assert_int_equal(r->cpu_quota * 2, (int64_t)r->cpu_period);
	assert_int_equal(r->device_count, 1);
	assert_false(r->devices[0].allow);
	assert_int_equal(r->devices[0].major, -1);
	oci_spec_free(spec);
}

static void test_small(void **state)
{
	struct oci_spec *spec =
		parse(SPEC(",\"mounts\":[{\"destination\":\"//a/../b/./c/\"}],"
			   "\"unknown\":{\"x\":[1]},\"hostname\":null",
			   ""));

	(void)state;
	assert_string_equal(spec->mounts[0].destination, "/b/c");
	assert_null(spec->mounts[0].source);
	assert_null(spec->hostname);
	assert_string_equal(spec->root_path, "rootfs");
	oci_spec_free(spec);
	oci_spec_free(NULL);
	accept(SPEC("", ""));
}

static void test_wrong_types(void **state)
{
	(void)state;
	refuse_parse("[]", "object");
	refuse_parse("{}", "ociVersion: is missing");
	refuse_parse("{\"ociVersion\":\"2.0.0\"}", "must be a version 1.");
	refuse_parse("{\"ociVersion\":\"1.0\"}", "must be a version 1.");
	refuse_parse("{\"ociVersion\":\"1.02.0\"}", "must be a version 1.");
	refuse_parse("{\"ociVersion\":\"1.0.x\"}", "must be a version 1.");
	refuse_parse("{\"ociVersion\":\"1.0.2-\"}", "must be a version 1.");
	refuse_parse("{\"ociVersion\":\"1.0.2 dev\"}", "must be a version 1.");
	refuse_parse("{\"ociVersion\":\"1.0.2-dev+b/1\"}",
		     "must be a version 1.");
	refuse_parse(WITH("[]", "{\"path\":\"r\"}"), "process: is an array");
	refuse_parse(WITH(PLAIN "}", "{}"), "root.path: is missing");
	refuse_parse(WITH("{\"cwd\":\"/\"}", "{\"path\":\"r\"}"),
		     "process.args");
	refuse_parse(WITH("{\"args\":[],\"cwd\":\"/\"}", "{}"), "process.args");
	refuse_parse(WITH("{\"args\":[\"a\"]}", "{}"),
		     "process.cwd: is missing");
	refuse_parse(WITH("{\"args\":[\"a\"],\"cwd\":\"x\"}", "{}"), "absolute");
	refuse_parse(WITH(PLAIN ",\"user\":{\"uid\":\"0\"}}", "{}"),
		     "process.user.uid: is a string");
	refuse_parse(WITH(PLAIN ",\"user\":{\"uid\":4294967295}}", "{}"),
		     "process.user.uid");
	refuse_parse(WITH(PLAIN ",\"user\":{\"umask\":512}}", "{}"),
		     "process.user.umask");
	refuse_parse(
		WITH(PLAIN ",\"user\":{\"additionalGids\":[1,\"2\"]}}", "{}"),
		"process.user.additionalGids");
	refuse_parse(WITH(PLAIN ",\"oomScoreAdj\":1001}", "{}"), "oomScoreAdj");
	refuse_parse(WITH(PLAIN ",\"env\":[\"A=1\",2]}", "{}"),
		     "process.env[1]");
	refuse_parse(WITH(PLAIN ",\"consoleSize\":{\"height\":70000}}", "{}"),
		     "consoleSize");
}

#define LIMIT(type, soft, hard)                                                \
	"{\"type\":\"" type "\",\"soft\":" #soft ",\"hard\":" #hard "}"

static void test_rlimits(void **state)
{
	(void)state;
	refuse_parse(
		WITH(PLAIN ",\"rlimits\":[" LIMIT("NOFILE", 1, 1) "]}", "{}"),
		"process.rlimits[0].type");
	refuse_parse(WITH(PLAIN ",\"rlimits\":[" LIMIT("RLIMIT_CPU", 2, 1) "]}",
			  "{}"),
		     "process.rlimits[0].soft");
	refuse_parse(WITH(PLAIN
			  ",\"rlimits\":[" LIMIT("RLIMIT_CPU", 1, 1) "," LIMIT(
				  "RLIMIT_CPU", 1, 1) "]}",
			  "{}"),
		     "process.rlimits[1].type: is there twice");
	refuse_parse(
		WITH(PLAIN ",\"rlimits\":[{\"type\":\"RLIMIT_CPU\"}]}", "{}"),
		"process.rlimits[0].hard: is missing");
	refuse_parse(WITH(PLAIN ",\"rlimits\":[7]}", "{}"),
		     "process.rlimits[0]");
}

static void test_versions(void **state)
{
	static const char *const good[] = { "1.0.0", "1.0.2-dev", "1.2.0+crun",
					    "1.10.0-rc.1+x-2" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		AUTO_FREE char *text = xasprintf("{\"ociVersion\":\"%s\"," PROCESS
						 "," ROOT ",\"linux\":{}}",
						 good[i]);
		struct oci_spec *spec = NULL;

		assert_int_equal(
			oci_spec_parse(text, strlen(text), &spec, &err), 0);
		assert_string_equal(spec->version, good[i]);
		oci_spec_free(spec);
	}
}

#define DEVICE_BIND(path)                                                      \
	"{\"destination\":\"" path "\",\"source\":\"" path                     \
	"\",\"type\":\"bind\",\"options\":[\"bind\"]}"

#define SHM_BIND                                                               \
	"{\"destination\":\"/dev/shm\",\"source\":\"/dev/shm\","               \
	"\"type\":\"bind\"}"
#define MANY_MOUNTS                                                            \
	",\"mounts\":[" DEVICE_BIND("/dev/null") "," DEVICE_BIND(              \
		"/dev/kvm") "," DEVICE_BIND("/data") "," SHM_BIND              \
						     "],\"annotations\":{%s}"
#define DEVICE(path, type, major, minor)                                       \
	"{\"path\":\"" path "\",\"type\":\"" type "\",\"major\":" #major       \
	",\"minor\":" #minor "}"
#define MANY_DEVICES                                                           \
	",\"devices\":[" DEVICE("/dev/fuse", "c", 10, 229) "," DEVICE(         \
		"/dev/b", "b", 1, 3) "," DEVICE("/dev/z", "c", 1, 5) "]"

static void left_out(const char *annotations, size_t host, size_t mounts,
		     size_t devices)
{
	AUTO_FREE char *text =
		xasprintf(SPEC(MANY_MOUNTS, MANY_DEVICES), annotations);
	struct err err = ERR_INIT;
	struct oci_spec *spec = NULL;

	assert_int_equal(oci_spec_parse(text, strlen(text), &spec, &err), 0);
	assert_int_equal(oci_leave_out_devices(spec), host);
	assert_int_equal(spec->mount_count, mounts);
	assert_int_equal(spec->linux_.device_count, devices);
	oci_spec_free(spec);
}

static void test_devices_left_out(void **state)
{
	(void)state;
	left_out("", 0, 3, 3);
	left_out("\"io.podman.annotations.privileged\":\"TRUE\"", 0, 3, 3);
	left_out("\"io.podman.annotations.privileged\":\"FALSE\","
		 "\"io.container.manager\":\"libpod\"",
		 0, 3, 3);
	left_out("\"io.podman.annotations.privileged\":\"TRUE\","
		 "\"io.container.manager\":\"libpod\"",
		 3, 2, 1);
}

/* docker and containerd have no annotation that says "privileged". */
static void privileged(const char *caps, const char *linux_, size_t host,
		       size_t devices)
{
	AUTO_FREE char *text = xasprintf(
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"sh\"],"
		"\"cwd\":\"/\",\"capabilities\":{\"bounding\":[%s]}}," ROOT
		",\"linux\":{" NAMESPACES MANY_DEVICES "%s}}",
		caps, linux_);
	struct oci_spec *spec = parse(text);

	assert_int_equal(oci_leave_out_devices(spec), host);
	assert_int_equal(spec->linux_.device_count, devices);
	oci_spec_free(spec);
}

#define ALL_CAPS "\"CAP_SYS_ADMIN\",\"CAP_SYS_RAWIO\""
#define RULE(rest) ",\"resources\":{\"devices\":[{\"allow\":true," rest "}]}"

static void test_privileged_by_its_walls(void **state)
{
	(void)state;
	privileged(ALL_CAPS, RULE("\"access\":\"rwm\""), 2, 1);
	privileged(ALL_CAPS, RULE("\"type\":\"a\",\"access\":\"rwm\""), 2, 1);
	privileged(ALL_CAPS, RULE("\"type\":\"c\",\"access\":\"rwm\""), 0, 3);
	privileged(ALL_CAPS, RULE("\"major\":10,\"access\":\"rwm\""), 0, 3);
	privileged(ALL_CAPS, "", 0, 3);
	privileged("\"CAP_CHOWN\"", RULE("\"access\":\"rwm\""), 0, 3);
	privileged(
		ALL_CAPS,
		RULE("\"access\":\"rwm\"") ",\"maskedPaths\":[\"/proc/kcore\"]",
		0, 3);
	privileged(
		ALL_CAPS,
		RULE("\"access\":\"rwm\"") ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}",
		0, 3);
}

static bool every_device(const char *rules)
{
	AUTO_FREE char *text =
		xasprintf(SPEC("", ",\"resources\":{\"devices\":[%s]}"), rules);
	struct err err = ERR_INIT;
	struct oci_spec *spec = NULL;
	bool r;

	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		fail_msg("%s", err.text);
	r = oci_allows_every_device(&spec->linux_.resources);
	oci_spec_free(spec);
	return r;
}

#define ALLOW(rest) "{\"allow\":true" rest "}"
#define DENY(rest) "{\"allow\":false" rest "}"

/* A later rule overrides. */
static void test_every_device(void **state)
{
	(void)state;
	assert_true(every_device(ALLOW("")));
	assert_true(every_device(DENY("") "," ALLOW(",\"access\":\"mwr\"")));
	assert_true(every_device(ALLOW("") "," ALLOW(",\"type\":\"c\"")));
	assert_false(every_device(""));
	assert_false(every_device(ALLOW("") "," DENY("")));
	assert_false(every_device(ALLOW("") "," DENY(",\"type\":\"c\"")));
	assert_false(every_device(ALLOW(",\"access\":\"rw\"")));
	assert_false(every_device(ALLOW(",\"type\":\"b\"")));
	assert_false(every_device(ALLOW(",\"minor\":1")));
}

static void test_relative_destination(void **state)
{
	static const char text[] =
		SPEC(",\"mounts\":[{\"destination\":\"a/../b//c\"}]", "");
	struct err err = ERR_INIT;
	struct oci_spec *spec = NULL;

	(void)state;
	assert_int_equal(oci_spec_parse(text, strlen(text), &spec, &err), 0);
	assert_string_equal(spec->mounts[0].destination, "/b/c");
	oci_spec_free(spec);
}

static void test_wrong_linux(void **state)
{
	(void)state;
	refuse_parse("{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT "}",
		     "linux: is missing");
	refuse_parse("{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT ",\"linux\":{"
		     "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
		     "linux.namespaces[1].type: is there twice");
	refuse_parse("{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT ",\"linux\":{"
		     "\"namespaces\":[{\"type\":\"disk\"}]}}",
		     "linux.namespaces[0].type");
	refuse_parse("{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT ",\"linux\":{"
		     "\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]}}",
		     "absolute");
	refuse_parse(SPEC("", ",\"sysctl\":{\"a\":1}"), "linux.sysctl.a");
	refuse_parse(
		SPEC("", ",\"devices\":[{\"path\":\"/dev/x\",\"type\":\"z\"}]"),
		"linux.devices[0].type");
	refuse_parse(SPEC("", ",\"devices\":[{\"path\":\"x\",\"type\":\"c\"}]"),
		     "absolute");
	refuse_parse(SPEC("", ",\"resources\":{\"memory\":{\"limit\":1.5}}"),
		     "linux.resources.memory.limit");
	refuse_parse(
		SPEC("", ",\"resources\":{\"devices\":[{\"access\":\"x\"}]}"),
		"linux.resources.devices[0].access");
	refuse_parse(SPEC("", ",\"seccomp\":{}"), "linux.seccomp.defaultAction");
	refuse_parse(SPEC(",\"mounts\":[{\"destination\":\"\"}]", ""),
		     "mounts[0].destination");
	refuse_parse(SPEC(",\"annotations\":{\"\":\"x\"}", ""), "annotations");
	refuse_parse(SPEC(",\"annotations\":{\"a\":true}", ""), "annotations.a");
}

#define HOOKS(kind, hook) ",\"hooks\":{\"" kind "\":[{" hook "}]}"

static void test_hooks(void **state)
{
	struct oci_spec *spec = parse(
		SPEC(HOOKS("prestart", "\"path\":\"/h\",\"args\":[\"a\",\"b\"],"
				       "\"env\":[\"A=b=c\"],\"timeout\":3},"
				       "{\"path\":\"/second\""),
		     ""));

	(void)state;
	assert_int_equal(spec->hooks.prestart.count, 2);
	assert_string_equal(spec->hooks.prestart.item[0].path, "/h");
	assert_string_equal(spec->hooks.prestart.item[0].args.item[1], "b");
	assert_string_equal(spec->hooks.prestart.item[0].env.item[0], "A=b=c");
	assert_int_equal(spec->hooks.prestart.item[0].timeout, 3);
	assert_string_equal(spec->hooks.prestart.item[1].path, "/second");
	assert_int_equal(spec->hooks.prestart.item[1].args.count, 0);
	assert_int_equal(spec->hooks.prestart.item[1].timeout, 0);
	assert_true(oci_hooks_any(&spec->hooks));
	oci_spec_free(spec);
	accept(SPEC(HOOKS("createRuntime", "\"path\":\"/h\""), ""));
	accept(SPEC(HOOKS("poststart", "\"path\":\"/h\""), ""));
	accept(SPEC(HOOKS("poststop", "\"path\":\"/h\""), ""));
	refuse_parse(SPEC(HOOKS("poststop", ""), ""), "hooks.poststop[0].path");
	refuse_parse(SPEC(HOOKS("prestart", "\"path\":\"h\""), ""),
		     "hooks.prestart[0].path");
	refuse_parse(SPEC(HOOKS("prestart", "\"path\":\"/h\",\"timeout\":0"), ""),
		     "hooks.prestart[0].timeout");
	refuse_parse(
		SPEC(HOOKS("prestart", "\"path\":\"/h\",\"timeout\":-1"), ""),
		"hooks.prestart[0].timeout");
	refuse_parse(
		SPEC(HOOKS("prestart", "\"path\":\"/h\",\"env\":[\"A\"]"), ""),
		"hooks.prestart[0].env");
	refuse_parse(
		SPEC(HOOKS("prestart", "\"path\":\"/h\",\"args\":\"a\""), ""),
		"hooks.prestart[0].args");
}

static void test_refused_top(void **state)
{
	(void)state;
	refuse("{\"ociVersion\":\"1.0.0\"," ROOT ",\"linux\":{" NAMESPACES "}}",
	       "process");
	refuse(SPEC(HOOKS("createContainer", "\"path\":\"/h\""), ""),
	       "hooks.createContainer");
	refuse(SPEC(HOOKS("startContainer", "\"path\":\"/h\""), ""),
	       "hooks.startContainer");
	refuse(SPEC(",\"domainname\":\"d\"", ""), "domainname");
	refuse(SPEC(",\"vm\":{\"kernel\":{\"path\":\"/k\"}}", ""), "vm");
	refuse(WITH(PLAIN ",\"scheduler\":{}}", "{\"path\":\"r\"}"),
	       "process.scheduler");
	refuse(WITH(PLAIN ",\"ioPriority\":{}}", "{\"path\":\"r\"}"),
	       "process.ioPriority");
	refuse(WITH(PLAIN ",\"execCPUAffinity\":{}}", "{\"path\":\"r\"}"),
	       "process.execCPUAffinity");
	accept(SPEC(",\"hooks\":{\"prestart\":[]},\"domainname\":\"\"", ""));
	accept(WITH(PLAIN ",\"apparmorProfile\":\"p\",\"selinuxLabel\":\"l\"}",
		    "{\"path\":\"r\"}"));
}

static void test_refused_namespaces(void **state)
{
#define NS(list)                                                               \
	"{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT                          \
	",\"linux\":{\"namespaces\":[" list "]}}"
#define PID "{\"type\":\"pid\"},"
#define NET "{\"type\":\"network\",\"path\":\"/run/netns/x\"},"
#define REST "{\"type\":\"ipc\"},{\"type\":\"mount\"}"
	(void)state;
	accept(NS(PID NET REST));
	accept(NS(PID NET REST
		  ",{\"type\":\"cgroup\"},{\"type\":\"uts\",\"path\":\"\"}"));
	refuse(NS(PID REST), "--network host");
	refuse(NS(NET REST), "--pid host");
	refuse(NS(PID NET "{\"type\":\"mount\"}"), "--ipc host");
	refuse(NS(PID NET "{\"type\":\"ipc\"}"), "mount");
	refuse(NS(PID NET REST ",{\"type\":\"user\"}"), "linux.namespaces[4]");
	refuse(NS(PID NET REST ",{\"type\":\"uts\",\"path\":\"/x\"}"),
	       "linux.namespaces[4].path");
}

static void test_refused_mounts(void **state)
{
#define MOUNT(rest) ",\"mounts\":[{\"destination\":\"/m\"," rest "}]"
	(void)state;
	accept(SPEC(
		MOUNT("\"source\":\"/s\",\"options\":[\"rbind\",\"rprivate\"]"),
		""));
	accept(SPEC(MOUNT("\"source\":\"/dev/zero\",\"options\":[\"slave\"]"),
		    ""));
	refuse(SPEC(MOUNT("\"source\":\"/s\",\"options\":[\"rslave\"]"), ""),
	       "mounts[0].options");
	refuse(SPEC(MOUNT("\"source\":\"/dev/zero\",\"options\":[\"rshared\"]"),
		    ""),
	       "mounts[0].options");
	refuse(SPEC(MOUNT("\"options\":[\"idmap=uids=0-1-1\"]"), ""),
	       "id-mapped");
	refuse(SPEC(MOUNT("\"uidMappings\":[{}]"), ""), "id-mapped");
}

static void test_refused_linux(void **state)
{
#define RES(text) SPEC("", ",\"resources\":{" text "}")
	(void)state;
	refuse(SPEC("",
		    ",\"uidMappings\":[{\"hostID\":1,\"containerID\":0,\"size\":1}]"),
	       "linux.uidMappings");
	refuse(SPEC("", ",\"intelRdt\":{}"), "linux.intelRdt");
	refuse(SPEC("", ",\"personality\":{}"), "linux.personality");
	refuse(SPEC("", ",\"timeOffsets\":{\"boottime\":{}}"),
	       "linux.timeOffsets");
	refuse(SPEC("", ",\"netDevices\":{\"e\":{}}"), "linux.netDevices");
	refuse(SPEC("", ",\"memoryPolicy\":{}"), "linux.memoryPolicy");
	refuse(SPEC("", ",\"rootfsPropagation\":\"shared\""),
	       "linux.rootfsPropagation");
	accept(SPEC("", ",\"rootfsPropagation\":\"rslave\",\"netDevices\":{}"));
	refuse(RES("\"hugepageLimits\":[{}]"), "hugepageLimits");
	refuse(RES("\"network\":{\"classID\":1}"), "resources.network");
	refuse(RES("\"rdma\":{\"x\":{}}"), "resources.rdma");
	refuse(RES("\"blockIO\":{\"throttleReadBpsDevice\":[{}]}"),
	       "resources.blockIO");
	refuse(RES("\"memory\":{\"swappiness\":1}"), "resources.memory");
	refuse(RES("\"memory\":{\"disableOOMKiller\":true}"),
	       "resources.memory");
	refuse(RES("\"cpu\":{\"burst\":1}"), "resources.cpu");
	accept(RES("\"hugepageLimits\":[],\"network\":{},\"rdma\":{},"
		   "\"memory\":{\"disableOOMKiller\":false},\"cpu\":{\"idle\":0},"
		   "\"blockIO\":{\"weight\":10,\"weightDevice\":[]}"));
	refuse(SPEC("", ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
			"\"listenerPath\":\"/x\"}"),
	       "linux.seccomp.listenerPath");
	refuse(SPEC("", ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}"),
	       "linux.seccomp.defaultAction");
	refuse(SPEC("",
		    ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
		    "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}"),
	       "linux.seccomp.syscalls[0].action");
}

static void test_counts(void **state)
{
	static const char head[] = "{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT
				   ",\"mounts\":[",
			  item[] = "{\"destination\":\"/a\"}";
	size_t size =
		sizeof(head) + (OCI_MOUNTS_MAX + 1) * (sizeof(item) + 1) + 8;
	char *text = xcalloc(size, 1);
	size_t at = (size_t)snprintf(text, size, "%s%s", head, item);

	(void)state;
	for (int i = 0; i < OCI_MOUNTS_MAX; i++)
		at += (size_t)snprintf(text + at, size - at, ",%s", item);
	snprintf(text + at, size - at, "]}");
	refuse_parse(text, "mounts: too many");
	free(text);
}

static void test_process_file(void **state)
{
	static const char text[] =
		"{\"terminal\":true,\"user\":{\"uid\":5,\"gid\":6},"
		"\"args\":[\"ls\"],\"cwd\":\"/\",\"noNewPrivileges\":true,"
		"\"consoleSize\":{\"height\":24,\"width\":80}}";
	struct oci_process *process = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_process_parse(text, strlen(text), &process, &err),
			 0);
	assert_int_equal(process->user.gid, 6);
	assert_int_equal(process->console_width, 80);
	assert_true(process->no_new_privileges);
	assert_false(process->has_caps);
	assert_int_equal(oci_process_unsupported(process, &err), 0);
	oci_process_free(process);
	assert_int_equal(oci_process_parse("{", 1, &process, &err), -EINVAL);
	assert_int_equal(oci_process_parse("{}", 2, &process, &err), -EINVAL);
}

static void test_resources_file(void **state)
{
	static const char text[] =
		"{\"pids\":{\"limit\":-1},\"cpu\":{\"shares\":512,"
		"\"cpus\":\"0-1\"},\"unified\":{\"memory.high\":\"1\"}}";
	struct oci_resources *r = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_resources_parse(text, strlen(text), &r, &err), 0);
	assert_true(r->has_pids_limit);
	assert_int_equal(r->pids_limit, -1);
	assert_true(r->has_cpu_shares);
	assert_string_equal(r->cpuset_cpus, "0-1");
	assert_int_equal(r->unified.count, 1);
	assert_string_equal(r->unified.item[0].key, "memory.high");
	oci_resources_free(r);
	assert_int_equal(oci_resources_parse("[]", 2, &r, &err), -EINVAL);
}

/* What is written is read as the same. */
static void test_process_format(void **state)
{
	static const char in[] =
		"{\"terminal\":true,\"consoleSize\":{\"height\":3,\"width\":4},"
		"\"user\":{\"uid\":1,\"gid\":2,\"umask\":18,\"additionalGids\":[7,8]},"
		"\"args\":[\"a \\\"b\"],\"env\":[\"X=y\"],\"cwd\":\"/w\","
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[],"
		"\"inheritable\":[],\"permitted\":[\"CAP_CHOWN\"],\"ambient\":[]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":6,\"soft\":5}],"
		"\"noNewPrivileges\":true,\"apparmorProfile\":\"p\","
		"\"selinuxLabel\":\"l\",\"oomScoreAdj\":-5}";
	struct oci_process *process = NULL;
	struct err err = ERR_INIT;
	char *out;

	(void)state;
	assert_int_equal(oci_process_parse(in, strlen(in), &process, &err), 0);
	out = oci_process_format(process);
	assert_string_equal(out, in);
	free(out);
	oci_process_free(process);
}

static void test_resources_format(void **state)
{
	static const char in[] =
		"{\"memory\":{\"limit\":1,\"swap\":-1,\"reservation\":3},"
		"\"cpu\":{\"shares\":4,\"quota\":-1,\"period\":6,\"cpus\":\"0-1\","
		"\"mems\":\"0\"},\"pids\":{\"limit\":8},\"blockIO\":{\"weight\":9},"
		"\"unified\":{\"memory.high\":\"5\"}}";
	struct oci_resources *resources = NULL;
	struct err err = ERR_INIT;
	char *out;

	(void)state;
	assert_int_equal(oci_resources_parse(in, strlen(in), &resources, &err),
			 0);
	out = oci_resources_format(resources);
	assert_string_equal(out, in);
	free(out);
	oci_resources_free(resources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_format),
		cmocka_unit_test(test_resources_format),
		cmocka_unit_test(test_podman_rootless),
		cmocka_unit_test(test_podman_tty),
		cmocka_unit_test(test_podman_device),
		cmocka_unit_test(test_podman_limits),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_rlimits),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_relative_destination),
		cmocka_unit_test(test_devices_left_out),
		cmocka_unit_test(test_every_device),
		cmocka_unit_test(test_privileged_by_its_walls),
		cmocka_unit_test(test_wrong_linux),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_refused_top),
		cmocka_unit_test(test_refused_namespaces),
		cmocka_unit_test(test_refused_mounts),
		cmocka_unit_test(test_refused_linux),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_process_file),
		cmocka_unit_test(test_resources_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
