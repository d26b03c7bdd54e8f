/* SPDX-License-Identifier: Apache-2.0 */
/* What an annotation of a config.json may change, and that nothing else does. */
#ifndef RUNTIME_ANNOTATIONS_H
#define RUNTIME_ANNOTATIONS_H

#include "oci.h"
#include "settings.h"

/*
 * Those of Kata that enable_annotations names change the settings, when their
 * value is one of the type that settings_annotations[] says; every other one of
 * Kata's is an error (-EPERM; -EINVAL for a value). Foreign ones are ignored.
 */
int annotations_apply(struct settings *settings, const struct oci_spec *spec,
		      struct err *err) MUST_CHECK;

#endif
