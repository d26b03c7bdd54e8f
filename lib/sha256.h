/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of our own files, for reports. */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H

#include "base.h"

#define SHA256_HEX_MAX 65

/* Digest of data as lower-case digits, NUL-terminated. */
void sha256_hex(const void *data, size_t len, char ret_hex[SHA256_HEX_MAX]);

#endif
