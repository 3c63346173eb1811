"""The bundled demo application: exactly the findings that are planted there, and nothing in its correct code."""

from __future__ import annotations

from linting import FIXTURES, fix, lint

DEMO = FIXTURES / "demo"
PLANTED = [
    ("FAPI101", "shop/services/suppliers.py", "response = requests.post("),
    ("FAPI201", "shop/routers/items.py", "suppliers: SupplierClient = Depends(get_suppliers),"),
    ("FAPI301", "shop/routers/items.py", '@router.post("", dependencies=[Depends(current_customer)])'),
    ("FAPI301", "shop/routers/orders.py", '@router.get("")'),
    ("FAPI302", "shop/routers/items.py", '@router.post("", dependencies=[Depends(current_customer)])'),
    ("FAPI311", "shop/routers/orders.py", 'return HTTPException(status.HTTP_404_NOT_FOUND, "no such order")'),
    (
        "FAPI402",
        "shop/routers/items.py",
        '@router.get("/{item_id}", status_code=status.HTTP_200_OK, response_model=ItemRead)',
    ),
    ("FAPI501", "shop/routers/reports.py", "orders, pieces = session.execute(query).one()"),
    ("FAPI601", "shop/settings.py", 'supplier_api_key: str = "sup_9f2Kx71LqPz84TbVn3Rw"'),
]
"""Code, file, and the line that the finding starts on."""
PATHS = [path for path in DEMO.rglob("*") if path.suffix in {".py", ".toml"}]
FILES = {path.relative_to(DEMO).as_posix(): path.read_bytes() for path in PATHS}
CODES = sorted({code for code, _, _ in PLANTED})


def test_planted_findings_and_no_others() -> None:
    found = [
        (each.code, each.path, FILES[each.path].decode().splitlines()[each.span.line - 1].strip())
        for each in lint(FILES, CODES)
    ]
    assert sorted(found) == sorted(PLANTED)


def test_fixes_leave_only_what_people_must_decide() -> None:
    left = {each.code for each in lint(fix(FILES, CODES), CODES)}
    assert {"FAPI201", "FAPI311", "FAPI402", "FAPI501"}.isdisjoint(left)
    assert "FAPI601" in left
