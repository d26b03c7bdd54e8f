# SPDX-License-Identifier: Apache-2.0
"""What must hold of a compiled policy that has the kata module. Each function
gets the policy and returns what is wrong with it, a line each."""

import collections

import setools

VMM = ("kata_vmm_kvm_t", "kata_vmm_tcg_t")
HOSTILE = VMM + ("kata_fs_t",)
# Sealed memfds that kata-jail-exec reads: used, and never opened.
INHERITED = {"kata_tmpfs_t", "kata_jail_tmpfs_t"}
# What separates two pods: processes that may be captured, and what they meet.
CONSTRAINED = HOSTILE + ("kata_proxy_t",)
UNCONFINED = ("unconfined_domain_type", "files_unconfined_type", "kern_unconfined",
              "can_load_policy", "can_setenforce", "can_change_object_identity",
              "can_read_shadow_passwords", "mcssetcats", "mcskillall", "mcsreadall", "mcswriteall")
# Files of the host that QEMU may open, in and out of its jail.
VMM_OPENS = {
    "qemu_exec_t", "kata_jail_exec_t", "kata_image_t", "kata_vmm_tmpfs_t",
    "lib_t", "textrel_shlib_t", "ld_so_t", "ld_so_cache_t", "usr_t", "locale_t", "etc_t", "cert_t",
    # what the reference policy gives to every domain; neither is in a jail
    "sysctl_crypto_t", "cpu_online_t",
}
NETWORK = ("tcp_socket", "udp_socket", "rawip_socket", "packet_socket", "netlink_route_socket",
           "netlink_generic_socket", "netlink_audit_socket", "netlink_kobject_uevent_socket",
           "vsock_socket", "alg_socket", "sctp_socket", "icmp_socket", "bluetooth_socket")
# Without these in the categories' constraints pods would not be apart.
APART = {"file": "read", "dir": "search", "sock_file": "write", "process": "ptrace",
         "unix_stream_socket": "connectto", "fifo_file": "write", "chr_file": "open"}


class Policy:
    """A compiled policy, with the questions that are asked of it."""

    def __init__(self, path):
        self.policy = setools.SELinuxPolicy(path)
        self.rules = collections.defaultdict(set)
        self.read_rules()

    def domains(self):
        """Every process type of ours."""
        return sorted(str(each) for each in self.policy.lookup_typeattr("kata_domain").expand())

    def attribute(self, name):
        """Types of an attribute; empty when there is none of the name."""
        try:
            return {str(each) for each in self.policy.lookup_typeattr(name).expand()}
        except setools.exception.InvalidType:
            return set()

    def allows(self, source, classes, perms):
        """(class, permission, target) that a type has, booleans in any state."""
        for tclass, perm, target in self.rules.get(source, ()):
            if tclass in classes and perm in perms:
                yield tclass, perm, target

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
                self.rules[source].update(
                    (str(rule.tclass), perm, target)
                    for perm in rule.perms for target in expanded[names[1]])


def executes_its_entry_point_alone(policy):
    """A VMM is entered by kata-jail-exec and executes QEMU."""
    for domain in VMM:
        for _, perm, target in policy.allows(domain, ["file"], ["execute_no_trans", "entrypoint"]):
            if target != {"execute_no_trans": "qemu_exec_t", "entrypoint": "kata_jail_exec_t"}[perm]:
                yield f"{domain}: {perm} {target}"
    for _, perm, target in policy.allows("kata_fs_t", ["file"], ["execute_no_trans", "entrypoint"]):
        if target not in ("kata_virtiofsd_exec_t", "kata_jail_exec_t"):
            yield f"kata_fs_t: {perm} {target}"


def opens_what_is_listed(policy):
    """No home, no shadow, nothing of another program."""
    for domain in VMM:
        for _, perm, target in policy.allows(domain, ["file"], ["open", "read", "write", "append"]):
            if target not in VMM_OPENS | {domain} and \
                    (perm == "open" or target not in INHERITED):
                yield f"{domain}: {perm} file {target}"
    for domain in HOSTILE:
        for _, perm, target in policy.allows(domain, ["file"], ["open", "read"]):
            if "shadow" in target or target in policy.attribute("auth_file_type"):
                yield f"{domain}: {perm} {target}"


def has_no_network(policy):
    """Sockets are inherited: none is made and none is connected."""
    for domain in HOSTILE:
        for tclass, perm, target in policy.allows(
                domain, NETWORK, ["create", "connect", "bind", "name_connect", "name_bind"]):
            yield f"{domain}: {perm} {tclass} {target}"
        for _, perm, target in policy.allows(domain, ["unix_stream_socket"], ["connectto"]):
            if target != "setrans_t":  # every domain may; its socket is in no jail
                yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["unix_dgram_socket"], ["sendto"]):
            if target not in HOSTILE:
                yield f"{domain}: {perm} {target}"


def makes_no_device(policy):
    """No device node is made, and those that are opened are listed."""
    opens = {"null_device_t", "urandom_device_t", "random_device_t", "zero_device_t",
             "devtty_t"}  # every domain may; it is in no jail
    for domain in HOSTILE:
        for tclass, perm, target in policy.allows(
                domain, ["chr_file", "blk_file"], ["create", "open", "setattr", "relabelto"]):
            allowed = opens | ({"kvm_device_t"} if domain == "kata_vmm_kvm_t" else set())
            if tclass == "blk_file" or perm != "open" or target not in allowed:
                yield f"{domain}: {perm} {tclass} {target}"


def stays_what_it_is(policy):
    """No transition out of what may be captured, to anything."""
    for domain in HOSTILE:
        for _, perm, target in policy.allows(
                domain, ["process"], ["transition", "dyntransition", "setcurrent", "setexec",
                                      "ptrace"]):
            yield f"{domain}: {perm} {target}"
        for _, perm, target in policy.allows(domain, ["process"], ["signal", "sigkill", "sigstop"]):
            if target != domain:
                yield f"{domain}: {perm} {target}"


def executable_memory_is_tcgs(policy):
    """execmem is in one domain."""
    for domain in policy.domains():
        for _, perm, target in policy.allows(domain, ["process"],
                                             ["execmem", "execstack", "execheap"]):
            if (domain, perm) != ("kata_vmm_tcg_t", "execmem"):
                yield f"{domain}: {perm} {target}"


def is_held_by_categories(policy):
    """The types are constrained, and the constraints name the calls that count."""
    held = policy.attribute("mcs_constrained_type")
    yield from (f"{domain}: not constrained by categories"
                for domain in CONSTRAINED if domain not in held)
    for tclass, perm in APART.items():
        if not any(str(each.ruletype) == "mlsconstrain" and str(each.tclass) == tclass and
                   perm in each.perms and "h1" in str(each)
                   for each in policy.policy.constraints()):
            yield f"{tclass} {perm}: no constraint by categories"


def is_confined(policy):
    """Nothing of ours is permissive or unconfined."""
    permissive = {str(each.name) if hasattr(each, "name") else str(each)
                  for each in policy.policy.types() if each.ispermissive}
    for domain in policy.domains():
        if domain in permissive:
            yield f"{domain}: permissive"
        yield from (f"{domain}: {name}" for name in UNCONFINED if domain in policy.attribute(name))


def loads_nothing(policy):
    """No policy, no module, no enforcement is changed by anything of ours."""
    for domain in policy.domains():
        for tclass, perm, _ in policy.allows(
                domain, ["security", "system", "capability", "capability2"],
                ["load_policy", "setenforce", "setbool", "setsecparam", "module_load",
                 "sys_module", "sys_rawio", "sys_boot", "mac_admin", "mac_override"]):
            yield f"{domain}: {perm} {tclass}"
    for domain in policy.domains():
        for _, perm, target in policy.allows(domain, ["file"], ["write", "append", "open", "read"]):
            if target == "shadow_t":
                yield f"{domain}: {perm} {target}"


ALL = (executes_its_entry_point_alone, opens_what_is_listed, has_no_network, makes_no_device,
       stays_what_it_is, executable_memory_is_tcgs, is_held_by_categories, is_confined,
       loads_nothing)
