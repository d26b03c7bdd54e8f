// SPDX-License-Identifier: Apache-2.0
/*
 * netconf.c - the network that the runtime read, as agent calls.
 *
 * Runs in kata-shim at START. Needs no rights. The record comes from the
 * runtime and is checked by record_recv(); what interfaces and routes are
 * called was chosen by the engine's network, so names are only copied.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "auto.h"
#include "shim.h"

static int call(struct shim *shim, enum agent_method method,
		const ProtobufCMessage *request, struct err *err)
{
	return agent_call_wait(&shim->agent, method, request,
			       AGENT_CALL_TIMEOUT_MS, NULL, err);
}

static char *address_text(uint8_t family, const uint8_t bytes[16])
{
	char text[INET6_ADDRSTRLEN];

	BUG_ON(!inet_ntop(family, bytes, text, sizeof(text)));
	return xstrdup(text);
}

static Types__IPFamily family_of(uint8_t family)
{
	return family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
}

static Grpc__UpdateInterfaceRequest *
interface_message(const struct record_start *start)
{
	Grpc__UpdateInterfaceRequest *out = xcalloc(1, sizeof(*out));
	Types__Interface *interface = xcalloc(1, sizeof(*interface));

	grpc__update_interface_request__init(out);
	types__interface__init(interface);
	out->interface = interface;
	interface->device = xstrdup(start->name);
	interface->name = xstrdup(start->name);
	interface->mtu = start->mtu;
	interface->hwaddr = xasprintf(
		"%02x:%02x:%02x:%02x:%02x:%02x", start->mac[0], start->mac[1],
		start->mac[2], start->mac[3], start->mac[4], start->mac[5]);
	interface->ipaddresses =
		xcalloc(start->addr_count, sizeof(*interface->ipaddresses));
	for (size_t i = 0; i < start->addr_count; i++) {
		const struct record_addr *addr = &start->addr[i];
		Types__IPAddress *one = xcalloc(1, sizeof(*one));

		types__ipaddress__init(one);
		one->family = family_of(addr->family);
		one->address = address_text(addr->family, addr->bytes);
		one->mask = xasprintf("%u", addr->prefix);
		interface->ipaddresses[interface->n_ipaddresses++] = one;
	}
	return out;
}

static Types__Route *route_message(const struct record_start *start,
				   const struct record_route *route)
{
	Types__Route *out = xcalloc(1, sizeof(*out));
	AUTO_FREE char *dest = NULL;

	types__route__init(out);
	out->device = xstrdup(start->name);
	out->family = family_of(route->family);
	out->scope = route->scope;
	out->flags = route->flags;
	if (route->dest_prefix) { /* empty: the default route */
		dest = address_text(route->family, route->dest);
		out->dest = xasprintf("%s/%u", dest, route->dest_prefix);
	}
	if (route->has_gateway)
		out->gateway = address_text(route->family, route->gateway);
	if (route->has_source)
		out->source = address_text(route->family, route->source);
	return out;
}

static Grpc__UpdateRoutesRequest *routes_message(const struct record_start *start)
{
	Grpc__UpdateRoutesRequest *out = xcalloc(1, sizeof(*out));

	grpc__update_routes_request__init(out);
	out->routes = xcalloc(1, sizeof(*out->routes));
	grpc__routes__init(out->routes);
	out->routes->routes =
		xcalloc(start->route_count, sizeof(*out->routes->routes));
	for (size_t i = 0; i < start->route_count; i++)
		out->routes->routes[out->routes->n_routes++] =
			route_message(start, &start->route[i]);
	return out;
}

/**
 * netconf_apply() - Give the guest the container's addresses and routes
 * @shim:	With a created container
 * @start:	Record of the runtime
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int netconf_apply(struct shim *shim, const struct record_start *start,
		  struct err *err)
{
	AUTO_AGENT_MESSAGE ProtobufCMessage *interface = NULL;
	AUTO_AGENT_MESSAGE ProtobufCMessage *routes = NULL;
	int r;

	if (!start->has_network)
		return 0;
	interface = &interface_message(start)->base;
	r = call(shim, AGENT_UPDATE_INTERFACE, interface, err);
	if (r < 0)
		return err_wrap(err, "network interface %s", start->name);
	if (!start->route_count)
		return 0;
	routes = &routes_message(start)->base;
	r = call(shim, AGENT_UPDATE_ROUTES, routes, err);
	return r < 0 ? err_wrap(err, "routes of %s", start->name) : 0;
}
