"""Does everything that treats members differently ask the one way?"""

import ast
from pathlib import Path

import pytest

APPS = ("medbook", "members", "scheduling", "billing", "appointments", "reports")
READS_ROWS = {"members/selectors/tiers.py", "members/services/privileges.py"}
COMPARES_TIERS = {"members/rules/tiers.py", "members/selectors/tiers.py"}
CODES = {"silver", "gold", "jade"}
DRAWS_MARKS = {"templates/components/tier_mark.html"}

SOURCES = sorted(
    path
    for app in APPS
    for path in Path(app).rglob("*.py")
    if "migrations" not in path.parts and not path.name.startswith("test_")
)


def reads_rows(tree):
    """Name the lines that read rows of Privilege, or reach them from a tier."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (
            (node.attr == "objects" and getattr(node.value, "id", "") == "Privilege")
            or (node.attr == "privileges" and "tier" in ast.unparse(node.value).lower())
        )
    ]


def compares_tiers(tree):
    """Name the lines that ask which tier it is, instead of what the tier allows."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            found += [node.lineno for side in sides if _tells_a_tier_apart(side)]
        if isinstance(node, ast.Constant) and node.value in CODES:
            found.append(node.lineno)
    return found


def _tells_a_tier_apart(side):
    if not isinstance(side, ast.Attribute):
        return False
    return side.attr in {"code", "rank"} and ast.unparse(side.value).split(".")[-1] == "tier"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_privileges_are_asked_for_in_one_place(path):
    tree = ast.parse(path.read_text())

    if str(path) not in READS_ROWS:
        assert reads_rows(tree) == []
    if str(path) not in COMPARES_TIERS:
        assert compares_tiers(tree) == []


@pytest.mark.parametrize("path", sorted(Path("templates").rglob("*.html")), ids=str)
def test_templates_know_tiers_by_their_marks_only(path):
    if str(path) not in DRAWS_MARKS:
        assert not any(f'"{code}"' in path.read_text() for code in CODES)
        assert "tier.rank" not in path.read_text()


@pytest.mark.parametrize(
    ("source", "look"),
    [
        ("Privilege.objects.filter(tier=member.tier)", reads_rows),
        ("member.tier.privileges.all()", reads_rows),
        ("if member.tier.rank >= 2: pass", compares_tiers),
        ("if 'gold' == code: pass", compares_tiers),
        ("if tier.code in FAST: pass", compares_tiers),
        ("rate = {'jade': 3}[code]", compares_tiers),
    ],
)
def test_another_way_would_be_seen(source, look):
    assert look(ast.parse(source))
