"""The root: builds every stage from the configuration, starts downstream first and stops upstream first."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import Final, cast

from inspan_collector.admin import Admin
from inspan_collector.config.cgroup import memory_limit, read_cgroup_limit
from inspan_collector.config.model import Config, DestinationConfig, orphan_after
from inspan_collector.control import Control
from inspan_collector.events import Events
from inspan_collector.exporters.agentex import AgentexExporter
from inspan_collector.exporters.file import FileExporter
from inspan_collector.exporters.otlp import otlp_exporter
from inspan_collector.exporters.sgp import sgp_exporter
from inspan_collector.hosts import Hosts, is_loopback
from inspan_collector.keeping import Keeping
from inspan_collector.liveness import SWEEP, Registry
from inspan_collector.memory import Memory
from inspan_collector.orphans import Orphans
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.exporter import Exporter
from inspan_collector.pipeline.intake import Intake
from inspan_collector.pipeline.portions import portion
from inspan_collector.queue.upserts import Upserts
from inspan_collector.receiver.connections import Connections
from inspan_collector.receiver.connections import Limits as ConnectionLimits
from inspan_collector.receiver.dialects import NAMES
from inspan_collector.receiver.door import ACK_TIMEOUT, Door
from inspan_collector.receiver.door import Limits as DoorLimits
from inspan_collector.receiver.http1 import Connection
from inspan_collector.receiver.listener import listen_tcp, listen_unix
from inspan_collector.stopping import Stop, first
from inspan_collector.tap import Streams, Tapped, Taps
from inspan_collector.termination import Termination
from inspan_collector.tracing import Tracing
from inspan_collector.trim import trim, trim_when_idle
from inspan_collector.view import View

IN_HAND: Final = 2.0  # s for requests in hand when listening stops; agents are local and send at once
PARTING: Final = 0.1  # s for the last answers to leave
STUCK: Final = 10.0  # s after the deadline at which a drain that has not ended shows in /livez

log = logging.getLogger("inspan")


def make_exporter(config: DestinationConfig) -> Exporter:
    """The exporter of a destination's kind."""
    match config.kind:
        case "otlp":
            return otlp_exporter(config)
        case "sgp":
            return sgp_exporter(config)
        case "agentex":
            return AgentexExporter(config)
        case "file":
            return FileExporter(config)


class Service:
    """One sidecar, from configuration to closing ledger. Must be made on the running loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.loop = asyncio.get_running_loop()
        self.events = Events()
        self.stuck_at: float | None = None
        self.running: list[asyncio.Task[None]] = []
        self.ready = False
        self.hosts = Hosts(config.admin.allow_hosts)
        self.keeping = Keeping(config, self.events, NAMES)
        self._build_pipelines()
        self.registry = Registry(orphan_after(config.destinations), self.events.note)
        self.orphans = self._build_orphans()
        self.door = self._build_door()
        self.connections = Connections(self._connection_limits(), self.door, self.loop)
        self.view = View(
            pipelines=self.pipelines,
            receptions=list(self.door.receptions.values()),
            memory=self.memory,
            events=self.events,
            intake=self.intake,
            connections=lambda: len(self.connections),
            now=self.loop.time,
            spool=self.keeping.spool,
            reposted=lambda: self.door.posts.reposted,
            registry=self.registry,
            patchable=self.door.singles.patchable,
            began=(self.loop.time(), time.time()),
            ready=lambda: self.ready,
        )
        self.termination = Termination(config.drain.termination_message, self.view.ledger, self.events)
        self.control = Control(
            lambda: {each.name: each.quarantine for each in self.view.destinations},
            self.keeping.door(),
            Tracing(
                lambda: {each.name: each.trail.trail for each in self.view.destinations if each.trail}, self.loop.time
            ),
            Streams(Taps(cast(Tapped, self.door), self.loop.time, time.time)),
        )
        self.admin = Admin(self.view, ready=lambda: self.ready, stuck=self._stuck)

    def __repr__(self) -> str:
        return f"<Service {self.pipelines!r}>"

    async def run(self, stop: Stop) -> None:
        """Serve until `stop`, then drain. Raises StartError or ConfigError where it cannot start."""
        async with contextlib.AsyncExitStack() as stack:
            for pipeline in self.pipelines:
                await pipeline.destination.exporter.open()
                stack.push_async_callback(pipeline.destination.exporter.close)
            running = self.running = [asyncio.create_task(pipeline.run()) for pipeline in self.pipelines]
            stack.push_async_callback(self._end, running)
            stack.push_async_callback(self.keeping.close)
            if self.config.admin.listen is not None:
                await self.admin.start(self.config.admin.listen, self.hosts)
                stack.push_async_callback(self.admin.stop)
            trim()  # of what the imports and the configuration took
            listeners = await stack.enter_async_context(self._listening())
            await self.keeping.begin(list(self.door.receptions.values()), self.door.posts.remember)
            for beside in (trim_when_idle(self.memory), self._sweep_agents()):
                stack.callback(asyncio.create_task(beside).cancel)
            self.door.draining = False
            self.ready = True
            self._say_ready()
            await stop.drain.wait()
            await self._drain(stop, listeners, running)
        self._close_books()

    def _say_ready(self) -> None:
        where = {"socket": str(self.config.socket.path)}
        if self.config.admin.listen is not None:
            where["admin"] = f"http://{self.config.admin.listen.rpartition(':')[0]}:{self.admin.port()}"  # 0 became one
        log.info("ready", extra={"kind": "ready", **where})
        for each in self.config.destinations:
            if each.tls.insecure_skip_verify:
                message = "tls.insecure_skip_verify is set: whoever answers there gets the spans and the credentials"
                self.events.record("insecure", each.name, message)

    # Stopping, in the order in which it happens

    async def _drain(self, stop: Stop, listeners: contextlib.AsyncExitStack, running: list[asyncio.Task[None]]) -> None:
        deadline = self.loop.time() + self.config.drain.deadline
        self.stuck_at = deadline + STUCK
        log.info("draining", extra={"kind": "draining", "seconds": float(self.config.drain.deadline)})
        receipts = asyncio.create_task(self.termination.keep_writing())
        # First of all: nobody has to give us more than a moment.
        self.keeping.write_all()
        # Apps may still be flushing: not ready any more, but taking spans.
        self.ready = False
        await first(stop.now.wait(), timeout=self.config.drain.linger)
        await listeners.aclose()
        self.door.draining = True
        await self._finish_in_hand(stop, deadline)
        self.keeping.write_all()
        await self.keeping.written(deadline)
        for pipeline in self.pipelines:
            pipeline.drain()
        empty = asyncio.gather(*running, return_exceptions=True)
        await first(stop.now.wait(), asyncio.shield(empty), timeout=deadline - self.loop.time())
        for pipeline in self.pipelines:
            pipeline.abandon()
        await empty
        receipts.cancel()

    async def _finish_in_hand(self, stop: Stop, deadline: float) -> None:
        """Finish the requests that have begun, for so long as nobody is in a hurry. deadline: loop time in seconds."""
        patience = min(IN_HAND, deadline - self.loop.time())
        finishing = asyncio.create_task(self.connections.close(patience))
        await first(stop.now.wait(), asyncio.shield(finishing), timeout=patience)
        self.door.waits.give_up()  # those who wait for the disk are told what we hold
        await self.connections.close(PARTING)
        await finishing

    async def _end(self, running: list[asyncio.Task[None]]) -> None:
        """Also where the start failed half way: nothing is held then."""
        for pipeline in self.pipelines:
            pipeline.abandon()
        for error in await asyncio.gather(*running, return_exceptions=True):
            if error is not None:
                log.error("a defect of inspan, please report it: a batcher failed", exc_info=error)

    def _close_books(self) -> None:
        self.termination.write()
        self.events.flush()
        log.info("closed", extra={"kind": "closed", "ledger": self.view.ledger()})

    def _stuck(self) -> str | None:
        if self.stuck_at is None and any(task.done() for task in self.running):
            return "a batcher has failed: spans of its destination are stuck"
        if self.stuck_at is not None and self.loop.time() > self.stuck_at:
            return "the drain has not ended at its deadline"
        return None

    # Starting

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[contextlib.AsyncExitStack]:
        """Everything that listens, in a stack that can be closed before this context ends."""
        async with contextlib.AsyncExitStack() as listeners:
            await listeners.enter_async_context(listen_unix(self.config.socket, self._connection))
            await listeners.enter_async_context(self.control.listening(self.config.socket.control))
            if self.config.listen is not None:
                await listeners.enter_async_context(listen_tcp(self.config.listen, self._connection))
            yield listeners

    def _build_pipelines(self) -> None:
        portions = portion(memory_limit(self.config, read_cgroup_limit()), self.config.destinations)
        self.memory = Memory(portions.custody, portions.working)
        self.pipelines = [
            self.keeping.pipeline(
                Destination(
                    config,
                    make_exporter(config),
                    bounds,
                    memory=self.memory,
                    events=self.events,
                    crowded=self._crowded,
                    clock=self.loop.time,
                    journal=self.keeping.journal(config.name),
                )
            )
            for config, bounds in zip(self.config.destinations, portions.destinations, strict=True)
        ]
        self.intake = Intake(
            [pipeline.destination for pipeline in self.pipelines], self.memory, self.loop.time, self.keeping.remember
        )

    def _largest_request(self) -> int:
        """Bytes. What could never be held is too large, however large requests may be: a 429 would be sent for ever."""
        most = max(pipeline.destination.queue.max_bytes for pipeline in self.pipelines)
        return min(int(self.config.limits.max_request_bytes), self.memory.custody_limit, most)

    def _build_door(self) -> Door:
        limits = self.config.limits
        return Door(
            self.intake.offer,
            self.memory,
            DoorLimits(self._largest_request(), int(limits.max_span_bytes)),
            takes=self.intake.formats(),
            accounts=[each.account_id for each in self.config.destinations if each.account_id is not None],
            fill=self.intake.fill,
            note=self.events.note,
            durable=self.keeping.why_not,
            ack_timeout=ACK_TIMEOUT if self.config.spool is None else self.config.spool.ack_timeout,
            registry=self.registry,
            hosts=self.hosts if self.config.listen and is_loopback(self.config.listen.host) else None,
        )

    def _connection(self) -> Connection:
        return Connection(self.connections, self.door, self.memory)

    def _connection_limits(self) -> ConnectionLimits:
        limits = self.config.limits
        allowed = self.config.socket.allow_uids
        return ConnectionLimits(
            max_request_bytes=self._largest_request(),
            max_connections=limits.max_connections,
            idle_timeout=limits.idle_timeout,
            header_timeout=limits.header_timeout,
            body_timeout=limits.body_timeout,
            allow_uids=None if allowed is None else frozenset(allowed),
        )

    def _crowded(self) -> bool:
        return self.connections.agents.crowded()

    def _build_orphans(self) -> Orphans:
        updated = {
            each.destination.name: each for each in self.pipelines if isinstance(each.destination.waiting, Upserts)
        }
        openings = {name: cast(Upserts, each.destination.waiting).openings for name, each in updated.items()}
        orphans = Orphans(self.registry, openings, lambda name: updated[name].wake(), self.events, self.keeping.wall)
        self.keeping.beginning = lambda: orphans.begin(self.keeping.path)
        return orphans

    async def _sweep_agents(self) -> None:
        while True:
            self.registry.sweep(self.loop.time())
            self.orphans.sweep()
            await asyncio.sleep(SWEEP)
