"""Where a body is cut: greedy, in order, under a limit of spans and a limit of bytes."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Scope(NamedTuple):
    """Spans that share a scope. head: the scope's encoding without them."""

    head: bytes
    spans: list[bytes]


class Resource(NamedTuple):
    """Scopes that share a resource. head: the resource's encoding without them."""

    head: bytes
    scopes: list[Scope]


class Framing(NamedTuple):
    """The most bytes that the encoding adds around each thing; an estimate too high cuts early, never late."""

    request: int
    resource: int
    scope: int
    span: int


class _Part:
    """The part being filled. It begins with a span, so that none is ever empty."""

    def __init__(self, framing: Framing, resource: Resource, scope: Scope, span: bytes) -> None:
        self.framing = framing
        self.spans = 0
        self.size = framing.request
        self.resources: list[Resource] = []
        self.resource: Resource | None = None
        self.scope: Scope | None = None
        self.add(resource, scope, span)

    def weight(self, resource: Resource, scope: Scope, span: bytes) -> int:
        """Bytes that this span would add, with the heads it needs here."""
        weight = self.framing.span + len(span)
        if scope is not self.scope:
            weight += self.framing.scope + len(scope.head)
        if resource is not self.resource:
            weight += self.framing.resource + len(resource.head)
        return weight

    def add(self, resource: Resource, scope: Scope, span: bytes) -> None:
        self.size += self.weight(resource, scope, span)
        self.spans += 1
        if resource is not self.resource:
            self.resource = resource
            self.resources.append(Resource(resource.head, []))
        if scope is not self.scope:
            self.scope = scope
            self.resources[-1].scopes.append(Scope(scope.head, []))
        self.resources[-1].scopes[-1].spans.append(span)


def cut(
    resources: Iterable[Resource], framing: Framing, max_spans: int, max_bytes: int
) -> Iterator[tuple[list[Resource], int]]:
    """The parts (resources, spans) in order, each under both limits, except a span that is over alone."""
    part: _Part | None = None
    for resource in resources:
        for scope in resource.scopes:
            for span in scope.spans:
                if part is None:
                    part = _Part(framing, resource, scope, span)
                elif part.spans < max_spans and part.size + part.weight(resource, scope, span) <= max_bytes:
                    part.add(resource, scope, span)
                else:
                    yield part.resources, part.spans
                    part = _Part(framing, resource, scope, span)
    if part is not None:
        yield part.resources, part.spans
