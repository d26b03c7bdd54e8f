// SPDX-License-Identifier: Apache-2.0
/* fuzz-toml.c - any bytes as configuration.toml. */
#include <string.h>

#include "toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toml toml = { 0 };
	struct err err = ERR_INIT;

	if (toml_parse("f", (const char *)data, size, &toml, &err) < 0) {
		BUG_ON(err.code == 0 || !err.text[0] || toml.entry);
		return 0;
	}
	for (size_t i = 0; i < toml.count; i++) {
		const struct toml_entry *e = &toml.entry[i];

		BUG_ON(!e->table || !e->key || !e->key[0] || e->line == 0);
		BUG_ON((e->type == TOML_STRING) != (e->string != NULL));
		BUG_ON(e->type >= TOML_TYPE_MAX);
	}
	toml_done(&toml);
	return 0;
}
