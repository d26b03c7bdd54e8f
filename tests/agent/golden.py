# SPDX-License-Identifier: Apache-2.0
"""The wire of Kata 4.x's agent, written down apart from lib/proto.

METHODS: name, request, response. MESSAGES: name, then fields as
"name=number:type". Types: s string, b bytes, bo bool, u32 u64 i32 i64,
e:NAME enumeration, m:NAME message, map:TYPE from string; a leading * repeats,
a leading ? is a oneof of one member. Fields from 1000 on are this project's
own and in docs/protocol.md; they are not part of this table.
"""

METHODS = """
CreateContainer CreateContainerRequest Empty
StartContainer Container Empty
RemoveContainer RemoveContainerRequest Empty
ExecProcess ExecProcessRequest Empty
SignalProcess SignalProcessRequest Empty
WaitProcess Process_ WaitProcessResponse
UpdateContainer UpdateContainerRequest Empty
UpdateEphemeralMounts UpdateEphemeralMountsRequest Empty
StatsContainer Container StatsContainerResponse
PauseContainer Container Empty
ResumeContainer Container Empty
RemoveStaleVirtiofsShareMounts Empty Empty
GetDiagnosticData GetDiagnosticDataRequest GetDiagnosticDataResponse
WriteStdin WriteStreamRequest WriteStreamResponse
ReadStdout ReadStreamRequest ReadStreamResponse
ReadStderr ReadStreamRequest ReadStreamResponse
CloseStdin Process_ Empty
TtyWinResize TtyWinResizeRequest Empty
UpdateInterface UpdateInterfaceRequest types.Interface
UpdateRoutes UpdateRoutesRequest Routes
ListInterfaces Empty Interfaces
ListRoutes Empty Routes
AddARPNeighbors AddARPNeighborsRequest Empty
GetIPTables GetIPTablesRequest IPTablesResponse
SetIPTables SetIPTablesRequest IPTablesResponse
GetMetrics Empty Metrics
MemAgentMemcgSet MemAgentMemcgConfig Empty
MemAgentCompactSet MemAgentCompactConfig Empty
CreateSandbox CreateSandboxRequest Empty
DestroySandbox Empty Empty
OnlineCPUMem OnlineCPUMemRequest Empty
ReseedRandomDev ReseedRandomDevRequest Empty
GetGuestDetails GuestDetailsRequest GuestDetailsResponse
MemHotplugByProbe MemHotplugByProbeRequest Empty
SetGuestDateTime SetGuestDateTimeRequest Empty
CopyFile CopyFileRequest Empty
GetOOMEvent Empty OOMEvent
AddSwap AddSwapRequest Empty
AddSwapPath AddSwapPathRequest Empty
GetVolumeStats VolumeStatsRequest VolumeStatsResponse
ResizeVolume ResizeVolumeRequest Empty
SetPolicy SetPolicyRequest Empty
"""

HEALTH = """
Check CheckRequest HealthCheckResponse
Version CheckRequest VersionCheckResponse
"""

MESSAGES = """
Empty
Container container_id=1:s
Process_ container_id=1:s exec_id=2:s
CreateContainerRequest container_id=1:s exec_id=2:s string_user=3:m:StringUser
 devices=4:*m:Device storages=5:*m:Storage OCI=6:m:Spec sandbox_pidns=7:bo
 shared_mounts=8:*m:SharedMount stdin_port=9:u32 stdout_port=10:u32
 stderr_port=11:u32
RemoveContainerRequest container_id=1:s timeout=2:u32
ExecProcessRequest container_id=1:s exec_id=2:s string_user=3:m:StringUser
 process=4:m:Process stdin_port=5:u32 stdout_port=6:u32 stderr_port=7:u32
SignalProcessRequest container_id=1:s exec_id=2:s signal=3:u32
WaitProcessResponse status=1:i32
UpdateContainerRequest container_id=1:s resources=2:m:LinuxResources
UpdateEphemeralMountsRequest storages=1:*m:Storage
StatsContainerResponse cgroup_stats=1:m:CgroupStats
 network_stats=2:*m:NetworkStats
GetDiagnosticDataRequest log_type=1:s container_id=2:s
GetDiagnosticDataResponse data=1:s
WriteStreamRequest container_id=1:s exec_id=2:s data=3:b
WriteStreamResponse len=1:u32
ReadStreamRequest container_id=1:s exec_id=2:s len=3:u32
ReadStreamResponse data=1:b
TtyWinResizeRequest container_id=1:s exec_id=2:s row=3:u32 column=4:u32
UpdateInterfaceRequest interface=1:m:types.Interface
UpdateRoutesRequest routes=1:m:Routes
Routes Routes=1:*m:types.Route
Interfaces Interfaces=1:*m:types.Interface
AddARPNeighborsRequest neighbors=1:m:ARPNeighbors
ARPNeighbors ARPNeighbors=1:*m:types.ARPNeighbor
GetIPTablesRequest is_ipv6=1:bo
SetIPTablesRequest is_ipv6=1:bo data=2:b
IPTablesResponse data=1:b
Metrics metrics=1:s
MemAgentMemcgConfig disabled=1:?bo swap=2:?bo swappiness_max=3:?u32
 period_secs=4:?u64 period_psi_percent_limit=5:?u32
 eviction_psi_percent_limit=6:?u32 eviction_run_aging_count_min=7:?u64
MemAgentCompactConfig disabled=1:?bo period_secs=2:?u64
 period_psi_percent_limit=3:?u32 compact_psi_percent_limit=4:?u32
 compact_sec_max=5:?i64 compact_order=6:?u32 compact_threshold=7:?u64
 compact_force_times=8:?u64
CreateSandboxRequest hostname=1:s dns=2:*s storages=3:*m:Storage
 sandbox_pidns=4:bo sandbox_id=5:s guest_hook_path=6:s
 kernel_modules=7:*m:KernelModule
KernelModule name=1:s parameters=2:*s
OnlineCPUMemRequest wait=1:bo nb_cpus=2:u32 cpu_only=3:bo
ReseedRandomDevRequest data=2:b
GuestDetailsRequest mem_block_size=1:bo mem_hotplug_probe=2:bo
GuestDetailsResponse mem_block_size_bytes=1:u64 agent_details=2:m:AgentDetails
 support_mem_hotplug_probe=3:bo
MemHotplugByProbeRequest memHotplugProbeAddr=1:*u64
SetGuestDateTimeRequest Sec=1:i64 Usec=2:i64
CopyFileRequest path=1:s file_size=2:i64 file_mode=3:u32 dir_mode=4:u32
 uid=5:i32 gid=6:i32 offset=7:i64 data=8:b
OOMEvent container_id=1:s
AddSwapRequest PCIPath=1:*u32
AddSwapPathRequest path=1:s
VolumeStatsRequest volume_guest_path=1:s
VolumeStatsResponse usage=1:*m:VolumeUsage volume_condition=2:m:VolumeCondition
VolumeUsage available=1:u64 total=2:u64 used=3:u64 unit=4:e:Unit
VolumeCondition abnormal=1:bo message=2:s
ResizeVolumeRequest volume_guest_path=1:s size=2:u64
SetPolicyRequest policy=1:s
StringUser uid=1:s gid=2:s additionalGids=3:*s
Device id=1:s type=2:s vm_path=3:s container_path=4:s options=5:*s
Storage driver=1:s driver_options=2:*s source=3:s fstype=4:s options=5:*s
 mount_point=6:s fs_group=7:m:FSGroup shared=8:bo
FSGroup group_id=2:u32 group_change_policy=3:e:FSGroupChangePolicy
SharedMount name=1:s src_ctr=2:s src_path=3:s dst_ctr=4:s dst_path=5:s
AgentDetails version=1:s init_daemon=2:bo device_handlers=3:*s
 storage_handlers=4:*s supports_seccomp=5:bo extra_features=6:*s
types.Interface device=1:s name=2:s IPAddresses=3:*m:types.IPAddress mtu=4:u64
 hwAddr=5:s devicePath=6:s type=7:s raw_flags=8:u32
types.IPAddress family=1:e:IPFamily address=2:s mask=3:s
types.Route dest=1:s gateway=2:s device=3:s source=4:s scope=5:u32
 family=6:e:IPFamily flags=7:u32 mtu=8:u32
types.ARPNeighbor toIPAddress=1:m:types.IPAddress device=2:s lladdr=3:s
 state=4:i32 flags=5:i32
CgroupStats cpu_stats=1:m:CpuStats memory_stats=2:m:MemoryStats
 pids_stats=3:m:PidsStats blkio_stats=4:m:BlkioStats
 hugetlb_stats=5:map:m:HugetlbStats
CpuStats cpu_usage=1:m:CpuUsage throttling_data=2:m:ThrottlingData
CpuUsage total_usage=1:u64 percpu_usage=2:*u64 usage_in_kernelmode=3:u64
 usage_in_usermode=4:u64
ThrottlingData periods=1:u64 throttled_periods=2:u64 throttled_time=3:u64
MemoryStats cache=1:u64 usage=2:m:MemoryData swap_usage=3:m:MemoryData
 kernel_usage=4:m:MemoryData use_hierarchy=5:bo stats=6:map:u64
MemoryData usage=1:u64 max_usage=2:u64 failcnt=3:u64 limit=4:u64
PidsStats current=1:u64 limit=2:u64
BlkioStats io_service_bytes_recursive=1:*m:BlkioStatsEntry
 io_serviced_recursive=2:*m:BlkioStatsEntry
 io_queued_recursive=3:*m:BlkioStatsEntry
 io_service_time_recursive=4:*m:BlkioStatsEntry
 io_wait_time_recursive=5:*m:BlkioStatsEntry
 io_merged_recursive=6:*m:BlkioStatsEntry
 io_time_recursive=7:*m:BlkioStatsEntry sectors_recursive=8:*m:BlkioStatsEntry
BlkioStatsEntry major=1:u64 minor=2:u64 op=3:s value=4:u64
HugetlbStats usage=1:u64 max_usage=2:u64 failcnt=3:u64
NetworkStats name=1:s rx_bytes=2:u64 rx_packets=3:u64 rx_errors=4:u64
 rx_dropped=5:u64 tx_bytes=6:u64 tx_packets=7:u64 tx_errors=8:u64
 tx_dropped=9:u64
CheckRequest service=1:s
HealthCheckResponse status=1:e:ServingStatus
VersionCheckResponse grpc_version=1:s agent_version=2:s
Spec Version=1:s Process=2:m:Process Root=3:m:Root Hostname=4:s
 Mounts=5:*m:Mount Hooks=6:m:Hooks Annotations=7:map:s Linux=8:m:Linux
 Solaris=9:m:Solaris Windows=10:m:Windows
Process Terminal=1:bo ConsoleSize=2:m:Box User=3:m:User Args=4:*s Env=5:*s
 Cwd=6:s Capabilities=7:m:LinuxCapabilities Rlimits=8:*m:POSIXRlimit
 NoNewPrivileges=9:bo ApparmorProfile=10:s OOMScoreAdj=11:i64 SelinuxLabel=12:s
Box Height=1:u32 Width=2:u32
User UID=1:u32 GID=2:u32 AdditionalGids=3:*u32 Username=4:s
LinuxCapabilities Bounding=1:*s Effective=2:*s Inheritable=3:*s Permitted=4:*s
 Ambient=5:*s
POSIXRlimit Type=1:s Hard=2:u64 Soft=3:u64
Mount destination=1:s source=2:s type=3:s options=4:*s
Root Path=1:s Readonly=2:bo
Hooks Prestart=1:*m:Hook Poststart=2:*m:Hook Poststop=3:*m:Hook
 CreateRuntime=4:*m:Hook CreateContainer=5:*m:Hook StartContainer=6:*m:Hook
Hook Path=1:s Args=2:*s Env=3:*s Timeout=4:i64
Linux UIDMappings=1:*m:LinuxIDMapping GIDMappings=2:*m:LinuxIDMapping
 Sysctl=3:map:s Resources=4:m:LinuxResources CgroupsPath=5:s
 Namespaces=6:*m:LinuxNamespace Devices=7:*m:LinuxDevice
 Seccomp=8:m:LinuxSeccomp RootfsPropagation=9:s MaskedPaths=10:*s
 ReadonlyPaths=11:*s MountLabel=12:s IntelRdt=13:m:LinuxIntelRdt
LinuxIDMapping HostID=1:u32 ContainerID=2:u32 Size=3:u32
LinuxNamespace Type=1:s Path=2:s
LinuxDevice Path=1:s Type=2:s Major=3:i64 Minor=4:i64 FileMode=5:u32 UID=6:u32
 GID=7:u32
LinuxResources Devices=1:*m:LinuxDeviceCgroup Memory=2:m:LinuxMemory
 CPU=3:m:LinuxCPU Pids=4:m:LinuxPids BlockIO=5:m:LinuxBlockIO
 HugepageLimits=6:*m:LinuxHugepageLimit Network=7:m:LinuxNetwork
LinuxDeviceCgroup Allow=1:bo Type=2:s Major=3:i64 Minor=4:i64 Access=5:s
LinuxMemory Limit=1:i64 Reservation=2:i64 Swap=3:i64 Kernel=4:i64
 KernelTCP=5:i64 Swappiness=6:u64 DisableOOMKiller=7:bo
LinuxCPU Shares=1:u64 Quota=2:i64 Period=3:u64 RealtimeRuntime=4:i64
 RealtimePeriod=5:u64 Cpus=6:s Mems=7:s
LinuxPids Limit=1:i64
LinuxBlockIO Weight=1:u32 LeafWeight=2:u32 WeightDevice=3:*m:LinuxWeightDevice
 ThrottleReadBpsDevice=4:*m:LinuxThrottleDevice
 ThrottleWriteBpsDevice=5:*m:LinuxThrottleDevice
 ThrottleReadIOPSDevice=6:*m:LinuxThrottleDevice
 ThrottleWriteIOPSDevice=7:*m:LinuxThrottleDevice
LinuxWeightDevice Major=1:i64 Minor=2:i64 Weight=3:u32 LeafWeight=4:u32
LinuxThrottleDevice Major=1:i64 Minor=2:i64 Rate=3:u64
LinuxHugepageLimit Pagesize=1:s Limit=2:u64
LinuxNetwork ClassID=1:u32 Priorities=2:*m:LinuxInterfacePriority
LinuxInterfacePriority Name=1:s Priority=2:u32
LinuxSeccomp DefaultAction=1:s Architectures=2:*s Flags=3:*s
 Syscalls=4:*m:LinuxSyscall
LinuxSyscall Names=1:*s Action=2:s errnoret=3:?u32 Args=4:*m:LinuxSeccompArg
LinuxSeccompArg Index=1:u64 Value=2:u64 ValueTwo=3:u64 Op=4:s
LinuxIntelRdt L3CacheSchema=1:s
Solaris
Windows
"""

ENUMS = {"Unit": {"UNKNOWN": 0, "BYTES": 1, "INODES": 2},
         "FSGroupChangePolicy": {"Always": 0, "OnRootMismatch": 1},
         "IPFamily": {"v4": 0, "v6": 1},
         "ServingStatus": {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2}}

# Of other systems: nothing of theirs is decoded, so nothing is compared.
OPEN = ("Solaris", "Windows")
# Names that a C program or a table of its own needs to be different.
SPELLED = {("Spec", "Linux"): "Linux_"}


class Field:
    """One field of the table."""

    def __init__(self, text):
        self.name, rest = text.split("=")
        number, kind = rest.split(":", 1)
        self.number = int(number)
        self.repeated = kind.startswith("*")
        self.oneof = kind.startswith("?")
        self.kind = kind.lstrip("*?")
        self.map = self.kind.startswith("map:")
        if self.map:
            self.kind, self.repeated = self.kind[4:], True
        self.message = self.enum = None
        if self.kind.startswith("m:"):
            self.message = self.kind[2:]
        elif self.kind.startswith("e:"):
            self.enum = self.kind[2:]

    def is_number(self):
        return not self.message and not self.map and self.kind not in ("s", "b")

    def wire(self):
        return 0 if self.is_number() else 2


def _read_messages():
    messages, words = {}, []
    for line in MESSAGES.strip().split("\n") + ["End"]:
        if line.startswith(" "):
            words += line.split()
            continue
        if words:
            messages[words[0]] = [Field(w) for w in words[1:]]
        words = line.split()
    return messages


def _read_methods(text):
    return {w[0]: (w[1], w[2]) for w in
            (line.split() for line in text.strip().split("\n"))}


messages = _read_messages()
methods = _read_methods(METHODS)
health = _read_methods(HEALTH)
