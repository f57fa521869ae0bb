"""What the asides may look at: everything, read only."""

import platform
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from inspan import __version__
from inspan_collector.config.destination import shown_url
from inspan_collector.events import Events
from inspan_collector.figures import durations, reception, some
from inspan_collector.histogram import SECONDS
from inspan_collector.ledger import MERGED, Reception
from inspan_collector.liveness import LOST, RUNNING, Registered, Registry
from inspan_collector.memory import Memory
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.intake import Intake
from inspan_collector.pipeline.pipeline import Pipeline
from inspan_collector.queue.upserts import Upserts
from inspan_collector.receiver.patchable import Patchable
from inspan_collector.spool.spool import Spool
from inspan_collector.trail import Trail

AGENTS_SHOWN: Final = 100  # of those heard last: a pod has tens, and more is no page to read


class View(msgspec.Struct, frozen=True):
    """A running service, for those who only read.

    reposted: posts that came again. now: loop time in seconds. began: the same, and seconds since the epoch, when this
    life began. ready: whether the socket takes spans.
    """

    pipelines: Sequence[Pipeline]
    receptions: Sequence[Reception]
    memory: Memory
    events: Events
    intake: Intake
    connections: Callable[[], int]
    spool: Spool | None
    reposted: Callable[[], int]
    now: Callable[[], float]
    registry: Registry
    patchable: Patchable
    began: tuple[float, float]
    ready: Callable[[], bool]

    @property
    def destinations(self) -> list[Destination]:
        """In the order of the configuration."""
        return [pipeline.destination for pipeline in self.pipelines]

    def imbalance(self, recounted: Callable[[], int] | None = None) -> int:
        """Spans by which any book differs from what the stages hold; 0 when all is right.

        recounted: what is known of the destinations, for who must not walk all that waits.
        """
        of_destinations = sum(each.imbalance() for each in self.pipelines) if recounted is None else recounted()
        return of_destinations + sum(reception.imbalance() for reception in self.receptions)

    def ledger(self, recounted: Callable[[], int] | None = None) -> dict[str, Any]:
        """The books as they stand: both laws, with their sums. recounted: see imbalance."""
        return {
            "dialects": {
                book.dialect: {
                    "received": book.received,
                    "accepted": book.accepted,
                    "refused": some(book.refused),
                }
                for book in self.receptions
            },
            "destinations": {d.name: some(d.ledger.snapshot()) for d in self.destinations},
            "imbalance": self.imbalance(recounted),
        } | self._on_disk()

    def _on_disk(self) -> dict[str, Any]:
        """Spans without a fate that are on disk, in memory too or not, and whether the next life finds the volume."""
        if self.spool is None:
            return {}
        spooled = sum(pipeline.safe() for pipeline in self.pipelines)
        lifetime = self.spool.config.lifetime
        return {"spooled": spooled, "at_risk": 0 if lifetime == "persistent" else spooled, "lifetime": lifetime}

    def status(self, recounted: Callable[[], int] | None = None) -> dict[str, Any]:
        """Everything an operator asks for first. Numbers and reasons only. recounted: see imbalance."""
        return {
            "life": self._life(),
            "ledger": self.ledger(recounted),
            "receptions": {book.dialect: reception(book) for book in self.receptions},
            "memory": {"bytes": self.memory.used, "limit_bytes": self.memory.limit},
            "connections": self.connections(),
            "accepted_without_use": self.intake.unkept,
            "reposted": self.reposted(),
            "spool": None if self.spool is None else self._spool(self.spool),
            "destinations": [self._destination(pipeline) for pipeline in self.pipelines],
            "patchable": self._patchable(),
            "agents": self._agents(),
            "events": self.events.sequence,
        }

    def _life(self) -> dict[str, Any]:
        """Of this process. host: in a pod, the pod's name. seconds: by a clock that nobody sets."""
        return {
            "version": __version__,
            "host": platform.node(),
            "ready": self.ready(),
            "began_at": self.began[1],
            "seconds": round(self.now() - self.began[0], 3),
            "duration_bounds": SECONDS,
        }

    def _agents(self) -> dict[str, Any]:
        last = self.registry.last(AGENTS_SHOWN)
        queued, missing = self.registry.queued(), self.registry.missing()
        return {
            "states": self.registry.counts(),
            "services": {
                name: {
                    "recorded": totals.recorded,
                    "dropped": some(totals.dropped),
                    "queued": queued[name],
                    "missing": missing[name],
                }
                for name, totals in self.registry.services.known.items()
            },
            "last": [_agent(each, self.registry.silence(each)) for each in last],
        }

    def _patchable(self) -> dict[str, int]:
        known = self.patchable
        return {
            "open": len(known.open),
            "ended": len(known.ended),
            "bytes": known.bytes,
            "limit_bytes": known.max_bytes,
            "forgotten": known.forgotten,
        }

    def _spool(self, spool: Spool) -> dict[str, Any]:
        return {
            "path": str(spool.config.path),
            "mode": spool.config.mode,
            "lifetime": spool.config.lifetime,
            "trouble": spool.why_not(),
            "bytes": spool.size,
            "limit_bytes": int(spool.config.max_bytes),
            "strangers": {name: total.spans for name, total in spool.strangers.items()},
        }

    def _destination(self, pipeline: Pipeline) -> dict[str, Any]:
        d = pipeline.destination
        oldest = pipeline.oldest()
        now = self.now()
        opened = d.exporter.connections()
        return {
            "name": d.name,
            "kind": d.config.kind,
            "to": str(d.config.path) if d.config.path else shown_url(d.config.url),
            "gate": {
                "state": d.gate.state,
                "reason": d.gate.reason,
                "seconds": round(now - d.gate.since, 3) if d.gate.since else None,
            },
            "queue": {
                "spans": d.queue.held_spans,
                "in_flight_spans": d.ledger.snapshot()["in_flight"],
                "bytes": d.queue.held_bytes,
                "capacity_spans": d.queue.max_spans,
                "capacity_bytes": d.queue.max_bytes,
                "oldest_age_seconds": None if oldest is None else round(now - oldest, 3),
            },
            "slots": {"used": len(pipeline.deliveries), "of": d.config.concurrency},
            "batches": {"sent": sum(d.batch_spans.counts), "spans": int(d.batch_spans.total), "bytes": d.sent_bytes},
            "connections": {"open": opened[0], "opened": opened[1]},
            "upserts": _upserts(d, d.waiting) if isinstance(d.waiting, Upserts) else None,
            "trail": None if d.trail is None else _trail(d.trail.trail, now),
            "durations": {
                "attempt": durations(d.attempt_seconds["delivered"]),
                "delivery": durations(d.delivery_seconds),
            },
            "learned_max_bytes": d.learned_bytes,
            "quarantine": {"spans": d.quarantine.spans, "bytes": d.quarantine.bytes, "evicted": d.quarantine.evicted},
        }


def _agent(agent: Registered, silence: float) -> dict[str, Any]:
    """Of the life of the agent, so that it adds up. accepted: by us, and by sidecars of before as the agent says."""
    return {
        "id": agent.shown,
        "service": agent.service,
        "pid": agent.pid,
        "state": agent.state,
        "silent_seconds": round(silence, 3),
        "recorded": agent.recorded,
        "accepted": agent.before + agent.arrived,
        "dropped": agent.dropped,
        "queued": agent.queued if agent.state is RUNNING else 0,
        "missing": agent.missing if agent.state is LOST else 0,
    }


def _trail(trail: Trail, now: float) -> dict[str, Any]:
    """pruned: entries that were kept once."""
    oldest = trail.oldest()
    return {
        "entries": len(trail.entries),
        "bytes": trail.size,
        "oldest_age_seconds": None if oldest is None else round(now - oldest, 3),
        "pruned": trail.pruned,
    }


def _upserts(d: Destination, waiting: Upserts) -> dict[str, Any]:
    """What merging does. saved: beside an agent that sends the starts of each post, and its ends, by themselves."""
    return {
        "held": waiting.held(),
        "behind": len(waiting.behind),
        "open": {
            "spans": len(waiting.openings.open),
            "to_be_ended": len(waiting.openings.due),
            "unwatched": waiting.openings.unwatched,
        },
        "remembered": 0 if d.prints is None else len(d.prints),
        "deduped": d.deduplicated,
        "saved": {
            "requests": d.joined + waiting.merged_bundles,
            "copies": d.ledger.balances[MERGED],
            "bytes": waiting.merged_bytes,
        },
    }
