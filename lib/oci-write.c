// SPDX-License-Identifier: Apache-2.0
/*
 * oci-write.c - process and linux.resources back to JSON, for `exec` with a
 * command line and for `update`. Runs in kata-runtime without any right; the
 * reader is kata-shim, by the same lib/oci.
 */
#include "json.h"
#include "oci.h"

static void write_optional(struct json_writer *w, const char *key,
			   const char *text)
{
	if (text)
		json_string(w, key, text);
}

static void write_user(struct json_writer *w, const struct oci_user *user)
{
	json_begin_object(w, "user");
	json_u64(w, "uid", user->uid);
	json_u64(w, "gid", user->gid);
	if (user->has_umask)
		json_u64(w, "umask", user->umask);
	write_optional(w, "username", user->username);
	json_begin_array(w, "additionalGids");
	for (size_t i = 0; i < user->additional_gid_count; i++)
		json_u64(w, NULL, user->additional_gids[i]);
	json_end_array(w);
	json_end_object(w);
}

static void write_caps(struct json_writer *w, const struct oci_caps *caps)
{
	json_begin_object(w, "capabilities");
	json_strv(w, "bounding", &caps->bounding);
	json_strv(w, "effective", &caps->effective);
	json_strv(w, "inheritable", &caps->inheritable);
	json_strv(w, "permitted", &caps->permitted);
	json_strv(w, "ambient", &caps->ambient);
	json_end_object(w);
}

static void write_rlimits(struct json_writer *w, const struct oci_process *p)
{
	json_begin_array(w, "rlimits");
	for (size_t i = 0; i < p->rlimit_count; i++) {
		json_begin_object(w, NULL);
		json_string(w, "type", p->rlimits[i].type);
		json_u64(w, "hard", p->rlimits[i].hard);
		json_u64(w, "soft", p->rlimits[i].soft);
		json_end_object(w);
	}
	json_end_array(w);
}

char *oci_process_format(const struct oci_process *p)
{
	struct json_writer w = { 0 };

	json_begin_object(&w, NULL);
	json_bool(&w, "terminal", p->terminal);
	if (p->console_height || p->console_width) {
		json_begin_object(&w, "consoleSize");
		json_u64(&w, "height", p->console_height);
		json_u64(&w, "width", p->console_width);
		json_end_object(&w);
	}
	write_user(&w, &p->user);
	json_strv(&w, "args", &p->args);
	json_strv(&w, "env", &p->env);
	json_string(&w, "cwd", p->cwd);
	if (p->has_caps)
		write_caps(&w, &p->caps);
	write_rlimits(&w, p);
	json_bool(&w, "noNewPrivileges", p->no_new_privileges);
	write_optional(&w, "apparmorProfile", p->apparmor_profile);
	write_optional(&w, "selinuxLabel", p->selinux_label);
	if (p->has_oom_score_adj)
		json_i64(&w, "oomScoreAdj", p->oom_score_adj);
	json_end_object(&w);
	return w.text;
}

static void write_memory(struct json_writer *w, const struct oci_resources *r)
{
	json_begin_object(w, "memory");
	if (r->has_memory_limit)
		json_i64(w, "limit", r->memory_limit);
	if (r->has_memory_swap)
		json_i64(w, "swap", r->memory_swap);
	if (r->has_memory_reservation)
		json_i64(w, "reservation", r->memory_reservation);
	json_end_object(w);
}

static void write_cpu(struct json_writer *w, const struct oci_resources *r)
{
	json_begin_object(w, "cpu");
	if (r->has_cpu_shares)
		json_u64(w, "shares", r->cpu_shares);
	if (r->has_cpu_quota)
		json_i64(w, "quota", r->cpu_quota);
	if (r->has_cpu_period)
		json_u64(w, "period", r->cpu_period);
	write_optional(w, "cpus", r->cpuset_cpus);
	write_optional(w, "mems", r->cpuset_mems);
	json_end_object(w);
}

char *oci_resources_format(const struct oci_resources *r)
{
	struct json_writer w = { 0 };

	json_begin_object(&w, NULL);
	write_memory(&w, r);
	write_cpu(&w, r);
	if (r->has_pids_limit) {
		json_begin_object(&w, "pids");
		json_i64(&w, "limit", r->pids_limit);
		json_end_object(&w);
	}
	if (r->has_block_io_weight) {
		json_begin_object(&w, "blockIO");
		json_u64(&w, "weight", r->block_io_weight);
		json_end_object(&w);
	}
	json_begin_object(&w, "unified");
	for (size_t i = 0; i < r->unified.count; i++)
		json_string(&w, r->unified.item[i].key,
			    r->unified.item[i].value);
	json_end_object(&w);
	json_end_object(&w);
	return w.text;
}
