/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses, routes, neighbours and traffic control of one network
 * namespace: the one the caller is in at netlink_open(). netlink.c is the
 * only user of libnl. Lists are owned by the caller (free()) and capped at
 * NETLINK_LIST_MAX entries (-E2BIG above).
 */
#ifndef LIB_NETLINK_H
#define LIB_NETLINK_H

#include "err.h"

#define NETLINK_LIST_MAX 4096
#define NET_NAME_SIZE 16 /* IFNAMSIZ */

struct netlink;

struct net_link {
	int index;
	char name[NET_NAME_SIZE];
	bool has_mac; /* Ethernet with a 6-byte address; never loopback */
	bool is_loopback;
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t flags;		  /* IFF_* */
	char kind[NET_NAME_SIZE]; /* "veth", "tun", "" for a device without */
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct net_addr {
	int index;	/* interface */
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t prefix;
	uint8_t scope;	   /* RT_SCOPE_* */
	uint8_t bytes[16]; /* network order; 4 used for AF_INET */
};

/* Unicast routes of the main table with one next hop. */
struct net_route {
	int index; /* interface, 0 none */
	uint8_t family;
	uint8_t dest_prefix; /* 0: default route */
	uint8_t scope;	     /* RT_SCOPE_* */
	uint8_t protocol;    /* RTPROT_* */
	bool has_gateway, has_source;
	uint8_t dest[16], gateway[16], source[16];
	uint32_t flags;	 /* RTNH_F_* of the next hop */
	uint32_t mtu;	 /* 0: not set */
	uint32_t metric; /* priority; 0: not set */
};

struct net_neigh {
	int index;
	uint8_t family;
	uint8_t bytes[16];
	bool has_mac;
	uint8_t mac[6];
	uint16_t state; /* NUD_*; 0 means NUD_PERMANENT */
	uint8_t flags;	/* NTF_* */
};

int netlink_open(struct netlink **ret_netlink, struct err *err) MUST_CHECK;
void netlink_close(struct netlink *netlink); /* NULL is fine */
static inline void auto_netlink_(struct netlink **netlink)
{
	netlink_close(*netlink);
}
#define AUTO_NETLINK __attribute__((cleanup(auto_netlink_)))

int netlink_list_links(struct netlink *netlink, struct net_link **ret_links,
		       size_t *ret_count, struct err *err) MUST_CHECK;
/* ifindex 0: of every interface */
int netlink_list_addrs(struct netlink *netlink, int ifindex,
		       struct net_addr **ret_addrs, size_t *ret_count,
		       struct err *err) MUST_CHECK;
int netlink_list_routes(struct netlink *netlink, int ifindex,
			struct net_route **ret_routes, size_t *ret_count,
			struct err *err) MUST_CHECK;

int netlink_set_up(struct netlink *netlink, int ifindex, bool up,
		   struct err *err) MUST_CHECK;
int netlink_set_mtu(struct netlink *netlink, int ifindex, uint32_t mtu,
		    struct err *err) MUST_CHECK;
int netlink_set_mac(struct netlink *netlink, int ifindex, const uint8_t mac[6],
		    struct err *err) MUST_CHECK;
/* The interface should be down: older kernels refuse otherwise. */
int netlink_set_name(struct netlink *netlink, int ifindex, const char *name,
		     struct err *err) MUST_CHECK;
/* Adding what exists already is no error (the result is the same). */
int netlink_add_addr(struct netlink *netlink, const struct net_addr *addr,
		     struct err *err) MUST_CHECK;
int netlink_del_addr(struct netlink *netlink, const struct net_addr *addr,
		     struct err *err) MUST_CHECK;
/* Replaces a route with the same destination and metric. */
int netlink_add_route(struct netlink *netlink, const struct net_route *route,
		      struct err *err) MUST_CHECK;
int netlink_del_route(struct netlink *netlink, const struct net_route *route,
		      struct err *err) MUST_CHECK;
int netlink_add_neigh(struct netlink *netlink, const struct net_neigh *neigh,
		      struct err *err) MUST_CHECK;
/*
 * Every frame that enters from_ifindex leaves by to_ifindex: an ingress qdisc
 * with one u32 match-all filter and a mirred redirect. One direction; call it
 * twice to join two interfaces. -EEXIST when from_ifindex already has one.
 */
int netlink_redirect(struct netlink *netlink, int from_ifindex, int to_ifindex,
		     struct err *err) MUST_CHECK;
/* Removes the ingress qdisc with its filters. */
int netlink_unredirect(struct netlink *netlink, int from_ifindex,
		       struct err *err) MUST_CHECK;

#endif
