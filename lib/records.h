/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-size records between kata-runtime, kata-proxy and kata-shim over
 * SOCK_SEQPACKET. The runtime reads no guest byte but through these, so every
 * field is checked by record_recv() (type, size, terminated texts).
 */
#ifndef LIB_RECORDS_H
#define LIB_RECORDS_H

#include "err.h"
#include "readback-kinds.h"

#define RECORD_MAGIC 0x4b435231u /* "KCR1" */
#define RECORD_ROUTES_MAX 32
#define RECORD_ADDRS_MAX 8
#define RECORD_LINE_MAX 240 /* one escaped line of a guest's console */
#define RECORD_LINES_MAX 8  /* of them, where the last ones are given out */
#define RECORD_UPDATE_MAX 8192
#define RECORD_VALUES_MAX 64
#define RECORD_LINKS_MAX 8

enum record_type {
	RECORD_ERROR = 1, /* any -> runtime: text; the operation failed */
	RECORD_OK,	  /* any -> runtime: the operation succeeded */
	RECORD_PROXY_READY, /* proxy -> runtime: VM stopped, jails up, QMP works */
	RECORD_PROXY_CONT, /* runtime -> proxy: let the VM run; answered by OK */
	RECORD_PROXY_QUIT, /* runtime -> proxy: end the VM; OK when it is gone */
	RECORD_PROXY_PING, /* runtime -> proxy: answered by OK */
	RECORD_SHIM_READBACK, /* shim -> runtime: the process is frozen; answered by OK */
	RECORD_SHIM_START,   /* runtime -> shim: network, then StartContainer */
	RECORD_SHIM_SIGNAL,  /* runtime -> shim: signal, all */
	RECORD_SHIM_STARTED, /* shim -> runtime (exec): the process runs */
	RECORD_PROXY_LAST_WORDS, /* proxy -> creating runtime: why it ended */
	RECORD_PROXY_TELL, /* runtime -> proxy: answered by LAST_WORDS, as of now */
	RECORD_SHIM_STATUS, /* runtime -> shim: answered by SHIM_STATUS_IS */
	RECORD_SHIM_STATUS_IS,
	RECORD_SHIM_PAUSE,  /* runtime -> shim: answered by OK */
	RECORD_SHIM_RESUME, /* runtime -> shim: answered by OK */
	RECORD_SHIM_UPDATE, /* runtime -> shim: resources; answered by READBACK */
	RECORD_SHIM_STATS, /* runtime -> shim: answered by SHIM_STATS_ARE */
	RECORD_SHIM_STATS_ARE,
	RECORD_SHIM_WAIT_OOM, /* runtime -> shim: OK when memory ran out */
	RECORD_SHIM_ITEM, /* shim -> runtime: after READBACK, item_count of them */
	RECORD_SHIM_CONFINED, /* shim -> runtime: look at me; answered by OK */
	RECORD_TYPE_MAX
};

struct record_header {
	uint32_t magic;
	uint16_t type;
	uint16_t size; /* whole record */
};

struct record_plain {
	struct record_header h;
};

struct record_error {
	struct record_header h;
	int32_t code; /* errno */
	char text[ERR_TEXT_MAX];
};

/* What the agent read back from the frozen init process (kata-c/1). */
struct record_readback {
	struct record_header h;
	uint32_t guest_pid;
	uint32_t seccomp_mode;	  /* 0, 1, 2 */
	uint32_t seccomp_filters; /* Seccomp_filters of /proc/PID/status */
	uint32_t no_new_privs;
	uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding,
		cap_ambient;
	uint32_t uid, gid;
	uint32_t namespaces; /* bits of enum policy_ns that differ from the agent's */
	uint32_t shared_namespaces; /* bits of those that are the init's */
	uint32_t umask;
	uint32_t device_filters; /* of the container's cgroup */
	uint32_t item_count;	 /* READBACK_ITEMS_MAX at most */
	uint32_t holds_execs;	 /* an exec can wait, frozen */
	int64_t oom_score_adj;
	int64_t memory_max; /* bytes; -1 no limit */
	int64_t pids_max;
	int64_t cpu_quota; /* microseconds a period; -1 no limit */
	int64_t cpu_period;
	/* -1 no limit, -2 no such file in the guest */
	int64_t memory_swap_max, memory_low, cpu_weight, io_weight;
	char cgroup[256]; /* path in the guest, escaped */
	char cwd[256];	  /* escaped, cut */
	char agent_version[64];
	char kernel[64]; /* uname -r of the guest, escaped */
};

/* One of a list that the agent read back: lib/readback-kinds.h. */
struct record_item {
	struct record_header h;
	uint32_t kind, index;
	uint64_t value[3];	      /* 0 where there are less */
	char text[READBACK_TEXT_MAX]; /* escaped, cut */
};

/* What /proc does not show of a program of ours that confined itself. */
struct record_confined {
	struct record_header h;
	uint32_t landlock; /* the ABI in force; 0: the kernel has none */
};

struct record_addr {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t prefix;
	uint8_t bytes[16];
};

struct record_route {
	uint8_t family;
	uint8_t dest_prefix;
	uint8_t scope;
	uint8_t has_gateway;
	uint8_t dest[16];
	uint8_t gateway[16];
	uint8_t source[16];
	uint8_t has_source;
	uint32_t flags;
};

struct record_start {
	struct record_header h;
	uint8_t has_network;
	uint8_t addr_count;
	uint8_t route_count;
	uint8_t mac[6];
	uint32_t mtu;
	char name[16]; /* interface name in the guest */
	struct record_addr addr[RECORD_ADDRS_MAX];
	struct record_route route[RECORD_ROUTES_MAX];
};

struct record_signal {
	struct record_header h;
	uint32_t signal;
	uint32_t all;
};

struct record_words {
	struct record_header h;
	uint32_t failed; /* nobody asked for the end */
	char reason[ERR_TEXT_MAX];
	char headline[RECORD_LINE_MAX]; /* of the guest's console, escaped */
};

enum record_status { /* what the shim knows of its process */
		     RECORD_STATUS_CREATED = 1,
		     RECORD_STATUS_RUNNING,
		     RECORD_STATUS_PAUSED,
		     RECORD_STATUS_STOPPED,
		     RECORD_STATUS_MAX
};

struct record_status_is {
	struct record_header h;
	uint32_t status; /* enum record_status */
};

/* OCI LinuxResources: a partial JSON object of ASCII alone. */
struct record_update {
	struct record_header h;
	char json[RECORD_UPDATE_MAX];
};

struct record_value {
	char name[32];
	uint64_t value;
};

struct record_link {
	char name[16];
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* Figures of the guest's cgroup: hostile numbers, to print and not to trust. */
struct record_stats {
	struct record_header h;
	uint64_t cpu_total, cpu_user, cpu_kernel; /* nanoseconds */
	uint64_t cpu_periods, cpu_throttled_periods, cpu_throttled_time;
	uint64_t memory_usage, memory_max, memory_limit, memory_failcnt;
	uint64_t memory_cache, memory_kernel;
	uint64_t swap_usage, swap_limit;
	uint64_t pids_current, pids_limit;
	uint64_t oom_kills;
	uint64_t io_read, io_write; /* bytes, all devices */
	uint32_t value_count;	    /* of memory.stat */
	uint32_t link_count;
	struct record_value value[RECORD_VALUES_MAX];
	struct record_link link[RECORD_LINKS_MAX];
};

union record {
	struct record_header h;
	struct record_plain plain;
	struct record_error error;
	struct record_readback readback;
	struct record_item item;
	struct record_confined confined; /* SHIM_CONFINED, PROXY_READY */
	struct record_start start;
	struct record_signal signal;
	struct record_words words;
	struct record_status_is status;
	struct record_update update;
	struct record_stats stats;
};

/* Fills magic, type and size. */
void record_init(union record *record, enum record_type type);
int record_send(int sock, const union record *record,
		struct err *err) MUST_CHECK;
int record_send_error(int sock, const struct err *what,
		      struct err *err) MUST_CHECK;
/*
 * Receives and checks one record within timeout_ms (-1: no limit). A
 * RECORD_ERROR becomes err (its text) and its -code. Return: type; -EPIPE when
 * the peer is gone; -ETIMEDOUT; -errno
 */
int record_recv(int sock, union record *ret, int timeout_ms,
		struct err *err) MUST_CHECK;
/* record_recv() that accepts one type only. Return: 0 or its -errno */
int record_expect(int sock, enum record_type type, union record *ret,
		  int timeout_ms, struct err *err) MUST_CHECK;

#endif
