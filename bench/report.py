"""The tables of a run."""

from bench.bodies import SHAPES
from bench.floor import Floor
from bench.goals import Figures, Quiets, goals
from bench.table import mebibytes, median, percent, spread, table
from bench.throughput import Figure

SPEED_HEAD = ("spans a request x bytes", "median", "lowest – highest", "peak RSS", "core", "generator", "sink", "429s")
SINK_HEAD = ("what the sink saw", "encoding", "spans a post", "most", "bytes a span", "of plain", "connections", "lost")


def report(figures: Figures, quiets: Quiets, floors: list[Floor]) -> str:
    """Everything that was measured."""
    rows = [(shape, peer, runs) for shape in SHAPES for (name, peer), runs in figures.items() if name == shape.name]
    speeds = [_speed(f"{shape.name}  {peer}", runs) for shape, peer, runs in rows]
    seen = [_seen(f"{shape.name}  {peer}", runs) for shape, peer, runs in rows if runs[0].seen.posts]
    tables = [
        table("Spans per CPU-second, and how busy the cores were", SPEED_HEAD, speeds),
        _floors(floors),
        table("What was really sent", SINK_HEAD, seen),
        _quiet(quiets),
        table(
            "Goals",
            ("", "median", "lowest – highest", "goal", "reached"),
            [goal.row() for goal in goals(figures, quiets)],
        ),
    ]
    return "\n".join(tables)


def _speed(name: str, runs: list[Figure]) -> list[str]:
    speeds = [run.speed for run in runs]
    return [
        name,
        f"{median(speeds):,.0f}",
        spread(speeds),
        mebibytes(max(run.peak for run in runs)),
        percent(median([run.own / run.wall for run in runs])),
        percent(median([run.load.cpu / run.load.wall for run in runs])),
        percent(median([run.sink / run.wall for run in runs])),
        f"{sum(run.load.refused for run in runs):,}",
    ]


def _floors(floors: list[Floor]) -> str:
    head = ("gzip of one full batch", "spans per CPU-second", "µs a span", "batch", "of plain")
    rows = [
        [each.shape.name, f"{each.speed:,.0f}", f"{1e6 / each.speed:.2f}", mebibytes(each.size), percent(each.ratio)]
        for each in floors
    ]
    return table("The floor: inspan's gzip alone, on these spans", head, rows)


def _seen(name: str, runs: list[Figure]) -> list[str]:
    posts = sum(run.seen.posts for run in runs)
    spans = sum(run.seen.spans for run in runs)
    sent = sum(run.seen.sent_bytes for run in runs)
    return [
        name,
        "+".join(sorted({encoding for run in runs for encoding in run.seen.encodings})),
        f"{spans / posts:,.0f}",
        f"{max(run.seen.most_spans for run in runs):,}",
        f"{sent / spans:,.0f}",
        percent(sent / sum(run.seen.plain_bytes for run in runs)),
        f"{max(run.seen.connections for run in runs):,}",
        f"{sum(run.lost for run in runs):,}",
    ]


def _quiet(quiets: Quiets) -> str:
    head = ("With little to do", "ready", "lowest – highest", "idle RSS", "post to upstream", "lowest – highest")
    rows = []
    for peer, runs in quiets.items():
        latencies = [latency for run in runs for latency in run.latencies]
        rows.append(
            [
                peer,
                f"{median([run.ready for run in runs]):.3f} s",
                spread([run.ready for run in runs], ".3f"),
                mebibytes(median([run.idle for run in runs])),
                f"{median(latencies) * 1e3:.1f} ms" if latencies else "–",
                spread(latencies, ".1f", 1e3),
            ]
        )
    return table("Start, rest, and a single span on its way (linger: inspan 100 ms, the others 200 ms)", head, rows)
