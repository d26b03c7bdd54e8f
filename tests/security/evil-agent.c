// SPDX-License-Identifier: Apache-2.0
/*
 * evil-agent.c - init of a guest that stands in the agent's place and follows a
 * script: honest answers, but for what the script says. Static, alone in an
 * initrd that tests/e2e/evil-initrd makes; guest root. Its input is the
 * host's requests and /script, a line each:
 *
 *	METHOD ACTION [HEX]
 *
 * METHOD is a call ("StartContainer") or "boot". The first line for a method
 * counts. ACTION: hang, exit, reboot, close, twice, stream0, request, oversize,
 * garbage, drip, flood, refuse HEX (the status' message), answer HEX (the
 * message), say HEX (to the console, then an honest answer), noise (the console
 * without end), exhaust (all of the memory, first by far).
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"
#define FRAME_MAX (5u << 20)
#define SCRIPT_MAX 65536

static char script[SCRIPT_MAX];
static uint8_t frame[FRAME_MAX];
static int port = -1;

static void die(const char *what)
{
	fprintf(stderr, "evil agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put_all(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			for (;;)
				pause(); /* the host is gone, or does not read */
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

static void send_frame(uint32_t stream, uint8_t type, const void *data,
		       uint32_t len, uint32_t said)
{
	uint8_t head[10] = { (uint8_t)(said >> 24),
			     (uint8_t)(said >> 16),
			     (uint8_t)(said >> 8),
			     (uint8_t)said,
			     (uint8_t)(stream >> 24),
			     (uint8_t)(stream >> 16),
			     (uint8_t)(stream >> 8),
			     (uint8_t)stream,
			     type,
			     0 };

	put_all(port, head, sizeof(head));
	put_all(port, data, len);
}

static size_t put_varint(uint8_t *out, uint64_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		out[n++] = (uint8_t)(value | 0x80);
	out[n++] = (uint8_t)value;
	return n;
}

/* status{code, message} and payload, either may be empty */
static void answer(uint32_t stream, unsigned code, const char *message,
		   size_t message_len, const void *payload, size_t len)
{
	static uint8_t out[65536];
	uint8_t status[32768];
	size_t s = 0, n = 0;

	if (code) {
		status[s++] = 8;
		s += put_varint(status + s, code);
		status[s++] = 18;
		s += put_varint(status + s, message_len);
		memcpy(status + s, message, message_len);
		s += message_len;
	}
	out[n++] = 10;
	n += put_varint(out + n, s);
	memcpy(out + n, status, s);
	n += s;
	if (len > 0) {
		out[n++] = 18;
		n += put_varint(out + n, len);
		memcpy(out + n, payload, len);
		n += len;
	}
	send_frame(stream, 2, out, (uint32_t)n, (uint32_t)n);
}

/* --- an honest read-back of tests/e2e/config.json ---------------------------- */

static size_t put_number(uint8_t *out, unsigned field, uint64_t value)
{
	size_t n = put_varint(out, field << 3);

	return n + put_varint(out + n, value);
}

static size_t put_bytes(uint8_t *out, unsigned field, const void *data,
			size_t len)
{
	size_t n = put_varint(out, field << 3 | 2);

	n += put_varint(out + n, len);
	memcpy(out + n, data, len);
	return n + len;
}

/* ReadBackItem; lib/readback-kinds.h has the kinds. */
static size_t put_item(uint8_t *out, unsigned kind, unsigned index,
		       uint64_t first, uint64_t second, const char *text)
{
	uint8_t item[256];
	size_t n = put_number(item, 1, kind);

	n += put_number(item + n, 2, index);
	n += put_number(item + n, 3, first);
	n += put_number(item + n, 3, second);
	n += put_bytes(item + n, 4, text, strlen(text));
	return put_bytes(out, 33, item, n);
}

static size_t put_items(uint8_t *out)
{
	static const unsigned flags[] = { 14, 2, 10, 14, 15 };
	size_t n = put_item(out, 1, 7, 1024, 1024, ""); /* RLIMIT_NOFILE */

	n += put_item(out + n, 3, 0, 0, 0, "");
	for (unsigned i = 0; i < 5; i++)
		n += put_item(out + n, 4, i, 1, flags[i], "");
	for (unsigned i = 0; i < 3; i++)
		n += put_item(out + n, 5, i, 1, 0, "");
	for (unsigned i = 0; i < 2; i++)
		n += put_item(out + n, 6, i, 1, 0, "");
	n += put_item(out + n, 8, 0, 0, 0, "e2e");
	n += put_item(out + n, 11, 0, 0, 0, "");
	n += put_item(out + n, 11, 1, 15, 0, "");
	return n + put_item(out + n, 11, 2, 0, 0, "/agent");
}

static size_t read_back(uint8_t *out, const void *id, size_t id_len)
{
	static const struct {
		unsigned field;
		int64_t value;
	} number[] = {
		{ 1, 42 },   { 2, 2 },	  { 3, 3 },	{ 4, 1 },
		{ 6, 0x21 }, { 7, 0x21 }, { 8, 0x21 },	{ 12, 0x76 },
		{ 13, -1 },  { 14, -1 },  { 15, -1 },	{ 16, -1 },
		{ 27, 1 },   { 28, 18 },  { 32, 0x7f }, { 34, 1 },
	};
	static uint8_t message[8192];
	char cgroup[256];
	size_t n = 0;

	snprintf(cgroup, sizeof(cgroup), "/kata/%.*s", (int)id_len,
		 (const char *)id);
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		n += put_number(message + n, number[i].field,
				(uint64_t)number[i].value);
	n += put_bytes(message + n, 17, "1.0", 3);
	n += put_bytes(message + n, 18, "6.1", 3);
	n += put_bytes(message + n, 30, cgroup, strlen(cgroup));
	n += put_bytes(message + n, 31, "/", 1);
	n += put_items(message + n);
	return put_bytes(out, 1000, message, n);
}

static size_t unhex(const char *text, uint8_t *ret, size_t size)
{
	size_t n = 0;
	unsigned byte;

	while (n < size && isxdigit((unsigned char)text[2 * n]) &&
	       isxdigit((unsigned char)text[2 * n + 1]) &&
	       sscanf(text + 2 * n, "%2x", &byte) == 1)
		ret[n++] = (uint8_t)byte;
	return n;
}

/* "ACTION [HEX]" for a method, or NULL. */
static const char *scripted(const char *method)
{
	size_t len = strlen(method);
	char *line = script;

	while (line && *line) {
		if (strncmp(line, method, len) == 0 && line[len] == ' ')
			return line + len + 1;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return NULL;
}

static int is(const char *action, const char *name)
{
	size_t len = strlen(name);

	return strncmp(action, name, len) == 0 && action[len] <= ' ';
}

static const char *argument(const char *action)
{
	const char *at = strpbrk(action, " \n");

	return at && *at == ' ' ? at + 1 : "";
}

static void hang(void)
{
	for (;;)
		pause();
}

static void noise(void)
{
	for (;;)
		fputs("\x1b[2J\x07noise noise noise noise noise \xff\xfe\r\n",
		      stderr);
}

static void exhaust(void)
{
	for (;;) {
		char *more = malloc(1 << 20);

		if (more)
			memset(more, 1, 1 << 20);
	}
}

static void say(const char *hex)
{
	static uint8_t text[8192];
	size_t len = unhex(hex, text, sizeof(text));

	put_all(2, text, len);
}

/* What needs no call. False: an honest answer is still owed. */
static int acts(const char *action)
{
	if (is(action, "hang"))
		hang();
	if (is(action, "exit"))
		exit(1);
	if (is(action, "reboot"))
		reboot(RB_AUTOBOOT);
	if (is(action, "noise"))
		noise();
	if (is(action, "exhaust"))
		exhaust();
	if (is(action, "close")) {
		close(port);
		hang();
	}
	if (is(action, "say"))
		say(argument(action));
	return !is(action, "say");
}

static void drip(uint32_t stream)
{
	send_frame(stream, 2, "", 0, 60000);
	for (;;) {
		put_all(port, "", 1);
		usleep(100000);
	}
}

static void flood(uint32_t stream)
{
	for (;;)
		send_frame(stream + 4000, 2, frame, 60000, 60000);
}

static void misbehave(const char *action, uint32_t stream)
{
	static uint8_t data[16384];
	size_t len = unhex(argument(action), data, sizeof(data));

	if (is(action, "twice")) {
		answer(stream, 0, NULL, 0, NULL, 0);
		answer(stream, 0, NULL, 0, NULL, 0);
	} else if (is(action, "stream0")) {
		send_frame(0, 2, "\n", 2, 2);
	} else if (is(action, "request")) {
		send_frame(stream, 1, "\n", 2, 2);
	} else if (is(action, "oversize")) {
		send_frame(stream, 2, "", 0, UINT32_MAX);
	} else if (is(action, "garbage")) {
		memset(data, 0xff, 40);
		send_frame(stream, 2, data, 40, 40);
	} else if (is(action, "drip")) {
		drip(stream);
	} else if (is(action, "flood")) {
		flood(stream);
	} else if (is(action, "refuse")) {
		answer(stream, 13, (char *)data, len, NULL, 0);
	} else if (is(action, "answer")) {
		answer(stream, 0, NULL, 0, data, len);
	} else {
		errno = EINVAL;
		die("unknown action");
	}
}

/* --- honest answers ------------------------------------------------------------ */

struct field {
	const uint8_t *data;
	size_t len;
};

static const uint8_t *get_varint(const uint8_t *at, const uint8_t *end,
				 uint64_t *ret)
{
	unsigned shift = 0;

	*ret = 0;
	while (at < end && shift < 64) {
		*ret |= (uint64_t)(*at & 0x7f) << shift;
		shift += 7;
		if (!(*at++ & 0x80))
			break;
	}
	return at;
}

/* The bytes of a length-delimited field of a request, which is well-formed. */
static struct field get_field(const uint8_t *at, size_t len, unsigned number)
{
	const uint8_t *end = at + len;
	struct field none = { at, 0 };

	while (at < end) {
		uint64_t tag, value;

		at = get_varint(at, end, &tag);
		at = get_varint(at, end, &value);
		if ((tag & 7) != 2)
			continue;
		if (value > (uint64_t)(end - at))
			break;
		if (tag >> 3 == number)
			return (struct field){ at, (size_t)value };
		at += value;
	}
	return none;
}

static int waits(const char *method)
{
	return strcmp(method, "WaitProcess") == 0 ||
	       strcmp(method, "ReadStdout") == 0 ||
	       strcmp(method, "ReadStderr") == 0;
}

static void behave(const char *method, uint32_t stream,
		   const struct field *request)
{
	static uint8_t data[8192];
	size_t len = 0;

	if (waits(method))
		return;
	if (strcmp(method, "Check") == 0)
		len = unhex("0801", data, sizeof(data));
	if (strcmp(method, "CreateContainer") == 0 ||
	    strcmp(method, "ExecProcess") == 0) {
		struct field id = get_field(request->data, request->len, 1);

		len = read_back(data, id.data, id.len);
	}
	if (strcmp(method, "WriteStdin") == 0) {
		data[0] = 8;
		len = 1 +
		      put_varint(data + 1,
				 get_field(request->data, request->len, 3).len);
	}
	answer(stream, 0, NULL, 0, data, len);
}

static void get_all(uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = read(port, data, len);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else {
			usleep(2000); /* no host yet, or nothing to read */
		}
	}
}

static void serve(void)
{
	uint8_t head[10];
	char method[64];
	uint32_t len, stream;
	struct field name, request;
	const char *action;

	get_all(head, sizeof(head));
	len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
	      (uint32_t)head[2] << 8 | head[3];
	stream = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 |
		 (uint32_t)head[6] << 8 | head[7];
	if (len > sizeof(frame))
		die("a frame of the host is too long");
	get_all(frame, len);
	name = get_field(frame, len, 2);
	request = get_field(frame, len, 3);
	snprintf(method, sizeof(method), "%.*s", (int)name.len, name.data);
	action = scripted(method);
	if (!action || !acts(action))
		behave(method, stream, &request);
	else
		misbehave(action, stream);
}

/* --- boot ------------------------------------------------------------------------ */

static int open_port(void)
{
	struct dirent *entry;
	DIR *dir = opendir(PORTS);
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		char path[512], text[64] = "";
		unsigned major_, minor_;
		FILE *file;

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (!fgets(text, sizeof(text), file))
			text[0] = '\0';
		fclose(file);
		if (strcmp(text, "agent.channel.0\n") != 0)
			continue;
		snprintf(path, sizeof(path), PORTS "/%s/dev", entry->d_name);
		file = fopen(path, "r");
		if (file && fscanf(file, "%u:%u", &major_, &minor_) == 2 &&
		    mknod("/port", S_IFCHR | 0600, makedev(major_, minor_)) == 0)
			fd = open("/port", O_RDWR);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static void read_script(void)
{
	FILE *file = fopen("/script", "r");
	size_t n;

	if (!file)
		die("/script");
	n = fread(script, 1, sizeof(script) - 1, file);
	script[n] = '\0';
	fclose(file);
}

int main(void)
{
	const char *action;

	mkdir("/sys", 0755);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		die("mount /sys");
	read_script();
	action = scripted("boot");
	if (action)
		acts(action);
	while ((port = open_port()) < 0)
		usleep(5000);
	for (;;)
		serve();
}
