from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helm.helms import HELM3, HELM4, Helm3, Helm4, assemble


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example chart, ready to be rendered."""
    return assemble(tmp_path_factory.mktemp("charts"))


@pytest.fixture(scope="session")
def helm() -> Iterator[Helm4]:
    if not HELM4.exists():
        pytest.skip("no Helm 4 here; `make chart` says why")
    with Helm4() as helm:
        yield helm


@pytest.fixture(scope="session")
def helm3() -> Helm3:
    try:
        Helm3().run("version")
    except OSError:
        pytest.skip(f"{HELM3.name} 3 does not run here; `make chart` says why")
    return Helm3()
