/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of the guest and the agent as text for Prometheus. */
#ifndef AGENT_METRICS_H
#define AGENT_METRICS_H

#include "agent.h"

#define METRICS_MAX (256u << 10)

struct metrics {
	char *text; /* whole lines; NULL when there are none */
	size_t len;
};

void metrics_take(int proc_fd, uint64_t scrapes, struct metrics *out);
/* "Active(anon)" to "active_anon". For tests too. */
void metrics_snake(char *to, size_t size, const char *from, size_t len);

#endif
