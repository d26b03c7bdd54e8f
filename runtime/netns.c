// SPDX-License-Identifier: Apache-2.0
/*
 * netns.c - network model tcfilter, in kata-runtime. Every frame that enters
 * the pod's interface leaves by the tap and back; the guest takes the
 * interface's address, MAC and MTU. Works without root because the pod's
 * namespace belongs to our user namespace. All work in the namespace is done
 * by a child process, so the caller never changes its own.
 *
 * #syscalls:runtime setns unshare - the container's network
 * #caps:runtime/command sys_admin net_admin - tap and traffic control in the container's network
 */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "netlink.h"

/* A child's answer: an error, or a result with at most one descriptor. */
struct answer {
	struct err err;
	union {
		struct netns_tap tap;
		struct record_start start;
	};
};

/* netns_fd -1: a new one. Runs work there; returns its descriptor or -1. */
static int in_netns(int netns_fd, int (*work)(struct answer *answer),
		    struct answer *answer, int *ret_fd, struct err *err)
{
	int pair[2], status;
	size_t count = 0;
	ssize_t n;
	pid_t pid;

	memset(answer, 0, sizeof(*answer));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "socketpair");
	pid = fork();
	if (pid == 0) {
		int r = netns_fd >= 0 ? setns(netns_fd, CLONE_NEWNET) :
					unshare(CLONE_NEWNET);
		int fd = -1;

		if (r < 0)
			err_set(&answer->err, errno,
				"enter the network namespace");
		else
			fd = work(answer);
		r = fd_send(pair[1], answer, sizeof(*answer), &fd, fd >= 0);
		_exit(r < 0 ? 1 : 0);
	}
	close(pair[1]);
	n = pid < 0 ?
		    -errno :
		    fd_recv(pair[0], answer, sizeof(*answer), ret_fd, 1, &count);
	close(pair[0]);
	if (pid > 0 && waitpid(pid, &status, 0) < 0)
		return err_set(err, errno, "wait for the network child");
	if (n != (ssize_t)sizeof(*answer))
		return err_set(err, n < 0 ? (int)-n : EIO, "network child");
	if (count == 0)
		*ret_fd = -1;
	if (answer->err.code) {
		*err = answer->err;
		return -err->code;
	}
	return 0;
}

static int work_open(struct answer *answer)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err_set(&answer->err, errno, "open the new network namespace");
	return fd;
}

static bool is_same_file(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/*
 * Engines have two ways to ask for the host's network: no entry at all, or the
 * host's namespace by its path (docker). To redirect the frames of that one's
 * interface into a VM would cut the host off.
 */
static int open_path(const char *path, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "network namespace %s", path);
	/* the second cannot be read, hence not be entered, without rights */
	if (is_same_file(fd, "/proc/self/ns/net") ||
	    is_same_file(fd, "/proc/1/ns/net"))
		return err_msg(
			err, EOPNOTSUPP,
			"network namespace %s is the host's own (--network host): "
			"a VM cannot share the host's network",
			path);
	return take_fd(&fd);
}

int netns_open(const char *path, struct err *err)
{
	struct answer answer;
	int fd = -1;

	if (path)
		return open_path(path, err);
	if (in_netns(-1, work_open, &answer, &fd, err) < 0)
		return -err->code;
	return fd;
}

static bool is_pod_interface(const struct net_link *link)
{
	return !link->is_loopback && strcmp(link->name, TAP_NAME) != 0;
}

/* The one interface that is neither lo nor our tap. 0 none, 1 found. */
static int find_interface(struct netlink *netlink, struct net_link *ret,
			  struct net_link *ret_tap, struct err *err)
{
	AUTO_FREE struct net_link *links = NULL;
	size_t count = 0;
	int found = 0;

	if (netlink_list_links(netlink, &links, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(links[i].name, TAP_NAME) == 0 && ret_tap)
			*ret_tap = links[i];
		/* sit0, ip6tnl0 and the like appear by themselves, down */
		if (!is_pod_interface(&links[i]) ||
		    (!links[i].has_mac && !(links[i].flags & IFF_UP)))
			continue;
		if (found)
			return err_msg(
				err, EOPNOTSUPP,
				"network: two interfaces (%s, %s) are not supported yet",
				ret->name, links[i].name);
		*ret = links[i];
		found = 1;
	}
	if (found && !ret->has_mac)
		return err_msg(err, EOPNOTSUPP,
			       "network: interface %s is not Ethernet",
			       ret->name);
	return found;
}

static void random_mac(uint8_t mac[6])
{
	if (getrandom(mac, 6, 0) != 6)
		memset(mac, 0x42, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfe) | 0x02); /* local, unicast */
}

static int open_tap(struct err *err)
{
	AUTO_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI |
					      IFF_VNET_HDR };

	if (fd < 0)
		return err_set(err, errno, "open /dev/net/tun");
	memcpy(request.ifr_name, TAP_NAME, sizeof(TAP_NAME));
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return err_set(err, errno, "make tap " TAP_NAME);
	return take_fd(&fd);
}

static int work_tap(struct answer *answer)
{
	AUTO_NETLINK struct netlink *netlink = NULL;
	struct net_link link = { 0 };
	struct err err = ERR_INIT;
	int found, fd;

	if (netlink_open(&netlink, &answer->err) < 0)
		return -1;
	found = find_interface(netlink, &link, NULL, &answer->err);
	if (found < 0)
		return -1;
	fd = open_tap(&err);
	if (fd < 0 && found) {
		answer->err = err;
		return -1;
	}
	if (fd < 0)
		snprintf(answer->tap.reason, sizeof(answer->tap.reason),
			 "%.150s", err.text);
	if (found)
		memcpy(answer->tap.mac, link.mac, 6);
	else
		random_mac(answer->tap.mac);
	return fd;
}

int netns_make_tap(int netns_fd, struct netns_tap *ret, struct err *err)
{
	struct answer answer;
	int fd = -1;

	if (in_netns(netns_fd, work_tap, &answer, &fd, err) < 0)
		return err_wrap(err, "network");
	*ret = answer.tap;
	ret->fd = fd;
	return 0;
}

static int copy_addrs(struct netlink *netlink, int index,
		      struct record_start *start, struct err *err)
{
	AUTO_FREE struct net_addr *addrs = NULL;
	size_t count = 0;

	if (netlink_list_addrs(netlink, index, &addrs, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		struct record_addr *to = &start->addr[start->addr_count];

		/* The guest makes its own link-local address. */
		if (addrs[i].family == AF_INET6 &&
		    addrs[i].scope == RT_SCOPE_LINK)
			continue;
		if (start->addr_count == RECORD_ADDRS_MAX)
			return err_msg(err, E2BIG, "more than %d addresses",
				       RECORD_ADDRS_MAX);
		to->family = addrs[i].family;
		to->prefix = addrs[i].prefix;
		memcpy(to->bytes, addrs[i].bytes, sizeof(to->bytes));
		start->addr_count++;
	}
	return 0;
}

static void copy_route(const struct net_route *from, struct record_route *to)
{
	to->family = from->family;
	to->dest_prefix = from->dest_prefix;
	to->scope = from->scope;
	to->has_gateway = from->has_gateway;
	to->has_source = from->has_source;
	memcpy(to->dest, from->dest, sizeof(to->dest));
	memcpy(to->gateway, from->gateway, sizeof(to->gateway));
	memcpy(to->source, from->source, sizeof(to->source));
	to->flags = from->flags & RTNH_F_ONLINK;
}

static int copy_routes(struct netlink *netlink, int index,
		       struct record_start *start, struct err *err)
{
	AUTO_FREE struct net_route *routes = NULL;
	size_t count = 0;

	if (netlink_list_routes(netlink, index, &routes, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		/* Prefix routes follow from the addresses. */
		if (routes[i].protocol == RTPROT_KERNEL)
			continue;
		if (start->route_count == RECORD_ROUTES_MAX)
			return err_msg(err, E2BIG, "more than %d routes",
				       RECORD_ROUTES_MAX);
		copy_route(&routes[i], &start->route[start->route_count++]);
	}
	return 0;
}

static int join(struct netlink *netlink, const struct net_link *link,
		const struct net_link *tap, struct err *err)
{
	if (netlink_set_mtu(netlink, tap->index, link->mtu, err) < 0 ||
	    netlink_set_up(netlink, tap->index, true, err) < 0 ||
	    netlink_redirect(netlink, link->index, tap->index, err) < 0 ||
	    netlink_redirect(netlink, tap->index, link->index, err) < 0)
		return -err->code;
	return 0;
}

static int work_wire(struct answer *answer)
{
	AUTO_NETLINK struct netlink *netlink = NULL;
	struct net_link link = { 0 }, tap = { 0 };
	struct record_start *start = &answer->start;
	int found;

	if (netlink_open(&netlink, &answer->err) < 0)
		return -1;
	found = find_interface(netlink, &link, &tap, &answer->err);
	if (found <= 0)
		return -1;
	if (tap.index == 0) {
		err_msg(&answer->err, ENODEV,
			"network: interface %s came after the VM was made without a device, "
			"for want of access to /dev/net/tun",
			link.name);
		return -1;
	}
	start->has_network = 1;
	memcpy(start->mac, link.mac, 6);
	start->mtu = link.mtu;
	snprintf(start->name, sizeof(start->name), "%s", link.name);
	if (copy_addrs(netlink, link.index, start, &answer->err) < 0 ||
	    copy_routes(netlink, link.index, start, &answer->err) < 0 ||
	    join(netlink, &link, &tap, &answer->err) < 0)
		return -1;
	return -1;
}

int netns_wire(int netns_fd, struct record_start *record, struct err *err)
{
	struct answer answer;
	int fd = -1;

	if (in_netns(netns_fd, work_wire, &answer, &fd, err) < 0)
		return err_wrap(err, "network");
	answer.start.h = record->h;
	*record = answer.start;
	return 0;
}
