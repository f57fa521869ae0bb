"""A real Prometheus in a process of its own, with the rules of the chart, that scrapes what it is told."""

import json
import math
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode

import yaml
from tests.e2e.process import Process, answers, free_ports, get
from tests.prometheus.programs import program
from tests.prometheus.rules import FILE

INTERVAL: Final = "1s"  # so that a rate has its samples in some seconds


class Prometheus(Process):
    """`with` starts it and ends it. targets: by host and port, the labels that a PodMonitor would give."""

    def __init__(self, folder: Path, targets: dict[str, dict[str, str]]) -> None:
        config = {
            "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
            "rule_files": [str(FILE)],
            "scrape_configs": [
                {
                    "job_name": "pods",
                    "static_configs": [{"targets": [each], "labels": labels} for each, labels in targets.items()],
                }
            ],
        }
        path = folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        command = [
            program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        super().__init__(command, folder / "prometheus.log")

    def __enter__(self) -> Self:
        self.until(lambda: answers(self.url + "/-/ready"))
        return self

    def ask(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """(labels, value) of each series now, those that are no number left out."""
        found = self._get("query", query=expression)["result"]
        pairs = [(each["metric"], float(each["value"][1])) for each in found]
        return [(labels, value) for labels, value in pairs if math.isfinite(value)]

    def rules(self) -> list[dict[str, Any]]:
        """What became of each rule: its health, its last error, its alerts."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **asked: str) -> Any:
        return json.loads(get(f"{self.url}/api/v1/{what}?{urlencode(asked)}"))["data"]
