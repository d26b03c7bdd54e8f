# SPDX-License-Identifier: Apache-2.0
"""What must hold of a compiled policy that has the kata module. Each function
gets the policy and yields what is wrong with it, a line each. mutant.te has a
policy in which every `yield` of this file is reached."""

import collections

import setools

# A VMM, and what else may be captured: their entry point and their one program.
PROGRAM = {"kata_vmm_kvm_t": "qemu_exec_t", "kata_vmm_tcg_t": "qemu_exec_t",
           "kata_fs_t": "kata_virtiofsd_exec_t"}
ENTRY = "kata_jail_exec_t"
VMM = ("kata_vmm_kvm_t", "kata_vmm_tcg_t")
HOSTILE = VMM + ("kata_fs_t",)
# They read what the captured write.
READERS = HOSTILE + ("kata_proxy_t", "kata_shim_t")
# Where a transition may lead, of whatever kind. kata-runtime also gives hooks
# the label of who ran it.
NEXT = {
    "kata_runtime_t": {"kata_runtime_t", "kata_proxy_t", "kata_shim_t"},
    "kata_proxy_t": {"kata_jailer_t"},
    "kata_jailer_t": {"kata_vmm_kvm_jail_t", "kata_vmm_tcg_jail_t", "kata_fs_jail_t"},
    "kata_vmm_kvm_jail_t": {"kata_vmm_kvm_t"},
    "kata_vmm_tcg_jail_t": {"kata_vmm_tcg_t"},
    "kata_fs_jail_t": {"kata_fs_t"},
}
# Sealed memfds that kata-jail-exec reads: used, and never opened.
INHERITED = {"kata_tmpfs_t", "kata_jail_tmpfs_t"}
UNCONFINED = (
    "unconfined_domain_type", "files_unconfined_type", "kern_unconfined", "selinux_unconfined_type",
    "devices_unconfined_type", "filesystem_unconfined_type", "can_load_policy", "can_setenforce",
    "can_load_kernmodule", "can_read_shadow_passwords", "can_change_object_identity",
    "can_change_process_identity", "can_change_process_role")
# Files of the host that QEMU may open, in and out of its jail.
VMM_OPENS = {
    "qemu_exec_t", "kata_jail_exec_t", "kata_image_t", "kata_vmm_tmpfs_t",
    "lib_t", "textrel_shlib_t", "ld_so_t", "ld_so_cache_t", "usr_t", "locale_t", "etc_t", "cert_t",
    # what the reference policy gives to every domain; neither is in a jail
    "sysctl_crypto_t", "cpu_online_t",
}
# Directories, of which all but the jail's own are what every domain may search.
VMM_SEARCHES = {
    "kata_jail_tmpfs_t", "tmpfs_t", "root_t", "bin_t", "device_t", "etc_t", "lib_t", "locale_t",
    "proc_t", "setrans_runtime_t", "sysctl_crypto_t", "sysctl_t", "sysfs_t", "usr_t",
    "var_run_t", "var_t",
}
# What containers of ordinary users are kept in, and what engines give to them.
HOMES = {"user_home_t", "xdg_data_t", "xdg_cache_t", "user_tmp_t", "container_data_home_t",
         "container_file_t", "container_ro_file_t"}
# Mapped as code: QEMU, what starts it, and libraries.
VMM_MAPS = {"qemu_exec_t", "kata_jail_exec_t", "ld_so_t", "lib_t", "textrel_shlib_t"}
# Devices: the four that every domain has, of which the jail has two.
DEVICES = {"null_device_t", "urandom_device_t", "random_device_t", "zero_device_t", "devtty_t"}
FILES = ("file", "dir", "lnk_file", "fifo_file", "sock_file", "chr_file", "blk_file")
# What a process of one pod may do to another's although categories differ.
# A descriptor that it was given is used: read and write are held. map and the
# mounts of proxy and jailer come after an open or a search, which are held.
ACROSS = {("fd", "use"), ("file", "map"), ("file", "mounton"), ("dir", "mounton"),
          ("dir", "reparent"),
          # an entry point is entered by a transition, which is held
          ("file", "entrypoint"), ("file", "execmod"),
          # of a parent that is told, of a child that is made, of itself
          ("process", "sigchld"), ("process", "signull"), ("process", "fork"),
          ("process", "siginh"), ("process", "rlimitinh"), ("process", "execmem"),
          # of labelled networks; there is no network
          ("tcp_socket", "recvfrom"), ("association", "recvfrom"), ("association", "sendto")}
# Asked of a process about itself or of a mounted file system.
NOT_OF_PODS = {"filesystem", "capability", "capability2", "cap_userns", "cap2_userns", "lockdown"}
OWN, OTHER = frozenset({1, 2}), frozenset({3, 4})
# The levels that docs/decisions/0021 gives: (low, high).
LEVELS = {"kata_vmm_kvm_t": (OWN, OWN), "kata_vmm_tcg_t": (OWN, OWN),
          "kata_fs_t": (frozenset(), OWN), "kata_proxy_t": (OWN, OWN)}


class Policy:
    """A compiled policy, with the questions that are asked of it."""

    def __init__(self, path):
        self.policy = setools.SELinuxPolicy(path)
        self.types = {str(each) for each in self.policy.types()}
        self.expanded = {}
        self.rules = collections.defaultdict(set)
        self.defaults = collections.defaultdict(set)
        self.sorted = {}
        self.read_rules()
        self.network = {str(each) for each in self.policy.classes()
                        if str(each).endswith("socket") and not str(each).startswith("unix_")}
        self.constraints = collections.defaultdict(list)
        for each in self.policy.constraints():
            if str(each.ruletype) == "mlsconstrain":
                for perm in each.perms:
                    self.constraints[str(each.tclass), perm].append(each)

    def domains(self):
        """Every process type of ours."""
        return sorted(self.attribute("kata_domain"))

    def has(self, name):
        """Whether the policy has a type of the name."""
        return name in self.types

    def attribute(self, name):
        """Types of an attribute. That there is none of the name ends the test: a
        question about it would be answered by nothing."""
        if name not in self.expanded:
            types = self.policy.lookup_typeattr(name).expand()
            self.expanded[name] = {str(each) for each in types}
        return self.expanded[name]

    def allows(self, source, classes, perms=None, default=False):
        """(class, permission, target) that a type has: with booleans in any state,
        or as they are by default."""
        if (source, default) not in self.sorted:
            self.sorted[source, default] = collections.defaultdict(list)
            for each in sorted((self.defaults if default else self.rules)[source]):
                self.sorted[source, default][each[0]].append(each)
        for tclass in classes:
            for each in self.sorted[source, default].get(tclass, ()):
                if perms is None or each[1] in perms:
                    yield each

    def read_rules(self):
        """What each domain of ours may do, by its own rules and by attributes."""
        ours = set(self.domains())
        expanded = {}
        for rule in self.policy.terules():
            if str(rule.ruletype) != "allow":
                continue
            names = [str(rule.source), str(rule.target)]
            for name, part in zip(names, (rule.source, rule.target)):
                if name not in expanded:
                    expanded[name] = {str(each) for each in part.expand()}
            for source in expanded[names[0]] & ours:
                some = {(str(rule.tclass), perm, target)
                        for perm in rule.perms for target in expanded[names[1]]}
                self.rules[source] |= some
                if self.holds(rule):
                    self.defaults[source] |= some

    def holds(self, rule):
        """Whether a rule is in force while no boolean has been changed."""
        try:
            condition = rule.conditional
        except setools.exception.RuleNotConditional:
            return True
        state = {str(each): each.state for each in condition.booleans}
        return condition.evaluate(**state) == rule.conditional_block

    def constrained(self, subject, target, levels, tclass, perm):
        """Whether the constraints refuse what the rules allow, the target being
        of another pod."""
        low, high = levels
        values = {"t1": {subject}, "t2": {target}, "l1": low, "h1": high, "l2": OTHER, "h2": OTHER,
                  "u1": {"u"}, "u2": {"u"}, "r1": {"r"}, "r2": {"r"}}
        return any(not self.evaluate(each.expression, values)
                   for each in self.constraints[tclass, perm])

    def evaluate(self, expression, values):
        """A constraint's expression, which setools gives in postfix order."""
        two = {"and": lambda a, b: a and b, "or": lambda a, b: a or b,
               "dom": lambda a, b: a >= b, "domby": lambda a, b: a <= b,
               "incomp": lambda a, b: not a <= b and not b <= a,
               "==": lambda a, b: a == b if len(a) != 1 else a <= b,
               "!=": lambda a, b: a != b if len(a) != 1 else not a <= b}
        stack = []
        for word in expression:
            if not isinstance(word, str):
                stack.append(frozenset().union(*(self.members(each) for each in word)))
            elif word == "not":
                stack.append(not stack.pop())
            elif word in two:
                right, left = stack.pop(), stack.pop()
                stack.append(two[word](left, right))
            else:
                stack.append(frozenset(values[word]))
        return stack.pop()

    def members(self, name):
        """The types of an attribute, or the one name of anything else."""
        return self.attribute(str(name)) if isinstance(name, setools.TypeAttribute) else {str(name)}


def executes_its_entry_point_alone(policy):
    """A jail's program is entered by kata-jail-exec and executes one file."""
    for domain, program in PROGRAM.items():
        for _, perm, target in policy.allows(domain, ["file"], ["entrypoint"]):
            if target != ENTRY:
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["file"], ["execute_no_trans"]):
            if target != program:
                yield f"{domain}: {perm} {target}"
    for domain in ("kata_proxy_t", "kata_shim_t"):
        for _, perm, target in policy.allows(domain, ["file"], ["execute_no_trans"]):
            yield f"{domain}: {perm} {target}"
    for domain in VMM:
        for _, perm, target in policy.allows(domain, ["file"], ["execute"]):
            if target not in VMM_MAPS:
                yield f"{domain}: {perm} {target}"


def opens_what_is_listed(policy):
    """No home, no shadow, nothing of another program."""
    for domain in VMM:
        for _, perm, target in policy.allows(domain, ["file"], ["open", "read", "write", "append"]):
            if target not in VMM_OPENS | {domain} and \
                    (perm == "open" or target not in INHERITED):
                yield f"{domain}: {perm} file {target}"
        for _, perm, target in policy.allows(domain, ["dir"], ["search", "read", "write"]):
            if target not in VMM_SEARCHES | {domain}:
                yield f"{domain}: {perm} dir {target}"
    for domain in policy.domains():
        for _, perm, target in policy.allows(domain, ["file"], ["open", "read", "write", "append"]):
            if "shadow" in target and target != "shadow_lock_t":
                yield f"{domain}: {perm} {target}"


def serves_no_secret(policy):
    """Before a boolean is changed: of homes the general types, and nothing of
    /var/lib."""
    homes = policy.attribute("user_home_content_type") - HOMES
    for _, perm, target in policy.allows("kata_fs_t", ["file", "dir", "lnk_file", "sock_file"],
                                         ["open", "read", "write", "append"], default=True):
        if target in homes or target == "var_lib_t":
            yield f"kata_fs_t: {perm} {target}"


def writes_no_program(policy):
    """No captured process writes what somebody executes. On FUSE, and in homes,
    ordinary users' engines have containers."""
    programs = policy.attribute("exec_type") - policy.attribute("user_home_content_type")
    programs -= {"fusefs_t"}
    for domain in HOSTILE:
        for _, perm, target in policy.allows(
                domain, ["file"], ["write", "append", "create", "rename", "unlink", "relabelto"]):
            if target in programs:
                yield f"{domain}: {perm} {target}"


def has_no_network(policy):
    """Sockets are inherited: none is made and none is connected."""
    for domain in READERS:
        for tclass, perm, target in policy.allows(
                domain, policy.network,
                ["create", "connect", "bind", "listen", "accept", "name_connect", "name_bind"]):
            yield f"{domain}: {perm} {tclass} {target}"
    for domain in HOSTILE:
        for _, perm, target in policy.allows(domain, ["unix_stream_socket"], ["connectto"]):
            if target != "setrans_t":  # every domain may; its socket is in no jail
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["unix_dgram_socket"], ["sendto"]):
            yield f"{domain}: {perm} {target}"


def makes_no_device(policy):
    """No device node is made, and those that are opened are listed."""
    for domain in HOSTILE:
        for tclass, perm, target in policy.allows(
                domain, ["chr_file", "blk_file"],
                ["create", "setattr", "relabelto", "relabelfrom", "rename", "unlink", "mounton"]):
            yield f"{domain}: {perm} {tclass} {target}"
        for _, perm, target in policy.allows(domain, ["blk_file"], ["open", "read", "write"]):
            yield f"{domain}: {perm} {target}"
        allowed = DEVICES | ({"kvm_device_t"} if domain == "kata_vmm_kvm_t" else set())
        for _, perm, target in policy.allows(domain, ["chr_file"], ["open"]):
            if target not in allowed:
                yield f"{domain}: {perm} {target}"


def a_transition_leads_to_less(policy):
    """From kata-runtime to the jails, a step each, and from there to nothing."""
    callers = policy.attribute("kata_caller_domain")
    for domain in policy.domains():
        ends = NEXT.get(domain, set()) | (callers if domain == "kata_runtime_t" else set())
        for _, perm, target in policy.allows(
                domain, ["process", "process2"],
                ["transition", "nnp_transition", "nosuid_transition"]):
            if target not in ends:
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["process"], ["dyntransition"]):
            if (domain, target) != ("kata_runtime_t", "kata_runtime_t"):
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["process"], ["setexec"]):
            if domain not in ("kata_runtime_t", "kata_jailer_t"):
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(
                domain, ["process"], ["setcurrent", "setfscreate", "setsockcreate"]):
            if domain != "kata_runtime_t":
                yield f"{domain}: {perm} {target}"


def touches_no_other_process(policy):
    """What may be captured ends or traces nothing but itself."""
    for domain in HOSTILE:
        for _, perm, target in policy.allows(domain, ["process"], ["ptrace", "signull"]):
            if perm == "ptrace" or target in policy.domains():
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["process"], ["signal", "sigkill", "sigstop"]):
            if target != domain:
                yield f"{domain}: {perm} {target}"


def executable_memory_is_tcgs(policy):
    """execmem is in one domain, and no file of ours is written and executed."""
    for domain in policy.domains():
        for _, perm, target in policy.allows(domain, ["process"],
                                             ["execmem", "execstack", "execheap"]):
            if (domain, perm) != ("kata_vmm_tcg_t", "execmem"):
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["file"], ["execmod"]):
            if target != "textrel_shlib_t":  # every domain may
                yield f"{domain}: {perm} {target}"
        written = {target for _, _, target in policy.allows(domain, ["file"], ["write", "append"])}
        if domain == "kata_runtime_t":  # looks at every program; homes and FUSE have some
            written -= policy.attribute("user_home_content_type") | {"fusefs_t"}
        for _, perm, target in policy.allows(domain, ["file"], ["execute", "execute_no_trans"]):
            if target in written:
                yield f"{domain}: {perm} and write {target}"


def reaches_nothing_across_categories(policy):
    """Of another pod's processes and files a process gets what ACROSS says."""
    for domain, levels in LEVELS.items():
        for tclass, perm, target in policy.rules[domain]:
            if perm == "getattr" or tclass in NOT_OF_PODS or (tclass, perm) in ACROSS:
                continue
            if not policy.constrained(domain, target, levels, tclass, perm):
                yield f"{domain}: {perm} {tclass} {target}"


def is_confined(policy):
    """Nothing of ours is permissive or unconfined."""
    permissive = {str(each) for each in policy.policy.types() if each.ispermissive}
    for domain in policy.domains():
        if domain in permissive:
            yield f"{domain}: permissive"
        for name in UNCONFINED:
            if domain in policy.attribute(name):
                yield f"{domain}: {name}"


def holds_no_capability(policy):
    """What may be captured has none of the host's, a VMM none at all."""
    for domain in HOSTILE:
        for tclass, perm, _ in policy.allows(
                domain, ["capability", "capability2", "cap2_userns"]):
            yield f"{domain}: {perm} {tclass}"
    for domain in VMM:
        for tclass, perm, _ in policy.allows(domain, ["cap_userns"]):
            yield f"{domain}: {perm} {tclass}"


def loads_nothing(policy):
    """No policy, no module, no program of the kernel's, no enforcement changed."""
    for domain in policy.domains():
        for tclass, perm, _ in policy.allows(
                domain, ["security", "system", "capability", "cap_userns"],
                ["load_policy", "setenforce", "setbool", "setsecparam", "setcheckreqprot",
                 "module_load", "reboot", "halt", "sys_module", "sys_rawio", "sys_boot"]):
            yield f"{domain}: {perm} {tclass}"
        for tclass, perm, _ in policy.allows(domain, ["capability2", "cap2_userns"],
                                             ["mac_admin", "mac_override", "bpf", "perfmon"]):
            yield f"{domain}: {perm} {tclass}"
        for tclass, perm, _ in policy.allows(domain, ["bpf", "perf_event", "io_uring"]):
            yield f"{domain}: {perm} {tclass}"


ALL = (executes_its_entry_point_alone, opens_what_is_listed, serves_no_secret, writes_no_program,
       has_no_network, makes_no_device, a_transition_leads_to_less, touches_no_other_process,
       executable_memory_is_tcgs, reaches_nothing_across_categories, is_confined,
       holds_no_capability, loads_nothing)
