/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of the guest: what PID 1 does before and after serving. */
#ifndef AGENT_BOOT_H
#define AGENT_BOOT_H

#include "agent.h"

#define PORT_NAME "agent.channel.0"

/* Standard descriptors, root, /proc, /sys, /dev, /run, cgroups. */
int boot_mounts(struct agent *agent, struct err *err) MUST_CHECK;
/* The virtio-serial port, non-blocking; waits until a host is connected. */
int boot_open_port(struct err *err) MUST_CHECK;
/* Writes the reason to the console and ends the machine. */
void boot_fatal(const char *fmt, ...) PRINTF(1, 2) NORETURN;
void boot_end(const char *reason) NORETURN;

#endif
