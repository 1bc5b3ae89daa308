"""
Draws each automat: a Mermaid diagram and the matrix of its states and inputs.

    python -m automats.drawing [--check] [FOLDER]     writes, or compares, docs/automats/<name>.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from automats.machine import Automat, Row

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "automats"


def page(automat: Automat) -> str:
    """
    The page of one automat, as Markdown.
    """
    return "\n".join(
        (
            f"# {automat.name}",
            "",
            "Drawn from the table by `make draw`; changes belong there.",
            "",
            "```mermaid",
            diagram(automat),
            "```",
            "",
            "`-` is refused, `.` is ignored; what a row does stands below.",
            "",
            "```",
            matrix(automat),
            "```",
            "",
            *(f"- {_sentence(row)}" for row in automat.rows if row.actions),
            *(f"- after {timer.seconds:g} s in {timer.state}: {timer.input}" for timer in automat.timers),
            "",
        )
    )


def diagram(automat: Automat) -> str:
    """
    A Mermaid state diagram; inputs with the same way share an arrow.
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in automat.rows:
        if not row.ignores:
            arrows.setdefault((_name(row.state), _name(row.next)), []).append(row.input)
    lines = ["stateDiagram-v2", f"    [*] --> {_name(automat.initial)}"]
    lines += [f"    {state} --> {next}: {', '.join(inputs)}" for (state, next), inputs in arrows.items()]
    lines += [f"    {_name(state)} --> [*]" for state in automat.states if state in automat.final]
    return "\n".join(lines)


def matrix(automat: Automat) -> str:
    """
    One line a state, one column an input; in each field the next state.
    """
    table = [["", *automat.inputs]]
    table += [[state, *(_field(automat.row(state, input)) for input in automat.inputs)] for state in automat.states]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in table)


def write(automats: tuple[Automat, ...], folder: Path = FOLDER) -> None:
    """
    Write all pages and remove those of automats that are gone; `README.md` is kept by hand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{automat.name}.md": page(automat) for automat in automats}
    for old in folder.glob("*.md"):
        if old.name not in pages and old.name != "README.md":
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, "utf-8")


def stale(automats: tuple[Automat, ...], folder: Path = FOLDER) -> list[str]:
    """
    Names of pages that are not what the tables say.
    """
    pages = {f"{automat.name}.md": page(automat) for automat in automats}
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.md") if path.name != "README.md"}
    return sorted(name for name in pages.keys() | there.keys() if pages.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """
    The command; answers with its exit code.
    """
    # the list of all tables imports every module of this package, this one too
    from automats.tables import ALL

    folders = [argument for argument in arguments if argument != "--check"]
    folder = Path(folders[0]) if folders else FOLDER
    if "--check" not in arguments:
        write(ALL, folder)
        return 0
    names = stale(ALL, folder)
    for name in names:
        print(f"{folder / name} is not what its table says")
    return 1 if names else 0


def _field(row: Row | None) -> str:
    if row is None:
        return "-"
    return "." if row.ignores else row.next


def _sentence(row: Row) -> str:
    actions = ", ".join(action.replace("_", " ") for action in row.actions)
    return f"{row.state}, {row.input}: {actions}"


def _name(state: str) -> str:
    # Mermaid takes only letters, digits and underscores
    return "".join(letter if letter.isalnum() else "_" for letter in state)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
