# SPDX-License-Identifier: Apache-2.0
"""What has which label, read from the compiled policy and its file contexts: the
tables of docs/selinux.md, and the lines that a live sandbox is compared with
(tests/selinux/labels)."""

import re

BEGIN, END = "<!-- made from the policy: begin -->\n", "<!-- made from the policy: end -->\n"
# What only kata-runtime decides (docs/decisions/0021): the level of each domain
# while the sandbox runs; PAIR is the pod's. "-": nothing of it is left by then.
LEVEL = {
    "kata_runtime_t": "-", "kata_jailer_t": "-", "kata_proxy_t": "s0:PAIR",
    "kata_shim_t": "s0:PAIR", "kata_vmm_kvm_jail_t": "s0:PAIR", "kata_vmm_tcg_jail_t": "s0:PAIR",
    "kata_fs_jail_t": "s0-s0:PAIR", "kata_vmm_kvm_t": "s0:PAIR", "kata_vmm_tcg_t": "s0:PAIR",
    "kata_fs_t": "s0-s0:PAIR",
}
# What a process of it is called by ps(1), which no policy knows.
COMM = {
    "kata_proxy_t": "kata-proxy", "kata_shim_t": "kata-shim", "kata_vmm_kvm_jail_t": "bwrap",
    "kata_vmm_tcg_jail_t": "bwrap", "kata_fs_jail_t": "bwrap",
    "kata_vmm_kvm_t": "qemu-system-x86", "kata_vmm_tcg_t": "qemu-system-x86",
    "kata_fs_t": "virtiofsd",
}


def file_contexts(path):
    """[(expression, type)] of ours."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.fullmatch(r"(\S+)(?:\s+-\S)?\s+\S+:\S+:(kata_\w+):\S+\n", line)
            if match:
                yield match[1].replace("\\", ""), match[2]


def installed(contexts, prefix="/usr/local"):
    """The files of ours below the default PREFIX, and others' that are not below /usr."""
    for path, name in sorted(contexts):
        if path.startswith(prefix) or not path.startswith("/usr/") or "virtiofsd" in path:
            yield path, name


def programs(policy, contexts):
    """{domain: what enters it}, {domain: what it executes in itself}."""
    def files(domain, perm):
        types = {target for _, _, target in policy.allows(domain, ["file"], [perm])}
        types &= {"qemu_exec_t", "bin_t"} | {name for name in types if name.startswith("kata_")}
        return sorted({path.rsplit("/", 1)[1] for path, name in contexts if name in types} |
                      ({"QEMU"} if "qemu_exec_t" in types else set()) |
                      ({"bwrap"} if "bin_t" in types else set()))
    return ({domain: files(domain, "entrypoint") for domain in policy.domains()},
            {domain: files(domain, "execute_no_trans") for domain in policy.domains()})


def entered_from(policy):
    """{domain: those of ours from which a transition leads there}."""
    result = {domain: [] for domain in policy.domains()}
    for domain in policy.domains():
        for _, _, target in policy.allows(domain, ["process"], ["transition"]):
            if target in result:
                result[target].append(domain)
    return result


def made_by(policy):
    """{type: domains whose new files get it by a rule}."""
    result = {}
    for rule in policy.policy.terules():
        if str(rule.ruletype) == "type_transition" and str(rule.tclass) != "process" and \
                str(rule.default).startswith("kata_"):
            for source in rule.source.expand():
                result.setdefault(str(rule.default), set()).add(str(source))
    return result


def domains_table(policy, contexts):
    entry, executes = programs(policy, contexts)
    before = entered_from(policy)
    held = policy.attribute("mcs_constrained_type")
    yield "| domain | entry point | executes | comes from | level | categories hold it | execmem |"
    yield "|---|---|---|---|---|---|---|"
    for domain in policy.domains():
        code = list(policy.allows(domain, ["process"], ["execmem"]))
        cells = (f"`{domain}`", ", ".join(entry[domain]), ", ".join(executes[domain]),
                 ", ".join(f"`{each}`" for each in before[domain]) or "who runs it",
                 LEVEL[domain] if LEVEL[domain] != "-" else "ends before the sandbox runs",
                 "yes" if domain in held else "", "yes" if code else "")
        yield re.sub(r" +\|", " |", "| " + " | ".join(cells) + " |")


def files_table(policy, contexts):
    makers = made_by(policy)
    names = policy.attribute("kata_data_type") | {name for _, name in contexts}
    names |= {name for name in makers if name.startswith("kata_")}
    yield "| type | path | new files of |"
    yield "|---|---|---|"
    for name in sorted(names):
        paths = ", ".join(f"`{path}`" for path, each in installed(contexts) if each == name)
        by = ", ".join(f"`{each}`" for each in sorted(makers.get(name, ())))
        yield re.sub(r" +\|", " |", f"| `{name}` | {paths} | {by} |")


def document(policy, contexts):
    """The part of docs/selinux.md between the marks."""
    contexts = list(contexts)
    lines = [*domains_table(policy, contexts), "", *files_table(policy, contexts)]
    return BEGIN + "\n".join(lines) + "\n" + END


def expected_labels(policy, contexts):
    """tests/selinux/labels: "ps TYPE LEVEL COMM", "ls TYPE PATH"."""
    lines = ["# Made from the policy by `make check-selinux SELINUX_ARGS=--write`."]
    lines += [f"ps {domain} {LEVEL[domain]} {COMM.get(domain, '-')}"
              for domain in policy.domains()]
    lines += [f"ls {name} {path}" for path, name in installed(list(contexts))
              if "*" not in path]
    return "\n".join(lines) + "\n"


def in_document(text):
    """What a document has between the marks, with them."""
    return text[text.index(BEGIN):text.index(END) + len(END)]
