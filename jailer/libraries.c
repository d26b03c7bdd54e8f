// SPDX-License-Identifier: Apache-2.0
/*
 * libraries.c - which files a program maps at its start. The program's own
 * loader is asked (--list), with an empty environment: it resolves without
 * running the program, and no search path has to be imitated. Inputs are the
 * distribution's files. Rights: none.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"

#include "jail.h"

#define LIST_MAX (256 * 1024)
#define LIST_TIMEOUT_MS 10000
#define INTERPRETER_MAX 256
#define HEADERS_MAX 64

static int read_at(int fd, void *data, size_t size, uint64_t offset)
{
	return pread(fd, data, size, (off_t)offset) == (ssize_t)size ? 0 : -1;
}

/**
 * libraries_interpreter() - Loader of a dynamic program (PT_INTERP)
 * @program:	Host path
 * @ret:	Its path; owned by the caller
 * @err:	Filled on failure
 *
 * Return: 0, -ENOEXEC when it is no dynamic 64-bit ELF program, -errno
 */
int libraries_interpreter(const char *program, char **ret, struct err *err)
{
	AUTO_FD int fd = open(program, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head;
	Elf64_Phdr part;
	char text[INTERPRETER_MAX];

	if (fd < 0)
		return err_set(err, errno, "open %s", program);
	if (read_at(fd, &head, sizeof(head), 0) < 0 ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_phentsize != sizeof(part) || head.e_phnum > HEADERS_MAX)
		return err_msg(err, ENOEXEC, "%s: no 64-bit ELF program",
			       program);
	for (unsigned i = 0; i < head.e_phnum; i++) {
		if (read_at(fd, &part, sizeof(part),
			    head.e_phoff + i * sizeof(part)) < 0)
			break;
		if (part.p_type != PT_INTERP)
			continue;
		if (part.p_filesz < 2 || part.p_filesz > sizeof(text) ||
		    read_at(fd, text, part.p_filesz, part.p_offset) < 0 ||
		    text[part.p_filesz - 1] != '\0' || text[0] != '/')
			break;
		*ret = xstrdup(text);
		return 0;
	}
	return err_msg(err, ENOEXEC, "%s: names no loader", program);
}

/**
 * libraries_parse() - Paths out of the loader's list
 * @text:	Its output; cut up
 * @ret:	Paths are added, each once
 * @err:	Filled on failure
 *
 * Lines are "NAME => PATH (ADDRESS)", "PATH (ADDRESS)", and the kernel's vdso
 * without a path.
 *
 * Return: 0, -ENOENT when a library is missing
 */
int libraries_parse(char *text, struct strv *ret, struct err *err)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *arrow = strstr(line, " => ");
		char *path = arrow ? arrow + 4 : line + strspn(line, " \t");
		char *end = strstr(path, " (0x");

		if (strncmp(path, "not found", 9) == 0)
			return err_msg(err, ENOENT, "library missing:%s", line);
		if (path[0] != '/' || !end)
			continue;
		*end = '\0';
		if (!strv_has(ret, path))
			strv_add(ret, path);
	}
	return 0;
}

static int run_loader(const char *loader, const char *program, char **ret_text,
		      struct err *err)
{
	struct strv argv = { 0 };
	int r;

	strv_add(&argv, loader);
	strv_add(&argv, "--list");
	strv_add(&argv, program);
	r = child_output(loader, &argv, LIST_TIMEOUT_MS, LIST_MAX, ret_text,
			 err);
	strv_done(&argv);
	if (r > 0)
		return err_msg(err, ENOEXEC, "%s --list: wait status %d",
			       loader, r);
	return r;
}

/**
 * libraries_find() - Loader and shared libraries of a program
 * @program:	Host path of a dynamic program
 * @ret:	Paths, loader first
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int libraries_find(const char *program, struct strv *ret, struct err *err)
{
	AUTO_FREE char *loader = NULL, *text = NULL;
	int r = libraries_interpreter(program, &loader, err);

	if (r == 0)
		r = run_loader(loader, program, &text, err);
	if (r < 0)
		return err_wrap(err, "libraries of %s", program);
	strv_add(ret, loader);
	r = libraries_parse(text, ret, err);
	return r < 0 ? err_wrap(err, "libraries of %s", program) : 0;
}
