"""`python -m image.audit [--strict] PIP_AUDIT FILE…`: what is known against the versions that a deployment installs.

Exit 0: nothing is known, or nobody can be asked here, which is said in words. Exit 1: something is known, or of some
version nothing was said; with --strict also where nobody can be asked.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

# Known to be vulnerable since 2014 (CVE-2014-0012, CVE-2014-1402). A service that finds nothing in it is a mirror, with
# files and without advisories, and its silence about our pins would be worth nothing.
KNOWN: Final = "jinja2==2.4.1"
TIMEOUT: Final = 15  # s for an answer about one package


class Answer(NamedTuple):
    """findings: a line each. untold: packages about which the service said nothing."""

    findings: list[str]
    untold: list[str]


def ask(pip_audit: str, requirements: Path) -> Answer | None:
    """What pip-audit says of a file of pins. None where it could ask nobody."""
    # --disable-pip: nothing is resolved or installed, which --no-deps and exact versions allow.
    options = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off", "--timeout", str(TIMEOUT)]
    command = [pip_audit, *options, "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        said: Any = json.loads(done.stdout)
    except ValueError:
        sys.stderr.write(done.stderr)
        return None
    return read(said)


def read(said: Any) -> Answer:
    """An answer out of pip-audit's JSON."""
    findings, untold = [], []
    for package in said["dependencies"]:
        if "skip_reason" in package:
            untold.append(package["name"])
        for known in package.get("vulns", ()):
            better = ", ".join(known["fix_versions"]) or "no version"
            findings.append(f"{package['name']} {package['version']}: {known['id']}, repaired in {better}")
    return Answer(findings, untold)


def audit(pip_audit: str, files: Sequence[Path], *, strict: bool = False) -> int:
    """Print what is known. strict: not to be able to ask is a failure. Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="inspan-audit-") as folder:
        known = Path(folder) / "known.txt"
        known.write_text(f"{KNOWN}\n")
        control = ask(pip_audit, known)
    if control is None or not control.findings:
        print(f"NOT AUDITED: no advisories can be read here (of {KNOWN}, which has some, nothing was said)")
        return int(strict)
    failed = False
    for file in files:
        answer = ask(pip_audit, file)
        if answer is None:
            print(f"{file}: NOT AUDITED, see above")
        else:
            print(*answer.findings, *(f"{name}: NOT AUDITED" for name in answer.untold), sep="\n")
        failed |= answer != ([], [])
    print("see above" if failed else f"nothing is known against {', '.join(map(str, files))}")
    return 1 if failed else 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--strict"]
    sys.exit(audit(words[0], [Path(name) for name in words[1:]], strict="--strict" in sys.argv))
