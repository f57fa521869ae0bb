"""Makes an environment small and ready for a root file system that is read-only: run while an image is built.

`slim.py DIR` strips libraries, removes what only their builders read, and compiles all modules. `slim.py --try DIR`, by
the Python of that environment, loads every library and every module of the sidecar: stripping must not have hurt one.
"""

import compileall
import ctypes
import importlib
import pkgutil
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

# Sources of libraries and stubs of types, for who compiles or checks against them.
UNREAD = (".c", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyi", ".pyx")
# What is left in bin: the rest is for people at a shell, of which the image has none.
PROGRAMS = ("inspan", "python*")


def slim(environment: Path) -> None:
    """Remove, strip, compile. Raises CalledProcessError where a library cannot be stripped."""
    for path in environment.rglob("*"):
        if path.suffix in UNREAD and path.is_file():
            path.unlink()
    for path in (environment / "bin").iterdir():
        if not any(path.match(program) for program in PROGRAMS):
            path.unlink()
    strip = shutil.which("strip")
    libraries = list(environment.rglob("*.so*"))
    if strip is None:
        print("no strip (binutils) in BUILDER: the libraries stay three times as large", file=sys.stderr)
    elif libraries:
        subprocess.run([strip, "--strip-unneeded", *libraries], check=True)
    # By hash and not by time: a layer may change a file's time, and nobody can write fresh ones later.
    # By force: pip ran by the Python of this environment, and compiled in passing what it tried to import.
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(environment / "lib", quiet=1, force=True, workers=0, invalidation_mode=unchecked):
        sys.exit("a module cannot be compiled")


def load_all(environment: Path) -> None:
    """Raises OSError or ImportError where a library, or a module of the sidecar, cannot be loaded."""
    for library in environment.rglob("*.so*"):
        ctypes.CDLL(str(library))
    for module in pkgutil.walk_packages(importlib.import_module("inspan_collector").__path__, "inspan_collector."):
        # The agents of the demo bring SDKs of their own, which a sidecar has no use for.
        if not module.name.startswith("inspan_collector.demo") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    (load_all if sys.argv[1] == "--try" else slim)(Path(sys.argv[-1]))
