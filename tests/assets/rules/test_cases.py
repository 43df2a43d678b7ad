"""Alerts on agents, capacity and operations: silent below, firing above, resolved after."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agentmon.assets.rules import agents, capacity, operations
from agentmon.model.objectives import Objectives, Promise
from tests.assets.rules.promtool import PROMTOOLS, Case, Fired, Scenario, check, prove

pytestmark = pytest.mark.servers

_CALLS = 'agentmon_agent_calls_total{agent="a",region="eu",outcome='
_FACTS = {'agentmon_agent_info{agent="a",region="eu",team="support",tier="t"}': "1x300"}
_OWNED = {"agent": "a", "team": "support", "priority": "P3"}
_HERE = {**_OWNED, "region": "eu"}
_HANDOFF = 'agentmon_handoff_ended_total{source="a",target="b",result='
_DAY = 86_400


def _calls(outcome: str, well: int, badly: int) -> dict[str, str]:
    """So many a minute; after an hour, no bad ones any more."""
    return {
        **_FACTS,
        f'{_CALLS}"ok"}}': f"0+{well}x200",
        f'{_CALLS}"{outcome}"}}': f"0+{badly}x60 {60 * badly}x140",
    }


def _scores(what: str, hundredths: int) -> dict[str, str]:
    """A hundred scores a minute of this mean; after an hour, good ones."""
    name = f"agentmon_{what}_score_ratio"
    return {
        **_calls("error", 1, 0),
        f'{name}_count{{agent="a"}}': "0+100x200",
        f'{name}_sum{{agent="a"}}': f"0+{hundredths}x60 {60 * hundredths}+100x140",
    }


def _tail(slow: int) -> dict[str, str]:
    """A hundred calls a minute, some of two to five minutes, for an hour; the rest are quick."""
    name = 'agentmon_agent_duration_seconds_{}{{agent="a",region="eu",outcome="ok"{}}}'
    quick = 100 - slow
    return {
        **_calls("error", 100, 0),
        name.format("bucket", ',le="120.0"'): f"0+{quick}x60 {60 * quick + 100}+100x139",
        name.format("bucket", ',le="300.0"'): "0+100x200",
        name.format("bucket", ',le="+Inf"'): "0+100x200",
        name.format("count", ""): "0+100x200",
    }


def _aged(series: str, days: int) -> tuple[dict[str, str], dict[str, str]]:
    """A moment that is just not so long ago, and one that is, until it is made good."""
    return ({series: f"{60 * 200 - days * _DAY}x200"}, {series: f"{-days * _DAY}x80 6000x120"})


def _slow(slow: int, well: int, badly: int) -> dict[str, str]:
    """An agent of whose 100 calls a minute some are slow, and its dependency for an hour."""
    db = 'agentmon_dependency_calls_total{agent="a",dependency="db",outcome='
    return {
        **_calls("error", 100, 0),
        'agentmon_agent_duration_seconds_bucket{agent="a",region="eu",outcome="ok",le="30.0"}': (
            f"0+{100 - slow}x200"
        ),
        f'{db}"ok"}}': f"0+{well}x200",
        f'{db}"error"}}': f"0+{badly}x60 {60 * badly}x140",
    }


CASES = {
    "AgentmonAgentErrorRate": Case(
        _calls("error", 90, 10),
        _calls("error", 89, 11),
        50,
        110,
        Fired(
            _HERE,
            "Agent a ends in error too often.",
            "11% of the calls within 30 minutes ended in error.",
        ),
    ),
    "AgentmonAgentTimeouts": Case(
        _calls("timeout", 90, 10),
        _calls("timeout", 89, 11),
        50,
        110,
        Fired(
            _HERE,
            "Agent a runs out of time too often.",
            "11% of the calls within 30 minutes ended in timeout.",
        ),
    ),
    "AgentmonAgentP99High": Case(
        _tail(1),
        _tail(2),
        50,
        110,
        Fired(
            _OWNED,
            "The slowest calls of agent a take far too long.",
            "One of a hundred calls within 30 minutes took 3m 30s or longer.",
        ),
    ),
    "AgentmonAgentStuck": Case(
        {
            **_calls("error", 1, 0),
            'agentmon_agent_oldest_in_flight_seconds{agent="a",region="eu"}': "900x200",
        },
        {
            **_calls("error", 1, 0),
            'agentmon_agent_oldest_in_flight_seconds{agent="a",region="eu"}': "901x60 0x140",
        },
        50,
        110,
        Fired(
            _HERE,
            "A call of agent a does not end.",
            "The oldest call has been running for 15m 1s.",
        ),
    ),
    "AgentmonAgentSilent": Case(
        {**_FACTS, f'{_CALLS}"ok"}}': "0+1x30 30x170"},  # idle is not silent
        {**_FACTS, f'{_CALLS}"ok"}}': "0+1x30 _x60 0+1x90"},
        60,
        110,
        Fired(
            _OWNED,
            "Agent a is there no more.",
            "No process tells of agent a, as one did within 6 hours.",
        ),
    ),
    "AgentmonComponentDown": Case(
        {
            'agentmon_component_up{component="db",instance="h:1"}': "0x200",
            'agentmon_component_up{component="db",instance="h:2"}': "1x200",
        },
        {'agentmon_component_up{component="db",instance="h:1"}': "0x60 1x140"},
        50,
        110,
        Fired(
            {"component": "db"},
            "Component db is down.",
            "No process says that component db is up.",
        ),
    ),
    "AgentmonHealthCheckFailing": Case(
        {'agentmon_health_check_up{check="ping",component="db",instance="h:1"}': "1x9 0x4 1x180"},
        {'agentmon_health_check_up{check="ping",component="db",instance="h:1"}': "0x60 1x140"},
        50,
        110,
        Fired(
            {"check": "ping", "component": "db", "instance": "h:1"},
            "Check ping fails on h:1.",
            "Check ping of db fails on h:1.",
        ),
    ),
    "AgentmonRateLimited": Case(
        {'agentmon_dependency_rate_limited_total{dependency="db"}': "0x20 10x180"},
        {'agentmon_dependency_rate_limited_total{dependency="db"}': "0+1x60 60x140"},
        50,
        110,
        Fired(
            {"dependency": "db"},
            "Dependency db refuses calls, as there are too many.",
            "15 calls were refused within 15 minutes.",
        ),
    ),
    "AgentmonDeploymentFailed": Case(
        {
            'agentmon_deployments_total{component="api",environment="prod",'
            'result="succeeded"}': "0+1x200"
        },
        {
            'agentmon_deployments_total{component="api",environment="prod",'
            'result="rolled_back"}': "0x30 1x170"
        },
        50,
        110,
        Fired(
            {"component": "api", "environment": "prod"},
            "A deployment of api to prod failed.",
            "1 deployments failed or were rolled back within one hour.",
        ),
    ),
    "AgentmonBackupOld": Case(
        {
            'agentmon_backup_last_success_timestamp_seconds{backup="db",backup_run="backup"}': (
                f"{60 * 200 - 2 * _DAY}x200"
            )
        },
        {
            'agentmon_backup_last_success_timestamp_seconds{backup="db",backup_run="backup"}': (
                f"{-2 * _DAY}x60 3600x140"
            )
        },
        50,
        110,
        Fired(
            {"backup": "db"},
            "Backup db is too old.",
            "The last one that succeeded is 2d 0h 50m 0s old.",
        ),
    ),
    "AgentmonSecurityCritical": Case(
        {'agentmon_security_findings{scanner="s",subject="app",severity="high"}': "5x200"},
        {
            'agentmon_security_findings{scanner="s",subject="app",severity="critical"}': (
                "0x9 1x50 0x140"
            )
        },
        50,
        110,
        Fired(
            {"scanner": "s", "subject": "app"},
            "s found something critical in app.",
            "1 critical findings are open.",
        ),
    ),
    "AgentmonCertificateExpiring": Case(
        {
            'agentmon_certificate_expiry_timestamp_seconds{certificate="c"}': (
                f"{14 * _DAY + 60 * 200}x200"
            )
        },
        {
            'agentmon_certificate_expiry_timestamp_seconds{certificate="c"}': (
                f"{14 * _DAY}x60 {90 * _DAY}x140"
            )
        },
        50,
        110,
        Fired(
            {"certificate": "c"},
            "Certificate c expires soon.",
            "It is good for 13d 23h 10m 0s more.",
        ),
    ),
    "AgentmonControlNotMet": Case(
        {'agentmon_compliance_control_met{control="c1",framework="soc2"}': "1x200"},
        {'agentmon_compliance_control_met{control="c1",framework="soc2"}': "0x60 1x140"},
        50,
        110,
        Fired(
            {"control": "c1", "framework": "soc2"},
            "Control c1 of soc2 is not met.",
            "Control c1 of soc2 is not met.",
        ),
    ),
    "AgentmonBackupFailed": Case(
        {'agentmon_backups_total{backup="db",backup_run="backup",result="succeeded"}': ("0+1x200")},
        {'agentmon_backups_total{backup="db",backup_run="backup",result="failed"}': "0x30 1x170"},
        50,
        110,
        Fired(
            {"backup": "db", "backup_run": "backup"},
            "Backup db failed (backup).",
            "1 runs failed within one hour.",
        ),
    ),
    "AgentmonAuthenticationsFailing": Case(
        {'agentmon_authentications_failed_total{component="api",reason="password"}': "0x20 10x180"},
        {
            'agentmon_authentications_failed_total{component="api",reason="password"}': (
                "0+1x60 60x140"
            )
        },
        50,
        110,
        Fired(
            {"component": "api"},
            "Many authentications at api fail.",
            "15 failed within 15 minutes.",
        ),
    ),
    "AgentmonRestoreTestOld": Case(
        *_aged(
            'agentmon_backup_last_success_timestamp_seconds{backup="db",backup_run="restore_test"}',
            90,
        ),
        75,
        150,
        Fired(
            {"backup": "db"},
            "It is long since db was restored as a test.",
            "The last test that succeeded is 90d 1h 15m 0s old.",
        ),
    ),
    "AgentmonScanOld": Case(
        *_aged('agentmon_security_scan_timestamp_seconds{scanner="s",subject="app"}', 7),
        75,
        150,
        Fired(
            {"scanner": "s", "subject": "app"},
            "app was not scanned by s for long.",
            "The last scan is 7d 1h 15m 0s old.",
        ),
    ),
    "AgentmonEvidenceOld": Case(
        *_aged('agentmon_compliance_evidence_timestamp_seconds{control="c1",framework="soc2"}', 90),
        75,
        150,
        Fired(
            {"control": "c1", "framework": "soc2"},
            "The evidence for c1 of soc2 is old.",
            "It is 90d 1h 15m 0s old.",
        ),
    ),
    "AgentmonDocumentOld": Case(
        *_aged('agentmon_documentation_updated_timestamp_seconds{document="guide"}', 365),
        75,
        150,
        Fired(
            {"document": "guide"},
            "Document guide was not looked at for long.",
            "It was changed 365d 1h 15m 0s ago.",
        ),
    ),
    "AgentmonDeadLinks": Case(
        {'agentmon_documentation_dead_links{document="guide"}': "0x200"},
        {'agentmon_documentation_dead_links{document="guide"}': "1x90 0x110"},
        80,
        110,
        Fired(
            {"document": "guide"},
            "Document guide has dead links.",
            "1 links lead nowhere.",
        ),
    ),
    "AgentmonQueueFilling": Case(
        {
            'agentmon_queue_depth{queue="q"}': "70x200",
            'agentmon_queue_capacity{queue="q"}': "100x200",
        },
        {
            'agentmon_queue_depth{queue="q"}': "30+1x60 10x140",
            'agentmon_queue_capacity{queue="q"}': "100x200",
        },
        50,
        110,
        Fired(
            {"queue": "q"},
            "Queue q will be full within 4 hours.",
            "80% of it are in use, and it grows.",
        ),
    ),
    "AgentmonStorageFilling": Case(
        {
            'agentmon_storage_free_bytes{instance="h:1",path="/"}': "300x200",
            'agentmon_storage_capacity_bytes{instance="h:1",path="/"}': "1000x200",
        },
        {
            'agentmon_storage_free_bytes{instance="h:1",path="/"}': "350-1x90 900x110",
            'agentmon_storage_capacity_bytes{instance="h:1",path="/"}': "1000x200",
        },
        50,
        110,
        Fired(
            {"instance": "h:1", "path": "/"},
            "/ on h:1 will be full within a day.",
            "30% of it are free, and get less.",
        ),
    ),
    "AgentmonMemoryNearLimit": Case(
        {
            'agentmon_cgroup_memory_bytes{instance="h:1"}': "900x200",
            'agentmon_cgroup_memory_limit_bytes{instance="h:1"}': "1000x200",
        },
        {
            'agentmon_cgroup_memory_bytes{instance="h:1"}': "910x60 100x140",
            'agentmon_cgroup_memory_limit_bytes{instance="h:1"}': "1000x200",
        },
        50,
        110,
        Fired(
            {"instance": "h:1"},
            "h:1 has nearly used up its memory.",
            "91% of what its container may have are in use.",
        ),
    ),
    "AgentmonHandoffsFailing": Case(
        {
            f'{_HANDOFF}"completed"}}': "0+90x200",
            f'{_HANDOFF}"lost"}}': "0+10x200",
        },
        {
            f'{_HANDOFF}"completed"}}': "0+89x200",
            f'{_HANDOFF}"lost"}}': "0+11x60 660x140",
        },
        50,
        110,
        Fired(
            {"source": "a", "target": "b"},
            "Handoffs from a to b fail too often.",
            "11% of those within 30 minutes failed, were rejected or got lost.",
        ),
    ),
    "AgentmonQualityLow": Case(
        _scores("evaluation", 70),
        _scores("evaluation", 69),
        50,
        130,
        Fired(
            _OWNED,
            "Answers of agent a are not good enough.",
            "Their mean score within one hour is 0.69 of 1.",
        ),
    ),
    "AgentmonSatisfactionLow": Case(
        _scores("feedback", 70),
        _scores("feedback", 69),
        50,
        130,
        Fired(
            _OWNED,
            "Users are not content with agent a.",
            "Their mean rating within one hour is 0.69 of 1.",
        ),
    ),
    "AgentmonSlowWithDependency": Case(
        _slow(20, 90, 10),
        _slow(20, 89, 11),
        50,
        110,
        Fired(
            {**_OWNED, "dependency": "db"},
            "Agent a is slow, as db fails.",
            "11% of its calls to db within 30 minutes failed, and there is no more traffic than "
            "usual.",
        ),
    ),
}


@pytest.mark.parametrize("program", PROMTOOLS)
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_above_what_is_allowed_and_only_there(
    program: str, name: str, tmp_path: Path
) -> None:
    """It is silent just below, fires just above, and is over after repair."""
    prove(program, name, CASES[name], tmp_path)


def test_scores_are_held_to_what_is_promised_of_the_agent(tmp_path: Path) -> None:
    """0.85 is too low for an agent of which 0.9 is promised, and enough for another."""
    promised = Objectives(promises={("agent", "a"): Promise(quality=0.9, satisfaction=0.9)})
    for what, name in (("evaluation", "QualityLow"), ("feedback", "SatisfactionLow")):
        fired = dataclasses.replace(
            CASES[f"Agentmon{name}"].fired,
            description=CASES[f"Agentmon{name}"].fired.description.replace("0.69", "0.85"),
        )
        happens = Scenario(_scores(what, 85), {50: [fired]}, objectives=promised)
        check("promtool3", f"Agentmon{name}", happens, tmp_path)
        check("promtool3", f"Agentmon{name}", Scenario(_scores(what, 85), {50: []}), tmp_path)


def test_a_first_deployment_that_fails_is_told_of(tmp_path: Path) -> None:
    """A counter that begins at 1 has grown by 1, for an hour; so has a backup's."""
    for name, series in (
        (
            "DeploymentFailed",
            'deployments_total{component="api",environment="prod",result="failed"',
        ),
        ("BackupFailed", 'backups_total{backup="db",backup_run="backup",result="failed"'),
    ):
        fired = CASES[f"Agentmon{name}"].fired
        happens = Scenario({f"agentmon_{series}}}": "_x30 1x170"}, {50: [fired], 110: []})
        check("promtool3", f"Agentmon{name}", happens, tmp_path)


def test_handoffs_have_the_team_of_the_agent_that_hands_over(tmp_path: Path) -> None:
    """Where it is known; where it is not, the alert comes without."""
    case = CASES["AgentmonHandoffsFailing"]
    owned = dataclasses.replace(
        case.fired, labels={**case.fired.labels, "team": "support", "priority": "P3"}
    )
    happens = Scenario({**case.above, **_calls("error", 1, 0)}, {50: [owned]})
    check("promtool3", "AgentmonHandoffsFailing", happens, tmp_path)


def test_every_alert_of_agents_capacity_and_operations_has_a_case() -> None:
    """One that nobody put to the test may never fire."""
    groups = [*agents.alerts(), *capacity.alerts(), *operations.alerts()]
    assert {rule.name for group in groups for rule in group.rules} == set(CASES)


@pytest.mark.parametrize("other", ["aaa", "zzz"])
@pytest.mark.parametrize("program", PROMTOOLS)
def test_a_silent_agent_has_the_owner_that_was_longest_known(
    program: str, other: str, tmp_path: Path
) -> None:
    """Who is known for some minutes only does not become it, whatever the order of names."""
    facts = dict.fromkeys(_FACTS, "_x5 1x25 stale")
    briefly = {series.replace("support", other): "1x4 stale" for series in _FACTS}
    series = {**facts, **briefly, f'{_CALLS}"ok"}}': "0+1x30 stale"}
    case = CASES["AgentmonAgentSilent"]
    check(program, "AgentmonAgentSilent", Scenario(series, {0: [], 60: [case.fired]}), tmp_path)
