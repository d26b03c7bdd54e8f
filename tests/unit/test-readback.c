// SPDX-License-Identifier: Apache-2.0
/*
 * test-readback.c - a guest that reports what was asked for is believed, and
 * one that reports anything else about any single field is not.
 */
/* link: runtime/readback.o runtime/readback-items.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "readback-kinds.h"
#include "runtime/readback.h"

#define ID "c1"

static const char config[] =
	"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\",\"readonly\":true},"
	"\"hostname\":\"box\",\"domainname\":\"dom\","
	"\"process\":{\"cwd\":\"/srv\",\"args\":[\"a\"],\"noNewPrivileges\":true,"
	"\"oomScoreAdj\":-7,\"user\":{\"uid\":5,\"gid\":6,\"umask\":63,"
	"\"additionalGids\":[9,7]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":20}],"
	"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],"
	"\"permitted\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\"],"
	"\"inheritable\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]}},"
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"p\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/run\",\"type\":\"tmpfs\",\"source\":\"t\","
	"\"options\":[\"ro\",\"rw\",\"nosuid\"]},"
	"{\"destination\":\"/data/x\",\"type\":\"tmpfs\",\"source\":\"t\","
	"\"options\":[\"ro\"]},"
	"{\"destination\":\"/data\",\"type\":\"tmpfs\",\"source\":\"t\","
	"\"options\":[\"rro\"]}],"
	"\"linux\":{\"maskedPaths\":[\"/proc/kcore\",\"/none\"],"
	"\"readonlyPaths\":[\"/proc/sys\"],"
	"\"sysctl\":{\"net.ipv4.ping_group_range\":\"0 010\"},"
	"\"devices\":[{\"path\":\"/dev/p\",\"type\":\"p\",\"fileMode\":384,"
	"\"uid\":3,\"gid\":4}],"
	"\"resources\":{\"memory\":{\"limit\":8193,\"swap\":16385,"
	"\"reservation\":4097},\"pids\":{\"limit\":50},"
	"\"cpu\":{\"shares\":1024,\"quota\":5000,\"period\":100000},"
	"\"blockIO\":{\"weight\":10},"
	"\"unified\":{\"memory.high\":\"1M\"}},"
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}}}";

static struct oci_spec *spec;
static struct readback got;

static void put(char *to, size_t size, const char *what)
{
	snprintf(to, size, "%s", what);
}

static struct record_item *add(enum readback_kind kind, uint32_t index,
			       uint64_t a, uint64_t b, uint64_t c)
{
	struct record_item *item;

	got.item = xgrow(got.item, got.count, got.count + 1, sizeof(*got.item));
	item = &got.item[got.count++];
	*item = (struct record_item){ .kind = kind,
				      .index = index,
				      .value = { a, b, c } };
	return item;
}

static void text(enum readback_kind kind, uint32_t index, const char *what)
{
	struct record_item *item = add(kind, index, 0, 0, 0);

	put(item->text, sizeof(item->text), what);
}

static void fill_items(void)
{
	add(READBACK_RLIMIT, RLIMIT_NOFILE, 10, 20, 0);
	add(READBACK_GROUP, 0, 7, 0, 0);
	add(READBACK_GROUP, 1, 9, 0, 0);
	add(READBACK_ROOT, 0, READBACK_FLAG_RDONLY, 0, 0);
	add(READBACK_MOUNT, 0, READBACK_THERE,
	    READBACK_FLAG_NOSUID | READBACK_FLAG_NOEXEC | READBACK_FLAG_NODEV,
	    0);
	add(READBACK_MOUNT, 1, READBACK_THERE,
	    READBACK_FLAG_NOSUID | READBACK_FLAG_NODEV, 0);
	add(READBACK_MOUNT, 2, READBACK_ABSENT, 0, 0); /* below the next */
	add(READBACK_MOUNT, 3, READBACK_THERE, READBACK_FLAG_RDONLY, 0);
	add(READBACK_MASKED, 0, READBACK_THERE, 0, 0);
	add(READBACK_MASKED, 1, READBACK_ABSENT, 0, 0);
	add(READBACK_READONLY, 0, READBACK_THERE, 0, 0);
	add(READBACK_DEVICE, 0, S_IFIFO | 0600, 0, 3ull << 32 | 4);
	text(READBACK_NAME, 0, "box");
	text(READBACK_NAME, 1, "dom");
	text(READBACK_SYSCTL, 0, "0 8");
	text(READBACK_UNIFIED, 0, "1048576");
	add(READBACK_AGENT, READBACK_AGENT_DUMPABLE, 0, 0, 0);
	add(READBACK_AGENT, READBACK_AGENT_ROOT, 15, 0, 0);
	text(READBACK_AGENT, READBACK_AGENT_CGROUP, "/agent");
}

static void fill(void)
{
	readback_done(&got);
	got.main = (struct record_readback){
		.guest_pid = 42,
		.seccomp_mode = 2,
		.seccomp_filters = 3,
		.no_new_privs = 1,
		.cap_bounding = 0x21,
		.cap_permitted = 0x21,
		.cap_effective = 1,
		.cap_inheritable = 0x20,
		.cap_ambient = 0x20,
		.uid = 5,
		.gid = 6,
		.namespaces = 0x76,
		.shared_namespaces = 0x7f,
		.umask = 077,
		.device_filters = 1,
		.oom_score_adj = -7,
		.memory_max = 8192,
		.memory_swap_max = 8192,
		.memory_low = 4096,
		.pids_max = 50,
		.cpu_quota = 5000,
		.cpu_period = 100000,
		.cpu_weight = 39,
		.io_weight = 1,
		.cgroup = "/kata/" ID,
		.cwd = "/srv",
	};
	fill_items();
}

static void believed(void)
{
	struct err err = ERR_INIT;

	if (readback_check(&got, spec, ID, &err) < 0)
		fail_msg("%s", err.text);
}

static void refused(const char *what)
{
	struct err err = ERR_INIT;

	assert_int_equal(readback_check(&got, spec, ID, &err), -EPERM);
	if (!strstr(err.text, what))
		fail_msg("expected %s: %s", what, err.text);
	fill();
}

static void test_honest(void **state UNUSED)
{
	fill();
	believed();
	/* A kernel without swap or without io weights has no such files. */
	got.main.memory_swap_max = READBACK_NO_FILE;
	got.main.io_weight = READBACK_NO_FILE;
	believed();
	/* Stricter than asked is fine. */
	got.item[5].value[1] |= READBACK_FLAG_RDONLY | READBACK_FLAG_NOEXEC;
	believed();
}

#define LIE(field, value, what)                                                \
	do {                                                                   \
		got.main.field = (value);                                      \
		refused(what);                                                 \
	} while (0)

static void test_process(void **state UNUSED)
{
	fill();
	LIE(seccomp_mode, 0, "linux.seccomp (mode)");
	LIE(seccomp_mode, 1, "linux.seccomp (mode)");
	LIE(seccomp_filters, 2, "linux.seccomp (number of filters)");
	LIE(seccomp_filters, 4, "linux.seccomp (number of filters)");
	LIE(no_new_privs, 0, "process.noNewPrivileges");
	LIE(cap_bounding, 0x3f, "process.capabilities.bounding");
	LIE(cap_permitted, 0x61, "process.capabilities.permitted");
	LIE(cap_effective, 0, "process.capabilities.effective");
	LIE(cap_inheritable, 0, "process.capabilities.inheritable");
	LIE(cap_ambient, 0, "process.capabilities.ambient");
	LIE(uid, 0, "process.user.uid");
	LIE(gid, 0, "process.user.gid");
	LIE(umask, 022, "process.user.umask");
	LIE(oom_score_adj, 0, "process.oomScoreAdj");
	for (unsigned bit = 0; bit < 7; bit++) {
		LIE(namespaces, 0x76 ^ 1u << bit, "namespaces of its own");
		if (!(0x76 & 1u << bit))
			continue;
		LIE(shared_namespaces, 0x7f ^ 1u << bit,
		    "namespaces of the container");
	}
	put(got.main.cgroup, sizeof(got.main.cgroup), "/kata/c10");
	refused("cgroup");
	put(got.main.cgroup, sizeof(got.main.cgroup), "/kata/c1/below");
	refused("cgroup");
	put(got.main.cgroup, sizeof(got.main.cgroup), "/");
	refused("cgroup");
	put(got.main.cwd, sizeof(got.main.cwd), "(unreachable)/");
	refused("process.cwd");
}

/* A container that may use every device has no second floor. */
static void test_every_device(void **state UNUSED)
{
	struct oci_device_rule all = { .allow = true, .major = -1, .minor = -1 };
	struct oci_resources *res = &spec->linux_.resources;
	struct oci_device_rule *none = res->devices;

	fill();
	res->devices = &all;
	res->device_count = 1;
	LIE(seccomp_filters, 3, "linux.seccomp (number of filters)");
	got.main.seccomp_filters = 2;
	believed();
	res->devices = none;
	res->device_count = 0;
	refused("linux.seccomp (number of filters)");
}

static void test_limits(void **state UNUSED)
{
	fill();
	LIE(memory_max, -1, "linux.resources.memory.limit");
	LIE(memory_max, 12288, "linux.resources.memory.limit");
	LIE(memory_swap_max, -1, "linux.resources.memory.swap");
	LIE(memory_low, 0, "linux.resources.memory.reservation");
	LIE(pids_max, -1, "linux.resources.pids.limit");
	LIE(cpu_quota, -1, "linux.resources.cpu.quota");
	LIE(cpu_period, 1000, "linux.resources.cpu.period");
	LIE(cpu_weight, 100, "linux.resources.cpu.shares");
	LIE(io_weight, 100, "linux.resources.blockIO.weight");
	LIE(device_filters, 0, "linux.resources.devices");
	LIE(device_filters, 2, "linux.resources.devices");
}

/* One file of unified with this value, and what the guest reads of it. */
static void unified(const char *file, const char *want, const char *have,
		    bool is_fine)
{
	AUTO_FREE char *key = xstrdup(file), *value = xstrdup(want);
	struct oci_pair pair = { .key = key, .value = value }, *old;
	struct oci_pairs *pairs = &spec->linux_.resources.unified;

	fill();
	for (size_t i = 0; i < got.count; i++)
		if (got.item[i].kind == READBACK_UNIFIED)
			put(got.item[i].text, sizeof(got.item[i].text), have);
	old = pairs->item;
	pairs->item = &pair;
	if (is_fine)
		believed();
	else
		refused("linux.resources.unified");
	pairs->item = old;
}

static void test_unified(void **state UNUSED)
{
	unified("memory.swap.max", "0", "0", true);
	unified("memory.swap.max", "0", "max", false);
	unified("memory.swap.max", "100", "max", false);
	unified("memory.high", "100", "0", true);
	unified("memory.high", "1M", "max", false);
	unified("memory.high", "0x100000", "1048576", true);
	unified("memory.high", "max", "max", true);
	unified("memory.high", "max", "0", false);
	unified("memory.high", "1M", "1048576x", false);
	unified("memory.high", "1M", "", false);
	unified("pids.max", "0", "max", false);
	unified("pids.max", "0", "0", true);
	unified("cpu.max", "50000", "50000 100000", true);
	unified("cpu.max", "50000", "max 100000", false);
	unified("cpu.max", "50000", "5000 100000", false);
	unified("cpu.max", "50000 20000", "50000 20000", true);
	unified("cpu.max", "50000 20000", "50000 100000", false);
	unified("cpu.max", "max", "max 100000", true);
	unified("cpu.max", "max", "50000 100000", false);
}

static const struct {
	enum readback_kind kind;
	uint32_t index;
	unsigned value; /* which one, 3: the text */
	uint64_t lie;
	const char *what;
} item_lies[] = {
	{ READBACK_RLIMIT, RLIMIT_NOFILE, 0, 11, "RLIMIT_NOFILE" },
	{ READBACK_RLIMIT, RLIMIT_NOFILE, 1, 21, "RLIMIT_NOFILE" },
	{ READBACK_GROUP, 0, 0, 0, "process.user.additionalGids" },
	{ READBACK_GROUP, 1, 0, 7, "process.user.additionalGids" },
	{ READBACK_ROOT, 0, 0, 0, "root.readonly" },
	{ READBACK_MOUNT, 0, 0, READBACK_ABSENT, "mounts[0]" },
	{ READBACK_MOUNT, 0, 1, 6, "mounts[0].options" },
	{ READBACK_MOUNT, 1, 1, 0, "mounts[1].options" },
	{ READBACK_MOUNT, 1, 1, 2 | READBACK_FLAG_SHARED, "mounts[1].options" },
	{ READBACK_MOUNT, 3, 1, 0, "mounts[3].options" },
	{ READBACK_MASKED, 0, 0, READBACK_BARE, "linux.maskedPaths[0]" },
	{ READBACK_MASKED, 1, 0, 99, "linux.maskedPaths[1]" },
	{ READBACK_READONLY, 0, 0, READBACK_BARE, "linux.readonlyPaths[0]" },
	{ READBACK_DEVICE, 0, 0, S_IFCHR | 0600, "linux.devices" },
	{ READBACK_DEVICE, 0, 0, S_IFIFO | 0666, "linux.devices (mode)" },
	{ READBACK_DEVICE, 0, 1, 1, "linux.devices" },
	{ READBACK_DEVICE, 0, 2, 0, "linux.devices (owner)" },
	{ READBACK_NAME, 0, 3, 0, "hostname" },
	{ READBACK_NAME, 1, 3, 0, "domainname" },
	{ READBACK_SYSCTL, 0, 3, 0, "linux.sysctl[net.ipv4.ping_group_range]" },
	{ READBACK_UNIFIED, 0, 3, 0, "unified[memory.high]" },
	{ READBACK_AGENT, READBACK_AGENT_DUMPABLE, 0, 1, "dumpable" },
	{ READBACK_AGENT, READBACK_AGENT_ROOT, 0, 14, "agent's own root" },
	{ READBACK_AGENT, READBACK_AGENT_CGROUP, 3, 0, "agent's own cgroup" },
};

static struct record_item *item_of(enum readback_kind kind, uint32_t index)
{
	for (size_t i = 0; i < got.count; i++)
		if (got.item[i].kind == kind && got.item[i].index == index)
			return &got.item[i];
	fail_msg("no item %d %u", kind, index);
	return NULL;
}

static void test_items(void **state UNUSED)
{
	fill();
	for (size_t i = 0; i < ARRAY_SIZE(item_lies); i++) {
		struct record_item *item =
			item_of(item_lies[i].kind, item_lies[i].index);

		if (item_lies[i].value == 3)
			put(item->text, sizeof(item->text), "9");
		else
			item->value[item_lies[i].value] = item_lies[i].lie;
		refused(item_lies[i].what);
	}
}

/* Each is looked for. */
static void test_missing(void **state UNUSED)
{
	fill();
	for (size_t i = 0; i < got.count; i++) {
		got.item[i].kind = READBACK_KIND_MAX;
		refused("did not");
	}
	add(READBACK_GROUP, 2, 0, 0, 0);
	refused("process.user.additionalGids");
	/* A sysctl that can be written alone is told as that. */
	item_of(READBACK_SYSCTL, 0)->text[0] = '\0';
	refused("linux.sysctl[net.ipv4.ping_group_range]");
	item_of(READBACK_SYSCTL, 0)->text[0] = '\0';
	item_of(READBACK_SYSCTL, 0)->value[0] = READBACK_WRITE_ONLY;
	believed();
	/* Two that lead to one place: the later one is seen. */
	got.item[4].value[0] = READBACK_HIDDEN;
	believed();
}

static void test_exec(void **state UNUSED)
{
	struct err err = ERR_INIT;

	fill();
	/* A container with an init system puts it below the container's. */
	put(got.main.cgroup, sizeof(got.main.cgroup), "/kata/" ID "/init.scope");
	assert_int_equal(
		readback_check_exec(&got, &spec->process, spec, ID, &err), 0);
	/* The init has made a user and a net namespace for itself. */
	got.main.shared_namespaces = 0x76;
	assert_int_equal(
		readback_check_exec(&got, &spec->process, spec, ID, &err), 0);
	got.main.umask = 0;
	assert_int_equal(
		readback_check_exec(&got, &spec->process, spec, ID, &err),
		-EPERM);
	got.main.umask = 077;
	put(got.main.cgroup, sizeof(got.main.cgroup), "/kata/" ID "x");
	assert_int_equal(
		readback_check_exec(&got, &spec->process, spec, ID, &err),
		-EPERM);
}

static void test_receive(void **state UNUSED)
{
	union record record;
	struct err err = ERR_INIT;
	struct readback back;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	record_init(&record, RECORD_SHIM_READBACK);
	record.readback.item_count = 2;
	assert_int_equal(record_send(pair[1], &record, &err), 0);
	record_init(&record, RECORD_SHIM_ITEM);
	record.item.kind = READBACK_GROUP;
	record.item.value[0] = 77;
	assert_int_equal(record_send(pair[1], &record, &err), 0);
	/* The second one never comes. */
	assert_int_equal(readback_receive(pair[0], 50, &back, &err), -ETIMEDOUT);
	assert_null(back.item);
	record_init(&record, RECORD_SHIM_READBACK);
	record.readback.item_count = 1;
	assert_int_equal(record_send(pair[1], &record, &err), 0);
	record_init(&record, RECORD_SHIM_ITEM);
	record.item.kind = READBACK_GROUP;
	record.item.value[0] = 77;
	assert_int_equal(record_send(pair[1], &record, &err), 0);
	assert_int_equal(readback_receive(pair[0], 50, &back, &err), 0);
	assert_int_equal(back.count, 1);
	assert_int_equal(back.item[0].value[0], 77);
	readback_done(&back);
	close(pair[0]);
	close(pair[1]);
}

struct trickle {
	int sock;
	unsigned count;
};

/* One item every 20 ms, until nobody reads any more. */
static void *send_slowly(void *arg)
{
	struct trickle *slow = arg;
	struct err err = ERR_INIT;
	union record record;

	for (unsigned i = 0; i < slow->count; i++) {
		usleep(20 * 1000);
		record_init(&record, RECORD_SHIM_ITEM);
		record.item.kind = READBACK_GROUP;
		if (record_send(slow->sock, &record, &err) < 0)
			break;
	}
	return NULL;
}

/* Each item in time, and the report is not. */
static void test_trickle(void **state UNUSED)
{
	struct trickle slow = { .count = 100 };
	struct err err = ERR_INIT;
	union record record;
	struct readback back;
	pthread_t thread;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	slow.sock = pair[1];
	record_init(&record, RECORD_SHIM_READBACK);
	record.readback.item_count = slow.count;
	assert_int_equal(record_send(pair[1], &record, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_slowly, &slow), 0);
	assert_int_equal(readback_receive(pair[0], 500, &back, &err),
			 -ETIMEDOUT);
	close(pair[0]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(pair[1]);
}

static int parse(void **state UNUSED)
{
	struct err err = ERR_INIT;

	if (oci_spec_parse(config, strlen(config), &spec, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int end(void **state UNUSED)
{
	readback_done(&got);
	oci_spec_free(spec);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_every_device),
		cmocka_unit_test(test_unified),
		cmocka_unit_test(test_trickle),
	};

	return cmocka_run_group_tests(tests, parse, end);
}
