// SPDX-License-Identifier: Apache-2.0
/*
 * handle-net.c - the sandbox's network: one interface, its addresses, routes
 * and neighbours, as the host found them in the pod's network namespace. Runs
 * in kata-agent; containers share this network and cannot change it without
 * CAP_NET_ADMIN.
 */
#include "dispatch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "auto.h"
#include "net-text.h"
#include "netlink.h"
#include "num.h"

#define ADDRS_MAX 64
#define ROUTES_MAX 1024
#define NEIGHBOURS_MAX 1024
#define MTU_MIN 68
#define MTU_MAX 65535

/* --- interfaces --------------------------------------------------------------- */

struct network {
	struct netlink *netlink;
	struct net_link *links;
	size_t count;
};

static void network_close(struct network *network)
{
	netlink_close(network->netlink);
	free(network->links);
}

static int network_open(struct network *network, struct err *err)
{
	int r;

	*network = (struct network){ 0 };
	r = netlink_open(&network->netlink, err);
	if (r == 0)
		r = netlink_list_links(network->netlink, &network->links,
				       &network->count, err);
	if (r < 0)
		network_close(network);
	return r;
}

static const struct net_link *by_name(const struct network *network,
				      const char *name)
{
	for (size_t i = 0; i < network->count; i++)
		if (strcmp(network->links[i].name, name) == 0)
			return &network->links[i];
	return NULL;
}

/*
 * The interface with that address; else the only Ethernet interface there is:
 * microvm has one, made before the host knew the pod's address.
 */
static const struct net_link *by_mac(const struct network *network,
				     const uint8_t mac[6])
{
	const struct net_link *only = NULL;
	size_t ethernet = 0;

	for (size_t i = 0; i < network->count; i++) {
		const struct net_link *at = &network->links[i];

		if (!at->has_mac)
			continue;
		if (memcmp(at->mac, mac, sizeof(at->mac)) == 0)
			return at;
		only = at;
		ethernet++;
	}
	return ethernet == 1 ? only : NULL;
}

struct wanted {
	uint8_t mac[6];
	struct net_addr addrs[ADDRS_MAX];
	size_t addr_count;
};

static int take_interface(const Types__Interface *from, struct wanted *to,
			  struct err *err)
{
	if (net_text_mac(from->hwaddr, to->mac) < 0)
		return err_msg(err, EINVAL, "interface.hwAddr: not an address");
	if (strlen(from->name) >= IFNAMSIZ)
		return err_msg(err, EINVAL, "interface.name: too long");
	if (from->mtu && (from->mtu < MTU_MIN || from->mtu > MTU_MAX))
		return err_msg(err, EINVAL, "interface.mtu: out of range");
	if (from->raw_flags & IFF_NOARP)
		return err_msg(err, EOPNOTSUPP,
			       "interface.raw_flags: NOARP is not supported");
	if (from->n_ipaddresses > ADDRS_MAX)
		return err_msg(err, EINVAL, "interface.IPAddresses: too many");
	for (size_t i = 0; i < from->n_ipaddresses; i++) {
		const Types__IPAddress *at = from->ipaddresses[i];
		struct net_addr *addr = &to->addrs[i];
		uint32_t prefix;

		if (net_text_address(at->address, &addr->family, addr->bytes,
				     &addr->prefix) < 0 ||
		    num_parse_u32(at->mask, addr->prefix, &prefix) < 0)
			return err_msg(
				err, EINVAL,
				"interface.IPAddresses[%zu]: not an address", i);
		addr->prefix = (uint8_t)prefix;
	}
	to->addr_count = from->n_ipaddresses;
	return 0;
}

static bool is_wanted(const struct wanted *wanted, const struct net_addr *addr)
{
	if (addr->scope == RT_SCOPE_LINK)
		return true; /* the kernel's own */
	for (size_t i = 0; i < wanted->addr_count; i++)
		if (wanted->addrs[i].family == addr->family &&
		    wanted->addrs[i].prefix == addr->prefix &&
		    memcmp(wanted->addrs[i].bytes, addr->bytes, 16) == 0)
			return true;
	return false;
}

static int set_addresses(struct netlink *netlink, int index,
			 struct wanted *wanted, struct err *err)
{
	AUTO_FREE struct net_addr *have = NULL;
	size_t count = 0;
	int r = netlink_list_addrs(netlink, index, &have, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		if (!is_wanted(wanted, &have[i]))
			r = netlink_del_addr(netlink, &have[i], err);
	for (size_t i = 0; r == 0 && i < wanted->addr_count; i++) {
		wanted->addrs[i].index = index;
		r = netlink_add_addr(netlink, &wanted->addrs[i], err);
	}
	return r;
}

static int set_link(struct netlink *netlink, const struct net_link *link,
		    const Types__Interface *from, struct wanted *wanted,
		    struct err *err)
{
	bool rename = from->name[0] && strcmp(link->name, from->name) != 0;
	bool new_mac = memcmp(link->mac, wanted->mac, sizeof(link->mac)) != 0;
	int r = 0;

	if (rename || new_mac)
		r = netlink_set_up(netlink, link->index, false, err);
	if (r == 0 && new_mac)
		r = netlink_set_mac(netlink, link->index, wanted->mac, err);
	if (r == 0 && rename)
		r = netlink_set_name(netlink, link->index, from->name, err);
	if (r == 0 && from->mtu && link->mtu != from->mtu)
		r = netlink_set_mtu(netlink, link->index, (uint32_t)from->mtu,
				    err);
	if (r == 0)
		r = set_addresses(netlink, link->index, wanted, err);
	if (r == 0)
		r = netlink_set_up(netlink, link->index, true, err);
	return r;
}

int handle_update_interface(const struct call *call,
			    const ProtobufCMessage *request, struct err *err)
{
	const Grpc__UpdateInterfaceRequest *from =
		(const Grpc__UpdateInterfaceRequest *)request;
	const struct net_link *link;
	struct wanted wanted = { 0 };
	struct network network = { 0 };
	int r;

	if (!from->interface)
		return err_msg(err, EINVAL, "interface: is missing");
	r = take_interface(from->interface, &wanted, err);
	if (r == 0)
		r = network_open(&network, err);
	if (r < 0)
		return r;
	link = by_mac(&network, wanted.mac);
	r = link ? set_link(network.netlink, link, from->interface, &wanted,
			    err) :
		   err_msg(err, ENODEV, "interface.hwAddr: no such interface");
	network_close(&network);
	if (r == 0)
		call_reply(call, &from->interface->base);
	return r;
}

static Types__IPAddress *new_address(const struct net_addr *from)
{
	Types__IPAddress *to = xcalloc(1, sizeof(*to));

	types__ipaddress__init(to);
	to->family = from->family == AF_INET ? TYPES__IPFAMILY__v4 :
					       TYPES__IPFAMILY__v6;
	to->address = net_text_format(from->family, from->bytes, -1);
	to->mask = xasprintf("%u", from->prefix);
	return to;
}

static Types__Interface *new_interface(const struct net_link *link,
				       const struct net_addr *addrs,
				       size_t count)
{
	Types__Interface *to = xcalloc(1, sizeof(*to));

	types__interface__init(to);
	to->device = xstrdup(link->name);
	to->name = xstrdup(link->name);
	to->mtu = link->mtu;
	to->raw_flags = link->flags;
	to->type = xstrdup(link->kind);
	if (link->has_mac)
		to->hwaddr = xasprintf("%02x:%02x:%02x:%02x:%02x:%02x",
				       link->mac[0], link->mac[1], link->mac[2],
				       link->mac[3], link->mac[4], link->mac[5]);
	to->ipaddresses = xcalloc(count + 1, sizeof(void *));
	for (size_t i = 0; i < count; i++)
		if (addrs[i].index == link->index)
			to->ipaddresses[to->n_ipaddresses++] =
				new_address(&addrs[i]);
	return to;
}

int handle_list_interfaces(const struct call *call,
			   const ProtobufCMessage *request UNUSED,
			   struct err *err)
{
	Grpc__Interfaces *answer;
	AUTO_FREE struct net_addr *addrs = NULL;
	struct network network = { 0 };
	size_t count = 0;
	int r = network_open(&network, err);

	if (r < 0)
		return r;
	r = netlink_list_addrs(network.netlink, 0, &addrs, &count, err);
	if (r < 0) {
		network_close(&network);
		return r;
	}
	answer = xcalloc(1, sizeof(*answer));
	grpc__interfaces__init(answer);
	answer->interfaces = xcalloc(network.count + 1, sizeof(void *));
	for (size_t i = 0; i < network.count; i++)
		answer->interfaces[answer->n_interfaces++] =
			new_interface(&network.links[i], addrs, count);
	network_close(&network);
	call_reply(call, &answer->base);
	protobuf_c_message_free_unpacked(&answer->base, NULL);
	return 0;
}

/* --- routes ------------------------------------------------------------------- */

static int take_route(const struct network *network, const Types__Route *from,
		      size_t i, struct net_route *to, struct err *err)
{
	const struct net_link *link = by_name(network, from->device);
	uint8_t family, unused;

	if (!link)
		return err_msg(err, EINVAL,
			       "routes[%zu].device: no interface \"%.15s\"", i,
			       from->device);
	*to = (struct net_route){ .index = link->index,
				  .scope = (uint8_t)from->scope,
				  .flags = from->flags,
				  .mtu = from->mtu };
	to->family = from->family == TYPES__IPFAMILY__v6 ? AF_INET6 : AF_INET;
	if (from->scope > 255)
		return err_msg(err, EINVAL, "routes[%zu].scope: out of range",
			       i);
	if (from->dest[0] && strcmp(from->dest, "default") != 0) {
		if (net_text_address(from->dest, &to->family, to->dest,
				     &to->dest_prefix) < 0)
			return err_msg(err, EINVAL,
				       "routes[%zu].dest: not an address", i);
	} else if (from->gateway[0]) {
		to->family = net_text_family(from->gateway);
	}
	to->has_gateway = from->gateway[0] != '\0';
	to->has_source = from->source[0] != '\0';
	if ((to->has_gateway && (net_text_address(from->gateway, &family,
						  to->gateway, &unused) < 0 ||
				 family != to->family)) ||
	    (to->has_source &&
	     (net_text_address(from->source, &family, to->source, &unused) < 0 ||
	      family != to->family)))
		return err_msg(err, EINVAL,
			       "routes[%zu].gateway, source: not an address", i);
	return 0;
}

/* All but what the kernel makes with each address. */
static int delete_routes(struct netlink *netlink, struct err *err)
{
	AUTO_FREE struct net_route *have = NULL;
	size_t count = 0;
	int r = netlink_list_routes(netlink, 0, &have, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		if (have[i].protocol != RTPROT_KERNEL &&
		    have[i].protocol != RTPROT_RA)
			r = netlink_del_route(netlink, &have[i], err);
	return r;
}

/* Routes without a gateway first: gateways are reached through them. */
static int add_routes(const struct network *network, const Grpc__Routes *from,
		      struct err *err)
{
	struct net_route route;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < from->n_routes; i++) {
			int r = take_route(network, from->routes[i], i, &route,
					   err);

			if (r == 0 && route.has_gateway == (pass == 1))
				r = netlink_add_route(network->netlink, &route,
						      err);
			if (r < 0)
				return err_wrap(err, "routes[%zu]", i);
		}
	return 0;
}

int handle_update_routes(const struct call *call,
			 const ProtobufCMessage *request, struct err *err)
{
	const Grpc__UpdateRoutesRequest *from =
		(const Grpc__UpdateRoutesRequest *)request;
	struct network network = { 0 };
	int r;

	if (!from->routes)
		return err_msg(err, EINVAL, "routes: is missing");
	if (from->routes->n_routes > ROUTES_MAX)
		return err_msg(err, EINVAL, "routes: too many");
	r = network_open(&network, err);
	if (r < 0)
		return r;
	r = delete_routes(network.netlink, err);
	if (r == 0)
		r = add_routes(&network, from->routes, err);
	network_close(&network);
	if (r == 0)
		call_reply(call, &from->routes->base);
	return r;
}

static Types__Route *new_route(const struct network *network,
			       const struct net_route *from)
{
	Types__Route *to = xcalloc(1, sizeof(*to));

	types__route__init(to);
	to->family = from->family == AF_INET ? TYPES__IPFAMILY__v4 :
					       TYPES__IPFAMILY__v6;
	to->scope = from->scope;
	to->flags = from->flags;
	to->mtu = from->mtu;
	if (from->dest_prefix)
		to->dest = net_text_format(from->family, from->dest,
					   from->dest_prefix);
	if (from->has_gateway)
		to->gateway = net_text_format(from->family, from->gateway, -1);
	if (from->has_source)
		to->source = net_text_format(from->family, from->source, -1);
	for (size_t i = 0; i < network->count; i++)
		if (network->links[i].index == from->index)
			to->device = xstrdup(network->links[i].name);
	return to;
}

int handle_list_routes(const struct call *call,
		       const ProtobufCMessage *request UNUSED, struct err *err)
{
	AUTO_FREE struct net_route *have = NULL;
	Grpc__Routes *answer;
	struct network network = { 0 };
	size_t count = 0;
	int r = network_open(&network, err);

	if (r < 0)
		return r;
	r = netlink_list_routes(network.netlink, 0, &have, &count, err);
	if (r < 0) {
		network_close(&network);
		return r;
	}
	answer = xcalloc(1, sizeof(*answer));
	grpc__routes__init(answer);
	answer->routes = xcalloc(count + 1, sizeof(void *));
	for (size_t i = 0; i < count; i++)
		answer->routes[answer->n_routes++] =
			new_route(&network, &have[i]);
	network_close(&network);
	call_reply(call, &answer->base);
	protobuf_c_message_free_unpacked(&answer->base, NULL);
	return 0;
}

/* --- neighbours ---------------------------------------------------------------- */

static int add_neighbour(const struct network *network,
			 const Types__ARPNeighbor *from, size_t i,
			 struct err *err)
{
	const struct net_link *link = by_name(network, from->device);
	struct net_neigh neigh = { .has_mac = from->lladdr[0] != '\0' };
	uint8_t unused;

	if (!link || !from->toipaddress)
		return err_msg(
			err, EINVAL,
			"neighbors[%zu]: no such interface, or no address", i);
	if (from->state < 0 || from->state > UINT16_MAX || from->flags < 0 ||
	    from->flags > UINT8_MAX)
		return err_msg(err, EINVAL,
			       "neighbors[%zu].state: out of range", i);
	if (net_text_address(from->toipaddress->address, &neigh.family,
			     neigh.bytes, &unused) < 0 ||
	    (neigh.has_mac && net_text_mac(from->lladdr, neigh.mac) < 0))
		return err_msg(err, EINVAL, "neighbors[%zu]: not an address", i);
	neigh.index = link->index;
	neigh.state = (uint16_t)from->state;
	neigh.flags = (uint8_t)from->flags;
	return netlink_add_neigh(network->netlink, &neigh, err);
}

int handle_add_arp_neighbors(const struct call *call,
			     const ProtobufCMessage *request, struct err *err)
{
	const Grpc__AddARPNeighborsRequest *from =
		(const Grpc__AddARPNeighborsRequest *)request;
	struct network network = { 0 };
	int r;

	if (!from->neighbors)
		return err_msg(err, EINVAL, "neighbors: is missing");
	if (from->neighbors->n_arpneighbors > NEIGHBOURS_MAX)
		return err_msg(err, EINVAL, "neighbors: too many");
	r = network_open(&network, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < from->neighbors->n_arpneighbors; i++)
		r = add_neighbour(&network, from->neighbors->arpneighbors[i], i,
				  err);
	network_close(&network);
	if (r == 0)
		call_reply_empty(call);
	return r;
}
