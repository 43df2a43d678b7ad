"""
Views of resources: of processes, hosts, control groups and agents.
"""

from __future__ import annotations

from typing import Final

from agentmon.model.catalogue import resources as r
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

_USE: Final = "agent_metrics.resource_utilization."
_SAMPLED: Final = "monitoring_system.data_collection.resource_monitoring"
_HEALTH: Final = "health_monitoring.performance_health.resource_utilization_health"
_INSTANCE: Final = ("instance",)

VIEWS: Final = (
    View(
        "process-cpu",
        "CPU",
        "How much CPU does each process use?",
        Measure.CORES,
        _INSTANCE,
        lambda ask: ask.rate(r.PROCESS_CPU, _INSTANCE),
        better="less",
        serves=(_USE + "cpu_usage", _SAMPLED, _HEALTH),
    ),
    View(
        "agent-cpu",
        "CPU by agent",
        "How much CPU does each agent use itself?",
        Measure.CORES,
        ("agent",),
        lambda ask: ask.rate(r.AGENT_CPU, ("agent",), {"share": "self"}),
        better="less",
        serves=(_USE + "cpu_usage",),
    ),
    View(
        "process-memory",
        "Memory",
        "How much memory does each process take?",
        Measure.BYTES,
        ("instance", "memory"),
        lambda ask: ask.now(r.PROCESS_MEMORY, ("instance", "memory")),
        better="less",
        serves=(_USE + "memory_consumption", _SAMPLED),
    ),
    View(
        "agent-memory",
        "Allocated by agent",
        "How fast does the memory grow that each agent allocates and keeps?",
        Measure.BYTES_PER_SECOND,
        ("agent",),
        lambda ask: ask.rate(r.AGENT_MEMORY, ("agent",)),
        better="less",
        serves=(_USE + "memory_consumption",),
    ),
    View(
        "process-network",
        "Network of instrumented clients",
        "How much do instrumented clients send and receive?",
        Measure.BYTES_PER_SECOND,
        ("instance", "direction"),
        lambda ask: ask.rate(r.PROCESS_NETWORK, ("instance", "direction")),
        serves=(_USE + "network_bandwidth", _SAMPLED),
    ),
    View(
        "host-network",
        "Network",
        "How much goes through the network of each host?",
        Measure.BYTES_PER_SECOND,
        ("instance", "direction"),
        lambda ask: ask.rate(r.HOST_NETWORK, ("instance", "direction")),
        serves=(_USE + "network_bandwidth", _SAMPLED),
    ),
    View(
        "agent-network",
        "Network by agent",
        "How much does each agent send and receive?",
        Measure.BYTES_PER_SECOND,
        ("agent", "direction"),
        lambda ask: ask.rate(r.AGENT_NETWORK, ("agent", "direction")),
        serves=(_USE + "network_bandwidth",),
    ),
    View(
        "process-io",
        "Storage read and written",
        "How much does each process read from storage and write to it?",
        Measure.BYTES_PER_SECOND,
        ("instance", "access"),
        lambda ask: ask.rate(r.PROCESS_IO, ("instance", "access")),
        serves=(_USE + "storage_usage", _SAMPLED),
    ),
    View(
        "storage-used",
        "Size of declared paths",
        "How much is stored at each declared path?",
        Measure.BYTES,
        ("path",),
        lambda ask: ask.largest(r.STORAGE_USED, ("path",)),
        better="less",
        serves=(_USE + "storage_usage",),
    ),
    View(
        "storage-free",
        "Free space",
        "How much of the file system of each declared path is free?",
        Measure.RATIO,
        ("path",),
        lambda ask: (
            ask.smallest(r.STORAGE_FREE, ("path",))
            / (ask.smallest(r.STORAGE_CAPACITY, ("path",)) > 0)
        ),
        better="more",
        serves=(_USE + "storage_usage",),
    ),
    View(
        "threads",
        "Threads",
        "How many threads does each process have?",
        Measure.COUNT,
        _INSTANCE,
        lambda ask: ask.now(r.PROCESS_THREADS, _INSTANCE),
        serves=(_SAMPLED,),
    ),
    View(
        "open-files",
        "Open files",
        "What share of the file descriptors that it may have does each process use?",
        Measure.RATIO,
        _INSTANCE,
        lambda ask: (
            ask.now(r.PROCESS_FILES, _INSTANCE) / (ask.now(r.PROCESS_FILES_LIMIT, _INSTANCE) > 0)
        ),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "context-switches",
        "Context switches",
        "How often is each process interrupted, or does it wait?",
        Measure.PER_SECOND,
        ("instance", "switch"),
        lambda ask: ask.rate(r.PROCESS_SWITCHES, ("instance", "switch")),
        serves=(_SAMPLED,),
    ),
    View(
        "event-loop-lag",
        "Event loop lag, p99",
        "How late do event loops wake their tasks, at most in 99 % of the cases?",
        Measure.SECONDS,
        ("loop",),
        lambda ask: ask.quantile(0.99, r.EVENT_LOOP_LAG, ("loop",)),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "gc-time",
        "Time in the garbage collector",
        "What share of the time does the garbage collector stop each process?",
        Measure.RATIO,
        _INSTANCE,
        lambda ask: ask.total_time(r.GC_PAUSE, _INSTANCE),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "sampling-cost",
        "Cost of sampling",
        "How much CPU does agentmon itself use to sample resources?",
        Measure.CORES,
        _INSTANCE,
        lambda ask: ask.rate(r.SAMPLING_CPU, _INSTANCE),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "host-load",
        "Load of the host",
        "How many processes want a processor, for each one there is?",
        Measure.RATIO,
        _INSTANCE,
        lambda ask: (
            ask.largest(r.HOST_LOAD, _INSTANCE) / (ask.largest(r.HOST_CORES, _INSTANCE) > 0)
        ),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "host-memory",
        "Memory of the host",
        "How much memory does each host have, and how much is left?",
        Measure.BYTES,
        ("instance", "memory"),
        lambda ask: ask.largest(r.HOST_MEMORY, ("instance", "memory")),
        serves=(_SAMPLED,),
    ),
    View(
        "cgroup-memory",
        "Memory of the control group",
        "What share of the memory that it may use does each control group use?",
        Measure.RATIO,
        _INSTANCE,
        lambda ask: (
            ask.largest(r.CGROUP_MEMORY, _INSTANCE)
            / (ask.largest(r.CGROUP_MEMORY_LIMIT, _INSTANCE) > 0)
        ),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "cgroup-cpu-limit",
        "Processors allowed",
        "How many processors may each control group use?",
        Measure.CORES,
        _INSTANCE,
        lambda ask: ask.largest(r.CGROUP_CPU_LIMIT, _INSTANCE),
        serves=(_SAMPLED,),
    ),
    View(
        "throttled",
        "Throttled",
        "What share of its periods is each control group throttled in?",
        Measure.RATIO,
        _INSTANCE,
        lambda ask: (
            ask.growth(r.CGROUP_THROTTLED_PERIODS, _INSTANCE)
            / (ask.growth(r.CGROUP_PERIODS, _INSTANCE) > 0)
        ),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "throttled-time",
        "Time throttled",
        "How long was each control group throttled?",
        Measure.SECONDS,
        _INSTANCE,
        lambda ask: ask.growth(r.CGROUP_THROTTLED, _INSTANCE),
        better="less",
        serves=(_SAMPLED,),
    ),
    View(
        "oom-kills",
        "Killed for memory",
        "How many processes of each control group were killed for memory?",
        Measure.COUNT,
        _INSTANCE,
        lambda ask: ask.growth(r.CGROUP_OOM, _INSTANCE),
        better="less",
        serves=(_SAMPLED,),
    ),
)
