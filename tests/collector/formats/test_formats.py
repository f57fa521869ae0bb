from inspan_collector.formats import FORMATS, Format


def test_each_format_is_found_by_its_own_name():
    assert all(FORMATS[name].name == name for name in FORMATS)
    assert list(FORMATS) == ["otlp_protobuf", "otlp_json", "span_json", "span_patch"]


def test_each_format_says_its_content_type():
    types: dict[str, Format] = FORMATS
    assert types["otlp_protobuf"].content_type == "application/x-protobuf"
    assert types["otlp_json"].content_type == types["span_json"].content_type == "application/json"
