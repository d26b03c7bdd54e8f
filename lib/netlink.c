// SPDX-License-Identifier: Apache-2.0
/*
 * netlink.c - links, addresses, routes, neighbours and tc; the only user of
 * libnl. Runs in kata-runtime (network namespace of a container, CAP_NET_ADMIN
 * of its user namespace) and in the agent (guest root). What the kernel lists
 * is trusted in form; names and counts come from whoever owns the namespace,
 * so both are bounded.
 *
 * #syscalls:runtime,agent socket bind getsockname setsockopt sendmsg recvmsg
 */
#include "netlink.h"

#include <errno.h>
#include <linux/if_arp.h> /* brings IFF_*; net/if.h would clash */
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/route.h>
#include <netlink/route/tc.h>
#include <string.h>

#include "alloc.h"

struct netlink {
	struct nl_sock *sock;
};

static const struct {
	int nle;
	int code;
} nle_codes[] = {
	{ NLE_EXIST, EEXIST },	  { NLE_PERM, EPERM },
	{ NLE_NOACCESS, EACCES }, { NLE_OBJ_NOTFOUND, ENOENT },
	{ NLE_NODEV, ENODEV },	  { NLE_OPNOTSUPP, EOPNOTSUPP },
	{ NLE_INVAL, EINVAL },	  { NLE_NOMEM, ENOMEM },
	{ NLE_BUSY, EBUSY },	  { NLE_AF_NOSUPPORT, EAFNOSUPPORT },
	{ NLE_RANGE, ERANGE },	  { NLE_NOADDR, EADDRNOTAVAIL },
	{ NLE_AGAIN, EAGAIN },	  { NLE_NOATTR, ENODATA },
};

/* nle is what libnl returned: a negative NLE_* number. */
static int fail(struct err *err, int nle, const char *what, int ifindex)
{
	int code = EIO;

	for (size_t i = 0; i < ARRAY_SIZE(nle_codes); i++)
		if (nle_codes[i].nle == -nle)
			code = nle_codes[i].code;
	return err_msg(err, code, "netlink: %s (interface %d): %s", what,
		       ifindex, nl_geterror(nle));
}

int netlink_open(struct netlink **ret_netlink, struct err *err)
{
	struct netlink *netlink = xcalloc(1, sizeof(*netlink));
	int r;

	netlink->sock = nl_socket_alloc();
	if (!netlink->sock) {
		free(netlink);
		return err_set(err, ENOMEM, "netlink socket");
	}
	r = nl_connect(netlink->sock, NETLINK_ROUTE);
	if (r < 0) {
		netlink_close(netlink);
		return fail(err, r, "open", 0);
	}
	*ret_netlink = netlink;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (!netlink)
		return;
	nl_socket_free(netlink->sock);
	free(netlink);
}

/* --- lists ----------------------------------------------------------------- */

static int cache_count(struct nl_cache *cache, struct err *err)
{
	int count = nl_cache_nitems(cache);

	if (count > NETLINK_LIST_MAX)
		return err_msg(err, E2BIG, "netlink: more than %d entries",
			       NETLINK_LIST_MAX);
	return count;
}

static void copy_name(char out[NET_NAME_SIZE], const char *text)
{
	snprintf(out, NET_NAME_SIZE, "%s", text ? text : "");
}

static void link_read(struct rtnl_link *from, struct net_link *to)
{
	struct nl_addr *mac = rtnl_link_get_addr(from);
	unsigned arp_type = rtnl_link_get_arptype(from);

	to->index = rtnl_link_get_ifindex(from);
	copy_name(to->name, rtnl_link_get_name(from));
	copy_name(to->kind, rtnl_link_get_type(from));
	to->mtu = rtnl_link_get_mtu(from);
	to->flags = rtnl_link_get_flags(from);
	to->is_loopback = arp_type == ARPHRD_LOOPBACK;
	to->has_mac = mac && arp_type == ARPHRD_ETHER &&
		      nl_addr_get_len(mac) == sizeof(to->mac);
	if (to->has_mac)
		memcpy(to->mac, nl_addr_get_binary_addr(mac), sizeof(to->mac));
	to->rx_bytes = rtnl_link_get_stat(from, RTNL_LINK_RX_BYTES);
	to->rx_packets = rtnl_link_get_stat(from, RTNL_LINK_RX_PACKETS);
	to->rx_errors = rtnl_link_get_stat(from, RTNL_LINK_RX_ERRORS);
	to->rx_dropped = rtnl_link_get_stat(from, RTNL_LINK_RX_DROPPED);
	to->tx_bytes = rtnl_link_get_stat(from, RTNL_LINK_TX_BYTES);
	to->tx_packets = rtnl_link_get_stat(from, RTNL_LINK_TX_PACKETS);
	to->tx_errors = rtnl_link_get_stat(from, RTNL_LINK_TX_ERRORS);
	to->tx_dropped = rtnl_link_get_stat(from, RTNL_LINK_TX_DROPPED);
}

int netlink_list_links(struct netlink *netlink, struct net_link **ret_links,
		       size_t *ret_count, struct err *err)
{
	struct nl_cache *cache = NULL;
	struct net_link *links;
	size_t count = 0;
	int r;

	r = rtnl_link_alloc_cache(netlink->sock, AF_UNSPEC, &cache);
	if (r < 0)
		return fail(err, r, "list interfaces", 0);
	r = cache_count(cache, err);
	if (r < 0) {
		nl_cache_free(cache);
		return r;
	}
	links = xcalloc((size_t)r + 1, sizeof(*links));
	for (struct nl_object *at = nl_cache_get_first(cache); at;
	     at = nl_cache_get_next(at))
		link_read((struct rtnl_link *)at, &links[count++]);
	nl_cache_free(cache);
	*ret_links = links;
	*ret_count = count;
	return 0;
}

/* Copies an address of the family; false when it is none or of another kind. */
static bool copy_addr(uint8_t out[16], const struct nl_addr *from, int family)
{
	unsigned want = family == AF_INET ? 4 : 16;

	if (!from || nl_addr_get_family(from) != family ||
	    nl_addr_get_len(from) != want)
		return false;
	memcpy(out, nl_addr_get_binary_addr(from), want);
	return true;
}

static bool addr_read(struct rtnl_addr *from, int ifindex, struct net_addr *to)
{
	int family = rtnl_addr_get_family(from);

	if ((family != AF_INET && family != AF_INET6) ||
	    (ifindex && rtnl_addr_get_ifindex(from) != ifindex))
		return false;
	memset(to, 0, sizeof(*to));
	if (!copy_addr(to->bytes, rtnl_addr_get_local(from), family))
		return false;
	to->index = rtnl_addr_get_ifindex(from);
	to->family = (uint8_t)family;
	to->prefix = (uint8_t)rtnl_addr_get_prefixlen(from);
	to->scope = (uint8_t)rtnl_addr_get_scope(from);
	return true;
}

int netlink_list_addrs(struct netlink *netlink, int ifindex,
		       struct net_addr **ret_addrs, size_t *ret_count,
		       struct err *err)
{
	struct nl_cache *cache = NULL;
	struct net_addr *addrs;
	size_t count = 0;
	int r;

	r = rtnl_addr_alloc_cache(netlink->sock, &cache);
	if (r < 0)
		return fail(err, r, "list addresses", ifindex);
	r = cache_count(cache, err);
	if (r < 0) {
		nl_cache_free(cache);
		return r;
	}
	addrs = xcalloc((size_t)r + 1, sizeof(*addrs));
	for (struct nl_object *at = nl_cache_get_first(cache); at;
	     at = nl_cache_get_next(at))
		if (addr_read((struct rtnl_addr *)at, ifindex, &addrs[count]))
			count++;
	nl_cache_free(cache);
	*ret_addrs = addrs;
	*ret_count = count;
	return 0;
}

static bool route_read(struct rtnl_route *from, int ifindex,
		       struct net_route *to)
{
	struct nl_addr *dest = rtnl_route_get_dst(from);
	struct rtnl_nexthop *hop;
	int family = rtnl_route_get_family(from);
	uint32_t value;

	if ((family != AF_INET && family != AF_INET6) ||
	    rtnl_route_get_table(from) != RT_TABLE_MAIN ||
	    rtnl_route_get_type(from) != RTN_UNICAST ||
	    rtnl_route_get_nnexthops(from) != 1)
		return false;
	hop = rtnl_route_nexthop_n(from, 0);
	memset(to, 0, sizeof(*to));
	to->index = rtnl_route_nh_get_ifindex(hop);
	if (ifindex && to->index != ifindex)
		return false;
	to->family = (uint8_t)family;
	to->scope = rtnl_route_get_scope(from);
	to->protocol = rtnl_route_get_protocol(from);
	to->flags = rtnl_route_nh_get_flags(hop);
	to->metric = rtnl_route_get_priority(from);
	if (copy_addr(to->dest, dest, family))
		to->dest_prefix = (uint8_t)nl_addr_get_prefixlen(dest);
	to->has_gateway =
		copy_addr(to->gateway, rtnl_route_nh_get_gateway(hop), family);
	to->has_source =
		copy_addr(to->source, rtnl_route_get_pref_src(from), family);
	if (rtnl_route_get_metric(from, RTAX_MTU, &value) == 0)
		to->mtu = value;
	return true;
}

int netlink_list_routes(struct netlink *netlink, int ifindex,
			struct net_route **ret_routes, size_t *ret_count,
			struct err *err)
{
	struct nl_cache *cache = NULL;
	struct net_route *routes;
	size_t count = 0;
	int r;

	r = rtnl_route_alloc_cache(netlink->sock, AF_UNSPEC, 0, &cache);
	if (r < 0)
		return fail(err, r, "list routes", ifindex);
	r = cache_count(cache, err);
	if (r < 0) {
		nl_cache_free(cache);
		return r;
	}
	routes = xcalloc((size_t)r + 1, sizeof(*routes));
	for (struct nl_object *at = nl_cache_get_first(cache); at;
	     at = nl_cache_get_next(at))
		if (route_read((struct rtnl_route *)at, ifindex, &routes[count]))
			count++;
	nl_cache_free(cache);
	*ret_routes = routes;
	*ret_count = count;
	return 0;
}

/* --- changes --------------------------------------------------------------- */

static struct rtnl_link *new_link(void)
{
	struct rtnl_link *link = rtnl_link_alloc();

	BUG_ON(!link); /* memory only */
	return link;
}

/* Sends the change and frees it. */
static int change_link(struct netlink *netlink, int ifindex,
		       struct rtnl_link *change, const char *what,
		       struct err *err)
{
	struct rtnl_link *which = new_link();
	int r;

	rtnl_link_set_ifindex(which, ifindex);
	r = rtnl_link_change(netlink->sock, which, change, 0);
	rtnl_link_put(which);
	rtnl_link_put(change);
	return r < 0 ? fail(err, r, what, ifindex) : 0;
}

int netlink_set_up(struct netlink *netlink, int ifindex, bool up,
		   struct err *err)
{
	struct rtnl_link *change = new_link();

	if (up)
		rtnl_link_set_flags(change, IFF_UP);
	else
		rtnl_link_unset_flags(change, IFF_UP);
	return change_link(netlink, ifindex, change, up ? "set up" : "set down",
			   err);
}

int netlink_set_mtu(struct netlink *netlink, int ifindex, uint32_t mtu,
		    struct err *err)
{
	struct rtnl_link *change = new_link();

	rtnl_link_set_mtu(change, mtu);
	return change_link(netlink, ifindex, change, "set MTU", err);
}

int netlink_set_mac(struct netlink *netlink, int ifindex, const uint8_t mac[6],
		    struct err *err)
{
	struct rtnl_link *change = new_link();
	struct nl_addr *addr = nl_addr_build(AF_LLC, mac, 6);

	BUG_ON(!addr);
	rtnl_link_set_addr(change, addr);
	nl_addr_put(addr);
	return change_link(netlink, ifindex, change, "set address", err);
}

int netlink_set_name(struct netlink *netlink, int ifindex, const char *name,
		     struct err *err)
{
	struct rtnl_link *change;

	if (!*name || strlen(name) >= NET_NAME_SIZE || strpbrk(name, "/: \t\n"))
		return err_msg(err, EINVAL, "netlink: bad interface name");
	change = new_link();
	rtnl_link_set_name(change, name);
	return change_link(netlink, ifindex, change, "rename", err);
}

static struct nl_addr *build_addr(uint8_t family, const uint8_t bytes[16],
				  uint8_t prefix)
{
	struct nl_addr *addr =
		nl_addr_build(family, bytes, family == AF_INET ? 4 : 16);

	BUG_ON(!addr);
	nl_addr_set_prefixlen(addr, prefix);
	return addr;
}

static int family_check(uint8_t family, unsigned prefix, struct err *err)
{
	if (family != AF_INET && family != AF_INET6)
		return err_msg(err, EINVAL, "netlink: bad address family");
	if (prefix > (family == AF_INET ? 32u : 128u))
		return err_msg(err, EINVAL, "netlink: bad prefix length");
	return 0;
}

static struct rtnl_addr *build_ifaddr(const struct net_addr *addr)
{
	struct nl_addr *local =
		build_addr(addr->family, addr->bytes, addr->prefix);
	struct rtnl_addr *out = rtnl_addr_alloc();

	BUG_ON(!out);
	rtnl_addr_set_ifindex(out, addr->index);
	rtnl_addr_set_family(out, addr->family);
	rtnl_addr_set_local(out, local);
	rtnl_addr_set_prefixlen(out, addr->prefix);
	rtnl_addr_set_scope(out, addr->scope);
	/* No duplicate address detection: the address was in use before. */
	if (addr->family == AF_INET6)
		rtnl_addr_set_flags(out, IFA_F_NODAD);
	nl_addr_put(local);
	return out;
}

int netlink_add_addr(struct netlink *netlink, const struct net_addr *addr,
		     struct err *err)
{
	struct rtnl_addr *out;
	int r = family_check(addr->family, addr->prefix, err);

	if (r < 0)
		return r;
	out = build_ifaddr(addr);
	r = rtnl_addr_add(netlink->sock, out, 0);
	rtnl_addr_put(out);
	if (r < 0 && r != -NLE_EXIST)
		return fail(err, r, "add address", addr->index);
	return 0;
}

int netlink_del_addr(struct netlink *netlink, const struct net_addr *addr,
		     struct err *err)
{
	struct rtnl_addr *out;
	int r = family_check(addr->family, addr->prefix, err);

	if (r < 0)
		return r;
	out = build_ifaddr(addr);
	r = rtnl_addr_delete(netlink->sock, out, 0);
	rtnl_addr_put(out);
	return r < 0 ? fail(err, r, "delete address", addr->index) : 0;
}

static struct rtnl_route *build_route(const struct net_route *route)
{
	struct nl_addr *dest =
		build_addr(route->family, route->dest, route->dest_prefix);
	struct rtnl_route *out = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *addr;

	BUG_ON(!out || !hop);
	rtnl_route_set_family(out, route->family);
	rtnl_route_set_table(out, RT_TABLE_MAIN);
	rtnl_route_set_type(out, RTN_UNICAST);
	rtnl_route_set_scope(out, route->scope);
	rtnl_route_set_protocol(out, route->protocol ? route->protocol :
						       RTPROT_BOOT);
	rtnl_route_set_dst(out, dest);
	nl_addr_put(dest);
	if (route->metric)
		rtnl_route_set_priority(out, route->metric);
	if (route->mtu)
		rtnl_route_set_metric(out, RTAX_MTU, route->mtu);
	if (route->has_source) {
		addr = build_addr(route->family, route->source,
				  route->family == AF_INET ? 32 : 128);
		rtnl_route_set_pref_src(out, addr);
		nl_addr_put(addr);
	}
	rtnl_route_nh_set_ifindex(hop, route->index);
	/* RTNH_F_ONLINK is the one flag that is set, not reported. */
	rtnl_route_nh_set_flags(hop, route->flags & RTNH_F_ONLINK);
	if (route->has_gateway) {
		addr = build_addr(route->family, route->gateway,
				  route->family == AF_INET ? 32 : 128);
		rtnl_route_nh_set_gateway(hop, addr);
		nl_addr_put(addr);
	}
	rtnl_route_add_nexthop(out, hop);
	return out;
}

int netlink_add_route(struct netlink *netlink, const struct net_route *route,
		      struct err *err)
{
	struct rtnl_route *out;
	int r = family_check(route->family, route->dest_prefix, err);

	if (r < 0)
		return r;
	out = build_route(route);
	r = rtnl_route_add(netlink->sock, out, NLM_F_CREATE | NLM_F_REPLACE);
	rtnl_route_put(out);
	return r < 0 ? fail(err, r, "add route", route->index) : 0;
}

int netlink_del_route(struct netlink *netlink, const struct net_route *route,
		      struct err *err)
{
	struct rtnl_route *out;
	int r = family_check(route->family, route->dest_prefix, err);

	if (r < 0)
		return r;
	out = build_route(route);
	r = rtnl_route_delete(netlink->sock, out, 0);
	rtnl_route_put(out);
	return r < 0 ? fail(err, r, "delete route", route->index) : 0;
}

int netlink_add_neigh(struct netlink *netlink, const struct net_neigh *neigh,
		      struct err *err)
{
	struct rtnl_neigh *out;
	struct nl_addr *addr;
	int r = family_check(neigh->family, 0, err);

	if (r < 0)
		return r;
	out = rtnl_neigh_alloc();
	BUG_ON(!out);
	rtnl_neigh_set_ifindex(out, neigh->index);
	rtnl_neigh_set_family(out, neigh->family);
	addr = build_addr(neigh->family, neigh->bytes,
			  neigh->family == AF_INET ? 32 : 128);
	rtnl_neigh_set_dst(out, addr);
	nl_addr_put(addr);
	if (neigh->has_mac) {
		addr = nl_addr_build(AF_LLC, neigh->mac, sizeof(neigh->mac));
		BUG_ON(!addr);
		rtnl_neigh_set_lladdr(out, addr);
		nl_addr_put(addr);
	}
	rtnl_neigh_set_state(out, neigh->state ? neigh->state : NUD_PERMANENT);
	if (neigh->flags)
		rtnl_neigh_set_flags(out, neigh->flags);
	r = rtnl_neigh_add(netlink->sock, out, NLM_F_CREATE | NLM_F_REPLACE);
	rtnl_neigh_put(out);
	return r < 0 ? fail(err, r, "add neighbour", neigh->index) : 0;
}

/* --- traffic control ------------------------------------------------------- */

#define INGRESS_HANDLE 0xffff0000u /* "ffff:"; TC_HANDLE shifts a signed int */

static struct rtnl_qdisc *build_ingress(int ifindex)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	BUG_ON(!qdisc);
	rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_INGRESS);
	rtnl_tc_set_handle(TC_CAST(qdisc), INGRESS_HANDLE);
	return qdisc;
}

static int add_ingress(struct netlink *netlink, int ifindex, struct err *err)
{
	struct rtnl_qdisc *qdisc = build_ingress(ifindex);
	int r = rtnl_tc_set_kind(TC_CAST(qdisc), "ingress");

	if (r == 0)
		r = rtnl_qdisc_add(netlink->sock, qdisc,
				   NLM_F_CREATE | NLM_F_EXCL);
	rtnl_qdisc_put(qdisc);
	return r < 0 ? fail(err, r, "add ingress qdisc", ifindex) : 0;
}

/* The mirred action is built by the caller; both stay the caller's. */
static int fill_match_all(struct rtnl_cls *cls, struct rtnl_act *act,
			  int from_ifindex, int to_ifindex)
{
	int r;

	rtnl_tc_set_ifindex(TC_CAST(cls), from_ifindex);
	rtnl_tc_set_parent(TC_CAST(cls), INGRESS_HANDLE);
	rtnl_cls_set_protocol(cls, ETH_P_ALL);
	rtnl_cls_set_prio(cls, 1);
	r = rtnl_tc_set_kind(TC_CAST(cls), "u32");
	if (r < 0)
		return r;
	r = rtnl_u32_add_key_uint8(cls, 0, 0, 0, 0);
	if (r < 0)
		return r;
	r = rtnl_u32_set_cls_terminal(cls);
	if (r < 0)
		return r;
	r = rtnl_tc_set_kind(TC_CAST(act), "mirred");
	if (r < 0)
		return r;
	rtnl_mirred_set_action(act, TCA_EGRESS_REDIR);
	rtnl_mirred_set_policy(act, TC_ACT_STOLEN);
	rtnl_mirred_set_ifindex(act, (uint32_t)to_ifindex);
	return rtnl_u32_add_action(cls, act);
}

int netlink_redirect(struct netlink *netlink, int from_ifindex, int to_ifindex,
		     struct err *err)
{
	struct rtnl_cls *cls;
	struct rtnl_act *act;
	int r = add_ingress(netlink, from_ifindex, err);

	if (r < 0)
		return r;
	cls = rtnl_cls_alloc();
	act = rtnl_act_alloc();
	BUG_ON(!cls || !act);
	r = fill_match_all(cls, act, from_ifindex, to_ifindex);
	if (r == 0)
		r = rtnl_cls_add(netlink->sock, cls, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_act_put(act);
	rtnl_cls_put(cls);
	return r < 0 ? fail(err, r, "add redirect filter", from_ifindex) : 0;
}

int netlink_unredirect(struct netlink *netlink, int from_ifindex,
		       struct err *err)
{
	struct rtnl_qdisc *qdisc = build_ingress(from_ifindex);
	int r = rtnl_qdisc_delete(netlink->sock, qdisc);

	rtnl_qdisc_put(qdisc);
	return r < 0 ? fail(err, r, "delete ingress qdisc", from_ifindex) : 0;
}
