"""What a kubelet makes of a container's `env`, as far as the charts use it."""

import re
from typing import Any

Tree = dict[str, Any]

# `$$` is `$`; `$(NAME)` is the value of a variable that came before, or stays; a `$` before anything else is a `$`.
_EXPANSION = re.compile(r"\$\$|\$\(([^()]*)\)")


def environment(container: Tree, secrets: dict[tuple[str, str], str], fields: dict[str, str]) -> dict[str, str]:
    """The variables that the container's process has. secrets: by name and key. fields: of the pod, by path."""
    found: dict[str, str] = {}
    for each in container.get("env", []):
        source = each.get("valueFrom", {})
        if "secretKeyRef" in source:
            found[each["name"]] = secrets[source["secretKeyRef"]["name"], source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            found[each["name"]] = fields[source["fieldRef"]["fieldPath"]]
        else:
            found[each["name"]] = expand(each["value"], found)
    return found


def expand(text: str, known: dict[str, str]) -> str:
    """A value, with what it says of other variables."""

    def said(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else known.get(match[1], match[0])

    return _EXPANSION.sub(said, text)


def sidecar(pod: Tree) -> Tree:
    """The sidecar of a pod."""
    found: Tree = next(each for each in pod["spec"]["initContainers"] if each["name"] == "inspan")
    return found
