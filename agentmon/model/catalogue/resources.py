"""
Resources: of the process, of its control group and host, and of each agent.
"""

from __future__ import annotations

from agentmon.model.catalogue.declare import NANOSECONDS, counter, gauge, histogram
from agentmon.model.catalogue.labels import AGENT
from agentmon.model.metric import Across, Label, Metric, Unit

__all__ = [
    "AGENT_CPU",
    "AGENT_MEMORY",
    "AGENT_NETWORK",
    "CGROUP_CPU_LIMIT",
    "CGROUP_MEMORY",
    "CGROUP_MEMORY_LIMIT",
    "CGROUP_OOM",
    "CGROUP_PERIODS",
    "CGROUP_THROTTLED",
    "CGROUP_THROTTLED_PERIODS",
    "EVENT_LOOP_LAG",
    "GC_PAUSE",
    "HOST_CORES",
    "HOST_LOAD",
    "HOST_MEMORY",
    "HOST_NETWORK",
    "METRICS",
    "PROCESS_CPU",
    "PROCESS_FILES",
    "PROCESS_FILES_LIMIT",
    "PROCESS_IO",
    "PROCESS_MEMORY",
    "PROCESS_NETWORK",
    "PROCESS_SWITCHES",
    "PROCESS_THREADS",
    "SAMPLING_CPU",
    "STORAGE_CAPACITY",
    "STORAGE_FREE",
    "STORAGE_USED",
]

_USE = "agent_metrics.resource_utilization."
_SAMPLED = "monitoring_system.data_collection.resource_monitoring"
_CPU = _USE + "cpu_usage"
_MEMORY = _USE + "memory_consumption"
_NETWORK = _USE + "network_bandwidth"
_STORAGE = _USE + "storage_usage"

_DIRECTION = Label("direction", "sent or received.", 2)
_ACCESS = Label("access", "read or written.", 2)
_MODE = Label("mode", "user or system.", 2)
_LOOP = Label("loop", "Name of the event loop.", 50)
_PATH = Label("path", "Name of the declared path.", 50)


def _of_host(name: str, help_text: str, *labels: Label, unit: Unit = Unit.NONE) -> Metric:
    """What all processes of a host or control group see alike."""
    return gauge(name, help_text, labels, _SAMPLED, unit=unit, across=Across.LARGEST)


# ------------------------------------------------------------------ the process

PROCESS_CPU = counter(
    "process_cpu",
    "CPU time of the process.",
    (_MODE,),
    _CPU,
    _SAMPLED,
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
PROCESS_MEMORY = gauge(
    "process_memory",
    "Memory of the process.",
    (Label("memory", "rss, uss (what would be freed if it ended) or swap.", 3),),
    _MEMORY,
    _SAMPLED,
    unit=Unit.BYTES,
)
PROCESS_THREADS = gauge("process_threads", "Threads of the process.", (), _SAMPLED)
PROCESS_FILES = gauge(
    "process_open_files", "File descriptors that the process has open.", (), _SAMPLED
)
PROCESS_FILES_LIMIT = gauge(
    "process_open_files_limit",
    "File descriptors that the process may have open.",
    (),
    _SAMPLED,
)
PROCESS_SWITCHES = counter(
    "process_context_switches",
    "Context switches of the process.",
    (Label("switch", "voluntary or involuntary.", 2),),
    _CPU,
    _SAMPLED,
)
PROCESS_IO = counter(
    "process_io",
    "What the process read from storage and wrote to it.",
    (_ACCESS,),
    _STORAGE,
    _SAMPLED,
    unit=Unit.BYTES,
)
PROCESS_NETWORK = counter(
    "process_network",
    "Bytes that instrumented clients of this process sent and received.",
    (_DIRECTION,),
    _NETWORK,
    _SAMPLED,
    unit=Unit.BYTES,
)
EVENT_LOOP_LAG = histogram(
    "event_loop_lag",
    "Time that the event loop was late to wake a task that was due.",
    (_LOOP,),
    _CPU,
    _SAMPLED,
)
GC_PAUSE = histogram(
    "gc_pause",
    "Time that the garbage collector stopped the program.",
    (Label("generation", "0, 1 or 2.", 3),),
    _MEMORY,
    _SAMPLED,
)
SAMPLING_CPU = counter(
    "sampling_cpu",
    "CPU time that agentmon spent on sampling resources.",
    (),
    _SAMPLED,
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)

# ------------------------------------------------------------------ host and control group

HOST_CORES = _of_host("host_cpu", "Processors of the host.", unit=Unit.CORES)
HOST_LOAD = _of_host("host_load1", "Load of the host, averaged over a minute.")
HOST_MEMORY = _of_host(
    "host_memory",
    "Memory of the host.",
    Label("memory", "total, available, swap_total or swap_used.", 4),
    unit=Unit.BYTES,
)
HOST_NETWORK = counter(
    "host_network",
    "What went through the network interfaces that the process sees, loopback left out; where "
    "several processes share them, each says the same.",
    (_DIRECTION,),
    _NETWORK,
    _SAMPLED,
    unit=Unit.BYTES,
)
CGROUP_CPU_LIMIT = _of_host(
    "cgroup_cpu_limit", "Processors that the control group may use.", unit=Unit.CORES
)
CGROUP_MEMORY_LIMIT = _of_host(
    "cgroup_memory_limit", "Memory that the control group may use.", unit=Unit.BYTES
)
CGROUP_MEMORY = _of_host(
    "cgroup_memory", "Memory that the control group uses, page cache included.", unit=Unit.BYTES
)
CGROUP_PERIODS = _of_host(
    "cgroup_cpu_periods", "Periods in which the control group could run, up to now."
)
CGROUP_THROTTLED_PERIODS = _of_host(
    "cgroup_cpu_throttled_periods", "Periods in which the control group was throttled, up to now."
)
CGROUP_THROTTLED = _of_host(
    "cgroup_cpu_throttled",
    "Time that the control group was throttled, up to now.",
    unit=Unit.SECONDS,
)
CGROUP_OOM = _of_host("cgroup_oom_kills", "Processes of the control group killed for memory.")
STORAGE_USED = gauge(
    "storage_used",
    "Size of what is stored at the path.",
    (_PATH,),
    _STORAGE,
    unit=Unit.BYTES,
    across=Across.LARGEST,
)
STORAGE_FREE = gauge(
    "storage_free",
    "Free space of the file system of the path.",
    (_PATH,),
    _STORAGE,
    unit=Unit.BYTES,
    across=Across.SMALLEST,
)
STORAGE_CAPACITY = gauge(
    "storage_capacity",
    "Size of the file system of the path.",
    (_PATH,),
    _STORAGE,
    unit=Unit.BYTES,
    across=Across.LARGEST,
)

# ------------------------------------------------------------------ agents

_SHARE = Label("share", "self: without what agents within it took; or total.", 2)
AGENT_CPU = counter(
    "agent_cpu",
    "CPU time of the agent.",
    (AGENT, _SHARE),
    _CPU,
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
AGENT_MEMORY = counter(
    "agent_allocated",
    "Memory that was allocated within the agent and not freed when the sampled calls ended, scaled "
    "to all calls.",
    (AGENT,),
    _MEMORY,
    unit=Unit.BYTES,
)
AGENT_NETWORK = counter(
    "agent_network",
    "Bytes that the agent sent and received by instrumented clients.",
    (AGENT, _DIRECTION),
    _NETWORK,
    unit=Unit.BYTES,
)

METRICS = (
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_THREADS,
    PROCESS_FILES,
    PROCESS_FILES_LIMIT,
    PROCESS_SWITCHES,
    PROCESS_IO,
    PROCESS_NETWORK,
    EVENT_LOOP_LAG,
    GC_PAUSE,
    SAMPLING_CPU,
    HOST_CORES,
    HOST_LOAD,
    HOST_MEMORY,
    HOST_NETWORK,
    CGROUP_CPU_LIMIT,
    CGROUP_MEMORY_LIMIT,
    CGROUP_MEMORY,
    CGROUP_PERIODS,
    CGROUP_THROTTLED_PERIODS,
    CGROUP_THROTTLED,
    CGROUP_OOM,
    STORAGE_USED,
    STORAGE_FREE,
    STORAGE_CAPACITY,
    AGENT_CPU,
    AGENT_MEMORY,
    AGENT_NETWORK,
)
