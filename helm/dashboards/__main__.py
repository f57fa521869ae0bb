"""`python -m helm.dashboards` writes the dashboards of the chart anew."""

import json
from pathlib import Path
from typing import Final

from helm.dashboards.reading import BOARDS, read

FOLDER: Final = Path(__file__).parents[1] / "inspan-monitoring/dashboards"


def written() -> dict[Path, str]:
    """Each file with its text."""
    boards = {name: json.dumps(read(name), indent=1, ensure_ascii=False) for name in BOARDS}
    return {FOLDER / f"inspan-{name}.json": text + "\n" for name, text in boards.items()}


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
