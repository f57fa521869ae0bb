"""The registry is told the time, so an hour of silence is a loop."""

import os
import random
from typing import Any

import pytest

from inspan_collector.liveness import COMPLETED, LOST, RUNNING, Registered, Registration, Registry, Report
from inspan_collector.liveness.registry import FORGET, MAX_AGENTS, MAX_STEP
from inspan_collector.liveness.told import Reported

SILENCE = 60.0


class World:
    """A registry, a clock that sweeps each second, and what was noted."""

    def __init__(self, limit: int = MAX_AGENTS) -> None:
        self.noted: list[tuple[str, str, int]] = []
        self.registry = Registry(SILENCE, self.note, limit)
        self.now = 5000.0
        self.totals: dict[str, list[int]] = {}  # as they were checked last
        self.registry.sweep(self.now)

    def note(self, kind: str, place: str, message: str, *, spans: int = 0) -> None:
        self.noted.append((kind, place, spans))

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + step)
            self.registry.sweep(self.now)

    def register(self, name: str = "a", service: str = "s", **reported: Any) -> Registered:
        agent = self.registry.register(Registration(name, service, 7, Reported(**reported)))
        assert agent is not None
        return agent

    def dropped(self, service: str = "s") -> dict[str, int]:
        return {reason: n for reason, n in self.registry.services.of(service).dropped.items() if n}

    def recorded(self, service: str = "s") -> int:
        return self.registry.services.of(service).recorded


@pytest.fixture
def world() -> World:
    return World()


# Life and silence


def test_an_agent_that_beats_runs_for_ever(world: World) -> None:
    agent = world.register()
    for _ in range(1000):
        world.pass_time(10)
        assert world.registry.beat(b"a", Report())
    assert (agent.state, world.noted) == (RUNNING, [])


def test_a_beat_late_by_less_than_the_silence_changes_nothing(world: World) -> None:
    agent = world.register()
    world.pass_time(10)
    for late in (0.9, 0.1, 0.5):  # wherever between two sweeps it came
        world.now += late
        world.registry.beat(b"a", Report())
        world.pass_time(SILENCE)
        assert agent.state is RUNNING


def test_silence_makes_an_agent_lost_and_a_beat_brings_it_back(world: World) -> None:
    agent = world.register()
    world.pass_time(SILENCE + MAX_STEP + 1)
    assert (agent.state, world.registry.counts()) == (LOST, {"running": 0, "completed": 0, "lost": 1})
    assert world.registry.beat(b"a", Report())
    assert (agent.state, [kind for kind, *_ in world.noted]) == (RUNNING, ["agent_lost", "agent_back"])


@pytest.mark.parametrize("sign", ["post", "register", "beat"])
def test_every_sign_of_life_counts(world: World, sign: str) -> None:
    agent = world.register()
    for _ in range(10):
        world.pass_time(SILENCE - 1)
        if sign == "post":
            assert world.registry.hear(b"a") is agent
        elif sign == "register":
            assert world.register() is agent
        else:
            world.registry.beat(b"a", Report())
    assert agent.state is RUNNING and world.noted == []


def test_silence_is_counted_in_time_that_we_were_awake(world: World) -> None:
    agent = world.register()
    world.pass_time(30)
    world.pass_time(3600, step=3600)  # stopped for an hour
    assert agent.state is RUNNING
    world.pass_time(SILENCE - 30 - MAX_STEP)
    assert agent.state is RUNNING
    world.pass_time(2 * MAX_STEP + 1)
    assert agent.state is LOST


def test_a_machine_where_every_sweep_is_late_loses_agents_later_and_not_never(world: World) -> None:
    agent = world.register()
    world.pass_time(30 * 10, step=10.0)
    assert agent.state is RUNNING
    world.pass_time(2 * 10, step=10.0)
    assert agent.state is LOST


def test_a_lost_agent_is_forgotten_after_ten_minutes(world: World) -> None:
    world.register().recorded = 5
    world.pass_time(SILENCE + FORGET - 1)
    assert len(world.registry) == 1 and world.registry.missing() == {"s": 5} and world.dropped() == {}
    world.pass_time(MAX_STEP + 2)
    assert len(world.registry) == 0 and world.registry.missing() == {"s": 0} and world.dropped() == {"never_arrived": 5}
    assert not world.registry.beat(b"a", Report())


def test_a_completed_agent_is_never_lost(world: World) -> None:
    agent = world.register()
    world.registry.complete(b"a", Report())
    world.pass_time(SILENCE + FORGET + 100)
    assert (agent.state, len(world.registry), world.noted) == (COMPLETED, 1, [])


def test_whoever_is_unknown_is_told_so(world: World) -> None:
    assert world.registry.hear(b"a") is None
    assert not world.registry.beat(b"a", Report()) and not world.registry.complete(b"a", Report())


# Bounds


def fill(world: World, count: int) -> None:
    for number in range(count):
        world.register(f"a{number}")


def test_running_agents_are_never_forgotten() -> None:
    world = World(limit=3)
    fill(world, 3)
    assert world.registry.register(Registration("late")) is None
    assert world.registry.register(Registration("a1")) is not None  # a retry finds itself
    assert world.registry.counts() == {"running": 3, "completed": 0, "lost": 0}


def test_completed_agents_are_forgotten_in_the_order_in_which_they_completed() -> None:
    world = World(limit=3)
    fill(world, 3)
    for name in (b"a2", b"a0"):
        world.registry.complete(name, Report())
    world.register("b0")
    assert world.registry.hear(b"a2") is None and world.registry.hear(b"a0") is not None
    world.register("b1")
    assert world.registry.hear(b"a0") is None and world.registry.hear(b"a1") is not None
    assert world.registry.register(Registration("b2")) is None


def test_lost_agents_are_forgotten_after_the_completed_ones_and_their_spans_with_them() -> None:
    world = World(limit=3)
    fill(world, 2)
    world.registry.beat(b"a0", Report(recorded=4))
    world.pass_time(SILENCE + MAX_STEP + 1)
    world.register("b0")
    world.registry.complete(b"b0", Report())
    world.register("b1")
    assert world.registry.counts() == {"running": 1, "completed": 0, "lost": 2} and world.dropped() == {}
    world.register("b2")
    assert (
        world.registry.counts() == {"running": 2, "completed": 0, "lost": 1} and world.dropped()["never_arrived"] == 4
    )
    world.register("b3")
    assert world.registry.register(Registration("b4")) is None


# Counts


def test_totals_are_the_sum_of_what_grew(world: World) -> None:
    world.register("a"), world.register("b"), world.register("c", service="t")
    for name, recorded in ((b"a", 3), (b"b", 10), (b"a", 7), (b"c", 1)):
        world.registry.beat(name, Report(recorded, queued=2, dropped={"buffer_full": recorded - 1}))
    assert (world.recorded(), world.recorded("t")) == (17, 1)
    assert (world.dropped(), world.dropped("t")) == ({"buffer_full": 15}, {})
    assert world.registry.queued() == {"s": 4, "t": 2}


def test_a_number_that_goes_down_is_ignored(world: World) -> None:
    agent = world.register()
    for recorded, dropped in ((10, 4), (3, 1), (10, 4), (11, 2), (2, 5)):
        before = agent.recorded, agent.dropped.get("exit", 0)
        world.registry.beat(b"a", Report(recorded, 0, {"exit": dropped}))
        most = max(before[0], recorded), max(before[1], dropped)
        assert (world.recorded(), world.dropped()["exit"]) == (agent.recorded, agent.dropped["exit"]) == most


def test_reasons_that_we_do_not_know_are_summed(world: World) -> None:
    world.register()
    world.registry.beat(b"a", Report(9, 0, {"moon": 2, "mars": 3, "never_arrived": 1, "refused": 1}))
    world.registry.beat(b"a", Report(9, 0, {"moon": 4, "mars": 3}))
    assert world.dropped() == {"other": 7, "refused": 1}


def test_what_a_sidecar_of_before_counted_is_not_counted_again(world: World) -> None:
    agent = world.register(recorded=100, accepted=80, dropped={"exit": 5, "odd": 2})
    world.registry.beat(b"a", Report(110, 0, {"exit": 6, "odd": 2}))
    agent.arrived += 9
    world.registry.complete(b"a", Report(115, 0, {"exit": 6, "odd": 2}))
    assert world.recorded() == 15
    assert world.dropped() == {"exit": 1, "never_arrived": 115 - 8 - 80 - 9}


def test_a_second_registration_changes_nothing(world: World) -> None:
    agent = world.register(recorded=10)
    world.registry.beat(b"a", Report(20))
    assert world.register(service="other", recorded=1000, accepted=1000) is agent
    assert (agent.service, agent.recorded, agent.before, world.recorded()) == ("s", 20, 0, 10)


def test_the_first_completion_wins(world: World) -> None:
    agent = world.register()
    agent.arrived = 6
    assert world.registry.complete(b"a", Report(10, 3, {"exit": 1}))
    assert world.registry.complete(b"a", Report(99, 9, {"exit": 50}))
    assert world.registry.beat(b"a", Report(999, 9))
    assert world.register() is agent and agent.state is COMPLETED
    assert (world.recorded(), world.dropped()) == (10, {"exit": 1, "never_arrived": 3})
    assert world.registry.queued() == {"s": 0}


def test_more_arrivals_than_recorded_spans_are_no_loss(world: World) -> None:
    world.register().arrived = 6
    world.registry.complete(b"a", Report(5))
    assert world.dropped() == {}


def test_what_is_missing_of_a_lost_agent_may_still_come(world: World) -> None:
    agent = world.register()
    world.registry.beat(b"a", Report(10, 4, {"exit": 1}))
    agent.arrived = 5
    assert world.registry.queued() == {"s": 4} and world.registry.missing() == {"s": 0}
    world.pass_time(SILENCE + MAX_STEP + 1)
    assert world.registry.queued() == {"s": 0} and world.registry.missing() == {"s": 4}
    assert world.noted == [("agent_lost", "s", 4)] and world.dropped() == {"exit": 1}
    world.registry.hear(b"a")
    agent.arrived += 4
    world.registry.complete(b"a", Report(10, 0, {"exit": 1}))
    assert world.registry.missing() == {"s": 0} and world.dropped() == {"exit": 1}


def test_those_heard_last_come_first(world: World) -> None:
    for name in ("a", "b", "c"):
        world.register(name)
        world.pass_time(3)
    world.registry.hear(b"a")
    assert [agent.id for agent in world.registry.last(2)] == ["a", "c"]
    assert world.registry.silence(world.registry.last(1)[0]) == 0
    world.pass_time(10)
    assert 8 <= world.registry.silence(world.registry.last(1)[0]) <= 10


class Acting:
    """An agent that makes, posts, drops and forgets to say so; what it says is true, if late or twice."""

    def __init__(self, name: str, service: str) -> None:
        self.name, self.service = name, service
        self.recorded = self.queued = self.taken = 0
        self.dropped: dict[str, int] = {}
        self.told: list[Report] = []

    def report(self) -> Report:
        self.told.append(Report(self.recorded, self.queued, dict(self.dropped)))
        return self.told[-1]


@pytest.mark.parametrize("run", range(20))
def test_recorded_spans_are_somewhere_when_all_is_quiet(run: int) -> None:
    seed = int(os.environ.get("INSPAN_SEED", random.randrange(1 << 32))) + run
    print(f"INSPAN_SEED={seed}")
    rng = random.Random(seed)
    world = World(limit=12)
    services = ("s", "t")
    actors: list[Acting] = []
    arrived = dict.fromkeys(services, 0)
    gone: set[str] = set()
    for number in range(400):
        if rng.random() < 0.1 and len(actors) - len(gone) < 10:
            actors.append(Acting(f"n{number}", rng.choice(services)))
            world.register(actors[-1].name, actors[-1].service)
        living = [actor for actor in actors if actor.name not in gone]
        for actor in rng.sample(living, min(3, len(living))):
            act(world, rng, actor, arrived, gone)
        world.pass_time(rng.choice((0, 1, 5, 30)), step=rng.choice((1.0, 1.0, 60.0)))
        check_totals_only_grow(world)
    for actor in actors:  # quiet: everybody says how it is
        if actor.name not in gone and not world.registry.beat(actor.name.encode(), actor.report()):
            gone.add(actor.name)
    if run % 2:
        world.pass_time(SILENCE + MAX_STEP + 1)
    queued, missing = world.registry.queued(), world.registry.missing()
    for service in world.registry.services.known:
        dropped = sum(world.dropped(service).values())
        assert world.recorded(service) == arrived[service] + dropped + queued[service] + missing[service]


def act(world: World, rng: random.Random, actor: Acting, arrived: dict[str, int], gone: set[str]) -> None:
    agent = world.registry.hear(actor.name.encode())
    if agent is None:  # forgotten: it would register anew, and what was in its hands was written off
        gone.add(actor.name)
        return
    made = rng.randrange(20)
    actor.recorded += made
    actor.queued += made
    for reason in ("buffer_full", "exotic"):
        if rng.random() < 0.2:
            lost = rng.randint(0, actor.queued)
            actor.queued -= lost
            actor.dropped[reason] = actor.dropped.get(reason, 0) + lost
    sent = rng.randint(0, actor.queued)
    actor.queued -= sent
    agent.arrived += sent
    arrived[actor.service] += sent
    world.registry.beat(actor.name.encode(), actor.report())  # a death between post and beat is another test's
    if rng.random() < 0.3:
        world.registry.beat(actor.name.encode(), rng.choice(actor.told))
        check_totals_only_grow(world)
        world.registry.beat(actor.name.encode(), actor.told[-1])
    if rng.random() < 0.1:
        world.registry.complete(actor.name.encode(), actor.report())
        gone.add(actor.name)


def check_totals_only_grow(world: World) -> None:
    for name, totals in world.registry.services.known.items():
        now = [totals.recorded, *totals.dropped.values()]
        assert all(new >= was for new, was in zip(now, world.totals.get(name, [0] * len(now)), strict=True))
        world.totals[name] = now


class Kin:
    """Hears whose spans are left, and who is back."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    def orphaned(self, agent: Registered) -> None:
        self.heard.append(("orphaned", agent.id, agent.state))

    def returned(self, agent: Registered) -> None:
        self.heard.append(("returned", agent.id, agent.state))

    def news(self) -> list[tuple[str, str, str]]:
        news, self.heard = self.heard, []
        return news


def bereaved(limit: int = MAX_AGENTS) -> tuple[World, Kin]:
    world, kin = World(limit), Kin()
    world.registry.kin = kin
    return world, kin


def test_spans_of_a_silent_agent_are_left_once_and_again_when_it_falls_silent_again() -> None:
    world, kin = bereaved()
    world.register("a")
    assert kin.news() == [("returned", "a", RUNNING)]
    world.pass_time(SILENCE)
    assert kin.news() == []
    world.pass_time(10 * SILENCE)
    assert kin.news() == [("orphaned", "a", RUNNING)]
    assert world.registry.beat(b"a", Report())
    assert kin.news() == [("returned", "a", LOST)]
    world.pass_time(2 * SILENCE)
    assert kin.news() == [("orphaned", "a", RUNNING)]


def test_what_an_agent_left_open_when_it_completed_is_left_when_it_has_been_silent() -> None:
    world, kin = bereaved()
    world.register("a")
    world.registry.complete(b"a", Report())
    kin.news()
    world.pass_time(SILENCE - 5)
    assert kin.news() == []
    world.pass_time(10)
    assert kin.news() == [("orphaned", "a", COMPLETED)]
    world.pass_time(10 * SILENCE)
    assert kin.news() == []


def test_an_agent_that_is_forgotten_for_want_of_room_leaves_its_spans_then() -> None:
    world, kin = bereaved(limit=1)
    world.register("a")
    world.registry.complete(b"a", Report())
    kin.news()
    world.register("b")
    assert kin.news() == [("orphaned", "a", COMPLETED), ("returned", "b", RUNNING)]


def test_when_an_agent_was_heard_is_told_by_the_sweep_before() -> None:
    world, _ = bereaved()
    agent = world.register("a")
    assert agent.heard == world.now and world.registry.heard() == {"a": world.now}
    world.pass_time(5)
    world.registry.hear(b"a")
    before = world.now
    assert agent.heard == before
    world.pass_time(2 * SILENCE)
    assert agent.heard == before and world.registry.heard() == {}  # lost: nothing new can be said
