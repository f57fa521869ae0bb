"""`python -m tests.helm.show [EXAMPLE]`: what an example of helm/example/values comes to, by default the smallest."""

import sys
import tempfile
from pathlib import Path

from tests.helm.helms import HELM3, HELM4, Helm3, Helm4, assemble, example


def main(name: str) -> None:
    """Print the manifests, and after the newest Helm the notes too."""
    with tempfile.TemporaryDirectory() as directory:
        chart = assemble(Path(directory))
        if HELM4.exists():
            with Helm4() as helm:
                rendered = helm.render(chart, example(name))
        elif HELM3.exists():
            rendered = Helm3().render(chart, example(name))
        else:
            sys.exit("no Helm here: see above why it does not install")
    for path, text in rendered.text.items():
        print(f"---\n# {path}\n{text}", end="")
    print(rendered.notes)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["smallest"]))
