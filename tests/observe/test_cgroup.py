"""Control groups, read from trees of files as kernels show them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agentmon.observe.cgroup import ControlGroup, read

V2 = {"cgroup.controllers": "cpu memory"}
NONE = ControlGroup()


def tree(root: Path, files: Mapping[str, str]) -> None:
    """Write files by their paths."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def found(tmp_path: Path, membership: str, files: Mapping[str, str]) -> ControlGroup:
    """What a tree says."""
    tree(tmp_path / "cgroup", files)
    (tmp_path / "membership").write_text(membership)
    return read(tmp_path / "cgroup", tmp_path / "membership")


def test_version_2(tmp_path: Path) -> None:
    """Version 2 says everything in one folder."""
    said = found(
        tmp_path,
        "0::/app\n",
        {
            **V2,
            "app/cpu.max": "50000 100000\n",
            "app/cpu.stat": "usage_usec 1\nnr_periods 5\nnr_throttled 3\nthrottled_usec 1500\n",
            "app/memory.max": "1000\n",
            "app/memory.current": "600\n",
            "app/memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 2\n",
        },
    )
    assert said == ControlGroup(0.5, 1000, 600, 5, 3, 0.0015, 2)


def test_version_1(tmp_path: Path) -> None:
    """Version 1 has a folder for each controller, or for several together."""
    said = found(
        tmp_path,
        "5:memory:/app\n4:cpu,cpuacct:/app\n1:name=systemd:/other\n",
        {
            "cpu,cpuacct/app/cpu.cfs_quota_us": "250000\n",
            "cpu,cpuacct/app/cpu.cfs_period_us": "100000\n",
            "cpu,cpuacct/app/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 2000000000\n",
            "memory/app/memory.limit_in_bytes": "5000\n",
            "memory/app/memory.usage_in_bytes": "4000\n",
            "memory/app/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        },
    )
    assert said == ControlGroup(2.5, 5000, 4000, 9, 4, 2.0, 1)


def test_version_1_without_limits(tmp_path: Path) -> None:
    """Version 1 says by -1, and by a number beyond all memory, that there is no limit."""
    said = found(
        tmp_path,
        "2:memory:/\n1:cpu:/\n",
        {
            "cpu/cpu.cfs_quota_us": "-1\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert said == NONE


def test_version_2_without_limits(tmp_path: Path) -> None:
    """Version 2 says ``max`` where there is no limit."""
    files = {**V2, "cpu.max": "max 100000\n", "memory.max": "max\n"}
    assert found(tmp_path, "0::/\n", files) == NONE


@pytest.mark.parametrize("outer", ["300", "max"])
def test_the_least_limit_around_counts(tmp_path: Path, outer: str) -> None:
    """A group may use no more than those around it, whatever its own limit says."""
    said = found(
        tmp_path,
        "0::/outer/middle/inner\n",
        {
            **V2,
            "outer/memory.max": outer,
            "outer/cpu.max": "400000 100000",
            "outer/middle/memory.max": "500",
            "outer/middle/cpu.max": "100000 100000",
            "outer/middle/inner/memory.max": "max",
            "outer/middle/inner/cpu.max": "max 100000",
            "outer/middle/inner/memory.current": "7",
        },
    )
    assert said.memory_limit == (300 if outer == "300" else 500)
    assert said.cpu_limit == 1.0
    assert said.memory == 7


def test_both_versions_side_by_side(tmp_path: Path) -> None:
    """A controller that version 1 has is asked there, and the others where version 2 is mounted."""
    said = found(
        tmp_path,
        "3:cpu:/app\n1:name=systemd:/\n0::/app\n",
        {
            "cpu/app/cpu.cfs_quota_us": "100000",
            "cpu/app/cpu.cfs_period_us": "50000",
            "unified/cgroup.controllers": "memory",
            "unified/app/memory.max": "900",
            "unified/app/memory.current": "100",
            "unified/app/cpu.max": "1 100000",
        },
    )
    assert said.cpu_limit == 2.0
    assert said.memory_limit == 900
    assert said.memory == 100


@pytest.mark.parametrize("path", ["/docker/0123", "/../../elsewhere"])
def test_the_path_of_the_host_is_not_to_be_seen_in_a_container(tmp_path: Path, path: str) -> None:
    """In a container the group is what is mounted there, whatever the host calls it."""
    said = found(tmp_path, f"0::{path}\n", {**V2, "memory.max": "800", "memory.current": "80"})
    assert said.memory_limit == 800
    assert said.memory == 80


def test_nothing_to_read(tmp_path: Path) -> None:
    """Where there are no control groups nothing is said."""
    assert read(tmp_path / "none", tmp_path / "neither") == NONE


def test_what_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    """A file that holds something else says nothing, and a period of 0 no limit."""
    files = {
        **V2,
        "cpu.max": "100 0",
        "memory.max": "much",
        "memory.current": "",
        "cpu.stat": "nr_periods many\nnr_throttled\n",
    }
    assert found(tmp_path, "rubbish\n0::/\n", files) == NONE
