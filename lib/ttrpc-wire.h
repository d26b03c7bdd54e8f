/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of lib/ttrpc share: wire types and limits of texts. */
#ifndef LIB_TTRPC_WIRE_H
#define LIB_TTRPC_WIRE_H

#define NAME_LEN_MAX 256
#define MESSAGE_LEN_MAX (16u << 10)

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5
};

#endif
