"""The order of events: plan, read, analyse, review, report; and many audits, several at a time."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import agentmon
from examples.audit import analysers, planner, reader, tools, writer
from examples.audit.database import Database
from examples.audit.environment import Environment
from examples.audit.failures import AuditError, NeedsHuman
from examples.audit.findings import Case, Finding
from examples.audit.ledger import Ledger
from examples.audit.model import LocalModel
from examples.audit.packages import Package, installed, providers
from examples.audit.reviewer import Reviewer
from examples.audit.senior import SeniorDesk
from examples.audit.service import LookupService

__all__ = ["PRICES", "Audit", "Audited", "Totals", "audit_for", "run"]

#: Each computes, and so takes turns with the thread that serves the metrics.
THREADS = 2
#: How many packages a requester asks for in one sitting.
TURNS = 20

#: Most files, and largest file in bytes, that each attempt reads.
FILES = {1: 80, 2: 100_000}
BYTES = {1: 150_000, 2: 300_000}

#: What an audit is worth to whoever asked for it, in USD.
VALUE = 20.0

#: What the models and the computing cost; the models are the program's own, so nobody else knows.
PRICES = {
    "version": "audit",
    "models": {
        "extract-1": {"input": "0.20", "cached": "0.02", "output": "0.80"},
        "hash-64": {"input": "0.01"},
    },
    "compute": {"cpu_second": "0.000012"},
}


@dataclass
class Totals:
    """
    What came of the audits.

    Args:
        begun: Audits begun.
        finished: Audits that came to their end.
        failed: Audits that failed, for instance because a package has no sources.
        accepted: Findings that the reviewer accepted.
        reworked: Findings and reports that were sent back.
        escalated: Findings rejected twice.
        waiting: Those of them that a person has to decide.
    """

    begun: int = 0
    finished: int = 0
    failed: int = 0
    accepted: int = 0
    reworked: int = 0
    escalated: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Audited:
    """
    What came of one audit.

    Args:
        task_id: Id of the task that it was.
        accepted: Share of its findings that the reviewer accepted.
    """

    task_id: str
    accepted: float


class Audit:
    """
    One team of agents.

    Args:
        environment: What they work with.
        totals: Where it is counted what came of it.
    """

    def __init__(self, environment: Environment, totals: Totals) -> None:
        self._environment = environment
        self._totals = totals
        self._reviewer = Reviewer()
        self._desk = SeniorDesk(environment)

    def close(self) -> None:
        """Wait for the senior agent."""
        self._desk.close()

    @agentmon.workflow("audit")
    async def run(self) -> Audited:
        """
        Audit one package: a task, within which each finding and the report are tasks again.

        Raises:
            NoSources: If there is nothing to read in it.
        """
        async with agentmon.task("audit", value=VALUE) as task:
            package = await self.plan()
            case = await self.read(Case(package, (), audit=task.id))
            findings = await self.analyse(case)
            accepted = [
                await self.review(case, module.NAME, module.analyse, finding)
                for module, finding in zip(analysers.ALL, findings, strict=True)
            ]
            if package.documentation:
                await self.report(case)
            if all(accepted):
                agentmon.business_event("no_person_needed")
            return Audited(task.id, sum(accepted) / len(accepted))

    @agentmon.step("plan")
    async def plan(self) -> Package:
        """Choose a package."""
        return await asyncio.to_thread(planner.choose, self._environment)

    @agentmon.step("read")
    async def read(self, case: Case) -> Case:
        """Read what this attempt can afford; a later attempt reads what the earlier left out."""
        environment = self._environment
        sources = await environment.in_thread(tools.list_sources, case.package)
        known = await environment.in_thread(
            tools.query_database,
            environment,
            "SELECT path FROM module WHERE package = ? AND problem IS NULL",
            case.package.name,
        )
        done = {path for (path,) in known} if case.attempt > 1 else set()
        wanted = [path for path in sources if str(path) not in done][: FILES[case.attempt]]
        limit = BYTES[case.attempt]
        async with aclosing(reader.read(environment, case.package, wanted, limit)) as reading:
            async for _ in reading:
                pass
        return replace(case, sources=tuple(sources))

    @agentmon.step("analyse")
    async def analyse(self, case: Case) -> list[Finding | BaseException]:
        """All analysers at once; what one of them raises becomes its result."""
        findings: list[Finding | BaseException] = await agentmon.gather(
            *(self._find(case, module.NAME, module.analyse) for module in analysers.ALL),
            name="analyses",
            return_exceptions=True,
        )
        return findings

    @agentmon.step("review")
    async def review(
        self,
        case: Case,
        analyser: str,
        analyse: Callable[[Environment, Case], Coroutine[Any, Any, Finding]],
        finding: Finding | BaseException,
    ) -> bool:
        """Have a finding checked; when rejected, done again; when rejected again, escalated."""
        decision, summary = "accepted", await self._check(case, analyser, finding)
        if summary is None:
            self._totals.reworked += 1
            decision, summary = "reworked", await self.rework(case, analyser, analyse)
        if summary is None:
            self._totals.escalated += 1
            decision, summary = "escalated", await self.escalate(case, analyser)
        self._totals.accepted += decision != "escalated"
        await self._environment.in_thread(
            tools.store_finding, self._environment, case.package, analyser, decision, summary
        )
        return decision != "escalated"

    @agentmon.step("rework")
    async def rework(
        self,
        case: Case,
        analyser: str,
        analyse: Callable[[Environment, Case], Coroutine[Any, Any, Finding]],
    ) -> str | None:
        """Read more, analyse again, check again; None if that was not enough."""
        again = await self.read(replace(case, attempt=2))
        try:
            finding: Finding | BaseException = await self._find(again, analyser, analyse)
        except (AuditError, asyncio.TimeoutError) as error:
            finding = error
        return await self._check(case, analyser, finding)

    @agentmon.step("escalate")
    async def escalate(self, case: Case, analyser: str) -> str:
        """Have the senior agent decide, or put the case down for a person."""
        asked = agentmon.escalation(level="senior", reason=f"{analyser} rejected twice")
        try:
            async with asked:
                ruling = await asyncio.wrap_future(self._desk.hand_over(case, analyser))
        except NeedsHuman as question:
            self._totals.waiting += 1
            agentmon.escalation_verdict(asked.id, appropriate=False)
            return f"waits for a person: {question}"
        agentmon.escalation_verdict(asked.id, appropriate=True)
        return ruling

    @agentmon.step("report")
    async def report(self, case: Case) -> None:
        """Describe the package; a description that misses the point is written again, longer."""
        environment, package = self._environment, case.package
        for max_tokens in (40, 120, 360):
            async with agentmon.task("report", id=f"{case.audit}/report", agent="writer") as task:
                text = await environment.in_thread(writer.compose, environment, package, max_tokens)
            review = await environment.in_thread(self._reviewer.compare, environment, package, text)
            if review.accepted:
                break
            self._totals.reworked += 1
            agentmon.rework(task, reason="rejected")

    async def _find(
        self,
        case: Case,
        analyser: str,
        analyse: Callable[[Environment, Case], Coroutine[Any, Any, Finding]],
    ) -> Finding:
        """One finding is one task; done again, it is the same one."""
        async with agentmon.task("finding", id=f"{case.audit}/{analyser}", agent=analyser):
            return await analyse(self._environment, case)

    async def _check(
        self, case: Case, analyser: str, finding: Finding | BaseException
    ) -> str | None:
        """The summary of a finding that passes review; None for one that does not."""
        if isinstance(finding, (AuditError, asyncio.TimeoutError)):
            return None
        if isinstance(finding, BaseException):
            raise finding
        review = await self._environment.in_thread(self._reviewer.check, finding)
        agentmon.score("accepted", float(review.accepted), evaluator="reviewer", agent=analyser)
        agentmon.score("coverage", finding.coverage, evaluator="reviewer", agent=analyser)
        family = case.package.name.partition("-")[0].partition(":")[0]
        agentmon.consistency(
            (analyser, family), score=finding.coverage, dimension="coverage", agent=analyser
        )
        return finding.summary if review.accepted else None


def run(
    *,
    seconds: float | None = None,
    packages: int | None = None,
    only: Sequence[str] | None = None,
    concurrency: int = 3,
    ledger: Ledger | None = None,
) -> Totals:
    """
    Audit until a limit is reached, and leave nothing running.

    It calls neither ``agentmon.configure`` nor ``agentmon.shutdown``; that is the caller's.

    Args:
        seconds: For how long; what is under way then is cancelled.
        packages: How many audits to make.
        only: Names of the packages to choose from; all of them by default.
        concurrency: Audits under way at a time.
        ledger: Counts every call by itself, where a test wants to compare.

    Returns:
        What came of it.
    """
    totals = Totals()
    with ledger.watching() if ledger else nullcontext():
        asyncio.run(
            audit_for(
                totals, seconds=seconds, packages=packages, only=only, concurrency=concurrency
            )
        )
    return totals


async def audit_for(
    totals: Totals,
    *,
    seconds: float | None = None,
    packages: int | None = None,
    only: Sequence[str] | None = None,
    concurrency: int = 3,
) -> None:
    """Audit until a limit is reached or this is cancelled; see `run`."""
    working = asyncio.ensure_future(
        _audit_continuously(totals, packages=packages, only=only, concurrency=concurrency)
    )
    try:
        await asyncio.wait({working}, timeout=seconds)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    if not working.cancelled():
        working.result()


async def _audit_continuously(
    totals: Totals,
    *,
    packages: int | None,
    only: Sequence[str] | None,
    concurrency: int,
) -> None:
    """Audit package after package, several at a time."""

    async def work(audit: Audit, requester: int) -> None:
        while packages is None or totals.begun < packages:
            async with agentmon.session(user=f"requester {requester}") as session:
                for _ in range(TURNS):
                    if packages is not None and totals.begun >= packages:
                        break
                    totals.begun += 1
                    try:
                        async with session.turn():
                            audited = await audit.run()
                        totals.finished += 1
                        agentmon.feedback(stars=1 + 4 * audited.accepted, task=audited.task_id)
                    except AuditError:
                        totals.failed += 1

    agentmon.capacity("planner", concurrency)
    async with _opened(only, totals) as audit:
        workers = [asyncio.ensure_future(work(audit, n)) for n in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


def _check_health(stack: AsyncExitStack, database: Database, service: LookupService) -> None:
    """Ask both dependencies now and then whether they answer, while they are meant to."""

    @agentmon.health_check("audit-db", interval=5)
    def database_answers() -> bool:
        return database.query("SELECT count(*) FROM licence")[0][0] > 0

    @agentmon.health_check("lookups", interval=5)
    def service_answers() -> bool:
        connection = HTTPConnection("127.0.0.1", service.port, timeout=5)
        try:
            connection.request("GET", "/licence/MIT")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    for name in ("audit-db", "lookups"):
        stack.callback(agentmon.remove_health_check, name)


@asynccontextmanager
async def _opened(only: Sequence[str] | None, totals: Totals) -> AsyncIterator[Audit]:
    """A team with all its dependencies, which are closed in the opposite order."""
    chosen = [each for each in installed() if only is None or each.name in only]
    # Large and small ones mixed, in the same order every time.
    chosen.sort(key=lambda each: hashlib.sha256(each.name.encode()).digest())
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="audit-"))
        database = Database(Path(folder) / "audit.sqlite")
        stack.callback(database.close)
        database.register(chosen)
        service = LookupService(database)
        stack.callback(service.close)
        _check_health(stack, database, service)
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="audit")
        stack.callback(pool.shutdown, cancel_futures=True)
        environment = Environment(
            packages={each.name: each for each in chosen},
            providers=providers(),
            database=database,
            service=service,
            model=LocalModel(),
            threads=agentmon.carrying(agentmon.limit(pool, name="audit threads")),
        )
        audit = Audit(environment, totals)
        stack.callback(audit.close)
        yield audit
