// SPDX-License-Identifier: Apache-2.0
/*
 * test-netlink.c - lib/netlink in a user and network namespace of its own, so
 * that an ordinary user can run it. Skipped where neither can be had.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auto.h"
#include "netlink.h"
#include "skip.h"

static struct netlink *netlink;

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (unshare(geteuid() == 0 ? CLONE_NEWNET :
				     CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 0; /* every test skips */
	if (netlink_open(&netlink, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	return netlink ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	netlink_close(netlink);
	return 0;
}

static void need_netns(void)
{
	if (!netlink)
		skip_because("no network namespace of our own can be made");
}

static struct net_link find(const char *name)
{
	AUTO_FREE struct net_link *links = NULL;
	struct net_link found = { 0 };
	struct err err = ERR_INIT;
	size_t count = 0;

	assert_int_equal(netlink_list_links(netlink, &links, &count, &err), 0);
	for (size_t i = 0; i < count; i++)
		if (strcmp(links[i].name, name) == 0)
			found = links[i];
	return found;
}

static void test_loopback_is_listed(void **state)
{
	struct net_link lo;

	(void)state;
	need_netns();
	lo = find("lo");
	assert_true(lo.index > 0);
	assert_true(lo.is_loopback);
	assert_false(lo.has_mac);
}

static void test_up_gives_addresses(void **state)
{
	AUTO_FREE struct net_addr *addrs = NULL;
	struct err err = ERR_INIT;
	struct net_link lo;
	size_t count = 0;

	(void)state;
	need_netns();
	lo = find("lo");
	assert_int_equal(netlink_set_up(netlink, lo.index, true, &err), 0);
	assert_true(find("lo").flags & IFF_UP);
	assert_int_equal(
		netlink_list_addrs(netlink, lo.index, &addrs, &count, &err), 0);
	assert_true(count >= 1);
	assert_int_equal(addrs[0].index, lo.index);
}

static void test_address_can_be_added_twice_and_removed(void **state)
{
	struct net_addr addr = { .family = AF_INET,
				 .prefix = 24,
				 .bytes = { 192, 0, 2, 7 } };
	AUTO_FREE struct net_addr *addrs = NULL;
	struct err err = ERR_INIT;
	size_t count = 0;
	bool seen = false;

	(void)state;
	need_netns();
	addr.index = find("lo").index;
	assert_int_equal(netlink_add_addr(netlink, &addr, &err), 0);
	assert_int_equal(netlink_add_addr(netlink, &addr, &err), 0);
	assert_int_equal(netlink_list_addrs(netlink, 0, &addrs, &count, &err),
			 0);
	for (size_t i = 0; i < count; i++)
		seen |= memcmp(addrs[i].bytes, addr.bytes, 4) == 0 &&
			addrs[i].prefix == 24;
	assert_true(seen);
	assert_int_equal(netlink_del_addr(netlink, &addr, &err), 0);
}

static void test_route_needs_a_reachable_gateway(void **state)
{
	struct net_route route = { .family = AF_INET,
				   .has_gateway = true,
				   .gateway = { 203, 0, 113, 1 } };
	struct err err = ERR_INIT;

	(void)state;
	need_netns();
	route.index = find("lo").index;
	assert_true(netlink_add_route(netlink, &route, &err) < 0);
	assert_true(err.code > 0);
	assert_true(err.text[0] != '\0');
}

static void test_mtu(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	need_netns();
	assert_int_equal(netlink_set_mtu(netlink, find("lo").index, 9000, &err),
			 0);
	assert_int_equal(find("lo").mtu, 9000);
}

static void test_redirect_is_made_once(void **state)
{
	struct err err = ERR_INIT;
	int lo;

	(void)state;
	need_netns();
	lo = find("lo").index;
	assert_int_equal(netlink_redirect(netlink, lo, lo, &err), 0);
	assert_int_equal(netlink_redirect(netlink, lo, lo, &err), -EEXIST);
	assert_int_equal(netlink_unredirect(netlink, lo, &err), 0);
}

static void test_unknown_interface(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	need_netns();
	assert_true(netlink_set_up(netlink, 9999, true, &err) < 0);
	assert_true(err.code > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback_is_listed),
		cmocka_unit_test(test_up_gives_addresses),
		cmocka_unit_test(test_address_can_be_added_twice_and_removed),
		cmocka_unit_test(test_route_needs_a_reachable_gateway),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_redirect_is_made_once),
		cmocka_unit_test(test_unknown_interface),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
