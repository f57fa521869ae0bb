import pytest
from docs.pages.regions import filled, table

PAGE = "before\n<!-- begin one: by hand of nobody -->\nold\n\n<!-- end one -->\nafter\n"


def test_a_region_is_replaced_and_all_else_is_left_alone() -> None:
    again = filled(PAGE, {"one": "| new |\n"})
    assert again == "before\n<!-- begin one: by hand of nobody -->\n\n| new |\n\n<!-- end one -->\nafter\n"
    assert filled(again, {"one": "| new |\n"}) == again


@pytest.mark.parametrize("tables", [{}, {"other": ""}, {"one": "", "other": ""}])
def test_a_region_without_a_table_is_an_error_and_a_table_without_a_region(tables: dict[str, str]) -> None:
    with pytest.raises(LookupError, match="one"):
        filled(PAGE, tables)


def test_a_table_has_a_line_below_its_heads() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |\n"
