/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For clang-tidy alone, included before each file but lib/err.c: tells the
 * analyzer, which sees one file at a time, that these always return < 0.
 */
#ifndef TESTS_LINT_ANALYZER_H
#define TESTS_LINT_ANALYZER_H

#include "lib/err.h"

#define err_set(...) (err_set(__VA_ARGS__), -5)
#define err_msg(...) (err_msg(__VA_ARGS__), -5)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -5)

#endif
