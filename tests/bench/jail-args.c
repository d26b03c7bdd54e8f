// SPDX-License-Identifier: Apache-2.0
/*
 * jail-args.c - prints, each with a NUL, the arguments that kata-jailer gives
 * bubblewrap for a policy, with the sources as the host names them: what
 * bubblewrap alone is measured with. The jailer's own code makes them.
 *
 * usage: jail-args EXEC POLICY.json NAME=PATH...
 * EXEC is the host's path of kata-jail-exec.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jailer/jail.h"

static void print(const struct jail *jail, const char *word)
{
	size_t len = strlen(JAIL_STAGE);
	char *end;
	unsigned long index;

	if (strcmp(word, JAIL_STAGE_EXEC) == 0) {
		word = jail->exec;
	} else if (strcmp(word, JAIL_STAGE "/kvm") == 0) {
		word = "/dev/kvm";
	} else if (strncmp(word, JAIL_STAGE "/", len + 1) == 0) {
		index = strtoul(word + len + 1, &end, 10);
		if (*end == '\0' && index < jail->policy->bind_count)
			word = jail_named_path(jail,
					       jail->policy->binds[index].name);
	}
	fwrite(word, 1, strlen(word) + 1, stdout);
}

int main(int argc, char **argv)
{
	/* of the descriptors only that there are some is asked */
	struct jail jail = { .info_fd = -1, .seccomp_fd = 0 };
	struct strv args = { 0 };
	struct err err = ERR_INIT;

	if (argc < 3)
		return 2;
	jail.exec = argv[1];
	for (int i = 3; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals || jail.named_count == JAIL_NAMED_MAX)
			return 2;
		*equals = '\0';
		jail.named[jail.named_count++] =
			(struct jail_named){ argv[i], equals + 1 };
	}
	if (policy_load(argv[2], &jail.policy, &err) < 0 ||
	    libraries_find(jail.policy->program, &jail.libraries, &err) < 0 ||
	    bwrap_arguments(&jail, &args, &err) < 0) {
		fprintf(stderr, "jail-args: %s\n", err.text);
		return 1;
	}
	for (size_t i = 0; i < args.count; i++)
		print(&jail, args.item[i]);
	return 0;
}
