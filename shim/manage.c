// SPDX-License-Identifier: Apache-2.0
/*
 * manage.c - records from later kata-runtime commands that manage a running
 * container: STATUS, PAUSE, RESUME, UPDATE, STATS and WAIT_OOM.
 *
 * Runs in kata-shim, confined. Needs no rights. The runtime's records are
 * checked by lib/records; the text of an UPDATE is parsed under the limits of
 * lib/oci. Hostile: the agent's figures, which are copied as numbers, and its
 * names, which are cut and escaped.
 *
 * Nothing here waits: the pumps go on while the agent works.
 */
#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "log.h"
#include "shim.h"

/* Its limits and figures are there before it runs; to freeze it must. */
static int need_running(const struct shim *shim, uint16_t type, struct err *err)
{
	bool early = type != RECORD_SHIM_PAUSE && type != RECORD_SHIM_RESUME &&
		     shim->state == SHIM_CREATED;

	if (shim->role == SHIM_CONTAINER &&
	    (early || shim->state == SHIM_RUNNING))
		return 0;
	return err_msg(err, ESRCH, "container not running");
}

static void call(struct shim_peer *peer, enum agent_method method,
		 const ProtobufCMessage *request, agent_reply_fn reply)
{
	struct err err = ERR_INIT;

	if (agent_call_start(&peer->shim->agent, method, request,
			     AGENT_CALL_TIMEOUT_MS, reply, peer, &err) < 0) {
		control_answer(peer, &err);
		return;
	}
	peer->waiting = true;
}

/* --- STATUS -------------------------------------------------------------- */

static void serve_status(struct shim_peer *peer)
{
	const struct shim *shim = peer->shim;
	union record record;

	record_init(&record, RECORD_SHIM_STATUS_IS);
	if (shim->state < SHIM_RUNNING)
		record.status.status = RECORD_STATUS_CREATED;
	else if (shim->state > SHIM_RUNNING)
		record.status.status = RECORD_STATUS_STOPPED;
	else
		record.status.status = shim->paused ? RECORD_STATUS_PAUSED :
						      RECORD_STATUS_RUNNING;
	control_answer_record(peer, &record);
}

/* --- PAUSE, RESUME ------------------------------------------------------- */

static void paused(void *ctx, const ProtobufCMessage *message,
		   const struct err *err)
{
	struct shim_peer *peer = ctx;

	(void)message;
	if (!err)
		peer->shim->paused = true;
	control_answer(peer, err);
}

static void resumed(void *ctx, const ProtobufCMessage *message,
		    const struct err *err)
{
	struct shim_peer *peer = ctx;

	(void)message;
	if (!err)
		peer->shim->paused = false;
	control_answer(peer, err);
}

static void serve_pause(struct shim_peer *peer)
{
	Grpc__PauseContainerRequest request =
		GRPC__PAUSE_CONTAINER_REQUEST__INIT;

	request.container_id = (char *)(uintptr_t)peer->shim->id;
	call(peer, AGENT_PAUSE_CONTAINER, &request.base, paused);
}

static void serve_resume(struct shim_peer *peer)
{
	Grpc__ResumeContainerRequest request =
		GRPC__RESUME_CONTAINER_REQUEST__INIT;

	request.container_id = (char *)(uintptr_t)peer->shim->id;
	call(peer, AGENT_RESUME_CONTAINER, &request.base, resumed);
}

/* --- UPDATE -------------------------------------------------------------- */

static void updated(void *ctx, const ProtobufCMessage *message,
		    const struct err *err)
{
	const Grpc__UpdateContainerResponse *reply = (const void *)message;
	struct shim_peer *peer = ctx;
	struct err bad = ERR_INIT;
	union record record;

	if (err) {
		control_answer(peer, err);
		return;
	}
	record_init(&record, RECORD_SHIM_READBACK);
	if (readback_record(reply->read_back, &record.readback, &bad) < 0)
		control_answer(peer, &bad);
	else
		control_answer_record(peer, &record);
}

static void serve_update(struct shim_peer *peer,
			 const struct record_update *update)
{
	AUTO_AGENT_MESSAGE ProtobufCMessage *request = NULL;
	struct oci_resources *resources = NULL;
	struct err err = ERR_INIT;

	if (oci_resources_parse(update->json, strlen(update->json), &resources,
				&err) < 0) {
		control_answer(peer, &err);
		return;
	}
	request = spec_to_update(peer->shim, resources);
	oci_resources_free(resources);
	call(peer, AGENT_UPDATE_CONTAINER, request, updated);
}

/* --- STATS --------------------------------------------------------------- */

static void cpu_take(const Grpc__CpuStats *in, struct record_stats *out)
{
	if (in && in->cpu_usage) {
		out->cpu_total = in->cpu_usage->total_usage;
		out->cpu_user = in->cpu_usage->usage_in_usermode;
		out->cpu_kernel = in->cpu_usage->usage_in_kernelmode;
	}
	if (in && in->throttling_data) {
		out->cpu_periods = in->throttling_data->periods;
		out->cpu_throttled_periods =
			in->throttling_data->throttled_periods;
		out->cpu_throttled_time = in->throttling_data->throttled_time;
	}
}

static void name_take(char *out, size_t size, const char *in)
{
	log_escape(out, size, in ? in : "", in ? strlen(in) : 0);
}

static void memory_take(const Grpc__MemoryStats *in, struct record_stats *out)
{
	if (!in)
		return;
	out->memory_cache = in->cache;
	out->oom_kills = in->oom_kill;
	if (in->usage) {
		out->memory_usage = in->usage->usage;
		out->memory_max = in->usage->max_usage;
		out->memory_limit = in->usage->limit;
		out->memory_failcnt = in->usage->failcnt;
	}
	if (in->swap_usage) {
		out->swap_usage = in->swap_usage->usage;
		out->swap_limit = in->swap_usage->limit;
	}
	if (in->kernel_usage)
		out->memory_kernel = in->kernel_usage->usage;
	for (size_t i = 0; i < in->n_stats && i < RECORD_VALUES_MAX; i++) {
		struct record_value *value = &out->value[out->value_count++];

		name_take(value->name, sizeof(value->name), in->stats[i]->key);
		value->value = in->stats[i]->value;
	}
}

static void links_take(const Grpc__StatsContainerResponse *in,
		       struct record_stats *out)
{
	for (size_t i = 0; i < in->n_network_stats && i < RECORD_LINKS_MAX; i++) {
		const Grpc__NetworkStats *from = in->network_stats[i];
		struct record_link *to = &out->link[out->link_count++];

		name_take(to->name, sizeof(to->name), from->name);
		to->rx_bytes = from->rx_bytes;
		to->rx_packets = from->rx_packets;
		to->rx_errors = from->rx_errors;
		to->rx_dropped = from->rx_dropped;
		to->tx_bytes = from->tx_bytes;
		to->tx_packets = from->tx_packets;
		to->tx_errors = from->tx_errors;
		to->tx_dropped = from->tx_dropped;
	}
}

static void blkio_take(const Grpc__BlkioStats *in, struct record_stats *out)
{
	for (size_t i = 0; in && i < in->n_io_service_bytes_recursive; i++) {
		const Grpc__BlkioStatsEntry *entry =
			in->io_service_bytes_recursive[i];

		if (strcasecmp(entry->op ? entry->op : "", "read") == 0)
			out->io_read += entry->value;
		else if (strcasecmp(entry->op ? entry->op : "", "write") == 0)
			out->io_write += entry->value;
	}
}

static void measured(void *ctx, const ProtobufCMessage *message,
		     const struct err *err)
{
	const Grpc__StatsContainerResponse *reply = (const void *)message;
	struct shim_peer *peer = ctx;
	union record record;

	if (err) {
		control_answer(peer, err);
		return;
	}
	record_init(&record, RECORD_SHIM_STATS_ARE);
	if (reply->cgroup_stats) {
		cpu_take(reply->cgroup_stats->cpu_stats, &record.stats);
		memory_take(reply->cgroup_stats->memory_stats, &record.stats);
		blkio_take(reply->cgroup_stats->blkio_stats, &record.stats);
		if (reply->cgroup_stats->pids_stats) {
			record.stats.pids_current =
				reply->cgroup_stats->pids_stats->current;
			record.stats.pids_limit =
				reply->cgroup_stats->pids_stats->limit;
		}
	}
	links_take(reply, &record.stats);
	control_answer_record(peer, &record);
}

static void serve_stats(struct shim_peer *peer)
{
	Grpc__StatsContainerRequest request =
		GRPC__STATS_CONTAINER_REQUEST__INIT;

	request.container_id = (char *)(uintptr_t)peer->shim->id;
	call(peer, AGENT_STATS_CONTAINER, &request.base, measured);
}

/* --- WAIT_OOM ------------------------------------------------------------ */

/*
 * One call of the agent for all commands that wait, so that those that leave
 * leave nothing behind; it goes on without them.
 */
static void ran_out(void *ctx, const ProtobufCMessage *message,
		    const struct err *err)
{
	struct shim *shim = ctx;
	bool told = false;

	(void)message;
	shim->oom_in_flight = false;
	for (size_t i = 0; i < SHIM_PEERS_MAX; i++)
		if (shim->peers[i].wants_oom) {
			control_answer(&shim->peers[i], err);
			told = true;
		}
	shim->oom_kept = !told && !err;
}

static void serve_wait_oom(struct shim_peer *peer)
{
	Grpc__GetOOMEventRequest request = GRPC__GET_OOMEVENT_REQUEST__INIT;
	struct shim *shim = peer->shim;
	struct err err = ERR_INIT;
	size_t waiting = 0;

	for (size_t i = 0; i < SHIM_PEERS_MAX; i++)
		waiting += shim->peers[i].wants_oom;
	if (waiting >= SHIM_OOM_WAITERS_MAX) {
		err_msg(&err, EBUSY, "too many commands wait for events");
		control_answer(peer, &err);
		return;
	}
	if (shim->oom_kept) {
		shim->oom_kept = false;
		control_answer(peer, NULL);
		return;
	}
	peer->wants_oom = true;
	if (shim->oom_in_flight)
		return;
	request.container_id = (char *)(uintptr_t)shim->id;
	if (agent_call_start(&shim->agent, AGENT_GET_OOM_EVENT, &request.base,
			     AGENT_NO_TIMEOUT, ran_out, shim, &err) < 0)
		control_answer(peer, &err);
	else
		shim->oom_in_flight = true;
}

/* ------------------------------------------------------------------------- */

static void serve_running(struct shim_peer *peer, const union record *record)
{
	switch (record->h.type) {
	case RECORD_SHIM_PAUSE:
		serve_pause(peer);
		break;
	case RECORD_SHIM_RESUME:
		serve_resume(peer);
		break;
	case RECORD_SHIM_UPDATE:
		serve_update(peer, &record->update);
		break;
	case RECORD_SHIM_WAIT_OOM:
		serve_wait_oom(peer);
		break;
	default:
		serve_stats(peer);
	}
}

/**
 * manage_serve() - Serve one record of a command
 * @peer:	With no call under way
 * @record:	Checked by record_recv()
 *
 * Return: whether it is of a type that is served here
 */
bool manage_serve(struct shim_peer *peer, const union record *record)
{
	struct err err = ERR_INIT;

	switch (record->h.type) {
	case RECORD_SHIM_STATUS:
		serve_status(peer);
		return true;
	case RECORD_SHIM_PAUSE:
	case RECORD_SHIM_RESUME:
	case RECORD_SHIM_UPDATE:
	case RECORD_SHIM_STATS:
	case RECORD_SHIM_WAIT_OOM:
		if (need_running(peer->shim, record->h.type, &err) < 0)
			control_answer(peer, &err);
		else
			serve_running(peer, record);
		return true;
	default:
		return false;
	}
}
