"""Working memory: first come, first served, never over its bound."""

import asyncio

from tests.virtual_time import run

from inspan_collector.memory import Memory
from inspan_collector.pipeline.room import Room


async def hold(room: Room, size: int, seconds: float, order: list[int]) -> None:
    async with room.hold(size):
        order.append(size)
        assert room.used <= room.limit
        await asyncio.sleep(seconds)


def test_who_does_not_fit_waits_and_is_served_in_order():
    async def main() -> None:
        room = Room(Memory(0, 10), 10)
        order: list[int] = []
        await asyncio.gather(*(hold(room, size, 1.0, order) for size in (6, 7, 1, 3)))
        assert order == [6, 7, 1, 3]
        assert room.used == room.memory.working == 0

    run(main())


def test_who_needs_more_than_everything_gets_everything():
    async def main() -> None:
        room = Room(Memory(0, 10), 10)
        async with room.hold(50) as grant:
            assert grant.size == 10
        assert room.used == 0

    run(main())


def test_shrinking_lets_the_next_one_in():
    async def main() -> None:
        room = Room(Memory(0, 10), 10)
        order: list[int] = []
        async with room.hold(10) as grant:
            waiting = asyncio.create_task(hold(room, 5, 0.0, order))
            await asyncio.sleep(1)
            assert order == []
            grant.shrink(4)
            await waiting
            assert room.used == 4
        assert room.memory.working == 0

    run(main())


def test_who_is_cancelled_while_waiting_or_in_the_moment_of_its_turn_keeps_nothing():
    async def main() -> None:
        for early in (True, False):
            room = Room(Memory(0, 10), 10)
            order: list[int] = []
            first = asyncio.create_task(hold(room, 10, 1.0, order))
            second = asyncio.create_task(hold(room, 8, 1.0, order))
            third = asyncio.create_task(hold(room, 2, 0.0, order))
            await asyncio.sleep(0.5)
            if early:
                second.cancel()
            await first
            if not early:
                second.cancel()
            await asyncio.gather(second, third, return_exceptions=True)
            assert room.used == 0
            assert not room.waiting

    run(main())
