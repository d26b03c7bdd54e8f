/* SPDX-License-Identifier: Apache-2.0 */
/* org.systemd.property.* annotations: properties of the sandbox's scope. */
#ifndef RUNTIME_UNIT_ANNOTATIONS_H
#define RUNTIME_UNIT_ANNOTATIONS_H

#include "oci.h"
#include "sdbus.h"

/*
 * Adds the property of every such annotation. Those that engines write are
 * taken, in GVariant's text form; every other one is refused by its name
 * (-EPERM; -EINVAL for a value).
 */
int unit_annotations_add(const struct oci_pairs *annotations,
			 struct sdbus_properties *ret,
			 struct err *err) MUST_CHECK;

#endif
