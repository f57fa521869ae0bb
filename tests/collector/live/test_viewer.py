import asyncio

from inspan_collector.live.viewer import BEHIND, Viewer


async def test_frames_come_in_order_and_the_last_one_ends_it() -> None:
    viewer = Viewer(lambda: None)
    coming = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    viewer.offer(b"1")
    assert await coming == b"1"
    viewer.offer(b"2")
    assert await viewer.next() == b"2"
    viewer.end(b"end")
    viewer.offer(b"too late")
    assert [await viewer.next(), await viewer.next()] == [b"end", None]


async def test_a_viewer_that_takes_nothing_is_cut_off_and_nothing_is_kept_for_it() -> None:
    cuts: list[str] = []
    viewer = Viewer(lambda: cuts.append("cut"))
    for _ in range(BEHIND):
        viewer.offer(b"frame")
    assert not cuts
    viewer.offer(b"one too many")
    assert cuts == ["cut"]
    assert not viewer.frames
    assert await viewer.next() is None


async def test_at_the_end_nobody_waits_for_one_that_is_behind() -> None:
    cuts: list[str] = []
    viewer = Viewer(lambda: cuts.append("cut"))
    viewer.offer(b"1")
    viewer.end(b"end")
    assert cuts == ["cut"]
    assert await viewer.next() is None
