"""What the pages under docs/ have from the code: tables between two marks, written by `make docs`.

All else on a page is written by hand, and `make docs` leaves it as it is. tests/pages says where a page is behind.
"""
