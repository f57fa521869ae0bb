from inspan_collector.formats.cut import Framing, Resource, Scope, cut

FRAMING = Framing(request=4, resource=3, scope=2, span=1)
SPAN = b"123456789"  # 10 bytes with its framing


def shape(resources, max_spans=100, max_bytes=1000):
    return [
        ([[len(scope.spans) for scope in resource.scopes] for resource in part], spans)
        for part, spans in cut(resources, FRAMING, max_spans, max_bytes)
    ]


def test_a_part_spans_scopes_and_resources_up_to_the_span_limit():
    one, two = Resource(b"1", [Scope(b"a", [SPAN] * 3), Scope(b"b", [SPAN])]), Resource(b"2", [Scope(b"c", [SPAN] * 3)])
    assert shape([one, two], max_spans=5) == [([[3, 1], [1]], 5), ([[2]], 2)]


def test_heads_and_framing_count_towards_the_byte_limit():
    whole = [Resource(b"r" * 7, [Scope(b"s" * 8, [SPAN] * 4)])]  # 4 + 3 + 7 + 2 + 8 = 24 around the spans
    assert shape(whole, max_bytes=64) == [([[4]], 4)]
    assert shape(whole, max_bytes=63) == [([[3]], 3), ([[1]], 1)]


def test_a_span_over_the_byte_limit_stands_alone_and_its_neighbours_are_not_with_it():
    whole = [Resource(b"", [Scope(b"", [SPAN, b"x" * 100, SPAN, SPAN])])]
    assert shape(whole, max_bytes=40) == [([[1]], 1), ([[1]], 1), ([[2]], 2)]


def test_what_has_no_spans_makes_no_part():
    assert shape([]) == shape([Resource(b"r", []), Resource(b"r", [Scope(b"s", [])])]) == []
