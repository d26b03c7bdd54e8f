// SPDX-License-Identifier: Apache-2.0
/* link: agent/dispatch.o */
/* The permit table of kata-agent, with handlers that only count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/boot.h"
#include "agent/dispatch.h"

static unsigned handled, refused;
static struct err last;
static const char *fatal_text;
static jmp_buf fatal_jump;

/* --- what dispatch.o needs, instead of the rest of the agent --------------- */

void boot_fatal(const char *fmt, ...)
{
	fatal_text = fmt;
	longjmp(fatal_jump, 1);
}

void call_fail(const struct call *call UNUSED, const struct err *err)
{
	refused++;
	last = *err;
}

#define COUNT(name)                                                            \
	HANDLER(name)                                                          \
	{                                                                      \
		(void)call, (void)request, (void)err;                          \
		handled++;                                                     \
		return 0;                                                      \
	}

COUNT(check)
COUNT(version)
COUNT(create_sandbox)
COUNT(destroy_sandbox)
COUNT(guest_details)
COUNT(set_date_time)
COUNT(reseed)
COUNT(create_container)
COUNT(start_container)
COUNT(remove_container)
COUNT(exec_process)
COUNT(signal_process)
COUNT(wait_process)
COUNT(stats_container)
COUNT(pause_container)
COUNT(resume_container)
COUNT(update_container)
COUNT(get_oom_event)
COUNT(get_metrics)
COUNT(get_volume_stats)
COUNT(remove_stale_mounts)
COUNT(update_ephemeral)
COUNT(online_cpu_mem)
COUNT(write_stdin)
COUNT(read_stdout)
COUNT(read_stderr)
COUNT(close_stdin)
COUNT(tty_win_resize)
COUNT(update_interface)
COUNT(update_routes)
COUNT(list_interfaces)
COUNT(list_routes)
COUNT(add_arp_neighbors)

/* ----------------------------------------------------------------------------- */

static void send(struct agent *agent, const char *service, const char *method,
		 const void *payload, size_t len)
{
	struct ttrpc_header header;
	struct err err = ERR_INIT;
	uint8_t *frame;
	size_t frame_len;

	handled = refused = 0;
	assert_int_equal(ttrpc_request_encode(1, service, method, payload, len,
					      0, &frame, &frame_len, &err),
			 0);
	assert_int_equal(ttrpc_header_decode(frame, &header, &err), 0);
	dispatch_frame(agent, &header, frame + TTRPC_HEADER_SIZE);
	free(frame);
}

static void test_whole_protocol(void **state UNUSED)
{
	const ProtobufCServiceDescriptor *service =
		&grpc__agent_service__descriptor;
	unsigned with_handler = 0;

	assert_int_equal(service->n_methods, 42);
	for (unsigned i = 0; i < service->n_methods; i++) {
		const struct dispatch_entry *entry = dispatch_find(
			"grpc.AgentService", service->methods[i].name);

		assert_non_null(entry);
		assert_true(entry->handle || entry->reason);
		assert_true(entry->states && entry->size_max);
		with_handler += entry->handle != NULL;
		if (entry->handle)
			assert_ptr_equal(entry->request,
					 service->methods[i].input);
	}
	assert_int_equal(with_handler, 31);
}

static void test_states(void **state UNUSED)
{
	struct agent agent = { .state = SANDBOX_NONE };

	send(&agent, "grpc.AgentService", "CreateContainer", NULL, 0);
	assert_int_equal(refused, 1);
	assert_int_equal(last.code, EBUSY);
	agent.state = SANDBOX_READY;
	send(&agent, "grpc.AgentService", "CreateContainer", NULL, 0);
	assert_int_equal(handled, 1);
	agent.state = SANDBOX_ENDED;
	send(&agent, "grpc.AgentService", "WaitProcess", NULL, 0);
	assert_int_equal(refused, 1);
	send(&agent, "grpc.Health", "Check", NULL, 0);
	assert_int_equal(handled, 1);
}

static void test_refusals(void **state UNUSED)
{
	struct agent agent = { .state = SANDBOX_READY };
	uint8_t big[20 << 10] = { 0 };

	send(&agent, "grpc.AgentService", "CopyFile", NULL, 0);
	assert_int_equal(last.code, EOPNOTSUPP);
	send(&agent, "grpc.AgentService", "Nothing", NULL, 0);
	assert_int_equal(last.code, EOPNOTSUPP);
	send(&agent, "other.Service", "Check", NULL, 0);
	assert_int_equal(last.code, EOPNOTSUPP);
	send(&agent, "grpc.AgentService", "StartContainer", big, sizeof(big));
	assert_int_equal(last.code, EINVAL);
	send(&agent, "grpc.AgentService", "StartContainer", "\xff\xff", 2);
	assert_int_equal(last.code, EINVAL);
	assert_int_equal(handled, 0);
}

static void test_not_a_request(void **state UNUSED)
{
	struct agent agent = { .state = SANDBOX_READY };
	struct ttrpc_header header = { .stream = 1, .type = TTRPC_RESPONSE };

	fatal_text = NULL;
	if (!setjmp(fatal_jump))
		dispatch_frame(&agent, &header, (const uint8_t *)"");
	assert_non_null(fatal_text);
	header = (struct ttrpc_header){ .stream = 0, .type = TTRPC_REQUEST };
	fatal_text = NULL;
	if (!setjmp(fatal_jump))
		dispatch_frame(&agent, &header, (const uint8_t *)"");
	assert_non_null(fatal_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_protocol),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_not_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
