// SPDX-License-Identifier: Apache-2.0
/* test-sha256.c - the standard's examples, and every length around a block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "sha256.h"

static void check(const char *text, const char *want)
{
	char hex[SHA256_HEX_MAX];

	sha256_hex(text, strlen(text), hex);
	assert_string_equal(hex, want);
}

static void test_examples(void **state)
{
	char hex[SHA256_HEX_MAX];
	char *million = xcalloc(1000000, 1);

	(void)state;
	check("",
	      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check("abc",
	      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', 1000000);
	sha256_hex(million, 1000000, hex);
	assert_string_equal(
		hex,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

/* Digests of digests over every padding, as sha256sum(1) computes them too. */
static void test_lengths(void **state)
{
	char hex[SHA256_HEX_MAX], all[130 * 64 + 1];
	uint8_t data[130];

	(void)state;
	memset(data, 'x', sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++) {
		sha256_hex(data, i, hex);
		memcpy(all + 64 * i, hex, 64);
	}
	sha256_hex(all, sizeof(all) - 1, hex);
	assert_string_equal(
		hex,
		"199af942eba7fa5d1e16d475169eb24018b14e69339c93d26a9ea6d873b4ace6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
